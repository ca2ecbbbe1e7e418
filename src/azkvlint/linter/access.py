"""Who can reach what: read the inputs, compute the matrix of each root, and apply filters and gates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from azkvlint import __version__
from azkvlint.access.effects import CAPABILITIES
from azkvlint.access.legend import legend
from azkvlint.access.matrix import Matrix, MatrixEntry, needs
from azkvlint.access.named_objects import AssignmentScope, RootSelection, may_be_selected, object_candidates
from azkvlint.access.principals import existence_doubt
from azkvlint.access.questions import NOUNS, OPTIONS, AccessSelectors, NameCandidate, chosen, matches
from azkvlint.access.unfollowed import UNFOLLOWED_NEEDS, unfollowed_in
from azkvlint.config.run_config import Config
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.build_graph import build_graph
from azkvlint.derived.entry import ENTRY_READS, exposure_of
from azkvlint.derived.registry import Context, joined
from azkvlint.derived.vaults import MANAGED_HSMS, model_of
from azkvlint.graph.references import Index
from azkvlint.linter.inventory import inventory_of
from azkvlint.linter.linter import (
    exit_code_of,
    notice_problems,
    problems_of_run,
    repository_of,
    undeclared_variables,
    unused_exclusions,
    without_decided,
)
from azkvlint.linter.unit_result import UnitResult, located_problems
from azkvlint.linter.workers import files_of, problem_of, set_readable_files, terraform_settings
from azkvlint.linter.world_names import NamesByRoot, names_by_root
from azkvlint.model.access import (
    AccessPath,
    AccessReport,
    AccessRow,
    AccessStep,
    AccessVault,
    Breach,
    Capability,
    Principal,
    Question,
    Unfollowed,
    VaultObject,
    with_origins,
)
from azkvlint.model.finding import TERRAFORM_MODULE, Problem
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import has_holes
from azkvlint.model.resource import RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Path as AttributePath
from azkvlint.model.value import Scalar
from azkvlint.readers.read_result import ReadResult, RegionLookup
from azkvlint.readers.reader import Reader
from azkvlint.readers.units import Unit
from azkvlint.util.errors import OUT_OF_MEMORY, InputError, UsageError, did_you_mean
from azkvlint.util.project_files import file_buffer
from azkvlint.values.redaction import Redactor


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to report: what the words select, and capabilities as columns. ``is_why`` is as in a Question."""

    words: AccessSelectors = AccessSelectors()
    capabilities: tuple[Capability, ...] = CAPABILITIES
    is_why: bool = False


class AccessGate(msgspec.Struct, frozen=True, kw_only=True):
    """The highest number of principals that may have a capability on one vault. ``text`` is as it was written."""

    text: str
    capability: Capability
    most: int


