"""Where values come from that files and options give: what examples of one text cannot show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

SECRET = "Tr0ub4dor-and-3"
SECRET_S = "azurerm_key_vault_secret.s"
MODULE = """
provider "azurerm" {
  features {}
}
variable "password" {
  sensitive = true
}

module "inner" {
  source   = "./inner"
  password = { db = var.password, user = "app" }
}

output "db" {
  value = module.inner.values["db"]
}
"""
INNER = """
variable "password" {}

resource "azurerm_key_vault_secret" "db" {
  for_each = var.password

  name  = each.key
  value = each.value
}

output "values" {
  value = { for name, secret in azurerm_key_vault_secret.db : name => secret.value }
}
"""
BICEP = """
@secure()
param password string

resource db 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  name: 'kv/db'
  properties: {
    value: password
  }
}
"""
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "parameters": {"password": {"type": "securestring"}},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults/secrets",
            "apiVersion": "2026-02-01",
            "name": "kv/db",
            "properties": {"value": "[parameters('password')]"},
        }
    ],
}
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def failed(run: Run, folder: Path, *arguments: str) -> list[tuple[str, str]]:
    """The rules about secrets' values that fail, and of what; nothing secret is told."""
    formats = ("-v", "-f", "json", "-f", "text=told.txt", "-f", "sarif=told.sarif", "--sarif-include", "rules")
    ran = run(*formats, "--select", "KV610,KV611,KV612", *arguments, cwd=folder)
    written = "".join((folder / name).read_text(encoding="utf-8") for name in ("told.txt", "told.sarif"))
    assert "KV61" in written
    assert SECRET not in ran.out + ran.err + written
    found = json.loads(ran.out)
    assert not found["unknown"]
    return [(one["ruleId"], one["resource"]) for one in found["findings"]]


def test_secret_passed_through_a_module_is_reported_once(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"main.tf": MODULE, "inner/main.tf": INNER})
    assert failed(run, tmp_path, ".") == [("KV612", "output.db")]


EVENTS = """
resource "azurerm_eventhub_authorization_rule" "log" {
  name = "a"
}

output "connection" {
  value = azurerm_eventhub_authorization_rule.log.primary_connection_string
}

output "name" {
  value = azurerm_eventhub_authorization_rule.log.name
}
"""
ITEMS = "{ db = module.events.connection, other = OTHER }"
BY_RESOURCE = f'module "inner" {{\n  source = "./inner"\n  password = {ITEMS}\n}}\n'
BY_MODULE = f'module "inner" {{\n  source = "./inner"\n  for_each = {ITEMS}\n  password = {{ it = each.value }}\n}}\n'


@pytest.mark.parametrize(
    ("calls", "address"),
    [
        (BY_RESOURCE, 'module.inner.azurerm_key_vault_secret.db["other"]'),
        (BY_MODULE, 'module.inner["other"].azurerm_key_vault_secret.db["it"]'),
    ],
)
@pytest.mark.parametrize(("other", "is_in_code"), [("module.events.name", False), (f'"{SECRET}"', True)])
def test_items_of_a_map_have_origins_of_their_own(
    calls: str, address: str, other: str, is_in_code: bool, tmp_path: Path, run: Run
) -> None:
    events = 'module "events" {\n  source = "./events"\n}\n'
    write(
        tmp_path,
        {"main.tf": events + calls.replace("OTHER", other), "inner/main.tf": INNER, "events/main.tf": EVENTS},
    )
    assert failed(run, tmp_path, ".") == ([("KV610", address)] if is_in_code else [])


@pytest.mark.parametrize("name", ["terraform.tfvars", "prod.auto.tfvars"])
def test_a_file_of_values_is_code(name: str, tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"main.tf": MODULE, "inner/main.tf": INNER, name: f'password = "{SECRET}"\n'})
    assert ("KV610", 'module.inner.azurerm_key_vault_secret.db["db"]') in failed(run, tmp_path, ".")


def test_value_of_an_option_is_not_in_code(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"main.tf": MODULE, "inner/main.tf": INNER})
    told = failed(run, tmp_path, "--var", f"password={SECRET}", ".")
    assert ("KV610", 'module.inner.azurerm_key_vault_secret.db["db"]') not in told


