"""The texts of Mermaid and Graphviz DOT, in which no name of an input can end its label."""

from __future__ import annotations

from azkvlint.util.text import visible


def mermaid_text(text: str) -> str:
    """Escape all but plain characters as character references."""
    return "".join(c if c.isalnum() or c in "._-/ " else f"#{ord(c)};" for c in visible(text))


def dot_text(*lines: str) -> str:
    """Return lines as one quoted string."""
    escaped = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
