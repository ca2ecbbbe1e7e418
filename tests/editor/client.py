"""A client of the language server, for tests: a process of its own, or a server in a thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

_WAIT = 30.0


class Client:
    """Sends messages to a server, and keeps what it answers."""

    def __init__(self, to_server: IO[bytes], from_server: IO[bytes]) -> None:
        self._out = to_server
        self._in = from_server
        self._id = 0
        self._queue: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self.answers: dict[int, dict[str, Any]] = {}
        self.diagnostics: dict[str, dict[str, Any]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.settings: Any = None
        self.refused: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while True:
            length = 0
            while (line := self._in.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                assert name in (b"Content-Length", b"Content-Type"), line
                length = int(value) if name == b"Content-Length" else length
            if not length:
                self._queue.put(None)
                return
            self._queue.put(json.loads(self._in.read(length)))

    def send(self, message: Mapping[str, Any]) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_bytes(self, body: bytes) -> None:
        self._out.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._out.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request, and return the whole answer."""
        self._id += 1
        number = self._id
        self.send({"id": number, "method": method, "params": params})
        self.wait_for(lambda: number in self.answers)
        return self.answers.pop(number)

    def wait_for(self, is_met: Callable[[], object], seconds: float = _WAIT) -> None:
        while not is_met():
            try:
                message = self._queue.get(timeout=seconds)
            except Empty:
                raise TimeoutError(self.notifications[-5:]) from None
            if message is None:
                raise EOFError
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            if message["id"] is None:
                self.refused.append(message)
            else:
                self.answers[message["id"]] = message
        elif "id" in message:
            is_settings = message["method"] == "workspace/configuration"
            self.send({"id": message["id"], "result": [self.settings] if is_settings else None})
            self.notifications.append(message)
        elif message["method"] == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]
            self.notifications.append(message)
        else:
            self.notifications.append(message)

    def initialize(self, *folders: Path, capabilities: Any = None, **more: Any) -> dict[str, Any]:
        listed = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        params = {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities or {}, **more}
        answer: dict[str, Any] = self.request("initialize", workspaceFolders=listed, **params)
        self.notify("initialized")
        return answer

    def open(self, file: Path, text: str | None = None, language: str = "terraform") -> None:
        text = file.read_text(encoding="utf-8") if text is None else text
        document = {"uri": file.as_uri(), "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)

    def change(self, file: Path, version: int, *changes: Mapping[str, Any]) -> None:
        self.notify(
            "textDocument/didChange",
            textDocument={"uri": file.as_uri(), "version": version},
            contentChanges=list(changes),
        )

    def codes(self, file: Path) -> list[str]:
        found = self.diagnostics.get(file.as_uri(), {"diagnostics": []})["diagnostics"]
        return sorted(one["code"] for one in found)

    def close(self) -> None:
        """Leave; the server then closes its stream."""
        self._out.close()

    def join(self) -> None:
        self._thread.join(_WAIT)
        self._in.close()


def start(cwd: Path, arguments: Sequence[str] = (), env: Mapping[str, str] | None = None) -> tuple[Any, Client]:
    """Start a server in a process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "azkvlint", "lsp", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    return process, Client(process.stdin, process.stdout)


@contextmanager
def serving() -> Iterator[Client]:
    """Serve a client in a thread of this process."""
    from azkvlint.cli.lsp import configure
    from azkvlint.editor.server import serve

    requests, answers = os.pipe(), os.pipe()
    streams = [os.fdopen(end, mode) for end, mode in zip((*requests, *answers), ("rb", "wb", "rb", "wb"), strict=True)]
    server = threading.Thread(target=serve, args=(configure, streams[0], streams[3]), daemon=True)
    server.start()
    client = Client(streams[1], streams[2])
    try:
        yield client
    finally:
        client.close()
        server.join(_WAIT)
        streams[0].close()
        streams[3].close()
        client.join()