@pytest.mark.parametrize(
    ("name", "marked", "rules"),
    [("password", "", ["KV611"]), ("password", "sensitive = true", []), ("user_name", "", [])],
)
def test_an_option_sets_an_input_that_is_marked_or_not(
    name: str, marked: str, rules: list[str], tmp_path: Path, run: Run
) -> None:
    text = f"""
    variable "{name}" {{
      type    = string
      default = ""
      {marked}
    }}
    resource "azurerm_key_vault_secret" "s" {{
      count = var.{name} == "" ? 0 : 1
      name  = "s"
      value = var.{name}
    }}
    """
    write(tmp_path, {"main.tf": text})
    expected = [(rule, "azurerm_key_vault_secret.s[0]") for rule in rules]
    assert failed(run, tmp_path, ".") == expected
    assert failed(run, tmp_path, "--var", f"{name}={SECRET}", ".") == expected


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        (f"'{SECRET}'", ["KV610"]),
        ("az.getSecret('s', 'g', 'kv', 'db')", []),
        ("readEnvironmentVariable('PASSWORD')", []),
    ],
)
def test_origin_in_a_bicep_parameter_file_decides(value: str, rules: list[str], tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"main.bicep": BICEP, "main.bicepparam": f"using './main.bicep'\nparam password = {value}\n"})
    assert [rule for rule, _ in failed(run, tmp_path, "main.bicepparam")] == rules


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        ({"value": SECRET}, ["KV610"]),
        ({"reference": {"keyVault": {"id": "/subscriptions/s"}, "secretName": "db"}}, []),
        ({"value": "#{password}#"}, []),
    ],
)
def test_origin_in_a_parameter_file_decides(entry: object, rules: list[str], tmp_path: Path, run: Run) -> None:
    parameters = {"$schema": PARAMETERS, "parameters": {"password": entry}}
    write(tmp_path, {"main.json": json.dumps(TEMPLATE), "main.parameters.json": json.dumps(parameters)})
    told = failed(run, tmp_path, "main.json", "--parameters", "main.parameters.json")
    assert [rule for rule, _ in told] == rules


def test_azapi_secret_is_reported(tmp_path: Path, run: Run) -> None:
    body = 'body = { properties = { contentType = "x", value = local.password } }'
    text = (
        f'locals {{\n  password = "{SECRET}"\n}}\n'
        f'resource "azapi_resource" "a" {{\n  type = "Microsoft.KeyVault/vaults/secrets@2026-02-01"\n'
        f'  name = "a"\n  {body}\n}}\n'
        'resource "azapi_resource" "b" {\n  type = "Microsoft.KeyVault/vaults/secrets@2026-02-01"\n  name = "b"\n'
        "  body = jsonencode({ properties = { value = var.password } })\n}\n"
        'variable "password" {}\n'
    )
    write(tmp_path, {"main.tf": text})
    assert failed(run, tmp_path, ".") == [("KV610", "azapi_resource.a"), ("KV611", "azapi_resource.b")]


RANDOM = 'resource "random_password" "p" {\n  length = 24\n}\n'


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        # A required variable is never an error, so there is no other value.
        ("try(var.password, random_password.p.result)", "failed"),
        ("try(random_password.p.result, var.password)", "unknown"),
        ("try(var.password.app, random_password.p.result)", "unknown"),
        ("coalesce(var.password, random_password.p.result)", "unknown"),
        ("var.password != null ? var.password : random_password.p.result", "unknown"),
        ('"user:${coalesce(var.password, random_password.p.result)}"', "unknown"),
        ("try(var.password, var.other)", "failed"),
        ('try(var.password, "")', "failed"),
        ("try(var.hidden, random_password.p.result)", ""),
    ],
)
def test_value_of_two_sources_has_the_origins_of_both(value: str, outcome: str, tmp_path: Path, run: Run) -> None:
    inputs = 'variable "password" {}\nvariable "other" {}\nvariable "hidden" {\n  sensitive = true\n}\n'
    secret = f'resource "azurerm_key_vault_secret" "s" {{\n  name  = "s"\n  value = {value}\n}}\n'
    write(tmp_path, {"main.tf": inputs + RANDOM + secret})
    found = json.loads(run("-f", "json", "--select", "KV610,KV611", ".", cwd=tmp_path).out)
    told = [("failed", one["ruleId"], "") for one in found["findings"]]
    told += [("unknown", one["ruleId"], one["label"]) for one in found["unknown"]]
    why = "the value is generated, or comes from an input: `var.password` is not marked as sensitive"
    assert told == ([(outcome, "KV611", why if outcome == "unknown" else "")] if outcome else [])


