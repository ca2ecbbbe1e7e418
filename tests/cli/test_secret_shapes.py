"""Secrets of every shape, in inputs of every kind, are in no output of any command and format.

A case is an input in which the mark stands for a secret. Something is found in each, mostly on the line of the secret,
so there is an excerpt that could show it. With another secret of the same length no byte of any output changes.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS
from azkvlint.reporters.access import ACCESS_REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS

MARK = "@secret@"
SECRET, OTHER = "QXZJWYQJXWZYQWXJ", "JWXQYZWXJQYWJZXQ"
WINDOWS = {secret[start : start + 4] for secret in (SECRET, OTHER) for start in range(len(SECRET) - 3)}
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
FOR_PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
VAULT_ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
ALL_OF_IT = {"user": MARK, "list": [MARK, {"deep": MARK}], "pin": 1}


class Case(NamedTuple):
    """Files by name, and the first words of a command line: what is checked, and its options."""

    files: Mapping[str, str]
    paths: tuple[str, ...] = (".",)
    options: tuple[str, ...] = ()


def template(parameters: object, *resources: object, **more: object) -> dict[str, Any]:
    """An ARM template."""
    whole = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": resources}
    return whole | more


def vault(sku: str = "[parameters('sku')]", ip: str = "0.0.0.0/0", name: str = "kv", **more: object) -> dict[str, Any]:
    """A vault with a finding for its SKU's parameter and its network rules."""
    properties = {
        "sku": {"family": "A", "name": sku},
        "publicNetworkAccess": "Enabled",
        "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": ip}]},
    }
    return {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": name, "location": "x",
        "properties": properties | more,
    }  # fmt: skip


def parameters(**values: object) -> str:
    """A file of parameters on one line."""
    given = {name: {"value": value} for name, value in values.items()}
    return json.dumps({"$schema": FOR_PARAMETERS, "contentVersion": "1.0.0.0", "parameters": given})


def with_file(type_: object, value: object, **more: object) -> Case:
    """A template on one line with a secure parameter, and a file that gives it a value on one line."""
    declared = {"sku": {"type": "string"}, "o": type_}
    whole = template(declared, vault(), vault("standard", "[string(parameters('o'))]", "kv2"), **more)
    return Case({"azuredeploy.json": json.dumps(whole), "azuredeploy.parameters.json": parameters(sku="bad", o=value)})


def nested(expression: str, given: object, type_: str) -> str:
    """A template that hands a secret to the secure parameter of one in it."""
    inner = template({"o": {"type": type_}, "sku": {"type": "string"}}, vault(name="inner"))
    properties = {
        "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "template": inner,
        "parameters": {"sku": {"value": "bad"}, "o": {"value": given}, "x": {"value": expression}},
    }  # fmt: skip
    deployment = {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n", "properties": properties,
    }  # fmt: skip
    return json.dumps(template({}, deployment))


def misused(parameter: str, expression: str, value: object = MARK, type_: str = "string") -> Case:
    """A template whose parameter, called like a secret but not declared as one, ends up in what messages show."""
    declared = {parameter: {"type": type_, "defaultValue": value}}
    return Case({"azuredeploy.json": json.dumps(template(declared, vault(expression, expression)), indent=1)})


