"""Render who can reach what as text, JSON, Markdown, HTML or CSV. A format's module is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from azkvlint.model.access import AccessReport
from azkvlint.reporters import Options, lazy_reporters

AccessReporter: TypeAlias = Callable[[AccessReport, Options], str | bytes]

ACCESS_REPORTERS: Mapping[str, AccessReporter] = lazy_reporters(__name__, ("text", "json", "markdown", "html", "csv"))
"""All formats of ``kvlint access`` by their names in ``--format``."""
