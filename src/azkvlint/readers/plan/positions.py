"""The positions of resources in the text of a plan, found only for those with findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import chain

import msgspec

from azkvlint.azure.azurerm.provider_features import PROVIDER_PREFIX
from azkvlint.model.location import Excerpt, LazyExcerpt, Place, Region
from azkvlint.readers.plan.document import Plan
from azkvlint.syntax.json_decoder import DECODE_ERRORS, ByteLines
from azkvlint.syntax.json_positions import elements, members
from azkvlint.util.lazy_regex import regex

# The head of an entry is all that precedes its change: address, type, name, index, provider. It contains no values.
_CHANGE = regex(rb'\s*"change"\s*:')
_ADDRESS = regex(rb'"address"\s*:\s*"(?:[^"\\]|\\.)*"')
_MAX_HEAD = 2000
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
# The configuration sections of objects without an entry among the changes, by address prefix.
_NAMED = {
    PROVIDER_PREFIX: ("configuration", "provider_config"),
    "output.": ("configuration", "root_module", "outputs"),
    "module.": ("configuration", "root_module", "module_calls"),
}
# start, end: the region; head_start, head_end: the range that an excerpt may show.
_Span = tuple[int, int, int, int]


def positions(plan: Plan, numbers: Mapping[str, int], addresses: Collection[str]) -> dict[str, Place]:
    """Return the place of each address in the plan: its ``"address"`` line, or the key that names it.

    ``numbers`` are the plan entries of the addresses.
    """
    by_entry: dict[int, list[str]] = {}
    for address in addresses:
        if address in numbers:
            # All resources of a template share the entry of its deployment.
            by_entry.setdefault(numbers[address], []).append(address)
    spans = dict(_change_spans(plan, by_entry))
    spans |= _key_spans(plan, addresses)
    # The four offsets of each span and the spans themselves are in order, so that one pass finds all their places.
    ordered = sorted(spans.items(), key=lambda item: item[1][2])
    lines = ByteLines(plan.data)
    found: dict[str, Place] = {}
    for address, (start, end, low, high) in ordered:
        head_start, first, last, head_end = map(lines.place, (low, start, end, high))
        entry, context = (plan.data[start:end], first, last), (plan.data[low:high], head_start, head_end)
        found[address] = _region(first, last), LazyExcerpt(partial(_excerpt, entry, context))
    return found


# Bytes of the plan with their first and last place: line, column, and column in UTF-16 code units.
_Shown = tuple[bytes, tuple[int, int, int], tuple[int, int, int]]


def _excerpt(entry: _Shown, context: _Shown) -> Excerpt:
    """Return an excerpt of the plan."""
    return Excerpt(
        text=entry[0].decode("utf-8", "replace"),
        context=_region(*context[1:]),
        context_text=context[0].decode("utf-8", "replace"),
        utf16=_utf16_region(*entry[1:]),
        context_utf16=_utf16_region(*context[1:]),
    )


def _region(start: tuple[int, int, int], end: tuple[int, int, int]) -> Region:
    return Region(start[0], start[1], end[0], end[1])


def _utf16_region(start: tuple[int, int, int], end: tuple[int, int, int]) -> Region | None:
    """Return the region in UTF-16 code units, where that is another one."""
    if start[1] == start[2] and end[1] == end[2]:
        return None
    return Region(start[0], start[2], end[0], end[2])


def _change_spans(plan: Plan, by_entry: Mapping[int, list[str]]) -> Iterator[tuple[str, _Span]]:
    """Yield the entries with these numbers, deferred ones last. Skipping the others is cheap."""
    last = max(by_entry, default=-1)
    parts = (("resource_changes", plan.entries), ("deferred_changes", plan.deferred))
    places = chain.from_iterable(elements(plan.data, items, plan.offsets.get(name, 0)) for name, items in parts)
    for number, (start, end) in enumerate(places):
        if number > last:
            return
        if number in by_entry:
            span = _head(plan.data, start, end)
            for address in by_entry[number]:
                yield address, span


def _head(data: bytes, start: int, end: int) -> _Span:
    stop = min(end, start + _MAX_HEAD)
    change = _CHANGE.search(data, start, stop)
    head_end = change.start() if change is not None else start + 1
    if head_end > start + 1 and data[head_end - 1 : head_end] == b",":
        head_end -= 1
    address = _ADDRESS.search(data, start, head_end)
    if address is None:
        # What follows a brace is a blank, a quote or the other brace.
        return start, start + 1, start, max(head_end, start + 2)
    return address.start(), address.end(), start, head_end


def _key_spans(plan: Plan, addresses: Collection[str]) -> dict[str, _Span]:
    """Return the spans of keys in the configuration: providers, outputs and module calls of the root module."""
    found: dict[str, _Span] = {}
    # Most addresses in a plan are those of resources in modules.
    named = [address for address in addresses if address.startswith(tuple(_NAMED))]
    for prefix, path in _NAMED.items():
        names = {address.removeprefix(prefix) for address in named if address.startswith(prefix)}
        keys = {name for name in names if prefix == PROVIDER_PREFIX or "." not in name}
        try:
            found |= {prefix + key: span for key, span in _keys(plan, path, keys)} if keys else {}
        except DECODE_ERRORS:
            # A key may be duplicated, which is not checked in a large plan: then no position is certain.
            continue
    return found


def _keys(plan: Plan, path: tuple[str, ...], keys: Collection[str]) -> Iterator[tuple[str, _Span]]:
    outermost, *inner = path
    if outermost not in plan.parts:
        return
    at, here = plan.offsets[outermost], bytes(plan.parts[outermost])
    for step in inner:
        parts = _RAW.decode(here)
        if step not in parts:
            return
        at += members(here, parts)[step]
        here = bytes(parts[step])
    for key, place in members(here, _RAW.decode(here)).items():
        # The value starts after the key and its colon; the key is what the finding marks.
        text = msgspec.json.encode(key)
        start = here.rfind(text, 0, place)
        if key in keys and start >= 0:
            yield key, (at + start, at + start + len(text), at + start, at + place)