class Observer(Protocol):
    """Collects more from each root while its access is computed: resources of the types in ``paths``.

    Unless it ``needs_access``, that is left out, and unless it ``collects``, it collects nothing.
    """

    paths: Mapping[str, frozenset[AttributePath]]
    needs_access: bool
    collects: bool

    def observe(self, read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> Any:
        """Return what is kept of a root."""

    def keep(self, root: RootResult, world_name: str, found: Any) -> None:
        """Add what was kept of a root, unless another input replaces it."""

    def graph(self, read: ReadResult, build: Callable[[Mapping[str, Resource]], ResourceGraph]) -> ResourceGraph:
        """Return the graph of a root, with what Azure keeps of the resources that exist already."""


class RootResult(msgspec.Struct, kw_only=True):
    """What is computed for one root at ``path``. ``source`` is the path of the source of a plan, empty without one.

    ``world`` is its base world, as the unit names it.
    """

    path: str
    source: str
    world: str = ""


RootT = TypeVar("RootT", bound=RootResult)
ValueT = TypeVar("ValueT")


class RunRoots(msgspec.Struct, Generic[RootT], kw_only=True):
    """What is computed for the roots of a run, with the problems and the paths that were read. ``folder``: its root.

    ``worlds`` are the names of base worlds. ``of_terraform`` are the modules that Terraform reads differently from
    OpenTofu: what is computed for them as OpenTofu reads them, None without vaults, and as Terraform does.
    """

    roots: list[RootT]
    problems: list[Problem]
    read: list[str]
    folder: str
    worlds: NamesByRoot
    of_terraform: list[tuple[RootT | None, RootT]] = []


class _MatrixRoot(RootResult, kw_only=True):
    """The matrix of one root: its vaults with their addresses in entries, and what questions can be about."""

    vaults: list[AccessVault]
    addresses: list[str]
    entries: list[MatrixEntry]
    principals: list[Principal]
    objects: list[VaultObject]
    scopes: list[NameCandidate[AssignmentScope]]
    unfollowed: list[Unfollowed]
    observed: Any = None


# Computes something for a root, the source of its plan, and the folder of the run; None for a root without vaults.
Evaluate: TypeAlias = Callable[[ReadResult, ReadResult | None, str], RootT | None]


def evaluate_roots(
    config: Config,
    required: RequiredAttributes,
    evaluate: Evaluate[RootT],
    *,
    plans_replace: bool = False,
    reader: Reader | None = None,
) -> RunRoots[RootT]:
    """Read the inputs, and compute something for each root. Failures on a root are problems.

    A plan that the command line names replaces the source that it was made from, and with ``plans_replace`` any plan.
    The ``reader`` is that of an earlier run on the same inputs, which also reads what is ``required``.
    """
    set_readable_files(config)
    inventory = inventory_of(config)
    root = inventory.root
    reader = Reader(required, root, terraform_settings(config, root)) if reader is None else reader
    results: list[UnitResult] = []
    roots: list[RootT | None] = []
    of_terraform: list[RootT | None] = []
    units = inventory.units(frozenset(required.paths), config.default_worlds)
    for unit in units:
        result, found = _evaluated(unit, reader, reader.read, config.source_root, evaluate)
        other, found_other = _evaluated(unit, reader, reader.read_as_terraform, config.source_root, evaluate)
        result.problems += (one for one in other.problems if one not in result.problems)
        results.append(result)
        roots.append(found)
        of_terraform.append(found_other)
    file_buffer().begin_check()  # files of units that an earlier run has read
    kept = {id(result) for result in without_decided(results)}
    named = (one for unit, one in zip(units, roots, strict=True) if unit.source.is_explicit or plans_replace)
    planned = {one.source for one in named if one is not None and one.source}
    found_roots = [
        one
        for result, one in zip(results, roots, strict=True)
        if one is not None and id(result) in kept and (one.source or one.path not in planned)
    ]
    problems = [problem for result in results for problem in result.problems]
    read = [path for result in results for path in result.read]
    problems += [*undeclared_variables(config, results, root), *unused_exclusions(config, inventory.matched, root)]
    problems += notice_problems(config.notices, root)
    problems = list(dict.fromkeys(problems_of_run(config, root, read, problems)))
    different = [
        (one, other)
        for result, one, other in zip(results, roots, of_terraform, strict=True)
        if other is not None and id(result) in kept and one != other
    ]
    return RunRoots(
        roots=found_roots, problems=problems, read=list(dict.fromkeys(read)), folder=root,
        worlds=names_by_root(results), of_terraform=different,
    )  # fmt: skip


def _evaluated(
    unit: Unit,
    reader: Reader,
    read_unit: Callable[[Unit], ReadResult | None],
    source_root: str,
    evaluate: Evaluate[RootT],
) -> tuple[UnitResult, RootT | None]:
    path = unit.source.path
    if unit.quiet:
        return UnitResult(read=[path], kinds={path: TERRAFORM_MODULE}), None
    try:
        read = read_unit(unit)
        if read is None:
            return UnitResult(read=[path], kinds={path: TERRAFORM_MODULE}) if unit.module else UnitResult(), None
        read = msgspec.structs.replace(read, world=unit.world)
        result = UnitResult(read=[path], problems=located_problems(read), root=read.root, deployed=read.deployed)
        result.world = unit.world
        result.kinds = {read.path: read.kind} if read.kind else {}
        result.undeclared_variables = read.undeclared_variables
        result.from_plan = read.plan is not None
        if unit.compiled is None and read.plan is None:
            result.standalone_templates = files_of(unit)
        source = None
        if read.plan is not None:
            source, _ = reader.source_of(read.plan, unit.source.file, source_root)
        return result, evaluate(read, source, reader.root)
    except (InputError, *OUT_OF_MEMORY, RecursionError) as error:
        return UnitResult(read=[path], problems=[problem_of(path, error)]), None
    except UsageError:  # a report would overwrite an input
        raise
    # A bug that one input triggers must not lose what is computed for the others.
    except Exception as error:  # noqa: BLE001
        return UnitResult(read=[path], problems=[problem_of(path, error)]), None


def attributes_of_matrix(observer: Observer | None = None) -> RequiredAttributes:
    """Return the attributes that the matrix is computed from, and those that an observer collects."""
    paths = dict(needs())
    added = joined(ENTRY_READS, UNFOLLOWED_NEEDS) if observer is None else observer.paths
    for type_, more in added.items():
        paths[type_] = paths.get(type_, frozenset()) | frozenset(more)
    return RequiredAttributes(
        paths=paths, reference_paths={}, relevant=frozenset(paths), today=datetime.now(UTC).date()
    )


def access(
    config: Config,
    filters: Filters,
    gates: Sequence[AccessGate],
    observer: Observer | None = None,
    reader: Reader | None = None,
) -> AccessReport:
    """Return who can reach what in the inputs. Raise UsageError for a vault or principal that does not exist.

    The ``observer`` sees each root. For the ``reader`` see ``evaluate_roots``.
    """
    columns = {one.name: one for one in (*filters.capabilities, *(gate.capability for gate in gates))}
    required = attributes_of_matrix(observer)
    analysis = _Analysis(required, filters, tuple(columns.values()), observer)
    found = evaluate_roots(config, required, analysis.matrix, reader=reader)
    if observer is not None and observer.collects:
        for one in found.roots:
            observer.keep(one, found.worlds.get(one.path, {}).get(one.world, ""), one.observed)
    roots = [*found.roots, *(_only_in(other, one) for one, other in found.of_terraform)]
    for one in roots:
        name = found.worlds.get(one.path, {}).get(one.world, "")
        one.vaults = [msgspec.structs.replace(vault, world_name=name) for vault in one.vaults] if name else one.vaults
    is_complete = not any(problem.level == "error" for problem in found.problems)
    report = _report(roots, filters, gates, config, _Selection(filters, roots, is_complete=is_complete))
    return msgspec.structs.replace(
        report, problems=tuple(found.problems), sources=tuple(found.read),
        repository=repository_of(config, found.folder),
    )  # fmt: skip


def _only_in(root: _MatrixRoot, other: _MatrixRoot | None) -> _MatrixRoot:
    """Return a root with the vaults that another one does not have, or to which it has other entries."""
    known = {} if other is None else _by_address(other)
    kept = {address for address, found in _by_address(root).items() if known.get(address) != found}
    pairs = [pair for pair in zip(root.addresses, root.vaults, strict=True) if pair[0] in kept]
    entries = (one._replace(vaults=tuple(name for name in one.vaults if name in kept)) for one in root.entries)
    return msgspec.structs.replace(
        root,
        addresses=[address for address, _ in pairs],
        vaults=[vault for _, vault in pairs],
        entries=[entry for entry in entries if entry.vaults],
    )


def _by_address(root: _MatrixRoot) -> dict[str, tuple[AccessVault, list[tuple[Principal, str, AccessPath]]]]:
    """Return the vaults of a root by address, with the entries of each."""
    found: dict[str, tuple[AccessVault, list[tuple[Principal, str, AccessPath]]]] = {
        address: (vault, []) for address, vault in zip(root.addresses, root.vaults, strict=True)
    }
    for entry in root.entries:
        for address in entry.vaults:
            found[address][1].append((entry.principal, entry.capability, entry.path))
    return found


def exit_code(report: AccessReport) -> int:
    """Return the exit code: 1 if a gate is broken, 3 if an input could not be read."""
    return exit_code_of(report.sources, report.problems, bool(report.breaches))


class _Analysis:
    """Computes the matrix of each root."""

    def __init__(
        self,
        required: RequiredAttributes,
        filters: Filters,
        columns: tuple[Capability, ...],
        observer: Observer | None = None,
    ) -> None:
        self._required, self._filters, self._columns, self._observer = required, filters, columns, observer

    def matrix(self, read: ReadResult, source: ReadResult | None, folder: str) -> _MatrixRoot | None:
        """Return the matrix of a root; None if the root has no vaults."""
        del folder
        observer = self._observer
        build = partial(build_graph, required=self._required, is_complete=read.is_complete)
        graph = build(read.all_resources) if observer is None else observer.graph(read, build)
        index = Index(dict(graph.resources))
        every = [one for type_ in (VAULTS, MANAGED_HSMS) for one in index.of_type(type_) if one.stays]
        if self._observer is None:
            every = list(_declared_once(every, index))
            if not every:
                return None
        context = Context(index, self._required.today or datetime.now(UTC).date(), {}, read.is_complete)
        redactor = Redactor(read.secret_texts())
        choice = RootSelection(context, every, self._filters.words, redactor.text)
        is_needed = observer is None or observer.needs_access
        matrix = Matrix(context, choice.vaults, self._columns, choice.selected) if is_needed else None
        entries = [] if matrix is None else list(_with_existence(matrix.entries(), choice.vaults))
        shown = {id(path): path for path in (entry.path for entry in entries)}
        unfollowed = [] if self._observer is not None else list(unfollowed_in(context))
        locations = [one.at for one in every]
        locations += [one.at for one in choice.objects]
        locations += [one.at for one in unfollowed]
        if observer is not None and observer.collects:
            types = observer.paths
            locations += [one.at for one in graph.resources.values() if one.type.lower() in types]
        locations += [at for path in shown.values() for step in path.steps if (at := step.at) is not None]
        clean = Cleaner(redactor, read.locate(locations), places_in(source))
        return _MatrixRoot(
            path=read.path,
            source="" if source is None else source.path,
            world=read.world,
            vaults=[_vault(vault, read, clean, self._network(vault, context)) for vault in every],
            addresses=[vault.address for vault in every],
            entries=[clean.entry(entry) for entry in entries],
            principals=[] if matrix is None else [*map(clean.principal, matrix.principals.by_key.values())],
            objects=[clean.selected(one, read) for one in choice.objects],
            scopes=choice.scopes(),
            unfollowed=[clean.unfollowed(one) for one in unfollowed],
            observed=observer.observe(read, graph, clean) if observer is not None and observer.collects else None,
        )

    def _network(self, vault: Resource, context: Context) -> str:
        """Return who can reach a vault over the network; empty where an observer decides what is read."""
        if self._observer is not None:
            return ""
        exposure = exposure_of(vault, context)
        return str(exposure.value) if isinstance(exposure, Scalar) else "unknown networks"


def _declared_once(vaults: Sequence[Resource], index: Index) -> Iterator[Resource]:
    """Yield vaults without those that repeat, in a module, another declaration of the same existing vault."""
    for vault in vaults:
        found, _ = index.find(vault.select(("id",)).text) if vault.existing else ((), "")
        first = index.resources[found[0]] if len(found) == 1 else vault
        if first is vault or existence_doubt(first, vault):
            yield vault


def _with_existence(entries: Iterable[MatrixEntry], vaults: Iterable[Resource]) -> Iterator[MatrixEntry]:
    """Yield entries, of which those to a vault that does not exist with the values of all inputs are possible."""
    doubts = {vault.address: doubt for vault in vaults if (doubt := existence_doubt(vault, None))}
    if not doubts:
        yield from entries
        return
    for entry in entries:
        if doubts.keys().isdisjoint(entry.vaults):
            yield entry
            continue
        by_doubt: dict[str, list[str]] = {}
        for address in entry.vaults:
            by_doubt.setdefault(doubts.get(address, ""), []).append(address)
        for doubt, addresses in by_doubt.items():
            path = entry.path
            if doubt:
                decided_by = " and ".join(filter(None, (doubt, path.doubt)))
                path = msgspec.structs.replace(path, is_certain=False, doubt=decided_by)
            yield entry._replace(path=path, vaults=tuple(addresses))


class Cleaner:
    """Resolves locations, and removes the secrets of an input from what a report shows."""

    def __init__(self, redactor: Redactor, find: RegionLookup, places: Mapping[str, Location]) -> None:
        self._redactor, self._find, self._places = redactor, find, places
        self._steps: dict[int, AccessStep] = {}
        self._paths: dict[int, tuple[AccessPath, AccessPath]] = {}
        self._principals: dict[str, Principal] = {}

    def entry(self, entry: MatrixEntry) -> MatrixEntry:
        """Return an entry for reports."""
        return MatrixEntry(self.principal(entry.principal), entry.capability, self._path(entry.path), entry.vaults)

    def principal(self, principal: Principal) -> Principal:
        """Return a principal for reports."""
        found = self._principals.get(principal.key)
        if found is None:
            text = self._redactor.text
            found = self._principals[principal.key] = msgspec.structs.replace(
                principal, key=text(principal.key), label=text(principal.label), at=self.location(principal.at)
            )
        return found

    def location(self, at: Location | None) -> Location | None:
        """Return a location with its region: in the source of a plan, if that has it."""
        if at is None:
            return None
        in_source = self._places.get(static_address(at.address or ""))
        if in_source is not None:
            return in_source
        place = self._find(at) if at.region is None else None
        region = at.region if place is None else place[0]
        return Location(path=at.path, region=region, address=self._redactor.text(at.address or "") or None)

    def text(self, text: str) -> str:
        """Return a string without secrets."""
        return self._redactor.text(text)

    def _path(self, path: AccessPath) -> AccessPath:
        text = self._redactor.text
        return AccessPath(
            steps=tuple(map(self._step, path.steps)),
            is_certain=path.is_certain,
            doubt=text(path.doubt),
            edit=text(path.edit),
            only=tuple(map(text, path.only)),
        )

    def selected(self, found: VaultObject, read: ReadResult) -> VaultObject:
        """Return an object for reports."""
        text = self._redactor.text
        return VaultObject(
            kind=found.kind, name=text(found.name), address=text(found.address), vault=found.vault,
            at=self.location(found.at) or found.at, root=read.path, world=read.world,
        )  # fmt: skip

    def unfollowed(self, found: Unfollowed) -> Unfollowed:
        """Return what is not followed, for reports."""
        text = self._redactor.text
        resources = tuple(map(text, found.resources))
        return Unfollowed(text=text(found.text), resources=resources, at=self.location(found.at) or found.at)

    def _step(self, step: AccessStep) -> AccessStep:
        found = self._steps.get(id(step))
        if found is None:
            text = self._redactor.text
            found = AccessStep(
                kind=step.kind, text=text(step.text), at=self.location(step.at), role=text(step.role),
                scope=text(step.scope), level=step.level, to=tuple(map(self.principal, step.to)),
            )  # fmt: skip
            self._steps[id(step)] = found
        return found


def places_in(source: ReadResult | None) -> dict[str, Location]:
    """Return where the source of a plan declares each resource, by its address without instance keys."""
    if source is None:
        return {}
    places = {static_address(resource.address): resource.at for resource in source.resources.values()}
    find = source.locate(places.values())
    located: dict[str, Location] = {}
    for address, at in places.items():
        found = find(at)
        if found is not None:
            located[address] = Location(path=at.path, region=found[0])
    return located


def _vault(vault: Resource, read: ReadResult, clean: Cleaner, network: str) -> AccessVault:
    model = model_of(vault)
    word = str(model.value) if isinstance(model, Scalar) else "unknown permission model"
    is_hsm = vault.type.lower() == MANAGED_HSMS
    return AccessVault(
        name=clean.text(vault.address if has_holes(vault.name) else vault.name),
        address=clean.text(vault.address),
        type=vault.type,
        model="local RBAC" if is_hsm else word,
        root=read.path,
        world=read.world,
        is_deployed=not vault.existing,
        is_complete=read.is_complete and not vault.existing,
        at=clean.location(vault.at) or vault.at,
        condition="" if vault.assumption is None else clean.text(vault.assumption.text),
        network=network,
    )


def refuse_unknown_names(option: str, what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise UsageError for the first of the names of an option that is not known."""
    lower = {name.lower() for name in known}
    for name in names:
        if name.lower() not in lower:
            listed = ", ".join(sorted(known)[:5])
            hint = did_you_mean(name, sorted(known)) or (f"the input has {listed}" if listed else "the input has none")
            raise UsageError(f"{option}: the input has no {what} `{name}`", hint)


class _Selection:
    """What the words of the options select of all roots. Raise UsageError for a word that names nothing.

    With an input that could not be read, a word may name what only that input has: it selects nothing, and the question
    has it.
    """

    def __init__(self, filters: Filters, roots: Sequence[_MatrixRoot], *, is_complete: bool) -> None:
        words = filters.words
        self._is_complete = is_complete
        self._missing: list[tuple[str, str]] = []
        self._options = ("--why", "--why") if filters.is_why else ("--principal", "--vault")
        self._vaults = self._of_vaults(words.vaults, roots)
        self._objects = self._of_objects(words, roots)
        self._selected: dict[tuple[str, str, str], set[str]] = {}
        for one in self._objects or ():
            self._selected.setdefault((one.root, one.world, one.vault), set()).update(one.words)
        labels = [NameCandidate(one.label, (one.label, one.key), one.key) for root in roots for one in root.principals]
        principals = self._chosen(self._options[0], "principal", words.principals, labels)
        self._principals = {one.value for one in principals} if words.principals else None
        scopes = [one for root in roots for one in root.scopes]
        self._scopes = self._chosen("--at", "scope", words.scopes, scopes)
        self._has_scopes = bool(words.scopes)
        self.question = Question(
            objects=tuple(self._objects or ()),
            principals=tuple(dict.fromkeys(one.label for one in principals)),
            scopes=tuple(dict.fromkeys(one.label for one in self._scopes)),
            is_why=filters.is_why,
            missing=tuple(dict.fromkeys(self._missing)),
        )

    def _chosen(
        self, option: str, what: str, words: Sequence[str], candidates: Sequence[NameCandidate[ValueT]]
    ) -> list[NameCandidate[ValueT]]:
        known = [word for word in words if self._is_complete or matches(word, candidates)]
        self._missing += ((what, word) for word in words if word not in known)
        return chosen(option, what, known, candidates)

    def _of_vaults(self, words: Sequence[str], roots: Sequence[_MatrixRoot]) -> set[tuple[str, str, str]] | None:
        listed = with_origins(vault for root in roots for vault in root.vaults)
        addresses = (address for root in roots for address in root.addresses)
        candidates = [
            NameCandidate(one.name, (one.name, one.address, one.label, one.place), (one.root, one.world, address))
            for one, address in zip(listed, addresses, strict=True)
        ]
        found = self._chosen(self._options[1], "key vault or managed HSM", words, candidates)
        return {one.value for one in found} if words else None

    def _of_objects(self, words: AccessSelectors, roots: Sequence[_MatrixRoot]) -> list[VaultObject] | None:
        if not words.are_about_objects:
            return None
        every = [one for root in roots for one in root.objects if self._has_vault((root.path, root.world, one.vault))]
        found: list[VaultObject] = []
        for kind, some in words.objects.items():
            candidates = object_candidates(kind, every)
            found += (one.value for one in self._chosen(OPTIONS[kind], NOUNS[kind], some, candidates))
        return list(dict.fromkeys(found))

    def _has_vault(self, vault: tuple[str, str, str]) -> bool:
        return self._vaults is None or vault in self._vaults

    def vaults_of(self, root: _MatrixRoot) -> Iterator[tuple[str, AccessVault]]:
        """Yield the selected vaults of a root, with their addresses in entries."""
        for address, vault in zip(root.addresses, root.vaults, strict=True):
            if not self._has_vault((root.path, root.world, address)):
                continue
            if self._objects is not None and (root.path, root.world, address) not in self._selected:
                continue
            if not self._has_scopes or any(address in one.value.vaults for one in self._scopes_of(root)):
                yield address, vault

    def _scopes_of(self, root: _MatrixRoot) -> list[NameCandidate[AssignmentScope]]:
        return [one for one in self._scopes if any(one is other for other in root.scopes)]

    def entries_of(self, root: _MatrixRoot, vaults: Collection[str]) -> Iterator[MatrixEntry]:
        """Yield the selected entries of a root, each with the selected vaults that it concerns."""
        within = {text for one in self._scopes_of(root) for text in one.value.around}
        kept: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for entry in root.entries:
            if self._principals is not None and entry.principal.key not in self._principals:
                continue
            if self._has_scopes and not any(step.scope in within for step in entry.path.steps if step.scope):
                continue
            # The key contains the identity of the tuple, so it must stay alive.
            found = kept.get(id(entry.vaults))
            if found is None:
                own = tuple(one for one in entry.vaults if one in vaults)
                found = kept[id(entry.vaults)] = entry.vaults, own
            own = found[1]
            if self._objects is not None and entry.path.only:
                place = root.path, root.world
                own = tuple(one for one in own if may_be_selected(entry.path.only, self._selected[*place, one]))
            if own:
                yield entry if len(own) == len(entry.vaults) else entry._replace(vaults=own)


def _report(
    roots: Sequence[_MatrixRoot], filters: Filters, gates: Sequence[AccessGate], config: Config, selection: _Selection
) -> AccessReport:
    shown = {one.name for one in filters.capabilities}
    vaults: list[AccessVault] = []
    rows: list[AccessRow] = []
    for root in roots:
        numbers: dict[str, int] = {}
        for address, vault in selection.vaults_of(root):
            numbers[address] = len(vaults)
            vaults.append(vault)
        indexes: dict[int, tuple[tuple[str, ...], tuple[int, ...]]] = {}
        for entry in selection.entries_of(root, numbers.keys()):
            kept = indexes.get(id(entry.vaults))
            if kept is None:
                kept = indexes[id(entry.vaults)] = entry.vaults, tuple(sorted(numbers[one] for one in entry.vaults))
            rows.append(
                AccessRow(principal=entry.principal, capability=entry.capability, path=entry.path, vaults=kept[1])
            )
    breaches = tuple(_breaches(gates, rows, is_strict=config.strict))
    columns = {one.name: number for number, one in enumerate(filters.capabilities)}
    rows = [row for row in rows if row.capability in shown]
    rows.sort(
        key=lambda row: (
            row.vaults,
            row.principal.label,
            row.principal.key,
            columns[row.capability],
            not row.path.is_certain,
        )
    )
    return AccessReport(
        capabilities=filters.capabilities, vaults=tuple(with_origins(vaults)), rows=tuple(rows), breaches=breaches,
        problems=(), sources=(), version=__version__, is_strict=config.strict, question=selection.question,
        unfollowed=tuple(dict.fromkeys(one for root in roots for one in root.unfollowed)), roles=legend(rows),
    )  # fmt: skip


def _breaches(gates: Sequence[AccessGate], rows: Sequence[AccessRow], *, is_strict: bool) -> Iterator[Breach]:
    """Yield the vaults that break a gate. What is only possible counts if the run is strict."""
    for gate in gates:
        by_vault: dict[int, dict[str, str]] = {}
        for row in rows:
            if row.capability == gate.capability.name and (row.path.is_certain or is_strict):
                for vault in row.vaults:
                    by_vault.setdefault(vault, {})[row.principal.key] = row.principal.label
        alike: dict[tuple[str, ...], list[int]] = {}
        for vault, principals in sorted(by_vault.items()):
            if len(principals) > gate.most:
                alike.setdefault(tuple(sorted(principals.values())), []).append(vault)
        for names, vaults in alike.items():
            yield Breach(gate=gate.text, vaults=tuple(vaults), principals=names)


def gates_of(
    most: Sequence[str], denied: Sequence[str], parse: Callable[[str, str], Capability]
) -> tuple[AccessGate, ...]:
    """Return the gates of ``--max`` and ``--deny``. Raise UsageError if one does not parse, or two conflict."""
    found: dict[str, AccessGate] = {}
    written = [("--max", text) for one in most for text in _parts(one)]
    written += [("--deny", text) for one in denied for text in _parts(one)]
    for option, text in written:
        name, sign, number = text.partition("=")
        limit = 0
        if option == "--max":
            if not sign or not number.strip().isdecimal() or len(number.strip()) > _MOST_DIGITS:
                raise UsageError(f"--max: `{text}` is not a permission with a number", 'write --max "secrets/get=3"')
            limit = int(number)
        elif sign:
            raise UsageError(f"--deny: `{text}` has a number", f'write --max "{text}", or --deny "{name}"')
        capability = parse(name, option)
        gate = AccessGate(text=f"{option} {text}", capability=capability, most=limit)
        old = found.setdefault(capability.name, gate)
        if old.most != limit:
            raise UsageError(f"`{old.text}` conflicts with `{gate.text}`", "write one of them")
    return tuple(found.values())


_MOST_DIGITS = 6


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] or [text]
