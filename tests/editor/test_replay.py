"""Diagnostics after any edits are those of the command line on the same texts; see ``replay``."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

from azkvlint.editor.checks import CheckRequest, Checks
from azkvlint.util.file_tracker import editor_texts
from tests.editor import replay

pytestmark = pytest.mark.slow(8)

CASES = int(os.environ.get("KVLINT_REPLAYS", "8"))


@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_samples_have_the_results_of_a_new_run(number: int) -> None:
    assert replay.case(number, 7, replay.folders(None)) == ""


@pytest.mark.parametrize("number", range(CASES // 2))
def test_edits_through_the_protocol_have_the_results_of_a_new_run(number: int) -> None:
    assert replay.case(number, 8, replay.folders(None), by_protocol=True) == ""


@pytest.mark.skipif(not replay.CORPORA.is_dir(), reason="../shared/corpora is absent")
@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_corpora_have_the_results_of_a_new_run(number: int) -> None:
    assert replay.case(number, 7, replay.folders(replay.CORPORA)) == ""


MODULE = """
variable "days" { default = 90 }
variable "names" { default = ["a", "b"] }
locals { tags = { team = "platform" } }
resource "azurerm_key_vault" "main" {
  for_each                   = toset(var.names)
  name                       = "kv-${each.key}"
  soft_delete_retention_days = var.days
  purge_protection_enabled   = false
  network_acls {
    default_action = "Allow"
    bypass         = "None"
  }
  tags = local.tags
}
resource "azurerm_key_vault_secret" "password" {
  name         = "password"
  value        = "hunter2-${local.tags.team}"
  key_vault_id = azurerm_key_vault.main["a"].id
}
"""
OVERRIDE = """
variable "days" { default = 7 }
resource "azurerm_key_vault" "main" {
  purge_protection_enabled = true
  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
  }
}
"""
VALUES = """
names = ["a", "c"]
"""


@pytest.mark.parametrize("seed", range(4))
def test_edits_of_overrides_have_the_results_of_a_new_run(seed: int, tmp_path: Path) -> None:
    """Files whose contents are merged, with texts on the disk and in the editor."""
    files = [("main.tf", MODULE), ("main_override.tf", OVERRIDE), ("terraform.tfvars", VALUES)]
    rng = random.Random(seed)  # noqa: S311  # edits are random, and repeatable
    workspace = replay.Workspace(tmp_path, [(name, text.encode()) for name, text in files], rng)
    for number in range(12):
        workspace.edit()
        assert workspace.difference() == "", number


def test_change_on_the_disk_has_the_results_of_a_new_run(tmp_path: Path) -> None:
    """The content of a file is kept between checks until its state changes."""
    rng = random.Random(1)  # noqa: S311  # only the encoding is random
    workspace = replay.Workspace(tmp_path, [("main.tf", MODULE.encode()), ("b.tf", b"# nothing")], rng)
    assert workspace.difference() == ""
    for text in (MODULE.replace("false", "true "), MODULE, "# nothing"):
        (workspace.folder / "main.tf").write_text(text)
        assert workspace.difference() == ""


CHOICES = {
    "variables.tf": (
        'variable "location" {\n  default = "westeurope"\n}\n',
        'variable "location" {\n  default = "northeurope"\n}\n',
        'variable "location" {\n  default   = "westeurope"\n  sensitive = true\n}\n',
        'variable "location" {}\n',
        'variable "place" {}\n',
    ),
    "locals.tf": (
        "locals {\n  group = azurerm_resource_group.main.name\n  bypass = true\n}\n",
        "locals {\n  group = var.location\n  bypass = false\n}\n",
        'locals {\n  group = file("name.txt")\n  bypass = local.bypass\n}\n',
        "locals {\n  bypass = [azurerm_resource_group.main\n}\n",
        "",
    ),
    "group.tf": (
        'resource "azurerm_resource_group" "main" {\n  name     = "rg"\n  location = var.location\n}\n',
        '\nresource "azurerm_resource_group" "main" {\n  name     = var.missing\n  location = local.missing\n}\n',
        'resource "azurerm_resource_group" "main" {\n  count    = 2\n  name     = "rg"\n  location = "a"\n}\n',
        """
resource "azurerm_resource_group" "main" {
  for_each = var.location == "westeurope" ? toset(["a"]) : toset(["a", "b"])
  name     = "rg-${each.key}"
  location = "northeurope"
}
""",
        'resource "azurerm_resource_group" "main" {\n  name = "rg" +\n  location = azurerm_storage_account.main\n}\n',
        'data "azurerm_resource_group" "main" {\n  name = "rg"\n}\n',
        "",
    ),
    "main.tf": (
        """
resource "azurerm_key_vault" "main" {
  name                = "kv"
  location            = azurerm_resource_group.main.location
  resource_group_name = local.group
}
""",
        """
