"""Well-known modules of the registry that are not installed: what their inputs amount to, and what is left open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from azkvlint.readers.terraform.sources import _SPANS, KnownModule, _folder, well_known
from azkvlint.syntax.hcl.parse import Body
from tests.conftest import Run

CORPORA = Path(__file__).parents[4] / "shared" / "corpora" / "tf"

AVM = "Azure/avm-res-keyvault-vault/azurerm"
CLARANET = "claranet/keyvault/azurerm"
CLOUDNATION = "CloudNationHQ/kv/azure"
LIBRE = "libre-devops/keyvault/azurerm"

HEAD = """
terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.42"
    }
  }
  backend "local" {}
}
variable "text" {}
variable "flag" {
  type = bool
}
"""
# What each module cannot do without.
NEEDED = {
    AVM: 'name = "kv-app"\nlocation = "w"\nresource_group_name = "rg"\ntenant_id = var.text',
    CLARANET: 'client_name = "c"\nenvironment = "e"\nstack = "s"\nresource_group_name = "rg"\nlocation = "w"\n'
    'location_short = "w"\nlogs_destinations_ids = []',
    CLOUDNATION: 'naming = {\nkey_vault_secret = "kvs"\n}',
    LIBRE: 'location = "w"\nresource_group_id = var.text',
}
# What the tables of the modules can answer.
ASKED = ",".join(
    f"KV{number:03}"
    for number in (
        *range(1, 7), *range(101, 105), 116, 201, 202, *range(301, 308), *range(401, 405), *range(501, 504),
        601, 602, 701, *range(801, 804),
    )
)  # fmt: skip
VERSIONS = {AVM: "0.10.2", CLARANET: "8.1.0", CLOUDNATION: "~> 4.0", LIBRE: "4.0.0"}
IN_VAULT = 'vault = {{\nname = "kv-app"\nlocation = "w"\nresource_group_name = "rg"\n{}\n}}'
IN_VAULTS = "key_vaults = {{\nkv1 = {{\n{}\n}}\n}}"


def call(source: str, arguments: str = "", version: str | None = None) -> str:
    """A root module that calls the module once, as ``kv``."""
    if source == CLOUDNATION and not arguments.startswith("vault"):
        arguments = IN_VAULT.format(arguments)
    if source == LIBRE and not arguments.startswith("key_vaults"):
        arguments = IN_VAULTS.format(arguments)
    version = VERSIONS[source] if version is None else version
    pinned = f'version = "{version}"' if version else ""
    return f'{HEAD}\nmodule "kv" {{\nsource = "{source}"\n{pinned}\n{NEEDED[source]}\n{arguments}\n}}\n'


class Told(NamedTuple):
    """What a report says: outcomes by rule, the lines of text that each is told at, and its problems."""

    outcomes: Mapping[str, set[str]]
    lines: Mapping[str, set[str]]
    problems: Sequence[tuple[str, str]]
    passed: int


Check = Callable[[str], Told]


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Check:
    """Checks a root module that is this text."""
    folder = tmp_path / "project"
    folder.mkdir()

    def checked(text: str) -> Told:
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
        return Told(outcomes, lines, problems, report["summary"]["passed"])

    return checked


@pytest.mark.parametrize(
    ("source", "failed", "unknown"),
    [
        (AVM, {"KV103", "KV116", "KV201"}, set()),
        (CLARANET, {"KV003", "KV103", "KV116", "KV201"}, {"KV301"}),
        (CLOUDNATION, {"KV101", "KV103", "KV201", "KV303"}, set()),
        (LIBRE, {"KV103", "KV201"}, set()),
    ],
)
def test_what_a_module_does_by_itself(check: Check, source: str, failed: set[str], unknown: set[str]) -> None:
    told = check(call(source))
    assert {rule for rule, outcomes in told.outcomes.items() if outcomes == {"fail"}} == failed
    assert {rule for rule, outcomes in told.outcomes.items() if outcomes == {"unknown"}} == unknown
    assert told.problems == []
    assert told.passed > 8
    assert all(lines == {'module "kv" {'} for rule, lines in told.lines.items() if rule not in unknown)


@pytest.mark.parametrize("rbac", ["true", "false"])
def test_only_what_its_releases_differ_in_is_left_open(check: Check, rbac: str) -> None:
    told = check(call(CLARANET, f"rbac_authorization_enabled = {rbac}"))
    assert told.outcomes.get("KV301") == (None if rbac == "true" else {"fail"})


OFF = (
    (AVM, "{}", "purge_protection_enabled = false", "KV001"),
    (AVM, "{}", "soft_delete_retention_days = 7", "KV003"),
    (AVM, "{}", "enabled_for_deployment = true", "KV303"),
    (AVM, "network_acls = {{\n{}\n}}", 'default_action = "Allow"', "KV101"),
    (AVM, "network_acls = {{\n{}\n}}", 'ip_rules = ["0.0.0.0/0"]', "KV101"),
    (AVM, 'keys = {{\na = {{\nname = "a"\nkey_type = "RSA"\n{}\n}}\n}}', "key_size = 1024", "KV503"),
    (CLARANET, "{}", "purge_protection_enabled = false", "KV001"),
    (CLARANET, "{}", "rbac_authorization_enabled = false", "KV301"),
    (CLARANET, "{}", "enabled_for_disk_encryption = true", "KV303"),
    (CLARANET, "managed_hardware_security_module_enabled = true\n{}", "purge_protection_enabled = false", "KV801"),
    (CLOUDNATION, "{}", "purge_protection_enabled = false", "KV001"),
    (CLOUDNATION, "{}", "enable_rbac_authorization = false", "KV301"),
    (CLOUDNATION, "{}", "soft_delete_retention_days = 7", "KV003"),
    (CLOUDNATION, 'keys = {{\na = {{\nkey_type = "RSA"\n{}\n}}\n}}', "key_size = 1024", "KV503"),
    (LIBRE, "{}", "purge_protection_enabled = false", "KV001"),
    (LIBRE, "{}", "rbac_authorization_enabled = false", "KV301"),
    (LIBRE, "network_acls = {{\n{}\n}}", 'default_action = "Allow"', "KV101"),
)


@pytest.mark.parametrize(("source", "around", "written", "rule"), OFF)
def test_what_turns_a_protection_off_is_told_where_it_is_written(
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
        (CLARANET, "purge_protection_enabled = var.flag", {"KV001"}),
        (CLARANET, "public_network_access_enabled = true\nnetwork_acls = var.text", {"KV101"}),
        (CLOUDNATION, "purge_protection_enabled = var.flag", {"KV001"}),
        (CLOUDNATION, "network_acls = var.text", {"KV101"}),
        (CLOUDNATION, "vault = var.text", {"KV001", "KV101", "KV301", "KV303"}),
        (LIBRE, "purge_protection_enabled = var.flag", {"KV001"}),
        (LIBRE, "key_vaults = var.text", {"KV001", "KV101", "KV301", "KV303"}),
    ],
)
def test_an_unknown_input_is_no_answer(check: Check, source: str, arguments: str, rules: set[str]) -> None:
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
def test_a_firewall_of_null(check: Check, version: str, outcome: str) -> None:
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


def test_logs_of_a_nested_module_are_left_open(check: Check) -> None:
    text = call(CLARANET).replace("logs_destinations_ids = []", "logs_destinations_ids = [var.text]")
    told = check(text)
    assert "KV201" not in told.outcomes
    assert told.outcomes["KV202"] == {"unknown"}


def test_a_private_endpoint_leads_to_the_vault(check: Check) -> None:
    told = check(call(AVM, "private_endpoints = {\na = {\nsubnet_resource_id = var.text\n}\n}"))
    assert "KV103" not in told.outcomes


def test_grants_are_judged(check: Check) -> None:
    grant = '{\na = {\nrole_definition_id_or_name = "Owner"\nprincipal_id = var.text\n}\n}'
    keys = f'keys = {{\nk = {{\nname = "k"\nkey_type = "EC"\nrole_assignments = {grant}\n}}\n}}'
    policies = (
        "legacy_access_policies_enabled = true\nlegacy_access_policies = {\na = {\n"
        'object_id = "0"\nsecret_permissions = ["Get", "Purge"]\n}\n}'
    )
    told = check(call(AVM, f"role_assignments = {grant}\n{policies}\n{keys}"))
    assert {"KV301", "KV302", "KV403"} <= set(told.outcomes)
    assert told.problems == []


def test_outputs_lead_to_what_the_module_makes(check: Check) -> None:
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
        (CLARANET, "module.kv.id"),
        (CLOUDNATION, "module.kv.vault.id"),
        (LIBRE, 'module.kv.ids["kv1"]'),
    ):
        told = check(call(source) + setting.format(output))
        assert not {"KV201", "KV202"} & set(told.outcomes), source


def test_a_release_that_is_not_known_has_no_defaults(check: Check) -> None:
    told = check(call(AVM, "enabled_for_deployment = true", version="~> 0.9"))
    assert told.outcomes["KV303"] == {"fail"}
    assert {told.outcomes[rule] == {"unknown"} for rule in ("KV001", "KV101", "KV103", "KV201", "KV301")} == {True}
    assert told.problems == [("note", "the version of module `kv` is unknown, so its defaults are unknown")]


@pytest.mark.parametrize(
    ("source", "version"),
    [(AVM, ""), (AVM, ">= 0.3.0"), (AVM, "0.4.0"), (AVM, "1.0.0"), (CLARANET, "7.5.0"), (CLARANET, "x.x.x")],
)
def test_a_version_that_is_not_known_is_said(check: Check, source: str, version: str) -> None:
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
        (CLARANET, "8.2.1", True),
        (CLARANET, "~> 8.1.0", True),
        (CLARANET, "~> 8.0", False),
        (CLARANET, "9.0.0", None),
        (CLOUDNATION, "4.3.0", True),
        (CLOUDNATION, "~> 4.1", True),
        (CLOUDNATION, "~> 3.0", None),
        (CLOUDNATION, "5.0.0", None),
        (LIBRE, "4.0.2", True),
        (LIBRE, "~> 4.0", False),
        (LIBRE, "3.0.0", None),
        ("aztfmod/caf/azurerm", "5.7.0", None),
    ],
)
def test_for_which_versions_a_table_holds(source: str, constraint: object, is_read: bool | None) -> None:
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


def test_the_same_module_is_kept_apart_by_release(check: Check) -> None:
    read, unread = call(AVM), call(AVM, version="~> 0.9").replace(HEAD, "").replace('"kv"', '"other"', 1)
    told = check(read + unread)
    assert told.outcomes["KV001"] == {"unknown"}
    assert told.passed > 8


CASES: Mapping[str, tuple[str, str]] = {
    # Each line is what one call gives.
    CLARANET: (
        "claranet-keyvault",
        """
