"""kvlint never uses the network, whatever its input asks for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Any use of a socket or a name server ends the process; an audit hook cannot be taken away by what runs under it.
SCRIPT = """
import os, sys
sys.argv[0] = "kvlint"
def hear(event, arguments):
    if event.startswith("socket.") or event in ("urllib.Request", "http.client.connect", "ftplib.connect"):
        os.write(2, f"network: {event}".encode())
        os._exit(99)
sys.addaudithook(hear)
TRY
from azkvlint.__main__ import main
sys.exit(main())
"""
BICEP = """
extension microsoftGraphV1
module avm 'br/public:avm/res/key-vault/vault:0.12.1' = { name: 'avm', params: { name: 'kv' } }
module own 'br:example.azurecr.io/vault:v1' = { name: 'own' }
module spec 'ts:00000000-0000-0000-0000-000000000000/rg/spec:1' = { name: 'spec' }
"""
TERRAFORM = """
module "git" { source = "git::https://example.com/vault.git" }
module "registry" { source = "example/keyvault/azurerm" }
module "web" { source = "https://example.com/vault.zip" }
resource "azurerm_key_vault" "kv" { name = "kv" }
"""
LINKED = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Resources/deployments",
            "apiVersion": "2022-09-01",
            "name": "linked",
            "properties": {"mode": "Incremental", "templateLink": {"uri": "https://example.com/vault.json"}},
        }
    ],
}


def run(*words: str | Path, attempt: str = "") -> subprocess.CompletedProcess[bytes]:
    script = SCRIPT.replace("TRY", attempt)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    words = tuple(map(str, words))
    return subprocess.run(
        [sys.executable, "-c", script, *words], env=environment, capture_output=True, check=False, timeout=60
    )


@pytest.fixture
def asking(tmp_path: Path) -> Path:
    """A project that names much that lies elsewhere."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (tmp_path / "main.bicep").write_text(BICEP)
    (tmp_path / "main.tf").write_text(TERRAFORM)
    (tmp_path / "linked.json").write_text(json.dumps(LINKED))
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    (git / "config").write_text('[remote "origin"]\n  url = https://example.com/x/y.git\n')
    return tmp_path


def test_whole_runs_use_no_network(asking: Path, tmp_path: Path) -> None:
    formats = ("-f", "text", "-f", f"json={tmp_path / 'o.json'}", "-f", f"sarif={tmp_path / 'o.sarif'}")
    done = run(asking, *formats, "-v", "--profile", "all", "-j", "1")
    assert (done.returncode, b"network" in done.stderr) == (1, False)
    assert b"example.com" in (tmp_path / "o.sarif").read_bytes()
    assert b"KV001" in done.stdout


def test_another_command_uses_no_network() -> None:
    done = run("explain", "KV001")
    assert (done.returncode, done.stderr) == (0, b"")


def test_attempted_connection_is_detected() -> None:
    attempt = "import socket; socket.getaddrinfo('localhost', 80)"
    done = run("--version", attempt=attempt)
    assert (done.returncode, done.stderr) == (99, b"network: socket.getaddrinfo")
