"""Functions on known values give what Azure gives; on values that do not fit, a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.value import Unknown

if TYPE_CHECKING:
    from tests.evaluation.conftest import Language

KNOWN: list[tuple[str, Any]] = [
    # logic
    ("if(true(), 'a', fail())", "a"),
    ("and(true(), false())", False),
    ("or(false(), true())", True),
    ("not(false())", True),
    ("coalesce(null(), null(), 'a', fail())", "a"),
    ("coalesce(null())", None),
    ("bool('TRUE')", True),
    ("bool(0)", False),
    ("equals('a', 'A')", False),
    ("equals(1, 1)", True),
    ("equals(true(), 1)", False),
    ("less('a', 'b')", True),
    ("greaterOrEquals(2, 3)", False),
    ("EQUALS(Null(), nULL())", True),
    # texts
    ("concat('a', 1, true())", "a1True"),
    ("concat(createArray(1), createArray('b'))", [1, "b"]),
    ("format('{0}-{1:D3}-{{x}}-{2,4}|{2,-3}|', 'a', 7, 'b')", "a-007-{x}-   b|b  |"),
    ("format('{0}.', null())", "."),
    ("format('{0:000}{0:X2}{0:N1}', 1234)", "12344D21,234.0"),
    ("replace('a.b.c', '.', '')", "abc"),
    ("replace('aA', 'a', 'x')", "xA"),
    ("split('a.b|c', createArray('.', '|'))", ["a", "b", "c"]),
    ("split('a.*b', '.*')", ["a", "b"]),
    ("split('', ',')", [""]),
    ("join(createArray('a', 'b'), ', ')", "a, b"),
    ("join(createArray(), ',')", ""),
    ("substring('abc', 1)", "bc"),
    ("substring('abc', 3, 0)", ""),
    ("toLower('ABC')", "abc"),
    ("toUpper('abc')", "ABC"),
    ("trim(' a ')", "a"),
    ("padLeft(5, 3, '0')", "005"),
    ("padLeft('abcd', 2)", "abcd"),
    ("startsWith('abc', 'AB')", True),
    ("like('kv-app', 'kv-*')", True),
    ("like('kv-app', '*-app')", True),
    ("like('kv-app-weu', 'kv*-*eu')", True),
    ("like('kv-app', 'kv-app')", True),
    ("like('kv-app', 'kv')", False),
    ("like('kv', 'kv*kv')", False),
    ("endsWith('abc', 'ab')", False),
    ("indexOf('abcB', 'B')", 1),
    ("lastIndexOf('abcB', 'b')", 3),
    ("indexOf('abc', 'z')", -1),
    ("indexOf(createArray('a', 'B'), 'b')", -1),
    ("lastIndexOf(createArray(1, 2, 1), 1)", 2),
    ("string(true())", "True"),
    ("string(createObject('a', createArray(1, null())))", '{"a":[1,null]}'),
    ("string(12)", "12"),
    # arrays and objects
    ("length('abc')", 3),
    ("length('\U0001f511')", 2),
    ("length(createObject('a', 1))", 1),
    ("empty(null())", True),
    ("empty('')", True),
    ("empty(createArray(null()))", False),
    ("empty(createObject())", True),
    ("first('')", ""),
    ("first(createArray())", None),
    ("last(createArray(1, 2))", 2),
    ("last('abc')", "c"),
    ("take('abc', -1)", ""),
    ("take(createArray(1, 2), 5)", [1, 2]),
    ("skip('abc', 5)", ""),
    ("skip(createArray(1, 2), -1)", [1, 2]),
    ("contains('abc', 'B')", False),
    ("contains('a1', 1)", True),
    ("contains(createObject('Ab', null()), 'aB')", True),
    ("contains(createArray(createObject('a', 1)), createObject('a', 1))", True),
    ("contains(createArray('a'), 'A')", False),
    ("array('a')", ["a"]),
    ("array(createArray('a'))", ["a"]),
    ("flatten(createArray(createArray(1), createArray(2, createArray(3))))", [1, 2, [3]]),
    ("range(3, 2)", [3, 4]),
    ("range(3, 0)", []),
    ("min(createArray(3, 2))", 2),
    ("max(3, 2)", 3),
    ("union(createArray('a', 'b'), createArray('b', 'c'), null())", ["a", "b", "c"]),
    ("union(createArray(1, true()), createArray('1'))", [1, True, "1"]),
    (
        "union(json('{\"p\":{\"one\":1,\"two\":2},\"l\":[1]}'), json('{\"P\":{\"two\":3},\"l\":[2]}'))",
        {"p": {"one": 1, "two": 3}, "l": [2]},
    ),
    ("intersection(createArray(1, 2, 2), createArray(2, 3))", [2]),
    ("intersection(json('{\"a\":1,\"b\":[2]}'), json('{\"a\":2,\"b\":[2]}'))", {"b": [2]}),
    ("shallowMerge(createArray(json('{\"a\":{\"x\":1}}'), json('{\"a\":{\"y\":2}}')))", {"a": {"y": 2}}),
    ("items(json('{\"b\":2,\"A\":1}'))", [{"key": "A", "value": 1}, {"key": "b", "value": 2}]),
    ("objectKeys(json('{\"b\":2,\"A\":1}'))", ["A", "b"]),
    ("tryGet(json('{\"a\":[{\"B\":1}]}'), 'A', 0, 'b')", 1),
    ("tryGet(json('{\"a\":[]}'), 'a', 0, 'b')", None),
    ("tryIndexFromEnd(createArray(1, 2), 3)", None),
    ("indexFromEnd(createArray(1, 2), 1)", 2),
    # lambdas
    ("map(createArray(1, 2), lambda('x', mul(lambdaVariables('X'), 2)))", [2, 4]),
    ("map(createArray('a'), lambda('x', 'i', concat(lambdaVariables('x'), lambdaVariables('i'))))", ["a0"]),
    ("filter(createArray(1, 2), lambda('x', less(lambdaVariables('x'), 2)))", [1]),
    ("reduce(createArray(1, 2), 5, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))", 8),
    ("sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))", [1, 2, 3]),
    ("toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')))", {"a": "a", "b": "b"}),
    ("toObject(createArray('a'), lambda('x', lambdaVariables('x')), lambda('x', 1))", {"a": 1}),
    ("groupBy(createArray('f', 'b', 'bz'), lambda('x', first(lambdaVariables('x'))))", {"f": ["f"], "b": ["b", "bz"]}),
    ("mapValues(createObject('a', 'x'), lambda('v', toUpper(lambdaVariables('v'))))", {"a": "X"}),
    # numbers
    ("int(' -12 ')", -12),
    ("float('1.5')", 1.5),
    ("div(-7, 2)", -3),
    ("mod(-7, 2)", -1),
    ("sub(1, 3)", -2),
    # dates: a year has 365 days and a month 30, says the documentation
    ("dateTimeAdd('2023-01-01 00:00:00Z', 'P1Y')", "2024-01-01T00:00:00Z"),
    ("dateTimeAdd('2024-01-01 00:00:00Z', 'P1Y')", "2024-12-31T00:00:00Z"),
    ("dateTimeAdd('2024-02-01T00:00:00Z', 'P1M')", "2024-03-02T00:00:00Z"),
    ("dateTimeAdd('20200407T145314Z', '-P9DT1H', 'yyyy-MM-dd HH:mm')", "2020-03-29 13:53"),
    ("dateTimeAdd('2020-04-07T14:53:14+02:00', 'P1Y2M10DT2H30M', 'u')", "2021-06-16 15:23:14Z"),
    ("dateTimeToEpoch('1970-01-01T00:01:00Z')", 60),
    ("dateTimeFromEpoch(1683040573)", "2023-05-02T15:16:13Z"),
    # addresses
    ("parseCidr('10.144.0.0/20').lastUsable", "10.144.15.254"),
    ("parseCidr('10.144.0.5/20').network", "10.144.0.0"),
    ("parseCidr('fdad:3236:5555::/48').netmask", "ffff:ffff:ffff::"),
    ("cidrSubnet('10.144.0.0/20', 24, 4)", "10.144.4.0/24"),
    ("cidrHost('10.144.3.0/24', 0)", "10.144.3.1"),
    # encodings
    ("base64('one, two, three')", "b25lLCB0d28sIHRocmVl"),
    ("base64ToString('b25lLCB0d28sIHRocmVl')", "one, two, three"),
    ("base64ToJson(base64('{\"a\":[null,1.5]}'))", {"a": [None, 1.5]}),
    ("dataUri('Hello')", "data:text/plain;charset=utf8;base64,SGVsbG8="),
    ("dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", "Hello, World!"),
    ("uriComponent('http://a b/')", "http%3A%2F%2Fa%20b%2F"),
    ("uriComponentToString('a%20b')", "a b"),
    ("uri('https://contoso.org/firstpath/azuredeploy.json', 'nested/a.json')", "https://contoso.org/firstpath/nested/a.json"),
    ("uri('https://contoso.org', 'a.json')", "https://contoso.org/a.json"),
    ("uri('https://contoso.org/a/', '/b')", "https://contoso.org/b"),
    ("buildUri(createObject('scheme', 'https', 'host', 'a.b', 'path', 'c'))", "https://a.b/c"),
    ("json('null')", None),
    ("json('[1, \"a\"]')", [1, "a"]),
]  # fmt: skip

REFUSED = [
    ("substring('abc', 2, 2)", "`substring()` expects a range within the string~"),
    ("toLower()", "`toLower()` does not accept 0 arguments~"),
    ("toLower(1)", "`toLower()` expects a string~"),
    ("replace('a', '', 'b')", "`replace()` does not accept an empty string to replace~"),
    ("format('{0} {1}', 'a')", "`format()` expects an argument for each placeholder~"),
    ("length(null())", "`length()` expects an array, an object or a string~"),
    ("int('x')", "`int()` expects an integer~"),
    ("range(0, 10001)", "`range()` expects a count between 0 and 10,000~"),
    ("if('true', 1, 2)", "the condition is not a Boolean~"),
    ("and('true')", "an operand is not a Boolean~"),
    ("wonder('x')", "the function is not supported"),
    ("fail('x')", "the template calls `fail()`~"),
    ("filter(createArray(1), lambda('x', 1))", "`filter()` expects a lambda that returns a Boolean~"),
    ("dateTimeAdd('2024-01-01', 'P')", "`dateTimeAdd()` expects a duration in ISO 8601 format~"),
    ("union(createArray(), createObject())", "`union()` expects only arrays or only objects~"),
    ("lambdaVariables('x')", "`lambdaVariables()` does not name a parameter of an enclosing lambda~"),
    ("json('{''a'': 1}')", "the string is not valid JSON"),
    ("format('{0:C}', 1)", "the number format is not supported"),
    ("cidrSubnet('10.0.0.0/24', 16, 0)", "`cidrSubnet()` expects a subnet within the address range~"),
]  # fmt: skip

STRANGE = [
    "div(1, 0)", "mod(1, 0)", "add(9223372036854775807, 1)", "int('99999999999999999999')", "bool('1')", "min()",
    "dateTimeAdd('9999-12-31', 'P99999Y')", "dateTimeToEpoch('2024-13-01')", "base64ToString('ä')", "cidrHost('x', 0)",
    "cidrHost('10.0.0.0/30', 99)", "split('a', '')", "padLeft('a', 2, 'ab')", "createObject('a')", "map('a', 'b')",
    "sort(createArray(1, 'a'), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))", "uri('a', 'b')",
    "first(1)", "join('a', 'b')", "concat('a', createArray())", "concat('a', null())", "contains(null(), 'a')",
    "base64ToString('/w==')", "parseCidr('10.0.0.0/32')", "reduce(createArray(1), 1, 2)", "indexOf('İ', 'i')",
    "union(createArray(), 'a')", "array(null())", "dateTimeFromEpoch(9223372036854775807)", "json('1e999')",
    "format('{', 1)", "float('nan')", "dateTimeAdd('2024-01-01', 'P1D', 'q')", "items(null())", "tryGet('a')",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), KNOWN)
def test_function_has_its_value(arm: Language, text: str, expected: Any) -> None:
    found = arm(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_invalid_function_call_has_a_reason(arm: Language, text: str, why: str) -> None:
    assert arm.why(text) == why.replace("~", ", so the deployment fails")


@pytest.mark.parametrize("text", STRANGE)
def test_unusual_function_call_is_unknown(arm: Language, text: str) -> None:
    assert arm.why(text)


def test_growth_is_limited(arm: Language, bicep: Language) -> None:
    long = "x" * 1_000_000
    for text in (
        "padLeft('a', 1000001)",
        "replace(parameters('long'), 'x', 'yy')",
        "concat(parameters('long'), parameters('long'))",
        "format('{0}{0}', parameters('long'))",
        "join(createArray(parameters('long'), 'b'), ',')",
        "split(parameters('long'), 'x')",
        "string(createArray(parameters('long'), 'b'))",
        "concat(range(0, 9000), range(0, 9000))",
        "json(concat(padLeft('', 101, '['), padLeft('', 101, ']')))",
    ):
        assert arm.why(text, long=long)
    assert bicep.why("reduce(range(0, 9000), [], (all, item) => concat(all, [1, 2]))").startswith("more than 10,000")


def test_a_secret_stays_one(arm: Language) -> None:
    for text in (
        "concat('a', parameters('secret'))",
        "toUpper(parameters('secret'))",
        "base64(parameters('secret'))",
        "first(parameters('secret'))",
        "format('{0,9}', parameters('secret'))",
        "replace(parameters('u'), 'a', parameters('secret'))",
    ):
        found = arm.result(text)
        assert found.sensitive  # type: ignore[union-attr]  # all of them are texts
        assert not isinstance(found, Unknown) or "hunter2" not in found.text


def test_functions_are_found_with_namespaces_and_in_any_case(bicep: Language) -> None:
    assert bicep("sys.toLower('A')") == "a"
    assert bicep("az.uniqueString('a')") == "?⟨uniqueString('a')⟩"
    assert bicep.why("tolower('A')") == "the function is not supported"
    assert bicep.why("createArray(1)") == "the function is not supported"
    assert bicep("any([u])") == ["?⟨u⟩"]
    assert bicep("nameof(u.properties.name)") == "name"
    assert bicep("map([1, 2], (x, i) => x + i)") == [1, 3]
