"""Findings in folders of tests and examples: reported, marked, and no reason for exit code 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = 'resource "azurerm_key_vault" "kv" {{\n  name = "kv"\n  {0}\n}}\n'
BAD, GOOD = VAULT.format("purge_protection_enabled = false"), VAULT.format("purge_protection_enabled = true")
OPEN = 'variable "on" {\n  type = bool\n}\n' + VAULT.format("purge_protection_enabled = var.on")
VAULT_IN_BICEP = (
    "resource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {{\n  name: 'kv'\n  properties: {{\n"
    "    enablePurgeProtection: {0}\n  }}\n}}\n"
)
ONE = ("--select", "KV001")
MARK = "[in tests or examples]"


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(text: str, name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def marked(kvlint: Kvlint, *words: str) -> dict[str, bool]:
    """By the path of each finding, whether it is marked."""
    said = kvlint(*words, *ONE, "-f", "json")
    assert said.code in (0, 1), said
    document = json.loads(said.out)
    found = {one["location"]["path"]: one["inTests"] for one in document["findings"]}
    assert document["summary"]["findingsInTests"] == sum(found.values())
    assert sum(document["summary"]["findings"].values()) == len(found) - sum(found.values())
    assert said.code == (0 if all(found.values()) else 1)
    return found


@pytest.mark.parametrize(
    "folder",
    [
        "test", "tests", "Tests", "test/fixtures/basic", "examples/basic", "example", "Samples", "infra/demo",
        "fixtures", "testdata", "e2e", "modules/kv/tests/unit", "Contoso.Vaults.Tests", "integration-tests",
        "validation/kv", "vendor/kv", "third_party/kv", "test-fixtures", "kv.test", "archived/kv", "Deprecated",
        "utilities/e2e-template-assets/kv", "src/Contoso.IntegrationTests/Files",
    ],
)  # fmt: skip
def test_folders_of_tests_and_examples(folder: str, kvlint: Kvlint) -> None:
    write(BAD, f"{folder}/main.tf")
    assert marked(kvlint, ".") == {f"{folder}/main.tf": True}


@pytest.mark.parametrize(
    "folder",
    [
        "", "contest", "latest", "attestation", "vendors", "testing-vnet", "app-test", "sampled", "environments/test",
        "env/demo", "infra/envs/e2e", "my.tests.tf-module", "archive", "archive-account", "e2e-network", "positive",
    ],
)  # fmt: skip
def test_other_folders_count(folder: str, kvlint: Kvlint) -> None:
    path = f"{folder}/main.tf".lstrip("/")
    write(BAD, path)
    assert marked(kvlint, ".") == {path: False}


def test_samples_of_a_scanner_are_tests(kvlint: Kvlint) -> None:
    paths = ["azure/kv/positive/main.tf", "azure/kv/Negative1/main.tf", "azure/key/negative/main.tf"]
    for path in paths:
        write(BAD, path)
    assert marked(kvlint, ".") == dict(zip(paths, (True, True, False), strict=True))


def test_an_environment_beside_others_counts(kvlint: Kvlint) -> None:
    for folder in ("infra/test", "infra/Prod", "infra/tests", "modules/test"):
        write(BAD, f"{folder}/main.tf")
    assert marked(kvlint, ".") == {
        "infra/test/main.tf": False,
        "infra/Prod/main.tf": False,
        "infra/tests/main.tf": True,
        "modules/test/main.tf": True,
    }


@pytest.mark.parametrize(
    ("named", "is_marked"),
    [
        (["."], True),
        (["examples"], False),
        (["examples/basic"], False),
        (["examples/basic/main.tf"], False),
        ([".", "examples/basic"], False),
        ([".", "examples/basic/main.tf"], False),
        ([".", "examples/other"], True),
        (["../tests/project"], True),
    ],
)  # fmt: skip
def test_what_the_command_line_names_counts(
    named: list[str], is_marked: bool, kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The checkout itself may be in such a folder: only what is below the named path matters.
    (tmp_path / "project").rename(tmp_path / "moved")
    (tmp_path / "tests").mkdir()
    project = (tmp_path / "moved").rename(tmp_path / "tests" / "project")
    monkeypatch.chdir(project)
    write(BAD, "examples/basic/main.tf")
    write(GOOD, "examples/other/main.tf")
    named = [name.replace("../tests/project", str(project)) for name in named]
    assert marked(kvlint, *named) == {"examples/basic/main.tf": is_marked}


def test_templates_and_plans_are_in_folders_too(kvlint: Kvlint) -> None:
    bicep = "resource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {\n  name: 'kv'\n  properties: {}\n}\n"
    write(bicep, "tests/e2e/main.bicep")
    Path("fixtures").mkdir()
    Path("fixtures/plan.json").write_bytes(expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"))
    assert marked(kvlint, ".") == {"tests/e2e/main.bicep": True, "fixtures/plan.json": True}


def test_the_place_of_a_module_decides_that_only_an_example_calls(kvlint: Kvlint) -> None:
    write('module "kv" {\n  source = "../../modules/kv"\n}\n', "examples/basic/main.tf")
    write(BAD, "modules/kv/main.tf")
    assert marked(kvlint, ".") == {"modules/kv/main.tf": False}


@pytest.mark.parametrize("folder", ["vendor/kv", "examples/shared", "infra/tests/kv", ".terraform/kv", "x.tests"])
def test_a_module_counts_wherever_it_is_if_a_root_outside_of_tests_calls_it(folder: str, kvlint: Kvlint) -> None:
    write(f'module "kv" {{\n  source = "../{folder}"\n}}\n', "prod/main.tf")
    write(f'module "kv" {{\n  source = "../../{folder}"\n}}\n', "examples/basic/main.tf")
    write(BAD, f"{folder}/main.tf")
    assert marked(kvlint, ".") == {f"{folder}/main.tf": False}


def test_a_bicep_module_counts_if_a_file_outside_of_tests_calls_it(kvlint: Kvlint) -> None:
    write(VAULT_IN_BICEP.format("null"), "samples/kv.bicep")
    write("module kv '../samples/kv.bicep' = {\n  name: 'kv'\n}\n", "infra/main.bicep")
    assert marked(kvlint, ".") == {"samples/kv.bicep": False}


def test_a_linked_template_counts_if_a_template_outside_of_tests_links_it(kvlint: Kvlint) -> None:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "properties": {}}
    linked = {"mode": "Incremental", "templateLink": {"relativePath": "examples/kv.json"}}
    deployment = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d",
                  "properties": linked}  # fmt: skip
    for name, resource in (("examples/kv.json", vault), ("main.json", deployment)):
        write(json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [resource]}), name)
    assert marked(kvlint, ".") == {"examples/kv.json": False}


AZ = "az deployment group create --resource-group rg"


def test_a_template_counts_that_a_pipeline_deploys(kvlint: Kvlint) -> None:
    write(VAULT_IN_BICEP.format("null"), "samples/kv/main.bicep")
    write(VAULT_IN_BICEP.format("null"), "samples/other.bicep")
    write(f"run: {AZ} -f samples/kv/main.bicep\n", ".github/workflows/deploy.yml")
    assert marked(kvlint, ".") == {"samples/kv/main.bicep": False, "samples/other.bicep": True}


def test_a_root_counts_that_a_script_deploys_with_its_modules(kvlint: Kvlint) -> None:
    write('module "kv" {\n  source = "../shared"\n}\n', "samples/kv/main.tf")
    write(BAD, "samples/shared/main.tf")
    write(BAD, "samples/other/main.tf")
    write("terraform -chdir=samples/kv apply\n", "deploy.sh")
    assert marked(kvlint, ".") == {"samples/shared/main.tf": False, "samples/other/main.tf": True}


def test_a_pipeline_outside_of_the_named_folder_is_evidence_too(kvlint: Kvlint) -> None:
    write(VAULT_IN_BICEP.format("null"), "infra/samples/main.bicep")
    write(f"run: {AZ} -f infra/samples/main.bicep\n", ".github/workflows/deploy.yml")
    assert marked(kvlint, "infra") == {"infra/samples/main.bicep": False}


MODULE = """
variable "protect" {
  type = bool
}
resource "azurerm_key_vault" "kv" {
  name                     = "kv"
  purge_protection_enabled = var.protect
}
"""


def test_what_only_the_arguments_of_an_example_cause(kvlint: Kvlint) -> None:
    write(MODULE, "main.tf")
    write('module "kv" {\n  source  = "../.."\n  protect = false\n}\n', "examples/basic/main.tf")
    write("param protect bool\n" + VAULT_IN_BICEP.format("protect ? true : null"), "kv/main.bicep")
    write("module kv '../../../main.bicep' = {\n  name: 'kv'\n  params: {\n    protect: false\n  }\n}\n",
          "kv/tests/e2e/basic/main.test.bicep")  # fmt: skip
    assert set(marked(kvlint, ".").values()) == {True}


PROVIDER = 'provider "azurerm" {\n  features {}\n}\n'
TERRAFORM_CALL = 'module "kv" {{\n  source  = "{0}"\n  protect = {1}\n}}\n'
BICEP_CALL = "module kv '{0}' = {{\n  name: 'kv'\n  params: {{\n    protect: {1}\n  }}\n}}\n"
BICEP_MODULE = "param protect bool\n" + VAULT_IN_BICEP.format("protect ? true : null")
CALLED = {
    "Terraform": ("shared/kv/main.tf", MODULE.replace("= var.protect\n", "= var.protect ? true : false\n"),
                  "tests/e2e/main.tf", "../../shared/kv", "live/main.tf", "../shared/kv"),
    "Bicep": ("shared/kv.bicep", BICEP_MODULE, "tests/e2e/main.bicep", "../../shared/kv.bicep", "live.bicep",
              "shared/kv.bicep"),
}  # fmt: skip


def call_from_tests(language: str, arguments: tuple[str, str]) -> tuple[str, str, str]:
    """Write a module that a test and a root outside of tests call; return the paths of all three."""
    module, text, test, to_module, live, from_live = CALLED[language]
    form = BICEP_CALL if language == "Bicep" else TERRAFORM_CALL
    write(text, module)
    write(form.format(to_module, arguments[0]), test)
    write((PROVIDER if language == "Terraform" else "") + form.format(from_live, arguments[1]), live)
    return module, test, live


@pytest.mark.parametrize("language", CALLED)
def test_a_correct_caller_outside_of_tests_does_not_make_a_finding_of_a_test_count(
    language: str, kvlint: Kvlint
) -> None:
    module, test, _ = call_from_tests(language, ("false", "true"))
    (finding,) = json.loads(kvlint(".", *ONE, "-f", "json").out)["findings"]
    assert (finding["location"]["path"], finding["inTests"], finding["severity"]) == (module, True, "medium")
    assert finding["undeployed"]
    assert [one["root"] for one in finding["occurrences"]] == [test.removesuffix("/main.tf")]


@pytest.mark.parametrize("language", CALLED)
def test_a_faulty_caller_outside_of_tests_makes_a_finding_count(language: str, kvlint: Kvlint) -> None:
    for arguments in (("false", "false"), ("true", "false")):
        module, _, _ = call_from_tests(language, arguments)
        (finding,) = json.loads(kvlint(".", *ONE, "-f", "json").out)["findings"]
        assert (finding["location"]["path"], finding["inTests"], finding["severity"]) == (module, False, "high")
        assert not finding["undeployed"]


@pytest.mark.parametrize("language", CALLED)
def test_a_caller_that_a_pipeline_deploys_counts_wherever_it_is(language: str, kvlint: Kvlint) -> None:
    module, test, _ = call_from_tests(language, ("false", "true"))
    command = f"{AZ} -f {test}" if language == "Bicep" else "terraform -chdir=tests/e2e apply"
    write(f"{command}\n", "deploy.sh")
    assert marked(kvlint, ".") == {module: False}


def test_a_role_assignment_that_only_a_test_makes_is_in_tests(kvlint: Kvlint) -> None:
    write(
        "targetScope = 'subscription'\nparam role string\nparam ids array\n"
        "resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for id in ids: {\n"
        "  name: guid(id, role)\n  properties: {\n    principalId: id\n    principalType: 'ServicePrincipal'\n"
        "    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)\n  }\n}]\n",
        "iam/grant.bicep",
    )
    owner, reader = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    call = (
        "targetScope = 'subscription'\n{2}module grant '{0}' = {{\n  name: 'g'\n"
        "  params: {{ role: '{1}', ids: {3} }}\n}}\n"
    )
    write(call.format("iam/grant.bicep", reader, "param ids array\n", "ids"), "main.bicep")
    write(call.format("../../iam/grant.bicep", owner, "", "['1']"), "tests/landing-zone/main.bicep")
    (finding,) = json.loads(kvlint(".", "--select", "KV402", "-f", "json").out)["findings"]
    assert (finding["location"]["path"], finding["inTests"], finding["severity"]) == ("iam/grant.bicep", True, "medium")


def test_a_module_that_only_examples_call_counts(kvlint: Kvlint) -> None:
    write(CALLED["Terraform"][1], "kv/main.tf")
    write(TERRAFORM_CALL.format("../../kv", "false"), "examples/kv/main.tf")
    write(GOOD, "live/main.tf")
    (finding,) = json.loads(kvlint(".", *ONE, "-f", "json").out)["findings"]
    assert (finding["location"]["path"], finding["inTests"], finding["severity"]) == ("kv/main.tf", False, "high")


def test_what_a_module_causes_whatever_its_examples_pass(kvlint: Kvlint) -> None:
    write(VAULT_IN_BICEP.format("null"), "kv/main.bicep")
    write("module kv '../../main.bicep' = {\n  name: 'kv'\n}\n", "kv/tests/basic/main.test.bicep")
    assert marked(kvlint, ".") == {"kv/main.bicep": False}


def test_what_another_module_passes_counts(kvlint: Kvlint) -> None:
    write(MODULE, "modules/kv/main.tf")
    write('module "kv" {\n  source  = "./modules/kv"\n  protect = false\n}\n', "main.tf")
    assert set(marked(kvlint, ".").values()) == {False}


def test_the_source_that_is_named_for_a_plan_counts(kvlint: Kvlint) -> None:
    write(BAD, "examples/basic/main.tf")
    Path("plan.json").write_bytes(expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"))
    assert marked(kvlint, "plan.json", "--source-root", "examples/basic") == {"examples/basic/main.tf": False}


def test_settings(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    write(BAD, "examples/main.tf")
    write(BAD, "sandbox/a/main.tf")
    words = (".",)
    assert marked(kvlint, *words) == {"examples/main.tf": True, "sandbox/a/main.tf": False}
    other = {"examples/main.tf": False, "sandbox/a/main.tf": True}
    assert marked(kvlint, *words, "--test-folders", "sandbox/") == other
    write('test-folders = ["/sandbox/*/"]\n', "kvlint.toml")
    assert marked(kvlint, *words) == other
    write("test-folders = []\n", "kvlint.toml")
    assert not any(marked(kvlint, *words).values())
    assert not any(marked(kvlint, *words, "--isolated", "--test-folders=").values())
    monkeypatch.setenv("KVLINT_TEST_FOLDERS", "sandbox\nexamples/")
    assert all(marked(kvlint, *words).values())
    said = kvlint(*words, "--test-folders", "../x")
    assert (said.code, "--test-folders: '../x' is not a valid glob" in said.err) == (2, True)


def test_include_tests(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    write(BAD, "examples/main.tf")
    assert kvlint(".", *ONE).code == 0
    said = kvlint(".", *ONE, "--include-tests", "-f", "json")
    document: dict[str, Any] = json.loads(said.out)
    assert (said.code, document["summary"]["findings"]["high"], document["summary"]["findingsInTests"]) == (1, 1, 0)
    assert document["findings"][0]["inTests"]
    write("include-tests = true\n", "kvlint.toml")
    assert kvlint(".", *ONE).code == 1
    monkeypatch.setenv("KVLINT_INCLUDE_TESTS", "false")
    assert kvlint(".", *ONE).code == 0


def test_strict(kvlint: Kvlint) -> None:
    write(OPEN, "examples/main.tf")
    assert kvlint(".", *ONE, "--strict").code == 0
    assert kvlint(".", *ONE, "--strict", "--include-tests").code == 1
    assert kvlint("examples", *ONE, "--strict").code == 1
    line, summary = kvlint(".", *ONE, "--show-unknown").out.splitlines()
    assert line.startswith("examples/main.tf:6:3: unknown[KV001] ")
    assert line.endswith(MARK)
    assert summary == "No issues found in 1 key vault."


def test_an_input_that_cannot_be_read_is_still_an_error(kvlint: Kvlint) -> None:
    write(BAD, "main.tf")
    write('resource "azurerm_key_vault" "kv" {\n', "examples/main.tf")
    assert kvlint(".", *ONE).code == 3


def test_a_baseline_holds_what_counts(kvlint: Kvlint) -> None:
    write(BAD, "main.tf")
    write(BAD, "examples/main.tf")
    kvlint(".", *ONE, "--write-baseline", "own.json")
    kvlint(".", *ONE, "--include-tests", "--write-baseline", "every.json")
    held = {
        name: [one["path"] for one in json.loads(Path(name).read_text(encoding="utf-8"))["findings"]]
        for name in ("own.json", "every.json")
    }
    assert held == {"own.json": ["main.tf"], "every.json": ["examples/main.tf", "main.tf"]}
    assert kvlint(".", *ONE, "--baseline", "own.json").code == 0
    assert kvlint(".", *ONE, "--baseline", "own.json", "--include-tests").code == 1
    for more in ((), ("--include-tests",)):
        said = kvlint(".", *ONE, "--baseline", "every.json", "-f", "json", *more)
        assert (said.code, json.loads(said.out)["problems"]) == (0, [])


def test_formats(kvlint: Kvlint) -> None:
    write(BAD, "examples/main.tf")
    write(BAD, "main.tf")

    def run(form: str, *more: str) -> str:
        return kvlint(".", *ONE, "-f", form, *more).out

    for form in ("text", "concise", "github", "azure"):
        lines = run(form).splitlines()
        place = next(index for index, line in enumerate(lines) if "examples/main.tf" in line)
        assert place > next(index for index, line in enumerate(lines) if "examples" not in line and "main.tf" in line)
        assert lines[place].endswith(MARK)
        assert not lines[place].startswith(("::", "##"))
        assert lines[-1] == "Found 1 issue (1 high) in 2 key vaults. 1 more in tests and examples (examples)."
    assert [MARK in line for line in run("text", "-q").splitlines()] == [False, True]
    assert "In tests and examples: 1" in run("markdown")
    assert [one["location"]["path"] for one in json.loads(run("gitlab"))] == ["main.tf", "examples/main.tf"]
    assert [one["severity"] for one in json.loads(run("rdjson"))["diagnostics"]] == ["ERROR", "INFO"]
    assert 'tests="2" failures="1" errors="0"' in run("junit")
    results = json.loads(run("sarif"))["runs"][0]["results"]
    assert {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: one.get("properties") for one in results
    } == {"examples/main.tf": {"kvlint/inTests": True}, "main.tf": None}
    Path("main.tf").unlink()
    assert run("markdown").startswith("## ✅ kvlint")


def severities(kvlint: Kvlint, *words: str) -> dict[str, str]:
    """The severities of the findings, by rule and path."""
    document = json.loads(kvlint(".", "-f", "json", *words).out)
    return {f"{one['ruleId']} {one['location']['path']}": one["severity"] for one in document["findings"]}


def test_findings_in_tests_are_at_most_medium_but_for_credentials(kvlint: Kvlint) -> None:
    secret = 'resource "azurerm_key_vault_secret" "db" {\n  name  = "db"\n  value = "hunter2-Pa55word"\n}\n'
    for name in ("main.tf", "examples/basic/main.tf"):
        write(BAD + secret, name)
    only = ("--select", "KV001,KV610")
    found = severities(kvlint, *only)
    assert found == {
        "KV001 main.tf": "high",
        "KV001 examples/basic/main.tf": "medium",
        "KV610 main.tf": "critical",
        "KV610 examples/basic/main.tf": "high",
    }
    counted = severities(kvlint, *only, "--include-tests")
    assert counted == found | {"KV001 examples/basic/main.tf": "high", "KV610 examples/basic/main.tf": "critical"}
    assert "KV001 examples/basic/main.tf" not in severities(kvlint, *only, "--min-severity", "high")


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("req", "medium"), ("correct horse", "medium"), ("opensesame", "medium"), ("Tr0ub4dor", "high"),
        ("hunter2-Pa55word", "high"), ("Zx!kQ$pWq", "high"), ("Server=db;User ID=a;Password=kQpWzxRt;", "high"),
    ],
)  # fmt: skip
def test_a_credential_in_tests_is_high_if_it_may_be_in_use(value: str, severity: str, kvlint: Kvlint) -> None:
    secret = f'resource "azurerm_key_vault_secret" "db" {{\n  name  = "db"\n  value = "{value}"\n}}\n'
    for name in ("main.tf", "tests/fixtures/main.tf"):
        write(secret, name)
    found = severities(kvlint, "--select", "KV610")
    elsewhere = "critical" if severity == "high" else severity
    assert found == {"KV610 main.tf": elsewhere, "KV610 tests/fixtures/main.tf": severity}
    assert severities(kvlint, "--select", "KV610", "--include-tests")["KV610 tests/fixtures/main.tf"] == elsewhere


@pytest.mark.parametrize(
    "value",
    [
        "changeIT!", "PleaseChangeMe123!", "test", "string", "szechuan", "secret-value-wo", "myGreatSecret!",
        "somesecretvalue2", "DB-PASSWORD", r"$2a$10$$${random_password.admin.result}",
        r"{\"username\": \"Username\", \"password\": \"password\"}",
    ],
)  # fmt: skip
def test_what_is_likely_no_credential_is_medium_wherever_it_is(value: str, kvlint: Kvlint) -> None:
    secret = f'resource "azurerm_key_vault_secret" "db" {{\n  name  = "db"\n  value = "{value}"\n}}\n'
    for name in ("main.tf", "tests/fixtures/main.tf"):
        write(secret, name)
    assert set(severities(kvlint, "--select", "KV610").values()) == {"medium"}


def test_what_is_encoded_from_names_is_likely_no_credential(kvlint: Kvlint) -> None:
    write(
        'resource "azurerm_key_vault_secret" "db" {\n  name  = "db"\n'
        '  value = jsonencode({ username = "Username", password = "password" })\n}\n',
        "main.tf",
    )
    assert severities(kvlint, "--select", "KV610") == {"KV610 main.tf": "medium"}


def test_one_credential_that_may_be_in_use_decides_on_all_of_a_place(kvlint: Kvlint) -> None:
    write(
        'resource "azurerm_key_vault_secret" "db" {\n  for_each = { a = "opensesame", b = "Tr0ub4dor" }\n'
        "  name  = each.key\n  value = each.value\n}\n",
        "tests/main.tf",
    )
    assert set(severities(kvlint, "--select", "KV610").values()) <= {"high", "medium"}
    assert "high" in severities(kvlint, "--select", "KV610").values()


def test_other_findings_about_secrets_are_at_most_medium_in_tests(kvlint: Kvlint) -> None:
    certificate = (
        'resource "azurerm_key_vault_certificate_issuer" "i" {{\n  name = "i"\n  password = "{0}"\n'
        '  provider_name = "DigiCert"\n}}\n'
    )
    output = (
        "resource store 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {\n  name: 'store'\n}\n"
        "output key string = store.listKeys().keys[0].value\n"
    )
    write(output, "tests/a/main.bicep")
    write(certificate.format("opensesame"), "tests/a/main.tf")
    write(certificate.format("Tr0ub4dor"), "tests/b/main.tf")
    assert severities(kvlint, "--select", "KV612,KV716") == {
        "KV612 tests/a/main.bicep": "medium",
        "KV716 tests/a/main.tf": "medium",
        "KV716 tests/b/main.tf": "high",
    }


def test_an_override_sets_the_severity_in_tests(kvlint: Kvlint) -> None:
    write(BAD, "examples/basic/main.tf")
    Path("kvlint.toml").write_text(
        '[[override]]\nrules = ["KV001"]\npaths = ["examples/"]\nseverity = "critical"\nreason = "published as it is"\n'
    )
    assert severities(kvlint, *ONE) == {"KV001 examples/basic/main.tf": "critical"}


def test_the_summary_names_the_folders_that_lower_a_severity(kvlint: Kvlint) -> None:
    for folder in ("x/examples/a", "x/examples/b", "vendor", "tests", "e/samples", "f/samples", "g/samples", "prod"):
        write(BAD, f"{folder}/main.tf")
    out = kvlint(".", *ONE).out
    assert out.endswith(" 7 more in tests and examples (e/samples, f/samples, g/samples, tests, vendor and 1 more).\n")
    summary = json.loads(kvlint(".", *ONE, "-f", "json").out)["summary"]
    assert summary["testFolders"] == ["e/samples", "f/samples", "g/samples", "tests", "vendor", "x/examples"]
    counted = kvlint(".", *ONE, "--include-tests")
    assert "examples (" not in counted.out


def test_the_summary_names_them_if_no_finding_is_left(kvlint: Kvlint) -> None:
    write(BAD, "examples/main.tf")
    text = "Findings in tests and examples have medium severity at most (examples)."
    assert text in kvlint(".", *ONE, "--min-severity", "high").out
    assert text not in kvlint(".", *ONE).out


def test_a_glob_and_a_call_name_the_folder(kvlint: Kvlint) -> None:
    write(BAD, "lab/x/main.tf")
    assert " 1 more in tests and examples (lab)." in kvlint(".", *ONE, "--test-folders", "lab/").out


@pytest.mark.parametrize("name", ["generated.py", "Makefile", "run.sh", "setup.ps1"])
def test_a_long_script_that_deploys_nothing_leaves_the_mark(name: str, kvlint: Kvlint) -> None:
    write(BAD, "tests/kv/main.tf")
    write("# a line of data\n" * 20_000, f"src/{name}")
    assert marked(kvlint, ".") == {"tests/kv/main.tf": True}


def test_a_long_script_deploys_what_it_names_near_its_end(kvlint: Kvlint) -> None:
    write(BAD, "tests/kv/main.tf")
    write(BAD, "tests/other/main.tf")
    write("# a line of data\n" * 20_000 + "terraform -chdir=tests/kv apply\n", "deploy.sh")
    assert marked(kvlint, ".") == {"tests/kv/main.tf": False, "tests/other/main.tf": True}


def test_a_script_that_is_not_read_to_its_end_is_a_note(kvlint: Kvlint) -> None:
    write("# a line of data\n" * 130_000, "deploy.sh")
    write(GOOD, "tests/kv/main.tf")
    assert json.loads(kvlint(".", *ONE, "-f", "json").out)["problems"] == []
    write(BAD, "tests/kv/main.tf")
    found = json.loads(kvlint(".", *ONE, "-f", "json").out)
    assert [one["inTests"] for one in found["findings"]] == [True]
    (problem,) = found["problems"]
    assert (problem["level"], problem["location"]["path"]) == ("note", "deploy.sh")
    assert "the first 2,000,000 bytes" in problem["message"]
