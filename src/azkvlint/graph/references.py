"""Parse resource IDs, and resolve attributes that refer to others: by link, ID, name, or data-plane URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, islice

import msgspec

from azkvlint.evaluation.budget import Pairs, UnitWork, check_characters
from azkvlint.model.pattern import has_holes, known_ends
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Answer, Link, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

# https://NAME.vault.azure.net/keys/KEY[/VERSION] and its sovereign and managed HSM forms. Source:
# learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
_OBJECT = regex(
    r"^https://(?P<vault>[a-z0-9-]+)\.(?P<service>vault|managedhsm)\.[a-z.]+(?::443)?/(?P<kind>keys|secrets|certificates)/"
    r"(?P<name>[^/]+)",
    re.IGNORECASE,
)
# The URL of a vault, or its host alone, which azapi uses as the parent of data-plane objects.
_ADDRESS = regex(r"^(?:https://)?(?P<vault>[a-z0-9-]+)\.(?:vault|managedhsm)\.[a-z.]+(?::443)?/?$", re.IGNORECASE)
LEVELS = ("tenant", "management group", "subscription", "resource group", "resource")


class ResourceId(msgspec.Struct, frozen=True):
    """A resource id: scope, type with all its segments, and the names, outermost first. All in lower case."""

    subscription: str
    resource_group: str
    type: str
    names: tuple[str, ...]


def parse_id(text: str) -> ResourceId | None:
    """Parse ``/subscriptions/S/resourceGroups/R/providers/NAMESPACE/TYPE/NAME/...``; None for other strings."""
    parts = text.strip("/").lower().split("/")
    if len(parts) < 4 or parts[0] != "subscriptions" or "providers" not in parts:
        return None
    group = parts[3] if parts[2] == "resourcegroups" else ""
    at = parts.index("providers")
    rest = parts[at + 1 :]
    if len(rest) < 3 or len(rest) % 2 == 0:
        return None
    return ResourceId(parts[1], group, "/".join([rest[0], *rest[1::2]]), tuple(rest[2::2]))


def type_below(start: str, text: str) -> str:
    """Return the type in the ID ``text`` below a resource of the type ``start``, in lower case; empty if not known."""
    _, between, extension = text.lower().rpartition("/providers/")
    segments = (extension if between else text.lower()).strip("/").split("/")
    if not text.startswith("/") or len(segments) % 2 == bool(not between):
        return ""
    types = [segments[0], *segments[1::2]] if between else [start.lower(), *segments[::2]]
    return "" if "" in types or any(map(has_holes, types)) else "/".join(types)


class ObjectUrl(msgspec.Struct, frozen=True):
    """A key, secret or certificate by its data-plane URL. All in lower case."""

    vault: str
    kind: str
    name: str


def parse_object_url(text: str) -> ObjectUrl | None:
    """Parse a data-plane URL into vault (or managed HSM) and object; None for other strings."""
    match = _OBJECT.match(text) if text[:8].lower() == "https://" else None
    return ObjectUrl(match["vault"].lower(), match["kind"].lower(), match["name"].lower()) if match else None


def parse_vault_address(text: str) -> str | None:
    """Return the vault or managed HSM name in its URL, in lower case; None for other strings."""
    match = None if text.startswith("/") else _ADDRESS.match(text)  # most texts are IDs
    return match["vault"].lower() if match else None


def scope_level(text: str) -> str | None:
    """Return the level of a scope: one of LEVELS; None if the string is not a scope."""
    parts = text.strip("/").lower().split("/")
    if parts == [""] and text:
        return "tenant"
    if parts[:3] == ["providers", "microsoft.management", "managementgroups"] and len(parts) == 4:
        return "management group"
    if parts[0] != "subscriptions":
        return None
    match len(parts):
        case 2:
            return "subscription"
        case 4 if parts[2] == "resourcegroups":
            return "resource group"
        case _ if "providers" in parts:
            return "resource"
    return None


def may_equal(one: str, other: str) -> bool:
    """Return whether two ids or patterns (lower case) may be equal: no segment known in both differs."""
    left, right = one.split("/"), other.split("/")
    return len(left) == len(right) and all(map(may_equal_segment, left, right))


def may_equal_segment(one: str, other: str) -> bool:
    """Return whether two names or patterns (lower case) may be equal: no part known in both differs."""
    if one == other:
        return True
    if not has_holes(one):
        one, other = other, one
    ends = known_ends(one)
    if ends is None:
        return False
    others = known_ends(other)
    start, end = others if others is not None else (other, other)
    return _may_begin_with_both(ends[0], start, others is not None) and _may_begin_with_both(
        ends[1][::-1], end[::-1], others is not None
    )


def _may_begin_with_both(one: str, other: str, open_: bool) -> bool:
    """Return whether a string can begin with both; only an ``open_`` one may be a prefix of the other."""
    return other.startswith(one) or (open_ and one.startswith(other))


_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


class Index:
    """The resources of one root, indexed by the identifiers that other resources use for them."""

    def __init__(self, resources: dict[str, Resource], unit: UnitWork | None = None) -> None:
        self.resources = resources
        check_characters(sum(len(one.address) + len(one.name) for one in resources.values()), len(resources))
        self._by_id: dict[str, list[str]] = {}
        self._by_type: dict[str, list[str]] = {}
        for resource in resources.values():
            text = _text(resource, "id").lower().rstrip("/")
            if text:
                self._by_id.setdefault(text, []).append(resource.address)
            self._by_type.setdefault(resource.type, []).append(resource.address)
        # The lists of ``of_type`` since the last replacement.
        self._resources: dict[str, list[Resource]] = {}
        self._lower = {type_.lower(): addresses for type_, addresses in self._by_type.items()}
        self._names: dict[str, dict[str, list[str]]] = {}
        self._objects: dict[str, dict[tuple[str, str], list[str]]] = {}
        self._ids: dict[str, _Ids] = {}
        self._candidates: dict[str, tuple[str, ...]] = {}
        self.pairs = Pairs(len(resources), unit)

    def of_type(self, type_: str) -> list[Resource]:
        """Return the resources of a type (lower case), in input order."""
        found = self._resources.get(type_)
        if found is None:
            found = self._resources[type_] = [self.resources[address] for address in self._lower.get(type_, ())]
        return found

    def of_types(self, types: frozenset[str]) -> Iterator[Resource]:
        """Yield the resources of some types (lower case), by type in alphabetical order."""
        for type_ in sorted(types & self._lower.keys()):
            yield from self.of_type(type_)

    def types(self) -> list[str]:
        """Return the types in the graph, in their original spelling."""
        return list(self._by_type)

    def replace(self, resource: Resource) -> None:
        """Replace the resource with the same address, type, name and id."""
        self.resources[resource.address] = resource
        if self._resources:
            self._resources = {}

    def named(self, type_: str, name: str) -> list[Resource]:
        """Return the resources of a type by their name, both in lower case."""
        names = self._names.get(type_)
        if names is None:
            names = self._names[type_] = {}
            for resource in self.of_type(type_):
                names.setdefault(resource.name.lower(), []).append(resource.address)
        addresses = names.get(name, ())
        self.pairs.add(len(addresses))
        return [self.resources[address] for address in addresses]

    def find(self, text: str) -> tuple[tuple[str, ...], str]:
        """Return the addresses that an id (or its pattern) or URL refers to, and how they were found.

        Of a resource that is declared twice, once as existing, only the deployed one is returned.
        """
        addresses = self._by_id.get(text.lower().rstrip("/"), ())
        if addresses:
            self.pairs.connect(len(addresses))
            deployed = tuple(address for address in addresses if not self.resources[address].existing)
            return deployed or tuple(addresses[:1]), "by id"
        one = self._by_parts(text)
        return (() if one is None else (one,)), "by name"

    def is_looked_up_twice(self, text: str) -> bool:
        """Return whether several existing resources have an ID, of which ``find`` returns the first."""
        return len(self._by_id.get(text.lower().rstrip("/"), ())) > 1

    def _by_parts(self, text: str) -> str | None:
        """Return a resource whose own id is not known yet, by the type and name in an id, or by a data-plane URL."""
        url = parse_object_url(text)
        if url is not None:
            kind, name, vault = url.kind, url.name, url.vault
            addresses = [address for above in _VAULTS for address in self._in_vault(f"{above}/{kind}", name, vault)]
            return addresses[0] if len(addresses) == 1 else None
        address = parse_vault_address(text)
        if address is not None:
            vaults_named = [vault for type_ in _VAULTS for vault in self.named(type_, address)]
            vaults = [vault for vault in vaults_named if _text(vault, "name").lower() == address]
            deployed = [vault for vault in vaults if not vault.existing] or vaults
            return deployed[0].address if len(deployed) == 1 else None
        parts = parse_id(text)
        if parts is None or len(parts.names) != 1:
            return None
        found = (
            resource
            for resource in self.named(parts.type, parts.names[0])
            if _text(resource, "resourceGroupName").lower() in ("", parts.resource_group)
            and (not _text(resource, "id") or (parts.type in _VAULTS and self._is_alike(resource, text)))
        )
        candidates = [*islice(found, 2)]
        return candidates[0].address if len(candidates) == 1 else None

    def find_candidates(self, text: str) -> tuple[str, ...]:
        """Return the addresses that an id or URL may refer to and that ``find`` did not return.

        For a data-plane URL these are the objects of that name in an unknown vault; for an id, the resources whose own
        id is equal in all known parts.
        """
        url = parse_object_url(text)
        if url is not None:
            return tuple(
                address for above in _VAULTS for address in self._in_vault(f"{above}/{url.kind}", url.name, "")
            )
        id_ = text.lower().rstrip("/")
        found = self._candidates.get(id_)
        if found is None:
            found = self._candidates[id_] = self._resources_like(id_)
        self.pairs.connect(len(found))
        return found

    def _is_alike(self, resource: Resource, text: str) -> bool:
        """Return whether an id may be a resource's own. A vault name is globally unique."""
        return may_equal(_text(resource, "id").lower().rstrip("/"), text.lower().rstrip("/"))

    def _resources_like(self, text: str) -> tuple[str, ...]:
        """Return the resources whose own id is equal to an id or pattern (lower case) in all known parts."""
        parts = parse_id(text)
        if parts is None:
            return ()
        ids = self._ids.get(parts.type)
        if ids is None:
            ids = self._ids[parts.type] = _Ids(self.of_type(parts.type))
        similar = ids.similar(text)
        self.pairs.add(len(similar))
        return tuple(one.address for one in similar if may_equal(one.text, text))

    def _in_vault(self, type_: str, name: str, vault: str) -> list[str]:
        """Return the objects of a type by name and vault name, all in lower case; an unknown vault name is empty."""
        objects = self._objects.get(type_)
        if objects is None:
            objects = self._objects[type_] = {}
            for child in self.of_type(type_):
                objects.setdefault((child.name.lower(), self._vault_name(child)), []).append(child.address)
        found = objects.get((name, vault), [])
        self.pairs.connect(len(found))
        return found

    def _vault_name(self, child: Resource) -> str:
        parent = child.attributes.fields.get("parent")
        if isinstance(parent, Link) and parent.target in self.resources:
            return self.resources[parent.target].name.lower()
        parts = parse_id(parent.text) if parent is not None else None
        return parts.names[0] if parts is not None and not has_holes(parts.names[0]) else ""


