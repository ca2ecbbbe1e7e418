"""Access to the keys, secrets and certificates of a vault: access policies and roles as access policy permissions.

A permission is a kind and a word, such as ``secrets/get``. Sources: the REST reference of Microsoft.KeyVault/vaults
(permissions), learn.microsoft.com/azure/key-vault/general/rbac-migration (which role replaces which permissions).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.roles import ASSIGNS, DATA
from azkvlint.derived.access_policies import POLICIES, POLICY_LIST, VAULTS, change_of
from azkvlint.derived.answers import known, known_list, known_object, unknown, unknown_as
from azkvlint.derived.assignments import GRANTS, ROLE_NEEDS, operations, role_name
from azkvlint.derived.operations import operations_of_built_in
from azkvlint.derived.registry import Context, derived
from azkvlint.model.location import Location
from azkvlint.model.pattern import TERRAFORM, CallHole, DeclaredHole, Hole, Text, bare, split_text, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

# Sources: the documentation of azurerm, azuread and of Bicep's deployer() on the id that each attribute contains; and
# learn.microsoft.com/entra/identity-platform/app-objects-and-service-principals: an application has a client id and
# an object id, but access is granted to the object id of its service principal.


# The data sources of the identity that runs Terraform; see the azurerm table.
CLIENTS = "terraform/clientconfigs"
# Users that Terraform creates or looks up.
USERS = "terraform/users"
# The type of a resource with a managed identity that no table maps; and of user-assigned identities.
OTHER_HOLDER, USER_ASSIGNED = "other", "microsoft.managedidentity/userassignedidentities"
# The paths of client ids, by type.
APPLICATIONS: Mapping[str, Path] = {
    "terraform/applications": ("clientId",),
    USER_ASSIGNED: ("properties", "clientId"),
    "microsoft.containerservice/managedclusters": ("properties", "servicePrincipalProfile", "clientId"),
}
# The family of ids that are known already.
LITERAL = "literal"
# The family of identities that each belong to one resource of the input.
RESOURCE_FAMILY = "resource"
DEPLOYER = "deployer"
NAMED_PRINCIPAL, NO_PRINCIPAL, _APPLICATION = "principal", "no principal", "application"
_NO_PRINCIPAL = "the object ID belongs to an application, not to its service principal"
_UNKNOWN_TYPE = "the type of the object ID is not known"
_NIL_ID = "00000000-0000-0000-0000-000000000000"

# By the type of a Terraform resource or data source: the kind of object that these attributes identify.
_CLIENT_CONFIGS = ("data.azurerm_client_config", "data.azuread_client_config")
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(_CLIENT_CONFIGS, (DEPLOYER, ("object_id",))),
    "azuread_invitation": ("guest", ("user_id",)),
    "azuread_user": ("person", ("object_id", "id")),
    "azuread_group": ("person", ("object_id", "id")),
    "azuread_service_principal": (_APPLICATION, ("object_id", "id")),
}
_OF_AZURERM = ("principal_id", "object_id")
_OF_TEMPLATE = regex(r"(?:.*\.)?(?:identity\.principalid|identityprofile\.[^.]+\.objectid)")
_IDENTITY_TYPE = "/userassignedidentities/"
_OF_RESOURCE = ("identity.principalid", "properties.principalid")
_CLIENT_IDS = frozenset({"client_id", "application_id", "clientid"})
# The identity of a policy assignment runs the deployments of its policy, and nothing else has its tokens. Source:
# learn.microsoft.com/azure/governance/policy/how-to/remediate-resources.
_OF_POLICY_ASSIGNMENT = regex(r"\Wpolicyassignments\W.*\bidentity\b|\bazurerm_\w*policy_assignment\.", re.IGNORECASE)
_GUEST_MARK = "#EXT#"
_LIKE_A_GUID = regex(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class Identity(msgspec.Struct, frozen=True):
    """A principal. Equal ``key``s mean the same principal; the key is empty if nothing is known of it.

    ``expression``: what identifies it, without brackets; ``owner``: see ``owner_of``.
    Two principals of one ``family`` with different keys are different; without a family that is not known.
    ``kind`` is deployer, application, person, guest, or empty if it is not known. ``created``: the type of the resource
    of this deployment with which it is created, so that it is none that exists before; empty for any other principal.
    ``holder``: the type of the resource that has a managed identity; empty for any other principal.
    """

    key: str
    family: str
    kind: str
    label: str
    expression: str = ""
    owner: str = ""
    perhaps_deployer: bool = False
    perhaps_guest: bool = False
    created: str = ""
    holder: str = ""

    @property
    def exists(self) -> bool:
        """Return whether it certainly exists before the deployment: its ID is written, or it deploys."""
        return self.family == LITERAL or self.kind == DEPLOYER

    @property
    def subject(self) -> str:
        """Return the principal as the subject of a sentence."""
        return f"principal `{self.label}`" if self.label else "the principal"

    @property
    def is_of_policy_assignment(self) -> bool:
        """Return whether it is the system-assigned identity of a policy assignment."""
        return self.family != LITERAL and _OF_POLICY_ASSIGNMENT.search(self.key) is not None

    def kind_of(self, at: Location) -> Value:
        """Return the kind as a value.

        A literal id is assumed not to be the deployment identity's, which has an expression.
        """
        if self.kind or (self.family == LITERAL and not self.perhaps_deployer):
            return known(at, self.kind)
        return unknown(at, f"{self.subject} may be the deployment identity")


def identity_of(answer: Answer, kind: Answer, context: Context) -> Identity:
    """Return the principal that an object id identifies. ``kind`` is the declared principal type, if any."""
    text, hole = answer.text, _hole_of(answer)
    if isinstance(answer, Scalar):
        label = "" if answer.sensitive else text
        certain = _known(context, "objectId")
        own = DEPLOYER if text.lower() in certain else _declared_kind(kind)
        return Identity(text.lower(), LITERAL, own, label, text, text, perhaps_deployer="" in certain)
    if hole is None:
        return Identity("", "", _declared_kind(kind), "")
    label = "" if answer.sensitive else bare(hole).rpartition("/")[2]
    found = _kind_of(hole)
    guest = _is_guest(hole, context) if found == "person" else False
    family = RESOURCE_FAMILY if _is_of_one_resource(hole) else ""
    kind_ = "guest" if guest else found or _declared_kind(kind)
    owner, perhaps, created = owner_of(hole), guest is None, _created_with(hole)
    return Identity(
        hole.text, family, kind_, label, bare(hole), owner, perhaps_guest=perhaps, created=created,
        holder=_holder_of(hole),
    )  # fmt: skip


_OBJECT_IDS = frozenset({"principalid", "objectid", "id"})
# A part of a resource that has its object ID.
_HOLDER = regex(r"\.(?:identity(?:\[\d+\]|\.\d+)?|properties)$", re.IGNORECASE)


def owner_of(text: Text, attributes: frozenset[str] = _OBJECT_IDS) -> str:
    """Return the resource of which a text is the object ID, without brackets; the text itself if it is not one."""
    if not isinstance(text, DeclaredHole) or text.attribute.lower().replace("_", "") not in attributes:
        return bare(text)
    if not (text.path or text.type):  # a variable, a local value or an output that has such a name
        return bare(text)
    path = f".{text.path}" if text.path else ""
    return _HOLDER.sub("", f"{bare(text.address)}{path}".rpartition(".")[0])


def _kind_of(hole: Hole) -> str:
    """Return the kind of object that an attribute identifies; empty if that is not known."""
    if not isinstance(hole, DeclaredHole):
        return ""
    if isinstance(hole.address, CallHole):
        return DEPLOYER if hole.address.name == "deployer" and hole.path == "objectId" else ""
    own_type = hole.type.removeprefix("data.")
    kind, attributes = _KINDS.get(hole.type) or _KINDS.get(own_type) or ("", ())
    if hole.attribute in attributes:
        return kind
    path = hole.path.lower()
    if own_type.startswith("azurerm_") and hole.attribute in _OF_AZURERM:
        return _APPLICATION
    is_identity = _IDENTITY_TYPE in text_form(hole.address).lower() and path == "properties.principalid"
    return _APPLICATION if is_identity or _OF_TEMPLATE.fullmatch(path) else ""


def _is_of_one_resource(hole: Hole) -> bool:
    """Return whether an object ID belongs to a resource that is deployed here and has a known name."""
    if not isinstance(hole, DeclaredHole):
        return False
    if hole.language == TERRAFORM:
        is_own = hole.type.startswith("azurerm_") and hole.attribute == "principal_id"
        return is_own or (hole.type == "azuread_service_principal" and hole.attribute in ("object_id", "id"))
    *above, name = split_text(hole.address, "/")
    return bool(above) and isinstance(name, str) and hole.path.lower() in _OF_RESOURCE


def _created_with(hole: Hole) -> str:
    """Return the type of the resource with whose deployment a managed identity is created; empty if none is."""
    if not isinstance(hole, DeclaredHole) or hole.type.startswith("data."):
        return ""
    is_own = hole.type.startswith("azurerm_") and hole.attribute == "principal_id"
    return hole.type.lower() if is_own or hole.path.lower() in _OF_RESOURCE else ""


def _holder_of(hole: Hole) -> str:
    """Return the Azure type of the resource that has a managed identity, OTHER_HOLDER for one that is not mapped."""
    if not isinstance(hole, DeclaredHole):
        return ""
    own_type = hole.type.removeprefix("data.")
    if own_type.startswith("azurerm_") and hole.attribute == "principal_id":
        mapped = RESOURCES.get(own_type)
        return OTHER_HOLDER if mapped is None else mapped.type.lower()
    return own_type.lower() if hole.path.lower() in _OF_RESOURCE else ""


def _is_guest(user_id: Hole, context: Context) -> bool | None:
    """Return whether an id is that of a user with a guest's user principal name; None if the name is not known.

    Source: learn.microsoft.com/entra/external-id/user-properties.
    """
    # A group has none.
    if not isinstance(user_id, DeclaredHole) or user_id.type.removeprefix("data.") != "azuread_user":
        return False
    user = context.index.resources.get(text_form(user_id.address))
    name = user.select(("properties", "userPrincipalName")) if user is not None else None
    if isinstance(name, Unknown):
        return None
    return isinstance(name, Scalar) and _GUEST_MARK in str(name.value).upper()


def named_by(answer: Answer, context: Context) -> Value:
    """Return the kind of object that an object id identifies.

    A ``principal``; an ``application`` for a client id or the object id of an application; or neither for the nil UUID.
    """
    if isinstance(answer, Scalar):
        text, clients = str(answer.value).lower(), _known(context, "clientId")
        if text == _NIL_ID:
            return known(answer, NO_PRINCIPAL, "the object ID consists of zeros")
        if text in clients or text in _applications(context):
            return known(answer, _APPLICATION, _NO_PRINCIPAL)
        return unknown_as(answer, _UNKNOWN_TYPE) if "" in clients else known(answer, NAMED_PRINCIPAL)
    if _identifies_application(_hole_of(answer)):
        return known(answer, _APPLICATION, _NO_PRINCIPAL)
    return known(answer, NAMED_PRINCIPAL) if _is_referred(answer) else unknown_as(answer, _UNKNOWN_TYPE)


def is_literal(answer: Answer, planned: bool) -> Value:
    """Return whether an object id is written as a GUID. A plan does not distinguish literals from looked-up values."""
    if isinstance(answer, Scalar) and planned:
        return unknown(answer, "a plan does not distinguish literal object IDs from references")
    if isinstance(answer, Scalar):
        return known(answer, _LIKE_A_GUID.fullmatch(str(answer.value)) is not None)
    return known(answer, value=False) if _is_referred(answer) else unknown_as(answer, _UNKNOWN_TYPE)


def _identifies_application(hole: Hole | None) -> bool:
    """Return whether an ID is a client ID, or the object ID of an application itself."""
    if not isinstance(hole, DeclaredHole):
        return False
    is_application = hole.type.removeprefix("data.") == "azuread_application"
    return hole.attribute.lower() in _CLIENT_IDS or (is_application and hole.attribute in ("object_id", "id"))


def _is_referred(answer: Answer) -> bool:
    """Return whether the id is certainly another resource's object id."""
    hole = _hole_of(answer)
    return hole is not None and _kind_of(hole) != ""