resource "azurerm_key_vault" "main" {
  name                = "kv-${var.location}"
  location            = var.location
  resource_group_name = azurerm_resource_group.main.name
  network_acls {
    default_action = "Deny"
    bypass         = local.bypass ? "AzureServices" : "None"
  }
}
""",
        "",
    ),
    # Read before what it refers to, in the order of the names of files.
    "a.tf": (
        """
resource "azurerm_storage_account" "main" {
  name                = "st"
  location            = local.missing
  resource_group_name = local.group
}
resource "azurerm_private_endpoint" "main" {
  name                = "pe"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  subnet_id           = local.missing
  private_service_connection {
    name                           = "vault"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.main.id
    subresource_names              = ["vault"]
  }
}
resource "azurerm_monitor_diagnostic_setting" "main" {
  name                       = "audit"
  target_resource_id         = azurerm_key_vault.main.id
  log_analytics_workspace_id = module.logs.id
  enabled_log {
    category_group = local.bypass ? "audit" : "allLogs"
  }
}
resource "azurerm_role_assignment" "main" {
  scope                = azurerm_key_vault.main.id
  role_definition_name = var.location == "westeurope" ? "Owner" : "Key Vault Administrator"
  principal_id         = azurerm_user_assigned_identity.main.principal_id
}
resource "azurerm_role_assignment" "group" {
  scope                = azurerm_resource_group.main.id
  role_definition_name = "Owner"
  principal_id         = local.group
}
resource "azurerm_user_assigned_identity" "main" {
  name                = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_storage_account.main.resource_group_name
}
resource "azurerm_role_assignment" "each" {
  scope                = azurerm_key_vault.main.id
  role_definition_name = azurerm_resource_group.main["b"].location == "northeurope" ? "Owner" : "Reader"
  principal_id         = azurerm_resource_group.main["a"].name
}
resource "azurerm_key_vault_key" "copy" {
  name         = "copy"
  key_vault_id = azurerm_key_vault.main.id
  key_type     = azurerm_key_vault_key.first.key_type
  key_size     = azurerm_key_vault_key.first.key_size
  key_opts     = ["sign"]
}
resource "azurerm_role_assignment" "self" {
  scope                = local.scope
  role_definition_name = "Owner"
  principal_id         = local.self
}
resource "azurerm_role_assignment" "module" {
  scope                = azurerm_key_vault.main.id
  role_definition_name = module.logs.id
  principal_id         = module.logs.id
}
""",
    ),
    "key.tf": (
        """
