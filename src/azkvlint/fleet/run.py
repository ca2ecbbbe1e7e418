"""Run a fleet on a Dask cluster: list its inputs, check them in chunks, and commit results as they arrive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config, today
from azkvlint.fleet import checker, results
from azkvlint.fleet.inputs import INPUTS, SORTING, inputs_of, portable, write_inputs
from azkvlint.fleet.rows import failed_result
from azkvlint.linter.linter import Progress, rules_of
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.project_boundary import absolute_path, current_folder
from azkvlint.util.result_folder import ResultFolder
from azkvlint.util.sha256 import sha256_hex

if TYPE_CHECKING:
    from queue import SimpleQueue

_CHUNKS_EACH = 8
_WAITING_EACH = 2
_CONNECT = 30
_PATIENCE, _MOST_WAITS = 10, 18
_LOCAL_SETTINGS = {
    # What Dask measures of itself costs CPU time, and no one reads it.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.tick.cycle": "10s",
    # A worker may need minutes to start again on a busy computer.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Dask always starts a web server. It has no pages.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
_CONNECTION_LOST = "the connection to the scheduler was lost"
_LOST = "not checked: several workers ended while they checked this input"
_RESUME = "continue with --resume"
INSTALL = "install the libraries of the extra `fleet`: dask, distributed and pyarrow"


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a run besides those of its checks.

    ``words`` and ``lists`` name the inputs, ``out`` is the folder for results. ``scheduler`` is the address of a
    cluster; without one, ``workers`` processes are started. ``timeout`` limits the seconds for each input.
    """

    config: Config
    words: Sequence[str]
    lists: Sequence[str]
    out: str
    scheduler: str = ""
    workers: int = 1
    timeout: float = 900
    resume: bool = False


