"""One unit judged: its findings with the places that a reader will look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from kvlint.engine.evaluate import Evaluator, Verdicts
from kvlint.model.graph import Demand
from kvlint.model.report import Finding, Problem
from kvlint.model.source import Location
from kvlint.readers.build import build_graph
from kvlint.readers.read import Find, Read


class Judged(msgspec.Struct, kw_only=True):
    """What judging gives, of one unit or of many. ``read`` are the paths of what was read."""

    findings: list[Finding] = msgspec.field(default_factory=list)
    undecided: list[Finding] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    judged: Counter[str] = msgspec.field(default_factory=Counter)
    passed: int = 0
    read: list[str] = msgspec.field(default_factory=list)

    def add(self, other: Judged) -> None:
        """Take in what judging another unit gave."""
        self.findings += other.findings
        self.undecided += other.undecided
        self.problems += other.problems
        self.judged.update(other.judged)
        self.passed += other.passed
        self.read += other.read


def verdicts_on(read: Read, demand: Demand, evaluator: Evaluator) -> Verdicts:
    """What the rules say of what was read, without what the author has switched off."""
    verdicts = evaluator.evaluate(build_graph(read.resources, demand, read.closed))
    verdicts.findings = [one for one in verdicts.findings if not read.is_suppressed(one.at, one.rule.id)]
    verdicts.undecided = [one for one in verdicts.undecided if not read.is_suppressed(one.at, one.rule.id)]
    return verdicts


def judge(read: Read, demand: Demand, evaluator: Evaluator, explain: bool) -> Judged:
    """Judge what was read. Without ``explain`` nobody looks at undecided questions, so they get no places."""
    verdicts = verdicts_on(read, demand, evaluator)
    problems = [*read.problems, *verdicts.problems]
    told = verdicts.findings + (verdicts.undecided if explain else [])
    find = read.places(_locations(told, problems))
    return Judged(
        findings=[placed(finding, find) for finding in verdicts.findings],
        undecided=[placed(finding, find) for finding in verdicts.undecided],
        problems=[_placed_problem(problem, find) for problem in problems],
        judged=verdicts.judged,
        passed=verdicts.passed,
        read=[read.path],
    )


def _locations(findings: Iterable[Finding], problems: Iterable[Problem]) -> Iterator[Location]:
    """Every place that somebody will want to see."""
    for finding in findings:
        yield finding.at
        yield from (note.at for note in finding.related)
        yield from (evidence.at for evidence in finding.evidence)
    for problem in problems:
        if problem.at is not None:
            yield problem.at


def placed(finding: Finding, find: Find) -> Finding:
    """The finding with its region and excerpt, and the regions of what it is related to."""
    place = find(finding.at) if finding.at.region is None else None
    if place is None:
        return finding
    region, excerpt = place
    return msgspec.structs.replace(
        finding,
        at=msgspec.structs.replace(finding.at, region=region),
        excerpt=excerpt,
        related=tuple(msgspec.structs.replace(note, at=_located(note.at, find)) for note in finding.related),
        evidence=tuple(msgspec.structs.replace(one, at=_located(one.at, find)) for one in finding.evidence),
    )


def _located(at: Location, find: Find) -> Location:
    place = find(at) if at.region is None else None
    return at if place is None else msgspec.structs.replace(at, region=place[0])


def _placed_problem(problem: Problem, find: Find) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_located(problem.at, find))


def once(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: a template may be judged with several sets of parameters."""
    kept: dict[tuple[str, str, str], Finding] = {}
    plain: list[Finding] = []
    for finding in findings:
        if finding.fingerprint:
            kept.setdefault((finding.fingerprint, finding.resource, finding.message), finding)
        else:
            plain.append(finding)
    return [*kept.values(), *plain]
