"""Compile the tables of facts, for a wheel."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.row_loader import load_rows
from azkvlint.azure.table_files import compiled_name


def compile_tables() -> dict[str, bytes]:
    """Return the compiled form of each table, by the name of its file. Raise TableError if a row is not valid."""
    return {compiled_name("azurerm"): msgspec.json.encode(load_rows())}
