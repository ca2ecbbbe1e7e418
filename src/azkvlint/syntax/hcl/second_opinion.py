"""python-hcl2's opinion of a Terraform file that kvlint's own parser rejects. No other module imports python-hcl2."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from azkvlint.syntax.ast import Fault
from azkvlint.syntax.hcl.tokens import END, describe_token

if TYPE_CHECKING:
    from lark import Lark

MAX_BYTES = 10_000
"""The size of the largest file that python-hcl2 may read: some texts take it time that grows with the square of their
length, up to a second of CPU for one of this size."""


def syntax_error(text: str) -> Fault | None:
    """Return the first syntax error that python-hcl2 finds in a file, or None if it accepts the file.

    The message names marks only: any other text may be secret.
    """
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    try:
        grammar().parse(f"{text}\n")
    except UnexpectedInput as error:
        at = cast("int | None", error.pos_in_stream)
        # At the end of the text, Lark returns the position of the last token.
        is_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        at = len(text) if is_end or at is None else min(at, len(text))
        return Fault(f"does not expect {describe_token(text + END, at)}", at)
    return None


@cache
def grammar() -> Lark:
    """Return python-hcl2's parser, built without the cache file that python-hcl2 keeps beside itself."""
    import hcl2
    from hcl2.postlexer import PostLexer
    from lark import Lark

    return Lark.open("hcl2.lark", rel_to=hcl2.__file__, parser="lalr", postlex=PostLexer())
