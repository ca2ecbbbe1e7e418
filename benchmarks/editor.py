"""Measure the time from an edit to its diagnostics in a Terraform root of many files, and compare it with the bar.

    python benchmarks/editor.py [--files 200] [--edits 200] [--vaults 50] [--profile]

Each edit is one of those that people make: a value changes, a line or a block is added or removed, a block is not
closed for a moment. The CPU time of a check in this process is measured, without the pause after a change and the
collection of garbage after a check, and then the wall time in a session, with both. The exit code is 1 if the 95th
percentile of the CPU time exceeds the bar. ``--profile`` prints where the time is spent.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, cast

from azkvlint.cli.lsp import configure
from azkvlint.editor.checks import CheckRequest, Checks, OpenDocument, collect_garbage
from azkvlint.editor.settings import EditorSettings

BAR = 0.150
VAULT = """
resource "azurerm_key_vault" "v{n}" {{
  name                       = "kv-${{var.environment}}-{n}"
  location                   = var.location
  resource_group_name        = azurerm_resource_group.g{n}.name
  tenant_id                  = local.tenant
  sku_name                   = "standard"
  soft_delete_retention_days = 90
  purge_protection_enabled   = {purge}
  enable_rbac_authorization  = true

  network_acls {{
    default_action = "Deny"
    bypass         = "AzureServices"
    ip_rules       = var.office_addresses
  }}

  tags = merge(local.tags, {{ part = "{n}" }})
}}

resource "azurerm_key_vault_secret" "password{n}" {{
  name            = "password"
  value           = var.passwords["{n}"]
  key_vault_id    = azurerm_key_vault.v{n}.id
  content_type    = "text/plain"
  expiration_date = "2027-03-01T00:00:00Z"
}}

resource "azurerm_key_vault_key" "key{n}" {{
  name         = "key"
  key_vault_id = azurerm_key_vault.v{n}.id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["wrapKey", "unwrapKey"]
}}

resource "azurerm_private_endpoint" "e{n}" {{
  name                = "pe-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name
  subnet_id           = var.subnet_id

  private_service_connection {{
    name                           = "vault"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.v{n}.id
    subresource_names              = ["vault"]
  }}
}}

resource "azurerm_monitor_diagnostic_setting" "d{n}" {{
  name                       = "audit"
  target_resource_id         = azurerm_key_vault.v{n}.id
  log_analytics_workspace_id = var.workspace_id

  enabled_log {{
    category_group = "audit"
  }}
}}

resource "azurerm_role_assignment" "r{n}" {{
  scope                = azurerm_key_vault.v{n}.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.i{n}.principal_id
}}
"""
OTHER = """
resource "azurerm_resource_group" "g{n}" {{
  name     = "rg-{n}"
  location = var.location
  tags     = local.tags
}}

resource "azurerm_user_assigned_identity" "i{n}" {{
  name                = "id-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name
}}

resource "azurerm_network_security_group" "n{n}" {{
  name                = "nsg-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name

  dynamic "security_rule" {{
    for_each = {{ web = 443, data = 1433 }}
    content {{
      name                       = security_rule.key
      priority                   = 100 + length(security_rule.key)
      direction                  = "Inbound"
      access                     = "Allow"
      protocol                   = "Tcp"
      source_port_range          = "*"
      destination_port_range     = security_rule.value
      source_address_prefix      = cidrsubnet("10.0.0.0/8", 8, {n})
      destination_address_prefix = "*"
    }}
  }}
}}

