"""The command ``kvlint check PATH...``: run the check or print its settings, and return the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.cli.output import append, print_line, print_problems, progress_bar, write
from azkvlint.cli.resolve import (
    allowed_classes,
    cache_of,
    config_of,
    errors_and_targets,
    included_of,
    print_cache_fault,
    refuse_conflicting_outputs,
    refuse_invalid_root_uri,
    root_uri,
    with_included,
)
from azkvlint.config.arguments import Arguments
from azkvlint.config.option import Option
from azkvlint.config.options import OPTIONS
from azkvlint.config.run_config import Config
from azkvlint.config.settings import Settings, resolve_settings
from azkvlint.linter.linter import baseline_of, exit_code, lint, notice_problems
from azkvlint.model.finding import Report
from azkvlint.readers.discover import STDIN, hold_stdin
from azkvlint.reporters import REPORTERS, SHOW_PROBLEMS, Options
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.linter.result_cache import ResultCache
    from azkvlint.model.fix import Suggestion

_DEFAULT = "default"
_HIDDEN = "(not shown)"


def settings_as_toml(settings: Settings, command: str) -> str:
    """Return the settings as TOML, each with its source as a comment. Those that no file can set are comments.

    Values of Terraform variables are hidden, because they may be secrets.
    """
    return "".join(f"{visible(line)}\n" for line in _lines(settings, command))


def _lines(settings: Settings, command: str) -> Iterator[str]:
    yield f"# {settings.file.display_path}" if settings.file is not None else "# no configuration file"
    options = {option.field: option for option in OPTIONS if option.is_configured(command)}
    assignments = options.pop("settings", None)
    for option in sorted(options.values(), key=lambda option: option.key):
        value = getattr(settings.arguments, option.field)
        if not option.in_files:
            yield f"# {option.variable}: {value} ({settings.places.get(option.field, _DEFAULT)})"
            continue
        yield _line(option, _mask(option, value), settings.places.get(option.field, _DEFAULT))
    if assignments is not None and settings.arguments.settings:
        yield ""
        yield f"[set] # {settings.places['settings']}"
        for word in settings.arguments.settings:
            name, _, value = word.partition("=")
            yield f"{name} = {_quote(value)}"
    for override in settings.file.overrides if settings.file is not None else ():
        yield ""
        yield f"[[override]] # {override.place}"
        for key in ("paths", "resources", "rules"):
            words = getattr(override, key)
            if words:
                yield f"{key} = {_list(words)}"
        yield "ignore = true" if override.severity is None else f'severity = "{override.severity.label}"'
        yield from (
            f"{key} = {_quote(getattr(override, key))}"
            for key in ("reason", "owner", "until")
            if getattr(override, key)
        )
        if override.fault:
            yield f"# invalid: {override.fault}"


def _line(option: Option, value: Any, place: str) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif option.kind == "number" and value.isdecimal():
        text = value
    elif isinstance(value, tuple):
        text = _list(value)
    else:
        text = _quote(str(value))
    return f"{option.key} = {text} # {place}"


def _mask(option: Option, value: Any) -> Any:
    if option.field == "variables":
        # Without a name, the word may be a value.
        return tuple(f"{word.partition('=')[0]}={_HIDDEN}" if "=" in word else _HIDDEN for word in value)
    return value


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(_quote(word) for word in words)}]"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# GitHub code scanning displays the first 5,000 results of an upload.
_SHOWN_RESULTS = 5000


def run_check(arguments: Arguments) -> int:
    """Check the inputs, write every report and return the exit code."""
    if arguments.stdin_filename:
        arguments = _with_stdin(arguments)
    settings = resolve_settings(arguments, "check")
    if arguments.show_settings:
        return show_settings(settings, "check")
    command_line, arguments = arguments, settings.arguments
    errors, targets = errors_and_targets(settings, REPORTERS)
    included = errors.attempt(frozenset(), included_of, settings)
    allowed = errors.attempt(frozenset[str](), allowed_classes, settings)
    arguments = msgspec.structs.replace(arguments, allow=tuple(allowed))
    errors.attempt(None, refuse_conflicting_outputs, arguments, targets)
    errors.attempt(None, refuse_invalid_root_uri, arguments.sarif_root_uri)
    cache = errors.attempt(None, cache_of, settings)
    config = with_included(config_of(settings, targets, errors), included)

    # If a configuration file or environment variable redirects all reports, a build log would otherwise show nothing.
    is_redirected = bool(settings.external_fields & {"formats", "output"}) and all(file for _, file in targets)
    is_redirected = is_redirected and "quiet" not in arguments.explicit_fields

    def configure() -> Config:
        # The configuration file may change during a watch.
        return with_included(config_of(resolve_settings(command_line, "check"), targets), included)

    def publish(report: Report, config: Config) -> int:
        code = _publish(report, config, arguments, targets, included)
        if is_redirected:
            _print_summary(report, targets)
        return code

    if arguments.watch:
        from azkvlint.linter.watch import Watch

        files = [file for _, file in targets if file]
        inputs = [file for file in ("" if settings.file is None else settings.file.file, arguments.baseline) if file]
        try:
            Watch(configure, publish, print_line, files, progress_bar, cache).run(
                (*arguments.paths, *arguments.rules, *inputs)
            )
        except BrokenPipeError:
            # A closed pipe ends a watch; it has no result for the exit code to report.
            return EXIT_CLEAN
    report = _check_with_progress(config, cache)
    print_cache_fault(cache)
    return publish(report, config)


def _check_with_progress(config: Config, cache: ResultCache | None) -> Report:
    """Check with a progress bar.

    This is a function of its own because Python 3.11, out of memory, hangs in a `with` block that begins more than 256
    instructions into a function.
    """
    with progress_bar() as progress:
        return lint(config.paths, config, progress, cache)


def _publish(
    report: Report,
    config: Config,
    arguments: Arguments,
    targets: Sequence[tuple[str, str]],
    included: frozenset[str],
) -> int:
    """Write every report and return the exit code.

    Raise BrokenPipeError if no program reads the output of a watch any more.
    """
    is_read = False
    suggestions = _suggestions(report, config, arguments, targets)
    for name, file in targets:
        options = msgspec.structs.replace(options_for(arguments, file), suggestions=suggestions)
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
    are_problems_reported = any(name in SHOW_PROBLEMS for name, file in targets if not file)
    if not are_problems_reported or arguments.quiet > arguments.verbose:
        print_problems([problem for problem in report.problems if problem.level != "note" or arguments.verbose])
    if "sarif" in [name for name, _ in targets]:
        _warn_of_size(report, included)
    code = exit_code(report, config)
    return EXIT_CLEAN if arguments.exit_zero and code == EXIT_FINDINGS else code


# The formats that contain fixes.
_WITH_FIXES = frozenset({"json", "rdjson", "sarif"})


def _suggestions(
    report: Report, config: Config, arguments: Arguments, targets: Sequence[tuple[str, str]]
) -> Mapping[tuple[object, ...], Suggestion]:
    """Return the fixes of the findings for the reports that contain them."""
    if not arguments.fixes or not any(name in _WITH_FIXES for name, _ in targets):
        return {}
    from azkvlint.fixes.find import fixes_of, is_too_large
    from azkvlint.fixes.proof import prover_of
    from azkvlint.fixes.suggestions import suggestions_of

    if is_too_large(report):
        return {}
    prover = prover_of(report, config, is_shown=True)
    found = fixes_of(report, config, arguments.allow, prover=prover)
    if not found.fixes:
        return {}
    return suggestions_of(found.fixes, report.root, prover.secret_texts, prover.secret_lines)


def _print_summary(report: Report, targets: Sequence[tuple[str, str]]) -> None:
    """Print the summary of a report and the report files to stderr."""
    from azkvlint.reporters.phrases import summary

    print_line(f"{summary(report)} (written to {', '.join(visible(file) for _, file in targets)})")


def _add_summary(report: Report, arguments: Arguments) -> None:
    """Append the summary to a file in which other build steps may already have written."""
    from azkvlint.reporters.findings.markdown import markdown

    file = arguments.summary_file
    before = os.path.getsize(file) if os.path.isfile(file) else 0
    text = markdown(report, options_for(arguments, file), before)
    append(f"\n{text}" if before else text, file)


def _with_stdin(arguments: Arguments) -> Arguments:
    """Return the arguments with ``-`` replaced by the file name of standard input. Raise UsageError."""
    name = arguments.stdin_filename
    if STDIN not in arguments.paths:
        raise UsageError("--stdin-filename requires the input -", f"write kvlint - --stdin-filename {name}")
    if arguments.watch:
        raise UsageError("--watch cannot read standard input", "name files or folders")
    hold_stdin(name)
    paths = tuple(name if path == STDIN else path for path in arguments.paths)
    return msgspec.structs.replace(arguments, paths=paths)


def with_settings(command: str) -> Callable[[Callable[[Settings], int]], Callable[[Arguments], int]]:
    """Run a command with its settings, which it resolves, or write these instead if ``--show-settings`` is set."""

    def resolving(run: Callable[[Settings], int]) -> Callable[[Arguments], int]:
        @wraps(run)
        def resolve(arguments: Arguments) -> int:
            settings = resolve_settings(arguments, command)
            return show_settings(settings, command) if arguments.show_settings else run(settings)

        return resolve

    return resolving


def show_settings(settings: Settings, command: str) -> int:
    """Write every setting of a command with its source, and print the notices."""
    from azkvlint.util.project_boundary import checkout_of, real_path

    settings.errors().raise_errors()
    here = real_path(os.curdir)
    write(settings_as_toml(settings, command))
    print_problems(list(notice_problems(settings.notices, checkout_of(here) or here)))
    return EXIT_CLEAN


def options_for(arguments: Arguments, file: str) -> Options:
    """Return the options of a report that is written to ``file`` ("": standard output)."""
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
        show_unknown=arguments.show_unknown,
        strict=arguments.strict,
    )


def _has_color(choice: str, terminal: bool) -> bool:
    """Return whether standard output has colors: by option, then by environment, then if it is a terminal."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR")) or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0")


def _warn_of_size(report: Report, included: frozenset[str]) -> None:
    from azkvlint.reporters.findings.sarif import candidate_results

    count = sum(1 for _ in candidate_results(report, included))
    if count > _SHOWN_RESULTS:
        text = f"{count:,} results; GitHub code scanning stores the first {_SHOWN_RESULTS:,}"
        print_line(f"{text} (raise --min-severity, or split the input)")
