"""The rules that come with kvlint: their examples, one test each, and what holds for all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.derived.consumers import PATHS
from azkvlint.derived.services import SERVICES
from azkvlint.engine.rule_selection import chosen
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import Result, run_examples
from azkvlint.model.rule import All, AnyOf, Condition, Items, Linked, Not, Rule

RULES = builtin_rules()
BY_ID = {rule.id: rule for rule in RULES}
RESULTS = list(run_examples(RULES))
# What the first version promises to answer; other ideas may be covered besides.
NUMBERS = {
    "NET": (1, 2, 3, 4, 8),
    "REC": (1, 2, 3),
    "LOG": (1,),
    "DPA": (1, 2, 3),
    "CPR": (1, 3),
    "KEY": (1, 5, 8),
    "SEC": (1, 2),
    "CRT": (1,),
    "HSM": (1,),
    "NEW": (1, 5, 11, 12, 19, 20, 21, 22, 24, 26, 31, 32),
}
IDEAS = [f"{theme}-{number:02}" for theme, numbers in NUMBERS.items() for number in numbers]
NO_RESOURCES = {
    "terraform/providers",
    "terraform/modules",
    "terraform/outputs",
    "terraform/arguments",
    "terraform/reads",
    "microsoft.resources/deployments/outputs",
}
ONLY_IN_TEMPLATES = {
    "microsoft.appconfiguration/configurationstores/keyvalues",
    "microsoft.web/sites/config",
    "microsoft.web/sites/slots/config",
    "microsoft.resources/deploymentscripts",
    "microsoft.compute/virtualmachines",
    "microsoft.compute/virtualmachines/extensions",
}


def name_of(result: Result) -> str:
    return f"{result.rule.id}-{result.example.expect}-{result.example.title}-{result.language}"


@pytest.mark.parametrize("result", RESULTS, ids=name_of)
def test_example(result: Result) -> None:
    assert not result.faults


def test_every_example_is_run() -> None:
    assert len(RESULTS) == sum(len(example.sources) for rule in RULES for example in rule.examples) > 150


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_show_every_outcome(rule: Rule) -> None:
    assert {example.expect for example in rule.examples} == {"fails", "passes", "undecided"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_show_every_outcome_in_terraform(rule: Rule) -> None:
    said = {example.expect for example in rule.examples if "terraform" in example.sources}
    assert said == {"fails", "passes", "undecided"}


# What only Terraform's source says, whose second language is JSON: ``lifecycle`` blocks stand in no plan, the version
# of a module is known in every plan, and Bicep and ARM have neither.
ONLY_IN_TERRAFORM = {("KV007", "fails"), ("KV057", "undecided"), ("KV060", "fails")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_show_every_outcome_in_two_languages(rule: Rule) -> None:
    for expect in ("fails", "passes", "undecided"):
        languages = {language for example in rule.examples if example.expect == expect for language in example.sources}
        if (rule.id, expect) not in ONLY_IN_TERRAFORM:
            languages.discard("terraform_json")
        assert len(languages) >= 2, expect


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_differ(rule: Rule) -> None:
    titles = Counter(example.title for example in rule.examples)
    sources = Counter(source for example in rule.examples for source in example.sources.values())
    assert max(titles.values()) == max(sources.values()) == 1


MOST_LINES_OF_A_FILE, MOST_LINES_OF_ALL = 250, 30_000


def test_rule_files_stay_short() -> None:
    files = sorted(Path(__file__).parents[1].joinpath("rules").rglob("*.yaml"))
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(files) >= len(RULES)
    assert not {name: count for name, count in lines.items() if name[:2] == "KV" and count > MOST_LINES_OF_A_FILE}
    assert sum(lines.values()) < MOST_LINES_OF_ALL


# --- rules about rules ------------------------------------------------------------------------------------------------


def test_ids_names_and_titles_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert len({rule.name for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("idea", IDEAS)
def test_every_promised_idea_is_covered(idea: str) -> None:
    assert [rule.id for rule in RULES if idea in rule.covers]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_where_it_comes_from_and_whom_it_answers(rule: Rule) -> None:
    assert rule.covers
    assert rule.references
    assert all(re.fullmatch("[0-9]{1,4}", str(weakness)) for weakness in rule.cwe)
    assert rule.path == f"rules/{rule.path.split('/')[1]}/{rule.id}-{rule.name}.yaml"


def test_messages_name_the_resource_and_how_it_is() -> None:
    for rule in RULES:
        assert "'{resource}'" in rule.message


def test_the_default_profile_is_all_that_runs_unasked() -> None:
    assert {rule.profile for rule in chosen(RULES, (), ())} == {"default"}


# --- consumers of customer-managed keys -------------------------------------------------------------------------------


def linked(condition: Condition) -> Iterator[Linked]:
    """Every condition about other resources inside a condition."""
    match condition:
        case Linked(where=where):
            yield condition
            yield from linked(where)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from linked(part)
        case Not(of=part) | Items(where=part):
            yield from linked(part)


def feeds(fields: Mapping[str, Field], via: str) -> bool:
    return any(field.arm == via or feeds(field.fields, via) for field in fields.values())


def consumers() -> set[str]:
    """The types of which a table or a template can say which key they are encrypted with, in lower case."""
    ways = ("derived.keyId", "derived.keyIds", "derived.keyVaultId")
    tables = {mapped.type.lower() for mapped in RESOURCES.values() if any(feeds(mapped.fields, way) for way in ways)}
    return tables | set(PATHS)


@pytest.mark.parametrize("id_", ["KV004", "KV008", "KV909"])
def test_rules_about_key_consumers_know_them_all(id_: str) -> None:
    conditions = (BY_ID[id_].when, BY_ID[id_].require)
    links = [link for condition in conditions for link in linked(condition) if link.via.startswith("derived.key")]
    assert {type_.lower() for link in links for type_ in link.types} == consumers()


def test_rules_ask_only_for_types_that_something_can_be_of() -> None:
    known = {mapped.type.lower() for mapped in RESOURCES.values()} | set(PATHS) | NO_RESOURCES | ONLY_IN_TEMPLATES
    known |= {type_.lower() for type_ in SERVICES}
    for rule in RULES:
        types = {
            *rule.resources,
            *(type_ for c in (rule.when, rule.require) for link in linked(c) for type_ in link.types),
        }
        assert {type_.lower() for type_ in types} <= known
