"""Plans told on their source: where each finding goes, what stays in the plan, and each problem once."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.model.finding import CALLED, Finding, Report
from azkvlint.reporters import REPORTERS, SARIF_INCLUDED, Options
from tests.sarif import faults, run_in

Make: TypeAlias = Callable[..., str]
VAULT = "azurerm_key_vault"
NAME = "registry.terraform.io/hashicorp/azurerm"
PROVIDER: Mapping[str, Any] = {
    "name": "azurerm", "full_name": NAME, "version_constraint": "~> 4.50", "expressions": {"features": [{}]},
}  # fmt: skip
HEAD = """terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 4.50" }
  }
}
provider "azurerm" {
  features {}
}
"""
CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
TWINS = sorted((CORPORA / "tf" / "zodiac-ae").glob("*")) if CORPORA.is_dir() else []


# --- plans ------------------------------------------------------------------------------------------------------------


def change(address: str, after: Mapping[str, Any] | None, *actions: str, **more: Any) -> dict[str, Any]:
    """An entry of ``resource_changes``. ``unknown`` are the arguments that are known after apply."""
    local = re.sub(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]', "", address)
    local = re.sub(r"^(?:module\.\w+\.)+", "", local)
    above = address[: address.rindex(f".{local.split('.')[0]}.")] if address.startswith("module.") else ""
    type_, name = local.removeprefix("data.").split(".")
    return {
        "address": address, "mode": "data" if local.startswith("data.") else "managed", "type": type_, "name": name,
        "provider_name": more.pop("provider", NAME), **({"module_address": above} if above else {}),
        "change": {
            "actions": list(actions or ("create",)), "before": more.pop("before", None), "after": after,
            "after_unknown": {"id": True, **dict.fromkeys(more.pop("unknown", ()), True)},
        },
        **more,
    }  # fmt: skip


def vault(address: str, **after: Any) -> dict[str, Any]:
    """The creation of a vault about which nothing is wrong but what is said."""
    whole = {
        "name": "kv-app", "purge_protection_enabled": True, "soft_delete_retention_days": 90,
        "rbac_authorization_enabled": True, "public_network_access_enabled": False,
    } | after  # fmt: skip
    return change(address, whole, unknown=("access_policy", "network_acls"))


def block(address: str, **expressions: Any) -> dict[str, Any]:
    """A resource of the configuration."""
    type_, name = address.removeprefix("data.").split(".")
    return {
        "address": address, "mode": "data" if address.startswith("data.") else "managed", "type": type_, "name": name,
        "provider_config_key": expressions.pop("provider", "azurerm"), "expressions": expressions, "schema_version": 0,
    }  # fmt: skip


def plan(
    changes: Sequence[Mapping[str, Any]],
    blocks: Sequence[Mapping[str, Any]] = (),
    calls: Mapping[str, Any] | None = None,
    providers: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> str:
    return json.dumps({
        "format_version": "1.2", "terraform_version": "1.9.8", "complete": True, "errored": False,
        "variables": {name: {"value": value} for name, value in (variables or {}).items()},
        "resource_changes": changes,
        "configuration": {
            "provider_config": providers or {"azurerm": PROVIDER},
            "root_module": {"resources": blocks, "module_calls": calls or {}},
        },
    })  # fmt: skip


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Writes files, and goes where they lie."""
    monkeypatch.chdir(tmp_path)

    def written(files: Mapping[str, str]) -> str:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path)

    return written


def told(report: Report, rule: str = "") -> dict[tuple[str, str], str]:
    """The line of each finding and question, by rule and address; told in the plan, it is the path of the plan."""
    found: dict[tuple[str, str], str] = {}
    for finding in (*report.findings, *report.unknown):
        for one in finding.occurrences:
            key = finding.rule.id, one.address
            assert key not in found, "a problem is told twice"
            if finding.rule.id.startswith(rule):
                found[key] = line(finding)
    return found


def line(finding: Finding) -> str:
    assert finding.at.region is not None
    if finding.at.path.endswith(".json") and not finding.at.path.endswith(".tf.json"):
        return finding.at.path
    text = Path(finding.at.path).read_text(encoding="utf-8").splitlines()[finding.at.region.start_line - 1]
    return f"{finding.at.path}: {text.strip()}"


