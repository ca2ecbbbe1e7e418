"""The command line: commands, options and help."""

from __future__ import annotations

from copy import copy
from importlib import import_module
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

from azkvlint.cli.help import MainGroup, PanelCommand, PanelGroup, values_of
from azkvlint.config.arguments import arguments_of, plain_arguments
from azkvlint.config.option import Option
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.util.errors import EXIT_CLEAN, EXIT_USAGE

_HELP = """Check Azure Key Vault in infrastructure code.

kvlint PATH... checks files and folders: Terraform and OpenTofu modules and plans, Bicep files, ARM templates and
what-if results; - reads standard input. It is short for kvlint check PATH..., and kvlint check --help lists its
options.
"""
_CHECKS, _RULES_PANEL, _SETUP = "Checks", "Rules", "Configuration"


app = typer.Typer(
    cls=MainGroup,
    help=_HELP,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
rules_app = typer.Typer(
    cls=PanelGroup,
    help="List rules, and create or test custom rules.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


def run(words: list[str]) -> int:
    """Run a command line; ``PATH...`` without a command is ``check PATH...``."""
    # `--show-settings` needs no input. It defaults to the current folder.
    if "--show-settings" in words and plain_arguments(words) is None:
        here = plain_arguments([*words, "."])
        words = [*words, "."] if here is not None and here.paths == (".",) else words
    # Paths and options without a command are arguments of `check`.
    if words and words[0] not in COMMANDS and not _is_for_group(words[0]):
        words = ["check", *words]
    try:
        code = _app_of(words[:1])(words or ["--help"], prog_name="kvlint", standalone_mode=False)
    except SystemExit as stop:  # completions for a shell
        return stop.code if isinstance(stop.code, int) else EXIT_CLEAN
    if not words:
        return EXIT_USAGE
    return code if isinstance(code, int) else EXIT_CLEAN


def _app_of(command: list[str]) -> typer.Typer:
    """Return the application with this command alone: building all commands takes longer than a small run."""
    if not command or command[0] not in COMMANDS:
        return app
    only = copy(app)
    only.registered_commands = [one for one in app.registered_commands if _name_of(one) == command[0]]
    only.registered_groups = [one for one in app.registered_groups if one.name == command[0]]
    return only


def _name_of(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def _is_for_group(word: str) -> bool:
    return word in ("-h", "--help", "--version", "-V", "--install-completion", "--show-completion")


@app.callback()
def _group(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from azkvlint import __version__

        typer.echo(f"kvlint {__version__}")
        raise typer.Exit


_PATHS = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, or - for stdin.")]
_SIDES = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[BASE] [HEAD]",
        help="Two folders, files or JSON reports; a commit and a path; or one plan or what-if result.",
    ),
]
_FIX_PATHS = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="Files and folders (default: the current folder).")
]
_INPUTS = Annotated[
    list[str] | None,
    typer.Argument(metavar="[INPUT]...", help="Paths, globs, addresses such as abfs://..., or @FILE with a list."),
]


def _add_check_command(
    name: str,
    summary: str,
    action: str,
    epilog: str = "",
    paths: Any = _PATHS,
) -> None:
    """Add a command that checks inputs, with its options from the option table. ``epilog`` ends its help.

    ``action`` is the function of this room that runs it; its module is imported then.
    """
    module, _, function = action.partition(".")

    def command(context: typer.Context, **options: Any) -> None:
        values = {field: tuple(value) if isinstance(value, list) else value for field, value in options.items()}
        explicit = {field for field in values if _is_explicit(context, field)} - {"paths"}
        arguments = arguments_of(values["paths"] or (), {field: values[field] for field in explicit})
        raise typer.Exit(getattr(import_module(f"azkvlint.cli.{module}"), function)(arguments))

    no_default = None if paths in (_INPUTS, _FIX_PATHS, _SIDES) else Parameter.empty
    parameters = [
        Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        Parameter("paths", Parameter.POSITIONAL_OR_KEYWORD, annotation=paths, default=no_default),
    ]
    for option in OPTIONS:
        if name in option.commands:
            type_ = _type_of(option)
            declaration = typer.Option(
                *option.names,
                help=option.help,
                metavar=option.metavar or None,
                rich_help_panel=option.panel,
                autocompletion=values_of(name, option.field),
            )
            annotation = Annotated[type_, declaration]  # type: ignore[valid-type]  # computed
            is_one = not option.many and option.values == 1
            default = (option.default if option.takes_value else False) if is_one else None
            parameters.append(
                Parameter(option.field, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)
            )
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # read by typer
    app.command(name, cls=PanelCommand, help=summary, epilog=epilog, rich_help_panel=_CHECKS)(command)


