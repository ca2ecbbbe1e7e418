"""The built-in descriptions of public modules, compared with the modules themselves.

``python -m tests.stand_ins MODULE VERSION FOLDER``, with the source of the module in FOLDER, prints each difference.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

AVM = "Azure/avm-res-keyvault-vault/azurerm"
CLOUDNATION = "CloudNationHQ/kv/azure"

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
    CLOUDNATION: 'naming = {\nkey_vault_secret = "kvs"\n}',
}
VERSIONS = {AVM: "0.10.2", CLOUDNATION: "~> 4.0"}
IN_VAULT = 'vault = {{\nname = "kv-app"\nlocation = "w"\nresource_group_name = "rg"\n{}\n}}'


def call(source: str, arguments: str = "", version: str | None = None) -> str:
    """A root module that calls the module once, as ``kv``."""
    if source == CLOUDNATION and not arguments.startswith("vault"):
        arguments = IN_VAULT.format(arguments)
    version = VERSIONS[source] if version is None else version
    pinned = f'version = "{version}"' if version else ""
    return f'{HEAD}\nmodule "kv" {{\nsource = "{source}"\n{pinned}\n{NEEDED[source]}\n{arguments}\n}}\n'


PASSWORD = 'resource "random_password" "p" {\n  length = 24\n}\n'
# Each line is what one call passes. Every argument that can carry a secret, or a setting that a rule reads, is in one.
CASES: Mapping[str, str] = {
    AVM: """
sku_name = "standard"
purge_protection_enabled = false
purge_protection_enabled = var.flag
soft_delete_retention_days = 7
public_network_access_enabled = false
network_acls = {}
network_acls = null
network_acls = { default_action = "Allow", bypass = "AzureServices" }
network_acls = { ip_rules = ["0.0.0.0/0"] }
enabled_for_deployment = true; enabled_for_disk_encryption = true; enabled_for_template_deployment = true
legacy_access_policies_enabled = true; legacy_access_policies = { a = { object_id = "o", key_permissions = ["Purge"] } }
role_assignments = { a = { role_definition_id_or_name = "Owner", principal_id = "p" } }
lock = { kind = "CanNotDelete" }
diagnostic_settings = { d = { workspace_resource_id = var.text } }
diagnostic_settings = { d = { workspace_resource_id = var.text, log_groups = [] } }
keys = { k = { name = "k", key_type = "RSA", key_size = 1024 } }
keys = { k = { name = "k", key_type = "EC", curve = "P-256", expiration_date = "2030-01-01T00:00:00Z" } }
secrets = { s = { name = "s", content_type = "text" } }; secrets_value = { s = "Zx9!kd83Qpw7" }
secrets = { s = { name = "s" } }; secrets_value = { s = var.text }
secrets = { s = { name = "s" } }; secrets_value = { s = random_password.p.result }
secrets = { s = { name = "s", expiration_date = "2030-01-01T00:00:00Z" } }; secrets_value = var.text
""",
    CLOUDNATION: """
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
secrets = { predefined_string = { a = { value = "Zx9!kd83Qpw7" } } }
secrets = { predefined_string = { a = { value = var.text } } }
secrets = { predefined_string = { a = { value = random_password.p.result } } }
secrets = { predefined_string = { a = { name = "a" } } }
secrets = { random_string = { b = { length = 8, expiration_date = "2030-01-01T00:00:00Z", content_type = "text" } } }
secrets = { tls_keys = { a = { algorithm = "RSA" } } }
certs = { a = { subject = "CN=a", validity_in_months = 24, key_usage = [] } }
certs = { a = { subject = "CN=a", validity_in_months = 6, key_usage = [], issuer = "DigiCert" } }
admins = ["a", "b"]; soft_delete_retention_days = 7
enable_role_assignment = false; enabled_for_deployment = false; enabled_for_disk_encryption = false
vault = var.text
""",
}
# Releases of AVM from 0.11 have these inputs too.
WRITE_ONLY = """
secrets = { s = { name = "s" } }; secrets_value_wo = { s = "Zx9!kd83Qpw7" }; secrets_value_wo_version = { s = 1 }
secrets = { s = { name = "s" } }; secrets_value_wo = { s = var.text }; secrets_value_wo_version = { s = 1 }
"""


class Difference(NamedTuple):
    """What the description and the module say of one call, by rule."""

    arguments: str
    rule: str
    described: set[str]
    installed: set[str]


def differences(source: str, version: str, folder: Path, place: Path) -> Iterator[Difference]:
    """Check every case with the description and with the module in a folder; both are written below ``place``."""
    lines = CASES[source]
    if source == AVM and any("secrets_value_wo" in file.read_text("utf-8") for file in folder.glob("variables*.tf")):
        lines += WRITE_ONLY
    cases = [line for line in lines.splitlines() if line]
    texts = [call(source, line.replace("; ", "\n"), version) + PASSWORD for line in cases]
    described, installed = place / "described", place / "installed"
    for number, text in enumerate(texts):
        for kind in (described, installed):
            (kind / str(number)).mkdir(parents=True)
            (kind / str(number) / "main.tf").write_text(text, encoding="utf-8")
        modules = installed / str(number) / ".terraform" / "modules"
        shutil.copytree(folder, modules / "kv", ignore=shutil.ignore_patterns(".git", "examples", "tests"))
        entries = [{"Key": "kv", "Source": source, "Dir": ".terraform/modules/kv"}]
        (modules / "modules.json").write_text(json.dumps({"Modules": entries}), encoding="utf-8")
    one, other = outcomes(described, len(cases)), outcomes(installed, len(cases))
    for number, rule in sorted(one.keys() | other.keys()):
        first, second = one.get((number, rule), set()), other.get((number, rule), set())
        if first != second:
            yield Difference(cases[number], rule, first, second)


def outcomes(folder: Path, number: int) -> Mapping[tuple[int, str], set[str]]:
    """The outcomes of the rules for each case, whose addresses differ."""
    files = [f"{index}/main.tf" for index in range(number)]
    command = [sys.executable, "-m", "azkvlint", "check", "--isolated", "--as-of", "2026-01-15", "-f", "json", *files]
    report = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout)
    found: dict[tuple[int, str], set[str]] = {}
    for result in [*report["findings"], *report["unknown"]]:
        index = int(result["location"]["path"].partition("/")[0])
        found.setdefault((index, result["ruleId"]), set()).add(result["outcome"])
    return found


def main(source: str, version: str, folder: str) -> int:
    """Print the differences, and return the exit code."""
    with TemporaryDirectory() as place:
        found = list(differences(source, version, Path(folder), Path(place)))
    for one in found:
        print(f"{one.rule}: described {sorted(one.described)}, module {sorted(one.installed)}: {one.arguments}")  # noqa: T201
    print(f"{len(found)} differences")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
