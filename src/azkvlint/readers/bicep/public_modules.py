"""What the public Key Vault module deploys, for those who have not restored it: its parameters, their defaults, and
what they set.

Source: github.com/Azure/bicep-registry-modules (MIT), avm/res/key-vault/vault, versions 0.6 to 0.14, read as of
2026-11. Only what rules can look at is told here, in Bicep, so that it is evaluated like any other module. Where the
module sends nothing instead of false the table says false, which amounts to the same and has the caller's place.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.value import Origin, Scalar, Unknown, display
from azkvlint.readers.bicep.document import File, read_file
from azkvlint.readers.bicep.evaluator import InPlace
from azkvlint.readers.bicep.identity import module_scope
from azkvlint.readers.bicep.module_evaluation import Instance, Use
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module import ModuleEntity
    from azkvlint.readers.bicep.sources import Content, Source

_VAULT = regex(r"br:mcr\.microsoft\.com/bicep/(avm/res/key-vault/vault):0\.(\d{1,3})\.\d{1,5}")
_FIRST, _LAST = 6, 14
# From here on, a diagnostic setting that names metrics alone sends no logs; whether it does before is not certain.
_METRICS_ALONE = 13
# It says `enablePurgeProtection ? enablePurgeProtection : null`. Here the value stays, and with it the place to edit.
_NEVER_FALSE = "enablePurgeProtection"

_TEXT = """
param name string
param accessPolicies array?
param secrets array?
param keys array?
param enableVaultForDeployment bool = true
param enableVaultForTemplateDeployment bool = true
param enableVaultForDiskEncryption bool = true
param enableSoftDelete bool = true
param softDeleteRetentionInDays int = 90
param enableRbacAuthorization bool = true
param createMode string = 'default'
param enablePurgeProtection bool = true
param sku string = 'premium'
param networkAcls object?
param publicNetworkAccess string?
param lock object?
param roleAssignments array?
param privateEndpoints array?
param diagnosticSettings array?
param location string = resourceGroup().location
param tags object?

var hasRules = !empty(networkAcls ?? {})
var allLogs = [{ categoryGroup: 'allLogs' }]
var onlyPrivate = !empty(privateEndpoints ?? []) && !hasRules

resource vault 'Microsoft.KeyVault/vaults@VERSION' = {
  name: name
  location: location
  tags: tags
  properties: {
    enabledForDeployment: enableVaultForDeployment
    enabledForTemplateDeployment: enableVaultForTemplateDeployment
    enabledForDiskEncryption: enableVaultForDiskEncryption
    enableSoftDelete: enableSoftDelete
    softDeleteRetentionInDays: softDeleteRetentionInDays
    enableRbacAuthorization: enableRbacAuthorization
    createMode: createMode
    enablePurgeProtection: enablePurgeProtection
    tenantId: subscription().tenantId
    accessPolicies: map(accessPolicies ?? [], item => {
      objectId: item.objectId
      applicationId: item.?applicationId ?? ''
      tenantId: item.?tenantId ?? tenant().tenantId
      permissions: item.permissions
    })
    sku: { name: sku, family: 'A' }
    networkAcls: hasRules ? {
      bypass: networkAcls.?bypass
      defaultAction: networkAcls.?defaultAction
      virtualNetworkRules: networkAcls.?virtualNetworkRules ?? []
      ipRules: networkAcls.?ipRules ?? []
    } : null
    publicNetworkAccess: !empty(publicNetworkAccess) ? publicNetworkAccess : (onlyPrivate ? 'Disabled' : null)
  }

  resource secret 'secrets' = [for item in (secrets ?? []): {
    name: item.name
    properties: {
      value: item.value
      contentType: item.?contentType
      attributes: {
        enabled: item.?attributes.?enabled ?? item.?attributesEnabled ?? true
        exp: item.?attributes.?exp ?? item.?attributesExp
        nbf: item.?attributes.?nbf ?? item.?attributesNbf
      }
    }
  }]

  resource key 'keys' = [for item in (keys ?? []): {
    name: item.name
    properties: {
      kty: item.?kty ?? 'EC'
      keySize: startsWith(item.?kty ?? 'EC', 'RSA') ? (item.?keySize ?? 4096) : null
      curveName: startsWith(item.?kty ?? 'EC', 'RSA') ? null : (item.?curveName ?? 'P-256')
      keyOps: item.?keyOps
      rotationPolicy: item.?rotationPolicy
      attributes: {
        enabled: item.?attributes.?enabled ?? item.?attributesEnabled ?? true
        exp: item.?attributes.?exp ?? item.?attributesExp
        nbf: item.?attributes.?nbf ?? item.?attributesNbf
      }
    }
  }]
}

