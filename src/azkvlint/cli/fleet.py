"""The command ``kvlint fleet INPUT...``: check many inputs on a cluster, and write their results to a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.cli.output import print_line, print_problems, write
from azkvlint.cli.resolve import config_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.run_config import Config
from azkvlint.config.settings import Settings, resolve_settings
from azkvlint.linter.linter import notice_problems
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.project_boundary import real_path

if TYPE_CHECKING:
    from azkvlint.linter.linter import Progress

_PAGE = "index.html"
_MOST_DIGITS = 6


def run_fleet(arguments: Arguments) -> int:
    """Check the inputs, print the summary, and return the exit code."""
    from azkvlint.fleet.run import Fleet, require_libraries

    require_libraries()
    settings = _settings(arguments)
    config = _config(settings)
    if not arguments.out:
        raise UsageError("--out is required", "name the folder for the results with --out FOLDER")
    if arguments.resume and (arguments.paths or arguments.inputs_from):
        raise UsageError("--resume continues with the inputs of the run", "leave out the inputs")
    fleet = Fleet(
        config=config,
        words=arguments.paths,
        lists=arguments.inputs_from,
        out=arguments.out,
        scheduler=arguments.scheduler,
        workers=_number("--workers", arguments.workers) or os.cpu_count() or 1,
        timeout=max(1, _number("--timeout", arguments.timeout)),
        resume=arguments.resume,
    )
    return _run(fleet)


def _run(fleet: Any) -> int:
    from azkvlint.fleet import page
    from azkvlint.fleet.results import MANIFEST, entries_of, totals_of
    from azkvlint.fleet.run import run_fleet as run_on_cluster
    from azkvlint.linter.linter import known_rules

    try:
        with _progress() as progress:
            folder, run = run_on_cluster(fleet, progress)
    except KeyboardInterrupt:
        print_line(f"interrupted; continue with kvlint fleet --resume --out {fleet.out}")
        raise
    totals = totals_of(entries_of(folder))
    if totals.count != run.inputs:
        raise KvlintError(
            f"`{folder.place(MANIFEST)}` is damaged: it does not have all inputs", "continue with --resume"
        )
    rules = {rule.id: rule for rule in known_rules(fleet.config)}
    folder.write(_PAGE, page.html(totals, run, rules).encode("utf-8", "backslashreplace"))
    write(page.text(totals, rules, os.path.join(fleet.out, _PAGE)))
    return totals.exit_code


def _settings(arguments: Arguments) -> Settings:
    """Return the settings. Configuration files of inputs are not read, so that all have the same settings."""
    isolated = not (arguments.config or os.environ.get("KVLINT_CONFIG"))
    settings = resolve_settings(msgspec.structs.replace(arguments, isolated=isolated), "fleet")
    settings.errors().raise_errors()
    if settings.file is not None and settings.file.overrides:
        raise UsageError("kvlint fleet does not support overrides", "remove them from the configuration file")
    here = real_path(os.curdir)
    print_problems(list(notice_problems(settings.notices, here)))
    return msgspec.structs.replace(settings, notices=())


def _config(settings: Settings) -> Config:
    """Return the configuration of the checks, without what depends on the place where this process runs."""
    config = config_of(msgspec.structs.replace(settings, arguments=_without_inputs(settings.arguments)), [("json", "")])
    return msgspec.structs.replace(config, paths=(), file="", display_path="")


def _without_inputs(arguments: Arguments) -> Arguments:
    return msgspec.structs.replace(arguments, paths=())


def _number(option: str, word: str) -> int:
    if not word.isdecimal() or len(word) > _MOST_DIGITS:
        raise UsageError(f"{option} {word}: expected a number")
    return int(word)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Yield the callback of a progress bar with rate and remaining time; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as ProgressBar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as widget:
        task = widget.add_task("checking", total=None)

        def update(done: int, total: int) -> None:
            widget.update(task, completed=done, total=total)

        yield update
