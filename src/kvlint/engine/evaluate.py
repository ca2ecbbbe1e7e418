"""Rules x ResourceGraph -> what does not hold, and what cannot be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from kvlint.engine.demand import is_local
from kvlint.engine.judge import judge_of
from kvlint.engine.logic import FAIL, PASS, UNDECIDED
from kvlint.engine.ready import Ready, told, unexplained
from kvlint.engine.world import World
from kvlint.model.graph import Resource, ResourceGraph
from kvlint.model.report import Answers, Finding, Outcome, Problem
from kvlint.model.rule import Rule

RULE_CRASHED = "KVE004"


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


class Evaluator:
    """The loaded rules, ready to judge graphs.

    ``explain``: say of undecided questions what is not known. ``answers``: say also what holds, and of which vault.
    """

    def __init__(self, rules: Iterable[Rule], explain: bool = True, answers: bool = False) -> None:
        self._explain = explain
        self._answers = answers
        self._by_type: dict[str, list[Ready]] = {}
        for rule in rules:
            parameters: Mapping[str, Any] = {parameter.name: parameter.default for parameter in rule.parameters}
            when, local_when = judge_of(rule.when, parameters), is_local(rule.when)
            local = local_when and is_local(rule.require)
            ready = Ready(rule, when, judge_of(rule.require, parameters), local, local_when)
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(ready)

    def evaluate(self, graph: ResourceGraph, explain: bool = False) -> Verdicts:
        """Judge every resource of ``graph`` by every rule for its type.

        ``explain``: say what is not known of this graph, even if not of others.

        A rule that crashes on a resource is a Problem naming both; the others still run.
        """
        verdicts = _Run(graph, self._by_type, explain or self._explain).verdicts
        if self._answers:
            from kvlint.engine.answers import answers_of

            verdicts.answers = answers_of(graph, self._by_type, verdicts.findings + verdicts.undecided)
        return verdicts


class _Open(NamedTuple):
    """What is left to ask of resources that say the same: rules with their answer, or None if it is each one's own.

    ``passed`` counts the rules that are not among them, because they pass for all.
    """

    rules: list[tuple[Ready, Outcome | None]]
    passed: int


class _Run:
    """One evaluation. Resources that say the same (``Resource.common``) get one answer from each local rule."""

    def __init__(self, graph: ResourceGraph, by_type: Mapping[str, list[Ready]], explain: bool) -> None:
        self.world = World(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
        self.known: dict[tuple[object, ...], _Open] = {}
        ready = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = ready[resource.type]
            if rules is not None:
                self.judge(resource, rules)

    def judge(self, resource: Resource, rules: list[Ready]) -> None:
        """Ask every rule about one resource."""
        verdicts = self.verdicts
        if resource.stays and not resource.existing:
            verdicts.judged[resource.type] += 1
        left = self._open(resource, rules)
        verdicts.passed += left.passed
        for ready, known in left.rules:
            try:
                outcome = ready.outcome(resource, self.world) if known is None else known
                if outcome is PASS:
                    verdicts.passed += 1
                elif outcome is FAIL:
                    verdicts.findings.append(told(ready, resource, self.world, FAIL))
                elif self.explain:
                    verdicts.undecided.append(told(ready, resource, self.world, UNDECIDED))
                else:
                    verdicts.undecided.append(unexplained(ready, resource))
            # Whatever goes wrong inside one rule must not take the other rules' answers with it.
            except Exception as error:  # noqa: BLE001
                message = f"rule {ready.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))

    def _open(self, resource: Resource, rules: list[Ready]) -> _Open:
        """What is left to ask of a resource once all is known that others like it have in common with it."""
        if resource.common is None:
            return _Open([(ready, None) for ready in rules if _concerns(ready, resource)], 0)
        key = id(resource.common), resource.type, resource.existing, resource.stays
        found = self.known.get(key)
        if found is None:
            answers = [(ready, self._shared(ready, resource)) for ready in rules if _concerns(ready, resource)]
            open_ = [(ready, outcome) for ready, outcome in answers if outcome is not PASS]
            found = self.known[key] = _Open(open_, len(answers) - len(open_))
        return found

    def _shared(self, ready: Ready, resource: Resource) -> Outcome | None:
        """What a rule says of all resources that say the same, as far as that follows; None if each has to be asked."""
        try:
            if ready.local:
                return ready.outcome(resource, self.world)
            # What a rule is not about it passes, whatever else there is.
            return PASS if ready.local_when and not ready.concerns(resource, self.world) else None
        except Exception:  # noqa: BLE001  # asked again for each of them, it is told for each
            return None


def _concerns(ready: Ready, resource: Resource) -> bool:
    """Whether a rule is about such resources at all: what is there already, or goes away, concerns only some."""
    rule = ready.rule
    return (resource.stays or rule.also_removed) and (not resource.existing or rule.also_existing)
