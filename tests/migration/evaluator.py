"""Evaluate the expressions of generated Terraform and Bicep code: a reader of its own, for what that code contains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>=>|==|!=|>=|<=|&&|\|\||\.\.\.|[][(){}.,:?!<>=]))"
)
_HOLE = re.compile(r"\$\{([^{}]*)\}")
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="))
_OPERATIONS = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}


class Items(list[Any]):
    """A set: a list whose keys are its items."""


class Reference(str):
    """The ID of something that is deployed, such as ``azurerm_key_vault.kv[0]``."""

    __slots__ = ()


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression. Raise ValueError or LookupError for one that Azure's tools reject."""
    parser = _Parser(text)
    found = parser.expression()
    if parser.peek():
        raise ValueError(f"{parser.peek()!r} is left of {text!r}")
    return found(dict(names))


class _Parser:
    """Turns an expression into a function of the names in it."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"{text[at:]!r} is not an expression")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][1] if at < len(self._tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise ValueError(f"{expected!r} expected, {token!r} found")
        self._at += 1
        return token

    def expression(self) -> Any:
        condition = self._binary(0)
        if self.peek() != "?":
            return condition
        self._take()
        yes = self.expression()
        self._take(":")
        no = self.expression()
        return lambda names: yes(names) if condition(names) else no(names)

    def _binary(self, level: int) -> Any:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self.peek() in _LEVELS[level]:
            left = _operation(self._take(), left, self._binary(level + 1))
        return left

    def _unary(self) -> Any:
        if self.peek() == "!":
            self._take()
            inner = self._unary()
            return lambda names: not inner(names)
        found = self._primary()
        while self.peek() in (".", "["):
            if self._take() == ".":
                found = _member(found, self._take())
                continue
            index = self.expression()
            self._take("]")
            found = _item(found, index)
        return found

    def _primary(self) -> Any:
        kind, token = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        self._take()
        if kind == "number":
            return lambda _: int(token)
        if kind == "string":
            return _string(token)
        if kind == "name":
            return self._name(token)
        if token == "(":
            inner = self.expression()
            self._take(")")
            return inner
        if token in "[{" and self.peek() == "for":
            return self._loop("]" if token == "[" else "}")
        if token == "[":
            parts = self._list("]")
            return lambda names: [one(names) for one in parts]
        if token == "{":
            return self._object()
        raise ValueError(f"{token!r} is not the start of an expression")

    def _name(self, name: str) -> Any:
        if self.peek() == "(":
            self._take()
            arguments = self._list(")")
            return lambda names: _call(name, [one(names) for one in arguments])
        if name in ("true", "false"):
            return lambda _: name == "true"
        return lambda names: names[name]

    def _list(self, end: str) -> list[Any]:
        found = []
        while self.peek() != end:
            found.append(self.expression())
            if self.peek() == ",":
                self._take()
        self._take(end)
        return found

    def _object(self) -> Any:
        pairs = []
        while self.peek() != "}":
            kind, key = self._tokens[self._at]
            self._take()
            name = _string(key) if kind == "string" else lambda _, key=key: key
            if self._take() not in ("=", ":"):
                raise ValueError("a key without a value")
            pairs.append((name, self.expression()))
            if self.peek() == ",":
                self._take()
        self._take("}")
        return lambda names: {str(name(names)): value(names) for name, value in pairs}

    def _loop(self, end: str) -> Any:
        self._take("for")
        first = self._take()
        second = ""
        if self.peek() == ",":
            self._take()
            second = self._take()
        self._take("in")
        over = self.expression()
        self._take(":")
        result = self.expression()
        name, condition = None, lambda _: True
        if end == "}":
            self._take("=>")
            name, result = result, self.expression()
        if self.peek() == "if":
            self._take()
            condition = self.expression()
        self._take(end)
        return _comprehension((first, second), over, name, result, condition)


def _comprehension(loop: tuple[str, str], over: Any, name: Any, result: Any, condition: Any) -> Any:
    def every(names: dict[str, Any]) -> Any:
        found: Any = [] if name is None else {}
        for key, value in pairs(over(names)):
            own = {**names, loop[0]: value} if not loop[1] else {**names, loop[0]: key, loop[1]: value}
            if not condition(own):
                continue
            if name is None:
                found.append(result(own))
                continue
            new = name(own)
            if not isinstance(new, str | int) or str(new) in found:
                raise ValueError(f"{new!r} is not a key")
            found[str(new)] = result(own)
        return found

    return every


def pairs(collection: Any) -> list[tuple[Any, Any]]:
    """Return the keys and values of a collection."""
    if isinstance(collection, dict):
        return list(collection.items())
    if isinstance(collection, Items):
        return [(one, one) for one in collection]
    return list(enumerate(collection))


def _operation(sign: str, left: Any, right: Any) -> Any:
    if sign == "&&":
        return lambda names: left(names) and right(names)
    if sign == "||":
        return lambda names: left(names) or right(names)
    return lambda names: _OPERATIONS[sign](left(names), right(names))


def _member(of: Any, name: str) -> Any:
    def found(names: dict[str, Any]) -> Any:
        value = of(names)
        if isinstance(value, Reference):
            return value if name == "id" else Reference(f"{value}.{name}")
        return value[name]

    return found


def _item(of: Any, index: Any) -> Any:
    def found(names: dict[str, Any]) -> Any:
        value, at = of(names), index(names)
        if isinstance(value, Reference):
            return Reference(f"{value}[{at}]")
        return value[str(at)] if isinstance(value, dict) else value[at]

    return found


def _string(token: str) -> Any:
    text = token[1:-1].replace("\\'", "'").replace('\\"', '"')

    def found(names: dict[str, Any]) -> Any:
        whole = _HOLE.fullmatch(text)
        if whole is not None:
            return evaluate(whole[1], names)
        return _HOLE.sub(lambda match: str(evaluate(match[1], names)), text)

    return found


def _call(name: str, arguments: list[Any]) -> Any:
    if name in ("toset", "union"):
        found: list[Any] = []
        for one in (one for argument in arguments for _, one in pairs(argument)):
            found += [] if one in found else [one]
        return Items(found) if name == "toset" else found
    if name == "concat":
        return [one for argument in arguments for one in argument]
    if name == "tolist":
        return [one for _, one in pairs(arguments[0])]
    if name == "length":
        return len(arguments[0])
    if name == "empty":
        return not arguments[0]
    if name == "range":
        return list(range(arguments[0], arguments[0] + arguments[1]))
    if name == "guid":
        return ("guid", *map(str, arguments))
    if name == "subscriptionResourceId":
        return Reference(arguments[-1])
    raise ValueError(f"{name} is not a function of this reader")
