"""Which cause a finding has, and the sentence that tells it in a SARIF log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.location import Location
from azkvlint.model.value import Origin
from azkvlint.reporters.finding_cause import ABSENT, CAUSE_SENTENCES, DERIVED, EXPLICIT, cause, reason

if TYPE_CHECKING:
    from tests.reporters.conftest import Log, Make

KV, OTHER = "azurerm_key_vault.kv", "azurerm_monitor_diagnostic_setting.kv"
DEFAULT = "not set, and the default of API version 2026-02-01 is false"


def one(asked: str = "properties.a", found: str = "7", origin: Origin = Origin.WRITTEN, **more: Any) -> Evidence:
    at = Location(path="a.tf", address=more.pop("address", KV), attribute=more.pop("attribute", asked))
    return Evidence(
        outcome=Outcome.FAIL, found=found, attribute=asked, at=at, origin=origin, **{"expected": "at most 6"} | more
    )


WRITTEN = one()
MISSING = one(found="not set", origin=Origin.ABSENT)
DEFAULTED = one("properties.b", "false", Origin.DEFAULT, note=DEFAULT)
COMPANION = one(
    "", "none", Origin.ABSENT, expected="a Microsoft.Insights/diagnosticSettings whose scope is this resource"
)
WORKED_OUT = one(
    "derived.exposure", "world", Origin.DERIVED, attribute="properties.networkAcls", note="no rules are set"
)
ELSEWHERE = one("properties.logs", "not set", Origin.ABSENT, address=OTHER)
LINK = one("", "named by x", expected="not a link", address=OTHER)


@pytest.mark.parametrize(
    ("evidence", "name", "words"),
    [
        ((WRITTEN,), EXPLICIT, "properties.a is 7"),
        ((one(found="not set"),), EXPLICIT, "properties.a is not set"),  # that is the text somebody wrote
        ((WRITTEN, one("properties.c", "8")), EXPLICIT, "properties.a is 7; properties.c is 8"),
        ((MISSING,), ABSENT, "properties.a is not set"),
        ((DEFAULTED,), ABSENT, f"properties.b is {DEFAULT}"),
        ((MISSING, DEFAULTED), ABSENT, f"properties.a is not set; properties.b is {DEFAULT}"),
        ((one(origin=Origin.DEFAULT),), ABSENT, "properties.a is 7 by default"),
        (
            (one(origin=Origin.DEFAULT, note="the module m sends no false"),),
            ABSENT,
            "properties.a is 7 by default (the module m sends no false)",
        ),
        ((one(origin=Origin.KEPT),), ABSENT, "properties.a is 7 already"),
        ((COMPANION,), ABSENT, "there is no Microsoft.Insights/diagnosticSettings whose scope is this resource"),
        ((WORKED_OUT,), DERIVED, "derived.exposure is world, from properties.networkAcls (no rules are set)"),
        ((one("derived.exposure", "not set", Origin.ABSENT),), DERIVED, "derived.exposure is not set"),
        ((ELSEWHERE,), DERIVED, f"properties.logs of {OTHER} is not set"),
        ((LINK,), DERIVED, f"the link with {OTHER}"),
        ((one("", "x", expected="not a link"),), DERIVED, f"the link with {KV}"),
        ((WRITTEN, DEFAULTED), DERIVED, f"properties.a is 7; properties.b is {DEFAULT}"),
        (tuple(one(f"a{n}") for n in range(5)), EXPLICIT, "a0 is 7; a1 is 7; a2 is 7; and 2 more"),
        ((WRITTEN, WRITTEN), EXPLICIT, "properties.a is 7"),
        ((), DERIVED, "the parameters of the rule"),
    ],
)
def test_causes(make_finding: Make, evidence: tuple[Evidence, ...], name: str, words: str) -> None:
    finding = make_finding(evidence=evidence)
    assert (cause(finding), reason(finding)) == (name, words)


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (WRITTEN, "'kv' is bad. It is set so: 'properties.a is 7'."),
        (DEFAULTED, f"'kv' is bad. Nothing is set for it: 'properties.b is {DEFAULT}'."),
        (
            ELSEWHERE,
            f"'kv' is bad. It is worked out from other values: 'properties.logs of {OTHER} is not set'.",
        ),
    ],
)
def test_a_message_goes_on_with_its_cause(
    log: Log, make_rule: Make, make_finding: Make, make_report: Make, evidence: Evidence, text: str
) -> None:
    rule = make_rule(message="'{name}' is bad.")
    finding = make_finding(rule=rule, arguments=("kv",), evidence=(evidence,))
    (result,) = log(make_report(rules=(rule,), findings=(finding,)))["results"]
    assert result["message"]["text"] == text


def test_a_reason_that_the_message_says_is_not_said_again(
    log: Log, make_rule: Make, make_finding: Make, make_report: Make
) -> None:
    rule = make_rule(message="'{name}' is bad: '{because}'.")
    finding = make_finding(rule=rule, arguments=("kv", DEFAULT), evidence=(DEFAULTED,))
    (result,) = log(make_report(rules=(rule,), findings=(finding,)))["results"]
    assert result["message"]["text"] == f"'kv' is bad: '{DEFAULT}'. Nothing is set for it."
    assert result["message"]["arguments"] == ["kv", DEFAULT]


def test_every_rule_has_a_message_for_each_cause_with_and_without_links(log: Log, make_report: Make) -> None:
    names = [cause + links for cause in CAUSE_SENTENCES for links in ("", "-one-place", "-two-places")]
    for rule in log(make_report(rules=tuple(builtin_rules())))["tool"]["driver"]["rules"]:
        messages = {name: message["text"] for name, message in rule["messageStrings"].items()}
        assert list(messages) == names
        assert len(set(messages.values())) == len(names)
        for text in messages.values():
            assert "'{0}'" in text
            assert text.endswith(".")
            assert all(text[at.start() - 1] == "'" for at in re.finditer(r"\{\d", text))


def test_the_first_sentence_of_every_rule_names_the_resource() -> None:
    for rule in builtin_rules():
        first = re.split(r"\.\s", rule.message)[0]
        assert "'{resource}'" in first or "'{name}'" in first
