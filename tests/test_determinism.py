"""The same input gives the same bytes, whatever the hash seed and in whatever order it comes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
FORMS = ["json", "sarif"]


def fill(folder: Path, backwards: bool) -> None:
    """Plans, a file that is broken and one that is none, made in one order or the other."""
    files: dict[str, Path | bytes] = {
        "a/careless.json": SAMPLES / "careless" / "plan.json",
        "a/deeper/again.json": SAMPLES / "careless" / "plan.json",
        "b/hardened.json": SAMPLES / "hardened" / "plan.json",
        "b/broken.json": b'{"resource_changes": [',
        "c/other.json": b'{"name": "no plan"}',
        "c/old.json": b'{"format_version": "1.2", "resource_changes": []}',
    }
    for name in reversed(files) if backwards else files:
        content = files[name]
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            shutil.copyfile(content, file)


@pytest.mark.parametrize("form", FORMS)
def test_equal_folders_have_equal_reports(form: str, tmp_path: Path, run: Run) -> None:
    said = []
    for backwards, seed in ((False, "0"), (True, "1"), (True, "4321")):
        folder = tmp_path / seed / "same"
        fill(folder, backwards)
        said.append(run("-f", form, ".", cwd=folder, env={"PYTHONHASHSEED": seed}))
    assert said[0].code == 3
    assert said[1] == said[2] == said[0]


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_paths_does_not_matter(form: str, tmp_path: Path, run: Run) -> None:
    fill(tmp_path, backwards=False)
    one = run("-f", form, "a", "b", "c/old.json", cwd=tmp_path)
    assert run("-f", form, "c/old.json", "b", "a", cwd=tmp_path) == one
    assert run("-f", form, "b/broken.json", "b", "a/careless.json", "c/old.json", "a", cwd=tmp_path) == one


def test_log_does_not_depend_on_current_folder_and_locale(tmp_path: Path, run: Run) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(SAMPLES, checkout / "samples")
    (checkout / ".git").mkdir()
    inner = checkout / "samples" / "careless"
    said = [
        run("-f", "sarif", path, cwd=cwd, env={"LC_ALL": locale})
        for path, cwd, locale in (
            ("samples/careless", checkout, "C.UTF-8"),
            ("samples/careless", checkout, "C"),
            (".", inner, "POSIX"),
            ("../careless", checkout / "samples" / "hardened", "C.UTF-8"),
            (inner, tmp_path, "C.UTF-8"),
        )
    ]
    assert said[0].code == 1
    assert said[1:] == [said[0]] * 4
    results = json.loads(said[0].out)["runs"][0]["results"]
    paths = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results}
    assert paths == {
        f"samples/careless/{name}" for name in ("main.tf", "main.bicep", "main.json", "grant/main.tf", "grant.bicep")
    }