def test_an_output_of_a_module_that_is_not_available_is_named(tmp_path: Path, run: Run) -> None:
    module = 'module "db" {\n  source = "git::https://example.com/db"\n}\n'
    secret = 'resource "azurerm_key_vault_secret" "s" {\n  name  = "s"\n  value = module.db.password\n}\n'
    write(tmp_path, {"main.tf": module + secret})
    (found,) = json.loads(run("-f", "json", "--select", "KV611", ".", cwd=tmp_path).out)["unknown"]
    assert found["label"] == "`module.db.password` is the output of a module that is not in the scanned files"


def test_an_output_of_a_module_is_unknown_until_the_module_is_installed(tmp_path: Path, run: Run) -> None:
    module = 'module "db" {\n  source  = "example.com/acme/db/azurerm"\n  version = "1.0.0"\n}\n'
    secret = 'resource "azurerm_key_vault_secret" "s" {\n  name  = "s"\n  value = module.db.anything\n}\n'
    shown = 'output "o" {\n  value = module.db.anything\n}\n'
    write(tmp_path, {"main.tf": module + secret + shown})
    found = json.loads(run("-f", "json", "--select", "KV61,KV62", ".", cwd=tmp_path).out)
    why = "`module.db.anything` is the output of a module that is not in the scanned files"
    told = [(one["ruleId"], one["label"]) for one in found["unknown"] if one["resource"] == SECRET_S]
    # KV616 is in the profile `strict`.
    assert {one for one in told if one[1] == why} == {("KV610", why), ("KV611", why), ("KV615", why)}
    assert not found["findings"]
    assert all(one["resource"] == SECRET_S for one in found["unknown"])
    text = run("--select", "KV610,KV611", ".", cwd=tmp_path).out
    assert why in text
    assert "run `terraform init` first" in text

    installed = {"Key": "db", "Source": "registry.terraform.io/acme/db/azurerm", "Dir": ".terraform/modules/db"}
    (tmp_path / ".terraform/modules/db").mkdir(parents=True)
    for value, rules in ((f'"{SECRET}"', ["KV610"]), ("var.anything", ["KV611"]), ("random_password.p.result", [])):
        inner = RANDOM + f'variable "anything" {{}}\noutput "anything" {{\n  value = {value}\n}}\n'
        call = module.replace("\n}", "\n  anything = var.given\n}") + 'variable "given" {}\n'
        write(tmp_path, {"main.tf": call + secret, ".terraform/modules/db/main.tf": inner})
        write(tmp_path, {".terraform/modules/modules.json": json.dumps({"Modules": [installed]})})
        found = json.loads(run("-f", "json", "--select", "KV610,KV611", ".", cwd=tmp_path).out)
        assert [one["ruleId"] for one in found["findings"]] == rules
        assert not found["unknown"]


@pytest.mark.parametrize(
    ("reference", "is_unknown"),
    [
        ("module.db.anything", True),
        ('"${module.db.anything}-a"', True),
        ("values(module.db)[0]", True),
        ("module.db.endpoint", False),
        ("module.none[0].anything", False),
    ],
)
def test_which_outputs_of_missing_modules_leave_the_source_unknown(
    reference: str, is_unknown: bool, tmp_path: Path, run: Run
) -> None:
    module = 'module "db" {\n  source = "git::https://example.com/db"\n}\n'
    module += 'module "none" {\n  source = "./none"\n  count = 0\n}\n'
    secret = f'resource "azurerm_key_vault_secret" "s" {{\n  name  = "s"\n  value = {reference}\n}}\n'
    (tmp_path / "none").mkdir()
    write(tmp_path, {"main.tf": module + secret, "none/main.tf": 'output "anything" {\n  value = "a"\n}\n'})
    rules = {"KV610", "KV611", "KV615", "KV616"}
    found = json.loads(run("-f", "json", "--select", ",".join(sorted(rules)), ".", cwd=tmp_path).out)
    assert not found["findings"]
    assert {one["ruleId"] for one in found["unknown"]} == (rules if is_unknown else set())


