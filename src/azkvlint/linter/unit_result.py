"""One unit judged: its findings with the places that a reader will look at."""

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
from azkvlint.util.file_tracker import Found


class UnitResult(msgspec.Struct, kw_only=True):
    """What judging gives, of one unit or of many. ``read`` are the paths of what was read.

    ``suppressed`` are findings and undecided questions that count for nothing. ``unused`` are the directives that were
    read, each with what is to be said of it should none of the ``used`` be it: other units may use what this one does
    not. ``said`` are all of them, and the other suppressions.

    ``root`` is the Terraform root folder that the unit is, or that its plan is of; then it is ``from_plan``, and
    ``answered`` are the static addresses of the resources that the plan decided. ``strangers`` and ``deployed``: see
    ``Read``. ``alone`` are the real paths of what makes a template that nobody named, and that something else may
    deploy. ``answers`` are there if the evaluator gives them. ``declarations`` are those that reports account for,
    ``assumed`` the static addresses of the resources that only may exist. ``secret_texts`` are those that no report
    shows. ``looked``: what it depends on, if somebody watches.
    """

    findings: list[Finding] = msgspec.field(default_factory=list)
    undecided: list[Finding] = msgspec.field(default_factory=list)
    suppressed: list[Finding] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    judged: Counter[str] = msgspec.field(default_factory=Counter)
    passed: int = 0
    read: list[str] = msgspec.field(default_factory=list)
    unused: dict[DirectiveId, Problem] = msgspec.field(default_factory=dict)
    used: set[DirectiveId] = msgspec.field(default_factory=set)
    said: list[SuppressionDirective] = msgspec.field(default_factory=list)
    root: str = ""
    from_plan: bool = False
    answered: frozenset[str] = frozenset()
    strangers: frozenset[str] | None = None
    deployed: frozenset[str] = frozenset()
    alone: tuple[str, ...] = ()
    answers: ControlAnswers | None = None
    declarations: list[Declaration] = msgspec.field(default_factory=list)
    assumed: frozenset[str] = frozenset()
    secret_texts: frozenset[str] = frozenset()
    looked: Found = {}

    def add(self, other: UnitResult) -> None:
        """Take in what judging another unit gave; what is said of one root is not added up."""
        self.findings += other.findings
        self.undecided += other.undecided
        self.suppressed += other.suppressed
        self.problems += other.problems
        self.judged.update(other.judged)
        self.passed += other.passed
        self.read += other.read
        self.unused.update(other.unused)
        self.used |= other.used
        self.said += other.said
        self.declarations += other.declarations


def verdicts_on(
    read: ReadResult, required: RequiredAttributes, evaluator: Evaluator, explain: bool = False
) -> Verdicts:
    """What the rules say of what was read, without what the author has switched off."""
    verdicts = evaluator.evaluate(build_graph(read.resources, required, read.is_complete), explain)
    told = verdicts.findings + verdicts.undecided
    verdicts.findings = [one for one in verdicts.findings if not read.is_suppressed(one.at, one.rule.id)]
    verdicts.undecided = [one for one in verdicts.undecided if not read.is_suppressed(one.at, one.rule.id)]
    if len(told) > len(verdicts.findings) + len(verdicts.undecided):
        verdicts.suppressed = [suppressed(one, one.at) for one in told if read.is_suppressed(one.at, one.rule.id)]
    return verdicts


def suppressed(finding: Finding, at: Location) -> Finding:
    """What a directive of the language's own, at a place, switches off: it says neither why nor until when."""
    reason = Suppression(kind=IN_SOURCE, justification="", at=at)
    return msgspec.structs.replace(finding, suppressed=reason)


