"""The command line in full: commands, options and help.

``arguments`` holds the options of ``check`` once more, as data; a test holds the two against each other.
"""

from __future__ import annotations

from typing import Annotated

import typer

from kvlint.arguments import COMMANDS, Arguments
from kvlint.errors import EXIT_CLEAN, EXIT_NOT_WHOLE

_HELP = """kvlint judges Azure Key Vault in infrastructure code.

kvlint PATH... checks Terraform and OpenTofu modules and plans, Bicep files, ARM templates and what-if results: files,
folders, or - for a plan, template or what-if result on standard input. It is short for kvlint check PATH...

Exit codes: 0 nothing found, 1 findings, 2 wrong use, 3 the answer is not whole (an input that cannot be read).
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rules_app = typer.Typer(help="List the rules, or test rule files.", invoke_without_command=True, rich_markup_mode=None)
app.add_typer(rules_app, name="rules")


def run(words: list[str]) -> int:
    """Run a command line; ``PATH...`` without a command is ``check PATH...``."""
    # A command is told from the paths and options of a check by the first word alone.
    if words and words[0] not in COMMANDS and not _is_for_group(words[0]):
        words = ["check", *words]
    try:
        app(words, prog_name="kvlint")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_CLEAN
    return EXIT_CLEAN


def _is_for_group(word: str) -> bool:
    return word in ("-h", "--help", "--version", "-V", "--install-completion", "--show-completion")


@app.callback()
def _group(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from kvlint import __version__

        typer.echo(f"kvlint {__version__}")
        raise typer.Exit


@app.command()
def check(
    paths: Annotated[list[str], typer.Argument(help="Terraform and Bicep files, plans, templates, folders, or -.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="text, json or sarif; NAME=FILE writes to a file. May be repeated."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="The file to write to, instead of stdout.")] = "",
    select: Annotated[
        list[str] | None, typer.Option("--select", help="Only these rules: ids, their beginnings, ids of other tools.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="Not these rules: ids or their beginnings.")
    ] = None,
    profiles: Annotated[
        list[str] | None, typer.Option("--profile", help="default, strict, cmk or all: which rules are asked.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="RULE.parameter=value: a parameter of a rule.")
    ] = None,
    rules: Annotated[list[str] | None, typer.Option("--rules", help="A folder or file of your own rules.")] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameters", help="Parameters of all templates, instead of those that their names say."),
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--var", help="NAME=VALUE: a variable of the Terraform root modules.")
    ] = None,
    variable_files: Annotated[
        list[str] | None, typer.Option("--var-file", help="A .tfvars file for the Terraform root modules.")
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Judge a module that nobody calls as if it said everything.")
    ] = False,
    source_root: Annotated[
        str, typer.Option("--source-root", help="The folder of the root module that a plan was made from.")
    ] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day, YYYY-MM-DD, that dates are held against, instead of today.")
    ] = "",
    jobs: Annotated[str, typer.Option("--jobs", "-j", help="How many processes; 0 for as many as pay.")] = "0",
    min_severity: Annotated[str, typer.Option("--min-severity", help="Show nothing less severe.")] = "info",
    fail_on: Annotated[str, typer.Option("--fail-on", help="Exit with 1 from this severity on.")] = "info",
    strict: Annotated[bool, typer.Option("--strict", help="Undecided questions count as findings.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the lines of findings.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Evidence, reasons and fixes too.")] = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count the findings of each rule.")] = False,
) -> None:
    """Check Terraform modules and plans, templates and Bicep files."""
    from kvlint.command import run_check

    code = run_check(
        Arguments(
            paths=tuple(paths),
            formats=tuple(formats or ()),
            output=output,
            select=tuple(select or ()),
            ignore=tuple(ignore or ()),
            profiles=tuple(profiles or ()),
            settings=tuple(settings or ()),
            rules=tuple(rules or ()),
            parameters=tuple(parameters or ()),
            variables=tuple(variables or ()),
            variable_files=tuple(variable_files or ()),
            closed=closed,
            source_root=source_root,
            as_of=as_of,
            jobs=jobs,
            min_severity=min_severity,
            fail_on=fail_on,
            strict=strict,
            quiet=quiet,
            verbose=verbose,
            statistics=statistics,
        )
    )
    raise typer.Exit(code)


@app.command()
def controls(
    paths: Annotated[list[str], typer.Argument(help="Terraform and Bicep files, plans, templates, folders, or -.")],
    frameworks: Annotated[
        list[str] | None,
        typer.Option(
            "--framework", help="key-vault, mcsb, cis-azure, nist-800-53, pci-dss, iso-27002, all, or a file of yours."
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="text, json, markdown or html; NAME=FILE writes to a file."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="The file to write to, instead of stdout.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="RULE.parameter=value: a parameter of a rule.")
    ] = None,
    rules: Annotated[list[str] | None, typer.Option("--rules", help="A folder or file of your own rules.")] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameters", help="Parameters of all templates, instead of those that their names say."),
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--var", help="NAME=VALUE: a variable of the Terraform root modules.")
    ] = None,
    variable_files: Annotated[
        list[str] | None, typer.Option("--var-file", help="A .tfvars file for the Terraform root modules.")
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Judge a module that nobody calls as if it said everything.")
    ] = False,
    source_root: Annotated[
        str, typer.Option("--source-root", help="The folder of the root module that a plan was made from.")
    ] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day, YYYY-MM-DD, that dates are held against, instead of today.")
    ] = "",
    jobs: Annotated[str, typer.Option("--jobs", "-j", help="How many processes; 0 for as many as pay.")] = "0",
    strict: Annotated[bool, typer.Option("--strict", help="Undecided rows make the exit code 1 too.")] = False,
) -> None:
    """Answer a checklist of security controls for every vault, with evidence."""
    from kvlint.controls import run_controls

    code = run_controls(
        Arguments(
            paths=tuple(paths),
            formats=tuple(formats or ()),
            output=output,
            settings=tuple(settings or ()),
            rules=tuple(rules or ()),
            parameters=tuple(parameters or ()),
            variables=tuple(variables or ()),
            variable_files=tuple(variable_files or ()),
            closed=closed,
            source_root=source_root,
            as_of=as_of,
            jobs=jobs,
            strict=strict,
        ),
        tuple(frameworks or ()),
    )
    raise typer.Exit(code)


@app.command()
def explain(
    rule: Annotated[
        str, typer.Argument(help="A rule's id or name, or another tool's id: KV001, purge-protection, CKV_AZURE_110.")
    ],
    rules: Annotated[list[str] | None, typer.Option("--rules", help="A folder or file of your own rules.")] = None,
) -> None:
    """Say everything about one rule."""
    from kvlint.catalogue import explained
    from kvlint.command import write

    write(explained(rule, tuple(rules or ())))


@app.command()
def graph(
    path: Annotated[str, typer.Argument(help="A Terraform module, plan, template or Bicep file, or -.")],
    form: Annotated[str, typer.Option("--format", "-f", help="mermaid or dot.")] = "mermaid",
) -> None:
    """Draw resources and how they refer to each other."""
    from kvlint.command import tell_problems, write
    from kvlint.drawing import drawn

    drawing, problems = drawn(path, form)
    write(drawing)
    tell_problems(problems)
    raise typer.Exit(EXIT_NOT_WHOLE if any(problem.level == "error" for problem in problems) else EXIT_CLEAN)


@rules_app.callback()
def _rules(
    context: typer.Context,
    form: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    rules: Annotated[list[str] | None, typer.Option("--rules", help="A folder or file of your own rules.")] = None,
) -> None:
    if context.invoked_subcommand is None:
        from kvlint.catalogue import listed
        from kvlint.command import write

        write(listed(form, tuple(rules or ())))


@rules_app.command("test")
def rules_test(
    path: Annotated[str | None, typer.Argument(help="A folder or file of rules; the built-in ones without it.")] = None,
) -> None:
    """Run the examples inside rule files."""
    from kvlint.catalogue import tested
    from kvlint.command import write

    text, code = tested(path)
    write(text)
    raise typer.Exit(code)