def _hole_of(answer: Answer) -> Hole | None:
    """Return the expression of an unknown id; None for a known id and for a concatenation."""
    return answer.pattern if isinstance(answer, Unknown) and isinstance(answer.pattern, Hole) else None


def _declared_kind(kind: Answer) -> str:
    word = str(kind.value).lower() if isinstance(kind, Scalar) else ""
    return {"serviceprincipal": "application", "user": "person", "group": "person"}.get(word, "")


def _applications(context: Context) -> frozenset[str]:
    """Return all client ids that are known here. An id that is created later never equals a literal id."""
    found: frozenset[str] | None = context.cache.get("applications")
    if found is None:
        answers = [one.select(path) for type_, path in APPLICATIONS.items() for one in context.index.of_type(type_)]
        for vault in (one for type_ in (VAULTS, POLICIES) for one in context.index.of_type(type_)):
            policies = vault.select(POLICY_LIST)
            answers += [
                one.select(("applicationId",)) for one in (policies.items if isinstance(policies, ListValue) else ())
            ]
        found = frozenset(str(one.value).lower() for one in answers if isinstance(one, Scalar) and one.value != "")
        context.cache["applications"] = found
    return found


def _known(context: Context, field: str) -> frozenset[str]:
    """Return the ids of the identity that runs Terraform, as far as they are looked up.

    An id that is not known yet is empty.
    """
    found = context.cache.get(f"clients.{field}")
    if not isinstance(found, frozenset):
        answers = (one.select((field,)) for one in context.index.of_type(CLIENTS))
        texts = (one.text.lower() if isinstance(one, Scalar) else "" for one in answers if not isinstance(one, Absent))
        found = context.cache[f"clients.{field}"] = frozenset(texts)
    return found


