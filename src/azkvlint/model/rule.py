"""Rules as data: conditions, metadata and documentation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.effect import Effect, merged
from azkvlint.model.value import Path, Plain
from azkvlint.util.lazy_regex import regex

Operand: TypeAlias = Plain | tuple[Plain, ...]


# A placeholder in a message.
PLACEHOLDER = regex(r"\{([\w.]+)\}")
# The category of rules about secrets in code.
SECRETS = "secrets"


class LabeledEnum(IntEnum):
    """Words in an order, by their names in rule files and reports."""

    @property
    def label(self) -> str:
        """Return the name in rule files and reports."""
        return self.name.lower()


class Severity(LabeledEnum):
    """The severity of a finding, in ascending order."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


SEVERITIES: Mapping[str, Severity] = {severity.label: severity for severity in Severity}
"""Severities by name in rule files, options and reports, in ascending order."""


class AttributeCondition(msgspec.Struct, frozen=True, kw_only=True, tag="attribute"):
    """One attribute compared by one operator. ``operand`` is ``$name`` for a parameter of the rule."""

    path: Path
    text: str
    operator: str
    operand: Operand
    default: Plain | None = None


class All(msgspec.Struct, frozen=True, tag="all"):
    """Every condition in ``of`` holds."""

    of: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """At least one condition in ``of`` holds."""

    of: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """``of`` does not hold."""

    of: Condition


class ItemsCondition(msgspec.Struct, frozen=True, kw_only=True, tag="items"):
    """``some`` or ``every`` item of a list satisfies ``where``; its paths start at the item, ``$`` is the item."""

    quantifier: str
    path: Path
    text: str
    where: Condition


class Linked(msgspec.Struct, frozen=True, kw_only=True, tag="linked"):
    """Another resource of one of ``types``, at the other end of a reference, satisfies ``where``.

    ``direction`` is ``linked_from`` (its ``via`` names this resource) or ``links_to`` (this one's ``via`` names it).
    """

    direction: str
    types: tuple[str, ...]
    via: str
    where: Condition


class Given(msgspec.Struct, frozen=True, tag="given"):
    """The parameter has a value: neither an empty list nor an empty string."""

    parameter: str


Condition: TypeAlias = AttributeCondition | All | AnyOf | Not | ItemsCondition | Linked | Given


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a rule. Its type is that of its default."""

    name: str
    about: str
    default: Operand


def operand_text(operand: Operand) -> str:
    """Return the value of a parameter for people: the items of a list, or ``none``."""
    items = operand if isinstance(operand, tuple) else (operand,)
    words = (str(item).lower() if isinstance(item, bool) else str(item) for item in items)
    return ", ".join(word for word in words if word) or "none"


# The evaluation date of examples without ``as_of``.
EXAMPLE_DAY = "2026-11-01"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A test that is also documentation. ``expect`` is fails, passes or unknown.

    ``sources`` maps a language (``plan``) to its text; a line marked ``# <- ID`` is where the finding must start.
    ``as_of`` is the evaluation date (ISO 8601; empty: EXAMPLE_DAY), ``parameters`` are those that are set.
    ``path`` is that of a file of further examples; empty: the rule file itself.
    """

    expect: str
    title: str
    sources: Mapping[str, str]
    line: int
    as_of: str = ""
    parameters: Mapping[str, Operand] = {}
    path: str = ""


class Grading(msgspec.Struct, frozen=True, kw_only=True):
    """Another severity of a rule, for the resources for which ``when`` holds."""

    severity: Severity
    when: Condition


