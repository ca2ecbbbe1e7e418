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
BICEP = (
    "param p bool = <default>\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n"
    "  location: 'x'\n  properties: { enablePurgeProtection: p ? true : null }\n}\n"
)


def named(name: str, address: str, value: str = "false", comment: str = "") -> str:
    """Return a vault whose name is not that of its address."""
    return vault(address, value, comment).replace(f'"kv-{address}"', f'"{name}"')


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


def test_a_renamed_variable_file_is_not_a_new_one(diff: Diff) -> None:
    text = by_variable("false")
    diff.write("base", {"main.tf": text, "a.auto.tfvars": "p = true\n"})
    diff.write("head", {"main.tf": text, "terraform.tfvars": "p = true\n"})
    found = diff.compare("base", "head", *RULES, *NEW_HIGH, *TURNED_OFF)
    assert (found.code, found.findings("new"), found.document["turnedOff"]) == (0, [], [])


def test_the_variable_file_of_a_new_root_module_counts(diff: Diff) -> None:
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
    assert not diff.compare("base", "head", *RULES, *NEW_HIGH).document["problems"]
