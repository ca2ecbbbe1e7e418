"""What Terraform refuses, and the limits of what is looked at."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import MAX_DEPTH
from azkvlint.evaluation.terraform.evaluate import FUNCTION_NAMES, TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.model.value import Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from tests.evaluation.terraform.conftest import Terraform

pytestmark = pytest.mark.slow(8)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{a = 1}.b", "attribute `b` does not exist"),
        ("[null][0].b", "attribute `b` does not exist: the object is null"),
        ('"x".b', "attribute `b` does not exist: the value is not an object"),
        ("[1][1]", "an item does not exist: the list has fewer items"),
        ('{a = 1}["b"]', "an item does not exist: the map has no such key"),
        ('{a = 1}["x-${u}"]', "an item does not exist: the map has no such key"),
        ("[][u]", "an item does not exist: the list is empty"),
        ("[1][null]", "an item does not exist: the index is not a string or number"),
        ("toset([1])[0]", "an item does not exist: a set cannot be indexed"),
        ("u[0].a.b[null]", "`u[0].a.b[...]` does not exist: the index is not a string or number"),
        ("[for x in [{a = 1}] : x.b]", "`x.b` does not exist"),
        ('[for x in [{a = {}}] : x.a["b"]]', '`x.a["b"]` does not exist: the map has no such key'),
        ('[for x in [{a = {}}] : x.a["b c"]]', "`x.a[...]` does not exist: the map has no such key"),
        ("[for x in [{a = {}, k = 1}] : x.a[x.k]]", "`x.a[x.k]` does not exist: the map has no such key"),
        ("[for x in [null] : x.a]", "`x.a` does not exist: the object is null"),
        ("1 / 0", "a number is divided by zero"),
        ('"a" + 1', "a number is required"),
        ("!1", "a bool is required"),
        ('"${null}x"', "null is inserted into a string"),
        ('"${[1]}x"', "a string is required"),
        ("[for x in null : x]", "a `for` expression expects a list, set, map or object"),
        ('{for x in ["a", "a"] : x => 1}', "a `for` expression returns the same key twice"),
        ("upper()", "`upper()` does not accept 0 arguments"),
        ("upper(null)", "`upper()` does not accept null"),
        ("upper([u])", "`upper()` has an invalid argument: a string is required"),
        ("one([1, u])", "`one()` expects a list of at most one item"),
        ("upper(1...)", "`upper()` expects a list before `...`"),
        ('sort("a")', "`sort()` expects a list"),
        ("try([][0], {}.a)", "attribute `a` does not exist"),
        ("nowhere", "there is no 'nowhere'"),
        ("type(1)", "`type()` is available only in `terraform console`"),
    ],
)
def test_failed_expressions_have_a_reason(terraform: Terraform, text: str, why: str) -> None:
    assert terraform.fails(text) == why


def test_reasons_contain_no_secret(terraform: Terraform) -> None:
    for text in ("{a = 1}[secret]", "tonumber(secret)", "jsondecode(secret)", 'regex(secret, "")', "secret + 1",
                 "timeadd(secret, secret)", "cidrhost(secret, 1)", "parseint(secret, 10)", "{}[secret]"):  # fmt: skip
        assert "hunter2" not in terraform.fails(text)


def test_loop_of_too_many_items_is_unknown(terraform: Terraform) -> None:
    many = list(range(10_001))
    with pytest.raises(InputError, match="more than 10,000 items"):
        terraform.result("[for x in many : x]", many=many)
    assert isinstance(terraform.result("concat(many, many)", many=many), Unknown)
    assert isinstance(terraform.result("setproduct(many, many, many)", many=many), Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "[for a in r : [for b in r : [for c in r : [for d in r : a]]]]",
        "[for a in r : [for b in r : merge([for k in r : {(k) = a}]...)]]",
        '[for a in r : [for b in r : join("", [for c in r : "${a}${b}${c}"])]]',
        '[for a in r : [for b in r : regexall("(a|b)*c", s)]]',
        "[for a in r : [for b in r : sort(r)]]",
        "[for a in r : [for b in r : setproduct(r, r)]]",
        "[for a in r : [for b in r : distinct([for c in r : [c, u]])]]",
        "[for a in r : [for b in r : r == [for c in r : c]]]",
        "[for a in r : [for b in r : r[u]]]",
    ],
)
def test_endless_work_is_refused_soon(terraform: Terraform, text: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError, match="steps"):
        terraform.result(text, r=[f"{number:03}" for number in range(100)] * 3, s="ab" * 5_000)
    assert time.process_time() - start < 15


@pytest.mark.parametrize(
    "text",
    ['regex("(a*)*b", s)', 'regex("(a|aa)+$", s)', 'regex("(.*)(.*)(.*)(.*)x", s)', 'replace(s, "/(a+)+b/", "")',
     'regexall("a*?b", s)', 'regex("(a{1,900}){1,900}", s)', 'format("%0999999999d", 1)', "pow(9, 9999999)",
     "parseint(s, 36)", 'tonumber("1e99999")', 'indent(999999999, "\\n")', "jsondecode(s)", "yamldecode(s)",
     'timeadd("2020-01-01T00:00:00Z", s)', "range(1000)", "1e100 * 1e100 * 1e100", 'cidrsubnet("::/0", 128, 1)',
     'regex("((((((((((a?){9}){9}){9}){9}){9}){9}){9}){9}){9}){9}", s)', 'replace(s, "", s)', "strrev(s)"],
)  # fmt: skip
def test_no_function_takes_long(terraform: Terraform, text: str) -> None:
    start = time.process_time()
    with suppress(FailedError):
        terraform.result(text, s="a" * 50_000)
    assert time.process_time() - start < 5


def test_growing_strings_are_unknown(terraform: Terraform) -> None:
    text = '"x"'
    for _ in range(30):
        text = f'join("", [for x in [{text}] : "${{x}}${{x}}"])'
    found = terraform.result(text)
    assert isinstance(found, Unknown)
    assert found.why == "strings longer than 1,000,000 characters are not supported"


def test_values_with_shared_parts_take_little_time(terraform: Terraform) -> None:
    value = terraform.result("{a = u, b = 1}")
    for _ in range(40):
        value = terraform.result("[v, v]", v=value)
    start = time.process_time()
    for text in (
        "jsonencode(v)", "v == v", "u ? v : [1, v]", "tolist(v)", "sensitive(v)", "flatten(v)", "distinct(v)", "v[u]",
        "toset(v)", "contains(v, v)", "nonsensitive(v)", "length(v)", "merge({a = v}, {b = v})", "convert(v, any)",
    ):  # fmt: skip
        with suppress(InputError):
            terraform.result(text, v=value)
    assert time.process_time() - start < 10


def test_deeply_nested_expression_is_unknown(terraform: Terraform) -> None:
    node: ast.Expression = ast.Literal(0, 1, 1)
    for _ in range(MAX_DEPTH + 10):
        node = ast.Unary(0, 1, "-", node)
    found = terraform.evaluated(node)
    assert isinstance(found, Unknown)


def test_a_budget_is_shared(terraform: Terraform) -> None:
    from tests.evaluation.terraform.conftest import Module, parsed

    budget = Budget()
    budget.steps = budget.limits.steps - 10
    with pytest.raises(InputError, match="steps"):
        TerraformEvaluator(Module({}), budget).evaluate(parsed("[for x in range(100) : x]"), {})
    assert terraform.steps("[1, 2]") < 10


_VALUES = st.sampled_from([
    "null", '""', '"a"', "1", "-1.5", "true", "[]", '["a"]', "[1, null]", "{}", "{a = 1}", "u", "[u]", "{a = u}",
    "open", "secret", "vault.a", "vault.many", "vault.map", "vault.list", "toset([1])", '"10.0.0.0/8"', "[[1], [u]]",
    '"2020-01-01T00:00:00Z"', "{a = {b = [secret]}}", '"⟨x⟩"', '"%s"', '"\\\\"', '"/("', "(u ? vault.a : null)",
    "1e150",
])  # fmt: skip


@given(name=st.sampled_from(FUNCTION_NAMES), arguments=st.lists(_VALUES, max_size=4), spread=st.booleans())
def test_no_function_breaks(name: str, arguments: list[str], spread: bool) -> None:
    from tests.evaluation.terraform.conftest import Terraform

    text = f"{name}({', '.join(arguments)}{'...' if spread and arguments else ''})"
    why = ""
    try:
        found = Terraform().result(text)
        why = found.why if isinstance(found, Unknown) else ""
    except FailedError as error:
        why = error.why
    assert "hunter2" not in why


def test_every_function_is_known_by_name(terraform: Terraform) -> None:
    assert len(FUNCTION_NAMES) == len(set(FUNCTION_NAMES)) > 120
    assert isinstance(terraform.result('core::upper("a")'), Scalar)
