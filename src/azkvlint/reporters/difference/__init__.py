"""Render a difference as text, JSON, Markdown or SARIF. A format's module is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from azkvlint.model.difference import Difference
from azkvlint.reporters import Options, lazy_reporters

DifferenceReporter: TypeAlias = Callable[[Difference, Options], str | bytes]

DIFFERENCE_REPORTERS: Mapping[str, DifferenceReporter] = lazy_reporters(__name__, ("text", "json", "markdown", "sarif"))
"""All formats of ``kvlint diff`` by their names in ``--format``."""
