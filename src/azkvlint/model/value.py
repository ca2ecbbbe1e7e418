"""What an attribute can be: known, a link, unknown, or absent.

Azure's JSON null means "not set", so readers turn it into Absent: no Scalar holds None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NoReturn, TypeAlias

import msgspec

from azkvlint.model.location import Location
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import contains_secret, is_harmless, is_secret_name

Plain: TypeAlias = str | int | float | bool
Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_STEP = regex(r"([^.\[\]]+)|\[([0-9]+)\]")
# What is shown to people has at most this many characters.
_MAX_LENGTH = 1_000

# The note of what may not be there at all: one field of an object, or an item that stands for any number of a list.
MAY_BE_ABSENT = "it may not be there"


class Origin(StrEnum):
    """Where a value comes from; its values are the words of reports."""

    WRITTEN = "written"
    KEPT = "kept"  # the resource has it, and its author does not write it
    DEFAULT = "default"  # of the platform or the provider, by version
    DERIVED = "derived"  # computed by kvlint
    ABSENT = "absent"  # of Evidence only: there is no value, or no resource


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of every kind of value.

    ``at`` is where the value was written, or the nearest thing that exists. ``note`` says in words where a default or
    derived value comes from.
    """

    at: Location
    origin: Origin = Origin.WRITTEN
    note: str = ""
    sensitive: bool = False

    def __bool__(self) -> NoReturn:
        """Return a value has no truth of its own: ask for its outcome."""
        raise TypeError("a Value is neither true nor false; compare it with an operator")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {display(self)}>"  # type: ignore[arg-type]  # subclasses form the union

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Return what rich shows instead, in its tracebacks too."""
        return [("shown", display(self))]  # type: ignore[arg-type]  # the same


class Scalar(_Value, frozen=True, kw_only=True, gc=False):
    """A known text, number or boolean."""

    value: Plain


class ListValue(_Value, frozen=True, kw_only=True, gc=False):
    """A list whose length is known; items may still be unknown."""

    items: tuple[Value, ...]


class MapValue(_Value, frozen=True, kw_only=True, gc=False):
    """An object or block. A field that is not there is absent, unless ``rest`` says that it is not known."""

    fields: Mapping[str, Value]
    rest: Unknown | None = None


class Link(_Value, frozen=True, kw_only=True, gc=False):
    """Certainly set, and certainly naming the resource ``target`` (an address), though its text is not known yet.

    ``type`` is that resource's Azure type, where known. ``hops`` are the references followed, outermost first.
    """

    target: str
    type: str = ""
    hops: tuple[str, ...] = ()


class Unknown(_Value, frozen=True, kw_only=True, gc=False):
    """Not known before apply. ``why`` says so for people.

    Of a reference, ``candidates`` are the addresses that it may name, and ``closed`` says that it names one of them;
    ``types`` are those that it may be of, if that is known, "" for any other. ``one_of``: it is one of these values, if
    there are any.
    ``pattern`` is what is known of a text, each unknown part in angle brackets (U+27E8, U+27E9) as the expression that
    it comes from. Two unknown texts with the same pattern are the same text. ``given``: whatever it is, it is not null.
    """

    why: str
    pattern: str = ""
    given: bool = False
    candidates: tuple[str, ...] = ()
    closed: bool = False
    types: tuple[str, ...] = ()
    one_of: tuple[Plain, ...] = ()
    hops: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        """Return whether it is certainly set: it cannot be null, or a part of its text is known."""
        if self.given:
            return True
        depth = 0
        for character in self.pattern:
            if character == "\u27e8":
                depth += 1
            elif character == "\u27e9":
                depth -= 1
            elif depth == 0:
                return True
        return False


class Absent(_Value, frozen=True, kw_only=True, gc=False):
    """Not an attribute's value but the answer that there is none. ``path`` is what was asked for."""

    path: str = ""


Value: TypeAlias = Scalar | ListValue | MapValue | Link | Unknown
Answer: TypeAlias = Value | Absent


def select(value: Answer, path: Path) -> Answer:
    """Return the answer at ``path`` below ``value``: through an Unknown that Unknown, through an Absent an Absent."""
    for step in path:
        # This is asked more often than anything else.
        if type(value) is MapValue:
            found = value.fields.get(step)  # type: ignore[arg-type]  # no field has a number for its name
            if found is None and type(step) is str:
                found = value.rest
        elif type(value) is ListValue and type(step) is int:
            found = value.items[step] if -len(value.items) <= step < len(value.items) else None
        elif type(value) is Unknown:
            # What is known of an object says nothing of what is in it.
            if value.is_set or value.types or value.one_of:
                return msgspec.structs.replace(value, pattern="", given=False, types=(), one_of=())
            return value
        elif type(value) is Absent:
            return value
        else:
            found = None
        if found is None:
            return Absent(at=value.at, path=path_text(path))
        value = found
    return value


def text_of(answer: Answer) -> str:
    """Return a text as far as it is known: a Scalar's, or an Unknown's pattern; empty for anything else."""
    if type(answer) is Unknown:
        return answer.pattern
    return answer.value if isinstance(answer, Scalar) and isinstance(answer.value, str) else ""


@lru_cache(1000)
def path_text(path: Path) -> str:
    """Return ``('a', 0, 'b')`` as ``a[0].b``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def path_of(text: str) -> Path:
    """Return ``a[0].b`` as ``('a', 0, 'b')``."""
    return tuple(int(index) if index else name for name, index in _STEP.findall(text))


SENSITIVE = "(sensitive)"
"""What is shown in the place of a value that is not."""


def display(value: Answer) -> str:
    """Return text for people, on one line, and not too long for one. A sensitive value is never shown."""
    text = _display(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."


def _join_limited(parts: Iterable[str]) -> str:
    """Return parts with commas between them, cut where they are too long to be shown."""
    found: list[str] = []
    length = 0
    for part in parts:
        found.append(part)
        length += len(part)
        if length > _MAX_LENGTH:
            break
    return ", ".join(found)


def _is_hidden(value: Answer) -> bool:
    """Return whether nothing in a value may be shown. Then the names in a map may not be either."""
    if isinstance(value, MapValue):
        return bool(value.fields) and all(map(_is_hidden, value.fields.values()))
    return value.sensitive


def _is_plain(value: Value) -> bool:
    """Return whether a value shows nothing of a secret, whatever its name."""
    if isinstance(value, ListValue):
        return all(map(_is_plain, value.items))
    return not isinstance(value, Scalar | MapValue) or (
        isinstance(value, Scalar) and (isinstance(value.value, bool) or is_harmless(str(value.value)))
    )


def _display(value: Answer) -> str:
    if value.sensitive:
        return SENSITIVE
    match value:
        case Scalar(value=bool() as flag):
            return "true" if flag else "false"
        case Scalar(value=str() as text) if ("=" in text or "@" in text) and contains_secret(text):
            return SENSITIVE
        case Scalar(value=plain):
            return str(plain)
        case ListValue(items=items):
            return "[" + _join_limited(_display(item) for item in items) + "]"
        case MapValue() if _is_hidden(value):
            return SENSITIVE
        case MapValue(fields=fields):
            members = (
                f"{name}: {_display(field) if _is_plain(field) or not is_secret_name(name) else SENSITIVE}"
                for name, field in fields.items()
            )
            return f"({_join_limited(members)})"
        case Link(target=target):
            return target
        case Unknown(one_of=(_, *_) as values):
            return " or ".join(map(str, values))
        case Unknown(why=why):
            return f"not known: {why}"
        case _:
            return "not set"
