"""A value that decides and is not known leaves the question undecided: held against every rule's own examples.

Each example is read by the reader of its language. Then each value of its resources is made unknown in turn, and so is
each attribute that the rule asks for and nobody sets, and the rule is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
import pytest

from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import verdicts_on
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.rule import EXAMPLE_DAY, Example, Rule
from azkvlint.model.value import ListValue, MapValue, Path, Unknown, Value
from azkvlint.readers.read_result import ReadResult

RULES = builtin_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_deciding_value_that_is_unknown_leaves_the_question_undecided(rule: Rule) -> None:
    for expect in ("fails", "passes"):
        examples = [example for example in rule.examples if example.expect == expect]
        assert any(_is_left_undecided(rule, example, language) for example in examples for language in example.sources)


def _is_left_undecided(rule: Rule, example: Example, language: str) -> bool:
    """Whether there is a value in the example that decides: with it unknown, the question is undecided."""
    required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
    evaluator = Evaluator([with_parameters(rule, example.parameters)])
    read = read_example(language, example.sources[language], required)
    before = _outcomes(read, required, evaluator)
    return any(
        after.get(address) == "undecided" and before.get(address) != "undecided"
        for changed in _changed(read, required)
        for after in [_outcomes(changed, required, evaluator)]
        for address in after
    )


def _outcomes(read: ReadResult, required: RequiredAttributes, evaluator: Evaluator) -> Mapping[str, str]:
    """The answers about each resource, passes left out."""
    verdicts = verdicts_on(read, required, evaluator)
    assert not verdicts.problems
    return {one.resource: one.outcome.label for one in verdicts.findings + verdicts.undecided}


def _changed(read: ReadResult, required: RequiredAttributes) -> Iterator[ReadResult]:
    """What was read, with one value unknown."""
    for address, resource in read.resources.items():
        asked = {path for path in required.paths_of(resource.type) or () if path and path[0] != "derived"}
        for path in sorted(asked | set(_paths(resource.attributes, ())), key=str):
            attributes = _with_unknown(resource.attributes, path)
            changed: Resource = msgspec.structs.replace(resource, attributes=attributes, shared_attributes=None)
            yield _with_resources(read, {**read.resources, address: changed})


def _with_resources(read: ReadResult, resources: dict[str, Resource]) -> ReadResult:
    return msgspec.structs.replace(read, resources=resources)


def _paths(value: Value, path: Path) -> Iterator[Path]:
    """Every place in a value."""
    if path:
        yield path
    match value:
        case MapValue(fields=fields):
            for name, field in fields.items():
                yield from _paths(field, (*path, name))
        case ListValue(items=items):
            for at, item in enumerate(items):
                yield from _paths(item, (*path, at))


def _with_unknown(value: Any, path: Path) -> Any:
    """``value`` with what is at ``path`` unknown, whether it was there or not."""
    if not path:
        return Unknown(at=value.at, why="nobody knows")
    step = path[0]
    if isinstance(value, MapValue):
        inner = value.fields.get(str(step), MapValue(at=value.at, fields={}))
        return msgspec.structs.replace(value, fields={**value.fields, str(step): _with_unknown(inner, path[1:])})
    if isinstance(value, ListValue) and isinstance(step, int) and step < len(value.items):
        items = list(value.items)
        items[step] = _with_unknown(items[step], path[1:])
        return msgspec.structs.replace(value, items=tuple(items))
    return value
