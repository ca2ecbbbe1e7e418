"""What holds, and of which vault each answer is: what a run of controls asks for beyond what does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.engine.findings import CompiledRule, make_finding
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED
from azkvlint.engine.vault_ownership import Owners
from azkvlint.model.finding import ControlAnswers, Finding, Outcome, Owner
from azkvlint.model.resource import Reference, Resource, ResourceGraph

# The most resources that pass and are listed for each rule and owner.
_MOST_PASSES = 3
# Of more vaults that a resource perhaps belongs to nobody asks one by one.
_MOST_DOUBTFUL = 100


def control_answers(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], found: Sequence[Finding]
) -> ControlAnswers:
    """Return what ``controls`` needs of a graph besides ``found``, the failed and unknown results."""
    owners, index = Owners(graph), GraphIndex(graph)
    known: dict[tuple[str, str], Owner] = {}
    compiled = {one.rule.id: one for rules in by_type.values() for one in rules}
    for finding in found:
        resource, rule = graph.resources[finding.resource], finding.rule.id
        known[rule, resource.address] = _narrowed(compiled[rule], resource, index, owners, finding.outcome)
    passes = []
    for finding, owner in _passes(graph, by_type, index, owners):
        known[finding.rule.id, finding.resource] = owner
        passes.append(finding)
    return ControlAnswers(vaults=owners.vaults(), passes=tuple(passes), owners=known)


def _passes(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], index: GraphIndex, owners: Owners
) -> Iterator[tuple[Finding, Owner]]:
    """Yield what passes and its owner: of each rule a few resources for each owner."""
    count: Counter[tuple[str, Owner]] = Counter()
    for resource in graph.resources.values():
        rules = by_type.get(resource.type.lower(), ())
        if not rules or resource.existing or not resource.stays:
            continue
        whole = owners.owner_of(resource.address)
        for compiled in rules:
            key = (compiled.rule.id, whole)
            try:
                if count[key] < _MOST_PASSES and compiled.holds(resource, index):
                    count[key] += 1
                    owner = _narrowed(compiled, resource, index, owners, PASS)
                    # What holds of all of them together need not hold of any one.
                    if owner.certain or not whole.certain:
                        yield make_finding(compiled, resource, index, PASS), owner
            except MemoryError:
                raise
            # The evaluation has reported that the rule crashes here.
            except Exception:  # noqa: BLE001, S112
                continue


def _narrowed(compiled: CompiledRule, resource: Resource, index: GraphIndex, owners: Owners, outcome: Outcome) -> Owner:
    """Return those of a resource's owners of whom ``outcome`` is the answer.

    What a role assignment on a subscription does depends on the vault: it is asked again as if there were only one.
    """
    owner = owners.owner_of(resource.address)
    count = len(owner.certain) + len(owner.perhaps)
    if count < 2 or (not owner.certain and count > _MOST_DOUBTFUL):
        return owner
    certain: list[str] = []
    perhaps: list[str] = []
    resource_rules = _Alone(index, resource, owners.vault_addresses)
    for vaults, same in ((owner.certain, certain), (owner.perhaps, perhaps)):
        for vault in vaults:
            resource_rules.vault = vault
            try:
                answer = compiled.evaluate(resource, resource_rules)
            except MemoryError:
                raise
            # A rule that crashes here has an answer all the same, for all of them together.
            except Exception:  # noqa: BLE001
                return owner
            if answer is outcome or (answer is FAIL and outcome is UNDECIDED):
                same.append(vault)
            elif answer is UNDECIDED:
                perhaps.append(vault)
    narrowed = Owner(certain=tuple(certain), perhaps=tuple(perhaps))
    # What is the answer for all of them together and for none of them alone is everybody's.
    return narrowed if certain or perhaps or outcome is PASS else owner


class _Alone(GraphIndex):
    """A graph index in which a resource leads to one vault only, ``vault``."""

    def __init__(self, index: GraphIndex, resource: Resource, vaults: frozenset[str]) -> None:
        self.__dict__.update(index.__dict__)
        self.vault = ""
        self._address = resource.address
        self._vaults = vaults
        self._parted: dict[str, list[_Parted]] = {}

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """Return the references that the attribute ``via`` of one resource makes."""
        if address != self._address:
            return super().outgoing(via, address)
        parted = self._parted.get(via)
        if parted is None:
            parted = self._parted[via] = [_Parted(one, self._vaults) for one in super().outgoing(via, address)]
        return [one.with_only(self.vault) for one in parted]


class _Parted:
    """A reference with the vaults among what it names, found once."""

    def __init__(self, reference: Reference, vaults: frozenset[str]) -> None:
        self._reference = reference
        named = (reference.targets, reference.candidates, reference.conditional)
        self._vaults = [vaults.intersection(addresses) for addresses in named]
        self._others = [tuple(one for one in addresses if one not in vaults) for addresses in named]

    def with_only(self, vault: str) -> Reference:
        """Return the reference as if there were no vault but this one."""
        targets, candidates, conditional = (
            (*others, vault) if vault in vaults else others
            for vaults, others in zip(self._vaults, self._others, strict=True)
        )
        return msgspec.structs.replace(self._reference, targets=targets, candidates=candidates, conditional=conditional)
