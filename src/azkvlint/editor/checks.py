"""Check the documents of an editor: keep the results of each input, and evaluate only what a change reaches.

A thread of its own runs the newest check and, when there is none, other tasks one after the other.
"""

from __future__ import annotations

import gc
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec
from lsprotocol.types import MessageType

from azkvlint.config.run_config import Config
from azkvlint.editor.diagnostics import CausedDiagnostic, Converter
from azkvlint.editor.protocol import uri_of
from azkvlint.editor.settings import (
    Configure,
    EditorSettings,
    Inputs,
    SettingFault,
    fault_items,
    fault_of_configuration,
    sentence_of,
    without_faults,
)
from azkvlint.linter.first_units import FirstReport
from azkvlint.linter.linter import Progress
from azkvlint.linter.result_cache import CacheFolderSettings, ResultCache
from azkvlint.linter.watch import IncrementalRun
from azkvlint.linter.workers import internal_error
from azkvlint.model.finding import INPUT_UNREADABLE, Report
from azkvlint.readers.discover import JSON, is_input_name
from azkvlint.reporters.phrases import problem_line
from azkvlint.syntax.texts import parsed_texts
from azkvlint.util.errors import KvlintError
from azkvlint.util.file_tracker import editor_texts
from azkvlint.util.project_boundary import current_folder, is_within
from azkvlint.util.project_files import file_buffer
from azkvlint.util.run_state import separate_run
from azkvlint.util.text import visible

_Task: TypeAlias = Callable[[], object]
# Deeply nested documents need more than the stack of a thread on macOS.
_STACK = 64 << 20
_MOST_GARBAGE = 50_000  # container objects that were created and not freed since the last collection


class OpenDocument(msgspec.Struct, frozen=True, gc=False):
    """An open document. ``data`` is its text in UTF-8."""

    uri: str
    version: int
    text: str
    data: bytes


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to check: the workspace folders and the open documents, both by real path.

    ``faults`` are those of settings that the client sent and that are not among the ``settings``. ``uris`` are those of
    folders that the client calls by another path.
    """

    folders: tuple[str, ...]
    documents: Mapping[str, OpenDocument]
    settings: EditorSettings
    faults: tuple[SettingFault, ...] = ()
    uris: Mapping[str, str] = {}

    def uri_of(self, file: str) -> str:
        """Return the URI of a real path as the client calls it."""
        document = self.documents.get(file)
        if document is not None:
            return document.uri
        folder = next((folder for folder in self.uris if is_within(file, folder)), "")
        below = uri_of(file)[len(uri_of(folder)) :] if folder else ""
        return f"{self.uris[folder].rstrip('/')}{below}" if folder else uri_of(file)

    @property
    def inputs(self) -> tuple[Inputs, ...]:
        """Return the inputs of each check. Without a workspace folder, documents in one folder are checked together."""
        if self.folders:
            return tuple((folder,) for folder in self.folders)
        by_folder: dict[str, list[str]] = {}
        for file in sorted(self.documents):
            if is_input_name(os.path.basename(file)):
                by_folder.setdefault(os.path.dirname(file), []).append(file)
        return tuple(map(tuple, by_folder.values()))


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One checked input. ``files`` are its diagnostics."""

    config: Config
    report: Report
    files: Mapping[str, list[CausedDiagnostic]]


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The diagnostics of a check by real path, the ``checked`` inputs, and messages to show or log.

    ``evaluated`` is the number of units that were evaluated again.
    """

    request: CheckRequest
    files: Mapping[str, list[CausedDiagnostic]]
    checked: Mapping[Inputs, Checked]
    shown: tuple[tuple[MessageType, str], ...]
    logged: tuple[str, ...]
    evaluated: int


class FirstOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The diagnostics of open documents by real path, from the inputs that read them; those of a check replace them."""

    request: CheckRequest
    files: Mapping[str, list[CausedDiagnostic]]


class Superseded(BaseException):
    """A newer request has arrived. It passes the places that turn an Exception into a problem of an input."""


class _InputState(msgspec.Struct):
    """What is kept of the checks of one input: ``checked`` is the last that succeeded, ``fault`` why none has since.

    ``settings`` are those that the client has ``sent``, without the ones that have ``faults``; None before the first
    check.
    """

    run: IncrementalRun
    converter: Converter
    checked: Checked | None = None
    fault: str = ""
    settings: EditorSettings | None = None
    sent: EditorSettings | None = None
    faults: tuple[SettingFault, ...] = ()


