"""The units that read open files are checked before all others, which are checked in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

from azkvlint.cli.lsp import configure
from azkvlint.editor import progress, server
from azkvlint.editor.checks import CheckOutcome, CheckRequest, Checks, FirstOutcome, OpenDocument
from azkvlint.editor.settings import EditorSettings
from azkvlint.linter.result_cache import CacheFolderSettings
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import Worker
from azkvlint.readers.units import Unit
from azkvlint.util.run_state import separate_run
from tests.editor.client import Client, serving

pytestmark = pytest.mark.slow(8)

VAULT = """resource "azurerm_key_vault" "app" {
  name     = "kv-app"
  sku_name = "standard"
}
"""
PROTECTED = VAULT.replace("}\n", "  purge_protection_enabled = true\n}\n")
MODULE = 'variable "purge" {}\n' + VAULT.replace("}\n", "  purge_protection_enabled = var.purge\n}\n")
BICEP = """param purge bool = true
resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-app'
  location: 'westeurope'
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: purge
  }
}
"""
PULLS = {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}
SHOWS_PROGRESS = {"window": {"workDoneProgress": True}}
OTHERS = 6


class Gate:
    """Holds the evaluation of units whose paths begin with a word, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, word: str = "other") -> None:
        self.open = threading.Event()
        self.steps = threading.Semaphore(0)
        self.evaluated: list[str] = []
        evaluate = Worker.evaluate
        # The session of an earlier test may still end its check.
        earlier = threading.enumerate()

        def gated(worker: Worker, unit: Unit) -> UnitResult:
            if threading.current_thread() in earlier[1:]:
                return evaluate(worker, unit)
            path = unit.source.path
            self.evaluated.append(path)
            if path.startswith(word):
                while not self.open.is_set() and not self.steps.acquire(timeout=0.01):
                    pass
            return evaluate(worker, unit)

        monkeypatch.setattr(Worker, "evaluate", gated)
        # A file that is opened right after the session begins is part of the first check, however slow the client is.
        monkeypatch.setattr(server, "_PAUSES", (0.3, 0.5))

    def wait_for(self, count: int) -> None:
        """Wait until the evaluation of so many units has begun."""
        end = monotonic() + 30
        while len(self.evaluated) < count:
            assert monotonic() < end, self.evaluated
            sleep(0.01)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    one = Gate(monkeypatch)
    yield one
    one.open.set()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with root modules: those called ``other`` come before ``shown``."""
    folder = tmp_path.resolve() / "project"
    (folder / ".git").mkdir(parents=True)
    for number in range(OTHERS):
        write(folder / f"other{number}" / "main.tf", VAULT)
    write(folder / "shown" / "main.tf", VAULT)
    return folder


@pytest.fixture
def client(gate: Gate) -> Iterator[Client]:
    with serving() as one:
        yield one
        gate.open.set()


@pytest.fixture
def no_texts() -> Iterator[None]:
    with separate_run():
        yield


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def has_others(client: Client, project: Path) -> bool:
    return all("KV001" in client.codes(project / f"other{number}" / "main.tf") for number in range(OTHERS))


def replaced(text: str) -> dict[str, Any]:
    return {"text": text}


def kinds(client: Client) -> list[str]:
    """The kinds of the messages about progress, in their order."""
    shown = []
    for one in client.notifications:
        if one["method"] == "window/workDoneProgress/create":
            shown.append("create")
        elif one["method"] == "$/progress":
            shown.append(one["params"]["value"]["kind"])
    return shown


# --- the order --------------------------------------------------------------------------------------------------------


def test_the_open_file_has_diagnostics_before_the_others(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    assert list(client.diagnostics) == [file.as_uri()]
    assert client.diagnostics[file.as_uri()]["version"] == 1
    gate.open.set()
    client.wait_for(lambda: has_others(client, project))
    assert gate.evaluated.count("shown") == 1


def test_an_edit_has_diagnostics_before_the_others_are_done(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    client.change(file, 2, replaced(PROTECTED))
    sleep(1)  # the edit arrives while the first of the others is evaluated
    gate.steps.release()
    client.wait_for(lambda: client.diagnostics[file.as_uri()]["version"] == 2)
    assert "KV001" not in client.codes(file)
    assert not has_others(client, project)
    gate.open.set()
    client.wait_for(lambda: has_others(client, project))
    # What was evaluated before the edit is not evaluated again.
    others = [path for path in gate.evaluated if path.startswith("other")]
    assert sorted(others) == sorted({*others})
    assert "KV001" not in client.codes(file)


def test_a_client_that_pulls_gets_the_open_file_first(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project, capabilities=PULLS)
    client.open(file)
    document = {"uri": file.as_uri()}
    found = client.request("textDocument/diagnostic", textDocument=document)["result"]
    assert "KV001" in [one["code"] for one in found["items"]]
    client.change(file, 2, replaced(PROTECTED))
    gate.open.set()
    found = client.request("textDocument/diagnostic", textDocument=document)["result"]
    assert "KV001" not in [one["code"] for one in found["items"]]
    gate.open.set()
    whole = client.request("workspace/diagnostic", previousResultIds=[])["result"]
    codes = {one["uri"]: [item["code"] for item in one["items"]] for one in whole["items"]}
    assert all("KV001" in codes[(project / f"other{number}" / "main.tf").as_uri()] for number in range(OTHERS))
    assert "KV001" not in codes[file.as_uri()]


def test_every_root_that_calls_an_open_module_is_evaluated_first(client: Client, project: Path, gate: Gate) -> None:
    module = write(project / "shown-module" / "main.tf", MODULE)
    call = 'module "vault" {\n  source = "../shown-module"\n  purge  = false\n}\n'
    direct = write(project / "zone-a" / "main.tf", call)
    write(project / "zone-b" / "main.tf", 'module "between" {\n  source = "../zone-c"\n}\n')
    through = write(project / "zone-c" / "main.tf", call)
    client.initialize(project)
    client.open(module)
    client.open(direct)
    client.open(through)
    client.wait_for(lambda: "KV101" in client.codes(module))
    client.wait_for(lambda: "KV001" in client.codes(direct) and "KV001" in client.codes(through))
    gate.wait_for(3)
    assert sorted(gate.evaluated[:2]) == ["zone-a", "zone-b"]
    assert gate.evaluated[2].startswith("other")


def test_callers_of_an_open_bicep_module_are_evaluated_first(client: Client, project: Path, gate: Gate) -> None:
    module = write(project / "zone" / "vault.bicep", BICEP)
    call = "module vault 'vault.bicep' = {\n  name: 'v'\n  params: { purge: false }\n}\n"
    write(project / "zone" / "main.bicep", call)
    client.initialize(project)
    client.open(module)
    client.wait_for(lambda: "KV101" in client.codes(module))
    gate.wait_for(2)
    assert gate.evaluated[0] == "zone/main.bicep"


def test_two_open_files_are_both_first(client: Client, project: Path, gate: Gate) -> None:
    one, other = project / "shown" / "main.tf", write(project / "zone" / "main.tf", VAULT)
    client.initialize(project)
    client.open(one)
    client.open(other)
    client.wait_for(lambda: "KV001" in client.codes(one) and "KV001" in client.codes(other))
    assert not has_others(client, project)


def test_an_open_file_of_each_workspace_folder_is_first(
    client: Client, project: Path, tmp_path: Path, gate: Gate
) -> None:
    one, other = project / "shown" / "main.tf", write(tmp_path.resolve() / "second" / "shown" / "main.tf", VAULT)
    client.initialize(project, tmp_path.resolve() / "second")
    client.open(one)
    client.open(other)
    client.wait_for(lambda: "KV001" in client.codes(one) and "KV001" in client.codes(other))
    assert not has_others(client, project)


# --- what happens in between ------------------------------------------------------------------------------------------


def test_a_file_closed_in_between_has_the_diagnostics_of_the_disk(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file, PROTECTED)
    client.wait_for(lambda: client.codes(file))
    assert "KV001" not in client.codes(file)
    client.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
    gate.open.set()
    client.wait_for(lambda: has_others(client, project) and "KV001" in client.codes(file))
    assert "version" not in client.diagnostics[file.as_uri()]


def test_files_changed_on_the_disk_in_between_are_read_again(client: Client, project: Path, gate: Gate) -> None:
    file, other = project / "shown" / "main.tf", project / "other0" / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    gate.steps.release(2)
    other.write_text(PROTECTED)
    write(project / "new" / "main.tf", VAULT)
    (project / "other1" / "main.tf").unlink()
    client.notify("workspace/didChangeWatchedFiles", changes=[])
    gate.open.set()
    client.wait_for(lambda: "KV001" in client.codes(project / "new" / "main.tf") and client.codes(other))
    assert "KV001" not in client.codes(other)
    assert client.codes(project / "other1" / "main.tf") == []


def test_a_removed_folder_has_no_diagnostics(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file)
    gate.open.set()
    client.wait_for(lambda: has_others(client, project))
    client.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
    folders = {"added": [], "removed": [{"uri": project.as_uri(), "name": "project"}]}
    client.notify("workspace/didChangeWorkspaceFolders", event=folders)
    client.wait_for(lambda: not any(one["diagnostics"] for one in client.diagnostics.values()))


def test_an_unreadable_file_elsewhere_does_not_delay_the_open_one(client: Client, project: Path, gate: Gate) -> None:
    broken = project / "other0" / "main.tf"
    broken.unlink()
    broken.symlink_to(project / "absent")
    (project / "other1" / "main.tf").write_bytes(VAULT.encode() + b"\xff")
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    gate.open.set()
    client.wait_for(lambda: client.codes(project / "other1" / "main.tf"))
    assert "KV001" in client.codes(file)


def test_a_hundred_edits_end_with_the_diagnostics_of_the_last(client: Client, project: Path, gate: Gate) -> None:
    file = project / "shown" / "main.tf"
    client.initialize(project)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    for number in range(2, 102):
        client.change(file, number, replaced((PROTECTED if number % 2 else VAULT)[: None if number > 99 else number]))
    gate.open.set()
    client.wait_for(lambda: has_others(client, project) and client.diagnostics[file.as_uri()]["version"] == 101)
    assert "KV001" not in client.codes(file)


# --- progress ---------------------------------------------------------------------------------------------------------


def test_a_long_check_shows_its_progress(
    client: Client, project: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LONG", 0.0)
    monkeypatch.setattr(server, "_SHOWN", 0.0)
    file = project / "shown" / "main.tf"
    client.initialize(project, capabilities=SHOWS_PROGRESS)
    client.open(file)
    client.wait_for(lambda: "KV001" in client.codes(file))
    gate.steps.release()
    client.wait_for(lambda: "begin" in kinds(client))
    gate.steps.release()
    client.wait_for(lambda: "report" in kinds(client))
    # A change interrupts the check, not what is shown of it.
    client.change(file, 2, replaced(PROTECTED))
    gate.open.set()
    client.wait_for(lambda: has_others(client, project) and "end" in kinds(client))
    shown = kinds(client)
    assert shown[:2] == ["create", "begin"]
    assert shown[-1] == "end"
    assert {*shown[2:-1]} == {"report"}


def test_a_client_without_support_gets_no_progress(
    client: Client, project: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LONG", 0.0)
    monkeypatch.setattr(server, "_SHOWN", 0.0)
    gate.open.set()
    client.initialize(project)
    client.wait_for(lambda: has_others(client, project))
    assert kinds(client) == []


def test_a_short_check_shows_no_progress(client: Client, project: Path, gate: Gate) -> None:
    gate.open.set()
    client.initialize(project, capabilities=SHOWS_PROGRESS)
    client.wait_for(lambda: has_others(client, project))
    assert kinds(client) == []


# --- results on the disk ----------------------------------------------------------------------------------------------


def checked(checks: Checks, project: Path, texts: dict[Path, str]) -> CheckOutcome:
    documents = {str(file): OpenDocument(file.as_uri(), 1, text, text.encode()) for file, text in texts.items()}
    request = CheckRequest(folders=(str(project),), documents=documents, settings=EditorSettings())
    first: list[FirstOutcome] = []
    return checks.check(request, receive=first.append)


@pytest.mark.usefixtures("no_texts")
def test_another_session_evaluates_nothing_again(project: Path, tmp_path: Path) -> None:
    store = CacheFolderSettings(folder=str(tmp_path / "cache"), option="--cache-dir", of_editor=True)
    file = project / "shown" / "main.tf"
    before = checked(Checks(configure, "utf-16", store), project, {file: VAULT})
    after = checked(Checks(configure, "utf-16", store), project, {file: VAULT})
    assert (before.evaluated, after.evaluated) == (OTHERS + 1, 0)
    assert after.files == before.files
    edited = checked(Checks(configure, "utf-16", store), project, {file: PROTECTED})
    assert edited.evaluated == 1


@pytest.mark.usefixtures("no_texts")
def test_results_in_the_checkout_are_not_used(project: Path) -> None:
    store = CacheFolderSettings(folder=str(project / "cache"), option="--cache-dir", of_editor=True)
    outcome = checked(Checks(configure, "utf-16", store), project, {})
    assert outcome.evaluated == OTHERS + 1
    assert not (project / "cache").exists()
