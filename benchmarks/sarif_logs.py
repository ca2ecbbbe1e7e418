"""Hold SARIF logs against a validator: of the samples, and of other people's files.

    python benchmarks/sarif_logs.py --validator COMMAND --corpora FOLDER [--count N]

``COMMAND FILE`` prints what is wrong with a log, and exits with 0 if that is nothing. Of each language in FOLDER (its
folders tf, plan, bicep, arm and whatif) N inputs are taken, spread evenly over the names, and every log is made twice:
with findings only, and with all that an audit asks for. Outside of a checkout a log cannot say which revision it is
of, so the inputs are copied into one. Exit code 1 if the validator finds anything but SARIF2011, which wants lines
around a result: those logs are counted, for a file of a single line has none.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {"tf": ".tf", "plan": ".json", "bicep": ".bicep", "arm": ".json", "whatif": ".json"}
AUDIT = ("--sarif-include", "suppressed,undecided,passed", "--profile", "all")
# There are no lines around a result.
NO_CONTEXT = "SARIF2011"


def inputs(corpora: Path, count: int) -> Iterator[Path]:
    """Samples, and ``count`` files of each language."""
    samples = ROOT / "samples"
    yield from sorted(path for path in samples.glob("*/*.*") if path.suffix in SUFFIXES.values())
    for folder, suffix in SUFFIXES.items():
        found = sorted(path for path in (corpora / folder).rglob(f"*{suffix}") if path.is_file())
        yield from found[:: max(len(found) // count, 1)][:count]


def checkout(folder: Path) -> None:
    """Make a git checkout with a remote."""
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (
        ["init", "--quiet"],
        ["remote", "add", "origin", "https://example.com/x/y.git"],
        ["commit", "--quiet", "--allow-empty", "--message", "x"],
    ):
        subprocess.run([*git, *words], check=True)


def main() -> int:
    """Validate every log, and print what is wrong with any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validator", required=True)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    wrong = bare = logs = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout(folder)
        for number, path in enumerate(inputs(options.corpora, options.count)):
            copied = folder / str(number)
            shutil.copytree(path.parent, copied)
            for words in ((), AUDIT):
                log = copied / "kvlint.sarif"
                command = [
                    sys.executable,
                    "-m",
                    "kvlint",
                    str(copied / path.name),
                    "-f",
                    "sarif",
                    "-o",
                    str(log),
                    *words,
                ]
                ran = subprocess.run(command, capture_output=True, text=True, check=False)
                said = "no log" if ran.returncode not in (0, 1, 3) else ""
                if not said:
                    done = subprocess.run([options.validator, str(log)], capture_output=True, text=True, check=False)
                    found = [line for line in done.stdout.splitlines() if ":" in line] if done.returncode else []
                    said = "\n".join(line for line in found if NO_CONTEXT not in line)
                    bare += any(NO_CONTEXT in line for line in found)
                logs += 1
                if said:
                    wrong += 1
                    print(f"{path} {' '.join(words)}:\n{said}")
            shutil.rmtree(copied)
    print(f"{logs} logs, {wrong} with anything wrong, {bare} with {NO_CONTEXT}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
