"""Show diagnostics: publish them when they change, or answer the requests of a client that asks for them.

Those of open documents arrive before a check of the workspace is done, and are replaced by its outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from azkvlint.editor.checks import CheckOutcome, CheckRequest, FirstOutcome, OpenDocument
from azkvlint.editor.diagnostics import CausedDiagnostic
from azkvlint.editor.protocol import path_of, uri_of


class Push:
    """Publishes the diagnostics of each file when they or its text have changed."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._published: dict[str, tuple[list[types.Diagnostic], int | None]] = {}

    def receive_first(self, outcome: FirstOutcome, documents: Mapping[str, OpenDocument]) -> None:
        """Publish what is known of open documents. ``documents`` are the open ones now."""
        self._publish(outcome.request, outcome.files, outcome.files, documents)

    def receive(self, outcome: CheckOutcome, documents: Mapping[str, OpenDocument]) -> None:
        """Publish the outcome of a check. ``documents`` are the open ones now."""
        self._publish(outcome.request, {**self._published, **outcome.files}, outcome.files, documents)

    def _publish(
        self,
        request: CheckRequest,
        files: Iterable[str],
        found: Mapping[str, list[CausedDiagnostic]],
        documents: Mapping[str, OpenDocument],
    ) -> None:
        for file in files:
            document = documents.get(file)
            if document is not request.documents.get(file):
                continue  # it has changed since, and the next check has its diagnostics
            diagnostics = [item.diagnostic for item in found.get(file, ())]
            version = None if document is None else document.version
            before = self._published.get(file)
            if before == (diagnostics, version) or (not diagnostics and not (before and before[0])):
                continue
            self._published[file] = diagnostics, version
            if not diagnostics:
                del self._published[file]
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=request.uri_of(file), diagnostics=diagnostics, version=version)
            )


class Pull:
    """Answers requests for diagnostics. ``current`` waits until those of the current text of a document are known.

    ``following`` waits for the next outcome.
    """

    def __init__(
        self,
        server: LanguageServer,
        current: Callable[[str], Awaitable[None]],
        following: Callable[[], Awaitable[None]],
    ) -> None:
        self._server = server
        self._current, self._following = current, following
        self._known: dict[str, list[types.Diagnostic]] = {}
        self._ids: dict[str, int] = {}
        self._number = 0
        self._documents: dict[str, OpenDocument] = {}  # what the known diagnostics are about
        self._has_outcome = False
        self._asked: set[str] = set()

    def receive_first(self, outcome: FirstOutcome, documents: Mapping[str, OpenDocument]) -> None:
        """Note what is known of open documents."""
        del documents
        self._note({**self._known, **_diagnostics(outcome.files)}, outcome.files)
        self._documents.update({file: outcome.request.documents[file] for file in outcome.files})

    def receive(self, outcome: CheckOutcome, documents: Mapping[str, OpenDocument]) -> None:
        """Note what has changed, and let the client ask again for documents that it did not ask for."""
        del documents
        found = _diagnostics(outcome.files)
        self._documents, self._has_outcome = dict(outcome.request.documents), True
        self._note(found, {**self._known, **found})

    def _note(self, found: dict[str, list[types.Diagnostic]], files: Iterable[str]) -> None:
        changed = {file for file in files if self._known.get(file, []) != found.get(file, [])}
        self._known = found
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
            if self._has_outcome:
                files = {**dict.fromkeys(previous), **self._known}
                changed = [file for file in files if file not in previous or previous[file].value != self._id(file)]
                if changed or not previous:
                    return types.WorkspaceDiagnosticReport([self._report(file) for file in changed])
            await self._following()

    def _report(self, file: str) -> types.WorkspaceFullDocumentDiagnosticReport:
        document = self._documents.get(file)
        return types.WorkspaceFullDocumentDiagnosticReport(
            uri=uri_of(file) if document is None else document.uri,
            items=self._known.get(file, []),
            version=None if document is None else document.version,
            result_id=self._id(file),
        )

    def _id(self, file: str) -> str:
        return str(self._ids.get(file, 0))


def _diagnostics(files: Mapping[str, list[CausedDiagnostic]]) -> dict[str, list[types.Diagnostic]]:
    return {file: [item.diagnostic for item in items] for file, items in files.items()}


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
