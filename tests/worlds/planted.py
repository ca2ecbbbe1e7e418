"""Reports that are written from the truth, without faults and with planted ones, to test the comparison itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.worlds.comparison import Comparison, Truth, changes, reported_decls
from tests.worlds.generator import Case
from tests.worlds.model import RULES, DeclId, World
from tests.worlds.reports import split

Document = dict[str, list[dict[str, Any]]]


def condition_of(case: Case, world: World) -> list[dict[str, object]] | None:
    """Write the condition of a world."""
    prefix = "var." if case.language == "tf" else ""
    values = changes(case.root, world)
    return [{"input": prefix + name, "is": "equal", "value": value} for name, value in values.items()] or None


def place(case: Case, decl: DeclId) -> tuple[str, str, int]:
    """Return address, path and line of a declaration."""
    for line, each in case.lines.items():
        if each == decl:
            return "/".join(decl), "r0/main.json", line
    address = next(name for name, each in case.addresses.items() if each == decl)
    return address, "r0/main", 1


def worlds_and_condition(case: Case, truth: Truth, decl: DeclId) -> tuple[list[World], list[dict[str, object]] | None]:
    """Return the worlds in which a declaration is evaluated: the base worlds, or the nearest with its condition."""
    if truth.base_existence(decl) == "all":
        return truth.base, None
    nearest = min(truth.possible(decl), key=lambda each: len(changes(case.root, each)))
    return [nearest], condition_of(case, nearest)


def result(case: Case, decl: DeclId, rule: str, condition: list[dict[str, object]] | None) -> dict[str, Any]:
    """Write a finding."""
    address, path, line = place(case, decl)
    text = None if condition is None else f"if {condition}"
    occurrence = {"resource": address, "message": "fails", "condition": text, "root": "r0"}
    parts = {"occurrences": [occurrence], "relatedLocations": [], "evidence": [], "condition": condition}
    return {"ruleId": rule, "outcome": "fail", "location": {"path": path, "line": line}, **parts}


def perfect(case: Case, truth: Truth) -> Document:
    """Write a report without faults."""
    document: Document = {"evaluated": [], "skipped": [], "findings": [], "unknown": [], "problems": []}
    for decl, declared in reported_decls(case.root).items():
        address, path, line = place(case, decl)
        item: dict[str, object] = {"address": address, "path": path, "line": line}
        if not truth.possible(decl):
            document["skipped"].append({**item, "reason": "proven"})
            continue
        worlds, condition = worlds_and_condition(case, truth, decl)
        document["evaluated"].append({**item, "condition": condition and f"if {condition}"})
        rules = (rule for rule in RULES[declared.kind] if all(each.finding(decl, rule) is True for each in worlds))
        document["findings"] += [result(case, decl, rule, condition) for rule in rules]
    return document


def faults(case: Case, document: Document) -> list[str]:
    """Return the faults that the comparison reports."""
    return Comparison(case, split({**document}, {"r0": case})["r0"]).run().faults()


def with_another_condition(document: Document, chosen: dict[str, Any], condition: object) -> Document:
    """Return a report with another condition of a finding."""
    occurrence = {**chosen["occurrences"][0], "condition": condition and f"if {condition}"}
    changed = {**chosen, "occurrences": [occurrence], "condition": condition}
    return {**document, "findings": [*(each for each in document["findings"] if each is not chosen), changed]}


def with_faults(rng: random.Random, document: Document) -> Iterator[tuple[str, Document]]:
    """Plant faults: drop a condition or a part of it, or skip what exists."""
    findings, evaluated = document["findings"], document["evaluated"]
    conditional = [each for each in findings if each["condition"]]
    if conditional:
        yield "no condition", with_another_condition(document, rng.choice(conditional), None)
    several = [each for each in conditional if len(each["condition"]) > 1]
    if several:
        chosen = rng.choice(several)
        yield "incomplete condition", with_another_condition(document, chosen, chosen["condition"][1:])
    if evaluated:
        gone = rng.choice(evaluated)
        left = [each for each in findings if each["occurrences"][0]["resource"] != gone["address"]]
        rest = [each for each in evaluated if each is not gone]
        skipped = [*document["skipped"], {**gone, "reason": "no value creates it"}]
        yield "skipped", {**document, "evaluated": rest, "findings": left, "skipped": skipped}


def with_untrue_findings(case: Case, truth: Truth, document: Document) -> Document | None:
    """Add every finding that is false in the world of its declaration; None if there is none."""
    added = []
    for decl, declared in reported_decls(case.root).items():
        if truth.possible(decl):
            worlds, condition = worlds_and_condition(case, truth, decl)
            false = (rule for rule in RULES[declared.kind] if all(each.finding(decl, rule) is False for each in worlds))
            added += [result(case, decl, rule, condition) for rule in false]
    return {**document, "findings": [*document["findings"], *added]} if added else None


def without_finding(rng: random.Random, case: Case, truth: Truth, document: Document) -> Document | None:
    """Drop a finding that is true wherever its declaration exists; None if there is none."""
    places = {place(case, decl)[0]: decl for decl in reported_decls(case.root)}
    findings = document["findings"]
    droppable = []
    for each in findings:
        decl = places[each["occurrences"][0]["resource"]]
        worlds = truth.base if truth.base_existence(decl) == "all" else truth.possible(decl)
        if {world.finding(decl, each["ruleId"]) for world in worlds if world.exists(decl)} == {True}:
            droppable.append(each)
    if not droppable:
        return None
    chosen = rng.choice(droppable)
    return {**document, "findings": [each for each in findings if each is not chosen]}
