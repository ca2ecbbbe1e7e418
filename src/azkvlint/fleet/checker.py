"""Check inputs on a worker of the cluster, each within a time limit.

A Dask worker checks in a child process of its own. If that crashes, runs out of memory or exceeds the time limit, one
input has failed, and the worker lives on. Remote inputs have addresses of fsspec, such as ``abfs://plans/a.json``, and
the worker checks a copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from threading import Lock, Timer
from typing import Any
from urllib.parse import urlsplit

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.fleet.rows import InputResult, failed_result, parquet_of, result_of
from azkvlint.linter.linter import Prepared, check
from azkvlint.linter.workers import internal_error
from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import InputError, KvlintError, UsageError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.processes import Child, answer_requests
from azkvlint.util.project_files import MAX_FILE, MAX_INPUT

_IDLE = 60.0
_MOST_GARBAGE = 20_000  # container objects that were created and not freed since the last collection
_OUT_OF_TIME = "not checked: the time limit of {:g} seconds was exceeded"
_ENDED, _ENDED_HINT = "not checked: the process was terminated from outside", "provide more memory"
_NO_MEMORY, _NO_MEMORY_HINT = "not checked: not enough memory", "provide more memory for the workers"
_MOST_FILES = 20_000
_REMOTE_ENDINGS = (*ENDINGS, ".tfvars", ".hcl")


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


def portable(name: str) -> str:
    """Return a name with U+FFFD for the bytes of a file name that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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
    except MemoryError:
        return failed_result(request.name, _NO_MEMORY, _NO_MEMORY_HINT)
    except Exception as error:  # noqa: BLE001  # a bug that one input triggers must not lose the others
        failure: InputError = internal_error(error)
        return failed_result(request.name, failure.message, failure.hint or "")
    finally:
        staging.clear()


def is_remote(address: str) -> bool:
    """Return whether an input is an address of fsspec, such as ``abfs://plans/a.json``."""
    return "://" in address


def refuse_credentials(address: str) -> None:
    """Raise UsageError for an address with credentials: addresses are written to results."""
    parts = urlsplit(address.rpartition("::")[2])
    user = parts.netloc.rpartition("@")[0]
    if ":" in user or ("?" in address and "=" in address.partition("?")[2]):
        shown = f"{parts.scheme}://..."
        hint = "configure credentials in the environment of the workers, as the library of the file system documents"
        raise UsageError(f"the address {shown} contains credentials or a query", hint)


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it. Raise UsageError without its library."""
    refuse_credentials(address)
    scheme = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(address)
    except ImportError as error:
        raise UsageError(f"{scheme}:// addresses require a library that is not installed", str(error)) from error
    except ValueError as error:
        raise UsageError(f"{scheme}:// is not a file system that fsspec supports") from error
    return found


def remote_matches(address: str) -> Iterator[str]:
    """Yield the addresses that an address or glob names. Raise UsageError if there are none."""
    system, path = file_system(address)
    if not any(character in path for character in "*?["):
        yield address
        return
    prefix = address[: -len(path)] if address.endswith(path) else f"{address.partition('://')[0]}://"
    try:
        matches = system.glob(path)
    except Exception as error:
        raise UsageError(f"{address} cannot be listed: {_cause(error)}") from error
    if not matches:
        raise UsageError(f"{address} matches nothing")
    yield from (f"{prefix}{match}" for match in matches)


def fetch(address: str, staging: StagingFolder) -> str:
    """Copy a remote file or folder to the staging folder, and return its path there. Raise InputError."""
    try:
        system, path = file_system(address)
        path = path.rstrip("/")
        name = _plain_name(path.rpartition("/")[2]) or "input"
        if not system.isdir(path):
            return staging.write(name, _content(system, path, MAX_INPUT))
        return _fetch_folder(system, path, name, staging)
    except InputError:
        raise
    except UsageError as error:
        raise InputError(error.message, error.hint) from error
    except Exception as error:
        # The message of a library may contain a token.
        raise InputError(f"the input cannot be read: {_cause(error)}") from error


def _fetch_folder(system: Any, path: str, name: str, staging: StagingFolder) -> str:
    left, count = MAX_INPUT, 0
    staging.write(f"{name}/.fetched", b"")
    for found in sorted(system.find(path)):
        below = found[len(path) :].strip("/")
        if not below.lower().endswith(_REMOTE_ENDINGS) or found[: len(path)] != path:
            continue
        if not all(_plain_name(part) == part for part in below.split("/")):
            raise InputError("the folder contains a file with an unsupported name")
        count += 1
        data = _content(system, found, min(left, MAX_INPUT if below.lower().endswith(".json") else MAX_FILE))
        left -= len(data)
        if count > _MOST_FILES or left < 0:
            raise InputError(f"the folder has more than {_MOST_FILES:,} files or {MAX_INPUT:,} bytes")
        staging.write(f"{name}/{below}", data)
    return os.path.join(staging.path, name)


def _content(system: Any, path: str, limit: int) -> bytes:
    with system.open(path, "rb") as stream:
        data: bytes = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"the file is larger than {limit:,} bytes")
    return data


def _plain_name(name: str) -> str:
    """Return a name of a remote file if it is safe as the name of a local one; "" otherwise."""
    is_plain = name not in ("", ".", "..", ".git") and name.isprintable() and not any(one in name for one in "/\\:\0")
    return name if is_plain and len(name.encode("utf-8", "replace")) < 250 else ""


def _cause(error: Exception) -> str:
    """Return the cause of an error of a library, without its message."""
    known = {FileNotFoundError: "it does not exist", PermissionError: "access is denied", ImportError: "no library"}
    return next((text for type_, text in known.items() if isinstance(error, type_)), type(error).__name__)


if __name__ == "__main__":
    answer_requests(_answer, _clean_up)
