"""Measure the time and memory of kvlint, and compare each case with its bar.

    python benchmarks/speed.py --kvgen FOLDER [--estate FILE] [--before COMMAND] [--repository FOLDER] [--fleet]

A case is a run of kvlint and one to compare it with. The commands of a case run once per round, side by side; figures
are medians over the rounds. Each ratio has two bars: the limit that it must not exceed, and the aim. The exit code is 1
if a limit is exceeded. Cases that need an option are skipped without it, with the reason.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import inputs
import written
from timing import MEBIBYTE, Cost, measure, median, race

NOTHING = [sys.executable, "-c", "pass"]
# The least work of any linter for plans: start, read the file, and parse it with the fastest general parser, without
# garbage collection.
PARSE_PLAN = "import gc, sys; gc.disable(); import orjson; orjson.loads(open(sys.argv[1], 'rb').read())"
# kvlint's own parser on all files of a folder, with every expression.
PARSE_TERRAFORM = """
import gc, sys
gc.disable()
from pathlib import Path
from azkvlint.syntax.hcl.parse import parse_file
for file in sorted(Path(sys.argv[1]).rglob("*.tf")):
    waiting = [parse_file(file.read_text()).body]
    while waiting:
        body = waiting.pop()
        for attribute in body.attributes.values():
            attribute.expression()
        waiting += [block.body for block in body.blocks]
"""
# Checkov with its ten Key Vault checks, and without network access.
CHECKOV_CHECKS = ",".join([*(f"CKV_AZURE_{n}" for n in (40, 41, 42, 109, 110, 111, 112, 114, 189)), "CKV2_AZURE_32"])
CHECKOV_OPTIONS = ["-c", CHECKOV_CHECKS, "--quiet", "--compact", "--skip-download", "-s"]
CHECKOV_OPTIONS += ["--download-external-modules", "false"]
# The folder with the inputs of each kind, below the folder that the generator writes.
WITHIN = {"arm": "templates", "bicep": "bicep", "hcl": "."}
CALLED = {"hcl": "Terraform root modules", "arm": "ARM templates", "bicep": "Bicep files"}
SWITCHES = {
    "Terraform": written.terraform_switches, "Bicep": written.bicep_switches, "ARM templates": written.arm_switches,
}  # fmt: skip
GROWING = {
    "modules in chains": written.chain, "secrets of a vault": written.secrets,
    "role assignments": written.role_assignments, "parameter files": written.parameter_files,
}  # fmt: skip
FILES, FEW_FILES = 300, 100
MANY_FILES, FILES_WITHOUT_VAULTS, FOREIGN_MEGABYTES = 1000, 10_000, 315
SMALL, LARGE = 100, 1700
PLANS_OF_FLEET = 2000


class Bars(NamedTuple):
    """The limit of a ratio, and the aim."""

    must: float
    aim: float


class Case(NamedTuple):
    """A command and one to compare it with. ``plan``: the file whose size limits the peak memory."""

    name: str
    command: Sequence[str]
    other: Sequence[str]
    bars: Bars
    rounds: int
    plan: Path | None = None


class Benchmark:
    """Measures cases and prints a line for each. ``by_cpu``: CPU time is compared, not wall time."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.is_good = True

    def compare(self, case: Case) -> None:
        """Measure a case, and print its ratio."""
        ours, theirs = race([case.command, case.other], case.rounds)
        ratio = statistics.median(self._time(a) / self._time(b) for a, b in zip(ours, theirs, strict=True))
        cost = median(ours)
        self.report(case.name, ratio, case.bars, f"{self._time(cost):.3f} s / {self._time(median(theirs)):.3f} s")
        if case.plan is not None:
            size = case.plan.stat().st_size / MEBIBYTE
            self.report("  peak memory / the file", cost.peak / size, Bars(2.5, 2.3), f"{cost.peak:.0f} MiB")

    def against_before(self, name: str, path: Path, bars: Bars, rounds: int = 5, *before: str) -> None:
        """Compare an input with an earlier version; ``before`` are words of a command that runs the other."""
        name = f"{name} / earlier version"
        if self.options.before is None:
            self.skip(name, "--before names no command")
            return
        ours = self.cold(path)
        self.compare(Case(name, [*before, *ours], [*before, self.options.before, *ours[1:]], bars, rounds))

    def peak(self, name: str, path: Path, bars: Bars) -> None:
        """Report the peak memory of an input in MiB."""
        cost = measure(self.cold(path))
        self.report(f"{name}: peak memory in MiB", cost.peak, bars, f"{self._time(cost):.1f} s")

    def growth(self, name: str, sizes: Sequence[int], commands: Sequence[Sequence[str]], rounds: int) -> None:
        """Print the exponent of the growth of the time between two sizes."""
        small, large = (self._time(median(costs)) for costs in race(commands, rounds))
        exponent = math.log(large / small) / math.log(sizes[1] / sizes[0])
        self.report(f"growth from {sizes[0]:,} to {sizes[1]:,} {name}", exponent, Bars(1.1, 1), "exponent")

    def report(self, name: str, ratio: float, bars: Bars, figures: str) -> None:
        """Print a ratio with its bars."""
        verdict = "aim" if ratio <= bars.aim else "ok" if ratio <= bars.must else "MISSED"
        self.is_good = self.is_good and verdict != "MISSED"
        print(f"{name:58} {ratio:7.3f}  {bars.must:7.3f}  {bars.aim:7.3f}  {verdict:6}  {figures}", flush=True)

    def skip(self, name: str, reason: str) -> None:
        """Print that a case is not measured."""
        print(f"{name:58} skipped: {reason}", flush=True)

    def time_once(self, command: Sequence[str]) -> float:
        """Return the time of a command."""
        return self._time(measure(command))

    def _time(self, cost: Cost) -> float:
        return cost.cpu if self.options.cpu else cost.wall

    def sarif(self, *words: str | Path) -> list[str]:
        """Return the command that writes a SARIF log."""
        return [self.options.kvlint, "-f", "sarif", *map(str, words)]

    def cold(self, path: Path) -> list[str]:
        """Return the command for an input in one process, without results of earlier runs."""
        return self.sarif("--jobs", "1", "--no-cache", path)


