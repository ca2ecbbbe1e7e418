"""The log as a whole, and the mistakes that validators let pass but readers do not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from azkvlint.graph.region_lookup import places_of
from azkvlint.model.finding import Note, Problem, Report
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.reporters import REPORTERS, Options
from azkvlint.reporters.findings.sarif_rules import encode_uri

if TYPE_CHECKING:
    from tests.reporters.conftest import Log, Make, Print


def fill(run: dict[str, Any], result: dict[str, Any]) -> str:
    """The message as a reader of SARIF makes it from template and arguments."""
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"]
    template = rule["messageStrings"][result["message"]["id"]]["text"]
    arguments = result["message"]["arguments"]
    return re.sub(r"\{(\d+)\}", lambda slot: arguments[int(slot[1])], template)


def walk(part: Any, name: str) -> list[Any]:
    if isinstance(part, list):
        return [found for item in part for found in walk(item, name)]
    if not isinstance(part, dict):
        return []
    return [*([part[name]] if name in part else []), *(found for value in part.values() for found in walk(value, name))]


def test_log_is_the_expected_file(
    log: Log, report: Report, printed: Print, expected: Callable[[str, str], None]
) -> None:
    expected("log.sarif", printed(report, "sarif"))


def test_log_without_findings_is_the_expected_file(
    log: Log, clean: Report, printed: Print, expected: Callable[[str, str], None]
) -> None:
    expected("clean.sarif", printed(clean, "sarif"))
    run = log(clean)
    assert run["results"] == run["tool"]["driver"]["rules"] == []


def test_same_report_same_bytes(report: Report, printed: Print) -> None:
    assert printed(report, "sarif") == printed(report, "sarif")


def test_log_contains_no_data_about_the_computer(report: Report, printed: Print) -> None:
    names = r"startTimeUtc|endTimeUtc|timeUtc|guid|machine|account|commandLine|workingDirectory|environmentVariables"
    assert not re.search(rf'"({names}|automationDetails|artifacts|contents|file:.*)"', printed(report, "sarif"))


def test_only_findings_are_results(log: Log, report: Report) -> None:
    run = log(report)
    assert len(run["results"]) == len(report.findings)
    assert not [result for result in run["results"] if "kind" in result]
    assert not walk(run["results"], "suppressions")
    assert not walk(run["results"], "baselineState")
    assert not walk(run["results"], "fingerprints")


def test_an_incomplete_run_that_evaluated_nothing_is_not_successful(log: Log, report: Report, clean: Report) -> None:
    """GitHub closes all alerts for a successful run without results, and rejects the log of any other."""
    assert not report.is_complete
    unread, broken = (
        msgspec.structs.replace(clean, sources=(), resource_counts={}),
        msgspec.structs.replace(report, resource_counts={}),
    )
    for each, is_successful in ((clean, True), (report, True), (unread, False), (broken, False)):
        assert log(each)["invocations"][0]["executionSuccessful"] is is_successful
    assert log(msgspec.structs.replace(clean, resource_counts={}))["invocations"][0]["executionSuccessful"] is True


def test_columns_are_counted_in_utf_16(log: Log, report: Report) -> None:
    run = log(report)
    assert run["columnKind"] == "utf16CodeUnits"
    (place,) = [result["locations"][0]["physicalLocation"] for result in run["results"] if result["ruleId"] == "KV602"]
    assert (place["region"]["startColumn"], place["region"]["endColumn"]) == (2043, 2060)
    assert (place["contextRegion"]["startColumn"], place["contextRegion"]["endColumn"]) == (2002, 2062)


def test_text_is_the_template_filled_in(log: Log, report: Report) -> None:
    run = log(report)
    for result in run["results"]:
        assert result["message"]["text"] == fill(run, result)


def test_braces_and_links_in_arguments_stay_harmless(log: Log, make_finding: Make, make_report: Make) -> None:
    hostile = "{0}{1} ${x} [click](https://evil.example) \x1b[31m\n"
    finding = make_finding(arguments=(hostile, "{0}", "{2}"))
    run = log(make_report(findings=(finding,)))
    (result,) = run["results"]
    text = result["message"]["text"]
    assert text == fill(run, result)
    assert text.startswith(
        r"Purge protection is not enabled on '(0)(1) $(x) [click] (https://evil.example) \x1b[31m\n': "
    )
    assert not re.search(r"[{}\x00-\x1f]|\]\(", text)


@given(arguments=st.tuples(st.text(), st.text(), st.text()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixtures only make structs
def test_any_arguments_fill_the_template(
    log: Log, make_finding: Make, make_report: Make, arguments: tuple[str, str, str]
) -> None:
    run = log(make_report(findings=(make_finding(arguments=arguments),)))
    (result,) = run["results"]
    assert result["message"]["text"] == fill(run, result)
    assert not re.search(r"[{}]", result["message"]["text"])


def test_every_result_has_one_place_with_a_line(log: Log, report: Report) -> None:
    for result in log(report)["results"]:
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert location["logicalLocations"][0]["kind"] == "resource"


def test_region_ends_on_its_first_line(log: Log, make_finding: Make, make_report: Make) -> None:
    at = Location(path="a.tf", region=Region(2, 3, 5, 4))
    excerpt = Excerpt(text="acls {\n  x\n}\n", context=Region(1, 1, 6, 1), context_text="\n  acls {\n  x\n}\n\n")
    (result,) = log(make_report(findings=(make_finding(at=at, excerpt=excerpt),)))["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 3, "snippet": {"text": "acls {"}}


def test_context_is_larger_than_its_region_or_left_out(log: Log, make_finding: Make, make_report: Make) -> None:
    at = Location(path="a.tf", region=Region(2, 3, 2, 9))
    for context, kept in [
        (Region(2, 3, 2, 9), False),
        (Region(2, 4, 3, 1), False),
        (Region(2, 3, 2, 8), False),
        (Region(2, 3, 2, 10), True),
        (Region(1, 9, 2, 9), True),
    ]:
        finding = make_finding(at=at, excerpt=Excerpt(text="a = 1", context=context, context_text=" a = 1 "))
        (result,) = log(make_report(findings=(finding,)))["results"]
        assert ("contextRegion" in result["locations"][0]["physicalLocation"]) is kept


def test_paths_are_relative_uris(log: Log, report: Report, make_finding: Make, make_report: Make) -> None:
    for uri in walk(log(report), "artifactLocation"):
        assert uri["uriBaseId"] == "%SRCROOT%"
        assert re.fullmatch(r"(?!/)[\w.~%/-]+", uri["uri"], re.ASCII)
        assert ".." not in uri["uri"].split("/")
    assert {uri["uri"] for uri in walk(log(report), "artifactLocation")} >= {"plans/gr%C3%B6%C3%9Fe%201.json"}
    assert log(report)["originalUriBaseIds"]["%SRCROOT%"].keys() == {"description"}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("my vault/mäin.tf", "my%20vault/m%C3%A4in.tf"),
        ("c:x/a.tf", "c%3Ax/a.tf"),
        ("a?b#c%d.tf", "a%3Fb%23c%25d.tf"),
        ("a\\b", "a%5Cb"),
        ("caf\udce9.tf", "caf%E9.tf"),
        ("\ud800", "%EF%BF%BD"),
    ],
)
def test_paths_are_percent_encoded(path: str, uri: str) -> None:
    assert encode_uri(path) == uri


def test_results_are_sorted_by_uri_line_column_and_rule(
    log: Log, make_rule: Make, make_finding: Make, make_report: Make
) -> None:
    places = [("é.tf", 1, 1), ("z.tf", 9, 2), ("z.tf", 10, 1), ("z.tf", 9, 1), ("z.tf", 9, 1)]
    rules = (make_rule(), make_rule(id="KV002"))
    findings = tuple(
        make_finding(rule=rules[index % 2], at=Location(path=path, region=Region(line, column, line, column + 1)))
        for index, (path, line, column) in enumerate(places)
    )
    results = log(make_report(rules=rules, findings=findings))["results"]
    regions = [result["locations"][0]["physicalLocation"] for result in results]
    found = [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in regions]
    assert found == [("%C3%A9.tf", 1), ("z.tf", 9), ("z.tf", 9), ("z.tf", 9), ("z.tf", 10)]
    assert [result["ruleId"] for result in results][1:3] == ["KV001", "KV002"]


def test_no_two_results_share_a_line_hash(log: Log, make_finding: Make, make_report: Make) -> None:
    findings = (make_finding(), make_finding(), make_finding(fingerprint="0" * 64))
    marks = [result["partialFingerprints"] for result in log(make_report(findings=findings))["results"]]
    hashes = [mark["primaryLocationLineHash"] for mark in marks]
    assert hashes == ["9f86d081884c7d65:1", "9f86d081884c7d65:2", "0000000000000000:1"]
    assert [mark["kvlintResource/v1"] for mark in marks] == [finding.fingerprint for finding in findings]


def test_a_line_is_known_by_its_hash_and_a_second_result_of_a_rule_on_it_by_its_resource(
    log: Log, make_rule: Make, make_finding: Make, make_report: Make
) -> None:
    rules = make_rule(), make_rule(id="KV002")
    at = Location(path="main.json", region=Region(1, 5, 1, 9))
    excerpt = Excerpt(text="name", context=Region(1, 1, 1, 9), context_text="a   name", line_hash="abc:1")
    first = make_finding(rule=rules[0], at=at, excerpt=excerpt)
    other = make_finding(rule=rules[1], at=at, excerpt=excerpt)
    second = make_finding(
        rule=rules[0], at=at, excerpt=msgspec.structs.replace(excerpt, line_hash="abc:1"), fingerprint="0" * 64
    )
    results = log(make_report(rules=rules, findings=(first, other, second)))["results"]
    hashes = {(one["ruleId"], one["partialFingerprints"]["primaryLocationLineHash"]) for one in results}
    assert hashes == {("KV001", "abc:1"), ("KV001", "0000000000000000:1"), ("KV002", "abc:1")}


def test_line_with_a_secret_has_no_hash(log: Log, make_finding: Make, make_report: Make) -> None:
    at = Location(path="main.tf", region=Region(1, 5, 1, 9))
    excerpt = Excerpt(text="name", context=Region(1, 1, 1, 9), context_text="a   name", line_hash="")
    finding = make_finding(at=at, excerpt=excerpt)
    (result,) = log(make_report(findings=(finding,)))["results"]
    assert result["partialFingerprints"] == {"kvlintResource/v1": finding.fingerprint}


def test_related_locations_are_numbered(log: Log, make_finding: Make, make_report: Make) -> None:
    notes = tuple(
        Note(text=f"See {{{line}}}.", at=Location(path="b.tf", region=Region(line, 1, line, 2))) for line in (3, 4)
    )
    (result,) = log(make_report(findings=(make_finding(related=notes),)))["results"]
    assert [place["id"] for place in result["relatedLocations"]] == [1, 2]
    assert [place["message"]["text"] for place in result["relatedLocations"]] == ["See (3).", "See (4)."]


def test_a_branch_that_is_not_known_is_left_out(log: Log, report: Report) -> None:
    assert report.repository is not None
    detached = msgspec.structs.replace(report.repository, branch="")
    (provenance,) = log(msgspec.structs.replace(report, repository=detached))["versionControlProvenance"]
    assert provenance.keys() == {"repositoryUri", "revisionId", "mappedTo"}


def test_thousands_of_findings_are_fast(report: Report) -> None:
    first = report.findings[0]
    many = tuple(msgspec.structs.replace(first, fingerprint=f"{index:064x}") for index in range(5000))
    large = msgspec.structs.replace(report, findings=many)
    times = []
    for _ in range(3):
        start = time.process_time()
        REPORTERS["sarif"](large, Options())
        times.append(time.process_time() - start)
    assert min(times) < 1  # a tenth of it on an ordinary machine; this only catches what grows with the square


def test_instances_are_one_result_with_all_their_addresses(
    log: Log, make_finding: Make, make_occurrences: Make, make_report: Make
) -> None:
    found = make_occurrences("a", "b"), make_occurrences("a", root="other")
    finding = make_finding(resource="a", occurrences=(*found[0], *found[1]), source="plan")
    (result,) = log(make_report(findings=(finding,)))["results"]
    assert result["occurrenceCount"] == 3
    (location,) = result["locations"]
    assert [one["fullyQualifiedName"] for one in location["logicalLocations"]] == ["a", "b"]
    assert result["properties"] == {"kvlint/source": "plan"}
    (single,) = log(make_report(findings=(make_finding(occurrences=found[1]),)))["results"]
    assert "occurrenceCount" not in single
    assert "properties" not in single


def test_suppressed_findings_are_left_out(
    log: Log, make_finding: Make, make_suppression: Make, make_report: Make
) -> None:
    report = make_report(suppressed=(make_finding(suppressed=make_suppression()),))
    assert log(report)["results"] == []


def test_a_value_that_came_from_afar_is_followed(log: Log, make_finding: Make, make_report: Make) -> None:
    def at(path: str, line: int, **more: Any) -> Location:
        return Location(path=path, region=Region(line, 1, line, 9), **more)

    default = at("variables.tf", 3)
    argument = at("main.tf", 5, cause=default)
    calls = (at("main.tf", 4), at("mid/main.tf", 2))
    place = at("leaf/main.tf", 7, cause=argument)
    (result,) = log(make_report(findings=(make_finding(at=place, callers=calls),)))["results"]
    ((flow,),) = [flow["threadFlows"] for flow in result["codeFlows"]]
    steps = [
        (
            step["location"]["physicalLocation"]["artifactLocation"]["uri"],
            step["location"]["physicalLocation"]["region"]["startLine"],
            step["location"]["message"]["text"],
            step["nestingLevel"],
        )
        for step in flow["locations"]
    ]
    text = result["message"]["text"]
    assert steps == [
        ("main.tf", 4, "called here", 0),
        ("mid/main.tf", 2, "called here", 1),
        ("variables.tf", 3, "the value comes from here", 2),
        ("main.tf", 5, "the value comes from here", 0),
        ("leaf/main.tf", 7, text, 2),
    ]


@pytest.mark.parametrize("calls", [0, 1])
def test_a_value_that_came_from_nearby_needs_no_flow(
    log: Log, make_finding: Make, make_report: Make, calls: int
) -> None:
    callers = (Location(path="main.tf", region=Region(4, 1, 4, 9)),) * calls
    (result,) = log(make_report(findings=(make_finding(callers=callers),)))["results"]
    assert "codeFlows" not in result


def test_invalid_settings_are_configuration_notifications(log: Log, make_report: Make) -> None:
    problems = tuple(Problem(code=code, level="warning", message="x.") for code in ("KVE001", "KVE005", "KVE007"))
    run = log(make_report(problems=problems))
    (invocation,) = run["invocations"]
    told = {
        name: [each["descriptor"]["id"] for each in invocation[name]]
        for name in ("toolExecutionNotifications", "toolConfigurationNotifications")
    }
    assert list(told.values()) == [["KVE001"], ["KVE005", "KVE007"]]
    for each in (*invocation["toolExecutionNotifications"], *invocation["toolConfigurationNotifications"]):
        described = run["tool"]["driver"]["notifications"][each["descriptor"]["index"]]
        assert described["id"] == each["descriptor"]["id"]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize(
    "span",
    [
        pytest.param(lambda text: (0, text.index("{")), id="a head"),
        pytest.param(lambda text: (text.index("}") - 1, len(text)), id="to the end"),
        pytest.param(lambda text: (text.index("out"), text.index("out") + 9), id="all of a line"),
        pytest.param(lambda text: (text.index("out"), text.index("out") + 11), id="all of a line and more"),
        pytest.param(lambda text: (text.index("list"), text.index("]") + 1), id="many lines"),
        pytest.param(lambda text: (text.index("long"), text.index("long") + 4_000), id="much of a line"),
        pytest.param(lambda text: (text.index("wide"), text.index("wide") + 4_000), id="all of a long line"),
        pytest.param(lambda text: (text.index("wide"), text.index("wide") + 6_000), id="of a long line and more"),
    ],
)
def test_context_of_a_multiline_region_has_lines_around_it(
    end: str, span: Callable[[str], tuple[int, int]], log: Log, make_finding: Make, make_report: Make
) -> None:
    line = end or "\n"
    items = line.join(f"    'item {number}'" for number in range(20))
    text = line.join(
        [
            "resource a 'b' = {",
            "  list: [",
            items,
            "  ]",
            f"  long: '{'😀' * 5_000}'",
            "}",
            "",
            f"wide={'x' * 5_000}",
            "out a = b",
        ]
    )
    text += end
    offsets = span(text)
    places = places_of({"a.bicep": text}, [Location(path="a.bicep", span=offsets)])
    region, cut = places["a.bicep", offsets]
    finding = make_finding(at=Location(path="a.bicep", region=region), excerpt=cut())
    (result,) = log(make_report(findings=(finding,)))["results"]
    place = result["locations"][0]["physicalLocation"]
    inner, outer = place["region"], place["contextRegion"]
    lines = [len(one.encode("utf-16-le")) // 2 for one in text.replace("\r\n", "\n").split("\n")]
    first, last = outer["startLine"], outer["endLine"]
    assert (first, outer["startColumn"]) <= (inner["startLine"], inner["startColumn"])
    stop = inner.get("endColumn", lines[inner["startLine"] - 1] + 1)
    assert (last, outer["endColumn"]) >= (inner["startLine"], stop)
    assert (first, outer["startColumn"], last, outer["endColumn"]) != (
        inner["startLine"],
        inner["startColumn"],
        inner["startLine"],
        stop,
    )
    assert outer["endColumn"] <= lines[last - 1] + 1
    assert inner["snippet"]["text"] in outer["snippet"]["text"]