_SECRETS = "get list set delete recover backup restore purge"
_COMMON = "get list update create import delete recover backup restore purge"
# The permissions that ``all`` includes. Whether purge is one of them is not documented: the service has rejected purges
# under policies with ``all``, and ``all`` of Azure PowerShell leaves purge out. See ``is_implied_purge``.
_ALL: Mapping[str, str] = {
    "secrets": _SECRETS,
    "keys": f"{_COMMON} decrypt encrypt unwrapkey wrapkey verify sign release rotate getrotationpolicy"
    " setrotationpolicy",
    "certificates": f"{_COMMON} managecontacts manageissuers getissuers listissuers setissuers deleteissuers",
    "storage": f"{_SECRETS} update regeneratekey getsas listsas setsas deletesas",
}
_LIST = ".".join(map(str, POLICY_LIST))
_GUEST = "guest"
_PRINCIPAL: Path = ("properties", "principalId")
_PRINCIPAL_TYPE: Path = ("properties", "principalType")


class Grant(msgspec.Struct, frozen=True):
    """The permissions of one policy or assignment, each with the value that grants it.

    ``doubt``: why it may grant more; a policy, on objects of the ``doubted_kinds`` only. ``role``: a built-in role by
    lower-case name. ``assigns``: it may assign roles.
    """

    identity: Identity
    source: Resource
    item: Value
    principal: Answer
    permissions: Mapping[str, Value]
    doubt: Unknown | None
    role: str = ""
    assigns: bool = False
    doubted_kinds: frozenset[str] = frozenset()


