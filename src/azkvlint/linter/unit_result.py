"""The result of one unit: its findings with the places that reports show."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from azkvlint.derived.build_graph import build_graph
from azkvlint.engine.evaluator import Evaluator, Verdicts
from azkvlint.linter.declarations import declarations_of, located
from azkvlint.linter.suppressions import Policy, Suppressions
from azkvlint.model.finding import IN_SOURCE, ControlAnswers, Declaration, Finding, Note, Outcome, Problem, Suppression
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.suppression import DIRECTIVE, DirectiveId, SuppressionDirective
from azkvlint.readers.read_result import ReadResult, RegionLookup
from azkvlint.syntax.positions import Lines
from azkvlint.util.file_tracker import States


class UnitResult(msgspec.Struct, kw_only=True):
    """The result of one unit or of many. ``read`` are the paths of what was read.

    ``suppressed`` are findings and unknown results that do not count. ``unused`` are the directives that were read,
    each with its problem should none of the ``used`` be it: other units may use what this one does not. ``directives``
    are all of them, and the other suppressions.

    ``root`` is the Terraform root folder that the unit is, or that its plan is of; then it is ``from_plan``, and
    ``decided`` are the static addresses of the resources that the plan decides. ``undeclared_variables`` and
    ``deployed``: see ``ReadResult``. ``standalone_templates`` are the real paths of the files of a template that the
    command line does not name, and that another input may deploy. ``control_answers`` are there if the evaluator
    computes them. ``declarations`` are those that reports account for,
    ``assumed`` the static addresses of the resources that only may exist. ``secret_texts`` are those that no report
    shows. ``files``: what it depends on, for watching. ``work`` is what it took, in steps of the evaluator.
    """

    findings: list[Finding] = msgspec.field(default_factory=list)
    undecided: list[Finding] = msgspec.field(default_factory=list)
    suppressed: list[Finding] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    resource_counts: Counter[str] = msgspec.field(default_factory=Counter)
    passed: int = 0
    read: list[str] = msgspec.field(default_factory=list)
    unused: dict[DirectiveId, Problem] = msgspec.field(default_factory=dict)
    used: set[DirectiveId] = msgspec.field(default_factory=set)
    directives: list[SuppressionDirective] = msgspec.field(default_factory=list)
    root: str = ""
    from_plan: bool = False
    decided: frozenset[str] = frozenset()
    undeclared_variables: frozenset[str] | None = None
    deployed: frozenset[str] = frozenset()
    standalone_templates: tuple[str, ...] = ()
    control_answers: ControlAnswers | None = None
    declarations: list[Declaration] = msgspec.field(default_factory=list)
    assumed: frozenset[str] = frozenset()
    secret_texts: frozenset[str] = frozenset()
    files: States = {}
    work: int = 0

    def add(self, other: UnitResult) -> None:
        """Add the result of another unit, without the fields of its root."""
        self.findings += other.findings
        self.undecided += other.undecided
        self.suppressed += other.suppressed
        self.problems += other.problems
        self.resource_counts.update(other.resource_counts)
        self.passed += other.passed
        self.read += other.read
        self.unused.update(other.unused)
        self.used |= other.used
        self.directives += other.directives
        self.declarations += other.declarations


def verdicts_on(
    read: ReadResult, required: RequiredAttributes, evaluator: Evaluator, explain: bool = False
) -> Verdicts:
    """Return the results for what was read, without those that the author disabled."""
    verdicts = evaluator.evaluate(build_graph(read.resources, required, read.is_complete), explain)
    reported = verdicts.findings + verdicts.undecided
    verdicts.findings = [one for one in verdicts.findings if not read.is_suppressed(one.at, one.rule.id)]
    verdicts.undecided = [one for one in verdicts.undecided if not read.is_suppressed(one.at, one.rule.id)]
    if len(reported) > len(verdicts.findings) + len(verdicts.undecided):
        verdicts.suppressed = [suppressed(one, one.at) for one in reported if read.is_suppressed(one.at, one.rule.id)]
    return verdicts


def suppressed(finding: Finding, at: Location) -> Finding:
    """Return a finding suppressed by a directive of the language's own at a place, which has no reason and no end."""
    reason = Suppression(kind=IN_SOURCE, justification="", at=at)
    return msgspec.structs.replace(finding, suppressed=reason)


def evaluate_unit(
    read: ReadResult, required: RequiredAttributes, evaluator: Evaluator, explain: bool, policy: Policy | None = None
) -> UnitResult:
    """Evaluate what was read. Without ``explain`` unknown results get no places, since no report shows them.

    Directives in comments count where there is a ``policy`` to check them against.
    """
    said = Suppressions(read.comments, policy, read.metadata)
    # With directives, an unknown result needs its place, or a directive for it would seem unused.
    explain = explain or bool(said)
    verdicts = verdicts_on(read, required, evaluator, explain)
    findings, silent = split_suppressed(verdicts.findings, said)
    undecided, silent_too = split_suppressed(verdicts.undecided, said)
    suppressed, problems = silent + silent_too, [*read.problems, *verdicts.problems, *said.problems]
    answers = verdicts.control_answers
    disabled, used, hidden = _switched_off(read, policy, verdicts.suppressed)
    suppressed += hidden
    seen = findings + suppressed + (undecided if explain else [])
    declarations = declarations_of(read, evaluator.types)
    # Positions in a plan are costly to find, and of no use to its author.
    declared = (one.at for one in declarations) if read.plan is None else ()
    find = read.locate(chain(locations(seen, problems), places_of(answers), declared))
    root = read.root or read.path
    # A plan may have tens of thousands of unknown results that no report shows.
    is_seen = explain or read.plan is None
    # The addresses of declarations in a plan are those of its source, which hold no values.
    is_shown = bool(seen or problems or (declarations and read.plan is None)) or answers is not None
    return UnitResult(
        findings=[with_regions(finding, find, root) for finding in findings],
        undecided=[with_regions(finding, find, root) for finding in undecided] if is_seen else undecided,
        suppressed=[with_regions(finding, find, root) for finding in suppressed],
        problems=[_placed_problem(problem, find) for problem in problems],
        resource_counts=verdicts.resource_counts,
        passed=verdicts.passed,
        read=[read.path],
        unused=said.unused,
        used=said.used | {mark for one in disabled for _, mark in one.marks if mark in used},
        directives=said.said + disabled,
        root=read.root,
        undeclared_variables=read.undeclared_variables,
        deployed=read.deployed,
        control_answers=None if answers is None else with_places(answers, find, root),
        declarations=located(declarations, find),
        assumed=frozenset(static_address(one.address) for one in read.resources.values() if one.assumption is not None),
        secret_texts=read.secret_texts() if is_shown else frozenset(),
    )


