"""The vaults of the references of a resource, and the network from which it reads them."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.azure.consumers import items_and_path, uses_of
from azkvlint.derived.answers import absent, known, known_list, unknown, unknown_as
from azkvlint.derived.companions import Sure, companions, is_set
from azkvlint.derived.registry import Context, derived, joined
from azkvlint.derived.secret_access import MAY_REFER, SECRETS, VAULT_READS, readings_of, types, vaults_read
from azkvlint.derived.secrets import APPS, CONFIG, SITES, places_of
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Link, Path, Unknown, Value

_ENVIRONMENTS = "microsoft.app/managedenvironments"
_VAULT = "Microsoft.KeyVault/vaults"


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


@derived(
    "secretVaultIds",
    of=lambda: types(*SECRETS),
    label="vault of the secret",
    reads=lambda: joined(
        {
            type_: (
                *places_of(type_),
                *(
                    items_and_path(path)[0]
                    for use in uses_of(type_)
                    for path in (*use.at, *use.only, use.vault)
                    if path
                ),
            )
            for type_ in types(*SECRETS)
        },
        VAULT_READS,
    ),
)
def _secret_vault_ids(resource: Resource, context: Context) -> Answer:
    """Return the vaults of the secrets and certificates that a resource refers to."""
    found: list[Value] = []
    for reading in readings_of(resource, None, context, SECRETS):
        vaults, is_certain = vaults_read(reading, resource, context)
        at = reading.value.at
        if is_certain:
            found += (Link(at=at, target=one, type=_VAULT) for one in vaults)
        elif vaults:
            why = reading.value.why if isinstance(reading.value, Unknown) else MAY_REFER
            found.append(Unknown(at=at, why=why, candidates=vaults, closed=True))
    return known_list(resource, found) if found else absent(resource)


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
        _ENVIRONMENTS: (_INFRASTRUCTURE, ("id",)),
    },
)
def _network_integration(resource: Resource, context: Context) -> Answer:
    """Return whether an app sends its traffic through a virtual network."""
    type_ = resource.type.lower()
    if type_ in CONFIG:
        app = context.target_of(resource, "parent")
        if app is None:
            return unknown(resource, "the app that it configures is not in the scanned files")
        return _of_app(app, resource, context)
    if type_ in SITES:
        return _of_app(resource, resource, context)
    environments = [one for path in _ENVIRONMENT if (one := _target(resource, path, context)) is not None]
    if len(environments) != 1 or environments[0].existing:
        return unknown(resource, "the environment of the app is not in the scanned files")
    setting = environments[0].select(_INFRASTRUCTURE)
    return _in_words(resource, is_set(setting), [setting], context)


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
    settings = [app.select(path) for path in (_SUBNET, _NETWORK_NAME, _ISOLATED)]
    settings += [plan.select(_ISOLATED)] if plan is not None else []
    return _in_words(resource, sure, settings, context)


def _in_words(resource: Resource, sure: Sure, settings: Sequence[Answer], context: Context) -> Value:
    if sure is Sure.PERHAPS:
        doubt = next((one for one in settings if isinstance(one, Unknown) and not one.is_set), None)
        otherwise = "a virtual network connection may be for the app"
        return unknown(resource, otherwise) if doubt is None else unknown_as(doubt, otherwise)
    if sure is Sure.NO and not context.has_all_companions(resource):
        return unknown(resource, "a virtual network connection outside the scanned files may be for the app")
    return known(resource, sure is Sure.YES)


def _target(resource: Resource, path: Path, context: Context) -> Resource | None:
    """Return the one resource that an attribute certainly refers to."""
    value = resource.select(path)
    reference = reference_of(resource.address, "", value, context.index)
    targets = reference.targets if reference is not None else ()
    return context.index.resources[targets[0]] if len(targets) == 1 else None
