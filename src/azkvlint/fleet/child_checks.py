"""The checks of a fleet in a child process."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.fleet.checker import FleetRequest, Setup
from azkvlint.fleet.remote import fetch, is_remote
from azkvlint.fleet.rows import InputResult, failed_result, result_of
from azkvlint.linter.linter import Prepared, check
from azkvlint.linter.workers import internal_error
from azkvlint.util.child_process import answer_requests
from azkvlint.util.errors import OUT_OF_MEMORY, InputError, KvlintError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.processes import collect_garbage

_MOST_GARBAGE = 20_000  # container objects that were created and not freed since the last collection
_NO_MEMORY, _NO_MEMORY_HINT = "not checked: not enough memory", "provide more memory for the workers"


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
        request = msgspec.msgpack.decode(data, type=FleetRequest)
        result = _check(request, settings.config, prepared, staging)
        collect_garbage(_MOST_GARBAGE)
        return msgspec.msgpack.encode(result)

    return answer


def _check(request: FleetRequest, config: Config, prepared: Prepared, staging: StagingFolder) -> InputResult:
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
