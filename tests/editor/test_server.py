"""The language server, as an editor uses it: in a thread of this process, and a few sessions in a process."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

import msgspec

from azkvlint.editor.settings import EditorSettings
from tests.editor.client import Client, serving, start

pytestmark = pytest.mark.slow(8)

VAULT = """resource "azurerm_key_vault" "app" {
  name                      = "kv-app"
  location                  = "westeurope"
  resource_group_name       = "rg"
  tenant_id                 = "00000000-0000-0000-0000-000000000000"
  sku_name                  = "standard"
  enable_rbac_authorization = true
}
"""
PROTECTED = "  purge_protection_enabled = true\n"
MODULE = 'variable "purge" {}\n' + VAULT.replace("}\n", "  purge_protection_enabled = var.purge\n}\n")
ASSIGNMENT = """resource "azurerm_role_assignment" "r" {
  scope                = azurerm_key_vault.app.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}
"""
SECRET = """resource "azurerm_key_vault_secret" "s" {
  name            = "password"
  value           = var.password
  key_vault_id    = azurerm_key_vault.app.id
  expiration_date = "2027-03-01T00:00:00Z"
}
variable "password" {}
"""
RESOLVES = {
    "textDocument": {
        "codeAction": {
            "resolveSupport": {"properties": ["edit"]},
            "dataSupport": True,
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
        }
    },
    "workspace": {"workspaceEdit": {"documentChanges": True}},
}
PULLS = {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with one vault."""
    folder = tmp_path.resolve() / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "main.tf").write_text(VAULT)
    return folder


@pytest.fixture
def client() -> Iterator[Client]:
    with serving() as one:
        yield one


def insert(line: int, text: str) -> dict[str, Any]:
    at = {"line": line, "character": 0}
    return {"range": {"start": at, "end": at}, "text": text}


def place(line: int, character: int = 0) -> dict[str, Any]:
    return {"line": line, "character": character}


def has(client: Client, file: Path, *codes: str) -> bool:
    return set(codes) <= set(client.codes(file))


# --- diagnostics ------------------------------------------------------------------------------------------------------


def test_a_workspace_has_diagnostics_before_a_file_is_open(client: Client, project: Path) -> None:
    client.initialize(project)
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))
    found = client.diagnostics[(project / "main.tf").as_uri()]
    one = next(one for one in found["diagnostics"] if one["code"] == "KV001")
    assert one["severity"] == 1
    assert one["source"] == "kvlint"
    assert one["range"] == {"start": place(0), "end": place(0, 34)}
    assert one["codeDescription"]["href"].endswith("rules/vault/KV001-purge-protection.yaml")
    assert "version" not in found


def test_an_edit_is_checked_without_being_saved(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: has(client, file, "KV001"))
    client.change(file, 2, insert(1, PROTECTED))
    client.wait_for(lambda: not has(client, file, "KV001"))
    assert client.diagnostics[file.as_uri()]["version"] == 2
    assert file.read_text() == VAULT
    client.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
    client.wait_for(lambda: has(client, file, "KV001"))


def test_change_in_a_module_updates_its_caller(client: Client, project: Path) -> None:
    (project / "main.tf").write_text('module "vault" {\n  source = "./vault"\n  purge  = true\n}\n')
    (project / "vault").mkdir()
    module = project / "vault" / "main.tf"
    module.write_text(MODULE)
    client.initialize(project)
    client.open(project / "main.tf")
    client.wait_for(lambda: client.codes(module))
    assert not has(client, module, "KV001")
    client.change(project / "main.tf", 2, {"text": (project / "main.tf").read_text().replace("true", "false")})
    client.wait_for(lambda: has(client, project / "main.tf", "KV001") or has(client, module, "KV001"))
    listed = [*client.diagnostics.values()]
    found = [one for file in listed for one in file["diagnostics"] if one["code"] == "KV001"]
    places = {related["location"]["uri"] for one in found for related in one["relatedInformation"]}
    assert places & {(project / "main.tf").as_uri(), module.as_uri()}


