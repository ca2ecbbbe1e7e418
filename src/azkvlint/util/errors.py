"""Exceptions and exit codes.

::

    KvlintError
      UsageError     an invalid option or path                    exit 2
      RuleError      rule files that do not load, with all faults exit 3
      TableError     rows of a table that are not valid           exit 3
      InputError     an input that cannot be read: a Problem      exit 3
      InternalError  a bug in kvlint                              exit 3
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes longer to import than the rest of this module
if TYPE_CHECKING:
    from collections.abc import Iterable

# Python raises SystemError instead where it cannot allocate a frame ("error return without exception set").
OUT_OF_MEMORY = (MemoryError, SystemError)

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3


class KvlintError(Exception):
    """Base of all errors: ``message`` is one sentence for users, ``hint`` the way to fix it."""

    exit_code = EXIT_INCOMPLETE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KvlintError):
    """An option, argument or path on the command line is invalid."""

    exit_code = EXIT_USAGE


class _FileError(KvlintError):
    """Files are not valid. ``faults`` holds one ``path:line:column: message`` each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class RuleError(_FileError):
    """Rule files do not load."""


class TableError(_FileError):
    """Rows of a table in the package are not valid."""


class InputError(KvlintError):
    """One input cannot be read. ``line`` and ``column`` are 1-based, where known."""

    def __init__(
        self, message: str, hint: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.line = line
        self.column = column


class InvalidPatternError(ValueError):
    """A pattern is not a valid regular expression of RE2."""


class UnprovenPatternError(ValueError):
    """A pattern may take too long, or uses an unsupported feature. The message is the reason."""


class InternalError(KvlintError):
    """kvlint has a bug."""


def refuse_unknown_format(name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with a suggestion, if ``name`` is not one of the formats."""
    names = list(known)
    if name not in names:
        hint = did_you_mean(name.lower(), names) or f"one of {', '.join(names)}"
        raise UsageError(f"unknown format '{name}'", hint)


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a hint with the known word that is closest to ``word``, or an empty string if none is close."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"did you mean '{close[0]}'?" if close else ""
