"""Templates and Bicep files as users give them: parameter files, modules, compiled twins, suppressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
BICEP = """param purge bool
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  properties: {
    enablePurgeProtection: purge
  }
}
"""


def template(value: Any = "[parameters('purge')]", generated: bool = False) -> str:
    """A template of one vault, whose purge protection is ``value``."""
    metadata = {"metadata": {"_generator": {"name": "bicep", "version": "0.30.0"}}} if generated else {}
    vault = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": "kv",
        "properties": {"enablePurgeProtection": value},
    }
    return json.dumps(
        {"$schema": SCHEMA, **metadata, "parameters": {"purge": {"type": "bool"}}, "resources": [vault]}, indent=2
    )


GENERATED = {"_generator": {"name": "bicep", "version": "0.30.0"}}


def deployment(name: str, inner: dict[str, Any], more: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A nested deployment of inner scope, as the Bicep compiler writes a module."""
    properties = {
        "expressionEvaluationOptions": {"scope": "inner"},
        "mode": "Incremental",
        **(more or {}),
        "template": {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **inner},
    }
    return {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": name, **top,
        "properties": properties,
    }  # fmt: skip


def nested(*groups: str) -> str:
    """A template that deploys one vault without purge protection to each resource group."""
    vault = json.loads(template(False))["resources"]
    resources = [deployment(name, {"resources": vault}, resourceGroup=name) for name in groups]
    schema = SCHEMA.replace("deploymentTemplate", "subscriptionDeploymentTemplate")
    return json.dumps({"$schema": schema, "metadata": GENERATED, "resources": resources}, indent=1)


def differences(run: Run, folder: Path) -> list[dict[str, Any]]:
    """The notes that a template differs from its Bicep file."""
    report = json.loads(run("-f", "json", ".", cwd=folder).out)
    return [one for one in report["problems"] if one["code"] == "KVE013"]


def given(**values: Any) -> str:
    return json.dumps({"$schema": PARAMETERS, "parameters": {name: {"value": value} for name, value in values.items()}})


def found(run: Run, folder: Path, *arguments: str) -> list[tuple[str, str, int]]:
    """Outcome, path and line of what KV001 says, in the order of the report."""
    ran = run("-f", "json", "--select", "KV001", *arguments, cwd=folder)
    assert "internal error" not in ran.out
    report = json.loads(ran.out)
    told = report["findings"] + report["unknown"]
    return [(one["outcome"], one["location"]["path"], one["location"]["line"]) for one in told]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class TestParameters:
    def test_without_a_value_nothing_is_decided(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, other_json=template(), main_bicep=BICEP)
        assert [outcome for outcome, *_ in found(run, tmp_path, ".")] == ["unknown", "unknown"]

    @pytest.mark.parametrize("name", ["main_parameters_json", "main_prod_parameters_json", "main_parameters_prod_json"])
    def test_a_file_is_found_by_its_name(self, name: str, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=BICEP, **{name: given(purge=False)})
        assert [outcome for outcome, *_ in found(run, tmp_path, ".")] == ["fail"]
        assert found(run, tmp_path, ".") == found(run, tmp_path, "main.bicep")

    def test_each_set_of_parameters_is_a_deployment(self, tmp_path: Path, run: Run) -> None:
        sets = {"main_dev_parameters_json": given(purge=False), "main_prod_parameters_json": given(purge=True)}
        write(tmp_path, main_json=template(), **sets)
        assert [outcome for outcome, *_ in found(run, tmp_path, ".")] == ["fail"]

    def test_the_option_wins_over_names(self, tmp_path: Path, run: Run) -> None:
        sets = {"main_parameters_json": given(purge=False), "good_json": given(purge=True)}
        write(tmp_path, main_bicep=BICEP, **sets)
        assert found(run, tmp_path, "main.bicep", "--parameters", "good.json") == []

    def test_a_bicepparam_names_its_template(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=BICEP, prod_bicepparam="using 'main.bicep'\nparam purge = false\n")
        assert found(run, tmp_path, "prod.bicepparam") == [("fail", "prod.bicepparam", 2)]
        assert found(run, tmp_path, ".") == [("fail", "prod.bicepparam", 2)]

    def test_one_for_no_template_is_a_problem(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, prod_bicepparam="using 'gone.bicep'\nparam purge = false\n")
        ran = run("prod.bicepparam", cwd=tmp_path)
        assert ran.code == 3
        assert "prod.bicepparam:1:7: error[KVE001] `gone.bicep`, named in `using`, cannot be read" in ran.out

    def test_parameters_option_without_a_template_is_a_usage_error(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, good_json=given(purge=True))
        (tmp_path / "empty").mkdir()
        assert run("empty", "--parameters", "good.json", cwd=tmp_path).code == 2


