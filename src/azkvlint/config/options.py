"""The options of the command line, of configuration files and of the environment, which are rows of a table."""

from __future__ import annotations

from azkvlint.config.option import Option
from azkvlint.util.table_files import read_table


def _load() -> tuple[Option, ...]:
    from azkvlint.config.option_rows import load_options

    return load_options()


OPTIONS = read_table("options", tuple[Option, ...], _load)
COMMANDS = (
    "check", "fix", "diff", "access", "migrate-rbac", "controls", "suppressions", "fleet", "explain", "rules", "graph",
    "lsp", "schema", "init", "git-base",
)  # fmt: skip
