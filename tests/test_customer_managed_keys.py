"""Every service that can be encrypted with a customer's key: without one, with one, and where nobody knows.

What each service is asked in stands here once more, in the words of the provider and of Azure: a row of the table of
services that is wrong, or missing, shows.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from azkvlint.azure.services import SERVICES
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.unit_result import evaluate_unit
from azkvlint.readers.reader import Reader

RULE = next(rule for rule in builtin_rules() if rule.id == "KV901")
URL = "https://kv.vault.azure.net/keys/cmk"
SETS = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/d"

# The azurerm type; what its author writes besides the key; how the key is written, KEY standing for its URL, SET for
# the id of a disk encryption set, WORD for a word that may be a variable. After a plus: by a resource of that
# type, which names OWN, the one without a key.
TERRAFORM = """
app_configuration | sku = "standard" | encryption { key_vault_key_identifier = KEY }
automation_account | | encryption { key_vault_key_id = KEY }
batch_account | | encryption { key_vault_key_id = KEY }
bot_service_azure_bot | | cmk_key_vault_key_url = KEY
bot_channels_registration | | cmk_key_vault_url = KEY
managed_redis | | customer_managed_key { key_vault_key_id = KEY }
cognitive_account | | customer_managed_key { key_vault_key_id = KEY }
cognitive_account | | + cognitive_account_customer_managed_key cognitive_account_id = OWN; key_vault_key_id = KEY
ai_services | | customer_managed_key { key_vault_key_id = KEY }
managed_disk | create_option = "Empty" | disk_encryption_set_id = SET
managed_disk | create_option = "FromImage" | secure_vm_disk_encryption_set_id = SET
linux_virtual_machine | | os_disk { disk_encryption_set_id = SET }
windows_virtual_machine | | os_disk { disk_encryption_set_id = SET }
linux_virtual_machine_scale_set | | os_disk { disk_encryption_set_id = SET }
windows_virtual_machine_scale_set | | os_disk { disk_encryption_set_id = SET }
container_group | | key_vault_key_id = KEY
container_registry | sku = "Premium" | encryption { key_vault_key_id = KEY }
kubernetes_cluster | | disk_encryption_set_id = SET
mysql_flexible_server | | customer_managed_key { key_vault_key_id = KEY }
mysql_flexible_server | | customer_managed_key { managed_hsm_key_id = KEY }
mysql_server | | + mysql_server_key server_id = OWN; key_vault_key_id = KEY
postgresql_flexible_server | | customer_managed_key { key_vault_key_id = KEY }
postgresql_server | | + postgresql_server_key server_id = OWN; key_vault_key_id = KEY
data_factory | | customer_managed_key_id = KEY
data_factory | | + data_factory_customer_managed_key data_factory_id = OWN; customer_managed_key_id = KEY
data_protection_backup_vault | | \
    + data_protection_backup_vault_customer_managed_key data_protection_backup_vault_id = OWN; key_vault_key_id = KEY
databricks_workspace | sku = "premium" | managed_services_cmk_key_vault_key_id = KEY
databricks_workspace | sku = "premium" | managed_disk_cmk_key_vault_key_id = KEY
databricks_workspace | sku = "premium" | \
    + databricks_workspace_root_dbfs_customer_managed_key workspace_id = OWN; key_vault_key_id = KEY
databricks_workspace | sku = "premium" | \
    + databricks_workspace_customer_managed_key workspace_id = OWN; key_vault_key_id = KEY
cosmosdb_account | | key_vault_key_id = KEY
cosmosdb_account | | managed_hsm_key_id = KEY
mongo_cluster | | customer_managed_key { key_vault_key_id = KEY }
elastic_san_volume_group | elastic_san_id = "s" | encryption_type = WORD:EncryptionAtRestWithCustomerManagedKey
eventhub_namespace | sku = "Premium" | \
    + eventhub_namespace_customer_managed_key eventhub_namespace_id = OWN; key_vault_key_ids = [KEY]
