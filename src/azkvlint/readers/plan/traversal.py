"""One reference of a plan's configuration, taken apart: what it begins with, and what it takes from there."""

from __future__ import annotations

from functools import cache
from itertools import islice

import msgspec

from azkvlint.azure.azurerm.resources import is_azure
from azkvlint.readers.plan.address import Key, key_of, steps
from azkvlint.util.lazy_regex import regex

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
