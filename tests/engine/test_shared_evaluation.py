"""Attributes that resources have in common are evaluated once, with the results of separate evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import is_local, required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.model.resource import Resource
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, ItemsCondition, Linked, Not, Rule
from azkvlint.model.value import MapValue
from azkvlint.readers.plan.read import read_plan

if TYPE_CHECKING:
    from tests.engine.conftest import Build

VAULT = "Microsoft.KeyVault/vaults"


PATHS = ["name", "id", "parent", "scope", "provider", "tags.a", "properties.a", "properties.l", "derived.exposure"]
PATHS += ["derived.plannedAction", "properties.value"]


def _attribute(text: str, operator: tuple[str, str, str | None]) -> Condition:
    name, operand, default = operator
    return AttributeCondition(path=tuple(text.split(".")), text=text, operator=name, operand=operand, default=default)


def _items(quantifier: str, where: Condition) -> Condition:
    return ItemsCondition(quantifier=quantifier, path=("properties", "l"), text="properties.l", where=where)


def _linked(direction: str, where: Condition) -> Condition:
    return Linked(direction=direction, types=(VAULT,), via="parent", where=where)


OPERATIONS = [("equals", "x", None), ("equals", "x", "x"), ("is", "set", None), ("is", "absent", None)]
LEAVES: st.SearchStrategy[Condition] = st.builds(_attribute, st.sampled_from(PATHS), st.sampled_from(OPERATIONS))
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(below, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        below.map(Not),
        st.builds(_items, st.sampled_from(["some", "every"]), below),
        st.builds(_linked, st.sampled_from(["linked_from", "links_to"]), below),
    ),
    max_leaves=6,
)
WORDS = st.sampled_from(["x", "y", None, "?"])
OWN = st.fixed_dictionaries(dict.fromkeys(("name", "id", "parent", "scope", "provider"), WORDS))
COMMON = st.fixed_dictionaries(dict.fromkeys(("tags", "a", "l", "action"), WORDS))


def meant(build: Build, word: str | None) -> Any:
    return build.unknown if word == "?" else word


def resource_with_common(
    build: Build, number: int, own: dict[str, Any], common: MapValue, exposure: str | None
) -> Resource:
    """A resource that says ``common`` and has links and derived attributes of its own."""
    resource = build.resource(f"kv{number}", **{name: meant(build, word) for name, word in own.items()})
    derived = common.fields["derived"]
    assert isinstance(derived, MapValue)
    more = build.value({"exposure": meant(build, exposure)})
    assert isinstance(more, MapValue)
    fields = {**common.fields, **resource.attributes.fields}
    fields["derived"] = msgspec.structs.replace(derived, fields={**derived.fields, **more.fields})
    attributes = msgspec.structs.replace(resource.attributes, fields=fields)
    return msgspec.structs.replace(resource, attributes=attributes, shared_attributes=common)


@given(
    st.lists(CONDITIONS, min_size=2, max_size=4),
    st.lists(st.tuples(OWN, st.integers(0, 1), WORDS, st.sampled_from([(), (0,), (1,)])), min_size=2, max_size=5),
    st.tuples(COMMON, COMMON),
)
def test_shared_attributes_do_not_change_results(
    build: Build, conditions: list[Condition], resources: list[Any], said: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    commons = []
    for words in said:
        common = build.value(
            {
                "tags": {"a": meant(build, words["tags"])},
                "properties": {"a": meant(build, words["a"]), "l": [meant(build, words["l"])] if words["l"] else None},
                "derived": {"plannedAction": meant(build, words["action"])},
            }
        )
        assert isinstance(common, MapValue)
        commons.append(common)
    made = [
        resource_with_common(build, number, own, commons[which], exposure)
        for number, (own, which, exposure, _) in enumerate(resources)
    ]
    names = [f"kv{i}" for i in range(len(made))]
    references = tuple(
        build.reference(f"kv{i}", "parent", targets=(names[target[0]],))
        for i, (_, _, _, target) in enumerate(resources)
        if target
    )
    rules = [build.rule(condition, when=conditions[i - 1], id=f"ABC-{i}") for i, condition in enumerate(conditions)]
    with_common = build.graph(*made, references=references)
    without = build.graph(
        *(msgspec.structs.replace(one, shared_attributes=None) for one in made), references=references
    )
    assert build.evaluate(with_common, *rules) == build.evaluate(without, *rules)


def test_two_rules_do_not_share_results(build: Build) -> None:
    common = build.value({"a": 1})
    assert isinstance(common, MapValue)
    graph = build.graph(
        *(
            msgspec.structs.replace(build.resource(name, a=1), shared_attributes=common)
            for name in ("one", "two", "three")
        )
    )
    rules = build.rule(build.attribute("a", equals=1)), build.rule(build.attribute("a", equals=2), id="ABC-2")
    verdicts = build.evaluate(graph, *rules)
    assert [(finding.rule.id, finding.resource) for finding in verdicts.findings] == [
        ("ABC-2", "one"),
        ("ABC-2", "two"),
        ("ABC-2", "three"),
    ]
    assert verdicts.passed == 3


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("properties.a", True),
        ("tags.name", True),
        ("derived.plannedAction", True),
        ("derived.replacePaths", True),
        ("derived.exposure", False),
        ("derived", False),
        ("derived.deadArgument", True),
        ("properties", False),
        ("properties.value", False),
        ("properties.values", True),
        ("name", False),
        ("parent", False),
    ],
)
def test_path_on_one_resource_is_local(build: Build, path: str, local: bool) -> None:
    condition = build.attribute(path, **{"is": "set"})
    assert is_local(condition) is local
    assert is_local(Not(All((condition,)))) is local
    assert is_local(build.items("some", path, build.attribute("name", equals="x"))) is local
    assert not is_local(build.items("some", path, build.linked("linked_from", VAULT)))


@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.id)
def test_shared_attributes_do_not_change_results_of_built_in_rules(rule: Rule) -> None:
    required, evaluator = with_needs(required_by([rule])), RuleEvaluator([rule])
    for source in (example.sources["plan"] for example in rule.examples if "plan" in example.sources):
        # Each resource twice, so that there is something to share.
        read = read_plan("example", expand(source), required)
        twice = {
            **read.resources,
            **{
                f"{address}-again": msgspec.structs.replace(resource, address=f"{address}-again")
                for address, resource in read.resources.items()
            },
        }
        apart = {address: msgspec.structs.replace(one, shared_attributes=None) for address, one in twice.items()}
        shared, each = (evaluator.evaluate(build_graph(some, required, read.closed)) for some in (twice, apart))
        assert shared == each
