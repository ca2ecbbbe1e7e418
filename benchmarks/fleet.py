"""Compare ``kvlint fleet`` with a serial run: CPU time, peak memory, and every row, while processes are killed.

``--kvgen`` names the generator of plans. With ``--corpora``, each file there is an input too.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from inputs import generator

from azkvlint.config.run_config import Config
from azkvlint.fleet.inputs import portable
from azkvlint.fleet.results import entries_of
from azkvlint.fleet.rows import failed_result, result_of
from azkvlint.linter.linter import Prepared, check
from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import KvlintError
from azkvlint.util.result_folder import ResultFolder

MEBIBYTE = 1 << 20
AS_OF = "2026-11-01"
INTERRUPTIONS = 2


def main() -> None:
    """Run the comparison, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kvgen", type=generator, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--kill", type=float, default=0.0, metavar="N", help="kill a worker about every N seconds")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kvlint-fleet-"))
    try:
        _compare(arguments, folder)
    finally:
        shutil.rmtree(folder)


def _compare(arguments: argparse.Namespace, folder: Path) -> None:
    command = [sys.executable, arguments.kvgen / "gen.py", "fleet", "--count", arguments.count, "--out", folder / "in"]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    names = sorted(str(path) for path in (folder / "in" / "plans").rglob("*.json"))
    if arguments.corpora is not None:
        names += sorted(str(path) for path in arguments.corpora.rglob("*") if path.name.lower().endswith(ENDINGS))
    (folder / "list").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    print(f"{len(names):,} inputs")

    start = _fleet(folder, arguments, names[: arguments.workers], "start")
    print(f"start, with an input for each worker: {start[0]:.1f} s CPU, {start[1]:.1f} s wall")
    cpu, wall, peak = _fleet(folder, arguments, [], "out")
    print(f"fleet: {cpu:.1f} s CPU, {wall:.1f} s wall, {peak:.0f} MiB in the largest process")

    (folder / "empty").mkdir()
    os.chdir(folder / "empty")
    before, began = _own_time(), time.perf_counter()
    rows = dict(_serial(names))
    serial, serial_wall = _own_time() - before, time.perf_counter() - began
    print(f"serial: {serial:.1f} s CPU, {serial_wall:.1f} s wall")
    print(f"CPU of fleet without start / serial: {(cpu - start[0]) / serial:.2f}")
    print(
        "wall of fleet without start / (wall of serial / workers):",
        f"{(wall - start[1]) * arguments.workers / serial_wall:.2f}",
    )

    found: dict[str, bytes] = {}
    for entry in entries_of(ResultFolder(str(folder / "out"))):
        if entry.summary.input in found:
            sys.exit(f"twice: {entry.summary.input}")
        found[entry.summary.input] = (folder / "out" / entry.file).read_bytes()
    different = [name for name in rows if rows[name] != found.get(name)]
    print(f"{len(found):,} inputs in the manifest, {len(different)} with other rows")
    if different or len(found) != len(names):
        sys.exit("\n".join(different[:10]) or "inputs are missing")


def _own_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _serial(names: list[str]) -> Iterator[tuple[str, bytes]]:
    gc.disable()
    prepared = Prepared(Config(paths=(), as_of=AS_OF))
    for name in names:
        config = Config(paths=(name,), as_of=AS_OF, jobs=1)
        try:
            result = result_of(name, check(config, prepared=prepared), config)
        except KvlintError as error:
            result = failed_result(name, error.message, error.hint or "")
        yield portable(name), result.rows


def _fleet(folder: Path, arguments: argparse.Namespace, names: list[str], out: str) -> tuple[float, float, float]:
    """Run the command, interrupted twice and with workers killed if requested. Return CPU and wall time, and peak."""
    words = [sys.executable, "-m", "azkvlint", "fleet", "--out", str(folder / out), "--workers", str(arguments.workers)]
    words += ["--as-of", AS_OF]
    inputs = names or [f"@{folder / 'list'}"]
    is_disturbed = bool(arguments.kill) and not names
    usage, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0.0
    for attempt in range(INTERRUPTIONS + 1 if is_disturbed else 1):
        command = [*words, *(inputs if not attempt else ["--resume"])]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        last = attempt == INTERRUPTIONS or not is_disturbed
        peak = max(
            peak, _watch(process, arguments.kill if is_disturbed else 0, folder / out, last=last, part=attempt + 1)
        )
        if last and process.returncode not in {0, 1, 3}:
            sys.exit(f"exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    return cpu, time.perf_counter() - began, peak


def _watch(process: subprocess.Popen[bytes], kill: float, out: Path, *, last: bool, part: int) -> float:
    """Wait for the process, kill workers, and interrupt it after a part of the inputs. Return the peak in MiB."""
    chance, peak = random.Random(part), 0  # noqa: S311
    total = 0
    while process.poll() is None:
        time.sleep(0.2)
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            peak = max([peak, *(one.memory_info().rss for one in family)])
            workers = [one for one in family[1:] if any("spawn_main" in word for word in one.cmdline())]
        except psutil.Error:
            continue
        if kill and workers and chance.random() < 0.2 / kill:
            os.kill(chance.choice(workers).pid, signal.SIGKILL)
        if not last and (out / "run.json").exists():
            total = total or msgspec.json.decode((out / "run.json").read_bytes())["inputs"]
            if _finished(out) >= total * part / (INTERRUPTIONS + 1):
                process.send_signal(signal.SIGINT if part % 2 else signal.SIGKILL)
                process.wait()
    return peak / MEBIBYTE


def _finished(out: Path) -> int:
    manifest = out / "manifest.jsonl"
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0


if __name__ == "__main__":
    main()
