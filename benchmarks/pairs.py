"""Hold kvlint's verdicts on Bicep files against those on the templates that were compiled from them.

    python benchmarks/pairs.py [--corpora FOLDER]

Each ``main.bicep`` of ``pairs`` is judged by itself, and so is each template beside it, in folders of their own: side
by side, kvlint would take both for one deployment. Exit code 1 if a pair that has all its modules differs.
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
# Goes the other way: templates written by hand, from which Bicep was guessed.
DECOMPILED = "bicep-decompiler"
# Bicep that is wrong on purpose, and so is not read wholly.
INVALID = ("bicep-baselines/InvalidLambdas_LF", "template-analyzer/Cli.FunctionalTests-AnInvalidTemplate")
# Both sides are judged with their own defaults.
PARAMETERS = re.compile(r"\.bicepparam$|\.parameters(\.[\w-]+)?\.jsonc?$", re.IGNORECASE)
MODULE = re.compile(r"^\s*(?:module\s+\w+|import\s.*\sfrom|using)\s+'([^']+)'", re.MULTILINE)
OPEN = "\u27e8"  # opens what is not known of a name

Verdict: TypeAlias = tuple[str, str, str, str]  # outcome, rule, type, full name


class Side(NamedTuple):
    """What kvlint says of one file: its verdicts, what is amiss with it, and how many of each type were judged."""

    verdicts: Counter[Verdict]
    errors: tuple[str, ...]
    judged: Counter[str]

    @property
    def vaults(self) -> bool:
        """Whether there is anything of Key Vault in it."""
        return any(type_.startswith("Microsoft.KeyVault/") for type_ in self.judged)


class Pair(NamedTuple):
    """A Bicep file and a template compiled from it. ``missing``: the modules that are not at hand."""

    bicep: Path
    template: Path
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """What to call it."""
        return self.template.parent.as_posix() + ("" if self.template.name == TEMPLATES[0] else " (symbolic names)")


def pairs_in(folder: Path) -> list[Pair]:
    """The pairs below a folder; their paths are relative to it."""
    found = []
    for bicep in sorted(folder.rglob("main.bicep")):
        missing = tuple(sorted(missing_modules(bicep)))
        for name in TEMPLATES:
            template = bicep.with_name(name)
            if template.is_file():
                found.append(Pair(bicep.relative_to(folder), template.relative_to(folder), missing))
    return found


def missing_modules(file: Path, seen: set[Path] | None = None) -> set[str]:
    """What a Bicep file, or a module of it, needs and is not there: of a registry, or a file that the pair lacks."""
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
    """Copy all Bicep files with what they load, and all templates, apart from each other; the two folders."""
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
    """kvlint's answer on one file below ``folder``."""
    with contextlib.chdir(folder):  # nothing outside the current folder is read, and so all modules are
        report = check(Config(paths=(str(file),), jobs=1))
    verdicts = Counter(
        (finding.outcome.label, finding.rule.id, one.type, one.full_name)
        for finding in (*report.findings, *report.unknown)
        for one in finding.occurrences
    )
    errors = tuple(problem.message for problem in report.problems if problem.level == "error")
    return Side(verdicts, errors, Counter(report.resource_counts))


def differences(bicep: Side, template: Side) -> Iterator[str]:
    """What one side says and the other does not.

    What is not known of a name is told by the expression that stands for it, and a compiler writes that anew: such
    names are left out, and only counted.
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
    """A verdict without the name."""
    return verdict[:3]


def vague(verdicts: Counter[Verdict]) -> Counter[tuple[str, str, str]]:
    """The verdicts on resources whose name is not wholly known, without the name."""
    found: Counter[tuple[str, str, str]] = Counter()
    for verdict, count in verdicts.items():
        if OPEN in verdict[3]:
            found[blurred(verdict)] += count
    return found


def compare(corpora: Path, show: int) -> Iterator[tuple[Pair, bool, int, list[str]]]:
    """Each pair, whether it has anything of Key Vault in it, how many verdicts, and its differences."""
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
    """What to count a pair as."""
    if not differing:
        return "same"
    if pair.missing:
        return "module missing"
    return "invalid on purpose" if pair.template.parent.as_posix() in INVALID else "different"


def main() -> int:
    """Compare all pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with pairs/")
    parser.add_argument("--show", type=int, default=20, help="differences to show of each pair")
    args = parser.parse_args()
    if not (args.corpora / "pairs").is_dir():
        parser.error(f"'{args.corpora}' holds no pairs")
    counts: Counter[str] = Counter()
    for pair, vaults, said, differing in compare(args.corpora, args.show):
        decompiled = pair.template.parts[0] == DECOMPILED
        kind = "decompiled, " if decompiled else "compiled, "
        counts[f"{kind}all"] += 1
        counts[f"{kind}with Key Vault"] += vaults
        counts[f"{kind}findings and open questions"] += said
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
