"""The language server: one client, over standard input and output.

The loop of the protocol runs in the main thread and never waits: a thread reads messages, and another one checks.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, BinaryIO, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from azkvlint import __version__
from azkvlint.editor.actions import FIX_ALL, Actions, file_of
from azkvlint.editor.checks import (
    Checked,
    CheckOutcome,
    CheckRequest,
    Checks,
    CheckThread,
    FirstOutcome,
    OpenDocument,
    Superseded,
)
from azkvlint.editor.diagnostics import SOURCE, CausedDiagnostic, access_of, hover, lenses, title
from azkvlint.editor.progress import ProgressDisplay
from azkvlint.editor.protocol import (
    INVALID_PARAMETERS,
    INVALID_REQUEST,
    MessageWriter,
    Positions,
    ProtocolError,
    changed,
    clean,
    path_of,
    receive,
    uri_of,
)
from azkvlint.editor.publishing import Pull, Push, is_pulling
from azkvlint.editor.settings import Configure, EditorSettings, Inputs, SettingFault, settings_of
from azkvlint.linter.result_cache import CacheFolderSettings
from azkvlint.linter.workers import internal_error
from azkvlint.model.access import AccessReport
from azkvlint.model.finding import Report

_T = TypeVar("_T")
# The pause in seconds after which a change is checked is half the time by which a check is slow, within these limits.
# A longer series of changes is checked in between.
_PAUSES, _SLOW, _LONGEST = (0.02, 0.5), 0.1, 1.5
_SHOWN = 0.25  # seconds between two displays of the progress
_LOOK = 2.0  # seconds between two looks for the parent process
_NOT_INITIALIZED = -32002
_WATCHED = "**/*.{tf,tofu,tfvars,hcl,bicep,bicepparam,json,jsonc,toml,yaml,yml}"
_CLOSED = 1
_MOST_UNITS = 100  # inputs of a folder for which access is computed


class _Protocol(LanguageServerProtocol):
    """The protocol, without the features of pygls that this server has itself."""

    # Documents: pygls ends lines where the protocol does not, such as at a form feed.
    lsp_text_document__did_open = None  # type: ignore[assignment]  # what is not callable is no feature
    lsp_text_document__did_change = None  # type: ignore[assignment]  # the same
    lsp_text_document__did_close = None  # type: ignore[assignment]  # the same
    lsp_exit = None  # type: ignore[assignment]  # the same


class _Server(LanguageServer):
    """The server of pygls, which shows nothing of unexpected errors: they can contain text of documents."""

    def report_server_error(self, error: Exception, source: object) -> None:
        """Report nothing: handlers log their errors."""


class EditorServer:
    """A session with one client. ``configure`` returns the configuration of a check.

    Results of files are in the ``store`` on the disk, if there is one.
    """

    def __init__(self, configure: Configure, output: BinaryIO, store: CacheFolderSettings | None = None) -> None:
        self._server = _Server("kvlint", __version__, protocol_cls=_Protocol)
        self._protocol = self._server.protocol
        self._output = MessageWriter(output, lambda: self._stop(_CLOSED))
        self._protocol.set_writer(self._output)
        self._configure, self._store = configure, store
        self._worker = CheckThread()
        self._checks: Checks | None = None
        self._encoding = ""
        self._folders: dict[str, str] = {}  # the URIs of the client by real path
        self._documents: dict[str, OpenDocument] = {}
        self._settings = EditorSettings()
        self._setting_faults: tuple[SettingFault, ...] = ()
        self._diagnostics: Push | Pull = Push(self._server)
        self._actions: Actions | None = None
        self._access_reports: dict[Inputs, tuple[Report, asyncio.Future[AccessReport | None]]] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._outcome: CheckOutcome | None = None
        # What was found last: of open documents, that is newer than the outcome of a check of all.
        self._found: dict[str, list[CausedDiagnostic]] = {}
        self._texts_found: dict[str, OpenDocument] = {}
        self._progress = ProgressDisplay(self._server)
        self._timer: asyncio.TimerHandle | None = None
        self._first_change = 0.0
        self._pause = _PAUSES[0]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Future[int] | None = None
        self._is_shut_down = False
        options = {
            types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(
                [types.CodeActionKind.QuickFix, FIX_ALL], resolve_provider=True
            ),
            types.TEXT_DOCUMENT_CODE_LENS: types.CodeLensOptions(resolve_provider=True),
        }
        for method, handler in self._features().items():
            self._add(method, handler, options.get(method))

    def _features(self) -> dict[str, Callable[[Any], Any]]:
        return {
            types.INITIALIZE: self._initialize,
            types.INITIALIZED: self._initialized,
            types.SHUTDOWN: self._shut_down,
            types.EXIT: self._exit,
            types.TEXT_DOCUMENT_DID_OPEN: self._did_open,
            types.TEXT_DOCUMENT_DID_CHANGE: self._did_change,
            types.TEXT_DOCUMENT_DID_SAVE: lambda _: self._schedule(),
            types.TEXT_DOCUMENT_DID_CLOSE: self._did_close,
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: lambda _: self._schedule(),
            types.WORKSPACE_DID_CHANGE_CONFIGURATION: self._did_change_configuration,
            types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: self._did_change_folders,
            types.TEXT_DOCUMENT_HOVER: self._hover,
            types.TEXT_DOCUMENT_CODE_ACTION: self._code_actions,
            types.CODE_ACTION_RESOLVE: self._resolve_action,
            types.TEXT_DOCUMENT_CODE_LENS: self._lenses,
            types.CODE_LENS_RESOLVE: self._resolve_lens,
        }

    # --- the session ---------------------------------------------------------------------------------------------

    async def serve(self, stream: BinaryIO) -> int:
        """Serve the client at the other end of ``stream`` until it leaves, and return the exit code."""
        self._loop = asyncio.get_running_loop()
        self._stopped = self._loop.create_future()
        self._loop.set_exception_handler(self._handle_failure)
        self._worker.start()
        threading.Thread(target=self._receive, args=(stream,), name="kvlint messages", daemon=True).start()
        return await self._stopped

    def _handle_failure(self, _loop: object, context: dict[str, Any]) -> None:
        """Log what a callback of the loop raised."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self._log_error(error)

    def _receive(self, stream: BinaryIO) -> None:
        with suppress(OSError, ValueError):  # the stream was closed
            receive(stream, partial(self._in_loop, self._handle), partial(self._in_loop, self._refuse))
        self._in_loop(self._stop, _CLOSED)

    def _in_loop(self, task: Callable[..., object], *arguments: object) -> None:
        """Run a task in the loop of the protocol, from another thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task, *arguments)

    def _handle(self, data: dict[str, Any]) -> None:
        method, id_ = data.get("method"), data.get("id")
        if self._checks is None and method not in (types.INITIALIZE, types.EXIT, None):
            if id_ is not None:
                self._refuse(ProtocolError(_NOT_INITIALIZED, "the server is not initialized"), id_)
            return
        if self._is_shut_down and method not in (types.EXIT, None):
            if id_ is not None:
                self._refuse(ProtocolError(INVALID_REQUEST, "the server is shut down"), id_)
            return
        try:
            self._protocol.handle_message(self._protocol.structure_message(data))
        except JsonRpcException:
            if method is not None:
                self._refuse(ProtocolError(INVALID_PARAMETERS, "the parameters are not valid"), id_)
        except Exception as error:  # noqa: BLE001  # a message must not end the server
            self._log_error(error)
            if method is not None and id_ is not None:
                self._refuse(ProtocolError(INVALID_REQUEST, "the message is not valid"), id_)

    def _refuse(self, fault: ProtocolError, id_: object = None) -> None:
        known = id_ if isinstance(id_, str | int) else None
        error = {"code": fault.code, "message": fault.message}
        self._output.send({"jsonrpc": "2.0", "id": known, "error": error})

    def _add(self, method: str, handler: Callable[[Any], Any], options: object = None) -> None:
        """Add the handler of a method. Messages of unexpected errors can contain text of documents."""

        def guarded(params: Any = None) -> Any:
            with self._guard():
                return handler(params)

        async def awaited(params: Any = None) -> Any:
            with self._guard():
                return await handler(params)

        self._server.feature(method, options)(awaited if inspect.iscoroutinefunction(handler) else guarded)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except JsonRpcException:
            raise
        except Exception as error:  # noqa: BLE001  # a request must not end the server
            self._log_error(error)
            raise JsonRpcException(internal_error(error).message) from None

    def _log_error(self, error: Exception) -> None:
        if not isinstance(error, JsonRpcException):
            self._log(internal_error(error).message, types.MessageType.Error)

    def _log(self, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
        self._server.window_log_message(types.LogMessageParams(type=kind, message=text))

    def _show(self, text: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        self._server.window_show_message(types.ShowMessageParams(type=kind, message=f"kvlint: {text}"))

    def _stop(self, code: int) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(code)

    def _initialize(self, params: types.InitializeParams) -> None:
        self._encoding = types.PositionEncodingKind(self._server.workspace.position_encoding or "utf-16").value
        folders = [folder.uri for folder in params.workspace_folders or ()]
        if not folders and params.root_uri:
            folders = [params.root_uri]
        self._folders = {path: uri for uri in folders if (path := path_of(uri))}
        self._read_settings(params.initialization_options)
        self._checks = Checks(self._configure, self._encoding, self._store)
        self._actions = Actions(
            self._checks, self._in_worker, self._stop_for_check, params.capabilities, self._encoding
        )
        if is_pulling(params.capabilities):
            self._diagnostics = pull = Pull(self._server, self._found_in, self._next_outcome)
            options = types.DiagnosticOptions(
                inter_file_dependencies=True, workspace_diagnostics=True, identifier=SOURCE
            )
            self._add(types.TEXT_DOCUMENT_DIAGNOSTIC, pull.document, options)
            self._add(types.WORKSPACE_DIAGNOSTIC, pull.workspace)
        if params.process_id is not None and os.name == "posix" and self._loop is not None:
            self._watch_parent(params.process_id)

    def _watch_parent(self, process: int) -> None:
        """End the server when its parent process has ended without closing the stream."""
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            self._stop(_CLOSED)
        except (OSError, OverflowError):
            pass  # a process of another user
        if self._loop is not None:
            self._loop.call_later(_LOOK, self._watch_parent, process)

    def _initialized(self, _: object) -> None:
        capabilities = self._server.client_capabilities.workspace
        registrations: list[tuple[str, object]] = []
        if capabilities is not None:
            watching, configuration = capabilities.did_change_watched_files, capabilities.did_change_configuration
            if watching is not None and watching.dynamic_registration:
                options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(_WATCHED)])
                registrations.append((types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options))
            if configuration is not None and configuration.dynamic_registration:
                section = types.DidChangeConfigurationRegistrationOptions(section=SOURCE)
                registrations.append((types.WORKSPACE_DID_CHANGE_CONFIGURATION, section))
        if registrations:
            found = [types.Registration(id=f"kvlint {method}", method=method, register_options=options)
                     for method, options in registrations]  # fmt: skip
            self._server.client_register_capability(types.RegistrationParams(found))
        self._ask_settings()
        self._schedule()

    def _shut_down(self, _: object) -> None:
        self._is_shut_down = True

    def _exit(self, _: object) -> None:
        self._stop(0 if self._is_shut_down else 1)

    # --- settings and folders ------------------------------------------------------------------------------------

    def _read_settings(self, value: object, *, may_be_others: bool = False) -> None:
        known = self._setting_faults
        self._settings, self._setting_faults = settings_of(value, may_be_others=may_be_others)
        for fault in self._setting_faults:
            if fault not in known:
                self._show(fault.text)

    def _ask_settings(self) -> None:
        """Ask the client for its settings, if it can answer."""
        workspace = self._server.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        items = [types.ConfigurationItem(section=SOURCE)]
        request = self._server.workspace_configuration(types.ConfigurationParams(items))
        request.add_done_callback(self._receive_settings)

    def _receive_settings(self, answer: Any) -> None:
        if not answer.cancelled() and answer.exception() is None and answer.result():
            values = answer.result()
            if isinstance(values, Sequence) and values[0] is not None:
                self._read_settings(values[0])
                self._schedule()

    def _did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        workspace = self._server.client_capabilities.workspace
        if workspace is not None and workspace.configuration:
            self._ask_settings()
        elif params.settings is not None:
            self._read_settings(params.settings, may_be_others=True)
        self._schedule()

    def _did_change_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        for folder in params.event.removed:
            self._folders.pop(path_of(folder.uri), None)
        self._folders |= {path: folder.uri for folder in params.event.added if (path := path_of(folder.uri))}
        self._schedule()

    # --- documents -----------------------------------------------------------------------------------------------

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        self._hold(document.uri, document.version, document.text)

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        file = path_of(uri)
        document = self._documents.get(file) if file else None
        if document is not None:
            text = changed(document.text, params.content_changes, self._encoding)
            self._hold(uri, params.text_document.version, text)

    def _hold(self, uri: str, version: int, text: str) -> None:
        file = path_of(uri)
        if file:
            text = clean(text)
            self._documents[file] = OpenDocument(uri, version, text, text.encode())
            self._schedule()

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        file = path_of(params.text_document.uri)
        if file and self._documents.pop(file, None) is not None:
            self._schedule()

    # --- checks --------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Check after a pause without further changes."""
        if self._loop is None or self._checks is None:
            return
        if self._timer is None:
            self._first_change = monotonic()
        else:
            self._timer.cancel()
        left = self._first_change + _LONGEST - monotonic()
        self._timer = self._loop.call_later(max(0.0, min(self._pause, left)), self._start)

    def _start(self) -> None:
        self._timer = None
        request = CheckRequest(
            folders=tuple(self._folders),
            documents=dict(self._documents),
            settings=self._settings,
            faults=self._setting_faults,
            uris={path: uri for path, uri in self._folders.items() if uri.rstrip("/") != uri_of(path)},
        )
        self._worker.check(partial(self._check, request))

    def _check(self, request: CheckRequest) -> None:
        """Check in the worker."""
        checks = self._checks
        if checks is None:
            return
        first = shown = start = monotonic()

        def receive(outcome: FirstOutcome) -> None:
            nonlocal first
            first = first if first > start else monotonic()
            self._in_loop(self._receive_first, outcome)

        def show(done: int, total: int) -> None:
            nonlocal shown
            if monotonic() - shown >= _SHOWN:
                shown = monotonic()
                self._in_loop(self._progress.report, done, total)

        self._in_loop(self._progress.start)
        try:
            outcome = checks.check(request, lambda: self._worker.has_check, receive, show)
        except Superseded:
            return
        except Exception as error:  # noqa: BLE001  # the worker must not end
            self._in_loop(self._log_error, error)
            self._in_loop(self._progress.end)
            return
        self._in_loop(self._receive_outcome, outcome, (first if first > start else monotonic()) - start)

    def _receive_first(self, outcome: FirstOutcome) -> None:
        self._found.update(outcome.files)
        self._texts_found.update({file: outcome.request.documents[file] for file in outcome.files})
        self._diagnostics.receive_first(outcome, self._documents)
        self._wake()

    def _receive_outcome(self, outcome: CheckOutcome, seconds: float) -> None:
        """Show an outcome. What is typed is shown after some ``seconds``."""
        self._pause = min(max((seconds - _SLOW) / 2, _PAUSES[0]), _PAUSES[1])
        before, self._outcome = self._outcome, outcome
        self._found, self._texts_found = dict(outcome.files), dict(outcome.request.documents)
        for kind, text in outcome.shown:
            self._show(text, kind)
        for text in outcome.logged:
            self._log(text, types.MessageType.Warning)
        self._diagnostics.receive(outcome, self._documents)
        self._progress.end()
        if before is not None and outcome.evaluated:
            self._refresh_lenses()
        self._wake()

    def _wake(self) -> None:
        """Let go on what waits for the next outcome."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def _found_in(self, file: str) -> None:
        """Wait until the diagnostics of the current text of a document are known, if it is open."""
        while file in self._documents and self._texts_found.get(file) is not self._documents[file]:
            await self._next_outcome()

    async def _current(self, file: str) -> CheckOutcome | None:
        """Return the outcome of a check of the current text of a document; None if it is not open."""
        while file in self._documents:
            outcome = self._outcome
            if outcome is not None and outcome.request.documents.get(file) is self._documents[file]:
                return outcome
            await self._next_outcome()
        return None

    async def _next_outcome(self) -> None:
        """Wait for the next outcome."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    async def _in_worker(self, task: Callable[[], _T]) -> _T:
        """Return the result of a task that runs between checks."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()

        def settle(is_good: bool, result: Any) -> None:
            if not future.done():
                (future.set_result if is_good else future.set_exception)(result)

        def run() -> None:
            if future.cancelled():
                return
            try:
                self._in_loop(settle, True, task())
            except Superseded:
                self._worker.submit(run)
            except Exception as error:  # noqa: BLE001  # it is raised where the result is awaited
                self._in_loop(settle, False, error)

        self._worker.submit(run)
        return await future

    # --- what is shown on request --------------------------------------------------------------------------------

    def _hover(self, params: types.HoverParams) -> types.Hover | None:
        file = path_of(params.text_document.uri)
        return hover(self._found.get(file, ()), params.position)

    async def _code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        file = path_of(params.text_document.uri)
        outcome = await self._current(file)
        if outcome is None or self._actions is None:
            return []
        return await self._actions.offer(outcome, file, params)

    async def _resolve_action(self, action: types.CodeAction) -> types.CodeAction:
        file = file_of(action)
        outcome = await self._current(file)
        if outcome is None or self._actions is None:
            return action
        return await self._actions.resolve(outcome, file, action)

    async def _lenses(self, params: types.CodeLensParams) -> list[types.CodeLens]:
        while self._outcome is None:
            await self._next_outcome()
        outcome, file = self._outcome, path_of(params.text_document.uri)
        if not self._settings.code_lens or file not in outcome.request.documents:
            return []
        positions = Positions(outcome.request.documents[file].text, self._encoding)
        found = {}
        for one in outcome.checked.values():
            for lens in lenses(one.report, file):
                if lens.declaration.at.region is not None:
                    data = {"uri": params.text_document.uri, "address": lens.declaration.address}
                    found[lens.declaration.address] = types.CodeLens(
                        positions.range(lens.declaration.at.region), data=data
                    )
        return list(found.values())

    async def _resolve_lens(self, lens: types.CodeLens) -> types.CodeLens:
        outcome, text = self._outcome, ""
        if isinstance(lens.data, dict) and outcome is not None:
            file, address = path_of(str(lens.data.get("uri", ""))), lens.data.get("address")
            for inputs, one in outcome.checked.items():
                found = next(
                    (found for found in lenses(one.report, file) if found.declaration.address == address), None
                )
                if found is not None:
                    text = text or title(found, await self._access(outcome.request, inputs, one))
        lens.command = types.Command(title=text or "no longer declared", command="")
        return lens

    async def _access(self, request: CheckRequest, inputs: Inputs, checked: Checked) -> AccessReport | None:
        """Return who can reach what in a checked input, computed once; None if it has too many parts."""
        kept = self._access_reports.get(inputs)
        if kept is not None and kept[0] is checked.report:
            return await asyncio.shield(kept[1])
        if sum(checked.report.unit_counts.values()) > _MOST_UNITS:
            return None

        def compute() -> AccessReport | None:
            if self._checks is None:
                return None
            self._stop_for_check()
            self._checks.hold(request)
            return access_of(checked.config, self._stop_for_check)

        task = asyncio.ensure_future(self._in_worker(compute))
        self._access_reports[inputs] = checked.report, task
        return await asyncio.shield(task)

    def _stop_for_check(self) -> None:
        """Raise Superseded in the worker if a check is waiting; the task runs again after it."""
        if self._worker.has_check:
            raise Superseded

    def _refresh_lenses(self) -> None:
        workspace = self._server.client_capabilities.workspace
        support = None if workspace is None else workspace.code_lens
        if self._settings.code_lens and support is not None and support.refresh_support:
            self._server.workspace_code_lens_refresh(None)


def serve(configure: Configure, stream: BinaryIO, output: BinaryIO, store: CacheFolderSettings | None = None) -> int:
    """Serve one client, and return the exit code."""
    # pygls would log messages that it cannot handle, with all their text.
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)
    return asyncio.run(EditorServer(configure, output, store).serve(stream))
