"""Decode YAML nodes into plain data. Invalid nodes are collected as faults with their line and column.

A decoder never raises: for an invalid node it records a fault and returns a harmless default, so that one pass finds
all faults of a file. A result is valid only if there were none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from azkvlint.azure.consumers import FILTERS, types_with
from azkvlint.model.rule import Operand
from azkvlint.model.value import Plain
from azkvlint.syntax.yaml_nodes import ListNode, MapNode, Node, ScalarNode, YamlFault, compose, data
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

# Matching takes quadratic time in the length of a word, and words to correct are shorter than this.
_LONGEST_WORD = 60
_ANYTHING = regex(".*")
_RESOURCE_TYPE = regex(r"[A-Za-z][\w.-]*(?:/[A-Za-z][\w.-]*)+")


class MappingFields:
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
        """Add an entry."""
        self._entries[str(key.value)] = (key, value)

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``; None if it is absent."""
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> ScalarNode:
        """Return the node of a key, for its position."""
        return self._entries[key][0]


class Decoder:
    """Decodes one file with the display path ``path``, and collects its faults."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._faults: list[YamlFault] = []

    def fault(self, node: Node | YamlFault, text: str) -> None:
        """Add a fault at ``node``."""
        self._faults.append(YamlFault(node.line, node.column, text))

    def mismatch(self, node: Node, label: str, expected: str) -> None:
        """Add the fault that ``label`` is ``node`` instead of ``expected``."""
        self.fault(node, f"{label} must be {expected}, not {describe(data(node))}")

    @property
    def count(self) -> int:
        """Return the number of faults so far."""
        return len(self._faults)

    def lines(self) -> tuple[str, ...]:
        """Return the faults in compiler format, by position, each on one line."""
        return tuple(
            f"{self.path}:{fault.line}:{fault.column}: {visible(fault.text)}" for fault in sorted(self._faults)
        )

    def document(self, text: str) -> Node | None:
        """Return the root node of the file; None if it is empty or invalid."""
        document = compose(text)
        self._faults += document.faults
        if document.root is None and not document.faults:
            self._faults.append(YamlFault(1, 1, "the file is empty"))
        return document.root

    def fields(self, node: Node, label: str, known: Collection[str], required: Iterable[str] = ()) -> MappingFields:
        """Return the entries of ``node``; ``what`` is its name in messages (such as "a rule")."""
        fields = MappingFields(node)
        if not isinstance(node, MapNode):
            self.mismatch(node, label, "a mapping")
            fields.complete = False
            return fields
        for key, value in node.entries:
            if key.value in known:
                fields.add(key, value)
            else:
                fields.complete = False
                self.fault(key, f"{label} has no key {key.value!r}{suggestion(key.value, known)}")
        for name in required:
            if name not in fields:
                fields.complete = False
                self.fault(node, f"{label} needs {name}:")
        return fields

    def entries(self, node: Node | None, label: str) -> tuple[tuple[ScalarNode, Node], ...]:
        """Return the entries of a mapping with free keys; none if ``node`` is None."""
        if node is None:
            return ()
        if isinstance(node, MapNode):
            return node.entries
        self.mismatch(node, label, "a mapping")
        return ()

    def items(self, node: Node | None, label: str) -> tuple[Node, ...]:
        """Return the items of a list, which must not be empty; none if ``node`` is None."""
        if node is None:
            return ()
        if not isinstance(node, ListNode):
            self.mismatch(node, label, "a list")
            return ()
        if not node.items:
            self.fault(node, f"{label} must not be an empty list")
        return node.items

    def block(self, node: Node | None, label: str) -> str:
        """Return a string that is not blank, unchanged."""
        if node is None:
            return ""
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self.mismatch(node, label, "a string")
            return ""
        if not node.value.strip():
            self.fault(node, f"{label} must not be empty")
            return ""
        return node.value

    def text(self, node: Node | None, label: str) -> str:
        """Return a string that is not blank, without surrounding white space."""
        return self.block(node, label).strip()

    def line(self, node: Node | None, label: str) -> str:
        """Return a string of one line."""
        text = self.text(node, label)
        if node is not None and len(text.splitlines()) > 1:
            self.fault(node, f"{label} must be one line")
        return text

    def texts(
        self, node: Node | None, label: str, pattern: re.Pattern[str] = _ANYTHING, expected: str = ""
    ) -> tuple[str, ...]:
        """Return a list of one-line strings that match ``pattern``, which ``expected`` describes."""
        return tuple(
            self._matching(item, f"each item of {label}", pattern, expected) for item in self.items(node, label)
        )

    def resource_types(self, node: Node | None, label: str) -> tuple[str, ...]:
        """Return one resource type, or a list of them; consumers of vaults may be selected by what they do."""
        if isinstance(node, ScalarNode | MapNode):
            return self._types(node, label)
        found = (one for item in self.items(node, label) for one in self._types(item, f"each item of {label}"))
        return tuple(dict.fromkeys(found))

    def _types(self, node: Node, label: str) -> tuple[str, ...]:
        """Return a resource type, or the consumers that have these words in the table of consumers."""
        if not isinstance(node, MapNode):
            expected = "a resource type, such as Microsoft.KeyVault/vaults"
            return (self._matching(node, label, _RESOURCE_TYPE, expected),)
        words: dict[str, list[str]] = {}
        for key, value in node.entries:
            name = str(key.value)
            if name not in FILTERS:
                self.fault(key, f"consumers have no {name!r}; it is {either(FILTERS)}")
                continue
            items = value.items if isinstance(value, ListNode) else (value,)
            words[name] = [self.word(item, name, FILTERS[name], "") for item in items]
        found = types_with(**words)
        if not found and all(all(accepted) for accepted in words.values()):
            self.fault(node, "no consumer of vaults has all of these words")
        return found

    def _matching(self, node: Node, label: str, pattern: re.Pattern[str], expected: str) -> str:
        text = self.line(node, label)
        if text and not pattern.fullmatch(text):
            self.fault(node, f"{text!r} is not {expected}")
        return text

    def word(self, node: Node | None, label: str, words: Collection[str], default: str) -> str:
        """Return one of ``words``, or ``default``."""
        if node is None:
            return default
        text = self.line(node, label)
        if text and text not in words:
            self.fault(node, f"there is no {label} {text!r}{suggestion(text, words) or '; it is ' + either(words)}")
        return text if text in words else default

    def flag(self, node: Node | None, label: str) -> bool:
        """Return a boolean; False if ``node`` is None."""
        if node is None:
            return False
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        self.mismatch(node, label, "true or false")
        return False

    def integers(self, node: Node | None, label: str) -> tuple[int, ...]:
        """Return a list of integers above 0."""
        numbers = []
        for item in self.items(node, label):
            if isinstance(item, ScalarNode) and type(item.value) is int and item.value > 0:
                numbers.append(item.value)
            else:
                self.mismatch(item, f"each item of {label}", "a whole number above 0")
        return tuple(numbers)

    def plain(self, node: Node, label: str) -> Plain | None:
        """Return a string (which may be empty), number or boolean; None if it is anything else."""
        if isinstance(node, ScalarNode) and node.value is not None:
            return node.value
        self.mismatch(node, label, "a string, a number, true or false")
        return None

    def operand(self, node: Node | None, label: str) -> Operand | None:
        """Return a plain value or a list of them, which may be empty; None if it is anything else."""
        if not isinstance(node, ListNode):
            return None if node is None else self.plain(node, label)
        items = [self.plain(item, f"each item of {label}") for item in node.items]
        values = tuple(item for item in items if item is not None)
        return values if len(values) == len(items) else None


def describe(value: object) -> str:
    """Return a description of plain data for messages."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {value!r}" if len(value) <= _LONGEST_WORD else "a long string"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def either(words: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the closest of ``known``; "" if none is close."""
    from difflib import get_close_matches

    text, words = str(word)[:_LONGEST_WORD], list(known)
    matches = get_close_matches(text, words, n=1) or get_close_matches(text.lower(), words, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
