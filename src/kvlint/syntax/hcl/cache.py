"""kvlint's folder in the user's cache directory: what python-hcl2 takes long to say is kept there.

All of it can be made anew, so nothing here ever fails: what cannot be read is not there, and what cannot be written is
not kept. Files are written under another name first, so that no process finds half of one, and with their digest.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec

_DIGEST = 32
_OTHERS_MAY_WRITE = 0o022


def read(name: str) -> bytes | None:
    """What is kept under a name, as it was written."""
    folder = _folder()
    if folder is None:
        return None
    try:
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
    except OSError:
        return None
    kept, digest = data[:-_DIGEST], data[-_DIGEST:]
    return kept if kept and digest == _digest(kept) else None


def write(name: str, data: bytes) -> None:
    """Keeps ``data`` under a name."""
    folder = _folder()
    if folder is None:
        return
    from tempfile import mkstemp

    new = ""
    try:
        handle, new = mkstemp(dir=folder)
        with open(handle, "wb") as file:
            file.write(data + _digest(data))
        os.replace(new, os.path.join(folder, name))
    except OSError:
        # A folder that is not to be written to, or a full disk.
        if new:
            _remove(new)


@cache
def grammar() -> str:
    """What tells apart the grammar that is installed from those of other versions of python-hcl2."""
    package = find_spec("hcl2")
    folders = package.submodule_search_locations if package is not None else None
    with open(os.path.join((folders or ["."])[0], "hcl2.lark"), "rb") as file:
        return _digest(file.read()).hex()[:16]


def _digest(data: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(data).digest()


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        return


def _folder() -> str | None:
    """The folder, made if need be; None if there can be none.

    What lies there is loaded as it is, so it is used only where nobody else can write.
    """
    root = _directory()
    if root is None:
        return None
    folder = os.path.join(root, "kvlint")
    try:
        os.makedirs(root, exist_ok=True)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        state = os.stat(folder)
    except OSError:
        return None
    if sys.platform != "win32" and (state.st_uid != os.geteuid() or state.st_mode & _OTHERS_MAY_WRITE):
        return None
    return folder


def _directory() -> str | None:
    """Where programs keep what they can make anew."""
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA") or None
    home = os.environ.get("HOME", "")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches") if os.path.isabs(home) else None
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return named
    return os.path.join(home, ".cache") if os.path.isabs(home) else None
