"""A template with an unusual name is an input if a deployment command of the checkout names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.util import project_files

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

TEMPLATE = json.dumps(
    {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv", "location": "x",
                "properties": {"tenantId": "1", "sku": {"family": "A", "name": "standard"}},
            }
        ],
    }
)  # fmt: skip
AZ = "az deployment group create -g rg "
WAYS = {
    "az": ("deploy.sh", f"{AZ}-f infra/main.tpl\n", "infra/main.tpl"),
    "az with a long option": ("ci/deploy.sh", f"{AZ}--template-file=infra/main.template\n", "infra/main.template"),
    "several lines": ("deploy.sh", f"{AZ}\\\n  --name x \\\n  --template-file \\\n  infra/a.txt\n", "infra/a.txt"),
    "no ending": ("deploy.sh", f"{AZ}-f infra/azuredeploy\n", "infra/azuredeploy"),
    "a variable": ("deploy.sh", f'FILE=infra/main.tpl\n{AZ}-f "$FILE"\n', "infra/main.tpl"),
    "an unknown folder": ("deploy.sh", f'{AZ}-f "infra/$1/main.tpl"\n', "infra/prod/main.tpl"),
    "a folder of the script": ("deploy.sh", f"cd infra\n{AZ}-f main.tpl\n", "infra/main.tpl"),
    "beside the script": ("infra/deploy.sh", f"{AZ}-f main.tpl\n", "infra/main.tpl"),
    "PowerShell": (
        "d.ps1", "New-AzResourceGroupDeployment -Name x -TemplateFile infra\\main.tpl\n", "infra/main.tpl",
    ),
    "an action": (
        ".github/workflows/cd.yml",
        "jobs:\n  a:\n    steps:\n    - uses: azure/arm-deploy@v2\n      with:\n        template: ./infra/main.tpl\n",
        "infra/main.tpl",
    ),
    "a task": (
        "azure-pipelines.yml",
        "steps:\n  - task: AzureResourceManagerTemplateDeployment@3\n    inputs:\n      csmFile: infra/main.tpl\n",
        "infra/main.tpl",
    ),
    "a name in capitals": ("deploy.sh", f"{AZ}-f infra/MAIN.TPL\n", "infra/MAIN.TPL"),
    "the name of a script": ("deploy.sh", f"{AZ}-f infra/main.yaml\n", "infra/main.yaml"),
}  # fmt: skip
ONE = ("--select", "KV001", ".")


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    write("main.tf", "")
    return folder


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("way", WAYS)
def test_a_template_that_a_command_names_is_read(way: str, kvlint: Kvlint) -> None:
    script, text, template = WAYS[way]
    write(template, TEMPLATE)
    assert kvlint(*ONE).code == 0
    write(script, text)
    said = kvlint(*ONE)
    assert said.code == 1
    assert said.out.startswith(f"{template}:1:")
    assert "high[KV001]" in said.out


NOT_READ = {
    "no template": "{}",
    "a text that quotes one": f"Example:\n\n{TEMPLATE}\n",
    "other JSON": '{"resources": []}',
}


@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_without_a_template_is_not_read(name: str, kvlint: Kvlint) -> None:
    write("infra/main.tpl", NOT_READ[name])
    write("deploy.sh", f'{AZ}-f infra/main.tpl\n{AZ}-f "infra/$1"\n')
    said = kvlint(*ONE)
    assert (said.code, said.err) == (0, "")


def test_an_excluded_template_is_not_read(kvlint: Kvlint) -> None:
    write("infra/main.tpl", TEMPLATE)
    write("deploy.sh", f"{AZ}-f infra/main.tpl\n")
    assert kvlint(*ONE, "--exclude", "*.tpl").code == 0
    assert kvlint(*ONE, "--exclude", "infra/").code == 0


def test_a_new_template_is_read_with_a_cache(kvlint: Kvlint, tmp_path: Path) -> None:
    write("deploy.sh", f"{AZ}-f infra/main.tpl\n")
    words = (*ONE, "--cache-dir", str(tmp_path / "cache"))
    assert kvlint(*words).code == 0
    write("infra/main.tpl", TEMPLATE)
    assert [kvlint(*words).code for _ in range(2)] == [1, 1]
    write("infra/main.tpl", TEMPLATE.replace('"tenantId"', '"enablePurgeProtection": true, "tenantId"'))
    assert kvlint(*words).code == 0


def test_other_commands_read_named_templates(kvlint: Kvlint) -> None:
    write("infra/main.tpl", TEMPLATE)
    write("deploy.sh", f"{AZ}-f infra/main.tpl\n")
    assert "kv" in kvlint("access", ".").out
    assert kvlint("fix", *ONE).code == 0
    write("../base/main.tf", "")
    write("../base/.git/HEAD", "")
    said = kvlint("diff", "../base", ".", "--select", "KV001")
    assert (said.code, "infra/main.tpl" in said.out) == (1, True)


def test_a_template_with_several_names_is_read_once(kvlint: Kvlint) -> None:
    write("infra/main.tpl", TEMPLATE)
    Path("infra/link.tpl").symlink_to("main.tpl")
    write("deploy.sh", f"{AZ}-f infra/main.tpl\n{AZ}-f infra/link.tpl\n")
    for words in ((".",), (".", "infra"), (".", "infra/main.tpl")):
        assert kvlint("--select", "KV001", *words).out.count("in 1 key vault.") == 1, words


def test_only_the_start_is_read_of_other_files_that_a_command_may_name(
    kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("deploy.sh", f'{AZ}-f "infra/$1"\n')
    write("infra/main.tpl", TEMPLATE)
    write("infra/disk.img", "x" * 1_000_000)
    lengths: dict[str, int] = {}
    original = project_files.read_start

    def read_start(file: str, length: int) -> bytes:
        data = original(file, length)
        name = Path(file).name
        lengths[name] = max(lengths.get(name, 0), len(data))
        return data

    monkeypatch.setattr("azkvlint.readers.units.read_start", read_start)
    assert kvlint(*ONE).code == 1
    assert lengths["main.tpl"] == len(TEMPLATE)
    assert lengths["disk.img"] < 10_000
