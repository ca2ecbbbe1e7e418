"""Names and sizes of vault objects: duplicate names in one vault, and values that are too long.

A certificate also creates a key and a secret of its name. A key and a secret may share a name. Names must differ in
more than case. Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates and
learn.microsoft.com/azure/key-vault/certificates/about-certificates.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, islice

import msgspec

from azkvlint.derived.answers import absent, at_attribute, known, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index, may_equal_segment, parse_id, reference_of
from azkvlint.model.pattern import Pattern, Text, has_holes, parts_of, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Link, Path, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

_CERTIFICATES = "microsoft.keyvault/vaults/certificates"
_SECRETS = "microsoft.keyvault/vaults/secrets"
_HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
_TYPES = (_SECRETS, "microsoft.keyvault/vaults/keys", _CERTIFICATES, _HSM_KEYS)
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_KEPT = "objects by name"
_VALUE = ("properties", "value")
# In the address of what stands for all instances of a declaration.
_ALL_INSTANCES = "[*]"
# Where objects are: in any vault, or in one that is not known.
_ALL, _LOOSE = "all", "loose"
_MAX_NAMED = 20
# As in #{name}#, $(name), <name>, [name] and __name__.
_TOKEN = regex(r"[#{}\[\]<>$%]|__.+__")


class _VaultKey(msgspec.Struct, frozen=True):
    """The vault of an object: its name, which is unique in Azure, else its address or id in the input."""

    vault: str
    is_name: bool


class _ObjectIndex:
    """The objects of a graph by vault, name and type. Each is under its name, empty if unknown, and under None."""

    def __init__(self, index: Index) -> None:
        self.places: dict[str, _VaultKey] = {}
        self._pairs = index.pairs
        self._numbers: dict[str, int] = {}
        self._known: dict[tuple[type, str], _VaultKey] = {}
        self._objects: list[tuple[Resource, str, _VaultKey]] = []
        self._alike: Counter[tuple[str, str]] = Counter()
        self._is_any_open = False
        for type_ in _TYPES:
            for resource in index.of_type(type_):
                if resource.stays and not resource.existing:
                    self._add(resource, _name(resource), self._place(resource, index))

    def _add(self, resource: Resource, name: str, place: _VaultKey) -> None:
        self._numbers[resource.address] = len(self.places)
        self.places[resource.address] = place
        self._objects.append((resource, name, place))
        self._alike[place.vault, name] += 1
        self._is_any_open = self._is_any_open or not name or not place.is_name

    def is_alone(self, resource: Resource) -> bool:
        """Return whether no other object can have the same name, because all names and vaults are known."""
        return not self._is_any_open and self._alike[self.places[resource.address].vault, _name(resource)] == 1

    @cached_property
    def _by_place(self) -> dict[tuple[_VaultKey | str, str | None, str], list[Resource]]:
        found: defaultdict[tuple[_VaultKey | str, str | None, str], list[Resource]] = defaultdict(list)
        for resource, name, place in self._objects:
            kind = resource.type.lower()
            for each in (name, None):
                found[_ALL, each, kind].append(resource)
                if not place.is_name:
                    found[_LOOSE, each, kind].append(resource)
                if place.vault:
                    found[place, each, kind].append(resource)
        return found

    def _place(self, resource: Resource, index: Index) -> _VaultKey:
        """Return the vault of an object; most objects refer to it in the same few ways."""
        parent = resource.attributes.fields.get("parent")
        text = parent.target if isinstance(parent, Link) else "" if parent is None else parent.text
        if not text:
            return _place(resource, index)
        key = (type(parent), text)
        if key not in self._known:
            self._known[key] = _place(resource, index)
        return self._known[key]

    def beside(self, resource: Resource) -> Iterator[Resource]:
        """Yield the objects in the same vault whose names conflict with this object's name."""
        name = _name(resource)
        if name:
            yield from self._conflicting(resource, self.places[resource.address], name)

    def perhaps(self, resource: Resource) -> Iterator[Resource]:
        """Yield the objects that may have the same name, and may be in the same vault."""
        place, name = self.places[resource.address], _name(resource)
        kind = resource.type.lower()
        for each in (name, "") if name else (None,):
            for where in (_LOOSE if place.is_name else _ALL, place):
                # Most objects have a name of their own.
                if (where, each, kind) in self._by_place or (where, each, _CERTIFICATES) in self._by_place:
                    for one in self._conflicting(resource, where, each):
                        if _may_share(resource, one):
                            yield one

    def _conflicting(self, resource: Resource, where: _VaultKey | str, name: str | None) -> Iterator[Resource]:
        """Yield the objects of a name that conflict with this one.

        Each pair is reported at the key or secret of a certificate, else at the later one.
        """
        kind = resource.type.lower()
        number = self._numbers[resource.address]
        # A template may deploy the same object twice, in two nested deployments. Terraform rejects a duplicate.
        for one in self._by_place.get((where, name, kind), ()) if "/" not in resource.declared_as else ():
            if self._numbers[one.address] >= number:
                break
            self._pairs.add(1)
            yield one
        if kind not in (_CERTIFICATES, _HSM_KEYS):
            for one in self._by_place.get((where, name, _CERTIFICATES), ()):
                self._pairs.add(1)
                yield one