class TestModules:
    CALLER = "module kv 'modules/vault.bicep' = {\n  name: 'kv'\n  params: {\n    purge: false\n  }\n}\n"

    def test_module_is_evaluated_through_its_callers(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=self.CALLER, modules__vault_bicep=BICEP)
        assert found(run, tmp_path, ".") == [("fail", "main.bicep", 4)]

    def test_module_on_the_command_line_is_evaluated_alone(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=self.CALLER, modules__vault_bicep=BICEP)
        assert found(run, tmp_path, "modules/vault.bicep") == [("unknown", "modules/vault.bicep", 5)]

    def test_the_call_is_a_related_place(self, tmp_path: Path, run: Run) -> None:
        module = BICEP.replace("param purge bool\n", "").replace(": purge", ": false")
        caller = "module kv 'vault.bicep' = {\n  name: 'kv'\n}\n"
        write(tmp_path, main_bicep=caller, vault_bicep=module)
        report = json.loads(run("-f", "json", "--select", "KV001", "main.bicep", cwd=tmp_path).out)
        (finding,) = report["findings"]
        assert (finding["location"]["path"], finding["location"]["line"]) == ("vault.bicep", 4)
        (note,) = finding["relatedLocations"]
        assert (note["message"], note["location"]["path"], note["location"]["line"]) == ("called here", "main.bicep", 1)

    def test_a_module_that_several_deployments_use_has_one_finding(self, tmp_path: Path, run: Run) -> None:
        call = "module kv 'vault.bicep' = {\n  name: 'kv'\n}\n"
        module = BICEP.replace("param purge bool\n", "").replace(": purge", ": false")
        write(tmp_path, a_bicep=call, b_bicep=call, vault_bicep=module)
        assert found(run, tmp_path, ".") == [("fail", "vault.bicep", 4)]
        report = json.loads(run("-f", "json", "--select", "KV001", ".", cwd=tmp_path).out)
        (finding,) = report["findings"]
        assert [one["root"] for one in finding["occurrences"]] == ["a.bicep", "b.bicep"]
        assert [note["location"]["path"] for note in finding["relatedLocations"]] == ["a.bicep", "b.bicep"]
        told = run("--select", "KV001", ".", cwd=tmp_path).out
        assert "[called at a.bicep:1:1] [and 1 more: kv.kv of b.bicep]" in told
        assert "Found 1 issue (1 high) on 2 resources in 2 key vaults." in told
        (tmp_path / "b.bicep").unlink()
        (alone,) = json.loads(run("-f", "json", "--select", "KV001", ".", cwd=tmp_path).out)["findings"]
        assert alone["fingerprint"] == finding["fingerprint"]

    def test_deployed_vault_referenced_as_existing_is_one_resource(self, tmp_path: Path, run: Run) -> None:
        caller = """module kv 'vault.bicep' = {
  name: 'kv'
}
resource same 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: 'kv'
}
"""
        module = BICEP.replace("param purge bool\n", "").replace(": purge", ": true")
        write(tmp_path, main_bicep=caller, vault_bicep=module)
        graph = run("graph", "main.bicep", cwd=tmp_path).out
        assert graph.count("Microsoft.KeyVault/vaults") == 1

    def test_files_that_call_each_other_in_a_circle_are_a_problem(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, a_bicep="module b 'b.bicep' = {\n}\n", b_bicep="module a 'a.bicep' = {\n}\n")
        ran = run(".", cwd=tmp_path)
        assert ran.code == 3
        assert "bicep:1" in ran.out

    def test_files_outside_of_the_root_are_not_read(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, outside_bicep=BICEP, inside__main_bicep=self.CALLER.replace("modules/vault", "../outside"))
        ran = run("main.bicep", cwd=tmp_path / "inside")
        assert ran.code == 3
        assert "KVE001" in ran.out


