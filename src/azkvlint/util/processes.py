"""The processes of a run: worker processes that never outlive it, and the signals that end it.

A worker has one connection to its parent. It carries tasks and results, and as only the parent holds the other end, the
system closes it when the parent ends, in whatever way. That ends the worker, even in the middle of a task.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from azkvlint.util.errors import KvlintError
from azkvlint.util.output_files import silence

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from queue import SimpleQueue
    from types import FrameType

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

# Ctrl-C is not among them: Python raises KeyboardInterrupt for it by itself. Windows has no SIGHUP.
_ENDING = ("SIGTERM", "SIGHUP")
_received: list[int] = []


# --- signals ----------------------------------------------------------------------------------------------------------


def handle_signals() -> None:
    """End the run on SIGTERM and SIGHUP as on Ctrl-C, so that it leaves no processes and no partial files behind.

    A signal that the caller ignores, as nohup does, stays ignored.
    """
    import signal

    for number in _ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def exit_code_after_signals(code: int) -> int:
    """Return 128 plus the number of the signal that has ended the run, or ``code`` without one."""
    return 128 + _received[0] if _received else code


def _end(number: int, frame: FrameType | None) -> NoReturn:
    import signal

    # One is enough: another one must not interrupt the cleanup.
    for each in _ending_signals():
        signal.signal(each, signal.SIG_IGN)
    _received.append(number)
    raise KeyboardInterrupt


def _ending_signals() -> list[int]:
    import signal

    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


# --- workers ----------------------------------------------------------------------------------------------------------


def in_processes(
    count: int, tasks: Sequence[_Task], prepare: Callable[..., Callable[[_Task], _Result]], *arguments: Any
) -> Iterator[_Result | None]:
    """Yield the results of the tasks, in their order, from ``count`` worker processes.

    Each worker calls ``prepare`` with the arguments, and what that returns with one task after the other. The result is
    None for a task whose worker was killed, and for all tasks that are left when no worker is. Raises the KvlintError
    that a task raises.
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
    context: Any = _context()  # typeshed knows no Process of it
    is_copy = context.get_start_method() == "fork"
    for _ in range(count):
        connection, its_end = context.Pipe()
        # A copy of this process holds the parent's ends of all connections so far, and would keep them open.
        copied = [*workers, connection] if is_copy else []
        process = context.Process(target=_serve, args=(its_end, copied, prepare, arguments), daemon=True)
        process.start()
        its_end.close()
        workers[connection] = process


def _context() -> BaseContext:
    """Return how processes start: as copies of this one where that is safe, for they need no time to import then."""
    import multiprocessing

    here = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in here else None)


def _send(connection: Connection, task: object) -> None:
    # That a worker has ended shows where its result is received.
    with suppress(OSError):
        connection.send(task)


def _result_from(connection: Connection, workers: dict[Connection, BaseProcess]) -> Any:
    """Return the result that a worker has sent; None, and one worker less, if it has ended instead.

    Raises the KvlintError that the worker has sent.
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


# --- in a worker ------------------------------------------------------------------------------------------------------


def _serve(
    connection: Connection, copied: Sequence[Connection], prepare: Callable[..., Callable[[Any], Any]], arguments: Any
) -> None:
    """Work until the parent closes its end of the connection."""
    import signal
    from queue import SimpleQueue
    from threading import Thread

    for end in copied:
        end.close()
    # Ctrl-C reaches all processes of a terminal, and the parent ends its workers by itself.
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
    """Receive tasks, and end the process when the connection ends, whatever else it is doing."""
    try:
        while True:
            tasks.put(connection.recv())
    finally:
        os._exit(1)


def _release_streams() -> None:
    """Close the streams that the parent writes to, so that their reader does not wait for a worker."""
    if not os.environ.get("KVLINT_DEBUG"):
        silence(1)
        silence(2)
