"""Phrases shared by the human-readable formats, all safe to print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from azkvlint.model.finding import CALLED, Declaration, Evidence, Finding, Note, Occurrence, Outcome, Problem, Report
from azkvlint.model.identity import text_key, world_note
from azkvlint.model.location import Location
from azkvlint.model.rule import PLACEHOLDER, Rule
from azkvlint.model.value import Origin
from azkvlint.reporters.grouping import unknown_causes
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize, visible

# The number of other resources of a finding that are named.
_NAMED = 3
_MOST_FOLDERS = 5
_SENTENCE_END = regex(r"(?<=[.])\s+(?=[A-Z`])")
# The prefixes of the note of a default, of an unknown value, and of the value of an incoming reference.
_NOT_SET, _UNKNOWN, _REFERENCED = "not set", "unknown: ", "referenced by "
# Computed attributes whose values are codes; their notes have the words.
_CODED = (
    "derived.valueOrigins", "derived.ignoredChanges", "derived.placeholder", "derived.apiRetirement",
    "derived.vaultApi", "derived.hsmApi",
)  # fmt: skip
# How expectations begin that a value must not meet, or that no value of a computed attribute meets.
_NOT_EXPECTED = ("not ", "none of ", "no ", "a value that does not ", "an empty string", "a length of less ")
# Expectations that say nothing about an unknown value.
_VAGUE = ("a value of another form", "a list")
_EMPTY_VALUES = {"": "an empty string", "[]": "empty"}
_ANSWERS = {"true": "yes", "false": "no"}
VAULT_NOUNS = {"microsoft.keyvault/vaults": ("key vault",), "microsoft.keyvault/managedhsms": ("managed HSM",)}
_ABOUT_TERRAFORM = regex(r"\bTerraform\b|azurerm|//(?:registry\.terraform\.io|developer\.hashicorp\.com)/")
_ABOUT_TEMPLATES = regex(
    r"\bBicep\b|\bARM templates?\b|^(?:In|For) (?:a )?templates?,"
    r"|//learn\.microsoft\.com/azure/(?:azure-resource-manager/(?:bicep|templates)|templates)/"
)


@lru_cache(maxsize=1024)
def pieces(message: str) -> tuple[str | int, ...]:
    """Split a rule's message at its placeholders into strings, and numbers in order of first appearance.

    ``{name} is {value}, {name}`` becomes ``(0, " is ", 1, ", ", 0)``.
    """
    numbers: dict[str, int] = {}
    parts = PLACEHOLDER.split(message)
    split = [numbers.setdefault(part, len(numbers)) if index % 2 else part for index, part in enumerate(parts)]
    return tuple(piece for piece in split if piece != "")


def place(at: Location) -> str:
    """Return ``path:line:column``, or the path alone if the input has no lines.

    A path that could be misread at the start of a line is prefixed with ``./``.
    """
    path = visible(at.path)
    if not path[:1].isalnum() and path[:1] not in {".", "_", "/"}:
        path = f"./{path}"
    return path if at.region is None else f"{path}:{at.region.start_line}:{at.region.start_column}"


@lru_cache(maxsize=1024)
def paragraph(text: str) -> str:
    """Return a rule's folded text on one line."""
    return visible(" ".join(text.split()))


def why_of(findings: Sequence[Finding]) -> str:
    """Return the reason of the rule of ``findings``, without sentences about languages that none of them is in."""
    return _why(findings[0].rule.why, _languages(findings))


@lru_cache(maxsize=1024)
def _why(text: str, languages: frozenset[str]) -> str:
    words, text = _foreign_words(languages), paragraph(text)
    sentences = [one for one in _SENTENCE_END.split(text) if words is None or not words.search(one)]
    return " ".join(sentences) or text


def references_of(findings: Sequence[Finding]) -> Sequence[str]:
    """Return the references of the rule of ``findings``, without pages about languages that none of them is in."""
    return _references(findings[0].rule.references, _languages(findings))


@lru_cache(maxsize=1024)
def _references(references: tuple[str, ...], languages: frozenset[str]) -> Sequence[str]:
    words = _foreign_words(languages)
    return tuple(link for link in references if words is None or not words.search(link))


