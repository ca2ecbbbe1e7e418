"""Render the totals of a run: as one HTML page that loads nothing, and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from azkvlint import __version__
from azkvlint.fleet.results import RETIREMENT_DAY, Entry, Group, Run, Totals, severities_of
from azkvlint.fleet.rows import risk_key
from azkvlint.model.rule import Rule, Severity
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.html_page import bar, code, escaped, inline, link, page
from azkvlint.util.text import pluralize, visible

_TITLE = "kvlint fleet"
_STYLE = """
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.critical { --mark: var(--paper); --tint: var(--bad); }
.bar .critical { background: var(--bad); }
.bar .high { opacity: .6; }
.bar { min-width: 0; }
.bar .rest { background: none; }
.vaults li { grid-template-columns: minmax(0, 26rem) minmax(4rem, 9rem) minmax(0, 1fr); }
.vaults b { display: block; }
.vaults .count { font-variant-numeric: tabular-nums; }
.clock { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-top: .75rem; }
.clock b { font-size: 2rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
.clock .bad, .clock .open, .clock .good { color: var(--mark); }
.note { margin-top: .6rem; color: var(--soft); font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: 1.5rem; }
@media (max-width: 46rem) { .vaults li { grid-template-columns: minmax(0, 1fr); } }
@media print { .vaults li { break-inside: avoid; } h2 { break-after: avoid; } nav { display: none; } }
"""
_CLASSES = {
    "critical": "critical bad", "high": "high bad", "medium": "medium open", "low": "low given", "info": "info none",
}  # fmt: skip
_LABELS = [severity.label for severity in sorted(Severity, reverse=True)]
# The classes of network exposures, from the widest to the narrowest; others follow.
_EXPOSURES = {
    "all networks": "bad", "large IP range": "bad", "unknown": "open", "listed IP addresses": "given",
    "listed subnets": "given", "private access only": "good", "not evaluated": "none",
}  # fmt: skip
_MOST_ROWS = 50
_SOON = 180


def html(totals: Totals, run: Run, rules: Mapping[str, Rule]) -> str:
    """Return the page. Equal results in the same order of inputs lead to equal pages."""
    return page(_TITLE, __version__, _STYLE, _Page(totals, run, rules).lines())


class _Page:
    def __init__(self, totals: Totals, run: Run, rules: Mapping[str, Rule]) -> None:
        self._totals, self._run, self._rules = totals, run, rules

    def lines(self) -> Iterator[str]:
        """Yield the lines below the heading, section by section."""
        totals = self._totals
        sections = [
            ("risks", "Largest risks", list(self._risks())),
            ("exposure", "Vaults by network exposure", list(self._exposures())),
            ("retirement", "API retirement", list(self._retirement())),
            ("rules", "Rules", list(self._rule_rows())),
            ("repositories", "Repositories", list(self._repositories())),
            ("failed", "Failed inputs", list(self._failed())),
            ("inputs", "Inputs", list(self._inputs())),
        ]
        shown = [(name, title, content) for name, title, content in sections if content]
        yield f"<header><h1>{_TITLE}</h1>"
        yield f'<p class="facts">{escaped(f"As of {self._run.as_of} · kvlint {self._run.kvlint}")}</p>'
        yield f'<p class="about">{escaped(sentence(totals))}</p>'
        items = [(_CLASSES[label], totals.findings[label], label) for label in _LABELS]
        items += [("none", totals.unknown, "unknown"), ("none", totals.suppressed, "suppressed")]
        items += [("bad", totals.failed_count, "failed inputs")]
        boxes = [f'<li class="{style}"><b>{count:,}</b> {word}</li>' for style, count, word in items if count]
        yield f'<ul class="totals">{"".join(boxes)}</ul>' if boxes else '<p class="empty">No findings.</p>'
        yield f'<nav>{"".join(f"""<a href="#{name}">{title}</a>""" for name, title, _ in shown)}</nav></header>'
        for name, title, content in shown:
            yield f'<section class="vault" id="{name}"><h2>{title}</h2>'
            yield from content
            yield "</section>"

    def _risks(self) -> Iterator[str]:
        rows = []
        most = max((sum(dict(vault.findings).values()) for _, vault in self._totals.vaults), default=0)
        for entry, vault in self._totals.vaults:
            place = f"{vault.path}:{vault.line}" if vault.line else vault.path
            detail = f"{_results_link(entry)} {code(place)}"
            rows.append(_row(f"<b>{escaped(vault.name)}</b> {detail}", dict(vault.findings), most=most))
        yield from _list(rows)

    def _exposures(self) -> Iterator[str]:
        counts = self._totals.exposures
        order = [*_EXPOSURES, *sorted(counts.keys() - _EXPOSURES.keys())]
        total = sum(counts.values())
        rows = [
            f"<li><span>{escaped(name)}</span>{_part(_EXPOSURES.get(name, 'none'), counts[name], total)}"
            f'<span class="count">{pluralize(counts[name], "vault")}</span></li>'
            for name in order
            if counts[name]
        ]
        yield from _list(rows)

    def _retirement(self) -> Iterator[str]:
        days = (date.fromisoformat(RETIREMENT_DAY) - date.fromisoformat(self._run.as_of)).days
        count = self._totals.retiring
        style = "good" if not count else "open" if days > _SOON else "bad"
        when = pluralize(days, "day") if days > 0 else "Retired"
        yield f'<p class="clock"><span class="{style}"><b>{when}</b></span>'
        until = f"until {RETIREMENT_DAY}" if days > 0 else f"since {RETIREMENT_DAY}"
        yield f"<span>{until}: Azure retires the Key Vault API versions before 2026-02-01.</span></p>"
        what = pluralize(count, "declaration")
        verb = "uses" if count == 1 else "use"
        yield f'<p class="note">{what} {verb} an older version or an older provider.</p>'
        groups = [(name, one) for name, one in self._totals.repositories.items() if one.retiring]
        rows = [
            f'<li>{code(name)}{_part(style, one.retiring, count)}<span class="count">{one.retiring:,}</span></li>'
            for name, one in sorted(groups, key=lambda pair: (-pair[1].retiring, pair[0]))[:_MOST_ROWS]
        ]
        yield from _list(rows)

    def _rule_rows(self) -> Iterator[str]:
        rows = []
        listed = rules_by_risk(self._totals)
        most = max((sum(counts.values()) for _, counts in listed), default=0)
        for id_, counts in listed:
            rule = self._rules.get(id_)
            address = "" if rule is None else rule_link(rule) or ""
            name = link(address, escaped(id_)) if address.startswith("https://") else escaped(id_)
            title = "" if rule is None else inline(rule.title)
            inputs = pluralize(self._totals.rule_inputs[id_], "input")
            rows.append(_row(f"<b>{name}</b> {title}", counts, f" in {inputs}", most))
        yield from _list(rows)

    def _repositories(self) -> Iterator[str]:
        groups = repositories_by_risk(self._totals)
        most = max((sum(one.findings.values()) for _, one in groups), default=0)
        rows = [_row(code(name), one.findings, _group_note(one), most) for name, one in groups[:_MOST_ROWS]]
        yield from _list(rows, len(groups))

    def _failed(self) -> Iterator[str]:
        rows = [
            f'<li>{_results_link(entry)}<span></span><span class="count">{escaped(entry.summary.error)}</span></li>'
            for entry in self._totals.failed
        ]
        yield from _list(rows, self._totals.failed_count)

    def _inputs(self) -> Iterator[str]:
        rows = []
        for entry in self._totals.inputs:
            summary = entry.summary
            note = f", {summary.unknown:,} unknown" if summary.unknown else ""
            rows.append(_row(_results_link(entry), severities_of(summary), note))
        yield from _list(rows, self._totals.count)


def _results_link(entry: Entry) -> str:
    """Return the name of an input, with a link to its results."""
    return f'<a href="{escaped(entry.file)}">{escaped(entry.summary.input)}</a>'


def _row(name: str, counts: Mapping[str, int], note: str = "", most: int = 0) -> str:
    """Return a row with a bar, which is as long as its part of ``most`` findings."""
    rest = max(0, most - sum(counts.values()))
    divided = bar([*((_CLASSES[label], counts.get(label, 0)) for label in _LABELS), ("rest", rest)])
    return f'<li><span>{name}</span>{divided}<span class="count">{escaped(words_of(counts) + note)}</span></li>'


def _part(style: str, count: int, total: int) -> str:
    """Return a bar with the part that a count is of the total."""
    return bar([(style, count), ("rest", total - count)])


def _list(rows: Sequence[str], total: int = 0) -> Iterator[str]:
    if rows:
        yield f'<ul class="vaults">{"".join(rows)}</ul>'
    if total > len(rows):
        yield f'<p class="note">{total - len(rows):,} more are in manifest.jsonl and in the Parquet files.</p>'


def _group_note(group: Group) -> str:
    note = f", {group.unknown:,} unknown" if group.unknown else ""
    failed = f", {group.failed:,} failed" if group.failed else ""
    return f"{note} in {pluralize(group.inputs, 'input')}{failed}"


def words_of(counts: Mapping[str, int]) -> str:
    """Return ``3 high, 1 low``."""
    return ", ".join(f"{counts[label]:,} {label}" for label in _LABELS if counts.get(label)) or "no findings"


def rules_by_risk(totals: Totals) -> list[tuple[str, dict[str, int]]]:
    """Return the rules with their findings by severity, the most severe first."""
    counts: dict[str, dict[str, int]] = {}
    for (rule, severity), count in totals.rules.items():
        counts.setdefault(rule, {})[severity] = count
    return sorted(counts.items(), key=lambda pair: (risk_key(pair[1].items()), pair[0]))


def repositories_by_risk(totals: Totals) -> list[tuple[str, Group]]:
    """Return the repositories, those with the most severe findings first."""
    return sorted(totals.repositories.items(), key=lambda pair: (risk_key(pair[1].findings.items()), pair[0]))


def sentence(totals: Totals) -> str:
    """Return the totals in a sentence."""
    found = sum(totals.findings.values())
    text = f"Checked {_number(totals.count, 'input')}: {_number(found, 'finding')}"
    graded = words_of(totals.findings) if found else ""
    text += f" ({graded})" if graded else ""
    text += f" and {_number(totals.unknown, 'unknown result')}"
    text += f" on {_number(totals.resources, 'resource')}."
    if totals.failed_count:
        verb = "was" if totals.failed_count == 1 else "were"
        text += f" {_number(totals.failed_count, 'input')} {verb} not read completely."
    return text


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def text(totals: Totals, rules: Mapping[str, Rule], place: str) -> str:
    """Return the summary for a terminal."""
    lines = [sentence(totals), ""]
    graded = Counter({label: totals.findings[label] for label in _LABELS if totals.findings[label]})
    lines += _table("By severity", [(label, f"{count:,}") for label, count in graded.items()])
    listed = rules_by_risk(totals)
    rows = [
        (id_, f"{words_of(counts)} in {pluralize(totals.rule_inputs[id_], 'input')}: {_title(rules, id_)}")
        for id_, counts in listed[:10]
    ]
    lines += _table("By rule", rows, len(listed))
    groups = repositories_by_risk(totals)
    lines += _table(
        "By repository", [(visible(name), words_of(one.findings) + _group_note(one)) for name, one in groups[:10]],
        len(groups),
    )  # fmt: skip
    lines += _table(
        "Failed",
        [(visible(one.summary.input), visible(one.summary.error)) for one in totals.failed[:10]],
        totals.failed_count,
    )
    return "\n".join([*lines, f"Results: {visible(place)}", ""])


def _title(rules: Mapping[str, Rule], id_: str) -> str:
    return visible(rules[id_].title) if id_ in rules else ""


def _table(title: str, rows: Iterable[tuple[str, str]], total: int = 0) -> list[str]:
    rows = list(rows)
    if not rows:
        return []
    width = min(60, max(len(name) for name, _ in rows))
    more = [f"  and {total - len(rows):,} more"] if total > len(rows) else []
    return [f"{title}:", *(f"  {name:<{width}}  {value}" for name, value in rows), *more, ""]
