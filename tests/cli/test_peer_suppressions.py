"""Comments for Checkov, tfsec, Trivy and KICS: ``kvlint suppressions --from`` and ``--respect-peer-suppressions``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

DAY = ("--as-of", "2026-11-30")
ALL = "checkov,tfsec,trivy,kics"
SELECTED = ("--select", "KV001,KV003,KV101,KV301", *DAY)
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def vault(name: str = "a", *, above: str = "", first: str = "", purge: str = "purge_protection_enabled = false") -> str:
    """A vault without network rules and purge protection; the lines ``above`` it, and ``first`` in it."""
    return f"""{above}
resource "azurerm_key_vault" "{name}" {{
  {first}
  name                = "kv-{name}"
  location            = "westeurope"
  resource_group_name = "rg"
  tenant_id           = "00000000-0000-0000-0000-000000000001"
  sku_name            = "standard"
  {purge}
}}
"""


def write(text: str, name: str = "main.tf") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def suppressed(kvlint: Kvlint, *words: str) -> set[tuple[str, str]]:
    """What a check that respects the comments suppresses: the last part of the address, and the rule."""
    said = kvlint(".", *SELECTED, "-f", "json", "--respect-peer-suppressions", *words)
    assert said.code in (0, 1), said
    document = json.loads(said.out)
    assert document["problems"] == []
    return {(one["resource"].rpartition(".")[2], one["ruleId"]) for one in document["suppressed"]}


def listed(kvlint: Kvlint, tools: str = ALL, *words: str) -> list[dict[str, Any]]:
    said = kvlint("suppressions", ".", "--from", tools, *SELECTED, "-f", "json", *words)
    assert said.code == 0, said
    found: list[dict[str, Any]] = json.loads(said.out)["suppressions"]
    return found


# --- Terraform --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "first", "purge", "rules"),
    [
        ("", "#checkov:skip=CKV_AZURE_110", "", {"KV001"}),
        ("", "# checkov:skip=CKV_AZURE_110:a lab", "", {"KV001"}),
        ("", "// bridgecrew:skip=CKV_AZURE_110: a lab", "", {"KV001"}),
        ("", "/* cortex:skip=CKV_AZURE_110,CKV_AZURE_109:a lab */", "", {"KV001", "KV101"}),
        ("", "#checkov:skip= CKV_AZURE_1,CKV_AZURE_110", "", {"KV001"}),
        ("", "# a note, checkov:skip=CKV_AZURE_110:a lab", "", {"KV001"}),
        # Checkov reads what is inside a block, one comment a line, and its own form alone.
        ("#checkov:skip=CKV_AZURE_110", "", "", set()),
        ("", "#checkov:skip CKV_AZURE_110", "", set()),
        ("", "#checkov:skip=CKV_AZURE_1", "", set()),
        ("#tfsec:ignore:azure-keyvault-no-purge", "", "", {"KV001"}),
        ("#tfsec:ignore:AZU021", "", "", {"KV001"}),
        ("# tfsec:ignore:AZU020 tfsec:ignore:AZU021", "", "", {"KV001", "KV101"}),
        ("#tfsec:ignore:AZU020\n#tfsec:ignore:AZU021", "", "", {"KV001", "KV101"}),
        ("//trivy:ignore:AVD-AZU-0016", "", "", {"KV001"}),
        ("/* trivy:ignore:AZU-0016 */", "", "", {"KV001"}),
        ("#trivy:ignore:avd-azu-0013:exp:2026-11-30", "", "", {"KV101"}),
        ("#trivy:ignore:azure-keyvault-specify-network-acl a lab", "", "", {"KV101"}),
        ("#trivy:ignore:*", "", "", {"KV001", "KV101"}),
        ("", "", "purge_protection_enabled = false #tfsec:ignore:AZU021", {"KV001"}),
        ("", "", "#trivy:ignore:AZU-0016\n  purge_protection_enabled = false", {"KV001"}),
        # They read the comment's own line and the next one.
        ("#trivy:ignore:AZU-0016\n\n", "", "", set()),
        ("#trivy:ignore:AZU-0016\n# and why", "", "", set()),
        ("", "#trivy:ignore:AZU-0016", "", set()),
        ("", "", "#tfsec:ignore:AZU020\n  purge_protection_enabled = false", set()),
        ("#trivy:ignore:AZU-0016:exp:2026-11-29", "", "", set()),
        ("#trivy:ignore:AZU-0016:exp:tomorrow", "", "", set()),
        ("#tfsec:ignore:AZU021:ws:lab", "", "", set()),
        ("#trivy:ignore:AZU-0016[name=kv-b]", "", "", set()),
        ("#trivy:ignore", "", "", set()),
        ("#trivy:ignore:", "", "", set()),
        ("# kics-scan disable=cec6e005-9309-46eb-b34b-456f6eae818b", "", "", {"KV001"}),
        ("# the platform team's\n# KICS-Scan disable=1,cec6e005-9309-46eb-b34b-456f6eae818b", "", "", {"KV001"}),
        ("# kics-scan enable=cec6e005-9309-46eb-b34b-456f6eae818b", "", "", {"KV101"}),
        ("# kics-scan ignore", "", "", {"KV001", "KV101"}),
        ("# kics-scan ignore-block", "", "", {"KV001", "KV101"}),
        ("# kics-scan ignore-line", "", "", {"KV101"}),
        ("", "", "// kics-scan ignore-line\n  purge_protection_enabled = false", {"KV001"}),
        # Commands for a file are read before its first line of code only, and at the start of a comment only.
        ("", "# kics-scan ignore", "", set()),
        ("# see kics-scan ignore", "", "", set()),
        ("# kics-scan", "", "", set()),
    ],
)  # fmt: skip
def test_comment_of_another_tool_suppresses_the_equivalent_rules(
    above: str, first: str, purge: str, rules: set[str], kvlint: Kvlint
) -> None:
    shown = vault(above=above, first=first, **({"purge": purge} if purge else {}))
    write(shown.lstrip("\n") + vault("b"))
    # KICS reads a whole file at once.
    others = {("b", rule) for rule in rules} if "able=" in above or above.endswith("scan ignore") else set()
    assert suppressed(kvlint) == {("a", rule) for rule in rules} | others


def test_comments_of_other_tools_are_ignored_by_default(kvlint: Kvlint) -> None:
    write(vault(above="#trivy:ignore:*", first="#checkov:skip=CKV_AZURE_110"))
    document = json.loads(kvlint(".", *SELECTED, "-f", "json").out)
    assert (document["suppressed"], len(document["findings"])) == ([], 3)
    assert kvlint("suppressions", ".", *SELECTED).out == "0 suppressions\n"


@pytest.mark.parametrize(
    ("above", "first", "purge", "note"),
    [
        ("", "#checkov:skip=CKV_AZURE_110:a lab", "", "low because a Checkov comment on line 3 skips this check"),
        ("#tfsec:ignore:AZU021", "", "", "low because a tfsec comment on line 1 skips this check"),
        ("", "", "purge_protection_enabled = false #trivy:ignore:AZU-0016",
         "low because a Trivy comment on line 9 skips this check"),
        # About every check, the whole file, another check, or no longer.
        ("", "", "purge_protection_enabled = false #trivy:ignore:*", ""),
        ("# kics-scan ignore-block", "", "", ""),
        ("# kics-scan ignore", "", "", ""),
        ("# kics-scan disable=cec6e005-9309-46eb-b34b-456f6eae818b", "", "", ""),
        ("#tfsec:ignore:AZU020", "", "", ""),
        ("#trivy:ignore:AZU-0016:exp:2026-11-29", "", "", ""),
        ("#tfsec:ignore:AZU021:ws:lab", "", "", ""),
    ],
)  # fmt: skip
def test_finding_with_a_comment_of_another_tool_is_low(
    above: str, first: str, purge: str, note: str, kvlint: Kvlint
) -> None:
    write(vault(above=above, first=first, purge=purge))
    words = (".", "--select", "KV001", *DAY)
    said = kvlint(*words, "-f", "json")
    (finding,) = json.loads(said.out)["findings"]
    related = [one["message"] for one in finding["relatedLocations"]]
    if not note:
        assert (finding["severity"], finding["accepted"], related) == ("high", None, [])
        return
    tool, line = note.split()[3].lower(), int(note.split()[7])
    assert (finding["severity"], related) == ("low", [note])
    accepted = finding["accepted"]
    assert (accepted["tool"], accepted["severity"], accepted["location"]["line"]) == (tool, "high", line)
    for form in ("text", "concise", "sarif", "markdown", "github", "gitlab", "azure", "junit", "rdjson", "html"):
        assert note in kvlint(*words, "-f", form).out, form
    for option in ("--no-ignores", "--untrusted"):
        (ignored,) = json.loads(kvlint(*words, option, "-f", "json").out)["findings"]
        assert (ignored["severity"], ignored["accepted"]) == ("high", None)


@pytest.mark.parametrize("severity", ["critical", "high", "info"])
def test_override_sets_the_severity_of_an_accepted_finding(severity: str, kvlint: Kvlint) -> None:
    write(vault(above="#tfsec:ignore:AZU021"))
    write(f'[[override]]\nrules = ["KV001"]\nseverity = "{severity}"\n', "kvlint.toml")
    (finding,) = json.loads(kvlint(".", "--select", "KV001", *DAY, "-f", "json").out)["findings"]
    assert (finding["severity"], finding["accepted"], finding["relatedLocations"]) == (severity, None, [])


def test_min_severity_applies_to_the_severity_without_the_comment(kvlint: Kvlint) -> None:
    write(vault(above="#tfsec:ignore:AZU021"))
    words = (".", "--select", "KV001", *DAY, "-f", "json", "--min-severity")
    (finding,) = json.loads(kvlint(*words, "high").out)["findings"]
    assert finding["severity"] == "low"
    assert json.loads(kvlint(*words, "critical").out)["findings"] == []


def test_accepted_finding_in_tests_keeps_the_severity_of_tests(kvlint: Kvlint) -> None:
    write(vault(above="#tfsec:ignore:AZU021"), "tests/main.tf")
    (finding,) = json.loads(kvlint(".", "--select", "KV001", *DAY, "-f", "json").out)["findings"]
    assert (finding["severity"], finding["accepted"]["severity"]) == ("low", "medium")


def test_a_comment_outside_of_the_declaration_accepts_nothing(kvlint: Kvlint) -> None:
    write(vault(), "kv/main.tf")
    write('module "kv" {\n  #checkov:skip=CKV_AZURE_110\n  source = "../kv"\n}\n', "prod/main.tf")
    metadata = {"checkov": {"skip": [{"id": "CKV_AZURE_110", "comment": "reason"}]}}
    resource = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "location": "westeurope",
                "properties": {"enablePurgeProtection": None}}  # fmt: skip
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "metadata": metadata, "resources": [resource]}
    write(json.dumps(template), "root.json")
    write(json.dumps({**template, "metadata": {}, "resources": [{**resource, "metadata": metadata}]}), "own.json")
    document = json.loads(kvlint(".", "--select", "KV001", *DAY, "-f", "json").out)
    found = {one["location"]["path"]: one["severity"] for one in document["findings"]}
    assert found == {"kv/main.tf": "high", "root.json": "high", "own.json": "low"}


def test_comment_on_a_module_call_applies_to_findings_in_the_module(kvlint: Kvlint) -> None:
    write(vault(), "kv/main.tf")
    call = 'module "{0}" {{\n  {1}\n  source = "./kv"\n}}\n'
    write(call.format("one", "#checkov:skip=CKV_AZURE_110") + call.format("two", ""))
    document = json.loads(kvlint("main.tf", *SELECTED, "-f", "json", "--respect-peer-suppressions").out)
    assert [(one["resource"], one["ruleId"]) for one in document["suppressed"]] == [
        ("module.one.azurerm_key_vault.a", "KV001")
    ]
    assert "module.two.azurerm_key_vault.a" in {one["resource"] for one in document["findings"]}


def test_how_it_is_reported(kvlint: Kvlint) -> None:
    write(vault(first='#checkov:skip=CKV_AZURE_109:"a lab"'))
    words = (".", *SELECTED, "--respect-peer-suppressions")
    assert "    suppressed: a lab (checkov comment) [main.tf:3:4]\n" in kvlint(*words, "--show-suppressed").out
    (one,) = json.loads(kvlint(*words, "-f", "json").out)["suppressed"]
    assert (one["suppression"]["tool"], one["suppression"]["justification"]) == ("checkov", "a lab")
    log = json.loads(kvlint(*words, "-f", "sarif", "--sarif-include", "suppressed").out)
    reasons = [some["justification"] for one in log["runs"][0]["results"] for some in one["suppressions"]]
    assert reasons == ["checkov: a lab"]
    assert json.loads(kvlint(*words, "--no-ignores", "-f", "json").out)["suppressed"] == []
    said = kvlint("controls", ".", "--respect-peer-suppressions", *DAY, "-f", "json")
    assert '"tool": "checkov"' in said.out


def test_every_kind_of_setting_enables_comments_of_other_tools(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    write(vault(first="#checkov:skip=CKV_AZURE_110"))
    words = (".", "--select", "KV001", *DAY)
    assert kvlint(*words).code == 1
    write("respect-peer-suppressions = true\n", "kvlint.toml")
    assert kvlint(*words).code == 0
    assert "respect-peer-suppressions = true # kvlint.toml:1:1\n" in kvlint(*words, "--show-settings").out
    assert kvlint("suppressions", *words).out.endswith("; comments for other tools suppress 1 finding\n")
    assert kvlint(*words, "--isolated").code == 1
    monkeypatch.setenv("KVLINT_RESPECT_PEER_SUPPRESSIONS", "true")
    assert kvlint(*words, "--isolated").code == 0


def test_directives_of_kvlint_take_precedence(kvlint: Kvlint) -> None:
    write(vault(above="# kvlint: ignore[KV001] our reason", first="#checkov:skip=CKV_AZURE_110,CKV_AZURE_109:theirs"))
    override = '[[override]]\nrules = ["KV101"]\nignore = true\nreason = "ours too"\n'
    write(f"respect-peer-suppressions = true\n{override}", "kvlint.toml")
    document = json.loads(kvlint(".", *SELECTED, "-f", "json").out)
    assert {one["ruleId"]: one["suppression"]["justification"] for one in document["suppressed"]} == {
        "KV001": "our reason",
        "KV101": "ours too",
    }
    assert document["problems"] == []


def test_a_plan_is_suppressed_by_comments_in_its_source(kvlint: Kvlint) -> None:
    from azkvlint.linter.rule_tests import expand

    write(
        'resource "azurerm_key_vault" "kv" {\n  #checkov:skip=CKV_AZURE_110\n  name = "kv"\n'
        "  purge_protection_enabled = false\n}\n"
    )
    Path("plan.json").write_bytes(expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"))
    words = ("plan.json", "--source-root", ".", "--select", "KV001", *DAY)
    assert kvlint(*words).code == 1
    assert kvlint(*words, "--respect-peer-suppressions").code == 0


# --- Bicep and ARM ----------------------------------------------------------------------------------------------------

BICEP = """
{above}
@description('//checkov:skip=CKV_AZURE_110')
resource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {{
  name: 'kv${{uniqueString('http://trivy:ignore:*')}}' {first}
  location: 'westeurope'
  properties: {{
    tenantId: 't'
    sku: {{ family: 'A', name: 'standard' }}
    {within}
    publicNetworkAccess: 'Enabled'
  }}
}}

