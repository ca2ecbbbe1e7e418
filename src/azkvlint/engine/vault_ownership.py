"""The vaults and managed HSMs to which resources and results belong, and the answers to controls by vault.

An object belongs to its vault, a diagnostic setting or role assignment to the vaults in its scope, a private endpoint
to the vault behind it, a consumer to the vault of its key. A resource without such a reference that configures a whole
deployment or subscription belongs to every vault of the same root.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence

import msgspec

from azkvlint.engine.findings import CompiledRule, make_finding
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.evaluation.budget import Pairs, UnitWork
from azkvlint.model.finding import FAIL, PASS, UNKNOWN, ControlAnswers, Finding, Outcome, Owner, Vault
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Link, Path, Scalar
from azkvlint.util.errors import OUT_OF_MEMORY

VAULTS = ("Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs")
_VAULTS = tuple(type_.lower() for type_ in VAULTS)
# Resources below keys, such as rotation policies, lead to the vault through their parents.
_PARENTS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
# Extension resources, which have a scope.
_EXTENSIONS = (
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/roleassignmentschedulerequests",
    "microsoft.authorization/roleeligibilityschedulerequests",
    "microsoft.authorization/locks",
    "microsoft.authorization/policyassignments",
    "microsoft.insights/diagnosticsettings",
)
# Other attributes that lead to a vault. Resources of all other types may be encrypted with a key.
_OTHER_VIAS: Mapping[str, str] = {
    "microsoft.network/privateendpoints": "derived.privateLinkServiceId",
    "microsoft.network/networksecurityperimeters/resourceassociations": "properties.privateLinkResource.id",
}
_KEY = "derived.keyVaultId"
_COVERS = "derived.covers"
_LEVEL: Path = ("derived", "scopeLevel")
# A role assignment at these scopes applies to every vault below, and inputs seldom state a vault's subscription.
_BROAD = ("subscription", "management group", "tenant")
# Types that configure a whole deployment or subscription unless they refer to a vault.
_DEPLOYMENT_WIDE = (
    "terraform/",
    "microsoft.authorization/",
    "microsoft.security/",
    "microsoft.insights/",
    "microsoft.resources/",
    "microsoft.network/privatednszones",
)
# Every resource refers to a provider block, so it does not indicate an owner.
_NOT_OWNERS = ("provider",)
_NO_OWNER = Owner()


def with_owners(required: RequiredAttributes) -> RequiredAttributes:
    """Return ``required`` with the references that determine the owners of its resources."""
    types = set(required.paths)
    extensions = types & set(_EXTENSIONS)
    sources_by_via = {
        "parent": {type_ for type_ in types if type_.count("/") > 1} | set(_PARENTS),
        _COVERS: extensions,
        _KEY: {type_ for type_ in types if not type_.startswith((*_DEPLOYMENT_WIDE, *_VAULTS, *_OTHER_VIAS))},
    }
    for type_, via in _OTHER_VIAS.items():
        sources_by_via[via] = types & {type_}
    vias = dict(required.reference_paths)
    paths = {type_: set(attributes) for type_, attributes in required.paths.items()}
    for via, carriers in sources_by_via.items():
        if carriers:
            vias[via] = vias.get(via, frozenset()) | carriers
        for type_ in carriers:
            paths.setdefault(type_, set()).add(tuple(via.split(".")))
    for type_ in extensions:
        paths[type_] |= {_LEVEL, ("scope",)}
    for type_ in _VAULTS:
        paths.setdefault(type_, set()).add(("properties", "createMode"))
    return msgspec.structs.replace(
        required,
        paths={type_: frozenset(attributes) for type_, attributes in paths.items()},
        reference_paths=dict(sorted(vias.items())),
    )


class Owners:
    """The owners of the resources of one graph."""

    def __init__(self, graph: ResourceGraph, unit: UnitWork | None = None) -> None:
        self._resources = graph.resources
        self.pairs = Pairs(len(graph.resources), unit)
        self._known: dict[str, Owner] = {}
        self._outgoing: dict[str, list[Reference]] = {}
        self._incoming: dict[str, list[str]] = {}
        for via, references in graph.references.items():
            for reference in references if via not in _NOT_OWNERS else ():
                self._outgoing.setdefault(reference.source, []).append(reference)
                for target in reference.targets:
                    self._incoming.setdefault(target, []).append(reference.source)
        self._vaults = [resource for resource in graph.resources.values() if resource.type.lower() in _VAULTS]
        self.vault_addresses = frozenset(resource.address for resource in self._vaults)
        self._by_name = {resource.name.lower(): resource.address for resource in self._vaults}

    def vaults(self) -> tuple[Vault, ...]:
        """Return all vaults and managed HSMs, in the order of the input."""
        return tuple(_vault(resource) for resource in self._vaults)

    def owner_of(self, address: str) -> Owner:
        """Return the owner of a resource, computed once."""
        owner = self._known.get(address)
        if owner is None:
            # References may be circular; a circular reference adds no owner.
            self._known[address] = _NO_OWNER
            owner = self._known[address] = self._compute(self._resources[address])
        return owner

    def _compute(self, resource: Resource) -> Owner:
        if resource.type.lower() in _VAULTS:
            return Owner(certain=(resource.address,))
        owner = _combine(
            [self._owner_by_reference(reference, resource) for reference in self._outgoing.get(resource.address, ())]
        )
        if owner == _NO_OWNER and not resource.stays:
            owner = self._former_owner(resource)
        if owner == _NO_OWNER:
            # For example the storage account that receives a vault's diagnostic logs.
            owner = _combine([self.owner_of(source) for source in self._incoming.get(resource.address, ())])
        if owner == _NO_OWNER and resource.type.lower().startswith(_DEPLOYMENT_WIDE):
            return Owner(every=True)
        return owner

    def _owner_by_reference(self, reference: Reference, resource: Resource) -> Owner:
        """Return the owners to which one outgoing reference of a resource leads."""
        certain = _combine([self.owner_of(address) for address in reference.targets])
        perhaps = [self.owner_of(address) for address in reference.candidates]
        if reference.via == _COVERS and _is_broad(resource):
            return _combine([certain, *perhaps])
        doubtful = tuple(address for owner in perhaps for address in (*owner.certain, *owner.perhaps))
        return _combine([certain, Owner(perhaps=doubtful, anyone=reference.anything and not certain.certain)])

    def _former_owner(self, resource: Resource) -> Owner:
        """Return the vault from which a resource is removed. It has no references any more, but its parent's id is
        known.
        """
        parent = resource.attributes.fields.get("parent")
        if isinstance(parent, Link):
            return self.owner_of(parent.target) if parent.target in self._resources else _NO_OWNER
        name = parent.text.rstrip("/").rpartition("/")[2].lower() if parent is not None else ""
        # Vault names are globally unique.
        return Owner(certain=(self._by_name[name],)) if name in self._by_name else _NO_OWNER


def _combine(owners: list[Owner]) -> Owner:
    """Combine owners. A certain vault is not also listed as possible."""
    certain = dict.fromkeys(address for owner in owners for address in owner.certain)
    perhaps = dict.fromkeys(address for owner in owners for address in owner.perhaps if address not in certain)
    anyone = any(owner.anyone for owner in owners) and not certain
    return Owner(certain=tuple(certain), perhaps=tuple(perhaps), anyone=anyone)


def _is_broad(resource: Resource) -> bool:
    level = resource.select(_LEVEL)
    return isinstance(level, Scalar) and level.value in _BROAD


def _vault(resource: Resource) -> Vault:
    # A vault that `createMode: recover` restores is deployed, although its properties are unknown.
    recovered = isinstance(resource.select(("properties", "createMode")), Scalar) and resource.existing
    return Vault(
        address=resource.address,
        name=resource.name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=msgspec.structs.replace(resource.at, address=resource.address),
        known=not resource.existing,
        deployed=resource.stays and (recovered or not resource.existing),
    )


# The maximum number of passing resources that are listed for each rule and owner.
_MOST_PASSES = 3
# A resource with more possible owners than this is not evaluated for each of them.
_MOST_DOUBTFUL = 100


def control_answers(
    graph: ResourceGraph,
    by_type: Mapping[str, list[CompiledRule]],
    results: Sequence[Finding],
    unit: UnitWork | None = None,
    only: Container[str] | None = None,
) -> ControlAnswers:
    """Return the vaults, the results that pass, and the owner of each result. ``results`` are the failed and unknown
    ones. With ``only``, the vaults and results are those of resources with these addresses.
    """
    owners, index = Owners(graph, unit), GraphIndex(graph)
    owner_of_result: dict[tuple[str, str], Owner] = {}
    compiled = {each.rule.id: each for rules in by_type.values() for each in rules}
    for finding in results:
        resource, rule = graph.resources[finding.resource], finding.rule.id
        owner_of_result[rule, resource.address] = _owner_of_outcome(
            compiled[rule], resource, index, owners, finding.outcome
        )
    passes = []
    for finding, owner in _passing_results(graph, by_type, index, owners, only):
        owner_of_result[finding.rule.id, finding.resource] = owner
        passes.append(finding)
    vaults = tuple(vault for vault in owners.vaults() if only is None or vault.address in only)
    return ControlAnswers(vaults=vaults, passes=tuple(passes), owners=owner_of_result)


def _passing_results(
    graph: ResourceGraph,
    by_type: Mapping[str, list[CompiledRule]],
    index: GraphIndex,
    owners: Owners,
    only: Container[str] | None,
) -> Iterator[tuple[Finding, Owner]]:
    """Yield results that pass, with their owners: a few for each rule and owner."""
    count: Counter[tuple[str, Owner]] = Counter()
    for resource in graph.resources.values():
        rules = by_type.get(resource.type.lower(), ())
        if not rules or resource.existing or not resource.stays or (only is not None and resource.address not in only):
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
            except OUT_OF_MEMORY:
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
            except OUT_OF_MEMORY:
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
