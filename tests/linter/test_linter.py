"""The whole run: one input that breaks kvlint does not take the others with it."""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from azkvlint.config.run_config import Config
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter import workers as module
from azkvlint.linter.linter import check, combine, exit_code
from azkvlint.linter.suppressions import policy_of
from azkvlint.linter.unit_result import UnitResult, evaluate_unit
from azkvlint.model.finding import Finding, Outcome, Problem, Report
from azkvlint.model.location import Location, Place, Region, SourceComments, Target
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar
from azkvlint.readers.read_result import ReadResult, RegionLookup
from azkvlint.syntax.texts import Lines

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "careless" / "plan.json"


def test_internal_error_is_a_problem_of_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        shutil.copy(SAMPLE, tmp_path / name)
    whole = check(Config(paths=(str(tmp_path / "b.json"),)))

    def broken(read: ReadResult, *rest: object, **named: object) -> object:
        if read.path.endswith("a.json"):
            raise ValueError("a value of the input: hunter2")
        return evaluate_unit(read, *rest, **named)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(module, "evaluate_unit", broken)
    config = Config(paths=(str(tmp_path),))
    report = check(config)
    assert [finding.message for finding in report.findings] == [finding.message for finding in whole.findings]
    (problem,) = report.problems
    assert problem.at is not None
    assert problem.at.path == "a.json"
    assert problem.message.startswith("internal error: ValueError at test_linter.py:")
    assert "hunter2" not in problem.message + problem.hint
    assert exit_code(report, config) == 3


def test_garbage_of_an_input_is_freed_before_the_end_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line turns Python's garbage collection off, and each root leaves cycles behind."""
    text = """variable "on" {
  default = false
}
module "vault" {
  source = "../vault"
  count  = var.on ? 1 : 0
}
"""
    vault = 'resource "azurerm_key_vault" "kv" {\n  name = var.name\n}\nvariable "name" {\n  default = "kv"\n}\n'
    for name in ("vault", *(f"root{number}" for number in range(20))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(vault if name == "vault" else text)
    monkeypatch.setattr("azkvlint.util.processes._MOST_RECENT", 200)
    collected: list[int] = []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            collected.append(info["collected"])

    gc.collect()
    gc.disable()
    gc.callbacks.append(count)
    try:
        check(Config(paths=(str(tmp_path),), jobs=1))
    finally:
        gc.callbacks.remove(count)
        gc.enable()
    assert len(collected) > 1
    assert sum(collected) > 1_000


# --- units put together -----------------------------------------------------------------------------------------------


def at(path: str, start: int | None) -> Location:
    return Location(path=path, span=None if start is None else (start, start + 1))


def found(address: str, place: Location, **more: Any) -> Finding:
    rule = builtin_rules()[0]
    return Finding(
        rule=rule, outcome=Outcome.FAIL, message=f"'{address}'", arguments=(), resource=address, full_name="", type="",
        declared_as="", at=place, fingerprint="f", **more,
    )  # fmt: skip


def addresses(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.resource, finding.source) for finding in findings]


def test_plan_removes_source_results_of_the_addresses_that_it_decides() -> None:
    told = [found(address, at("main.tf", 1)) for address in ('kv["a"]', "module.m.kv", "other")]
    source = UnitResult(findings=told, unknown=told, suppressed=told, root="infra")
    elsewhere = UnitResult(findings=[found("kv", at("x.tf", 1))], root="x")
    template = UnitResult(findings=[found("kv", at("kv.bicep", 1))])
    plans = [
        UnitResult(
            findings=[found("kv[0]", at("main.tf", 1))], root="infra", from_plan=True, decided=frozenset({"kv"})
        ),
        UnitResult(
            findings=[found("x", at("p.json", None))], root="infra", from_plan=True, decided=frozenset({"other"})
        ),
        UnitResult(findings=[found("y", at("q.json", None))], from_plan=True),
    ]
    for units in ([source, elsewhere, template, *plans], [*plans, template, elsewhere, source]):
        total = combine(units)
        assert sorted(addresses(total.findings)) == [
            ("kv", ""), ("kv", ""), ("kv[0]", ""), ("module.m.kv", ""), ("x", ""), ("y", ""),
        ]  # fmt: skip
        assert addresses(total.unknown) == addresses(total.suppressed) == [("module.m.kv", "")]
    assert addresses(source.findings) == addresses(told), "a unit is left as it is"


