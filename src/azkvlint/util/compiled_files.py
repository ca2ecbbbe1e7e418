"""The compiled form of rules and tables: beside the package in a wheel, in the folder ``build`` of a checkout.

Compiling parses more than two hundred files of YAML and imports every module of derived attributes, which takes several
times as long as checking a small plan. A checkout therefore keeps the result until a file of the package or of the
rules changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache

from azkvlint.util.project_files import read_resource

# Their position in a checkout, and the folder there that has the package.
_KEPT, _SOURCES = os.path.join("build", "compiled"), "src"


def read_compiled(package: str, path: str) -> bytes:
    """Return a compiled file of the folder ``package``, such as ``rules/compiled.json``.

    Raise FileNotFoundError if a checkout has not kept it, another OSError if it cannot be read.
    """
    return read_resource(os.path.join(_kept_folder(package) or package, *path.split("/")))


def keep_compiled(package: str, files: Mapping[str, bytes]) -> None:
    """Keep compiled files by their paths, in the checkout of the folder ``package``.

    Nothing is kept for an installed package, for files that changed since the run began, and in a checkout that cannot
    be written.
    """
    kept = _kept_folder(package)
    if kept and kept == _folder_of_state(package):
        with suppress(OSError):
            for path, content in files.items():
                _keep(kept, path, content)


def _keep(kept: str, path: str, content: bytes) -> None:
    file = os.path.join(kept, *path.split("/"))
    partial = f"{file}.{os.getpid()}"
    if not os.path.isdir(kept):
        from shutil import rmtree

        above = os.path.dirname(kept)
        if os.path.islink(above) or os.path.islink(os.path.dirname(above)):
            return  # what a link leads to is not kvlint's
        for name in os.listdir(above) if os.path.isdir(above) else ():
            if len(name) == len(os.path.basename(kept)):
                rmtree(os.path.join(above, name), ignore_errors=True)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(partial, "wb") as out:
        out.write(content)
    os.replace(partial, file)


@cache
def _kept_folder(package: str) -> str:
    """Return the folder of a checkout for the files that its current state compiles to; empty for an installation."""
    if os.path.isdir(os.path.join(package, "rules")) or not os.path.isdir(os.path.join(_checkout(package), "rules")):
        return ""
    return _folder_of_state(package)


def _folder_of_state(package: str) -> str:
    from hashlib import blake2b

    checkout = _checkout(package)
    digest = blake2b(digest_size=16)
    for top in (package, os.path.join(checkout, "rules")):
        for state in sorted(_states(top)):
            digest.update(repr(state).encode())
    return os.path.join(checkout, _KEPT, digest.hexdigest())


def _checkout(package: str) -> str:
    sources = os.path.dirname(package)
    return os.path.dirname(sources) if os.path.basename(sources) == _SOURCES else sources


def _states(folder: str) -> Iterator[tuple[str, int, int]]:
    """Yield the path, the size and the time of the last change of each file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                state = entry.stat()
                yield entry.path, state.st_size, state.st_mtime_ns
            elif entry.name != "__pycache__":
                yield from _states(entry.path)
