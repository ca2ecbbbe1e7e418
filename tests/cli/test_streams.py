"""Pipes that close, terminals, interruptions and crashes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.output import _Bar

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ONE = ("--select", "KV001")
FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def compiled_rules(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the rules of a checkout takes longer than these runs."""
    monkeypatch.setenv("PYTHONPATH", str(installed))


def started(*words: str, **streams: Any) -> subprocess.Popen[bytes]:
    """kvlint in a process of its own, with these streams."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    environment = kept | {"LC_ALL": "C.UTF-8", "TERM": "xterm"} | streams.pop("env", {})
    return subprocess.Popen([sys.executable, "-m", "azkvlint", *words], env=environment, **streams)


# --- nobody reads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("bad.json --select KV001", 1),
        ("good.json --select KV001 -f sarif", 0),
        ("broken.json --select KV001 -v", 3),
        ("check -fjson bad.json --select KV001", 1),
        ("rules -f json", 0),
        ("explain KV001", 0),
        ("graph bad.json", 0),
        ("--version", 0),
    ],
)
def test_a_closed_pipe_is_quiet_and_keeps_the_exit_code(kvlint: Kvlint, line: str, code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(*line.split(), stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (code, b"")


def test_a_closed_pipe_does_not_keep_other_reports_from_their_files(kvlint: Kvlint) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started("bad.json", *ONE, "-f", "text", "-f", "sarif=x", stdout=writer)
    os.close(writer)
    assert process.wait(60) == 1
    assert Path("x").read_text(encoding="utf-8") == kvlint("bad.json", *ONE, "-f", "sarif").out


def test_closed_standard_error_keeps_the_exit_code(kvlint: Kvlint) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started("nowhere.json", stderr=writer)
    os.close(writer)
    assert process.wait(60) == 2


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("line", ["bad.json", "rules", "bad.json -f json"])
def test_a_full_disk_is_an_error_and_not_a_crash(kvlint: Kvlint, line: str) -> None:
    with FULL.open("wb") as full:
        process = started(*line.split(), stdout=full, stderr=subprocess.PIPE)
        _, told = process.communicate(timeout=60)
    assert told == b"kvlint: error: cannot write to standard output: No space left on device\n"
    assert process.returncode == 3


@pytest.mark.parametrize(("closed", "line", "code"), [(">&-", "bad.json", 1), ("2>&-", "nowhere", 2), ("<&-", "-", 3)])
def test_streams_may_be_closed(kvlint: Kvlint, closed: str, line: str, code: int) -> None:
    command = f'exec "{sys.executable}" -m azkvlint {line} {closed}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (code, b"")
    assert (done.stdout == b"") is (code < 3)


# --- terminals --------------------------------------------------------------------------------------------------------


def on_terminal(*words: str, **environment: str) -> str:
    """Return what kvlint writes to a terminal on stdout. On stderr a slow machine would see a progress bar."""
    mine, its = pty.openpty()
    process = started(*words, stdout=its, stderr=subprocess.DEVNULL, env=environment)
    os.close(its)
    told = b""
    while True:
        try:
            part = os.read(mine, 4096)
        except OSError:  # Linux says so where the other end is closed
            part = b""
        if not part:
            break
        told += part
    os.close(mine)
    process.wait(60)
    return told.decode()


def test_terminal_output_is_colored_unless_color_is_disabled(kvlint: Kvlint) -> None:
    words = ("bad.json", *ONE)
    plain = kvlint(*words).out
    colored = on_terminal(*words)
    assert "\x1b[" in colored
    assert "\x1b[1mhelp\x1b[0m: Set `purge_protection_enabled = true`." in colored
    bare = on_terminal(*words, NO_COLOR="1")
    assert "\x1b" not in bare
    assert bare.replace("\r\n", "\n") != plain  # the layout is for people all the same
    assert "\x1b" in on_terminal(*words, NO_COLOR="")
    assert on_terminal(*words, TERM="dumb").replace("\r\n", "\n") == plain
    assert "\x1b" not in on_terminal(*words, "--color", "never")
    assert on_terminal(*words, "--color=always", NO_COLOR="1") == colored


@pytest.mark.parametrize(
    ("options", "environment", "colored"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": ""}, False),
        ((), {"CLICOLOR_FORCE": "1"}, True),
        ((), {"CLICOLOR_FORCE": "0"}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("-v",), {"FORCE_COLOR": "3"}, True),
        (("-q",), {"FORCE_COLOR": "1"}, True),
        (("-f", "json"), {"FORCE_COLOR": "1"}, False),
        (("-f", "sarif", "--color", "always"), {}, False),
        (("-o", "report.txt", "--color", "always"), {}, False),
    ],
)
def test_options_and_environment_variables_control_color(
    kvlint: Kvlint,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    environment: dict[str, str],
    colored: bool,
) -> None:
    """The option beats the environment, and there NO_COLOR beats the rest. Colors change no word."""
    words = ("bad.json", *ONE, *options)
    monkeypatch.delenv("CLICOLOR_FORCE", raising=False)
    plain = kvlint(*words, "--color", "never") if "--color" not in options else None
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = kvlint(*words)
    written = Path("report.txt").read_text() if "-o" in options else ""
    assert ("\x1b" in said.out, "\x1b" in said.err + written) == (colored, False)
    assert plain is None or re.sub(r"\x1b\[[\d;]*m", "", said.out) == plain.out


def test_unknown_color_mode_is_an_error(kvlint: Kvlint) -> None:
    said = kvlint("bad.json", "--color", "blue")
    assert said == (2, "", "kvlint: error: --color blue: unknown value (one of auto, always, never)\n")
    assert kvlint("controls", "bad.json", "--color", "blue") == said


def test_rules_are_links_on_a_terminal(kvlint: Kvlint) -> None:
    shown = on_terminal("bad.json", *ONE)
    links = re.findall(r"\x1b]8;;([^\x1b]*)\x1b\\([^]]*)\x1b]8;;\x1b\\", shown)
    assert [(address.partition("//")[0], re.sub(r"\x1b\[[\d;]*m", "", text)) for address, text in links] == [
        ("https:", "KV001")
    ]
    assert "\x1b]8" not in kvlint("bad.json", *ONE, "--color", "always").out


def test_the_progress_bar_is_never_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    bar = _Bar()
    bar.update(1, 3)
    bar._show()
    bar.update(2, 3)
    assert bar._widget.tasks[0].completed == 2
    bar.stop()
    assert bar._widget.finished is False
    assert not bar._widget.live.is_started
    late = _Bar()
    late.stop()
    late._show()
    assert late._widget is None
    capsys.readouterr()


# --- interrupted, crashed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["bad.json", "check -fjson bad.json"])
def test_an_interrupted_run_is_quiet(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("azkvlint.cli.check.lint", interrupted)
    assert kvlint(*line.split()) == (130, "", "")


def test_interrupt_while_waiting_for_input_is_quiet(kvlint: Kvlint) -> None:
    process = started("-v", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    # More than a pipe holds: once it is written, kvlint is reading.
    process.stdin.write(b" " * (1 << 20))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told) == (130, b"", b"")


@pytest.mark.parametrize("line", ["bad.json", "check -fjson bad.json"])
def test_a_crash_is_one_line_without_values(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    def crashes(*_: Any) -> None:
        raise ValueError("correct-horse")

    monkeypatch.setattr("azkvlint.cli.check.lint", crashes)
    ran = kvlint(*line.split())
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("kvlint: internal error: ValueError at test_streams.py:")
    assert "please report it" in ran.err
    assert ran.err.count("\n") == 1
    assert "correct-horse" not in ran.err
    monkeypatch.setenv("KVLINT_DEBUG", "1")
    assert "Traceback" in kvlint(*line.split()).err


def test_output_is_utf8_in_every_locale(kvlint: Kvlint, run: Run) -> None:
    plan = Path("bad.json").read_bytes().replace(b"azurerm_key_vault.kv", "azurerm_key_vault.größe".encode())
    for locale in ("C", "POSIX", "C.UTF-8"):
        ran = run("-", *ONE, stdin=plan, env={"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
        assert "azurerm_key_vault.größe" in ran.out
