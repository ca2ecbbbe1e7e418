"""The options of ``kvlint PATH...`` as data, and a reader for plain command lines.

The reader understands what scripts and people write every day. Everything else (help, other commands, mistakes) it
leaves to the full command line in ``cli``, whose library costs more time to import than a small plan takes to judge.
A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Option(msgspec.Struct, frozen=True):
    """One option: its ``names``, the field of Arguments it sets, and whether it takes a value, and many of them."""

    names: tuple[str, ...]
    field: str
    takes_value: bool = True
    many: bool = False


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """``kvlint PATH...`` taken apart, values unchecked. ``formats`` are ``NAME`` or ``NAME=FILE``."""

    paths: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    output: str = ""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    closed: bool = False
    source_root: str = ""
    as_of: str = ""
    jobs: str = "0"
    min_severity: str = "info"
    fail_on: str = "info"
    strict: bool = False
    quiet: bool = False
    verbose: bool = False
    statistics: bool = False


OPTIONS = (
    Option(("--format", "-f"), "formats", many=True),
    Option(("--output", "-o"), "output"),
    Option(("--select",), "select", many=True),
    Option(("--ignore",), "ignore", many=True),
    Option(("--profile",), "profiles", many=True),
    Option(("--set",), "settings", many=True),
    Option(("--rules",), "rules", many=True),
    Option(("--parameters",), "parameters", many=True),
    Option(("--var",), "variables", many=True),
    Option(("--var-file",), "variable_files", many=True),
    Option(("--closed",), "closed", takes_value=False),
    Option(("--source-root",), "source_root"),
    Option(("--as-of",), "as_of"),
    Option(("--jobs", "-j"), "jobs"),
    Option(("--min-severity",), "min_severity"),
    Option(("--fail-on",), "fail_on"),
    Option(("--strict",), "strict", takes_value=False),
    Option(("--quiet", "-q"), "quiet", takes_value=False),
    Option(("--verbose", "-v"), "verbose", takes_value=False),
    Option(("--statistics",), "statistics", takes_value=False),
)
COMMANDS = ("check", "controls", "explain", "rules", "graph")
_BY_NAME = {name: option for option in OPTIONS for name in option.names}


def plain_arguments(words: Sequence[str]) -> Arguments | None:
    """The arguments of a plain ``kvlint [check] PATH...``; None for a command line that is not plain."""
    given: dict[str, Any] = {}
    paths: list[str] = []
    waiting = list(words[1:] if words[:1] == ["check"] else words)
    while waiting:
        word = waiting.pop(0)
        if word == "-" or not word.startswith("-"):
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        option = _BY_NAME.get(name)
        if option is None or (equals and (not option.takes_value or not name.startswith("--"))):
            return None
        if not option.takes_value:
            given[option.field] = True
            continue
        if not equals:
            if not waiting or (waiting[0].startswith("-") and waiting[0] != "-"):
                return None
            value = waiting.pop(0)
        given[option.field] = (*given.get(option.field, ()), value) if option.many else value
    if not paths or (words[:1] != ["check"] and paths[0] in COMMANDS):
        return None
    return Arguments(paths=tuple(paths), **given)