def grants_of(resource: Resource, context: Context) -> tuple[Grant, ...] | Unknown:
    """Return all grants of one resource; Unknown if their number is not known. Computed once per graph."""
    kept: dict[str, tuple[Grant, ...] | Unknown] = context.cache.setdefault("grants", {})
    found = kept.get(resource.address)
    if found is None:
        if resource.type.lower() in GRANTS:
            found = (_of_role(resource, context),)
        else:
            policies = own_policies(resource)
            found = policies if isinstance(policies, Unknown) else tuple(
                _of_policy(resource, number, one, context) for number, one in enumerate(policies)
            )  # fmt: skip
        kept[resource.address] = found
    return found


def possible_grants(resource: Resource, number: int, policies: Value, context: Context) -> tuple[Grant, ...]:
    """Return what access policies grant that need not exist, as far as the code states it."""
    possible = policies.known.possible if isinstance(policies, Unknown) else None
    items = () if possible is None else possible.items
    return tuple(_of_policy(resource, number, one, context) for one in items)


def own_policies(resource: Resource) -> tuple[Value, ...] | Unknown:
    """Return the policies that a vault's author writes in it, or those that a separate resource adds."""
    change = change_of(resource) if resource.type.lower() == POLICIES else None
    if isinstance(change, Unknown):
        return change
    policies = resource.select(POLICY_LIST)
    if isinstance(change, Scalar) and change.value == "remove":
        return ()
    if isinstance(policies, ListValue):
        return policies.items
    return policies if isinstance(policies, Unknown) else ()


