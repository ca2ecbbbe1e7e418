"""Each declaration that the base world does not create is evaluated with a condition, or skipped with a true reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_existence import PROVIDER, checked, found, report, variable, vault, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

CHILD = 'variable "env" {\n  type = string\n}\n' + vault('  count = var.env == "prod" ? 1 : 0')
KEYS = {
    "a set": variable("envs", "set(string)", '["dev"]') + "%s  for_each = var.envs\n  env = each.key\n}\n",
    "a set of one": variable("env", "string", '"dev"') + "%s  for_each = toset([var.env])\n  env = each.key\n}\n",
    "a switch": variable("on", "bool", "false")
    + variable("k", "string", '"z"')
    + "%s  for_each = var.on ? toset([var.k]) : []\n  env = each.key\n}\n",
}


@pytest.mark.parametrize("name", KEYS)
def test_a_module_may_have_other_keys(kvlint: Kvlint, name: str) -> None:
    files = {"main.tf": PROVIDER + KEYS[name] % 'module "m" {\n  source = "./m"\n', "m/main.tf": CHILD}
    document = checked(kvlint, files, "--select", "KV001")
    assert words(document, "KV001") == ["if its condition holds"]
    assert document["skipped"] == []


def test_long_chain_of_conditions_skips_no_resource(kvlint: Kvlint) -> None:
    text = "".join(variable(f"s{number}", "bool", "false") for number in range(20))
    for number in range(20):
        after = f" && length(azurerm_key_vault.k{number + 1}) > 0" if number < 19 else ""
        text += vault(f"  count = var.s{number}{after} ? 1 : 0", f"k{number}")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert len(found(document, "KV001")) == 20
    assert document["skipped"] == []


def test_skip_reason_names_a_set_variable_only_if_another_value_creates_the_resource(kvlint: Kvlint) -> None:
    module = 'variable "on" {\n  type = bool\n}\n' + vault("  count = var.on ? 1 : 0")
    module += vault("  for_each = toset([])", "q")
    root = variable("on", "bool", "false") + 'module "m" {\n  source = "./m"\n  count = var.on ? 1 : 0\n  on = %s\n}\n'
    write({"main.tf": PROVIDER + root % "false", "m/main.tf": module})
    for options in ((), ("--var", "on=true")):
        document = report(kvlint("in", "-f", "json", *options))
        assert [one["reason"] for one in document["skipped"]] == [
            "`count` is 0 with the arguments of the module call", "`for_each` is empty"
        ]  # fmt: skip
    write({"main.tf": PROVIDER + variable("other", "bool", "false") + root % "var.other"})
    document = report(kvlint("in", "-f", "json", "--var", "on=true", "--var", "other=false"))
    assert document["skipped"][0]["reason"] == "`count` is 0 with the given value of `var.other`"


def test_each_caller_of_a_module_has_its_own_condition(kvlint: Kvlint) -> None:
    root = variable("a", "bool", "false") + variable("b", "bool", "false")
    root += "".join(f'module "{x}" {{\n  source = "./m"\n  on = var.{y}\n}}\n' for x, y in (("x", "a"), ("y", "b")))
    module = 'variable "on" {\n  type = bool\n}\n' + vault("  count = var.on ? 1 : 0")
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module}, "--select", "KV001")
    (evaluated,) = document["evaluated"]
    assert (evaluated["address"], evaluated["condition"]) == ("module.x.azurerm_key_vault.kv", "if var.a is true")
    line = kvlint("in", "-f", "concise", "--select", "KV001").out
    assert "module.y.azurerm_key_vault.kv[0] (if var.b is true)]" in line


def test_value_chosen_by_the_search_alone_is_not_a_problem(kvlint: Kvlint) -> None:
    text = variable("n", "number", "0") + vault("  count = var.n >= 20000 ? var.n : 0")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert words(document, "KV001") == ["if var.n is 20000"]
    assert document["problems"] == []
