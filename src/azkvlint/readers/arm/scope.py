"""The scope of a deployment, and the IDs of resources in it.

The subscription and the resource group are unknown before deployment, so most IDs are patterns: two IDs are equal
exactly if their patterns are. Source of the forms: learn.microsoft.com/azure/azure-resource-manager/templates,
template-functions-resource and template-functions-scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec

from azkvlint.evaluation.values import OPEN, Fields, Result, doubt_in, hole, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown, display

TENANT, MANAGEMENT_GROUP, SUBSCRIPTION, GROUP = "tenant", "managementGroup", "subscription", "resourceGroup"
_Function: TypeAlias = Callable[[Sequence[Result], "Scope", Location], Result]
_GROUPS = "microsoft.resources/resourcegroups"
_MANAGEMENT_GROUPS = "/providers/Microsoft.Management/managementGroups"


class Scope(msgspec.Struct, frozen=True):
    """The target scope of a deployment: ``level`` in Bicep's words, and ID patterns where the level has them."""

    level: str = GROUP
    subscription: str = hole(SUBSCRIPTION)
    group: str = hole(GROUP)
    management_group: str = hole(MANAGEMENT_GROUP)

    @property
    def id(self) -> str:
        """Return the ID of the scope, a pattern; empty for a tenant, so that other IDs are appended to it."""
        match self.level:
            case "resourceGroup":
                return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            case "subscription":
                return f"/subscriptions/{self.subscription}"
            case "managementGroup":
                return f"{_MANAGEMENT_GROUPS}/{self.management_group}"
            case _:
                return ""


def scope_of(pattern: str) -> Scope | None:
    """Return the scope that an ID names; None if it names none, or a resource."""
    parts = pattern.strip("/").split("/")
    words = [part.lower() for part in parts]
    match words:
        case [""]:
            return Scope(TENANT)
        case ["subscriptions", _]:
            return Scope(SUBSCRIPTION, parts[1])
        case ["subscriptions", _, "resourcegroups", _]:
            return Scope(GROUP, parts[1], parts[3])
        case ["providers", "microsoft.management", "managementgroups", _]:
            return Scope(MANAGEMENT_GROUP, management_group=parts[3])
        case _:
            return None


def resource_id(above: str, type_: str, names: Sequence[str]) -> str:
    """Return the ID of a resource below the scope or resource ``above``; empty if a name is not known at all."""
    kinds = _kinds(type_)
    if len(kinds) != len(names) + 1 or "" in names:
        return ""
    if len(kinds) == 2 and type_.lower() == _GROUPS:
        return f"{above}/resourceGroups/{names[0]}"
    found = f"{above}/providers/{kinds[0]}"
    for number, name in enumerate(names, 1):
        found += f"/{kinds[number]}/{name}"
    return found


@lru_cache(1000)
def _kinds(type_: str) -> list[str]:
    return type_.split("/")


def text(pattern: str, at: Location, why: str) -> Scalar | Unknown:
    """Return a pattern as a result: known if no part of it is unknown; else ``why`` is the reason."""
    if pattern and OPEN not in pattern:
        return Scalar(at=at, value=pattern)
    return Unknown(at=at, why=why, pattern=pattern)


def id_value(pattern: str, at: Location) -> Scalar | Unknown:
    """Return an ID as a result."""
    return text(pattern, at, "the ID is known after deployment")


def call(name: str, arguments: Sequence[Result], scope: Scope, at: Location) -> Result | None:
    """Evaluate a function that depends on the scope of a deployment; None for others. Names ignore case."""
    function = _FUNCTIONS.get(name.lower())
    return None if function is None else function(arguments, scope, at)


