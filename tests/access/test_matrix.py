"""The matrix equals what trying everything finds, in every language, and keeps its laws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.access.comparing import difference, product, report_of
from tests.access.world import LANGUAGES, Assignment, Vault, World, make

pytestmark = pytest.mark.slow(8)

DATA = ("secrets/get", "keys/use", "certificates/get", "purge")
CONTRIBUTOR = Assignment("extra", "guid:9", "Contributor", "vault:kv0")
WHO = "11111111-1111-1111-1111-000000000009"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(10))
def test_matrix_equals_the_oracle(seed: int, language: str) -> None:
    assert difference(seed, language) == []


def with_vault(world: World, *, by_roles: bool) -> World:
    vaults = [Vault("kv0", world.groups[0], by_roles, is_protected=False, deploys=False), *world.vaults[1:]]
    return replace(world, vaults=vaults, assignments=[*world.assignments, CONTRIBUTOR])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(3))
def test_contributor_on_a_vault_with_access_policies_can_read_secrets(seed: int, language: str, tmp_path: Path) -> None:
    found = product(with_vault(make(seed, language), by_roles=False), tmp_path)
    assert {found.get((WHO, "kv0", capability)) for capability in DATA} == {"yes"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(3))
def test_switching_the_vault_to_roles_leaves_these_rows_possible_at_most(
    seed: int, language: str, tmp_path: Path
) -> None:
    found = product(with_vault(make(seed, language), by_roles=True), tmp_path)
    assert {found.get((WHO, "kv0", capability)) for capability in DATA} == {"perhaps"}
    assert found[WHO, "kv0", "network"] == "yes"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(4))
def test_removing_a_printed_edge_removes_its_rows(seed: int, language: str, tmp_path: Path) -> None:
    world = make(seed, language)
    before = paths(report_of(world, tmp_path))
    for number, assignment in enumerate(world.assignments):
        rest = [one for at, one in enumerate(world.assignments) if at != number]
        after = paths(report_of(replace(world, assignments=rest), tmp_path))
        printed = {path for path in before if is_by(path, assignment)}
        assert printed or not any(names(step, assignment) for path in before for step in path[2:3])
        assert printed.isdisjoint(after)
        # No other edit is printed for what goes with it, and nothing else goes but what passes through it.
        assert all(any(names(step, assignment) for step in path[2:-1]) for path in before - after)


def paths(report: dict[str, list[dict[str, object]]]) -> set[tuple[str, ...]]:
    """Return every row as its principal, its permission, its steps, and its edit."""
    found = set()
    for row in report["rows"]:
        steps = [str(step["text"]) for step in row["path"]]  # type: ignore[attr-defined]
        found.add((str(row["principal"]), str(row["permission"]), *steps, str(row["edit"])))
    return found


def is_by(path: tuple[str, ...], assignment: Assignment) -> bool:
    return path[-1].endswith((f" {assignment.name}", f".{assignment.name}", f"{{guid('{assignment.name}')}}"))


def names(step: str, assignment: Assignment) -> bool:
    return f"{assignment.name})" in step or f"guid('{assignment.name}')" in step
