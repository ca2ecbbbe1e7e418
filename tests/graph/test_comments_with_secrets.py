"""Excerpts and diffs show nothing that a comment says of a secret, however many it names, in quotes or not."""

from __future__ import annotations

from itertools import product

import pytest

from azkvlint.graph.region_lookup import places_of, safe_lines
from azkvlint.model.location import Location

MARK = "QXZJWYQJ"
COMMENTS = ("# {}", "// {}", "/* {} */", "/*\n * {}\n */", "x = 1 # {}", 'x = "#" // {}', "x = 'a' /* {} */ + 2")
SECRETS = ('password = "{0}"', "db_password: {0}", "pwd='{0}'", "client-secret = `{0}`", '"api_key": {0}', "Token:{0}")


@pytest.mark.parametrize("comment", COMMENTS)
def test_no_excerpt_shows_a_secret_of_a_comment(comment: str) -> None:
    for first, second in product(SECRETS, repeat=2):
        said = f"{first.format(MARK)}  {second.format(MARK)}"
        text = f"name = 'kv-orders'\n{comment.format(said)}\nlocation = 'here'\n"
        at = Location(path="main.tf", span=(0, len(text)))
        _, excerpt = next(iter(places_of({"main.tf": text}, [at]).values()))
        assert MARK not in excerpt().context_text
        assert "kv-orders" in excerpt().context_text
        assert "here" in excerpt().context_text


@pytest.mark.parametrize("comment", COMMENTS)
def test_a_diff_does_not_show_the_line(comment: str) -> None:
    for first, second in product(SECRETS, repeat=2):
        text = comment.format(f"{first.format(MARK)}  {second.format(MARK)}") + "\n"
        is_shown = safe_lines(text, None, is_json=False)
        assert not any(is_shown(number) for number, line in enumerate(text.split("\n")) if MARK in line)


def test_code_that_refers_to_a_secret_is_shown() -> None:
    text = 'url = "a//b" # see https://example.com for the token\npassword = var.password\n'
    at = Location(path="main.tf", span=(0, len(text)))
    _, excerpt = next(iter(places_of({"main.tf": text}, [at]).values()))
    assert excerpt().context_text == text.removesuffix("\n")
