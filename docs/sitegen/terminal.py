"""The output of kvlint on a terminal: as text for pages, and as pictures."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from sitegen.markup import ROOT

# The pictures in docs/assets, with the width of their terminals. The README and the front page show the first, and the
# front page shows the second on a phone.
COMMAND = "kvlint samples/careless/main.tf --select KV001,KV402,KV610"
PICTURES: Mapping[str, int] = {"terminal.svg": 104, "terminal-narrow.svg": 48}

_BLACK, _RED, _GREEN, _YELLOW = (27, 31, 39), (255, 143, 134), (132, 214, 162), (242, 192, 107)
_BLUE, _MAGENTA, _CYAN, _WHITE = (138, 180, 255), (217, 166, 255), (127, 208, 227), (223, 227, 234)
_COLORS = [_BLACK, _RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN, _WHITE]
_THEME = TerminalTheme(background=(20, 23, 29), foreground=_WHITE, normal=_COLORS, bright=_COLORS)
_TEXT = "{http://www.w3.org/2000/svg}text"
_LINE = re.compile(r"url\(#kvlint-line-(\d+)\)")
# A template of Rich without the fonts that it loads from a server.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal_text(command: str, columns: int, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command line of kvlint prints on a terminal, without colors."""
    return _text(_run(command, columns, folder, environment or {})).plain


def picture(command: str, columns: int) -> str:
    """Return the SVG of a terminal on which a command line of kvlint was run."""
    prompt = Text.assemble(("$ ", "dim"), (command, "bold"))
    return screen([prompt, *_text(_run(command, columns, ROOT, {})).split("\n")], columns, "kvlint")


def screen(lines: Iterable[Text], columns: int, title: str) -> str:
    """Return the SVG of a terminal with these lines."""
    console = Console(record=True, file=io.StringIO(), width=columns, color_system="truecolor", force_terminal=True)
    for line in lines:
        for part in line.divide(range(columns, len(line), columns)):  # a terminal wraps within words
            console.print(part, no_wrap=True)
    svg = console.export_svg(title=title, theme=_THEME, code_format=_SVG, unique_id="kvlint")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines() if line.strip())


def picture_text(svg: str) -> str:
    """Return the text in the SVG of a terminal, its spaces and line breaks removed."""
    return "".join("".join(one.text or "" for one in _matrix(svg)).split())


def _matrix(svg: str) -> list[ET.Element]:
    """Return the text elements of the lines. The title of the window has no line."""
    found = [one for one in ET.fromstring(svg).iter(_TEXT) if _LINE.fullmatch(one.get("clip-path", ""))]  # noqa: S314
    return sorted(found, key=lambda one: (float(one.get("y", "0")), float(one.get("x", "0"))))


def _text(output: str) -> Text:
    text = output.rstrip("\n")
    return Text.from_ansi(text).append(output[len(text) :])  # Rich below 15 drops the last line break


def _run(command: str, columns: int, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command line on a terminal. Raises RuntimeError if it is wrong or kvlint cannot read something."""
    words = shlex.split(command)[1:]
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NO_COLOR", "KVLINT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "azkvlint", *words],
        cwd=folder,
        env={**kept, "TERM": "xterm-256color", "COLUMNS": str(columns), **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = _read_all(ours).decode().replace("\r\n", "\n")
    _, errors = process.communicate()
    if process.returncode > 1:
        raise RuntimeError(f"{command}: exit code {process.returncode}: {errors.decode()}")
    return shown


def _read_all(end: int) -> bytes:
    """Return everything that is written to the other end of a terminal until that is closed."""
    data = b""
    try:
        while read := os.read(end, 65536):
            data += read
    except OSError:  # Linux reports the end of a terminal as an error
        pass
    os.close(end)
    return data
