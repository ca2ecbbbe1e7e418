"""IPv4 addresses and ranges, as firewall rules spell them."""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.util.lazy_regex import regex

# What a list of ranges must add up to. All public IPv4 space is about seven eighths of all addresses, so three quarters
# of them are the world for every purpose; a /8 is far more than any one organisation's offices.
WORLD_SIZE = 3 << 30
WIDE_SIZE = 1 << 24
_RANGE = regex(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/([0-9]{1,2}))?")


class Range(NamedTuple):
    """First address and the one after the last."""

    start: int
    end: int

    @property
    def prefix(self) -> int:
        """The prefix length: 24 of a /24."""
        return 33 - (self.end - self.start).bit_length()

    def holds(self, other: Range) -> bool:
        """Whether all of ``other`` lies in it."""
        return self.start <= other.start and other.end <= self.end


def range_of(text: str) -> Range | None:
    """The range of ``1.2.3.4`` or ``1.2.3.0/24``; None if Azure would not take it."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    parts, length = match[1].split("."), int(match[2] or 32)
    if length > 32 or any(int(part) > 255 for part in parts):
        return None
    size = 1 << (32 - length)
    start = int.from_bytes(bytes(int(part) for part in parts), "big") // size * size
    # 0.0.0.0 alone is how Azure services spell "any address" in older templates.
    return Range(start, start + size) if text.strip() != "0.0.0.0" else Range(0, 1 << 32)


def union(ranges: list[Range]) -> int:
    """How many addresses the ranges hold together."""
    total, reached = 0, 0
    for start, end in sorted(ranges):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def share(size: int) -> str:
    """So many addresses, in words."""
    if size >= WORLD_SIZE:
        return "all or nearly all addresses"
    return f"{size:,} addresses, as many as a /{32 - (size.bit_length() - 1)} or more"


def covered(ranges: list[Range]) -> dict[int, int]:
    """Of each range that lies in another one, which one that is, by their places. Of equal ones the first stays."""
    found: dict[int, int] = {}
    widest = -1
    for at in sorted(range(len(ranges)), key=lambda at: (ranges[at].start, -ranges[at].end, at)):
        if widest >= 0 and ranges[widest].holds(ranges[at]):
            found[at] = widest
        elif widest < 0 or ranges[at].end > ranges[widest].end:
            widest = at
    return found
