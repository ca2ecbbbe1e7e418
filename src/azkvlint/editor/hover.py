"""The page of a rule, as an editor shows it beside a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol.types import Hover, MarkupContent, MarkupKind, Position

from azkvlint import file_url
from azkvlint.editor.diagnostics import Item
from azkvlint.editor.positions import contains
from azkvlint.model.finding import Finding, Problem
from azkvlint.reporters.findings.sarif_rules import encode_link, rule_link
from azkvlint.reporters.gfm import message, plain, prose
from azkvlint.reporters.phrases import evidence_lines, fix_of, references_of, why_of
from azkvlint.reporters.problems import OTHER, PROBLEMS

_MOST = 5  # findings of one place


def hover(items: Iterable[Item], position: Position) -> Hover | None:
    """Return the pages of all findings and problems at a position; None if there are none."""
    here = [item for item in items if contains(item.diagnostic.range, position)][:_MOST]
    if not here:
        return None
    pages = ("\n\n".join(_page(item.cause)) for item in here)
    content = MarkupContent(kind=MarkupKind.Markdown, value="\n\n---\n\n".join(pages))
    return Hover(contents=content, range=here[0].diagnostic.range)


def _page(cause: Finding | Problem) -> Iterator[str]:
    """Yield the paragraphs of a page. Texts of inputs and rules are escaped."""
    if isinstance(cause, Problem):
        kind = PROBLEMS.get(cause.code, OTHER)
        yield f"**{cause.code}: {prose(kind.title)}**"
        yield plain(cause.message)
        yield prose(f"{kind.about} {kind.fix}")
        yield f"[{cause.code}](<{file_url('docs/json.md#problems')}>)"
        return
    rule = cause.rule
    yield f"**{plain(rule.id)}: {prose(rule.title)}** ({cause.severity.label})"
    yield message(cause, cell=False)
    facts = [f"- {prose(line)}" for line in evidence_lines(cause)]
    if facts:
        yield "\n".join(facts)
    yield f"**Why.** {prose(why_of([cause]))}"
    yield f"**Fix.** {prose(fix_of(cause))}"
    link = rule_link(rule)
    links = [*([link] if link else []), *map(encode_link, references_of([cause]))]
    if links:
        yield "\n".join(f"- <{one}>" for one in dict.fromkeys(links))
