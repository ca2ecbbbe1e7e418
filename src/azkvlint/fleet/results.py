"""The folder with the results of a run, which survives an interruption at any moment.

The files of a chunk get a random name, and are complete once they have it. Then one write adds a line for each input of
the chunk to the manifest. Only the manifest counts: a file that it does not name is removed when the run continues.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec

from azkvlint.fleet.checker import ChunkResult
from azkvlint.fleet.rows import InputResult, InputSummary
from azkvlint.util.errors import UsageError
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
