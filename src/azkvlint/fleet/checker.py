"""Check inputs on a worker of the cluster, each within a time limit.

A Dask worker checks in a child process of its own. If that crashes, runs out of memory or exceeds the time limit, one
input has failed, and the worker lives on. Remote inputs have addresses of fsspec, such as ``abfs://plans/a.json``, and
the worker checks a copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import Lock, Timer

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.fleet.inputs import portable
from azkvlint.fleet.remote import fetch, is_remote
from azkvlint.fleet.rows import InputResult, failed_result, parquet_of, result_of
from azkvlint.linter.linter import Prepared, check
from azkvlint.linter.workers import internal_error
from azkvlint.util.errors import OUT_OF_MEMORY, InputError, KvlintError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.processes import Child, answer_requests

_IDLE = 60.0
_MOST_GARBAGE = 20_000  # container objects that were created and not freed since the last collection
_OUT_OF_TIME = "not checked: the time limit of {:g} seconds was exceeded"
_ENDED, _ENDED_HINT = "not checked: the process was terminated from outside", "provide more memory"
_NO_MEMORY, _NO_MEMORY_HINT = "not checked: not enough memory", "provide more memory for the workers"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What all inputs of a run share: the configuration, the folder of relative paths and the time limit."""

    config: Config
    base: str
    timeout: float


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An input: its name in results, and the bytes of the path to check or of the address to fetch."""

    name: str
    path: bytes


class ChunkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of some inputs, in their order, and their rows as a Parquet file."""

    results: list[InputResult]
    parquet: bytes


# --- on a Dask worker -----------------------------------------------------------------------------------------------


class _Checker:
    """A child process that checks inputs, with its staging folder, which this process removes if the child cannot."""

    def __init__(self, setup: bytes) -> None:
        self.setup = setup
        self._staging = StagingFolder()
        self.child = Child("azkvlint.fleet.checker", msgspec.msgpack.encode((self._staging.path, setup)))

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
            request = Request(name=portable(name), path=path.encode("utf-8", "surrogateescape"))
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


# --- in the child process -------------------------------------------------------------------------------------------


def _staging(data: bytes) -> tuple[StagingFolder, bytes]:
    path, setup = msgspec.msgpack.decode(data, type=tuple[str, bytes])
    return StagingFolder(path), setup


def _clean_up(data: bytes) -> None:
    _staging(data)[0].remove()


def _answer(data: bytes) -> Callable[[bytes], bytes]:
    """Prepare the checks of a child process, and return the function that checks one input."""
    import gc

    staging, setup = _staging(data)
    settings = msgspec.json.decode(setup, type=Setup)
    staging.enter()
    prepared = Prepared(settings.config)
    # The data of a check lives until its end. Collecting garbage between checks costs less than during them.
    gc.disable()
    gc.freeze()

    def answer(data: bytes) -> bytes:
        request = msgspec.msgpack.decode(data, type=Request)
        result = _check(request, settings.config, prepared, staging)
        if gc.get_count()[0] > _MOST_GARBAGE:
            gc.collect()
        return msgspec.msgpack.encode(result)

    return answer


def _check(request: Request, config: Config, prepared: Prepared, staging: StagingFolder) -> InputResult:
    path = os.fsdecode(request.path)
    try:
        if is_remote(path):
            path = fetch(path, staging)
        elif not os.path.lexists(path):
            return failed_result(request.name, "the path does not exist")
        config = msgspec.structs.replace(config, paths=(path,), jobs=1)
        return result_of(request.name, check(config, prepared=prepared), config)
    except KvlintError as error:
        return failed_result(request.name, error.message, error.hint or "")
    except OUT_OF_MEMORY:
        return failed_result(request.name, _NO_MEMORY, _NO_MEMORY_HINT)
    except Exception as error:  # noqa: BLE001  # a bug that one input triggers must not lose the others
        failure: InputError = internal_error(error)
        return failed_result(request.name, failure.message, failure.hint or "")
    finally:
        staging.clear()


if __name__ == "__main__":
    answer_requests(_answer, _clean_up)
