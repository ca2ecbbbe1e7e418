"""How ``explain`` shows the parameters of a rule."""

from __future__ import annotations

import re

from tests.conftest import Run


def test_explain_shows_no_default_of_an_empty_list(run: Run) -> None:
    out = run("explain", "KV610").out
    assert "Parameters (set with --set KV610.placeholders=VALUE):\n  placeholders: Additional values" in out
    assert "    default: none\n" in out


def test_list_and_number(run: Run) -> None:
    assert "    default: secrets/backup, keys/backup, certificates/backup" in run("explain", "KV312").out
    assert re.search(r"    default: 90\n", run("explain", "KV003").out)
