"""Laws on the samples and on random inputs: nothing differs from itself, and what is new one way is gone the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.access.world import World, make
from tests.access.writing import write
from tests.difference.conftest import Compared, Diff
from tests.difference.inputs import (
    IN_TERRAFORM,
    REGRESSIONS,
    TERRAFORM,
    encoded,
    plan_with,
    reverse,
)

pytestmark = pytest.mark.slow(8)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
"""The numbers of random inputs are small; more were compared once."""
NUMBER = 6
MIRRORED = {"new": "gone", "gone": "new", "changed": "changed", "moved": "moved", "unchanged": "unchanged"}


def one_way(*both: Compared) -> set[tuple[str, str]]:
    """The names of vaults, with the permission or all of them, that a deployment over the other side keeps.

    A template leaves a vault with another name behind, and Azure keeps the purge protection and permission model.
    """
    found: set[tuple[str, str]] = set()
    for document in (one.document for one in both):
        for door in document["oneWayDoors"]:
            if door["kind"] == "deleted" and "deployment stack" in door["decidedBy"]:
                found.add((door["name"], ""))
            if door["text"].endswith("Azure rejects this"):
                found.add((door["name"], "purge"))
        for kept in document["unchangedOnExistingVaults"]:
            found.add((kept["name"], "" if kept["kind"] == "permission-model" else "purge"))
    return found


LEVELS = ("no", "perhaps", "yes")


def assert_lost_at_most(there: Compared, back: Compared, kept: set[tuple[str, str]]) -> None:
    """What one side loses, it has gained the other way: a template leaves role assignments, and adds all of its own."""

    def changes(found: Compared, direction: str) -> dict[tuple[str, str, str], tuple[str, str]]:
        return {
            (one["principal"], what, vault["name"]): (one["before"], one["after"])
            for one in found.document["access"]
            if one["direction"] == direction
            for what in one["permissions"]
            for vault in one["of"]
            if kept.isdisjoint({(vault["name"], ""), (vault["name"], what)})
        }

    gained = changes(back, "gained")
    for key, (before, after) in changes(there, "lost").items():
        least, most = gained[key]
        assert most == before
        assert LEVELS.index(least) <= LEVELS.index(after)


OPPOSITES = {"lost": "gained", "gained": "lost", "wider": "narrower", "narrower": "wider"}


def assert_mirrored(there: Compared, back: Compared, *, leaves: bool = False) -> None:
    for state, other in MIRRORED.items():
        assert there.findings(state) == back.findings(other), state
    kept = one_way(there, back)

    def changes(found: Compared) -> set[tuple[str, str, str, str, str]]:
        return {
            (one["direction"], one["principal"], what, one["before"], one["after"])
            for one in found.document["access"]
            for what in one["permissions"]
            for vault in one["of"]
            if kept.isdisjoint({(vault["name"], ""), (vault["name"], what)})
        }

    if leaves:
        assert_lost_at_most(there, back, kept)
        assert_lost_at_most(back, there, kept)
    else:
        assert changes(back) == {
            (OPPOSITES[way], who, what, after, before) for way, who, what, before, after in changes(there)
        }
    assert all(one["state"] in MIRRORED or one["state"] == "unknown" for one in there.document["findings"])


@pytest.mark.parametrize("sample", ["careless", "hardened"])
@pytest.mark.parametrize("name", ["", "main.tf", "main.bicep", "main.json", "plan.json"])
def test_a_sample_is_equal_to_itself(sample: str, name: str, diff: Diff) -> None:
    shutil.copytree(SAMPLES / sample, diff.folder / "a")
    shutil.copytree(SAMPLES / sample, diff.folder / "b")
    found = diff.compare(f"a/{name}".rstrip("/"), f"b/{name}".rstrip("/"))
    assert (found.code, found.counts) == (0, {})


@pytest.mark.parametrize("name", ["main.tf", "main.bicep", "main.json", "plan.json"])
def test_the_samples_are_mirrored(name: str, diff: Diff) -> None:
    for sample in ("careless", "hardened"):
        (diff.folder / sample).mkdir()
        for file in (SAMPLES / sample).iterdir():
            if file.name == name or not file.name.startswith(("main.", "plan.")):
                (shutil.copytree if file.is_dir() else shutil.copy)(file, diff.folder / sample / file.name)
    words = (f"careless/{name}", f"hardened/{name}")
    said = diff.run(*words)
    if said.code == 2:  # they have other names
        assert "have no resource in common" in said.err
        return
    assert_mirrored(diff.compare(*words), diff.compare(*reversed(words)))


@pytest.mark.parametrize("seed", range(NUMBER))
def test_random_regressions_are_mirrored(seed: int, diff: Diff) -> None:
    random = Random(seed)  # noqa: S311  # repeatable
    texts = []
    for _ in range(2):
        text = TERRAFORM
        for name in random.sample(list(REGRESSIONS), random.randrange(len(REGRESSIONS) + 1)):
            text = IN_TERRAFORM[name](text)
        texts.append(text)
    base, head = (diff.write(f"side{number}", {"main.tf": text}) for number, text in enumerate(texts))
    assert diff.compare(base, base).counts == {}
    assert_mirrored(diff.compare(base, head), diff.compare(head, base))
    names = random.sample(list(REGRESSIONS), random.randrange(1, len(REGRESSIONS) + 1))
    there, back = encoded(plan_with(*names)), encoded(reverse(plan_with(*names)))
    assert_mirrored(diff.compare(diff.write("a.json", there)), diff.compare(diff.write("b.json", back)))


@pytest.mark.parametrize("language", ["terraform", "plan", "bicep", "arm"])
@pytest.mark.parametrize("seed", range(NUMBER))
def test_random_access_is_mirrored(seed: int, language: str, diff: Diff) -> None:
    paths = []
    for number in range(2):
        folder = diff.folder / f"side{number}"
        folder.mkdir()
        world: World = make(seed * 2 + number, language)
        paths.append(str(write(world, folder)))
    base, head = paths
    assert diff.compare(base, base).counts == {}
    assert diff.compare(head, head).counts == {}
    said = diff.run(base, head, "-f", "json")
    if said.code != 2:
        document: dict[str, Any] = json.loads(said.out)
        leaves = language in {"bicep", "arm"}
        assert_mirrored(Compared(said.code, document), diff.compare(head, base), leaves=leaves)
