"""The least surplus of every set of roles, from a table of its own: what each role allows, written out by hand."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from random import Random

WORDS = {
    "keys": "get list update create import delete recover backup restore decrypt encrypt unwrapkey wrapkey verify sign"
    " purge release rotate getrotationpolicy setrotationpolicy",
    "secrets": "get list set delete recover backup restore purge",
    "certificates": "get list update create import delete recover backup restore managecontacts manageissuers"
    " getissuers listissuers setissuers deleteissuers purge",
}


def named(**kinds: str) -> frozenset[str]:
    """Return permissions by kind."""
    return frozenset(f"{kind}/{word}" for kind, words in kinds.items() for word in words.split())


# Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles/security, in the words of access policies.
ROLES = {
    "Key Vault Administrator": named(**WORDS),
    "Key Vault Reader": named(
        secrets="list", keys="get list getrotationpolicy", certificates="get list getissuers listissuers"
    ),
    "Key Vault Certificates Officer": named(certificates=WORDS["certificates"]),
    "Key Vault Certificate User": named(certificates="get list", keys="get list", secrets="get list"),
    "Key Vault Crypto Officer": named(keys=WORDS["keys"]),
    "Key Vault Crypto Service Encryption User": named(keys="get list wrapkey unwrapkey"),
    "Key Vault Crypto Service Release User": named(keys="release"),
    "Key Vault Crypto User": named(keys="get list update backup encrypt decrypt wrapkey unwrapkey sign verify"),
    "Key Vault Secrets Officer": named(secrets=WORDS["secrets"]),
    "Key Vault Secrets User": named(secrets="get list"),
}


def surplus(roles: Iterable[str], words: frozenset[str]) -> frozenset[str] | None:
    """Return what roles allow beyond some permissions; None if they do not allow all of these."""
    allowed = frozenset[str]().union(*(ROLES[role] for role in roles))
    return allowed - words if words <= allowed else None


def least(words: frozenset[str]) -> tuple[int, int]:
    """Return the least surplus of any set of roles, and the lowest number of roles with that surplus."""
    found = [
        (len(extra), size)
        for size in range(1, len(ROLES) + 1)
        for roles in combinations(ROLES, size)
        if (extra := surplus(roles, words)) is not None
    ]
    return min(found)


def permissions(number: int) -> frozenset[str]:
    """Return the random set of permissions with a number: of one to three kinds, few or many of each."""
    random = Random(f"permissions {number}")
    found: set[str] = set()
    for kind in random.sample(sorted(WORDS), random.randint(1, 3)):
        words = WORDS[kind].split()
        most = random.choice((2, 5, len(words)))
        found.update(f"{kind}/{word}" for word in random.sample(words, random.randint(1, min(most, len(words)))))
    return frozenset(found)


def difference(number: int) -> str:
    """Return where the product differs from trying every set of roles; empty if it does not."""
    from azkvlint.migration.plan import choose

    words = permissions(number)
    choice = choose(words, words)
    roles = [role.name for role in choice.roles]
    extra = surplus(roles, words)
    shown = f"{number}: {' '.join(sorted(words))}: {roles}"
    if extra is None:
        return f"{shown} does not cover the permissions"
    if set(choice.surplus) != extra or len(choice.surplus) != len(extra):
        return f"{shown} has another surplus than {choice.surplus}"
    return "" if (len(extra), len(roles)) == least(words) else f"{shown} is not minimal: {least(words)}"
