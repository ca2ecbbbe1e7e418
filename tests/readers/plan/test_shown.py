"""What a plan shows, held against the secrets that it knows: only what holds one certainly gives it away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.readers.plan.configuration import PlanConfiguration
from azkvlint.readers.plan.document import decode_plan
from azkvlint.readers.plan.origins import VisibleSecrets
from azkvlint.values import origins as value_origins

SECRET = "correct-horse"
FOUND = frozenset({value_origins.SECURE})
OPEN = frozenset({value_origins.FROM_SECRET})


def shown(**parts: Any) -> VisibleSecrets:
    """The values of a plan with one variable that is declared as secret."""
    root = {"variables": {"password": {"sensitive": True}, "region": {}}}
    whole = {
        "format_version": "1.2",
        "resource_changes": [],
        "configuration": {"root_module": root},
        "variables": {"password": {"value": SECRET}, "region": {"value": "westeurope"}},
    }
    plan = decode_plan(json.dumps(whole | parts).encode())
    return VisibleSecrets(PlanConfiguration(plan.configuration), plan)


def output(after: Any, unknown: Any = False) -> dict[str, Any]:
    """A change of the output ``out``."""
    return {"out": {"actions": ["create"], "after": after, "after_unknown": unknown}}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (f"Password={SECRET}", FOUND),
        ({"settings": [{"password": SECRET}]}, FOUND),
        ("UGFzc3dvcmQ9Y29ycmVjdC1ob3JzZQ==", FOUND),
        (True, frozenset({value_origins.RESOURCE})),
        (13, OPEN),
        (None, OPEN),
        ("e3b0c44298fc", OPEN),
        ("westeurope", OPEN),
    ],
)
def test_output_in_the_plan_decides_whether_it_is_the_secret(after: Any, expected: value_origins.Origins) -> None:
    assert shown(output_changes=output(after)).of_output("out", FOUND) == expected


def test_output_known_after_apply_may_be_the_secret() -> None:
    assert shown(output_changes=output(False, unknown=True)).of_output("out", FOUND) == OPEN
    assert shown().of_output("out", FOUND) == OPEN


def test_output_that_refers_to_no_secret_keeps_its_origin() -> None:
    plain = frozenset({value_origins.PARAMETER})
    assert shown(output_changes=output(SECRET)).of_output("out", plain) == plain


def test_secrets_of_the_prior_state_are_known() -> None:
    resources = [
        {"address": "data.azurerm_key_vault_secret.a", "type": "azurerm_key_vault_secret", "mode": "data",
         "values": {"name": "written-here", "value": "battery-staple"}},
    ]  # fmt: skip
    state = {"values": {"root_module": {"child_modules": [{"resources": resources}]}}}
    for after, expected in (("battery-staple", FOUND), ("written-here", OPEN)):
        assert shown(prior_state=state, output_changes=output(after)).of_output("out", FOUND) == expected


def test_a_short_secret_is_part_of_other_texts_by_chance() -> None:
    short = {"password": {"value": "abc"}}
    assert shown(variables=short, output_changes=output("abcdef")).of_output("out", FOUND) == OPEN


def test_argument_of_any_instance_may_be_the_secret() -> None:
    changes = [
        {"address": f'null_resource.a["{key}"]', "type": "null_resource",
         "change": {"actions": ["create"], "after": {"triggers": {"value": value}}}}
        for key, value in (("x", "7"), ("y", SECRET))
    ]  # fmt: skip
    one = shown(resource_changes=changes)
    assert one.of_argument("null_resource.a", "null_resource", "triggers", FOUND) == FOUND
    assert one.of_argument("null_resource.b", "null_resource", "triggers", FOUND) == OPEN


@pytest.mark.parametrize(
    "parts",
    [
        {"output_changes": []},
        {"output_changes": {"out": 1}},
        {"prior_state": 7},
        {"prior_state": {"values": {"root_module": {"resources": [{"address": 1}]}}}},
        {"variables": {"password": 1}},
        {"resource_changes": [{"address": "tls_private_key.a", "type": "tls_private_key", "change": 1}]},
        {"configuration": {"root_module": {"variables": []}}},
    ],
)
def test_broken_parts_of_a_plan_leave_the_origin_unknown(parts: dict[str, Any]) -> None:
    assert shown(**{"output_changes": output("none of it"), **parts}).of_output("out", FOUND) == OPEN


def test_many_values_leave_the_origin_unknown() -> None:
    words = {f"v{number}": {"value": f"{SECRET}-{number}"} for number in range(3000)}
    root = {"variables": {name: {"sensitive": True} for name in words}}
    many = [f"text {number}" for number in range(3000)]
    one = shown(variables=words, configuration={"root_module": root}, output_changes=output([*many, f"{SECRET}-7"]))
    assert one.of_output("out", FOUND) == OPEN
