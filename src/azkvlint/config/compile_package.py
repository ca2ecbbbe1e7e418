"""Compile all that a wheel has compiled: rules, tables of facts and options."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from azkvlint.azure.compile_tables import compile_tables
from azkvlint.config.options import OPTIONS
from azkvlint.engine.rule_store import compile_rules
from azkvlint.model.rule import Rule
from azkvlint.util.table_files import compiled_name


def compile_package(rules: Iterable[Rule]) -> dict[str, bytes]:
    """Return the compiled files by their paths in the package. Raise TableError for a row that is not valid."""
    return {**compile_rules(rules), **compile_tables(), compiled_name("options"): msgspec.json.encode(OPTIONS)}