@pytest.mark.parametrize(
    ("name", "value", "rules"),
    [
        ("db-host", "module.db.anything", set()),
        ("db-password", "module.db.anything", {"KV610", "KV611", "KV615", "KV616"}),
        ("db-host", "module.db.password", {"KV610", "KV611", "KV615", "KV616"}),
    ],
)
def test_name_of_a_secret_decides_whether_the_output_of_a_missing_module_may_be_a_key(
    name: str, value: str, rules: set[str], tmp_path: Path, run: Run
) -> None:
    module = 'module "db" {\n  source = "git::https://example.com/db"\n}\n'
    secret = f'resource "azurerm_key_vault_secret" "s" {{\n  name  = "{name}"\n  value = {value}\n}}\n'
    write(tmp_path, {"main.tf": module + secret})
    found = json.loads(run("-f", "json", "--select", "KV610,KV611,KV615,KV616", ".", cwd=tmp_path).out)
    assert not found["findings"]
    assert {one["ruleId"] for one in found["unknown"]} == rules


def test_an_output_of_a_bicep_module_is_unknown_until_it_is_restored(tmp_path: Path, run: Run) -> None:
    main = f"module m 'br:example.azurecr.io/bicep/db:v1' = {{\n  name: 'm'\n}}\n{BICEP}"
    write(tmp_path, {"main.bicep": main.replace("value: password", "value: m.outputs.anything")})
    found = json.loads(run("-f", "json", "--select", "KV610,KV611,KV612,KV616", ".", cwd=tmp_path).out)
    why = "`m.outputs.anything` is the output of a module that is not in the scanned files"
    told = [(one["ruleId"], one["label"]) for one in found["unknown"]]
    assert told == [("KV610", why), ("KV611", why), ("KV616", why)]
    assert not found["findings"]
    assert "run `bicep restore` first" in run("--select", "KV610", ".", cwd=tmp_path).out


@pytest.mark.parametrize(("value", "rules"), [(SECRET, ["KV610"]), ("[listKeys('x', '2023-01-01').keys[0].value]", [])])
def test_an_output_of_a_template_as_a_bicep_module_has_the_origin_of_its_value(
    value: str, rules: list[str], tmp_path: Path, run: Run
) -> None:
    main = f"module m 'm.json' = {{\n  name: 'm'\n}}\n{BICEP}".replace("value: password", "value: m.outputs.anything")
    template = {**TEMPLATE, "resources": [], "outputs": {"anything": {"type": "string", "value": value}}}
    write(tmp_path, {"main.bicep": main, "m.json": json.dumps(template)})
    found = json.loads(run("-f", "json", "--select", "KV610,KV611", "main.bicep", cwd=tmp_path).out)
    assert [one["ruleId"] for one in found["findings"]] == rules
    assert not found["unknown"]


def test_an_output_that_a_plan_does_not_contain_is_unknown(tmp_path: Path, run: Run) -> None:
    expressions = {"value": {"references": ["module.db.anything", "module.db"]}, "name": {"constant_value": "s"}}
    block = {"address": SECRET_S, "mode": "managed", "type": SECRET_S.partition(".")[0], "name": "s"}
    change = {"actions": ["create"], "before": None, "after": {"name": "s"}, "after_unknown": {"value": True}}
    plan = {
        "format_version": "1.2",
        "resource_changes": [{**block, "change": change}],
        "configuration": {
            "root_module": {
                "resources": [{**block, "expressions": expressions}],
                "module_calls": {"db": {"source": "example.com/acme/db/azurerm"}},
            }
        },
    }
    write(tmp_path, {"plan.json": json.dumps(plan)})
    found = json.loads(run("-f", "json", "--select", "KV610,KV611,KV616", "plan.json", cwd=tmp_path).out)
    why = "a plan does not contain the expression of `module.db.anything`"
    told = [(one["ruleId"], one["label"]) for one in found["unknown"]]
    assert told == [("KV610", why), ("KV611", why), ("KV616", why)]


