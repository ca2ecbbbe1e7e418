"""Show the progress of a check of the workspace, if it takes long and if the client can show it.

A check that a newer one replaces goes on in that, so the display does too. This runs in the loop of the protocol.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

_LONG = 1.0  # seconds after which a check is shown
_TITLE = "kvlint: check the workspace"


class ProgressDisplay:
    """Shows how many inputs are checked."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._started = 0.0
        self._number = 0
        self._token = ""
        self._has_begun = False
        self._is_refused = False

    def start(self) -> None:
        """Start a check, or go on with one that a change has interrupted."""
        if not self._started:
            self._started = monotonic()

    def report(self, done: int, total: int) -> None:
        """Show how many inputs of a check are done."""
        if not self._started or self._is_refused or monotonic() - self._started < _LONG:
            return
        message, share = f"{done:,} of {total:,} inputs", 100 * done // max(total, 1)
        if self._has_begun:
            self._send(types.WorkDoneProgressReport(message=message, percentage=share))
        elif not self._token and self._is_supported:
            self._number += 1
            self._token = token = f"kvlint {self._number}"
            begin = types.WorkDoneProgressBegin(title=_TITLE, message=message, percentage=share, cancellable=False)
            request = self._server.window_work_done_progress_create(types.WorkDoneProgressCreateParams(token))
            request.add_done_callback(lambda answer: self._begin(token, begin, answer))

    def end(self) -> None:
        """End a check."""
        if self._has_begun:
            self._send(types.WorkDoneProgressEnd())
        self._started, self._token, self._has_begun = 0.0, "", False

    @property
    def _is_supported(self) -> bool:
        window = self._server.client_capabilities.window
        return window is not None and bool(window.work_done_progress)

    def _begin(self, token: str, begin: types.WorkDoneProgressBegin, answer: Any) -> None:
        """Begin the display once the client has answered, unless the check has ended since."""
        if answer.cancelled() or answer.exception() is not None:
            self._is_refused = True
        elif token == self._token:
            self._has_begun = True
            self._send(begin)

    def _send(self, value: object) -> None:
        self._server.progress(types.ProgressParams(token=self._token, value=value))
