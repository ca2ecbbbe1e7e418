"""Make the paths of a report relative to the current folder, for output that a person reads there."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import msgspec

from azkvlint.model.finding import Declaration, Evidence, Finding, Note, Problem, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.util.project_boundary import real_path

Move: TypeAlias = Callable[[str], str]


def paths_from(root: str, folder: str) -> Move | None:
    """Return a function that makes paths below ``root`` relative to ``folder``; None if that changes nothing."""
    try:
        if not root or real_path(root) == real_path(folder):
            return None
        start = os.path.relpath(real_path(folder), real_path(root)).replace(os.sep, "/")
        prefix = os.path.relpath(real_path(root), real_path(folder)).replace(os.sep, "/")
    except (OSError, ValueError):  # the current folder does not exist any more, or is on another drive
        return None

    @cache
    def move(path: str) -> str:
        if not path or path.startswith(("/", "<")):
            return path
        if start.startswith(".."):
            return posixpath.normpath(posixpath.join(prefix, path))
        return posixpath.relpath(f"/{path}", f"/{start}")

    return move


def from_current_folder(report: Report, folder: str) -> Report:
    """Return the report with paths relative to ``folder`` instead of its root; the same report if they are equal."""
    move = paths_from(report.root, folder)
    if move is None:
        return report
    return msgspec.structs.replace(
        report,
        findings=tuple(moved_finding(one, move) for one in report.findings),
        unknown=tuple(moved_finding(one, move) for one in report.unknown),
        suppressed=tuple(moved_finding(one, move) for one in report.suppressed),
        problems=tuple(_problem(one, move) for one in report.problems),
        skipped=tuple(_declaration(one, move) for one in report.skipped),
    )


def moved_location(at: Location, move: Move) -> Location:
    """Return a location with another path."""
    cause = None if at.cause is None else moved_location(at.cause, move)
    return msgspec.structs.replace(at, path=move(at.path), cause=cause)


def moved_finding(finding: Finding, move: Move) -> Finding:
    """Return a finding with other paths."""
    return msgspec.structs.replace(
        finding,
        at=moved_location(finding.at, move),
        evidence=tuple(_evidence(one, move) for one in finding.evidence),
        occurrences=tuple(msgspec.structs.replace(one, root=move(one.root)) for one in finding.occurrences),
        related=tuple(Note(text=one.text, at=moved_location(one.at, move)) for one in finding.related),
        suppressed=None if finding.suppressed is None else _suppression(finding.suppressed, move),
    )


def _evidence(evidence: Evidence, move: Move) -> Evidence:
    return msgspec.structs.replace(evidence, at=moved_location(evidence.at, move))


def _suppression(one: Suppression, move: Move) -> Suppression:
    return msgspec.structs.replace(one, at=moved_location(one.at, move))


def _problem(problem: Problem, move: Move) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=moved_location(problem.at, move))


def _declaration(one: Declaration, move: Move) -> Declaration:
    return msgspec.structs.replace(one, at=moved_location(one.at, move))
