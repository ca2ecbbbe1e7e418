"""Whoever follows the advice of a finding on who may enter a vault is done: no finding advises the opposite.

``KVLINT_ENTRY_VAULTS`` sets the number of generated vaults for each language and each value of the parameter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest

from azkvlint.config.run_config import Config
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.linter import check
from azkvlint.linter.rule_gates import compared_paths
from azkvlint.model.rule import Rule
from tests.entry.advice import FIXES, Advice, advices, contradicts
from tests.entry.vaults import LANGUAGES, Vault, code, generate

pytestmark = pytest.mark.slow(8)

COUNT = int(os.environ.get("KVLINT_ENTRY_VAULTS", "34"))
# Rules whose advice changes none of the settings, with the reason.
WITHOUT_ADVICE = {"KV060": "it is about the lifecycle block", "KV113": "it is about one of several IP rules"}
RULES: Mapping[str, Rule] = {rule.id: rule for rule in builtin_rules()}


def failing(folder: Path, vaults: Sequence[Vault], language: str, bypass: str) -> list[frozenset[str]]:
    """Return the rules that fail for each of some vaults, with all rules of kvlint."""
    for number, vault in enumerate(vaults):
        root = folder / f"v{number:05}"
        root.mkdir(parents=True)
        name, text = code(vault, language)
        (root / name).write_text(text)
    settings = (f"KV108.bypass={bypass}",)
    report = check(Config(paths=(str(folder),), profiles=("all",), jobs=1, settings=settings))
    assert not [one.message for one in report.problems if one.level == "error"]
    found: list[set[str]] = [set() for _ in vaults]
    for finding in report.findings:
        for place in {finding.at.path, *(one.root for one in finding.occurrences)}:
            root_name = next(part for part in Path(place).parts if part[:1] == "v" and part[1:].isdigit())
            found[int(root_name[1:])].add(finding.rule.id)
    return [frozenset(rules) for rules in found]


@pytest.mark.parametrize("bypass", ["None", "AzureServices"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_ends_its_cause_and_no_finding_advises_the_opposite(tmp_path: Path, language: str, bypass: str) -> None:
    random = Random(f"{language} {bypass}")  # noqa: S311  # vaults are random, and repeatable
    vaults = [generate(random) for _ in range(COUNT)]
    before = failing(tmp_path / "before", vaults, language, bypass)
    tried: list[tuple[Vault, str, Advice]] = [
        (vault, id_, advice)
        for vault, rules in zip(vaults, before, strict=True)
        for id_ in sorted(rules)
        for advice in advices(RULES[id_], vault, language, bypass)
    ]
    after = failing(tmp_path / "after", [advice.vault for _, _, advice in tried], language, bypass)
    assert {id_ for _, id_, _ in tried} >= {"KV101", "KV105", "KV108"}
    for (vault, id_, advice), rules in zip(tried, after, strict=True):
        if id_ in rules:
            # An edit that leaves the cause is never offered: the advice is the text.
            assert advice.is_edit, (id_, vault, advice)
            continue
        for other in sorted(rules):
            for opposite in advices(RULES[other], advice.vault, language, bypass):
                assert not contradicts(advice.requires, opposite.requires), (id_, other, vault, advice, opposite)


def test_every_rule_on_network_access_states_its_advice() -> None:
    """A new rule on a vault that reads a verdict has to state what its advice changes."""
    verdicts = {"derived.exposure", "derived.publicAccess", "derived.networkRules", "derived.bypass",
                "derived.perimeter", "derived.reachable", "derived.trustedConsumers"}  # fmt: skip
    about = {
        rule.id
        for rule in RULES.values()
        if "Microsoft.KeyVault/vaults" in rule.resources
        and verdicts & {path for condition in (rule.when, rule.require) for path in compared_paths(condition)}
    }
    assert about - FIXES.keys() == set(WITHOUT_ADVICE)