def _resource_id(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``resourceId([subscriptionId], [resourceGroupName], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = next((i for i, part in enumerate(parts[:3]) if "/" in part), None)
    if number is None:
        return doubt_in("`resourceId()` expects a resource type, so the deployment fails", at, *arguments)
    place = scope
    if number and scope.level in (GROUP, SUBSCRIPTION):
        subscription = parts[0] if number == 2 else scope.subscription
        place = Scope(GROUP, subscription, parts[number - 1])
    elif number:
        place = Scope(SUBSCRIPTION, parts[0])
    return _id_of(place.id, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _subscription_resource_id(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``subscriptionResourceId([subscriptionId], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = 0 if parts and "/" in parts[0] else 1
    if len(parts) <= number:
        return doubt_in("`subscriptionResourceId()` expects a resource type, so the deployment fails", at, *arguments)
    place = Scope(SUBSCRIPTION, parts[0] if number else scope.subscription)
    return _id_of(place.id, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _tenant_resource_id(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``tenantResourceId(type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    return _id_of("", parts[0] if parts else "", arguments[1:], parts[1:], at)


def _management_group_resource_id(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``managementGroupResourceId([managementGroup], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = 0 if parts and "/" in parts[0] else 1
    if len(parts) <= number:
        return doubt_in(
            "`managementGroupResourceId()` expects a resource type, so the deployment fails", at, *arguments
        )
    group = parts[0] if number else scope.management_group
    above = f"{_MANAGEMENT_GROUPS}/{group}"
    return _id_of(above, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _extension_resource_id(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``extensionResourceId(baseId, type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    if len(parts) < 2 or not parts[0]:
        return doubt_in("the scope of `extensionResourceId()` is unknown", at, *arguments)
    return _id_of(parts[0], parts[1], arguments[2:], parts[2:], at)


def _id_of(above: str, type_: str, arguments: Sequence[Result], names: Sequence[str], at: Location) -> Result:
    """Return an ID. Slashes may join names in fewer arguments than the type has segments."""
    flat = [name for joined in names for name in (joined.split("/") if joined else [""])]
    # Azure overlooks a slash at the end of a type.
    found = resource_id(above, type_.rstrip("/"), flat)
    return (
        id_value(found, at) if found else doubt_in("the names in a resource ID do not match the type", at, *arguments)
    )


def _resource_group(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``resourceGroup()``; in Bicep, ``resourceGroup([subscriptionId], name)`` names a scope."""
    parts = [pattern_of(argument) for argument in arguments]
    if not all(parts):
        return doubt_in("the resource group is unknown", at, *arguments)
    match parts:
        case []:
            place = Scope(GROUP, scope.subscription, scope.group)
        case [name]:
            place = Scope(GROUP, scope.subscription, name)
        case _:
            place = Scope(GROUP, parts[0], parts[1])
    why = "the resource group is known after deployment"
    fields: dict[str, Result] = {
        "id": text(place.id, at, why),
        "name": text(place.group, at, why),
        "type": Scalar(at=at, value="Microsoft.Resources/resourceGroups"),
        "location": text(hole(f"{place.group}.location"), at, "the location of the resource group is unknown"),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _subscription(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``subscription()``; in Bicep, ``subscription(id)`` names a scope."""
    given = pattern_of(arguments[0]) if arguments else scope.subscription
    if not given:
        return doubt_in("the subscription is unknown", at, *arguments)
    place = Scope(SUBSCRIPTION, given)
    why = "the subscription is known after deployment"
    fields: dict[str, Result] = {
        "id": text(place.id, at, why),
        "subscriptionId": text(place.subscription, at, why),
        "tenantId": text(hole("tenant"), at, "the tenant is known after deployment"),
        "displayName": text(hole(f"{given}.displayName"), at, why),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _tenant(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``tenant()``. Its ``id`` is the scope; ARM returns ``/``."""
    why = "the tenant is known after deployment"
    fields: dict[str, Result] = {
        "id": Scalar(at=at, value="/"),
        "tenantId": text(hole("tenant"), at, why),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _management_group(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``managementGroup()``; in Bicep, ``managementGroup(name)`` names a scope."""
    given = pattern_of(arguments[0]) if arguments else scope.management_group
    if not given:
        return doubt_in("the management group is unknown", at, *arguments)
    why = "the management group is known after deployment"
    place = Scope(MANAGEMENT_GROUP, management_group=given)
    fields: dict[str, Result] = {"id": text(place.id, at, why), "name": text(given, at, why)}
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _runtime(word: str) -> _Function:
    """Return Unknown: facts about a deployment and its cloud are known only at run time."""

    def make(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
        return Unknown(at=at, why=f"`{word}()` is known after deployment", pattern=hole(word))

    return make


def _role_definitions(arguments: Sequence[Result], scope: Scope, at: Location) -> Result:
    """Evaluate ``roleDefinitions(name)``: a built-in role by display name. Its ID is the same in every scope."""
    name = arguments[0] if len(arguments) == 1 else None
    if not isinstance(name, Scalar):
        return doubt_in("`roleDefinitions()` expects the name of a role, so the deployment fails", at, *arguments)
    from azkvlint.azure.roles import role_by_name

    role = role_by_name(str(name.value).lower())
    if role is None:
        return Unknown(at=at, why=f"`{display(name)}` is not a built-in role")
    fields: dict[str, Result] = {
        "id": Scalar(at=at, value=f"/providers/Microsoft.Authorization/roleDefinitions/{role.id}"),
        "roleDefinitionId": Scalar(at=at, value=role.id),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why="the role definition is known after deployment"))


_FUNCTIONS: Mapping[str, _Function] = {
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_resource_id,
    "tenantresourceid": _tenant_resource_id,
    "managementgroupresourceid": _management_group_resource_id,
    "extensionresourceid": _extension_resource_id,
    "resourcegroup": _resource_group,
    "subscription": _subscription,
    "tenant": _tenant,
    "managementgroup": _management_group,
    "roledefinitions": _role_definitions,
    "deployment": _runtime("deployment"),
    "environment": _runtime("environment"),
}
