"""Fixes of findings, each with its edits, and the findings for which none is offered."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.model.edit import TextEdit
from azkvlint.model.finding import Finding
from azkvlint.model.location import Location, Region


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A proven fix of ``finding``: with its ``edits``, the finding is gone, and nothing else is reported.

    ``title`` is an instruction such as ``Set `purge_protection_enabled = true```. ``consequence`` states what a fix
    does that is not safe. The offsets of ``edits`` refer to the texts that were checked.
    """

    finding: Finding
    title: str
    edits: tuple[TextEdit, ...]
    consequence: str = ""

    @property
    def rule(self) -> str:
        """Return the id of the rule."""
        return self.finding.rule.id

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the finding."""
        return self.finding.fingerprint

    @property
    def is_safe(self) -> bool:
        """Return whether the fix ends no access, recreates no resource and can be undone."""
        return not self.consequence

    @property
    def at(self) -> Location:
        """Return the place of the finding."""
        return self.finding.at


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A replacement in a file. Columns of ``region`` count code points, those of the others code units."""

    path: str
    region: Region
    utf16: Region
    utf8: Region
    text: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A fix for reports. ``whole`` are its changes as one, if they are in one file and that shows no secret."""

    title: str
    consequence: str
    changes: tuple[Change, ...]
    whole: Change | None = None


def suggestion_key(finding: Finding) -> tuple[object, ...]:
    """Return what identifies a finding in a report."""
    return finding.rule.id, finding.resource, finding.root, finding.at.position_key, finding.fingerprint


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A finding without a fix, and the reason: one clause."""

    finding: Finding
    reason: str


class FixResult(msgspec.Struct, frozen=True, kw_only=True):
    """The fixes of a report and the refusals.

    ``texts`` are the changed files by reported path, if the fixes were proven together, and ``originals`` what they
    were; ``is_written``: they were written.
    """

    fixes: tuple[Fix, ...]
    refusals: tuple[Refused, ...]
    texts: Mapping[str, bytes] = {}
    originals: Mapping[str, bytes] = {}
    is_written: bool = False