def of(*paths: str, root: Path | None = None, **settings: Any) -> Report:
    """The report, of which also a log is as it should be: every path is there, and what it shows on its line.

    ``root`` is where the paths of source start, if that is not where the report says.
    """
    report = check(Config(paths=paths, **settings))
    log = REPORTERS["sarif"](report, Options(included=frozenset(SARIF_INCLUDED)))
    assert isinstance(log, bytes)
    assert list(faults(run_in(log.decode()), root or Path(report.root))) == []
    return report


def rule(report: Report, id_: str) -> Finding:
    (finding,) = (one for one in (*report.findings, *report.unknown) if one.rule.id == id_)
    return finding


# --- what a finding is told on ----------------------------------------------------------------------------------------


def test_plan_finding_has_the_line_and_fingerprint_of_the_source(write: Make) -> None:
    source = HEAD + f'resource "{VAULT}" "kv" {{\n  name = "kv-app"\n  purge_protection_enabled = false\n}}\n'
    write({"main.tf": source, "plan.json": plan([vault(VAULT + ".kv", purge_protection_enabled=False)])})
    report = of("plan.json", source_root=".")
    assert told(report, "KV001") == {("KV001", f"{VAULT}.kv"): "main.tf: purge_protection_enabled = false"}
    assert told(report, "KV2") == {("KV201", f"{VAULT}.kv"): f'main.tf: resource "{VAULT}" "kv" {{'}
    assert report.problems == ()
    assert {finding.source for finding in report.findings} == {"plan"}
    finding = rule(report, "KV001")
    assert finding.excerpt is not None
    assert finding.excerpt.text == "purge_protection_enabled = false"
    assert finding.fingerprint == rule(of("main.tf"), "KV001").fingerprint


def test_item_of_a_set_is_located_by_its_content(write: Make) -> None:
    """A plan prints sets in an order of its own."""
    items = "".join(f'  {{ object_id = "{who}", key_permissions = ["{what}"] }},\n' for who, what in (
        ("c", "Get"), ("b", "Purge"), ("a", "Get")
    ))  # fmt: skip
    source = f'{HEAD}resource "{VAULT}" "kv" {{\n  name = "kv-app"\n  access_policy = [\n{items}  ]\n}}\n'
    policies = [
        {"object_id": "a", "key_permissions": ["Get"]},
        {"object_id": "c", "key_permissions": ["Get"]},
        {"object_id": "b", "key_permissions": ["Purge"]},
    ]
    entry = vault(VAULT + ".kv", rbac_authorization_enabled=False, access_policy=policies)
    del entry["change"]["after_unknown"]["access_policy"]
    write({"main.tf": source, "plan.json": plan([entry])})
    found = told(of("plan.json", source_root="."), "KV302")
    assert found == {("KV302", f"{VAULT}.kv"): 'main.tf: { object_id = "b", key_permissions = ["Purge"] },'}


def test_instance_keys_that_resemble_addresses_are_kept(write: Make) -> None:
    keys = ["a.b", 'q"q', "x].y[", "$${z}"]
    names = [f'module.m["{key}"].{VAULT}.kv["{key}"]'.replace('q"q', 'q\\"q') for key in keys]
    source = HEAD + 'module "m" {\n  source = "./m"\n  for_each = toset(["a.b", "q\\"q", "x].y[", "$${z}"])\n}\n'
    inner = (
        f'resource "{VAULT}" "kv" {{\n  for_each = toset(["a.b", "q\\"q", "x].y[", "$${{z}}"])\n  name = "kv1"\n}}\n'
    )
    entries = [vault(name, purge_protection_enabled=False) for name in names]
    write({"main.tf": source, "m/main.tf": inner, "plan.json": plan(entries)})
    report = of("plan.json", source_root=".")
    finding = rule(report, "KV001")
    assert line(finding) == f'm/main.tf: resource "{VAULT}" "kv" {{'
    assert sorted(names) == [one.address for one in finding.occurrences]
    alone = [one.address for one in rule(of("main.tf"), "KV001").occurrences]
    assert set(names) <= set(alone)


