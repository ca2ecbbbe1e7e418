"""Compare the reports of two installations of kvlint on the same inputs.

    python benchmarks/compare_verdicts.py --before INSTALLATION [--after INSTALLATION] [FOLDER ...]

An INSTALLATION is a Python interpreter with kvlint, or a folder for PYTHONPATH that contains the package. Every file
that kvlint reads and every folder with such files is a separate input. The exit code is 1 if any report differs. Only
the version of kvlint is ignored.
"""

from __future__ import annotations

import argparse
import difflib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ("text", "concise", "json", "sarif", "markdown", "github", "gitlab", "azure", "junit", "rdjson", "html")
CONTROLS_FORMATS = ("text", "json", "markdown", "html")
_ENDINGS = (".tf", ".tofu", ".json", ".jsonc", ".bicep", ".bicepparam")
# Terraform reads all files of a folder together, so they are not separate inputs.
_OF_FOLDER = (".tf", ".tofu", ".tf.json", ".tofu.json")
_SKIPPED = frozenset({".git", ".terraform", "node_modules"})
# The number of inputs of one process, because its start needs more time than most inputs.
_BATCH = 40
_SECONDS_PER_BATCH = 900
# The same date for both installations, so that they compare dates with the same day.
_DAY = "2027-01-01"
_OPTIONS = ("--profile", "all", "--jobs", "1", "--as-of", _DAY, "--isolated")
_SECTIONS = ("findings", "unknown", "suppressed")
_DIFF_LINES = 12


