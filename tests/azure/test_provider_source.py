"""The facts of the tables, compared with the source of the provider azurerm.

``KVLINT_AZURERM`` names a checkout of hashicorp/terraform-provider-azurerm; without it, these tests are skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import NEVER, Field
from tests.azure.test_mapped_attributes import unmapped

SOURCE = os.environ.get("KVLINT_AZURERM", "")
pytestmark = pytest.mark.skipif(not SOURCE, reason="KVLINT_AZURERM does not name a checkout of the provider")
# Code that tells an argument that is not set from a zero value, by type and argument, and why it makes no difference.
TELLS_NULL = {
    # A plan does not keep the value of an omitted argument.
    ("azurerm_logic_app_standard", "key_vault_reference_identity_id"),
    # Set to 2.0 if it is omitted; an empty string is invalid.
    ("azurerm_role_assignment", "condition_version"),
}
_RAW = re.compile(r"[^\n]*(?:GetRawConfig|GetOkExists|GetRawPlan)[^\n]*")
# Arguments that are traced, or that are of another block or type that the same rule covers.
ELSEWHERE = {"custom_data", "user_data", "key_type", "principal_id", "type"}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def sources() -> dict[str, str]:
    """The text of the file of each mapped resource."""
    files = {path.name: path for path in Path(SOURCE, "internal/services").glob("*/*_resource.go")}
    names = {type_: type_.removeprefix("azurerm_") + "_resource.go" for type_ in RESOURCES}
    return {type_: files[name].read_text(encoding="utf-8") for type_, name in names.items() if name in files}


def arguments(fields: Mapping[str, Field]) -> Iterator[tuple[str, Field]]:
    for name, field in fields.items():
        yield name, field
        yield from arguments(field.fields)


def test_provider_does_not_distinguish_null_from_zero_values() -> None:
    found = set()
    for type_, text in sources().items():
        raw = "\n".join(_RAW.findall(text))
        for name, field in arguments(RESOURCES[type_].fields):
            # A check that also compares with the empty string treats both alike.
            if field.zero_is_unset and re.search(rf'"{name}"(?![^\n]*!= "")', raw):
                found.add((type_, name))
    assert found == TELLS_NULL


def test_unmapped_attributes_have_no_argument_in_the_provider() -> None:
    found = set()
    for type_, text in sources().items():
        for path in unmapped(type_):
            name = _SNAKE.sub("_", path.rpartition(".")[2]).lower()
            if name not in ELSEWHERE and re.search(rf'^\s*"{name}":', text, re.MULTILINE):
                found.add((type_, path))
    assert not found


class Schema(NamedTuple):
    """What the provider's schema states of one argument. ``default`` is Go code, empty if there is none."""

    type: str
    default: str
    computed: bool


# Arguments of earlier versions of the provider, or of other types in the same set of rows.
NOT_IN_THIS_VERSION = """
    azurerm_api_management_custom_domain proxy
    azurerm_cdn_frontdoor_profile location
    azurerm_cosmosdb_account managed_hsm_key_id
    azurerm_disk_encryption_set managed_hsm_key_id
    azurerm_eventgrid_system_topic source_arm_resource_id
    azurerm_federated_identity_credential parent_id
    azurerm_key_vault_managed_hardware_security_module_role_definition vault_base_url
    azurerm_log_analytics_workspace internet_ingestion_enabled
    azurerm_log_analytics_workspace internet_query_enabled
    azurerm_monitor_diagnostic_setting metric
    azurerm_monitor_metric_alert location
    azurerm_mssql_managed_instance_transparent_data_encryption managed_hsm_key_id
    azurerm_mssql_server_transparent_data_encryption managed_hsm_key_id
    azurerm_private_dns_a_record resource_group_name
    azurerm_private_dns_a_record zone_name
    azurerm_private_dns_zone_virtual_network_link private_dns_zone_name
    azurerm_private_dns_zone_virtual_network_link resource_group_name
    azurerm_subnet service_endpoints
    azurerm_subscription display_name
"""
# Each of these types has several of the arguments of one set of rows.
ONE_SET = "azurerm_data_factory_linked_service_"
# By what the schema and a row state differently: the type, the argument, and the reason.
DIFFERENT: Mapping[str, str] = {
    "kind": """
        azurerm_key_vault_secret value_wo_version: rules compare it with its previous value only
    """,
    "default": """
        azurerm_container_app_environment_certificate certificate_key_vault.identity: not examined yet
        azurerm_key_vault enabled_for_deployment: the provider sends false
        azurerm_key_vault enabled_for_disk_encryption: the provider sends false
        azurerm_key_vault enabled_for_template_deployment: the provider sends false
        azurerm_key_vault purge_protection_enabled: the provider sends false
        azurerm_key_vault_managed_hardware_security_module purge_protection_enabled: the provider sends false
    """,
    "computed": """
        azurerm_app_configuration_key value: in earlier versions
        azurerm_container_registry encryption: in earlier versions
        azurerm_eventgrid_system_topic source_resource_id: while both names existed
        azurerm_key_vault rbac_authorization_enabled: while both names existed
        azurerm_linux_virtual_machine os_managed_disk_id: not examined yet
        azurerm_log_analytics_workspace_table retention_in_days: in earlier versions
        azurerm_log_analytics_workspace_table total_retention_in_days: in earlier versions
        azurerm_logic_app_standard app_settings: not examined yet
        azurerm_logic_app_standard connection_string: not examined yet
        azurerm_logic_app_standard key_vault_reference_identity_id: other apps compute it
        azurerm_marketplace_role_assignment condition_version: azurerm_role_assignment computes it
        azurerm_marketplace_role_assignment name: azurerm_role_assignment computes it
        azurerm_marketplace_role_assignment role_definition_id: azurerm_role_assignment computes it
        azurerm_marketplace_role_assignment role_definition_name: azurerm_role_assignment computes it
        azurerm_monitor_diagnostic_setting enabled_log: while both names existed
        azurerm_monitor_diagnostic_setting enabled_metric: while both names existed
        azurerm_pim_eligible_role_assignment condition_version: azurerm_role_assignment computes it
        azurerm_subnet address_prefixes: in earlier versions
        azurerm_subnet private_endpoint_network_policies: in earlier versions
        azurerm_virtual_machine storage_data_disk: not examined yet
        azurerm_windows_virtual_machine os_managed_disk_id: not examined yet
    """,
}
_ENTRY = re.compile(r'"([a-z0-9_]+)":\s*(?:&?pluginsdk\.Schema)?\{')
_TYPES = {"Bool": {"boolean", "flag"}, "Int": {"number"}, "Float": {"number"}}


