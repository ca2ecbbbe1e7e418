"""Render the totals of a run: as one HTML page that loads nothing, and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from azkvlint import __version__
from azkvlint.fleet.results import RETIREMENT_DAY, FleetRun, Group, ManifestEntry, Totals, severities_of
from azkvlint.fleet.rows import risk_key
from azkvlint.model.rule import Rule, Severity
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.html_page import page
from azkvlint.util.text import pluralize, visible

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


def html(totals: Totals, run: FleetRun, rules: Mapping[str, Rule]) -> str:
    """Return the page. Equal results in the same order of inputs lead to equal pages."""
    boxes = [(_CLASSES[label], totals.findings[label], label) for label in _LABELS]
    boxes += [("none", totals.unknown, "unknown"), ("none", totals.suppressed, "suppressed")]
    boxes += [("bad", totals.failed_count, "failed inputs")]
    common = _common_folder([one.summary.input for one in (*totals.inputs, *totals.failed)])
    return page(
        "fleet.html",
        version=__version__,
        common=common,
        as_of=run.as_of,
        kvlint=run.kvlint,
        sentence=sentence(totals),
        totals=[(style, f"{count:,}", word) for style, count, word in boxes if count],
        vaults=_vaults(totals),
        exposures=_exposures(totals),
        rules=_rules(totals, rules),
        repository_count=len(totals.repositories),
        repositories=_repositories(totals),
        failed_count=totals.failed_count,
        failed=totals.failed,
        input_count=totals.count,
        inputs=[(one, _bar(severities_of(one.summary)), _input_words(one)) for one in totals.inputs],
        **_retirement(totals, run),
    )


def _common_folder(names: Sequence[str]) -> str:
    """Return the folder of all inputs with a slash at its end, if they are absolute paths; else an empty string."""
    if not names or not all(name.startswith("/") for name in names):
        return ""
    folders = [name.rstrip("/").split("/")[:-1] for name in (min(names), max(names))]
    pairs = list(zip(*folders, strict=False))
    count = next((number for number, (one, other) in enumerate(pairs) if one != other), len(pairs))
    return "/".join([*folders[0][:count], ""]) if count > 1 else ""


def _vaults(totals: Totals) -> list[tuple[object, ...]]:
    most = max((sum(dict(vault.findings).values()) for _, vault in totals.vaults), default=0)
    rows: list[tuple[object, ...]] = []
    for entry, vault in totals.vaults:
        counts = dict(vault.findings)
        place = f"{vault.path}:{vault.line}" if vault.line else vault.path
        rows.append((entry, vault, place, _bar(counts, most), words_of(counts)))
    return rows


def _exposures(totals: Totals) -> list[tuple[object, ...]]:
    counts = totals.exposures
    order = [*_EXPOSURES, *sorted(counts.keys() - _EXPOSURES.keys())]
    total = sum(counts.values())
    return [
        (name, _part(_EXPOSURES.get(name, "none"), counts[name], total), pluralize(counts[name], "vault"))
        for name in order
        if counts[name]
    ]


def _retirement(totals: Totals, run: FleetRun) -> dict[str, object]:
    days = (date.fromisoformat(RETIREMENT_DAY) - date.fromisoformat(run.as_of)).days
    count = totals.retiring
    style = "good" if not count else "open" if days > _SOON else "bad"
    groups = [(name, one.retiring) for name, one in totals.repositories.items() if one.retiring]
    return {
        "clock": {
            "style": style,
            "when": pluralize(days, "day") if days > 0 else "Retired",
            "until": f"{'until' if days > 0 else 'since'} {RETIREMENT_DAY}",
        },
        "retiring": count,
        "retiring_rows": [
            (name, _part(style, retiring, count), f"{retiring:,}")
            for name, retiring in sorted(groups, key=lambda pair: (-pair[1], pair[0]))[:_MOST_ROWS]
        ],
    }


def _rules(totals: Totals, rules: Mapping[str, Rule]) -> list[tuple[object, ...]]:
    listed = rules_by_risk(totals)
    most = max((sum(counts.values()) for _, counts in listed), default=0)
    rows: list[tuple[object, ...]] = []
    for id_, counts in listed:
        rule = rules.get(id_)
        address, title = (None, "") if rule is None else (rule_link(rule), rule.title)
        inputs = pluralize(totals.rule_inputs[id_], "input")
        rows.append((id_, address, title, _bar(counts, most), f"{words_of(counts)} in {inputs}"))
    return rows


def _repositories(totals: Totals) -> list[tuple[object, ...]]:
    groups = repositories_by_risk(totals)
    most = max((sum(one.findings.values()) for _, one in groups), default=0)
    return [
        (name, _bar(one.findings, most), words_of(one.findings) + _group_note(one))
        for name, one in groups[:_MOST_ROWS]
    ]  # fmt: skip


def _input_words(entry: ManifestEntry) -> str:
    summary = entry.summary
    return words_of(severities_of(summary)) + (f", {summary.unknown:,} unknown" if summary.unknown else "")


def _bar(counts: Mapping[str, int], most: int = 0) -> list[tuple[str, int]]:
    """Return a bar, which is as long as its part of ``most`` findings."""
    rest = max(0, most - sum(counts.values()))
    return [*((_CLASSES[label], counts.get(label, 0)) for label in _LABELS), ("rest", rest)]


def _part(style: str, count: int, total: int) -> list[tuple[str, int]]:
    """Return a bar with the part that a count is of the total."""
    return [(style, count), ("rest", total - count)]


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