def test_a_broken_file_keeps_the_results_of_others(client: Client, project: Path) -> None:
    other = project / "other.tf"
    other.write_text("locals {}\n")
    client.initialize(project)
    client.open(other)
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))
    client.change(other, 2, {"text": "locals {"})
    client.wait_for(lambda: has(client, other, "KVE001"))
    assert has(client, project / "main.tf", "KV001")
    client.change(other, 3, {"text": "locals {}\n"})
    client.wait_for(lambda: not client.codes(other))


@pytest.mark.parametrize(
    ("offered", "encoding"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-16"], "utf-16"),
        (["utf-32"], "utf-32"),
        (["ebcdic"], "utf-16"),
        ([], "utf-16"),
    ],
)
def test_ranges_are_in_the_encoding_of_the_client(
    client: Client, project: Path, offered: list[str], encoding: str
) -> None:
    file = project / "main.tf"
    file.write_text('resource "azurerm_key_vault" "k" { /* \U0001f511é */ name = "a" }\n')
    general = {"positionEncodings": offered} if offered else {}
    answer = client.initialize(project, capabilities={"general": general})
    assert answer["result"]["capabilities"]["positionEncoding"] == encoding
    client.wait_for(lambda: has(client, file, "KV010"))
    found = next(one for one in client.diagnostics[file.as_uri()]["diagnostics"] if one["code"] == "KV010")
    before = file.read_text().partition("name")[0]
    sizes = {"utf-8": len(before.encode()), "utf-16": len(before.encode("utf-16-le")) // 2, "utf-32": len(before)}
    assert found["range"]["start"] == place(0, sizes[encoding])


def test_a_client_that_pulls_gets_nothing_pushed(client: Client, project: Path) -> None:
    file = project / "main.tf"
    (project / "other.tf").write_text(VAULT.replace("app", "other"))
    client.initialize(project, capabilities=PULLS)
    client.open(file)
    document = {"uri": file.as_uri()}
    first = client.request("textDocument/diagnostic", textDocument=document)["result"]
    assert "KV001" in [one["code"] for one in first["items"]]
    again = client.request("textDocument/diagnostic", textDocument=document, previousResultId=first["resultId"])
    assert again["result"] == {"kind": "unchanged", "resultId": first["resultId"]}
    every = client.request("workspace/diagnostic", previousResultIds=[])["result"]["items"]
    assert {one["uri"] for one in every} == {file.as_uri(), (project / "other.tf").as_uri()}
    client.change(file, 2, insert(1, PROTECTED))
    after = client.request("textDocument/diagnostic", textDocument=document)["result"]
    assert "KV001" not in [one["code"] for one in after["items"]]
    ids = [{"uri": one["uri"], "value": one["resultId"]} for one in every]
    changed = client.request("workspace/diagnostic", previousResultIds=ids)["result"]["items"]
    assert [one["uri"] for one in changed] == [file.as_uri()]
    assert not client.diagnostics


def test_a_document_without_a_workspace_is_checked_by_itself(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize()
    client.open(file)
    client.wait_for(lambda: has(client, file, "KV001"))
    client.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
    client.wait_for(lambda: not client.codes(file))


def test_other_json_has_no_diagnostics(client: Client, tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    (folder / "main.tf").write_text(VAULT)
    client.initialize()
    client.open(folder / "package.json", '{"name": "x"}', "json")
    client.open(folder / "values.tfvars", "x = 1\n")
    client.open(folder / "broken.json", '{"$schema": "https://x/deploymentTemplate.json#", "resources": [', "json")
    client.open(folder / "main.tf")
    client.wait_for(lambda: has(client, folder / "main.tf", "KV001") and has(client, folder / "broken.json", "KVE001"))
    assert set(client.diagnostics) == {(folder / name).as_uri() for name in ("main.tf", "broken.json")}


def test_files_have_the_addresses_of_the_client(client: Client, project: Path, tmp_path: Path) -> None:
    (project / "a b.tf").write_text(VAULT.replace("app", "other"))
    link = tmp_path / "link #1"
    link.symlink_to(project)
    client.initialize(link)
    client.open(link / "main.tf")
    client.wait_for(lambda: has(client, link / "main.tf", "KV001") and has(client, link / "a b.tf", "KV001"))
    assert not [uri for uri in client.diagnostics if uri.startswith(project.as_uri())]


def test_files_outside_of_the_workspace_are_not_checked(client: Client, project: Path, tmp_path: Path) -> None:
    outside = tmp_path.resolve() / "outside.tf"
    outside.write_text(VAULT)
    client.initialize(project)
    client.open(outside)
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))
    client.request("textDocument/codeLens", textDocument={"uri": outside.as_uri()})
    assert outside.as_uri() not in client.diagnostics


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_select_rules(client: Client, project: Path) -> None:
    client.initialize(project, initializationOptions={"select": ["KV001", "KV101"], "minSeverity": "high"})
    client.wait_for(lambda: client.codes(project / "main.tf"))
    assert client.codes(project / "main.tf") == ["KV001", "KV101"]


def test_settings_of_the_client_are_requested_and_read_again(client: Client, project: Path) -> None:
    client.settings = {"select": "KV001"}
    client.initialize(project, capabilities={"workspace": {"configuration": True}})
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV001"])
    client.settings = {"select": "KV101"}
    client.notify("workspace/didChangeConfiguration", settings=None)
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV101"])


@pytest.mark.parametrize(
    ("settings", "codes", "message"),
    [
        ({"minSeverity": "bogus"}, ["KV001", "KV101"], "`kvlint.minSeverity` is ignored: bogus: unknown severity"),
        ({"profile": "nope"}, ["KV001", "KV101"], "`kvlint.profile` is ignored: unknown profile"),
        ({"ignore": ["KV999"]}, ["KV001", "KV101"], "`kvlint.ignore` is ignored: no rule matches 'KV999'"),
        ({"includeTests": "yes"}, ["KV001", "KV101"], "`kvlint.includeTests` is ignored: "),
        ({"configuration": "../other.toml"}, ["KV001", "KV101"], "`kvlint.configuration` is ignored: '../other.toml'"),
        ({"profil": ["all"]}, ["KV001", "KV101"], "unknown setting `kvlint.profil` (did you mean 'profile'?)"),
        ({"minSeverity": "bogus", "ignore": ["KV101"]}, ["KV001"], "`kvlint.minSeverity` is ignored"),
    ],
)
def test_a_wrong_setting_alone_is_ignored_and_stays_visible(
    settings: dict[str, object], codes: list[str], message: str, client: Client, project: Path
) -> None:
    client.settings = {"select": ["KV001", "KV101"], "enable": True, "trace": {"server": "off"}, **settings}
    client.initialize(project, capabilities={"workspace": {"configuration": True}})
    client.wait_for(lambda: client.codes(project / "main.tf") == codes and shown(client))
    assert [message in one for one in shown(client)] == [True]
    assert [message in one for one in messages(client, project)] == [True]
    # Without a setting in a file, the documents show the fault while they are open.
    client.open(project / "main.tf", (project / "main.tf").read_text() + "\n")
    client.wait_for(lambda: messages(client, project / "main.tf"))
    assert client.codes(project / "main.tf") == [*codes, "KVE011"]
    assert messages(client, project) == []
    client.settings = {"select": ["KV001"]}
    client.notify("workspace/didChangeConfiguration", settings=None)
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV001"])
    assert len(shown(client)) == 1


def messages(client: Client, file: Path) -> list[str]:
    """The messages about settings at a file."""
    found = client.diagnostics.get(file.as_uri(), {"diagnostics": []})["diagnostics"]
    return [one["message"] for one in found if one["code"] == "KVE011"]


def test_a_wrong_setting_is_marked_in_the_settings_of_the_workspace(client: Client, project: Path) -> None:
    file = project / ".vscode" / "settings.json"
    file.parent.mkdir()
    file.write_text('{\n  // a comment\n  "kvlint.select": ["KV999"],\n  "kvlint.profil": []\n}\n')
    client.initialize(project, initializationOptions={"select": ["KV999"], "profil": []})
    client.wait_for(lambda: len(messages(client, file)) == 2)
    found = client.diagnostics[file.as_uri()]["diagnostics"]
    assert sorted(one["range"]["start"]["line"] for one in found) == [2, 3]
    assert messages(client, project / "main.tf") == messages(client, project) == []


def test_settings_of_other_programs_are_ignored(client: Client, project: Path) -> None:
    client.initialize(project)
    client.notify("workspace/didChangeConfiguration", settings={"python": {}, "select": ["KV001"]})
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV001"])
    assert shown(client) == []


def test_fixes_are_offered_with_a_wrong_setting(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize(project, initializationOptions={"minSeverity": "bogus", "select": ["KV001"]})
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    context = {"diagnostics": client.diagnostics[file.as_uri()]["diagnostics"]}
    place_ = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 40}}
    request = {"textDocument": {"uri": file.as_uri()}, "range": place_, "context": context}
    found = client.request("textDocument/codeAction", **request)["result"]
    assert any("purge_protection_enabled" in one["title"] for one in found)


