"""Each gate finds what it is there for, in a rule that passes all of them otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_gates import faults_of
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, Example, Linked, Not, Rule
from azkvlint.model.value import path_of

RULE = next(rule for rule in builtin_rules() if rule.id == "KV010")


def changed(**fields: Any) -> Rule:
    return msgspec.structs.replace(RULE, **fields)


def example(at: int, **fields: Any) -> Rule:
    examples = list(RULE.examples)
    examples[at] = msgspec.structs.replace(examples[at], **fields)
    return changed(examples=tuple(examples))


def without(language: str, expect: str) -> Rule:
    def left(one: Example) -> Example:
        sources = {name: text for name, text in one.sources.items() if name != language}
        return msgspec.structs.replace(one, sources=sources) if one.expect == expect else one

    return changed(examples=tuple(map(left, RULE.examples)))


def _comparing(name: str) -> tuple[Condition, ...]:
    """Conditions that compare an attribute of the resource, of a linked one, and inside other conditions."""
    one = AttributeCondition(path=path_of(name), text=name, operator="equals", operand="Deny")
    linked = Linked(direction="links_to", types=("Microsoft.KeyVault/vaults",), via="id", where=one)
    return one, linked, Not(of=All((AnyOf((linked,)),)))


FIRST, SECOND = RULE.examples[:2]
PLACE = f"{RULE.path}:{FIRST.line}: fails ({FIRST.title})"


def test_valid_rule_passes_the_gates() -> None:
    assert list(faults_of([RULE])) == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (changed(title="x" * 71), f"{RULE.path}: KV010: title has 71 characters; the maximum is 70"),
        (changed(message="{resource} " + "x" * 100), "message has 101 characters without placeholders"),
        (changed(fixes={"": "x" * 89}), "the first sentence of the fix () has 89 characters; the maximum is 88"),
        (
            changed(title="Vaults are safe", category="access"),
            "title does not have the form <Resources> should <state>",
        ),
        (changed(message="It is wrong"), "message does not name the resource: {resource}"),
        (changed(why="TODO: why"), "why contains the placeholder TODO"),
        (example(0, title="TODO fails"), "the title contains the placeholder TODO"),
        (example(0, sources={"bicep": "// TODO"}), f"{PLACE}, bicep: the example contains the placeholder TODO"),
        (changed(references=()), "references is empty"),
        (changed(covers=()), "covers is empty; list IDs of docs/ideas.yaml such as NET-01"),
        (changed(cwe=(12345,)), "CWE-12345 is not a valid CWE ID"),
        (
            changed(resources=("Microsoft.KeyVault/valuts",)),
            "type `Microsoft.KeyVault/valuts` is not supported by any reader",
        ),
        (without("terraform", "unknown"), "an example with an unknown result is missing for Terraform"),
        (without("terraform", "fails"), "an example that fails is missing for Terraform"),
        (changed(examples=RULE.examples[:1]), "passes: examples in two languages are required; found: none"),
        (example(1, title=FIRST.title), f"{PLACE}: another example has the same title"),
        (
            example(1, sources=FIRST.sources),
            f"{RULE.path}:{SECOND.line}: {SECOND.expect} ({SECOND.title}), terraform: another example has",
        ),
        (
            changed(require=All(()), when=All(())),
            "no example that fails becomes unknown when one of its values is unknown",
        ),
        (changed(examples=RULE.examples[:1]), "no example detects this change"),
        *(
            (changed(require=condition), f"a condition compares `{name}`, which other settings override")
            for name in (
                "properties.networkAcls.bypass",
                "properties.NETWORKACLS.defaultAction",
                "properties.publicNetworkAccess",
            )
            for condition in _comparing(name)
        ),
    ],
)
def test_gates_report_a_fault(rule: Rule, fault: str) -> None:
    assert [text for text in map(str, faults_of([rule])) if fault in text]


def test_duplicate_rule_ids_are_reported() -> None:
    found = [str(fault) for fault in faults_of([RULE, RULE])]
    assert found == [
        f"{RULE.path}: KV010: another rule has the same {name}" for name in ("id", "name", "title") for _ in "ab"
    ]


def test_custom_rules_require_no_ideas_and_no_known_types() -> None:
    assert list(faults_of([changed(id="ACME-10", covers=(), resources=RULE.resources)])) == []