resource "azurerm_storage_account" "s{n}" {{
  name                     = "st{n}"
  location                 = var.location
  resource_group_name      = azurerm_resource_group.g{n}.name
  account_tier             = "Standard"
  account_replication_type = "ZRS"
  min_tls_version          = "TLS1_2"
}}
"""
COMMON = """
variable "environment" { default = "dev" }
variable "location" { default = "westeurope" }
variable "office_addresses" { default = ["198.51.100.7"] }
variable "subnet_id" {}
variable "workspace_id" {}
variable "passwords" {
  type      = map(string)
  sensitive = true
}
locals {
  tenant = "00000000-0000-0000-0000-000000000000"
  tags   = { team = "platform", environment = var.environment }
}
"""


def write(folder: Path, files: int, vaults: int) -> list[Path]:
    """Write a root module, and return its files that are edited."""
    (folder / ".git").mkdir(parents=True)
    (folder / "main.tf").write_text(COMMON)
    written = []
    for number in range(files - 1):
        has_vault = number * vaults // (files - 1) != (number + 1) * vaults // (files - 1)
        text = OTHER.format(n=number) + (VAULT.format(n=number, purge="true") if has_vault else "")
        file = folder / f"part{number:03}.tf"
        file.write_text(text)
        if has_vault:
            written.append(file)
    return written


def edited(text: str, rng: random.Random) -> str:
    """Return a text after an edit."""
    lines = text.split("\n")
    kind = rng.randrange(5)
    if kind == 0:
        swap = {"= true": "= false", "= false": "= true"}
        at = [index for index, line in enumerate(lines) if "purge_protection_enabled" in line]
        for index in at[:1]:
            found = next((word for word in swap if word in lines[index]), "")
            lines[index] = lines[index].replace(found, swap.get(found, ""))
    elif kind == 1:
        lines.insert(rng.randrange(len(lines)), "")
    elif kind == 2:
        lines.insert(rng.randrange(len(lines)), "# a comment")
    elif kind == 3:
        lines[rng.randrange(len(lines))] += " {"
    else:
        found_at = [index for index, line in enumerate(lines) if line.endswith(" {") and not line.startswith("res")]
        for index in found_at[:1]:
            lines[index] = lines[index].removesuffix(" {")
    return "\n".join(lines)


class Session:
    """A language server in a process of its own, with one open document."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._file = file
        self._server = subprocess.Popen(
            [sys.executable, "-m", "azkvlint", "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        folders = [{"uri": folder.as_uri(), "name": "root"}]
        self._send("initialize", {"processId": None, "capabilities": {}, "workspaceFolders": folders}, id_=1)
        self._receive(lambda message: message.get("id") == 1)
        self._send("initialized", {})
        document = {"uri": file.as_uri(), "languageId": "terraform", "version": 0, "text": file.read_text()}
        self._send("textDocument/didOpen", {"textDocument": document})
        self._wait(0)

    def change(self, version: int, text: str) -> float:
        """Replace the text, and return the seconds until its diagnostics arrive."""
        start = time.perf_counter()
        document = {"uri": self._file.as_uri(), "version": version}
        self._send("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        self._wait(version)
        return time.perf_counter() - start

    def close(self) -> None:
        """End the server."""
        self._server.communicate()

    def _wait(self, version: int) -> None:
        self._receive(lambda message: message.get("params", {}).get("version") == version)

    def _send(self, method: str, params: dict[str, Any], id_: int = 0) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": id_} if id_ else {})
        body = json.dumps(message).encode()
        stream = cast("IO[bytes]", self._server.stdin)
        stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        stream.flush()

    def _receive(self, is_wanted: Callable[[dict[str, Any]], bool]) -> None:
        stream = cast("IO[bytes]", self._server.stdout)
        while True:
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name == b"Content-Length" else length
            if is_wanted(json.loads(stream.read(length))):
                return


def session(folder: Path, file: Path, edits: int, rng: random.Random) -> list[float]:
    """Return the wall times of edits in a session, each with everything between the editor and its diagnostics."""
    one = Session(folder, file)
    text, times = file.read_text(), []
    for number in range(1, edits + 1):
        text = file.read_text() if rng.random() < 0.2 else edited(text, rng)
        times.append(one.change(number, text))
    one.close()
    return times


def report(name: str, times: Sequence[float]) -> float:
    """Print the percentiles of some times, and return the 95th."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    figures = {"least": ordered[0], "median": statistics.median(ordered), "p95": p95, "most": ordered[-1]}
    print(f"{name:30} {', '.join(f'{word} {figure:.3f} s' for word, figure in figures.items())}", flush=True)
    return p95


def main() -> int:
    """Measure, print the percentiles, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--vaults", type=int, default=50)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # edits are random, and repeatable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "root"
        files = write(folder, options.files, options.vaults)
        checks = Checks(configure, "utf-16")
        documents: dict[str, OpenDocument] = {}
        profile = cProfile.Profile()
        times: list[float] = []
        for number in range(options.edits + 1):
            if number:
                file = rng.choice(files[:3])
                before = documents.get(str(file))
                original = file.read_text()
                text = original if before is None else before.text
                text = original if rng.random() < 0.2 else edited(text, rng)
                documents[str(file)] = OpenDocument(file.as_uri(), number, text, text.encode())
            request = CheckRequest(folders=(str(folder),), documents=dict(documents), settings=EditorSettings())
            start = time.process_time()
            if options.profile and number > 1:
                profile.enable()
            outcome = checks.check(request)
            profile.disable()
            times.append(time.process_time() - start)
            collect_garbage()
        first, times = times[0], times[1:]
        wall = session(folder, files[0], options.edits, rng)
    found = sum(map(len, outcome.files.values()))
    print(f"{options.files} files, {found} diagnostics in the end; the first check takes {first:.3f} s of CPU")
    p95 = report(f"{options.edits} edits, CPU of a check", times)
    report(f"{options.edits} edits, wall in a session", wall)
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    return 0 if p95 <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
