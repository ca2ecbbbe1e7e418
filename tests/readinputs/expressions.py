"""Expressions of generated modules, in no language, and how each language writes them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

BOOL, TEXT, INT, LIST, OBJECT, MAP = "bool", "text", "int", "list", "object", "map"
MEMBERS = {"flag": BOOL, "name": TEXT, "days": INT}
WORDS = ("kv", "app", "data", "x1")
KEYS = ("a", "b", "c")


class Literal(NamedTuple):
    """A value that is written out."""

    plain: Any


class Made(NamedTuple):
    """An object that is written out."""

    members: Mapping[str, Expression]


class Reference(NamedTuple):
    """A reference in a ``space`` (param, local, item, key, index or output), and a ``path`` to a member."""

    space: str
    name: str = ""
    path: str = ""
    of: str = ""


class Call(NamedTuple):
    """An operator or function of every language."""

    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = "Literal | Made | Reference | Call"
Names: TypeAlias = Mapping[str, Sequence[Expression]]


def plain_value(chance: random.Random, type_: str, with_defaults: bool = False) -> Any:
    """Return a random value of a type. ``with_defaults``: some members may be left out of objects."""
    if type_ == BOOL:
        return chance.random() < 0.5
    if type_ == TEXT:
        return chance.choice(WORDS)
    if type_ == INT:
        return chance.randrange(4)
    if type_ == LIST:
        return chance.sample(WORDS, chance.randrange(3))
    if type_ == MAP:
        keys = chance.sample(KEYS, chance.randrange(3))
        return {key: plain_value(chance, OBJECT, with_defaults) for key in keys}
    result = {name: plain_value(chance, of) for name, of in MEMBERS.items()}
    if with_defaults and chance.random() < 0.4:
        del result["days"]
    return result


# The functions that return a type, by the types of their arguments.
FUNCTIONS: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    BOOL: (
        ("not", (BOOL,)), ("and", (BOOL, BOOL)), ("or", (BOOL, BOOL)), ("equal", (TEXT, TEXT)), ("in", (LIST, TEXT)),
        ("more", (INT, INT)), ("empty", (LIST,)), ("dig_flag", (MAP, BOOL)),
    ),
    TEXT: (
        ("joined", (TEXT, TEXT)), ("lower", (TEXT,)), ("list_text", (LIST,)), ("format", (TEXT, INT)),
        ("dig_name", (MAP, TEXT)),
    ),
    INT: (("length", (LIST,)), ("add", (INT, INT)), ("max", (INT, INT)), ("size", (MAP,))),
    LIST: (
        ("pair", (TEXT, TEXT)), ("concat", (LIST, LIST)), ("loop", (LIST,)), ("where", (LIST, TEXT)), ("keys", (MAP,)),
    ),
    OBJECT: (("merge", (OBJECT, OBJECT)),),
    MAP: (("merge", (MAP, MAP)),),
}  # fmt: skip


def expression(chance: random.Random, type_: str, names: Names, depth: int = 2) -> Expression:
    """Return a random expression of a type."""
    way = chance.random()
    known = names.get(type_, ())
    if known and (way < 0.55 or depth == 0):
        return chance.choice(known)
    if way < 0.65 or depth == 0:
        return Literal(plain_value(chance, type_))
    if way < 0.75:
        branches = (expression(chance, type_, names, depth - 1) for _ in range(2))
        return Call("if", (expression(chance, BOOL, names, depth - 1), *branches))
    if type_ == OBJECT and way < 0.9:
        return Made({name: expression(chance, of, names, depth - 1) for name, of in MEMBERS.items()})
    if type_ == MAP and way < 0.9:
        return Made({key: expression(chance, OBJECT, names, depth - 1) for key in chance.sample(KEYS, 2)})
    name, types = chance.choice(FUNCTIONS[type_])
    return Call(name, tuple(expression(chance, of, names, depth - 1) for of in types))


class Language:
    """How a language writes expressions: ``calls`` are the forms of its operators and functions."""

    calls: Mapping[str, str]
    quote = '"'

    def __init__(self, spaces: Mapping[str, str]) -> None:
        self.spaces = spaces

    def text(self, node: Expression) -> str:
        """Return the text of an expression."""
        match node:
            case Literal(plain=plain):
                return self.literal(plain)
            case Made(members=members):
                return self.made({name: self.text(member) for name, member in members.items()})
            case Reference(space=space, name=name, path=path, of=of):
                form = self.spaces[space].replace("{name}", name)
                return form.replace("{path}", path).replace("{of}", of)
            case Call(name=name, arguments=arguments):
                return self.calls[name].format(*map(self.text, arguments))

    def literal(self, plain: Any) -> str:
        """Return the text of a value."""
        if isinstance(plain, dict):
            return self.made({name: self.literal(item) for name, item in plain.items()})
        if isinstance(plain, list):
            return f"[{', '.join(map(self.literal, plain))}]"
        return f"{self.quote}{plain}{self.quote}" if isinstance(plain, str) else json.dumps(plain)

    def made(self, members: Mapping[str, str]) -> str:
        """Return the text of an object."""
        raise NotImplementedError


class Hcl(Language):
    """Terraform's expressions."""

    calls: Mapping[str, str] = {
        "if": "({0} ? {1} : {2})", "not": "!{0}", "and": "({0} && {1})", "or": "({0} || {1})",
        "equal": "({0} == {1})", "in": "contains({0}, {1})", "more": "({0} > {1})", "empty": "(length({0}) == 0)",
        "dig_flag": 'try({0}["a"].flag, {1})', "joined": '"${{{0}}}-${{{1}}}"', "lower": "lower({0})",
        "list_text": 'join("-", {0})', "format": 'format("%s-%d", {0}, {1})', "dig_name": 'try({0}["b"].name, {1})',
        "length": "length({0})", "add": "({0} + {1})", "max": "max({0}, {1})", "size": "length({0})",
        "pair": "[{0}, {1}]", "concat": "concat({0}, {1})", "loop": '[for s in {0} : "${{s}}-l"]',
        "where": "[for s in {0} : s if s != {1}]", "keys": "keys({0})", "merge": "merge({0}, {1})",
        "action": '({0} ? "Deny" : "Allow")',
    }  # fmt: skip

    def made(self, members: Mapping[str, str]) -> str:
        """Return the text of an object."""
        return f"{{ {', '.join(f'{name} = {text}' for name, text in members.items())} }}"


