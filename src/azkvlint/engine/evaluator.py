"""Evaluate rules on a resource graph, resources with equal attributes once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.engine.compiler import always, combine, combine_parts, compile_condition, opposite
from azkvlint.engine.findings import CompiledRule, bare_finding, make_finding
from azkvlint.engine.graph_index import GraphIndex, Predicate
from azkvlint.engine.required_attributes import is_local
from azkvlint.evaluation.budget import UnitWork
from azkvlint.model.finding import (
    FAIL,
    PASS,
    UNKNOWN,
    ControlAnswers,
    Finding,
    Outcome,
    Problem,
    implication,
    negate,
)
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, ItemsCondition, Not, Rule
from azkvlint.model.value import MapValue, Path
from azkvlint.util.errors import OUT_OF_MEMORY


class PartialRule(msgspec.Struct, frozen=True):
    """A rule with its known outcome, or with the conditions left to evaluate; ``when`` is None if it holds for all."""

    compiled: CompiledRule
    known: Outcome | None
    when: Predicate | None
    require: Predicate

    def evaluate(self, resource: Resource, index: GraphIndex) -> Outcome:
        """Return the outcome for one of the resources."""
        if self.known is not None:
            return self.known
        attributes = resource.attributes
        if self.when is None:
            return self.require(attributes, resource, index, None, "")
        when = self.when(attributes, resource, index, None, "")
        if when is FAIL:
            return PASS
        require = self.require(attributes, resource, index, None, "")
        return require if when is PASS else implication(when, require)


def without_outcome(compiled: CompiledRule) -> PartialRule:
    """Return a rule without a known outcome."""
    return PartialRule(compiled, None, None if compiled.is_for_all else compiled.when, compiled.require)


class PredicateNode(msgspec.Struct, frozen=True):
    """A condition with its predicate. ``derived`` is the derived attribute on which it depends, or ""."""

    predicate: Predicate
    is_own: bool
    derived: str
    kind: type[Condition]
    of: tuple[PredicateNode, ...] = ()


def node_of(condition: Condition, parameters: Mapping[str, Any]) -> PredicateNode:
    """Return the node of a condition. ``parameters`` are the rule's, by name."""
    children: tuple[PredicateNode, ...] = ()
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            children = tuple(node_of(part, parameters) for part in parts)
        case Not(of=part):
            children = (node_of(part, parameters),)
    if children:
        predicate = combine_parts(condition, [child.predicate for child in children])
    else:
        predicate = compile_condition(condition, parameters)
    is_own = is_local(condition)
    return PredicateNode(predicate, is_own, "" if is_own else _derived(condition), type(condition), children)


def _derived(condition: Condition) -> str:
    path: Path = ()
    match condition:
        case AttributeCondition(path=path):
            pass
        case ItemsCondition(path=path, where=where) if is_local(where, inside=True):
            pass
    return str(path[1]) if path[:1] == ("derived",) and len(path) > 1 else ""


class SharedResources:
    """Resources with the same shared attributes and the same ``names`` of derived ones, represented by one of them."""

    def __init__(self, resource: Resource, index: GraphIndex, names: Collection[str]) -> None:
        self._resource = resource
        self._index = index
        self._names = names

    def partial_rule(self, compiled: CompiledRule, when: PredicateNode, require: PredicateNode) -> PartialRule:
        """Return the outcome of a rule for all of them, or the conditions left to evaluate."""
        try:
            applies, required = self._reduce(when), self._reduce(require)
        except OUT_OF_MEMORY:
            raise
        except Exception:  # noqa: BLE001  # reported when each resource is evaluated
            return without_outcome(compiled)
        if applies is FAIL or required is PASS:
            return PartialRule(compiled, PASS, None, compiled.require)
        if isinstance(applies, Outcome) and isinstance(required, Outcome):
            return PartialRule(compiled, implication(applies, required), None, compiled.require)
        return PartialRule(compiled, None, None if applies is PASS else _predicate(applies), _predicate(required))

    def _reduce(self, node: PredicateNode) -> Outcome | Predicate:
        """Return the outcome of a condition if it is the same for all of them; otherwise what is left to evaluate."""
        if node.is_own or (node.derived and node.derived not in self._names):
            return node.predicate(self._resource.attributes, self._resource, self._index, None, "")
        if not node.of:
            return node.predicate
        parts = [self._reduce(part) for part in node.of]
        if node.kind is Not:
            return negate(parts[0]) if isinstance(parts[0], Outcome) else opposite(parts[0])
        stop, start = (FAIL, PASS) if node.kind is All else (PASS, FAIL)
        if stop in parts:
            return stop
        left = [part for part in parts if part is not start]
        if all(part is UNKNOWN for part in left):
            return UNKNOWN if left else start
        return combine([*map(_predicate, left)], worst=node.kind is All)


