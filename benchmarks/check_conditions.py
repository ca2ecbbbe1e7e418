"""Check every result that depends on a condition by a run with the values of its condition.

    python benchmarks/check_conditions.py [--reports FOLDER] [--seconds N] [--most N] CHECKOUT ...

kvlint reports that a resource exists only if inputs of its root have other values than their defaults. This program
sets these inputs with ``--var``, ``--var-file`` or ``--parameters``, and runs kvlint on the root again: the result has
to be the same, without the condition. An unknown result may be decided. Three values are drawn for an input whose
condition is not one exact value. All results of a condition are compared with the same runs. The exit code is 1 if any
result contradicts the first report.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import forked
from condition_reports import FINDING, UNKNOWN, Report, Result, Run, Stated, World, results_of, static, worlds_of
from drawn_values import DRAWS, CannotDrawError, Input, parameters_of, values_of, variables_of

from azkvlint.syntax.json_decoder import decode
from azkvlint.util.project_boundary import begin_run

_OPTIONS = ("--profile", "all", "--show-unknown", "--no-cache", "--jobs", "1", "--sarif-include", "passed")
_MODULE_FILES = (".tf", ".tofu", ".tf.json", ".tofu.json")
_TEMPLATES = (".bicep", ".json", ".jsonc", ".arm")
_SECONDS = 1800.0
_SHOWN = 400
_NO_VALUES = "the report knows no values with which the condition holds"
# The rule about secrets in code has a result instead, where this program writes the value of a secret to a file.
_IN_CODE, _FROM_INPUT = "KV610", "KV611"
_NOT_CHOSEN = "not among the worlds of the sample"
# The outcomes of a result, from the worst on. The worst of the runs with its values counts.
_OUTCOMES = ("contradiction", "not checked", "decided", "same")


class Verdict(NamedTuple):
    """What a run states about a result. ``outcome``: one of ``_OUTCOMES``."""

    outcome: str
    reason: str = ""


class NotCheckedError(Exception):
    """A world cannot be checked. The text is the reason."""


class OutOfTimeError(NotCheckedError):
    """The time for a root is used up. Another run of this program may check the world."""


class Checkout:
    """A checked-out repository, and a copy of it in which parameter files are written."""

    def __init__(self, folder: Path, work: Path, options: argparse.Namespace) -> None:
        self.folder = folder.resolve()
        self.reports: Path | None = options.reports
        self.draws: int = options.draws
        self._work = work
        self._left: dict[str, float] = defaultdict(lambda: options.seconds)
        self.runs = 0
        self.seconds = 0.0

    @cached_property
    def copy(self) -> Path:
        """Return a copy of the checkout."""
        target = self._work / self.folder.name
        shutil.copytree(self.folder, target, symlinks=True, copy_function=_link)
        return target

    def run(self, root: str, values: Mapping[str, Any], *options: str, copied: bool = False) -> Run:
        """Run kvlint on a root with values of its inputs. Raise NotCheckedError if it writes no report."""
        if self._left[root] <= 0:
            raise OutOfTimeError("the time for the root is used up")
        report, passes, used = self._report(self._target(root), options, copied, self._left[root])
        self._left[root] -= used
        return Run(report, passes, values)

    def _target(self, root: str) -> str:
        """Return the path with which kvlint checks a root alone: a folder would be checked with those below it."""
        folder = self.folder / root
        if not folder.is_dir():
            return root
        files = sorted(file.name for file in folder.iterdir() if file.name.endswith(_MODULE_FILES))
        return str(Path(root, files[0])) if files else root or "."

    def _report(self, target: str, options: Sequence[str], copied: bool, limit: float) -> tuple[Report, Any, float]:
        """Return the report on a path of the checkout, its log with passes, and the seconds that it took."""
        self.runs += 1
        names = {form: self._work / f"report.{form}" for form in ("json", "sarif")}
        for file in names.values():
            file.unlink(missing_ok=True)
        forms = [word for form, file in names.items() for word in ("--format", f"{form}={file}")]
        words = ["check", target, *_OPTIONS, *forms, *options]
        done = forked.run(words, self.copy if copied else self.folder, limit)
        self.seconds += done.seconds
        if done.is_stopped:
            raise OutOfTimeError("a run takes more than the time for the root")
        if not all(file.is_file() for file in names.values()):
            raise NotCheckedError(f"kvlint exits with {done.code}: {done.errors[:200]}")
        report, passes = (json.loads(file.read_bytes()) for file in names.values())
        return report, passes, done.seconds

    @cached_property
    def first(self) -> Report:
        """Return the report on the whole checkout, from the folder of reports if it is there."""
        kept = None if self.reports is None else self.reports / f"{self.folder.name}.json"
        if kept is not None and kept.is_file():
            report: Report = json.loads(kept.read_bytes())
            return report
        report, _, _ = self._report(".", (), copied=False, limit=_SECONDS)
        if kept is not None:
            kept.write_text(json.dumps(report), encoding="utf-8")
        return report

    @cached_property
    def known(self) -> set[tuple[str, str, str]]:
        """Return the root, the rule and the declaration of all results."""
        return {(one.root, one.rule, static(one.address)) for one in results_of(self.first)}

    @cache  # noqa: B019  # as long as the program
    def inputs(self, root: str) -> Mapping[str, Input]:
        """Return the inputs of a root."""
        begin_run([str(self.folder)])
        path = self.folder / root
        return variables_of(path) if path.is_dir() else parameters_of(path)

    @cache  # noqa: B019  # as long as the program
    def alone(self, root: str) -> Run:
        """Return the run on a root without other inputs of the checkout."""
        return self.run(root, {})


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def assignments(checkout: Checkout, world: World) -> list[dict[str, Any]]:
    """Return one assignment of the inputs of a condition, or several. Raise NotCheckedError."""
    if not world.stated:
        raise NotCheckedError("the report has the condition as text only")
    declared = checkout.inputs(world.root)
    values: dict[str, list[Any]] = {}
    for name, states in world.inputs.items():
        if name not in declared:
            raise NotCheckedError(f"the root does not declare `{name}`")
        try:
            values[name] = values_of(declared[name], states)
        except CannotDrawError as error:
            raise NotCheckedError(f"no value can be drawn: {error}") from error
    most = min(max(map(len, values.values())), checkout.draws)
    return [{name: every[number % len(every)] for name, every in values.items()} for number in range(most)]


def run(checkout: Checkout, world: World, values: Mapping[str, Any]) -> Run:
    """Run kvlint with values of the inputs of a root."""
    if (checkout.folder / world.root).is_dir():
        return _with_variables(checkout, world, values)
    if world.root.endswith(_TEMPLATES):
        return _with_parameters(checkout, world, values)
    raise NotCheckedError("the root is neither a Terraform module nor a template")


def _with_variables(checkout: Checkout, world: World, values: Mapping[str, Any]) -> Run:
    """Set scalars with ``--var`` as their type states, and all others with a file."""
    kinds = {name: one.shape.kind for name, one in checkout.inputs(world.root).items()}
    words, others = [], {}
    for name, value in values.items():
        is_text = isinstance(value, str) and kinds[name] == "string"
        is_scalar = isinstance(value, bool | int | float) and kinds[name] in ("bool", "number", "string")
        if is_text or is_scalar:
            words += ["--var", f"{name}={value if is_text else json.dumps(value)}"]
        else:
            others[name] = value
    with tempfile.TemporaryDirectory() as folder:
        if others:
            file = Path(folder, "drawn.tfvars.json")
            file.write_text(json.dumps(others), encoding="utf-8")
            words += ["--var-file", str(file)]
        return checkout.run(world.root, values, *words)


def _with_parameters(checkout: Checkout, world: World, values: Mapping[str, Any]) -> Run:
    """Write the values beside the template, with those of the parameter file of the world."""
    base = checkout.copy / world.parameters if world.parameters else None
    beside = (checkout.copy / world.root).parent
    if base is not None and base.suffix == ".bicepparam":
        file = base.with_name("kvlint-drawn.bicepparam")
        added = (f"param {name} = {bicep(value)}\n" for name, value in values.items())
        file.write_text("\n".join([base.read_text(encoding="utf-8-sig"), *added]), encoding="utf-8")
    else:
        file = beside / "kvlint-drawn.parameters.json"
        document: Any = {"parameters": {}} if base is None else decode(base.read_bytes()).value
        document["parameters"] |= {name: {"value": value} for name, value in values.items()}
        file.write_text(json.dumps(document), encoding="utf-8")
    try:
        return checkout.run(world.root, values, "--parameters", str(file.relative_to(checkout.copy)), copied=True)
    finally:
        file.unlink()


def bicep(value: Any) -> str:
    """Return a value as Bicep."""
    match value:
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${").replace("\n", "\\n")
            return f"'{escaped}'"
        case list():
            return "[\n" + "".join(f"{bicep(one)}\n" for one in value) + "]"
        case dict():
            return "{\n" + "".join(f"{bicep(key)}: {bicep(one)}\n" for key, one in value.items()) + "}"
    return json.dumps(value)


def verdict_of(expected: Result, world: World, found: Run) -> Verdict:
    """Compare a result with a run in which its condition holds."""
    same = [one for one in found.of_resource(expected) if one.rule == expected.rule and one.root == expected.root]
    given = {name for name, _, _ in world.stated}
    free = [one for one in same if not one.condition or not given & {name for name, _, _ in one.stated}]
    if any(one.section == expected.section for one in free):
        return Verdict("same")
    if free and expected.section == UNKNOWN:
        return Verdict("decided")
    values = json.dumps(found.values)[:_SHOWN]
    in_code = (one for one in found.of_resource(expected) if one.rule == _IN_CODE and one.section == FINDING)
    if expected.rule == _FROM_INPUT and any(in_code):
        return Verdict("same")
    if same:
        reason = f"another result: {free[0].text}" if free else f"still depends on the input: {same[0].text}"
        return Verdict("contradiction", f"{values}: {reason}")
    existence = found.existence(expected)
    if existence in ("passes", "exists") and expected.section == UNKNOWN:
        return Verdict("decided", existence)
    return Verdict("contradiction", f"{values}: no such result; the resource: {existence}")


def check_world(checkout: Checkout, world: World, expected: Sequence[Result]) -> Iterator[tuple[Result, Verdict]]:
    """Yield the verdict on each result of a world, the worst of the runs with its values, and on findings that only
    these runs have for the same resources. Raise OutOfTimeError.
    """
    try:
        whole = world if world.stated else world._replace(stated=_stated_alone(checkout, expected))
        runs = [run(checkout, whole, one) for one in assignments(checkout, whole)]
    except OutOfTimeError:
        raise
    except (NotCheckedError, OSError) as error:
        yield from ((one, Verdict("not checked", str(error))) for one in expected)
        return
    for one in expected:
        found = [verdict_of(one, whole, each) for each in runs]
        worst = min(found, key=lambda each: _OUTCOMES.index(each.outcome))
        if worst.outcome == "contradiction" and not any(one.is_same(each) for each in checkout.alone(one.root).results):
            worst = Verdict("not checked", "the root alone does not have the result")
        yield one, worst
    yield from _more_findings(checkout, world, expected, runs)


def _stated_alone(checkout: Checkout, expected: Sequence[Result]) -> Stated:
    """Return the condition that the report on one root has; the report on all roots has one for several resources."""
    alone = checkout.alone(expected[0].root).results
    return next((one.stated for one in alone if one.stated and any(map(one.is_same, expected))), ())


def _more_findings(
    checkout: Checkout, world: World, expected: Sequence[Result], runs: Sequence[Run]
) -> Iterator[tuple[Result, Verdict]]:
    """Yield the findings for the resources of some results that the first report does not have."""
    addresses = {static(one.address) for one in expected}
    told: set[tuple[str, str]] = set()
    for each in runs:
        for one in each.results:
            address = static(one.address)
            if one.section != FINDING or one.rule == _IN_CODE or one.root != world.root or address not in addresses:
                continue
            if (one.root, one.rule, address) not in checkout.known and (one.rule, address) not in told:
                told.add((one.rule, address))
                yield one, Verdict("contradiction", f"{json.dumps(each.values)[:_SHOWN]}: a finding that was not there")


class Records:
    """What is known of the worlds of a checkout: one line of JSON for each world, from earlier runs of this program."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, Any] = {}
        if file is None or not file.is_file():
            return
        text = file.read_text(encoding="utf-8")
        # The last line is not complete if the program was ended.
        complete = text[: text.rfind("\n") + 1]
        if complete != text:
            file.write_text(complete, encoding="utf-8")
        for line in complete.splitlines():
            record = json.loads(line)
            self._known[json.dumps(record["world"])] = record

    def of(self, world: World) -> Any:
        """Return the record of a world; None if there is none."""
        return self._known.get(json.dumps(world))

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(record)}\n")


