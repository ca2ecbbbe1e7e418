"""Mistakes on the command line: commands, variables, file types and patterns that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.config.options import COMMANDS
from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.model.finding import UNIT_KINDS

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

VAULT = 'resource "azurerm_key_vault" "this" {\n  name = "kv-prod"\n}\n'
VAULT_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
WHAT_IF = {
    "status": "Succeeded",
    "changes": [{"resourceId": VAULT_ID, "changeType": "Create", "after": {"id": VAULT_ID, "name": "kv"}}],
}
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "properties": {}}],
}


def write(path: str, text: str) -> None:
    """Write a file with its folders."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def problems(said: CommandOutput) -> list[dict[str, Any]]:
    """Return the problems of a report in JSON."""
    found: list[dict[str, Any]] = json.loads(said.out)["problems"]
    return found


def paths(said: CommandOutput) -> set[str]:
    """Return the folders of the findings of a report in JSON."""
    return {Path(one["location"]["path"]).parent.as_posix() for one in json.loads(said.out)["findings"]}


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("explian KV001", "explain"),
        ("expalin KV001", "explain"),
        ("chekc good.json", "check"),
        ("Check good.json", "check"),
        ("supressions .", "suppressions"),
        ("control .", "controls"),
        ("rule", "rules"),
        ("grpah good.json", "graph"),
        ("shema", "schema"),
        ("explian --help", "explain"),
    ],
)
def test_a_mistyped_command_is_recognized(kvlint: Kvlint, line: str, command: str) -> None:
    word = line.split(maxsplit=1)[0]
    said = kvlint(*line.split())
    assert said == (2, "", f"kvlint: error: '{word}' is neither a command nor a path (did you mean '{command}'?)\n")


def test_path_is_not_a_mistyped_command(kvlint: Kvlint) -> None:
    write("rule/main.tf", VAULT)
    assert kvlint("rule", "--select", "KV001").code == 1
    for word in ("plan.json", "infra", "main.tf"):
        said = kvlint(word)
        assert (said.code, said.err.startswith(f"kvlint: error: '{word}' does not exist (")) == (2, True)
    assert kvlint("good.json", "explian").err.startswith("kvlint: error: 'explian' does not exist (")


def test_one_command_is_not_suggested_for_another(kvlint: Kvlint) -> None:
    for command in COMMANDS:
        assert "neither a command" not in kvlint(command, "--help").err


# --- options and arguments --------------------------------------------------------------------------------------------


ID = ", which is 2 to 8 capital letters and 1 to 6 digits, such as ABC-12"
NUMBER = "expected a number (kvlint explain KV003 describes the parameter)"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("good.json --fromat json", "unknown option '--fromat' (did you mean '--format'?)"),
        ("good.json --frob", "unknown option '--frob' (kvlint check --help lists all options)"),
        ("--frob", "unknown option '--frob' (kvlint check --help lists all options)"),
        ("good.json -x", "unknown option '-x' (kvlint check --help lists all options)"),
        ("good.json --fromat=hunter2", "unknown option '--fromat' (did you mean '--format'?)"),
        (
            "controls . --fail-on high",
            "unknown option '--fail-on' (--fail-on is an option of kvlint check, kvlint fleet and kvlint diff)",
        ),
        ("check . --framework mcsb", "unknown option '--framework' (--framework is an option of kvlint controls)"),
        ("explain KV001 --rule x", "unknown option '--rule' (did you mean '--rules'?)"),
        ("rules --categry x", "unknown option '--categry' (did you mean '--category'?)"),
        ("good.json --format", "--format requires a value (write --format FORMAT)"),
        ("good.json -f", "-f requires a value (write -f FORMAT)"),
        ("good.json --strict=yes", "--strict does not accept a value (write --strict)"),
        ("check", "missing argument PATH... (kvlint check --help shows the usage)"),
        ("explain", "missing argument RULE (kvlint explain --help shows the usage)"),
        ("rules new ACME-1", "missing argument NAME (kvlint rules new --help shows the usage)"),
        ("explain KV001 KV002", "unexpected argument 'KV002' (kvlint explain --help shows the usage)"),
        ("graph good.json bad.json", "unexpected argument 'bad.json' (kvlint graph --help shows the usage)"),
        ("schema toml", "unexpected argument 'toml' (kvlint schema --help shows the usage)"),
        ("rules tset", "unknown command 'kvlint rules tset' (did you mean 'test'?)"),
        ("rules frob", "unknown command 'kvlint rules frob' (kvlint rules --help lists all commands)"),
        ("graph good.json -f dto", "unknown format 'dto' (did you mean 'dot'?)"),
        ("rules -f xml", "unknown format 'xml' (one of text, json)"),
        ("good.json --color Always", "--color Always: unknown value (did you mean 'always'?)"),
        ("good.json --fail-on hihg", "--fail-on hihg: unknown severity (did you mean 'high'?)"),
        ("good.json --jobs -1", "--jobs -1: expected a number of processes (0 means automatic)"),
        ("good.json --set KV003.minimum=nan", f"--set KV003.minimum=nan: {NUMBER}"),
        ("good.json --set KV003.minimum=-inf", f"--set KV003.minimum=-inf: {NUMBER}"),
        ("rules --category netwrk", "unknown category 'netwrk' (did you mean 'network'?)"),
        ("rules --profile strikt", "unknown profile or control framework 'strikt' (did you mean 'strict'?)"),
        ("good.json --parameters nowhere.json", "--parameters nowhere.json: the file does not exist"),
        (
            "good.json --sarif-root-uri here",
            "--sarif-root-uri here: expected a URI that begins with file:///",
        ),
        ("rules new acme owned", f"'acme' is not an id{ID}"),
        ("rules test nowhere", "the rule file or folder 'nowhere' does not exist"),
        ("explain KVE999", "unknown problem code 'KVE999' (did you mean 'KVE009'?)"),
    ],
)  # fmt: skip
def test_every_usage_error_has_one_style(kvlint: Kvlint, line: str, error: str) -> None:
    assert kvlint(*line.split()) == (2, "", f"kvlint: error: {error}\n")


