"""Check SARIF logs of the samples and of a corpus with a validator.

    python benchmarks/sarif_logs.py --validator COMMAND --corpora FOLDER [--count N]

``COMMAND FILE`` prints the faults of a log, and exits with 0 if there are none. N inputs of each language in FOLDER
(its folders tf, plan, bicep, arm and whatif) are selected, evenly distributed over the names. Every log is written
twice: with findings only, and with all results for an audit. A log states its revision only in a checkout, so the
inputs are copied to one. The exit code is 1 if the validator finds a fault other than SARIF2010 and SARIF2011, which
require an excerpt of a result and lines around it, or if a result has no such lines although its file has more than
one line. Plans and what-if results are excepted: their lines may hold secrets, and are never in a log. Logs without
excerpts are counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {"tf": ".tf", "plan": ".json", "bicep": ".bicep", "arm": ".json", "whatif": ".json"}
AUDIT = ("--sarif-include", "suppressed,unknown,passed", "--profile", "all")
# Keys at the top of the files whose lines are never in a log.
HIDDEN = ("resource_changes", "planned_values", "changes")
# A result has no excerpt, or no lines around it.
NO_EXCERPT = ("SARIF2010", "SARIF2011")


def inputs(corpora: Path, count: int) -> Iterator[Path]:
    """Yield the samples, and ``count`` files of each language."""
    samples = ROOT / "samples"
    yield from sorted(path for path in samples.glob("*/*.*") if path.suffix in SUFFIXES.values())
    for folder, suffix in SUFFIXES.items():
        found = sorted(path for path in (corpora / folder).rglob(f"*{suffix}") if path.is_file())
        yield from found[:: max(len(found) // count, 1)][:count]


def checkout(folder: Path) -> None:
    """Create a git checkout with a remote."""
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (
        ["init", "--quiet"],
        ["remote", "add", "origin", "https://example.com/x/y.git"],
        ["commit", "--quiet", "--allow-empty", "--message", "x"],
    ):
        subprocess.run([*git, *words], check=True)


def bare(log: Path, root: Path) -> Iterator[str]:
    """Yield the results of a log without lines around them whose files have such lines. Paths start at ``root``."""
    (run,) = json.loads(log.read_text(encoding="utf-8"))["runs"]
    for result in run["results"]:
        for location in result["locations"]:
            place = location["physicalLocation"]
            file = root / unquote(place["artifactLocation"]["uri"], errors="surrogateescape")
            if "contextRegion" not in place and not hidden(file) and len(file.read_bytes().splitlines()) > 1:
                at = f"{file.name}:{place['region']['startLine']}"
                yield f"SARIF2011: {result['ruleId']} at {at}, which has lines around it"


def hidden(file: Path) -> bool:
    """Return whether the lines of a file are never in a log, because it is a plan or a what-if result."""
    if file.suffix != ".json":
        return False
    content = json.loads(file.read_text(encoding="utf-8-sig"))
    return any(key in content or key in content.get("properties", {}) for key in HIDDEN)


def main() -> int:
    """Validate all logs, print their faults, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validator", required=True)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    wrong = lone = logs = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout(folder)
        for number, path in enumerate(inputs(options.corpora, options.count)):
            copied = folder / str(number)
            shutil.copytree(path.parent, copied)
            for words in ((), AUDIT):
                log = copied / "kvlint.sarif"
                command = [sys.executable, "-m", "azkvlint", str(copied / path.name), "-f", "sarif", "-o", str(log)]
                command += words
                ran = subprocess.run(command, capture_output=True, text=True, check=False)
                said = "no log" if ran.returncode not in (0, 1, 3) else ""
                if not said:
                    done = subprocess.run([options.validator, str(log)], capture_output=True, text=True, check=False)
                    found = [line for line in done.stdout.splitlines() if ":" in line] if done.returncode else []
                    lone += any(code in line for line in found for code in NO_EXCERPT)
                    said = "\n".join(
                        [*(line for line in found if not any(code in line for code in NO_EXCERPT)), *bare(log, folder)]
                    )
                logs += 1
                if said:
                    wrong += 1
                    print(f"{path} {' '.join(words)}:\n{said}")
            shutil.rmtree(copied)
    print(f"{logs} logs, {wrong} with faults, {lone} without excerpts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
