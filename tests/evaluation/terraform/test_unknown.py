"""Expressions with parts that nobody knows: what is certain is known, all else is Unknown, and nothing fails for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.evaluation.values import Fields, Items
from azkvlint.model.value import Scalar, Unknown

if TYPE_CHECKING:
    from tests.evaluation.terraform.conftest import Terraform

A, B = "azurerm_key_vault.a", "azurerm_key_vault.b"

PARTLY: list[tuple[str, Any]] = [
    ("u.b.c", "?⟨⟨⟨u⟩.b⟩.c⟩"),
    ('u["b"].c', "?⟨⟨⟨u⟩.b⟩.c⟩"),
    ("u[0]", "?⟨⟨u⟩[0]⟩"),
    ("u == u", True),
    ("u.a == u.a", True),
    ("u == w", "?⟨⟨u⟩==⟨w⟩⟩"),
    ('"kv-${u}" == "x"', False),
    ("vault.a.id == null", False),
    ("vault.a == null", False),
    ("u && false", False),
    ("false && u", False),
    ("u || true", True),
    ("u && true", "?⟨u⟩"),
    ("u ? {a = 1, b = 2} : {a = 1, b = 3}", {"a": 1, "b": "?⟨if(⟨u⟩,2,3)⟩"}),
    ("u ? [1, 2] : [1, 3]", [1, "?⟨if(⟨u⟩,2,3)⟩"]),
    ("u ? 1 : [][0]", 1),
    ('"a-${u}"', "?a-⟨u⟩"),
    ('lower("KV-${u}")', "?kv-⟨lower(⟨u⟩)⟩"),
    ('format("%s/%s", "a", u)', "?a/⟨u⟩"),
    ('formatlist("%s-x", [u, "a"])', ["?⟨u⟩-x", "a-x"]),
    ('join(",", ["a", u])', "?a,⟨u⟩"),
    ('startswith("kv-${u}", "kv")', True),
    ('startswith("kv-${u}", "no")', False),
    ('endswith("${u}-kv", "kv")', True),
    ("length([u, 1])", 2),
    ("length(keys(open))", "?"),
    ("open.a", 1),
    ("open.b", "?⟨⟨rest⟩.b⟩"),
    ("merge(open, {b = 2})", {"a": 1, "b": 2, "*": "?⟨rest⟩"}),
    ('contains([u, "a"], "a")', True),
    ('contains(["a", "b"], "kv-${u}")', False),
    ("contains([u], u)", True),
    ("alltrue([false, u])", False),
    ("anytrue([true, u])", True),
    ("concat([u], [1])", ["?⟨u⟩", 1]),
    ("{for k, v in {a = u} : k => v}", {"a": "?⟨u⟩"}),
    ("[for x in u : x if false && x.a]", []),
    ('{for k, v in u : k => v if v.a == "" && v.a != ""}', "?"),
    ("{for k, v in open : k => v if u && false}", {}),
    ("[for x in toset([u, 1]) : x if x == null && false]", []),
    ("{(u) = 1, b = 2}", {"b": 2, "*": "?"}),
    ("keys(vault.map)", ["x", "y"]),
    ("length(vault.list)", 2),
    ("[for v in values(vault.map) : v.name]", ["a", "b"]),
    ("merge(vault.a, {x = 1}).x", 1),
    ("setproduct([1], [u])", [[1, "?⟨u⟩"]]),
    ('"x" == secret', False),
    ("max(u, 1)", "?⟨max(⟨u⟩,1)⟩"),
    ("nosuch(1)", "?⟨nosuch(1)⟩"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PARTLY, ids=[text for text, _ in PARTLY])
def test_expression_of_partly_known_values_has_its_value(terraform: Terraform, text: str, expected: Any) -> None:
    found = terraform(text)
    if expected == "?":
        assert isinstance(found, str)
        assert found.startswith("?")
    else:
        assert found == expected


LINKS: list[tuple[str, tuple[str, ...], bool, bool]] = [
    # text, the resources that it may name, whether it names one of them, whether it is not null
    ("vault.a.id", (A,), True, True),
    ('"${vault.a.id}"', (A,), True, True),
    ("tostring(vault.a.id)", (A,), True, True),
    ("nonsensitive(sensitive(vault.a.id))", (A,), True, True),
    ("ephemeralasnull(vault.a.id)", (A,), True, True),
    ("true ? vault.a.id : null", (A,), True, True),
    ("u ? vault.a.id : vault.b.id", (A, B), True, True),
    ("u ? vault.a.id : null", (A,), True, False),
    ('u ? vault.a.id : "x"', (A,), False, True),
    ("(u ? vault.a : vault.b).id", (A, B), True, True),
    ("(u ? vault.a : null).id", (A,), True, True),
    ("try((u ? vault.a : null).id, null)", (A,), True, False),
    ("try(vault.a.id, null)", (A,), True, True),
    ("try(vault.none[0].id, vault.b.id)", (B,), True, True),
    ("try(u.x, vault.b.id)", (B,), False, False),
    ("coalesce(vault.a.id, vault.b.id)", (A,), True, True),
    ("coalesce(null, vault.b.id)", (B,), True, True),
    ("coalesce(u, vault.b.id)", (B,), False, True),
    ("one(vault.single[*].id)", (A,), True, True),
    ("one(vault.many[*].id)", (A,), True, False),
    ("vault.many[*].id", (A,), True, False),
    ("vault.many[*].id[0]", (A,), True, False),
    ("element(vault.list[*].id, 1)", (B,), True, True),
    ("element(vault.list[*].id, u)", (A, B), True, True),
    ("vault.list[u].id", (A, B), True, True),
    ("vault.map[u].id", (A, B), True, True),
    ('vault.map["y"].id', (B,), True, True),
    ('lookup({x = vault.a.id}, "x", null)', (A,), True, True),
    ("lookup({x = vault.a.id}, u, null)", (A,), True, False),
    ('join("", [vault.a.id])', (A,), True, True),
    ('join("", vault.many[*].id)', (A,), False, True),
    ("tolist(toset([vault.a.id]))[0]", (A,), True, True),
    ("tolist(toset([vault.a.id, vault.b.id]))", (A, B), True, False),
    ("tolist([vault.a.id])[0]", (A,), True, True),
    ("distinct([vault.a.id, vault.b.id])", (A, B), True, False),
    ("distinct([vault.a.id, vault.a.id])[0]", (A,), True, True),
    ("compact([vault.a.id, null])[0]", (A,), True, True),
    ("concat([vault.a.id], vault.many[*].id)", (A,), True, False),
    ("concat([vault.a.id], [vault.b.id])[1]", (B,), True, True),
    ("flatten([[vault.a.id], [[vault.b.id]]])[1]", (B,), True, True),
    ("slice(vault.list[*].id, 1, 2)[0]", (B,), True, True),
    ("reverse(vault.list[*].id)[0]", (B,), True, True),
    ("sort(vault.list[*].id)", (A, B), True, False),
    ("values({a = vault.a.id})[0]", (A,), True, True),
    ("merge({a = vault.a.id}, {b = 1}).a", (A,), True, True),
    ('zipmap(["a"], [vault.a.id]).a', (A,), True, True),
    ('matchkeys([vault.a.id], ["a"], [u])', (A,), True, False),
    ("coalescelist([], [vault.a.id])[0]", (A,), True, True),
    ("{for k, v in vault.map : k => v.id}.y", (B,), True, True),
    ("{for k, v in vault.map : k => v.id if u}", (A, B), True, False),
    ("{for k, v in vault.map : u => v.id}", (A, B), True, False),
    ("[for v in vault.many : v.id]", (A,), True, False),
    ("[for v in u : vault.a.id]", (A,), True, False),
    ("u ? [vault.a.id] : []", (A,), True, False),
    ("one(u ? [vault.a.id] : [])", (A,), True, False),
    ("{x = vault.a.id}.x", (A,), True, True),
    ("[vault.a.id][0]", (A,), True, True),
    ('"${vault.a.id}/secrets"', (), False, True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "names", "closed", "is_given"), LINKS, ids=[row[0] for row in LINKS])
def test_links_are_passed_along(
    terraform: Terraform, text: str, names: tuple[str, ...], closed: bool, is_given: bool
) -> None:
    found = terraform.unknown(text)
    assert (found.candidates, found.closed, found.given) == (names, closed, is_given)


def test_a_link_keeps_its_hops_and_place_of_an_object(terraform: Terraform) -> None:
    hop = Unknown(at=terraform.unknown("u").at, why="later", candidates=(A,), closed=True, given=True, hops=("x.id",))
    assert terraform.unknown("{a = h}.a", h=hop).hops == ("x.id",)
    assert terraform.unknown("u ? h : null", h=hop).hops == ("x.id",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("try(u.a, 1)", None),
        ("try(open.b, 1)", None),
        ("try(open.a, 1)", 1),
        ('try("${u}x", 1)', None),
        ("try(tonumber(u), 1)", None),
        ("try((u ? {a = 1} : {}).a, 2)", None),
        ("can(u.a)", None),
        ("can(tonumber(u))", None),
        ("can(vault.a.id)", True),
        ("can(vault.none[0])", False),
        ("can([u])", True),
        ("try([u, 1], [])[1]", 1),
        ("u && [][0]", None),
    ],
)
def test_failure_of_an_expression_may_be_unknown(terraform: Terraform, text: str, expected: Any) -> None:
    found = terraform.result(text)
    if expected is None:
        assert isinstance(found, Unknown)
    else:
        assert isinstance(found, Scalar)
        assert found.value == expected


def test_different_uses_of_an_unknown_value_are_different_values(terraform: Terraform) -> None:
    assert isinstance(terraform.result("{a = 1, b = 2}[u] == {b = 1, a = 2}[u]"), Unknown)
    assert isinstance(terraform.result('[for x in u : "a"] == [for x in w : "a"]'), Unknown)
    assert terraform("{a = 1, b = 2}[u] == {a = 1, b = 2}[u]") is True


@pytest.mark.parametrize(
    "text",
    ["timestamp()", "uuid()", 'bcrypt("x")', 'base64gzip("x")', 'fileset(".", "*")', 'abspath("x")', 'file("none")',
     'pathexpand("~/x")', 'provider::azurerm::normalise_resource_id("x")', 'templatefile("none", {})'],
)  # fmt: skip
def test_functions_of_the_run_are_unknown(terraform: Terraform, text: str) -> None:
    assert terraform.unknown(text).why


def test_random_values_are_never_the_same(terraform: Terraform) -> None:
    assert isinstance(terraform.result("uuid() == uuid()"), Unknown)
    assert terraform("plantimestamp() == plantimestamp()") is True


@pytest.mark.parametrize(
    "text",
    ["secret", '"${secret}x"', "upper(secret)", "jsonencode([secret])", 'secret == "a"', "[secret][0]",
     "{a = secret}.a", 'format("%s", secret)', "[for x in [secret] : x][0]", 'join("", [secret])', "true ? secret : 1",
     "length(secret)", 'sensitive("a")', "coalesce(secret, 1)",
     '{hunter2 = "a"}[secret]', 'lookup({hunter2 = "a"}, secret, "b")', "[1, 2][sensitive(0)]",
     'sensitive(true) ? "a" : "b"', 'replace("a", "a", secret)',
     "!sensitive(true)", "-sensitive(1)", "sensitive(1) + 1", "sensitive(1) < 2", "sensitive(true) && true",
     'regex("h.*", secret)', 'split(",", secret)[0]', "sha256(secret)"],
)  # fmt: skip
def test_secrets_stay_secret(terraform: Terraform, text: str) -> None:
    found = terraform.result(text)
    assert isinstance(found, Scalar)
    assert found.sensitive


def test_secrets_are_in_no_pattern(terraform: Terraform) -> None:
    for text in ('"${secret}-${u}"', "[secret, u][u]", 'join("", [u, secret])', "u ? secret : 1", "secret == u"):
        found = terraform.unknown(text)
        assert "hunter2" not in found.text + found.why
        assert found.sensitive
    revealed = terraform.result("nonsensitive(secret)")
    assert isinstance(revealed, Scalar)
    assert not revealed.sensitive


def test_collection_has_its_kind(terraform: Terraform) -> None:
    kinds = {
        "[1]": "", "tolist([1])": "list", "toset([1])": "set", "{a = 1}": "", "tomap({a = 1})": "map",
        "concat(tolist([1]), tolist([2]))": "list", "concat([1], tolist([2]))": "", "toset([1])[*]": "list",
        'split(",", "a")': "list", "merge(tomap({a = 1}), tomap({b = 2}))": "map", "merge(tomap({a = 1}), {})": "",
    }  # fmt: skip
    for text, kind in kinds.items():
        found = terraform.result(text)
        assert isinstance(found, Items | Fields)
        assert found.kind == kind, text