fluid_relay_server | | customer_managed_key { key_vault_key_id = KEY }
hdinsight_hadoop_cluster | | disk_encryption { key_vault_key_id = KEY }
hdinsight_hbase_cluster | | disk_encryption { key_vault_key_id = KEY }
hdinsight_interactive_query_cluster | | disk_encryption { key_vault_key_id = KEY }
hdinsight_kafka_cluster | | disk_encryption { key_vault_key_id = KEY }
hdinsight_spark_cluster | | disk_encryption { key_vault_key_id = KEY }
healthcare_service | | cosmosdb_key_vault_key_versionless_id = KEY
healthcare_dicom_service | workspace_id = "w" | encryption_key_url = KEY
monitor_scheduled_query_rules_alert_v2 | | workspace_alerts_storage_enabled = WORD:true
kusto_cluster | | + kusto_cluster_customer_managed_key cluster_id = OWN; managed_hsm_key_id = KEY
load_test | | encryption { key_url = KEY }
machine_learning_workspace | | encryption { key_id = KEY }
ai_foundry | | encryption { key_id = KEY }
media_services_account | | encryption { type = WORD:CustomerKey }
mobile_network_sim_group | mobile_network_id = "n" | encryption_key_url = KEY
netapp_account | | + netapp_account_encryption netapp_account_id = OWN; encryption_key = KEY
log_analytics_cluster | | \
    + log_analytics_cluster_customer_managed_key log_analytics_cluster_id = OWN; key_vault_key_id = KEY
recovery_services_vault | | encryption { key_id = KEY }
search_service | sku = "standard" | customer_managed_key_enforcement_enabled = WORD:true
servicebus_namespace | sku = "Premium" | customer_managed_key { key_vault_key_id = KEY }
servicebus_namespace | sku = "Premium" | \
    + servicebus_namespace_customer_managed_key namespace_id = OWN; key_vault_key_id = KEY
mssql_managed_instance | | \
    + mssql_managed_instance_transparent_data_encryption managed_instance_id = OWN; key_vault_key_id = KEY
