"""Print the run-time dependencies of pyproject.toml, those of all extras too, as requirements for pip.

``latest`` prints their ranges, ``lowest`` the lowest version that each range allows. ``make test LATEST=yes`` and
``LOWEST=yes`` install these over the locked packages.
"""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

_LOWEST = re.compile(r"([\w.-]+)>=([\w.]+)(?:,.*)?")


def bounds(document: str, kind: str) -> list[str]:
    """Return the requirements of a kind. Raise ValueError for another kind, or without a lowest version."""
    project = tomllib.loads(document)["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    ranges = sorted({*project["dependencies"], *extras}, key=str.lower)
    if kind == "latest":
        return ranges
    found = [_LOWEST.fullmatch(text) for text in ranges]
    if kind != "lowest" or not all(found):
        raise ValueError(kind)
    return [f"{match[1]}=={match[2]}" for match in found if match is not None]


if __name__ == "__main__":
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(bounds(text, sys.argv[1])))
