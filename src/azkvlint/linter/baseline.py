"""Baselines: report only findings that a previous run has not recorded.

A baseline has fingerprints (of rule, path, address and attribute), each with the resources of its findings. It
suppresses as many findings of a fingerprint as it has resources, starting with those of the same resources.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.linter.group_instances import fold_key, occurrence_of
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import EXTERNAL, IN_BASELINE, Finding, Occurrence, Outcome, Problem, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.model.rule import Rule
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import is_within, real_path
from azkvlint.util.project_files import read_named, reported_name
from azkvlint.util.text import encode, pluralize, visible

VERSION = 1
STALE = "KVE012"
_MOST_BYTES = 100_000_000
# The maximum number of stale entries that are reported individually.
_MAX_STALE = 50
_FINGERPRINT = regex(r"[0-9a-f]{32}")
# Earlier versions called an unknown result undecided.
_FORMER = {"undecided": Outcome.UNKNOWN.label}
_OUTCOMES = frozenset({Outcome.FAIL.label, Outcome.UNKNOWN.label})
_HINT = "write one with --write-baseline FILE"

_Key: TypeAlias = tuple[str, str]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The resources with findings of one fingerprint. ``outcome`` is fail or unknown, ``path`` relative to the run's
    root.
    """

    rule: str
    path: str
    outcome: str
    fingerprint: str
    resources: tuple[str, ...]


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    findings: tuple[Entry, ...]