def _of_policy(resource: Resource, number: int, policy: Value, context: Context) -> Grant:
    words: dict[str, Value] = {}
    doubt: Unknown | None = None
    doubted: set[str] = set()
    for kind, every in _ALL.items():
        answer = policy.select(("permissions", kind))
        for i, item in enumerate(answer.as_items):
            if isinstance(item, Scalar):
                word = str(item.value).lower()
                located = _with_attribute(item, f"{_LIST}[{number}].permissions.{kind}[{i}]", context)
                for one in (word, *(every.split() if word == "all" else ())):
                    words.setdefault(f"{kind}/{one}", located)
            elif isinstance(item, Unknown):
                doubt = item
                doubted.add(kind)
    principal = policy.select(("objectId",))
    if not isinstance(principal, Absent):
        principal = _with_attribute(principal, f"{_LIST}[{number}].objectId", context)
    identity = identity_of(principal, Absent(at=policy.at), context)
    return Grant(identity, resource, policy, principal, words, doubt, doubted_kinds=frozenset(doubted))


def _with_attribute(value: Value, attribute: str, context: Context) -> Value:
    """Return a value with the attribute path in the source instead of that of the grant computed from it."""
    kept: dict[tuple[int, str], Location] = context.cache.setdefault("places", {})
    key = (id(value.at), attribute)
    if key not in kept:
        kept[key] = msgspec.structs.replace(value.at, attribute=attribute)
    return msgspec.structs.replace(value, at=kept[key])


def _of_role(resource: Resource, context: Context) -> Grant:
    principal = resource.select(_PRINCIPAL)
    identity = identity_of(principal, resource.select(_PRINCIPAL_TYPE), context)
    name = role_name(resource, context)
    role = str(name.value).lower() if isinstance(name, Scalar) else ""
    allowed = operations_of_built_in(role)
    if allowed is not None and isinstance(name, Scalar):
        words = dict.fromkeys(_words_of_built_in(role), name)
        unsure = unknown(name, allowed.why) if allowed.possible else None
        can_assign = ASSIGNS in allowed.certain
        return Grant(identity, resource, resource.attributes, principal, words, unsure, role, can_assign)
    found = operations(resource, context)
    items = found.as_items
    certain = {str(one.value): one for one in items if isinstance(one, Scalar)}
    words = {DATA[one]: source for one, source in certain.items() if one in DATA}
    doubt = next((one for one in items if isinstance(one, Unknown)), None)
    return Grant(identity, resource, resource.attributes, principal, words, doubt, assigns=ASSIGNS in certain)


