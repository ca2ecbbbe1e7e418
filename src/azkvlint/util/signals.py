"""Signals that end the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType


# Python raises KeyboardInterrupt for SIGINT by itself. Windows has no SIGHUP.
_ENDING = ("SIGTERM", "SIGHUP")
_received: list[int] = []


def handle_signals() -> None:
    """End the run on SIGTERM and SIGHUP as on Ctrl-C, so that no processes and no partial files remain.

    A signal that the parent process ignores, as nohup does, stays ignored.
    """
    import signal

    for number in ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def exit_code_after_signals(code: int) -> int:
    """Return 128 plus the number of the signal that ended the run; ``code`` if there was none."""
    return 128 + _received[0] if _received else code


def _end(number: int, frame: FrameType | None) -> NoReturn:
    import signal

    # A second signal must not interrupt the cleanup.
    for other in ending_signals():
        signal.signal(other, signal.SIG_IGN)
    _received.append(number)
    raise KeyboardInterrupt


def ending_signals() -> list[int]:
    """Return the signals of the system that end a process."""
    import signal

    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
