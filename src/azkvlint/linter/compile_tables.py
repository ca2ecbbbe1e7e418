"""Compile the tables of facts, options and texts, for a wheel."""

from __future__ import annotations

import msgspec

from azkvlint.azure.arm_defaults import PROPERTIES
from azkvlint.azure.azurerm.row_loader import load_rows
from azkvlint.azure.azurerm.table import CompiledRows
from azkvlint.azure.consumers import CONSUMERS
from azkvlint.azure.roles import ids_by_name
from azkvlint.azure.services import SERVICES
from azkvlint.config.options import OPTIONS
from azkvlint.reporters.problems import PROBLEMS
from azkvlint.reporters.taxonomies import TITLES
from azkvlint.util.table_files import compiled_name, read_table


def compile_tables() -> dict[str, bytes]:
    """Return the compiled form of each table, by the name of its file. Raise TableError if a row is not valid."""
    azurerm = read_table("azurerm", CompiledRows, lambda: load_rows().compile())
    tables = {
        "azurerm": azurerm,
        "arm_properties": PROPERTIES,
        "services": SERVICES,
        "consumers": CONSUMERS,
        "role_ids": ids_by_name(),
        "options": OPTIONS,
        "problems": PROBLEMS,
        "taxonomies": TITLES,
    }
    return {compiled_name(name): msgspec.json.encode(rows) for name, rows in tables.items()}
