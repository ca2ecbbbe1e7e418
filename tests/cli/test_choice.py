"""Which rules a run asks, and with which parameters: ``--profile``, ``--select`` with other tools' ids, ``--set``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from azkvlint.engine.framework_loader import find_frameworks, sheets_of
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules, select_rules
from azkvlint.engine.schema import PROFILES

if TYPE_CHECKING:
    from azkvlint.model.rule import Rule
    from tests.cli.conftest import Kvlint

RULES = builtin_rules()


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_selects_its_rules(profile: str) -> None:
    asked = select_rules(RULES, (), (), (profile,))
    assert {rule.profile for rule in RULES} & set(PROFILES[profile]) == {rule.profile for rule in asked}
    assert (profile == "all") <= (len(asked) == len(RULES))


@pytest.mark.parametrize("word", ["CKV_AZURE_110", "ckv_azure_110", "AZU-0016", "AVD-AZU-0016", "purge-protection"])
def test_id_of_another_tool_selects_the_equivalent_rule(kvlint: Kvlint, word: str) -> None:
    ran = kvlint("check", "bad.json", "--select", word, "-q")
    assert ran.code == 1
    assert " high[KV001] " in ran.out
    assert re.search(r"^KV001 ", kvlint("explain", word).out, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--profile strikt", "unknown profile or control framework 'strikt' (did you mean 'strict'?)"),
        (
            "--profile ,",
            "--profile requires a profile (default, strict, cmk, all, or a control framework such as cis-azure-6.0)",
        ),
        ("--set KV003", "--set KV003: expected RULE.NAME=VALUE (such as KV003.minimum=30)"),
        ("--set XV003.minimum=1", "--set XV003.minimum: unknown rule 'XV003' (did you mean 'KV003'?)"),
        (
            "--set KV001.minimum=1",
            "--set KV001.minimum: KV001 has no parameters (kvlint explain KV001 describes the rule)",
        ),
        ("--set KV003.minimun=1", "--set KV003.minimun: KV003 has no parameter 'minimun' (did you mean 'minimum'?)"),
        ("--select CKV_AZURE_111O", "no rule matches 'CKV_AZURE_111O' (did you mean 'CKV_AZURE_111'?)"),
    ],
)
def test_invalid_selection_is_an_error(kvlint: Kvlint, line: str, said: str) -> None:
    assert kvlint("bad.json", *line.split()) == (2, "", f"kvlint: error: {said}\n")


def test_a_value_must_be_of_the_parameters_type(kvlint: Kvlint) -> None:
    ran = kvlint("bad.json", "--set", "KV003.minimum=soon")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("kvlint: error: --set KV003.minimum=soon: expected a number (")


def test_a_parameter_that_is_set_decides(kvlint: Kvlint) -> None:
    command = ("bad.json", "--select", "KV003", "-q")
    assert kvlint(*command, "--set", "KV003.minimum=7").code == 0
    assert kvlint(*command, "--set", "kv003.minimum=91").code == 1


# --- groups: prefixes, categories, former names -----------------------------------------------------------------------


@pytest.fixture
def categorized(monkeypatch: pytest.MonkeyPatch) -> tuple[Rule, ...]:
    """The built-in rules with a category for each hundred of ids, and former names for two of them."""
    by_hundred = {"KV1": "network", "KV2": "logging", "KV3": "access"}
    formerly = {"KV001": ("purge-guard",), "KV101": ("purge-protection", "open-vault")}
    rules = tuple(
        msgspec.structs.replace(
            rule, category=by_hundred.get(rule.id[:3], "hygiene"), formerly=formerly.get(rule.id, ())
        )
        for rule in RULES
    )
    monkeypatch.setattr("azkvlint.linter.linter.builtin_rules", lambda **_: rules)
    return rules


def ids(out: str) -> set[str]:
    """Return the ids of the rules of a report in text."""
    return set(re.findall(r"\bKV\d{3}\b", out))


def listed(kvlint: Kvlint, *words: str) -> list[str]:
    """Return the ids that ``kvlint rules`` lists."""
    ran = kvlint("rules", *words)
    assert (ran.code, ran.err) == (0, "")
    return re.findall(r"^KV\d+", ran.out, re.MULTILINE)


def test_a_category_selects_its_rules_of_the_profile(kvlint: Kvlint, categorized: tuple[Rule, ...]) -> None:
    network = {rule.id for rule in categorized if rule.category == "network"}
    everything = ids(kvlint("bad.json").out)
    assert everything & network
    assert everything - network
    assert ids(kvlint("bad.json", "--select", "network").out) == everything & network
    assert ids(kvlint("bad.json", "--select", "Network,KV001").out) == everything & (network | {"KV001"})
    assert ids(kvlint("bad.json", "--ignore", "network").out) == everything - network
    assert ids(kvlint("bad.json", "--select", "KV1").out) == everything & network


def test_category_in_a_configuration_file_selects_rules(kvlint: Kvlint, categorized: tuple[Rule, ...]) -> None:
    Path("kvlint.toml").write_text(
        "select = ['network', 'KV001']\n[[override]]\nrules = ['network']\nseverity = 'critical'\n", encoding="utf-8"
    )
    findings = json.loads(kvlint("bad.json", "-f", "json").out)["findings"]
    graded = {(one["ruleId"][:3], one["severity"]) for one in findings}
    assert graded == {("KV0", "high"), ("KV1", "critical")}


def test_a_category_is_listed_and_explained(kvlint: Kvlint, categorized: tuple[Rule, ...]) -> None:
    network = [rule.id for rule in categorized if rule.category == "network"]
    assert listed(kvlint, "--category", "network") == network
    assert listed(kvlint, "--category", "NETWORK", "--profile", "default") == [
        rule.id for rule in categorized if rule.category == "network" and rule.profile == "default"
    ]
    assert re.findall(r"^(KV\d{3}) ", kvlint("explain", "network").out, re.MULTILINE) == network
    assert "\nCategory: network\n" in kvlint("explain", network[0]).out
    assert kvlint("rules", "--category", "netwrk").err == (
        "kvlint: error: unknown category 'netwrk' (did you mean 'network'?)\n"
    )


def test_a_former_name_is_that_of_the_rule_unless_another_rule_has_it_now(
    kvlint: Kvlint, categorized: tuple[Rule, ...]
) -> None:
    assert ids(kvlint("bad.json", "--select", "purge-guard").out) == {"KV001"}
    assert ids(kvlint("bad.json", "--select", "purge-protection").out) == {"KV001"}
    assert kvlint("explain", "open-vault").out.startswith("KV101 ")
    assert "\nFormer names: purge-guard\n" in kvlint("explain", "KV001").out


def test_suppression_with_a_former_name_applies(kvlint: Kvlint, categorized: tuple[Rule, ...]) -> None:
    text = '# kvlint: ignore[{}] a test\nresource "azurerm_key_vault" "a" {{\n  name = "a"\n}}\n'
    Path("m").mkdir()
    for name, found in (("purge-guard", False), ("purge-protection", False), ("open-vault", True)):
        Path("m", "main.tf").write_text(text.format(name), encoding="utf-8")
        ran = kvlint("m", "--select", "KV001")
        assert ("KV001" in ids(ran.out), "KVE005" in ran.out) == (found, False)


def test_prefix_of_an_id_is_not_a_misspelling(kvlint: Kvlint) -> None:
    first = [rule.id for rule in RULES if rule.id.startswith("KV1")]
    assert re.findall(r"^(KV\d{3}) ", kvlint("explain", "kv1").out, re.MULTILINE) == first
    assert ids(kvlint("bad.json", "--select", "KV1", "--profile", "all").out) <= set(first)
    assert (
        kvlint("bad.json", "--select", "KV77").err
        == "kvlint: error: no rule matches 'KV77' (kvlint rules lists all rules)\n"
    )


# --- control frameworks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["cis-azure-6.0.0", "mcsb", "nist-800-53-r5", "pci-dss-4.0.1", "key-vault"])
def test_a_framework_is_a_profile_of_exactly_the_rules_that_check_its_controls(kvlint: Kvlint, framework: str) -> None:
    rules = listed(kvlint, "--profile", framework)
    (sheet,) = sheets_of(find_frameworks(framework, builtin_frameworks(RULES)), RULES)
    checked = {id_ for check in sheet.checks for id_ in check.rules}
    mapped = {rule.id for rule in RULES if framework in rule.controls}
    assert checked | mapped <= set(rules)
    # The rest is disputed, and the assessment of the framework prefers other rules of the same control.
    assert {rule.profile for rule in RULES if rule.id in set(rules) - checked - mapped} <= {"all"}
    assert set(rules) < {rule.id for rule in RULES}
    words = ("--profile", framework, "-f", "sarif", "--sarif-include", "rules")
    run = json.loads(kvlint("bad.json", *words).out)["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == rules


def test_rules_outside_of_the_default_profile_run_for_a_framework(kvlint: Kvlint) -> None:
    profiles = {rule.id: rule.profile for rule in RULES}
    assert {profiles[id_] for id_ in listed(kvlint, "--profile", "mcsb")} == {"default", "strict", "cmk", "all"}


def test_the_first_parts_of_a_version_name_a_framework(kvlint: Kvlint) -> None:
    exact = listed(kvlint, "--profile", "cis-azure-6.0.0")
    for word in ("cis-azure-6.0", "cis-azure-6", "CIS-Azure-6.0", "cis-azure"):
        assert listed(kvlint, "--profile", word) == exact
    assert kvlint("rules", "--profile", "cis-azure-2").err == (
        "kvlint: error: several control frameworks match 'cis-azure-2' (one of cis-azure-2.0.0, cis-azure-2.1.0)\n"
    )
    assert kvlint("controls", "bad.json", "--framework", "cis-azure-6.0") == (
        kvlint("controls", "bad.json", "--framework", "cis-azure-6.0.0")
    )
    for word in ("cis-azure-6.", "cis-azure-6.0.", "cis-azur", "cis"):
        assert kvlint("bad.json", "--profile", word).code == 2


def test_framework_is_combined_with_profiles_and_selection(kvlint: Kvlint) -> None:
    joined = listed(kvlint, "--profile", "cis-azure-6.0")
    Path("kvlint.toml").write_text("profile = ['cis-azure-6.0', 'strict']\n", encoding="utf-8")
    run = json.loads(kvlint("bad.json", "-f", "sarif", "--sarif-include", "rules").out)["runs"][0]
    strict = [rule.id for rule in RULES if rule.profile in ("default", "strict")]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted({*joined, *strict})
    Path("kvlint.toml").unlink()
    assert ids(kvlint("bad.json", "--profile", "cis-azure-6.0", "--select", "KV0").out) <= set(joined)
    assert kvlint("bad.json", "--profile", "cis-azure-6.0", "--select", "KV31").err == (
        "kvlint: error: no selected rule is in profile cis-azure-6.0 (add --profile default)\n"
    )
