"""Attributes that name other resources -> References: by link, by id, by name, or by data-plane URL."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from azkvlint.graph.resource_ids import HOLE, may_equal, parse_id, parse_object_url, parse_vault_address, scope_level
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Link, ListValue, Scalar, Unknown, Value, text_of

_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


class Index:
    """The resources of one root by what other resources call them."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self.resources = resources
        self._by_id: dict[str, list[str]] = {}
        self._patterns: dict[str, list[tuple[str, str]]] = {}
        self._by_type: dict[str, list[str]] = {}
        for resource in resources.values():
            text = _text(resource, "id").lower().rstrip("/")
            if text:
                self._by_id.setdefault(text, []).append(resource.address)
                if HOLE in text:
                    self._patterns.setdefault(resource.type.lower(), []).append((text, resource.address))
            self._by_type.setdefault(resource.type, []).append(resource.address)
        self._lower = {type_.lower(): addresses for type_, addresses in self._by_type.items()}
        self._names: dict[str, dict[str, list[str]]] = {}
        self._objects: dict[str, dict[tuple[str, str], list[str]]] = {}

    def of_type(self, type_: str) -> list[Resource]:
        """Return the resources of a type (lower case), in the order of the input."""
        return [self.resources[address] for address in self._lower.get(type_, ())]

    def of_types(self, types: frozenset[str]) -> Iterator[Resource]:
        """Yield the resources of some types (lower case), by type in alphabetical order."""
        for type_ in sorted(types & self._lower.keys()):
            yield from self.of_type(type_)

    def types(self) -> list[str]:
        """Return the types that there are, as they are spelled."""
        return list(self._by_type)

    def replace(self, resource: Resource) -> None:
        """Take ``resource`` for the one of the same address, type, name and id."""
        self.resources[resource.address] = resource

    def named(self, type_: str, name: str) -> list[Resource]:
        """Return the resources of a type by their name, both in lower case."""
        names = self._names.get(type_)
        if names is None:
            names = self._names[type_] = {}
            for resource in self.of_type(type_):
                names.setdefault(resource.name.lower(), []).append(resource.address)
        return [self.resources[address] for address in names.get(name, ())]

    def find(self, text: str) -> tuple[tuple[str, ...], str]:
        """Return the addresses of what an id (or its pattern) or URL names in the graph, and how it was found.

        A resource that is declared twice, once as existing, is what deploys it.
        """
        found = self._by_id.get(text.lower().rstrip("/"), ())
        if found:
            deployed = tuple(address for address in found if not self.resources[address].existing)
            return deployed or tuple(found[:1]), "by id"
        one = self._by_parts(text)
        return (() if one is None else (one,)), "by name"

    def _by_parts(self, text: str) -> str | None:
        """Return a resource whose own id is not known yet, by the type and name in an id, or by a data-plane URL."""
        url = parse_object_url(text)
        if url is not None:
            kind, name, vault = url.kind, url.name, url.vault
            found = [address for above in _VAULTS for address in self._in_vault(f"{above}/{kind}", name, vault)]
            return found[0] if len(found) == 1 else None
        address = parse_vault_address(text)
        if address is not None:
            named = (vault for type_ in _VAULTS for vault in self.named(type_, address))
            vaults = [vault for vault in named if _text(vault, "name").lower() == address]
            deployed = [vault for vault in vaults if not vault.existing] or vaults
            return deployed[0].address if len(deployed) == 1 else None
        parts = parse_id(text)
        if parts is None:
            return None
        candidates = [
            resource
            for resource in self.named(parts.type, parts.names[-1])
            if _text(resource, "resourceGroupName").lower() in ("", parts.resource_group)
            and (not _text(resource, "id") or (parts.type in _VAULTS and self._is_alike(resource, text)))
        ]
        return candidates[0].address if len(candidates) == 1 and len(parts.names) == 1 else None

    def find_candidates(self, text: str) -> tuple[str, ...]:
        """Return what an id or URL may name that ``find`` did not find.

        Of a data-plane URL these are the objects of that name whose vault is not known; of an id, the resources whose
        own id is the same wherever both are known.
        """
        url = parse_object_url(text)
        if url is None:
            return self._alike(text.lower().rstrip("/"))
        return tuple(address for above in _VAULTS for address in self._in_vault(f"{above}/{url.kind}", url.name, ""))

    def _is_alike(self, resource: Resource, text: str) -> bool:
        """Return whether an id can be a resource's own. The name of a vault is taken once in all of Azure."""
        return may_equal(_text(resource, "id").lower().rstrip("/"), text.lower().rstrip("/"))

    def _alike(self, text: str) -> tuple[str, ...]:
        parts = parse_id(text)
        if parts is None:
            return ()
        if HOLE not in text:
            known = self._patterns.get(parts.type, ())
        else:
            known = [
                (_text(resource, "id").lower().rstrip("/"), resource.address) for resource in self.of_type(parts.type)
            ]
        return tuple(address for own, address in known if own and may_equal(own, text))

    def _in_vault(self, type_: str, name: str, vault: str) -> list[str]:
        """Return the objects of a type by name and vault name, all in lower case; an unknown vault name is empty."""
        objects = self._objects.get(type_)
        if objects is None:
            objects = self._objects[type_] = {}
            for child in self.of_type(type_):
                objects.setdefault((child.name.lower(), self._vault_name(child)), []).append(child.address)
        return objects.get((name, vault), [])

    def _vault_name(self, child: Resource) -> str:
        above = child.attributes.fields.get("parent")
        if isinstance(above, Link) and above.target in self.resources:
            return self.resources[above.target].name.lower()
        parts = parse_id(text_of(above)) if above is not None else None
        return parts.names[0] if parts is not None and HOLE not in parts.names[0] else ""


