"""Rules x ResourceGraph -> what does not hold, and what cannot be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kvlint.engine.judge import Judge, Trail, judge_of
from kvlint.engine.logic import FAIL, UNDECIDED, implied
from kvlint.engine.message import filled, fingerprint, full_name, undecided_reason
from kvlint.engine.world import World
from kvlint.model.graph import Resource, ResourceGraph
from kvlint.model.report import Evidence, Finding, Note, Outcome, Problem
from kvlint.model.rule import Rule
from kvlint.model.source import Location

RULE_CRASHED = "KVE004"


class Verdicts(msgspec.Struct, kw_only=True):
    """What judging one graph gives. ``judged`` counts resources by type, ``passed`` the questions that passed."""

    findings: list[Finding]
    undecided: list[Finding]
    problems: list[Problem]
    judged: Counter[str]
    passed: int


class _Ready(msgspec.Struct, frozen=True):
    """A rule whose conditions have been turned into judges."""

    rule: Rule
    when: Judge
    require: Judge


class Evaluator:
    """The loaded rules, ready to judge graphs."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_type: dict[str, list[_Ready]] = {}
        for rule in rules:
            parameters: Mapping[str, Any] = {parameter.name: parameter.default for parameter in rule.parameters}
            ready = _Ready(rule, judge_of(rule.when, parameters), judge_of(rule.require, parameters))
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(ready)

    def evaluate(self, graph: ResourceGraph) -> Verdicts:
        """Judge every resource of ``graph`` by every rule for its type.

        A rule that crashes on a resource is a Problem naming both; the others still run.
        """
        world = World(graph)
        verdicts = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
        lower = {type_: type_.lower() for type_ in {resource.type for resource in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = self._by_type.get(lower[resource.type])
            if rules is None or resource.existing:
                continue
            if resource.stays:
                verdicts.judged[resource.type] += 1
            for ready in rules:
                if resource.stays or ready.rule.also_removed:
                    self._judge(ready, resource, world, verdicts)
        return verdicts

    @staticmethod
    def _judge(ready: _Ready, resource: Resource, world: World, verdicts: Verdicts) -> None:
        try:
            when = ready.when(resource.attributes, resource, world, None, "")
            if when is not FAIL:
                outcome = implied(when, ready.require(resource.attributes, resource, world, None, ""))
                if outcome is FAIL:
                    verdicts.findings.append(_finding(ready, resource, world, FAIL))
                    return
                if outcome is UNDECIDED:
                    verdicts.undecided.append(_finding(ready, resource, world, UNDECIDED))
                    return
            verdicts.passed += 1
        # Whatever goes wrong inside one rule must not take the other rules' answers with it.
        except Exception as error:  # noqa: BLE001
            message = f"rule {ready.rule.id} failed on '{resource.address}': {type(error).__name__}: {error}"
            verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))


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
    at = Location(
        path=place.path, region=place.region, address=resource.address, attribute=place.attribute if own else None
    )
    name = full_name(resource, world)
    message, arguments = filled(ready.rule.message, resource, name, deciding)
    why = undecided_reason(deciding) if outcome is UNDECIDED else ""
    return Finding(
        rule=ready.rule,
        outcome=outcome,
        message=message if outcome is FAIL else f"'{resource.address}': not decided, {why}.",
        arguments=arguments,
        resource=resource.address,
        full_name=name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=at,
        fingerprint=fingerprint(ready.rule.id, at),
        evidence=tuple(deciding),
        related=_related(resource, deciding),
        why=why,
    )


def _related(resource: Resource, deciding: list[Evidence]) -> tuple[Note, ...]:
    """The other resources that the evidence is about, each once."""
    notes: dict[str, Note] = {}
    for note in deciding:
        address = note.at.address
        if address is not None and address != resource.address and address not in notes:
            attribute = f"{note.at.attribute} is {note.found}" if note.at.attribute else note.found
            text = f"{address}: {attribute}"
            notes[address] = Note(text=text, at=note.at)
    return tuple(notes.values())


