"""The extension for Visual Studio Code: its manifest equals what the server, the rules and the version are."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest

from azkvlint import PROJECT, __version__
from azkvlint.cli.help import values_of
from azkvlint.cli.lsp import MISSING
from azkvlint.editor.actions import FIX_ALL
from azkvlint.editor.settings import OF_CLIENT, EditorSettings
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import SEVERITIES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "editors" / "vscode"
MANIFEST = FOLDER / "package.json"
LOCK: dict[str, Any] = json.loads((FOLDER / "package-lock.json").read_bytes())
# Settings of the editor's side; the server has the others.
OF_EXTENSION = {"enable", "path", "trace.server"}
RULES = builtin_rules(examples=False)


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(MANIFEST.read_bytes())
    return read


def settings() -> dict[str, Any]:
    properties: dict[str, Any] = manifest()["contributes"]["configuration"]["properties"]
    return {name.removeprefix("kvlint."): property_ for name, property_ in properties.items()}


def words(field: str) -> list[str]:
    """Return the values that a shell completes too."""
    complete = values_of("check", field)
    assert complete is not None
    return complete("")


def choices(words: list[str], descriptions: dict[str, str], others: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of words that an editor completes, and of other strings."""
    assert set(words) == set(descriptions)
    known = {"enum": words, "enumDescriptions": [descriptions[word] for word in words]}
    return {"anyOf": [known, {"type": "string"} | others]}


def generated() -> dict[str, Any]:
    """Return the manifest with the words of the rules, and the version."""
    document = manifest()
    properties = document["contributes"]["configuration"]["properties"]
    titles = {rule.id: rule.title for rule in RULES}
    titles |= {rule.category: f"All rules of the category {rule.category}" for rule in RULES}
    frameworks = {framework.name: framework.title for framework in builtin_frameworks(RULES)}
    profiles = {profile: f"The rules of {' and '.join(included)}" for profile, included in PROFILES.items()}
    for name in ("select", "ignore"):
        properties[f"kvlint.{name}"]["items"] = choices(words(name), titles, {})
    others = {"pattern": "^[a-z0-9.-]+$"}  # a family of frameworks, or a version of one
    properties["kvlint.profile"]["items"] = choices(words("profiles"), profiles | frameworks, others)
    properties["kvlint.minSeverity"]["enum"] = ["", *SEVERITIES]
    return document | {"version": __version__}


def test_the_manifest_has_the_rules_and_the_version(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--write-expected"):
        MANIFEST.write_text(json.dumps(generated(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert manifest() == generated()
    assert LOCK["version"] == LOCK["packages"][""]["version"] == __version__


def test_the_lock_file_names_no_server_and_has_hashes() -> None:
    packages = [package for path, package in LOCK["packages"].items() if path]
    assert len(packages) > 100
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []


def test_a_repository_does_not_choose_the_program() -> None:
    assert settings()["path"]["scope"] == "machine-overridable"
    capabilities = manifest()["capabilities"]
    assert capabilities["untrustedWorkspaces"]["supported"] == "limited"
    assert capabilities["untrustedWorkspaces"]["restrictedConfigurations"] == ["kvlint.path", "kvlint.configuration"]
    assert capabilities["virtualWorkspaces"]["supported"] is False


def test_the_extension_recognizes_a_program_without_its_language_server() -> None:
    asked = re.search(r'includes\("(.+)"\)', (FOLDER / "src" / "server.ts").read_text(encoding="utf-8"))
    assert asked is not None
    assert MISSING.startswith(asked[1])


def test_all_safe_fixes_are_a_command_for_the_action_of_the_server() -> None:
    assert f'"{FIX_ALL}"' in (FOLDER / "src" / "extension.ts").read_text(encoding="utf-8")
    assert "kvlint.fixAll" in {command["command"] for command in manifest()["contributes"]["commands"]}


def test_the_readme_has_a_picture_that_exists() -> None:
    pictures = re.findall(r"!\[.+\]\((.+?)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    raw = f"{PROJECT.replace('github.com', 'raw.githubusercontent.com')}/main/"
    assert pictures
    assert all((ROOT / picture.removeprefix(raw)).is_file() for picture in pictures)


def test_the_settings_are_those_of_the_server() -> None:
    of_server = {field.encode_name: field.default for field in msgspec.structs.fields(EditorSettings)}
    of_editor = {name: setting["default"] for name, setting in settings().items() if name not in OF_EXTENSION}
    assert of_editor == {name: list(value) if value == () else value for name, value in of_server.items()}
    assert set(settings()) == OF_EXTENSION | set(of_editor)
    assert {name.partition(".")[0] for name in OF_EXTENSION} == set(OF_CLIENT)


def test_each_setting_is_described() -> None:
    for name, setting in settings().items():
        assert "default" in setting, name
        description = setting.get("description") or setting["markdownDescription"]
        assert re.fullmatch(r"[A-Z].*\.", description), name
        assert f"`kvlint.{name}`" in (FOLDER / "README.md").read_text(encoding="utf-8"), name


def test_addresses_are_those_of_the_project() -> None:
    document = manifest()
    (schema,) = document["contributes"]["tomlValidation"]
    path = schema["url"].removeprefix(f"{PROJECT.replace('github.com', 'raw.githubusercontent.com')}/main/")
    assert (ROOT / path).is_file()
    assert document["repository"]["url"] == f"{PROJECT}.git"
    source = (FOLDER / "src" / "extension.ts").read_text(encoding="utf-8")
    for address in (document["homepage"], *re.findall(rf'"({re.escape(PROJECT)}/[^"]+)"', source)):
        assert (ROOT / address.removeprefix(f"{PROJECT}/blob/main/")).is_file(), address


@pytest.mark.parametrize(
    "name",
    ["main.tf", "main.tf.json", "main.tofu", "a.tofu.json", "x.tfvars", "main.bicep", "x.bicepparam", "plan.json",
     "x.parameters.jsonc", "terragrunt.hcl", "terragrunt.stack.hcl", "kvlint.toml", "pyproject.toml"],
)  # fmt: skip
def test_the_server_gets_each_file_that_kvlint_reads(name: str) -> None:
    text = (FOLDER / "src" / "documents.ts").read_text(encoding="utf-8")
    patterns = re.findall(r'^  "\*\*/(.+)",$', text, re.MULTILINE)
    alternatives = [
        pattern.replace(braces[0], word)
        for pattern in patterns
        for braces in [re.search(r"\{(.*)\}", pattern) or [pattern, pattern]]
        for word in str(braces[1]).split(",")
    ]
    assert any(fnmatch(name, pattern) for pattern in alternatives)
