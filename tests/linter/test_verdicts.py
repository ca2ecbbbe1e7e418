"""The verdicts of the tables in tests/verdicts: what they test is a reader or a derived attribute, not the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.engine.schema import EXPECTATIONS, LANGUAGES
from azkvlint.linter.rule_tests import run_examples
from azkvlint.model.rule import Example, Rule
from azkvlint.syntax.yaml_nodes import compose, data

RULES = {rule.id: rule for rule in builtin_rules(examples=False)}
TABLES = sorted((Path(__file__).parents[1] / "verdicts").glob("*.yaml"))


def rows() -> list[Any]:
    found = []
    for table in TABLES:
        document = compose(table.read_text(encoding="utf-8"))
        assert document.root is not None, document.faults
        for row in data(document.root):
            (expect,) = set(row) & set(EXPECTATIONS)
            found.append(pytest.param(row, expect, id=f"{table.stem}: {row['rule']}: {row[expect]}"))
    return found


def with_example(row: dict[str, Any], expect: str) -> Rule:
    """The rule of a row, whose only example is the row."""
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in row.get("set", {}).items()}
    example = Example(
        expect=expect,
        title=row[expect],
        sources={language: row[language] for language in LANGUAGES if language in row},
        line=1,
        as_of=row.get("as_of", ""),
        parameters=settings,
    )
    return msgspec.structs.replace(RULES[row["rule"]], examples=(example,))


@pytest.mark.parametrize(("row", "expect"), rows())
def test_row_of_a_table_has_the_expected_result(row: dict[str, Any], expect: str) -> None:
    results = list(run_examples([with_example(row, expect)]))
    assert results
    assert [fault for one in results for fault in one.faults] == []


def test_tables_have_rows() -> None:
    assert len(TABLES) > 1
    assert len(rows()) > 50
