"""Rules x ResourceGraph -> what does not hold, and what cannot be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kvlint.engine.demand import is_local
from kvlint.engine.judge import judge_of
from kvlint.engine.logic import FAIL, PASS, UNDECIDED, implied
from kvlint.engine.message import filled, fingerprint, full_name, undecided_reason
from kvlint.engine.owners import Owners
from kvlint.engine.world import Judge, Trail, World
from kvlint.model.graph import Resource, ResourceGraph
from kvlint.model.report import CALLED, CAUSED, Answers, Evidence, Finding, Note, Outcome, Owner, Problem
from kvlint.model.rule import Rule
from kvlint.model.source import Location

RULE_CRASHED = "KVE004"
# Of what holds, so many resources are told for each rule and owner.
_MOST_PASSES = 3


class Verdicts(msgspec.Struct, kw_only=True):
    """What judging one graph gives. ``judged`` counts resources by type, ``passed`` the questions that passed.

    ``silenced`` is what the author has switched off. ``answers`` are there if the evaluator gives them.
    """

    findings: list[Finding]
    undecided: list[Finding]
    problems: list[Problem]
    judged: Counter[str]
    passed: int
    silenced: list[Finding] = []
    answers: Answers | None = None


class _Ready(msgspec.Struct, frozen=True):
    """A rule whose conditions have been turned into judges. ``local``: they look at nothing but the resource itself."""

    rule: Rule
    when: Judge
    require: Judge
    local: bool

    def outcome(self, resource: Resource, world: World) -> Outcome:
        """The rule's answer about one resource."""
        when = self.when(resource.attributes, resource, world, None, "")
        if when is FAIL:
            return PASS
        require = self.require(resource.attributes, resource, world, None, "")
        return require if when is PASS else implied(when, require)

    def holds(self, resource: Resource, world: World) -> bool:
        """Whether the rule is about a resource, or may be, and holds for it."""
        attributes = resource.attributes
        if self.when(attributes, resource, world, None, "") is FAIL:
            return False
        return self.require(attributes, resource, world, None, "") is PASS


class Evaluator:
    """The loaded rules, ready to judge graphs.

    ``explain``: say of undecided questions what is not known. ``answers``: say also what holds, and of which vault.
    """

    def __init__(self, rules: Iterable[Rule], explain: bool = True, answers: bool = False) -> None:
        self._explain = explain
        self._answers = answers
        self._by_type: dict[str, list[_Ready]] = {}
        for rule in rules:
            parameters: Mapping[str, Any] = {parameter.name: parameter.default for parameter in rule.parameters}
            local = is_local(rule.when) and is_local(rule.require)
            ready = _Ready(rule, judge_of(rule.when, parameters), judge_of(rule.require, parameters), local)
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(ready)

    def evaluate(self, graph: ResourceGraph, explain: bool = False) -> Verdicts:
        """Judge every resource of ``graph`` by every rule for its type.

        ``explain``: say what is not known of this graph, even if not of others.

        A rule that crashes on a resource is a Problem naming both; the others still run.
        """
        verdicts = _Run(graph, self._by_type, explain or self._explain).verdicts
        if self._answers:
            verdicts.answers = self._answered(graph, verdicts)
        return verdicts

    def _answered(self, graph: ResourceGraph, verdicts: Verdicts) -> Answers:
        """What else there is to say of a graph that has been judged."""
        owners = Owners(graph)
        passes = tuple(_passes(graph, self._by_type, owners))
        told = dict.fromkeys(one.resource for one in (*verdicts.findings, *verdicts.undecided, *passes))
        return Answers(vaults=owners.vaults(), passes=passes, owners={address: owners.of(address) for address in told})


