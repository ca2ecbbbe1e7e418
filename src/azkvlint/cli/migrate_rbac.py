"""The command ``kvlint migrate-rbac PATH...``: plan the migration from access policies to Azure RBAC."""

from __future__ import annotations

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_line, print_problems, write
from azkvlint.cli.resolve import config_of, targets_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.migration.migrate import LANGUAGES, Choices, exit_code, migrate
from azkvlint.model.migration import MigrationReport
from azkvlint.reporters.migration import MIGRATION_REPORTERS
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.output_files import write_new_file
from azkvlint.util.project_boundary import current_folder, is_within, real_path
from azkvlint.util.text import pluralize

_COMMAND, _CODE = "migrate-rbac", "code"


def run_migrate_rbac(arguments: Arguments) -> int:
    """Plan the migration of the inputs, write every report and return the exit code."""
    settings = resolve_settings(arguments, _COMMAND)
    if arguments.show_settings:
        return show_settings(settings, _COMMAND)
    arguments = settings.arguments
    errors = settings.errors()
    targets = errors.attempt([("text", "")], targets_of, settings, MIGRATION_REPORTERS)
    language = errors.attempt("", _language, arguments.output_language)
    config = config_of(settings, targets, errors)
    choices = Choices(
        vaults=arguments.vaults,
        principals=arguments.principals,
        language=language,
        built_in_only=arguments.built_in_roles,
    )
    report = migrate(config, choices)
    for name, file in targets:
        content = MIGRATION_REPORTERS[name](report, options_for(arguments, file))
        if name == _CODE and file:
            _write_code(report, file, content)
        else:
            write(content, file)
    if ("text", "") not in targets:
        print_problems([problem for problem in report.problems if problem.level != "note"])
    without = sum(policy.is_unreplaced for vault in report.vaults for policy in vault.policies)
    if without and all(name == _CODE for name, _ in targets):
        print_line(
            f"{pluralize(without, 'access policy has', 'access policies have')} no replacement in the generated code"
            " (-f text lists the reasons)"
        )
    return exit_code(report)


def _language(name: str) -> str:
    """Return the language of the generated code. Raise UsageError."""
    if name and name not in LANGUAGES:
        hint = did_you_mean(name, list(LANGUAGES)) or "write terraform or bicep"
        raise UsageError(f"--output-language: `{name}` is not a language of generated code", hint)
    return name


def _write_code(report: MigrationReport, file: str, content: str | bytes) -> None:
    """Write generated code to a new file in the current folder or below. Raise UsageError."""
    places = sorted({one.path for one in report.code})
    if len(places) > 1:
        raise UsageError(
            f"the generated code belongs to {len(places)} places: {', '.join(places)}", "select a vault with --vault"
        )
    if not is_within(real_path(file), real_path(current_folder())):
        raise UsageError(f"`{file}` is outside the current folder", "generated code is written below it only")
    write_new_file(file, content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
