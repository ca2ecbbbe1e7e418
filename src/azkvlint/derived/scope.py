"""How far a scope reaches, and which vaults lie in it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from azkvlint.derived.registry import known, unknown
from azkvlint.graph.references import Index, certain_only, reference_of, type_of_any
from azkvlint.graph.resource_ids import may_be, scope_level
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Link, Scalar, Unknown, Value, display, text_of

SCOPE = ("scope",)
_LEVELS = {
    "microsoft.resources/resourcegroups": "resource-group",
    "microsoft.resources/subscriptions": "subscription",
    "microsoft.management/managementgroups": "management-group",
}
_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
# A scope inside a vault, whose owner has no say over the vault itself.
OBJECT = "object"
_OBJECTS = tuple(f"{type_}/" for type_ in _VAULT_TYPES)
_DEPTH = 2  # how far inside a vault a scope may lie: a key's version is in the key


def level_of(answer: Answer, index: Index) -> Value | None:
    """The level of one scope: tenant, management-group, subscription, resource-group, resource or object."""
    match answer:
        case Unknown(pattern=pattern) if scope_level(pattern):
            return known(answer, str(_level(pattern)), f"the scope is {pattern}")
        case Scalar(value=str() as text):
            level = _level(text)
            if level is None:
                return unknown(answer, f"'{display(answer)}' is not a scope")
            return known(answer, level, f"the scope is {display(answer)}")
        case Link(target=target, type=type_):
            found = index.resources.get(target)
            level = _level_of_type(found.type if found is not None else type_)
            return known(answer, level, f"the scope is {target}")
        case Unknown(types=types):
            levels = tuple(sorted({_level_of_type(type_) for type_ in types}))
            if len(levels) == 1:
                return known(answer, levels[0], "whatever the scope is")
            return msgspec.structs.replace(answer, one_of=levels)
        case Absent():
            return None
        case _:
            return unknown(answer, f"'{display(answer)}' is not a scope")


def _level_of_type(type_: str) -> str:
    """The level of a scope that is a resource of an Azure type."""
    certain = type_.lower()
    return OBJECT if certain.startswith(_OBJECTS) else _LEVELS.get(certain, "resource")


def _level(text: str) -> str | None:
    """The level of an id, or its pattern: that of a key, secret or certificate is below that of a resource."""
    level = scope_level(text)
    parts = text.strip("/").lower().split("/")
    # subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME has eight parts.
    inside = level == "resource" and len(parts) > 8 and "/".join(parts[5:7]) in _VAULT_TYPES
    return OBJECT if inside else level


class Coverage:
    """Which vaults lie in a scope. Indexed, so that the cost follows the vaults that are covered."""

    def __init__(self, index: Index) -> None:
        self.index = index
        vaults = [vault for type_ in _VAULT_TYPES for vault in index.of_type(type_) if vault.stays]
        self.all = tuple(vault.address for vault in vaults)
        self._places: dict[tuple[str, str], list[str]] = {}
        for vault in vaults:
            self._places.setdefault(_place(vault, index), []).append(vault.address)
        self._candidates: dict[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], str]] = {}
        self._known: dict[tuple[str, str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def references(self, via: str, types: frozenset[str]) -> Iterator[Reference]:
        """For each resource with a scope, the vaults that it certainly and perhaps covers."""
        for resource in self.index.of_types(types):
            if resource.stays:
                answer = resource.select(SCOPE)
                if not isinstance(answer, Absent):
                    yield self.covered(resource, via, answer)

    def covered(self, resource: Resource, via: str, scope: Value) -> Reference:
        """The vaults that one scope of a resource certainly and perhaps covers."""
        return certain_only(self._covered(resource.address, via, scope), resource, self.index)

    def _covered(self, source: str, via: str, scope: Value) -> Reference:
        if isinstance(scope, Unknown) and scope_level(scope.pattern) is None:
            candidates, outside = self._perhaps(scope)
            return Reference(
                source=source, via=via, value=scope, candidates=candidates, anything=not scope.closed,
                outside=outside, hops=scope.hops,
            )  # fmt: skip
        level = level_of(scope, self.index)
        word = str(level.value) if isinstance(level, Scalar) else ""
        if word in ("resource", OBJECT):
            return self._one(source, via, scope)
        targets, candidates = self._within(word, *_named(scope, self.index)) if word else ((), ())
        hops = scope.hops if isinstance(scope, Link) else ()
        return Reference(source=source, via=via, value=scope, targets=targets, candidates=candidates, hops=hops)

    def _perhaps(self, scope: Unknown) -> tuple[tuple[str, ...], str]:
        """What the candidates of a scope cover, and the type of one that is outside; once for all with the same."""
        question = (scope.candidates, scope.types)
        certain = self._candidates.get(question)
        if certain is None:
            type_ = type_of_any(scope.types).removeprefix("?")
            parts = [self._covered("", "", Link(at=scope.at, target=one, type=type_)) for one in scope.candidates]
            found = dict.fromkeys(vault for part in parts for vault in part.targets + part.candidates)
            certain = tuple(found), next((part.outside for part in parts if part.outside), "")
            self._candidates[question] = certain
        return certain

    def _within(self, level: str, subscription: str, group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The vaults that certainly lie in a scope of a level, and those that perhaps do."""
        question = (level, subscription, group)
        found = self._known.get(question)
        if found is None:
            found = self._known[question] = self._looked_up(level, subscription, group)
        return found

    def _looked_up(self, level: str, subscription: str, group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if level == "tenant":
            return self.all, ()
        if level == "management-group" or not (subscription if level == "subscription" else group):
            return (), self.all
        certain: list[str] = []
        perhaps: list[str] = []
        for (own_subscription, own_group), addresses in self._places.items():
            if level == "subscription":
                fits = _may_be(own_subscription, subscription)
                sure = own_subscription == subscription
            else:
                # A vault that is still to be made shows no subscription, but its group's name.
                fits = _may_be(own_group, group) and (not subscription or _may_be(own_subscription, subscription))
                sure = own_group == group and (not subscription or own_subscription in ("", subscription))
            if fits:
                (certain if sure else perhaps).extend(addresses)
        return tuple(certain), tuple(perhaps)

    def _one(self, source: str, via: str, scope: Value) -> Reference:
        """A scope that is one resource: the vault, or something in it."""
        value = scope
        text = text_of(scope)
        if text:
            # subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME has eight parts.
            whole = "/" + "/".join(text.strip("/").split("/")[:8])
            certain = "pattern" if isinstance(scope, Unknown) else "value"
            value = msgspec.structs.replace(scope, **{certain: whole})
        for _ in range(_DEPTH):
            inner = self.index.resources.get(value.target) if isinstance(value, Link) else None
            above = inner.attributes.fields.get("parent") if inner is not None and _is_inside(inner) else None
            value = above if above is not None else value
        found = reference_of(source, via, value, self.index)
        return found or Reference(source=source, via=via, value=scope)


def _is_inside(resource: Resource) -> bool:
    """Whether a resource lies in a vault or managed HSM."""
    return resource.type.lower().startswith(_OBJECTS)


def _place(vault: Resource, index: Index) -> tuple[str, str]:
    """Subscription and resource group of a vault in lower case; empty where not known."""
    for name in ("id", "resourceGroupId"):
        value = vault.attributes.fields.get(name)
        place = _named(value, index) if value is not None else ("", "")
        if any(place):
            return place
    group = vault.select(("resourceGroupName",))
    return "", (str(group.value).lower() if isinstance(group, Scalar) else "")


def _may_be(own: str, asked: str) -> bool:
    """Whether two names, or their patterns, can be the same; an empty one is not known."""
    return not own or may_be(own, asked)


def _parts(text: str) -> tuple[str, str]:
    """Subscription and resource group that an id or scope begins with, in lower case; empty where it has none."""
    parts = text.strip("/").lower().split("/")
    if parts[0] != "subscriptions" or len(parts) < 2:
        return "", ""
    return parts[1], (parts[3] if len(parts) > 3 and parts[2] == "resourcegroups" else "")


def _named(scope: Value, index: Index) -> tuple[str, str]:
    """Subscription and resource group of a scope in lower case; empty where not known."""
    if isinstance(scope, Scalar | Unknown):
        return _parts(text_of(scope))
    if isinstance(scope, Link) and scope.target in index.resources:
        target = index.resources[scope.target]
        text = text_of(target.select(("id",)))
        if text:
            return _parts(text)
        name = target.select(("name",))
        is_group = target.type.lower() == "microsoft.resources/resourcegroups"
        return "", (str(name.value).lower() if is_group and isinstance(name, Scalar) else "")
    return "", ""
