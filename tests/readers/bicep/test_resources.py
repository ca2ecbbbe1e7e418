"""One Bicep file: parameters, variables, loops, conditions, nested resources, and what expressions say of resources."""

from __future__ import annotations

import re

import pytest

from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Absent, Unknown
from tests.patterns import in_braces, text_in_braces
from tests.readers.bicep.conftest import Read, graph, messages, plain, shown, value

KV = "Microsoft.KeyVault/vaults@2023-07-01"
LOGS = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
SUB = "/subscriptions/{subscription}"
GROUP = f"{SUB}/resourceGroups/{{resourceGroup}}"


def vault(members: str = "", name: str = "'kv'", symbol: str = "kv") -> str:
    return f"resource {symbol} '{KV}' = {{\n  name: {name}\n  properties: {{\n{members}\n  }}\n}}\n"


def test_values_come_from_literals_variables_and_defaults_at_the_property(read: Read) -> None:
    found = read(
        "param days int = 7\nvar on = true\n"
        + vault("    enablePurgeProtection: on\n    softDeleteRetentionInDays: days\n    publicNetworkAccess: null")
    )
    assert plain(found, "kv", "properties", "enablePurgeProtection") is True
    assert plain(found, "kv", "properties", "softDeleteRetentionInDays") == 7
    assert shown(found, "kv", "properties", "enablePurgeProtection") == "enablePurgeProtection: on"
    assert plain(found, "kv", "properties", "publicNetworkAccess") == "Enabled"  # null is not set: Azure's default
    assert plain(found, "kv", "apiVersion") == "2023-07-01"
    assert found.closed
    assert found.problems == []


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("param p bool", "parameter `p` has no value"),
        ("param p bool?", None),
        ("type t = bool?\nparam p t", None),
        ("type t = { a: bool? }\nparam p t.a", None),
        ("type t = bool?[]\nparam p t[*]", None),
        ("param p 'a' | null", None),
        ("type a = b\ntype b = a\nparam p a", "parameter `p` has no value"),
    ],
)
def test_a_parameter_without_value_is_unknown_unless_it_may_be_null(
    read: Read, declared: str, expected: str | None
) -> None:
    answer = value(read(f"{declared}\n{vault('    x: p')}"), "kv", "properties", "x")
    if expected is None:
        assert isinstance(answer, Absent)
    else:
        assert isinstance(answer, Unknown)
        assert (answer.why, text_in_braces(answer)) == (expected, "{p}")


def test_secure_parameter_is_sensitive_and_has_no_pattern(read: Read) -> None:
    found = read(
        "@secure()\nparam a string\n@sys.secure()\nparam b string = 'x'\n@secure()\ntype t = string\nparam c t\n"
        + vault("    a: '${a}-'\n    b: b\n    c: c")
    )
    for name in "abc":
        answer = value(found, "kv", "properties", name)
        assert answer.sensitive
        assert getattr(answer, "pattern", None) is None


@pytest.mark.parametrize(
    ("type_", "use"),
    [
        ("{\n  @secure()\n  x: string\n}", "p.x"),
        ("{\n  y: {\n    @sys.secure()\n    *: string\n  }\n}", "p.y.z"),
        ("secret[]", "p[0]"),
        ("[\n  @secure()\n  string\n]", "p[0]"),
        ("whole.x", "p"),
        ("whole", "p.x"),
    ],
)
def test_value_with_a_secure_part_is_sensitive(read: Read, type_: str, use: str) -> None:
    types = "@secure()\ntype secret = string\ntype whole = {\n  x: secret\n  y: whole?\n  z: whole.z\n}\n"
    found = read(f"{types}param p {type_}\n" + vault(f"    a: {use}"))
    assert value(found, "kv", "properties", "a").sensitive


_LOGIN = "type login = {\n  host: string\n  @secure()\n  password: string\n}\n"