def _name(resource: Resource) -> str:
    name = resource.attributes.fields.get("name")
    return str(name.value).lower() if type(name) is Scalar and not name.sensitive else ""


def _may_share(one: Resource, other: Resource) -> bool:
    """Return whether two objects can have the same name, as far as their names are known."""
    names = [each.select(("name",)).string for each in (one, other)]
    patterns = [text_form(name).lower() for name in names]
    # The key of one of all instances of a loop may be another one in the same loop elsewhere.
    is_exact = _ALL_INSTANCES not in one.address and _ALL_INSTANCES not in other.address
    return not all(patterns) or (may_equal_segment(*patterns) and not (is_exact and _differ_in_length(*names)))


def _differ_in_length(one: Text, other: Text) -> bool:
    """Return whether two names have the same unknown parts, and so different lengths by their known parts."""
    if not isinstance(one, Pattern) or not isinstance(other, Pattern):
        return False
    (holes, length), (other_holes, other_length) = map(_unknown_and_known_length, (one, other))
    return holes == other_holes and length != other_length


def _unknown_and_known_length(name: Pattern) -> tuple[list[str], int]:
    holes = sorted(part.text for part in name.parts if not isinstance(part, str))
    return holes, sum(len(part) for part in name.parts if isinstance(part, str))


def _place(resource: Resource, index: Index) -> _VaultKey:
    parent = resource.attributes.fields.get("parent")
    reference = None if parent is None else reference_of(resource.address, "parent", parent, index)
    if parent is None or reference is None:
        return _VaultKey("", False)
    if len(reference.targets) == 1:
        vault = index.resources[reference.targets[0]]
        return _VaultKey(_name(vault), True) if _name(vault) else _VaultKey(vault.address, False)
    text = parent.target if isinstance(parent, Link) else parent.text.lower().rstrip("/")
    parts = parse_id(text)
    # The same expression refers to the same vault, even if its value is unknown.
    return (
        _VaultKey(parts.names[0], True)
        if parts is not None and not has_holes(parts.names[0])
        else _VaultKey(text, False)
    )


_PLACES: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys(_TYPES, (("name",), ("parent",))),
    **dict.fromkeys(_VAULTS, (("id",), ("name",))),
}


@derived("sameName", of=_TYPES, label="object with the same name", reads=_PLACES)
def _same_name(resource: Resource, context: Context) -> Answer:
    """Return the objects in the same vault that already have the name."""
    objects: _ObjectIndex | None = context.cache.get(_KEPT)
    if objects is None:
        objects = context.cache[_KEPT] = _ObjectIndex(context.index)
    if resource.address not in objects.places or objects.is_alone(resource):
        return absent(resource)
    # A resource with a separate condition may not exist.
    certain = (other.address for other in objects.beside(resource) if other.exists_with(resource))
    named = list(islice(certain, _MAX_NAMED + 1))
    if named:
        more = " and others" if len(named) > _MAX_NAMED else ""
        return known(resource, ", ".join(named[:_MAX_NAMED]) + more)
    # For a resource that may not exist itself, a possible duplicate is not worth reporting.
    doubts = chain(objects.beside(resource), objects.perhaps(resource)) if resource.assumption is None else ()
    doubtful = next((other for other in doubts if other.assumption is None), None)
    if doubtful is None:
        return absent(resource)
    values = (one.select(path) for path in (("name",), ("parent",)) for one in (resource, doubtful))
    unknown_values = sorted((one for one in values if isinstance(one, Unknown)), key=lambda one: one.sensitive)
    doubt = next((": a name is sensitive" if one.sensitive else f": {one.why}" for one in unknown_values), "")
    return unknown(resource, f"`{doubtful.address}` may have the same name in the same vault{doubt}")


@derived("vaultName", of=_TYPES, label="vault name", reads=_PLACES)
def _vault_name(resource: Resource, context: Context) -> Answer:
    """Return the name of the vault that an object is in, even if the vault is not part of the input."""
    place = _place(resource, context.index)
    if place.is_name:
        return known(resource, place.vault)
    return unknown(resource, "the name of the vault is not known")


@derived("nameToken", of=(*_TYPES, _VAULTS[0]), label="token in the name", reads=_PLACES, local_only=True)
def _name_token(resource: Resource, _: Context) -> Answer:
    """Return true if a pipeline replaces a part of the written name; an unknown part of a name has no token."""
    name = resource.select(("name",))
    if isinstance(name, Unknown):
        has_token = [_has_token(str(one)) for one in name.one_of]
        if any(has_token) and not all(has_token):
            return unknown(name, name.why, sensitive=name.sensitive)
        written = [part for part in parts_of(name.pattern) if isinstance(part, str)]
        return known(resource, True) if any(has_token) or any(map(_has_token, written)) else absent(resource)
    return known(resource, True) if _has_token(name.text) else absent(resource)


def _has_token(text: str) -> bool:
    return _TOKEN.search(text) is not None


@derived("literalLength", of=_SECRETS, label="length of the literal value", reads=(_VALUE,))
def _literal_length(resource: Resource, _: Context) -> Answer:
    """Return the length of a literal secret value in bytes; the length of other values depends on the caller."""
    value = resource.select(_VALUE)
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        return absent(resource)
    at = at_attribute(value, _VALUE)
    return known(at, len(value.value.encode("utf-8", "surrogatepass")))
