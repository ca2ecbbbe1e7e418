"""A key vault in a language that kvlint does not evaluate is a note, whatever else is in the folder."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

CANARY = "correct-horse-battery-staple"
ASO = "Azure Service Operator"
CLEAN = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = {\n  name: 'kv-app'\n}\n"
OPERATOR = "apiVersion: keyvault.azure.com/v1api20230701\nkind: Vault\nmetadata:\n  name: kv\n"
DECLARATIONS = {
    "operator": ("kv.yaml", OPERATOR, 1, ASO),
    "second document": ("all.yml", f"apiVersion: v1\nkind: Secret\n---\n{OPERATOR}", 4, ASO),
    "operator, version 1": (
        "kv.yaml", "apiVersion: azure.microsoft.com/v1alpha1\nkind: KeyVault\n", 2, ASO,
    ),
    "chart": ("templates/kv.yaml", f"{{{{- if .Values.vault }}}}\n{OPERATOR}{{{{- end }}}}\n", 2, ASO),
    "one line": ("kv.yaml", '{"kind": "Vault", "apiVersion": "keyvault.azure.com/v1"}', 1, ASO),
    "Windows": ("kv.yaml", OPERATOR.replace("\n", "\r\n"), 1, ASO),
    "composition": (
        "composition.yaml",
        "kind: Composition\nspec:\n  resources:\n    - base:\n        apiVersion: keyvault.azure.upbound.io/v1beta2\n",
        5, "Crossplane",
    ),
    "namespaced": ("kv.yaml", "kind: Key\napiVersion: keyvault.azure.m.upbound.io/v1beta1\n", 2, "Crossplane"),
    "native": ("Pulumi.yaml", "resources:\n  kv:\n    type: azure-native:keyvault:Vault\n", 3, "Pulumi"),
    "classic": ("Main.yaml", "resources:\n  kv:\n    type: azure:keyvault/keyVault:KeyVault\n", 3, "Pulumi"),
    "playbook": ("site.yml", "- name: kv\n  azure.azcollection.azure_rm_keyvault:\n    vault_name: kv\n", 2, "Ansible"),
    "task": ("roles/kv/tasks/main.yml", "- azure_rm_keyvaultsecret:\n    secret_name: s\n", 1, "Ansible"),
    "template": ("kv.yaml.j2", OPERATOR, 1, ASO),
    "azd": ("azure.yaml", "resources:\n  vault:\n    type: keyvault\n", 3, "Azure Developer CLI"),
}  # fmt: skip
OTHERS = {
    "kubernetes": ("app.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keyvault\n"),
    "comment": ("kv.yaml", f"# {OPERATOR}".replace("\n", "\n# ")),
    "definition": ("crd.yaml", "kind: CustomResourceDefinition\nspec:\n  group: keyvault.azure.com\n"),
    "consumer": ("csi.yaml", "kind: SecretProviderClass\nspec:\n  parameters:\n    keyvaultName: kv\n"),
    "facts": ("site.yml", "- azure.azcollection.azure_rm_keyvault_info:\n    name: kv\n"),
    "other kind": ("kv.yaml", "apiVersion: example.com/v1\nkind: KeyVault\n"),
    "pipeline": ("build.yml", "steps:\n- task: AzureKeyVault@2\n  inputs:\n    type: keyvault\n"),
    "prose": ("notes.md", OPERATOR),
}


def note_of(run: Run, folder: Path) -> list[tuple[str, int | None, str]]:
    problems = json.loads(run("check", str(folder), "--format", "json", "--isolated").out)["problems"]
    found = [(one["location"], one["message"]) for one in problems if "were not evaluated" in one["message"]]
    return [(at["path"], at["line"], message) for at, message in found]


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_is_a_note_with_its_line(run: Run, tmp_path: Path, name: str) -> None:
    file, text, line, language = DECLARATIONS[name]
    (tmp_path / "main.bicep").write_text(CLEAN)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(f"{text}# {CANARY}\n".encode())
    expected = f"the file declares Key Vault resources for {language}, which were not evaluated"
    assert note_of(run, tmp_path) == [(file, line, expected)]


@pytest.mark.parametrize("name", OTHERS)
def test_file_without_a_vault_is_not_reported(run: Run, tmp_path: Path, name: str) -> None:
    file, text = OTHERS[name]
    (tmp_path / "main.bicep").write_text(CLEAN)
    (tmp_path / file).write_text(text)
    assert note_of(run, tmp_path) == []


def test_the_text_report_names_the_file_beside_no_issues_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(CLEAN)
    (tmp_path / "kv.yaml").write_text(OPERATOR)
    result = run("check", str(tmp_path), "--isolated")
    assert "kv.yaml:1:1: note[KVE002]" in result.out
    assert result.code == 0


def test_an_excluded_file_is_not_searched(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(CLEAN)
    (tmp_path / "kv.yaml").write_text(OPERATOR)
    ran = run("check", str(tmp_path), "--exclude", "kv.yaml", "--format", "json", "--isolated")
    assert json.loads(ran.out)["problems"] == []


def test_declarations_are_found_in_each_encoding_and_not_outside(run: Run, tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside.yaml"
    project.mkdir()
    (project / ".git").mkdir()
    (project / "main.bicep").write_text(CLEAN)
    (project / "wide.yaml").write_text(OPERATOR, encoding="utf-16")
    (project / "marked.yaml").write_text(OPERATOR, encoding="utf-8-sig")
    (project / "nested.yaml").write_text("- " * 200_000 + "keyvault")
    (project / "spaces.yaml").write_text((" " * 5_000 + "keyvault\n") * 100)
    outside.write_text(OPERATOR)
    (project / "link.yaml").symlink_to(outside)
    (project / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(project / "pipe.yaml")
    assert [path for path, _, _ in note_of(run, project)] == ["marked.yaml", "wide.yaml"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("targetScope = 'local'\nextension keyvault\nresource s 'item' = {\n  value: 'SECRET'\n}\n", 3),
        ("extension 'br:example.azurecr.io/keyvault:1.0' as e\nresource s 'item' = {\n  value: 'SECRET'\n}\n", 2),
        ("extension e\nresource s 'secret' = {\n  value: 'SECRET'\n}\n", 2),
        ("extension e\nresource s 'item' = if (true) {\n  vaultUri: 'SECRET'\n}\n", 2),
    ],
)
def test_a_resource_of_an_extension_in_a_vault_is_a_note(run: Run, tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "main.bicep").write_text(text.replace("SECRET", CANARY))
    result = run("check", str(tmp_path), "--isolated")
    assert f"main.bicep:{line}:1: note[KVE002] resource `s` of a Bicep extension" in result.out
    assert CANARY not in result.out


@pytest.mark.parametrize(
    "text",
    [
        "extension kubernetes as k\nresource s 'core/Secret@v1' = {\n  metadata: { name: 's' }\n}\n",
        "extension microsoftGraphV1\nresource g 'Microsoft.Graph/groups@v1.0' = {\n  displayName: 'vault readers'\n}\n",
        "resource s 'secret' existing = {\n  name: 's'\n}\n",
    ],
)
def test_resource_of_another_extension_is_not_reported(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "main.bicep").write_text(text)
    assert "of a Bicep extension" not in run("check", str(tmp_path), "--isolated").out
