"""Read the index of a checkout: the files that git tracks.

Source: git's Documentation/gitformat-index. Versions 2 to 4, SHA-1 and SHA-256, split and sparse indexes.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from azkvlint.util.project_boundary import git_index, shared_git_index
from azkvlint.util.sha256 import sha256_hex

LINK, SUBMODULE, FOLDER = 0o120000, 0o160000, 0o040000
_TYPE = 0o170000
_SIGNATURE, _VERSIONS, _HEADER = b"DIRC", (2, 3, 4), 12
# The bytes of an entry before its object ID, the place of its mode there, and its flags.
_STAT, _MODE, _EXTENDED, _LENGTH = 40, 24, 0x4000, 0xFFF
_HASHES = (20, 32)
_SPLIT = b"link"


class IndexEntry(NamedTuple):
    """One tracked path. A folder stands for everything in it, which a sparse checkout leaves out."""

    path: str
    type: int

    @property
    def is_link(self) -> bool:
        """Return whether it is a symbolic link."""
        return self.type == LINK


class _InvalidIndexError(Exception):
    """The index is damaged, or of a form that is not known."""


class TrackedFiles:
    """The entries of an index with one of the ``names`` on their paths. ``is_known``: the index could be read."""

    def __init__(self, checkout: str, names: frozenset[str]) -> None:
        self.checkout = checkout
        self.is_known = True
        self.exists = False
        self._entries: list[IndexEntry] = []
        self._paths: frozenset[str] = frozenset()
        self._left_out: tuple[str, ...] = ()
        data = git_index(checkout)
        if not data:
            return
        self.exists = True
        parts = frozenset(map(os.fsencode, names))
        try:
            self._entries = sorted(_entries(data, parts, lambda digest: shared_git_index(checkout, digest)))
        except (_InvalidIndexError, IndexError):
            self.is_known = False
        self._paths = frozenset(entry.path for entry in self._entries)
        self._left_out = tuple(entry.path for entry in self._entries if entry.type == FOLDER)

    def below(self, folder: str) -> list[IndexEntry] | None:
        """Return the entries below a folder (absolute); None if it is not known which there are."""
        if not self.is_known:
            return None
        inside = f"{self._relative(folder)}/"
        if inside.startswith(self._left_out):
            return None
        start = bisect_left(self._entries, inside, key=_path)
        return list(takewhile(lambda entry: entry.path.startswith(inside), islice(self._entries, start, None)))

    def tracks(self, path: str) -> bool:
        """Return whether a path (absolute) with one of the names is tracked, or may be."""
        if not self.exists or not self.is_known:
            return True
        inside = self._relative(path)
        return inside in self._paths or inside.startswith(self._left_out)

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self.checkout).replace(os.sep, "/")


def _path(entry: IndexEntry) -> str:
    return entry.path


def _entries(data: bytes, names: frozenset[bytes], shared: Callable[[str], bytes]) -> Iterator[IndexEntry]:
    """Yield the entries of an index, and of the shared index that it is based on, which may have been removed since.

    Raise _InvalidIndexError or IndexError.
    """
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != _SIGNATURE or version not in _VERSIONS:
        raise _InvalidIndexError
    # Names are whole before version 4, so that the search for one is far faster than reading all entries. A split index
    # has others in another file.
    least = int.from_bytes(data[8:12], "big") * (_STAT + _HASHES[0] + 2)
    if version < 4 and least <= len(data) and _SPLIT not in data and not any(name in data for name in names):
        return
    sizes = _sizes(data)
    for size in sizes:
        try:
            found, end = _parsed(data, version, size, names)
        except (_InvalidIndexError, IndexError):
            if size == sizes[-1]:
                raise
            continue
        break
    yield from found
    while end + 8 <= len(data) - size:
        length = int.from_bytes(data[end + 4 : end + 8], "big")
        if data[end : end + 4] == _SPLIT:
            digest = data[end + 8 : end + 8 + size]
            if len(digest) == size and any(digest):
                yield from _entries(shared(digest.hex()), names, lambda _: b"")
        end += 8 + length


def _sizes(data: bytes) -> Sequence[int]:
    """Return the possible lengths of an object ID in bytes: that of the checksum at the end if it is correct.

    Entries can be read with the wrong length by chance. An index without a checksum (``index.skipHash``) ends with
    zeros, and both are possible.
    """
    if not any(data[-_HASHES[0] :]):
        return _HASHES
    is_long = sha256_hex(data[: -_HASHES[1]]) == data[-_HASHES[1] :].hex()
    return _HASHES[1:] if is_long else _HASHES[:1]


def _parsed(data: bytes, version: int, size: int, names: frozenset[bytes]) -> tuple[list[IndexEntry], int]:
    """Return the entries with one of the names, and the offset after all of them.

    Raise _InvalidIndexError or IndexError.
    """
    count = int.from_bytes(data[8:12], "big")
    fixed = _STAT + size + 2
    at, last = _HEADER, len(data) - size
    found: list[IndexEntry] = []
    name = b""
    for _ in range(count):
        start = at
        flags = data[start + fixed - 2] << 8 | data[start + fixed - 1]
        at += fixed + (2 if version > 2 and flags & _EXTENDED else 0)
        kept = b""
        if version == 4:
            strip, at = _number(data, at)
            if strip > len(name):
                raise _InvalidIndexError
            kept = name[: len(name) - strip]
        end = data.find(b"\0", at)
        if end < 0 or end > last:
            raise _InvalidIndexError
        name = kept + data[at:end]
        if flags & _LENGTH != min(len(name), _LENGTH):
            raise _InvalidIndexError
        at = end + 1 if version == 4 else start + ((end - start + 8) & ~7)
        kind = int.from_bytes(data[start + _MODE : start + _MODE + 4], "big") & _TYPE
        if kind == FOLDER or not names.isdisjoint(name.split(b"/")):
            found.append(IndexEntry(os.fsdecode(name), kind))
    return found, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable width, as in git's packs, and the offset after it."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
        if value > _LENGTH << 12:
            raise _InvalidIndexError
    return value, at + 1
