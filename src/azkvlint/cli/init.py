"""The commands ``kvlint init``, which writes a configuration, a baseline and a pipeline, and ``kvlint schema``.

Pipelines are for GitHub Actions, GitLab and Azure Pipelines. The schema of configuration files is built from the tables
that validate them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from azkvlint import PROJECT
from azkvlint.cli.output import print_problems, progress_bar, write
from azkvlint.cli.pipelines import PIPELINES, UNKNOWN_COMMIT, Pipeline, pipeline_text
from azkvlint.cli.resolve import config_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.settings import NAMES, resolve_settings
from azkvlint.linter.git_checkout import remote
from azkvlint.linter.linter import baseline_of, check, exit_code, exit_code_of
from azkvlint.linter.state_files import is_tracked
from azkvlint.model.finding import Report, without_notes
from azkvlint.model.rule import Severity
from azkvlint.reporters.phrases import summary
from azkvlint.util.errors import EXIT_CLEAN, KvlintError, UsageError, did_you_mean
from azkvlint.util.gitignore import GitIgnore
from azkvlint.util.output_files import path_in_folder, write_in_folder
from azkvlint.util.project_boundary import checkout_of, current_folder, real_path
from azkvlint.util.text import encode, pluralize, visible

BASELINE = "kvlint-baseline.json"
NO_PIPELINE = "none"
_CONFIG = NAMES[0]
_SETTINGS_PAGE = f"{PROJECT}/blob/main/docs/configuration.md"


class InitRequest(NamedTuple):
    """The arguments of the command. ``service`` is the word of ``--ci``, empty without it."""

    folder: str
    profiles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    service: str = ""
    force: bool = False
    dry_run: bool = False


class _GeneratedFile(NamedTuple):
    name: str
    text: str
    note: str = ""
    is_shown: bool = True


def run_init(request: InitRequest) -> int:
    """Check the checkout around the folder, write the files, and return the exit code."""
    if not os.path.isdir(request.folder):
        raise UsageError(f"'{visible(request.folder)}' is not a folder")
    folder = real_path(request.folder)
    root = checkout_of(folder) or folder
    pipeline, branch = _pipeline(request.service, root)
    is_separate = pipeline is not None and bool(pipeline.addition) and _exists(root, pipeline.file)
    names = [_CONFIG, BASELINE, *([pipeline.file] if pipeline is not None and not is_separate else [])]
    _refuse_existing(root, names, is_forced=request.force)
    report, baseline, left_out = _check(request, root)
    print_problems(without_notes(report.problems))
    if not report.is_complete:
        cause = "some input could not be read. Fix it, or leave it out with --exclude"
        if not report.sources and all(problem.at is None for problem in report.problems):
            cause = "there is no input. Run the command in another folder"
        write(f"Nothing was written, because {cause}.\n")
        return exit_code_of(report.sources, report.problems, has_findings=False)
    count = len(report.counted(report.findings)) - left_out
    files = [_GeneratedFile(_CONFIG, _configuration(request, has_baseline=count > 0))]
    if count:
        files.append(
            _GeneratedFile(BASELINE, baseline.decode(), f" with {pluralize(count, 'finding')}", is_shown=False)
        )
    if pipeline is not None and not is_separate:
        files.append(_GeneratedFile(pipeline.file, pipeline_text(pipeline.text, branch)))
    for file in files:  # before any is written
        path_in_folder(root, file.name)
    lines = [summary(report, options=False)]
    for file in files:
        if not request.dry_run:
            write_in_folder(root, file.name, file.text.encode(), replace=request.force)
        lines += _done(file, root, is_dry=request.dry_run)
    if is_separate and pipeline is not None:
        lines += ["", f"Add this to {_displayed(root, pipeline.file)}:", "", pipeline_text(pipeline.addition, branch)]
    if pipeline is not None and UNKNOWN_COMMIT in pipeline_text(pipeline.text, branch):
        where = _displayed(root, pipeline.file)
        lines.append(f"Replace {UNKNOWN_COMMIT} in {where} with the full SHA of a commit of {PROJECT}.")
    if pipeline is None and request.service != NO_PIPELINE:
        *others, last = PIPELINES
        force = "" if request.dry_run else ", and --force"  # the other files exist then
        text = f"To add one, use --ci {', '.join(others)} or {last}{force}."
        lines.append(f"No pipeline: the service is not known. {text}")
    lines += _ignored(root, [file.name for file in files])
    lines += _next(left_out, root, is_dry=request.dry_run)
    write("".join(f"{line}\n" for line in lines))
    return EXIT_CLEAN


def _pipeline(service: str, root: str) -> tuple[Pipeline | None, str]:
    """Return the pipeline of the service, and the default branch. Raise UsageError for an unknown service.

    The service is that of the remote, or else the one whose files exist.
    """
    address, branch = remote(root)
    if service == NO_PIPELINE:
        return None, branch
    if service:
        if service not in PIPELINES:
            names = [*PIPELINES, NO_PIPELINE]
            raise UsageError(
                f"--ci {visible(service)}: unknown service",
                did_you_mean(service, names) or f"one of {', '.join(names)}",
            )
        return PIPELINES[service], branch
    host = address.removeprefix("https://").partition("/")[0]
    by_host = [one for one in PIPELINES.values() if any(part in host for part in one.hosts)]
    by_file = [one for one in PIPELINES.values() if _exists(root, os.path.dirname(one.file) or one.file)]
    return next(iter(by_host or by_file), None), branch


def _exists(root: str, name: str) -> bool:
    return os.path.lexists(os.path.join(root, *name.split("/")))


def _refuse_existing(root: str, names: Sequence[str], *, is_forced: bool) -> None:
    """Raise UsageError if a file that would be written exists, or if another file configures kvlint."""
    existing = [name for name in names if _exists(root, name)]
    if existing and not is_forced:
        listed = ", ".join(f"`{_displayed(root, name)}`" for name in existing)
        verb = "exists" if len(existing) == 1 else "exist"
        raise UsageError(f"{listed} already {verb}", "use --force to replace")
    file = resolve_settings(Arguments(paths=(root,)), "check").file if _CONFIG not in existing else None
    if file is not None and os.path.dirname(file.file) == root:
        raise UsageError(f"`{visible(file.display_path)}` already configures kvlint", f"move its settings to {_CONFIG}")


def _check(request: InitRequest, root: str) -> tuple[Report, bytes, int]:
    """Return the report of the checkout, its baseline, and the number of findings that the baseline must not hide."""
    # A variable of the environment must not hide findings from the baseline.
    fields = frozenset({"isolated", "profiles", "exclude", "baseline", "min_severity", "select", "ignore"})
    arguments = Arguments(
        paths=(root,), isolated=True, profiles=request.profiles, exclude=request.exclude, explicit_fields=fields
    )
    config = config_of(resolve_settings(arguments, "check"), [("text", "")])
    with progress_bar() as progress:
        report = check(config, progress)
    kept = tuple(one for one in report.findings if one.severity < Severity.CRITICAL)
    left_out = len(report.counted(report.findings)) - len(report.counted(kept))
    return report, baseline_of(msgspec.structs.replace(report, findings=kept), config), left_out


def _configuration(request: InitRequest, *, has_baseline: bool) -> str:
    """Return the text of the configuration file."""
    lines = [f"# The settings of kvlint: {_SETTINGS_PAGE}"]
    lines.append(f"profile = {_array(request.profiles or ('default',))} # or strict, cmk, all, a control framework")
    if request.exclude:
        lines.append(f"exclude = {_array(request.exclude)}")
    if has_baseline:
        lines.append(f'baseline = "{BASELINE}" # findings that existed before; remove them one by one')
    return "".join(f"{line}\n" for line in lines)


def _array(words: Sequence[str]) -> str:
    """Return a TOML array. Strings of JSON are strings of TOML."""
    return encode(words, indent=0).decode().strip()


def _done(file: _GeneratedFile, root: str, *, is_dry: bool) -> Iterator[str]:
    name = _displayed(root, file.name)
    if not is_dry:
        yield f"Created {name}{file.note}"
    elif not file.is_shown:
        yield f"Would create {name}{file.note}"
    else:
        yield from ("", f"Would create {name}:", "", file.text)


def _next(left_out: int, root: str, *, is_dry: bool) -> Iterator[str]:
    if left_out:
        what = pluralize(left_out, "critical finding")
        yield f"Not in the baseline: {what}. Fix first: kvlint {_argument(root)} --min-severity critical"
    if is_dry:
        yield "Next: run the command without --dry-run"
    else:
        yield from (_outcome(root), "Next: commit the files")


def _outcome(root: str) -> str:
    """Run the check that the files are for, and return its result: what every later run reports for the same state."""
    command = f"kvlint {_argument(root)}"
    try:
        config = config_of(resolve_settings(Arguments(paths=(root,)), "check"), [("text", "")])
        with progress_bar() as progress:
            report = check(config, progress)
    except KvlintError as error:
        return f"{command} fails: {error.message}"
    code = exit_code(report, config)
    result = "passes" if code == EXIT_CLEAN else f"fails with exit code {code}"
    return f"{command} {result}: {summary(report, options=False)}"


def _ignored(root: str, names: Sequence[str]) -> Iterator[str]:
    """Yield which files git ignores, and what to add to .gitignore files to commit them."""
    if checkout_of(root) != root:
        return
    patterns = GitIgnore(root)
    for name in names:
        found = None if is_tracked(os.path.join(root, *name.split("/"))) else patterns.ignored_by(name)
        if found is None:
            continue
        place = f"{_displayed(root, found.file)}:{found.line}"
        yield f"git ignores {_displayed(root, name)}, because of `{visible(found.text)}` ({place})."
        for file, added in patterns.lines_to_include(name).items():
            what = "this line" if len(added) == 1 else "these lines"
            yield f"Add {what} at the end of {_displayed(root, file)}, so that the file is committed:"
            yield from (f"  {line}" for line in added)


def _argument(root: str) -> str:
    """Return the path of a folder as a word of a command that can be pasted."""
    from shlex import quote

    path = os.path.relpath(root, current_folder())
    if visible(path) != path:
        return "FOLDER"
    return quote(os.path.join(os.curdir, path) if path.startswith("-") else path)


def _displayed(root: str, name: str) -> str:
    """Return the path of a file for a message, relative to the current folder."""
    return visible(os.path.relpath(os.path.join(root, *name.split("/")), current_folder()))
