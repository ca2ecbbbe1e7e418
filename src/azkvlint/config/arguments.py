"""The arguments of a command line, and a parser for the common case.

The parser handles plain ``kvlint [check] PATH...`` command lines. Everything else (help, other commands, mistakes) is
left to ``cli``, whose library takes longer to import than a small plan takes to check. A test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from azkvlint.config.option_values import OptionValues
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.util.errors import InternalError


class Arguments(OptionValues, frozen=True, kw_only=True):
    """The arguments of a command line, not validated: paths and the values of options.

    ``explicit_fields`` are the fields that the command line sets, even to their default values.
    """

    paths: tuple[str, ...] = ()
    explicit_fields: frozenset[str] = frozenset()


def arguments_of(paths: Iterable[str], fields: Mapping[str, Any]) -> Arguments:
    """Return the arguments with these values of options. Raise InternalError if the record of values lacks one."""
    try:
        return Arguments(paths=tuple(paths), explicit_fields=frozenset(fields), **fields)
    except TypeError as error:
        raise InternalError(
            "config/option_values.py lacks a row of data/options.yaml", hint="Run make samples."
        ) from error


_OPTIONS_OF = {
    command: {name: option for option in OPTIONS if command in option.commands for name in option.names}
    for command in ("check", "fix")
}


def mistyped_command(words: Sequence[str]) -> str:
    """Return the command that the first word misspells; "" if it is a command, an option or a path."""
    if not words or words[0] in COMMANDS or words[0].startswith("-") or os.path.lexists(words[0]):
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(words[0], COMMANDS, 1)), "")


def plain_arguments(words: Sequence[str], command: str = "check") -> Arguments | None:
    """Return the arguments of a plain ``kvlint [check] PATH...`` or ``kvlint fix``; None for any other command line.

    ``command`` is check or fix; ``fix`` has a default path.
    """
    fields: dict[str, Any] = {}
    paths: list[str] = []
    options = _OPTIONS_OF[command]
    is_named = words[:1] == [command]
    remaining = list(words[1:] if is_named else words)
    while remaining:
        word = remaining.pop(0)
        if word == "-" or not word.startswith("-"):
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        option = options.get(name)
        if option is None or (equals and (not option.takes_value or not name.startswith("--"))):
            return None
        if not option.takes_value:
            fields[option.field] = True
            continue
        if not equals:
            if not remaining or (remaining[0].startswith("-") and remaining[0] != "-"):
                return None
            value = remaining.pop(0)
        fields[option.field] = (*fields.get(option.field, ()), value) if option.many else value
    if command == "fix":
        return arguments_of(paths, fields) if is_named else None
    if not paths or (not is_named and paths[0] in COMMANDS):
        return None
    return arguments_of(paths, fields)
