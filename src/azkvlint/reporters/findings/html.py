"""Render the report as one HTML page: findings by vault, unknown results by cause, and what was not evaluated.

The page loads nothing. Its one script filters what is shown; without scripts, all of it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from azkvlint.model.finding import Declaration, Evidence, Finding, Occurrence, Outcome, Problem, Report, without_notes
from azkvlint.model.identity import member_of
from azkvlint.model.location import Location, static_address
from azkvlint.model.rule import Rule, Severity
from azkvlint.reporters import Options
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.grouping import Block, UnknownCause, fold, is_minor, remedy, unknown_causes, worst_first
from azkvlint.reporters.html_page import bar, code, escaped, facts, inline, link, page, problem_box, vault_row
from azkvlint.reporters.phrases import (
    VAULT_NOUNS,
    acceptance_note,
    call_note,
    condition_note,
    configuration,
    deployment_note,
    fix_of,
    label_of,
    member_condition,
    place,
    problem_line,
    resource_noun,
    summary,
    suppression,
)
from azkvlint.reporters.taxonomies import TITLES
from azkvlint.reporters.text_content import marked_line
from azkvlint.util.text import pluralize

# The attribute with the network exposure of a vault, and its values in words.
_EXPOSURE = "derived.exposure"
_EXPOSURES = {
    "world": "all networks",
    "wide-range": "a wide range of IP addresses",
    "listed-ips": "selected IP addresses",
    "listed-subnets": "selected subnets",
    "private-only": "private endpoints only",
}


class VaultGroup(msgspec.Struct, eq=False, kw_only=True):
    """The vaults of one declaration, with the results that belong to them.

    ``at`` is None if the declaration is not in the input. ``names`` are those of the instances, ``addresses`` without
    instance keys. ``exposures`` are the addresses with each network exposure that a result states. ``blocks`` are the
    findings that count; ``unknown`` and ``in_tests`` count other results.
    """

    type: str
    at: Location | None = None
    names: set[str] = set()
    addresses: set[str] = set()
    instances: int = 0
    exposures: dict[str, set[str]] = {}
    blocks: list[Block] = []
    unknown: int = 0
    in_tests: int = 0

    @property
    def findings(self) -> Iterator[Finding]:
        """Yield all findings that count."""
        return chain.from_iterable(block.findings for block in self.blocks)


class VaultIndex:
    """The vaults of a report, and the group of each result."""

    def __init__(self, report: Report) -> None:
        self.groups: list[VaultGroup] = []
        self._by_place: dict[object, VaultGroup] = {}
        self._by_name: dict[str, list[VaultGroup]] = {}
        self._by_address: dict[tuple[str, str], VaultGroup] = {}
        for declaration in report.evaluated:
            if declaration.type.lower() in VAULT_NOUNS:
                group = self._declared(declaration.at, declaration.address, declaration.type)
                group.instances = declaration.instances
                group.addresses.add(declaration.address)
                self._add_names(group, declaration.names)
        for finding in chain(report.findings, report.unknown, report.suppressed):
            if finding.type.lower() in VAULT_NOUNS:
                self._add_vault(finding)

    def group_of(self, finding: Finding) -> VaultGroup | None:
        """Return the group of a result, or None if the report does not show its vault."""
        type_ = finding.type.lower()
        if type_ in VAULT_NOUNS:
            return self._declared(finding.resource_at or finding.at, finding.resource, finding.type)
        vault_type = next((one for one in VAULT_NOUNS if type_.startswith(f"{one}/")), "")
        if vault_type:
            # The last names are those of the resource and its parents below the vault.
            vault, *below = finding.full_name.split("/")
            return self._named(finding, vault, vault_type) if len(below) >= type_.count("/") - 1 else None
        addresses = (evidence.at.address or "" for evidence in finding.evidence)
        groups = {self._by_address.get((finding.root, address)) for address in addresses} - {None}
        return groups.pop() if len(groups) == 1 else None

    def blocks(self, findings: Sequence[Finding]) -> list[Block]:
        """Add the findings to their vaults as blocks; return those that belong to none."""
        rest: list[Block] = []
        for block in fold(findings):
            parts: dict[VaultGroup | None, Block] = {}
            first = self.group_of(block.finding)
            for finding in (block.finding, *block.others):
                group = self.group_of(finding)
                if group in parts:
                    parts[group].others.append(finding)
                else:
                    parts[group] = Block(finding)
            for finding in block.same_cause:
                group = self.group_of(finding)
                parts[group if group in parts else first].same_cause.append(finding)
            for group, part in parts.items():
                (rest if group is None else group.blocks).append(part)
        return rest

    def count(self, unknown: Iterable[Finding], in_tests: Iterable[Finding]) -> None:
        """Count the unknown results of each vault, and its findings in tests and examples."""
        for finding in unknown:
            group = self.group_of(finding)
            if group is not None:
                group.unknown += 1
        for finding in in_tests:
            group = self.group_of(finding)
            if group is not None:
                group.in_tests += 1

    def _declared(self, at: Location, address: str, type_: str) -> VaultGroup:
        """Return the group of a declaration, created on first use."""
        key = (at.path, at.pointer or at.span or static_address(address))
        if key not in self._by_place:
            self._by_place[key] = VaultGroup(type=type_, at=at)
            self.groups.append(self._by_place[key])
        return self._by_place[key]

    def _add_names(self, group: VaultGroup, names: Iterable[str]) -> None:
        for name in names:
            group.names.add(name)
            same_name = self._by_name.setdefault(name.lower(), [])
            if group not in same_name:
                same_name.append(group)

    def _add_vault(self, finding: Finding) -> None:
        """Add the names, addresses and exposure that a result about a vault states."""
        group = self._declared(finding.resource_at or finding.at, finding.resource, finding.type)
        addresses = {(one.root, one.address) for one in finding.occurrences} or {(finding.root, finding.resource)}
        self._by_address |= dict.fromkeys(addresses, group)
        group.addresses.update(static_address(address) for _, address in addresses)
        self._add_names(group, [one.full_name for one in finding.occurrences] or [finding.full_name])
        for evidence in finding.evidence:
            if evidence.attribute == _EXPOSURE and evidence.at.address == finding.resource:
                stated = group.exposures.setdefault(_exposure_text(evidence), set())
                stated.update(address for _, address in addresses)

    def _named(self, finding: Finding, name: str, type_: str) -> VaultGroup:
        """Return the group of the vault with this name: in the file of a result, in its root, or anywhere."""
        place = finding.resource_at or finding.at
        groups = [group for group in self._by_name.get(name.lower(), ()) if group.type.lower() == type_]
        in_file = [group for group in groups if group.at is not None and group.at.path == place.path]
        in_root = [group for group in groups if group.at is not None and _folder(group.at.path) == finding.root]
        for candidates in (in_file, in_root, groups):
            if len(candidates) == 1:
                return candidates[0]
        key = (finding.root, name.lower(), type_)
        if key not in self._by_place:
            self._by_place[key] = VaultGroup(type=type_, names={name})
            self.groups.append(self._by_place[key])
        return self._by_place[key]


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _exposure_text(evidence: Evidence) -> str:
    return "unknown" if evidence.outcome is Outcome.UNKNOWN else _EXPOSURES.get(evidence.found, evidence.found)


_STYLE = """
a:focus-visible, summary:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px;
}
.critical { --mark: var(--paper); --tint: var(--bad); }
.vaults li { grid-template-columns: minmax(0, 26rem) minmax(4rem, 9rem) minmax(0, 1fr); }
.bar .critical { background: var(--bad); }
.bar .high { opacity: .6; }
.bar { min-width: 0; }
.overview { margin-top: 1.5rem; }
.overview summary { color: var(--soft); font-size: .9rem; }
.overview .vaults { margin-top: .5rem; }
.filters {
  display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem 1rem; align-items: end;
  margin-top: 1.75rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem;
  background: var(--paper);
}
.filters fieldset { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
.filters fieldset, .filters legend { margin: 0; padding: 0; border: 0; }
.filters legend { float: left; margin-right: 1.25rem; }
.filters legend, .field > span { color: var(--soft); font-size: .85rem; }
.field { display: grid; gap: .15rem; }
.filters input, .filters select, .filters button { font: inherit; color: inherit; }
.filters [type="search"], .filters select, .filters button {
  width: 100%; min-height: 2.25rem; padding: .25rem .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--ground);
}
.filters button { width: auto; padding: .25rem 1rem; cursor: pointer; }
.outcome { grid-column: 1 / -1; display: flex; align-items: center; gap: 1rem; color: var(--soft); font-size: .9rem; }

