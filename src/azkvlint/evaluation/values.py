"""The values of expressions during evaluation.

A result is a Scalar, Unknown or Absent (null) of the model, or one of the kinds below: unlike the graph's values they
keep null as an item or a field, and stay open for more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, Text, access, escaped, join_texts, known_or_pattern, text_form
from azkvlint.model.value import MAY_BE_ABSENT, NOT_EMPTY, Absent, Known, Scalar, Unknown
from azkvlint.syntax.ast import Expression

# How much of one value a function visits. Values share their parts, so that a few lines can make an endless one.
MAX_PARTS = 100_000
MAX_LEVELS = 500
# How the reason of a value ends that is a key, a connection string or a token of a resource.
RETURNS_SECRET = "returns a secret that is known only in Azure"
_FEW = 20
_LARGE = "the value is too large"


class Items(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An array. ``items`` is not changed once made. ``kind``: Terraform's ``list`` or ``set``; else it is a tuple."""

    at: Location
    items: list[Result]
    kind: str = ""


class Fields(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An object. ``fields`` is not changed once made. Its other fields are those of the object ``rest``, if there is
    one.

    ``kind``: Terraform's ``map``; else it is an object, whose fields may differ in type.
    """

    at: Location
    fields: dict[str, Result]
    rest: Unknown | None = None
    kind: str = ""

    def find(self, name: str) -> Result | None:
        """Return the field ``name``, without regard to case as in Azure Resource Manager; None if there is none."""
        found = self.fields.get(name)
        if found is None:
            lower = name.lower()
            for key, item in self.fields.items():
                if key.lower() == lower:
                    return item
        return found

    def field(self, name: str) -> Result | None:
        """Return the field ``name``, unknown if the object may have it; None if there is none."""
        found = self.find(name)
        return below(self.rest, f".{name}", self.rest.at) if found is None and self.rest is not None else found

    @property
    def missing_reason(self) -> Unknown | None:
        """Return why it is not known which fields the object has; None if it is."""
        return first_present(self.rest, *map(as_optional, self.fields.values()))  # type: ignore[return-value]  # all are Unknown

    @property
    def hides_keys(self) -> bool:
        """Return whether a map is secret as a whole, its keys too: only values are marked, so all of them are."""
        return bool(self.fields) and all(map(is_sensitive, self.fields.values()))


_AnyResult = TypeVar("_AnyResult")


class Fallback(Scalar, frozen=True, kw_only=True, gc=False):
    """The value of a parameter unless the environment has another: it decides as little as a default.

    A value in a parameter file may be one; the parameter itself is a plain ``Scalar``.
    """

    @property
    def plain(self) -> Scalar:
        """Return the value alone."""
        return Scalar(**msgspec.structs.asdict(self))


def as_fallback(result: _AnyResult) -> _AnyResult | Fallback:
    """Return a known value as one that the environment may replace; anything else as it is."""
    return Fallback(**msgspec.structs.asdict(result)) if isinstance(result, Scalar) else result


# What is known of the other fields of an object if a name of one of them is unknown. It may be that of a known field.
HAS_FIELDS = Known(least=1)


class Partly(Unknown, frozen=True, kw_only=True, gc=False):
    """An array that certainly has ``items``, and perhaps others, in an unknown order.

    It has no others if ``known.most`` is their number, and then some of them may be the same.
    """

    items: tuple[Result, ...]


class WithItem(Unknown, frozen=True, kw_only=True, gc=False):
    """An array or map that certainly has an ``item`` of which more is known. That stands for all items in a loop."""

    item: Result

    def named_item(self, name: Pattern | None) -> Result:
        """Return the item, of which what is not known has the pattern of its place in the item ``name``."""
        return self.item if name is None else _with_name(self.item, name)


def with_item(whole: Unknown, item: Result) -> WithItem:
    """Return an unknown collection as one that certainly has an item, which is made of one of another collection."""
    return WithItem(
        at=whole.at, why=whole.why, pattern=whole.pattern, given=True, known=NOT_EMPTY, sensitive=whole.sensitive,
        candidates=whole.candidates, closed=whole.closed, hops=whole.hops, item=item,
    )  # fmt: skip


def _with_name(result: Result, name: Pattern) -> Result:
    """Return a value with patterns for what is not known of it: those of the places below ``name``."""
    match result:
        case Unknown(pattern=None, sensitive=False):
            return msgspec.structs.replace(result, pattern=name)
        case Fields(at=at, fields=fields, rest=rest, kind=kind):
            fields = {key: _with_name(value, access(name, f".{key}")) for key, value in fields.items()}
            others = None if rest is None else _with_name(rest, name)
            return Fields(at=at, fields=fields, rest=others, kind=kind)  # type: ignore[arg-type]  # Unknown as before
        case _:
            return result


class Named(Unknown, frozen=True, kw_only=True, gc=False):
    """The other fields of an object where only their ``names`` are not known."""

    names: tuple[Unknown, ...]


class SecretParts(Protocol):
    """The parts of an object or array that are secret, by its type."""

    @property
    def is_whole(self) -> bool:
        """Return whether all of the value is secret."""

    def below(self, step: str) -> SecretParts | None:
        """Return the secret parts of a member (``.name``) or an item (``[0]``, ``[*]``); None if there are none."""


class PartlySecret(Unknown, frozen=True, kw_only=True, gc=False):
    """An unknown object or array of which only some parts are secret. As a whole it is ``sensitive``.

    ``name`` is the pattern of its parts that are not secret.
    """

    parts: SecretParts
    name: Pattern | None = None

    def below(self, step: str, at: Location) -> Unknown:
        """Return the unknown value at ``step``: a member (``.name``) or an item (``[0]``)."""
        name = access(self.name, step) if self.name is not None and step else None
        return unknown_with_secrets(Unknown(at=at, why=self.why, pattern=name), self.parts.below(step), at)


def unknown_with_secrets(found: Unknown, parts: SecretParts | None, at: Location) -> Unknown:
    """Return an unknown value with the parts of it that are secret by its type, without patterns of secrets."""
    if parts is None:
        return found
    if parts.is_whole:
        return Unknown(at=at, why=found.why, given=found.given, known=found.known, sensitive=True)
    return PartlySecret(
        at=at, why=found.why, given=found.given, known=found.known, sensitive=True, parts=parts, name=found.pattern
    )


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A lambda, with the variables around it."""

    at: Location
    parameters: tuple[str, ...]
    body: Expression
    local: Mapping[str, Any]


class Entity(Protocol):
    """A resource or module that an expression names: its members are evaluated when they are read."""

    @property
    def at(self) -> Location:
        """Return where it is declared."""

    def member(self, name: str, at: Location) -> Result:
        """Return one member, such as ``id`` or ``outputs``; Unknown if it is known only after deployment."""

    def item(self, index: Result, at: Location) -> Result:
        """Return one instance of a loop."""


class ConditionalEntity:
    """An entity that may not exist: the safe access to its members is null where it does not."""

    @abstractmethod
    def exists(self) -> Result | None:
        """Return whether it exists; None if it certainly does."""


Result: TypeAlias = Scalar | Unknown | Absent | Items | Fields | Closure | Entity
# A tuple: a union would be created for each comparison.
_LEAVES = (Scalar, Unknown, Absent)


def below(of: Unknown, step: Text, at: Location) -> Unknown:
    """Return the unknown value at ``step``: a member (``.name``) or an item (``[0]``); empty for an unknown one."""
    if type(of) is PartlySecret:
        return of.below(text_form(step), at)
    pattern = access(of.pattern, step) if of.pattern is not None and step else None
    is_named = of.why == ANY_PROPERTY and isinstance(step, str) and step.startswith(".")
    why = after_deployment(text_form(step)[1:]) if is_named else of.why
    return Unknown(at=at, why=why, pattern=pattern, sensitive=of.sensitive)


def after_deployment(name: str) -> str:
    """Return the reason for the value of a property that Azure sets."""
    return f"`{name}` is known after deployment"


def for_same_reason(doubt: Unknown) -> Unknown:
    """Return a value that is unknown because of another one, but is not the same."""
    return Unknown(at=doubt.at, why=doubt.why, sensitive=doubt.sensitive)


def wrap(plain: Any, at: Location, sensitive: bool = False) -> Result:
    """Return plain JSON data as a result, all of it at one place."""
    if plain is None:
        return Absent(at=at)
    if isinstance(plain, dict):
        return Fields(at=at, fields={str(key): wrap(item, at, sensitive) for key, item in plain.items()})
    if isinstance(plain, list | tuple):
        return Items(at=at, items=[wrap(item, at, sensitive) for item in plain])
    return Scalar(at=at, value=plain, sensitive=sensitive)


def first_present(*results: Result | None) -> Result | None:
    """Return the first result that is not None: results have no truth value, so ``or`` does not work."""
    return next((result for result in results if result is not None), None)


def doubt_in(why: str, at: Location, *results: Result) -> Unknown:
    """Return the first unknown value in ``results``; if there is none, one of its own for the reason ``why``."""
    for result in results:
        found = unknown_in(result)
        if found is not None:
            return found
    return Unknown(at=at, why=why)


def plain_unknown(found: Unknown) -> Unknown:
    """Return an unknown value without what is known of it."""
    if type(found) is Unknown:
        return found
    return Unknown(
        at=found.at, why=found.why, pattern=found.pattern, given=found.given, known=found.known,
        sensitive=found.sensitive,
        candidates=found.candidates, closed=found.closed, hops=found.hops,
    )  # fmt: skip


def partial_list(items: Sequence[Result], doubt: Unknown, at: Location, size: Known) -> Unknown:
    """Return an array of a ``size`` of which only ``items`` are known; for the rest see ``doubt``."""
    if not items:
        return Unknown(at=at, why=doubt.why, pattern=doubt.pattern, given=True, known=size, sensitive=doubt.sensitive)
    sensitive = doubt.sensitive or any(map(is_sensitive, items))
    return Partly(
        at=at, why=doubt.why, pattern=doubt.pattern, given=True, known=size, sensitive=sensitive,
        items=tuple(items),
    )  # fmt: skip


def as_optional(result: Result) -> Unknown | None:
    """Return ``result``, if it is a field that may not be there; of one that is null if it is, why that is unknown."""
    if isinstance(result, Unknown):
        return result if result.is_optional else None
    is_optional = type(result) is Absent and result.note == MAY_BE_ABSENT
    return Unknown(at=result.at, why=MAY_BE_ABSENT) if is_optional else None


def may_be_absent(result: Result) -> Result:
    """Return a field that is unknown or null as one that may not be there. Its pattern does not state whether it is."""
    if isinstance(result, Absent):
        return Absent(at=result.at, note=MAY_BE_ABSENT)
    if isinstance(result, Unknown):
        return Unknown(at=result.at, why=result.why, sensitive=result.sensitive, note=MAY_BE_ABSENT)
    return result


def unknown_in(result: Result) -> Unknown | None:
    """Return the first unknown value in ``result``, at any depth; a resource or a lambda counts as unknown.

    So does a value that is_large, because a caller may walk through a known one.
    """
    if isinstance(result, (Scalar, Absent)):
        return None
    for part in _parts(result):
        if isinstance(part, Unknown):
            return plain_unknown(part)
        if not isinstance(part, (Scalar, Absent)):
            return Unknown(at=part.at, why="the value is a resource or a lambda")
    return None


def _is_leaf(result: Result) -> bool:
    return isinstance(result, _LEAVES) and type(result) is not Partly


def is_large(result: Result) -> bool:
    """Return whether a value has more than MAX_PARTS parts or MAX_LEVELS levels, too many to be visited."""
    return not _is_leaf(result) and _measured(result) is None


def size(result: Result) -> int:
    """Return how many parts a value has; the maximum for one that is_large."""
    if _is_leaf(result):
        return 1
    found = _measured(result)
    return MAX_PARTS if found is None else found


def _measured(result: Result) -> int | None:
    """Return how many parts a value has, level by level; None for one that is_large."""
    level: list[Result] = [result]
    seen = 0
    for _ in range(MAX_LEVELS + 1):
        inner: list[Result] = []
        for item in level:
            if type(item) is Fields:
                inner.extend(item.fields.values())
                if item.rest is not None:
                    inner.append(item.rest)
            elif type(item) is Items or type(item) is Partly:
                inner.extend(item.items)
        seen += len(level)
        if not inner:
            return seen
        if seen + len(inner) > MAX_PARTS:
            return None
        level = inner
    return None


def _parts(result: Result) -> Iterator[Result]:
    """Yield all that is in a value but Items and Fields. Of one that is_large an Unknown is the last part."""
    left: list[tuple[Result, int]] = [(result, 0)]
    seen = 0
    while left:
        item, level = left.pop()
        seen += 1
        if isinstance(item, Items):
            left.extend([(each, level + 1) for each in reversed(item.items)])
        elif isinstance(item, Fields):
            left.extend([(each, level + 1) for each in reversed(item.fields.values())])
            if item.rest is not None:
                left.append((item.rest, level + 1))
        else:
            yield item
        if level > MAX_LEVELS or seen + len(left) > MAX_PARTS:
            yield Unknown(at=result.at, why=_LARGE, sensitive=True)
            return


_WITHOUT_PARTS = frozenset({Scalar, Unknown, Absent})


def is_data(result: Result) -> bool:
    """Return whether no part of a value is a declaration, whose attributes are evaluated in one world."""
    waiting = [result]
    while waiting:
        found = waiting.pop()
        # Most parts have one of these types, and a set is faster than `isinstance`.
        if type(found) in _WITHOUT_PARTS:
            continue
        if isinstance(found, Fields):
            waiting += found.fields.values()
        elif isinstance(found, (Items, Partly)):
            waiting += found.items
        elif not isinstance(found, (Scalar, Unknown, Absent)):
            return False
    return True


def plain_of(result: Result) -> Any:
    """Return plain JSON data. Only for results without an unknown value."""
    match result:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [plain_of(item) for item in items]
        case Fields(fields=fields):
            return {key: plain_of(item) for key, item in fields.items()}
        case _:
            return None


def is_sensitive(result: Result) -> bool:
    """Return whether any part of it is secret; true of a value that is_large."""
    if isinstance(result, _LEAVES):
        return result.sensitive
    return any(isinstance(part, _LEAVES) and part.sensitive for part in _parts(result))


def name_of(result: Result, at: Location) -> str | Unknown:
    """Return the name of a property that is worked out; Unknown also if it is a secret, for names are shown."""
    if not isinstance(result, Scalar):
        return doubt_in("a property name is unknown", at, result)
    if result.sensitive:
        return Unknown(at=at, why="a property name is secret", sensitive=True)
    return text_of(result.value)


def named_by(name: Unknown, rest: Unknown | None) -> Unknown:
    """Return the other fields of an object with one more, of which only the name is unknown."""
    if rest is None:
        return Named(at=name.at, why=name.why, sensitive=name.sensitive, known=HAS_FIELDS, names=(name,))
    sensitive = rest.sensitive or name.sensitive
    if isinstance(rest, Named):
        return Named(at=rest.at, why=rest.why, sensitive=sensitive, known=HAS_FIELDS, names=(*rest.names, name))
    return Unknown(at=rest.at, why=rest.why, sensitive=sensitive, known=HAS_FIELDS)


def mark_sensitive(result: Result) -> Result:
    """Return ``result`` with every part of it secret."""
    return Unknown(at=result.at, why=_LARGE, sensitive=True) if is_large(result) else _marked(result, sensitive=True)


def mark_map_sensitive(result: Fields) -> Result:
    """Return a map with a key that is secret: all of it is, as in Terraform."""
    found = mark_sensitive(result)
    if isinstance(found, Fields) and found.fields and not found.hides_keys:
        return Unknown(at=result.at, why="a key of the map is secret", sensitive=True)
    return found


def mark_nonsensitive(result: Result) -> Result:
    """Return ``result`` with no part of it secret, as its author declares."""
    return result if is_large(result) else _marked(result, sensitive=False)


def _marked(result: Result, sensitive: bool) -> Result:
    match result:
        case Items(at=at, items=items, kind=kind):
            return Items(at=at, items=[_marked(item, sensitive) for item in items], kind=kind)
        case Fields(at=at, fields=fields, rest=rest, kind=kind):
            rest = None if rest is None else msgspec.structs.replace(rest, sensitive=sensitive)
            marked = {key: _marked(item, sensitive) for key, item in fields.items()}
            return Fields(at=at, fields=marked, rest=rest, kind=kind)
        case Partly(items=known):
            parts = tuple(_marked(item, sensitive) for item in known)
            return msgspec.structs.replace(result, items=parts, sensitive=sensitive)
        case WithItem(item=item):
            return msgspec.structs.replace(result, item=_marked(item, sensitive), sensitive=sensitive)
        case Scalar() | Unknown() | Absent():
            return msgspec.structs.replace(result, sensitive=sensitive)
        case _:
            return result


def text_of(plain: object) -> str:
    """Return how Azure Resource Manager prints a value into a text."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool):
        return "True" if plain else "False"
    if plain is None:
        return ""
    if isinstance(plain, float) and plain.is_integer():
        return str(int(plain))
    if isinstance(plain, (dict, list)):
        return msgspec.json.encode(plain).decode()
    return str(plain)


def pattern_of(result: Result) -> Text:
    """Return what is known of a text; empty if that would not distinguish it from others.

    A secret has no pattern, so that it can be in none.
    """
    match result:
        case Scalar(value=value, sensitive=False):
            return escaped(text_of(value))
        case Unknown(pattern=pattern):
            return known_or_pattern(pattern)
        case Items(items=items) if len(items) <= _FEW and not any(isinstance(item, Items) for item in items):
            parts = [pattern_of(item) for item in items]
            return join_texts(["[", join_texts(parts, ","), "]"]) if all(parts) else ""
        case _:
            return ""


ANY_ATTRIBUTE = "an attribute of "
"""What begins the reason for the attributes of a block that are not set in it. The reason of one of them names it."""
ANY_PROPERTY = "a property that is not set in the template is known after deployment"
"""The reason for the properties of an object that are not written. The reason of one of them names it."""
BY_RUN = "the time at which Terraform runs is unknown"
BY_DEPLOYMENT = "`utcNow()` returns a new value for each deployment"
