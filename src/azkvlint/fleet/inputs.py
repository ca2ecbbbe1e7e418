"""The list of the inputs of a run: sorted, each once, in a file of any size."""

from __future__ import annotations

import json
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice

from azkvlint.fleet.remote import has_credentials, is_remote, refuse_credentials, remote_matches
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.project_files import expand_glob, named_lines
from azkvlint.util.result_folder import ResultFolder

INPUTS, SORTING = "inputs.jsonl", "sorting"
_SORTED = re.compile(r"[0-9]+\.jsonl(\.[0-9a-f]{16}\.partial)?")
_RUN = 100_000  # inputs that are sorted in memory
_LONGEST = 65_536
# JSON has at most six characters for a byte of a name.
_LONGEST_LINE = 16 * _LONGEST


def write_inputs(folder: ResultFolder, words: Sequence[str], lists: Sequence[str]) -> tuple[int, str]:
    """Write the inputs that ``words`` and the files in ``lists`` name to the folder; return their number and a digest.

    Raise UsageError if a word names nothing.
    """
    counts = [0]
    folder.write_lines(INPUTS, _counted(_sorted(folder, _expanded(words, lists)), counts))
    folder.remove_folder(SORTING, _SORTED)
    if not counts[0]:
        raise UsageError("there are no inputs", "name paths, globs or addresses, or a list with --inputs-from")
    return counts[0], folder.digest(INPUTS) or ""


def inputs_of(folder: ResultFolder) -> Iterator[str]:
    """Yield the inputs of a run. Raise KvlintError if the file is not as ``write_inputs`` writes it."""
    before = ""
    for number, line in enumerate(folder.lines(INPUTS, _LONGEST_LINE), 1):
        name = _name(line)
        if name is None or name <= before or (is_remote(name) and has_credentials(name)):
            raise damaged(folder, INPUTS, f"line {number} is not an input of a run")
        yield name
        before = name


def check_inputs(folder: ResultFolder, count: int, digest: str) -> array[int]:
    """Return a hash of each input of a run. Raise KvlintError if they are not those with which it began."""
    hashes = array("q")
    for name in islice(inputs_of(folder), count + 1):
        hashes.append(hash(portable(name)))
    if len(hashes) != count or folder.digest(INPUTS) != digest:
        raise damaged(folder, INPUTS, f"it is not the list of the {count:,} inputs of the run")
    return hashes


def damaged(folder: ResultFolder, name: str, why: str) -> KvlintError:
    """Return the error for a file that cannot be repaired, because nothing else has what it contains."""
    return KvlintError(f"`{folder.place(name)}` is damaged: {why}", "start the run again in another folder")


def portable(name: str) -> str:
    """Return a name with U+FFFD for the bytes of a file name that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _name(line: bytes) -> str | None:
    """Return the input on a line; None for anything else."""
    if not line.startswith(b'"') or not line.endswith(b'"\n'):
        return None
    try:
        name = json.loads(line)
        portable(name)
    except ValueError:
        return None
    return name if isinstance(name, str) and _line(name) == line else None


def _counted(addresses: Iterable[str], counts: list[int]) -> Iterator[bytes]:
    for address in addresses:
        counts[0] += 1
        yield _line(address)


def _line(address: str) -> bytes:
    return json.dumps(address).encode() + b"\n"


def _sorted(folder: ResultFolder, addresses: Iterator[str]) -> Iterator[str]:
    """Yield the addresses in order, each once, whatever their number: sorted parts are merged from files."""
    files: list[str] = []
    while part := list(islice(addresses, _RUN)):
        files.append(f"{SORTING}/{len(files)}.jsonl")
        folder.write_lines(files[-1], map(_line, sorted(part)))
    parts = [(json.loads(line) for line in folder.lines(file, _LONGEST_LINE)) for file in files]
    yield from (address for address, _ in groupby(merge(*parts)))


def _expanded(words: Sequence[str], lists: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word.startswith("@"):
            yield from _listed(word[1:])
        else:
            yield from _matches(word)
    for file in lists:
        yield from _listed(file)


def _listed(file: str) -> Iterator[str]:
    """Yield the inputs in a list. Empty lines and lines that begin with # are ignored."""
    for line in named_lines(file, f"the list `{file}`", _LONGEST):
        word = line.strip()
        if word and not word.startswith("#"):
            # Whether an input of a list exists is part of its result.
            if is_remote(word):
                refuse_credentials(word)
            yield word


def _matches(word: str) -> Iterator[str]:
    """Yield the inputs that a word of the command line names. Raise UsageError if there are none."""
    if is_remote(word):
        yield from remote_matches(word)
        return
    if os.path.lexists(word):
        yield word
        return
    found = False
    for path in expand_glob(word):
        found = True
        yield path
    if not found:
        raise UsageError(f"'{word}' does not exist", "name a path, a glob, an address or @FILE")
