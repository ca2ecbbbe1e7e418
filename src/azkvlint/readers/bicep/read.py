"""Read a Bicep or ``.bicepparam`` file: the resources that rules require, and the problems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.readers.bicep import files
from azkvlint.readers.bicep.document import BicepDocument
from azkvlint.readers.bicep.extensions import report_extensions
from azkvlint.readers.bicep.files import BicepRun, ParameterFile
from azkvlint.readers.bicep.module_evaluation import BicepModuleInstance, skip_file
from azkvlint.readers.deployment.collect import Collector
from azkvlint.readers.deployment.collect_worlds import collect_worlds
from azkvlint.readers.deployment.declarations import needs_values
from azkvlint.readers.deployment.documents import StatementLocations
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity
from azkvlint.readers.deployment.scope import DeploymentScope
from azkvlint.readers.deployment.symbols import DeploymentModuleCall, ParameterArguments
from azkvlint.readers.discover import JSON
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, Region, Suppression
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path, real_path_of_read
from azkvlint.util.project_files import reported_path

if TYPE_CHECKING:
    from azkvlint.graph.worlds import Variant
    from azkvlint.syntax.json_decoder import JsonDocument

_MAX_EXTENDED = 20
_NOTHING: Mapping[str, Result] = {}


class BicepRead(TemplateRead, kw_only=True):
    """The result of reading a Bicep file.

    ``suppressions`` and ``disabled`` are the suppressed ranges by reported path: see
    ``syntax.bicep.parse.Parsed``. ``sources`` are the files by reported path. ``used`` is the real
    path of the file that a parameter file is for, if it is a file; ``deployed`` are those of files with templates that
    are evaluated with it. ``parsed`` are the files that were read, by reported path. ``secret_sources`` returns the
    spans in each file from which secrets are made.
    """

    suppressions: Mapping[str, tuple[Suppression, ...]]
    disabled: Mapping[str, tuple[Region, ...]]
    sources: Mapping[str, BicepDocument]
    used: str = ""
    parsed: Mapping[str, Parsed] = {}
    deployed: frozenset[str] = frozenset()
    secret_sources: Callable[[], Mapping[str, Collection[tuple[int, int]]]] = dict


@with_recursion_limit
def read_bicep(run: BicepRun, file: str, given: ParameterArguments | None = None) -> BicepRead:
    """Read the Bicep file of a run with the modules that it uses.

    ``file`` is its path on disk, empty where it has none: then no module can be read. Nothing outside the root of the
    run is read, except restored modules in the cache of the Bicep CLI. ``given`` are values of parameters.
    Never raises InputError: what goes wrong is a Problem.
    """
    parsed = run.cache.parse(run.path, real_path_of_read(file) if file else "", run.text)
    return _read_root(run, parsed, _NOTHING if given is None else given)


def _read_root(run: BicepRun, file: BicepDocument, given: ParameterArguments) -> BicepRead:
    """Read a root file in ``run`` with the parameters ``given``. See ``read_bicep``."""
    has_values, is_for_callers = not isinstance(given, dict) or bool(given), False
    variants: list[Variant] = []
    try:
        scope = DeploymentScope(file.level) if file.level else DeploymentScope()
        run.recorder.declare(node.name for node in file.declarations(ast.ParameterDeclaration))
        call = DeploymentModuleCall(given=given, scope=scope, is_root=True)
        instance = BicepModuleInstance(file, run, call)
        make = partial(Collector, _deploy_held_by)
        variants = collect_worlds(instance, lambda: BicepModuleInstance(file, run, call), make)
        # What calls modules is rather a root whose parameters are entered by hand.
        is_root = has_values or any(file.declarations(ast.ModuleDeclaration))
        is_for_callers = not is_root and needs_values(instance, file.declarations(ast.ParameterDeclaration))
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the declarations are nested too deeply"
        run.not_whole("error", why, Location(path=file.path))
        skip_file(run, file, why)
    has_existing = any(one.existing for one in run.resources.values())
    read = _finish(run)
    read.is_for_callers = is_for_callers
    read.variants = [
        msgspec.structs.replace(one, resources=_without_known_existing(one.whole))
        if has_existing or any(resource.existing for resource in one.changed.values()) else one
        for one in variants
    ]  # fmt: skip
    return read


def _deploy_held_by(collector: Collector, entity: DeploymentResourceEntity, conditions: frozenset[str]) -> None:
    from azkvlint.readers.deployment.embedded import deploy_held_by  # few files have such resources

    deploy_held_by(collector, entity, conditions)


def _finish(run: BicepRun, used: str = "") -> BicepRead:
    """Return the results, and release everything: no expression can be evaluated afterwards."""
    sources = run.sources.items()
    report_extensions(run)
    found = run.done()
    found.resources = _without_known_existing(found.resources)
    return BicepRead(
        **msgspec.structs.asdict(found),
        sources=run.sources,
        suppressions={path: file.parsed.suppressions for path, file in sources if file.parsed.suppressions},
        disabled={path: file.parsed.disabled for path, file in sources if file.parsed.disabled},
        used=used,
        parsed={path: file.parsed for path, file in sources},
        deployed=frozenset(run.deployed),
        secret_sources=partial(_secret_sources, run),
    )


def _secret_sources(run: BicepRun) -> Mapping[str, Collection[tuple[int, int]]]:
    """Return the spans from which the secrets of files are made, whichever resources were evaluated."""
    from azkvlint.readers.bicep.secret_sources import secret_sources  # most runs show no excerpt

    return secret_sources(run.sources.values(), partial(files.load, run))


def _without_known_existing(resources: dict[str, Resource]) -> dict[str, Resource]:
    """Return ``resources`` without those declared as existing that another one certainly deploys.

    References to such an ID then resolve to the resource that is deployed.
    """
    if not any(resource.existing for resource in resources.values()):
        return resources
    deployed: dict[str, list[frozenset[str]]] = {}
    for resource in resources.values():
        id_ = resource.select(("id",)).text.lower()
        if id_ and not resource.existing:
            deployed.setdefault(id_, []).append(resource.conditions)
    return {
        address: resource
        for address, resource in resources.items()
        if not resource.existing
        or not any(
            conditions <= resource.conditions for conditions in deployed.get(resource.select(("id",)).text.lower(), ())
        )
    }


@with_recursion_limit
def read_bicepparam(run: BicepRun, file: str) -> BicepRead:
    """Read the file that a parameter file is for, with its values. See ``read_bicep``."""
    parsed = run.cache.parse(run.path, real_path(file) if file else "", run.text)
    try:
        values = _values(run, parsed, (parsed.file,))
        using = next(parsed.declarations(ast.Using), None)
        if using is not None and using.path is not None:
            return _read_using(run, values, using.path)
    except InputError as error:
        run.not_whole("error", error.message, Location(path=run.path))
    return _finish(run)


def _values(run: BicepRun, file: BicepDocument, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of a parameter file and of those that it extends."""
    instance = BicepModuleInstance(file, run, DeploymentModuleCall(given={}, scope=DeploymentScope()))
    base: ParameterFile | None = None
    for node in file.declarations(ast.Extends):
        path = node.path.value if isinstance(node.path, ast.Literal) else ""
        try:
            base = _extended_file(run, file, str(path), chain)
        except InputError as error:
            run.unreadable(f"parameter file `{path}` cannot be read: {error.message}", instance.place(node))
    return ParameterFile(instance, file, base)