def test_variables_of_the_plan_decide_instead_of_those_in_files(write: Make) -> None:
    source = HEAD + 'variable "on" {\n  default = true\n}\nmodule "m" {\n  source = "./m"\n  on = var.on\n}\n'
    inner = f'variable "on" {{}}\nresource "{VAULT}" "kv" {{\n  count = var.on ? 1 : 2\n  name = "kv-app"\n'
    inner += "  purge_protection_enabled = var.on\n}\n"
    entries = [vault(f"module.m.{VAULT}.kv[{at}]", purge_protection_enabled=False) for at in (0, 1)]
    write({
        "main.tf": source, "m/main.tf": inner, "terraform.tfvars": "on = true\n",
        "plan.json": plan(entries, variables={"on": False}),
    })  # fmt: skip
    report = of("plan.json", source_root=".")
    finding = rule(report, "KV001")
    assert line(finding) == "main.tf: on = var.on"
    assert len(finding.occurrences) == 2
    assert [note.at.path for note in finding.related if note.text == CALLED] == ["main.tf"]


def test_instance_key_missing_from_the_source_is_located_at_the_block(write: Make) -> None:
    """What a caller gives to another instance is nothing of this one's."""
    source = HEAD + 'module "m" {\n  source = "./m"\n  vaults = {\n    new = { purge = false }\n  }\n}\n'
    inner = f'variable "vaults" {{}}\nresource "{VAULT}" "kv" {{\n  for_each = var.vaults\n  name = each.key\n'
    inner += "  purge_protection_enabled = each.value.purge\n}\n"
    entries = [vault(f'module.m.{VAULT}.kv["{key}"]', purge_protection_enabled=False) for key in ("new", "old")]
    write({"main.tf": source, "m/main.tf": inner, "plan.json": plan(entries)})
    assert told(of("plan.json", source_root="."), "KV001") == {
        ("KV001", f'module.m.{VAULT}.kv["new"]'): "main.tf: new = { purge = false }",
        ("KV001", f'module.m.{VAULT}.kv["old"]'): f'm/main.tf: resource "{VAULT}" "kv" {{',
    }


def test_resource_missing_from_the_source_is_located_in_the_plan_with_one_note(write: Make) -> None:
    source = f'{HEAD}resource "{VAULT}" "kv" {{\n  name = "kv-app"\n}}\n'
    write({"main.tf": source, "plan.json": plan([vault(f"{VAULT}.kv"), vault(f"{VAULT}.old")])})
    report = of("plan.json", source_root=".")
    found = told(report)
    assert {path for (_, address), path in found.items() if address.endswith(".old")} == {"plan.json"}
    assert {path for (_, address), path in found.items() if address.endswith(".kv")} == {
        f'main.tf: resource "{VAULT}" "kv" {{'
    }
    (problem,) = report.problems
    assert (problem.code, problem.level) == ("KVE008", "note")
    assert "--source-root" in problem.hint


def test_deletion_is_located_at_its_block_or_in_the_plan(write: Make) -> None:
    source = f'{HEAD}resource "{VAULT}" "here" {{\n  count = 0\n  name = "kv-app"\n}}\nresource "{VAULT}" "kv" {{\n}}\n'
    gone = [change(f"{VAULT}.{name}", None, "delete", before={"name": "kv-app"}) for name in ("kv", "gone", "here[0]")]
    write({"main.tf": source, "plan.json": plan(gone)})
    report = of("plan.json", source_root=".")
    assert told(report, "KV005") == {
        ("KV005", f"{VAULT}.kv"): f'main.tf: resource "{VAULT}" "kv" {{',
        ("KV005", f"{VAULT}.gone"): "plan.json",
        ("KV005", f"{VAULT}.here[0]"): f'main.tf: resource "{VAULT}" "here" {{',
    }
    assert report.problems == (), "what goes away has mostly been taken out of the source"


