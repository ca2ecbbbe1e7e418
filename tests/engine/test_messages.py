"""The words of findings, and their fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from azkvlint.model.identity import fingerprints
from azkvlint.model.location import Location
from azkvlint.model.rule import AnyOf, Not
from azkvlint.model.value import Origin, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.engine.conftest import Build

VAULT = "Microsoft.KeyVault/vaults"
SECRET = "Microsoft.KeyVault/vaults/secrets"
SETTING = "Microsoft.Insights/diagnosticSettings"


def test_message_is_filled_with_values(build: Build) -> None:
    at = Location(path="plan.json", attribute="properties.x")
    because = Scalar(at=at, value=7, origin=Origin.DEFAULT, note="not set (default: 7)")
    rule = build.rule(
        build.attribute("derived.days", at_least=90),
        message="'{resource}' ('{name}'): '{attribute}' is '{value}', because '{because}' ('{value}').",
    )
    finding = build.finding(build.resource("m.kv", derived={"days": because}), rule)
    assert finding.message == (
        "'m.kv' ('m.kv'): 'properties.x' is '7', because '`properties.x` is not set (default: 7)' ('7')."
    )
    assert finding.arguments == ("m.kv", "m.kv", "properties.x", "7", "`properties.x` is not set (default: 7)")
    assert finding.at == Location(path="plan.json", address="m.kv", attribute="properties.x")


def test_braces_in_a_value_are_not_a_placeholder(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1), message="'{resource}' is '{value}'.")
    finding = build.finding(build.resource('kv["{value}"]', a="{resource} \\1 \\g<0>"), rule)
    assert finding.message == "'kv[\"{value}\"]' is '{resource} \\1 \\g<0>'."


def test_many_values_are_shortened_and_listed_once(build: Build) -> None:
    condition = build.items("every", "a", build.attribute("$", equals=1))
    rule = build.rule(condition, message="'{value}' at '{attribute}', '{because}'.")
    finding = build.finding(build.resource(a=[9, 8, 8, 7, 6, 5]), rule)
    assert finding.arguments[0] == "9, 8, 7 and 2 more"
    assert finding.arguments[1] == "a[0]`, `a[1]`, `a[2]"
    assert finding.arguments[2] == "`a[0]` is `9`, `a[1]` is `8`, `a[2]` is `8` and 3 more"
    assert len(finding.evidence) == 6


def test_a_missing_companion_has_no_attribute(build: Build) -> None:
    rule = build.rule(build.linked("linked_from", SETTING), message="'{value}' '{attribute}' '{because}'.")
    finding = build.finding(build.resource(), rule)
    assert finding.message == "'none' '' 'none'."
    assert finding.at == Location(path="plan.json", address="kv")


def test_missing_companion_is_left_out_beside_another_reason(build: Build) -> None:
    either = AnyOf((build.attribute("properties.x", equals=1), build.linked("linked_from", SETTING)))
    rule = build.rule(either, message="'{value}', '{because}'.")
    assert build.finding(build.resource(properties={"x": 2}), rule).message == "'2, none', '`properties.x` is `2`'."


def test_reason_names_the_linked_resources(build: Build) -> None:
    condition = Not(build.linked("linked_from", SECRET, via="parent"))
    rule = build.rule(condition, message="'{value}', '{because}'.")
    reference = build.reference("db", "parent", targets=("kv",))
    graph = build.graph(build.resource("kv"), build.resource("db", SECRET), references=(reference,))
    assert build.finding(graph, rule).arguments[1] == "db"


def test_unknown_result_names_the_unknown_attribute_and_its_resource(build: Build) -> None:
    rule = build.rule(build.linked("links_to", VAULT, where=build.attribute("p", equals=1)), resources=(SETTING,))
    graph = build.graph(
        build.resource("kv", p=build.unknown),
        build.resource("ds", SETTING),
        references=(build.reference("ds", targets=("kv",)),),
    )
    finding = build.finding(graph, rule)
    assert finding.why == "`kv.p` is known after apply, from var.x"
    assert finding.message == "ds: `kv.p` is known after apply, from var.x"
    assert [(note.text, note.at.address) for note in finding.related] == [
        ("kv: `p` is unknown: known after apply, from var.x", "kv")
    ]
    assert finding.at == Location(path="plan.json", address="ds")


def test_target_outside_of_the_input_with_an_unknown_id_is_described(build: Build) -> None:
    rule = build.rule(build.linked("links_to", VAULT, via="parent"), resources=(SETTING,))
    reference = build.reference("ds", "parent", outside=VAULT.lower(), value=build.unknown)
    finding = build.finding(build.graph(build.resource("ds", SETTING), references=(reference,)), rule)
    assert finding.message == "ds: the resource that `parent` refers to is outside the scanned files"


def test_unknown_results_without_explanation_are_counted(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1))
    verdicts = build.evaluate(build.resource(a=build.unknown), rule, explain=False)
    assert [(doubt.rule.id, doubt.resource) for doubt in verdicts.unknown] == [("ABC-1", "kv")]


@pytest.mark.parametrize("place", ["text", "parent", "name"])
def test_full_name_contains_no_secret(build: Build, place: str) -> None:
    hidden = Scalar(at=Location(path="p"), value="/s/g/vaults/correct-horse", sensitive=True)
    rule = build.rule(build.attribute("a", equals=1), message="'{name}' '{value}'.")
    finding = build.finding(build.resource(**{"parent" if place == "parent" else "a": hidden}), rule)
    assert "correct-horse" not in repr(finding)


def test_full_name_contains_the_parent(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1), resources=(SECRET,))
    vault = build.resource("kv")
    link = msgspec.structs.replace(build.link, target="kv")
    for parent, full in ((link, "kv/s"), ("/x/vaults/old/", "old/s"), (build.unknown, "s"), (build.link, "s")):
        secret = build.resource("s", SECRET, parent=parent)
        assert build.finding(build.graph(vault, secret), rule).full_name == full
    itself = msgspec.structs.replace(build.link, target="s")
    graph = build.graph(build.resource("s", SECRET, parent=itself))
    assert build.finding(graph, rule).full_name.startswith("s/s")  # a circle ends


# --- fingerprints -----------------------------------------------------------------------------------------------------


def fingerprint(rule_id: str, at: Location, callers: Sequence[Location] = ()) -> str:
    return fingerprints(rule_id, at, callers, "azurerm_key_vault").current


def test_fingerprints_depend_on_rule_resource_path_and_attribute() -> None:
    at = Location(path="plan.json", address="kv", attribute="a.b")
    others = [msgspec.structs.replace(at, **change) for change in ({"path": "p"}, {"address": "x"}, {"attribute": "a"})]
    marks = [fingerprint("KV001", at), fingerprint("KV002", at), *(fingerprint("KV001", other) for other in others)]
    assert len(set(marks)) == len(marks)
    assert marks[0] == fingerprint("KV001", msgspec.structs.replace(at, region=None))
    # GitHub knows an alert by it: it must not change from one release to the next.
    assert marks[0] == "f41772abdd4eaace34afe4b9a7d3743b"


def test_fingerprints_do_not_depend_on_the_order_of_items(build: Build) -> None:
    rule = build.rule(
        build.items("every", "policies", build.items("every", "keys", build.attribute("$", equals="get")))
    )
    good, bad = {"keys": ["get"]}, {"keys": ["get", "purge"]}
    one = build.finding(build.resource(policies=[good, bad]), rule)
    two = build.finding(build.resource(policies=[bad, good]), rule)
    assert (one.at.attribute, two.at.attribute) == ("policies[1].keys[1]", "policies[0].keys[1]")
    assert one.fingerprint == two.fingerprint


def test_path_that_is_not_unicode_has_a_fingerprint() -> None:
    assert len(fingerprint("KV001", Location(path="\udcff.json"))) == 32


def test_fingerprints_do_not_depend_on_instances_of_one_declaration() -> None:
    """Nor on who uses the module, in a text that declares all of them at once; a plan's entries are their own."""

    def mark(address: str, *callers: str, path: str = "leaf/main.tf", **more: Any) -> str:
        at = Location(path=path, address=address, attribute="a", **({"span": (1, 2)} | more))
        return fingerprint("KV001", at, [Location(path=caller) for caller in callers])

    one = mark("azurerm_key_vault.this", path="leaf/main.tf")
    assert mark('module.a["x.y"].module.leaf.azurerm_key_vault.this[0]', "main.tf", "mid/main.tf") == one
    assert mark('module.b.azurerm_key_vault.this["k"]', "main.tf") == one
    assert mark("module.a.azurerm_key_vault.that", "main.tf") != one
    # In the caller's file, what is called there belongs to the name.
    calls = [mark(f"module.x[0].module.{name}.azurerm_key_vault.this", "main.tf", "mid/main.tf", path="mid/main.tf")
             for name in "ab"]  # fmt: skip
    assert len({*calls, one}) == 3
    assert calls[0] == mark("module.y.module.a.azurerm_key_vault.this", "main.tf", "mid/main.tf", path="mid/main.tf")
    assert mark("outer.inner.vault", "main.bicep", "mid.bicep", path="v.bicep") == mark("vault", path="v.bicep")
    assert len({mark(f"kv[{key}]", span=None) for key in range(3)}) == 3
    assert mark("kv[0]", span=None, pointer=("a", 0)) == mark("kv[1]", span=None, pointer=("a", 0))
