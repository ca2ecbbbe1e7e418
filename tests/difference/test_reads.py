"""Each side is read once, for its findings and for its access, and what is kept of it changes no result."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from azkvlint.readers.reader import KeepingReader, Reader
from tests.difference.conftest import Diff
from tests.difference.inputs import BICEP, IN_BICEP, IN_TERRAFORM, TERRAFORM, encoded, plan_with

HEADS = {
    "main.tf": (TERRAFORM, IN_TERRAFORM["RBAC off"](TERRAFORM)),
    "main.bicep": (BICEP, IN_BICEP["diagnostic setting removed"](BICEP)),
}


def words_of(name: str, diff: Diff) -> list[str]:
    if name == "plan":
        return [diff.write("plan.json", encoded(plan_with("RBAC off")))]
    return [diff.write(side, {name: text}) for side, text in zip(("base", "head"), HEADS[name], strict=True)]


@pytest.mark.parametrize("name", ["main.tf", "main.bicep", "plan"])
def test_each_side_is_read_once(name: str, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(name, diff)
    reads = Counter[str]()
    read = Reader._read

    def counted(self: Reader, unit: Any, work: Any) -> Any:
        reads[unit.source.file] += 1
        return read(self, unit, work)

    monkeypatch.setattr(Reader, "_read", counted)
    diff.compare(*words)
    # A plan has two states.
    assert sorted(reads.values()) == ([2] if name == "plan" else [1, 1])


@pytest.mark.parametrize("name", ["main.tf", "main.bicep", "plan"])
def test_result_is_the_same_without_room_for_the_inputs(name: str, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(name, diff)
    found = diff.compare(*words)
    monkeypatch.setattr(KeepingReader, "_MOST_RESOURCES", 0)
    assert diff.compare(*words) == found