def _languages(findings: Sequence[Finding]) -> frozenset[str]:
    """Return whether findings are in Terraform or in templates; "" for what is in both."""
    # A resource of azapi is in Terraform, and has the properties of Azure.
    return frozenset(
        "" if one.declared_as.startswith("azapi_") else "terraform" if one.language == "terraform" else "template"
        for one in findings
    )


def _foreign_words(languages: frozenset[str]) -> re.Pattern[str] | None:
    """Return what only texts about another language contain; None if the findings are in several languages."""
    return _ABOUT_TEMPLATES if languages == {"terraform"} else _ABOUT_TERRAFORM if languages == {"template"} else None


def help_line(fix: str) -> str:
    """Return the first sentence of a fix: the change itself, without its consequences."""
    return _SENTENCE_END.split(paragraph(fix), maxsplit=1)[0]


def fix_of(finding: Finding) -> str:
    """Return the fix in the language of the input."""
    return paragraph(finding.rule.fix(finding.language, finding.fix_case))


def label_of(finding: Finding) -> str:
    """Return the label of a finding: its severity, or ``unknown``."""
    return "unknown" if finding.outcome is Outcome.UNKNOWN else finding.severity.label


def headline(finding: Finding) -> str:
    """Return the message, with the condition of the resource."""
    return f"{visible(finding.message)}{condition_note(finding)}"


def condition_note(finding: Finding) -> str:
    """Return `` (if var.enable_rbac is false)`` for a finding that is not in the base world."""
    return "" if finding.condition is None else visible(f" ({finding.condition.text})")


def member_condition(member: Occurrence) -> str:
    """Return the condition of one of the resources of a finding, as ``condition_note`` does."""
    return f" ({member.condition})" if member.condition else ""


def full_text(finding: Finding, others: Sequence[Finding] = ()) -> str:
    """Return the message, the module call that leads to the finding, and its other resources."""
    return f"{headline(finding)}{call_note(finding)}{occurrence_note(finding, others)}"


def sentence(finding: Finding) -> str:
    """Return ``path:line:column: KV001 message``, for formats with a separate severity."""
    return f"{place(finding.at)}: {finding.rule.id} {full_text(finding)}"


def call_note(finding: Finding) -> str:
    """Return `` [called at path:line:column]``, which distinguishes the callers of a shared module."""
    calls = [note.at for note in finding.related if note.text == CALLED]
    return f" [called at {place(calls[0])}]" if calls else ""


def problem_text(problem: Problem) -> str:
    """Return the message of a problem with its hint."""
    hint = f" ({visible(problem.hint)})" if problem.hint else ""
    return f"{visible(problem.message)}{hint}"


def problem_sentence(problem: Problem) -> str:
    """Return ``path:line:column: KVE001 message (hint)``, for formats with a separate level."""
    at = "" if problem.at is None else f"{place(problem.at)}: "
    return f"{at}{problem.code} {problem_text(problem)}"


def problem_line(problem: Problem) -> str:
    """Return ``path:line:column: error[KVE001] message (hint)``, with ``kvlint`` in place of a missing location."""
    at = "kvlint" if problem.at is None else place(problem.at)
    return f"{at}: {problem.level}[{problem.code}] {problem_text(problem)}"


def evidence_lines(finding: Finding) -> list[str]:
    """Return the evidence of a finding as sentences.

    Computed attributes that are absent or empty, and comparisons that no value can meet, say nothing to a reader.
    """
    informative = [
        one
        for one in finding.evidence
        if one.expected and not (one.is_derived and (one.origin is Origin.ABSENT or not one.found))
    ]
    texts = (evidence_text(one, finding) for one in informative or finding.evidence[:1])
    return list(dict.fromkeys(texts))


