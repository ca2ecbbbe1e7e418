"""What a template declares: names, ids, scopes, children, conditions, nested and linked deployments."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from azkvlint.model.resource import RequiredAttributes
from azkvlint.syntax.json_decoder import JsonDocument
from tests.patterns import text_in_braces
from tests.readers.arm.conftest import (
    PATH,
    SECRET,
    SETTING,
    VAULT,
    asked,
    deployment,
    only,
    pattern,
    plain,
    read,
    references,
    resource,
    symbolic,
    template,
    vault,
)

GROUP = "/subscriptions/{subscription}/resourceGroups/{resourceGroup}"
NAME = {"n": {"type": "string"}}


@pytest.mark.parametrize(
    "secret",
    [
        resource(SECRET, "kv/s"),
        resource(SECRET, "[format('{0}/{1}', 'kv', 's')]"),
        vault(resources=[resource("secrets", "s")]),
        vault(resources=[resource(SECRET, "kv/s")]),
        vault(resources=[resource(SECRET, "s")]),
        deployment("d", template(resource(SECRET, "kv/s"))),
    ],
)
def test_child_resource_has_its_parent(secret: Any) -> None:
    found = only(template(secret), SECRET)
    assert pattern(found, "parent") == f"{GROUP}/providers/{VAULT}/kv"
    assert pattern(found, "id") == f"{GROUP}/providers/{VAULT}/kv/secrets/s"
    assert found.name == "s"


@pytest.mark.parametrize(
    "setting",
    [
        resource(SETTING, "x", scope="Microsoft.KeyVault/vaults/kv"),
        resource(SETTING, "x", scope="[format('Microsoft.KeyVault/vaults/{0}', 'kv')]"),
        resource(SETTING, "x", scope="[resourceId('Microsoft.KeyVault/vaults', 'kv')]"),
        resource("Microsoft.KeyVault/vaults/providers/diagnosticSettings", "kv/Microsoft.Insights/x"),
        vault(resources=[resource("providers/diagnosticSettings", "Microsoft.Insights/x")]),
        vault(resources=[resource(SETTING, "x")]),
        deployment("d", template(resource(SETTING, "x", scope="[resourceId('Microsoft.KeyVault/vaults', 'kv')]")), ""),
    ],
)
def test_extension_resource_has_the_scope_of_its_target(setting: Any) -> None:
    found = only(template(setting), SETTING)
    assert pattern(found, "scope") == f"{GROUP}/providers/{VAULT}/kv"


def test_resources_with_the_same_unknown_name_are_linked() -> None:
    source = template(
        vault("[parameters('n')]"),
        resource(SECRET, "[concat(parameters('n'), '/s')]"),
        resource(SETTING, "x", scope="[resourceId('Microsoft.KeyVault/vaults', parameters('n'))]"),
        parameters=NAME,
    )
    address = "Microsoft.KeyVault/vaults/{n}"
    assert [one.targets for one in references(source, "parent").values()] == [(address,)]
    assert [one.targets for one in references(source, "scope").values()] == [(address,)]


def test_secret_with_an_unknown_name_has_an_unknown_parent() -> None:
    found = only(template(resource(SECRET, "[parameters('n')]"), parameters=NAME), SECRET)
    assert asked(found, "parent").startswith("?")
    assert pattern(found, "id") == ""


@pytest.mark.parametrize(
    ("condition", "there", "hangs"),
    [(True, 1, 0), ("[true()]", 1, 0), (False, 0, 0), ("[equals(1, 2)]", 0, 0), ("[parameters('n')]", 1, 1),
     ("[and(parameters('n'), not(parameters('m')))]", 1, 2), ("[or(parameters('n'), parameters('m'))]", 1, 1)],
)  # fmt: skip
def test_condition_decides_or_remains(condition: Any, there: int, hangs: int) -> None:
    for source in (vault(condition=condition), deployment("d", template(vault()), condition=condition)):
        found = list(read(template(source, parameters={name: {"type": "bool"} for name in "nm"})).resources.values())
        assert len(found) == there
        assert sum(len(one.conditions) for one in found) == hangs


def test_nested_deployment_uses_its_parameters_and_keeps_its_caller() -> None:
    inner = template(vault("[parameters('n')]", p={"x": "[parameters('missing')]"}), parameters={**NAME, "missing": {}})
    found = only(template(deployment("d", inner, parameters={"n": "[concat('k', 'v')]"})))
    assert (found.address, found.name) == ("d/Microsoft.KeyVault/vaults/kv", "kv")
    assert pattern(found, "properties.x") == "{d\u2215missing}"
    assert [at.pointer for at in found.callers] == [("resources", 0, "type")]
    assert found.at.pointer == ("resources", 0, "properties", "template", "resources", 0, "type")


@pytest.mark.parametrize("given", ["[parameters('all')]", "[union(parameters('all'), createObject())]"])
def test_arguments_of_an_object_that_is_not_known_stay_apart(given: str) -> None:
    equal = "[equals(parameters('a'), parameters('b'))]"
    inner = template(vault("kv", p={"a": "[parameters('a')]", "x": equal}), parameters={"a": {}, "b": {}})
    nested = deployment("d", inner)
    nested["properties"]["parameters"] = given
    found = only(template(nested, parameters={"all": {"type": "object"}}))
    assert pattern(found, "properties.a") != pattern(found, "properties.x")
    assert str(asked(found, "properties.x")).startswith("?")


@pytest.mark.parametrize(
    ("more", "above"),
    [
        ({}, GROUP),
        ({"resourceGroup": "rg"}, "/subscriptions/{subscription}/resourceGroups/rg"),
        ({"resourceGroup": "rg", "subscriptionId": "s"}, "/subscriptions/s/resourceGroups/rg"),
        ({"subscriptionId": "[subscription().subscriptionId]"}, "/subscriptions/{subscription}"),
        ({"scope": "/subscriptions/s"}, "/subscriptions/s"),
        ({"scope": "Microsoft.Management/managementGroups/m"}, "/providers/Microsoft.Management/managementGroups/m"),
    ],
)
def test_nested_deployment_has_the_scope_of_its_target(more: dict[str, str], above: str) -> None:
    inner = template(resource("Microsoft.Authorization/locks", "l"))
    found = only(template(deployment("d", inner, **more)), "Microsoft.Authorization/locks")
    scope = found.select(("scope",))
    assert (text_in_braces(scope) or asked(found, "scope")) == above


@pytest.mark.parametrize(
    ("more", "above"),
    [
        ({}, GROUP),
        ({"resourceGroup": "rg"}, "/subscriptions/{subscription}/resourceGroups/rg"),
        ({"resourceGroup": "rg", "subscriptionId": "s"}, "/subscriptions/s/resourceGroups/rg"),
    ],
)
def test_existing_resources_of_other_resource_groups(more: dict[str, str], above: str) -> None:
    source = symbolic({"kv": vault(existing=True, **more), "same": vault(tags={"x": "[resourceInfo('kv').id]"})})
    found = read(source).resources
    expected = f"{above}/providers/{VAULT}/kv"
    ids = [found["kv"].select(("id",)), found["same"].select(("tags", "x"))]
    assert [text_in_braces(one) or plain(one) for one in ids] == [expected, expected]


@pytest.mark.parametrize(
    ("schema", "above"),
    [
        ("deploymentTemplate", GROUP),
        ("subscriptionDeploymentTemplate", "/subscriptions/{subscription}"),
        ("managementGroupDeploymentTemplate", "/providers/Microsoft.Management/managementGroups/{managementGroup}"),
        ("tenantDeploymentTemplate", "/"),
    ],
)
def test_schema_of_a_template_decides_its_scope(schema: str, above: str) -> None:
    source = template(resource("Microsoft.Authorization/locks", "l"))
    source["$schema"] = f"https://schema.management.azure.com/schemas/2018-05-01/{schema}.json#"
    found = only(source, "Microsoft.Authorization/locks")
    assert (text_in_braces(found.select(("scope",))) or asked(found, "scope")) == above


def test_symbolic_names_are_resolved() -> None:
    source = symbolic(
        {
            "kv": vault(existing=True),
            "other": vault("[concat('o', copyIndex())]", copy={"name": "other", "count": 2}, p={"u": "a"}),
            "secret": resource(SECRET, "kv/s", p={"x": "[reference('other[1]').u]", "y": "[reference('kv').vaultUri]"}),
            "mod": deployment("m", symbolic({"inner": vault("i")})),
        }
    )
    found = read(source).resources
    assert list(found) == ["kv", "other[0]", "other[1]", "secret", "mod.inner"]
    assert found["kv"].existing
    assert asked(found["secret"], "properties.x") == "a"
    assert pattern(found["secret"], "properties.y").endswith("kv.properties.vaulturi}")


@pytest.mark.parametrize("reference", ["'m'", "resourceId('Microsoft.Resources/deployments', 'm')"])
def test_outputs_of_a_deployment_link(reference: str) -> None:
    inner = template(
        vault("[parameters('n')]"),
        parameters=NAME,
        outputs={"id": {"type": "string", "value": "[resourceId('Microsoft.KeyVault/vaults', parameters('n'))]"}},
    )
    source = template(
        deployment("m", inner, parameters={"n": "[parameters('n')]"}),
        resource(SETTING, "x", scope=f"[reference({reference}).outputs.id.value]"),
        parameters=NAME,
    )
    assert [one.targets for one in references(source, "scope").values()] == [("m/Microsoft.KeyVault/vaults/{n}",)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(True, "v"), ("[parameters('c')]", "v"), ("[not(parameters('c'))]", None), ("[parameters('n')]", None)],
)
def test_conditional_outputs_have_their_value_where_the_condition_is_true(condition: Any, expected: Any) -> None:
    declared = {"c": {"type": "bool"}, "n": {"type": "bool"}}
    inner = template(parameters=declared, outputs={"o": {"type": "string", "condition": condition, "value": "v"}})
    source = template(
        deployment("m", inner, parameters={"c": True}), vault(p={"x": "[reference('m').outputs.o.value]"})
    )
    found = asked(only(source), "properties.x")
    assert found == (expected or "?the output of the deployment is known after deployment")


@pytest.mark.parametrize(
    "named", ["'kv'", "'Microsoft.KeyVault/vaults/kv'", "concat('Microsoft.KeyVault/Vaults/', 'KV')"]
)
def test_references_by_type_and_name(named: str) -> None:
    source = template(vault("kv", p={"x": "y"}), vault("other", p={"x": f"[reference({named}, '2023-07-01').x]"}))
    assert [asked(one, "properties.x") for one in read(source).resources.values()] == ["y", "y"]


@pytest.mark.parametrize(
    "expression",
    [
        "reference('net').subnets[0].id",
        "reference('net').subnets[0]['id']",
        "tryGet(reference('net').subnets[0], 'id')",
        "tryGet(first(reference('net').subnets), 'id')",
        "reference('net', '2024-05-01', 'Full').properties.subnets[0].id",
        "tryGet(reference('net'), 'subnets', 0, 'id')",
    ],
)
def test_subnet_in_its_network_has_an_id_and_other_members_are_known_after_deployment(expression: str) -> None:
    network = resource(
        "Microsoft.Network/virtualNetworks", "net", p={"subnets": [{"name": "a"}], "dhcpOptions": {"dnsServers": []}}
    )
    source = template(
        network,
        vault(
            p={
                "x": f"[{expression}]", "y": f"[empty({expression})]", "z": "[reference('net').subnets[0].name]",
                "o": "[tryGet(reference('net').dhcpOptions, 'id')]", "v": "[tryGet(variables('subnets')[0], 'id')]",
            }
        ),
        variables={"subnets": [{"name": "a"}]},
    )  # fmt: skip
    found = only(source)
    assert asked(found, "properties.x") == "?the ID depends on `subscription()` and is known only at deployment"
    named = re.sub("[{}]", "", pattern(found, "properties.x"))
    assert named.endswith("virtualNetworks/net/subnets/a")
    assert asked(found, "properties.y") is False
    assert asked(found, "properties.z") == "a"
    assert asked(found, "properties.o") == "?`id` is known after deployment"
    assert asked(found, "properties.v") is None


def test_a_loop_makes_an_argument() -> None:
    source = deployment("m", template(vault("[parameters('names')[1]]"), parameters={"names": {"type": "array"}}))
    loop = {"name": "value", "count": 2, "input": "[concat('kv', copyIndex('value'))]"}
    source["properties"]["parameters"] = {"names": {"copy": [loop]}}
    assert only(template(source)).name == "kv1"


def test_secret_outputs_stay_secret() -> None:
    inner = template(outputs={"o": {"type": "securestring", "value": "hush"}})
    source = template(deployment("m", inner), vault(p={"x": "[reference('m').outputs.o.value]"}))
    assert only(source).select(("properties", "x")).sensitive


def test_deployments_with_circular_references_are_read() -> None:
    def one(name: str, other: str) -> dict[str, Any]:
        inner = template(vault("[parameters('n')]"), parameters=NAME, outputs={"o": {"value": "[parameters('n')]"}})
        return deployment(name, inner, parameters={"n": f"[reference('{other}').outputs.o.value]"})

    assert len(read(template(one("a", "b"), one("b", "a"))).resources) == 2


def linking(link: dict[str, str]) -> dict[str, Any]:
    properties = {"mode": "Incremental", "templateLink": link, "parameters": {"n": {"value": "kv"}}}
    return template({"type": "Microsoft.Resources/deployments", "name": "d", "properties": properties})


def test_linked_template_in_the_same_folder_is_read() -> None:
    inner = template(vault("[parameters('n')]"), parameters=NAME)
    files = {"modules/kv.json": JsonDocument(inner, json.dumps(inner))}
    found = read(linking({"relativePath": "modules/kv.json"}), load=files.get)
    (one,) = found.resources.values()
    assert (one.address, one.at.path) == ("d/Microsoft.KeyVault/vaults/kv", "infra/modules/kv.json")
    assert asked(one, "name") == "kv"
    assert set(found.files) == {PATH, "infra/modules/kv.json"}
    assert found.closed


@pytest.mark.parametrize(
    ("link", "level"),
    [
        ({"relativePath": "none.json"}, "note"),
        ({"relativePath": "../../secret.json"}, "note"),
        ({"relativePath": "main.json"}, "warning"),
        ({"uri": "https://example.com/x.json"}, "note"),
        ({"id": "/subscriptions/s/x"}, "note"),
    ],
)
def test_linked_template_that_is_not_available_is_a_problem(link: dict[str, str], level: str) -> None:
    found = read(linking(link), load=lambda _: None)
    assert [(one.code, one.level) for one in found.problems] == [("KVE002", level)]
    assert not found.closed


def test_only_required_attributes_are_read() -> None:
    required = RequiredAttributes(paths={VAULT.lower(): frozenset({("properties", "a", "b")})}, reference_paths={})
    source = template(
        vault(p={"A": {"b": 1, "c": 2}, "d": "[x(]"}), resource(SECRET, "kv/[x(]"), resource("A.B/c", "[x(]")
    )
    found = read(source, required=required)
    assert found.problems == []
    (one,) = found.resources.values()
    assert asked(one, "properties.a.b") == 1
    assert asked(one, "properties.a.c") is None


@pytest.mark.parametrize(
    ("type_", "problems"),
    [
        ("Microsoft.KeyVault/vaults/news", [("KVE003", "error")]),
        ("Microsoft.KeyVault/vaults/privateEndpointConnections", []),
        ("[parameters('n')]", [("KVE003", "error")]),
        ("Microsoft.Web/sites", []),
    ],
)
def test_unknown_key_vault_type_is_an_error(type_: str, problems: list[tuple[str, str]]) -> None:
    required = RequiredAttributes(paths={VAULT.lower(): frozenset()}, reference_paths={})
    found = read(template(resource(type_, "a/b"), parameters=NAME), required=required)
    assert [(one.code, one.level) for one in found.problems] == problems


def test_addresses_are_unique() -> None:
    same = resource("Microsoft.KeyVault/vaults", "kv")
    assert list(read(template(same, same, same)).resources) == [
        "Microsoft.KeyVault/vaults/kv",
        "Microsoft.KeyVault/vaults/kv #2",
        "Microsoft.KeyVault/vaults/kv #3",
    ]
