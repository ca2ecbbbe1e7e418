"""What conditions expect, in words that a reader of a report understands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from azkvlint.engine.evidence import Expectation
from azkvlint.engine.findings import expectation
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.engine.schema import OPERATORS
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, ItemsCondition, Linked, Not

CASES: list[tuple[str, Any, str, str]] = [
    ("equals", True, "true", "false"),
    ("equals", "Deny", "Deny", "not Deny"),
    ("in", ("a",), "a", "not a"),
    ("in", ("True", "true", "on"), "True or on", "none of True, true, on"),
    ("in", ("a", "b", "c", "d", "e", "f"), "one of a, b, c, d, and 2 more", "none of a, b, c, d, and 2 more"),
    ("in", (), "", ""),
    ("contains", "x", "a value that contains x", "a value that does not contain x"),
    ("matches", ".+-HSM", "a value that ends with -HSM", "a value that does not end with -HSM"),
    ("matches", "RSA.*", "a value that starts with RSA", "a value that does not start with RSA"),
    ("matches", "P.+", "a duration such as P90D", "a value that is not a duration"),
    ("at_least", 90, "at least 90", "less than 90"),
    ("at_most", 90, "at most 90", "more than 90"),
    ("is", "set", "a value", "no value"),
    ("is", "absent", "no value", "a value"),
    ("length_at_least", 1, "at least one item", "no item"),
    ("length_at_least", 3, "a length of at least 3", "a length of less than 3"),
    ("inside", ("10.0.0.0/8",), "addresses in 10.0.0.0/8", "addresses outside of 10.0.0.0/8"),
    ("overlaps", ("10.0.0.0/8",), "addresses that overlap 10.0.0.0/8", "addresses that do not overlap 10.0.0.0/8"),
    ("has_all", ("a", "b"), "to include a, b", "not to include a, b"),
]


@pytest.mark.parametrize(("operator", "operand", "met", "negated"), CASES)
def test_expectation_is_in_words(operator: str, operand: Any, met: str, negated: str) -> None:
    assert expectation(operator, operand) == Expectation(met, negated)


def test_every_operator_has_words() -> None:
    assert {operator for operator, *_ in CASES} == set(OPERATORS)


def test_pattern_of_the_configuration_is_quoted() -> None:
    assert expectation("matches", "kv-[a-z]+", configured=True).met == "a match of `kv-[a-z]+`"


def test_no_expectation_of_a_rule_is_a_regular_expression() -> None:
    compared = [one for rule in builtin_rules() for top in (rule.when, rule.require) for one in attributes(top)]
    patterns = [one for one in compared if one.operator == "matches" and not str(one.operand).startswith("$")]
    assert len(patterns) > 10
    for one in patterns:
        words = " ".join(msgspec.structs.astuple(expectation(one.operator, one.operand)))
        assert not set("\\[](){}*+?|^") & set(words), one.operand


def attributes(condition: Condition) -> Iterator[AttributeCondition]:
    match condition:
        case AttributeCondition():
            yield condition
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from attributes(part)
        case Not(of=part) | ItemsCondition(where=part) | Linked(where=part):
            yield from attributes(part)