class Checks:
    """The checks of one editor, for one thread.

    ``configure`` returns the configuration of a check, ``encoding`` is that of positions. Results of files are in the
    ``store`` on the disk, if there is one.
    """

    def __init__(self, configure: Configure, encoding: str, store: CacheFolderSettings | None = None) -> None:
        self._configure, self._store = configure, store
        self._encoding = encoding
        self._request = CheckRequest(folders=(), documents={}, settings=EditorSettings())
        self._kept: dict[Inputs, _InputState] = {}
        # Of the last outcome: what was wrong with the settings, and the units that were evaluated since.
        self._known_wrong: dict[str, list[CausedDiagnostic]] = {}
        self._evaluated = 0

    def check(
        self,
        request: CheckRequest,
        is_superseded: Callable[[], bool] = lambda: False,
        receive: Callable[[FirstOutcome], object] | None = None,
        show: Progress | None = None,
    ) -> CheckOutcome:
        """Return the diagnostics of all files. Raise Superseded if a newer request has arrived.

        The units that read open documents are evaluated before all others, and ``receive`` gets what they have.
        ``show`` is called with the numbers of finished units and of all units.
        """
        self.hold(request)
        parsed_texts().begin()
        self._kept = {inputs: self._kept.get(inputs) or self._new() for inputs in request.inputs}
        shown: list[tuple[MessageType, str]] = []
        logged: list[str] = []

        def stop() -> None:
            if is_superseded():
                raise Superseded

        def progress(done: int, total: int) -> None:
            stop()
            if show is not None:
                show(done, total)

        if receive is not None:
            for inputs, one in self._kept.items():
                stop()
                self._check_first(inputs, one, receive, stop)
        for inputs, one in self._kept.items():
            stop()
            before, known = one.checked, one.faults
            fault = from_folder(self._try(inputs, one, progress), inputs)
            self._evaluated += 0 if fault else len(one.run.reevaluated)
            if fault and fault != one.fault:
                shown.append((MessageType.Error, fault))
            shown += ((MessageType.Warning, each.text) for each in one.faults if each not in known)
            one.fault = fault
            logged += (from_folder(line, inputs) for line in _new_problems(before, one.checked))
        evaluated, self._evaluated = self._evaluated, 0
        self._known_wrong = self._wrong()
        return CheckOutcome(
            request=request,
            files=_merged(
                [
                    self._known_wrong,
                    *(one.checked.files for one in self._kept.values() if one.checked is not None),
                ]
            ),
            checked={inputs: one.checked for inputs, one in self._kept.items() if one.checked is not None},
            shown=tuple(dict.fromkeys(shown)),
            logged=tuple(logged),
            evaluated=evaluated,
        )

    def _wrong(self) -> dict[str, list[CausedDiagnostic]]:
        """Return the diagnostics of wrong settings."""
        request = self._request
        faults = [*request.faults, *(fault for one in self._kept.values() for fault in one.faults)]
        faults += (fault_of_configuration(one.fault, _folder_of(at)) for at, one in self._kept.items() if one.fault)
        documents = [file for inputs in request.inputs for file in request.documents if _is_below(file, inputs)]
        return fault_items(faults, request.folders, documents, self._encoding)

    def _check_first(
        self,
        inputs: Inputs,
        one: _InputState,
        receive: Callable[[FirstOutcome], object],
        stop: Callable[[], object],
    ) -> None:
        """Evaluate what reads the open documents of an input. What fails here is reported by the check that follows."""
        request = self._request
        files = [file for file in request.documents if _is_below(file, inputs)]
        if not files:
            return

        def receive_report(first: FirstReport) -> None:
            report = first.report if request.folders else _without_other_json(first.report)
            shown = one.converter.of_files(report, first.files)
            others = [other.checked.files for other in self._kept.values() if other is not one and other.checked]
            # What is wrong with the settings is shown where it was, until the check is done.
            found = ({file: files.get(file, []) for file in shown} for files in (self._known_wrong, shown, *others))
            receive(FirstOutcome(request=request, files=_merged(found)))

        try:
            settings = one.settings if one.sent == request.settings else None
            config = self._configure(inputs, settings or request.settings)
            one.run.check_first(config, files, receive_report, stop)
        except Exception:  # noqa: BLE001  # the check fails for the same reason, and reports it
            return
        finally:
            self._evaluated += one.run.evaluated_first

    def _try(self, inputs: Inputs, one: _InputState, progress: Progress) -> str:
        """Check one input, and return why that failed, if it did. Then the results of the last check stay."""
        try:
            config, report = self._run(inputs, one, progress)
            if not self._request.folders:
                report = _without_other_json(report)
            one.checked = Checked(config=config, report=report, files=one.converter.by_file(report))
        except KvlintError as error:
            return sentence_of(error)
        except Exception as error:  # noqa: BLE001  # a bug that one text triggers must not end the server
            return sentence_of(internal_error(error))
        return ""

    def _run(self, inputs: Inputs, one: _InputState, progress: Progress) -> tuple[Config, Report]:
        """Check one input, without the settings with which a check cannot run. Raise KvlintError."""
        settings, faults = self._request.settings, one.faults
        try:
            config = self._configure(inputs, settings)
            report, faults = one.run.check(config, progress), ()
        except KvlintError:
            settings, found = without_faults(self._configure, inputs, settings)
            if not found:
                raise
            faults = tuple(msgspec.structs.replace(one, text=from_folder(one.text, inputs)) for one in found)
            config = self._configure(inputs, settings)
            report = one.run.check(config, progress)
        one.settings, one.sent, one.faults = settings, self._request.settings, faults
        return config, report

    def hold(self, request: CheckRequest) -> None:
        """Put the texts of a request in place of files."""
        self._request = request
        file_buffer().is_lasting = True
        editor_texts().clear()
        editor_texts().update({file: document.data for file, document in request.documents.items()})

    def trial(self, request: CheckRequest, inputs: Inputs, file: str, text: str) -> Report:
        """Return the report on an input with another text of a file. Raise KvlintError.

        The run is that of the checks, so that only what the file reaches is evaluated, now and in the next check.
        """
        self.hold(request)
        parsed_texts().begin()
        editor_texts()[file] = text.encode()
        try:
            one = self._kept[inputs]
            return one.run.check(self._configure(inputs, one.settings or request.settings))
        finally:
            self.hold(request)

    def _uri_of(self, file: str) -> str:
        return self._request.uri_of(file)

    def _new(self) -> _InputState:
        return _InputState(
            run=IncrementalRun(ResultCache(self._store)), converter=Converter(self._uri_of, self._encoding)
        )


