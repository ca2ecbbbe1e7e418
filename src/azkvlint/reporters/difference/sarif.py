"""Render a difference as the SARIF log of HEAD, in which each result has its ``baselineState``.

The log is complete: a log of the new results alone would close the alerts of the others.
"""

from __future__ import annotations

from azkvlint.model.difference import GONE, NEW, UNCHANGED, Difference
from azkvlint.model.finding import Outcome
from azkvlint.reporters import Options
from azkvlint.reporters.findings.sarif import BaselineStates, log

# The states of SARIF by those of findings; any other is an update.
_STATES = {NEW: "new", UNCHANGED: "unchanged"}


def sarif(difference: Difference, options: Options) -> bytes:
    """Return the log as UTF-8; equal differences result in equal bytes."""
    found: dict[int, set[str]] = {}
    for change in difference.changes:
        before = change.before
        # Unknown and suppressed results are not in the log of BASE.
        is_new = before is not None and (before.outcome is not Outcome.FAIL or before.suppressed is not None)
        found.setdefault(id(change.whole), set()).add("new" if is_new else _STATES.get(change.state, "updated"))
    states = {key: words.pop() if len(words) == 1 else "updated" for key, words in found.items()}
    for finding in difference.report.findings:
        # Of a rule that did not run on both sides nothing earlier is known.
        states.setdefault(id(finding), "new")
    absent = [
        change.finding
        for change in difference.of_state(GONE)
        if change.finding.outcome is Outcome.FAIL and len(change.finding.occurrences) == len(change.whole.occurrences)
    ]
    kept = {id(finding): states[id(finding)] for finding in difference.report.findings}
    return log(difference.report, options, BaselineStates(kept, absent))
