"""One document in each format: the same content, laid out for its reader, and inert wherever it is shown."""

from __future__ import annotations

import csv as standard_csv
import io
import re
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt

from azkvlint.reporters import Options
from azkvlint.reporters.document import (
    BAD,
    BELOW,
    CODE,
    GOOD,
    PROSE,
    SHORT,
    STATE,
    STRONG,
    Cell,
    CodeBlock,
    Column,
    Count,
    Document,
    Figure,
    ItemList,
    ListItem,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    Word,
    between,
)
from azkvlint.reporters.document.csv import csv
from azkvlint.reporters.document.html import html
from azkvlint.reporters.document.markdown import markdown
from azkvlint.reporters.document.text import text

MATRIX = Table(
    columns=(Column("Principal"), Column("secrets", kind=STATE, hint="read secrets"), Column("keys", kind=STATE)),
    rows=(
        Row(
            (Cell("app"), Cell("yes", state=BAD), Cell("-")),
            details=(ItemList((ListItem((Span("yes", STRONG), " secrets"), items=(ListItem("edit: main.tf:3"),)),)),),
        ),
        Row((Cell("a group of people"), Cell("?"), Cell("yes", state=BAD))),
    ),
    details="Paths",
)
CONTROLS = Table(
    columns=(
        Column("Control", kind=SHORT), Column("Title"), Column("Status", kind=STATE), Column("Evidence", kind=BELOW),
    ),
    rows=(
        Row(
            (
                Cell("8.1"), Cell("Keys expire"), Cell("not met", state=BAD),
                Cell("One key fails.", items=(ListItem(("KV1 ", Span("main.tf:1", CODE)), state=BAD),),
                     links=("https://learn.microsoft.com/azure/key-vault/",)),
            ),
            group="Keys",
        ),
        Row((Cell("10.2"), Cell("Purge protection"), Cell("met", state=GOOD), Cell("Passed: KV2.")), group="Vaults"),
    ),
    is_headed=False,
)  # fmt: skip
DOCUMENT = Document(
    title="Example",
    summary="1 vault: 1 not met.",
    version="1.2.3",
    head=("Framework: Example",),
    counts=(Count(1, "not met", BAD), Count(0, "unknown")),
    notes=("The input is not complete.",),
    problems=("main.tf:1: error KVE002: not read",),
    failures=("secrets: 1 principal",),
    blocks=(
        Section("kv-a", (MATRIX,), about=((Span("module.a", CODE), " · Azure RBAC"),), anchor="vault-1",
                counts=(Count(1, "not met", BAD), Count(2, "met", GOOD))),
        Section("kv-b", (CONTROLS, Paragraph(Span("Set `a`.", PROSE), state=BAD)), anchor="vault-2"),
        CodeBlock("a = 1\nb = 2", "hcl", "Code"),
        Figure("picture", {"permissions": [(0, "<get>", "'a'")], "data": {"a": "</script>"}}, "A drawing"),
    ),
    words=(Word("met", "All rules pass.", GOOD),),
    links=("https://example.org/",),
)  # fmt: skip


def test_text_has_each_table_and_the_details_of_its_rows_below_it() -> None:
    assert text(DOCUMENT, Options()) == (
        "Framework: Example\n\n"
        "kv-a\n  module.a · Azure RBAC\n\n"
        "  secrets  keys  Principal\n  YES      -     app\n  ?        YES   a group of people\n\n"
        "  app\n    yes secrets\n      edit: main.tf:3\n\n"
        "kv-b\n  Keys\n  NOT MET  8.1   Keys expire\n                 One key fails.\n                 KV1 main.tf:1\n"
        "  Vaults\n  met      10.2  Purge protection\n                 Passed: KV2.\n\n  Set `a`.\n\n"
        "--- Code ---\n\na = 1\nb = 2\n\n"
        "The input is not complete.\nmain.tf:1: error KVE002: not read\nsecrets: 1 principal\n1 vault: 1 not met.\n"
    )


def test_markdown_folds_the_details_of_rows() -> None:
    written = markdown(DOCUMENT)
    assert written.startswith(
        "# Example\n\n1 vault: 1 not met.\n\n- ❌ secrets: 1 principal\n\n## kv-a\n\n`module.a` ·"
    )
    assert "| Principal | secrets | keys |\n|---|:-:|:-:|\n| app | ❌ **yes** | - |\n" in written
    assert (
        "<details><summary>Paths</summary>\n\n**app**\n\n- **yes** secrets\n  - edit: main.tf:3\n\n</details>"
        in written
    )
    assert (
        "| **Keys** |  |  |  |\n| 8.1 | Keys expire | ❌ **not met** | One key fails.<br>KV1 `main.tf:1`<br>" in written
    )
    assert "❌ Set `a`.\n" in written
    assert "```hcl\na = 1\nb = 2\n```" in written
    assert "\n\n\n" not in written
    assert written.endswith("## Analysis incomplete\n\n- main.tf:1: error KVE002: not read\n")


