"""Templates that ask for too much, or are shaped as no template is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from azkvlint.derived.build_graph import build_graph
from azkvlint.syntax.json_decoder import JsonDocument
from tests.readers.arm.conftest import EVERYTHING, deployment, read, template, vault

ODD = [5, "x", [1], {"x": 5}, {"x": None}, {"copy": [{"name": "x"}]}, {"copy": 5}, [None], [{}], [{"namespace": 1}]]


def nested(levels: int) -> dict[str, Any]:
    found = template(vault())
    for level in range(levels):
        found = template(deployment(f"d{level}", found))
    return found


def variables(step: str) -> dict[str, Any]:
    return {"v0": "x", **{f"v{n}": step.replace("@", f"variables('v{n - 1}')") for n in range(1, 80)}}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (template(vault(copy={"name": "x", "count": 1_000_000})), "a copy loop has more than"),
        (template(vault(p={"copy": [{"name": "x", "count": 1_000_000, "input": 1}]})), "a copy loop has more than"),
        (nested(100), "nested deeper than 40"),
        (
            template(vault(tags="[variables('v79')]"), variables=variables("[createArray(@, @)]")),
            "values, the limit",
        ),
    ],
)
def test_too_much_is_a_problem(source: Any, why: str) -> None:
    found = read(source)
    assert [(one.code, one.level) for one in found.problems] == [("KVE002", "error")]
    assert why in found.problems[0].message
    assert not found.closed


def test_many_values_in_place_of_resources_are_a_few_problems() -> None:
    source = template(vault())
    source["resources"] += [5] * 10_000
    result = read(source)
    messages = [problem.message for problem in result.problems]
    assert len(messages) == 21
    assert messages[-1] == "more values in place of resources are unknown or not objects, so they were not evaluated"
    assert len(result.resources) == 1
    assert not result.closed


def test_forty_levels_are_read() -> None:
    assert len(read(nested(39)).resources) == 1


def test_resources_read_before_a_limit_are_kept() -> None:
    assert len(read(template(vault("a"), vault("b", copy={"name": "x", "count": 10**6}))).resources) == 1


def test_linked_templates_that_link_two_each() -> None:
    def load(path: str) -> JsonDocument:
        number = int(path.removesuffix(".json")) + 1
        value = template(*(linked(f"{number}.json", name) for name in "ab"))
        return JsonDocument(value, json.dumps(value))

    def linked(path: str, name: str) -> dict[str, Any]:
        properties = {"templateLink": {"relativePath": path}}
        return {"type": "Microsoft.Resources/deployments", "name": name, "properties": properties}

    assert [one.level for one in read(template(linked("0.json", "a")), load=load).problems] == ["error"]


@pytest.mark.parametrize("section", ["parameters", "variables", "functions", "outputs", "definitions", "resources"])
@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_section_of_any_shape_is_read(section: str, odd: Any) -> None:
    name = "[concat(parameters('x'), variables('x'), x.x(), reference('x').outputs.x.value)]"
    source = template(vault(name)) | {section: odd}
    for one in (source, template(deployment("d", source))):
        found = read(one)
        build_graph(found.resources, EVERYTHING, found.closed)


def test_null_in_place_of_resources_is_an_empty_list() -> None:
    for source in (template() | {"resources": None}, template(vault(resources=None))):
        assert not read(source).problems


def test_child_resources_of_many_levels_take_little_time() -> None:
    inner: dict[str, Any] = {"type": "secrets", "name": "s"}
    for _ in range(150):
        inner = {"type": "secrets", "name": "s", "resources": [inner]}
    start = time.process_time()
    assert len(read(template(vault(resources=[inner]))).resources) == 152
    assert time.process_time() - start < 5


@pytest.mark.parametrize("odd", [None, 5, "x", [1], {"value": None}], ids=json.dumps)
def test_function_of_any_shape_is_read(odd: Any) -> None:
    members = {"f": {"parameters": odd, "output": odd}, "g": odd}
    source = template(vault("[concat(n.f(), n.g())]"), functions=[{"namespace": "n", "members": members}])
    assert list(read(source).resources)


def test_growing_unknown_expressions_end() -> None:
    """What is not known keeps the text of its expression, which must not grow without end."""
    found = read(template(vault("[string(variables('v79'))]"), variables=variables("[mul(@, @)]")))
    assert len(found.resources) == 1


@pytest.mark.parametrize(
    "member", ["type", "name", "apiVersion", "copy", "condition", "scope", "properties", "resources"]
)
@pytest.mark.parametrize("odd", [None, 5, "", "/", "[x(", "[x(]", [1], {"count": "x"}, {"a": {}}], ids=json.dumps)
def test_member_of_any_shape_is_read(member: str, odd: Any) -> None:
    for one in (vault(), deployment("d", template(vault()))):
        found = read(template({**one, member: odd}, vault(resources=[{"type": "secrets", "name": "s", member: odd}])))
        build_graph(found.resources, EVERYTHING, found.closed)
