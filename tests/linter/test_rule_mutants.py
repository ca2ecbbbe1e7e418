"""The changes that mutants of rules are made of. Each rule is held against its mutants in test_rules.py."""

from __future__ import annotations

import pytest

from azkvlint.linter.rule_gates import changed_pattern, changed_value
from azkvlint.model.rule import Operand


@pytest.mark.parametrize(
    ("value", "slips"),
    [
        (90, [89, 91]),
        (True, [False]),
        ("Deny", ["Deny~"]),
        (("a", "b"), [("b",), ("a",)]),
        ((), []),
    ],
)
def test_value_has_its_mutants(value: Operand, slips: list[Operand]) -> None:
    assert [changed for _, changed in changed_value(value)] == slips


@pytest.mark.parametrize(
    ("pattern", "slips"),
    [
        ("a", ["(?!)"]),
        ("a|bc", ["(?!)", "(?!)|bc", "a|(?!)"]),
        ("(a|b)c", ["(?!)", "((?!)|b)c", "(a|(?!))c"]),
        ("(?i)(?:a|[|]|\\|)", ["(?!)", "(?i)(?:(?!)|[|]|\\|)", "(?i)(?:a|(?!)|\\|)", "(?i)(?:a|[|]|(?!))"]),
        ("", []),
    ],
)
def test_pattern_has_its_mutants(pattern: str, slips: list[str]) -> None:
    assert [changed for _, changed in changed_pattern(pattern)] == slips
