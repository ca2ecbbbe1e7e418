"""Run kvlint and read its JSON report. The form of conditions is known only here."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from azkvlint import CheckSettings, lint
from azkvlint.reporters import Options
from azkvlint.reporters.findings.json import json as write_json
from tests.worlds.generator import Case
from tests.worlds.model import RULES, DeclId

SELECTED = tuple(sorted({rule for rules in RULES.values() for rule in rules}))


@dataclass(frozen=True)
class Constraint:
    """Restrict an input: `var.enable_rbac` is `equal` to false; `path` are keys inside it."""

    input: str
    path: tuple[str, ...]
    predicate: str
    value: object


@dataclass
class Condition:
    """Hold the condition of a result; `is_assumed`: it names no values ("if its condition holds")."""

    constraints: list[Constraint]
    is_assumed: bool
    text: str


def condition_from(value: object) -> Condition | None:
    """Read the condition of a result; None: there is no condition."""
    if value is None:
        return None
    constraints = []
    for each in records(value):
        name, *path = str(each["input"]).removeprefix("var.").split(".")
        constraints.append(Constraint(name, tuple(path), str(each["is"]), each["value"]))
    is_assumed = any(each.predicate == "unknown" for each in constraints)
    return Condition(constraints, is_assumed, json.dumps(value))


def holds(predicate: str, value: object, operand: object, default: object) -> bool:
    """Return whether a value satisfies a predicate of a condition."""
    match predicate:
        case "equal":
            return type(value) is type(operand) and value == operand
        case "not equal":
            return not (type(value) is type(operand) and value == operand)
        case "another value":
            return repr(value) != repr(default)
        case "empty":
            return value in ("", [], {})
        case "not empty":
            return value is not None and value not in ("", [], {})
        case "not null":
            return value is not None
        case "containing" if isinstance(value, list):
            return any(each == operand or (isinstance(each, dict) and each.get("key") == operand) for each in value)
        case "containing":
            return isinstance(value, dict) and operand in value
        case "of length":
            return isinstance(value, (str, list, dict)) and len(value) == operand
    raise ValueError(predicate)


@dataclass
class Finding:
    """Hold a finding on a declaration."""

    decl: DeclId
    rule: str
    condition: Condition | None
    message: str


@dataclass
class Report:
    """Hold the report on one root. Conditions of `evaluated` declarations are in words; empty: no condition."""

    evaluated: dict[DeclId, str] = field(default_factory=dict)
    skipped: dict[DeclId, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unknown: dict[tuple[DeclId, str], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CheckOptions:
    """Hold what the options `--var`, `--var-file` and `--parameters` of a run set, and the rules that it selects."""

    variables: tuple[str, ...] = ()
    variable_files: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    select: tuple[str, ...] = SELECTED


def run(folder: Path, options: CheckOptions | None = None, paths: Iterable[str] = (".",)) -> dict[str, object]:
    """Check a folder, and return the JSON report."""
    chosen = options or CheckOptions()
    settings = CheckSettings(
        select=chosen.select, profiles=("all",), strict=True, include_tests=True, variables=chosen.variables,
        variable_files=chosen.variable_files, parameters=chosen.parameters,
    )  # fmt: skip
    with contextlib.chdir(folder):
        document: dict[str, object] = json.loads(write_json(lint(paths, settings), Options()))
    return document


def records(value: object) -> list[dict[str, object]]:
    """Return an array of objects of a report."""
    assert isinstance(value, list)
    return value


def without_keys(address: str) -> str:
    """Return an address without keys of instances."""
    return re.sub(r"\[[^\]]*\]", "", address)


def split(document: dict[str, object], cases: dict[str, Case]) -> dict[str, Report]:
    """Return the part of a report for each folder with a root."""
    reports = {name: Report() for name in cases}
    addresses: dict[str, dict[str, DeclId]] = {name: dict(case.addresses) for name, case in cases.items()}
    for kind in ("evaluated", "skipped"):
        for each in records(document[kind]):
            folder, _, path = str(each["path"]).partition("/")
            decl = locate(cases[folder], str(each["address"]), path, each["line"])
            if decl is None:
                reports[folder].problems.append(f"{kind}, and not known: {each['address']} at {path}:{each['line']}")
                continue
            addresses[folder][without_keys(str(each["address"]))] = decl
            if kind == "skipped":
                reports[folder].skipped[decl] = str(each["reason"])
            else:
                reports[folder].evaluated[decl] = str(each["condition"] or "")
    texts: dict[str, dict[str, object]] = {name: {} for name in cases}
    for kind in ("findings", "unknown"):
        for each in records(document[kind]):
            first = records(each["occurrences"])[0]
            texts[str(first["root"]).partition("/")[0]][str(first["condition"])] = each["condition"]
    for kind in ("findings", "unknown"):
        for each in records(document[kind]):
            folder = str(records(each["occurrences"])[0]["root"]).partition("/")[0]
            add_result(reports[folder], addresses[folder], each, texts[folder], nearest_decl(cases[folder], each))
    for each in records(document["problems"]):
        location = each["location"]
        folder = str(location["path"]).partition("/")[0] if isinstance(location, dict) else ""
        for name in [folder] if folder in reports else list(reports):
            reports[name].problems.append(f"{each['code']}: {each['message']}")
    return reports


def locate(case: Case, address: str, path: str, line: object) -> DeclId | None:
    """Return the declaration that an item of `evaluated` or `skipped` names."""
    if case.language == "arm":
        return case.lines.get(line) if isinstance(line, int) else None
    known = case.addresses.get(without_keys(address))
    if known is not None:
        return known
    # A module that nothing calls in this world is named by its own address; each call has a module of its own.
    unit = path.split("/")[-2] if case.language == "tf" and "/" in path else path.rpartition("/")[2].split(".")[0]
    for full, decl in case.addresses.items():
        if full.endswith(f".{without_keys(address)}") and len(decl) > 1 and decl[-2].replace("mod", "unit") == unit:
            return decl
    return None


def nearest_decl(case: Case, result: dict[str, object]) -> DeclId | None:
    """Return the declaration of a template that contains one of the locations of a result."""
    for each in (result, *records(result["relatedLocations"]), *records(result["evidence"])):
        location = each.get("location")
        if not isinstance(location, dict) or not str(location["path"]).endswith("/main.json"):
            continue
        lines = [start for start in case.lines if isinstance(location["line"], int) and start <= location["line"]]
        if lines:
            return case.lines[max(lines)]
    return None


def add_result(
    report: Report,
    addresses: dict[str, DeclId],
    result: dict[str, object],
    texts: dict[str, object],
    near: DeclId | None,
) -> None:
    """Add a result, once for each declaration and condition. `texts` are conditions by their words."""
    rule = str(result["ruleId"])
    seen: set[tuple[DeclId, str]] = set()
    for occurrence in records(result["occurrences"]):
        decl = addresses.get(without_keys(str(occurrence["resource"])), near)
        text = str(occurrence["condition"] or "")
        if decl is None:
            report.problems.append(f"{rule} on a resource that is not known: {occurrence['resource']}")
        elif (decl, text) not in seen:
            seen.add((decl, text))
            condition = condition_from(texts.get(text)) if text else None
            if text and condition is None:
                report.problems.append(f"{rule}: no result has the values of the condition `{text}`")
            elif result["outcome"] == "unknown":
                report.unknown[decl, rule] = str(result["why"])
            else:
                report.findings.append(Finding(decl, rule, condition, str(occurrence["message"])))
