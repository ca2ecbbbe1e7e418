"""Compares the product with the oracle on one world, through the product's real entry point."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from azkvlint.cli.app import run
from tests.access.oracle import Cell, cells
from tests.access.world import World, make
from tests.access.writing import label, write


def product(world: World, folder: Path) -> dict[Cell, str]:
    """Return the matrix that the product reports, by label, vault and permission."""
    report = report_of(world, folder)
    labels = {one["key"]: one["label"] for one in report["principals"]}
    found: dict[Cell, str] = {}
    for row in report["rows"]:
        for number in report["vaultSets"][row["vaultSet"]]:
            cell = labels[row["principal"]], report["vaults"][number]["name"], row["permission"]
            if found.get(cell) != "yes":
                found[cell] = row["certainty"]
    return found


def report_of(world: World, folder: Path) -> Any:
    """Return the JSON report on a world."""
    source, report = write(world, folder), folder / "report.json"
    code = run(["access", str(source), "-f", f"json={report}"])
    assert code == 0, code
    return json.loads(report.read_text())


def expected(world: World) -> dict[Cell, str]:
    """Return the matrix that the oracle computes."""
    return {(label(world, who), vault, capability): sure for (who, vault, capability), sure in cells(world).items()}


def difference(seed: int, language: str) -> list[str]:
    """Return where the product and the oracle disagree on the world of a seed."""
    world = make(seed, language)
    with tempfile.TemporaryDirectory() as folder:
        own, other = product(world, Path(folder)), expected(world)
    return [
        f"{language} {seed}: {cell}: product {own.get(cell, 'no')}, oracle {other.get(cell, 'no')}"
        for cell in sorted(own.keys() | other.keys())
        if own.get(cell) != other.get(cell)
    ]