def test_self_reference_ends(tmp_path: Path, run: Run) -> None:
    text = (
        "locals {\n  a = local.b\n  b = local.a\n}\n"
        'resource "azurerm_key_vault_secret" "s" {\n  name  = "s"\n  value = local.a\n}\n'
        'output "o" {\n  value = output.o\n}\n'
    )
    write(tmp_path, {"main.tf": text})
    ran = run("-f", "json", "--select", "KV610,KV611,KV612,KV622", ".", cwd=tmp_path)
    assert "refers to itself" in ran.err


@pytest.mark.parametrize("several", [False, True])
def test_json_block_with_a_secret_is_reported(tmp_path: Path, run: Run, several: bool) -> None:
    secret = {"name": "s", "key_vault_id": "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/kv-a"}
    container = {"name": "c", "environment_variables": {"A": "${data.azurerm_key_vault_secret.s.value}"}}
    document = {
        "data": {"azurerm_key_vault_secret": {"s": secret}},
        "resource": {
            "azurerm_container_group": {"g": {"name": "g", "container": [container] if several else container}}
        },
    }
    write(tmp_path, {"main.tf.json": json.dumps(document)})
    found = json.loads(run("-f", "json", "--select", "KV622", ".", cwd=tmp_path).out)["findings"]
    assert [one["resource"] for one in found] == ["azurerm_container_group.g.container.environment_variables"]


def test_dependency_on_a_module_includes_the_dependencies_of_the_module(tmp_path: Path, run: Run) -> None:
    text = """
data "azurerm_client_config" "me" {}
resource "azurerm_key_vault" "kv" {
  name = "kv"
}
resource "azurerm_key_vault_access_policy" "me" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = data.azurerm_client_config.me.object_id
  secret_permissions = ["Set"]
}
module "wait" {
  source     = "./wait"
  depends_on = [azurerm_key_vault_access_policy.me]
}
resource "azurerm_key_vault_secret" "late" {
  name         = "late"
  key_vault_id = azurerm_key_vault.kv.id
  depends_on   = [module.wait]
}
resource "azurerm_key_vault_secret" "named" {
  name         = module.wait.name
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "early" {
  name         = "early"
  key_vault_id = azurerm_key_vault.kv.id
}
"""
    write(tmp_path, {"main.tf": text, "wait/main.tf": 'output "name" {\n  value = "named"\n}\n'})
    found = json.loads(run("-f", "json", "--select", "KV055", ".", cwd=tmp_path).out)
    assert [one["resource"] for one in found["findings"]] == ["azurerm_key_vault_secret.early"]
    assert not found["unknown"]


VAULT_MODULE = """
data "azurerm_client_config" "me" {}
resource "azurerm_key_vault" "kv" {
  name = "kv"
}
resource "azurerm_key_vault_access_policy" "me" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = data.azurerm_client_config.me.object_id
  secret_permissions = ["Set"]
}
output "id" {
  value = azurerm_key_vault.kv.id
}
output "open_id" {
  value      = azurerm_key_vault.kv.id
  depends_on = [azurerm_key_vault_access_policy.me]
}
"""


def test_output_depends_on_its_depends_on(tmp_path: Path, run: Run) -> None:
    secrets = "".join(
        f'resource "azurerm_key_vault_secret" "{output}" {{\n'
        f'  name         = "{output}"\n  key_vault_id = module.kv.{output}\n}}\n'
        for output in ("id", "open_id")
    )
    write(tmp_path, {"main.tf": 'module "kv" {\n  source = "./kv"\n}\n' + secrets, "kv/main.tf": VAULT_MODULE})
    found = json.loads(run("-f", "json", "--select", "KV055", ".", cwd=tmp_path).out)
    assert [one["resource"] for one in found["findings"]] == ["azurerm_key_vault_secret.id"]


