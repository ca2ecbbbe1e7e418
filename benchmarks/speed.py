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
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import inputs
from timing import MEBIBYTE, Cost, median, race, ratio

NOTHING = [sys.executable, "-c", "pass"]
# The least that any linter of plans must do: start, read the file, and parse it with the fastest general parser, the
# garbage collector off.
PARSE_ONLY = "import gc, sys; gc.disable(); import orjson; orjson.loads(open(sys.argv[1], 'rb').read())"
# The same for a folder of templates, with the parser that comes with Python; of Bicep and Terraform, for which there is
# none, the first step of any: to take the text apart into words.
EACH = "import pathlib, sys; [one(file.read_text()) for file in sorted(pathlib.Path(sys.argv[1]).rglob(sys.argv[2]))]"
PARSE_EACH = f"from json import loads as one; {EACH}"
WORDS = r"[A-Za-z_]\w*|\d+|'(?:[^'\\\n]|\\.)*'|\s+|//[^\n]*|."
SPLIT_EACH = f'import re; one = re.compile(r"""{WORDS}""").findall; {EACH}'
# Folders by kind: the ending of their files, what a run of kvlint is held against, and its bar.
FOLDERS = (
    ("arm", ".json", PARSE_EACH, 20),  # 8 is what it aims at
    ("bicep", ".bicep", SPLIT_EACH, None),
    ("hcl", ".tf", SPLIT_EACH, None),
)
WITHIN = {"arm": "templates", "bicep": "bicep", "hcl": "."}
CALLED = {"arm": "templates", "bicep": "Bicep files", "hcl": "root modules"}
FRAMEWORKS = {"hcl": "terraform"}  # what checkov calls a kind, if it is another word
# checkov with its Key Vault checks alone, and nothing that would make it use the network.
CHECKOV_CHECKS = ",".join([*(f"CKV_AZURE_{n}" for n in (40, 41, 42, 109, 110, 111, 112, 114, 189)), "CKV2_AZURE_32"])
CHECKOV_OPTIONS = ["-c", CHECKOV_CHECKS, "--quiet", "--compact", "--skip-download", "-s"]
CHECKOV_OPTIONS += ["--download-external-modules", "false"]
GROWTH_BAR = 1.05
JOBS_BAR = 0.62  # of the time of one process; half would be perfect
MEGABYTE = 1_000_000


class Case(NamedTuple):
    """One line of the result: a command of kvlint's, the process it is held against, and how often it may take as long.

    ``bar`` is None where the ratio is only told. ``plan``: the plan that it reads, whose size bounds the memory;
    ``size``: the bytes that it reads. ``rounds`` counts the rounds; in ``rival_rounds`` of them it races ``rival``.
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
    """The word for it."""
    return "ok" if good else "MISSED"


def judge(case: Case) -> tuple[Cost, bool]:
    """Race one case, print its line; kvlint's cost, and whether it holds its bars."""
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
    """(vaults, case) of plans, small to big; writes them."""
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
        yield count, Case(name, [kvlint, "-f", "sarif", str(plan)], limit, bar, rounds, rival, rival_rounds, plan, size)


def folders(kvlint: str, checkov: str | None, kvgen: Path, folder: Path, *, full: bool) -> Iterator[Case]:
    """Cases of folders of templates, Bicep files and Terraform modules, by one process and by two; writes them."""
    for kind, ending, script, bar in FOLDERS:
        for count, rounds, rival_rounds in ((100, 9, 1), (1000, 5, int(full))):
            inputs.write(kvgen, kind, folder / f"{kind}-{count}", count * inputs.VAULTS_A_FILE[kind])
            within = folder / f"{kind}-{count}" / WITHIN[kind]
            size = sum(file.stat().st_size for file in inputs.files_of(within, ending))
            name = f"{count:,} {CALLED[kind]}, {weight(size)}, to SARIF"
            alone = [kvlint, "-f", "sarif", "--jobs", "1", str(within)]
            limit = [sys.executable, "-c", script, str(within), f"*{ending}"]
            framework = FRAMEWORKS.get(kind, kind)
            rival = [] if checkov is None else [checkov, "-d", str(within), "--framework", framework, *CHECKOV_OPTIONS]
            yield Case(f"{name}, one process", alone, limit, bar, rounds, rival, rival_rounds, None, size)
        shared = [kvlint, "-f", "sarif", "--jobs", "2", str(within)]
        yield Case(f"{name}, two processes, limit one", shared, alone, JOBS_BAR, 5, size=size)


def weight(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{size / 1000:.0f} KB"


def growth(costs: Mapping[int, Cost]) -> bool:
    """Print the exponents with which time and peak grow with the plan; whether they hold their bar."""
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
    """The script ``name`` of this Python's environment, or the first on the PATH."""
    script = Path(sys.executable).with_name(name)
    return str(script) if script.is_file() else shutil.which(name)


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator (its gen.py)")
    parser.add_argument("--kvlint", default=beside_python("kvlint"), help="its script (default: this environment's)")
    parser.add_argument("--checkov", default=beside_python("checkov"), help="its script (default: the first found)")
    kinds = ["plan", "folders"]
    parser.add_argument("--inputs", choices=kinds, nargs="+", default=kinds, help="plans, folders of files, or both")
    parser.add_argument(
        "--full", action="store_true", help="also 10,000 vaults (620 MB), and checkov on 1,700 (ten minutes)"
    )
    args = parser.parse_args()
    if args.kvlint is None:
        parser.error("kvlint is not installed beside this Python; 'make install-wheel' installs it in .venv-wheel")
    if "plan" in args.inputs and importlib.util.find_spec("orjson") is None:
        parser.error("the limit needs orjson: pip install --group bench")
    if args.checkov is None:
        print("checkov is not installed: no comparison with it")
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
