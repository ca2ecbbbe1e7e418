"""The operators of conditions: each function accepts an operand and returns the comparison with a value.

A comparison receives a value that is set (never Absent or Unknown; list items may be Unknown) and returns an Outcome.
Strings compare case-insensitively, as in Azure. A bool is not a number (in Python ``True == 1``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from azkvlint.engine.rule_patterns import rule_pattern
from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Outcome
from azkvlint.model.value import MAY_BE_ABSENT, Link, ListValue, MapValue, Path, Plain, Scalar, Unknown, Value
from azkvlint.util.text import location_key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

Operator: TypeAlias = Callable[[Value], Outcome]
_LOCATION: Path = ("location",)


def operator_of(name: str, operand: Any, path: Path) -> Operator:
    """Return the function that compares the attribute at ``path`` with an operand."""
    if path != _LOCATION or name not in ("equals", "in"):
        return OPERATORS[name](operand)
    compare = OPERATORS[name](_as_location(operand) if name == "equals" else [_as_location(one) for one in operand])

    def compare_location(value: Value) -> Outcome:
        if type(value) is Scalar:
            value = msgspec.structs.replace(value, value=_as_location(value.value))
        return compare(value)

    return compare_location


def _as_location(plain: Any) -> Any:
    return location_key(plain) if isinstance(plain, str) else plain


def are_equal(value: Plain, expected: Plain) -> bool:
    """Return whether two plain values are equal in Azure."""
    return key_of(value) == key_of(expected)


def key_of(plain: Plain) -> tuple[str, Plain]:
    """Return a key that is equal for values that are equal in Azure."""
    if isinstance(plain, str):
        return "text", plain.casefold()
    return ("flag", plain) if isinstance(plain, bool) else ("number", plain)


def _on_plain(holds: Callable[[Plain], bool]) -> Operator:
    """Return an operator on plain values. The value of a link is unknown; lists and objects fail."""

    def compare(value: Value) -> Outcome:
        if type(value) is Scalar:
            return PASS if holds(value.value) else FAIL
        return UNKNOWN if type(value) is Link else FAIL

    return compare


def _equals(operand: Any) -> Operator:
    key = key_of(operand)
    if key[0] == "flag":

        def is_flag(value: Value) -> Outcome:
            if type(value) is Scalar:
                return PASS if value.value is operand else FAIL
            return UNKNOWN if type(value) is Link else FAIL

        return is_flag
    if key[0] != "text":
        return _on_plain(lambda plain: key_of(plain) == key)
    text = key[1]

    def compare(value: Value) -> Outcome:
        if type(value) is Scalar:
            plain = value.value
            return PASS if isinstance(plain, str) and (plain == operand or plain.casefold() == text) else FAIL
        return UNKNOWN if type(value) is Link else FAIL

    return compare


def _in(operand: Any) -> Operator:
    keys = frozenset(key_of(item) for item in operand)
    texts = frozenset(text for kind, text in keys if kind == "text")
    exact = frozenset(item for item in operand if isinstance(item, str))

    def compare(value: Value) -> Outcome:
        if type(value) is not Scalar:
            return UNKNOWN if type(value) is Link else FAIL
        plain = value.value
        if isinstance(plain, str):
            return PASS if plain in exact or plain.casefold() in texts else FAIL
        return PASS if key_of(plain) in keys else FAIL

    return compare


def _contains(operand: Any) -> Operator:
    """Compare an item of a list, or a substring."""
    key = key_of(operand)

    def compare(value: Value) -> Outcome:
        if isinstance(value, Scalar):
            both = isinstance(value.value, str) and isinstance(operand, str)
            return PASS if both and operand.casefold() in str(value.value).casefold() else FAIL
        if not isinstance(value, ListValue):
            return UNKNOWN if isinstance(value, Link) else FAIL
        if any(isinstance(item, Scalar) and key_of(item.value) == key for item in value.items):
            return PASS
        return UNKNOWN if any(isinstance(item, (Unknown, Link)) for item in value.items) else FAIL

    return compare


def _matches(operand: Any) -> Operator:
    """Match the whole string, case-insensitively."""
    pattern = rule_pattern(operand)

    def compare(value: Value) -> Outcome:
        if type(value) is not Scalar:
            return UNKNOWN if type(value) is Link else FAIL
        fits = pattern.matches(value.value) if isinstance(value.value, str) else False
        return UNKNOWN if fits is None else PASS if fits else FAIL

    return compare


def _number(holds: Callable[[float], bool]) -> Operator:
    return _on_plain(lambda plain: isinstance(plain, (int, float)) and not isinstance(plain, bool) and holds(plain))


def _at_least(operand: Any) -> Operator:
    return _number(lambda number: number >= operand)


def _at_most(operand: Any) -> Operator:
    return _number(lambda number: number <= operand)


def _is(operand: Any) -> Operator:
    """Return PASS for ``set``, since a value is never absent here. A blank string is set, as in Azure."""
    outcome = PASS if operand == "set" else FAIL
    return lambda _value: outcome


def _length_at_least(operand: Any) -> Operator:
    """Count the items of a list, the characters of a string or the fields of an object."""

    def compare(value: Value) -> Outcome:
        match value:
            case ListValue(items=items):
                certain = sum(item.note != MAY_BE_ABSENT for item in items)
                if certain >= operand:
                    return PASS
                return FAIL if certain == len(items) else UNKNOWN
            case MapValue(fields=fields, rest=rest):
                if len(fields) >= operand:
                    return PASS
                return FAIL if rest is None else UNKNOWN
            case Scalar(value=str() as text):
                return PASS if len(text) >= operand else FAIL
            case Link():
                return UNKNOWN
            case _:
                return FAIL

    return compare


def ip_range(text: object) -> IPv4Network | IPv6Network | None:
    """Return an IP address or range; None if ``text`` is neither. Host bits are ignored."""
    from ipaddress import ip_network

    try:
        return ip_network(text.strip(), strict=False) if isinstance(text, str) else None
    except ValueError:
        return None


def _inside(operand: Any) -> Operator:
    """Check that an address or range is inside one of the operand's ranges."""
    outer = [range_ for range_ in map(ip_range, operand) if range_ is not None]

    def holds(plain: Plain) -> bool:
        inner = ip_range(plain)
        return inner is not None and any(_is_within(inner, range_) for range_ in outer)

    return _on_plain(holds)


