"""From rules and a graph to findings: who is judged, what is said, and what never changes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvlint.engine.demand import demand_of, is_local
from kvlint.engine.evaluate import RULE_CRASHED, Verdicts
from kvlint.engine.message import fingerprint
from kvlint.engine.operators import OPERATORS
from kvlint.model.graph import Resource, ResourceGraph
from kvlint.model.report import Outcome
from kvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Linked, Not, Rule
from kvlint.model.source import Location
from kvlint.model.value import MapValue, Scalar

if TYPE_CHECKING:
    from tests.engine.conftest import Build

VAULT = "Microsoft.KeyVault/vaults"
SECRET = "Microsoft.KeyVault/vaults/secrets"
SETTING = "Microsoft.Insights/diagnosticSettings"


def told(verdicts: Verdicts) -> list[tuple[str, str, str]]:
    """Every finding and doubt, in short."""
    return [(f.rule.id, f.outcome.label, f.resource) for f in verdicts.findings + verdicts.undecided]


# --- who is judged ----------------------------------------------------------------------------------------------------


def test_types_are_compared_without_case_and_each_resource_is_asked_once(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1), resources=(VAULT, VAULT.upper(), SECRET))
    graph = build.graph(
        build.resource("one", VAULT.lower()), build.resource("two", SECRET), build.resource("three", SETTING)
    )
    verdicts = build.evaluate(graph, rule)
    assert told(verdicts) == [("ABC-1", "fail", "one"), ("ABC-1", "fail", "two")]
    assert verdicts.judged == {VAULT.lower(): 1, SECRET: 1}


def test_what_is_only_read_is_not_judged(build: Build) -> None:
    verdicts = build.evaluate(build.resource(existing=True), build.rule(build.attribute("a", equals=1)))
    assert (told(verdicts), verdicts.judged, verdicts.passed) == ([], {}, 0)


@pytest.mark.parametrize("action", ["delete", "forget"])
def test_what_is_removed_is_asked_only_by_rules_that_ask_for_it(build: Build, action: str) -> None:
    condition = build.attribute("a", equals=1)
    rules = build.rule(condition), build.rule(condition, id="ABC-2", also_removed=True)
    verdicts = build.evaluate(build.resource(action=action), *rules)
    assert told(verdicts) == [("ABC-2", "fail", "kv")]
    assert verdicts.judged == {}
    assert told(build.evaluate(build.resource(action="replace"), *rules)) == [
        ("ABC-1", "fail", "kv"),
        ("ABC-2", "fail", "kv"),
    ]


@pytest.mark.parametrize(
    ("when", "require", "outcome"),
    [
        (True, True, "pass"),
        (True, False, "fail"),
        (True, None, "undecided"),
        (False, False, "pass"),
        (False, None, "pass"),
        (None, True, "pass"),
        (None, False, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_when_and_require(build: Build, when: bool | None, require: bool | None, outcome: str) -> None:
    rule = build.rule(build.attribute("r", equals=True), when=build.attribute("w", equals=True))
    says = {name: build.unknown if flag is None else flag for name, flag in (("w", when), ("r", require))}
    verdicts = build.evaluate(build.resource(**says), rule)
    assert told(verdicts) == ([] if outcome == "pass" else [("ABC-1", outcome, "kv")])
    assert verdicts.passed == (outcome == "pass")
    for finding in verdicts.undecided:
        assert {note.asked for note in finding.evidence} == {
            name for name, flag in (("w", when), ("r", require)) if flag is None
        }


# --- words ------------------------------------------------------------------------------------------------------------


def test_message(build: Build) -> None:
    at = Location(path="plan.json", attribute="properties.x")
    because = Scalar(at=at, value=7, origin="default", note="not set, and the default is 7")
    rule = build.rule(
        build.attribute("derived.days", at_least=90),
        message="'{resource}' ('{name}'): '{attribute}' is '{value}', because '{because}' ('{value}').",
    )
    finding = build.finding(build.resource("m.kv", derived={"days": because}), rule)
    assert finding.message == ("'m.kv' ('m.kv'): 'properties.x' is '7', because 'not set, and the default is 7' ('7').")
    assert finding.arguments == ("m.kv", "m.kv", "properties.x", "7", "not set, and the default is 7")
    assert finding.at == Location(path="plan.json", address="m.kv", attribute="properties.x")


def test_what_stands_in_a_name_is_no_placeholder(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1), message="'{resource}' is '{value}'.")
    finding = build.finding(build.resource('kv["{value}"]', a="{resource} \\1 \\g<0>"), rule)
    assert finding.message == "'kv[\"{value}\"]' is '{resource} \\1 \\g<0>'."


def test_many_values_are_cut_short_and_said_once(build: Build) -> None:
    condition = build.items("every", "a", build.attribute("$", equals=1))
    rule = build.rule(condition, message="'{value}' at '{attribute}', '{because}'.")
    finding = build.finding(build.resource(a=[9, 8, 8, 7, 6, 5]), rule)
    assert finding.arguments[0] == "9, 8, 7 and 2 more"
    assert finding.arguments[1] == "a[0], a[1], a[2] and 3 more"
    assert finding.arguments[2] == "a[0] is 9, a[1] is 8, a[2] is 8 and 3 more"
    assert len(finding.evidence) == 6


def test_a_missing_companion_has_no_attribute(build: Build) -> None:
    rule = build.rule(build.linked("linked_from", SETTING), message="'{value}' '{attribute}' '{because}'.")
    finding = build.finding(build.resource(), rule)
    assert finding.message == "'none' '' 'none'."
    assert finding.at == Location(path="plan.json", address="kv")


def test_an_undecided_question_says_what_is_not_known_and_of_what(build: Build) -> None:
    rule = build.rule(build.linked("links_to", VAULT, where=build.attribute("p", equals=1)), resources=(SETTING,))
    graph = build.graph(
        build.resource("kv", p=build.unknown),
        build.resource("ds", SETTING),
        references=(build.reference("ds", targets=("kv",)),),
    )
    finding = build.finding(graph, rule)
    assert finding.why == "p of kv is known after apply, from var.x"
    assert finding.message == "'ds': not decided, p of kv is known after apply, from var.x."
    assert [(note.text, note.at.address) for note in finding.related] == [
        ("kv: p is not known: known after apply, from var.x", "kv")
    ]
    assert finding.at == Location(path="plan.json", address="ds")


def test_what_nobody_wants_explained_is_still_counted(build: Build) -> None:
    rule = build.rule(build.attribute("a", equals=1))
    verdicts = build.evaluate(build.resource(a=build.unknown), rule, explain=False)
    assert told(verdicts) == [("ABC-1", "undecided", "kv")]


@pytest.mark.parametrize("place", ["text", "parent", "name"])
def test_full_name_holds_no_secret(build: Build, place: str) -> None:
    hidden = Scalar(at=Location(path="p"), value="/s/g/vaults/correct-horse", sensitive=True)
    rule = build.rule(build.attribute("a", equals=1), message="'{name}' '{value}'.")
    finding = build.finding(build.resource(**{"parent" if place == "parent" else "a": hidden}), rule)
    assert "correct-horse" not in repr(finding)


def test_full_name(build: Build) -> None:
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


def test_fingerprints_tell_rules_resources_paths_and_attributes_apart() -> None:
    at = Location(path="plan.json", address="kv", attribute="a.b")
    others = [msgspec.structs.replace(at, **change) for change in ({"path": "p"}, {"address": "x"}, {"attribute": "a"})]
    marks = [fingerprint("KV001", at), fingerprint("KV002", at), *(fingerprint("KV001", other) for other in others)]
    assert len(set(marks)) == len(marks)
    assert marks[0] == fingerprint("KV001", msgspec.structs.replace(at, region=None))
    # GitHub knows an alert by it: it must not change from one release to the next.
    assert marks[0] == "f41772abdd4eaace34afe4b9a7d3743b"


def test_fingerprints_do_not_hang_on_the_order_of_items(build: Build) -> None:
    rule = build.rule(
        build.items("every", "policies", build.items("every", "keys", build.attribute("$", equals="get")))
    )
    good, bad = {"keys": ["get"]}, {"keys": ["get", "purge"]}
    one = build.finding(build.resource(policies=[good, bad]), rule)
    two = build.finding(build.resource(policies=[bad, good]), rule)
    assert (one.at.attribute, two.at.attribute) == ("policies[1].keys[1]", "policies[0].keys[1]")
    assert one.fingerprint == two.fingerprint


def test_a_path_that_is_no_text_has_a_fingerprint() -> None:
    assert len(fingerprint("KV001", Location(path="\udcff.json"))) == 32


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_rule_that_crashes_is_a_problem_and_the_others_still_run(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_operand: Any) -> Any:
        def judge(found: Any) -> Outcome:
            if found.value == 2:
                raise ValueError("correct-horse")
            return Outcome.FAIL

        return judge

    rules = [
        build.rule(build.attribute("a", matches="x"), id="ABC-1"),
        build.rule(build.attribute("a", equals=1), id="ABC-2"),
    ]
    graph = build.graph(*(build.resource(f"kv{i}", a=i) for i in (1, 2, 3)))
    monkeypatch.setattr("kvlint.engine.judge.OPERATORS", {**OPERATORS, "matches": breaks})
    verdicts = build.evaluate(graph, *rules)
    (problem,) = verdicts.problems
    assert (problem.code, problem.level) == (RULE_CRASHED, "error")
    assert problem.message == "rule ABC-1 failed on 'kv2': ValueError"
    assert problem.at is not None
    assert problem.at.address == "kv2"
    assert told(verdicts) == [
        ("ABC-1", "fail", "kv1"),
        ("ABC-2", "fail", "kv2"),
        ("ABC-1", "fail", "kv3"),
        ("ABC-2", "fail", "kv3"),
    ]


# --- what resources say alike -----------------------------------------------------------------------------------------

PATHS = ["name", "id", "parent", "scope", "provider", "tags.a", "properties.a", "properties.l", "derived.exposure"]
PATHS += ["derived.plannedAction"]


def _attribute(text: str, operator: tuple[str, str, str | None]) -> Condition:
    name, operand, default = operator
    return Attribute(path=tuple(text.split(".")), text=text, operator=name, operand=operand, default=default)


def _items(quantifier: str, where: Condition) -> Condition:
    return Items(quantifier=quantifier, path=("properties", "l"), text="properties.l", where=where)


def _linked(direction: str, where: Condition) -> Condition:
    return Linked(direction=direction, types=(VAULT,), via="parent", where=where)


OPERATIONS = [("equals", "x", None), ("equals", "x", "x"), ("is", "set", None), ("is", "absent", None)]
LEAVES: st.SearchStrategy[Condition] = st.builds(_attribute, st.sampled_from(PATHS), st.sampled_from(OPERATIONS))
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(below, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        below.map(Not),
        st.builds(_items, st.sampled_from(["some", "every"]), below),
        st.builds(_linked, st.sampled_from(["linked_from", "links_to"]), below),
    ),
    max_leaves=6,
)
WORDS = st.sampled_from(["x", "y", None, "?"])
OWN = st.fixed_dictionaries(dict.fromkeys(("name", "id", "parent", "scope", "provider"), WORDS))
COMMON = st.fixed_dictionaries(dict.fromkeys(("tags", "a", "l", "action"), WORDS))


def meant(build: Build, word: str | None) -> Any:
    return build.unknown if word == "?" else word


def alike(build: Build, number: int, own: dict[str, Any], common: MapValue, exposure: str | None) -> Resource:
    """A resource that says ``common`` and has links and derived attributes of its own."""
    resource = build.resource(f"kv{number}", **{name: meant(build, word) for name, word in own.items()})
    derived = common.fields["derived"]
    assert isinstance(derived, MapValue)
    more = build.value({"exposure": meant(build, exposure)})
    assert isinstance(more, MapValue)
    fields = {**common.fields, **resource.attributes.fields}
    fields["derived"] = msgspec.structs.replace(derived, fields={**derived.fields, **more.fields})
    attributes = msgspec.structs.replace(resource.attributes, fields=fields)
    return msgspec.structs.replace(resource, attributes=attributes, common=common)


@given(
    st.lists(CONDITIONS, min_size=2, max_size=4),
    st.lists(st.tuples(OWN, st.integers(0, 1), WORDS, st.sampled_from([(), (0,), (1,)])), min_size=2, max_size=5),
    st.tuples(COMMON, COMMON),
)
def test_what_is_said_alike_is_answered_as_if_each_were_asked(
    build: Build, conditions: list[Condition], resources: list[Any], said: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    commons = []
    for words in said:
        common = build.value(
            {
                "tags": {"a": meant(build, words["tags"])},
                "properties": {"a": meant(build, words["a"]), "l": [meant(build, words["l"])] if words["l"] else None},
                "derived": {"plannedAction": meant(build, words["action"])},
            }
        )
        assert isinstance(common, MapValue)
        commons.append(common)
    made = [
        alike(build, number, own, commons[which], exposure)
        for number, (own, which, exposure, _) in enumerate(resources)
    ]
    names = [f"kv{i}" for i in range(len(made))]
    references = tuple(
        build.reference(f"kv{i}", "parent", targets=(names[target[0]],))
        for i, (_, _, _, target) in enumerate(resources)
        if target
    )
    rules = [build.rule(condition, when=conditions[i - 1], id=f"ABC-{i}") for i, condition in enumerate(conditions)]
    with_common = build.graph(*made, references=references)
    without = build.graph(*(msgspec.structs.replace(one, common=None) for one in made), references=references)
    assert build.evaluate(with_common, *rules) == build.evaluate(without, *rules)


def test_two_rules_do_not_share_answers(build: Build) -> None:
    common = build.value({"a": 1})
    assert isinstance(common, MapValue)
    graph = build.graph(
        *(msgspec.structs.replace(build.resource(name, a=1), common=common) for name in ("one", "two", "three"))
    )
    rules = build.rule(build.attribute("a", equals=1)), build.rule(build.attribute("a", equals=2), id="ABC-2")
    verdicts = build.evaluate(graph, *rules)
    assert told(verdicts) == [("ABC-2", "fail", "one"), ("ABC-2", "fail", "two"), ("ABC-2", "fail", "three")]
    assert verdicts.passed == 3


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("properties.a", True),
        ("tags.name", True),
        ("derived.plannedAction", True),
        ("derived.replacePaths", True),
        ("derived.exposure", False),
        ("derived", False),
        ("name", False),
        ("parent", False),
    ],
)
def test_is_local(build: Build, path: str, local: bool) -> None:
    condition = build.attribute(path, **{"is": "set"})
    assert is_local(condition) is local
    assert is_local(Not(All((condition,)))) is local
    assert is_local(build.items("some", path, build.attribute("name", equals="x"))) is local
    assert not is_local(build.items("some", path, build.linked("linked_from", VAULT)))


# --- what rules ask of readers ----------------------------------------------------------------------------------------


def test_demand_names_all_that_conditions_look_at(build: Build) -> None:
    rule = build.rule(
        All(
            (
                build.attribute("a.b", equals=1),
                build.items(
                    "some",
                    "list",
                    All(
                        (
                            build.attribute("inner", equals=1),
                            build.items("every", "deeper", build.linked("linked_from", SETTING, via="scope")),
                            build.linked("links_to", SECRET, via="derived.x", where=build.attribute("c", equals=1)),
                        )
                    ),
                ),
            )
        ),
        when=Not(build.linked("linked_from", SECRET, via="parent", where=build.attribute("d", equals=1))),
    )
    demand = demand_of([rule])
    assert demand.paths == {
        VAULT.lower(): {("a", "b"), ("list",), ("derived", "x")},
        SETTING.lower(): {("scope",)},
        SECRET.lower(): {("parent",), ("c",), ("d",)},
    }
    assert demand.vias == {
        "scope": {SETTING.lower()},
        "derived.x": {VAULT.lower()},
        "parent": {SECRET.lower()},
    }


# --- order ------------------------------------------------------------------------------------------------------------


def test_findings_do_not_hang_on_the_order_of_resources_and_references(build: Build) -> None:
    good = build.attribute("good", equals=True)
    rules = [
        build.rule(build.linked("linked_from", SETTING, where=good)),
        build.rule(build.attribute("a", equals=1), id="ABC-2"),
    ]
    resources = [build.resource(f"kv{i}", a=i) for i in range(4)]
    resources += [build.resource(f"ds{i}", SETTING, good=i % 2 == 0) for i in range(4)]
    references = [build.reference(f"ds{i}", targets=(f"kv{i // 2}",)) for i in range(4)]
    references.append(build.reference("ds1", anything=True))

    def marks(seed: int) -> dict[tuple[str, str], tuple[str, str, str]]:
        shuffle = random.Random(seed)  # noqa: S311  # nothing secret
        graph: ResourceGraph = build.graph(
            *shuffle.sample(resources, len(resources)),
            references=tuple(shuffle.sample(references, len(references))),
        )
        verdicts = build.evaluate(graph, *rules)
        return {
            (f.rule.id, f.resource): (f.outcome.label, f.message, f.fingerprint)
            for f in verdicts.findings + verdicts.undecided
        }

    assert all(marks(seed) == marks(0) for seed in range(1, 20))


def test_rules_are_not_changed_by_being_asked(build: Build) -> None:
    rule: Rule = build.rule(build.attribute("a", at_least="$n"), parameters=(build.parameter("n", 3),))
    before = msgspec.json.encode(rule)
    graph = build.graph(build.resource(a=2), build.resource("other", a=3))
    first, second = build.evaluate(graph, rule), build.evaluate(graph, rule)
    assert first == second
    assert told(first) == [("ABC-1", "fail", "kv")]
    assert msgspec.json.encode(rule) == before
