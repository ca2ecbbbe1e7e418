"""A comment about the value that a fix changes is shown with the fix, unless it may contain a secret."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from azkvlint.config.run_config import Config
from azkvlint.fixes.find import fixes_of, fixes_together
from azkvlint.linter.linter import check
from azkvlint.model.effect import CLASSES

HCL = 'resource "azurerm_key_vault" "kv" {{\n  name = "kv"\n{}\n}}\n'
BICEP = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{\n  name: 'kv'\n  properties: {{\n{}\n  }}\n}}\n"
OFF, OFF_IN_BICEP = "  purge_protection_enabled = false", "    enablePurgeProtection: null"
ARM = (
    '{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "resources": [\n'
    '{{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "properties": {{\n{}\n}}}}]}}'
)
OFF_IN_ARM = '"enablePurgeProtection": null'


@pytest.mark.parametrize(
    ("name", "text", "comment"),
    [
        ("main.tf", HCL.format(f"  # stays off\n{OFF}"), "stays off"),
        ("main.tf", HCL.format(f"  # stays\n  // off, see\n\n{OFF}"), ""),
        ("main.tf", HCL.format(f"  # stays\n\t// off\n{OFF} # see above"), "stays off see above"),
        ("main.tf", HCL.format(f"  /* stays\n     off */\r\n{OFF}").replace("\r\n", "\n"), "stays off"),
        ("main.tf", HCL.format(f"  ## stays\n  /*\n   * off, a * b\n   **/\n{OFF}"), "stays off, a * b"),
        ("main.tf", HCL.format(f"  /*stays**/\n  /**/\n  /* off */\n{OFF}"), "stays off"),
        ("main.tf", HCL.format(f"  # stays\n{OFF} /* off */").replace("\n", "\r\n"), "stays off"),
        ("main.tf", HCL.format(f"  a = 1 # of a\n{OFF}"), ""),
        ("main.tf", HCL.format(f"  a = <<EOT\n# not a comment\nEOT\n{OFF}"), ""),
        ("main.tf", HCL.format(""), ""),
        ("main.tf", HCL.format(f'  # token = "ghp_{"a1B2" * 9}"\n{OFF}'), ""),
        ("main.tf", HCL.format(f"  # {'long ' * 100}\n{OFF}"), f"{'long ' * 60}"[:297] + "..."),
        ("main.bicep", BICEP.format(f"    // stays off\n{OFF_IN_BICEP}, // see"), "stays off see"),
        ("main.bicep", BICEP.format(f"    createMode: 'default' // not this\n{OFF_IN_BICEP}"), ""),
        ("main.json", ARM.format(f'// stays\n{OFF_IN_ARM}, /* off */\n"tenantId": "a"'), "stays off"),
    ],
)
def test_a_comment_about_a_changed_value_is_shown(tmp_path: Path, name: str, text: str, comment: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    config = Config(paths=(str(tmp_path),), select=("KV001",), jobs=1)
    report = check(config)
    for find in (fixes_of, fixes_together):
        (fix,) = find(report, config, CLASSES).fixes
        assert fix.comment == comment


def test_the_comment_of_a_change_is_read_in_linear_time(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(HCL.format(f"  # stays{' ' * 200_000}off{'*' * 200_000}.\n{OFF}"))
    config = Config(paths=(str(tmp_path),), select=("KV001",), jobs=1)
    report = check(config)
    started = process_time()
    (fix,) = fixes_of(report, config, CLASSES).fixes
    assert process_time() - started < 20
    assert fix.comment.startswith("stays off***")