def _predicate(reduced: Outcome | Predicate) -> Predicate:
    return always(reduced) if isinstance(reduced, Outcome) else reduced


RULE_CRASHED = "KVE004"

# The conditions of rules by rule ID: ``when`` and ``require``. They do not depend on a graph.
_Nodes: TypeAlias = dict[str, tuple[PredicateNode, PredicateNode]]


class Verdicts(msgspec.Struct, kw_only=True):
    """The results of one graph. ``resource_counts`` are by type; ``passed`` counts the checks that passed.

    ``suppressed`` are results that the author disabled. ``control_answers`` are None unless the evaluator computes
    them.
    """

    findings: list[Finding]
    unknown: list[Finding]
    problems: list[Problem]
    resource_counts: Counter[str]
    passed: int
    suppressed: list[Finding] = []
    control_answers: ControlAnswers | None = None


class RuleEvaluator:
    """Evaluates graphs with a set of rules.

    ``explain``: give reasons for unknown results. ``with_controls``: also return results that pass, and the vault of
    each.
    """

    def __init__(self, rules: Iterable[Rule], explain: bool = True, with_controls: bool = False) -> None:
        self._explain = explain
        self._answers = with_controls
        self._by_type: dict[str, list[Rule]] = {}
        self._ready: dict[str, CompiledRule] = {}
        self._nodes: _Nodes = {}
        for rule in rules:
            for type_ in dict.fromkeys(type_.lower() for type_ in rule.resources):
                self._by_type.setdefault(type_, []).append(rule)

    @property
    def types(self) -> Container[str]:
        """Return the lower-case types that any rule checks."""
        return self._by_type.keys()

    def evaluate(
        self,
        graph: ResourceGraph,
        explain: bool = False,
        unit: UnitWork | None = None,
        only: Container[str] | None = None,
    ) -> Verdicts:
        """Evaluate every resource of ``graph``, or ``only`` those with some addresses, with every rule for its type.

        ``explain``: give reasons for the unknown results of this graph even if the evaluator does not. A rule that
        crashes on a resource is reported as a Problem, and the other rules still run.
        """
        types = {resource.type.lower() for resource in graph.resources.values()}
        by_type = {
            type_: [self._compiled(rule) for rule in rules] for type_, rules in self._by_type.items() if type_ in types
        }
        verdicts = _RuleRun(graph, by_type, explain or self._explain, self._nodes, only).verdicts
        if self._answers:
            from azkvlint.engine.vault_ownership import control_answers

            verdicts.control_answers = control_answers(graph, by_type, verdicts.findings + verdicts.unknown, unit, only)
        return verdicts

    def _compiled(self, rule: Rule) -> CompiledRule:
        """Return the compiled rule, compiled on first use: an input has few of the types that rules check."""
        if rule.id not in self._ready:
            parameters = parameters_of(rule)
            when, require = self._nodes[rule.id] = node_of(rule.when, parameters), node_of(rule.require, parameters)
            gradings = tuple((one.severity, compile_condition(one.when, parameters)) for one in rule.severity_if)
            fixes = tuple(compile_condition(one.when, parameters) for one in rule.fix_if)
            self._ready[rule.id] = CompiledRule(rule, when.predicate, require.predicate, gradings, fixes)
        return self._ready[rule.id]


