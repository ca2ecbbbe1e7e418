"""An option of the command line, of configuration files and of the environment, as data."""

from __future__ import annotations

import msgspec


class Option(msgspec.Struct, frozen=True):
    """An option: its ``names``, its ``panel`` in the help, the field of Arguments that it sets, and its ``help``.

    The help has 60 characters at most. Panels and their options are in the order in which a new user needs them.
    ``takes_value``: it has a value, of the kind that ``metavar`` names in the help; ``many``: any number of them.
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
    commands: tuple[str, ...] = ("check", "controls", "suppressions")
    kind: str = "text"
    configured: tuple[str, ...] | None = None
    in_files: bool = True

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
