"""The parts that HTML reports share: the frame of a page, its style, and the escaping of strings.

All strings from an input pass through ``escaped`` or ``inline``. A page loads nothing, and runs no script but its own.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from azkvlint.model.finding import Problem, Repository
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.sha256 import sha256_hex
from azkvlint.util.text import visible

STYLE = """
:root {
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f27; --soft: #5b6472; --line: #dfe3e9; --link: #1457c2;
  --bad: #b3261e; --bad-ground: #fdecea; --open: #8a5300; --open-ground: #fdf1dc;
  --good: #176c3a; --good-ground: #e4f4ea; --given: #0e6377; --given-ground: #e1f2f6;
  --none: #5b6472; --none-ground: #eceff3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171a20; --ground: #0f1115; --ink: #e8eaee; --soft: #a3acba; --line: #2c323c; --link: #8ab4ff;
    --bad: #ff9d94; --bad-ground: #43201e; --open: #f2c06b; --open-ground: #3b2c10;
    --good: #84d6a2; --good-ground: #16351f; --given: #7fd0e3; --given-ground: #10323b;
    --none: #a3acba; --none-ground: #262b34;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
p { margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
code {
  font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; color: var(--soft);
}
ul { margin: 0; padding: 0; list-style: none; }
.bad { --mark: var(--bad); --tint: var(--bad-ground); }
.open { --mark: var(--open); --tint: var(--open-ground); }
.good { --mark: var(--good); --tint: var(--good-ground); }
.given { --mark: var(--given); --tint: var(--given-ground); }
.none { --mark: var(--none); --tint: var(--none-ground); }

.about { max-width: 46rem; margin-top: .75rem; color: var(--soft); }
.facts { margin-top: .5rem; color: var(--soft); font-size: .9rem; }
.totals { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.5rem; }
.totals li { padding: .5rem .9rem; border-radius: .5rem; background: var(--tint); color: var(--mark); }
.totals b { margin-right: .15rem; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.vaults { margin-top: 1.25rem; border-top: 1px solid var(--line); }
.vaults li {
  display: grid; grid-template-columns: minmax(0, 24rem) minmax(4rem, 10rem) minmax(0, 1fr); gap: .25rem 1rem;
  align-items: center; padding: .5rem 0; border-bottom: 1px solid var(--line);
}
.vaults a { font-weight: 600; }
.vaults code { display: block; }
.count, .score { color: var(--soft); font-size: .9rem; }
.bar { display: flex; gap: 2px; height: .5rem; border-radius: .25rem; overflow: hidden; }
.bar i { background: var(--mark); }
.bar .none { opacity: .35; }
.problems { margin-top: 1.5rem; padding: 1rem 1.25rem; border-radius: .5rem; background: var(--bad-ground); }
.problems h2 { color: var(--bad); font-size: 1rem; }
.empty { margin-top: 1.5rem; font-weight: 600; }

.vault {
  margin-top: 2rem; padding: 1.5rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--paper);
}
.pill {
  display: inline-block; padding: .1rem .6rem; border-radius: 1rem; background: var(--tint); color: var(--mark);
  font-size: .85rem; font-weight: 600; white-space: nowrap;
}
footer { margin-top: 2.5rem; color: var(--soft); font-size: .9rem; }
footer h2 { color: var(--ink); font-size: 1rem; }
dl { margin: .75rem 0 1.25rem; }
dl div { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 0 1rem; padding: .15rem 0; }
dt { color: var(--mark); font-weight: 600; }
dd { margin: 0; }
[hidden] { display: none !important; }

@media (max-width: 46rem) {
  main { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.4rem; }
  .vault { margin: 1.5rem -1rem 0; padding: 1.25rem 1rem; border-width: 1px 0; border-radius: 0; }
  .vaults li, dl div { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
}
@media print {
  :root { --ground: #fff; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; color-scheme: light; }
  @page { margin: 14mm 12mm; }
  html { font-size: 9.5pt; }
  body { font-size: 1rem; }
  main { max-width: none; padding: 0; }
  .vault { margin-top: 12mm; padding: 0; border: 0; }
  dl div { break-inside: avoid; }
  .pill, .totals li, .bar i, .problems { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, version: str, style: str, body: Iterable[str], script: str = "") -> str:
    """Return a page that ends with a line break. ``title`` is escaped; the content policy allows just this script."""
    return "".join(f"{line}\n" for line in _lines(title, version, style, body, script))


def _lines(title: str, version: str, style: str, body: Iterable[str], script: str) -> Iterator[str]:
    policy = f"{_POLICY}; script-src 'sha256-{_digest(script)}'" if script else _POLICY
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta name="generator" content="kvlint {escaped(version)}">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title>"
    yield f"<style>{STYLE}{style}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield from body
    yield "</main>"
    if script:
        yield f"<script>{script}</script>"
    yield "</body>"
    yield "</html>"


def _digest(script: str) -> str:
    return b2a_base64(bytes.fromhex(sha256_hex(script.encode())), newline=False).decode()


def facts(repository: Repository | None, sources: Sequence[str], version: str) -> Iterator[str]:
    """Yield the checkout, the inputs and the version, for the line below the heading."""
    if repository is not None:
        yield escaped(repository.uri.removeprefix("https://"))
        yield f"commit {code(repository.revision[:12])}"
    if len(sources) == 1:
        yield code(sources[0])
    elif sources:
        yield f"{len(sources)} inputs"
    yield f"kvlint {escaped(version)}"


def problem_box(heading: str, problems: Iterable[Problem]) -> Iterator[str]:
    """Yield the list of problems at the top of a page."""
    yield f'<div class="problems" role="alert"><h2>{heading}</h2><ul>'
    yield from (f"<li>{escaped(problem_line(problem))}</li>" for problem in problems)
    yield "</ul></div>"


def bar(parts: Iterable[tuple[str, int]]) -> str:
    """Return a bar divided by style class and count. Its numbers are beside it in words."""
    divided = "".join(f'<i class="{name}" style="flex-grow:{count}"></i>' for name, count in parts if count)
    return f'<span class="bar" aria-hidden="true">{divided}</span>'


def vault_row(number: int, name: str, place: str, bar: str, counts: str) -> str:
    """Return the row of a vault in the list at the top of a page, linked to its section unless the number is 0."""
    link = f'<a href="#vault-{number}">{escaped(name)}</a>' if number else escaped(name)
    return f'<li><span>{link} {code(place)}</span>{bar}<span class="count">{escaped(counts)}</span></li>'


def link(address: str, content: str, style: str = "") -> str:
    """Return a link to a website around escaped content."""
    named = f' class="{style}"' if style else ""
    return f'<a{named} href="{escaped(address)}" rel="noreferrer">{content}</a>'


def code(text: str) -> str:
    """Return a string as an element in a fixed-width font."""
    return f"<code>{escaped(text)}</code>"


def escaped(text: str) -> str:
    """Escape a string for HTML elements and quoted attributes."""
    return escape(visible(text), quote=True)


def inline(text: str) -> str:
    """Escape a string for an element, with its code spans as elements."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(code(part) if index % 2 else escaped(part) for index, part in enumerate(parts))