def evidence_text(evidence: Evidence, finding: Finding) -> str:
    """Return a piece of evidence as a sentence: the value with its place and origin, and the expected value."""
    other = evidence.at.address if evidence.at.address not in (None, finding.resource) else None
    fact = _attribute_fact(evidence, other) if evidence.attribute else _link_fact(evidence, other, finding)
    hops = [hop for hop in evidence.hops if not hop.startswith((finding.resource, other or finding.resource, "by "))]
    text = visible(f"{fact}, through {' -> '.join(hops)}" if hops else fact)
    is_same_place = evidence.at.path == finding.at.path and evidence.at.region in (None, finding.at.region)
    return f"{text} [{place(evidence.at)}]" if not is_same_place else text


def _attribute_fact(evidence: Evidence, other: str | None) -> str:
    name = evidence.name if evidence.is_derived else f"`{evidence.name}`"
    where = f"{name} of {other}" if other else name
    expected = _expectation(evidence)
    found, note = _EMPTY_VALUES.get(evidence.found, evidence.found), evidence.note
    if note and evidence.origin is Origin.DEFAULT and not note.startswith(_NOT_SET):
        note = f"default: {note}"
    if note.startswith(_NOT_SET):
        return f"{where} is {note}{expected}"
    if evidence.attribute.startswith(_CODED) and not found.startswith(_UNKNOWN):
        return f"{where}: {note or found}"
    if evidence.is_derived and found in _ANSWERS:
        return f"{where}: {_ANSWERS[found]}{f' ({note})' if note else ''}"
    if note.startswith(evidence.name) and evidence.is_derived:
        return f"{note}{expected}"
    return f"{where} is {found}{expected}{f' ({note})' if note else ''}"


def _expectation(evidence: Evidence) -> str:
    """Return ``, expected true``; nothing for a computed value that is the fault itself."""
    expected = evidence.expected
    is_unknown = evidence.found.startswith(_UNKNOWN)
    if not expected or (is_unknown and expected in _VAGUE):
        return ""
    if evidence.is_derived and (is_unknown or expected.startswith(_NOT_EXPECTED)):
        return ""
    return f", expected {'another value' if expected.lower() == f'not {evidence.found}'.lower() else expected}"


def _link_fact(evidence: Evidence, other: str | None, finding: Finding) -> str:
    """Return a sentence about a reference, or about one that is missing."""
    if evidence.origin is Origin.ABSENT:
        return f"there is no {evidence.expected.partition(' ')[2].replace('this resource', other or 'this resource')}"
    source = evidence.found.removeprefix(_REFERENCED)
    if source != evidence.found:
        return f"{source} refers to {other or finding.resource}"
    return f"{other} refers to {evidence.found}" if other else evidence.found


def note_text(note: Note) -> str:
    """Return a note with its place."""
    return f"{visible(note.text)} [{place(note.at)}]"


def occurrence_note(finding: Finding, others: Sequence[Finding] = ()) -> str:
    """Return `` [and 2 more: kv["b"], kv["c"]]`` for a finding about several resources, with up to three names.

    ``others`` are findings of the same rule on other resources, which are named with their places. A finding in a
    folder of tests or examples, or in code that nothing deploys, is marked after that.
    """
    mark = (" [in tests or examples]" if finding.in_tests else deployment_note(finding)) + acceptance_note(finding)
    members = _members_by_text(finding)
    count = len(members[1:]) + sum(len(_members_by_text(one)) or 1 for one in others)
    if not count:
        return mark
    names = [_member_name(each, members[0][0]) for each in members[1 : _NAMED + 1]]
    names += [f"{_name_in_worlds(one)} ({place(one.at)})" for one in others[: _NAMED - len(names)]]
    names += ["..."] if count > len(names) else []
    return visible(f" [and {count} more: {', '.join(names)}]") + mark


def _members_by_text(finding: Finding) -> list[tuple[Occurrence, ...]]:
    """Return the members of a finding; those of base worlds of which only the names differ together."""
    groups: dict[object, list[Occurrence]] = {}
    for member in finding.occurrences:
        groups.setdefault(text_key(member), []).append(member)
    return [*map(tuple, groups.values())]


def _name_in_worlds(finding: Finding) -> str:
    """Return the address of the resource of a finding, with the base worlds that its message names."""
    members = _members_by_text(finding)
    return f"{finding.resource}{_world_note(members[0]) if members else ''}"


