"""Managed HSMs: how safe their security domain is, and which local roles are assigned."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Link, ListValue, Path, Scalar, Unknown, Value, text_of
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.roles import role_by_id
from kvlint.readers.references import reference_of

POOLS = "microsoft.keyvault/managedhsms"
ASSIGNMENTS = f"{POOLS}/roleassignments"
DEFINITIONS = f"{POOLS}/roledefinitions"
VAULTS = "microsoft.keyvault/vaults"
CERTIFICATES = f"{VAULTS}/certificates"

_SHARES: Path = ("derived", "securityDomain", "certificateIds")
_QUORUM: Path = ("derived", "securityDomain", "quorum")
_ROLE: Path = ("properties", "roleDefinitionId")


def _spare(resource: Resource, context: Context) -> Value | None:
    """How many shares of the security domain may be lost before nobody can recover the HSM."""
    del context
    shares, quorum = resource.select(_SHARES), resource.select(_QUORUM)
    for answer in (shares, quorum):
        if isinstance(answer, Unknown):
            return answer
    if resource.type.lower() != POOLS or not isinstance(shares, ListValue) or not isinstance(quorum, Scalar):
        return None
    if not isinstance(quorum.value, int) or isinstance(quorum.value, bool):
        return None
    count = len(shares.items)
    note = f"{count} shares, and {quorum.value} of them are needed"
    return Scalar(at=quorum.at, value=count - quorum.value, origin="derived", note=note)


def _share_vaults(resource: Resource, context: Context) -> Value | None:
    """The vaults that hold the certificates which the shares are encrypted with, each once."""
    shares = resource.select(_SHARES)
    if isinstance(shares, Unknown):
        return shares
    if resource.type.lower() != POOLS or not isinstance(shares, ListValue):
        return None
    found: dict[str, Value] = {}
    for share in shares.items:
        vault = _vault_of(share, context)
        if isinstance(vault, Unknown):
            return vault
        found.setdefault(text_of(vault).lower() or (vault.target if isinstance(vault, Link) else ""), vault)
    return ListValue(at=shares.at, items=tuple(found.values()), origin="derived")


def _vault_of(share: Value, context: Context) -> Value:
    """The vault of one certificate: a link to it, or its address."""
    if isinstance(share, Scalar) and isinstance(share.value, str) and share.value.lower().startswith("https://"):
        return msgspec.structs.replace(share, value=share.value.split("/")[2], origin="derived")
    reference = reference_of("", "", share, context.index)
    targets = reference.targets if reference is not None else ()
    above = context.index.resources[targets[0]].select(("parent",)) if len(targets) == 1 else None
    vault = None if above is None or isinstance(above, Absent) else reference_of("", "", above, context.index)
    if vault is not None and len(vault.targets) == 1:
        return Link(at=share.at, target=vault.targets[0], origin="derived")
    if isinstance(above, Scalar):
        return above
    return Unknown(at=share.at, origin="derived", why="in which vault a certificate lies is not known")


def _local_role(resource: Resource, context: Context) -> Value | None:
    """The name of a role of an HSM's own that is assigned; its id, where that is no built-in one's."""
    role = resource.select(_ROLE)
    if resource.type.lower() != ASSIGNMENTS or isinstance(role, Absent):
        return None
    text = text_of(role)
    if not text:
        reference = reference_of(resource.address, "", role, context.index)
        targets = reference.targets if reference is not None else ()
        definition = context.index.resources[targets[0]] if len(targets) == 1 else None
        name = definition.select(("name",)) if definition is not None else None
        text = str(name.value) if isinstance(name, Scalar) else ""
        if definition is not None and not definition.existing:
            return Scalar(at=role.at, value=definition.name, origin="derived", note=f"the role is {definition.address}")
    known = role_by_id(text)
    if known is not None:
        return Scalar(at=role.at, value=known, origin="derived", note=f"the role is {known}")
    return role if isinstance(role, Scalar | Unknown) else _unknown(role)


def _unknown(role: Value) -> Unknown:
    return Unknown(at=role.at, origin="derived", why="which role it is is not known")


ATTRIBUTES: Mapping[str, Derived] = {
    "spareShares": Derived(_spare, {POOLS: (_SHARES, _QUORUM)}),
    "shareVaults": Derived(_share_vaults, {POOLS: (_SHARES,), CERTIFICATES: (("parent",),), VAULTS: (("id",),)}),
    "localRole": Derived(_local_role, {ASSIGNMENTS: (_ROLE,), DEFINITIONS: (("name",),)}),
}