@pytest.mark.parametrize(
    ("type_", "use", "is_secret"),
    [
        ("login", "p.host", False),
        ("login", "p['host']", False),
        ("login", "p.password", True),
        ("login", "'${p.host}:${p.password}'", True),
        ("login", "string(p)", True),
        ("login?", "p.?host", False),
        ("{\n  a: login?\n  b: string\n}", "p.a.?host", False),
        ("{\n  a: login?\n  b: string\n}", "p.a!.password", True),
        ("{\n  a: login?\n  b: string\n}", "p.b", False),
        ("login[]", "p[0].host", False),
        ("login[]", "p[0].password", True),
        ("login[]", "[for one in p: one.host]", False),
        ("login[]", "[for one in p: one.password]", True),
        ("[\n  login\n  string\n]", "p[1]", False),
        ("{\n  *: login\n}", "p.any.host", False),
        ("{\n  *: login\n}", "p.any.password", True),
        ("login | {\n  host: string\n}", "p.host", False),
    ],
)
def test_only_the_secure_parts_of_a_type_are_secret(read: Read, type_: str, use: str, is_secret: bool) -> None:
    found = read(f"{_LOGIN}param p {type_}\n" + vault(f"    a: {use}"))
    answer = value(found, "kv", "properties", "a")
    assert answer.sensitive is is_secret
    assert not is_secret or getattr(answer, "pattern", None) is None


def test_only_the_secure_parts_of_a_value_are_secret(read: Read) -> None:
    given = "{\n  host: 'h'\n  password: 'correct-horse'\n}"
    found = read(f"{_LOGIN}param p login = {given}\n" + vault("    a: p.host\n    b: p.password"))
    assert [value(found, "kv", "properties", name).sensitive for name in "ab"] == [False, True]
    found = read(f"{_LOGIN}param p login[] = [\n  {given}\n]\n" + vault("    a: p[0].host\n    b: p[0].password"))
    assert [value(found, "kv", "properties", name).sensitive for name in "ab"] == [False, True]


def test_all_of_a_secure_parameter_is_secret(read: Read) -> None:
    found = read(f"{_LOGIN}@secure()\nparam p login\n" + vault("    a: p.host"))
    assert value(found, "kv", "properties", "a").sensitive


def test_the_items_of_a_loop_have_the_secure_parts_of_their_type(read: Read) -> None:
    loop = f"resource kv '{KV}' = [for one in p: {{\n  name: 'kv'\n  properties: {{\n    a: one.host\n"
    found = read(f"{_LOGIN}param p login[]\n{loop}    b: one.password\n  }}\n}}]\n")
    assert [value(found, "kv[*]", "properties", name).sensitive for name in "ab"] == [False, True]


def test_a_type_that_refers_to_itself_is_not_secure(read: Read) -> None:
    found = read("type t = {\n  x: t.x\n  y: t[]?\n}\nparam p t\n" + vault("    a: p.y"))
    assert not value(found, "kv", "properties", "a").sensitive


def test_parameter_that_differs_with_every_deployment_is_one_value(read: Read) -> None:
    found = read("param id string = newGuid()\n" + vault(name="id") + vault("    x: kv.id", "'b'", "b"))
    assert value(found, "b", "properties", "x") == value(found, "b", "properties", "x")
    assert text_in_braces(value(found, "kv", "id")) == f"{GROUP}/providers/Microsoft.KeyVault/vaults/{{id}}"


def test_a_condition_decides_or_is_kept(read: Read) -> None:
    found = read(
        "param p bool\nparam q bool\n"
        + "".join(
            f"resource {name} '{KV}' = if ({condition}) {{\n  name: '{name}'\n}}\n"
            for name, condition in {
                "yes": "true",
                "no": "false",
                "maybe": "p",
                "other": "!p",
                "both": "p && q",
                "any": "p || q",
            }.items()
        )
    )
    assert {address: set(map(in_braces, one.conditions)) for address, one in found.resources.items()} == {
        "yes": set(),
        "maybe": {"{p}"},
        "other": {"{!{p}}"},
        "both": {"{p}", "{q}"},
        "any": {"{{p}||{q}}"},
    }


