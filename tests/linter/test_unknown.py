"""The law of three outcomes, held against every built-in rule: a value that becomes unknown never turns an answer.

Of each example, every argument and every part of one is made unknown in turn, and all rules are asked again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.linter.unit_result import verdicts_on
from azkvlint.model.rule import Rule
from azkvlint.readers.read_result import plan_result
from azkvlint.syntax.yaml_nodes import compose, data

Place: TypeAlias = tuple[str | int, ...]
Outcomes: TypeAlias = Mapping[tuple[str, str], str]

RULES = builtin_rules()
EVALUATOR, DEMAND = RuleEvaluator(RULES), with_needs(required_by(RULES))
UNKNOWN = "${var.unknown}"
# What is in the state already is known.
ALL_KNOWN = ("no-op", "import", "delete", "forget")


def document(source: str) -> Any:
    root = compose(source).root
    assert root is not None
    return data(root)


SOURCES = [example.sources["plan"] for rule in RULES for example in rule.examples if "plan" in example.sources]
EXAMPLES = [document(source) for source in SOURCES]


def answers(plan: Any) -> tuple[Outcomes, list[str]]:
    """What all rules say of a compact plan, passes left out, and the problems in reading it."""
    read = plan_result("example", expand(json.dumps(plan, ensure_ascii=False)), DEMAND)
    verdicts = verdicts_on(read, DEMAND, EVALUATOR)
    assert not verdicts.problems
    told = verdicts.findings + verdicts.unknown
    return {(f.rule.id, f.resource): f.outcome.label for f in told}, [problem.level for problem in read.problems]


def places(plan: Any) -> Iterator[Place]:
    """Every argument, and every part of one, that may be known only after apply."""
    for address, arguments in plan.items():
        if arguments.get("$action") not in ALL_KNOWN:
            yield from (place for place in _parts(arguments, (address,)) if not _is_written_down(place))


def _parts(value: Any, place: Place) -> Iterator[Place]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        if not str(key).startswith("$"):
            yield (*place, key)
            yield from _parts(part, (*place, key))


def _is_written_down(place: Place) -> bool:
    """A provider's version and blocks cannot be computed, nor can what is said of a variable or an output."""
    section = str(place[0]).partition(".")[0]
    said = section == "variable" or (section == "output" and place[-1] == "sensitive")
    return said or (section == "provider" and len(place) < 4)


def unknown_at(value: Any, place: Place) -> Any:
    """``value`` with one part made unknown; unchanged where there is none."""
    if not place:
        return UNKNOWN
    if isinstance(value, dict):
        return {key: unknown_at(part, place[1:]) if key == place[0] else part for key, part in value.items()}
    if isinstance(value, list):
        return [unknown_at(part, place[1:]) if i == place[0] else part for i, part in enumerate(value)]
    return value


# The first fails in place of the second where it is unknown which of the two fails.
EITHER = {"KV302": "KV304"}


# They leave out the secrets whose value shows that it is none, such as an endpoint: any other is taken to be one.
ABOUT_SECRETS = ("KV601", "KV602")


def turned(before: Outcomes, after: Outcomes, changed: Collection[Place]) -> list[str]:
    """The answers that are another one now, and not merely unknown, where these places are."""
    found = []
    for key in sorted({*before, *after}):
        was, is_now = before.get(key, "pass"), after.get(key, "pass")
        drawn = is_now == "fail" and before.get((EITHER.get(key[0], ""), key[1])) == "fail"
        drawn |= is_now == "fail" and key[0] in ABOUT_SECRETS and (key[1], "value") in changed
        if is_now not in (was, "unknown") and not drawn:
            found.append(f"{key}: {was} became {is_now}")
    return found


def decides_the_resource(plan: Any, place: Place) -> bool:
    """Whether a place holds no answer but the question: what a resource is, and whether it is made or recovered.

    That a secret is a security domain is known by what its value names, and by nothing else.
    """
    part = plan
    for step in place:
        part = part[step]
    text = json.dumps(part)
    words = "createMode" in text or ".security_domain_encrypted_data" in text
    return words or place[-1] == "createMode" or is_type_of_azapi(place)


def is_type_of_azapi(place: Place) -> bool:
    return "azapi_" in str(place[0]) and place[1:] == ("type",)


@pytest.mark.slow(10)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_one_unknown_value_reverses_no_result(rule: Rule) -> None:
    for example in rule.examples:
        if "plan" not in example.sources:
            continue
        plan = document(example.sources["plan"])
        before, _ = answers(plan)
        for place in places(plan):
            after, problems = answers(unknown_at(plan, place))
            if is_type_of_azapi(place):
                assert "error" in problems
            elif not decides_the_resource(plan, place):
                assert not turned(before, after, [place]), (example.title, place)


@given(st.data())
def test_several_unknown_values_reverse_no_result(data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(EXAMPLES))
    choice = [place for place in places(plan) if not decides_the_resource(plan, place)]
    before, _ = answers(plan)
    drawn = data.draw(st.lists(st.sampled_from(choice), min_size=2, max_size=5)) if choice else []
    for place in drawn:
        plan = unknown_at(plan, place)
    after, _ = answers(plan)
    assert not turned(before, after, drawn)