def _extended_file(run: BicepRun, file: BicepDocument, path: str, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of the parameter file at ``path``. Raises InputError if it cannot be read."""
    found = files.load(run, file.file, path)
    if found.file in chain or len(chain) > _MAX_EXTENDED:
        raise InputError("the file extends itself or too many others")
    return _values(run, found, (*chain, found.file))


def _read_using(run: BicepRun, values: ParameterFile, node: ast.Expression) -> BicepRead:
    """Read the file or module that ``using`` names."""
    instance = values.instance
    at = instance.place(node)
    path = node.value if isinstance(node, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path in `using` must be a string without expressions", at)
        return _finish(run)
    try:
        return _read_used(run, values, path, at)
    except InputError as error:
        run.unreadable(f"`{path}`, named in `using`, cannot be read: {error.message}", at)
        return _finish(run)


def _read_used(run: BicepRun, values: ParameterFile, path: str, at: Location) -> BicepRead:
    """Read the file or module that ``path`` names. Raises InputError if it cannot be read."""
    if files.is_remote(path):
        _, template = files.artifact(run, values.file.file, path)
        if template is None:
            files.report_missing(run, path, at)
            return _finish(run)
        return _read_used_template(run, values, files.template_in(run, template), path, at)
    file = files.find(run, values.file.file, path)
    if path.lower().endswith(JSON):
        return _read_used_template(run, values, files.template_in(run, file), reported_path(run.root, file), None, file)
    read = _read_root(run, files.load(run, values.file.file, path), values)
    read.used = file
    return read


def _read_used_template(
    run: BicepRun, values: ParameterFile, document: JsonDocument, path: str, at: Location | None, used: str = ""
) -> BicepRead:
    """Read a compiled template. ``at``: the location of all of it, if it is outside the project."""
    from azkvlint.readers.deployment.read import read_template  # few parameter files are for templates

    read = read_template(path, document, run.attribute_filter.required, values.all_values(), unit=run.unit)
    resources = read.resources
    if at is not None:
        shown = StatementLocations(path, at)
        resources = {address: shown.resource(resource, ()) for address, resource in resources.items()}
    else:
        run.files.update(read.files)
    run.resources.update(resources)
    run.budget.secrets.texts |= read.secret_texts
    run.problems += [problem if at is None else shown.problem(problem) for problem in read.problems]
    run.closed = run.closed and read.closed
    return _finish(run, used)
