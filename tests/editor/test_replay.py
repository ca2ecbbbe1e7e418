"""Diagnostics after any edits are those of the command line on the same texts; see ``replay``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

from azkvlint.editor.checks import Checks, Request
from azkvlint.util.file_tracker import EDITOR_TEXTS
from tests.editor import replay

CASES = int(os.environ.get("KVLINT_REPLAYS", "8"))


@pytest.fixture(autouse=True)
def no_texts() -> Iterator[None]:
    yield
    EDITOR_TEXTS.clear()


@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_samples(number: int) -> None:
    assert replay.case(number, 7, replay.folders(None)) == ""


@pytest.mark.parametrize("number", range(CASES // 2))
def test_edits_through_the_protocol(number: int) -> None:
    assert replay.case(number, 8, replay.folders(None), by_protocol=True) == ""


@pytest.mark.skipif(not replay.CORPORA.is_dir(), reason="../shared/corpora is absent")
@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_corpora(number: int) -> None:
    assert replay.case(number, 7, replay.folders(replay.CORPORA)) == ""


def _holding_nothing(checks: Checks, request: Request) -> None:
    checks._request = request
    EDITOR_TEXTS.clear()


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay fails if checks do not see the texts of the editor."""
    monkeypatch.setattr(Checks, "hold", _holding_nothing)
    found = replay.folders(None)
    assert any(replay.case(number, 7, found) for number in range(8))
