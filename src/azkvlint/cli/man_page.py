"""The man page ``kvlint(1)``, made from the commands and options themselves. The wheel is built with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azkvlint import __version__

_NAME = "kvlint \\- judge Azure Key Vault in infrastructure code"
_SYNOPSIS = (
    r"\fBkvlint\fR [\fIOPTION\fR]... \fIPATH\fR...",
    r"\fBkvlint\fR \fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...",
)
_EXIT = (
    ("0", "No finding at or above --fail-on."),
    ("1", "Findings."),
    ("2", "The command line is wrong."),
    ("3", "Analysis incomplete: some input could not be read, or there is none. This beats 1."),
    ("130", "It was interrupted, which is how --watch ends."),
)
_ENVIRONMENT = (
    ("NO_COLOR", "Text has no colors, unless --color says otherwise."),
    ("FORCE_COLOR, CLICOLOR_FORCE", "Text has colors even where it is not written to a terminal."),
    ("BICEP_CACHE_DIRECTORY", "Where restored Bicep modules are looked for, besides ~/.bicep."),
    ("KVLINT_DEBUG", "Should kvlint itself break, the whole traceback is shown."),
)
_EXAMPLES = (
    ("Judge everything below the current folder:", "kvlint ."),
    ("Write a log for an editor, and keep it up to date:", "kvlint --watch . -f text -f sarif=.sarif/kvlint.sarif"),
    ("Judge a Terraform plan without writing it to a file:", "terraform show -json tfplan | kvlint -"),
    ("Complete command lines in this shell:", 'eval "$(kvlint completions bash)"'),
)


def manual() -> str:
    """The page in the language of man(7)."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    from typer.main import get_command

    from azkvlint.cli.app import app

    group: Any = get_command(app)
    yield f'.TH KVLINT 1 "" "kvlint {_text(__version__)}" "User Commands"'
    yield from (".SH NAME", _NAME, ".SH SYNOPSIS")
    yield from _between(_SYNOPSIS, ".br")
    yield from (".SH DESCRIPTION", *_prose(group.help))
    yield ".SH COMMANDS"
    for name, command in group.commands.items():
        yield from _command(name, command)
        for inner, below in getattr(command, "commands", {}).items():
            yield from _command(f"{name} {inner}", below)
    yield from (".SH EXIT STATUS", *_table(_EXIT))
    yield from (".SH ENVIRONMENT", *_table(_ENVIRONMENT))
    yield ".SH EXAMPLES"
    for number, (text, line) in enumerate(_EXAMPLES):
        yield from ((".PP",) if number else ())
        yield from (_text(text), ".PP", ".RS", ".nf", _text(line), ".fi", ".RE")


def _command(name: str, command: Any) -> Iterator[str]:
    """A command with its arguments and options; ``command`` is the library's own, whose type it keeps to itself."""
    yield f'.SS "kvlint {_text(name)}"'
    yield from _prose(command.help or "List the rules.")
    for parameter in command.params:
        if parameter.name != "help" and parameter.help:
            yield from (".TP", _heading(parameter), _text(parameter.help))


def _heading(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return rf"\fI{_text(parameter.name.upper())}\fR"
    names = ", ".join(rf"\fB{_text(name)}\fR" for name in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else rf"{names} \fIVALUE\fR"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs, one line each, below a heading."""
    yield from _between(tuple(_text(" ".join(paragraph.split())) for paragraph in text.strip().split("\n\n")), ".PP")


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, text in rows:
        yield from (".TP", rf"\fB{_text(name)}\fR", _text(text))


def _between(lines: tuple[str, ...], what: str) -> Iterator[str]:
    """Lines with another one between each two."""
    for number, line in enumerate(lines):
        if number:
            yield what
        yield line


def _text(text: str) -> str:
    """A text whose signs stand for themselves: none is a command or an escape of the language."""
    safe = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("~", r"\(ti").replace("^", r"\(ha")
    )
    return rf"\&{safe}" if safe.startswith((".", "'")) else safe