def test_provider_block_is_located_in_the_source(write: Make) -> None:
    flag = "  features {\n    key_vault {\n      purge_soft_delete_on_destroy = true\n    }\n  }\n"
    root = HEAD + f'provider "azurerm" {{\n  alias = "west"\n{flag}}}\n'
    root += f'resource "{VAULT}" "kv" {{\n  name = "kv-app"\n}}\n'
    root += f'resource "{VAULT}" "west" {{\n  provider = azurerm.west\n  name = "west"\n}}\n'
    root += 'module "m" {\n  source = "./m"\n}\n'
    inner = f'provider "azurerm" {{\n  features {{}}\n}}\nresource "{VAULT}" "kv" {{\n  name = "m"\n}}\n'
    names = (f"{VAULT}.kv", f"{VAULT}.west", f"module.m.{VAULT}.kv")
    keys = ("azurerm", "azurerm.west", "module.m:azurerm")
    written = {"key_vault": [{"purge_soft_delete_on_destroy": {"constant_value": True}}]}
    providers = {key: {**PROVIDER, "expressions": {"features": [written if "west" in key else {}]}} for key in keys}
    text = plan(
        [vault(name, purge_protection_enabled=False) for name in names],
        [block(names[0]), block(names[1], provider="azurerm.west")],
        {"m": {"source": "./m", "module": {"resources": [block(f"{VAULT}.kv", provider="module.m:azurerm")]}}},
        providers,
    )
    write({"main.tf": root, "m/main.tf": inner, "plan.json": text})
    found = told(of("plan.json"), "KV006")
    assert found == {
        ("KV006", "provider.azurerm"): 'main.tf: provider "azurerm" {',
        ("KV006", "provider.azurerm.west"): "main.tf: purge_soft_delete_on_destroy = true",
        ("KV006", "provider.module.m:azurerm"): 'm/main.tf: provider "azurerm" {',
    }
    assert told(of("."), "KV006") == found


def test_azapi_resource_is_located_in_the_source(write: Make) -> None:
    type_ = "Microsoft.KeyVault/vaults@2023-07-01"
    source = f'{HEAD}resource "azapi_resource" "kv" {{\n  type = "{type_}"\n  name = "kv-app"\n'
    source += "  body = {\n    properties = {\n      enablePurgeProtection = false\n    }\n  }\n}\n"
    body = {"properties": {"enablePurgeProtection": False}}
    after = {"type": type_, "name": "kv-app", "body": body}
    text = plan([change("azapi_resource.kv", after, provider="registry.terraform.io/azure/azapi")])
    write({"main.tf": source, "plan.json": text})
    found = told(of("plan.json", source_root="."), "KV001")
    assert found == {("KV001", "azapi_resource.kv"): "main.tf: enablePurgeProtection = false"}


# --- modules that nobody can edit here --------------------------------------------------------------------------------

CALLS = (
    HEAD
    + """module "kv" {
  source = "acme/kv/azurerm"
  purge  = false
}
"""
)
INNER = f"""variable "purge" {{}}
resource "{VAULT}" "kv" {{
  name                     = "kv"
  purge_protection_enabled = var.purge
}}
"""


def called(source: str, **more: Any) -> str:
    """A plan with a vault in a module, whose purge protection is what the caller says."""
    resources = [block(f"{VAULT}.kv", purge_protection_enabled={"references": ["var.purge"]})]
    calls = {"kv": {"source": source, "module": {"resources": resources}, **more}}
    return plan([vault(f"module.kv.{VAULT}.kv", purge_protection_enabled=False)], (), calls)


@pytest.mark.parametrize("source", ["acme/kv/azurerm", "git::https://example.org/kv.git", "../outside"])
def test_finding_in_a_module_that_is_not_installed_is_located_at_its_call(source: str, write: Make) -> None:
    text = CALLS.replace("acme/kv/azurerm", source)
    write({"main.tf": text, "plan.json": called(source, expressions={"purge": {"constant_value": False}})})
    report = of("plan.json")
    assert told(report, "KV001") == {("KV001", f"module.kv.{VAULT}.kv"): "main.tf: purge  = false"}
    assert told(report, "KV201") == {("KV201", f"module.kv.{VAULT}.kv"): 'main.tf: module "kv" {'}
    assert report.problems == ()
    assert [note.text for note in rule(report, "KV001").related] == [CALLED]


def test_finding_in_an_installed_module_is_located_at_its_call(write: Make) -> None:
    manifest = {"Modules": [{"Key": "kv", "Source": "x", "Dir": ".terraform/modules/kv"}]}
    write({
        "main.tf": CALLS, "plan.json": called("acme/kv/azurerm"), ".terraform/modules/kv/main.tf": INNER,
        ".terraform/modules/modules.json": json.dumps(manifest),
    })  # fmt: skip
    for report in (of("plan.json"), of("."), of("main.tf")):
        assert told(report, "KV001") == {("KV001", f"module.kv.{VAULT}.kv"): "main.tf: purge  = false"}
        assert told(report, "KV201") == {("KV201", f"module.kv.{VAULT}.kv"): 'main.tf: module "kv" {'}
    # It is of another version than the plan, and the call is the same.
    write({".terraform/modules/kv/main.tf": INNER.replace('"kv"', '"other"')})
    assert told(of("plan.json"), "KV201") == {("KV201", f"module.kv.{VAULT}.kv"): 'main.tf: module "kv" {'}


