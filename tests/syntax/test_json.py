"""JSON as Azure's tools take it, and the places of its members."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azkvlint.syntax.json_decoder import MAX_DEPTH, JsonDocument, Pointer, blank_comments, decode, duplicate_key
from azkvlint.syntax.json_positions import locate
from azkvlint.util.errors import InputError

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"


def fault(data: bytes | str) -> str:
    with pytest.raises(InputError) as caught:
        decode(data.encode() if isinstance(data, str) else data)
    return f"{caught.value.line}:{caught.value.column}: {caught.value.message}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        ('// c\n{"a": 1 /* b */, /* c */ "d": 2} // e', {"a": 1, "d": 2}),
        ('{"a": [1, 2, /* x */ ], // y\n}', {"a": [1, 2]}),
        ('{"u": "https://x/*y*/,]"}', {"u": "https://x/*y*/,]"}),
        ('{"a\\"//b": 1, // c\r\n"d": 2}', {'a"//b': 1, "d": 2}),
        ('["a\nb\tc\r\nd"]', ["a\nb\tc\r\nd"]),
        ('["a // b\n", // c\n]', ["a // b\n"]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": 1, "a": 2,}', {"a": 2}),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1" * 4000, int("1" * 4000)),
        ('["\\ud83d\\ude00", "\\\\ud83d",]', ["😀", "\\ud83d"]),
        ("[/**/]", []),
        ("[/***/1/* * / **/]", [1]),
        ("[1]//", [1]),
        ("[1]/*x*/\n\n", [1]),
    ],
)
def test_json_is_decoded(text: str, value: Any) -> None:
    assert decode(text.encode()) == JsonDocument(value, text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ['{"é": "😀"}', '// é\r\n{"é": ["\\u00e9",]}'])
def test_json_is_decoded_in_each_encoding(encoding: str, text: str) -> None:
    document = decode(text.encode(encoding))
    assert document.text == text
    assert list(document.value) == ["é"]


def test_half_of_a_character_in_utf16_is_an_error() -> None:
    with pytest.raises(InputError, match="the file is not valid UTF-16"):
        decode('["\ud800"]'.encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "1:1: the file is empty"),
        (" \n", "1:1: the file is empty"),
        (b"\xef\xbb\xbf", "1:1: the file is empty"),
        ("{", "1:2: invalid JSON: unexpected end of file: expected a key in double quotes"),
        ('{"a": 1\n', "2:1: invalid JSON: unexpected end of file: expected `,` or a closing bracket"),
        ('{"a" 1}', "1:6: invalid JSON: expected `:`"),
        ('{"a": 1 "b": 2}', "1:9: invalid JSON: expected `,` or a closing bracket"),
        ('{"a": }', "1:7: invalid JSON: expected a value"),
        ("{a: 1}", "1:2: invalid JSON: expected a key in double quotes"),
        ("{'a': 1}", "1:2: invalid JSON: strings require double quotes"),
        ("['a']", "1:2: invalid JSON: strings require double quotes"),
        ('["é", "b]', "1:7: invalid JSON: this string is not closed"),
        ('["\\x"]', "1:3: invalid JSON: this character cannot be escaped with a backslash"),
        ('["\\ud83d"]', "1:3: invalid JSON: this escape is an unpaired surrogate"),
        ('["\\ude00\\ud83d"]', "1:3: invalid JSON: this escape is an unpaired surrogate"),
        ('["\\ud83d\\ude00\\ude00"]', "1:15: invalid JSON: this escape is an unpaired surrogate"),
        ('{"\\ud83d \\ude00": 1}', "1:3: invalid JSON: this escape is an unpaired surrogate"),
        ('["\\u12"]', "1:3: invalid JSON: expected four hexadecimal digits after `\\u`"),
        ("[1] 2", "1:5: invalid JSON: expected the end of the file"),
        ("[1, /* 2]", "1:5: invalid JSON: this comment is not closed"),
        ("[1,,]", "1:4: invalid JSON: expected a value"),
        ('{"a":,}', "1:6: invalid JSON: expected a value"),
        ("{,}", "1:2: invalid JSON: expected a key in double quotes"),
        ("[,]", "1:2: invalid JSON: expected a value"),
        ("[ /*x*/ , ]", "1:9: invalid JSON: expected a value"),
        ('["a,b", NaN]', "1:9: invalid JSON: the number is out of range"),
        ('["NaN", // NaN\n-Infinity]', "2:1: invalid JSON: the number is out of range"),
        ('["1e999",\n 1e999]', "2:2: invalid JSON: the number is out of range"),
        (b'{"a":\r\n"\xe4"}', "2:2: the file is not UTF-8"),
        (b"\xff\xfe\x00", "None:None: the file is not valid UTF-16"),
    ],
)
def test_invalid_json_has_a_message_with_line_and_column(data: bytes | str, message: str) -> None:
    assert fault(data) == message


def test_too_long_a_number_is_refused() -> None:
    assert fault("1" * 5000) == "1:1: invalid JSON: a number is too long"


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('["[",', "]"), ("[/*[*/", "]")])
def test_nesting_has_a_limit(start: str, end: str) -> None:
    decode((start * MAX_DEPTH + "0" + end * MAX_DEPTH).encode())
    for depth in (MAX_DEPTH + 1, 100_000):
        column = MAX_DEPTH * len(start) + 1
        assert fault(start * depth + "0" + end * depth) == f"1:{column}: the nesting is deeper than {MAX_DEPTH} levels"


def test_cleaning_keeps_every_offset() -> None:
    text = '{ // a\r\n "b,]": [1, /* c\n */ ], }'
    assert blank_comments(text) == '{     \r\n "b,]": [1           ]  }'
    assert len(blank_comments(text)) == len(text)


def test_cleaning_is_linear() -> None:
    for part in (",/*", ', "', ",/**/", "//\n", "/", ',/*"*/', "[,"):
        blank_comments(part * 100_000)


@given(st.binary())
@example(b"\x00")
@example(b"[\x00")
@example(b"\xff\xfe[\x00\xd8")
def test_arbitrary_bytes_are_a_document_or_an_input_error(data: bytes) -> None:
    read(data)


PIECES = st.sampled_from(
    [*'{}[],:"\\/*\n\r\t -.eE09é\u2028', '"a"', '"a":', "//", "/*", "*/", "true", "\\u", "NaN", "1e999"]
)


@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(["utf-8", "utf-16", "utf-16-be"]))
def test_arbitrary_text_is_a_document_or_an_input_error(text: str, encoding: str) -> None:
    document = read(text.encode(encoding))
    pointers: list[Pointer] = [(), ("a",), (0,), (0, "a"), ("a", "a"), (1,)]
    found = locate(text, pointers)
    if document is not None:
        assert () in found
        assert set(found) == {pointer for pointer in pointers if pointer in places(document.text)}


def read(data: bytes) -> JsonDocument | None:
    try:
        return decode(data)
    except InputError:
        return None


def places(text: str) -> dict[Pointer, tuple[int, int]]:
    """The places of everything in ``text``: a slow reader that shares nothing with the one under test."""
    found: dict[Pointer, tuple[int, int]] = {}
    # Comments, texts, and single characters otherwise.
    tokens = [
        match
        for match in re.finditer(r'//[^\r\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"/]+', text, re.DOTALL)
        if not match[0].startswith("/")
    ]
    at = 0

    def value(pointer: Pointer, start: int | None) -> None:
        nonlocal at
        token = tokens[at]
        at += 1
        for known in [known for known in found if known[: len(pointer)] == pointer]:
            del found[known]
        if token[0] in {"{", "["}:
            index = 0
            while tokens[at][0] not in {"}", "]"}:
                if token[0] == "{":
                    key, first = json.loads(tokens[at][0], strict=False), tokens[at].start()
                    at += 2
                    value((*pointer, key), first)
                else:
                    value((*pointer, index), None)
                    index += 1
                if tokens[at][0] == ",":
                    at += 1
            at += 1
        found[pointer] = (token.start() if start is None else start), tokens[at - 1].end()

    value((), None)
    return found


BLANKS = st.sampled_from(["", " ", "\n", "\r\n\t", '// ]}"x\n', '/* [{," */', " /**/ //\r"])
KEYS = st.text(st.sampled_from('ab"\\/[{é😀\n'), max_size=3)


@st.composite
def texts(draw: st.DrawFn, depth: int = 0) -> str:
    """A JSON text with comments, last commas and keys given twice."""
    blank, comma = draw(BLANKS), draw(st.sampled_from(["", ","]))
    kind = draw(st.sampled_from(["object", "list", "scalar"] if depth < 3 else ["scalar"]))
    if kind == "scalar":
        scalar = json.dumps(draw(KEYS | st.integers() | st.none() | st.booleans()), ensure_ascii=draw(st.booleans()))
        return f"{blank}{scalar}{draw(BLANKS)}"
    if kind == "list":
        items = draw(st.lists(texts(depth=depth + 1), max_size=3))
        return f"{blank}[{','.join(items)}{comma if items else ''}{draw(BLANKS)}]{draw(BLANKS)}"
    members = draw(st.lists(st.tuples(BLANKS, KEYS, BLANKS, texts(depth=depth + 1)), max_size=3))
    inner = ",".join(f"{before}{json.dumps(key)}{after}:{value}" for before, key, after, value in members)
    return f"{blank}{{{inner}{comma if members else ''}{draw(BLANKS)}}}{draw(BLANKS)}"


@given(texts(), st.data())
def test_places_are_those_of_a_slow_reader(text: str, data: st.DataObject) -> None:
    document = decode(text.encode())
    expected = places(text)
    assert locate(text, expected) == expected
    some = data.draw(st.lists(st.sampled_from(sorted(expected, key=repr)), max_size=3))
    assert locate(text, some) == {pointer: expected[pointer] for pointer in some}
    assert locate(document.text, [("x",), (7,), *((*pointer, "x") for pointer in some)]) == {}


@pytest.mark.parametrize(
    ("text", "pointer", "part"),
    [
        ('{"a": {"b": [1, {"c": 2}]}}', ("a", "b", 1, "c"), '"c": 2'),
        ('{"a": {"b": [1, {"c": 2}]}}', ("a", "b", 1), '{"c": 2}'),
        ('{"a": {"b": [1, {"c": 2}]}}', ("a", "b"), '"b": [1, {"c": 2}]'),
        (' {"a": 1} ', (), '{"a": 1}'),
        (' "a" // b', (), '"a"'),
        ('{"\\u0061\\/": 1}', ("a/",), '"\\u0061\\/": 1'),
        ('{"a" /*"a": 2*/ : // x\n 1 }', ("a",), '"a" /*"a": 2*/ : // x\n 1'),
        ('{"a": 1, "a": 2}', ("a",), '"a": 2'),
        ('{"a": {"b": 1}, "\\u0061": 3}', ("a", "b"), None),
        ('{"a": {"b": 1}, "a": 3}', ("a", "b"), None),
        ('{"0": 1}', (0,), None),
        ("[1]", ("0",), None),
        ("[1]", (1,), None),
        ("[1]", (-1,), None),
        ("1", ("a",), None),
    ],
)
def test_pointer_is_located(text: str, pointer: Pointer, part: str | None) -> None:
    found = locate(text, [pointer])
    assert {key: text[start:end] for key, (start, end) in found.items()} == ({pointer: part} if part else {})


def test_deeply_nested_values_are_located() -> None:
    deep = '{"a": [0, ' * 60 + '"x"' + "]}" * 60
    text = f'{{"skip": {deep}, "in": {deep}, "last": [{deep}, 1]}}'
    found = locate(text, [("in", *(("a", 1) * 60)), ("last", 1), ("in", *(0 for _ in range(5000)))])
    assert [text[start:end] for start, end in found.values()] == ['"x"', "1"]


def test_locating_is_linear() -> None:
    for text in (
        "[" * 100_000,
        '{"a":' * 50_000,
        "[/*" * 50_000,
        '["' * 50_000,
        "[" + "[[[[[[[[[[]]]]]]]]]],1," * 5_000,
    ):
        locate(text, [(5000,), ("a", "a")])


FILES = sorted(path for name in ("arm", "pairs", "whatif", "snapshot") for path in (CORPORA / name).rglob("*.json"))


@pytest.mark.skipif(not FILES, reason=f"the corpora are not here: no templates in {CORPORA / 'arm'}")
def test_published_templates_are_decoded() -> None:
    for path in FILES:
        document = decode(path.read_bytes())
        assert locate(document.text, [()]), path
        lists: list[Pointer] = [(key,) for key in document.value] if isinstance(document.value, dict) else []
        assert set(locate(document.text, lists)) == set(lists), path


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, whose keys may be equal."""