def from_folder(text: str, inputs: Inputs) -> str:
    """Return a message with paths from the workspace folder, not from the current folder of the server."""
    try:
        prefix = visible(os.path.relpath(_folder_of(inputs), current_folder()))
    except (KvlintError, ValueError):  # the current folder is gone, or is on another drive
        return text
    if prefix == os.curdir:
        return text
    return re.sub(rf"(?<![^\s`'\"(]){re.escape(prefix)}[/\\]", "", text)


def _folder_of(inputs: Inputs) -> str:
    return inputs[0] if os.path.isdir(inputs[0]) else os.path.dirname(inputs[0])


def _is_below(file: str, inputs: Inputs) -> bool:
    return is_input_name(os.path.basename(file)) and any(is_within(file, path) for path in inputs)


def _new_problems(before: Checked | None, now: Checked | None) -> list[str]:
    """Return the problems without a place of a check, if it has other problems than the one before."""
    if now is None or now is before or (before is not None and before.report.problems == now.report.problems):
        return []
    return [problem_line(problem) for problem in now.report.problems if problem.at is None]


def _merged(found: Iterable[Mapping[str, list[CausedDiagnostic]]]) -> dict[str, list[CausedDiagnostic]]:
    """Return the diagnostics of all inputs, each once: several workspace folders can read one file."""
    files: dict[str, list[CausedDiagnostic]] = {}
    for one in found:
        for file, items in one.items():
            known = files.get(file)
            files[file] = items if known is None else [*known, *(item for item in items if item not in known)]
    return files


def _without_other_json(report: Report) -> Report:
    """Return a report without problems of JSON that is no input: an editor opens any, and the user did not name it."""
    kept = (
        one
        for one in report.problems
        if one.code != INPUT_UNREADABLE or one.at is None or one.at.region or not one.at.path.lower().endswith(JSON)
    )
    return msgspec.structs.replace(report, problems=tuple(kept))


class CheckThread:
    """A thread that runs the newest check as soon as it can, and other tasks when there is no check to run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._check: _Task | None = None
        self._tasks: deque[_Task] = deque()

    def start(self) -> None:
        """Start the thread, which ends with the process."""
        before = threading.stack_size(_STACK)
        try:
            threading.Thread(target=self._run, name="kvlint check", daemon=True).start()
        finally:
            threading.stack_size(before)

    @property
    def has_check(self) -> bool:
        """Return whether a check is waiting."""
        return self._check is not None

    def check(self, task: _Task) -> None:
        """Run a check in place of one that is still waiting."""
        with self._changed:
            self._check = task
            self._changed.notify()

    def submit(self, task: _Task) -> None:
        """Run another task."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()

    def _run(self) -> None:
        with separate_run():
            self._serve()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while self._check is None and not self._tasks:
                    self._changed.wait()
                if self._check is not None:
                    task, self._check = self._check, None
                else:
                    task = self._tasks.popleft()
            task()
            if self._check is None:
                collect_garbage()


def collect_garbage() -> None:
    """Collect garbage between tasks, where it delays none: during a check it would take longer than the check."""
    gc.disable()
    if gc.get_count()[0] > _MOST_GARBAGE:
        gc.collect()
        gc.freeze()
