"""``kvlint suppressions PATH...``: everything that suppresses findings, and whether it still does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

import msgspec

from azkvlint import __version__
from azkvlint.cli.check import show_settings
from azkvlint.cli.output import progress_bar, tell_problems, write
from azkvlint.cli.resolve import config_of, peer_tools_of, targets_of
from azkvlint.config.options import Arguments
from azkvlint.config.settings import resolve_settings
from azkvlint.linter import suppressions
from azkvlint.linter.group_instances import grouped
from azkvlint.linter.linter import exit_code_of, judged_all
from azkvlint.model.finding import Finding, Outcome, Problem
from azkvlint.model.suppression import EXPIRED, MALFORMED, STATES, UNUSED, DirectiveId, SuppressionDirective
from azkvlint.reporters.findings.json import location
from azkvlint.reporters.findings.json import problem as as_json
from azkvlint.reporters.phrases import place
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import encode, visible

FORMAT_VERSION = 1
# Of the rules that are equivalent to one comment, so many are named.
_NAMED = 5
_STALE = frozenset({EXPIRED, MALFORMED})
# The codes of problems that say what the list itself says.
_LISTED = frozenset({suppressions.EXPIRED, suppressions.MALFORMED, suppressions.UNUSED})


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Suppressions, sorted, and the marks of those that are in use.

    ``by_peers`` counts the findings that comments for other tools suppress; ``is_from_peers``: only these are listed.
    """

    said: tuple[SuppressionDirective, ...]
    used: frozenset[DirectiveId]
    problems: tuple[Problem, ...]
    by_peers: int
    is_from_peers: bool


def run_suppressions(arguments: Arguments) -> int:
    """List the suppressions of what the arguments name, and answer the exit code: 1 if any is expired or malformed."""
    said = resolve_settings(arguments, "suppressions")
    if arguments.show_settings:
        return show_settings(said, "suppressions")
    targets = targets_of(said, _REPORTERS)
    # What is used by an undecided question is used.
    config = config_of(said, [("json", file) for _, file in targets])
    tools = peer_tools_of(said)
    if tools:
        config = msgspec.structs.replace(config, peer_tools=tools)
    with progress_bar() as progress:
        total = judged_all(config, progress)
    listed = [one for one in dict.fromkeys(total.said) if not tools or one.tool]
    problems = [one for one in dict.fromkeys(total.problems) if one.code not in _LISTED]
    found = Listed(
        said=tuple(sorted(listed, key=_order)),
        used=frozenset(total.used),
        problems=tuple(problems),
        by_peers=sum(_is_by_peer(one) for one in grouped(total.suppressed)),
        is_from_peers=bool(tools),
    )
    for name, file in targets:
        write(_REPORTERS[name](found), file)
    tell_problems([one for one in problems if one.level != "note"])
    # Comments for other tools are not the concern of kvlint's exit code.
    stale = any(one.state(total.used) in _STALE for one in found.said if not one.tool)
    return exit_code_of(total.read, problems, stale)


def _is_by_peer(finding: Finding) -> bool:
    """Return whether a comment for another tool suppresses a finding."""
    return finding.outcome is Outcome.FAIL and finding.suppressed is not None and bool(finding.suppressed.tool)


def _order(one: SuppressionDirective) -> tuple[object, ...]:
    region = one.at.region
    return one.at.path, (0, 0) if region is None else (region.start_line, region.start_column), one.kind, one.rules


def _text(found: Listed) -> str:
    return "".join(f"{line}\n" for line in (*_lines(found), _summary(found)))


def _lines(found: Listed) -> Iterator[str]:
    for one in found.said:
        state = one.state(found.used)
        says = one.fault if state == MALFORMED else one.reason or "no reason"
        more = [f"until {one.until}"] if one.until else []
        more += [f"owner {one.owner}"] if one.owner else []
        more += [one.condition] if one.condition else []
        unused = one.unused(found.used)
        # Of the checks of another tool, rules that find nothing are no reason to change its comment.
        if unused and state != UNUSED and not one.tool:
            more.append(f"unused: {', '.join(unused)}")
        tail = f" ({', '.join(more)})" if more else ""
        yield f"{place(one.at)}: {state} " + visible(f"{_what(one)}: {says}{tail}")


def _what(one: SuppressionDirective) -> str:
    """Return what a suppression is, and what it is of: ``checkov comment CKV_AZURE_110 (KV001)``."""
    if not one.tool:
        return f"{one.kind} {', '.join(one.rules) or 'no rule'}"
    rules = ", ".join(one.rules[:_NAMED])
    rest = len(one.rules) - _NAMED
    return f"{one.tool} {one.kind} {', '.join(one.ids)} ({rules}{f' and {rest} more' if rest > 0 else ''})"


def _summary(found: Listed) -> str:
    counts = Counter(one.state(found.used) for one in found.said)
    what = "comment for another tool" if found.is_from_peers else "suppression"
    whats = "comments for other tools" if found.is_from_peers else "suppressions"
    total = pluralize(len(found.said), what, whats)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    said = f"{total}: {states}" if states else total
    if not any(one.tool for one in found.said):
        return said
    verb = "would suppress" if found.is_from_peers else "suppress"
    subject = "they" if found.is_from_peers else "comments for other tools"
    return f"{said}; {subject} {verb} {pluralize(found.by_peers, 'finding')}"


def _json(found: Listed) -> bytes:
    counts = Counter(one.state(found.used) for one in found.said)
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": __version__},
            "summary": {**{state: counts[state] for state in STATES}, "findings": found.by_peers},
            "suppressions": [_one(one, found.used) for one in found.said],
            "problems": [as_json(problem) for problem in found.problems],
        }
    )


def _one(one: SuppressionDirective, used: AbstractSet[DirectiveId]) -> Mapping[str, Any]:
    return {
        "kind": one.kind,
        "state": one.state(used),
        "tool": one.tool or None,
        "ids": one.ids,
        "rules": one.rules,
        "unusedRules": one.unused(used),
        "reason": one.reason,
        "condition": one.condition or None,
        "owner": one.owner or None,
        "until": one.until or None,
        "fault": one.fault or None,
        "location": location(one.at),
    }


_Reporter: TypeAlias = Callable[[Listed], str | bytes]
_REPORTERS: Mapping[str, _Reporter] = {"text": _text, "json": _json}
