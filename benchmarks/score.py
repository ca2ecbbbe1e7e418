"""Compare the results of kvlint on generated plans, templates and Bicep files with the tables of the generator.

    python benchmarks/score.py --kvgen FOLDER

The exit code is 0 only if exactly the violations are found, exactly the results that cannot be known are unknown, and
the same vaults have the same results in every format, unless their tables differ. Not every format can contain all that
a plan contains, or has the same unknown values.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import inputs
from truth import EXPOSURE, GATES, REFERENCE_DAY, RULES, SETTINGS, Key, Subject, expected, ip_rules, spot_of, subjects

FORMATS = ("plan", "hcl", "arm", "bicep")
FAIL, PASS = "fail", "pass"
# The rules that depend on network settings of a vault, which may be known in some formats only.
GATED = (*EXPOSURE, "KV104")


class Tally:
    """The expected and reported findings and unknown results of one rule, over all seeds."""

    def __init__(self) -> None:
        self.must: set[str] = set()
        self.open: set[str] = set()
        self.found: set[str] = set()
        self.unknown: set[str] = set()
        self.misnamed: set[str] = set()

    def amiss(self) -> dict[str, set[str]]:
        """Return all mistakes by kind."""
        return {
            "missed": self.must - self.found,
            "wrong": self.found - self.must,
            "not unknown": self.open - self.unknown,
            "unknown, though known": self.unknown - self.open,
            "misnamed": self.misnamed,
        }

    def row(self) -> str:
        """Return the figures, for the header that ``show`` prints."""
        right, amiss = self.must & self.found, self.amiss()
        precision = len(right) / len(self.found) if self.found else 1.0
        recall = len(right) / len(self.must) if self.must else 1.0
        counts = (self.must, self.found, right, amiss["missed"], amiss["wrong"])
        unknown = f"{len(self.unknown)} of {len(self.open)}"
        return "".join(f"{len(items):7}" for items in counts) + f"{unknown:>11}{precision:11.3f}{recall:8.3f}"


class Answer(NamedTuple):
    """The findings and unknown results on one input, with the reasons of the unknown results."""

    subjects: Mapping[Key, Subject]
    verdicts: Mapping[tuple[Key, str], str]
    why: Mapping[tuple[Key, str], str]


def check(folder: Path) -> dict[str, Any]:
    """Return the JSON report on ``folder``."""
    asked = ",".join(sorted({*RULES.values(), *EXPOSURE}))
    command = [sys.executable, "-m", "azkvlint", "-f", "json", "--select", asked, "--as-of", REFERENCE_DAY, "."]
    command += SETTINGS
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"kvlint ended with {done.returncode}: {done.stderr.decode()[:2000]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def told(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the findings and unknown results of a report, one for each resource."""
    for result in (*report["findings"], *report["unknown"]):
        yield from (result | occurrence for occurrence in result["occurrences"])


def score(folder: Path, seed: int, ranges: Mapping[str, list[str]], tallies: dict[str, Tally]) -> Answer:
    """Check one input, and add its results to the tallies by rule."""
    known = subjects(folder / "truth.json")
    by_spot = {subject.spot: subject for subject in known}
    vaults = {(subject.spot[0], subject.key.vault): subject.spot for subject in known if subject.key.kind == "vault"}
    for subject in known:
        for rule, sure in expected(subject, ranges):
            (tallies[rule].must if sure else tallies[rule].open).add(f"seed {seed}: {' '.join(subject.spot).strip()}")
    report = check(folder)
    verdicts: dict[tuple[Key, str], str] = {}
    why = {}
    for result in told(report):
        spot, rule, outcome = spot_of(result), result["ruleId"], result["outcome"]
        if spot not in by_spot:
            # The result on a separate access policy counts for its vault.
            spot = vaults.get((spot[0], result["fullName"].partition("/")[0]), spot)
        label = f"seed {seed}: {' '.join(spot).strip()}"
        (tallies[rule].found if outcome == FAIL else tallies[rule].unknown).add(label)
        about = by_spot.get(spot)
        if about is None:
            continue
        # The full name of a separate access policy begins with the name of its vault.
        if about.full_name not in {None, result["fullName"], result["fullName"].partition("/")[0]}:
            tallies[rule].misnamed.add(f"{label} is named '{result['fullName']}'")
        if verdicts.get((about.key, rule)) != FAIL:
            verdicts[about.key, rule] = outcome
            why[about.key, rule] = result.get("why", "")
    return Answer({subject.key: subject for subject in known}, verdicts, why)


