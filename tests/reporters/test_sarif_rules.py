"""What a log says about rules, weaknesses and problems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from markdown_it import MarkdownIt

import azkvlint
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.model.finding import Problem, Report
from azkvlint.model.rule import Severity
from azkvlint.reporters.grouping import GRADES
from azkvlint.reporters.taxonomies import TITLES

if TYPE_CHECKING:
    from tests.reporters.conftest import Log, Make


def test_severities_are_numbers_in_githubs_bands(log: Log, make_rule: Make, make_report: Make) -> None:
    bands = {Severity.CRITICAL: (9.1, 10), Severity.HIGH: (7, 8.9), Severity.MEDIUM: (4, 6.9), Severity.LOW: (0.1, 3.9)}
    assert set(GRADES) == set(Severity)
    rules = tuple(make_rule(id=f"KV00{severity.value}", severity=severity) for severity in Severity)
    told = log(make_report(rules=rules), "rules")["tool"]["driver"]["rules"]
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


def test_texts_and_tags_keep_to_githubs_limits(log: Log, make_rule: Make, make_report: Make) -> None:
    rule = make_rule(
        name="-".join(["very-long"] * 60),
        title="Purge protection " * 100,
        why="Because of this. " * 100,
        fixes={"": "Do that. " * 100},
        cwe=tuple(range(1, 31)),
    )
    (told,) = log(make_report(rules=(rule,)), "rules")["tool"]["driver"]["rules"]
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
def test_rule_names_are_pascal_case(log: Log, make_rule: Make, make_report: Make, name: str, told: str) -> None:
    (rule,) = log(make_report(rules=(make_rule(name=name),)), "rules")["tool"]["driver"]["rules"]
    assert rule["name"] == told
    assert re.fullmatch(r"([A-Z][a-z0-9]+)*", told)


def test_the_rules_of_results_are_listed(log: Log, report: Report) -> None:
    run = log(report)
    listed = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert listed == sorted({result["ruleId"] for result in run["results"]}) == ["KV001", "KV003", "KV201", "KV602"]
    assert set(listed) < {rule.id for rule in report.rules}
    assert all(
        run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"]
    )
    assert log(msgspec.structs.replace(report, findings=()))["tool"]["driver"]["rules"] == []
    unknown = {finding.rule.id for finding in report.unknown}
    audit = log(report, "unknown")["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in audit} == {*listed, *unknown}


def test_rules_that_ran_are_all_listed_in_order_on_request(log: Log, report: Report) -> None:
    shuffled = msgspec.structs.replace(report, rules=report.rules[::-1])
    quiet = msgspec.structs.replace(report, findings=(), problems=())
    rules = log(report, "rules")["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["KV001", "KV003", "KV201", "KV602", "KV900"]
    assert log(shuffled, "rules")["tool"]["driver"]["rules"] == rules
    assert log(quiet, "rules")["tool"]["driver"]["rules"] == rules
    assert log(quiet, "rules")["taxonomies"] == log(report, "rules")["taxonomies"]
    assert log(report, "rules")["results"][0].keys() == log(report)["results"][0].keys()


@pytest.mark.parametrize(("is_release", "reference"), [(False, "main"), (True, "v1.2.3")])
def test_help_leads_to_the_rule_file_or_the_first_reference(
    log: Log, make_rule: Make, make_report: Make, monkeypatch: pytest.MonkeyPatch, is_release: bool, reference: str
) -> None:
    """The tag of a version exists only once the version is released."""
    monkeypatch.setattr(azkvlint, "IS_RELEASE", is_release)
    monkeypatch.setattr(azkvlint, "__version__", "1.2.3")
    ours = make_rule()
    users = make_rule(id="KV901", path="policies/KV901 x.yaml")
    bare = make_rule(id="KV902", path="policies/KV902.yaml", references=())
    rules = log(make_report(rules=(ours, users, bare), version="1.2.3"), "rules")["tool"]["driver"]["rules"]
    assert rules[0]["helpUri"] == f"https://github.com/kvlint/kvlint/blob/{reference}/{ours.path}"
    assert rules[1]["helpUri"] == users.references[0]
    assert "helpUri" not in rules[2]
    assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules)


def test_only_the_weaknesses_in_use_are_listed(log: Log, report: Report, make_rule: Make, make_report: Make) -> None:
    run = log(report, "rules")
    (taxonomy,) = run["taxonomies"]
    assert [taxon["id"] for taxon in taxonomy["taxa"]] == ["CWE-693", "CWE-778", "CWE-9999"]
    (relationship,) = run["tool"]["driver"]["rules"][0]["relationships"]
    assert relationship["target"] == {"id": "CWE-693", "toolComponent": {"name": "CWE", "index": 0}}
    assert run["tool"]["driver"]["supportedTaxonomies"] == [{"name": "CWE", "index": 0}]
    without = log(make_report(rules=(make_rule(cwe=()),)), "rules")
    assert "taxonomies" not in without
    assert "supportedTaxonomies" not in without["tool"]["driver"]


def test_a_placeholder_that_comes_twice_has_one_number(
    log: Log, make_rule: Make, make_finding: Make, make_report: Make
) -> None:
    rule = make_rule(message="{name} is `{value}`, so {name} is open")
    run = log(make_report(rules=(rule,), findings=(make_finding(rule=rule, arguments=("kv", "on")),)))
    told = run["tool"]["driver"]["rules"][0]["messageStrings"]["found"]["text"]
    assert told == "'{0}' is '{1}', so '{0}' is open: '{2}'."
    assert run["results"][0]["message"]["text"].startswith("'kv' is 'on', so 'kv' is open: ")


def test_problems_are_notifications_with_descriptors(log: Log, report: Report) -> None:
    run = log(report)
    descriptors = run["tool"]["driver"]["notifications"]
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert [problem["level"] for problem in told] == ["error", "warning", "note"]
    assert [descriptors[problem["descriptor"]["index"]]["id"] for problem in told] == ["KVE001", "KVE003", "KVE999"]
    assert [problem["descriptor"]["id"] for problem in told] == ["KVE001", "KVE003", "KVE999"]
    assert told[0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert told[1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "azurerm_key_vault_new.x"
    assert "locations" not in told[2]
    assert told[2]["message"]["text"] == "Something (new) happened."


def test_new_codes_are_listed_once_after_the_known(log: Log, make_report: Make) -> None:
    problems = tuple(Problem(code=code, level="error", message="x.") for code in ("KVE950", "KVE940", "KVE950"))
    descriptors = log(make_report(problems=problems))["tool"]["driver"]["notifications"]
    assert [each["id"] for each in descriptors][-2:] == ["KVE940", "KVE950"]


@pytest.mark.parametrize(
    ("version", "semantic"), [("0.1.0", "0.1.0"), ("1.2.3.dev4", "1.2.3-dev4"), ("1.2.3rc1", "1.2.3-rc1")]
)
def test_versions_are_semantic(log: Log, make_report: Make, version: str, semantic: str) -> None:
    driver = log(make_report(version=version))["tool"]["driver"]
    assert (driver["version"], driver["semanticVersion"]) == (version, semantic)


def test_every_weakness_of_our_rules_has_a_text() -> None:
    assert {number for rule in builtin_rules() for number in rule.cwe} == set(map(int, TITLES.weaknesses))


def test_every_control_of_our_rules_has_the_title_of_its_framework() -> None:
    frameworks = {one.name: one for one in builtin_frameworks(builtin_rules())}
    versions = (name for name in frameworks if name.startswith("cis-azure-"))
    newest = max(versions, key=lambda name: [int(part) for part in name.rpartition("-")[2].split(".")])
    assert newest == f"cis-azure-{TITLES.cis_version}"
    for name, titles in (("mcsb", TITLES.mcsb), (newest, TITLES.cis)):
        named = {id_ for rule in builtin_rules() for id_ in rule.controls.get(name, ())}
        rows = {control.id: control.title for control in frameworks[name].controls}
        assert titles == {id_: rows[id_] for id_ in named}


def test_only_the_lists_in_use_are_there_and_only_what_is_used_of_them(
    log: Log, make_rule: Make, make_report: Make
) -> None:
    controls = {
        "mcsb": ("NS-10", "NS-2", "ZZ-1"),
        f"cis-azure-{TITLES.cis_version}": ("8.3.10", "8.3.9"),
        "cis-azure-1.1.0": ("8.1",),
    }
    rules = make_rule(cwe=(), controls=controls), make_rule(id="KV002", cwe=(693,))
    for told, names in ((rules, ["CWE", "MCSB", "CIS"]), (rules[:1], ["MCSB", "CIS"]), (rules[1:], ["CWE"])):
        run = log(make_report(rules=told), "rules")
        assert [one["name"] for one in run["taxonomies"]] == names
        driver = run["tool"]["driver"]
        assert driver["supportedTaxonomies"] == [{"name": name, "index": at} for at, name in enumerate(names)]
        for rule in driver["rules"]:
            for one in rule["relationships"]:
                target = one["target"]
                component = run["taxonomies"][target["toolComponent"]["index"]]
                assert component["name"] == target["toolComponent"]["name"]
                assert target["id"] in [taxon["id"] for taxon in component["taxa"]]
    taxa = {
        one["name"]: [taxon["id"] for taxon in one["taxa"]]
        for one in log(make_report(rules=rules), "rules")["taxonomies"]
    }
    assert taxa == {"CWE": ["CWE-693"], "MCSB": ["NS-2", "NS-10", "ZZ-1"], "CIS": ["8.3.9", "8.3.10"]}


def test_the_texts_of_anybodys_rule_stay_text(log: Log, make_rule: Make, make_report: Make) -> None:
    hostile = "<img src=x onerror=alert(1)> [click](https://evil.example) `code`\n\n# Heading\n* ```\n@somebody & | --"
    links = ("https://a.example/<script>", "https://a.example/>*x*", "https://a.example/é?a=[1]#b%20c")
    rule = make_rule(path="mine.yaml", title=hostile, why=hostile, fixes={"": hostile}, references=links)
    (told,) = log(make_report(rules=(rule,)), "rules")["tool"]["driver"]["rules"]
    markdown = told["help"]["markdown"]
    tokens = MarkdownIt("commonmark", {"html": True, "linkify": False}).parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    assert [token.markup for token in tokens if token.type == "heading_open"] == ["##"]
    assert len([token for token in tokens if token.type == "bullet_list_open"]) == 1
    kinds = {"text", "code_inline", "strong_open", "strong_close", "link_open", "link_close"}
    assert {child.type for child in inline} == kinds
    assert len([child for child in inline if child.type == "link_open"]) == len(links)
    assert "@&#8203;somebody" in markdown
    assert [line for line in markdown.split("\n") if line.startswith("- ")] == [
        "- <https://a.example/%3Cscript%3E>",
        "- <https://a.example/%3E*x*>",
        "- <https://a.example/%C3%A9?a=%5B1%5D#b%20c>",
    ]
    assert told["helpUri"] == "https://a.example/%3Cscript%3E"
