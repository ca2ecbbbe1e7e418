"""Generate the inputs of the benchmarks, with a table of the expected results."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# The number of vaults in one generated file. A plan contains any number.
VAULTS_A_FILE = {"plan": 1, "hcl": 3, "arm": 3, "bicep": 3}


def generator(text: str) -> Path:
    """Return the folder of the generator, from a command-line argument."""
    folder = Path(text)
    if not (folder / "gen.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' does not contain gen.py")
    return folder


def write(kvgen: Path, kind: str, folder: Path, vaults: int, seed: int = 1) -> Path:
    """Write inputs of a kind (a key of VAULTS_A_FILE) with ``vaults`` vaults, and truth.json beside them.

    Return the path to check: the plan, or ``folder``. The same seed results in the same vaults for every kind. A
    separate process writes them, because the memory of a large parent would count as peak memory of the measured
    processes.
    """
    count = vaults // VAULTS_A_FILE[kind]
    command = [sys.executable, kvgen / "gen.py", kind, "--count", count, "--seed", seed, "--out", folder]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return folder / "plan.json" if kind == "plan" else folder


def files_of(folder: Path, ending: str) -> list[Path]:
    """Return all inputs with a suffix below a folder, in order, without truth.json."""
    return [file for file in sorted(folder.rglob(f"*{ending}")) if file.name != "truth.json"]
