"""Plan the migration of the vaults of one root: the roles for each access policy, and what remains unknown.

The roles that replace an access policy are the built-in roles with the least surplus, or a custom role. Source:
learn.microsoft.com/azure/key-vault/general/rbac-migration (which roles replace the templates of policies).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import combinations
from typing import NamedTuple

import msgspec

from azkvlint.access.principals import Principals, subject_of
from azkvlint.azure.roles import ACTIONS_OF, DATA_ROLES, any_fits, role_by_name
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import ASSIGNMENTS, SCOPE, role_name
from azkvlint.derived.delegation import is_foreign
from azkvlint.derived.grants import NAMED_PRINCIPAL, NO_PRINCIPAL, Grant, grants_of, named_by
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import BY_POLICIES, model_of
from azkvlint.graph.references import parent_of, reference_of
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import Resource
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Answer, Scalar, Unknown, Value

# A policy is replaced by roles, refused, unknown, or has no effect that roles could replace.
REPLACED, REFUSED, UNKNOWN, WITHOUT_EFFECT = "replaced", "refused", "unknown", "without effect"
PLACEHOLDER = "placeholder"
_KINDS = ("secrets", "keys", "certificates")
# Permissions that only read names and properties. A surplus of these gives no access to values or private keys.
_READS_PROPERTIES = frozenset(
    {
        "secrets/list", "keys/get", "keys/list", "keys/getrotationpolicy", "certificates/get", "certificates/list",
        "certificates/getissuers", "certificates/listissuers",
    }
)  # fmt: skip
# The management templates of access policies, which Microsoft replaces by the role with all permissions on their kind.
_MANAGEMENT = {
    "secrets": "get list set delete recover backup restore",
    "keys": "get list update create import delete recover backup restore",
    "certificates": "get list update create import delete recover backup restore managecontacts manageissuers"
    " getissuers listissuers setissuers deleteissuers",
}
_STORAGE = frozenset(word for word in ACTIONS_OF if word.startswith("storage/"))
_PLACES = {word: number for number, word in enumerate(ACTIONS_OF)}
_BIT = {word: 1 << number for number, word in enumerate(ACTIONS_OF) if word not in _STORAGE}


class Policy(msgspec.Struct, kw_only=True):
    """One access policy of one vault.

    ``source`` is the resource that contains it, at ``number`` of its policies. ``choice`` are the roles that replace
    it, and ``custom`` states that a custom role does. Without a choice, ``reason`` states why. ``present`` are the
    built-in roles that the principal has on the vault already, by lower-case name, with the address of the assignment.
    ``is_any``: it stands for all policies of its source. ``perhaps``: it may be for another vault. ``exists`` states
    what decides whether it exists, and ``is_loop`` that it stands for the unknown number of policies of a loop.
    ``obstacle`` is why no code can repeat its loop or condition, and ``placeholder`` why its object ID is not that of a
    principal. ``notes`` are what may make Azure or Terraform reject its role assignments.
    """

    source: Resource
    number: int
    item: Value
    principal: Answer
    key: str
    label: str
    at: Location
    status: str
    reason: str = ""
    permissions: tuple[str, ...] = ()
    choice: RoleChoice | None = None
    custom: bool = False
    present: Mapping[str, str] = {}
    is_any: bool = False
    perhaps: bool = False
    exists: str = ""
    is_loop: bool = False
    placeholder: str = ""
    obstacle: str = ""
    notes: list[str] = []

    @property
    def inline(self) -> bool:
        """Return whether the policy is written in the vault itself."""
        return self.source.type.lower() == VAULTS

    @property
    def address(self) -> str:
        """Return the policy as the subject of a sentence."""
        if self.is_any:
            return f"the access policies of {self.source.address}"
        return f"access policy {self.number + 1} of {self.source.address}" if self.inline else self.source.address

    @property
    def new_roles(self) -> tuple[tuple[str, str], ...]:
        """Return the ID and name of each built-in role that is not assigned yet."""
        if self.choice is None or self.custom:
            return ()
        return tuple((role.id, role.name) for role in self.choice.roles if role.name.lower() not in self.present)


class VaultPolicies(NamedTuple):
    """A vault that uses access policies, and these in their order."""

    vault: Resource
    policies: list[Policy]


class Vaults(msgspec.Struct, kw_only=True):
    """The vaults of a root: those to migrate, those that use Azure RBAC already, and those with unknown models."""

    to_migrate: list[VaultPolicies]
    migrated: list[Resource]
    unknown: list[tuple[Resource, str]]


def vaults_of(
    context: Context, principals: Principals, indexed: Callable[[Resource], str], *, built_in_only: bool
) -> Vaults:
    """Return the vaults of a root with their access policies. ``built_in_only``: no custom roles replace these.

    ``indexed`` returns the static address of the vault one of whose instances a separate policy is for, if its source
    states that.
    """
    found = Vaults(to_migrate=[], migrated=[], unknown=[])
    policies = _policies_by_vault(context, principals, indexed)
    for vault in context.index.of_type(VAULTS):
        model = model_of(vault)
        if not vault.stays:
            continue
        if isinstance(model, Scalar) and model.value != BY_POLICIES:
            found.migrated.append(vault)
        elif not isinstance(model, Scalar) and not vault.existing:
            found.unknown.append((vault, model.why if isinstance(model, Unknown) else "it is not set"))
        elif not vault.existing or policies.get(vault.address):
            # Policies are added to a vault outside the input because it uses them.
            found.to_migrate.append(VaultPolicies(vault, policies.get(vault.address, [])))
    for _, own in found.to_migrate:
        for policy in own:
            if policy.choice is not None:
                policy.custom = not policy.choice.fits and not built_in_only
    return found


def _policies_by_vault(
    context: Context, principals: Principals, indexed: Callable[[Resource], str]
) -> dict[str, list[Policy]]:
    found: dict[str, list[Policy]] = {}
    assigned = _assigned(context, principals)
    for vault in context.index.of_type(VAULTS):
        if vault.stays:
            found[vault.address] = list(_policies_in(vault, vault, assigned, context, principals))
    for source in context.index.of_type(POLICIES):
        reference = parent_of(source, context.index)
        if reference is None or not source.stays:
            continue
        for address in reference.targets:
            vault = context.index.resources[address]
            if address in found:
                found[address] += _policies_in(source, vault, assigned, context, principals)
        others = [*(found if reference.anything else reference.candidates)]
        declared = static_address(indexed(source)) if reference.anything else ""
        if declared:
            others = [one for one in others if static_address(one) == declared]
        for address in (one for one in others if one in found and one not in reference.targets):
            for policy in _policies_in(source, context.index.resources[address], {}, context, principals):
                policy.perhaps = True
                found[address].append(policy)
    return found


def _assigned(context: Context, principals: Principals) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return the roles that are assigned on vaults themselves, by vault and principal."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for source in context.index.of_type(ASSIGNMENTS):
        scope, name = source.select(SCOPE), role_name(source, context)
        reference = reference_of(source.address, "scope", scope, context.index)
        if reference is None or not source.stays or not isinstance(name, Scalar) or source.conditions:
            continue
        if source.assumption is not None or not isinstance(source.select(("properties", "condition")), Absent):
            continue
        key = principals.principal(source.select(("properties", "principalId")), Absent(at=source.at), source).key
        for vault in reference.targets:
            found.setdefault((vault, key), {})[str(name.value).lower()] = source.address
    return found


def _policies_in(
    source: Resource,
    vault: Resource,
    assigned: Mapping[tuple[str, str], Mapping[str, str]],
    context: Context,
    principals: Principals,
) -> Iterator[Policy]:
    grants = grants_of(source, context)
    if isinstance(grants, Unknown):
        if not source.existing:
            yield Policy(
                source=source, number=0, item=grants, principal=Absent(at=grants.at), key="", at=source.at,
                label="unknown principals", status=UNKNOWN, is_any=True,
                reason=f"the number of access policies is unknown: {grants.why}",
            )  # fmt: skip
        return
    for number, grant in enumerate(grants):
        principal = principals.principal(grant.principal, Absent(at=source.at), source, number, subject_of(grant.item))
        policy = Policy(
            source=source, number=number, item=grant.item, principal=grant.principal, key=principal.key,
            label=principal.label, at=_place(source, grant), status=UNKNOWN,
            present=assigned.get((vault.address, principal.key), {}),
        )  # fmt: skip
        policy.status, policy.reason = _obstacle(grant, context)
        if policy.status == PLACEHOLDER:
            policy.status, policy.reason, policy.placeholder = "", "", policy.reason
        policy.permissions = ordered(word for word in grant.permissions if word in ACTIONS_OF)
        if not policy.status:
            policy.status = REPLACED
            required = frozenset(policy.permissions)
            policy.choice = choose(required, required - _uncertain(grant))
        yield policy


def _place(source: Resource, grant: Grant) -> Location:
    at = grant.item.at
    return source.at if at.span is None and at.pointer is None and at.region is None else at


def _uncertain(grant: Grant) -> frozenset[str]:
    """Return the permissions to purge that ``all`` may include; Microsoft does not document whether it does."""
    return frozenset(
        word
        for word, value in grant.permissions.items()
        if word.endswith("/purge") and isinstance(value, Scalar) and str(value.value).lower() == "all"
    )


def _obstacle(grant: Grant, context: Context) -> tuple[str, str]:
    """Return the status of a policy that roles cannot replace, with the reason; empty if they can."""
    application, foreign, named = subject_of(grant.item), is_foreign(grant, context), named_by(grant.principal, context)
    words = [word for word in grant.permissions if not word.endswith("/all")]
    wrong = next((word for word in words if word not in ACTIONS_OF), None)
    if application:
        return REFUSED, (
            f"it applies to application `{application}` on behalf of the principal, and Azure RBAC does not support"
            " compound identities"
        )
    if isinstance(foreign, Scalar) and foreign.value is True:
        return WITHOUT_EFFECT, "the tenant ID differs from that of the vault"
    if isinstance(grant.principal, Absent):
        return UNKNOWN, "the object ID is not set"
    if isinstance(named, Scalar) and named.value not in (NAMED_PRINCIPAL, NO_PRINCIPAL):
        return UNKNOWN, named.note
    if grant.item.note == MAY_BE_ABSENT:
        return UNKNOWN, "whether the access policy exists is unknown"
    if grant.doubt is not None:
        return UNKNOWN, f"the permissions are unknown: {grant.doubt.why}"
    if wrong is not None:
        return UNKNOWN, f"`{grant.permissions[wrong].display()}` is not a permission of access policies"
    if not words:
        return WITHOUT_EFFECT, "it has no permissions"
    # The expression of the object ID is repeated, whatever its value is; the value is not.
    is_placeholder = isinstance(named, Scalar) and named.value == NO_PRINCIPAL
    return (PLACEHOLDER, named.note) if is_placeholder else ("", "")


def blocking(policies: Iterable[Policy]) -> Sequence[Policy]:
    """Return the policies whose principals would lose access if the vault used Azure RBAC."""
    return [policy for policy in policies if policy.status in (REFUSED, UNKNOWN)]


class VaultRole(NamedTuple):
    """A built-in role with data actions on vaults, and the permissions of access policies that it includes."""

    id: str
    name: str
    words: frozenset[str]


class RoleChoice(NamedTuple):
    """The roles that replace the permissions ``required``.

    ``roles`` are the built-in roles with the least ``surplus``. ``fits``: the surplus is acceptable, so that no custom
    role with ``actions``, the data actions of the permissions, is necessary.
    """

    required: frozenset[str]
    roles: tuple[VaultRole, ...]
    surplus: tuple[str, ...]
    fits: bool
    actions: tuple[str, ...]
    custom_surplus: tuple[str, ...]


@cache
def vault_roles() -> tuple[VaultRole, ...]:
    """Return the built-in roles that can replace an access policy."""
    found: list[VaultRole] = []
    for name in DATA_ROLES:
        role = role_by_name(name.lower())
        if role is None:
            raise LookupError(name)  # the table of built-in roles contains every one
        data_actions = [action for permission in role.permissions for action in permission.data_actions]
        found.append(VaultRole(role.id, role.name, words_of(data_actions)))
    return tuple(found)


def words_of(data_actions: Iterable[str]) -> frozenset[str]:
    """Return the permissions of access policies whose data actions are all allowed."""
    allowed = tuple(data_actions)
    return frozenset(
        word for word, actions in ACTIONS_OF.items() if all(any_fits(allowed, action) for action in actions)
    )


@cache
def _covers() -> tuple[tuple[tuple[VaultRole, ...], int], ...]:
    """Return every set of roles with the bits of its permissions: smaller sets first, in the order of the roles."""
    roles = vault_roles()
    sets = (some for size in range(1, len(roles) + 1) for some in combinations(roles, size))
    return tuple((some, _bits(frozenset().union(*(role.words for role in some)))) for some in sets)


def _bits(words: Iterable[str]) -> int:
    """Return permissions as the bits of a number, without those on managed storage accounts."""
    return sum(_BIT[word] for word in words if word in _BIT)


@lru_cache(maxsize=4096)
def choose(required: frozenset[str], certain: frozenset[str]) -> RoleChoice:
    """Return the roles that replace ``required``, of which the policy certainly has ``certain``.

    A surplus consists of permissions on secrets, keys and certificates, in the order of ``ordered``.
    """
    needed, harmless = _bits(required), _bits(required | _READS_PROPERTIES)
    stored = required & _STORAGE
    # With equal surpluses and numbers of roles, the surplus with more that only reads properties, then the first.
    roles = min(
        (
            ((bits & ~needed).bit_count(), len(roles), (bits & ~harmless).bit_count(), number, roles)
            for number, (roles, bits) in enumerate(_covers())
            if not needed & ~bits and all(any(word in role.words for role in roles) for word in stored)
        )
    )[-1]
    words = frozenset().union(*(role.words for role in roles)) - _STORAGE
    managed = {kind for kind, text in _MANAGEMENT.items() if {f"{kind}/{one}" for one in text.split()} <= required}
    actions = tuple(sorted({action for word in required for action in ACTIONS_OF[word]}))
    return RoleChoice(
        required=required,
        roles=roles,
        surplus=ordered(words - certain),
        fits=all(word.partition("/")[0] in managed for word in words - required - _READS_PROPERTIES),
        actions=actions,
        custom_surplus=ordered(
            word for word, own in ACTIONS_OF.items() if own[0] in actions and word not in certain | _STORAGE
        ),
    )


def ordered(words: Iterable[str]) -> tuple[str, ...]:
    """Return permissions by kind, in the order of the table, and each permission to list after that to get."""
    return tuple(sorted(words, key=_rank))


def _rank(word: str) -> tuple[int, int, bool]:
    kind, _, name = word.partition("/")
    is_list = name == "list"
    place = _PLACES[f"{kind}/get" if is_list else word]
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), place, is_list


def described(words: Iterable[str]) -> str:
    """Return permissions as text: ``secrets get, list; keys get``."""
    by_kind: dict[str, list[str]] = {}
    for word in ordered(words):
        kind, _, name = word.partition("/")
        by_kind.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in by_kind.items())
