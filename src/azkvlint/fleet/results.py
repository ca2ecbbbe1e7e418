"""The folder with the results of a run, which survives an interruption at any moment.

The files of a chunk, a part, get a random name, and are complete once they have it. Then one write adds a line for each
input of the chunk to the manifest. A part counts if the manifest has all of its lines, and its files are those that the
lines describe. When the run continues, everything else is removed, and its inputs are checked again.
"""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from heapq import nsmallest
from itertools import groupby, islice
from typing import Annotated, TypeVar

import msgspec

from azkvlint import __version__
from azkvlint.fleet.checker import ChunkResult
from azkvlint.fleet.inputs import check_inputs, damaged
from azkvlint.fleet.remote import is_remote
from azkvlint.fleet.rows import InputSummary, VaultSummary, is_summary_of, risk_key
from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE, KvlintError, UsageError
from azkvlint.util.result_folder import ResultFolder
from azkvlint.util.sha256 import sha256_hex

RUN, MANIFEST = "run.json", "manifest.jsonl"
PARQUET, JSONL = "parquet", "jsonl"
_OWN = re.compile(r"part-[0-9a-f]{16}(\.parquet)?(\.[0-9a-f]{16})?(\.partial)?|[0-9]{7,10}\.jsonl")
# One line of the manifest contains the name of an input, and numbers for each rule.
_LONGEST_LINE = 2 << 20
_LONGEST_ROW = 64 << 20
MOST_IN_PART = 50
OTHER_RUN = "the run has other settings, or was started by another version of kvlint"

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Sealed = TypeVar("_Sealed", "FleetRun", "ManifestEntry")


class FleetRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The identity of a run. It continues only with the same version of kvlint and the same ``settings`` (a digest).

    ``as_of`` is the day that dates are compared with, ``base`` the folder that relative inputs start from, ``inputs``
    their number, and ``list`` the digest of their list. ``digest`` is that of the other fields.
    """

    kvlint: str
    settings: _Digest
    as_of: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    base: str
    inputs: Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]
    list: _Digest
    digest: str = ""

    def __post_init__(self) -> None:
        """Refuse values that a run does not have."""
        date.fromisoformat(self.as_of)
        if not os.path.isabs(self.base) or "\0" in self.base:
            raise ValueError("expected the path of a folder")


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the manifest: the number of an input in the list of inputs, the part with its rows, and its summary.

    ``inputs`` is how many inputs the part has. ``rows`` and ``parquet`` are the digests of the files, and ``digest`` is
    that of the other fields.
    """

    number: Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]
    part: Annotated[str, msgspec.Meta(pattern="^part-[0-9a-f]{16}$")]
    inputs: Annotated[int, msgspec.Meta(ge=1, le=MOST_IN_PART)]
    rows: _Digest
    parquet: _Digest
    summary: InputSummary
    digest: str = ""

    @property
    def file(self) -> str:
        """Return the path of the rows of the input, relative to the folder."""
        return f"{JSONL}/{self.part}/{_row_file(self.number)}"


def read_run(folder: ResultFolder) -> FleetRun:
    """Return the run in a folder. Raise UsageError if there is none, or KvlintError if it is damaged."""
    if not folder.has(RUN):
        raise UsageError(f"the folder `{folder.name}` contains no run to continue", "leave out --resume to start one")
    data = next(folder.lines(RUN, _LONGEST_LINE), b"")
    run = _decoded(data, FleetRun)
    if run is not None:
        return run
    version = _decoded_version(data)
    if version not in ("", __version__):
        raise UsageError(OTHER_RUN, "start it again")
    raise damaged(folder, RUN, "it does not describe a run")


class _RunVersion(msgspec.Struct):
    kvlint: str


def _decoded_version(data: bytes) -> str:
    """Return the version of kvlint that began a run, whose other fields may be unknown."""
    try:
        return msgspec.json.decode(data, type=_RunVersion).kvlint
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""


def write_run(folder: ResultFolder, run: FleetRun) -> FleetRun:
    """Write the identity of a run, after its list of inputs, and return it."""
    run = _sealed(run)
    folder.write(RUN, _encoded(run))
    return run


def _encoded(item: FleetRun | ManifestEntry) -> bytes:
    return msgspec.json.encode(item) + b"\n"


def _sealed(item: _Sealed) -> _Sealed:
    """Return a line with the digest of its fields, which shows whether the line is damaged."""
    return msgspec.structs.replace(item, digest=sha256_hex(_encoded(msgspec.structs.replace(item, digest=""))))


