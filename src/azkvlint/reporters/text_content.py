"""Select what the text formats show, in plain lines and on a terminal, with short addresses and marked lines."""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from azkvlint.model.finding import Evidence, Finding, Note, Problem, Report
from azkvlint.model.location import Excerpt, Region
from azkvlint.reporters import Options
from azkvlint.reporters.grouping import FindingGroup, UnknownCause, fold, is_minor, unknown_causes
from azkvlint.reporters.phrases import condition_note
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import pluralize, visible, without_namespaces

# A call in braces, which is a name that is known only after deployment: {guid('a', 'b')}.
_CALL = regex(r"\{(\w+)\(((?:'(?:[^']|'')*'|[^'{}])*)\)\}")
# The same, cut off because the address is too long.
_CUT_CALL = regex(r"\{(\w+)\((?:'(?:[^']|'')*+'|[^'{}])*+'[^'{}]*?\.\.\.(?=\s|$)")
_LITERAL = regex(r"'((?:[^']|'')*)'")
# Shorter calls stay as they are.
_SHORT, _LONGEST_LITERAL = 24, 40


def short_address(text: str) -> str:
    """Return a text with short addresses.

    They have no namespaces (``vaults/kv``), and each long call in braces has only its last literal:
    ``{guid(..., 'owner')}``. Types in backquotes and resource IDs stay as they are.
    """
    if "Microsoft." in text:
        text = without_namespaces(text)
    return _CUT_CALL.sub(r"{\1(...)}", _CALL.sub(_shorten, text)) if "{" in text else text


def _shorten(match: re.Match[str]) -> str:
    literals = [one for one in _LITERAL.findall(match[2]) if one]
    if len(match[0]) <= _SHORT:
        return match[0]
    last = literals[-1] if literals and len(literals[-1]) <= _LONGEST_LITERAL else ""
    return f"{{{match[1]}(..., '{last}')}}" if last else f"{{{match[1]}(...)}}"


def with_short_addresses(finding: Finding) -> Finding:
    """Return a finding with short addresses in all of its texts."""
    texts = (finding.message, *(note.at.address or "" for note in finding.evidence))
    if not any("{" in text or "Microsoft." in text for text in texts):
        return finding
    return msgspec.structs.replace(
        finding,
        message=short_address(finding.message),
        arguments=tuple(map(short_address, finding.arguments)),
        resource=short_address(finding.resource),
        label=short_address(finding.label),
        why=short_address(finding.why),
        evidence=tuple(map(_evidence, finding.evidence)),
        related=tuple(Note(text=short_address(note.text), at=note.at) for note in finding.related),
        occurrences=tuple(
            msgspec.structs.replace(one, address=short_address(one.address), message=short_address(one.message))
            for one in finding.occurrences
        ),
    )


def _evidence(evidence: Evidence) -> Evidence:
    address = evidence.at.address
    at = evidence.at if address is None else msgspec.structs.replace(evidence.at, address=short_address(address))
    hops = tuple(map(short_address, evidence.hops))
    return msgspec.structs.replace(
        evidence, found=short_address(evidence.found), note=short_address(evidence.note), at=at, hops=hops
    )


# The number of causes of unknown results, and of problems with one code and level, that are listed by default.
_MOST_CAUSES = 3
MOST_PROBLEMS = {"note": 3, "warning": 3, "error": 10}
_MOST_RULES = 6


def blocks(report: Report, options: Options) -> list[FindingGroup]:
    """Return the findings as blocks, those that count first; each finding by itself if the report is verbose."""
    counted, others = report.counted(report.findings), report.uncounted(report.findings)
    if options.verbosity > 0:
        return [FindingGroup(with_short_addresses(finding)) for finding in counted + others]
    return [_shortened(block) for block in (*fold(counted), *fold(others))]


def _shortened(block: FindingGroup) -> FindingGroup:
    return FindingGroup(
        with_short_addresses(block.finding),
        [with_short_addresses(finding) for finding in block.others],
        [with_short_addresses(finding) for finding in block.same_cause],
    )


