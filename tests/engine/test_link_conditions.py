"""Links to other resources: certain ones, possible ones, none, and what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Outcome, negate
from azkvlint.model.location import Location
from azkvlint.model.resource import ResourceGraph
from azkvlint.model.rule import All, Condition, Not
from azkvlint.model.value import Link, ListValue, Scalar, Unknown
from tests.patterns import from_braces

if TYPE_CHECKING:
    from tests.engine.conftest import Build

SETTING = "Microsoft.Insights/diagnosticSettings"
LOCK = "Microsoft.Authorization/locks"
VAULT = "Microsoft.KeyVault/vaults"
KEY = "Microsoft.KeyVault/vaults/keys"


# --- linked_from ------------------------------------------------------------------------------------------------------


def setting(build: Build, good: Any = True, address: str = "ds", **said: Any) -> Any:
    return build.resource(address, SETTING, good=good, **said)


def from_setting(build: Build) -> Condition:
    return build.linked("linked_from", SETTING, where=build.attribute("good", equals=True))


@pytest.mark.parametrize(
    ("how", "good", "outcome"),
    [
        ({"targets": ("kv",)}, True, PASS),
        ({"targets": ("kv",)}, False, FAIL),
        ({"targets": ("kv",)}, "unknown", UNKNOWN),
        ({"targets": ("other",)}, True, FAIL),
        ({"candidates": ("kv", "other")}, True, UNKNOWN),
        ({"candidates": ("kv", "other")}, False, FAIL),
        ({"candidates": ("kv", "other")}, "unknown", UNKNOWN),
        ({"candidates": ("other",)}, True, FAIL),
        ({"anything": True}, True, UNKNOWN),
        ({"anything": True}, False, FAIL),
        ({"anything": True}, "unknown", UNKNOWN),
        ({"anything": True, "candidates": ("kv",)}, True, UNKNOWN),
        ({"outside": "?"}, True, FAIL),
        ({"outside": VAULT.lower()}, True, FAIL),
    ],
)
def test_linked_from_follows_the_outcomes_of_links(
    build: Build, how: dict[str, Any], good: Any, outcome: Outcome
) -> None:
    said = build.unknown if good == "unknown" else good
    references = (build.reference("ds", **how),)
    graph = build.graph(build.resource("kv"), build.resource("other"), setting(build, good=said), references=references)
    answer = build.ask(from_setting(build), graph)
    assert answer.outcome is outcome
    assert [note.outcome for note in answer.trail] == [outcome]
    assert build.ask(Not(from_setting(build)), graph).outcome is negate(outcome)


def test_in_an_open_graph_a_companion_may_be_elsewhere(build: Build) -> None:
    def graph(closed: bool, good: bool | None) -> ResourceGraph:
        more = () if good is None else (setting(build, good=good),)
        references = () if good is None else (build.reference("ds", targets=("kv",)),)
        return build.graph(build.resource("kv"), *more, references=references, closed=closed)

    assert build.ask(from_setting(build), graph(True, None)).outcome is FAIL
    assert build.ask(from_setting(build), graph(False, None)).outcome is UNKNOWN
    assert build.ask(from_setting(build), graph(False, False)).outcome is UNKNOWN
    assert build.ask(from_setting(build), graph(False, True)).outcome is PASS


def test_links_of_other_types_and_attributes_are_ignored(build: Build) -> None:
    lock = build.resource("lock", LOCK, good=True)
    graph = build.graph(build.resource("kv"), lock, references=(build.reference("lock", targets=("kv",)),))
    assert build.ask(from_setting(build), graph).outcome is FAIL
    assert build.ask(build.linked("linked_from", LOCK.upper(), SETTING), graph).outcome is PASS
    assert build.ask(build.linked("linked_from", LOCK, via="parent"), graph).outcome is FAIL


@pytest.mark.parametrize("action", ["delete", "forget"])
def test_removed_resource_has_no_links(build: Build, action: str) -> None:
    reference = build.reference("ds", targets=("kv",))
    graph = build.graph(build.resource("kv"), setting(build, action=action), references=(reference,))
    assert build.ask(from_setting(build), graph).outcome is FAIL
    graph = build.graph(build.resource("kv", action=action), setting(build), references=(reference,))
    assert build.ask(build.linked("links_to", VAULT), graph, "ds").outcome is FAIL


def test_one_passing_link_is_enough_and_is_the_only_evidence(build: Build) -> None:
    names = ("bad", "good", "doubtful")
    says = (False, True, build.unknown)
    settings = [setting(build, good=said, address=name) for name, said in zip(names, says, strict=True)]
    references = tuple(build.reference(name, targets=("kv",)) for name in names)
    graph = build.graph(build.resource("kv"), *settings, references=references)
    answer = build.ask(from_setting(build), graph)
    assert (answer.outcome, [note.at.address for note in answer.trail]) == (PASS, ["good"])


def test_every_failing_link_is_evidence_if_all_fail(build: Build) -> None:
    references = (
        build.reference("a", targets=("kv",), hops=("module.a.kv",)),
        build.reference("b", candidates=("kv", "other")),
    )
    graph = build.graph(
        build.resource("kv"), setting(build, False, "a"), setting(build, False, "b"), references=references
    )
    answer = build.ask(from_setting(build), graph)
    assert answer.outcome is FAIL
    # Also of the link that is not certain, what its resource says decides, not the link.
    assert [(note.at.address, note.attribute, note.found, note.expected) for note in answer.trail] == [
        ("a", "good", "false", "true"),
        ("b", "good", "false", "true"),
    ]
    assert [note.hops for note in answer.trail] == [("module.a.kv",), ()]


def test_uncertain_link_states_its_cause(build: Build) -> None:
    reference = build.reference("ds", candidates=("kv",), hops=("var.x",))
    graph = build.graph(build.resource("kv"), setting(build), references=(reference,))
    (note,) = build.ask(from_setting(build), graph).trail
    assert note.found == "unknown: known after apply, from var.x"
    assert (note.expected, note.at.address, note.hops) == ("a certain link", "ds", ("var.x",))


def test_link_of_a_resource_that_may_not_be_deployed_states_so(build: Build) -> None:
    reference = build.reference("ds", candidates=("kv",), conditional=("kv",))
    graph = build.graph(build.resource("kv"), setting(build), references=(reference,))
    (note,) = build.ask(from_setting(build), graph).trail
    assert note.found == "unknown: ds, which refers to kv, may not be deployed"


@pytest.mark.parametrize(
    ("source", "target", "outcome"), [("a", "", PASS), ("ab", "b", PASS), ("a", "b", UNKNOWN), ("a", "ab", UNKNOWN)]
)
def test_link_of_conditional_resources_is_certain_if_the_target_exists_with_the_source(
    build: Build, source: str, target: str, outcome: Outcome
) -> None:
    """A link from it is certain if what it names is deployed whenever it is."""
    reference = build.reference("ds", candidates=("kv",), conditional=("kv",))
    vault = msgspec.structs.replace(build.resource("kv", good=True), conditions=frozenset(target))
    own = msgspec.structs.replace(setting(build), conditions=frozenset(source))
    condition = build.linked("links_to", VAULT, where=build.attribute("good", equals=True))
    assert build.ask(condition, build.graph(vault, own, references=(reference,)), "ds").outcome is outcome


def test_a_certain_link_by_a_pattern_names_its_target(build: Build) -> None:
    value = Unknown(at=Location(path="main.bicep"), why="known only after deployment", pattern=from_braces("/x/{y}"))
    references = (build.reference("ds", targets=("kv",), value=value),)
    graph = build.graph(build.resource("kv"), setting(build), references=references)
    (note,) = build.ask(Not(from_setting(build)), graph).trail
    assert (note.at.address, note.found, note.expected) == ("ds", "kv", "not a link")


def test_link_target_names_its_source(build: Build) -> None:
    references = (build.reference("ds", targets=("kv",)),)
    graph = build.graph(build.resource("kv"), setting(build), references=references)
    (note,) = build.ask(Not(build.linked("links_to", VAULT)), graph, "ds").trail
    assert (note.at.address, note.found, note.expected) == ("kv", "referenced by ds", "not a link")


def test_every_unknown_link_is_evidence(build: Build) -> None:
    references = (build.reference("a", targets=("kv",)), build.reference("b", anything=True))
    graph = build.graph(
        build.resource("kv"),
        setting(build, build.unknown, "a"),
        setting(build, True, "b"),
        references=references,
    )
    found = [note.found for note in build.ask(from_setting(build), graph).trail]
    assert found == [
        "unknown: known after apply, from var.x",
        "unknown: the target of `scope` on b is unknown",
    ]


def test_few_of_many_failing_links_are_evidence(build: Build) -> None:
    names = [f"ds{i}" for i in range(40)]
    references = tuple(build.reference(name, targets=("kv",)) for name in names)
    graph = build.graph(build.resource("kv"), *(setting(build, False, name) for name in names), references=references)
    answer = build.ask(from_setting(build), graph)
    assert (answer.outcome, len(answer.trail)) == (FAIL, 5)


def test_unknown_link_among_many_failing_ones_is_evidence(build: Build) -> None:
    names = [f"ds{i}" for i in range(40)]
    references = tuple(build.reference(name, targets=("kv",)) for name in names)
    settings = [setting(build, build.unknown if name == "ds39" else False, name) for name in names]
    answer = build.ask(from_setting(build), build.graph(build.resource("kv"), *settings, references=references))
    assert (answer.outcome, [note.at.address for note in answer.trail]) == (UNKNOWN, ["ds39"])


# --- links_to ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "good", "outcome"),
    [
        ({"targets": ("kv",)}, True, PASS),
        ({"targets": ("kv",)}, False, FAIL),
        ({"targets": ("kv",)}, "unknown", UNKNOWN),
        ({"targets": ("lock",)}, True, FAIL),
        ({"candidates": ("kv",)}, True, UNKNOWN),
        ({"candidates": ("kv",)}, False, FAIL),
        ({"candidates": ("lock",)}, True, FAIL),
        ({"anything": True}, False, UNKNOWN),
        ({"outside": VAULT.lower()}, False, UNKNOWN),
        ({"outside": "?"}, False, UNKNOWN),
        ({"outside": "microsoft.storage/storageaccounts"}, True, FAIL),
        ({}, True, FAIL),
    ],
)
def test_links_to(build: Build, how: dict[str, Any], good: Any, outcome: Outcome) -> None:
    said = build.unknown if good == "unknown" else good
    references = (build.reference("ds", **how),) if how else ()
    graph = build.graph(
        build.resource("kv", good=said), build.resource("lock", LOCK, good=True), setting(build), references=references
    )
    condition = build.linked("links_to", VAULT, where=build.attribute("good", equals=True))
    answer = build.ask(condition, graph, "ds")
    assert answer.outcome is outcome
    assert [note.outcome for note in answer.trail] == [outcome]
    assert build.ask(Not(condition), graph, "ds").outcome is negate(outcome)


def test_target_outside_of_the_input_is_named_by_its_id_if_known(build: Build) -> None:
    id_ = Scalar(at=Location(path="main.tf"), value="/x/vaults/kv")
    later = Unknown(at=Location(path="main.tf"), why="later")
    for value, said in (
        (id_, "`/x/vaults/kv` is outside the scanned files"),
        (later, "the resource that `scope` refers to is outside the scanned files"),
    ):
        references = (build.reference("ds", outside=VAULT.lower(), value=value),)
        graph = build.graph(setting(build), references=references)
        (note,) = build.ask(build.linked("links_to", VAULT), graph, "ds").trail
        assert note.found == f"unknown: {said}"


def test_a_list_of_links(build: Build) -> None:
    references = (
        build.reference("ds", targets=("kv",)),
        build.reference("ds", outside=VAULT.lower(), value=build.link),
    )
    graph = build.graph(build.resource("kv", good=False), setting(build), references=references)
    good = build.attribute("good", equals=True)
    assert build.ask(build.linked("links_to", VAULT, where=good), graph, "ds").outcome is UNKNOWN
    assert build.ask(build.linked("links_to", VAULT), graph, "ds").outcome is PASS


# --- nested -----------------------------------------------------------------------------------------------------------


def test_links_of_links(build: Build) -> None:
    """A vault holds a key that a disk is encrypted with."""
    disk = "Microsoft.Compute/disks"
    used = build.linked("linked_from", disk, via="derived.keyId")
    condition = build.linked("linked_from", KEY, via="parent", where=used)
    key, plain = build.resource("key", KEY), build.resource("plain", KEY)
    parents = (build.reference("plain", "parent", targets=("kv",)), build.reference("key", "parent", targets=("kv",)))
    encrypted = build.reference("disk", "derived.keyId", targets=("key",), hops=("local.key",))
    graph = build.graph(
        build.resource("kv"), plain, key, build.resource("disk", disk), references=(*parents, encrypted)
    )
    answer = build.ask(condition, graph)
    assert (answer.outcome, [note.at.address for note in answer.trail]) == (PASS, ["key"])
    assert build.ask(condition, build.graph(build.resource("kv"), plain, key, references=parents)).outcome is FAIL
    maybe = build.reference("disk", "derived.keyId", candidates=("key", "other"))
    graph = build.graph(build.resource("kv"), plain, key, build.resource("disk", disk), references=(*parents, maybe))
    answer = build.ask(condition, graph)
    assert answer.outcome is UNKNOWN
    assert [note.at.address for note in answer.trail] == ["disk"]


def test_links_in_items_are_links_of_the_resource(build: Build) -> None:
    linked = build.linked("linked_from", SETTING)
    condition = build.items("some", "a", All((build.attribute("$", equals=1), linked)))
    reference = build.reference("ds", targets=("kv",))
    graph = build.graph(build.resource("kv", a=[2, 1]), setting(build), references=(reference,))
    assert build.ask(condition, graph).outcome is PASS
    assert build.ask(condition, build.graph(build.resource("kv", a=[2, 1]))).outcome is FAIL


def test_a_circle_of_links_ends(build: Build) -> None:
    inner = build.linked("links_to", VAULT, via="parent")
    condition = build.linked("links_to", VAULT, via="parent", where=inner)
    references = (build.reference("kv", "parent", targets=("b",)), build.reference("b", "parent", targets=("kv",)))
    graph = build.graph(build.resource("kv"), build.resource("b"), references=references)
    assert build.ask(condition, graph).outcome is PASS


def test_message_names_few_of_many_types(build: Build) -> None:
    types = [f"Microsoft.Example/kind{i}" for i in range(40)]
    (note,) = build.ask(build.linked("linked_from", *types), build.resource()).trail
    assert note.expected == "a `Microsoft.Example/kind0` or another resource whose `scope` is this resource"
    (note,) = build.ask(build.linked("linked_from", *types[:2]), build.resource()).trail
    assert note.expected == "a `Microsoft.Example/kind0` or `Microsoft.Example/kind1` whose `scope` is this resource"


def test_values_that_are_links_or_unknown_where_a_list_is_expected(build: Build) -> None:
    at = Location(path="plan.json")
    for value in (Link(at=at, target="x"), Unknown(at=at, why="later"), ListValue(at=at, items=(build.unknown,))):
        condition = build.items("every", "a", build.attribute("$", equals=1))
        assert build.ask(condition, build.resource(a=value)).outcome is UNKNOWN
