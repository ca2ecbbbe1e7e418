"""Generated code grants what the access policies of random deployments do, as other parsers read it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.migration import before_and_after, deployments
from tests.migration.evaluator import evaluate

pytestmark = pytest.mark.slow(8)

SEEDS = range(10)
LANGUAGES = ("terraform", "bicep")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_permission_is_lost_and_none_is_unlisted(seed: int, language: str) -> None:
    found = deployments.compared(seed, language)
    assert found.differences == [], found.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_policies_are_replaced(language: str) -> None:
    found = [deployments.compared(seed, language).statuses for seed in SEEDS]
    replaced = sum(one["replaced"] for one in found)
    assert replaced > sum(one.total() for one in found) * 0.8


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("each.value.key == 0", "each.key == 0", "lost: "),
        ('role_definition_name = "Key Vault', 'role_definition_name = "Key Vault Administrator" #', "unlisted: "),
        ("] : key => value", "] : value => value", "rejected: "),
    ],
)
def test_wrong_code_is_found(before: str, after: str, difference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*words: Any) -> Any:
        report = before_and_after.migration(*words)
        for code in report["code"]:
            code["text"] = code["text"].replace(before, after)
        return report

    monkeypatch.setattr(deployments, "migration", wrong)
    found = [line for seed in range(30) for line in deployments.compared(seed, "terraform").differences]
    assert any(line.startswith(difference) for line in found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{ for key, value in ["a", "b"] : key => value if key > 0 }', {"1": "b"}),
        ('[for one in toset(["b", "b"]) : { id = one }]', [{"id": "b"}]),
        ('"x-${var.a[0].id}"', "x-7"),
        ("!(var.a == var.a) ? 1 : 2", 2),
    ],
)
def test_expressions_of_generated_code_are_evaluated(text: str, value: object) -> None:
    assert evaluate(text, {"var": {"a": [{"id": "7"}]}}) == value


@pytest.mark.parametrize("text", ["{ for one in [{ a = 1 }] : one => one }", '{ for one in ["a", "a"] : one => one }'])
def test_keys_that_terraform_rejects_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        evaluate(text, {})
