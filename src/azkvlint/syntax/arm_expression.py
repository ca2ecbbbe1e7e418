"""Parse ARM template expressions, such as ``[concat('a', parameters('b'))]``, into a tree.

The language has strings, numbers, calls, and accesses after a call: ``.name`` and ``[index]``. It has no operators, no
safe access (``tryGet`` is a function) and no constants (``true()``, ``false()`` and ``null()`` are functions).
"""

from __future__ import annotations

import re
from typing import NoReturn

import msgspec

from azkvlint.syntax.ast import Call, Expression, Item, Literal, Member
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import describe_character, number_in_range

# Azure's limit for the text between the brackets.
MAX_LENGTH = 24_576
# The limit for nested calls and for each .name or [index] of a chain, so that code may recurse over the tree.
MAX_DEPTH = 100

_NAME = r"(?!\d)[\w$]++"
# No letter may follow a number. Floats and signs are accepted although Azure's parser rejects some of them.
_OPERAND = regex(
    rf"""\s*+(?:
        '([^']*+(?:''[^']*+)*+)'
      | ({_NAME}(?:\s*+\.\s*+{_NAME})?+)\s*+\(
      | ([+-]?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)(?![\w$.])
      | (\))
    )""",
    re.VERBOSE,
)
_TEXT, _CALL, _NUMBER, _CLOSED = 1, 2, 3, 4
_SUFFIX = regex(rf"\s*+(?:\.\s*+({_NAME})|(\[)|(,)|(\))|(\])|(\Z))")
_MEMBER, _OPEN, _COMMA, _CLOSE, _CLOSE_ITEM, _END = 1, 2, 3, 4, 5, 6
# The tokens allowed at the top level, in a call and in an index: after a string or number, and after anything else.
_ENDS = tuple(
    (frozenset(ends), frozenset((*ends, _MEMBER, _OPEN))) for ends in ((_END,), (_COMMA, _CLOSE), (_CLOSE_ITEM,))
)
_SPACE = regex(r"\s*+")
_BARE = regex(rf"{_NAME}(?:\s*+\.\s*+{_NAME})*+\s*+")
_SHOWN = frozenset('!"#%&()*+,-./:;<=>?@[\\]^`{|}~')


def is_expression(text: str) -> bool:
    """Return whether a string of a template is an expression: it is in brackets and does not start with ``[[``."""
    return text[-1:] == "]" and text[0] == "[" and text[1] != "["


def unescaped(text: str) -> str:
    """Return the value of a string that is not an expression: ``[[x]`` is ``[x]``; without the last bracket, itself."""
    return text[1:] if text[:2] == "[[" and text[-1] == "]" else text


