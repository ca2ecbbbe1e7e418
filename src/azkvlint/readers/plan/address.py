"""Parse Terraform addresses and references, and follow them. Keys are quoted strings that may contain dots."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import islice
from typing import TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import is_azure
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


Rest = tuple[str | int, ...]
# Where a prefix of a reference may end. What is taken from a value is seldom deeper than ten steps.
_BREAK = regex(r"[.\[]")
_MOST_PREFIXES = 200
# Known while planning, so that nothing unknown can come from them: they choose, or are a part of a text.
_KNOWN = ("path", "terraform", "count")
# Where a plan shows nothing.
_OPAQUE = ("self", "ephemeral", "")
_ID_ENDS = ("id", "ids")
# What is called an id and is none of Azure Resource Manager's.
_OTHER_IDS = frozenset({"principal_id", "tenant_id", "client_id", "object_id", "application_id", "workspace_id"})


class Traversal(msgspec.Struct, frozen=True):
    """A reference. ``kind``: known, opaque, var, local, module, each, azure (a resource or data source) or other.

    ``name`` is the variable's, the local value's, the module's, or the module-local address of a resource, whose
    Terraform type is ``type``. ``key`` is the instance key that is written out, ``rest`` the steps after all that.
    """

    text: str
    kind: str
    name: str
    type: str
    key: Key
    rest: Rest

    @property
    def bare(self) -> bool:
        """Return whether it names a whole resource or module: no attribute of it."""
        return self.kind in ("azure", "other", "module") and not self.rest

    @property
    def is_whole(self) -> bool:
        """Return whether it names all instances of a resource or module: no key either."""
        return self.bare and self.key is None

    @property
    def may_be_id(self) -> bool:
        """Return whether an id can be expected behind it, by its name."""
        return self.bare or ends_like_id(self.rest or (self.name,))


@cache
def traversal(text: str) -> Traversal:
    """Return ``text`` taken apart."""
    parts = steps(text)
    head = str(parts[0]) if parts else ""
    name = str(parts[1]) if len(parts) > 1 else ""
    if head in _OPAQUE or not name:
        return Traversal(text, "opaque", name, "", None, parts[1:])
    if head in _KNOWN or (head == "each" and name != "value"):
        return Traversal(text, "known", name, "", None, ())
    if head in ("var", "local", "each"):
        return Traversal(text, head, name, "", None, parts[2:])
    length = 3 if head == "data" else 2
    key = key_of(parts[length]) if len(parts) > length else None
    rest = parts[length:] if key is None else parts[length + 1 :]
    if head == "module":
        return Traversal(text, head, name, "", key, rest)
    type_ = name if head == "data" else head
    kind = "azure" if is_azure(type_) and len(parts) >= length else "other"
    return Traversal(text, kind, ".".join(str(step) for step in parts[:length]), type_, key, rest)


@cache
def longest(refs: tuple[str, ...]) -> tuple[Traversal, ...]:
    """Return the references without the prefixes that Terraform lists after each."""
    out: dict[str, None] = {}
    known, prefixes = frozenset(refs), set[str]()
    for text in refs:
        if text not in out and text not in prefixes:
            out[text] = None
            ends = islice(_BREAK.finditer(text), _MOST_PREFIXES)
            prefixes.update(prefix for end in ends if (prefix := text[: end.start()]) in known)
    return tuple(traversal(text) for text in out)


def named_steps(rest: Rest) -> Rest:
    """Return the steps that are names, not keys."""
    return tuple(step for step in rest if key_of(step) is None)


def ends_like_id(rest: Rest) -> bool:
    """Return whether the last name among the steps is what resource ids are called by."""
    names = named_steps(rest)
    return bool(names) and str(names[-1]).endswith(_ID_ENDS) and names[-1] not in _OTHER_IDS