def test_a_loop_over_known_items_makes_one_resource_each(read: Read) -> None:
    found = read(
        "var names = ['a', 'b']\n"
        f"@batchSize(1)\nresource kv '{KV}' = [for (name, i) in names: if (name != 'c') {{\n"
        "  name: '${name}${i}'\n}]\n"
        f"resource logs '{LOGS}' = [for i in range(0, 2): {{\n  scope: kv[i]\n  name: 'x'\n}}]\n"
        f"resource more '{LOGS}' = [for v in kv: {{\n  scope: v\n  name: 'y'\n}}]\n"
    )
    assert [plain(found, f"kv[{i}]", "name") for i in range(2)] == ["a0", "b1"]
    references = graph(found, scope="Microsoft.Insights/diagnosticSettings").references["scope"]
    assert [reference.targets for reference in references] == [("kv[0]",), ("kv[1]",)] * 2


def test_loop_over_an_unknown_collection_is_one_resource_for_all_instances(read: Read) -> None:
    found = read(
        f"param names array\nresource kv '{KV}' = [for (name, i) in names: {{\n  name: name\n}}]\n"
        f"resource logs '{LOGS}' = [for (name, i) in names: {{\n  scope: kv[i]\n  name: name\n}}]\n"
        f"resource first '{LOGS}' = {{\n  scope: kv[0]\n  name: 'x'\n}}\n"
    )
    assert list(found.resources) == ["kv[*]", "logs[*]", "first"]
    assert found.resources["kv[*]"].conditions == found.resources["logs[*]"].conditions != frozenset()
    by_source = {one.source: one for one in graph(found, scope=LOGS.partition("@")[0]).references["scope"]}
    assert by_source["logs[*]"].targets == ("kv[*]",)
    assert by_source["first"].targets == ()


