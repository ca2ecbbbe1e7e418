"""Where reports go: files, several at once, pipes and devices."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

ONE = ("--select", "KV001")  # a rule of severity high


def test_several_formats_in_one_run(kvlint: Kvlint) -> None:
    alone = {form: kvlint("bad.json", *ONE, "-f", form).out for form in REPORTERS}
    ran = kvlint("bad.json", *ONE, "-f", "text", "-f", "json=a.json", "-f", "sarif=b=c.sarif", "-f", "json=d.json")
    assert ran == (1, alone["text"], "")
    assert Path("a.json").read_text(encoding="utf-8") == Path("d.json").read_text(encoding="utf-8") == alone["json"]
    assert Path("b=c.sarif").read_text(encoding="utf-8") == alone["sarif"]
    assert kvlint("bad.json", *ONE, "-f", "json=a.json", "-f", "sarif", "-o", "e") == (1, "", "")
    assert Path("e").read_text(encoding="utf-8") == alone["sarif"]
    assert kvlint("bad.json", *ONE, "-f", "json", "-o", "-").out == alone["json"]


def test_a_file_is_complete_or_as_it_was(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old").write_text("old", encoding="utf-8")
    before = set(Path.cwd().iterdir())

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        assert kvlint("bad.json", "-o", "old") == (
            2,
            "",
            "kvlint: error: cannot write 'old': No space left on device\n",
        )
    assert Path("old").read_text(encoding="utf-8") == "old"
    assert set(Path.cwd().iterdir()) == before
    kvlint("bad.json", *ONE, "-o", "old")
    assert Path("old").read_text(encoding="utf-8") == kvlint("bad.json", *ONE).out
    assert set(Path.cwd().iterdir()) == before


def test_a_link_to_a_file_stays_a_link(kvlint: Kvlint, tmp_path: Path) -> None:
    Path("real").write_text("", encoding="utf-8")
    Path("link").symlink_to("real")
    kvlint("bad.json", *ONE, "-o", "link")
    assert Path("link").is_symlink()
    assert Path("real").read_text(encoding="utf-8") == kvlint("bad.json", *ONE).out


def test_a_pipe_or_device_is_written_to_and_not_replaced(kvlint: Kvlint) -> None:
    os.mkfifo("pipe")
    got: list[str] = []
    reader = Thread(target=lambda: got.append(Path("pipe").read_text(encoding="utf-8")), daemon=True)
    reader.start()
    assert kvlint("bad.json", *ONE, "-o", "pipe") == (1, "", "")
    reader.join(10)
    assert got == [kvlint("bad.json", *ONE).out]
    assert Path("pipe").is_fifo()


def test_log_leaves_out_the_least_severe_results_above_the_limit(
    kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azkvlint.reporters.findings.sarif.MAX_RESULTS", 2)
    monkeypatch.setattr("azkvlint.reporters.findings.sarif.MAX_RESULTS", 2)
    plan = "\n".join(f"azurerm_key_vault.kv{i}: {{name: kv{i}}}" for i in range(3))
    Path("three.json").write_bytes(expand(plan))
    words = ("three.json", "--select", "KV107,KV201,KV003,KV602", "-f", "sarif")
    (run,) = json.loads(kvlint(*words).out)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["KV201", "KV201"]  # the medium ones
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["descriptor"]["id"] == "KVE009"
    assert note["message"]["text"].startswith("4 results of the least severe left out: a log with more than 2 is")
    assert len(json.loads(kvlint(*words[:-1], "json").out)["findings"]) == 6


def test_many_results_come_with_a_warning(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.cli.check._SHOWN_RESULTS", 1)
    plan = "\n".join(f"azurerm_key_vault.kv{i}: {{name: kv{i}}}" for i in range(3))
    Path("three.json").write_bytes(expand(plan))
    ran = kvlint("three.json", *ONE, "-f", "sarif")
    assert ran.err.startswith("kvlint: 3 results; GitHub code scanning stores the first 1 (")
    assert kvlint("three.json", *ONE).err == ""


def test_a_folder_for_editors_that_is_a_link_is_not_written_to(kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    Path(".sarif").symlink_to(tmp_path / "away")
    ran = kvlint("bad.json", *ONE, "-f", "sarif=.sarif/kvlint.sarif")
    assert (ran.code, ran.err) == (
        2, "kvlint: error: cannot write '.sarif/kvlint.sarif': folder `.sarif` is a link\n",
    )  # fmt: skip
    assert list((tmp_path / "away").iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "named", "expected"),
    [
        ("infra/prod", "main.json", "main.json:"),
        ("infra/prod", "..", "main.json:"),
        ("infra/test", "../prod", "../prod/main.json:"),
        ("infra", "prod", "prod/main.json:"),
        (".", "infra", "infra/prod/main.json:"),
        ("..", "checkout", "checkout/infra/prod/main.json:"),
        ("../other", "../checkout/infra", "../checkout/infra/prod/main.json:"),
    ],
)
def test_paths_in_text_start_in_the_current_folder(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, named: str, expected: str
) -> None:
    checkout = tmp_path / "checkout"
    for name in ("checkout/.git", "checkout/infra/prod", "checkout/infra/test", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bad.json").rename(checkout / "infra/prod/main.json")
    monkeypatch.chdir(checkout / folder)
    ran = kvlint(named, "--select", "KV001")
    assert ran.code == 1
    assert ran.out.startswith(expected)
