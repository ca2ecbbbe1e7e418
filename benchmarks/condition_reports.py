"""Read the results of a report that depend on a condition, and what the condition states of the inputs of its root."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from drawn_values import State

FINDING, UNKNOWN = "findings", "unknown"
_SECTIONS = (FINDING, UNKNOWN)
_VARIABLE = "var."
_KEY = re.compile(r"\[[^\[\]]*\]")
# The parts of a condition in words: `var.a is not "x" or "y" and the length of var.b is 3`.
_JSON = r'(?:"(?:[^"\\]|\\.)*"|true|false|null|empty|-?\d+(?:\.\d+)?)(?![\w.])'
_CLAUSE = re.compile(
    rf"(?P<length>the length of )?(?P<name>[\w.-]+) "
    rf"(?P<verb>is not|is|contains|has) (?P<values>another value|{_JSON}(?:(?:, | and | or ){_JSON})*)"
    r"(?: characters?| items?)?(?:, | and |$)"
)
_ITEM = re.compile(r"(?P<over>[\w.-]+) has an item in which ")
# The text of a condition of which no values are known.
_ASSUMED = "if its condition holds"

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
        outcome = "fails" if self.section == FINDING else "is unknown"
        return (
            f"{self.rule} {outcome} for {self.address} at {self.place} ({self.condition or 'exists'}): {self.message}"
        )

    def is_same(self, other: Result) -> bool:
        """Return whether another report has the same result."""
        return self[:4] == other[:4] and self.root == other.root and self.condition == other.condition

    def is_of_resource(self, other: Result) -> bool:
        """Return whether both are results for one resource, or for instances of one declaration."""
        is_same = self.address == other.address or self.place == other.place
        return self.declared_as == other.declared_as and (is_same or static(self.address) == static(other.address))


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


class Run:
    """The report of a run in a world, with all its passes, by what is looked up in it."""

    def __init__(self, report: Report, passes: Any, values: Mapping[str, Any]) -> None:
        self.values = values
        self.results = tuple(results_of(report))
        self._types = report["summary"]["evaluatedResources"]
        self._by_declaration: dict[str, list[Result]] = defaultdict(list)
        for one in self.results:
            self._by_declaration[one.declared_as].append(one)
        self._passes: dict[str, set[str]] = defaultdict(set)
        for rule, address in passes_of(passes):
            self._passes[static(address)].add(rule)
        self._states: dict[str, str] = {}
        for section in ("evaluated", "skipped"):
            for one in report[section]:
                state = "exists" if section == "evaluated" else f"skipped: {one['reason']}"
                self._states.setdefault(static(one["address"]), state)

    def of_resource(self, expected: Result) -> list[Result]:
        """Return the results for the resource of a result."""
        return [one for one in self._by_declaration[expected.declared_as] if one.is_of_resource(expected)]

    def existence(self, expected: Result) -> str:
        """Return what the report states about the declaration of a result that it does not have."""
        address = static(expected.address)
        if address in self._passes:
            return "passes" if expected.rule in self._passes[address] else "exists"
        if self.of_resource(expected):
            return "exists"
        # A rule that does not apply to a resource has no result for it.
        is_counted = expected.type in self._types
        return self._states.get(address) or ("exists" if is_counted else "not in the report")


@cache
def static(address: str) -> str:
    """Return an address without the keys of instances."""
    return _KEY.sub("", address)


def stated_in(text: str) -> Stated:
    """Return what a condition in words states; nothing if it does not name all inputs."""
    rest, over = text.removeprefix("if "), ""
    found: list[tuple[str, str, str]] = []
    while rest:
        item = _ITEM.match(rest)
        if item is not None:  # conditions of items are last
            rest, over = rest[item.end() :], f"{item['over']}.*."
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
        found += [(over + clause["name"], word, value) for value in values]
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


def worlds_of(report: Report) -> dict[World, list[Result]]:
    """Return the results that depend on a condition, by world."""
    parameters = {
        (one["ruleId"], member["resource"], member["root"], member["condition"]): member["worlds"]
        for section in _SECTIONS
        for one in report[section]
        for member in one["occurrences"]
    }
    found: dict[World, list[Result]] = defaultdict(list)
    for one in results_of(report):
        if one.condition:
            for file in parameters[one.rule, one.address, one.root, one.condition] or [""]:
                found[World(one.root, file, one.condition, one.stated)].append(one)
    return found
