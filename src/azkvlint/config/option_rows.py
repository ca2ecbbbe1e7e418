"""Read the rows of the options, in a checkout and at build, never in a wheel."""

from __future__ import annotations

import msgspec

from azkvlint.config.option import Option
from azkvlint.syntax.yaml_nodes import compose, data
from azkvlint.util.errors import TableError
from azkvlint.util.project_files import read_data

_FILE = "options.yaml"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the file; its comments describe the fields."""

    option: str
    help: str
    commands: str | tuple[str, ...]
    field: str = ""
    default: str = ""
    kind: str = "text"
    many: bool = False
    configured: tuple[str, ...] | None = None
    in_files: bool = True


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    groups: dict[str, tuple[str, ...]]
    options: dict[str, tuple[_Row, ...]]


def load_options() -> tuple[Option, ...]:
    """Return the options. Raise TableError if a row is not valid."""
    document = compose(read_data(_FILE).decode())
    faults = tuple(f"{_FILE}:{one.line}:{one.column}: {one.text}" for one in document.faults)
    if faults or document.root is None:
        raise TableError(faults or (f"{_FILE}: the file is empty",))
    try:
        file = msgspec.convert(data(document.root), _File)
        return tuple(_option(row, panel, file.groups) for panel, rows in file.options.items() for row in rows)
    except (msgspec.ValidationError, KeyError) as error:
        raise TableError((f"{_FILE}: {error}",)) from error


def _option(row: _Row, panel: str, groups: dict[str, tuple[str, ...]]) -> Option:
    words = row.option.replace(",", "").split()
    names = tuple(word for word in words if word.startswith("-"))
    values = words[len(names) :]
    return Option(
        names=names,
        panel=panel,
        field=row.field or names[0].removeprefix("--").replace("-", "_"),
        help=row.help,
        metavar=" ".join(values),
        takes_value=bool(values),
        many=row.many,
        values=max(len(values), 1),
        commands=groups[row.commands] if isinstance(row.commands, str) else row.commands,
        kind=row.kind,
        configured=row.configured,
        in_files=row.in_files,
        default=row.default,
    )