def record_of(checkout: Checkout, world: World, expected: Sequence[Result], records: Records) -> Any:
    """Return the verdicts on the results of a world: of an earlier run, or of new ones. Raise OutOfTimeError."""
    known = records.of(world)
    if known is not None:
        return known
    verdicts = [
        {"result": one.text, "rule": one.rule, "outcome": found.outcome, "reason": found.reason}
        for one, found in check_world(checkout, world, expected)
    ]
    record = {"world": world, "verdicts": verdicts}
    records.add(record)
    return record


def check(checkout: Checkout, most: int) -> Counter[tuple[str, str]]:
    """Check the results of a checkout, print the contradictions, and return the number of each verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    worlds = worlds_of(checkout.first)
    records = Records(checkout.reports and checkout.reports / f"{checkout.folder.name}.jsonl")
    # Random, so that a sample has worlds of all roots; the same for each run.
    checkable = [world for world in worlds if not world.is_assumed]
    order = random.Random(checkout.folder.name).sample(checkable, len(checkable))  # noqa: S311  # no secret
    counts["not checked", _NO_VALUES] = sum(len(found) for world, found in worlds.items() if world.is_assumed)
    counts["not checked", _NOT_CHOSEN] = sum(len(worlds[world]) for world in order[most:])
    for world in order[:most]:
        try:
            record = record_of(checkout, world, worlds[world], records)
        except OutOfTimeError as error:
            counts["not checked", str(error)] += len(worlds[world])
            continue
        for one in record["verdicts"]:
            counts[one["outcome"], one["reason"] if one["outcome"] == "not checked" else ""] += 1
            if one["outcome"] in ("contradiction", "not checked"):
                print(f"{one['outcome']}: {world.text}")
                print(f"    before: {one['result'][:_SHOWN]}")
                print(f"    now: {one['reason'][: 2 * _SHOWN]}")
    counts = +counts
    done = f"{counts.total()} results in {len(worlds)} worlds, {checkout.runs} runs of {checkout.seconds:.0f} seconds"
    print(f"{checkout.folder.name}: {done}", flush=True)
    print_counts(counts)
    return counts


def print_counts(counts: Mapping[tuple[str, str], int]) -> None:
    """Print the number of results with each verdict."""
    for (outcome, reason), number in sorted(counts.items()):
        print(f"    {number} {outcome}{f': {reason}' if reason else ''}", flush=True)


def main() -> int:
    """Check all checkouts, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT", help="folder of a repository")
    parser.add_argument(
        "--reports", type=Path, metavar="FOLDER", help="keep the first reports and all verdicts here, and reuse them"
    )
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, metavar="N", help="CPU time for a root (default: %(default).0f)"
    )
    parser.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help="runs of a condition without one exact value (default: 3)"
    )
    parser.add_argument(
        "--most", type=int, default=sys.maxsize, metavar="N", help="worlds of a checkout (default: all)"
    )
    options = parser.parse_args()
    total: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as work:
        for folder in options.checkouts:
            if not folder.is_dir():
                parser.error(f"folder not found: {folder}")
            total += check(Checkout(folder, Path(work), options), options.most)
    print(f"all: {total.total()} results")
    print_counts(total)
    return 1 if any(outcome == "contradiction" for outcome, _ in total) else 0


if __name__ == "__main__":
    sys.exit(main())
