"""SARIF logs of inputs that cannot be read: each is told in a log that is one all the same, and the exit code is 3."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from azkvlint.util.project_files import MAX_FILE
from tests.sarif import faults, run_in

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

AUDIT = ("--sarif-include", "suppressed,unknown,passed")
VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
PLAN = json.dumps(
    {"format_version": "1.2", "resource_changes": [], "variables": {"a": {"value": "é"}}}, ensure_ascii=False
)
ARM = json.dumps({"$schema": "https://x/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []})
BINARY = bytes(range(255, -1, -1)) * 8


class Wrong(NamedTuple):
    """What is wrong with a file, and what is said of it."""

    name: str
    content: bytes | Callable[[Path], object]
    said: str


def _loop(file: Path) -> None:
    file.symlink_to(file.name)


WRONG = {
    "Terraform, not whole": Wrong("a.tf", b'resource "azurerm_key_vault" {', "this `(` is not closed"),
    "Terraform in JSON, not whole": Wrong("a.tf.json", b'{"resource": {', "found the end of the file"),
    "Bicep, not whole": Wrong("a.bicep", b"resource kv 'Microsoft.KeyVault", "this string is not closed on its line"),
    "a plan, not whole": Wrong("a.json", PLAN.encode()[:-9], "invalid JSON: unexpected end of file"),
    "a template, not whole": Wrong("a.json", ARM.encode()[:-2], "invalid JSON: unexpected end of file"),
    "no plan, empty": Wrong("a.json", b"", "the file is empty"),
    "Terraform, huge": Wrong("a.tf", b"#" * (MAX_FILE + 1), "the file is larger than 10,000,000 bytes"),
    "Terraform, binary": Wrong("a.tf", BINARY, "the file is not UTF-8"),
    "Bicep, binary": Wrong("a.bicep", BINARY, "the file is not UTF-8"),
    "JSON, binary": Wrong("a.json", BINARY[2:], "invalid JSON: the file is not UTF-8"),
    "JSON, binary like UTF-16": Wrong("a.json", BINARY, "expected UTF-8"),
    "Terraform, Latin-1": Wrong("a.tf", "# é\n".encode("latin-1"), "the file is not UTF-8"),
    "Bicep, Latin-1": Wrong("a.bicep", "// é\n".encode("latin-1"), "the file is not UTF-8"),
    "a plan, Latin-1": Wrong("a.json", PLAN.encode("latin-1"), "not UTF-8"),
    "Terraform, a circle of links": Wrong("a.tf", _loop, "the path is a broken symbolic link"),
    "Bicep, a circle of links": Wrong("a.bicep", _loop, "the path is a broken symbolic link"),
    "JSON, a circle of links": Wrong("a.json", _loop, "the path is a broken symbolic link"),
    "Bicep, a module is missing": Wrong(
        "a.bicep", b"module m 'gone.bicep' = {\n  name: 'm'\n}\n", "the file does not exist"
    ),
}


def notifications(run: dict[str, Any]) -> list[dict[str, Any]]:
    found = run["invocations"][0].get("toolExecutionNotifications", [])
    descriptors = run["tool"]["driver"]["notifications"]
    for one in found:
        assert descriptors[one["descriptor"]["index"]]["id"] == one["descriptor"]["id"]
    return [one for one in found if one["level"] == "error"]


@pytest.fixture
def checkout(kvlint: Kvlint, tmp_path: Path) -> Path:
    """A folder that is the root of all paths, with a module in which something is found."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    (tmp_path / ".git").mkdir()
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "main.tf").write_text(VAULT, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="not everybody may make links on Windows")
@pytest.mark.parametrize("words", [(), AUDIT], ids=["findings", "audit"])
@pytest.mark.parametrize("kind", WRONG)
def test_unreadable_input_is_a_notification_beside_findings(
    kind: str, words: tuple[str, ...], kvlint: Kvlint, checkout: Path
) -> None:
    wrong = WRONG[kind]
    (checkout / "bad").mkdir()
    file = checkout / "bad" / wrong.name
    if isinstance(wrong.content, bytes):
        file.write_bytes(wrong.content)
    else:
        wrong.content(file)
    said = kvlint("good", file, "-f", "sarif", *words)
    assert said.code == 3
    run = run_in(said.out)
    assert list(faults(run, checkout)) == []
    assert [
        one["ruleId"]
        for one in run["results"]
        if one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "good/main.tf"
    ]
    (told,) = notifications(run)
    assert told["descriptor"]["id"].startswith("KVE")
    assert wrong.said in told["message"]["text"]
    place = told["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": f"bad/{wrong.name}", "uriBaseId": "%SRCROOT%"}


def test_file_without_read_permission_is_a_notification(
    kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as a user who can read everything, so opening it is what fails."""
    (checkout / "shut").mkdir()
    (checkout / "shut" / "main.tf").write_text(VAULT, encoding="utf-8")

    real = os.open

    def shut(file: Any, *rest: Any, **more: Any) -> int:
        if str(file).endswith("shut/main.tf"):
            raise PermissionError(13, "Permission denied")
        return real(file, *rest, **more)

    monkeypatch.setattr(os, "open", shut)
    said = kvlint("good", "shut", "-f", "sarif")
    assert said.code == 3
    run = run_in(said.out)
    (told,) = notifications(run)
    assert told["message"]["text"] == "the file cannot be opened: Permission denied"
    assert told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "shut/main.tf"
    assert list(faults(run, checkout)) == []


def test_missing_path_is_a_usage_error_and_writes_no_log(kvlint: Kvlint, checkout: Path) -> None:
    """A log without results would close every alert."""
    said = kvlint("good", "gone.tf", "-f", "sarif", "-o", "kvlint.sarif")
    assert (said.code, said.out) == (2, "")
    assert "'gone.tf' does not exist" in said.err
    assert not (checkout / "kvlint.sarif").exists()


def test_missing_input_is_a_notification(kvlint: Kvlint, checkout: Path) -> None:
    (checkout / "empty").mkdir()
    said = kvlint("empty", "-f", "sarif")
    assert said.code == 3
    run = run_in(said.out)
    assert run["results"] == []
    (told,) = notifications(run)
    assert told["message"]["text"].startswith("nothing to check in empty")
