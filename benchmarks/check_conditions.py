"""Check every result that depends on a condition by a run with the values of its condition.

    python benchmarks/check_conditions.py [--kvlint PROGRAM] [--reports FOLDER] CHECKOUT ...

kvlint reports that a resource exists only if inputs of its root have other values than their defaults. This program
sets these inputs with ``--var``, ``--var-file`` or ``--parameters``, and runs kvlint on the root again: the result has
to be the same, without the condition. An unknown result may be decided. Three values are drawn for an input whose
condition is not one exact value. The exit code is 1 if any result contradicts the first report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from drawn_values import CannotDrawError, Input, State, parameters_of, values_of, variables_of

from azkvlint.syntax.json_decoder import decode

_OPTIONS = ("--format", "json", "--profile", "all", "--show-unknown", "--no-cache", "--jobs", "1")
_SECONDS = 1800
_FINDING, _UNKNOWN = "findings", "unknown"
_SECTIONS = (_FINDING, _UNKNOWN)
_VARIABLE = "var."
_KEY = re.compile(r"\[[^\[\]]*\]")
# The parts of a condition in words: `var.a is not "x" or "y" and the length of var.b is 3`.
_JSON = r'(?:"(?:[^"\\]|\\.)*"|true|false|null|empty|-?\d+(?:\.\d+)?)(?![\w.])'
_CLAUSE = re.compile(
    rf"(?P<length>the length of )?(?P<name>[\w.-]+) "
    rf"(?P<verb>is not|is|contains|has) (?P<values>another value|{_JSON}(?:(?:, | and | or ){_JSON})*)"
    r"(?: characters?| items?)?(?:, | and |$)"
)
_SHOWN = 400
# The text of a condition of which no values are known.
_ASSUMED = "if its condition holds"
_NO_VALUES = "the report knows no values with which the condition holds, and no drawn ones create the resource"

Report: TypeAlias = dict[str, Any]
# The inputs of a condition as the report states them: input, is, value.
Stated: TypeAlias = tuple[tuple[str, str, str], ...]


class Result(NamedTuple):
    """A result for one resource."""

    section: str
    rule: str
    address: str
    declared_as: str
    place: str
    root: str
    type: str
    message: str
    condition: str
    stated: Stated

    @property
    def text(self) -> str:
        """Return the result for a list of contradictions."""
        outcome = "fails" if self.section == _FINDING else "is unknown"
        return (
            f"{self.rule} {outcome} for {self.address} at {self.place} ({self.condition or 'exists'}): {self.message}"
        )


class World(NamedTuple):
    """A condition of a root in one of its base worlds: that of a parameter file, or of the defaults."""

    root: str
    parameters: str
    condition: str
    stated: Stated

    @property
    def is_assumed(self) -> bool:
        """Return whether the report knows no values with which the condition holds."""
        return self.condition == _ASSUMED

    @property
    def inputs(self) -> dict[str, list[State]]:
        """Return what the condition states, by input."""
        found: dict[str, list[State]] = defaultdict(list)
        for name, word, value in self.stated:
            first, *path = name.removeprefix(_VARIABLE).split(".")
            found[first].append(State(tuple(path), word, json.loads(value)))
        return found

    @property
    def text(self) -> str:
        """Return the world for a list of contradictions."""
        return f"{self.root}{f' with {self.parameters}' if self.parameters else ''}, {self.condition}"


class Verdict(NamedTuple):
    """What a run states about a result. ``outcome``: same, decided, contradiction or not checked."""

    outcome: str
    reason: str = ""


class NotCheckedError(Exception):
    """A world cannot be checked. The text is the reason."""


class Checkout:
    """A checked-out repository, and a copy of it in which parameter files are written."""

    def __init__(self, program: str, folder: Path, work: Path, reports: Path | None) -> None:
        self.program, self.folder, self.reports = program, folder.resolve(), reports
        self._work = work
        self.runs = 0

    @cached_property
    def copy(self) -> Path:
        """Return a copy of the checkout."""
        target = self._work / self.folder.name
        shutil.copytree(self.folder, target, symlinks=True, copy_function=_link)
        return target

    def report(self, target: str, *options: str, copied: bool = False) -> Report:
        """Run kvlint on a path of the checkout, and return its report with all passes. Raise NotCheckedError if it
        writes none.
        """
        self.runs += 1
        passes = self._work / "passes.sarif"
        more = ("--format", f"sarif={passes}", "--sarif-include", "passed")
        command = [self.program, "check", target or ".", *_OPTIONS, *more, *options]
        where = self.copy if copied else self.folder
        done = subprocess.run(command, cwd=where, capture_output=True, check=False, timeout=_SECONDS)
        if not done.stdout.strip():
            raise NotCheckedError(f"kvlint exits with {done.returncode}: {done.stderr.decode(errors='replace')[:200]}")
        report: Report = json.loads(done.stdout)
        return report | {"passes": passes_of(json.loads(passes.read_bytes()))}

    @cached_property
    def first(self) -> Report:
        """Return the report on the whole checkout, from the folder of reports if it is there."""
        kept = None if self.reports is None else self.reports / f"{self.folder.name}.json"
        if kept is not None and kept.is_file():
            report: Report = json.loads(kept.read_bytes())
            return report
        report = self.report(".")
        if kept is not None:
            kept.write_text(json.dumps(report), encoding="utf-8")
        return report

    @cache  # noqa: B019  # as long as the program
    def inputs(self, root: str) -> Mapping[str, Input]:
        """Return the inputs of a root."""
        path = self.folder / root
        return variables_of(path) if path.is_dir() else parameters_of(path)

    @cache  # noqa: B019  # as long as the program
    def alone(self, root: str) -> tuple[Result, ...]:
        """Return the results on a root without other inputs of the checkout."""
        return tuple(results_of(self.report(root)))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def stated_in(text: str) -> Stated:
    """Return what a condition in words states; nothing if it does not name all inputs."""
    rest = text.removeprefix("if ")
    found: list[tuple[str, str, str]] = []
    while rest:
        clause = _CLAUSE.match(rest)
        if clause is None:
            return ()
        rest = rest[clause.end() :]
        values = re.findall(_JSON, clause["values"]) or ["null"]
        match clause["verb"], values[0]:
            case "has", _ if clause["values"] == "another value":
                word = "another value"
            case "has", _:
                word = "of length"
            case "is not", ("empty" | "null") as state:
                word, values = f"not {state}", ["null"]
            case "is", "empty":
                word, values = "empty", ["null"]
            case "is", _:
                word = "of length" if clause["length"] else "equal"
            case verb, _:
                word = {"is not": "not equal", "contains": "containing"}[verb]
        found += [(clause["name"], word, value) for value in values]
    return tuple(found)


def passes_of(log: Any) -> list[tuple[str, str]]:
    """Return the rule and the address of every pass in a SARIF log."""
    passes = [one for one in log["runs"][0]["results"] if one.get("kind") == "pass"]
    return [
        (one["ruleId"], place["fullyQualifiedName"])
        for one in passes
        for at in one["locations"]
        for place in at.get("logicalLocations", ())
    ]


def results_of(report: Report) -> Iterator[Result]:
    """Yield all results of a report, one for each resource."""
    found = [(section, one) for section in _SECTIONS for one in report[section]]
    stated: dict[tuple[str, str], Stated] = {}
    for _, one in found:
        own = _own_condition(one)
        if own and one["occurrences"][0]["condition"] != _ASSUMED:
            stated[one["occurrences"][0]["root"], one["occurrences"][0]["condition"]] = own
    for section, one in found:
        own, at = _own_condition(one), one["location"]
        for member in one["occurrences"]:
            condition = member["condition"] or ""
            yield Result(
                section, one["ruleId"], member["resource"], one["declaredAs"],
                f"{at['path']}:{at['line']}:{at['column']}", member["root"], member["type"],
                member["message"], condition,
                (own or stated.get((member["root"], condition)) or stated_in(condition)) if condition else (),
            )  # fmt: skip


def _own_condition(result: Mapping[str, Any]) -> Stated:
    """Return the condition of a result if it is that of all resources that have the result."""
    if not result["condition"] or len({(one["root"], one["condition"]) for one in result["occurrences"]}) > 1:
        return ()
    return tuple((each["input"], each["is"], json.dumps(each["value"])) for each in result["condition"])


def worlds_of(checkout: Checkout) -> dict[World, list[Result]]:
    """Return the results that depend on a condition, by world."""
    report = checkout.first
    parameters = {
        (one["ruleId"], member["resource"], member["root"], member["condition"]): member["worlds"]
        for section in _SECTIONS
        for one in report[section]
        for member in one["occurrences"]
    }
    found: dict[World, list[Result]] = defaultdict(list)
    for one in results_of(report):
        if one.condition:
            files = parameters[one.rule, one.address, one.root, one.condition] or [""]
            stated = one.stated or _stated_alone(checkout, one)
            for file in files:
                found[World(one.root, file, one.condition, stated)].append(one)
    return found


def _stated_alone(checkout: Checkout, result: Result) -> Stated:
    """Return the condition that the report on one root has; the report on all roots has one for several resources."""
    try:
        return next((one.stated for one in checkout.alone(result.root) if _is_same(one, result)), ())
    except NotCheckedError:
        return ()


def assignments(checkout: Checkout, world: World) -> list[dict[str, Any]]:
    """Return one assignment of the inputs of a condition, or up to three. Raise NotCheckedError."""
    if not world.stated and world.is_assumed:
        raise NotCheckedError(_NO_VALUES)
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
    most = max(map(len, values.values()))
    return [{name: every[number % len(every)] for name, every in values.items()} for number in range(most)]


def run(checkout: Checkout, world: World, values: Mapping[str, Any], target: str) -> Report:
    """Return the report with values of the inputs of a root."""
    if (checkout.folder / world.root).is_dir():
        return _with_variables(checkout, world, values, target)
    if world.root.endswith((".bicep", ".json", ".jsonc", ".arm")):
        return _with_parameters(checkout, world, values, target)
    raise NotCheckedError("the root is neither a Terraform module nor a template")


def _with_variables(checkout: Checkout, world: World, values: Mapping[str, Any], target: str) -> Report:
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
        return checkout.report(target, *words)


def _with_parameters(checkout: Checkout, world: World, values: Mapping[str, Any], target: str) -> Report:
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
        return checkout.report(target, "--parameters", str(file.relative_to(checkout.copy)), copied=True)
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


def verdict_of(expected: Result, world: World, report: Report) -> Verdict:
    """Compare a result with a report in which its condition holds."""
    same = [
        one
        for one in results_of(report)
        if one.rule == expected.rule and one.root == expected.root and _is_same_resource(one, expected)
    ]
    given = {name for name, _, _ in world.stated}
    free = [one for one in same if not one.condition or not given & {name for name, _, _ in one.stated}]
    if any(one.section == expected.section for one in free):
        return Verdict("same")
    if free and expected.section == _UNKNOWN:
        return Verdict("decided")
    if same and not free:
        return Verdict("contradiction", f"still depends on the input: {same[0].text}")
    if same:
        return Verdict("contradiction", f"another result: {free[0].text}")
    return Verdict("missing")


def _is_same_resource(one: Result, other: Result) -> bool:
    is_same = one.address == other.address or one.place == other.place
    return one.declared_as == other.declared_as and (is_same or _static(one.address) == _static(other.address))


@cache
def _static(address: str) -> str:
    return _KEY.sub("", address)


def exists(expected: Result, report: Report) -> str:
    """Return what a report states about the declaration of a result that it does not have."""
    passes = [rule for rule, address in report["passes"] if _static(address) == _static(expected.address)]
    if passes:
        return "passes" if expected.rule in passes else "exists"
    if any(_is_same_resource(one, expected) for one in results_of(report)):
        return "exists"
    for section in ("evaluated", "skipped"):
        for one in report[section]:
            if _static(one["address"]) == _static(expected.address):
                return "exists" if section == "evaluated" else f"skipped: {one['reason']}"
    # A rule that does not apply to a resource has no result for it.
    return "exists" if expected.type in report["summary"]["evaluatedResources"] else "not in the report"


def check_world(checkout: Checkout, world: World, expected: Sequence[Result]) -> Iterator[tuple[Result, Verdict]]:
    """Yield the verdict on each result of a world, the worst of the runs with its values, and on findings that only
    these runs have for the same resources.
    """
    try:
        reports = [(one, run(checkout, world, one, world.root)) for one in assignments(checkout, world)]
    except (NotCheckedError, subprocess.TimeoutExpired, OSError) as error:
        reason = "the run takes too long" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        yield from ((one, Verdict("not checked", reason)) for one in expected)
        return
    for one in expected:
        found = [_explained(one, world, values, report) for values, report in reports]
        worst = min(found, key=lambda each: ("contradiction", "not checked", "decided", "same").index(each.outcome))
        if world.is_assumed and worst.outcome == "not checked":
            worst = next((each for each in found if each.outcome != "not checked"), worst)
        if worst.outcome == "contradiction" and not _is_found_alone(checkout, one):
            worst = Verdict("not checked", "the root alone does not have the result")
        yield one, worst
    known = {(one.rule, _static(one.address)) for one in results_of(checkout.first) if one.root == world.root}
    for values, report in reports:
        for one in _more_findings(expected, report, world.root):
            if (one.rule, _static(one.address)) not in known:
                known.add((one.rule, _static(one.address)))
                yield one, Verdict("contradiction", f"{_short(values)}: a finding that was not there before")


def _more_findings(expected: Sequence[Result], report: Report, root: str) -> Iterator[Result]:
    """Yield the findings for the resources of some results."""
    addresses = {_static(one.address) for one in expected}
    for one in results_of(report):
        if one.section == _FINDING and one.root == root and _static(one.address) in addresses:
            yield one


def _explained(expected: Result, world: World, values: Mapping[str, Any], report: Report) -> Verdict:
    """Return the verdict on a result, with what the run states instead."""
    found = verdict_of(expected, world, report)
    if found.outcome != "missing":
        return (
            found if found.outcome != "contradiction" else Verdict(found.outcome, f"{_short(values)}: {found.reason}")
        )
    existence = exists(expected, report)
    if existence in ("passes", "exists") and expected.section == _UNKNOWN:
        return Verdict("decided", existence)
    if existence not in ("passes", "exists") and world.is_assumed:
        return Verdict("not checked", _NO_VALUES)
    return Verdict("contradiction", f"{_short(values)}: no such result; the resource: {existence}")


def _is_found_alone(checkout: Checkout, expected: Result) -> bool:
    """Return whether a result is there if only its root is checked."""
    return any(_is_same(one, expected) for one in checkout.alone(expected.root))


def _is_same(one: Result, other: Result) -> bool:
    return one[:4] == other[:4] and one.root == other.root and one.condition == other.condition


def _short(values: Mapping[str, Any]) -> str:
    return json.dumps(values)[:_SHOWN]


def check(checkout: Checkout, most: int) -> Counter[tuple[str, str]]:
    """Check the results of a checkout, print the contradictions, and return the number of each verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    worlds = worlds_of(checkout)
    chosen = list(worlds.items())[:: -(-len(worlds) // most) or 1]
    counts["not checked", "not among the worlds of the sample"] = sum(map(len, worlds.values()))
    for world, expected in chosen:
        counts["not checked", "not among the worlds of the sample"] -= len(expected)
        for one, verdict in check_world(checkout, world, expected):
            counts[verdict.outcome, verdict.reason if verdict.outcome == "not checked" else ""] += 1
            if verdict.outcome == "contradiction":
                print(f"contradiction: {world.text}")
                print(f"    before: {one.text[:_SHOWN]}")
                print(f"    now: {verdict.reason[: 2 * _SHOWN]}")
            elif verdict.outcome == "not checked":
                print(f"not checked: {world.text}: {one.rule} {one.address[:_SHOWN]}: {verdict.reason}")
    counts = +counts
    print(f"{checkout.folder.name}: {counts.total()} results in {len(worlds)} worlds, {checkout.runs} runs", flush=True)
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
    parser.add_argument("--kvlint", default=str(Path(sys.executable).with_name("kvlint")), help="the program to run")
    parser.add_argument("--reports", type=Path, metavar="FOLDER", help="keep the first reports here, and reuse them")
    parser.add_argument(
        "--most", type=int, default=sys.maxsize, metavar="N", help="worlds of a checkout (default: all)"
    )
    options = parser.parse_args()
    total: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as work:
        for folder in options.checkouts:
            if not folder.is_dir():
                parser.error(f"folder not found: {folder}")
            total += check(Checkout(options.kvlint, folder, Path(work), options.reports), options.most)
    print(f"all: {total.total()} results")
    print_counts(total)
    return 1 if any(outcome == "contradiction" for outcome, _ in total) else 0


if __name__ == "__main__":
    sys.exit(main())
