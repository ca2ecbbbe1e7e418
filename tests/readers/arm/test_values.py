"""Parameters, variables, functions, loops: what an expression in a template amounts to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.deployment.parameter_files import read_parameters
from azkvlint.syntax.json_decoder import decode
from tests.patterns import text_in_braces
from tests.readers.arm.conftest import PATH, SETTING, asked, deployment, only, pattern, read, resource, template, vault


def value_of(expression: Any, **sections: Any) -> Any:
    """What an expression in a vault's properties amounts to."""
    return asked(only(template(vault(p={"x": expression}), **sections)), "properties.x")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("[[not one]", "[not one]"),
        ("[parameters('p')]", 7),
        ("[PARAMETERS('P')]", 7),
        ("[variables('v')]", "v7"),
        ("[variables('list')[1].name]", "b"),
        ("[variables('made')]", ["a0", "a1"]),
        ("[my.twice('a')]", "aa"),
        ("[My.Twice(my.twice('a'))]", "aaaa"),
        ("[if(equals(parameters('p'), 7), 'yes', 'no')]", "yes"),
        (
            "[resourceId('Microsoft.KeyVault/vaults', 'kv')]",
            "?the ID depends on `subscription()` and is known only at deployment",
        ),
        ("[tenantResourceId('Microsoft.A/b/', 'c')]", "/providers/Microsoft.A/b/c"),
    ],
)
def test_expression_has_its_value(expression: str, value: Any) -> None:
    output = {"value": "[concat(parameters('t'), parameters('T'))]"}
    functions = {"twice": {"parameters": [{"name": "t", "type": "string"}], "output": output}}
    found = value_of(
        expression,
        parameters={"p": {"type": "int", "defaultValue": 7}},
        variables={
            "v": "[concat('v', parameters('p'))]",
            "list": [{"name": "a"}, {"name": "b"}],
            "copy": [{"name": "made", "count": 2, "input": "[concat('a', copyIndex('made'))]"}],
        },
        functions=[{"namespace": "my", "members": functions}],
    )
    assert found == value


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        ({"type": "bool", "defaultValue": False}, None, False),
        ({"type": "bool", "defaultValue": False}, True, True),
        ({"type": "bool", "allowedValues": [True]}, None, "?parameter `p` has no value"),
        ({"type": "bool", "nullable": True}, None, None),
        ({"$ref": "#/definitions/maybe"}, None, None),
        (
            {"type": "string", "defaultValue": "[newGuid()]"},
            None,
            "?`newGuid()` returns a new value for each deployment",
        ),
    ],
)
def test_parameter_has_the_value_of_the_file_or_its_default(declared: Any, given: Any, value: Any) -> None:
    file = {} if given is None else {"P": {"value": given}}
    values = read_parameters(
        "p.json", decode(str({"parameters": file}).replace("'", '"').replace("True", "true").encode())
    )
    source = template(
        vault(p={"x": "[parameters('p')]"}),
        parameters={"p": declared},
        definitions={"maybe": {"type": "bool", "nullable": True}},
    )
    assert asked(only(source, given=values), "properties.x") == value


def test_an_unknown_parameter_is_the_same_unknown_everywhere() -> None:
    source = template(
        vault("[parameters('n')]", p={"x": "[parameters('d')]"}),
        parameters={"n": {"type": "string"}, "d": {"type": "string", "defaultValue": "[newGuid()]"}},
    )
    assert pattern(only(source), "name") == "{n}"
    assert pattern(only(source), "properties.x") == "{d}"


@pytest.mark.parametrize("type_", ["securestring", "secureString", "secureObject"])
def test_secrets_stay_secret(type_: str) -> None:
    source = template(
        vault(p={"x": "[parameters('p')]", "y": "[concat('a', parameters('q'))]"}),
        parameters={"p": {"type": type_, "defaultValue": "hush"}, "q": {"type": type_}},
    )
    fields = only(source).attributes.fields["properties"].fields  # type: ignore[union-attr]  # it is a map
    assert fields["x"].sensitive
    assert "hush" not in repr(fields)
    unknown = fields["y"]
    assert isinstance(unknown, Unknown)
    assert unknown.sensitive
    assert unknown.pattern is None