# --- variables --------------------------------------------------------------------------------------------------------


def test_a_variable_that_no_root_module_declares_is_an_error(kvlint: Kvlint) -> None:
    write("app/main.tf", VAULT + 'variable "known" {}\n')
    write("net/main.tf", VAULT)
    assert kvlint("app", "net", "--var", "known=1").code == 1
    said = kvlint("app", "net", "--var", "known=1", "--var", "knwon=hunter2", "-f", "json")
    assert said.code == 3
    (problem,) = problems(said)
    assert (problem["code"], problem["level"]) == ("KVE011", "error")
    assert problem["message"] == "input variable `knwon`, set with --var, is not declared in any root module"
    assert "hunter2" not in said.out + said.err
    assert json.loads(said.out)["findings"]


def test_a_variable_of_a_file_is_a_warning(kvlint: Kvlint) -> None:
    write("app/main.tf", VAULT)
    write("x.tfvars", "unknown = 1\n")
    said = kvlint("app", "--var-file", "x.tfvars", "-f", "json")
    assert (said.code, [one["level"] for one in problems(said)]) == (1, ["warning"])
    write("kvlint.toml", "var = ['unknown=1']\n")
    said = kvlint("app", "-f", "json")
    assert (said.code, [one["level"] for one in problems(said)]) == (1, ["warning"])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("other.tf", 'variable "known" {}\n'),
        ("other.tf", "variable known {\n}\n"),
        ("other.tf.json", '{"variable": {"known": {}}}'),
        ("other.tf", VAULT + 'variable "known" {}\n'),
    ],
)
def test_a_module_without_vaults_may_declare_it(kvlint: Kvlint, file: str, text: str) -> None:
    write("app/main.tf", VAULT)
    write(f"other/{file}", text)
    assert kvlint("app", "other", "--var", "known=1").code == 1
    assert kvlint("app", "other", "--var", "know=1").code == 3


PARAMETERS = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"name": {"value": "kv"}},
}
BICEP = "param name string = 'kv'\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: name\n}\n"


@pytest.mark.parametrize("option", ["--var", "--var-file"])
@pytest.mark.parametrize("name", ["main.bicep", "template.json", "result.json", "good.json"])
def test_a_variable_without_a_terraform_module_is_an_error(kvlint: Kvlint, name: str, option: str) -> None:
    write("main.bicep", BICEP)
    write("template.json", json.dumps(TEMPLATE))
    write("result.json", json.dumps(WHAT_IF))
    write("x.tfvars", 'name = "hunter2"\n')
    for command in ("check", "controls", "suppressions"):
        said = kvlint(command, name, option, "name=hunter2" if option == "--var" else "x.tfvars", "-f", "json")
        assert said.code == 3
        (problem,) = [one for one in problems(said) if one["level"] == "error"]
        subject = "input variable `name`, set with --var," if option == "--var" else "variable file `x.tfvars`"
        assert problem["code"] == "KVE011"
        assert problem["message"] == f"{subject} has no effect: the input contains no Terraform module"
        assert "hunter2" not in said.out + said.err