def test_messages_name_paths_from_the_workspace_folder(client: Client, project: Path) -> None:
    for text, message in (
        ('select = ["KV"\n', "kvlint: kvlint.toml: invalid TOML"),
        ('rules = ["gone"]\n', "kvlint: kvlint.toml:1:1: rules gone: the file or folder does not exist"),
        ("nope = 1\n", "kvlint: kvlint.toml:1:1: unknown setting 'nope'"),
    ):
        (project / "kvlint.toml").write_text(text)
        if not shown(client):
            client.initialize(project)
        client.notify("workspace/didChangeWatchedFiles", changes=[])
        client.wait_for(partial(is_last_shown, client, message))
        # Nothing is checked until the file is corrected, which must not look like a clean file.
        client.wait_for(partial(is_marked, client, project / "kvlint.toml"))
    (project / "kvlint.toml").write_text('select = ["KV001"]\n')
    client.notify("workspace/didChangeWatchedFiles", changes=[])
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV001"])
    assert client.codes(project / "kvlint.toml") == []


def is_marked(client: Client, file: Path) -> bool:
    found = client.diagnostics.get(file.as_uri(), {"diagnostics": []})["diagnostics"]
    return [(one["severity"], f"kvlint: {one['message']}") for one in found] == [(1, shown(client)[-1])]


