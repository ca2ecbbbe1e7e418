"""Five regressions and their reverses in Terraform, Bicep and plans: five worse, five better, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.difference.conftest import Compared, Diff
from tests.difference.inputs import (
    BICEP,
    IN_BICEP,
    IN_TERRAFORM,
    REGRESSIONS,
    TERRAFORM,
    encoded,
    plan_with,
    reverse,
    unchanged_plan,
)


def terraform(diff: Diff, *names: str) -> tuple[Compared, Compared]:
    text = TERRAFORM
    for name in names:
        text = IN_TERRAFORM[name](text)
    base, head = diff.write("base", {"main.tf": TERRAFORM}), diff.write("head", {"main.tf": text})
    return diff.compare(base, head), diff.compare(head, base)


def bicep(diff: Diff, *names: str) -> tuple[Compared, Compared]:
    text = BICEP
    for name in names:
        text = IN_BICEP[name](text)
    base, head = diff.write("base", {"main.bicep": BICEP}), diff.write("head", {"main.bicep": text})
    return diff.compare(base, head), diff.compare(head, base)


def plan(diff: Diff, *names: str) -> tuple[Compared, Compared]:
    worse, better = encoded(plan_with(*names)), encoded(reverse(plan_with(*names)))
    return diff.compare(diff.write("worse.json", worse)), diff.compare(diff.write("better.json", better))


def plans(diff: Diff, *names: str) -> tuple[Compared, Compared]:
    base, head = diff.write("base.json", encoded(unchanged_plan())), diff.write("head.json", encoded(plan_with(*names)))
    return diff.compare(base, head), diff.compare(head, base)


LANGUAGES: dict[str, Callable[..., tuple[Compared, Compared]]] = {
    "terraform": terraform,
    "bicep": bicep,
    "plan": plan,
    "plans": plans,
}


def names_of(compared: Compared, state: str) -> list[tuple[str, str]]:
    return [(rule, resource.removeprefix("azurerm_key_vault.")) for rule, resource in compared.findings(state)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", REGRESSIONS)
def test_one_regression_is_one_new_finding_and_its_reverse_one_resolved_finding(
    name: str, language: str, diff: Diff
) -> None:
    worse, better = LANGUAGES[language](diff, name)
    assert (worse.code, worse.counts, names_of(worse, "new")) == (1, {"new": 1}, [REGRESSIONS[name]])
    assert (better.code, better.counts, names_of(better, "gone")) == (0, {"gone": 1}, [REGRESSIONS[name]])


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_regressions_are_five_new_findings(language: str, diff: Diff) -> None:
    worse, better = LANGUAGES[language](diff, *REGRESSIONS)
    assert (worse.counts, names_of(worse, "new")) == ({"new": 5}, sorted(REGRESSIONS.values()))
    assert (better.counts, names_of(better, "gone")) == ({"gone": 5}, sorted(REGRESSIONS.values()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_unchanged_input_has_no_differences(language: str, diff: Diff) -> None:
    for compared in LANGUAGES[language](diff):
        assert (compared.code, compared.counts) == (0, {})
