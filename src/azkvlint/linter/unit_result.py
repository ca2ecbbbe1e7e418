"""Evaluate one unit, and locate its results and declarations for reports."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.linter.suppressions import SuppressionPolicy, Suppressions
from azkvlint.model.finding import (
    IN_SOURCE,
    NOT_MAPPED,
    ControlAnswers,
    Declaration,
    Finding,
    Note,
    Outcome,
    Problem,
    Suppression,
)
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.resource import ACCOUNTED, Resource
from azkvlint.model.suppression import DIRECTIVE, DirectiveId, SuppressionDirective
from azkvlint.model.value import Absent, Link, Path, Scalar
from azkvlint.syntax.texts import Lines
from azkvlint.util.file_tracker import States

if TYPE_CHECKING:
    from azkvlint.engine.evaluator import RuleEvaluator, Verdicts
    from azkvlint.graph.worlds import Variant
    from azkvlint.model.resource import RequiredAttributes, ResourceGraph
    from azkvlint.readers.read_result import ReadResult, RegionLookup

_Key: TypeAlias = tuple[object, ...]
_VAULTS = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})
_NO_NAMES: frozenset[str] = frozenset()
_NO_EXPOSURES: Mapping[str, int] = {}
_NO_REFERENCES: Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}
_EXPOSURE: Path = ("derived", "exposure")
# By which a resource of Terraform refers to the provider that creates it.
_PROVIDER = "provider"


def declarations_of(
    read: ReadResult, types: Container[str], derived: Mapping[str, Resource] | None = None
) -> list[Declaration]:
    """Return the declarations of ``types`` (lower case) in an input, with or without resources.

    ``derived`` are the resources with derived attributes.
    """
    instances: dict[_Key, list[Resource]] = {}
    accounted: dict[str, bool] = {}
    for resource in read.all_resources.values():
        is_accounted = accounted.get(resource.type)
        if is_accounted is None:
            lower_type = resource.type.lower()
            is_accounted = accounted[resource.type] = lower_type in ACCOUNTED and lower_type in types
        if is_accounted and not resource.existing and resource.stays:
            address = static_address(resource.address)
            instances.setdefault((*resource.at.position_key[:2], address), []).append(resource)
    declared = [_declaration(found, derived or {}) for found in instances.values()]
    return [*declared, *(one for one in read.skipped if one.type.lower() in types)]


def _declaration(instances: Sequence[Resource], derived: Mapping[str, Resource]) -> Declaration:
    """Return the declaration of some instances."""
    first = instances[0]
    # The declaration exists unconditionally if one of its instances does.
    conditions = [resource.assumption.text if resource.assumption is not None else "" for resource in instances]
    names, exposures = _NO_NAMES, Counter[str]()
    if first.type.lower() in _VAULTS:
        names = frozenset(resource.name for resource in instances)
        exposures.update(one for resource in instances if (one := _exposure(derived.get(resource.address))))
    return Declaration(
        address=static_address(first.address),
        type=first.type,
        declared_as=first.declared_as,
        at=msgspec.structs.replace(first.at, address=first.address, cause=None),
        condition=conditions[-1] if all(conditions) else "",
        instances=len(instances),
        names=names,
        exposures=dict(exposures) if exposures else _NO_EXPOSURES,
    )


def _exposure(vault: Resource | None) -> str:
    """Return the network exposure of a vault, if a rule reads it."""
    exposure = None if vault is None else vault.select(_EXPOSURE)
    if exposure is None or isinstance(exposure, Absent):
        return ""
    return str(exposure.value) if isinstance(exposure, Scalar) else "unknown"


def _added(some: Mapping[str, int], others: Mapping[str, int]) -> Mapping[str, int]:
    return {name: some.get(name, 0) + others.get(name, 0) for name in (*some, *others)} if others else some


def locate_declarations(declarations: Iterable[Declaration], find: RegionLookup) -> list[Declaration]:
    """Return the declarations with their regions."""
    return [
        msgspec.structs.replace(declaration, at=_declaration_region(declaration, find)) for declaration in declarations
    ]


def _declaration_region(declaration: Declaration, find: RegionLookup) -> Location:
    place = find(declaration.at) if declaration.at.region is None else None
    return declaration.at if place is None else msgspec.structs.replace(declaration.at, region=place[0])


def merge_declarations(declarations: Iterable[Declaration]) -> tuple[tuple[Declaration, ...], tuple[Declaration, ...]]:
    """Return the evaluated and the skipped declarations, without duplicates, by path, line and address.

    A declaration that was skipped in one call of its module may have been evaluated in another.
    """
    by_key: dict[_Key, Declaration] = {}
    for declaration in declarations:
        key = (declaration.at.path, declaration.at.region, declaration.type.lower()) + (
            () if declaration.at.region is not None else (declaration.address,)
        )
        existing = by_key.get(key)
        if existing is None or (existing.reason and not declaration.reason):
            by_key[key] = declaration
        elif not declaration.reason:
            first = min(existing, declaration, key=lambda declaration: declaration.address)
            by_key[key] = msgspec.structs.replace(
                first,
                condition=first.condition if existing.condition and declaration.condition else "",
                instances=existing.instances + declaration.instances,
                names=existing.names | declaration.names,
                exposures=_added(existing.exposures, declaration.exposures),
            )
    ordered = sorted(by_key.values(), key=_order)
    evaluated = tuple(declaration for declaration in ordered if not declaration.reason)
    return evaluated, tuple(declaration for declaration in ordered if declaration.reason)


def _order(declaration: Declaration) -> tuple[object, ...]:
    return *declaration.at.order, declaration.address, declaration.type


class UnitResult(msgspec.Struct, kw_only=True):
    """The result of one unit or of many. ``read`` are the paths that were read, ``kinds`` the kinds of inputs by path.

    ``suppressed`` are findings and unknown results that do not count. ``unused`` has the problem of each directive that
    is reported unless a unit has ``used`` it. ``directives`` are all directives and other suppressions.

    ``root`` is the Terraform root module of the unit or of its plan. ``from_plan``: the unit is a plan, and ``decided``
    are the static addresses of its resources; ``adds_to_source``: it was found in a folder, so that it replaces no
    result of its source. For ``undeclared_variables``, ``deployed`` and ``texts_read`` see ``ReadResult``.
    ``standalone_templates`` are the real paths of the files of a template that is not named on the command line, so
    that another input may deploy it. ``control_answers`` are None unless the evaluator computes them. ``declarations``
    are those for which reports account, ``assumed`` the static addresses of conditional resources. ``secret_texts`` are
    redacted in reports, ``secret_lines`` are in no diff. ``files`` are the dependencies of the result, for ``--watch``.
    ``work`` is counted in steps of the evaluator. ``world`` is the parameter file of a template, if it has one. For
    ``is_for_callers`` see ``ReadResult``. ``is_undeployed``: nothing in the run is known to deploy it. ``outdated``
    is the path of a compiled template that differs from the Bicep file beside it. ``references`` are the resources
    (root and address) that those with results certainly refer to, if the run records them.
    """

    findings: list[Finding] = msgspec.field(default_factory=list)
    unknown: list[Finding] = msgspec.field(default_factory=list)
    suppressed: list[Finding] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    resource_counts: Counter[str] = msgspec.field(default_factory=Counter)
    kinds: dict[str, str] = {}
    passed: int = 0
    read: list[str] = msgspec.field(default_factory=list)
    unused: dict[DirectiveId, Problem] = msgspec.field(default_factory=dict)
    used: set[DirectiveId] = msgspec.field(default_factory=set)
    directives: list[SuppressionDirective] = msgspec.field(default_factory=list)
    root: str = ""
    from_plan: bool = False
    decided: frozenset[str] = frozenset()
    adds_to_source: bool = False
    undeclared_variables: frozenset[str] | None = None
    deployed: frozenset[str] = frozenset()
    texts_read: frozenset[str] = frozenset()
    standalone_templates: tuple[str, ...] = ()
    control_answers: ControlAnswers | None = None
    declarations: list[Declaration] = msgspec.field(default_factory=list)
    assumed: frozenset[str] = frozenset()
    secret_texts: frozenset[str] = frozenset()
    secret_lines: frozenset[str] = frozenset()
    files: States = {}
    work: int = 0
    world: str = ""
    is_for_callers: bool = False
    is_undeployed: bool = False
    outdated: str = ""
    references: Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]] = _NO_REFERENCES

    def add(self, other: UnitResult) -> None:
        """Add the result of another unit, except the fields of its root."""
        self.findings += other.findings
        self.unknown += other.unknown
        self.suppressed += other.suppressed
        self.problems += other.problems
        self.resource_counts.update(other.resource_counts)
        self.kinds.update(other.kinds)
        self.passed += other.passed
        self.read += other.read
        self.unused.update(other.unused)
        self.used |= other.used
        self.directives += other.directives
        self.declarations += other.declarations

    def of_rules(self, rules: Container[str]) -> UnitResult:
        """Return the result with the findings and directives of some rules. Counts remain those of all rules."""

        def selected(findings: list[Finding]) -> list[Finding]:
            return [finding for finding in findings if finding.rule.id in rules]

        return msgspec.structs.replace(
            self, findings=selected(self.findings), unknown=selected(self.unknown),
            suppressed=selected(self.suppressed),
            unused={mark: problem for mark, problem in self.unused.items() if mark[2] in rules},
            directives=[
                msgspec.structs.replace(one, marks=tuple(mark for mark in one.marks if mark[1][2] in rules))
                for one in self.directives
            ],
        )  # fmt: skip


def in_world(result: UnitResult, world: str) -> UnitResult:
    """Return the result of a root in a base world: a parameter file (a reported path) or a deployment of a stack."""

    def named(findings: list[Finding]) -> list[Finding]:
        return [msgspec.structs.replace(finding, world=world) for finding in findings]

    return msgspec.structs.replace(
        result, findings=named(result.findings), unknown=named(result.unknown), suppressed=named(result.suppressed),
        world=world,
    )  # fmt: skip


def repeated_vaults(units: Iterable[UnitResult]) -> Counter[str]:
    """Return how many vaults and managed HSMs, by type, have the name that they have with another parameter file."""
    known: dict[_Key, set[str]] = {}
    repeated = Counter[str]()
    for unit in units:
        for one in unit.declarations if unit.world else ():
            names = known.setdefault((one.at.path, one.address, one.type, *unit.read), set())
            repeated[one.type] += len(names & one.names)
            names |= one.names
    return repeated


def verdicts_on(
    read: ReadResult, required: RequiredAttributes, evaluator: RuleEvaluator, explain: bool = False
) -> Verdicts:
    """Return the results for an input, without those that directives of its language suppress."""
    from azkvlint.derived.build_graph import build_graph

    graph = build_graph(read.resources, required, read.is_complete, read.work)
    return _verdicts_on_graph(read, graph, required, evaluator, explain)


def _add_variant(
    verdicts: Verdicts,
    read: ReadResult,
    variant: Variant,
    required: RequiredAttributes,
    evaluator: RuleEvaluator,
    explain: bool,
) -> None:
    """Add the results for what only a variant creates, with its condition."""
    from azkvlint.derived.build_graph import build_graph

    graph = build_graph(variant.whole, required, variant.is_complete, read.work)
    found = evaluator.evaluate(graph, explain, read.work, variant.created)
    add_verdicts(verdicts, _conditional(found, variant))
    created = (graph.resources.get(address) for address in variant.created)
    links = (one.attributes.fields.get(_PROVIDER) for one in created if one is not None)
    providers = {link.target for link in links if isinstance(link, Link)} & graph.resources.keys() - variant.created
    if providers:
        _add_of_providers(verdicts, _conditional(evaluator.evaluate(graph, explain, read.work, providers), variant))


def _add_of_providers(verdicts: Verdicts, found: Verdicts) -> None:
    """Add the results for providers that exist in the base world, and are new in a variant."""
    known = {(one.rule.id, one.resource) for one in chain(verdicts.findings, verdicts.unknown)}
    for one, every in ((found.findings, verdicts.findings), (found.unknown, verdicts.unknown)):
        new = [finding for finding in one if (finding.rule.id, finding.resource) not in known]
        every.extend(new)
        mine, theirs = verdicts.control_answers, found.control_answers
        if mine is not None and theirs is not None:
            owners = {
                key: theirs.owners[key]
                for finding in new
                if (key := (finding.rule.id, finding.resource)) in theirs.owners
            }
            verdicts.control_answers = msgspec.structs.replace(mine, owners={**mine.owners, **owners})


def _conditional(verdicts: Verdicts, variant: Variant) -> Verdicts:
    """Return results with the condition of a variant."""
    from azkvlint.engine.findings import condition_notes

    notes = tuple(condition_notes(variant.condition))

    def conditional(findings: Iterable[Finding]) -> list[Finding]:
        return [
            msgspec.structs.replace(one, condition=variant.condition, related=(*one.related, *notes))
            for one in findings
        ]

    verdicts.findings, verdicts.unknown = conditional(verdicts.findings), conditional(verdicts.unknown)
    answers = verdicts.control_answers
    if answers is not None:
        vaults = tuple(msgspec.structs.replace(one, condition=variant.condition) for one in answers.vaults)
        passes = tuple(conditional(answers.passes))
        verdicts.control_answers = msgspec.structs.replace(answers, vaults=vaults, passes=passes)
    return verdicts


def add_verdicts(verdicts: Verdicts, others: Verdicts) -> None:
    """Add the results of another graph."""
    verdicts.findings += others.findings
    verdicts.unknown += others.unknown
    verdicts.problems += others.problems
    verdicts.resource_counts.update(others.resource_counts)
    verdicts.passed += others.passed
    mine, theirs = verdicts.control_answers, others.control_answers
    if mine is not None and theirs is not None:
        verdicts.control_answers = ControlAnswers(
            vaults=(*mine.vaults, *theirs.vaults), passes=mine.passes + theirs.passes,
            owners={**mine.owners, **theirs.owners},
        )  # fmt: skip


def _verdicts_on_graph(
    read: ReadResult, graph: ResourceGraph, required: RequiredAttributes, evaluator: RuleEvaluator, explain: bool
) -> Verdicts:
    from azkvlint.readers.read_result import nothing_is_suppressed

    replaced = frozenset[str]().union(*(variant.replaced for variant in read.variants))
    verdicts = evaluator.evaluate(graph, explain, read.work, graph.resources.keys() - replaced if replaced else None)
    for variant in read.variants:
        _add_variant(verdicts, read, variant, required, evaluator, explain)
    if read.variants:
        from azkvlint.linter.possible_companions import add_possible_companions

        add_possible_companions(verdicts, read, required, evaluator)
    if read.is_suppressed is nothing_is_suppressed:
        return verdicts
    reported = verdicts.findings + verdicts.unknown
    verdicts.findings = [finding for finding in verdicts.findings if not _is_suppressed(read, finding)]
    verdicts.unknown = [finding for finding in verdicts.unknown if not _is_suppressed(read, finding)]
    if len(reported) > len(verdicts.findings) + len(verdicts.unknown):
        verdicts.suppressed = [suppress(finding, finding.at) for finding in reported if _is_suppressed(read, finding)]
    return verdicts


def _is_suppressed(read: ReadResult, finding: Finding) -> bool:
    """Return whether a directive of the language itself suppresses a finding, at its place or at its attribute."""
    places = (finding.at, finding.attribute_at)
    return any(at is not None and read.is_suppressed(at, finding.rule.id) for at in places)


def suppress(finding: Finding, at: Location) -> Finding:
    """Return a finding suppressed by a directive of the language itself, which has no reason and no end."""
    reason = Suppression(kind=IN_SOURCE, justification="", at=at)
    return msgspec.structs.replace(finding, suppressed=reason)


def evaluate_unit(
    read: ReadResult, required: RequiredAttributes, evaluator: RuleEvaluator, explain: bool,
    policy: SuppressionPolicy | None = None,
    *, with_excerpts: bool = True, with_references: bool = False,
) -> UnitResult:  # fmt: skip
    """Evaluate an input. Without ``explain``, unknown results are not located, since no report shows them.

    Directives in comments apply if there is a ``policy``. Without excerpts, the secrets in lines are not searched.
    """
    from azkvlint.derived.build_graph import build_graph

    suppressions = Suppressions(read.comments, policy, read.metadata)
    # With directives, unknown results are located too; otherwise their directives would seem unused.
    explain = explain or bool(suppressions)
    graph = build_graph(read.resources, required, read.is_complete, read.work)
    verdicts = _verdicts_on_graph(read, graph, required, evaluator, explain)
    findings, suppressed_findings = split_suppressed(verdicts.findings, suppressions)
    unknown, suppressed_unknown = split_suppressed(verdicts.unknown, suppressions)
    problems = [*read.problems, *verdicts.problems, *suppressions.problems]
    answers = verdicts.control_answers
    disabled, used, hidden = _language_directives(read, policy, verdicts.suppressed)
    suppressed = suppressed_findings + suppressed_unknown + hidden
    located_results = findings + suppressed + (unknown if explain else [])
    declarations = declarations_of(read, evaluator.types, graph.resources)
    root = read.root or read.path
    references = _references_of([*findings, *unknown, *suppressed], graph, root) if with_references else _NO_REFERENCES
    # The largest part of the memory of a large plan, which locating can use again.
    del graph
    # Positions in a plan are expensive to compute and of no use to authors.
    declared = (item.at for item in declarations) if read.plan is None else ()
    find = lookup_of(read, located_results, problems, answers, declared)
    # A plan may have tens of thousands of unknown results, which are not located unless reported.
    is_located = explain or read.plan is None
    # Declarations in a plan have the addresses of the source, which contain no values.
    is_reported = bool(located_results or problems or (declarations and read.plan is None)) or answers is not None
    located = partial(with_regions, find=find, root=root, with_excerpt=with_excerpts)
    return UnitResult(
        findings=[*map(located, findings)],
        unknown=[*map(located, unknown)] if is_located else unknown,
        suppressed=[*map(located, suppressed)],
        problems=[problem_with_region(problem, find) for problem in problems],
        resource_counts=verdicts.resource_counts,
        kinds={read.path: read.kind} if read.kind else {},
        passed=verdicts.passed,
        read=[read.path],
        unused=suppressions.unused,
        used=suppressions.used | {mark for item in disabled for _, mark in item.marks if mark in used},
        directives=suppressions.directives + disabled,
        root=read.root,
        undeclared_variables=read.undeclared_variables,
        deployed=read.deployed,
        texts_read=read.texts_read,
        is_for_callers=read.is_for_callers,
        control_answers=answers_with_regions(answers, find, root),
        declarations=locate_declarations(declarations, find),
        assumed=_assumed(read),
        secret_texts=read.secret_texts() if is_reported else frozenset(),
        secret_lines=read.secret_lines() if findings and with_excerpts else frozenset(),
        references=references,
    )


def _assumed(read: ReadResult) -> frozenset[str]:
    """Return the static addresses of the conditional resources."""
    return frozenset(static_address(one.address) for one in read.all_resources.values() if one.assumption is not None)


def _references_of(
    results: Iterable[Finding], graph: ResourceGraph, root: str
) -> dict[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the resources that those with results refer to by an attribute with a single target."""
    addresses = {one.resource for one in results}
    found: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}
    for reference in chain.from_iterable(graph.references.values()):
        target = reference.only_target
        if target is not None and reference.source in addresses:
            found.setdefault((root, reference.source), {})[root, target] = None
    return {source: tuple(targets) for source, targets in found.items()}


