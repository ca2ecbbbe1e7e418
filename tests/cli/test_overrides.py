"""``[[override]]`` of configuration files: other severities, ignored findings, and what is said of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULTS = """
resource "azurerm_key_vault" "this" {
  for_each = toset(["a", "b"])
  name     = "kv-prod-${each.key}"
}
"""
IGNORE = "ignore = true\nreason = 'a lab'\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two modules, of two vaults each; the current folder."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    for name in ("app", "lab"):
        (folder / "infra" / name).mkdir(parents=True)
        (folder / "infra" / name / "main.tf").write_text(VAULTS, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def override(text: str) -> None:
    Path("kvlint.toml").write_text(f"select = ['KV001', 'KV301']\n[[override]]\n{text}", encoding="utf-8")


def report(kvlint: Kvlint, *words: str) -> dict[str, Any]:
    said = kvlint(*(words or (".",)), "-f", "json")
    assert said.code in (0, 1), said
    document: dict[str, Any] = json.loads(said.out)
    return document


def told(results: list[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    """Of each result: the folder, the rule, the severity, and of how many vaults it is."""
    return [
        (one["location"]["path"].split("/")[1], one["ruleId"], one["severity"], len(one["occurrences"]))
        for one in results
    ]


ALL = [
    ("app", "KV001", "high", 2),
    ("app", "KV301", "medium", 2),
    ("lab", "KV001", "high", 2),
    ("lab", "KV301", "medium", 2),
]


@pytest.mark.parametrize(
    ("about", "changed"),
    [
        ("rules = ['KV001']", [0, 2]),
        ("rules = ['purge-protection']", [0, 2]),
        ("rules = ['KV0', 'KV3']", [0, 1, 2, 3]),
        ("paths = ['infra/lab']", [2, 3]),
        ("paths = ['lab/']", [2, 3]),
        ("paths = ['/infra/*/main.tf']\nrules = ['KV301']", [1, 3]),
        ("resources = ['azurerm_key_vault.this']", [0, 1, 2, 3]),
        ("resources = ['azurerm_key_vault.*']\npaths = ['app']", [0, 1]),
        ("resources = ['azurerm_key_vault.that']", []),
        ("paths = ['nowhere']", []),
    ],
)
def test_override_applies_to_its_rules_paths_and_resources(
    kvlint: Kvlint, project: Path, about: str, changed: list[int]
) -> None:
    override(f"{about}\nseverity = 'low'")
    assert told(report(kvlint)["findings"]) == [
        (*one[:2], "low", 2) if number in changed else one for number, one in enumerate(ALL)
    ]
    override(f"{about}\n{IGNORE}")
    document = report(kvlint)
    assert told(document["findings"]) == [one for number, one in enumerate(ALL) if number not in changed]
    assert told(document["suppressed"]) == [one for number, one in enumerate(ALL) if number in changed]
    assert document["summary"]["suppressed"] == len(changed)


def test_override_applies_to_one_of_several_instances(kvlint: Kvlint, project: Path) -> None:
    override(
        f"resources = ['azurerm_key_vault.this[\"a\"]']\npaths = ['lab']\n{IGNORE}until = 2099-01-31\nowner = '@ops'"
    )
    document = report(kvlint)
    assert [one[3] for one in told(document["findings"])] == [2, 2, 1, 1]
    (one, _) = document["suppressed"]
    assert [each["resource"] for each in one["occurrences"]] == ['azurerm_key_vault.this["a"]']
    assert one["suppression"] == {
        "kind": "external",
        "justification": "a lab",
        "owner": "@ops",
        "until": "2099-01-31",
        "tool": None,
        "location": {"path": "kvlint.toml", "line": 2, "column": 1, "endLine": 2, "endColumn": 1},
    }
    assert "\n    suppressed: a lab (until 2099-01-31, owner @ops) [kvlint.toml:2:1]\n" in kvlint(".", "-v").out


def test_severity_of_an_override_applies_everywhere(kvlint: Kvlint, project: Path) -> None:
    override("rules = ['KV001']\nseverity = 'LOW'\n[[override]]\npaths = ['lab']\nseverity = 'critical'")
    assert "infra/app/main.tf:2:1: low[KV001] " in kvlint(".").out
    assert kvlint("infra/app", "--fail-on", "high").code == 0
    assert kvlint("infra/lab", "--fail-on", "critical").code == 1
    assert [one[0] for one in told(report(kvlint, ".", "--min-severity", "medium")["findings"])] == [
        "app",
        "lab",
        "lab",
    ]
    results = json.loads(kvlint("infra", "-f", "sarif").out)["runs"][0]["results"]
    assert [(one["ruleId"], one["level"], one["rank"]) for one in results] == [
        ("KV001", "note", 30.0),
        ("KV301", "warning", 55.0),
        ("KV001", "error", 93.0),
        ("KV301", "error", 93.0),
    ]


def test_override_suppresses_unknown_results(kvlint: Kvlint, project: Path) -> None:
    text = VAULTS.replace("name ", "purge_protection_enabled = var.x\n  name ") + 'variable "x" {}\n'
    for name in ("app", "lab"):
        (project / "infra" / name / "main.tf").write_text(text, encoding="utf-8")
    override(f"rules = ['KV001']\npaths = ['lab']\n{IGNORE}")
    for words in ((), (".", "-f", "sarif=x.sarif")):
        document = report(kvlint, *words)
        assert [(one[0], one[3]) for one in told(document["unknown"])] == [("app", 2)]
        assert [one[:2] for one in told(document["suppressed"])] == [("lab", "KV001")]
    assert (
        ". 1 check is unknown because of 1 value (--show-unknown). 1 suppressed.\n"
        in kvlint("infra", "-f", "sarif=x", "-f", "text").out
    )


def test_controls_show_the_reason_of_an_override(kvlint: Kvlint, project: Path) -> None:
    before = kvlint("controls", ".").out
    override(f"rules = ['KV101']\n{IGNORE}")
    after = kvlint("controls", ".")
    assert "suppressed: a lab [kvlint.toml:2:1]" in " ".join(after.out.split())
    assert before.splitlines()[-1] == after.out.splitlines()[-1]  # a risk that is taken is not a control that is met


def test_expired_or_invalid_override_suppresses_nothing(kvlint: Kvlint, project: Path) -> None:
    for until, code in (
        ("2026-11-30", ""),
        ("2026-11-01", "KVE006"),
        ("'2026-13-01'", "KVE005"),
        ("'20261130'", "KVE005"),
    ):
        override(f"rules = ['KV001', 'KV301']\n{IGNORE}until = {until}")
        document = report(kvlint, ".", "--as-of", "2026-11-30")
        assert len(document["findings"]) == (4 if code else 0)
        assert [(one["code"], one["level"], one["location"]["line"]) for one in document["problems"]] == (
            [(code, "warning", 2)] if code else []
        )


def test_unused_override_is_reported_after_a_full_run_only(kvlint: Kvlint, project: Path) -> None:
    override(f"rules = ['KV001', 'KV503']\npaths = ['app']\n{IGNORE}[[override]]\npaths = ['nowhere']\n{IGNORE}")
    (problem,) = report(kvlint)["problems"]
    assert (problem["code"], problem["level"], problem["location"]["line"]) == ("KVE007", "note", 7)
    assert report(kvlint, "infra/app")["problems"] == []
    (first, _) = report(kvlint, ".", "--select", "KV001,KV503")["problems"]
    assert [first["message"], first["location"]["line"]] == [
        "unused override: KV503 is not reported there",
        2,
    ]
    (project / "infra" / "broken.tf").write_text('resource "azurerm_key_vault" {', encoding="utf-8")
    said = kvlint(".", "-f", "json")
    assert said.code == 3
    assert "KVE007" not in said.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = ['KV001']\nignore = true", '2:1: override: ignore = true requires a reason (write reason = "...")'),
        ("rules = ['KV001']\nignore = true\nreason = ' - '", "2:1: override: ignore = true requires a reason"),
        ("ignore = true\nreason = 'x'", "2:1: override: paths, resources or rules is required"),
        ("rules = []\nignore = true\nreason = 'x'", "3:1: override: rules is empty"),
        ("rules = ['KV001']", "2:1: override: either severity or ignore = true is required"),
        ("rules = ['KV001']\nignore = false", "2:1: override: either severity or ignore = true is required"),
        (f"rules = ['KV001']\n{IGNORE}severity = 'low'", "2:1: override: either severity or ignore = true is required"),
        ("rules = ['KV001']\nignore = 'yes'", "4:1: override: ignore must be true or false"),
        ("rules = ['KV001']\nseverity = 'lo'", "4:1: override: unknown severity 'lo' (did you mean 'low'?"),
        ("rules = ['KV001']\nseverity = 1", "4:1: override: severity must be a string"),
        ("rule = ['KV001']", "3:1: override: unknown key 'rule' (did you mean 'rules'?)"),
        (f"rules = 'KV001'\n{IGNORE}", '3:1: override: rules must be a list of strings (write rules = ["..."])'),
        (f"paths = ['../x']\n{IGNORE}", "3:1: override: paths: '../x' is not a valid glob: '..' is not supported"),
        (f"resources = ['']\n{IGNORE}", "3:1: override: resources: '' is not a valid glob: the pattern is empty"),
        (f"rules = ['KV001', 'KV0000']\n{IGNORE}", "2:1: override: rules: no rule matches 'KV0000' (did you mean "),
        (f"rules = ['KV001']\n{IGNORE}until = 5", "6:1: override: until must be a date (write until = 2027-03-01)"),
        (f"rules = ['KV001']\n{IGNORE}[[override]]\nrules = 1", "7:1: override: rules must be a list of strings"),
        (f"rules = ['KV001']\n{IGNORE}until = 2027-02-30", "6:9: invalid TOML: "),
    ],
)
def test_invalid_override_is_an_error(kvlint: Kvlint, project: Path, text: str, said: str) -> None:
    override(text)
    ran = kvlint(".")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"kvlint: error: kvlint.toml:{said}")


def test_other_ways_to_write_them(kvlint: Kvlint, project: Path) -> None:
    Path("kvlint.toml").write_text("override = [\n  {rules = ['KV0'], severity = 'low'},\n  {rules = ['x']},\n]")
    assert kvlint(".").err.startswith(
        "kvlint: error: kvlint.toml:1:1: override: either severity or ignore = true is required"
    )
    Path("kvlint.toml").write_text("override = {rules = ['KV0'], severity = 'low'}")
    assert kvlint(".").err.startswith(
        "kvlint: error: kvlint.toml:1:1: override must be a list of tables (write [[override]])"
    )
    Path("kvlint.toml").unlink()
    Path("pyproject.toml").write_text("[tool.kvlint]\nselect = ['KV001']\n[[tool.kvlint.override]]\nrules = ['KV0']")
    assert kvlint(".").err.startswith(
        "kvlint: error: pyproject.toml:3:1: override: either severity or ignore = true is required"
    )


def test_strings_of_an_override_are_escaped(kvlint: Kvlint, project: Path) -> None:
    override(
        'rules = ["KV001"]\nignore = true\nreason = "a\\u001b[31m\\n::error::x ##vso[task] ]](b)"\nowner = "\\u202ex"'
    )
    said = kvlint(".", "-v").out
    assert r"suppressed: a\x1b[31m \x3a:error::x \x23#vso[task] ]](b) (owner \u202ex) [kvlint.toml:2:1]" in said
    assert "\x1b" not in kvlint(".", "-f", "json").out


def test_override_applies_to_a_plan_in_another_folder_at_its_source(kvlint: Kvlint, project: Path) -> None:
    from azkvlint.linter.rule_tests import expand

    plan = project.parent / "elsewhere" / "plan.json"
    plan.parent.mkdir()
    plan.write_bytes(expand("azurerm_key_vault.only: {name: kv-prod-a, purge_protection_enabled: false}"))
    only = VAULTS.replace('"this"', '"only"').replace("for_each = toset", "purge_protection_enabled = false # ")
    (project / "infra" / "app" / "main.tf").write_text(only, encoding="utf-8")
    override(f"paths = ['infra/app/']\nrules = ['KV001']\n{IGNORE}")
    document = report(kvlint, str(plan))
    assert told(document["suppressed"]) == [("app", "KV001", "high", 1)]
    assert "KV001" not in [one["ruleId"] for one in document["findings"]]


def test_a_file_that_is_kept_elsewhere_is_about_the_project(kvlint: Kvlint, project: Path) -> None:
    override(f"paths = ['/infra/lab']\nrules = ['KV001']\n{IGNORE}")
    elsewhere = project.parent / "central.toml"
    elsewhere.write_text(
        "exclude = ['/infra/app']\n" + Path("kvlint.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    Path("kvlint.toml").unlink()
    (project.parent / "central").mkdir()
    elsewhere = elsewhere.rename(project.parent / "central" / "kvlint.toml")
    assert told(report(kvlint, ".", "--config", str(elsewhere))["findings"]) == [ALL[3]]


def test_override_applies_to_a_plan_at_its_source_or_its_own_path(kvlint: Kvlint, project: Path) -> None:
    from azkvlint.linter.rule_tests import expand

    plan = "azurerm_key_vault.this: {name: kv-prod-a, purge_protection_enabled: false}"
    Path("plan.json").write_bytes(expand(plan))
    override(f"resources = ['azurerm_key_vault.this']\npaths = ['plan.json']\n{IGNORE}")
    assert report(kvlint, "plan.json")["findings"] == []


@pytest.mark.parametrize("address", ["Microsoft.KeyVault/vaults/kv", "vaults/kv", "vaults/*"])
def test_address_matches_with_and_without_its_namespace(address: str, kvlint: Kvlint) -> None:
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "properties": {}}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    Path("kv.json").write_text(json.dumps({"$schema": schema, "resources": [vault]}), encoding="utf-8")
    override(f"resources = ['{address}']\n{IGNORE}")
    assert report(kvlint, "kv.json")["findings"] == []
