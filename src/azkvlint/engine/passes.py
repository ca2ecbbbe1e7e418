"""Results that pass, and the vault of each result, for ``kvlint controls``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.engine.findings import CompiledRule, make_finding
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.engine.three_valued import FAIL, PASS, UNKNOWN
from azkvlint.engine.vault_ownership import Owners
from azkvlint.model.finding import ControlAnswers, Finding, Outcome, Owner
from azkvlint.model.resource import Reference, Resource, ResourceGraph

# The maximum number of passing resources that are listed for each rule and owner.
_MOST_PASSES = 3
# A resource with more possible owners than this is not evaluated for each of them.
_MOST_DOUBTFUL = 100


def control_answers(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], results: Sequence[Finding]
) -> ControlAnswers:
    """Return the vaults, the results that pass, and the owner of each result. ``found`` are the failed and unknown
    ones.
    """
    owners, index = Owners(graph), GraphIndex(graph)
    owner_of_result: dict[tuple[str, str], Owner] = {}
    compiled = {each.rule.id: each for rules in by_type.values() for each in rules}
    for finding in results:
        resource, rule = graph.resources[finding.resource], finding.rule.id
        owner_of_result[rule, resource.address] = _owner_of_outcome(
            compiled[rule], resource, index, owners, finding.outcome
        )
    passes = []
    for finding, owner in _passing_results(graph, by_type, index, owners):
        owner_of_result[finding.rule.id, finding.resource] = owner
        passes.append(finding)
    return ControlAnswers(vaults=owners.vaults(), passes=tuple(passes), owners=owner_of_result)


def _passing_results(
    graph: ResourceGraph, by_type: Mapping[str, list[CompiledRule]], index: GraphIndex, owners: Owners
) -> Iterator[tuple[Finding, Owner]]:
    """Yield results that pass, with their owners: a few for each rule and owner."""
    count: Counter[tuple[str, Owner]] = Counter()
    for resource in graph.resources.values():
        rules = by_type.get(resource.type.lower(), ())
        if not rules or resource.existing or not resource.stays:
            continue
        owners_of_all = owners.owner_of(resource.address)
        for compiled in rules:
            key = (compiled.rule.id, owners_of_all)
            try:
                if count[key] < _MOST_PASSES and compiled.holds(resource, index):
                    count[key] += 1
                    owner = _owner_of_outcome(compiled, resource, index, owners, PASS)
                    # A rule that passes for all vaults together may not pass for each of them.
                    if owner.certain or not owners_of_all.certain:
                        yield make_finding(compiled, resource, index, PASS), owner
            except MemoryError:
                raise
            # The evaluation has already reported the crash.
            except Exception:  # noqa: BLE001, S112
                continue


def _owner_of_outcome(
    compiled: CompiledRule, resource: Resource, index: GraphIndex, owners: Owners, outcome: Outcome
) -> Owner:
    """Return the owners for which a rule has the outcome ``outcome``.

    The effect of a role assignment at subscription scope depends on the vault, so the rule is evaluated again for each
    vault as if it were the only one.
    """
    owner = owners.owner_of(resource.address)
    count = len(owner.certain) + len(owner.perhaps)
    if count < 2 or (not owner.certain and count > _MOST_DOUBTFUL):
        return owner
    certain: list[str] = []
    perhaps: list[str] = []
    owners.pairs.add(count)
    single_index = _SingleVaultIndex(index, resource, owners.vault_addresses)
    for vaults, matching in ((owner.certain, certain), (owner.perhaps, perhaps)):
        for vault in vaults:
            single_index.vault = vault
            try:
                single_outcome = compiled.evaluate(resource, single_index)
            except MemoryError:
                raise
            # If the rule crashes here, its outcome for all vaults together still counts.
            except Exception:  # noqa: BLE001
                return owner
            if single_outcome is outcome or (single_outcome is FAIL and outcome is UNKNOWN):
                matching.append(vault)
            elif single_outcome is UNKNOWN:
                perhaps.append(vault)
    narrowed = Owner(certain=tuple(certain), perhaps=tuple(perhaps))
    # An outcome of all vaults together that none of them has alone belongs to all.
    return narrowed if certain or perhaps or outcome is PASS else owner


class _SingleVaultIndex(GraphIndex):
    """A graph index in which a resource refers to one vault only, ``vault``."""

    def __init__(self, index: GraphIndex, resource: Resource, vaults: frozenset[str]) -> None:
        self.__dict__.update(index.__dict__)
        self.vault = ""
        self._address = resource.address
        self._vaults = vaults
        self._split: dict[str, list[_SplitReference]] = {}

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """Return the references by the attribute ``via`` of one resource."""
        if address != self._address:
            return super().outgoing(via, address)
        split = self._split.get(via)
        if split is None:
            split = self._split[via] = [
                _SplitReference(reference, self._vaults) for reference in super().outgoing(via, address)
            ]
        return [reference.with_only(self.vault) for reference in split]


class _SplitReference:
    """A reference whose vaults and other targets are separated once."""

    def __init__(self, reference: Reference, vaults: frozenset[str]) -> None:
        self._reference = reference
        named = (reference.targets, reference.candidates, reference.conditional)
        self._vaults = [vaults.intersection(addresses) for addresses in named]
        self._others = [tuple(one for one in addresses if one not in vaults) for addresses in named]

    def with_only(self, vault: str) -> Reference:
        """Return the reference with ``vault`` as the only vault."""
        targets, candidates, conditional = (
            (*others, vault) if vault in vaults else others
            for vaults, others in zip(self._vaults, self._others, strict=True)
        )
        return msgspec.structs.replace(self._reference, targets=targets, candidates=candidates, conditional=conditional)
