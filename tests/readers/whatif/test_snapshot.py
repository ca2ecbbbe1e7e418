"""Bicep's snapshots: everything that a deployment would make, with what is known before it."""

from __future__ import annotations

from typing import Any

import pytest

from azkvlint.model.value import Origin, Unknown
from azkvlint.readers.json_kinds import mentions_snapshot
from azkvlint.readers.whatif import looks_like_snapshot
from azkvlint.util.errors import InputError
from tests.readers.whatif.conftest import ID, KV, read, setting, snapshot, vault

SETTING = f"{KV}/providers/Microsoft.Insights/diagnosticSettings/audit"
# The two ways in which Bicep prints an id whose subscription and group were not given.
FORMATTED = (
    "[format('/subscriptions/{0}/resourceGroups/{1}/providers/Microsoft.KeyVault/vaults/kv', "
    "subscription().subscriptionId, resourceGroup().name)]"
)
CALLED = "[resourceId(subscription().subscriptionId, resourceGroup().name, 'Microsoft.KeyVault/vaults', 'kv')]"


def test_a_predicted_resource_is_a_resource_of_a_template() -> None:
    found = read(snapshot(vault(enablePurgeProtection=None, enableSoftDelete=True)))
    assert found.resource().action is None
    assert found.resource().stays
    assert found.get("id") == ID
    assert found.get("properties.enableSoftDelete") is True
    assert found.get("properties.enablePurgeProtection") is False
    assert found.answer("properties.enablePurgeProtection").origin == Origin.DEFAULT
    assert found.get("derived.plannedAction") is None
    assert found.read.closed
    assert not found.problems


def test_places_are_those_of_the_members() -> None:
    found = read(snapshot({"type": "request@v1"}, vault(enableSoftDelete=True)))
    assert found.resource().at.pointer == ("predictedResources", 1, "id")
    at = found.answer("properties.enableSoftDelete").at
    assert at.pointer == ("predictedResources", 1, "properties", "enableSoftDelete")


@pytest.mark.parametrize("text", [FORMATTED, CALLED])
def test_ids_without_subscription_and_group_are_patterns(text: str) -> None:
    of = f"extensionResourceId({text[1:-1]}, 'Microsoft.Insights/diagnosticSettings', 'audit')"
    found = read(snapshot(vault() | {"id": text}, setting(ID) | {"id": f"[{of}]"}))
    own, scope = found.answer("id"), found.answer("scope", SETTING)
    assert isinstance(own, Unknown)
    assert isinstance(scope, Unknown)
    assert own.pattern == scope.pattern
    assert own.text.endswith("/providers/Microsoft.KeyVault/vaults/kv")


def test_all_ways_to_print_an_id_are_the_same_id() -> None:
    found = read(snapshot(vault() | {"id": FORMATTED}, vault() | {"id": CALLED}))
    one, other = found.answer("id"), found.answer("id", f"{KV} #2")
    assert isinstance(one, Unknown)
    assert isinstance(other, Unknown)
    assert one.pattern == other.pattern


def test_placeholders_of_the_deployment_are_not_known() -> None:
    found = read(snapshot(vault(tenantId="[tenant().tenantId]", a="[parameters('pw')]", b="[newGuid()]", c="[x(]")))
    tenant, parameter, fresh, broken = (found.answer(f"properties.{name}") for name in ("tenantId", "a", "b", "c"))
    assert isinstance(tenant, Unknown)
    assert isinstance(parameter, Unknown)
    assert isinstance(fresh, Unknown)
    assert isinstance(broken, Unknown)
    assert tenant.pattern
    assert parameter.why == "the value of `parameters('pw')` is not shown"
    assert not fresh.pattern


def test_resource_without_a_known_id_is_evaluated() -> None:
    found = read(snapshot(vault() | {"id": "[parameters('id')]"}))
    assert found.resource().name == "kv"
    assert not found.read.closed
    unknown = read(snapshot({"id": "[parameters('id')]", "properties": {}}))
    assert [level for level, _ in unknown.problems] == ["error"]
    assert not unknown.read.closed


def test_resource_of_an_extension_is_not_read() -> None:
    found = read(snapshot({"type": "Microsoft.Graph/applications@v1.0", "properties": {}, "import": {"alias": "g"}}))
    assert not found.read.resources
    assert not found.problems


def test_existing_resource_is_not_evaluated() -> None:
    assert read(snapshot(vault() | {"existing": True})).resource().existing


def test_members_of_a_resource_set_no_derived_attributes() -> None:
    said = {"derived": {"plannedAction": "delete"}, "provider": ID, "scope": ID, "parent": ID}
    found = read(snapshot(vault() | said))
    assert [found.get(name) for name in said] == [None] * 4


def test_diagnostics_are_notes_without_values() -> None:
    found = read(snapshot(vault(), diagnostics=["x Warning C: the parameter 'hunter2' of\na module"]))
    assert found.problems == [("note", "diagnostic of the snapshot: x Warning C: the parameter '...' of a module")]
    assert not found.read.closed


@pytest.mark.parametrize("broken", ["x", None, 1, []])
def test_a_broken_resource_does_not_take_the_others_with_it(broken: Any) -> None:
    found = read(snapshot(broken, vault()))
    assert [level for level, _ in found.problems] == ["error"]
    assert list(found.read.resources) == [KV]
    assert not found.read.closed


@pytest.mark.parametrize("resources", [None, {}, "x", 1])
def test_invalid_snapshot_is_an_error(resources: Any) -> None:
    with pytest.raises(InputError, match="invalid Bicep snapshot"):
        read({"predictedResources": resources})


def test_snapshot_is_recognized_by_its_members() -> None:
    assert looks_like_snapshot(snapshot())
    assert not looks_like_snapshot([snapshot()])
    assert not looks_like_snapshot({"resources": []})
    assert mentions_snapshot(b'{"predictedResources": []}')
    assert mentions_snapshot('{"predictedResources": []}'.encode("utf-16"))
    assert not mentions_snapshot(b"{}")
