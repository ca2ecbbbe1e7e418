"""Attributes that name other resources -> References: by link, by id, by name, or by data-plane URL."""

from __future__ import annotations

from collections.abc import Iterator

from kvlint.model.graph import Reference, Resource
from kvlint.model.value import Absent, Link, ListValue, Scalar, Unknown, Value
from kvlint.readers.ids import parse_id, parse_object_url

_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


class Index:
    """The resources of one root by what other resources call them."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self.resources = resources
        self._by_id: dict[str, str] = {}
        self._by_type: dict[str, list[str]] = {}
        for resource in resources.values():
            text = _text(resource, "id")
            if text:
                self._by_id[text.lower().rstrip("/")] = resource.address
            self._by_type.setdefault(resource.type, []).append(resource.address)
        self._lower = {type_.lower(): addresses for type_, addresses in self._by_type.items()}
        self._names: dict[str, dict[str, list[str]]] = {}

    def of_type(self, type_: str) -> list[Resource]:
        """The resources of a type (lower case), in the order of the input."""
        return [self.resources[address] for address in self._lower.get(type_, ())]

    def types(self) -> list[str]:
        """The types that there are, as they are spelled."""
        return list(self._by_type)

    def put(self, resource: Resource) -> None:
        """Take ``resource`` for the one of the same address, type, name and id."""
        self.resources[resource.address] = resource

    def named(self, type_: str, name: str) -> list[Resource]:
        """The resources of a type by their name, both in lower case."""
        names = self._names.get(type_)
        if names is None:
            names = self._names[type_] = {}
            for resource in self.of_type(type_):
                names.setdefault(resource.name.lower(), []).append(resource.address)
        return [self.resources[address] for address in names.get(name, ())]

    def find(self, text: str) -> tuple[str | None, str]:
        """The address of what an id or URL names, if it is in the graph, and how it was found."""
        found = self._by_id.get(text.lower().rstrip("/"))
        if found is not None:
            return found, "by id"
        return self._by_parts(text), "by name"

    def _by_parts(self, text: str) -> str | None:
        """A resource whose own id is not known yet, by the type and name in an id, or by a data-plane URL."""
        url = parse_object_url(text)
        if url is not None:
            kind, name, vault = url.kind, url.name, url.vault
            found = [
                child
                for above in _VAULTS
                for child in self.named(f"{above}/{kind}", name)
                if self._vault_name(child) == vault
            ]
            return found[0].address if len(found) == 1 else None
        parts = parse_id(text)
        if parts is None:
            return None
        candidates = [
            resource
            for resource in self.named(parts.type, parts.names[-1])
            if _text(resource, "resourceGroupName").lower() in ("", parts.resource_group) and not _text(resource, "id")
        ]
        return candidates[0].address if len(candidates) == 1 and len(parts.names) == 1 else None

    def perhaps(self, text: str) -> tuple[str, ...]:
        """What a data-plane URL may name that ``find`` did not find: objects of that name whose vault is not known."""
        url = parse_object_url(text)
        if url is None:
            return ()
        children = [child for above in _VAULTS for child in self.named(f"{above}/{url.kind}", url.name)]
        return tuple(child.address for child in children if not self._vault_name(child))

    def _vault_name(self, child: Resource) -> str:
        above = child.attributes.fields.get("parent")
        if isinstance(above, Link) and above.target in self.resources:
            return self.resources[above.target].name.lower()
        text = above.value if isinstance(above, Scalar) else None
        parts = parse_id(text) if isinstance(text, str) else None
        return parts.names[0] if parts is not None else ""


def _text(resource: Resource, name: str) -> str:
    value = resource.attributes.fields.get(name)
    return value.value if isinstance(value, Scalar) and isinstance(value.value, str) else ""


def references_by(via: str, types: frozenset[str], index: Index) -> Iterator[Reference]:
    """Every reference that the attribute ``via`` of these types (lower case) makes; of a list, one an item."""
    path = tuple(via.split("."))
    for resource in (resource for type_ in sorted(types) for resource in index.of_type(type_)):
        if not resource.stays:
            continue
        answer = resource.select(path)
        if isinstance(answer, Absent):
            continue
        for value in answer.items if isinstance(answer, ListValue) else (answer,):
            reference = reference_of(resource.address, via, value, index)
            if reference is not None:
                yield reference


def reference_of(source: str, via: str, value: Value, index: Index) -> Reference | None:
    """The reference that one value makes; None for a value that can name nothing."""
    match value:
        case Link(target=target, type=type_, hops=hops):
            targets = (target,) if target in index.resources else ()
            outside = "" if targets else type_.lower() or "?"
            return Reference(source=source, via=via, value=value, targets=targets, outside=outside, hops=hops)
        case Unknown(candidates=candidates, closed=closed, hops=hops):
            here = tuple(address for address in candidates if address in index.resources)
            outside = "" if len(here) == len(candidates) else "?"
            return Reference(
                source=source, via=via, value=value, candidates=here, anything=not closed, outside=outside, hops=hops
            )
        case Scalar(value=str() as text):
            found, how = index.find(text)
            if found is not None:
                return Reference(source=source, via=via, value=value, targets=(found,), hops=(how,))
            parts = parse_id(text)
            outside = parts.type if parts is not None else "?"
            return Reference(source=source, via=via, value=value, candidates=index.perhaps(text), outside=outside)
        case _:
            return None
