"""Render fixes as text, JSON or a unified diff.

The JSON document is version 1 of the one in docs/fix.md. Within a version, fields are added but never removed, renamed
or redefined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from azkvlint import __version__
from azkvlint.model.effect import consequence_of, names_of
from azkvlint.model.finding import Finding, Outcome, Report
from azkvlint.model.fix import Fix, FixResult, Refused
from azkvlint.reporters import Options
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.text import text as write_text
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import encode, pluralize, visible

FixReporter: TypeAlias = Callable[[FixResult, Report, Options], str | bytes]

FORMAT_VERSION = 1
# Places that are listed for one reason.
_MOST_PLACES = 5
# Fixes that are named where they fix another finding too.
_MOST_CAUSES = 3


def text(result: FixResult, report: Report, options: Options) -> str:
    """Return the fixes and the reasons of refusals as text that ends with a line break."""
    fixes = tuple(
        doc.ListItem(
            f"{place(fix.at)}: {fix.rule} {fix.title}{_causes(fix)}", items=tuple(map(doc.ListItem, _remarks(fix)))
        )
        for fix in result.fixes
    )
    document = doc.Document(
        title="Fixes",
        summary=f"{summary(result)}{_baseline_note(report)}",
        problems=tuple(problem_line(one) for one in report.problems if one.level != "note"),
        blocks=(doc.ItemList(fixes), doc.ItemList(tuple(_refusals(result, options)))),
        width=0,
    )
    return write_text(document, options)


def _refusals(result: FixResult, options: Options) -> Iterator[doc.ListItem]:
    """Yield each reason of refusals, the most frequent first, with the places that it applies to."""
    by_reason: dict[str, list[str]] = {}
    lines = Counter(map(_refused_at, result.refusals))
    for refused in result.refusals:
        line = _refused_at(refused)
        name = f" {refused.finding.resource}" if lines[line] > 1 else ""
        by_reason.setdefault(refused.reason, []).append(f"{line}{name}")
    for reason, places in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = places if options.verbosity > 0 else places[:_MOST_PLACES]
        if len(shown) < len(places):
            shown = [*shown, f"and {pluralize(len(places) - len(shown), 'more place')} (-v lists all)"]
        yield doc.ListItem(f"No fix: {reason}", items=tuple(map(doc.ListItem, shown)))


def _refused_at(refused: Refused) -> str:
    """Return the place and the rule of a finding without a fix."""
    return f"{place(refused.finding.at)}: {refused.finding.rule.id}"


def _causes(fix: Fix) -> str:
    """Return the fixes that fix a finding too, for its title."""
    found = [f"{one.rule.id} at {place(one.at)}" for one in fix.fixed_by]
    if len(found) > _MOST_CAUSES:
        found = [*found[: _MOST_CAUSES - 1], f"{len(found) - _MOST_CAUSES + 1} more"]
    return f": {' and '.join(filter(None, (', '.join(found[:-1]), found[-1])))}" if found else ""


def _in_baseline(report: Report) -> int:
    """Return the number of findings that the baseline hides."""
    fails = (one.suppressed for one in report.suppressed if one.outcome is Outcome.FAIL)
    return sum(reason is not None and reason.is_baseline for reason in fails)


def _baseline_note(report: Report) -> str:
    """Return how many findings the baseline hides, after the numbers of fixes."""
    hidden = _in_baseline(report)
    verb, them = ("is", "it") if hidden == 1 else ("are", "them")
    note = f" {pluralize(hidden, 'finding')} {verb} in the baseline (--no-ignores includes {them})."
    return note if hidden else ""


def _effects(fix: Fix) -> list[str]:
    """Return what a fix does that is not safe, by class."""
    return [f"not safe ({effect.name}): {visible(effect.text)}" for effect in fix.effects]


def _remarks(fix: Fix) -> list[str]:
    """Return what to consider before a fix: the author's comment, which may require the opposite, and its effects."""
    return [*([f"comment in the code: {visible(fix.comment)}"] if fix.comment else []), *_effects(fix)]


def summary(result: FixResult) -> str:
    """Return the numbers of fixes and refusals as one line."""
    unsafe = sum(not fix.is_safe for fix in result.fixes)
    what = pluralize(len(result.fixes), "fix", "fixes")
    verb = "Wrote" if result.is_written else "Found"
    files = f" in {pluralize(len(result.texts), 'file')}" if result.is_written else ""
    details = f" ({unsafe} not safe)" if unsafe else ""
    rest = f"{pluralize(len(result.refusals), 'finding')}"
    if not result.fixes:
        return f"No fixes for {rest}." if result.refusals else "Nothing to fix."
    others = f"; {rest} without a fix" if result.refusals else ""
    advice = "" if result.is_written else " (--diff shows the changes, --write makes them)"
    return f"{verb} {what}{details}{files}{others}{advice}."


def json(result: FixResult, report: Report, _: Options) -> bytes:
    """Return the fixes as a JSON document."""
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": __version__},
            "summary": {
                "fixes": len(result.fixes),
                "unsafe": sum(not fix.is_safe for fix in result.fixes),
                "refused": len(result.refusals),
                "files": len(result.texts),
                "written": result.is_written,
                "inBaseline": _in_baseline(report),
            },
            "fixes": [
                {
                    **_finding(fix.finding),
                    "title": fix.title,
                    "safe": fix.is_safe,
                    "consequence": consequence_of(fix.effects) or None,
                    "classes": list(names_of(fix.effects)),
                    "comment": fix.comment or None,
                    "fixedBy": [_finding(one) for one in fix.fixed_by],
                }
                for fix in result.fixes
            ],
            "refusals": [{**_finding(one.finding), "reason": one.reason} for one in result.refusals],
            "files": list(result.texts),
            "outdated": list(result.outdated),
            "problems": [problem(one) for one in report.problems],
        }
    )


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "resource": finding.resource,
        "fingerprint": finding.fingerprint,
        "location": location(finding.at),
    }


FIX_REPORTERS: Mapping[str, FixReporter] = {"text": text, "json": json}
"""The formats of ``kvlint fix``."""


def remarks_on(result: FixResult, path: str) -> Iterator[str]:
    """Yield what to consider before the fixes that change a file, each with the place and rule of its finding."""
    for fix in result.fixes:
        if any(edit.path == path for edit in fix.edits):
            yield from (f"{place(fix.at)}: {fix.rule} {line}" for line in _remarks(fix))
