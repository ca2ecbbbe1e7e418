"""The commands ``kvlint access``, ``controls`` and ``migrate-rbac``, which write reports of their own.

Each computes a report from its inputs, writes it in every format and returns the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.cli.check import options_for, with_settings
from azkvlint.cli.output import print_line, print_problems, progress_bar, write
from azkvlint.cli.resolve import cache_of, config_of, errors_and_targets, print_cache_fault, words_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import Settings
from azkvlint.model.finding import without_notes
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.project_boundary import current_folder, is_within, real_path
from azkvlint.util.text import pluralize

if TYPE_CHECKING:
    from azkvlint.access.questions import AccessSelectors
    from azkvlint.model.access import AccessReport
    from azkvlint.model.framework import Assessment
    from azkvlint.model.migration import MigrationReport
    from azkvlint.reporters import Options

_MIGRATION, _CODE = "migrate-rbac", "code"


@with_settings("access")
def run_access(settings: Settings) -> int:
    """Compute the matrix of the inputs, write every report and return the exit code."""
    from azkvlint.access.effects import capabilities_of, capability_of
    from azkvlint.access.questions import AccessSelectors, columns_of
    from azkvlint.linter.access import Filters, access, exit_code, gates_of
    from azkvlint.reporters.access import ACCESS_REPORTERS, breach_text

    arguments = settings.arguments
    errors, targets = errors_and_targets(settings, ACCESS_REPORTERS)
    columns = errors.attempt((), capabilities_of, arguments.permissions, "--permission")
    gates = errors.attempt((), gates_of, arguments.maximums, arguments.denials, capability_of)
    words = errors.attempt(AccessSelectors(), _words, arguments)
    config = config_of(settings, targets, errors)
    filters = Filters(words=words, capabilities=columns or columns_of(words), is_why=bool(arguments.why))
    report = access(config, filters, gates)
    if not _write_reports(report, ACCESS_REPORTERS, targets, arguments):
        for breach in report.breaches:
            print_line(breach_text(breach, report))
    return exit_code(report)


def _write_reports(
    report: AccessReport | Assessment,
    reporters: Mapping[str, Callable[[Any, Options], str | bytes]],
    targets: Sequence[tuple[str, str]],
    arguments: Arguments,
) -> bool:
    """Write a report in each format. Return whether text goes to standard output; if not, print the problems."""
    for name, file in targets:
        write(reporters[name](report, options_for(arguments, file)), file)
    is_text = ("text", "") in targets
    if not is_text:
        print_problems(without_notes(report.problems))
    return is_text


def _words(arguments: Arguments) -> AccessSelectors:
    """Return the words that select what is reported. Raise UsageError."""
    from azkvlint.access.questions import AccessSelectors

    principals, vaults = arguments.principals, arguments.vaults
    if arguments.why:
        if principals or vaults:
            raise UsageError("--why has its own principal and vault", "leave out --principal and --vault")
        principals, vaults = arguments.why[:1], arguments.why[1:]
    objects = {"secrets": arguments.secrets, "keys": arguments.keys, "certificates": arguments.certificates}
    return AccessSelectors(vaults=vaults, principals=principals, scopes=arguments.scopes, objects=objects)


@with_settings("controls")
def run_controls(settings: Settings) -> int:
    """Assess control frameworks against the inputs, write every report and return the exit code."""
    from azkvlint.linter.controls import assess, exit_code
    from azkvlint.reporters.controls import CONTROLS_REPORTERS

    arguments = settings.arguments
    errors, targets = errors_and_targets(settings, CONTROLS_REPORTERS)
    hint = "write --framework key-vault"
    label = settings.label("frameworks")
    names = errors.attempt((), words_of, label, arguments.frameworks, "control framework", hint)
    config = msgspec.structs.replace(config_of(settings, targets, errors), with_controls=True)
    cache = cache_of(settings)
    with progress_bar() as progress:
        assessment = assess(config, names, progress, cache)
    print_cache_fault(cache)
    _write_reports(assessment, CONTROLS_REPORTERS, targets, arguments)
    return exit_code(assessment, config.strict)


@with_settings(_MIGRATION)
def run_migrate_rbac(settings: Settings) -> int:
    """Plan the migration of the inputs, write every report and return the exit code."""
    from azkvlint.migration.migrate import Choices, exit_code, migrate
    from azkvlint.reporters.migration import MIGRATION_REPORTERS

    arguments = settings.arguments
    errors, targets = errors_and_targets(settings, MIGRATION_REPORTERS)
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
        print_problems(without_notes(report.problems))
    without = sum(policy.is_unreplaced for vault in report.vaults for policy in vault.policies)
    if without and all(name == _CODE for name, _ in targets):
        print_line(
            f"{pluralize(without, 'access policy has', 'access policies have')} no replacement in the generated code"
            " (-f text lists the reasons)"
        )
    return exit_code(report)


def _language(name: str) -> str:
    """Return the language of the generated code. Raise UsageError."""
    from azkvlint.migration.migrate import LANGUAGES

    if name and name not in LANGUAGES:
        hint = did_you_mean(name, list(LANGUAGES)) or "write terraform or bicep"
        raise UsageError(f"--output-language: `{name}` is not a language of generated code", hint)
    return name


def _write_code(report: MigrationReport, file: str, content: str | bytes) -> None:
    """Write generated code to a new file in the current folder or below. Raise UsageError."""
    from azkvlint.util.output_files import write_new_file

    places = sorted({one.path for one in report.code})
    if len(places) > 1:
        raise UsageError(
            f"the generated code belongs to {len(places)} places: {', '.join(places)}", "select a vault with --vault"
        )
    if not is_within(real_path(file), real_path(current_folder())):
        raise UsageError(f"`{file}` is outside the current folder", "generated code is written below it only")
    write_new_file(file, content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
