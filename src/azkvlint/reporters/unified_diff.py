"""Changes of files as unified diffs, without lines with secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

import msgspec

from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

_CONTEXT = 3
_TO_QUOTE = regex(r"[\x00-\x1f\"\\\x7f]")


class FileChange(msgspec.Struct, frozen=True):
    """A file before and after its fixes, and which of the lines (from 0) can be shown."""

    before: str
    after: str
    is_shown_before: Callable[[int], bool]
    is_shown_after: Callable[[int], bool]


def diff(path: str, change: FileChange) -> str | None:
    """Return the unified diff of a file, which ``git apply`` accepts; None if it would contain a secret.

    The path is relative to the top of the checkout.
    """
    old, new = _lines_of(change.before), _lines_of(change.after)
    parts = [f"--- {_name(f'a/{path}')}\n+++ {_name(f'b/{path}')}\n"]
    for hunk in _hunks(old, new, change):
        if hunk is None:
            return None
        first, last = hunk[0], hunk[-1]
        parts.append(f"@@ -{_range(first[0], last[1])} +{_range(first[2], last[3])} @@\n")
        for low, high, new_low, new_high in hunk:
            if old[low:high] == new[new_low:new_high]:
                parts += [_line(" ", line) for line in old[low:high]]
                continue
            parts += [_line("-", line) for line in old[low:high]]
            parts += [_line("+", line) for line in new[new_low:new_high]]
    return "".join(parts) if len(parts) > 1 else ""


# Lines of a file before and after: from, to, from, to.
_Block: TypeAlias = tuple[int, int, int, int]


def _hunks(old: Sequence[str], new: Sequence[str], change: FileChange) -> Iterator[list[_Block] | None]:
    """Yield the changes with the lines around them, as far as these can be shown; None for one that cannot.

    A change needs one line after it, which shows ``git apply`` that it is not at the end of the file.
    """
    hunk: list[_Block] = []
    blocks = _changes(old, new)
    for index, (low, high, new_low, new_high) in enumerate(blocks):
        before = blocks[index - 1][1] if index else 0
        after = blocks[index + 1][0] if index + 1 < len(blocks) else len(old)
        first, last = low, high
        while first > before and low - first < _CONTEXT and change.is_shown_before(first - 1):
            first -= 1
        while last < after and last - high < _CONTEXT and change.is_shown_before(last):
            last += 1
        is_shown = all(map(change.is_shown_before, range(low, high))) and all(
            map(change.is_shown_after, range(new_low, new_high))
        )
        if not is_shown or (last == high and high < len(old) and last < after):
            yield None
            return
        if hunk and first < hunk[-1][1]:
            hunk[-1] = (hunk[-1][0], low, hunk[-1][2], new_low)
        else:
            if hunk:
                yield hunk
            hunk = [(first, low, new_low - (low - first), new_low)]
        hunk += [(low, high, new_low, new_high), (high, last, new_high, new_high + last - high)]
    if hunk:
        yield hunk


def _changes(old: Sequence[str], new: Sequence[str]) -> list[_Block]:
    """Return the changed lines. Those around the changes are equal and need no search."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
    return [
        (head + low, head + high, head + new_low, head + new_high)
        for tag, low, high, new_low, new_high in matcher.get_opcodes()
        if tag != "equal"
    ]


def _lines_of(text: str) -> list[str]:
    """Return the lines of a text with their line feeds, as git separates them."""
    return [f"{line}\n" for line in text[:-1].split("\n")] if text.endswith("\n") else _with_last(text)


def _with_last(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _line(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    """Return a range of lines; an empty one is after the line that it names."""
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + (length > 0)},{length}"


def _name(path: str) -> str:
    """Return a path in a diff: quoted as git does if it has quotes, or characters that are invisible or controls."""
    if not _TO_QUOTE.search(path) and visible(path) == path:
        return f"{path}\t" if " " in path else path
    return f'"{"".join(map(_quoted, path))}"'


def _quoted(character: str) -> str:
    if not _TO_QUOTE.search(character) and visible(character) == character:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
