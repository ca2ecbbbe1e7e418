"""Print the files of the package that a value passes through in one run, in the order of their first visit.

    python benchmarks/value_path.py MARK ARGUMENT ...

MARK is a part of the value, such as a word in the input or in an option, and the arguments are those of kvlint. A file
is visited while one of its functions has the value as an argument or result, itself or up to two records deep; visits
in a row are one. A return is a visit from a room to one above it, in the order of ARCHITECTURE.md.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from types import FrameType

import azkvlint
from azkvlint.__main__ import main

PACKAGE = Path(azkvlint.__file__).parent
ARCHITECTURE = Path(__file__).resolve().parents[1] / "ARCHITECTURE.md"
_LONGEST, _MOST, _DEPTH = 300, 20, 2


def rooms() -> dict[str, int]:
    """Return the rooms with their heights, as ARCHITECTURE.md lists them; 0 is the highest."""
    listed = ARCHITECTURE.read_text(encoding="utf-8").partition("## Rooms")[2].split("```")[1]
    lines = [re.split(r" {2,}", line)[0] for line in listed.strip().splitlines()]
    return {room.strip(): height for height, line in enumerate(lines) for room in line.split("|")}


def contains(value: object, mark: str, depth: int = _DEPTH) -> bool:
    """Return whether a value is, or contains, a short string with the mark."""
    if isinstance(value, str):
        return len(value) < _LONGEST and mark in value
    if isinstance(value, bytes):
        return len(value) < _LONGEST and mark.encode() in value
    if depth == 0:
        return False
    names = getattr(type(value), "__struct_fields__", None)
    if type(names) is tuple:
        parts = [getattr(value, name, None) for name in names]
    elif isinstance(value, list | tuple):
        parts = list(value[:_MOST])
    else:
        parts = list(value.values())[:_MOST] if type(value) is dict else []
    return any(contains(part, mark, depth - 1) for part in parts)


def visits(mark: str) -> list[str]:
    """Run kvlint with the arguments of this process, and return the files that the value visits, in order."""
    visited: list[str] = []

    def profile(frame: FrameType, event: str, result: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(str(PACKAGE)) or "<" in code.co_name:
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = [result] if event == "return" else [frame.f_locals.get(name) for name in names]
        # A constructor has no record yet.
        if code.co_name != "__init__" and any(contains(value, mark) for value in values):
            file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            if visited[-1:] != [file]:
                visited.append(file)

    sys.setprofile(profile)
    try:
        main()
    finally:
        sys.setprofile(None)
    return visited


def run() -> None:
    """Print the files, and their number, that of visits, and that of returns to a room above."""
    mark = sys.argv.pop(1)
    found, heights = visits(mark), rooms()
    path = [heights[file.partition("/")[0].removesuffix(".py")] for file in found]
    files = list(dict.fromkeys(found))
    returns = sum(after < before for before, after in pairwise(path))
    print(*files, sep="\n", file=sys.stderr)
    print(f"{len(files)} files, {len(found)} visits, {returns} returns", file=sys.stderr)


if __name__ == "__main__":
    run()