def test_children_by_nesting_by_parent_and_by_name_are_the_same(read: Read) -> None:
    found = read(
        f"resource kv '{KV}' = {{\n  name: 'kv'\n  resource inner 'secrets' = {{\n    name: 'a'\n  }}\n}}\n"
        "resource byParent 'Microsoft.KeyVault/vaults/secrets@2022-07-01' = {\n  parent: kv\n  name: 'a'\n}\n"
        "resource byName 'Microsoft.KeyVault/vaults/secrets@2022-07-01' = {\n  name: 'kv/a'\n}\n"
    )
    addresses = ["kv::inner", "byParent", "byName"]
    ids = [text_in_braces(value(found, address, "id")) for address in addresses]
    assert ids == [f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv/secrets/a"] * 3
    assert [plain(found, address, "apiVersion") for address in addresses] == ["2023-07-01", "2022-07-01", "2022-07-01"]
    references = graph(found, parent="Microsoft.KeyVault/vaults/secrets").references["parent"]
    assert [reference.targets for reference in references] == [("kv",)] * 3


def test_a_parent_that_is_not_known_may_be_any(read: Read) -> None:
    found = read(
        "param p string\nresource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n  name: p\n}\n"
        "resource t 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n  parent: nobody\n  name: 'x'\n}\n"
    )
    references = graph(found, parent="Microsoft.KeyVault/vaults/secrets").references["parent"]
    assert [(reference.targets, reference.anything) for reference in references] == [((), True)] * 2


def test_nested_resources_see_each_other_and_are_seen_from_outside(read: Read) -> None:
    found = read(
        f"resource kv '{KV}' = {{\n  name: 'kv'\n"
        "  resource a 'secrets' = {\n    name: 'a'\n  }\n"
        "  resource b 'secrets' = [for i in range(0, 2): {\n    name: '${a.name}${i}'\n  }]\n}\n"
        f"resource logs '{LOGS}' = {{\n  scope: kv::b[1]\n  name: kv::a.name\n}}\n"
    )
    assert [plain(found, f"kv::b[{i}]", "name") for i in range(2)] == ["a0", "a1"]
    references = graph(found, scope=LOGS.partition("@")[0]).references["scope"]
    assert references[0].targets == ("kv::b[1]",)
    assert plain(found, "logs", "name") == "a"


@pytest.mark.parametrize(
    ("scope", "id_"),
    [
        ("kv", f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"),
        ("resourceGroup('g')", f"{SUB}/resourceGroups/g"),
        ("resourceGroup('s', 'g')", "/subscriptions/s/resourceGroups/g"),
        ("subscription()", SUB),
        ("tenant()", "/"),
        ("az.managementGroup('m')", "/providers/Microsoft.Management/managementGroups/m"),
        ("rg", f"{SUB}/resourceGroups/other"),
        ("other", f"{SUB}/resourceGroups/other/providers/Microsoft.KeyVault/vaults/o"),
    ],
)
def test_scope_property_sets_the_scope_of_an_extension_resource(read: Read, scope: str, id_: str) -> None:
    found = read(
        "resource rg 'Microsoft.Resources/resourceGroups@2022-09-01' existing = {\n"
        "  scope: subscription()\n  name: 'other'\n}\n"
        f"resource other '{KV}' existing = {{\n  scope: resourceGroup('other')\n  name: 'o'\n}}\n{vault()}"
        f"resource lock 'Microsoft.Authorization/locks@2020-05-01' = {{\n  scope: {scope}\n  name: 'l'\n}}\n"
    )
    answer = value(found, "lock", "scope")
    assert getattr(answer, "pattern", None) or getattr(answer, "value", "") == id_
    if isinstance(answer, Unknown):
        assert text_in_braces(answer) == id_


def test_target_scope_sets_the_scope_of_resources(read: Read) -> None:
    found = read(
        "targetScope = 'subscription'\n"
        "resource rg 'Microsoft.Resources/resourceGroups@2022-09-01' = {\n  name: 'g'\n}\n"
    )
    assert text_in_braces(value(found, "rg", "id")) == f"{SUB}/resourceGroups/g"


def test_existing_resource_has_a_name_and_no_properties(read: Read) -> None:
    found = read(f"resource kv '{KV}' existing = {{\n  name: 'kv'\n}}\n")
    assert found.resources["kv"].existing
    assert plain(found, "kv", "name") == "kv"
    assert isinstance(value(found, "kv", "properties", "enablePurgeProtection"), Absent | Unknown)


def test_existing_reference_to_a_deployed_resource_is_that_resource(read: Read) -> None:
    found = read(
        f"param p bool\n{vault()}resource same '{KV}' existing = {{\n  name: 'kv'\n}}\n"
        f"resource maybe '{KV}' = if (p) {{\n  name: 'b'\n}}\nresource b '{KV}' existing = {{\n  name: 'b'\n}}\n"
        f"resource logs '{LOGS}' = {{\n  scope: same\n  name: 'x'\n}}\n"
    )
    assert list(found.resources) == ["kv", "maybe", "b", "logs"]
    assert graph(found, scope=LOGS.partition("@")[0]).references["scope"][0].targets == ("kv",)


def test_set_properties_are_known_and_properties_that_azure_adds_are_unknown(read: Read) -> None:
    found = read(
        vault("    enablePurgeProtection: true\n    networkAcls: { bypass: 'None' }")
        + vault(
            "    a: kv.properties.enablePurgeProtection\n    b: kv.properties.vaultUri\n"
            "    c: kv.properties.networkAcls.bypass\n    d: kv.properties.vaultUri\n    e: kv.properties.tenantId\n"
            "    f: kv.type\n    g: kv.apiVersion\n    h: kv.getSecret('x')\n    i: kv.properties.networkAcls.?ipRules",
            "'b'",
            "b",
        )
    )
    answers = {name: value(found, "b", "properties", name) for name in "abcdefghi"}
    assert plain(found, "b", "properties", "a") is True
    assert plain(found, "b", "properties", "c") == "None"
    assert getattr(answers["b"], "pattern", "") == getattr(answers["d"], "pattern", "x")
    assert getattr(answers["b"], "pattern", "") != getattr(answers["e"], "pattern", "")
    assert [plain(found, "b", "properties", name) for name in "fg"] == ["Microsoft.KeyVault/vaults", "2023-07-01"]
    assert answers["h"].sensitive
    assert isinstance(answers["i"], Unknown)


NETWORK = """resource net 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'net'
  properties: {
    subnets: [{ name: 'a', properties: { addressPrefix: '10.0.0.0/24', routeTable: null } }]
    dhcpOptions: { dnsServers: ['10.0.0.4'] }
  }
}
var subnets = [{ name: 'a' }]
"""


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        ("net.properties.subnets[0].id", "net/subnets/a"),
        ("net.properties.subnets[0].?id", "net/subnets/a"),
        ("net.properties.subnets[?0].?id", "net/subnets/a"),
        ("net.properties.subnets[0]['id']", "net/subnets/a"),
        ("first(net.properties.subnets).?id", "net/subnets/a"),
        ("filter(net.properties.subnets, one => one.name == 'a')[0].?id", "net/subnets/a"),
        ("map(net.properties.subnets, one => one.?id)[0]", "net/subnets/a"),
        ("net.properties.subnets[0].properties.?provisioningState",
         "net.properties.subnets[0].properties.provisioningState"),
        ("net.properties.subnets[0].properties.?routeTable", "net.properties.subnets[0].properties.routeTable"),
        ("net.?properties.?dhcpOptions.?id", "net.properties.dhcpOptions.id"),
    ],
)  # fmt: skip
def test_member_that_an_item_does_not_set_is_unknown(read: Read, expression: str, pattern: str) -> None:
    found = read(NETWORK + vault(f"    x: {expression}\n    y: empty({expression})"))
    answer = value(found, "kv", "properties", "x")
    assert isinstance(answer, Unknown)
    assert "fails" not in answer.why
    is_id = "/" in pattern
    assert ("at deployment" if is_id else "after deployment") in answer.why
    slash = "/" if is_id else "\N{DIVISION SLASH}"
    assert re.sub("[{}]", "", text_in_braces(answer)).endswith(f"virtualNetworks{slash}{pattern}")
    assert isinstance(value(found, "kv", "properties", "y"), Unknown) is not is_id


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("net.properties.subnets[0].name", "a"),
        ("net.properties.subnets[0].properties.addressPrefix", "10.0.0.0/24"),
        ("length(net.properties.subnets)", 1),
        ("net.properties.dhcpOptions.dnsServers[0]", "10.0.0.4"),
        ("subnets[0].?id", None),
        ("empty(subnets[0].?id)", True),
        ("string(net.tags.?owner ?? 'none')", "none"),
    ],
)
def test_written_items_and_variables_stay_as_they_are_written(read: Read, expression: str, expected: object) -> None:
    network = NETWORK.replace("  properties", "  tags: { env: 'x' }\n  properties", 1)
    found = read(network + vault(f"    x: {expression}"))
    assert plain(found, "kv", "properties", "x") == expected
    assert not isinstance(value(found, "kv", "properties", "x"), Unknown)


