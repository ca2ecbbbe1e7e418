"""Render the text format on a terminal: each finding with its source line, and with colors if enabled."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Excerpt, Region
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import (
    configuration,
    details,
    headline,
    label_of,
    occurrence_note,
    place,
    skipped_text,
    statistics,
    summary,
)
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_text import visible

_STYLES = {
    "critical": Style(color="red", bold=True, reverse=True),
    "high": Style(color="red", bold=True),
    "medium": Style(color="yellow", bold=True),
    "low": Style(color="cyan", bold=True),
    "info": Style(color="blue", bold=True),
    "skipped": Style(dim=True),
    "suppressed": Style(dim=True),
    "unknown": Style(color="magenta", bold=True),
    "error": Style(color="red", bold=True),
    "warning": Style(color="yellow", bold=True),
    "note": Style(color="blue", bold=True),
    "bold": Style(bold=True),
    "dim": Style(dim=True),
}
_LABEL = 9
_ADDRESS = regex(r"https?://[!-~]{1,2000}")
_TAB = "    "


def terminal(report: Report, options: Options) -> Iterator[str]:
    """Yield the lines of the report."""
    page = _Page(options)
    findings = report.findings + report.unknown
    for finding in report.counted(findings) + report.uncounted(findings):
        yield from page.finding(finding, label_of(finding))
    for finding in report.suppressed if page.verbose or options.suppressed else ():
        yield from page.finding(finding, "suppressed")
    for problem in report.problems:
        yield from page.problem(problem)
    if options.statistics and report.findings:
        yield from (f"{count:6}  {page.paint(rule.id, 'bold')} {rule.name}" for count, rule in statistics(report))
        yield ""
    for one in report.skipped if page.verbose else ():
        yield f"{page.paint('skipped', 'dim')} {place(one.at)}: {skipped_text(one)}"
    if page.verbose:
        yield configuration(report)
    yield page.paint(summary(report), "bold")


def paint(text: str, style: str) -> str:
    """Return ``text`` in one of the styles above, else in bold, with colors that every terminal has."""
    return _STYLES.get(style, _STYLES["bold"]).render(text, color_system=ColorSystem.STANDARD) if text else text


def hyperlink(text: str, address: str) -> str:
    """Return ``text`` as a terminal hyperlink (OSC 8), if ``address`` is a plain http(s) URL."""
    return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\" if _ADDRESS.fullmatch(address) else text


class _Page:
    """Lines laid out for one width, with or without colors."""

    def __init__(self, options: Options) -> None:
        self.width = max(options.width, 40)
        self.color = options.color
        self.verbose = options.verbosity > 0

    def paint(self, text: str, style: str) -> str:
        """Return ``text`` in one of the styles above if colors are enabled."""
        return paint(text, style) if self.color else text

    def finding(self, finding: Finding, label: str) -> Iterator[str]:
        """Yield headline, place, source line and details, then an empty line. An unknown result omits why and fix."""
        links = finding.rule.references
        yield from self._head(
            label, finding.rule.id, headline(finding) + occurrence_note(finding), links[0] if links else ""
        )
        yield f"  {self.paint('at', 'dim')} {place(finding.at)}"
        if finding.excerpt is not None and finding.excerpt.is_shown and finding.at.region is not None:
            yield from self._source(finding.at.region, finding.excerpt, label)
        for name, text in details(finding, references=self.verbose):
            if label != "unknown" or self.verbose or name in {"also", "found", "note"}:
                yield from self._labelled(name, text)
        yield ""

    def problem(self, problem: Problem) -> Iterator[str]:
        """Yield headline, place and hint, then an empty line."""
        yield from self._head(problem.level, problem.code, visible(problem.message))
        if problem.at is not None:
            yield f"  {self.paint('at', 'dim')} {place(problem.at)}"
        if problem.hint:
            yield from self._labelled("hint", visible(problem.hint))
        yield ""

    def _head(self, label: str, code: str, text: str, address: str = "") -> Iterator[str]:
        first, *rest = _wrap(text, self.width, cell_len(f"{label} {code} "), 2)
        code_text = self.paint(code, "bold")
        yield f"{self.paint(label, label)} {hyperlink(code_text, address) if self.color else code_text} {first}"
        yield from (f"  {line}" for line in rest)

    def _labelled(self, name: str, text: str) -> Iterator[str]:
        first, *rest = _wrap(text, self.width, _LABEL, _LABEL)
        yield f"  {self.paint(name.ljust(_LABEL - 2), 'dim')}{first}"
        yield from (f"{' ' * _LABEL}{line}" for line in rest)

    def _source(self, region: Region, excerpt: Excerpt, label: str) -> Iterator[str]:
        number = str(region.start_line)
        gutter = " " * max(len(number), 4)
        bar = self.paint("|", "dim")
        before, marked, after = _clip(_line(region, excerpt), self.width - len(gutter) - 3)
        yield f"{gutter} {bar}"
        yield f"{self.paint(number.rjust(len(gutter)), 'dim')} {bar} {before}{marked}{after}".rstrip()
        # On a red background, a row of carets would be a bar.
        carets = self.paint("^" * max(cell_len(marked), 1), "high" if label == "critical" else label)
        yield f"{gutter} {bar} {' ' * cell_len(before)}{carets}"


def _line(region: Region, excerpt: Excerpt) -> tuple[str, str, str]:
    """Return the region's first line in three parts: before the region, the region, after it.

    Replaced secrets may shift the text after them on the same line. If the region's text is not at its column, it is
    searched for; if it is not found, it is shown alone.
    """
    marked = excerpt.text.split("\n", 1)[0].rstrip("\r")
    lines = excerpt.context_text.split("\n")
    index = region.start_line - excerpt.context.start_line
    line = lines[index].rstrip("\r") if 0 <= index < len(lines) else marked
    start = region.start_column - (excerpt.context.start_column if index == 0 else 1)
    if start < 0 or not line.startswith(marked, start):
        start = line.find(marked)
    if start < 0:
        return "", marked, ""
    return line[:start], marked, line[start + len(marked) :]


def _clip(parts: tuple[str, str, str], room: int) -> tuple[str, str, str]:
    """Return the three parts escaped, and cut to ``room`` characters around the middle one."""
    before, marked, after = (visible(part.replace("\t", _TAB)) for part in parts)
    if len(before) + len(marked) + len(after) <= room:
        return before, marked, after
    if len(marked) > room:
        return "", f"{marked[: room - 3]}...", ""
    left = max(room - len(marked) - min(len(after), 20), 0)
    if len(before) > left:
        before = f"...{before[len(before) - left + 3 :]}" if left > 3 else ""
    right = room - len(before) - len(marked)
    if len(after) > right:
        after = f"{after[: right - 3]}..." if right > 3 else ""
    return before, marked, after


def _wrap(text: str, width: int, first: int, indent: int) -> list[str]:
    """Wrap ``text`` between words, with ``first`` cells taken on the first line and ``indent`` cells on the others.

    A word longer than a line is not broken, so that paths and URLs can be copied.
    """
    lines: list[str] = []
    line, used = "", first
    for word in text.split(" "):
        cells = cell_len(word)
        if line and used + 1 + cells > width:
            lines.append(line)
            line, used = word, indent + cells
        else:
            used += cells + (1 if line else 0)
            line = f"{line} {word}" if line else word
    return [*lines, line]
