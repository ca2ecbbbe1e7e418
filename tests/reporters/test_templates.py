"""The templates of HTML pages: they escape every string, and name only what they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError, meta, nodes

from azkvlint.fleet import page as fleet_page
from azkvlint.fleet.results import FleetRun, Totals
from azkvlint.model.finding import Report
from azkvlint.reporters import Options, html_page
from azkvlint.reporters.document import Document
from azkvlint.reporters.document import html as document_page
from azkvlint.reporters.findings import html as findings_page
from azkvlint.reporters.html_page import templates

FOLDER = Path(html_page.__file__).with_name("templates")
NAMES = sorted(file.name for file in FOLDER.glob("*.html"))
REPORT = Report(
    findings=(), unknown=(), problems=(), rules=(), sources=(), resource_counts={}, passed=0, version="1"
)  # fmt: skip
RUN = FleetRun(kvlint="1", settings="0" * 64, as_of="2026-01-01", base="/", inputs=1, list="0" * 64)
# Those that return markup are `prose`, which escapes, and `tojson`; the others return no part of a string, or a string.
FILTERS = {"digest", "length", "min", "prose", "tojson", "trim"}


def tree(name: str) -> nodes.Template:
    return templates().parse((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_template_bypasses_the_escaping_of_strings(name: str) -> None:
    found = tree(name)
    assert {one.name for one in found.find_all(nodes.Filter)} <= FILTERS
    # They join markup and strings, in which control characters would stay.
    assert not [*found.find_all(nodes.Concat)]
    assert not [*found.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier))]


@pytest.mark.parametrize("text", ["<b>{{ 1 }}</b>", "a`<b>`\x1b\u202e", "</script>'\"&"])
def test_strings_are_visible_and_escaped(text: str) -> None:
    template = templates().from_string("<p title='{{ text }}'>{{ text }} {{ text|prose }} {{ text|tojson }}")
    written = template.render(text=text)
    assert not set("\x1b\u202e") & set(written)
    assert "<b>" not in written
    assert "</script>" not in written
    assert written.count("'") == 2


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        templates().from_string("{{ absent }}").render()
    with pytest.raises(UndefinedError):
        templates().from_string("{{ text.absent }}").render(text="")


def given(monkeypatch: pytest.MonkeyPatch, module: Any, *words: Any) -> set[str]:
    """Return the names of the values that a module gives to its template."""
    names: set[str] = set()

    def page(template: str, **values: object) -> str:
        names.update(values)
        return template

    monkeypatch.setattr(module, "page", page)
    module.html(*words)
    return names


@pytest.mark.parametrize(
    ("module", "words", "files"),
    [
        (findings_page, (REPORT, Options()), ("findings", "page", "parts")),
        (document_page, (Document(title="", summary=""),), ("document", "picture", "page", "parts")),
        (fleet_page, (Totals(), RUN, {}), ("fleet", "page", "parts")),
    ],
    ids=["findings", "document", "fleet"],
)
def test_templates_name_only_their_own_values(
    monkeypatch: pytest.MonkeyPatch, module: Any, words: tuple[Any, ...], files: tuple[str, ...]
) -> None:
    trees = [tree(f"{name}.html") for name in files]
    # What one template sets, those around it and in it have.
    own = {one.name for found in trees for one in found.find_all(nodes.Name) if one.ctx != "load"}
    own |= {one.name for found in trees for one in found.find_all(nodes.Macro)}
    imports = [one for found in trees for part in found.find_all(nodes.FromImport) for one in part.names]
    own |= {one if isinstance(one, str) else one[1] for one in imports}
    named = {name for found in trees for name in meta.find_undeclared_variables(found)}
    assert named <= given(monkeypatch, module, *words) | own | {*templates().globals}
