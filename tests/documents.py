"""Pages that are generated from the rule files: the covered checks, and the equivalent checks of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from azkvlint.azure.azurerm.resources import TYPES
from azkvlint.azure.consumers import uses_of
from azkvlint.derived.trusted_consumers import CERTIFICATE, KEY, PATHS
from azkvlint.linter.rule_gates import links
from azkvlint.model.rule import Rule
from sitegen.catalogue import TOOLS, catalogue


def answers(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """Return the rules that cover each idea, first those that were written for it."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        for idea in rule.covers:
            found.setdefault(idea, []).append(rule)
    return {idea: sorted(named, key=lambda rule: (rule.covers[0] != idea, rule.id)) for idea, named in found.items()}


def coverage(rules: Sequence[Rule]) -> str:
    """Return the page that lists the known checks for Key Vault with the rules that cover them."""
    ideas, reasons = catalogue()
    by_idea = answers(rules)
    covered, own = sum(idea in by_idea for idea in ideas), [idea for idea in ideas if idea.startswith("NEW-")]
    lines = [
        "# Coverage",
        "",
        "The checks for Key Vault in linters, policies and scanners, checks that none of them has, and the rules that",
        "cover them. [Migrate](migrate.md) lists the checks of each tool by ID. This page is generated from the rule",
        "files.",
        "",
        f"Of {len(ideas)} checks, {covered} are covered. The others cannot be evaluated in infrastructure code.",
        "",
        "## Checks of other tools",
        "",
        *_covered([idea for idea in ideas if idea not in own], ideas, by_idea, reasons),
        "",
        "## Checks of kvlint alone",
        "",
        *_covered(own, ideas, by_idea, reasons),
        "",
    ]
    return "\n".join(lines)


def _covered(
    some: Sequence[str], ideas: Mapping[str, str], by_idea: Mapping[str, list[Rule]], reasons: Mapping[str, str]
) -> Iterator[str]:
    yield "| check | rules |"
    yield "| --- | --- |"
    for idea in some:
        named = ", ".join(rule.id for rule in by_idea.get(idea, ()))
        yield f"| {ideas[idea]} | {named or f'none: {reasons[idea]}'} |"


def migration(rules: Sequence[Rule]) -> str:
    """Return the page that lists the equivalent rules for the checks of each tool."""
    by_tool: dict[str, dict[str, list[Rule]]] = {}
    for rule in rules:
        for tool, names in rule.peers.items():
            for name in names:
                by_tool.setdefault(tool, {}).setdefault(name, []).append(rule)
    lines = [
        "# Migrate from another tool",
        "",
        "The equivalent rules for the checks of each tool, and where the results differ. `kvlint explain ID` and",
        "`--select ID` accept the IDs of this page. For a value that is not known, kvlint reports *unknown*, and most",
        "other tools report a pass or a failure. A profile is stated if a rule does not run by default. This page is",
        "generated from the rule files.",
        "",
    ]
    for tool in sorted(by_tool, key=lambda tool: TOOLS[tool].casefold()):
        lines += [f"## {TOOLS[tool]}", "", "| check | rules | differences |", "| --- | --- | --- |"]
        lines += _checks(by_tool[tool])
        lines.append("")
    return "\n".join(lines)


def _checks(checks: Mapping[str, Sequence[Rule]]) -> Iterator[str]:
    for name in sorted(checks, key=str.casefold):
        rules = checks[name]
        named = ", ".join(_named(rule) for rule in rules)
        remarks = " ".join(dict.fromkeys(rule.differs[name] for rule in rules if name in rule.differs))
        yield f"| `{name}` | {named} | {remarks.replace('|', '&#124;')} |"


def _named(rule: Rule) -> str:
    text = f"{rule.id} {rule.name}"
    return text if rule.profile == "default" else f"{text} ({rule.profile})"


TRUSTED = Path(__file__).resolve().parents[1] / "docs" / "trusted-services.yaml"
_READS = {"key": "keys", "secret": "secrets", "certificate": "certificates"}


def trusted_services(section: str = "services") -> dict[str, dict[str, Any]]:
    """Return Microsoft's list of trusted services, or the others: the types that stand for each, or why none does."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(TRUSTED.read_text(encoding="utf-8"))[section]
    return found


def trusted(rules: Sequence[Rule]) -> str:
    """Return the page that lists the services that read vaults, and the rules that know each."""
    lines = [
        "# Trusted services",
        "",
        "If the firewall of a vault exempts trusted Microsoft services, these services can read the vault. The list is",
        "that of [Microsoft](https://learn.microsoft.com/azure/key-vault/general/overview-vnet-service-endpoints), of",
        "2026-05-19. This page is generated from the table of services that read vaults.",
        "",
        *_services(trusted_services(), rules),
        "",
        "## Other services that read vaults",
        "",
        "These services are not on the list. They read vaults from networks of their own, or from public addresses.",
        "",
        *_services(trusted_services("others"), rules),
        "",
    ]
    return "\n".join(lines)


def _services(services: Mapping[str, Mapping[str, Any]], rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the lines of a table of services."""
    yield from ("| service | resource types | reads | rules |", "| --- | --- | --- | --- |")
    for name, row in services.items():
        types = row.get("types", [])
        reads = dict.fromkeys(_READS[use.reads] for type_ in types for use in uses_of(type_))
        where = ", ".join(rule.id for rule in rules if _is_about(rule, types)) if types else "none"
        reason = f": {row['reason']}" if "reason" in row else ""
        shown = "<br>".join(f"`{_shown(type_)}`" for type_ in types)
        yield f"| {name} | {shown} | {', '.join(reads)} | {where}{reason} |"


def _shown(type_: str) -> str:
    """Return a type as its users know it: one that Azure does not have is a resource type of Terraform."""
    return next(name for name, mapped in TYPES.items() if mapped == type_) if type_.startswith("Terraform/") else type_


def _is_about(rule: Rule, types: Sequence[str]) -> bool:
    """Return whether a rule is about access of these types to a vault, or about a vault that they read."""
    linked = (link for condition in (rule.when, rule.require) for link in links(condition))
    named = {type_ for link in linked for type_ in link.types} | set(rule.resources)
    lower = [type_.lower() for type_ in types]
    way = _OF_VAULTS.get(rule.id)
    is_way = any(path.reads == way and not set(lower).isdisjoint(path.all_types()) for path in PATHS)
    return (not named.isdisjoint(types) and rule.id in _ABOUT_ACCESS) or is_way


# The rules about identity, permission, network and order of the services that read a vault.
_ABOUT_ACCESS = {"KV058", "KV625", "KV630", "KV631", "KV633", "KV910"}
# The rules about vaults that trusted services cannot read, and what these read.
_OF_VAULTS = {"KV632": CERTIFICATE, "KV908": KEY}
