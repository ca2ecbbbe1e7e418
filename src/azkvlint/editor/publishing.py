"""Send diagnostics to the client: push them when they change, or answer its requests. A client gets one of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from azkvlint.editor.checks import Document, Outcome
from azkvlint.editor.paths import path_of, uri_of


class Push:
    """Publishes the diagnostics of each file when they or its text have changed."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._published: dict[str, tuple[list[types.Diagnostic], int | None]] = {}

    def receive(self, outcome: Outcome, documents: Mapping[str, Document]) -> None:
        """Publish the outcome of a check. ``documents`` are the open ones now."""
        for file in {**self._published, **outcome.files}:
            document = documents.get(file)
            if document is not outcome.request.documents.get(file):
                continue  # it has changed since, and the next check has its diagnostics
            diagnostics = [item.diagnostic for item in outcome.files.get(file, ())]
            version = None if document is None else document.version
            before = self._published.get(file)
            if before == (diagnostics, version) or (not diagnostics and not (before and before[0])):
                continue
            self._published[file] = diagnostics, version
            if not diagnostics:
                del self._published[file]
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri=outcome.request.uri_of(file), diagnostics=diagnostics, version=version
                )
            )


class Pull:
    """Answers requests for diagnostics. ``current`` returns an outcome with the current text of a document.

    ``following`` waits for the next outcome.
    """

    def __init__(
        self,
        server: LanguageServer,
        current: Callable[[str], Awaitable[Outcome | None]],
        following: Callable[[], Awaitable[None]],
    ) -> None:
        self._server = server
        self._current, self._following = current, following
        self._known: dict[str, list[types.Diagnostic]] = {}
        self._ids: dict[str, int] = {}
        self._number = 0
        self._outcome: Outcome | None = None
        self._asked: set[str] = set()

    def receive(self, outcome: Outcome, documents: Mapping[str, Document]) -> None:
        """Note what has changed, and let the client ask again for documents that it did not ask for."""
        del documents
        found = {file: [item.diagnostic for item in items] for file, items in outcome.files.items()}
        changed = {file for file in {**self._known, **found} if self._known.get(file, []) != found.get(file, [])}
        self._outcome, self._known = outcome, found
        for file in changed:
            self._number += 1
            self._ids[file] = self._number
        if changed - self._asked:
            self._server.workspace_diagnostic_refresh(None)

    async def document(self, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        """Return the diagnostics of a document."""
        file = path_of(params.text_document.uri)
        self._asked.add(file)
        try:
            await self._current(file)
        finally:
            self._asked.discard(file)
        id_ = self._id(file)
        if params.previous_result_id == id_:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=id_)
        return types.RelatedFullDocumentDiagnosticReport(items=self._known.get(file, []), result_id=id_)

    async def workspace(self, params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        """Return the diagnostics of all files, when any has changed."""
        previous = {path_of(one.uri): one for one in params.previous_result_ids}
        while True:
            if self._outcome is not None:
                files = {**dict.fromkeys(previous), **self._known}
                changed = [file for file in files if file not in previous or previous[file].value != self._id(file)]
                if changed or not previous:
                    return types.WorkspaceDiagnosticReport([self._report(file) for file in changed])
            await self._following()

    def _report(self, file: str) -> types.WorkspaceFullDocumentDiagnosticReport:
        request = None if self._outcome is None else self._outcome.request
        document = None if request is None else request.documents.get(file)
        return types.WorkspaceFullDocumentDiagnosticReport(
            uri=uri_of(file) if document is None else document.uri,
            items=self._known.get(file, []),
            version=None if document is None else document.version,
            result_id=self._id(file),
        )

    def _id(self, file: str) -> str:
        return str(self._ids.get(file, 0))


def is_pulling(capabilities: types.ClientCapabilities) -> bool:
    """Return whether a client asks for diagnostics, and asks again when the server tells it to."""
    document, workspace = capabilities.text_document, capabilities.workspace
    return (
        document is not None
        and document.diagnostic is not None
        and workspace is not None
        and workspace.diagnostics is not None
        and bool(workspace.diagnostics.refresh_support)
    )
