"""The results of a rule are the same whichever other rules run, on the examples of all rules."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import pytest

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import evaluate_unit
from azkvlint.model.finding import Finding
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import EXAMPLE_DAY, Example, Rule

# Rules of which an example has no result, compared as well: another rule could take a result away.
SILENT = 4
PARTS = 80


class Case(NamedTuple):
    """An example of a rule in one language."""

    rule: Rule
    example: Example
    language: str
    source: str


def cases() -> Iterator[Case]:
    for rule in builtin_rules():
        for example in rule.examples:
            for language, source in example.sources.items():
                if language != "plan" or is_whole(source):
                    yield Case(rule, example, language, source)


def is_whole(source: str) -> bool:
    """Whether a plan has all resources that it refers to, as every plan of Terraform has.

    What a reference to another one leads to depends on the types that are read: an instance of one of these is known
    to be missing.
    """
    declared = {match[1] for match in re.finditer(r"(?m)^[\"']?(?:module\.\w+\.)?(\w+\.\w+)", source)}
    return {match[1] for match in re.finditer(r"\$\{(azurerm_\w+\.\w+)", source)} <= declared


READY: dict[tuple[object, ...], tuple[RuleEvaluator, RequiredAttributes]] = {}


def ready(case: Case, rules: Sequence[Rule]) -> tuple[RuleEvaluator, RequiredAttributes]:
    """An evaluator with the rules and what they read; the rule of the example has the parameters of that."""
    own = (case.rule.id, case.example.title) if case.example.parameters else ()
    key = (tuple(rule.id for rule in rules), case.example.as_of, *own)
    if key not in READY:
        given = {case.rule.id: case.example.parameters}
        chosen = [with_parameters(rule, given.get(rule.id, {})) for rule in rules]
        as_of = date.fromisoformat(case.example.as_of or EXAMPLE_DAY)
        READY[key] = RuleEvaluator(chosen), with_needs(required_by(chosen, as_of))
    return READY[key]


def results(case: Case, rules: Sequence[Rule]) -> dict[str, list[tuple[object, ...]]]:
    """The failed and unknown results of an example, by the ID of the rule."""
    evaluator, required = ready(case, rules)
    result = evaluate_unit(read_example(case.language, case.source, required), required, evaluator, explain=True)
    found: dict[str, list[tuple[object, ...]]] = {}
    for finding in (*result.findings, *result.unknown):
        found.setdefault(finding.rule.id, []).append(content(finding))
    return {rule: sorted(one, key=repr) for rule, one in found.items()}


def content(finding: Finding) -> tuple[object, ...]:
    at = finding.at
    return finding.outcome, finding.severity, finding.resource, finding.message, at.path, at.region, at.address


@pytest.mark.slow(10)
@pytest.mark.parametrize("part", range(PARTS))
def test_each_rule_alone_returns_its_results_on_the_examples_of_rules(part: int, seed: str) -> None:
    rng = random.Random(f"{seed}/{part}")  # noqa: S311  # repeatable on purpose
    known = builtin_rules(examples=False)
    chosen = [*cases()][part::PARTS]
    assert chosen
    differences: list[str] = []
    for case in chosen:
        full = results(case, known)
        others = rng.sample(known, SILENT)
        for rule in known:
            if rule.id in full or rule in others:
                alone = results(case, [rule]).get(rule.id, [])
                if alone != full.get(rule.id, []):
                    differences.append(f"{rule.id} on {case.rule.id}, {case.example.title} ({case.language})")
    assert differences == []