def is_last_shown(client: Client, message: str) -> bool:
    return any(one.startswith(message) for one in shown(client)[-1:])


def test_a_configuration_file_is_read_again_after_a_change(client: Client, project: Path) -> None:
    client.initialize(project)
    client.wait_for(lambda: len(client.codes(project / "main.tf")) > 1)
    config = project / "kvlint.toml"
    config.write_text('select = ["KV001"]\n')
    client.notify("workspace/didChangeWatchedFiles", changes=[{"uri": config.as_uri(), "type": 1}])
    client.wait_for(lambda: client.codes(project / "main.tf") == ["KV001"])
    config.write_text('select = ["KV"\n')
    client.notify("workspace/didChangeWatchedFiles", changes=[{"uri": config.as_uri(), "type": 2}])
    client.wait_for(lambda: shown(client))
    assert client.codes(project / "main.tf") == ["KV001"]


def test_a_configuration_outside_of_the_checkout_is_refused(client: Client, project: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('select = ["KV001"]\n')
    client.initialize(project, initializationOptions={"configuration": "../other.toml"})
    client.wait_for(lambda: shown(client) and len(client.codes(project / "main.tf")) > 1)
    assert "kvlint.configuration" in shown(client)[0]


def shown(client: Client) -> list[str]:
    return [one["params"]["message"] for one in client.notifications if one["method"] == "window/showMessage"]


def test_the_page_lists_every_setting() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "language-server.md").read_text()
    names = {field.encode_name for field in msgspec.structs.fields(EditorSettings)}
    assert names == set(re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| (`\w+`.*?) \| [sb]", page))))


# --- on request -------------------------------------------------------------------------------------------------------


def test_hover_shows_the_page_of_the_rule(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: has(client, file, "KV001"))
    document = {"uri": file.as_uri()}
    found = client.request("textDocument/hover", textDocument=document, position=place(0, 12))["result"]
    text = found["contents"]["value"]
    assert found["contents"]["kind"] == "markdown"
    assert "**KV001: Key vaults should have purge protection enabled** (high)" in text
    assert "**Fix.**" in text
    assert "`purge_protection_enabled = true`" in text
    assert client.request("textDocument/hover", textDocument=document, position=place(7, 0))["result"] is None


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_finding_is_ignored_with_a_reason_and_an_end(client: Client, project: Path, ending: str) -> None:
    file = project / "main.tf"
    text = VAULT.replace("\n", ending)
    client.initialize(project, capabilities=RESOLVES)
    client.open(file, text)
    action = next(one for one in actions(client, file, 0) if one["title"].startswith("Ignore KV001"))
    assert "edit" not in action
    edited = client.request("codeAction/resolve", **action)["result"]["edit"]["documentChanges"][0]
    assert edited["textDocument"] == {"uri": file.as_uri(), "version": 1}
    new = edited["edits"][0]
    assert new["newText"].startswith("# kvlint: ignore[KV001] state the reason until=20")
    assert new["newText"].endswith(ending)
    client.change(file, 2, {"range": new["range"], "text": new["newText"]})
    client.wait_for(lambda: not has(client, file, "KV001"))
    assert not has(client, file, "KVE005")
    assert client.codes(file)


def test_client_without_resolve_support_gets_the_edit_directly(client: Client, project: Path) -> None:
    file = project / "main.bicep"
    text = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n}\n"
    client.initialize(project)
    client.open(file, text, "bicep")
    found = next(one for one in actions(client, file, 0) if one["title"].startswith("Ignore KV001"))
    assert found["edit"]["changes"][file.as_uri()][0]["newText"].startswith("// kvlint: ignore[KV001] ")


