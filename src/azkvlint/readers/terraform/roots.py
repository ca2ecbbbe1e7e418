"""The Terraform files of a scan -> the modules that are evaluated: those that no other module of the scan calls."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from azkvlint.azure.azurerm.azapi import WITH_TEMPLATE
from azkvlint.azure.azurerm.resources import LOOKS_LIKE_VAULT, TYPES
from azkvlint.readers.callers import called_by_examples, called_by_others
from azkvlint.readers.discover import Source, is_automatic, is_module_file, names_in
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import file_tracker
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import MAX_FILE, file_buffer, read_bytes, recorded_real_path

# How a module call begins, and what it calls, in both notations; behind a mark of a comment none does.
_CALL = regex(rb'^[ \t]*+module\b|"module"[ \t\r\n]*+:', re.MULTILINE)
_SOURCE = regex(rb'(?:^|[{,])[ \t]*+"?source"?[ \t]*+[=:][ \t]*+"([^"\r\n]*+)"', re.MULTILINE)
_BACKEND = regex(rb'^[ \t]*+(?:backend[ \t]++"|cloud[ \t]*+\{)|"(?:backend|cloud)"[ \t\r\n]*+:', re.MULTILINE)
_LOCAL = regex(rb"\.{1,2}(?:[/\\].*)?")
# The files that a template function or data source reads, as far as their names are written out.
_RENDERED = regex(
    rb'\btemplatefile[ \t]*+\([ \t\r\n]*+"((?:[^"\\\r\n]|\\.)*+)"|'
    rb'\btemplate[ \t]*+=[ \t]*+(?:"\$\{)?file\([ \t]*+"((?:[^"\\\r\n]|\\.)*+)"'
)
_OF_MODULE = regex(rb"\$\{path\.(?:module|root|cwd)\}")
_INTERPOLATED = regex(rb"\$\{[^}]*+\}")
# A block comment or a heredoc: a module call in one calls nothing. One that is not closed extends to the end, or many
# of them would take quadratic time. Texts and line comments are matched too, because they may hold such marks.
_IGNORED = regex(
    rb'"(?:[^"\\\r\n]|\\.)*+"|(?:#|//)[^\r\n]*+'
    rb"|(?P<ignored>/\*(?:.*?\*/|.*)|<<-?(?P<end>[\w-]+)[ \t]*+\r?\n(?:.*?^[ \t]*+(?P=end)[ \t\r]*+$|.*))",
    re.DOTALL | re.MULTILINE,
)


class Root(NamedTuple):
    """A module that is evaluated on its own. ``path`` is what reports call its folder, ``size`` its files' bytes.

    ``published``: only its own examples and tests call it, so callers elsewhere pass other arguments.
    """

    path: str
    directory: str
    is_explicit: bool
    size: int
    published: bool = False


class Roots(NamedTuple):
    """``found`` are evaluated; ``other`` are the paths of modules without anything to evaluate.

    ``rendered`` are patterns of the paths of the files that ``templatefile()`` reads.
    """

    found: list[Root]
    other: list[str]
    rendered: list[re.Pattern[str]]


class _ModuleScan(NamedTuple):
    calls: set[str]
    matters: bool
    size: int
    rendered: list[re.Pattern[str]]
    has_backend: bool


def roots_of(
    sources: Sequence[Source],
    types: Collection[str] | None,
    also_called: Collection[str] = (),
    kept: Callable[[str], bool] = lambda _: False,
) -> Roots:
    """Return the root modules among the files of a scan, in their order.

    ``types`` are the Azure types that rules evaluate; None selects every type. A module that others call, including
    ``also_called``, is evaluated through its callers, unless the user named one of its files, or only its own examples
    and tests call it, or unless it is a root by itself: it configures a backend, has values of variables, or is one of
    those that are ``kept`` (real paths). One of the modules that only call each other in a cycle is evaluated for all
    of them.
    """
    folders = _folders_of(sources)
    if not folders:
        return Roots([], [], [])
    scanned = _scanned(folders, types)
    calls = {directory: found.calls for directory, found in scanned.items()}
    called = called_by_others(calls)
    published = called_by_examples(called, calls).difference(also_called)
    called.update(also_called)
    roots = Roots([], [], [pattern for found in scanned.values() for pattern in found.rendered])
    for directory, files in folders.items():
        is_explicit = any(source.is_explicit for source in files)
        is_left_out = directory in called and not is_explicit and directory not in published
        if is_left_out and not (_is_root(directory, scanned[directory]) or kept(directory)):
            continue
        path = os.path.dirname(files[0].path) or "."
        if is_explicit or _reaches(directory, scanned):
            is_published = directory in published and not is_explicit
            roots.found.append(Root(path, directory, is_explicit, scanned[directory].size, is_published))
        else:
            roots.other.append(path)
    return roots


def module_calls(sources: Sequence[Source], types: Collection[str] | None) -> dict[str, set[str]]:
    """Return the folders that each module calls, by its folder. For ``types`` see ``roots_of``."""
    return {directory: found.calls for directory, found in _scanned(_folders_of(sources), types).items()}


def _folders_of(sources: Iterable[Source]) -> dict[str, list[Source]]:
    """Return the files of modules by folder."""
    folders: dict[str, list[Source]] = {}
    for source in sources:
        if is_module_file(os.path.basename(source.file)):
            folders.setdefault(os.path.dirname(source.file), []).append(source)
    return folders


def _scanned(folders: Mapping[str, Sequence[Source]], types: Collection[str] | None) -> dict[str, _ModuleScan]:
    words = _words(types)
    return {directory: _remembered_scan(directory, files, words) for directory, files in folders.items()}


def _words(types: Collection[str] | None) -> re.Pattern[bytes]:
    """Return a pattern that the text of every module matches that declares a resource to evaluate."""
    lower = None if types is None else {type_.lower() for type_ in types}
    names = [name for name, type_ in TYPES.items() if lower is None or type_.lower() in lower]
    words = sorted({*names, *WITH_TEMPLATE, "azapi_", *(f"azurerm_{word}" for word in LOOKS_LIKE_VAULT)})
    return re.compile("|".join(words).encode())


def _remembered_scan(directory: str, files: Sequence[Source], words: re.Pattern[bytes]) -> _ModuleScan:
    """Return what ``_scan`` does; the files of most modules are the same as in an earlier run."""
    key = "module", directory, tuple(source.file for source in files), words.pattern
    return file_tracker().remembered(key, lambda: _scan(directory, files, words))


def _scan(directory: str, files: Iterable[Source], words: re.Pattern[bytes]) -> _ModuleScan:
    """Return what a module calls, and whether it declares a resource to evaluate; an unreadable file may."""
    calls: set[str] = set()
    matters = False
    size = 0
    rendered: list[re.Pattern[str]] = []
    has_backend = False
    for source in files:
        data = _text(source.file)
        size += len(data or b"")
        matters = matters or data is None or _is_hidden(data) or words.search(data) is not None
        if data is None:
            continue
        if not has_backend and (b"backend" in data or b"cloud" in data):
            has_backend = _BACKEND.search(data) is not None
        if b"template" in data:
            rendered += [_file_pattern(directory, one or other) for one, other in _RENDERED.findall(data)]
        if b"module" not in data:
            continue
        # What stands before the first call calls nothing.
        for call in _CALL.split(_without_comments(data))[1:]:
            named = _SOURCE.findall(call)
            beside = [one for one in named if _LOCAL.fullmatch(one)]
            # A module that is installed, or not available, may declare anything.
            matters = matters or not named or len(beside) < len(named)
            for one in beside:
                relative = one.decode("utf-8", "replace").replace("\\", "/")
                calls.add(recorded_real_path(os.path.join(directory, relative)))
    return _ModuleScan(calls, matters, size, rendered, has_backend)


def _is_root(directory: str, scanned: _ModuleScan) -> bool:
    """Return whether a module that others call is a root too: it has a backend, or a file with values of variables."""
    if scanned.has_backend:
        return True
    try:
        return any(map(is_automatic, names_in(directory)))
    except InputError:
        return False


def _file_pattern(directory: str, written: bytes) -> re.Pattern[str]:
    """Return a pattern of the real path that a name in a module means; what is not written out may be anything."""
    relative = _OF_MODULE.sub(b".", written)
    parts = [part.decode("utf-8", "replace") for part in _INTERPOLATED.split(relative)]
    # A mark in the place of what is not known, which normalizing leaves alone.
    path = os.path.normpath(os.path.join(directory, "\0".join(parts)))
    return re.compile("[^/]*".join(map(re.escape, path.replace(os.sep, "/").split("\0"))))


def _is_hidden(data: bytes) -> bool:
    """Return whether a text may hold words that no search finds: in UTF-16, or as escapes."""
    return b"\0" in data or b"\\u" in data


def _without_comments(data: bytes) -> bytes:
    """Return a text without the block comments and heredocs in it, which could hold what looks like a module call."""
    if b"/*" not in data and b"<<" not in data:
        return data
    return _IGNORED.sub(lambda found: b"" if found["ignored"] is not None else found[0], data)


def _text(file: str) -> bytes | None:
    """Return the content of a file; None if it cannot be read, or is too large to be looked through."""
    try:
        data = read_bytes(file, MAX_FILE)
    except InputError:
        return None
    file_buffer().keep(file, data)
    return data


def _reaches(directory: str, scanned: Mapping[str, _ModuleScan]) -> bool:
    """Return whether a module, or one that it calls, declares a resource to evaluate. One outside of the scan may."""
    waiting, seen = [directory], {directory}
    while waiting:
        found = scanned.get(waiting.pop())
        if found is None or found.matters:
            return True
        waiting += found.calls - seen
        seen |= found.calls
    return False
