"""Compare reports of kvlint with the truth."""

from __future__ import annotations

import copy
import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from azkvlint.model.condition import ITEM
from tests.worlds import arm, terraform
from tests.worlds.expressions import tf_value
from tests.worlds.generator import Case, case_of
from tests.worlds.model import ITEMS, RULES, STRINGS, UNSET, Decl, DeclId, InputSpec, Root, World, products
from tests.worlds.reports import CheckOptions, Condition, Constraint, Finding, Report, holds, run, split

FAULT = "fault"  # kvlint contradicts the truth
UNDECIDED = "undecided"  # the truth is decided, and the result is unknown


@dataclass(frozen=True)
class Difference:
    """Hold a difference between a report and the truth."""

    level: str
    kind: str
    case: Case
    decl: DeclId
    rule: str
    detail: str

    def __str__(self) -> str:
        values = "".join(f", {each.name} = {each.fixed!r}" for each in self.case.fixed())
        place = f"seed {self.case.seed} ({self.case.language}{values}) {'/'.join(self.decl)} {self.rule}"
        return f"{self.kind}: {place}: {self.detail}"


@dataclass
class Result:
    """Hold differences, and the number of comparisons that agree."""

    differences: list[Difference] = field(default_factory=list)
    agreed: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Result) -> None:
        """Add another result."""
        self.differences += other.differences
        self.agreed += other.agreed

    def faults(self) -> list[str]:
        """Return what contradicts the truth."""
        return [str(each) for each in self.differences if each.level == FAULT]

    def undecided(self) -> list[str]:
        """Return what is unknown, though the truth is decided."""
        return [str(each) for each in self.differences if each.level == UNDECIDED]


@dataclass
class Truth:
    """Hold all worlds of a root."""

    base: list[World]
    worlds: list[World]
    index: dict[DeclId, list[World]]

    def possible(self, decl: DeclId) -> list[World]:
        """Return the worlds in which a declaration exists."""
        return self.index.get(decl, [])

    def base_existence(self, decl: DeclId) -> str:
        """Return whether a declaration exists in all, some or none of the base worlds."""
        exists = {each.exists(decl) for each in self.base}
        return "some" if len(exists) == 2 else "all" if exists == {True} else "none"


def truth_of(root: Root) -> Truth:
    """Enumerate all worlds of a root."""
    worlds = [world for each in root.assignments() if (world := root.world(each)).valid]
    index: dict[DeclId, list[World]] = {}
    for world in worlds:
        for decl in {each.decl for each in world.instances}:
            index.setdefault(decl, []).append(world)
    base = [world for each in root.base_assignments() if (world := root.world(each)).valid]
    return Truth(base, worlds, index)


def random_value(rng: random.Random, spec: InputSpec) -> object:
    """Return a random valid value of an input, from far more than its domain."""
    if spec.fixed is not UNSET:
        return spec.fixed
    for _ in range(100):
        value: object = rng.choice(spec.domain())
        if rng.random() < 0.7:
            match spec.type:
                case "string":
                    value = rng.choice(["k" * rng.randint(0, 40), rng.choice(STRINGS)])
                case "number":
                    value = rng.randint(-10, 40)
                case "names":
                    value = list(dict.fromkeys(rng.choices([*STRINGS[1:], "y", "z"], k=rng.randint(0, 6))))
                case "items":
                    value = [each for each in ITEMS if rng.random() < 0.5]
                case "tags":
                    value = {key: rng.choice(STRINGS) for key in ("env", "owner", "z") if rng.random() < 0.5}
        if spec.accepts(value):
            return value
    return spec.domain()[0]


def is_in_gap(root: Root, decl: DeclId) -> bool:
    """Return whether a declaration exists with values that are not in the domains: a fault of this test."""
    rng = random.Random(0)
    worlds = ({spec.name: random_value(rng, spec) for spec in root.scope.inputs} for _ in range(300))
    return any(root.world(each).exists(decl) for each in worlds)


def reason(root: Root, decl: DeclId) -> str:
    """Return why a declaration exists in no world that was enumerated."""
    if is_in_gap(root, decl):
        return "excluded by a gap in the domains of this test"
    if any(root.world(each, frozenset({"references"})).exists(decl) for each in root.assignments()):
        return "excluded by references"
    domains = {spec.name: [spec.fixed] if spec.fixed is not UNSET else spec.values() for spec in root.scope.inputs}
    for names in (["validations"], ["references", "validations"]):
        values = itertools.islice(products(domains), 20000)
        if any(root.world(each, frozenset(names)).exists(decl) for each in values):
            return "excluded by " + " and ".join(names)
    return "excluded by conditions"


