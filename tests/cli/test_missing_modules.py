"""What a fresh checkout lacks: modules that are not installed, submodules, and files of examples and tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint
    from tests.conftest import Run, RunResult

pytestmark = pytest.mark.slow(8)

VAULT = """resource "azurerm_key_vault" "kv" {
  name                     = "kv-app"
  purge_protection_enabled = false
}
"""
BICEP = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  properties: {}\n}\n"


def call(source: str, name: str = "m", more: str = "") -> str:
    return f'module "{name}" {{\n  source = "{source}"\n{more}}}\n'


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def checked(run: Run, folder: Path, *arguments: str) -> tuple[RunResult, list[dict[str, Any]]]:
    ran = run("-f", "json", "--select", "KV001", *(arguments or (".",)), cwd=folder)
    return ran, json.loads(ran.out)["problems"]


def test_calls_of_one_module_are_one_note(run: Run, tmp_path: Path) -> None:
    shown = "git::https://example.com/team/modules.git//vault"
    source = f"{shown}?ref=v1"
    write(
        tmp_path,
        {
            "a/main.tf": call(source, "one") + call(source, "two") + call("acme/other/azurerm") + VAULT,
            "b/main.tf": call(f"{shown}?ref=v2", "three"),
        },
    )
    ran, problems = checked(run, tmp_path)
    assert ran.code == 1
    assert [(one["level"], one["message"], one["location"]["path"]) for one in problems] == [
        ("note", f"module `{shown}` is not installed, so its resources are not evaluated (3 calls)", "a/main.tf"),
        ("note", "module `acme/other/azurerm` is not installed, so its resources are not evaluated", "a/main.tf"),
    ]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("git::https://bob:canary@example.com/x.git?ref=v1", "git::https://example.com/x.git"),
        ("https://example.com/x.zip?sv=1&sig=canary", "https://example.com/x.zip"),
        ("git::https://example.com/x.git?depth=1&ref=v1", "git::https://example.com/x.git"),
        ("git::ssh://git@example.com/x.git", "git::ssh://example.com/x.git"),
        ("git@github.com:acme/x.git", "git@github.com:acme/x.git"),
        ("s3::https://s3.amazonaws.com/x.zip?aws_access_key_secret=canary", "s3::https://s3.amazonaws.com/x.zip"),
    ],
)
def test_a_source_is_shown_without_credentials(source: str, shown: str, run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"main.tf": call(source)})
    ran, problems = checked(run, tmp_path)
    assert ran.code == 0
    assert [one["message"].split("`")[1] for one in problems] == [shown]
    assert "canary" not in ran.out + ran.err


class TestBelowDotTerraform:
    def test_missing_file_in_a_missing_submodule_is_reported_with_the_submodule(self, run: Run, tmp_path: Path) -> None:
        source = "git::https://example.com/shared.git?ref=v2"
        inner = "./.terraform/modules/shared/vault"
        write(tmp_path, {"main.tf": call(source, "shared") + call(inner) + call(inner, "n") + VAULT})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 1
        (problem,) = problems
        assert problem["message"].startswith("module `git::https://example.com/shared.git` is not installed, ")
        assert problem["message"].endswith(" (3 calls)")

    def test_missing_folder_without_a_submodule_is_named(self, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {"env/main.tf": call("../env/.terraform/modules/a.b/x"), "main.tf": VAULT})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 1
        assert [one["message"].split("`")[1] for one in problems] == [".terraform/modules/a.b"]

    def test_installed_submodule_is_evaluated_at_its_caller(self, run: Run, tmp_path: Path) -> None:
        files = {"main.tf": call("./.terraform/modules/shared/vault"), ".terraform/modules/shared/vault/main.tf": VAULT}
        write(tmp_path, files)
        report = json.loads(run("-f", "json", "--select", "KV001", ".", cwd=tmp_path).out)
        assert [one["location"]["path"] for one in report["findings"]] == ["main.tf"]
        assert report["problems"] == []


class TestSubmodules:
    MODULES = '[submodule "tools"]\n\tpath = vendor/tools\n\turl = https://example.com/tools.git\n'

    @pytest.mark.parametrize("prepared", ["absent", "empty"])
    def test_submodule_that_is_not_fetched_is_a_note(self, prepared: str, run: Run, tmp_path: Path) -> None:
        sources = call("../vendor/tools/a") + call("../vendor/tools/b", "n")
        write(tmp_path, {".gitmodules": self.MODULES, "infra/main.tf": sources + VAULT})
        if prepared == "empty":
            (tmp_path / "vendor" / "tools").mkdir(parents=True)
        ran, problems = checked(run, tmp_path)
        assert ran.code == 1
        assert [(one["level"], one["message"]) for one in problems] == [
            ("note", "git submodule `vendor/tools` is not fetched, so its modules are not evaluated (2 calls)")
        ]
        assert problems[0]["hint"] == "run `git submodule update --init`"

    def test_bicep_module_in_a_missing_submodule_is_a_note(self, run: Run, tmp_path: Path) -> None:
        module = "module m '../vendor/tools/vault.bicep' = {\n  name: 'm'\n}\n"
        write(tmp_path, {".gitmodules": self.MODULES, "infra/main.bicep": module + BICEP})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 1
        assert [one["level"] for one in problems] == ["note"]

    def test_missing_folder_outside_of_submodules_is_an_error(self, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {".gitmodules": self.MODULES, "infra/main.tf": call("../vendor/toolset/a") + VAULT})
        assert checked(run, tmp_path)[0].code == 3

    def test_missing_folder_of_a_fetched_submodule_is_an_error(self, run: Run, tmp_path: Path) -> None:
        files = {".gitmodules": self.MODULES, "vendor/tools/readme.md": "x", "main.tf": call("./vendor/tools/a")}
        write(tmp_path, files)
        assert checked(run, tmp_path)[0].code == 3


class TestExamples:
    @pytest.mark.parametrize("folder", ["vault/examples/basic", "vault/tests/e2e/max", "Samples/one", "test"])
    def test_missing_module_of_an_example_is_a_note(self, folder: str, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {f"{folder}/main.tf": call("./modules/gone") + VAULT})
        bicep = "module m '../../helpers.bicep' = {\n  name: 'm'\n}\nimport { x } from 'gone.bicep'\n"
        bicep += BICEP.replace("'kv'", "x")
        write(tmp_path, {f"{folder}/main.bicep": bicep})
        ran, problems = checked(run, tmp_path, ".", "--include-tests")
        assert ran.code == 1
        assert [one["level"] for one in problems] == ["note"] * 3
        assert all("used by an example or a test, does not exist" in one["message"] for one in problems)

    def test_missing_module_of_an_example_on_the_command_line_is_an_error(self, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {"vault/examples/basic/main.tf": call("../gone")})
        assert checked(run, tmp_path, "vault/examples/basic")[0].code == 3
        assert checked(run, tmp_path, "vault")[0].code == 0

    def test_missing_module_of_a_bicep_test_file_is_a_note(self, run: Run, tmp_path: Path) -> None:
        module = "module m '../gone.bicep' = {\n  name: 'm'\n}\n"
        write(tmp_path, {"vault/main.test.bicep": module})
        ran, problems = checked(run, tmp_path)
        assert (ran.code, [one["level"] for one in problems]) == (0, ["note"])
        assert checked(run, tmp_path, "vault/main.test.bicep")[0].code == 3

    def test_missing_module_outside_of_examples_is_an_error(self, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {"latest/main.tf": call("./gone")})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 3
        assert problems[0]["message"] == "module `m` cannot be read: the folder does not exist"


class TestSourcesThatAreExpressions:
    def test_the_module_is_evaluated_through_its_caller_only(self, run: Run, tmp_path: Path) -> None:
        module = 'variable "purge" {\n  default = false\n}\n' + VAULT.replace("= false", "= var.purge")
        root = 'locals {\n  base = "./modules"\n}\n' + call("${local.base}/vault", more="  purge = true\n")
        write(tmp_path, {"main.tofu": root, "modules/vault/main.tofu": module})
        ran, problems = checked(run, tmp_path)
        assert (ran.code, problems) == (0, [])
        assert checked(run, tmp_path, "modules/vault")[0].code == 1

    def test_without_a_value_it_is_an_error_and_the_module_is_evaluated_alone(self, run: Run, tmp_path: Path) -> None:
        root = 'variable "release" {\n}\n' + call("./${var.release}")
        write(tmp_path, {"main.tf": root, "v1/main.tf": VAULT})
        ran, problems = checked(run, tmp_path)
        assert (ran.code, [one["level"] for one in problems]) == (3, ["error"])
        ran, problems = checked(run, tmp_path, ".", "--var", "release=v1")
        assert (ran.code, problems) == (1, [])
        assert json.loads(ran.out)["findings"][0]["resource"] == "module.m.azurerm_key_vault.kv"

    def test_of_two_that_call_each_other_one_is_evaluated(self, run: Run, tmp_path: Path) -> None:
        for one, other in ("ab", "ba"):
            text = f'variable "o" {{\n  default = "{other}"\n}}\n' + call("../${var.o}") + VAULT
            write(tmp_path, {f"{one}/main.tf": text})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 3
        assert ["calls itself" in one["message"] for one in problems] == [True]
        assert json.loads(ran.out)["findings"]


class TestTemplatesOfJson:
    ARM = (
        '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "resources": '
        '[{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "${name}", "properties": {}}]}'
    )

    @pytest.mark.parametrize(
        "use",
        [
            'templatefile("${path.module}/templates/arm.json", { name = "x" })',
            'templatefile("./templates/arm.json", {})',
            'templatefile("templates/${each.key}.json", {})',
        ],
    )
    def test_a_source_of_templatefile_is_not_evaluated(self, use: str, run: Run, tmp_path: Path) -> None:
        content = f'resource "local_file" "f" {{\n  filename = "x"\n  content  = {use}\n}}\n'
        write(tmp_path, {"main.tf": content, "templates/arm.json": self.ARM})
        ran, problems = checked(run, tmp_path)
        assert ran.code == 0
        assert [(one["level"], one["location"]["path"]) for one in problems] == [("note", "templates/arm.json")]
        assert checked(run, tmp_path, "templates/arm.json")[0].code == 1

    def test_a_template_that_nothing_renders_is_evaluated(self, run: Run, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": 'locals {\n  x = templatefile("b.json", {})\n}\n', "a.json": self.ARM})
        assert checked(run, tmp_path)[0].code == 1

    @pytest.mark.parametrize(
        "marked",
        [
            '"count": ${count},', '"tags": {{ .Values.tags | toJson }},', "{{- if .Values.x }}", "%{ if x ~}",
            '"a": <%= a %>,', '"a": #{Count}#,', '"a": ${jsonencode(b["c"])},',
        ],
    )  # fmt: skip
    def test_json_with_expressions_outside_of_strings_is_a_note(self, marked: str, run: Run, tmp_path: Path) -> None:
        write(
            tmp_path, {"charts/vault.json": self.ARM.replace('"resources":', f'\n{marked}\n"resources":'), "a.tf": ""}
        )
        ran, problems = checked(run, tmp_path)
        assert (ran.code, [one["level"] for one in problems]) == (0, ["note"])
        assert checked(run, tmp_path, "charts/vault.json")[0].code == 3

    def test_broken_json_is_an_error(self, run: Run, tmp_path: Path) -> None:
        broken = self.ARM.replace("}]}", "}\n}")
        write(tmp_path, {"arm.json": broken})
        assert checked(run, tmp_path)[0].code == 3


def test_globs_apply_to_a_folder_outside_of_the_current_one(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"repo/main.tf": VAULT, "repo/x/old/main.tf": VAULT, "repo/new/main.tf": VAULT, "here/a.txt": ""})
    arguments = ("-f", "json", "--select", "KV001", "../repo", "--exclude", "old", "--exclude", "/new")
    report = json.loads(run(*arguments, cwd=tmp_path / "here").out)
    assert [one["location"]["path"] for one in report["findings"]] == ["main.tf"]


@pytest.mark.parametrize("text", [call("acme/vault/azurerm"), call("./.terraform/modules/m")])
def test_a_folder_of_calls_alone_is_read(text: str, run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"main.tf": text})
    ran, problems = checked(run, tmp_path)
    assert (ran.code, [one["level"] for one in problems]) == (0, ["note"])


def test_a_folder_without_input_is_an_error_where_it_is_named(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a/main.tf": "", "b/readme.md": ""})
    assert checked(run, tmp_path)[0].code == 0
    assert checked(run, tmp_path, "a", "b")[0].code == 3


def test_a_submodule_that_is_not_checked_out_is_named(kvlint: Kvlint, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in (".git", "infra", "other/deep"):
        (checkout / name).mkdir(parents=True)
    both = '[submodule "a"]\n\tpath = infra\n\turl = ../a\n[submodule "b"]\n\tpath = other/deep\n\turl = ../b\n'
    (checkout / ".gitmodules").write_text(both)
    said = kvlint(checkout)
    assert said.code == 3
    text = "the git submodules `infra`, `other/deep` are not checked out (run `git submodule update --init`)"
    assert text in said.out
    # What is read elsewhere says nothing of it.
    (checkout / "main.tf").write_text('resource "azurerm_key_vault" "kv" {}\n')
    said = kvlint(checkout, "--select", "KV001")
    assert said.code == 1
    assert "note[KVE002] the git submodule `infra` is not checked out, so nothing in it was checked" in said.out
    (checkout / "infra" / "main.bicep").write_text("")
    said = kvlint(checkout / "infra", "--select", "KV001")
    assert (said.code, "submodule" in said.out) == (0, False)


def test_the_path_of_a_submodule_may_be_anything(kvlint: Kvlint, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (checkout / "link").symlink_to(tmp_path / "empty")
    paths = ("../empty", "/", "", ".", "..", "link", "\0", "x" * 5_000, str(tmp_path / "empty"))
    (checkout / ".gitmodules").write_text("".join(f'[submodule "x"]\n\tpath = {path}\n' for path in paths))
    (checkout / "main.tf").write_text("")
    assert "submodule" not in kvlint(checkout).out
