"""What the built-in roles of a report allow, for readers who do not know all of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from azkvlint.access.effects import CAPABILITIES, Terms, VaultTraits, acting, of_role
from azkvlint.access.principals import kind_words
from azkvlint.azure.roles import ASSIGNS, WORKLOADS
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import built_in
from azkvlint.model.access import AccessRow

# What a role allows by itself at a resource group with a vault that uses Azure RBAC and can be purged.
_VAULT = VaultTraits(is_hsm=False, by_policies=Sure.NO, purgeable=Sure.YES, deployable=Sure.NO)
_LEVEL = "resource group"
_MOST_WORKLOADS = 4


def legend(rows: Iterable[AccessRow]) -> tuple[tuple[str, str], ...]:
    """Return the built-in roles of the paths by name, with what each allows."""
    names = {
        step.role for path in {id(row.path): row.path for row in rows}.values() for step in path.steps if step.role
    }
    return tuple((name, text) for name in sorted(names) if (text := _meaning(name)))


@cache
def _meaning(name: str) -> str:
    role = built_in(name.lower())
    if role is None:
        return ""
    terms = Terms(_LEVEL, assignable=role.assignable(to_itself=True))
    outcomes = of_role(role, terms, _VAULT)
    certain = [one for one in CAPABILITIES if outcomes.of(one).sure is Sure.YES]
    parts = [", ".join(one.label for one in certain if not outcomes.of(one).via)]
    if role.control(ASSIGNS) is Sure.YES and any(outcomes.of(one).via for one in certain):
        parts.append("assign itself roles that allow more" if parts[0] else "assign itself roles")
    for sure, words in ((Sure.YES, "run code on"), (Sure.PERHAPS, "perhaps run code on, or sign in to")):
        runs = [kind_words(type_) for type_ in WORKLOADS if acting(role, terms, type_).sure is sure]
        if runs:
            more = f" and {len(runs) - _MOST_WORKLOADS} more kinds" if len(runs) > _MOST_WORKLOADS else ""
            parts.append(f"{words}: {', '.join(runs[:_MOST_WORKLOADS])}{more}")
    return "; ".join(filter(None, parts)) or "nothing on vaults by itself"
