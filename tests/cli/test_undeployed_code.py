"""Code that nothing deploys: its results come last, and nothing else about them differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

MARK = "[in code that no scanned file deploys]"
RULES = ("--select", "KV001,KV301")
BICEP = (
    "{0}resource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {{\n  name: {1}\n  location: 'westeurope'\n"
    "  properties: {{\n    sku: {{ family: 'A', name: 'standard' }}\n    tenantId: tenant().tenantId\n  }}\n}}\n"
)
BICEP_ROOT, BICEP_MODULE = BICEP.format("", "'kv-root'"), BICEP.format("param name string\n", "name")
TERRAFORM = 'resource "azurerm_key_vault" "kv" {{\n  name = {0}\n  purge_protection_enabled = false\n}}\n'
TERRAFORM_ROOT = 'provider "azurerm" {\n  features {}\n}\n' + TERRAFORM.format('"kv-root"')
TERRAFORM_MODULE = 'variable "name" {\n  type = string\n}\n' + TERRAFORM.format("var.name")
COMPILED = {"_generator": {"name": "bicep", "version": "0.30.3", "templateHash": "1"}}


def template(name: str, *, has_parameter: bool = False, metadata: dict[str, Any] | None = None) -> str:
    vault = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2024-11-01", "name": name, "location": "westeurope",
        "properties": {"tenantId": "[subscription().tenantId]", "sku": {"family": "A", "name": "standard"}},
    }  # fmt: skip
    return json.dumps(
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "metadata": metadata or {},
            "parameters": {"name": {"type": "string"}} if has_parameter else {},
            "resources": [vault],
        },
        indent=2,
    )


ARM_ROOT, ARM_MODULE = template("kv-root"), template("[parameters('name')]", has_parameter=True)
LANGUAGES = {
    "Terraform": {"a/modules/kv/main.tf": TERRAFORM_MODULE, "live/main.tf": TERRAFORM_ROOT},
    "Bicep": {"a/kv.bicep": BICEP_MODULE, "main.bicep": BICEP_ROOT},
}


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def document(kvlint: Kvlint, *words: str) -> dict[str, Any]:
    output = kvlint(".", *RULES, "-f", "json", *words)
    assert output.code in (0, 1), output
    parsed: dict[str, Any] = json.loads(output.out)
    return parsed


def undeployed(kvlint: Kvlint, *words: str) -> dict[str, bool]:
    """Return whether the findings at each path are in code that nothing deploys, in the order of the report."""
    return {one["location"]["path"]: one["undeployed"] for one in document(kvlint, *words)["findings"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_undeployed_module_is_listed_last(language: str, kvlint: Kvlint) -> None:
    write(LANGUAGES[language])
    module, root = LANGUAGES[language]
    assert list(undeployed(kvlint).items()) == [(root, False), (module, True)]


@pytest.mark.parametrize("format_", ["text", "concise", "markdown", "github", "azure", "html"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_format_marks_undeployed_code_and_lists_it_last(format_: str, language: str, kvlint: Kvlint) -> None:
    write(LANGUAGES[language])
    module, root = LANGUAGES[language]
    text = kvlint(".", "--select", "KV001", "-f", format_).out.replace("\\[", "[")
    text = text.replace("\\]", "]").replace("%5D", "]")
    # A page lists all vaults first.
    text = text[text.index("<article") :] if format_ == "html" else text
    assert 0 <= text.index(root) < text.index(module)
    assert text.count(MARK) == 1
    assert text.index(MARK) > text.index(module)


def test_findings_of_undeployed_code_are_listed_separately(kvlint: Kvlint) -> None:
    write(LANGUAGES["Bicep"])
    lines = kvlint(".", "--select", "KV001").out.splitlines()
    assert lines[0] == "main.bicep:1:1: high[KV001] Purge protection is not enabled on kv"
    assert lines[1] == f"a/kv.bicep:2:1: high[KV001] Purge protection is not enabled on kv {MARK}"
    assert lines[2].startswith("Found 2 issues (2 high) in 2 key vaults.")


def test_a_deployed_member_is_the_first_of_its_unit(kvlint: Kvlint) -> None:
    shared = TERRAFORM.format('"kv"')
    call = 'module "kv" {\n  source = "../kv"\n}\n'
    caller = f'variable "unset" {{\n  type = string\n}}\n{call}'
    write(
        {"kv/main.tf": shared, "b/main.tf": f'provider "azurerm" {{\n  features {{}}\n}}\n{call}', "a/main.tf": caller}
    )
    (finding,) = (one for one in document(kvlint)["findings"] if one["ruleId"] == "KV001")
    assert [one["root"] for one in finding["occurrences"]] == ["b", "a"]
    assert not finding["undeployed"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_repository_of_modules_has_no_undeployed_code(language: str, kvlint: Kvlint) -> None:
    module, _ = LANGUAGES[language]
    other = module.replace("a/", "b/")
    write({module: LANGUAGES[language][module], other: LANGUAGES[language][module]})
    assert undeployed(kvlint) == {module: False, other: False}
    assert MARK not in kvlint(".", *RULES).out


@pytest.mark.parametrize(
    "files",
    [
        {"a/kv.parameters.json": json.dumps({"parameters": {"name": {"value": "kv-a"}}})},
        {"a/kv.bicepparam": "using 'kv.bicep'\nparam name = 'kv-a'\n"},
        {"deploy.sh": "az deployment group create -g rg --template-file a/kv.bicep\n"},
        {"main.bicep": "module kv 'a/kv.bicep' = {\n  name: 'kv'\n  params: { name: 'kv-a' }\n}\n"},
    ],
)
def test_module_with_parameters_or_a_caller_is_deployed(files: dict[str, str], kvlint: Kvlint) -> None:
    write({"a/kv.bicep": BICEP_MODULE, "main.bicep": BICEP_ROOT, **files})
    assert not any(undeployed(kvlint).values())


def test_root_with_required_parameters_that_calls_modules_is_deployed(kvlint: Kvlint) -> None:
    calls = "param a string\nmodule kv 'kv.bicep' = {\n  name: 'kv'\n  params: { name: a }\n}\n"
    write({"a/main.bicep": calls, "a/kv.bicep": BICEP_MODULE, "main.bicep": BICEP_ROOT})
    assert undeployed(kvlint) == {"a/kv.bicep": False, "main.bicep": False}


def test_file_on_the_command_line_is_not_marked_as_undeployed(kvlint: Kvlint) -> None:
    write(LANGUAGES["Bicep"])
    output = kvlint("a/kv.bicep", "main.bicep", *RULES)
    assert MARK not in output.out


def test_root_in_examples_marks_no_code_as_undeployed(kvlint: Kvlint) -> None:
    write({"a/kv.bicep": BICEP_MODULE, "samples/main.bicep": BICEP_ROOT})
    assert not any(undeployed(kvlint).values())


def test_module_called_by_its_examples_only_is_listed_after_deployed_code(kvlint: Kvlint) -> None:
    example = 'provider "azurerm" {\n  features {}\n}\nmodule "kv" {\n  source = "../.."\n  name = "kv"\n}\n'
    write({
        "a/kv/main.tf": TERRAFORM_MODULE, "a/kv/examples/basic/main.tf": example, "live/main.tf": TERRAFORM_ROOT,
    })  # fmt: skip
    assert list(undeployed(kvlint).items()) == [("live/main.tf", False), ("a/kv/main.tf", True)]


@pytest.mark.parametrize("name", ["arm/main.json", "azuredeploy.json"])
def test_a_copy_of_a_compiled_template_comes_after_its_source(name: str, kvlint: Kvlint) -> None:
    compiled = template("kv-root", metadata=COMPILED)
    write({"infra/main.bicep": BICEP_ROOT, name: compiled})
    assert undeployed(kvlint) == {"infra/main.bicep": False, name: True}
    write({"deploy.sh": f"az deployment group create -g rg --template-file {name}\n"})
    assert not any(undeployed(kvlint).values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_order_and_first_places_differ(language: str, kvlint: Kvlint) -> None:
    files = LANGUAGES[language]
    module, _ = files
    write(files)
    kvlint(".", *RULES, "--write-baseline", "baseline.json")
    code = kvlint(".", *RULES).code
    whole = document(kvlint)
    write({"deploy.sh": f"az deployment group create -f {module}\nterraform -chdir={Path(module).parent} apply\n"})
    known = document(kvlint)
    assert code == kvlint(".", *RULES).code == 1
    assert whole["summary"] == known["summary"]
    assert [one["location"]["path"] for one in known["findings"]] == sorted(
        one["location"]["path"] for one in whole["findings"]
    )
    for one in whole["findings"]:
        one["undeployed"] = False
    assert sorted(whole["findings"], key=str) == sorted(known["findings"], key=str)
    Path("deploy.sh").unlink()
    output = kvlint(".", *RULES, "--baseline", "baseline.json")
    assert output.code == 0
    assert "obsolete" not in output.out


def machine_results(kvlint: Kvlint, format_: str) -> dict[str, str]:
    """Return the fingerprints of the findings by path and rule, in the order of the report."""
    parsed = json.loads(kvlint(".", *RULES, "-f", format_).out)
    if format_ == "gitlab":
        return {f"{one['location']['path']} {one['check_name']}": one["fingerprint"] for one in parsed}
    return {
        f"{one['locations'][0]['physicalLocation']['artifactLocation']['uri']} {one['ruleId']}": str(
            one["partialFingerprints"]
        )
        for one in parsed["runs"][0]["results"]
    }


@pytest.mark.parametrize("format_", ["sarif", "gitlab"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_fingerprints_do_not_depend_on_deployment_commands(format_: str, language: str, kvlint: Kvlint) -> None:
    module, _ = LANGUAGES[language]
    write(LANGUAGES[language])
    before = machine_results(kvlint, format_)
    write({"deploy.sh": f"az deployment group create -f {module}\nterraform -chdir={Path(module).parent} apply\n"})
    assert machine_results(kvlint, format_) == before


@pytest.mark.parametrize("format_", ["sarif", "gitlab"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_formats_for_machines_list_it_last(format_: str, language: str, kvlint: Kvlint) -> None:
    write(LANGUAGES[language])
    module, root = LANGUAGES[language]
    paths = [name.partition(" ")[0] for name in machine_results(kvlint, format_)]
    assert paths == sorted(paths, key=[root, module].index)
    assert set(paths) == {root, module}


def test_the_order_does_not_depend_on_processes_and_cache(kvlint: Kvlint, tmp_path: Path) -> None:
    write({path: text for files in LANGUAGES.values() for path, text in files.items()})
    expected = kvlint(".", *RULES, "--jobs", "1").out
    assert MARK in expected
    assert kvlint(".", *RULES, "--jobs", "2").out == expected
    for _ in range(2):
        assert kvlint(".", *RULES, "--cache-dir", str(tmp_path / "cache")).out == expected


def test_templates_with_required_parameters_are_deployed(kvlint: Kvlint) -> None:
    """They may be linked by an address, and deployed from the portal."""
    write({"a/kv.json": ARM_MODULE, "main.json": ARM_ROOT, "main.bicep": BICEP_ROOT})
    assert not any(undeployed(kvlint).values())


def test_finding_of_an_outdated_compiled_template_is_listed_last(kvlint: Kvlint) -> None:
    files = {"a.bicep": BICEP_ROOT, "a.json": template("kv-before", metadata=COMPILED)}
    write({**files, "b.bicep": BICEP.format("", "'kv-other'")})
    assert list(undeployed(kvlint).items()) == [("a.bicep", False), ("b.bicep", False), ("a.json", True)]
    write({"deploy.sh": "az deployment group create -g rg -f a.json\n"})
    assert not any(undeployed(kvlint).values())
