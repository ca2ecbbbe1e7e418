"""Errors of the command line's library as errors of kvlint, in the one style of all usage errors."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import typer

from azkvlint.config.options import OPTIONS
from azkvlint.util.errors import UsageError, did_you_mean

# The exceptions of click, which typer depends on or bundles, depending on its version.
_EXCEPTIONS: Any = sys.modules[typer.BadParameter.__module__]
LIBRARY_ERROR: type[Exception] = _EXCEPTIONS.UsageError


def usage_error(error: Any, ctx: Any) -> UsageError:
    """Return an error of parsing the arguments of a command as UsageError."""
    help_ = f"{ctx.command_path} --help"
    options = {name: parameter for parameter in ctx.command.get_params(ctx) for name in parameter.opts}
    if isinstance(error, _EXCEPTIONS.NoSuchOption):
        hint = _similar_option(error.option_name, options) or f"{help_} lists all options"
        return UsageError(f"unknown option '{error.option_name}'", hint)
    if isinstance(error, _EXCEPTIONS.MissingParameter):
        return UsageError(f"missing argument {error.param.human_readable_name}", f"{help_} shows the usage")
    if isinstance(error, _EXCEPTIONS.BadOptionUsage):
        name, option = error.option_name, options[error.option_name]
        if option.is_flag:
            return UsageError(f"{name} does not accept a value", f"write {name}")
        return UsageError(f"{name} requires a value", f"write {name} {option.metavar}")
    message = error.format_message()
    return UsageError(f"{message[:1].lower()}{message[1:]}".removesuffix("."), f"{help_} shows the usage")


def _similar_option(name: str, known: Iterable[str]) -> str:
    """Return a hint with the most similar option of the command, or the commands that have exactly this one."""
    others = [command for option in OPTIONS if name in option.names for command in option.commands]
    if others:
        *first, last = (f"kvlint {command}" for command in dict.fromkeys(others))
        return f"{name} is an option of {', '.join(first)}{' and ' if first else ''}{last}"
    # With their dashes, all options would be similar to each other.
    words = [each.removeprefix("--") for each in known if each.startswith("--")]
    close = get_close_matches(name.lstrip("-"), words, 1)
    return f"did you mean '--{close[0]}'?" if close else ""


def unexpected_argument(word: str, command: str) -> UsageError:
    """Return the error of an argument that a command does not accept."""
    return UsageError(f"unexpected argument '{word}'", f"{command} --help shows the usage")


def unknown_command(word: str, known: Iterable[str], group: str) -> UsageError:
    """Return the error of a command that a group does not have."""
    hint = did_you_mean(word, list(known)) or f"{group} --help lists all commands"
    return UsageError(f"unknown command '{group} {word}'", hint)
