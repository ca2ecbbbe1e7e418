"""Worker processes: they end with the run, however it ends, and their number does not change a result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter import workers as work
from azkvlint.linter.compiled_rules import UnitSettings
from azkvlint.linter.linter import check, rules_of
from azkvlint.linter.unit_result import UnitResult
from azkvlint.readers.discover import Source
from azkvlint.readers.units import Unit
from azkvlint.util.processes import in_processes

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

VAULT = """resource kv{0} 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-{0}'
  properties: {{ enablePurgeProtection: {0} > 5 }}
}}
"""
# Seconds in which processes have to be gone. Far more than they take, and far less than the work that they have.
SOON = 10
THIS_PROCESS = os.getpid()
CHILDREN = Path("/proc/self/task") / str(os.getpid()) / "children"

needs_proc = pytest.mark.skipif(not CHILDREN.exists(), reason="this system does not tell the children of a process")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="a new process knows nothing of the test's functions")


@pytest.fixture(scope="module")
def much(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with work for half a minute or more."""
    folder = tmp_path_factory.mktemp("much")
    text = "".join(VAULT.format(number) for number in range(60))
    for number in range(800):
        (folder / f"{number}.bicep").write_text(text, encoding="utf-8")
    return folder


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def until(holds: Callable[[], bool], seconds: float = SOON) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def working(
    folder: Path, home: Path, installed: Path, *words: str, ignored: Sequence[int] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """kvlint with two processes at work on a folder, and their ids."""

    def ignore() -> None:
        # A shell may have started the tests in the background, where these are ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    process = subprocess.Popen(
        [sys.executable, "-m", "azkvlint", *words, str(folder), "-j", "2", "-f", "json", "-o", "report.json"],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(installed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=ignore,  # noqa: PLW1509  # the test has one thread
    )
    workers: list[int] = []
    try:
        until(lambda: len(children(process.pid)) == 2, 60)
        workers = children(process.pid)
        time.sleep(0.3)
        assert process.poll() is None
        yield process, workers
    finally:
        for pid in [process.pid, *workers]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


# --- the end of a run -------------------------------------------------------------------------------------------------


@needs_proc
@pytest.mark.parametrize(
    ("name", "code"),
    [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130), ("SIGQUIT", -signal.SIGQUIT), ("SIGKILL", -signal.SIGKILL)],
)
@pytest.mark.parametrize("words", [(), ("--watch",), ("controls",)], ids=["check", "watch", "controls"])
def test_no_process_outlives_the_run(
    name: str, code: int, words: tuple[str, ...], much: Path, tmp_path: Path, installed: Path
) -> None:
    if "--watch" in words:
        pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")
    with working(much, tmp_path, installed, *words) as (process, workers):
        process.send_signal(getattr(signal, name))
        # Both streams end: nothing holds them open any more.
        told, _ = process.communicate(timeout=SOON)
        assert process.returncode == code
        until(lambda: not any(map(is_alive, workers)))
    assert told == b""
    assert [file for file in tmp_path.iterdir() if file.name != ".cache"] == []  # the folder of caches


@needs_proc
def test_signal_to_all_processes_ends_them_quietly(much: Path, tmp_path: Path, installed: Path) -> None:
    """As Ctrl-C in a terminal, or timeout, sends it."""
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with working(much, tmp_path, installed) as (process, workers):
            for pid in [process.pid, *workers]:
                os.kill(pid, number)
            told, _ = process.communicate(timeout=SOON)
            assert (process.returncode, told) == (code, b"")
            until(lambda pids=workers: not any(map(is_alive, pids)))  # type: ignore[misc]  # bound now


@needs_proc
def test_a_signal_that_the_caller_ignores_stays_ignored(much: Path, tmp_path: Path, installed: Path) -> None:
    """As nohup asks for."""
    with working(much, tmp_path, installed, ignored=[signal.SIGHUP]) as (process, workers):
        for pid in [process.pid, *workers]:
            os.kill(pid, signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        assert all(map(is_alive, workers))
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON) == 143


