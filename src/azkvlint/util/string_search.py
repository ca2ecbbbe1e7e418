"""Search a text for any of many strings, in time that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

# Strings with the same first characters are compared in full.
_START = 4
# With more strings, one pass over a text is faster than a search for each.
_MOST_SEARCHED = 100


def ignoring_case(text: str) -> str:
    """Return a text in which letters that differ in case are equal, with as many characters."""
    if text.isascii():
        return text.lower()
    return "".join(folded if len(folded := letter.casefold()) == 1 else letter for letter in text)


class StringSearch:
    """A set of strings, each of at least four characters, for which texts are searched without regard to case."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = {ignoring_case(text) for text in strings}
        lengths: dict[str, set[int]] = {}
        for text in self._strings:
            lengths.setdefault(text[:_START], set()).add(len(text))
        self._lengths = {start: sorted(of_start, reverse=True) for start, of_start in lengths.items()}

    def may_be_in(self, text: str) -> bool:
        """Return whether a text contains one of the strings; also True if it has to be searched to know."""
        if len(self._strings) > _MOST_SEARCHED:
            return True
        text = ignoring_case(text)
        return any(string in text for string in self._strings)

    def contained_in(self, text: str) -> set[str]:
        """Return the strings that a text contains, as ``ignoring_case`` returns them."""
        text = ignoring_case(text)
        if len(self._strings) <= _MOST_SEARCHED:
            return {string for string in self._strings if string in text}
        return {text[start:end] for start, end in self._all_in(text)}

    def replace(self, text: str, end_of: Callable[[str, int, int], int], replacement: str) -> str:
        """Return a text with the strings in it replaced, from left to right, and of several the longest.

        ``end_of(text, start, end)`` returns the end of what is replaced for the string that is there; 0: it stays.
        """
        parts: list[str] = []
        done = 0
        for start, end in self._all_in(ignoring_case(text)):
            replaced = end_of(text, start, end) if start >= done else 0
            if replaced:
                parts += [text[done:start], replacement]
                done = replaced
        return "".join([*parts, text[done:]]) if parts else text

    def _all_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where strings are in a text, by their start, and the longest first."""
        strings, lengths = self._strings, self._lengths
        for start in range(len(text) - _START + 1):
            of_start = lengths.get(text[start : start + _START])
            for length in of_start or ():
                if text[start : start + length] in strings and start + length <= len(text):
                    yield start, start + length
