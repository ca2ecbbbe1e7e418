"""The site in Chromium, where that is installed: readable on a desk and on a phone, quiet, and content with itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow(8)

NAMES_OF_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK, PHONE = 1280, 390
FRAMES = (
    *((path, DESK) for path in ("", "rules/KV001/", "tutorial/", "controls/")),
    *((path, PHONE) for path in ("", "tutorial/", "controls/", "command-line/", "severities/", "coverage/")),
    *((path, PHONE) for path in ("rules/", "rules/KV001/", "rules/KV018/", "frameworks/")),
)
# What a reader would see. What is wider than the page may only be so inside of something that scrolls.
MEASURE = """
async function measure(frame) {
  const page = frame.contentWindow, root = page.document.documentElement;
  const scrolls = one => /auto|scroll/.test(page.getComputedStyle(one).overflowX);
  const inside = one => one && (scrolls(one) && one.clientWidth <= root.clientWidth || inside(one.parentElement));
  const seen = [...page.document.querySelectorAll('.md-content *')].filter(one => one.getBoundingClientRect().width);
  const past = one => one.getBoundingClientRect().right > root.clientWidth + 1;
  const own = one => [...one.childNodes].some(part => part.nodeType === 3 && part.textContent.trim());
  const size = one => parseFloat(page.getComputedStyle(one).fontSize);
  const tables = [...page.document.querySelectorAll('.md-content table:not([class])')];
  const name = one => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`;
  return {
    width: page.innerWidth,
    page: root.scrollWidth,
    wide: seen.filter(one => past(one) && !inside(one.parentElement)).map(name),
    small: seen.filter(one => own(one) && size(one) < 11).map(name),
    title: page.document.querySelector('h1').textContent,
    tables: tables.every(one => inside(one.parentElement)),
    found: page.document.querySelectorAll('.md-search-result__item').length,
    asked: [page.location.href, ...page.performance.getEntriesByType('resource').map(one => one.name)],
  };
}
async function settled() {
  const frames = [...document.querySelectorAll('iframe')];
  // One may have been loaded before anybody could listen for that.
  const shown = page => page.location.href !== 'about:blank' && page.document.readyState === 'complete';
  while (!frames.every(frame => shown(frame.contentWindow))) await new Promise(done => setTimeout(done, 20));
  await new Promise(done => setTimeout(done, 300));
  await prepared(frames.map(frame => frame.contentWindow));
  return Promise.all(frames.map(measure));
}
document.addEventListener('DOMContentLoaded', async () => {
  const body = JSON.stringify(await settled().catch(fault => String(fault.stack)));
  await fetch('/measured', {method: 'POST', body});
});
"""
NOTHING = "async function prepared(pages) {}"


class Seen(NamedTuple):
    """What a browser made of some pages: what was measured of each, and what it had to complain of."""

    pages: list[dict[str, Any]]
    complaints: list[str]


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, and beside it one page that shows pages of the site in frames and reports what it measured.

    An image on that page is not answered before the report is there: until then the browser takes the page for loading.
    """

    frames = b""
    report = b""
    reported = Event()

    def do_GET(self) -> None:
        if self.path == "/frames":
            self.answer(self.frames, "text/html; charset=utf-8")
        elif self.path == "/held":
            self.reported.wait(100)
            self.answer(b"", "image/png")
        else:
            super().do_GET()

    def do_POST(self) -> None:
        Handler.report = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"", "text/plain")
        self.reported.set()

    def answer(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Browser:
    """Chromium, which shows pages of the site in frames: a window of its own is never as narrow as a phone."""

    def __init__(self, chromium: str, site: Path, folder: Path) -> None:
        self.chromium, self.folder = chromium, folder
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def look(self, *frames: tuple[str, int], prepared: str = NOTHING) -> Seen:
        """Pages by their path, each as wide as it says; ``prepared`` is a script's function that does what is to be
        done before they are measured.
        """
        shown = [f"<!doctype html><script>{MEASURE}{prepared}</script>"]
        for path, width in frames:
            style = f"width: {width}px; height: 900px; border: 0"
            shown.append(f'<iframe style="{style}" src="{escape(self.url + path)}"></iframe>')
        Handler.frames = "".join([*shown, '<img src="/held">']).encode()
        Handler.report, Handler.reported = b"", Event()
        done = subprocess.run(
            [
                self.chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={self.folder / 'profile'}", "--window-size=1400,1000",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--enable-logging=stderr", "--v=0",
                "--dump-dom", f"{self.url}frames",
            ],
            capture_output=True,
            check=True,
            timeout=120,
        )  # fmt: skip
        log = done.stderr.decode(errors="replace")
        report = json.loads(Handler.report or "null")
        assert isinstance(report, list), f"{report}\n{log[-2000:]}"
        return Seen(report, re.findall(r"CONSOLE.*", log))


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES_OF_CHROMIUM)), None)
    if found is None:
        pytest.skip("no Chromium is installed, so nobody looks at the site")
    browser = Browser(found, site, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.server.shutdown()
    browser.server.server_close()


def test_pages_are_readable_on_a_desktop_and_on_a_phone(browser: Browser) -> None:
    seen = browser.look(*FRAMES)
    assert seen.complaints == []
    for (path, width), page in zip(FRAMES, seen.pages, strict=True):
        assert (path, page["width"], page["wide"], page["small"]) == (path, width, [], [])
        assert page["page"] <= width, path
        assert page["tables"], path
        assert [url for url in page["asked"] if not url.startswith(browser.url)] == []
        assert len(page["asked"]) > 3
    assert seen.pages[0]["title"].startswith("Secure key vaults")


def test_a_search_finds_a_rule_by_another_tools_id(browser: Browser) -> None:
    waiting = """
    async function prepared([page]) {
      for (let tries = 0; tries < 200 && !page.document.querySelector('.md-search-result__item'); tries++)
        await new Promise(done => setTimeout(done, 100));
    }
    """
    (page,) = browser.look(("?q=CKV_AZURE_110", DESK), prepared=waiting).pages
    assert page["found"] > 0


def test_browser_detects_planted_faults(browser: Browser) -> None:
    faults = """
    async function prepared([first, second]) {
      const add = (page, html) => page.document.querySelector('article').insertAdjacentHTML('beforeend', html);
      add(first, '<p style="width: 600px">wide</p><p style="font-size: 9px">small</p>');
      second.console.error('a fault');
      await second.fetch('http://elsewhere.invalid/').catch(() => {});
    }
    """
    seen = browser.look(("", PHONE), ("", PHONE), prepared=faults)
    first, second = seen.pages
    assert first["page"] > PHONE
    assert (len(first["wide"]), len(first["small"])) == (1, 1)
    assert second["page"] == PHONE
    assert "http://elsewhere.invalid/" in second["asked"]
    assert any("a fault" in line for line in seen.complaints)
