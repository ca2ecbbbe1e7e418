"""The law of differences: ``diff(A, B)`` is the difference of the access to A, and to what Azure has after B.

A is deployed, and B is deployed over it. What Azure certainly has then is ``deployed``, and what it has besides, unless
a person or a deployment stack deletes it, ``with_leavings``: access that only the second has is possible. Access that
stays is wider or narrower if another scope gives it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import Kvlint
from tests.difference.estates import Estate, change, deployed, make, with_leavings
from tests.difference.estates_writing import write

pytestmark = pytest.mark.slow(12)

NUMBER = int(os.environ.get("KVLINT_ESTATES", "24"))
_NO, _PERHAPS, _YES = "no", "perhaps", "yes"
_RANK = {_NO: 0, _PERHAPS: 1, _YES: 2}


class Cell(NamedTuple):
    vault: str
    principal: str
    permission: str


class Access(NamedTuple):
    """The certainty of an access, and whether the resource group gives it, certainly or possibly."""

    level: str
    certain: int
    possible: int


_NONE = Access(_NO, -1, -1)
Changes = dict[Cell, tuple[str, str, str]]


def access(kvlint: Kvlint, estate: Estate, folder: Path) -> dict[Cell, Access]:
    said = kvlint("access", write(estate, folder), "-f", "json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    found: dict[Cell, Access] = {}
    for row in document["rows"]:
        last = row["path"][-1]
        height = int(last["kind"] == "role" and "group" in (last["scope"] or "").lower())
        is_certain = row["certainty"] == _YES
        one = Access(row["certainty"], height if is_certain else -1, height)
        for number in document["vaultSets"][row["vaultSet"]]:
            cell = Cell(_vault(document["vaults"][number]), _principal(row), row["permission"])
            found[cell] = _best(found.get(cell, _NONE), one)
    return found


def _vault(vault: dict[str, Any]) -> str:
    """The name of a vault; if that is not known, its root in the estate and its address there."""
    if vault["name"].startswith("kv-"):
        return str(vault["name"])
    return f"{vault['root'].partition('/')[2]} {vault['resource']}"


def _principal(row: dict[str, Any]) -> str:
    """The key of a principal, without its root: no two groups of an estate have one address."""
    return str(row["principal"]).partition(" of ")[0]


def _best(one: Access, other: Access) -> Access:
    level = max(one.level, other.level, key=_RANK.__getitem__)
    return Access(level, max(one.certain, other.certain), max(one.possible, other.possible))


def after(certain: dict[Cell, Access], possible: dict[Cell, Access]) -> dict[Cell, Access]:
    """The access after a deployment: what only leavings give is possible."""
    left = {cell: Access(_PERHAPS, -1, one.possible) for cell, one in possible.items()}
    return {cell: _best(certain.get(cell, _NONE), left.get(cell, _NONE)) for cell in {*certain, *left}}


def expected(before: dict[Cell, Access], now: dict[Cell, Access]) -> Iterator[tuple[Cell, tuple[str, str, str]]]:
    for cell in {*before, *now}:
        old, new = before.get(cell, _NONE), now.get(cell, _NONE)
        if old.level != new.level:
            direction = "gained" if _RANK[new.level] > _RANK[old.level] else "lost"
            yield cell, (direction, old.level, new.level)
        elif old.level == _YES and new.certain > old.possible:
            yield cell, ("wider", _YES, _YES)
        elif old.level == _YES and old.certain > new.possible:
            yield cell, ("narrower", _YES, _YES)


def reported(document: dict[str, Any]) -> Iterator[tuple[Cell, tuple[str, str, str]]]:
    for one in document["access"]:
        for vault in one["of"]:
            for permission in one["permissions"]:
                cell = Cell(_vault(vault), _principal(one), permission)
                yield cell, (one["direction"], one["before"], one["after"])


def differences(kvlint: Kvlint, seed: str, folder: Path) -> tuple[list[str], Changes, Changes]:
    """Return the changes of a random estate, the differences that it should have, and those that it has."""
    random = Random(seed)  # noqa: S311  # repeatable
    base = make(random)
    head, names = change(random, base)
    sure = deployed(base, head)
    before = access(kvlint, base, folder / "base")
    certain = access(kvlint, _in_one_way(sure), folder / "certain")
    possible = access(kvlint, _in_one_way(with_leavings(base, sure)), folder / "possible")
    write(head, folder / "head")
    said = kvlint("diff", folder / "base", folder / "head", "-f", "json", "--fail-on", "none")
    assert said.code == 0, said.err
    found = list(reported(json.loads(said.out)))
    assert len(found) == len(dict(found)), "a change is reported twice"
    return names, dict(expected(before, after(certain, possible))), dict(found)


def _in_one_way(estate: Estate) -> Estate:
    """Return an estate in which every template can have several vaults."""
    return [dataclasses.replace(one, kind="bicep-modules" if one.is_template else one.kind) for one in estate]


@pytest.mark.parametrize("number", range(NUMBER))
def test_a_difference_is_that_of_the_access_before_and_after(
    number: int, seed: str, kvlint: Kvlint, tmp_path: Path
) -> None:
    names, wanted, found = differences(kvlint, f"{seed} {number}", tmp_path)
    assert found == wanted, names