ARM = {
    "secureObject in a file": with_file({"type": "secureObject"}, ALL_OF_IT),
    "securestring in a file": with_file({"type": "securestring"}, MARK),
    "SecureString in a file": with_file({"type": "SecureString"}, MARK),
    "SECUREOBJECT in a file": with_file({"type": "SECUREOBJECT"}, ALL_OF_IT),
    "an array in a file": with_file({"type": "secureObject"}, [MARK, [MARK], {"a": MARK}]),
    "a definition in a file": with_file(
        {"$ref": "#/definitions/s"}, ALL_OF_IT, definitions={"s": {"type": "SecureObject"}}, languageVersion="2.0"
    ),
    "undeclared in a file": Case(
        {
            "azuredeploy.json": json.dumps(template({"sku": {"type": "string"}}, vault())),
            "azuredeploy.parameters.json": parameters(sku="bad", other=ALL_OF_IT),
        }
    ),
    "a default on one line": Case(
        {
            "azuredeploy.json": json.dumps(
                template({"o": {"type": "secureobject", "defaultValue": ALL_OF_IT}}, vault("bad"))
            )
        }
    ),
    "a default on many lines": Case(
        {
            "azuredeploy.json": json.dumps(
                template({"o": {"type": "secureobject", "defaultValue": ALL_OF_IT}}, vault("[parameters('o').user]")),
                indent=1,
            )
        }
    ),
    "nested secureObject": Case({"azuredeploy.json": nested("x", ALL_OF_IT, "secureObject")}),
    "nested SECURESTRING": Case({"azuredeploy.json": nested("x", MARK, "SECURESTRING")}),
    "an object variable": Case(
        {
            "azuredeploy.json": json.dumps(
                template({}, vault("bad"), variables={"dbSecrets": ALL_OF_IT, "c": {"apiKey": [MARK]}})
            )
        }
    ),
    "beside a place": Case(
        {"azuredeploy.json": json.dumps(template({}, vault("bad", tags={"a": MARK, "b": {"c": [MARK]}})))}
    ),
    "misused": misused("adminPassword", "[parameters('adminPassword')]"),
    "misused in part": misused("adminPassword", "[concat('a-', parameters('adminPassword'), '-b')]"),
    "misused in lower case": misused("adminPassword", "[toLower(parameters('adminPassword'))]"),
    "misused and cut": misused("adminPassword", "[substring(parameters('adminPassword'), 2, 10)]"),
    "misused and encoded": misused("adminPassword", "[base64(parameters('adminPassword'))]"),
    "misused and replaced": misused("adminPassword", "[replace(parameters('adminPassword'), 'QX', 'AB')]"),
    "misused member": misused("settings", "[parameters('settings').dbPassword]", {"dbPassword": MARK}, "object"),
    "misused item": misused("api-keys", "[parameters('api-keys')[0]]", [MARK], "array"),
    "misused name": Case(
        {
            "azuredeploy.json": json.dumps(
                template({"clientSecret": {"type": "string", "defaultValue": MARK}}, vault(
                    "standard", name="[concat('kv', parameters('clientSecret'))]"
                ))
            )
        }
    ),
    "misused from a file": Case(
        {
            "azuredeploy.json": json.dumps(
                template({"accessKey": {"type": "string"}}, vault("[parameters('accessKey')]"))
            ),
            "azuredeploy.parameters.json": parameters(accessKey=MARK),
        }
    ),
    "a connection string": Case(
        {"azuredeploy.json": json.dumps(template({}, vault(f"Server=a;Password={MARK}", f"x?sig={MARK}")), indent=1)}
    ),
    "an address with a password": Case(
        {"azuredeploy.json": json.dumps(template({}, vault(f"https://a:{MARK}@b.com", f"c://:{MARK}@d")), indent=1)}
    ),
    "a tag": Case({"azuredeploy.json": json.dumps(template({}, vault("bad") | {"tags": {"db_password": MARK}}))}),
}  # fmt: skip
WHATIF = {
    "what-if delta": Case(
        {
            "whatif.json": json.dumps(
                {
                    "status": "Succeeded",
                    "changes": [
                        {
                            "resourceId": VAULT_ID, "changeType": "Modify",
                            "before": vault("standard", tags={"a": MARK}), "after": vault("bad", tags={"a": MARK}),
                            "delta": [
                                {"path": "properties.DB_PASSWORD", "propertyChangeType": "Modify", "before": MARK,
                                 "after": MARK},
                                {"path": "properties.x", "propertyChangeType": "Array", "before": ALL_OF_IT,
                                 "after": [MARK], "children": [{"path": "0", "before": MARK, "after": None}]},
                            ],
                        }
                    ],
                }
            )
        }
    ),
    "what-if on many lines": Case(
        {
            "whatif.json": json.dumps(
                {
                    "status": "Succeeded",
                    "changes": [
                        {
                            "resourceId": VAULT_ID, "changeType": "Create", "before": None,
                            "after": vault("bad", x=ALL_OF_IT),
                        }
                    ],
                },
                indent=2,
            )
        }
    ),
    "snapshot": Case(
        {
            "main.snapshot.json": json.dumps(
                {"predictedResources": [vault("bad", x=ALL_OF_IT) | {"id": VAULT_ID}], "diagnostics": []}
            )
        }
    ),
}  # fmt: skip
BICEP_VAULT = """resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  location: 'x'
  properties: { sku: { family: 'A', name: SKU }, tenantId: 'x', networkAcls: { ipRules: [ { value: SKU } ] } }
}
"""


