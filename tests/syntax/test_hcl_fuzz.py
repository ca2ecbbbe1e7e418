"""No text breaks the reading of Terraform files: cut off, damaged, or none of their language at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import parse_template
from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import Body, HclFile, parse_file
from azkvlint.util.errors import InputError

WHOLE = """# Where the vault is.
variable "location" {
  type    = object({ name = optional(string, "x"), all = map(list(number)) })
  default = { name = "westeurope" } // often
}

/* All
   of it. */
locals {
  names = [for k, v in var.vaults : "${k}-${v.name}" if v.on && !var.off]
  map   = { for i, x in local.names : x => upper(x)... }
  text  = <<-EOT
    Hello %{ if var.a == "b" ~}${var.name}%{ else }nobody%{ endif }
      $${escaped} \\n "quoted"
  EOT
  sum   = 1 + 2 * -3 / (4 - 5) % 6
  pick  = var.a ? var.b[0] : var.c["d"].e.*.f[*].g
}

resource "azurerm_key_vault" "app" {
  for_each = toset(concat(local.names, ["a", "b"]))
  name     = "kv${each.key}"
  tags = merge(local.tags, {
    "a b" = 1.5e3, (local.key) : null
  })
  dynamic "access_policy" {
    for_each = provider::a::b(<<E
x
E
    , 2)
    content {
      object_id = access_policy.value["id"]
    }
  }
  lifecycle { ignore_changes = all }
}
"""
JSON = """{"//": "x", "resource": [{"azurerm_key_vault": {"app": [{"name": "kv${var.a}", "tags": {"a": [1, null]},
"dynamic": {"access_policy": {"for_each": "${var.b}", "content": {"x": true}}}, "lifecycle": {"ignore_changes": ["a"]}
}]}}], "variable": {"a": {"type": "list(string)", "default": ["${x}", -1.5e2]}}, "b": "\\u00e9"}"""
MARKS = [*'{}[]()"~#\n\\=,.*:\x00é', "${", "%{", "<<E\n", "E\n", "/*", "*/"]


def nodes(node: Any) -> Iterator[ast.Node]:
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, tuple):
            pending += found
        elif isinstance(found, ast.Node):
            yield found
            pending += [getattr(found, name) for name in found.__struct_fields__[2:]]


def check_body(body: Body, start: int, end: int, ordered: bool) -> None:
    for fault in body.faults:
        assert start <= fault.at <= end
        assert fault.message
    last = start
    for attribute in sorted(body.attributes.values(), key=lambda one: one.start):
        assert last <= attribute.start < attribute.value_start <= attribute.end <= end
        last = attribute.end
        expression = attribute.expression()
        assert (expression is None) == (attribute.fault is not None)
        if attribute.fault is not None:
            assert attribute.start <= attribute.fault.at <= end
        for node in nodes(expression):
            assert attribute.start <= node.start <= node.end <= attribute.end
    for block in body.blocks:
        assert 0 <= block.start < block.head <= block.end <= end
        assert not ordered or start <= block.start
        check_body(block.body, block.brace, block.end, ordered)


def check(file: HclFile, ordered: bool = True) -> None:
    """That nothing raises, and all stands within the text. In JSON a block may have more than one body."""
    end = len(file.text)
    assert all(0 <= fault.at <= end for fault in file.faults)
    assert list(file.comments) == sorted(file.comments)
    assert all(0 <= start < stop <= end for start, stop in file.comments)
    check_body(file.body, 0, end, ordered)


def damaged(whole: str) -> st.SearchStrategy[str]:
    places = st.integers(0, len(whole))
    changes = st.lists(st.tuples(places, st.integers(0, 11), st.sampled_from([*MARKS, ""])), min_size=1, max_size=4)

    def damage(changes: list[tuple[int, int, str]]) -> str:
        text = whole
        for start, length, mark in changes:
            text = text[:start] + mark + text[start + length :]
        return text

    return changes.map(damage)


def cut(whole: str) -> st.SearchStrategy[str]:
    return st.integers(0, len(whole)).map(lambda end: whole[:end])


NOISE = st.lists(
    st.sampled_from([*MARKS, "a", "a ", ' "b" ', "for ", "in ", "1", " ? ", "if "]), max_size=30
).map("".join)  # fmt: skip


def test_the_whole_text_is_right() -> None:
    for file in (parse_file(WHOLE), parse_json_file(JSON)):
        check(file)
        assert list(file.faults) == []


@settings(max_examples=400, deadline=None)
@given(st.one_of(damaged(WHOLE), NOISE, cut(WHOLE)))
@example("a = <<E\n${\nE\n}\nE\n")
@example('a = "${ <<E\n}"\nE\n}"')
@example(f"{WHOLE[:412]}/*{WHOLE[412:538]}*/{WHOLE[538:]}")  # what is damaged is read on into the next block
def test_no_text_breaks_the_reading(text: str) -> None:
    check(parse_file(text))


@settings(max_examples=200, deadline=None)
@given(st.one_of(damaged(JSON), NOISE, cut(JSON)))
def test_no_json_breaks_the_reading(text: str) -> None:
    check(parse_json_file(text), ordered=False)


@settings(max_examples=200, deadline=None)
@given(st.one_of(damaged(WHOLE), NOISE))
def test_no_template_breaks_the_reading(text: str) -> None:
    try:
        found = parse_template(text)
    except InputError:
        return
    assert all(0 <= node.start <= node.end <= len(text) for node in nodes(found))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE)), st.sampled_from(MARKS))
def test_a_block_behind_the_damage_is_still_read(at: int, mark: str) -> None:
    text = WHOLE[:at] + mark + WHOLE[at:] + '\nresource "a" "last" {\n  b = 1\n}\n'
    file = parse_file(text)
    check(file)
    assert file.body.blocks[-1].labels == ("a", "last")
