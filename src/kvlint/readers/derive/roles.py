"""Azure's built-in roles: those that reach Key Vault, and some that do not.

Sources: learn.microsoft.com/azure/role-based-access-control/built-in-roles and
learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles.
"""

from __future__ import annotations

BUILT_IN = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "a4417e6f-fecd-4de8-b567-7b0420556985": "Key Vault Certificates Officer",
    "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": "Key Vault Certificate User",
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": "Key Vault Crypto Officer",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": "Key Vault Crypto Service Encryption User",
    "08bbd89e-9f13-488c-ac41-acfcb10c90ab": "Key Vault Crypto Service Release User",
    "12338af0-0e69-4776-bea7-57ae8d297424": "Key Vault Crypto User",
    "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "f25e0fa2-a7c8-4377-a976-54943a77a395": "Key Vault Contributor",
    "8b54135c-b56d-4d72-a534-26097cfdc8d8": "Key Vault Data Access Administrator",
    "a68e7c17-0ab2-4c09-9a58-125dae29748c": "Key Vault Purge Operator",
    "18500a29-7fe2-46b2-a342-b16a415e101d": "Managed HSM contributor",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "28bf596f-4eb7-45ce-b5bc-6cf482fec137": "Locks Contributor",
    "a290e904-7015-4bba-90c8-60543313cdb4": "Managed HSM Administrator",
    "515eb02d-2335-4d2d-92f2-b1cbdf9c3778": "Managed HSM Crypto Officer",
    "21dbd100-6940-42c2-9190-5d6cb909625b": "Managed HSM Crypto User",
    "4bd23610-cdcf-4971-bdee-bdc562cc28e4": "Managed HSM Policy Administrator",
    "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3": "Managed HSM Crypto Auditor",
    "33413926-3206-4cdd-b39a-83574fe37a17": "Managed HSM Crypto Service Encryption User",
    "21dbd100-6940-42c2-9190-5d6cb909625c": "Managed HSM Crypto Service Release User",
    "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8": "Managed HSM Backup",
    "6efe6056-5259-49d2-8b3d-d3d73544b20b": "Managed HSM Restore",
}

# The built-in roles that are assigned most often of those that have nothing to do with Key Vault. None of them may
# write a vault or its content, use one for deployments, or assign roles.
# Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles and the pages below it.
ELSEWHERE = frozenset(
    {
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",  # AcrPull
        "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",  # Cognitive Services OpenAI User
        "f1a07417-d97a-45cb-824c-7a7467783830",  # Managed Identity Operator
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",  # Monitoring Contributor
        "3913510d-42f4-4e42-8a64-420c390055eb",  # Monitoring Metrics Publisher
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",  # Monitoring Reader
        "4d97b98b-1d4f-4787-a291-c67834d212e7",  # Network Contributor
        "8ebe5a00-799e-43f5-93ac-243d3dce84a7",  # Search Index Data Contributor
        "1407120a-92aa-4202-b7e9-c0e197c71c8f",  # Search Index Data Reader
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",  # Storage Blob Data Owner
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",  # Storage Blob Data Reader
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88",  # Storage Queue Data Contributor
    }
)
# The same and others by name, in lower case, and those that an HSM has of its own, which reach no vault.
ELSEWHERE_BY_NAME = frozenset(
    {
        "acrpull",
        "acrpush",
        "app configuration data owner",
        "app configuration data reader",
        "azure event hubs data owner",
        "azure event hubs data receiver",
        "azure event hubs data sender",
        "azure kubernetes service cluster admin role",
        "azure kubernetes service cluster user role",
        "azure kubernetes service rbac admin",
        "azure kubernetes service rbac cluster admin",
        "azure kubernetes service rbac reader",
        "azure kubernetes service rbac writer",
        "azure service bus data owner",
        "azure service bus data receiver",
        "azure service bus data sender",
        "cognitive services openai contributor",
        "cognitive services openai user",
        "cognitive services user",
        "dns zone contributor",
        "eventgrid data sender",
        "log analytics contributor",
        "log analytics reader",
        "managed identity operator",
        "monitoring contributor",
        "monitoring metrics publisher",
        "monitoring reader",
        "network contributor",
        "private dns zone contributor",
        "search index data contributor",
        "search index data reader",
        "search service contributor",
        "security reader",
        "storage account contributor",
        "storage account key operator service role",
        "storage blob data contributor",
        "storage blob data owner",
        "storage blob data reader",
        "storage file data smb share contributor",
        "storage file data smb share reader",
        "storage queue data contributor",
        "storage queue data message processor",
        "storage queue data message sender",
        "storage queue data reader",
        "storage table data contributor",
        "storage table data reader",
        "virtual machine administrator login",
        "virtual machine contributor",
        "virtual machine user login",
        *(name.lower() for name in BUILT_IN.values() if name.startswith("Managed HSM ")),
    }
)


def role_by_id(text: str) -> str | None:
    """The name of a built-in role by its id, whatever the scope before the GUID; None for another role."""
    return BUILT_IN.get(text.rstrip("/").rpartition("/")[2].lower())
