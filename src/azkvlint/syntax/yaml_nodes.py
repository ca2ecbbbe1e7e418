"""Parse YAML into nodes with positions.

Only JSON's scalars have types: ``on``, ``010``, ``~`` and dates stay strings. Constructs with surprising meanings are
faults: duplicate keys, anchors, aliases, tags, merge keys, and more than one document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

import msgspec
import yaml

from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import number_in_range

# Deeper than any rule or example, and far below the interpreter's recursion limit.
MAX_DEPTH = 50

# libyaml's parser is about ten times as fast; not every platform's wheel has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The texts of libyaml and of PyYAML's own parser differ: a part of each, and the reason that is stated.
_FAULTS = (
    ("could not find expected ':'", "expected `:` after the key"),
    ("mapping values are not allowed", "`:` is not allowed here"),
    ("unexpected end of stream", "a string is not closed"),
    ("cannot start any token", "this character cannot begin a value"),
    ("unknown escape character", "this character cannot be escaped with a backslash"),
    ("expected <block end>", "the indentation does not match the lines before"),
    ("did not find expected key", "the indentation does not match the lines before"),
    ("did not find expected '-' indicator", "the indentation does not match the lines before"),
    ("expected ',' or", "expected `,` or a closing bracket"),
)
_UNPRINTABLE = regex("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"": None, "null": None, "true": True, "false": False}


class YamlFault(msgspec.Struct, frozen=True, order=True):
    """A syntax error. Lines and columns are 1-based, columns count code points."""

    line: int
    column: int
    text: str


class ScalarNode(msgspec.Struct, frozen=True, kw_only=True):
    """A string, number, boolean or null (an empty value too). A key is always a string."""

    line: int
    column: int
    value: str | int | float | bool | None


class ListNode(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence."""

    line: int
    column: int
    items: tuple[Node, ...]


class MapNode(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping in document order, without the repetitions of duplicate keys."""

    line: int
    column: int
    entries: tuple[tuple[ScalarNode, Node], ...]


Node: TypeAlias = ScalarNode | ListNode | MapNode


class YamlDocument(msgspec.Struct, frozen=True):
    """``root`` is None if the text is empty or cannot be read as one YAML document."""

    root: Node | None
    faults: tuple[YamlFault, ...]


def compose(text: str) -> YamlDocument:
    """Parse ``text``. Never raises: every error is a fault of the document."""
    text = text.removeprefix("\ufeff")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        before = text[: unprintable.start()]
        column = len(before) - before.rfind("\n")
        return YamlDocument(
            None, (YamlFault(before.count("\n") + 1, column, f"YAML does not allow the character {unprintable[0]!r}"),)
        )
    composer = _Composer()
    root = None
    try:
        root = composer.document(yaml.parse(text, Loader=_LOADER))
    except _Unreadable:
        pass
    except yaml.MarkedYAMLError as error:
        problem = f"{error.problem or ''}"
        reason = next((reason for part, reason in _FAULTS if part in problem), "the syntax is not valid here")
        composer.fault(error.problem_mark or error.context_mark, f"invalid YAML: {reason}")
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML's own parser leaks a few of Python's errors, for escapes beyond Unicode and the like.
        composer.faults.append(YamlFault(1, 1, "invalid YAML"))
    return YamlDocument(root, tuple(composer.faults))


def data(node: Node) -> Any:
    """Return the node as plain Python data: dict, list, str, int, float, bool or None."""
    match node:
        case MapNode(entries=entries):
            return {key.value: data(value) for key, value in entries}
        case ListNode(items=items):
            return [data(item) for item in items]
        case ScalarNode(value=value):
            return value


class _Unreadable(Exception):
    """The rest of the document cannot be parsed; the fault has been recorded."""


class _Composer:
    """Builder of nodes from PyYAML's events, which (unlike its nodes) include anchors and tags."""

    def __init__(self) -> None:
        self.faults: list[YamlFault] = []
        self._events: Iterator[Any] = iter(())

    def fault(self, mark: Any, text: str) -> None:
        self.faults.append(YamlFault(mark.line + 1, mark.column + 1, text))

    def document(self, events: Iterator[Any]) -> Node | None:
        self._events = events
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        root = self._node(next(events), 1)
        next(events)
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, "only one document per file is supported")
        return root

    def _stop(self, event: Any, text: str) -> NoReturn:
        self.fault(event.start_mark, text)
        raise _Unreadable

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._stop(event, f"the nesting is deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, f"aliases (`*{event.anchor}`) are not supported; repeat the value")
        if event.anchor is not None:
            self.fault(event.start_mark, f"anchors (`&{event.anchor}`) are not supported")
        if event.tag is not None:
            self.fault(event.start_mark, f"tag `{event.tag}` is not supported")
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(line=line, column=column, value=self._scalar(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return ListNode(line=line, column=column, items=self._items(depth))
        return MapNode(line=line, column=column, entries=self._entries(depth))

    def _items(self, depth: int) -> tuple[Node, ...]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return tuple(items)

    def _entries(self, depth: int) -> tuple[tuple[ScalarNode, Node], ...]:
        entries: dict[str, tuple[ScalarNode, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            node = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(node, ScalarNode):
                self.fault(event.start_mark, "a key must be a string")
            elif event.value == "<<" and event.implicit[0]:
                self.fault(event.start_mark, "merge keys (`<<`) are not supported; repeat the keys")
            elif event.value in entries:
                self.fault(event.start_mark, f"key `{event.value}` is duplicated")
            else:
                key = ScalarNode(line=node.line, column=node.column, value=event.value)
                entries[event.value] = (key, value)
        return tuple(entries.values())

    def _scalar(self, event: Any) -> str | int | float | bool | None:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block scalar
            return text
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        number = number_in_range(text)
        if number is None:
            self.fault(event.start_mark, "the number is out of range")
        return number