def test_a_missing_property_of_a_variable_is_an_error(read: Read) -> None:
    answer = value(read(NETWORK + vault("    x: subnets[0].id")), "kv", "properties", "x")
    assert isinstance(answer, Unknown)
    assert answer.why == "property `id` does not exist, so the deployment fails"


def test_user_functions_spread_and_computed_names(read: Read) -> None:
    found = read(
        "func twice(a int) int => a * 2\nvar base = { a: 1, b: 2 }\nparam p object\n"
        f"resource kv '{KV}' = {{\n  name: 'kv'\n  properties: {{\n"
        "    ...base\n    b: twice(4)\n    '${'c'}': 3\n  }\n}\n"
        f"resource open '{KV}' = {{\n  name: 'open'\n  properties: {{\n    a: 1\n    ...p\n  }}\n}}\n"
        f"resource spread '{KV}' = {{\n  name: 'spread'\n  ...base\n}}\n"
    )
    assert [plain(found, "kv", "properties", name) for name in "abc"] == [1, 8, 3]
    assert isinstance(value(found, "open", "properties", "a"), Unknown)
    assert plain(found, "spread", "a") == 1


def test_spread_object_of_unknown_members_leaves_its_properties_unknown(read: Read) -> None:
    result = read(
        f"param p object\nresource kv '{KV}' = {{\n  ...p\n  name: 'kv'\n}}\n"
        f"resource open '{KV}' = {{\n  name: 'open'\n  properties: {{\n    ...p\n    a: 1\n  }}\n}}\n"
    )
    for answer in (value(result, "kv", "tags"), value(result, "open", "properties", "b")):
        assert isinstance(answer, Unknown)
        assert not answer.is_set
        assert answer.pattern is None