resource vaultLock 'Microsoft.Authorization/locks@2020-05-01' = if (!empty(lock ?? {}) && lock.?kind != 'None') {
  scope: vault
  name: lock.?name ?? 'lock-${name}'
  properties: { level: lock.?kind }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = [for item in (diagnosticSettings ?? []): {
  scope: vault
  name: item.?name ?? '${name}-diagnosticSettings'
  properties: {
    storageAccountId: item.?storageAccountResourceId
    workspaceId: item.?workspaceResourceId
    eventHubAuthorizationRuleId: item.?eventHubAuthorizationRuleResourceId
    eventHubName: item.?eventHubName
    marketplacePartnerId: item.?marketplacePartnerResourceId
    logs: map(item.?logCategoriesAndGroups ?? (empty(item.?metricCategories) ? allLogs : NO_LOGS), log => {
      category: log.?category
      categoryGroup: log.?categoryGroup
      enabled: log.?enabled ?? true
    })
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = [for (item, index) in (privateEndpoints ?? []): {
  name: item.?name ?? 'pep-${name}-${index}'
  properties: {
    subnet: { id: item.subnetResourceId }
    ...(item.?isManualConnection ?? false ? {
      manualPrivateLinkServiceConnections: [{
        properties: { privateLinkServiceId: vault.id, groupIds: [item.?service ?? 'vault'] }
      }]
    } : {
      privateLinkServiceConnections: [{
        properties: { privateLinkServiceId: vault.id, groupIds: [item.?service ?? 'vault'] }
      }]
    })
  }
}]

func role(item object) object => contains(item.roleDefinitionIdOrName, '/') ? {
  roleDefinitionId: item.roleDefinitionIdOrName
} : (length(item.roleDefinitionIdOrName) == 36 && indexOf(item.roleDefinitionIdOrName, '-') == 8 ? {
  roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', item.roleDefinitionIdOrName)
} : {
  roleDefinitionName: item.roleDefinitionIdOrName
})

func granted(item object) object => {
  principalId: item.principalId
  principalType: item.?principalType
  condition: item.?condition
  ...role(item)
}

func grantsIn(items array?) array => flatten(map(
  items ?? [], (item, index) => map(item.?roleAssignments ?? [], grant => { in: index, grant: grant })
))

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for item in (roleAssignments ?? []): {
  scope: vault
  name: item.?name ?? guid(vault.id, item.principalId, item.roleDefinitionIdOrName)
  properties: granted(item)
}]

resource secretGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for item in grantsIn(secrets): {
  scope: vault::secret[item.in]
  name: item.grant.?name ?? guid(vault.id, 'secret', item.grant.principalId, item.grant.roleDefinitionIdOrName)
  properties: granted(item.grant)
}]

resource keyGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for item in grantsIn(keys): {
  scope: vault::key[item.in]
  name: item.grant.?name ?? guid(vault.id, 'key', item.grant.principalId, item.grant.roleDefinitionIdOrName)
  properties: granted(item.grant)
}]

output resourceId string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
output resourceGroupName string = resourceGroup().name
output location string = location
"""


def well_known(reference: str) -> Source | None:
    """What is known of the module with a full reference; None if that is nothing."""
    match = _VAULT.fullmatch(reference)
    if match is None or not _FIRST <= int(match[2]) <= _LAST:
        return None
    return _Known(_table(int(match[2]) >= _METRICS_ALONE), match[1])


@cache
def _table(metrics_alone: bool) -> File:
    """The text for a version, parsed."""
    text = _TEXT.replace("VERSION", "2024-11-01" if metrics_alone else "2022-07-01")
    text = text.replace("NO_LOGS", "[]" if metrics_alone else "reference(vault.id).logs")
    return read_file("", "", text)


class _Known:
    """A well-known module."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name

    def use(self, module: ModuleEntity) -> Content:
        """The module with what it is given; all it says stands at the module statement."""
        from azkvlint.readers.bicep.sources import Lowered

        instance = module.instance
        instance.run.count_deployment()
        use = Use(
            given=module.given(),
            scope=module_scope(module.body.get("scope"), instance.scope, "", module.address),
            prefix=f"{module.address}.",
            callers=instance.use.callers,
            module=module,
            scenario=instance.use.scenario,
        )
        return Lowered(_Table(self.file, instance.run, use, instance.shown(module.at), self.name))


class _Table(Instance):
    """A module that is not read from a file: whatever it says has the place of the statement that uses it."""

    is_foreign = True

    def __init__(self, file: File, run: BicepRun, use: Use, at: Location, name: str) -> None:
        self.whole = at
        self.name = name
        super().__init__(file, run, use)
        self.evaluator: Evaluator = InPlace(self)

    def register(self) -> None:
        """There is no file to show."""

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # wherever a node stands, the place is the same
        """The module statement."""
        return self.whole

    def head(self, node: ast.Resource | ast.Module) -> Location:  # noqa: ARG002  # the same
        """The module statement."""
        return self.whole

    def parameter(self, node: ast.Parameter) -> Result:
        """What a parameter is given. The module turns a false for purge protection into null, which Azure takes."""
        found = super().parameter(node)
        if node.name != _NEVER_FALSE or not isinstance(found, Scalar | Unknown) or found.origin == Origin.DEFAULT:
            return found
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=f"the module {self.name} sends no false")

    def default(self, node: ast.Parameter, given: Result | None) -> Result:
        """A default is said to be the module's."""
        found = super().default(node, given)
        if not isinstance(found, Scalar):
            return found
        note = f"'{node.name}' is not set, and the default of the module {self.name} is {display(found)}"
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=note)