def reported_decls(root: Root) -> dict[DeclId, Decl]:
    """Return the declarations that reports list."""
    return {path: decl for path, decl in root.decls().items() if decl.kind in RULES}


class Comparison:
    """Compare one report with the truth of its root."""

    def __init__(self, case: Case, report: Report) -> None:
        self.case = case
        self.report = report
        self.truth = truth_of(case.root)
        self.result = Result()
        self.reasons: dict[DeclId, str] = {}

    def add(self, kind: str, decl: DeclId, rule: str, detail: str, level: str = FAULT) -> None:
        """Add a difference."""
        self.result.differences.append(Difference(level, kind, self.case, decl, rule, detail))

    def run(self) -> Result:
        """Compare."""
        for text in self.report.problems:
            self.add("problem", (), "", text)
        for finding in self.report.findings:
            if finding.rule in RULES[self.case.root.decls()[finding.decl].kind]:
                self.finding(finding)
        for path, decl in reported_decls(self.case.root).items():
            self.existence(path)
            for rule in RULES[decl.kind]:
                self.silence(path, rule)
        return self.result

    def reason(self, decl: DeclId) -> str:
        """Return why a declaration exists in no world, computed once."""
        if decl not in self.reasons:
            self.reasons[decl] = reason(self.case.root, decl)
        return self.reasons[decl]

    def has_unset_input(self) -> bool:
        """Return whether an input has no value."""
        return any(each.default is UNSET and each.fixed is UNSET for each in self.case.root.scope.inputs)

    def existence(self, decl: DeclId) -> None:
        """Check that what is skipped exists nowhere, and that the rest is evaluated."""
        possible = self.truth.possible(decl)
        example = f"exists with {possible[0].inputs}" if possible else ""
        if decl in self.report.skipped:
            if possible:
                self.add("skipped, but exists", decl, "", f"{self.report.skipped[decl]}; {example}")
            elif is_in_gap(self.case.root, decl):
                self.add("skipped, but exists with values of no domain of this test", decl, "", "")
            else:
                self.result.agreed["skipped, exists nowhere"] += 1
        elif decl not in self.report.evaluated:
            if possible:
                self.add("neither evaluated nor skipped, but exists", decl, "", example)
        elif not possible:
            self.result.agreed["evaluated, exists nowhere"] += 1
        else:
            self.condition_of_existence(decl, self.report.evaluated[decl])

    def condition_of_existence(self, decl: DeclId, condition: str) -> None:
        """Check that what exists by default has no condition, and what does not has."""
        base = self.truth.base_existence(decl)
        if base == "all" and condition and not self.has_unset_input():
            self.add("a condition on what exists by default", decl, "", condition)
        elif base == "none" and not condition:
            example = self.truth.possible(decl)[0].inputs
            self.add("no condition on what does not exist by default", decl, "", f"exists with {example}")
        else:
            self.result.agreed[f"evaluated, exists in {base} of the base worlds"] += 1

    def finding(self, finding: Finding) -> None:
        """Check that a finding is true in the world that it names."""
        decl, rule = finding.decl, finding.rule
        base = self.truth.base_existence(decl)
        if finding.condition is None and base == "none":
            self.add("no condition, but does not exist by default", decl, rule, finding.message)
        elif finding.condition is None:
            worlds = [each for each in self.truth.base if each.exists(decl)]
            self.require_truth("the default world", finding, worlds)
            if base == "some":
                self.add("no condition, exists only with some values of an unset input", decl, rule, "")
        elif finding.condition.is_assumed:
            self.assumed(finding)
        else:
            self.conditional(finding, finding.condition)

    def assumed(self, finding: Finding) -> None:
        """Check that a finding whose condition names no values is true in some world, if there is any.

        The existence of what no candidate creates is assumed, also of what exists nowhere.
        """
        possible = self.truth.possible(finding.decl)
        if possible and all(each.finding(finding.decl, finding.rule) is False for each in possible):
            detail = f"{finding.message}; exists with {possible[0].inputs}"
            self.add("false in every world", finding.decl, finding.rule, detail)
        else:
            self.result.agreed["a finding with an assumed condition"] += 1

    def require_truth(self, place: str, finding: Finding, worlds: list[World]) -> None:
        """Require that a finding is true in these worlds."""
        false = [each for each in worlds if each.finding(finding.decl, finding.rule) is False]
        if finding.rule == "KV302" and (len(false) < len(worlds) or self.has_unset_input()):
            false = []  # documented: a fault with either permission model, where the model is not known
        if false:
            suffix = "" if len(false) == len(worlds) else ", with some values of what it leaves open"
            detail = f"{finding.message}; with {false[0].inputs}"
            self.add(f"false in {place}{suffix}", finding.decl, finding.rule, detail)
        else:
            self.result.agreed[f"a finding that is not false in {place}"] += 1

    def conditional(self, finding: Finding, condition: Condition) -> None:
        """Check a finding with a condition."""
        if self.truth.base_existence(finding.decl) == "all" and not self.has_unset_input():
            self.add("a condition on what exists by default", finding.decl, finding.rule, condition.text)
        present = [each for each in worlds_of(self.case.root, condition) if each.exists(finding.decl)]
        if present:
            self.require_truth("the world of its condition", finding, present)
        elif self.reason_of_absence(finding.decl) == "excluded by references":
            self.result.agreed["a finding on what only references exclude"] += 1
        else:
            self.add("does not exist in the world of its condition", finding.decl, finding.rule, condition.text)

    def reason_of_absence(self, decl: DeclId) -> str:
        """Return why a declaration exists in no world; empty if it exists in any."""
        return "" if self.truth.possible(decl) else self.reason(decl)

    def silence(self, decl: DeclId, rule: str) -> None:
        """Check that what is true wherever a declaration exists is reported."""
        if any(each.decl == decl and each.rule == rule for each in self.report.findings):
            return
        worlds = [each for each in self.truth.base if each.exists(decl)]
        place = "in the default world"
        if self.truth.base_existence(decl) != "all":
            worlds, place = [*self.truth.possible(decl), *self.stated_worlds(decl)], "wherever it exists"
        verdicts = {each.finding(decl, rule) for each in worlds}
        why = self.report.unknown.get((decl, rule))
        if verdicts not in ({True}, {False}):
            return
        if why is not None and " exists only if " in why and self.has_companion_elsewhere(decl, rule):
            # Another value creates a companion that decides: see docs/rules-language.md.
            self.result.agreed["unknown, because another value creates a companion"] += 1
        elif why is not None:
            word = "true" if verdicts == {True} else "false"
            self.add(f"unknown, but {word} {place}", decl, rule, why, UNDECIDED)
        elif verdicts == {True}:
            self.add(f"not reported, but true {place}", decl, rule, f"with {worlds[0].inputs}")
        else:
            self.result.agreed[f"no finding, and none is true {place}"] += 1

    def stated_worlds(self, decl: DeclId) -> list[World]:
        """Return the worlds of the conditions of a declaration: domains may lack the values that they state."""
        conditions = {str(one.condition): one.condition for one in self.report.findings if one.decl == decl}
        stated = (one for one in conditions.values() if one is not None and not one.is_assumed)
        return [each for one in stated for each in worlds_of(self.case.root, one) if each.exists(decl)]

    def has_companion_elsewhere(self, decl: DeclId, rule: str) -> bool:
        """Return whether a result is false in any world."""
        return any(each.finding(decl, rule) is False for each in self.truth.possible(decl))


