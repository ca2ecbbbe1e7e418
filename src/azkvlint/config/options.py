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


def _load() -> tuple[Option, ...]:
    from azkvlint.syntax.row_reader import load_table

    file = load_table("options", _OptionsFile)
    return tuple(_option(row, panel, file.groups) for panel, rows in file.panels.items() for row in rows)


def _option(row: dict[str, Any], panel: str, groups: Mapping[str, tuple[str, ...]]) -> Option:
    field = row["names"][0].removeprefix("--").replace("-", "_")
    commands = {key: groups.get(str(row[key]), row[key]) for key in ("commands", "configured") if key in row}
    return msgspec.convert({"panel": panel, "field": field} | row | commands, Option)


OPTIONS = read_table("options", tuple[Option, ...], _load)
COMMANDS = (
    "check", "fix", "diff", "access", "migrate-rbac", "controls", "suppressions", "fleet", "explain", "rules", "graph",
    "lsp", "schema", "init", "git-base",
)  # fmt: skip
