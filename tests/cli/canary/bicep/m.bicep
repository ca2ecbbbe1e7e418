// Called with secrets.
@secure()
param password string
param value string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: password
  location: 'x'
  properties: { tenantId: password, sku: { family: 'A', name: password } }
}
resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 's'
  properties: { value: value }
}
