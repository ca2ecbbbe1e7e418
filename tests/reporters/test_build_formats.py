"""The formats for build systems, of a report with something of everything in it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from azkvlint.model.finding import Problem, Report
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options
from azkvlint.reporters.findings.markdown import LIMIT, markdown
from azkvlint.reporters.gfm import code, message, plain, prose

if TYPE_CHECKING:
    from tests.reporters.conftest import Make, Print

HOSTILE = "\x1b[2J\n::error::x ##vso[task.complete] ##[error]x; y]z 100%0A"


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """What GitLab and reviewdog document, and nothing besides."""


class _Lines(_Strict):
    begin: int


class _Where(_Strict):
    path: str
    lines: _Lines


class _Entry(_Strict):
    description: str
    check_name: str
    fingerprint: str
    severity: str
    location: _Where


class _Position(_Strict):
    line: int
    column: int | None = None


class _Range(_Strict):
    start: _Position
    end: _Position | None = None


class _Location(_Strict):
    path: str
    range: _Range | None = None


class _Code(_Strict):
    value: str
    url: str | None = None


class _Diagnostic(_Strict):
    message: str
    location: _Location
    severity: str
    code: _Code


class _Source(_Strict):
    name: str
    url: str


class _Result(_Strict):
    source: _Source
    diagnostics: list[_Diagnostic]


def entries(text: str) -> list[_Entry]:
    return msgspec.json.decode(text, type=list[_Entry])


def diagnostics(text: str) -> list[_Diagnostic]:
    return msgspec.json.decode(text, type=_Result).diagnostics


# --- GitLab and reviewdog ---------------------------------------------------------------------------------------------


def test_gitlab_report_is_valid(report: Report, printed: Print) -> None:
    found = entries(printed(report, "gitlab"))
    assert len({one.fingerprint for one in found}) == len(found) > len(report.findings)
    assert [one.severity for one in found[: len(report.findings)]] == ["critical", "major", "info", "minor"]
    assert not any(one.location.path.startswith(("./", "/")) for one in found)
    assert all(one.location.lines.begin >= 1 for one in found)


def test_gitlab_fingerprints_are_unique(make_report: Make, make_finding: Make, printed: Print) -> None:
    problem = Problem(code="KVE001", level="error", message="broken")
    told = make_report(findings=(make_finding(),) * 3, problems=(problem, problem))
    marks = [one.fingerprint for one in entries(printed(told, "gitlab"))]
    assert len(set(marks)) == 5
    assert marks[0] == make_finding().fingerprint


def test_rdjson_report_is_valid(report: Report, printed: Print) -> None:
    found = diagnostics(printed(report, "rdjson"))
    assert Counter(one.severity for one in found)["ERROR"] > 1
    assert {one.code.value for one in found} >= {finding.rule.id for finding in report.findings}
    assert all(one.location.range is None or one.location.range.start.line >= 1 for one in found)


@pytest.mark.parametrize(
    ("text", "context", "start", "columns"),
    [
        ("abc = 1", "abc = 1", 1, (1, 8)),
        ("abc = 1", "  ä名🔑 abc = 1", 7, (13, 20)),
        ("ä = 1", "  ä = 1", 3, (3, 9)),
        ("abc = 1", "x = (hidden), abc = 1", 9, None),  # it was shorter before something was hidden
        ("abc = (hidden)", "abc = (hidden)", 1, None),
    ],
)
def test_columns_of_rdjson_count_bytes(
    make_report: Make,
    make_finding: Make,
    printed: Print,
    text: str,
    context: str,
    start: int,
    columns: tuple[int, int] | None,
) -> None:
    at = Location(path="a.tf", region=Region(3, start, 3, start + 7 - (2 if text.startswith("ä") else 0)))
    excerpt = Excerpt(text=text, context=Region(3, 1, 3, len(context) + 1), context_text=context)
    told = make_report(findings=(make_finding(at=at, excerpt=excerpt),))
    (one,) = diagnostics(printed(told, "rdjson"))
    assert one.location.range is not None
    place = one.location.range
    found = (place.start.column, place.end.column) if place.end is not None else None
    assert (place.start.line, found) == (3, columns)


# --- GitHub and Azure -------------------------------------------------------------------------------------------------


def test_github_annotates_the_ten_worst_of_each_kind(
    make_report: Make, make_finding: Make, make_rule: Make, printed: Print
) -> None:
    graded = [(severity, make_rule(severity=severity)) for severity in Severity]
    findings = tuple(make_finding(rule=rule) for _, rule in graded for _ in range(12))
    lines = printed(make_report(findings=findings), "github").splitlines()
    commands = [line.partition(" ")[0] for line in lines if line.startswith("::")]
    assert commands == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    rest = lines[30:-1]
    assert len(rest) == 60 - 30
    assert all(re.fullmatch(r"infra/main\.tf:4:3: KV001 (error|warning|info) .*", line) for line in rest)


def test_problems_are_annotated_before_findings(make_report: Make, make_finding: Make, printed: Print) -> None:
    problem = Problem(code="KVE001", level="error", message="broken", hint="mend it")
    told = make_report(findings=(make_finding(),) * 30, problems=(problem,))
    assert printed(told, "github").startswith("::error title=kvlint (KVE001)::KVE001 broken (mend it)\n")
    assert printed(told, "azure").startswith("##vso[task.logissue type=error;code=KVE001;]KVE001 broken (mend it)\n")


@pytest.mark.parametrize(
    ("region", "place"),
    [
        (Region(4, 3, 4, 9), "line=4,col=3,endLine=4,endColumn=9"),
        (Region(4, 3, 6, 2), "line=4"),  # with columns GitHub refuses a place of several lines
    ],
)
def test_github_annotation_has_the_region(
    make_report: Make, make_finding: Make, printed: Print, region: Region, place: str
) -> None:
    told = make_report(findings=(make_finding(at=Location(path="a,b:c%.tf", region=region)),))
    line = printed(told, "github").splitlines()[0]
    assert line.startswith(f"::error title=kvlint (KV001),file=a%2Cb%3Ac%25.tf,{place}::a,b:c%25.tf:4:3: KV001 ")


def test_azure_pipelines_have_no_level_below_warning(
    make_report: Make, make_finding: Make, make_rule: Make, printed: Print
) -> None:
    findings = tuple(make_finding(rule=make_rule(severity=severity)) for severity in Severity)
    lines = printed(make_report(findings=findings), "azure").splitlines()
    assert [line.partition(";")[0] for line in lines[:3]] == ["##vso[task.logissue type=error"] * 2 + [
        "##vso[task.logissue type=warning"
    ]
    assert all(line.startswith("infra/main.tf:4:3: KV001 info ") for line in lines[3:5])


@pytest.mark.parametrize("name", ["github", "azure", "concise"])
def test_a_line_stays_one(make_report: Make, make_finding: Make, printed: Print, name: str) -> None:
    at = Location(path=HOSTILE, region=Region(1, 1, 1, 2))
    problem = Problem(code="KVE001", level="error", message=HOSTILE, at=at, hint=HOSTILE)
    told = make_report(findings=(make_finding(message=HOSTILE, at=at),), problems=(problem,))
    assert len(printed(told, name).splitlines()) == 3


# --- JUnit ------------------------------------------------------------------------------------------------------------


def test_cases_of_one_name_are_numbered(make_report: Make, make_finding: Make, printed: Print) -> None:
    names = re.findall(
        r'<testcase [^>]*?\bname="([^"]*)"', printed(make_report(findings=(make_finding(),) * 2), "junit")
    )
    assert names == ["KV001 azurerm_key_vault.kv", "KV001 azurerm_key_vault.kv (2)"]


def test_notes_and_warnings_fail_nothing(make_report: Make, printed: Print) -> None:
    problems = (
        Problem(code="KVE006", level="warning", message="a < b"),
        Problem(code="KVE007", level="note", message="c"),
    )
    text = printed(make_report(problems=problems), "junit")
    assert '<testsuites name="kvlint" tests="1" failures="0" errors="0">' in text
    assert "<system-err>kvlint: warning[KVE006] a &lt; b\nkvlint: note[KVE007] c</system-err>" in text


# --- Markdown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, LIMIT - 5_000, 2 * LIMIT])
def test_a_summary_is_cut_before_it_is_too_long(make_report: Make, make_finding: Make, before: int) -> None:
    finding = make_finding(resource="ü" * 250, arguments=("ü" * 250, "a", "b"))
    text = markdown(make_report(findings=(finding,) * 2_000, unknown=()), Options(), before)
    assert len(text.encode()) <= max(LIMIT - before, 500)
    assert re.search(r"\n\*\*Truncated:\*\* [\d,]+ more lines omitted, ", text)


def test_folded_section_of_a_truncated_summary_is_closed(make_report: Make, make_finding: Make) -> None:
    finding = make_finding(resource="ü" * 250, arguments=("ü" * 250, "a", "b"))
    text = markdown(make_report(suppressed=(finding,) * 2_000), Options(suppressed=True))
    assert text.count("<details>") == text.count("</details>") == 1
    assert "**Truncated:**" in text.rpartition("</details>")[2]


def test_a_summary_of_a_whole_report(report: Report) -> None:
    page = MarkdownIt("commonmark").enable("table").render(markdown(report, Options()))
    assert page.count("<table>") == 2
    assert page.count("<tr>") == len(report.findings) + len(report.unknown) + 2
    assert "Cut here" not in page


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("`|<>[]()!*_~#@&\\ "), min_size=1))
def test_plain_text_and_code_spans_are_rendered_unchanged(text: str) -> None:
    """Rendered in a cell of a table, for there they stand."""
    text = f"x{text}x"
    for written in (plain(text), code(text)):
        tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {written} | c |\n")
        cells = [token for token in tokens if token.type == "inline"]
        assert len(cells) == 4
        children = cells[2].children or []
        assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
        assert "".join(child.content for child in children).replace("\u200b", "") == text


@pytest.mark.parametrize(
    ("written", "arguments", "shown"),
    [
        ("{resource} is `{value}`, not {value}", ("a", "b"), "`a` is `b`, not `b`"),
        ("{resource} is {value}: {because}", ("a`", "*b*", ""), "`` a` `` is `*b*`: "),
        ("{resource}{value} {because}", ("a", "``b", "`c` <d>"), "`a`&#8203;``` ``b ``` `c` &lt;d&gt;"),
        ("<b> of {resource}'s", ("x" * 400,), f"&lt;b&gt; of `{'x' * 300}...`'s"),
    ],
)
def test_strings_from_the_input_are_code_spans(
    make_rule: Make, make_finding: Make, written: str, arguments: tuple[str, ...], shown: str
) -> None:
    assert message(make_finding(rule=make_rule(message=written), arguments=arguments)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Set `a = <b>` or\n `c|d`.", "Set `a = <b>` or `c|d`."),
        ("<b> & @you", "&lt;b&gt; &amp; @&#8203;you"),
        ("an odd ` tick", r"an odd \` tick"),
        ("https://a www.b #1", r"https:&#8203;//a www&#8203;.b \#&#8203;1"),
    ],
)
def test_prose_is_escaped_for_markdown(text: str, shown: str) -> None:
    assert prose(text) == shown
