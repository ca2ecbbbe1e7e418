"""A page of HTML, taken apart."""

from __future__ import annotations

from html.parser import HTMLParser

# What a browser fetches without being asked, by the element and the attribute that name it.
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_ROWS = ("td", "th")


class Parsed(HTMLParser):
    """``elements`` with their attributes; ``ids``, ``links`` and ``assets`` (what is fetched by itself) that they name.

    ``text`` is what is there to read, ``rows`` that of each row of a table, ``blocks`` that of each block of code, and
    ``marked`` the lines in them that stand out.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.rows: list[str] = []
        self.blocks: list[str] = []
        self.marked: list[str] = []
        self._text: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._hidden = 0
        self.feed(page)
        self.close()
        self.text = "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self.ids.update(value for name, value in attrs if name in {"id", "name"} and value)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        if attributes.get(_FETCHED.get(tag, "")):
            self.assets.append(attributes[_FETCHED[tag]] or "")
        self._hidden += tag in {"script", "style"}
        kind = "marked" if tag == "span" and attributes.get("class") == "hll" else tag
        if kind in {"tr", "pre", "marked"} or tag == "span":
            self._open.append((kind, len(self._text)))
        if tag in {*_ROWS, "br"}:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}
        if tag not in {"tr", "pre", "span"} or not self._open:
            return
        kind, start = self._open.pop()
        said = "".join(self._text[start:])
        if kind == "tr":
            self.rows.append(" ".join(said.split()))
        elif kind == "pre":
            self.blocks.append(said)
        elif kind == "marked":
            self.marked.append(said)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._text.append(data)
