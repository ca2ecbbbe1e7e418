"""The expressions of a tree, and what they amount to: values that know the line on which their owner edits them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Spot:
    """A line of a file: known once the file has been written."""

    def __init__(self) -> None:
        self.path = ""
        self.line = 0


class _Unknown:
    """What only applying tells."""


UNKNOWN = _Unknown()


class Val(NamedTuple):
    """A value, and the lines that its owner edits if a caller gave it; none if it was not given. Objects have Vals."""

    value: Any
    given: tuple[Spot, ...] = ()
    literal: tuple[Spot, ...] = ()


Env = Mapping[str, Val]


class Expr:
    """An expression: as text, as a plan's configuration has it, and what it amounts to."""

    def text(self) -> str:
        raise NotImplementedError

    def references(self) -> list[str]:
        return []

    def configured(self) -> Any:
        references = self.references()
        return {"references": references} if references else {"constant_value": self.plain()}

    def plain(self) -> Any:
        raise NotImplementedError

    def value(self, env: Env) -> Val:
        raise NotImplementedError


class Lit(Expr):
    """A value that is written out."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.spot = Spot()

    def text(self) -> str:
        return hcl(self._plain)

    def plain(self) -> Any:
        return self._plain

    def value(self, env: Env) -> Val:  # noqa: ARG002  # others look into it
        return Val(self._plain, literal=(self.spot,))


class Obj(Expr):
    """An object over several lines, each member on its own."""

    def __init__(self, members: Mapping[str, Expr]) -> None:
        self.members = members
        self.spots = {name: Spot() for name in members}

    def references(self) -> list[str]:
        return [text for member in self.members.values() for text in member.references()]

    def plain(self) -> Any:
        return {name: member.plain() for name, member in self.members.items()}

    def value(self, env: Env) -> Val:
        found: dict[str, Val] = {}
        for name, member in self.members.items():
            value, spot = member.value(env), self.spots[name]
            found[name] = value if isinstance(value.value, dict) or value.given else Val(value.value, literal=(spot,))
        return Val(found)


class Ref(Expr):
    """A reference: to a variable, a local, or what a loop runs over, and to members of it."""

    def __init__(self, space: str, name: str, path: tuple[str, ...] = ()) -> None:
        self.space, self.name, self.path = space, name, path

    def text(self) -> str:
        return ".".join((self.space, self.name, *self.path))

    def references(self) -> list[str]:
        parts = (self.space, self.name, *self.path)
        return [".".join(parts[:end]) for end in range(len(parts), 1, -1)]

    def value(self, env: Env) -> Val:
        found = env[f"{self.space}.{self.name}"]
        for step in self.path:
            found = found.value[step]
        return found


class After(Expr):
    """A boolean that depends on what only applying tells."""

    def text(self) -> str:
        return 'random_id.unknown.hex == "00"'

    def references(self) -> list[str]:
        return ["random_id.unknown.hex", "random_id.unknown"]

    def value(self, env: Env) -> Val:  # noqa: ARG002  # the same
        return Val(UNKNOWN)


def hcl(plain: Any) -> str:
    """A value as Terraform's language writes it."""
    if plain is None:
        return "null"
    if isinstance(plain, str):
        return quoted(plain)
    if isinstance(plain, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {hcl(item)}" for key, item in plain.items()) + " }"
    if isinstance(plain, list):
        return "[" + ", ".join(map(hcl, plain)) + "]"
    return json.dumps(plain)


def quoted(text: str) -> str:
    """A text in quotes, as Terraform writes it in files and in addresses (its toHCLQuotedString)."""
    for old, new in (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("${", "$${"), ("%{", "%%{")):
        text = text.replace(old, new)
    return f'"{text}"'


def bracket(key: str | int | None) -> str:
    """A key as it stands in an address."""
    return "" if key is None else f"[{key}]" if isinstance(key, int) else f"[{quoted(key)}]"


def settled(found: Val, own: Spot) -> Val:
    """A value at an attribute: told there unless a caller gave it."""
    if isinstance(found.value, dict):
        return Val({key: settled(item, own) for key, item in found.value.items()})
    return found if found.given else Val(found.value, (own,))


def handed(found: Val, own: Spot) -> Val:
    """The value of a call's argument, as the called module has it: told at the argument; if it has parts, at those."""
    if isinstance(found.value, dict):
        return Val({key: part(item, own) for key, item in found.value.items()})
    return settled(found, own)


def part(found: Val, own: Spot) -> Val:
    """A part of an argument: told where it is written."""
    if isinstance(found.value, dict):
        return Val({key: part(item, own) for key, item in found.value.items()})
    return found if found.given else Val(found.value, found.literal or (own,))


def plain_of(found: Val) -> Any:
    """The value itself; what is not known is UNKNOWN."""
    return {key: plain_of(item) for key, item in found.value.items()} if isinstance(found.value, dict) else found.value


class Set(Lit):
    """A set of texts that is written out."""

    def text(self) -> str:
        return f"toset({hcl(self.plain())})"

    def configured(self) -> Any:
        return {}