tenant_id = ""
purge_protection_enabled = false
purge_protection_enabled = var.flag
network_acls = null; public_network_access_enabled = true
network_acls = { default_action = "Allow" }; public_network_access_enabled = true
network_acls = { ip_rules = ["0.0.0.0/0"] }; public_network_access_enabled = true
rbac_authorization_enabled = false; admin_objects_ids = ["a", "b"]; reader_objects_ids = ["r"]
rbac_authorization_enabled = true; admin_objects_ids = ["a", "b"]; reader_objects_ids = ["r"]
rbac_authorization_enabled = var.flag; admin_objects_ids = [var.text]
managed_hardware_security_module_enabled = true; admin_objects_ids = ["a"]
managed_hardware_security_module_enabled = true; purge_protection_enabled = false; network_acls = null
managed_hardware_security_module_enabled = var.flag
soft_delete_retention_days = 90; enabled_for_deployment = true; enabled_for_disk_encryption = var.flag
""",
    ),
    CLOUDNATION: (
        "cloudnationhq-kv",
        """
sku_name = "premium"
purge_protection_enabled = false
purge_protection_enabled = var.flag
network_acls = {}
network_acls = { default_action = "Allow" }; public_network_access_enabled = false
enable_rbac_authorization = false; access_policies = { a = { secret_permissions = ["all"] } }
enable_rbac_authorization = false; access_policies = { a = { storage_permissions = ["all"], object_id = "a" } }
enable_rbac_authorization = false; access_policies = { a = { key_permissions = ["Get"] } }
keys = { a = { key_type = "RSA", key_size = 1024, key_opts = ["sign"] } }
keys = { a = { key_type = "EC", rotation_policy = { automatic = { time_before_expiry = "P1D" } } } }
keys = { a = { key_type = "EC", rotation_policy = { expire_after = "P9D" } } }
secrets = { predefined_string = { a = { value = "v" } } }
secrets = { random_string = { b = { length = 8, expiration_date = "2030-01-01T00:00:00Z", content_type = "text" } } }
secrets = { tls_keys = { a = { algorithm = "RSA" } } }
certs = { a = { subject = "CN=a", validity_in_months = 24, key_usage = [] } }
certs = { a = { subject = "CN=a", validity_in_months = 6, key_usage = [], issuer = "DigiCert" } }
admins = ["a", "b"]; soft_delete_retention_days = 7
enable_role_assignment = false; enabled_for_deployment = false; enabled_for_disk_encryption = false
vault = var.text
""",
    ),
    LIBRE: (
        "libre-devops-keyvault",
        """
