"""The pages about all rules: by topic, by severity, and by the controls of frameworks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from azkvlint.model.framework import ControlCheck, Sheet, Status
from azkvlint.model.rule import Rule, Severity
from azkvlint.reporters.problems import PROBLEMS
from sitegen.links import link_title
from sitegen.markup import code, plain, prose, table
from sitegen.rule_pages import anchor, severity

# The folders of rules/, in the order of their IDs.
_TOPICS: Mapping[str, str] = {
    "vault": "Vaults",
    "deployment": "Deployment",
    "network": "Network",
    "logging": "Logging and alerts",
    "access": "Data-plane access",
    "rbac": "Control-plane roles",
    "keys": "Keys",
    "secrets": "Secrets",
    "certificates": "Certificates",
    "hsm": "Managed HSMs",
    "cmk": "Customer-managed keys",
}


def topics(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """Return the rules of each topic by its title. Raises KeyError for a folder without a title."""
    found: dict[str, list[Rule]] = {title: [] for title in _TOPICS.values()}
    for rule in rules:
        found[_TOPICS[rule.path.split("/")[1]]].append(rule)
    return {title: of for title, of in found.items() if of}


def by_topic(rules: Sequence[Rule]) -> str:
    """Return the index of rules by topic."""
    counts = ", ".join(f"{sum(rule.severity is one for rule in rules)} {one.label}" for one in reversed(Severity))
    lines = [
        "# Rules",
        "",
        f"{len(rules)} rules: {counts}. They are also listed [by severity](by-severity.md) and by the controls of",
        "[frameworks](../frameworks.md). A profile is stated if a rule does not run by default.",
        "",
    ]
    for title, some in topics(rules).items():
        lines += [f"## {title}", "", *_table(some), ""]
    return "\n".join(lines)


def by_severity(rules: Sequence[Rule]) -> str:
    """Return the index of rules by severity, the most severe first."""
    lines = ["# Rules by severity", "", "[Severities](../severities.md) explains them.", ""]
    for one in reversed(Severity):
        some = [rule for rule in rules if rule.severity is one]
        lines += [f"## {one.label.capitalize()}", "", *_table(some), ""] if some else []
    return "\n".join(lines)


def _table(rules: Sequence[Rule]) -> list[str]:
    return table(("rule", "requirement", "severity"), ((rule.id, _title(rule), severity(rule)) for rule in rules))


def _title(rule: Rule) -> str:
    profile = "" if rule.profile == "default" else f' <span class="kv-profile">{plain(rule.profile)}</span>'
    return f"{prose(rule.title)}{profile}"


def frameworks(sheets: Sequence[Sheet]) -> str:
    """Return the page of frameworks: each control with the rules that assess it."""
    lines = [
        "# Frameworks",
        "",
        "[`kvlint controls`](controls.md) assesses these for every vault and managed HSM. The titles are kvlint's own.",
        "",
    ]
    shown: set[str] = set()
    for sheet in sorted(sheets, key=_place):
        framework = sheet.framework
        lines += [f"## {plain(framework.title)} {{ #{anchor(framework.name)} }}", ""]
        if framework.family not in shown:
            lines += [
                prose(framework.about),
                "",
                *(f"- [{plain(link_title(link))}]({link})" for link in framework.references),
                "",
            ]
        shown.add(framework.family)
        lines += [f"{code(f'kvlint controls --framework {framework.name} .')}", ""]
        lines += [*table(("control", "requirement", "rules"), map(_row, sheet.checks)), ""]
    return "\n".join(lines)


def _place(sheet: Sheet) -> tuple[bool, str, list[int]]:
    """Sort the controls of Azure first, and the newest version of a family first."""
    framework = sheet.framework
    version = [-int(part) for part in re.findall("[0-9]+", framework.name.removeprefix(framework.family))]
    return framework.family != "key-vault", framework.family, version


def _row(check: ControlCheck) -> tuple[str, str, str]:
    control = check.control
    section = f"{plain(control.section)}<br>" if control.section else ""
    return plain(control.id), f"{section}{plain(control.title)}", "<br>".join(_rules(check))


def _rules(check: ControlCheck) -> Iterator[str]:
    control = check.control
    if check.rules:
        yield ", ".join(f"{id_}{' (some vaults)' if id_ in check.conditions else ''}" for id_ in check.rules)
    if control.platform is not None:
        yield f"{control.platform.status.value.capitalize()}: {prose(control.platform.because)}"
    elif not check.rules:
        yield Status.NO_RULE.value
    if control.note:
        yield prose(control.note)


def problems() -> str:
    """Return a section for each problem code."""
    lines: list[str] = []
    for id_, kind in PROBLEMS.items():
        lines += [f"## {id_}", "", f"**{kind.title}** {kind.about}", "", kind.fix, ""]
        lines += [f"Level: {kind.level}. Name: `{kind.name}`.", ""]
    return "\n".join(lines)
