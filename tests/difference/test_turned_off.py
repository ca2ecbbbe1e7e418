"""What HEAD turns off does not count: both sides are judged by the configuration of BASE."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.linter.rule_tests import expand
from tests.cli.conftest import Kvlint
from tests.difference.conftest import Compared, Diff

VAULT = """\
resource "azurerm_key_vault" "<name>" {
  name                     = "kv-<name>"
  location                 = "westeurope"
  resource_group_name      = "rg"
  tenant_id                = "11111111-1111-1111-1111-111111111111"
  sku_name                 = "standard"
  purge_protection_enabled = <value>
}
"""
RULES = ("--select", "KV001,KV017")
NEW_HIGH, TURNED_OFF = ("--fail-on", "new:high"), ("--fail-on", "suppressed")
CONFIGURED = {"kvlint.toml": "strict = false\n"}


def vault(name: str = "prod", value: str = "false", comment: str = "") -> str:
    """Return a vault, with a comment on its first line."""
    text = VAULT.replace("<name>", name).replace("<value>", value)
    return f"# {comment}\n{text}" if comment else text


OLD = {"main.tf": vault("old", "true")}
IGNORE = "kvlint: ignore[KV001] accepted by the team"


class Sides:
    """Two checkouts with a vault, of which HEAD may have more files."""

    def __init__(self, diff: Diff) -> None:
        self._diff = diff

    def compare(
        self, base: Mapping[str, str], head: Mapping[str, str], *words: str, checkouts: bool = True
    ) -> Compared:
        """Return the comparison of two checkouts."""
        for name in ("base", "head"):
            shutil.rmtree(self._diff.folder / name, ignore_errors=True)
        more = {".git/HEAD": "ref: refs/heads/main\n"} if checkouts else {}
        self._diff.write("base", {**OLD, **more, **base})
        self._diff.write("head", {**OLD, **more, **head})
        return self._diff.compare("base", "head", *RULES, *words)


@pytest.fixture
def sides(diff: Diff) -> Sides:
    return Sides(diff)


def entries(found: Compared) -> list[tuple[str, list[str], str | None]]:
    """Return kind, rules and resource of what is turned off."""
    return [(one["kind"], one["rules"], one["resource"]) for one in found.document["turnedOff"]]


SETTINGS: dict[str, tuple[str, tuple[str, list[str], str | None]]] = {
    "ignore": ('ignore = ["KV001"]', ("setting", ["KV001"], None)),
    "select": ('select = ["KV017"]', ("setting", [], None)),
    "min-severity": ('min-severity = "critical"', ("setting", [], None)),
    "fail-on": ('fail-on = "none"', ("setting", [], None)),
    "exclude": ('exclude = ["prod.tf"]', ("setting", [], None)),
    "extend-exclude": ('extend-exclude = ["prod.tf"]', ("setting", [], None)),
    "test-folders": ('test-folders = ["*"]', ("setting", [], None)),
    "baseline": ('baseline = "b.json"', ("baseline", [], None)),
    "tool": ('tool = "terraform"', ("setting", [], None)),
    "profile": ('profile = ["cmk"]', ("setting", [], None)),
    "parameter": ("[set]\nKV003.minimum = 7", ("setting", ["KV003"], None)),
    "comments of others": ("respect-peer-suppressions = true", ("setting", [], None)),
    "override severity": ('[[override]]\nrules = ["KV001"]\nseverity = "info"', ("override", ["KV001"], None)),
    "override": (
        '[[override]]\nresources = ["azurerm_key_vault.prod"]\nignore = true\nreason = "x"',
        ("override", [], "azurerm_key_vault.prod"),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("file", ["kvlint.toml", ".kvlint.toml", "pyproject.toml"])
def test_setting_of_head_is_ignored_and_listed(file: str, name: str, sides: Sides) -> None:
    text, entry = SETTINGS[name]
    if file == "pyproject.toml":
        tables = {"[[override]]": "[[tool.kvlint.override]]", "[set]": "[tool.kvlint.set]"}
        for old, new in tables.items():
            text = text.replace(old, new)
        text = f"[tool.kvlint]\n{text}"
    base = {file: "[tool.kvlint]\nstrict = false\n" if file == "pyproject.toml" else "strict = false\n"}
    found = sides.compare(base, {"prod.tf": vault(), file: text}, *NEW_HIGH, *TURNED_OFF)
    assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
    assert entries(found) == [entry]
    assert found.document["gates"] == [
        {"gate": "--fail-on new:high", "count": 1}, {"gate": "--fail-on suppressed", "count": 1},
    ]  # fmt: skip
    assert found.document["turnedOff"][0]["location"]["path"] == file


RAISED = {
    "a lower severity": ('min-severity = "high"', 'min-severity = "low"'),
    "fewer ignored rules": ('ignore = ["KV003", "KV017"]', 'ignore = ["KV017"]'),
    "more selected rules": ('select = ["KV017"]', 'select = ["KV001", "KV017"]'),
    "all rules": ('select = ["KV017"]', ""),
    "every folder": ("", "test-folders = []"),
    "strict": ("", "strict = true"),
    "tests count": ("", "include-tests = true"),
    "critical": ("", '[[override]]\nrules = ["KV001"]\nseverity = "critical"'),
    "no override": ('[[override]]\nrules = ["KV001"]\nignore = true\nreason = "x"', ""),
    "another reason": (
        '[[override]]\nrules = ["KV001"]\nignore = true\nreason = "x"',
        '[[override]]\nrules = ["KV001"]\nignore = true\nreason = "y"',
    ),
    "a format": ("", 'format = ["json"]'),
}


@pytest.mark.parametrize("name", RAISED)
def test_a_setting_that_only_reports_more_is_not_listed(name: str, sides: Sides) -> None:
    base, head = RAISED[name]
    found = sides.compare({"kvlint.toml": base}, {"kvlint.toml": head}, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


def test_configuration_of_base_applies_to_both_sides(sides: Sides) -> None:
    settings, new = {"kvlint.toml": 'exclude = ["lab/"]\n'}, {"lab/main.tf": vault()}
    found = sides.compare(settings, {**new, **settings}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.findings("new")) == (0, [])
    found = sides.compare(settings, {**new, "kvlint.toml": ""}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.findings("new"), entries(found)) == (0, [], [])


def test_removed_configuration_is_listed_with_its_overrides(sides: Sides) -> None:
    text = 'strict = true\n[[override]]\nrules = ["KV017"]\nseverity = "critical"\n'
    found = sides.compare({"kvlint.toml": text}, {}, *TURNED_OFF)
    assert found.code == 1
    assert [(kind, rules) for kind, rules, _ in entries(found)] == [("setting", []), ("override", ["KV017"])]
    assert all(one["isInBase"] for one in found.document["turnedOff"])


@pytest.mark.parametrize("place", ["infra/kvlint.toml", "infra/pyproject.toml", ".kvlint.toml"])
def test_a_file_that_shadows_that_of_base_is_listed(place: str, sides: Sides) -> None:
    text = 'ignore = ["KV001"]\n'
    head = {"infra/main.tf": vault(), place: f"[tool.kvlint]\n{text}" if "pyproject" in place else text}
    base = {"kvlint.toml": "strict = true\n"}
    if place == ".kvlint.toml":
        found = sides.compare({"pyproject.toml": "[tool.kvlint]\nstrict = true\n"}, head, *TURNED_OFF)
    else:
        found = sides.compare(base, {**base, **head}, *TURNED_OFF)
    assert found.code == 1
    assert ("setting", ["KV001"], None) in entries(found)
    assert ("setting", [], None) in entries(found)  # strict is off there


@pytest.mark.parametrize("text", ["ignore = [", "nothing = 1", "[[override]]\n"])
@pytest.mark.parametrize("file", ["kvlint.toml", "pyproject.toml"])
def test_a_configuration_of_head_that_cannot_be_used_is_listed(file: str, text: str, sides: Sides) -> None:
    base = CONFIGURED if file == "kvlint.toml" else {}
    text = text if file == "kvlint.toml" else "[tool.kvlint]\n" + text.replace("override", "tool.kvlint.override")
    found = sides.compare(base, {"prod.tf": vault(), file: text}, *NEW_HIGH, *TURNED_OFF)
    assert found.code == 1
    assert [kind for kind, _, _ in entries(found)] == ["configuration"]
    assert file in found.document["turnedOff"][0]["text"]


def test_a_broken_configuration_below_prevents_no_comparison(sides: Sides) -> None:
    head = {"prod.tf": vault(), "docs/pyproject.toml": "[tool.kvlint\n", "docs/kvlint.toml": ""}
    for name in ("docs/kvlint.toml", "docs/pyproject.toml"):
        assert sides.compare({}, head, *NEW_HIGH).findings("new") == [("KV001", "azurerm_key_vault.prod")]
        head.pop(name)


def test_a_project_file_that_cannot_be_read_is_listed(sides: Sides) -> None:
    found = sides.compare({}, {"prod.tf": vault(), "pyproject.toml": "[tool.kvlint]\nignore = [\n"}, *NEW_HIGH)
    assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
    assert [kind for kind, _, _ in entries(found)] == ["configuration"]


def test_rules_that_cannot_be_read_hide_nothing(sides: Sides) -> None:
    head = {"prod.tf": vault(), "kvlint.toml": 'rules = ["r"]\n', "r/KV001-x.yaml": "id: KV001\n"}
    found = sides.compare({}, head, *NEW_HIGH)
    assert (found.code, found.findings("new")) == (1, [("KV001", "azurerm_key_vault.prod")])


# --- suppressions -----------------------------------------------------------------------------------------------------

COMMENTED = {
    "a comment": {"prod.tf": vault(comment=IGNORE)},
    "a comment on the line": {"prod.tf": vault().replace("= false", f"= false # {IGNORE}")},
    "a whole file": {"prod.tf": f"# kvlint: ignore-file[KV001] accepted\n{vault()}"},
}


@pytest.mark.parametrize("name", COMMENTED)
def test_suppression_of_head_is_ignored(name: str, sides: Sides) -> None:
    found = sides.compare(CONFIGURED, {**CONFIGURED, **COMMENTED[name]}, *NEW_HIGH, *TURNED_OFF)
    assert found.code == 1
    assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
    assert entries(found) == [("comment", ["KV001"], "azurerm_key_vault.prod")]


def test_suppression_added_to_an_old_finding_is_ignored(sides: Sides) -> None:
    found = sides.compare(
        {"prod.tf": vault(), **CONFIGURED}, {**CONFIGURED, "prod.tf": vault(comment=IGNORE)}, *TURNED_OFF
    )
    assert (found.code, found.findings("new")) == (1, [])
    assert entries(found) == [("comment", ["KV001"], "azurerm_key_vault.prod")]


MOVED = {
    "the same": vault(comment=IGNORE),
    "another reason": vault(comment="kvlint: ignore[purge-protection] other words"),
    "another place": vault().replace("= false", f"= false # {IGNORE}"),
    "the whole file": f"# kvlint: ignore-file[KV001] accepted\n{vault()}",
}


@pytest.mark.parametrize("name", MOVED)
def test_suppression_of_base_applies_at_its_new_line(name: str, sides: Sides) -> None:
    found = sides.compare({"prod.tf": vault(comment=IGNORE)}, {"other.tf": MOVED[name]}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])
    assert found.findings("new") == []


def test_a_suppression_follows_a_renamed_resource(sides: Sides) -> None:
    renamed = vault(comment=IGNORE).replace('"prod"', '"main"')
    found = sides.compare({"prod.tf": vault(comment=IGNORE)}, {"prod.tf": renamed}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


@pytest.mark.parametrize("comment", ["kvlint: ignore[KV001] x", "kvlint: ignore[KV001,KV017] x"])
def test_suppression_of_another_rule_or_resource_is_ignored(comment: str, sides: Sides) -> None:
    base = {"prod.tf": vault("a", comment="kvlint: ignore[KV017] x") + vault("b", comment=IGNORE)}
    head = {"prod.tf": vault("a", comment=comment) + vault("b", comment=IGNORE)}
    found = sides.compare(base, head, *TURNED_OFF)
    assert found.code == 1
    assert ("comment", ["KV001"], "azurerm_key_vault.a") in entries(found)


def test_comments_for_other_tools_apply_as_in_base(sides: Sides) -> None:
    respected = {"kvlint.toml": "respect-peer-suppressions = true\n"}
    commented = vault().replace("{\n", "{\n  # checkov:skip=CKV_AZURE_110: accepted\n", 1)
    found = sides.compare(respected, {**respected, "prod.tf": commented}, *TURNED_OFF)
    assert (found.code, entries(found)) == (1, [("comment-of-another-tool", ["KV001"], "azurerm_key_vault.prod")])
    found = sides.compare({**respected, "prod.tf": commented}, {**respected, "prod.tf": commented}, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


@pytest.mark.parametrize("base", [CONFIGURED, {**CONFIGURED, "prod.tf": vault()}])
def test_comments_for_other_tools_lower_a_severity_only_as_base_has_them(base: Mapping[str, str], sides: Sides) -> None:
    commented = vault().replace("{\n", "{\n  # checkov:skip=CKV_AZURE_110: accepted\n", 1)
    head = {**base, "prod.tf": commented}
    entry = ("comment-of-another-tool", ["KV001"], "azurerm_key_vault.prod")
    found = sides.compare(base, head, *TURNED_OFF)
    assert (found.code, entries(found)) == (1, [entry])
    text = found.document["turnedOff"][0]["text"]
    assert text == "a Checkov comment changes the severity of KV001 on azurerm_key_vault.prod from high to low"
    assert sides.compare(base, head, *NEW_HIGH).code == (0 if "prod.tf" in base else 1)
    accepted = sides.compare(base, head, *NEW_HIGH, *TURNED_OFF, "--accept", "suppressed")
    assert (accepted.code, entries(accepted)) == (0, [entry])
    known = sides.compare({**base, "prod.tf": commented}, head, *NEW_HIGH, *TURNED_OFF)
    assert (known.code, entries(known)) == (0, [])


# --- accepting, and bases without a configuration ---------------------------------------------------------------------


def test_accepted_suppressions_apply_and_are_listed(sides: Sides) -> None:
    head = {"prod.tf": vault(comment=IGNORE), "kvlint.toml": 'ignore = ["KV017"]'}
    found = sides.compare(CONFIGURED, head, *NEW_HIGH, *TURNED_OFF, "--accept", "suppressed")
    assert (found.code, found.findings("new")) == (0, [])
    assert found.findings("suppressed") == [("KV001", "azurerm_key_vault.prod")]
    assert [kind for kind, _, _ in entries(found)] == ["setting", "comment"]
    assert found.document["basis"]["kind"] == "accepted"


def test_only_suppressions_can_be_accepted(diff: Diff) -> None:
    said = diff.run("base", "head", "--accept", "new")
    assert (said.code, said.out) == (2, "")
    assert "--accept: `new` cannot be accepted" in said.err


def test_pull_request_that_introduces_kvlint_may_ignore_unchanged_resources(sides: Sides) -> None:
    prod = {"prod.tf": vault()}
    settings = {"kvlint.toml": 'ignore = ["KV001"]\n'}
    found = sides.compare(prod, {**prod, **settings}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.document["basis"]["kind"]) == (0, "none")
    assert not any(one["isCounted"] for one in found.document["turnedOff"])
    found = sides.compare(prod, {**prod, **settings, "new.tf": vault("new")}, *TURNED_OFF)
    assert found.code == 1
    counted = [one["resource"] for one in found.document["turnedOff"] if one["isCounted"]]
    assert counted == ["azurerm_key_vault.new"]


def test_configuration_outside_of_the_checkout_applies_to_both_sides(sides: Sides, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('ignore = ["KV017"]\n', "utf-8")
    head = {"prod.tf": vault(), "kvlint.toml": 'ignore = ["KV001"]\n'}
    for words in (("--config", str(tmp_path / "own.toml")), ("--isolated",), ("--untrusted",)):
        found = sides.compare({}, head, *NEW_HIGH, *TURNED_OFF, *words)
        assert (found.code, entries(found), found.document["basis"]["kind"]) == (1, [], "outside")
        assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]


def test_a_configuration_that_is_named_in_head_is_that_of_base(sides: Sides) -> None:
    head = {"prod.tf": vault(), "ci/k.toml": 'ignore = ["KV001"]\n'}
    for base in ({"ci/k.toml": "strict = false\n"}, CONFIGURED):
        found = sides.compare(base, head, *NEW_HIGH, *TURNED_OFF, "--config", "head/ci/k.toml")
        assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
        assert ("setting", ["KV001"], None) in entries(found)
        assert found.code == 1


@pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")
@pytest.mark.parametrize("above", [False, True])
def test_a_link_of_head_does_not_exchange_a_file_that_is_named(above: bool, sides: Sides, diff: Diff) -> None:
    """BASE has a folder that HEAD only needs to link to."""
    base = {
        "prod.tf": 'variable "on" {}\n' + vault(value="var.on"),
        "ci/k.toml": "strict = false\n", "ci/on.tfvars": "on = true\n",
        "samples/ci/k.toml": 'ignore = ["KV001"]\n', "samples/ci/on.tfvars": "on = false\n",
    }  # fmt: skip
    sides.compare(base, base)
    shutil.rmtree(diff.folder / "head" / "ci")
    (diff.folder / "head" / "ci").symlink_to("samples/ci")
    if above:  # a link of the user is followed
        (diff.folder / "top").symlink_to("head")
    place = "top/ci" if above else "head/ci"
    words = ("--config", f"{place}/k.toml", "--var-file", f"{place}/on.tfvars")
    found = diff.compare("base", "head", *RULES, *NEW_HIGH, *words)
    assert (found.code, found.findings("new")) == (1, [("KV001", "azurerm_key_vault.prod")])


def test_without_a_base_an_input_is_its_own(diff: Diff) -> None:
    diff.write("plan.json", expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"))
    assert diff.compare("plan.json").document["basis"] == {"kind": "self", "file": ""}


def test_folders_without_a_common_resource_are_compared(diff: Diff) -> None:
    diff.write("base", {"main.tf": vault("a", "true")})
    diff.write("head", {"main.tf": vault("b")})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH)
    assert found.code == 1
    assert "have no resource in common" in found.document["problems"][0]["message"]


def test_vault_in_another_language_is_new(diff: Diff) -> None:
    diff.write("base", {"main.tf": vault("a", "true")})
    bicep = (
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n  location: 'x'\n  properties: {}\n}\n"
    )
    diff.write("head", {"main.bicep": bicep})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH)
    assert found.code == 1
    assert ("KV001", "kv") in found.findings("new")


FORMS: dict[str, Any] = {
    "text": "Checks turned off by this change:\n",
    "markdown": "### Checks turned off by this change",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_section_states_how_to_accept_it(form: str, diff: Diff) -> None:
    diff.write("base", {**OLD, **CONFIGURED})
    diff.write("head", {**OLD, **CONFIGURED, "prod.tf": vault(comment=IGNORE)})
    said = diff.run("base", "head", *RULES, *TURNED_OFF, "-f", form)
    assert said.code == 1
    assert FORMS[form] in said.out
    assert "accepted by the team" in said.out
    assert "--accept suppressed" in said.out


# --- places that count less -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["examples/prod", "tests", "validation/x"])
def test_resource_that_moves_into_a_folder_of_tests_keeps_its_severity(folder: str, sides: Sides) -> None:
    base, head = {"prod/main.tf": vault(value="true")}, {f"{folder}/main.tf": vault()}
    found = sides.compare(base, head, *NEW_HIGH, *TURNED_OFF)
    assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
    assert [one["severity"] for one in found.document["findings"] if one["state"] == "new"] == ["high"]
    assert entries(found) == [("test-folder", ["KV001"], "azurerm_key_vault.prod")]
    assert len(found.document["gates"]) == 2


def test_a_vault_that_moves_without_a_finding_is_listed(sides: Sides) -> None:
    base, head = {"prod/main.tf": vault(value="true")}, {"examples/main.tf": vault(value="true")}
    assert entries(sides.compare(base, head)) == [("test-folder", [], "azurerm_key_vault.prod")]


def test_a_vault_leaves_a_module_that_stays_for_a_folder_of_tests(sides: Sides) -> None:
    base = {"prod/main.tf": vault(value="true") + vault("other", "true")}
    head = {"prod/main.tf": vault("other", "true"), "examples/x/main.tf": vault()}
    found = sides.compare(base, head, *NEW_HIGH)
    assert (found.code, found.findings("new")) == (1, [("KV001", "azurerm_key_vault.prod")])


def test_folder_that_becomes_one_of_tests_keeps_its_severity(sides: Sides) -> None:
    base = {"test/main.tf": vault(value="true"), "prod/main.tf": vault("p", "true")}
    found = sides.compare(base, {"test/main.tf": vault(), "x/main.tf": vault("p", "true")}, *NEW_HIGH)
    assert (found.code, found.findings("new")) == (1, [("KV001", "azurerm_key_vault.prod")])


def test_a_pipeline_that_no_longer_deploys_a_folder_does_not_lower_it(sides: Sides) -> None:
    pipeline = {".github/workflows/x.yml": "run: terraform -chdir=examples/prod apply\n"}
    base = {"examples/prod/main.tf": vault(value="true"), **pipeline}
    found = sides.compare(base, {"examples/prod/main.tf": vault()}, *NEW_HIGH)
    assert (found.code, found.findings("new")) == (1, [("KV001", "azurerm_key_vault.prod")])


def test_findings_in_new_examples_are_not_new(sides: Sides) -> None:
    found = sides.compare({}, {"examples/prod/main.tf": vault()}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])
    base, head = {"examples/a/main.tf": vault(value="true")}, {"tests/b/main.tf": vault()}
    found = sides.compare(base, head, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


OVERRIDES = {
    "a path that is ignored": '[[override]]\npaths = ["old/"]\nignore = true\nreason = "x"\n',
    "a path of lower severity": '[[override]]\npaths = ["old/"]\nseverity = "info"\n',
    "an address": '[[override]]\nresources = ["azurerm_key_vault.legacy"]\nseverity = "info"\n',
    "an excluded path": 'exclude = ["old/"]\n',
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_resource_that_moves_to_a_path_of_lower_severity_keeps_its_severity(name: str, sides: Sides) -> None:
    settings = {"kvlint.toml": OVERRIDES[name]}
    base = {"prod/main.tf": vault(value="true"), "old/main.tf": vault("o"), **settings}
    moved = vault() if name != "an address" else vault().replace('"prod"', '"legacy"')
    place = "old/prod/main.tf" if name != "an address" else "prod/main.tf"
    found = sides.compare(base, {place: moved, "old/main.tf": vault("o"), **settings}, *NEW_HIGH, *TURNED_OFF)
    address = "azurerm_key_vault.legacy" if name == "an address" else "azurerm_key_vault.prod"
    assert found.findings("new") == [("KV001", address)]
    assert [(rules, resource) for _, rules, resource in entries(found)] == [(["KV001"], address)]
    assert len(found.document["gates"]) == 2


def test_finding_that_settings_of_base_lower_stays_low(sides: Sides) -> None:
    settings = {"kvlint.toml": OVERRIDES["a path of lower severity"]}
    found = sides.compare({"old/a.tf": vault(), **settings}, {"old/b.tf": vault(), **settings}, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


def test_a_parameter_file_of_head_removes_no_result(diff: Diff) -> None:
    template = (
        "param on bool = <on>\n"
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n  location: 'x'\n"
        "  properties: { enablePurgeProtection: on ? true : null }\n}\n"
    )
    parameters = '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#", '
    parameters += '"contentVersion": "1.0.0.0", "parameters": {"on": {"value": true}}}'
    for name in ("main.parameters.json", "main.bicepparam"):
        text = parameters if name.endswith("json") else "using 'main.bicep'\nparam on = true\n"
        diff.write(f"base-{name}", {"main.bicep": template.replace("<on>", "true")})
        diff.write(f"head-{name}", {"main.bicep": template.replace("<on>", "false"), name: text})
        found = diff.compare(f"base-{name}", f"head-{name}", *RULES, *NEW_HIGH)
        assert (found.code, found.findings("new")) == (1, [("KV001", "kv")]), name


# --- what suppresses nothing yet, and files that settings name --------------------------------------------------------


def test_a_suppression_that_suppresses_nothing_yet_is_listed(sides: Sides) -> None:
    good = vault(value="true")
    kept = {"prod.tf": f"# {IGNORE}\n{good}", **CONFIGURED}
    found = sides.compare({"prod.tf": good, **CONFIGURED}, kept, *TURNED_OFF)
    assert (found.code, entries(found)) == (1, [("comment", ["KV001"], None)])
    moved = {"other.tf": f"{vault('x', 'true')}# {IGNORE}\n{good}", **CONFIGURED}
    found = sides.compare(kept, moved, *TURNED_OFF)
    assert (found.code, entries(found)) == (0, [])


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_suppression_that_ends_later_is_listed(value: str, sides: Sides) -> None:
    def side(until: str) -> dict[str, str]:
        return {"prod.tf": vault(value=value, comment=f"{IGNORE}{until}")}

    dates = (" until=2999-01-01", " until=2999-12-31", "")
    for old, new, code in ((0, 1, 1), (1, 2, 1), (1, 0, 0), (2, 1, 0)):
        found = sides.compare(side(dates[old]), side(dates[new]), *TURNED_OFF)
        assert found.code == code, (old, new)
        assert [kind for kind, _, _ in entries(found)] == ["comment"] * code


def test_a_custom_rule_is_that_of_base_and_its_change_is_listed(diff: Diff) -> None:
    rule = (Path(__file__).parents[2] / "rules" / "vault" / "KV001-purge-protection.yaml").read_text("utf-8")
    rule = rule.replace("KV001", "ORG001").replace("name: purge-protection", "name: org-purge")
    rule = "\n".join(line for line in rule.splitlines() if not line.startswith("formerly"))
    settings = {"kvlint.toml": 'rules = ["rules"]\n'}
    base = {"rules/ORG001-org-purge.yaml": rule, **settings}
    for changed in (rule.replace("severity: high", "severity: info"), None):
        head = {"prod.tf": vault(), **settings}
        diff.write("base", {**OLD, ".git/HEAD": "", **base})
        diff.write("head", {**OLD, ".git/HEAD": "", **head})
        path = diff.folder / "head" / "rules" / "ORG001-org-purge.yaml"
        path.unlink(missing_ok=True)
        if changed is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(changed, "utf-8")
        found = diff.compare("base", "head", "--select", "ORG001", *NEW_HIGH, *TURNED_OFF)
        assert found.findings("new") == [("ORG001", "azurerm_key_vault.prod")]
        assert entries(found) == [("custom-rule", ["ORG001"], None)]


def test_new_entries_of_a_baseline_are_listed(sides: Sides, diff: Diff, kvlint: Kvlint) -> None:
    diff.write("p", {".git/HEAD": "", **OLD, "prod.tf": vault()})
    made = diff._run("check", "p", "--select", "KV001", "--write-baseline", "b.json")
    assert made.code == 1
    full = (diff.folder / "b.json").read_text("utf-8")
    settings = {"kvlint.toml": 'baseline = "b.json"\n'}
    base = {**settings, "b.json": '{"version": 1, "findings": []}'}
    found = sides.compare(base, {**settings, "b.json": full, "prod.tf": vault()}, *NEW_HIGH, *TURNED_OFF)
    assert found.findings("new") == [("KV001", "azurerm_key_vault.prod")]
    assert entries(found) == [("baseline", ["KV001"], "azurerm_key_vault.prod")]


def test_a_base_without_files_has_no_resource(diff: Diff) -> None:
    diff.write("base", {"README.md": "nothing"})
    diff.write("head", {"main.tf": vault()})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH)
    assert (found.code, found.findings("new")[0]) == (1, ("KV001", "azurerm_key_vault.prod"))
    assert "'base' contains nothing to check" in found.document["problems"][0]["message"]
