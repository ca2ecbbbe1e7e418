"""JSON documents of ARM: the detection of templates and parameter files, and the members and places of a template.

The names of members are case-insensitive. Policies, template specs and others contain templates too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.values import Fields, Items, Result, wrap
from azkvlint.model.finding import INPUT_INCOMPLETE, Problem
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, numbered, restored, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Link, ListValue, MapValue, Scalar, Unknown, Value
from azkvlint.readers.deployment.scope import GROUP, MANAGEMENT_GROUP, SUBSCRIPTION, TENANT, DeploymentScope
from azkvlint.readers.modules.template_holders import DEPLOYMENTS, REMEDY, Holder
from azkvlint.syntax.ast import Pointer
from azkvlint.syntax.json_decoder import JsonDocument, decode_text
from azkvlint.syntax.json_positions import JsonObject
from azkvlint.syntax.json_positions import JsonScalar as Plain
from azkvlint.syntax.repeated_keys import repeated_keys
from azkvlint.syntax.texts import Lines
from azkvlint.util.errors import InputError

_KEY_VAULT = "microsoft.keyvault/"
_MOST_REPEATED = 20
# A member with another usual spelling is not the one that is sought.
USUAL = frozenset(
    {
        "$ref", "$schema", "additionalProperties", "allowedValues", "apiVersion", "batchSize", "comments", "condition",
        "contentVersion", "copy", "count", "defaultValue", "definitions", "dependsOn", "existing",
        "expressionEvaluationOptions", "extendedLocation", "functions", "identity", "input", "items", "kind",
        "languageVersion", "location", "managedBy", "maxLength", "maxValue", "members", "metadata", "minLength",
        "minValue", "mode", "name", "namespace", "nullable", "output", "outputs", "parameters", "parametersLink",
        "plan", "prefixItems", "properties", "reference", "relativePath", "resourceGroup", "resources", "scope", "sku",
        "subscriptionId", "tags", "template", "templateLink", "type", "uri", "value", "variables", "zones",
    }
)  # fmt: skip
_IN_LOWER_CASE = {name.lower(): name for name in USUAL}


class HeldTemplate(msgspec.Struct, frozen=True, gc=False):
    """The template in a resource, its arguments, and the link to a template elsewhere."""

    template: Result | None
    given: Result | None
    link: Result | None


def held_template(holder: Holder, properties: Result | None) -> HeldTemplate:
    """Return what a resource with these ``properties`` holds; an unknown value holds unknown values.

    Raises InputError for a string that should be JSON.
    """
    outer = properties
    for name in holder.above:
        outer = decode_result(result_member(outer, name))
    found = (result_member(outer, name) for name in holder.names)
    template = next((one for one in found if one is not None and not isinstance(one, Absent)), None)
    return HeldTemplate(template, result_member(outer, "parameters"), result_member(outer, "templateLink"))


def result_member(value: Result | None, *names: str) -> Result | None:
    """Return a member of an object, or None; a member of an unknown value is that value."""
    for name in names:
        if isinstance(value, Fields):
            value = value.field(name)
        elif not isinstance(value, Unknown):
            return None
    return value


def _with_holes(plain: Any, of: Pattern, at: Location) -> Result:
    """Return decoded data in which numbers stand for the holes of a text."""
    match plain:
        case dict():
            fields = {text_form(restored(key, of)): _with_holes(item, of, at) for key, item in plain.items()}
            return Fields(at=at, fields=fields)
        case list():
            return Items(at=at, items=[_with_holes(item, of, at) for item in plain])
        case str():
            text = restored(plain, of)
            if isinstance(text, Pattern):
                return Unknown(at=at, why="a part of the value is unknown", pattern=text)
    return wrap(plain, at)


def decode_result(result: Result | None) -> Result | None:
    """Return the data of a JSON string of which parts may be unknown; anything else as it is. Raises InputError."""
    if isinstance(result, Unknown) and result.pattern is not None and not result.sensitive:
        try:
            return _with_holes(decode_text(numbered(result.pattern)).value, result.pattern, result.at)
        except (InputError, ValueError):
            return result
    if isinstance(result, Scalar) and isinstance(result.value, str):
        return wrap(decode_text(result.value).value, result.at, result.sensitive)
    return result


_SCHEMAS = {
    "tenantdeploymenttemplate.json": TENANT,
    "managementgroupdeploymenttemplate.json": MANAGEMENT_GROUP,
    "subscriptiondeploymenttemplate.json": SUBSCRIPTION,
    "deploymenttemplate.json": GROUP,
}
_PARAMETERS = "deploymentparameters.json"
# Where others wrap a template: a Blueprint artifact, and a policy that deploys something (as a file, and bare).
_WRAPPED = (("properties",), ("properties", "policyRule", *REMEDY), ("policyRule", *REMEDY), REMEDY)
# In lower case. The root of a file has one of these keys if it is a template or wraps one.
ROOT_KEYS = frozenset({"$schema", "resources", *(steps[0].lower() for steps in _WRAPPED)})


class FoundTemplate(msgspec.Struct, frozen=True):
    """A template at ``pointer``. ``given``: the arguments in its wrapping, at ``given_at``."""

    plain: Mapping[str, Any]
    pointer: Pointer = ()
    given: Any = None
    given_at: Pointer = ()
    remedy: bool = False


def looks_like_template(value: Any) -> bool:
    """Return whether decoded JSON is an ARM template, or wraps one."""
    return find_template(value) is not None


def find_template(value: Any) -> FoundTemplate | None:
    """Return the template that decoded JSON is or wraps; None if there is none."""
    if not isinstance(value, dict):
        return None
    if schema_of(value) or _has_resources(value):
        return FoundTemplate(value)
    for steps in _WRAPPED:
        pointer: Pointer = ()
        plain: Any = value
        for step in steps:
            key = key_of(plain, step) if isinstance(plain, dict) else None
            if key is None:
                break
            plain, pointer = plain[key], (*pointer, key)
        else:
            found = _inner(plain, pointer, remedy=len(steps) > 1)
            if found is not None:
                return found
    return None


def _inner(plain: Any, pointer: Pointer, remedy: bool) -> FoundTemplate | None:
    key = key_of(plain, "template") if isinstance(plain, dict) else None
    if key is None or not isinstance(plain[key], dict) or not (schema_of(plain[key]) or _has_resources(plain[key])):
        return None
    given = key_of(plain, "parameters")
    return FoundTemplate(
        plain[key], (*pointer, key), plain[given] if given is not None else None,
        (*pointer, given) if given is not None else pointer, remedy,
    )  # fmt: skip


def schema_of(plain: Mapping[str, Any]) -> str:
    """Return the scope level that a template's schema names; empty if it names none."""
    schema = member(plain, "$schema")
    if not isinstance(schema, str):
        return ""
    return _SCHEMAS.get(schema.lower().rstrip("#").rpartition("/")[2], "")


