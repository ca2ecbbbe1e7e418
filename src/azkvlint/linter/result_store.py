"""Results of units between runs: what is written to the cache folder, and what of it may be used.

One file has the results of one request: everything but files on which results depend. Nothing in it is trusted before
its checksum, which is computed with the key of the cache, is correct.
"""

from __future__ import annotations

import _blake2
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint import __version__
from azkvlint.linter.result_encoding import LARGEST, encode_result
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import INPUT_UNREADABLE
from azkvlint.model.rule import Rule
from azkvlint.readers.units import Unit
from azkvlint.util.cache_files import CacheFolder, package_state, read_again
from azkvlint.util.file_tracker import FOLDER, LINK, NAMES, PLACE, TEXT, State, States, editor_texts, state_of
from azkvlint.util.project_boundary import current_folder, expand_home, run_paths
from azkvlint.util.project_files import MAX_INPUT

if TYPE_CHECKING:
    from azkvlint.linter.compiled_rules import UnitSettings

_MAGIC = b"kvlint results 1\n"
_SUFFIX = ".results"
_DIGEST = 32
_KEY_FILE = "key"
# The target of a link follows these many values of the state of a file.
_LINKED_FROM = 6
# Fields of Config that have no effect on the results of units.
_OF_REPORTS: Mapping[str, Any] = {
    "paths": (), "jobs": 0, "exclude": (), "select": (), "ignore": (), "profiles": (), "settings": (), "rules": (),
    "min_severity": 0, "fail_on": None, "strict": False, "show_unknown": False, "test_folders": None,
    "include_tests": False, "baseline": "", "outputs": (), "file": "", "display_path": "", "base": "", "overrides": (),
    "notices": (), "second_opinions": True,
}  # fmt: skip