def worlds_of(root: Root, condition: Condition) -> list[World]:
    """Return the valid worlds that a condition leaves: other inputs have their defaults, or any value."""
    domains: dict[str, list[object]] = {each.name: each.base() for each in root.scope.inputs}
    grouped: dict[str, list[Constraint]] = {}
    for each in condition.constraints:
        grouped.setdefault(each.input, []).append(each)
    for name, group in grouped.items():
        spec = root.scope.input(name)
        candidates = distinct([*spec.domain(), *values_in(spec, group)])
        domains[name] = [each for each in candidates if satisfies_all(each, group, spec.default)]
    return [world for each in products(domains) if (world := root.world(each)).valid]


def distinct(values: Iterable[object]) -> list[object]:
    """Return values without repetitions; true is not 1."""
    result: dict[str, object] = {}
    for each in values:
        result.setdefault(repr(each), each)
    return list(result.values())


def satisfies_all(value: object, group: list[Constraint], default: object) -> bool:
    """Return whether a value of an input satisfies all constraints; those of an item are satisfied by one item."""
    of_item = [replace(each, path=each.path[1:]) for each in group if each.path[:1] == (ITEM,)]
    others = [each for each in group if each.path[:1] != (ITEM,)]
    items = [list(value.values()) if isinstance(value, dict) else value] if of_item else []
    return all(satisfies(value, each, default) for each in others) and all(
        isinstance(every, list) and any(satisfies_all(item, of_item, None) for item in every) for every in items
    )


