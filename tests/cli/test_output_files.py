"""Files that are written: never through a link that came with a checkout and leads out of it, and never an input."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = [
    pytest.mark.slow(3),
    pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows"),
]

VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
ONE = ("--select", "KV001")
WAYS = {
    "-o": (".", *ONE, "-f", "sarif", "-o", "{}"),
    "-f NAME=FILE": (".", *ONE, "-f", "json={}"),
    "--summary-file": (".", *ONE, "--summary-file", "{}"),
    "--write-baseline": (".", *ONE, "--write-baseline", "{}"),
    "controls -o": ("controls", ".", "-f", "json", "-o", "{}"),
    "suppressions -o": ("suppressions", ".", "-f", "json", "-o", "{}"),
    "access -o": ("access", ".", "-f", "html", "-o", "{}"),
    "diff -o": ("diff", "infra", "infra", "-f", "json", "-o", "{}"),
    "diff -f NAME=FILE": ("diff", "infra", "infra", "-f", "sarif={}"),
    "migrate-rbac -o": ("migrate-rbac", "infra", "-f", "csv", "-o", "{}"),
    "graph -o": ("graph", "infra/main.tf", "-o", "{}"),
    "graph --access -o": ("graph", "infra", "--access", "-o", "{}"),
    "fix -o": ("fix", "infra", "-f", "json", "-o", "{}"),
}


def words(way: str, file: str | Path) -> list[str]:
    return [word.format(file) for word in WAYS[way]]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "checkout"
    (found / ".git").mkdir(parents=True)
    (found / "infra").mkdir()
    (found / "infra" / "main.tf").write_text(VAULT)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(found)
    return found


def untouched(checkout: Path) -> bool:
    victim, away = checkout.parent / "victim", checkout.parent / "away"
    return victim.read_text() == "mine" and list(away.iterdir()) == [] and list((checkout / ".git").iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
class TestLinks:
    @pytest.mark.parametrize(
        ("link", "target", "file"),
        [
            ("report", "../victim", "report"),
            ("report", "../not-there", "report"),
            ("out", "../away", "out/report"),
            ("infra/out", "../../away", "infra/out/report"),
            ("report", ".git/hook", "report"),
            ("out", ".git", "out/report"),
            ("report", "infra/../../victim", "report"),
        ],
    )
    def test_link_out_of_the_checkout_is_refused(
        self, kvlint: Kvlint, checkout: Path, way: str, link: str, target: str, file: str
    ) -> None:
        Path(link).symlink_to(target)
        said = kvlint(*words(way, file))
        assert said.code == 2
        assert f"`{file}` cannot be written: `{link}` is a symbolic link that leads out of the checkout" in said.err
        assert untouched(checkout)
        assert not (checkout.parent / "not-there").exists()

    def test_chain_of_links_from_outside_is_refused(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        """The user's own link leads to one that came with the checkout."""
        (checkout / "evil").symlink_to("../victim")
        (checkout.parent / "own").symlink_to("checkout/evil")
        assert kvlint(*words(way, "../own")).code == 2
        assert untouched(checkout)

    def test_one_of_the_users_own_is_followed(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        own = checkout.parent / "own"
        own.symlink_to("away/report")
        assert kvlint(*words(way, own)).code in (0, 1, 3)
        assert (checkout.parent / "away" / "report").stat().st_size
        assert own.is_symlink()

    def test_one_inside_the_checkout_is_followed(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        (checkout / "reports").mkdir()
        Path("latest").symlink_to("reports")
        assert kvlint(*words(way, "latest/report")).code in (0, 1, 3)
        assert [file.name for file in (checkout / "reports").iterdir()] == ["report"]

    def test_path_without_links_may_be_anywhere(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        assert kvlint(*words(way, "../away/report")).code in (0, 1, 3)
        assert [file.name for file in (checkout.parent / "away").iterdir()] == ["report"]

    def test_an_input_is_refused(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        said = kvlint(*words(way, "infra/main.tf"))
        assert said.code == 2
        assert "`infra/main.tf` is an input of this run and is not overwritten" in said.err
        assert (checkout / "infra" / "main.tf").read_text() == VAULT

    def test_a_link_to_an_input_is_refused(self, kvlint: Kvlint, checkout: Path, way: str) -> None:
        Path("report").symlink_to("infra/main.tf")
        assert kvlint(*words(way, "report")).code == 2
        assert (checkout / "infra" / "main.tf").read_text() == VAULT


@pytest.mark.parametrize("command", ["check", "access", "graph"])
def test_links_are_refused_if_the_current_folder_is_the_root_of_the_file_system(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "victim").write_text("mine")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.tf").write_text(VAULT)
    (folder / "report").symlink_to("../victim")
    monkeypatch.chdir(tmp_path.anchor)
    assert kvlint(command, str(folder / "main.tf"), "-o", str(folder / "report")).code == 2
    assert (tmp_path / "victim").read_text() == "mine"


def test_links_for_partial_files_are_not_followed(kvlint: Kvlint, checkout: Path) -> None:
    """Whatever number a process or a partial file has."""
    for number in {os.getpid(), *range(2000)}:
        Path(f"out.txt.{number}.partial").symlink_to("../victim")
    Path("kvlint.toml").write_text("format = ['text=out.txt']\n")
    assert kvlint("infra", *ONE).code == 1
    assert untouched(checkout)
    assert not Path("out.txt").is_symlink()


@pytest.mark.parametrize(
    ("option", "name", "text"),
    [
        ("--baseline", "base.json", '{"version": 1, "findings": []}'),
        ("--config", "own.toml", "strict = true\n"),
        ("--var-file", "x.tfvars", 'a = "b"\n'),
        ("--rules", "rules", ""),
        ("", "kvlint.toml", "strict = true\n"),
        ("", "infra/terraform.tfvars", 'a = "b"\n'),
        ("", "infra/.terraform.lock.hcl", ""),
        ("", "plan.json", ""),
        ("", "main.bicep", "param a string\n"),
    ],
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_input_is_not_overwritten(kvlint: Kvlint, checkout: Path, option: str, name: str, text: str, jobs: str) -> None:
    if name == "plan.json":
        text = (checkout.parent / "bad.json").read_text()
    if name == "rules":
        Path("rules").mkdir()
        name, text = "rules/ORG-1-x.yaml", (Path(__file__).parent / "test_own_rules.py").read_text()
        text = text.partition('OWN = """\\\n')[2].partition('"""')[0]
    Path(name).write_text(text)
    (checkout / "second").mkdir()
    (checkout / "second" / "main.tf").write_text(VAULT)
    given = [option, "rules" if option == "--rules" else name] if option else []
    said = kvlint(".", "--jobs", jobs, *ONE, *given, "-f", f"json={name}")
    assert (said.code, said.out) == (2, "")
    assert f"`{name}` is an input of this run" in said.err
    assert Path(name).read_text() == text


def test_report_of_an_earlier_run_is_not_an_input(kvlint: Kvlint, checkout: Path) -> None:
    for _ in range(2):
        assert kvlint(".", *ONE, "-f", "json", "-o", "report.json").code == 1
        assert kvlint(".", *ONE, "-f", "json", "--write-baseline", "base.json", "--baseline", "base.json").code < 2


def test_report_keeps_or_gets_default_permissions(kvlint: Kvlint, checkout: Path) -> None:
    before = os.umask(0o027)
    try:
        kvlint(".", *ONE, "-f", "json", "-o", "new.json")
        assert stat.S_IMODE(Path("new.json").stat().st_mode) == 0o640
        Path("new.json").chmod(0o604)
        kvlint(".", *ONE, "-f", "json", "-o", "new.json")
        assert stat.S_IMODE(Path("new.json").stat().st_mode) == 0o604
    finally:
        os.umask(before)


def test_failed_write_leaves_no_file(kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("report.json").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    said = kvlint(".", *ONE, "-f", "json", "-o", "report.json")
    assert (said.code, said.err) == (2, "kvlint: error: cannot write 'report.json': No space left on device\n")
    assert sorted(file.name for file in checkout.iterdir()) == [".git", "infra", "report.json"]
    assert Path("report.json").read_text() == "old"


@pytest.mark.parametrize("stream", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("is_file", [True, False])
def test_report_is_written_to_a_path_of_standard_output(checkout: Path, stream: str, is_file: bool) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc here")
    command = [sys.executable, "-m", "azkvlint", ".", *ONE, "-f", "concise", "-o", stream]
    with (checkout.parent / "log").open("w+b") as log:
        log.write(b"before\n")
        log.flush()
        out = log if is_file else subprocess.PIPE
        done = subprocess.run(command, stdout=out, check=False)
        log.seek(0)
        text = log.read() if is_file else b"before\n" + done.stdout
    assert done.returncode == 1
    assert text.startswith(b"before\ninfra/main.tf:1:1")


def test_a_name_that_no_file_can_have(kvlint: Kvlint, checkout: Path) -> None:
    for name in ("x" * 300, "a\0b", "a/" * 3000):
        said = kvlint(".", *ONE, "-f", "json", "-o", name)
        assert said.code == 2
        assert "internal error" not in said.err
