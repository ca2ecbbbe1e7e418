"""Values of attributes: known, a link, unknown, or absent.

Azure's JSON null means "not set", so readers turn it into Absent: no Scalar holds None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import NoReturn, TypeAlias

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, Text, known_or_pattern, pattern_from, text_form
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import is_harmless, is_secret_name, shows_secret

Plain: TypeAlias = str | int | float | bool
Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_STEP = regex(r"([^.\[\]]+)|\[([0-9]+)\]")
# The limit of characters that display returns.
_MAX_LENGTH = 1_000

# The note of a value that may not exist: a field of an object, or an item that represents any number of a list.
MAY_BE_ABSENT = "it may not be there"


class Origin(StrEnum):
    """The origin of a value; its values are the words in reports."""

    WRITTEN = "written"
    KEPT = "kept"  # set on the resource, but not in the code
    DEFAULT = "default"  # of the platform or the provider, by version
    DERIVED = "derived"  # computed by kvlint
    ABSENT = "absent"  # of Evidence only: no value, or no resource


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of every kind of value.

    ``at`` is where the value was written, or the nearest existing place. ``note`` describes the source of a default or
    derived value.
    """

    at: Location
    origin: Origin = Origin.WRITTEN
    note: str = ""
    sensitive: bool = False

    @property
    def text(self) -> str:
        """Return a string: the text form of the pattern if it is not known; empty for other answers."""
        return ""

    @property
    def string(self) -> Text:
        """Return a string as far as it is known: its pattern if it is not; empty for other answers."""
        return ""

    @property
    def as_items(self) -> tuple[Value, ...]:
        """Return the items of a list; any other value is a single item."""
        return (self,)  # type: ignore[return-value]  # subclasses form the union

    def with_string(self, text: Text) -> Value:  # noqa: ARG002  # for strings
        """Return a string or an unknown value with another text, of which as much is known."""
        return self  # type: ignore[return-value]  # the same

    def select(self, path: Path) -> Answer:
        """Return the answer at ``path`` below the value; Unknown and Absent propagate."""
        value: Answer = self  # type: ignore[assignment]  # the same
        for step in path:
            # The hottest loop of a run: it compares types instead of matching.
            if type(value) is MapValue:
                found = value.fields.get(step)  # type: ignore[arg-type]  # no field has a number for its name
                if found is None and type(step) is str:
                    found = value.rest
            elif type(value) is ListValue and type(step) is int:
                found = value.items[step] if -len(value.items) <= step < len(value.items) else None
            elif type(value) is Unknown:
                if value.known.names is not None and type(step) is str and step.lower() not in value.known.names:
                    return Absent(at=value.at, path=path_text(path))
                # What is known of an object does not apply to its fields.
                if value.is_set or value.types or value.one_of or value.known is not NOTHING_KNOWN:
                    return msgspec.structs.replace(
                        value, pattern=None, given=False, known=NOTHING_KNOWN, types=(), one_of=()
                    )
                return value
            elif type(value) is Absent:
                return value
            else:
                found = None
            if found is None:
                return Absent(at=value.at, path=path_text(path))
            value = found
        return value

    def display(self) -> str:
        """Format the value on one line of limited length for users. Sensitive values are never shown."""
        return shortened(_display(self))  # type: ignore[arg-type]  # the same

    def __bool__(self) -> NoReturn:
        """Raise TypeError: comparing a value has three results, so it has no truth value."""
        raise TypeError("a Value is neither true nor false; compare it with an operator")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.display()}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Return the fields that rich prints, in tracebacks too."""
        return [("shown", self.display())]


class Scalar(_Value, frozen=True, kw_only=True, gc=False):
    """A known string, number or boolean."""

    value: Plain

    @property
    def text(self) -> str:
        """Return a string; empty for a number or boolean."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def string(self) -> Text:
        """Return a string; empty for a number or boolean."""
        return self.value if isinstance(self.value, str) else ""

    def with_string(self, text: Text) -> Value:
        """Return the string with another text."""
        return msgspec.structs.replace(self, value=text_form(text))


class ListValue(_Value, frozen=True, kw_only=True, gc=False):
    """A list of known length; its items may be unknown."""

    items: tuple[Value, ...]

    @property
    def as_items(self) -> tuple[Value, ...]:
        """Return the items."""
        return self.items


class MapValue(_Value, frozen=True, kw_only=True, gc=False):
    """An object or block. A missing field is absent, or unknown if ``rest`` is set.

    ``names`` are the names of all these other fields, if only their names are not known.
    """

    fields: Mapping[str, Value]
    rest: Unknown | None = None
    names: tuple[Unknown, ...] = ()


class Link(_Value, frozen=True, kw_only=True, gc=False):
    """A value that certainly refers to the resource ``target`` (an address), though its string is not known yet.

    ``type`` is that resource's Azure type, where known. ``hops`` are the references followed, outermost first.
    """

    target: str
    type: str = ""
    hops: tuple[str, ...] = ()