def scope_of_template(plain: Mapping[str, Any]) -> DeploymentScope:
    """Return the scope of a root template, of which only the level is known."""
    return DeploymentScope(schema_of(plain) or GROUP)


def _has_resources(plain: Mapping[str, Any]) -> bool:
    """Return whether a document has resources in template form, with an Azure type and an API version.

    Examples often omit the API version. A list of resources from Azure has IDs and is not a template.
    """
    resources = member(plain, "resources")
    if not isinstance(resources, list | dict):
        return False
    for resource in resources if isinstance(resources, list) else resources.values():
        type_ = member(resource, "type")
        if isinstance(type_, str) and "/" in type_:
            if isinstance(member(resource, "apiVersion"), str):
                return True
            if type_.lower().startswith("microsoft.") and member(resource, "id") is None:
                return True
    return False


def looks_like_parameters(value: Any) -> bool:
    """Return whether decoded JSON is a parameter file."""
    if not isinstance(value, dict):
        return False
    schema, parameters = member(value, "$schema"), member(value, "parameters")
    if isinstance(schema, str) and schema.lower().rstrip("#").endswith(_PARAMETERS):
        return True
    if not isinstance(parameters, dict) or member(value, "resources") is not None or not parameters:
        return False
    return all(
        member(given, "value") is not None or member(given, "reference") is not None
        or (isinstance(given, dict) and key_of(given, "value") is not None)
        for given in parameters.values()
    )  # fmt: skip


def problems_of_keys(path: str, document: JsonDocument) -> list[Problem]:
    """Return the problems of keys that a template or parameter file repeats.

    Azure Resource Manager uses the last of equal keys (github.com/Azure/azure-quickstart-templates/pull/5847). Which
    one it uses where only the letter case differs is not documented, so in a Key Vault resource, and outside of
    resources, that is an error. Other resources may have maps in which letter case matters.
    """
    found = repeated_keys(document)
    if not found:
        return []
    lines = Lines(document.text)
    problems: list[Problem] = []
    for one in found[:_MOST_REPEATED]:
        at = Location(path=path, region=lines.region(one.at, one.at), span=(one.at, one.at))
        if one.is_exact:
            level, text = "warning", "this key is repeated in its object, so only the last value was evaluated"
        else:
            level = "warning" if any(map(_is_other_resource, one.above)) else "error"
            text = "this key differs from another one in its object only in letter case, so the value is unknown"
        problems.append(Problem(code=INPUT_INCOMPLETE, level=level, message=text, at=at, hint="remove one of the keys"))
    return problems