class TestCompiled:
    def test_finding_in_bicep_and_compiled_template_is_reported_in_bicep_only(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=BICEP.replace("bool", "bool = false"), main_json=template(False, generated=True))
        assert found(run, tmp_path, ".") == [("fail", "main.bicep", 5)]

    def test_finding_of_the_compiled_template_alone_is_on_its_own_line(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=BICEP, main_json=template(False, generated=True))
        assert found(run, tmp_path, ".") == [("fail", "main.json", 20)]
        assert '"enablePurgeProtection": false' in (tmp_path / "main.json").read_text(encoding="utf-8").splitlines()[19]

    def test_a_template_that_is_not_current_is_reported_on_its_own_lines(self, tmp_path: Path, run: Run) -> None:
        bicep = BICEP.replace("param purge bool\n", "").replace(": purge", ": true").replace("2023-07-01", "2026-02-01")
        write(tmp_path, main_bicep=bicep, main_json=template(False, generated=True))
        assert found(run, tmp_path, ".") == [("fail", "main.json", 20)]
        (note,) = differences(run, tmp_path)
        assert note["level"] == "note"
        assert note["message"] == (
            "the compiled template differs from `main.bicep`: "
            "`properties.enablePurgeProtection` of `kv`, `apiVersion` of `kv`"
        )
        assert note["location"]["path"] == "main.json"

    def test_a_template_that_lacks_a_fault_leaves_it_in_the_bicep_file(self, tmp_path: Path, run: Run) -> None:
        bicep = BICEP.replace("bool", "bool = false")
        write(tmp_path, main_bicep=bicep, main_json=template(True, generated=True))
        assert found(run, tmp_path, ".") == [("fail", "main.bicep", 5)]
        assert len(differences(run, tmp_path)) == 1

    def test_resources_of_other_names_are_not_one(self, tmp_path: Path, run: Run) -> None:
        bicep = BICEP.replace("bool", "bool = false").replace("'kv'", "'kv-${resourceGroup().name}'")
        compiled = template(False, generated=True).replace('"kv"', "\"[format('{0}-kv', resourceGroup().name)]\"")
        write(tmp_path, main_bicep=bicep, main_json=compiled)
        assert [path for _, path, _ in found(run, tmp_path, ".")] == ["main.bicep", "main.json"]
        (note,) = differences(run, tmp_path)
        assert "`kv` is only in the Bicep file" in note["message"]
        assert "is only in the template" in note["message"]

    @pytest.mark.parametrize(
        ("name", "expression"),
        [
            ("kv-${resourceGroup().name}", "[format('kv-{0}', resourceGroup().name)]"),
            ("kv${uniqueString(subscription().id, 'x')}", "[concat('kv', uniqueString(subscription().id, 'x'))]"),
        ],
    )
    def test_equal_expressions_are_one_name(self, name: str, expression: str, tmp_path: Path, run: Run) -> None:
        bicep = BICEP.replace("bool", "bool = false").replace("'kv'", f"'{name}'")
        compiled = template(False, generated=True).replace('"kv"', json.dumps(expression))
        write(tmp_path, main_bicep=bicep, main_json=compiled)
        assert found(run, tmp_path, ".") == [("fail", "main.bicep", 5)]
        assert differences(run, tmp_path) == []

    def test_resources_of_other_scopes_are_not_one(self, tmp_path: Path, run: Run) -> None:
        bicep = "targetScope = 'subscription'\n" + "".join(
            f"module {name} 'vault.bicep' = {{\n  name: '{name}'\n  scope: resourceGroup('{name}')\n}}\n"
            for name in ("a", "b")
        )
        vault = BICEP.replace("param purge bool\n", "").replace(": purge", ": false")
        write(tmp_path, main_bicep=bicep, vault_bicep=vault, main_json=nested("a"))
        assert [path for _, path, _ in found(run, tmp_path, ".")] == ["vault.bicep"]
        (note,) = differences(run, tmp_path)
        assert note["message"].endswith(": `b.kv` is only in the Bicep file")
        write(tmp_path, main_json=nested("a", "b"))
        assert differences(run, tmp_path) == []
        write(tmp_path, main_json=nested("a", "c"))
        assert [path for _, path, _ in found(run, tmp_path, ".")] == ["vault.bicep", "main.json"]

    def test_outputs_of_two_modules_with_one_name(self, tmp_path: Path, run: Run) -> None:
        """The first module is of a registry; only its output holds a secret."""
        harmless = "param jobs string\noutput value string = jobs\n"
        bicep = (
            "@secure()\nparam pw string\n"
            "module first 'br:cases.azurecr.io/first:1.0.0' = {\n  name: 'one'\n  params: { pw: pw }\n}\n"
            "module second 'second.bicep' = {\n  name: 'two'\n  params: { jobs: 'jobs' }\n}\n"
        )
        inner = [
            ("one", {"pw": {"type": "securestring"}}, {"pw": {"value": "[parameters('pw')]"}}, "[parameters('pw')]"),
            ("two", {"jobs": {"type": "string"}}, {"jobs": {"value": "jobs"}}, "[parameters('jobs')]"),
        ]
        resources = [
            deployment(
                name,
                {"parameters": parameters, "resources": [], "outputs": {"value": {"type": "string", "value": value}}},
                {"parameters": given},
            )
            for name, parameters, given, value in inner
        ]
        top = {"$schema": SCHEMA, "metadata": GENERATED, "parameters": {"pw": {"type": "securestring"}}}
        write(tmp_path, main_bicep=bicep, second_bicep=harmless, main_json=json.dumps(top | {"resources": resources}))
        report = json.loads(run("-f", "json", "--select", "KV612", ".", cwd=tmp_path).out)
        assert [one["location"]["path"] for one in report["findings"]] == ["main.json"]

    def test_template_without_generator_is_not_a_compiled_file(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_bicep=BICEP.replace("bool", "bool = false"), main_json=template(False))
        assert [path for _, path, _ in found(run, tmp_path, ".")] == ["main.bicep", "main.json"]