def parse_expression(text: str) -> Expression:
    """Parse ``text``, the part between the outer brackets; offsets are those in ``text``.

    Names of functions and members keep their case. Raise InputError with a column; its message never contains a string
    or a name from the input.
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"the expression has {len(text):,} characters; Azure allows {MAX_LENGTH:,}", column=1)
    parser = _ArmParser(text)
    while True:
        node = parser.operand()
        if node is not None:
            node = parser.rest(node)
        if node is not None:
            return node


class _Pending(msgspec.Struct):
    """An open call, or an open index of ``of``. ``height`` is that of its parts so far."""

    start: int
    height: int
    name: str = ""
    of: Expression | None = None
    arguments: list[Expression] = []


class _ArmParser:
    """A parser with its own stack instead of recursion. ``height`` is that of the tree completed last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.height = 0
        self.stack: list[_Pending] = []

    def operand(self) -> Expression | None:
        """Parse a string, a number, or a call without arguments; return None after opening a call."""
        match = _OPERAND.match(self.text, self.at)
        if match is None:
            self._refuse_operand()
        kind = match.lastindex
        if kind == _CLOSED and not (self.stack and self.stack[-1].of is None and not self.stack[-1].arguments):
            self._refuse_operand()
        self.at = end = match.end()
        if kind == _CALL:
            name = match[_CALL]
            self._push(_Pending(match.start(_CALL), 0, "".join(name.split()) if "." in name else name))
            return None
        if kind == _CLOSED:
            return self._close()
        self.height = 1
        if kind == _TEXT:
            return Literal(match.start(_TEXT) - 1, end, match[_TEXT].replace("''", "'"))
        return Literal(match.start(_NUMBER), end, self._number(match[_NUMBER], match.start(_NUMBER)))

    def rest(self, node: Expression) -> Expression | None:
        """Parse everything after ``node``; return the whole tree, or None if an operand must follow."""
        while True:
            match = _SUFFIX.match(self.text, self.at)
            if match is None:
                self._refuse_rest(node)
            kind = match.lastindex
            if kind not in self._allowed(node):
                self._refuse_rest(node)
            self.at = match.end()
            if kind == _END:
                return node
            if kind == _MEMBER:
                self.height += 1
                self._check_depth(match.start(_MEMBER))
                node = Member(node.start, self.at, node, match[_MEMBER])
                continue
            if kind == _OPEN:
                self._push(_Pending(node.start, self.height, of=node))
                return None
            top = self.stack[-1]
            top.arguments.append(node)
            top.height = max(top.height, self.height)
            if kind == _COMMA:
                return None
            node = self._close()

    def _allowed(self, node: Expression) -> frozenset[int]:
        place = 0 if not self.stack else 1 if self.stack[-1].of is None else 2
        return _ENDS[place][type(node) is not Literal]

    def _push(self, pending: _Pending) -> None:
        self.stack.append(pending)
        if len(self.stack) > MAX_DEPTH:
            self._refuse_depth(self.at - 1)

    def _close(self) -> Expression:
        """Close the call or index on top of the stack."""
        top = self.stack.pop()
        self.height = top.height + 1
        self._check_depth(self.at - 1)
        if top.of is not None:
            return Item(top.start, self.at, top.of, top.arguments[0])
        return Call(top.start, self.at, top.name, tuple(top.arguments))

    def _check_depth(self, at: int) -> None:
        if self.height > MAX_DEPTH:
            self._refuse_depth(at)

    def _refuse_depth(self, at: int) -> NoReturn:
        raise InputError(f"the expression is nested deeper than {MAX_DEPTH} levels", column=at + 1)

    def _number(self, text: str, at: int) -> int | float:
        number = number_in_range(text)
        if number is None:
            raise InputError("the number is out of range", column=at + 1)
        return number

    def _refuse_operand(self) -> NoReturn:
        at = self._next()
        if self.text[at : at + 1] == "'":
            raise InputError("the string has no closing quote", column=at + 1)
        name = _BARE.match(self.text, at)
        if name is not None:
            raise InputError(
                f"expected `(` after the name, found {self._token_kind(name.end())}", column=name.end() + 1
            )
        expected = "a function call, a string in single quotes or a number"
        raise InputError(f"expected {expected}, found {self._token_kind(at)}", column=at + 1)

    def _refuse_rest(self, node: Expression) -> NoReturn:
        at = self._next()
        if self.text[at : at + 1] == "." and not isinstance(node, Literal):
            at = self._next(at + 1)
            expected = "a name after `.`"
        elif not self.stack:
            expected = "the end of the expression"
        else:
            expected = "`,` or `)`" if self.stack[-1].of is None else "`]`"
        raise InputError(f"expected {expected}, found {self._token_kind(at)}", column=at + 1)

    def _next(self, at: int | None = None) -> int:
        match = _SPACE.match(self.text, self.at if at is None else at)
        return match.end() if match is not None else self.at

    def _token_kind(self, at: int) -> str:
        """Name the kind of token at ``at``: its text may be a secret that only looks like an expression."""
        found = self.text[at : at + 1]
        if found in _SHOWN:
            return describe_character(found)
        if found == "'":
            return "a string"
        if found.isdigit():
            return "a number"
        if found.isalnum() or found == "_":
            return "a name"
        return "another character" if found else "the end"
