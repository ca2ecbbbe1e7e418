"""What an excerpt of JSON must not show: values below names that speak of secrets, and what stands beside the place.

Only the text that an excerpt shows is looked at, so nothing here knows more of a document than its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from azkvlint.syntax.json_decoder import COMMENT, STRING
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import is_harmless, names_secret

Span: TypeAlias = tuple[int, int]

# Nobody writes longer lines of JSON by hand: what stands beside a place on such a line is not looked at.
_LONG = 300
# A string that the end of an excerpt cuts off, or of which there is only the beginning, is a token too.
_TOKEN = regex(
    rf"""(?P<comment>{COMMENT})|(?P<string>{STRING}|"[^"]*+)|(?P<open>[{{\[])|(?P<close>[}}\]])"""
    r"|(?P<colon>:)|(?P<comma>,)|(?P<word>[^\s,:{}\[\]\"/]++|/)",
    re.DOTALL,
)
_NO_SECRET = frozenset({"true", "false", "null"})
# Members that hold the value of whatever it is that they are members of.
_VALUES = frozenset({"defaultvalue", "value"})
# Members that say what something is. Their values are no secrets, whatever they are members of.
_HARMLESS_KEYS = frozenset({"$schema", "apiversion", "type"})


def beside(text: str, low: int, start: int, end: int, high: int) -> Iterator[Span]:
    """Yield what stands on the lines of a place (``low`` to ``high``) but is not part of it, unless that is harmless.

    Keys, brackets, permissions and what is true or false are.
    """
    for first, last in ((low, start), (end, high)):
        if last - first > _LONG or not _is_harmless(text, first, last):
            blank = len(text[first:last]) - len(text[first:last].lstrip())
            yield first + blank, first + blank + len(text[first + blank : last].rstrip())


def _is_harmless(text: str, start: int, end: int) -> bool:
    tokens = list(_TOKEN.finditer(text, start, end))
    for number, token in enumerate(tokens):
        is_key = number + 1 < len(tokens) and tokens[number + 1].lastgroup == "colon"
        if token.lastgroup == "comment" or not (is_key or _shows_nothing(token)):
            return False
    return True


def is_below_secret(pointer: Sequence[str | int]) -> bool:
    """Return whether a place lies below a name that speaks of a secret."""
    names = [step for step in pointer if isinstance(step, str)]
    if names and names[-1].lower() in _HARMLESS_KEYS:
        return False
    # Nothing of a secure parameter has a place below its declaration.
    return any(map(names_secret, names[-1:])) or any(
        names_secret(name) for name in names[:-1] if name.lower() not in _VALUES
    )


def secret_values(text: str, start: int, end: int, is_below: bool = False) -> Iterator[Span]:
    """Yield the values between two offsets that stand below a name that speaks of a secret, each as a whole.

    ``is_below``: all of it does. A value that goes on after ``end`` is one up to there.
    """
    tokens = [match for match in _TOKEN.finditer(text, start, end) if match.lastgroup != "comment"]
    at = 0
    while at < len(tokens):
        is_key = at + 1 < len(tokens) and tokens[at + 1].lastgroup == "colon"
        if is_key:
            key = tokens[at][0].strip('"')
            at += 2
            if not (is_below or names_secret(key)) or (is_below and key.lower() in _HARMLESS_KEYS):
                continue
        elif not is_below or tokens[at].lastgroup not in ("string", "word", "open"):
            at += 1
            continue
        last = _end_of_value(tokens, at)
        if not all(_shows_nothing(token) for token in tokens[at:last]):
            yield tokens[at].start(), tokens[last - 1].end() if last <= len(tokens) and at < last else end
        at = max(last, at + 1)


def _end_of_value(tokens: Sequence[re.Match[str]], at: int) -> int:
    """Return the number of the token behind the value that begins with a token."""
    depth = 0
    for number in range(at, len(tokens)):
        kind = tokens[number].lastgroup
        depth += (kind == "open") - (kind == "close")
        if depth <= 0:
            return number + 1
    return len(tokens)


def _shows_nothing(token: re.Match[str]) -> bool:
    if token.lastgroup == "string":
        return is_harmless(token[0])
    return token.lastgroup != "word" or token[0] in _NO_SECRET
