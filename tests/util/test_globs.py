"""Globs for paths and addresses: what they are about, and that no pattern takes long."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.model.location import static_address
from azkvlint.util.globs import AddressGlob, PathGlob


@pytest.mark.parametrize(
    ("pattern", "about", "not_about"),
    [
        ("main.tf", ["main.tf", "a/main.tf", "main.tf/x"], ["main.tfx", "xmain.tf"]),
        ("legacy/", ["legacy/a.tf", "x/legacy/b/c.tf"], ["legacy", "legacyx/a"]),
        ("legacy", ["legacy", "x/legacy", "legacy/a"], ["a/legacy.tf"]),
        ("*.bak.tf", ["a.bak.tf", ".bak.tf", "x/b.bak.tf"], ["a.tf", "a.bak/tf"]),
        ("/infra/**/test", ["infra/test", "infra/a/b/test", "infra/test/x"], ["test", "x/infra/test"]),
        ("infra/*.tf", ["infra/a.tf"], ["infra/b/a.tf", "x/infra/a.tf"]),
        ("./infra", ["infra/a.tf"], ["x/infra"]),
        ("**/x", ["x", "a/b/x"], ["y", "ax"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/b/y/b/z/c"], ["a/c", "a/b/x"]),
        ("a?[0-9][!x-z]", ["ab1a"], ["ab1y", "abb1", "a/1a"]),
        ("[]-]", ["]", "-"], ["a"]),
        (r"\*\[x", ["*[x"], ["a[x"]),
        ("[x", ["[x"], ["x"]),
        ("a.b+(c)", ["a.b+(c)"], ["aXb+(c)", "a.bb(c)"]),
    ],
)
def test_path_glob_matches_paths(pattern: str, about: list[str], not_about: list[str]) -> None:
    glob = PathGlob(pattern)
    assert [path for path in about if glob.matches(path)] == about
    assert [path for path in not_about if glob.matches(path)] == []


def test_a_folder_alone_is_not_a_file_of_its_name() -> None:
    assert PathGlob("legacy/").matches_itself("x/legacy", True)
    assert not PathGlob("legacy/").matches_itself("x/legacy", False)
    assert not PathGlob("legacy").matches_itself("legacy/a", False)


@pytest.mark.parametrize("pattern", ["", " ", "/", "//", "!a", "../a", "a/../b", "[b-a]", "a" * 2000])
def test_invalid_glob_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        PathGlob(pattern)


@pytest.mark.parametrize(
    ("pattern", "about", "not_about"),
    [
        ("azurerm_key_vault.kv", ["azurerm_key_vault.kv", 'azurerm_key_vault.kv["a"]'], ["azurerm_key_vault.kv2"]),
        ('x.kv["a"]', ['x.kv["a"]'], ['x.kv["b"]', "x.kv", "x.kva"]),
        ('m["*"].kv', ['m["a"].kv', 'm["a.b"].kv'], ["m.kv", "m[0].kv"]),
        ("module.*", ["module.a.x.kv", 'module.a["k"].module.b.kv'], ["x.module.a"]),
        ("*.kv?", ["a.kv?"], ["a.kvx"]),
        ("[ab]", ["[ab]"], ["a"]),
    ],
)
def test_address_glob_matches_addresses(pattern: str, about: list[str], not_about: list[str]) -> None:
    glob = AddressGlob(pattern)
    assert [one for one in about if glob.matches(one, static_address(one))] == about
    assert [one for one in not_about if glob.matches(one, static_address(one))] == []


def slow(pattern: Callable[[], object]) -> float:
    start = time.process_time()
    pattern()
    return time.process_time() - start


def test_no_pattern_takes_long() -> None:
    assert slow(lambda: PathGlob("*a" * 200 + "b").matches("a" * 4000)) < 1
    assert slow(lambda: PathGlob("**/a/" * 190 + "b").matches("a/" * 2000 + "c")) < 1
    assert slow(lambda: AddressGlob("*a" * 200 + "b").matches("a" * 40_000, "")) < 1


NAMES = st.text("ab.", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))


@given(st.lists(NAMES, min_size=1, max_size=4), st.data())
def test_wildcards_match_the_text_that_they_replace(names: list[str], data: st.DataObject) -> None:
    """A pattern made from a path, with parts of it replaced by what stands for them, is about the path."""
    parts: list[str] = []
    for name in names:
        start = data.draw(st.integers(0, len(name)))
        end = data.draw(st.integers(start, len(name)))
        parts.append(data.draw(st.sampled_from([name, "**", "*", f"{name[:start]}*{name[end:]}"])))
    if parts not in ([".."], ["."]) and ".." not in parts:
        assert PathGlob("/" + "/".join(parts)).matches("/".join(names))
