"""Services that use a certificate of a vault for TLS, and whether they are reachable from the internet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from azkvlint.azure.consumers import ConsumerRead, items_and_path, path_of, types_with, uses_of
from azkvlint.derived import machine_extension
from azkvlint.derived.answers import absent, known, known_list, or_absent, unknown
from azkvlint.derived.certificates import CERTIFICATES, VAULTS
from azkvlint.derived.registry import Context, derived
from azkvlint.model.pattern import join_texts, split_text
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value

# Source: learn.microsoft.com/azure/templates, the reference of each type.


GATEWAYS = "microsoft.network/applicationgateways"
APIM = "microsoft.apimanagement/service"
FIREWALLS = "microsoft.network/firewallpolicies"
FRONT_DOOR = "microsoft.cdn/profiles/secrets"
ENVIRONMENTS = "microsoft.app/managedenvironments"
OF_ENVIRONMENT = f"{ENVIRONMENTS}/certificates"
OF_APP_SERVICE = "microsoft.web/certificates"


@cache
def _certificate_read(type_: str) -> ConsumerRead | None:
    """Return how resources of a type (lower case) name a certificate themselves."""
    found = [use for use in uses_of(type_) if use.reads == "certificate" and use.otherwise != "flag"]
    return found[-1] if found else None


# Where the Terraform tables put the id of a certificate that templates refer to in another form.
_IDS: Path = ("derived", "certificateIds")
_FRONTENDS: Path = ("properties", "frontendIPConfigurations")
_NETWORK: Path = ("properties", "virtualNetworkType")
_INTERNAL: Path = ("properties", "vnetConfiguration", "internal")
# What is read besides, of the network of the services.
_OTHERS: Mapping[str, tuple[Path, ...]] = {
    GATEWAYS: (_FRONTENDS,),
    APIM: (_NETWORK, ("scope",)),
    OF_ENVIRONMENT: (("parent",),),
}


def needs_of(type_: str) -> tuple[Path, ...]:
    """Return what is read of resources of a type (lower case) for their certificates; empty if they name none."""
    use = _certificate_read(type_)
    if use is not None and use.form == "extension":
        return machine_extension.places_of(use)
    return () if use is None else (items_and_path(use.at[0])[0], _IDS, *_OTHERS.get(type_, ()))


def _needs() -> Mapping[str, tuple[Path, ...]]:
    found = {type_: needs_of(type_) for type_ in map(str.lower, types_with(reads=["certificate"]))}
    return {type_: paths for type_, paths in found.items() if paths}


@derived(
    "certificateIds",
    of=_needs,
    label="TLS certificate",
    reads=lambda: {**_needs(), CERTIFICATES: (("name",), ("parent",)), VAULTS: (("id",),)},
)
def _certificate_ids(resource: Resource, _: Context) -> Answer:
    """Return the ids of the certificates that a resource uses for TLS.

    The secret with the name of a certificate contains its private key.
    """
    found = tuple(map(_certificate_id, certificates_of(resource)))
    return known_list(resource, found) if found else absent(resource)


def certificates_of(resource: Resource) -> Iterator[Value]:
    """Yield the references of a resource to the certificates that it uses for TLS."""
    use = _certificate_read(resource.type.lower())
    if use is not None and use.form == "extension":
        yield from (value for value, _ in machine_extension.observed_certificates(resource, use))
        return
    ids = resource.select(_IDS)
    if use is not None and "[]" in use.at[0]:
        where, inside = items_and_path(use.at[0])
        items = resource.select(where)
        if isinstance(items, Unknown):
            yield items
        for item in items.items if isinstance(items, ListValue) else ():
            one = item.select(inside)
            if not isinstance(one, Absent):
                yield one
    elif not isinstance(ids, Absent):
        yield from ids.as_items
    elif use is not None:
        one = resource.select(path_of(use.at[0]))
        if not isinstance(one, Absent):
            # Where a template states vault and name separately, the name alone does not identify the certificate.
            apart = use.form == "parts"
            yield unknown(resource, "the certificate ID consists of separate properties") if apart else one


def _certificate_id(value: Value) -> Value:
    vault, *others = split_text(value.string, "/secrets/")
    if not others:
        return value
    return value.with_string(join_texts([vault, "/certificates/", join_texts(others, "/secrets/")]))


@derived("servesPublic", of=_needs, label="public TLS endpoint", reads=lambda: {**_needs(), ENVIRONMENTS: (_INTERNAL,)})
def _serves_public(resource: Resource, context: Context) -> Answer:
    """Return whether a resource that uses TLS may be reachable from the internet."""
    type_ = resource.type.lower()
    if type_ == GATEWAYS:
        return or_absent(_has_public_frontend(resource), resource)
    if type_ == APIM:
        is_whole = isinstance(resource.select(("scope",)), Absent)
        return _unless(resource if is_whole else context.target_of(resource, "scope"), resource, _NETWORK, "internal")
    if type_ == OF_ENVIRONMENT:
        return _unless(context.target_of(resource, "parent"), resource, _INTERNAL, "true")
    if type_ == FRONT_DOOR:
        return known(resource, True, "Front Door is public")
    return (
        unknown(resource, "the apps that use the certificate, and their network access, are not known")
        if needs_of(type_)
        else absent(resource)
    )


def _has_public_frontend(gateway: Resource) -> Value | None:
    frontends = gateway.select(_FRONTENDS)
    if isinstance(frontends, Unknown):
        return frontends
    items = frontends.items if isinstance(frontends, ListValue) else ()
    addresses = [item.select(("properties", "publicIPAddress", "id")) for item in items]
    addresses = [found for found in addresses if not isinstance(found, Absent)]
    public = any(not isinstance(found, Unknown) or found.is_set for found in addresses)
    if addresses and not public:
        return unknown(gateway, "a frontend may have a public IP address")
    return known(
        gateway, public, "a frontend has a public IP address" if public else "no frontend has a public IP address"
    )


def _unless(of: Resource | None, resource: Resource, path: Path, internal: str) -> Value:
    """Return that a resource is public, unless the resource that it belongs to is declared as internal."""
    answer = of.select(path) if of is not None else None
    if of is None or of.existing or isinstance(answer, Unknown):
        return unknown(resource, "the service of the certificate may be internal")
    word = str(answer.value).lower() if isinstance(answer, Scalar) else ""
    return known(resource, word != internal, f"`{of.address}` is {'not ' if word != internal else ''}internal")
