"""Print what the steps of the action hand over about a report: numbers, and the rules and severities of findings.

Usage: ``result.py check REPORT.json [REPORT.sarif]`` or ``result.py diff DIFFERENCE.json``. Each line is an output of a
step: only numbers, words of this file, severities and IDs of rules are printed, and nothing else from a report.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SEVERITIES = ("critical", "high", "medium", "low", "info")
_RULE = re.compile(r"[A-Z]{2,8}-?[0-9]{1,6}")
_GATE = re.compile(r"--fail-on (?!new\b)([a-z][a-z:-]{0,40})")
_MOST_RULES = 12


def of_check(report: Any, sarif: Any = None) -> dict[str, str]:
    """Return the number of results, in the SARIF log if there is one, and the findings that count, by rule."""
    results = report["findings"] if sarif is None else sarif["runs"][0]["results"]
    return {"findings": str(len(results)), "rules": by_rule(one for one in report["findings"] if not one["inTests"])}


def of_difference(report: Any) -> dict[str, str]:
    """Return the numbers of a comparison, gates for anything but findings, and the new findings by rule."""
    summary = dict(report["summary"])
    differs = any(count for name, count in summary.items() if name not in ("moved", "unchanged"))
    counted = [one for one in report["findings"] if (one["state"] == "new" or one["isWorse"]) and not one["inTests"]]
    gates = ((_GATE.fullmatch(one["gate"]), one["count"]) for one in report["gates"])
    return {
        "new": f"{summary['new']:d}",
        "gone": f"{summary['gone']:d}",
        "differs": str(differs).lower(),
        "gates": ", ".join(f"{gate[1]} ({count:d})" for gate, count in gates if gate is not None),
        "rules": by_rule(counted),
    }


def by_rule(findings: Iterable[Any]) -> str:
    """Return the rules of findings, with severities and numbers: ``KV101 (2 high), KV201 (1 medium)``."""
    counts = Counter(
        (_SEVERITIES.index(one["severity"]), one["ruleId"]) for one in findings if _RULE.fullmatch(one["ruleId"])
    )
    listed = [f"{rule} ({count} {_SEVERITIES[rank]})" for (rank, rule), count in sorted(counts.items())]
    more = [f"{len(listed) - _MOST_RULES} more"] if len(listed) > _MOST_RULES else []
    return ", ".join([*listed[:_MOST_RULES], *more])


def main(kind: str, *files: str) -> None:
    """Print the outputs of a step."""
    reports = [json.loads(Path(file).read_bytes()) for file in files]
    outputs = of_check(*reports) if kind == "check" else of_difference(*reports)
    # Not print: on Windows, that would end lines with a carriage return.
    sys.stdout.buffer.write("".join(f"{name}={value}\n" for name, value in outputs.items()).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
