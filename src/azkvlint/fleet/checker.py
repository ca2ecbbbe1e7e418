"""Check inputs on a worker of the cluster, each within a time limit.

A Dask worker checks in a child process of its own. If that crashes, runs out of memory or exceeds the time limit, one
input has failed, and the worker lives on. Remote inputs have addresses of fsspec, such as ``abfs://plans/a.json``, and
the worker checks a copy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock, Timer

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.fleet.inputs import portable
from azkvlint.fleet.remote import is_remote
from azkvlint.fleet.rows import InputResult, failed_result, parquet_of
from azkvlint.util.child_process import Child
from azkvlint.util.output_files import StagingFolder

_IDLE = 60.0
_OUT_OF_TIME = "not checked: the time limit of {:g} seconds was exceeded"
_ENDED, _ENDED_HINT = "not checked: the process was terminated from outside", "provide more memory"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What all inputs of a run share: the configuration, the folder of relative paths and the time limit."""

    config: Config
    base: str
    timeout: float


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An input: its name in results, and the bytes of the path to check or of the address to fetch."""

    name: str
    path: bytes


class ChunkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of some inputs, in their order, and their rows as a Parquet file."""

    results: list[InputResult]
    parquet: bytes


class _Checker:
    """A child process that checks inputs, with its staging folder, which this process removes if the child cannot."""

    def __init__(self, setup: bytes) -> None:
        self.setup = setup
        self._staging = StagingFolder()
        self.child = Child("azkvlint.fleet.child_checks", msgspec.msgpack.encode((self._staging.path, setup)))

    def close(self) -> None:
        """End the process."""
        self.child.close()
        self._staging.remove()


class _Pool:
    """The idle child processes of this worker, which end some time after the last use."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[_Checker] = []
        self._timer: Timer | None = None

    def take(self, setup: bytes) -> _Checker:
        """Return a child process for this setup."""
        with self._lock:
            found = next((item for item in self._idle if item.setup == setup and item.child.is_running), None)
            if found is not None:
                self._idle.remove(found)
                return found
        return _Checker(setup)

    def put_back(self, checker: _Checker) -> None:
        """Keep a child process for the next chunk."""
        with self._lock:
            self._idle.append(checker)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = Timer(_IDLE, self.close)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """End all idle child processes."""
        with self._lock:
            for checker in self._idle:
                checker.close()
            self._idle.clear()


_POOL = _Pool()


def worker_version() -> str:
    """Return the version of kvlint on a worker."""
    return __version__


def close_idle() -> None:
    """End the idle child processes of a worker."""
    _POOL.close()


def check_chunk(setup: bytes, names: Sequence[str]) -> bytes:
    """Check inputs one after the other, and return their results: a ChunkResult as MessagePack."""
    settings = msgspec.json.decode(setup, type=Setup)
    checker = _POOL.take(setup)
    results: list[InputResult] = []
    try:
        for name in names:
            path = name if is_remote(name) else os.path.join(settings.base, name)
            request = FleetRequest(name=portable(name), path=path.encode("utf-8", "surrogateescape"))
            answer = checker.child.request(msgspec.msgpack.encode(request), settings.timeout)
            if answer is not None:
                results.append(msgspec.msgpack.decode(answer, type=InputResult))
                continue
            late = checker.child.is_timed_out
            checker.close()
            checker = _Checker(setup)
            failure = (_OUT_OF_TIME.format(settings.timeout), "increase --timeout") if late else (_ENDED, _ENDED_HINT)
            results.append(failed_result(portable(name), *failure))
    except BaseException:
        checker.close()
        raise
    _POOL.put_back(checker)
    return encoded_chunk(results)


def encoded_chunk(results: list[InputResult]) -> bytes:
    """Return results with their Parquet file, as ``check_chunk`` returns them."""
    return msgspec.msgpack.encode(ChunkResult(results=results, parquet=parquet_of(results)))
