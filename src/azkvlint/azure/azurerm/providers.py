"""The settings of Terraform's provider azurerm: its version, and ``features { key_vault { ... } }``."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Origin, Scalar, Unknown, Value

PROVIDER_TYPE = "Terraform/providers"
PROVIDER_PREFIX = "provider."
VERSION = "version"
TENANT, SUBSCRIPTION = "tenantId", "subscriptionId"
# The arguments that say where a provider makes its resources.
_PLACES = {"tenant_id": TENANT, "subscription_id": SUBSCRIPTION}
# Flags of features.key_vault, all true by default since 3.0 (internal/features/defaults.go; before 3.0 there was no
# default).
_KEY_VAULT_FLAGS = {
    "purge_soft_delete_on_destroy": "purgeSoftDeleteOnDestroy",
    "purge_soft_deleted_keys_on_destroy": "purgeSoftDeletedKeysOnDestroy",
    "purge_soft_deleted_secrets_on_destroy": "purgeSoftDeletedSecretsOnDestroy",
    "purge_soft_deleted_certificates_on_destroy": "purgeSoftDeletedCertificatesOnDestroy",
    "purge_soft_deleted_hardware_security_modules_on_destroy": "purgeSoftDeletedHardwareSecurityModulesOnDestroy",
    "purge_soft_deleted_hardware_security_module_keys_on_destroy": (
        "purgeSoftDeletedHardwareSecurityModuleKeysOnDestroy"
    ),
    "recover_soft_deleted_key_vaults": "recoverSoftDeletedKeyVaults",
    "recover_soft_deleted_keys": "recoverSoftDeletedKeys",
    "recover_soft_deleted_secrets": "recoverSoftDeletedSecrets",
    "recover_soft_deleted_certificates": "recoverSoftDeletedCertificates",
    "recover_soft_deleted_hardware_security_module_keys": "recoverSoftDeletedHardwareSecurityModuleKeys",
}
_FLAGS_SINCE = (3, 0)
# Up to 5.2 it only decides whether the provider checks purge protection before it purges an HSM, which it does in any
# case (internal/services/managedhsm, deletion of key_vault_managed_hardware_security_module_resource.go).
_IDLE_FLAG, _IDLE_BELOW = "purge_soft_deleted_hardware_security_modules_on_destroy", (5, 3)
_BOOLEANS = {"true": True, "false": False}  # also as strings, which Terraform converts


def provider_resource(
    address: str,
    key: str,
    features: Value,
    version: VersionRange,
    at: Location,
    argument: Callable[[str], Value | None],
) -> Resource:
    """Return a provider as a resource. ``argument`` returns what its block sets an argument to."""
    fields: dict[str, Value] = {
        "features": features,
        "name": Scalar(at=at, value=key),
        VERSION: _version_value(version, at),
    }
    for name, attribute in _PLACES.items():
        value = argument(name)
        if value is not None:
            fields[attribute] = value
    attributes = MapValue(at=at, fields=fields)
    return Resource(address=address, type=PROVIDER_TYPE, name=key, attributes=attributes, at=at, declared_as="provider")


def features_value(
    version: VersionRange, at: Location, switches_at: Location, switch: Callable[[str], Value | None]
) -> MapValue:
    """Return ``features { key_vault { ... } }`` with all flags; ``switch`` returns what the block sets one to."""
    flags = {name: _flag_value(flag, switch(flag), version, switches_at) for flag, name in _KEY_VAULT_FLAGS.items()}
    return MapValue(at=at, fields={"keyVault": MapValue(at=at, fields=flags)})


def _flag_value(flag: str, written: Value | None, version: VersionRange, at: Location) -> Value:
    """Return the effective value of a flag that is ``written`` like this, or not at all (None)."""
    if isinstance(written, Scalar):
        plain = _BOOLEANS.get(str(written.value).lower())
        if plain is False and flag == _IDLE_FLAG:
            return _idle(version, written.at)
        if plain is not None:
            return Scalar(at=written.at, value=plain)
        return Unknown(at=written.at, why=f"`{flag}` is not a boolean")
    if written is not None:
        return written
    if version.high <= _FLAGS_SINCE:
        return Unknown(at=at, why=f"the default of `{flag}` in azurerm before 3.0 is not documented")
    return Scalar(at=at, value=True, origin=Origin.DEFAULT, note="not set (default: true)")


def _idle(version: VersionRange, at: Location) -> Value:
    """Return the effective value of a disabled flag that has no effect in known versions."""
    if version.high <= _IDLE_BELOW:
        return Scalar(at=at, value=True, note="this azurerm version purges managed HSMs although the argument is false")
    return Unknown(
        at=at, why=f"the version constraint also allows azurerm versions before 5.3, which ignore `{_IDLE_FLAG}`"
    )


def _version_value(version: VersionRange, at: Location) -> MapValue:
    """Return the possible versions of a provider as its attribute: ``atLeast`` and ``below``, if bounded."""
    ends = {"atLeast": version.low, "below": version.high}
    none = VersionRange()
    fields: dict[str, Value] = {
        name: Scalar(at=at, value=f"{end[0]}.{end[1]}", origin=Origin.DERIVED)
        for name, end in ends.items()
        if end not in (none.low, none.high)
    }
    return MapValue(at=at, fields=fields, origin=Origin.DERIVED)