def _text(resource: Resource, name: str) -> str:
    value = resource.attributes.fields.get(name)
    return "" if value is None else text_of(value)


def references_by(via: str, types: frozenset[str], index: Index) -> Iterator[Reference]:
    """Yield every reference that the attribute ``via`` of these types (lower case) makes; of a list, one an item."""
    path = tuple(via.split("."))
    for resource in index.of_types(types):
        if not resource.stays:
            continue
        if path[0] not in resource.attributes.fields and resource.attributes.rest is None:
            continue
        answer = resource.select(path)
        if isinstance(answer, Absent):
            continue
        for value in answer.items if isinstance(answer, ListValue) else (answer,):
            reference = reference_of(resource.address, via, value, index)
            if reference is not None:
                yield without_conditional_targets(reference, resource, index)


def without_conditional_targets(reference: Reference, source: Resource, index: Index) -> Reference:
    """Return ``reference`` without targets that exist without ``source``: an unknown condition decides on it."""
    if not source.conditions or not reference.targets:
        return reference
    sure = tuple(target for target in reference.targets if source.conditions <= index.resources[target].conditions)
    if len(sure) == len(reference.targets):
        return reference
    unsure = tuple(target for target in reference.targets if target not in sure)
    candidates = reference.candidates + unsure
    return msgspec.structs.replace(reference, targets=sure, candidates=candidates, conditional=unsure)


def reference_of(source: str, via: str, value: Value, index: Index) -> Reference | None:
    """Return the reference that one value makes; None for a value that can name nothing."""
    if type(value) is Link:  # most are
        targets = (value.target,) if value.target in index.resources else ()
        outside = "" if targets else value.type.lower() or "?"
        return Reference(source=source, via=via, value=value, targets=targets, outside=outside, hops=value.hops)
    match value:
        case Unknown(pattern=pattern) if pattern:
            return _by_text(source, via, value, pattern, index)
        case Unknown(candidates=candidates, closed=closed, types=types, hops=hops):
            here = tuple(address for address in candidates if address in index.resources)
            outside = "" if len(here) == len(candidates) else type_of_any(types)
            return Reference(
                source=source, via=via, value=value, candidates=here, anything=not closed, outside=outside, hops=hops
            )
        case Scalar(value=str() as text):
            return _by_text(source, via, value, text, index)
        case _:
            return None


def type_of_any(types: tuple[str, ...]) -> str:
    """Return a type for a resource that is not in the graph and is of one of these types; "?" if it may be any.

    What no table has is in its author's words, which no rule names, so any one stands for all of them.
    """
    azure = [type_.lower() for type_ in types if "/" in type_]
    return "?" if "" in types or not types or len(azure) > 1 else (*azure, *types)[0]


def _by_text(source: str, via: str, value: Value, text: str, index: Index) -> Reference:
    """Return the reference that an id, its pattern, or a URL makes."""
    found, how = index.find(text)
    if found:
        # What exists already may be what is deployed here under a name that is not known.
        existing = all(index.resources[target].existing for target in found)
        candidates = tuple(one for one in index.find_candidates(text) if one not in found) if existing else ()
        return Reference(source=source, via=via, value=value, targets=found, candidates=candidates, hops=(how,))
    parts = parse_id(text)
    # A subscription or another scope is no resource of the graph's other types, even where its name is not known.
    anything = isinstance(value, Unknown) and parts is None and scope_level(text) is None
    outside = parts.type if parts is not None else "?"
    candidates = index.find_candidates(text)
    return Reference(source=source, via=via, value=value, candidates=candidates, anything=anything, outside=outside)
