"""Render a Report in one of the output formats. A format's module is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from azkvlint.model.finding import Report
from azkvlint.model.fix import Suggestion


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the output; each format uses those that apply to it.

    ``terminal`` lays findings out for a screen ``width`` cells wide; ``color`` adds colors. ``verbosity`` below 0
    prints only findings, above 0 all details. ``statistics`` counts the findings of each rule; ``suppressed`` lists
    suppressed findings too, and ``show_unknown`` each unknown result. If the run is ``strict``, formats for build
    systems list unknown results as findings, because they count for the exit code. ``included`` are those of
    ``SARIF_INCLUDED`` that a SARIF log contains, ``category`` distinguishes the log from other logs of the same commit,
    and ``root_uri`` is the base of its paths. ``suggestions`` are the fixes of findings, by ``suggestion_key``.
    """

    terminal: bool = False
    color: bool = False
    width: int = 80
    verbosity: int = 0
    statistics: bool = False
    suppressed: bool = False
    show_unknown: bool = False
    strict: bool = False
    included: frozenset[str] = frozenset()
    category: str = ""
    root_uri: str = ""
    suggestions: Mapping[tuple[object, ...], Suggestion] = {}


_Result = TypeVar("_Result")
Reporter: TypeAlias = Callable[[_Result, Options], str | bytes]
"""A format of the result of a command."""


def lazy_reporters(modules: Mapping[str, str]) -> Mapping[str, Reporter[Any]]:
    """Return formats by name. Each is the function of that name in a module of this room, imported on first use."""
    return {name: _lazy_reporter(f"{__name__}.{module}", name) for name, module in modules.items()}


def _lazy_reporter(module: str, name: str) -> Reporter[Any]:
    def reporter(report: Any, options: Options) -> str | bytes:
        from importlib import import_module

        found: Reporter[Any] = getattr(import_module(module), name)
        return found(report, options)

    return reporter


REPORTERS: Mapping[str, Reporter[Report]] = lazy_reporters(
    {
        "text": "findings.text",
        "concise": "findings.build_formats",
        "json": "findings.json",
        "sarif": "findings.sarif",
        "markdown": "findings.markdown",
        "github": "findings.build_formats",
        "gitlab": "findings.build_formats",
        "azure": "findings.build_formats",
        "junit": "findings.build_formats",
        "rdjson": "findings.build_formats",
        "html": "findings.html",
    }
)
"""All formats by their names in ``--format``. Text formats return str, JSON formats UTF-8 bytes."""

SARIF_INCLUDED = ("suppressed", "unknown", "passed", "rules")
"""What a SARIF log can contain besides findings and their rules: more kinds of results, and all rules that ran."""

SHOW_PROBLEMS = frozenset({"text", "concise", "markdown", "github", "azure"})
"""The formats that show problems to readers of standard output."""

FINDINGS_ONLY = frozenset({"gitlab", "rdjson"})
"""The formats that list unknown results only if they count as findings. SARIF never does."""
