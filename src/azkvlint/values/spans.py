"""Spans of a text, such as those of secrets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


class Spans:
    """Stretches of one text, of which those that overlap are one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: list[Span] = []
        for start, end in sorted(spans):
            if self._spans and start <= self._spans[-1][1]:
                self._spans[-1] = (self._spans[-1][0], max(end, self._spans[-1][1]))
            else:
                self._spans.append((start, end))

    def within(self, low: int, high: int) -> list[Span]:
        """Return those that reach between two offsets."""
        if not self._spans:
            return []
        first = max(bisect_left(self._spans, (low,)) - 1, 0)
        return [span for span in self._spans[first : bisect_left(self._spans, (high,))] if span[1] > low]