def test_resource_missing_from_a_local_module_is_located_in_the_plan(write: Make) -> None:
    """It can be edited, and nothing in it says so any more."""
    write({
        "main.tf": CALLS.replace("acme/kv/azurerm", "./kv"), "plan.json": called("./kv"),
        "kv/main.tf": INNER.replace('"kv"', '"other"'),
    })  # fmt: skip
    found = told(of("plan.json"))
    assert {place for (_, address), place in found.items() if address.endswith(".kv")} == {"plan.json"}


# --- a plan beside its source -----------------------------------------------------------------------------------------

UNKNOWN = f"""{HEAD}variable "purge" {{}}
resource "{VAULT}" "kv" {{
  name                     = "kv"
  purge_protection_enabled = var.purge
}}
resource "{VAULT}" "other" {{
  name                     = "other"
  purge_protection_enabled = false
}}
"""
ADDRESS, OTHER = f"{VAULT}.kv", f"{VAULT}.other"
ATTRIBUTE = {("KV001", ADDRESS): "main.tf: purge_protection_enabled = var.purge"}
BESIDE = {("KV001", OTHER): "main.tf: purge_protection_enabled = false"}


@pytest.mark.parametrize("purge", [True, False])
def test_result_of_the_plan_replaces_that_of_the_source(purge: bool, write: Make) -> None:
    entries = [vault(ADDRESS, purge_protection_enabled=purge)]
    write({"main.tf": UNKNOWN, "plan.json": plan(entries, [block(ADDRESS), block(OTHER)], variables={"purge": purge})})
    assert told(of("main.tf"), "KV001") == ATTRIBUTE | BESIDE
    for paths in ((".", "plan.json"), ("plan.json", "main.tf"), ("main.tf", "plan.json")):
        report = of(*paths)
        assert told(report, "KV001") == BESIDE | ({} if purge else ATTRIBUTE)
        assert [one for one in report.unknown if one.rule.id == "KV001"] == []
        assert {one.source for one in report.findings if one.resource == ADDRESS} == {"plan"}
        assert {one.source for one in report.findings if one.resource == OTHER} == {""}


@pytest.mark.parametrize("purge", [True, False])
def test_a_plan_that_is_found_in_a_folder_removes_no_result(purge: bool, write: Make) -> None:
    entries = [vault(ADDRESS, purge_protection_enabled=purge), vault(OTHER)]
    write({"main.tf": UNKNOWN})
    alone = of(".")
    write({"plan.json": plan(entries, [block(ADDRESS), block(OTHER)], variables={"purge": purge})})
    report = of(".")
    assert {key: place for key, place in told(alone).items() if key not in told(report)} == {}
    assert told(report, "KV001") == BESIDE | ATTRIBUTE
    found = [one for one in report.findings if one.rule.id == "KV001"]
    assert [(one.resource, len(one.occurrences)) for one in found] == [(ADDRESS, 1), (OTHER, 1)][purge:]
    assert [one.resource for one in report.unknown if one.rule.id == "KV001"] == [ADDRESS][: int(purge)]
    assert report.resource_counts == alone.resource_counts
    assert [(one.address, one.instances) for one in report.evaluated] == [
        (one.address, one.instances) for one in alone.evaluated
    ]
    # Named on the command line, it is the deployment.
    assert (("KV001", OTHER) in told(of(".", "plan.json"), "KV001")) is False


def test_plan_found_in_a_folder_decides_unknown_results_of_its_source(write: Make) -> None:
    source = f"""{HEAD}variable "purge" {{}}
variable "names" {{}}
resource "{VAULT}" "kv" {{
  for_each                 = toset(var.names)
  name                     = each.key
  purge_protection_enabled = each.key != "b"
}}
"""
    instances = [vault(f'{ADDRESS}["{name}"]', name=name, purge_protection_enabled=name != "b") for name in "ab"]
    write({"main.tf": source, "plan.json": plan(instances, [block(ADDRESS)], variables={"purge": True})})
    report = of(".")
    assert f'{ADDRESS}["b"]' in {one.address for found in report.findings for one in found.occurrences}
    assert f'{ADDRESS}["a"]' not in {
        one.address for found in report.findings if found.rule.id == "KV001" for one in found.occurrences
    }


