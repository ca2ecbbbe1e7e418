"""Decoding of YAML nodes into plain data, where whatever does not fit is a fault with its place.

A decoder never raises: what it cannot decode becomes a fault and a harmless stand-in, so that one reading of a file
finds all its faults. A result may be used only if there were none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from azkvlint.model.rule import Operand
from azkvlint.model.value import Plain
from azkvlint.syntax.yaml_nodes import Fault, ListNode, MapNode, Node, ScalarNode, compose, data
from azkvlint.util.lazy_regex import regex

# Comparing words takes the square of their length, and nobody mistypes a word this long.
_LONGEST_WORD = 60
_ANYTHING = regex(".*")
_RESOURCE_TYPE = regex(r"[A-Za-z][\w.-]*(?:/[A-Za-z][\w.-]*)+")


class Fields:
    """The entries of a mapping with fixed keys. ``complete`` is False if a key was unknown or missing."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.complete = True
        self._entries: dict[str, tuple[ScalarNode, Node]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __getitem__(self, key: str) -> Node:
        return self._entries[key][1]

    def add(self, key: ScalarNode, value: Node) -> None:
        """Take an entry in."""
        self._entries[str(key.value)] = (key, value)

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``, None if it is not given."""
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> ScalarNode:
        """Return the key itself, for its place."""
        return self._entries[key][0]


class Decoder:
    """Decodes one file, ``path`` as it is shown to people, and collects its faults."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._faults: list[Fault] = []

    def fault(self, node: Node | Fault, text: str) -> None:
        """Note what is wrong at ``node``."""
        self._faults.append(Fault(node.line, node.column, text))

    def misfit(self, node: Node, label: str, wanted: str) -> None:
        """A fault: ``label`` is ``node``, and not what is wanted."""
        self.fault(node, f"{label} must be {wanted}, not {describe(data(node))}")

    @property
    def count(self) -> int:
        """Return how many faults there are so far."""
        return len(self._faults)

    def lines(self) -> tuple[str, ...]:
        """Return the faults as a compiler prints them, in the order of the text."""
        return tuple(f"{self.path}:{fault.line}:{fault.column}: {fault.text}" for fault in sorted(self._faults))

    def document(self, text: str) -> Node | None:
        """Return the root of the file, None if there is nothing to decode."""
        document = compose(text)
        self._faults += document.faults
        if document.root is None and not document.faults:
            self._faults.append(Fault(1, 1, "the file is empty"))
        return document.root

    def fields(self, node: Node, what: str, known: Collection[str], required: Iterable[str] = ()) -> Fields:
        """Return the entries of ``node``, which is ``what`` (such as "a rule")."""
        fields = Fields(node)
        if not isinstance(node, MapNode):
            self.misfit(node, what, "a mapping")
            fields.complete = False
            return fields
        for key, value in node.entries:
            if key.value in known:
                fields.add(key, value)
            else:
                fields.complete = False
                self.fault(key, f"{what} has no key {key.value!r}{suggestion(key.value, known)}")
        for name in required:
            if name not in fields:
                fields.complete = False
                self.fault(node, f"{what} needs {name}:")
        return fields

    def entries(self, node: Node | None, label: str) -> tuple[tuple[ScalarNode, Node], ...]:
        """Return the entries of a mapping with free keys, none if ``node`` is None."""
        if node is None:
            return ()
        if isinstance(node, MapNode):
            return node.entries
        self.misfit(node, label, "a mapping")
        return ()

    def items(self, node: Node | None, label: str) -> tuple[Node, ...]:
        """Return the items of a list that has some, nothing if ``node`` is None."""
        if node is None:
            return ()
        if not isinstance(node, ListNode):
            self.misfit(node, label, "a list")
            return ()
        if not node.items:
            self.fault(node, f"{label} must not be an empty list")
        return node.items

    def block(self, node: Node | None, label: str) -> str:
        """Return a text that says something, as it is written."""
        if node is None:
            return ""
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self.misfit(node, label, "a text")
            return ""
        if not node.value.strip():
            self.fault(node, f"{label} must not be empty")
            return ""
        return node.value

    def text(self, node: Node | None, label: str) -> str:
        """Return a text that says something, without white space around it."""
        return self.block(node, label).strip()

    def line(self, node: Node | None, label: str) -> str:
        """Return a text of one line."""
        text = self.text(node, label)
        if node is not None and len(text.splitlines()) > 1:
            self.fault(node, f"{label} must be one line")
        return text

    def texts(
        self, node: Node | None, label: str, pattern: re.Pattern[str] = _ANYTHING, wanted: str = ""
    ) -> tuple[str, ...]:
        """Return a list of one-line texts that match ``pattern``, which is ``wanted`` in words."""
        return tuple(self._matching(item, f"each item of {label}", pattern, wanted) for item in self.items(node, label))

    def resource_types(self, node: Node | None, label: str) -> tuple[str, ...]:
        """Return one resource type, or a list of them."""
        wanted = "a resource type, such as Microsoft.KeyVault/vaults"
        if isinstance(node, ScalarNode):
            return (self._matching(node, label, _RESOURCE_TYPE, wanted),)
        return self.texts(node, label, _RESOURCE_TYPE, wanted)

    def _matching(self, node: Node, label: str, pattern: re.Pattern[str], wanted: str) -> str:
        text = self.line(node, label)
        if text and not pattern.fullmatch(text):
            self.fault(node, f"{text!r} is not {wanted}")
        return text

    def word(self, node: Node | None, what: str, words: Collection[str], default: str) -> str:
        """Return one of ``words``."""
        if node is None:
            return default
        text = self.line(node, what)
        if text and text not in words:
            self.fault(node, f"there is no {what} {text!r}{suggestion(text, words) or '; it is ' + either(words)}")
        return text if text in words else default

    def flag(self, node: Node | None, label: str) -> bool:
        """True or false; false if ``node`` is None."""
        if node is None:
            return False
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        self.misfit(node, label, "true or false")
        return False

    def integers(self, node: Node | None, label: str) -> tuple[int, ...]:
        """Return a list of whole numbers above 0."""
        numbers = []
        for item in self.items(node, label):
            if isinstance(item, ScalarNode) and type(item.value) is int and item.value > 0:
                numbers.append(item.value)
            else:
                self.misfit(item, f"each item of {label}", "a whole number above 0")
        return tuple(numbers)

    def plain(self, node: Node, label: str) -> Plain | None:
        """Return a text (possibly empty), number or boolean; None if it is something else."""
        if isinstance(node, ScalarNode) and node.value is not None:
            return node.value
        self.misfit(node, label, "a text, a number, true or false")
        return None

    def operand(self, node: Node | None, label: str) -> Operand | None:
        """Return a plain value or a list of them, which may be empty; None if it is something else."""
        if not isinstance(node, ListNode):
            return None if node is None else self.plain(node, label)
        items = [self.plain(item, f"each item of {label}") for item in node.items]
        known = tuple(item for item in items if item is not None)
        return known if len(known) == len(items) else None


def describe(value: object) -> str:
    """Return what plain data is, for "must be this, not that"."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}" if len(value) <= _LONGEST_WORD else "a long text"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def either(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def suggestion(word: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` with the nearest of ``known``, or nothing if none is near."""
    from difflib import get_close_matches

    text, words = str(word)[:_LONGEST_WORD], list(known)
    near = get_close_matches(text, words, n=1) or get_close_matches(text.lower(), words, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
