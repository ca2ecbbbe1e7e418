"""Well-known modules of the registry that are not installed: what their inputs amount to, and what is left open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from azkvlint.readers.terraform.folder import references_in
from azkvlint.readers.terraform.sources import _SPANS, KnownModule, _folder, well_known
from azkvlint.syntax.hcl.parse import Body
from tests.conftest import Run
from tests.stand_ins import AVM, CASES, CLOUDNATION, HEAD, PASSWORD, VERSIONS, call, differences

pytestmark = pytest.mark.slow(8)

CORPORA = Path(__file__).parents[4] / "shared" / "corpora" / "tf"
FOLDERS = {AVM: "avm-res-keyvault-vault", CLOUDNATION: "cloudnationhq-kv"}
OPEN = {CLOUDNATION: {"KV304", "KV513", "KV603", "KV702", "KV704", "KV710", "KV716"}}

# What the tables of the modules can answer.
ASKED = ",".join(
    f"KV{number:03}"
    for number in (
        *range(1, 7), *range(101, 105), 116, 201, 202, *range(301, 308), *range(401, 405), *range(501, 504),
        601, 602, 701, *range(801, 804),
    )
)  # fmt: skip


class ModuleResult(NamedTuple):
    """What a report says: outcomes by rule, the lines of text that each is told at, and its problems."""

    outcomes: Mapping[str, set[str]]
    lines: Mapping[str, set[str]]
    problems: Sequence[tuple[str, str]]
    passed: int


Check = Callable[[str], ModuleResult]


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Check:
    """Checks a root module that is this text."""
    folder = tmp_path / "project"
    folder.mkdir()

    def checked(text: str) -> ModuleResult:
        (folder / "main.tf").write_text(text, encoding="utf-8")
        ran = run("check", "-f", "json", ".", "--select", ASKED, cwd=folder)
        assert "Traceback" not in ran.err
        report = json.loads(ran.out)
        outcomes: dict[str, set[str]] = {}
        lines: dict[str, set[str]] = {}
        for result in [*report["findings"], *report["unknown"]]:
            outcomes.setdefault(result["ruleId"], set()).add(result["outcome"])
            for place in [result["location"], *(related["location"] for related in result["relatedLocations"])]:
                assert place["path"] == "main.tf"
                lines.setdefault(result["ruleId"], set()).add(text.splitlines()[place["line"] - 1].strip())
        problems = [(problem["level"], problem["message"]) for problem in report["problems"]]
        return ModuleResult(outcomes, lines, problems, report["summary"]["passed"])

    return checked


@pytest.mark.parametrize(
    ("source", "failed", "unknown"),
    [
        (AVM, {"KV103", "KV116", "KV201"}, set()),
        (CLOUDNATION, {"KV101", "KV103", "KV201", "KV303"}, set()),
    ],
)
def test_public_module_has_its_own_defaults(check: Check, source: str, failed: set[str], unknown: set[str]) -> None:
    told = check(call(source))
    assert {rule for rule, outcomes in told.outcomes.items() if outcomes == {"fail"}} == failed
    assert {rule for rule, outcomes in told.outcomes.items() if outcomes == {"unknown"}} == unknown
    assert told.problems == []
    assert told.passed > 8
    assert all(lines == {'module "kv" {'} for rule, lines in told.lines.items() if rule not in unknown)


OFF = (
    (AVM, "{}", "purge_protection_enabled = false", "KV001"),
    (AVM, "{}", "soft_delete_retention_days = 7", "KV003"),
    (AVM, "{}", "enabled_for_deployment = true", "KV303"),
    (AVM, "network_acls = {{\n{}\n}}", 'default_action = "Allow"', "KV101"),
    (AVM, "network_acls = {{\n{}\n}}", 'ip_rules = ["0.0.0.0/0"]', "KV101"),
    (AVM, 'keys = {{\na = {{\nname = "a"\nkey_type = "RSA"\n{}\n}}\n}}', "key_size = 1024", "KV503"),
    (CLOUDNATION, "{}", "purge_protection_enabled = false", "KV001"),
    (CLOUDNATION, "{}", "enable_rbac_authorization = false", "KV301"),
    (CLOUDNATION, "{}", "soft_delete_retention_days = 7", "KV003"),
    (CLOUDNATION, 'keys = {{\na = {{\nkey_type = "RSA"\n{}\n}}\n}}', "key_size = 1024", "KV503"),
)


@pytest.mark.parametrize(("source", "around", "written", "rule"), OFF)
def test_argument_that_disables_a_protection_is_reported_at_its_line(
    check: Check, source: str, around: str, written: str, rule: str
) -> None:
    told = check(call(source, around.format(written)))
    assert "fail" in told.outcomes[rule]
    assert written in told.lines[rule]
    assert told.problems == []


@pytest.mark.parametrize(
    ("source", "arguments", "rules"),
    [
        (AVM, "purge_protection_enabled = var.flag", {"KV001"}),
        (AVM, "legacy_access_policies_enabled = var.flag", {"KV301"}),
        (AVM, "diagnostic_settings = var.text", {"KV201", "KV202"}),
        (AVM, "private_endpoints = var.text", {"KV103"}),
        (CLOUDNATION, "purge_protection_enabled = var.flag", {"KV001"}),
        (CLOUDNATION, "network_acls = var.text", {"KV101"}),
        (CLOUDNATION, "vault = var.text", {"KV001", "KV101", "KV301", "KV303"}),
    ],
)
def test_unknown_argument_makes_the_result_unknown(check: Check, source: str, arguments: str, rules: set[str]) -> None:
    told = check(call(source, arguments))
    for rule in rules:
        assert told.outcomes[rule] == {"unknown"}, rule


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("0.9.1", "fail"),
        ("~> 0.10.1", "fail"),
        ("0.11.0", "fail"),
        ("0.10.1", "unknown"),
        (">= 0.10.0, < 0.10.2", "unknown"),
        ("0.12.0", "unknown"),
    ],
)
def test_null_firewall_depends_on_the_release(check: Check, version: str, outcome: str) -> None:
    """Release 0.10.1 alone writes network_acls where the input is null."""
    told = check(call(AVM, "network_acls = null", version=version))
    assert told.outcomes["KV101"] == {outcome}


def test_the_arguments_of_a_module_are_its_own(check: Check) -> None:
    """The text that stands for the module has the arguments of the newest provider, a release those of its time."""
    azurerm = 'azurerm = { source = "hashicorp/azurerm", version = "4.20.0" }'
    provider = f"terraform {{\n  required_providers {{\n    {azurerm}\n  }}\n}}\n"
    assert "KV053" not in check(provider + call(AVM, version="0.9.1")).outcomes


def test_a_diagnostic_setting_covers_the_vault(check: Check) -> None:
    setting = "diagnostic_settings = {{\nd = {{\nworkspace_resource_id = var.text\n{}\n}}\n}}"
    covered = check(call(AVM, setting.format("")))
    assert not {"KV201", "KV202"} & set(covered.outcomes)
    without = check(call(AVM, setting.format("log_groups = []")))
    assert without.outcomes["KV202"] == {"fail"}
    other = check(call(AVM, setting.format('log_groups = []\nlog_categories = ["AuditEvent"]')))
    assert not {"KV201", "KV202"} & set(other.outcomes)


def test_a_private_endpoint_leads_to_the_vault(check: Check) -> None:
    told = check(call(AVM, "private_endpoints = {\na = {\nsubnet_resource_id = var.text\n}\n}"))
    assert "KV103" not in told.outcomes


def test_role_assignments_and_policies_of_a_public_module_are_evaluated(check: Check) -> None:
    grant = '{\na = {\nrole_definition_id_or_name = "Owner"\nprincipal_id = var.text\n}\n}'
    keys = f'keys = {{\nk = {{\nname = "k"\nkey_type = "EC"\nrole_assignments = {grant}\n}}\n}}'
    policies = (
        "legacy_access_policies_enabled = true\nlegacy_access_policies = {\na = {\n"
        'object_id = "0"\nsecret_permissions = ["Get", "Purge"]\n}\n}'
    )
    told = check(call(AVM, f"role_assignments = {grant}\n{policies}\n{keys}"))
    assert {"KV301", "KV302", "KV403"} <= set(told.outcomes)
    assert told.problems == []


def test_outputs_of_a_public_module_link_to_its_resources(check: Check) -> None:
    setting = """
