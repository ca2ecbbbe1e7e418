// Key vaults with common misconfigurations, the same as in main.tf.
param location string = 'westeurope'

@description('Known only to those who deploy.')
param firewallDefaultAction string

@secure()
param dbPassword string = 'correct-horse-battery-staple'

var operator = '99999999-8888-4777-8666-555555555555'

resource app 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-app-careless'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: false
    softDeleteRetentionInDays: 7
    enabledForDeployment: true
    enabledForDiskEncryption: true
    enabledForTemplateDeployment: true
    accessPolicies: [
      {
        tenantId: tenant().tenantId
        objectId: operator
        permissions: {
          keys: ['Get', 'Purge']
          secrets: ['Get', 'List', 'Purge', 'Set']
        }
      }
    ]
  }

  resource dbSecret 'secrets' = {
    name: 'db-password'
    properties: {
      value: dbPassword
    }
  }

  resource signing 'keys' = {
    name: 'signing'
    properties: {
      kty: 'RSA'
      keySize: 2048
      keyOps: ['sign', 'verify']
    }
  }
}

resource data 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-data-careless'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: firewallDefaultAction
      ipRules: [
        { value: '203.0.113.7' }
      ]
    }
  }
}

resource central 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'central'
  scope: data
  properties: {
    workspaceId: resourceId('rg-monitor', 'Microsoft.OperationalInsights/workspaces', 'log-central')
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

module grant 'grant.bicep' = {
  name: 'grant'
  scope: subscription()
  params: {
    principalId: operator
  }
}