.finding { margin-top: 1.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.finding h3 { display: flex; flex-wrap: wrap; gap: .25rem .6rem; align-items: baseline; margin: 0; line-height: 1.4; }
.finding .title { flex: 1 1 16rem; font-weight: 600; }
.finding p { margin-top: .4rem; }
.finding .at { color: var(--soft); font-size: .9rem; }
.source {
  margin: .6rem 0 0; padding: .5rem .75rem; border-left: 3px solid var(--edge, var(--line)); border-radius: .25rem;
  background: var(--ground); white-space: pre-wrap;
  font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
.critical .source, .high .source { --edge: var(--bad); }
.medium .source { --edge: var(--open); }
.low .source { --edge: var(--given); }
.source .line { margin-right: .9rem; color: var(--soft); user-select: none; }
.source mark { padding-bottom: .1em; border-bottom: 2px solid var(--edge); background: none; color: inherit; }
.source .label { display: block; color: var(--edge, var(--soft)); }
.source code { color: inherit; font-size: inherit; }
.fix b { margin-right: .4rem; }
.also { margin-top: .6rem; font-size: .9rem; }
.also li, .list li { padding: .15rem 0; }
.tags { display: flex; flex-wrap: wrap; gap: .3rem; margin-top: .6rem; }
.tags li { padding: 0 .5rem; border: 1px solid var(--line); border-radius: 1rem; }
.tags li { color: var(--soft); font-size: .78rem; }
details { margin-top: .6rem; }
summary { cursor: pointer; }
summary h2 { display: inline; }
.list { margin-top: .5rem; font-size: .9rem; }
.list + .list { margin-top: 1rem; }
.note { margin-top: .4rem; color: var(--soft); }

@media (max-width: 46rem) {
  .vaults li, .filters { grid-template-columns: minmax(0, 1fr); }
  .filters label { min-height: 1.75rem; }
}
@media print {
  .filters { display: none; }
  .finding, .source, .list li { break-inside: avoid; }
  .finding h3, summary, h2 { break-after: avoid; }
  .source { border: 1px solid var(--line); border-left-width: 3px; }
}
"""

# Filters hide results, and sections and rows without any. Collapsed parts are printed too.
_SCRIPT = """
(() => {
  const filters = document.querySelector('.filters');
  if (!filters) return;
  const all = (selector, node = document) => [...node.querySelectorAll(selector)];
  const results = all('[data-rule]'), groups = all('[data-group]'), rows = all('.vaults li');
  const [category, rule, path] = all('select, [type="search"]', filters);
  const total = results.reduce((sum, one) => sum + Number(one.dataset.count), 0);
  const apply = () => {
    const severities = all(':checked', filters).map(one => one.value).filter(value => value);
    const text = path.value.trim().toLowerCase();
    const has = (one, name, values) => one.dataset[name].split(' ').some(value => values.includes(value));
    let shown = 0;
    for (const one of results) {
      one.hidden = !(has(one, 'severity', severities) && (!category.value || has(one, 'category', [category.value])) &&
        (!rule.value || has(one, 'rule', [rule.value])) && one.dataset.path.toLowerCase().includes(text));
      if (!one.hidden) shown += Number(one.dataset.count);
    }
    for (const one of groups) one.hidden = !one.querySelector('[data-rule]:not([hidden])');
    for (const one of rows) {
      const link = one.querySelector('a'), group = link && document.querySelector(link.getAttribute('href'));
      one.hidden = group ? group.hidden : shown < total;
    }
    filters.querySelector('output').textContent = `${shown} of ${total} results shown`;
  };
  filters.hidden = false;
  filters.addEventListener('input', apply);
  filters.querySelector('button').addEventListener('click', () => {
    for (const one of all('[type="checkbox"]', filters)) one.checked = true;
    category.value = rule.value = path.value = '';
    apply();
  });
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    closed.forEach(one => one.open = true);
  });
  addEventListener('afterprint', () => closed.forEach(one => one.open = false));
  apply();
})();
"""

_TITLE = "kvlint report"
_CLASSES = {
    Severity.CRITICAL: "critical bad",
    Severity.HIGH: "high bad",
    Severity.MEDIUM: "medium open",
    Severity.LOW: "low given",
    Severity.INFO: "info none",
}
_BETWEEN = " · "
_MOST_NAMES = 3
# The number of vaults up to which the list of vaults is open.
_MOST_ROWS = 20
# The number of characters of a source line that are shown.
_ROOM = 240


def html(report: Report, options: Options) -> str:
    """Return the report as a page that ends with a line break; equal reports result in equal pages."""
    return page(_TITLE, report.version, _STYLE, _Page(report).lines(), _SCRIPT)


class _Page:
    """The lines of a page below its heading, section by section."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._index = VaultIndex(report)
        self._rest = self._index.blocks(report.counted(report.findings))
        self._in_tests = report.uncounted(report.findings)
        self._unknown = report.counted(report.unknown)
        self._index.count(self._unknown, self._in_tests)
        self._groups = sorted(self._index.groups, key=_group_order)

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        report = self._report
        yield from self._head()
        for number, group in enumerate(self._groups, 1):
            if group.blocks:
                yield from self._vault(group, number)
        yield from self._section(
            "Other resources", self._blocks(self._rest), "These findings do not belong to a single vault."
        )
        important = unknown_causes(finding for finding in self._unknown if not is_minor(finding))
        minor = unknown_causes(finding for finding in self._unknown if is_minor(finding))
        yield from self._section(
            "Unknown results", _causes(important), "These checks depend on values that are unknown."
        )
        yield from self._collapsed("Minor unknown results", _causes(minor), _result_count(minor))
        others = chain(self._blocks(fold(self._in_tests)), _causes(unknown_causes(report.uncounted(report.unknown))))
        count = len(self._in_tests) + len(report.uncounted(report.unknown))
        yield from self._collapsed("In tests and examples", others, count)
        suppressed = self._blocks([Block(finding) for finding in report.suppressed])
        yield from self._collapsed("Suppressed", suppressed, len(report.suppressed))
        yield from self._collapsed("Not evaluated", _skipped(report.skipped), len(report.skipped), is_open=True)
        yield from self._collapsed("Evaluated", _evaluated(report.evaluated), len(report.evaluated))
        notes = [problem for problem in report.problems if problem.level == "note"]
        yield from self._collapsed("Notes", _notes(notes), len(notes))

    def _head(self) -> Iterator[str]:
        report = self._report
        yield "<header>"
        yield f"<h1>{_TITLE}</h1>"
        about = [*facts(report.repository, report.sources, report.version)]
        if report.configuration:
            about.append(escaped(configuration(report)))
        yield f'<p class="facts">{_BETWEEN.join(about)}</p>'
        yield f'<p class="about">{escaped(summary(report, options=False))}</p>'
        problems = without_notes(report.problems)
        if problems:
            yield from problem_box("Problems" if report.is_complete else "Analysis incomplete", problems)
        yield from self._totals()
        yield from self._filters()
        if len(self._groups) > 1:
            is_open = " open" if len(self._groups) <= _MOST_ROWS else ""
            yield f'<details class="overview"{is_open}><summary>{len(self._groups)} vaults</summary><ul class="vaults">'
            for number, group in enumerate(self._groups, 1):
                yield _vault_row(group, number)
            yield "</ul></details>"
        yield "</header>"

    def _totals(self) -> Iterator[str]:
        report = self._report
        counts = Counter(finding.severity for finding in report.counted(report.findings))
        totals = [(_CLASSES[severity], counts[severity], severity.label) for severity in sorted(counts, reverse=True)]
        totals += [("none", len(self._unknown), "unknown"), ("none", len(report.suppressed), "suppressed")]
        items = [f'<li class="{style}"><b>{count}</b> {word}</li>' for style, count, word in totals if count]
        if items:
            yield f'<ul class="totals">{"".join(items)}</ul>'

    def _filters(self) -> Iterator[str]:
        """Yield the filters, which the script shows."""
        report = self._report
        findings = [*report.findings, *report.unknown, *report.suppressed]
        if not findings:
            return
        rules = {finding.rule.id: finding.rule for finding in findings}
        yield '<div class="filters" role="search" aria-label="Filters" hidden>'
        yield "<fieldset><legend>Severity</legend>"
        for severity in sorted({finding.severity for finding in findings}, reverse=True):
            box = f'<input type="checkbox" value="{severity.label}" checked>'
            yield f"<label>{box} {severity.label}</label>"
        yield "</fieldset>"
        categories = sorted({rule.category for rule in rules.values() if rule.category})
        yield from _choice("Category", "All categories", ((one, one) for one in categories))
        yield from _choice("Rule", "All rules", ((id_, f"{id_} {rules[id_].title}") for id_ in sorted(rules)))
        yield '<label class="field"><span>Path</span><input type="search" placeholder="Part of a path"></label>'
        yield '<p class="outcome"><output aria-live="polite"></output><button type="button">Clear filters</button></p>'
        yield "</div>"

    def _vault(self, group: VaultGroup, number: int) -> Iterator[str]:
        yield f'<section class="vault" id="vault-{number}" data-group>'
        yield f"<h2>{escaped(_name(group))}</h2>"
        parts = [_kind(group), code(_listed(sorted(group.addresses))) if group.addresses else ""]
        parts += [code(place(group.at)) if group.at is not None else ""]
        yield f'<p class="facts">{_BETWEEN.join(filter(None, parts))}</p>'
        if group.exposures:
            yield f'<p class="facts">Network exposure: {escaped(_exposure(group))}</p>'
        yield from self._blocks(group.blocks)
        if group.unknown:
            text = f"{pluralize(group.unknown, 'check')} of this vault {'is' if group.unknown == 1 else 'are'} unknown."
            yield f'<p class="note">{text}</p>'
        yield "</section>"

    def _section(self, title: str, lines: Iterable[str], about: str) -> Iterator[str]:
        content = list(lines)
        if content:
            yield f'<section class="vault" data-group><h2>{title}</h2><p class="facts">{about}</p>'
            yield from content
            yield "</section>"

    def _collapsed(self, title: str, lines: Iterable[str], count: int, *, is_open: bool = False) -> Iterator[str]:
        content = list(lines)
        if content:
            group = " data-group" if any("data-rule=" in line for line in content) else ""
            yield f'<section class="vault"{group}><details{" open" if is_open else ""}>'
            yield f"<summary><h2>{title}: {count}</h2></summary>"
            yield from content
            yield "</details></section>"

    def _blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        for block in sorted(blocks, key=lambda block: (block.finding.is_undeployed, -block.finding.severity)):
            yield from self._block(block)

    def _block(self, block: Block) -> Iterator[str]:
        finding = block.finding
        rule = finding.rule
        yield f'<article class="finding {_CLASSES[finding.severity]}"{_filtered(block.findings)}>'
        pill = f'<span class="pill">{label_of(finding)}</span>'
        yield f'<h3>{pill} {self._rule(rule)} <span class="title">{inline(rule.title)}</span></h3>'
        yield f'<p class="message">{inline(finding.message)}{escaped(condition_note(finding))}</p>'
        notes = call_note(finding) + deployment_note(finding) + acceptance_note(finding)
        yield f'<p class="at">{code(place(finding.at))}{escaped(notes)}</p>'
        yield from _source(finding)
        if finding.suppressed is not None:
            yield f'<p class="fix"><b>Suppressed</b>{escaped(suppression(finding))}</p>'
        else:
            yield f'<p class="fix"><b>Fix</b>{inline(fix_of(finding))}</p>'
        yield from _resources(block)
        if block.same_cause:
            yield '<ul class="also">'
            for one in block.same_cause:
                head = f"Same cause: {self._rule(one.rule)} ({one.severity.label})"
                yield f"<li>{head} {inline(one.message)}{escaped(condition_note(one))} {code(place(one.at))}</li>"
            yield "</ul>"
        tags = _tags(rule)
        if tags:
            yield f'<ul class="tags">{"".join(f"<li>{escaped(tag)}</li>" for tag in tags)}</ul>'
        yield "</article>"

    def _rule(self, rule: Rule) -> str:
        """Return the id of a rule, with a link to its page."""
        address = rule_link(rule) or ""
        return link(address, escaped(rule.id)) if address.startswith("https://") else escaped(rule.id)