def _type_of(option: Option) -> Any:
    if option.values > 1:
        return tuple[(str,) * option.values] | None  # type: ignore[misc]  # computed
    return list[str] | None if option.many else str if option.takes_value else bool


def _is_explicit(context: typer.Context, field: str) -> bool:
    """Return whether the command line sets a field, even to its default value."""
    source = context.get_parameter_source(field)
    return source is not None and source.name == "COMMANDLINE"


# The list is repeated here because the help must not import the reporters.
_FORMATS = "Formats: text, concise, json, sarif, markdown, github, gitlab, azure, junit, rdjson, html."
_add_check_command("check", "Check infrastructure code.", "check.run_check", _FORMATS)
_add_check_command("fix", "Fix findings: each fix is proven before it is offered.", "fix.run_fix", paths=_FIX_PATHS)
_add_check_command(
    "diff",
    "Compare two states: findings, one-way doors and access.",
    "diff.run_diff",
    "Gates: new, new:high etc., changed, gone, unknown, suppressed, one-way, destroyed, replaced, purge-protection,"
    " retention, tenant, hsm, access-lost, access-gained, kept, none. Default: new, access-lost, replaced, destroyed,"
    " suppressed.",
    paths=_SIDES,
)
_add_check_command(
    "access",
    "Show which principals can reach what, and by which path.",
    "analyses.run_access",
    "Permissions: secrets/get, keys/use, certificates/get, manage, purge, network, access, delete, or keys/sign etc.",
)
_add_check_command(
    "migrate-rbac", "Plan the migration from access policies to Azure RBAC.", "analyses.run_migrate_rbac"
)
_add_check_command(
    "controls",
    "Assess control frameworks for every vault.",
    "analyses.run_controls",
    "Frameworks: key-vault, mcsb, mcsb-v2, cis-azure, nist-800-53, pci-dss, iso-27002, all, or a file.",
)
_add_check_command("suppressions", "List suppressions with owners, dates and states.", "suppressions.run_suppressions")
_add_check_command("fleet", "Check thousands of inputs on a Dask cluster.", "fleet.run_fleet", paths=_INPUTS)
_RuleFiles = Annotated[
    list[str] | None, typer.Option("--rules", metavar="FILE", help="Add custom rules from a file or folder.")
]


@app.command(cls=PanelCommand, rich_help_panel=_RULES_PANEL)
def explain(
    rule: Annotated[
        str,
        typer.Argument(
            metavar="RULE",
            help="A rule ID, name, prefix or category, or a problem code.",
            autocompletion=values_of("explain", "rule"),
        ),
    ],
    rules: _RuleFiles = None,
) -> None:
    """Explain a rule or a problem code."""
    from azkvlint.cli.output import write
    from azkvlint.cli.rules import explanation

    write(explanation(rule, tuple(rules or ())))


@app.command(cls=PanelCommand, rich_help_panel=_CHECKS)
def graph(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A module, plan, template or Bicep file, or -.")],
    access: Annotated[bool, typer.Option("--access", help="Draw which principals can reach which vaults.")] = False,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="Write mermaid or dot; with --access also html.")
    ] = "mermaid",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the drawing to FILE instead of stdout.")
    ] = "",
) -> None:
    """Draw the graph of resources and references."""
    from azkvlint.cli.graph import draw_access, draw_graph
    from azkvlint.cli.output import print_problems, write
    from azkvlint.linter.linter import exit_code_of

    if access:
        raise typer.Exit(draw_access(path, form, output))
    file = "" if output == "-" else output
    text, problems = draw_graph(path, form, file)
    write(text, file)
    print_problems(problems)
    raise typer.Exit(exit_code_of([path], problems, has_findings=False))


