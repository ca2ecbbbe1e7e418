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

from azkvlint.evaluation.values import Fields, Result, doubt_in, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    DEPLOYMENT,
    DeclaredHole,
    Hole,
    Pattern,
    Text,
    access,
    bare,
    declared_hole,
    hole,
    join_texts,
    pattern_from,
    rstrip_text,
    split_text,
    strip_text,
    text_form,
)
from azkvlint.model.value import TEXT, Scalar, Unknown, shortened
from azkvlint.util.lazy_property import lazy_property

TENANT, MANAGEMENT_GROUP, SUBSCRIPTION, GROUP = "tenant", "managementGroup", "subscription", "resourceGroup"
_Function: TypeAlias = Callable[[Sequence[Result], "DeploymentScope", Location], Result]
_GROUPS = "microsoft.resources/resourcegroups"
_MANAGEMENT_GROUPS = "/providers/Microsoft.Management/managementGroups"


class DeploymentScope(msgspec.Struct, frozen=True, dict=True):
    """The target scope of a deployment: ``level`` in Bicep's words, and ID patterns where the level has them."""

    level: str = GROUP
    subscription: Text = hole(SUBSCRIPTION)
    group: Text = hole(GROUP)
    management_group: Text = hole(MANAGEMENT_GROUP)

    @lazy_property
    def id(self) -> Text:
        """Return the ID of the scope, a pattern; empty for a tenant, so that other IDs are appended to it."""
        match self.level:
            case "resourceGroup":
                return join_texts(["/subscriptions/", self.subscription, "/resourceGroups/", self.group])
            case "subscription":
                return join_texts(["/subscriptions/", self.subscription])
            case "managementGroup":
                return join_texts([_MANAGEMENT_GROUPS, "/", self.management_group])
            case _:
                return ""


def scope_of(id_: Text) -> DeploymentScope | None:
    """Return the scope that an ID names; None if it names none, or a resource."""
    parts = split_text(strip_text(id_, "/"), "/")
    words = [text_form(part).lower() for part in parts]
    match words:
        case [""]:
            return DeploymentScope(TENANT)
        case ["subscriptions", _]:
            return DeploymentScope(SUBSCRIPTION, parts[1])
        case ["subscriptions", _, "resourcegroups", _]:
            return DeploymentScope(GROUP, parts[1], parts[3])
        case ["providers", "microsoft.management", "managementgroups", _]:
            return DeploymentScope(MANAGEMENT_GROUP, management_group=parts[3])
        case _:
            return None


def resource_id(above: Text, type_: Text, names: Sequence[Text]) -> Text:
    """Return the ID of a resource below the scope or resource ``above``; empty if a name is not known at all."""
    kinds = _kinds(type_) if isinstance(type_, str) else split_text(type_, "/")
    if len(kinds) != len(names) + 1 or not all(names):
        return ""
    if len(kinds) == 2 and text_form(type_).lower() == _GROUPS:
        return join_texts([above, "/resourceGroups/", names[0]])
    steps = [step for kind, name in zip(kinds[1:], names, strict=True) for step in ("/", kind, "/", name)]
    return join_texts([above, "/providers/", kinds[0], *steps])


@lru_cache(1000)
def _kinds(type_: str) -> Sequence[Text]:
    return type_.split("/")


def text(pattern: Text, at: Location, why: str) -> Scalar | Unknown:
    """Return a pattern as a result: known if no part of it is unknown; else ``why`` is the reason."""
    if isinstance(pattern, str) and pattern:
        return Scalar(at=at, value=pattern)
    return Unknown(at=at, why=why, pattern=pattern_from(pattern), given=True, known=TEXT)


def id_value(pattern: Text, at: Location) -> Scalar | Unknown:
    """Return an ID as a result."""
    return part_value("ID", pattern, at)