def judge(
    read: ReadResult, required: RequiredAttributes, evaluator: Evaluator, explain: bool, policy: Policy | None = None
) -> UnitResult:
    """Judge what was read. Without ``explain`` nobody looks at undecided questions, so they get no places.

    Directives in comments count where there is a ``policy`` to hold them against.
    """
    said = Suppressions(read.comments, policy, read.metadata)
    # Where there are directives, an undecided question needs its place, or one for it would seem to be of no use.
    explain = explain or bool(said)
    verdicts = verdicts_on(read, required, evaluator, explain)
    findings, silent = split_suppressed(verdicts.findings, said)
    undecided, silent_too = split_suppressed(verdicts.undecided, said)
    suppressed, problems = silent + silent_too, [*read.problems, *verdicts.problems, *said.problems]
    answers = verdicts.answers
    off, used, hidden = _switched_off(read, policy, verdicts.suppressed)
    suppressed += hidden
    seen = findings + suppressed + (undecided if explain else [])
    declarations = declarations_of(read, evaluator.types)
    # Positions in a plan are costly to find, and of no use to its author.
    declared = (one.at for one in declarations) if read.plan is None else ()
    find = read.locate(chain(locations(seen, problems), places_of(answers), declared))
    root = read.root or read.path
    # Of a plan there may be tens of thousands of questions that nobody looks at.
    is_seen = explain or read.plan is None
    # The addresses of declarations in a plan are those of its source, which hold no values.
    is_shown = bool(seen or problems or (declarations and read.plan is None)) or answers is not None
    return UnitResult(
        findings=[with_regions(finding, find, root) for finding in findings],
        undecided=[with_regions(finding, find, root) for finding in undecided] if is_seen else undecided,
        suppressed=[with_regions(finding, find, root) for finding in suppressed],
        problems=[_placed_problem(problem, find) for problem in problems],
        judged=verdicts.judged,
        passed=verdicts.passed,
        read=[read.path],
        unused=said.unused,
        used=said.used | {mark for one in off for _, mark in one.marks if mark in used},
        said=said.said + off,
        root=read.root,
        strangers=read.strangers,
        deployed=read.deployed,
        answers=None if answers is None else with_places(answers, find, root),
        declarations=located(declarations, find),
        assumed=frozenset(static_address(one.address) for one in read.resources.values() if one.assumption is not None),
        secret_texts=read.secret_texts() if is_shown else frozenset(),
    )


def _switched_off(
    read: ReadResult, policy: Policy | None, told: Sequence[Finding]
) -> tuple[list[SuppressionDirective], set[DirectiveId], list[Finding]]:
    """What the directives of Bicep itself say about rules of kvlint, which of them have hidden a finding, and those."""
    if policy is None or not read.switched_off:
        return [], set(), list(told)
    found: list[SuppressionDirective] = []
    used: set[DirectiveId] = set()
    hidden = list(told)
    for path, directives in read.switched_off.items():
        lines = Lines(read.texts.get(path, ""))
        spans = ((index, one.at.span) for index, one in enumerate(told) if one.at.path == path)
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
                finding = told[index]
                used.add((path, start, finding.rule.id))
                if finding.rule.id in named.values():
                    hidden[index] = suppressed(finding, at)
    return found, used, hidden


def split_suppressed(findings: Iterable[Finding], said: Suppressions) -> tuple[list[Finding], list[Finding]]:
    """The findings that count, and those that are suppressed."""
    if not said:
        return list(findings), []
    counted: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        reason = said.of(finding)
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
    """An undecided question to which another input of the same deployment knows a good answer."""
    return msgspec.structs.replace(
        finding, outcome=Outcome.PASS, message=f"{finding.rule.title}.", why="", evidence=(), related=()
    )


def places_of(answers: ControlAnswers | None) -> Iterator[Location]:
    """The same of what holds, and where the vaults are."""
    if answers is not None:
        yield from (vault.at for vault in answers.vaults)
        yield from locations(answers.passes, ())


def with_places(answers: ControlAnswers, find: RegionLookup, root: str) -> ControlAnswers:
    """The answers with all the regions that somebody will want to see."""
    return msgspec.structs.replace(
        answers,
        vaults=tuple(msgspec.structs.replace(vault, at=_located(vault.at, find)) for vault in answers.vaults),
        passes=tuple(with_regions(finding, find, root) for finding in answers.passes),
    )


def _chain(at: Location | None) -> Iterator[Location]:
    """A place, where its value comes from, where that comes from, and so on."""
    while at is not None:
        yield at
        at = at.cause


def with_regions(finding: Finding, find: RegionLookup, root: str) -> Finding:
    """The finding with its region and excerpt, the regions of all other places that it has, and its root."""
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
    """A place with its region, and with those of where its value comes from."""
    place = find(at) if at.region is None else None
    if place is None and at.cause is None:
        return at
    cause = None if at.cause is None else _located(at.cause, find)
    return msgspec.structs.replace(at, region=at.region if place is None else place[0], cause=cause)


def _placed_problem(problem: Problem, find: RegionLookup) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_located(problem.at, find))
