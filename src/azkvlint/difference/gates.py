"""The gates of ``--fail-on``: which differences make the exit code 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from azkvlint.difference.one_way_doors import (
    DELETED,
    HSM,
    KEY_DESTROYED,
    PURGE_PROTECTION,
    REPLACED,
    RETENTION,
    TENANT_CHANGED,
)
from azkvlint.model.difference import (
    ACCEPTED,
    CHANGED,
    GAINED,
    GONE,
    LOST,
    NEW,
    SUPPRESSED,
    UNKNOWN,
    WIDER,
    BrokenGate,
    Difference,
    FindingChange,
    counted,
)
from azkvlint.model.finding import Outcome
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.util.errors import UsageError, did_you_mean

NO_GATE = "none"
_ONE_WAY, _DESTROYED, _KEPT = "one-way", "destroyed", "kept"
_ACCESS = {"access-lost": LOST, "access-gained": GAINED, "access-wider": WIDER}
# The kinds of one-way doors that meet a gate; None: any.
_DOORS: Mapping[str, tuple[str, ...] | None] = {
    _ONE_WAY: None,
    _DESTROYED: (DELETED, KEY_DESTROYED),
    **{kind: (kind,) for kind in (REPLACED, PURGE_PROTECTION, RETENTION, TENANT_CHANGED, HSM)},
}
_OF_FINDINGS = (NEW, CHANGED, GONE, UNKNOWN)
_KINDS = (*_OF_FINDINGS, SUPPRESSED, *_DOORS, *_ACCESS, _KEPT)
GATES = (NEW, *(f"{NEW}:{name}" for name in SEVERITIES), *_KINDS[1:], NO_GATE)
"""The gates of ``--fail-on``."""
DEFAULT_GATES = (NEW, "access-lost", REPLACED, _DESTROYED, SUPPRESSED)
_ALL_GATES = f"write {NEW}, {NEW}:high or another severity, {', '.join(_KINDS[1:])} or {NO_GATE}"


class FailOnGate(msgspec.Struct, frozen=True):
    """A gate of ``--fail-on``; ``severity`` is the least of new findings that meet it.

    ``is_default``: the command line does not name it.
    """

    text: str
    kind: str
    severity: Severity = Severity.INFO
    is_default: bool = False


def gates_of(words: Iterable[str]) -> tuple[FailOnGate, ...]:
    """Return the gates of ``--fail-on``; the default ones if there is none. Raise UsageError for conflicting ones."""
    parts = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    if not parts:
        return tuple(FailOnGate(one, one, is_default=True) for one in DEFAULT_GATES)
    found: dict[str, FailOnGate] = {}
    for part in parts:
        if part not in GATES:
            hint = did_you_mean(part, list(GATES)) or _ALL_GATES
            raise UsageError(f"--fail-on: `{part}` is not a gate", hint)
        kind, _, severity = part.partition(":")
        gate = FailOnGate(part, kind, SEVERITIES[severity] if severity else Severity.INFO)
        old = found.setdefault(kind, gate)
        if old != gate:
            raise UsageError(f"--fail-on: `{old.text}` conflicts with `{gate.text}`", "write one of them")
    if NO_GATE in found and len(found) > 1:
        other = next(gate.text for kind, gate in found.items() if kind != NO_GATE)
        raise UsageError(f"--fail-on: `{NO_GATE}` conflicts with `{other}`", "write one of them")
    return tuple(gate for kind, gate in found.items() if kind != NO_GATE)


def met_by(gates: Sequence[FailOnGate], *, has_access: bool) -> Sequence[FailOnGate]:
    """Return the gates that a comparison can meet. Raise UsageError if the command line names another one."""
    if has_access:
        return gates
    unmet = [gate for gate in gates if gate.kind not in _OF_FINDINGS]
    for gate in unmet:
        if not gate.is_default:
            text = (
                f"--fail-on: JSON reports cannot meet `{gate.text}`, because they contain neither resources nor access"
            )
            raise UsageError(text, "compare the inputs themselves")
    return [gate for gate in gates if gate not in unmet]


def broken(difference: Difference, gates: Iterable[FailOnGate], *, is_strict: bool) -> Iterator[BrokenGate]:
    """Yield the gates that are broken. What is only possible or unknown counts if the run is strict."""
    for gate in gates:
        count = _count(difference, gate, is_strict=is_strict)
        if count:
            yield BrokenGate(gate=f"--fail-on {gate.text}", count=count)


def _count(difference: Difference, gate: FailOnGate, *, is_strict: bool) -> int:
    """Return how many differences meet a gate."""
    kind = gate.kind
    if kind == NEW:
        worse = [one for one in counted(difference.changes, difference.report) if _is_worse(one, is_strict=is_strict)]
        return sum(one.finding.severity >= gate.severity for one in worse)
    if kind in _OF_FINDINGS:
        return len(counted(difference.of_state(kind), difference.report))
    if kind == SUPPRESSED:
        is_accepted = difference.basis.kind == ACCEPTED
        return 0 if is_accepted else sum(one.is_counted for one in difference.turned_off)
    if kind == _KEPT:
        return len(difference.kept)
    if kind in _DOORS:
        doors = [one for one in difference.doors if _DOORS[kind] is None or one.kind in (_DOORS[kind] or ())]
        return sum(one.is_certain or is_strict for one in doors)
    direction = _ACCESS[kind]
    return sum(
        one.direction == direction and (one.is_certain or is_strict or (one.after == "yes" and direction == GAINED))
        for one in difference.access
    )


def _is_worse(change: FindingChange, *, is_strict: bool) -> bool:
    is_unknown = change.finding.outcome is Outcome.UNKNOWN and change.state in (UNKNOWN, CHANGED)
    return change.state == NEW or change.is_worse or (is_strict and is_unknown)
