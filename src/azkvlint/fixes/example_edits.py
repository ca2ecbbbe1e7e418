"""The edits of a rule must fix one of its own failing examples, for ``kvlint rules test --strict``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.engine.example_changes import MARK
from azkvlint.fixes.find import fixes_of
from azkvlint.linter.linter import check
from azkvlint.model.effect import CLASSES
from azkvlint.model.rule import EXAMPLE_DAY, Rule
from azkvlint.util.output_files import StagingFolder

_NAMES = {"terraform": "main.tf", "terraform_json": "main.tf.json", "bicep": "main.bicep", "arm": "main.json"}


def faults_of_edits(rules: Sequence[Rule], path: str | None) -> Iterator[str]:
    """Yield the rules with edits of which no failing example can be fixed. ``path`` is that of the rules, if any."""
    fixable = {rule.id: rule for rule in rules if any(plan.steps for plan in rule.edits)}
    for rule in fixable.values():
        for plan in rule.edits:
            if not all(effect.text.endswith(".") for effect in plan.possible_effects):
                yield f"{rule.path}: {rule.id}: unsafe must be sentences that end with '.'"
            if plan.steps and not plan.sources:
                yield f"{rule.path}: {rule.id}: each edit needs sources: that show what it does"
    if not fixable:
        return
    fixed: set[str] = set()
    reasons: dict[str, set[str]] = {}
    # Rules that only the profile `all` has may require the opposite of others, which a fix would then violate.
    for profile in ("strict", "all"):
        group = tuple(rule for rule in fixable.values() if (rule.profile == "all") is (profile == "all"))
        if not group:
            continue
        folder = StagingFolder()
        try:
            of_group, reasons_of_group = _applied(group, profile, folder, path)
        finally:
            folder.remove()
        fixed |= of_group
        reasons |= reasons_of_group
    for rule in fixable.values():
        # A module is pinned to a version that only an installation has.
        if rule.id not in fixed and not any(step.operation == "pin" for plan in rule.edits for step in plan.steps):
            why = "; ".join(sorted(reasons.get(rule.id, {"no failing example in source code"})))
            yield f"{rule.path}: {rule.id}: the edits fix no failing example: {why}"


def _applied(
    rules: Sequence[Rule], profile: str, folder: StagingFolder, path: str | None
) -> tuple[frozenset[str], dict[str, set[str]]]:
    """Return the rules that have a fix for a failing example, and the reasons of the others."""
    from azkvlint.linter.rule_gates import is_own

    owners: dict[str, str] = {}
    for rule in rules:
        for number, example in enumerate(rule.examples):
            is_usual = not example.parameters and example.as_of in ("", EXAMPLE_DAY)
            for language, name in _NAMES.items() if example.expect == "fails" and is_usual else ():
                if language in example.sources:
                    place = f"{rule.id}-{number}-{language}"
                    owners[place] = rule.id
                    folder.write(f"{place}/{name}", MARK.sub("", example.sources[language]).encode())
    config = Config(
        paths=(folder.path,),
        rules=() if path is None or any(map(is_own, rules)) else (path,),
        select=tuple(rule.id for rule in rules),
        profiles=(profile,),
        as_of=EXAMPLE_DAY,
        jobs=1,
    )
    report = check(config)
    own = tuple(one for one in report.findings if owners.get(one.at.path.split("/")[0]) == one.rule.id)
    found = fixes_of(msgspec.structs.replace(report, findings=own), config, CLASSES)
    reasons: dict[str, set[str]] = {}
    for refused in found.refusals:
        reasons.setdefault(refused.finding.rule.id, set()).add(refused.reason)
    return frozenset(fix.rule for fix in found.fixes), reasons
