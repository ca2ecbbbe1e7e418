"""The law of three outcomes for templates: a parameter without a value never turns an answer.

In each rule's ARM example every literal is given by a parameter in turn: with the literal as its default, all answers
stay as they were; without one, no FAIL becomes a PASS and no PASS a FAIL.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.unit_result import verdicts_on
from azkvlint.model.rule import Rule
from azkvlint.readers.reader import Reader
from azkvlint.syntax.json_decoder import decode

Place: TypeAlias = tuple[str | int, ...]
Outcomes: TypeAlias = Mapping[tuple[str, str], str]

RULES = builtin_rules()
WITH_ARM = [rule for rule in RULES if any("arm" in example.sources for example in rule.examples)]
EVALUATOR, DEMAND = RuleEvaluator(RULES), with_needs(required_by(RULES))
# What says which resource it is, or what it is to be judged as; and what a template itself is made of.
NOT_VALUES = {
    "type",
    "apiVersion",
    "name",
    "scope",
    "$schema",
    "contentVersion",
    "dependsOn",
    "createMode",
    "copy",
    "mode",
}
NOT_VALUES |= {"metadata", "expressionEvaluationOptions", "parameters", "variables", "functions", "outputs", "existing"}
TYPES = {str: "string", bool: "bool", int: "int", float: "int"}


def answers(template: Any) -> Outcomes:
    """What all rules say of a template, passes left out."""
    read = Reader(DEMAND, "").template("example", json.dumps(template).encode())
    assert read is not None
    assert [problem for problem in read.problems if problem.level == "error"] == []
    verdicts = verdicts_on(read, DEMAND, EVALUATOR)
    assert not verdicts.problems
    return {(f.rule.id, f.resource): f.outcome.label for f in verdicts.findings + verdicts.unknown}


def literals(plain: Any, place: Place = ()) -> Iterator[Place]:
    """Every literal in the resources of a template that says what a resource is like."""
    parts = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for step, part in parts:
        if step not in NOT_VALUES:
            if isinstance(part, dict | list):
                yield from literals(part, (*place, step))
            elif part is not None and "template" not in place and not (isinstance(part, str) and part[:1] == "["):
                yield (*place, step)


def given(template: Any, place: Place, default: bool) -> Any:
    """The template with the literal at ``place`` given by a parameter."""
    changed = copy.deepcopy(template)
    part = changed
    for step in place[:-1]:
        part = part[step]
    literal = part[place[-1]]
    part[place[-1]] = "[parameters('given')]"
    parameter = {"type": TYPES[type(literal)], **({"defaultValue": literal} if default else {})}
    changed.setdefault("parameters", {})["given"] = parameter
    return changed


# A value that stands in the code is another case than one that a parameter gives, whatever both are.
ABOUT_WHERE_A_VALUE_STANDS = {"KV610", "KV611"}


def turned(before: Outcomes, after: Outcomes) -> list[tuple[str, str]]:
    """The answers that changed from FAIL to PASS or from PASS to FAIL."""
    sides = {"pass", "fail"}
    return [
        question
        for question in before.keys() | after.keys()
        if {before.get(question, "pass"), after.get(question, "pass")} == sides
        and question[0] not in ABOUT_WHERE_A_VALUE_STANDS
        # Where the permission model is unknown, KV302 fails in place of KV304.
        and not (question[0] == "KV302" and before.get(("KV304", question[1])) == "fail")
    ]


def test_rules_have_templates_as_examples() -> None:
    assert len(WITH_ARM) >= 20


@pytest.mark.parametrize("rule", WITH_ARM, ids=lambda rule: rule.id)
def test_parameter_in_place_of_a_literal_reverses_no_result(rule: Rule) -> None:
    for example in rule.examples:
        if "arm" not in example.sources:
            continue
        template = decode(example.sources["arm"].encode()).value
        before = answers(template)
        for place in literals({"resources": template["resources"]}):
            assert answers(given(template, place, default=True)) == before, (example.title, place)
            assert not turned(before, answers(given(template, place, default=False))), (example.title, place)
