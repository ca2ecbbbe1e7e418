"""Make the fingerprints of a run independent of the folder from which its inputs are named.

In a checkout, paths start at its top. Outside of one they start at a folder that depends on the command line, so a
fingerprint has the path from the input instead: from a root module, or from the folder of a plan or template.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from functools import cache

import msgspec

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import Finding
from azkvlint.model.identity import from_folder
from azkvlint.util.project_boundary import checkout_of


def without_run_folder(units: Sequence[UnitResult], root: str) -> list[UnitResult]:
    """Return the results of units of a run, whose reported paths start at ``root``, with such fingerprints."""

    @cache
    def checkout(folder: str) -> str | None:
        """Return the reported path of the checkout around a reported folder."""
        found = checkout_of(os.path.join(root, folder))
        return None if found is None else os.path.relpath(found, root).replace(os.sep, "/")

    @cache
    def input_folder(path: str) -> str:
        """Return the folder of an input: of a root module, or around a file."""
        return path if os.path.isdir(os.path.join(root, path)) else posixpath.dirname(path)

    def moved(findings: Iterable[Finding]) -> list[Finding]:
        return [
            from_folder(one, checkout(posixpath.dirname(one.at.path)) or input_folder(one.root)) for one in findings
        ]

    return [
        msgspec.structs.replace(
            unit, findings=moved(unit.findings), unknown=moved(unit.unknown), suppressed=moved(unit.suppressed)
        )
        for unit in units
    ]
