"""What-if results: one resource for each change, as it will be once the deployment is over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, Origin, Scalar, Unknown
from azkvlint.readers.json_kinds import mentions_what_if
from azkvlint.readers.whatif import looks_like_what_if
from azkvlint.util.errors import InputError
from tests.readers.whatif.conftest import GROUP, ID, KV, change, read, setting, vault, what_if

PURGE = "properties.enablePurgeProtection"
RBAC = "properties.enableRbacAuthorization"


def test_created_resource_has_its_properties() -> None:
    found = read(what_if(change("Create", vault(enablePurgeProtection=True, sku={"name": "premium"}))))
    assert found.resource().type == "Microsoft.KeyVault/vaults"
    assert found.resource().name == "kv"
    assert found.resource().action == "create"
    assert found.get("id") == ID
    assert found.get(PURGE) is True
    assert found.get("properties.sku.name") == "premium"
    assert found.read.closed
    assert not found.problems


def test_changes_may_be_below_properties() -> None:
    wrapped = {"status": "Succeeded", "properties": {"changes": [change("Create", vault())]}}
    assert read(wrapped).resource().at.pointer == ("properties", "changes", 0, "resourceId")


@pytest.mark.parametrize(
    ("kind", "action"),
    [("Create", "create"), ("modify", "update"), ("NoChange", "no-op"), ("Deploy", "create"), ("Delete", "delete")],
)
def test_actions_have_the_names_of_plans(kind: str, action: str) -> None:
    found = read(what_if(change(kind, vault(), vault())))
    assert found.resource().action == found.get("derived.plannedAction") == action
    assert found.resource().stays is (action != "delete")
    assert not found.resource().existing


def test_places_are_those_of_the_members() -> None:
    found = read(what_if(change("Modify", vault(enableSoftDelete=True), vault(enablePurgeProtection=True))))
    assert found.resource().at.pointer == ("changes", 0, "resourceId")
    assert found.resource().at.address == KV
    after, before = found.answer("properties.enableSoftDelete"), found.answer(PURGE)
    assert after.at.pointer == ("changes", 0, "after", "properties", "enableSoftDelete")
    assert before.at.pointer == ("changes", 0, "before", "properties", "enablePurgeProtection")
    assert list(found.read.files) == [after.at.path]


@pytest.mark.parametrize(
    ("version", "rbac"), [("2023-07-01", False), ("2026-02-01", True), ("[x()]", "?"), (None, "?")]
)
def test_created_resource_has_the_defaults_of_its_api_version(version: Any, rbac: Any) -> None:
    found = read(what_if(change("Create", vault() | {"apiVersion": version})))
    assert found.get(RBAC) == rbac
    assert found.get(PURGE) is False


@pytest.mark.parametrize("kind", ["Modify", "NoChange"])
def test_existing_resource_keeps_missing_properties(kind: str) -> None:
    before = vault(enablePurgeProtection=True, networkAcls={"bypass": "None", "defaultAction": "Allow"})
    after = vault(version="2026-02-01", enablePurgeProtection=None, networkAcls={"defaultAction": "Deny"})
    found = read(what_if(change(kind, after, before)))
    purge = found.answer(PURGE)
    assert isinstance(purge, Scalar)
    assert (purge.value, purge.origin) == (True, "kept")
    assert found.get("properties.networkAcls.defaultAction") == "Deny"
    assert found.get("properties.networkAcls.bypass") == "None"
    assert found.get(RBAC) == "?"
    assert found.get("properties.networkAcls.ipRules") == "?"


def test_kept_policies_are_not_set_by_the_template() -> None:
    found = read(what_if(change("Modify", vault(), vault(accessPolicies=[{"objectId": "o"}]))))
    policies = found.answer("properties.accessPolicies")
    assert isinstance(policies, ListValue)
    assert policies.origin == Origin.KEPT


def test_ignored_resource_is_existing() -> None:
    found = read(what_if(change("Ignore", None, vault(enablePurgeProtection=True)), change("Ignore", None, vault("b"))))
    assert found.resource().existing
    assert found.get(PURGE) is True
    assert found.get(PURGE, "Microsoft.KeyVault/vaults/b") == "?"
    assert not found.problems


def test_deleted_resource_has_its_previous_values() -> None:
    found = read(what_if(change("Delete", None, vault(enablePurgeProtection=True))))
    assert not found.resource().stays
    assert found.get(PURGE) is True
    note = found.answer("derived.plannedAction")
    assert note.note == "the what-if result is Delete"
    assert not read(what_if({"resourceId": ID, "changeType": "Delete"})).problems


def test_changes_with_ids_only_have_unknown_values() -> None:
    kinds = ["Deploy", "Create", "Modify", "NoChange"]
    changes = [{"resourceId": f"{ID}{kind}", "changeType": kind} for kind in kinds]
    found = read(what_if(*changes))
    assert [level for level, _ in found.problems] == ["warning"]
    assert "4 resources have no values" in found.problems[0][1]
    assert all(found.get(PURGE, f"{KV}{kind}") == "?" for kind in kinds)


def test_unsupported_change_is_reported_with_its_reason() -> None:
    scope = f"{ID}/providers/Microsoft.Insights/diagnosticSettings"
    name = "[guid(reference('x').principalId)]"
    changes = [
        change(
            "Unsupported", resourceId=f"[extensionResourceId('{ID}', 'Microsoft.Insights/diagnosticSettings', 'a')]"
        ),
        change("Unsupported", vault(), unsupportedReason="its resource ID\ncannot be 'hunter2' calculated"),
        change("Unsupported", resourceId=name),
    ]
    found = read(what_if(*changes))
    assert found.get("id", f"{KV}/providers/Microsoft.Insights/diagnosticSettings/a") == f"{scope}/a"
    assert found.get("scope", f"{KV}/providers/Microsoft.Insights/diagnosticSettings/a") == ID
    assert found.get(PURGE) == "?"
    assert [level for level, _ in found.problems] == ["warning", "warning", "error"]
    assert "its resource ID cannot be '...' calculated" in found.problems[1][1]
    assert not found.read.closed


def test_unresolved_expressions_are_unknown() -> None:
    text = "[reference('x', '2023-01-01').enabled]"
    found = read(what_if(change("Create", vault(enablePurgeProtection=text, other=text, tenantId="[[x]", list=["[]"]))))
    one, other = found.answer(PURGE), found.answer("properties.other")
    assert isinstance(one, Unknown)
    assert isinstance(other, Unknown)
    assert one.pattern == other.pattern
    assert one.pattern is not None
    assert "reference()" in one.why
    assert found.get("properties.tenantId") == "[x]"
    assert found.get("properties.list") == ["[]"]


def test_secrets_are_hidden() -> None:
    secret = {"id": f"{ID}/secrets/s", "name": "kv/s", "apiVersion": "2023-07-01", "properties": {"value": "hunter2"}}
    found = read(what_if(change("Create", secret)))
    assert found.answer("properties.value", f"{KV}/secrets/s").sensitive
    assert found.get("parent", f"{KV}/secrets/s") == ID
    assert "hunter2" not in repr(found.resource(f"{KV}/secrets/s").attributes)


def test_potential_change_has_a_condition() -> None:
    found = read(what_if(change("Create", vault()), potentialChanges=[change("Create", setting(ID))]))
    assert not found.resource().conditions
    assert found.resource(f"{KV}/providers/Microsoft.Insights/diagnosticSettings/audit").conditions


def test_addresses_are_unique() -> None:
    other = vault() | {"id": ID.replace("/rg/", "/other/")}
    found = read(what_if(change("Create", vault()), change("Create", other)))
    assert list(found.read.resources) == [KV, f"{KV} #2"]
    assert found.get("id", f"{KV} #2") == other["id"]


def test_types_that_no_rule_requires_are_ignored() -> None:
    nothing = RequiredAttributes(paths={}, reference_paths={})
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/sa"
    assert not read(what_if({"resourceId": account, "changeType": "Deploy"}), nothing).problems
    unknown = change("Create", {"id": f"{ID}/things/t"})
    assert [level for level, _ in read(what_if(unknown), nothing).problems] == ["error"]
    harmless = change("Create", {"id": f"{ID}/privateEndpointConnections/t"})
    assert not read(what_if(harmless), nothing).problems


def test_failed_what_if_operation_is_an_error() -> None:
    error = {"code": "InvalidTemplate", "message": "The value 'hunter2' is not valid"}
    found = read(what_if(status="Failed", error=error))
    assert [level for level, _ in found.problems] == ["error", "error"]
    assert "InvalidTemplate: The value '...' is not valid" in found.problems[1][1]
    assert not found.read.closed


@pytest.mark.parametrize(("level", "closed"), [("Warning", False), ("Info", True), (None, False)])
def test_diagnostic_notes_make_companions_unknown(level: Any, closed: bool) -> None:
    diagnostic = {"level": level, "code": "NestedDeploymentShortCircuited", "message": "A nested deployment"}
    found = read(what_if(diagnostics=[diagnostic]))
    assert found.problems == [
        ("note", "diagnostic of the what-if operation: NestedDeploymentShortCircuited: A nested deployment")
    ]
    assert found.read.closed is closed


@pytest.mark.parametrize(
    "broken",
    [
        "x", None, 1, [], {"changeType": "Create"}, {"changeType": "Explode", "resourceId": ID},
        {"changeType": [], "resourceId": ID}, {"changeType": "Create", "resourceId": ID, "after": []},
        {"changeType": "Delete", "resourceId": ID, "before": "x"},
    ],
)  # fmt: skip
def test_a_broken_change_does_not_take_the_others_with_it(broken: Any) -> None:
    found = read(what_if(broken, change("Create", vault())))
    assert [level for level, _ in found.problems] == ["error"]
    assert list(found.read.resources) == [KV]
    assert not found.read.closed


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {"properties": []}, {"properties": {}}, {"resources": []}])
def test_other_documents_are_refused(value: Any) -> None:
    assert not looks_like_what_if(value)
    with pytest.raises(InputError, match="invalid what-if result"):
        read(value)


def test_what_if_result_is_recognized_by_its_structure() -> None:
    assert looks_like_what_if(what_if())
    assert looks_like_what_if({"changes": [change("Create", vault())]})
    assert looks_like_what_if({"status": "Succeeded", "properties": what_if()})
    assert not looks_like_what_if({"changes": ["Fixed a bug"], "version": "1.0"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16"])
def test_what_if_result_is_recognized_by_its_members_in_any_encoding(encoding: str) -> None:
    assert mentions_what_if(json.dumps(what_if(change("Create", vault()))).encode(encoding))
    assert not mentions_what_if(json.dumps({"resources": []}).encode(encoding))


def stack_change(kind: str, after: dict[str, Any] | None, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """One change of a deployment stack."""
    return {
        "id": ID,
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "symbolicName": "vault",
        "changeType": kind,
        "changeCertainty": "definite",
        "managementStatusChange": {"before": "unmanaged", "after": "managed"},
        "denyStatusChange": {"before": None, "after": "none"},
        "resourceConfigurationChanges": {"before": before, "after": after, "delta": []},
    }


def stack(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The what-if result of a deployment stack."""
    return {
        "id": f"{GROUP}/providers/Microsoft.Resources/deploymentStacksWhatIfResults/w",
        "type": "Microsoft.Resources/deploymentStacksWhatIfResults",
        "properties": {
            "provisioningState": "succeeded",
            "changes": {"resourceChanges": list(changes), "denySettingsChange": {"delta": []}},
            "diagnostics": [],
        }
        | more,
    }


