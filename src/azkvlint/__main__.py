"""The way in: ``kvlint`` and ``python -m azkvlint``. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing takes longer to import than the rest of this module
if TYPE_CHECKING:
    from typing import NoReturn

# Made ahead, for when there is no memory left.
_NO_MEMORY = b"kvlint: there is not enough memory: give kvlint more, or check less at once\n"
_EXIT_NO_MEMORY = 3

_VERSION = (["--version"], ["-V"])


def main() -> int:
    """Run the command line in ``sys.argv`` and return the exit code."""
    try:
        return _main()
    except MemoryError:
        _end_without_memory()


def _end_without_memory() -> NoReturn:
    """End the process without anything that needs memory: Python's own way to end prints tracebacks then."""
    try:
        os.write(2, _NO_MEMORY)
        if "multiprocessing" in sys.modules:
            for process in sys.modules["multiprocessing"].active_children():
                process.kill()
    finally:
        os._exit(_EXIT_NO_MEMORY)


def _main() -> int:
    import atexit
    import gc

    # A run builds data that lives until its end: looking for garbage in it costs more than all else together. So it
    # does where Python looks once more as it ends, unless nothing is left to look at.
    gc.disable()
    atexit.register(gc.freeze)
    _open_streams()
    words = sys.argv[1:]
    if words in _VERSION:
        return _guarded(words)
    from azkvlint.util.processes import exit_code_after_signals, handle_signals

    handle_signals()
    return exit_code_after_signals(_guarded(words))


def _open_streams() -> None:
    """Stand-ins for streams that the caller has closed: print would take a missing stderr for stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            from azkvlint.util.output_files import open_null_device

            setattr(sys, name, open_null_device(mode))


def _guarded(words: list[str]) -> int:
    from azkvlint.util.errors import EXIT_INCOMPLETE, KvlintError

    try:
        return _run(words)
    except KvlintError as error:
        from azkvlint.cli.output import print_error

        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a mistake of ours ends in one line, not in a traceback
        _print_crash(error)
        return EXIT_INCOMPLETE


def _print_crash(error: Exception) -> None:
    """Where kvlint broke. The error's own text may hold a value of the input, so it is not shown."""
    import traceback

    if os.environ.get("KVLINT_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    text = f"kvlint: internal error: {type(error).__name__} at {place}; please report it"
    print(f"{text} (KVLINT_DEBUG=1 shows the whole traceback)", file=sys.stderr)


def _run(words: list[str]) -> int:
    if words in _VERSION:
        from azkvlint import __version__

        try:
            print(f"kvlint {__version__}", flush=True)
        except BrokenPipeError:
            from azkvlint.cli.output import abandon

            abandon(sys.stdout)
        return 0
    from azkvlint.config.options import plain_arguments

    arguments = plain_arguments(words)
    if arguments is not None:
        from azkvlint.cli.check import run_check

        return run_check(arguments)
    from azkvlint.cli.app import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
