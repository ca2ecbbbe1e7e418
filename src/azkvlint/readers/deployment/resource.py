"""Evaluate one resource declaration of a template or Bicep file, its identity, and what it exposes at run time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from azkvlint.azure.arm_defaults import with_defaults
from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.freezer import Freezer, any_field
from azkvlint.evaluation.reads import ReadSet, Recorder
from azkvlint.evaluation.values import (
    ANY_PROPERTY,
    Fields,
    Items,
    Partly,
    Result,
    mark_sensitive,
    pattern_of,
)
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    Pattern,
    Text,
    access,
    in_braces,
    join_texts,
    known_start,
    length_of,
    rstrip_text,
    split_text,
    text_form,
    without_last,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import NOT_EMPTY, NOTHING_KNOWN, Absent, MapValue, Scalar, Unknown, Value
from azkvlint.readers.deployment.scope import TENANT, DeploymentScope, id_value, part_value, resource_id

# Members about the deployment, not about the resource.
_NOT_ATTRIBUTES = frozenset(
    {"type", "apiversion", "name", "parent", "scope", "dependson", "condition", "copy", "resources", "comments"}
)
SECRETS = "Microsoft.KeyVault/vaults/secrets"
# What extends anything, so that its scope is a fact about it even where it goes to a whole group or subscription.
_EXTENSIONS = (
    "microsoft.authorization/", "microsoft.insights/diagnosticsettings", "microsoft.security/pricings",
    "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


class ResourceIdentity:
    """Type, API version, one name for each segment of the type after the namespace, and the ID of what is ``above``.

    The type of a child begins with its parent's. ``extends``: what is above is a resource, not a scope. The version and
    names, which are patterns, are empty where not known.
    """

    __slots__ = ("_id", "above", "extends", "names", "type", "version")

    def __init__(self, type_: str, version: str, names: tuple[Text, ...], above: Text, extends: bool) -> None:
        self.type = type_
        self.version = version
        self.names = names
        self.above = above
        self.extends = extends
        self._id: Text | None = None

    @property
    def id(self) -> Text:
        """Return the ID, a pattern; empty if it is not known."""
        if self._id is None:
            self._id = resource_id(self.above, self.type, self.names) if self.type else ""
        return self._id


class EvaluatedDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as its author declares it, its expressions evaluated.

    ``body``: its evaluated members. ``at``: its head. ``nameless``: why nothing is known of its name.
    """

    address: str
    identity: ResourceIdentity
    body: Mapping[str, Result]
    at: Location
    action: str | None = None
    existing: bool = False
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    rest: Unknown | None = None
    nameless: Unknown | None = None


def parts_of(type_: str, name: Text, above: Text) -> tuple[str, tuple[Text, ...], Text, bool]:
    """Return type, names, ``above`` and ``extends`` of a declaration with one type and one name.

    ``Microsoft.KeyVault/vaults/providers/diagnosticSettings`` named ``kv/Microsoft.Insights/x`` is the older spelling
    of an extension resource: it is taken apart. ``name`` is a pattern; ``above`` is the id of its scope.
    """
    names = tuple(split_text(name, "/"))
    kinds = type_.split("/")
    lower = [kind.lower() for kind in kinds]
    if "providers" not in lower[1:-1]:
        return type_, names, above, False
    at = lower.index("providers", 1)
    # Each segment after the namespace has one name; that of "providers" is the namespace of the extension.
    outer = resource_id(above, "/".join(kinds[:at]), names[: at - 1])
    namespace = text_form(names[at - 1]) if len(names) >= at else ""
    return "/".join([namespace, *kinds[at + 1 :]]), names[at:], outer, True


def make_resource(declared: EvaluatedDeclaration, freezer: Freezer) -> Resource:
    """Return the resource, with its ID, its links and the defaults of its API version."""
    identity = declared.identity
    type_, is_extension = _known(identity.type)
    at, name = declared.at, identity.names[-1] if identity.names else ""
    fields: dict[str, Value] = {}
    for key, result in declared.body.items():
        if key.lower() not in _NOT_ATTRIBUTES:
            value = freezer.freeze(result)
            if value is not None:
                fields[freezer.spelled(key)] = value
    properties = _properties(fields.get("properties"), declared, type_)
    if properties is not None:
        fields["properties"] = properties
    freezer.budget.add_characters(len(declared.address) + length_of(name))
    own = identity.id or resource_id(identity.above, identity.type, identity.names)
    fields["id"] = id_value(own, at)
    fields["name"] = part_value("name", name, at, declared.nameless)
    if identity.version:
        fields["apiVersion"] = Scalar(at=at, value=identity.version)
    elif not declared.existing:
        fields["apiVersion"] = Unknown(at=at, why="the API version is unknown")
    if identity.extends or is_extension:
        fields["scope"] = id_value(identity.above or "/", _location_of(declared, "scope"))
    if len(identity.names) > 1:
        if own:
            # The last kind and the last name: no name holds a slash.
            parent = without_last(own, "/", 2)
        else:
            parent = resource_id(identity.above, identity.type.rpartition("/")[0], identity.names[:-1])
        fields["parent"] = id_value(parent, _location_of(declared, "parent"))
    rest = None if declared.rest is None else any_field(declared.rest)
    attributes = MapValue(at=at, fields=fields, rest=rest)
    return Resource(
        address=declared.address,
        type=type_,
        name=text_form(name) or declared.address,
        attributes=attributes if declared.existing else with_defaults(attributes, type_, identity.version),
        at=msgspec.structs.replace(at, address=declared.address),
        declared_as=type_,
        action=declared.action,
        existing=declared.existing,
        conditions=declared.conditions,
        callers=declared.callers,
    )


