"""No excerpt and no diff shows a token or key of known form, or a comment after a secret, whatever their names are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from azkvlint.cli.app import run

CANARY = "QXZJWYQJ"
VAULT = 'resource "azurerm_key_vault" "kv" {{\n  name = "kv-a"\n{}}}\n'
SECRET = (
    'resource "azurerm_key_vault_secret" "s" {{\n  name = "x"\n  key_vault_id = azurerm_key_vault.kv.id\n{}}}\n'
)  # fmt: skip
PEM = "-----BEGIN RSA PRIVATE KEY-----{0}MIIB{1}{0}-----END RSA PRIVATE KEY-----"
TOKEN = f"ghp_{CANARY}{'aB3' * 10}"
CASES = {
    "a private key": VAULT.format(f'  tags = {{ u = "{PEM.format(chr(92) + "n", CANARY)}" }}\n'),
    "a private key in a heredoc": VAULT.format(
        f"  tags = {{\n    u = <<-E\n{PEM.format(chr(10) * 5, CANARY)}\n    E\n  }}\n"
    ),
    "a token": VAULT.format(f'  tags = {{ u = "{TOKEN}" }}\n'),
    "a token as a value": VAULT.format(f'  sku_name = "{TOKEN}"\n'),
    "a token in a comment": VAULT.format(f"  # {TOKEN}\n"),
    "a tag that is the value of a secret": VAULT.format(f'  tags = {{ owner = "{CANARY}" }}\n')
    + SECRET.format("  value = azurerm_key_vault.kv.tags.owner\n"),
    "a local that is such a tag": VAULT.format("  tags = { owner = local.o }\n")
    + SECRET.format('  value = azurerm_key_vault.kv.tags["owner"]\n')
    + f'locals {{ o = "{CANARY}" }}\n',
    "a comment after a secret": VAULT.format("") + SECRET.format(f'  value = "abc" # before: {CANARY}\n'),
    "a comment after a list": VAULT.format("")
    + f'locals {{\n  v = ["abc"] // before: {CANARY}\n}}\n'
    + SECRET.format("  value = local.v[0]\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_no_output_shows_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.tf").write_text('provider "azurerm" {\n  features {}\n}\n' + CASES[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    outputs = ("text", "json", "sarif", "html")
    formats = (word for one in outputs for word in ("-f", f"{one}={one}.out"))
    assert run([".", "--profile", "all", "--no-cache", "-v", *formats]) == 1
    assert run(["fix", ".", "--unsafe", "--diff"]) == 1
    told = "".join(capfd.readouterr())
    assert re.search(r"^\+ .*purge_protection_enabled|is not in the diff", told, re.MULTILINE)
    assert CANARY not in told
    for one in outputs:
        assert CANARY not in (tmp_path / f"{one}.out").read_text(encoding="utf-8")
