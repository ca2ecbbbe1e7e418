"""Run tasks in worker processes that never outlive the run, and handle the signals that end it.

A worker has one connection to its parent for tasks and results. Only the parent holds the other end, so the system
closes it when the parent ends for any reason, and that ends the worker even in the middle of a task.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from azkvlint.util.errors import KvlintError
from azkvlint.util.signals import ending_signals

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from queue import SimpleQueue


_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
# Container objects that were created and not freed since the last collection: some 30 MB.
_MOST_RECENT = 50_000


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
    for number in ending_signals():
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


def collect_recent_garbage() -> None:
    """Free what inputs have left since the last collection, if that is much and Python does not collect by itself.

    What survives is not examined again, so the time for an input does not depend on how many came before it.
    """
    if gc.get_count()[0] > _MOST_RECENT and not gc.isenabled():
        gc.collect(0)


def collect_garbage(most: int) -> None:
    """Free all that has been left, if more than ``most`` container objects were created and not freed."""
    created, collections, _ = gc.get_count()
    if created + collections * _MOST_RECENT > most:
        gc.collect()
