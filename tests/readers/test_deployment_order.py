"""The order in which a deployment makes a grant and the service that needs it, as the rule about it reports it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

ROLE = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
PASSES, FAILS, UNKNOWN = "passes", "fails", "unknown"


def result(folder: Path, files: Mapping[str, str], name: str = "main.bicep") -> str:
    """Return the result of the rule for the services in some files."""
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    report = check(Config(paths=(str(folder / name),), select=("KV058",), jobs=1))
    assert not report.problems, report.problems
    assert not (report.findings and report.unknown)
    return FAILS if report.findings else UNKNOWN if report.unknown else PASSES


HEAD = """
param first int = 0
resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = { name: 'id' }
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { name: 'kv', properties: { enableRbacAuthorization: true } }
"""
BODY = f""" {{
  name: guid(kv.id, NAME)
  scope: kv
  properties: {{
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{ROLE}')
    principalId: id.properties.principalId
  }}
}}"""
ASSIGNMENT = "'Microsoft.Authorization/roleAssignments@2022-04-01'"
GRANT = f"resource role {ASSIGNMENT} =" + BODY.replace("NAME", "'a'") + "\n"
# Two roles of which either is enough, so that the service waits for one if it waits for any.
GRANTS = f"resource role {ASSIGNMENT} = [for i in range(0, 2):" + BODY.replace("NAME", "string(i)") + "]\n"


def service(more: str = "") -> str:
    return f"""
resource sa 'Microsoft.Storage/storageAccounts@2023-05-01' = {{
  name: 'sa'
  {more}
  identity: {{ type: 'UserAssigned', userAssignedIdentities: {{ '${{id.id}}': {{}} }} }}
  properties: {{
    encryption: {{
      identity: {{ userAssignedIdentity: id.id }}
      keyvaultproperties: {{ keyvaulturi: kv.properties.vaultUri, keyname: 'cmk' }}
    }}
  }}
}}
"""


def network(more: str = "") -> str:
    return f"resource net 'Microsoft.Network/virtualNetworks@2023-11-01' = {{\n  name: 'net'\n  {more}\n}}\n"


SUBNET = "'Microsoft.Network/virtualNetworks/subnets@2023-11-01'"
IN_ONE_FILE = {
    "nothing": (FAILS, GRANT + service()),
    "dependsOn": (PASSES, GRANT + service("dependsOn: [role]")),
    "a property": (PASSES, GRANT + service("tags: { role: role.properties.principalId }")),
    "the name": (PASSES, GRANT + service("tags: { role: role.name }")),
    "a variable": (PASSES, GRANT + "var names = [role.name]\n" + service("tags: { role: names[0] }")),
    "a local variable of the same name": (FAILS, GRANT + service("tags: { a: string(map([1], role => role)) }")),
    "something else": (FAILS, GRANT + network() + service("dependsOn: [net]")),
    "what waits itself": (PASSES, GRANT + network("dependsOn: [role]") + service("dependsOn: [net]")),
    "what waits for the service": (FAILS, GRANT.replace("'a'", "sa.id") + service()),
    "the parent of what is named": (
        PASSES,
        GRANT + network("dependsOn: [role]") + f"resource s {SUBNET} = {{ parent: net, name: 's' }}\n"
        + service("dependsOn: [s]"),
    ),
    "what contains what is named": (
        PASSES,
        GRANT + network("dependsOn: [role]\n  resource s 'subnets' = { name: 's' }") + service("dependsOn: [net::s]"),
    ),
    "what is in something that is named": (
        FAILS,
        GRANT + network("resource s 'subnets' = {\n    name: 's'\n    dependsOn: [role]\n  }")
        + service("dependsOn: [net]"),
    ),
    "an existing resource": (
        FAILS,
        GRANT + network().replace("' = ", "' existing = ") + service("tags: { net: net.id }"),
    ),
    "an existing resource whose parent waits": (
        PASSES,
        GRANT + network("dependsOn: [role]") + f"resource s {SUBNET} existing = {{ parent: net, name: 's' }}\n"
        + service("tags: { net: s.id }"),
    ),
    "a loop": (PASSES, GRANTS + service("dependsOn: role")),
    "all of a loop, by a variable in a property": (
        PASSES, GRANTS + service("tags: { all: string([for i in range(0, 2): role[i].name]) }"),
    ),
    "one of a loop": (PASSES, GRANTS + service("dependsOn: [role[1]]")),
    "one of a loop, by a parameter": (PASSES, GRANTS + service("dependsOn: [role[first]]")),
    "one of a loop that is not known": (
        UNKNOWN, "param any int\n" + GRANTS + service("dependsOn: [role[any]]"),
    ),
    "one of a loop that something else waits for": (
        PASSES, GRANTS + network("dependsOn: [role[0]]") + service("dependsOn: [net]"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "text"), IN_ONE_FILE.values(), ids=IN_ONE_FILE)
def test_order_is_known_in_a_bicep_file(tmp_path: Path, expected: str, text: str) -> None:
    assert result(tmp_path, {"main.bicep": HEAD + text}) == expected


@pytest.mark.parametrize(("index", "expected"), [("i", PASSES), ("1 - i", FAILS)], ids=["its own", "the other one"])
def test_each_instance_of_a_loop_waits_for_one_of_another(tmp_path: Path, index: str, expected: str) -> None:
    """Every service has an identity with one role."""
    text = HEAD.replace("01-31' = { name: 'id' }", "01-31' = [for i in range(0, 2): { name: 'id${i}' }]")
    text += GRANTS.replace("id.properties", "id[i].properties")
    own = service(f"dependsOn: [role[{index}]]").replace("id.id", "id[i].id").replace("'sa'", "'sa${i}'")
    text += own.replace("= {", "= [for i in range(0, 2): {", 1).rstrip() + "]\n"
    assert result(tmp_path, {"main.bicep": text}) == expected


GRANT_MODULE = (
    """
