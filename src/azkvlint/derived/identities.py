"""Who is granted access: what can be said of a principal whose id is mostly known only after deployment.

Sources: the documentation of azurerm, azuread and of Bicep's deployer(), which say whose id each attribute is; and
learn.microsoft.com/entra/identity-platform/app-objects-and-service-principals: an application has a client id and an
object id, but access is granted to the object id of its service principal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from azkvlint.derived.registry import Context, known, unknown, unknown_as
from azkvlint.derived.vaults import POLICIES, POLICY_LIST, VAULTS
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, select, text_of
from azkvlint.util.lazy_regex import regex

# What Terraform's data sources say of whoever runs it; see the azurerm table.
CLIENTS = "terraform/clientconfigs"
# People whom Terraform makes or looks up.
USERS = "terraform/users"
# Where client ids stand, by type.
APPLICATIONS: Mapping[str, Path] = {
    "terraform/applications": ("clientId",),
    "microsoft.managedidentity/userassignedidentities": ("properties", "clientId"),
    "microsoft.containerservice/managedclusters": ("properties", "servicePrincipalProfile", "clientId"),
}
# The family of ids that are known already.
LITERAL = "literal"
DEPLOYER = "deployer"
_PRINCIPAL, _APPLICATION = "principal", "application"
_NO_PRINCIPAL = "its object id is that of an application, not of its service principal"
_NOBODY = "00000000-0000-0000-0000-000000000000"

# A path of Bicep stands in a pattern with this in place of its slashes.
_SLASH = "\u2215"
_END = r"\u27e9+$"
_KINDS = (
    (DEPLOYER, rf"data\.azure(rm|ad)_client_config\.[^.]+\.object_id{_END}|\u27e8deployer\(\)\u27e9\.objectId{_END}"),
    ("guest", rf"azuread_invitation\..*\.user_id{_END}"),
    ("person", rf"azuread_(user|group)\.[^.]+\.(object_id|id){_END}"),
    (
        "application",
        rf"azurerm_[a-z0-9_]+\..*\.(principal|object)_id{_END}|azuread_service_principal\.[^.]+\.(object_id|id){_END}",
    ),
    ("application", rf"\.identity\u27e9*\.principalId{_END}|\.identityProfile\.[^.]+\.objectId{_END}"),
    ("application", rf"userAssignedIdentities{_SLASH}[^{_SLASH}]+\.properties\u27e9*\.principalId{_END}"),
)
_APPLICATION_ITSELF = regex(
    rf"\.(client_id|application_id|clientId){_END}|azuread_application\.[^.]+\.(object_id|id){_END}", re.IGNORECASE
)
_KNOWN_KINDS = tuple((kind, regex(pattern, re.IGNORECASE)) for kind, pattern in _KINDS)
# The identity of one resource that is deployed here, and whose name is known: no two such have the same.
_OWN = (
    regex(
        rf"^(?!.*\bdata\.)\u27e8+(?:module\.[^(]+\.)?(?:azurerm_[a-z0-9_]+\.[^(]+\.principal_id"
        rf"|azuread_service_principal\.[^(]+\.(?:object_id|id)){_END}"
    ),
    regex(rf"{_SLASH}[^{_SLASH}\u27e8\u27e9]+\.(?:identity|properties)\u27e9*\.principalId{_END}", re.IGNORECASE),
)
_USER = regex(rf"\u27e8((?:[^\u27e8\u27e9]*\.)?azuread_user\.[^\u27e8\u27e9]+)\.(?:object_id|id){_END}")
_GUEST = "#EXT#"
_LIKE_A_GUID = regex(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class Identity(msgspec.Struct, frozen=True):
    """A principal. ``key`` is the same for the same one; empty if nothing is known of it.

    Two of the same ``family`` that have different keys are certainly two: of a family without a name nobody knows.
    ``kind`` is deployer, application, person, guest, or empty where that is not known.
    """

    key: str
    family: str
    kind: str
    label: str
    perhaps_deployer: bool = False
    perhaps_guest: bool = False

    def kind_of(self, at: Location) -> Value:
        """The kind as a value; of an id that is written out it is not the deployer, or its author would say so."""
        if self.kind or (self.family == LITERAL and not self.perhaps_deployer):
            note = "" if self.kind == DEPLOYER else f"{self.label} is not who deploys"
            return known(at, self.kind, note)
        return unknown(at, f"nobody knows whether {self.label} deploys")


def identity_of(answer: Answer, kind: Answer, context: Context) -> Identity:
    """The principal that an object id names. ``kind`` is what the author says that it is, if that."""
    text = _whole(answer)
    label = text.replace(HOLE, "").replace("\u27e9", "") or "a principal that is not known"
    label = "(sensitive)" if answer.sensitive else label
    if isinstance(answer, Scalar):
        certain = _known(context, "objectId")
        own = DEPLOYER if text.lower() in certain else _said(kind)
        return Identity(text.lower(), LITERAL, own, label, perhaps_deployer="" in certain)
    found = next((name for name, pattern in _KNOWN_KINDS if pattern.search(text)), "")
    guest = _is_guest(text, context) if found == "person" else False
    family = "resource" if any(own.search(text) for own in _OWN) else ""
    kind_ = "guest" if guest else found or _said(kind)
    return Identity(text, family, kind_, label, perhaps_guest=guest is None)


def _is_guest(text: str, context: Context) -> bool | None:
    """Whether an id is that of a user with the name of a guest; None if that name is not known.

    Source: learn.microsoft.com/entra/external-id/user-properties.
    """
    match = _USER.search(text)
    user = context.index.resources.get(match[1]) if match is not None else None
    name = user.select(("properties", "userPrincipalName")) if user is not None else None
    if isinstance(name, Unknown):
        return None
    return isinstance(name, Scalar) and _GUEST in str(name.value).upper()


def named_by(answer: Answer, context: Context) -> Value:
    """What an object id names: a ``principal``; an ``application``, if it is a client id or the object id of one;
    or ``nobody``.
    """
    if isinstance(answer, Scalar):
        text, clients = str(answer.value).lower(), _known(context, "clientId")
        if text == _NOBODY:
            return known(answer, "nobody", "its object id is all zeros")
        if text in clients or text in _applications(context):
            return known(answer, _APPLICATION, _NO_PRINCIPAL)
        return unknown_as(answer, "whose id it is is not known") if "" in clients else known(answer, _PRINCIPAL)
    if _APPLICATION_ITSELF.search(_whole(answer)):
        return known(answer, _APPLICATION, _NO_PRINCIPAL)
    return known(answer, _PRINCIPAL) if _is_referred(answer) else unknown_as(answer, "whose id it is is not known")


def is_literal(answer: Answer, planned: bool) -> Value:
    """Whether an object id is written as a GUID. A plan does not tell what is written from what is looked up."""
    if isinstance(answer, Scalar) and planned:
        return unknown(answer, "a plan does not say whether it is written or looked up")
    if isinstance(answer, Scalar):
        return known(answer, _LIKE_A_GUID.fullmatch(str(answer.value)) is not None)
    return known(answer, value=False) if _is_referred(answer) else unknown_as(answer, "whose id it is is not known")


def _is_referred(answer: Answer) -> bool:
    """Whether it is certainly another resource's object id."""
    text = _whole(answer)
    return any(pattern.search(text) for _, pattern in _KNOWN_KINDS)


