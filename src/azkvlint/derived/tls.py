"""Who serves TLS with a vault's certificates, and whether anyone on the internet is served.

Source: learn.microsoft.com/azure/templates, the reference of each type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.registry import (
    Context,
    absent,
    derived,
    known,
    known_list,
    one_target,
    or_absent,
    unknown,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, select, text_of

VAULTS = "microsoft.keyvault/vaults"
CERTIFICATES = f"{VAULTS}/certificates"
GATEWAYS = "microsoft.network/applicationgateways"
APIM = "microsoft.apimanagement/service"
FRONT_DOOR = "microsoft.cdn/profiles/secrets"
ENVIRONMENTS = "microsoft.app/managedenvironments"
OF_ENVIRONMENT = f"{ENVIRONMENTS}/certificates"
OF_APP_SERVICE = "microsoft.web/certificates"

# Where a resource names certificates: a list, and the path of the id in each of its items; or a path alone.
_LISTS: Mapping[str, tuple[Path, Path]] = {
    GATEWAYS: (("properties", "sslCertificates"), ("properties", "keyVaultSecretId")),
    APIM: (("properties", "hostnameConfigurations"), ("keyVaultId",)),
}
_PLACES: Mapping[str, Path] = {
    "microsoft.apimanagement/service/certificates": ("properties", "keyVault", "secretIdentifier"),
    "microsoft.network/firewallpolicies": (
        "properties",
        "transportSecurity",
        "certificateAuthority",
        "keyVaultSecretId",
    ),
    "nginx.nginxplus/nginxdeployments/certificates": ("properties", "keyVaultSecretId"),
    FRONT_DOOR: ("properties", "parameters", "secretSource", "id"),
    OF_ENVIRONMENT: ("properties", "certificateKeyVaultProperties", "keyVaultUrl"),
}
# Where a template writes vault and name apart; of the name alone nobody knows which certificate it is.
_APART: Mapping[str, Path] = {
    "microsoft.appplatform/spring/certificates": ("properties", "keyVaultCertName"),
    "microsoft.signalrservice/signalr/customcertificates": ("properties", "keyVaultSecretName"),
    "microsoft.signalrservice/webpubsub/customcertificates": ("properties", "keyVaultSecretName"),
    OF_APP_SERVICE: ("properties", "keyVaultSecretName"),
}
# Where Terraform's tables put the id of a certificate that templates name in another form.
_IDS: Path = ("derived", "certificateIds")
_FRONTENDS: Path = ("properties", "frontendIPConfigurations")
_NETWORK: Path = ("properties", "virtualNetworkType")
_INTERNAL: Path = ("properties", "vnetConfiguration", "internal")


NEEDS: Mapping[str, tuple[Path, ...]] = {
    GATEWAYS: (("properties", "sslCertificates"), _IDS, _FRONTENDS),
    APIM: (("properties", "hostnameConfigurations"), _IDS, _NETWORK, ("scope",)),
    **{type_: (place, _IDS) for type_, place in (*_PLACES.items(), *_APART.items())},
    OF_ENVIRONMENT: (_PLACES[OF_ENVIRONMENT], _IDS, ("parent",)),
}


@derived(
    "certificateIds",
    of=NEEDS,
    label="TLS certificates",
    reads={**NEEDS, CERTIFICATES: (("name",), ("parent",)), VAULTS: (("id",),)},
)
def _certificate_ids(resource: Resource, _: Context) -> Answer:
    """The certificates that a resource serves TLS with, by id. The secret of a certificate's name holds its key."""
    found = tuple(map(_certificate_id, named(resource)))
    return known_list(resource, found) if found else absent(resource)


def named(resource: Resource) -> Iterator[Value]:
    """What a resource calls the certificates that it serves TLS with."""
    type_ = resource.type.lower()
    said = resource.select(_IDS)
    if type_ in _LISTS:
        where, inside = _LISTS[type_]
        items = resource.select(where)
        if isinstance(items, Unknown):
            yield items
        for item in items.items if isinstance(items, ListValue) else ():
            one = select(item, inside)
            if not isinstance(one, Absent):
                yield one
    elif not isinstance(said, Absent):
        yield from said.items if isinstance(said, ListValue) else (said,)
    elif type_ in _PLACES:
        one = resource.select(_PLACES[type_])
        if not isinstance(one, Absent):
            yield one
    elif type_ in _APART and not isinstance(resource.select(_APART[type_]), Absent):
        yield unknown(resource, "vault and name of the certificate are written apart")


def _certificate_id(value: Value) -> Value:
    text = text_of(value)
    if "/secrets/" not in text:
        return value
    field = "pattern" if isinstance(value, Unknown) else "value"
    return msgspec.structs.replace(value, **{field: text.replace("/secrets/", "/certificates/", 1)})


@derived("servesPublic", of=NEEDS, label="public TLS endpoint", reads={**NEEDS, ENVIRONMENTS: (_INTERNAL,)})
def _serves_public(resource: Resource, context: Context) -> Answer:
    """Whether anyone on the internet may be served by a resource that serves TLS."""
    type_ = resource.type.lower()
    if type_ == GATEWAYS:
        return or_absent(_has_public_frontend(resource), resource)
    if type_ == APIM:
        is_whole = isinstance(resource.select(("scope",)), Absent)
        return _unless(resource if is_whole else one_target(resource, "scope", context), resource, _NETWORK, "internal")
    if type_ == OF_ENVIRONMENT:
        return _unless(one_target(resource, "parent", context), resource, _INTERNAL, "true")
    if type_ == FRONT_DOOR:
        return known(resource, True, "Front Door serves the internet")
    return (
        unknown(resource, "which apps use it, and who can reach them, is not said")
        if type_ in NEEDS
        else absent(resource)
    )


def _has_public_frontend(gateway: Resource) -> Value | None:
    frontends = gateway.select(_FRONTENDS)
    if isinstance(frontends, Unknown):
        return frontends
    items = frontends.items if isinstance(frontends, ListValue) else ()
    addresses = [select(item, ("properties", "publicIPAddress", "id")) for item in items]
    addresses = [found for found in addresses if not isinstance(found, Absent)]
    public = any(not isinstance(found, Unknown) or found.is_set for found in addresses)
    if addresses and not public:
        return unknown(gateway, "whether it has a public frontend is not known")
    return known(gateway, public, "it has a public frontend" if public else "it has no public frontend")


def _unless(of: Resource | None, resource: Resource, path: Path, internal: str) -> Value:
    """That it serves the public, unless the resource that it belongs to says that it is internal."""
    answer = of.select(path) if of is not None else None
    if of is None or of.existing or isinstance(answer, Unknown):
        return unknown(resource, "whether what it belongs to is internal is not known")
    word = str(answer.value).lower() if isinstance(answer, Scalar) else ""
    return known(resource, word != internal, f"{of.address} is {'not ' if word != internal else ''}internal")
