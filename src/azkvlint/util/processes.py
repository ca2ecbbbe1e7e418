"""Run tasks in worker processes that never outlive the run, and handle the signals that end it.

A worker has one connection to its parent for tasks and results. Only the parent holds the other end, so the system
closes it when the parent ends for any reason, and that ends the worker even in the middle of a task.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar, cast

from azkvlint.util.errors import KvlintError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from queue import SimpleQueue
    from types import FrameType

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

# Python raises KeyboardInterrupt for SIGINT by itself. Windows has no SIGHUP.
_ENDING = ("SIGTERM", "SIGHUP")
_received: list[int] = []


# --- signals ----------------------------------------------------------------------------------------------------------


def handle_signals() -> None:
    """End the run on SIGTERM and SIGHUP as on Ctrl-C, so that no processes and no partial files remain.

    A signal that the parent process ignores, as nohup does, stays ignored.
    """
    import signal

    for number in _ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def exit_code_after_signals(code: int) -> int:
    """Return 128 plus the number of the signal that ended the run; ``code`` if there was none."""
    return 128 + _received[0] if _received else code


def _end(number: int, frame: FrameType | None) -> NoReturn:
    import signal

    # A second signal must not interrupt the cleanup.
    for other in _ending_signals():
        signal.signal(other, signal.SIG_IGN)
    _received.append(number)
    raise KeyboardInterrupt


def _ending_signals() -> list[int]:
    import signal

    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


# --- workers ----------------------------------------------------------------------------------------------------------


def in_processes(
    count: int, tasks: Sequence[_Task], prepare: Callable[..., Callable[[_Task], _Result]], *arguments: Any
) -> Iterator[_Result | None]:
    """Yield the results of the tasks in order, computed by ``count`` worker processes.

    Each worker calls ``prepare(*arguments)`` once, then the returned function with each task. The result is None for a
    task whose worker was killed, and for all remaining tasks when no worker is left. Raise the KvlintError of a task.
    """
    from multiprocessing.connection import wait

    workers: dict[Connection, BaseProcess] = {}
    running: dict[Connection, int] = {}
    results: dict[int, _Result | None] = {}
    handed_out = 0
    try:
        _start(workers, count, prepare, arguments)
        for position in range(len(tasks)):
            while workers and position not in results:
                for connection in workers.keys() - running.keys():
                    if handed_out < len(tasks):
                        running[connection] = handed_out
                        _send(connection, tasks[handed_out])
                        handed_out += 1
                ready = wait(list(running))
                for connection in [one for one in running if one in ready]:
                    results[running.pop(connection)] = _result_from(connection, workers)
            yield results.pop(position, None)
    finally:
        for connection, process in workers.items():
            process.kill()
            process.join()
            connection.close()


def _start(workers: dict[Connection, BaseProcess], count: int, prepare: Callable[..., Any], arguments: Any) -> None:
    context: Any = _context()  # typeshed's BaseContext has no Process
    is_copy = context.get_start_method() == "fork"
    for _ in range(count):
        connection, its_end = context.Pipe()
        # A forked child inherits the parent's ends of all earlier connections, and would keep them open.
        copied = [*workers, connection] if is_copy else []
        process = context.Process(target=_serve, args=(its_end, copied, prepare, arguments), daemon=True)
        process.start()
        its_end.close()
        workers[connection] = process


def _context() -> BaseContext:
    """Return a fork context where available, which saves the children's import time."""
    import multiprocessing

    here = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in here else None)


def _send(connection: Connection, task: object) -> None:
    # The end of a worker is noticed where its result is received.
    with suppress(OSError):
        connection.send(task)


def _result_from(connection: Connection, workers: dict[Connection, BaseProcess]) -> Any:
    """Return the result of a worker; None if it has ended, after removing it from ``workers``.

    Raise the KvlintError that the worker sent.
    """
    try:
        result = connection.recv()
    except (EOFError, OSError):
        process = workers.pop(connection)
        process.kill()
        process.join()
        connection.close()
        return None
    if isinstance(result, KvlintError):
        raise result
    return result


# --- a child with requests --------------------------------------------------------------------------------------------


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


# --- another program --------------------------------------------------------------------------------------------------


@contextmanager
def running_program(
    words: Sequence[str], folder: str, environment: Mapping[str, str], timeout: float
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield standard input and output of a program that runs until the block ends, at most ``timeout`` seconds.

    It has only this environment, and its standard error is discarded. ``words`` begin with its absolute path, because
    a search could find a program of a checkout. Raise OSError if it cannot be started.
    """
    import subprocess
    from threading import Timer

    if not os.path.isabs(words[0]):
        raise ValueError(words[0])
    process = subprocess.Popen(  # noqa: S603  # an absolute path, and no shell
        words, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    timer = Timer(timeout, process.kill)
    timer.daemon = True
    timer.start()
    streams = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
    try:
        yield streams
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for stream in streams:
            with suppress(OSError):
                stream.close()


# --- in a worker ------------------------------------------------------------------------------------------------------


def _serve(
    connection: Connection, copied: Sequence[Connection], prepare: Callable[..., Callable[[Any], Any]], arguments: Any
) -> None:
    """Run tasks until the parent closes its end of the connection."""
    import signal
    from queue import SimpleQueue
    from threading import Thread

    for end in copied:
        end.close()
    # Ctrl-C reaches all processes of a terminal, and the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _ending_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    _release_streams()
    tasks: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    work = prepare(*arguments)
    while True:
        try:
            result = work(tasks.get())
        except KvlintError as error:
            result = error
        connection.send(result)


def _receive(connection: Connection, tasks: SimpleQueue[Any]) -> None:
    """Receive tasks, and end the process when the connection closes."""
    try:
        while True:
            tasks.put(connection.recv())
    finally:
        os._exit(1)


def _release_streams() -> None:
    """Detach from the parent's standard streams, so that their reader does not wait for a worker."""
    if not os.environ.get("KVLINT_DEBUG"):
        from azkvlint.util.output_files import silence

        silence(1)
        silence(2)
