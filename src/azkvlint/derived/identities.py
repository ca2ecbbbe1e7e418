"""The managed identities of resources: which are assigned, which one a property names, and whose a grant is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from azkvlint.azure.azurerm.resources import GROUPS, MEMBERS
from azkvlint.azure.consumers import CONSUMERS, uses_of
from azkvlint.derived.assignments import GRANTS
from azkvlint.derived.companions import Sure
from azkvlint.derived.grants import DEPLOYER, RESOURCE_FAMILY, Grant, owner_of
from azkvlint.derived.registry import Context
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import bare, declared_in, has_holes, pattern_from
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

IDENTITIES = "microsoft.managedidentity/userassignedidentities"
GROUP_TYPE, MEMBER_TYPE = GROUPS.lower(), MEMBERS.lower()
IDENTITY: Path = ("identity",)
SCOPE: Path = ("scope",)
_AFTER = "the ID of an assigned identity is known after deployment"
_SYSTEM_WORDS = ("system", "systemassigned", "systemassignedidentity", "")


class Assigned(msgspec.Struct, frozen=True):
    """The identities of a resource: whether it has a system-assigned one, and the addresses of the others.

    ``more``: others may be assigned too. ``texts`` are the IDs of identities that are not in the graph.
    """

    system: Sure
    user: Sure
    addresses: tuple[str, ...]
    texts: frozenset[str]
    more: bool
    why: str

    @property
    def are_none(self) -> Sure:
        """Return whether the resource has no identity."""
        return Sure(Sure.YES - max(self.system, self.user))


NO_IDENTITIES = Assigned(Sure.NO, Sure.NO, (), frozenset(), False, "")


def assigned_to(holder: Resource, context: Context) -> Assigned:
    """Return the identities that are assigned to a resource."""
    type_ = holder.select(IDENTITY).select(("type",))
    if isinstance(type_, Unknown):
        return Assigned(Sure.PERHAPS, Sure.PERHAPS, (), frozenset(), True, type_.why)
    words = type_.text.lower().replace("_", "") if isinstance(type_, Scalar) else ""
    system, user = (Sure.YES if word in words else Sure.NO for word in ("systemassigned", "userassigned"))
    addresses: dict[str, None] = {}
    texts: set[str] = set()
    more, why = False, ""
    for value in _assigned_values(holder):
        reference = reference_of(holder.address, "identity", value, context.index)
        if reference is not None and reference.targets:
            addresses.update(dict.fromkeys(reference.targets))
        elif value.text:
            texts.add(value.text.lower().rstrip("/"))
        else:
            more, why = True, value.why if isinstance(value, Unknown) else "an assigned identity is not known"
    return Assigned(system, user, tuple(addresses), frozenset(texts), more, why)


def _assigned_values(holder: Resource) -> Iterator[Value]:
    """Yield the IDs of the user-assigned identities. In templates, these are the names of fields."""
    yield from holder.select((*IDENTITY, "identityIds")).as_items
    listed = holder.select((*IDENTITY, "userAssignedIdentities"))
    if isinstance(listed, MapValue):
        for name in listed.fields:
            yield (
                Unknown(at=listed.at, why=_AFTER, pattern=pattern_from(name))
                if has_holes(name)
                else Scalar(at=listed.at, value=name)
            )
        if listed.rest is not None:
            yield from listed.names or (listed.rest,)
    elif isinstance(listed, Unknown):
        yield listed


def is_system(named: Answer, context: Context) -> Sure:
    """Return whether a reference uses the system-assigned identity."""
    if isinstance(named, Absent):
        return Sure.YES
    if isinstance(named, Scalar):  # every identity has a client ID, but only a user-assigned one has a resource ID
        return Sure.YES if named.text.lower() in _SYSTEM_WORDS else Sure.NO if "/" in named.text else Sure.PERHAPS
    is_id = isinstance(named, Unknown) and named.is_set and IDENTITIES in named.text.lower()
    return Sure.NO if isinstance(named, Link) or is_id or identity_in(named, context) is not None else Sure.PERHAPS


def is_assigned(named: Answer, assigned: Assigned, context: Context) -> Sure:
    """Return whether the identity that a reference names is assigned to its resource."""
    system = is_system(named, context)
    if system is Sure.YES:
        return assigned.system
    found = identity_in(named, context)
    if found is not None:
        if found.address in assigned.addresses:
            return Sure.YES
        return Sure.PERHAPS if assigned.more or assigned.texts or found.existing else Sure.NO
    if named.text.lower().rstrip("/") in assigned.texts:
        return Sure.YES
    return Sure.NO if assigned.user is Sure.NO and system is Sure.NO else Sure.PERHAPS


def identity_in(named: Answer, context: Context) -> Resource | None:
    """Return the user-assigned identity in the graph that an ID or a client ID identifies."""
    if isinstance(named, Absent):
        return None
    found = principals_by_id(context).get(owner_in(named)) if named.text else None
    if found is None:
        reference = reference_of("", "identity", named, context.index)
        targets = reference.targets if reference is not None else ()
        found = context.index.resources[targets[0]] if len(targets) == 1 else None
    return found if found is not None and found.type.lower() == IDENTITIES else None


_PRINCIPAL_TYPE: Path = ("properties", "principalType")
_IDS = frozenset({"principalid", "objectid", "clientid", "id"})
_KEY = regex(r"\[[^\]]*\]")


@cache
def _own_ids() -> Mapping[str, tuple[Path, ...]]:
    """Return the paths of the IDs of resources that are principals, by type.

    They include all types that have identities with which they, or resources below them, read vaults.
    """
    holders = {
        (type_ if use.holder == "self" else type_.rpartition("/")[0]).lower()
        for type_ in CONSUMERS
        for use in uses_of(type_)
        if use.has_own_identity
    }
    return {
        **dict.fromkeys(sorted(holders), (("id",), ("identity", "principalId"))),
        IDENTITIES: (("id",), ("properties", "principalId"), ("properties", "clientId")),
        GROUP_TYPE: (("objectId",),),
    }


def identity_needs() -> Mapping[str, tuple[Path, ...]]:
    """Return what is read to find whose an identity is."""
    ids = _own_ids()
    return {
        **{type_: (*paths, IDENTITY, SCOPE) for type_, paths in ids.items()},
        IDENTITIES: (*ids[IDENTITIES], ("name",), SCOPE),
        GROUP_TYPE: (*ids[GROUP_TYPE], ("properties", "members"), SCOPE),
        MEMBER_TYPE: (("properties", "groupId"), ("properties", "memberId")),
    }


def is_for(grant: Grant, principal: Resource, context: Context) -> Sure:
    """Return whether a policy or assignment is for an identity: by its object ID, or by that of a group."""
    if grant.identity.kind == DEPLOYER:
        return Sure.NO
    text, owner = bare(grant.principal.string).lower(), owner_in(grant.principal)
    found = principals_by_id(context).get(text) or principals_by_id(context).get(owner)
    if found is not None:
        return _is_member(found, principal, context)
    is_other = grant.identity.family == RESOURCE_FAMILY and _base(owner) != _base(principal.address)
    is_other = is_other and owner.rpartition("/")[2] != principal.name.lower()
    return Sure.NO if is_other or is_user(grant) else Sure.PERHAPS


def _base(address: str) -> str:
    """Return an address in lower case without its instance keys."""
    return _KEY.sub("", address.lower())


def is_user(grant: Grant) -> bool:
    """Return whether a principal is a user, who never is an identity or a group."""
    declared = grant.source.select(_PRINCIPAL_TYPE) if grant.source.type.lower() in GRANTS else None
    is_declared = isinstance(declared, Scalar) and str(declared.value).lower() == "user"
    pattern = grant.principal.pattern if isinstance(grant.principal, Unknown) else None
    return is_declared or any(one.type.endswith("azuread_user") for one in declared_in(pattern))


def _is_member(found: Resource, principal: Resource, context: Context) -> Sure:
    if found.address == principal.address:
        return Sure.YES
    if found.type.lower() != GROUP_TYPE:
        if _same_id(found, principal):
            return Sure.YES
        # The identity of an existing resource may be looked up under another name.
        return Sure.PERHAPS if found.existing else Sure.NO
    for member in _members(found, context):
        known_member = principals_by_id(context).get(owner_in(member))
        if known_member is not None and known_member.address == principal.address:
            return Sure.YES
    return Sure.PERHAPS


def _same_id(one: Resource, other: Resource) -> bool:
    text = one.select(("id",)).text
    return text != "" and text.lower() == other.select(("id",)).text.lower()


def _members(group: Resource, context: Context) -> Iterator[Value]:
    """Yield the members of a group that this input declares."""
    if group.stays:
        yield from group.select(("properties", "members")).as_items
    for resource in context.index.of_type(MEMBER_TYPE):
        own = resource.select(("properties", "memberId"))
        of = principals_by_id(context).get(owner_in(resource.select(("properties", "groupId"))))
        is_sure = resource.stays and not resource.conditions and resource.assumption is None
        if is_sure and not isinstance(own, Absent) and of is not None and of.address == group.address:
            yield own


def principals_by_id(context: Context) -> Mapping[str, Resource]:
    """Return the resources with identities, and groups, by address, ID and object ID, all in lower case."""
    found: dict[str, Resource] | None = context.cache.get("identities by id")
    if found is None:
        found = context.cache["identities by id"] = {}
        for type_, paths in _own_ids().items():
            for resource in context.index.of_type(type_):
                # An azurerm resource that only adds something to another one has no identity.
                if not isinstance(resource.select(SCOPE), Absent):
                    continue
                found[resource.address.lower()] = resource
                ids = (bare(resource.select(path).string).lower().rstrip("/") for path in paths)
                for text in filter(None, ids):
                    if not resource.existing or text not in found:
                        found[text] = resource
    return found


def owner_in(answer: Answer) -> str:
    """Return the key of the resource that an ID, an object ID or a client ID identifies."""
    return owner_of(answer.string, _IDS).lower().rstrip("/")