def _world_note(members: Sequence[Occurrence]) -> str:
    return world_note({name for one in members for name in one.world_names})


def deployment_note(finding: Finding) -> str:
    """Return the mark of a finding in code that nothing deploys."""
    return " [in code that no scanned file deploys]" if finding.is_undeployed else ""


def acceptance_note(finding: Finding) -> str:
    """Return the mark of a finding that a comment for another tool accepts."""
    return f" [{finding.accepted.text}]" if finding.accepted is not None else ""


def _member_name(members: Sequence[Occurrence], first: Occurrence) -> str:
    """Return the address of members, with root and condition if those of the first member are others, and the names of
    their base worlds.
    """
    member = members[0]
    of_root = "" if member.root == first.root else f" of {member.root}"
    own = member_condition(member) if member.condition != first.condition else ""
    return f"{member.address}{of_root}{_world_note(members)}{own}"


def suppression(finding: Finding) -> str:
    """Return the reason of a suppression, its end and its place; empty for a finding that counts."""
    reason = finding.suppressed
    if reason is None:
        return ""
    notes = [f"{reason.tool} comment"] if reason.tool else []
    notes += [f"until {reason.until}"] if reason.until else []
    notes += [f"owner {reason.owner}"] if reason.owner else []
    suffix = f" ({', '.join(notes)})" if notes else ""
    # Bicep's own directives have no reason.
    why = reason.justification or "no reason"
    return f"{visible(why + suffix)} [{place(reason.at)}]"


def details(finding: Finding, *, references: bool) -> list[tuple[str, str]]:
    """Return all details below a finding's headline, as (label, text) in reading order."""
    lines = [("suppressed", suppression(finding))] if finding.suppressed is not None else []
    others = _members_by_text(finding)[1 : _NAMED + 1]
    lines += [
        ("also", visible(f"{members[0].message}{_world_note(members)}{member_condition(members[0])}"))
        for members in others
    ]
    found = evidence_lines(finding)
    lines += [("found", text) for text in found]
    lines += [("note", text) for text in map(note_text, finding.related) if text not in found]
    lines += [("why", why_of([finding])), ("help", fix_of(finding))]
    if references:
        lines += [("see", visible(link)) for link in references_of([finding])]
    return lines


