"""The options of the command line, of configuration files and of the environment: rows of ``data/options.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.config.option import Option
from azkvlint.util.table_files import read_table


class _OptionsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows by panel. ``groups`` are the commands that their names stand for in ``commands`` and ``configured``."""

    groups: dict[str, tuple[str, ...]]
    panels: dict[str, list[dict[str, Any]]]


def load_options() -> tuple[Option, ...]:
    """Return the options of the rows. Raise TableError with the faults of all of them."""
    from azkvlint.syntax.row_reader import RowReader, TableLine, child, entries, items
    from azkvlint.util.project_files import read_data

    reader, path, options = RowReader(), "data/options.yaml", []
    root, file = reader.compose(path, read_data("options.yaml").decode(), _OptionsFile) or (None, None)
    if root is not None and file is not None:
        for key, panel in entries(child(root, "panels")):
            for node, row in zip(items(panel), file.panels[str(key.value)], strict=True):
                added = _added(row, str(key.value), file.groups)
                options.append(reader.convert(node, Option, TableLine(path, node.line, node.column), added))
    reader.raise_faults()
    return tuple(option for option in options if option is not None)


def _added(row: Mapping[str, Any], panel: str, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return what the place of a row and its names add to it."""
    names = row.get("names") or [""]
    field = row.get("field", str(names[0]).removeprefix("--").replace("-", "_"))
    commands = {key: groups.get(str(row[key]), row[key]) for key in ("commands", "configured") if key in row}
    return {"panel": panel, "field": field, **commands}


OPTIONS = read_table("options", tuple[Option, ...], load_options)
COMMANDS = (
    "check", "fix", "diff", "access", "migrate-rbac", "controls", "suppressions", "fleet", "explain", "rules", "graph",
    "lsp", "schema", "init", "git-base",
)  # fmt: skip
