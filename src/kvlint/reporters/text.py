"""A report for people: plain lines for pipes and logs; on a terminal another layout of the same words.

Plain lines are kept stable, so that scripts may search them::

    path:line:column: severity KV001 message
    path:line:column: severity KV001 message [and 2 more: address, address]
    path:line:column: undecided KV001 'address' cannot be judged: why
    path:line:column: suppressed KV001 message
    path:line:column: error KVE001 message
"""

from __future__ import annotations

from collections.abc import Iterator

from kvlint.model.report import Finding, Report
from kvlint.reporters import Options
from kvlint.reporters.wording import details, place, problem_line, statistics, summary, suppression, whole


def text(report: Report, options: Options) -> str:
    """The report as text that ends with a line break, or ``""`` where there is nothing to say."""
    if options.verbosity < 0:
        lines: Iterator[str] = (_line(finding, finding.severity.label) for finding in report.findings)
    elif options.terminal:
        from kvlint.reporters.terminal import terminal

        lines = terminal(report, options)
    else:
        lines = _plain(report, options)
    return "".join(f"{line}\n" for line in lines)


def _plain(report: Report, options: Options) -> Iterator[str]:
    told = [(finding, finding.severity.label) for finding in report.findings]
    told += [(finding, "undecided") for finding in report.undecided]
    for finding, label in told:
        yield _line(finding, label)
        if options.verbosity > 0:
            yield from (f"    {label}: {text}" for label, text in details(finding, references=True))
    if options.verbosity > 0 or options.suppressed:
        for finding in report.suppressed:
            yield _line(finding, "suppressed")
            yield f"    ignored: {suppression(finding)}"
    for problem in report.problems:
        yield problem_line(problem)
    if options.statistics:
        yield from (f"{count:6} {rule.id} {rule.name}" for count, rule in statistics(report))
    yield summary(report)


def _line(finding: Finding, label: str) -> str:
    return f"{place(finding.at)}: {label} {finding.rule.id} {whole(finding)}"
