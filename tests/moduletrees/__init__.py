"""Trees of Terraform modules, the plans that Terraform prints of them, and what is to be said of their vaults, where.

A tree is made from a seed. Its modules declare the same resources over and over, with and without keys, and set the
arguments of vaults in every way there is: written out, by a variable's default, by a file of values, by a caller
through several calls, by a local value, a member of an object, a key of a loop, a dynamic block, null, or not at all.
"""

from __future__ import annotations

from pathlib import Path

from tests.moduletrees.growing import Growing
from tests.moduletrees.planning import Planning, Tree
from tests.moduletrees.writing import Writing

__all__ = ["Tree", "make"]


def make(seed: int, folder: Path) -> Tree:
    """The tree of a seed, written below ``folder``."""
    growing = Growing(seed)
    root = growing.module("infra" if growing.random.random() < 0.5 else "", 0)
    values = growing.given_to(root)
    Writing(folder, values).module(root, is_root=True)
    return Planning(values).tree(root)
