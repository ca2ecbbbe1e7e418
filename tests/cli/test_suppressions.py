"""``metadata.kvlint.ignore`` in templates, ``kvlint suppressions`` and ``--no-ignores``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

ONE = ("--select", "KV001,KV301", "--as-of", "2026-11-30")
KV001 = {"rules": ["KV001"], "reason": "a lab"}


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def vault(name: str, *ignore: Any, **more: Any) -> dict[str, Any]:
    found = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": name,
        "location": "westeurope",
        "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}},
        **more,
    }
    return found | ({"metadata": {"kvlint": {"ignore": list(ignore)}}} if ignore else {})


def template(*resources: Any, **more: Any) -> dict[str, Any]:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources), **more}


def write(document: Any, name: str = "main.json") -> None:
    Path(name).write_text(json.dumps(document, indent=2), encoding="utf-8")


def report(kvlint: Kvlint, *words: str) -> dict[str, Any]:
    said = kvlint(*(words or (".",)), *ONE, "-f", "json")
    assert said.code in (0, 1), said
    document: dict[str, Any] = json.loads(said.out)
    return document


def told(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((one["fullName"], one["ruleId"]) for one in results)


BOTH = [("a", "KV001"), ("a", "KV301"), ("b", "KV001"), ("b", "KV301")]


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_metadata_of_a_resource_applies_to_the_resource(kvlint: Kvlint) -> None:
    write(template(vault("a", KV001 | {"until": "2026-11-30", "owner": "@ops"}), vault("b")))
    document = report(kvlint)
    assert told(document["findings"]) == BOTH[1:]
    (one,) = document["suppressed"]
    line = Path("main.json").read_text(encoding="utf-8").splitlines()[one["suppression"]["location"]["line"] - 1]
    assert line.strip() == "{"
    del one["suppression"]["location"]
    assert one["suppression"] == {
        "kind": "inSource",
        "justification": "a lab",
        "owner": "@ops",
        "until": "2026-11-30",
        "tool": None,
    }
    assert document["problems"] == []


@pytest.mark.parametrize(
    "entry",
    [
        "[KV001] a lab",
        "ignore[purge-protection] a lab until=2027-01-01 owner=@ops",
        {"rules": "KV001", "reason": "a lab"},
        {"rules": ["purge-protection"], "reason": "a lab"},
    ],
)
def test_metadata_of_a_template_applies_to_the_whole_template(kvlint: Kvlint, entry: Any) -> None:
    write(template(vault("a"), vault("b"), metadata={"_generator": {"name": "x"}, "kvlint": {"ignore": [entry]}}))
    assert told(report(kvlint)["findings"]) == [one for one in BOTH if one[1] != "KV001"]


def test_metadata_applies_to_nested_templates_and_copies(kvlint: Kvlint) -> None:
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "properties": {"mode": "Incremental", "template": template(vault("a"), vault("b", KV001))},
    }
    write(template(nested))
    assert told(report(kvlint)["findings"]) == [BOTH[0], BOTH[1], BOTH[3]]
    write(template(nested | {"metadata": {"kvlint": {"ignore": [KV001]}}}))
    assert told(report(kvlint)["findings"]) == [BOTH[1], BOTH[3]]
    write(template(vault("[concat('a', copyIndex())]", KV001, copy={"name": "c", "count": 3})))
    assert {rule for _, rule in told(report(kvlint)["findings"])} == {"KV301"}


def test_metadata_of_a_resource_applies_to_values_from_other_lines(kvlint: Kvlint) -> None:
    parameters = {"p": {"type": "object", "defaultValue": {"enablePurgeProtection": False}}}
    write(template(vault("a", KV001, properties="[parameters('p')]"), parameters=parameters))
    assert ("a", "KV001") not in told(report(kvlint)["findings"])


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        ({"rules": ["KV001"]}, "KVE005", "the reason is missing"),
        ({"rules": ["KV001"], "reason": " - "}, "KVE005", "the reason is missing"),
        ({"rules": ["KV001"], "reason": 5}, "KVE005", "`reason`, `owner` and `until` must be strings"),
        ({"rules": [], "reason": "x"}, "KVE005", "the rule is missing"),
        ({"rules": [5], "reason": "x"}, "KVE005", "the rule is missing"),
        ({"reason": "x"}, "KVE005", "the rule is missing"),
        ({"rules": ["KV9999"], "reason": "x"}, "KVE005", "rule `KV9999` does not exist"),
        (KV001 | {"until": "2027-02-30"}, "KVE005", "`until` is not a date"),
        (KV001 | {"until": ""}, "KVE005", "`until` is not a date"),
        (KV001 | {"untill": "2027-02-28"}, "KVE005", "the directive has an unsupported key"),
        (KV001 | {"until": "2026-11-29"}, "KVE006", "it ended on 2026-11-29"),
        ("KV001 a lab", "KVE005", "the directive is not supported"),
        ("[KV001]", "KVE005", "the reason is missing"),
        ("ignore-file[KV001] a lab", "KVE005", "`ignore-file` is not supported in metadata"),
        (5, "KVE005", "the directive is not supported"),
        (None, "KVE005", "the directive is not supported"),
    ],
)
def test_invalid_suppression_in_metadata_is_reported(kvlint: Kvlint, entry: Any, code: str, said: str) -> None:
    write(template(vault("a", entry), vault("b")))
    document = report(kvlint)
    assert told(document["findings"]) == BOTH
    (problem,) = document["problems"]
    assert (problem["code"], problem["level"]) == (code, "warning")
    assert said in problem["message"]
    assert problem["location"]["line"] > 1


@pytest.mark.parametrize("kvlint_says", [{"ignored": []}, {"ignore": KV001}, [KV001], "KV001"])
def test_suppression_of_another_shape_is_reported(kvlint: Kvlint, kvlint_says: Any) -> None:
    write(template(vault("a") | {"metadata": {"kvlint": kvlint_says}}, vault("b")))
    document = report(kvlint)
    assert told(document["findings"]) == BOTH
    assert [one["code"] for one in document["problems"]] == ["KVE005"]


def test_unused_suppression_in_metadata_is_reported(kvlint: Kvlint) -> None:
    properties = {"enablePurgeProtection": True, "enableRbacAuthorization": True}
    write(template(vault("a", KV001, properties=properties)))
    (problem,) = report(kvlint)["problems"]
    assert (problem["code"], problem["message"]) == ("KVE007", "unused suppression: KV001 is not reported here")


def test_linked_templates_have_their_own(kvlint: Kvlint) -> None:
    link = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "properties": {"mode": "Incremental", "templateLink": {"relativePath": "other.json"}},
    }
    write(template(link))
    write(template(vault("a", KV001), vault("b")), "other.json")
    assert told(report(kvlint, "main.json")["findings"]) == BOTH[1:]


def test_hostile_metadata_is_escaped(kvlint: Kvlint) -> None:
    reason = "a\x1b[31m\n::error::x ##vso[task] ]]>"
    deep: Any = KV001
    for _ in range(40):
        deep = {"metadata": {"kvlint": {"ignore": [deep]}}}
    many = [{"rules": ["KV001"], "reason": reason, "owner": "\u202e"}] * 2000
    write(template(vault("a", *many), vault("b", deep)))
    out = kvlint(".", "-v", *ONE).out + kvlint("suppressions", ".", *ONE).out
    assert "\x1b" not in out
    assert "\n::" not in out
    assert "##vso[" not in out
    assert told(report(kvlint)["findings"]) == BOTH[1:]


# --- kvlint suppressions ----------------------------------------------------------------------------------------------

MODULE = """
resource "azurerm_key_vault" "a" { # kvlint: ignore[KV001, KV502] a lab owner=@ops until=2027-03-01
  name                       = "kv-a"
  rbac_authorization_enabled = true
}
resource "azurerm_key_vault" "b" {
  name = "kv-b" # kvlint: ignore[KV001] over until=2020-01-01
}
# kvlint: ignore[KV001]
resource "azurerm_key_vault" "c" { # kvlint: ignore[KV602] another profile's or another question's
  name = "kv-c"
}
"""
BICEP = """#disable-next-line KV001 no-unused-params
resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-d'
  #disable-next-line KV003
  location: 'westeurope'
  properties: {}
}
#disable-diagnostics KV301
resource b 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-e'
  location: 'westeurope'
  properties: { enablePurgeProtection: true }
}
"""
FILE = """
[[override]]
paths = ["sub/"]
rules = ["KV001"]
ignore = true
reason = "made by hand"