def _whole(answer: Answer) -> str:
    """The text of an id, or the pattern of one that is a single expression; empty for one put together."""
    text = text_of(answer)
    if isinstance(answer, Scalar):
        return text
    depth = 0
    for i, character in enumerate(text):
        depth += (character == HOLE) - (character == "\u27e9")
        if depth == 0 and i < len(text) - 1:
            return ""
    return text


def _said(kind: Answer) -> str:
    word = str(kind.value).lower() if isinstance(kind, Scalar) else ""
    return {"serviceprincipal": "application", "user": "person", "group": "person"}.get(word, "")


def _applications(context: Context) -> frozenset[str]:
    """All client ids that are known here. No id that is made later is one that is written already."""
    found: frozenset[str] | None = context.cache.get("applications")
    if found is None:
        answers = [one.select(path) for type_, path in APPLICATIONS.items() for one in context.index.of_type(type_)]
        for vault in (one for type_ in (VAULTS, POLICIES) for one in context.index.of_type(type_)):
            policies = vault.select(POLICY_LIST)
            answers += [
                select(one, ("applicationId",)) for one in (policies.items if isinstance(policies, ListValue) else ())
            ]
        found = frozenset(str(one.value).lower() for one in answers if isinstance(one, Scalar) and one.value != "")
        context.cache["applications"] = found
    return found


def _known(context: Context, field: str) -> frozenset[str]:
    """The ids of whoever runs Terraform, as far as they have been looked up; empty for one that is not known yet."""
    found = context.cache.get(f"clients.{field}")
    if not isinstance(found, frozenset):
        answers = (one.select((field,)) for one in context.index.of_type(CLIENTS))
        texts = (
            text_of(one).lower() if isinstance(one, Scalar) else "" for one in answers if not isinstance(one, Absent)
        )
        found = context.cache[f"clients.{field}"] = frozenset(texts)
    return found