class Bicep(Language):
    """Bicep's expressions."""

    quote = "'"
    calls: Mapping[str, str] = {
        "if": "({0} ? {1} : {2})", "not": "!({0})", "and": "({0} && {1})", "or": "({0} || {1})",
        "equal": "({0} == {1})", "in": "contains({0}, {1})", "more": "({0} > {1})", "empty": "empty({0})",
        "dig_flag": "({0}.?a.?flag ?? {1})", "joined": "'${{{0}}}-${{{1}}}'", "lower": "toLower({0})",
        "list_text": "join({0}, '-')", "format": "format('{{0}}-{{1}}', {0}, {1})",
        "dig_name": "({0}.?b.?name ?? {1})", "length": "length({0})", "add": "({0} + {1})", "max": "max({0}, {1})",
        "size": "length(items({0}))", "pair": "[{0}, {1}]", "concat": "concat({0}, {1})",
        "loop": "map({0}, s => '${{s}}-l')", "where": "filter({0}, s => s != {1})",
        "keys": "map(items({0}), i => i.key)", "merge": "union({0}, {1})", "action": "({0} ? 'Deny' : 'Allow')",
        "own": "tagged({0}, {1})",
    }  # fmt: skip

    def made(self, members: Mapping[str, str]) -> str:
        """Return the text of an object."""
        return f"{{ {', '.join(f'{name}: {text}' for name, text in members.items())} }}"


class Arm(Language):
    """Expressions of templates."""

    quote = "'"
    calls: Mapping[str, str] = {
        "if": "if({0}, {1}, {2})", "not": "not({0})", "and": "and({0}, {1})", "or": "or({0}, {1})",
        "equal": "equals({0}, {1})", "in": "contains({0}, {1})", "more": "greater({0}, {1})", "empty": "empty({0})",
        "dig_flag": "coalesce(tryGet({0}, 'a', 'flag'), {1})", "joined": "concat({0}, '-', {1})",
        "lower": "toLower({0})", "list_text": "join({0}, '-')", "format": "format('{{0}}-{{1}}', {0}, {1})",
        "dig_name": "coalesce(tryGet({0}, 'b', 'name'), {1})", "length": "length({0})", "add": "add({0}, {1})",
        "max": "max({0}, {1})", "size": "length(items({0}))", "pair": "createArray({0}, {1})",
        "concat": "concat({0}, {1})", "loop": "map({0}, lambda('s', concat(lambdaVariables('s'), '-l')))",
        "where": "filter({0}, lambda('s', not(equals(lambdaVariables('s'), {1}))))",
        "keys": "map(items({0}), lambda('i', lambdaVariables('i').key))", "merge": "union({0}, {1})",
        "action": "if({0}, 'Deny', 'Allow')", "own": "own.tagged({0}, {1})",
    }  # fmt: skip

    def literal(self, plain: Any) -> str:
        """Return the text of a value."""
        if isinstance(plain, bool):
            return f"{json.dumps(plain)}()"
        if isinstance(plain, list):
            return f"createArray({', '.join(map(self.literal, plain))})"
        return super().literal(plain)

    def made(self, members: Mapping[str, str]) -> str:
        """Return the text of an object."""
        return f"createObject({', '.join(part for name, text in members.items() for part in (repr(name), text))})"

    def json(self, node: Expression) -> Any:
        """Return the JSON of an expression."""
        match node:
            case Literal(plain=plain):
                return plain
            case Made(members=members):
                return {name: self.json(member) for name, member in members.items()}
        return f"[{self.text(node)}]"
