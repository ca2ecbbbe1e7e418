"""Blocks of findings with one cause, and the unknown results that the summary counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.location import Location
from azkvlint.model.rule import Severity
from azkvlint.reporters.grouping import fold, is_minor

if TYPE_CHECKING:
    from tests.reporters.conftest import Make


def test_findings_that_differ_only_in_the_resource_are_one_block(make_finding: Make) -> None:
    first = make_finding()
    second = make_finding(resource="kv-b", arguments=("kv-b", "purge_protection_enabled", "false"))
    other = make_finding(arguments=("kv", "purge_protection_enabled", "null"))
    blocks = fold([first, second, other])
    assert [(block.finding, block.others) for block in blocks] == [(first, [second]), (other, [])]


def test_the_same_cause_is_folded_on_the_same_resource_only(make_rule: Make, make_finding: Make) -> None:
    follower = make_rule(id="KV307", same_cause=("KV001",))
    leader, same = make_finding(), make_finding(rule=follower)
    elsewhere = make_finding(rule=follower, resource="kv-b")
    blocks = fold([same, leader, elsewhere])
    assert [(block.finding, block.same_cause) for block in blocks] == [(leader, [same]), (elsewhere, [])]


def _about(address: str) -> tuple[Evidence, ...]:
    at = Location(path="main.tf", address=address)
    return (Evidence(outcome=Outcome.FAIL, found="false", expected="true", negated="", at=at),)


def test_the_same_cause_is_folded_on_the_resource_that_decided_the_result(make_rule: Make, make_finding: Make) -> None:
    follower = make_rule(id="KV307", same_cause=("KV001",))
    leader = make_finding()
    of_policy = make_finding(rule=follower, resource="policy", evidence=_about(leader.resource))
    of_other = make_finding(rule=follower, resource="policy-b", evidence=_about("kv-b"))
    blocks = fold([of_policy, leader, of_other])
    assert [(block.finding, block.same_cause) for block in blocks] == [(leader, [of_policy]), (of_other, [])]


@pytest.mark.parametrize(
    ("category", "severity", "minor"),
    [
        ("network", Severity.HIGH, False),
        ("secrets", Severity.LOW, False),
        ("hygiene", Severity.LOW, True),
        ("correctness", Severity.MEDIUM, True),
    ],
)
def test_only_names_limits_and_syntax_are_minor(
    make_rule: Make, make_finding: Make, category: str, severity: Severity, minor: bool
) -> None:
    rule = make_rule(category=category, severity=severity)
    assert is_minor(make_finding(rule=rule, outcome=Outcome.UNKNOWN)) is minor
