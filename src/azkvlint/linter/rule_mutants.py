"""Mutation testing of rules: each mutant has one part broken, and an example of the rule has to notice it.

A part is a clause, an operator, a quantifier, a number (plus and minus one), a string, a switch, a default, an
alternative of a pattern, or an item of a list, in conditions and in the defaults of parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import msgspec

from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.rule_tests import compare, read_example
from azkvlint.linter.unit_result import evaluate_unit, verdicts_on
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import (
    EXAMPLE_DAY,
    All,
    AnyOf,
    Attribute,
    Condition,
    Example,
    Given,
    Items,
    Linked,
    Not,
    Operand,
    Rule,
)
from azkvlint.model.value import Plain
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.lazy_regex import regex

_OPPOSITE = {"at_least": "at_most", "at_most": "at_least"}
_HOLDS: Condition = All(())
# Longer lists of types are reference data, which tests/linter/test_rules.py compares with the tables of types.
_MAX_TYPES = 12
_NEVER = "(?!)"
_OTHER_VALUE = "another"
_SAME = ", which makes no difference: "
_GROUP = regex(r"\?(?:[:=!]|<[=!]|P<\w+>|[aiLmsux]+:)")


# Paths that are never absent, so that the default that ``not`` requires has no effect. For a rule on several types, an
# example for a type without the attribute notices.
_ALWAYS_THERE = {
    "$": "an item of a list",
    "derived.accessModel": "computed for every vault, and for every access policy from its vault",
    "derived.applications": "computed for every vault; an empty list if the vault does not state any",
    "derived.environments": "computed for every vault; an empty list if the vault does not state any",
    "derived.exportsAudit": "computed for every diagnostic setting",
    "derived.exposure": "computed for every vault and HSM",
    "derived.inPerimeter": "computed for every vault and HSM",
    "derived.operations": "computed for every role definition",
    "derived.publicAccess": "computed for every vault and HSM",
    "derived.recovers": "computed for every vault and HSM",
    "derived.scopeLevel": "computed for every role assignment",
    "derived.servesPublic": "computed for every resource that serves certificates",
    "derived.sinkNeedsSource": "computed for every diagnostic setting",
    "duties": "computed for every principal; an empty list if it has none",
    "isGuest": "set for every permission",
    "kind": "set for every permission",
    "properties.enablePurgeProtection": "filled in by all readers",
    "properties.enabledForDeployment": "filled in by all readers",
    "properties.enabledForDiskEncryption": "filled in by all readers",
    "properties.enableSoftDelete": "filled in by all readers",
    "properties.publicNetworkAccess": "filled in by all readers",
    "properties.scope": "required for every role assignment",
}


class Mutant(NamedTuple):
    """A rule with one broken part, and a description of the change. ``same`` is the reason if it is equivalent."""

    change: str
    rule: Rule
    same: str = ""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield the rule without each of its types and with each part of its conditions and parameters broken, in turn."""
    for type_ in rule.resources if 1 < len(rule.resources) <= _MAX_TYPES else ():
        remaining = tuple(other for other in rule.resources if other != type_)
        yield Mutant(f"resource: without {type_}", msgspec.structs.replace(rule, resources=remaining))
    for part in ("when", "require"):
        for change, condition in _mutate(getattr(rule, part)):
            broken = msgspec.structs.replace(rule, **{part: condition})
            yield Mutant(f"{part}: {change}", broken, change.partition(_SAME)[2])
    patterns = _patterns(rule)
    for index, parameter in enumerate(rule.parameters):
        changes = changed_pattern if parameter.name in patterns else changed_value
        for change, default in changes(parameter.default):
            others = list(rule.parameters)
            others[index] = msgspec.structs.replace(parameter, default=default)
            yield Mutant(f"{parameter.name}: {change}", msgspec.structs.replace(rule, parameters=tuple(others)))


