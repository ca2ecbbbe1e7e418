"""Assessment -> text, JSON, Markdown or HTML. A format's module is imported only when that format is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from kvlint.model.assessment import Assessment
from kvlint.reporters import Options

ControlsReporter: TypeAlias = Callable[[Assessment, Options], str | bytes]


def _text(assessment: Assessment, options: Options) -> str:
    from kvlint.reporters.controls.text import text

    return text(assessment, options)


def _json(assessment: Assessment, _options: Options) -> bytes:
    from kvlint.reporters.controls.json import json

    return json(assessment)


def _markdown(assessment: Assessment, _options: Options) -> str:
    from kvlint.reporters.controls.markdown import markdown

    return markdown(assessment)


def _html(assessment: Assessment, _options: Options) -> str:
    from kvlint.reporters.controls.html import html

    return html(assessment)


CONTROLS_REPORTERS: Mapping[str, ControlsReporter] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
}
"""Every format of ``kvlint controls`` by the name that ``--format`` takes."""
