"""Measure the time and memory of kvlint, in comparison with a lower limit and with Checkov.

    python benchmarks/speed.py --kvgen FOLDER [--full]

Each command runs once per round. Figures are medians over the rounds, and ratios are computed for each round. The exit
code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import inputs
from timing import MEBIBYTE, Cost, median, race, ratio

NOTHING = [sys.executable, "-c", "pass"]
# The least work of any linter for plans: start, read the file, and parse it with the fastest general parser, without
# garbage collection.
PARSE_ONLY = "import gc, sys; gc.disable(); import orjson; orjson.loads(open(sys.argv[1], 'rb').read())"
# The same for a folder of templates, with the parser of Python. There is no parser for Bicep and Terraform, so the
# source is split into words, the first step of any parser.
EACH = "import pathlib, sys; [one(file.read_text()) for file in sorted(pathlib.Path(sys.argv[1]).rglob(sys.argv[2]))]"
PARSE_EACH = f"from json import loads as one; {EACH}"
WORDS = r"[A-Za-z_]\w*|\d+|'(?:[^'\\\n]|\\.)*'|\s+|//[^\n]*|."
SPLIT_EACH = f'import re; one = re.compile(r"""{WORDS}""").findall; {EACH}'
# Folders by kind: the suffix of their files, the limit for a run of kvlint, and its bar.
FOLDERS = (
    ("arm", ".json", PARSE_EACH, 20),  # the goal is 8
    ("bicep", ".bicep", SPLIT_EACH, None),
    ("hcl", ".tf", SPLIT_EACH, None),
)
WITHIN = {"arm": "templates", "bicep": "bicep", "hcl": "."}
CALLED = {"arm": "templates", "bicep": "Bicep files", "hcl": "root modules"}
FRAMEWORKS = {"hcl": "terraform"}  # the name of a kind in Checkov, if it differs
# Checkov with its Key Vault checks only, and without network access.
CHECKOV_CHECKS = ",".join([*(f"CKV_AZURE_{n}" for n in (40, 41, 42, 109, 110, 111, 112, 114, 189)), "CKV2_AZURE_32"])
CHECKOV_OPTIONS = ["-c", CHECKOV_CHECKS, "--quiet", "--compact", "--skip-download", "-s"]
CHECKOV_OPTIONS += ["--download-external-modules", "false"]
GROWTH_BAR = 1.05
SECOND_RUN_BAR = 0.067
JOBS_BAR = 0.62  # of the time of one process; half would be perfect
MEGABYTE = 1_000_000


class Case(NamedTuple):
    """One line of the result: a command of kvlint, the process to compare with, and the maximum ratio of their times.

    If ``bar`` is None, the ratio is only printed. ``plan`` is the plan that it reads, whose size limits the memory, and
    ``size`` the number of bytes that it reads. In ``rival_rounds`` further rounds, it is compared with ``rival``.
    """

    name: str
    command: Sequence[str]
    limit: Sequence[str]
    bar: float | None
    rounds: int
    rival: Sequence[str] = ()
    rival_rounds: int = 0
    plan: Path | None = None
    size: int = 0


def verdict(good: bool) -> str:
    """Return the word for a result."""
    return "ok" if good else "MISSED"


def judge(case: Case) -> tuple[Cost, bool]:
    """Measure one case, print its line, and return the cost of kvlint and whether no bar is missed."""
    ours, limit = race([case.command, case.limit], case.rounds)
    cost, factor = median(ours), ratio(ours, limit)
    good = case.bar is None or factor <= case.bar
    told = "no bar" if case.bar is None else f"bar {case.bar:g}"
    print(f"{case.name}: {cost.wall:.3f} s, limit {median(limit).wall:.3f} s", end="")
    print(f", {factor:.2f} x ({told})" + ("" if case.bar is None else f" {verdict(good)}"), end="")
    print(f", {cost.wall / case.size * MEGABYTE:.3f} s/MB" if case.size and case.plan is None else "", flush=True)
    if case.plan is not None:
        size = case.size / MEBIBYTE
        fits = cost.peak <= 2 * size + 60
        print(f"    peak {cost.peak:.0f} MiB for a file of {size:.1f} MiB", end="")
        print(f" (bar {2 * size + 60:.0f}) {verdict(fits)}", flush=True)
        good = good and fits
    elif case.size:
        print(f"    peak {cost.peak:.0f} MiB", flush=True)
    if case.rival and case.rival_rounds:
        ours, theirs = race([case.command, case.rival], case.rival_rounds)
        against = median(theirs)
        print(
            f"    checkov {against.wall:.2f} s, {against.peak:.0f} MiB: {ratio(theirs, ours):.0f} x kvlint", flush=True
        )
    return cost, good


def plans(kvlint: str, checkov: str | None, kvgen: Path, folder: Path, *, full: bool) -> Iterator[tuple[int, Case]]:
    """Write plans, from small to large, and yield (number of vaults, case) for each."""
    rival = [] if checkov is None else [checkov, "--version"]
    yield 0, Case("--version", [kvlint, "--version"], NOTHING, 3, 21, rival, 3)
    for count, bar, rounds, rival_rounds in (
        (1, 12, 21, 3), (100, 1.5, 9, 1), (1700, 1, 5, int(full)), (10_000, 1, 3, 0),
    ):  # fmt: skip
        if count > 1700 and not full:
            continue
        plan = inputs.write(kvgen, "plan", folder / f"plan-{count}", count)
        size = plan.stat().st_size
        limit = NOTHING if count == 1 else [sys.executable, "-c", PARSE_ONLY, str(plan)]
        rival = [] if checkov is None else [checkov, "-f", str(plan), "--framework", "terraform_plan", *CHECKOV_OPTIONS]
        name = f"{count:,} {'vault' if count == 1 else 'vaults'}, {weight(size)}, to SARIF"
        yield (
            count,
            Case(
                name,
                [kvlint, "-f", "sarif", "--no-cache", str(plan)],
                limit,
                bar,
                rounds,
                rival,
                rival_rounds,
                plan,
                size,
            ),
        )


def folders(kvlint: str, checkov: str | None, kvgen: Path, folder: Path, *, full: bool) -> Iterator[Case]:
    """Write folders of templates, Bicep files and root modules, and yield their cases with one and two processes."""
    for kind, ending, script, bar in FOLDERS:
        for count, rounds, rival_rounds in ((100, 9, 1), (1000, 5, int(full))):
            inputs.write(kvgen, kind, folder / f"{kind}-{count}", count * inputs.VAULTS_A_FILE[kind])
            within = folder / f"{kind}-{count}" / WITHIN[kind]
            size = sum(file.stat().st_size for file in inputs.files_of(within, ending))
            name = f"{count:,} {CALLED[kind]}, {weight(size)}, to SARIF"
            options = [kvlint, "-f", "sarif", "--jobs", "1"]
            alone = [*options, "--no-cache", str(within)]
            limit = [sys.executable, "-c", script, str(within), f"*{ending}"]
            framework = FRAMEWORKS.get(kind, kind)
            rival = [] if checkov is None else [checkov, "-d", str(within), "--framework", framework, *CHECKOV_OPTIONS]
            yield Case(f"{name}, one process", alone, limit, bar, rounds, rival, rival_rounds, None, size)
            # The first round writes the results that the others reuse.
            second = [*options, "--cache-dir", str(folder / "cache"), str(within)]
            yield Case(f"{name}, second run, limit first", second, alone, SECOND_RUN_BAR, 5, size=size)
        shared = [kvlint, "-f", "sarif", "--no-cache", "--jobs", "2", str(within)]
        yield Case(f"{name}, two processes, limit one", shared, alone, JOBS_BAR, 5, size=size)


def weight(size: int) -> str:
    """Return a number of bytes with its unit."""
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{size / 1000:.0f} KB"


def growth(costs: Mapping[int, Cost]) -> bool:
    """Print the exponents of the growth of time and peak memory, and return whether no bar is missed."""
    small, *larger = sorted(count for count in costs if count >= 100) or [0]
    good = True
    for big in larger:
        span = math.log(big / small)
        wall = math.log(costs[big].wall / costs[small].wall) / span
        peak = math.log(costs[big].peak / costs[small].peak) / span
        holds = max(wall, peak) <= GROWTH_BAR
        print(f"growth from {small:,} to {big:,} vaults: time {wall:.2f}, peak {peak:.2f}", end="")
        print(f" (bar {GROWTH_BAR:g}) {verdict(holds)}")
        good = good and holds
    return good


def beside_python(name: str) -> str | None:
    """Return the script ``name`` in the environment of this Python, or the first on the PATH."""
    script = Path(sys.executable).with_name(name)
    return str(script) if script.is_file() else shutil.which(name)


def main() -> int:
    """Run all cases, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator, with gen.py")
    parser.add_argument("--kvlint", default=beside_python("kvlint"), help="kvlint command (default: beside Python)")
    parser.add_argument("--checkov", default=beside_python("checkov"), help="Checkov command (default: first found)")
    kinds = ["plan", "folders"]
    parser.add_argument("--inputs", choices=kinds, nargs="+", default=kinds, help="kinds of inputs (default: both)")
    parser.add_argument(
        "--full", action="store_true", help="also 10,000 vaults (620 MB), and Checkov on 1,700 (ten minutes)"
    )
    args = parser.parse_args()
    if args.kvlint is None:
        parser.error("kvlint is not installed in this environment; 'make install-wheel' installs it in .venv-wheel")
    if "plan" in args.inputs and importlib.util.find_spec("orjson") is None:
        parser.error("orjson is required: pip install --group bench")
    if args.checkov is None:
        print("Checkov is not installed: no comparison")
    version = sys.version.partition(" ")[0]
    print(f"Python {version}, {os.cpu_count()} cores; wall time and peak memory of whole processes, medians\n")
    costs: dict[int, Cost] = {}
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if "plan" in args.inputs:
            for count, case in plans(args.kvlint, args.checkov, args.kvgen, Path(folder), full=args.full):
                costs[count], holds = judge(case)
                good = good and holds
        if "folders" in args.inputs:
            for case in folders(args.kvlint, args.checkov, args.kvgen, Path(folder), full=args.full):
                good = judge(case)[1] and good
    return 0 if growth(costs) and good else 1


if __name__ == "__main__":
    sys.exit(main())
