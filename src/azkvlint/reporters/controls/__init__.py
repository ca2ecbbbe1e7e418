"""Render an Assessment as text, JSON, Markdown or HTML. A format's module is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from azkvlint.model.framework import Assessment
from azkvlint.reporters import Options, lazy_reporters

ControlsReporter: TypeAlias = Callable[[Assessment, Options], str | bytes]

CONTROLS_REPORTERS: Mapping[str, ControlsReporter] = lazy_reporters(__name__, ("text", "json", "markdown", "html"))
"""All formats of ``kvlint controls`` by their names in ``--format``."""
