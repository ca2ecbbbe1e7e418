"""Control frameworks: their controls, the rules that cover each, and the assessment of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum

import msgspec

from azkvlint.model.finding import Finding, Outcome, RunResult, Vault
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


class ControlFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding on which a control result is based; ``perhaps`` if its resource may belong to another vault."""

    finding: Finding
    perhaps: bool = False

    @property
    def outcome(self) -> Outcome:
        """Return the outcome that counts: a violation that may be another vault's is unknown."""
        return Outcome.UNKNOWN if self.perhaps else self.finding.outcome


class ControlResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one control for one vault. ``why`` adds to the ``bases``, which list violations first."""

    check: ControlCheck
    status: Status
    why: str
    bases: tuple[ControlFinding, ...] = ()
    references: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A vault or managed HSM with its results for every framework, in order.

    Without a ``vault`` it holds the resources of a root that belong to no vault of the input, and only controls with a
    result. ``root`` is the document or folder through which it was found, ``parameters`` the parameter file or the
    deployment of a stack, or empty.
    ``label`` is a name that no other subject of the assessment has.
    """

    vault: Vault | None
    root: str
    parameters: str
    sheets: tuple[tuple[ControlResult, ...], ...]
    label: str = ""

    def count(self) -> Counter[Status]:
        """Return the number of controls with each status."""
        return Counter(answer.status for sheet in self.sheets for answer in sheet)


class Assessment(RunResult, frozen=True, kw_only=True):
    """The result of one run of ``kvlint controls``."""

    sheets: tuple[Sheet, ...]
    subjects: tuple[Subject, ...]

    def count(self) -> Counter[Status]:
        """Return the number of controls of all subjects with each status."""
        return sum((subject.count() for subject in self.subjects), Counter())
