"""The values of variables: where they come from, what they are converted to, and those that nobody gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge

# In the order in which they count.
GIVEN = {
    "terraform.tfvars": "p = {}\n",
    "terraform.tfvars.json": '{{"p": {}}}\n',
    "a.auto.tfvars": "p = {}\n",
    "b.auto.tfvars.json": '{{"p": {}}}\n',
    "c.auto.tfvars": "p = {}\n",
}


@pytest.mark.parametrize("count", range(len(GIVEN) + 1))
def test_later_source_of_a_variable_overrides_earlier_ones(count: int, judge: Judge) -> None:
    """Each file gives the opposite of all before it."""
    given = {"main.tf": variable("p", "true") + vault("var.p")}
    given |= {name: text.format("true") for name, text in list(GIVEN.items())[: count - 1]} if count else {}
    last = list(GIVEN)[count - 1] if count else ""
    if last:
        given[last] = GIVEN[last].format("false")
    found = judge(given)
    assert found.told("KV001") == ([("fail", "main.tf", 5)] if last else [])
    if last:
        (note,) = [note for note in found.all("KV001")[0].related if note.text == "the value comes from here"]
        assert (note.at.path, note.at.region and note.at.region.start_line) == (last, 1)


def test_options_take_precedence(judge: Judge) -> None:
    files = {
        "main.tf": variable("p", "true") + vault("var.p"),
        "z.auto.tfvars": "p = true\n",
        "no.tfvars": "p = false\n",
    }
    assert judge(files).told("KV001") == []
    assert judge(files, variable_files=("no.tfvars",)).told("KV001") == [("fail", "main.tf", 5)]
    assert judge(files, variable_files=("no.tfvars",), variables=("p=true",)).told("KV001") == []
    assert judge(files, variables=("p=true", "p=false")).told("KV001") == [("fail", "main.tf", 5)]
    # Not one that Terraform reads by itself.
    assert judge({"prod.json": '{"p": false}'}, variable_files=("prod.json",)).told("KV001") == [("fail", "main.tf", 5)]


@pytest.mark.parametrize("name", ["data", "module", "resource", "variable", "output", "terraform"])
def test_a_variable_may_have_the_name_of_a_block(name: str, judge: Judge) -> None:
    files = {"main.tf": variable(name, "{ p = true }") + vault(f"var.{name}.p")}
    assert judge({**files, "terraform.tfvars.json": f'{{"{name}": {{"p": false}}}}'}).told("KV001") == [
        ("fail", "main.tf", 5)
    ]


@pytest.mark.parametrize(
    ("type_", "word", "expression"),
    [
        ("bool", "false", "var.v"),
        ("list(bool)", "[true, false]", "var.v[1]"),
        ("map(bool)", "{a = true, b = false}", 'var.v["b"]'),
        ("object({ a = bool })", "{a = false}", "var.v.a"),
        ("string", "false", "var.v"),
        ("", "false", "var.v"),
        ("any", "false", "var.v"),
        ("any", "[false]", "var.v[0]"),
        ("any", '"a"', 'var.v == "a" ? false : true'),
        ("number", "5", "var.v > 5"),
        ("set(string)", '["x"]', 'contains(var.v, "y")'),
    ],
)
def test_option_value_is_an_expression_if_the_type_is_not_a_string(
    type_: str, word: str, expression: str, judge: Judge
) -> None:
    found = judge(variable("v", type_=type_) + vault(expression), variables=(f"v={word}",))
    assert set(found.outcomes("KV001").values()) == {"fail"}


@pytest.mark.parametrize("word", ["[[[", "{", "", "nothing", "var.p", 'file("/etc/passwd")', "${1}"])
def test_invalid_option_value_makes_the_result_unknown(word: str, judge: Judge) -> None:
    found = judge(variable("v", type_="list(bool)") + vault("var.v[0]"), variables=(f"v={word}",))
    assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}


@pytest.mark.parametrize(
    ("declared", "outcome"),
    [
        (variable("p", '"false"', "bool"), "fail"),
        (variable("p", '"false"'), "fail"),
        (variable("p", '"true"', "bool"), None),
        (variable("p", "null"), "fail"),
        (variable("p"), "unknown"),
        (variable("p", type_="bool"), "unknown"),
        (variable("p", '"maybe"', "bool"), "unknown"),
        (variable("p", "[]", "bool"), "unknown"),
        ("", "unknown"),
    ],
)
def test_values_are_converted_to_the_type(declared: str, outcome: str | None, judge: Judge) -> None:
    found = judge(declared + vault("var.p")).outcomes("KV001")
    assert found == ({} if outcome is None else {"azurerm_key_vault.kv": outcome})


def test_numbers_are_converted(judge: Judge) -> None:
    days = (
        'resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled = true\n'
        "  soft_delete_retention_days = var.d\n}\n"
    )
    for default in ('"7"', "7", '"7.0"'):
        found = judge(variable("d", default, "number") + days, select=("KV003",))
        assert found.outcomes("KV003") == {"azurerm_key_vault.kv": "fail"}
    assert judge(variable("d", '"90"') + days, select=("KV003",)).outcomes("KV003") == {}


@pytest.mark.parametrize(("nullable", "outcome"), [("nullable = false", {}), ("nullable = true", "fail"), ("", "fail")])
def test_null_selects_the_default_only_if_it_is_not_nullable(nullable: str, outcome: object, judge: Judge) -> None:
    files = {"main.tf": variable("p", "true", more=f"  {nullable}") + vault("var.p"), "terraform.tfvars": "p = null\n"}
    found = judge(files).outcomes("KV001")
    assert found == (outcome or {} if outcome != "fail" else {"azurerm_key_vault.kv": "fail"})
    files = {"main.tf": call(more="  p = null\n"), "m/main.tf": files["main.tf"], "terraform.tfvars": ""}
    found = judge(files).outcomes("KV001")
    assert found == (outcome or {} if outcome != "fail" else {"module.m.azurerm_key_vault.kv": "fail"})


@pytest.mark.parametrize(
    ("default", "outcome"), [("{}", "fail"), ("{ p = true }", None), ("{ p = null }", "fail"), ("null", "unknown")]
)
def test_optional_attributes_have_their_defaults(default: str, outcome: str | None, judge: Judge) -> None:
    declared = variable("o", default, "object({ p = optional(bool, false), q = optional(object({ r = string })) })")
    found = judge(declared + vault("var.o.p")).outcomes("KV001")
    assert found == ({} if outcome is None else {"azurerm_key_vault.kv": outcome})


def test_optional_attributes_of_maps_in_arguments_have_their_defaults(judge: Judge) -> None:
    declared = variable("vaults", "{}", "map(object({ purge = optional(bool, true), days = optional(number, 7) }))")
    body = (
        'resource "azurerm_key_vault" "kv" {\n  for_each = var.vaults\n'
        "  purge_protection_enabled = each.value.purge\n"
        "  soft_delete_retention_days = each.value.days\n}\n"
    )
    given = "  vaults = {\n    a = { purge = false }\n    b = { days = 90 }\n    c = {}\n  }\n"
    found = judge({"main.tf": call(more=given), "m/main.tf": declared + body}, select=("KV001", "KV003"))
    assert found.outcomes("KV001") == {'module.m.azurerm_key_vault.kv["a"]': "fail"}
    assert found.outcomes("KV003") == {f'module.m.azurerm_key_vault.kv["{key}"]': "fail" for key in "ac"}
    assert found.told("KV001") == [("fail", "main.tf", 4)]


def test_variable_without_a_value_makes_the_result_unknown(judge: Judge) -> None:
    for expression in ("var.p", "!var.p", "var.p == true", "var.p ? true : false", "tobool(var.p)", "local.l"):
        text = variable("p") + "locals {\n  l = var.p\n}\n" + vault(expression)
        assert judge(text).outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}, expression


def test_result_that_no_value_of_a_variable_changes_is_decided(judge: Judge) -> None:
    text = variable("p") + vault("var.p ? false : false") + vault("var.p || true", name="b")
    assert judge(text).outcomes("KV001") == {"azurerm_key_vault.kv": "fail"}


def test_validation_does_not_change_results(judge: Judge) -> None:
    check = '  validation {\n    condition = var.p == true\n    error_message = "no"\n  }'
    assert judge(variable("p", "false", more=check) + vault("var.p")).outcomes("KV001") == {
        "azurerm_key_vault.kv": "fail"
    }


class TestDamage:
    """A file of values that cannot be read may give any."""

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("terraform.tfvars", "p true\n"),
            ("terraform.tfvars", b"\xff\xfa"),
            ("terraform.tfvars.json", '{"p": true'),
            ("z.auto.tfvars", "p = \n"),
            ("z.auto.tfvars.json", "[1]"),
        ],
    )
    def test_broken_variable_file_decides_no_value(self, name: str, text: str | bytes, judge: Judge) -> None:
        for default in ("true", "false"):
            found = judge({"main.tf": variable("p", default) + vault("var.p"), name: text})
            assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}
            assert [path for path, *_ in found.errors()] == [name]
            assert found.code == 3

    def test_file_that_overrides_a_broken_variable_file_is_used(self, judge: Judge) -> None:
        text = variable("p", "true") + variable("q", "true") + vault("var.p && var.q")
        files = {"main.tf": text, "a.auto.tfvars": "x x\n", "b.auto.tfvars": "p = false\n"}
        assert judge(files).outcomes("KV001") == {"azurerm_key_vault.kv": "fail"}
        assert judge({**files, "b.auto.tfvars": "p = true\n"}).outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}

    def test_readable_part_of_a_broken_variable_file_is_used(self, judge: Judge) -> None:
        files = {"main.tf": variable("p", "true") + vault("var.p"), "terraform.tfvars": "x x\np = false\n"}
        assert judge(files).outcomes("KV001") == {"azurerm_key_vault.kv": "fail"}

    def test_missing_variable_file_is_an_error(self, judge: Judge) -> None:
        found = judge(variable("p", "true") + vault("var.p"), variable_files=("none.tfvars",))
        assert found.code == 3
        assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}
