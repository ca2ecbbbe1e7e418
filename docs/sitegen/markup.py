"""Strings as inert Markdown, and links out of the folder of a page."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from azkvlint import PROJECT

ROOT = Path(__file__).resolve().parents[2]
# Characters with a meaning in Markdown, its tables or HTML.
_ACTIVE = re.compile(r"[\\`*_{}\[\]<>&#|!~\"]")
_LIST = re.compile(r"^([0-9]*)([-+.)])")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")
_RULE = re.compile(r"\bKV[0-9]{3}\b")
# A string, which may be empty, and the tag or comment that ends it.
_PIECES = re.compile(r"""([^<]*)((?:<!--.*?-->|<(/?)([a-zA-Z][\w-]*)(?:"[^"]*"|'[^']*'|[^'">])*>|<|$))""", re.DOTALL)
_CLOSED = {"a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "script", "style", "label"}
_RULE_FILE = re.compile(r"rules/\w+/(?P<id>KV[0-9]{3})-[\w-]+\.yaml")


def plain(text: str) -> str:
    """Return ``text`` on one line, without any markup."""
    return _inert(" ".join(text.split()))


def prose(text: str) -> str:
    """Return the same, with strings in backticks as code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(part) if at % 2 else _inert(part) for at, part in enumerate(parts))


def _inert(text: str) -> str:
    text = _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", text)
    return _LIST.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def code(text: str) -> str:
    """Return ``text`` in a code span."""
    return f"<code>{plain(text)}</code>"


def block(text: str, language: str, marked: Iterable[int] = ()) -> list[str]:
    """Return the lines of a code block, with the lines ``marked`` (from 1) highlighted."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    lines = " ".join(map(str, sorted(marked)))
    return [f'{fence}{language} hl_lines="{lines}"' if lines else f"{fence}{language}", *text.splitlines(), fence]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, whose cells are Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def filled(page: str, region: str, content: str) -> str:
    """Return a page with other content between ``<!-- region -->`` and ``<!-- /region -->``."""
    start, end = f"<!-- {region} -->\n", f"<!-- /{region} -->"
    head, _, rest = page.partition(start)
    return f"{head}{start}\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"


def relinked(markdown: str, folder: str, pages: Mapping[str, str]) -> str:
    """Return the Markdown of a file for the site, with links to the targets that they have on GitHub.

    ``folder`` is the folder of the file (``docs``, or empty), and ``pages`` maps files and folders outside of ``docs``
    to their pages. A link to another file is a link to GitHub.
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
    """Return HTML with links for the rule IDs in ``urls``, in text and as the only content of a code span.

    Links, headings and examples do not change.
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