mssql_server | | transparent_data_encryption_key_vault_key_id = KEY
mssql_server | | + mssql_server_transparent_data_encryption server_id = OWN; key_vault_key_id = KEY
storage_account | | customer_managed_key { key_vault_key_id = KEY }
storage_account | | + storage_account_customer_managed_key storage_account_id = OWN; key_vault_key_id = KEY
storage_encryption_scope | storage_account_id = "a" | source = WORD:Microsoft.KeyVault
managed_lustre_file_system | | encryption_key { key_url = KEY }
hpc_cache | | key_vault_key_id = KEY
stream_analytics_job | | content_storage_policy = WORD:JobStorageAccount
synapse_workspace | | customer_managed_key { key_versionless_id = KEY }
"""

# The type, and where the key, the set or the word stands in its properties.
_ENCRYPTION = "encryption.keyVaultProperties"
_WITHIN = "encryption.customerManagedKeyEncryption.keyEncryptionKeyUrl"
_DISK = "osDisk.managedDisk.diskEncryptionSet.id"
ARM = f"""
AppConfiguration/configurationStores {_ENCRYPTION}.keyIdentifier KEY
Automation/automationAccounts {_ENCRYPTION}.keyvaultUri KEY
Automation/automationAccounts encryption.keySource Microsoft.Keyvault
AzureArcData/sqlManagedInstances k8sRaw.spec.security.transparentDataEncryption.mode CustomerManaged
Batch/batchAccounts {_ENCRYPTION}.keyIdentifier KEY
Batch/batchAccounts encryption.keySource Microsoft.KeyVault
BotService/botServices isCmekEnabled true
Cache/redisEnterprise {_WITHIN} KEY
CognitiveServices/accounts {_ENCRYPTION}.keyVaultUri KEY
CognitiveServices/accounts encryption.keySource Microsoft.KeyVault
Compute/disks encryption.diskEncryptionSetId SET
Compute/disks securityProfile.secureVMDiskEncryptionSetId SET
Compute/virtualMachines storageProfile.{_DISK} SET
Compute/virtualMachineScaleSets virtualMachineProfile.storageProfile.{_DISK} SET
ContainerInstance/containerGroups encryptionProperties.vaultBaseUrl KEY
ContainerRegistry/registries {_ENCRYPTION}.keyIdentifier KEY
ContainerRegistry/registries encryption.status enabled
ContainerService/managedClusters diskEncryptionSetID SET
DBforMySQL/flexibleServers dataEncryption.primaryKeyURI KEY
DBforMySQL/flexibleServers dataEncryption.type AzureKeyVault
DBforMySQL/servers/keys uri KEY
DBforPostgreSQL/flexibleServers dataEncryption.primaryKeyURI KEY
DBforPostgreSQL/flexibleServers dataEncryption.type AzureKeyVault
DBforPostgreSQL/servers/keys uri KEY
DataBox/jobs details.keyEncryptionKey.kekType CustomerManaged
DataBox/jobs details.keyEncryptionKey.kekUrl KEY
DataFactory/factories encryption.vaultBaseUrl KEY
DataProtection/backupVaults securitySettings.encryptionSettings.keyVaultProperties.keyUri KEY
DataProtection/backupVaults securitySettings.encryptionSettings.state Enabled
Databricks/workspaces encryption.entities.managedDisk.keyVaultProperties.keyVaultUri KEY
Databricks/workspaces encryption.entities.managedServices.keyVaultProperties.keyVaultUri KEY
Databricks/workspaces parameters.encryption.value.keyvaulturi KEY
DeviceUpdate/accounts encryption.keyVaultKeyUri KEY
Devices/IotHubs {_ENCRYPTION}[].keyIdentifier KEY
Devices/provisioningServices {_ENCRYPTION}[].keyIdentifier KEY
DocumentDB/databaseAccounts keyVaultKeyUri KEY
DocumentDB/mongoClusters {_WITHIN} KEY
ElasticSan/elasticSans/volumeGroups encryption EncryptionAtRestWithCustomerManagedKey
EventHub/namespaces {_ENCRYPTION}[].keyVaultUri KEY
EventHub/namespaces encryption.keySource Microsoft.KeyVault
FluidRelay/fluidRelayServers {_WITHIN} KEY
HDInsight/clusters diskEncryptionProperties.vaultUri KEY
HealthBot/healthBots keyVaultProperties.keyVaultUri KEY
HealthcareApis/services cosmosDbConfiguration.keyVaultKeyUri KEY
HealthcareApis/workspaces/dicomservices {_WITHIN} KEY
HealthcareApis/workspaces/fhirservices {_WITHIN} KEY
Insights/scheduledQueryRules checkWorkspaceAlertsStorageConfigured true
Kusto/clusters keyVaultProperties.keyVaultUri KEY
LoadTestService/loadTests encryption.keyUrl KEY
Logic/integrationServiceEnvironments encryptionConfiguration.encryptionKeyReference.keyVault.id SET
MachineLearningServices/workspaces {_ENCRYPTION}.keyIdentifier KEY
MachineLearningServices/workspaces encryption.status Enabled
Media/mediaservices encryption.type CustomerKey
Media/mediaservices {_ENCRYPTION}.keyIdentifier KEY
MobileNetwork/simGroups encryptionKey.keyUrl KEY
NetApp/netAppAccounts {_ENCRYPTION}.keyVaultUri KEY
NetApp/netAppAccounts encryption.keySource Microsoft.KeyVault
OperationalInsights/clusters keyVaultProperties.keyVaultUri KEY
RecoveryServices/vaults {_ENCRYPTION}.keyUri KEY
Search/searchServices encryptionWithCmk.enforcement Enabled
ServiceBus/namespaces {_ENCRYPTION}[].keyVaultUri KEY
ServiceBus/namespaces encryption.keySource Microsoft.KeyVault
Sql/managedInstances keyId KEY
Sql/managedInstances/encryptionProtector serverKeyType AzureKeyVault
Sql/servers keyId KEY
Sql/servers/encryptionProtector serverKeyType AzureKeyVault
Storage/storageAccounts {_ENCRYPTION}.keyvaulturi KEY
Storage/storageAccounts encryption.keySource Microsoft.Keyvault
Storage/storageAccounts/encryptionScopes source Microsoft.KeyVault
StorageCache/amlFilesystems encryptionSettings.keyEncryptionKey.keyUrl KEY
StorageCache/caches encryptionSettings.keyEncryptionKey.keyUrl KEY
StreamAnalytics/streamingJobs contentStoragePolicy JobStorageAccount
Synapse/workspaces encryption.cmk.key.keyVaultUrl KEY
"""
# Of these only a resource of its own gives the key in templates.
BY_CHILD = {"Microsoft.DBforMySQL/servers": "keys", "Microsoft.DBforPostgreSQL/servers": "keys"}


class Row(NamedTuple):
    """One row of a table above."""

    type: str
    more: str
    key: str


def rows_of_terraform() -> list[Row]:
    lines = TERRAFORM.strip().replace("\\\n", "").splitlines()
    return [Row(*(part.strip() for part in line.split("|"))) for line in lines]


DEMAND = with_needs(required_by([RULE]))
READER, EVALUATOR = Reader(DEMAND, ""), RuleEvaluator([RULE])


def outcome(language: str, text: str) -> str:
    """What the rule says: ``pass``, ``fail`` or ``unknown``."""
    read = READER.terraform("main.tf", text) if language == "terraform" else READER.template("a.json", text.encode())
    assert read is not None
    judged = evaluate_unit(read, DEMAND, EVALUATOR, explain=False)
    assert not judged.problems
    return "fail" if judged.findings else "unknown" if judged.unknown else "pass"


def terraform(row: Row, key: str | None) -> str:
    """A root module with one resource. ``key`` is what stands for KEY, SET and WORD; None leaves it all out."""
    written = "" if key is None else row.key
    word = written.partition("WORD:")[2].rstrip(" }")
    if word:
        written = written.replace(f"WORD:{word}", key if key == "var.unknown" else json.dumps(word))
    written = written.replace("KEY", str(key)).replace("SET", str(key)).replace("OWN", f"azurerm_{row.type}.x.id")
    inside, beside = written.replace("{", "{\n").replace("}", "\n}"), ""
    if row.key.startswith("+"):
        _, type_, arguments = written.split(" ", 2) if written else ("", "", "")
        lines = arguments.replace("; ", "\n")
        inside, beside = "", f'resource "azurerm_{type_}" "y" {{\n{lines}\n}}\n' if written else ""
    elif "os_disk" in row.key and key is None:
        inside = "os_disk {\n}"
    return f"""
