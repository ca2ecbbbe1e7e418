"""azurerm resources that contain an ARM template."""

from __future__ import annotations

# The deployment scope of each, with the values of ``readers.arm``.
LEVELS = {
    "azurerm_resource_group_template_deployment": "resourceGroup",
    "azurerm_subscription_template_deployment": "subscription",
    "azurerm_management_group_template_deployment": "managementGroup",
    "azurerm_tenant_template_deployment": "tenant",
    # Removed in azurerm 3.0.
    "azurerm_template_deployment": "resourceGroup",
}
POLICY_DEFINITIONS = frozenset({"azurerm_policy_definition", "azurerm_management_group_policy_definition"})
POLICY_RULE = "policy_rule"
# The azurerm types that contain a template.
WITH_TEMPLATE = POLICY_DEFINITIONS.union(LEVELS)
SPEC = "template_spec_version_id"
# The legacy resource also accepts its parameters as a map of strings.
OLD, TEXTS = "azurerm_template_deployment", "parameters"
WHY_TEXTS = "the parameter is passed as a string, and its type is defined in the template"


def arguments_of(type_: str) -> tuple[str, str]:
    """Return the arguments for the template and for its parameters."""
    suffix = "body" if type_ == OLD else "content"
    return f"template_{suffix}", f"parameters_{suffix}"


def unread_spec_message(address: str) -> str:
    """Return the message for a deployment of a template spec."""
    return f"the template spec of `{address}` is not available, so its resources were not evaluated"
