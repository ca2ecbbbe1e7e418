"""Changes to the text of a base: an example writes only the lines that differ.

======================  ========================================================================================
``LINE: TEXT``          TEXT replaces LINE, which may be a part of a line that is nowhere else in the base
``LINE:``               LINE is removed
``LINE: <-``            LINE is where the finding starts
``LINE ...: TEXT``      TEXT replaces LINE and the whole block that begins with it
``+ LINE: TEXT``        TEXT follows LINE, in its block if LINE opens one; ``+ LINE ...``: behind its block
``+: TEXT``             TEXT follows the end of the base
======================  ========================================================================================

Spaces count as one. Marks of the base stay, unless the example passes or the changes have marks of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from azkvlint.util.lazy_regex import regex

_MARK = regex(r"[ \t]*(?:#|//)[ \t]*<-.*$")
_SPACES = regex(r"[ \t]+")
_ARGUMENT = regex(r"(?P<indent> *)(?P<name>[\w.-]+|\"[^\"]*\")(?P<gap> +)= (?P<value>.*)")
_OPENING, _CLOSING = ("{", "[", "("), ("}", "]", ")")
_HERE = "<-"
_APPEND, _BLOCK = "+", "..."


class OverlayError(Exception):
    """A change does not fit the base; the message is the reason."""


def overlay(base: str, changes: Iterable[tuple[str, str]], *, language: str, mark: str, keeps_marks: bool) -> str:
    """Return ``base`` with ``changes`` (key and text). ``mark`` is that of the language and rule.

    ``keeps_marks``: False for an example that passes. Raise OverlayError for the first change that does not fit.
    """
    changes = list(changes)
    keeps_marks = keeps_marks and not any(_HERE in text for _, text in changes)
    lines = base.rstrip().split("\n")
    if not keeps_marks:
        lines = [_MARK.sub("", line) for line in lines]
    replaced: dict[int, list[str]] = {}
    gone: set[int] = set()
    behind: dict[int, list[str]] = {}
    for key, text in changes:
        new = text.rstrip().split("\n") if text.strip() else []
        if key == _APPEND:
            behind.setdefault(len(lines) - 1, []).extend((["", *new]) if language != "plan" else new)
            continue
        is_after = key.startswith(f"{_APPEND} ")
        first, last, part = _found(lines, key.removeprefix(f"{_APPEND} "))
        if is_after:
            deeper = _opens(lines[first]) and last == first
            indent = _indent(lines[first]) + ("  " if deeper else "")
            behind.setdefault(last, []).extend(_indented(new, indent))
        elif text == _HERE:
            lines[first] += f" {mark}"
        elif part:
            here = replaced.get(first, [lines[first]])
            replaced[first] = [_replace_part(here[0], part, text.strip()), *here[1:]]
        elif gone & set(range(first, last + 1)):
            raise OverlayError(f"{key!r} is in what another line replaces")
        else:
            old_mark = _MARK.search(lines[first])
            new = _indented(new, _indent(lines[first]))
            if old_mark is not None and new:
                new[0] += old_mark[0]
            replaced[first] = new
            gone |= set(range(first, last + 1))
    result = [
        new
        for at, line in enumerate(lines)
        for new in [*replaced.get(at, [] if at in gone else [line]), *behind.get(at, [])]
    ]
    return _tidied(_aligned(result) if language == "terraform" else result)


def _found(lines: list[str], key: str) -> tuple[int, int, str]:
    """Return the first and the last line that a key names, and the key itself where it is only a part of a line."""
    is_block = key.endswith(_BLOCK)
    text = _plain(key.removesuffix(_BLOCK)) if is_block else _plain(key)
    plain = [_plain(line) for line in lines]
    matches = [at for at, line in enumerate(plain) if text and line == text]
    part = ""
    if not matches and not is_block and text:
        part = text
        matches = [at for at, line in enumerate(plain) if text in line]
        if any(plain[at].count(text) > 1 for at in matches):
            raise OverlayError(f"{key!r} is more than once in a line of the base")
    if len(matches) != 1:
        many = f"{len(matches)} times" if matches else "not"
        raise OverlayError(f"{key!r} is {many} in the base; it must be there once")
    first = matches[0]
    return first, _end(lines, first) if is_block else first, part


def _end(lines: list[str], first: int) -> int:
    """Return the last line of the block that a line begins."""
    depth, last = len(_indent(lines[first])), first
    for at in range(first + 1, len(lines)):
        if lines[at].strip() and len(_indent(lines[at])) <= depth:
            is_closing = lines[at].strip().startswith(_CLOSING) and len(_indent(lines[at])) == depth
            return at if is_closing else last
        last = at if lines[at].strip() else last
    return last


def _plain(line: str) -> str:
    return _SPACES.sub(" ", _MARK.sub("", line)).strip()


def _replace_part(line: str, part: str, text: str) -> str:
    words = r"[ \t]+".join(map(re.escape, part.split(" ")))
    return re.sub(words, lambda _: text, line, count=1)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _opens(line: str) -> bool:
    return _plain(line).endswith((*_OPENING, ":"))


def _indented(lines: list[str], indent: str) -> list[str]:
    return [f"{indent}{line}" if line else "" for line in lines]


def _tidied(lines: list[str]) -> str:
    """Return the text without blank lines at its start, at the start of a block, and behind another one."""
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip() and not kept[-1].rstrip().endswith(_OPENING)):
            kept.append(line)
        if line.strip().startswith(_CLOSING) and len(kept) > 1 and not kept[-2].strip():
            del kept[-2]
    return "\n".join(kept).rstrip() + "\n"


def _aligned(lines: list[str]) -> list[str]:
    """Return Terraform's lines with the equals signs of neighbors aligned, as ``terraform fmt`` does."""
    result: list[str] = []
    group: list[tuple[str, str, str]] = []

    def flush() -> None:
        width = max((len(name) for _, name, _ in group), default=0)
        result.extend(f"{indent}{name.ljust(width)} = {value}" for indent, name, value in group)
        group.clear()

    for line in lines:
        match = _ARGUMENT.fullmatch(line)
        is_single = match is not None and not _opens(match["value"]) and not match["value"].startswith("<<")
        if match is None or not is_single or (group and group[0][0] != match["indent"]):
            flush()
        if match is not None and is_single:
            group.append((match["indent"], match["name"], match["value"]))
        else:
            result.append(line)
    flush()
    return result
