// The text QXZJWYQJXWZYQWXJ stands wherever Bicep can hold a secret; tests/cli/test_canary.py looks for it.
@secure()
param pw string = 'QXZJWYQJXWZYQWXJ'
@secure()
param obj object = {
  a: 'QXZJWYQJXWZYQWXJ'
}
@secure()
param given string
@minLength(300)
@secure()
param bad string = 'QXZJWYQJXWZYQWXJ'
@secure()
@allowed(['x'])
param bad2 string = 'QXZJWYQJXWZYQWXJ'
param plainpw string = 'QXZJWYQJXWZYQWXJ'
var adminPassword = 'QXZJWYQJXWZYQWXJ'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-${pw}'
  location: pw
  properties: {
    sku: { family: 'A', name: given }
    publicNetworkAccess: pw
    tenantId: pw
    networkAcls: { defaultAction: pw, ipRules: [ { value: pw } ] }
  }
  tags: { password: 'QXZJWYQJXWZYQWXJ' }
}
resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's'
  properties: {
    value: 'QXZJWYQJXWZYQWXJ'
    contentType: pw
  }
}
resource s2 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's2'
  properties: { value: plainpw }
}
resource s3 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's3'
  properties: { value: adminPassword, attributes: { exp: pw } }
}
resource s4 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's4'
  properties: { value: '''
QXZJWYQJXWZYQWXJ
''' }
}
resource site 'Microsoft.Web/sites@2022-03-01' = {
  name: 'site'
  location: 'x'
  properties: {
    siteConfig: {
      appSettings: [
        { name: 'DB_PASSWORD', value: 'QXZJWYQJXWZYQWXJ' }
        { name: 'X', value: 'DefaultEndpointsProtocol=https;AccountKey=QXZJWYQJXWZYQWXJ' }
      ]
      connectionStrings: [ { name: 'c', connectionString: 'QXZJWYQJXWZYQWXJ' } ]
    }
  }
}
resource ds 'Microsoft.Resources/deploymentScripts@2023-08-01' = {
  name: 'ds'
  location: 'x'
  kind: 'AzureCLI'
  properties: {
    azCliVersion: '2.0'
    environmentVariables: [ { name: 'P', secureValue: 'QXZJWYQJXWZYQWXJ' } ]
    scriptContent: 'echo QXZJWYQJXWZYQWXJ'
    arguments: '-p QXZJWYQJXWZYQWXJ'
    retentionInterval: 'P1D'
  }
}
resource sql 'Microsoft.Sql/servers@2023-08-01' = {
  name: 'sql'
  location: 'x'
  properties: { administratorLoginPassword: 'QXZJWYQJXWZYQWXJ' }
}
module m 'm.bicep' = {
  name: 'm'
  params: {
    password: 'QXZJWYQJXWZYQWXJ'
    value: 'QXZJWYQJXWZYQWXJ'
  }
}
param innocent string = 'QXZJWYQJXWZYQWXJ'
var harmless = 'QXZJWYQJXWZYQWXJ'
param settingValue string = 'Endpoint=sb://x;SharedAccessKey=QXZJWYQJXWZYQWXJ'
param plainSetting string = 'QXZJWYQJXWZYQWXJ'
resource s5 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's5'
  properties: { value: innocent }
}
resource s6 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's6'
  properties: { value: 'a${harmless}-QXZJWYQJXWZYQWXJ' }
}
resource site2 'Microsoft.Web/sites@2022-03-01' = {
  name: 'site2'
  location: 'x'
  properties: {
    siteConfig: {
      appSettings: [
        { name: 'A', value: settingValue }
        { name: 'DB_PASSWORD', value: plainSetting }
      ]
    }
  }
  resource conf 'config' = {
    name: 'appsettings'
    properties: {
      STORAGE: 'DefaultEndpointsProtocol=https;AccountKey=QXZJWYQJXWZYQWXJ', OTHER: 'QXZJWYQJXWZYQWXJ'
      DB_PASSWORD: plainSetting
    }
  }
}
output leak string = pw
resource plain 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'plain-${pw}'
  location: 'x'
}
resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'storage'
  location: 'x'
  properties: {
    encryption: {
      keyvaultproperties: { keyvaulturi: plain.properties.vaultUri, keyname: pw, keyversion: '00000000000000000000000000000000' }
    }
  }
}
