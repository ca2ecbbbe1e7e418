"""python-hcl2, which knows the grammar of Terraform's expressions. This is the one file that imports it.

Its grammar takes more than a second to compile, so what comes of that is kept in the user's cache directory.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias, cast

from kvlint.syntax.hcl import cache as kept

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

    Parsed: TypeAlias = Tree[Token]

BEFORE = "_="
"""Stands before what is parsed: python-hcl2 reads attributes."""


def parse(text: str) -> Parsed | int:
    """The tree that python-hcl2 makes of one expression, or from where on it is none; offsets count BEFORE.

    The expression stands on one line.
    """
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    try:
        start = _parser().parse(BEFORE + text)
    except UnexpectedInput as error:
        at = cast("int | None", error.pos_in_stream)
        # At the end it names the last word.
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        return len(BEFORE + text) if ended or at is None else at
    return cast("Parsed", next(start.find_data("attribute")).children[-1])


@cache
def _parser() -> Lark:
    """The parser, as it was kept; else compiled, and kept."""
    from lark import Lark, __version__

    name = f"hcl2-{kept.grammar()}-lark-{__version__}-{sys.implementation.cache_tag}.bin"
    data = kept.read(name)
    if data is not None:
        return Lark.load(BytesIO(data))
    parser = _compiled()
    found = BytesIO()
    # What python-hcl2 adds to it is for ends of lines only.
    parser.save(found, exclude_options=("postlex",))
    kept.write(name, found.getvalue())
    return parser


def _compiled() -> Lark:
    """The parser, compiled. python-hcl2 is given a place for its own cache in which nothing is kept."""
    from pathlib import Path

    import hcl2.parser as grammar

    grammar.PARSER_FILE = Path(os.devnull)
    return grammar.parser()
