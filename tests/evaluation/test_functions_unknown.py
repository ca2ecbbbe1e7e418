"""Functions on values that are unknown, or unknown in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.values import is_sensitive, mark_sensitive, partial_list
from azkvlint.model.value import MAY_BE_ABSENT, NOTHING_KNOWN, ListValue, Scalar, Unknown

from .conftest import AT

if TYPE_CHECKING:
    from tests.evaluation.conftest import Language

OVER = "⟨union({'a':1},⟨u⟩)⟩"
PARTLY: list[tuple[str, Any]] = [
    # what is known of a text stays
    ("'a-${u}'", "?a-⟨u⟩"),
    ("toLower('KV-${u}')", "?kv-⟨toLower(⟨u⟩)⟩"),
    ("format('{0}/{1}', u, 'b')", "?⟨u⟩/b"),
    ("concat('a', u)", "?a⟨u⟩"),
    ("join(['a', u], ',')", "?a,⟨u⟩"),
    ("string('a${u}')", "?a⟨u⟩"),
    ("last(split(id, '/'))", "kv"),
    ("split(id, '/')[8]", "kv"),
    ("split(id, '/')[4]", "?⟨resourceGroup⟩"),
    ("length(split(id, '/'))", 9),
    ("last(split('a/${u}/kv', '/'))", "kv"),
    ("first(split('a-b/${u}', '/'))", "a-b"),
    ("last(split('a/${u}', '/'))", "?⟨last(⟨split('a\u2215⟨u⟩','\u2215')⟩)⟩"),
    ("last(split('${id}-x', '-'))", "x"),
    ("split(u, ',')", "?⟨split(⟨u⟩,',')⟩"),
    ("take('kv-${u}', 3)", "kv-"),
    ("take('kv-${u}', 24)", "?⟨take('kv-⟨u⟩',24)⟩"),
    ("startsWith('kv-${u}', 'KV')", True),
    ("startsWith('kv-${u}', 'no')", False),
    ("endsWith('${u}-kv', '-KV')", True),
    ("contains('kv-${u}', 'kv')", True),
    ("empty('kv-${u}')", False),
    # what differs has another pattern, what is the same has the same
    ("replace(u, 'a', 'b,c') == replace(u, 'a,b', 'c')", "?⟨⟨replace(⟨u⟩,'a','b,c')⟩==⟨replace(⟨u⟩,'a,b','c')⟩⟩"),
    ("uniqueString(u) == uniqueString(u)", True),
    ("guid(u, 'a') == guid(u, 'b')", "?⟨⟨guid(⟨u⟩,'a')⟩==⟨guid(⟨u⟩,'b')⟩⟩"),
    ("newGuid() == newGuid()", "?"),
    ("trim(mystery)", "?"),
    # arrays and objects with unknown parts
    ("length([u, v])", 2),
    ("empty([u])", False),
    ("empty(u)", "?⟨empty(⟨u⟩)⟩"),
    ("first([u, 1])", "?⟨u⟩"),
    ("skip([u, 1], 1)", [1]),
    ("concat([u], [1])", ["?⟨u⟩", 1]),
    ("concat(u, [1])", [1, "*"]),
    ("concat([1], u, [2], v)", [1, 2, "*"]),
    ("concat(concat([1], u), [2])", [1, 2, "*"]),
    ("concat(concat([1], u), v)", [1, "*"]),
    ("concat(concat(u, v), [])", "?"),
    ("concat([1], 'a', u)", "?"),
    ("concat([], u)", "?⟨concat([],⟨u⟩)⟩"),
    ("flatten([[u], [1]])", ["?⟨u⟩", 1]),
    ("flatten([u, [1]])", [1, "*"]),
    ("flatten([concat([1], u), [2]])", [1, 2, "*"]),
    ("flatten(concat([[1]], u))", [1, "*"]),
    ("flatten(concat(['a'], u))", "?"),
    ("contains([u, 'a'], 'a')", True),
    ("contains([u], 'a')", "?⟨contains([⟨u⟩],'a')⟩"),
    ("contains([u], u)", True),
    ("contains({ a: u }, 'A')", True),
    ("contains(open, 'a')", True),
    ("contains(open, 'b')", "?"),
    ("contains({ Owner: 1 }, '/roles/${u}')", False),
    ("contains({ Owner: 1 }, 'o${u}')", "?"),
    ("contains(open, '/roles/${u}')", "?"),
    ("contains(['a', 'b'], 'kv-${u}')", False),
    ("length(open)", "?"),
    ("items({ a: u })", [{"key": "a", "value": "?⟨u⟩"}]),
    ("items(open)", "?"),
    ("union({ a: 1 }, u, { b: 2, c: { d: 3 } })", {"b": 2, "c": {"d": 3, "*": f"?⟨{OVER}.c⟩"}, "*": f"?{OVER}"}),
    ("union({ a: 1 }, { a: u, b: 2 })", {"a": "?⟨u⟩", "b": 2}),
    ("union({ a: 1, b: 3 }, open)", {"a": 1, "*": "?⟨union({'a':1,'b':3},⟨rest⟩)⟩"}),
    ("union({ a: 'x' }, { a: null })", {"a": "?"}),
    ("union(u, v)", "?⟨union(⟨u⟩,⟨v⟩)⟩"),
    ("union(['a', u], ['a', u])", ["a", "?⟨u⟩", "*"]),
    ("union(['a'], u)", ["a", "*"]),
    ("union(['a'], u, ['b', 'a'])", ["a", "b", "*"]),
    ("union(concat(['a'], u), ['b', 'a'])", ["a", "b", "*"]),
    ("union(concat(['a'], u), v)", ["a", "*"]),
    ("union(['a'], u, {})", "?"),
    ("intersection(['a', u], ['a'])", "?"),
    ("intersection(['a', 'b'], ['a', 'a'])", ["a"]),
    ("shallowMerge([{ a: 1 }, u, { b: 1 }])", {"b": 1, "*": "?⟨...({'a':1},⟨u⟩)⟩"}),
    # lambdas
    ("map([u, 1], x => [x])", [["?⟨u⟩"], [1]]),
    ("map(u, x => x)", "?"),
    ("map(concat([1], u), x => [x])", [[1], "*"]),
    ("map(concat([1], u), (x, i) => i)", "?"),
    # what hangs on how many there are, or on their order, is not known
    ("length(concat([1], u))", "?"),
    ("empty(concat([1], u))", False),
    ("first(concat([1], u))", "?"),
    ("concat([1], u)[0]", "?"),
    ("skip(concat([1], u), 1)", "?"),
    ("contains(concat([1], u), 1)", True),
    ("filter(concat([1], u), x => true)", "?"),
    ("reduce(concat([1], u), 0, (a, b) => b)", "?"),
    ("intersection(concat([1], u), [1])", "?"),
    ("string(concat([1], u))", "?"),
    ("'${concat([1], u)}'", "?"),
    ("concat([1], u) == [1]", "?"),
    ("concat([1], u) ?? [2]", [1, "*"]),
    ("{ a: concat([1], u) }", {"a": [1, "*"]}),
    ("{ ...concat([1], u) }", {"*": "?⟨concat([1],⟨u⟩)⟩"}),
    ("union({ a: 1 }, concat([1], u))", {"*": "?⟨union({'a':1},⟨concat([1],⟨u⟩)⟩)⟩"}),
    # so it is where arrays are spread into one, and looped over
    ("[1, ...u, 2]", [1, 2, "*"]),
    ("[...concat([1], u), ...[2]]", [1, 2, "*"]),
    ("[...u]", "?⟨u⟩"),
    ("[for x in concat([1, 2], u): [x]]", [[1], [2], "*"]),
    ("[for (x, i) in concat([1], u): i]", "?"),
    ("mystery ? concat([1], u) : [1]", "?"),
    ("filter([1, u], x => x == 1)", "?"),
    ("filter([{ on: true, n: u }], x => x.on)", [{"on": True, "n": "?⟨u⟩"}]),
    ("sort([2, u], (a, b) => a < b)", "?"),
    ("toObject([{ k: 'a', v: u }], x => x.k, x => x.v)", {"a": "?⟨u⟩"}),
    ("toObject([u], x => x)", {"*": "?"}),
    ("groupBy([u], x => x)", "?⟨u⟩"),
    ("mapValues(open, x => x)", {"a": 1, "*": "?"}),
    # only Azure knows
    ("reference('x').y", "?⟨⟨reference('x')⟩.y⟩"),
    ("toLower(utcNow())", "?"),
    ("deployer().objectId", "?⟨⟨deployer()⟩.objectId⟩"),
]


@pytest.mark.parametrize(("text", "expected"), PARTLY)
def test_function_of_partly_known_values_has_its_value(bicep: Language, text: str, expected: Any) -> None:
    found = bicep(text)
    if expected == "?":
        assert isinstance(found, str)
        assert found.startswith("?")
    else:
        assert found == expected


def test_known_items_of_a_sensitive_array_are_sensitive() -> None:
    doubt = Unknown(at=AT, why="nobody knows it")
    plain, secret = Scalar(at=AT, value="plain"), Scalar(at=AT, value="hunter2", sensitive=True)
    hidden = mark_sensitive(partial_list([plain], doubt, AT, NOTHING_KNOWN))
    assert not is_sensitive(partial_list([plain], doubt, AT, NOTHING_KNOWN))
    for found in (partial_list([plain, secret], doubt, AT, NOTHING_KNOWN), hidden):
        assert is_sensitive(found)
        frozen = Freezer().freeze(found)
        assert isinstance(frozen, ListValue)
        assert frozen.items[-1].note == MAY_BE_ABSENT
        assert "hunter2" not in frozen.display()
    assert "plain" not in repr(Freezer().freeze(hidden))


def test_unknown_function_result_has_a_reason(bicep: Language) -> None:
    assert bicep.why("reference('x')") == "`reference()` is known after deployment"
    assert bicep.why("newGuid()") == "`newGuid()` returns a new value for each deployment"
    assert bicep.why("trim(mystery)") == "nobody knows it"


@pytest.mark.parametrize(
    "text", ["u.listKeys()", "u.getSecret('x')", "listKeys('x', '2020')", "az.getSecret('a', 'b', 'c', 'd')"]
)
def test_results_of_list_functions_are_sensitive_in_bicep(bicep: Language, text: str) -> None:
    found = bicep.result(text)
    assert isinstance(found, Unknown)
    assert found.sensitive
    assert not found.pattern


def test_results_of_list_functions_are_sensitive_in_templates(arm: Language) -> None:
    found = arm.result("LISTkeys('a', 'b').keys[0].value")
    assert isinstance(found, Unknown)
    assert found.sensitive


def test_uncertain_member_is_unknown(bicep: Language) -> None:
    either = "(u ? { a: 1, b: 2 } : { b: 2 })"
    assert bicep(f"{either}.b") == 2
    for text in (f"contains({either}, 'a')", f"length({either})", f"items({either})", f"{either} == {{ b: 2 }}"):
        assert isinstance(bicep.result(text), Unknown), text
    assert bicep(f"contains({either}, 'b')") is True
    assert bicep(f"contains({either}, 'c')") is False
    assert bicep(f"empty({either})") is False
    assert isinstance(bicep.result("empty(u ? { a: 1 } : {})"), Unknown)


def test_values_keep_their_places(bicep: Language) -> None:
    found = bicep.result("first(concat([1], [2]))")
    assert isinstance(found, Scalar)
