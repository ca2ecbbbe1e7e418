"""The names of resources in Azure with those of the resources above them, and what is known of unknown ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.model.pattern import Text, hole, known_or_pattern
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Path, Scalar, Unknown, path_of

_MOST_PARENTS = 4
_OF_ASSIGNMENT = tuple(map(path_of, (
    "properties.principalId", "properties.roleDefinitionId", "properties.roleDefinitionName",
)))  # fmt: skip
_POLICIES = path_of("properties.accessPolicies")
_OF_POLICY = (path_of("objectId"), path_of("applicationId"))
# The attributes that identify what has no name of its own: the principal, and the role. By type in lower case.
IDENTIFYING: Mapping[str, tuple[Path, ...]] = {
    "microsoft.authorization/roleassignments": _OF_ASSIGNMENT,
    "microsoft.authorization/roleassignmentschedulerequests": _OF_ASSIGNMENT,
    "microsoft.authorization/roleeligibilityschedulerequests": _OF_ASSIGNMENT,
    "microsoft.keyvault/managedhsms/roleassignments": (*_OF_ASSIGNMENT, path_of("properties.scope")),
    "microsoft.keyvault/vaults/accesspolicies": (_POLICIES,),
}


def full_name(resource: Resource, resources: Mapping[str, Resource]) -> str:
    """Return the name of a resource in Azure with the names of its parents: ``vault/secret``."""
    names = [resource.name]
    current = resource
    for _ in range(_MOST_PARENTS):
        parent_value = current.attributes.fields.get("parent")
        if parent_value is None:
            break
        target = getattr(parent_value, "target", None)
        parent = resources.get(target) if target is not None else None
        if parent is None:
            if not parent_value.sensitive:
                names[:0] = _names_in(parent_value.text)
            break
        names.insert(0, parent.name)
        current = parent
    return "/".join(names)


def _names_in(id_: str) -> list[str]:
    """Return the names in a resource id or its pattern, outermost first."""
    _, providers, kinds_and_names = id_.rstrip("/").rpartition("/providers/")
    names = kinds_and_names.split("/")
    return names[2::2] if providers else names[-1:] if len(names) > 1 else []


def identity_pattern(resource: Resource, resources: Mapping[str, Resource]) -> str:
    """Return what distinguishes a resource from others of its type if its full name does not; else "".

    The full name does not if a part of it is unknown, if the resource extends another one, or if it has a principal.
    Unknown parts are their expressions in brackets, as in the text form of a pattern, or else the reasons why they are
    unknown.
    """
    parts = [*reversed(list(_principals(resource))), _name(resource)]
    current, is_extension = resource, len(parts) > 1
    for _ in range(_MOST_PARENTS):
        fields = current.attributes.fields
        above = fields.get("parent")
        if above is None:
            above = fields.get("scope")
            if above is None:
                break
            is_extension = True
        parent = resources.get(above.target) if isinstance(above, Link) else None
        # A data source of a subscription has no name, and is read only for some rules.
        if parent is None or not _has_name(parent):
            parts.append(_text(above))
            break
        parts.append(_name(parent))
        current = parent
    if not is_extension and all(isinstance(part, str) for part in parts):
        return ""
    return "/".join(part.lower() if isinstance(part, str) else part.text for part in reversed(parts))


def _principals(resource: Resource) -> Iterator[Text]:
    """Yield the principal of a resource and its role, or the principals of its access policies."""
    for path in IDENTIFYING.get(resource.type.lower(), ()):
        value = resource.attributes.select(path)
        if isinstance(value, ListValue):
            yield from (_text(item.select(part)) for item in value.items for part in _OF_POLICY)
        else:
            yield _text(value)


def _has_name(resource: Resource) -> bool:
    name = resource.name_pattern or resource.attributes.fields.get("name")
    return name is not None and not isinstance(name, Absent)


def _name(resource: Resource) -> Text:
    return resource.name_pattern or _text(resource.attributes.fields.get("name"))


def _text(value: Answer | None) -> Text:
    """Return a string, or what is known of one."""
    if isinstance(value, Scalar) and isinstance(value.value, str) and not value.sensitive:
        return value.value
    if isinstance(value, Unknown):
        return known_or_pattern(value.pattern) or hole(value.why)
    if value is None or isinstance(value, Absent):
        return hole("no value")
    return hole(value.target if isinstance(value, Link) else "a sensitive value")
