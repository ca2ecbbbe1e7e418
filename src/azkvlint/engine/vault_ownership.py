"""Whose a resource is: which vaults and managed HSMs what a rule says of it is about.

An object belongs to the vault that it lies in, a diagnostic setting or role assignment to those that its scope covers,
a private endpoint to the one behind it, a consumer to the one that holds its key. What nothing ties to a vault, but
what holds for a whole deployment or subscription, belongs to every vault of the same root.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.model.finding import Owner, Vault
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Link, Path, Scalar, text_of

VAULTS = ("Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs")
_VAULTS = tuple(type_.lower() for type_ in VAULTS)
# Through these lead the parents of what a rule may judge: rotation policies of a key, say.
_PARENTS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
# What is put on a scope.
_EXTENSIONS = (
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/roleassignmentschedulerequests",
    "microsoft.authorization/roleeligibilityschedulerequests",
    "microsoft.authorization/locks",
    "microsoft.authorization/policyassignments",
    "microsoft.insights/diagnosticsettings",
)
# How else a type leads to a vault. What is of no such type may be encrypted with a key.
_LEADS: Mapping[str, str] = {
    "microsoft.network/privateendpoints": "derived.privateLinkServiceId",
    "microsoft.network/networksecurityperimeters/resourceassociations": "properties.privateLinkResource.id",
}
_KEY = "derived.keyVaultId"
_COVERS = "derived.covers"
_LEVEL: Path = ("derived", "scopeLevel")
# A grant on one of these is about every vault below it, though an input seldom says in which subscription a vault is.
_BROAD = ("subscription", "management-group", "tenant")
# Types that are about a whole deployment or subscription unless they name a vault.
_EVERYWHERE = (
    "terraform/",
    "microsoft.authorization/",
    "microsoft.security/",
    "microsoft.insights/",
    "microsoft.resources/",
    "microsoft.network/privatednszones",
)
# A provider block makes everything, so that it is no tie.
_NO_TIES = ("provider",)
_NOBODY = Owner()


def with_owners(required: RequiredAttributes) -> RequiredAttributes:
    """``required`` with the references that tell whose the resources are that it asks for."""
    types = set(required.paths)
    extensions = types & set(_EXTENSIONS)
    wanted = {
        "parent": {type_ for type_ in types if type_.count("/") > 1} | set(_PARENTS),
        _COVERS: extensions,
        _KEY: {type_ for type_ in types if not type_.startswith((*_EVERYWHERE, *_VAULTS, *_LEADS))},
    }
    for type_, via in _LEADS.items():
        wanted[via] = types & {type_}
    vias = dict(required.reference_paths)
    paths = {type_: set(asked) for type_, asked in required.paths.items()}
    for via, carriers in wanted.items():
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
        paths={type_: frozenset(asked) for type_, asked in paths.items()},
        reference_paths=dict(sorted(vias.items())),
    )


class Owners:
    """Whose the resources of one graph are."""

    def __init__(self, graph: ResourceGraph) -> None:
        self._resources = graph.resources
        self._known: dict[str, Owner] = {}
        self._outgoing: dict[str, list[Reference]] = {}
        self._incoming: dict[str, list[str]] = {}
        for via, references in graph.references.items():
            for reference in references if via not in _NO_TIES else ():
                self._outgoing.setdefault(reference.source, []).append(reference)
                for target in reference.targets:
                    self._incoming.setdefault(target, []).append(reference.source)
        self._vaults = [one for one in graph.resources.values() if one.type.lower() in _VAULTS]
        self.vault_addresses = frozenset(one.address for one in self._vaults)
        self._by_name = {one.name.lower(): one.address for one in self._vaults}

    def vaults(self) -> tuple[Vault, ...]:
        """All vaults and managed HSMs, in the order of the input."""
        return tuple(_vault(resource) for resource in self._vaults)

    def of(self, address: str) -> Owner:
        """Whose a resource is, found out at most once."""
        owner = self._known.get(address)
        if owner is None:
            # Resources may name each other in a circle: whoever asks on the way back learns nothing.
            self._known[address] = _NOBODY
            owner = self._known[address] = self._found(self._resources[address])
        return owner

    def _found(self, resource: Resource) -> Owner:
        if resource.type.lower() in _VAULTS:
            return Owner(certain=(resource.address,))
        owner = _joined([self._named(one, resource) for one in self._outgoing.get(resource.address, ())])
        if owner == _NOBODY and not resource.stays:
            owner = self._once_in(resource)
        if owner == _NOBODY:
            # Such as the storage account that a diagnostic setting of a vault writes to.
            owner = _joined([self.of(source) for source in self._incoming.get(resource.address, ())])
        if owner == _NOBODY and resource.type.lower().startswith(_EVERYWHERE):
            return Owner(every=True)
        return owner

    def _named(self, reference: Reference, resource: Resource) -> Owner:
        """What one reference leads to, which the resource itself makes."""
        certain = _joined([self.of(one) for one in reference.targets])
        perhaps = [self.of(one) for one in reference.candidates]
        if reference.via == _COVERS and _is_broad(resource):
            return _joined([certain, *perhaps])
        doubtful = tuple(address for owner in perhaps for address in (*owner.certain, *owner.perhaps))
        return _joined([certain, Owner(perhaps=doubtful, anyone=reference.anything and not certain.certain)])

    def _once_in(self, resource: Resource) -> Owner:
        """The vault that something goes away from: it makes no references any more, but its parent's id is known."""
        above = resource.attributes.fields.get("parent")
        if isinstance(above, Link):
            return self.of(above.target) if above.target in self._resources else _NOBODY
        name = text_of(above).rstrip("/").rpartition("/")[2].lower() if above is not None else ""
        # The name of a vault is taken once in all of Azure.
        return Owner(certain=(self._by_name[name],)) if name in self._by_name else _NOBODY


def _joined(owners: list[Owner]) -> Owner:
    """All of ``owners`` as one; what is certain is not perhaps as well."""
    certain = dict.fromkeys(address for owner in owners for address in owner.certain)
    perhaps = dict.fromkeys(address for owner in owners for address in owner.perhaps if address not in certain)
    anyone = any(owner.anyone for owner in owners) and not certain
    return Owner(certain=tuple(certain), perhaps=tuple(perhaps), anyone=anyone)


def _is_broad(resource: Resource) -> bool:
    level = resource.select(_LEVEL)
    return isinstance(level, Scalar) and level.value in _BROAD


def _vault(resource: Resource) -> Vault:
    # One that Azure brings back as it was is deployed, though nothing is known of it.
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
