"""Reads a Bicep file: the resources that rules read, and the problems."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import text_of
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.bicep.collect_resources import collect
from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.module_evaluation import ModuleInstance
from azkvlint.readers.bicep.run import BicepRun, ModuleCache
from azkvlint.readers.bicep.scenarios import Scenarios, skip_file
from azkvlint.readers.bicep.symbols import ModuleCall, ParameterValues
from azkvlint.syntax.bicep.directives import Region, Suppression
from azkvlint.syntax.bicep.parse import Parsed
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path_of_read

__all__ = ("BicepRead", "ModuleCache", "read_bicep")

_NOTHING: Mapping[str, Result] = {}


class BicepRead(TemplateRead, kw_only=True):
    """The result of reading a Bicep file.

    ``suppressions`` and ``disabled`` are the suppressed ranges by reported path: see
    ``syntax.bicep.parse.Parsed``. ``sources`` are the files by reported path. ``used`` is the real
    path of the file that a parameter file is for, if it is a file; ``deployed`` are those of files with templates that
    are evaluated with it. ``parsed`` are the files that were read, by reported path.
    """

    suppressions: Mapping[str, tuple[Suppression, ...]]
    disabled: Mapping[str, tuple[Region, ...]]
    sources: Mapping[str, File]
    used: str = ""
    parsed: Mapping[str, Parsed] = {}
    deployed: frozenset[str] = frozenset()


@with_recursion_limit
def read_bicep(
    path: str,
    file: str,
    root: str,
    text: str,
    required: RequiredAttributes,
    cache: ModuleCache,
    given: ParameterValues | None = None,
    is_open: bool = False,
) -> BicepRead:
    """Read the Bicep file ``text``, which reports call ``path``, with the modules that it uses.

    ``file`` is its path on disk, empty where it has none: then no module can be read. Nothing outside the folder
    ``root`` is read, except restored modules in the cache of the Bicep CLI. ``given`` are values of parameters.
    ``is_open``: callers that are not here may deploy more beside it. Never raises InputError: what goes wrong is a
    Problem.
    """
    run = BicepRun(path, text, required, cache, root)
    run.closed = not is_open
    parsed = cache.parse(path, real_path_of_read(file) if file else "", text)
    return read_root(run, parsed, _NOTHING if given is None else given)


def read_root(run: BicepRun, file: File, given: ParameterValues) -> BicepRead:
    """Add all that a root file deploys with the parameters ``given``."""
    try:
        scope = Scope(file.level) if file.level else Scope()
        instance = ModuleInstance(file, run, ModuleCall(given=given, scope=scope))
        run.scenarios = Scenarios(run, instance)
        collect(instance, frozenset())
        run.scenarios.add_variants(run.resources)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the declarations are nested too deeply"
        run.not_whole("error", why, Location(path=file.path))
        skip_file(run, file, why)
    return finish(run)


def finish(run: BicepRun, used: str = "") -> BicepRead:
    """Return the results, and release everything: no expression can be evaluated afterwards."""
    sources = run.sources.items()
    found = run.done()
    return BicepRead(
        resources=_without_known_existing(found.resources),
        problems=found.problems,
        closed=found.closed,
        files=found.files,
        skipped=found.skipped,
        secrets=found.secrets,
        secret_texts=found.secret_texts,
        sources=run.sources,
        suppressions={path: file.parsed.suppressions for path, file in sources if file.parsed.suppressions},
        disabled={path: file.parsed.disabled for path, file in sources if file.parsed.disabled},
        used=used,
        parsed={path: file.parsed for path, file in sources},
        deployed=frozenset(run.deployed),
    )


def _without_known_existing(resources: dict[str, Resource]) -> dict[str, Resource]:
    """Return ``resources`` without those declared as existing that another one certainly deploys.

    References to such an ID then resolve to the resource that is deployed.
    """
    if not any(resource.existing for resource in resources.values()):
        return resources
    deployed: dict[str, list[frozenset[str]]] = {}
    for resource in resources.values():
        id_ = text_of(resource.select(("id",))).lower()
        if id_ and not resource.existing:
            deployed.setdefault(id_, []).append(resource.conditions)
    return {
        address: resource
        for address, resource in resources.items()
        if not resource.existing
        or not any(
            conditions <= resource.conditions
            for conditions in deployed.get(text_of(resource.select(("id",))).lower(), ())
        )
    }
