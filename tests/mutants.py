"""Breaks the conditions of rules, one part at a time, and asks whether a rule's own examples notice.

``python tests/mutants.py [RULE ...]`` prints each mutant that survives, and how many of all were caught.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from kvlint.engine.builtin import builtin_rules
from kvlint.engine.demand import demand_of
from kvlint.engine.evaluate import Evaluator
from kvlint.engine.parameters import with_parameters
from kvlint.judged import judge
from kvlint.model.graph import Demand
from kvlint.model.rule import EXAMPLE_DAY, All, AnyOf, Attribute, Condition, Example, Given, Items, Linked, Not, Rule
from kvlint.plurals import counted
from kvlint.readers.derive.attributes import with_needs
from kvlint.readers.reading import Read
from kvlint.selftest import compare, read_example

_OPPOSITE = {"at_least": "at_most", "at_most": "at_least"}
_HOLDS: Condition = All(())


class Mutant(NamedTuple):
    """A rule with one part broken, and in what."""

    change: str
    rule: Rule


class _Case(NamedTuple):
    """One example in one language, read."""

    example: Example
    language: str
    source: str
    read: Read
    demand: Demand


def mutants(rule: Rule) -> Iterator[Mutant]:
    """The rule with each part of its conditions broken in turn."""
    for part in ("when", "require"):
        for change, condition in _broken(getattr(rule, part)):
            yield Mutant(f"{part}: {change}", msgspec.structs.replace(rule, **{part: condition}))


def survivors(rule: Rule) -> tuple[list[str], int]:
    """The changes that no example of the rule notices, and how many changes there are."""
    cases = list(_cases(rule))
    made = list(mutants(rule))
    return [mutant.change for mutant in made if not _is_caught(mutant.rule, cases)], len(made)


def _cases(rule: Rule) -> Iterator[_Case]:
    """The examples, read once: what a mutant asks for is among what the rule asks for."""
    for example in rule.examples:
        demand = with_needs(demand_of([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
        for language, source in example.sources.items():
            yield _Case(example, language, source, read_example(language, source, demand), demand)


def _is_caught(rule: Rule, cases: Sequence[_Case]) -> bool:
    for case in cases:
        evaluator = Evaluator([with_parameters(rule, case.example.parameters)])
        judged = judge(case.read, case.demand, evaluator, explain=True)
        if judged.problems and any(problem.level == "error" for problem in judged.problems):
            return True
        if next(compare(rule, case.example, case.language, case.source, judged), ""):
            return True
    return False


def _broken(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """The condition with one thing changed: a part dropped, a word turned into its opposite."""
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


def _said(condition: Condition) -> str:
    """A condition in a few words."""
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


def main(words: Sequence[str]) -> int:
    """Print what survives of the rules that are named, or of all."""
    rules = [rule for rule in builtin_rules() if not words or rule.id in words]
    total = left = 0
    for rule in rules:
        alive, count = survivors(rule)
        total, left = total + count, left + len(alive)
        for change in alive:
            print(f"{rule.id}: survives: {change}")  # noqa: T201 - a script prints
    caught = 100 * (total - left) / total if total else 100
    print(f"{total - left} of {counted(total, 'mutant')} of {counted(len(rules), 'rule')} caught ({caught:.1f} %)")  # noqa: T201 - the same
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
