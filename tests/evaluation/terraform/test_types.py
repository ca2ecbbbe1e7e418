"""Types of variables, and what they hold when they are given a value. test_oracle.py has many more of ``convert()``."""

from __future__ import annotations

from typing import Any

import pytest

from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.terraform.types import ANY, ObjectAttribute, TypeConstraint, type_of
from azkvlint.evaluation.values import Fields, Items
from azkvlint.model.value import Unknown
from tests.evaluation.terraform.conftest import Terraform, link, parsed, shown

STRING, NUMBER = TypeConstraint("string"), TypeConstraint("number")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("string", STRING),
        ('"string"', STRING),
        ('"list"', TypeConstraint("list", (ANY,))),
        ("map", TypeConstraint("map", (ANY,))),
        ("any", ANY),
        ("list(string)", TypeConstraint("list", (STRING,))),
        ("set(map(number))", TypeConstraint("set", (TypeConstraint("map", (NUMBER,)),))),
        ("tuple([string, number])", TypeConstraint("tuple", (STRING, NUMBER))),
        ("object({a = string})", TypeConstraint("object", attributes={"a": ObjectAttribute(STRING)})),
        (
            "object({a = optional(string)})",
            TypeConstraint("object", attributes={"a": ObjectAttribute(STRING, optional=True)}),
        ),
        ("nonsense", ANY),
        ("list()", ANY),
        ("list(string, number)", ANY),
        ("object(string)", ANY),
        ("1 + 1", ANY),
    ],
)
def test_type_expression_is_parsed(text: str, expected: TypeConstraint) -> None:
    assert type_of(parsed(text)) == expected


def test_missing_type_accepts_any_value() -> None:
    assert type_of(None) == ANY


_VAULT = """object({
  name = string, purge = optional(bool, true), days = optional(number), acl = optional(list(string), ["x"])
})"""


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (_VAULT, '{name = "a", z = 1}', {"name": "a", "purge": True, "days": None, "acl": ["x"]}),
        (_VAULT, "{name = u, purge = u}", {"name": "?⟨u⟩", "purge": "?", "days": None, "acl": ["x"]}),
        (_VAULT, "null", None),
        (_VAULT, "u", "?⟨u⟩"),
        (f"map({_VAULT})", "{x = {name = 1}}", {"x": {"name": "1", "purge": True, "days": None, "acl": ["x"]}}),
        ("list(string)", "[1, u]", ["1", "?⟨u⟩"]),
        ("set(string)", '["b", "a", "b"]', ["a", "b"]),
        ("map(string)", "open", {"a": "1", "*": "?"}),
        ("object({a = number, b = number})", "open", {"a": 1, "b": "?⟨⟨rest⟩.b⟩"}),
        ("any", '[1, "a"]', [1, "a"]),
        ("object({id = string})", "vault.a", "resource"),
        ("list(string)", "vault.many", "resource"),
    ],
)  # fmt: skip
def test_value_is_converted_to_the_type_of_the_variable(
    terraform: Terraform, type_: str, value: str, expected: Any
) -> None:
    found = shown(terraform.variable(type_, value))
    if isinstance(expected, dict) and expected.get("purge") == "?":
        assert found["purge"].startswith("?")
        expected = {**expected, "purge": found["purge"]}
    assert found == expected


@pytest.mark.parametrize(
    ("type_", "value"),
    [("number", '"x"'), ("string", "[]"), ("list(string)", '"x"'), ("object({a = string})", "{}"), ("bool", "1"),
     ("tuple([string])", "[]"), ("map(string)", "[]"), ("list(number)", '[u, "x"]'), ("set(list(string))", "[1]")],
)  # fmt: skip
def test_value_of_another_type_fails(terraform: Terraform, type_: str, value: str) -> None:
    with pytest.raises(FailedError, match="required"):
        terraform.variable(type_, value)


def test_converted_value_keeps_sensitivity_locations_and_links(terraform: Terraform) -> None:
    secret = terraform.variable("object({a = string})", "{a = secret}")
    assert isinstance(secret, Fields)
    assert secret.fields["a"].at == terraform.result("secret").at
    assert "hunter2" not in repr(secret.fields["a"])
    linked = terraform.variable("list(string)", "[vault.a.id]")
    assert isinstance(linked, Items)
    assert linked.items == [link("azurerm_key_vault.a")]
    assert linked.kind == "list"


def test_endless_value_is_unknown(terraform: Terraform) -> None:
    value = terraform.result("[1]")
    for _ in range(40):
        value = terraform.result("[v, v]", v=value)
    assert isinstance(terraform.variable("list(any)", "v", v=value), Unknown)


def test_optional_default_of_an_unknown_attribute_is_uncertain(terraform: Terraform) -> None:
    type_ = "object({id = optional(string, null), on = optional(bool, true)})"
    found = terraform.variable(type_, "{id = vault.a.id, on = u}")
    assert isinstance(found, Fields)
    assert found.fields["id"] == link("azurerm_key_vault.a")
    assert isinstance(found.fields["on"], Unknown)
