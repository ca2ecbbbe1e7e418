"""Report -> text. A format's module is imported only when that format is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.finding import Report


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a report is to be written; each format uses what applies to it.

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


def lazy_reporters(package: str, names: Iterable[str]) -> Mapping[str, Callable[[Any, Options], str | bytes]]:
    """Formats by name. Each is the function of that name in the module of that name, imported with its first use."""
    return {name: _lazy_reporter(f"{package}.{name}", name) for name in names}


def _lazy_reporter(module: str, name: str) -> Callable[[Any, Options], str | bytes]:
    def reporter(report: Any, options: Options) -> str | bytes:
        from importlib import import_module

        found: Callable[[Any, Options], str | bytes] = getattr(import_module(module), name)
        return found(report, options)

    return reporter


REPORTERS: Mapping[str, Reporter] = lazy_reporters(
    f"{__name__}.findings",
    ("text", "concise", "json", "sarif", "markdown", "github", "gitlab", "azure", "junit", "rdjson"),
)
"""Every format by the name that ``--format`` takes. Text is str, JSON is UTF-8 bytes."""

SARIF_INCLUDED = ("suppressed", "undecided", "passed")
"""The kinds of results that a SARIF log for an audit can hold besides findings."""

SHOW_PROBLEMS = frozenset({"text", "concise", "markdown", "github", "azure"})
"""The formats in which people see problems who read the standard output."""

FINDINGS_ONLY = frozenset({"concise", "github", "gitlab", "azure", "rdjson"})
"""The formats that tell undecided questions only where they count as findings. SARIF never does."""
