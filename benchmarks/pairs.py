"""Compare the results of kvlint on Bicep files with those on the templates that were compiled from them.

    python benchmarks/pairs.py [--corpora FOLDER]

Each ``main.bicep`` of ``pairs`` and each template beside it are evaluated separately, in separate folders, because
kvlint treats both as one deployment if they are in one folder. The exit code is 1 if a pair with all its modules
differs.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
TEMPLATES = ("main.json", "main.symbolicnames.json")
# The other direction: templates that were decompiled to Bicep.
DECOMPILED = "bicep-decompiler"
# Bicep that is invalid on purpose, so that it cannot be read completely.
INVALID = ("bicep-baselines/InvalidLambdas_LF", "template-analyzer/Cli.FunctionalTests-AnInvalidTemplate")
# Both sides are evaluated with their defaults.
PARAMETERS = re.compile(r"\.bicepparam$|\.parameters(\.[\w-]+)?\.jsonc?$", re.IGNORECASE)
MODULE = re.compile(r"^\s*(?:module\s+\w+|import\s.*\sfrom|using)\s+'([^']+)'", re.MULTILINE)
OPEN = "\u27e8"  # begins an unknown part of a name

Verdict: TypeAlias = tuple[str, str, str, str]  # outcome, rule, type, full name


class Side(NamedTuple):
    """The results on one file, its errors, and the number of evaluated resources of each type."""

    verdicts: Counter[Verdict]
    errors: tuple[str, ...]
    judged: Counter[str]

    @property
    def vaults(self) -> bool:
        """Return whether the file has resources of Key Vault."""
        return any(type_.startswith("Microsoft.KeyVault/") for type_ in self.judged)


class Pair(NamedTuple):
    """A Bicep file and a template compiled from it. ``missing`` are the modules that are not available."""

    bicep: Path
    template: Path
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the printed name."""
        return self.template.parent.as_posix() + ("" if self.template.name == TEMPLATES[0] else " (symbolic names)")


def pairs_in(folder: Path) -> list[Pair]:
    """Return the pairs below a folder, with paths relative to it."""
    found = []
    for bicep in sorted(folder.rglob("main.bicep")):
        missing = tuple(sorted(missing_modules(bicep)))
        for name in TEMPLATES:
            template = bicep.with_name(name)
            if template.is_file():
                found.append(Pair(bicep.relative_to(folder), template.relative_to(folder), missing))
    return found


def missing_modules(file: Path, seen: set[Path] | None = None) -> set[str]:
    """Return the modules that a Bicep file requires and that are missing: from a registry, or a missing file."""
    seen = set() if seen is None else seen
    seen.add(file)
    found = set()
    for path in MODULE.findall(file.read_text(encoding="utf-8-sig", errors="replace")):
        module = (file.parent / path).resolve()
        if path.startswith(("br:", "br/", "ts:", "ts/")) or not module.is_file():
            found.add(path)
        elif module.suffix == ".bicep" and module not in seen:
            found |= missing_modules(module, seen)
    return found


def split(folder: Path, away: Path) -> tuple[Path, Path]:
    """Copy all Bicep files with the files that they load, and all templates, to two folders, and return both."""
    bicep, templates = away / "bicep", away / "templates"
    for pair in pairs_in(folder):
        target = templates / pair.template
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / pair.template, target)

    def ignored(here: str, names: list[str]) -> list[str]:
        compiled = TEMPLATES if "main.bicep" in names else ()
        return [name for name in names if name in compiled or PARAMETERS.search(name)]

    shutil.copytree(folder, bicep, ignore=ignored)
    return bicep, templates


def judge(folder: Path, file: Path) -> Side:
    """Return the results on one file below ``folder``."""
    with contextlib.chdir(folder):  # only files in the current folder are read, so that all modules are
        report = check(Config(paths=(str(file),), jobs=1))
    verdicts = Counter(
        (finding.outcome.label, finding.rule.id, one.type, one.full_name)
        for finding in (*report.findings, *report.unknown)
        for one in finding.occurrences
    )
    errors = tuple(problem.message for problem in report.problems if problem.level == "error")
    return Side(verdicts, errors, Counter(report.resource_counts))


