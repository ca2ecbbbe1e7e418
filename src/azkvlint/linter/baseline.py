"""Baselines: report only findings that a previous run has not recorded.

A baseline has fingerprints (``model.identity``), each with the resources of its findings: the members of units. It
suppresses as many of them as it has resources, starting with those of the same path and the same resources.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import EXTERNAL, IN_BASELINE, Finding, Outcome, Problem, Report, Suppression
from azkvlint.model.identity import fingerprints_as, member_of, path_fingerprint, resource_key, without_worlds
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

# Fingerprint, outcome and path of an entry.
_Key: TypeAlias = tuple[str, str, str]
_Member: TypeAlias = tuple[object, ...]


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The resources with findings of one fingerprint. ``outcome`` is fail or unknown, ``path`` relative to the run's
    root.
    """

    rule: str
    path: str
    outcome: str
    fingerprint: str
    resources: tuple[str, ...]


class _BaselineVersion(msgspec.Struct, frozen=True):
    version: int


class _BaselineFile(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    findings: tuple[BaselineEntry, ...]


class Baseline:
    """The baseline in ``file``. Raise UsageError if the file is not a baseline."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._at = Location(path=file)
        self._entries = list(read_entries(file))
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
                if _member_key(finding) in matched:
                    reason = Suppression(kind=EXTERNAL, justification=IN_BASELINE, at=self._at)
                    total.suppressed.append(msgspec.structs.replace(finding, suppressed=reason))
                else:
                    counted.append(finding)
            findings[:] = counted

    def _stale_problems(self, rule_ids: set[str], coverage: _Coverage) -> list[Problem]:
        """Return the problems of entries that this run would have found again if they still existed."""
        missing_entries = [
            entry
            for entry in self._entries
            if self._missing.get(_key_of(entry)) and entry.rule in rule_ids and coverage.includes(entry.path)
        ]
        stale = [self._stale_problem(entry) for entry in missing_entries[:_MAX_STALE]]
        if len(missing_entries) > _MAX_STALE:
            more = pluralize(len(missing_entries) - _MAX_STALE, "obsolete entry", "obsolete entries")
            stale.append(self._problem(f"{more} of the baseline not listed"))
        return stale

    def _match(self, outcome: Outcome, findings: Sequence[Finding]) -> set[_Member]:
        """Return the members of units among findings of one outcome that are in the baseline."""
        members: dict[_Member, Finding] = {}
        for finding in findings:
            members.setdefault(_member_key(finding), finding)
        ordered = sorted(members.items(), key=lambda pair: (without_worlds(member_of(pair[1])), repr(pair[0])))
        matches = _BaselineMatches([entry for entry in self._entries if entry.outcome == outcome.label], dict(ordered))
        self._missing.update(matches.missing)
        return matches.matched

    def _stale_problem(self, entry: BaselineEntry) -> Problem:
        names = ", ".join(dict.fromkeys(entry.resources[:3]))
        missing = self._missing[_key_of(entry)]
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
    addresses: dict[tuple[str, _Key], list[str]] = {}
    suppressed = [finding for finding in report.suppressed if _is_from(baseline, finding)]
    for finding in (*report.counted(report.findings + report.unknown), *suppressed):
        if strict or finding.outcome is Outcome.FAIL:
            for member in finding.occurrences:
                if member.fingerprint:
                    key = finding.rule.id, (member.fingerprint, finding.outcome.label, finding.at.path)
                    addresses.setdefault(key, []).append(member.address)
    entries = sorted(
        (_entry(rule, key, resources) for (rule, key), resources in addresses.items()),
        key=lambda entry: (entry.path, entry.rule, entry.resources, entry.outcome, entry.fingerprint),
    )
    return encode({"version": VERSION, "findings": entries})


def _entry(rule: str, key: _Key, resources: Iterable[str]) -> BaselineEntry:
    fingerprint, outcome, path = key
    return BaselineEntry(
        rule=rule, path=path, outcome=outcome, fingerprint=fingerprint, resources=tuple(sorted(resources))
    )


def _key_of(entry: BaselineEntry) -> _Key:
    return entry.fingerprint, entry.outcome, entry.path


def _is_from(baseline: str, finding: Finding) -> bool:
    reason = finding.suppressed
    if reason is None or not reason.is_baseline:
        return False
    return os.path.basename(reason.at.path) == os.path.basename(real_path(baseline))


def _member_key(finding: Finding) -> _Member:
    """Return what a baseline counts: one member of a unit."""
    return *resource_key(finding), without_worlds(member_of(finding))


class _BaselineMatches:
    """The ``members`` that the ``entries`` of one outcome contain, and how many of each entry are ``missing``."""

    def __init__(self, entries: Sequence[BaselineEntry], members: Mapping[_Member, Finding]) -> None:
        self.matched: set[_Member] = set()
        self._members = members
        self.missing = {_key_of(entry): len(entry.resources) for entry in entries}
        self._unmatched = {_key_of(entry): Counter(entry.resources) for entry in entries}
        by_fingerprint: dict[str, list[_Member]] = {}
        by_address: dict[tuple[str, str, str], list[_Member]] = {}
        for key, finding in members.items():
            for mark in {finding.fingerprint, finding.former_fingerprint} - {""}:
                by_fingerprint.setdefault(mark, []).append(key)
            by_address.setdefault((finding.rule.id, finding.at.path, finding.resource), []).append(key)
        candidates = [(entry, by_fingerprint.get(entry.fingerprint, ())) for entry in entries]
        candidates = [(entry, [key for key in keys if _may_be_in(entry, members[key])]) for entry, keys in candidates]
        for same_path, same_resource in ((True, True), (False, True), (True, False), (False, False)):
            for entry, keys in candidates:
                for key in keys:
                    if not same_path or entry.path == members[key].at.path:
                        self._match(entry, key, same_resource=same_resource)
        for entry in entries:
            if len(set(entry.resources)) > 1:
                self._match_siblings(entry, by_address)

    def _match(self, entry: BaselineEntry, key: _Member, *, same_resource: bool) -> None:
        """Match a member that is not in another entry with the same resource of an entry, or with any of it."""
        of_entry, address = _key_of(entry), self._members[key].resource
        unmatched = self._unmatched[of_entry]
        if key in self.matched or not self.missing[of_entry] or (same_resource and unmatched[address] <= 0):
            return
        unmatched[address] -= same_resource
        self.missing[of_entry] -= 1
        self.matched.add(key)

    def _match_siblings(
        self, entry: BaselineEntry, by_address: Mapping[tuple[str, str, str], Sequence[_Member]]
    ) -> None:
        """Match members that have the fingerprint of the entry with the address of another of its resources.

        In baselines of earlier versions all members of a unit have the fingerprint of the first.
        """
        for address in dict.fromkeys(entry.resources):
            for key in by_address.get((entry.rule, entry.path, address), ()):
                if key not in self.matched and any(
                    entry.fingerprint in fingerprints_as(self._members[key], other) for other in set(entry.resources)
                ):
                    self._match(entry, key, same_resource=True)


def _may_be_in(entry: BaselineEntry, finding: Finding) -> bool:
    """Return whether the path of a finding may be that of an entry with the same fingerprint.

    A fingerprint that does not depend on the folder of the run may be that of files in several folders.
    """
    if entry.fingerprint == path_fingerprint(finding):
        return True
    some, others = (path.split("/")[::-1] for path in (entry.path, finding.at.path))
    return all(one == other for one, other in zip(some, others, strict=False))


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


def read_entries(file: str) -> Iterator[BaselineEntry]:
    """Yield the entries of a file. Raise UsageError if it is not a baseline."""
    display_path = visible(file)
    data = read_named(file, f"baseline `{display_path}`", _MOST_BYTES, _HINT)
    keys: set[_Key] = set()
    for number, written in enumerate(_decode(data, display_path).findings):
        entry = msgspec.structs.replace(written, outcome=_FORMER.get(written.outcome, written.outcome))
        key = _key_of(entry)
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


def _decode(data: bytes, display_path: str) -> _BaselineFile:
    try:
        version = decode_json(data, _BaselineVersion).version
        if version != VERSION:
            raise UsageError(f"{display_path}: baseline version {version} is not supported", _HINT)
        return decode_json(data, _BaselineFile)
    except InputError as error:
        message = visible(error.message)[:200]
        raise UsageError(f"{display_path}: not a baseline of kvlint: {message}", _HINT) from error
