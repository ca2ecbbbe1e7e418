"""Pages that are generated from the rule files: what of the catalogue is covered, and who else asks what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from azkvlint.model.rule import Rule
from sitegen.catalogue import TOOLS, catalogue


def answers(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """The rules that cover each idea: first those that were made for it."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        for idea in rule.covers:
            found.setdefault(idea, []).append(rule)
    return {idea: sorted(named, key=lambda rule: (rule.covers[0] != idea, rule.id)) for idea, named in found.items()}


def coverage(rules: Sequence[Rule]) -> str:
    """The page that accounts for every idea of the catalogue."""
    ideas, reasons = catalogue()
    by_idea = answers(rules)
    rows = [
        f"| {idea} | {title} | {_answer(idea, by_idea.get(idea, []), reasons.get(idea, ''))} |"
        for idea, title in ideas.items()
    ]
    built = sum(idea in by_idea and by_idea[idea][0].covers[0] == idea for idea in ideas)
    merged = sum(idea in by_idea for idea in ideas) - built
    return "\n".join(
        [
            "# What kvlint covers",
            "",
            "Every question about Key Vault that linters, policies and scanners are known to ask, and those that none",
            "of them asks (NEW): which rule answers it, or why code cannot. Generated from the rule files.",
            "",
            f"Of {len(ideas)} questions {built} have a rule of their own, {merged} are answered by the rule of another",
            f"one, and {len(ideas) - built - merged} are out of scope.",
            "",
            "| id | question | answer |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _answer(idea: str, rules: Sequence[Rule], reason: str) -> str:
    if not rules:
        return f"out of scope: {reason}"
    names = ", ".join(rule.id for rule in rules)
    return f"built: {names}" if rules[0].covers[0] == idea else f"merged: {names}"


def migration(rules: Sequence[Rule]) -> str:
    """The page for people who come from another tool: which rule answers which of its checks."""
    by_tool: dict[str, dict[str, list[Rule]]] = {}
    for rule in rules:
        for tool, names in rule.peers.items():
            for name in names:
                by_tool.setdefault(tool, {}).setdefault(name, []).append(rule)
    lines = [
        "# Coming from another tool",
        "",
        "Which rule answers which check of another tool, and in what the verdicts differ. `kvlint explain ID` and",
        "`--select ID` take these ids too. Without a remark both ask the same question; in every case kvlint says",
        "*unknown* where a value is not known, and most others pass or fail. A profile is named where a rule does",
        "not run by default. This page is generated from the rule files.",
        "",
    ]
    for tool in sorted(by_tool, key=lambda tool: TOOLS[tool].casefold()):
        lines += [f"## {TOOLS[tool]}", "", "| check | rule | how the verdict differs |", "| --- | --- | --- |"]
        lines += _checks(by_tool[tool])
        lines.append("")
    return "\n".join(lines)


def _checks(checks: Mapping[str, Sequence[Rule]]) -> Iterator[str]:
    for name in sorted(checks, key=str.casefold):
        rules = checks[name]
        said = ", ".join(_named(rule) for rule in rules)
        remarks = " ".join(dict.fromkeys(rule.differs[name] for rule in rules if name in rule.differs))
        yield f"| `{name}` | {said} | {remarks.replace('|', '&#124;')} |"


def _named(rule: Rule) -> str:
    text = f"{rule.id} {rule.name}"
    return text if rule.profile == "default" else f"{text} ({rule.profile})"
