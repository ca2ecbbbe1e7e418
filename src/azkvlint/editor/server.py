"""The language server: one client, over standard input and output.

The loop of the protocol runs in the main thread and never waits: a thread reads messages, and another one checks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, BinaryIO

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.io_ import StdoutWriter
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from azkvlint import __version__
from azkvlint.editor.checks import Checks, Configure, Document, EditorSettings, Outcome, Request, Superseded
from azkvlint.editor.diagnostics import SOURCE, Item
from azkvlint.editor.messages import INVALID_REQUEST, Fault, receive
from azkvlint.editor.paths import path_of
from azkvlint.editor.positions import changed, clean
from azkvlint.editor.settings import settings_of
from azkvlint.editor.worker import Worker
from azkvlint.linter.workers import internal_error

# The pause in seconds after which a change is checked: half the time of a check, within these limits. A longer series
# of changes is checked in between.
_PAUSES, _LONGEST = (0.02, 0.5), 1.5
_LOOK = 2.0  # seconds between two looks for the parent process
_NOT_INITIALIZED = -32002
_WATCHED = "**/*.{tf,tofu,tfvars,hcl,bicep,bicepparam,json,jsonc,toml,yaml,yml}"
_CLOSED = 1


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
    """A session with one client. ``configure`` returns the configuration of a check."""

    def __init__(self, configure: Configure, output: BinaryIO) -> None:
        self._server = _Server("kvlint", __version__, protocol_cls=_Protocol)
        self._protocol = self._server.protocol
        self._protocol.set_writer(StdoutWriter(output))
        self._configure = configure
        self._worker = Worker()
        self._checks: Checks | None = None
        self._encoding = ""
        self._folders: tuple[str, ...] = ()
        self._documents: dict[str, Document] = {}
        self._settings = EditorSettings()
        self._published: dict[str, tuple[list[types.Diagnostic], int | None]] = {}
        self._outcome: Outcome | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._first_change = 0.0
        self._pause = _PAUSES[0]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Future[int] | None = None
        self._is_shut_down = False
        for method, handler in self._features().items():
            self._server.feature(method)(partial(self._guarded, handler))

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
        }

    # --- the session ---------------------------------------------------------------------------------------------

    async def serve(self, stream: BinaryIO) -> int:
        """Serve the client at the other end of ``stream`` until it leaves, and return the exit code."""
        self._loop = asyncio.get_running_loop()
        self._stopped = self._loop.create_future()
        self._worker.start()
        threading.Thread(target=self._receive, args=(stream,), name="kvlint messages", daemon=True).start()
        return await self._stopped

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
                self._refuse(Fault(_NOT_INITIALIZED, "the server is not initialized"), id_)
            return
        if self._is_shut_down and method not in (types.EXIT, None):
            if id_ is not None:
                self._refuse(Fault(INVALID_REQUEST, "the server is shut down"), id_)
            return
        try:
            self._protocol.handle_message(self._protocol.structure_message(data))
        except JsonRpcException as error:
            if method is not None:
                self._refuse(Fault(error.code, error.message), id_)
        except BrokenPipeError:
            self._stop(_CLOSED)
        except Exception as error:  # noqa: BLE001  # a message must not end the server
            self._log_error(error)
            if method is not None and id_ is not None:
                self._refuse(Fault(INVALID_REQUEST, "the message is not valid"), id_)

    def _refuse(self, fault: Fault, id_: object = None) -> None:
        known = id_ if isinstance(id_, str | int) else None
        error = types.ResponseError(code=fault.code, message=fault.message)
        self._protocol._send_data(types.ResponseErrorMessage(id=known, error=error))  # noqa: SLF001  # has no other

    def _guarded(self, handler: Callable[[Any], Any], params: Any = None) -> Any:
        """Return the result of a handler. Messages of unexpected errors can contain text of documents."""
        try:
            return handler(params)
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
        self._encoding = str(self._server.workspace.position_encoding or "utf-16")
        folders = [folder.uri for folder in params.workspace_folders or ()]
        if not folders and params.root_uri:
            folders = [params.root_uri]
        self._folders = tuple(dict.fromkeys(path for path in map(path_of, folders) if path))
        self._read_settings(params.initialization_options)
        self._checks = Checks(self._configure, self._encoding)
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

    def _read_settings(self, value: object) -> None:
        self._settings, faults = settings_of(value)
        for fault in faults:
            self._show(fault)

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
            self._read_settings(params.settings)
        self._schedule()

    def _did_change_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = {path_of(folder.uri) for folder in params.event.removed}
        added = [path for path in (path_of(folder.uri) for folder in params.event.added) if path]
        self._folders = tuple(dict.fromkeys([*(one for one in self._folders if one not in removed), *added]))
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
            self._documents[file] = Document(uri, version, text, text.encode())
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
        request = Request(folders=self._folders, documents=dict(self._documents), settings=self._settings)
        self._worker.check(partial(self._check, request))

    def _check(self, request: Request) -> None:
        """Check in the worker."""
        checks = self._checks
        if checks is None:
            return
        start = monotonic()
        try:
            outcome = checks.check(request, lambda: self._worker.has_check)
        except Superseded:
            return
        except Exception as error:  # noqa: BLE001  # the worker must not end
            self._in_loop(self._log_error, error)
            return
        self._in_loop(self._publish, outcome, monotonic() - start)

    def _publish(self, outcome: Outcome, seconds: float) -> None:
        self._pause = min(max(seconds / 2, _PAUSES[0]), _PAUSES[1])
        self._outcome = outcome
        for kind, text in outcome.shown:
            self._show(text, kind)
        for text in outcome.logged:
            self._log(text, types.MessageType.Warning)
        files: dict[str, list[Item]] = {file: [] for file in self._published} | dict(outcome.files)
        for file, items in files.items():
            self._publish_file(outcome.request, file, [item.diagnostic for item in items])

    def _publish_file(self, request: Request, file: str, diagnostics: list[types.Diagnostic]) -> None:
        document, checked = self._documents.get(file), request.documents.get(file)
        if document is not checked:
            return  # it has changed since, and the next check has its diagnostics
        version = None if document is None else document.version
        before = self._published.get(file)
        if before == (diagnostics, version) or (not diagnostics and (before is None or not before[0])):
            return
        if diagnostics or document is not None:
            self._published[file] = diagnostics, version
        else:
            self._published.pop(file, None)
        self._server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=request.uri_of(file), diagnostics=diagnostics, version=version)
        )


def serve(configure: Configure, stream: BinaryIO, output: BinaryIO) -> int:
    """Serve one client, and return the exit code."""
    return asyncio.run(EditorServer(configure, output).serve(stream))
