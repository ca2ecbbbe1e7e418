"""From rules and a graph to findings: who is judged by what, and what never changes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from azkvlint.engine.evaluator import RULE_CRASHED, Verdicts
from azkvlint.engine.operators import OPERATORS
from azkvlint.engine.required_attributes import required_by
from azkvlint.model.finding import CALLED, CAUSED, Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import ResourceGraph
from azkvlint.model.rule import All, Not, Rule
from azkvlint.model.value import Scalar

if TYPE_CHECKING:
    from tests.engine.conftest import Build

VAULT = "Microsoft.KeyVault/vaults"
SECRET = "Microsoft.KeyVault/vaults/secrets"
SETTING = "Microsoft.Insights/diagnosticSettings"


def told(verdicts: Verdicts) -> list[tuple[str, str, str]]:
    """Every finding and doubt, in short."""
    return [(f.rule.id, f.outcome.label, f.resource) for f in verdicts.findings + verdicts.unknown]


# --- who is judged ----------------------------------------------------------------------------------------------------


def test_types_are_compared_without_case_and_each_resource_is_evaluated_once(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1), resources=(VAULT, VAULT.upper(), SECRET))
    graph = build.graph(
        build.resource("one", VAULT.lower()), build.resource("two", SECRET), build.resource("three", SETTING)
    )
    verdicts = build.evaluate(graph, rule)
    assert told(verdicts) == [("ABC-1", "fail", "one"), ("ABC-1", "fail", "two")]
    assert verdicts.resource_counts == {VAULT.lower(): 1, SECRET: 1}


def test_existing_resource_is_not_evaluated(build: Build) -> None:
    verdicts = build.evaluate(build.resource(existing=True), build.rule(build.attribute("a", equals=1)))
    assert (told(verdicts), verdicts.resource_counts, verdicts.passed) == ([], {}, 0)


@pytest.mark.parametrize("action", ["delete", "forget"])
def test_removed_resource_is_evaluated_only_by_rules_with_also_removed(build: Build, action: str) -> None:
    condition = build.attribute("a", equals=1)
    rules = build.rule(condition), build.rule(condition, id="ABC-2", also_removed=True)
    verdicts = build.evaluate(build.resource(action=action), *rules)
    assert told(verdicts) == [("ABC-2", "fail", "kv")]
    assert verdicts.resource_counts == {}
    assert told(build.evaluate(build.resource(action="replace"), *rules)) == [
        ("ABC-1", "fail", "kv"),
        ("ABC-2", "fail", "kv"),
    ]


def test_existing_resource_is_evaluated_only_by_rules_with_also_existing(build: Build) -> None:
    condition = build.attribute("a", equals=1)
    rules = build.rule(condition), build.rule(condition, id="ABC-2", also_existing=True)
    verdicts = build.evaluate(build.resource(existing=True), *rules)
    assert told(verdicts) == [("ABC-2", "fail", "kv")]
    assert verdicts.resource_counts == {}


@pytest.mark.parametrize(
    ("when", "require", "outcome"),
    [
        (True, True, "pass"),
        (True, False, "fail"),
        (True, None, "unknown"),
        (False, False, "pass"),
        (False, None, "pass"),
        (None, True, "pass"),
        (None, False, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_when_and_require(build: Build, when: bool | None, require: bool | None, outcome: str) -> None:
    rule = build.rule(build.attribute("r", equals=True), when=build.attribute("w", equals=True))
    says = {name: build.unknown if flag is None else flag for name, flag in (("w", when), ("r", require))}
    verdicts = build.evaluate(build.resource(**says), rule)
    assert told(verdicts) == ([] if outcome == "pass" else [("ABC-1", outcome, "kv")])
    assert verdicts.passed == (outcome == "pass")
    for finding in verdicts.unknown:
        assert {note.attribute for note in finding.evidence} == {
            name for name, flag in (("w", when), ("r", require)) if flag is None
        }


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_rule_that_crashes_is_a_problem_and_the_others_still_run(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_operand: Any) -> Any:
        def judge(found: Any) -> Outcome:
            if found.value == 2:
                raise ValueError("correct-horse")
            return Outcome.FAIL

        return judge

    rules = [
        build.rule(build.attribute("a", matches="x"), id="ABC-1"),
        build.rule(build.attribute("a", equals=1), id="ABC-2"),
    ]
    graph = build.graph(*(build.resource(f"kv{i}", a=i) for i in (1, 2, 3)))
    monkeypatch.setattr("azkvlint.engine.operators.OPERATORS", {**OPERATORS, "matches": breaks})
    verdicts = build.evaluate(graph, *rules)
    (problem,) = verdicts.problems
    assert (problem.code, problem.level) == (RULE_CRASHED, "error")
    assert problem.message == "rule ABC-1 failed on 'kv2': ValueError"
    assert problem.at is not None
    assert problem.at.address == "kv2"
    assert told(verdicts) == [
        ("ABC-1", "fail", "kv1"),
        ("ABC-2", "fail", "kv2"),
        ("ABC-1", "fail", "kv3"),
        ("ABC-2", "fail", "kv3"),
    ]


# --- what rules ask of readers ----------------------------------------------------------------------------------------


def test_required_attributes_include_all_that_conditions_read(build: Build) -> None:
    rule = build.rule(
        All(
            (
                build.attribute("a.b", equals=1),
                build.items(
                    "some",
                    "list",
                    All(
                        (
                            build.attribute("inner", equals=1),
                            build.items("every", "deeper", build.linked("linked_from", SETTING, via="scope")),
                            build.linked("links_to", SECRET, via="derived.x", where=build.attribute("c", equals=1)),
                        )
                    ),
                ),
            )
        ),
        when=Not(build.linked("linked_from", SECRET, via="parent", where=build.attribute("d", equals=1))),
    )
    required = required_by([rule])
    assert required.paths == {
        VAULT.lower(): {("a", "b"), ("list",), ("derived", "x")},
        SETTING.lower(): {("scope",)},
        SECRET.lower(): {("parent",), ("c",), ("d",), ("properties", "value")},
    }
    assert required.reference_paths == {
        "scope": {SETTING.lower()},
        "derived.x": {VAULT.lower()},
        "parent": {SECRET.lower()},
    }


# --- order ------------------------------------------------------------------------------------------------------------


def test_findings_do_not_depend_on_the_order_of_resources_and_references(build: Build) -> None:
    good = build.attribute("good", equals=True)
    rules = [
        build.rule(build.linked("linked_from", SETTING, where=good)),
        build.rule(build.attribute("a", equals=1), id="ABC-2"),
    ]
    resources = [build.resource(f"kv{i}", a=i) for i in range(4)]
    resources += [build.resource(f"ds{i}", SETTING, good=i % 2 == 0) for i in range(4)]
    references = [build.reference(f"ds{i}", targets=(f"kv{i // 2}",)) for i in range(4)]
    references.append(build.reference("ds1", anything=True))

    def marks(seed: int) -> dict[tuple[str, str], tuple[str, str, str]]:
        shuffle = random.Random(seed)  # noqa: S311  # nothing secret
        graph: ResourceGraph = build.graph(
            *shuffle.sample(resources, len(resources)),
            references=tuple(shuffle.sample(references, len(references))),
        )
        verdicts = build.evaluate(graph, *rules)
        return {
            (f.rule.id, f.resource): (f.outcome.label, f.message, f.fingerprint)
            for f in verdicts.findings + verdicts.unknown
        }

    assert all(marks(seed) == marks(0) for seed in range(1, 20))


def test_evaluation_does_not_change_a_rule(build: Build) -> None:
    rule: Rule = build.rule(build.attribute("a", at_least="$n"), parameters=(build.parameter("n", 3),))
    before = msgspec.json.encode(rule)
    graph = build.graph(build.resource(a=2), build.resource("other", a=3))
    first, second = build.evaluate(graph, rule), build.evaluate(graph, rule)
    assert first == second
    assert told(first) == [("ABC-1", "fail", "kv")]
    assert msgspec.json.encode(rule) == before


def test_source_of_a_value_is_a_related_location(build: Build) -> None:
    """Each place once, the nearest first, before the calls; of another resource's values nobody is told."""
    given = Location(path="prod.tfvars", span=(0, 9))
    default = Location(path="variables.tf", span=(5, 9), cause=given)
    one = Scalar(at=Location(path="main.tf", span=(1, 2), cause=default), value=1)
    two = Scalar(at=Location(path="main.tf", span=(3, 4), cause=default), value=1)
    vault = msgspec.structs.replace(build.resource(one=one, two=two), callers=(Location(path="root.tf", span=(7, 8)),))
    rule = build.rule(Not(All((build.attribute("one", equals=1), build.attribute("two", equals=1)))))
    finding = build.finding(vault, rule)
    assert finding.at.cause == default
    assert (finding.resource_at, finding.callers) == (vault.at, vault.callers)
    told = [(note.text, note.at.path) for note in finding.related]
    assert told[:3] == [(CAUSED, "variables.tf"), (CAUSED, "prod.tfvars"), (CALLED, "root.tf")]
    assert [path for text, path in told if text == CAUSED] == ["variables.tf", "prod.tfvars"]