resource other 'Microsoft.KeyVault/vaults@2024-11-01' = {{
  name: 'other'
  location: 'westeurope'
  properties: {{ tenantId: 't', sku: {{ family: 'A', name: 'standard' }} }}
}}
"""


@pytest.mark.parametrize(
    ("where", "comment", "rules"),
    [
        ("first", "// checkov:skip=CKV_AZURE_110:a lab", {"KV001"}),
        ("within", "/* checkov:skip=CKV_AZURE_110,CKV_AZURE_109 */", {"KV001", "KV101"}),
        ("above", "// trivy:ignore:AVD-AZU-0016", {"KV001"}),
        ("above", "/*\n  tfsec:ignore:AZU020\n  tfsec:ignore:AZU021 */", {"KV001", "KV101"}),
        ("above", "// kics-scan ignore-block", {"KV001", "KV101"}),
        ("above", "", set()),
        ("above", "// kvlint: ignore[KV001] checkov:skip=CKV_1", {"KV001"}),
    ],
)
def test_comments_of_other_tools_in_bicep_are_respected(
    where: str, comment: str, rules: set[str], kvlint: Kvlint
) -> None:
    write(BICEP.format(**({"above": "", "first": "", "within": ""} | {where: comment})), "main.bicep")
    said = kvlint(".", *SELECTED, "-f", "json", "--respect-peer-suppressions")
    document = json.loads(said.out)
    assert {(one["resource"], one["ruleId"]) for one in document["suppressed"]} == {("kv", rule) for rule in rules}
    assert document["problems"] == []


@pytest.mark.parametrize(
    "skip",
    [
        {"skip": [{"id": "CKV_AZURE_1"}, {"id": "CKV_AZURE_110", "comment": "a lab"}]},
        ["CKV_AZURE_110:a lab"],
        "CKV_AZURE_110: a lab",
    ],
)
def test_checkov_metadata_is_respected(skip: object, kvlint: Kvlint) -> None:
    properties = {"tenantId": "t", "sku": {"family": "A", "name": "standard"}}
    one = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2024-11-01", "name": "a", "properties": properties}
    two = one | {"name": "b", "metadata": {"checkov": skip}}
    write(json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [one, two]}, indent=1), "main.json")
    document = json.loads(kvlint(".", *SELECTED, "-f", "json", "--respect-peer-suppressions").out)
    assert [(one["fullName"], one["ruleId"]) for one in document["suppressed"]] == [("b", "KV001")]
    assert document["suppressed"][0]["suppression"]["justification"] == "a lab"
    assert document["problems"] == []
    assert [one["kind"] for one in listed(kvlint)] == ["metadata"]
    assert json.loads(kvlint(".", *SELECTED, "-f", "json").out)["suppressed"] == []


@pytest.mark.parametrize("skip", [None, 1, [], [None, 1, {}], {"skip": 1}, {"skip": [{"id": 1}]}, {"id": "CKV_1"}, ""])
def test_invalid_checkov_metadata_is_ignored(skip: object, kvlint: Kvlint) -> None:
    resource = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2024-11-01", "name": "a"}
    resource |= {"metadata": {"checkov": skip, "kvlint": {"ignore": ["[KV001] a lab"]}}}  # type: ignore[dict-item]
    write(json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [resource]}), "main.json")
    assert ("KeyVault/vaults/a", "KV001") in suppressed(kvlint)
    assert listed(kvlint) == []


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list(kvlint: Kvlint) -> None:
    above = "#trivy:ignore:AZU-0013:exp:2026-01-01\n#tfsec:ignore:AZU020:ws:lab\n#tfsec:ignore:aws-x"
    first = "#checkov:skip=CKV_AZURE_110,CKV_AZURE_999:a \x1b lab\n  #checkov:skip=CKV_AZURE_41"
    write(vault(above=f"# kvlint: ignore[KV301]\n{above}", first=first))
    said = kvlint("suppressions", ".", "--from", ALL, *SELECTED)
    assert said.out.splitlines() == [
        "main.tf:2:2: expired trivy comment AZU-0013 (KV101): no reason (until 2026-01-01)",
        "main.tf:3:2: not evaluated tfsec comment AZU020 (KV101): no reason (it applies only to workspace `lab`)",
        r"main.tf:6:4: used checkov comment CKV_AZURE_110 (KV001): a \x1b lab",
        "main.tf:7:4: not evaluated checkov comment CKV_AZURE_41 (KV601): no reason",
        "4 comments for other tools: 1 used, 2 not evaluated, 1 expired; they would suppress 1 finding",
    ]
    # What is wrong with kvlint's own directives is another question, and peers' comments are no reason for exit 1.
    assert (said.code, said.err) == (0, "")
    assert kvlint("suppressions", ".", *SELECTED).code == 1


def test_the_list_as_json(kvlint: Kvlint) -> None:
    write(vault(first="# checkov:skip=CKV_AZURE_42:a lab"))
    said = kvlint("suppressions", ".", "--from", "checkov", *SELECTED, "-f", "json")
    document = json.loads(said.out)
    assert document["suppressions"] == [
        {
            "kind": "comment",
            "state": "used",
            "tool": "checkov",
            "ids": ["CKV_AZURE_42"],
            "rules": ["KV001", "KV002"],
            "unusedRules": [],
            "reason": "a lab",
            "condition": None,
            "owner": None,
            "until": None,
            "fault": None,
            "location": {"path": "main.tf", "line": 3, "column": 5, "endLine": 3, "endColumn": 36},
        }
    ]
    assert document["summary"]["findings"] == 1


def test_only_comments_of_the_selected_tools_are_listed(kvlint: Kvlint) -> None:
    write(vault(above="#tfsec:ignore:AZU021", first="#checkov:skip=CKV_AZURE_110"))
    assert [one["tool"] for one in listed(kvlint, "checkov")] == ["checkov"]
    assert [one["tool"] for one in listed(kvlint, "Checkov", "--from", "tfsec")] == ["tfsec", "checkov"]
    # Both would suppress the same finding.
    assert {one["state"] for one in listed(kvlint)} == {"used"}
    assert listed(kvlint, "kics") == []
    for word in ("snyk", ""):
        assert kvlint("suppressions", ".", "--from", word).code == 2


# --- hostile comments -------------------------------------------------------------------------------------------------


@pytest.mark.slow(8)
@pytest.mark.parametrize(
    "comments",
    [
        "#checkov:skip=" + "CKV_AZURE_110," * 40_000,
        "#checkov:skip=CKV_AZURE_110:" + ":checkov:skip=" * 40_000,
        "#" + "tfsec:ignore:AZU021 " * 20_000,
        "#" + "trivy:ignore:" * 40_000,
        "#trivy:ignore:*\n" * 20_000,
        "/* trivy:ignore:* */ " * 20_000,
        "#" + " " * 300_000 + "kics-scan ignore-line",
        "# kics-scan ignore-line\n" * 20_000,
        "# kics-scan disable=" + "a," * 200_000,
        "#" + "#/*" * 200_000 + " kics-scan",
    ],
)
@pytest.mark.parametrize("where", ["above", "first"])
def test_no_comment_takes_long(comments: str, where: str, kvlint: Kvlint) -> None:
    write(vault(**{where: comments}))
    start = time.perf_counter()
    said = kvlint("main.tf", *SELECTED, "--respect-peer-suppressions", "-f", "json")
    assert said.code in (0, 1)
    assert time.perf_counter() - start < 20
