"""The vaults of the secrets and certificates that resources refer to, and the network from which apps read them.

Sources, below learn.microsoft.com/azure: app-service/app-service-key-vault-references (the syntax of a reference, and
that an app reads it from the virtual network that it is integrated with), app-service/overview-vnet-integration, and
key-vault/general/overview-vnet-service-endpoints (App Service and Container Apps are no trusted services).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.derived.certificates import (
    APIM,
    FIREWALLS,
    FRONT_DOOR,
    GATEWAYS,
    OF_APP_SERVICE,
    OF_ENVIRONMENT,
)
from azkvlint.derived.certificates import NEEDS as CERTIFICATE_NEEDS
from azkvlint.derived.companions import Sure, companions, is_set
from azkvlint.derived.consumers import unfolded, vault_name, vault_of
from azkvlint.derived.registry import Context, absent, derived, known, known_list, one_target, unknown
from azkvlint.derived.secrets import (
    APPS,
    CONFIG,
    MOST,
    NAMED_VALUES,
    OF_SERVICE,
    SETTING,
    SITES,
    is_reference,
    references_of,
)
from azkvlint.derived.secrets import PLACES as REFERENCE_PLACES
from azkvlint.derived.vaults import VAULTS
from azkvlint.evaluation.values import pieces
from azkvlint.graph.references import reference_of
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value, text_of
from azkvlint.util.lazy_regex import regex

ENVIRONMENTS = "microsoft.app/managedenvironments"
# The paths of the references, by type.
REFERENCES: Mapping[str, tuple[Path, ...]] = {
    **{type_: REFERENCE_PLACES[type_] for type_ in (*SITES, *CONFIG, *APPS, NAMED_VALUES, FRONT_DOOR)},
    **{type_: CERTIFICATE_NEEDS[type_] for type_ in (GATEWAYS, FIREWALLS, APIM, OF_ENVIRONMENT, OF_SERVICE)},
}
# The paths of the vaults, and of the secrets and certificates in them.
VAULT_READS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys((VAULTS, "microsoft.keyvault/managedhsms"), (("id",), ("name",))),
    **{f"{VAULTS}/{kind}": (("parent",), ("name",)) for kind in ("secrets", "certificates")},
}
_OF_CERTIFICATE_VAULT: Path = ("properties", "keyVaultId")
_PLAN, _ENVIRONMENT = (
    ("properties", "serverFarmId"),
    (("properties", "managedEnvironmentId"), ("properties", "environmentId")),
)
_ISOLATED: Path = ("properties", "hostingEnvironmentProfile")
_SUBNET: Path = ("properties", "virtualNetworkSubnetId")
_NETWORK_NAME: Path = ("properties", "siteConfig", "vnetName")
_INFRASTRUCTURE: Path = ("properties", "vnetConfiguration", "infrastructureSubnetId")
_PLANS = "microsoft.web/serverfarms"
# Resources that connect an app to a network.
_CONNECTIONS = tuple(f"{type_}/{kind}" for type_ in SITES for kind in ("networkconfig", "virtualnetworkconnections"))
# The attributes of a secret or certificate in a vault with its ID, in a template.
_OBJECT_IN_VAULT = regex(r"(?i)(/.*/providers/microsoft\.keyvault/vaults/[^/]+)/(?:secrets|certificates)/.*")
_URIS = ("secreturi", "secreturiwithversion")


@derived(
    "secretVaultIds",
    of=(*REFERENCES, OF_APP_SERVICE),
    label="vault of the secret",
    reads={**REFERENCES, OF_APP_SERVICE: (*CERTIFICATE_NEEDS[OF_APP_SERVICE], _OF_CERTIFICATE_VAULT), **VAULT_READS},
)
def _secret_vault_ids(resource: Resource, context: Context) -> Answer:
    """Return the vaults of the secrets and certificates that a resource refers to."""
    own = resource.select(_OF_CERTIFICATE_VAULT) if resource.type.lower() == OF_APP_SERVICE else Absent(at=resource.at)
    found = [own] if not isinstance(own, Absent) else [
        vault
        for _, value, _ in references_of(resource)
        if is_reference(resource, value) and (vault := _vault_value(value, context)) is not None
    ]  # fmt: skip
    return known_list(resource, found) if found else absent(resource)


def vault_in_graph(value: Value, context: Context) -> Resource | None:
    """Return the vault of a reference, if it is certain and in the graph."""
    vault = _vault_value(value, context)
    reference = reference_of("", "", vault, context.index) if vault is not None else None
    if reference is None or len(reference.targets) != 1 or reference.candidates:
        return None
    found = context.index.resources[reference.targets[0]]
    return found if found.type.lower() == VAULTS else None


def _vault_value(value: Value, context: Context) -> Value | None:
    """Return the vault of a reference to a secret or certificate: by link, URL, or App Service's own syntax."""
    text = text_of(value)
    match = SETTING.fullmatch(text) if len(text) <= MOST else None
    if match is not None:
        words = {
            key.strip().lower(): word.strip() for key, _, word in (part.partition("=") for part in match[1].split(";"))
        }
        text = words.get("secreturi", "")
        if not text:
            return _vault_named(words.get("vaultname", ""), value, context)
        value = _with_text(value, text)
    if text[:8].lower() == "https://" and HOLE in text:
        found = _vault_named(vault_name(text[8:].partition("/")[0]), value, context)
        if found is not None:
            return found
    found = _vault_in(text, value, context) if text else None
    return vault_of(value, context) if found is None else found


