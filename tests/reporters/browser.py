"""HTML reports as a parser and as Chromium read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Runs a function in a page, and leaves its result in the page around it.
_CALL = """
<script>
window.addEventListener('load', () => {
  const found = (FUNCTION)();
  parent.document.getElementById('result-' + frameElement.id).textContent = JSON.stringify(found);
});
</script>
"""
# Void elements have no end.
_VOID = {"meta", "col", "br", "img", "link", "input"}


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text. Each element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def find_chromium() -> str:
    """Return the path of Chromium; without it, the test is skipped."""
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        pytest.skip("Chromium is not installed, so no browser opens the page")
    return found


def dumped(chromium: str, folder: Path, file: Path) -> str:
    """Return a page as Chromium has it after its scripts have run."""
    done = subprocess.run(
        [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", "--virtual-time-budget=2000",
            "--dump-dom", file.as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )  # fmt: skip
    return done.stdout.decode()


def results(chromium: str, folder: Path, function: str, *frames: tuple[str, int]) -> list[dict[str, Any]]:
    """Return what a JavaScript function returns in pages on screens of these widths.

    Each page is in a frame, because a window of the browser is never as narrow as a phone. Its content policy is
    removed, so that the function can run.
    """
    shown = ['<!doctype html><meta charset="utf-8">']
    for number, (page, width) in enumerate(frames):
        free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        source = escape(free.replace("</body>", f"{_CALL.replace('FUNCTION', function)}</body>"))
        shown.append(f'<pre id="result-{number}"></pre>')
        shown.append(
            f'<iframe id="{number}" style="width: {width}px; height: 900px; border: 0" srcdoc="{source}"></iframe>'
        )
    file = folder / "page.html"
    file.write_text("".join(shown), encoding="utf-8")
    dump = dumped(chromium, folder, file)
    found = re.findall(r'<pre id="result-[0-9]+">(.*?)</pre>', dump, re.DOTALL)
    assert all(found), dump[-2000:]
    return [json.loads(unescape(one)) for one in found]
