"""The azurerm tables: laws that every table keeps, and facts of Azure's that they state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from azkvlint.azure.azurerm.resources import NOT_EVALUATED, RESOURCES, is_vault_related
from azkvlint.azure.azurerm.table import ArgumentDefault, Field

VAULT_TYPES = """
    key_vault key_vault_access_policy key_vault_key key_vault_secret key_vault_certificate
    key_vault_certificate_issuer key_vault_certificate_contacts key_vault_managed_storage_account
    key_vault_managed_storage_account_sas_token_definition
    key_vault_managed_hardware_security_module key_vault_managed_hardware_security_module_key
    key_vault_managed_hardware_security_module_key_rotation_policy
    key_vault_managed_hardware_security_module_role_assignment
    key_vault_managed_hardware_security_module_role_definition
"""
LINKED_TYPES = """
    monitor_diagnostic_setting role_assignment pim_active_role_assignment pim_eligible_role_assignment
    marketplace_role_assignment role_management_policy role_definition private_endpoint private_dns_zone
    private_dns_zone_virtual_network_link private_dns_a_record subnet virtual_network management_lock
    log_analytics_workspace security_center_subscription_pricing monitor_activity_log_alert
    network_security_perimeter network_security_perimeter_profile network_security_perimeter_access_rule
    network_security_perimeter_association resource_group subscription user_assigned_identity
"""
CONSUMER_TYPES = """
    storage_account_customer_managed_key disk_encryption_set mssql_server_transparent_data_encryption
    mssql_managed_instance_transparent_data_encryption mssql_database kusto_cluster_customer_managed_key
    eventhub_namespace_customer_managed_key servicebus_namespace_customer_managed_key
    log_analytics_cluster_customer_managed_key cognitive_account_customer_managed_key
    data_factory_customer_managed_key data_protection_backup_vault_customer_managed_key
    databricks_workspace_root_dbfs_customer_managed_key synapse_workspace_key netapp_account_encryption
    elastic_san_volume_group storage_account cosmosdb_account container_registry container_group kubernetes_cluster
    recovery_services_vault automation_account app_configuration batch_account cognitive_account
    machine_learning_workspace ai_foundry postgresql_flexible_server mysql_flexible_server mongo_cluster managed_redis
    fluid_relay_server hdinsight_hadoop_cluster hdinsight_hbase_cluster hdinsight_interactive_query_cluster
    hdinsight_kafka_cluster hdinsight_spark_cluster servicebus_namespace healthcare_service storage_encryption_scope
    databricks_workspace
"""
# The ARM paths that several arguments of one resource or block may feed: renamed arguments, lists that are joined,
# and the many arguments that name a key.
SHARED = {
    "clientId",
    "derived.keyId",
    "displayName",
    "keyVaultId",
    "parent",
    "properties.applicationId",
    "properties.criteria.allOf",
    "properties.enableRbacAuthorization",
    "properties.hostnameConfigurations",
    "properties.links",
    "properties.logs",
    "properties.metrics",
    "properties.publicNetworkAccessForIngestion",
    "properties.publicNetworkAccessForQuery",
    "properties.serviceEndpoints",
    "properties.source",
    "properties.typeProperties.connectionString",
    "properties.value",
    "secrets",
}
ROOTS = {
    "clientId", "derived", "displayName", "identity", "kind", "lifetimeAction", "location", "name", "objectId",
    "parent", "policy", "properties", "resourceGroupName", "scope", "sku", "subscriptionId", "tags", "tenantId",
}  # fmt: skip


class Place(NamedTuple):
    """One argument: where the author writes it, and the path from the root of the resource that it goes to."""

    argument: str
    path: str
    field: Field


def places(fields: Mapping[str, Field], argument: str = "", path: str = "") -> Iterator[Place]:
    """All arguments of ``fields``, those inside blocks after their block."""
    for name, field in fields.items():
        here = f"{path}.{field.arm}".strip(".") if field.arm else path
        yield Place(argument + name, here, field)
        yield from places(field.fields, f"{argument}{name}.", here)


def objects(fields: Mapping[str, Field]) -> Iterator[list[str]]:
    """The paths that are written into one object, for every object that the fields make; the outermost comes last."""
    written: list[str] = []
    for field in fields.values():
        if field.arm:
            written.append(field.arm)
            if field.fields:
                yield from objects(field.fields)
        else:
            *others, own = objects(field.fields)
            written += own
            yield from others
    yield written


def find(type_: str, argument: str) -> Place:
    return next(place for place in places(RESOURCES[type_].fields) if place.argument == argument)


def effective(field: Field, version: tuple[int, int]) -> list[object]:
    return [default.value for default in field.defaults if default.since <= version < default.until]


@pytest.mark.parametrize("name", f"{VAULT_TYPES} {LINKED_TYPES} {CONSUMER_TYPES}".split())
def test_arguments_are_mapped(name: str) -> None:
    assert f"azurerm_{name}" in RESOURCES


@pytest.mark.parametrize("type_", RESOURCES)
def test_paths_begin_with_known_properties(type_: str) -> None:
    for argument, path, field in places(RESOURCES[type_].fields):
        assert field.kind == "unmapped" or not field.arm or path.split(".")[0] in ROOTS, argument


@pytest.mark.parametrize("type_", RESOURCES)
def test_only_renamed_arguments_share_a_path(type_: str) -> None:
    for written in objects(RESOURCES[type_].fields):
        shared = {path for path, times in Counter(written).items() if times > 1}
        assert shared <= SHARED


def spelled(field: Field) -> tuple[str, ...]:
    """The defaults in Azure's words."""
    on, off = field.words
    return tuple(str(default.value) if not on else on if default.value else off for default in field.defaults)


