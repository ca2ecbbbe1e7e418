"""What a deployment script says of how a managed HSM is activated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

AZ = "az keyvault security-domain download"


def verdict(tmp_path: Path, script: str, variables: Mapping[str, str] | None = None, *more: str) -> str:
    """What KV820 says of an HSM called ``hsm`` beside scripts."""
    given = [{"name": name, "value": value} for name, value in (variables or {}).items()]
    resources: list[dict[str, object]] = [
        {"type": "Microsoft.KeyVault/managedHSMs", "apiVersion": "2023-07-01", "name": "hsm", "properties": {}}
    ]
    for number, text in enumerate((script, *more)):
        resources.append(
            {
                "type": "Microsoft.Resources/deploymentScripts",
                "apiVersion": "2023-08-01",
                "name": f"script{number}",
                "properties": {"scriptContent": text, "environmentVariables": given},
            }
        )
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    (tmp_path / "main.json").write_text(json.dumps({"$schema": schema, "resources": resources}))
    report = check(Config(paths=(str(tmp_path / "main.json"),), select=("KV820",)))
    assert not report.problems
    return "fails" if report.findings else "unknown" if report.unknown else "passes"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (f"set -e\n{AZ} --hsm-name hsm --sd-wrapping-keys a b c --sd-quorum 2 --security-domain-file sd", "passes"),
        (f"{AZ} --hsm-name=HSM --sd-wrapping-keys 'a' \"b\" c --sd-quorum=1; echo --sd-quorum 2", "fails"),
        (
            f"{AZ} \\\n  --id https://hsm.managedhsm.azure.net/ \\\n  --sd-wrapping-keys a b c \\\n --sd-quorum 4",
            "fails",
        ),
        (f"{AZ} --hsm-name hsm --sd-wrapping-keys a a b --sd-quorum 2", "fails"),
        ("Export-AzKeyVaultSecurityDomain -Name hsm `\n -Certificates a,b,c -Quorum 2 -OutputPath x", "passes"),
        (f"{AZ} --hsm-name other --sd-wrapping-keys a b c --sd-quorum 1", "unknown"),
        (f"{AZ} --hsm-name $1 --sd-wrapping-keys a b c --sd-quorum 1", "unknown"),
        (f"{AZ} --hsm-name hsm --sd-wrapping-keys *.cer $KEYS --sd-quorum 1", "unknown"),
        (f"{AZ} --hsm-name hsm --sd-wrapping-keys *.cer --sd-quorum 1", "unknown"),
        (f"{AZ} --hsm-name hsm --sd-wrapping-keys a b c", "unknown"),
        (f"{AZ} --hsm-name hsm --sd-quorum 2", "unknown"),
        (f"{AZ} --hsm-name hsm --sd-wrapping-keys a b c --sd-quorum {'9' * 5000}", "fails"),
        ("echo nothing", "unknown"),
        (AZ, "unknown"),
    ],
)
def test_quorum_of_a_script_decides_the_result(tmp_path: Path, script: str, expected: str) -> None:
    assert verdict(tmp_path, script) == expected


def test_environment_variables_of_the_step_are_used_in_the_script(tmp_path: Path) -> None:
    script = f'{AZ} --hsm-name "$HSM" --sd-wrapping-keys a b c --sd-quorum ${{QUORUM}}'
    assert verdict(tmp_path, script, {"HSM": "hsm", "QUORUM": "1"}) == "fails"
    assert verdict(tmp_path, script, {"HSM": "hsm"}) == "unknown"


def test_quorum_of_two_different_commands_is_unknown(tmp_path: Path) -> None:
    script = f"{AZ} --hsm-name hsm --sd-wrapping-keys a b c --sd-quorum"
    assert verdict(tmp_path, f"{script} 1", None, f"{script} 2") == "unknown"
