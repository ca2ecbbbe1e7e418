"""Apply a migration to a copy of its input, and compare the access before and after through the product's commands.

``python -m tests.migration.before_and_after COUNT [FIRST]`` does so on random worlds, and ``... PATH...`` on inputs.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from azkvlint.cli.app import run
from azkvlint.util.errors import UsageError
from tests.access.world import make
from tests.access.writing import write
from tests.migration.brute_force import WORDS, named

LANGUAGES = ("terraform", "bicep")
_MODEL = re.compile(r"(rbac_authorization_enabled|enable_rbac_authorization|enableRbacAuthorization)(\s*[=:]\s*)[^\n]+")

# An element of an unknown collection is a principal of its own in each resource.
_INSTANCE = re.compile(r"(?:.*\.)?azurerm_(?:role_assignment|key_vault_access_policy)\.")


class Cell(NamedTuple):
    """One permission of a principal on a vault."""

    principal: str
    vault: str
    permission: str


class Access(NamedTuple):
    """The access in an input, without escalations: the certainty, last step and length of the best path."""

    cells: dict[Cell, tuple[str, str, int]]

    @classmethod
    def of(cls, source: Path) -> Access:
        report = _report(["access", str(source), *(f"--permission={word}" for word in sorted(named(**WORDS)))])
        labels = {one["key"]: one["label"] for one in report["principals"]}
        cells: dict[Cell, tuple[str, str, int]] = {}
        for row in report["rows"]:
            is_unknown = row["principal"].startswith("? ") or _INSTANCE.match(labels[row["principal"]])
            if row["path"][-1]["kind"] == "escalation" or is_unknown:
                continue
            for number in report["vaultSets"][row["vaultSet"]]:
                cell = Cell(labels[row["principal"]], report["vaults"][number]["resource"], row["permission"])
                if cell not in cells or cells[cell][0] == "perhaps":
                    cells[cell] = row["certainty"], row["path"][-1]["text"], len(row["path"])
        return cls(cells)


def _report(words: list[str]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        code = run([*words, "-f", f"json={file}"])
        assert code in (0, 3), code
        return json.loads(file.read_text())


def migration(source: Path, *words: str) -> Any:
    """Return the JSON document of kvlint migrate-rbac; None if there is nothing to migrate."""
    try:
        return _report(["migrate-rbac", str(source), *words])
    except UsageError:
        return None


def apply(report: Any, folder: Path) -> list[str]:
    """Add the generated code, and switch each vault that is not blocked; return the addresses of these vaults."""
    places = []
    for code in report["code"]:
        if code["path"] is not None:
            path = folder / code["path"]
            places.append((path if code["language"] == "bicep" else path / "migration.tf", code["text"]))
    alone = {address for code in report["code"] if code["path"] is None for address in code["vaults"]}
    switched = []
    for vault in report["vaults"]:
        if vault["resource"] in alone:
            continue
        is_source = vault["location"]["path"].endswith((".tf", ".bicep"))
        if is_source and any(step["kind"] == "switch" and not step["blocked"] for step in vault["steps"]):
            switched.append(vault["resource"])
            at = vault["location"]
            _switch(folder / at["path"], at["line"])
    for file, text in places:
        with file.open("a") as out:
            out.write(f"\n{text}")
    return switched


def _switch(file: Path, line: int) -> None:
    """Enable Azure RBAC in the declaration of a vault at a line."""
    lines = file.read_text().splitlines(keepends=True)
    end = next((n for n in range(line, len(lines)) if lines[n].startswith("}")), len(lines))
    block = "".join(lines[line - 1 : end])
    changed = _MODEL.sub(r"\1\2true", block)
    if _MODEL.search(block) is None and file.suffix == ".bicep":
        changed = block.replace("properties: {\n", "properties: {\n    enableRbacAuthorization: true\n", 1)
    elif _MODEL.search(block) is None:
        changed = block.replace("{\n", "{\n  rbac_authorization_enabled = true\n", 1)
    file.write_text("".join([*lines[: line - 1], changed, *lines[end:]]))


def differences(source: Path, *words: str) -> list[str] | None:
    """Return what a principal lost, and what one gained that the report does not list; None if nothing is migrated."""
    report = migration(source, *words)
    if report is None:
        return None
    before = Access.of(source)
    folder = source if source.is_dir() else source.parent
    switched = apply(report, folder)
    after = Access.of(source)
    found: list[str] = []
    for cell, (certainty, _, _) in before.cells.items():
        now = after.cells.get(cell, ("no", "", 0))[0]
        if now != certainty and not (now == "yes" and certainty == "perhaps"):
            found.append(f"lost: {cell}: {certainty}, then {now}")
    listed = _listed(report)
    for cell, (certainty, by, length) in after.cells.items():
        if cell in before.cells:
            continue
        if cell.vault not in switched or not _is_listed(cell, by, length, listed):
            found.append(f"gained: {cell}: {certainty} by {by}")
    return found


class _Listed(NamedTuple):
    """What a report lists: the surplus by principal, the role assignments that take effect, and all this by vault."""

    surplus: set[Cell]
    of_vaults: set[tuple[str, str]]
    activated: set[tuple[Cell, str]]


def _listed(report: Any) -> _Listed:
    found = _Listed(set(), set(), set())
    for vault in report["vaults"]:
        for policy in vault["policies"]:
            if policy["status"] != "replaced":
                continue
            for word in (policy["customRole"] or policy["builtInRoles"])["surplus"]:
                found.surplus.add(Cell(policy["principal"], vault["resource"], word))
                found.of_vaults.add((vault["resource"], word))
    for change in report["activated"]:
        for vault in change["vaults"]:
            for word in change["permissions"]:
                found.activated.add((Cell(change["principal"], vault, word), change["by"]))
                found.of_vaults.add((vault, word))
    return found


def _is_listed(cell: Cell, by: str, length: int, listed: _Listed) -> bool:
    # Who can act as a principal has what it gains.
    indirect = length > 1 and (cell.vault, cell.permission) in listed.of_vaults
    return cell in listed.surplus or (cell, by) in listed.activated or indirect


def of_world(seed: int, language: str) -> list[str] | None:
    """Return the differences on the world of a seed, whose vaults have known permission models."""
    world = make(seed, language)
    for vault in world.vaults:
        vault.by_roles = bool(vault.by_roles)
    with tempfile.TemporaryDirectory() as folder:
        return differences(write(world, Path(folder)))


def _worlds(count: int, first: int) -> int:
    failed = migrated = 0
    for seed in range(first, first + count):
        for language in LANGUAGES:
            found = of_world(seed, language)
            migrated += found is not None
            failed += bool(found)
            sys.stdout.writelines(f"{language} {seed}: {line}\n" for line in found or ())
    sys.stdout.write(f"{count * len(LANGUAGES)} worlds, {migrated} migrated, {failed} with differences\n")
    return 1 if failed else 0


def _inputs(paths: Iterable[str]) -> int:
    failed = migrated = total = 0
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(path).name
            if Path(path).is_dir():
                shutil.copytree(path, copy, symlinks=True)
            else:
                shutil.copy(path, copy)
            found = differences(copy)
        total += 1
        migrated += found is not None
        failed += bool(found)
        sys.stdout.writelines(f"{path}: {line}\n" for line in (found or ())[:20])
    sys.stdout.write(f"{total} inputs, {migrated} migrated, {failed} with differences\n")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].isdecimal():
        numbers = [int(word) for word in sys.argv[1:3]]
        sys.exit(_worlds(*(numbers + [100, 0][len(numbers) :])))
    sys.exit(_inputs(sys.argv[1:]))
