"""Rules x ResourceGraph -> what fails, and what is unknown."""

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
    """The results of one graph. ``resource_counts`` are by type, ``passed`` counts the checks that passed.

    ``suppressed`` is what the author disabled. ``control_answers`` are there if the evaluator computes them.
    """

    findings: list[Finding]
    undecided: list[Finding]
    problems: list[Problem]
    resource_counts: Counter[str]
    passed: int
    suppressed: list[Finding] = []
    control_answers: ControlAnswers | None = None


class Evaluator:
    """The loaded rules, which evaluate graphs.

    ``explain``: report why results are unknown. ``with_controls``: report also what passes, and its vault.
    """

    def __init__(self, rules: Iterable[Rule], explain: bool = True, with_controls: bool = False) -> None:
        self._explain = explain
        self._answers = with_controls
        self._by_type: dict[str, list[Rule]] = {}
        self._ready: dict[str, CompiledRule] = {}
        for rule in rules:
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(rule)

    @property
    def types(self) -> Container[str]:
        """Return the types that any rule checks, in lower case."""
        return self._by_type.keys()

    def evaluate(self, graph: ResourceGraph, explain: bool = False) -> Verdicts:
        """Evaluate every resource of ``graph`` with every rule for its type.

        ``explain``: report why results of this graph are unknown, even if not of others.

        A rule that crashes on a resource is a Problem naming both; the others still run.
        """
        types = {resource.type.lower() for resource in graph.resources.values()}
        by_type = {
            type_: [self._compiled(rule) for rule in rules] for type_, rules in self._by_type.items() if type_ in types
        }
        verdicts = _Run(graph, by_type, explain or self._explain).verdicts
        if self._answers:
            from azkvlint.engine.passes import control_answers

            verdicts.control_answers = control_answers(graph, by_type, verdicts.findings + verdicts.undecided)
        return verdicts

    def _compiled(self, rule: Rule) -> CompiledRule:
        """Return a rule, made ready when it is first needed: an input has few of all types that rules are about."""
        found = self._ready.get(rule.id)
        if found is None:
            parameters = parameters_of(rule)
            compiled = CompiledRule(
                rule, compile_condition(rule.when, parameters), compile_condition(rule.require, parameters)
            )
            found = self._ready[rule.id] = compiled
        return found


def parameters_of(rule: Rule) -> Mapping[str, Any]:
    """Return the values of a rule's parameters, by name."""
    return {parameter.name: parameter.default for parameter in rule.parameters}


class _Open(msgspec.Struct, frozen=True):
    """What is left to evaluate for resources with the same attributes. ``passed`` counts the rules that all pass."""

    partials: list[PartialRule]
    passed: int


class _Run:
    """One evaluation. What follows from shared attributes is evaluated once."""

    def __init__(self, graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], explain: bool) -> None:
        self.index = GraphIndex(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], undecided=[], problems=[], resource_counts=Counter(), passed=0)
        self.known: dict[tuple[object, ...], _Open | None] = {}
        self.nodes: dict[str, tuple[PredicateNode, PredicateNode]] = {}
        # By type, and by whether they exist and stay.
        self.rules: dict[tuple[str, bool, bool], list[PartialRule]] = {}
        compiled = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = compiled[resource.type]
            if rules is not None:
                self.evaluate(resource, rules)

    def evaluate(self, resource: Resource, rules: list[CompiledRule]) -> None:
        """Evaluate every rule for one resource."""
        verdicts, index, stays = self.verdicts, self.index, resource.stays
        if stays and not resource.existing:
            verdicts.resource_counts[resource.type] += 1
        kind = (resource.type, resource.existing, stays)
        asked = self.rules.get(kind)
        if asked is None:
            asked = self.rules[kind] = [unevaluated(compiled) for compiled in rules if _concerns(compiled, resource)]
        if resource.shared_attributes is not None:
            asked, passed = self._left(resource, asked)
            verdicts.passed += passed
        for partial in asked:
            compiled = partial.compiled
            try:
                outcome = partial.evaluate(resource, index)
                if outcome is PASS:
                    verdicts.passed += 1
                elif outcome is FAIL:
                    verdicts.findings.append(make_finding(compiled, resource, index, FAIL))
                elif self.explain:
                    verdicts.undecided.append(make_finding(compiled, resource, index, UNDECIDED))
                else:
                    verdicts.undecided.append(bare_finding(compiled, resource))
            except MemoryError:
                raise
            # An error inside one rule must not lose the results of the others.
            except Exception as error:  # noqa: BLE001
                message = f"rule {compiled.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))

    def _left(self, resource: Resource, asked: list[PartialRule]) -> tuple[list[PartialRule], int]:
        """Return what is left to evaluate for a resource, and how many rules pass for all with the same attributes.

        Many resources are the only ones with their attributes: for those nothing is evaluated ahead.
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
            group = SharedResources(resource, self.index, names)
            every = [group.partial_rule(one.compiled, *self._nodes(one.compiled)) for one in asked]
            left = [one for one in every if one.known is not PASS]
            found = self.known[key] = _Open(left, len(every) - len(left))
        return found.partials, found.passed

    def _nodes(self, compiled: CompiledRule) -> tuple[PredicateNode, PredicateNode]:
        rule = compiled.rule
        found = self.nodes.get(rule.id)
        if found is None:
            parameters = parameters_of(rule)
            found = self.nodes[rule.id] = (node_of(rule.when, parameters), node_of(rule.require, parameters))
        return found


def _concerns(compiled: CompiledRule, resource: Resource) -> bool:
    """Return whether a rule is about such resources at all: what is there already, or goes away, concerns only some."""
    rule = compiled.rule
    return (resource.stays or rule.also_removed) and (not resource.existing or rule.also_existing)