WAITS = """
data "azurerm_client_config" "me" {}
resource "azurerm_key_vault" "kv" {
  name = "kv"
}
resource "azurerm_key_vault_access_policy" "me" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = data.azurerm_client_config.me.object_id
  secret_permissions = ["Set"]
}
module "wait" {
  source     = "./wait"
  depends_on = ["azurerm_key_vault_access_policy.me"]
}
"""
QUOTED = (
    '["azurerm_key_vault_access_policy.me"]',
    '["azurerm_key_vault_access_policy.me[0]"]',
    '["azurerm_key_vault_access_policy.me[\\"a.b\\"]"]',
    '["azurerm_key_vault.kv", "azurerm_key_vault_access_policy.me"]',
    '["module.wait"]',
    '["module.wait.name"]',
)


VAULT_ID = "azurerm_key_vault.kv.id"


def secret_of(name: str, more: str) -> str:
    head = f'resource "azurerm_key_vault_secret" "{name}" {{'
    return f'{head}\n  name = "{name}"\n  key_vault_id = {VAULT_ID}\n{more}}}\n'


def test_depends_on_in_quotation_marks_is_a_dependency(tmp_path: Path, run: Run) -> None:
    waiting = "".join(secret_of(f"s{i}", f"  depends_on = {items}\n") for i, items in enumerate(QUOTED))
    in_json = {
        f"j{i}": {"name": f"j{i}", "key_vault_id": f"${{{VAULT_ID}}}", "depends_on": [item]}
        for i, item in enumerate(("azurerm_key_vault_access_policy.me", "${azurerm_key_vault_access_policy.me}"))
    }
    # A string in another argument is not a dependency.
    early = secret_of("early", '  content_type = "azurerm_key_vault_access_policy.me"\n')
    files = {
        "main.tf": WAITS + waiting + early,
        "a.tf.json": json.dumps({"resource": {"azurerm_key_vault_secret": in_json}}),
        "wait/main.tf": 'output "name" {\n  value = "named"\n}\n',
    }
    write(tmp_path, files)
    found = json.loads(run("-f", "json", "--select", "KV055", ".", cwd=tmp_path).out)
    assert [one["resource"] for one in found["findings"]] == ["azurerm_key_vault_secret.early"]
    assert not found["unknown"]


ECHO = """
@secure()
param input string

output output string = input
"""
CALLER = """
param publicKeySecretName string
param secretName string

resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: 'kv'
}

module echo 'echo.bicep' = {
  name: 'echo'
  params: {
    input: %s
  }
}

output result string = echo.outputs.output
"""


@pytest.mark.parametrize(
    ("value", "is_secret"),
    [
        ("kv.getSecret(publicKeySecretName)", False),
        ("kv.getSecret('admin-user-name')", False),
        ("kv.properties.vaultUri", False),
        ("'eastus'", False),
        ("kv.getSecret(secretName)", True),
        ("kv.getSecret('admin-password')", True),
    ],
)
def test_secure_parameter_of_a_module_has_the_origin_of_its_argument(
    value: str, is_secret: bool, tmp_path: Path, run: Run
) -> None:
    write(tmp_path, {"main.bicep": CALLER % value, "echo.bicep": ECHO})
    found = failed(run, tmp_path, "main.bicep")
    assert found == ([("KV612", "echo.outputs.output"), ("KV612", "outputs.result")] if is_secret else [])


SECRET_MODULE = """
param name string
@secure()
param value string

resource secret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  name: 'kv/${name}'
  properties: {
    value: value
  }
}
"""
SECRET_CALLER = """
module secret 'secret.bicep' = {
  name: 'secret'
  params: {
    name: '%s'
    value: '%s'
  }
}
"""


@pytest.mark.parametrize(("name", "rules"), [("SEARCH-API-VERSION", []), ("db-password", ["KV610"]), ("db", ["KV610"])])
def test_configuration_passed_to_a_module_that_creates_secrets_is_not_reported(
    name: str, rules: list[str], tmp_path: Path, run: Run
) -> None:
    write(tmp_path, {"main.bicep": SECRET_CALLER % (name, SECRET), "secret.bicep": SECRET_MODULE})
    found = failed(run, tmp_path, "main.bicep")
    assert [rule for rule, _ in found] == rules


