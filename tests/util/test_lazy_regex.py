"""Regular expressions that a wheel contains compiled are those that ``re`` would compile."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re

import msgspec
import pytest

import azkvlint
from azkvlint.util import lazy_regex
from azkvlint.util.lazy_regex import LazyPattern, add_compiled, compiled_patterns, regex


def patterns_of_package() -> list[LazyPattern]:
    for module in pkgutil.walk_packages(azkvlint.__path__, "azkvlint."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [one for one in gc.get_objects() if isinstance(one, LazyPattern)]


@pytest.fixture(autouse=True)
def none_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_regex, "_COMPILED", {})


def test_the_compiled_form_of_every_pattern_is_that_of_re() -> None:
    patterns = patterns_of_package()
    assert len(patterns) > 200
    add_compiled(compiled_patterns(patterns))
    assert len(lazy_regex._COMPILED) > 200
    for text, flags in (pattern.source for pattern in patterns):
        known, expected = lazy_regex._compile(text, flags), re.compile(text, flags)
        assert known == expected, text
        assert (known.groups, known.groupindex) == (expected.groups, expected.groupindex)


def test_a_compiled_pattern_matches_without_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    sources: list[tuple[str, int]] = [(r"(?P<word>[a-zé]+)-(\d+)", re.IGNORECASE), (r"a(?=b)|(?:x y)+ # z", re.VERBOSE)]
    add_compiled(compiled_patterns(LazyPattern(text, flags) for text, flags in sources))
    monkeypatch.setattr(re, "compile", None)
    found = regex(*sources[0]).search("1 KV-42")
    assert found is not None
    assert (found.groupdict(), found[2]) == ({"word": "KV"}, "42")
    assert [one[0] for one in regex(*sources[1]).finditer("abxyxy")] == ["a", "xyxy"]
    with pytest.raises(TypeError):  # another pattern, and the same one with other flags
        regex("other").search("")
    with pytest.raises(TypeError):
        regex(sources[0][0]).search("")


def test_bytes_and_strings_of_the_same_characters_differ() -> None:
    add_compiled(compiled_patterns([LazyPattern(b"a+", 0)]))
    assert regex("a+").fullmatch("aa")
    assert regex(b"a+").fullmatch(b"aa")


def test_the_form_of_another_version_of_python_is_ignored() -> None:
    form, patterns = msgspec.msgpack.decode(compiled_patterns([LazyPattern("a+", 0)]))
    add_compiled(msgspec.msgpack.encode((f"{form} of another version", {"any": "shape"})))
    assert lazy_regex._COMPILED == {}
    add_compiled(msgspec.msgpack.encode((form, patterns)))
    assert list(lazy_regex._COMPILED) == ["0 'a+'"]
