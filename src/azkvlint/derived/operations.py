"""What a role may do, of all that matters to a vault: actions less notActions, data actions less notDataActions.

Sources: learn.microsoft.com/azure/role-based-access-control/role-definitions (wildcards, and that notActions are taken
away from the actions beside them only), .../built-in-roles/security and .../built-in-roles/privileged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from azkvlint.azure.operations import CONTROL, DATA
from azkvlint.azure.roles import role_by_name
from azkvlint.derived.registry import known, known_list
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Scalar, Unknown, Value, display, select


@cache
def operations_of_built_in(name: str) -> tuple[str, ...] | None:
    """Return the operations that matter and that a built-in role (lower case) allows; None for another role."""
    role = role_by_name(name)
    if role is None:
        return None
    control = [one for one in CONTROL if any_fits(role.actions, one) and not any_fits(role.not_actions, one)]
    return (*control, *(one for one in DATA if any_fits(role.data_actions, one)))


def operations_of(definition: Resource) -> Value:
    """All that a custom role may do, of what matters, each told where it is written.

    An item that is not known is any of what the role perhaps allows.
    """
    permissions = definition.select(("properties", "permissions"))
    if isinstance(permissions, Unknown):
        return permissions
    certain: dict[str, Value] = {}
    doubt: Unknown | None = None
    for permission in permissions.items if isinstance(permissions, ListValue) else ():
        for table, give, take in ((CONTROL, "actions", "notActions"), (tuple(DATA), "dataActions", "notDataActions")):
            found, doubtful = _allowed(table, select(permission, (give,)), select(permission, (take,)))
            certain.update((one, word) for one, word in found.items() if one not in certain)
            doubt = doubtful if doubt is None else doubt
    items: list[Value] = [
        known(word, one, f"the role allows {display(word)}", sensitive=word.sensitive) for one, word in certain.items()
    ]
    return known_list(permissions, (*items, doubt) if doubt is not None else tuple(items))


def _allowed(table: tuple[str, ...], give: Answer, take: Answer) -> tuple[dict[str, Value], Unknown | None]:
    """What one permission certainly allows, by what allows it; and why it perhaps allows more."""
    given, given_doubt = _words(give)
    taken, taken_doubt = _words(take)
    left = [one for one in table if not any_fits(tuple(taken), one)]
    certain: dict[str, Value] = {}
    for one in left:
        word = next((word for word in given if _fits(word, one)), None)
        if word is not None:
            certain[one] = given[word]
    if taken_doubt is not None and certain:
        return {}, taken_doubt
    return certain, given_doubt if left and len(certain) < len(left) else None


def _words(answer: Answer) -> tuple[dict[str, Value], Unknown | None]:
    """The known items of a list, and one that is not known."""
    if isinstance(answer, Unknown):
        return {}, answer
    items = answer.items if isinstance(answer, ListValue) else () if isinstance(answer, Absent) else (answer,)
    certain: dict[str, Value] = {str(item.value): item for item in items if isinstance(item, Scalar)}
    return certain, next((item for item in items if isinstance(item, Unknown)), None)


def any_fits(words: Iterable[str], operation: str) -> bool:
    """Whether any of these actions, which may have wildcards, covers an operation."""
    return any(_fits(word, operation) for word in words)


def _fits(word: str, operation: str) -> bool:
    """Whether an action with wildcards covers an operation: an asterisk stands for any text, slashes included."""
    first, *rest = word.lower().split("*")
    text = operation.lower()
    if not rest:
        return first == text
    *middle, last = rest
    if len(first) + len(last) > len(text) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
