"""The questions of ``kvlint access``: which vaults, objects, principals and scopes the words of its options name.

A word names what has exactly this name, or else the one thing whose name contains it. Upper and lower case are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from azkvlint.access.effects import CAPABILITIES
from azkvlint.model.access import Capability
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.text import visible

_MOST_LISTED = 8
CERTIFICATES = "certificates"
OPTIONS: Mapping[str, str] = {"secrets": "--secret", "keys": "--key", CERTIFICATES: "--certificate"}
NOUNS: Mapping[str, str] = {"secrets": "secret", "keys": "key", CERTIFICATES: "certificate"}
# What the objects of a kind are read or used by. A certificate has a secret of its name, with its private key.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "secrets": ("secrets/get",),
    "keys": ("keys/use",),
    CERTIFICATES: ("certificates/get", "secrets/get"),
}

T = TypeVar("T")


class AccessSelectors(msgspec.Struct, frozen=True, kw_only=True):
    """The words of the options: vaults, principals, scopes, and objects by kind. Nothing selects everything."""

    vaults: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    objects: Mapping[str, tuple[str, ...]] = {}

    @property
    def are_about_objects(self) -> bool:
        """Return whether a question is about secrets, keys or certificates."""
        return any(self.objects.values())


def columns_of(words: AccessSelectors) -> tuple[Capability, ...]:
    """Return the columns of a report without ``--permission``: those that the objects are read or used by."""
    names = {column for kind, some in words.objects.items() if some for column in COLUMNS[kind]}
    return tuple(one for one in CAPABILITIES if not names or one.name in names)


class NameCandidate(msgspec.Struct, Generic[T], frozen=True):
    """Something that a word may name, by any of its ``names``. What has equal labels is one thing for a reader."""

    label: str
    names: tuple[str, ...]
    value: T


def matches(word: str, candidates: Iterable[NameCandidate[T]]) -> list[NameCandidate[T]]:
    """Return what a word names exactly, or else everything whose names contain it."""
    lower = word.strip().lower()
    listed = list(candidates)
    exact = [one for one in listed if any(name.lower() == lower for name in one.names)]
    if exact or not lower:
        return exact
    return [one for one in listed if any(lower in name.lower() for name in one.names)]


def chosen(
    option: str, what: str, words: Iterable[str], candidates: Sequence[NameCandidate[T]]
) -> list[NameCandidate[T]]:
    """Return what the words of an option name. Raise UsageError for a word that names nothing, or several things."""
    found: list[NameCandidate[T]] = []
    for word in words:
        some = matches(word, candidates)
        labels = list(dict.fromkeys(one.label for one in some))
        if not some:
            raise UsageError(f"{option}: the input has no {what} `{visible(word)}`", visible(_hint(word, candidates)))
        if len(labels) > 1 and not _is_exact(word, some):
            several = f"is a part of the names of {len(labels)} {_plural(what)}"
            raise UsageError(f"{option}: `{visible(word)}` {several}", visible(_listed(labels)))
        found += (one for one in some if one not in found)
    return found


def _plural(what: str) -> str:
    """Return the plural of the nouns of options: key vaults or managed HSMs."""
    return f"{what.replace(' or ', 's or ')}s"


def _is_exact(word: str, candidates: Iterable[NameCandidate[Any]]) -> bool:
    lower = word.strip().lower()
    return any(name.lower() == lower for one in candidates for name in one.names)


def _hint(word: str, candidates: Iterable[NameCandidate[Any]]) -> str:
    names = sorted({name for one in candidates for name in one.names})
    labels = sorted({one.label for one in candidates})
    return did_you_mean(word, names) or (f"the input has {_listed(labels)}" if labels else "the input has none")


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
    return f"{', '.join(labels[:_MOST_LISTED])}{more}"
