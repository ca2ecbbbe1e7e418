"""``kvlint rules``, ``explain`` and ``rules test``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from azkvlint import __version__
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.rule import Rule

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

RULES = builtin_rules()


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(kvlint: Kvlint, word: str) -> None:
    assert kvlint(word) == (0, f"kvlint {__version__}\n", "")


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "-h",
        "check --help",
        "bad.json --help",
        "explain -h",
        "rules --help",
        "rules test --help",
        "graph --help",
    ],
)
def test_help(kvlint: Kvlint, line: str) -> None:
    ran = kvlint(*line.split())
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: kvlint ")


def test_nothing_said_is_answered_with_help(kvlint: Kvlint) -> None:
    ran = kvlint()
    assert ran.code == 2
    assert "Usage: kvlint" in ran.out + ran.err


# --- rules, explain ---------------------------------------------------------------------------------------------------


def test_rules(kvlint: Kvlint) -> None:
    ran = kvlint("rules")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == [rule.id for rule in RULES]
    assert "KV001  high      Purge protection is on\n" in ran.out
    assert kvlint("rules", "-f", "xml") == (2, "", "kvlint: there is no format 'xml' (text or json)\n")


def test_rules_as_json_hold_every_field(kvlint: Kvlint) -> None:
    listed = json.loads(kvlint("rules", "-f", "json").out)
    assert [rule["id"] for rule in listed] == [rule.id for rule in RULES]
    for fields, rule in zip(listed, RULES, strict=True):
        assert set(fields) == set(Rule.__struct_fields__)
        assert fields["severity"] == rule.severity.label
        assert fields["covers"] == list(rule.covers)
        # Everything a rule is can be read back.
        again = msgspec.convert(fields | {"severity": rule.severity.value}, Rule)
        assert again == rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_explain_says_everything(kvlint: Kvlint, rule: Rule) -> None:
    ran = kvlint("explain", rule.id.lower())
    assert (ran.code, ran.err) == (0, "")
    assert kvlint("explain", rule.name).out == ran.out
    text = " ".join(ran.out.split())
    assert text.startswith(f"{rule.id} {rule.name} ({rule.severity.label}) {rule.title}")
    ids = [one for table in (rule.controls, rule.peers) for some in table.values() for one in some]
    said = [*rule.resources, *rule.references, *rule.covers, *ids, *(f"CWE-{number}" for number in rule.cwe)]
    for part in (rule.why, rule.fix, *(parameter.about for parameter in rule.parameters), *said):
        assert " ".join(part.split()) in text
    first = next(example for example in rule.examples if example.expect == "fails")
    assert first.title in text
    prose = ran.out.partition("\nExample that")[0]
    assert all(len(line) <= 100 for line in prose.splitlines() if " " in line.strip() and "://" not in line)


def test_explain_what_is_not_there(kvlint: Kvlint) -> None:
    assert kvlint("explain", "KV01") == (2, "", "kvlint: no rule is called 'KV01' (did you mean KV901?)\n")


# --- rules test -------------------------------------------------------------------------------------------------------

OWN = """\
id: ACME-1
name: protected
title: Vaults are protected
severity: low
resource: Microsoft.KeyVault/vaults
require:
  - attribute: properties.enablePurgeProtection
    equals: true
message: "'{resource}' is not protected."
why: Because.
fix: Protect it.
references: [https://example.com/]
examples:
"""
FAILS = """\
  - fails: it is off
    plan: |
      azurerm_key_vault.kv:  # <- ACME-1
        purge_protection_enabled: false
"""
NEW = "'azurerm_key_vault_thing' looks like a Key Vault resource, but its type is not known and it was not judged"
PASSES = """\
  - passes: it is on
    plan: |
      azurerm_key_vault.kv:
        purge_protection_enabled: true
"""


def outcome(kvlint: Kvlint, examples: str) -> Any:
    Path("own").mkdir(exist_ok=True)
    Path("own", "ACME-1-protected.yaml").write_text(OWN + examples, encoding="utf-8")
    return kvlint("rules", "test", "own")


def test_examples_that_say_what_the_rule_does(kvlint: Kvlint) -> None:
    ran = outcome(kvlint, FAILS + PASSES)
    assert ran == (0, "2 examples of 1 rule: 2 as they say, 0 not\n", "")
    assert kvlint("rules", "test", "own/ACME-1-protected.yaml") == ran
    assert kvlint("rules", "test").code == 0


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (
            FAILS.replace("false", "true") + PASSES,
            ["14: fails (it is off): azurerm_key_vault.kv fails not, and should"],
        ),
        (
            FAILS + PASSES.replace("true", "false"),
            ["18: passes (it is on): azurerm_key_vault.kv fails, and should not"],
        ),
        (
            FAILS.replace("false", "${var.x}") + PASSES,
            [
                "14: fails (it is off): azurerm_key_vault.kv fails not, and should",
                "14: fails (it is off): azurerm_key_vault.kv is undecided, and should not",
            ],
        ),
        (
            FAILS.replace("kv:  # <- ACME-1\n", "kv:\n").replace("false", "false  # <- ACME-1") + PASSES,
            [
                "14: fails (it is off): no line that begins with an address is marked '# <- ACME-1'",
                "14: fails (it is off): azurerm_key_vault.kv fails, and should not",
            ],
        ),
        (
            # Without the marked line nothing would be asked for at all, and nothing is found.
            FAILS.replace("kv:  # <- ACME-1\n", "kv:\n").replace("false", "true  # <- ACME-1") + PASSES,
            ["14: fails (it is off): no line that begins with an address is marked '# <- ACME-1'"],
        ),
        (
            FAILS + PASSES + "  - passes: broken\n    plan: |\n      azurerm_key_vault.kv: [1]\n",
            ["22: passes (broken): azurerm_key_vault.kv: a mapping of arguments was expected"],
        ),
        (
            FAILS + PASSES + "  - passes: odd\n    plan: |\n      provider.azurerm: {features: on}\n",
            ["22: passes (odd): provider.azurerm: features is a mapping"],
        ),
        (
            FAILS + PASSES + "  - passes: new\n    plan: |\n      azurerm_key_vault_thing.x: {a: b}\n",
            [f"22: passes (new): {NEW}"],
        ),
        (
            FAILS + PASSES + "  - passes: bare\n    terraform: |\n      resource {}\n",
            ["22: passes (bare): a block 'resource' with 0 labels is none that Terraform knows"],
        ),
        (
            FAILS + PASSES + "  - passes: bare\n    terraform: |\n      resource x {}\n",
            ["22: passes (bare): a block 'resource' with 1 label is none that Terraform knows"],
        ),
    ],
)
def test_examples_that_do_not(kvlint: Kvlint, examples: str, said: list[str]) -> None:
    ran = outcome(kvlint, examples)
    assert (ran.code, ran.err) == (1, "")
    *lines, summary = ran.out.splitlines()
    assert lines == [f"own/ACME-1-protected.yaml:{line}" for line in said]
    assert summary.endswith("1 not")


def test_rules_to_test_that_are_not_there(kvlint: Kvlint) -> None:
    assert kvlint("rules", "test", "nowhere").code == 2
    Path("empty").mkdir()
    assert kvlint("rules", "test", "empty").code == 2
