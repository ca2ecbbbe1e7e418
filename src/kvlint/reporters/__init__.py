"""Report -> text. A format's module is imported only when that format is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from kvlint.model.report import Report


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How people want to read a report; formats for machines take no notice of it.

    ``terminal`` lays findings out for a screen ``width`` cells wide, ``color`` colours what people read.
    ``verbosity`` below 0 leaves only the lines of findings, above 0 tells everything. ``statistics`` counts the
    findings of each rule.

    ``included`` are the kinds of results that a SARIF log for an audit holds besides findings, ``category`` tells it
    from other logs of the same commit, and ``root_uri`` is where its paths start.
    """

    terminal: bool = False
    color: bool = False
    width: int = 80
    verbosity: int = 0
    statistics: bool = False
    included: frozenset[str] = frozenset()
    category: str = ""
    root_uri: str = ""


Reporter: TypeAlias = Callable[[Report, Options], str | bytes]


def _text(report: Report, options: Options) -> str:
    from kvlint.reporters.text import text

    return text(report, options)


def _json(report: Report, _options: Options) -> bytes:
    from kvlint.reporters.json import json

    return json(report)


def _sarif(report: Report, options: Options) -> bytes:
    from kvlint.reporters.sarif import sarif

    return sarif(report, options.included, options.category, options.root_uri)


# The kinds of results that a SARIF log for an audit can hold besides findings.
SARIF_INCLUDED = ("suppressed", "undecided", "passed")
REPORTERS: Mapping[str, Reporter] = {"text": _text, "json": _json, "sarif": _sarif}
"""Every format by the name that ``--format`` takes. Text is str, formats for machines are UTF-8 bytes."""
