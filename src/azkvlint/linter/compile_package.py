"""Compile all that a wheel has compiled: rules, and the tables of facts, options and texts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from azkvlint.azure.arm_defaults import PROPERTIES
from azkvlint.azure.azurerm.row_loader import load_rows
from azkvlint.azure.azurerm.table import CompiledRows
from azkvlint.azure.consumers import CONSUMERS
from azkvlint.azure.roles import ids_by_name
from azkvlint.azure.services import SERVICES
from azkvlint.config.options import OPTIONS
from azkvlint.engine.rule_store import compile_rules
from azkvlint.model.rule import Rule
from azkvlint.reporters.problems import PROBLEMS
from azkvlint.reporters.taxonomies import TITLES
from azkvlint.util.table_files import compiled_name, read_table


def compile_package(rules: Iterable[Rule]) -> dict[str, bytes]:
    """Return the compiled files by their paths in the package. Raise TableError for a row that is not valid."""
    return {**compile_rules(rules), **compile_tables()}


def compile_tables() -> dict[str, bytes]:
    """Return the compiled form of each table by its path in the package. Raise TableError for an invalid row."""
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
