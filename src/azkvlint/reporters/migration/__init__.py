"""Render a migration to Azure RBAC as text, JSON or code. A format's module is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from azkvlint.model.migration import MigrationReport
from azkvlint.reporters import Options, lazy_reporters

MigrationReporter: TypeAlias = Callable[[MigrationReport, Options], str | bytes]

MIGRATION_REPORTERS: Mapping[str, MigrationReporter] = lazy_reporters(__name__, ("text", "json", "code"))
"""All formats of ``kvlint migrate-rbac`` by their names in ``--format``."""
