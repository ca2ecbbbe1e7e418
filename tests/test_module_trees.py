"""Trees of modules: what a plan says is told on the lines of its source, and the source alone says the same there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kvlint.check import check
from kvlint.config import Config
from kvlint.folding import MAX_RELATED
from kvlint.model.report import CALLED, FROM_PLAN, Finding, Report
from kvlint.model.source import Location
from tests.moduletrees import FAIL, PASS, UNDECIDED, Tree, make

if TYPE_CHECKING:
    from collections.abc import Mapping

TREES = 200
HEADER = re.compile(r'\s*(?:resource|provider|module) "[^"]+"')


class Told(NamedTuple):
    """One rule's answer on one resource, and the line that it is told on."""

    address: str
    rule: str
    outcome: str
    path: str
    line: int


def told(report: Report) -> list[Told]:
    """Every answer that is no pass, each resource for itself."""
    return sorted(
        Told(one.address, finding.rule.id, finding.outcome.label, *line_of(finding.at))
        for finding in (*report.findings, *report.undecided)
        for one in finding.occurrences
    )


def line_of(at: Location) -> tuple[str, int]:
    assert at.region is not None, at
    return at.path, at.region.start_line


def all_findings(*reports: Report) -> Iterator[Finding]:
    for report in reports:
        yield from report.findings
        yield from report.undecided


@pytest.fixture(scope="module", params=range(TREES))
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Path]:
    folder = tmp_path_factory.mktemp("tree")
    made = make(request.param, folder)
    (folder / "out").mkdir()
    (folder / "out" / "plan.json").write_text(json.dumps(made.plan), encoding="utf-8")
    return made, folder


def test_a_tree(tree: tuple[Tree, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    made, folder = tree
    monkeypatch.chdir(folder)
    root = made.root or "."
    mapped = check(Config(paths=("out/plan.json",), source_root=root))
    alone = check(Config(paths=(root,)))
    together = check(Config(paths=(root, "out/plan.json"), source_root=root))
    assert mapped.problems == alone.problems == together.problems == ()
    answers = told(mapped)
    assert told(alone) == answers
    assert told(together) == answers
    assert len({(one.address, one.rule) for one in answers}) == len(answers)
    assert {finding.source for finding in all_findings(mapped, together)} <= {FROM_PLAN}
    holds_what_is_expected(made, answers)
    lines = Files(folder)
    for finding in all_findings(mapped, alone, together):
        assert HEADER.match(lines.at(finding.at)) or finding_is_on_an_argument(finding, lines.at(finding.at))
        the_calls_are_told(made, finding)


def holds_what_is_expected(made: Tree, answers: Iterable[Told]) -> None:
    found = {(one.address, one.rule): one for one in answers}
    for key, (outcome, spots) in made.expected.items():
        answer = found.get(key)
        assert (PASS if answer is None else answer.outcome) == outcome, key
        if answer is not None:
            assert (answer.path, answer.line) in {(spot.path, spot.line) for spot in spots}, key