def test_a_parameter_from_a_vault_is_unknown_and_secret() -> None:
    file = decode(b'{"parameters": {"p": {"reference": {"keyVault": {"id": "x"}, "secretName": "s"}}}}')
    source = template(vault(p={"x": "[parameters('p')]"}), parameters={"p": {"type": "string"}})
    found = only(source, given=read_parameters("p.json", file)).select(("properties", "x"))
    assert isinstance(found, Unknown)
    assert (found.sensitive, found.why) == (True, "the value is a Key Vault secret")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("${AZURE_X}", "{AZURE_X}"),
        ("kv-${A=b}-${C}", "kv-b-{C}"),
        ("kv-#{Env}#-${B}", "kv-{Env}-{B}"),
        ("#{Vault Name}#", "{Vault Name}"),
    ],
)
def test_placeholders_in_a_parameter_file_are_not_known(given: str, expected: str) -> None:
    file = decode(json.dumps({"parameters": {"p": {"value": [given]}}}).encode())
    source = template(vault(p={"x": "[parameters('p')[0]]"}), parameters={"p": {"type": "array"}})
    found = only(source, given=read_parameters("p.json", file)).select(("properties", "x"))
    assert isinstance(found, Unknown)
    assert text_in_braces(found) == expected
    assert found.why.endswith("is replaced before deployment")


@pytest.mark.parametrize(
    ("type_", "given", "expected"),
    [
        ("bool", "${AZURE_X=false}", False),
        ("bool", "${AZURE_X=True}", True),
        ("bool", "false", False),
        ("int", "${DAYS=90}", 90),
        ("string", "${AZURE_X=false}", "false"),
        ("string", "kv-${NAME=app}", "kv-app"),
        ("string", "${NAME=}", ""),
    ],
)
def test_placeholder_with_a_default_has_its_default(type_: str, given: str, expected: Any) -> None:
    file = decode(json.dumps({"parameters": {"p": {"value": given}}}).encode())
    source = template(vault(p={"x": "[parameters('p')]"}), parameters={"p": {"type": type_}})
    found = only(source, given=read_parameters("p.json", file)).select(("properties", "x"))
    assert isinstance(found, Scalar)
    assert found.value == expected
    assert type(found.value) is type(expected)


@pytest.mark.parametrize("given", ["$AZURE_X", "${}", "#{}#", "a # {b} #", "${1}"])
def test_text_that_only_resembles_a_placeholder_is_a_value(given: str) -> None:
    file = decode(json.dumps({"parameters": {"p": {"value": given}}}).encode())
    source = template(vault(p={"x": "[parameters('p')]"}), parameters={"p": {"type": "string"}})
    assert asked(only(source, given=read_parameters("p.json", file)), "properties.x") == given


@pytest.mark.parametrize(
    ("type_", "name", "wanted"),
    [("vaults", "softDeleteRetentionInDays", "number"), ("vaults", "enablePurgeProtection", "boolean"),
     ("vaults/keys", "keySize", "number")],
)  # fmt: skip
def test_string_where_azure_requires_another_type_is_unknown(type_: str, name: str, wanted: str) -> None:
    one = resource(f"Microsoft.KeyVault/{type_}", "kv/k" if "/" in type_ else "kv", p={"kty": "RSA", name: "many"})
    (found,) = (each.select(("properties", name)) for each in read(template(one)).resources.values())
    assert isinstance(found, Unknown)
    assert found.why == f"the value is a string instead of a {wanted}"


@pytest.mark.parametrize(
    ("given", "expected"), [("true", True), ("False", False), ("yes", "?"), (True, True), (False, False)]
)
def test_log_enabled_by_a_string_has_its_boolean_value(given: Any, expected: Any) -> None:
    setting = resource(SETTING, "s", scope="x", p={"logs": [{"category": "AuditEvent", "enabled": given}, "odd"]})
    found = asked(only(template(setting), SETTING), "properties.logs[0].enabled")
    assert (found[0] if expected == "?" else found) == expected


def test_values_have_their_locations() -> None:
    file = decode(b'{"parameters": {"p": {"value": true}}}')
    source = template(
        vault(p={"a": True, "b": "[parameters('p')]", "c": "[parameters('q')]", "d": [1]}),
        parameters={"p": {"type": "bool"}, "q": {"type": "bool", "defaultValue": False}},
    )
    found = only(source, given=read_parameters("p.json", file))
    properties = ("resources", 0, "properties")
    assert found.at == Location(path=PATH, pointer=("resources", 0, "type"), address="Microsoft.KeyVault/vaults/kv")
    assert found.select(("properties", "a")).at == Location(path=PATH, pointer=(*properties, "a"))
    assert found.select(("properties", "b")).at == Location(path="p.json", pointer=("parameters", "p", "value"))
    assert found.select(("properties", "c")).at == Location(path=PATH, pointer=(*properties, "c"))
    assert found.select(("properties", "d", 0)).at == Location(path=PATH, pointer=(*properties, "d", 0))