def listed_unknown(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the unknown results that are listed one by one."""
    if not (options.show_unknown or options.strict or options.verbosity > 0):
        return ()
    return tuple(map(with_short_addresses, report.counted(report.unknown) + report.uncounted(report.unknown)))


def summarized_unknown(report: Report, options: Options) -> tuple[list[UnknownCause], int]:
    """Return the first causes of unknown results that matter, if these are not listed one by one; and the number of
    the other causes.
    """
    if listed_unknown(report, options):
        return [], 0
    unknown = report.counted(report.unknown)
    causes = unknown_causes(finding for finding in unknown if not is_minor(finding))[:_MOST_CAUSES]
    return causes, len(unknown_causes(unknown)) - len(causes)


def listed_problems(report: Report, options: Options) -> tuple[list[Problem], int]:
    """Return the problems to list, and the number of omitted ones: only the first of each code and level are listed."""
    if options.verbosity > 0:
        return list(report.problems), 0
    seen: Counter[tuple[str, str]] = Counter()
    listed = []
    for problem in report.problems:
        seen[problem.code, problem.level] += 1
        if seen[problem.code, problem.level] <= MOST_PROBLEMS.get(problem.level, len(report.problems)):
            listed.append(problem)
    return listed, len(report.problems) - len(listed)


def same_cause_note(block: FindingGroup) -> str:
    """Return `` [also KV006, KV307]`` for findings of other rules with the same cause."""
    ids = list(dict.fromkeys(finding.rule.id for finding in block.same_cause))
    return visible(f" [also {', '.join(ids)}]") if ids else ""


def rule_list(cause: UnknownCause) -> str:
    """Return the ids of the rules whose results have a cause."""
    ids = cause.rules
    more = f", and {len(ids) - _MOST_RULES} more" if len(ids) > _MOST_RULES else ""
    return visible(", ".join(ids[:_MOST_RULES]) + more)


def resource_list(cause: UnknownCause) -> str:
    """Return the resource whose results have a cause, with the condition of all results, or how many resources."""
    resources = cause.resources
    if len(resources) > 1:
        return pluralize(len(resources), "resource")
    notes = set(map(condition_note, cause.results))
    return f"{visible(short_address(resources[0]))}{notes.pop() if len(notes) == 1 else ''}"


def omitted_problems(count: int) -> str:
    """Return the remark on problems that are not listed."""
    return f"{pluralize(count, 'more problem')} of these kinds (--verbose)"


def omitted_causes(count: int) -> str:
    """Return the remark on causes of unknown results that are not listed."""
    return f"{pluralize(count, 'more cause')} of unknown results (--show-unknown)"


def shows_hints(options: Options) -> bool:
    """Return whether the summary names the options that list more: not if they are in use."""
    return options.verbosity <= 0 and not options.show_unknown


_TAB = "    "


def marked_line(region: Region, excerpt: Excerpt, room: int) -> tuple[str, str, str]:
    """Return the region's first line in three parts: before the region, the region, after it.

    The parts are escaped, and cut to ``room`` characters around the region.
    """
    return _clip(_line(region, excerpt), room)


def _line(region: Region, excerpt: Excerpt) -> tuple[str, str, str]:
    """Return the region's first line in three parts: before the region, the region, after it.

    Replaced secrets may shift the text after them on the same line. If the region's text is not at its column, it is
    searched for; if it is not found, it is shown alone.
    """
    marked = excerpt.text.split("\n", 1)[0].rstrip("\r")
    lines = excerpt.context_text.split("\n")
    index = region.start_line - excerpt.context.start_line
    line = lines[index].rstrip("\r") if 0 <= index < len(lines) else marked
    start = region.start_column - (excerpt.context.start_column if index == 0 else 1)
    if start < 0 or not line.startswith(marked, start):
        start = line.find(marked)
    if start < 0:
        return "", marked, ""
    return line[:start], marked, line[start + len(marked) :]


def _clip(parts: tuple[str, str, str], room: int) -> tuple[str, str, str]:
    """Return the three parts escaped, and cut to ``room`` characters around the middle one."""
    before, marked, after = (visible(part.replace("\t", _TAB)) for part in parts)
    if len(before) + len(marked) + len(after) <= room:
        return before, marked, after
    if len(marked) > room:
        return "", f"{marked[: room - 3]}...", ""
    left = max(room - len(marked) - min(len(after), 20), 0)
    if len(before) > left:
        before = f"...{before[len(before) - left + 3 :]}" if left > 3 else ""
    right = room - len(before) - len(marked)
    if len(after) > right:
        after = f"{after[: right - 3]}..." if right > 3 else ""
    return before, marked, after
