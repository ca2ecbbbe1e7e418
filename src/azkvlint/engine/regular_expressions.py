"""The regular expressions of rules, on texts that anybody may have chosen.

Python's own go back over a text as often as there are ways to fit it: twice as often with each letter where one
repetition holds another, and by a power of the text's length where several stand in a row. Where that could take long,
an automaton is used instead, which goes over the text once. It does not know all of Python's patterns.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.evaluation.terraform.functions.regular import Program

# Up to this length a few repetitions in a row take no time that anybody notices.
_SHORT, _FEW, _FEW_CHOICES = 256, 3, 12
# Two take a time by the square.
_LONGER = 5_000
_REPEATED_GROUP = regex(r"\)\s*[*+{]")
_REPEATS, _CHOICES = regex(r"[*+]|\{\d*,\}|\{\d*,?\d{3}"), regex(r"[*+?{]")
# In this mode blanks and comments may stand between a group and its repetition.
_SPACED = regex(r"\(\?[a-zA-Z]*x")


class Pattern:
    """A regular expression that a text fits as a whole, without case."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self._python = regex(pattern, re.IGNORECASE)
        # Told when it is first asked: of most patterns of a run nobody wants to know.
        self._repeats: int | None = None
        self._is_endless = False

    def fits(self, text: str) -> bool | None:
        """Whether a text fits; None if it would take too long to tell."""
        repeats, is_endless = self._repeats, self._is_endless
        if repeats is None:
            repeats = self._repeats = len(_REPEATS.findall(self.text))
            is_endless = self._is_endless = _is_endless(self.text)
        if not is_endless and (repeats < 2 or len(text) <= _SHORT):
            return self._python.fullmatch(text) is not None
        program = _program(self.text)
        if program is not None:
            return _searched(program, text)
        # What lies in rule files is trusted as code is; a parameter's pattern is asked whether it is sound before.
        if len(text) <= (_LONGER if repeats == 2 and not is_endless else _SHORT):
            return self._python.fullmatch(text) is not None
        return None


def is_sound(pattern: str) -> bool:
    """Whether a pattern takes no time without end, whatever the text is."""
    return not _is_endless(pattern) or _program(pattern) is not None


@lru_cache(200)
def _is_endless(pattern: str) -> bool:
    """Whether Python might never come to an end with a pattern, even on a short text."""
    return bool(
        _REPEATED_GROUP.search(pattern)
        or _SPACED.search(pattern)
        or len(_REPEATS.findall(pattern)) > _FEW
        or len(_CHOICES.findall(pattern)) > _FEW_CHOICES
    )


@lru_cache(200)
def _program(pattern: str) -> Program | None:
    """The automaton for a pattern, if it can be one."""
    from azkvlint.evaluation.functions.table import InvalidCall, UnknownResult
    from azkvlint.evaluation.terraform.functions.regular import compiled

    try:
        return compiled(rf"(?i)\A(?:{pattern})\z")
    except (UnknownResult, InvalidCall):
        return None


def _searched(program: Program, text: str) -> bool | None:
    from azkvlint.evaluation.functions.table import UnknownResult
    from azkvlint.evaluation.terraform.functions.automaton import Search

    try:
        return Search(program, text, lambda _: None).first(0) is not None
    except UnknownResult:
        return None