class Baseline:
    """The baseline in ``file``. Raise UsageError if the file is not a baseline."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._at = Location(path=file)
        self._entries = {(entry.fingerprint, entry.outcome): entry for entry in read_entries(file)}
        self._missing: dict[_Key, int] = {}

    def apply(
        self, total: UnitResult, config: Config, rules: Iterable[Rule], root: str, roots: Iterable[str]
    ) -> list[Problem]:
        """Suppress the findings in the baseline, and return the problems of stale entries.

        ``rules`` are the selected rules, ``root`` is the base of paths, ``roots`` are the paths of the evaluated
        Terraform root modules.
        """
        self._at = Location(path=reported_name(root, real_path(self._file)))
        self._apply(total)
        # An input that could not be read may have the missing findings.
        is_complete = not any(problem.level == "error" for problem in total.problems)
        return self._stale_problems({rule.id for rule in rules}, _Coverage(config, root, roots)) if is_complete else []

    def _apply(self, total: UnitResult) -> None:
        for outcome, findings in ((Outcome.FAIL, total.findings), (Outcome.UNKNOWN, total.unknown)):
            matched = self._match(outcome, findings)
            counted = []
            for finding in findings:
                if _unit(finding) in matched:
                    reason = Suppression(kind=EXTERNAL, justification=IN_BASELINE, at=self._at)
                    total.suppressed.append(msgspec.structs.replace(finding, suppressed=reason))
                else:
                    counted.append(finding)
            findings[:] = counted

    def _stale_problems(self, rule_ids: set[str], coverage: _Coverage) -> list[Problem]:
        """Return the problems of entries that this run would have found again if they still existed."""
        missing_entries = [
            entry
            for key, entry in self._entries.items()
            if self._missing.get(key) and entry.rule in rule_ids and coverage.includes(entry.path)
        ]
        stale = [self._stale_problem(entry) for entry in missing_entries[:_MAX_STALE]]
        if len(missing_entries) > _MAX_STALE:
            more = pluralize(len(missing_entries) - _MAX_STALE, "obsolete entry", "obsolete entries")
            stale.append(self._problem(f"{more} of the baseline not listed"))
        return stale

    def _match(self, outcome: Outcome, findings: Sequence[Finding]) -> set[tuple[object, ...]]:
        """Return the units of the baseline among findings of one outcome. Entries without a finding are recorded as
        missing.
        """
        occurrences: dict[_Key, dict[tuple[object, ...], Occurrence]] = {}
        for finding in findings:
            key = (finding.fingerprint, outcome.label)
            if key in self._entries:
                occurrences.setdefault(key, {})[_unit(finding)] = occurrence_of(finding)
        matched: set[tuple[object, ...]] = set()
        for key, entry in self._entries.items():
            if entry.outcome != outcome.label:
                continue
            units = sorted(occurrences.get(key, {}).items(), key=lambda pair: (pair[1], repr(pair[0])))
            unmatched, remaining = Counter(entry.resources), len(entry.resources)
            others = []
            for unit, occurrence in units:
                if unmatched[occurrence.address] > 0:
                    unmatched[occurrence.address] -= 1
                    remaining -= 1
                    matched.add(unit)
                else:
                    others.append(unit)
            matched.update(others[:remaining])
            self._missing[key] = max(remaining - len(others), 0)
        return matched

    def _stale_problem(self, entry: Entry) -> Problem:
        names = ", ".join(dict.fromkeys(entry.resources[:3]))
        missing = self._missing[entry.fingerprint, entry.outcome]
        some = f" ({missing} of {len(entry.resources)} times)" if missing < len(entry.resources) else ""
        return self._problem(f"obsolete entry: {entry.rule} on {names} in {entry.path} is no longer found{some}")

    def _problem(self, message: str) -> Problem:
        return Problem(
            code=STALE,
            level="warning",
            message=message,
            at=self._at,
            hint="update the baseline with --write-baseline FILE",
        )


def baseline_document(report: Report, baseline: str, strict: bool) -> bytes:
    """Return a baseline of everything that a run reports or the baseline in ``baseline`` suppresses; sorted,
    deterministic.

    It includes findings in tests, and unknown results if they count for the exit code (``strict``).
    """
    findings_by_key: dict[_Key, list[Finding]] = {}
    suppressed = [finding for finding in report.suppressed if _is_from(baseline, finding)]
    for finding in (*report.counted(report.findings + report.unknown), *suppressed):
        if finding.fingerprint and (strict or finding.outcome is Outcome.FAIL):
            findings_by_key.setdefault((finding.fingerprint, finding.outcome.label), []).append(finding)
    entries = sorted(
        (_entry(*key, findings) for key, findings in findings_by_key.items()),
        key=lambda entry: (entry.path, entry.rule, entry.resources, entry.outcome, entry.fingerprint),
    )
    return encode({"version": VERSION, "findings": entries})


def _entry(fingerprint: str, outcome: str, findings: Sequence[Finding]) -> Entry:
    addresses = (one.address for finding in findings for one in finding.occurrences)
    first = findings[0]
    return Entry(
        rule=first.rule.id, path=first.at.path, outcome=outcome, fingerprint=fingerprint,
        resources=tuple(sorted(addresses)),
    )  # fmt: skip


def _is_from(baseline: str, finding: Finding) -> bool:
    reason = finding.suppressed
    if reason is None or not reason.is_baseline:
        return False
    return os.path.basename(reason.at.path) == os.path.basename(real_path(baseline))


def _unit(finding: Finding) -> tuple[object, ...]:
    """Return what a baseline counts: one resource within one grouped finding."""
    return *fold_key(finding), occurrence_of(finding)


class _Coverage:
    """The part of a repository that a run has read: the inputs, and the evaluated modules."""

    def __init__(self, config: Config, root: str, roots: Iterable[str]) -> None:
        real = [real_path(path) for path in config.paths]
        self._files = {reported_name(root, path) for path in real}
        self._folders = [path for path in real if os.path.isdir(path)]
        self._modules = {os.path.normpath(path) for path in roots}
        self._root = root

    def includes(self, path: str) -> bool:
        """Return whether the run would have reported a finding at a path."""
        full = os.path.normpath(os.path.join(self._root, path))
        in_module = os.path.normpath(os.path.dirname(path) or os.curdir) in self._modules
        return path in self._files or in_module or any(is_within(full, folder) for folder in self._folders)


def read_entries(file: str) -> Iterator[Entry]:
    """Yield the entries of a file. Raise UsageError if it is not a baseline."""
    display_path = visible(file)
    data = read_named(file, f"baseline `{display_path}`", _MOST_BYTES, _HINT)
    keys: set[_Key] = set()
    for number, written in enumerate(_decode(data, display_path).findings):
        entry = msgspec.structs.replace(written, outcome=_FORMER.get(written.outcome, written.outcome))
        key = (entry.fingerprint, entry.outcome)
        fault = ""
        if _FINGERPRINT.fullmatch(entry.fingerprint) is None:
            fault = "the fingerprint is not valid"
        elif entry.outcome not in _OUTCOMES:
            fault = "the outcome is neither fail nor unknown"
        elif not entry.resources:
            fault = "resources is empty"
        elif key in keys:
            fault = "the fingerprint is repeated"
        if fault:
            raise UsageError(f"{display_path}: not a baseline of kvlint: findings[{number}]: {fault}", _HINT)
        keys.add(key)
        yield entry


def _decode(data: bytes, display_path: str) -> _Document:
    try:
        version = decode_json(data, _Version).version
        if version != VERSION:
            raise UsageError(f"{display_path}: baseline version {version} is not supported", _HINT)
        return decode_json(data, _Document)
    except InputError as error:
        message = visible(error.message)[:200]
        raise UsageError(f"{display_path}: not a baseline of kvlint: {message}", _HINT) from error
