"""Managed HSMs: how safe their security domain is, and which local roles are assigned."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.roles import role_by_id
from azkvlint.derived.activation import NEEDS, POOLS, SHARES, activation
from azkvlint.derived.registry import Context, absent, derived, known, known_list, unknown, unknown_as
from azkvlint.graph.references import reference_of
from azkvlint.graph.resource_ids import parse_object_url
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Origin, Path, Scalar, Unknown, Value, text_of
from azkvlint.util.plural import pluralize

ASSIGNMENTS = f"{POOLS}/roleassignments"
DEFINITIONS = f"{POOLS}/roledefinitions"
VAULTS = "microsoft.keyvault/vaults"
CERTIFICATES = f"{VAULTS}/certificates"

_ADMINS: Path = ("properties", "initialAdminObjectIds")
_NOT_HERE = "the HSM is activated elsewhere"
_ROLE: Path = ("properties", "roleDefinitionId")
# Stands for every certificate.
_ANY = "*"
IS_SHARE: Path = ("derived", "isShare")


_OF_SHARES: Mapping[str, tuple[Path, ...]] = {
    POOLS: (SHARES,), CERTIFICATES: (("name",), ("parent",)), VAULTS: (("id",),),
}  # fmt: skip


@derived("spareShares", of=POOLS, label="spare security domain shares", reads=NEEDS)
def _spare(resource: Resource, context: Context) -> Answer:
    """How many shares of the security domain may be lost before nobody can recover the HSM."""
    shares, quorum, by = activation(resource, context)
    for answer in (shares, quorum):
        if isinstance(answer, Unknown):
            return answer
    needed = quorum.value if isinstance(quorum, Scalar) else None
    shares = _distinct(shares) if shares is not None else None
    if quorum is None or not isinstance(shares, ListValue) or not isinstance(needed, int) or isinstance(needed, bool):
        return unknown(resource, _NOT_HERE)
    count = len(shares.items)
    note = f"{pluralize(count, 'share')}, of which it takes {needed}{by}"
    return known(quorum, count - needed, note)


@derived("initialAdmins", of=POOLS, label="initial administrators", reads={POOLS: (_ADMINS,)})
def _initial_admins(resource: Resource, _: Context) -> Answer:
    """The initial administrators, each once: whoever is named twice is one."""
    found = resource.select(_ADMINS)
    if isinstance(found, Absent):
        return absent(resource)
    return _distinct(found)


def _distinct(found: Value) -> Value:
    """A list without what is certainly in it already."""
    if not isinstance(found, ListValue):
        return found
    kept: dict[str, Value] = {}
    for number, item in enumerate(found.items):
        kept.setdefault(text_of(item).lower() or (item.target if isinstance(item, Link) else f" {number}"), item)
    return ListValue(at=found.at, items=tuple(kept.values()), origin=found.origin, sensitive=found.sensitive)


def _shares(resource: Resource) -> Answer:
    """The certificates that the shares are encrypted for, each once, as the provider has them."""
    found = resource.select(SHARES)
    return found if isinstance(found, Absent) else _distinct(found)


@derived("shares", of=POOLS, label="security domain shares", reads=NEEDS)
def _known_shares(resource: Resource, context: Context) -> Answer:
    found = activation(resource, context).shares
    return absent(resource) if found is None else _distinct(found)


@derived("shareVaults", of=POOLS, label="vaults of the security domain certificates", reads=_OF_SHARES)
def _share_vaults(resource: Resource, context: Context) -> Answer:
    """Of each certificate that a share is encrypted for, the vault that it lies in."""
    shares = _shares(resource)
    if not isinstance(shares, ListValue):
        return shares if isinstance(shares, Unknown) else absent(resource)
    doubt = [share for share in shares.items if isinstance(share, Unknown)]
    # Each certificate stands there once, so what may be any of fewer is something else, too.
    lost = any(len(share.candidates) < len(doubt) for share in doubt)
    vaults = tuple(
        unknown_as(share, "what it names is not known")
        if lost and isinstance(share, Unknown)
        else _vault_of(share, context)
        for share in shares.items
    )
    return known_list(shares, vaults)


@derived("shareVaultCount", of=POOLS, label="number of vaults with security domain certificates", reads=_OF_SHARES)
def _share_vault_count(resource: Resource, context: Context) -> Answer:
    """How many vaults these are."""
    vaults = _share_vaults(resource, context)
    if not isinstance(vaults, ListValue):
        return vaults
    doubt = next((vault for vault in vaults.items if isinstance(vault, Unknown)), None)
    if doubt is not None:
        return doubt
    names = {_name_of(vault, context) for vault in vaults.items}
    note = f"they lie in {', '.join(sorted(names))}"
    return known(vaults, len(names), note)


def _name_of(vault: Value, context: Context) -> str:
    """The name of a vault by a link to it, by its id, or by its address."""
    if isinstance(vault, Link) and vault.target in context.index.resources:
        return context.index.resources[vault.target].name.lower()
    text = text_of(vault).lower()
    return text.rpartition("/")[2] if "/" in text else text.partition(".")[0]


@derived(
    "isShare",
    of=CERTIFICATES,
    label="use for a security domain share",
    reads={POOLS: (SHARES,), CERTIFICATES: (("name",), ("parent",))},
)
def _is_share(resource: Resource, context: Context) -> Answer:
    """Whether a certificate is one that a share of an HSM's security domain is encrypted for."""
    if not isinstance(resource.select(IS_SHARE), Absent):
        return absent(resource)
    if "shares" not in context.cache:
        context.cache["shares"] = _all_shares(context)
    certain, perhaps = context.cache["shares"]
    if resource.address in certain:
        return known(resource, True, f"{certain[resource.address]} has a share for it")
    pool = perhaps.get(resource.address) or perhaps.get(_ANY)
    return unknown(resource, f"{pool} may have a share for it") if pool else absent(resource)


