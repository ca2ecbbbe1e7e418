"""The recorded state of a folder depends on what each of its entries is: a cached result may depend on all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import pytest

from azkvlint.util.file_tracker import file_tracker, state_of
from azkvlint.util.project_files import walk

KINDS: Mapping[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "file": lambda path: path.write_text("x", encoding="utf-8"),
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "link to a file": lambda path: path.symlink_to("file"),
    "link to a folder": lambda path: path.symlink_to("folder"),
    "link to another folder": lambda path: path.symlink_to("other"),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize(("first", "second"), [*combinations(KINDS, 2)])
def test_an_entry_of_another_kind_is_another_state(first: str, second: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").mkdir()
    states = []
    for kind in (first, second):
        entry = tmp_path / "entry"
        KINDS[kind](entry)
        states.append(state_of(f"{tmp_path}{os.sep}"))
        if kind == "folder":
            entry.rmdir()
        else:
            entry.unlink(missing_ok=True)
    assert states[0] != states[1]


def test_link_with_a_target_of_another_kind_has_another_state(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "link").symlink_to("../target")
    (tmp_path / "target").write_text("x", encoding="utf-8")
    before = state_of(f"{tmp_path / 'below'}{os.sep}")
    (tmp_path / "target").unlink()
    (tmp_path / "target").mkdir()
    assert state_of(f"{tmp_path / 'below'}{os.sep}") != before


def test_walking_records_each_folder_before_it_is_listed(tmp_path: Path) -> None:
    """Also one that cannot be listed, or a later run could not notice that it can be."""
    (tmp_path / "closed").mkdir()
    file_tracker().start()

    def remove_while_walking() -> None:
        for folder, _, _ in walk(str(tmp_path)):
            if folder == str(tmp_path):
                (tmp_path / "closed").rmdir()

    try:
        _, states = file_tracker().track(remove_while_walking)
    finally:
        file_tracker().stop()
    assert states[f"{tmp_path}{os.sep}"] == ("names", "closed/folder")
    assert states[f"{tmp_path / 'closed'}{os.sep}"] == ()
