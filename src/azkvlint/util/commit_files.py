"""The files of a commit, written to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.git import (
    LONGEST_SHOWN,
    MOST_BYTES,
    MOST_ENTRIES,
    SHA1_BYTES,
    Checkout,
    Objects,
    TreeEntry,
    fail,
    reading_objects,
)
from azkvlint.util.output_files import CommitFolder
from azkvlint.util.project_boundary import (
    leads_into_git,
)
from azkvlint.util.text import visible

_MOST_OF_LINK = 4_096
_TREE, _LINK, _SUBMODULE, _FILES = 0o040000, 0o120000, 0o160000, frozenset({0o100644, 0o100755, 0o100664})
# Names that git for Windows refuses too, because they name devices, or something other than one file.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{one}{number}" for one in ("com", "lpt") for number in range(10))}
)
_NOT_IN_WINDOWS = frozenset('<>:"\\|?*')
_MERGE_COMMIT = "check out the merge commit of the pull request, which is the default: its first parent is the base"


def write_commit(checkout: Checkout, revision: str, target: str, address: str, head: str = "") -> None:
    """Write the files of a commit to the new folder ``target``, as they are in the repository.

    With ``head``, that has to be the commit that is checked out: the parent of another one is another base.

    Its ``.git`` has the commit, the ``address`` of the remote and the index, and is the boundary of what is read there.
    A submodule is an empty folder, and a file of Git LFS is its pointer. Raise UsageError if the commit does not exist,
    InputError if something in it cannot be written.
    """
    with reading_objects(checkout) as objects:
        if head and objects.commit("HEAD")[0] != head:
            raise UsageError(f"the checkout is not at the commit `{visible(head)}`", _MERGE_COMMIT)
        write_files(objects, objects.commit(revision), target, address)


def write_files(objects: Objects, identifiers: tuple[str, str], target: str, address: str) -> None:
    """Write the files of a commit, of which the identifiers and those of its top folder are known: see write_commit."""
    commit, tree = identifiers
    try:
        folder = CommitFolder(target)
        folder.add_folder(".git")
        entries = _write_folders(folder, objects, tree)
        links = _write_files(folder, objects, entries)
        folder.add_file(".git/HEAD", [f"{commit}\n".encode()])
        folder.add_file(".git/config", [f'[remote "origin"]\n\turl = {address}\n'.encode()] if address else [])
        folder.add_file(".git/index", _index(entries))
        for path, link in links.items():
            with _naming(path):
                folder.add_link(os.fsdecode(path), link)
    except OSError as error:
        raise InputError(f"the commit cannot be written: {error.strerror}") from error


def _write_folders(folder: CommitFolder, objects: Objects, tree: str) -> list[TreeEntry]:
    """Create the folders of a commit, and return its other entries."""
    entries: list[TreeEntry] = []
    waiting, count = [(b"", tree)], 0
    while waiting:
        above, identifier = waiting.pop()
        for name, mode, content in objects.folder(identifier):
            count += 1
            if count > MOST_ENTRIES:
                fail(f"the commit has more than {MOST_ENTRIES:,} files and folders")
            path = above + name
            _check_name(name, path)
            if mode in (_TREE, _SUBMODULE):
                with _naming(path):
                    folder.add_folder(os.fsdecode(path))
            if mode == _TREE:
                waiting.append((path + b"/", content))
            elif mode in _FILES or mode in (_LINK, _SUBMODULE):
                entries.append(TreeEntry(path, mode, content))
            else:
                fail(f"`{_display_path(path)}` in the commit has the unknown mode {mode:o}")
    return entries


def _write_files(folder: CommitFolder, objects: Objects, entries: list[TreeEntry]) -> dict[bytes, str]:
    """Create the files of a commit, and return the targets of its links."""
    left = MOST_BYTES
    links: dict[bytes, str] = {}

    def spend(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            fail(f"the files of the commit are larger than {MOST_BYTES:,} bytes")

    for path, mode, content in entries:
        if mode in _FILES:
            with _naming(path):
                folder.add_file(os.fsdecode(path), objects.file(content, spend))
        elif mode == _LINK:
            if path in links:
                fail(f"`{_display_path(path)}` in the commit exists twice")
            links[path] = _target(objects, content, path)
    return links


def _target(objects: Objects, identifier: str, path: bytes) -> str:
    def spend(size: int) -> None:
        if size > _MOST_OF_LINK:
            fail(f"the symbolic link `{_display_path(path)}` in the commit is longer than {_MOST_OF_LINK:,} bytes")

    data = b"".join(objects.file(identifier, spend))
    if not data or b"\0" in data:
        fail(f"the symbolic link `{_display_path(path)}` in the commit is invalid")
    return os.fsdecode(data)


@contextmanager
def _naming(path: bytes) -> Iterator[None]:
    """Raise InputError with the path of an entry if it cannot be created."""
    try:
        yield
    except FileExistsError as error:
        raise InputError(
            f"`{_display_path(path)}` in the commit has the same path as another file or folder here"
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "the name is invalid"
        raise InputError(f"`{_display_path(path)}` in the commit cannot be written: {why}") from error


def _check_name(name: bytes, path: bytes) -> None:
    """Raise InputError for a name that leads out of its folder, or into ``.git``."""
    text = os.fsdecode(name)
    is_plain = text not in ("", os.curdir, os.pardir) and "/" not in text and not leads_into_git(text)
    if is_plain and os.name == "nt":
        has_mark = bool(_NOT_IN_WINDOWS.intersection(text)) or text.endswith((".", " ")) or min(text) < " "
        is_plain = not has_mark and text.split(".")[0].rstrip().lower() not in _DEVICES
    if not is_plain:
        fail(f"`{_display_path(path)}` in the commit is not a valid path")


def _display_path(path: bytes) -> str:
    text = os.fsdecode(path)
    return visible(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


def _index(entries: list[TreeEntry]) -> Iterator[bytes]:
    """Yield the parts of an index in git's version 2, from which kvlint reads the names of the tracked files.

    The files have no state, and identifiers are cut to the length of SHA-1.
    """
    import hashlib

    digest = hashlib.sha1(usedforsecurity=False)
    header = b"DIRC" + (2).to_bytes(4) + len(entries).to_bytes(4)
    digest.update(header)
    yield header
    for path, mode, content in sorted(entries):
        record = bytes(24) + mode.to_bytes(4) + bytes(12) + bytes.fromhex(content)[:SHA1_BYTES]
        record += min(len(path), 0xFFF).to_bytes(2) + path
        record += bytes(8 - len(record) % 8)
        digest.update(record)
        yield record
    yield digest.digest()