def plans(bench: Benchmark) -> None:
    """Compare plans, from small to large."""
    cases = [(1, Bars(10, 8), 21), (LARGE, Bars(5, 3.5), 5)]
    paths = {
        count: inputs.write(bench.options.kvgen, "plan", bench.folder / f"plan-{count}", count)
        for count in (1, SMALL, LARGE)
    }
    for count, bars, rounds in cases:
        plan = paths[count]
        size = plan.stat().st_size
        weight = f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
        if count == 1:
            name, other = f"plan of {weight} / Python alone", NOTHING
        else:
            name, other = f"plan of {weight} / parsing it with orjson", [sys.executable, "-c", PARSE_PLAN, str(plan)]
        bench.compare(Case(name, bench.cold(plan), other, bars, rounds, plan if count > 1 else None))
    without = ["env", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPYCACHEPREFIX={bench.folder / 'no-bytecode'}"]
    bench.against_before("plan of one vault, without bytecode", paths[1], Bars(0.65, 0.5), 11, *without)
    name, bars, estate = "plan of an estate / parsing it with orjson", Bars(2.2, 1.5), bench.options.estate
    if estate is None:
        bench.skip(name, "--estate names no plan")
    else:
        other = [sys.executable, "-c", PARSE_PLAN, str(estate)]
        bench.compare(Case(name, bench.cold(estate), other, bars, 7, estate))
    bench.growth("vaults", (SMALL, LARGE), [bench.cold(paths[count]) for count in (SMALL, LARGE)], 3)


def folders(bench: Benchmark) -> None:
    """Compare folders of Terraform root modules, ARM templates and Bicep files."""
    for kind, called in CALLED.items():
        paths = []
        for count in (FEW_FILES, FILES, MANY_FILES):
            place = bench.folder / f"{kind}-{count}"
            inputs.write(bench.options.kvgen, kind, place, count * inputs.VAULTS_A_FILE[kind])
            paths.append(place / WITHIN[kind])
        few, path, many = paths
        bench.against_before(f"{FILES} {called}", path, Bars(1.05, 0.7))
        if kind == "hcl":
            other = [sys.executable, "-c", PARSE_TERRAFORM, str(path)]
            bench.compare(Case(f"{FILES} {called} / parsing them", bench.cold(path), other, Bars(4.5, 3), 5))
            # The first round writes the results that the others reuse.
            second = bench.sarif("--jobs", "1", "--cache-dir", bench.folder / "cache", path)
            bench.compare(Case("  second run / first", second, bench.cold(path), Bars(1 / 15, 1 / 25), 5))
            bench.peak(f"{MANY_FILES:,} {called}", many, Bars(200, 150))
        bench.growth(called, (FEW_FILES, MANY_FILES), [bench.cold(few), bench.cold(many)], 3)


def written_inputs(bench: Benchmark) -> None:
    """Compare feature switches, files without vaults, the JSON of other programs, and what grows."""
    for name, write in SWITCHES.items():
        path = bench.folder / f"switches-{name}"
        write(path, 4)
        bench.against_before(f"feature switches, {name}", path, Bars(0.65, 0.45), 3)
    path = bench.folder / "nothing"
    written.nothing_to_find(path, FILES_WITHOUT_VAULTS)
    bench.against_before(f"{FILES_WITHOUT_VAULTS:,} Bicep files without vaults", path, Bars(0.4, 0.2), 3)
    path = bench.folder / "foreign"
    written.foreign_json(path, FOREIGN_MEGABYTES)
    bench.peak(f"{FOREIGN_MEGABYTES} MB of JSON of other programs", path, Bars(100, 60))
    for name, write in GROWING.items():
        paths = [bench.folder / f"{name}-{count}" for count in (FEW_FILES, MANY_FILES)]
        for place, count in zip(paths, (FEW_FILES, MANY_FILES), strict=True):
            write(place, count)
        bench.growth(name, (FEW_FILES, MANY_FILES), [bench.cold(place) for place in paths], 3)


def many_plans(bench: Benchmark) -> None:
    """Compare many plans in one process with an earlier version, and on a cluster with a serial run."""
    bench.against_before("100 plans of 160 KB", write_fleet(bench, 100), Bars(1.05, 0.7))
    name = f"fleet of {PLANS_OF_FLEET:,} plans / (serial / 2 + start)"
    if not bench.options.fleet:
        bench.skip(name, "--fleet was not specified")
        return
    plans = write_fleet(bench, PLANS_OF_FLEET)
    outputs = (str(bench.folder / f"out-{number}") for number in range(100))

    def fleet(path: Path) -> list[str]:
        return [bench.options.kvlint, "fleet", str(path), "--workers", "2", "--out", next(outputs)]

    first = next(iter(sorted(plans.rglob("*.json"))))
    # A folder would be one input. A fleet does not write into a folder with results, so nothing runs twice.
    each = plans / "*" / "*.json"
    # The same results: a fleet reports those that are unknown, with their places, and a check only on request.
    same = [bench.options.kvlint, "-f", "json", "--show-unknown", "--jobs", "1", "--no-cache", str(plans)]
    start, serial, whole = map(bench.time_once, (fleet(first), same, fleet(each)))
    bench.report(
        name, whole / (serial / 2 + start), Bars(1.4, 1.15), f"{whole:.0f} s / ({serial:.0f} / 2 + {start:.0f})"
    )


def write_fleet(bench: Benchmark, count: int) -> Path:
    """Write many plans, and return their folder."""
    place = bench.folder / f"fleet-{count}"
    command = [sys.executable, bench.options.kvgen / "gen.py", "fleet", "--count", count, "--seed", 1, "--out", place]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return place / "plans"


def repository(bench: Benchmark) -> None:
    """Compare a repository of Bicep files with Checkov."""
    name, path, checkov = "repository / Checkov with its ten checks", bench.options.repository, bench.options.checkov
    if path is None or checkov is None:
        bench.skip(name, "--repository names no folder" if path is None else "Checkov is not installed")
        return
    other = [checkov, "-d", str(path), "--framework", "arm", "bicep", *CHECKOV_OPTIONS]
    bench.compare(Case(name, bench.sarif("--no-cache", path), other, Bars(1 / 4, 1 / 8), 1))


GROUPS = {
    "plans": plans, "folders": folders, "written": written_inputs, "many": many_plans, "repository": repository,
}  # fmt: skip


def beside_python(name: str) -> str | None:
    """Return the script ``name`` in the environment of this Python, or the first on the PATH."""
    script = Path(sys.executable).with_name(name)
    return str(script) if script.is_file() else shutil.which(name)


def main() -> int:
    """Run all cases, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator, with gen.py")
    parser.add_argument("--kvlint", default=beside_python("kvlint"), help="kvlint command (default: beside Python)")
    parser.add_argument("--before", help="kvlint command of an earlier version to compare with")
    parser.add_argument("--checkov", default=beside_python("checkov"), help="Checkov command (default: first found)")
    parser.add_argument("--estate", type=Path, help="plan with few key vaults among many other resources")
    parser.add_argument("--repository", type=Path, help="checkout of a repository of Bicep files")
    parser.add_argument("--fleet", action="store_true", help=f"also {PLANS_OF_FLEET:,} plans on a cluster (minutes)")
    parser.add_argument("--cpu", action="store_true", help="compare CPU time, for a computer with other load")
    parser.add_argument("--cases", choices=GROUPS, nargs="+", default=list(GROUPS), help="groups of cases")
    options = parser.parse_args()
    if options.kvlint is None:
        parser.error("kvlint is not installed in this environment; 'make install-wheel' installs it in .venv-wheel")
    if "plans" in options.cases and importlib.util.find_spec("orjson") is None:
        parser.error("orjson is required: pip install --group bench")
    version, time = sys.version.partition(" ")[0], "CPU" if options.cpu else "wall"
    print(f"Python {version}, {os.cpu_count()} cores; {time} time of whole processes, medians\n")
    print(f"{'case':58} {'ratio':>7}  {'must':>7}  {'aim':>7}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Benchmark(options, Path(folder))
        for name in options.cases:
            GROUPS[name](bench)
    return 0 if bench.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
