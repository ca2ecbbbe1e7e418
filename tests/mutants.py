"""Breaks rules, one part at a time, and asks whether their own examples notice.

``python tests/mutants.py [RULE ...]`` prints each mutant that survives, and how many of all were caught.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import compare, read_example
from azkvlint.linter.unit_result import judge, verdicts_on
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import EXAMPLE_DAY, Example, Rule
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.plural import pluralize

if __package__:
    from .slips import mutants
else:  # run as a script, beside it
    from slips import mutants  # type: ignore[import-not-found,no-redef]  # known only then

# What else no example could notice: a part of the change, by rule.
_RETENTION = "Azure takes -1 and from 4 on"
_GIVEN = "an example is one file, and nothing gives it values; tests/test_origins.py does"
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
    """The changes that make a difference and that no example of the rule notices; and how many changes there are."""
    cases = list(_cases(rule))
    made = list(mutants(rule))
    left = [mutant.change for mutant in made if not _is_caught(mutant.rule, cases) and not mutant.same]
    excused = [part for id_, part in _NO_DIFFERENCE if id_ == rule.id]
    stale = [f"{part} is excused for nothing" for part in excused if not any(part in change for change in left)]
    return [change for change in left if not any(part in change for part in excused)] + stale, len(made)


def _cases(rule: Rule) -> Iterator[_Case]:
    """The examples, read once: what a mutant asks for is among what the rule asks for."""
    for example in rule.examples:
        required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
        for language, source in example.sources.items():
            read = read_example(language, source, required)
            found = _found(with_parameters(rule, example.parameters), read, required)
            yield _Case(example, language, source, read, required, found)


def _found(rule: Rule, read: ReadResult, required: RequiredAttributes) -> frozenset[Hashable]:
    """All that an example's marks are held against: what fails or is undecided, and where."""
    verdicts = verdicts_on(read, required, Evaluator([rule]), explain=True)
    told = {(one.resource, one.outcome, one.at) for one in verdicts.findings + verdicts.undecided}
    return frozenset(told | {problem.message for problem in verdicts.problems})


def _is_caught(rule: Rule, cases: Sequence[_Case]) -> bool:
    for case in cases:
        changed = with_parameters(rule, case.example.parameters)
        if _found(changed, case.read, case.required) == case.found:
            continue
        evaluator = Evaluator([changed])
        judged = judge(case.read, case.required, evaluator, explain=True)
        if judged.problems and any(problem.level == "error" for problem in judged.problems):
            return True
        if next(compare(rule, case.example, case.language, case.source, judged), ""):
            return True
    return False


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
    print(f"{total - left} of {pluralize(total, 'mutant')} of {pluralize(len(rules), 'rule')} caught ({caught:.1f} %)")  # noqa: T201 - the same
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
