"""Results that a companion decides, such as a diagnostic setting, which only other values of inputs create."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.engine.findings import unknown_for_condition
from azkvlint.engine.required_attributes import required_by
from azkvlint.graph.pseudo_resources import PATH_IN_BODY, SECRETS_TYPE
from azkvlint.model.finding import Finding, Outcome
from azkvlint.model.resource import ResourceGraph

if TYPE_CHECKING:
    from azkvlint.engine.evaluator import RuleEvaluator, Verdicts
    from azkvlint.graph.worlds import Variant
    from azkvlint.model.condition import WorldCondition
    from azkvlint.model.resource import RequiredAttributes, Resource
    from azkvlint.model.rule import Rule
    from azkvlint.readers.read_result import ReadResult

_OUTSIDE = "outside the scanned files"


class _World(NamedTuple):
    """The resources of a world, and its condition, None for the base world."""

    resources: Mapping[str, Resource]
    condition: WorldCondition | None
    is_complete: bool


class _CompanionResult(NamedTuple):
    """A result, and the variants that create companions which it may depend on."""

    finding: Finding
    variants: Sequence[Variant]


def add_possible_companions(
    verdicts: Verdicts, read: ReadResult, required: RequiredAttributes, evaluator: RuleEvaluator
) -> None:
    """Make results unknown that do not fail with the companions that other worlds create together with a resource.

    The companions are added to the world of the resource, whose own values stay.
    """
    companions = _Companions(read)
    worlds = [_World(read.resources, None, read.is_complete)]
    worlds += [_World(one.whole, one.condition, one.is_complete) for one in read.variants]
    by_condition: dict[int, list[Finding]] = {}
    for one in (*verdicts.findings, *verdicts.unknown):
        if one.outcome is Outcome.FAIL or _OUTSIDE in one.why:
            by_condition.setdefault(id(one.condition), []).append(one)
    for world in worlds:
        results = by_condition.get(id(world.condition), ())
        own = [_CompanionResult(one, variants) for one in results if (variants := companions.of(one, world))]
        if not own:
            continue
        added = {
            address: msgspec.structs.replace(resource, assumption=variant.condition)
            for result in own for variant in result.variants for address, resource in _created(variant)
        }  # fmt: skip
        graph = build_graph({**world.resources, **added}, required, world.is_complete, read.work)
        addresses = frozenset(result.finding.resource for result in own)
        there = evaluator.evaluate(graph, False, read.work, addresses)
        failed = {(one.rule.id, one.resource) for one in there.findings}
        unknown = {(one.rule.id, one.resource) for one in there.unknown}
        for result in own:
            finding, key = result.finding, (result.finding.rule.id, result.finding.resource)
            if key not in failed and (finding.outcome is Outcome.FAIL or key not in unknown):
                _replace(verdicts, finding, _unknown(result, graph, companions))


def _replace(verdicts: Verdicts, finding: Finding, unknown: Finding) -> None:
    if finding.outcome is Outcome.FAIL:
        verdicts.findings = [one for one in verdicts.findings if one is not finding]
        verdicts.unknown.append(unknown)
    else:
        verdicts.unknown = [unknown if one is finding else one for one in verdicts.unknown]


def _unknown(result: _CompanionResult, graph: ResourceGraph, companions: _Companions) -> Finding:
    """Return an unknown result, whose cause is the condition of a companion: of one that refers to the resource."""
    finding = result.finding
    sources = {
        reference.source
        for references in graph.references.values()
        for reference in references
        if finding.resource in reference.targets or finding.resource in reference.candidates
    }
    types = companions.types(finding.rule)
    every = [
        (graph.resources[address], variant.condition)
        for variant in result.variants
        for address, resource in _created(variant)
        if resource.type.lower() in types
    ]
    companion, condition = min(every, key=lambda one: one[0].address not in sources)
    return unknown_for_condition(finding, graph.resources[finding.resource], companion, condition)


class _Companions:
    """Which variants of an input create resources that rules read."""

    def __init__(self, read: ReadResult) -> None:
        # The variants by the types of what they create, with their numbers.
        self._by_type: dict[str, list[tuple[int, Variant]]] = {}
        for number, variant in enumerate(read.variants):
            for type_ in {resource.type.lower() for _, resource in _created(variant)}:
                self._by_type.setdefault(type_, []).append((number, variant))
        self._types: dict[str, frozenset[str]] = {}
        self._base = read.resources

    def types(self, rule: Rule) -> frozenset[str]:
        """Return the types of other resources that a rule reads, in lower case."""
        found = self._types.get(rule.id)
        if found is None:
            found = self._types[rule.id] = frozenset(_types_read(rule)) - set(map(str.lower, rule.resources))
        return found

    def of(self, finding: Finding, world: _World) -> list[Variant]:
        """Return the variants with the resource of a finding that create what its rule reads."""
        found = {number: one for type_ in self.types(finding.rule) for number, one in self._by_type.get(type_, ())}
        is_created = world.condition is not None and finding.resource not in self._base
        return [
            found[number] for number in sorted(found)
            if found[number].condition is not world.condition
            and (finding.resource in found[number].resources or (is_created and _is_possible(found[number], world)))
        ]  # fmt: skip


def _is_possible(variant: Variant, world: _World) -> bool:
    """Return whether the inputs may create what a variant creates in another one."""
    other = world.condition
    return other is not None and not variant.condition.is_assumed and not other.excludes(variant.condition)


def _created(variant: Variant) -> Iterator[tuple[str, Resource]]:
    """Yield what only a variant creates, but for existing resources that it deploys itself."""
    for address in sorted(variant.created):
        resource = variant.resources.get(address)
        if resource is not None:
            yield address, resource


def _types_read(rule: Rule) -> Iterator[str]:
    for type_, paths in with_needs(required_by((rule,))).paths.items():
        # Every rule requires the values of secrets, which no report may show.
        if type_ != SECRETS_TYPE or paths != {PATH_IN_BODY}:
            yield type_
