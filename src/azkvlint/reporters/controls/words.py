"""The words that all formats of an assessment share. All of it is one line each, and safe to print."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.model.assessment import Assessment, Basis, ControlResult, Subject
from azkvlint.model.finding import Evidence, Finding, Outcome, Problem
from azkvlint.model.framework import Sheet, Status
from azkvlint.model.value import Origin
from azkvlint.reporters.phrases import place, suppression
from azkvlint.util.safe_text import visible

# In the order in which they are counted.
STATUS_WORDS: Mapping[Status, str] = {
    Status.NOT_MET: "not met",
    Status.UNDECIDED: "undecided",
    Status.MET: "met",
    Status.GUARANTEED: "guaranteed",
    Status.NOT_APPLICABLE: "not applicable",
    Status.NO_RULE: "no rule",
}
NO_VAULT = "no vault or managed HSM was found in the input"
_WITHOUT_VAULT = "Tied to no vault"
_WITHOUT_VAULT_KIND = "resources of which this input does not say to which vault they belong"
# What a vault is called where Azure's name for it is not known.
_TYPES = {"microsoft.keyvault/managedhsms": "managed HSM"}
_MAX_VALUES = 2
_MAX_VALUE_LENGTH = 160
_UNINFORMATIVE = ("not set", "none")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence in words. ``rule`` is empty where a line only counts what is left out."""

    rule: str
    outcome: Outcome
    place: str
    text: str
    note: str = ""


def lines(answer: ControlResult, most: int) -> Iterator[Line]:
    """Yield the evidence for an answer: of each rule and outcome the first ``most`` resources, and how many more there
    are.

    Results that pass are listed only where there are no others.
    """
    groups: dict[tuple[Outcome, str], list[Basis]] = {}
    for basis in answer.bases:
        if basis.outcome is not Outcome.PASS or answer.status is Status.MET:
            groups.setdefault((basis.outcome, basis.finding.rule.id), []).append(basis)
    for (outcome, _), bases in groups.items():
        for basis in bases[:most]:
            yield _line(basis)
        # Only examples of what passes are listed, so there is no number of it.
        if len(bases) > most and outcome is not Outcome.PASS:
            yield Line(rule="", outcome=outcome, place="", text=f"and {len(bases) - most} more")


def passing_rules(answer: ControlResult) -> str:
    """Return the rules that hold everywhere in a row that is not met, or not decided."""
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
        notes.append("perhaps of this vault")
    return Line(
        rule=visible(finding.rule.id),
        outcome=basis.outcome,
        place=place(finding.at),
        text=_result_sentence(finding),
        note="; ".join(notes),
    )


def _result_sentence(finding: Finding) -> str:
    """Return what a rule says of a resource, as a sentence."""
    if finding.outcome is Outcome.UNDECIDED:
        return f"'{visible(finding.resource)}' cannot be judged: {visible(finding.why)}."
    if finding.outcome is Outcome.FAIL:
        return visible(finding.message)
    found = passing_values(finding)
    return f"{visible(finding.rule.title)}{f': {found}' if found else ''}."


def passing_values(finding: Finding) -> str:
    """Return what made a rule hold: the first few things that were found, in words."""
    telling = [one for one in finding.evidence if one.found not in _UNINFORMATIVE]
    return ", ".join(list(dict.fromkeys(map(_evidence_text, telling)))[:_MAX_VALUES])


def _evidence_text(one: Evidence) -> str:
    found = one.found if len(one.found) <= _MAX_VALUE_LENGTH else f"{one.found[:_MAX_VALUE_LENGTH]}..."
    if one.attribute:
        note = f" ({one.note})" if one.note and one.origin != Origin.WRITTEN else ""
        return visible(f"{one.attribute.removeprefix('derived.')} is {found}{note}")
    if found.startswith("named by ") or one.at.address is None:
        return visible(found)
    return visible(f"{one.at.address} names {found}")


def sheets_with_results(subject: Subject, assessment: Assessment) -> Iterator[tuple[Sheet, tuple[ControlResult, ...]]]:
    """Yield the sheets that there is something to say of, with their answers."""
    for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True):
        if answers:
            yield sheet, answers


def name(subject: Subject) -> str:
    """Return what people call it."""
    vault = subject.vault
    if vault is None:
        return _WITHOUT_VAULT
    return visible(vault.name or vault.address)


def kind(subject: Subject) -> str:
    """``vault`` or ``managed HSM``; of what is only read, that it is."""
    vault = subject.vault
    if vault is None:
        return _WITHOUT_VAULT_KIND
    noun = _TYPES.get(vault.type.lower(), "vault")
    return noun if vault.deployed else f"{noun} that is only read or goes away"


def address(subject: Subject) -> str:
    """Return the address in the input's own language, empty where that is no vault's."""
    return "" if subject.vault is None else visible(subject.vault.address)


def declaration_place(subject: Subject) -> str:
    """Return the place of its declaration."""
    return visible(subject.root) if subject.vault is None else place(subject.vault.at)


def source_note(subject: Subject) -> str:
    """Return the document through which it was found, and the parameters, if its place does not say so."""
    vault = subject.vault
    says = vault is None or subject.root in (vault.at.path, os.path.dirname(vault.at.path) or ".")
    parts = [] if says else [f"from {subject.root}"]
    if subject.parameters:
        parts.append(f"with {subject.parameters}")
    return visible(" ".join(parts))


def reason(answer: ControlResult) -> str:
    """Return why a row has its status, apart from its evidence: a sentence, or nothing."""
    text = visible(answer.why)
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text.endswith('.') else '.'}"


def status_counts(count: Counter[Status]) -> str:
    """``3 not met, 1 undecided, 5 met``; statuses that no row has are left out."""
    return ", ".join(f"{count[status]} {word}" for status, word in STATUS_WORDS.items() if count[status])


def summary(assessment: Assessment) -> str:
    """Return how many vaults there are, and what their rows come to."""
    if not assessment.subjects:
        return NO_VAULT
    vaults = [subject.vault for subject in assessment.subjects if subject.vault is not None]
    hsms = sum(vault.type.lower() in _TYPES for vault in vaults)
    named = [_number(len(vaults) - hsms, "vault"), _number(hsms, "managed HSM")]
    return f"{' and '.join(filter(None, named)) or 'no vault'}: {status_counts(assessment.count())}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def problems(assessment: Assessment) -> Sequence[Problem]:
    """Return those that are worth telling everybody."""
    return [one for one in assessment.problems if one.level != "note"]
