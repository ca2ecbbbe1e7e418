"""Findings of many instances on one place: one result, and no instance lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.linter.group_instances import MAX_RELATED, group_findings, without_addresses
from azkvlint.model.finding import Evidence, Finding, Note, Outcome, Suppression
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.rule import All, Rule, Severity

VAULT = "Microsoft.KeyVault/vaults"


def rule(id_: str) -> Rule:
    return Rule(
        id=id_, name="a-rule", title="A rule", severity=Severity.HIGH, resources=(VAULT,), when=All(()),
        require=All(()), message="{resource} is wrong", why="", fixes={}, references=(), examples=(), path="r.yaml",
    )  # fmt: skip


RULES = {id_: rule(id_) for id_ in ("KV001", "KV002")}


def place(line: int | None = 1, path: str = "main.tf", **more: Any) -> Location:
    region = None if line is None else Region(line, 3, line, 9)
    return Location(path=path, region=region, **more)


def finding(address: str = "kv", **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "rule": RULES["KV001"],
        "outcome": Outcome.FAIL,
        "message": f"'{address}' is wrong.",
        "arguments": (address,),
        "resource": address,
        "full_name": address,
        "type": VAULT,
        "declared_as": "azurerm_key_vault",
        "at": place(address=address),
        "fingerprint": "f",
        "root": "infra",
    }
    return Finding(**given | changes)


addresses = st.sampled_from(["kv", "kv[0]", "kv[10]", 'kv["a"]', "module.m.kv"])
places = st.builds(
    place,
    st.sampled_from([1, 2, None]),
    st.sampled_from(["main.tf", "other.tf"]),
    attribute=st.sampled_from([None, "a", "b[0]", "b[1]"]),
    cause=st.sampled_from([None, place(7)]),
    span=st.sampled_from([None, (1, 2), (3, 4)]),
)
notes = st.builds(lambda line, text: Note(text=text, at=place(line)), st.integers(1, 30), st.sampled_from("xy"))
findings = st.lists(
    st.builds(
        lambda address, at, **more: finding(address, at=msgspec.structs.replace(at, address=address), **more),
        addresses,
        places,
        rule=st.sampled_from(list(RULES.values())),
        outcome=st.sampled_from([Outcome.FAIL, Outcome.UNKNOWN]),
        message=st.sampled_from(["one", "two"]),
        root=st.sampled_from(["a", "b"]),
        related=st.lists(notes, max_size=25).map(tuple),
        evidence=st.sampled_from(
            [(), (Evidence(outcome=Outcome.FAIL, found="x", expected="y", negated="", at=place()),)]
        ),
        suppressed=st.sampled_from([None, Suppression(kind="inSource", justification="x", at=place(9))]),
        source=st.sampled_from(["", "plan"]),
    ),
    max_size=12,
)


@given(findings)
def test_grouping_twice_changes_nothing(given: list[Finding]) -> None:
    once = group_findings(given)
    assert group_findings(once) == once


@given(findings, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(given: list[Finding], random: Any) -> None:
    other = list(given)
    random.shuffle(other)
    assert group_findings(other) == group_findings(given)


@given(findings)
def test_grouping_keeps_every_instance_once(given: list[Finding]) -> None:
    told = {
        (one.rule.id, one.outcome, one.at.path, o.root, o.address, o.message)
        for one in group_findings(given)
        for o in one.occurrences
    }
    assert told == {(one.rule.id, one.outcome, one.at.path, one.root, one.resource, one.message) for one in given}


@given(findings)
def test_a_finding_is_about_its_first_occurrence(given: list[Finding]) -> None:
    for one in group_findings(given):
        first = one.occurrences[0]
        assert list(one.occurrences) == sorted(set(one.occurrences))
        assert (first.root, first.address, first.message) == (one.root, one.resource, one.message)
        assert len(one.related) <= max(MAX_RELATED + 1, *(len(other.related) for other in given))


@given(findings)
def test_no_two_share_rule_place_and_attribute(given: list[Finding]) -> None:
    keys = [
        (one.rule.id, one.outcome, one.at.position_key, one.at.attribute, one.suppressed is None)
        for one in group_findings(given)
    ]
    assert len(set(keys)) == len(keys)


def test_instances_on_one_line_are_one_finding() -> None:
    (one,) = group_findings([finding('kv["b"]'), finding('kv["a"]'), finding('kv["c"]')])
    assert [occurrence.address for occurrence in one.occurrences] == ['kv["a"]', 'kv["b"]', 'kv["c"]']
    assert (one.resource, one.arguments) == ('kv["a"]', ('kv["a"]',))


def test_findings_without_a_region_are_not_grouped() -> None:
    entries = [finding(address, at=Location(path="plan.json", address=address)) for address in ("kv[0]", "kv[1]")]
    assert len(group_findings(entries)) == 2
    assert len(group_findings([*entries, *entries])) == 2


def test_the_same_through_several_parameter_files_is_one_occurrence() -> None:
    (one,) = group_findings([finding(), finding()])
    assert len(one.occurrences) == 1
    (two,) = group_findings([finding(), finding(message="'kv' is wrong in another way.")])
    assert len(two.occurrences) == 2


def test_items_of_a_list_at_one_location_are_one_finding() -> None:
    at = place(attribute="policies[0].secrets[1]"), place(attribute="policies[1].secrets[0]")
    assert len(group_findings([finding("a", at=at[0]), finding("b", at=at[1])])) == 1
    assert len(group_findings([finding("a", at=at[0]), finding("b", at=place(attribute="policies"))])) == 2


def test_suppressed_findings_are_grouped_by_suppression() -> None:
    reasons = [Suppression(kind="inSource", justification="x", at=place(line)) for line in (7, 7, 8)]
    given = [finding(f"kv[{number}]", suppressed=reason) for number, reason in enumerate(reasons)]
    assert sorted(len(one.occurrences) for one in group_findings([*given, finding("kv[9]")])) == [1, 1, 2]


@pytest.mark.parametrize(("more", "told"), [(1, "and 1 more place"), (10, "and 10 more places")])
def test_related_places_are_united_and_the_rest_is_counted(more: int, told: str) -> None:
    calls = [Note(text="called here", at=place(line)) for line in range(1, MAX_RELATED + more + 1)]
    given = [finding(f"kv[{number:02}]", related=(call, calls[0])) for number, call in enumerate(calls)]
    (one,) = group_findings(given)
    assert list(one.related[:-1]) == calls[:MAX_RELATED]
    assert one.related[-1].text == told
    assert group_findings([one]) == (one,)


def test_they_come_by_path_line_column_and_rule() -> None:
    at = [place(2), place(1), place(1, "a.tf"), Location(path="a.tf", address="x")]
    given = [finding(at=one, rule=RULES[id_]) for one in at for id_ in ("KV002", "KV001")]
    found = [(one.at.path, one.at.region and one.at.region.start_line, one.rule.id) for one in group_findings(given)]
    assert found == [
        (path, line, id_)
        for path, line in (("a.tf", None), ("a.tf", 1), ("main.tf", 1), ("main.tf", 2))
        for id_ in ("KV001", "KV002")
    ]


def test_group_comes_from_a_plan_only_if_all_its_findings_do() -> None:
    (one,) = group_findings([finding("a", source="plan"), finding("b", source="plan")])
    (two,) = group_findings([finding("a", source="plan"), finding("b")])
    assert (one.source, two.source) == ("plan", "")


def test_source_findings_of_addresses_in_a_plan_are_removed() -> None:
    given = [finding(address) for address in ('module.m["x"].kv["a"]', "module.m.kv", "kv[0]", "module.n.kv")]
    left = without_addresses(given, frozenset({"module.m.kv", "kv"}))
    assert [one.resource for one in left] == ["module.n.kv"]


def test_instance_keys_are_removed_from_addresses() -> None:
    assert static_address('module.a["x.\\"]y"].kv.b[0]') == "module.a.kv.b"
    assert static_address('kv["]["]') == "kv"
    assert static_address("loop[*].kv") == "loop.kv"
    assert static_address("vaults/{variables('x')[name]}") == "vaults/{variables('x')[name]}"