def schemas(text: str) -> dict[str, Schema]:
    """The arguments whose schema is written in a Go file, those in blocks with the names of these."""
    around: list[tuple[str, int]] = []
    found: dict[str, Schema] = {}
    for match in _ENTRY.finditer(text):
        depth, own, end = 0, [], match.end() - 1
        for end in range(match.end() - 1, len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            own += [text[end]] if depth == 1 else []
            if depth == 0:
                break
        while around and around[-1][1] < match.start():
            around.pop()
        around.append((match[1], end))
        body = "".join(own)
        if type_ := re.search(r"\bType:\s*pluginsdk\.Type(\w+)", body):
            default = re.search(r"\bDefault:\s*([^,\n]+),", body)
            computed = bool(re.search(r"Optional:\s*true", body)) and bool(re.search(r"Computed:\s*true", body))
            schema = Schema(type_[1], default[1] if default else "", computed)
            found.setdefault(".".join(name for name, _ in around), schema)
    return found


def rows(fields: Mapping[str, Field], above: str = "") -> Iterator[tuple[str, Field]]:
    for name, field in fields.items():
        yield f"{above}{name}", field
        yield from rows(field.fields, f"{above}{name}.")


def differences(field: Field, schema: Schema) -> Iterator[str]:
    kind = "boolean" if field.boolean else "number" if field.numeric else field.kind
    expected = _TYPES.get(schema.type)
    if kind not in expected if expected else kind in ("boolean", "flag", "number"):
        yield "kind"
    now = [str(default.value) for default in field.defaults if default.until == NEVER]
    literal = schema.default.strip('"')
    # A constant of a client library is not in this checkout.
    is_constant = "(" in literal or (not schema.default.startswith('"') and "." in literal.replace("-1.0", ""))
    if not is_constant and {word.lower() for word in now} != {literal.removesuffix(".0").lower()} - {""}:
        yield "default"
    if schema.computed != field.computed:
        yield "computed"


def test_rows_and_the_schema_of_the_provider_agree() -> None:
    found: set[tuple[str, str, str]] = set()
    absent, compared = set(), 0
    for type_, text in sources().items():
        known = schemas(text)
        for argument, field in rows(RESOURCES[type_].fields):
            schema = known.get(argument)
            if schema is not None:
                compared += 1
                found |= {(what, type_, argument) for what in differences(field, schema)}
            elif "." not in argument and f'"{argument}"' not in text and field.until == NEVER:
                absent.add(f"{type_} {argument}")
    assert compared > 700
    # What a resource only exports is no argument of it.
    exported = {
        one for one in found if one[0] == "computed" and one[2].endswith(("_type", "client_id", "principal_id"))
    }
    expected = {(what, *line.split(":")[0].split()) for what, lines in DIFFERENT.items() for line in _lines(lines)}
    assert found - exported == expected
    assert {one for one in absent if not one.startswith(ONE_SET)} == set(_lines(NOT_IN_THIS_VERSION))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]
