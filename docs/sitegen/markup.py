"""Text as Markdown that says just that text, and links that lead out of a page's folder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from azkvlint import PROJECT

ROOT = Path(__file__).resolve().parents[2]
# What Markdown, a table of it or HTML would take for more than text.
_ACTIVE = re.compile(r"[\\`*_{}\[\]<>&#|!~\"]")
_LIST = re.compile(r"^([0-9]*)([-+.)])")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")
_RULE = re.compile(r"\bKV[0-9]{3}\b")
# A text, which may be empty, and the tag or comment that ends it.
_PIECES = re.compile(r"""([^<]*)((?:<!--.*?-->|<(/?)([a-zA-Z][\w-]*)(?:"[^"]*"|'[^']*'|[^'">])*>|<|$))""", re.DOTALL)
_CLOSED = {"a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "script", "style", "label"}
_RULE_FILE = re.compile(r"rules/\w+/(?P<id>KV[0-9]{3})-[\w-]+\.yaml")


def plain(text: str) -> str:
    """``text`` on one line, every character of it as itself."""
    return _inert(" ".join(text.split()))


def prose(text: str) -> str:
    """The same, but what stands between backticks is code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(part) if at % 2 else _inert(part) for at, part in enumerate(parts))


def _inert(text: str) -> str:
    text = _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", text)
    return _LIST.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def code(text: str) -> str:
    """``text`` in a code span."""
    return f"<code>{plain(text)}</code>"


def block(text: str, language: str, marked: Iterable[int] = ()) -> list[str]:
    """The lines of a code block; the lines with the numbers ``marked`` (from 1 on) stand out."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    lines = " ".join(map(str, sorted(marked)))
    return [f'{fence}{language} hl_lines="{lines}"' if lines else f"{fence}{language}", *text.splitlines(), fence]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table. Its cells are Markdown already."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def filled(page: str, region: str, content: str) -> str:
    """Return a page with other content between ``<!-- region -->`` and ``<!-- /region -->``."""
    start, end = f"<!-- {region} -->\n", f"<!-- /{region} -->"
    head, _, rest = page.partition(start)
    return f"{head}{start}\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"


def relinked(markdown: str, folder: str, pages: Mapping[str, str]) -> str:
    """A file's Markdown for the site, with links that lead where GitHub leads them.

    ``folder`` is where the file lies (``docs``, or empty); ``pages`` are the pages that files and folders outside of
    ``docs`` became. What is no page is shown on GitHub.
    """

    def target(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        anchor = match["anchor"] or ""
        rule = _RULE_FILE.fullmatch(path)
        if rule is not None:
            return f"rules/{rule['id']}.md"
        if path in pages:
            return f"{pages[path]}{anchor}"
        if path.startswith("docs/"):
            return f"{path.removeprefix('docs/')}{anchor}"
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{PROJECT}/{kind}/main/{path}{anchor}" if (ROOT / path).exists() else match[0]

    return _LINK.sub(target, markdown)


def with_links(html: str, urls: Mapping[str, str]) -> str:
    """HTML in which every rule id that ``urls`` knows leads to its page: among words, and as the whole of some code.

    What is a link, a heading or an example already stays as it is.
    """

    def link(match: re.Match[str]) -> str:
        url = urls.get(match[0])
        return match[0] if url is None else f'<a href="{url}">{match[0]}</a>'

    parts: list[str] = []
    inside: list[str] = []
    for text, tag, end, name in _PIECES.findall(html):
        whole = inside == ["code"] and tag == "</code>" and _RULE.fullmatch(text)
        parts += [_RULE.sub(link, text) if whole or not inside else text, tag]
        if name in _CLOSED and not end:
            inside.append(name)
        elif name in inside:
            inside.remove(name)
    return "".join(parts)
