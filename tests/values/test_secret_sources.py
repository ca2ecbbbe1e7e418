"""What ``secrets_in`` yields of an expression, and the text by which an expression without secrets is recognized."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.azure.secret_properties import secret_properties
from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import HclFile, parse_file
from azkvlint.values.parts import ValuePart
from azkvlint.values.secret_sources import may_hold_secrets, secrets_in

KEYS = st.sampled_from(
    [
        "a", "password", "pass-word", "to_ken", "clientKey", "client_key", "protectedSettings", "protected_parameters",
        "secureValue", "type", '"p\\u0061ssword"', '("password")', '"${"password"}"', '"db_${x}_password"',
    ]
)  # fmt: skip
FUNCTIONS = st.sampled_from(["sensitive", "core::sensitive", "nonsensitive", "lower", "merge"])
TYPES = ["Microsoft.Web/sites/config@2023-12-01", "Microsoft.KeyVault/vaults/secrets", "Microsoft.Web/sites"]
LEAVES = st.sampled_from(["local.a", "local.o.s", "1", '"x"', "var.password", *(f'"{type_}"' for type_ in TYPES)])


def combine(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda name, one: f"{name}({one})", FUNCTIONS, inner),
        st.builds(lambda key, one: f"{{ {key} = {one} }}", KEYS, inner),
        st.builds(lambda type_, one: f'{{ type = "{type_}", properties = {one} }}', st.sampled_from(TYPES), inner),
        st.builds(lambda all_: f"[{', '.join(all_)}]", some),
        st.builds(lambda one: f'"${{{one}}}"', inner),
        st.builds(lambda one, other: f"[for x in {one} : {other}]", inner, inner),
        st.builds(lambda one, other: f"true ? {one} : {other}", inner, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, combine, max_leaves=6)


class NoScope:
    """A scope in which no name refers to anything."""

    key = None

    def written(self, *_: object) -> None:
        return None

    def hide(self, *_: object) -> None:
        return None

    def hide_key(self, *_: object) -> None:
        return None


def secrets(file: HclFile) -> tuple[int, str]:
    """The number of secrets in the only local, and its text."""
    attribute = next(block for block in file.body.blocks if block.type == "locals").body.attributes["x"]
    node = attribute.expression()
    assert node is not None
    found = list(secrets_in(ValuePart(node, NoScope()), secret_properties))
    return len(found), file.text[attribute.value_start : attribute.end]


def of_hcl(expression: str) -> tuple[int, str]:
    return secrets(parse_file(f"locals {{\n  x = {expression}\n}}\n"))


@given(EXPRESSIONS)
def test_expression_with_secrets_is_found_by_its_text(expression: str) -> None:
    count, text = of_hcl(expression)
    assert may_hold_secrets(text) or not count


@given(EXPRESSIONS, st.data())
def test_json_expression_with_secrets_is_found_by_its_text(expression: str, data: st.DataObject) -> None:
    escaped = data.draw(st.sampled_from(["", "s", "{", "${", "sensitive{}"]))
    written = "".join(f"\\u{ord(one):04x}" if one in escaped or one in '"\\' else one for one in f"${{{expression}}}")
    count, text = secrets(parse_json_file(f'{{"locals": {{"x": "{written}"}}}}'))
    assert may_hold_secrets(text) or not count


@pytest.mark.parametrize("text", ["local.a", "var.password", '"plain"', "[1, lower(local.a)]", "true"])
def test_expression_without_objects_and_sensitive_contains_no_secrets(text: str) -> None:
    assert of_hcl(text) == (0, text)
    assert not may_hold_secrets(text)


@pytest.mark.parametrize(
    "expression",
    [
        "sensitive(local.a)",
        "core::sensitive(local.a)",
        "nonsensitive(sensitive(local.a))",
        "{ clientKey = local.a }",
        "{ to_ken = local.a }",
        "{ protectedSettings = local.a }",
        '{ ("password") = local.a }',
        '{ "${local.x}_password" = local.a }',
        '{ type = "Microsoft.Web/sites/config", properties = local.a }',
    ],
)
def test_secrets_are_found_in_an_expression(expression: str) -> None:
    assert of_hcl(expression)[0] == 1
