"""Whatever breaks in a rule's conditions, one of its own examples notices."""

from __future__ import annotations

import pytest

from kvlint.engine.builtin import builtin_rules
from kvlint.model.rule import Rule

from .mutants import survivors


@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.id)
def test_no_mutant_survives(rule: Rule) -> None:
    alive, count = survivors(rule)
    assert not alive
    assert count