def located_problems(read: ReadResult) -> list[Problem]:
    """Return the problems of an input, with lines and columns."""
    if not read.problems:
        return []
    find = lookup_of(read, (), read.problems)
    return [problem_with_region(problem, find) for problem in read.problems]


def _language_directives(
    read: ReadResult, policy: SuppressionPolicy | None, reported: Sequence[Finding]
) -> tuple[list[SuppressionDirective], set[DirectiveId], list[Finding]]:
    """Return the directives of Bicep itself for rules of kvlint, those that are used, and the suppressed findings."""
    if policy is None or not read.disabled_rules:
        return [], set(), list(reported)
    language_directives: list[SuppressionDirective] = []
    used: set[DirectiveId] = set()
    hidden = list(reported)
    for path, directives in read.disabled_rules.items():
        lines = Lines(read.texts.get(path, ""))
        spans = ((index, finding.at.span) for index, finding in enumerate(reported) if finding.at.path == path)
        starts = sorted((span[0], index) for index, span in spans if span is not None)
        for start, end, ids in directives:
            rules = {id_: policy.known[id_.upper()] for id_ in ids if id_.upper() in policy.known}
            marks = {id_: (path, start, rule) for id_, rule in rules.items()}
            line = max(lines.region(start, start).start_line - 1, 1)
            at = Location(path=path, region=Region(line, 1, line, 1))
            selected_marks = tuple((id_, mark) for id_, mark in marks.items() if mark[2] in policy.selected)
            if rules:
                language_directives.append(
                    SuppressionDirective(kind=DIRECTIVE, at=at, rules=tuple(rules), marks=selected_marks)
                )
            first, last = bisect_left(starts, (start, -1)), bisect_left(starts, (end, -1))
            for _, index in starts[first:last]:
                finding = reported[index]
                used.add((path, start, finding.rule.id))
                if finding.rule.id in rules.values():
                    hidden[index] = suppress(finding, at)
    return language_directives, used, hidden