def test_index_of_a_property_loop_and_of_the_resource_are_distinguished() -> None:
    loop = {"name": "rules", "count": 2, "input": "[concat(copyIndex(), '-', copyIndex('rules', 1))]"}
    source = template(vault("[concat('kv', copyIndex(5))]", copy={"name": "all", "count": 2}, p={"copy": [loop]}))
    found = read(source).resources
    assert [(one.name, asked(one, "properties.rules")) for one in found.values()] == [
        ("kv5", ["0-1", "0-2"]),
        ("kv6", ["1-1", "1-2"]),
    ]


def test_a_loop_of_unknown_length_is_one_resource_that_may_not_be_there() -> None:
    source = template(
        vault("[concat('kv', copyIndex())]", copy={"name": "all", "count": "[parameters('n')]"}),
        parameters={"n": {"type": "int"}},
    )
    found = only(source)
    assert pattern(found, "name") == "kv{{n}[#]}"
    assert len(found.conditions) == 1


@pytest.mark.parametrize("index", ["copyIndex()", "copyIndex('all')", "copyIndex('ALL', 0)"])
def test_the_index_of_a_loop_over_a_list_is_a_position_in_that_list(index: str) -> None:
    source = template(
        vault(
            f"[parameters('n')[{index}]]",
            copy={"name": "all", "count": "[length(parameters('n'))]"},
            p={"x": f"[concat('x', {index})]"},
        ),
        parameters={"n": {"type": "array"}},
    )
    found = only(source)
    assert pattern(found, "name") == "{{n}[*]}"
    assert pattern(found, "properties.x") == "x{{n}[#]}"


def test_property_named_copy_does_not_repeat() -> None:
    assert value_of({"copy": ["a"]}) == {"copy": ["a"]}


def test_null_is_not_set_and_names_have_no_case() -> None:
    source = template({"Type": "microsoft.keyvault/VAULTS", "NAME": "kv", "apiversion": "2023-07-01"} | {
        "Properties": {"enablePurgeProtection": None, "EnableSoftDelete": True}
    })  # fmt: skip
    found = only(source)
    assert asked(found, "properties.enablePurgeProtection") is False  # the default
    assert asked(found, "apiVersion") == "2023-07-01"
    assert found.select(("properties", "EnableSoftDelete")) is not None


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"variables": {"v": "[variables('w')]", "w": "[variables('v')]"}}, "`v` refers to itself"),
        ({"variables": {"v": "[nothing"}}, None),
        ({"variables": {"v": "[nothing(]"}}, "the expression is invalid"),
        ({}, "variable `v` does not exist, so the deployment fails"),
    ],
)
def test_invalid_variable_is_unknown(sections: dict[str, Any], why: str | None) -> None:
    found = value_of("[variables('v')]", **sections)
    assert found == (f"?{why}" if why else "[nothing")


def test_invalid_expression_is_reported_at_the_property_that_uses_it() -> None:
    found = read(template(vault(p={"x": "[a(]"}), outputs={"o": {"value": "[b(]"}}, variables={"v": "[c(]"}))
    assert [(one.code, one.level, one.at) for one in found.problems] == [
        ("KVE002", "error", Location(path=PATH, pointer=("resources", 0, "properties", "x")))
    ]


def test_function_uses_its_own_parameters_only() -> None:
    functions = {"f": {"parameters": [], "output": {"value": "[parameters('p')]"}}}
    sections = {"parameters": {"p": {"defaultValue": 1}}, "functions": [{"namespace": "n", "members": functions}]}
    assert value_of("[n.f()]", **sections) == "?parameter `p` does not exist in the function"


def test_values_of_an_outer_loop_are_seen_in_an_outer_scope() -> None:
    inner = template(vault("[concat('kv', copyIndex(), parameters('p'))]", p={"x": "[variables('v')]"}))
    source = template(
        deployment("d", inner | {"variables": {"v": "inner"}}, expressions="", copy={"name": "loop", "count": 2}),
        variables={"v": "outer"},
        parameters={"p": {"defaultValue": "!"}},
    )
    found = read(source).resources.values()
    assert [(one.name, asked(one, "properties.x")) for one in found] == [("kv0!", "outer"), ("kv1!", "outer")]


def test_written_data_is_a_scalar_at_its_place() -> None:
    found = only(template(vault(p={"x": 5}))).select(("properties", "x"))
    assert found == Scalar(at=Location(path=PATH, pointer=("resources", 0, "properties", "x")), value=5)
