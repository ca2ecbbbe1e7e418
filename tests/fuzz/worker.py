"""Run cases in forked processes that have everything imported, with limits on time and memory.

A worker writes one line of JSON for each case. A worker that ends without that line was stopped by its case: by a
signal, by the watchdog, which leaves the stack in a file, or by a call of ``os._exit``.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.canaries import DECLARED, MEANING, leaks
from tests.fuzz.cases import SURROUNDINGS, Case
from tests.fuzz.outputs import ANY, crashes, faults, unexpected_lines

_ADDRESS_SPACE = 2 << 30
_MAX_RESIDENT = 1 << 20  # KiB, the unit of ru_maxrss
# A process whose case used more ends: the allocator may keep the memory, which would count for the next case.
_MOST_KEPT = _MAX_RESIDENT // 4
# A new process starts without what caches hold of earlier inputs.
_CASES_PER_PROCESS = 400

# Formats that are empty without findings, at least with --quiet.
_MAY_BE_EMPTY = frozenset({"fix.diff", "text", "concise", "github", "azure"})

Entry = Callable[[list[str]], int]


class Runner(NamedTuple):
    """What runs the cases of a worker: an entry point, in the folder ``base``, each within ``limit`` seconds of CPU."""

    entry: Entry
    base: Path
    limit: float


class Failure(NamedTuple):
    """What is wrong with a case: ``category`` is one of ``campaign.CATEGORIES``; equal causes are one group."""

    category: str
    cause: str


class Result(NamedTuple):
    """A case that ran. ``code`` is its exit code; below 0 if a signal ended the process."""

    number: int
    kind: str
    code: int
    seconds: float
    kibibytes: int
    failures: tuple[Failure, ...]


class Outputs(NamedTuple):
    """What a run left behind: its exit code, the standard streams, and the files that it created or changed."""

    code: int
    out: bytes
    err: bytes
    written: dict[str, bytes]


class Run(NamedTuple):
    """A run of kvlint: its outputs, its CPU time in ``seconds``, and the peak of its resident memory in KiB."""

    outputs: Outputs
    seconds: float
    kibibytes: int


def run_cases(cases: Iterator[tuple[int, Case]], runner: Runner, results: int, seconds: float) -> None:
    """Run cases until none is left, time is up, or the process is due for replacement; write results to a pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, resource.RLIM_INFINITY))
    stack = (runner.base / "stack").open("w")
    for expired in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(expired, signal.SIG_DFL)
        # The handler is C, so it also works in a call that never returns to Python. Then the signal ends the process.
        faulthandler.register(expired, stack, all_threads=False, chain=True)
    gc.freeze()
    for _ in range(_CASES_PER_PROCESS):
        number, case = next(cases, (0, None))
        if case is None or time.process_time() > seconds:
            return
        result = run_case(number, case, runner)
        os.write(results, json.dumps(result).encode() + b"\n")
        if case.leaves_state or result.kibibytes > _MOST_KEPT:
            return


def run_case(number: int, case: Case, runner: Runner) -> Result:
    """Run a case, more than once if it asks for that, and return what is wrong with its outputs."""
    home = runner.base / f"{number}"
    write_case(case, home)
    run = _run(case.words, case, home, runner)
    found = list(failures_of(case, run.outputs))
    repeated = [("a second time", case.words)] if case.repeated else []
    repeated += [("with two processes", [*case.words, "-j", "2"])] if case.parallel else []
    for how, words in repeated:
        shutil.rmtree(home)
        write_case(case, home)
        other = _run(words, case, home, runner).outputs
        if other != run.outputs:
            found.append(Failure("unstable", f"{case.kind}: another output {how}: {_difference(run.outputs, other)}"))
    shutil.rmtree(home, ignore_errors=True)
    if run.kibibytes > _MAX_RESIDENT:
        found.append(Failure("memory", f"{case.kind}: more than 1 GiB"))
    return Result(number, case.kind, run.outputs.code, run.seconds, run.kibibytes, tuple(dict.fromkeys(found)))


def write_case(case: Case, home: Path) -> None:
    """Write the checkout of a case, and the files next to it."""
    root, outside = home / "checkout", home / "outside"
    outside.mkdir(parents=True)
    for name, data in SURROUNDINGS.items():
        (outside / name).write_bytes(data)
    root.mkdir()
    for name, data in case.files.items():
        file = root / name
        if "/" in name:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    for name, target in case.links.items():
        if not os.path.lexists(root / name):
            (root / name).symlink_to(target)


def _run(words: list[str], case: Case, home: Path, runner: Runner) -> Run:
    """Run a command line in the checkout, with files as its streams, under the watchdog."""
    os.chdir(home / "checkout")
    (runner.base / "in").write_bytes(case.stdin or b"")
    _redirect(runner.base)
    environment = dict(os.environ)
    os.environ.update(case.env)
    _forget_peak()
    # The command line turns garbage collection off as well.
    gc.disable()
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, runner.limit)
    signal.setitimer(signal.ITIMER_REAL, 20 * runner.limit)
    try:
        code = runner.entry(list(words))
    except BaseException:  # noqa: BLE001  # an exception that escapes is what this looks for
        code = -1
        traceback.print_exc()
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.environ.clear()
        os.environ.update(environment)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    seconds = time.process_time() - start
    # Before the checks: to decode a report of 200 MB takes more memory than to write it.
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Run(collect(code, case, home, runner.base), seconds, kibibytes)


