"""Whatever breaks in a rule's conditions, one of its own examples notices."""

from __future__ import annotations

import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.rule import Operand, Rule

from .mutants import survivors
from .slips import changed_pattern, changed_value


@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.id)
def test_no_mutant_survives(rule: Rule) -> None:
    alive, count = survivors(rule)
    assert not alive
    assert count


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
def test_slips_of_a_value(value: Operand, slips: list[Operand]) -> None:
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
def test_slips_of_a_pattern(pattern: str, slips: list[str]) -> None:
    assert [changed for _, changed in changed_pattern(pattern)] == slips