def statistics(report: Report) -> list[tuple[int, Rule]]:
    """Return the number of counted findings of each rule, in descending order, without rules that have none."""
    findings = report.counted(report.findings)
    counts = Counter(finding.rule.id for finding in findings)
    rules = {finding.rule.id: finding.rule for finding in findings}
    return [(count, rules[rule]) for rule, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def accounts(report: Report) -> Iterator[tuple[str, Declaration, str]]:
    """Yield declarations that need an explanation, each with a label and a text: those that exist only with other
    values of inputs, and those that were not evaluated.
    """
    for one in report.evaluated:
        if one.condition:
            yield "evaluated", one, visible(f"{one.address} ({one.condition})")
    for one in report.skipped:
        yield "skipped", one, visible(f"{one.address} was not evaluated: {one.reason}")


def configuration(report: Report) -> str:
    """Return the path of the configuration file, for verbose reports."""
    return f"configuration: {visible(report.configuration) or 'none'}"


def summary(report: Report, *, options: bool = True, strict: bool = False) -> str:
    """Return ``Found 9 issues (1 high, 8 low) in 2 key vaults.``, followed by the counts of what else was found.

    If findings are about several instances, the number of these is included: ``2 issues (1 high, 1 low) on 7
    resources``. Every other number counts units (``model.identity``), and is the same in all formats. ``options``
    names the options that list what else was found. If the run is ``strict``, unknown results fail it.
    """
    findings, others = report.counted(report.findings), report.uncounted(report.findings)
    text = f"{_issues(findings)}{_scope(report, findings)}."
    if not findings and not any(report.resource_counts.values()):
        text = f"No Key Vault resources found{_inputs(report)}."
    if others:
        text += f" {len(others)} more in tests and examples{test_folders(report)}."
    elif report.test_folders:
        text += f" Findings in tests and examples have medium severity at most{test_folders(report)}."
    unknown = report.counted(report.unknown)
    if unknown:
        verb = "check is" if len(unknown) == 1 else "checks are"
        option = " (--show-unknown)" if options else ""
        text += f" {len(unknown)} {verb} unknown because of {pluralize(len(unknown_causes(unknown)), 'value')}{option}."
    in_tests = len(report.uncounted(report.unknown))
    if in_tests and options:
        text += f" {pluralize(in_tests, 'unknown result')} in tests and examples not shown."
    if strict and report.unknown:
        text += f" {pluralize(len(report.counted(report.unknown)), 'unknown result')} counted as findings (--strict)."
    if report.suppressed:
        text += f" {len(report.suppressed)} suppressed."
    if report.skipped:
        text += f" {pluralize(len(report.skipped), 'declaration')} not evaluated{' (--verbose)' if options else ''}."
    if report.problems:
        errors = sum(problem.level == "error" for problem in report.problems)
        text += f" {pluralize(len(report.problems), 'problem')}."
        if errors:
            text += " Analysis incomplete: an input could not be read or used."
    return text


def test_folders(report: Report) -> str:
    """Return `` (examples, modules/kv/tests)``: the folders of findings in tests and examples; "" if there are none."""
    listed = report.test_folders[:_MOST_FOLDERS]
    more = len(report.test_folders) - len(listed)
    text = ", ".join(listed) + (f" and {more} more" if more else "")
    return visible(f" ({text})") if text else ""


def _issues(findings: Sequence[Finding]) -> str:
    if not findings:
        return "No issues found"
    counts = Counter(finding.severity for finding in findings)
    graded = ", ".join(f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True))
    return f"Found {pluralize(len(findings), 'issue')} ({graded})"


def _on_resources(findings: Iterable[Finding]) -> str:
    """Return `` on 7 resources`` for findings of which one is about several resources, or an empty string."""
    about = [{(one.root, one.address, one.full_name) for one in finding.occurrences} for finding in findings]
    resources = set().union(*about)
    is_shared = any(len(names) > 1 for names in about)
    return f" on {pluralize(len(resources), 'resource')}" if is_shared else ""


def _inputs(report: Report) -> str:
    """Return `` in 1 Terraform module and 2 Bicep files``, or an empty string."""
    counts = [pluralize(count, kind) for kind, count in report.unit_counts.items() if count]
    listed = ", ".join(counts[:-1])
    return f" in {' and '.join(part for part in (listed, *counts[-1:]) if part)}" if counts else ""


def _scope(report: Report, findings: Iterable[Finding]) -> str:
    """Return `` in 2 key vaults and 1 managed HSM``, or the number of evaluated resources if there is neither.

    If a finding is about several resources, the number of resources with findings comes first.
    """
    on_resources = _on_resources(findings)
    counts = {kind.lower(): count for kind, count in report.resource_counts.items() if count}
    vaults = [pluralize(counts[kind], *nouns) for kind, nouns in VAULT_NOUNS.items() if kind in counts]
    if vaults:
        return f"{on_resources} in {' and '.join(vaults)}"
    if on_resources:
        return on_resources
    total = sum(counts.values())
    return f" in {pluralize(total, 'resource')}" if total else ""


def resource_noun(kind: str) -> tuple[str, str]:
    """Return singular and plural of the last part of a type: ``access policy`` for ``accessPolicies``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.rpartition("/")[2]).split()
    plural = visible(" ".join(word.lower() if word[1:].islower() else word for word in words))
    if "/managedHSMs/" in kind:
        plural = f"HSM {plural}"
    singular = f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")
    return singular, plural


def evaluated_resources(counts: Mapping[str, int]) -> str:
    """Return ``3 vaults, 1 managed HSM``, the most frequent type first."""
    types = sorted((kind for kind in counts if counts[kind]), key=lambda kind: (-counts[kind], kind))
    return ", ".join(pluralize(counts[kind], *resource_noun(kind)) for kind in types)
