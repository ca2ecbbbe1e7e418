"""A control framework as data: what it asks for, row by row, and where its answers come from."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from azkvlint.model.rule import Condition


class Status(Enum):
    """What a row comes to for one vault."""

    NOT_MET = "not met"
    UNDECIDED = "undecided"
    MET = "met"
    GUARANTEED = "guaranteed by the platform"
    NOT_APPLICABLE = "not applicable"
    NO_RULE = "no rule"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What Azure says about a row where no rule has a say: ``status`` is GUARANTEED or NOT_APPLICABLE.

    ``because`` is one sentence or two, ``references`` are where Azure says so.
    """

    status: Status
    because: str
    references: tuple[str, ...]


class ConditionalRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules, by id or by the ideas that they cover, that a row asks only of vaults for which ``when`` holds."""

    when: Condition
    rules: tuple[str, ...] = ()
    ideas: tuple[str, ...] = ()


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``id`` is the framework's own number, ``section`` the heading that it stands under, or empty.

    A rule answers it if its id is among ``rules``, if it covers one of the ``ideas``, if it maps to one of the built-in
    Azure ``policies``, or if it says by itself (``controls:``) that it answers this row of this framework.
    ``when`` is what must hold of a vault for the row to be about it. ``also`` are rules for some vaults only. ``note``
    is what else a reader should know.
    """

    id: str
    title: str
    section: str = ""
    rules: tuple[str, ...] = ()
    ideas: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    also: tuple[ConditionalRules, ...] = ()
    when: Condition | None = None
    platform: Platform | None = None
    note: str = ""


class Framework(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one version of a framework. ``name`` is the key that rules name it by: ``cis-azure-5.0.0``.

    ``family`` is the name without the version; ``path`` the file that it is written in.
    """

    name: str
    family: str
    title: str
    about: str
    references: tuple[str, ...]
    controls: tuple[Control, ...]
    path: str


class ControlCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A row with the rules that answer it, by id. Those with a condition answer it only for vaults that satisfy it."""

    control: Control
    rules: tuple[str, ...]
    conditions: Mapping[str, Condition] = {}


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A framework with the questions that it asks of every vault."""

    framework: Framework
    checks: tuple[ControlCheck, ...]
