"""Rules x ResourceGraph -> what does not hold, and what cannot be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

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
            local = is_local(rule.when) and is_local(rule.require)
            ready = Ready(rule, judge_of(rule.when, parameters), judge_of(rule.require, parameters), local)
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


class _Run:
    """One evaluation. Resources that say the same (``Resource.common``) get one answer from each local rule."""

    def __init__(self, graph: ResourceGraph, by_type: Mapping[str, list[Ready]], explain: bool) -> None:
        self.world = World(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
        self.known: dict[int, dict[str, Outcome]] = {}
        ready = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = ready[resource.type]
            if rules is not None:
                self.judge(resource, rules)

    def judge(self, resource: Resource, rules: list[Ready]) -> None:
        """Ask every rule about one resource."""
        verdicts, world, stays = self.verdicts, self.world, resource.stays
        known: dict[str, Outcome] | None = None
        if resource.common is not None:
            known = self.known.get(id(resource.common))
            if known is None:
                known = self.known[id(resource.common)] = {}
        if stays and not resource.existing:
            verdicts.judged[resource.type] += 1
        for ready in rules:
            if (not stays and not ready.rule.also_removed) or (resource.existing and not ready.rule.also_existing):
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
                    verdicts.findings.append(told(ready, resource, world, FAIL))
                else:
                    finding = told(ready, resource, world, UNDECIDED) if self.explain else unexplained(ready, resource)
                    verdicts.undecided.append(finding)
            # Whatever goes wrong inside one rule must not take the other rules' answers with it.
            except Exception as error:  # noqa: BLE001
                message = f"rule {ready.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))
