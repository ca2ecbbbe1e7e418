"""A root module -> the resources that the loaded rules ask for, and what could not be understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange, range_of_constraint
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.duplicates import without_twins
from azkvlint.readers.terraform.collect_resources import Gathering
from azkvlint.readers.terraform.folder import Folder, ModuleFile, load_folder, parsed
from azkvlint.readers.terraform.module_cache import FolderCache
from azkvlint.readers.terraform.module_evaluation import ModuleInstance, Use
from azkvlint.readers.terraform.module_stubs import Head
from azkvlint.readers.terraform.providers import constraints, locked
from azkvlint.readers.terraform.run import TerraformRun
from azkvlint.readers.terraform.scenarios import Scenarios
from azkvlint.readers.terraform.settings import TerraformSettings
from azkvlint.readers.terraform.values import RootValues
from azkvlint.util.errors import InputError

_UNDEMANDED = VersionRange(low=(3, 0))


class TerraformRead(TemplateRead, kw_only=True):
    """What reading a root module gives. ``sources`` are the files that places may lie in, by reported path.

    ``value_files`` are those of them that give values to variables. ``heads`` are those of
    what was not read, by static address: modules that are somebody else's or not at hand, and what has no instances.
    ``strangers`` are variables that options give values to and the module does not declare. ``deployed`` are the real
    paths of templates, and files of parameters, that it deploys, and of modules that it calls through expressions; all
    of them are evaluated with it.
    """

    sources: dict[str, ModuleFile]
    value_files: frozenset[str]
    heads: dict[str, Head]
    strangers: frozenset[str]
    deployed: frozenset[str]


@with_recursion_limit
def read_root(
    path: str,
    directory: str,
    root: str,
    required: RequiredAttributes,
    cache: FolderCache,
    settings: TerraformSettings,
    planned: Mapping[str, Any] | None = None,
    published: bool = False,
) -> TerraformRead | None:
    """Read the module in ``directory``, which reports call ``path``, with all that it calls.

    ``planned`` are the values of its variables that a plan was made with. ``published``: it is made for callers that
    are not here. None if there is nothing in it that any rule
    asks for. Nothing outside the folder ``root`` is read. Raises InputError if it cannot be read at all.
    """
    folder = load_folder(path, directory)
    if not cache.matters(folder, root) and not folder.is_damaged:
        return None
    return _read(folder, TerraformRun(folder, required, cache, root), settings, planned, published)


@with_recursion_limit
def read_text(path: str, text: str, required: RequiredAttributes) -> TerraformRead:
    """Read a module that is one text, known as ``path``; it can call no module that is a folder."""
    folder = Folder("", "", (ModuleFile(path, parsed(path, text)),))
    return _read(folder, TerraformRun(folder, required, FolderCache(required), ""), TerraformSettings(), None)


def _read(
    folder: Folder,
    run: TerraformRun,
    settings: TerraformSettings,
    planned: Mapping[str, Any] | None,
    published: bool = False,
) -> TerraformRead:
    values = RootValues(run, folder, settings, planned)
    is_reusable = published or (not folder.declares_root and _needs_values(folder))
    if is_reusable and not settings.closed and not values.given:
        run.closed = False
    return read_used(run, folder, Use(given=values), values, lock=folder)


def read_used(run: TerraformRun, folder: Folder, use: Use, values: RootValues, *, lock: Folder) -> TerraformRead:
    """Read one use of a module. ``lock`` is the folder of its dependency lock file."""
    run.version = _version(run, folder, lock)
    instance = ModuleInstance(folder, run, use)
    scenarios = Scenarios(run, folder, values, instance)
    gathering = Gathering(run, folder, scenarios)
    try:
        gathering.lower(instance, frozenset())
        gathering.finish()
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "what it declares is nested too deep"
        hint = error.hint if isinstance(error, InputError) else None
        run.not_whole("error", why, Location(path=_first_file(folder)), hint or "")
        if use.shown is None:
            gathering.skip_folder(folder, why)
    if not run.from_templates and run.cache.has_only_policies(folder, run.root):
        run.resources.clear()  # nothing in it concerns a vault, its provider included
    sources = run.sources
    found = run.done()
    return TerraformRead(
        resources=without_twins(found.resources), problems=found.problems, closed=found.closed, files=found.files,
        skipped=found.skipped, sources=sources, secrets=found.secrets, secret_texts=found.secret_texts,
        value_files=frozenset(run.value_files), heads=run.heads,
        strangers=values.strangers, deployed=frozenset(run.texts.deployed | run.called),
    )  # fmt: skip


def without_resources(run: TerraformRun) -> TerraformRead:
    """Return a run of which no module was read."""
    sources, found = run.sources, run.done()
    return TerraformRead(
        resources={}, problems=found.problems, closed=False, files=found.files, sources=sources, secrets=found.secrets,
        secret_texts=found.secret_texts, value_files=frozenset(run.value_files), heads={}, strangers=frozenset(),
        deployed=frozenset(),
    )  # fmt: skip


def _first_file(folder: Folder) -> str:
    return folder.files[0].path if folder.files else folder.path


def _needs_values(folder: Folder) -> bool:
    """Whether a module has variables that somebody must give values to, so that it seems to be made for callers."""
    return any("default" not in declaration.attributes for declaration in folder.variables.values())


def _version(run: TerraformRun, folder: Folder, lock: Folder) -> VersionRange:
    """The azurerm versions that are possible: the locked one, else all that a module, and what it calls, leave open.

    Where nobody demands any, ``terraform init`` takes the newest, which has not been 2.x since March 2022. Source:
    developer.hashicorp.com/terraform/language/expressions/version-constraints.
    """
    named = locked(run, lock)
    if named is not None and named != VersionRange():
        return named
    found = VersionRange()
    for each in run.cache.reached(folder, run.root)[0]:
        for text in constraints(each):
            narrowed = range_of_constraint(text)
            found = found.narrow(narrowed.low, narrowed.high)
    return found if named is not None or found != VersionRange() else _UNDEMANDED
