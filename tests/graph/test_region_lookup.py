"""Where findings lie in templates and Bicep files, and what is shown of it."""

from __future__ import annotations

import json
import time

import pytest

from azkvlint.graph.region_lookup import places_of
from azkvlint.model.location import Location
from azkvlint.syntax.texts import MarkedText
from azkvlint.util.run_state import separate_run

SECRETS = [
    "param adminPassword string = 'hunter2'",
    "param adminPassword string? = 'hunter2'",
    "param password = 'hunter2'",
    "  value: 'hunter2'",
    "  'my-secret': '''hunter2'''",
    "  apiKey: 'it\\'s hunter2'",
    "  STORAGE_ACCOUNT_KEY: 'hunter2'",
    '  defaultValue = "hunter2"',
    "  STORAGE: 'DefaultEndpointsProtocol=https;AccountKey=hunter2;x=y'",
    '  "db": "Server=a;Password=hunter2"',
    "  url: 'https://a/b?sv=1&sig=hunter2'",
    "  url: '''https://a/b?sig=hunter2'''",
]


def shown(text: str, at: Location) -> str:
    """All that an excerpt shows."""
    ((_, cut),) = places_of({at.path: text}, [at]).values()
    excerpt = cut()
    return f"{excerpt.text}\n{excerpt.context_text}"


@pytest.mark.parametrize("line", SECRETS)
def test_secrets_are_not_shown(line: str) -> None:
    at = Location(path="main.bicep", span=(0, len(line)))
    assert "hunter2" not in shown(f"{line}\n", at)
    assert "(hidden)" in shown(f"{line}\n", at)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("param x = 'hunter2'", "param x = (hidden)"),
        ("param x = { a: ['hunter2', 'hunter2'], b: 1 }", "param x = { a: [(hidden)], b: 1 }"),
        ("param x = f('hunter2', y ? 'hunter2' : 'hunter2')", "param x = f((hidden))"),
        ("param x = y", "param x = y"),
    ],
)
def test_values_that_turned_out_to_be_secret_are_not_shown(text: str, seen: str) -> None:
    at = Location(path="main.bicepparam", span=(10, len(text)))
    for asked in (at, Location(path="main.bicepparam", span=(0, 5))):
        ((_, cut),) = places_of({at.path: text}, [asked], secrets=[at]).values()
        assert cut().context_text == seen


def test_a_member_that_turned_out_to_be_secret_is_shown_by_its_key() -> None:
    at = Location(path="main.json", pointer=("variables", "innocent"))
    ((_, cut),) = places_of({at.path: '{"variables": {"innocent": "hunter2"}}'}, [at], secrets=[at]).values()
    assert cut().text == '"innocent": (hidden)'


@pytest.mark.parametrize(
    "default", ["{ a: 'hunter2' }", "[\n  'hunter2'\n]", "[{\n    a: 'hunter2'\n}]", "f('hunter2')"]
)
@pytest.mark.parametrize("decorators", ["@secure()\n", "@description('x')\n@sys.secure()\n@maxLength(9)\n"])
def test_defaults_of_secure_parameters_are_not_shown(decorators: str, default: str) -> None:
    text = f"{decorators}param x object = {default}\nvar y = 1\n"
    start = text.index("param")
    for span in ((start, start + 7), (start, text.index("\nvar")), (text.index("=") + 2, text.index("\nvar"))):
        assert "hunter2" not in shown(text, Location(path="main.bicep", span=span))
    assert "var y = 1" in shown(text, Location(path="main.bicep", span=(text.index("var"), len(text))))


@pytest.mark.parametrize("name", ["password: ", "x = AccountKey="])
def test_a_string_that_ends_after_the_excerpt_is_not_shown(name: str) -> None:
    long = f"  // {'x' * 900}\n" * 3
    text = f"networkAcls: {{\n  /* {name}'''\n  AccountKey=hunter2\n{long}  ''' */\n}}\n"
    assert "hunter2" not in shown(text, Location(path="main.bicep", span=(0, len(text))))


def test_hidden_text_does_not_depend_on_the_order_of_locations() -> None:
    text = "var x = '''\nhunter2\nAccountKey=hunter3'''\nvar y = 'z'\n" + "var z = [\n  'a'\n]\n" * 30
    spans = [(0, 10), (0, 60), (2, 60), (5, 9), (0, len(text)), (40, 45), (len(text) - 9, len(text))]
    found = set()
    for order in (spans, spans[::-1], spans[3:] + spans[:3]):
        with separate_run():
            cuts = {
                at: cut
                for span in order
                for at, (_, cut) in places_of({"main.bicep": text}, [Location(path="main.bicep", span=span)]).items()
            }
        found.add(tuple(cuts["main.bicep", span]() for span in spans))
    assert len(found) == 1


@pytest.mark.parametrize("line", ["bypass: 'AzureServices'", "name: 'kv'", "keyVaultName: 'kv'", "value: '10.0.0.0/8'"])
def test_text_without_a_secret_is_shown(line: str) -> None:
    assert shown(line, Location(path="main.bicep", span=(0, len(line)))) == f"{line}\n{line}"


@pytest.mark.parametrize("odd", ["hunter2", ["hunter2"], {"user": "hunter2"}, [["hunter2"]]], ids=json.dumps)
def test_a_long_line_of_json_shows_the_place_alone(odd: object) -> None:
    """Nobody can tell what of a line that a program wrote is secret."""
    filler = {"x": "y" * 300}
    text = json.dumps({"before": odd, "filler": filler, "name": "kv", "more": filler, "after": odd})
    found = shown(text, Location(path="main.json", pointer=("name",)))
    assert "hunter2" not in found
    assert '"name": "kv"' in found


@pytest.mark.parametrize("text", ["value" * 200_000, "value " * 200_000, "value='" * 100_001, "value='\\" * 100_000])
def test_long_texts_take_no_longer_than_they_are_long(text: str) -> None:
    start = time.process_time()
    places_of({"main.bicep": text}, [Location(path="main.bicep", span=(0, 1))])
    assert time.process_time() - start < 5


def test_many_locations_in_one_line_are_found() -> None:
    text = json.dumps([{"value": f"hunter2-{number}"} for number in range(20_000)])
    start = time.process_time()
    found = places_of({"main.json": text}, [Location(path="main.json", pointer=(n,)) for n in range(20_000)])
    assert len(found) == 20_000
    assert time.process_time() - start < 10
    assert not any("hunter2" in cut().context_text for _, cut in found.values())


def test_a_text_is_not_confused_with_the_same_text_of_another_file() -> None:
    """A byte order mark belongs to the first line, and a file that is not UTF-8 has no fingerprints."""
    at = Location(path="main.tf", span=(0, 5))
    texts = ["a = 1\n", MarkedText("a = 1\n"), MarkedText("a = 1\n", is_utf8=False)]
    hashes = [cut().line_hash for text in (*texts, *texts) for _, cut in places_of({"main.tf": text}, [at]).values()]
    assert hashes[:3] == hashes[3:]
    assert len({*hashes}) == 3
    assert hashes[2] == ""


def test_locations_in_more_texts_than_are_kept_are_found() -> None:
    texts = [f"name = {number}\nsecret = 'value-{number}'\n" for number in range(80)]
    for text in (*texts, *texts):
        at = Location(path="main.tf", span=(0, text.index("\n")))
        ((region, cut),) = places_of({"main.tf": text}, [at]).values()
        excerpt = cut()
        assert region.start_line == 1
        assert text.startswith(excerpt.text)
