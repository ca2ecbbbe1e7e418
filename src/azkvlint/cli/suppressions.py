"""The command ``kvlint suppressions PATH...``: list all suppressions with their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

import msgspec

from azkvlint import __version__
from azkvlint.cli.check import with_settings
from azkvlint.cli.output import print_problems, progress_bar, write
from azkvlint.cli.resolve import cache_of, config_of, errors_and_targets, peer_tools_of, print_cache_fault
from azkvlint.config.settings import Settings
from azkvlint.linter.group_instances import group_findings
from azkvlint.linter.linter import combined_result, exit_code_of
from azkvlint.linter.suppressions import EXPIRED_SUPPRESSION, MALFORMED_SUPPRESSION, UNUSED_SUPPRESSION
from azkvlint.model.finding import Finding, Outcome, Problem, without_notes
from azkvlint.model.suppression import EXPIRED, MALFORMED, STATES, UNUSED, DirectiveId, SuppressionDirective
from azkvlint.reporters.findings.json import location
from azkvlint.reporters.findings.json import problem as as_json
from azkvlint.reporters.phrases import place
from azkvlint.util.text import encode, pluralize, visible

FORMAT_VERSION = 2
# The maximum number of equivalent rules that are listed for one comment.
_NAMED = 5
_STALE = frozenset({EXPIRED, MALFORMED})
# Problems that repeat the state of a listed suppression.
_LISTED = frozenset({EXPIRED_SUPPRESSION, MALFORMED_SUPPRESSION, UNUSED_SUPPRESSION})


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The sorted suppressions, and the ids of those in use.

    ``by_peers`` counts the findings that comments for other tools suppress. ``is_from_peers``: only such comments are
    listed.
    """

    directives: tuple[SuppressionDirective, ...]
    used: frozenset[DirectiveId]
    problems: tuple[Problem, ...]
    by_peers: int
    is_from_peers: bool


@with_settings("suppressions")
def run_suppressions(settings: Settings) -> int:
    """List the suppressions of the inputs and return the exit code: 1 if any is expired or malformed."""
    errors, targets = errors_and_targets(settings, _REPORTERS)
    tools = errors.attempt((), peer_tools_of, settings)
    # A suppression of an unknown result is in use, so unknown results are needed.
    config = config_of(settings, [("json", file) for _, file in targets], errors)
    cache = cache_of(settings)
    if tools:
        config = msgspec.structs.replace(config, peer_tools=tools)
    with progress_bar() as progress:
        total = combined_result(config, progress, cache)
    print_cache_fault(cache)
    directives = [each for each in dict.fromkeys(total.directives) if not tools or each.tool]
    problems = [each for each in dict.fromkeys(total.problems) if each.code not in _LISTED]
    listing = Listing(
        directives=tuple(sorted(directives, key=_order)),
        used=frozenset(total.used),
        problems=tuple(problems),
        by_peers=sum(_is_by_peer(each) for each in group_findings(total.suppressed)),
        is_from_peers=bool(tools),
    )
    for name, file in targets:
        write(_REPORTERS[name](listing), file)
    print_problems(without_notes(problems))
    # Comments for other tools do not affect the exit code.
    stale = any(each.state(total.used) in _STALE for each in listing.directives if not each.tool)
    return exit_code_of(total.read, problems, stale)


def _is_by_peer(finding: Finding) -> bool:
    return finding.outcome is Outcome.FAIL and finding.suppressed is not None and bool(finding.suppressed.tool)


def _order(directive: SuppressionDirective) -> tuple[object, ...]:
    return *directive.at.order, directive.kind, directive.rules


def _text(listing: Listing) -> str:
    return "".join(f"{line}\n" for line in (*_text_lines(listing), _summary(listing)))


def _text_lines(listing: Listing) -> Iterator[str]:
    for directive in listing.directives:
        state = directive.state(listing.used)
        reason = directive.fault if state == MALFORMED else directive.reason or "no reason"
        details = [f"until {directive.until}"] if directive.until else []
        details += [f"owner {directive.owner}"] if directive.owner else []
        details += [directive.condition] if directive.condition else []
        unused = directive.unused(listing.used)
        # A comment for another tool also serves that tool's checks, so its unused rules are not reported.
        if unused and state != UNUSED and not directive.tool:
            details.append(f"unused: {', '.join(unused)}")
        tail = f" ({', '.join(details)})" if details else ""
        yield f"{place(directive.at)}: {state} " + visible(f"{_description(directive)}: {reason}{tail}")


def _description(directive: SuppressionDirective) -> str:
    """Return the kind and the rules of a suppression: ``checkov comment CKV_AZURE_110 (KV001)``."""
    if not directive.tool:
        return f"{directive.kind} {', '.join(directive.rules) or 'no rule'}"
    rules = ", ".join(directive.rules[:_NAMED])
    rest = len(directive.rules) - _NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"{directive.tool} {directive.kind} {', '.join(directive.ids)} ({rules}{more})"


def _summary(listing: Listing) -> str:
    counts = Counter(directive.state(listing.used) for directive in listing.directives)
    noun = "comment for another tool" if listing.is_from_peers else "suppression"
    plural = "comments for other tools" if listing.is_from_peers else "suppressions"
    total = pluralize(len(listing.directives), noun, plural)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    summary = f"{total}: {states}" if states else total
    if not any(directive.tool for directive in listing.directives):
        return summary
    verb = "would suppress" if listing.is_from_peers else "suppress"
    subject = "they" if listing.is_from_peers else "comments for other tools"
    return f"{summary}; {subject} {verb} {pluralize(listing.by_peers, 'finding')}"


def _json(listing: Listing) -> bytes:
    counts = Counter(directive.state(listing.used) for directive in listing.directives)
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": __version__},
            "summary": {**{state: counts[state] for state in STATES}, "findings": listing.by_peers},
            "suppressions": [_fields(directive, listing.used) for directive in listing.directives],
            "problems": [as_json(problem) for problem in listing.problems],
        }
    )


def _fields(directive: SuppressionDirective, used: AbstractSet[DirectiveId]) -> Mapping[str, Any]:
    return {
        "kind": directive.kind,
        "state": directive.state(used),
        "tool": directive.tool or None,
        "ids": directive.ids,
        "rules": directive.rules,
        "unusedRules": directive.unused(used),
        "reason": directive.reason,
        "condition": directive.condition or None,
        "owner": directive.owner or None,
        "until": directive.until or None,
        "fault": directive.fault or None,
        "location": location(directive.at),
    }


_Reporter: TypeAlias = Callable[[Listing], str | bytes]
_REPORTERS: Mapping[str, _Reporter] = {"text": _text, "json": _json}
