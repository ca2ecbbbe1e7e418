"""Control frameworks as data: their controls, and the rules that cover each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from azkvlint.model.rule import Condition


class Status(Enum):
    """The result of a control for one vault."""

    NOT_MET = "not met"
    UNKNOWN = "unknown"
    MET = "met"
    GUARANTEED = "guaranteed by the platform"
    NOT_APPLICABLE = "not applicable"
    NO_RULE = "no rule"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a control that no rule covers, as Azure documents it: GUARANTEED or NOT_APPLICABLE.

    ``because`` is one or two sentences, ``references`` are the documentation.
    """

    status: Status
    because: str
    references: tuple[str, ...]


class ConditionalRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules, by id or by the ideas that they cover, that a control adds only for vaults that satisfy ``when``."""

    when: Condition
    rules: tuple[str, ...] = ()
    ideas: tuple[str, ...] = ()


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One control. ``id`` is the framework's own number, ``section`` its heading, or empty.

    A rule covers it if its id is among ``rules``, if it covers one of the ``ideas``, if it maps to one of the built-in
    Azure ``policies``, or if its own ``controls:`` names this control. ``when`` is the condition for a vault to be in
    scope. ``also`` are rules for some vaults only. ``note`` is further information for readers.
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
    """The controls of one version of a framework. ``name`` is the key in rule files: ``cis-azure-5.0.0``.

    ``family`` is the name without the version, ``path`` the file.
    """

    name: str
    family: str
    title: str
    about: str
    references: tuple[str, ...]
    controls: tuple[Control, ...]
    path: str


class ControlCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A control with the ids of its rules. Those with a condition apply only to vaults that satisfy it."""

    control: Control
    rules: tuple[str, ...]
    conditions: Mapping[str, Condition] = {}


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A framework with the checks that apply to every vault."""

    framework: Framework
    checks: tuple[ControlCheck, ...]
