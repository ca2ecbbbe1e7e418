"""Run a range of cases in several processes; count, group, save and print what fails."""

from __future__ import annotations

import json
import os
import selectors
import shlex
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.cases import Case, CaseFactory
from tests.fuzz.worker import Entry, Failure, Result, Runner, collect, failures_of, run_cases, write_case

CATEGORIES = ("crash", "slow", "memory", "leak", "output", "unstable", "open", "write")
"""What can be wrong with a case: an unhandled error, too much time, too much memory, a canary in an output, a malformed
or dangerous output, different outputs of equal runs, exit code 0 although nothing was read, and a file that must not be
written.
"""
_SAVED_PER_CAUSE = 3
_DONE, _BROKEN = 90, 91  # exit codes of a worker that are none of kvlint's


class Campaign(NamedTuple):
    """``size`` cases of a ``seed`` from ``first`` on, in at most ``seconds`` of CPU time (0: no limit).

    A case may use ``limit`` seconds of CPU time, and wait 20 times as long. ``folder`` is for cases that fail.
    """

    seed: int
    size: int
    jobs: int = 1
    first: int = 0
    seconds: float = 0
    limit: float = 20
    folder: Path | None = None

    @property
    def end(self) -> int:
        """The number after the last case."""
        return self.first + self.size


@dataclass
class Summary:
    """The results so far."""

    cases: int = 0
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    failed: dict[str, Counter[str]] = field(default_factory=dict)
    causes: dict[Failure, list[int]] = field(default_factory=dict)
    slowest: list[tuple[float, int, str]] = field(default_factory=list)
    kibibytes: int = 0
    seconds: float = 0

    def add(self, result: Result) -> list[Failure]:
        """Count a result, and return those of its failures that are worth a reproducer."""
        self.cases += 1
        self.codes.setdefault(result.kind, Counter())[result.code] += 1
        self.failed.setdefault(result.kind, Counter()).update({failure.category for failure in result.failures})
        self.slowest = sorted((*self.slowest, (result.seconds, result.number, result.kind)), reverse=True)[:5]
        self.kibibytes = max(self.kibibytes, result.kibibytes)
        self.seconds += result.seconds
        for failure in result.failures:
            self.causes.setdefault(failure, []).append(result.number)
        return [failure for failure in result.failures if len(self.causes[failure]) <= _SAVED_PER_CAUSE]


