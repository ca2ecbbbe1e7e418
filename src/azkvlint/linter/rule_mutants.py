"""Mutants of rules: each has one part broken, and at least one example of the rule has to notice.

A part is a clause, an operator, a quantifier, a number (one more, and one less), a text, a switch, what is taken for
something missing, one alternative of a pattern, and each item of a list, be it in the default of a parameter.
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
# A longer list of types is reference data, which tests/linter/test_rules.py compares with the tables of types.
_FEW = 12
_NEVER = "(?!)"
_OTHER = "another"
_SAME = ", which makes no difference: "
_GROUP = regex(r"\?(?:[:=!]|<[=!]|P<\w+>|[aiLmsux]+:)")


# What is always there where a condition looks for it: it has a default only because ``not`` needs one. Where a rule
# asks several types, of which some do not have it, an example notices all the same.
_ALWAYS_THERE = {
    "$": "an item of a list",
    "derived.accessModel": "reckoned of every vault, and of every access policy by its vault",
    "derived.applications": "reckoned of every vault, an empty list if nothing in it says any",
    "derived.environments": "reckoned of every vault, an empty list if nothing in it says any",
    "derived.exportsAudit": "reckoned of every diagnostic setting",
    "derived.exposure": "reckoned of every vault and HSM",
    "derived.inPerimeter": "reckoned of every vault and HSM",
    "derived.operations": "reckoned of every role definition",
    "derived.publicAccess": "reckoned of every vault and HSM",
    "derived.recovers": "reckoned of every vault and HSM",
    "derived.scopeLevel": "reckoned of every assignment",
    "derived.servesPublic": "reckoned of all who serve certificates",
    "derived.sinkNeedsSource": "reckoned of every diagnostic setting",
    "duties": "of every principal, an empty list if it has none",
    "isGuest": "of every grant",
    "kind": "of every grant",
    "properties.enablePurgeProtection": "filled in by all readers",
    "properties.enabledForDeployment": "filled in by all readers",
    "properties.enabledForDiskEncryption": "filled in by all readers",
    "properties.enableSoftDelete": "filled in by all readers",
    "properties.publicNetworkAccess": "filled in by all readers",
    "properties.scope": "no role is assigned without it",
}


class Mutant(NamedTuple):
    """A rule with one part broken, and in what. ``same`` is why that makes no difference."""

    change: str
    rule: Rule
    same: str = ""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield the rule with each type that it asks left out, and each part of its conditions broken, in turn."""
    for type_ in rule.resources if 1 < len(rule.resources) <= _FEW else ():
        left = tuple(other for other in rule.resources if other != type_)
        yield Mutant(f"resource: without {type_}", msgspec.structs.replace(rule, resources=left))
    for part in ("when", "require"):
        for change, condition in _broken(getattr(rule, part)):
            broken = msgspec.structs.replace(rule, **{part: condition})
            yield Mutant(f"{part}: {change}", broken, change.partition(_SAME)[2])
    patterns = _patterns(rule)
    for at, parameter in enumerate(rule.parameters):
        changes = changed_pattern if parameter.name in patterns else changed_value
        for change, default in changes(parameter.default):
            others = list(rule.parameters)
            others[at] = msgspec.structs.replace(parameter, default=default)
            yield Mutant(f"{parameter.name}: {change}", msgspec.structs.replace(rule, parameters=tuple(others)))


