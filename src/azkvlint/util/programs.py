"""Run another program, with limits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast


@contextmanager
def running_program(
    words: Sequence[str], folder: str, environment: Mapping[str, str], timeout: float
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield standard input and output of a program that runs until the block ends, at most ``timeout`` seconds.

    It has only this environment, and its standard error is discarded. ``words`` begin with its absolute path, because
    a search could find a program of a checkout. Raise OSError if it cannot be started.
    """
    import subprocess
    from threading import Timer

    if not os.path.isabs(words[0]):
        raise ValueError(words[0])
    process = subprocess.Popen(  # noqa: S603  # an absolute path, and no shell
        words, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    timer = Timer(timeout, process.kill)
    timer.daemon = True
    timer.start()
    streams = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
    try:
        yield streams
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for stream in streams:
            with suppress(OSError):
                stream.close()
