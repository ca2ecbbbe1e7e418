"""No excerpt shows where a secret is written, however many steps are between that and its use: see ``secretshapes``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.location import Location
from azkvlint.readers.discover import Source
from azkvlint.readers.read_result import ReadResult
from azkvlint.readers.reader import Reader
from azkvlint.readers.units import Unit
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.syntax.texts import Lines
from tests.secretshapes import MARK, Files, Shape, shape_of

LANGUAGES = ("terraform", "bicep", "arm")
SEEDS = 25
VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-orders"\n}\n'
# The rules of a run do not matter: one that reads no secret hides them too.
RULES = {"one rule": ("KV001",), "all rules": ()}


@pytest.mark.parametrize("selected", RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_excerpt_shows_what_a_secret_is_made_of(language: str, selected: str, tmp_path: Path) -> None:
    chosen = [rule for rule in builtin_rules() if rule.id in RULES[selected] or not RULES[selected]]
    required = required_by(chosen)
    leaks = []
    for seed in range(SEEDS):
        for steps in range(5):
            shape = shape_of(language, seed, steps)
            folder = tmp_path / f"{seed}-{steps}"
            write(shape.files, folder)
            read = Reader(required, str(folder)).read(unit_of(shape, folder))
            assert read is not None, shape.made
            shown = [*excerpts(read, shape.files)]
            leaks += [(seed, steps, shape.made, text[:200]) for text in shown if MARK in text]
            assert any("kv-orders" in text for text in shown), shape.made
    assert leaks == []


def write(files: Files, folder: Path) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def unit_of(shape: Shape, folder: Path) -> Unit:
    file = str(folder) if shape.main == "." else str(folder / shape.main)
    return Unit(source=Source(path=shape.main, file=file, is_explicit=True), module=shape.main == ".")


def excerpts(read: ReadResult, files: Files) -> Iterator[str]:
    """Yield the excerpts of each line of the files of an input, and of each value of those in JSON."""
    places = [place for path, text in files.items() for place in places_in(path, text)]
    find = read.locate(places)
    for place in places:
        found = find(place)
        if found is not None:
            excerpt = found[1]()
            yield excerpt.text
            yield excerpt.context_text


def places_in(path: str, text: str) -> Iterator[Location]:
    starts = [*Lines(text).starts, len(text)]
    for start, end in pairwise(starts):
        yield Location(path=path, span=(start, end))
    if path.endswith(".json") and not path.endswith(".tf.json"):
        waiting: list[tuple[object, tuple[str | int, ...]]] = [(decode_text(text).value, ())]
        while waiting:
            value, pointer = waiting.pop()
            yield Location(path=path, pointer=pointer)
            members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            waiting += [(inner, (*pointer, key)) for key, inner in members]


@pytest.mark.parametrize(
    "use",
    [
        "x = sensitive(local.o.s)",
        "x = core::sensitive(local.o.s)",
        "x = nonsensitive(sensitive(local.o.s))",
        "x = { a = [sensitive(local.o.s)] }",
        "x = { clientKey = local.o.s }",
        "x = { request_headers = { Authorization = local.o.s } }",
        'x = { "Ocp-Apim-Subscription-Key" = local.o.s }',
        'x = { "Cookie" : local.o.s }',
        "x = { protectedSettings = local.o.s }",
        'x = { ("password") = local.o.s }',
        'x = { type = "Microsoft.Web/sites/config", properties = local.o.s }',
    ],
)
def test_no_excerpt_shows_what_an_expression_marks_as_secret(use: str, tmp_path: Path) -> None:
    text = f'locals {{\n  o = {{ a = "kv-orders", s = "{MARK}" }}\n  {use}\n}}\n{VAULT}'
    shape = Shape({"main.tf": text}, ".", use)
    write(shape.files, tmp_path)
    read = Reader(required_by(builtin_rules()), str(tmp_path)).read(unit_of(shape, tmp_path))
    assert read is not None
    shown = [*excerpts(read, shape.files)]
    assert shown
    assert not [one for one in shown if MARK in one]


@pytest.mark.parametrize("path", [".outputs.x", "['outputs'].x", "['outputs']['x']", ".Outputs.X", "!.outputs.?x"])
def test_no_excerpt_shows_the_output_of_a_module_that_is_a_secret(path: str, tmp_path: Path) -> None:
    main = f"module m 'm.bicep' = {{\n  name: 'kv-orders'\n}}\nvar password = m{path}\n"
    shape = Shape({"main.bicep": main, "m.bicep": f"output x string = '{MARK}'\n"}, "main.bicep", path)
    write(shape.files, tmp_path)
    read = Reader(required_by(builtin_rules()), str(tmp_path)).read(unit_of(shape, tmp_path))
    assert read is not None
    shown = [*excerpts(read, shape.files)]
    assert shown
    assert not [one for one in shown if MARK in one]
