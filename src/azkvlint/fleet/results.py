"""The folder with the results of a run, which survives an interruption at any moment.

The files of a chunk get a random name, and are complete once they have it. Then one write adds a line for each input of
the chunk to the manifest. Only the manifest counts: a file that it does not name is removed when the run continues.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest

import msgspec

from azkvlint.fleet.checker import ChunkResult, is_remote
from azkvlint.fleet.rows import InputResult, InputSummary, VaultSummary, risk_key
from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE, UsageError
from azkvlint.util.output_files import ResultFolder

RUN, MANIFEST = "run.json", "manifest.jsonl"
PARQUET, JSONL = "parquet", "jsonl"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a run. It continues only with the same version of kvlint and the same ``settings`` (a digest).

    ``as_of`` is the day that dates are compared with, ``base`` the folder that relative inputs start from, ``inputs``
    their number.
    """

    kvlint: str
    settings: str
    as_of: str
    base: str
    inputs: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the manifest: the number of an input in the list of inputs, the part with its rows, and its summary."""

    number: int
    part: str
    summary: InputSummary

    @property
    def rows(self) -> str:
        """Return the path of the rows of the input, relative to the folder."""
        return f"{JSONL}/{self.part}/{_row_file(self.number)}"


def read_run(folder: ResultFolder) -> Run:
    """Return the run in a folder. Raise UsageError if there is none."""
    if not folder.has(RUN):
        raise UsageError(f"`{folder.path}` contains no run to continue", "leave out --resume to start one")
    try:
        return msgspec.json.decode(folder.read(RUN), type=Run)
    except msgspec.DecodeError as error:
        raise UsageError(f"`{folder.path}` was not written by this version of kvlint") from error


def write_run(folder: ResultFolder, run: Run) -> None:
    """Write the identity of a run, after its list of inputs."""
    folder.write(RUN, msgspec.json.encode(run) + b"\n")


def recover(folder: ResultFolder, count: int) -> bytearray:
    """Remove what an interruption left unfinished. Return which of the inputs are done."""
    folder.repair(MANIFEST)
    done = bytearray(count)
    parts: set[str] = set()
    for entry in entries_of(folder):
        done[entry.number] = 1
        parts.add(entry.part)
    folder.keep_only(PARQUET, {f"{part}.parquet" for part in parts})
    folder.keep_only(JSONL, parts)
    return done


def commit(folder: ResultFolder, numbers: Sequence[int], chunk: ChunkResult) -> None:
    """Add the results of a chunk."""
    part = f"part-{os.urandom(8).hex()}"
    folder.write(f"{PARQUET}/{part}.parquet", chunk.parquet)
    pairs = list(zip(numbers, chunk.results, strict=True))
    folder.write_folder(f"{JSONL}/{part}", [(_row_file(number), result.rows) for number, result in pairs])
    folder.append(MANIFEST, b"".join(_manifest_line(number, part, result) for number, result in pairs))


def _manifest_line(number: int, part: str, result: InputResult) -> bytes:
    return msgspec.json.encode(Entry(number=number, part=part, summary=result.summary)) + b"\n"


def _row_file(number: int) -> str:
    return f"{number:07}.jsonl"


def entries_of(folder: ResultFolder) -> Iterator[Entry]:
    """Yield the lines of the manifest."""
    decoder = msgspec.json.Decoder(Entry)
    try:
        yield from map(decoder.decode, folder.lines(MANIFEST))
    except msgspec.DecodeError as error:
        raise UsageError(f"`{MANIFEST}` in `{folder.path}` is damaged") from error


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
    inputs: list[Entry] = []
    vaults: list[tuple[Entry, VaultSummary]] = []
    failed: list[Entry] = []

    @property
    def exit_code(self) -> int:
        """Return the exit code, as for a check."""
        if self.failed_count or not self.count:
            return EXIT_INCOMPLETE
        return EXIT_FINDINGS if self.failing else EXIT_CLEAN


def totals_of(entries: Iterable[Entry]) -> Totals:
    """Return the totals of all lines of a manifest. Lists of inputs are limited to those with the highest risk."""
    totals = Totals()
    batch: list[Entry] = []
    for entry in entries:
        _add(totals, entry)
        batch.append(entry)
        if len(batch) >= MOST_INPUTS:
            _add_lists(totals, batch)
            batch = []
    _add_lists(totals, batch)
    return totals


def _add(totals: Totals, entry: Entry) -> None:
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


def _add_lists(totals: Totals, batch: list[Entry]) -> None:
    totals.inputs = nsmallest(MOST_INPUTS, [*totals.inputs, *batch], key=_input_key)
    vaults = [(entry, vault) for entry in batch for vault in entry.summary.vaults]
    totals.vaults = nsmallest(
        _MOST_VAULTS, [*totals.vaults, *vaults], key=lambda pair: (risk_key(pair[1].findings), pair[0].number)
    )
    failed = [entry for entry in batch if not entry.summary.is_complete]
    totals.failed = nsmallest(_MOST_FAILED, [*totals.failed, *failed], key=lambda entry: entry.number)


def _input_key(entry: Entry) -> tuple[object, ...]:
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
