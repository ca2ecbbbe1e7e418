"""Checks of outputs: each is well formed, and nothing in it acts on a terminal or in a build log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

# Control characters except line feeds, direction marks, separators, and other invisible characters.
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SEEN = bytes((0x0A, *range(0x20, 0x7F)))
_GITHUB = re.compile(
    r"::(error|warning|notice) title=kvlint \([A-Z]+-?\d+\)(,(file|line|col|endLine|endColumn)=[^:,]*)*::"
)
_AZURE = re.compile(
    r"##vso\[task\.logissue type=(error|warning);((sourcepath|linenumber|columnnumber|code)=[^;\]]*;)+\]"
)
_STDERR = re.compile(r"kvlint: |Usage: kvlint |$")
_INTERNAL = re.compile(r"internal error: (\w+) at ([\w<>./ -]{1,80}:\d+)|the example cannot be read: (\w+)")
_OWN_HTML = frozenset({"<details>", "<summary>", "</summary>", "</details>", "<br>"})
ANY = "any"
"""The format of an output that a mutated command line or configuration has chosen."""
_VOID = frozenset({"meta", "br", "link", "img", "input", "hr", "col"})


def crashes(text: str) -> Iterator[str]:
    """Return the unhandled errors that an output mentions, by exception and place."""
    for match in _INTERNAL.finditer(text):
        yield f"{match[1]} at {match[2]}" if match[1] else f"{match[3]} while an example is read"
    if "Traceback (most recent call last)" in text:
        yield f"traceback: {text.strip().splitlines()[-1][:120]}"


def faults(form: str, data: bytes, *, schema: bool = False) -> Iterator[str]:
    """Return what is wrong with an output of a format ("" is no report)."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield "it is not UTF-8"
        return
    if form == "fix.diff":  # git needs the line ends and tabs of the file
        data = data.replace(b"\r\n", b"\n").replace(b"\t", b" ")
        text = data.decode()
    # Most outputs are plain ASCII, which is faster to find out.
    acting = _CONTROL.search(text) if data.translate(None, _SEEN) else None
    if acting is not None:
        yield f"it has the control character {acting[0]!a}"
    yield from _commands(form, text)
    check = _CHECKS.get(form)
    if check is not None:
        try:
            yield from check(text)
            if form == "sarif" and schema:
                from tests.sarif import violations

                yield from violations(json.loads(text))[:3]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, ET.ParseError) as error:
            yield f"it is not well formed: {type(error).__name__}: {str(error)[:120]}"


def unexpected_lines(text: str) -> Iterator[str]:
    """Return whether stderr has lines that do not begin like kvlint's."""
    for line in text.split("\n"):
        if not _STDERR.match(line) and not line.startswith("Traceback"):
            yield "stderr has a line that does not begin like kvlint's"
            return


def _commands(form: str, text: str) -> Iterator[str]:
    """Return the commands to build agents that no format writes."""
    if "::" not in text and "##" not in text:
        return
    for line in text.split("\n"):
        if line.lstrip().startswith("::") and not (form in ("github", ANY) and _GITHUB.match(line)):
            yield "it has a command to GitHub"
        issue = _AZURE.match(line) if form in ("azure", ANY) else None
        rest = line if issue is None else line[issue.end() :]
        if "##[" in rest or "##vso[" in rest:
            yield "it has a command to an agent"


def _json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _report(text: str) -> Iterator[str]:
    document = _json(text)
    keys = {"version", "tool", "sources", "rules", "summary", "findings", "unknown", "suppressed", "problems"}
    if keys - document.keys():
        yield f"it has no {sorted(keys - document.keys())}"
    if document["summary"]["problems"] != len(document["problems"]):
        yield "its summary does not count its problems"
    for one in (*document["findings"], *document["unknown"], *document["suppressed"]):
        if not (one["ruleId"] and one["message"] and one["location"]["path"] and one["occurrences"]):
            yield "a result has no rule, message, place or resource"


def _sarif(text: str) -> Iterator[str]:
    document = _json(text)
    (run,) = document["runs"]
    if document["version"] != "2.1.0" or run["tool"]["driver"]["name"] != "kvlint":
        yield "it has another version or tool"
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        if rules[result["ruleIndex"]]["id"] != result["ruleId"] or not result["message"]["text"]:
            yield "a result has no rule, or no message"
        for location in result["locations"]:
            if location["physicalLocation"]["region"]["startLine"] < 1:
                yield "a result is before the first line"


def _junit(text: str) -> Iterator[str]:
    root = ET.fromstring(text)  # noqa: S314  # kvlint has written it
    if root.tag != "testsuites":
        yield f"its root element is {root.tag}"


def _gitlab(text: str) -> Iterator[str]:
    for entry in _json(text):
        if not (entry["description"] and entry["fingerprint"] and entry["location"]["lines"]["begin"] > 0):
            yield "an entry has no description, fingerprint or line"


def _rdjson(text: str) -> Iterator[str]:
    for one in _json(text)["diagnostics"]:
        if not (one["message"] and one["location"]["path"]):
            yield "a diagnostic has no message or place"


def _object(*keys: str) -> Callable[[str], Iterator[str]]:
    def check(text: str) -> Iterator[str]:
        document = _json(text)
        if not set(keys) <= document.keys():
            yield f"it has no {sorted(set(keys) - document.keys())}"

    return check


def _any_json(text: str) -> Iterator[str]:
    _json(text)
    yield from ()


def _markdown(text: str) -> Iterator[str]:
    """Return the elements that kvlint does not write."""
    if "<" not in text and "![" not in text:
        return
    from markdown_it import MarkdownIt

    waiting: list[Any] = list(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text))
    while waiting:
        token = waiting.pop()
        waiting += token.children or []
        if token.type == "image":
            yield "it has an image"
        if token.type in {"html_inline", "html_block"} and not set(re.findall("<[^>]*>", token.content)) <= _OWN_HTML:
            yield "it has an element that is not kvlint's"


class _Page(HTMLParser):
    """Collects elements that are not closed, and elements that act."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("img", "iframe", "object") or any(name.startswith("on") for name, _ in attrs):
            self.wrong.append(f"it has an element <{tag}> that acts")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(f"</{tag}> closes what is not open")


def _html(text: str) -> Iterator[str]:
    page = _Page()
    page.feed(text)
    page.close()
    yield from page.wrong[:3]
    if page.open:
        yield f"<{page.open[-1]}> is not closed"


def _dot(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2:
            yield "a string is not closed"
    if text and not (text.startswith("digraph") and text.rstrip().endswith("}")):
        yield "it is not a graph"


def _mermaid(text: str) -> Iterator[str]:
    if text and not text.startswith("flowchart"):
        yield "it is not a flowchart"
    for line in text.split("\n")[1:]:
        if line and not re.fullmatch(r'  r\d+(?:\["[^"]*"\]| (?:-->|-\.->)\|[^|]*\| r\d+)', line):
            yield f"it has a line that is neither a node nor an edge: {line[:60]!a}"


_CHECKS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "json": _report,
    "sarif": _sarif,
    "junit": _junit,
    "gitlab": _gitlab,
    "rdjson": _rdjson,
    "markdown": _markdown,
    "baseline": _object("version", "findings"),
    "controls.json": _any_json,
    "controls.markdown": _markdown,
    "access.json": _any_json,
    "migration.json": _any_json,
    "fix.json": _any_json,
    "access.markdown": _markdown,
    "diff.json": _any_json,
    "diff.markdown": _markdown,
    "diff.sarif": _any_json,
    "html": _html,
    "suppressions.json": _any_json,
    "dot": _dot,
    "mermaid": _mermaid,
}