class Key:
    """The key of digests and checksums."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, *parts: bytes) -> bytes:
        """Return a digest of the parts of a text that cannot be computed or verified without the key."""
        state = _blake2.blake2b(digest_size=_DIGEST, key=self._key)
        for part in parts:
            state.update(part)
        digest: bytes = state.digest()
        return digest


def key_of(folder: CacheFolder, configured: str) -> Key:
    """Return the key that the user configured, or else the one in a folder, which is created. Raise OSError."""
    if configured:
        return Key(_blake2.blake2b(configured.encode("utf-8", "surrogateescape")).digest())
    key = folder.read(_KEY_FILE, _DIGEST)
    if key is None or len(key) != _DIGEST:
        folder.write(_KEY_FILE, os.urandom(_DIGEST))
        key = folder.read(_KEY_FILE, _DIGEST) or b""
        folder.add_tag()
    if len(key) != _DIGEST:
        raise OSError("the key cannot be read")
    return Key(key)


class Stored(msgspec.Struct):
    """The stored result of a unit: the indexes of its files, and the encoded result."""

    files: tuple[int, ...]
    result: bytes


class StoredResults(msgspec.Struct):
    """The content of a file of results. ``paths`` have the stored ``states``.

    ``scan`` are the digest of the sources of a run, the indexes of the files that were scanned, and the units that were
    found.
    """

    paths: list[str]
    states: list[State]
    scan: tuple[bytes, tuple[int, ...], list[Unit]] | None
    units: dict[Unit, Stored]


class ContentWriter:
    """Collects the content of a file of results."""

    def __init__(self, store: ResultStore, loaded: StoredResults | None) -> None:
        self._store = store
        self._loaded = loaded
        self._indexes: dict[tuple[str, State], int | None] = {}
        self._content = StoredResults([], [], None, {})

    def add(self, unit: Unit, result: UnitResult, stored: Stored | None, rules: Mapping[str, Rule]) -> Stored | None:
        """Add the result of a unit, which may be ``stored``; return its new stored form, None if it has none."""
        if stored is not None and self._loaded is not None:
            paths, states = self._loaded.paths, self._loaded.states
            files = self._indexes_of({paths[index]: states[index] for index in stored.files}, are_stored=True)
            data: bytes | None = stored.result
        else:
            files = self._indexes_of(result.files)
            data = None if files is None else encode_result(result, rules)
        if not files or data is None or not is_encodable(unit):
            return None
        self._content.units[unit] = Stored(files, data)
        return self._content.units[unit]

    def content(self, sources: bytes | None, files: States, units: list[Unit]) -> StoredResults:
        """Return the content, with the units that were found in ``sources`` (a digest)."""
        indexes = self._indexes_of(files)
        if sources is not None and indexes is not None and is_encodable(units):
            self._content.scan = sources, indexes, units
        return self._content

    def _indexes_of(self, files: States, *, are_stored: bool = False) -> tuple[int, ...] | None:
        """Return the indexes of files; None if one of them cannot be stored."""
        indexes = []
        for path, state in files.items():
            key = path, state
            if key not in self._indexes:
                stored = state if are_stored else self._store.stored_state(path, state)
                self._indexes[key] = self._index(path, stored)
            index = self._indexes[key]
            if index is None:
                return None
            indexes.append(index)
        return tuple(indexes)

    def _index(self, path: str, state: State | None) -> int | None:
        if state is None or not os.path.isabs(path) or not is_encodable((path, state)):
            return None
        self._content.paths.append(path)
        self._content.states.append(state)
        return len(self._content.paths) - 1


class _StoreFile(msgspec.Struct, array_like=True):
    request: bytes
    paths: list[str]
    states: list[tuple[str | int, ...]]
    scan: tuple[bytes, tuple[int, ...], list[Unit]] | None
    units: list[tuple[Unit, tuple[int, ...], msgspec.Raw]]


class ResultStore:
    """The results in a folder. ``by_content``: files are compared by content, not by their times and inodes."""

    def __init__(self, folder: CacheFolder, key: Key, *, by_content: bool) -> None:
        self._folder = folder
        self._key = key
        self._by_content = by_content
        self._digests: dict[str, tuple[State, State | None]] = {}

    def request_of(self, settings: UnitSettings) -> bytes | None:
        """Return a digest of everything but files on which results depend; None if it cannot be computed."""
        config, rules, root, policy, relevant = settings
        values = (
            _MAGIC, __version__, package_state(__version__, by_content=self._by_content), sys.version, self._by_content,
            os.geteuid() if hasattr(os, "geteuid") else 0, current_folder(), expand_home("~"),
            os.environ.get("BICEP_CACHE_DIRECTORY"), run_paths().roots, run_paths().named, root, bool(config.overrides),
            msgspec.structs.replace(config, **_OF_REPORTS), rules, policy, relevant,
        )  # fmt: skip
        try:
            return self._key.digest(msgspec.msgpack.Encoder(order="deterministic").encode(values))
        except UnicodeEncodeError:  # a path that is not valid UTF-8
            return None

    def digest_of(self, value: object) -> bytes | None:
        """Return the digest of any value; None if it cannot be computed."""
        try:
            return self._key.digest(msgspec.msgpack.encode(value))
        except UnicodeEncodeError:
            return None

    def load(self, request: bytes) -> StoredResults | None:
        """Return the stored content for a request; None if there is none, or if it is damaged."""
        data = self._folder.read(request.hex() + _SUFFIX, LARGEST)
        start = len(_MAGIC) + _DIGEST
        if data is None or not data.startswith(_MAGIC) or len(data) < start:
            return None
        body = data[start:]
        if self._key.digest(request, body) != data[len(_MAGIC) : start]:
            return None
        try:
            found = msgspec.msgpack.Decoder(_StoreFile).decode(body)
        except msgspec.MsgspecError:
            return None
        if found.request != request:
            return None
        units = {unit: Stored(files, bytes(result)) for unit, files, result in found.units}
        return StoredResults(found.paths, list(found.states), found.scan, units)

    def save(self, request: bytes, content: StoredResults) -> None:
        """Write the content for a request, if possible, and remove what is old."""
        units = [(unit, one.files, msgspec.Raw(one.result)) for unit, one in content.units.items()]
        document = _StoreFile(request, content.paths, content.states, content.scan, units)  # type: ignore[arg-type]
        name = request.hex() + _SUFFIX
        try:
            body = msgspec.msgpack.encode(document)
            if len(body) > LARGEST:
                return
            self._folder.write(name, _MAGIC, self._key.digest(request, body), body)
        except (OSError, UnicodeEncodeError):
            return
        self._folder.remove_old(name)

    def stored_state(self, path: str, state: State) -> State | None:
        """Return the form of a state that is stored; None if the file may since have changed, or has another text."""
        state = saved_state(path, state)
        if state[:1] == (TEXT,):
            return None
        # The state of a link ends with its target.
        if any(type(value) is object for value in state):
            return None
        return self._content_state(path, state) if self._by_content else state

    def writer(self, loaded: StoredResults | None) -> ContentWriter:
        """Return a writer of content, parts of which may be ``loaded``."""
        return ContentWriter(self, loaded)

    def _content_state(self, path: str, state: State) -> State | None:
        """Return a state without times and inodes, which are different in each checkout."""
        if not state or state[0] in (NAMES, LINK):
            return state
        if state[0] == FOLDER:
            return FOLDER, *state[3:]
        if state[0] == PLACE:
            inner = self._content_state(os.path.join(os.path.dirname(path), ".git"), state[2:])
            return None if inner is None else (PLACE, state[1], *inner)
        known = self._digests.get(path)
        if known is None or known[0] != state:
            data = read_again(path, MAX_INPUT)
            # The file must not have changed since the run accessed it.
            is_same = data is not None and state_of(path)[:_LINKED_FROM] == state[:_LINKED_FROM]
            target = tuple(value for value in state[_LINKED_FROM:] if isinstance(value, str))
            known = self._digests[path] = (
                state,
                ("file", self._key.digest(data or b"").hex(), *target) if is_same else None,
            )
        return known[1]

    def is_unchanged(self, path: str, stored: State, now: State) -> bool:
        """Return whether a file has the stored state."""
        now = saved_state(path, now)
        return stored == (self._content_state(path, now) if self._by_content else now)

    def is_storable(self, result: UnitResult) -> bool:
        """Return whether a result may be stored."""
        # What could not be read may be readable next time, for reasons that no file shows, such as memory.
        return not any(problem.code == INPUT_UNREADABLE and problem.level == "error" for problem in result.problems)


def saved_state(path: str, state: State) -> State:
    """Return the state of a file instead of that of the text that an editor has of it, if both have the same content.

    A result of the text is then a result of the file in that state.
    """
    if state[:1] != (TEXT,):
        return state
    text = state[2]
    before = state_of(path, on_disk=True)
    data = read_again(path, MAX_INPUT) if isinstance(text, bytes) and before else None
    return before if data is not None and data == text and state_of(path, on_disk=True) == before else state


def are_texts_saved() -> bool:
    """Return whether the files of all open documents have the texts of an editor."""
    return all(read_again(file, MAX_INPUT) == text for file, text in editor_texts().items())


def is_encodable(value: object) -> bool:
    """Return whether a value can be stored."""
    try:
        msgspec.msgpack.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True