class EditStep(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a declaration.

    ``operation`` is one of ``EDIT_OPERATIONS`` in ``engine.schema``. ``names`` are attribute paths in Azure's
    vocabulary, or the language's own if Azure has no name. ``value`` is plain data, ``$name`` for a parameter of the
    rule, or ``current`` for the default that applies; ``choices`` are numbers, of which the least that is not below the
    present value is written. ``is_linked``: the declaration is that of the linked resource that decides. ``if_absent``:
    nothing changes where the attribute is set. ``if_reported``: only attributes that the finding is about are set, so
    that the step may change nothing. ``unless_used`` maps an attribute to texts that show its use: with one
    of them in the code of the checkout, there is no fix. ``unless_run``: so with commands, also in scripts.
    ``unless_variable`` are attributes that must not depend on a variable or parameter, which would lose its effect.
    ``resources`` are the types that the step is for; empty: all. ``effects`` are those of the plan if the step changes
    something.
    """

    operation: str
    names: tuple[str, ...] = ()
    value: Any = None
    choices: tuple[int, ...] = ()
    is_linked: bool = False
    if_absent: bool = False
    if_reported: bool = False
    unless_used: Mapping[str, tuple[str, ...]] = {}
    unless_run: Mapping[str, tuple[str, ...]] = {}
    unless_variable: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()


class EditPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fix a finding. ``languages`` are empty for all.

    ``effects`` are those for which the change is not safe; ``sources`` show that it has these effects and no others.
    ``decision`` is what only people can decide; such a plan has no steps. ``if_run`` maps commands, ``destroy``,
    ``purge`` or ``read``, to what happens to them: with the scripts that run them, it is another effect.
    ``if_ignored`` maps properties to the effects of a plan if the present API version ignores them. ``if_fails`` and
    ``if_unknown`` and ``if_passes`` map other rules to the effects of a plan if these have that result for the same
    resource. ``if_repeated`` maps what decides how often Terraform creates it, ``count``, ``condition`` or
    ``for_each``, to the effects of a plan on such a resource. ``unless_tested``: there is no fix in a module that only
    tests and examples call. ``otherwise`` is what to do if the change would cause something else.
    ``unless_unknown`` are rules: there is no fix while it is unknown which resource one of their results is about.
    """

    steps: tuple[EditStep, ...]
    languages: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    sources: tuple[str, ...] = ()
    decision: str = ""
    if_run: Mapping[str, str] = {}
    if_ignored: Mapping[str, tuple[Effect, ...]] = {}
    if_fails: Mapping[str, tuple[Effect, ...]] = {}
    if_unknown: Mapping[str, tuple[Effect, ...]] = {}
    if_passes: Mapping[str, tuple[Effect, ...]] = {}
    if_repeated: Mapping[str, tuple[Effect, ...]] = {}
    unless_unknown: tuple[str, ...] = ()
    unless_tested: bool = False
    otherwise: str = ""

    @property
    def possible_effects(self) -> tuple[Effect, ...]:
        """Return the effects of the plan and of all its steps."""
        cases = (self.if_ignored, self.if_fails, self.if_unknown, self.if_passes, self.if_repeated)
        found = (effect for conditional in cases for effects in conditional.values() for effect in effects)
        return merged((*self.effects, *found, *(effect for step in self.steps for effect in step.effects)))


class OtherFix(msgspec.Struct, frozen=True, kw_only=True):
    """The fix of a finding on a resource for which a condition holds, by language as in ``Rule.fixes``."""

    when: Condition
    fixes: Mapping[str, str]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule from the rule file at ``path``.

    ``message`` and ``label`` (the text beside the marked line) may contain placeholders; ``absent`` is the message
    if the deciding attribute is not set, and either may be empty. ``fixes`` are by language, "" for every other
    one. ``formerly`` are names from earlier versions, and IDs of rules that this one replaces. ``same_cause`` are
    rules whose findings on a resource have the same cause as this rule's. ``marks`` is the attribute whose source a
    finding marks, ``marks_other`` only if another resource decides it. The first of ``severity_if`` whose condition
    holds replaces the severity of a finding, and the first of ``fix_if`` its fix. ``edits`` are the ways to fix a
    finding. ``differs`` maps another tool's rule id to the difference between its verdict and this rule's.
    """

    id: str
    name: str
    title: str
    severity: Severity
    resources: tuple[str, ...]
    when: Condition
    require: Condition
    message: str
    why: str
    fixes: Mapping[str, str]
    references: tuple[str, ...]
    examples: tuple[Example, ...]
    path: str
    edits: tuple[EditPlan, ...] = ()
    also_removed: bool = False
    also_existing: bool = False
    profile: str = "default"
    category: str = ""
    formerly: tuple[str, ...] = ()
    same_cause: tuple[str, ...] = ()
    marks: str = ""
    marks_other: str = ""
    severity_if: tuple[Grading, ...] = ()
    fix_if: tuple[OtherFix, ...] = ()
    absent: str = ""
    label: str = ""
    parameters: tuple[Parameter, ...] = ()
    covers: tuple[str, ...] = ()
    cwe: tuple[int, ...] = ()
    controls: Mapping[str, tuple[str, ...]] = {}
    peers: Mapping[str, tuple[str, ...]] = {}
    differs: Mapping[str, str] = {}

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return all conditions: those of the result, then those of other severities and fixes."""
        others = (*(one.when for one in self.severity_if), *(one.when for one in self.fix_if))
        return (self.when, self.require, *others)

    def fix(self, language: str, case: int | None = None) -> str:
        """Return the fix in a language (``terraform``, ``bicep``, ``arm``), or in the nearest one that has a fix.

        ``case`` is the number of the one of ``fix_if`` whose condition holds.
        """
        fixes = self.fixes if case is None else self.fix_if[case].fixes
        for one in (language, *_NEAREST.get(language, ()), "", *fixes):
            if one in fixes:
                return fixes[one]
        return ""

    def __repr__(self) -> str:
        """Return the names of the rule; all fields would be pages."""
        return f"<Rule {self.id} {self.name}>"


# The languages whose fix applies if a language has none.
_NEAREST: Mapping[str, tuple[str, ...]] = {"arm": ("bicep",), "bicep": ("arm",)}