def _is_other_resource(value: JsonObject) -> bool:
    """Return whether an object is a resource, but not one of Key Vault or a deployment."""
    types = [one.value.value for one in value.members if one.key.lower() == "type" and isinstance(one.value, Plain)]
    return any(
        isinstance(type_, str) and "/" in type_ and not type_.lower().startswith((_KEY_VAULT, DEPLOYMENTS))
        for type_ in types
    )


def written_copies(plain: Mapping[str, Any]) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    key = key_of(plain, "copy")
    if key is None or not isinstance(plain[key], dict):
        return 1
    count = member(plain[key], "count")
    return count if type(count) is int and 0 <= count <= MAX_ITEMS else 0


def is_usual(plain: Mapping[str, Any]) -> bool:
    """Return whether all members have their usual spelling, so that a member not found by it does not exist."""
    return USUAL.issuperset(plain)


def usual_members(plain: Any) -> Mapping[str, Any]:
    """Return the members of an object by their usual spellings; none of another value."""
    if not isinstance(plain, dict):
        return {}
    if is_usual(plain):
        return plain
    found: dict[str, Any] = {}
    for key, value in plain.items():
        name = usual_spelling(key)
        if name == key or name not in found:
            found[name] = value
    return found


def usual_spelling(key: str) -> str:
    """Return the usual spelling of a key; the key itself if it has none."""
    return key if key in USUAL else _IN_LOWER_CASE.get(key.lower(), key)


def key_of(plain: Mapping[str, Any], name: str) -> str | None:
    """Return the key of a member as its author spells it, or None. ``name`` is the usual spelling."""
    if name in plain:
        return name
    if is_usual(plain):
        return None
    lower = name.lower()
    for key in plain:
        if key.lower() == lower:
            return key
    return None


def member(plain: Any, *names: str) -> Any:
    """Return the member at the end of a path of usual spellings; None if there is none."""
    for name in names:
        key = key_of(plain, name) if isinstance(plain, dict) else None
        if key is None:
            return None
        plain = plain[key]
    return plain


def is_copies(plain: list[Any]) -> bool:
    """Return whether the value of ``copy`` declares loops of properties, and is not a property itself."""
    return bool(plain) and all(
        isinstance(loop, dict) and isinstance(member(loop, "name"), str) and key_of(loop, "input") is not None
        for loop in plain
    )


_NO_LOCATIONS: Mapping[Pointer, Location] = {}


class StatementLocations:
    """Moves what is located in the template ``path`` to the files in which it was written.

    ``at`` is the statement that uses the template. ``locations`` are those of parts of the template by their
    pointers, if the template is written out in a file; every other part is located at ``at``.
    """

    def __init__(self, path: str, at: Location, locations: Mapping[Pointer, Location] = _NO_LOCATIONS) -> None:
        self.path = path
        self.at = at
        self.locations = locations

    def location(self, found: Location) -> Location:
        """Return where a part of the template is written: the part itself, or the nearest one around it."""
        if found.path != self.path:
            return found
        pointer = found.pointer or ()
        while self.locations and pointer not in self.locations and pointer:
            pointer = pointer[:-1]
        return self.locations.get(pointer, self.at)

    def resource(self, found: Resource, callers: tuple[Location, ...]) -> Resource:
        """Return a resource of the template. ``callers`` are the statements around the one that uses the template."""
        attributes = self.value(found.attributes)
        return msgspec.structs.replace(
            found,
            at=msgspec.structs.replace(self.location(found.at), address=found.address),
            attributes=attributes if isinstance(attributes, MapValue) else found.attributes,
            callers=tuple(map(self.location, found.callers)) if self.locations else callers,
        )

    def problem(self, found: Problem) -> Problem:
        """Return a problem of the template."""
        return found if found.at is None else msgspec.structs.replace(found, at=self.location(found.at))

    def value(self, found: Value) -> Value:
        """Return a value with all its parts. What the caller provides keeps its own place."""
        at = self.location(found.at)
        match found:
            case MapValue(fields=fields, rest=rest):
                below = {name: self.value(item) for name, item in fields.items()}
                open_ = None if rest is None else msgspec.structs.replace(rest, at=at)
                return msgspec.structs.replace(found, at=at, fields=below, rest=open_)
            case ListValue(items=items):
                return msgspec.structs.replace(found, at=at, items=tuple(self.value(item) for item in items))
            case Scalar() | Unknown() | Link():
                return found if at is found.at else msgspec.structs.replace(found, at=at)