def _is_within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    same_kind = inner.version == outer.version
    return same_kind and inner[0] in outer and inner[-1] in outer


def _overlaps(operand: Any) -> Operator:
    """Check that an address or range overlaps one of the operand's ranges."""
    others = [range_ for range_ in map(ip_range, operand) if range_ is not None]

    def holds(plain: Plain) -> bool:
        own = ip_range(plain)
        # Of two overlapping ranges, one contains the other.
        return own is not None and any(_is_within(own, range_) or _is_within(range_, own) for range_ in others)

    return _on_plain(holds)


def _has_all(operand: Any) -> Operator:
    """Check that a list has all of the operand's items, or an object all of its fields."""
    keys = frozenset(key_of(item) for item in operand)

    def compare(value: Value) -> Outcome:
        match value:
            case ListValue(items=items):
                present = {key_of(item.value) for item in items if isinstance(item, Scalar) and item.value is not None}
                is_open = any(isinstance(item, (Unknown, Link)) for item in items)
            case MapValue(fields=fields, rest=rest):
                present, is_open = {key_of(name) for name in fields}, rest is not None
            case _:
                return UNKNOWN if isinstance(value, Link) else FAIL
        if keys <= present:
            return PASS
        return UNKNOWN if is_open else FAIL

    return compare


OPERATORS: Mapping[str, Callable[[Any], Operator]] = {
    "equals": _equals,
    "in": _in,
    "contains": _contains,
    "matches": _matches,
    "at_least": _at_least,
    "at_most": _at_most,
    "is": _is,
    "length_at_least": _length_at_least,
    "inside": _inside,
    "overlaps": _overlaps,
    "has_all": _has_all,
}
