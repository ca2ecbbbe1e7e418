"""Comments and settings that suppress findings, and overrides."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeAlias

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.rule import Severity


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[override]]``: matching findings get another ``severity``; None ignores them.

    It matches findings at ``paths``, on ``resources`` and of ``rules``; an empty selector matches everything. ``place``
    is the name in messages, ``line`` its line (0 if unknown). ``until`` is its last valid day (ISO 8601), or empty. An
    override with a ``fault`` has no effect.
    """

    place: str
    line: int = 0
    paths: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severity: Severity | None = None
    reason: str = ""
    owner: str = ""
    until: str = ""
    fault: str = ""


DirectiveId: TypeAlias = tuple[str, int, str]
"""One rule of one directive: path, offset of the directive (or its number), rule."""
COMMENT, METADATA, DIRECTIVE, OVERRIDE = "comment", "metadata", "directive", "override"
CHECKOV, TFSEC, TRIVY, KICS = "checkov", "tfsec", "trivy", "kics"
TOOL_NAMES = {CHECKOV: "Checkov", TFSEC: "tfsec", TRIVY: "Trivy", KICS: "KICS"}
TOOLS = tuple(TOOL_NAMES)
"""The tools whose comments can suppress findings."""
# The wildcard for all checks of a tool.
EVERY_CHECK = "*"
USED, UNUSED, NOT_EVALUATED, EXPIRED, MALFORMED = "used", "unused", "not evaluated", "expired", "malformed"
STATES = (USED, UNUSED, NOT_EVALUATED, EXPIRED, MALFORMED)


class SuppressionDirective(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One suppression: a comment, an entry of a template's metadata, Bicep's own directive, or an override.

    ``rules`` are spelled as written. ``marks`` are those that this run evaluated. A directive with a ``fault``, or one
    that has ``ended``, suppresses nothing. A directive of another ``tool`` names its checks in ``ids``; ``rules`` are
    the equivalent ones. ``condition`` states when it applies, if not always; such a directive suppresses nothing.
    """

    kind: str
    at: Location
    rules: tuple[str, ...]
    reason: str = ""
    owner: str = ""
    until: str = ""
    fault: str = ""
    ended: bool = False
    marks: tuple[tuple[str, DirectiveId], ...] = ()
    tool: str = ""
    ids: tuple[str, ...] = ()
    condition: str = ""

    def state(self, used: AbstractSet[DirectiveId]) -> str:
        """Return the state of the directive, given the marks that findings ``used``."""
        if self.fault:
            return MALFORMED
        if self.ended:
            return EXPIRED
        if not self.marks:
            return NOT_EVALUATED
        return USED if any(mark in used for _, mark in self.marks) else UNUSED

    def unused(self, used: AbstractSet[DirectiveId]) -> tuple[str, ...]:
        """Return its rules that suppress no finding."""
        return tuple(rule for rule, mark in self.marks if mark not in used)
