"""Compare the results of kvlint with those that other tools publish in their tests.

    python benchmarks/agreement.py [--corpora FOLDER]

Every row of ``expected/*.csv`` names a file, a resource, a rule of a peer and its result. If kvlint reads the file and
has an equivalent rule, both results are compared. The exit code is 1 if they differ and docs/peer-disagreements.md does
not explain it, or if that page names a disagreement that does not exist, or a peer rule without an equivalent rule.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from peers import is_about

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.reporters import REPORTERS, Options
from azkvlint.util.text import pluralize

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
PAGE = ROOT / "docs" / "peer-disagreements.md"

# Custom policies have no id that a rule file could name. If several rules are equivalent to one peer rule, the worst of
# their results counts.
OWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "key_vault_purge_protection_disabled": ("KV001",),
    "key_vault_rbac_disabled": ("KV301",),
    "key_vault_restrict_network_access": ("KV101", "KV102"),
    "key_vault_secret_expiry": ("KV601",),
    "naming.key_vault": ("KV018",),
}
# Parameters of rules for values that are part of the custom policies.
SETTINGS = ("KV018.pattern=kv-[a-z0-9-]+",)
# The folders of corpus files that kvlint reads.
READ = ("plan", "tf", "arm", "bicep")
# Parameter files of peer tests that the name of the template does not indicate.
PARAMETERS = {"arm/psrule/Resources.Template2.json": "arm/psrule/Resources.Parameters2.json"}
# Rows with the opposite of the intended result, because the test of the tool expects a mistake of the tool.
INVERTED = frozenset({"CB_AZR_063"})
FAIL, UNKNOWN, PASS, NOT_EVALUATED = "fail", "unknown", "pass", "not evaluated"
_RULE = re.compile(r"\bKV\d{3}\b")
_CODE = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """The published result of a peer: ``expected`` is ``pass`` or ``fail``."""

    file: str
    resource: str
    rule: str
    expected: str

    @property
    def kind(self) -> str:
        """Return the kind of input of the file."""
        return self.file.partition("/")[0]

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the key of the row on the page."""
        return self.file, self.resource, self.rule


class Page(NamedTuple):
    """The page: the disagreements that it explains, with the result of kvlint, and the rules of its second table."""

    disagreements: Mapping[tuple[str, str, str], str]
    checks: tuple[tuple[str, str, tuple[str, ...]], ...]  # tool, id of the peer rule, rules of kvlint


def rule_catalogue() -> list[dict[str, Any]]:
    """Return all rules, as printed by ``kvlint rules``."""
    command = [sys.executable, "-m", "azkvlint", "rules", "-f", "json"]
    rules: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return rules


def expectations(corpora: Path) -> list[Row]:
    """Return all rows of all tables, in order."""
    rows = []
    for table in sorted((corpora / "expected").glob("*.csv")):
        with table.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines):
                what = line["corpus_file"], line["resource_address_or_name"], line["peer_rule_id"], line["expected"]
                rows.append(Row(*what))
    return rows