def _decoded(line: bytes, type_: type[_Sealed]) -> _Sealed | None:
    """Return what a line contains; None if it is not a line as ``_sealed`` and ``_encoded`` write it."""
    try:
        item = msgspec.json.decode(line, type=type_)
        return item if _encoded(_sealed(item)) == line else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def recover(folder: ResultFolder, run: FleetRun) -> bytearray:
    """Remove what an interruption left unfinished, and what is damaged. Return which of the inputs are done.

    Raise KvlintError for what cannot be repaired, and for links.
    """
    names = check_inputs(folder, run.inputs, run.list)
    folder.require_folders(PARQUET, JSONL)
    done = bytearray(run.inputs)
    parts: set[str] = set()
    folder.write_lines(MANIFEST, _whole_parts(folder, names, done, parts))
    folder.keep_only(PARQUET, {f"{part}.parquet" for part in parts}, _OWN)
    folder.keep_only(JSONL, parts, _OWN)
    return done


def _whole_parts(folder: ResultFolder, names: array[int], done: bytearray, parts: set[str]) -> Iterator[bytes]:
    """Yield the lines of the manifest that count, and mark their inputs and parts."""
    lines = (_decoded(line, ManifestEntry) for line in folder.lines(MANIFEST, _LONGEST_LINE))
    for part, found in groupby(lines, key=lambda entry: "" if entry is None else entry.part):
        # One write adds the lines of a part, so that they are next to each other.
        entries = [entry for entry in islice(found, MOST_IN_PART + 1) if entry is not None]
        if part and part not in parts and _is_whole(folder, entries, names, done):
            parts.add(part)
            for entry in entries:
                done[entry.number] = 1
                yield _encoded(entry)


def _is_whole(folder: ResultFolder, entries: Sequence[ManifestEntry], names: array[int], done: bytearray) -> bool:
    """Return whether lines of the manifest are all of a part, and its files are complete and unchanged."""
    first, numbers = entries[0], {entry.number for entry in entries}
    if {(entry.inputs, entry.parquet) for entry in entries} != {(len(numbers), first.parquet)}:
        return False
    if len(entries) != len(numbers) or any(number >= len(names) or done[number] for number in numbers):
        return False
    if any(hash(entry.summary.input) != names[entry.number] for entry in entries):
        return False
    return (
        folder.digest(f"{PARQUET}/{first.part}.parquet") == first.parquet
        and folder.names(f"{JSONL}/{first.part}") == sorted(map(_row_file, numbers))
        and all(_has_rows(folder, entry) for entry in entries)
    )


def _has_rows(folder: ResultFolder, entry: ManifestEntry) -> bool:
    """Return whether the rows of an input are those that a line of the manifest describes."""
    if folder.digest(entry.file) != entry.rows:
        return False
    return is_summary_of(entry.summary, folder.lines(entry.file, _LONGEST_ROW))


def commit(folder: ResultFolder, numbers: Sequence[int], chunk: ChunkResult) -> None:
    """Add the results of a chunk."""
    part = f"part-{os.urandom(8).hex()}"
    folder.write(f"{PARQUET}/{part}.parquet", chunk.parquet)
    pairs = list(zip(numbers, chunk.results, strict=True))
    folder.write_folder(f"{JSONL}/{part}", [(_row_file(number), result.rows) for number, result in pairs])
    digest = sha256_hex(chunk.parquet)
    entries = (
        ManifestEntry(
            number=number,
            part=part,
            inputs=len(pairs),
            rows=sha256_hex(result.rows),
            parquet=digest,
            summary=result.summary,
        )
        for number, result in pairs
    )
    folder.append(MANIFEST, b"".join(_encoded(_sealed(entry)) for entry in entries))


def _row_file(number: int) -> str:
    return f"{number:07}.jsonl"


def entries_of(folder: ResultFolder) -> Iterator[ManifestEntry]:
    """Yield the lines of the manifest. Raise KvlintError if one is damaged."""
    for number, line in enumerate(folder.lines(MANIFEST, _LONGEST_LINE), 1):
        entry = _decoded(line, ManifestEntry)
        if entry is None:
            raise KvlintError(f"`{folder.place(MANIFEST)}` is damaged in line {number}", "continue with --resume")
        yield entry


MOST_INPUTS = 2_000
_MOST_VAULTS = 15
_MOST_FAILED = 200
# The rules that report API versions of Key Vault that Azure retires, and the day on which it does.
RETIREMENT_RULES = ("KV050", "KV051")
RETIREMENT_DAY = "2027-02-27"


