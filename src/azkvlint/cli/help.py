"""The help of commands in panels, messages for errors of usage, and shell completion of option values.

The completion scripts and commands are typer's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

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


_OPTIONS, _COMMANDS = "Options", "Commands"
_EXAMPLES = (
    ("kvlint .", "Check the current folder."),
    ("kvlint . --fail-on high", "Fail only for high and critical findings."),
    ("kvlint plan.json -f sarif=kvlint.sarif", "Check a plan, and write a SARIF log."),
    ("kvlint explain KV001", "Explain a rule, and how to fix a finding."),
)
_EXIT_CODES = (
    ("0", "No findings."),
    ("1", "Findings."),
    ("2", "Invalid usage."),
    ("3", "Incomplete analysis: an input cannot be read, or there is none."),
)


# The types of click are Any: typer depends on click or bundles it, depending on its version.


class PanelCommand(TyperCommand):
    """A command whose help lists its options by panel."""

    # Without it, the library reports unexpected arguments in its own style.
    allow_extra_args = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Raise UsageError."""
        words = args[: args.index("--")] if "--" in args else args
        for name in (name for option in self.params if option.nargs > 1 for name in option.opts):
            # The library keeps the values of the last one.
            if words.count(name) > 1:
                raise UsageError(f"{name} is possible only once", f"run the command once for each {name}")
        try:
            remaining: list[str] = super().parse_args(ctx, args)
        except LIBRARY_ERROR as error:
            raise usage_error(error, ctx) from None
        if remaining and not ctx.resilient_parsing:
            raise unexpected_argument(remaining[0], ctx.command_path)
        return remaining

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line after the name of the command."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels of arguments and options."""
        _write_panels(formatter, _panels_of_parameters(self, ctx))


class PanelGroup(TyperGroup):
    """A group whose help lists its commands, then its options, by panel."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Raise UsageError."""
        try:
            return super().parse_args(ctx, args)
        except LIBRARY_ERROR as error:
            raise usage_error(error, ctx) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command of the first word. Raise UsageError."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise unknown_command(args[0], self.commands, ctx.command_path)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels of commands, then those of options."""
        commands: Mapping[str, Any] = self.commands
        rows = (
            (each.rich_help_panel if isinstance(each.rich_help_panel, str) else _COMMANDS, name, each.help)
            for name, each in commands.items()
        )
        _write_panels(formatter, rows)
        _write_panels(formatter, _panels_of_parameters(self, ctx))


class MainGroup(PanelGroup):
    """All commands. ``kvlint PATH...`` is short for ``kvlint check PATH...``, in shell completion too."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command of the first word, or `check`."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["check", *args])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the completions of the first word: the commands, and the options of ``check``."""
        completions = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            check = self.commands["check"]
            completions += check.shell_complete(
                check.make_context("check", [], ctx, resilient_parsing=True), incomplete
            )
        return completions

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write both forms of a command line."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] PATH...")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, all panels, and the exit codes."""
        _write_panels(formatter, (("Examples", *example) for example in _EXAMPLES))
        super().format_options(ctx, formatter)
        _write_panels(formatter, (("Exit codes", *code) for code in _EXIT_CODES))


def _panels_of_parameters(command: Any, ctx: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the panel, the names and the help of each argument and option."""
    panel = ""
    for parameter in command.get_params(ctx):
        row = parameter.get_help_record(ctx)
        if row is None:
            continue
        if parameter.param_type_name == "argument":
            yield "Arguments", *row
        else:
            # `--help`, which typer adds at the end, belongs to the last panel.
            panel = getattr(parameter, "rich_help_panel", None) or panel or _OPTIONS
            yield panel, *row


def _write_panels(formatter: Any, rows: Iterable[tuple[str, str, str]]) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for panel, name, text in rows:
        panels.setdefault(panel, []).append((name, text))
    for panel, content in panels.items():
        with formatter.section(panel):
            formatter.write_dl(content)


def values_of(command: str, field: str) -> Callable[[str], list[str]] | None:
    """Return the completion function of an option; None where the shell completes file names or nothing."""
    words = _WORDS.get((command, field)) or _WORDS.get(("", field))
    if words is None:
        return None

    def complete(incomplete: str) -> list[str]:
        return [word for word in words() if word.startswith(incomplete)]

    return complete


def _named(module: str, name: str) -> Callable[[], Iterable[str]]:
    """Return the words of a table, whose module is imported when they are completed."""
    return lambda: getattr(import_module(f"azkvlint.{module}"), name)


def _rule_ids() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_rules

    return [rule.id for rule in builtin_rules()]


def _categories() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_rules, categories_of

    return categories_of(builtin_rules())


def _selections() -> Iterable[str]:
    return [*_rule_ids(), *_categories()]


def _explained() -> Iterable[str]:
    from azkvlint.reporters.problems import PROBLEMS

    return [*_rule_ids(), *PROBLEMS]


def _permissions() -> Iterable[str]:
    from azkvlint.access.effects import permission_names

    return permission_names()


def _limits() -> Iterable[str]:
    return [f"{name}=" for name in _permissions()]


def _profiles() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
    from azkvlint.engine.schema import PROFILES

    return [*PROFILES, *(framework.name for framework in builtin_frameworks(builtin_rules()))]


def _frameworks() -> Iterable[str]:
    from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules

    return [*(framework.name for framework in builtin_frameworks(builtin_rules())), "all"]


def _services() -> Iterable[str]:
    # A test compares them with the pipelines, whose module takes longer to import than completion may take.
    return ("github", "gitlab", "azure", "none")


_WORDS: dict[tuple[str, str], Callable[[], Iterable[str]]] = {
    ("check", "formats"): _named("reporters", "REPORTERS"),
    ("controls", "formats"): _named("reporters.controls", "CONTROLS_REPORTERS"),
    ("access", "formats"): _named("reporters.access", "ACCESS_REPORTERS"),
    ("migrate-rbac", "formats"): lambda: ("text", "json", "markdown", "csv", "html", "code"),
    ("init", "ci"): _services,
    ("", "output_language"): lambda: ("terraform", "bicep"),
    ("diff", "formats"): _named("reporters.difference", "DIFFERENCE_REPORTERS"),
    ("fix", "formats"): lambda: ("text", "json"),
    ("", "gates"): _named("difference.gates", "GATES"),
    ("", "accept"): lambda: ("suppressed",),
    ("", "permissions"): _permissions,
    ("", "denials"): _permissions,
    ("", "maximums"): _limits,
    ("suppressions", "formats"): lambda: ("text", "json"),
    ("", "frameworks"): _frameworks,
    ("", "sarif_include"): _named("reporters", "SARIF_INCLUDED"),
    ("", "select"): _selections,
    ("", "ignore"): _selections,
    ("explain", "rule"): _explained,
    ("rules", "category"): _categories,
    ("", "profiles"): _profiles,
    ("", "min_severity"): _named("model.rule", "SEVERITIES"),
    ("", "fail_on"): lambda: (*_named("model.rule", "SEVERITIES")(), "none"),
    ("", "color"): _named("cli.resolve", "COLORS"),
    ("", "cache_by"): _named("cli.resolve", "COMPARISONS"),
    ("", "tool"): lambda: ("terraform", "opentofu"),
    ("suppressions", "peer_tools"): _named("model.finding", "TOOLS"),
}