provider "azurerm" {{
  features {{}}
}}
variable "unknown" {{
}}
resource "azurerm_{row.type}" "x" {{
  name = "x"
  {row.more}
  {inside}
}}
{beside}"""


@pytest.mark.parametrize("row", rows_of_terraform(), ids=lambda row: f"{row.type} {row.key.split()[0]}")
class TestTerraform:
    def test_without_a_key(self, row: Row) -> None:
        assert outcome("terraform", terraform(row, None)) == "fail"

    def test_with_a_key(self, row: Row) -> None:
        key = json.dumps(SETS if "SET" in row.key else URL)
        assert outcome("terraform", terraform(row, key)) == "pass"

    def test_unknown_key_is_unknown(self, row: Row) -> None:
        assert outcome("terraform", terraform(row, "var.unknown")) == "unknown"


def rows_of_arm() -> list[Row]:
    return [Row(f"Microsoft.{type_}", path, key) for type_, path, key in map(str.split, ARM.strip().splitlines())]


def properties(path: str, value: Any) -> dict[str, Any]:
    """Nested objects with ``value`` at ``path``; ``[]`` after a name: a list of one."""
    name, _, rest = path.partition(".")
    inner = properties(rest, value) if rest else value
    return {name[:-2]: [inner]} if name.endswith("[]") else {name: inner}


def template(type_: str, inside: dict[str, Any], *others: Any) -> str:
    resource = {
        "type": type_,
        "apiVersion": "2024-01-01",
        "name": "/".join(["x"] * type_.count("/")),
        "sku": {"name": "Premium"},
        "properties": inside,
    }
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    parameters = {"unknown": {"type": "string"}, "maybe": {"type": "bool"}}
    return json.dumps({"$schema": schema, "parameters": parameters, "resources": [resource, *others]})


@pytest.mark.parametrize("row", rows_of_arm(), ids=lambda row: f"{row.type} {row.more}")
class TestTemplates:
    def value(self, row: Row) -> Any:
        return {"KEY": URL, "SET": SETS, "true": True}.get(row.key, row.key)

    def test_without_a_key(self, row: Row) -> None:
        assert outcome("arm", template(row.type, {})) == ("pass" if "ScaleSets" in row.type else "fail")
        assert outcome("arm", template(row.type, properties(row.more, None))) == "fail"

    def test_with_a_key(self, row: Row) -> None:
        assert outcome("arm", template(row.type, properties(row.more, self.value(row)))) == "pass"

    def test_conditional_key_is_unknown(self, row: Row) -> None:
        known = "true()" if row.key == "true" else f"'{self.value(row)}'"
        value = f"[if(parameters('maybe'), {known}, null())]"
        assert outcome("arm", template(row.type, properties(row.more, value))) == "unknown"


@pytest.mark.parametrize(("type_", "kind"), BY_CHILD.items())
def test_key_of_a_server_is_a_child_resource(type_: str, kind: str) -> None:
    child = {"type": f"{type_}/{kind}", "apiVersion": "2024-01-01", "name": "x/k", "properties": {"uri": URL}}
    assert outcome("arm", template(type_, {})) == "fail"
    assert outcome("arm", template(type_, {}, child)) == "pass"
    assert outcome("arm", template(type_, {}, {**child, "condition": "[parameters('maybe')]"})) == "unknown"


def test_every_service_is_in_the_rule_and_the_tables() -> None:
    assert set(RULE.resources) == set(SERVICES)
    assert {row.type for row in rows_of_arm()} | set(BY_CHILD) == set(SERVICES)
