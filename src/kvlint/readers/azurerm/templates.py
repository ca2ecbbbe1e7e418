"""azurerm's deployments of templates: what is common to all who read them."""

from __future__ import annotations

DEPLOYMENTS = "microsoft.resources/deployments"
# What each deploys to, in the words of ``readers/arm/scope``.
LEVELS = {
    "azurerm_resource_group_template_deployment": "resourceGroup",
    "azurerm_subscription_template_deployment": "subscription",
    "azurerm_management_group_template_deployment": "managementGroup",
    "azurerm_tenant_template_deployment": "tenant",
}
TEMPLATE, PARAMETERS, SPEC = "template_content", "parameters_content", "template_spec_version_id"


def spec_not_read(address: str) -> str:
    """What is said of a deployment of a template that lies in Azure."""
    return f"the template spec of '{address}' is not at hand, so what it deploys was not judged"
