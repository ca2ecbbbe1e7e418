"""The inputs that the benchmarks feed to kvlint, written by a generator that also writes down the truth about them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# How many vaults the generator puts into one file; a plan holds as many as it is asked for.
VAULTS_A_FILE = {"plan": 1, "hcl": 3, "arm": 3, "bicep": 3}


def generator(text: str) -> Path:
    """The generator's folder, as a command line argument."""
    folder = Path(text)
    if not (folder / "gen.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' has no gen.py in it")
    return folder


def write(kvgen: Path, kind: str, folder: Path, vaults: int, seed: int = 1) -> Path:
    """Write inputs of a kind (a key of VAULTS_A_FILE) with ``vaults`` vaults, and truth.json beside them.

    Returns what kvlint is to check: the plan, or ``folder``. The same seed gives the same vaults in every kind. A
    process of its own does it: a big parent would count as the peak memory of the processes measured later.
    """
    count = vaults // VAULTS_A_FILE[kind]
    command = [sys.executable, kvgen / "gen.py", kind, "--count", count, "--seed", seed, "--out", folder]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return folder / "plan.json" if kind == "plan" else folder


def files_of(folder: Path, ending: str) -> list[Path]:
    """All inputs with an ending below a folder, in order; not the truth table."""
    return [file for file in sorted(folder.rglob(f"*{ending}")) if file.name != "truth.json"]
