"""The reference of commands and options, from the definition of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from azkvlint.cli.app import app
from sitegen.markup import table

# The commands in the order of the page. Every command has to be listed.
_ORDER = (
    "check", "controls", "suppressions", "fleet", "explain", "rules", "rules test", "rules new", "graph", "schema"
)  # fmt: skip


def command_line() -> str:
    """Return a section for each command, with its arguments and options. Raises KeyError for one that is not known."""
    commands = dict(_commands(typer.main.get_command(app), ""))
    order = [*_ORDER, *sorted(commands.keys() - set(_ORDER))]
    return "\n".join(line for name in order for line in _section(name, commands[name]))


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group and of the groups in it, by name. They are of click, which typer may bundle."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    usage = " ".join([f"kvlint {name}", *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    yield f"### kvlint {name}"
    yield ""
    yield _text(command.help)
    yield ""
    yield "```text"
    yield usage
    yield "```"
    yield ""
    panels: dict[str, list[tuple[str, str]]] = {}
    for one in options:
        if "--help" not in one.opts:
            panel = one.rich_help_panel if isinstance(one.rich_help_panel, str) else "option"
            panels.setdefault(panel, []).append((_names(one), _text(one.help)))
    for panel, rows in panels.items():
        yield from table((panel, "description"), rows)
        yield ""


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("{}.").upper()
    return f"{name}..." if argument.nargs == -1 else name


def _names(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'VALUE'}"
    long, short = ([one for one in option.opts if one.startswith("--") is is_long] for is_long in (True, False))
    return ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in (*long, *short))


def _text(text: str | None) -> str:
    """Return the text of a help as Markdown."""
    return " ".join((text or "").split()).replace("|", r"\|").replace("*", r"\*").replace("<", r"\<")