def split_suppressed(findings: Iterable[Finding], suppressions: Suppressions) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that count, also the accepted ones, and those that are suppressed."""
    if not suppressions:
        return [*map(suppressions.weighed, findings)], []
    counted: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        reason = suppressions.suppression_of(finding)
        if reason is None:
            counted.append(suppressions.weighed(finding))
        else:
            suppressed.append(msgspec.structs.replace(finding, suppressed=reason))
    return counted, suppressed


def lookup_of(
    read: ReadResult,
    results: Iterable[Finding],
    problems: Iterable[Problem],
    answers: ControlAnswers | None = None,
    declared: Iterable[Location] = (),
) -> RegionLookup:
    """Return the regions of all places in an input that reports may show."""
    vaults, passes = ((), ()) if answers is None else (answers.vaults, answers.passes)
    return read.locate(
        chain(_locations(results, problems), (vault.at for vault in vaults), _locations(passes, ()), declared)
    )


def _locations(findings: Iterable[Finding], problems: Iterable[Problem]) -> Iterator[Location]:
    """Yield every location that a report may show, with the origins of its value."""
    callers: tuple[Location, ...] | None = None
    for finding in findings:
        # Results of one resource follow each other.
        if finding.callers is not callers:
            callers = finding.callers
            for caller in callers:
                yield from _with_origins(caller)
        called = set(map(id, callers))
        yield from _with_origins(finding.at)
        yield from _with_origins(finding.attribute_at)
        for note in finding.related:
            if id(note.at) not in called:
                yield from _with_origins(note.at)
        for evidence in finding.evidence:
            yield from _with_origins(evidence.at)
    for problem in problems:
        yield from _with_origins(problem.at)


def as_passed(finding: Finding) -> Finding:
    """Return an unknown result as passed, because another input of the same deployment decides it."""
    return msgspec.structs.replace(
        finding, outcome=Outcome.PASS, message=finding.rule.title, why="", evidence=(), related=()
    )


def answers_with_regions(answers: ControlAnswers | None, find: RegionLookup, root: str) -> ControlAnswers | None:
    """Return the answers with all regions that reports show."""
    return answers and msgspec.structs.replace(
        answers,
        vaults=tuple(msgspec.structs.replace(vault, at=_with_region(vault.at, find)) for vault in answers.vaults),
        passes=tuple(with_regions(finding, find, root) for finding in answers.passes),
    )


def _with_origins(at: Location | None) -> Iterator[Location]:
    """Yield a location and the chain of its value's origins."""
    while at is not None:
        yield at
        at = at.cause


