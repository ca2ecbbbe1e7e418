"""Runs the examples of rule files: each is a test of its rule, and of the reader that its language needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from kvlint.check import judge_plan
from kvlint.engine.demand import demand_of
from kvlint.engine.evaluate import Evaluator
from kvlint.errors import InputError
from kvlint.model.graph import Demand
from kvlint.model.report import Finding
from kvlint.model.rule import Example, Rule
from kvlint.readers.derive.attributes import with_needs
from kvlint.readers.plan.compact import expand

# The languages of examples that kvlint can read.
LANGUAGES = ("plan",)
_MARK = re.compile(r"^(?P<address>[^\s#][^#]*?):\s*(?:#|//)\s*<-\s*(?P<rules>.+)$")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One example in one language. ``faults`` are in words; none means that it says what its rule does."""

    rule: Rule
    example: Example
    language: str
    faults: tuple[str, ...]


def run_examples(rules: Sequence[Rule]) -> Iterator[Result]:
    """Run every example of every rule, in every language that is given."""
    for rule in rules:
        evaluator, demand = Evaluator([rule]), with_needs(demand_of([rule]))
        for example in rule.examples:
            for language, source in example.sources.items():
                faults: tuple[str, ...] = (f"examples in {language} cannot be run yet",)
                if language in LANGUAGES:
                    faults = tuple(_faults(rule, example, source, demand, evaluator))
                yield Result(rule=rule, example=example, language=language, faults=faults)


def _faults(rule: Rule, example: Example, source: str, demand: Demand, evaluator: Evaluator) -> Iterator[str]:
    """What is wrong with an example, or with what the rule says about it."""
    try:
        read, verdicts = judge_plan("example", expand(source), demand, evaluator)
    except InputError as error:
        yield error.message
    # An example is its author's own draft: whatever trips over it, the other examples still run.
    except Exception as error:  # noqa: BLE001
        yield f"the example cannot be read: {type(error).__name__}"
    else:
        problems = [problem.message for problem in read.problems + verdicts.problems if problem.level == "error"]
        yield from problems or _compare(rule, example, source, verdicts.findings, verdicts.undecided)


def _compare(
    rule: Rule, example: Example, source: str, findings: Sequence[Finding], undecided: Sequence[Finding]
) -> Iterator[str]:
    """How what was found differs from what the example says."""
    marked = marks(source, rule.id)
    if not marked and example.expect != "passes":
        yield f"no line that begins with an address is marked '# <- {rule.id}'"
    failed, doubtful = _addresses(findings), _addresses(undecided)
    wanted_failed = marked if example.expect == "fails" else set()
    wanted_doubtful = marked if example.expect == "undecided" else set()
    for word, found, wanted in (("fails", failed, wanted_failed), ("is undecided", doubtful, wanted_doubtful)):
        yield from (f"{address} {word}, and should not" for address in sorted(found - wanted))
        yield from (f"{address} {word} not, and should" for address in sorted(wanted - found))


def marks(source: str, rule_id: str) -> set[str]:
    """The addresses whose line ends in ``# <- RULE`` (several rules are parted by commas)."""
    found = set()
    for line in source.splitlines():
        match = _MARK.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            found.add(match["address"].strip("\"'"))
    return found


def _addresses(findings: Sequence[Finding]) -> set[str]:
    return {finding.resource for finding in findings}
