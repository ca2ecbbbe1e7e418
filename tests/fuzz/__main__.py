"""Run kvlint on mutated inputs of every kind, and check what must hold for each.

Each failure is printed with its seed and number. ``--seed S --first N --count 1``, with the same ``--corpora``, runs
that case again; ``--save`` keeps the files and the command line of cases that fail. The exit code is 1 if any did.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.fuzz.campaign import Campaign, run_campaign, table
from tests.fuzz.cases import CONTROLS_FORMATS, FORMATS, CaseFactory
from tests.fuzz.outputs import faults
from tests.fuzz.seeds import ROOT, WARM_UP, load_seeds
from tests.fuzz.worker import Entry

# Files in memory, where the system has that: every input is written and removed.
_MEMORY = "/dev/shm"  # noqa: S108


def main(words: Sequence[str] | None = None, entry: Entry | None = None) -> int:
    """Run a campaign on kvlint's entry point, or on another one, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="number of inputs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="number of processes")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of all inputs (default: a random one)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first input")
    parser.add_argument("--cpu-seconds", type=float, default=0, metavar="N", help="stop after so much CPU time")
    parser.add_argument("--limit-seconds", type=float, default=20, metavar="N", help="CPU time limit of an input")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="save inputs that fail in FOLDER")
    parser.add_argument("--corpora", type=Path, metavar="FOLDER", help="also mutate the files in FOLDER")
    options = parser.parse_args(words)
    if options.corpora is not None and not options.corpora.is_dir():
        parser.error(f"--corpora {options.corpora}: there is no such folder")
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    campaign = Campaign(
        seed, options.count, options.jobs, options.first, options.cpu_seconds, options.limit_seconds, options.save
    )
    print(f"seed {seed}", file=sys.stderr)
    factory = CaseFactory(load_seeds(options.corpora), seed)
    with tempfile.TemporaryDirectory(
        prefix="kvlint-fuzz-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None
    ) as name:
        base = Path(name)
        prepare_environment(base)
        entry = entry or warmed_up(base)
        start = time.monotonic()
        summary = run_campaign(campaign, factory, entry, base)
        seconds = time.monotonic() - start
    print("\n".join(table(summary)))
    print(f"{summary.cases:,} inputs in {seconds:.0f} s, {summary.cases / seconds:.0f} per second")
    return 1 if summary.causes else 0


def prepare_environment(base: Path) -> None:
    """Remove from the environment what changes an output."""
    for name in list(os.environ):
        if name.startswith(("KVLINT_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
            del os.environ[name]
    home = base / "home"
    home.mkdir()
    os.environ |= {"HOME": str(home), "COLUMNS": "120", "LC_ALL": "C.UTF-8", "XDG_CACHE_HOME": str(home / "cache")}


def warmed_up(base: Path) -> Entry:
    """Return kvlint's entry point after runs that import what the cases use, so that no worker has to."""
    from azkvlint.__main__ import _run_with_error_handling

    inputs, reports = base / "inputs", base / "reports"
    for folder in (inputs / "broken", reports):
        folder.mkdir(parents=True)
    for name, text in WARM_UP.items():
        (inputs / name).write_text(text, encoding="utf-8")
    formats = [word for form in FORMATS for word in ("-f", f"{form}={reports / form}")]
    pages = [word for form in CONTROLS_FORMATS for word in ("-f", f"{form}={reports / form}")]
    sample = ROOT / "samples" / "careless"
    for words in (
        [str(inputs), str(sample), *formats, "--profile", "all"],
        ["controls", str(sample / "main.tf"), *pages],
        ["suppressions", str(sample / "main.tf")],
        ["graph", str(sample / "main.tf")],
        ["explain", "KV001"],
        ["rules"],
        ["rules", "test", str(sample / "main.tf")],
    ):
        with redirect_stdout(io.TextIOWrapper(io.BytesIO())), redirect_stderr(io.StringIO()):
            _run_with_error_handling(words)
    for form in ("sarif", "markdown"):
        list(faults(form, (reports / form).read_bytes(), schema=True))
    return _run_with_error_handling


if __name__ == "__main__":
    sys.exit(main())
