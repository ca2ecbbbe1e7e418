"""The vaults and managed HSMs to which resources, and the results about them, belong.

An object belongs to its vault, a diagnostic setting or role assignment to the vaults in its scope, a private endpoint
to the vault behind it, a consumer to the vault of its key. A resource without such a reference that configures a whole
deployment or subscription belongs to every vault of the same root.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.evaluation.budget import Pairs
from azkvlint.model.finding import Owner, Vault
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Link, Path, Scalar, text_of

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

    def __init__(self, graph: ResourceGraph) -> None:
        self._resources = graph.resources
        self.pairs = Pairs(len(graph.resources))
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
        name = text_of(parent).rstrip("/").rpartition("/")[2].lower() if parent is not None else ""
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
