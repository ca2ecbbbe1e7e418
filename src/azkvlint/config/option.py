"""An option of the command line, of configuration files and of the environment, and the errors of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, ParamSpec, TypeAlias, TypeVar

import msgspec

from azkvlint.util.errors import UsageError
from azkvlint.util.lazy_regex import regex

_P = ParamSpec("_P")
_T = TypeVar("_T")
Kind: TypeAlias = Literal[
    "text", "path", "format", "number", "day", "severity", "threshold", "profile", "settings"
]  # fmt: skip
_POSITION = regex(r"(?P<file>[^\n]*?):(?P<line>[0-9]+):(?P<column>[0-9]+): ")


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An option: its ``names``, its ``panel`` in the help, the field of Arguments that it sets, and its ``help``.

    The help has 60 characters at most. Panels and their options are in the order in which a new user needs them.
    ``takes_value``: it has a value, of the kind that ``metavar`` names in the help; ``many``: any number of them.
    ``values``: with one occurrence. ``default``: what its field has without it.
    ``commands`` are those that have it; the ``configured`` ones (None: all) read it from the environment too and, if it
    is ``in_files``, from configuration files. ``kind`` is the type of its value: text, path (a file or folder), format
    (``NAME`` or ``NAME=FILE``), number, day, severity, threshold (a severity or none), profile or settings
    (``RULE.parameter=value``).
    """

    names: tuple[str, ...]
    panel: str
    field: str
    help: str
    metavar: str = ""
    takes_value: bool = True
    many: bool = False
    values: int = 1
    commands: tuple[str, ...] = ("check", "controls", "suppressions")
    kind: Kind = "text"
    configured: tuple[str, ...] | None = None
    in_files: bool = True
    default: str = ""

    @property
    def key(self) -> str:
        """Return its key in configuration files: ``min-severity``."""
        return self.names[0].removeprefix("--")

    @property
    def variable(self) -> str:
        """Return its environment variable: ``KVLINT_MIN_SEVERITY``."""
        return f"KVLINT_{self.key.replace('-', '_').upper()}"

    def is_configured(self, command: str) -> bool:
        """Return whether ``command`` also reads it from the environment and from configuration files."""
        return command in (self.commands if self.configured is None else self.configured)


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
