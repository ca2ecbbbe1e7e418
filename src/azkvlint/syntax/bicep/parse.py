"""A Bicep or .bicepparam file -> its declarations, what is wrong with it, and what its author says not to report."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.declarations import Declarations
from azkvlint.syntax.bicep.directives import Region, Suppression, directives
from azkvlint.syntax.bicep.tokens import DECLARATION, Unexpected
from azkvlint.util.lazy_regex import regex

_NEXT_DECLARATION = regex(rf"[\r\n](?={DECLARATION})")
_ALIAS = regex(r"^import[ \t]++\*[ \t]++as[ \t]++([A-Za-z_][A-Za-z0-9_]*+)", re.MULTILINE)
MAX_FAULTS = 100


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """What a file says. All offsets are in code points.

    ``suppressions``: where the line behind a ``#disable-next-line`` starts, and the ids that the directive names.
    ``disabled``: from where to where ids are disabled by ``#disable-diagnostics``. ``texts``: where strings that are
    not plain ones start and end.
    """

    declarations: tuple[ast.Declaration, ...]
    faults: tuple[ast.Fault, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    disabled: tuple[Region, ...] = ()
    texts: Mapping[int, int] = {}


def parse(text: str) -> Parsed:
    """The declarations of a Bicep or parameter file, without those that are at fault.

    Each fault costs the one declaration it is in: reading goes on at the next line that begins with a keyword or "@".
    Never raises. No more than MAX_FAULTS faults are reported.
    """
    reader = Declarations(text)
    if "import" in text:
        reader.modules = frozenset(_ALIAS.findall(text))
    declarations: list[ast.Declaration] = []
    faults: list[ast.Fault] = []
    while True:
        start = reader.at
        try:
            reader.skip_lines()
            if reader.at > reader.end + 1:
                raise reader.unexpected("a declaration")
            if reader.at >= reader.end:
                break
            start = reader.at
            declaration = reader.declaration()
            if reader.skip() not in "\r\n":
                raise reader.unexpected("the end of the line")
            declarations.append(declaration)
        except Unexpected as error:
            at = min(error.at, reader.end)
            if len(faults) < MAX_FAULTS:
                faults.append(ast.Fault(error.message, at))
            if reader.at > reader.end + 1:  # all the rest is a comment
                break
            _recover(reader, start, max(at, start))
    suppressions, disabled = directives(text, reader.texts)
    return Parsed(tuple(declarations), tuple(faults), suppressions, disabled, reader.texts)


def _recover(reader: Declarations, start: int, at: int) -> None:
    """Goes to the next declaration behind that which begins at ``start`` and is at fault ``at`` some place.

    The line of the fault may be its first, if what is missing is the end of the declaration before it.
    """
    reader.depth = 0
    reader.wrap = False
    text = reader.text
    line = max(text.rfind("\n", start, at), text.rfind("\r", start, at), start)
    found = _NEXT_DECLARATION.search(text, line, reader.end)
    reader.at = reader.end if found is None else found.end()