def satisfies(value: object, constraint: Constraint, default: object) -> bool:
    """Return whether a value of an input satisfies a constraint."""
    for key in constraint.path:
        value, default = member(value, key), member(default, key)
    operand = constraint.value
    if isinstance(value, list) and isinstance(operand, dict):
        operand = [{"key": key, **each} for key, each in operand.items()]
    return holds(constraint.predicate, value, operand, default)


def member(value: object, key: str) -> object:
    """Return the value of a key; a map of items is kept as a list."""
    if isinstance(value, list):
        return next((each for each in value if isinstance(each, dict) and each.get("key") == key), None)
    return value.get(key) if isinstance(value, dict) else None


def values_in(spec: InputSpec, group: list[Constraint]) -> list[object]:
    """Return values that a condition names and that the domain may lack; a map of items is kept as a list."""
    default = spec.base()[0]
    of_length = [each.value for each in group if each.predicate == "of length" and isinstance(each.value, int)]
    result: list[object] = ["k" * each for each in of_length if spec.type == "string"]
    result += [[f"kv-{number}" for number in range(each)] for each in of_length if spec.type == "names"]
    result += [items_of(each.value) if isinstance(default, list) else each.value for each in group if not each.path]
    nested: object = copy.deepcopy(default)
    if isinstance(default, list):
        nested = {each["key"]: dict(each) for each in default if isinstance(each, dict)}
    members = [each for each in group if each.path and ITEM not in each.path and each.predicate == "equal"]
    for each in members:
        inner = nested = nested if isinstance(nested, dict) else {}
        for key in each.path[:-1]:
            inner = inner.setdefault(key, {})
        inner[each.path[-1]] = each.value
    if members:
        result.append(items_of(nested) if isinstance(default, list) else nested)
    return result


def items_of(value: object) -> object:
    """Return the items of a map as a list."""
    return [{**each, "key": key} for key, each in value.items()] if isinstance(value, dict) else value


# Worlds with values that are set


def with_values(case: Case, values: dict[str, object]) -> Case:
    """Return a root with values in the files that are read with it (.tfvars, parameter file)."""
    root = copy.deepcopy(case.root)
    for each in root.scope.inputs:
        if each.name in values:
            each.fixed = values[each.name]
    return case_of(root, case.seed)


def changes(root: Root, world: World) -> dict[str, object]:
    """Return the inputs of a world that differ from the base world; inputs without a default always differ."""
    specs = [each for each in root.scope.inputs if each.fixed is UNSET]
    return {each.name: world.inputs[each.name] for each in specs if repr(world.inputs[each.name]) != repr(each.default)}


def nearest_worlds(case: Case, truth: Truth, limit: int) -> list[dict[str, object]]:
    """Return, for declarations that defaults disable, the changes of the nearest world in which each exists."""
    result: list[dict[str, object]] = []
    for decl in reported_decls(case.root):
        if truth.base_existence(decl) == "all" or not truth.possible(decl):
            continue
        best = min((changes(case.root, each) for each in truth.possible(decl)), key=len)
        if best not in result:
            result.append(best)
    return result[:limit]


def compare_with_values(case: Case, report: Report) -> Result:
    """Compare a report of a root whose deciding inputs are set: everything must agree, without conditions."""
    if any(each.default is UNSET and each.fixed is UNSET for each in case.root.scope.inputs):
        return Comparison(case, report).run()
    result = Result()
    world = case.root.world({each.name: each.base()[0] for each in case.root.scope.inputs})
    truth = truth_of(case.root)

    def add(kind: str, decl: DeclId, rule: str, detail: str, level: str = FAULT) -> None:
        result.differences.append(Difference(level, f"with values: {kind}", case, decl, rule, detail))

    for text in report.problems:
        add("problem", (), "", text)
    reported = {(each.decl, each.rule): each for each in report.findings}
    for path, decl in reported_decls(case.root).items():
        if not world.exists(path):
            if path in report.skipped and truth.possible(path):
                add("skipped, but exists with other values", path, "", report.skipped[path])
            continue
        if report.evaluated.get(path) != "":
            detail = report.skipped.get(path, report.evaluated.get(path, "not in the report"))
            add("exists, but is not evaluated without a condition", path, "", detail)
            continue
        for rule in RULES[decl.kind]:
            verdict, finding = world.finding(path, rule), reported.get((path, rule))
            if finding is not None and finding.condition is not None:
                add("a condition remains", path, rule, finding.condition.text)
            elif finding is not None and verdict is False:
                add("reported, but false", path, rule, finding.message)
            elif finding is None and verdict is not None and (path, rule) in report.unknown:
                add(f"{verdict}, but unknown".lower(), path, rule, report.unknown[path, rule], UNDECIDED)
            elif finding is None and verdict is True:
                add("true, but not reported", path, rule, "")
            else:
                result.agreed["with values: a verdict that agrees"] += 1
    return result


