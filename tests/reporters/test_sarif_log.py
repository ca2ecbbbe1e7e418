"""The log as a whole, and the mistakes that validators let pass but readers do not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvlint.model.report import Note, Problem, Report
from kvlint.model.rule import Severity
from kvlint.model.source import Excerpt, Location, Region
from kvlint.reporters import REPORTERS, Options
from kvlint.reporters.cwe import CWES
from kvlint.reporters.sarif_rules import encode_uri
from kvlint.reporters.severity import GRADES

if TYPE_CHECKING:
    from tests.reporters.conftest import Make, Print

RULE_FILES = sorted((Path(__file__).resolve().parents[2] / "rules").rglob("*.yaml"))


def run_of(report: Report) -> dict[str, Any]:
    text = REPORTERS["sarif"](report, Options())
    log = json.loads(text)
    assert list(log) == ["$schema", "version", "runs"]
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


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


def test_whole_log(report: Report, printed: Print, expected: Callable[[str, str], None]) -> None:
    expected("log.sarif", printed(report, "sarif"))


def test_clean_log(clean: Report, printed: Print, expected: Callable[[str, str], None]) -> None:
    expected("clean.sarif", printed(clean, "sarif"))
    run = run_of(clean)
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["KV001"]


def test_same_report_same_bytes(report: Report, printed: Print) -> None:
    assert printed(report, "sarif") == printed(report, "sarif")


def test_nothing_of_the_machine_is_told(report: Report, printed: Print) -> None:
    names = r"startTimeUtc|endTimeUtc|timeUtc|guid|machine|account|commandLine|workingDirectory|environmentVariables"
    assert not re.search(rf'"({names}|automationDetails|artifacts|contents|file:.*)"', printed(report, "sarif"))


def test_only_findings_are_results(report: Report) -> None:
    run = run_of(report)
    assert len(run["results"]) == len(report.findings)
    assert not walk(run["results"], "kind")
    assert not walk(run["results"], "suppressions")
    assert not walk(run["results"], "baselineState")
    assert not walk(run["results"], "fingerprints")


def test_run_succeeded_whatever_was_found(report: Report, clean: Report) -> None:
    for each in (report, clean):
        assert run_of(each)["invocations"][0]["executionSuccessful"] is True


def test_columns_are_counted_as_said(report: Report) -> None:
    run = run_of(report)
    assert run["columnKind"] == "utf16CodeUnits"
    (place,) = [result["locations"][0]["physicalLocation"] for result in run["results"] if result["ruleId"] == "KV602"]
    assert (place["region"]["startColumn"], place["region"]["endColumn"]) == (2043, 2060)
    assert (place["contextRegion"]["startColumn"], place["contextRegion"]["endColumn"]) == (2002, 2062)


def test_severities_are_numbers_in_githubs_bands(make_rule: Make, make_report: Make) -> None:
    bands = {Severity.CRITICAL: (9.1, 10), Severity.HIGH: (7, 8.9), Severity.MEDIUM: (4, 6.9), Severity.LOW: (0.1, 3.9)}
    assert set(GRADES) == set(Severity)
    rules = tuple(make_rule(id=f"KV00{severity.value}", severity=severity) for severity in Severity)
    told = run_of(make_report(rules=rules))["tool"]["driver"]["rules"]
    for severity, rule in zip(Severity, told, strict=True):
        properties, configuration = rule["properties"], rule["defaultConfiguration"]
        if severity is Severity.INFO:
            assert properties["problem.severity"] == "recommendation"
            assert "security-severity" not in properties
            assert configuration == {"level": "note"}
            continue
        low, high = bands[severity]
        assert low <= float(properties["security-severity"]) <= high
        assert configuration["rank"] == pytest.approx(10 * float(properties["security-severity"]))
    assert [GRADES[severity].level for severity in Severity] == ["note", "note", "warning", "error", "error"]


def test_texts_and_tags_keep_to_githubs_limits(make_rule: Make, make_report: Make) -> None:
    rule = make_rule(
        name="-".join(["very-long"] * 60),
        title="Purge protection " * 100,
        why="Because of this. " * 100,
        fix="Do that. " * 100,
        cwe=tuple(range(1, 31)),
    )
    (told,) = run_of(make_report(rules=(rule,)))["tool"]["driver"]["rules"]
    assert len(told["shortDescription"]["text"]) <= 1024
    assert len(told["fullDescription"]["text"]) <= 1024
    assert len(told["name"]) <= 255
    assert len(told["properties"]["tags"]) == 10
    assert told["properties"]["tags"][:4] == ["security", "azure", "key-vault", "external/cwe/cwe-001"]
    assert len(told["relationships"]) == 30


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("purge-protection", "PurgeProtection"),
        ("rsa-key-size", "RsaKeySize"),
        ("a-b-c", "Abc"),
        ("key-256-bit", "Key256Bit"),
        ("keys-x-ray", "KeysxRay"),
    ],
)
def test_rule_names_are_pascal_case(make_rule: Make, make_report: Make, name: str, told: str) -> None:
    (rule,) = run_of(make_report(rules=(make_rule(name=name),)))["tool"]["driver"]["rules"]
    assert rule["name"] == told
    assert re.fullmatch(r"([A-Z][a-z0-9]+)*", told)


def test_rules_are_all_listed_in_order_and_say_nothing_of_results(report: Report) -> None:
    shuffled = msgspec.structs.replace(report, rules=report.rules[::-1])
    quiet = msgspec.structs.replace(report, findings=(), problems=())
    rules = run_of(report)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["KV001", "KV003", "KV201", "KV602", "KV900"]
    assert run_of(shuffled)["tool"]["driver"]["rules"] == rules
    assert run_of(quiet)["tool"]["driver"]["rules"] == rules
    assert run_of(quiet)["taxonomies"] == run_of(report)["taxonomies"]


def test_help_leads_to_the_rule_file_or_the_first_reference(make_rule: Make, make_report: Make) -> None:
    ours = make_rule()
    users = make_rule(id="KV901", path="policies/KV901 x.yaml")
    bare = make_rule(id="KV902", path="policies/KV902.yaml", references=())
    rules = run_of(make_report(rules=(ours, users, bare), version="1.2.3"))["tool"]["driver"]["rules"]
    assert rules[0]["helpUri"] == f"https://github.com/kvlint/kvlint/blob/v1.2.3/{ours.path}"
    assert rules[1]["helpUri"] == users.references[0]
    assert "helpUri" not in rules[2]
    assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules)


def test_only_the_weaknesses_in_use_are_listed(report: Report, make_rule: Make, make_report: Make) -> None:
    run = run_of(report)
    (taxonomy,) = run["taxonomies"]
    assert [taxon["id"] for taxon in taxonomy["taxa"]] == ["CWE-693", "CWE-778", "CWE-9999"]
    assert set(walk(run["tool"]["driver"]["rules"], "target")[0]) == {"id", "toolComponent"}
    assert run["tool"]["driver"]["supportedTaxonomies"] == [{"name": "CWE", "index": 0}]
    without = run_of(make_report(rules=(make_rule(cwe=()),)))
    assert "taxonomies" not in without
    assert "supportedTaxonomies" not in without["tool"]["driver"]


def test_text_is_the_template_filled_in(report: Report) -> None:
    run = run_of(report)
    for result in run["results"]:
        assert result["message"]["text"] == fill(run, result)


def test_braces_and_links_in_arguments_stay_harmless(make_finding: Make, make_report: Make) -> None:
    hostile = "{0}{1} ${x} [click](https://evil.example) \x1b[31m\n"
    finding = make_finding(arguments=(hostile, "{0}", "{2}"))
    run = run_of(make_report(findings=(finding,)))
    (result,) = run["results"]
    text = result["message"]["text"]
    assert text == fill(run, result)
    assert text.startswith(r"'(0)(1) $(x) [click] (https://evil.example) \x1b[31m\n' can be purged")
    assert not re.search(r"[{}\x00-\x1f]|\]\(", text)


@given(arguments=st.tuples(st.text(), st.text(), st.text()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixtures only make structs
def test_any_arguments_fill_the_template(
    make_finding: Make, make_report: Make, arguments: tuple[str, str, str]
) -> None:
    run = run_of(make_report(findings=(make_finding(arguments=arguments),)))
    (result,) = run["results"]
    assert result["message"]["text"] == fill(run, result)
    assert not re.search(r"[{}]", result["message"]["text"])


def test_a_placeholder_that_comes_twice_has_one_number(make_rule: Make, make_finding: Make, make_report: Make) -> None:
    rule = make_rule(message="'{name}' is '{value}', so '{name}' is open.")
    run = run_of(make_report(rules=(rule,), findings=(make_finding(rule=rule, arguments=("kv", "on")),)))
    assert run["tool"]["driver"]["rules"][0]["messageStrings"]["default"]["text"] == "'{0}' is '{1}', so '{0}' is open."
    assert run["results"][0]["message"]["text"] == "'kv' is 'on', so 'kv' is open."


def test_every_result_has_one_place_with_a_line(report: Report) -> None:
    for result in run_of(report)["results"]:
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert location["logicalLocations"][0]["kind"] == "resource"


def test_regions_lie_on_one_line(make_finding: Make, make_report: Make) -> None:
    at = Location(path="a.tf", region=Region(2, 3, 5, 4))
    excerpt = Excerpt(text="acls {\n  x\n}\n", context=Region(1, 1, 6, 1), context_text="\n  acls {\n  x\n}\n\n")
    (result,) = run_of(make_report(findings=(make_finding(at=at, excerpt=excerpt),)))["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 3, "snippet": {"text": "acls {"}}


def test_context_is_larger_than_its_region_or_left_out(make_finding: Make, make_report: Make) -> None:
    at = Location(path="a.tf", region=Region(2, 3, 2, 9))
    for context, kept in [
        (Region(2, 3, 2, 9), False),
        (Region(2, 4, 3, 1), False),
        (Region(2, 3, 2, 8), False),
        (Region(2, 3, 2, 10), True),
        (Region(1, 9, 2, 9), True),
    ]:
        finding = make_finding(at=at, excerpt=Excerpt(text="a = 1", context=context, context_text=" a = 1 "))
        (result,) = run_of(make_report(findings=(finding,)))["results"]
        assert ("contextRegion" in result["locations"][0]["physicalLocation"]) is kept


def test_paths_are_relative_uris(report: Report, make_finding: Make, make_report: Make) -> None:
    for uri in walk(run_of(report), "artifactLocation"):
        assert uri["uriBaseId"] == "%SRCROOT%"
        assert re.fullmatch(r"(?!/)[\w.~%/-]+", uri["uri"], re.ASCII)
        assert ".." not in uri["uri"].split("/")
    assert {uri["uri"] for uri in walk(run_of(report), "artifactLocation")} >= {"plans/gr%C3%B6%C3%9Fe%201.json"}
    assert run_of(report)["originalUriBaseIds"]["%SRCROOT%"].keys() == {"description"}


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


def test_results_are_sorted_by_uri_line_column_and_rule(make_rule: Make, make_finding: Make, make_report: Make) -> None:
    places = [("é.tf", 1, 1), ("z.tf", 9, 2), ("z.tf", 10, 1), ("z.tf", 9, 1), ("z.tf", 9, 1)]
    rules = (make_rule(), make_rule(id="KV002"))
    findings = tuple(
        make_finding(rule=rules[index % 2], at=Location(path=path, region=Region(line, column, line, column + 1)))
        for index, (path, line, column) in enumerate(places)
    )
    results = run_of(make_report(rules=rules, findings=findings))["results"]
    regions = [result["locations"][0]["physicalLocation"] for result in results]
    found = [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in regions]
    assert found == [("%C3%A9.tf", 1), ("z.tf", 9), ("z.tf", 9), ("z.tf", 9), ("z.tf", 10)]
    assert [result["ruleId"] for result in results][1:3] == ["KV001", "KV002"]


def test_no_two_results_share_a_line_hash(make_finding: Make, make_report: Make) -> None:
    findings = (make_finding(), make_finding(), make_finding(fingerprint="0" * 64))
    marks = [result["partialFingerprints"] for result in run_of(make_report(findings=findings))["results"]]
    hashes = [mark["primaryLocationLineHash"] for mark in marks]
    assert hashes == ["9f86d081884c7d65:1", "9f86d081884c7d65:2", "0000000000000000:1"]
    assert [mark["kvlintResource/v1"] for mark in marks] == [finding.fingerprint for finding in findings]


def test_related_places_are_numbered(make_finding: Make, make_report: Make) -> None:
    notes = tuple(
        Note(text=f"See {{{line}}}.", at=Location(path="b.tf", region=Region(line, 1, line, 2))) for line in (3, 4)
    )
    (result,) = run_of(make_report(findings=(make_finding(related=notes),)))["results"]
    assert [place["id"] for place in result["relatedLocations"]] == [1, 2]
    assert [place["message"]["text"] for place in result["relatedLocations"]] == ["See (3).", "See (4)."]


def test_problems_are_notifications_with_descriptors(report: Report) -> None:
    run = run_of(report)
    descriptors = run["tool"]["driver"]["notifications"]
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert [problem["level"] for problem in told] == ["error", "warning", "note"]
    assert [descriptors[problem["descriptor"]["index"]]["id"] for problem in told] == ["KVE001", "KVE003", "KVE999"]
    assert [problem["descriptor"]["id"] for problem in told] == ["KVE001", "KVE003", "KVE999"]
    assert told[0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert told[1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "azurerm_key_vault_new.x"
    assert "locations" not in told[2]
    assert told[2]["message"]["text"] == "Something (new) happened."


def test_new_codes_are_listed_once_after_the_known(make_report: Make) -> None:
    problems = tuple(Problem(code=code, level="error", message="x.") for code in ("KVE950", "KVE940", "KVE950"))
    descriptors = run_of(make_report(problems=problems))["tool"]["driver"]["notifications"]
    assert [each["id"] for each in descriptors][-2:] == ["KVE940", "KVE950"]


def test_a_branch_that_is_not_known_is_left_out(report: Report) -> None:
    assert report.repository is not None
    detached = msgspec.structs.replace(report.repository, branch="")
    (provenance,) = run_of(msgspec.structs.replace(report, repository=detached))["versionControlProvenance"]
    assert provenance.keys() == {"repositoryUri", "revisionId", "mappedTo"}


@pytest.mark.parametrize(
    ("version", "semantic"), [("0.1.0", "0.1.0"), ("1.2.3.dev4", "1.2.3-dev4"), ("1.2.3rc1", "1.2.3-rc1")]
)
def test_versions_are_semantic(make_report: Make, version: str, semantic: str) -> None:
    driver = run_of(make_report(version=version))["tool"]["driver"]
    assert (driver["version"], driver["semanticVersion"]) == (version, semantic)


def test_every_weakness_of_our_rules_has_a_text() -> None:
    lines = [re.findall(r"^cwe:(.*)$", path.read_text("utf-8"), re.MULTILINE) for path in RULE_FILES]
    used = {int(number) for line in lines for number in re.findall(r"\d+", "".join(line))}
    assert used == set(CWES)


def test_thousands_of_findings_are_fast(report: Report) -> None:
    first = report.findings[0]
    many = tuple(msgspec.structs.replace(first, fingerprint=f"{index:064x}") for index in range(5000))
    large = msgspec.structs.replace(report, findings=many)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        REPORTERS["sarif"](large, Options())
        times.append(time.perf_counter() - start)
    assert min(times) < 1  # a tenth of it on an ordinary machine; this only catches what grows with the square
