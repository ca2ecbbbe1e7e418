"""Select what the text formats show, in plain lines and on a terminal."""

from __future__ import annotations

from collections import Counter

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.reporters import Options
from azkvlint.reporters.folding import Block, UnknownCause, fold, is_minor, unknown_causes
from azkvlint.reporters.short_addresses import short_address, with_short_addresses
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import visible

# The number of causes of unknown results, and of problems with one code and level, that are listed by default.
MOST_CAUSES = 3
MOST_PROBLEMS = {"note": 3, "warning": 3, "error": 10}
_MOST_RULES = 6


def blocks(report: Report, options: Options) -> list[Block]:
    """Return the findings as blocks, those that count first; each finding by itself if the report is verbose."""
    counted, others = report.counted(report.findings), report.uncounted(report.findings)
    if options.verbosity > 0:
        return [Block(with_short_addresses(finding)) for finding in counted + others]
    return [_shortened(block) for block in (*fold(counted), *fold(others))]


def _shortened(block: Block) -> Block:
    return Block(
        with_short_addresses(block.finding),
        [with_short_addresses(finding) for finding in block.others],
        [with_short_addresses(finding) for finding in block.same_cause],
    )


def listed_unknown(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the unknown results that are listed one by one."""
    if not (options.show_unknown or options.strict or options.verbosity > 0):
        return ()
    return tuple(map(with_short_addresses, report.counted(report.unknown) + report.uncounted(report.unknown)))


def summarized_unknown(report: Report, options: Options) -> list[UnknownCause]:
    """Return the causes of the unknown results that matter, if these are not listed one by one."""
    if listed_unknown(report, options):
        return []
    return unknown_causes(finding for finding in report.counted(report.unknown) if not is_minor(finding))


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


def same_cause_note(block: Block) -> str:
    """Return `` [also KV006, KV307]`` for findings of other rules with the same cause."""
    ids = list(dict.fromkeys(finding.rule.id for finding in block.same_cause))
    return visible(f" [also {', '.join(ids)}]") if ids else ""


def rule_list(cause: UnknownCause) -> str:
    """Return the ids of the rules whose results have a cause."""
    ids = cause.rules
    more = f", and {len(ids) - _MOST_RULES} more" if len(ids) > _MOST_RULES else ""
    return visible(", ".join(ids[:_MOST_RULES]) + more)


def resource_list(cause: UnknownCause) -> str:
    """Return the resource whose results have a cause, or the number of resources."""
    resources = cause.resources
    return visible(short_address(resources[0])) if len(resources) == 1 else pluralize(len(resources), "resource")


def omitted_problems(count: int) -> str:
    """Return the remark on problems that are not listed."""
    return f"{pluralize(count, 'more problem')} of these kinds (--verbose)"


def omitted_causes(count: int) -> str:
    """Return the remark on causes of unknown results that are not listed."""
    return f"{pluralize(count, 'more cause')} of unknown results (--show-unknown)"


def shows_hints(options: Options) -> bool:
    """Return whether the summary names the options that list more: not if they are in use."""
    return options.verbosity <= 0 and not options.show_unknown
