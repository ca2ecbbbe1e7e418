"""Ways in which a vault that a deployment uses could go unread, or not count. Each ends with exit code 1 or 3."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check, exit_code
from azkvlint.linter.rule_tests import expand
from azkvlint.model.rule import Severity
from tests.util.test_git_index import git

Files: TypeAlias = Mapping[str, str]
"""Texts by path. One that begins with ``-> `` is the target of a link, and the path of a tracked file begins with +."""


def vault(purge: str = "false", name: str = "prod") -> str:
    return f'resource "azurerm_key_vault" "{name}" {{\n  name = "{name}"\n  purge_protection_enabled = {purge}\n}}\n'


def call(source: str, more: str = "") -> str:
    return f'module "m" {{\n  source = "{source}"\n{more}}}\n'


def bicep(purge: str = "null", more: str = "") -> str:
    return (
        f"{more}resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{\n  name: 'kv'\n  properties: {{\n"
        f"    enablePurgeProtection: {purge}\n  }}\n}}\n"
    )


SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/"


def arm(purge: object = None, **more: object) -> str:
    resource = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "location": "westeurope",
                "properties": {} if purge is None else {"enablePurgeProtection": purge}}  # fmt: skip
    head = {"$schema": f"{SCHEMA}deploymentTemplate.json#", "contentVersion": "1.0.0.0"}
    return json.dumps(head | more | {"resources": [resource]})


def linking(path: str, **parameters: object) -> str:
    properties = {"mode": "Incremental", "templateLink": {"relativePath": path},
                  "parameters": {name: {"value": value} for name, value in parameters.items()}}  # fmt: skip
    resource = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d",
                "properties": properties}  # fmt: skip
    head = {"$schema": f"{SCHEMA}deploymentTemplate.json#", "contentVersion": "1.0.0.0"}
    return json.dumps(head | {"resources": [resource]})


def plan(purge: str, name: str = "prod") -> str:
    return expand(f"azurerm_key_vault.{name}: {{name: {name}, purge_protection_enabled: {purge}}}").decode()


PURGE = 'variable "purge" {\n  type = bool\n  default = true\n}\n'
PARAM = "param purge bool = true\n"
BACKEND = 'terraform {\n  backend "azurerm" {}\n}\n'
AZ = "az deployment group create -g rg"
UNIT = 'terraform {\n  source = "../kv"\n}\n'


def generate(contents: str, path: str = "x.tf") -> str:
    return f'generate "x" {{\n  path = "{path}"\n  if_exists = "overwrite"\n  contents = <<EOF\n{contents}EOF\n}}\n'


NAMES: Mapping[str, Files] = {
    "a name that begins with #": {"#prod.tf": vault()},
    "a name that begins with # in JSON": {"#prod.tf.json": json.dumps({"resource": {"azurerm_key_vault": {"p": {}}}})},
    "a name with ~ in the middle": {"prod~.tf": vault()},
    "a name that begins with ~": {"~prod.tf": vault()},
    "a name with a space": {" prod.tf": vault()},
    "a name with a line break": {"a\nb.tf": vault()},
    "a name of dashes": {"--.tf": vault()},
    "a name outside of ASCII": {"\u202eprod.tf": vault()},
    "an override file": {"prod.tf": vault("true"), "override.tf": vault()},
    "an override file that begins with #": {"prod.tf": vault("true"), "#_override.tf": vault()},
    "an override file in JSON": {
        "prod.tf": vault("true"),
        "z_override.tf.json": '{"resource":{"azurerm_key_vault":{"prod":{"purge_protection_enabled":false}}}}',
    },
    "a folder with the name of a file": {"prod.tf/main.tf": vault()},
    "a hidden folder": {".prod/main.tf": vault()},
    "a folder in many folders": {"a/" * 40 + "main.tf": vault()},
    "UTF-16": {"prod.tf": vault().encode("utf-16").decode("latin-1")},
    "values in terraform.tfvars": {"p/a.tf": PURGE + vault("var.purge"), "p/terraform.tfvars": "purge = false\n"},
    "values in terraform.tfvars.json": {
        "p/a.tf": PURGE + vault("var.purge"), "p/terraform.tfvars.json": '{"purge": false}',
    },
    "values in a file that is read automatically": {
        "p/a.tf": PURGE + vault("var.purge"), "p/x.auto.tfvars": "purge = false\n",
    },
    "values in a hidden file": {"p/a.tf": PURGE + vault("var.purge"), "p/.auto.tfvars": "purge = false\n"},
    "values in a later file": {
        "p/a.tf": PURGE + vault("var.purge"), "p/a.auto.tfvars": "purge = true\n",
        "p/b.auto.tfvars.json": '{"purge": false}',
    },
}  # fmt: skip

TOOLS: Mapping[str, Files] = {
    "an empty file of OpenTofu": {"prod.tf": vault(), "prod.tofu": ""},
    "an empty object of OpenTofu": {
        "prod.tf.json": '{"resource":{"azurerm_key_vault":{"prod":{}}}}', "prod.tofu.json": "{}",
    },
    "a better vault for OpenTofu": {"prod.tf": vault(), "prod.tofu": vault("true")},
    "an override file for OpenTofu": {"prod.tf": vault(), "prod_override.tofu": vault("true")},
    "a value for OpenTofu": {"prod.tf": vault("local.purge"), "a.tf": "locals {\n  purge = false\n}\n",
                             "a.tofu": "locals {\n  purge = true\n}\n"},
    "a worse vault for OpenTofu": {"prod.tf": vault("true"), "prod.tofu": vault()},
    "a lock file of Terraform": {"prod.tf": vault(), "prod.tofu": "", ".terraform.lock.hcl":
                                 'provider "registry.terraform.io/hashicorp/azurerm" {\n  version = "4.0.0"\n}\n'},
    "a lock file of OpenTofu": {"prod.tf": vault(), "prod.tofu": "", ".terraform.lock.hcl":
                                'provider "registry.opentofu.org/hashicorp/azurerm" {\n  version = "4.0.0"\n}\n'},
    "a called module": {"a.tf": call("./kv"), "kv/main.tf": vault(), "kv/main.tofu": ""},
    "a module of Terragrunt": {"live/terragrunt.hcl": 'terraform {\n  source = "../kv"\n}\n', "kv/main.tf": vault(),
                               "kv/main.tofu": ""},
}  # fmt: skip

LINKS: Mapping[str, Files] = {
    **{f"a link below {name}": {f"{name}/prod/main.tf": vault(), "prod": f"-> {name}/prod"} for name in (
        ".venv", "node_modules", ".terraform", "__pycache__", ".terragrunt-cache", ".terragrunt-stack",
    )},
    "a link to a link": {".venv/a/main.tf": vault(), ".venv/b": "-> a", "prod": "-> .venv/b"},
    "a link with the name of a file": {".venv/a/main.tf": vault(), "prod.json": "-> .venv/a"},
    "a link with a skipped name that is tracked": {"node_modules/a/main.tf": vault(), "+.venv": "-> node_modules/a"},
    "a link below a linked folder": {"node_modules/a/x/main.tf": vault(), ".venv/a": "-> ../node_modules/a",
                                     "prod": "-> .venv/a"},
    "a link to a file": {".venv/prod.tf": vault(), "prod.tf": "-> .venv/prod.tf"},
    "a link to a Bicep file": {".venv/prod.txt": bicep(), "prod.bicep": "-> .venv/prod.txt"},
    "a link to a folder that is called": {".venv/kv/main.tf": vault(), "kv": "-> .venv/kv", "a.tf": call("./kv")},
    "a link to a folder of examples": {"examples/a/main.tf": vault(), "prod": "-> examples/a"},
    "a link out of the checkout": {"prod": "-> ../outside"},
    "a tracked link out of the checkout": {"+prod": "-> ../outside"},
    "a tracked link that does not exist yet": {"+prod": "-> ../missing"},
    "a tracked link with a skipped name": {"+.venv": "-> ../outside"},
    "a link to a file out of the checkout": {"prod.tf": "-> ../outside/main.tf"},
    "a link into .git": {"prod": "-> .git/hooks"},
    **{f"tracked files in {name}": {f"+{name}/prod/main.tf": vault()} for name in (
        ".venv", "node_modules", ".terraform", "__pycache__", ".terragrunt-cache", ".terragrunt-stack",
    )},
    "a tracked template in node_modules": {"+node_modules/a/azuredeploy.json": arm()},
    "a tracked Bicep file in node_modules": {"+app/node_modules/a/main.bicep": bicep()},
}  # fmt: skip

CALLS: Mapping[str, Files] = {
    **{f"a called module in {folder}": {"prod/main.tf": call(f"../{folder}"), f"{folder}/main.tf": vault()}
       for folder in ("vendor/kv", "examples/kv", "tests/kv", ".terraform/kv", "validation/kv", ".venv/kv")},
    "a module that an example calls too": {"a.tf": call("./examples/kv"), "examples/kv/main.tf": vault(),
                                           "examples/basic/main.tf": call("../kv")},
    "a module of a module in vendor": {"a.tf": call("./vendor/a"), "vendor/a/a.tf": call("../../tests/kv"),
                                       "tests/kv/main.tf": vault()},
    "a call in JSON": {"a.tf.json": '{"module":{"m":{"source":"./vendor/kv"}}}', "vendor/kv/main.tf": vault()},
    "a call in an override file": {"a.tf": call("./kv"), "kv/main.tf": vault("true", "b"),
                                   "x_override.tf": call("./vendor/kv"), "vendor/kv/main.tf": vault()},
    "a call with a value that the module passes on": {
        "a.tf": call("./vendor/kv", "  purge = false\n"), "vendor/kv/main.tf": PURGE + vault("var.purge"),
    },
    "a unit of Terragrunt": {"live/terragrunt.hcl": 'terraform {\n  source = "../vendor/kv"\n}\n',
                             "vendor/kv/main.tf": vault()},
    "a file that a unit generates": {"live/terragrunt.hcl": generate(vault()) + UNIT, "kv/main.tf": 'output "x" {}\n'},
    "a file that a unit without a source generates": {"live/terragrunt.hcl": generate(vault())},
    "an override that an included file generates": {
        "root.hcl": generate(vault(), "x_override.tf"), "kv/main.tf": vault("true"),
        "live/terragrunt.hcl": 'include "r" {\n  path = "../root.hcl"\n}\n' + UNIT,
    },
    "a file that an attribute of a unit generates": {
        "live/terragrunt.hcl": 'generate = {\n  x = {\n    path = "x.tf"\n    contents = <<EOF\n'
        + call("./a")
        + "EOF\n  }\n}\n",
    },
    **{f"{name} of a unit": {"live/terragrunt.hcl": UNIT.replace("}", f'  extra_arguments "x" {{\n{text}\n  }}\n}}'),
                             "kv/main.tf": PURGE + vault("var.purge"), "live/v.tfvars": "purge = false\n"}
       for name, text in (
           ("an option", 'arguments = ["-lock-timeout=2m", "-var", "purge=false"]'),
           ("an option in one word", 'arguments = ["-var=purge=false"]'),
           ("an option for a file", 'arguments = ["-var-file=${get_terragrunt_dir()}/v.tfvars"]'),
           ("an environment variable", "env_vars = {\n  TF_VAR_purge = false\n}"),
       )},
    "a Bicep module": {"main.bicep": "module m 'samples/kv.bicep' = {\n  name: 'm'\n}\n", "samples/kv.bicep": bicep()},
    "a Bicep parameter file": {"prod/main.bicepparam": "using '../samples/kv.bicep'\n", "samples/kv.bicep": bicep()},
    "a linked template": {"main.json": linking("samples/kv.json"), "samples/kv.json": arm()},
    "another caller of a root with a backend": {
        "prod/main.tf": BACKEND + PURGE + vault("var.purge"), "prod/terraform.tfvars": "purge = false\n",
        "x/main.tf": call("../prod", "  purge = true\n"),
    },
    "another caller of a root with values": {
        "prod/main.tf": PURGE + vault("var.purge"), "prod/terraform.tfvars": "purge = false\n",
        "x/main.tf": call("../prod", "  purge = true\n"),
    },
    "another unit of a root with values": {
        "prod/main.tf": PURGE + vault("var.purge"), "prod/x.auto.tfvars": "purge = false\n",
        "x/terragrunt.hcl": 'terraform {\n  source = "../prod"\n}\ninputs = {\n  purge = true\n}\n',
    },
    "another caller of a Bicep file with parameters": {
        "main.bicep": bicep("purge ? true : null", PARAM),
        "main.bicepparam": "using 'main.bicep'\nparam purge = false\n",
        "x.bicep": "module m 'main.bicep' = {\n  name: 'm'\n  params: {\n    purge: true\n  }\n}\n",
    },
    "another caller of a Bicep file that a script deploys": {
        "main.bicep": bicep("purge ? true : null", "param purge bool = false\n"), "deploy.sh": f"{AZ} -f main.bicep\n",
        "x.bicep": "module m 'main.bicep' = {\n  name: 'm'\n  params: {\n    purge: true\n  }\n}\n",
    },
    "another template that links one that a script deploys": {
        "main.json": arm("[parameters('purge')]", parameters={"purge": {"type": "bool", "defaultValue": False}}),
        "x.json": linking("main.json", purge=True), "deploy.sh": f"{AZ} -f main.json\n",
    },
    "another caller of a root that a script deploys": {
        "prod/main.tf": PURGE.replace("true", "false") + vault("var.purge"),
        "x/main.tf": call("../prod", "  purge = true\n"), "deploy.sh": "terraform -chdir=prod apply\n",
    },
}  # fmt: skip

TEMPLATES: Mapping[str, Files] = {
    "the name of a parameter file": {"x.parameters.json": arm()},
    "the name of a parameter file for a stage": {"x.parameters.prod.json": arm()},
    "the name of a parameter file of another template": {"x.json": arm(True), "x.parameters.json": arm()},
    "an ending in capitals": {"x.JSON": arm()},
    "JSON with comments": {"x.jsonc": "// a comment\n" + arm()},
    "no schema": {"x.json": arm().replace(f"{SCHEMA}deploymentTemplate.json#", "x")},
    "another schema": {"x.json": arm().replace("deploymentTemplate", "deploymentParameters")},
    "keys in capitals": {"x.json": arm().replace("resources", "Resources").replace("apiVersion", "APIVERSION")},
    "the mark of a compiled template": {"main.bicep": bicep("true"), "main.json": arm(
        metadata={"_generator": {"name": "bicep", "version": "0.30.0", "templateHash": "1"}})},
    "an ending of Azure Resource Manager": {"kv.arm": arm()},
    "a module with an ending of Azure Resource Manager": {
        "main.bicep": "module m 'samples/kv.arm' = {\n  name: 'm'\n}\n", "samples/kv.arm": arm(),
    },
    "escapes in every word": {"x.json": re.sub("[A-Za-z]", lambda found: f"\\u{ord(found[0]):04x}", arm())},
    "a file that a module only names": {
        "azuredeploy.json": arm(), "x/a.tf": 'locals {\n  a = templatefile("../azuredeploy.json", {})\n}\n',
    },
    "a template that was compiled from a module, and is deployed": {
        "kv.bicep": bicep("true"), "main.bicep": "module m 'kv.bicep' = {\n  name: 'm'\n}\n",
        "kv.json": arm(metadata={"_generator": {"name": "bicep", "version": "0.30.0", "templateHash": "1"}}),
        "deploy.sh": f"{AZ} -f kv.json\n",
    },
    "a file that another module renders": {
        "azuredeploy.json": arm(), "deploy.sh": f"{AZ} -f azuredeploy.json\n",
        "x/a.tf": 'locals {\n  a = templatefile("../azuredeploy.json", {})\n}\n',
    },
}  # fmt: skip

DEPLOYED: Mapping[str, Files] = {
    "a script": {"samples/kv.bicep": bicep(), "deploy.sh": f"{AZ} --template-file samples/kv.bicep\n"},
    "PowerShell": {"samples/kv.json": arm(),
                   "d.ps1": "New-AzResourceGroupDeployment -TemplateFile samples/kv.json\n"},
    "a workflow": {"examples/prod/main.tf": vault(), ".github/workflows/a.yml":
                   "run: terraform apply\nworking-directory: examples/prod\n"},
    "a Makefile": {"demo/prod/main.tf": vault(), "Makefile": "apply:\n\tcd demo/prod && terraform apply\n"},
    "azd": {"samples/infra/main.bicep": bicep(), "azure.yaml": "infra:\n  path: samples/infra\n"},
    "a script that calls make": {"samples/prod/main.tf": vault(), "deploy.sh": "make -C samples/prod apply\n"},
    "a module of what a script deploys": {"samples/prod/main.tf": call("../kv"), "samples/kv/main.tf": vault(),
                                          "deploy.sh": "tofu -chdir=samples/prod apply\n"},
}  # fmt: skip

PLANS: Mapping[str, Files] = {
    "a plan without the fault": {"prod.tf": vault(), "plan.json": plan("true")},
    "a plan of another vault": {"prod.tf": vault(), "plan.json": plan("true", "decoy")},
    "a plan in another folder": {"prod.tf": vault(), "x/plan.json": plan("true")},
    "two plans": {"prod.tf": vault(), "a.json": plan("true"), "b.json": plan("true")},
    "a plan in a folder of tests": {"prod.tf": vault(), "tests/plan.json": plan("true")},
    "a plan with the fault alone": {"prod.tf": PURGE + vault("var.purge"), "plan.json": plan("false")},
}  # fmt: skip

WAYS = {
    f"{kind}: {name}": files
    for kind, ways in (
        ("name", NAMES), ("tool", TOOLS), ("link", LINKS), ("call", CALLS), ("template", TEMPLATES),
        ("deployed", DEPLOYED), ("plan", PLANS),
    )
    for name, files in ways.items()
}  # fmt: skip
"""By name. Beside each is a vault without a fault."""


def code_of(files: Files, folder: Path) -> int:
    """The exit code of a check of a checkout with these files."""
    folder.mkdir(parents=True)
    (folder.parent / "outside").mkdir(exist_ok=True)
    is_tracked = any(name.startswith("+") for name in files)
    if is_tracked:
        git(folder, "init", "-q")
    else:
        (folder / ".git" / "hooks").mkdir(parents=True)
    for name, text in ({"decoy.tf": vault("true", "decoy")} | dict(files)).items():
        path = folder / name.removeprefix("+")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text.removeprefix("-> "))
        else:
            path.write_bytes(text.encode("latin-1" if text.startswith("\xff") else "utf-8"))
    if is_tracked:
        git(folder, "add", "-f", *(name.removeprefix("+") for name in files if name.startswith("+")))
    config = Config(paths=(str(folder),), select=("KV001",), fail_on=Severity.HIGH, jobs=1)
    return exit_code(check(config), config)


@pytest.mark.parametrize("way", WAYS)
def test_a_vault_of_a_deployment_is_not_hidden(way: str, tmp_path: Path) -> None:
    assert code_of(WAYS[way], tmp_path / "checkout") in (1, 3)


def test_there_are_many_ways() -> None:
    assert len(WAYS) >= 60


@pytest.mark.parametrize(
    "files",
    [
        {},
        {".prod.tf": vault()},
        {"prod.tf~": vault()},
        {"#prod.tf#": vault()},
        {"prod.tf.bak": vault()},
        {"prod.tftest.hcl": vault()},
        {"examples/prod/main.tf": vault()},
        {"vendor/kv/main.tf": vault()},
        {".venv/prod/main.tf": vault()},
        {".git/prod/main.tf": vault()},
        {"samples/kv.bicep": bicep(), "lint.sh": "az bicep build --file samples/kv.bicep\n"},
    ],
    ids=str,
)
def test_file_that_no_deployment_uses_does_not_fail_the_run(files: Files, tmp_path: Path) -> None:
    assert code_of(files, tmp_path / "checkout") == 0
