"""Run tasks one after the other in a thread of its own, the newest check first."""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Task: TypeAlias = Callable[[], object]
# Deeply nested documents need more than the stack of a thread on macOS.
_STACK = 64 << 20
_MOST_GARBAGE = 50_000  # container objects that were created and not freed since the last collection


class Worker:
    """A thread that runs the newest check as soon as it can, and other tasks when there is no check to run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._check: Task | None = None
        self._tasks: deque[Task] = deque()

    def start(self) -> None:
        """Start the thread, which ends with the process."""
        before = threading.stack_size(_STACK)
        try:
            threading.Thread(target=self._run, name="kvlint check", daemon=True).start()
        finally:
            threading.stack_size(before)

    @property
    def has_check(self) -> bool:
        """Return whether a check is waiting."""
        return self._check is not None

    def check(self, task: Task) -> None:
        """Run a check in place of one that is still waiting."""
        with self._changed:
            self._check = task
            self._changed.notify()

    def submit(self, task: Task) -> None:
        """Run another task."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._check is None and not self._tasks:
                    self._changed.wait()
                if self._check is not None:
                    task, self._check = self._check, None
                else:
                    task = self._tasks.popleft()
            task()
            if self._check is None:
                collect_garbage()


def collect_garbage() -> None:
    """Collect garbage between tasks, where it delays none: during a check it would take longer than the check."""
    gc.disable()
    if gc.get_count()[0] > _MOST_GARBAGE:
        gc.collect()
        gc.freeze()