def record_head(recorder: Recorder, identity: ReadSet | None, version: ReadSet | None) -> None:
    """Record what the attributes read that are not in the body of a resource, and the defaults of others."""
    for name in ("id", "name", "parent", "scope") if recorder.is_recording else ():
        recorder.attribute((name,), identity)
    recorder.attribute((), version)


def record_defaults(recorder: Recorder) -> None:
    """Record that the default of an attribute depends on others."""
    recorder.depend(("properties", "keySize"), ("properties", "kty"), ("properties", "keyOps"))


@lru_cache(1000)
def _known(type_: str) -> tuple[str, bool]:
    """Return a type as Azure documents it, and whether it extends other resources."""
    found = canonical(type_) or type_
    return found, found.lower().startswith(_EXTENSIONS)


def _properties(properties: Value | None, declared: EvaluatedDeclaration, type_: str) -> Value | None:
    """Return the properties: missing ones are located at the resource, the value of a secret is sensitive."""
    if properties is None and declared.existing:
        why = f"`{declared.address}` is an existing resource with properties that are known only in Azure"
        return Unknown(at=declared.at, why=why)
    if not isinstance(properties, MapValue):
        return properties
    fields = properties.fields
    if type_ == SECRETS and "value" in fields:
        fields = {**fields, "value": msgspec.structs.replace(fields["value"], sensitive=True)}
    return MapValue(at=declared.at, fields=fields, rest=properties.rest)


# The child resources that are arrays of their parents too, by the type of the parent.
_ARRAYS_OF_CHILDREN = {"microsoft.network/virtualnetworks": "subnets"}
# Properties that Azure computes. Wherever a deployed resource has them, they are IDs.
_COMPUTED = frozenset({"principalid", "subscriptionid", "tenantid"})


def unknown_property(name: str, why: str, pattern: Pattern, at: Location) -> Unknown:
    """Return a property that Azure computes during the deployment."""
    is_id = name.lower() in _COMPUTED
    return Unknown(at=at, why=why, pattern=pattern, given=is_id, known=NOT_EMPTY if is_id else NOTHING_KNOWN)


def property_for_others(type_: str, name: str, value: Result, own: Pattern, id_: Text) -> Result:
    """Return a property of a resource, with the ID ``id_``, as other expressions see it once it is deployed.

    The value of a secret is sensitive there too. Azure may set members of objects that are not written. ``own`` is the
    pattern of the property.
    """
    if id_ and isinstance(value, Items) and _ARRAYS_OF_CHILDREN.get(type_.lower()) == name.lower():
        value = msgspec.structs.replace(value, items=[_with_id(item, id_, name) for item in value.items])
    if name.lower() == "value" and type_.lower() == SECRETS.lower():
        return mark_sensitive(value)
    return value if isinstance(value, Scalar | Unknown | Absent) and type(value) is not Partly else _opened(value, own)


def _with_id(child: Result, parent: Text, name: str) -> Result:
    """Return a child in an array of its parent with the ID that it has in Azure."""
    named = child.find("name") if isinstance(child, Fields) else None
    known = pattern_of(named) if named is not None else ""
    if not isinstance(child, Fields) or not known or child.find("id") is not None:
        return child
    id_ = id_value(join_texts([parent, f"/{name}/", known]), child.at)
    return msgspec.structs.replace(child, fields={**child.fields, "id": id_})


def _opened(value: Result, own: Pattern | None) -> Result:
    """Return a written value whose objects may have more members; null in them is as much as not written."""
    match value:
        case Fields(fields=fields):
            written = {
                name: _opened(item, None if own is None else access(own, f".{name}"))
                for name, item in fields.items()
                if not isinstance(item, Absent)
            }
            rest = value.rest if value.rest is not None else Unknown(at=value.at, why=ANY_PROPERTY, pattern=own)
            return Fields(at=value.at, fields=written, rest=rest)
        case Items(items=items):
            found = [_opened(item, None if own is None else access(own, f"[{at}]")) for at, item in enumerate(items)]
            return Items(at=value.at, items=found)
        case Partly(items=known):
            # Their positions are not known.
            return msgspec.structs.replace(value, items=tuple(_opened(item, None) for item in known))
    return value


def _location_of(declared: EvaluatedDeclaration, key: str) -> Location:
    """Return the location of a member, or of the resource if it is not written."""
    found = declared.body.get(key)
    return declared.at if found is None else found.at


_MAX_ADDRESS = 300


def full_id(named: Text, scope: DeploymentScope) -> Text:
    """Return the ID that ``scope`` names, which may be relative to the scope of the deployment."""
    start = known_start(named)
    if named and (not start or start.startswith("/")):
        return rstrip_text(named, "/")
    above = scope.id
    if start.lower().startswith("microsoft.management/managementgroups/") and text_form(named).count("/") == 2:
        above = DeploymentScope(TENANT).id
    return join_texts([above, "/providers/", named])


def readable(text: Text) -> str:
    """Return a text for reports, with its unknown parts in braces."""
    shown = in_braces(text)
    return shown if len(shown) <= _MAX_ADDRESS else f"{shown[:_MAX_ADDRESS]}..."