def test_a_variable_of_the_configuration_may_be_for_other_inputs(kvlint: Kvlint) -> None:
    write("main.bicep", BICEP)
    write("x.tfvars", "name = 1\n")
    write("kvlint.toml", "var = ['name=1']\nvar-file = ['x.tfvars']\n")
    said = kvlint("main.bicep", "-f", "json")
    assert (said.code, problems(said)) == (1, [])


def test_an_input_that_cannot_be_read_may_be_a_module(kvlint: Kvlint) -> None:
    said = kvlint("broken.json", "--var", "name=1", "-f", "json")
    assert (said.code, [one["code"] for one in problems(said)]) == (3, ["KVE001"])


def test_a_module_without_vaults_does_not_declare_every_variable(kvlint: Kvlint) -> None:
    write("app/main.tf", 'variable "known" {}\n')
    assert kvlint("app", "--var", "known=1").code == 0
    assert kvlint("app", "--var", "knwon=1").code == 3


def test_variable_file_is_not_a_parameter_file(kvlint: Kvlint) -> None:
    write("app/main.tf", VAULT)
    write("main.bicep", BICEP)
    write("x.tfvars", "name = 1\n")
    write("main.bicepparam", "using 'main.bicep'\n")
    write("values.json", json.dumps(PARAMETERS))
    said = kvlint("main.bicep", "--parameters", "x.tfvars")
    text = "--parameters x.tfvars: not a parameter file (use --var-file for variables of Terraform)"
    assert said == (2, "", f"kvlint: error: {text}\n")
    said = kvlint("app", "--var-file", "main.bicepparam")
    text = "--var-file main.bicepparam: not a variable file of Terraform (use --parameters for templates)"
    assert said == (2, "", f"kvlint: error: {text}\n")
    said = kvlint("app", "--var-file", "values.json", "-f", "json")
    assert said.code == 3
    (problem,) = problems(said)
    assert (problem["message"], problem["hint"]) == ("the file has parameters of a template", "use `--parameters`")


# --- file types -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "extension"),
    [
        ("README.md", "# A vault\n", ".md"),
        ("deploy.yaml", "a: b\n", ".yaml"),
        ("main.tf.bak", VAULT, ".bak"),
        ("notes.txt", "resource\n", ".txt"),
        ("page.html", "<html></html>", ".html"),
    ],
)
def test_an_unsupported_file_type_is_named(kvlint: Kvlint, name: str, text: str, extension: str) -> None:
    write(name, text)
    said = kvlint(name, "-f", "json")
    assert said.code == 3
    (problem,) = problems(said)
    assert (problem["code"], problem["level"], problem["location"]["path"]) == ("KVE001", "error", name)
    assert problem["message"] == f"files of type '{extension}' are not supported"
    assert "terraform show -json" in problem["hint"]


def test_json_of_any_name_is_read(kvlint: Kvlint) -> None:
    plan = Path("bad.json").read_bytes()
    for name, content in (("plan.txt", plan), ("plan.out", b"\xef\xbb\xbf\n " + plan), ("plan", plan)):
        Path(name).write_bytes(content)
        assert kvlint(name, "--select", "KV001").code == 1
    write("broken.txt", "{")
    assert "error[KVE001] invalid JSON: " in kvlint("broken.txt").out
    write("empty.json", "nonsense")
    assert "error[KVE001] invalid JSON: " in kvlint("empty.json").out


