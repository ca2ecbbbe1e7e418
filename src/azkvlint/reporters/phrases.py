"""The sentences that formats for people share. All of it is safe to print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from azkvlint.model.finding import CALLED, Declaration, Evidence, Finding, Note, Outcome, Problem, Report
from azkvlint.model.location import Location
from azkvlint.model.rule import Rule
from azkvlint.model.value import Origin
from azkvlint.util.lazy_regex import regex
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import visible

# Of the resources that one finding is about, so many are named after the first.
_NAMED = 3
_PLACEHOLDER = regex(r"\{(\w+)\}")
_FIRST = ("vaults", "vaults/secrets", "vaults/keys", "vaults/certificates", "managedHSMs")


def pieces(message: str) -> tuple[str | int, ...]:
    """Return a rule's message cut at its placeholders: texts, and numbers in order of first appearance.

    ``'{name}' is '{value}', '{name}'`` gives ``("'", 0, "' is '", 1, "', '", 0, "'")``.
    """
    numbers: dict[str, int] = {}
    parts = _PLACEHOLDER.split(message)
    found = [numbers.setdefault(part, len(numbers)) if index % 2 else part for index, part in enumerate(parts)]
    return tuple(piece for piece in found if piece != "")


def place(at: Location) -> str:
    """``path:line:column``, or the path alone where the input has no lines.

    A path that could be taken for something else at the start of a line gets ``./`` before it.
    """
    path = visible(at.path)
    if not path[:1].isalnum() and path[:1] not in {".", "_"}:
        path = f"./{path}"
    return path if at.region is None else f"{path}:{at.region.start_line}:{at.region.start_column}"


@lru_cache(maxsize=1024)
def paragraph(text: str) -> str:
    """Return a rule's folded text on one line."""
    return visible(" ".join(text.split()))


def label_of(finding: Finding) -> str:
    """Return the word before a finding in text: its severity, or that it is undecided."""
    return "undecided" if finding.outcome is Outcome.UNDECIDED else finding.severity.label


def headline(finding: Finding) -> str:
    """Return what is wrong, or that it is unknown; it always names the resource."""
    if finding.outcome is Outcome.UNDECIDED:
        return f"'{visible(finding.resource)}' cannot be judged: {visible(finding.why)}"
    return visible(finding.message)


def full_text(finding: Finding) -> str:
    """Return the headline, the call that leads to it, and what else it is about."""
    return f"{headline(finding)}{call_note(finding)}{occurrence_note(finding)}"


def sentence(finding: Finding) -> str:
    """``path:line:column: KV001 message``, for formats that say elsewhere how bad it is."""
    return f"{place(finding.at)}: {finding.rule.id} {full_text(finding)}"


def call_note(finding: Finding) -> str:
    """`` [called at path:line:column]``: of a module that several use, its place does not say whose finding it is."""
    calls = [note.at for note in finding.related if note.text == CALLED]
    return f" [called at {place(calls[0])}]" if calls else ""


def problem_text(problem: Problem) -> str:
    """Return what is wrong with an input, and how to mend it."""
    hint = f" ({visible(problem.hint)})" if problem.hint else ""
    return f"{visible(problem.message)}{hint}"


def problem_sentence(problem: Problem) -> str:
    """``path:line:column: KVE001 message (hint)``, for formats that say elsewhere how bad it is."""
    at = "" if problem.at is None else f"{place(problem.at)}: "
    return f"{at}{problem.code} {problem_text(problem)}"


def problem_line(problem: Problem) -> str:
    """``path:line:column: error KVE001 message (hint)``; without a place the message alone has to say where."""
    at = "kvlint" if problem.at is None else place(problem.at)
    return f"{at}: {problem.level} {problem.code} {problem_text(problem)}"


def evidence_text(evidence: Evidence, finding: Finding) -> str:
    """Return what was found where, what was expected, and where the value comes from."""
    other = evidence.at.address if evidence.at.address not in (None, finding.resource) else None
    where = " of ".join(part for part in (evidence.attribute, other) if part)
    text = f"{where} is {evidence.found}" if where else evidence.found
    text += f", wanted {evidence.expected}"
    origin = [part for part in (evidence.origin, evidence.note) if part and part not in (Origin.WRITTEN, Origin.ABSENT)]
    if origin:
        text += f" ({', '.join(origin)})"
    if evidence.hops:
        text += f", through {' -> '.join(evidence.hops)}"
    text = visible(text)
    same = evidence.at.path == finding.at.path and evidence.at.region in (None, finding.at.region)
    return f"{text} [{place(evidence.at)}]" if not same else text


def note_text(note: Note) -> str:
    """Return a place that helps to understand, and why."""
    return f"{visible(note.text)} [{place(note.at)}]"