@cache
def _words_of_built_in(name: str) -> tuple[str, ...]:
    found = operations_of_built_in(name)
    return tuple(DATA[one] for one in found.certain if one in DATA) if found is not None else ()


NEEDS: Mapping[str, tuple[Path, ...]] = {
    **ROLE_NEEDS,
    **{type_: (*ROLE_NEEDS[type_], _PRINCIPAL, _PRINCIPAL_TYPE) for type_ in GRANTS},
    VAULTS: (POLICY_LIST,),
    POLICIES: (("parent",), ("name",), POLICY_LIST),
    CLIENTS: (("objectId",), ("clientId",)),
    **{type_: (path,) for type_, path in APPLICATIONS.items()},
    USERS: (("properties", "userPrincipalName"),),
}


@derived("grants", of=(VAULTS, POLICIES, *GRANTS), label="granted permission", reads=NEEDS)
def _grants(resource: Resource, context: Context) -> Answer:
    """Return the grants of a vault's own policies, a separate one, or a role assignment, one item for each."""
    return each_grant(resource, context, _grant_item)


def each_grant(resource: Resource, context: Context, item: Callable[[Grant, Context], Value]) -> Answer:
    """Return a list with an ``item`` for each grant of a resource."""
    found = grants_of(resource, context)
    return found if isinstance(found, Unknown) else known_list(resource, (item(one, context) for one in found))


def _grant_item(grant: Grant, context: Context) -> Value:
    """Return one grant as an item that rules can check."""
    at, kind = grant.item.at, grant.identity.kind
    unsure = unknown(at, "the type of the principal is not known")
    fields: dict[str, Value] = {
        "kind": known(at, kind, grant.identity.label) if kind else unsure,
        "isGuest": unsure,
        "permissions": permissions_of(grant, context),
    }
    if grant.identity.is_of_policy_assignment:
        fields["isOfPolicyAssignment"] = known(at, True)
    if grant.source.type.lower() not in GRANTS:
        fields["isPolicy"] = known(at, True)
    if kind and not grant.identity.perhaps_guest:
        fields["isGuest"] = known(at, kind == _GUEST, grant.identity.label)
    return known_object(at, fields)


def permissions_of(grant: Grant, context: Context) -> ListValue:
    """Return the permissions of a grant as a value.

    In a plan, where all values have one location, thousands of grants share the same list.
    """
    kept: dict[object, ListValue] = context.cache.setdefault("permissions", {})
    words = {word: source for word, source in grant.permissions.items() if not is_implied_purge(word, source)}
    is_plain = grant.doubt is None and not any(source.sensitive for source in words.values())
    notes = {word: _argument_of(grant, word, source) for word, source in words.items()}
    key = (id(grant.item.at), *((word, notes[word], id(source.at)) for word, source in words.items()))
    found = kept.get(key) if is_plain else None
    if found is None:
        items: tuple[Value, ...] = tuple(
            known(source, word, notes[word], sensitive=source.sensitive) for word, source in words.items()
        )
        found = known_list(grant.item, items if grant.doubt is None else (*items, grant.doubt))  # fmt: skip
        if is_plain:
            kept[key] = found
    return found


def is_implied_purge(word: str, source: Value) -> bool:
    """Return whether a permission is purge that only ``all`` may grant: no rule fails because of it."""
    return word.endswith("/purge") and isinstance(source, Scalar) and str(source.value).lower() == "all"


def _argument_of(grant: Grant, word: str, source: Value) -> str:
    """Return the argument and its value that grant a permission by an access policy: ``secret_permissions: All``."""
    if grant.source.type.lower() in GRANTS or source.sensitive or not isinstance(source, Scalar):
        return ""
    kind = word.partition("/")[0]
    if grant.source.declared_as in RESOURCES:
        kind = f"{kind.removesuffix('s')}_permissions"
    return f"{kind}: {source.value}"
