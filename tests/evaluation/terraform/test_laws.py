"""What is not known never becomes something else than it is: laws of the evaluator with Unknown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from azkvlint.evaluation.terraform.operators import FailedError, may_be, text_of
from azkvlint.evaluation.values import Fields, Items, Result, unknown_in
from azkvlint.model.pattern import hole
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Scalar, Unknown

if TYPE_CHECKING:
    from tests.evaluation.terraform.conftest import Terraform

KNOWN: dict[str, Any] = {
    "s": "kv-prod",
    "t": "a",
    "e": "",
    "n": 3,
    "z": 0,
    "b": True,
    "f": False,
    "nil": None,
    "l": ["a", "b", "a"],
    "l2": [1, 2],
    "none": [],
    "m": {"a": "x", "b": "y"},
    "o": {"a": "kv-prod", "n": 3, "l": ["a"], "b": True},
}
_TEXT = st.sampled_from(["s", "t", "e", '"a"', '"kv-${s}"', '"${t}-x"', "m.a", "o.a", 'm["b"]', "l[0]", "m[t]", "nil"])
_NUMBER = st.sampled_from(["n", "z", "1", "0", "length(l)", "o.n", "length(m)"])
_FLAG = st.sampled_from(["b", "f", "true", "o.b", "nil"])
_LIST = st.sampled_from(["l", "l2", "none", '["a", s]', "[t, nil]", "o.l", "keys(m)", "values(m)", "toset(l)"])
_MAP = st.sampled_from(["m", "o", "{a = s}", "{(t) = 1, b = n}", "{}"])


_Texts = st.SearchStrategy[str]


def _calls(
    text: _Texts, number: _Texts, flag: _Texts, array: _Texts, fields: _Texts
) -> list[tuple[str, tuple[Any, ...]]]:
    """Forms of expressions, by what they give, with the parts that they are made of."""
    anything = st.one_of(text, number, flag, array, fields)
    return [
        ("text:({} ? {} : {})", (flag, text, text)),
        ("text:lower({})", (text,)),
        ("text:upper({})", (text,)),
        ('text:"<${{{}}}>"', (text,)),
        ('text:join("-", {})', (array,)),
        ('text:replace({}, "a", "b")', (text,)),
        ('text:format("%s-%v", {}, {})', (text, number)),
        ("text:coalesce({}, {})", (text, text)),
        ("text:try({}, {})", (text, text)),
        ("text:lookup({}, {}, {})", (fields, text, text)),
        ("text:element({}, {})", (array, number)),
        ("text:one({})", (array,)),
        ("text:{}[{}]", (array, number)),
        ("text:tostring({})", (text,)),
        ("text:substr({}, 0, {})", (text, number)),
        ('text:trimprefix({}, "kv")', (text,)),
        ("text:jsonencode({})", (anything,)),
        ("number:({} + {})", (number, number)),
        ("number:({} * {})", (number, number)),
        ("number:length({})", (st.one_of(array, fields, text),)),
        ("number:({} ? {} : {})", (flag, number, number)),
        ("number:try({}, {})", (number, number)),
        ("number:max({}, {})", (number, number)),
        ("number:sum([{}, {}])", (number, number)),
        ("flag:({} == {})", (anything, anything)),
        ("flag:({} != {})", (text, text)),
        ("flag:({} && {})", (flag, flag)),
        ("flag:({} || {})", (flag, flag)),
        ("flag:!{}", (flag,)),
        ("flag:contains({}, {})", (array, anything)),
        ("flag:can({})", (anything,)),
        ('flag:startswith({}, "kv")', (text,)),
        ('flag:endswith({}, "x")', (text,)),
        ("flag:({} < {})", (number, number)),
        ("flag:alltrue([{}, {}])", (flag, flag)),
        ("flag:anytrue([{}, {}])", (flag, flag)),
        ("array:[{}, {}]", (text, text)),
        ("array:concat({}, {})", (array, array)),
        ("array:distinct({})", (array,)),
        ("array:compact({})", (array,)),
        ("array:toset({})", (array,)),
        ("array:tolist({})", (array,)),
        ("array:sort({})", (array,)),
        ("array:reverse({})", (array,)),
        ("array:slice({}, 0, {})", (array, number)),
        ("array:flatten([{}, {}])", (array, st.one_of(array, text))),
        ("array:[for x in {} : x if x != {}]", (array, text)),
        ("array:[for k, v in {} : v]", (st.one_of(array, fields),)),
        ("array:{}[*]", (st.one_of(array, text),)),
        ("array:keys({})", (fields,)),
        ("array:values({})", (fields,)),
        ("array:setunion({}, {})", (array, array)),
        ("array:setsubtract({}, {})", (array, array)),
        ("array:setintersection({}, {})", (array, array)),
        ("array:matchkeys({}, {}, {})", (array, array, array)),
        ("array:coalescelist({}, {})", (array, array)),
        ("array:chunklist({}, {})", (array, number)),
        ('array:formatlist("%s.", {})', (array,)),
        ('array:split("-", {})', (text,)),
        ("array:range({})", (number,)),
        ("array:({} ? {} : {})", (flag, array, array)),
        ("array:try({}, {})", (array, array)),
        ("fields:merge({}, {})", (fields, fields)),
        ("fields:{{({}) = {}, ({}) = {}}}", (text, anything, text, anything)),
        ("fields:zipmap({}, {})", (array, array)),
        ("fields:{{for k, v in {} : k => v}}", (fields,)),
        ("fields:{{for x in {} : x => upper(x)...}}", (array,)),
        ("fields:({} ? {} : {})", (flag, fields, fields)),
        ("fields:try({}, {})", (fields, fields)),
        ("fields:tomap({})", (fields,)),
    ]  # fmt: skip


def _written(form: str, parts: tuple[str, ...]) -> str:
    return form.format(*parts)


_KINDS = ("text", "number", "flag", "array", "fields")


def _deeper(depth: int) -> dict[str, st.SearchStrategy[str]]:
    """Expressions of each kind, up to a depth."""
    leaves = dict(zip(_KINDS, (_TEXT, _NUMBER, _FLAG, _LIST, _MAP), strict=True))
    if depth == 0:
        return leaves
    inner = _deeper(depth - 1)
    found: dict[str, list[st.SearchStrategy[str]]] = {kind: [leaves[kind]] for kind in _KINDS}
    for form, parts in _calls(*(inner[kind] for kind in _KINDS)):
        kind, _, text = form.partition(":")
        found[kind].append(st.tuples(*parts).map(partial(_written, text)))
    return {kind: st.one_of(*strategies) for kind, strategies in found.items()}


_EXPRESSIONS = st.one_of(*_deeper(2).values())


def outcome(terraform: Terraform, text: str, symbols: dict[str, Any]) -> Result | FailedError:
    try:
        return terraform.result(text, **symbols)
    except FailedError as error:
        return error


def covers(less: Result | FailedError, more: Result | FailedError) -> bool:
    """Whether what is known with less knowledge holds for what is known with more."""
    if isinstance(more, FailedError):
        return True
    if isinstance(less, FailedError):
        return False
    if isinstance(less, Unknown):
        return _allows(less, more)
    if isinstance(less, Scalar):
        return isinstance(more, Scalar) and text_of(less.value) == text_of(more.value)
    if isinstance(less, Items):
        return isinstance(more, Items) and _covers_items(less, more)
    if isinstance(less, Fields):
        return isinstance(more, Fields) and _covers_fields(less, more)
    return type(less) is type(more)


def _allows(less: Unknown, more: Result) -> bool:
    """Whether a value may be what an unknown one is said to be."""
    if isinstance(more, Absent):
        return not less.is_set
    if less.pattern is not None and less.pattern.has_text:
        return isinstance(more, Unknown) or (isinstance(more, Scalar) and may_be(less, text_of(more.value)))
    return True


def _covers_items(less: Items, more: Items) -> bool:
    if less.kind == "set" and any(unknown_in(item) is not None for item in less.items):
        return len(more.items) <= len(less.items)
    return len(less.items) == len(more.items) and all(map(covers, less.items, more.items))


def _covers_fields(less: Fields, more: Fields) -> bool:
    for name, item in less.fields.items():
        if name not in more.fields:
            if not (isinstance(item, Unknown) and item.note == MAY_BE_ABSENT):
                return False
        elif not covers(item, more.fields[name]):
            return False
    return less.rest is not None or more.fields.keys() <= less.fields.keys()


_MANY = settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))


@_MANY
@given(text=_EXPRESSIONS, names=st.sets(st.sampled_from(sorted(KNOWN)), min_size=1, max_size=4))
@example(text="try({a = t}[s], 1)", names={"s"})
@example(text="length(distinct([t, s]))", names={"s"})
@example(text="length(toset([t, s]))", names={"s", "t"})
@example(text="{a = 1, (t) = 2}", names={"t"})
@example(text="lookup({(t) = 1}, s, 2)", names={"t"})
@example(text='try("${nil}x", 1)', names={"nil"})
@example(text="try((b ? m : o), o)", names={"o"})
@example(text="try((b ? m : o), m)", names={"b"})
@example(text="(!b && !nil)", names={"b"})
@example(text="anytrue([nil, b])", names={"b"})
@example(text="(f ? l : toset([t, nil]))", names={"t"})
@example(text="[for x in toset([t, s]) : x]", names={"t"})
@example(text='setunion(chunklist(l, 1), chunklist(["a", s], n))', names={"s"})
@example(text='setunion(chunklist(l, 1), chunklist(["a", s], 1))', names={"s"})
@example(text='length(toset([["a"], [s]]))', names={"s"})
def test_less_knowledge_is_never_other_knowledge(terraform_law: Terraform, text: str, names: set[str]) -> None:
    known = outcome(terraform_law, text, KNOWN)
    less = outcome(terraform_law, text, {**KNOWN, **{name: _unknown(name) for name in names}})
    assert covers(less, known), (text, names)


@_MANY
@given(one=_EXPRESSIONS, other=_EXPRESSIONS, names=st.sets(st.sampled_from(sorted(KNOWN)), min_size=1, max_size=4))
@example(one="{a = 1, b = 2}[t]", other="{b = 1, a = 2}[t]", names={"t"})
@example(one="[for x in l : s]", other="[for x in l2 : s]", names={"l", "l2", "s"})
@example(one="tonumber(e)", other="e", names={"e"})
def test_the_same_pattern_is_the_same_value(terraform_law: Terraform, one: str, other: str, names: set[str]) -> None:
    fewer = {**KNOWN, **{name: _unknown(name) for name in names}}
    left, right = (outcome(terraform_law, text, fewer) for text in (one, other))
    if (
        isinstance(left, Unknown)
        and isinstance(right, Unknown)
        and left.pattern is not None
        and left.pattern == right.pattern
    ):
        first, second = (outcome(terraform_law, text, KNOWN) for text in (one, other))
        if not isinstance(first, FailedError) and not isinstance(second, FailedError):
            assert covers(first, second), (one, other, left.pattern)


def _unknown(name: str) -> Unknown:
    from tests.evaluation.terraform.conftest import unknown

    return unknown(hole(name))


@pytest.fixture(scope="module")
def terraform_law() -> Terraform:
    from tests.evaluation.terraform.conftest import Terraform

    return Terraform()