def test_html_lists_the_sections_and_opens_rows() -> None:
    written = html(DOCUMENT)
    assert '<a href="#vault-1">kv-a</a>' in written
    assert '<section class="vault" id="vault-2">' in written
    assert "1 not met, 2 met" in written
    assert re.search(r'<details><summary class="row"><span class="c-text first">app</span>', written)
    assert '<tr class="row"><td class="c-short">8.1</td><th class="c-text" scope="row">Keys expire</th>' in written
    assert '<span aria-hidden="true">\u2715</span> not met' in written
    assert '<figure><div class="picture" id="picture">' in written
    assert '<option value="0" title="&#39;a&#39;">&lt;get&gt;</option>' in written
    assert r'{"a":"\u003c/script\u003e"}</script></div><figcaption>A drawing</figcaption></figure>' in written
    assert (
        'href="https://learn.microsoft.com/azure/key-vault/" rel="noreferrer">learn.microsoft.com/azure/key-vault</a>'
        in written
    )
    assert "<dt>met</dt><dd>All rules pass.</dd>" in written


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_terminal_has_the_content_of_text_within_its_width(width: int) -> None:
    plain = text(DOCUMENT, Options(terminal=True, width=width))
    colored = text(DOCUMENT, Options(terminal=True, width=width, color=True))
    assert "\x1b" not in plain
    assert "\x1b[1m" in colored
    assert max(map(len, plain.splitlines())) <= width
    words = set(re.findall(r"\w+", text(DOCUMENT, Options())))
    assert words <= {*re.findall(r"\w+", plain), "8", "10"}


def test_only_a_terminal_imports_rich() -> None:
    script = (
        "import sys; from azkvlint.reporters import Options; from azkvlint.reporters.document import *; "
        "from azkvlint.reporters.document import text, markdown, html, csv; "
        "text.text(Document(title='', summary='a'), Options(terminal={})); print('rich' in sys.modules)"
    )
    for terminal in (False, True):
        done = subprocess.run(
            [sys.executable, "-c", script.format(terminal)], capture_output=True, check=True, text=True, timeout=60
        )
        assert done.stdout == f"{terminal}\n"


def test_a_list_without_a_width_is_not_wrapped() -> None:
    long = "word " * 60
    wide, narrow = (
        Document(title="", summary="", blocks=(ItemList((ListItem(long),)),), width=width) for width in (0, 80)
    )
    assert text(wide, Options()) == f"{long}\n\n"
    assert max(map(len, text(narrow, Options()).splitlines())) <= 80


HOSTILE = "=a\x1b[2J\u202e<b>|`*@x\n::set-output"


@pytest.mark.parametrize("style", ["", CODE, STRONG, PROSE])
def test_no_string_of_the_input_acts_in_any_format(style: str) -> None:
    span = Span(HOSTILE, style, link=f"javascript:{HOSTILE}")
    item = ListItem(span, items=(ListItem(span),))
    table = Table(
        columns=(Column(HOSTILE), Column(HOSTILE, kind=STATE), Column(HOSTILE, kind=BELOW)),
        rows=(Row((Cell(span), Cell(span, state=BAD), Cell(span, items=(item,), links=(HOSTILE,))), group=HOSTILE,
                  details=(ItemList((item,)),)),),
        details=HOSTILE,
    )  # fmt: skip
    document = Document(
        title=HOSTILE, summary=span, head=(span,), about=span, facts=(span,), notes=(span,), failures=(span,),
        problems=(HOSTILE,), links=(HOSTILE,), words=(Word(HOSTILE, span),),
        blocks=(Section(span, (table, ItemList((item,)), Paragraph(span), CodeBlock(f"```\n{HOSTILE}", title=span)),
                        about=(span,), anchor="a", counts=(Count(1, HOSTILE),)),),
    )  # fmt: skip
    written = [
        text(document, Options()), text(document, Options(terminal=True)), markdown(document), html(document),
    ]  # fmt: skip
    for one in (*written, csv(table)):
        assert "\x1b" not in one
        assert "\u202e" not in one
        assert "\n::" not in one
        assert "::set-output" not in one
    assert "<b>|" not in written[3]
    assert 'href="javascript' not in written[3]
    read = MarkdownIt("gfm-like", {"linkify": False}).render(written[2])
    assert "<table>" in read
    assert "<b>" not in read
    assert "javascript" not in re.sub("<[^a].*?>", "", read).replace("javascript:=a", "")
    assert all(
        len(cell) < 1000 and not cell.startswith("=") for cell in next(standard_csv.reader(io.StringIO(csv(table))))
    )


def test_a_spreadsheet_evaluates_no_cell() -> None:
    table = Table(
        columns=(Column("a"), Column("b")), rows=(Row((Cell('=1+1,"x"'), Cell("b", items=(ListItem("c"),)))),)
    )
    assert csv(table) == 'a,b\n"\'=1+1,""x""",b; c\n'


def test_contents_are_joined_without_the_empty_ones() -> None:
    assert between(("a", "", Span("b", CODE), ())) == (Span("a"), " · ", Span("b", CODE))