resource "azurerm_monitor_diagnostic_setting" "d" {{
  name                       = "d"
  target_resource_id         = {}
  log_analytics_workspace_id = var.text
  enabled_log {{
    category_group = "audit"
  }}
}}
"""
    for source, output in (
        (AVM, "module.kv.resource_id"),
        (CLOUDNATION, "module.kv.vault.id"),
    ):
        told = check(call(source) + setting.format(output))
        assert not {"KV201", "KV202"} & set(told.outcomes), source


def test_release_that_is_not_in_the_table_has_no_defaults(check: Check) -> None:
    told = check(call(AVM, "enabled_for_deployment = true", version="~> 0.9"))
    assert told.outcomes["KV303"] == {"fail"}
    assert {told.outcomes[rule] == {"unknown"} for rule in ("KV001", "KV101", "KV103", "KV201", "KV301")} == {True}
    assert told.problems == [("note", "the version of module `kv` is unknown, so its defaults are unknown")]


@pytest.mark.parametrize(
    ("source", "version"),
    [(AVM, ""), (AVM, ">= 0.3.0"), (AVM, "0.4.0"), (AVM, "1.0.0"), (CLOUDNATION, "3.1.0"), (CLOUDNATION, "x.x.x")],
)
def test_unsupported_version_of_a_public_module_is_a_note(check: Check, source: str, version: str) -> None:
    told = check(call(source, "purge_protection_enabled = false", version=version))
    assert told.outcomes == {}
    assert told.problems == [("note", f"module `{source}` is not installed, so its resources are not evaluated")]


@pytest.mark.parametrize(
    ("source", "constraint", "is_read"),
    [
        (AVM, "0.5.0", True),
        (AVM, "0.11.3", True),
        (AVM, "~> 0.10.1", True),
        (AVM, ">= 0.2, < 0.11.0", True),
        (AVM, "<= 0.12.0", False),
        (AVM, "~> 0.5", False),
        (AVM, "0.4.9", None),
        (AVM, "< 0.5.0", None),
        (AVM, ">= 0.10.0", None),
        (AVM, "1.0.0", None),
        (AVM, None, None),
        (AVM, 0.1, None),
        (AVM, "nothing", None),
        (f"registry.terraform.io/{AVM}", "0.10.0", True),
        (f"registry.opentofu.org/{AVM.lower()}", "0.10.0", True),
        (f"example.com/{AVM}", "0.10.0", None),
        (f"{AVM}//modules/key", "0.10.0", None),
        (CLOUDNATION, "4.3.0", True),
        (CLOUDNATION, "~> 4.1", True),
        (CLOUDNATION, "~> 3.0", None),
        (CLOUDNATION, "5.0.0", None),
        ("aztfmod/caf/azurerm", "5.7.0", None),
    ],
)
def test_version_constraint_selects_a_table_if_all_its_versions_match(
    source: str, constraint: object, is_read: bool | None
) -> None:
    found = well_known(source, constraint)
    assert (found.is_read if found is not None else None) is is_read


def known() -> Iterator[KnownModule]:
    for name in _SPANS:
        yield _folder(name, True)
        yield _folder(name, False)


def faults(body: Body) -> Iterator[object]:
    yield from body.faults
    for attribute in body.attributes.values():
        attribute.expression()
        if attribute.fault is not None:
            yield attribute.fault
    for block in body.blocks:
        yield from faults(block.body)


def test_tables_are_terraform() -> None:
    directories = set()
    for module in known():
        directories.add(module.directory)
        parsed = module.files[0].parsed
        assert (module.path, module.files[0].path, module.duplicates, module.modules) == ("", "", [], {})
        assert list(faults(parsed.body)) == []
        assert "released(" not in parsed.text
    assert len(directories) == 2 * len(_SPANS)


def test_calls_of_different_releases_are_evaluated_separately(check: Check) -> None:
    read, unread = call(AVM), call(AVM, version="~> 0.9").replace(HEAD, "").replace('"kv"', '"other"', 1)
    told = check(read + unread)
    assert told.outcomes["KV001"] == {"unknown"}
    assert told.passed > 8


@pytest.mark.parametrize("source", CASES)
def test_table_of_a_public_module_has_the_results_of_its_source(tmp_path: Path, source: str) -> None:
    folder = CORPORA / FOLDERS[source]
    if not folder.is_dir():
        pytest.skip("../shared/corpora is not here")
    found = list(differences(source, VERSIONS[source], folder, tmp_path))
    # When CloudNation's module renews certificates, and how it names its keys, is not in its table.
    assert {one.rule for one in found} <= OPEN.get(source, set())
    # It makes no issuers, so their passwords are not asked for where the vault is unknown.
    unknown = [one.arguments for one in found if one.described != {"unknown"}]
    assert set(unknown) <= {"vault = var.text"}


def test_values_of_secrets_in_tables_are_arguments() -> None:
    """What is left open has no origin, so that a written value would pass."""
    secrets = [
        declaration.attributes[name].attribute.expression()
        for module in known()
        for local, declaration in module.resources.items()
        if local.startswith("azurerm_key_vault_secret.")
        for name in ("value", "value_wo")
        if name in declaration.attributes
    ]
    assert len(secrets) >= 2 * len(_SPANS)
    names = {names for node in secrets if node is not None for names in references_in(node)}
    assert not [one for one in names if one[:2] == ("data", "module")]


WRITE_ONLY = 'secrets = { s = { name = "s" } }\nsecrets_value_wo = { s = VALUE }\nsecrets_value_wo_version = { s = 1 }'


@pytest.mark.parametrize(
    ("source", "version", "arguments"),
    [
        (AVM, "0.9.1", 'secrets = { s = { name = "s" } }\nsecrets_value = { s = VALUE }'),
        (AVM, "0.11.0", WRITE_ONLY),
        (CLOUDNATION, "4.0.0", "secrets = { predefined_string = { s = { value = VALUE } } }"),
    ],
)
@pytest.mark.parametrize(
    ("value", "outcome"),
    [('"correct-horse-battery-staple"', {"fail"}), ("random_password.p.result", set()), ("var.text", set())],
)
def test_secret_in_an_argument_of_a_public_module_is_evaluated(
    run: Run, tmp_path: Path, source: str, version: str, arguments: str, value: str, outcome: set[str]
) -> None:
    text = call(source, arguments.replace("VALUE", value), version) + PASSWORD
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    ran = run("check", "-f", "json", ".", "--select", "KV610", cwd=tmp_path)
    report = json.loads(ran.out)
    assert {one["outcome"] for one in [*report["findings"], *report["unknown"]]} == outcome
    assert "correct-horse" not in ran.out
