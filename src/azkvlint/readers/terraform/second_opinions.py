"""Compare with python-hcl2: whether it also rejects the files that kvlint's own parser rejects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from azkvlint.model.finding import Problem
from azkvlint.syntax.ast import Fault
from azkvlint.syntax.texts import Lines, source_text
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import read_bytes, resolve_inside

if TYPE_CHECKING:
    from lark import Lark

MAX_BYTES = 8_000
"""The size limit for python-hcl2: its time can be quadratic, up to a second of CPU for a file of this size."""


def syntax_error(text: str) -> Fault | None:
    """Return the first syntax error that python-hcl2 finds in a file, or None if it accepts the file.

    The message names punctuation only: any other text may be secret.
    """
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    from azkvlint.syntax.hcl.tokens import END, describe_token  # most runs need no second opinion

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
    """Return python-hcl2's parser, built without the cache file that python-hcl2 writes beside itself."""
    import hcl2
    from hcl2.postlexer import PostLexer
    from lark import Lark

    return Lark.open("hcl2.lark", rel_to=hcl2.__file__, parser="lalr", postlex=PostLexer())


MAX_FILES = 3
"""How many files of a run python-hcl2 may read, so that a run with thousands of broken files does not take hours."""


def with_second_opinions(problems: Sequence[Problem], root: str) -> list[Problem]:
    """Return the problems, with a hint at the first syntax error of each of the first files that have one.

    ``root`` is the folder that the paths of the problems start from. Files that are too large get no hint.
    """
    paths: set[str] = set()
    hints: dict[Problem, str] = {}
    for problem in problems:
        if not problem.is_syntax_error or problem.at is None or problem.at.path in paths:
            continue
        paths.add(problem.at.path)
        text = _text(root, problem.at.path)
        if text is not None:
            hints[problem] = _opinion(text)
            if len(hints) == MAX_FILES:
                break
    return [replace(problem, hint=hints[problem]) if problem in hints else problem for problem in problems]


def _text(root: str, path: str) -> str | None:
    """Return the text of a file, or None if python-hcl2 may not read it."""
    try:
        file = resolve_inside(root, root, path)
        return None if file is None else source_text(read_bytes(file, MAX_BYTES))
    except InputError:
        return None


def _opinion(text: str) -> str:
    """Return the hint on a file with a syntax error; an empty string if python-hcl2 fails."""
    try:
        fault = syntax_error(text)
    # Another version of python-hcl2 may fail in any way, and no hint is better than no report.
    except Exception:  # noqa: BLE001
        return ""
    if fault is None:
        return "a second parser accepts this file; if `terraform validate` does too, report a bug in kvlint"
    line, column = Lines(text).place(fault.at)
    return f"a second parser also rejects this file, on line {line}, column {column}"
