"""A child process that answers requests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from queue import SimpleQueue


class Child:
    """A Python process that runs one module and answers requests, one at a time.

    It shares no memory with this process, so that it can be started in any thread, and stopped in the middle of a
    request. It ends when this process does.
    """

    def __init__(self, module: str, setup: bytes) -> None:
        # Both pipes are its own; it writes nothing to standard error except with KVLINT_DEBUG.
        import subprocess

        silent = None if os.environ.get("KVLINT_DEBUG") else subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603  # the interpreter itself
            [sys.executable, "-P", "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=silent
        )
        self.is_timed_out = False
        self._send(setup)

    @property
    def is_running(self) -> bool:
        """Return whether it can answer another request."""
        return self._process.poll() is None

    def request(self, data: bytes, timeout: float) -> bytes | None:
        """Return the answer to a request; None if the process has ended, or was stopped after ``timeout`` seconds."""
        from threading import Timer

        timer = Timer(timeout, self._stop_late)
        timer.daemon = True
        timer.start()
        try:
            self._send(data)
            return read_frame(cast("BinaryIO", self._process.stdout))
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the process, at once if it is in the middle of a request."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _send(self, data: bytes) -> None:
        with suppress(OSError, ValueError):  # its end is noticed where the answer is read
            write_frame(cast("BinaryIO", self._process.stdin), data)

    def _stop_late(self) -> None:
        self.is_timed_out = True
        self._process.kill()


def answer_requests(prepare: Callable[[bytes], Callable[[bytes], bytes]], clean_up: Callable[[bytes], object]) -> None:
    """Answer the requests of the parent of a ``Child``, until it ends; then call ``clean_up``.

    The first frame is the setup, the argument of both functions.
    """
    import signal
    from functools import partial
    from queue import SimpleQueue
    from threading import Thread

    from azkvlint.util.output_files import take_stdout

    # Ctrl-C reaches all processes of a terminal, and the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, requests = take_stdout(), sys.stdin.buffer
    setup = read_frame(requests)
    if setup is None:
        return
    frames: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive_frames, args=(requests, frames, partial(clean_up, setup)), daemon=True).start()
    answer = prepare(setup)
    while True:
        write_frame(answers, answer(frames.get()))


def _receive_frames(stream: BinaryIO, frames: SimpleQueue[bytes], clean_up: Callable[[], object]) -> None:
    """Receive frames, and end the process when its parent has ended."""
    try:
        while (frame := read_frame(stream)) is not None:
            frames.put(frame)
        clean_up()
    finally:
        os._exit(0)


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Write data with its length."""
    stream.write(len(data).to_bytes(8))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return data that ``write_frame`` has written; None at the end of the stream."""
    length = stream.read(8)
    if len(length) < 8:
        return None
    size = int.from_bytes(length)
    data = stream.read(size)
    return data if len(data) == size else None
