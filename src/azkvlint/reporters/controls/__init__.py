"""Assessment -> text, JSON, Markdown or HTML. A format's module is imported only when that format is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from azkvlint.model.assessment import Assessment
from azkvlint.reporters import Options, lazy_reporters

ControlsReporter: TypeAlias = Callable[[Assessment, Options], str | bytes]

CONTROLS_REPORTERS: Mapping[str, ControlsReporter] = lazy_reporters(__name__, ("text", "json", "markdown", "html"))
"""Every format of ``kvlint controls`` by the name that ``--format`` takes."""