def _switched_off(
    read: ReadResult, policy: Policy | None, reported: Sequence[Finding]
) -> tuple[list[SuppressionDirective], set[DirectiveId], list[Finding]]:
    """Return what the directives of Bicep itself say about rules of kvlint, which of them have hidden a finding, and
    those.
    """
    if policy is None or not read.disabled_rules:
        return [], set(), list(reported)
    found: list[SuppressionDirective] = []
    used: set[DirectiveId] = set()
    hidden = list(reported)
    for path, directives in read.disabled_rules.items():
        lines = Lines(read.texts.get(path, ""))
        spans = ((index, one.at.span) for index, one in enumerate(reported) if one.at.path == path)
        starts = sorted((span[0], index) for index, span in spans if span is not None)
        for start, end, ids in directives:
            named = {id_: policy.known[id_.upper()] for id_ in ids if id_.upper() in policy.known}
            marks = {id_: (path, start, rule) for id_, rule in named.items()}
            line = max(lines.region(start, start).start_line - 1, 1)
            at = Location(path=path, region=Region(line, 1, line, 1))
            asked = tuple((id_, mark) for id_, mark in marks.items() if mark[2] in policy.selected)
            if named:
                found.append(SuppressionDirective(kind=DIRECTIVE, at=at, rules=tuple(named), marks=asked))
            first, last = bisect_left(starts, (start, -1)), bisect_left(starts, (end, -1))
            for _, index in starts[first:last]:
                finding = reported[index]
                used.add((path, start, finding.rule.id))
                if finding.rule.id in named.values():
                    hidden[index] = suppressed(finding, at)
    return found, used, hidden


def split_suppressed(findings: Iterable[Finding], said: Suppressions) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that count, and those that are suppressed."""
    if not said:
        return list(findings), []
    counted: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        reason = said.suppression_of(finding)
        if reason is None:
            counted.append(finding)
        else:
            suppressed.append(msgspec.structs.replace(finding, suppressed=reason))
    return counted, suppressed


def locations(findings: Iterable[Finding], problems: Iterable[Problem]) -> Iterator[Location]:
    """Yield every place that a report may show, with the places that its value comes from."""
    for finding in findings:
        seen = (finding.at, *finding.callers, *(note.at for note in finding.related))
        for at in (*seen, *(evidence.at for evidence in finding.evidence)):
            yield from _chain(at)
    for problem in problems:
        yield from _chain(problem.at)


def passed(finding: Finding) -> Finding:
    """Return an unknown result as passed, because another input of the same deployment decides it."""
    return msgspec.structs.replace(
        finding, outcome=Outcome.PASS, message=f"{finding.rule.title}.", why="", evidence=(), related=()
    )


def places_of(answers: ControlAnswers | None) -> Iterator[Location]:
    """Yield the same of what holds, and where the vaults are."""
    if answers is not None:
        yield from (vault.at for vault in answers.vaults)
        yield from locations(answers.passes, ())


def with_places(answers: ControlAnswers, find: RegionLookup, root: str) -> ControlAnswers:
    """Return the results with all regions that reports show."""
    return msgspec.structs.replace(
        answers,
        vaults=tuple(msgspec.structs.replace(vault, at=_located(vault.at, find)) for vault in answers.vaults),
        passes=tuple(with_regions(finding, find, root) for finding in answers.passes),
    )


def _chain(at: Location | None) -> Iterator[Location]:
    """Yield a place, where its value comes from, where that comes from, and so on."""
    while at is not None:
        yield at
        at = at.cause


def with_regions(finding: Finding, find: RegionLookup, root: str) -> Finding:
    """Return the finding with its region and excerpt, the regions of all other places that it has, and its root."""
    place = find(finding.at) if finding.at.region is None else None
    return msgspec.structs.replace(
        finding,
        at=_located(finding.at, find),
        excerpt=finding.excerpt if place is None else place[1],
        related=tuple(Note(text=note.text, at=_located(note.at, find)) for note in finding.related),
        evidence=tuple(msgspec.structs.replace(one, at=_located(one.at, find)) for one in finding.evidence),
        callers=tuple(_located(caller, find) for caller in finding.callers),
        root=root,
    )


def _located(at: Location, find: RegionLookup) -> Location:
    """Return a place with its region, and with those of where its value comes from."""
    place = find(at) if at.region is None else None
    if place is None and at.cause is None:
        return at
    cause = None if at.cause is None else _located(at.cause, find)
    return msgspec.structs.replace(at, region=at.region if place is None else place[0], cause=cause)


def _placed_problem(problem: Problem, find: RegionLookup) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_located(problem.at, find))
