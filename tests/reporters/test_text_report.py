from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from azkvlint.model.finding import Report
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.reporters import REPORTERS
from azkvlint.reporters.findings.terminal import hyperlink, paint, width_of
from azkvlint.reporters.phrases import evaluated_resources

if TYPE_CHECKING:
    from tests.reporters.conftest import Make, Print

IMPORTS = """
import sys
import msgspec  # imports json itself below 0.20
before = set(sys.modules)
from azkvlint.model.finding import Report
from azkvlint.reporters import REPORTERS, Options
report = Report(findings=(), unknown=(), problems=(), rules=(), sources=(), resource_counts={}, passed=0, version="1")
loaded = [name for name in sys.modules if name.startswith("azkvlint.reporters.")]
for name, reporter in REPORTERS.items():
    if name != "html":  # Jinja2 imports some of them
        reporter(report, Options())
REPORTERS["text"](report, Options(terminal=True))
print(loaded, *({"rich", "json", "pathlib", "urllib.parse", "dataclasses"} & set(sys.modules) - before))
REPORTERS["text"](report, Options(terminal=True, color=True))
print("rich" in sys.modules)
"""
HOSTILE = "\x1b[2J\n::error file=x::y ##vso[task.complete] ##[error] \u202ekv\r\x9b1m"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.txt", {}),
        ("verbose.txt", {"verbosity": 1, "statistics": True}),
        ("quiet.txt", {"verbosity": -1}),
        ("terminal.txt", {"terminal": True, "width": 90, "statistics": True}),
        ("terminal-verbose.txt", {"terminal": True, "width": 60, "verbosity": 1}),
        ("terminal-color.txt", {"terminal": True, "width": 90, "color": True}),
    ],
)
def test_report_is_the_expected_text(
    report: Report, printed: Print, expected: Callable[[str, str], None], name: str, options: dict[str, Any]
) -> None:
    expected(name, printed(report, **options))


@pytest.mark.parametrize(
    ("style", "like"),
    [
        ("critical", "bold reverse red"), ("high", "bold red"), ("medium", "bold yellow"), ("low", "bold cyan"),
        ("info", "bold blue"), ("unknown", "bold magenta"), ("dim", "dim"), ("bold", "bold"), ("other", "bold"),
    ],
)  # fmt: skip
def test_styles_are_those_of_rich(style: str, like: str) -> None:
    assert paint("kv", style) == Style.parse(like).render("kv", color_system=ColorSystem.STANDARD)
    assert paint("", style) == ""


@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_widths_are_those_of_rich(text: str) -> None:
    assert width_of(text) == cell_len(text)


@pytest.mark.parametrize(
    "address",
    ["javascript:x", "https://x\x1b[31m", "https://x/ y", "https://x\n", "https://ä", "https://" + "x" * 9999, ""],
)
def test_only_a_plain_address_becomes_a_link(address: str) -> None:
    assert hyperlink("KV001", address) == "KV001"
    assert hyperlink("KV001", "https://a.b/c?d") == "\x1b]8;;https://a.b/c?d\x1b\\KV001\x1b]8;;\x1b\\"


def test_a_clean_report_counts_the_vaults(clean: Report, printed: Print) -> None:
    line = "No issues found in 1 key vault.\n"
    assert printed(clean) == line
    assert printed(clean, terminal=True) == line
    assert printed(clean, verbosity=-1) == ""


def test_report_without_resources_states_that_nothing_matched(make_report: Make, printed: Print) -> None:
    assert printed(make_report()) == "No Key Vault resources found.\n"
    units = {"Terraform module": 1, "Bicep file": 2}
    text = printed(make_report(unit_counts=units))
    assert text == "No Key Vault resources found in 1 Terraform module and 2 Bicep files.\n"


