"""Map resources whose argument is an ARM body: those of the azapi provider, and deployments of templates.

Source: learn.microsoft.com/rest/api/keyvault, the reference of each operation, API version 7.4 and later.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES, canonical
from azkvlint.azure.azurerm.table import Mapped
from azkvlint.graph.changes import with_open_fields
from azkvlint.model.pattern import declared_in, text_form
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value

AZAPI_RESOURCE, AZAPI_UPDATE = "azapi_resource", "azapi_update_resource"
AZAPI_DATA_PLANE, AZAPI_ACTION = "azapi_data_plane_resource", "azapi_resource_action"
AZAPI = frozenset({AZAPI_RESOURCE, AZAPI_UPDATE, AZAPI_DATA_PLANE, AZAPI_ACTION})
# Extension types: their parent_id is the extended resource.
_EXTENSIONS = (
    "microsoft.insights/diagnosticsettings", "microsoft.authorization/", "microsoft.security/pricings",
    "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


@cache
def beside_body() -> Mapped:
    """Return the arguments of an azapi resource for properties outside of its body, if Azure has other names for them.

    Source: registry.terraform.io/providers/Azure/azapi/latest/docs/resources/resource.
    """
    return Mapped(type="", fields={"identity": RESOURCES["azurerm_storage_account"].fields["identity"]})


def parent_attribute(type_: str) -> str:
    """Return the attribute that ``parent_id`` maps to: the extended resource, the parent, or the resource group."""
    if type_.lower().startswith(_EXTENSIONS):
        return "scope"
    return "parent" if type_.count("/") > 1 else "resourceGroupId"


def is_key_vault_type(type_: str) -> bool:
    """Return whether an Azure type is one of Key Vault's."""
    return type_.lower().startswith("microsoft.keyvault/")


# The argument of an azapi_resource_action for its HTTP method.
METHOD = "method"
# The methods that create or change a resource.
_WRITING = frozenset({"PUT", "PATCH"})


def action_level(method: Value | str | None) -> str:
    """Return the level of the problem for an action on Key Vault: an error if it may create or change a resource.

    ``method`` is the argument, not set if None. The default is POST, for actions such as the purge of a deleted vault.
    """
    text = method.value if isinstance(method, Scalar) else method
    return "warning" if text is None or (isinstance(text, str) and text.upper() not in _WRITING) else "error"


def unsupported_message(declared_as: str) -> str:
    """Return the message for a Key Vault resource with unknown effects."""
    return f"`{declared_as}` is not supported for Key Vault types, so the resource was not evaluated"


_VAULTS = "microsoft.keyvault/vaults"
_CERTIFICATES = f"{_VAULTS}/certificates"
# Field names of the data plane that differ from the camel case of the attribute, by type.
_POLICY: Mapping[str, str] = {
    "crv": "curve",
    "ekus": "extendedKeyUsage",
    "issuer": "issuerParameters",
    "key_props": "keyProperties",
    "kty": "keyType",
    "pwd": "password",
    "sans": "subjectAlternativeNames",
    "secret_props": "secretProperties",
    "validity_months": "validityInMonths",
    "x509_props": "x509CertificateProperties",
}
_NAMES: Mapping[str, Mapping[str, str]] = {
    _CERTIFICATES: _POLICY,
    f"{_CERTIFICATES}/contacts": {"email": "emailAddress"},
    f"{_CERTIFICATES}/issuers": {"org_details": "organizationDetails", "pwd": "password"},
    f"{_VAULTS}/keys": {"crv": "curveName"},
    f"{_VAULTS}/secrets": {},
    f"{_VAULTS}/storage": {},
    f"{_VAULTS}/storage/sas": {},
}
_SECRETS = frozenset({"value", "password", "templateUri"})


def has_attributes(type_: str, declared_as: str) -> bool:
    """Return whether the body of a resource maps to attributes: not for each type of the data plane."""
    return declared_as != AZAPI_DATA_PLANE or type_.lower() in _NAMES


def unknown_type_message(type_: str, declared_as: str) -> str:
    """Return the message for a Key Vault type that is in no table; "" for any other."""
    if not is_key_vault_type(type_) or (has_attributes(type_, declared_as) and canonical(type_) is not None):
        return ""
    return f"Key Vault type `{type_}` is not supported, so the resource was not evaluated"


def as_resource(body: Mapping[str, Value], type_: str) -> dict[str, Value]:
    """Return the attributes of a body: everything except the tags is a property."""
    fields = dict(body)
    attributes = {name: fields.pop(name) for name in ("tags",) if name in fields}
    if not fields:
        return attributes
    inner = MapValue(at=next(iter(fields.values())).at, fields=fields)
    # An unknown part of the body is an unknown part of the properties.
    properties = fields["properties"] if set(fields) == {"properties"} else _rename(inner, _NAMES[type_.lower()])
    if type_.lower() == _CERTIFICATES and isinstance(properties, MapValue):
        policy = properties.fields.get("policy")
        if isinstance(policy, MapValue):
            why = "the body does not set the property, and Key Vault sets the default"
            policy = with_open_fields(policy, Unknown(at=policy.at, why=why))
            properties = msgspec.structs.replace(properties, fields={**properties.fields, "policy": policy})
    return {**attributes, "properties": properties}


def vault_of(parent: Value) -> Value:
    """Return the vault whose host is the parent of a data-plane resource.

    The host is usually computed from the vault's URI, by removing the scheme and slash.
    """
    if not isinstance(parent, Unknown) or parent.candidates or "uri" not in parent.text.lower():
        return parent
    mentioned = {text_form(one.address) for one in declared_in(parent.pattern) if one.path in ("vault_uri", "output")}
    if len(mentioned) != 1:
        return parent
    return Link(at=parent.at, target=mentioned.pop())


def _rename(value: Value, names: Mapping[str, str]) -> Value:
    match value:
        case MapValue(fields=fields):
            renamed = {names.get(name) or _camel(name): _rename(field, names) for name, field in fields.items()}
            hidden = {
                name: msgspec.structs.replace(field, sensitive=True) if name in _SECRETS else field
                for name, field in renamed.items()
            }
            return msgspec.structs.replace(value, fields=hidden)
        case ListValue(items=items):
            return msgspec.structs.replace(value, items=tuple(_rename(item, names) for item in items))
        case _:
            return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# The deployment scope of each, with the values of ``readers.deployment``.
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
