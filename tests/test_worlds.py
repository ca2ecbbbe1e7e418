"""Generated roots: results on what defaults disable are true in the world of their condition, and none is missing."""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.worlds import planted
from tests.worlds.comparison import Result, compare, compare_options, reports_of, truth_of, with_values
from tests.worlds.generator import case_of, make_case
from tests.worlds.model import Scope, products
from tests.worlds.reports import SELECTED, CheckOptions, Finding, Report, run, split

pytestmark = pytest.mark.slow(8)

LANGUAGES = ("tf", "bicep", "arm")
# Roots in each language. KVLINT_WORLD_SEEDS sets another number, such as 200.
SEEDS = int(os.environ.get("KVLINT_WORLD_SEEDS", "20"))
# The largest share of comparisons that are unknown although the truth is decided.
_MOST_UNDECIDED = 0.02


@pytest.mark.parametrize("language", LANGUAGES)
def test_results_are_true_in_the_world_of_their_condition(language: str, tmp_path: Path) -> None:
    total = Result()
    for seed in range(SEEDS):
        total.merge(compare(tmp_path / str(seed), make_case(seed, language)))
    assert not total.faults(), "\n".join(total.faults())
    undecided, agreed = total.undecided(), total.agreed
    assert len(undecided) <= _MOST_UNDECIDED * agreed.total(), "\n".join(undecided)
    assert agreed["a finding that is not false in the world of its condition"] > SEEDS
    assert agreed["a finding that the values of its condition keep"] > SEEDS
    assert agreed["skipped, exists nowhere"] or SEEDS < 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_comparison_detects_planted_faults(language: str) -> None:
    kinds: Counter[str] = Counter()
    for seed in range(min(SEEDS // 4, 20)):
        case = make_case(seed, language)
        truth, chance = truth_of(case.root), random.Random(seed)
        perfect = planted.perfect(case, truth)
        assert planted.faults(case, perfect) == []
        changed = dict(planted.with_faults(chance, perfect))
        for kind, document in (
            ("an untrue finding", planted.with_untrue_findings(case, truth, perfect)),
            ("no finding", planted.without_finding(chance, case, truth, perfect)),
        ):
            changed |= {kind: document} if document is not None else {}
        for kind, document in changed.items():
            assert planted.faults(case, document), (seed, kind)
            kinds[kind] += 1
    assert {"no condition", "skipped", "an untrue finding", "no finding"} <= kinds.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_options_with_the_values_of_a_condition_keep_its_results(language: str, tmp_path: Path) -> None:
    total = Result()
    for seed in range(SEEDS // 4):
        total.merge(compare_options(tmp_path / str(seed), make_case(seed, language)))
    assert not total.faults(), "\n".join(total.faults())
    assert total.agreed["a finding that the values of its condition keep"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_skipped_resource_exists_with_no_values_of_boolean_inputs(language: str, tmp_path: Path) -> None:
    skipped = 0
    for seed in range(SEEDS // 2):
        case = make_case(seed, language)
        inputs = [each for each in case.root.scope.inputs if each.type == "bool" and each in case.free()]
        assignments = list(products({each.name: [False, True] for each in inputs}))
        without = reports_of(tmp_path / str(seed), {"r0": case})["r0"].skipped.keys()
        if not without or not inputs or len(assignments) > 8:
            continue
        cases = {f"r{number}": with_values(case, values) for number, values in enumerate(assignments)}
        for report in reports_of(tmp_path / f"{seed}-values", cases).values():
            exists = {decl for decl, condition in report.evaluated.items() if not condition}
            assert not exists & without, seed
        skipped += len(without)
    assert skipped or SEEDS < 60


def results_of(report: Report) -> object:
    """Return the results and declarations of a report, without order."""
    findings = {(each.decl, each.rule, each.message, str(each.condition)) for each in report.findings}
    return findings, report.unknown, report.evaluated, report.skipped, sorted(report.problems)


def reverse(scope: Scope) -> None:
    """Reverse the declarations of a root or module, and of the modules that it calls."""
    scope.decls.reverse()
    scope.calls.reverse()
    for each in scope.calls:
        reverse(each.scope)


@pytest.mark.parametrize("language", LANGUAGES)
def test_results_do_not_depend_on_the_order_of_declarations(language: str, tmp_path: Path) -> None:
    cases = {f"r{seed}": make_case(seed, language) for seed in range(SEEDS // 2)}
    other = copy.deepcopy({name: case.root for name, case in cases.items()})
    for root in other.values():
        reverse(root.scope)
    reversed_cases = {name: case_of(root, cases[name].seed) for name, root in other.items()}
    before, after = reports_of(tmp_path / "1", cases), reports_of(tmp_path / "2", reversed_cases)
    for name, report in before.items():
        assert results_of(report) == results_of(after[name]), (language, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_results_do_not_depend_on_the_selected_rules(language: str, tmp_path: Path) -> None:
    cases = {f"r{seed}": make_case(seed, language) for seed in range(SEEDS // 4)}
    whole = reports_of(tmp_path, cases)
    for rule in SELECTED:
        alone = split(run(tmp_path, CheckOptions(select=(rule,))), cases)
        for name, report in alone.items():
            findings = [each for each in whole[name].findings if each.rule == rule]
            unknown = {key: why for key, why in whole[name].unknown.items() if key[1] == rule}
            assert by_decl(report.findings) == by_decl(findings), (language, name, rule)
            assert report.unknown == unknown, (language, name, rule)


def by_decl(findings: list[Finding]) -> list[tuple[object, ...]]:
    """Return findings in the order of declarations and conditions."""
    return sorted((each.decl, str(each.condition), each.message) for each in findings)


def test_a_seed_makes_one_root() -> None:
    for language in LANGUAGES:
        assert make_case(5, language).files == make_case(5, language).files