def part_value(noun: str, pattern: Text, at: Location, doubt: Unknown | None = None) -> Scalar | Unknown:
    """Return the ID or name (``noun``) of a resource as a result. ``doubt``: why nothing is known of it."""
    if not pattern and doubt is not None:
        return Unknown(at=at, why=doubt.why, given=True, known=TEXT, sensitive=doubt.sensitive)
    if isinstance(pattern, str) and pattern:
        return text(pattern, at, "")
    deciding = _deciding(pattern)
    why = deciding.why if isinstance(deciding, DeclaredHole) else ""
    return text(pattern, at, why or _reason_for(noun, "" if deciding is None else deciding.text))


# The functions that return where a template is deployed. Every ID depends on some of them.
_PLACES = frozenset(hole(name).text for name in ("subscription", "resourceGroup", "managementGroup", "tenant"))


def _deciding(pattern: Text) -> Hole | None:
    """Return the first parameter, function or resource on which an ID or a name depends; None if there is none."""
    holes = [_innermost(one) for one in pattern.holes] if isinstance(pattern, Pattern) else []
    return next((one for one in holes if one.text not in _PLACES), holes[0] if holes else None)


@lru_cache(1000)
def _reason_for(noun: str, deciding: str) -> str:
    """Return why an ID or a name is unknown: what decides it, in its text form; empty if that is not known."""
    if not deciding:
        return f"the {noun} is known after deployment"
    name = bare(Pattern((), deciding))
    call = "()" if deciding in _PLACES or name == "deployment" else ""
    return f"the {noun} depends on `{shortened(name)}{call}` and is known only at deployment"


def _innermost(one: Hole) -> Hole:
    while one.within:
        one = one.within[0]
    return one


