"""Hold kvlint's verdicts on generated plans against the generator's truth table.

    python benchmarks/score.py --kvgen FOLDER

Exit code 0 only if every violation is found, nothing else is, and what cannot be known is undecided. Questions that are
open although the generator knows the answer are shown, but a plan need not tell what the generator knows.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import inputs

# The generator's ideas and the rule that answers each.
RULES = {
    "purge-protection-off": "KV001",
    "soft-delete-short": "KV003",
    "no-private-endpoint": "KV103",
    "no-diagnostics": "KV201",
    "diagnostics-no-audit": "KV202",
    "rbac-off": "KV301",
    "access-policy-broad": "KV302",
    "deployment-flags-on": "KV303",
    "role-owner-subscription": "KV402",
    "role-admin-broad-scope": "KV404",
    "key-no-expiry": "KV501",
    "key-no-rotation": "KV502",
    "key-small-rsa": "KV503",
    "secret-no-expiry": "KV601",
    "secret-no-content-type": "KV602",
    "cert-long-validity": "KV701",
}
# Three ideas look at one gate each; kvlint has one verdict on who can reach a vault through all of them together.
WORLD, WIDE = "KV101", "KV102"
EXPOSURE = {WORLD: "exposed to the world", WIDE: "exposed to a wide range"}
GATES = ("network-default-allow", "network-open-range", "public-network-access")
NOT_COVERED = ("secret-expired", "key-expired", "key-not-hsm", "cert-no-renewal")

POLICY = re.compile(r'(?P<module>.*\.)?azurerm_key_vault_access_policy\.(?P<name>\w+)\["(?P<key>[^"/]*)')


class Tally:
    """For one rule, over all seeds: what must be found, what must stay open, and what kvlint found and left open."""

    def __init__(self) -> None:
        self.must: set[str] = set()
        self.open: set[str] = set()
        self.found: set[str] = set()
        self.undecided: set[str] = set()

    def amiss(self) -> dict[str, set[str]]:
        """Every mistake, by kind."""
        return {
            "missed": self.must - self.found,
            "wrong": self.found - self.must,
            "not left open": self.open - self.undecided,
        }

    def unsure(self) -> dict[str, set[str]]:
        """What is left open although the generator knows the answer."""
        return {"open, though known": self.undecided - self.open}

    def row(self) -> str:
        """Its figures, under the heading that main prints."""
        right, amiss = self.must & self.found, self.amiss()
        precision = len(right) / len(self.found) if self.found else 1.0
        recall = len(right) / len(self.must) if self.must else 1.0
        counts = (self.must, self.found, right, amiss["missed"], amiss["wrong"])
        undecided = f"{len(self.undecided)} of {len(self.open)}"
        return "".join(f"{len(items):7}" for items in counts) + f"{undecided:>11}{precision:11.3f}{recall:8.3f}"


def expected(subjects: list[dict[str, Any]], plan: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """(rule, address, known) of each finding that must come (known) and each question that must stay open."""
    ranges = ip_rules(plan)
    for subject in subjects:
        address, violates, unknown = subject["address"], subject["violates"], subject.get("unknown", ())
        for idea, rule in RULES.items():
            if idea in violates or idea in unknown:
                yield rule, address, idea in violates
        if subject["type"] == "azurerm_key_vault" and "public-network-access" in violates:
            yield from expected_exposure(address, violates, unknown, ranges.get(address, []))


def expected_exposure(
    address: str, violates: list[str], unknown: list[str], ranges: list[str]
) -> Iterator[tuple[str, str, bool]]:
    """The same for a vault whose public endpoint is on; where it is off, the other gates do not matter."""
    if "network-default-allow" in violates:
        yield WORLD, address, True
    elif "network-default-allow" in unknown:
        yield WORLD, address, False
        yield WIDE, address, False
    elif "network-open-range" in violates:
        yield (WORLD if "0.0.0.0/0" in ranges else WIDE), address, True


def ip_rules(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """The IP ranges that each vault's firewall lets in, by the vault's address."""
    found = {}
    for entry in plan["resource_changes"]:
        if entry["type"] == "azurerm_key_vault":
            firewalls = entry["change"]["after"].get("network_acls") or []
            found[entry["address"]] = [text for firewall in firewalls for text in firewall["ip_rules"]]
    return found


def answers(results: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(rule, address) of each result. A separate access policy stands for its vault, as in the truth table."""
    for result in results:
        rule, address = result["ruleId"], result["resource"]
        policy = POLICY.match(address)
        if policy:
            vault = f"{policy['module'] or ''}azurerm_key_vault.{policy['name']}"
            address = f'{vault}["{policy["key"]}"]' if policy["name"] == "shared" else vault
        yield rule, address


def check(plan: Path) -> dict[str, Any]:
    """kvlint's JSON report on ``plan``."""
    done = subprocess.run([sys.executable, "-m", "kvlint", "-f", "json", str(plan)], capture_output=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"kvlint ended with {done.returncode}: {done.stderr.decode()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def tally(kvgen: Path, count: int, seeds: list[int]) -> tuple[dict[str, Tally], set[str]]:
    """The tallies by rule id, and all ideas that the generator knows."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    ideas: set[str] = set()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            plan = inputs.write_plan(kvgen, Path(folder), count, seed)
            truth = json.loads((plan.parent / "truth.json").read_bytes())
            ideas |= set(truth["ideas"])
            for rule, address, known in expected(truth["subjects"], json.loads(plan.read_bytes())):
                (tallies[rule].must if known else tallies[rule].open).add(f"seed {seed}: {address}")
            report = check(plan)
        for rule, address in answers(report["findings"]):
            tallies[rule].found.add(f"seed {seed}: {address}")
        for rule, address in answers(report["undecided"]):
            tallies[rule].undecided.add(f"seed {seed}: {address}")
    return tallies, ideas


def main() -> int:
    """Score all seeds together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvgen", type=inputs.generator, required=True, help="folder of the generator (its gen.py)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--count", type=int, default=100, help="vaults in each plan")
    parser.add_argument("--show", type=int, default=3, help="examples of each kind of mistake")
    args = parser.parse_args()
    tallies, ideas = tally(args.kvgen, args.count, args.seeds)
    print(f"{'idea':26} {'rule':5}  truth  found  right missed  wrong  undecided  precision  recall")
    perfect = True
    for label, rule in [*RULES.items(), *((label, rule) for rule, label in EXPOSURE.items())]:
        print(f"{label:26} {rule}{tallies[rule].row()}")
        amiss = tallies[rule].amiss()
        perfect = perfect and not any(amiss.values())
        for kind, items in (amiss | tallies[rule].unsure()).items():
            for item in sorted(items)[: args.show]:
                print(f"    {kind}: {item}")
    print(f"(the last two rows answer {', '.join(GATES)} together)")
    print(f"not covered: {', '.join(NOT_COVERED)}")
    forgotten = sorted(ideas - {*RULES, *GATES, *NOT_COVERED})
    if forgotten:
        print(f"neither covered nor named here: {', '.join(forgotten)}")
    return 0 if perfect and not forgotten else 1


if __name__ == "__main__":
    sys.exit(main())