class TestSuppression:
    def test_directive_on_the_line_before_disables_the_finding(self, tmp_path: Path, run: Run) -> None:
        silent = BICEP.replace("    enable", "    #disable-next-line KV001\n    enable").replace("bool", "bool = false")
        write(tmp_path, main_bicep=silent)
        assert found(run, tmp_path, "main.bicep") == []

    def test_directive_applies_to_its_rule_only(self, tmp_path: Path, run: Run) -> None:
        silent = BICEP.replace("    enable", "    #disable-next-line KV999\n    enable").replace("bool", "bool = false")
        write(tmp_path, main_bicep=silent)
        assert found(run, tmp_path, "main.bicep") == [("fail", "main.bicep", 6)]


class TestFolders:
    def test_other_json_is_ignored(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, package_json='{"name": "x", "resources": 1}', main_json=template(False))
        ran = run(".", cwd=tmp_path)
        assert ran.code == 1
        assert "package.json" not in ran.out

    def test_a_template_that_cannot_be_read_is_a_problem(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_json=template(False)[:-3])
        ran = run(".", cwd=tmp_path)
        assert ran.code == 3
        assert "main.json:" in ran.out

    def test_report_does_not_depend_on_the_number_of_processes(self, tmp_path: Path, run: Run) -> None:
        for number in range(20):
            write(tmp_path, **{f"{number}_json": template(False), f"{number}_bicep": BICEP})
        alone = run("-f", "sarif", "-j", "1", ".", cwd=tmp_path)
        assert alone == run("-f", "sarif", "-j", "2", ".", cwd=tmp_path)
        assert alone.code == 1

    def test_a_number_of_processes_is_a_number(self, tmp_path: Path, run: Run) -> None:
        write(tmp_path, main_json=template(False))
        assert run("-j", "two", "main.json", cwd=tmp_path).code == 2