class _Run:
    """One evaluation. Resources that say the same (``Resource.common``) get one answer from each local rule."""

    def __init__(self, graph: ResourceGraph, by_type: Mapping[str, list[_Ready]], explain: bool) -> None:
        self.world = World(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
        self.known: dict[int, dict[str, Outcome]] = {}
        ready = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = ready[resource.type]
            if rules is not None and not resource.existing:
                self.judge(resource, rules)

    def judge(self, resource: Resource, rules: list[_Ready]) -> None:
        """Ask every rule about one resource."""
        verdicts, world, stays = self.verdicts, self.world, resource.stays
        known: dict[str, Outcome] | None = None
        if resource.common is not None:
            known = self.known.get(id(resource.common))
            if known is None:
                known = self.known[id(resource.common)] = {}
        if stays:
            verdicts.judged[resource.type] += 1
        for ready in rules:
            if not stays and not ready.rule.also_removed:
                continue
            try:
                shared = known if ready.local else None
                outcome = shared.get(ready.rule.id) if shared is not None else None
                if outcome is None:
                    outcome = ready.outcome(resource, world)
                    if shared is not None:
                        shared[ready.rule.id] = outcome
                if outcome is PASS:
                    verdicts.passed += 1
                elif outcome is FAIL:
                    verdicts.findings.append(_finding(ready, resource, world, FAIL))
                else:
                    finding = (
                        _finding(ready, resource, world, UNDECIDED) if self.explain else _unexplained(ready, resource)
                    )
                    verdicts.undecided.append(finding)
            # Whatever goes wrong inside one rule must not take the other rules' answers with it.
            except Exception as error:  # noqa: BLE001
                message = f"rule {ready.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))


def _passes(graph: ResourceGraph, by_type: Mapping[str, list[_Ready]], owners: Owners) -> Iterator[Finding]:
    """What holds, and why: of each rule a few of the resources that it is about, for each owner of such resources."""
    world = World(graph)
    count: Counter[tuple[str, Owner]] = Counter()
    for resource in graph.resources.values():
        rules = by_type.get(resource.type.lower(), ())
        if not rules or resource.existing or not resource.stays:
            continue
        owner = owners.of(resource.address)
        for ready in rules:
            key = (ready.rule.id, owner)
            try:
                if count[key] < _MOST_PASSES and ready.holds(resource, world):
                    count[key] += 1
                    yield _finding(ready, resource, world, PASS)
            # The run before has told that the rule crashes here.
            except Exception:  # noqa: BLE001, S112
                continue


def _unexplained(ready: _Ready, resource: Resource) -> Finding:
    """An undecided question of which nobody wants to know more than that there is one."""
    return Finding(
        rule=ready.rule,
        outcome=UNDECIDED,
        message="",
        arguments=(),
        resource=resource.address,
        full_name=resource.name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=resource.at,
        fingerprint="",
    )


def _finding(ready: _Ready, resource: Resource, world: World, outcome: Outcome) -> Finding:
    """The finding, with the evidence that decided: the same question asked again, with a trail."""
    trail: Trail = []
    require = ready.require(resource.attributes, resource, world, trail, "")
    deciding = [note for note in trail if note.outcome is outcome] if require is outcome else []
    if require is not outcome or outcome is UNDECIDED:
        doubts: Trail = []
        if ready.when(resource.attributes, resource, world, doubts, "") is UNDECIDED:
            deciding += [note for note in doubts if note.outcome is UNDECIDED]
    first = deciding[0] if deciding else None
    own = first is not None and first.at.address == resource.address
    place = first.at if own and first is not None else resource.at
    at = msgspec.structs.replace(place, address=resource.address, attribute=place.attribute if own else None)
    name = full_name(resource, world)
    message, arguments = filled(ready.rule.message, resource, name, deciding)
    why = undecided_reason(deciding, resource) if outcome is UNDECIDED else ""
    if outcome is not FAIL:
        message = f"'{resource.address}': not decided, {why}." if why else f"{ready.rule.title}."
    return Finding(
        rule=ready.rule,
        outcome=outcome,
        message=message,
        arguments=arguments,
        resource=resource.address,
        full_name=name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=at,
        fingerprint=fingerprint(ready.rule.id, at, resource.callers),
        evidence=tuple(deciding),
        related=related(resource, deciding, at),
        why=why,
        resource_at=resource.at,
        callers=resource.callers,
    )


def related(resource: Resource, deciding: Sequence[Evidence], at: Location) -> tuple[Note, ...]:
    """The other resources that the evidence is about, each once, where values come from, and the calls that lead here.

    A value that a caller hands in is edited in the caller's file: then the resource itself is worth a look too.
    """
    notes: dict[str, Note] = {}
    for note in deciding:
        address = note.at.address
        if address is not None and address != resource.address and address not in notes:
            said = f"{note.asked} is {note.found}" if note.asked else note.found
            text = f"{address}: {said}"
            notes[address] = Note(text=text, at=note.at)
    origins: dict[tuple[object, ...], Note] = {at.spot: Note(text=CAUSED, at=at)}
    for note in deciding:
        if note.at.address == resource.address:
            for cause in _causes(note.at):
                origins.setdefault(cause.spot, Note(text=CAUSED, at=cause))
    del origins[at.spot]
    calls = [Note(text=CALLED, at=caller) for caller in resource.callers]
    if at.path != resource.at.path:
        calls.append(Note(text=f"{resource.address} is declared here", at=resource.at))
    return (*notes.values(), *origins.values(), *calls)


def _causes(at: Location) -> Iterator[Location]:
    """Where a value comes from, the nearest place first."""
    cause = at.cause
    while cause is not None:
        yield cause
        cause = cause.cause
