"""Secrets among the attributes of Terraform's resources, and the arguments that expose their values.

Source: the documentation of the providers azurerm, azuread, random, tls, pkcs12, local and null.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from azkvlint.util.lazy_regex import regex
from azkvlint.values.origins import (
    CREDENTIAL,
    EXTERNAL,
    GENERATED,
    MISSING_OUTPUT,
    PRIVATE_KEY,
    RESOURCE,
    SECRET,
    SECURITY_DOMAIN,
    UNTRACED,
    Origins,
    ValueOrigin,
)

# Attributes that contain a secret, by Terraform type. Source: the providers' documentation.
_SECRETS: Mapping[str, frozenset[str]] = {
    "azurerm_key_vault_secret": frozenset({"value"}),
    "azurerm_key_vault_certificate_data": frozenset({"key"}),
    "azurerm_key_vault_encrypted_value": frozenset({"plain_text_value", "decoded_plain_text_value"}),
}
_PRIVATE_KEYS: Mapping[str, frozenset[str]] = {
    "tls_private_key": frozenset({"private_key_pem", "private_key_openssh", "private_key_pem_pkcs8"}),
    "pkcs12_from_pem": frozenset({"result"}),
}
_GENERATED: Mapping[str, frozenset[str]] = {
    "random_password": frozenset({"result"}),
    "azuread_application_password": frozenset({"value"}),
    "azuread_service_principal_password": frozenset({"value"}),
}
_CREDENTIAL = regex(
    r"(?:.*_)?(?:access_key|shared_key|primary_key|secondary_key|connection_strings?|password|sas|sas_token"
    r"|client_secret|kube_config|kube_admin_config|kube_config_raw|kube_admin_config_raw)"
)
# The attributes of a cluster configuration that are public. Source: the documentation of azurerm_kubernetes_cluster.
_CLUSTER_CONFIGURATION = regex(r"kube_(?:admin_)?config")
_PUBLIC_OF_CLUSTER = frozenset({"client_certificate", "cluster_ca_certificate", "host", "username"})
_SECURITY_DOMAIN = regex(r"(?:.*_)?security_domain(?:_.*)?")
_SECRET_NAME = regex(
    r"(?i).*(?:password|passwd|pwd|secret|token|credential|connection_?(?:string|ur[il])|webhook|(?:private|access)_?key)"
)
# The prefix of data sources that read a secret and could be ephemeral resources.
SECRET_DATA_SOURCE = "data.azurerm_key_vault_secret."
# The arguments for the value of a secret, by Terraform type.
SECRET_ARGUMENTS: Mapping[str, tuple[str, ...]] = {"azurerm_key_vault_secret": ("value", "value_wo")}
# The one of them whose value the state stores; the other is write-only.
ARGUMENT_IN_STATE = "value"
# Other arguments with secrets, all of which count; a dot leads into a block.
OTHER_SECRETS: Mapping[str, tuple[str, ...]] = {
    "azurerm_key_vault_certificate": ("certificate.contents", "certificate.password"),
    "azurerm_key_vault_certificate_issuer": ("password",),
}
# Arguments that hold secrets though their names do not show it, by Terraform type, and those that may hold anything.
_HOLDING: Mapping[str, tuple[str, ...]] = {
    **SECRET_ARGUMENTS,
    **{type_: (*names, "contents") for type_, names in OTHER_SECRETS.items()},
    "azurerm_app_configuration_key": ("value",),
    "azurerm_api_management_named_value": ("value",),
    "azurerm_automation_variable_string": ("value",),
    **dict.fromkeys(("kubernetes_secret", "kubernetes_secret_v1"), ("binary_data", "data")),
}
APP_SETTINGS = "app_settings"
_OPAQUE = frozenset(
    {APP_SETTINGS, "parameters_content", "secure_environment_variables", "sensitive_body", "sticky_settings"}
)
# Arguments that expose their values to principals without access to the secret, by Terraform type; a dot leads into a
# block. Names and tags of all resources are exposed.
_EXPOSING: Mapping[str, tuple[str, ...]] = {
    "null_resource": ("triggers",),
    "terraform_data": ("input", "triggers_replace"),
    "local_file": ("content",),
    "local_sensitive_file": ("content",),
    "azurerm_linux_virtual_machine": ("custom_data", "user_data"),
    "azurerm_windows_virtual_machine": ("custom_data", "user_data"),
    "azurerm_linux_virtual_machine_scale_set": ("custom_data", "user_data"),
    "azurerm_windows_virtual_machine_scale_set": ("custom_data", "user_data"),
    "azurerm_orchestrated_virtual_machine_scale_set": ("user_data_base64",),
    "azurerm_app_configuration_key": ("value",),
    "azurerm_virtual_machine_extension": ("settings",),
    "azurerm_container_group": ("container.environment_variables",),
    "azurerm_resource_deployment_script_azure_cli": ("command_line", "environment_variable.value"),
    "azurerm_resource_deployment_script_azure_power_shell": ("command_line", "environment_variable.value"),
    "azurerm_resource_group_template_deployment": ("parameters_content",),
}
_OF_ALL = ("name", "tags")


def attribute_origins(type_: str, attribute: str, inner: str = "") -> Origins:
    """Return the origins of an attribute of a Terraform resource; ``attribute`` is empty for the whole resource.

    ``inner`` is the last name below the attribute, if any.
    """
    for table, word in ((_SECRETS, SECRET), (_PRIVATE_KEYS, PRIVATE_KEY), (_GENERATED, GENERATED)):
        found = table.get(type_)
        if found is not None and (not attribute or attribute in found):
            return frozenset({word})
    if type_ == "external" and attribute in ("", "result"):
        return frozenset({EXTERNAL})
    if inner in _PUBLIC_OF_CLUSTER and _CLUSTER_CONFIGURATION.fullmatch(attribute):
        return frozenset({RESOURCE})
    if type_.startswith("azurerm_") and _CREDENTIAL.fullmatch(attribute):
        return frozenset({CREDENTIAL})
    if type_ == "azurerm_key_vault_managed_hardware_security_module" and _SECURITY_DOMAIN.fullmatch(attribute):
        return frozenset({SECURITY_DOMAIN})
    return frozenset({RESOURCE})


def output_origins(name: str, why: str, sources: list[ValueOrigin]) -> Origins:
    """Return the origins of an output of a module or deployment that is not available, for the reason ``why``.

    By its name, the output is a secret that cannot be traced, or a value that is not a secret of a resource.
    """
    if _SECURITY_DOMAIN.fullmatch(name):
        return frozenset({SECURITY_DOMAIN})
    word = UNTRACED if _suggests_secret(name) else MISSING_OUTPUT
    sources.append(ValueOrigin(word, why, None))
    return frozenset({word})


def _suggests_secret(name: str) -> bool:
    """Return whether a name suggests a secret value."""
    return _SECRET_NAME.match(name) is not None


def exposing_arguments(type_: str, written: Container[str]) -> Iterator[str]:
    """Yield the arguments of a Terraform type that expose their values, of those that are ``written``."""
    for name in (*_EXPOSING.get(type_, ()), *(_OF_ALL if type_.startswith("azurerm_") else ())):
        if name.partition(".")[0] in written:
            yield name


def holds_secret(type_: str, argument: str) -> bool:
    """Return whether an argument of a Terraform type is a secret, or may hold some, whatever its name suggests."""
    return argument in _OPAQUE or argument in _HOLDING.get(type_, ())


def has_secrets(type_: str) -> bool:
    """Return whether a Terraform type has secret attributes."""
    return type_ in _SECRETS or type_ in _PRIVATE_KEYS or type_ in _GENERATED
