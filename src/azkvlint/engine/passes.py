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

# Of what holds, so many resources are told for each rule and owner.
_MOST_PASSES = 3
# Of more vaults that a resource perhaps belongs to nobody asks one by one.
_MOST_DOUBTFUL = 100


def answers_of(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], found: Sequence[Finding]
) -> ControlAnswers:
    """What else there is to say of a graph that has been judged, where ``found`` does not hold or is undecided."""
    owners, world = Owners(graph), GraphIndex(graph)
    known: dict[tuple[str, str], Owner] = {}
    ready = {one.rule.id: one for rules in by_type.values() for one in rules}
    for finding in found:
        resource, rule = graph.resources[finding.resource], finding.rule.id
        known[rule, resource.address] = _narrowed(ready[rule], resource, world, owners, finding.outcome)
    passes = []
    for finding, owner in _passes(graph, by_type, world, owners):
        known[finding.rule.id, finding.resource] = owner
        passes.append(finding)
    return ControlAnswers(vaults=owners.vaults(), passes=tuple(passes), owners=known)


def _passes(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], world: GraphIndex, owners: Owners
) -> Iterator[tuple[Finding, Owner]]:
    """What holds and whose it is: of each rule a few of the resources that it is about, for each owner of such."""
    count: Counter[tuple[str, Owner]] = Counter()
    for resource in graph.resources.values():
        rules = by_type.get(resource.type.lower(), ())
        if not rules or resource.existing or not resource.stays:
            continue
        whole = owners.of(resource.address)
        for ready in rules:
            key = (ready.rule.id, whole)
            try:
                if count[key] < _MOST_PASSES and ready.holds(resource, world):
                    count[key] += 1
                    owner = _narrowed(ready, resource, world, owners, PASS)
                    # What holds of all of them together need not hold of any one.
                    if owner.certain or not whole.certain:
                        yield make_finding(ready, resource, world, PASS), owner
            except MemoryError:
                raise
            # The run before has told that the rule crashes here.
            except Exception:  # noqa: BLE001, S112
                continue


def _narrowed(ready: CompiledRule, resource: Resource, world: GraphIndex, owners: Owners, outcome: Outcome) -> Owner:
    """Those of a resource's owners of whom ``outcome`` is the answer.

    What a role assignment on a subscription does depends on the vault: it is asked again as if there were only one.
    """
    owner = owners.of(resource.address)
    count = len(owner.certain) + len(owner.perhaps)
    if count < 2 or (not owner.certain and count > _MOST_DOUBTFUL):
        return owner
    certain: list[str] = []
    perhaps: list[str] = []
    alone = _Alone(world, resource, owners.vault_addresses)
    for vaults, same in ((owner.certain, certain), (owner.perhaps, perhaps)):
        for vault in vaults:
            alone.vault = vault
            try:
                answer = ready.evaluate(resource, alone)
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
    """A world in which a resource leads to one vault only, ``vault``."""

    def __init__(self, world: GraphIndex, resource: Resource, vaults: frozenset[str]) -> None:
        self.__dict__.update(world.__dict__)
        self.vault = ""
        self._address = resource.address
        self._vaults = vaults
        self._parted: dict[str, list[_Parted]] = {}

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """The references that the attribute ``via`` of one resource makes."""
        if address != self._address:
            return super().outgoing(via, address)
        parted = self._parted.get(via)
        if parted is None:
            parted = self._parted[via] = [_Parted(one, self._vaults) for one in super().outgoing(via, address)]
        return [one.with_only(self.vault) for one in parted]


class _Parted:
    """A reference whose vaults are told from all else that it names, once for all of them."""

    def __init__(self, reference: Reference, vaults: frozenset[str]) -> None:
        self._reference = reference
        named = (reference.targets, reference.candidates, reference.conditional)
        self._vaults = [vaults.intersection(addresses) for addresses in named]
        self._others = [tuple(one for one in addresses if one not in vaults) for addresses in named]

    def with_only(self, vault: str) -> Reference:
        """The reference as if there were no vault but this one."""
        targets, candidates, conditional = (
            (*others, vault) if vault in vaults else others
            for vaults, others in zip(self._vaults, self._others, strict=True)
        )
        return msgspec.structs.replace(self._reference, targets=targets, candidates=candidates, conditional=conditional)
