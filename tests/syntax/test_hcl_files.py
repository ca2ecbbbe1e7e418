"""Terraform files: which blocks and attributes they are made of, where those stand, and what a fault costs."""

from __future__ import annotations

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block, Body, HclFile, parse_file
from azkvlint.syntax.hcl.tokens import MAX_FAULTS

VAULT = """# The vault.
resource "azurerm_key_vault" "app" {
  name = "kv" // its name
  tags = {
    a = "b" # a comment within
  }
  /* two
     lines */
  network_acls {
    bypass = "None"
  }
  timeouts {}
}

locals { x = 1 }
"""


def names(file: HclFile) -> list[str]:
    return [" ".join((block.type, *block.labels)) for block in file.body.blocks]


def faults(file: HclFile) -> list[tuple[str, int]]:
    return [(fault.message, fault.at) for fault in file.faults]


def only_block(text: str) -> Block:
    file = parse_file(text)
    assert file.faults == []
    (block,) = file.body.blocks
    return block


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_blocks_and_attributes_have_their_positions(ends: str, mark: str) -> None:
    text = mark + VAULT.replace("\n", ends)
    file = parse_file(text)
    assert file.text == text
    assert file.faults == []
    assert names(file) == ["resource azurerm_key_vault app", "locals"]
    vault, local = file.body.blocks
    assert text[vault.start : vault.head] == 'resource "azurerm_key_vault" "app"'
    assert text[vault.start : vault.end].endswith("timeouts {}\n}".replace("\n", ends))
    assert text[local.start : local.end] == "locals { x = 1 }"
    name = vault.body.attributes["name"]
    assert text[name.start : name.end] == 'name = "kv"'
    assert text[name.value_start : name.end] == '"kv"'
    tags = vault.body.attributes["tags"]
    assert text[tags.start : tags.end].startswith("tags = {")
    assert text[tags.start : tags.end].endswith("}")
    inner, empty = vault.body.blocks
    assert text[inner.start : inner.head] == "network_acls"
    assert list(inner.body.attributes) == ["bypass"]
    assert (empty.body.attributes, empty.body.blocks, empty.body.faults) == ({}, [], [])


def test_comments_are_found_everywhere() -> None:
    file = parse_file(VAULT.replace("\n", "\r\n"))
    assert [file.text[start:end] for start, end in file.comments] == [
        "# The vault.", "// its name", "# a comment within", "/* two\r\n     lines */",
    ]  # fmt: skip
    text = 'a = [1, # one\n 2] # two\nb "c" { d = "# no //x ${ e /* three */ }" }\n'
    text += "f = <<E\n# no ${ g /* four */ }\n$${ # no }\nE\n# five"
    file = parse_file(text)
    assert file.faults == []
    assert [text[start:end] for start, end in file.comments] == [
        "# one",
        "# two",
        "/* three */",
        "/* four */",
        "# five",
    ]


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("a", ()),
        ("a b", ("b",)),
        ('a "b" c', ("b", "c")),
        ('a"b""c"', ("b", "c")),
        (r'a "b\"c" "$${d}"', ('b"c', "${d}")),
        ('a /* one */ "b" /* two */', ("b",)),
        ('é "ñ"', ("ñ",)),
        ('a "5% $"', ("5% $",)),
    ],
)
def test_labels_are_parsed(header: str, labels: tuple[str, ...]) -> None:
    block = only_block(header + " {}")
    assert block.labels == labels


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 1", "1"),
        ("a=1 # b", "1"),
        ("a = 1 // b", "1"),
        ("a = 1 /* b */ ", "1"),
        ("a /* b */ = /* c */ 1 /* d */ + 2 /* e */", "1 /* d */ + 2"),
        ("a = [\n1,\n2\n]\n", "[\n1,\n2\n]"),
        ('a = "}{" \nb = 1', '"}{"'),
        ('a = "${{ b = "}" }.b}"', '"${{ b = "}" }.b}"'),
        ("a = <<E\n}\n{\nE\nb = 1", "<<E\n}\n{\nE"),
        ("a = f(<<-E\n)\n  E  \n)\n", "f(<<-E\n)\n  E  \n)"),
        ("a = { # }\n}\n", "{ # }\n}"),
        ("a = b / c /* } */ < d", "b / c /* } */ < d"),
    ],
)
@pytest.mark.parametrize("inner", [False, True])
def test_an_attribute_ends_with_its_expression(text: str, value: str, inner: bool) -> None:
    whole = f"b {{\n{text}\n}}" if inner else text
    file = parse_file(whole)
    assert file.faults == []
    body = file.body.blocks[0].body if inner else file.body
    attribute = body.attributes["a"]
    assert whole[attribute.value_start : attribute.end] == value
    assert attribute.expression() is not None
    assert body.faults in ([], ())


def test_first_of_two_equal_attributes_is_used() -> None:
    file = parse_file("a = 1\na = 2\n")
    assert faults(file) == [("this attribute is set twice", 6)]
    assert file.body.attributes["a"].expression() == ast.Literal(4, 5, 1)
    assert list(file.body.faults) == []
    inner = only_block("b {\n a = 1\n a = 2\n}").body
    assert [fault.at for fault in inner.faults] == [12]