def test_two_plans_of_one_root_are_both_reported(write: Make) -> None:
    blocks = [block(ADDRESS), block(OTHER)]
    write({
        "main.tf": UNKNOWN,
        **{f"{name}.json": plan(
            [vault(ADDRESS, purge_protection_enabled=purge)], blocks, variables={"purge": purge}
        ) for name, purge in (("dev", False), ("prod", True), ("test", False))},
    })  # fmt: skip
    report = of(".")
    assert told(report, "KV001") == ATTRIBUTE | BESIDE
    assert len([one for one in report.findings if one.rule.id == "KV001"]) == 2
    assert told(of("prod.json"), "KV001") == {}
    assert told(of("dev.json", "test.json"), "KV001") == ATTRIBUTE
    assert report.problems == ()


def test_directives_in_the_source_apply_to_a_plan(write: Make) -> None:
    comment = "  # kvlint: ignore[KV001] a sandbox\n  purge_protection_enabled = var.purge"
    text = UNKNOWN.replace("  purge_protection_enabled = var.purge", comment)
    entries = [vault(ADDRESS, purge_protection_enabled=False)]
    write({"main.tf": text, "plan.json": plan(entries, [block(ADDRESS), block(OTHER)], variables={"purge": False})})
    for paths in (("plan.json",), (".",)):
        report = of(*paths)
        assert [one.rule.id for one in report.suppressed] == ["KV001"]
        assert report.suppressed[0].source == ("plan" if paths == ("plan.json",) else "")
        assert ("KV001", ADDRESS) not in told(report)
        assert report.problems == ()


# --- where a plan may lie ---------------------------------------------------------------------------------------------


def test_paths_of_a_plan_in_another_folder_are_those_of_the_source(
    write: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = plan([vault(ADDRESS)], [block(ADDRESS)])
    source = f'{HEAD}resource "{VAULT}" "kv" {{\n  name = "kv-app"\n}}\nmodule "m" {{\n  source = "../m"\n}}\n'
    write({
        "repo/.git/HEAD": "a" * 40, "repo/.git/config": '[remote "origin"]\n  url = https://example.org/me/repo.git\n',
        "repo/infra/main.tf": source, "repo/m/main.tf": 'output "x" {\n}\n', "ci/p.json": text,
    })  # fmt: skip
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    asked = of("../ci/p.json", source_root="../repo/infra")
    monkeypatch.chdir(tmp_path / "repo" / "infra")
    current = of("../../ci/p.json", root=tmp_path / "repo")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    piped = of("-")
    assert asked.findings
    assert asked.root == str(tmp_path / "repo")
    assert asked.repository is not None
    assert asked.repository.uri.startswith("https://example.org/me/repo")
    for report in (asked, current, piped):
        assert {finding.at.path for finding in report.findings} == {"infra/main.tf"}
        assert report.problems == ()


# --- other people's projects ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not TWINS, reason=f"the corpora are not here: no projects in {CORPORA / 'tf' / 'zodiac-ae'}")
@pytest.mark.parametrize("project", TWINS, ids=lambda path: path.name)
def test_plan_of_another_project_is_located_in_its_source(project: Path) -> None:
    report = of(str(CORPORA / "plan" / "zodiac-ae" / f"{project.name}.json"), source_root=str(project))
    assert [problem for problem in report.problems if problem.code == "KVE008"] == []
    assert report.findings
    for finding in (*report.findings, *report.unknown):
        assert finding.at.region is not None
        file = project / Path(finding.at.path).name
        text = file.read_text(encoding="utf-8").splitlines()[finding.at.region.start_line - 1]
        mapped = RESOURCES.get(finding.declared_as)
        known = [*finding.resource.split("."), *arguments(mapped.fields if mapped is not None else {})]
        assert any(f'"{word}"' in text for word in known), (finding.rule.id, text)


def arguments(fields: Mapping[str, Field]) -> Iterator[str]:
    for name, field in fields.items():
        yield name
        yield from arguments(field.fields)