resource "azurerm_key_vault_key" "first" {
  name         = "first"
  key_vault_id = azurerm_key_vault.main.id
  key_type     = var.location == "westeurope" ? "RSA" : "RSA-HSM"
  key_size     = local.bypass ? 1024 : 4096
  key_opts     = ["sign"]
}
""",
        'resource "azurerm_key_vault_key" "first" {\n  key_type = "RSA"\n  key_size = local.size\n}\n',
    ),
    "more.tf": (
        "locals {\n  self = azurerm_role_assignment.self.principal_id\n  scope = azapi_resource.v.id\n}\n",
        "locals {\n  self = var.location\n  size = local.self\n  scope = azurerm_resource_group.main.id\n}\n",
        "locals {\n  self = 1\n  size = azurerm_key_vault_key.copy.key_size\n}\n",
        'resource "azapi_resource" "v" {\n  type = "Microsoft.Management/managementGroups@2023-07-01"\n}\n',
    ),
    "module.tf": (
        'module "logs" {\n  source = "./logs"\n  name   = local.group\n}\n',
        'module "logs" {\n  source = "./other"\n}\n',
        "",
    ),
    "logs/main.tf": (
        'variable "name" {}\noutput "id" {\n  value = var.name\n}\n',
        'variable "name" {}\noutput "id" {\n  value = "a-${var.name}"\n}\n',
        "",
    ),
    "provider.tf": (
        'provider "azurerm" {\n  features {}\n}\n',
        'provider "azurerm" {\n  alias = "other"\n  features {}\n}\n',
        'terraform {\n  required_providers {\n    azurerm = {\n      version = "= 3.0.0"\n    }\n  }\n}\n',
        "",
    ),
    "terraform.tfvars": ("", 'location = "uksouth"\n', 'location = "westeurope"\n'),
}


@pytest.mark.parametrize("seed", range(2 * CASES))
def test_changed_references_have_the_results_of_a_new_run(seed: int, tmp_path: Path) -> None:
    """What is kept of a text does not depend on any other text."""
    rng = random.Random(seed)  # noqa: S311  # edits are random, and repeatable
    files = [(name, rng.choice(texts).encode()) for name, texts in CHOICES.items()]
    workspace = replay.Workspace(tmp_path, files, rng)
    for number in range(12):
        for name in rng.sample(sorted(CHOICES), rng.choice((1, 1, 2))):
            workspace.hold(workspace.folder / name, rng.choice(CHOICES[name]))
        assert workspace.difference() == "", number


VAULT = 'resource "azurerm_key_vault" "main" {\n  name = "kv"\n  location = "a"\n  resource_group_name = "rg"\n}\n'
KEY = """
resource "azurerm_key_vault_key" "{}" {{
  name         = "{}"
  key_vault_id = azurerm_key_vault.main.id
  key_type     = "RSA"
  key_opts     = ["sign"]
  {}
}}
"""
GRANT = """
resource "azurerm_role_assignment" "x" {{
  scope                = {}
  role_definition_name = "Owner"
  principal_id         = {}
}}
"""
SETTING = """
resource "azurerm_monitor_diagnostic_setting" "main" {
  name                       = "audit-${local.e}"
  target_resource_id         = azurerm_key_vault.main.id
  log_analytics_workspace_id = "b"
  log {
    category_group = "audit"
    enabled        = local.e
  }
}
"""
GROUP = (
    'resource "azapi_resource" "v" {\n  type = "Microsoft.Management/managementGroups@2023-07-01"\n  name = "g"\n}\n'
)
SEQUENCES = {
    "a value that was read before": (
        {
            "main.tf": VAULT,
            "a.tf": KEY.format("copy", "copy", "key_size = azurerm_key_vault_key.first.key_size"),
            "b.tf": KEY.format("first", "first", "key_size = var.size"),
            "v.tf": 'variable "size" {\n  default = 4096\n}\n',
        },
        [{"v.tf": 'variable "size" {\n  default = 1024\n}\n'}],
    ),
    "a value of another type": (
        {"main.tf": VAULT, "s.tf": SETTING, "l.tf": "locals {\n  e = true\n}\n"},
        [{"l.tf": "locals {\n  e = 1.00\n}\n"}, {"l.tf": "locals {\n  e = true\n}\n"}],
    ),
    "a declaration that refers to itself": (
        {
            "main.tf": VAULT,
            "ra.tf": GRANT.format("azurerm_key_vault.main.id", "local.p"),
            "l.tf": "locals {\n  p = azurerm_role_assignment.x.principal_id\n}\n",
        },
        [{"main.tf": VAULT + "# a\n"}, {"main.tf": VAULT}],
    ),
    "a fault in tags": (
        {"main.tf": VAULT, "k.tf": KEY.format("k", "k", "tags = { a = }")},
        [{"main.tf": VAULT + "# a\n"}, {"main.tf": VAULT}],
    ),
    "the type of an azapi resource": (
        {
            "main.tf": VAULT,
            "az.tf": GROUP,
            "l.tf": "locals {\n  s = azapi_resource.v.id\n}\n",
            "ra.tf": GRANT.format("local.s", '"a"'),
        },
        [{"az.tf": GROUP.replace("Management/managementGroups@", "Resources/deployments@")}, {"az.tf": GROUP}],
    ),
    "more work than the input may cause": (
        {
            "main.tf": VAULT,
            "l.tf": f"locals {{\n  names = {[f'k{n}' for n in range(4000)]}\n}}\n".replace("'", '"'),
            "k.tf": "".join(KEY.format(f"k{n}", f"k{n}", "").replace('["sign"]', "local.names") for n in range(130)),
            "x.tf": "# a\n",
        },
        [{"x.tf": "# b\n"}, {"x.tf": "# c\n"}, {"x.tf": "# d\n"}],
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_of_edits_have_the_results_of_a_new_run(name: str, tmp_path: Path) -> None:
    files, edits = SEQUENCES[name]
    rng = random.Random(1)  # noqa: S311  # only the encoding is random
    workspace = replay.Workspace(tmp_path, [(file, text.encode()) for file, text in files.items()], rng)
    assert workspace.difference() == ""
    for texts in edits:
        for file, text in texts.items():
            workspace.hold(workspace.folder / file, text)
        assert workspace.difference() == ""


def test_byte_order_mark_on_the_disk_has_the_results_of_a_new_run(tmp_path: Path) -> None:
    rng = random.Random(1)  # noqa: S311  # only the encoding is random
    workspace = replay.Workspace(tmp_path, [("main.tf", VAULT.encode())], rng)
    for data in (VAULT.encode(), b"\xef\xbb\xbf" + VAULT.encode(), VAULT.encode()):
        (workspace.folder / "main.tf").write_bytes(data)
        assert workspace.difference() == ""


def _holding_nothing(checks: Checks, request: CheckRequest) -> None:
    checks._request = request
    editor_texts().clear()


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay fails if checks do not see the texts of the editor."""
    monkeypatch.setattr(Checks, "hold", _holding_nothing)
    found = replay.folders(None)
    assert any(replay.case(number, 7, found) for number in range(8))
