"""Report -> text. A format's module is imported only when that format is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from kvlint.model.report import Report


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a report is to be told; JSON and SARIF take no notice of it.

    ``terminal`` lays findings out for a screen ``width`` cells wide, ``color`` colours what people read.
    ``verbosity`` below 0 leaves only the lines of findings, above 0 tells everything. ``statistics`` counts the
    findings of each rule, ``suppressed`` tells the suppressed ones too. Where the run is ``strict``, formats for build
    systems tell undecided questions as findings, because they count for the exit code.

    ``included`` are the kinds of results that a SARIF log for an audit holds besides findings, ``category`` tells it
    from other logs of the same commit, and ``root_uri`` is where its paths start.
    """

    terminal: bool = False
    color: bool = False
    width: int = 80
    verbosity: int = 0
    statistics: bool = False
    suppressed: bool = False
    strict: bool = False
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


def _concise(report: Report, options: Options) -> str:
    from kvlint.reporters.concise import concise

    return concise(report, options)


def _markdown(report: Report, options: Options) -> str:
    from kvlint.reporters.markdown import markdown

    return markdown(report, options)


def _github(report: Report, options: Options) -> str:
    from kvlint.reporters.github import github

    return github(report, options)


def _gitlab(report: Report, options: Options) -> bytes:
    from kvlint.reporters.gitlab import gitlab

    return gitlab(report, options)


def _azure(report: Report, options: Options) -> str:
    from kvlint.reporters.azure import azure

    return azure(report, options)


def _junit(report: Report, options: Options) -> str:
    from kvlint.reporters.junit import junit

    return junit(report, options)


def _rdjson(report: Report, options: Options) -> bytes:
    from kvlint.reporters.rdjson import rdjson

    return rdjson(report, options)


REPORTERS: Mapping[str, Reporter] = {
    "text": _text,
    "concise": _concise,
    "json": _json,
    "sarif": _sarif,
    "markdown": _markdown,
    "github": _github,
    "gitlab": _gitlab,
    "azure": _azure,
    "junit": _junit,
    "rdjson": _rdjson,
}
"""Every format by the name that ``--format`` takes. Text is str, JSON is UTF-8 bytes."""

SARIF_INCLUDED = ("suppressed", "undecided", "passed")
"""The kinds of results that a SARIF log for an audit can hold besides findings."""

TELL_PROBLEMS = frozenset({"text", "concise", "markdown", "github", "azure"})
"""The formats in which people see problems who read the standard output."""

FINDINGS_ONLY = frozenset({"concise", "github", "gitlab", "azure", "rdjson"})
"""The formats that tell undecided questions only where they count as findings. SARIF never does."""