def differences(bicep: Side, template: Side) -> Iterator[str]:
    """Yield the results that only one side has.

    An unknown part of a name is printed as its expression, and the compiler changes expressions. Such names are not
    compared, but counted.
    """
    here, there = bicep.verdicts - template.verdicts, template.verdicts - bicep.verdicts
    vague_here, vague_there = vague(here), vague(there)
    both = vague_here & vague_there
    for label, side, taken in (("Bicep", here, both.copy()), ("template", there, both.copy())):
        for verdict, count in sorted(side.items()):
            key = blurred(verdict)
            same = min(count, taken[key]) if OPEN in verdict[3] else 0
            taken[key] -= same
            if count > same:
                outcome, rule, type_, name = verdict
                times = f" ({count - same} times)" if count - same > 1 else ""
                yield f"only the {label}: {outcome} {rule} {type_} {name}{times}"
    for label, more in (("Bicep", bicep.judged - template.judged), ("template", template.judged - bicep.judged)):
        yield from (f"only the {label}: {count} more of {type_}" for type_, count in sorted(more.items()))
    for label, errors in (("Bicep", bicep.errors), ("template", template.errors)):
        yield from (f"{label} not read: {error}" for error in errors)


def blurred(verdict: Verdict) -> tuple[str, str, str]:
    """Return a result without the name."""
    return verdict[:3]


def vague(verdicts: Counter[Verdict]) -> Counter[tuple[str, str, str]]:
    """Return the results on resources whose name is not completely known, without the name."""
    found: Counter[tuple[str, str, str]] = Counter()
    for verdict, count in verdicts.items():
        if OPEN in verdict[3]:
            found[blurred(verdict)] += count
    return found


def compare(corpora: Path, show: int) -> Iterator[tuple[Pair, bool, int, list[str]]]:
    """Yield each pair, whether it has resources of Key Vault, the number of results, and the differences."""
    folder = corpora / "pairs"
    known = {pair.bicep: pair.missing for pair in pairs_in(folder)}
    with tempfile.TemporaryDirectory() as away:
        bicep, templates = split(folder, Path(away).resolve())
        sides = {file: judge(bicep, file) for file in known}
        for pair in pairs_in(folder):
            here, there = sides[pair.bicep], judge(templates, pair.template)
            said = there.verdicts.total()
            yield pair, here.vaults or there.vaults, said, list(differences(here, there))[:show]


def outcome_of(pair: Pair, differing: list[str]) -> str:
    """Return the category of a pair."""
    if not differing:
        return "same"
    if pair.missing:
        return "module missing"
    return "invalid on purpose" if pair.template.parent.as_posix() in INVALID else "different"


def main() -> int:
    """Compare all pairs, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with pairs/")
    parser.add_argument("--show", type=int, default=20, help="number of differences of each pair")
    args = parser.parse_args()
    if not (args.corpora / "pairs").is_dir():
        parser.error(f"'{args.corpora}' does not contain pairs/")
    counts: Counter[str] = Counter()
    for pair, vaults, said, differing in compare(args.corpora, args.show):
        decompiled = pair.template.parts[0] == DECOMPILED
        kind = "decompiled, " if decompiled else "compiled, "
        counts[f"{kind}all"] += 1
        counts[f"{kind}with Key Vault"] += vaults
        counts[f"{kind}findings and unknown results"] += said
        outcome = outcome_of(pair, differing)
        counts[kind + outcome] += 1
        if differing:
            print(f"{outcome}: {pair.name}" + (f" (needs {', '.join(pair.missing)})" if pair.missing else ""))
            print("".join(f"    {difference}\n" for difference in differing), end="")
    for what, count in sorted(counts.items()):
        print(f"{what}: {count}")
    return 1 if counts["compiled, different"] else 0


if __name__ == "__main__":
    sys.exit(main())
