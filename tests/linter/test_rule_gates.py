"""Each gate finds what it is there for, in a rule that passes all of them otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_gates import faults_of
from azkvlint.model.rule import All, Example, Rule

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


FIRST = RULE.examples[0]
PLACE = f"{RULE.path}:{FIRST.line}: fails ({FIRST.title})"


def test_a_rule_without_faults() -> None:
    assert list(faults_of([RULE])) == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (changed(title="x" * 91), f"{RULE.path}: KV010: title has 91 characters, and may have 90"),
        (changed(message="'{resource}' " + "x" * 119), "message has 122 characters without its placeholders"),
        (changed(message="It is wrong."), "message does not name the resource: '{resource}'"),
        (changed(why="TODO: why"), "why still has the placeholder TODO"),
        (example(0, title="TODO fails"), "its title still has the placeholder TODO"),
        (example(0, sources={"bicep": "// TODO"}), f"{PLACE}, bicep: it still has the placeholder TODO"),
        (changed(references=()), "references has no source"),
        (changed(covers=()), "covers names no idea of docs/ideas.yaml, such as NET-01"),
        (changed(cwe=(12345,)), "CWE-12345 is no weakness of the list of CWE"),
        (changed(resources=("Microsoft.KeyVault/valuts",)), "no reader knows the type Microsoft.KeyVault/valuts"),
        (without("terraform", "unknown"), "an example that is unknown is missing in terraform"),
        (without("terraform", "fails"), "an example that fails is missing in terraform"),
        (changed(examples=RULE.examples[:1]), "passes: examples in two languages are needed, there are: none"),
        (example(1, title=FIRST.title), f"{PLACE}: another example has the same title"),
        (
            example(1, sources=FIRST.sources),
            f"{RULE.path}:{RULE.examples[1].line}: fails ({RULE.examples[1].title}), terraform: another example has",
        ),
        (
            changed(require=All(()), when=All(())),
            "in no example that fails does an unknown value make the result unknown",
        ),
        (changed(examples=RULE.examples[:1]), "no example notices this change"),
    ],
)
def test_gates_find(rule: Rule, fault: str) -> None:
    assert [text for text in map(str, faults_of([rule])) if fault in text]


def test_two_rules_of_one_id() -> None:
    found = [str(fault) for fault in faults_of([RULE, RULE])]
    assert found == [
        f"{RULE.path}: KV010: another rule has the same {name}" for name in ("id", "name", "title") for _ in "ab"
    ]


def test_users_need_neither_ideas_nor_known_types() -> None:
    assert list(faults_of([changed(id="ACME-10", covers=(), resources=RULE.resources)])) == []
