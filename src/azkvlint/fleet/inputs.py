"""The inputs of a fleet: paths, globs, lists and remote addresses, each once and in a fixed order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice

from azkvlint.fleet.remote import is_remote, refuse_credentials, remote_matches
from azkvlint.util.errors import UsageError
from azkvlint.util.output_files import ResultFolder
from azkvlint.util.project_files import expand_glob, named_lines

INPUTS, SORTING = "inputs.jsonl", "sorting"
_RUN = 100_000  # inputs that are sorted in memory
_LONGEST = 65_536


def write_inputs(folder: ResultFolder, words: Sequence[str], lists: Sequence[str]) -> int:
    """Write the inputs that ``words`` and the files in ``lists`` name to the folder, and return their number.

    Raise UsageError if a word names nothing.
    """
    counts = [0]
    folder.write_lines(INPUTS, _counted(_sorted(folder, _expanded(words, lists)), counts))
    folder.remove_folder(SORTING)
    if not counts[0]:
        raise UsageError("there are no inputs", "name paths, globs or addresses, or a list with --inputs-from")
    return counts[0]


def inputs_of(folder: ResultFolder) -> Iterator[str]:
    """Yield the inputs of a run."""
    return (json.loads(line) for line in folder.lines(INPUTS))


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
    parts = [(json.loads(line) for line in folder.lines(file)) for file in files]
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
