"""Whose a resource is: which vaults and managed HSMs what a rule says of it is about.

An object belongs to the vault that it lies in, a diagnostic setting or role assignment to those that its scope covers,
a private endpoint to the one behind it, a consumer to the one that holds its key. What nothing ties to a vault, but
what holds for a whole deployment or subscription, belongs to every vault of the same root.
"""

from __future__ import annotations

import msgspec

from kvlint.model.graph import Demand, Reference, Resource, ResourceGraph
from kvlint.model.report import Owner, Vault
from kvlint.model.value import Path, Scalar

VAULTS = ("Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs")
_VAULTS = tuple(type_.lower() for type_ in VAULTS)
_INSIDE = tuple(f"{type_}/" for type_ in _VAULTS)
# Whose children a rule may judge: rotation policies of a key, say.
_PARENTS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
_EXTENSIONS = (
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/locks",
    "microsoft.authorization/policyassignments",
    "microsoft.insights/diagnosticsettings",
)
_ENDPOINTS = "microsoft.network/privateendpoints"
_COVERS = "derived.covers"
_LEVEL: Path = ("derived", "scopeLevel")
# A grant on one of these is about every vault below it, though an input seldom says in which subscription a vault is.
_BROAD = ("subscription", "management-group", "tenant")
# Types that are about a whole deployment or subscription unless they name a vault.
_EVERYWHERE = ("terraform/", "microsoft.authorization/", "microsoft.security/", "microsoft.insights/")
# A provider block makes everything, so that it is no tie.
_NO_TIES = ("provider",)
_DEEPEST = 4
_NOBODY = Owner()


def with_owners(demand: Demand) -> Demand:
    """``demand`` with the references that tell whose the resources are that it asks for."""
    types = set(demand.paths)
    inside = {type_ for type_ in types if type_.startswith(_INSIDE)}
    extensions = types & set(_EXTENSIONS)
    others = {type_ for type_ in types if not type_.startswith((*_EVERYWHERE, *_VAULTS))} - {_ENDPOINTS}
    wanted = {
        "parent": inside | {type_ for type_ in _PARENTS if any(one.startswith(f"{type_}/") for one in inside)},
        _COVERS: extensions,
        "derived.privateLinkServiceId": types & {_ENDPOINTS},
        "derived.keyVaultId": others,
    }
    vias = dict(demand.vias)
    paths = {type_: set(asked) for type_, asked in demand.paths.items()}
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
        demand, paths={type_: frozenset(asked) for type_, asked in paths.items()}, vias=dict(sorted(vias.items()))
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
        self.all = tuple(one.address for one in self._vaults)
        self.vault_addresses = frozenset(self.all)

    def vaults(self) -> tuple[Vault, ...]:
        """All vaults and managed HSMs, in the order of the input."""
        return tuple(_vault(resource) for resource in self._vaults)

    def of(self, address: str) -> Owner:
        """Whose a resource is, found out at most once."""
        owner = self._known.get(address)
        if owner is None:
            owner = self._known[address] = self._found(self._resources[address])
        return owner

    def _found(self, resource: Resource) -> Owner:
        owner = self._above(resource, _DEEPEST)
        if owner == _NOBODY:
            # Such as the storage account that a diagnostic setting of a vault writes to.
            sources = (self._resources[source] for source in self._incoming.get(resource.address, ()))
            owner = _joined([self._above(source, _DEEPEST) for source in sources])
        if owner == _NOBODY and resource.type.lower().startswith(_EVERYWHERE):
            return Owner(every=True)
        return owner

    def _above(self, resource: Resource, depth: int) -> Owner:
        """What the references lead to that a resource itself makes."""
        if resource.type.lower() in _VAULTS:
            return Owner(certain=(resource.address,))
        if not depth:
            return _NOBODY
        return _joined([self._named(one, resource, depth) for one in self._outgoing.get(resource.address, ())])

    def _named(self, reference: Reference, resource: Resource, depth: int) -> Owner:
        certain = _joined([self._above(self._resources[one], depth - 1) for one in reference.targets])
        perhaps = [self._above(self._resources[one], depth - 1) for one in reference.candidates]
        if reference.via == _COVERS and _is_broad(resource):
            return _joined([certain, *perhaps])
        doubtful = [address for owner in perhaps for address in (*owner.certain, *owner.perhaps)]
        if reference.anything and not certain.certain:
            doubtful += self.all
        return _joined([certain, Owner(perhaps=tuple(doubtful))])


def _joined(owners: list[Owner]) -> Owner:
    """All of ``owners`` as one; what is certain is not perhaps as well."""
    certain = dict.fromkeys(address for owner in owners for address in owner.certain)
    perhaps = dict.fromkeys(address for owner in owners for address in owner.perhaps if address not in certain)
    return Owner(certain=tuple(certain), perhaps=tuple(perhaps)) if certain or perhaps else _NOBODY


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
