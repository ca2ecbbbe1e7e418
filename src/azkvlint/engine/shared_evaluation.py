"""Evaluate rules once for all resources with the same shared attributes.

Conditions on anything but ``Resource.shared_attributes``, such as the name or incoming references, are left for each
resource; but a derived attribute that none of the resources has is absent from all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from azkvlint.engine.compiler import combine, combine_parts, compile_condition
from azkvlint.engine.findings import CompiledRule
from azkvlint.engine.graph_index import GraphIndex, Predicate
from azkvlint.engine.required_attributes import is_local
from azkvlint.engine.three_valued import FAIL, PASS, UNKNOWN, implication, negate
from azkvlint.model.finding import Outcome
from azkvlint.model.resource import Resource
from azkvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Not
from azkvlint.model.value import Path


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
    return PartialRule(compiled, None, compiled.when, compiled.require)


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
        case Attribute(path=path):
            pass
        case Items(path=path, where=where) if is_local(where, inside=True):
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
            applies, required = self._shared_outcome(when), self._shared_outcome(require)
            if applies is FAIL or required is PASS:
                return PartialRule(compiled, PASS, None, compiled.require)
            if applies is not None and required is not None:
                return PartialRule(compiled, implication(applies, required), None, compiled.require)
            remaining = self._remaining(require) if required is None else compiled.require
            return PartialRule(compiled, None, None if applies is PASS else compiled.when, remaining)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # reported when each resource is evaluated
            return without_outcome(compiled)

    def _remaining(self, node: PredicateNode) -> Predicate:
        """Return the predicate of the parts that are not known to pass."""
        if node.kind is not All:
            return node.predicate
        predicates = [part.predicate for part in node.of if self._shared_outcome(part) is not PASS]
        return predicates[0] if len(predicates) == 1 else combine(predicates, worst=True)

    def _shared_outcome(self, node: PredicateNode) -> Outcome | None:
        """Return the outcome of a condition if it is the same for all of them; otherwise None."""
        if node.is_own or (node.derived and node.derived not in self._names):
            return node.predicate(self._resource.attributes, self._resource, self._index, None, "")
        if node.kind is Not:
            inner = self._shared_outcome(node.of[0])
            return None if inner is None else negate(inner)
        if not node.of:
            return None
        stop = FAIL if node.kind is All else PASS
        result: Outcome | None = PASS if node.kind is All else FAIL
        for part in node.of:
            outcome = self._shared_outcome(part)
            if outcome is stop:
                return stop
            if outcome is None or result is None:
                result = None
            elif outcome is UNKNOWN:
                result = UNKNOWN
        return result
