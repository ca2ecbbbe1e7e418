// The vault of main.tf. Azure Resource Manager has no resource type for certificates.
param location string = resourceGroup().location

@secure()
param dbPassword string

param reader string = '99999999-8888-4777-8666-555555555555'

resource app 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-app-hardened'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'premium'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
    }
  }

  resource dbSecret 'secrets' = {
    name: 'db-password'
    properties: {
      value: dbPassword
      contentType: 'text/plain'
      attributes: {
        exp: dateTimeToEpoch('2027-06-30T00:00:00Z')
      }
    }
  }

  resource disk 'keys' = {
    name: 'disk'
    properties: {
      kty: 'RSA-HSM'
      keySize: 4096
      keyOps: ['wrapKey', 'unwrapKey']
      attributes: {
        exp: dateTimeToEpoch('2027-10-31T00:00:00Z')
      }
      rotationPolicy: {
        attributes: { expiryTime: 'P1Y' }
        lifetimeActions: [
          {
            trigger: { timeAfterCreate: 'P180D' }
            action: { type: 'rotate' }
          }
        ]
      }
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'central'
  scope: app
  properties: {
    workspaceId: resourceId('rg-monitor', 'Microsoft.OperationalInsights/workspaces', 'log-central')
    logs: [
      { categoryGroup: 'audit', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: 'pe-kv-app'
  location: location
  properties: {
    subnet: {
      id: resourceId('rg-network', 'Microsoft.Network/virtualNetworks/subnets', 'hub', 'endpoints')
    }
    privateLinkServiceConnections: [
      {
        name: 'kv-app'
        properties: {
          privateLinkServiceId: app.id
          groupIds: ['vault']
        }
      }
    ]
  }
}

resource secretsUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(app.id, reader, 'secrets-user')
  scope: app
  properties: {
    principalId: reader
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }
}
