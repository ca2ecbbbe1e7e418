"""How far a scope reaches, and which vaults lie in it."""

from __future__ import annotations

from collections.abc import Iterator

from kvlint.model.graph import Reference, Resource
from kvlint.model.value import Absent, Answer, Link, Scalar, Unknown, Value
from kvlint.readers.ids import parse_id, scope_level
from kvlint.readers.references import Index, reference_of

SCOPE = ("scope",)
_LEVELS = {
    "microsoft.resources/resourcegroups": "resource-group",
    "microsoft.resources/subscriptions": "subscription",
    "microsoft.management/managementgroups": "management-group",
}
_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


def level_of(answer: Answer, index: Index) -> Value | None:
    """The level of one scope: tenant, management-group, subscription, resource-group or resource."""
    match answer:
        case Scalar(value=str() as text):
            level = scope_level(text)
            if level is None:
                return Unknown(at=answer.at, origin="derived", why=f"'{text}' is not a scope")
            return Scalar(at=answer.at, value=level, origin="derived", note=f"the scope is {text}")
        case Link(target=target):
            found = index.resources.get(target)
            level = _LEVELS.get(found.type.lower(), "resource") if found is not None else "resource"
            return Scalar(at=answer.at, value=level, origin="derived", note=f"the scope is {target}")
        case Unknown():
            return answer
        case _:
            return None


class Coverage:
    """Which vaults lie in a scope. Indexed, so that the cost follows the vaults that are covered."""

    def __init__(self, index: Index) -> None:
        self.index = index
        vaults = [vault for type_ in _VAULT_TYPES for vault in index.of_type(type_) if vault.stays]
        self.all = tuple(vault.address for vault in vaults)
        groups: dict[str, list[str]] = {}
        subscriptions: dict[str, list[str]] = {}
        for vault in vaults:
            group, subscription = _place(vault)
            groups.setdefault(group, []).append(vault.address)
            subscriptions.setdefault(subscription, []).append(vault.address)
        self.by_group = {name: tuple(addresses) for name, addresses in groups.items()}
        self.by_subscription = {name: tuple(addresses) for name, addresses in subscriptions.items()}

    def references(self, via: str, types: frozenset[str]) -> Iterator[Reference]:
        """For each resource with a scope, the vaults that it certainly and perhaps covers."""
        for resource in (resource for type_ in sorted(types) for resource in self.index.of_type(type_)):
            if resource.stays:
                answer = resource.select(SCOPE)
                if not isinstance(answer, Absent):
                    yield self._covered(resource.address, via, answer)

    def _covered(self, source: str, via: str, scope: Value) -> Reference:
        level = level_of(scope, self.index)
        word = level.value if isinstance(level, Scalar) else None
        targets: tuple[str, ...] = ()
        candidates: tuple[str, ...] = ()
        if word == "resource":
            return self._one(source, via, scope)
        if word == "tenant":
            targets = self.all
        elif word == "management-group":
            candidates = self.all
        elif word == "subscription":
            name = _named(scope, self.index)
            targets = self.by_subscription.get(name, ()) if name else ()
            candidates = self.by_subscription.get("", ()) if name else self.all
        elif word == "resource-group":
            name = _named(scope, self.index)
            targets = self.by_group.get(name, ()) if name else ()
            candidates = self.by_group.get("", ()) if name else self.all
        else:
            return reference_of(source, via, scope, self.index) or Reference(source=source, via=via, value=scope)
        return Reference(source=source, via=via, value=scope, targets=targets, candidates=candidates)

    def _one(self, source: str, via: str, scope: Value) -> Reference:
        """A scope that is one resource: the vault, or something in it."""
        if isinstance(scope, Scalar):
            parts = str(scope.value).split("/")
            # /subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME has nine parts.
            scope = Scalar(at=scope.at, value="/".join(parts[:9]))
        found = reference_of(source, via, scope, self.index)
        return found or Reference(source=source, via=via, value=scope)


def _place(vault: Resource) -> tuple[str, str]:
    """Resource group and subscription of a vault in lower case; empty where not known."""
    text = vault.select(("id",))
    parts = parse_id(str(text.value)) if isinstance(text, Scalar) else None
    if parts is not None:
        return parts.resource_group, parts.subscription
    group = vault.select(("resourceGroupName",))
    return (str(group.value).lower() if isinstance(group, Scalar) else ""), ""


def _named(scope: Value, index: Index) -> str:
    """The name of a subscription or resource group scope in lower case; empty where not known."""
    if isinstance(scope, Scalar):
        return str(scope.value).rstrip("/").rpartition("/")[2].lower()
    if isinstance(scope, Link) and scope.target in index.resources:
        target = index.resources[scope.target]
        text = target.select(("id",))
        if isinstance(text, Scalar):
            return str(text.value).rstrip("/").rpartition("/")[2].lower()
        name = target.select(("name",))
        is_group = target.type.lower() == "microsoft.resources/resourcegroups"
        return str(name.value).lower() if is_group and isinstance(name, Scalar) else ""
    return ""
