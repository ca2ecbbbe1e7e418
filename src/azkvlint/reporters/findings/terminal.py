"""Render the text format on a terminal: each finding with its source line, and with colors if enabled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from azkvlint.model.finding import Problem, Report
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.reporters import Options, text_content
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.grouping import FindingGroup, UnknownCause, remedy
from azkvlint.reporters.phrases import (
    accounts,
    configuration,
    details,
    fix_of,
    full_text,
    help_line,
    label_of,
    place,
    statistics,
    summary,
    suppression,
)
from azkvlint.reporters.text_content import marked_line, short_address
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

# Styles of rich, with the colors that every terminal has.
_STYLES = {
    "critical": "bold reverse red",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "bold cyan",
    "info": "bold blue",
    "evaluated": "dim",
    "skipped": "dim",
    "suppressed": "dim",
    "unknown": "bold magenta",
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold blue",
    "dim": "dim",
}
_HELP, _DOCS, _ALSO = "help", "docs", "also"
_ADDRESS = regex(r"https?://[!-~]{1,2000}")
_GUTTER = 3


def terminal(report: Report, options: Options) -> Iterator[str]:
    """Yield the lines of the report."""
    page = _TerminalPage(options)
    for block in text_content.blocks(report, options):
        yield from page.block(block, label_of(block.finding))
    for finding in text_content.listed_unknown(report, options):
        yield from page.block(FindingGroup(finding), label_of(finding))
    yield from page.unknown(*text_content.summarized_unknown(report, options))
    for finding in report.suppressed if page.verbose or options.suppressed else ():
        yield from page.block(FindingGroup(finding), "suppressed")
    problems, omitted = text_content.listed_problems(report, options)
    for problem in problems:
        yield from page.problem(problem)
    if omitted:
        yield from (f"{page.paint('note', 'note')}: {text_content.omitted_problems(omitted)}", "")
    if options.statistics and report.findings:
        yield from (f"{count:6}  {page.paint(rule.id, 'bold')} {rule.name}" for count, rule in statistics(report))
        yield ""
    for label, one, text in accounts(report) if page.verbose else ():
        yield f"{page.paint(label, 'dim')} {place(one.at)}: {text}"
    if page.verbose:
        yield configuration(report)
    closing = summary(report, options=text_content.shows_hints(options), strict=options.strict)
    yield from (page.paint(line, "bold") for line in _wrap(closing, page.width, 0, 0))


def paint(text: str, style: str) -> str:
    """Return ``text`` in one of the styles above, else in bold."""
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(_STYLES.get(style, "bold")).render(text, color_system=ColorSystem.STANDARD)


def width_of(text: str) -> int:
    """Return the width of a string on a terminal."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len  # its tables are needed for other characters only

    return cell_len(text)


def hyperlink(text: str, address: str) -> str:
    """Return ``text`` as a terminal hyperlink (OSC 8), if ``address`` is a plain http(s) URL.

    Those of rich have random ids, so that equal reports would differ.
    """
    return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\" if _ADDRESS.fullmatch(address) else text


