"""API and provider versions: when they are retired, and which properties they have.

Source: learn.microsoft.com/azure/key-vault/general/access-control-default and .../migrate-api-version (which API
versions of the control plane are retired, and when); the changelog of azurerm for the API versions that it calls.
"""

from __future__ import annotations

from datetime import date

from azkvlint.azure.arm_defaults import GAPS, SINCE, is_default
from azkvlint.azure.azurerm.arguments import state_value
from azkvlint.azure.azurerm.providers import PROVIDER_TYPE, VERSION
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, or_absent, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.vaults import MANAGED_HSMS, RBAC
from azkvlint.model.provider_version import Version
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Origin, Path, Scalar, Unknown

API: Path = ("apiVersion",)
# The oldest supported API version, which is also the newest that is not a preview.
SUPPORTED_API, _END = "2026-02-01", date(2027, 2, 27)
# Azure retires previews with 90 days' notice, but not this one. For later versions no date is published.
_PREVIEW, _LASTING_PREVIEW = "preview", "2026-04-01-preview"
_SUPPORTED = "supported"
_PROVIDER = "provider"
_IN_VAULTS = (VAULTS, *(f"{VAULTS}/{kind}" for kind in ("accesspolicies", "secrets", "keys", "certificates")))
_IN_HSMS = (MANAGED_HSMS, f"{MANAGED_HSMS}/keys")
# The first azurerm that calls 2026-02-01 for vaults, and for managed HSMs.
VAULTS_SINCE, _HSMS_SINCE = (4, 81), (4, 80)
_PROVIDER_READS = {PROVIDER_TYPE.lower(): ((VERSION,),)}
_VAULT_API_READS = {**dict.fromkeys(_IN_VAULTS, ((_PROVIDER,),)), **_PROVIDER_READS}
_HSM_API_READS = {**dict.fromkeys(_IN_HSMS, ((_PROVIDER,),)), **_PROVIDER_READS}
# The resource types of Key Vault's control plane.
TYPES = (
    VAULTS, MANAGED_HSMS, f"{VAULTS}/secrets", f"{VAULTS}/keys", f"{VAULTS}/accesspolicies", f"{MANAGED_HSMS}/keys",
)  # fmt: skip


@derived("apiRetirement", of=TYPES, label="API retirement", reads=(API,), local_only=True)
def _retirement(resource: Resource, context: Context) -> Answer:
    """Return until when the API version of a Key Vault resource is supported, in words."""
    found = resource.select(API)
    if not isinstance(found, Scalar | Unknown):
        return absent(resource)
    version = str(found.value) if isinstance(found, Scalar) else ""
    if not version:
        return unknown(found, "`apiVersion` has no value")
    if version.lower().endswith(_PREVIEW) and version < _LASTING_PREVIEW:
        return known(found, f"{version} (preview, retired on 90 days' notice)")
    if version[: len(SUPPORTED_API)] >= SUPPORTED_API:
        return known(found, _SUPPORTED)
    return known(found, f"{version} ({_retires(context.today)} on {_END})")


def _retires(today: date) -> str:
    return "retired" if today > _END else "retires"


@derived("vaultApi", of=PROVIDER_TYPE.lower(), label="Key Vault API", reads=_VAULT_API_READS)
def _vault_api(resource: Resource, context: Context) -> Answer:
    return _calls(_IN_VAULTS, VAULTS_SINCE, resource, context)


@derived("hsmApi", of=PROVIDER_TYPE.lower(), label="managed HSM API", reads=_HSM_API_READS)
def _hsm_api(resource: Resource, context: Context) -> Answer:
    return _calls(_IN_HSMS, _HSMS_SINCE, resource, context)


def _calls(types: tuple[str, ...], since: Version, resource: Resource, context: Context) -> Answer:
    """Return whether a provider calls a supported API for ``types``; absent if it manages none of them.

    The provider does from version ``since`` on.
    """
    found = resource.select((VERSION,))
    if not any(resource.address in _managers(type_, context) for type_ in types):
        return absent(resource)
    if not isinstance(found, MapValue):
        return found if isinstance(found, Unknown) else absent(resource)
    low, high = (_number(found, name) for name in ("atLeast", "below"))
    if low is not None and low >= since:
        return known(found, _SUPPORTED)
    first = ".".join(map(str, since))
    if high is None or high > since:
        return unknown(found, f"the version constraint also allows azurerm versions before {first}")
    note = f"before {first}, whose Key Vault API {_retires(context.today)} on {_END}"
    return known(found, _retires(context.today), note)


def _managers(type_: str, context: Context) -> frozenset[str]:
    """Return the providers of all resources and data sources of a type."""
    key = f"providers of {type_}"
    found = context.cache.get(key)
    if not isinstance(found, frozenset):
        links = (one.attributes.fields.get(_PROVIDER) for one in context.index.of_type(type_))
        found = context.cache[key] = frozenset(link.target for link in links if isinstance(link, Link))
    return found


def _number(version: MapValue, name: str) -> Version | None:
    found = version.fields.get(name)
    if not isinstance(found, Scalar):
        return None
    major, _, minor = str(found.value).partition(".")
    return int(major), int(minor)


@derived("modelIsStated", of=VAULTS, label="explicit permission model", reads=(API, RBAC), local_only=True)
def _model_is_stated(resource: Resource, _: Context) -> Answer:
    """Return whether a vault that states its API version also states its permission model."""
    version = resource.select(API)
    if not isinstance(version, Scalar | Unknown):
        return absent(resource)
    found = resource.select(RBAC)
    text = str(version.value) if isinstance(version, Scalar) else ""
    is_stated = not isinstance(found, Absent) and not is_default(found, resource.type, RBAC, text)
    if is_stated and isinstance(found, Unknown) and not found.is_set:
        return unknown(found, found.why)
    note = found.why if isinstance(found, Unknown) else state_value(resource.declared_as, RBAC, found)
    return known(found, is_stated, note)


@derived(
    "deadProperty",
    of=SINCE,
    label="unsupported property",
    reads={type_: (API, *rows) for type_, rows in SINCE.items()},
    local_only=True,
)
def _dead_property(resource: Resource, _: Context) -> Answer:
    """Return the first written property that the API version of a resource does not have."""
    rows, version = SINCE.get(resource.type.lower()), resource.select(API)
    if rows is None or not isinstance(version, Scalar | Unknown):
        return absent(resource)
    text = str(version.value) if isinstance(version, Scalar) else ""
    doubt: Unknown | None = None
    for path, since in rows.items():
        found = resource.select(path)
        has_it = text[: len(since)] >= since and text != GAPS.get((resource.type.lower(), path))
        if isinstance(found, Absent) or found.origin == Origin.DEFAULT or has_it:
            continue
        if text and (not isinstance(found, Unknown) or found.is_set):
            return known(found, f"`{path[-1]}` (not supported in API version {text})")
        why = f"`apiVersion`, which decides whether `{path[-1]}` is supported, has no value"
        doubt = unknown(found, found.why if text and isinstance(found, Unknown) else why)
    return or_absent(doubt, resource)
