"""The comments about the lines that a fix changes: their author may state why the value is as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from azkvlint.fixes.sources import Sources
from azkvlint.fixes.tree_editor import Layout
from azkvlint.model.fix import Refusal, TextEdit
from azkvlint.util.lazy_regex import regex

# Lines above a change, and characters of what is shown of all comments.
_MOST_LINES, _LONGEST = 5, 300
# What begins the lines of comments.
_MARK = regex(r"#+|//+|/\*+|\*+")
IsShown = Callable[[str, str], Callable[[int], bool]]
"""Returns, for a path and a text, a function that states whether a line (from 0) can be shown."""


def comments_of(edits: Iterable[TextEdit], sources: Sources, shown_lines: IsShown) -> str:
    """Return the comments directly above the values that edits replace or remove, and after these, as one line."""
    found: dict[str, None] = {}
    for edit in edits:
        text = sources.text(edit.path)
        if not text[edit.start : edit.end].strip():
            continue  # nothing was there, so no comment is about it
        try:
            layout = sources.editor(edit.path).layout
        except Refusal:
            continue
        for start, end in _spans(layout, edit):
            first, last = text.count("\n", 0, start), text.count("\n", 0, end)
            is_shown = shown_lines(edit.path, text)
            if all(map(is_shown, range(first, last + 1))):
                found[_words(text[start:end])] = None
    joined = " ".join(found)
    return joined if len(joined) <= _LONGEST else f"{joined[: _LONGEST - 3]}..."


def _words(comment: str) -> str:
    """Return the words of a comment without the characters that mark it as one."""
    return " ".join(" ".join(map(_without_marks, comment.splitlines())).split())


def _without_marks(line: str) -> str:
    line = line.strip()
    is_end = line.endswith("*/")
    line = line.removesuffix("*/")
    mark = _MARK.match(line)
    line = line if mark is None else line[mark.end() :]
    return line.rstrip("*") if is_end else line


def _spans(layout: Layout, edit: TextEdit) -> Iterable[tuple[int, int]]:
    """Yield the spans of the comments above an edit and after it, in order."""
    text, start = layout.text, layout.line_start(edit.start)
    if not text[edit.start : edit.end].startswith("\n"):
        above = start
        for _ in range(_MOST_LINES):
            line = _comment_before(layout, above)
            if line is None:
                break
            above = line
        if above < start:
            first = above + len(text[above:start]) - len(text[above:start].lstrip(" \t"))
            yield first, above + len(text[above:start].rstrip())
    end = edit.end
    if text[edit.start : end].endswith("\n"):  # whole lines, with their comments
        return
    stop = layout.skip(end)
    if text.startswith(",", stop):
        end, stop = stop + 1, layout.skip(stop + 1)
    written = text[end:stop]
    if written.strip():
        yield end + len(written) - len(written.lstrip()), end + len(written.rstrip())


def _comment_before(layout: Layout, at: int) -> int | None:
    """Return the start of the comment that ends on the line before an offset; None without one."""
    text = layout.text
    if at == 0:
        return None
    start = layout.line_start(at - 1)
    line = text[start:at].strip()
    if line.endswith("*/"):
        opening = text.rfind("/*", 0, at)
        start = layout.line_start(opening)
        return start if not text[start:opening].strip() else None
    return start if line and layout.line_end(start) is not None and layout.skip(start) > start else None