def _group_order(group: VaultGroup) -> tuple[object, ...]:
    """Return the sort key of a vault: the most severe finding first, then the number of findings and the place.

    Vaults that nothing deploys come last, before those without findings.
    """
    severities = [finding.severity for finding in group.findings]
    is_undeployed = not severities or all(finding.is_undeployed for finding in group.findings)
    at = group.at
    path, line = ("", 0) if at is None else (at.path, at.region.start_line if at.region is not None else 0)
    worst = max(severities, default=-1)
    return (
        not severities,
        is_undeployed,
        -worst,
        -len(severities),
        path,
        line,
        sorted(group.names),
        sorted(group.addresses),
    )


def _name(group: VaultGroup) -> str:
    return _listed(sorted(group.names)) or _listed(sorted(group.addresses))


def _exposure(group: VaultGroup) -> str:
    """Return the network exposures of the vaults, with addresses unless there is one for all."""
    texts = []
    for text, addresses in sorted(group.exposures.items()):
        is_for_all = len(group.exposures) == 1 and (len(addresses) >= group.instances or addresses == group.addresses)
        texts.append(text if is_for_all else f"{text} ({_listed(sorted(addresses))})")
    return "; ".join(texts)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _kind(group: VaultGroup) -> str:
    nouns = VAULT_NOUNS[group.type.lower()]
    return nouns[0] if len(group.names) < 2 else pluralize(len(group.names), *nouns)


