"""Which files make a module, how they lie over each other, and what one that is broken costs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge

BAD, GOOD = vault("false"), vault("true")
JSON_BAD = json.dumps({"resource": {"azurerm_key_vault": {"kv": {"purge_protection_enabled": False}}}}, indent=1)
JSON_GOOD = JSON_BAD.replace("false", "true")


@pytest.mark.parametrize("text", [BAD, BAD.replace("\n", "\r\n"), "\ufeff" + BAD, BAD.encode("utf-16")])
@pytest.mark.parametrize("name", ["main.tf", "a.b.tf", "main.tofu"])
def test_file_is_read_in_each_encoding(name: str, text: str | bytes, judge: Judge) -> None:
    assert judge({name: text}).told("KV001") == [("fail", name, 2)]


@pytest.mark.parametrize("name", ["main.tf.json", "main.tofu.json"])
def test_json_file_has_findings_at_the_key(name: str, judge: Judge) -> None:
    found = judge({name: JSON_BAD})
    assert found.told("KV001") == [("fail", name, 5)]
    assert found.text(found.all("KV001")[0]) == '"purge_protection_enabled": false'


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"main.tf": BAD, "main.tofu": GOOD}, [("fail", "main.tf", 2)]),
        ({"main.tf": BAD, "main.tofu": ""}, [("fail", "main.tf", 2)]),
        ({"main.tf.json": JSON_BAD, "main.tofu.json": JSON_GOOD}, [("fail", "main.tf.json", 5)]),
        ({"main.tf.json": JSON_BAD, "main.tofu.json": "{}"}, [("fail", "main.tf.json", 5)]),
        ({"main.tf": GOOD, "main.tofu": BAD}, [("fail", "main.tofu", 2)]),
        ({"main.tf": BAD, "main.tofu": BAD}, [("fail", "main.tf", 2), ("fail", "main.tofu", 2)]),
        # Terraform reads no other file of OpenTofu either.
        ({"main.tf": BAD, "x.tofu": ""}, [("fail", "main.tf", 2)]),
        ({"main.tf": GOOD, "x.tofu": BAD.replace('"kv"', '"b"')}, [("fail", "x.tofu", 2)]),
        ({"main.tofu": BAD}, [("fail", "main.tofu", 2)]),
        ({"main.tofu": GOOD, "m.tofu": call(), "m/main.tf": BAD, "m/main.tofu": ""}, []),
        ({"main.tf": call(), "m/main.tf": BAD, "m/main.tofu": ""}, [("fail", "m/main.tf", 2)]),
        # Only the file of the same name and notation is replaced, so here are two of one address.
        ({"main.tf.json": JSON_BAD, "main.tofu": GOOD}, [("fail", "main.tf.json", 5)]),
    ],
)
def test_both_tools_are_taken_into_account_where_a_tofu_file_takes_the_place_of_a_tf_file(
    files: dict[str, str], told: list[tuple[str, str, int]], judge: Judge
) -> None:
    assert judge(files).told("KV001") == told


TOOLS = {
    "terraform": [("fail", "main.tf", 2)],
    "opentofu": [("fail", "main.tofu", 3)],
    "": [("fail", "main.tf", 2), ("fail", "main.tofu", 3)],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_module_is_read_as_the_named_tool_reads_it(tool: str, judge: Judge) -> None:
    assert judge({"main.tf": BAD, "main.tofu": "\n" + BAD}, tool=tool).told("KV001") == TOOLS[tool]


def test_a_module_without_a_file_of_the_named_tool_is_an_error(judge: Judge) -> None:
    found = judge({"main.tofu": BAD}, tool="terraform")
    assert (found.code, found.told("KV001")) == (3, [])
    assert [problem.message for problem in found.report.problems] == [
        "the module has only files of OpenTofu, but the tool of this run is Terraform"
    ]


OVER = 'resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled = %s\n}\n'


@pytest.mark.parametrize("name", ["override.tf", "a_override.tf", "override.tofu", "b_override.tofu"])
def test_override_file_takes_precedence(name: str, judge: Judge) -> None:
    # Terraform does not read an override file of OpenTofu.
    alone = [("fail", "main.tf", 2)] if name.endswith(".tofu") else []
    assert judge({"main.tf": BAD, name: OVER % "true"}).told("KV001") == alone
    assert judge({"main.tf": GOOD, name: OVER % "false"}).told("KV001") == [("fail", name, 2)]


def test_json_override_file_applies(judge: Judge) -> None:
    assert judge({"main.tf": GOOD, "x_override.tf.json": JSON_BAD}).told("KV001") == [("fail", "x_override.tf.json", 5)]


def test_last_of_several_override_files_applies(judge: Judge) -> None:
    files = {"main.tf": GOOD, "a_override.tf": OVER % "true", "b_override.tf": OVER % "false"}
    assert judge(files).told("KV001") == [("fail", "b_override.tf", 2)]


def test_blocks_of_an_override_replace_those_of_their_type_alone(judge: Judge) -> None:
    acls = "network_acls {\n default_action = %r\n bypass = %r\n}\n"
    files = {
        "main.tf": vault("true", (acls % ("Allow", "None")).replace("'", '"')),
        "override.tf": OVER % "true",
    }
    assert judge(files).outcomes("KV101") == {"azurerm_key_vault.kv": "fail"}
    replaced = (acls % ("Deny", "None")).replace("'", '"')
    files["override.tf"] = f'resource "azurerm_key_vault" "kv" {{\n{replaced}}}\n'
    assert judge(files).outcomes("KV101") == {}


def test_locals_variables_and_calls_are_overridden(judge: Judge) -> None:
    files = {
        "main.tf": variable("v", "true")
        + "locals {\n  l = true\n}\n"
        + vault("local.l", name="a")
        + vault("var.v", name="b"),
        "override.tf": variable("v", "false") + "locals {\n  l = false\n}\n",
    }
    assert judge(files).outcomes("KV001") == {"azurerm_key_vault.a": "fail", "azurerm_key_vault.b": "fail"}


@pytest.mark.parametrize(
    "name", [".main.tf", "main.tf~", "#main.tf#", "main.tf.bak", ".terraform/modules/m/main.tf", ".terraform/x.tf"]
)
def test_backup_and_hidden_files_are_not_read(name: str, judge: Judge) -> None:
    assert judge({"main.tf": GOOD, name: BAD}).told("KV001") == []


def test_duplicate_name_is_an_error_and_the_first_declaration_is_used(judge: Judge) -> None:
    found = judge({"a.tf": BAD, "b.tf": GOOD})
    assert found.told("KV001") == [("fail", "a.tf", 2)]
    assert found.errors() == [("b.tf", 1, "`azurerm_key_vault.kv` is declared twice")]
    assert found.code == 3


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b'resource "azurerm_key_vault" "b" {\n', "this `{` is not closed"),
        (b"\xff\xfa", "the file is not UTF-8"),
        ("é".encode("latin-1"), "the file is not UTF-8"),
        (b"}", "expected an attribute or a block, found `}`"),
        (b"#" + b" " * 10_000_001, "the file is larger than 10,000,000 bytes"),
    ],
)
def test_broken_file_does_not_affect_others(broken: bytes, message: str, judge: Judge) -> None:
    found = judge({"main.tf": BAD, "broken.tf": broken})
    assert [(path, text) for path, _, text in found.errors()] == [("broken.tf", message)]
    assert found.told("KV001") == [("fail", "main.tf", 2)]
    assert found.code == 3
    # What it may have declared is not missing for sure.
    assert set(found.outcomes("KV201").values()) == {"unknown"}


def test_lone_broken_file_is_an_error(judge: Judge) -> None:
    assert judge({"main.tf": b"azurerm_key_vault \xff"}).code == 3
    assert judge({"main.tf": b"#" + b" " * 10_000_001}).code == 3


def test_a_file_that_may_not_be_read(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "judged" / "closed.tf").write_text(GOOD)
    (tmp_path / "judged" / "closed.tf").chmod(0)
    found = judge({"main.tf": BAD})
    if os.access(tmp_path / "judged" / "closed.tf", os.R_OK):
        pytest.skip("nothing is closed to this user")
    assert found.errors() == [("closed.tf", 0, "the file cannot be opened: Permission denied")]
    assert found.told("KV001") == [("fail", "main.tf", 2)]


def test_a_folder_with_the_name_of_a_file(judge: Judge) -> None:
    assert judge({"x.tf/main.tf": BAD}).told("KV001") == [("fail", "x.tf/main.tf", 2)]
    found = judge({"main.tf": vault("false", name="other")})
    assert [path for _, path, _ in found.told("KV001")] == ["main.tf", "x.tf/main.tf"]


def test_links(judge: Judge, tmp_path: Path) -> None:
    root = tmp_path / "judged"
    (root / "loop").symlink_to(root)
    (root / "self.tf").symlink_to(root / "self.tf")
    (root / "dangling.tf").symlink_to(root / "nowhere.tf")
    (tmp_path / "outside.tf").write_text(vault("false", name="outside"))
    (root / "linked.tf").symlink_to(tmp_path / "outside.tf")
    found = judge({"main.tf": BAD})
    assert "main.tf" in [path for _, path, _ in found.told("KV001")]
    assert found.code == 3


def test_call_through_a_link_out_of_the_project_is_an_error(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "main.tf").write_text(BAD)
    (tmp_path / "judged" / "m").symlink_to(tmp_path / "outside")
    found = judge({"main.tf": call() + GOOD})
    assert found.errors() == [
        ("main.tf", 1, "module `m` cannot be read: the source is outside the project"),
        ("m", 0, "the folder was not read: it is a symbolic link that leads out of the project"),
    ]
    assert found.told("KV001") == []


def test_both_readings_count_each_resource_and_problem_once(judge: Judge) -> None:
    text = GOOD + BAD.replace('"kv"', '"b"') + 'module "m" {\n  source = "acme/kv/azurerm"\n}\nresource "x" {}\n'
    alone = judge({"main.tf": text, "variables.tf": 'variable "a" {}\n', "terraform.tfvars": "b = 1\n"})
    found = judge({"x.tofu": ""})
    assert alone.told("KV001") == [("fail", "main.tf", 6)]
    assert found.report == alone.report


def test_a_syntax_error_in_a_file_that_opentofu_does_not_read_is_an_error(judge: Judge) -> None:
    found = judge({"main.tf": "resource {", "main.tofu": GOOD})
    assert (found.code, {path for path, _, _ in found.errors()}) == (3, {"main.tf"})


def test_an_empty_folder_is_an_error_and_one_without_vaults_is_not(judge: Judge) -> None:
    assert judge({}).code == 3
    assert judge({"main.tf": 'resource "random_id" "x" {\n}\n'}).code == 0
    assert judge({"main.tf": ""}).code == 0


class TestDamage:
    """What cannot be read in a block may be what is missing there."""

    def test_an_attribute_that_is_lost_is_not_missing(self, judge: Judge) -> None:
        found = judge('resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled true\n  name = "kv"\n}\n')
        assert found.told("KV001") == [("unknown", "main.tf", 1)]
        assert set(found.outcomes("KV").values()) == {"unknown"}
        assert [line for _, line, _ in found.errors()] == [2]

    def test_invalid_expression_affects_its_attribute_only(self, judge: Judge) -> None:
        found = judge('resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled = false\n  name = ]\n}\n')
        assert found.told("KV001") == [("fail", "main.tf", 2)]
        assert [line for _, line, _ in found.errors()] == [3]

    def test_blocks_beside_a_broken_one_are_evaluated(self, judge: Judge) -> None:
        broken = 'resource "azurerm_key_vault" "b" {\n  name "b"\n}\n'
        found = judge(broken + BAD)
        assert found.outcomes("KV001") == {"azurerm_key_vault.b": "unknown", "azurerm_key_vault.kv": "fail"}

    def test_broken_nested_block_is_unknown(self, judge: Judge) -> None:
        found = judge(vault("true", "network_acls {\n  default_action Deny\n}\n"))
        assert found.outcomes("KV101") == {"azurerm_key_vault.kv": "unknown"}

    def test_broken_dynamic_block_is_unknown(self, judge: Judge) -> None:
        found = judge(vault("true", 'dynamic "network_acls" {\n  for_each [1]\n  content {\n  }\n}\n'))
        assert found.outcomes("KV101") == {"azurerm_key_vault.kv": "unknown"}

    def test_broken_argument_of_a_module_call_is_unknown(self, judge: Judge) -> None:
        module = variable("p", "false") + vault("var.p")
        found = judge({"main.tf": call(more="  p true\n"), "m/main.tf": module})
        assert found.outcomes("KV001") == {"module.m.azurerm_key_vault.kv": "unknown"}
        assert found.code == 3

    def test_references_to_a_damaged_resource_still_name_it(self, judge: Judge) -> None:
        setting = (
            'resource "azurerm_monitor_diagnostic_setting" "d" {\n  target_resource_id = azurerm_key_vault.kv.id\n'
            '  log_analytics_workspace_id = "x"\n  enabled_log {\n    category_group = "audit"\n  }\n}\n'
        )
        found = judge('resource "azurerm_key_vault" "kv" {\n  name "kv"\n}\n' + setting)
        assert found.outcomes("KV201") == {}

    def test_broken_provider_features_are_unknown(self, judge: Judge) -> None:
        broken = 'provider "azurerm" {\n  features {\n    key_vault {\n      purge_soft true\n    }\n  }\n}\n'
        assert set(judge(broken + GOOD).outcomes("KV006").values()) == {"unknown"}

    def test_syntax_error_in_an_installed_module_is_reported_at_its_call(self, judge: Judge) -> None:
        manifest = {"Modules": [{"Key": "m", "Dir": ".terraform/modules/m"}]}
        files = {
            "main.tf": call("x/y/azurerm"),
            ".terraform/modules/modules.json": json.dumps(manifest),
            ".terraform/modules/m/main.tf": 'resource "azurerm_key_vault" "kv" {\n  name "kv"\n}\n',
        }
        found = judge(files)
        assert found.told("KV001") == [("unknown", "main.tf", 1)]
        assert found.errors() == [
            (
                "main.tf",
                1,
                "`.terraform/modules/m/main.tf` cannot be read: expected a label or `{`, found the end of the line",
            )
        ]
