"""Parse attribute paths.

The grammar is jsonpath-ng's, restricted to selectors of exactly one place: names, quoted names and indexes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from azkvlint.model.value import Path, Step

if TYPE_CHECKING:
    from jsonpath_ng import JSONPath

# jsonpath-ng's parser hits the recursion limit on very long selectors; Azure's paths are far shorter.
_MAX_LENGTH = 500
_MAX_INDEX = 99_999

_WILDCARD = "wildcards and slices are not supported; use `some:` or `every:`"
_UNION = "unions are not supported; use `any:`"
_FILTER = "filters are not supported; use `some:` with `where:`"
_UNREADABLE = "not a path; join names with dots and quote names with special characters"
_BACKTICKS = "words in backticks are not supported"
# By class name, because some of jsonpath-ng's classes are private.
_REFUSED = {
    "Wildcard": _WILDCARD,
    "Slice": _WILDCARD,
    "Descendants": "`..` is not supported; write the whole path",
    "Union": _UNION,
    "Intersect": _UNION,
    "Where": _FILTER,
    "WhereNot": _FILTER,
    "Parent": _BACKTICKS,
    "This": _BACKTICKS,
    "Root": "`$` is only supported at the start of a path",
}


class PathError(ValueError):
    """The string is not a path. The message contains the string and the reason."""


@cache
def parse_path(text: str) -> Path:
    """Parse a path; ``$`` is ``()``. Raise PathError.

    ``a.'b c'[0]`` is ``('a', 'b c', 0)``; a leading ``$.`` is ignored.
    """
    nodes = _chain(text)
    if type(nodes[0]).__name__ == "Root":
        del nodes[0]
    return tuple(_step(text, node) for node in nodes)


def _chain(text: str) -> list[JSONPath]:
    """Return the nodes of the parsed selector, outermost first."""
    from warnings import catch_warnings, simplefilter

    from jsonpath_ng import Child
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.parser import parse

    if len(text) > _MAX_LENGTH:
        raise PathError(f"`{text[:30]}...`: paths longer than {_MAX_LENGTH} characters are not supported")
    try:
        with catch_warnings():
            simplefilter("ignore")  # about operators that are refused below
            pending = [parse(text)]
    except JSONPathError:
        # jsonpath-ng's message names a token, which helps less than a description of a path.
        raise PathError(f"`{text}`: {_FILTER if '[?' in text else _UNREADABLE}") from None
    nodes = []
    while pending:
        node = pending.pop()
        if isinstance(node, Child):
            pending += (node.right, node.left)
        else:
            nodes.append(node)
    return nodes


def _step(text: str, node: JSONPath) -> Step:
    from jsonpath_ng import Fields, Index

    match node:
        case Fields(fields=("*",)):
            reason = _WILDCARD
        case Fields(fields=(str() as name,)) if name:
            return name
        case Index(indices=(int() as index,)) if abs(index) <= _MAX_INDEX:
            return index
        case Fields(fields=selectors) | Index(indices=selectors) if len(selectors) > 1:
            reason = _UNION
        case _:
            reason = _REFUSED.get(type(node).__name__.lstrip("_"), _UNREADABLE)
    raise PathError(f"`{text}`: {reason}")
