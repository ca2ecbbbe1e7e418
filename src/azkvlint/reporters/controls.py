"""Render an Assessment as text, Markdown, HTML or JSON.

All but JSON are one document: a section for each vault, with a table of its controls and their evidence. JSON is
version 1 of the document in docs/controls.md: within a version, fields are added but never removed, renamed or
redefined.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azkvlint.model.finding import Finding, Outcome, without_notes
from azkvlint.model.framework import Assessment, ControlFinding, ControlResult, Sheet, Status, Subject
from azkvlint.reporters import Options, Reporter
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.text import text as write_text
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.findings.json import suppression as suppression_fields
from azkvlint.reporters.phrases import headline, place, problem_line, suppression
from azkvlint.util.text import encode, pluralize, visible

FORMAT_VERSION = 1
_WIDTH = 80
# Resources that are listed for each rule of a control.
_MOST_IN_TEXT, _MOST = 3, 5
# In counting order.
_WORDS: Mapping[Status, tuple[str, str]] = {
    Status.NOT_MET: ("not met", doc.BAD),
    Status.UNKNOWN: ("unknown", doc.OPEN),
    Status.MET: ("met", doc.GOOD),
    Status.GUARANTEED: ("guaranteed", doc.GIVEN),
    Status.NOT_APPLICABLE: ("not applicable", doc.NEUTRAL),
    Status.NO_RULE: ("no rule", doc.NEUTRAL),
}
_MEANINGS = {
    Status.NOT_MET: "A rule fails, regardless of values that are not known yet.",
    Status.UNKNOWN: "The result depends on a value that is not known, or on resources outside the input.",
    Status.MET: "All rules of the control pass.",
    Status.GUARANTEED: "Azure guarantees it for every vault. It cannot be disabled.",
    Status.NOT_APPLICABLE: "The service has no such feature, or the input has no matching resource.",
    Status.NO_RULE: "Infrastructure code does not show it, or no rule checks it.",
}
# The statuses of controls that need no action of the vault's owner.
_SETTLED = frozenset({Status.GUARANTEED, Status.NOT_APPLICABLE})
_OUTCOMES = {Outcome.FAIL: doc.BAD, Outcome.UNKNOWN: doc.OPEN, Outcome.PASS: doc.GOOD}
_COLUMNS = (
    doc.Column("", kind=doc.SHORT, width="4.75rem"),
    doc.Column("Control", width="24%"),
    doc.Column("Status", kind=doc.STATE, width="10.5rem"),
    doc.Column("Evidence", kind=doc.BELOW),
)
_NO_VAULT = "No vault or managed HSM was found in the input."
_WITHOUT_VAULT_KIND = "resources whose vault is unknown"
# Nouns of types other than vaults.
_TYPES = {"microsoft.keyvault/managedhsms": "managed HSM"}
_MAX_VALUES = 2
_MAX_LENGTH = 200
_UNINFORMATIVE = ("not set", "none")


def text(assessment: Assessment, options: Options) -> str:
    """Return the assessment as text that ends with a line break."""
    return write_text(_document(assessment, _MOST_IN_TEXT), options)


def markdown(assessment: Assessment, options: Options) -> str:
    """Return the assessment as Markdown that ends with a line break, for a pull request or a wiki."""
    from azkvlint.reporters.document.markdown import markdown as write

    return write(_document(assessment, _MOST))


def html(assessment: Assessment, options: Options) -> str:
    """Return the assessment as a page that ends with a line break, ready to print."""
    from azkvlint.reporters.document.html import html as write

    return write(_document(assessment, _MOST, folds=True))


def _document(assessment: Assessment, most: int, *, folds: bool = False) -> doc.Document:
    """Return the assessment as a document. If it ``folds``, controls that need no action are below the others."""
    frameworks = [sheet.framework for sheet in assessment.sheets]
    titles = [f"{one.title} ({one.name})" for one in frameworks]
    count = assessment.count()
    return doc.Document(
        title=", ".join(titles),
        summary=_summary(assessment),
        version=assessment.version,
        head=tuple(f"Framework: {title}" for title in titles),
        about=frameworks[0].about if len(frameworks) == 1 else "",
        facts=doc.run_facts(assessment.repository, assessment.sources, assessment.version),
        counts=_counts(count),
        problems=tuple(map(problem_line, without_notes(assessment.problems))),
        blocks=tuple(
            _section(one, assessment, number, most, folds) for number, one in enumerate(assessment.subjects, 1)
        ),
        words=tuple(
            doc.Word(status.value.capitalize(), meaning, _WORDS[status][1])
            for status, meaning in _MEANINGS.items()
            if count[status]
        ),
        links=tuple(dict.fromkeys(address for one in frameworks for address in one.references)),
        width=_WIDTH,
    )


def _counts(count: Counter[Status]) -> tuple[doc.Count, ...]:
    return tuple(doc.Count(count[status], word, state) for status, (word, state) in _WORDS.items())


def _summary(assessment: Assessment) -> str:
    """Return the number of vaults, and the number of controls with each status."""
    if not assessment.subjects:
        return _NO_VAULT
    vaults = [subject.vault for subject in assessment.subjects if subject.vault is not None]
    hsms = sum(vault.type.lower() in _TYPES for vault in vaults)
    numbers = ((len(vaults) - hsms, "vault"), (hsms, "managed HSM"))
    counted = " and ".join(pluralize(number, noun) for number, noun in numbers if number)
    return f"{counted or 'No vault'}: {doc.counts_text(_counts(assessment.count()))}."


def _section(subject: Subject, assessment: Assessment, number: int, most: int, folds: bool) -> doc.Section:
    vault = subject.vault
    about = (
        _kind(subject),
        doc.Span("" if vault is None else vault.address, doc.CODE),
        doc.Span(subject.root if vault is None else place(vault.at), doc.CODE),
        _source_note(subject),
    )
    sheets = [
        (sheet, tuple(_tables(answers, most, folds)))
        for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True)
        if answers
    ]
    is_named = len(assessment.sheets) > 1
    parts = [(doc.Section(sheet.framework.title, blocks),) if is_named else blocks for sheet, blocks in sheets]
    return doc.Section(
        subject.label,
        tuple(block for blocks in parts for block in blocks),
        about=(doc.between(about),),
        anchor=f"vault-{number}",
        counts=_counts(subject.count()),
        marks=tuple(
            doc.Marks(sheet.framework.title if is_named else "", tuple(map(_mark, answers)))
            for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True)
            if answers
        ),
    )


def _mark(answer: ControlResult) -> doc.Mark:
    word, state = _WORDS[answer.status]
    control = answer.check.control
    return doc.Mark(control.id, state, f"{control.id} {control.title}: {word}")


def _tables(answers: Sequence[ControlResult], most: int, folds: bool) -> Iterator[doc.Block]:
    """Yield the controls as one table; if it ``folds``, those that need no action are in a section to open."""
    settled = [one for one in answers if folds and one.status in _SETTLED]
    others = [one for one in answers if not folds or one.status not in _SETTLED]
    if others:
        yield doc.Table(_COLUMNS, tuple(_row(answer, most) for answer in others), is_headed=False)
    if settled:
        count = Counter(answer.status for answer in settled)
        title = f"{pluralize(len(settled), 'control')} without action: {doc.counts_text(_counts(count))}"
        table = doc.Table(_COLUMNS, tuple(_row(answer, most) for answer in settled), is_headed=False)
        yield doc.Section(title, (table,), is_folded=True)


def _kind(subject: Subject) -> str:
    """Return ``vault`` or ``managed HSM``, with a remark if it is only read."""
    vault = subject.vault
    if vault is None:
        return _WITHOUT_VAULT_KIND
    noun = _TYPES.get(vault.type.lower(), "vault")
    return noun if vault.deployed else f"{noun} that is only read or removed"


def _source_note(subject: Subject) -> str:
    """Return the document through which the vault was found, and the parameter file, unless the place shows both; and
    with which values of inputs the vault exists, unless their defaults create it.
    """
    vault = subject.vault
    is_obvious = vault is None or subject.root in (vault.at.path, os.path.dirname(vault.at.path) or ".")
    parts = [] if is_obvious else [f"from {subject.root}"]
    if subject.parameters:
        parts.append(f"with {subject.parameters}")
    if vault is not None and vault.condition is not None:
        parts.append(f"({vault.condition.text})")
    return " ".join(parts)


def _row(answer: ControlResult, most: int) -> doc.Row:
    control = answer.check.control
    word, state = _WORDS[answer.status]
    evidence = doc.Cell(
        doc.Span(_reason(answer), doc.PROSE),
        items=tuple(_evidence(answer, most)),
        links=answer.references if answer.why else (),
    )
    return doc.Row(
        (doc.Cell(control.id), doc.Cell(control.title), doc.Cell(word, state), evidence), state, control.section
    )


def _reason(answer: ControlResult) -> str:
    """Return the reason of a status apart from its evidence: a sentence, or an empty string."""
    line = answer.why
    return f"{line[:1].upper()}{line[1:]}{'' if not line or line.endswith('.') else '.'}"


def _evidence(answer: ControlResult, most: int) -> Iterator[doc.ListItem]:
    """Yield the evidence of a result: the first resources of each rule and outcome, and the number of others.

    Passed checks are listed only if there are no other results; else the rules that pass for all resources.
    """
    groups: dict[tuple[Outcome, str], list[ControlFinding]] = {}
    worst: dict[str, Outcome] = {}
    for basis in answer.bases:
        rule = basis.finding.rule.id
        worst[rule] = min(basis.outcome, worst.get(rule, Outcome.PASS))
        if basis.outcome is not Outcome.PASS or answer.status is Status.MET:
            groups.setdefault((basis.outcome, rule), []).append(basis)
    for (outcome, _), bases in groups.items():
        yield from map(_item, bases[:most])
        # Only examples of passed checks are collected, so they have no count.
        if len(bases) > most and outcome is not Outcome.PASS:
            yield doc.ListItem(f"and {len(bases) - most} more")
    passing = [rule for rule, outcome in sorted(worst.items()) if outcome is Outcome.PASS]
    if passing and answer.status is not Status.MET:
        yield doc.ListItem(f"Passed: {', '.join(passing)}.")


def _item(basis: ControlFinding) -> doc.ListItem:
    finding = basis.finding
    notes = [] if finding.suppressed is None else [f"suppressed: {suppression(finding).strip()}"]
    notes += ["possibly for this vault"] if basis.perhaps else []
    note = doc.Span(f" [{'; '.join(notes)}]" if notes else "", doc.EMPHASIS)
    start = (doc.Span(finding.rule.id, doc.STRONG), " ", doc.Span(place(finding.at), doc.CODE))
    return doc.ListItem((*start, ": ", doc.Span(_result_sentence(finding), doc.PROSE), note), _OUTCOMES[basis.outcome])


def _result_sentence(finding: Finding) -> str:
    """Return the result of a rule for a resource as a sentence."""
    if finding.outcome is not Outcome.PASS:
        return f"{headline(finding)}."
    values, resource = _passing_values(finding), finding.resource
    return f"{finding.rule.title}. {f'{resource}: {values}' if values else f'{resource} passes'}."


def _passing_values(finding: Finding) -> str:
    """Return the first values that made a rule pass, in words."""
    from azkvlint.engine.evidence import found_in_words

    informative = [one for one in finding.evidence if one.found not in _UNINFORMATIVE]
    values = found_in_words(informative, finding.resource)[:_MAX_VALUES]
    return visible("; ".join(value if len(value) <= _MAX_LENGTH else f"{value[:_MAX_LENGTH]}..." for value in values))


def json(assessment: Assessment, options: Options) -> bytes:
    """Return the assessment as UTF-8; equal assessments result in equal bytes."""
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": assessment.version},
            "repository": assessment.repository,
            "sources": assessment.sources,
            "frameworks": [_framework_json(sheet) for sheet in assessment.sheets],
            "summary": _counts_json(assessment.count()),
            "vaults": [_subject_json(subject, assessment) for subject in assessment.subjects],
            "problems": [problem(one) for one in assessment.problems],
        }
    )


def _framework_json(sheet: Sheet) -> dict[str, Any]:
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


def _counts_json(count: Counter[Status]) -> dict[str, int]:
    return {status.value: count[status] for status in _WORDS}


def _subject_json(subject: Subject, assessment: Assessment) -> dict[str, Any]:
    vault = subject.vault
    return {
        "name": None if vault is None else vault.name,
        "type": None if vault is None else vault.type,
        "resource": None if vault is None else vault.address,
        "declaredAs": None if vault is None else vault.declared_as,
        "deployed": vault is not None and vault.deployed,
        "condition": None if vault is None or vault.condition is None else vault.condition.data(),
        "location": None if vault is None else location(vault.at),
        "root": subject.root,
        "parameters": subject.parameters,
        "summary": _counts_json(subject.count()),
        "frameworks": [
            {"name": sheet.framework.name, "controls": [_answer_json(answer) for answer in answers]}
            for sheet, answers in zip(assessment.sheets, subject.sheets, strict=True)
        ],
    }


def _answer_json(answer: ControlResult) -> dict[str, Any]:
    return {
        "id": answer.check.control.id,
        "status": answer.status.value,
        "why": answer.why,
        "references": answer.references,
        "evidence": [_basis_json(basis) for basis in answer.bases],
    }


def _basis_json(basis: ControlFinding) -> dict[str, Any]:
    finding = basis.finding
    return {
        "ruleId": finding.rule.id,
        "outcome": finding.outcome.label,
        "perhaps": basis.perhaps,
        "resource": finding.resource,
        "type": finding.type,
        "message": finding.message,
        "condition": None if finding.condition is None else finding.condition.data(),
        "why": finding.why,
        "found": _passing_values(finding) if finding.outcome is Outcome.PASS else "",
        "location": location(finding.at),
        "suppression": suppression_fields(finding),
    }


CONTROLS_REPORTERS: Mapping[str, Reporter[Assessment]] = {
    "text": text,
    "json": json,
    "markdown": markdown,
    "html": html,
}
"""All formats of ``kvlint controls`` by their names in ``--format``."""
