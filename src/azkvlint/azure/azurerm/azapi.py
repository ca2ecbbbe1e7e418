"""Resources of the azapi provider, whose body is an ARM resource or an object of the data plane.

Source: learn.microsoft.com/rest/api/keyvault, the reference of each operation, API version 7.4 and later.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.graph.changes import with_open_fields
from azkvlint.model.value import Link, ListValue, MapValue, Unknown, Value
from azkvlint.util.lazy_regex import regex

AZAPI_RESOURCE, AZAPI_UPDATE = "azapi_resource", "azapi_update_resource"
AZAPI_DATA_PLANE, AZAPI_ACTION = "azapi_data_plane_resource", "azapi_resource_action"
AZAPI = frozenset({AZAPI_RESOURCE, AZAPI_UPDATE, AZAPI_DATA_PLANE, AZAPI_ACTION})
# Extension types: their parent_id is what they extend.
_EXTENSIONS = (
    "microsoft.insights/diagnosticsettings", "microsoft.authorization/", "microsoft.security/pricings",
    "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


def parent_attribute(type_: str) -> str:
    """Return what ``parent_id`` is to a type: what it extends, the resource it lies in, or no more than its group."""
    if type_.lower().startswith(_EXTENSIONS):
        return "scope"
    return "parent" if type_.count("/") > 1 else "resourceGroupId"


def is_key_vault_type(type_: str) -> bool:
    """Return whether an Azure type is one of Key Vault's."""
    return type_.lower().startswith("microsoft.keyvault/")


def unsupported_message(declared_as: str) -> str:
    """Return what is said of a resource of Key Vault that may change anything."""
    return f"an {declared_as} of Key Vault is not understood, so it was not judged"


def unknown_type_message(type_: str) -> str:
    """Return what is said of a type of Key Vault that no table knows."""
    return f"'{type_}' is a Key Vault type that is not known, so it was not judged"


_VAULTS = "microsoft.keyvault/vaults"
_CERTIFICATES = f"{_VAULTS}/certificates"
# What each type calls its fields, where that is not the same word in camel case.
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
_MENTIONS = regex(r"\u27e8([^\u27e8\u27e9]+)\.(?:vault_uri|output)\u27e9")
_SECRETS = frozenset({"value", "password", "templateUri"})


def is_known(type_: str) -> bool:
    """Return whether a type of the data plane is understood."""
    return type_.lower() in _NAMES


def as_resource(body: Mapping[str, Value], type_: str) -> dict[str, Value]:
    """Return the attributes that a body means: all of it but the tags are properties."""
    fields = dict(body)
    found = {name: fields.pop(name) for name in ("tags",) if name in fields}
    if not fields:
        return found
    inner = MapValue(at=next(iter(fields.values())).at, fields=fields)
    # What is not known of a body is not known of its properties.
    properties = fields["properties"] if set(fields) == {"properties"} else _rename(inner, _NAMES[type_.lower()])
    if type_.lower() == _CERTIFICATES and isinstance(properties, MapValue):
        policy = properties.fields.get("policy")
        if isinstance(policy, MapValue):
            why = "the body does not say it, and Key Vault decides"
            policy = with_open_fields(policy, Unknown(at=policy.at, why=why))
            properties = msgspec.structs.replace(properties, fields={**properties.fields, "policy": policy})
    return {**found, "properties": properties}


def vault_of(parent: Value) -> Value:
    """Return the vault whose host a resource of the data plane has as its parent.

    The host is made of the vault's URI, mostly by cutting off what is around it.
    """
    if not isinstance(parent, Unknown) or parent.candidates or "uri" not in parent.pattern.lower():
        return parent
    mentioned = set(_MENTIONS.findall(parent.pattern))
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
