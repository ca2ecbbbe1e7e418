"""The plans that the benchmarks feed to kvlint, written by a generator that also writes down the truth about them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def generator(text: str) -> Path:
    """The generator's folder, as a command line argument."""
    folder = Path(text)
    if not (folder / "gen.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' has no gen.py in it")
    return folder


def write_plan(kvgen: Path, folder: Path, count: int, seed: int = 1) -> Path:
    """Write a plan of ``count`` vaults, and truth.json beside it, into ``folder``; returns the plan's path.

    A process of its own does it: a big parent would count as the peak memory of the processes measured later.
    """
    command = [sys.executable, kvgen / "gen.py", "plan", "--count", count, "--seed", seed, "--out", folder]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return folder / "plan.json"