def parameters_of(rule: Rule) -> Mapping[str, Any]:
    """Return the values of a rule's parameters by name."""
    return {parameter.name: parameter.default for parameter in rule.parameters}


class _RemainingRules(msgspec.Struct, frozen=True):
    """The rules left to evaluate for resources with shared attributes; ``passed`` counts those that pass for all."""

    partials: list[PartialRule]
    passed: int


class _RuleRun:
    """One evaluation. Results that depend on shared attributes alone are evaluated once."""

    def __init__(
        self,
        graph: ResourceGraph,
        by_type: Mapping[str, list[CompiledRule]],
        explain: bool,
        nodes: _Nodes,
        only: Container[str] | None,
    ) -> None:
        self.index = GraphIndex(graph)
        self.explain = explain
        self.verdicts = Verdicts(findings=[], unknown=[], problems=[], resource_counts=Counter(), passed=0)
        self.known: dict[tuple[object, ...], _RemainingRules | None] = {}
        self.nodes = nodes
        # Keyed by type, `existing` and `stays`.
        self.rules: dict[tuple[str, bool, bool], list[PartialRule]] = {}
        compiled = {type_: by_type.get(type_.lower()) for type_ in {r.type for r in graph.resources.values()}}
        for resource in graph.resources.values():
            rules = compiled[resource.type]
            if rules is not None and (only is None or resource.address in only):
                self.evaluate(resource, rules)

    def evaluate(self, resource: Resource, rules: list[CompiledRule]) -> None:
        verdicts, index, stays = self.verdicts, self.index, resource.stays
        if stays and not resource.existing:
            verdicts.resource_counts[resource.type] += 1
        kind = (resource.type, resource.existing, stays)
        rules_left = self.rules.get(kind)
        if rules_left is None:
            rules_left = self.rules[kind] = [
                without_outcome(compiled) for compiled in rules if _applies_to(compiled, resource)
            ]
        if resource.shared_attributes is not None:
            rules_left, passed = self._remaining_rules(resource, rules_left)
            verdicts.passed += passed
        for partial in rules_left:
            compiled = partial.compiled
            try:
                outcome = partial.evaluate(resource, index)
                if outcome is PASS:
                    verdicts.passed += 1
                elif outcome is FAIL:
                    verdicts.findings.append(make_finding(compiled, resource, index, FAIL))
                elif self.explain:
                    verdicts.unknown.append(make_finding(compiled, resource, index, UNKNOWN))
                else:
                    verdicts.unknown.append(bare_finding(compiled, resource))
            except OUT_OF_MEMORY:
                raise
            # An error in one rule must not lose the results of the others.
            except Exception as error:  # noqa: BLE001
                message = f"rule {compiled.rule.id} failed on '{resource.address}': {type(error).__name__}"
                verdicts.problems.append(Problem(code=RULE_CRASHED, level="error", message=message, at=resource.at))

    def _remaining_rules(self, resource: Resource, rules: list[PartialRule]) -> tuple[list[PartialRule], int]:
        """Return the rules left to evaluate, and the number that pass for all resources with these attributes.

        Nothing is evaluated in advance for the first resource of a group, since many groups have only one.
        """
        derived = resource.attributes.fields.get("derived")
        if not isinstance(derived, MapValue) or derived.rest is not None:
            return rules, 0
        names = tuple(derived.fields)
        key = (id(resource.shared_attributes), resource.existing, names)
        if key not in self.known:
            self.known[key] = None
            return rules, 0
        remaining = self.known[key]
        if remaining is None:
            group = SharedResources(resource, self.index, names)
            partial_rules = [group.partial_rule(rule.compiled, *self.nodes[rule.compiled.rule.id]) for rule in rules]
            left = [rule for rule in partial_rules if rule.known is not PASS]
            remaining = self.known[key] = _RemainingRules(left, len(partial_rules) - len(left))
        return remaining.partials, remaining.passed


def _applies_to(compiled: CompiledRule, resource: Resource) -> bool:
    """Return whether a rule applies to existing or removed resources, if the resource is one."""
    rule = compiled.rule
    return (resource.stays or rule.also_removed) and (not resource.existing or rule.also_existing)
