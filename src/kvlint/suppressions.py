"""``kvlint suppressions PATH...``: everything that suppresses findings, and whether it still does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from kvlint import __version__, suppress
from kvlint.arguments import Arguments
from kvlint.check import exit_code_of, judged_all
from kvlint.command import show_settings
from kvlint.model.report import Problem
from kvlint.model.said import EXPIRED, MALFORMED, STATES, UNUSED, Mark, Said
from kvlint.reporters.json import location
from kvlint.reporters.json import problem as as_json
from kvlint.reporters.safe import encode, visible
from kvlint.reporters.wording import place
from kvlint.requested import config_of, targets_of
from kvlint.settings import settled
from kvlint.streams import progress_bar, tell_problems, write

FORMAT_VERSION = 1
_STALE = frozenset({EXPIRED, MALFORMED})
# The codes of problems that say what the list itself says.
_LISTED = frozenset({suppress.EXPIRED, suppress.MALFORMED, suppress.UNUSED})


def run_suppressions(arguments: Arguments) -> int:
    """List the suppressions of what the arguments name, and answer the exit code: 1 if any is expired or malformed."""
    said = settled(arguments, "suppressions")
    if arguments.show_settings:
        return show_settings(said, "suppressions")
    targets = targets_of(said, _REPORTERS)
    # What is used by an undecided question is used.
    config = config_of(said, [("json", file) for _, file in targets])
    with progress_bar() as progress:
        total = judged_all(config, progress)
    found = sorted(dict.fromkeys(total.said), key=_order)
    problems = [one for one in dict.fromkeys(total.problems) if one.code not in _LISTED]
    for name, file in targets:
        write(_REPORTERS[name](found, total.used, problems), file)
    tell_problems([one for one in problems if one.level != "note"])
    return exit_code_of(total.read, problems, any(one.state(total.used) in _STALE for one in found))


def _order(one: Said) -> tuple[object, ...]:
    region = one.at.region
    return one.at.path, (0, 0) if region is None else (region.start_line, region.start_column), one.kind, one.rules


def _text(found: Sequence[Said], used: AbstractSet[Mark], problems: Sequence[Problem]) -> str:
    lines = [*_lines(found, used), _summary(found, used)]
    return "".join(f"{line}\n" for line in lines)


def _lines(found: Sequence[Said], used: AbstractSet[Mark]) -> Iterator[str]:
    for one in found:
        state = one.state(used)
        says = one.fault if state == MALFORMED else one.reason or "no reason"
        more = [f"until {one.until}"] if one.until else []
        more += [f"owner {one.owner}"] if one.owner else []
        unused = one.unused(used)
        if unused and state != UNUSED:
            more.append(f"unused: {', '.join(unused)}")
        tail = f" ({', '.join(more)})" if more else ""
        yield f"{place(one.at)}: {state} {one.kind} " + visible(f"{', '.join(one.rules) or 'no rule'}: {says}{tail}")


def _summary(found: Sequence[Said], used: AbstractSet[Mark]) -> str:
    counts = Counter(one.state(used) for one in found)
    total = f"{len(found)} suppression{'' if len(found) == 1 else 's'}"
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return f"{total}: {states}" if states else total


def _json(found: Sequence[Said], used: AbstractSet[Mark], problems: Sequence[Problem]) -> bytes:
    counts = Counter(one.state(used) for one in found)
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": __version__},
            "summary": {state: counts[state] for state in STATES},
            "suppressions": [_one(one, used) for one in found],
            "problems": [as_json(problem) for problem in problems],
        }
    )


def _one(one: Said, used: AbstractSet[Mark]) -> Mapping[str, Any]:
    return {
        "kind": one.kind,
        "state": one.state(used),
        "rules": one.rules,
        "unusedRules": one.unused(used),
        "reason": one.reason,
        "owner": one.owner or None,
        "until": one.until or None,
        "fault": one.fault or None,
        "location": location(one.at),
    }


_Reporter: TypeAlias = Callable[[Sequence[Said], AbstractSet[Mark], Sequence[Problem]], str | bytes]
_REPORTERS: Mapping[str, _Reporter] = {"text": _text, "json": _json}