@pytest.mark.parametrize("type_", RESOURCES)
def test_arguments_that_share_a_path_agree_on_the_default(type_: str) -> None:
    by_path: dict[str, set[tuple[str, ...]]] = {}
    for _, path, field in places(RESOURCES[type_].fields):
        if field.defaults:
            by_path.setdefault(path, set()).add(spelled(field))
    assert all(len(defaults) == 1 for defaults in by_path.values())


def test_every_consumer_leads_to_its_key() -> None:
    ways = {"derived.keyId": "link", "derived.keyIds": "links", "derived.keyVaultId": "link"}
    for name in CONSUMER_TYPES.split():
        found = [place for place in places(RESOURCES[f"azurerm_{name}"].fields) if place.path in ways]
        assert found, name
        assert all(place.field.kind == ways[place.path] for place in found), name


@pytest.mark.parametrize("name", VAULT_TYPES.split())
def test_everything_in_a_vault_or_pool_has_a_parent(name: str) -> None:
    parents = [place for place in places(RESOURCES[f"azurerm_{name}"].fields) if place.path == "parent"]
    assert bool(parents) == (name not in ("key_vault", "key_vault_managed_hardware_security_module"))
    assert all(place.field.kind == "link" for place in parents)


def _hidden_of_workloads() -> Iterator[tuple[str, str]]:
    """Whatever a linked service or app is given that may be a secret."""
    words = ("password", "connection_string", "connection_string.value", "access_token", "value", "app_settings")
    prefixes = (
        "azurerm_data_factory_linked_",
        "azurerm_linux_",
        "azurerm_windows_",
        "azurerm_function_",
        "azurerm_logic_",
        "azurerm_static_",
    )
    for type_ in (*filter(lambda name: name.startswith(prefixes), RESOURCES), "azurerm_api_management_named_value"):
        for place in places(RESOURCES[type_].fields):
            if place.argument in words and not place.field.fields:
                yield type_, place.argument


def test_secrets_are_never_shown() -> None:
    hidden = {(t, place.argument) for t, m in RESOURCES.items() for place in places(m.fields) if place.field.sensitive}
    assert hidden == {
        *_hidden_of_workloads(),
        ("azurerm_data_factory_linked_custom_service", "type_properties_json"),
        ("azurerm_key_vault_secret", "value"),
        ("azurerm_key_vault_secret", "value_wo"),
        ("azurerm_key_vault_certificate", "certificate.contents"),
        ("azurerm_key_vault_certificate", "certificate.password"),
        ("azurerm_key_vault_certificate_issuer", "password"),
        ("azurerm_key_vault_managed_storage_account_sas_token_definition", "sas_template_uri"),
    }