def occurrence_note(finding: Finding) -> str:
    """`` [and 2 more: kv["b"], kv["c"]]`` where a finding is about several resources; of them the next three.

    One that is in a folder of tests or examples is marked after that.
    """
    mark = " [in tests or examples]" if finding.in_tests else ""
    others = finding.occurrences[1:]
    if not others:
        return mark
    root = finding.occurrences[0].root
    names = [one.address if one.root == root else f"{one.address} of {one.root}" for one in others[:_NAMED]]
    names += ["..."] if len(others) > _NAMED else []
    return visible(f" [and {len(others)} more: {', '.join(names)}]") + mark


def suppression(finding: Finding) -> str:
    """Return why a finding does not count, until when, and where that is written; empty for one that counts."""
    reason = finding.suppressed
    if reason is None:
        return ""
    said = [f"{reason.tool} comment"] if reason.tool else []
    said += [f"until {reason.until}"] if reason.until else []
    said += [f"owner {reason.owner}"] if reason.owner else []
    more = f" ({', '.join(said)})" if said else ""
    # Bicep's own directives give none.
    why = reason.justification or "no reason"
    return f"{visible(why + more)} [{place(reason.at)}]"


def details(finding: Finding, *, references: bool) -> list[tuple[str, str]]:
    """Return everything there is to say below a finding's headline, as (label, text) in reading order."""
    rule = finding.rule
    lines = [("ignored", suppression(finding))] if finding.suppressed is not None else []
    lines += [("also", visible(one.message)) for one in finding.occurrences[1 : _NAMED + 1]]
    lines += [("found", evidence_text(evidence, finding)) for evidence in finding.evidence]
    lines += [("note", note_text(note)) for note in finding.related]
    lines += [("why", paragraph(rule.why)), ("fix", paragraph(rule.fix))]
    if references:
        lines += [("see", visible(link)) for link in rule.references]
    return lines


def statistics(report: Report) -> list[tuple[int, Rule]]:
    """Return how many findings each rule has that count, most first; rules without any are left out."""
    findings = report.counted(report.findings)
    counts = Counter(finding.rule.id for finding in findings)
    rules = {finding.rule.id: finding.rule for finding in findings}
    return [(count, rules[rule]) for rule, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def skipped_text(declaration: Declaration) -> str:
    """Return why a declaration was not evaluated."""
    return visible(f"'{declaration.address}' was not evaluated: {declaration.reason}")


def configuration(report: Report) -> str:
    """Return which file the settings were read from, for verbose reports."""
    return f"configuration: {visible(report.configuration) or 'none'}"


def summary(report: Report) -> str:
    """``1 vault, 12 secrets judged: 2 findings (1 high, 1 low), 1 undecided, 0 problems``.

    Findings about several instances state how many: ``2 findings (1 high, 1 low) in 7 instances``. Those in folders
    of tests and examples are counted apart. Where declarations were skipped, both counts follow:
    ``; 12 declarations evaluated, 1 skipped``.
    """
    findings, others = report.counted(report.findings), report.uncounted(report.findings)
    counts = Counter(finding.severity for finding in findings)
    said = pluralize(len(findings), "finding")
    if counts:
        graded = (f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True))
        said += f" ({', '.join(graded)})"
    said += _instances(findings)
    if others:
        said += f", {len(others)} more in tests and examples{_instances(others)}"
    said += f", {len(report.undecided)} undecided{_instances(report.undecided)}"
    if report.suppressed:
        said += f", {len(report.suppressed)} suppressed{_instances(report.suppressed)}"
    said = f"{evaluated_resources(report.resource_counts)}: {said}, {pluralize(len(report.problems), 'problem')}"
    if not report.skipped:
        return said
    return f"{said}; {pluralize(len(report.evaluated), 'declaration')} evaluated, {len(report.skipped)} skipped"


def _instances(findings: Sequence[Finding]) -> str:
    """Of how many instances findings are, if of more than there are findings."""
    count = sum(max(len(finding.occurrences), 1) for finding in findings)
    return f" in {count} instances" if count > len(findings) else ""


def evaluated_resources(counts: Mapping[str, int]) -> str:
    """``3 vaults, 1 managed HSM judged``: what Key Vault is first made of, then the rest by type."""
    types = sorted((kind for kind in counts if counts[kind]), key=_rank)
    return (
        ", ".join(pluralize(counts[kind], *_nouns(kind)) for kind in types) + " judged" if types else "nothing judged"
    )


def _rank(kind: str) -> tuple[int, str]:
    short = kind.removeprefix("Microsoft.KeyVault/")
    return (_FIRST.index(short) if short in _FIRST else len(_FIRST), kind)


def _nouns(kind: str) -> tuple[str, str]:
    """Singular and plural of the last part of a type: ``accessPolicies`` gives ``access policy``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.rpartition("/")[2]).split()
    plural = visible(" ".join(word.lower() if word[1:].islower() else word for word in words))
    if "/managedHSMs/" in kind:
        plural = f"HSM {plural}"
    singular = f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")
    return singular, plural