def bicep(head: str, sku: str, **more: str) -> Case:
    """A Bicep file with a vault whose SKU, which messages show, is an expression."""
    files = {"main.bicep": f"{head}\n{BICEP_VAULT.replace('SKU', sku)}"}
    return Case(files | {name.replace("_", ".", 1).replace("_", "."): text for name, text in more.items()})


SECURE = "@secure()\nparam o object\nparam sku string"
BICEP = {
    "an address with a password": bicep("", f"'https://a:{MARK}@b.com'"),
    "a secure parameter in a JSON file": bicep(SECURE, "sku", main_parameters_json=parameters(sku="bad", o=ALL_OF_IT)),
    "a secure parameter in a bicepparam": bicep(
        SECURE,
        "sku",
        main_bicepparam=f"using 'main.bicep'\nparam sku = 'bad'\nparam o = {{ user: '{MARK}', list: ['{MARK}'] }}\n",
    ),
    "a secure type in a JSON file": bicep(
        "@secure()\ntype s = object\nparam o s\nparam sku string",
        "sku",
        main_parameters_json=parameters(sku="bad", o=ALL_OF_IT),
    ),
    "a secure default": bicep(f"@secure()\nparam o object = {{ user: '{MARK}', b: [ '{MARK}' ] }}", "o.user"),
    "an object variable": bicep(f"var dbSecrets = {{ user: '{MARK}', b: [ '{MARK}' ] }}", "dbSecrets.user"),
    "a list": bicep(f"var settings = {{ apiKeys: [ '{MARK}', '{MARK}' ] }}", "settings.apiKeys[0]"),
    "a secure argument": Case(
        {
            "m.bicep": f"@secure()\nparam o object\nparam sku string\n{BICEP_VAULT.replace('SKU', 'sku')}",
            "main.bicep": "module m 'm.bicep' = {\n  name: 'm'\n  params: { sku: 'bad', o: "
            f"{{ user: '{MARK}', list: [ '{MARK}' ] }} }}\n}}\n",
        }
    ),
    "an argument of a template": Case(
        {
            "m.json": json.dumps(template({"o": {"type": "SecureObject"}, "sku": {"type": "string"}}, vault())),
            "main.bicep": "module m 'm.json' = {\n  name: 'm'\n  params: { sku: 'bad', o: "
            f"{{ user: '{MARK}', list: [ '{MARK}' ] }} }}\n}}\n",
        }
    ),
    "the value of a secret": bicep(
        f"resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {{\n  name: 'kv/s'\n"
        f"  properties: {{ value: '{MARK}' }}\n}}",
        "split(s.properties.value, ',')[0]",
    ),
    "misused": bicep(f"param adminPassword string = '{MARK}'", "adminPassword"),
    "misused in a text": bicep(f"param adminPassword string = '{MARK}'", "'a-${adminPassword}-b'"),
    "misused in a function": bicep(f"var client_secret = '{MARK}'", "toUpper(substring(client_secret, 2, 12))"),
    "misused output": Case(
        {
            "m.bicep": f"output dbPassword string = '{MARK}'\n",
            "main.bicep": "module m 'm.bicep' = {\n  name: 'm'\n}\n"
            + BICEP_VAULT.replace("SKU", "m.outputs.dbPassword"),
        }
    ),
    "misused from a file": bicep(
        "param storageKey string", "storageKey", main_parameters_json=parameters(storageKey=MARK)
    ),
}  # fmt: skip


