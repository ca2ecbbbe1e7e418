"""One function an operator: it accepts the operand and returns a function that compares what was found with it.

That function gets a set value (never Absent, never Unknown) and answers an outcome: an item of a list may still be
unknown. Texts compare without case, as Azure does; a bool is no number (in Python ``True == 1``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from azkvlint.azure.locations import location_key
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED
from azkvlint.model.finding import Outcome
from azkvlint.model.value import MAY_BE_ABSENT, Link, ListValue, MapValue, Path, Plain, Scalar, Unknown, Value
from azkvlint.util.safe_regex import RulePattern

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

Operator: TypeAlias = Callable[[Value], Outcome]

_LOCATION: Path = ("location",)


def same(found: Plain, wanted: Plain) -> bool:
    """Return whether two plain values are the same to Azure."""
    return key_of(found) == key_of(wanted)


def key_of(plain: Plain) -> tuple[str, Plain]:
    """Return what is the same for plain values that are the same to Azure."""
    if isinstance(plain, str):
        return "text", plain.casefold()
    return ("flag", plain) if isinstance(plain, bool) else ("number", plain)


def _on_plain(holds: Callable[[Plain], bool]) -> Operator:
    """Return an operator on plain values: a link's text is not known yet, lists and objects never hold."""

    def compare(found: Value) -> Outcome:
        if type(found) is Scalar:
            return PASS if holds(found.value) else FAIL
        return UNDECIDED if type(found) is Link else FAIL

    return compare


def _equals(wanted: Any) -> Operator:
    key = key_of(wanted)
    if key[0] == "flag":
        return _on_plain(lambda plain: plain is wanted)
    if key[0] != "text":
        return _on_plain(lambda plain: key_of(plain) == key)
    text = key[1]

    def compare(found: Value) -> Outcome:
        if type(found) is Scalar:
            plain = found.value
            return PASS if isinstance(plain, str) and (plain == wanted or plain.casefold() == text) else FAIL
        return UNDECIDED if type(found) is Link else FAIL

    return compare


def _in(wanted: Any) -> Operator:
    keys = frozenset(key_of(item) for item in wanted)
    texts = frozenset(text for kind, text in keys if kind == "text")

    def holds(plain: Plain) -> bool:
        return plain.casefold() in texts if isinstance(plain, str) else key_of(plain) in keys

    return _on_plain(holds)


def _contains(wanted: Any) -> Operator:
    """Return an item of a list, a part of a text."""
    key = key_of(wanted)

    def compare(found: Value) -> Outcome:
        if isinstance(found, Scalar):
            both = isinstance(found.value, str) and isinstance(wanted, str)
            return PASS if both and wanted.casefold() in str(found.value).casefold() else FAIL
        if not isinstance(found, ListValue):
            return UNDECIDED if isinstance(found, Link) else FAIL
        if any(isinstance(item, Scalar) and key_of(item.value) == key for item in found.items):
            return PASS
        return UNDECIDED if any(isinstance(item, (Unknown, Link)) for item in found.items) else FAIL

    return compare


def _matches(wanted: Any) -> Operator:
    """Return the whole text, without case."""
    pattern = RulePattern(wanted)

    def compare(found: Value) -> Outcome:
        if type(found) is not Scalar:
            return UNDECIDED if type(found) is Link else FAIL
        fits = pattern.matches(found.value) if isinstance(found.value, str) else False
        return UNDECIDED if fits is None else PASS if fits else FAIL

    return compare


def _number(holds: Callable[[float], bool]) -> Operator:
    return _on_plain(lambda plain: isinstance(plain, (int, float)) and not isinstance(plain, bool) and holds(plain))


def _at_least(wanted: Any) -> Operator:
    return _number(lambda number: number >= wanted)


def _at_most(wanted: Any) -> Operator:
    return _number(lambda number: number <= wanted)


def _is(wanted: Any) -> Operator:
    """Return what is found here is set; a text of nothing but blanks is set too, as it is to Azure."""
    outcome = PASS if wanted == "set" else FAIL
    return lambda _found: outcome


def _length_at_least(wanted: Any) -> Operator:
    """Items of a list, characters of a text, fields of an object."""

    def compare(found: Value) -> Outcome:
        match found:
            case ListValue(items=items):
                certain = sum(item.note != MAY_BE_ABSENT for item in items)
                if certain >= wanted:
                    return PASS
                return FAIL if certain == len(items) else UNDECIDED
            case MapValue(fields=fields, rest=rest):
                if len(fields) >= wanted:
                    return PASS
                return FAIL if rest is None else UNDECIDED
            case Scalar(value=str() as text):
                return PASS if len(text) >= wanted else FAIL
            case Link():
                return UNDECIDED
            case _:
                return FAIL

    return compare


def ip_range(text: object) -> IPv4Network | IPv6Network | None:
    """Return an address or a range of them; None if ``text`` is neither. Bits behind the prefix do not count."""
    from ipaddress import ip_network

    try:
        return ip_network(text.strip(), strict=False) if isinstance(text, str) else None
    except ValueError:
        return None


def _inside(wanted: Any) -> Operator:
    """Return an address or range that lies wholly in one of those wanted."""
    outer = [found for found in map(ip_range, wanted) if found is not None]

    def holds(plain: Plain) -> bool:
        inner = ip_range(plain)
        return inner is not None and any(_lies_in(inner, one) for one in outer)

    return _on_plain(holds)


def _lies_in(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    same_kind = inner.version == outer.version
    return same_kind and inner[0] in outer and inner[-1] in outer


def _overlaps(wanted: Any) -> Operator:
    """Return an address or range that has an address in common with one of those wanted."""
    others = [found for found in map(ip_range, wanted) if found is not None]

    def holds(plain: Plain) -> bool:
        own = ip_range(plain)
        # Of two ranges that meet, one lies in the other.
        return own is not None and any(_lies_in(own, one) or _lies_in(one, own) for one in others)

    return _on_plain(holds)


def _has_all(wanted: Any) -> Operator:
    """Return a list with all these items, an object with all these fields."""
    keys = frozenset(key_of(item) for item in wanted)

    def compare(found: Value) -> Outcome:
        match found:
            case ListValue(items=items):
                have = {key_of(item.value) for item in items if isinstance(item, Scalar) and item.value is not None}
                open_end = any(isinstance(item, (Unknown, Link)) for item in items)
            case MapValue(fields=fields, rest=rest):
                have, open_end = {key_of(name) for name in fields}, rest is not None
            case _:
                return UNDECIDED if isinstance(found, Link) else FAIL
        if keys <= have:
            return PASS
        return UNDECIDED if open_end else FAIL

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


def operator_of(name: str, wanted: Any, path: Path) -> Operator:
    """Return the function that compares the attribute at ``path`` with an operand."""
    if path != _LOCATION or name not in ("equals", "in"):
        return OPERATORS[name](wanted)
    compare = OPERATORS[name](_as_location(wanted) if name == "equals" else [_as_location(one) for one in wanted])

    def compare_location(found: Value) -> Outcome:
        if type(found) is Scalar:
            found = msgspec.structs.replace(found, value=_as_location(found.value))
        return compare(found)

    return compare_location


def _as_location(plain: Any) -> Any:
    return location_key(plain) if isinstance(plain, str) else plain
