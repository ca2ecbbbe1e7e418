from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azkvlint.model.finding import Report
from azkvlint.model.location import Location
from azkvlint.reporters.problems import PROBLEMS

if TYPE_CHECKING:
    from tests.reporters.conftest import Make, Print

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text("utf-8")


def test_report_is_the_expected_file(report: Report, printed: Print, expected: Callable[[str, str], None]) -> None:
    expected("report.json", printed(report, "json"))


def test_same_report_same_bytes(report: Report, printed: Print) -> None:
    assert printed(report, "json") == printed(report, "json")


def test_every_field_is_documented(report: Report, printed: Print) -> None:
    documented = set(re.findall(r"`(\w+)`", DOCS))
    assert _names(json.loads(printed(report, "json"))) <= documented


def test_every_code_of_a_problem_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "problems.md").read_text("utf-8")
    assert set(re.findall(r"KVE\d{3}", page)) == set(PROBLEMS)


def test_summary_counts_listed_results(report: Report, printed: Print) -> None:
    document = json.loads(printed(report, "json"))
    assert document["summary"]["findings"] == {"critical": 0, "high": 1, "medium": 1, "low": 1, "info": 1}
    assert sum(document["summary"]["findings"].values()) == len(document["findings"])
    assert document["summary"]["unknown"] == len(document["unknown"])
    assert document["summary"]["problems"] == len(document["problems"])


def test_results_have_one_shape(report: Report, printed: Print) -> None:
    document = json.loads(printed(report, "json"))
    shapes = {tuple(result) for result in document["findings"]}
    assert shapes == {tuple(document["unknown"][0])[:-1]}
    assert list(document["unknown"][0])[-1] == "why"


def test_clean_report_has_empty_lists(clean: Report, printed: Print) -> None:
    document = json.loads(printed(clean, "json"))
    assert (document["findings"], document["unknown"], document["problems"]) == ([], [], [])
    assert document["repository"] is None


def test_text_of_any_kind_is_kept(make_finding: Make, make_report: Make, printed: Print) -> None:
    name = '\x1b[31m\x7f\x9b\u202e\u2028"\\\U000e0041\n'
    text = printed(make_report(findings=(make_finding(resource=name),)), "json")
    assert json.loads(text)["findings"][0]["resource"] == name
    assert all(character.isprintable() or character == "\n" for character in text)


def test_file_name_that_is_not_utf8_is_in_the_report(make_finding: Make, make_report: Make, printed: Print) -> None:
    at = Location(path=b"caf\xe9.tf".decode("utf-8", "surrogateescape"))
    text = printed(make_report(findings=(make_finding(at=at),)), "json")
    assert json.loads(text)["findings"][0]["location"]["path"] == "caf\ufffd.tf"


def _names(part: Any) -> set[str]:
    """The names of all fields, without those that are data: the types in ``evaluatedResources``."""
    if isinstance(part, list):
        return set().union(*map(_names, part))
    if not isinstance(part, dict):
        return set()
    return set().union(part, *(_names(value) for name, value in part.items() if name != "evaluatedResources"))


def test_suppressed_results_have_a_reason(
    make_finding: Make, make_suppression: Make, make_report: Make, printed: Print
) -> None:
    hidden = [make_finding(suppressed=make_suppression(until=until)) for until in ("", "2027-03-01")]
    document = json.loads(printed(make_report(suppressed=tuple(hidden)), "json"))
    assert document["findings"] == []
    assert document["summary"]["suppressed"] == len(document["suppressed"]) == 2
    reasons = [result["suppression"] for result in document["suppressed"]]
    assert [reason["until"] for reason in reasons] == [None, "2027-03-01"]
    assert (reasons[0]["kind"], reasons[0]["justification"]) == ("inSource", "A sandbox.")
    assert reasons[0]["location"]["line"] == 3
    assert _names(document) <= set(re.findall(r"`(\w+)`", DOCS))


def test_all_occurrences_are_listed(
    make_finding: Make, make_occurrences: Make, make_report: Make, printed: Print
) -> None:
    finding = make_finding(occurrences=make_occurrences("a", "b"), source="plan")
    (result,) = json.loads(printed(make_report(findings=(finding,)), "json"))["findings"]
    assert [(one["resource"], one["message"]) for one in result["occurrences"]] == [
        ("a", "a is wrong"),
        ("b", "b is wrong"),
    ]
    assert result["source"] == "plan"
    assert set(result["occurrences"][0]) <= set(re.findall(r"`(\w+)`", DOCS))
