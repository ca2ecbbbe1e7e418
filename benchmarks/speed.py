"""Time kvlint as whole processes, side by side with what cannot be beaten and with what people use today.

    python benchmarks/speed.py --kvgen FOLDER [--full]

In each round every command runs once, in turn; figures are medians over the rounds, ratios are taken round by round.
Exit code 1 if a bar is missed.
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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import inputs

# The least that any linter of plans must do: start, read the file, and parse it with the fastest general parser, the
# garbage collector off.
PARSE_ONLY = "import gc, sys; gc.disable(); import orjson; orjson.loads(open(sys.argv[1], 'rb').read())"
# checkov with its Key Vault checks alone, and nothing that would make it use the network.
CHECKOV_CHECKS = ",".join([*(f"CKV_AZURE_{n}" for n in (40, 41, 42, 109, 110, 111, 112, 114, 189)), "CKV2_AZURE_32"])
CHECKOV_OPTIONS = ["--framework", "terraform_plan", "--quiet", "--compact", "--skip-download", "-s"]
CHECKOV_OPTIONS += ["--download-external-modules", "false"]
GROWTH_BAR = 1.05
MEGABYTE, MEBIBYTE = 1_000_000, 1 << 20


class Cost(NamedTuple):
    """What one process took: seconds of wall time, and MiB of memory at its peak."""

    wall: float
    peak: float


class Case(NamedTuple):
    """One line of the result: a command of kvlint's, the process it is held against, and how often it may take as long.

    ``plan`` is None where there is none to read; ``rounds`` counts the rounds, ``rival`` those against checkov.
    """

    name: str
    command: Sequence[str]
    limit: Sequence[str]
    bar: float
    rounds: int
    rival: int
    plan: Path | None = None


def measure(command: Sequence[str]) -> Cost:
    """Run ``command`` once, silently. Ends the benchmark if it fails: half a run must not look fast."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        env=environment | {"BC_SKIP_MAPPING": "TRUE"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in {0, 1}:
        sys.exit(f"exit code {child.returncode} from: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_maxrss * unit / MEBIBYTE)


def race(commands: Sequence[Sequence[str]], rounds: int) -> list[list[Cost]]:
    """The costs of each command over the rounds, after a round that only warms the caches."""
    for command in commands:
        measure(command)
    costs = [[measure(command) for command in commands] for _ in range(rounds)]
    return [list(column) for column in zip(*costs, strict=True)]


def median(costs: Sequence[Cost]) -> Cost:
    """Of each part by itself."""
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.peak for cost in costs))


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """How often ours takes as long as theirs: the median over the rounds."""
    return statistics.median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True))


def verdict(good: bool) -> str:
    """The word for it."""
    return "ok" if good else "MISSED"


def judge(case: Case, checkov: str | None) -> tuple[Cost, bool]:
    """Race one case, print its line; kvlint's cost, and whether it holds its bars."""
    ours, limit = race([case.command, case.limit], case.rounds)
    cost, factor = median(ours), ratio(ours, limit)
    good = factor <= case.bar
    print(f"{case.name}: {cost.wall:.3f} s, limit {median(limit).wall:.3f} s", end="")
    print(f", {factor:.2f} x (bar {case.bar:g}) {verdict(good)}", flush=True)
    if case.plan is not None:
        size = case.plan.stat().st_size / MEBIBYTE
        fits = cost.peak <= 2 * size + 60
        print(f"    peak {cost.peak:.0f} MiB for a file of {size:.1f} MiB", end="")
        print(f" (bar {2 * size + 60:.0f}) {verdict(fits)}", flush=True)
        good = good and fits
    if checkov is not None and case.rival:
        if case.plan is None:
            rival = [checkov, "--version"]
        else:
            rival = [checkov, "-f", str(case.plan), "-c", CHECKOV_CHECKS, *CHECKOV_OPTIONS]
        ours, theirs = race([case.command, rival], case.rival)
        against = median(theirs)
        print(
            f"    checkov {against.wall:.2f} s, {against.peak:.0f} MiB: {ratio(theirs, ours):.0f} x kvlint", flush=True
        )
    return cost, good


def cases(kvlint: Sequence[str], kvgen: Path, folder: Path, *, full: bool) -> list[tuple[int, Case]]:
    """(vaults, case), small to big; writes the plans."""
    python = sys.executable
    nothing = [python, "-c", "pass"]
    found = [(0, Case("--version", [*kvlint, "--version"], nothing, 3, 21, 3))]
    for count, bar, rounds, rival in ((1, 12, 21, 3), (100, 1.5, 9, 1), (1700, 1, 5, int(full)), (10_000, 1, 3, 0)):
        if count > 1700 and not full:
            continue
        plan = inputs.write_plan(kvgen, folder / str(count), count)
        size = plan.stat().st_size
        weight = f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{size / 1000:.0f} KB"
        limit = nothing if count == 1 else [python, "-c", PARSE_ONLY, str(plan)]
        name = f"{count:,} {'vault' if count == 1 else 'vaults'}, {weight}, to SARIF"
        found.append((count, Case(name, [*kvlint, "-f", "sarif", str(plan)], limit, bar, rounds, rival, plan)))
    return found


def growth(costs: Mapping[int, Cost]) -> bool:
    """Print the exponents with which time and peak grow with the plan; whether they hold their bar."""
    small, *larger = sorted(count for count in costs if count >= 100)
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
    """The script ``name`` of this Python's environment, or the first on the PATH."""
    script = Path(sys.executable).with_name(name)
    return str(script) if script.is_file() else shutil.which(name)


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator (its gen.py)")
    parser.add_argument("--kvlint", default=beside_python("kvlint"), help="its script (default: this environment's)")
    parser.add_argument("--checkov", default=beside_python("checkov"), help="its script (default: the first found)")
    parser.add_argument(
        "--full", action="store_true", help="also 10,000 vaults (620 MB), and checkov on 1,700 (ten minutes)"
    )
    args = parser.parse_args()
    if args.kvlint is None:
        parser.error("kvlint is not installed beside this Python; 'make install-wheel' installs it in .venv-wheel")
    if importlib.util.find_spec("orjson") is None:
        parser.error("the limit needs orjson: pip install --group bench")
    if args.checkov is None:
        print("checkov is not installed: no comparison with it")
    version = sys.version.partition(" ")[0]
    print(f"Python {version}, {os.cpu_count()} cores; wall time and peak memory of whole processes, medians\n")
    costs, good = {}, True
    with tempfile.TemporaryDirectory() as folder:
        for count, case in cases([args.kvlint], args.kvgen, Path(folder), full=args.full):
            costs[count], holds = judge(case, args.checkov)
            good = good and holds
    return 0 if growth(costs) and good else 1


if __name__ == "__main__":
    sys.exit(main())
