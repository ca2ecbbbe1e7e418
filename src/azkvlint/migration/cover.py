"""Choose the roles that replace an access policy: the built-in roles with the least surplus, or a custom role.

Source: learn.microsoft.com/azure/key-vault/general/rbac-migration (which roles replace the templates of policies).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import combinations
from typing import NamedTuple

from azkvlint.azure.roles import ACTIONS_OF, DATA_ROLES, role_by_name
from azkvlint.derived.assignments import any_fits

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


class VaultRole(NamedTuple):
    """A built-in role with data actions on vaults, and the permissions of access policies that it includes."""

    id: str
    name: str
    words: frozenset[str]


class Choice(NamedTuple):
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
        found.append(VaultRole(role.id, role.name, words_of(role.data_actions)))
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
def choose(required: frozenset[str], certain: frozenset[str]) -> Choice:
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
    return Choice(
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
