"""Render an Assessment as text, Markdown or JSON. The HTML page has a module of its own.

Text is a list that fits 80 columns, colored on a terminal. Markdown has a table for each vault, for a pull request or a
wiki. JSON is version 1 of the document in docs/controls.md: within a version, fields are added but never removed,
renamed or redefined.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.finding import Finding, Outcome, without_notes
from azkvlint.model.framework import Assessment, Basis, ControlResult, Sheet, Status, Subject
from azkvlint.reporters import Options, lazy_reporters
from azkvlint.reporters.findings.json import location, problem
from azkvlint.reporters.findings.json import suppression as suppression_fields
from azkvlint.reporters.gfm import code, plain
from azkvlint.reporters.phrases import headline, place, problem_line, suppression
from azkvlint.util.text import encode, visible

ControlsReporter: TypeAlias = Callable[[Assessment, Options], str | bytes]
_LABELS = {
    Status.NOT_MET: "NOT MET",
    Status.UNKNOWN: "UNKNOWN",
    Status.MET: "met",
    Status.GUARANTEED: "guaranteed",
    Status.NOT_APPLICABLE: "n/a",
    Status.NO_RULE: "no rule",
}
_COLORS = {
    Status.NOT_MET: "red",
    Status.UNKNOWN: "magenta",
    Status.MET: "green",
    Status.GUARANTEED: "green",
}
_LABEL = max(map(len, _LABELS.values()))
_TEXT_RESOURCES = 3
_WIDTH, _WIDEST = 80, 120
_MARKS = {
    Status.NOT_MET: "❌ **not met**",
    Status.UNKNOWN: "❔ unknown",
    Status.MET: "✅ met",
    Status.GUARANTEED: "✅ guaranteed by the platform",
    Status.NOT_APPLICABLE: "not applicable",
    Status.NO_RULE: "no rule",
}
_MARKDOWN_RESOURCES = 5
FORMAT_VERSION = 1
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


def text(assessment: Assessment, options: Options) -> str:
    """Return the assessment as text that ends with a line break."""
    return "".join(f"{line}\n" for line in _Page(options).lines(assessment))


class _Page:
    """Lines laid out for one width."""

    def __init__(self, options: Options) -> None:
        self.width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDTH
        self.color = options.color

    def lines(self, assessment: Assessment) -> Iterator[str]:
        for sheet in assessment.sheets:
            yield self._paint(f"Framework: {_framework(sheet)}", "bold")
        yield ""
        for subject in assessment.subjects:
            yield from self._subject(subject, assessment)
        yield from map(problem_line, without_notes(assessment.problems))
        yield self._paint(summary(assessment), "bold")

    def _subject(self, subject: Subject, assessment: Assessment) -> Iterator[str]:
        yield self._paint(name(subject), "bold")
        place = f"[{declaration_place(subject)}] {source_note(subject)}"
        yield from self._wrap(" ".join(f"{kind(subject)} {address(subject)} {place}".split()), "")
        for sheet, answers in sheets_with_results(subject, assessment):
            yield ""
            if len(assessment.sheets) > 1:
                yield self._paint(visible(sheet.framework.title), "bold")
            yield from self._sheet(answers)
        yield ""

    def _sheet(self, answers: tuple[ControlResult, ...]) -> Iterator[str]:
        indent = max((len(answer.check.control.id) for answer in answers), default=0)
        section = ""
        for answer in answers:
            control = answer.check.control
            if control.section != section:
                section = control.section
                yield self._paint(visible(section), "underline")
            yield from self._row(answer, indent)

    def _row(self, answer: ControlResult, id_width: int) -> Iterator[str]:
        control = answer.check.control
        status = self._paint(_LABELS[answer.status].ljust(_LABEL), _COLORS.get(answer.status, ""))
        indent = " " * (_LABEL + id_width + 4)
        title, *continuation = self._wrap(visible(control.title), indent)
        yield f"  {status} {visible(control.id).ljust(id_width)} {self._paint(title.strip(), 'bold')}"
        yield from continuation
        yield from self._wrap(reason(answer), indent)
        for one in lines(answer, _TEXT_RESOURCES):
            note = f" [{one.note}]" if one.note else ""
            line = f"{one.rule} {one.place}: {one.text}{note}" if one.rule else one.text
            yield from self._wrap(line, indent, "  ")
        passing = passing_rules(answer)
        if passing:
            yield from self._wrap(f"Passed: {passing}.", indent, "  ")

    def _wrap(self, line: str, indent: str, hanging: str = "") -> list[str]:
        return wrap(
            line, self.width, initial_indent=indent, subsequent_indent=indent + hanging,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip

    def _paint(self, cell: str, style: str) -> str:
        if not self.color or not style or not cell:
            return cell
        from rich.color import ColorSystem
        from rich.style import Style

        return Style.parse(style).render(cell, color_system=ColorSystem.STANDARD)


def markdown(assessment: Assessment, options: Options) -> str:
    """Return the assessment as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in _markdown_lines(assessment))