def terraform(sku: str, head: str = "", **more: str) -> Case:
    """A Terraform module with a vault whose SKU and network rules, which messages show, are an expression."""
    text = (
        f'{head}\nresource "azurerm_key_vault" "kv" {{\n  name = "kv"\n  sku_name = {sku}\n  network_acls {{\n'
        f"    default_action = {sku}\n    bypass = {sku}\n    ip_rules = [{sku}]\n  }}\n}}\n"
    )
    return Case({"main.tf": text} | {name.replace("__", "."): text for name, text in more.items()})


TWO = 'variable "sku" {}\nvariable "o" {\n  sensitive = true\n}'
OBJECT = f'{{ user = "{MARK}", list = ["{MARK}"], pin = {{ a = "{MARK}" }} }}'
TERRAFORM = {
    "an object in tfvars": terraform("var.sku", TWO, terraform__tfvars=f'sku = "bad"\no = {OBJECT}\n'),
    "an object in tfvars.json": terraform(
        "var.sku", TWO, terraform__tfvars__json=json.dumps({"sku": "bad", "o": ALL_OF_IT})
    ),
    "no mark in tfvars": terraform("var.sku", 'variable "sku" {}', a__auto__tfvars=f'sku = "bad"\nx = {OBJECT}\n'),
    "a heredoc in tfvars": terraform("var.sku", TWO, terraform__tfvars=f'sku = "bad"\no = <<E\n{MARK}\nE\n'),
    "a sensitive default": terraform("var.o.user", f'variable "o" {{\n  sensitive = (true)\n  default = {OBJECT}\n}}'),
    "misused variable": terraform("var.admin_password", f'variable "admin_password" {{\n  default = "{MARK}"\n}}'),
    "misused from tfvars": terraform(
        "var.admin_password", 'variable "admin_password" {}', terraform__tfvars=f'admin_password = "{MARK}"\n'
    ),
    "misused from an option": Case(
        terraform("var.admin_password", 'variable "admin_password" {}').files,
        options=("--var", f"admin_password={MARK}"),
    ),
    "misused local": terraform("local.db_password", f'locals {{\n  db_password = "{MARK}"\n}}'),
    "misused in a text": terraform('"a-${local.apiKey}-b"', f'locals {{\n  apiKey = "{MARK}"\n}}'),
    "misused in a function": terraform(
        "lower(substr(local.apiKey, 1, 12))", f'locals {{\n  apiKey = "{MARK}"\n}}'
    ),
    "misused list": terraform("local.tokens[0]", f'locals {{\n  tokens = ["{MARK}", "x"]\n}}'),
    "misused map": terraform('local.env["DB_PASSWORD"]', f'locals {{\n  env = {{ DB_PASSWORD = "{MARK}" }}\n}}'),
    "misused heredoc": terraform("local.secret_text", f"locals {{\n  secret_text = <<E\n{MARK}\nE\n}}"),
    "misused key": Case(
        {
            "main.tf": f'variable "secrets" {{\n  default = ["{MARK}"]\n}}\n'
            'resource "azurerm_key_vault" "kv" {\n  for_each = toset(var.secrets)\n  name = each.key\n'
            "  sku_name = each.key\n}\n"
        }
    ),
    "misused output": Case(
        {
            "m/main.tf": f'output "db_password" {{\n  value = "{MARK}"\n}}\n',
            "main.tf": 'module "m" {\n  source = "./m"\n}\n'
            'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n  sku_name = module.m.db_password\n}\n',
        },
        ("main.tf", "m"),
    ),
    "an argument": Case(
        {
            "m/main.tf": 'variable "o" {\n  sensitive = true\n}\nvariable "sku" {}\n'
            'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n  sku_name = var.sku\n}\n',
            "main.tf": f'module "m" {{\n  source = "./m"\n  sku = "bad"\n  o = {OBJECT}\n}}\n',
        }
    ),
    "one line of JSON": Case(
        {
            "m/main.tf": 'variable "o" {\n  sensitive = true\n}\nvariable "sku" {}\n'
            'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n  sku_name = var.sku\n}\n',
            "main.tf.json": json.dumps({"module": {"m": {"source": "./m", "sku": "bad", "o": ALL_OF_IT}}}),
        }
    ),
    "JSON on many lines": Case(
        {
            "main.tf.json": json.dumps(
                {
                    "locals": {"apiKeys": ALL_OF_IT, "x": {"y": MARK}},
                    "variable": {"db_password": {"default": ALL_OF_IT}},
                    "resource": {"azurerm_key_vault": {"kv": {"name": "kv", "sku_name": "${local.apiKeys.user}"}}},
                },
                indent=1,
            )
        }
    ),
    "settings": terraform(
        '"bad"',
        'resource "azurerm_linux_web_app" "a" {\n  app_settings = { A = "@secret@", DB_PASSWORD = "@secret@" }\n'
        '  auth_settings_v2 {\n    custom_oidc_secret {\n      x = "@secret@"\n    }\n  }\n}',
    ),
    "an address with a password": terraform('"https://a:@secret@@b.com"'),
    "an App Configuration key": terraform(
        '"bad"', 'resource "azurerm_app_configuration_key" "a" {\n  key = "DbPassword"\n  value = "@secret@"\n}'
    ),
    "a nested block": terraform(
        '"bad"',
        'resource "azurerm_container_app" "a" {\n  name = "a"\n'
        '  secret {\n    name = "@secret@"\n    x = "@secret@"\n  }\n'
        '  dynamic "secret" {\n    for_each = ["@secret@"]\n    content {\n      name = "@secret@"\n    }\n  }\n}',
    ),
}  # fmt: skip


