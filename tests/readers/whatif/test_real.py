"""What-if results and snapshots that Azure's own tools printed: all are read whole.

They lie beside the checkout and are other people's files, so they are read in place, and absent for most.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.readers.json_kinds import mentions_snapshot, mentions_what_if
from azkvlint.readers.whatif import looks_like_snapshot, looks_like_what_if, read_snapshot, read_what_if
from azkvlint.syntax.json_decoder import decode
from tests.readers.conftest import EVERYTHING

CORPORA = Path(__file__).resolve().parents[4] / "shared" / "corpora"
WHAT_IFS = sorted((CORPORA / "whatif").rglob("*.json"))
SNAPSHOTS = sorted((CORPORA / "snapshot").rglob("*.snapshot.json"))

if not WHAT_IFS or not SNAPSHOTS:
    pytest.skip(f"the corpora are not here: {CORPORA}", allow_module_level=True)


@pytest.mark.parametrize("file", WHAT_IFS, ids=lambda file: file.name)
def test_published_what_if_results_are_read(file: Path) -> None:
    data = file.read_bytes()
    document = decode(data)
    assert mentions_what_if(data)
    assert looks_like_what_if(document.value)
    assert not looks_like_snapshot(document.value)
    read = read_what_if("what-if.json", document, EVERYTHING)
    assert read.resources
    assert read.closed
    assert not read.problems


@pytest.mark.parametrize("file", SNAPSHOTS, ids=lambda file: file.parent.name)
def test_published_snapshots_are_read(file: Path) -> None:
    data = file.read_bytes()
    document = decode(data)
    assert mentions_snapshot(data)
    assert looks_like_snapshot(document.value)
    assert not looks_like_what_if(document.value)
    read = read_snapshot("main.snapshot.json", document, EVERYTHING)
    assert read.closed
    assert not read.problems
    own = [resource for resource in document.value["predictedResources"] if "id" in resource]
    assert len(read.resources) == len(own)
