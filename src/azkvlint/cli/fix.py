"""The command ``kvlint fix PATH...``: list, print or make the changes that fix findings, and return the exit code."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from azkvlint.cli.check import options_for, show_settings
from azkvlint.cli.output import print_line, print_problems, progress_bar, write
from azkvlint.cli.resolve import allowed_classes, config_of, errors_and_targets
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.fixes.find import fixes_together, is_too_large
from azkvlint.fixes.proof import Prover, prover_of, report_of
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.suggestions import shown_lines
from azkvlint.linter.linter import exit_code_of
from azkvlint.linter.result_cache import ResultCache
from azkvlint.model.finding import Report, without_notes
from azkvlint.model.fix import FixResult
from azkvlint.readers.discover import STDIN
from azkvlint.reporters.fixes import FIX_REPORTERS, remarks_on
from azkvlint.reporters.unified_diff import FileChange, diff
from azkvlint.syntax.texts import parsed_texts
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.file_tracker import Snapshot
from azkvlint.util.output_files import OutputError, output_path, replace_files
from azkvlint.util.text import visible

_COMMAND = "fix"


def run_fix(arguments: Arguments) -> int:
    """Find the fixes of the inputs, print or write them, and return the exit code."""
    arguments = _checked(arguments)
    settings = resolve_settings(arguments, _COMMAND)
    if arguments.show_settings:
        return show_settings(settings, _COMMAND)
    errors, targets = errors_and_targets(settings, FIX_REPORTERS)
    if arguments.diff:
        if any(name != "text" and not file for name, file in targets):
            raise UsageError("--diff is written to standard output", "write the report to a file: -f json=FILE")
        targets = [target for target in targets if target != ("text", "")]
    allowed = errors.attempt(frozenset[str](), allowed_classes, settings)
    config = msgspec.structs.replace(config_of(settings, targets, errors), with_excerpts=arguments.diff)
    cache = ResultCache(snapshot=Snapshot())
    parsed_texts().begin()
    with progress_bar() as progress:
        report = report_of(config, progress, cache)
        prover = None if is_too_large(report) else prover_of(report, config, cache, is_shown=arguments.diff)
        result = fixes_together(report, config, allowed, prover=prover)
    stale = {} if prover is None else prover.stale
    compiled = {bicep: template for bicep, template in stale.items() if bicep in result.texts}
    elsewhere = [path for path in result.outdated if path not in compiled.values()]
    result = msgspec.structs.replace(result, outdated=tuple(sorted((*compiled.values(), *elsewhere))))
    if prover is not None and arguments.write and result.texts:
        result = _write(report, result, config.paths)
        for bicep, template in compiled.items():
            print_line(f"{visible(template)}: compile it again, because {visible(bicep)} has changed")
        for template in elsewhere:
            print_line(f"{visible(template)}: compile it again, because a Bicep file that it contains has changed")
        for plan in prover.plans:
            print_line(f"{visible(plan)}: create the plan again, because its source may have changed")
    if prover is not None and arguments.diff:
        write(_diff(report, result, prover))
    for name, file in targets:
        write(FIX_REPORTERS[name](result, report, options_for(settings.arguments, file)), file)
    if ("text", "") not in targets:
        print_problems(without_notes(report.problems))
    return exit_code_of(report.sources, report.problems, bool(result.texts) and not result.is_written)


def _checked(arguments: Arguments) -> Arguments:
    """Return the arguments with the default input. Raise UsageError for a wrong combination."""
    if STDIN in arguments.paths:
        raise UsageError("kvlint fix cannot change standard input", "name files or folders")
    if arguments.diff and arguments.write:
        raise UsageError("--diff and --write cannot be combined", "--diff prints the changes, --write makes them")
    return arguments if arguments.paths else msgspec.structs.replace(arguments, paths=(os.curdir,))


def _write(report: Report, result: FixResult, paths: Sequence[str]) -> FixResult:
    """Write the changed files. Raise UsageError for a named path that a link leads out of the checkout."""
    for path in paths:
        output_path(path)
    sources = Sources(report.root)
    names = {sources.real_path(path): path for path in result.texts}
    try:
        replace_files({file: (result.originals[path], result.texts[path]) for file, path in names.items()})
    except OutputError as error:
        changed = ", ".join(f"`{visible(names[file])}`" for file in error.replaced)
        outcome = f"these files were changed before: {changed}" if changed else "no file was changed"
        raise KvlintError(f"cannot write `{visible(names[error.file])}`: {error.reason}; {outcome}") from error
    return msgspec.structs.replace(result, is_written=True)


def _diff(report: Report, result: FixResult, prover: Prover) -> str:
    """Return the changes as a diff from the top of the checkout, without files whose lines may contain secrets.

    The effects of the fixes of a file and the comments beside the changed values are comments before its changes, which
    ``git apply`` and ``patch`` skip.
    """
    before, after = Sources(report.root, result.originals), Sources(report.root, result.texts)
    parts: list[str] = []
    for path in sorted(result.texts):
        texts = before.raw(path), after.raw(path)
        shown = (shown_lines(path, text, prover.secret_texts, prover.secret_lines) for text in texts)
        part = diff(before.path_in_checkout(path), FileChange(*texts, *shown))
        if part is None:
            print_line(f"{visible(path)} is not in the diff: a line may contain a secret or control characters")
        parts += [f"# {line}\n" for line in remarks_on(result, path)] if part else []
        parts.append(part or "")
    return "".join(parts)
