"""What a ``removed`` block destroys, from source alone and with the plan that was made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

SOURCE = """resource "azurerm_key_vault" "kept" {
  name = "kept"
}

# kvlint: ignore[KV005] it moves to another stack
removed {
  from = azurerm_key_vault.a
  lifecycle {
    destroy = true
  }
}

removed {
  from = azurerm_key_vault.b
  lifecycle {
    destroy = true
  }
}

removed {
  from = azurerm_key_vault.c
}
"""


def change(name: str, action: str) -> dict[str, Any]:
    values = {"name": name}
    after = None if action == "delete" else values
    return {
        "address": f"azurerm_key_vault.{name}",
        "mode": "managed",
        "type": "azurerm_key_vault",
        "name": name,
        "change": {"actions": [action], "before": values, "after": after, "after_unknown": {}},
    }


def plan(**actions: str) -> str:
    kept = {"address": "azurerm_key_vault.kept", "mode": "managed", "type": "azurerm_key_vault", "name": "kept",
            "expressions": {"name": {"constant_value": "kept"}}}  # fmt: skip
    return json.dumps(
        {
            "format_version": "1.2",
            "resource_changes": [change(name, action) for name, action in actions.items()],
            "configuration": {"root_module": {"resources": [kept]}},
        }
    )


def told(run: Run, folder: Path) -> list[str]:
    """Place and status of each result, those that the line of an equal one names included."""
    ran = run(".", "--select", "KV005", "--show-suppressed", cwd=folder)
    lines = [line.partition("[KV005] ") for line in ran.out.splitlines() if "[KV005] " in line]
    return [
        one
        for head, _, text in lines
        for one in (head, *(f"{at}: {head.split()[-1]}" for at in re.findall(r"\((main\.tf:\d+:\d+)\)", text)))
    ]


def test_removed_blocks_are_reported_from_source(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(SOURCE)
    assert told(run, tmp_path) == ["main.tf:16:5: high", "main.tf:20:1: unknown", "main.tf:9:5: suppressed"]


def test_plan_decides_removed_blocks_that_the_source_leaves_unknown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(SOURCE)
    (tmp_path / "plan.json").write_text(plan(kept="no-op", a="delete", b="delete", c="delete"))
    assert told(run, tmp_path) == ["main.tf:16:5: high", "main.tf:20:1: high", "main.tf:9:5: suppressed"]
    (tmp_path / "plan.json").write_text(plan(kept="no-op", a="delete", b="delete", c="forget"))
    assert told(run, tmp_path) == ["main.tf:16:5: high", "main.tf:20:1: unknown", "main.tf:9:5: suppressed"]


def test_removed_block_of_an_unknown_type_is_reported(run: Run, tmp_path: Path) -> None:
    def removed(what: str, destroy: str) -> str:
        return f"removed {{\n  from = {what}\n  lifecycle {{\n    destroy = {destroy}\n  }}\n}}\n"

    blocks = [removed("module.m", "true"), removed("azapi_resource.x", "true"), removed("module.n", "false")]
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kept" {\n}\n' + "".join(blocks), encoding="utf-8")
    report = json.loads(run("-f", "json", "--select", "KV005", "main.tf", cwd=tmp_path).out)
    told = [(one["level"], one["location"]["line"]) for one in report["problems"] if "removed" in one["message"]]
    assert told == [("warning", 3), ("note", 9)]