@pytest.mark.parametrize(
    ("argument", "version", "values"),
    [
        ("soft_delete_enabled", (2, 41), [False]),
        ("soft_delete_enabled", (2, 42), [True]),
        ("soft_delete_enabled", (5, 2), [True]),
        ("enable_rbac_authorization", (3, 116), [False]),
        ("rbac_authorization_enabled", (4, 81), [False]),
        ("rbac_authorization_enabled", (5, 0), []),
        ("purge_protection_enabled", (5, 2), [False]),
        ("soft_delete_retention_days", (4, 0), [90]),
        ("public_network_access_enabled", (3, 0), [True]),
        ("enabled_for_deployment", (4, 0), [False]),
    ],
)
def test_version_decides_the_defaults_of_a_vault(argument: str, version: tuple[int, int], values: list[object]) -> None:
    assert effective(find("azurerm_key_vault", argument).field, version) == values


def test_other_resources_have_defaults() -> None:
    hsm = "azurerm_key_vault_managed_hardware_security_module"
    assert find(hsm, "purge_protection_enabled").field.defaults == (ArgumentDefault(False),)
    assert find("azurerm_monitor_diagnostic_setting", "log.enabled").field.defaults == (ArgumentDefault(True),)
    assert find("azurerm_disk_encryption_set", "auto_key_rotation_enabled").field.defaults == (ArgumentDefault(False),)
    pricing = find("azurerm_security_center_subscription_pricing", "resource_type")
    assert pricing.field.defaults == (ArgumentDefault("VirtualMachines"),)


COMPUTED = """
    key_vault enable_rbac_authorization
    key_vault rbac_authorization_enabled
    key_vault network_acls
    key_vault access_policy
    key_vault_certificate certificate_policy
    role_assignment role_definition_id
    role_assignment role_definition_name
    role_definition assignable_scopes
    monitor_diagnostic_setting enabled_metric
    monitor_diagnostic_setting metric
"""


@pytest.mark.parametrize("line", COMPUTED.strip().splitlines())
def test_argument_is_computed(line: str) -> None:
    name, argument = line.split()
    assert find(f"azurerm_{name}", argument).field.computed


GOES_TO = """
    key_vault network_acls.ip_rules properties.networkAcls.ipRules
    key_vault network_acls.virtual_network_subnet_ids properties.networkAcls.virtualNetworkRules
    key_vault access_policy.key_permissions properties.accessPolicies.permissions.keys
    key_vault_access_policy secret_permissions policy.permissions.secrets
    key_vault_key rotation_policy.expire_after properties.rotationPolicy.attributes.expiryTime
    key_vault_key rotation_policy.automatic.time_before_expiry \
        properties.rotationPolicy.lifetimeActions.trigger.timeBeforeExpiry
    key_vault_certificate certificate_policy.x509_certificate_properties.validity_in_months \
        properties.policy.x509CertificateProperties.validityInMonths
    monitor_diagnostic_setting target_resource_id scope
    private_endpoint private_service_connection.private_connection_resource_id derived.privateLinkServiceId
    private_endpoint private_service_connection.subresource_names derived.groupIds
    storage_account customer_managed_key.key_vault_key_id derived.keyId
"""


@pytest.mark.parametrize("line", GOES_TO.strip().splitlines())
def test_arguments_have_their_paths(line: str) -> None:
    name, argument, path = line.split()
    assert find(f"azurerm_{name}", argument).path == path


def test_blocks_have_constants() -> None:
    rotation = find("azurerm_key_vault_key", "rotation_policy.automatic").field
    assert rotation.constants == {"action.type": "rotate"}
    assert find("azurerm_monitor_diagnostic_setting", "enabled_log").field.constants == {"enabled": True}


def test_key_vault_resources_without_a_table_are_recognized() -> None:
    unknown = ("azurerm_key_vault_new", "azurerm_keyvault", "azurerm_managed_hsm_new")
    assert all(map(is_vault_related, unknown))
    assert not any(map(is_vault_related, ["azurerm_lb", "aws_kms_key", *RESOURCES, *NOT_EVALUATED]))
    assert not NOT_EVALUATED & set(RESOURCES)