class _TerminalPage:
    """Lines laid out for one width, with or without colors. Each rule's help is shown once."""

    def __init__(self, options: Options) -> None:
        self.width = max(options.width, 40)
        self.color = options.color
        self.verbose = options.verbosity > 0
        self._explained: set[tuple[str, int | None]] = set()

    def paint(self, text: str, style: str) -> str:
        """Return ``text`` in one of the styles above if colors are enabled."""
        return paint(text, style) if self.color else text

    def block(self, block: FindingGroup, label: str) -> Iterator[str]:
        """Yield headline, place, marked line, help and documentation, then an empty line."""
        finding = block.finding
        link = rule_link(finding.rule) or ""
        yield from self._head(label, finding.rule.id, full_text(finding, block.others), link)
        indent = self._indent(finding.at)
        yield f"{indent[:-1]}{self.paint('-->', 'dim')} {place(finding.at)}"
        if finding.excerpt is not None and finding.excerpt.is_shown and finding.at.region is not None:
            yield from self._source(indent, finding.at.region, finding.excerpt, label, visible(finding.label))
        yield from self._notes(indent, block, label, link)
        yield ""

    def _notes(self, indent: str, block: FindingGroup, label: str, link: str) -> Iterator[str]:
        finding = block.finding
        if block.same_cause:
            others = {one.rule.id: one for one in block.same_cause}
            verb = "has" if len(others) == 1 else "have"
            yield from self._note(indent, _ALSO, visible(", ".join(others)) + f" {verb} the same cause")
        if self.verbose:
            for name, text in details(finding, references=True):
                yield from self._note(indent, name, text)
        elif label == "suppressed":
            yield from self._note(indent, "suppressed", suppression(finding))
        elif label != "unknown" and (finding.rule.id, finding.fix_case) not in self._explained:
            self._explained.add((finding.rule.id, finding.fix_case))
            yield from self._note(indent, _HELP, help_line(fix_of(finding)))
            if link:
                yield from self._note(indent, _DOCS, link)

    def unknown(self, causes: Sequence[UnknownCause], omitted: int) -> Iterator[str]:
        """Yield the causes of unknown results, each with its place, rules and resources, then an empty line."""
        for cause in causes:
            yield from self._head("unknown", text_content.rule_list(cause), visible(short_address(cause.why)))
            indent = self._indent(cause.at)
            yield f"{indent[:-1]}{self.paint('-->', 'dim')} {place(cause.at)}"
            yield from self._note(indent, "for", text_content.resource_list(cause))
            action = remedy(cause)
            if action:
                yield from self._note(indent, _HELP, action)
            yield ""
        if causes and omitted:
            yield from (f"{self.paint('unknown', 'unknown')}: {text_content.omitted_causes(omitted)}", "")

    def problem(self, problem: Problem) -> Iterator[str]:
        """Yield headline, place and hint, then an empty line."""
        yield from self._head(problem.level, problem.code, visible(problem.message))
        indent = " " * _GUTTER if problem.at is None else self._indent(problem.at)
        if problem.at is not None:
            yield f"{indent[:-1]}{self.paint('-->', 'dim')} {place(problem.at)}"
        if problem.hint:
            yield from self._note(indent, _HELP, visible(problem.hint))
        yield ""

    def _indent(self, at: Location) -> str:
        """Return the blanks before the bar: as wide as the line number and a blank, so that all lines align."""
        number = "" if at.region is None else str(at.region.start_line)
        return " " * max(len(number) + 1, _GUTTER)

    def _head(self, label: str, code: str, text: str, address: str = "") -> Iterator[str]:
        first, *rest = _wrap(text, self.width, width_of(f"{label}[{code}]: "), 2)
        code_text = self.paint(code, "bold")
        yield f"{self.paint(label, label)}[{hyperlink(code_text, address) if self.color else code_text}]: {first}"
        yield from (f"  {line}" for line in rest)

    def _note(self, indent: str, name: str, text: str) -> Iterator[str]:
        start = f"{indent}= {name}: "
        first, *rest = _wrap(text, self.width, len(start), len(start))
        yield f"{indent}= {self.paint(name, 'bold')}: {first}"
        yield from (f"{' ' * len(start)}{line}" for line in rest)

    def _source(self, indent: str, region: Region, excerpt: Excerpt, style: str, label: str) -> Iterator[str]:
        number = str(region.start_line).rjust(len(indent) - 1)
        bar = self.paint("|", "dim")
        before, marked, after = marked_line(region, excerpt, self.width - len(indent) - 2)
        yield f"{indent}{bar}"
        yield f"{self.paint(number, 'dim')} {bar} {before}{marked}{after}".rstrip()
        # On a red background, a row of carets would be a bar.
        style = "high" if style == "critical" else style
        start, marks = width_of(before), "^" * max(width_of(marked), 1)
        room = self.width - len(indent) - 2
        is_beside = start + len(marks) + 1 + width_of(label) <= room
        beside = f" {self.paint(label, style)}" if label and is_beside else ""
        yield f"{indent}{bar} {' ' * start}{self.paint(marks, style)}{beside}"
        if label and not is_beside:
            start = min(start, max(room - width_of(label), 0))
            lines = _wrap(label, self.width - len(indent) - 2 - start, 0, 0)
            yield from (f"{indent}{bar} {' ' * start}{self.paint(line, style)}" for line in lines)


def _wrap(text: str, width: int, first: int, indent: int) -> list[str]:
    """Wrap ``text`` between words, with ``first`` cells taken on the first line and ``indent`` cells on the others.

    A word longer than a line is not broken, so that paths and URLs can be copied.
    """
    lines: list[str] = []
    line, used = "", first
    for word in text.split(" "):
        cells = width_of(word)
        if line and used + 1 + cells > width:
            lines.append(line)
            line, used = word, indent + cells
        else:
            used += cells + (1 if line else 0)
            line = f"{line} {word}" if line else word
    return [*lines, line]
