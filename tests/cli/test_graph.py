"""``kvlint graph``: what is drawn, and that no name can break a drawing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint


LINKED = """\
azurerm_key_vault.kv: {name: kv}
azurerm_key_vault_key.cmk: {name: cmk, key_vault_id: "${azurerm_key_vault.kv.id}"}
azurerm_disk_encryption_set.disks: {name: disks, key_vault_key_id: "${azurerm_key_vault_key.cmk.id}"}
azurerm_monitor_diagnostic_setting.ds: {target_resource_id: "${azurerm_key_vault.kv.id}"}
azurerm_storage_account_customer_managed_key.sa: {key_vault_id: "${azurerm_key_vault.kv.id}", key_name: cmk}
"""
HOSTILE = [
    'x"]; rm[ -rf',
    "a<br/>b",
    "a\nb",
    'a\\"b',
    "#quot;",
    "]] --> evil",
    "`code`",
    "${x}",
    "名\u202e\x1b[31m",
    "\\",
    "end",
    "%%{init}%%",
]
MERMAID_NODE = re.compile(r'  r\d+\["(?:[\w ./-]|#\d+;)+<br/>(?:[\w ./-]|#\d+;)+"\]')
MERMAID_EDGE = re.compile(r"  r\d+ (?:-->\|[a-z ]+\||-\.->\|perhaps [a-z ]+\|) r\d+")
DOT_TEXT = r'"(?:[^"\\\n]|\\[\\"n])*"'
DOT_NODE = re.compile(rf"  {DOT_TEXT} \[label={DOT_TEXT}\];")
DOT_EDGE = re.compile(rf"  {DOT_TEXT} -> {DOT_TEXT} \[label={DOT_TEXT}(?:, style=dashed)?\];")


def test_graph_draws_resources_and_their_references(kvlint: Kvlint) -> None:
    Path("linked.json").write_bytes(expand(LINKED))
    ran = kvlint("graph", "linked.json")
    assert (ran.code, ran.err) == (0, "")
    assert kvlint("graph", "linked.json", "-f", "mermaid") == ran
    lines = ran.out.splitlines()
    names = {match[1]: match[2] for line in lines if (match := re.match(r'  (r\d+)\["(\S+)<br/>', line))}
    edges = {
        (names[match[1]], match[2], names[match[3]])
        for line in lines
        if (match := re.match(r"  (r\d+) -->\|(.+)\| (r\d+)", line))
    }
    assert edges == {
        ("azurerm_key_vault_key.cmk", "in", "azurerm_key_vault.kv"),
        ("azurerm_disk_encryption_set.disks", "encrypted with", "azurerm_key_vault_key.cmk"),
        ("azurerm_monitor_diagnostic_setting.ds", "extends", "azurerm_key_vault.kv"),
        ("azurerm_disk_encryption_set.disks", "encrypted with a key of", "azurerm_key_vault.kv"),
        ("azurerm_storage_account_customer_managed_key.sa", "encrypted with", "azurerm_key_vault_key.cmk"),
        ("azurerm_storage_account_customer_managed_key.sa", "encrypted with a key of", "azurerm_key_vault.kv"),
    }
    dot = kvlint("graph", "linked.json", "-f", "dot").out
    assert '  "azurerm_key_vault_key.cmk" -> "azurerm_key_vault.kv" [label="in"];\n' in dot
    assert dot.count(" -> ") == len(edges)


def test_names_cannot_break_a_drawing(kvlint: Kvlint) -> None:
    changes = [
        {
            "address": f"azurerm_key_vault.kv[{json.dumps(key)}]",
            "mode": "managed",
            "type": "azurerm_key_vault",
            "name": "kv",
            "index": key,
            "change": {"actions": ["create"], "before": None, "after": {"name": key}, "after_unknown": {}},
        }
        for key in HOSTILE
    ]
    azapi = {"type": 'Microsoft.Evil/"]\n@2024-01-01', "name": "x", "body": {}}
    change = {"actions": ["create"], "before": None, "after": azapi, "after_unknown": {}}
    changes.append({"address": "azapi_resource.x", "mode": "managed", "type": "azapi_resource", "name": "x"})
    changes[-1]["change"] = change
    plan = {"format_version": "1.2", "resource_changes": changes, "configuration": {"root_module": {}}}
    Path("hostile.json").write_text(json.dumps(plan), encoding="utf-8")
    head, *lines = kvlint("graph", "hostile.json").out.splitlines()
    assert head == "flowchart LR"
    assert len(lines) >= len(HOSTILE)
    assert all(MERMAID_NODE.fullmatch(line) or MERMAID_EDGE.fullmatch(line) for line in lines)
    head, layout, *lines, end = kvlint("graph", "hostile.json", "-f", "dot").out.splitlines()
    assert (head, layout, end) == ("digraph kvlint {", "  rankdir=LR; node [shape=box];", "}")
    assert len(lines) >= len(HOSTILE)
    assert all(DOT_NODE.fullmatch(line) or DOT_EDGE.fullmatch(line) for line in lines)


def test_graph_reports_resources_that_are_not_supported(kvlint: Kvlint) -> None:
    Path("new.json").write_bytes(expand("azurerm_key_vault_thing.x: {}\nazurerm_key_vault.kv: {name: kv}"))
    ran = kvlint("graph", "new.json")
    assert (ran.code, "azurerm_key_vault.kv" in ran.out) == (3, True)
    unsupported = "resource type `azurerm_key_vault_thing` is not supported, so the resource was not evaluated"
    assert re.fullmatch(rf"kvlint: new\.json:\d+:\d+: error\[KVE003\] {re.escape(unsupported)}\n", ran.err)
    Path("new").mkdir()
    Path("new/main.tf").write_text('\n\nresource "azurerm_key_vault_thing" "x" {}\n', encoding="utf-8")
    assert kvlint("graph", "new").err == f"kvlint: new/main.tf:3:1: error[KVE003] {unsupported}\n"


@pytest.mark.parametrize(
    ("name", "text"), [("main.tf", "\n{"), ("main.bicep", "\nresource {"), ("x.json", '{\n"a": }')]
)
def test_errors_of_an_input_name_the_file_and_the_line(kvlint: Kvlint, name: str, text: str) -> None:
    Path("app").mkdir()
    Path("app", name).write_text(text, encoding="utf-8")
    ran = kvlint("graph", f"app/{name}")
    assert ran.code == 3
    assert re.match(rf"kvlint: app/{name}:2:\d+: error\[KVE00\d\] ", ran.err)
    # They are those of a check.
    checked = kvlint(f"app/{name}").out.splitlines()
    for line in ran.err.splitlines():
        assert [one for one in checked if one.startswith(line.removeprefix("kvlint: "))]


def test_only_resources_of_azure_are_drawn(kvlint: Kvlint) -> None:
    text = """
    provider "azurerm" {
      features {}
    }
    data "azurerm_client_config" "me" {}
    data "azurerm_resource_group" "rg" { name = "rg" }
    resource "azurerm_key_vault" "kv" { name = "kv" }
    resource "azurerm_key_vault_secret" "s" {
      name         = "s"
      value        = data.azurerm_client_config.me.client_id
      key_vault_id = azurerm_key_vault.kv.id
    }
    output "s" { value = azurerm_key_vault_secret.s.value }
    module "m" {
      source = "./m"
      secret = azurerm_key_vault_secret.s.value
    }
    """
    Path("app/m").mkdir(parents=True)
    Path("app/main.tf").write_text(text, encoding="utf-8")
    Path("app/m/main.tf").write_text('variable "secret" {}\n', encoding="utf-8")
    for form in ("mermaid", "dot"):
        out = kvlint("graph", "app", "-f", form).out
        assert "azurerm_key_vault_secret.s" in out
        assert not re.search(r"Terraform/|provider\.azurerm|client_config", out)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("bad.json -f svg", 2, "unknown format 'svg' (one of mermaid, dot)"),
        (".", 2, "'.' is not one Terraform module, plan, template or Bicep file (name a single file, or its folder)"),
        ("nowhere", 2, "'nowhere' does not exist"),
    ],
)
def test_graph_of_invalid_arguments_is_an_error(kvlint: Kvlint, line: str, code: int, said: str) -> None:
    ran = kvlint("graph", *line.split())
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"kvlint: error: {said}")
