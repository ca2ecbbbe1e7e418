"""Where a finding points in the text of a plan: the line of its resource's address, or of its provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from azkvlint.model.location import Excerpt, Region
from azkvlint.readers.plan.document import DUPLICATES_CHECKED_UP_TO, positions
from azkvlint.readers.plan.read import PlanRead

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

FORMS: dict[str, Callable[[PlanJson], str]] = {
    "minified": lambda plan: json.dumps(plan.document(), separators=(",", ":"), ensure_ascii=False),
    "pretty": lambda plan: json.dumps(plan.document(), indent=2, ensure_ascii=False),
    "tabs": lambda plan: json.dumps(plan.document(), indent="\t", ensure_ascii=False),
    "CRLF": lambda plan: json.dumps(plan.document(), indent=2, ensure_ascii=False).replace("\n", "\r\n"),
    "escaped": lambda plan: json.dumps(plan.document(), indent=2),
    "spaces": lambda plan: json.dumps(plan.document(), separators=(" , ", " : "), ensure_ascii=False),
    "sorted": lambda plan: json.dumps(plan.document(), sort_keys=True, ensure_ascii=False),
}
ADDRESSES = ["azurerm_key_vault.kv", 'azurerm_key_vault.kv["ü😀\\"[0].x"]', 'module.m["😀"].azurerm_key_vault.kv']


class Placed(NamedTuple):
    region: Region
    excerpt: Excerpt


def places(read: PlanRead) -> dict[str, Placed]:
    found = positions(read.plan, read.numbers, list(read.resources))
    return {address: Placed(region, cut()) for address, (region, cut) in found.items()}


def cut(text: str, region: Region, utf16: bool = False) -> str:
    """The text of a region, found by nothing but line ends and columns."""
    lines = text.split("\n")[region.start_line - 1 : region.end_line]
    ends = []
    for column, line in ((region.start_column, lines[0]), (region.end_column, lines[-1])):
        units = line.encode("utf-16-le")
        ends.append(len(units[: 2 * (column - 1)].decode("utf-16-le")) if utf16 else column - 1)
    if len(lines) == 1:
        return lines[0][ends[0] : ends[1]]
    return "\n".join([lines[0][ends[0] :], *lines[1:-1], lines[-1][: ends[1]]])


@pytest.fixture
def full(plan: PlanJson) -> PlanJson:
    plan.resource("azurerm_thing.x", {"text": '😀 }{ \\ " ]', "list": [[], {}, [{"address": "azurerm_key_vault.kv"}]]})
    plan.resource("azurerm_key_vault.kv", {"name": "kv", "address": "azurerm_key_vault.other"})
    plan.resource("azurerm_key_vault.kv", {"name": "kv"}, key='ü😀"[0].x')
    plan.resource("azurerm_key_vault.kv", {"name": "kv"}, module='module.m["😀"]')
    plan.provider("azurerm.west", "~> 4.0")
    plan.provider("module.m:azurerm", "~> 4.0")
    return plan


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_resources_have_their_positions(bom: str, form: str, full: PlanJson, read: Reader) -> None:
    text = FORMS[form](full)
    found = places(read((bom + text).encode()).read)
    assert [address for address in found if "provider" not in address] == ADDRESSES
    for address in ADDRESSES:
        region, excerpt = found[address]
        here = cut(text, region)
        key, _, value = here.partition(":")
        assert (json.loads(key), json.loads(value)) == ("address", address)
        assert excerpt.text == here
        assert cut(text, excerpt.utf16 or region, utf16=True) == here
        around = cut(text, excerpt.context)
        assert excerpt.context_text == around
        assert cut(text, excerpt.context_utf16 or excerpt.context, utf16=True) == around
        assert here in around
        assert '"after"' not in around


@pytest.mark.parametrize("form", FORMS)
def test_deferred_changes_have_their_positions(form: str, full: PlanJson, read: Reader) -> None:
    address = full.resource("azurerm_key_vault.later", {"name": "kv"})
    full.more["deferred_changes"] = [
        {"reason": "absent_prereq", "resource_change": full.changes[0]},
        {"reason": "absent_prereq", "resource_change": full.changes.pop()},
    ]
    text = FORMS[form](full)
    found = places(read(text.encode()).read)
    assert {*found} >= {*ADDRESSES, address}
    for one in (*ADDRESSES, address):
        key, _, value = cut(text, found[one].region).partition(":")
        assert (json.loads(key), json.loads(value)) == ("address", one)


@pytest.mark.parametrize("form", FORMS)
def test_providers_have_their_positions(form: str, full: PlanJson, read: Reader) -> None:
    text = FORMS[form](full)
    found = places(read(text.encode()).read)
    for key in ("azurerm", "azurerm.west", "module.m:azurerm"):
        region, excerpt = found[f"provider.{key}"]
        assert cut(text, region) == excerpt.text == json.dumps(key)
        before = text.split("\n")[: region.start_line]
        before[-1] = before[-1][: region.start_column - 1]
        assert "provider_config" in "\n".join(before)


def test_utf_16_columns_are_set_only_where_they_differ(full: PlanJson, read: Reader) -> None:
    found = places(read(FORMS["pretty"](full).encode()).read)
    assert found["azurerm_key_vault.kv"].excerpt.utf16 is None
    one_line = places(read(FORMS["minified"](full).encode()).read)
    assert one_line["azurerm_key_vault.kv"].excerpt.utf16 is not None


def test_positions_are_found_for_requested_addresses_only(full: PlanJson, read: Reader) -> None:
    plan = read(full).read
    assert list(positions(plan.plan, plan.numbers, [ADDRESSES[1], "azurerm_key_vault.nowhere"])) == [ADDRESSES[1]]
    assert positions(plan.plan, plan.numbers, []) == {}


def test_long_address_is_marked_at_the_start_of_its_entry(plan: PlanJson, read: Reader) -> None:
    """It is marked at the entry's beginning, and nothing behind it is shown."""
    address = plan.resource("azurerm_key_vault.kv", {"name": "kv"}, key="k" * 5000)
    region, excerpt = places(read(plan).read)[address]
    assert cut(plan.text().decode(), region) == excerpt.text == "{"
    assert "change" not in excerpt.context_text


def test_an_entry_that_begins_with_its_change(plan: PlanJson, read: Reader) -> None:
    plan.resource("azurerm_key_vault.kv", {"name": "kv", "tenant_id": "hidden"})
    plan.changes[0] = {"change": plan.changes[0].pop("change"), **plan.changes[0]}
    region, excerpt = places(read(plan).read)["azurerm_key_vault.kv"]
    assert excerpt.text == "{"
    assert excerpt.context != region
    assert len(excerpt.context_text) == 2


@pytest.mark.parametrize("part", [b'"provider_config":', b'"azurerm":'])
def test_duplicate_key_in_a_large_plan_causes_no_error(part: bytes, plan: PlanJson, read: Reader) -> None:
    """Every key of it is not checked, so a provider may have no place; nothing breaks."""
    plan.more["checks"] = "x" * DUPLICATES_CHECKED_UP_TO
    plan.resource("azurerm_key_vault.kv", {"name": "kv"})
    text = plan.text().replace(part, part + b"{}," + part)
    assert "azurerm_key_vault.kv" in places(read(text).read)
