"""Which rules a run asks, and with which parameters: ``--profile``, ``--select`` with other tools' ids, ``--set``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azkvlint.engine.rule_selection import select_rules
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.engine.schema import PROFILES

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

RULES = builtin_rules()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_asks_its_rules(profile: str) -> None:
    asked = select_rules(RULES, (), (), (profile,))
    assert {rule.profile for rule in RULES} & set(PROFILES[profile]) == {rule.profile for rule in asked}
    assert (profile == "all") <= (len(asked) == len(RULES))


@pytest.mark.parametrize("word", ["CKV_AZURE_110", "ckv_azure_110", "AZU-0016", "AVD-AZU-0016", "purge-protection"])
def test_another_tools_id_selects_the_rule_that_answers_it(kvlint: Kvlint, word: str) -> None:
    ran = kvlint("check", "bad.json", "--select", word, "-q")
    assert ran.code == 1
    assert " KV001 " in ran.out
    assert kvlint("explain", word).out.startswith("KV001 purge-protection")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--profile strikt", "there is no profile 'strikt' (one of default, strict, cmk, all)"),
        ("--profile ,", "--profile names no profile (default, strict, cmk or all)"),
        ("--set KV003", "--set KV003: RULE.parameter=value was expected (such as KV003.minimum=30)"),
        ("--set XV003.minimum=1", "--set: there is no rule called 'XV003' (did you mean KV003?)"),
        ("--set KV001.minimum=1", "--set: there is no parameter of KV001 called 'minimum' (it has none)"),
        ("--set KV003.minimun=1", "--set: there is no parameter of KV003 called 'minimun' (did you mean minimum?)"),
        ("--select CKV_AZURE_111O", "no rule is called 'CKV_AZURE_111O' (did you mean CKV_AZURE_111?)"),
    ],
)
def test_wrong_use(kvlint: Kvlint, line: str, said: str) -> None:
    assert kvlint("bad.json", *line.split()) == (2, "", f"kvlint: {said}\n")


def test_a_value_must_be_of_the_parameters_type(kvlint: Kvlint) -> None:
    ran = kvlint("bad.json", "--set", "KV003.minimum=soon")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("kvlint: --set KV003.minimum=soon: a number was expected (")


def test_a_parameter_that_is_set_decides(kvlint: Kvlint) -> None:
    command = ("bad.json", "--select", "KV003", "-q")
    assert kvlint(*command, "--set", "KV003.minimum=7").code == 0
    assert kvlint(*command, "--set", "kv003.minimum=91").code == 1
