"""The result of a rule for all resources with the same shared attributes, and what each of them is left to evaluate.

Conditions on anything else than ``Resource.shared_attributes``, such as the name or references to a resource, are left;
but a derived attribute that none of the resources has is absent from all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from azkvlint.engine.compiler import combine, compile_condition
from azkvlint.engine.findings import CompiledRule
from azkvlint.engine.graph_index import GraphIndex, Predicate
from azkvlint.engine.required_attributes import is_local
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED, implied, negated
from azkvlint.model.finding import Outcome
from azkvlint.model.resource import Resource
from azkvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Not
from azkvlint.model.value import Path


class PartialRule(msgspec.Struct, frozen=True):
    """A rule, with its answer if that is known, else what is left to ask: no ``when`` that holds for all."""

    ready: CompiledRule
    known: Outcome | None
    when: Predicate | None
    require: Predicate

    def evaluate(self, resource: Resource, world: GraphIndex) -> Outcome:
        """The rule's answer about one of the resources."""
        if self.known is not None:
            return self.known
        attributes = resource.attributes
        if self.when is None:
            return self.require(attributes, resource, world, None, "")
        when = self.when(attributes, resource, world, None, "")
        if when is FAIL:
            return PASS
        require = self.require(attributes, resource, world, None, "")
        return require if when is PASS else implied(when, require)


def unevaluated(ready: CompiledRule) -> PartialRule:
    """A rule of which nothing is known yet."""
    return PartialRule(ready, None, ready.when, ready.require)


class PredicateNode(msgspec.Struct, frozen=True):
    """A condition with its judge. ``derived``: the derived attribute that it hangs on, if it hangs on no more."""

    predicate: Predicate
    is_own: bool
    derived: str
    kind: type[Condition]
    of: tuple[PredicateNode, ...] = ()


def node_of(condition: Condition, parameters: Mapping[str, Any]) -> PredicateNode:
    """The node of a condition. ``parameters`` are the rule's, by name."""
    below: tuple[PredicateNode, ...] = ()
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            below = tuple(node_of(part, parameters) for part in parts)
        case Not(of=part):
            below = (node_of(part, parameters),)
    own = is_local(condition)
    return PredicateNode(
        compile_condition(condition, parameters), own, "" if own else _derived(condition), type(condition), below
    )


def _derived(condition: Condition) -> str:
    path: Path = ()
    match condition:
        case Attribute(path=path):
            pass
        case Items(path=path, where=where) if is_local(where, inside=True):
            pass
    return str(path[1]) if path[:1] == ("derived",) and len(path) > 1 else ""


class SharedResources:
    """Resources that say the same, and have derived attributes of the same ``names``; one of them stands for all."""

    def __init__(self, resource: Resource, world: GraphIndex, names: Collection[str]) -> None:
        self._resource = resource
        self._world = world
        self._names = names

    def partial_rule(self, ready: CompiledRule, when: PredicateNode, require: PredicateNode) -> PartialRule:
        """What a rule says of all of them, or what is left of it."""
        try:
            applies, holds = self._settled(when), self._settled(require)
            if applies is FAIL or holds is PASS:
                return PartialRule(ready, PASS, None, ready.require)
            if applies is not None and holds is not None:
                return PartialRule(ready, implied(applies, holds), None, ready.require)
            left = self._left(require) if holds is None else ready.require
            return PartialRule(ready, None, None if applies is PASS else ready.when, left)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # asked of each of them, it is told of each
            return unevaluated(ready)

    def _left(self, node: PredicateNode) -> Predicate:
        """Of all that has to hold, what is not known to."""
        if node.kind is not All:
            return node.predicate
        left = [part.predicate for part in node.of if self._settled(part) is not PASS]
        return left[0] if len(left) == 1 else combine(left, worst=True)

    def _settled(self, node: PredicateNode) -> Outcome | None:
        """The outcome of a condition, if it is the same for all of them."""
        if node.is_own or (node.derived and node.derived not in self._names):
            return node.predicate(self._resource.attributes, self._resource, self._world, None, "")
        if node.kind is Not:
            inner = self._settled(node.of[0])
            return None if inner is None else negated(inner)
        if not node.of:
            return None
        stop = FAIL if node.kind is All else PASS
        result: Outcome | None = PASS if node.kind is All else FAIL
        for part in node.of:
            found = self._settled(part)
            if found is stop:
                return stop
            if found is None or result is None:
                result = None
            elif found is UNDECIDED:
                result = UNDECIDED
        return result