@needs_proc
def test_a_signal_ends_a_run_in_one_process(much: Path, tmp_path: Path, installed: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "azkvlint", str(much), "-j", "1", "-o", "report.txt"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # That Python has installed its own handler shows in the mask of caught signals.
    caught = 1 << (signal.SIGTERM - 1)
    status = Path(f"/proc/{process.pid}/status")
    until(lambda: int(status.read_text().partition("SigCgt:")[2].split()[0], 16) & caught != 0)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=SOON)
    assert (process.returncode, told) == (143, b"")
    assert [file for file in tmp_path.iterdir() if file.name != ".cache"] == []  # the folder of caches


@needs_fork
def test_run_that_is_closed_early_ends_its_processes() -> None:
    started = time.monotonic()
    found = in_processes(2, [0, 60, 60, 60], lambda: time.sleep)
    assert next(found) is None
    found.close()  # type: ignore[attr-defined]  # a generator
    assert time.monotonic() - started < SOON


# --- a worker that ends -----------------------------------------------------------------------------------------------


def end_worker(number: int) -> None:
    assert os.getpid() != THIS_PROCESS, "not in a process of its own"
    os.kill(os.getpid(), number)


def units(count: int, folder: Path) -> list[Unit]:
    return [Unit(source=Source(file=str(folder / str(n)), path=str(n), is_explicit=True)) for n in range(count)]


@needs_fork
@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_process_that_is_killed_is_a_problem_of_its_units_alone(
    number: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As by a system that is out of memory: nothing hangs, and nothing is skipped silently."""

    def evaluate(self: work.Worker, unit: Unit) -> UnitResult:
        if unit.source.path == "3":
            end_worker(getattr(signal, number))
        return UnitResult(read=[unit.source.path], root="judged")

    monkeypatch.setattr(work.Worker, "evaluate", evaluate)
    config = Config(paths=(str(tmp_path),), jobs=2)
    found = list(work.evaluate_units(units(8, tmp_path), UnitSettings(config, rules_of(config), str(tmp_path))))
    assert [one.read for one in found] == [[str(n)] for n in range(8)]
    assert [one.read for one in found if one.root != "judged"] == [["3"]]
    (problem,) = [problem for one in found for problem in one.problems]
    assert problem.level == "error"
    assert "terminated from outside" in problem.message
    assert problem.at is not None
    assert problem.at.path == "3"


@needs_fork
def test_if_all_processes_are_killed_every_unit_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(work.Worker, "evaluate", lambda *_: end_worker(signal.SIGKILL))
    config = Config(paths=(str(tmp_path),), jobs=3)
    found = list(work.evaluate_units(units(50, tmp_path), UnitSettings(config, rules_of(config), str(tmp_path))))
    assert [one.read for one in found] == [[str(n)] for n in range(50)]
    assert all([problem.level for problem in one.problems] == ["error"] for one in found)


@needs_fork
def test_results_larger_than_any_buffer_arrive_in_order() -> None:
    sizes = [3_000_000, 1, 2_000_000, 0, 5_000_000] * 4
    assert [len(found or b"") for found in in_processes(3, sizes, lambda: bytes)] == sizes


# --- how many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [2, 7, 999])
def test_any_number_of_processes_finds_the_same(asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        (tmp_path / f"{number}.bicep").write_text(VAULT.format(number), encoding="utf-8")
    (tmp_path / "broken.bicep").write_text("resource kv 'Microsoft.KeyVault", encoding="utf-8")
    started = []

    def count(processes: int, *rest: object) -> object:
        started.append(processes)
        return in_processes(processes, *rest)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(work, "in_processes", count)
    monkeypatch.setattr(work, "_processors", lambda: 2)
    alone = check(Config(paths=(str(tmp_path),), jobs=1))
    assert started == []
    assert check(Config(paths=(str(tmp_path),), jobs=asked)) == alone
    assert started == [min(asked, 8)]
    assert len(alone.findings) > 40


def test_one_unit_is_read_in_one_process(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(VAULT.format(1), encoding="utf-8")
    (tmp_path / "kvlint.toml").write_text("jobs = 999", encoding="utf-8")
    assert run(".", "-f", "json", cwd=tmp_path) == run(".", "-f", "json", "-j", "1", cwd=tmp_path)
