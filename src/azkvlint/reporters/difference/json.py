"""Render a difference as JSON: version 1 of the document in docs/diff.md.

Within a version, fields are added but never removed, renamed or redefined.
"""

from __future__ import annotations

from typing import Any

from azkvlint.model.difference import (
    GAINED,
    LOST,
    STATES,
    SUPPRESSED,
    UNKNOWN,
    AccessChange,
    Difference,
    FindingChange,
    OneWayDoor,
)
from azkvlint.model.finding import Finding
from azkvlint.reporters import Options
from azkvlint.reporters.findings.json import location, problem, result, suppression
from azkvlint.util.text import encode

FORMAT_VERSION = 1


def json(difference: Difference, options: Options) -> bytes:
    """Return the difference as UTF-8; equal differences result in equal bytes."""
    report = difference.report
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "base": difference.base,
            "head": difference.head,
            "summary": _summary(difference),
            "findings": [_change(one) for one in difference.changes],
            "oneWayDoors": [_door(one) for one in difference.doors],
            "access": [_access(one) for one in difference.access],
            "comparesAccess": difference.has_access,
            "gates": [{"gate": one.gate, "count": one.count} for one in difference.gates],
            "problems": [problem(one) for one in difference.problems],
        }
    )


def _summary(difference: Difference) -> dict[str, int]:
    access = difference.access
    return {
        **{state: len(difference.of_state(state)) for state in STATES},
        "oneWayDoors": len(difference.doors),
        "accessLost": sum(one.direction == LOST for one in access),
        "accessGained": sum(one.direction == GAINED for one in access),
    }


def _change(change: FindingChange) -> dict[str, Any]:
    found = {
        "state": change.state,
        "note": change.note,
        "isWorse": change.is_worse,
        "before": None if change.before is None else _before(change.before),
        **result(change.finding),
    }
    if change.state == UNKNOWN:
        found["why"] = change.finding.why
    if change.state == SUPPRESSED:
        found["suppression"] = suppression(change.finding)
    return found


def _before(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.label,
        "resource": finding.resource,
        "message": finding.message,
        "location": location(finding.at),
    }


def _door(door: OneWayDoor) -> dict[str, Any]:
    return {
        "kind": door.kind,
        "resource": door.resource,
        "text": door.text,
        "certain": door.is_certain,
        "decidedBy": door.doubt,
        "nameFreeOn": door.free_on or None,
        "location": location(door.at),
    }


def _access(change: AccessChange) -> dict[str, Any]:
    return {
        "direction": change.direction,
        "principal": change.principal.label,
        "kind": change.principal.kind,
        "permissions": change.capabilities,
        "vaults": change.vaults,
        "before": change.before,
        "after": change.after,
        "lockout": change.is_lockout,
        "decidedBy": change.path.doubt,
        "path": [
            {"kind": step.kind, "text": step.text, "location": None if step.at is None else location(step.at)}
            for step in change.path.steps
        ],
    }
