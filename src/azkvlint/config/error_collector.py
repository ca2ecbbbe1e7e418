"""Collect the errors of settings, so that a run reports all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from azkvlint.util.errors import UsageError
from azkvlint.util.lazy_regex import regex

_P = ParamSpec("_P")
_T = TypeVar("_T")
_POSITION = regex(r"(?P<file>[^\n]*?):(?P<line>[0-9]+):(?P<column>[0-9]+): ")


class ErrorCollector:
    """Collects UsageErrors. ``errors`` are those that were found before."""

    def __init__(self, errors: Iterable[UsageError] = ()) -> None:
        self.errors = list(errors)

    def attempt(self, default: _T, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return the result of a function, or ``default`` if it raises a UsageError, which is collected."""
        try:
            return function(*args, **kwargs)
        except UsageError as error:
            self.errors.append(error)
            return default

    def raise_errors(self) -> None:
        """Raise one UsageError with all errors, if there are any: those of files by line and column, then the rest."""
        errors = list({error.message: error for error in sorted(self.errors, key=_order)}.values())
        if len(errors) > 1:
            raise UsageError("\n".join(f"{one.message} ({one.hint})" if one.hint else one.message for one in errors))
        if errors:
            raise errors[0]


def _order(error: UsageError) -> tuple[bool, str, int, int]:
    found = _POSITION.match(error.message)
    return (True, "", 0, 0) if found is None else (False, found["file"], int(found["line"]), int(found["column"]))
