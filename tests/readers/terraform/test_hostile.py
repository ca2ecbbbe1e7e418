"""Inputs that are made to break a reader: each ends soon, says what it could not do, and never as a clean answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from azkvlint.evaluation.budget import Limit
from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge

pytestmark = pytest.mark.slow(8)

KV = "azurerm_key_vault.kv"
SECONDS = 10


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def chain(expression: str, last: str, length: int = 60) -> str:
    """Locals of which each is made of the next one."""
    lines = [f"  a{i} = {expression.replace('NEXT', f'local.a{i + 1}')}\n" for i in range(length)]
    return "locals {\n" + "".join(lines) + f"  a{length} = {last}\n}}\n"


CIRCLES = {
    "local": ("locals {\n  a = local.a\n}\n", "local.a"),
    "locals": ("locals {\n  a = local.b\n  b = !local.a\n}\n", "local.b"),
    "in a list": ("locals {\n  a = [local.a]\n}\n", "local.a[0]"),
    "lazy": ("locals {\n  a = true ? local.a : false\n}\n", "local.a"),
    "through a template": ('locals {\n  a = "${local.b}"\n  b = "x${local.a}"\n}\n', "local.a"),
    "for": ("locals {\n  a = [for x in local.a : x]\n}\n", "local.a[0]"),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_circular_values_are_unknown(name: str, judge: Judge) -> None:
    text, expression = CIRCLES[name]
    found = judge(text + vault(expression))
    assert found.outcomes("KV001") == {KV: "unknown"}
    assert [message.endswith("refers to itself") for *_, message in found.errors()] == [True]
    assert found.code == 3


def test_circular_references_of_resources_are_unknown(judge: Judge) -> None:
    found = judge(
        vault(f"{KV}.purge_protection_enabled")
        + vault("local.l", name="b")
        + "locals {\n  l = azurerm_key_vault.b.purge_protection_enabled\n}\n"
    )
    assert set(found.outcomes("KV001").values()) == {"unknown"}
    found = judge(vault("false", f"  count = length({KV})\n"))
    assert found.code == 3
    assert found.outcomes("KV001") == {f"{KV}[0]": "fail"}


def test_modules_that_wait_for_each_other(judge: Judge) -> None:
    module = variable("i") + 'output "o" {\n  value = var.i\n}\n' + vault("var.i")
    calls = call(more="  i = module.b.o\n", name="a") + call(more="  i = module.a.o\n", name="b")
    found = judge({"main.tf": calls, "m/main.tf": module})
    assert set(found.outcomes("KV001").values()) == {"unknown"}
    assert found.code == 3
    counted = call(more="  count = length(module.b)\n  i = 1\n", name="a") + call(
        more="  count = length(module.a)\n  i = 1\n", name="b"
    )
    assert judge({"main.tf": counted}).code == 3


GROWING = {
    "lists": ("[NEXT, NEXT]", "false"),
    "objects": ("{ x = NEXT, y = NEXT }", "false"),
    "texts": ('"${NEXT}${NEXT}"', '"false"'),
    "unknown texts": ('"${NEXT}${NEXT}"', "var.u"),
    "concat": ("concat(NEXT, NEXT)", "[1]"),
    "flatten": ("flatten([NEXT, NEXT])", "[1]"),
    "join": ('join(",", [NEXT, NEXT])', '"a"'),
    "jsonencode": ("jsonencode([NEXT, NEXT])", '"\\""'),
    "replace": ('replace(NEXT, "a", "aa")', '"a"'),
    "merge": ('merge({ for k, v in NEXT : "${k}x" => v }, { for k, v in NEXT : "${k}y" => v })', "{ a = 1 }"),
    "setproduct": ("setproduct(NEXT, NEXT)", "[1, 2]"),
    "for": ("[for a in NEXT : NEXT]", "[1, 2]"),
    "splat": ("[NEXT[*], NEXT[*]]", "[1]"),
    "conditions": ("var.u ? [NEXT] : [NEXT, NEXT]", "[1]"),
    "format": ('format("%s%s", NEXT, NEXT)', '"a"'),
    "base64": ("base64encode(NEXT)", '"aaaaaa"'),
}


@pytest.mark.parametrize("name", GROWING)
def test_growing_values_end(name: str, judge: Judge) -> None:
    expression, last = GROWING[name]
    found = judge(variable("u") + chain(expression, last) + vault("local.a0 == local.a1"))
    assert found.code == 3 or found.outcomes("KV001") == {KV: "unknown"}


def test_nested_conditions_with_equal_branches_are_decided(judge: Judge) -> None:
    text = variable("u") + chain("var.u ? NEXT : NEXT", "false") + vault("local.a0")
    assert judge(text).outcomes("KV001") == {KV: "fail"}


def test_long_chain_of_values_is_evaluated_up_to_a_limit(judge: Judge) -> None:
    assert judge(chain("NEXT", "false", 100) + vault("local.a0")).outcomes("KV001") == {KV: "fail"}
    assert judge(chain("NEXT", "false", 5_000) + vault("local.a0")).outcomes("KV001") == {KV: "unknown"}


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 3_000 + "false" + ")" * 3_000,
        "[" * 3_000 + "]" * 3_000,
        "{a=" * 3_000 + "}" * 3_000,
        "!" * 3_000 + "false",
        "true ? " * 2_000 + "false" + " : true" * 2_000,
        "false" + " && false" * 3_000,
        "var.u" + ".a" * 3_000,
        "var.u" + "[0]" * 3_000,
        '"' + '${"' * 500 + '"}' * 500 + '"',
        "not(" * 3_000 + ")" * 3_000,
    ],
)
def test_deeply_nested_expressions_end(expression: str, judge: Judge) -> None:
    found = judge(variable("u") + vault(expression) + vault("false", name="other"))
    assert found.outcomes("KV001").get("azurerm_key_vault.other") == "fail"
    # What cannot be read may take its block with it, and says so.
    assert found.outcomes("KV001").get(KV) in {"unknown", "fail"} or found.code == 3


@pytest.mark.parametrize("text", ["a {\n" * 3_000 + "}\n" * 3_000, 'a "b" {\n' * 3_000])
def test_deeply_nested_blocks_end(text: str, judge: Judge) -> None:
    found = judge({"main.tf": vault("false"), "deep.tf": text})
    assert found.outcomes("KV001") == {KV: "fail"}
    assert found.code == 3
    assert judge({"deep.tf": f'resource "azurerm_key_vault" "deep" {{\n{text}}}\n'}).code == 3


def test_deeply_nested_json_is_an_error(judge: Judge) -> None:
    for text in ('{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 100_000, '{"resource":' * 3_000):
        found = judge({"main.tf": vault("false"), "deep.tf.json": text})
        assert found.outcomes("KV001") == {KV: "fail"}
        assert found.code == 3


@pytest.mark.parametrize(
    "expression",
    [
        'format("%1000000000d", 1)',
        'format("%*d", 1000000000, 1)',
        'format("%.1000000000f", 1.5)',
        'regex("(a+)+$", "' + "a" * 50 + '!")',
        'regexall("(a|a|b)*c", "' + "a" * 50 + '")',
        'replace("' + "a" * 5_000 + '", "/(a*)*b/", "x")',
        "length(range(1000000000))",
        "length(setproduct(range(1000), range(1000), range(1000)))",
        'cidrsubnets("10.0.0.0/8", 24, 24, 24)',
        "pow(9, 999999999)",
        "1e308 * 1e308",
        "parseint(" + '"' + "9" * 100_000 + '", 10)',
        'indent(1000000000, "a\\nb")',
        'formatlist("%s", range(1000))',
        'timeadd("2020-01-01T00:00:00Z", "999999999999h")',
        'templatestring("${a}", {})',
        'strrev(join("", [for i in range(1000) : join("", [for j in range(1000) : "xxxxxxxx"])]))',
        "length([for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]])",
        'sha512(file("main.tf"))',
        'yamldecode("a: &a [x]\\nb: [*a, *a]")',
    ],
)
def test_expensive_functions_are_stopped(expression: str, judge: Judge) -> None:
    found = judge(
        'resource "azurerm_key_vault" "first" {\n}\n'
        + vault("true", f"  tags = {{ x = {expression} }}\n  tenant_id = {expression}\n")
    )
    assert found.code in {1, 3}
    assert "azurerm_key_vault.first" in found.outcomes("KV001") or found.code == 3


def test_long_strings_are_shortened_in_messages(judge: Judge) -> None:
    long = "x" * 3_000_000
    found = judge(vault("false", f'  tags = {{ a = "{long}" }}\n  tenant_id = "{long}"\n') + f"# {long}\n")
    assert found.outcomes("KV001") == {KV: "fail"}
    assert all(len(finding.message) < 5_000 for finding in found.all())


def test_thousands_of_resources_are_evaluated(judge: Judge) -> None:
    text = "".join(vault("false", name=f"kv{i}") for i in range(5_000))
    found = judge(text, select=("KV001",))
    assert len(found.all("KV001")) == 5_000


def test_resources_above_the_limit_are_an_error(judge: Judge) -> None:
    text = "".join(f'resource "random_id" "r{i}" {{\n  count = 10000\n}}\n' for i in range(11))
    all_of_them = ", ".join(f"random_id.r{i}" for i in range(11))
    found = judge(text + vault(f"length([{all_of_them}]) < 5"), select=("KV001",))
    assert [message for *_, message in found.errors()] == [
        "the input declares more than 12,000 resources, the limit for an input of this size"
    ]


def test_modules_above_the_limit_are_an_error(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.evaluation.budget.DEPLOYMENTS", Limit(200, 0, 200))
    files = {f"m{i}/main.tf": call(f"../m{i + 1}", name="a") + call(f"../m{i + 1}", name="b") for i in range(30)}
    found = judge({"main.tf": call("./m0"), **files, "m30/main.tf": vault("false")})
    assert found.code == 3
    assert [message for *_, message in found.errors()] == [
        "the input has more than 200 instances of modules, the limit for an input of this size"
    ]


NAMES = [
    "a\nb",
    "\x1b[31mred",
    "::error::x",
    "%0A",
    "a]b",
    "\u202e",
    "\x00",
    "..",
    "/",
    "\ud83d\ude00",
    "{{",
    "${",
    "'",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_unusual_names_are_read(name: str, judge: Judge) -> None:
    body = {"for_each": {name: 1}, "purge_protection_enabled": False, "name": name}
    document = {
        "resource": {"azurerm_key_vault": {"kv": body, name: {"purge_protection_enabled": False}}},
        "module": {name: {"source": name}},
    }
    found = judge({"main.tf.json": json.dumps(document)})
    assert len(found.outcomes("KV001")) == 2
    for finding in found.all():
        assert finding.at.path == "main.tf.json"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "null",
        '{"resource": []}',
        '{"resource": null}',
        '{"resource": 5}',
        '{"resource": {"azurerm_key_vault": 5}}',
        '{"resource": {"azurerm_key_vault": {"kv": 5}}}',
        '{"resource": {"azurerm_key_vault": {"kv": [[]]}}}',
        '{"resource": {"azurerm_key_vault": {"kv": null}}}',
        '{"module": {"m": null}}',
        '{"module": {"m": {"source": 5}}}',
        '{"locals": 5}',
        '{"locals": [5]}',
        '{"variable": {"v": 5}}',
        '{"variable": {"v": {"type": 5}}}',
        '{"output": {"o": []}}',
        '{"provider": {"azurerm": 5}}',
        '{"provider": {"azurerm": {"features": 5}}}',
        '{"terraform": {"required_providers": 5}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"lifecycle": 5, "dynamic": 5}}}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"dynamic": {"network_acls": {"for_each": 5, "content": 5}}}}}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"network_acls": 5, "access_policy": {"a": 1}}}}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"for_each": "${", "name": "${}"}}}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"purge_protection_enabled": [{"a": {}}]}}}}',
        '{"resource": {"azurerm_key_vault": {"kv": {"provider": 5, "count": {}}}}}',
    ],
)
def test_json_of_any_shape_is_read(text: str, judge: Judge) -> None:
    found = judge({"odd.tf.json": text, "main.tf": vault("false", name="other")})
    assert found.outcomes("KV001").get("azurerm_key_vault.other") == "fail"
    assert found.code in {1, 3}


@pytest.mark.parametrize(
    "text",
    [
        'resource "azurerm_key_vault" {\n}\n',
        "resource {\n}\n",
        'resource "a" "b" "c" {\n}\n',
        "variable {\n}\n",
        "module {\n}\n",
        'variable "v" "w" {\n}\n',
        'output "o" {\n}\n',
        "locals = 5\n",
        "terraform = 5\n",
        "provider {\n}\n",
        'provider "azurerm" {\n  alias = var.x\n}\n',
        'module "m" {\n  source = "./m"\n  providers = 5\n}\n',
        'variable "v" {\n  type = nonsense(1\n}\n',
        'variable "v" {\n  type = object({ a = optional(object({ b = optional() })) })\n}\n',
        'variable "v" {\n  type = list(list(list(any)))\n  default = 5\n}\n',
        'variable "v" {\n  sensitive = var.v\n  nullable = 5\n  default = var.v\n}\n',
        'data "azurerm_key_vault" "d" {\n  count = data.azurerm_key_vault.d.count\n}\n',
        'resource "azurerm_key_vault" "x" {\n  lifecycle {\n    enabled = azurerm_key_vault.x.name == 5\n  }\n}\n',
        'resource "azurerm_key_vault" "x" {\n  for_each = each.value\n  count = count.index\n  name = self.name\n}\n',
        (
            'resource "azurerm_key_vault" "x" {\n  dynamic "network_acls" {\n'
            "    for_each = network_acls.value\n    iterator = 5\n    content {\n    }\n  }\n}\n"
        ),
        'resource "azurerm_key_vault" "x" {\n  dynamic {\n  }\n  dynamic "a" "b" {\n  }\n}\n',
        "terraform {\n  required_providers {\n    azurerm = var.x\n    azurerm = { version = 5 }\n  }\n}\n",
    ],
)
def test_declarations_of_any_shape_are_read(text: str, judge: Judge) -> None:
    found = judge({"main.tf": vault("false", name="other"), "odd.tf": text, "m/main.tf": ""})
    assert found.outcomes("KV001").get("azurerm_key_vault.other") == "fail"


@pytest.mark.parametrize(
    "name",
    [
        "azurerm_key_vault_secret.s.value",
        "azurerm_mssql_server.sql.administrator_login_password",
        '[for k, v in azurerm_key_vault_secret.s : v if k == "value"][0]',
    ],
)
def test_secret_of_another_resource_is_not_shown(name: str, judge: Judge) -> None:
    secret = 'resource "azurerm_key_vault_secret" "s" {\n  name = "s"\n  value = "hunter2"\n}\n'
    server = 'resource "azurerm_mssql_server" "sql" {\n  administrator_login_password = "hunter2"\n}\n'
    text = f'resource "azurerm_key_vault" "kv" {{\n  purge_protection_enabled = false\n  name = {name}\n}}\n'
    found = judge(secret + server + text)
    assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "fail"}
    assert "hunter2" not in repr([(one.message, one.full_name, one.occurrences) for one in found.all()])