param after string = ''
param principal string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: 'kv' }
"""
    + GRANT.replace("id.properties.principalId", "principal")
    + "output name string = 'a'\n"
)
SERVICE_MODULE = """
param after string = ''
param id object
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: 'kv' }
""" + service()


def module(name: str, more: str = "", params: str = "") -> str:
    own = {"grant": "principal: id.properties.principalId", "service": "id: { id: id.id }"}.get(name, "")
    return f"module {name} '{name}.bicep' = {{\n  name: '{name}'\n  {more}\n  params: {{ {own}\n {params} }}\n}}\n"


AMONG_MODULES = {
    "nothing": (FAILS, module("grant") + module("service")),
    "dependsOn": (PASSES, module("grant") + module("service", "dependsOn: [grant]")),
    "an output": (PASSES, module("grant") + module("service", params="after: grant.outputs.name")),
    "a module that waits": (
        PASSES,
        module("grant") + module("other", params="after: grant.outputs.name") + module("service", "dependsOn: [other]"),
    ),
    "another module": (FAILS, module("grant") + module("other") + module("service", "dependsOn: [other]")),
    "a grant outside": (PASSES, GRANT + module("service", "dependsOn: [role]")),
    "a grant outside that is not waited for": (FAILS, GRANT + module("service")),
    "a service outside": (PASSES, module("grant") + service("dependsOn: [grant]")),
    "a service outside that does not wait": (FAILS, module("grant") + service()),
}


@pytest.mark.parametrize(("expected", "text"), AMONG_MODULES.values(), ids=AMONG_MODULES)
def test_order_is_known_among_modules(tmp_path: Path, expected: str, text: str) -> None:
    other = "param after string = ''\noutput name string = after\n"
    files = {"main.bicep": HEAD + text, "grant.bicep": GRANT_MODULE, "service.bicep": SERVICE_MODULE}
    assert result(tmp_path, files | {"other.bicep": other}) == expected


def test_order_includes_modules_in_modules(tmp_path: Path) -> None:
    files = {
        "grant.bicep": GRANT_MODULE,
        "service.bicep": SERVICE_MODULE,
        "around.bicep": "param id object\nparam after string = ''\n" + module("service").replace("{ id: id.id }", "id"),
    }
    call = "module around 'around.bicep' = {\n  name: 'around'\n  params: { id: { id: id.id }\n MORE }\n}\n"
    main = HEAD + module("grant") + call
    assert result(tmp_path, files | {"main.bicep": main.replace("MORE", "")}) == FAILS
    assert result(tmp_path, files | {"main.bicep": main.replace("MORE", "after: grant.outputs.name")}) == PASSES


SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
ID = "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'id')]"
NAME = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
ROLE_ID = f"extensionResourceId(resourceId('Microsoft.KeyVault/vaults', 'kv'), {ASSIGNMENT[:-12]}', '{NAME}')"
Plain = dict[str, Any]


def grant(**more: Any) -> Plain:
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": NAME,
        "scope": "Microsoft.KeyVault/vaults/kv",
        "properties": {
            "roleDefinitionId": f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{ROLE}')]",
            "principalId": f"[reference({ID[1:-1]}, '2023-01-31').principalId]",
        },
        **more,
    }


def storage(**more: Any) -> Plain:
    key = {"keyvaulturi": "[reference(resourceId('Microsoft.KeyVault/vaults', 'kv')).vaultUri]", "keyname": "cmk"}
    return {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2023-05-01",
        "name": "sa",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {ID: {}}},
        "properties": {"encryption": {"identity": {"userAssignedIdentity": ID}, "keyvaultproperties": key}},
        **more,
    }


def nested(name: str, *resources: Plain, scope: str = "outer", **more: Any) -> Plain:
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": name,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": scope},
            "template": template(resources, {"name": {"type": "string", "value": "a"}}),
        },
        **more,
    }


def template(resources: Any, outputs: Plain | None = None, **more: Any) -> Plain:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources, "outputs": outputs or {}, **more}


def other(**more: Any) -> Plain:
    return {"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2023-11-01", "name": "net", **more}


LOOP = {"name": "roles", "count": 2}
IN_A_TEMPLATE = {
    "nothing": (FAILS, [grant(), storage()]),
    "the name": (PASSES, [grant(), storage(dependsOn=[NAME])]),
    "the type and the name": (FAILS, [grant(), other(), storage(dependsOn=["Microsoft.Network/virtualNetworks/net"])]),
    "the ID": (PASSES, [grant(), storage(dependsOn=[f"[{ROLE_ID}]"])]),
    "the name of a loop": (
        PASSES, [grant(copy=LOOP, name="[guid(string(copyIndex()))]"), storage(dependsOn=["roles"])],
    ),
    "reference by the name": (PASSES, [grant(), storage(tags={"a": f"[reference('{NAME}').principalId]"})]),
    "list by the name": (PASSES, [grant(), storage(tags={"a": f"[listKeys('{NAME}', '2022-04-01').keys]"})]),
    "reference by the ID": (FAILS, [grant(), storage(tags={"a": f"[reference({ROLE_ID}, '2022-04-01').x]"})]),
    "the ID as a value": (FAILS, [grant(), storage(tags={"a": f"[{ROLE_ID}]"})]),
    "what waits itself": (PASSES, [grant(), other(dependsOn=[NAME]), storage(dependsOn=["net"])]),
    "a parent that waits": (
        FAILS, [grant(), other(dependsOn=[NAME], resources=[storage()])],
    ),
    "an expression": (UNKNOWN, [grant(), storage(dependsOn="[parameters('after')]")]),
    "a name that is not known": (UNKNOWN, [grant(), storage(dependsOn=["[parameters('one')]"])]),
    "a nested deployment with the grant": (PASSES, [nested("roles", grant()), storage(dependsOn=["roles"])]),
    "an output of a nested deployment": (
        PASSES, [nested("roles", grant()), storage(tags={"a": "[reference('roles').outputs.name.value]"})],
    ),
    "a nested deployment with the service": (
        PASSES, [grant(), nested("service", storage(), dependsOn=[NAME])],
    ),
    "a nested deployment that does not wait": (FAILS, [grant(), nested("service", storage())]),
    "nested deployments": (
        PASSES,
        [
            nested("roles", grant()),
            nested("service", storage(), dependsOn=["[resourceId('Microsoft.Resources/deployments', 'roles')]"]),
        ],
    ),
    "nested deployments that do not wait": (FAILS, [nested("roles", grant()), nested("service", storage())]),
    "dependsOn in a nested deployment": (PASSES, [nested("all", grant(), storage(dependsOn=[NAME]))]),
}  # fmt: skip
VAULT = [
    {"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "id"},
    {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": "kv",
        "properties": {"enableRbacAuthorization": True},
    },
]


@pytest.mark.parametrize(("expected", "resources"), IN_A_TEMPLATE.values(), ids=IN_A_TEMPLATE)
def test_order_is_known_in_a_template(tmp_path: Path, expected: str, resources: list[Plain]) -> None:
    parameters = {"after": {"type": "array"}, "one": {"type": "string"}}
    text = json.dumps(template(VAULT + resources, parameters=parameters))
    assert result(tmp_path, {"main.json": text}, "main.json") == expected


@pytest.mark.parametrize(
    ("expected", "more"),
    [(FAILS, {}), (PASSES, {"dependsOn": ["role"]}), (PASSES, {"tags": {"a": "[reference('role').principalId]"}})],
    ids=["nothing", "dependsOn", "reference"],
)
def test_order_is_known_with_symbolic_names(tmp_path: Path, expected: str, more: Plain) -> None:
    resources = {"id": VAULT[0], "kv": VAULT[1], "role": grant(), "sa": storage(**more)}
    text = json.dumps(template(resources, languageVersion="2.0"))
    assert result(tmp_path, {"main.json": text}, "main.json") == expected


@pytest.mark.parametrize(("expected", "more"), [(FAILS, ""), (PASSES, "dependsOn: [role]")], ids=["nothing", "waits"])
def test_order_is_known_in_a_world_that_a_parameter_enables(tmp_path: Path, expected: str, more: str) -> None:
    declared = (GRANT + service(more)).replace("' = {", "' = if (enable) {")
    assert result(tmp_path, {"main.bicep": HEAD + "param enable bool = false\n" + declared}) == expected


@pytest.mark.parametrize(("expected", "more"), [(FAILS, []), (PASSES, [NAME])], ids=["nothing", "waits"])
def test_order_is_known_in_a_world_of_a_template(tmp_path: Path, expected: str, more: list[str]) -> None:
    condition = "[parameters('enable')]"
    resources = [*VAULT, grant(condition=condition), storage(condition=condition, dependsOn=more)]
    parameters = {"enable": {"type": "bool", "defaultValue": False}}
    text = json.dumps(template(resources, parameters=parameters))
    assert result(tmp_path, {"main.json": text}, "main.json") == expected


@pytest.mark.parametrize(("expected", "more"), [(FAILS, ""), (PASSES, "dependsOn: [roles]")], ids=["nothing", "waits"])
def test_order_is_known_in_a_template_that_is_a_module(tmp_path: Path, expected: str, more: str) -> None:
    text = "module roles 'roles.json' = { name: 'roles' }\n" + service(more)
    assert result(tmp_path, {"main.bicep": HEAD + text, "roles.json": json.dumps(template([grant()]))}) == expected