@pytest.mark.parametrize(("text", "outcomes"), [("true", []), ("False", ["fail"]), ("on", ["unknown"])])
def test_string_in_place_of_a_boolean_is_converted_or_unknown(
    text: str, outcomes: list[str], tmp_path: Path, run: Run
) -> None:
    """Azure converts it or rejects it, and then nothing is deployed."""
    write(tmp_path, main_json=template(text))
    assert [outcome for outcome, *_ in found(run, tmp_path, "main.json")] == outcomes


def test_api_versions_differ_in_the_permission_model(tmp_path: Path, run: Run) -> None:
    """Source: learn.microsoft.com/azure/key-vault/general/access-control-default."""
    for version in ("2023-07-01", "2026-02-01"):
        write(tmp_path, **{f"v{version[:4]}_json": template(True).replace("2023-07-01", version)})
    report = json.loads(run("-f", "json", "--select", "KV301", ".", cwd=tmp_path).out)
    assert [finding["location"]["path"] for finding in report["findings"]] == ["v2023.json"]
    assert report["unknown"] == []


class TestSecretsOfOtherResources:
    """What a template puts into a secret stays secret where another resource refers to it."""

    SECRET = "QXZJWYQJXWZYQWXJ"

    @pytest.mark.parametrize(
        ("declared", "reference"),
        [
            ("resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01'", "s.properties.value"),
            ("resource s 'microsoft.keyvault/Vaults/SECRETS@2023-07-01'", "s['properties']['value']"),
            ("resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01'", "toLower('${s.properties.value}-x')"),
        ],
    )
    def test_bicep(self, run: Run, tmp_path: Path, declared: str, reference: str) -> None:
        vault = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01'"
        sku = f"properties: {{ sku: {{ name: {reference} }} }}"
        text = f"""{declared} = {{
  name: 'kv-prod/s'
  properties: {{ value: '{self.SECRET}' }}
}}
{vault} = {{
  name: {reference}
  {sku}
}}
"""
        write(tmp_path, main_bicep=text)
        self.check(run, tmp_path)

    def test_secret_in_its_own_name_is_not_printed(self, run: Run, tmp_path: Path) -> None:
        text = f"""resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {{
  name: 'kv-prod/${{s.properties.value}}'
  properties: {{ value: '{self.SECRET}' }}
}}
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-prod'
  properties: {{ sku: {{ name: s.properties.value }} }}
}}
"""
        write(tmp_path, main_bicep=text)
        self.check(run, tmp_path)

    def test_secret_of_a_child_resource_is_not_printed(self, run: Run, tmp_path: Path) -> None:
        text = f"""resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-prod'
  resource s 'secrets' = {{
    name: 's'
    properties: {{ value: '{self.SECRET}' }}
  }}
  properties: {{ sku: {{ name: kv::s.properties.value }} }}
}}
resource other 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: kv::s.properties.value
  properties: {{ sku: {{ name: kv::s.properties.value }} }}
}}
"""
        write(tmp_path, main_bicep=text)
        self.check(run, tmp_path)

    @pytest.mark.parametrize(
        "reference", ["reference('s').value", "reference('s', '2023-07-01', 'full').properties.value"]
    )
    def test_secret_read_by_reference_is_not_printed(self, run: Run, tmp_path: Path, reference: str) -> None:
        secret = {
            "type": "Microsoft.KeyVault/vaults/secrets",
            "apiVersion": "2023-07-01",
            "name": "kv-prod/s",
            "properties": {"value": self.SECRET},
        }
        vault = {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": f"[{reference}]",
            "properties": {"sku": {"name": f"[{reference}]"}},
        }
        document = {"$schema": SCHEMA, "languageVersion": "2.0", "resources": {"s": secret, "kv": vault}}
        write(tmp_path, azuredeploy_json=json.dumps(document, indent=1))
        self.check(run, tmp_path)

    def check(self, run: Run, folder: Path) -> None:
        ran = run(".", "-f", "json", "--profile", "all", cwd=folder)
        assert self.SECRET not in (ran.out + ran.err).upper()
        assert "`properties.sku.name` is (sensitive)" in ran.out
