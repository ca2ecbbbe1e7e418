"""Check the documents of an editor: keep the results of each input, and evaluate only what a change reaches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec
from lsprotocol.types import MessageType

from azkvlint.config.run_config import Config
from azkvlint.editor.diagnostics import Converter, Item
from azkvlint.editor.paths import uri_of
from azkvlint.linter.watch import IncrementalRun
from azkvlint.linter.workers import internal_error
from azkvlint.model.finding import Report
from azkvlint.reporters.phrases import problem_line
from azkvlint.syntax.parsed_texts import PARSED_TEXTS
from azkvlint.util.errors import KvlintError
from azkvlint.util.file_tracker import EDITOR_TEXTS
from azkvlint.util.text import visible

Inputs: TypeAlias = tuple[str, ...]
"""The paths that one check has as its inputs: a workspace folder, or the open documents of a folder."""


class EditorSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The settings of an editor, which take precedence over configuration files.

    ``configuration`` is the path of a configuration file, absolute or relative to the workspace folder.
    """

    profile: tuple[str, ...] | str = ()
    select: tuple[str, ...] | str = ()
    ignore: tuple[str, ...] | str = ()
    min_severity: str = ""
    configuration: str = ""
    include_tests: bool | None = None
    code_lens: bool = True


Configure: TypeAlias = Callable[[Inputs, EditorSettings], Config]


class Document(msgspec.Struct, frozen=True, gc=False):
    """An open document. ``data`` is its text in UTF-8."""

    uri: str
    version: int
    text: str
    data: bytes


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to check: the workspace folders and the open documents, both by real path."""

    folders: tuple[str, ...]
    documents: Mapping[str, Document]
    settings: EditorSettings

    def uri_of(self, file: str) -> str:
        """Return the URI of a real path: for an open document that of the client."""
        document = self.documents.get(file)
        return uri_of(file) if document is None else document.uri

    @property
    def inputs(self) -> tuple[Inputs, ...]:
        """Return the inputs of each check. Without a workspace folder, documents in one folder are checked together."""
        if self.folders:
            return tuple((folder,) for folder in self.folders)
        by_folder: dict[str, list[str]] = {}
        for file in sorted(self.documents):
            by_folder.setdefault(os.path.dirname(file), []).append(file)
        return tuple(map(tuple, by_folder.values()))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The diagnostics of a check by real path, and messages to show or log.

    ``evaluated`` is the number of units that were evaluated again.
    """

    request: Request
    files: Mapping[str, list[Item]]
    shown: tuple[tuple[MessageType, str], ...]
    logged: tuple[str, ...]
    evaluated: int


class Superseded(Exception):
    """A newer request has arrived."""


class _Kept(msgspec.Struct):
    """What is kept of the checks of one input: ``files`` and ``report`` are those of the last that succeeded."""

    run: IncrementalRun
    converter: Converter
    files: dict[str, list[Item]] = {}
    report: Report | None = None
    config: Config | None = None
    fault: str = ""


class Checks:
    """The checks of one editor, for one thread.

    ``configure`` returns the configuration of a check, ``encoding`` is that of positions.
    """

    def __init__(self, configure: Configure, encoding: str) -> None:
        self._configure = configure
        self._encoding = encoding
        self._request = Request(folders=(), documents={}, settings=EditorSettings())
        self._kept: dict[Inputs, _Kept] = {}

    def check(self, request: Request, is_superseded: Callable[[], bool] = lambda: False) -> Outcome:
        """Return the diagnostics of all files. Raise Superseded if a newer request has arrived."""
        self._request = request
        PARSED_TEXTS.begin()
        EDITOR_TEXTS.clear()
        EDITOR_TEXTS.update({file: document.data for file, document in request.documents.items()})
        kept = {inputs: self._kept.get(inputs) or self._new() for inputs in request.inputs}
        self._kept = kept
        shown: list[tuple[MessageType, str]] = []
        logged: list[str] = []
        evaluated = 0

        def progress(done: int, total: int) -> None:
            if is_superseded():
                raise Superseded

        for inputs, one in kept.items():
            if is_superseded():
                raise Superseded
            fault = ""
            try:
                one.config = self._configure(inputs, request.settings)
                report = one.run.check(one.config, progress)
                evaluated += len(one.run.reevaluated)
                if report != one.report:
                    logged += (problem_line(problem) for problem in report.problems if problem.at is None)
                one.files, one.report = one.converter.by_file(report), report
            except KvlintError as error:
                fault = _sentence(error)
            except Superseded:
                raise
            except Exception as error:  # noqa: BLE001  # a bug that one text triggers must not end the server
                fault = _sentence(internal_error(error))
            if fault and fault != one.fault:
                shown.append((MessageType.Error, fault))
            one.fault = fault
        return Outcome(
            request=request, files=_merged(kept.values()), shown=tuple(shown), logged=tuple(logged), evaluated=evaluated
        )

    def _uri_of(self, file: str) -> str:
        return self._request.uri_of(file)

    def _new(self) -> _Kept:
        return _Kept(run=IncrementalRun(), converter=Converter(self._uri_of, self._encoding))


def _merged(kept: Iterable[_Kept]) -> dict[str, list[Item]]:
    """Return the diagnostics of all inputs, each once: several workspace folders can read one file."""
    files: dict[str, list[Item]] = {}
    for one in kept:
        for file, items in one.files.items():
            known = files.get(file)
            files[file] = items if known is None else [*known, *(item for item in items if item not in known)]
    return files


def _sentence(error: KvlintError) -> str:
    """Return an error with its hint on one line."""
    lines = "; ".join(map(visible, error.message.splitlines()))
    return f"{lines} ({visible(error.hint)})" if error.hint else lines