_KEY = st.sampled_from(["a", "b", "\\", '"', "a:", "é", "\u2028", ":"])
_TREE = st.recursive(
    st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(['"a": "a":', "\\", ":"]),
    lambda parts: st.lists(parts, max_size=4) | st.lists(st.tuples(_KEY, parts), max_size=4).map(_Pairs),
    max_leaves=12,
)


def _written(tree: Any, ascii_only: bool, gap: str) -> str:
    if isinstance(tree, _Pairs):
        members = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}{gap}:{_written(part, ascii_only, gap)}" for key, part in tree
        )
        return f"{{{gap}{','.join(members)}}}"
    if isinstance(tree, list):
        return f"[{','.join(_written(part, ascii_only, gap) for part in tree)}{gap}]"
    return json.dumps(tree, ensure_ascii=ascii_only)


def _has_duplicate(tree: Any) -> bool:
    if isinstance(tree, _Pairs):
        keys = [key for key, _ in tree]
        return len(set(keys)) < len(keys) or any(_has_duplicate(part) for _, part in tree)
    return isinstance(tree, list) and any(map(_has_duplicate, tree))


@given(_TREE, st.booleans(), st.sampled_from(["", " ", "\n\t"]))
def test_duplicate_key_is_found_at_any_depth(tree: Any, ascii_only: bool, gap: str) -> None:
    data = _written(tree, ascii_only, gap).encode()
    assert (duplicate_key(data) is not None) is _has_duplicate(tree)


def test_keys_are_compared_without_escapes() -> None:
    assert duplicate_key(rb'{"a": 1, "\u0061": 2}') == "a"
    assert duplicate_key(rb'{"n": 1' + b"0" * 5_000 + b"}") is None
    assert duplicate_key(rb'{"\ud800": 1, "\ud800": 2}') == "\ud800"