def test_a_proven_fix_is_offered_and_fixes(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize(project, capabilities=RESOLVES)
    client.open(file, f"# \U0001f511\n{VAULT}")
    found = next(
        one
        for one in actions(client, file, 1, triggerKind=1)
        if one["title"].startswith("Set `purge_protection_enabled")
    )
    assert [one["code"] for one in found["diagnostics"]] == ["KV001"]
    assert "cannot be disabled again" in found["title"]
    assert not found["isPreferred"]
    edited = found["edit"]["documentChanges"][0]
    assert edited["textDocument"] == {"uri": file.as_uri(), "version": 1}
    client.change(file, 2, *({"range": one["range"], "text": one["newText"]} for one in edited["edits"]))
    client.wait_for(lambda: not has(client, file, "KV001"))
    assert not has(client, file, "KVE001")


def test_a_fix_is_offered_in_the_source_of_a_plan(client: Client, project: Path) -> None:
    sample = Path(__file__).parents[2] / "samples" / "careless"
    shutil.copytree(sample / "grant", project / "grant")
    for name in ("main.tf", "plan.json"):
        shutil.copy(sample / name, project)
    client.initialize(project, capabilities=RESOLVES)
    client.open(project / "main.tf")
    found = actions(client, project / "main.tf", 41, triggerKind=1)
    assert found[0]["title"].startswith("Set `purge_protection_enabled = true`")


def test_safe_fixes_are_applied_together(client: Client, project: Path) -> None:
    file = project / "main.tf"
    client.initialize(project, capabilities=RESOLVES)
    client.open(file, VAULT + SECRET)
    client.wait_for(lambda: has(client, file, "KV001", "KV611"))
    found = actions(client, file, 0, only=["source.fixAll"])
    assert [one["kind"] for one in found] == ["source.fixAll.kvlint"]
    changes = found[0]["edit"]["documentChanges"][0]["edits"]
    client.change(file, 2, *({"range": one["range"], "text": one["newText"]} for one in reversed(changes)))
    client.wait_for(lambda: not has(client, file, "KV611"))
    assert has(client, file, "KV001")


def test_a_template_gets_metadata(client: Client, project: Path) -> None:
    file = project / "azuredeploy.json"
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-app", "properties": {}}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    text = json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [vault]}, indent=2)
    file.write_text(text)
    client.initialize(project, capabilities=RESOLVES)
    client.open(file, language="json")
    client.wait_for(lambda: has(client, file, "KV001", "KV101"))
    for version, code in ((2, "KV001"), (3, "KV101")):
        found = client.diagnostics[file.as_uri()]["diagnostics"]
        line = next(one["range"]["start"]["line"] for one in found if one["code"] == code)
        ignoring = actions(client, file, line)
        action = next(one for one in ignoring if one["title"].startswith(f"Ignore {code}"))
        edits = client.request("codeAction/resolve", **action)["result"]["edit"]["documentChanges"][0]["edits"]
        client.change(file, version, *({"range": one["range"], "text": one["newText"]} for one in reversed(edits)))
        client.wait_for(partial(_lacks, client, file, code))


def _lacks(client: Client, file: Path, code: str) -> bool:
    return not has(client, file, code)


def actions(client: Client, file: Path, line: int, **context: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.request(
        "textDocument/codeAction",
        textDocument={"uri": file.as_uri()},
        range={"start": place(line), "end": place(line)},
        context={"diagnostics": [], "triggerKind": 2, **context},
    )["result"]
    return found


def test_code_lens_shows_the_access_to_a_vault(client: Client, project: Path) -> None:
    file = project / "main.tf"
    file.write_text(f"{VAULT}{ASSIGNMENT}")
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: has(client, file, "KV001"))
    lens = client.request("textDocument/codeLens", textDocument={"uri": file.as_uri()})["result"]
    assert [one["range"]["start"] for one in lens] == [place(0)]
    title = client.request("codeLens/resolve", **lens[0])["result"]["command"]["title"]
    assert title == "reachable from: all networks · 1 principal can read secrets"


# --- the protocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "initialize"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "initialize"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": []}', -32600),
    ],
)
def test_invalid_message_is_a_protocol_error(client: Client, body: bytes, code: int) -> None:
    client.send_bytes(body)
    client.wait_for(lambda: client.refused)
    assert client.refused[0]["error"]["code"] == code
    assert client.request("initialize", capabilities={}, processId=None, rootUri=None)["result"]