class _Id(msgspec.Struct, frozen=True, order=True, gc=False):
    """The id of a resource, or its pattern, in lower case. ``number`` is its place in the input."""

    number: int
    text: str
    address: str


class _Ids:
    """The ids of the resources of one type, by their number of segments and their last segment, "" if not known."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._by_end: dict[tuple[int, str], list[_Id]] = {}
        self._patterns_by_end: dict[tuple[int, str], list[_Id]] = {}
        self._by_length: dict[int, list[_Id]] = {}
        for number, resource in enumerate(resources):
            text = _text(resource, "id").lower().rstrip("/")
            if not text:
                continue
            one, length, end = _Id(number, text, resource.address), *_length_and_end(text)
            self._by_length.setdefault(length, []).append(one)
            self._by_end.setdefault((length, end), []).append(one)
            if has_holes(text):
                self._patterns_by_end.setdefault((length, end), []).append(one)

    def similar(self, text: str) -> Sequence[_Id]:
        """Return the ids that may equal an id or pattern as far as their last segments show, in input order.

        A known id may only equal patterns: one that is the same is found before.
        """
        length, end = _length_and_end(text)
        if not end:
            return self._by_length.get(length, ())
        ids = self._by_end if has_holes(text) else self._patterns_by_end
        return sorted((*ids.get((length, end), ()), *ids.get((length, ""), ())))


def _length_and_end(text: str) -> tuple[int, str]:
    """Return the number of segments of an id or pattern, and the last one, "" if it is not known."""
    end = text.rpartition("/")[2]
    return text.count("/"), "" if has_holes(end) else end


def _text(resource: Resource, name: str) -> str:
    value = resource.attributes.fields.get(name)
    return "" if value is None else value.text


def references_by(via: str, types: frozenset[str], index: Index) -> Iterator[Reference]:
    """Yield the references through attribute ``via`` of these types (lower case), one for each item of a list."""
    path = tuple(via.split("."))
    for resource in index.of_types(types):
        if resource.stays:
            yield from _references_at(path, via, resource, index)


def references_by_attribute(types: Mapping[str, frozenset[str]], index: Index) -> dict[str, list[Reference]]:
    """Return the references through several attributes, of the types (lower case) that each maps to.

    Each resource is visited once: a large input has far more of them than a processor's cache holds.
    """
    found: dict[str, list[Reference]] = {via: [] for via in types}
    paths = [(via, tuple(via.split(".")), of_types) for via, of_types in types.items()]
    for type_ in sorted({type_.lower() for type_ in index.types()}):
        requested = [(via, path, found[via]) for via, path, of_types in paths if type_ in of_types]
        for resource in index.of_type(type_) if requested else ():
            if resource.stays:
                attributes = resource.attributes
                for via, path, references in requested:
                    if path[0] in attributes.fields or attributes.rest is not None:
                        references.extend(_references_at(path, via, resource, index))
    return found


def _references_at(path: Path, via: str, resource: Resource, index: Index) -> Iterator[Reference]:
    attributes = resource.attributes
    answer: Answer | None = attributes.fields.get(str(path[0]), attributes.rest)
    if answer is not None and len(path) > 1:
        answer = answer.select(path[1:])
    for value in () if answer is None else answer.as_items:
        reference = reference_of(resource.address, via, value, index)
        if reference is not None:
            yield without_conditional_targets(reference, resource, index)


def without_conditional_targets(reference: Reference, source: Resource, index: Index) -> Reference:
    """Return ``reference`` without targets that may exist without ``source``, whose existence is unknown."""
    if not source.conditions or not reference.targets:
        return reference
    is_certain = [source.conditions <= index.resources[target].conditions for target in reference.targets]
    if all(is_certain):
        return reference
    certain = tuple(compress(reference.targets, is_certain))
    conditional = tuple(target for target, sure in zip(reference.targets, is_certain, strict=True) if not sure)
    candidates = reference.candidates + conditional
    return msgspec.structs.replace(reference, targets=certain, candidates=candidates, conditional=conditional)


def parent_of(resource: Resource, index: Index) -> Reference | None:
    """Return the reference of a resource to its parent; None for a resource without one."""
    return reference_of(resource.address, "parent", resource.select(("parent",)), index)


def reference_of(source: str, via: str, value: Answer, index: Index) -> Reference | None:
    """Return the reference of one value; None for a value that cannot refer to a resource."""
    if type(value) is Link:  # the most common case
        targets = (value.target,) if value.target in index.resources else ()
        outside_type = "" if targets else value.type.lower() or "?"
        return Reference(source=source, via=via, value=value, targets=targets, outside=outside_type, hops=value.hops)
    match value:
        case Unknown(pattern=pattern) if pattern is not None:
            return _by_text(source, via, value, pattern.text, index)
        case Unknown(candidates=candidates, closed=closed, types=types, hops=hops):
            index.pairs.connect(len(candidates))
            addresses = tuple(address for address in candidates if address in index.resources)
            outside_type = "" if len(addresses) == len(candidates) else type_of_any(types)
            return Reference(
                source=source,
                via=via,
                value=value,
                candidates=addresses,
                anything=not closed,
                outside=outside_type,
                hops=hops,
            )
        case Scalar(value=str() as text):
            return _by_text(source, via, value, text, index)
        case _:
            return None


def type_of_any(types: tuple[str, ...]) -> str:
    """Return the type of a resource outside the graph that is of one of these types; "?" if it may be any.

    A type without an Azure name is in no rule, so any one of them represents all.
    """
    azure = [type_.lower() for type_ in types if "/" in type_]
    return "?" if "" in types or not types or len(azure) > 1 else (*azure, *types)[0]


def _by_text(source: str, via: str, value: Value, text: str, index: Index) -> Reference:
    """Return the reference of an id, its pattern, or a URL."""
    addresses, hop = index.find(text)
    if addresses:
        # An existing resource may be one that is deployed here under an unknown name.
        existing = all(index.resources[target].existing for target in addresses)
        found = frozenset(addresses)
        candidates = tuple(one for one in index.find_candidates(text) if one not in found) if existing else ()
        return Reference(source=source, via=via, value=value, targets=addresses, candidates=candidates, hops=(hop,))
    parts = parse_id(text)
    # A subscription or another scope is not a resource of the graph's other types, even if its name is unknown.
    anything = isinstance(value, Unknown) and parts is None and scope_level(text) is None
    outside_type = parts.type if parts is not None else "?"
    candidates = index.find_candidates(text)
    if anything and isinstance(value, Unknown) and value.types:
        anything, outside_type = False, type_of_any(value.types)
        candidates = tuple(one.address for one in index.of_type(outside_type))
        index.pairs.connect(len(candidates))
    return Reference(
        source=source, via=via, value=value, candidates=candidates, anything=anything, outside=outside_type
    )