def plan(text: str, **more: object) -> Case:
    """A plan from its short form, on one line, with more in it."""
    return Case({"plan.json": json.dumps(json.loads(expand(text)) | more)})


def drifted(type_: str, before: object, after: object) -> object:
    """A resource that was changed outside Terraform."""
    change = {"actions": ["update"], "before": before, "after": after, "after_unknown": {}}
    return {"address": f"{type_}.a", "mode": "managed", "type": type_, "name": "a", "change": change}


DRIFT = [
    drifted("azurerm_key_vault", {"name": "a", "sku_name": "standard"}, {"name": "a", "sku_name": MARK}),
    drifted("azurerm_key_vault_secret", {"name": "a", "value": "x"}, {"name": "a", "value": MARK}),
    drifted("azurerm_key_vault_certificate_issuer", {"name": "a", "password": "x"}, {"name": "a", "password": MARK}),
    drifted("azurerm_linux_web_app", {"app_settings": {"db_password": "x"}}, {"app_settings": {"db_password": MARK}}),
    drifted("azurerm_storage_account", {"name": "a", "tags": {}}, {"name": "a", "tags": {"password": MARK}}),
]
STATE = {
    "resources": [{"type": "azurerm_key_vault_secret", "instances": [{"attributes": {"name": MARK, "value": MARK}}]}]
}
PLAN = {
    "what was changed outside Terraform": plan(
        "azurerm_key_vault.kv: {name: kv, sku_name: bad}",
        resource_drift=DRIFT,
        variables={"admin_password": {"value": MARK}},
    ),
    "a state file beside the source": Case(
        {"main.tf": 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n', "terraform.tfstate": json.dumps(STATE)}
    ),
    "a variable of a plan": plan(
        f"azurerm_key_vault.kv: {{name: kv, sku_name: '{MARK}', network_acls: [{{ip_rules: ['{MARK}']}}]}}",
        variables={"admin_password": {"value": MARK}, "o": {"value": ALL_OF_IT}},
    ),
    "a key of a plan": plan(
        f"'azurerm_key_vault.kv[\"{MARK}\"]': {{name: kv, sku_name: bad}}",
        variables={"secrets": {"value": [MARK]}},
    ),
    "an argument in a plan": plan(
        f"azurerm_key_vault.kv: {{name: kv, sku_name: 'x-{MARK}'}}",
        configuration={
            "root_module": {
                "module_calls": {"m": {"source": "./m", "expressions": {"api_key": {"constant_value": MARK}}}}
            }
        },
    ),
}
CASES = {
    f"{kind}: {name}": case
    for kind, cases in {"ARM": ARM, "what-if": WHATIF, "Bicep": BICEP, "Terraform": TERRAFORM, "plan": PLAN}.items()
    for name, case in cases.items()
}


def outputs(case: Case, secret: str, folder: Path) -> Mapping[str, str]:
    """Everything that every command and format writes about a case, by what wrote it."""
    inputs = folder / "in"
    for name, text in case.files.items():
        file = inputs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(MARK, secret), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(inputs)
        return dict(_outputs(case, secret, folder, patch))


def _outputs(case: Case, secret: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    options = [word.replace(MARK, secret) for word in case.options]
    words = [*case.paths, *options]
    shown = ("--profile", "all", "-v", "--strict", "--show-suppressed", "--statistics")
    to = folder.as_posix()
    check = [word for form in REPORTERS for word in ("-f", f"{form}={to}/{form}")]
    errors = io.StringIO()
    with redirect_stderr(errors):
        assert _run_with_error_handling([*words, *shown, *check, "--write-baseline", f"{to}/baseline"]) in (1, 3)
        audit = ("-f", f"sarif={to}/audit", "--sarif-include", "suppressed,unknown,passed")
        assert _run_with_error_handling([*words, *shown[:3], *audit]) in (1, 3)
        controls = [word for form in CONTROLS_REPORTERS for word in ("-f", f"{form}={to}/controls.{form}")]
        assert _run_with_error_handling(["controls", *words, "--framework", "all", *controls]) in (0, 1, 3)
        access = [word for form in ACCESS_REPORTERS for word in ("-f", f"{form}={to}/access.{form}")]
        assert _run_with_error_handling(["access", *words, *access]) in (0, 3)
        listed = [word for form in ("text", "json") for word in ("-f", f"{form}={to}/suppressions.{form}")]
        assert _run_with_error_handling(["suppressions", *words, *listed]) in (0, 1, 3)
        yield "settings", stdout_of(["--show-settings", *words])
        for form in ("dot", "mermaid"):
            yield form, stdout_of(["graph", case.paths[0], "-f", form])
        patch.setenv("TERM", "xterm")
        patch.setattr("azkvlint.cli.check.options_for", _for_terminal)
        yield "terminal", stdout_of([*words, *shown])
    yield "stderr", errors.getvalue()
    for file in sorted(folder.iterdir()):
        if file.is_file():
            yield file.name, file.read_text(encoding="utf-8")


def _for_terminal(arguments: Any, file: str) -> Any:
    """The options of a report on a terminal, with the line of each finding."""
    from azkvlint.reporters import Options

    return Options(terminal=True, width=4_000, verbosity=1, suppressed=True, strict=True)


def stdout_of(words: list[str]) -> str:
    """What a command prints."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        _run_with_error_handling(words)
        sys.stdout.flush()
    data = out.buffer
    assert isinstance(data, io.BytesIO)
    return data.getvalue().decode()


@pytest.mark.slow(8)
@pytest.mark.parametrize("name", CASES)
def test_a_secret_is_in_no_output(name: str, tmp_path: Path) -> None:
    found = outputs(CASES[name], SECRET, tmp_path / "one")
    leaks = [
        (output, window, text[max(at - 150, 0) : at + 40])
        for output, text in found.items()
        for window in WINDOWS
        if (at := text.upper().find(window)) >= 0
    ]
    assert leaks == []
    assert json.loads(found["json"])["findings"]
    other = outputs(CASES[name], OTHER, tmp_path / "two")
    assert {one for one in found if found[one] != other[one].replace("/two/", "/one/")} == set()


RENAMED = {
    "ARM: misused": "adminPassword",
    "ARM: misused in part": "adminPassword",
    "ARM: misused name": "clientSecret",
    "ARM: misused member": "dbPassword",
    "Bicep: misused": "adminPassword",
    "Bicep: misused in a function": "client_secret",
    "Bicep: misused output": "dbPassword",
    "Terraform: misused variable": "admin_password",
    "Terraform: misused map": "DB_PASSWORD",
    "Terraform: misused key": "secrets",
    "Terraform: misused output": "db_password",
    "plan: a variable of a plan": "admin_password",
}


@pytest.mark.slow(4)
@pytest.mark.parametrize("name", RENAMED)
def test_verdicts_do_not_depend_on_secret_names(name: str, tmp_path: Path) -> None:
    """What is called like a secret is judged like anything else: only messages differ."""
    case, word = CASES[name], RENAMED[name]
    found = []
    for folder, new in (("one", word), ("two", "x" * len(word))):
        renamed = {file: text.replace(word, new) for file, text in case.files.items()}
        report = json.loads(outputs(case._replace(files=renamed), SECRET, tmp_path / folder)["json"])
        found.append(
            [(one["ruleId"], one["location"]["line"]) for one in report["findings"] + report["unknown"]]
            + [report["summary"]]
        )
    assert found[0] == found[1]


def test_a_drawing_shows_no_secret_that_it_would_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("main.tf").write_text(
        'locals {\n  tokens = ["hun!ter-2|hun[ter]2"]\n}\n'
        'resource "azurerm_key_vault" "kv" {\n  for_each = toset(local.tokens)\n  name = "kv"\n}\n',
        encoding="utf-8",
    )
    for form in ("dot", "mermaid"):
        drawing = stdout_of(["graph", "main.tf", "-f", form])
        assert "sensitive" in drawing
        assert "ter" not in drawing.replace("digraph kvlint", "").replace("azurerm", "").replace("Key", "")


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ('merge({ sku = "@other@" }, { password = var.admin_password }).sku', True),
        ('coalesce("@other@", var.admin_password)', True),
        ('keys({ "@other@" = var.admin_password })[0]', True),
        ('element(concat([var.admin_password], ["@other@"]), 1)', True),
        ('lookup({ a = "@other@", secret = "x" }, "a", var.admin_password)', True),
        ('join("-", ["@other@", var.admin_password])', False),
        ('reverse(split("", var.admin_password))[0]', False),
        ("jsonencode({ a = var.admin_password })", False),
    ],
)
def test_value_selected_beside_a_secret_is_shown(
    expression: str, shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    head = f'variable "admin_password" {{\n  default = "{SECRET}"\n}}'
    text = terraform(expression.replace("@other@", "neither-nor"), head).files["main.tf"]
    Path("main.tf").write_text(text, encoding="utf-8")
    assert _run_with_error_handling(["main.tf", "--profile", "all", "-f", "json=out.json"]) == 1
    messages = " ".join(one["message"] for one in json.loads(Path("out.json").read_text(encoding="utf-8"))["findings"])
    assert ("neither-nor" in messages) == shown
    assert SECRET not in messages
