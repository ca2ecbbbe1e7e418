"""Render an assessment as JSON: version 1 of the document in docs/controls.md.

Within a version, fields are added but never removed, renamed or redefined.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from azkvlint.model.finding import Outcome
from azkvlint.model.framework import Assessment, Basis, ControlResult, Sheet, Status, Subject
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.findings.json import location, problem, suppression
from azkvlint.util.text import encode

FORMAT_VERSION = 1


def json(assessment: Assessment, options: Options) -> bytes:
    """Return the assessment as UTF-8; equal assessments result in equal bytes."""
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": assessment.version},
            "repository": assessment.repository,
            "sources": assessment.sources,
            "frameworks": [_framework(sheet) for sheet in assessment.sheets],
            "summary": _counts(assessment.count()),
            "vaults": [_subject(subject, assessment) for subject in assessment.subjects],
            "problems": [problem(one) for one in assessment.problems],
        }
    )


def _framework(sheet: Sheet) -> dict[str, Any]:
    framework = sheet.framework
    return {
        "name": framework.name,
        "title": framework.title,
        "about": framework.about,
        "references": framework.references,
        "controls": [
            {
                "id": question.control.id,
                "section": question.control.section,
                "title": question.control.title,
                "note": question.control.note,
                "rules": question.rules,
            }
            for question in sheet.checks
        ],
    }


def _counts(count: Counter[Status]) -> dict[str, int]:
    return {status.value: count[status] for status in words.STATUS_WORDS}


def _subject(subject: Subject, assessment: Assessment) -> dict[str, Any]:
    vault = subject.vault
    return {
        "name": None if vault is None else vault.name,
        "type": None if vault is None else vault.type,
        "resource": None if vault is None else vault.address,
        "declaredAs": None if vault is None else vault.declared_as,
        "deployed": vault is not None and vault.deployed,
        "location": None if vault is None else location(vault.at),
        "root": subject.root,
        "parameters": subject.parameters,
        "summary": _counts(subject.count()),
        "frameworks": [
            {"name": sheet.framework.name, "controls": [_answer(answer) for answer in answers]}
            for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True)
        ],
    }


def _answer(answer: ControlResult) -> dict[str, Any]:
    return {
        "id": answer.check.control.id,
        "status": answer.status.value,
        "why": answer.why,
        "references": answer.references,
        "evidence": [_basis(basis) for basis in answer.bases],
    }


def _basis(basis: Basis) -> dict[str, Any]:
    finding = basis.finding
    return {
        "ruleId": finding.rule.id,
        "outcome": finding.outcome.label,
        "perhaps": basis.perhaps,
        "resource": finding.resource,
        "type": finding.type,
        "message": finding.message,
        "why": finding.why,
        "found": words.passing_values(finding) if finding.outcome is Outcome.PASS else "",
        "location": location(finding.at),
        "suppression": suppression(finding),
    }
