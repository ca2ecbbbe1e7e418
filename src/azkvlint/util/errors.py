"""What can go wrong, and the exit codes.

::

    KvlintError
      UsageError     a wrong option or path                      exit 2
      RuleError      rule files that do not load, all faults     exit 3
      InputError     one input that cannot be read: a Problem    exit 3
      InternalError  a mistake of kvlint's own                   exit 3
"""

from __future__ import annotations

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3


class KvlintError(Exception):
    """``message`` is one sentence for people; ``hint`` says how to fix it."""

    exit_code = EXIT_INCOMPLETE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KvlintError):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = EXIT_USAGE


class RuleError(KvlintError):
    """Rule files that do not load. ``faults`` holds one ``path:line:column: text`` each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class InputError(KvlintError):
    """One input that cannot be read. ``line`` and ``column`` are 1-based, where known."""

    def __init__(
        self, message: str, hint: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.line = line
        self.column = column


class InternalError(KvlintError):
    """kvlint itself is broken: please report it."""


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a hint for a word that is none of the ``known``: the nearest of them, or nothing if none is near."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else ""
