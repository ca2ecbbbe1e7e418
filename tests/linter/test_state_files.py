"""State and plan files with secret values in a scanned folder."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

GIT = shutil.which("git")
CANARY = "correct-horse-battery-staple"
SECRET = {"type": "azurerm_key_vault_secret", "instances": [{"attributes": {"name": "s", "value": CANARY}}]}
MARKED = {
    "type": "example_thing",
    "instances": [
        {
            "attributes": {"inner": [{"note": CANARY}]},
            "sensitive_attributes": [
                [
                    {"type": "get_attr", "value": "inner"},
                    {"type": "index", "value": {"value": 0, "type": "number"}},
                    {"type": "get_attr", "value": "note"},
                ]
            ],
        }
    ],
}
PLAIN = {"type": "azurerm_key_vault", "instances": [{"attributes": {"name": "kv", "access_key": ""}}]}


def state(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"version": 4, "lineage": "x", "resources": resources}).encode()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def index(*names: str, version: int = 2) -> bytes:
    """An index of git, without the checksum, which kvlint does not read."""
    entries = b""
    for name in map(str.encode, names):
        entry = bytes(60) + struct.pack(">H", len(name)) + name
        entries += entry + bytes(8 - len(entry) % 8)
    return b"DIRC" + struct.pack(">II", version, len(names)) + entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with a module and nothing else."""
    top = tmp_path / "checkout"
    (top / ".git").mkdir(parents=True)
    (top / "infra").mkdir()
    (top / "infra/main.tf").write_text('resource "azurerm_key_vault" "kv" { name = "kv" }\n', encoding="utf-8")
    return top


def problems(run: Run, folder: Path, *options: str) -> list[tuple[str, str, str]]:
    """The level, the path and the message of each problem about state files. No report contains the canary."""
    for form in ("text", "sarif", "markdown"):
        assert CANARY not in run("--isolated", "-f", form, *options, ".", cwd=folder).out
    ran = run("--isolated", "--select", "KV002", "-f", "json", *options, ".", cwd=folder)
    assert ran.code == 0
    assert CANARY not in ran.out + ran.err
    found = [one for one in json.loads(ran.out)["problems"] if one["code"] == "KVE015"]
    return [(one["level"], (one["location"] or {"path": ""})["path"], one["message"]) for one in found]


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("terraform.tfstate", state(SECRET), "1 resource"),
        ("terraform.tfstate.backup", state(SECRET, MARKED, PLAIN), "2 resources"),
        ("tfplan", archive(tfplan=b"x", tfstate=state(SECRET)), "1 resource"),
        (
            "prod.tfplan",
            json.dumps(
                {"resource_changes": [{"type": "a", "change": {"after": {"b": 1}, "after_sensitive": {"b": True}}}]}
            ).encode(),
            "1 resource",
        ),
    ],
)
def test_a_tracked_file_with_secrets_is_reported(name: str, content: bytes, count: str, folder: Path, run: Run) -> None:
    (folder / "infra" / name).write_bytes(content)
    (folder / ".git/index").write_bytes(index("infra/main.tf", f"infra/{name}"))
    message = f"the file contains secret values of {count} and is tracked by git"
    assert problems(run, folder) == [("warning", f"infra/{name}", message)]


@pytest.mark.parametrize(
    "content", [state(PLAIN), b"", b"[]", json.dumps({"encrypted_data": CANARY}).encode(), archive(tfplan=b"x")]
)
def test_a_file_without_secrets_is_not_reported(content: bytes, folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(content)
    (folder / ".git/index").write_bytes(index("infra/terraform.tfstate"))
    assert problems(run, folder) == []


def test_a_file_that_git_does_not_track_is_not_reported(folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(state(SECRET))
    (folder / ".git/index").write_bytes(index("infra/main.tf", "old/infra/terraform.tfstate"))
    assert problems(run, folder) == []


@pytest.mark.parametrize("content", [None, b"", index("infra/terraform.tfstate", version=4)])
def test_state_file_is_a_note_if_it_may_be_in_a_repository(content: bytes | None, folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(state(SECRET))
    if content is None:
        (folder / ".git").rmdir()
    else:
        (folder / ".git/index").write_bytes(content)
    message = "the file contains secret values of 1 resource; whether it is in a repository is unknown"
    assert problems(run, folder) == [("note", "infra/terraform.tfstate", message)]


@pytest.mark.parametrize("content", [b"{", b"PK\x03\x04", archive(tfstate=b"{")])
def test_an_unreadable_file_is_a_note(content: bytes, folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(content)
    (folder / ".git/index").write_bytes(index("infra/terraform.tfstate"))
    ((level, _, message),) = problems(run, folder)
    assert level == "note"
    assert message.startswith("the file may contain secret values, but cannot be read: ")


def test_excluded_files_are_not_read(folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(state(SECRET))
    (folder / ".git/index").write_bytes(index("infra/terraform.tfstate"))
    assert problems(run, folder, "--exclude", "*.tfstate") == []


def test_many_files_are_counted(folder: Path, run: Run) -> None:
    names = [f"infra/{n}.tfstate" for n in range(22)]
    for name in names:
        (folder / name).write_bytes(state(SECRET))
    (folder / ".git/index").write_bytes(index(*names))
    found = problems(run, folder)
    assert (len(found), found[-1]) == (21, ("note", "", "2 more state or plan files not searched for secret values"))


def test_a_file_on_the_command_line_is_an_input(folder: Path, run: Run) -> None:
    (folder / "infra/terraform.tfstate").write_bytes(state(SECRET))
    (folder / ".git/index").write_bytes(index("infra/terraform.tfstate"))
    ran = run("--isolated", "-f", "json", "infra/terraform.tfstate", cwd=folder)
    assert ran.code == 3
    assert [one["code"] for one in json.loads(ran.out)["problems"]] == ["KVE001"]


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_the_index_is_that_of_git(folder: Path, run: Run) -> None:
    (folder / ".git").rmdir()
    (folder / "infra/terraform.tfstate").write_bytes(state(SECRET))
    (folder / "infra/other.tfstate").write_bytes(state(SECRET))
    for words in (("init", "-q"), ("add", "infra/main.tf", "infra/terraform.tfstate")):
        subprocess.run((str(GIT), *words), cwd=folder, check=True, env={"HOME": str(folder), "PATH": ""})
    assert [one[:2] for one in problems(run, folder)] == [("warning", "infra/terraform.tfstate")]
