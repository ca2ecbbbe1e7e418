"""The identity of a resource: its type, its names from the outermost on, and its scope or target."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.evaluation.values import CLOSE, OPEN, pieces
from azkvlint.readers.arm.scope import TENANT, Scope, resource_id

_MAX_ADDRESS = 300
_PLAINLY = str.maketrans({OPEN: None, CLOSE: None, "\u2215": "/"})


class ResourceIdentity:
    """Type, one name for each segment of the type after the namespace, and the id of what is ``above``.

    ``extends``: that is a resource. ``id`` is a pattern; it is empty where not known, and so are the names then.
    """

    __slots__ = ("above", "extends", "id", "names", "type")

    def __init__(self, type_: str, names: Sequence[str], above: str, extends: bool) -> None:
        number = type_.count("/")
        self.type = type_
        # Names that do not match the type may be right, but not which name is which.
        self.names = tuple(names) if len(names) == number else ("",) * number
        self.above = above
        self.extends = extends
        self.id = resource_id(above, type_, self.names) if type_ else ""


def full_id(pattern: str, scope: Scope) -> str:
    """Return the ID that ``scope`` names, which may be relative to the scope of the deployment."""
    if pattern.startswith("/") or pattern[:1] == OPEN:
        return pattern.rstrip("/")
    above = scope.id
    if pattern.lower().startswith("microsoft.management/managementgroups/") and pattern.count("/") == 2:
        above = Scope(TENANT).id
    return f"{above}/providers/{pattern}"


def readable(pattern: str) -> str:
    """Return a pattern for reports, with its unknown parts in braces."""
    if OPEN in pattern:
        shown = (f"{{{text.translate(_PLAINLY)}}}" if unknown else text for text, unknown in pieces(pattern))
        pattern = "".join(shown)
    return pattern if len(pattern) <= _MAX_ADDRESS else f"{pattern[:_MAX_ADDRESS]}..."
