"""The pictures of a session in Neovim, drawn from a terminal. Run ``PYTHONPATH=docs python -m sitegen.neovim``.

It requires Neovim 0.11 or later and tmux. The configuration is the one in docs/editors.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from sitegen.markup import ROOT
from sitegen.terminal import screen

COLUMNS, LINES = 108, 24
_RECIPE = re.compile(r"^```lua title=\"init.lua\"\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What a picture needs and a user has or does not want.
_LOOKS = """\
vim.o.number, vim.o.swapfile, vim.o.shadafile, vim.o.termguicolors = true, false, "NONE", true
vim.o.laststatus, vim.o.showcmd, vim.o.signcolumn, vim.o.winborder = 2, false, "yes", "rounded"
vim.o.linebreak = true
vim.diagnostic.config({ virtual_lines = { current_line = true }, severity_sort = true })
"""


class Step(NamedTuple):
    """The keys of one picture, and a text that is on the screen when their effect is complete."""

    file: str
    keys: tuple[str, ...]
    awaited: str


STEPS = (
    Step("neovim-diagnostics.svg", ("38Gzt", "42G"), "Purge protection is not enabled"),
    Step("neovim-hover.svg", ("47Gzt", "49Gw", "K"), "Why"),
    Step("neovim-actions.svg", ("Escape", "40Gzt", "42G0", "gra"), "Ignore KV001"),
)


def draw(nvim: str, folder: Path) -> dict[str, str]:
    """Return the SVG of each step, from one session. Raises RuntimeError if a text does not appear."""
    recipe = _RECIPE.search((ROOT / "docs" / "editors.md").read_text(encoding="utf-8"))
    if recipe is None:
        raise RuntimeError("docs/editors.md has no init.lua")
    (folder / "init.lua").write_text(recipe[1] + _LOOKS, encoding="utf-8")
    (folder / "infra" / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "samples" / "careless" / "main.tf", folder / "infra")
    shutil.copytree(ROOT / "samples" / "careless" / "grant", folder / "infra" / "grant")
    tmux = ["tmux", "-L", f"kvlint-{os.getpid()}", "-f", os.devnull]
    command = [nvim, "--clean", "-u", str(folder / "init.lua"), "main.tf"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    size = ["-x", str(COLUMNS), "-y", str(LINES), "-c", str(folder / "infra")]
    subprocess.run([*tmux, "new-session", "-d", *size, *command], check=True, env=environment)
    try:
        return {step.file: _picture(tmux, step) for step in STEPS}
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def _picture(tmux: list[str], step: Step) -> str:
    for keys in step.keys:
        subprocess.run([*tmux, "send-keys", keys], check=True)
    end = time.monotonic() + 60
    while True:
        shown = subprocess.run([*tmux, "capture-pane", "-e", "-p"], check=True, capture_output=True, text=True).stdout
        if step.awaited in Text.from_ansi(shown).plain:
            break
        if time.monotonic() > end:
            raise RuntimeError(f"{step.file}: there is no {step.awaited!r} on the screen:\n{shown}")
        time.sleep(0.2)
    lines = Text.from_ansi(shown).split("\n")
    return screen(lines[:LINES], COLUMNS, "main.tf - Neovim")


def main() -> None:
    """Write the pictures."""
    nvim = sys.argv[1] if len(sys.argv) > 1 else "nvim"
    with tempfile.TemporaryDirectory() as folder:
        for file, svg in draw(nvim, Path(folder)).items():
            (ROOT / "docs" / "assets" / file).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