@pytest.mark.parametrize(
    ("kind", "action"),
    [("create", "create"), ("modify", "update"), ("noChange", "no-op"), ("delete", "delete"), ("detach", "no-op")],
)
def test_the_changes_of_a_stack(kind: str, action: str) -> None:
    body = vault(enablePurgeProtection=True)
    found = read(stack(stack_change(kind, None if kind in ("delete", "detach") else body, body)))
    assert found.resource().action == action
    assert found.resource().existing is (kind == "detach")
    assert found.get(PURGE) is True
    assert not found.problems


def test_values_in_the_result_of_a_stack_have_their_locations() -> None:
    found = read(stack(stack_change("create", vault(enablePurgeProtection=False))))
    steps = ("properties", "changes", "resourceChanges", 0)
    assert found.resource().at.pointer == (*steps, "id")
    assert found.answer(PURGE).at.pointer == (
        *steps, "resourceConfigurationChanges", "after", "properties", "enablePurgeProtection",
    )  # fmt: skip


def test_potential_change_of_a_stack_has_a_condition() -> None:
    found = read(stack(stack_change("create", vault()) | {"changeCertainty": "potential"}))
    assert found.resource().conditions


def test_a_stack_that_shows_no_values_or_did_not_succeed() -> None:
    bare = stack_change("create", vault()) | {"resourceConfigurationChanges": None}
    found = read(stack(bare, provisioningState="failed", error={"code": "X"}))
    assert isinstance(found.answer(PURGE), Unknown)
    assert [level for level, _ in found.problems] == ["error", "error", "warning"]


@pytest.mark.parametrize("broken", [{"id": None}, {"changeType": "x"}, {"resourceConfigurationChanges": []}])
def test_a_broken_change_of_a_stack(broken: dict[str, Any]) -> None:
    found = read(stack(stack_change("create", vault()) | broken))
    assert [level for level, _ in found.problems] == ["error"]


def test_resources_of_extensions_are_not_those_of_azure() -> None:
    graph = {"changeType": "create", "extension": {"name": "MicrosoftGraph"}, "identifiers": {"displayName": "x"}}
    found = read(stack(graph, stack_change("create", vault())))
    assert list(found.read.resources) == [KV]
    assert not found.problems


def test_what_if_result_of_a_stack_with_its_template_has_its_changes() -> None:
    result = stack(stack_change("create", vault()), template={"resources": [{"type": "Microsoft.KeyVault/vaults"}]})
    assert looks_like_what_if(result)
    assert mentions_what_if(json.dumps(result).encode())
    assert list(read(result).read.resources) == [KV]