def test_a_directive_is_unused_if_no_unit_uses_it() -> None:
    marks = [("m.tf", offset, "KV001") for offset in (9, 1, 5)]
    problems = [Problem(code="KVE007", level="note", message=str(mark)) for mark in marks]
    one = UnitResult(unused=dict(zip(marks, problems, strict=True)), used={marks[0]})
    two = UnitResult(unused={marks[2]: problems[2]}, used={marks[2]})
    assert combine([one, two]).problems == [problems[1]]
    assert combine([two, one]).problems == [problems[1]]
    assert combine([one]).problems == [problems[1], problems[2]]


TEXT = """kv x {
  purge = false # kvlint: ignore[KV001] a sandbox
  rbac = false
} # kvlint: ignore[KV301] of nothing
"""


def read_of(text: str) -> ReadResult:
    """A vault as a reader of some language would give it."""
    path, start, rbac = "infra/main.tf", text.index("purge"), text.index("rbac")

    def value(offset: int) -> Scalar:
        return Scalar(at=at(path, offset), value=False)

    properties = MapValue(
        at=at(path, 0), fields={"enablePurgeProtection": value(start), "enableRbacAuthorization": value(rbac)}
    )
    vault = Resource(
        address="kv.x", type="Microsoft.KeyVault/vaults", name="x", attributes=MapValue(at=at(path, 0), fields={
            "properties": properties, "name": Scalar(at=at(path, 0), value="x")}),
        at=at(path, 0), declared_as="kv", callers=(at("infra/root.tf", 3),),
    )  # fmt: skip
    lines = Lines(text)

    def places(locations: Iterable[Location]) -> RegionLookup:
        wanted = {one.position_key for one in locations}

        def find(one: Location) -> Place | None:
            assert one.position_key in wanted, "nobody has asked for its place"
            return None if one.span is None else (lines.region(*one.span), partial(lines.excerpt, *one.span))

        return find

    comments = tuple(match.span() for match in re.finditer("#.*", text))
    targets = (Target(0, text.index("{"), text.index("}") + 1), Target(start, start + 13, start + 13))
    return ReadResult(
        path="infra", resources={"kv.x": vault}, problems=(), is_complete=True, locate=places, root="infra",
        is_suppressed=lambda *_: False,
        comments={path: SourceComments(text=text, comments=comments, targets=targets)},
    )  # fmt: skip


RULES = tuple(rule for rule in builtin_rules() if rule.id in {"KV001", "KV301"})
POLICY = policy_of(RULES, RULES, date(2026, 11, 24))


@pytest.mark.parametrize("explain", [True, False])
def test_a_comment_suppresses_a_finding_that_is_kept(explain: bool) -> None:
    judged = evaluate_unit(
        read_of(TEXT), with_needs(required_by(RULES)), RuleEvaluator(RULES, explain), explain, POLICY
    )
    (hidden,) = judged.suppressed
    assert (hidden.rule.id, hidden.root) == ("KV001", "infra")
    assert hidden.suppressed is not None
    assert hidden.suppressed.justification == "a sandbox"
    assert (hidden.at.region, hidden.callers[0].region) == (Region(2, 3, 2, 4), Region(1, 4, 1, 5))
    (finding,) = judged.findings
    assert (finding.rule.id, finding.root, finding.suppressed) == ("KV301", "infra", None)
    assert [problem.code for problem in judged.problems] == ["KVE005"]
    assert judged.used == set(judged.unused)
    assert judged.root == "infra"


def test_comments_are_ignored_without_a_policy() -> None:
    judged = evaluate_unit(read_of(TEXT), with_needs(required_by(RULES)), RuleEvaluator(RULES), explain=True)
    assert sorted(finding.rule.id for finding in judged.findings) == ["KV001", "KV301"]
    assert (judged.suppressed, judged.problems, judged.unused) == ([], [], {})


def test_suppressed_findings_do_not_set_the_exit_code() -> None:
    judged = evaluate_unit(read_of(TEXT), with_needs(required_by(RULES)), RuleEvaluator(RULES), True, POLICY)
    report = Report(
        findings=(), unknown=(), problems=(), rules=RULES, sources=("infra",), resource_counts={}, passed=0,
        version="1",
        suppressed=tuple(judged.suppressed),
    )  # fmt: skip
    assert exit_code(report, Config(paths=("x",), strict=True)) == 0