class Installation(NamedTuple):
    """An interpreter, and the folder for its PYTHONPATH (empty: none)."""

    python: str
    path: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a run, without variables that change a report."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "XDG_CACHE_HOME")}
        return kept | {"LC_ALL": "C.UTF-8", "COLUMNS": "120"} | ({"PYTHONPATH": self.path} if self.path else {})

    def version(self) -> str:
        """Return the version of kvlint. End the program if it cannot be imported."""
        command = [self.python, __file__, "--version"]
        done = subprocess.run(command, env=self.environment, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            sys.exit(f"{self.path or self.python}: kvlint cannot be imported: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout.strip()


class Report(NamedTuple):
    """The report of one installation on an input: the exit code of each command, and each output by name."""

    codes: tuple[int | str, ...]
    outputs: Mapping[str, bytes]


class Difference(NamedTuple):
    """A difference. Equal groups are counted together; ``place`` is its location."""

    group: str
    place: str


def installation(place: str) -> Installation:
    """Return the installation that an option names."""
    # Not resolved, because the interpreter of a virtual environment is a link.
    path = Path(place).absolute()
    if path.is_dir():
        return Installation(sys.executable, str(path))
    if os.access(path, os.X_OK):
        return Installation(str(path), "")
    sys.exit(f"{place}: neither a Python interpreter nor a folder")


def inputs(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders with files for kvlint, and the files that are separate inputs."""
    for folder in folders:
        for here, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if name not in _SKIPPED)
            files = sorted(name for name in names if name.lower().endswith(_ENDINGS))
            if files:
                yield Path(here)
            if len(files) > 1:
                yield from (Path(here, name) for name in files if not name.lower().endswith(_OF_FOLDER))


# --- in an installation ---------------------------------------------------------------------------------------------


def commands(target: str, home: Path, every: bool) -> Iterator[list[str]]:
    """Yield the command lines for an input. They write reports to ``home``, each with the name of its format."""
    forms = FORMATS if every else ("json",)
    yield [target, *_OPTIONS, *(word for form in forms for word in ("-f", f"{form}={home / form}"))]
    if every:
        pages = [word for form in CONTROLS_FORMATS for word in ("-f", f"{form}={home / f'controls.{form}'}")]
        yield ["controls", target, "--as-of", _DAY, "--isolated", "--jobs", "1", *pages]
        yield ["suppressions", target, "--as-of", _DAY, "--isolated", "--jobs", "1", "-f", "json"]
        yield ["graph", target, "-f", "mermaid"]
        yield ["graph", target, "-f", "dot"]


def package_name() -> str:
    """Return the name of the package in this process: azkvlint, or kvlint in earlier versions.

    A package on PYTHONPATH takes precedence over one of the interpreter, regardless of its name.
    """
    from importlib.util import find_spec

    names = ("azkvlint", "kvlint")
    folder = os.environ.get("PYTHONPATH", "")
    here = [name for name in names if folder and Path(folder, name, "__main__.py").is_file()]
    return next(iter(here), None) or next(name for name in names if find_spec(name) is not None)


def work(job: Mapping[str, Any]) -> None:
    """Run kvlint in this process on every input of a job, and write its reports to the folder of the job."""
    from importlib import import_module

    main = import_module(f"{package_name()}.__main__").main

    for number, target in job["targets"]:
        home = Path(job["folder"], str(number))
        home.mkdir()
        codes = []
        for at, words in enumerate(commands(target, home, job["every"])):
            for stream, name in ((1, "stdout"), (2, "stderr")):
                opened = os.open(home / f"{name} of {words[0] if at else 'check'}.{at}", os.O_WRONLY | os.O_CREAT)
                os.dup2(opened, stream)
                os.close(opened)
            sys.argv = ["kvlint", *words]
            codes.append(main())
            sys.stdout.flush()
            sys.stderr.flush()
        (home / "codes").write_text(json.dumps(codes), encoding="utf-8")
        gc.collect()


# --- from outside ---------------------------------------------------------------------------------------------------


def run_batch(
    one: Installation, targets: Sequence[tuple[int, str]], cwd: Path, every: bool, version: str
) -> dict[int, Report]:
    """Return the reports of an installation on several inputs, by their numbers."""
    reports: dict[int, Report] = {}
    waiting = list(targets)
    while waiting:
        with tempfile.TemporaryDirectory() as folder:
            job = json.dumps({"folder": folder, "targets": waiting, "every": every})
            command = [one.python, "-W", "ignore", str(Path(__file__).resolve()), "--worker"]
            try:
                done = subprocess.run(
                    command,
                    input=job.encode(),
                    cwd=cwd,
                    env=one.environment,
                    check=False,
                    capture_output=True,
                    timeout=_SECONDS_PER_BATCH,
                )
                code, why = done.returncode, done.stderr.decode(errors="replace").strip()
            except subprocess.TimeoutExpired:
                code, why = -signal.SIGKILL, ""
            while waiting and (Path(folder) / str(waiting[0][0]) / "codes").exists():
                number, _ = waiting.pop(0)
                reports[number] = _report(Path(folder) / str(number), version)
            if waiting:
                if not (Path(folder) / str(waiting[0][0])).is_dir():
                    raise RuntimeError(f"{one.path or one.python}: {why or code}")
                number, _ = waiting.pop(0)
                reports[number] = Report((f"the process ended with {code}",), {})
    return reports


def _report(home: Path, version: str) -> Report:
    codes = json.loads((home / "codes").read_text(encoding="utf-8"))
    files = sorted(file for file in home.iterdir() if file.name != "codes")
    # Messages contain the folder of the reports, which differs in each run.
    texts = {file.name: file.read_bytes().replace(os.fsencode(home), b"REPORTS") for file in files}
    return Report(tuple(codes), {name: text.replace(version.encode(), b"VERSION") for name, text in texts.items()})


def verdict_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences of two JSON reports, result by result."""
    verdicts = [_verdicts(document) for document in (old, new)]
    for rule, resource in sorted({*verdicts[0], *verdicts[1]}):
        was, now = (one.get((rule, resource), {}) for one in verdicts)
        yield from _changes(rule, resource, was, now)
    for key in sorted({*old, *new} - {*_SECTIONS, "summary"}):
        yield from _listed(key, old.get(key), new.get(key))
    for key in sorted({*old["summary"], *new["summary"]}):
        was, now = (document["summary"].get(key) for document in (old, new))
        if was != now:
            yield Difference(f"summary: {key}", f"{json.dumps(was)} -> {json.dumps(now)}")


# By rule and resource: the results by status, path and line.
_Verdicts = dict[tuple[str, str], dict[tuple[str, str, int], list[dict[str, Any]]]]


def _verdicts(document: Mapping[str, Any]) -> _Verdicts:
    found: _Verdicts = defaultdict(lambda: defaultdict(list))
    for section in _SECTIONS:
        for result in document[section]:
            path, line = result["location"]["path"], result["location"].get("line") or 0
            for occurrence in result["occurrences"]:
                status = f"{section} ({result['outcome']})" if section == "suppressed" else section
                whole = {**result, "occurrences": occurrence}
                found[result["ruleId"], occurrence["resource"]][status, path, line].append(whole)
    return found


def _changes(rule: str, resource: str, was: Mapping[Any, Any], now: Mapping[Any, Any]) -> Iterator[Difference]:
    """Yield the differences between the results of one rule on one resource."""
    statuses = [" and ".join(sorted({status for status, _, _ in side})) or "none" for side in (was, now)]
    places = [", ".join(f"{path}:{line}" for _, path, line in sorted(side)) for side in (was, now)]
    if statuses[0] != statuses[1]:
        yield Difference(f"{rule}: {statuses[0]} -> {statuses[1]}", f"{resource} at {places[1] or places[0]}")
    elif was.keys() != now.keys():
        yield Difference(f"{rule}: another place", f"{resource}: {places[0]} -> {places[1]}")
    for key in sorted(was.keys() & now.keys()):
        if was[key] != now[key]:
            pairs = zip(was[key], now[key], strict=False)
            fields = {name for one, other in pairs for name in {*one, *other} if one.get(name) != other.get(name)}
            changed = ", ".join(sorted(fields)) or "number of results"
            yield Difference(f"{rule}: {changed}", f"{resource} at {key[1]}:{key[2]}")


def _listed(key: str, old: Any, new: Any) -> Iterator[Difference]:
    """Yield the differences of a list in a report, item by item, or of another value."""
    if old == new:
        return
    if not isinstance(old, list) or not isinstance(new, list):
        yield Difference(f"{key} differs", f"{json.dumps(old)[:200]} -> {json.dumps(new)[:200]}")
        return
    was, now = (Counter(json.dumps(item, sort_keys=True) for item in side) for side in (old, new))
    for text, sign in [*((text, "only before") for text in was - now), *((text, "only after") for text in now - was)]:
        item = json.loads(text)
        problem = f" {item['level']} {item['code']}" if key == "problems" else ""
        yield Difference(f"{key}: {sign}{problem}", _problem(item) if key == "problems" else text[:200])
    if was == now:
        yield Difference(f"{key}: another order", "")


def _problem(item: Mapping[str, Any]) -> str:
    where = item.get("location") or {}
    return f"{where.get('path', '')}: {item['message']}"[:300]


def byte_differences(before: Report, after: Report) -> Iterator[Difference]:
    """Yield the outputs that differ, each with the first lines that differ."""
    for name in sorted({*before.outputs, *after.outputs}):
        old, new = before.outputs.get(name), after.outputs.get(name)
        if old is None or new is None:
            yield Difference(f"{name}: only {'after' if old is None else 'before'}", "")
        elif old != new:
            was, now = (side.decode("utf-8", "backslashreplace").splitlines(keepends=True) for side in (old, new))
            lines = difflib.unified_diff(was, now, n=0)
            changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
            shown = [f"\n             {line.rstrip()[:240]}" for line in changed[:_DIFF_LINES]]
            more = [f"\n             ... {len(changed) - _DIFF_LINES} more lines"] if len(changed) > _DIFF_LINES else []
            yield Difference(f"{name}: other bytes", "".join(shown + more))


def differences(before: Report, after: Report, every: bool) -> Iterator[Difference]:
    """Yield all differences between two reports on an input."""
    if before.codes != after.codes:
        yield Difference(f"exit codes {_list(before.codes)} -> {_list(after.codes)}", "")
    if not every and before.outputs.get("json") and after.outputs.get("json"):
        yield from verdict_differences(json.loads(before.outputs["json"]), json.loads(after.outputs["json"]))
    else:
        yield from byte_differences(before, after)


def _list(codes: Sequence[int | str]) -> str:
    return ", ".join(map(str, codes))


def compare(
    pair: tuple[Installation, Installation], targets: Sequence[Path], cwd: Path, every: bool, jobs: int
) -> Iterator[tuple[Path, list[Difference]]]:
    """Yield the differences on each input, in order."""
    versions = [one.version() for one in pair]
    numbered = [(number, os.path.relpath(target, cwd)) for number, target in enumerate(targets)]
    batches = [numbered[at : at + _BATCH] for at in range(0, len(numbered), _BATCH)]

    def run(batch: Sequence[tuple[int, str]]) -> list[dict[int, Report]]:
        return [run_batch(one, batch, cwd, every, version) for one, version in zip(pair, versions, strict=True)]

    with ThreadPoolExecutor(jobs) as pool:
        for done, (batch, (before, after)) in enumerate(zip(batches, pool.map(run, batches), strict=True), 1):
            if sys.stderr.isatty():
                print(f"\r{done} of {len(batches)} batches", end="", file=sys.stderr, flush=True)
            for number, _ in batch:
                yield targets[number], list(differences(before[number], after[number], every))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)


def main() -> int:
    """Print all differences in groups, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="inputs (default: samples)")
    parser.add_argument(
        "--before", required=True, metavar="INSTALLATION", help="interpreter or PYTHONPATH folder to compare with"
    )
    parser.add_argument(
        "--after", default=sys.executable, metavar="INSTALLATION", help="the same (default: this interpreter)"
    )
    parser.add_argument("--bytes", action="store_true", help="compare all bytes of all formats and commands")
    parser.add_argument("--examples", type=int, default=5, metavar="N", help="number of examples of each difference")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="number of processes")
    options = parser.parse_args()
    folders = options.folders or [ROOT / "samples"]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        parser.error(f"folder not found: {', '.join(missing)}")
    targets = list(dict.fromkeys(inputs(folder.resolve() for folder in folders)))
    cwd = Path(os.path.commonpath([folder.resolve() for folder in folders]))
    groups: dict[str, list[str]] = defaultdict(list)
    changed = 0
    pair = installation(options.before), installation(options.after)
    for target, found in compare(pair, targets, cwd, options.bytes, options.jobs):
        changed += bool(found)
        for one in found:
            separator = ": " if one.place and not one.place.startswith("\n") else ""
            groups[one.group].append(f"{os.path.relpath(target, cwd)}{separator}{one.place}")
    for group, places in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"{len(places):6} x {group}")
        for place in places[: options.examples]:
            print(f"           {place}")
        if len(places) > options.examples:
            print(f"           ... {len(places) - options.examples} more (--examples N)")
    print(f"{len(targets):,} inputs: {changed:,} differ, in {len(groups):,} ways")
    return 1 if groups else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        from importlib import import_module

        print(import_module(package_name()).__version__)
        sys.exit(0)
    if sys.argv[1:] == ["--worker"]:
        work(json.load(sys.stdin))
        sys.exit(0)
    sys.exit(main())