def answering(rules: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the equivalent rules of kvlint by the id of the peer rule."""
    found: dict[str, list[str]] = defaultdict(list)
    for rule in rules:
        for id_ in sorted({id_ for ids in rule["peers"].values() for id_ in ids}):
            found[id_].append(rule["id"])
    return {id_: tuple(answers) for id_, answers in found.items()} | dict(OWN_NAMES)


@cache
def report_on(corpora: Path, file: str) -> Any:
    """Return the JSON report on a corpus file. It is created in this process, because there are many small files."""
    given = (str(corpora / PARAMETERS[file]),) if file in PARAMETERS else ()
    config = Config(paths=(str(corpora / file),), parameters=given, profiles=("all",), settings=SETTINGS, jobs=1)
    return json.loads(REPORTERS["json"](check(config), Options()))


def verdict(report: Any, resource: str, rules: list[dict[str, Any]]) -> str:
    """Return the worst result of several rules on one resource; PASS only if a resource of their types was evaluated.

    Peers evaluate keys at their vault, so a vault without keys passes.
    """
    ids = {rule["id"] for rule in rules}
    for outcome, results in ((FAIL, report["findings"]), (UNKNOWN, report["unknown"])):
        told = [result | one for result in results if result["ruleId"] in ids for one in result["occurrences"]]
        if any(is_about(result, resource) for result in told):
            return outcome
    types = {type_ for rule in rules for type_ in rule["resources"]}
    judged = report["summary"]["evaluatedResources"]
    return PASS if any(f"{type_}/".startswith(f"{one}/") for one in judged for type_ in types) else NOT_EVALUATED


def table_rows(text: str, heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table below a heading, without the header."""
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def read_page(page: Path) -> Page:
    """Return the two tables of the page."""
    text = page.read_text(encoding="utf-8")
    disagreements = {}
    for file, resource, rule, _, word, _ in table_rows(text, "In their own tests"):
        disagreements[file.strip("`"), resource.strip("`"), rule.strip("`")] = word
    checks = []
    for tool, ids, _, answer in table_rows(text, "By design"):
        checks += [(tool, id_, tuple(_RULE.findall(answer))) for id_ in _CODE.findall(ids)]
    return Page(disagreements, tuple(checks))


def compare(
    rows: list[Row], answers: Mapping[str, tuple[str, ...]], by_id: Mapping[str, Any], corpora: Path, page: Page
) -> Iterator[str]:
    """Print the results side by side, and yield the faults."""
    used = set()
    print(f"{'peer rule':38} {'peer':5} {'kvlint':13} {'rules':14} resource")
    for row in rows:
        rules = answers.get(row.rule)
        if row.kind not in READ or rules is None or row.rule in INVERTED:
            continue
        said = verdict(report_on(corpora, row.file), row.resource, [by_id[rule] for rule in rules])
        named = page.disagreements.get(row.key)
        mark = ""
        if said != row.expected:
            used.add(row.key)
            mark = f"  ({'explained' if named == said else 'NOT EXPLAINED'})"
            if named != said:
                yield f"{row.file}: {row.rule} expects {row.expected} for {row.resource}, kvlint reports {said}"
        print(f"{row.rule:38} {row.expected:5} {said:13} {', '.join(rules):14} {row.file}: {row.resource}{mark}")
    for key in page.disagreements.keys() - used:
        yield f"{PAGE.name} names a disagreement that does not exist: {', '.join(key)}"


def check_page(page: Page, rules: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the statements of the page about peer rules that are not in a rule file."""
    peers = {rule["id"]: rule["peers"] for rule in rules}
    for tool, id_, answers in page.checks:
        if not any(id_ in peers.get(rule, {}).get(tool, ()) for rule in answers):
            yield f"{PAGE.name}: no rule of {', '.join(answers) or 'none'} names {id_} of {tool} among its peers"


def not_compared(rows: list[Row], answers: Mapping[str, tuple[str, ...]]) -> None:
    """Print the number of rows that are not compared, and the reasons."""
    unread = Counter(row.kind for row in rows if row.kind not in READ)
    unanswered = Counter(row.rule for row in rows if row.kind in READ and row.rule not in answers)
    inverted = Counter(row.rule for row in rows if row.rule in INVERTED)
    for label, counts in (("no equivalent rule", unanswered), ("not read", unread), ("inverted", inverted)):
        told = (f"{name} ({pluralize(count, 'row')})" for name, count in sorted(counts.items()))
        print(f"{label}: {', '.join(told) or '-'}")


def main() -> int:
    """Compare all rows, check the page, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with expected/ and its input files")
    args = parser.parse_args()
    rows = expectations(args.corpora)
    if not rows:
        parser.error(f"'{args.corpora}' does not contain expected/*.csv")
    rules = rule_catalogue()
    answers, page = answering(rules), read_page(PAGE)
    amiss = [
        *compare(rows, answers, {rule["id"]: rule for rule in rules}, args.corpora, page),
        *check_page(page, rules),
    ]
    not_compared(rows, answers)
    for fault in amiss:
        print(f"fault: {fault}")
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