def _broken(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """Yield the condition with one thing changed: a part dropped, a word turned into its opposite."""
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            yield from _broken_list(condition, parts)
        case Not(of=part):
            yield f"not: {_said(part)} -> without not", part
            yield from ((change, Not(other)) for change, other in _broken(part))
        case Items(quantifier=word, text=text, where=where):
            other = "every" if word == "some" else "some"
            yield f"{word}: {text} -> {other}", msgspec.structs.replace(condition, quantifier=other)
            yield from _broken_where(condition, where, f"{word}: {text}")
        case Linked(direction=word, types=types, where=where):
            yield f"{word}: {types[0]} -> not", Not(condition)
            for dropped in types if 1 < len(types) <= _FEW else ():
                left = tuple(type_ for type_ in types if type_ != dropped)
                yield f"{word}: without {dropped}", msgspec.structs.replace(condition, types=left)
            if where != _HOLDS:
                yield from _broken_where(condition, where, f"{word}: {types[0]}")
        case Attribute() | Given():
            yield from _broken_leaf(condition)


def _broken_list(condition: All | AnyOf, parts: tuple[Condition, ...]) -> Iterator[tuple[str, Condition]]:
    word, other = ("all", AnyOf) if isinstance(condition, All) else ("any", All)
    kind = type(condition)
    if len(parts) > 1:
        yield f"{word}: {', '.join(map(_said, parts))} -> the opposite", other(parts)
    for at, part in enumerate(parts):
        if len(parts) > 1 or word == "all":
            yield f"{word}: without {_said(part)}", kind(parts[:at] + parts[at + 1 :])
        for change, changed in _broken(part):
            yield change, kind((*parts[:at], changed, *parts[at + 1 :]))


def _broken_where(condition: Items | Linked, where: Condition, said: str) -> Iterator[tuple[str, Condition]]:
    yield f"{said} -> without where", msgspec.structs.replace(condition, where=_HOLDS)
    for change, changed in _broken(where):
        yield f"{said}: {change}", msgspec.structs.replace(condition, where=changed)


def _broken_leaf(condition: Attribute | Given) -> Iterator[tuple[str, Condition]]:
    yield f"{_said(condition)} -> not", Not(condition)
    if not isinstance(condition, Attribute):
        return
    if condition.operator in _OPPOSITE:
        other = _OPPOSITE[condition.operator]
        yield f"{_said(condition)} -> {other}", msgspec.structs.replace(condition, operator=other)
    if condition.operator == "is":
        other = "absent" if condition.operand == "set" else "set"
        yield f"{_said(condition)} -> is: {other}", msgspec.structs.replace(condition, operand=other)
        return
    operand = condition.operand
    if not (isinstance(operand, str) and operand.startswith("$")):
        for change, value in (changed_pattern if condition.operator == "matches" else changed_value)(operand):
            yield f"{condition.text} {condition.operator}: {change}", msgspec.structs.replace(condition, operand=value)
    if condition.default is not None:
        default = _other_answer(condition, condition.default)
        if default is not None:
            change = f"{_said(condition)}, default: {condition.default!r} -> {default!r}"
            same = _ALWAYS_THERE.get(condition.text)
            yield change + (f"{_SAME}{same}" if same else ""), msgspec.structs.replace(condition, default=default)


def _other_answer(condition: Attribute, default: Plain) -> Plain | None:
    """Return a default with which what is missing gets the other answer; None where no plain value has it."""
    expected = condition.operand
    first = expected[0] if isinstance(expected, tuple) and expected else expected
    match condition.operator:
        case "equals" | "contains" | "in" if isinstance(first, bool):
            return not default
        case "equals" | "contains" | "in" if isinstance(first, str) and not first.startswith("$"):
            return _OTHER if default in (expected if isinstance(expected, tuple) else (expected,)) else first
        case "at_least" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected - 1 if default >= expected else expected
        case "at_most" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected + 1 if default <= expected else expected
        case "length_at_least" if isinstance(expected, int):
            return "" if len(str(default)) >= expected else "x" * expected
    return None


def _patterns(rule: Rule) -> frozenset[str]:
    """Return the names of the parameters that are regular expressions."""
    found: set[str] = set()
    waiting: list[Condition] = [rule.when, rule.require]
    while waiting:
        match waiting.pop():
            case Attribute(operator="matches", operand=str() as operand) if operand.startswith("$"):
                found.add(operand[1:])
            case All(of=parts) | AnyOf(of=parts):
                waiting += parts
            case Not(of=part) | Items(where=part) | Linked(where=part):
                waiting.append(part)
    return frozenset(found)


def _said(condition: Condition) -> str:
    """Return a condition in a few words."""
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
            return f"not ({_said(part)})"
        case All(of=parts):
            return f"all of {len(parts)}"
        case AnyOf(of=parts):
            return f"any of {len(parts)}"


def changed_value(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield a number one off, a switch turned over, a text changed, a list without each of its items in turn."""
    match value:
        case bool():
            yield f"{value} -> {not value}", not value
        case int() | float():
            yield f"{value} -> {value - 1}", value - 1
            yield f"{value} -> {value + 1}", value + 1
        case str():
            yield f"{value!r} -> changed", f"{value}~"
        case tuple():
            for at, item in enumerate(value):
                yield f"without {item!r}", value[:at] + value[at + 1 :]


def changed_pattern(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield a pattern that nothing matches, and the pattern without each of its alternatives in turn."""
    if not isinstance(value, str) or not value:
        return
    yield f"{value!r} -> never", _NEVER
    for start, end in _alternatives(value):
        yield f"{value!r} without {value[start:end]!r}", value[:start] + _NEVER + value[end:]


def _alternatives(pattern: str) -> Iterator[tuple[int, int]]:
    """Yield where the alternatives of a pattern stand, in groups and outside of them."""
    at, in_class = 0, False
    groups: list[tuple[int, list[int]]] = [(0, [])]
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign == "(":
            groups.append((at + 1, []))
        elif sign == "|":
            groups[-1][1].append(at)
        elif sign == ")":
            yield from _parts(*groups.pop(), at, pattern)
        at += 1
    yield from _parts(*groups.pop(), at, pattern)


def _parts(start: int, bars: list[int], end: int, pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the alternatives between two places, if there are several."""
    if bars:
        opened = _GROUP.match(pattern, start)
        edges = [(opened.end() if opened is not None else start) - 1, *bars, end]
        yield from ((first + 1, last) for first, last in pairwise(edges))


# --- mutants that no example notices ----------------------------------------------------------------------------------

# What else no example could notice: a part of the change, by rule.
_RETENTION = "Azure takes -1 and from 4 on"
_GIVEN = "an example is one file, and nothing gives it values; tests/linter/test_origins.py does"
_ALL_INCLUDES_PURGE = "who is granted all is granted purge, which the list has too"
_SIZES = "the rule fails every size that Azure does not make"
_NO_DIFFERENCE = {
    ("KV208", "RetentionInDays at_least: 1"): _RETENTION,
    ("KV208", "retentionInDays at_least: 1"): _RETENTION,
    ("KV208", "name equals"): "a table has a name",
    ("KV302", "without 'keys/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'secrets/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'certificates/all'"): _ALL_INCLUDES_PURGE,
    ("KV302", "without 'storage/all'"): _ALL_INCLUDES_PURGE,
    ("KV309", "'' -> changed"): "either way no permission is such a text: it says that there are none",
    ("KV409", "properties.accessPolicies length_at_least: 1 -> 0"): "an empty list grants nobody anything",
    ("KV503", "minimum: "): _SIZES,
    ("KV521", "minimum: "): _SIZES,
    ("KV610", "without 'given'"): _GIVEN,
    ("KV615", "without 'given'"): _GIVEN,
    ("KV716", "without 'given'"): _GIVEN,
    ("KV709", "daysOverPublicLimit at_most: 0"): "no number of months has as many days as a limit, or one more",
    ("KV804", "minimum: "): _SIZES,
}


class _Case(NamedTuple):
    """One example in one language, read."""

    example: Example
    language: str
    source: str
    read: ReadResult
    required: RequiredAttributes
    found: frozenset[Hashable]


def survivors(rule: Rule) -> tuple[list[str], int]:
    """Return the changes that make a difference and that no example of the rule notices; and how many changes there
    are.
    """
    cases = list(_cases(rule))
    made = list(mutants(rule))
    left = [mutant.change for mutant in made if not _is_caught(mutant.rule, cases) and not mutant.same]
    excused = [part for id_, part in _NO_DIFFERENCE if id_ == rule.id]
    stale = [f"{part} is excused for nothing" for part in excused if not any(part in change for change in left)]
    return [change for change in left if not any(part in change for part in excused)] + stale, len(made)


def _cases(rule: Rule) -> Iterator[_Case]:
    """Yield the examples, read once: what a mutant asks for is among what the rule asks for."""
    for example in rule.examples:
        required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
        for language, source in example.sources.items():
            read = read_example(language, source, required)
            found = _found(with_parameters(rule, example.parameters), read, required)
            yield _Case(example, language, source, read, required, found)


def _found(rule: Rule, read: ReadResult, required: RequiredAttributes) -> frozenset[Hashable]:
    """Return all that an example's marks are held against: what fails or is undecided, and where."""
    verdicts = verdicts_on(read, required, Evaluator([rule]), explain=True)
    reported = {(one.resource, one.outcome, one.at) for one in verdicts.findings + verdicts.undecided}
    return frozenset(reported | {problem.message for problem in verdicts.problems})


def _is_caught(rule: Rule, cases: Sequence[_Case]) -> bool:
    for case in cases:
        changed = with_parameters(rule, case.example.parameters)
        if _found(changed, case.read, case.required) == case.found:
            continue
        evaluator = Evaluator([changed])
        result = evaluate_unit(case.read, case.required, evaluator, explain=True)
        if result.problems and any(problem.level == "error" for problem in result.problems):
            return True
        if next(compare(rule, case.example, case.language, case.source, result), ""):
            return True
    return False
