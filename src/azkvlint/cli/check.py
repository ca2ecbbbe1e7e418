"""``kvlint PATH...``: from arguments to written reports and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import msgspec

from azkvlint.cli.output import append, print_line, print_problems, progress_bar, write
from azkvlint.cli.resolve import config_of, included_of, refuse_two_in_one, root_uri, targets_of, with_included
from azkvlint.config.options import Arguments
from azkvlint.config.run_config import Config
from azkvlint.config.settings import Settings, resolve_settings
from azkvlint.linter.linter import baseline_of, check, exit_code, notice_problems
from azkvlint.model.finding import Report
from azkvlint.readers.discover import STDIN, hold_stdin
from azkvlint.reporters import REPORTERS, SHOW_PROBLEMS, Options
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError

# GitHub shows the first 5,000 results of an upload.
_SHOWN_RESULTS = 5000


def run_check(arguments: Arguments) -> int:
    """Check what the arguments name, write every report, and answer the exit code."""
    if arguments.stdin_filename:
        arguments = _with_stdin(arguments)
    said = resolve_settings(arguments, "check")
    if arguments.show_settings:
        return show_settings(said, "check")
    asked, arguments = arguments, said.arguments
    targets = targets_of(said, REPORTERS)
    included = included_of(said)
    refuse_two_in_one(arguments, targets)

    # If a file or a variable sends all reports elsewhere, a log would show nothing at all of the run.
    is_redirected = bool(said.elsewhere & {"formats", "output"}) and all(file for _, file in targets)
    is_redirected = is_redirected and "quiet" not in arguments.given

    def configure() -> Config:
        # Of a watch the configuration file may have changed.
        return with_included(config_of(resolve_settings(asked, "check"), targets), included)

    def publish(report: Report, config: Config) -> int:
        code = _published(report, config, arguments, targets, included)
        if is_redirected:
            _tell_summary(report, targets)
        return code

    if arguments.watch:
        from azkvlint.linter.watch import Watch

        files = [file for _, file in targets if file]
        besides = [file for file in ("" if said.file is None else said.file.file, arguments.baseline) if file]
        try:
            Watch(configure, publish, print_line, files, progress_bar).run(
                (*arguments.paths, *arguments.rules, *besides)
            )
        except BrokenPipeError:
            # No program reads the reports any more. A watch has no result that an exit code could stand for.
            return EXIT_CLEAN
    config = with_included(config_of(said, targets), included)
    return publish(_checked(config), config)


def _checked(config: Config) -> Report:
    """Check with a progress bar.

    Without memory, Python 3.11 never leaves a block of `with` whose code is more than 256 instructions into a function.
    """
    with progress_bar() as progress:
        return check(config, progress)


def _published(
    report: Report,
    config: Config,
    arguments: Arguments,
    targets: Sequence[tuple[str, str]],
    included: frozenset[str],
) -> int:
    """Write every report that was asked for, and answer the exit code.

    Raises BrokenPipeError where a watch goes on for nobody.
    """
    is_read = False
    for name, file in targets:
        options = options_for(arguments, file)
        if name == "sarif":
            uri = root_uri(arguments.sarif_root_uri, file, report.root)
            category = arguments.sarif_category
            options = msgspec.structs.replace(options, included=included, category=category, root_uri=uri)
        is_read = write(REPORTERS[name](report, options), file) or is_read
    if arguments.watch and not is_read:
        raise BrokenPipeError
    if arguments.write_baseline:
        write(baseline_of(report, config), arguments.write_baseline)
    if arguments.summary_file:
        _add_summary(report, arguments)
    shown = any(name in SHOW_PROBLEMS for name, file in targets if not file)
    if not shown or arguments.quiet > arguments.verbose:
        print_problems([one for one in report.problems if one.level != "note" or arguments.verbose])
    if "sarif" in [name for name, _ in targets]:
        _warn_of_size(report, included)
    code = exit_code(report, config)
    return EXIT_CLEAN if arguments.exit_zero and code == EXIT_FINDINGS else code


def _tell_summary(report: Report, targets: Sequence[tuple[str, str]]) -> None:
    """Write the summary of a report to stderr, and the names of the files that hold the report."""
    from azkvlint.reporters.phrases import summary
    from azkvlint.util.safe_text import visible

    print_line(f"{summary(report)} (written to {', '.join(visible(file) for _, file in targets)})")


def _add_summary(report: Report, arguments: Arguments) -> None:
    """Add the summary to what the file already holds: other steps of a build may have written there."""
    from azkvlint.reporters.findings.markdown import markdown

    file = arguments.summary_file
    before = os.path.getsize(file) if os.path.isfile(file) else 0
    text = markdown(report, options_for(arguments, file), before)
    append(f"\n{text}" if before else text, file)


def _with_stdin(arguments: Arguments) -> Arguments:
    """Return the arguments with the file that standard input stands for in the place of ``-``. Raises UsageError."""
    name = arguments.stdin_filename
    if STDIN not in arguments.paths:
        raise UsageError(
            "--stdin-filename says what - stands for, and no - was given", f"kvlint - --stdin-filename {name}"
        )
    if arguments.watch:
        raise UsageError("--watch cannot watch the standard input", "name files or folders")
    hold_stdin(name)
    paths = tuple(name if path == STDIN else path for path in arguments.paths)
    return msgspec.structs.replace(arguments, paths=paths)


def show_settings(said: Settings, command: str) -> int:
    """Write every setting of a command, and where it comes from. Notes are printed too."""
    from azkvlint.cli.show_settings import shown_settings
    from azkvlint.util.project_boundary import checkout_of, real_path

    here = real_path(os.curdir)
    write(shown_settings(said, command))
    print_problems(list(notice_problems(said.notices, checkout_of(here) or here)))
    return EXIT_CLEAN


def options_for(arguments: Arguments, file: str) -> Options:
    """Return how a report is to look in ``file``, or on the standard output."""
    terminal = not file and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = 80
    if terminal:
        from shutil import get_terminal_size

        width = get_terminal_size().columns
    return Options(
        terminal=terminal,
        color=not file and _has_color(arguments.color, terminal),
        width=width,
        verbosity=arguments.verbose - arguments.quiet,
        statistics=arguments.statistics,
        suppressed=arguments.show_suppressed,
        strict=arguments.strict,
    )


def _has_color(word: str, terminal: bool) -> bool:
    """Return whether the standard output is to have colors: what the option says, then the environment, then what it
    is.
    """
    if word != "auto":
        return word == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR")) or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0")


def _warn_of_size(report: Report, included: frozenset[str]) -> None:
    from azkvlint.reporters.findings.sarif_results import candidate_results

    count = sum(1 for _ in candidate_results(report, included))
    if count > _SHOWN_RESULTS:
        text = f"{count:,} results; GitHub code scanning stores the first {_SHOWN_RESULTS:,}"
        print_line(f"{text} (raise --min-severity, or split the input)")
