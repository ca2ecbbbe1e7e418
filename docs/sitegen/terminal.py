"""What kvlint prints on a terminal, as HTML."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from html import escape
from itertools import pairwise

from rich.style import Style
from rich.text import Text

from sitegen.markup import ROOT

# One terminal for screens of desks, one for phones. Only the first is found by a search.
_SIZES = (("kv-wide", 104, ""), ("kv-narrow", 44, " data-search-exclude"))


def terminal(command: str) -> str:
    """Run a command line of kvlint on terminals of its own; the command and all that it shows, as HTML.

    Raises RuntimeError if kvlint says that the command line is wrong, or cannot read something.
    """
    return "\n".join(_shown(command, *size) for size in _SIZES)


def _shown(command: str, name: str, columns: int, more: str) -> str:
    shown = _run(shlex.split(command)[1:], columns)
    lines = "\n".join(_line(line) for line in Text.from_ansi(shown).split("\n"))
    prompt = f'<span class="t-prompt">$ {escape(command)}</span>'
    return f'<div class="kv-terminal {name} no-copy"{more}><pre tabindex="0"><code>{prompt}\n{lines}</code></pre></div>'


def _run(words: list[str], columns: int) -> str:
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NO_COLOR", "KVLINT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "azkvlint", *words],
        cwd=ROOT,
        env=kept | {"TERM": "xterm-256color", "COLUMNS": str(columns)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = _all_of(ours).decode().replace("\r\n", "\n")
    _, errors = process.communicate()
    if process.returncode > 1:
        raise RuntimeError(f"kvlint {shlex.join(words)}: exit code {process.returncode}: {errors.decode()}")
    return shown


def _all_of(end: int) -> bytes:
    """Everything that is written to the other end of a terminal until that is closed."""
    data = b""
    try:
        while read := os.read(end, 65536):
            data += read
    except OSError:  # what Linux says at the end
        pass
    os.close(end)
    return data


def _line(text: Text) -> str:
    """A line of spans, each with a class for every thing that is special about it."""
    ends = sorted({0, len(text), *(at for span in text.spans for at in (span.start, span.end))})
    parts = []
    for start, end in pairwise(ends):
        styles = (span.style for span in text.spans if span.start <= start and span.end >= end)
        style = Style.combine([Style.null(), *(one for one in styles if isinstance(one, Style))])
        names = [name for name in ("bold", "dim", "reverse") if getattr(style, name)]
        names += [] if style.color is None else [f"color-{style.color.number}"]
        part = escape(text.plain[start:end])
        parts.append(f'<span class="{" ".join(f"t-{name}" for name in names)}">{part}</span>' if names else part)
    return "".join(parts)
