"""Write the table of Azure's built-in roles from their definitions.

Usage: ``az role definition list > roles.json``, then ``python .github/development/built_in_roles.py roles.json DATE``,
where DATE is the day of the list, such as 2026-08-22. The result replaces src/azkvlint/data/built_in_roles.tsv.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "src" / "azkvlint" / "data" / "built_in_roles.tsv"
_HEADER = """\
# Azure's built-in roles on {date}, one a line, by ID: ID, name, and five columns for each permission: actions,
# notActions, dataActions, notDataActions and condition. Written by .github/development/built_in_roles.py from the
# definitions that Azure lists (az role definition list).
"""
_LISTS = ("actions", "notActions", "dataActions", "notDataActions")


def table(roles: Sequence[Mapping[str, Any]], date: str) -> str:
    """Return the table of roles, which are objects of the Azure CLI. Raise ValueError if it cannot hold one."""
    rows = sorted(_row(role) for role in roles if role.get("roleType", "BuiltInRole") == "BuiltInRole")
    return _HEADER.format(date=date) + "".join(f"{row}\n" for row in rows)


def _row(role: Mapping[str, Any]) -> str:
    cells = [role["id"].rpartition("/")[2].lower(), role.get("roleName", role["name"])]
    for permission in role["permissions"]:
        cells += _cells(permission)
    if any(mark in cell for cell in cells for mark in "\t\n"):
        raise ValueError(f"role {cells[1]}: a tab or line break in its definition")
    return "\t".join(cells).rstrip("\t")


def _cells(permission: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        actions = permission.get(name) or []
        if any(len(action.split()) != 1 for action in actions):
            raise ValueError(f"{name}: a space in an action")
        yield " ".join(actions)
    yield " ".join((permission.get("condition") or "").split())


if __name__ == "__main__":
    TABLE.write_text(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2]), encoding="utf-8")
