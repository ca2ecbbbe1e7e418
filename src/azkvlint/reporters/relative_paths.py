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

_Move: TypeAlias = Callable[[str], str]


def from_current_folder(report: Report, folder: str) -> Report:
    """Return the report with paths relative to ``folder`` instead of its root; the same report if they are equal."""
    try:
        if not report.root or real_path(report.root) == real_path(folder):
            return report
        start = os.path.relpath(real_path(folder), real_path(report.root)).replace(os.sep, "/")
        prefix = os.path.relpath(real_path(report.root), real_path(folder)).replace(os.sep, "/")
    except (OSError, ValueError):  # the current folder does not exist any more, or is on another drive
        return report

    @cache
    def move(path: str) -> str:
        if not path or path.startswith(("/", "<")):
            return path
        if start.startswith(".."):
            return posixpath.normpath(posixpath.join(prefix, path))
        return posixpath.relpath(f"/{path}", f"/{start}")

    return msgspec.structs.replace(
        report,
        findings=tuple(_finding(one, move) for one in report.findings),
        unknown=tuple(_finding(one, move) for one in report.unknown),
        suppressed=tuple(_finding(one, move) for one in report.suppressed),
        problems=tuple(_problem(one, move) for one in report.problems),
        skipped=tuple(_declaration(one, move) for one in report.skipped),
    )


def _location(at: Location, move: _Move) -> Location:
    cause = None if at.cause is None else _location(at.cause, move)
    return msgspec.structs.replace(at, path=move(at.path), cause=cause)


def _finding(finding: Finding, move: _Move) -> Finding:
    return msgspec.structs.replace(
        finding,
        at=_location(finding.at, move),
        evidence=tuple(_evidence(one, move) for one in finding.evidence),
        occurrences=tuple(msgspec.structs.replace(one, root=move(one.root)) for one in finding.occurrences),
        related=tuple(Note(text=one.text, at=_location(one.at, move)) for one in finding.related),
        suppressed=None if finding.suppressed is None else _suppression(finding.suppressed, move),
    )


def _evidence(evidence: Evidence, move: _Move) -> Evidence:
    return msgspec.structs.replace(evidence, at=_location(evidence.at, move))


def _suppression(one: Suppression, move: _Move) -> Suppression:
    return msgspec.structs.replace(one, at=_location(one.at, move))


def _problem(problem: Problem, move: _Move) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_location(problem.at, move))


def _declaration(one: Declaration, move: _Move) -> Declaration:
    return msgspec.structs.replace(one, at=_location(one.at, move))
