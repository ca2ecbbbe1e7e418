"""Rules x ResourceGraph -> what does not hold, and what cannot be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec

from azkvlint.engine.compiler import compile_condition
from azkvlint.engine.findings import CompiledRule, bare_finding, make_finding
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.engine.shared_evaluation import PartialRule, PredicateNode, SharedResources, node_of, unevaluated
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED
from azkvlint.model.finding import ControlAnswers, Finding, Problem
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.rule import Rule
from azkvlint.model.value import MapValue

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
    suppressed: list[Finding] = []
    answers: ControlAnswers | None = None


class Evaluator:
    """The loaded rules, ready to judge graphs.

    ``explain``: say of undecided questions what is not known. ``answers``: say also what holds, and of which vault.
    """

    def __init__(self, rules: Iterable[Rule], explain: bool = True, answers: bool = False) -> None:
        self._explain = explain
        self._answers = answers
        self._by_type: dict[str, list[Rule]] = {}
        self._ready: dict[str, CompiledRule] = {}
        for rule in rules:
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(rule)

    @property
    def types(self) -> Container[str]:
        """The types that any rule checks, in lower case."""
        return self._by_type.keys()

    def evaluate(self, graph: ResourceGraph, explain: bool = False) -> Verdicts:
        """Judge every resource of ``graph`` by every rule for its type.

        ``explain``: say what is not known of this graph, even if not of others.

        A rule that crashes on a resource is a Problem naming both; the others still run.
        """
        types = {resource.type.lower() for resource in graph.resources.values()}
        by_type = {
            type_: [self._of(rule) for rule in rules] for type_, rules in self._by_type.items() if type_ in types
        }
        verdicts = _Run(graph, by_type, explain or self._explain).verdicts
        if self._answers:
            from azkvlint.engine.passes import answers_of

            verdicts.answers = answers_of(graph, by_type, verdicts.findings + verdicts.undecided)
        return verdicts

    def _of(self, rule: Rule) -> CompiledRule:
        """A rule, made ready when it is first needed: an input has few of all types that rules are about."""
        found = self._ready.get(rule.id)
        if found is None:
            parameters = parameters_of(rule)
            ready = CompiledRule(
                rule, compile_condition(rule.when, parameters), compile_condition(rule.require, parameters)
            )
            found = self._ready[rule.id] = ready
        return found


def parameters_of(rule: Rule) -> Mapping[str, Any]:
    """The values of a rule's parameters, by name."""
    return {parameter.name: parameter.default for parameter in rule.parameters}


class _Open(msgspec.Struct, frozen=True):
    """What is left to ask of resources that say the same. ``passed`` counts the rules that pass for all of them."""

    questions: list[PartialRule]
    passed: int


class _Run:
    """One evaluation. Of resources that say the same what follows from that is worked out once."""

    def __init__(self, graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], explain: bool) -> None:
        self.world = GraphIndex(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
        self.known: dict[tuple[object, ...], _Open | None] = {}
        self.nodes: dict[str, tuple[PredicateNode, PredicateNode]] = {}
        # By type, and by whether they exist and stay.
        self.rules: dict[tuple[str, bool, bool], list[PartialRule]] = {}
        ready = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = ready[resource.type]
            if rules is not None:
                self.judge(resource, rules)

    def judge(self, resource: Resource, rules: list[CompiledRule]) -> None:
        """Ask every rule about one resource."""
        verdicts, world, stays = self.verdicts, self.world, resource.stays
        if stays and not resource.existing:
            verdicts.judged[resource.type] += 1
        kind = (resource.type, resource.existing, stays)
        asked = self.rules.get(kind)
        if asked is None:
            asked = self.rules[kind] = [unevaluated(ready) for ready in rules if _concerns(ready, resource)]
        if resource.shared_attributes is not None:
            asked, passed = self._left(resource, asked)
            verdicts.passed += passed
        for question in asked:
            ready = question.ready
            try:
                outcome = question.evaluate(resource, world)
                if outcome is PASS:
                    verdicts.passed += 1
                elif outcome is FAIL:
                    verdicts.findings.append(make_finding(ready, resource, world, FAIL))
                elif self.explain:
                    verdicts.undecided.append(make_finding(ready, resource, world, UNDECIDED))
                else:
                    verdicts.undecided.append(bare_finding(ready, resource))
            except MemoryError:
                raise
            # Whatever goes wrong inside one rule must not take the other rules' answers with it.
            except Exception as error:  # noqa: BLE001
                message = f"rule {ready.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))

    def _left(self, resource: Resource, asked: list[PartialRule]) -> tuple[list[PartialRule], int]:
        """What is left to ask of a resource, and how many rules pass for all that say the same.

        Many resources are the only ones that say what they say: of those nothing is worked out ahead.
        """
        derived = resource.attributes.fields.get("derived")
        if not isinstance(derived, MapValue) or derived.rest is not None:
            return asked, 0
        names = tuple(derived.fields)
        key = (id(resource.shared_attributes), resource.existing, names)
        if key not in self.known:
            self.known[key] = None
            return asked, 0
        found = self.known[key]
        if found is None:
            group = SharedResources(resource, self.world, names)
            every = [group.partial_rule(one.ready, *self._nodes(one.ready)) for one in asked]
            left = [one for one in every if one.known is not PASS]
            found = self.known[key] = _Open(left, len(every) - len(left))
        return found.questions, found.passed

    def _nodes(self, ready: CompiledRule) -> tuple[PredicateNode, PredicateNode]:
        rule = ready.rule
        found = self.nodes.get(rule.id)
        if found is None:
            parameters = parameters_of(rule)
            found = self.nodes[rule.id] = (node_of(rule.when, parameters), node_of(rule.require, parameters))
        return found


def _concerns(ready: CompiledRule, resource: Resource) -> bool:
    """Whether a rule is about such resources at all: what is there already, or goes away, concerns only some."""
    rule = ready.rule
    return (resource.stays or rule.also_removed) and (not resource.existing or rule.also_existing)
