"""The functions of the Python API: the commands of the command line, on paths or on texts in memory.

Each call is a run of its own: what it may read and what it has read is not that of an earlier one or of another thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

from azkvlint.config.run_config import CheckSettings
from azkvlint.linter.linter import config_for
from azkvlint.linter.linter import lint as check_paths
from azkvlint.model.access import AccessReport
from azkvlint.model.difference import BY_ITSELF, BY_NONE, ConfigurationBasis, Difference
from azkvlint.model.finding import Report
from azkvlint.model.fix import Fix, FixResult, Refused
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.run_state import separate_run

if TYPE_CHECKING:
    from azkvlint.linter.linter import Progress
    from azkvlint.util.output_files import StagingFolder

Inputs: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Mapping[str, str | bytes]
"""A path, several, or a folder in memory: the texts of its files by their paths in it."""

# The names of folders in memory: a difference has two.
_FOLDERS = ("base", "head")


class Fixes(msgspec.Struct, frozen=True, kw_only=True):
    """The fixes of the findings of ``report``, which were proven together.

    ``texts`` are the changed files by their reported paths. Nothing is written.
    """

    report: Report
    fixes: tuple[Fix, ...]
    refusals: tuple[Refused, ...]
    texts: Mapping[str, bytes]


Result: TypeAlias = Report | Fixes | AccessReport | Difference


def lint(inputs: Inputs, settings: CheckSettings | None = None, progress: Progress | None = None) -> Report:
    """Check files and folders, and return the report. Failures of an input are reported as Problems.

    ``progress`` is called with the numbers of finished units and of all units. Raise KvlintError for a path that does
    not exist, for invalid settings, and for rule files that cannot be loaded.
    """
    with _paths_of(inputs) as paths:
        return check_paths(paths, settings, progress)


def fix(inputs: Inputs, settings: CheckSettings | None = None, allow: Iterable[str] = ()) -> Fixes:
    """Return the fixes of the findings, and the texts of the files that they change.

    ``allow`` are the classes of fixes that are offered though they are not safe, such as ``access``. Raise KvlintError
    as ``lint``.
    """
    from azkvlint.fixes.find import fixes_together
    from azkvlint.fixes.proof import report_of
    from azkvlint.linter.result_cache import ResultCache
    from azkvlint.syntax.texts import parsed_texts
    from azkvlint.util.file_tracker import Snapshot

    with _paths_of(inputs) as paths:
        config = config_for(paths, settings)
        parsed_texts().begin()
        report = report_of(config, None, ResultCache(snapshot=Snapshot()))
        found = fixes_together(report, config, _known(allow))
        return Fixes(report=report, fixes=found.fixes, refusals=found.refusals, texts=found.texts)


def _known(allow: Iterable[str]) -> frozenset[str]:
    from azkvlint.model.effect import CLASSES

    named = frozenset(allow)
    for name in sorted(named.difference(CLASSES)):
        hint = did_you_mean(name, list(CLASSES)) or f"one of {', '.join(CLASSES)}"
        raise UsageError(f"unknown class of fixes '{name}'", hint)
    return named


def analyze_access(inputs: Inputs, settings: CheckSettings | None = None) -> AccessReport:
    """Return which principals can reach which key vaults and managed HSMs. Raise KvlintError as ``lint``."""
    from azkvlint.access.questions import AccessSelectors, columns_of
    from azkvlint.linter.access import Filters, access

    with _paths_of(inputs) as paths:
        filters = Filters(words=AccessSelectors(), capabilities=columns_of(AccessSelectors()))
        return access(config_for(paths, settings), filters, ())


def diff(base: Inputs, head: Inputs | None = None, settings: CheckSettings | None = None) -> Difference:
    """Return what changes between two inputs or, without ``head``, between the states before and after a plan.

    Both are checked with ``settings``. Each is one file or folder. Raise KvlintError as ``lint``.
    """
    from azkvlint.difference.compare import compare

    with _paths_of(base, () if head is None else head) as words:
        most = 1 if head is None else 2
        if len(words) != most:
            raise UsageError("`diff` compares two inputs, or the two states of one", "name one file or folder for each")
        configs = [msgspec.structs.replace(config_for([word], settings), explain=True) for word in words]
        return compare(configs, words, (), ConfigurationBasis(kind=BY_ITSELF if head is None else BY_NONE))


def load_settings(path: str | os.PathLike[str] = ".") -> CheckSettings:
    """Return the settings that the command line has for a path: of configuration files and environment variables.

    Raise KvlintError for a configuration file that is not valid.
    """
    from azkvlint.cli.resolve import config_of
    from azkvlint.config.arguments import Arguments
    from azkvlint.config.settings import resolve_settings

    settings = resolve_settings(Arguments(paths=(os.fspath(path),)), "check")
    return config_of(settings, [("json", "")])


def render(result: Result, format: str = "json") -> str:  # noqa: A002 -- the name of the option
    """Return a result in a format of the command that makes it, such as ``json``, ``sarif`` or ``markdown``.

    Raise KvlintError for a format that the command does not have.
    """
    from azkvlint.reporters import Options

    formats = _formats_of(result)
    if format not in formats:
        hint = did_you_mean(format, list(formats)) or f"one of {', '.join(formats)}"
        raise UsageError(f"unknown format '{format}'", hint)
    content = formats[format](Options())
    return content.decode() if isinstance(content, bytes) else content


def _formats_of(result: Result) -> Mapping[str, Callable[[object], str | bytes]]:
    """Return the reporters of a result by the names of their formats."""
    if isinstance(result, Report):
        from azkvlint.reporters import REPORTERS

        return _on(REPORTERS, result)
    if isinstance(result, AccessReport):
        from azkvlint.reporters.access import ACCESS_REPORTERS

        return _on(ACCESS_REPORTERS, result)
    if isinstance(result, Difference):
        from azkvlint.reporters.difference import DIFFERENCE_REPORTERS

        return _on(DIFFERENCE_REPORTERS, result)
    from azkvlint.reporters.fixes import FIX_REPORTERS

    found = FixResult(fixes=result.fixes, refusals=result.refusals, texts=result.texts)
    return _on(FIX_REPORTERS, found, result.report)


def _on(
    reporters: Mapping[str, Callable[..., str | bytes]], *results: object
) -> Mapping[str, Callable[[object], str | bytes]]:
    def of(reporter: Callable[..., str | bytes]) -> Callable[[object], str | bytes]:
        return lambda options: reporter(*results, options)

    return {name: of(reporter) for name, reporter in reporters.items()}


@contextmanager
def _paths_of(*inputs: Inputs) -> Iterator[list[str]]:
    """Give the paths of inputs to a separate run. Folders in memory are written below a private one."""
    from azkvlint.util.output_files import StagingFolder

    with separate_run():
        if not any(isinstance(one, Mapping) for one in inputs):
            yield [path for one in inputs for path in _named(one)]
            return
        folder = StagingFolder()
        try:
            yield [path for name, one in zip(_FOLDERS, inputs, strict=False) for path in _written(folder, name, one)]
        finally:
            folder.remove()


def _named(inputs: Inputs) -> list[str]:
    return [os.fspath(path) for path in ([inputs] if isinstance(inputs, str | os.PathLike) else inputs)]


def _written(folder: StagingFolder, name: str, inputs: Inputs) -> list[str]:
    """Return the paths of inputs, of which those in memory are written to the folder ``name`` in another."""
    if not isinstance(inputs, Mapping):
        return _named(inputs)
    folder.add_folder(name)
    for path, text in cast("Mapping[str, str | bytes]", inputs).items():
        content = text.encode() if isinstance(text, str) else text
        try:
            folder.write(f"{name}/{_plain(path)}", content)
        except OSError as error:  # a file where another path has a folder, or no space
            raise UsageError(f"'{path}' cannot be written to a temporary folder: {error.strerror}") from error
    return [os.path.join(folder.path, name)]


def _plain(path: str) -> str:
    """Return the path of a file in a folder in memory. Raise UsageError unless it is relative and stays below it."""
    names = path.replace(os.sep, "/").split("/")
    if "\0" in path or any(name in ("", ".", "..") or os.path.splitdrive(name)[0] for name in names):
        raise UsageError(f"'{path}' is not the path of a file below a folder", "write modules/kv/main.tf, for example")
    return path