def _forget_peak() -> None:
    """Begin to measure the peak of the memory anew; without ``/proc``, it is that of all cases of the process."""
    with suppress(OSError), open("/proc/self/clear_refs", "w") as peaks:  # noqa: PTH123  # no file of the file system
        peaks.write("5")


def _redirect(base: Path) -> None:
    """Make the standard streams files, and Python's own objects new ones on top of them."""
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))):
        opened = os.open(base / name, flags | os.O_CREAT | (0 if number == 0 else os.O_TRUNC))
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the next case
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def collect(code: int, case: Case, home: Path, base: Path) -> Outputs:
    """Read from its folder what a run of a case left behind."""
    written = {}
    for folder, known in ((home / "checkout", case.files), (home / "outside", SURROUNDINGS)):
        for here, folders, names in os.walk(folder):
            if ".git" in folders:
                folders.remove(".git")
            for name in names:
                file = Path(here, name)
                inside = file.relative_to(folder).as_posix()
                if inside in case.links and file.is_symlink():
                    continue
                data = file.read_bytes()
                if known.get(inside) != data:
                    written[f"{folder.name}/{inside}"] = data
    return Outputs(code, (base / "out").read_bytes(), (base / "err").read_bytes(), written)


def failures_of(case: Case, run: Outputs) -> Iterator[Failure]:
    """Return what is wrong with what a run left behind."""
    if run.code not in (0, 1, 2, 3):
        yield Failure("crash", f"exit code {run.code}")
    outputs = {"stderr": run.err, "stdout": run.out} | {
        name: data for name, data in run.written.items() if not name.startswith("outside/")
    }
    everything = b"\n".join(outputs.values())
    for crash in crashes(everything.decode("utf-8", "replace")):
        yield Failure("memory" if "MemoryError" in crash else "crash", crash)
    for canary in leaks(everything):
        if canary == DECLARED:
            forms = sorted(_format_of(case, name) for name, data in outputs.items() if DECLARED in leaks(data))
            yield Failure("leak", f"{case.kind}: {MEANING[canary]} in {forms[0]}")
        # A file that the command line names may be anywhere.
        elif case.kind != "options":
            yield Failure("leak", f"{case.kind}: {MEANING[canary]}")
    yield from (Failure("output", cause) for cause in unexpected_lines(run.err.decode("utf-8", "replace")))
    yield from _output_failures(case, run)
    yield from _write_failures(case, run)
    yield from _exit_code_failures(case, run)


def _format_of(case: Case, name: str) -> str:
    """Return the format of an output, or its name where that is not known."""
    if name == "stdout":
        return next((form for form, file in case.outputs if not file), name)
    return next((form for form, file in case.outputs if file and name.endswith(file)), name)


def _output_failures(case: Case, run: Outputs) -> Iterator[Failure]:
    """Return the faults of outputs, and the outputs that are missing."""
    expected = {f"checkout/{file}" if file else "stdout": form for form, file in case.outputs}
    found = {"stderr": run.err, "stdout": run.out, **run.written}
    for name, form in expected.items():
        data = found.get(name, b"")
        # After wrong use, or with a rule file that has faults, there is no report.
        if data:
            yield from (Failure("output", f"{form}: {fault}") for fault in faults(form, data, schema=case.schema))
        elif run.code in (0, 1) and form not in _MAY_BE_EMPTY and name.partition("/")[2] not in case.links:
            yield Failure("output", f"{form}: nothing is written")
    for name in found.keys() - expected.keys():
        where, form = ("an output", ANY) if case.unforeseen else (name, "")
        yield from (Failure("output", f"{where}: {fault}") for fault in faults(form, found[name]))


def _write_failures(case: Case, run: Outputs) -> Iterator[Failure]:
    """Return the files that a run must not write."""
    expected = {f"checkout/{file}" for _, file in case.outputs if file}
    for name in run.written:
        if name.startswith("outside/"):
            yield Failure("write", f"{case.kind}: a file outside the checkout")
        elif name.endswith(".partial"):
            yield Failure("write", f"{case.kind}: a partial file remains")
        elif name not in expected and (not case.unforeseen or name.removeprefix("checkout/") in case.files):
            yield Failure("write", f"{case.kind}: an input, or a file that no option names")


def _exit_code_failures(case: Case, run: Outputs) -> Iterator[Failure]:
    """Return whether exit code 0 is wrong: nothing was read, or not everything."""
    file = next((file for form, file in case.outputs if form == "json"), None)
    if run.code != 0 or file is None:
        return
    data = run.written.get(f"checkout/{file}", b"") if file else run.out
    try:
        report: Any = json.loads(data)
        is_open = not report["sources"] or any(problem["level"] == "error" for problem in report["problems"])
    except (ValueError, KeyError, TypeError):
        return
    if is_open:
        yield Failure("open", f"{case.kind}: exit code 0, but nothing was read, or not everything")


def _difference(run: Outputs, other: Outputs) -> str:
    if run.code != other.code:
        return f"exit codes {run.code} and {other.code}"
    return "stdout" if run.out != other.out else "stderr" if run.err != other.err else "files"
