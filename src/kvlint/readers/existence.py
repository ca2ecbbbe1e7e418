"""Whether a declaration exists: certainly, never, or only where a value overrides the default of a parameter.

Defaults decide values, not existence: what only the default of a root's parameter leaves out may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from kvlint.model.graph import Assumption, Resource
from kvlint.model.report import Declaration
from kvlint.model.source import Location

# The types of which a report says for each declaration whether it was evaluated, in lower case.
ACCOUNTED = frozenset(
    {
        "microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms", "microsoft.keyvault/vaults/secrets",
        "microsoft.keyvault/vaults/keys", "microsoft.keyvault/vaults/certificates",
        "microsoft.keyvault/vaults/accesspolicies", "microsoft.keyvault/managedhsms/keys",
        "microsoft.keyvault/managedhsms/roleassignments", "microsoft.authorization/roleassignments",
    }
)  # fmt: skip
# Of more parameters than these it is not worked out which of them decide alone.
_MOST_TRIED = 12
_MOST_NAMED = 3


def deciding(names: Collection[str], exists: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """Return the parameters whose defaults leave something out; none if it does not exist whatever they are.

    ``exists`` tells whether it may exist where nothing is known of some parameters. Those that decide alone are
    returned if there are any, because the defaults of all others keep their say on values then.
    """
    everything = frozenset(names)
    if not everything or not exists(everything):
        return frozenset()
    alone: list[str] = []
    if 1 < len(everything) <= _MOST_TRIED:
        alone = [name for name in sorted(everything) if exists(frozenset({name}))]
    return frozenset(alone) or everything


def assumption(names: Iterable[str], option: str, at: Location) -> Assumption:
    """Return the assumption that parameters, called as an expression calls them, override their defaults."""
    listed = sorted(names)
    named = [f"`{name}`" for name in listed[:_MOST_NAMED]]
    if len(listed) > _MOST_NAMED:
        named.append(f"{len(listed) - _MOST_NAMED} more")
    words = " or ".join(named)
    return Assumption(text=f"exists only if {words} overrides its default ({option})", at=at)


def assume(resources: dict[str, Resource], known: int, why: Assumption) -> None:
    """Mark all resources behind the first ``known`` as ones that may exist."""
    for address in list(resources)[known:]:
        resource = resources[address]
        if resource.assumption is None:
            # It exists under no weaker condition than this.
            conditions = resource.conditions or frozenset({why.text})
            resources[address] = msgspec.structs.replace(resource, assumption=why, conditions=conditions)


def skipped(address: str, type_: str, declared_as: str, at: Location, reason: str) -> Declaration | None:
    """Return a declaration that is not evaluated; None for a type that reports do not account for."""
    if type_.lower() not in ACCOUNTED:
        return None
    return Declaration(address=address, type=type_, declared_as=declared_as, at=at, reason=reason)
