"""One evaluated resource declaration of a template or Bicep file -> a Resource of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from azkvlint.azure.arm_defaults import with_defaults
from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.to_value import Freezer
from azkvlint.evaluation.values import Result, mark_sensitive
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value
from azkvlint.readers.arm.scope import id_value, resource_id, text

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


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as its author declares it, its expressions evaluated.

    ``type``: of a child, with its parent's type before it. ``names``: one pattern for each segment of the type after
    the namespace, the outermost first, empty where not known at all. ``version`` is empty where not known. ``above``:
    the id (a pattern) of the resource that an extension resource extends, or of the scope that the resource goes to.
    ``extends``: it is a resource. ``body``: its evaluated members. ``at``: its head. ``id`` is optional.
    """

    address: str
    type: str
    version: str
    names: tuple[str, ...]
    above: str
    extends: bool
    body: Mapping[str, Result]
    at: Location
    action: str | None = None
    existing: bool = False
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    rest: Unknown | None = None
    id: str = ""


def parts_of(type_: str, name: str, above: str) -> tuple[str, tuple[str, ...], str, bool]:
    """Return type, names, ``above`` and ``extends`` of a declaration with one type and one name.

    ``Microsoft.KeyVault/vaults/providers/diagnosticSettings`` named ``kv/Microsoft.Insights/x`` is the older spelling
    of an extension resource: it is taken apart. ``name`` is a pattern; ``above`` is the id of its scope.
    """
    names = tuple(name.split("/"))
    kinds = type_.split("/")
    lower = [kind.lower() for kind in kinds]
    if "providers" not in lower[1:-1]:
        return type_, names, above, False
    at = lower.index("providers", 1)
    # Each segment after the namespace has one name; that of "providers" is the namespace of the extension.
    outer = resource_id(above, "/".join(kinds[:at]), names[: at - 1])
    namespace = names[at - 1] if len(names) >= at else ""
    return "/".join([namespace, *kinds[at + 1 :]]), names[at:], outer, True


def make_resource(declared: Declaration, freezer: Freezer) -> Resource:
    """Return the resource, with its ID, its links and the defaults of its API version."""
    type_, is_extension = _known(declared.type)
    at, name = declared.at, declared.names[-1] if declared.names else ""
    fields: dict[str, Value] = {}
    for key, result in declared.body.items():
        if key.lower() not in _NOT_ATTRIBUTES:
            value = freezer.freeze(result)
            if value is not None:
                fields[freezer.spelled(key)] = value
    properties = _properties(fields.get("properties"), declared, type_)
    if properties is not None:
        fields["properties"] = properties
    freezer.budget.add_characters(len(declared.address) + len(name))
    own = declared.id or resource_id(declared.above, declared.type, declared.names)
    fields["id"] = id_value(own, at)
    fields["name"] = text(name, at, "known after deployment")
    if declared.version:
        fields["apiVersion"] = Scalar(at=at, value=declared.version)
    elif not declared.existing:
        fields["apiVersion"] = Unknown(at=at, why="the API version is unknown")
    if declared.extends or is_extension:
        fields["scope"] = id_value(declared.above or "/", _location_of(declared, "scope"))
    if len(declared.names) > 1:
        if own:
            # The last kind and the last name: no name holds a slash.
            parent = own.rsplit("/", 2)[0]
        else:
            parent = resource_id(declared.above, declared.type.rpartition("/")[0], declared.names[:-1])
        fields["parent"] = id_value(parent, _location_of(declared, "parent"))
    attributes = MapValue(at=at, fields=fields, rest=declared.rest)
    return Resource(
        address=declared.address,
        type=type_,
        name=name or declared.address,
        attributes=attributes if declared.existing else with_defaults(attributes, type_, declared.version),
        at=msgspec.structs.replace(at, address=declared.address),
        declared_as=type_,
        action=declared.action,
        existing=declared.existing,
        conditions=declared.conditions,
        callers=declared.callers,
    )


@lru_cache(1000)
def _known(type_: str) -> tuple[str, bool]:
    """Return a type as Azure documents it, and whether it extends other resources."""
    found = canonical(type_) or type_
    return found, found.lower().startswith(_EXTENSIONS)


def _properties(properties: Value | None, declared: Declaration, type_: str) -> Value | None:
    """Return the properties: missing ones are located at the resource, the value of a secret is sensitive."""
    if properties is None and declared.existing:
        why = "properties of existing resources are known only in Azure"
        return Unknown(at=declared.at, why=why)
    if not isinstance(properties, MapValue):
        return properties
    fields = properties.fields
    if type_ == SECRETS and "value" in fields:
        fields = {**fields, "value": msgspec.structs.replace(fields["value"], sensitive=True)}
    return MapValue(at=declared.at, fields=fields, rest=properties.rest)


# Properties that Azure computes. Wherever a deployed resource has them, they are IDs.
_COMPUTED = frozenset({"principalid", "subscriptionid", "tenantid"})


def unknown_property(name: str, why: str, pattern: str, at: Location) -> Unknown:
    """Return a property that Azure computes during the deployment."""
    is_id = name.lower() in _COMPUTED
    return Unknown(at=at, why=why, pattern=pattern, given=is_id, filled=is_id)


def property_for_others(type_: str, name: str, value: Result) -> Result:
    """Return a property of a resource as other expressions see it: the value of a secret is sensitive there too."""
    return mark_sensitive(value) if name.lower() == "value" and type_.lower() == SECRETS.lower() else value


def _location_of(declared: Declaration, key: str) -> Location:
    """Return the location of a member, or of the resource if it is not written."""
    found = declared.body.get(key)
    return declared.at if found is None else found.at
