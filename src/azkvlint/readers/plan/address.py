"""Parses Terraform addresses and references. Keys are quoted strings that may contain dots."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import msgspec

from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

Key: TypeAlias = str | int | None
ModulePath: TypeAlias = tuple[tuple[str, Key], ...]
Names: TypeAlias = tuple[str, ...]
_Keys: TypeAlias = tuple[Key, ...]

# A key ends before the next bracket. If none follows, the possessive quantifiers prevent repeated searches for it.
_STEP = regex(r'\.?([^.\[\]"\s]++)|\[("(?:[^"\\]|\\.)*+"|[^\[\]"]*+)\]')

# The start of a template sequence, and its escaped form.
_TEMPLATE, _ESCAPED = regex(r"([$%])(?=\{)"), regex(r"([$%])\1(?=\{)")
_INDEX = regex("[0-9]{1,9}")
# The number of addresses whose parts are known: those of a large plan, but not of all plans of a process.
_MOST_KNOWN = 50_000


@lru_cache(_MOST_KNOWN)
def steps(text: str) -> tuple[str | int, ...]:
    """Return ``module.a["x.y"].b[0]`` as ``("module", "a", ["x.y"], "b", [0])``; a key differs from a name by
    ``key_of``.
    """
    out: list[str | int] = []
    for match in _STEP.finditer(text):
        name, key = match[1], match[2]
        out.append(name if name is not None else int(key) if _INDEX.fullmatch(key) else Quoted(_unquote(key)))
    return tuple(out)


class Quoted(str):
    """An instance key, so that it is never taken for a name."""

    __slots__ = ()


def _unquote(text: str) -> str:
    if text.startswith('"'):
        try:
            return _ESCAPED.sub(r"\1", decode_json(text, str))
        except InputError:
            return text[1:-1]
    return text


def key_of(step: str | int | None) -> Key:
    """Return the instance key that ``step`` is, or None where it is a name."""
    return str(step) if isinstance(step, Quoted) else step if isinstance(step, int) else None


@lru_cache(_MOST_KNOWN)
def split(path: ModulePath) -> tuple[Names, _Keys]:
    """Return the names and the keys along a module path."""
    return tuple(name for name, _ in path), tuple(key for _, key in path)


@lru_cache(_MOST_KNOWN)
def module_path(address: str) -> ModulePath:
    """Return ``module.a["k"].module.b`` as ``(("a", "k"), ("b", None))``; the root is the empty path."""
    out: list[tuple[str, Key]] = []
    found = steps(address)
    at = 0
    while at + 1 < len(found) and found[at] == "module":
        key = key_of(found[at + 2]) if at + 2 < len(found) else None
        out.append((str(found[at + 1]), key))
        at += 2 if key is None else 3
    return tuple(out)


def resource_of(address: str) -> str:
    """Return ``module.a.data.t.n["k"]`` as ``data.t.n``: the address inside its module, without the instance key."""
    found = steps(address)
    at = 0
    while at + 1 < len(found) and found[at] == "module":
        at += 2 if at + 2 >= len(found) or key_of(found[at + 2]) is None else 3
    length = 3 if at < len(found) and found[at] == "data" else 2
    return ".".join(str(step) for step in found[at : at + length])


def module_address(path: ModulePath) -> str:
    """Return the address of a module instance."""
    return ".".join(f"module.{name}{_bracket(key)}" for name, key in path)


def instance_address(path: ModulePath, resource: str, key: Key) -> str:
    """Return the address of a resource instance."""
    prefix = module_address(path)
    return f"{prefix}.{resource}{_bracket(key)}" if prefix else f"{resource}{_bracket(key)}"


def _bracket(key: Key) -> str:
    if key is None:
        return ""
    return f"[{key}]" if isinstance(key, int) else f"[{quoted(key)}]"


def quoted(key: str) -> str:
    """Return a key as it is written in an address, where Terraform escapes what would begin a template.

    Source: toHCLQuotedString in Terraform's internal/addrs/instance_key.go.
    """
    return _TEMPLATE.sub(r"\1\1", msgspec.json.encode(key).decode())