def differences(plan: Answer, other: Answer) -> Iterator[tuple[str, str, str]]:
    """Yield (cause, rule, description) of each difference. The cause is empty if the inputs do not explain it."""
    for key, rule in sorted(plan.verdicts.keys() | other.verdicts.keys()):
        ours, theirs = plan.verdicts.get((key, rule), PASS), other.verdicts.get((key, rule), PASS)
        if ours == theirs:
            continue
        what = f"{key.kind} {key.number} of {key.vault}: {ours} in the plan, {theirs} here"
        here, there = plan.subjects.get(key), other.subjects.get(key)
        if here is None or there is None:
            yield "only in the plan", rule, what
        elif rule in GATED and here.unknown != there.unknown:
            yield "known in one of them only", rule, what
        else:
            yield "", rule, f"{what} ({other.why.get((key, rule), '')})"


def main() -> int:
    """Score all seeds together, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator, with gen.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--count", type=int, default=150, help="number of vaults of each seed, a multiple of three")
    parser.add_argument("--formats", choices=FORMATS[1:], nargs="*", default=FORMATS[1:], help="formats besides plans")
    parser.add_argument("--show", type=int, default=3, help="number of examples of each kind of mistake")
    args = parser.parse_args()
    formats = [FORMATS[0], *args.formats]
    tallies: dict[str, dict[str, Tally]] = {kind: defaultdict(Tally) for kind in formats}
    differing: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    ideas: set[str] = set()
    for seed in args.seeds:
        ranges: dict[str, list[str]] = {}
        answers: dict[str, Answer] = {}
        for kind in formats:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                written = inputs.write(args.kvgen, kind, folder, args.count, seed)
                ranges = ip_rules(written) if kind == "plan" else ranges
                ideas |= set(json.loads((folder / "truth.json").read_bytes())["ideas"])
                answers[kind] = score(folder, seed, ranges, tallies[kind])
            differing[kind] += differences(answers["plan"], answers[kind])
    perfect = [show(kind, tallies[kind], differing[kind], args.show) for kind in formats]
    forgotten = sorted(ideas - {*RULES, *GATES})
    if forgotten:
        print(f"not covered: {', '.join(forgotten)}")
    return 0 if all(perfect) and not forgotten else 1


def show(kind: str, tallies: Mapping[str, Tally], differing: list[tuple[str, str, str]], most: int) -> bool:
    """Print the results of one format, and return whether there are no mistakes."""
    print(f"{kind + ': idea':26} {'rule':5}  truth  found  right missed  wrong  unknown  precision  recall")
    perfect = True
    for label, rule in [*RULES.items(), *((label, rule) for rule, label in EXPOSURE.items())]:
        tally = tallies.get(rule, Tally())
        print(f"{label:26} {rule}{tally.row()}")
        perfect = perfect and not any(tally.amiss().values())
        for mistake, items in tally.amiss().items():
            for item in sorted(items)[:most]:
                print(f"    {mistake}: {item}")
    print(f"(the last two rows cover {', '.join(GATES)} together)")
    for (cause, rule), count in sorted(Counter((cause, rule) for cause, rule, _ in differing).items()):
        print(f"{rule} differs from the plan ({count}): {cause or 'NOT EXPLAINED'}")
        if not cause:
            perfect = False
            for what in [what for one, other, what in differing if (one, other) == ("", rule)][:most]:
                print(f"    {what}")
    print()
    return perfect


if __name__ == "__main__":
    sys.exit(main())