def test_wrong_parameters_are_an_error_of_the_protocol(client: Client, project: Path) -> None:
    assert client.request("textDocument/hover", textDocument={"uri": "file:///x"})["error"]["code"] == -32002
    assert client.request("initialize", capabilities=7, processId=None, rootUri=None)["error"]["code"] == -32602
    client.initialize(project)
    assert client.request("textDocument/hover", textDocument=7)["error"]["code"] == -32602
    assert client.request("nothing/such")["error"]["code"] == -32601
    client.send({"method": "textDocument/didOpen", "params": {"textDocument": {}}})
    client.send({"method": "textDocument/didChange", "params": []})
    client.send({"id": {"a": 1}, "method": "textDocument/hover", "params": {}})
    client.send({"id": 99, "result": {"nothing": "asked"}})
    position = place(2**31 - 1, 2**31 - 1)
    unknown = {"uri": "untitled:one"}
    assert client.request("textDocument/hover", textDocument=unknown, position=position)["result"] is None
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))


JUNK: tuple[Any, ...] = (None, 0, -1, 2**63, 1.5, "", "file:///", "untitled:x", "\ud800", "\0", [], {}, True, [[]])


@pytest.mark.parametrize("seed", range(2))
def test_nonsense_does_not_end_the_server(client: Client, project: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # nothing here is secret
    uri, at = (project / "main.tf").as_uri(), place(0, 3)
    document, span = {"uri": uri}, {"start": at, "end": at}
    opened = {"uri": uri, "languageId": "terraform", "version": 1, "text": VAULT}
    messages: list[tuple[str, dict[str, Any]]] = [
        ("textDocument/didOpen", {"textDocument": opened}),
        ("textDocument/didChange", {"textDocument": opened, "contentChanges": [{"range": span, "text": "x"}]}),
        ("textDocument/didClose", {"textDocument": document}),
        ("textDocument/hover", {"textDocument": document, "position": at}),
        ("textDocument/codeAction", {"textDocument": document, "range": span, "context": {"diagnostics": []}}),
        ("codeAction/resolve", {"title": "x", "data": {"uri": uri, "ignore": "x"}}),
        ("codeLens/resolve", {"range": span, "data": {"uri": uri, "address": "azurerm_key_vault.app"}}),
        ("workspace/didChangeConfiguration", {"settings": {"kvlint": {"select": ["KV001"]}}}),
        ("$/cancelRequest", {"id": 5}),
    ]
    client.initialize(project)
    for number in range(150):
        method, parameters = chance.choice(messages)
        request = {"id": chance.choice((1000 + number, 1000 + number, *JUNK))} if chance.random() < 0.5 else {}
        client.send({"method": method, "params": damaged(parameters, chance), **request})
    client.notify("workspace/didChangeConfiguration", settings={"kvlint": {}})
    client.open(project / "main.tf")
    assert any("KV001" in one["title"] for one in actions(client, project / "main.tf", 0))


def damaged(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        return {key: damaged(part, chance) for key, part in value.items() if chance.random() > 0.05}
    return [damaged(part, chance) for part in value] if isinstance(value, list) else value


def test_requests_after_shutdown_are_refused(client: Client, project: Path) -> None:
    client.initialize(project)
    assert client.request("shutdown")["result"] is None
    assert client.request("textDocument/codeLens", textDocument={"uri": "file:///x"})["error"]["code"] == -32600


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_session_ends_with_exit(project: Path) -> None:
    process, client = start(project, ["--stdio"], clean_environment(project))
    client.initialize(project)
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))
    before = sorted(project.rglob("*"))
    client.request("shutdown")
    client.notify("exit")
    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    assert sorted(project.rglob("*")) == before
    close(process, client)