def _all_shares(context: Context) -> tuple[dict[str, str], dict[str, str]]:
    """The certificates that some HSM certainly has a share for, and those that one may have, each with the HSM."""
    certain: dict[str, str] = {}
    perhaps: dict[str, str] = {}
    for pool in context.index.of_type(POOLS):
        shares = _shares(pool)
        for share in shares.items if isinstance(shares, ListValue) else () if isinstance(shares, Absent) else (shares,):
            reference = reference_of(pool.address, "", share, context.index)
            if reference is not None:
                certain |= dict.fromkeys(reference.targets, pool.address)
                perhaps |= dict.fromkeys((*reference.candidates, *([_ANY] if reference.anything else [])), pool.address)
    return certain, perhaps


def _vault_of(share: Value, context: Context) -> Value:
    """The vault of a certificate: a link to it, its id, or its address."""
    index = context.index
    reference = reference_of("", "", share, index)
    certificates = reference.targets + reference.candidates if reference is not None else ()
    if reference is None or reference.anything or not certificates:
        return _vault_at(share)
    aboves = [index.resources[address].select(("parent",)) for address in certificates]
    parents = [None if isinstance(above, Absent) else reference_of("", "", above, index) for above in aboves]
    found = [parent.targets if parent is not None else () for parent in parents]
    if len(set(found)) == 1 and len(found[0]) == 1:
        return Link(at=share.at, target=found[0][0], origin=Origin.DERIVED)
    if len(aboves) == 1 and isinstance(aboves[0], Scalar):
        return aboves[0]
    why = "in which vault a certificate lies is not known"
    candidates = tuple(dict.fromkeys(vault for vaults in found for vault in vaults))
    return Unknown(at=share.at, origin=Origin.DERIVED, why=why, candidates=candidates)


def _vault_at(share: Value) -> Value:
    """The vault in the address of a certificate that is not in the graph."""
    url = parse_object_url(text_of(share)) if isinstance(share, Scalar) else None
    if url is None:
        return unknown_as(share, "what it names is not known")
    # What names a vault by its address is followed to it.
    return known(share, text_of(share).split("/")[2])


@derived("localRole", of=ASSIGNMENTS, label="local role", reads={ASSIGNMENTS: (_ROLE,), DEFINITIONS: (("name",),)})
def _local_role(resource: Resource, context: Context) -> Answer:
    """The name of a role of an HSM's own that is assigned; its id, where that is no built-in one's."""
    role = resource.select(_ROLE)
    if isinstance(role, Absent):
        return absent(resource)
    text = text_of(role)
    if not text:
        reference = reference_of(resource.address, "", role, context.index)
        targets = reference.targets if reference is not None else ()
        definition = context.index.resources[targets[0]] if len(targets) == 1 else None
        name = definition.select(("name",)) if definition is not None else None
        text = str(name.value) if isinstance(name, Scalar) else ""
        if definition is not None and not definition.existing:
            return known(role, definition.name, f"the role is {definition.address}")
    certain = role_by_id(text)
    if certain is not None:
        return known(role, certain, f"the role is {certain}")
    return role if isinstance(role, Scalar | Unknown) else unknown_as(role, "what it names is not known")
