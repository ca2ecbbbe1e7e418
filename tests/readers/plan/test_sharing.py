"""Tables, decoders and mapped values that resources and plans share do not change any attribute."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.model.value import ListValue, Unknown
from azkvlint.readers.plan import document, map_arguments
from azkvlint.readers.plan.map_arguments import ArgumentMaps, PlanArgumentMap, argument_table
from azkvlint.readers.plan.read import LazyFields, read_plan

if TYPE_CHECKING:
    from azkvlint.model.resource import Resource

REQUIRED = with_needs(required_by(builtin_rules()))
EXAMPLES = [
    expand(example.sources["plan"])
    for rule in builtin_rules()
    for example in rule.examples
    if "plan" in example.sources
][::3]


def resources(data: bytes) -> dict[str, Resource]:
    return read_plan("plan.json", data, REQUIRED).resources


class Forgetful(dict[Any, Any]):
    """A cache that never holds anything."""

    def __setitem__(self, key: object, found: object) -> None:
        pass


def test_plans_of_one_process_share_tables() -> None:
    together = [resources(data) for data in EXAMPLES]
    for data, found in zip(EXAMPLES, together, strict=True):
        argument_table.cache_clear()
        assert resources(data) == found


def test_tables_are_built_once_for_the_same_requirements() -> None:
    paths, vias = REQUIRED.paths_of("Microsoft.KeyVault/vaults"), frozenset(REQUIRED.reference_paths)
    assert paths is not None
    first = argument_table("azurerm_key_vault", paths, vias)
    assert argument_table("azurerm_key_vault", frozenset([*paths]), vias) is first
    assert argument_table("azurerm_key_vault", frozenset({("name",)}), vias) is not first


def test_shared_caches_do_not_change_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = [resources(data) for data in EXAMPLES]
    find = ArgumentMaps.find

    def find_without_cache(self: ArgumentMaps, type_: str) -> PlanArgumentMap | None:
        found = find(self, type_)
        if found is not None:
            monkeypatch.setattr(found, "_known", Forgetful())
            monkeypatch.setattr(found, "_expressions", Forgetful())
        return found

    monkeypatch.setattr(map_arguments.ArgumentMaps, "find", find_without_cache)
    assert [resources(data) for data in EXAMPLES] == shared


def two_modules(expressions: list[dict[str, Any]]) -> bytes:
    """Return a plan with one key in each of two modules, with these expressions."""
    changes, calls = [], {}
    for number, written in enumerate(expressions):
        address = f"module.m{number}.azurerm_key_vault_key.k"
        unknown = {"expiration_date": True, "id": True}
        after = {"name": f"k{number}", "key_type": "RSA"}
        changes.append(
            {
                "address": address, "module_address": f"module.m{number}", "mode": "managed",
                "type": "azurerm_key_vault_key", "name": "k",
                "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": unknown},
            }
        )  # fmt: skip
        block = {"address": "azurerm_key_vault_key.k", "type": "azurerm_key_vault_key", "expressions": written}
        calls[f"m{number}"] = {"module": {"resources": [block]}}
    plan = {
        "format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": changes,
        "configuration": {"root_module": {"module_calls": calls}},
    }  # fmt: skip
    return json.dumps(plan).encode()


@pytest.mark.parametrize(
    ("other", "is_shared"),
    [
        ({"expiration_date": {"references": ["time_offset.a.rfc3339"]}, "name": {"constant_value": "k1"}}, True),
        ({"expiration_date": {"references": ["time_offset.b.rfc3339"]}, "name": {"constant_value": "k0"}}, False),
        ({"expiration_date": {}, "name": {"constant_value": "k0"}}, False),
    ],
)
def test_blocks_with_equal_expressions_share_unknown_values(other: dict[str, Any], is_shared: bool) -> None:
    one = {"expiration_date": {"references": ["time_offset.a.rfc3339"]}, "name": {"constant_value": "k0"}}
    first, second = (
        resource
        for resource in resources(two_modules([one, other])).values()
        if resource.declared_as == "azurerm_key_vault_key"
    )
    assert (first.shared_attributes is second.shared_attributes) is is_shared
    expires = [resource.select(("properties", "attributes", "exp")) for resource in (first, second)]
    assert (expires[0] == expires[1]) is is_shared


EAGER = msgspec.structs.replace(REQUIRED, evaluated=None)
LAZY_TYPES = {"azurerm_subnet", "azurerm_virtual_network", "azurerm_resource_group"}


def is_lazy(resource: Resource) -> bool:
    return isinstance(resource.attributes.fields, LazyFields)


def test_lazy_resources_have_the_same_attributes() -> None:
    seen = set()
    for data in EXAMPLES:
        eager = read_plan("plan.json", data, EAGER).resources
        lazy = resources(data)
        assert [*lazy] == [*eager]
        for address, resource in lazy.items():
            same = eager[address]
            # Both are read by the index of a graph, before anything else is.
            for name in ("id", "name"):
                assert resource.select((name,)) == same.select((name,))
            seen |= {resource.declared_as} if is_lazy(resource) else set()
            assert dict(resource.attributes.fields) == dict(same.attributes.fields)
            attributes = {"attributes": same.attributes, "shared_attributes": None}
            assert msgspec.structs.replace(resource, **attributes) == msgspec.structs.replace(same, **attributes)
    assert seen >= LAZY_TYPES


def test_a_large_plan_is_read_without_its_configuration_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [read_plan("plan.json", data, REQUIRED) for data in EXAMPLES]
    monkeypatch.setattr(document, "_LARGE", 0)
    for data, usual in zip(EXAMPLES, kept, strict=True):
        read = read_plan("plan.json", data, REQUIRED)
        assert not read.plan.decoded_configuration
        assert read.secret_texts() == usual.secret_texts()
        for address, resource in usual.resources.items():
            same = read.resources[address]
            assert dict(same.attributes.fields) == dict(resource.attributes.fields)
        assert read.plan.configuration == usual.plan.configuration


def test_results_are_the_same_with_lazy_resources() -> None:
    evaluator = RuleEvaluator(builtin_rules())
    for data in EXAMPLES:
        verdicts = [
            evaluator.evaluate(build_graph(read.resources, required, read.closed))
            for required in (REQUIRED, EAGER)
            for read in [read_plan("plan.json", data, required)]
        ]
        assert verdicts[0] == verdicts[1]


def subnet(after: str) -> bytes:
    change = f'{{"actions": ["create"], "before": null, "after": {after}, "after_unknown": {{"id": true}}}}'
    entry = f'{{"address": "azurerm_subnet.s", "type": "azurerm_subnet", "name": "s", "change": {change}}}'
    return f'{{"format_version": "1.2", "resource_changes": [{entry}], "configuration": {{}}}}'.encode()


def test_attributes_are_mapped_on_first_use() -> None:
    found = resources(subnet('{"name": "app", "service_endpoints": ["Microsoft.KeyVault"]}'))["azurerm_subnet.s"]
    fields = found.attributes.fields
    assert isinstance(fields, LazyFields)
    assert (found.name, found.select(("name",)).text) == ("app", "app")
    assert isinstance(found.select(("id",)), Unknown)
    assert not fields.is_mapped
    endpoints = found.select(("properties", "serviceEndpoints"))
    assert isinstance(endpoints, ListValue)
    assert len(endpoints.items) == 1
    assert fields.is_mapped


@pytest.mark.parametrize("after", ["[]", '{"name": "a", "service_endpoints": [1e999]}'])
def test_lazy_resources_that_cannot_be_read_are_problems(after: str) -> None:
    read = read_plan("plan.json", subnet(after), REQUIRED)
    assert [problem.at.address for problem in read.problems if problem.at] == ["azurerm_subnet.s"]
    assert not read.resources
    assert not read.closed


def test_no_cycle_keeps_a_plan_in_memory() -> None:
    data = subnet('{"name": "app"}')
    gc.disable()
    try:
        before = sys.getrefcount(data)
        read = read_plan("plan.json", data, REQUIRED)
        assert sys.getrefcount(data) > before
        del read
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()