key_vaults = {}
sku_name = "premium"
purge_protection_enabled = false
purge_protection_enabled = var.flag
network_acls = null
network_acls = { default_action = "Allow" }
network_acls = { bypass = "None", ip_rules = ["0.0.0.0/0"] }
rbac_authorization_enabled = false; access_policies = [{ object_id = "a", key_permissions = ["Purge"] }]
rbac_authorization_enabled = var.flag; access_policies = [{ object_id = "a" }]
soft_delete_retention_days = 7; public_network_access_enabled = false
enabled_for_deployment = true; enabled_for_template_deployment = true
key_vaults = var.text
""",
    ),
}
# The table leaves open in which release claranet changed it.
# What CloudNation's module calls its keys, and when it renews certificates, is not in its table.
OPEN = {CLARANET: {"KV301"}, CLOUDNATION: {"KV513", "KV603", "KV610", "KV611", "KV615", "KV702", "KV704", "KV716"}}


@pytest.mark.parametrize("source", CASES)
def test_a_table_says_what_the_module_itself_says(run: Run, tmp_path: Path, source: str) -> None:
    folder, lines = CASES[source]
    cases = [line.replace("; ", "\n") for line in lines.splitlines() if line]
    if not (CORPORA / folder).is_dir():
        pytest.skip("../shared/corpora is not here")
    manifest = {"Modules": [{"Key": "kv", "Source": source, "Dir": ".terraform/modules/kv"}]}

    def outcomes(kind: str) -> Mapping[tuple[str, str, str], str]:
        for number, arguments in enumerate(cases):
            place = tmp_path / kind / str(number)
            place.mkdir(parents=True)
            (place / "main.tf").write_text(call(source, arguments), encoding="utf-8")
            if kind == "installed":
                shutil.copytree(CORPORA / folder, place / ".terraform" / "modules" / "kv")
                (place / ".terraform" / "modules" / "modules.json").write_text(json.dumps(manifest), encoding="utf-8")
        files = [f"{number}/main.tf" for number in range(len(cases))]
        report: dict[str, Any] = json.loads(run("check", "-f", "json", *files, cwd=tmp_path / kind).out)
        return {
            (result["location"]["path"], result["ruleId"], occurrence["resource"]): result["outcome"]
            for result in [*report["findings"], *report["unknown"]]
            for occurrence in result["occurrences"]
        }

    table, real = outcomes("table"), outcomes("installed")
    assert "fail" in real.values()
    assert sum(outcome == "fail" for outcome in table.values()) > len(cases)
    differ = [key for key in {**table, **real} if real.get(key) not in ("unknown", table.get(key))]
    assert {key[1] for key in differ} <= OPEN.get(source, set())
    # CloudNation's table makes no issuers, so nobody is asked for their passwords.
    assert {key[1] for key in differ if table.get(key) != "unknown"} <= {"KV301", "KV716"}
    if source not in OPEN:  # of Claranet's a part, by another author, is not installed
        assert table == real
