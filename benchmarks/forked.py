"""Run kvlint in copies of this process, which has imported kvlint and compiled its rules before."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from azkvlint.__main__ import main
from azkvlint.linter.linter import lint

# An input with which the modules are imported that most runs use.
_INPUTS = {
    "main.tf": 'resource "azurerm_key_vault" "a" {\n  name = "kv-a"\n}\n',
    "main.bicep": "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-a'\n}\n",
}


class Done(NamedTuple):
    """A run that has ended: its exit code, standard error, and CPU time. ``is_stopped``: by the limit of time."""

    code: int
    errors: str
    seconds: float
    is_stopped: bool


def run(words: list[str], folder: Path, limit: float) -> Done:
    """Run kvlint with arguments in a folder, and end it after a number of seconds of CPU time."""
    _prepare()
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            _run_and_exit(words, folder, limit, errors.fileno())
        _, status, used = os.wait4(child, 0)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    return Done(code, text, used.ru_utime + used.ru_stime, -code in (signal.SIGXCPU, signal.SIGKILL))


def _run_and_exit(words: list[str], folder: Path, limit: float, errors: int) -> NoReturn:
    code = 1
    with contextlib.suppress(BaseException):
        most = int(limit) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(errors, 2)
        sys.argv = ["kvlint", *words]
        code = main()
        sys.stderr.flush()
    os._exit(code)


@cache
def _prepare() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in _INPUTS.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        lint(folder)
