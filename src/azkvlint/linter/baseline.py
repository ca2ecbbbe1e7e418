"""Baselines: what was found when one was written counts no longer; what is new does.

A baseline holds fingerprints, of rule, path, address and attribute, and of each the resources that it was found of. It
takes out as many findings of a fingerprint as it holds, first those of the same resources.
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
from azkvlint.model.finding import EXTERNAL, Finding, Occurrence, Outcome, Problem, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.model.rule import Rule
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.plural import pluralize
from azkvlint.util.project_boundary import is_within, real_path
from azkvlint.util.project_files import read_named, reported_name
from azkvlint.util.safe_text import encode, visible

VERSION = 1
STALE = "KVE012"
JUSTIFICATION = "baseline"
_MOST_BYTES = 100_000_000
# So many stale entries are reported one by one.
_MOST_TOLD = 50
_FINGERPRINT = regex(r"[0-9a-f]{32}")
_OUTCOMES = frozenset({Outcome.FAIL.label, Outcome.UNDECIDED.label})
_HINT = "--write-baseline writes one"

_Key: TypeAlias = tuple[str, str]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one fingerprint was found of. ``outcome`` is fail or undecided, ``path`` starts from the root of the run."""

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
    """A baseline that was read from ``file``. Raises UsageError for what is none."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._at = Location(path=file)
        self._entries = {(entry.fingerprint, entry.outcome): entry for entry in _read(file)}
        self._missing: dict[_Key, int] = {}

    def applied(
        self, total: UnitResult, config: Config, rules: Iterable[Rule], root: str, roots: Iterable[str]
    ) -> list[Problem]:
        """Take what the baseline holds out of what was found; it is suppressed then. What is to be said of the rest.

        ``rules`` are those that were asked, ``root`` is where the paths of the run start from, ``roots`` are the paths
        of the Terraform modules that were judged.
        """
        self._at = Location(path=reported_name(root, real_path(self._file)))
        self._apply(total)
        # What could not be read may hold what is missing.
        is_whole = not any(problem.level == "error" for problem in total.problems)
        return self._stale({rule.id for rule in rules}, _Seen(config, root, roots)) if is_whole else []

    def _apply(self, total: UnitResult) -> None:
        for outcome, findings in ((Outcome.FAIL, total.findings), (Outcome.UNDECIDED, total.undecided)):
            taken = self._taken(outcome, findings)
            counted = []
            for finding in findings:
                if _unit(finding) in taken:
                    reason = Suppression(kind=EXTERNAL, justification=JUSTIFICATION, at=self._at)
                    total.suppressed.append(msgspec.structs.replace(finding, suppressed=reason))
                else:
                    counted.append(finding)
            findings[:] = counted

    def _stale(self, asked: set[str], seen: _Seen) -> list[Problem]:
        """Return what is to be said of entries that are found no longer, as far as this run would have found them."""
        found = [
            entry
            for key, entry in self._entries.items()
            if self._missing.get(key) and entry.rule in asked and seen.includes(entry.path)
        ]
        stale = [self._missed(entry) for entry in found[:_MOST_TOLD]]
        if len(found) > _MOST_TOLD:
            more = pluralize(len(found) - _MOST_TOLD, "more finding")
            stale.append(self._problem(f"the same goes for {more} of the baseline"))
        return stale

    def _taken(self, outcome: Outcome, findings: Sequence[Finding]) -> set[tuple[object, ...]]:
        """Return the units among findings of one outcome that the baseline holds. What it holds besides is missing."""
        found: dict[_Key, dict[tuple[object, ...], Occurrence]] = {}
        for finding in findings:
            key = (finding.fingerprint, outcome.label)
            if key in self._entries:
                found.setdefault(key, {})[_unit(finding)] = occurrence_of(finding)
        taken: set[tuple[object, ...]] = set()
        for key, entry in self._entries.items():
            if entry.outcome != outcome.label:
                continue
            units = sorted(found.get(key, {}).items(), key=lambda pair: (pair[1], repr(pair[0])))
            left, room = Counter(entry.resources), len(entry.resources)
            others = []
            for unit, occurrence in units:
                if left[occurrence.address] > 0:
                    left[occurrence.address] -= 1
                    room -= 1
                    taken.add(unit)
                else:
                    others.append(unit)
            taken.update(others[:room])
            self._missing[key] = max(room - len(others), 0)
        return taken

    def _missed(self, entry: Entry) -> Problem:
        names = ", ".join(dict.fromkeys(entry.resources[:3]))
        missing = self._missing[entry.fingerprint, entry.outcome]
        some = f"{missing} of {len(entry.resources)} times " if missing < len(entry.resources) else ""
        return self._problem(f"{entry.rule} of {names} in {entry.path} is {some}found no longer")

    def _problem(self, message: str) -> Problem:
        return Problem(code=STALE, level="warning", message=message, at=self._at, hint="write the baseline again")


def document_of(report: Report, baseline: str, strict: bool) -> bytes:
    """Return a baseline of all that a run reports, and of what that in the file ``baseline`` has taken out; sorted, and
    always the same bytes.

    Undecided questions are in it if they count for the exit code (``strict``), and so are findings in tests.
    """
    held: dict[_Key, list[Finding]] = {}
    taken = [finding for finding in report.suppressed if _is_of(baseline, finding)]
    for finding in (*report.counted(report.findings + report.undecided), *taken):
        if finding.fingerprint and (strict or finding.outcome is Outcome.FAIL):
            held.setdefault((finding.fingerprint, finding.outcome.label), []).append(finding)
    entries = sorted(
        (_entry(*key, findings) for key, findings in held.items()),
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


def _is_of(baseline: str, finding: Finding) -> bool:
    """Return whether a finding is suppressed because the baseline in a file holds it."""
    reason = finding.suppressed
    if reason is None or (reason.kind, reason.justification) != (EXTERNAL, JUSTIFICATION):
        return False
    return os.path.basename(reason.at.path) == os.path.basename(real_path(baseline))


def _unit(finding: Finding) -> tuple[object, ...]:
    """Return what is counted: one resource in what is one finding of a report."""
    return *fold_key(finding), occurrence_of(finding)


class _Seen:
    """What of a repository a run has seen: the folders and files that it was given, and the modules that it judged."""

    def __init__(self, config: Config, root: str, roots: Iterable[str]) -> None:
        real = [real_path(path) for path in config.paths]
        self._files = {reported_name(root, path) for path in real}
        self._folders = [path for path in real if os.path.isdir(path)]
        self._modules = {os.path.normpath(path) for path in roots}
        self._root = root

    def includes(self, path: str) -> bool:
        """Return whether the run would have found what is at a path."""
        full = os.path.normpath(os.path.join(self._root, path))
        in_module = os.path.normpath(os.path.dirname(path) or os.curdir) in self._modules
        return path in self._files or in_module or any(is_within(full, folder) for folder in self._folders)


def _read(file: str) -> Iterator[Entry]:
    """Yield the entries of a file. Raises UsageError for what is no baseline."""
    shown = visible(file)
    data = read_named(file, f"the baseline '{shown}'", _MOST_BYTES, _HINT)
    known: set[_Key] = set()
    for number, entry in enumerate(_decoded(data, shown).findings):
        key = (entry.fingerprint, entry.outcome)
        wrong = ""
        if _FINGERPRINT.fullmatch(entry.fingerprint) is None:
            wrong = "its fingerprint is none"
        elif entry.outcome not in _OUTCOMES:
            wrong = "its outcome is neither fail nor undecided"
        elif not entry.resources:
            wrong = "it is of no resource"
        elif key in known:
            wrong = "its fingerprint stands in the file twice"
        if wrong:
            raise UsageError(f"{shown}: it is no baseline of kvlint: {wrong} (findings[{number}])", _HINT)
        known.add(key)
        yield entry


def _decoded(data: bytes, shown: str) -> _Document:
    try:
        version = decode_json(data, _Version).version
        if version != VERSION:
            raise UsageError(f"{shown}: this is a baseline of version {version}", "write it again with this kvlint")
        return decode_json(data, _Document)
    except InputError as error:
        said = visible(error.message)[:200]
        raise UsageError(f"{shown}: it is no baseline of kvlint: {said}", _HINT) from error
