"""Trees of modules: what a plan says is told on the lines of its source, and the source alone says the same there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.model.finding import CALLED, FROM_PLAN, Finding, Report
from azkvlint.model.location import Location
from tests.moduletrees import Tree, make

pytestmark = pytest.mark.slow(8)

TREES = 200
# What every finding must point at: the head of a block, or what sets an argument of a vault.
HEAD = re.compile(r'\s*(?:resource "azurerm_(?:key_vault|monitor_diagnostic_setting)"|provider "azurerm") ?.*\{')
ARGUMENT = re.compile(
    r"purge_protection|soft_delete|rbac_authorization|enabled_for_deployment|permissions|object_id|who[01]"
)


class LocatedResult(NamedTuple):
    """One rule's answer on one resource, and the line that it is told on."""

    address: str
    rule: str
    outcome: str
    path: str
    line: int


# What the trees are about.
ASKED = tuple(f"KV{number:03}" for number in (*range(1, 7), *range(101, 105), 201, 202, *range(301, 308)))


def told(report: Report) -> list[LocatedResult]:
    """Every answer that is no pass, each resource for itself."""
    return sorted(
        LocatedResult(one.address, finding.rule.id, finding.outcome.label, *line_of(finding.at))
        for finding in all_of(report)
        for one in finding.occurrences
    )


def line_of(at: Location) -> tuple[str, int]:
    assert at.region is not None, at
    return at.path, at.region.start_line


def all_of(*reports: Report) -> Iterator[Finding]:
    for report in reports:
        yield from report.findings
        yield from report.unknown


def check_expected_results(made: Tree, answers: Sequence[LocatedResult]) -> None:
    found = {(one.address, one.rule): one for one in answers}
    assert len(found) == len(answers), "a problem is told twice"
    for key, (outcome, spots) in made.expected.items():
        answer = found.get(key)
        assert ("pass" if answer is None else answer.outcome) == outcome, key
        if answer is not None:
            assert (answer.path, answer.line) in {(spot.path, spot.line) for spot in spots}, key


def points_at_its_subject(made: Tree, finding: Finding, folder: Path) -> None:
    path, line = line_of(finding.at)
    text = (folder / path).read_text(encoding="utf-8").splitlines()[line - 1]
    assert HEAD.match(text) or ARGUMENT.search(text), (finding.rule.id, path, line)
    callers = [(spot.path, spot.line) for spot in made.callers.get(finding.resource, ())]
    assert [line_of(caller) for caller in finding.callers] == callers
    if len(finding.occurrences) == 1:
        assert [line_of(note.at) for note in finding.related if note.text == CALLED] == callers


@pytest.mark.parametrize("seed", range(TREES))
def test_plan_findings_are_located_like_findings_of_the_source(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(seed, tmp_path)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "plan.json").write_text(json.dumps(made.plan, ensure_ascii=False), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    root = made.root or "."
    mapped = check(Config(paths=("plans/plan.json",), source_root=root, select=ASKED))
    alone = check(Config(paths=(root,), select=ASKED))
    assert mapped.problems == alone.problems == ()
    answers = told(mapped)
    check_expected_results(made, answers)
    assert told(alone) == answers
    assert {finding.source for finding in all_of(mapped)} <= {FROM_PLAN}
    if seed % 4 == 0:
        together = check(Config(paths=(root, "plans/plan.json"), source_root=root, select=ASKED))
        assert together.problems == ()
        assert told(together) == answers
        assert {finding.source for finding in all_of(together)} <= {FROM_PLAN}
    for finding in all_of(mapped, alone):
        points_at_its_subject(made, finding, tmp_path)


def test_a_seed_makes_one_tree(tmp_path: Path) -> None:
    one, two = make(5, tmp_path / "one"), make(5, tmp_path / "two")
    assert one.plan == two.plan
    assert one.expected.keys() == two.expected.keys()
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.tf*"))
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_trees_are_of_every_kind(tmp_path: Path) -> None:
    """Or the test above would hold for what is not there."""
    trees = [make(seed, tmp_path / str(seed)) for seed in range(TREES)]
    expected = [(rule, one) for tree in trees for (_, rule), one in tree.expected.items()]
    assert {outcome for _, (outcome, _) in expected} == {"fail", "unknown", "pass"}
    for rule in ("KV001", "KV003", "KV103", "KV201", "KV301", "KV302", "KV303"):
        assert {"fail", "pass"} <= {one.outcome for id_, one in expected if id_ == rule}
    assert {len(callers) for tree in trees for callers in tree.callers.values()} == {0, 1, 2, 3}
    addresses = {address for tree in trees for address in tree.callers}
    for mark in ('["$${a}"]', '["eu.west"]', '["x].module.y["]', '["say \\"hi\\""]', '["日本"]', "[2]", '"].module.'):
        assert any(mark in address for address in addresses), mark
    paths = {spot.path.rpartition("/")[2] for _, one in expected for spot in one.spots if one.outcome == "fail"}
    assert paths == {"main.tf", "variables.tf", "terraform.tfvars"}