def _mutate(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """Yield the condition with one change each: a part removed, or a word replaced by its opposite."""
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            yield from _mutate_list(condition, parts)
        case Not(of=part):
            yield f"not: {_describe(part)} -> without not", part
            yield from ((change, Not(other)) for change, other in _mutate(part))
        case Items(quantifier=word, text=text, where=where):
            other = "every" if word == "some" else "some"
            yield f"{word}: {text} -> {other}", msgspec.structs.replace(condition, quantifier=other)
            yield from _mutate_where(condition, where, f"{word}: {text}")
        case Linked(direction=word, types=types, where=where):
            yield f"{word}: {types[0]} -> not", Not(condition)
            for dropped in types if 1 < len(types) <= _MAX_TYPES else ():
                remaining = tuple(type_ for type_ in types if type_ != dropped)
                yield f"{word}: without {dropped}", msgspec.structs.replace(condition, types=remaining)
            if where != _HOLDS:
                yield from _mutate_where(condition, where, f"{word}: {types[0]}")
        case Attribute() | Given():
            yield from _mutate_leaf(condition)


def _mutate_list(condition: All | AnyOf, parts: tuple[Condition, ...]) -> Iterator[tuple[str, Condition]]:
    word, other = ("all", AnyOf) if isinstance(condition, All) else ("any", All)
    kind = type(condition)
    if len(parts) > 1:
        yield f"{word}: {', '.join(map(_describe, parts))} -> the opposite", other(parts)
    for index, part in enumerate(parts):
        if len(parts) > 1 or word == "all":
            yield f"{word}: without {_describe(part)}", kind(parts[:index] + parts[index + 1 :])
        for change, changed in _mutate(part):
            yield change, kind((*parts[:index], changed, *parts[index + 1 :]))


def _mutate_where(condition: Items | Linked, where: Condition, prefix: str) -> Iterator[tuple[str, Condition]]:
    yield f"{prefix} -> without where", msgspec.structs.replace(condition, where=_HOLDS)
    for change, changed in _mutate(where):
        yield f"{prefix}: {change}", msgspec.structs.replace(condition, where=changed)


def _mutate_leaf(condition: Attribute | Given) -> Iterator[tuple[str, Condition]]:
    yield f"{_describe(condition)} -> not", Not(condition)
    if not isinstance(condition, Attribute):
        return
    if condition.operator in _OPPOSITE:
        other = _OPPOSITE[condition.operator]
        yield f"{_describe(condition)} -> {other}", msgspec.structs.replace(condition, operator=other)
    if condition.operator == "is":
        other = "absent" if condition.operand == "set" else "set"
        yield f"{_describe(condition)} -> is: {other}", msgspec.structs.replace(condition, operand=other)
        return
    operand = condition.operand
    if not (isinstance(operand, str) and operand.startswith("$")):
        for change, value in (changed_pattern if condition.operator == "matches" else changed_value)(operand):
            yield f"{condition.text} {condition.operator}: {change}", msgspec.structs.replace(condition, operand=value)
    if condition.default is not None:
        default = _other_answer(condition, condition.default)
        if default is not None:
            change = f"{_describe(condition)}, default: {condition.default!r} -> {default!r}"
            same = _ALWAYS_THERE.get(condition.text)
            yield change + (f"{_SAME}{same}" if same else ""), msgspec.structs.replace(condition, default=default)


def _other_answer(condition: Attribute, default: Plain) -> Plain | None:
    """Return a default that reverses the outcome for absent values; None if no plain value does."""
    expected = condition.operand
    first = expected[0] if isinstance(expected, tuple) and expected else expected
    match condition.operator:
        case "equals" | "contains" | "in" if isinstance(first, bool):
            return not default
        case "equals" | "contains" | "in" if isinstance(first, str) and not first.startswith("$"):
            return _OTHER_VALUE if default in (expected if isinstance(expected, tuple) else (expected,)) else first
        case "at_least" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected - 1 if default >= expected else expected
        case "at_most" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected + 1 if default <= expected else expected
        case "length_at_least" if isinstance(expected, int):
            return "" if len(str(default)) >= expected else "x" * expected
    return None


def _patterns(rule: Rule) -> frozenset[str]:
    names: set[str] = set()
    stack: list[Condition] = [rule.when, rule.require]
    while stack:
        match stack.pop():
            case Attribute(operator="matches", operand=str() as operand) if operand.startswith("$"):
                names.add(operand[1:])
            case All(of=parts) | AnyOf(of=parts):
                stack += parts
            case Not(of=part) | Items(where=part) | Linked(where=part):
                stack.append(part)
    return frozenset(names)


def _describe(condition: Condition) -> str:
    match condition:
        case Attribute(text=text, operator=operator, operand=operand):
            return f"{text} {operator} {operand}"
        case Given(parameter=name):
            return f"given {name}"
        case Items(quantifier=word, text=text):
            return f"{word} {text}"
        case Linked(direction=word, types=types, via=via):
            return f"{word} {types[0]} via {via}"
        case Not(of=part):
            return f"not ({_describe(part)})"
        case All(of=parts):
            return f"all of {len(parts)}"
        case AnyOf(of=parts):
            return f"any of {len(parts)}"


def changed_value(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield changed values: numbers off by one, negated booleans, changed strings, lists without an item."""
    match value:
        case bool():
            yield f"{value} -> {not value}", not value
        case int() | float():
            yield f"{value} -> {value - 1}", value - 1
            yield f"{value} -> {value + 1}", value + 1
        case str():
            yield f"{value!r} -> changed", f"{value}~"
        case tuple():
            for index, item in enumerate(value):
                yield f"without {item!r}", value[:index] + value[index + 1 :]


def changed_pattern(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield a pattern that never matches, and the pattern without each of its alternatives."""
    if not isinstance(value, str) or not value:
        return
    yield f"{value!r} -> never", _NEVER
    for start, end in _alternatives(value):
        yield f"{value!r} without {value[start:end]!r}", value[:start] + _NEVER + value[end:]


def _alternatives(pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of the alternatives of a pattern, inside and outside groups."""
    position, in_class = 0, False
    groups: list[tuple[int, list[int]]] = [(0, [])]
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character == "(":
            groups.append((position + 1, []))
        elif character == "|":
            groups[-1][1].append(position)
        elif character == ")":
            yield from _parts(*groups.pop(), position, pattern)
        position += 1
    yield from _parts(*groups.pop(), position, pattern)


def _parts(start: int, bars: list[int], end: int, pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the alternatives between two positions, if there are several."""
    if bars:
        match = _GROUP.match(pattern, start)
        edges = [(match.end() if match is not None else start) - 1, *bars, end]
        yield from ((first + 1, last) for first, last in pairwise(edges))


# --- mutants that no example notices ----------------------------------------------------------------------------------

# Equivalent mutants: the parts of their descriptions, by rule.
_RETENTION = "Azure accepts -1 and values from 4"
_GIVEN = "an example is one file without parameter values; tests/linter/test_origins.py covers this"
_ALL_INCLUDES_PURGE = "`all` includes purge, which is also in the list"
_SIZES = "the rule fails every size that Azure does not support"
_NO_DIFFERENCE = {
    ("KV208", "RetentionInDays at_least: 1"): _RETENTION,
    ("KV208", "retentionInDays at_least: 1"): _RETENTION,
    ("KV208", "name equals"): "a table has a name",
    ("KV302", "without 'keys/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'secrets/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'certificates/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'storage/all'"): _ALL_INCLUDES_PURGE,
    ("KV309", "'' -> changed"): "no permission has either value: the string means that there are none",
    ("KV409", "properties.accessPolicies length_at_least: 1 -> 0"): "an empty list grants no permission",
    ("KV503", "minimum: "): _SIZES,
    ("KV521", "minimum: "): _SIZES,
    ("KV610", "without 'given'"): _GIVEN,
    ("KV615", "without 'given'"): _GIVEN,
    ("KV716", "without 'given'"): _GIVEN,
    ("KV709", "daysOverPublicLimit at_most: 0"): "no number of months has as many days as a limit, or one more",
    ("KV804", "minimum: "): _SIZES,
}


class _Case(NamedTuple):
    example: Example
    language: str
    source: str
    read: ReadResult
    required: RequiredAttributes
    results: frozenset[Hashable]


def surviving_mutants(rule: Rule) -> tuple[list[str], int]:
    """Return the changes that no example notices although they make a difference, and the number of all changes."""
    cases = list(_cases(rule))
    all_mutants = list(mutants(rule))
    unnoticed = [mutant.change for mutant in all_mutants if not _is_caught(mutant.rule, cases) and not mutant.same]
    excused = [part for id_, part in _NO_DIFFERENCE if id_ == rule.id]
    stale = [
        f"the exception for {part} is unused" for part in excused if not any(part in change for change in unnoticed)
    ]
    return [change for change in unnoticed if not any(part in change for part in excused)] + stale, len(all_mutants)


def _cases(rule: Rule) -> Iterator[_Case]:
    """Yield the examples, read once: a mutant requires no more attributes than its rule."""
    for example in rule.examples:
        required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
        for language, source in example.sources.items():
            read = read_example(language, source, required)
            results = _results_of(with_parameters(rule, example.parameters), read, required)
            yield _Case(example, language, source, read, required, results)


def _results_of(rule: Rule, read: ReadResult, required: RequiredAttributes) -> frozenset[Hashable]:
    """Return the results that an example's marks describe: failed and unknown results with their locations."""
    verdicts = verdicts_on(read, required, Evaluator([rule]), explain=True)
    reported = {(finding.resource, finding.outcome, finding.at) for finding in verdicts.findings + verdicts.unknown}
    return frozenset(reported | {problem.message for problem in verdicts.problems})


def _is_caught(rule: Rule, cases: Sequence[_Case]) -> bool:
    for case in cases:
        changed = with_parameters(rule, case.example.parameters)
        if _results_of(changed, case.read, case.required) == case.results:
            continue
        evaluator = Evaluator([changed])
        result = evaluate_unit(case.read, case.required, evaluator, explain=True)
        if result.problems and any(problem.level == "error" for problem in result.problems):
            return True
        if next(compare(rule, case.example, case.language, case.source, result), ""):
            return True
    return False
