"""A text that an editor holds, checked in the place of the file that it will be."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from azkvlint.util.run_state import separate_run

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-one"\n  purge_protection_enabled = var.on\n}\n'
ON = 'variable "on" {\n  default = %s\n}\n'
BICEP = (
    "param on bool\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-one'\n  location: 'x'\n"
    "  properties: {\n    tenantId: 'x'\n    sku: { family: 'A', name: 'standard' }\n"
    "    enablePurgeProtection: on ? true : null\n  }\n}\n"
)
CALLER = "module m 'inner.bicep' = {\n  name: 'm'\n  params: { on: %s }\n}\n"
ONE = ("-q", "--select", "KV001")


class Given(Protocol):
    """Runs a command line in the project, with this on standard input."""

    def __call__(self, *words: str | Path, stdin: bytes = b"x") -> CommandOutput: ...


@pytest.fixture
def run(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    monkeypatch.chdir(project)

    def run_kvlint(*words: str | Path, stdin: bytes = b"x") -> CommandOutput:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with separate_run():
            return kvlint(*words)

    return run_kvlint


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "infra").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "infra" / "main.tf").write_text(VAULT)
    (root / "infra" / "variables.tf").write_text(ON % "true")
    (root / "infra" / "inner.bicep").write_text(BICEP)
    (root / "infra" / "main.bicep").write_text(CALLER % "true")
    return root


@pytest.mark.parametrize("there", [True, False], ids=["a file", "a file to be"])
def test_terraform_is_read_with_the_files_beside_it(run: Given, project: Path, there: bool) -> None:
    file = project / "infra" / "variables.tf"
    if not there:
        file.unlink()
    held = run("-", "--stdin-filename", "infra/variables.tf", *ONE, stdin=(ON % "false").encode())
    assert (held.code, held.err) == (1, "")
    assert held.out.startswith("infra/main.tf:3:3: high[KV001] Purge protection is not enabled on ")
    assert file.exists() is there
    file.write_text(ON % "false")
    assert run("infra/variables.tf", *ONE) == held


def test_bicep_is_read_with_its_modules_and_as_one(run: Given, project: Path) -> None:
    name = ("--stdin-filename", "infra/main.bicep")
    held = run("-", *name, *ONE, stdin=(CALLER % "false").encode())
    assert (held.code, held.err) == (1, "")
    assert "KV001" in held.out
    assert run("-", *name, *ONE, stdin=(CALLER % "true").encode()).code == 0
    changed = BICEP.replace("on ? true : null", "false").encode()
    name = ("--stdin-filename", str(project / "infra" / "inner.bicep"))
    whole = run("-", ".", *name, *ONE, stdin=changed)
    assert whole.out.startswith("infra/inner.bicep:8:5: high[KV001] Purge protection is not enabled on ")


def test_a_template_is_read_with_its_parameters(run: Given, project: Path) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"on": {"type": "bool"}},
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "kv-one",
                "properties": {"enablePurgeProtection": "[parameters('on')]"},
            }
        ],
    }
    for value, code in ((True, 0), (False, 1)):
        given = {"$schema": "deploymentParameters.json#", "parameters": {"on": {"value": value}}}
        (project / "vault.parameters.json").write_text(json.dumps(given))
        done = run("-", "--stdin-filename", "vault.json", *ONE, stdin=json.dumps(template, indent=1).encode())
        assert (done.code, done.err) == (code, "")


def test_syntax_error_in_standard_input_has_the_file_name_of_the_option(run: Given) -> None:
    done = run("-", "--stdin-filename", "infra/main.tf", stdin=b'resource "a" {')
    assert done.code == 3
    assert "infra/main.tf:1:14: error[KVE001] this `{` is not closed" in done.out
    done = run("-", "--stdin-filename", "infra/new.bicep", stdin=b"\xff\xfe\x00")
    assert (done.code, "infra/new.bicep: error[KVE001]" in done.out) == (3, True)


def test_standard_input_replaces_a_linked_file(run: Given, project: Path) -> None:
    """A link is the file that it leads to."""
    (project / "infra" / "variables.tf").rename(project / "target.tf")
    (project / "infra" / "variables.tf").symlink_to(project / "target.tf")
    done = run("infra", "-", "--stdin-filename", "target.tf", *ONE, stdin=(ON % "false").encode())
    assert "infra/main.tf:3:3: high[KV001] Purge protection is not enabled on " in done.out


def test_without_a_name_code_is_refused_with_a_way_out(run: Given) -> None:
    done = run("-", stdin=VAULT.encode())
    assert done.code == 3
    assert "or its name with `kvlint - --stdin-filename main.tf`)" in done.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((".", "--stdin-filename", "x.tf"), "--stdin-filename requires the input -"),
        (("-", "--stdin-filename", "infra"), "--stdin-filename infra: it is a folder"),
        (("-", "--stdin-filename", "none/x.tf"), "--stdin-filename none/x.tf: its folder does not exist"),
        (("-", "--stdin-filename", "\x1b[31m/x.tf"), "--stdin-filename \\x1b[31m/x.tf: its folder does not exist"),
        (("-", "--stdin-filename", "x.tf", "--watch"), "--watch cannot read standard input"),
    ],
)
def test_invalid_stdin_filename_is_an_error(run: Given, words: tuple[str, ...], text: str) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"kvlint: error: {text}")
