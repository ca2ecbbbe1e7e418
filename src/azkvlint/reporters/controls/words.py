"""Phrases shared by all formats of an assessment, each on one line and safe to print."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.engine.evidence import found_in_words
from azkvlint.model.finding import Finding, Outcome, Problem
from azkvlint.model.framework import Assessment, Basis, ControlResult, Sheet, Status, Subject
from azkvlint.reporters.phrases import place, suppression
from azkvlint.util.text import visible

# In counting order.
STATUS_WORDS: Mapping[Status, str] = {
    Status.NOT_MET: "not met",
    Status.UNKNOWN: "unknown",
    Status.MET: "met",
    Status.GUARANTEED: "guaranteed",
    Status.NOT_APPLICABLE: "not applicable",
    Status.NO_RULE: "no rule",
}
NO_VAULT = "no vault or managed HSM was found in the input"
_WITHOUT_VAULT = "No vault"
_WITHOUT_VAULT_KIND = "resources whose vault is unknown"
# Nouns of types other than vaults.
_TYPES = {"microsoft.keyvault/managedhsms": "managed HSM"}
_MAX_VALUES = 2
_MAX_LENGTH = 200
_UNINFORMATIVE = ("not set", "none")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of evidence. ``rule`` is empty if the line only counts omitted evidence."""

    rule: str
    outcome: Outcome
    place: str
    text: str
    note: str = ""


def lines(answer: ControlResult, limit: int) -> Iterator[Line]:
    """Yield the evidence of a result: the first ``limit`` resources of each rule and outcome, and the number of others.

    Passed checks are listed only if there are no other results.
    """
    groups: dict[tuple[Outcome, str], list[Basis]] = {}
    for basis in answer.bases:
        if basis.outcome is not Outcome.PASS or answer.status is Status.MET:
            groups.setdefault((basis.outcome, basis.finding.rule.id), []).append(basis)
    for (outcome, _), bases in groups.items():
        for basis in bases[:limit]:
            yield _line(basis)
        # Only examples of passed checks are collected, so they have no count.
        if len(bases) > limit and outcome is not Outcome.PASS:
            yield Line(rule="", outcome=outcome, place="", text=f"and {len(bases) - limit} more")


def passing_rules(answer: ControlResult) -> str:
    """Return the rules that pass for all resources under a control that is not met, or unknown."""
    if answer.status is Status.MET:
        return ""
    worst: dict[str, Outcome] = {}
    for basis in answer.bases:
        rule = basis.finding.rule.id
        worst[rule] = min(basis.outcome, worst.get(rule, Outcome.PASS))
    return ", ".join(visible(rule) for rule, outcome in sorted(worst.items()) if outcome is Outcome.PASS)


def _line(basis: Basis) -> Line:
    finding = basis.finding
    notes = []
    if finding.suppressed is not None:
        notes.append(f"suppressed: {suppression(finding).strip()}")
    if basis.perhaps:
        notes.append("possibly for this vault")
    return Line(
        rule=visible(finding.rule.id),
        outcome=basis.outcome,
        place=place(finding.at),
        text=_result_sentence(finding),
        note="; ".join(notes),
    )


def _result_sentence(finding: Finding) -> str:
    """Return the result of a rule for a resource as a sentence."""
    if finding.outcome is not Outcome.PASS:
        return visible(f"{finding.message}.")
    values, resource = passing_values(finding), visible(finding.resource)
    return f"{visible(finding.rule.title)}. {f'{resource}: {values}' if values else f'{resource} passes'}."


def passing_values(finding: Finding) -> str:
    """Return the first values that made a rule pass, in words."""
    informative = [one for one in finding.evidence if one.found not in _UNINFORMATIVE]
    values = found_in_words(informative, finding.resource)[:_MAX_VALUES]
    return visible("; ".join(value if len(value) <= _MAX_LENGTH else f"{value[:_MAX_LENGTH]}..." for value in values))


def framework(sheet: Sheet) -> str:
    """Return the title of a framework and its name, which contains the version if the framework has versions."""
    return visible(f"{sheet.framework.title} ({sheet.framework.name})")


def sheets_with_results(subject: Subject, assessment: Assessment) -> Iterator[tuple[Sheet, tuple[ControlResult, ...]]]:
    """Yield the sheets that have results, with their results."""
    for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True):
        if answers:
            yield sheet, answers


def name(subject: Subject) -> str:
    """Return the name of the vault."""
    vault = subject.vault
    if vault is None:
        return _WITHOUT_VAULT
    return visible(vault.name or vault.address)


def kind(subject: Subject) -> str:
    """Return ``vault`` or ``managed HSM``, with a remark if it is only read."""
    vault = subject.vault
    if vault is None:
        return _WITHOUT_VAULT_KIND
    noun = _TYPES.get(vault.type.lower(), "vault")
    return noun if vault.deployed else f"{noun} that is only read or removed"


def address(subject: Subject) -> str:
    """Return the address in the input's language; empty without a vault."""
    return "" if subject.vault is None else visible(subject.vault.address)


def declaration_place(subject: Subject) -> str:
    """Return the place of the declaration."""
    return visible(subject.root) if subject.vault is None else place(subject.vault.at)


def source_note(subject: Subject) -> str:
    """Return the document through which the vault was found, and the parameter file, unless the place shows both."""
    vault = subject.vault
    is_obvious = vault is None or subject.root in (vault.at.path, os.path.dirname(vault.at.path) or ".")
    parts = [] if is_obvious else [f"from {subject.root}"]
    if subject.parameters:
        parts.append(f"with {subject.parameters}")
    return visible(" ".join(parts))


def reason(answer: ControlResult) -> str:
    """Return the reason of a status apart from its evidence: a sentence, or an empty string."""
    text = visible(answer.why)
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text.endswith('.') else '.'}"


def status_counts(count: Counter[Status]) -> str:
    """Return ``3 not met, 1 unknown, 5 met``, without statuses that do not occur."""
    return ", ".join(f"{count[status]} {word}" for status, word in STATUS_WORDS.items() if count[status])


def summary(assessment: Assessment) -> str:
    """Return the number of vaults, and the number of controls with each status."""
    if not assessment.subjects:
        return NO_VAULT
    vaults = [subject.vault for subject in assessment.subjects if subject.vault is not None]
    hsms = sum(vault.type.lower() in _TYPES for vault in vaults)
    counted = [_number(len(vaults) - hsms, "vault"), _number(hsms, "managed HSM")]
    return f"{' and '.join(filter(None, counted)) or 'no vault'}: {status_counts(assessment.count())}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def problems(assessment: Assessment) -> Sequence[Problem]:
    """Return the problems without notes."""
    return [one for one in assessment.problems if one.level != "note"]