class Group(msgspec.Struct, kw_only=True):
    """The totals of a repository: its inputs, findings by severity, and what of it is affected by the retirement."""

    inputs: int = 0
    failed: int = 0
    findings: Counter[str] = msgspec.field(default_factory=Counter)
    unknown: int = 0
    retiring: int = 0


class Totals(msgspec.Struct, kw_only=True):
    """The totals of a run. ``rules`` are the findings by rule and severity, ``rule_inputs`` the inputs with any.

    ``repositories`` are by the address of the repository, or the folder of inputs that are in none. ``inputs`` and
    ``vaults`` are those with the most severe findings, ``failed`` inputs were not read completely.
    """

    count: int = 0
    failed_count: int = 0
    failing: int = 0
    findings: Counter[str] = msgspec.field(default_factory=Counter)
    unknown: int = 0
    suppressed: int = 0
    problems: int = 0
    resources: int = 0
    retiring: int = 0
    rules: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    rule_inputs: Counter[str] = msgspec.field(default_factory=Counter)
    exposures: Counter[str] = msgspec.field(default_factory=Counter)
    repositories: dict[str, Group] = {}
    inputs: list[ManifestEntry] = []
    vaults: list[tuple[ManifestEntry, VaultSummary]] = []
    failed: list[ManifestEntry] = []

    @property
    def exit_code(self) -> int:
        """Return the exit code, as for a check."""
        if self.failed_count or not self.count:
            return EXIT_INCOMPLETE
        return EXIT_FINDINGS if self.failing else EXIT_CLEAN


def totals_of(entries: Iterable[ManifestEntry]) -> Totals:
    """Return the totals of all lines of a manifest. Lists of inputs are limited to those with the highest risk."""
    totals = Totals()
    batch: list[ManifestEntry] = []
    for entry in entries:
        _add(totals, entry)
        batch.append(entry)
        if len(batch) >= MOST_INPUTS:
            _add_lists(totals, batch)
            batch = []
    _add_lists(totals, batch)
    return totals


def _add(totals: Totals, entry: ManifestEntry) -> None:
    summary = entry.summary
    group = totals.repositories.setdefault(repository_of(summary), Group())
    totals.count += 1
    group.inputs += 1
    if not summary.is_complete:
        totals.failed_count += 1
        group.failed += 1
    totals.failing += summary.is_failing
    for rule, severity, count in summary.findings:
        totals.findings[severity] += count
        group.findings[severity] += count
        totals.rules[rule, severity] += count
        if rule in RETIREMENT_RULES:
            totals.retiring += count
            group.retiring += count
    totals.rule_inputs.update({rule for rule, _, _ in summary.findings})
    totals.unknown += summary.unknown
    group.unknown += summary.unknown
    totals.suppressed += summary.suppressed
    totals.problems += summary.problems
    totals.resources += summary.resources
    totals.exposures.update(summary.exposures)


def _add_lists(totals: Totals, batch: list[ManifestEntry]) -> None:
    totals.inputs = nsmallest(MOST_INPUTS, [*totals.inputs, *batch], key=_input_key)
    vaults = [(entry, vault) for entry in batch for vault in entry.summary.vaults]
    totals.vaults = nsmallest(
        _MOST_VAULTS, [*totals.vaults, *vaults], key=lambda pair: (risk_key(pair[1].findings), pair[0].number)
    )
    failed = [entry for entry in batch if not entry.summary.is_complete]
    totals.failed = nsmallest(_MOST_FAILED, [*totals.failed, *failed], key=lambda entry: entry.number)


def _input_key(entry: ManifestEntry) -> tuple[object, ...]:
    return risk_key(severities_of(entry.summary).items()), entry.number


def severities_of(summary: InputSummary) -> Counter[str]:
    """Return the findings of an input by severity."""
    counts: Counter[str] = Counter()
    for _, severity, count in summary.findings:
        counts[severity] += count
    return counts


def repository_of(summary: InputSummary) -> str:
    """Return the repository of an input, or the folder that contains it."""
    if summary.repository:
        return summary.repository
    path = summary.input.replace("\\", "/").rstrip("/")
    if not path.lower().endswith(ENDINGS):
        return path
    parent = path.rpartition("/")[0]
    return (parent if parent and not (is_remote(path) and parent.endswith(":/")) else "") or "."
