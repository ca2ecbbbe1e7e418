"""Render the report as one HTML page: findings by vault, unknown results by cause, and what was not evaluated.

The page loads nothing. Its one script filters what is shown; without scripts, all of it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from azkvlint.model.finding import Evidence, Finding, Occurrence, Outcome, Report, without_notes
from azkvlint.model.identity import member_of
from azkvlint.model.location import Location, static_address
from azkvlint.model.rule import Rule, Severity
from azkvlint.reporters import Options
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.html import content
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.grouping import FindingGroup, fold, is_minor, remedy, unknown_causes, worst_first
from azkvlint.reporters.html_page import page
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
    blocks: list[FindingGroup] = []
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

    def blocks(self, findings: Sequence[Finding]) -> list[FindingGroup]:
        """Add the findings to their vaults as blocks; return those that belong to none."""
        rest: list[FindingGroup] = []
        for block in fold(findings):
            parts: dict[VaultGroup | None, FindingGroup] = {}
            first = self.group_of(block.finding)
            for finding in (block.finding, *block.others):
                group = self.group_of(finding)
                if group in parts:
                    parts[group].others.append(finding)
                else:
                    parts[group] = FindingGroup(finding)
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


_CLASSES = {
    Severity.CRITICAL: "critical bad",
    Severity.HIGH: "high bad",
    Severity.MEDIUM: "medium open",
    Severity.LOW: "low given",
    Severity.INFO: "info none",
}
_MOST_NAMES = 3
# The number of vaults up to which the list of vaults is open.
_MOST_ROWS = 20
# The number of characters of a source line that are shown.
_ROOM = 240


def html(report: Report, options: Options) -> str:
    """Return the report as a page that ends with a line break; equal reports result in equal pages."""
    return page("findings.html", **_WORDS, **_values(report))


def _values(report: Report) -> dict[str, object]:
    """Return what the template shows of a report."""
    index = VaultIndex(report)
    rest = index.blocks(report.counted(report.findings))
    in_tests = report.uncounted(report.findings)
    unknown = report.counted(report.unknown)
    index.count(unknown, in_tests)
    minor = unknown_causes(finding for finding in unknown if is_minor(finding))
    unknown_in_tests = report.uncounted(report.unknown)
    findings = [*report.findings, *report.unknown, *report.suppressed]
    rules = {finding.rule.id: finding.rule for finding in findings}
    facts = doc.run_facts(report.repository, tuple(report.sources), report.version)
    return {
        "version": report.version,
        "facts": content(doc.between((*facts, configuration(report) if report.configuration else ""))),
        "summary": summary(report, options=False),
        "problems_title": "Problems" if report.is_complete else "Analysis incomplete",
        "problems": [problem_line(problem) for problem in without_notes(report.problems)],
        "totals": _totals(report, unknown),
        "severities": sorted({finding.severity for finding in findings}, reverse=True),
        "categories": [(one, one) for one in sorted({rule.category for rule in rules.values() if rule.category})],
        "rules": [(id_, f"{id_} {rules[id_].title}") for id_ in sorted(rules)],
        "groups": sorted(index.groups, key=_group_order),
        "rest": _worst_blocks(rest),
        "unknown": unknown_causes(finding for finding in unknown if not is_minor(finding)),
        "minor": minor,
        "minor_count": sum(len(cause.results) for cause in minor),
        "in_tests": _worst_blocks(fold(in_tests)),
        "unknown_in_tests": unknown_causes(unknown_in_tests),
        "in_tests_count": len(in_tests) + len(unknown_in_tests),
        "suppressed": _worst_blocks([FindingGroup(finding) for finding in report.suppressed]),
        "skipped": report.skipped,
        "evaluated": report.evaluated,
        "remarks": [problem_line(problem) for problem in report.problems if problem.level == "note"],
    }


def _totals(report: Report, unknown: Sequence[Finding]) -> list[tuple[str, int, str]]:
    counts = Counter(finding.severity for finding in report.counted(report.findings))
    totals = [(_CLASSES[severity], counts[severity], severity.label) for severity in sorted(counts, reverse=True)]
    totals += [("none", len(unknown), "unknown"), ("none", len(report.suppressed), "suppressed")]
    return [one for one in totals if one[1]]


def _worst_blocks(blocks: Sequence[FindingGroup]) -> list[FindingGroup]:
    return sorted(blocks, key=lambda block: (block.finding.is_undeployed, -block.finding.severity))


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


def _bar(group: VaultGroup) -> list[tuple[str, int]]:
    counts = Counter(finding.severity for finding in group.findings)
    return [(_CLASSES[severity], counts[severity]) for severity in sorted(counts, reverse=True)]


def _counts(group: VaultGroup) -> str:
    counts = Counter(finding.severity for finding in group.findings)
    words = [f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True)] or ["no issues"]
    words += [f"{group.unknown} unknown"] if group.unknown else []
    words += [f"{group.in_tests} in tests and examples"] if group.in_tests else []
    return ", ".join(words)


def _filter_values(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the values by which results are filtered."""
    values = {
        "severity": dict.fromkeys(finding.severity.label for finding in findings),
        "category": dict.fromkeys(finding.rule.category for finding in findings),
        "rule": dict.fromkeys(finding.rule.id for finding in findings),
        "path": dict.fromkeys(finding.at.path for finding in findings),
    }
    return {"count": str(len(findings))} | {name: " ".join(words) for name, words in values.items()}