def lost_findings(case: Case, before: Report, values: dict[str, object], after: Report) -> Result:
    """Check that setting the values of conditions keeps their findings that are decided, without the condition."""
    result = Result()
    world = case.root.world({each.name: values.get(each.name, each.base()[0]) for each in case.root.scope.inputs})
    kept = {(each.decl, each.rule) for each in after.findings if each.condition is None}
    for each in before.findings:
        if each.condition is None or values_of(case.root, each.condition) != values:
            continue
        if (each.decl, each.rule) in kept:
            result.agreed["a finding that the values of its condition keep"] += 1
        elif world.finding(each.decl, each.rule) is not None:
            kind = f"the finding is gone with {values}"
            result.differences.append(Difference(FAULT, kind, case, each.decl, each.rule, each.condition.text))
    return result


def values_of(root: Root, condition: Condition | None) -> dict[str, object] | None:
    """Return values that satisfy a condition: those that it names, or else the first of the domain."""
    if condition is None or condition.is_assumed:
        return None
    worlds = worlds_of(root, condition)
    names = {each.input for each in condition.constraints}
    return {name: value for name, value in worlds[0].inputs.items() if name in names} if worlds else None


def options_for(case: Case, values: dict[str, object], folder: Path) -> CheckOptions:
    """Return options that set values: --var, --var-file or --parameters, with files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = {each.name: each for each in case.root.scope.inputs}
    if case.language != "tf":
        every = {each.name: each.fixed for each in case.fixed()} | values
        text = arm.parameter_file({name: {"value": value} for name, value in every.items()})
        (folder / "values.json").write_text(text, encoding="utf-8")
        return CheckOptions(parameters=(str(folder / "values.json"),))
    variables, lines = [], []
    for name, value in values.items():
        if isinstance(value, (str, bool, int)):
            variables.append(f"{name}={value if isinstance(value, str) else tf_value(value)}")
        else:
            lines.append(f"{name} = {terraform.literal(specs[name], value)}\n")
    (folder / "values.tfvars").write_text("".join(lines), encoding="utf-8")
    return CheckOptions(variables=tuple(variables), variable_files=(str(folder / "values.tfvars"),))


# Runs


def write(folder: Path, case: Case) -> None:
    """Write the files of a root."""
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def reports_of(folder: Path, cases: dict[str, Case]) -> dict[str, Report]:
    """Check the roots of all cases with one run, each in a folder of its name."""
    for name, case in cases.items():
        write(folder / name, case)
    return split(run(folder), cases)


def compare(folder: Path, case: Case, depth: int = 1, random_worlds: int = 1) -> Result:
    """Check a root as it is, and with values.

    These are the values of conditions; those of the nearest worlds in which something exists, at most `depth`; and all
    inputs of some random worlds.
    """
    before = reports_of(folder / "default", {"r0": case})["r0"]
    comparison = Comparison(case, before)
    result = comparison.run()
    worlds = comparison.truth.worlds
    sample = random.Random(case.seed).sample(worlds, k=min(random_worlds, len(worlds)))
    values = [values_of(case.root, each.condition) for each in before.findings]
    values += [*nearest_worlds(case, comparison.truth, depth), *(each.inputs for each in sample)]
    every = [each for each in distinct(values) if isinstance(each, dict)]
    later = {f"r{number}": with_values(case, each) for number, each in enumerate(every)}
    after = reports_of(folder / "values", later) if later else {}
    for (name, other), each in zip(later.items(), every, strict=True):
        result.merge(compare_with_values(other, after[name]))
        result.merge(lost_findings(case, before, each, after[name]))
    return result


def compare_options(folder: Path, case: Case) -> Result:
    """Set the values of conditions, or of the nearest world, with the options of kvlint."""
    total = Result()
    before = reports_of(folder / "root", {"r0": case})["r0"]
    values = [values_of(case.root, each.condition) for each in before.findings]
    values += nearest_worlds(case, truth_of(case.root), 1)
    if case.language != "tf":
        # A parameter file that has the name of the template is a world of its own.
        for name in (".parameters.json", ".bicepparam"):
            (folder / "root" / "r0" / f"main{name}").unlink(missing_ok=True)
    for each in distinct(values):
        if isinstance(each, dict):
            options = options_for(case, each, folder / "options")
            after = split(run(folder / "root", options), {"r0": case})["r0"]
            total.merge(compare_with_values(with_values(case, each), after))
            total.merge(lost_findings(case, before, each, after))
    return total
