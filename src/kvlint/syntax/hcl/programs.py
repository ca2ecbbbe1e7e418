"""What python-hcl2 says about skeletons: the steps that make a tree of one. There are few, so all are kept.

They are kept for the next run, too: most runs meet none that is new, and do without python-hcl2, which takes longer to
load than a module to read.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import msgspec

from kvlint import __version__
from kvlint.syntax.hcl import cache

# What to make, of which word it is the first and the last, and what else is to be known.
Step: TypeAlias = tuple[str, int, int, tuple[Any, ...]]
# The steps, or which word does not belong in the skeleton.
Program: TypeAlias = list[Step] | int

_MAX_PROGRAMS = 2000
_MAX_KEPT = 500
_LONGEST_KEPT = 120

_programs: dict[str, Program] = {}
_kept: dict[str, Program] = {}


def program_of(words: list[str]) -> Program:
    """The steps for the skeleton that is made of ``words``, or which of them does not belong there."""
    text = " ".join(words)
    found = _programs.get(text)
    if found is None:
        found = _new(words, text)
    return found


def _new(words: list[str], text: str) -> Program:
    """The steps for a skeleton that this run has not met before."""
    if not _kept:
        _kept.update(_read())
    found = _kept.get(text)
    if found is None:
        from kvlint.syntax.hcl.lower import lower

        found = lower(words, text)
        if len(text) <= _LONGEST_KEPT and len(_kept) < _MAX_KEPT and not isinstance(found, int):
            _keep(text, found)
    if len(_programs) >= _MAX_PROGRAMS:
        _programs.clear()
    if len(words) < _MAX_PROGRAMS:
        _programs[text] = found
    return found


def _keep(text: str, program: Program) -> None:
    """Keeps the steps for a skeleton, beside those that other processes may have kept in the meantime."""
    _kept[text] = program
    others = _read()
    if len(others) < _MAX_KEPT:
        cache.write(_name(), msgspec.json.encode(others | _kept))


def _read() -> dict[str, Program]:
    """The steps that are kept."""
    data = cache.read(_name())
    return {} if data is None else msgspec.json.decode(data, type=dict[str, Program])


def _name() -> str:
    """The name that they are kept under, which tells apart all that they depend on."""
    try:
        state = os.stat(os.path.join(os.path.dirname(__file__), "lower.py"))
        own = f"{state.st_size}-{state.st_mtime_ns}"
    except OSError:
        own = ""
    return f"expressions-{__version__}-{own}-{cache.grammar()}.json"