# --- what was read ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kvlint")
def test_inputs_are_counted_by_kind() -> None:
    write("tf/main.tf", "locals {}\n")
    write("bicep/main.bicep", "param name string\n")
    write("bicep/main.parameters.json", '{"$schema": "deploymentParameters.json#", "parameters": {}}')
    write("bicep/main.dev.parameters.json", '{"$schema": "deploymentParameters.json#", "parameters": {}}')
    write("bicep/other.bicep", "param name string\n")
    write("arm/template.json", json.dumps(TEMPLATE))
    write("arm/package.json", "{}")
    write("whatif/result.json", json.dumps(WHAT_IF))
    write("unit/terragrunt.hcl", 'terraform {\n  source = "../tf"\n}\n')

    def counts(*given: str) -> dict[str, int]:
        return dict(check(Config(paths=given, jobs=1)).unit_counts)

    assert counts("tf") == {"Terraform module": 1}
    assert counts("good.json") == {"Terraform plan": 1}
    assert counts("bicep") == {"Bicep file": 2}
    assert counts("arm", "whatif") == {"ARM template": 1, "what-if result": 1}
    assert counts("unit") == {"Terragrunt unit": 1}
    assert counts("broken.json") == {}
    everything = check(Config(paths=("tf", "bicep", "arm", "good.json"), jobs=2)).unit_counts
    assert list(everything.items()) == [
        ("Terraform module", 1), ("Terraform plan", 1), ("Bicep file", 2), ("ARM template", 1),
    ]  # fmt: skip
    assert [kind for kind in UNIT_KINDS if kind in everything] == list(everything)
    write("tf/main.tf", VAULT)
    assert counts("tf") == {"Terraform module": 1}


# --- exclusions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(kvlint: Kvlint) -> Path:
    """A checkout with two folders, with the same modules each."""
    Path(".git").mkdir()
    for top in ("infra", "platform"):
        for module in ("app", "modules/old", "modules/new"):
            write(f"{top}/{module}/main.tf", VAULT)
    return Path.cwd()


@pytest.mark.parametrize("here", [".", "infra", "infra/app", "infra/modules/old", "/"])
def test_pattern_applies_below_every_argument_from_any_current_folder(
    kvlint: Kvlint, tree: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    monkeypatch.chdir(tree / here)
    both = str(tree / "infra"), str(tree / "platform")
    for pattern in ("modules/old", "/modules/old", "old", "old/", "modules/**/old", "**/old/main.tf"):
        said = kvlint(*both, "--select", "KV001", "--exclude", pattern, "-f", "json")
        assert (paths(said), problems(said)) == (
            {f"{top}/{module}" for top in ("infra", "platform") for module in ("app", "modules/new")},
            [],
        )


def test_a_pattern_is_also_relative_to_the_current_folder_or_absolute(kvlint: Kvlint, tree: Path) -> None:
    for pattern in ("infra/modules/old", "/infra/modules/old/", str(tree / "infra" / "modules" / "old")):
        said = kvlint("infra", "platform", "--select", "KV001", "--extend-exclude", pattern, "-f", "json")
        assert problems(said) == []
        assert {"platform/modules/old", "infra/modules/new"} <= paths(said)
        assert "infra/modules/old" not in paths(said)


def test_pattern_applies_to_arguments_above_the_current_folder(
    kvlint: Kvlint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "infra" / "app")
    said = kvlint("..", "../../platform", "--select", "KV001", "--exclude", "modules/", "-f", "json")
    assert (paths(said), problems(said)) == ({"infra/app", "platform/app"}, [])


def test_a_pattern_that_matches_nothing_is_reported(kvlint: Kvlint, tree: Path) -> None:
    said = kvlint("infra", "--select", "KV001", "--exclude", "old", "--exclude", "odl", "-f", "json")
    assert said.code == 1
    (problem,) = problems(said)
    assert (problem["code"], problem["level"]) == ("KVE011", "warning")
    assert problem["message"] == "the exclude pattern 'odl' matches nothing"
    # What kvlint never reads may be excluded, too.
    write("infra/.terraform/x.tf", VAULT)
    write("infra/notes.md", "#")
    assert problems(kvlint("infra", "--exclude", ".terraform/", "--exclude", "*.md", "-f", "json")) == []
    # Without a folder there is nothing to exclude.
    assert problems(kvlint("infra/app/main.tf", "--exclude", "odl", "-f", "json")) == []
    for command in ("controls", "suppressions"):
        assert "the exclude pattern 'odl' matches nothing" in "".join(kvlint(command, "infra", "--exclude", "odl")[1:])


def test_pattern_of_a_file_applies_to_the_folder_of_the_file(kvlint: Kvlint, tree: Path) -> None:
    write("kvlint.toml", "exclude = ['old', 'odl', '/app']\n")
    said = kvlint(".", "--select", "KV001", "-f", "json")
    places = [(one["level"], one["location"]["path"]) for one in problems(said) if one["code"] == "KVE011"]
    assert places == [("note", "kvlint.toml")] * 2
    assert "infra/app" in paths(said)
    # The rest of the project, which this run does not read, may have what the patterns match.
    assert problems(kvlint("infra", "--select", "KV001", "-f", "json")) == []
    assert "'old' matches" not in said.out
