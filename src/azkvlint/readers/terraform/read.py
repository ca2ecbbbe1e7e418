"""Read a root module: collect the resources that rules require, and problems with unsupported parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.budget import UnitWork, with_recursion_limit
from azkvlint.evaluation.reads import ReadRecorder
from azkvlint.evaluation.traces import Trace
from azkvlint.graph.duplicates import without_duplicates
from azkvlint.model.location import Location, SourceComments, Target
from azkvlint.model.provider_version import VersionRange, range_of_constraint
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.collect import ResourceCollector
from azkvlint.readers.terraform.folder import Folder, FolderCache, ModuleFile, parse_text
from azkvlint.readers.terraform.module_evaluation import (
    WORKSPACE,
    TerraformModuleInstance,
)
from azkvlint.readers.terraform.providers import locked_version, settled, version_constraints
from azkvlint.readers.terraform.run import Stub, TerraformModuleCall, TerraformRun
from azkvlint.readers.terraform.values import RootValues
from azkvlint.syntax.hcl.parse import Body
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.graph.worlds import Variant
    from azkvlint.readers.terraform.worlds import TerraformWorlds

_UNDEMANDED = VersionRange(low=(3, 0))


class TerraformRead(TemplateRead, kw_only=True):
    """The result of reading a root module. ``sources`` are the files of its locations, by reported path.

    ``value_files`` are those among them that set variables. ``stubs`` are declarations that were not read, by static
    address: foreign or missing modules, and declarations without instances. ``undeclared_variables`` are variables that
    options set but the module does not declare. ``deployed`` are the real paths of templates and parameter files that
    it deploys, and of modules that it calls through expressions; all of them are evaluated with it. ``moved`` are the
    new addresses of resources and modules by the old ones, and ``imported`` the addresses in ``import`` blocks.
    ``secret_sources`` returns the spans in each file from which secrets are made.
    """

    sources: dict[str, ModuleFile]
    value_files: frozenset[str]
    stubs: dict[str, Stub]
    undeclared_variables: frozenset[str]
    deployed: frozenset[str]
    moved: Mapping[str, str] = {}
    imported: frozenset[str] = frozenset()
    secret_sources: Callable[[], Mapping[str, Collection[tuple[int, int]]]] = dict


@with_recursion_limit
def read_root(
    path: str,
    directory: str,
    root: str,
    cache: FolderCache,
    settings: TerraformSettings,
    planned: Mapping[str, Any] | None = None,
    published: bool = False,
    unit: UnitWork | None = None,
) -> TerraformRead | None:
    """Read the module in ``directory``, named ``path`` in reports, with all modules that it calls.

    ``planned`` are the variable values of a plan of the module. ``published``: the module is written for callers
    outside the scanned files. Return None if the module contains nothing that a rule requires. Files outside the
    folder ``root`` are not read. Raises InputError if the module cannot be read at all.
    """
    folder = cache.load_root(path, directory)
    if not cache.matters(folder, root) and not folder.is_damaged:
        return None
    return _read(folder, TerraformRun(folder, cache, root, unit), settings, planned, published)


@with_recursion_limit
def read_text(path: str, text: str, required: RequiredAttributes) -> TerraformRead:
    """Read a module that consists of one text, named ``path`` in reports; it cannot call local modules."""
    folder = Folder("", "", (ModuleFile(path, parse_text(path, text)),))
    return _read(folder, TerraformRun(folder, FolderCache(required), ""), TerraformSettings(), None)


def _read(
    folder: Folder,
    run: TerraformRun,
    settings: TerraformSettings,
    planned: Mapping[str, Any] | None = None,
    published: bool = False,
) -> TerraformRead:
    """Read the root module in a folder in ``run``. See ``read_root``."""
    values = RootValues(run, folder, settings, planned)
    is_reusable = published or (not folder.declares_root and _needs_values(folder))
    is_for_callers = is_reusable and not values.has_values
    is_open = is_for_callers and not settings.closed
    if is_open:
        run.leave_open()
    read = read_module(run, folder, TerraformModuleCall(given=values), values, lock=folder, is_open=is_open)
    read.is_for_callers = is_for_callers
    return read


def read_module(
    run: TerraformRun,
    folder: Folder,
    use: TerraformModuleCall,
    values: RootValues,
    *,
    lock: Folder,
    is_open: bool = False,
) -> TerraformRead:
    """Read one use of a module. ``lock`` is the folder of its dependency lock file.

    ``is_open``: callers that are not read may pass other values than the defaults of its variables.
    """
    run.version = _version(run, folder, lock)
    run.recorder.declare((*(f"var.{name}" for name in folder.variables), WORKSPACE))
    instance = _root_instance(run, folder, use, is_open)
    gathering = ResourceCollector(run, folder)
    variants: list[Variant] = []
    is_final = bool(values.planned) or values.inputs is not None
    if not is_final and folder.variables and not run.recorder.is_recording and _has_absence(gathering, instance):
        # Other worlds share what does not read the inputs that differ.
        run.record(ReadRecorder())
        run.recorder.trace = Trace()
        run.recorder.declare((*(f"var.{name}" for name in folder.variables), WORKSPACE))
        instance = _root_instance(run, folder, use, is_open)

    @cache
    def worlds() -> TerraformWorlds:
        from azkvlint.readers.terraform.worlds import TerraformWorlds  # most modules deploy all that they declare

        return TerraformWorlds(run, folder, instance, gathering, is_final=is_final)

    run.worlds = worlds
    try:
        gathering.lower(instance, frozenset())
        gathering.finish()
        variants = worlds().variants(gathering) if gathering.absent else []
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the declarations are nested too deeply"
        hint = error.hint if isinstance(error, InputError) else None
        run.not_whole("error", why, Location(path=_first_file(folder)), hint or "")
        if use.shown is None:
            gathering.skip_folder(folder, why)
    if not run.from_templates and run.cache.has_only_policies(folder, run.root):
        run.resources.clear()  # nothing in it concerns a vault, its provider included
    run.worlds = None
    sources, resources = run.sources, settled(run, without_duplicates(run.resources))
    found = run.done()
    return TerraformRead(
        resources=resources, problems=found.problems, closed=found.closed, files=found.files,
        skipped=found.skipped, sources=sources, secrets=found.secrets, secret_texts=found.secret_texts,
        value_files=frozenset(run.value_files), stubs=run.stubs,
        undeclared_variables=values.undeclared_variables, deployed=frozenset(run.texts.deployed | run.called),
        moved=run.moved, imported=frozenset(run.imported), variants=variants,
        secret_sources=partial(_secret_sources, folder, run.calls, run.cache, run.root),
    )  # fmt: skip


def _root_instance(
    run: TerraformRun, folder: Folder, use: TerraformModuleCall, is_open: bool
) -> TerraformModuleInstance:
    instance = TerraformModuleInstance(folder, run, use)
    if is_open:
        instance.defaults = TerraformModuleInstance(folder, run, use)
    return instance


def _has_absence(gathering: ResourceCollector, instance: TerraformModuleInstance) -> bool:
    try:
        return gathering.has_absence(instance)
    except (InputError, RecursionError):  # reported once the module is read
        return False


def _secret_sources(
    folder: Folder, opened: Mapping[tuple[str, str], Folder], cache: FolderCache, root: str
) -> Mapping[str, Collection[tuple[int, int]]]:
    """Return the spans from which the secrets of modules are made, whichever resources were evaluated."""
    from azkvlint.readers.terraform.secret_sources import secret_sources  # most runs show no excerpt

    reached, _ = cache.reached(folder, root)
    calls = {key: called.directory for key, called in opened.items()}
    for caller in reached:
        for name, directory in cache.local_calls(caller, root):
            calls.setdefault((caller.directory, name), directory)
    return secret_sources([*reached, *opened.values()], calls)


def without_resources(run: TerraformRun) -> TerraformRead:
    """Return a run of which no module was read."""
    sources, found = run.sources, run.done()
    return TerraformRead(
        resources={}, problems=found.problems, closed=False, files=found.files, sources=sources, secrets=found.secrets,
        secret_texts=found.secret_texts, value_files=frozenset(run.value_files), stubs={},
        undeclared_variables=frozenset(), deployed=frozenset(),
    )  # fmt: skip


def _first_file(folder: Folder) -> str:
    return folder.files[0].path if folder.files else folder.path


def _needs_values(folder: Folder) -> bool:
    """Return whether a module has required variables, so that it is probably written for callers."""
    return any("default" not in declaration.attributes for declaration in folder.variables.values())


def _version(run: TerraformRun, folder: Folder, lock: Folder) -> VersionRange:
    """Return the possible azurerm versions: the locked one, or all that a module and its calls allow.

    Without a constraint, ``terraform init`` installs the newest, which has not been 2.x since March 2022. Source:
    developer.hashicorp.com/terraform/language/expressions/version-constraints.
    """
    named = locked_version(run, lock)
    if named is not None and named != VersionRange():
        return named
    found = VersionRange()
    for each in run.cache.reached(folder, run.root)[0]:
        for text in version_constraints(each):
            narrowed = range_of_constraint(text)
            found = found.narrow(narrowed.low, narrowed.high)
    return found if named is not None or found != VersionRange() else _UNDEMANDED


# What every directive begins with, in any case.
_MARK = "kvlint"


def comments_of(files: Mapping[str, ModuleFile], peer_comments: bool = False) -> dict[str, SourceComments]:
    """Return the comments of the files in which any may be a directive, by reported path.

    With ``peer_comments`` those for other tools are directives too.
    """
    commented = {path: file for path, file in files.items() if file.parsed.comments}
    found = {path: _comments(file) for path, file in commented.items() if _MARK in file.parsed.text.lower()}
    others = {path: file for path, file in commented.items() if path not in found} if peer_comments else {}
    if others:
        from azkvlint.syntax.ignore_comments import has_peer_comments

        found |= {path: _comments(file) for path, file in others.items() if has_peer_comments(file.parsed.text)}
    return found


def _comments(file: ModuleFile) -> SourceComments:
    parsed = file.parsed
    targets = tuple(sorted(_targets(parsed.body)))
    return SourceComments(text=parsed.text, comments=tuple(parsed.comments), targets=targets)


def _targets(body: Body) -> Iterator[Target]:
    waiting = [body]
    while waiting:
        here = waiting.pop()
        for attribute in here.attributes.values():
            yield Target(attribute.start, attribute.end, attribute.end)
        for block in here.blocks:
            yield Target(block.start, block.head, block.end)
            waiting.append(block.body)