class _Worker:
    """A process, replaced by a new one when it ends, and the cases that are its share."""

    def __init__(self, number: int, campaign: Campaign, factory: CaseFactory, entry: Entry, base: Path) -> None:
        self._campaign = campaign
        self._factory = factory
        self._base = base / str(number)
        self._runner = Runner(entry, self._base, campaign.limit)
        self._base.mkdir()
        self._next = campaign.first + number
        self._seconds = campaign.seconds / campaign.jobs if campaign.seconds else float("inf")
        self._unread = b""
        self.pid = 0
        self.pipe = -1

    @property
    def has_more(self) -> bool:
        """Whether cases, and time for them, are left."""
        return self._next < self._campaign.end and self._seconds > 0

    def start(self) -> None:
        """Start a process at the first case that has no result yet."""
        for file in ("in", "out", "err", "stack"):
            (self._base / file).write_bytes(b"")
        self.pipe, results = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid:
            os.close(results)
            return
        code = _BROKEN
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
            os.close(self.pipe)
            numbers = range(self._next, self._campaign.end, self._campaign.jobs)
            cases = ((number, self._factory.case(number)) for number in numbers)
            run_cases(cases, self._runner, results, self._seconds)
            code = _DONE
        except BaseException:  # noqa: BLE001  # the parent raises it
            os.write(results, json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
        finally:
            os._exit(code)

    def read(self) -> list[Result]:
        """Return the results since the last call. Raises EOFError after the last one."""
        data = os.read(self.pipe, 1 << 16)
        if not data:
            raise EOFError
        *lines, self._unread = (self._unread + data).split(b"\n")
        results = []
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                raise RuntimeError(f"the fuzzer itself failed at case {self._next}:\n{message['error']}")
            number, kind, code, seconds, kibibytes, failures = message
            results.append(Result(number, kind, code, seconds, kibibytes, tuple(Failure(*one) for one in failures)))
            self._next += self._campaign.jobs
        return results

    def wait(self) -> Result | None:
        """Return the result of the case that ended the process; None if the process was done."""
        os.close(self.pipe)
        self._unread = b""
        _, status, usage = os.wait4(self.pid, 0)
        self.pid = 0
        seconds = usage.ru_utime + usage.ru_stime
        self._seconds -= seconds
        code = os.waitstatus_to_exitcode(status)
        if code == _DONE:
            return None
        number, case = self._next, self._factory.case(self._next)
        self._next += self._campaign.jobs
        home = self._base / str(number)
        if -code in (signal.SIGPROF, signal.SIGALRM):
            what = f"more than {self._campaign.limit:g} s of CPU time" if -code == signal.SIGPROF else "waiting"
            failures = [Failure("slow", f"{what}: {_innermost(self._base / 'stack')}")]
        else:
            # The standard streams are files, so they outlast a process that exits on its own.
            failures = list(failures_of(case, collect(code, case, home, self._base)))
        shutil.rmtree(home, ignore_errors=True)
        return Result(number, case.kind, code, seconds, usage.ru_maxrss, tuple(failures))

    def kill(self) -> None:
        """End the process, if there is one."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _innermost(stack: Path) -> str:
    """Return the innermost place in kvlint of the stack that the watchdog wrote."""
    for line in stack.read_text(encoding="utf-8", errors="replace").splitlines():
        place, _, name = line.strip().partition(" in ")
        if "/azkvlint/" in place:
            file, _, number = place.removeprefix("File ").partition(", line ")
            return f"{name} at {file.strip(chr(34)).rpartition('/')[2]}:{number}"
    return "outside kvlint"


def run_campaign(campaign: Campaign, factory: CaseFactory, entry: Entry, base: Path) -> Summary:
    """Run a campaign in the folder ``base``, and print each cause of a failure to stderr when it is first seen."""
    summary = Summary()
    progress = _Progress(campaign)
    workers = [_Worker(number, campaign, factory, entry, base) for number in range(campaign.jobs)]
    handler = signal.getsignal(signal.SIGINT)
    try:
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                if worker.has_more:
                    worker.start()
                    selector.register(worker.pipe, selectors.EVENT_READ, worker)
            while selector.get_map():
                for key, _ in selector.select():
                    for result in _results(key.data, selector):
                        _record(summary, result, campaign, factory, progress)
    except KeyboardInterrupt:
        # What was found so far is reported. A second Ctrl-C must not interrupt the cleanup.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finally:
        progress.clear()
        for worker in workers:
            worker.kill()
        signal.signal(signal.SIGINT, handler)
    return summary


def _results(worker: _Worker, selector: selectors.BaseSelector) -> list[Result]:
    """Return the new results of a worker, which is started again if it has ended and more is left."""
    try:
        return worker.read()
    except EOFError:
        selector.unregister(worker.pipe)
        result = worker.wait()
        if worker.has_more:
            worker.start()
            selector.register(worker.pipe, selectors.EVENT_READ, worker)
        return [] if result is None else [result]


def _record(summary: Summary, result: Result, campaign: Campaign, factory: CaseFactory, progress: _Progress) -> None:
    for failure in summary.add(result):
        progress.print(f"{failure.category}: {failure.cause} (case {result.number} of seed {campaign.seed})")
        if campaign.folder is not None:
            save(campaign.folder, failure, campaign.seed, result.number, factory.case(result.number))
    progress.update(summary)


def save(folder: Path, failure: Failure, seed: int, number: int, case: Case) -> None:
    """Save the files and the command line of a case that failed."""
    group = "".join(one if one.isalnum() else "-" for one in f"{failure.category} {failure.cause}")[:80].strip("-")
    home = folder / group / f"{seed}-{number}"
    if home.exists():
        return
    write_case(case, home)
    if case.stdin is not None:
        (home / "stdin").write_bytes(case.stdin)
    environment = "".join(f"{name}={shlex.quote(value)} " for name, value in case.env.items())
    words = " ".join(shlex.quote(word) for word in case.words)
    line = f"cd checkout && {environment}kvlint {words}{' < ../stdin' if case.stdin is not None else ''}"
    text = f"# {failure.category}: {failure.cause}\n{line}\n"
    (home / "command").write_bytes(text.encode("utf-8", "surrogateescape"))


class _Progress:
    """A line on a terminal that shows how far a campaign is, and messages above it."""

    def __init__(self, campaign: Campaign) -> None:
        self._size = campaign.size
        self._start = time.monotonic()
        self._last = 0.0
        self._is_shown = sys.stderr.isatty()

    def update(self, summary: Summary) -> None:
        now = time.monotonic()
        if self._is_shown and now - self._last > 0.5:
            self._last = now
            rate = summary.cases / (now - self._start)
            text = f"{summary.cases:,} of {self._size:,} inputs, {rate:.0f} per second, {len(summary.causes)} causes"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        self.clear()
        print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def table(summary: Summary) -> Iterator[str]:
    """Return the lines of a table of the results by kind of input, and of the causes of failures."""
    rows: list[tuple[str, ...]] = [("kind", "inputs", "exit 0", "exit 1", "exit 2", "exit 3", *CATEGORIES)]
    totals: Counter[str] = Counter()
    for kind in sorted(summary.codes):
        codes, failed = summary.codes[kind], summary.failed[kind]
        counts = (sum(codes.values()), *(codes[code] for code in range(4)), *(failed[name] for name in CATEGORIES))
        totals.update(dict(zip(rows[0][1:], counts, strict=True)))
        rows.append((kind, *map(str, counts)))
    rows.append(("all", *(str(totals[name]) for name in rows[0][1:])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *cells in rows:
        yield "  ".join(
            [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        )
    slowest = ", ".join(f"{seconds:.1f} s (case {number}, {kind})" for seconds, number, kind in summary.slowest)
    yield f"{summary.seconds:.0f} s of CPU time, {summary.kibibytes / 1024:.0f} MiB at most; slowest: {slowest}"
    for failure, numbers in sorted(summary.causes.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"{len(numbers):6} x {failure.category}: {failure.cause} (cases {', '.join(map(str, numbers[:5]))})"