def call(name: str, arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result | None:
    """Evaluate a function that depends on the scope of a deployment; None for others. Names ignore case."""
    function = _FUNCTIONS.get(name.lower())
    return None if function is None else function(arguments, scope, at)


def _resource_id(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``resourceId([subscriptionId], [resourceGroupName], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = next((i for i, part in enumerate(parts[:3]) if "/" in text_form(part)), None)
    if number is None:
        return doubt_in("`resourceId()` expects a resource type, so the deployment fails", at, *arguments)
    place = scope
    if number and scope.level in (GROUP, SUBSCRIPTION):
        subscription = parts[0] if number == 2 else scope.subscription
        place = DeploymentScope(GROUP, subscription, parts[number - 1])
    elif number:
        place = DeploymentScope(SUBSCRIPTION, parts[0])
    return _id_of(place.id, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _subscription_resource_id(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``subscriptionResourceId([subscriptionId], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = 0 if parts and "/" in text_form(parts[0]) else 1
    if len(parts) <= number:
        return doubt_in("`subscriptionResourceId()` expects a resource type, so the deployment fails", at, *arguments)
    place = DeploymentScope(SUBSCRIPTION, parts[0] if number else scope.subscription)
    return _id_of(place.id, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _tenant_resource_id(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``tenantResourceId(type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    return _id_of("", parts[0] if parts else "", arguments[1:], parts[1:], at)


def _management_group_resource_id(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``managementGroupResourceId([managementGroup], type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    number = 0 if parts and "/" in text_form(parts[0]) else 1
    if len(parts) <= number:
        return doubt_in(
            "`managementGroupResourceId()` expects a resource type, so the deployment fails", at, *arguments
        )
    group = parts[0] if number else scope.management_group
    above = join_texts([_MANAGEMENT_GROUPS, "/", group])
    return _id_of(above, parts[number], arguments[number + 1 :], parts[number + 1 :], at)


def _extension_resource_id(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``extensionResourceId(baseId, type, names...)``."""
    parts = [pattern_of(argument) for argument in arguments]
    if len(parts) < 2 or not parts[0]:
        return doubt_in("the scope of `extensionResourceId()` is unknown", at, *arguments)
    return _id_of(parts[0], parts[1], arguments[2:], parts[2:], at)


def _id_of(above: Text, type_: Text, arguments: Sequence[Result], names: Sequence[Text], at: Location) -> Result:
    """Return an ID. Slashes may join names in fewer arguments than the type has segments."""
    flat = [name for joined in names for name in split_text(joined, "/")]
    # Azure overlooks a slash at the end of a type.
    found = resource_id(above, rstrip_text(type_, "/"), flat)
    return (
        id_value(found, at) if found else doubt_in("the names in a resource ID do not match the type", at, *arguments)
    )


def _resource_group(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``resourceGroup()``; in Bicep, ``resourceGroup([subscriptionId], name)`` names a scope."""
    parts = [pattern_of(argument) for argument in arguments]
    if not all(parts):
        return doubt_in("the resource group is unknown", at, *arguments)
    match parts:
        case []:
            place = DeploymentScope(GROUP, scope.subscription, scope.group)
        case [name]:
            place = DeploymentScope(GROUP, scope.subscription, name)
        case _:
            place = DeploymentScope(GROUP, parts[0], parts[1])
    why = "`resourceGroup()` is known after deployment"
    fields: dict[str, Result] = {
        "id": text(place.id, at, why),
        "name": text(place.group, at, why),
        "type": Scalar(at=at, value="Microsoft.Resources/resourceGroups"),
        "location": text(_fact(place.group, "location"), at, "`resourceGroup().location` is known after deployment"),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _subscription(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``subscription()``; in Bicep, ``subscription(id)`` names a scope."""
    given = pattern_of(arguments[0]) if arguments else scope.subscription
    if not given:
        return doubt_in("the subscription is unknown", at, *arguments)
    place = DeploymentScope(SUBSCRIPTION, given)
    why = "`subscription()` is known after deployment"
    fields: dict[str, Result] = {
        "id": text(place.id, at, why),
        "subscriptionId": text(place.subscription, at, why),
        "tenantId": text(hole("tenant"), at, "`tenant()` is known after deployment"),
        "displayName": text(_fact(given, "displayName"), at, why),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _fact(scope: Text, name: str) -> Hole:
    """Return the pattern of a fact about a subscription or a resource group."""
    return access(scope, f".{name}") if isinstance(scope, Hole) else hole(scope, f".{name}")


def _tenant(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``tenant()``. Its ``id`` is the scope; ARM returns ``/``."""
    why = "`tenant()` is known after deployment"
    fields: dict[str, Result] = {
        "id": Scalar(at=at, value="/"),
        "tenantId": text(hole("tenant"), at, why),
    }
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _management_group(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``managementGroup()``; in Bicep, ``managementGroup(name)`` names a scope."""
    given = pattern_of(arguments[0]) if arguments else scope.management_group
    if not given:
        return doubt_in("the management group is unknown", at, *arguments)
    why = "`managementGroup()` is known after deployment"
    place = DeploymentScope(MANAGEMENT_GROUP, management_group=given)
    fields: dict[str, Result] = {"id": text(place.id, at, why), "name": text(given, at, why)}
    return Fields(at=at, fields=fields, rest=Unknown(at=at, why=why))


def _runtime(word: str) -> _Function:
    """Return Unknown: facts about a deployment and its cloud are known only at run time."""

    def make(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
        return Unknown(at=at, why=f"`{word}()` is known after deployment", pattern=declared_hole(DEPLOYMENT, word))

    return make


def _role_definitions(arguments: Sequence[Result], scope: DeploymentScope, at: Location) -> Result:
    """Evaluate ``roleDefinitions(name)``: a built-in role by display name. Its ID is the same in every scope."""
    name = arguments[0] if len(arguments) == 1 else None
    if not isinstance(name, Scalar):
        return doubt_in("`roleDefinitions()` expects the name of a role, so the deployment fails", at, *arguments)
    from azkvlint.azure.roles import role_by_name

    role = role_by_name(str(name.value).lower())
    if role is None:
        return Unknown(at=at, why=f"`{name.display()}` is not a built-in role")
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
