"""Runs ``kvlint diff`` in the tests' own process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import CommandOutput, Kvlint, kvlint

__all__ = ["kvlint"]


class Compared(NamedTuple):
    """What a comparison printed as JSON, and its exit code."""

    code: int
    document: dict[str, Any]

    def findings(self, state: str) -> list[tuple[str, str]]:
        """The rules and resources of the findings in a state."""
        return sorted(
            (one["ruleId"], occurrence["resource"])
            for one in self.document["findings"]
            if one["state"] == state
            for occurrence in one["occurrences"]
        )

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of differences that are not zero."""
        ignored = ("moved", "unchanged")
        return {name: count for name, count in self.document["summary"].items() if count and name not in ignored}

    @property
    def doors(self) -> list[tuple[str, str]]:
        """The kinds and resources of the one-way doors."""
        return [(one["kind"], one["resource"]) for one in self.document["oneWayDoors"]]

    @property
    def access(self) -> list[tuple[str, str, tuple[str, ...], str, str, bool]]:
        """What principals gain and lose."""
        return [
            (
                one["direction"], one["principal"], tuple(one["permissions"]), one["before"], one["after"],
                one["lockout"],
            )
            for one in self.document["access"]
        ]  # fmt: skip


class Diff:
    """Compares what a test writes."""

    def __init__(self, folder: Path, run: Kvlint) -> None:
        self.folder = folder
        self._run = run

    def write(self, name: str, files: Mapping[str, str] | bytes) -> str:
        """Write a folder with files, or a file, and return its name."""
        path = self.folder / name
        if isinstance(files, bytes):
            path.write_bytes(files)
        else:
            for file, text in files.items():
                (path / file).parent.mkdir(parents=True, exist_ok=True)
                (path / file).write_text(text, encoding="utf-8")
        return name

    def run(self, *words: str) -> CommandOutput:
        """Run a comparison."""
        return self._run("diff", *words)

    def compare(self, *words: str) -> Compared:
        """Return the result of a comparison that is complete."""
        said = self.run(*words, "-f", "json")
        assert said.code in (0, 1), said.err
        return Compared(said.code, json.loads(said.out))


@pytest.fixture
def diff(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diff:
    folder = tmp_path / "compared"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Diff(folder, kvlint)