def test_one_heredoc_does_not_swallow_the_next() -> None:
    text = "".join(f'resource "a" "b{index}" {{\n  c = <<E\nd\nE \n}}\n' for index in range(3))
    assert names(parse_file(text)) == ["resource a b0", "resource a b1", "resource a b2"]


BEFORE, AFTER = 'a "before" {\n  b = 1\n}\n', '\nz "after" {\n  b = 1\n}\n'


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("b {\n  c = 1", "this `{` is not closed", 2),
        ("b {\n  c {\n  d = 1\n", "this `{` is not closed", 2),
        ("}", "expected an attribute or a block, found `}`", 0),
        ("<<<<<<< HEAD\n", "expected an attribute or a block, found a merge conflict marker", 0),
        ("b {\n}}", "expected the end of the line, found `}`", 5),
        ("b\n{\n}", "expected `=`, a label or `{`, found the end of the line", 1),
        ("b c = 1", "expected a label or `{`, found `=`", 4),
        ("b == 1", "expected `=`, a label or `{`, found `==`", 2),
        ('"b" {}', "expected an attribute or a block, found a string", 0),
        ('b "${c}" {}', "a label cannot contain an expression", 2),
        ('b "c {}', "this string is not closed", 2),
        ("b = [1, 2", "this `[` is not closed", 4),
        ("b = (1]", "this `(` is not closed", 4),
        ("b = 1)", "expected the end of the line, found `)`", 5),
        ('b = "c', "this string is not closed on its line", 4),
        ('b = "${c"', "this string is not closed on its line", 4),
        ('b = f("c', "this string is not closed on its line", 6),
        ("b = <<E\nc\n", "this heredoc is not closed", 4),
        ("b {\n  c = <<E\n}\n", "this heredoc is not closed", 10),
        ("b {} c {}", "expected the end of the line, found a name", 5),
        ("/* b", "this comment is not closed", 0),
        ("b {\n  c = 1 /* d\n}", "this comment is not closed", 12),
        ("\x00", "expected an attribute or a block, found a control character", 0),
    ],
)
def test_syntax_error_affects_its_own_block_or_attribute_only(text: str, message: str, at: int) -> None:
    file = parse_file(BEFORE + text + AFTER)
    assert faults(file)[0] == (message, at + len(BEFORE))
    assert names(file)[0] == "a before"
    assert names(file)[-1] == "z after"


def body_of(text: str) -> Body:
    return only_block("b {\n" + text + "\n}\n").body


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("c = [1, 2", "this `[` is not closed", 4),
        ('c = "d', "this string is not closed on its line", 4),
        ('c = "${d', "this string is not closed on its line", 4),
        ('c = "d" "e', "this string is not closed on its line", 8),
        ("c", "expected `=`, a label or `{`, found the end of the line", 1),
        ("= 1", "expected an attribute or a block, found `=`", 0),
        ("c = 1]", "expected the end of the line, found `]`", 5),
    ],
)
def test_syntax_error_in_a_block_affects_one_attribute(text: str, message: str, at: int) -> None:
    body = body_of(f"a = 1\n{text}\nz = 2\ny {{\n}}")
    assert [(fault.message, fault.at - 10) for fault in body.faults] == [(message, at)]
    assert list(body.attributes) == ["a", "z"]
    assert [block.type for block in body.blocks] == ["y"]


def test_unclosed_bracket_does_not_affect_the_next_block() -> None:
    body = body_of("a = [1\nc {\n  d = )\n}\nz = 2")
    assert [fault.message for fault in body.faults] == ["this `[` is not closed"]
    assert [block.type for block in body.blocks] == ["c"]
    assert [fault.message for fault in body.blocks[0].body.faults] == ["expected the end of the line, found `)`"]
    assert list(body.attributes) == ["z"]


def test_reading_does_not_go_on_within_a_heredoc_or_comment() -> None:
    text = "b {\n  c = <<E\nno {}\nE\n  /*\nno {}\n*/\nyes {}\n"
    file = parse_file(text)
    assert [fault.message for fault in file.faults] == ["this `{` is not closed"]
    assert names(file) == ["yes"]


def test_faults_have_a_limit() -> None:
    file = parse_file("a = )\n" * (MAX_FAULTS * 2) + "b {}")
    assert len(file.faults) == MAX_FAULTS + 1
    assert file.faults[-1].message == "there are too many syntax errors"


def test_messages_contain_no_secret() -> None:
    texts = [
        'a = "hunter2',
        "a = hunter2 hunter2",
        "hunter2",
        'hunter2 "hunter2',
        'a = "hunter2 \\h"',
        "a = <<hunter2\n",
    ]
    for text in texts:
        file = parse_file(text)
        for attribute in file.body.attributes.values():
            attribute.expression()
            assert "hunter2" not in str(attribute.fault)
        assert "hunter2" not in str(file.faults)


def test_a_block_is_split_once() -> None:
    block = only_block("a { b = 1 }")
    assert block.body is block.body