@pytest.mark.parametrize("how", ["kill", "parent"])
def test_ended_server_leaves_no_files(project: Path, how: str) -> None:
    process, client = start(project, (), clean_environment(project))
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client.initialize(project, processId=parent.pid)
    client.wait_for(lambda: has(client, project / "main.tf", "KV001"))
    files = sorted(project.rglob("*"))
    if how == "kill":
        process.send_signal(signal.SIGTERM)
    parent.communicate(b"\n")
    assert process.wait(20) == (1 if how != "kill" else 128 + signal.SIGTERM)
    assert process.stderr.read() == b""
    assert sorted(project.rglob("*")) == files
    close(process, client)


def test_server_ends_when_its_output_is_closed(project: Path) -> None:
    arguments = [sys.executable, "-m", "azkvlint", "lsp"]
    folder = {"uri": project.as_uri(), "name": "project"}
    asked: dict[str, Any] = {"processId": None, "capabilities": {}, "workspaceFolders": [folder]}
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(project)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        for message in ({"id": 1, "method": "initialize", "params": asked}, {"method": "initialized", "params": {}}):
            body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            process.stdin.flush()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


def test_a_missing_library_is_named(project: Path) -> None:
    (project / "pygls.py").write_text("raise ImportError('none', name='pygls')\n")
    environment = clean_environment(project) | {"PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-m", "azkvlint", "lsp"], cwd=project, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"pygls" in done.stderr


def clean_environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def close(process: Any, client: Client) -> None:
    client.join()
    process.stderr.close()
    process.stdin.close()


def test_a_message_has_a_bounded_size(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.editor.protocol.MAX_MESSAGE", 1_000)
    client.send_bytes(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x" * 2_000}).encode())
    client.wait_for(lambda: client.refused)
    assert client.request("initialize", capabilities={}, processId=None, rootUri=None)["result"]
