"""The entry point of ``kvlint`` and ``python -m azkvlint``. Heavy modules are imported only where they are needed."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing takes longer to import than the rest of this module
if TYPE_CHECKING:
    from typing import NoReturn

# Allocated in advance, because no memory is left when it is written.
_NO_MEMORY = b"kvlint: error: not enough memory: increase the memory limit, or check fewer files at once\n"
_EXIT_NO_MEMORY = 3
# As in ``util.errors``, which is not imported yet when memory may be exhausted.
_OUT_OF_MEMORY = (MemoryError, SystemError)

_VERSION = (["--version"], ["-V"])


def main() -> int:
    """Run the command line in ``sys.argv`` and return the exit code."""
    try:
        return _main()
    except _OUT_OF_MEMORY:
        _exit_without_memory()


def _exit_without_memory() -> NoReturn:
    """Exit without allocating memory. Python's regular exit formats tracebacks, which does allocate."""
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

    # The data of an input lives until its end, so collecting garbage before costs more than everything else together.
    # The worker collects between inputs. Python collects once more at exit; freezing leaves it no objects to examine.
    gc.disable()
    atexit.register(gc.freeze)
    _open_streams()
    arguments = sys.argv[1:]
    if arguments in _VERSION:
        return _run_with_error_handling(arguments)
    from azkvlint.util.signals import exit_code_after_signals, handle_signals

    handle_signals()
    return exit_code_after_signals(_run_with_error_handling(arguments))


def _open_streams() -> None:
    """Replace streams that the caller closed: without stderr, print would write to stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            from azkvlint.util.output_files import open_null_device

            setattr(sys, name, open_null_device(mode))


def _run_with_error_handling(arguments: list[str]) -> int:
    from azkvlint.util.errors import EXIT_INCOMPLETE, KvlintError

    try:
        return _run(arguments)
    except KvlintError as error:
        from azkvlint.cli.output import print_error

        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except _OUT_OF_MEMORY:
        raise
    except Exception as error:  # noqa: BLE001  # one line instead of a traceback
        _print_crash(error)
        return EXIT_INCOMPLETE


def _print_crash(error: Exception) -> None:
    """Print where kvlint failed, without the error's own text: it may hold a value from the input."""
    import traceback

    if os.environ.get("KVLINT_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    text = f"kvlint: internal error: {type(error).__name__} at {place}; please report it"
    print(f"{text} (KVLINT_DEBUG=1 shows the whole traceback)", file=sys.stderr)


def _run(command_line: list[str]) -> int:
    if command_line in _VERSION:
        from azkvlint import __version__

        try:
            print(f"kvlint {__version__}", flush=True)
        except BrokenPipeError:
            from azkvlint.cli.output import stop_writing

            stop_writing(sys.stdout)
        return 0
    _import_msgspec()
    from azkvlint.config.arguments import mistyped_command, plain_arguments

    meant = mistyped_command(command_line)
    if meant:
        from azkvlint.util.errors import UsageError

        raise UsageError(f"'{command_line[0]}' is neither a command nor a path", f"did you mean '{meant}'?")
    command = "fix" if command_line[:1] == ["fix"] else "check"
    arguments = plain_arguments(command_line, command)
    if arguments is not None and command == "fix":
        from azkvlint.cli.fix import run_fix

        return run_fix(arguments)
    if arguments is not None:
        from azkvlint.cli.check import run_check

        return run_check(arguments)
    from azkvlint.cli.app import run

    return run(command_line)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions, which it prefers to typing, although both have what it needs.

    typing_extensions takes as long to import as msgspec itself.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # the documented way to refuse an import
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


def run_and_exit() -> NoReturn:
    """Run the command line and end the process, without freeing memory and modules if nothing else is left to do.

    That takes one twentieth of a small run.
    """
    code = main()
    # Libraries with threads, such as those for processes and clusters, finish their work at the regular end, and so do
    # profilers and debuggers.
    if "threading" not in sys.modules and sys.getprofile() is None and sys.gettrace() is None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            sys.exit(code)
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run_and_exit()