def _source_line(finding: Finding) -> tuple[int, str, str, str] | None:
    """Return the number of the source line, and its parts before, in and after the marked region."""
    region = finding.at.region
    if finding.excerpt is None or not finding.excerpt.is_shown or region is None:
        return None
    before, marked, after = marked_line(region, finding.excerpt, _ROOM)
    return region.start_line, before, marked, after


def _resources(block: FindingGroup) -> list[tuple[str, str]]:
    """Return the other resources of a block, with their places unless that is the one of the first."""
    resources = [(_resource(one), "") for one in block.finding.occurrences[1:]]
    for finding in block.others:
        members = finding.occurrences or (member_of(finding),)
        resources += [(_resource(one), place(finding.at)) for one in members]
    return resources


def _resource(member: Occurrence) -> str:
    address, name = member.address, member.full_name
    own = f"{address} ({name})" if name and not address.endswith(f".{name}") else address
    return f"{own}{member_condition(member)}"


def _notes(finding: Finding) -> str:
    return call_note(finding) + deployment_note(finding) + acceptance_note(finding)


def _tags(rule: Rule) -> list[str]:
    """Return the controls of the security benchmarks that a rule checks."""
    version = TITLES.cis_version
    frameworks = {"MCSB": "mcsb", f"CIS {version}": f"cis-azure-{version}"}
    return [f"{title} {id_}" for title, name in frameworks.items() for id_ in rule.controls.get(name, ())]


# What the template calls for the words of what it shows.
_WORDS: Mapping[str, object] = {
    "addresses_of": lambda group: _listed(sorted(group.addresses)),
    "bar_of": _bar,
    "classes": _CLASSES,
    "condition_note": condition_note,
    "counts_of": _counts,
    "exposure_of": _exposure,
    "filter_values": _filter_values,
    "fix_of": fix_of,
    "kind_of": _kind,
    "label_of": label_of,
    "most_rows": _MOST_ROWS,
    "name_of": _name,
    "notes": _notes,
    "place": place,
    "remedy": remedy,
    "resource_noun": resource_noun,
    "resources_of": _resources,
    "rule_link": rule_link,
    "sorted_blocks": _worst_blocks,
    "source_line": _source_line,
    "suppression": suppression,
    "tags_of": _tags,
    "worst_first": worst_first,
}
