// avm/res/key-vault/vault, versions 0.6 to 0.14, read as of 2026-11: what rules evaluate of it.
//
// Source: github.com/Azure/bicep-registry-modules (MIT). The module sends null instead of a false
// enablePurgeProtection; here the value stays, which has the same effect and points to the caller's line. API version
// and logs differ by release: kvlint replaces them when it reads this file.

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

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
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
    logs: map(item.?logCategoriesAndGroups ?? (empty(item.?metricCategories) ? allLogs : reference(vault.id).logs), log => {
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
