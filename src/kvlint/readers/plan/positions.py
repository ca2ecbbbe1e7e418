"""Where resources stand in the text of a plan, found only for those that a finding is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import msgspec

from kvlint.model.source import Excerpt, Region
from kvlint.readers.plan.document import Plan
from kvlint.readers.plan.providers import PROVIDER_PREFIX
from kvlint.syntax.json import elements, members, regions

# The head of an entry is what stands before its change: address, type, name, index, provider. No value stands there.
_CHANGE = re.compile(rb'\s*"change"\s*:')
_ADDRESS = re.compile(rb'"address"\s*:\s*"(?:[^"\\]|\\.)*"')
_MAX_HEAD = 2000
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
# start, end: the region; head_start, head_end: what may be shown around it.
_Span = tuple[int, int, int, int]


def positions(plan: Plan, addresses: Collection[str]) -> dict[str, tuple[Region, Excerpt]]:
    """Region and excerpt of each address that the plan holds: its ``"address"`` line, or its provider block."""
    spans = dict(_change_spans(plan, addresses))
    spans |= _provider_spans(plan, addresses)
    ordered = sorted(spans.items(), key=lambda item: item[1])
    places = list(regions(plan.data, [(start, end) for _, (start, end, _, _) in ordered]))
    heads = list(regions(plan.data, [(start, end) for _, (_, _, start, end) in ordered]))
    return {
        address: (place, Excerpt(text=_text(plan, start, end), context=head, context_text=_text(plan, low, high)))
        for (address, (start, end, low, high)), place, head in zip(ordered, places, heads, strict=True)
    }


def _text(plan: Plan, start: int, end: int) -> str:
    return plan.data[start:end].decode("utf-8", "replace")


def _change_spans(plan: Plan, addresses: Collection[str]) -> Iterator[tuple[str, _Span]]:
    wanted = {
        at: change.address
        for at, change in enumerate(plan.changes)
        if change.address in addresses and change.deposed is None
    }
    if not wanted:
        return
    for at, (start, end) in enumerate(elements(plan.data, plan.changes_raw, plan.changes_at)):
        if at in wanted:
            yield wanted[at], _head(plan.data, start, end)


def _head(data: bytes, start: int, end: int) -> _Span:
    stop = min(end, start + _MAX_HEAD)
    change = _CHANGE.search(data, start, stop)
    head_end = change.start() if change is not None else start + 1
    if head_end > start + 1 and data[head_end - 1 : head_end] == b",":
        head_end -= 1
    address = _ADDRESS.search(data, start, head_end)
    if address is None:
        return start, start + 1, start, max(head_end, start + 1)
    return address.start(), address.end(), start, head_end


def _provider_spans(plan: Plan, addresses: Collection[str]) -> dict[str, _Span]:
    """The provider blocks: the key that names each in ``configuration.provider_config``."""
    wanted = {address.removeprefix(PROVIDER_PREFIX) for address in addresses if address.startswith(PROVIDER_PREFIX)}
    found: dict[str, _Span] = {}
    if not wanted:
        return found
    at, here = 0, plan.data
    for step in ("configuration", "provider_config"):
        parts = _RAW.decode(here)
        at += members(here, parts)[step]
        here = bytes(parts[step])
    parts = _RAW.decode(here)
    for key, place in members(here, parts).items():
        if key in wanted:
            # The value starts after the key and its colon; the key is what the finding marks.
            text = msgspec.json.encode(key)
            start = max(here.rfind(text, 0, place), 0)
            end = start + len(text)
            found[PROVIDER_PREFIX + key] = (at + start, at + end, at + start, at + place)
    return found
