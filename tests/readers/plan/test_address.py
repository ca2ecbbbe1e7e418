"""Addresses: keys are written as Terraform writes them, and read back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.readers.plan.address import instance_address, key_of, module_path, resource_of, steps

KEYS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("a.b", '"a.b"'), ('say "hi"', r'"say \"hi\""'), ("back\\slash", r'"back\\slash"'), ("a\tb\nc", r'"a\tb\nc"'),
        ("${a}", '"$${a}"'), ("%{a}", '"%%{a}"'), ("$a", '"$a"'), ("${", '"$${"'), ("%", '"%"'), ("x].y[", '"x].y["'),
        ("größer 日本", '"größer 日本"'), ("", '""'), (7, "7"),
    ],
)  # fmt: skip
def test_a_key_as_terraform_writes_it(key: str | int, written: str) -> None:
    assert instance_address((), "t.n", key) == f"t.n[{written}]"
    assert instance_address((("m", key),), "t.n", None) == f"module.m[{written}].t.n"


@given(KEYS, KEYS)
def test_a_key_is_read_back(outer: str, inner: str) -> None:
    address = instance_address((("m", outer), ("n", None)), "data.t.n", inner)
    assert module_path(address) == (("m", outer), ("n", None))
    assert resource_of(address) == "data.t.n"
    assert key_of(steps(address)[-1]) == inner
