"""What a resource id says: type, names and what the resource lies in or extends.

Ids are patterns (see ``Unknown`` in the model). A hole holds no slash, so that it is always one step of an id, or the
unknown beginning of one.
"""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.evaluation.values import CLOSE, OPEN, pieces
from azkvlint.readers.arm.scope import scope_of

_SLASH = "\u2215"
# No id of Azure's has nearly as many steps.
_MOST_PARTS = 200


class Identity(NamedTuple):
    """``names``: one for each segment of ``type`` after the namespace. ``above``: the id of the scope, or of the
    resource that it ``extends``; the id of the whole is these three put together again.
    """

    type: str
    names: tuple[str, ...]
    above: str
    extends: bool


def identity(pattern: str) -> Identity | None:
    """Take an id apart; None for anything else, and for a scope that is no resource (a subscription)."""
    parts = pattern.rstrip("/").split("/", _MOST_PARTS)
    if len(parts) > _MOST_PARTS:
        return None
    if (parts[0] and not parts[0].startswith(OPEN)) or not all(parts[1:]):
        return None
    # Of an id that begins with something unknown nobody can tell that beginning apart.
    start = 1 if parts[0] else _scope_end(parts)
    if start == len(parts) == 5:
        return Identity("Microsoft.Resources/resourceGroups", (parts[4],), "/".join(parts[:3]), False)
    return _resource(parts, start)


def _scope_end(parts: list[str]) -> int:
    """How many parts of an id (the first is empty) are its subscription and resource group."""
    words = [part.lower() for part in parts[1:4]]
    if words[:1] != ["subscriptions"]:
        return 1
    return 5 if words[2:] == ["resourcegroups"] and len(parts) > 4 else 3


def _resource(parts: list[str], at: int) -> Identity | None:
    """The last resource of ``providers/NAMESPACE/TYPE/NAME/TYPE/NAME...``; each further ``providers`` extends it."""
    above, extends = "/".join(parts[:at]), False
    while at + 3 < len(parts) and parts[at].lower() == "providers":
        end = at + 4
        # A name may be "providers", but no type is: types stand at every second place.
        while end + 1 < len(parts) and parts[end].lower() != "providers":
            end += 2
        if end == len(parts):
            type_ = "/".join([parts[at + 1], *parts[at + 2 : end : 2]])
            return Identity(type_, tuple(parts[at + 3 : end : 2]), above, extends)
        above = "/".join(parts[:end])
        extends, at = scope_of(above) is None, end
    return None


def relative(pattern: str) -> str:
    """An id without its subscription and group, as what-if prints it, its holes as ``{...}``: for people."""
    parts = pattern.strip("/").split("/")
    words = [part.lower() for part in parts]
    if words[:1] == ["subscriptions"]:
        parts = parts[4 if words[2:3] == ["resourcegroups"] and len(parts) > 4 else 2 :]
    text = "/".join(parts[1:] if parts[0].lower() == "providers" else parts)
    return "".join(_shown(part) if is_hole else part for part, is_hole in pieces(text))


def _shown(part: str) -> str:
    inside = part.replace(OPEN, "").replace(CLOSE, "").replace(_SLASH, "/")
    return f"{{{inside}}}"
