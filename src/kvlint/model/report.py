"""What a run found: findings, undecided questions and problems. Plain text only, no Values, no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from kvlint.model.rule import Rule, Severity
from kvlint.model.source import Excerpt, Location

# What the note says on the module call that leads to a finding.
CALLED = "called here"


class Outcome(IntEnum):
    """Kleene's three values, so that all is min, any is max and not is the mirror."""

    FAIL = 0
    UNDECIDED = 1
    PASS = 2

    @property
    def label(self) -> str:
        """The word that reports use."""
        return self.name.lower()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer that decided: of ``at.address``, the attribute ``asked`` is ``found``, where ``wanted`` was asked for.

    ``at.attribute`` is where the author can change it: of a derived attribute, what it was derived from. ``origin`` and
    ``note`` are the value's; ``hops`` are the references that led to this resource.
    """

    outcome: Outcome
    found: str
    wanted: str
    at: Location
    asked: str = ""
    origin: str = "written"
    note: str = ""
    hops: tuple[str, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place that helps to understand a finding."""

    text: str
    at: Location


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rule that does not hold for a resource (FAIL), or cannot be decided (UNDECIDED, ``why`` says what is missing).

    ``arguments`` are the values of the placeholders of the rule's message, in their order of first appearance.
    ``full_name`` is the resource's name with its parents' names before it where known (``vault/secret``).
    """

    rule: Rule
    outcome: Outcome
    message: str
    arguments: tuple[str, ...]
    resource: str
    full_name: str
    type: str
    declared_as: str
    at: Location
    fingerprint: str
    evidence: tuple[Evidence, ...] = ()
    related: tuple[Note, ...] = ()
    why: str = ""
    excerpt: Excerpt | None = None

    @property
    def severity(self) -> Severity:
        """The rule's."""
        return self.rule.severity


class Problem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What could not be read, evaluated or understood. ``level`` error: the answer is not whole (exit 3)."""

    code: str
    level: str
    message: str
    at: Location | None = None
    hint: str = ""


class Repository(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The git checkout that the input lies in. ``uri`` is https and holds no user information."""

    uri: str
    revision: str
    branch: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. ``findings`` are sorted by path, line, column and rule; so are ``undecided``.

    ``rules`` are all that ran, in id order. ``sources`` are the paths that were read. ``judged`` counts the
    resources that were judged, by Azure type; ``passed`` counts the questions that passed.
    """

    findings: tuple[Finding, ...]
    undecided: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    rules: tuple[Rule, ...]
    sources: tuple[str, ...]
    judged: Mapping[str, int]
    passed: int
    version: str
    repository: Repository | None = None