def test_types_are_counted_in_words(make_report: Make, printed: Print) -> None:
    counts = {
        "Terraform/providers": 1,
        "Microsoft.Insights/diagnosticSettings": 2,
        "Microsoft.KeyVault/managedHSMs/keys": 1,
        "Microsoft.KeyVault/vaults/accessPolicies": 1,
        "Microsoft.KeyVault/vaults/keys": 1,
        "Microsoft.KeyVault/vaults": 0,
    }
    assert evaluated_resources(counts) == ("2 diagnostic settings, 1 HSM key, 1 access policy, 1 key, 1 provider")
    assert printed(make_report(resource_counts=counts)) == "No issues found in 6 resources.\n"


@pytest.mark.parametrize("options", [{}, {"verbosity": 1}, {"terminal": True}, {"terminal": True, "width": 40}])
def test_scanned_text_contains_no_escape_sequences(
    make_finding: Make, make_report: Make, printed: Print, options: dict[str, Any]
) -> None:
    at = Location(path=f"a/{HOSTILE}", region=Region(1, 1, 1, 2), address=HOSTILE, attribute=HOSTILE)
    excerpt = Excerpt(text=HOSTILE, context=Region(1, 1, 1, 99), context_text=f"x = {HOSTILE}")
    finding = make_finding(message=HOSTILE, resource=HOSTILE, at=at, excerpt=excerpt)
    text = printed(make_report(findings=(finding,)), **options)
    assert all(character.isprintable() for line in text.split("\n") for character in line)
    assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
    assert "##vso[" not in text
    assert "##[" not in text
    assert r"\x1b[2J\n" in text


@pytest.mark.parametrize("path", ["::error::x.tf", "##[x]", " a.tf", "-f"])
def test_a_line_never_begins_like_a_command(make_finding: Make, make_report: Make, printed: Print, path: str) -> None:
    finding = make_finding(at=Location(path=path, region=Region(1, 1, 1, 2)))
    assert printed(make_report(findings=(finding,)), verbosity=-1).startswith("./")


@pytest.mark.parametrize(
    ("context", "text", "line", "carets"),
    [
        (Excerpt(text="b", context=Region(1, 1, 4, 1), context_text="x\ny\n\ta b\n"), "b", "    a b", "      ^"),
        (Excerpt(text="b", context=Region(3, 3, 3, 9), context_text=" 名 b "), "b", " 名 b", "    ^"),
        (
            Excerpt(text="b", context=Region(3, 1, 3, 9), context_text="(sensitive) b"),
            "b",
            "(sensitive) b",
            " " * 12 + "^",
        ),
        (Excerpt(text="gone", context=Region(3, 1, 3, 9), context_text="other"), "gone", "gone", "^^^^"),
        (Excerpt(text="", context=Region(3, 1, 3, 1), context_text=""), "", "", "^"),
        (Excerpt(text="ab\ncd", context=Region(3, 1, 4, 3), context_text="ab\r\ncd"), "ab", "ab", "^^"),
        (Excerpt(text="b", context=Region(9, 1, 9, 3), context_text="far"), "b", "b", "^"),
    ],
)
def test_carets_are_below_the_region(
    make_finding: Make, make_report: Make, printed: Print, context: Excerpt, text: str, line: str, carets: str
) -> None:
    at = Location(path="a.tf", region=Region(3, 4, 3, 5))
    finding = make_finding(at=at, excerpt=context)
    lines = printed(make_report(findings=(finding,)), terminal=True).split("\n")
    place = lines.index("  --> a.tf:3:4")
    assert lines[place + 1] == "   |"
    assert lines[place + 2] == f" 3 | {line}".rstrip()
    assert lines[place + 3].split("`", 1)[0].rstrip() == f"   | {carets}"


@pytest.mark.parametrize(
    ("before", "marked", "after"), [(300, 9, 300), (0, 9, 300), (300, 9, 0), (10, 300, 10), (0, 76, 9)]
)
def test_a_long_line_is_cut_around_the_region(
    make_finding: Make, make_report: Make, printed: Print, before: int, marked: int, after: int
) -> None:
    text = "m" * marked
    line = f"{'b' * before}{text}{'a' * after}"
    region = Region(1, before + 1, 1, before + marked + 1)
    excerpt = Excerpt(text=text, context=Region(1, 1, 1, len(line) + 1), context_text=line)
    finding = make_finding(at=Location(path="plan.json", region=region), excerpt=excerpt)
    lines = printed(make_report(findings=(finding,)), terminal=True, width=80).split("\n")
    shown, carets = lines[next(at for at, line in enumerate(lines) if "-->" in line) + 2 :][:2]
    assert len(shown) <= 80
    assert shown[carets.index("^") : carets.rindex("^") + 1].startswith("m" * min(marked, 70))


