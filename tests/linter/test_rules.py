"""The rules that come with kvlint: their examples, one test each, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path as FilePath

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.derived import registry
from azkvlint.derived.consumers import paths_by_type
from azkvlint.derived.registry import Context, DerivedAttribute, DeriveFunction, derived_attributes, reads_of
from azkvlint.engine.rule_store import builtin_rules, select_rules
from azkvlint.linter.rule_gates import GATES, links, unique_fields
from azkvlint.linter.rule_tests import Result, run_examples
from azkvlint.model.resource import Resource
from azkvlint.model.rule import Rule
from azkvlint.model.value import Answer, Path

RULES = builtin_rules()
BY_ID = {rule.id: rule for rule in RULES}


@contextmanager
def recorded() -> Iterator[dict[str, set[tuple[str, Path]]]]:
    """Record which paths of which types (lower case) each derived attribute selects."""
    selected: dict[str, set[tuple[str, Path]]] = {name: set() for name in derived_attributes()}
    running: list[str] = []

    def recording(one: DerivedAttribute) -> DeriveFunction:
        original = one.function()

        def compute(resource: Resource, context: Context) -> Answer:
            running.append(one.name)
            try:
                return original(resource, context)
            finally:
                running.pop()

        return compute

    original = Resource.select

    def select(self: Resource, path: Path) -> Answer:
        if running:
            selected[running[-1]].add((self.type.lower(), path))
        return original(self, path)

    wrapped = {name: recording(one) for name, one in derived_attributes().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Resource, "select", select)
        patch.setattr(registry, "_FUNCTIONS", wrapped)
        yield selected


@cache
def examples() -> tuple[list[Result], dict[str, set[tuple[str, Path]]]]:
    """Run all examples once, and record what derived attributes select."""
    with recorded() as selected:
        return list(run_examples(RULES)), selected


# What the first version promises to answer; other ideas may be covered besides.
NUMBERS = {
    "NET": (1, 2, 3, 4, 8),
    "REC": (1, 2, 3),
    "LOG": (1,),
    "DPA": (1, 2, 3),
    "CPR": (1, 3),
    "KEY": (1, 5, 8),
    "SEC": (1, 2),
    "CRT": (1,),
    "HSM": (1,),
    "NEW": (1, 5, 11, 12, 19, 20, 21, 22, 24, 26, 31, 32),
}
IDEAS = [f"{theme}-{number:02}" for theme, numbers in NUMBERS.items() for number in numbers]


def name_of(result: Result) -> str:
    return f"{result.example.expect}: {result.example.title} ({result.language})"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_have_their_expected_results(rule: Rule) -> None:
    """A test for each of the thousands of examples would take longer than the examples."""
    results = [one for one in examples()[0] if one.rule.id == rule.id]
    assert results
    assert {name_of(one): one.faults for one in results if one.faults} == {}


MOST_LINES_OF_A_FILE = 250
MOST_LINES_OF_ALL = 24_000


def test_rule_files_stay_short() -> None:
    files = sorted(FilePath(__file__).parents[2].joinpath("rules").rglob("KV*.yaml"))
    if not files:
        pytest.skip("there are no rule files here")
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(files) >= len(RULES)
    assert not {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FILE}
    assert sum(lines.values()) < MOST_LINES_OF_ALL


def test_every_example_is_run() -> None:
    assert len(examples()[0]) == sum(len(example.sources) for rule in RULES for example in rule.examples) > 150


@pytest.mark.parametrize("name", derived_attributes())
def test_derived_attributes_declare_the_paths_that_they_read(name: str) -> None:
    reads = dict(reads_of([f"derived.{name}"]))
    # A function may look at what a reader has set in its place; readers set the order whenever it is required. Of
    # another attribute, it looks first whether it is computed already.
    free = {("derived", name), ("derived", "after"), *(("derived", one) for one in derived_attributes()[name].uses)}
    missing = {
        (type_, path)
        for type_, path in examples()[1][name]
        if path not in free
        and not any(path[: len(one)] == one or one[: len(path)] == path for one in reads.get(type_, ()))
    }
    assert missing == set()


@pytest.mark.slow(8)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rules_pass_the_gates(rule: Rule) -> None:
    assert {gate.__name__: list(map(str, gate(rule))) for gate in GATES if [*gate(rule)]} == {}


# --- rules about rules ------------------------------------------------------------------------------------------------


def test_ids_names_and_titles_are_unique_and_in_order() -> None:
    assert [rule.id for rule in RULES] == sorted(rule.id for rule in RULES)
    assert list(map(str, unique_fields(RULES))) == []


@pytest.mark.parametrize("idea", IDEAS)
def test_every_promised_idea_is_covered(idea: str) -> None:
    assert [rule.id for rule in RULES if idea in rule.covers]


def test_rule_files_are_called_as_their_rules() -> None:
    for rule in RULES:
        assert rule.path == f"rules/{rule.path.split('/')[1]}/{rule.id}-{rule.name}.yaml"


def test_default_profile_runs_without_options() -> None:
    assert {rule.profile for rule in select_rules(RULES, (), ())} == {"default"}


# --- consumers of customer-managed keys -------------------------------------------------------------------------------


def feeds(fields: Mapping[str, Field], via: str) -> bool:
    return any(field.arm == via or feeds(field.fields, via) for field in fields.values())


def consumers() -> set[str]:
    """The types of which a table or a template can say which key they are encrypted with, in lower case."""
    ways = ("derived.keyId", "derived.keyIds", "derived.keyVaultId")
    tables = {mapped.type.lower() for mapped in RESOURCES.values() if any(feeds(mapped.fields, way) for way in ways)}
    return tables | set(paths_by_type())


@pytest.mark.parametrize("id_", ["KV004", "KV008", "KV909"])
def test_rules_about_key_consumers_include_every_consumer(id_: str) -> None:
    conditions = (BY_ID[id_].when, BY_ID[id_].require)
    found = [link for condition in conditions for link in links(condition) if link.via.startswith("derived.key")]
    assert {type_.lower() for link in found for type_ in link.types} == consumers()
