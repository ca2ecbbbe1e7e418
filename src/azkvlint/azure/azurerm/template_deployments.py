"""Resources of azurerm that hold an ARM template."""

from __future__ import annotations

# What each deploys to, in the words of ``readers/arm/scope``.
LEVELS = {
    "azurerm_resource_group_template_deployment": "resourceGroup",
    "azurerm_subscription_template_deployment": "subscription",
    "azurerm_management_group_template_deployment": "managementGroup",
    "azurerm_tenant_template_deployment": "tenant",
    # Until azurerm 3.0.
    "azurerm_template_deployment": "resourceGroup",
}
POLICY_DEFINITIONS = frozenset({"azurerm_policy_definition", "azurerm_management_group_policy_definition"})
POLICY_RULE = "policy_rule"
# The types of azurerm that hold a template.
WITH_TEMPLATE = POLICY_DEFINITIONS.union(LEVELS)
SPEC = "template_spec_version_id"
# The older resource takes its parameters as a map of texts, too.
OLD, TEXTS = "azurerm_template_deployment", "parameters"
WHY_TEXTS = "it is given as a text, and the template decides what that amounts to"


def arguments_of(type_: str) -> tuple[str, str]:
    """Return the arguments for the template and for its parameters."""
    suffix = "body" if type_ == OLD else "content"
    return f"template_{suffix}", f"parameters_{suffix}"


def unread_spec_message(address: str) -> str:
    """Return the message for a deployment of a template spec."""
    return f"the template spec of '{address}' is not available, so its resources were not evaluated"