def with_regions(finding: Finding, find: RegionLookup, root: str, *, with_excerpt: bool = True) -> Finding:
    """Return the finding with its region and excerpt, the regions of its other locations, and its root."""
    place = find(finding.at) if finding.at.region is None else None
    callers = {id(caller): _with_region(caller, find) for caller in finding.callers}
    return msgspec.structs.replace(
        finding,
        at=_with_region(finding.at, find),
        attribute_at=None if finding.attribute_at is None else _with_region(finding.attribute_at, find),
        excerpt=finding.excerpt if place is None or not with_excerpt else place[1](),
        # Related places are for the most part the callers.
        related=tuple(
            Note(text=note.text, at=callers.get(id(note.at)) or _with_region(note.at, find)) for note in finding.related
        ),
        evidence=tuple(
            msgspec.structs.replace(evidence, at=_with_region(evidence.at, find)) for evidence in finding.evidence
        ),
        callers=tuple(callers[id(caller)] for caller in finding.callers),
        root=root,
    )


def _with_region(at: Location, find: RegionLookup) -> Location:
    """Return a location with its region and those of its origins."""
    place = find(at) if at.region is None else None
    if place is None and at.cause is None:
        return at
    cause = None if at.cause is None else _with_region(at.cause, find)
    return msgspec.structs.replace(at, region=at.region if place is None else place[0], cause=cause)


def problem_with_region(problem: Problem, find: RegionLookup) -> Problem:
    """Return the problem with its region."""
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_with_region(problem.at, find))


_SOURCE_HINT = "specify the root module of the plan with `--source-root FOLDER`"


def with_source_mismatch(result: UnitResult, plan: ReadResult, difference: str) -> UnitResult:
    """Return the results of a plan, located in the plan, with a note that the source found does not match.

    ``difference`` is an argument with another constant in the source.
    """
    message = f"results are reported at the plan because `{difference}` differs in the Terraform source"
    note = Problem(code=NOT_MAPPED, level="note", message=message, at=Location(path=plan.path), hint=_SOURCE_HINT)
    return msgspec.structs.replace(result, problems=[*result.problems, note])


def with_plan_note(result: UnitResult, path: str, reason: str, count: int) -> UnitResult:
    """Return the results of the plan at ``path`` with a note on why a number of them are not in its source."""
    if not count:
        return result
    results = "1 result is" if count == 1 else f"{count} results are"
    text = f"{results} reported at the plan because {reason}"
    note = Problem(code=NOT_MAPPED, level="note", message=text, at=Location(path=path), hint=_SOURCE_HINT)
    return msgspec.structs.replace(result, problems=[*result.problems, note])