def test_cycles_are_unknown(read: Read) -> None:
    found = read("var a = b\nvar b = a\n" + vault("    x: a") + vault("    y: other.properties.y", "'o'", "other"))
    assert isinstance(value(found, "kv", "properties", "x"), Unknown)
    assert isinstance(value(found, "other", "properties", "y"), Unknown)


def test_unknown_key_vault_types_are_errors(read: Read) -> None:
    found = read(
        "param t string\nresource a 'Microsoft.KeyVault/vaults/novelties@2030-01-01' = {\n  name: 'kv/x'\n}\n"
        "resource b '${t}' = {\n  name: 'x'\n}\n"
        "resource c 'Microsoft.KeyVault/vaults/privateEndpointConnections@2023-07-01' = {\n  name: 'kv/x'\n}\n",
        required=RequiredAttributes(paths={"microsoft.keyvault/vaults": frozenset()}, reference_paths={}),
    )
    text = "Key Vault type `Microsoft.KeyVault/vaults/novelties` is not supported, so the resource was not evaluated"
    assert messages(found) == [
        ("KVE003", "error", text),
        ("KVE003", "error", "the type of `b` is unknown, so the resource was not evaluated"),
    ]


@pytest.mark.parametrize(
    ("resources", "level"),
    [
        ("[]", None),
        ("[{ type: 'Microsoft.Web/sites', name: 'x' }]", None),
        ("[{ type: 'Microsoft.KeyVault/vaults', name: 'x' }]", None),
        ("[{ type: t, name: 'x' }]", "error"),
        ("t", "error"),
    ],
)
def test_nested_template_with_unknown_resources_is_an_error(read: Read, resources: str, level: str | None) -> None:
    found = read(
        "param t string\nresource d 'Microsoft.Resources/deployments@2022-09-01' = {\n  name: 'd'\n"
        f"  properties: {{ mode: 'Incremental', template: {{ resources: {resources} }} }}\n}}\n"
    )
    assert [one[1] for one in messages(found)] == ([level] if level else [])
    assert found.closed is (level is None)
    assert ("d/Microsoft.KeyVault/vaults/x" in found.resources) is ("KeyVault" in resources)


def test_syntax_error_affects_its_declaration_only(read: Read) -> None:
    found = read(f"resource broken = {{\n{vault()}param p string =\n")
    assert list(found.resources) == ["kv"]
    assert not found.closed
    assert [(code, level) for code, level, _ in messages(found)] == [("KVE001", "error")] * 2
    regions = [problem.at.region for problem in found.problems if problem.at is not None]
    assert [region.start_line for region in regions if region is not None] == [1, 9]


def test_heads_are_where_resources_are(read: Read) -> None:
    found = read(f"@description('x')\n{vault()}")
    assert found.resources["kv"].at.span is not None
    assert found.files["main.bicep"][slice(*found.resources["kv"].at.span)] == f"resource kv '{KV}'"