class Possible(msgspec.Struct, frozen=True, gc=False):
    """The items that an array may have, or that an item stands for that may not be there, as far as they are known."""

    items: tuple[Value, ...]

    def __hash__(self) -> int:
        """Return a hash of their number: an object has none."""
        return len(self.items)


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is certain of a value that is not known.

    ``least`` and ``most`` limit the length of a string, array, map or object, where null has the length 0; of a number
    (``is_number``) they limit the number itself. ``is_text``: it is a string or null. ``starts`` is how a string
    begins, ``differs`` are strings that it is not, nor becomes as a string. ``names``: the only fields, in lower case,
    that the items of an array can have, if these are known. ``possible``: what it may contain.
    """

    least: int = 0
    most: int | None = None
    is_number: bool = False
    is_text: bool = False
    starts: str = ""
    differs: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    possible: Possible | None = None

    @property
    def is_filled(self) -> bool:
        """Return whether a string, array or object is certainly not empty."""
        return (self.least > 0 and not self.is_number) or self.starts != ""


NOTHING_KNOWN = Known()
NOT_EMPTY = Known(least=1)
TEXT = Known(is_text=True)


class Unknown(_Value, frozen=True, kw_only=True, gc=False):
    """A value that is not known before apply, for the reason ``why``.

    For a reference, ``candidates`` are the addresses that it may refer to, and ``closed`` states that it refers to one
    of them; ``types`` are its possible types, if known, "" for any other. ``one_of`` are the possible values, if known.
    ``pattern`` is what is known of a string. Two unknown strings with the same pattern are equal. ``given``: the value
    is certainly not null. ``known`` is what else is certain of it.
    """

    why: str
    pattern: Pattern | None = None
    given: bool = False
    known: Known = NOTHING_KNOWN
    candidates: tuple[str, ...] = ()
    closed: bool = False
    types: tuple[str, ...] = ()
    one_of: tuple[Plain, ...] = ()
    hops: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the text form of the pattern."""
        return "" if self.pattern is None else self.pattern.text

    @property
    def string(self) -> Text:
        """Return what is known of a string: its pattern."""
        return known_or_pattern(self.pattern)

    def with_string(self, text: Text) -> Value:
        """Return the unknown value with another pattern."""
        return msgspec.structs.replace(self, pattern=pattern_from(text))

    @property
    def is_set(self) -> bool:
        """Return whether the value is certainly set: it cannot be null, or it has a part."""
        return self.given or self.is_filled

    @property
    def is_optional(self) -> bool:
        """Return whether the value is that of a field that may not be there."""
        return self.note == MAY_BE_ABSENT

    @property
    def is_filled(self) -> bool:
        """Return whether a string, array or object is certainly not empty."""
        return self.known.is_filled or (self.pattern is not None and self.pattern.has_text)


class Absent(_Value, frozen=True, kw_only=True, gc=False):
    """The answer that there is no value at ``path``. It is not the value of an attribute."""

    path: str = ""

    @property
    def as_items(self) -> tuple[Value, ...]:
        """Return no item."""
        return ()


Value: TypeAlias = Scalar | ListValue | MapValue | Link | Unknown
Answer: TypeAlias = Value | Absent


@lru_cache(1000)
def path_text(path: Path) -> str:
    """Format ``('a', 0, 'b')`` as ``a[0].b``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def path_of(text: str) -> Path:
    """Parse ``a[0].b`` into ``('a', 0, 'b')``."""
    return tuple(int(index) if index else name for name, index in _STEP.findall(text))


SENSITIVE = "(sensitive)"
"""The placeholder for sensitive values."""


def shortened(text: str, most: int = _MAX_LENGTH) -> str:
    """Return a string of limited length for users."""
    return text if len(text) <= most else f"{text[:most]}..."


def _join_limited(parts: Iterable[str]) -> str:
    """Join parts with commas, up to the limit of display."""
    shown: list[str] = []
    length = 0
    for part in parts:
        shown.append(part)
        length += len(part)
        if length > _MAX_LENGTH:
            break
    return ", ".join(shown)


def _is_hidden(value: Answer) -> bool:
    """Return whether nothing in a value may be shown. Then the names in a map may not be shown either."""
    if isinstance(value, MapValue):
        return bool(value.fields) and all(map(_is_hidden, value.fields.values()))
    return value.sensitive


def _is_plain(value: Value) -> bool:
    """Return whether a value cannot be a secret, under any name."""
    if isinstance(value, ListValue):
        return all(map(_is_plain, value.items))
    return not isinstance(value, Scalar | MapValue) or (
        isinstance(value, Scalar) and (isinstance(value.value, bool) or is_harmless(str(value.value)))
    )


def _display(value: Answer) -> str:
    if value.sensitive:
        return SENSITIVE
    if type(value) is Scalar and type(value.value) is str:
        return SENSITIVE if shows_secret(value.value) else value.value  # the most common case
    match value:
        case Scalar(value=bool() as flag):
            return "true" if flag else "false"
        case Scalar(value=plain):
            return str(plain)
        case ListValue(items=items):
            return "[" + _join_limited(_display(item) for item in items) + "]"
        case MapValue() if _is_hidden(value):
            return SENSITIVE
        case MapValue(fields=fields, rest=rest):
            members: Iterable[str] = (
                f"{name}: {_display(field) if _is_plain(field) or not is_secret_name(name) else SENSITIVE}"
                for name, field in fields.items()
            )
            if rest is not None and not rest.sensitive:
                members = chain(members, (_display(rest),))
            return f"({_join_limited(members)})"
        case Link(target=target):
            return target
        case Unknown(one_of=(_, *_) as values):
            return " or ".join(map(str, values))
        case Unknown(why=why):
            return f"unknown: {why}"
        case _:
            return "not set"