@app.command(cls=PanelCommand, rich_help_panel=_CHECKS)
def lsp(
    stdio: Annotated[bool, typer.Option("--stdio", help="Use standard input and output (the only transport).")] = True,
) -> None:
    """Start the language server for editors."""
    from azkvlint.cli.lsp import run_lsp

    raise typer.Exit(run_lsp())


@app.command("schema", cls=PanelCommand, rich_help_panel=_SETUP)
def schema_() -> None:
    """Print the JSON Schema of configuration files."""
    from azkvlint.cli.output import write
    from azkvlint.cli.schema import schema

    write(schema())


@app.command(cls=PanelCommand, rich_help_panel=_SETUP)
def init(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="A folder of the checkout to set up.")] = ".",
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            metavar="PROFILE",
            help="Run this rule set: default, strict, cmk, all.",
            autocompletion=values_of("init", "profiles"),
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="GLOB", help="Skip files and folders that match this glob."),
    ] = None,
    ci: Annotated[
        str,
        typer.Option(
            "--ci",
            metavar="SERVICE",
            help="Set up github, gitlab, azure or none.",
            autocompletion=values_of("init", "ci"),
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the files, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files of kvlint.")] = False,
) -> None:
    """Write a configuration, a baseline and a pipeline."""
    from azkvlint.cli.init import InitRequest, run_init

    raise typer.Exit(run_init(InitRequest(folder, tuple(profile or ()), tuple(exclude or ()), ci, force, dry_run)))


@app.command("git-base", cls=PanelCommand, rich_help_panel=_CHECKS)
def git_base(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file or folder, relative to the workspace.")],
    workspace: Annotated[str, typer.Option("--workspace", metavar="DIR", help="The workspace of the job.")] = ".",
    checkout: Annotated[
        str, typer.Option("--checkout", metavar="DIR", help="The checkout (default: the outermost one).")
    ] = "",
    revision: Annotated[str, typer.Option("--revision", metavar="COMMIT", help="Write the files of this commit.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Write them to this new folder.")] = "",
    head: Annotated[str, typer.Option("--head", metavar="COMMIT", help="Fail unless this commit is checked out.")] = "",
) -> None:
    """Write the files of a commit, and print the checkout of a path."""
    from azkvlint.cli.git_base import GitBaseRequest, run_git_base

    raise typer.Exit(run_git_base(GitBaseRequest(path, workspace, checkout, revision, output, head)))


@rules_app.callback()
def _rules(
    context: typer.Context,
    form: Annotated[str, typer.Option("--format", "-f", metavar="FORMAT", help="Write text or json.")] = "text",
    rules: _RuleFiles = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="PROFILE",
            help="List only rules of this profile or framework.",
            autocompletion=values_of("rules", "profiles"),
        ),
    ] = "",
    category: Annotated[
        str,
        typer.Option(
            metavar="CATEGORY", help="List only rules of this category.", autocompletion=values_of("rules", "category")
        ),
    ] = "",
) -> None:
    if context.invoked_subcommand is None:
        from azkvlint.cli.output import write
        from azkvlint.cli.rules import list_rules

        write(list_rules(form, tuple(rules or ()), profile, category))


@rules_app.command("test", cls=PanelCommand)
def rules_test(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="A rule file or folder (default: built-in rules).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Apply the quality checks for built-in rules.")] = False,
) -> None:
    """Run the examples in rule files."""
    from azkvlint.cli.output import write
    from azkvlint.cli.rules import examples_report

    text, code = examples_report(path, is_strict=strict)
    write(text)
    raise typer.Exit(code)


@rules_app.command("new", cls=PanelCommand)
def rules_new(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The ID of the rule, such as ACME-1.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name: lowercase words joined by -.")],
    topic: Annotated[
        str, typer.Option("--topic", metavar="TOPIC", help="Create a built-in rule in rules/TOPIC (in a checkout).")
    ] = "",
) -> None:
    """Create a rule file from a template."""
    from azkvlint.cli.output import write
    from azkvlint.cli.rules import new_rule

    write(f"{new_rule(rule, name, topic)}\n")


# Added last, so that the help lists it after `explain`.
app.add_typer(rules_app, name="rules", rich_help_panel=_RULES_PANEL)