[[override]]
paths = ["nowhere"]
ignore = true
reason = "nothing"

[[override]]
rules = ["KV001"]
ignore = true
until = 2020-01-01
reason = "over"

[[override]]
rules = ["KV001"]
severity = "low"
"""


def everything() -> None:
    Path("sub").mkdir()
    Path("main.tf").write_text(MODULE, encoding="utf-8")
    Path("sub/main.tf").write_text('resource "azurerm_key_vault" "s" {\n  name = "kv-s"\n}\n', encoding="utf-8")
    Path("main.bicep").write_text(BICEP, encoding="utf-8")
    Path("kvlint.toml").write_text(FILE, encoding="utf-8")
    write(template(vault("kv-m", KV001, "[KV003] never")), "arm.json")


def test_suppressions_are_listed_with_their_state(kvlint: Kvlint) -> None:
    everything()
    said = kvlint("suppressions", ".", "--select", "KV001,KV301,KV502,KV003", "--as-of", "2026-11-30")
    lines = said.out.splitlines()
    metadata = [line.split(" ", 1)[1] for line in lines if line.startswith("arm.json")]
    assert metadata == ["used metadata KV001: a lab", "unused metadata KV003: never"]
    assert [line for line in lines if not line.startswith("arm.json")] == [
        "kvlint.toml:2:1: used override KV001: made by hand",
        "kvlint.toml:8:1: unused override every rule: nothing",
        "kvlint.toml:13:1: expired override KV001: over (until 2020-01-01)",
        "main.bicep:1:1: used directive KV001: no reason",
        "main.bicep:4:1: unused directive KV003: no reason",
        "main.bicep:8:1: used directive KV301: no reason",
        "main.tf:2:38: used comment KV001, KV502: a lab (until 2027-03-01, owner @ops, unused: KV502)",
        "main.tf:7:19: expired comment KV001: over (until 2020-01-01)",
        "main.tf:9:3: malformed comment no rule: the reason is missing",
        "main.tf:10:38: not evaluated comment KV602: another profile's or another question's",
        "12 suppressions: 5 used, 3 unused, 1 not evaluated, 2 expired, 1 malformed",
    ]
    assert (said.code, said.err) == (1, "")
    assert kvlint("suppressions", ".", "--select", "KV001", "-f", "text=x.txt", "-f", "json").code == 1
    assert Path("x.txt").exists()


def test_finding_disabled_in_bicep_is_counted_as_suppressed(kvlint: Kvlint) -> None:
    Path("main.bicep").write_text(BICEP, encoding="utf-8")
    document = report(kvlint)
    assert told(document["suppressed"]) == [("kv-d", "KV001"), ("kv-e", "KV301")]
    assert told(document["findings"]) == [("kv-d", "KV301")]
    assert document["summary"]["suppressed"] == 2
    for one, line in zip(document["suppressed"], (1, 8), strict=True):
        reason = one["suppression"]
        assert (reason["kind"], reason["justification"], reason["location"]["line"]) == ("inSource", "", line)
    said = kvlint(".", *ONE, "--show-suppressed").out
    assert "main.bicep:2:1: suppressed[KV001]" in said
    assert "    suppressed: no reason [main.bicep:1:1]" in said
    log = json.loads(kvlint(".", *ONE, "-f", "sarif", "--sarif-include", "suppressed").out)
    off = [one["suppressions"] for one in log["runs"][0]["results"] if one["suppressions"]]
    assert [sorted(one) for (one,) in off] == [["kind", "location", "status"]] * 2
    assert "suppressed" not in kvlint(".", *ONE, "--no-ignores").out


def test_directive_in_bicep_applies_to_findings_of_the_compiled_template(kvlint: Kvlint) -> None:
    bicep = """#disable-next-line KV001
resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'a'
  location: 'westeurope'
  properties: loadJsonContent('gone.json')
}
"""
    Path("main.bicep").write_text(bicep, encoding="utf-8")
    made = {"_generator": {"name": "bicep", "version": "0.30.0.0", "templateHash": "1"}}
    write(template(vault("a"), metadata=made))
    document = report(kvlint)
    assert [one for one in told(document["findings"] + document["unknown"]) if one[1] == "KV001"] == []
    assert ("a", "KV001") in told(document["suppressed"])
    assert kvlint(".", *ONE, "--no-ignores").out.count("[KV001] ") == 1


def test_the_list_as_json(kvlint: Kvlint) -> None:
    everything()
    said = kvlint("suppressions", "main.tf", "--select", "KV001,KV502", "-f", "json", "--isolated")
    document = json.loads(said.out)
    assert document["summary"] == {
        "used": 1,
        "unused": 0,
        "not evaluated": 1,
        "expired": 1,
        "malformed": 1,
        "findings": 0,
    }
    assert document["suppressions"][0] == {
        "kind": "comment",
        "state": "used",
        "tool": None,
        "ids": [],
        "rules": ["KV001", "KV502"],
        "unusedRules": ["KV502"],
        "reason": "a lab",
        "condition": None,
        "owner": "@ops",
        "until": "2027-03-01",
        "fault": None,
        "location": {"path": "main.tf", "line": 2, "column": 38, "endLine": 2, "endColumn": 100},
    }
    assert (document["version"], document["problems"]) == (2, [])
    assert [one["fault"] for one in document["suppressions"]] == [None, None, "the reason is missing", None]


def test_without_stale_ones_all_is_well(kvlint: Kvlint) -> None:
    write(template(vault("a", KV001, "[KV002] never")))
    said = kvlint("suppressions", ".")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 suppressions: 1 used, 1 unused")
    write(template(vault("a")))
    assert kvlint("suppressions", ".") == (0, "0 suppressions\n", "")
    Path("broken.tf").write_text('resource "azurerm_key_vault" {', encoding="utf-8")
    said = kvlint("suppressions", ".")
    assert said.code == 3
    assert "error[KVE001]" in said.err or "error[KVE002]" in said.err
    assert kvlint("suppressions", ".", "-f", "sarif").code == 2


def test_no_ignores_reports_suppressed_findings(kvlint: Kvlint) -> None:
    everything()
    words = (".", "--select", "KV001,KV301", "--as-of", "2026-11-30", "-f", "json")
    plain, audit = (json.loads(kvlint(*words, *more).out) for more in ((), ("--no-ignores",)))
    assert plain["suppressed"]
    assert (audit["suppressed"], audit["problems"]) == ([], [])
    hidden = [one for one in audit["findings"] if one not in plain["findings"]]
    assert {one["location"]["path"] for one in hidden} == {"main.tf", "main.bicep", "arm.json", "sub/main.tf"}
    # What another severity is given is not ignored.
    assert {one["severity"] for one in audit["findings"] if one["ruleId"] == "KV001"} == {"low"}
    assert "a lab" not in kvlint("controls", ".", "--no-ignores", "-f", "json").out


def test_comments_in_bicep_suppress_findings(kvlint: Kvlint) -> None:
    Path("main.bicep").write_text(
        """// kvlint: ignore[KV101] a sandbox until=2027-03-01
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-sandbox-0001'
  properties: {
    enableSoftDelete: false // kvlint: ignore[KV002] soft delete is enforced anyway
  }
}
// kvlint: ignore[KV602]
// kvlint: ignore[KV601] unused here
resource other 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: 'kv-other'
}
""",
        encoding="utf-8",
    )
    said = kvlint("main.bicep", "--select", "KV002,KV101,KV601,KV602", "--as-of", "2026-11-01")
    assert "KV101]" not in said.out.replace("ignore[KV", "")
    assert "KV002]" not in said.out.replace("ignore[KV", "")
    assert "main.bicep:8:4: warning[KVE005]" in said.out
    assert "main.bicep:9:4: note[KVE007]" in said.out
    assert "2 suppressed." in said.out
