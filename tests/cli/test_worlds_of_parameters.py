"""What parameters of Bicep files and templates switch off is evaluated with values that create it, and stated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import BODY, SCHEMA, checked, report, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = "'Microsoft.KeyVault/vaults@2023-07-01'"
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
DECLARED = """param tags object = {}
param some object = { dev: 'x' }
param names array = []
param zone string = ''
"""


def vault(condition: str, name: str = "kv-existence") -> str:
    return f"resource kv {VAULT} = if ({condition}) {{\n  name: '{name}'\n  location: 'westeurope'\n  {BODY}\n}}\n"


def conditions_with(kvlint: Kvlint, file: str, values: dict[str, Any]) -> list[str]:
    """Return the conditions of the vaults of a file with a parameter file of its own."""
    parameters = {name: {"value": value} for name, value in values.items()}
    write({"p.json": json.dumps({"$schema": PARAMETERS, "contentVersion": "1.0.0.0", "parameters": parameters})})
    return words(report(kvlint(f"in/{file}", "--parameters", "in/p.json", "-f", "json", "--select", "KV001")), "KV001")


COLLECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "contains(tags, 'env')": ('if tags contains "env"', {"tags": {"env": 1}}),
    "contains(union({ a: 1 }, tags), 'env')": ('if tags contains "env"', {"tags": {"env": 1}}),
    "union({ a: false }, tags).a": ("if tags.a is true", {"tags": {"a": True}}),
    "!contains(some, 'dev')": ("if some is empty", {"some": {}}),
    "!empty(union([], names))": ("if names is not empty", {"names": ["x"]}),
    "contains(union(['x'], names), 'y')": ('if names contains "y"', {"names": ["y"]}),
    "contains({ dev: 1, prod: 2 }, zone)": ('if zone is "dev"', {"zone": "dev"}),
}


@pytest.mark.parametrize("condition", COLLECTIONS)
def test_members_of_objects_and_lists_decide(kvlint: Kvlint, condition: str) -> None:
    expected, values = COLLECTIONS[condition]
    document = checked(kvlint, {"main.bicep": DECLARED + vault(condition)}, "--select", "KV001")
    assert words(document, "KV001") == [expected]
    assert conditions_with(kvlint, "main.bicep", values) == [None]


ITEM = "if vaults has an item in which on is true"
ONE = {"vaults": [{"name": "kv-existence", "on": True}]}
LOOPS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "pairs of an object": (
        "param vaults object = {}", "for one in items(vaults)", ITEM, {"vaults": {"a": {"on": True}}},
    ),
    "a list that has no such item by default": (
        "param vaults array = [ { name: 'x', on: false } ]", "for one in map(vaults, v => { value: v })", ITEM, ONE,
    ),
    "what a lambda makes of items": (
        "param vaults array = []", "for one in map(vaults, v => { value: { on: v.on } })", ITEM, ONE,
    ),
    "a variable with a loop": (
        "param vaults array = []\nvar every = [for v in vaults: { value: v }]", "for one in every", ITEM, ONE,
    ),
    "a variable with conditions": (
        "param vaults bool = false\nvar every = [{ value: { on: false } }, { value: { on: vaults } }]",
        "for one in every", "if vaults is true", {"vaults": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_a_condition_of_an_item_is_stated_through_functions(kvlint: Kvlint, name: str) -> None:
    declared, loop, expected, values = LOOPS[name]
    text = vault("one.value.on").replace("= if", f"= [{loop}: if").rstrip() + "]\n"
    document = checked(kvlint, {"main.bicep": f"{declared}\n{text}"}, "--select", "KV001")
    assert words(document, "KV001") == [expected]
    assert conditions_with(kvlint, "main.bicep", values) == [None]


FILTERS = ("filter(vaults, one => one.on)", "map(filter(vaults, v => v.on), v => v)")


@pytest.mark.parametrize("of", FILTERS)
def test_items_that_a_lambda_selects_are_stated(kvlint: Kvlint, of: str) -> None:
    loop = vault("x").replace("= if (x)", f"= [for one in {of}:").rstrip() + "]\n"
    for text in (loop, vault(f"!empty({of})"), vault(f"length({of}) > 0")):
        document = checked(kvlint, {"main.bicep": f"param vaults array = []\n{text}"}, "--select", "KV001")
        assert words(document, "KV001") == [ITEM]
        assert conditions_with(kvlint, "main.bicep", ONE) == [None]


def test_items_that_a_lambda_of_a_template_selects_are_stated(kvlint: Kvlint) -> None:
    condition = "[not(empty(filter(parameters('vaults'), lambda('one', lambdaVariables('one').on))))]"
    vaults = {"vaults": {"type": "array", "defaultValue": []}}
    document = checked(kvlint, {"main.json": json.dumps(template(condition, vaults))}, "--select", "KV001")
    assert words(document, "KV001") == [ITEM]
    assert conditions_with(kvlint, "main.json", ONE) == [None]


def template(condition: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a template with a vault that has a condition."""
    declared = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-existence",
        "location": "westeurope",
        "condition": condition,
        "properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "[tenant().tenantId]"},
    }  # fmt: skip
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": [declared]}


TYPES: dict[str, tuple[str, str, str, object]] = {
    "a string as a Boolean": ("param it string = 'false'", "bool(it)", 'if it is "true"', "true"),
    "a number as a string": ("param it int = 1", "string(it) == '2'", "if it is 2", 2),
    "a Boolean as a string": ("param it bool = false", "toLower(string(it)) == 'true'", "if it is true", True),
    "a type with listed values": (
        "type sku = 'none' | 'standard'\nparam it sku = 'none'", "it != 'none'", 'if it is "standard"', "standard",
    ),
    "a nullable type with listed values": (
        "type sku = 'none' | 'standard'\nparam it sku?", "it != null && it != 'none'",
        'if it is "standard"', "standard",
    ),
    "a member of any type": (
        "param it object = {}", "contains(it, 'on') && any(it).on", "if it.on is true", {"on": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_a_condition_states_a_value_of_the_type_of_its_parameter(kvlint: Kvlint, name: str) -> None:
    declared, condition, expected, value = TYPES[name]
    document = checked(kvlint, {"main.bicep": f"{declared}\n{vault(condition)}"}, "--select", "KV001")
    assert words(document, "KV001") == [expected]
    assert conditions_with(kvlint, "main.bicep", {"it": value}) == [None]


def test_no_secret_is_stated_of_an_item_that_a_lambda_selects(kvlint: Kvlint) -> None:
    text = "@secure()\nparam vaults object = {}\n" + vault("!empty(filter(items(vaults), v => v.value == 's3cretone'))")
    write({"main.bicep": text})
    for form in ("text", "json", "markdown"):
        said = kvlint("in", "-f", form, "-v", "--select", "KV001")
        assert "KV001" in said.out
        assert "s3cretone" not in said.out + said.err


def test_an_object_that_contains_a_member_does_not_keep_those_of_its_default(kvlint: Kvlint) -> None:
    condition = "contains(tags, 'owner') && contains(tags, 'env')"
    document = checked(
        kvlint, {"main.bicep": f"param tags object = {{\n  env: 'dev'\n}}\n{vault(condition)}"}, "--select", "KV001"
    )
    [stated] = words(document, "KV001")
    assert stated is not None
    assert '"owner"' in stated
    assert '"env"' in stated
    assert conditions_with(kvlint, "main.bicep", {"tags": {"owner": "a", "env": "b"}}) == [None]
    assert conditions_with(kvlint, "main.bicep", {"tags": {"owner": "a"}}) != [None]
