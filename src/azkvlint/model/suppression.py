"""What an author says about findings that are not to count."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeAlias

import msgspec

from azkvlint.model.location import Location

DirectiveId: TypeAlias = tuple[str, int, str]
"""One rule of one directive: path, offset of the directive (or its number), rule."""
COMMENT, METADATA, DIRECTIVE, OVERRIDE = "comment", "metadata", "directive", "override"
CHECKOV, TFSEC, TRIVY, KICS = "checkov", "tfsec", "trivy", "kics"
TOOLS = (CHECKOV, TFSEC, TRIVY, KICS)
"""The tools whose comments can suppress findings."""
# In place of an id: every check of a tool.
EVERY_CHECK = "*"
USED, UNUSED, NOT_ASKED, EXPIRED, MALFORMED = "used", "unused", "not asked", "expired", "malformed"
STATES = (USED, UNUSED, NOT_ASKED, EXPIRED, MALFORMED)


class SuppressionDirective(msgspec.Struct, frozen=True, kw_only=True):
    """One suppression: a comment, an entry of a template's metadata, Bicep's own directive, or an override.

    ``rules`` are as they are written. ``marks`` are those of its rules that this run has asked about. ``fault`` is what
    is wrong with it, ``ended`` whether its last day is over; then it suppresses nothing.

    What was written for another ``tool`` names its checks by their ``ids``; ``rules`` are the equivalent ones.
    ``condition`` says when it applies, if not always; what depends on a condition suppresses nothing.
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
        """One of the states, where findings have used the marks ``used``."""
        if self.fault:
            return MALFORMED
        if self.ended:
            return EXPIRED
        if not self.marks:
            return NOT_ASKED
        return USED if any(mark in used for _, mark in self.marks) else UNUSED

    def unused(self, used: AbstractSet[DirectiveId]) -> tuple[str, ...]:
        """Those of its rules that no finding has used."""
        return tuple(rule for rule, mark in self.marks if mark not in used)