def _vault_row(group: VaultGroup, number: int) -> str:
    counts = Counter(finding.severity for finding in group.findings)
    words = [f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True)] or ["no issues"]
    words += [f"{group.unknown} unknown"] if group.unknown else []
    words += [f"{group.in_tests} in tests and examples"] if group.in_tests else []
    divided = bar((_CLASSES[severity], counts[severity]) for severity in sorted(counts, reverse=True))
    at = place(group.at) if group.at is not None else ""
    return vault_row(number if counts else 0, _name(group), at, divided, ", ".join(words))


def _choice(label: str, everything: str, values: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f'<label class="field"><span>{label}</span><select><option value="">{everything}</option>'
    yield from (f'<option value="{escaped(value)}">{escaped(text)}</option>' for value, text in values)
    yield "</select></label>"


def _filtered(findings: Sequence[Finding]) -> str:
    """Return the attributes by which results are filtered."""
    values = {
        "severity": dict.fromkeys(finding.severity.label for finding in findings),
        "category": dict.fromkeys(finding.rule.category for finding in findings),
        "rule": dict.fromkeys(finding.rule.id for finding in findings),
        "path": dict.fromkeys(finding.at.path for finding in findings),
    }
    return f' data-count="{len(findings)}"' + "".join(
        f' data-{name}="{escaped(" ".join(words))}"' for name, words in values.items()
    )


def _source(finding: Finding) -> Iterator[str]:
    """Yield the marked line of source with the label, or the label alone."""
    label = inline(finding.label)
    region = finding.at.region
    if finding.excerpt is None or not finding.excerpt.is_shown or region is None:
        if label:
            yield f'<p class="at">{label}</p>'
        return
    before, marked, after = map(escaped, marked_line(region, finding.excerpt, _ROOM))
    number = f'<span class="line">{region.start_line}</span>'
    below = f'<span class="label">{label}</span>' if label else ""
    yield f'<pre class="source">{number}{before}<mark>{marked}</mark>{after}{below}</pre>'


def _resources(block: Block) -> Iterator[str]:
    """Yield the other resources of a block."""
    listed = list(map(_resource, block.finding.occurrences[1:]))
    for finding in block.others:
        members = finding.occurrences or (member_of(finding),)
        listed += [f"{_resource(one)} {code(place(finding.at))}" for one in members]
    if listed:
        yield f"<details><summary>{pluralize(len(listed), 'more resource')}</summary>"
        yield f'<ul class="list">{"".join(f"<li>{one}</li>" for one in listed)}</ul></details>'


def _resource(member: Occurrence) -> str:
    address, name = member.address, member.full_name
    own = f"{address} ({name})" if name and not address.endswith(f".{name}") else address
    return escaped(f"{own}{member_condition(member)}")


def _tags(rule: Rule) -> list[str]:
    """Return the controls of the security benchmarks that a rule checks."""
    version = TITLES.cis_version
    frameworks = {"MCSB": "mcsb", f"CIS {version}": f"cis-azure-{version}"}
    return [f"{title} {id_}" for title, name in frameworks.items() for id_ in rule.controls.get(name, ())]


def _result_count(causes: Iterable[UnknownCause]) -> int:
    return sum(len(cause.results) for cause in causes)


def _causes(causes: Sequence[UnknownCause]) -> Iterator[str]:
    """Yield the causes of unknown results, each with what would decide them."""
    for cause in causes:
        yield f'<article class="finding none"{_filtered(cause.results)}>'
        yield f'<h3><span class="pill">unknown</span> <span class="title">{inline(cause.why)}</span></h3>'
        yield f'<p class="at">{code(place(cause.at))}</p>'
        action = remedy(cause)
        if action:
            yield f'<p class="fix"><b>To decide</b>{inline(action)}</p>'
        yield f"<details><summary>{pluralize(len(cause.results), 'check')}</summary>"
        yield '<ul class="list">'
        for finding in worst_first(cause.results):
            resource = f"{escaped(finding.resource + condition_note(finding))} {code(place(finding.at))}"
            yield f"<li>{escaped(finding.rule.id)} {inline(finding.rule.title)}: {resource}</li>"
        yield "</ul></details></article>"


def _skipped(declarations: Iterable[Declaration]) -> Iterator[str]:
    yield from _list(f"{code(place(one.at))} {escaped(one.address)}: {inline(one.reason)}" for one in declarations)


def _evaluated(declarations: Iterable[Declaration]) -> Iterator[str]:
    yield from _list(map(_declaration, declarations))


def _declaration(one: Declaration) -> str:
    text = f"{code(place(one.at))} {escaped(one.address)} ({escaped(resource_noun(one.type)[0])})"
    text += f", {one.instances} instances" if one.instances > 1 else ""
    return f"{text}, {inline(one.condition)}" if one.condition else text


def _notes(problems: Iterable[Problem]) -> Iterator[str]:
    yield from _list(inline(problem_line(problem)) for problem in problems)


def _list(items: Iterable[str]) -> Iterator[str]:
    rows = [f"<li>{item}</li>" for item in items]
    if rows:
        yield f'<ul class="list">{"".join(rows)}</ul>'