LOGS = """
resource logs 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: 'logs'
}

output key string = logs.listKeys().keys[0].value
"""
SCRIPT = """
param logKey string

resource script 'Microsoft.Resources/deploymentScripts@2023-08-01' = {
  name: 'script'
  kind: 'AzureCLI'
  properties: {
    environmentVariables: [
      {
        name: 'LOG_KEY'
        value: logKey
      }
    ]
  }
}
"""
SCRIPT_CALLER = """
module logs 'logs.bicep' = {
  name: 'logs'
}

module script 'script.bicep' = {
  name: 'script'
  params: {
    logKey: logs.outputs.key
  }
}
"""


def test_a_secret_is_reported_where_it_is_passed(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"main.bicep": SCRIPT_CALLER, "logs.bicep": LOGS, "script.bicep": SCRIPT})
    found = json.loads(run("-f", "json", "--select", "KV622", "main.bicep", cwd=tmp_path).out)["findings"]
    assert [(one["location"]["path"], one["location"]["line"]) for one in found] == [("script.bicep", 10)]
    related = [(one["message"], one["location"]["path"]) for one in found[0]["relatedLocations"]]
    assert ("the value comes from here", "logs.bicep") in related


@pytest.mark.parametrize("access", ["logs.outputs.key", "logs.outputs['key']"])
def test_an_output_of_a_module_exposes_a_secret_by_name_and_by_key(access: str, tmp_path: Path, run: Run) -> None:
    caller = f"module logs 'logs.bicep' = {{\n  name: 'logs'\n}}\n\noutput own string = {access}\n"
    write(tmp_path, {"main.bicep": caller, "logs.bicep": LOGS})
    found = json.loads(run("-f", "json", "--select", "KV612", "main.bicep", cwd=tmp_path).out)["findings"]
    assert ("main.bicep", 5) in [(one["location"]["path"], one["location"]["line"]) for one in found]


def template_of_output(reference: str, output: object, is_inner: bool = True, **inner: object) -> str:
    """Return a template whose secret has the value of a reference, and whose nested deployment has an output."""
    schema = TEMPLATE["$schema"]
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "nest",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner" if is_inner else "outer"},
            "template": {"$schema": schema, "resources": [], "outputs": {"o": output}, **inner},
        },
    }
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2026-02-01",
        "name": "kv/db",
        "properties": {"value": f"[{reference}]"},
    }
    return json.dumps({"$schema": schema, "resources": [nested, secret]})


WRITTEN = {"type": "string", "value": SECRET}
GENERATED = {"type": "string", "value": "[listKeys('x', '2023-01-01').keys[0].value]"}
BY_PARAMETER = {"type": "string", "value": "[parameters('p')]"}
COPIED = {"type": "array", "copy": {"count": 2, "input": SECRET}}
FULL = "reference(resourceId('Microsoft.Resources/deployments', 'nest'), '2022-09-01', 'Full').properties"


@pytest.mark.parametrize("is_inner", [True, False])
@pytest.mark.parametrize(
    ("reference", "output", "is_in_code"),
    [
        ("reference('nest').outputs.o.value", WRITTEN, True),
        ("reference('nest').Outputs['O'].Value", WRITTEN, True),
        (f"{FULL}.outputs.o.value", WRITTEN, True),
        ("reference('nest').outputs.o.value", {**WRITTEN, "type": "securestring"}, True),
        ("reference('nest').outputs.o.value[0]", COPIED, True),
        ("reference('nest').outputs.o.value", GENERATED, False),
    ],
)
def test_secret_from_an_output_of_a_deployment_has_the_origin_of_the_output(
    reference: str, output: object, is_in_code: bool, is_inner: bool, tmp_path: Path, run: Run
) -> None:
    write(tmp_path, {"main.json": template_of_output(reference, output, is_inner)})
    found = [rule for rule, _ in failed(run, tmp_path, "main.json") if rule == "KV610"]
    assert found == (["KV610"] if is_in_code else [])