def _markdown_lines(assessment: Assessment) -> Iterator[str]:
    titles = ", ".join(plain(_framework(sheet)) for sheet in assessment.sheets)
    yield f"# {titles}"
    yield ""
    yield f"{plain(summary(assessment))}."
    for subject in assessment.subjects:
        yield ""
        yield from _markdown_subject(subject, assessment)
    found = without_notes(assessment.problems)
    if found:
        yield ""
        yield "## Analysis incomplete"
        yield ""
        yield from (f"- {plain(problem_line(problem))}" for problem in found)


def _markdown_subject(subject: Subject, assessment: Assessment) -> Iterator[str]:
    yield f"## {plain(name(subject))}"
    yield ""
    about = (plain(kind(subject)), code(address(subject)), code(declaration_place(subject)))
    yield " · ".join(part for part in (*about, plain(source_note(subject))) if part)
    for sheet, answers in sheets_with_results(subject, assessment):
        yield ""
        yield from _table(sheet, answers, named=len(assessment.sheets) > 1)


def _table(sheet: Sheet, answers: tuple[ControlResult, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"### {plain(sheet.framework.title)}"
        yield ""
    yield "| | Control | Status | Evidence |"
    yield "|---|---|---|---|"
    for answer in answers:
        control = answer.check.control
        title = plain(visible(control.title))
        section = f"{plain(visible(control.section))}<br>" if control.section else ""
        cells = (plain(visible(control.id)), f"{section}**{title}**", _MARKS[answer.status], _markdown_evidence(answer))
        yield f"| {' | '.join(cells)} |"


def _markdown_evidence(answer: ControlResult) -> str:
    parts = [plain(reason(answer))] if answer.why else []
    for line in lines(answer, _MARKDOWN_RESOURCES):
        if not line.rule:
            parts.append(plain(line.text))
            continue
        note = f" _{plain(line.note)}_" if line.note else ""
        parts.append(f"**{plain(line.rule)}** {code(line.place)} {plain(line.text)}{note}")
    passing = passing_rules(answer)
    parts += [f"Passed: {plain(passing)}."] if passing else []
    parts += [f"<{link}>" for link in answer.references]
    return "<br>".join(parts)


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
    return {status.value: count[status] for status in STATUS_WORDS}


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


def _basis_json(basis: Basis) -> dict[str, Any]:
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
        return f"{headline(finding)}."
    values, resource = _passing_values(finding), visible(finding.resource)
    return f"{visible(finding.rule.title)}. {f'{resource}: {values}' if values else f'{resource} passes'}."


def _passing_values(finding: Finding) -> str:
    """Return the first values that made a rule pass, in words."""
    from azkvlint.engine.findings import found_in_words

    informative = [one for one in finding.evidence if one.found not in _UNINFORMATIVE]
    values = found_in_words(informative, finding.resource)[:_MAX_VALUES]
    return visible("; ".join(value if len(value) <= _MAX_LENGTH else f"{value[:_MAX_LENGTH]}..." for value in values))


def _framework(sheet: Sheet) -> str:
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
    return visible(" ".join(parts))


def reason(answer: ControlResult) -> str:
    """Return the reason of a status apart from its evidence: a sentence, or an empty string."""
    line = visible(answer.why)
    return f"{line[:1].upper()}{line[1:]}{'' if not line or line.endswith('.') else '.'}"


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


CONTROLS_REPORTERS: Mapping[str, ControlsReporter] = {
    "text": text,
    "json": json,
    "markdown": markdown,
    **lazy_reporters({"html": "controls_html"}),
}
"""All formats of ``kvlint controls`` by their names in ``--format``."""
