"""``derived.*``: what Azure knows of a resource and no document says, as attributes that rules can ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from kvlint.model.graph import Demand, Resource
from kvlint.model.value import Absent, Answer, ListValue, MapValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive import consumers, endpoints
from kvlint.readers.derive.exposure import exposure
from kvlint.readers.derive.policies import change_of
from kvlint.readers.derive.roles import role_by_id
from kvlint.readers.derive.scope import SCOPE, level_of
from kvlint.readers.ids import HOLE
from kvlint.readers.references import Index, reference_of

VAULTS = "microsoft.keyvault/vaults"
MANAGED_HSMS = "microsoft.keyvault/managedhsms"
POLICIES = "microsoft.keyvault/vaults/accesspolicies"
ASSIGNMENTS = "microsoft.authorization/roleassignments"
DEFINITIONS = "microsoft.authorization/roledefinitions"
ASSOCIATIONS = "microsoft.network/networksecurityperimeters/resourceassociations"

COVERS = "derived.covers"
RBAC: Path = ("properties", "enableRbacAuthorization")
_RBAC_TEXT = ".".join(map(str, RBAC))
POLICY_LIST: Path = ("properties", "accessPolicies")

_ROLE: tuple[Path, ...] = (("properties", "roleDefinitionName"), ("properties", "roleDefinitionId"))
_SCOPES = {
    "microsoft.resources/resourcegroups": (("name",), ("id",)),
    "microsoft.resources/subscriptions": (("id",),),
    "microsoft.management/managementgroups": (("id",),),
}
_Maker: TypeAlias = Callable[["Resource", "Context"], "Value | None"]

# What must be read for a derived attribute, by the type that it is read of.
NEEDS: Mapping[str, Mapping[str, tuple[Path, ...]]] = {
    "derived.exposure": {
        VAULTS: (("properties", "publicNetworkAccess"), ("properties", "networkAcls")),
        MANAGED_HSMS: (("properties", "publicNetworkAccess"), ("properties", "networkAcls")),
        ASSOCIATIONS: (("properties",),),
    },
    "derived.accessModel": {VAULTS: (RBAC,), POLICIES: (("parent",),)},
    "derived.inlinePolicies": {VAULTS: (POLICY_LIST,), POLICIES: (("parent",), POLICY_LIST)},
    "derived.policyChange": {POLICIES: (("name",),)},
    "properties.accessPolicies": {POLICIES: (("parent",), ("properties", "accessPolicies"))},
    "derived.roleName": {ASSIGNMENTS: _ROLE, DEFINITIONS: (("name",), ("properties", "roleName"))},
    "derived.roleActions": {ASSIGNMENTS: _ROLE, DEFINITIONS: (("properties", "permissions"),)},
    "derived.scopeLevel": {ASSIGNMENTS: (SCOPE,), **_SCOPES},
    "derived.scopeLevels": {DEFINITIONS: (("properties", "assignableScopes"), SCOPE), **_SCOPES},
    # A scope may be an object in a vault: that is followed to the vault.
    COVERS: {
        ASSIGNMENTS: (SCOPE,),
        **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",),)),
        **{f"{VAULTS}/{kind}": (("parent",),) for kind in ("keys", "secrets", "certificates")},
        f"{MANAGED_HSMS}/keys": (("parent",),),
        **_SCOPES,
    },
    **{f"derived.{name}": endpoints.PATHS for name in endpoints.MAKERS},
    **{f"derived.{name}": consumers.PATHS for name in consumers.MAKERS},
}


class Context(msgspec.Struct, frozen=True):
    """What a derived attribute may look at: all resources, and the vaults inside an enforced perimeter."""

    index: Index
    perimeters: frozenset[str]


def with_needs(demand: Demand) -> Demand:
    """``demand`` with what its derived attributes are made from."""
    paths = {type_: set(asked) for type_, asked in demand.paths.items()}
    asked_for = {".".join(map(str, path[:2])) for asked in demand.paths.values() for path in asked} | set(demand.vias)
    for name in asked_for & set(NEEDS):
        for type_, needed in NEEDS[name].items():
            paths.setdefault(type_, set()).update(needed)
    return Demand(
        paths={type_: frozenset(asked) for type_, asked in paths.items()},
        vias=demand.vias,
        everything=demand.everything,
    )


# What is asked of the types by the demand of the last call, as all inputs of a run have the same.
_known: list[tuple[Demand, dict[str, list[tuple[str, _Maker]]]]] = []


def derive(index: Index, demand: Demand) -> None:
    """Give the resources of ``index`` the derived attributes that are asked for."""
    context = Context(index, _perimeters(index))
    if not _known or _known[0][0] is not demand:
        _known[:] = [(demand, {})]
    known = _known[0][1]
    for type_ in index.types():
        makers = known.get(type_)
        if makers is None:
            makers = known[type_] = _makers(demand, type_)
        for resource in index.of_type(type_.lower()) if makers else ():
            made = ((name, make(resource, context)) for name, make in makers)
            fields = {name: value for name, value in made if value is not None}
            if fields:
                index.put(_with_derived(resource, fields))


def _makers(demand: Demand, type_: str) -> list[tuple[str, _Maker]]:
    """The derived attributes that are asked of a type, in a fixed order."""
    paths = demand.of(type_) or frozenset()
    asked = {str(path[1]) for path in paths if path[:1] == ("derived",)} | {
        via.partition(".")[2] for via, types in demand.vias.items() if type_.lower() in types
    }
    return [(name, make) for name, make in DERIVED.items() if demand.everything or name in asked]


def _with_derived(resource: Resource, fields: dict[str, Value]) -> Resource:
    have = resource.attributes.fields.get("derived")
    if isinstance(have, MapValue):
        fields = {**have.fields, **fields}
    derived = MapValue(at=resource.at, fields=fields, origin="derived")
    attributes = MapValue(
        at=resource.attributes.at, fields={**resource.attributes.fields, "derived": derived},
        rest=resource.attributes.rest,
    )  # fmt: skip
    return msgspec.structs.replace(resource, attributes=attributes)


def _perimeters(index: Index) -> frozenset[str]:
    """The vaults that an enforced association puts into a network security perimeter."""
    found: set[str] = set()
    for resource in index.of_type(ASSOCIATIONS):
        if not resource.stays:
            continue
        mode = resource.select(("properties", "accessMode"))
        link = resource.select(("properties", "privateLinkResource", "id"))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "enforced" and not isinstance(link, Absent):
            reference = reference_of(resource.address, "", link, index)
            if reference is not None:
                found.update(reference.targets, reference.candidates)
    return frozenset(found)


def _text(resource: Resource, value: str, note: str = "") -> Scalar:
    return Scalar(at=resource.at, value=value, origin="derived", note=note)


def _exposure(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() not in (VAULTS, MANAGED_HSMS):
        return None
    return exposure(resource, resource.address in context.perimeters)


def _access_model(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() == VAULTS:
        return _model_of(resource.select(RBAC))
    above = resource.select(("parent",))
    if resource.type.lower() != POLICIES or isinstance(above, Absent):
        return None
    reference = reference_of(resource.address, "parent", above, context.index)
    if reference is None:
        return None
    models = [_model_of(context.index.resources[a].select(RBAC)) for a in reference.targets + reference.candidates]
    known = {model.value for model in models if isinstance(model, Scalar)}
    if models and not reference.anything and len(known) == 1 and all(isinstance(m, Scalar) for m in models):
        # It is told where the policy stands: that is what is to be edited.
        return msgspec.structs.replace(models[0], at=msgspec.structs.replace(resource.at, attribute=_RBAC_TEXT))
    return Unknown(at=resource.at, origin="derived", why="the permission model of its vault is not known")


def _inline_policies(resource: Resource, context: Context) -> Value | None:
    """The access policies that the author of a vault writes in it."""
    policies = resource.select(POLICY_LIST)
    if resource.type.lower() != VAULTS or isinstance(policies, Absent):
        return None
    if isinstance(policies, ListValue) and policies.items and policies.origin == "kept":
        why = "the vault has access policies that its author does not write there"
        return Unknown(at=resource.at, origin="derived", why=why)
    return policies


def _policy_change(resource: Resource, context: Context) -> Value | None:
    return change_of(resource) if resource.type.lower() == POLICIES else None


def _model_of(answer: Answer) -> Value:
    if isinstance(answer, Scalar):
        word = "rbac" if answer.value is True else "access-policies"
        at = msgspec.structs.replace(answer.at, attribute=_RBAC_TEXT)
        return Scalar(at=at, value=word, origin="derived", note=answer.note)
    why = answer.why if isinstance(answer, Unknown) else "nothing says which permission model the vault has"
    return Unknown(at=answer.at, origin="derived", why=why)


def _role_name(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() != ASSIGNMENTS:
        return None
    name = resource.select(("properties", "roleDefinitionName"))
    if isinstance(name, Scalar):
        return name
    role = resource.select(("properties", "roleDefinitionId"))
    built_in = role_by_id(text_of(role))
    if built_in is not None:
        return _text(resource, built_in)
    definition = _definition(role, context)
    if definition is not None:
        own = definition.select(("properties", "roleName"))
        # What is only read, and named by an id, may be any role: the id says which.
        by_id = definition.existing and text_of(role)
        if isinstance(own, Scalar) or (isinstance(own, Unknown) and not by_id):
            return own
        if not by_id:
            return _text(resource, definition.name)
    if isinstance(role, Scalar):
        return msgspec.structs.replace(role, origin="derived")
    guid = text_of(role).rstrip("/").rpartition("/")[2]
    if guid and HOLE not in guid:
        # The GUID alone says which role it is, wherever it lives; it is none of those that have a name here.
        return Scalar(at=role.at, value=guid, origin="derived")
    unknown = role if isinstance(role, Unknown) else name
    return unknown if isinstance(unknown, Unknown) else None


def _definition(role: Answer, context: Context) -> Resource | None:
    """The custom role that a role assignment names, if it is in the graph."""
    if isinstance(role, Absent):
        return None
    if text_of(role):
        # The provider's own id of a definition has its scope behind it; the GUID in both is Azure's name of it.
        same = context.index.named(DEFINITIONS, text_of(role).rstrip("/").rpartition("/")[2].lower())
        return same[0] if len(same) == 1 else None
    reference = reference_of("", "", role, context.index)
    if reference is None or len(reference.targets) != 1:
        return None
    found = context.index.resources[reference.targets[0]]
    return found if found.type.lower() == DEFINITIONS else None


def _role_actions(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() != ASSIGNMENTS:
        return None
    definition = _definition(resource.select(("properties", "roleDefinitionId")), context)
    permissions = definition.select(("properties", "permissions")) if definition is not None else None
    if isinstance(permissions, Unknown):
        return permissions
    items: list[Value] = []
    for permission in permissions.items if isinstance(permissions, ListValue) else ():
        actions = select(permission, ("actions",))
        if isinstance(actions, Unknown):
            return actions
        if _takes_away(select(permission, ("notActions",))):
            return Unknown(at=resource.at, origin="derived", why="notActions take some of the role's actions away")
        items += actions.items if isinstance(actions, ListValue) else ()
    return ListValue(at=resource.at, items=tuple(items), origin="derived") if items else None


def _takes_away(answer: Answer) -> bool:
    """Whether ``notActions`` may take away anything of Key Vault."""
    if isinstance(answer, ListValue):
        words = (str(item.value).lower() if isinstance(item, Scalar) else "*" for item in answer.items)
        return any(word.startswith(("*", "microsoft.keyvault")) for word in words)
    return isinstance(answer, Unknown)


def _scope_level(resource: Resource, context: Context) -> Value | None:
    return level_of(resource.select(SCOPE), context.index)


def _scope_levels(resource: Resource, context: Context) -> Value | None:
    """Where a custom role can be assigned; the provider takes the role's own scope where nothing else is said."""
    scopes = resource.select(("properties", "assignableScopes"))
    if isinstance(scopes, Absent):
        level = level_of(resource.select(SCOPE), context.index)
        return ListValue(at=resource.at, items=(level,), origin="derived") if level is not None else None
    if isinstance(scopes, ListValue):
        levels = (level_of(scope, context.index) for scope in scopes.items)
        return ListValue(at=scopes.at, items=tuple(x for x in levels if x is not None), origin="derived")
    return scopes if isinstance(scopes, Unknown) else None


def _of_own(make: Callable[[Resource, Index], Value | None]) -> _Maker:
    return lambda resource, context: make(resource, context.index)


DERIVED: Mapping[str, _Maker] = {
    "exposure": _exposure,
    "accessModel": _access_model,
    "inlinePolicies": _inline_policies,
    "policyChange": _policy_change,
    "roleName": _role_name,
    "roleActions": _role_actions,
    "scopeLevel": _scope_level,
    "scopeLevels": _scope_levels,
    **{name: _of_own(make) for name, make in (endpoints.MAKERS | consumers.MAKERS).items()},
}
