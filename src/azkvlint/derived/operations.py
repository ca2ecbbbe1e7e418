"""The operations that a role allows: actions less notActions, and data actions less notDataActions."""

from __future__ import annotations

from functools import cache

import msgspec

from azkvlint.azure.roles import ASSIGNS, CONTROL, DATA, FULL_ACCESS, any_fits, fits
from azkvlint.derived.answers import known, known_list
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import assigns, built_in
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Unknown, Value

# Sources: learn.microsoft.com/azure/role-based-access-control/role-definitions (wildcards, and that notActions are
# subtracted only from the actions of the same permission), .../built-in-roles/security and /privileged.


class BuiltIn(msgspec.Struct, frozen=True):
    """The relevant operations that a built-in role allows, and those that it may allow, with what would decide it."""

    certain: tuple[str, ...]
    possible: tuple[str, ...]
    why: str


@cache
def operations_of_built_in(name: str) -> BuiltIn | None:
    """Return the relevant operations of a built-in role (lower case); None for another role.

    To assign roles is one if the role's own condition allows a role that reaches vaults.
    """
    role = built_in(name)
    if role is None:
        return None
    found = {one: assigns(role) if one == ASSIGNS else role.control(one) for one in CONTROL}
    found |= {one: role.data(one) for one in DATA}
    certain, possible = (tuple(one for one, own in found.items() if own is sure) for sure in (Sure.YES, Sure.PERHAPS))
    return BuiltIn(certain, possible, role.why)


def operations_of(definition: Resource) -> Value:
    """Return the operations on key vaults that a custom role allows, each located where it is written.

    An unknown item is any operation that the role may allow.
    """
    permissions = definition.select(("properties", "permissions"))
    if isinstance(permissions, Unknown):
        return permissions
    certain: dict[str, Value] = {}
    doubt: Unknown | None = None
    for permission in permissions.items if isinstance(permissions, ListValue) else ():
        for table, give, take in ((CONTROL, "actions", "notActions"), (tuple(DATA), "dataActions", "notDataActions")):
            found, doubtful = _allowed(table, permission.select((give,)), permission.select((take,)))
            certain.update((one, word) for one, word in found.items() if one not in certain)
            doubt = doubtful if doubt is None else doubt
    items: list[Value] = [
        known(word, one, f"the role allows `{word.display()}`", sensitive=word.sensitive)
        for one, word in certain.items()
    ]
    note = "the role allows full access to secrets and keys" if certain.keys() >= FULL_ACCESS else ""
    return known_list(permissions, (*items, doubt) if doubt is not None else tuple(items), note)


def _allowed(table: tuple[str, ...], give: Answer, take: Answer) -> tuple[dict[str, Value], Unknown | None]:
    """Return the operations that one permission allows, with the item that allows each; and why it may allow more."""
    given, given_doubt = _words(give)
    taken, taken_doubt = _words(take)
    left = [one for one in table if not any_fits(tuple(taken), one)]
    certain: dict[str, Value] = {}
    for one in left:
        word = next((word for word in given if fits(word, one)), None)
        if word is not None:
            certain[one] = given[word]
    if taken_doubt is not None and certain:
        return {}, taken_doubt
    return certain, given_doubt if left and len(certain) < len(left) else None


def _words(answer: Answer) -> tuple[dict[str, Value], Unknown | None]:
    """Return the known items of a list, and one unknown item."""
    if isinstance(answer, Unknown):
        return {}, answer
    items = answer.as_items
    certain: dict[str, Value] = {str(item.value): item for item in items if isinstance(item, Scalar)}
    return certain, next((item for item in items if isinstance(item, Unknown)), None)