def test_long_words_stay_whole(make_finding: Make, make_report: Make, printed: Print) -> None:
    address = "module.a." * 20 + "azurerm_key_vault.kv"
    finding = make_finding(message=f"The vault '{address}' is open.")
    assert f"'{address}'" in printed(make_report(findings=(finding,)), terminal=True, width=60)


def test_statistics_are_sorted_by_count_then_id(
    make_rule: Make, make_finding: Make, make_report: Make, printed: Print
) -> None:
    rules = [make_rule(id=rule) for rule in ("KV001", "KV002", "KV003")]
    findings = tuple(make_finding(rule=rules[index]) for index in (0, 1, 2, 2))
    lines = printed(make_report(findings=findings), statistics=True).splitlines()[-4:-1]
    assert [line.split()[:2] for line in lines] == [["2", "KV003"], ["1", "KV001"], ["1", "KV002"]]


def test_plain_lines_are_stable_under_every_width(report: Report, printed: Print) -> None:
    assert printed(report, width=10) == printed(report, width=1000)


def test_colors_change_no_word_of_plain_lines(report: Report, printed: Print) -> None:
    for verbosity in (-1, 0, 1):
        colored = printed(report, color=True, verbosity=verbosity)
        assert "\x1b[1m" in colored
        assert re.sub(r"\x1b\[[\d;]*m", "", colored) == printed(report, verbosity=verbosity)


def test_formats_for_machines_ignore_options(report: Report, printed: Print) -> None:
    for name in sorted(set(REPORTERS) - {"text"}):
        assert printed(report, name) == printed(report, name, terminal=True, color=True, verbosity=1, statistics=True)


def test_only_colors_import_rich() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["[]", "True", ""]


def test_reports_are_not_changed(report: Report, printed: Print) -> None:
    before = msgspec.json.encode(report)
    for name in REPORTERS:
        printed(report, name, terminal=True)
    assert msgspec.json.encode(report) == before


def test_several_instances_are_one_line_that_names_some(
    make_finding: Make, make_occurrences: Make, make_report: Make, printed: Print
) -> None:
    one = make_finding(occurrences=make_occurrences("a", "b"), label="1")
    many = make_finding(occurrences=make_occurrences(*"abcdef"), label="2")
    rooted = make_finding(occurrences=(*make_occurrences("a"), *make_occurrences("a", root="other")), label="3")
    text = printed(make_report(findings=(one, many, rooted)))
    assert [line.partition(" [and ")[2] for line in text.splitlines()[:-1]] == [
        "1 more: b]",
        "5 more: b, c, d, ...]",
        "1 more: a of other]",
    ]
    assert text.splitlines()[-1] == "Found 3 issues (3 high) on 7 resources."
    assert "[and 1 more: b]" in printed(make_report(findings=(one,)), terminal=True)


@pytest.mark.parametrize("terminal", [False, True])
def test_verbose_report_lists_suppressed_findings(
    make_finding: Make, make_suppression: Make, make_report: Make, printed: Print, terminal: bool
) -> None:
    hidden = make_finding(suppressed=make_suppression(justification="a \x1b sandbox", until="2027-03-01"))
    report = make_report(suppressed=(hidden,))
    assert printed(report, terminal=terminal) == "No Key Vault resources found. 1 suppressed.\n"
    told = printed(report, terminal=terminal, verbosity=1)
    assert "suppressed[KV001]" in told
    assert r"a \x1b sandbox (until 2027-03-01) [infra/main.tf:3:1]" in told
    assert printed(report, verbosity=-1) == ""
