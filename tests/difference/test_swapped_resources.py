"""A checkout cannot hide a resource behind the address, the place or the callers of another one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.cli.test_ways_past_the_gate import arm, linking
from tests.difference.conftest import Diff
from tests.difference.test_turned_off import IGNORE, NEW_HIGH, RULES, TURNED_OFF, vault

GOOD = vault(value="true")
LOWER = '[[override]]\nresources = ["azurerm_key_vault.a"]\nseverity = "info"\n'
CRITICAL = '[[override]]\nrules = ["KV001"]\nseverity = "critical"\n'
VARIABLE = 'variable "p" {\n  type    = bool\n  default = <default>\n}\n'
BICEP_NAMES = """param lab string
param prod string
// kvlint: ignore[KV001] accepted by the team
resource a 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: <a>
  location: 'x'
  properties: { enablePurgeProtection: null }
}
resource b 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: <b>
  location: 'x'
  properties: { enablePurgeProtection: true }
}
"""


def bicep_names(first: str, second: str) -> str:
    """Return two vaults with names from parameters, of which the first has a suppressed finding."""
    return BICEP_NAMES.replace("<a>", first).replace("<b>", second)


BICEP = (
    "param p bool = <default>\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n"
    "  location: 'x'\n  properties: { enablePurgeProtection: p ? true : null }\n}\n"
)


def named(name: str, address: str, value: str = "false", comment: str = "") -> str:
    """Return a vault whose name is not that of its address."""
    return vault(address, value, comment).replace(f'"kv-{address}"', f'"{name}"')


def computed(expression: str, address: str, value: str = "false", comment: str = "") -> str:
    """Return a vault whose name is an expression."""
    return vault(address, value, comment).replace(f'"kv-{address}"', expression)


NAMES = 'variable "lab" {}\nvariable "prod" {}\nvariable "names" {\n  type = map(string)\n}\n'
SECRET_NAMES = NAMES.replace("{}", "{\n  sensitive = true\n}")


def exchanged(lab: str, prod: str, declarations: str = NAMES) -> Attack:
    """Return an attack in which the vault with the name ``prod`` comes to the address of a suppressed one."""
    return Attack(
        {"main.tf": declarations + computed(lab, "a", comment=IGNORE) + computed(prod, "b", "true")},
        {"main.tf": declarations + computed(prod, "a", comment=IGNORE) + computed(lab, "b", "true")},
    )


def by_variable(default: str) -> str:
    return VARIABLE.replace("<default>", default) + vault(value="var.p")


def caller(source: str) -> str:
    return f'module "x" {{\n  source = "{source}"\n  p      = true\n}}\n'


class Attack(NamedTuple):
    """The files of both checkouts, with ``OUTSIDE`` for a link to a file outside of them."""

    base: Mapping[str, str]
    head: Mapping[str, str]
    words: tuple[str, ...] = ()


OUTSIDE = "(a link to a file outside)"
ATTACKS = {
    "the name moves to a suppressed address": Attack(
        {"main.tf": vault("a", comment=IGNORE) + GOOD}, {"main.tf": named("kv-prod", "a", comment=IGNORE)}
    ),
    "a moved block to a suppressed address": Attack(
        {"main.tf": vault("a", comment=IGNORE) + GOOD},
        {
            "main.tf": named("kv-prod", "a", comment=IGNORE)
            + "moved {\n  from = azurerm_key_vault.prod\n  to   = azurerm_key_vault.a\n}\n"
        },
    ),
    "the name moves to the same address of another root": Attack(
        {"lab/main.tf": named("kv-lab", "kv", comment=IGNORE), "prod/main.tf": named("kv-prod", "kv", "true")},
        {"lab/main.tf": named("kv-prod", "kv", comment=IGNORE)},
    ),
    "the name moves to an address with an override": Attack(
        {"main.tf": vault("a") + GOOD, "kvlint.toml": LOWER},
        {"main.tf": named("kv-prod", "a"), "kvlint.toml": LOWER},
    ),
    "the name moves to the address of a vault that fails": Attack(
        {"main.tf": vault("a") + GOOD}, {"main.tf": named("kv-prod", "a")}
    ),
    "a new vault at the address of a vault that fails in another root": Attack(
        {"lab/main.tf": named("kv-lab", "kv")}, {"live/main.tf": named("kv-prod", "kv")}
    ),
    "another vault stays at the address": Attack(
        {"prod/main.tf": GOOD},
        {"prod/main.tf": named("kv-decoy", "prod", "true"), "examples/main.tf": named("kv-prod", "x")},
    ),
    "an example calls the root": Attack(
        {"prod/main.tf": by_variable("true")},
        {"prod/main.tf": by_variable("false"), "examples/x/main.tf": caller("../../prod")},
    ),
    "another root calls the root": Attack(
        {"prod/main.tf": by_variable("true")},
        {"prod/main.tf": by_variable("false"), "other/main.tf": caller("../prod")},
    ),
    "another template calls the template": Attack(
        {"main.bicep": BICEP.replace("<default>", "true")},
        {
            "main.bicep": BICEP.replace("<default>", "false"),
            "other.bicep": "module m 'main.bicep' = {\n  name: 'm'\n  params: { p: true }\n}\n",
        },
    ),
    "another template links the template": Attack(
        {"t.json": arm("[parameters('p')]", parameters={"p": {"type": "bool", "defaultValue": True}})},
        {
            "t.json": arm("[parameters('p')]", parameters={"p": {"type": "bool", "defaultValue": False}}),
            "x.json": linking("t.json", p=True),
        },
    ),
    "a module renders the template": Attack(
        {"t.json": arm(True)},
        {
            "t.json": arm(variables={"x": "${x}"}),
            "x/a.tf": 'variable "n" {}\nlocals {\n  a = templatefile("../${var.n}.json", {})\n}\n',
        },
    ),
    "the template becomes one of a Bicep module": Attack(
        {"t.json": arm(True)},
        {
            "t.json": arm(metadata={"_generator": {"name": "bicep", "version": "0.30.0", "templateHash": "1"}}),
            "t.bicep": "param x string = ''\n",
            "x.bicep": "module m 't.bicep' = {\n  name: 'm'\n}\n",
        },
    ),
    "a new variable file gives another value": Attack(
        {"main.tf": by_variable("true")}, {"main.tf": by_variable("false"), "terraform.tfvars": "p = true\n"}
    ),
    "one more variable file gives another value": Attack(
        {"main.tf": by_variable("true"), "a.auto.tfvars": "q = 1\n"},
        {"main.tf": by_variable("false"), "a.auto.tfvars": "q = 1\n", "b.auto.tfvars": "p = true\n"},
    ),
    "the named configuration becomes a link": Attack(
        {"main.tf": GOOD, "ci/k.toml": CRITICAL},
        {"main.tf": vault(), "ci/k.toml": OUTSIDE},
        ("--config", "head/ci/k.toml"),
    ),
    "the configuration becomes a link": Attack(
        {"main.tf": GOOD, "kvlint.toml": CRITICAL}, {"main.tf": vault(), "kvlint.toml": OUTSIDE}
    ),
    "a file of OpenTofu takes the place": Attack(
        {"main.tf": GOOD},
        {"main.tf": vault(), "main.tofu": GOOD, "kvlint.toml": 'tool = "opentofu"\n'},
    ),
    "another variable has the name": exchanged("var.lab", "var.prod"),
    "another sensitive variable has the name": exchanged("var.lab", "var.prod", SECRET_NAMES),
    "another key of a variable has the name": exchanged('var.names["lab"]', 'var.names["prod"]'),
    "another output has the name": exchanged(
        "module.lab.name",
        "module.prod.name",
        'module "lab" {\n  source = "o/a/x"\n}\nmodule "prod" {\n  source = "o/b/x"\n}\n',
    ),
    "another part of the name": exchanged('"kv-${var.lab}"', '"kv-${var.prod}"'),
    "another literal part of the name": exchanged('"lab-${var.lab}"', '"prod-${var.lab}"'),
    "a name in place of an unknown one": exchanged("var.lab", '"kv-prod"'),
    "an unknown name in place of the label": exchanged('"a"', "var.prod"),
    "another argument of a provider's function": exchanged('provider::x::f("lab")', 'provider::x::f("prod")'),
    "another variable has the name of a vault that fails": Attack(
        {"main.tf": NAMES + computed("var.lab", "a") + computed("var.prod", "b", "true")},
        {"main.tf": NAMES + computed("var.prod", "a") + computed("var.lab", "b", "true")},
    ),
    "another parameter has the name": Attack(
        {"main.bicep": bicep_names("lab", "prod")}, {"main.bicep": bicep_names("prod", "lab")}
    ),
    "another instance of a suppressed module": Attack(
        {"kv/main.tf": vault(comment=IGNORE), "main.tf": 'module "a" {\n  source = "./kv"\n}\n'},
        {
            "kv/main.tf": vault(comment=IGNORE),
            "main.tf": 'module "a" {\n  source = "./kv"\n}\nmodule "b" {\n  source = "./kv"\n}\n',
        },
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_finding_is_hidden(name: str, diff: Diff) -> None:
    attack = ATTACKS[name]
    (diff.folder / "outside.toml").write_text('ignore = ["KV001"]\n', "utf-8")
    for side, files in (("base", attack.base), ("head", attack.head)):
        shutil.rmtree(diff.folder / side, ignore_errors=True)
        plain = {file: text for file, text in files.items() if text != OUTSIDE}
        diff.write(side, {".git/HEAD": "ref: refs/heads/main\n", **plain})
        for file in files.keys() - plain.keys():
            (diff.folder / side / file).parent.mkdir(exist_ok=True)
            (diff.folder / side / file).symlink_to(diff.folder / "outside.toml")
    found = diff.compare("base", "head", *RULES, *attack.words, *NEW_HIGH, *TURNED_OFF)
    assert found.code == 1
    listed = [one["rules"] for one in found.document["turnedOff"]]
    assert found.findings("new") or ["KV001"] in listed


SECRET = """# kvlint: ignore[KV601] accepted by the team
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  value        = "x"
  key_vault_id = <vault>
}
"""
DATA = 'data "azurerm_key_vault" "<name>" {\n  name                = "kv-<name>"\n  resource_group_name = "rg"\n}\n'
VAULTS = DATA.replace("<name>", "lab") + DATA.replace("<name>", "prod") + 'variable "a" {}\nvariable "b" {}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("data.azurerm_key_vault.lab.id", "data.azurerm_key_vault.prod.id"),
        ("var.a", "var.b"),
        ("data.azurerm_key_vault.lab.id", "var.b"),
    ],
)
def test_a_suppression_does_not_follow_to_another_vault(before: str, after: str, diff: Diff) -> None:
    for side, vault_id in (("base", before), ("head", after)):
        diff.write(side, {"main.tf": VAULTS + SECRET.replace("<vault>", vault_id)})
    found = diff.compare("base", "head", "--select", "KV601", *TURNED_OFF)
    assert (found.code, [one["rules"] for one in found.document["turnedOff"]]) == (1, [["KV601"]])
    assert not diff.compare("head", "head", "--select", "KV601", *TURNED_OFF).document["turnedOff"]


@pytest.mark.parametrize("name", ["var.lab", '"kv-${var.lab}"', 'provider::x::f("lab")', 'var.names["lab"]'])
def test_suppression_applies_to_the_same_unknown_name(name: str, diff: Diff) -> None:
    text = NAMES + computed(name, "a", comment=IGNORE)
    diff.write("base", {"main.tf": text})
    diff.write("head", {"main.tf": "# a new line\n" + text})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.findings("new"), found.document["turnedOff"]) == (0, [], [])


def test_a_renamed_variable_file_is_not_a_new_one(diff: Diff) -> None:
    text = by_variable("false")
    diff.write("base", {"main.tf": text, "a.auto.tfvars": "p = true\n"})
    diff.write("head", {"main.tf": text, "terraform.tfvars": "p = true\n"})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.findings("new"), found.document["turnedOff"]) == (0, [], [])


def test_variable_file_of_a_new_root_module_is_used(diff: Diff) -> None:
    diff.write("base", {"main.tf": GOOD})
    new = {"new/main.tf": by_variable("false").replace("kv-prod", "kv-new"), "new/terraform.tfvars": "p = true\n"}
    diff.write("head", {"main.tf": GOOD, **new})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.document["turnedOff"]) == (0, [])


@pytest.mark.parametrize("source", ["git::https://example.com/kv.git", "org/kv/azurerm"])
def test_a_module_of_head_that_is_not_evaluated_is_named(source: str, diff: Diff) -> None:
    diff.write("base", {"main.tf": GOOD + vault("a", "true")})
    diff.write("head", {"main.tf": vault("a", "true") + f'module "kv" {{\n  source = "{source}"\n}}\n'})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH)
    (problem,) = found.document["problems"]
    assert problem["level"] == "note"
    assert f"module `{source}` is not installed" in problem["message"]
    assert source in diff.run("base", "head", *RULES).out
    diff.write("base", {"main.tf": f'module "kv" {{\n  source = "{source}"\n}}\n' + vault("a", "true")})
    # What neither side evaluates may differ too.
    (problem,) = diff.compare("base", "head", *RULES, *NEW_HIGH).document["problems"]
    assert f"module `{source}` is not installed" in problem["message"]


ROLE = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}
variable "lab" {}
variable "prod" {}
# kvlint: ignore[KV402,KV403] accepted by the team
resource "azurerm_role_assignment" "a" {
  scope                = "/subscriptions/00000000-0000-0000-0000-000000000001"
  role_definition_name = "<role>"
  principal_id         = <principal>
}
"""
POLICY = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}
variable "lab" {}
variable "prod" {}
# kvlint: ignore[KV302] accepted by the team
resource "azurerm_key_vault_access_policy" "a" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = <principal>
  secret_permissions = ["Get", "Purge"]
}
"""
BICEP_ROLE = """targetScope = 'subscription'
param lab string
param prod string
// kvlint: ignore[KV402,KV403] accepted by the team
resource a 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid('x')
  properties: {
    principalId: <principal>
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '<role>')
  }
}
"""
_ONE, _OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
_CONTRIBUTOR, _OWNER = "b24988ac-6180-42a0-ab88-20f7382dd24c", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
GRANTS = {
    "another principal": ("main.tf", ROLE, ("Contributor", f'"{_ONE}"'), ("Contributor", f'"{_OTHER}"')),
    "another unknown principal": ("main.tf", ROLE, ("Contributor", "var.lab"), ("Contributor", "var.prod")),
    "another role": ("main.tf", ROLE, ("Contributor", f'"{_ONE}"'), ("Owner", f'"{_ONE}"')),
    "another principal of a policy": ("main.tf", POLICY, ("", f'"{_ONE}"'), ("", f'"{_OTHER}"')),
    "another unknown principal of a policy": ("main.tf", POLICY, ("", "var.lab"), ("", "var.prod")),
    "another principal in Bicep": ("main.bicep", BICEP_ROLE, (_CONTRIBUTOR, "lab"), (_CONTRIBUTOR, "prod")),
    "another role in Bicep": ("main.bicep", BICEP_ROLE, (_CONTRIBUTOR, "lab"), (_OWNER, "lab")),
}


@pytest.mark.parametrize("name", GRANTS)
def test_a_suppression_does_not_follow_to_another_principal_or_role(name: str, diff: Diff) -> None:
    file, text, *sides = GRANTS[name]
    for side, (role, principal) in zip(("base", "head"), sides, strict=True):
        diff.write(side, {file: text.replace("<role>", role).replace("<principal>", principal)})
    rules = ("--select", "KV302,KV402,KV403")
    found = diff.compare("base", "head", *rules, *TURNED_OFF)
    assert (found.code, bool(found.document["turnedOff"])) == (1, True)
    assert not diff.compare("head", "head", *rules, *TURNED_OFF).document["turnedOff"]