@pytest.mark.parametrize("type_", ["string", "securestring"])
def test_a_secret_from_an_output_comes_from_the_default_of_a_parameter(type_: str, tmp_path: Path, run: Run) -> None:
    parameters = {"p": {"type": type_, "defaultValue": SECRET}}
    text = template_of_output("reference('nest').outputs.o.value", BY_PARAMETER, parameters=parameters)
    write(tmp_path, {"main.json": text})
    assert "KV610" in dict(failed(run, tmp_path, "main.json"))


def test_an_output_that_refers_to_itself_has_no_end(tmp_path: Path, run: Run) -> None:
    output = {"type": "string", "value": "[reference('nest').outputs.o.value]"}
    write(tmp_path, {"main.json": template_of_output("reference('nest').outputs.o.value", output, is_inner=False)})
    assert run("--select", "KV610", "main.json", cwd=tmp_path).code in (0, 1)


@pytest.mark.parametrize(("name", "is_unknown"), [("password", True), ("endpoint", False)])
def test_an_output_of_a_deployment_that_is_not_available_is_unknown_by_its_name(
    name: str, is_unknown: bool, tmp_path: Path, run: Run
) -> None:
    text = template_of_output(f"reference('other').outputs.{name}.value", WRITTEN)
    write(tmp_path, {"main.json": text})
    found = json.loads(run("-f", "json", "--select", "KV610", "main.json", cwd=tmp_path).out)
    assert not found["findings"]
    assert bool(found["unknown"]) == is_unknown


@pytest.mark.parametrize("access", [".outputs.o", "['outputs'].o", "['outputs']['o']"])
def test_secret_from_an_output_of_a_module_has_the_origin_of_the_output(access: str, tmp_path: Path, run: Run) -> None:
    main = f"module m 'm.bicep' = {{\n  name: 'm'\n}}\n{BICEP}".replace("value: password", f"value: m{access}")
    write(tmp_path, {"main.bicep": main, "m.bicep": f"output o string = '{SECRET}'\n"})
    assert ("KV610", "db") in failed(run, tmp_path, "main.bicep")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("value", ["{}", '"Password=${{{}}}"', "[{}]"])
def test_an_output_of_a_resource_that_is_not_declared_exposes_no_secret(
    run: Run, tmp_path: Path, value: str, declared: bool
) -> None:
    secret = "azurerm_key_vault_secret.db"
    reference = f"{secret}.value"
    text = f'resource "azurerm_key_vault" "kv" {{ name = "kv" }}\noutput "db" {{ value = {value.format(reference)} }}\n'
    if declared:
        text += 'resource "azurerm_key_vault_secret" "db" { name = "db" }\n'
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    out = run("check", "main.tf", "--select", "KV612", "--show-unknown", cwd=tmp_path).out
    assert ("Output `db` exposes a secret" in out) == declared
    assert (f"`{secret}` is not declared in the module" in out) != declared


_STORAGE = """resource st 'Microsoft.Storage/storageAccounts@2023-01-01' = {
  name: 'st'
  location: 'westeurope'
}
output key string = st.listKeys().keys[0].value
"""
_TAGGED = """resource "random_password" "p" { length = 32 }
resource "azurerm_key_vault" "kv" { name = "kv" }
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  value        = random_password.p.result
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_storage_account" "a" {
  name = "a"
  tags = { password = random_password.p.result }
}
"""


@pytest.mark.parametrize(
    ("files", "rule", "condition"),
    [
        (
            {
                "main.tf": 'variable "on" { default = false }\n'
                'module "m" {\n  source = "./m"\n  count  = var.on ? 1 : 0\n}\n',
                "m/main.tf": _TAGGED,
            },
            "KV622",
            "if var.on is true",
        ),
        (
            {
                "main.bicep": "param on bool = false\nmodule m 'm.bicep' = if (on) {\n  name: 'm'\n}\n",
                "m.bicep": _STORAGE,
            },
            "KV612",
            "if on is true",
        ),
    ],
)
def test_secret_exposed_by_a_module_that_is_switched_off_is_reported(
    files: dict[str, str], rule: str, condition: str, tmp_path: Path, run: Run
) -> None:
    write(tmp_path, files)
    found = run("-f", "concise", "--profile", "all", "--select", rule, ".", cwd=tmp_path).out
    (line,) = (line for line in found.splitlines() if rule in line)
    assert condition in line