def require_libraries() -> None:
    """Raise UsageError if a library is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("dask", "distributed", "pyarrow") if find_spec(name) is None]
    if missing:
        raise UsageError(f"kvlint fleet requires {', '.join(missing)}", INSTALL)


def run_fleet(fleet: Fleet, progress: Progress | None = None) -> tuple[ResultFolder, results.FleetRun]:
    """Check all inputs that are not done, and return the folder with the results. Raise UsageError and KvlintError."""
    rules_of(fleet.config)  # invalid rules and selections are errors before anything starts
    folder = ResultFolder(fleet.out)
    try:
        run, done = _begin(fleet, folder)
        left = run.inputs - sum(done)
        if left:
            config = msgspec.structs.replace(_absolute(fleet.config), as_of=run.as_of)
            setup = msgspec.json.encode(checker.Setup(config=config, base=run.base, timeout=fleet.timeout))
            with _client(fleet, left) as (client, threads, revive):
                try:
                    _check_all(client, threads, revive, setup, folder, done, progress)
                finally:
                    _close_idle(client)
    except OSError as error:
        raise KvlintError(f"cannot write to `{folder.path}`: {error.strerror}", _RESUME) from error
    finally:
        folder.close()
    return folder, run


def _begin(fleet: Fleet, folder: ResultFolder) -> tuple[results.FleetRun, bytearray]:
    """Return the run in the folder, new or continued, and which of its inputs are done."""
    digest = sha256_hex(msgspec.json.encode(fleet.config, order="deterministic"))
    if fleet.resume:
        run = results.read_run(folder)
        folder.lock()
        if (run.kvlint, run.settings) != (__version__, digest):
            raise UsageError(results.OTHER_RUN, "start it again")
        return run, results.recover(folder, run)
    folder.create(leftovers={".lock": False, INPUTS: False, SORTING: True})
    folder.lock()
    count, inputs_digest = write_inputs(folder, fleet.words, fleet.lists)
    run = results.write_run(
        folder,
        results.FleetRun(
            kvlint=__version__,
            settings=digest,
            as_of=today(fleet.config).isoformat(),
            base=current_folder(),
            inputs=count,
            list=inputs_digest,
        ),
    )
    return run, bytearray(count)


def _absolute(config: Config) -> Config:
    """Return the configuration with absolute paths of custom rules, because workers run in other folders."""
    return msgspec.structs.replace(config, rules=tuple(map(absolute_path, config.rules)))


@contextmanager
def _client(fleet: Fleet, inputs: int) -> Iterator[tuple[Any, int, Callable[[], object]]]:
    """Connect to the cluster, or start one on this computer that listens on the loopback interface only.

    Yield the client, the number of its threads, and a function that starts workers again that have ended for good.
    """
    import logging

    import dask
    from distributed import Client, LocalCluster

    # The end of a worker is part of the results.
    for name in ("distributed", "asyncio", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with dask.config.set(_LOCAL_SETTINGS):
        if fleet.scheduler:
            try:
                client = Client(fleet.scheduler, timeout=_CONNECT, set_as_default=False)
            except (OSError, ValueError, TimeoutError) as error:
                hint = "check the address, and the TLS settings in Dask's configuration"
                raise UsageError(f"cannot connect to the scheduler {fleet.scheduler}", hint) from error
            with client:
                _check_versions(client)
                yield client, max(1, sum(client.nthreads().values())), lambda: None
            return
        count = min(fleet.workers, inputs)
        # Without workers the start cannot fail because one of them ends.
        cluster = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            security=_temporary_security(),
        )
        client = None
        try:
            cluster.scale(count)
            client = Client(cluster, set_as_default=False)
            yield client, count, lambda: _revive(cluster, count)
        finally:
            # The results are complete. Processes that do not end in time are not worth an error.
            for opened in (client, cluster):
                with suppress(Exception):
                    if opened is not None:
                        opened.close()


def _revive(cluster: Any, count: int) -> None:
    """Start the workers again that could not start."""

    def start() -> None:
        for name, worker in list(cluster.workers.items()):
            if worker.status.name in ("closed", "failed"):
                del cluster.workers[name]
        cluster.scale(count)

    cluster.loop.add_callback(start)


def _close_idle(client: Any) -> None:
    """End the idle processes of all workers, as far as they can be reached. The others end after some time."""
    if client.status == "running":
        with suppress(Exception):
            client.run(checker.close_idle, on_error="ignore")


def _temporary_security() -> Any:
    """Return TLS with a temporary certificate, which keeps other users out, if a library can create one."""
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        return None
    from distributed.security import Security

    return Security.temporary()


def _check_versions(client: Any) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT)
        found = set(client.run(checker.worker_version).values())
    except TimeoutError as error:
        raise UsageError("the cluster has no workers", "start dask worker with the address of the scheduler") from error
    except Exception as error:
        hint = f"install kvlint {__version__} and the libraries of the extra `fleet` on every worker"
        raise UsageError(f"the workers cannot run kvlint: {type(error).__name__}", hint) from error
    if found != {__version__}:
        raise UsageError(f"the workers have kvlint {', '.join(sorted(found))}, and not {__version__}")


def _check_all(
    client: Any,
    threads: int,
    revive: Callable[[], object],
    setup: bytes,
    folder: ResultFolder,
    done: bytearray,
    progress: Progress | None,
) -> None:
    """Check the inputs that are not done, a limited number of chunks at a time."""
    from queue import SimpleQueue

    from distributed import CancelledError

    total, finished = len(done), sum(done)
    if progress is not None:
        progress(finished, total)
    size = min(results.MOST_IN_PART, max(1, (total - finished) // (threads * _CHUNKS_EACH)))
    chunks = _chunks(((number, name) for number, name in enumerate(inputs_of(folder)) if not done[number]), size)
    running: dict[Any, list[tuple[int, str]]] = {}
    completed: SimpleQueue[Any] = SimpleQueue()

    def submit(chunk: list[tuple[int, str]]) -> None:
        future = client.submit(
            checker.check_chunk, setup, [name for _, name in chunk], key=f"kvlint-{os.urandom(8).hex()}", pure=False
        )
        running[future] = chunk
        future.add_done_callback(completed.put)

    for _ in range(threads * _WAITING_EACH):
        _submit_next(chunks, submit)
    while running:
        future = _next_completed(client, revive, completed)
        chunk = running.pop(future)
        try:
            data = future.result()
        except CancelledError as error:
            raise KvlintError(_CONNECTION_LOST, _RESUME) from error
        except Exception as error:  # noqa: BLE001  # several workers have ended, or the chunk cannot be checked
            if len(chunk) > 1:
                for item in chunk:
                    submit([item])
                continue
            message = _LOST if type(error).__name__ == "KilledWorker" else f"not checked: {type(error).__name__}"
            data = checker.encoded_chunk([failed_result(portable(chunk[0][1]), message)])
        future.release()
        results.commit(folder, [number for number, _ in chunk], msgspec.msgpack.decode(data, type=checker.ChunkResult))
        finished += len(chunk)
        if progress is not None:
            progress(finished, total)
        _submit_next(chunks, submit)


def _next_completed(client: Any, revive: Callable[[], object], completed: SimpleQueue[Any]) -> Any:
    """Return the next future that is done. Raise KvlintError if there has been no worker for some minutes."""
    from queue import Empty

    without_workers = 0
    while True:
        try:
            return completed.get(timeout=_PATIENCE)
        except Empty:
            pass
        if client.status != "running":
            raise KvlintError(_CONNECTION_LOST, _RESUME)
        revive()
        without_workers = 0 if client.nthreads() else without_workers + 1
        if without_workers >= _MOST_WAITS:
            raise KvlintError("the cluster has no workers any more", _RESUME)


def _submit_next(chunks: Iterator[list[tuple[int, str]]], submit: Callable[[list[tuple[int, str]]], None]) -> None:
    chunk = next(chunks, None)
    if chunk is not None:
        submit(chunk)


def _chunks(items: Iterator[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    while chunk := list(islice(items, size)):
        yield chunk