def _with_text(value: Value, text: str) -> Value:
    if HOLE in text:
        why = value.why if isinstance(value, Unknown) else "the secret ID is known after deployment"
        return Unknown(at=value.at, why=why, pattern=text, sensitive=value.sensitive)
    return Scalar(at=value.at, value=text, sensitive=value.sensitive)


def _vault_named(name: str, value: Value, context: Context) -> Value | None:
    """Return the only vault of a name, or of the pattern of one."""
    found = [
        one for one in context.index.of_type(VAULTS) if name and text_of(one.select(("name",))).lower() == name.lower()
    ]
    deployed = [one for one in found if not one.existing] or found
    return Link(at=value.at, target=deployed[0].address, type=deployed[0].type) if len(deployed) == 1 else None


def _vault_in(text: str, value: Value, context: Context) -> Value | None:
    """Return the vault of a secret or certificate, of which a string is an attribute."""
    match = _OBJECT_IN_VAULT.fullmatch(text)
    if match is not None:
        return _with_text(value, match[1])
    first, is_hole = next(pieces(text))
    of, _, attribute = unfolded(first[1:-1]).rpartition(".") if is_hole else ("", "", "")
    if attribute.lower() in _URIS:
        id_ = of.removesuffix(".properties").rpartition("/secrets/")[0]
        return _with_text(value, id_) if id_ else None
    secret = context.index.resources.get(of)
    above = (
        secret.attributes.fields.get("parent")
        if secret is not None and secret.type.lower().startswith(f"{VAULTS}/")
        else None
    )
    return msgspec.structs.replace(above, at=value.at) if above is not None else None


@derived(
    "networkIntegration",
    of=(*SITES, *CONFIG, *APPS),
    label="virtual network integration",
    reads={
        **dict.fromkeys(SITES, (_SUBNET, _PLAN, _ISOLATED, _NETWORK_NAME, ("id",), ("parent",))),
        **dict.fromkeys(CONFIG, (("parent",),)),
        **dict.fromkeys(APPS, _ENVIRONMENT),
        **dict.fromkeys(_CONNECTIONS, (("parent",),)),
        _PLANS: (_ISOLATED, ("id",)),
        ENVIRONMENTS: (_INFRASTRUCTURE, ("id",)),
    },
)
def _network_integration(resource: Resource, context: Context) -> Answer:
    """Return whether an app sends its traffic through a virtual network."""
    type_ = resource.type.lower()
    if type_ in CONFIG:
        app = one_target(resource, "parent", context)
        return (
            unknown(resource, "the app is not in the scanned files") if app is None else _of_app(app, resource, context)
        )
    if type_ in SITES:
        return _of_app(resource, resource, context)
    environments = [one for path in _ENVIRONMENT if (one := _target(resource, path, context)) is not None]
    if len(environments) != 1 or environments[0].existing:
        return unknown(resource, "the environment of the app is not in the scanned files")
    return _in_words(resource, is_set(environments[0].select(_INFRASTRUCTURE)), context)


def _of_app(app: Resource, resource: Resource, context: Context) -> Answer:
    plan = _target(app, _PLAN, context)
    sure = max(
        is_set(app.select(_SUBNET)),
        is_set(app.select(_NETWORK_NAME)),
        is_set(app.select(_ISOLATED)),
        *(found for type_ in _CONNECTIONS for _, found in companions(context, "parent", type_).naming(app.address)),
        is_set(plan.select(_ISOLATED)) if plan is not None else Sure.NO,
    )
    if sure is Sure.NO and (plan is None or plan.existing or app.existing):
        return unknown(resource, "the hosting plan of the app is not in the scanned files")
    return _in_words(resource, sure, context)


def _in_words(resource: Resource, sure: Sure, context: Context) -> Value:
    if sure is Sure.PERHAPS or (sure is Sure.NO and not context.has_all_companions(resource)):
        return unknown(resource, "the app may be integrated with a virtual network")
    return known(resource, sure is Sure.YES)


def _target(resource: Resource, path: Path, context: Context) -> Resource | None:
    """Return the one resource that an attribute certainly refers to."""
    value = resource.select(path)
    reference = None if isinstance(value, Absent) else reference_of(resource.address, "", value, context.index)
    targets = reference.targets if reference is not None else ()
    return context.index.resources[targets[0]] if len(targets) == 1 else None
