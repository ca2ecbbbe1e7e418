"""Every attribute that a rule reads of a mapped type is mapped, or no argument of the type has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field, Mapped
from azkvlint.derived import consumers
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.value import Path

REQUIRED = with_needs(required_by(builtin_rules()))
# Attributes of the graph, and those that kvlint computes: no provider has them as arguments.
OF_GRAPH = frozenset({"apiVersion", "derived", "id", "name", "parent", "provider", "resourceGroupName", "scope"})
KEYS = frozenset({("derived", "keyId"), ("derived", "keyIds"), ("derived", "keyVaultId")})
# The places of one certificate in ARM. azurerm tables write its ID to the first.
CERTIFICATE: Path = ("derived", "certificateIds")
CERTIFICATES = frozenset(
    {
        "properties.certificateKeyVaultProperties.keyVaultUrl",
        "properties.keyVault.secretIdentifier",
        "properties.keyVaultBaseUri",
        "properties.keyVaultCertName",
        "properties.keyVaultId",
        "properties.keyVaultSecretId",
        "properties.keyVaultSecretName",
        "properties.transportSecurity.certificateAuthority.keyVaultSecretId",
        "properties.vaultUri",
    }
)
# By reason, and by Azure type: attributes that rules read and that no argument of azurerm sets.
UNMAPPED: Mapping[str, str] = {
    "a key in the argument means that the resource is encrypted with it": """
        Microsoft.Automation/automationAccounts properties.encryption.keySource
        Microsoft.Batch/batchAccounts properties.encryption.keySource
        Microsoft.BotService/botServices properties.isCmekEnabled
        Microsoft.CognitiveServices/accounts properties.encryption.keySource
        Microsoft.ContainerRegistry/registries properties.encryption.status
        Microsoft.DBforMySQL/flexibleServers properties.dataEncryption.type
        Microsoft.DBforPostgreSQL/flexibleServers properties.dataEncryption.type
        Microsoft.DataProtection/backupVaults properties.securitySettings.encryptionSettings.state
        Microsoft.EventHub/namespaces properties.encryption.keySource
        Microsoft.MachineLearningServices/workspaces properties.encryption.status
        Microsoft.NetApp/netAppAccounts properties.encryption.keySource
        Microsoft.ServiceBus/namespaces properties.encryption.keySource
        Microsoft.Storage/storageAccounts properties.encryption.keySource
    """,
    "the provider has no argument for the key, or a resource of its own": """
        Microsoft.DataProtection/backupVaults properties.securitySettings.encryptionSettings.keyVaultProperties
        Microsoft.DataProtection/backupVaults properties.securitySettings.encryptionSettings.kekIdentity
        Microsoft.DeviceUpdate/accounts properties.encryption.keyVaultKeyUri
        Microsoft.DeviceUpdate/accounts properties.encryption.userAssignedIdentity
        Microsoft.Devices/IotHubs properties.encryption.keyVaultProperties
        Microsoft.Devices/provisioningServices properties.encryption.keyVaultProperties
        Microsoft.EventHub/namespaces properties.encryption.keyVaultProperties
        Microsoft.HealthBot/healthBots properties.keyVaultProperties
        Microsoft.HealthcareApis/workspaces/fhirservices properties.encryption.customerManagedKeyEncryption
        Microsoft.Kusto/clusters properties.keyVaultProperties
        Microsoft.Logic/integrationServiceEnvironments properties.encryptionConfiguration.encryptionKeyReference
        Microsoft.Media/mediaservices properties.encryption.identity.userAssignedIdentity
        Microsoft.NetApp/netAppAccounts properties.encryption.identity.userAssignedIdentity
        Microsoft.NetApp/netAppAccounts properties.encryption.keyVaultProperties
        Microsoft.OperationalInsights/clusters properties.keyVaultProperties
        Microsoft.Sql/managedInstances properties.keyId
        Microsoft.Sql/managedInstances properties.primaryUserAssignedIdentityId
    """,
    "the provider has no argument": """
        Microsoft.KeyVault/managedHSMs/roleAssignments properties.roleDefinitionName
        Microsoft.Cdn/profiles/secrets properties.parameters.secretVersion
        Microsoft.Cdn/profiles/secrets properties.parameters.useLatestVersion
        Microsoft.Compute/virtualMachines properties.storageProfile.dataDisks
        Microsoft.Compute/virtualMachines properties.storageProfile.osDisk.encryptionSettings
        Microsoft.DataFactory/factories/linkedservices properties.typeProperties.credential
        Microsoft.Insights/diagnosticSettings properties.serviceBusRuleId
        Microsoft.KeyVault/managedHSMs properties.createMode
        Microsoft.KeyVault/managedHSMs properties.networkAcls.ipRules
        Microsoft.KeyVault/managedHSMs properties.networkAcls.serviceTags
        Microsoft.KeyVault/managedHSMs properties.networkAcls.virtualNetworkRules
        Microsoft.KeyVault/managedHSMs/keys properties.attributes.created
        Microsoft.KeyVault/managedHSMs/keys properties.attributes.exportable
        Microsoft.KeyVault/managedHSMs/keys properties.release_policy
        Microsoft.KeyVault/vaults properties.contacts
        Microsoft.KeyVault/vaults properties.createMode
        Microsoft.KeyVault/vaults properties.networkAcls.serviceTags
        Microsoft.KeyVault/vaults properties.sku.family
        Microsoft.KeyVault/vaults/keys properties.attributes.created
        Microsoft.KeyVault/vaults/secrets properties.attributes.created
        Microsoft.Web/sites properties.hostingEnvironmentProfile
        Microsoft.Web/sites properties.keyVaultReferenceIdentity
        Microsoft.Web/sites properties.siteConfig.vnetName
        Microsoft.Web/sites/slots properties.hostingEnvironmentProfile
        Microsoft.Web/sites/slots properties.siteConfig.vnetName
    """,
    "the provider has no argument for an expression of a federated identity credential": (
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials "
        "properties.claimsMatchingExpression"
    ),
    "a key has a release policy if and only if it is exportable (key_vault_key_resource.go)": """
        Microsoft.KeyVault/vaults/keys properties.attributes.exportable
    """,
    "another resource sets it": """
        Microsoft.KeyVault/managedHSMs/keys properties.rotationPolicy
        Microsoft.Network/virtualNetworks properties.virtualNetworkPeerings
    """,
    "another argument means the same": """
        Microsoft.Compute/diskEncryptionSets properties.autoRotationEnabled
        Microsoft.DocumentDB/databaseAccounts properties.rotationToLatestKeyVersionEnabled
        Microsoft.Insights/activityLogAlerts properties.condition.allOf
        Microsoft.Insights/activityLogAlerts properties.targetResourceType
        Microsoft.Insights/metricAlerts properties.condition.allOf
        Microsoft.Insights/scheduledQueryRules properties.checkWorkspaceAlertsStorageConfigured
        Microsoft.Insights/scheduledQueryRules properties.criteria.allOf
        Microsoft.Insights/scheduledQueryRules properties.source
        Microsoft.Sql/managedInstances/encryptionProtector properties.encryptionProtectorAutoRotation
        Microsoft.Sql/servers/databases properties.autoRotationEnabled
        Microsoft.Sql/servers/encryptionProtector properties.encryptionProtectorAutoRotation
    """,
    "the reader traces the values of the argument (providers.py, _EXPOSING)": """
        Microsoft.Compute/virtualMachines properties.osProfile.customData
        Microsoft.Compute/virtualMachines properties.userData
        Microsoft.Resources/deploymentScripts properties.arguments
        Microsoft.Resources/deploymentScripts properties.environmentVariables
    """,
    "only other types that the rule or fact covers have it": """
        Microsoft.App/containerApps properties.environmentId
        Microsoft.App/jobs properties.managedEnvironmentId
        Microsoft.Authorization/roleAssignmentScheduleRequests properties.accessPolicies
        Microsoft.Authorization/roleAssignmentScheduleRequests properties.condition
        Microsoft.Authorization/roleAssignmentScheduleRequests properties.conditionVersion
        Microsoft.Authorization/roleAssignmentScheduleRequests properties.enablePurgeProtection
        Microsoft.Authorization/roleAssignmentScheduleRequests properties.roleDefinitionName
        Microsoft.Authorization/roleAssignments properties.accessPolicies
        Microsoft.Authorization/roleAssignments properties.enablePurgeProtection
        Microsoft.Authorization/roleEligibilityScheduleRequests properties.accessPolicies
        Microsoft.Authorization/roleEligibilityScheduleRequests properties.roleDefinitionName
        Microsoft.Compute/diskEncryptionSets properties.administrators
        Microsoft.Compute/diskEncryptionSets properties.encryption.identity
        Microsoft.Compute/diskEncryptionSets properties.encryptionProtectorAutoRotation
        Microsoft.Compute/diskEncryptionSets properties.serverKeyType
        Microsoft.Compute/virtualMachineScaleSets properties.type
        Microsoft.Compute/virtualMachines properties.type
        Microsoft.DataFactory/factories/linkedservices properties.typeProperties.baseUrl
        Microsoft.KeyVault/vaults/accessPolicies properties.enablePurgeProtection
        Microsoft.KeyVault/vaults/certificates properties.kty
        Microsoft.KeyVault/vaults/keys properties.contentType
        Microsoft.KeyVault/vaults/keys properties.policy
        Microsoft.ManagedIdentity/userAssignedIdentities identity
        Microsoft.ManagedIdentity/userAssignedIdentities objectId
        Microsoft.ManagedIdentity/userAssignedIdentities properties.objectId
        Microsoft.Sql/managedInstances/encryptionProtector properties.rotationToLatestKeyVersionEnabled
        Microsoft.Sql/managedInstances/encryptionProtector properties.serverKeyType
        Microsoft.Sql/servers properties.federatedClientId
        Microsoft.Sql/servers/databases properties.rotationToLatestKeyVersionEnabled
        Microsoft.Sql/servers/databases properties.serverKeyType
        Microsoft.Sql/servers/encryptionProtector identity
        Microsoft.Sql/servers/encryptionProtector properties.administrators
        Microsoft.Sql/servers/encryptionProtector properties.federatedClientId
        Microsoft.Sql/servers/encryptionProtector properties.rotationToLatestKeyVersionEnabled
        Microsoft.Sql/servers/encryptionProtector properties.serverKeyType
        Microsoft.Storage/storageAccounts properties.administrators
        Microsoft.Storage/storageAccounts properties.encryption.identity.federatedIdentityClientId
        Microsoft.Storage/storageAccounts properties.federatedClientId
        Microsoft.Synapse/workspaces properties.rotationToLatestKeyVersionEnabled
        Microsoft.Synapse/workspaces/keys properties.rotationToLatestKeyVersionEnabled
        Terraform/applicationCredentials properties.claimsMatchingExpression
        Terraform/applicationCredentials properties.subject
        Terraform/applications identity
        Terraform/applications objectId
        Terraform/applications properties.objectId
        Terraform/applications properties.principalId
    """,
}
REASONS = {tuple(line.split()): reason for reason, lines in UNMAPPED.items() for line in lines.strip().splitlines()}


def written(fields: Mapping[str, Field], path: Path = ()) -> Iterator[Path]:
    """The paths that arguments set."""
    for field in fields.values():
        here = (*path, *field.arm.split(".")) if field.arm else path
        if not field.fields:
            yield (*here, field.item) if field.item else here
        else:
            yield from written(field.fields, here)
            yield from ((*here, *constant.split(".")) for constant in field.constants)


def paths_of(mapped: Mapped) -> set[Path]:
    constants = (tuple(path.split(".")) for path in (*mapped.fixed, *mapped.listed.values()))
    return {*written(mapped.fields), *constants}


def is_in(path: Path, others: set[Path] | tuple[Path, ...]) -> bool:
    return any(path[: len(other)] == other[: len(path)] for other in others)


def unmapped(type_: str) -> set[str]:
    """The attributes that rules read of a type and that no argument of it sets."""
    mapped = RESOURCES[type_]
    have = paths_of(mapped)
    if is_part(mapped):  # the rest is read of the whole
        have |= {path for other in RESOURCES.values() if other.type == mapped.type for path in paths_of(other)}
    of_keys = consumers.paths_of(mapped.type) if have & KEYS else ()
    found = set()
    for path in REQUIRED.paths_of(mapped.type) or ():
        names = tuple(step for step in path if isinstance(step, str))
        if not names or names[0] in OF_GRAPH or is_in(names, have) or is_in(names, of_keys):
            continue
        text = ".".join(names)
        if not (CERTIFICATE in have and text in CERTIFICATES):
            found.add(text)
    return found


def is_part(mapped: Mapped) -> bool:
    """Whether a type adds arguments to another resource of the same Azure type."""
    others = [other for other in RESOURCES.values() if other.type == mapped.type]
    scoped = any(field.arm == "scope" for field in mapped.fields.values())
    return scoped and any(all(field.arm != "scope" for field in other.fields.values()) for other in others)


def reasons_for(type_: str) -> dict[str, tuple[str, ...] | None]:
    """The entry with the reason for each attribute of a type that is not mapped; None where there is none."""
    azure = RESOURCES[type_].type
    found: dict[str, tuple[str, ...] | None] = {}
    for path in sorted(unmapped(type_)):
        entries = (entry for entry in REASONS if entry[0] == azure and f"{path}.".startswith(f"{entry[1]}."))
        found[path] = next(entries, None)
    return found


def test_attributes_that_rules_read_are_mapped() -> None:
    found = {type_: reasons_for(type_) for type_ in RESOURCES}
    without = [(type_, path) for type_, paths in found.items() for path, entry in paths.items() if entry is None]
    assert not without
    used = {entry for paths in found.values() for entry in paths.values()}
    assert set(REASONS) <= used, "a reason is no longer needed"
