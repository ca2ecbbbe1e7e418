"""What an excerpt of JSON must not show."""

from __future__ import annotations

import json

import pytest

from azkvlint.graph.region_lookup import places_of
from azkvlint.model.location import Location

SECRETS = [
    {"adminPassword": "hunter2"},
    {"adminPassword": ["hunter2"]},
    {"adminPassword": {"a": {"b": ["hunter2"]}}},
    {"dbSecrets": [{"name": "hunter2"}]},
    {"my-secret": {"pin": 12345, "a": "hunter2"}},
    {"connection-string": "hunter2"},
    {"value": {"user": "hunter2"}},
    {"DefaultValue": [["hunter2"]]},
    {"a": {"b": {"apiKey": {"x": "hunter2"}}}},
    {"x": "Server=a;Password=hunter2"},
]


def shown(text: str, *pointer: str | int) -> str:
    """All that the excerpt for a place shows, and whether its line has a fingerprint."""
    ((_, cut),) = places_of({"a.json": text}, [Location(path="a.json", pointer=pointer)]).values()
    excerpt = cut()
    return f"{excerpt.text}\n{excerpt.context_text}\n{excerpt.line_hash}"


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("secret", SECRETS, ids=json.dumps)
def test_values_below_a_secret_name_are_hidden_as_a_whole(secret: object, indent: int | None) -> None:
    text = json.dumps({"here": secret, "z": 1}, indent=indent)
    assert "hunter2" not in shown(text, "here")
    assert "12345" not in shown(text, "here")


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("secret", SECRETS, ids=json.dumps)
def test_fingerprint_of_a_line_does_not_depend_on_a_secret(secret: object, indent: int | None) -> None:
    texts = [json.dumps({"a": 1, "here": True, "o": secret, "z": 1}, indent=indent)]
    texts.append(texts[0].replace("hunter2", "2retnuh"))
    assert shown(texts[0], "here") == shown(texts[1], "here")


@pytest.mark.parametrize("odd", ["hunter2", ["hunter2"], {"user": "hunter2"}, 12345], ids=json.dumps)
def test_secrets_beside_a_location_are_hidden(odd: object) -> None:
    text = json.dumps({"before": odd, "here": "x", "after": odd})
    assert "hunter2" not in shown(text, "here")
    assert "12345" not in shown(text, "here")
    assert '"here": "x"' in shown(text, "here")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": true, "here": "x", "b": null}',
        '{ "permissions": { "secrets": ["Get", "list"], "here": "x" } }',
        '{"ipRules": [{"value": "10.0.0.0/8"}], "here": "x"}',
    ],
)
def test_harmless_values_beside_a_location_are_shown(text: str) -> None:
    pointer = ("permissions", "here") if "permissions" in text else ("here",)
    assert text in shown(text, *pointer)


def test_type_of_a_secret_is_shown() -> None:
    text = json.dumps({"adminPassword": {"type": "string", "defaultValue": "hunter2"}}, indent=1)
    assert '"type": "string"' in shown(text, "adminPassword", "type")
    assert "hunter2" not in shown(text, "adminPassword", "defaultValue")
    assert "hunter2" not in shown(text, "adminPassword")


@pytest.mark.parametrize("end", range(10, 60))
def test_a_text_that_ends_anywhere_hides_it_all_the_same(end: int) -> None:
    text = '{"here": {"password": {"a": ["hunter2", "hunter2"], "b": 1}}}'[:end]
    for _, cut in places_of({"a.json": text}, [Location(path="a.json", pointer=("here",))]).values():
        assert "hunter" not in cut().context_text


def test_a_file_of_values_shows_nothing() -> None:
    text = json.dumps({"here": "hunter2"})
    at = Location(path="a.json", pointer=("here",))
    ((region, cut),) = places_of({"a.json": text}, [at], data={"a.json"}).values()
    excerpt = cut()
    assert (region.start_column, region.end_column) == (2, 19)
    assert (excerpt.text, excerpt.context_text, excerpt.line_hash) == ("", "", None)
    assert not excerpt.is_shown
