"""Read the messages of a client within bounds; what is not a message is a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from azkvlint.util.lazy_regex import regex

# The longest message and header in bytes. A message can contain the text of a document.
MAX_MESSAGE, _MAX_HEADER = 100_000_000, 4_096
_LENGTH = regex(rb"content-length[ \t]*:[ \t]*([0-9]{1,15})[ \t]*")
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMETERS = -32700, -32600, -32602


class Fault(Exception):
    """What a client sent is not a message. ``is_last``: where the next message begins is unknown."""

    def __init__(self, code: int, message: str, *, is_last: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_last = is_last


def receive(stream: BinaryIO, handle: Callable[[dict[str, Any]], object], refuse: Callable[[Fault], object]) -> None:
    """Pass each message to ``handle`` and each fault to ``refuse``, until the stream ends or makes no sense."""
    while True:
        try:
            body = _body(stream)
            if body is None:
                return
            handle(_message(body))
        except Fault as fault:
            refuse(fault)
            if fault.is_last:
                return


class Output:
    """Writes messages to a client, and calls ``leave`` when it does not read them any more."""

    def __init__(self, stream: BinaryIO, leave: Callable[[], object]) -> None:
        self._stream: BinaryIO | None = stream
        self._leave = leave

    def write(self, data: bytes) -> None:
        """Write a message with its header."""
        if self._stream is None:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):
            self.close()
            self._leave()

    def send(self, message: dict[str, Any]) -> None:
        """Write a message that is not one of pygls."""
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def close(self) -> None:
        """Write nothing more."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()


def _body(stream: BinaryIO) -> bytes | None:
    """Return the content of the next message; None at the end of the stream."""
    length = -1
    while True:
        line = stream.readline(_MAX_HEADER)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise Fault(PARSE_ERROR, "a header is too long or incomplete", is_last=True)
        header = line.rstrip(b"\r\n")
        if not header:
            break
        found = _LENGTH.fullmatch(header.lower())
        if found is not None:
            length = int(found[1])
        elif b":" not in header:
            raise Fault(PARSE_ERROR, "a header is not valid", is_last=True)
    if length < 0:
        raise Fault(PARSE_ERROR, "the header Content-Length is missing", is_last=True)
    if length > MAX_MESSAGE:
        _skip(stream, length)
        raise Fault(INVALID_REQUEST, f"the message is larger than {MAX_MESSAGE:,} bytes")
    body = stream.read(length)
    return body if len(body) == length else None


def _skip(stream: BinaryIO, length: int) -> None:
    while length > 0 and (part := stream.read(min(length, 1 << 20))):
        length -= len(part)


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault(PARSE_ERROR, "the message is not JSON") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Fault(INVALID_REQUEST, "the message is not an object of JSON-RPC 2.0")
    id_, method = message.get("id", 0), message.get("method", "")
    if not isinstance(id_, str | int) or isinstance(id_, bool) or not isinstance(method, str):
        raise Fault(INVALID_REQUEST, "the message has no valid id or method")
    return message
