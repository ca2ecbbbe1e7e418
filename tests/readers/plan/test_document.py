"""Input that is no plan, or a broken one: one clear line, what was expected, how to get it; never a traceback."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.readers.plan.document import DUPLICATES_CHECKED_UP_TO, MAKE_PLAN_JSON, MAKE_UTF8, decode_plan
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
STATE = {"version": 4, "terraform_version": "1.13.4", "serial": 3, "lineage": "x", "outputs": {}, "resources": []}
SHOWN_STATE = {"format_version": "1.0", "terraform_version": "1.13.4", "values": {"root_module": {}}}
LOG = b'{"@level":"info","@message":"Terraform 1.13.4","type":"version"}\n{"@level":"info","type":"planned_change"}\n'
# A file that is no plan, a part of what is said of it, and of the hint.
REFUSED = {
    "empty": (b"", "the file is empty", MAKE_PLAN_JSON),
    "blank": (b" \r\n\t" * 40, "the file is empty", MAKE_PLAN_JSON),
    "only a BOM": (b"\xef\xbb\xbf", "the file is empty", MAKE_PLAN_JSON),
    "a binary plan": (b"PK\x03\x04\x14\x00\x08\x00tfplan", "the file is a binary plan", MAKE_PLAN_JSON),
    "no JSON": (b"Terraform will perform the following actions:", "invalid JSON: ", MAKE_PLAN_JSON),
    "HCL": (b'resource "azurerm_key_vault" "kv" {}', "invalid JSON: ", MAKE_PLAN_JSON),
    "YAML": (b"resource_changes: []", "invalid JSON: ", MAKE_PLAN_JSON),
    "two documents": (
        b'{"resource_changes":[]}\n{"resource_changes":[]}',
        "expected the end of the file",
        MAKE_PLAN_JSON,
    ),
    "cut off": (b'{"resource_changes":[{"address":"a', "unexpected end of file", MAKE_PLAN_JSON),
    "cut off after a bracket": (b'{"resource_changes":[{"change":{}', "unexpected end of file", MAKE_PLAN_JSON),
    "unpaired surrogate": (b'{"resource_changes":[{"address":"\\ud83d"}]}', "unpaired surrogate", MAKE_PLAN_JSON),
    "a control character": (b'{"resource_changes":["a\x01"]}', "invalid JSON: ", MAKE_PLAN_JSON),
    "not UTF-8": (b'{"resource_changes":["\xff"]}', "not UTF-8", MAKE_PLAN_JSON),
    "a key that is not UTF-8": (b'{"resource_changes":[],"\xff":1}', "not UTF-8", MAKE_PLAN_JSON),
    "a list": (b"[]", "invalid plan: ", MAKE_PLAN_JSON),
    "a text": (b'"plan"', "invalid plan: ", MAKE_PLAN_JSON),
    "null": (b"null", "invalid plan: ", MAKE_PLAN_JSON),
    "a number": (b"1e999", "invalid plan: ", MAKE_PLAN_JSON),
    "an empty object": (b"{}", "neither `resource_changes` nor `planned_values`", MAKE_PLAN_JSON),
    "a state": (json.dumps(STATE).encode(), "the file is a Terraform state", MAKE_PLAN_JSON),
    "a state, shown": (json.dumps(SHOWN_STATE).encode(), "the file is a Terraform state", MAKE_PLAN_JSON),
    "an ARM template": (b'{"$schema":"x","resources":[]}', "invalid plan", MAKE_PLAN_JSON),
    "a configuration": (b'{"format_version":"1.0","root_module":{}}', "a configuration without a plan", MAKE_PLAN_JSON),
    "the log of a plan": (LOG, "the log of `terraform plan -json`", MAKE_PLAN_JSON),
    "format 2": (
        b'{"format_version":"2.0","resource_changes":[]}',
        "plan format 2.0 is not supported",
        "update kvlint",
    ),
    "nested too deeply": (
        b'{"resource_changes":' + b"[" * 1000 + b"]" * 1000 + b"}",
        "deeper than 200 levels",
        MAKE_PLAN_JSON,
    ),
    "never closed": (b'{"resource_changes":' + b"[" * 100_000, "deeper than 200 levels", MAKE_PLAN_JSON),
    "resource_changes an object": (b'{"resource_changes":{}}', "`resource_changes`: expected an array", MAKE_PLAN_JSON),
    "resource_changes a text": (b'{"resource_changes":"x"}', "`resource_changes`: expected an array", MAKE_PLAN_JSON),
    "configuration a list": (b'{"resource_changes":[],"configuration":[]}', "`configuration`: ", MAKE_PLAN_JSON),
    "configuration a number": (b'{"resource_changes":[],"configuration":1e999}', "`configuration`: ", MAKE_PLAN_JSON),
    "twice at the top": (b'{"resource_changes":[],"resource_changes":[]}', "is duplicated", MAKE_PLAN_JSON),
    "twice in an entry": (
        b'{"resource_changes":[{"type":"a","type":"b"}]}',
        "key `type` is duplicated",
        MAKE_PLAN_JSON,
    ),
    "twice in a value": (
        b'{"resource_changes":[{"change":{"after":{"tags":{"a":1,"\\u0061":2}}}}]}',
        "key `a` is duplicated",
        MAKE_PLAN_JSON,
    ),
}
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("name", REFUSED)
def test_other_document_is_an_error(name: str) -> None:
    data, message, hint = REFUSED[name]
    with pytest.raises(InputError) as caught:
        decode_plan(data)
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("gap", ["", " \n"])
def test_a_repeated_key_at_the_top_is_refused_in_a_large_plan(gap: str) -> None:
    text = f'{{"checks":"{"x" * DUPLICATES_CHECKED_UP_TO}"{gap},{gap}"resource_changes":[]{gap},"checks":1}}'
    for data in (text.encode(), text.replace('"checks":1', '"resource_changes":[]').encode()):
        with pytest.raises(InputError, match="is duplicated"):
            decode_plan(data)


def test_a_repeated_key_where_nothing_is_read_does_not_matter() -> None:
    assert decode_plan(b'{"planned_values":{"a":1,"a":2},"resource_changes":[]}').entries == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_utf_16_is_refused_with_the_way_out(encoding: str, plan: PlanJson) -> None:
    for text in (plan.text().decode(), json.dumps(plan.document(), indent=2)):
        with pytest.raises(InputError, match="UTF-16") as caught:
            decode_plan(text.encode(encoding))
        assert caught.value.hint == MAKE_UTF8


@pytest.mark.parametrize("form", ["\n  {bad}", "\r\n  {bad}"])
def test_a_fault_has_a_place(form: str) -> None:
    data = ('{"é": 1,' + form.replace("{bad}", "x")).encode()
    with pytest.raises(InputError) as caught:
        decode_plan(data)
    assert (caught.value.line, caught.value.column) == (2, 3)


def test_where_a_file_was_cut_off() -> None:
    with pytest.raises(InputError) as caught:
        decode_plan(b'{"resource_changes":\n [{"x')
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_a_number_of_five_thousand_digits_is_only_a_number(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, {"name": "kv"})
    plan.more["checks"] = "BIG"
    found = read(plan.text().replace(b'"BIG"', b"9" * 5000))
    assert found.get(KV, "name") == "kv"


def test_a_file_may_begin_with_a_bom(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, {"name": "kv"})
    assert read(b"\xef\xbb\xbf" + plan.text()).get(KV, "name") == "kv"


class TestIncompletePlans:
    """Plans that can be read, and of which the report says what is missing."""

    def problems(self, plan: PlanJson, read: Reader) -> list[tuple[str, str]]:
        return [(problem.level, problem.message) for problem in read(plan).problems]

    def test_plan_without_changes_is_an_error(self, plan: PlanJson, read: Reader) -> None:
        assert self.problems(plan, read) == [
            ("error", "the plan has no `resource_changes`, so no resource was evaluated"),
        ]

    def test_plan_without_configuration_is_an_error(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        document = plan.document()
        del document["configuration"]
        found = read(json.dumps(document).encode())
        assert [problem.level for problem in found.problems] == ["error"]
        assert "no `configuration`" in found.problems[0].message
        assert not found.read.closed

    @pytest.mark.parametrize(
        ("key", "value", "level", "word"),
        [("errored", True, "error", "ended with an error"), ("complete", False, "warning", "incomplete")],
    )
    def test_a_part_of_a_plan(self, key: str, value: bool, level: str, word: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        plan.more[key] = value
        found = read(plan)
        assert [problem.level for problem in found.problems] == [level]
        assert word in found.problems[0].message
        assert not found.read.closed

    @pytest.mark.parametrize("version", ["0.1", "", None, 7])
    def test_an_old_format_is_read_with_a_warning(self, version: Any, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        plan.more["format_version"] = version
        found = read(plan)
        assert [problem.level for problem in found.problems] == ["warning"]
        assert found.read.closed

    @pytest.mark.parametrize("version", ["1.0", "1.2", "1.99"])
    def test_formats_that_are_known(self, version: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        plan.more["format_version"] = version
        assert not read(plan).problems


WRONG_CHANGES: dict[str, Any] = {
    "no change": None,
    "a list": [],
    "after a list": {"actions": ["create"], "after": []},
    "after a text": {"actions": ["create"], "after": "x"},
    "actions a text": {"actions": "create", "after": {}},
    "actions of numbers": {"actions": [1], "after": {}},
    "after_unknown a list": {"actions": ["create"], "after": {}, "after_unknown": [True]},
    "replace_paths of texts": {"actions": ["create"], "after": {}, "replace_paths": ["x"]},
    "before a list": {"actions": ["delete"], "before": [1], "after": None},
}
WRONG_ENTRIES: dict[str, Any] = {
    "null": None,
    "a text": "azurerm_key_vault.kv",
    "a list": [],
    "without address": {"type": "azurerm_key_vault", "change": {"actions": ["create"], "after": {}}},
    "an address of numbers": {"address": 1, "type": "azurerm_key_vault", "change": {}},
    "index a list": {"address": KV, "type": "azurerm_key_vault", "index": [], "change": {"after": {}}},
    "a type of numbers": {"address": KV, "type": 1, "change": {"after": {}}},
    "without change": {"address": KV, "type": "azurerm_key_vault"},
}


class TestWrongShapes:
    """Each breaks one part, which is told; the rest is still read."""

    @pytest.mark.parametrize("name", WRONG_CHANGES)
    def test_a_change(self, name: str, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_key_vault.good", {"name": "good"})
        plan.resource(KV, {"name": "kv"})
        plan.changes[-1]["change"] = WRONG_CHANGES[name]
        self.check_one_problem(plan, read)

    @pytest.mark.parametrize("name", WRONG_ENTRIES)
    @pytest.mark.parametrize("first", [True, False])
    def test_entry_of_another_shape_does_not_affect_others(
        self, name: str, first: bool, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource("azurerm_key_vault.good", {"name": "good"})
        plan.changes.insert(0 if first else 1, WRONG_ENTRIES[name])
        self.check_one_problem(plan, read)

    def check_one_problem(self, plan: PlanJson, read: Reader) -> None:
        found = read(plan)
        assert [problem.level for problem in found.problems] == ["error"]
        assert "cannot be read" in found.problems[0].message
        assert found.get("azurerm_key_vault.good", "name") == "good"
        assert not found.read.closed

    @pytest.mark.parametrize("depth", [150, 300, 450, 900])
    @pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"x":', "}"), ('[{"x":', "}]")])
    def test_depth_inside_a_change(self, start: str, end: str, depth: int, plan: PlanJson, read: Reader) -> None:
        """A depth that JSON decodes may still be too deep to be walked."""
        plan.resource("azurerm_key_vault.good", {"name": "good"})
        rules = [{"default_action": "Deny", "ip_rules": ["DEEP"]}]
        plan.resource("azurerm_key_vault.deep", {"name": "deep", "tags": "DEEP", "network_acls": rules})
        body = {"properties": "DEEP", "tags": "DEEP"}
        vault = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "deep", "body": body}
        plan.resource("azapi_resource.deep", vault)
        plan.resource("azapi_update_resource.deep", {"type": vault["type"], "resource_id": "/x", "body": body})
        text = plan.text().replace(b'"DEEP"', (start * depth + "1" + end * depth).encode())
        try:
            found = read(text)
        except InputError as error:
            assert "deeper than 200 levels" in error.message  # noqa: PT017  # either answer will do
            return
        assert found.get("azurerm_key_vault.good", "name") == "good"
        for problem in found.problems:
            assert "the nesting is too deep" in problem.message or "not in the plan" in problem.message

    @pytest.mark.parametrize("depth", [150, 300, 450, 900, 3000])
    @pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"x":', "}")])
    def test_deep_configuration_does_not_affect_changes(
        self, start: str, end: str, depth: int, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource("azurerm_key_vault.good", {"name": "good"})
        plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, unknown={"key_vault_id": True})
        plan.root["resources"][-1]["expressions"] = {"key_vault_id": "DEEP"}
        plan.providers["azurerm"]["expressions"] = {"features": "DEEP"}
        try:
            found = read(plan.text().replace(b'"DEEP"', (start * depth + "1" + end * depth).encode()))
        except InputError as error:
            assert "deeper than 200 levels" in error.message  # noqa: PT017  # either answer will do
            return
        assert found.get("azurerm_key_vault.good", "name") == "good"
        assert all("the nesting is too deep" in problem.message for problem in found.problems)

    @pytest.mark.parametrize(
        "configuration",
        [
            {},
            {"root_module": None},
            {"root_module": []},
            {"root_module": {"resources": {}, "module_calls": None}},
            {"root_module": {"resources": [None, 1, {"address": 7}], "module_calls": {"m": None}}},
            {"root_module": {"resources": [{"address": "azurerm_key_vault_secret.s", "expressions": []}]}},
            {"provider_config": [], "root_module": {}},
            {"provider_config": {"azurerm": None, "x:y": 3}, "root_module": {}},
            {"provider_config": {"azurerm": {"full_name": 1, "version_constraint": "9" * 5000, "expressions": 1}}},
            {"provider_config": {"azurerm": {"name": "azurerm", "expressions": {"features": "x"}}}},
            {"provider_config": {"azurerm": {"name": "azurerm", "expressions": {"features": [{"key_vault": [3]}]}}}},
        ],
    )
    def test_configuration_of_another_shape_leaves_links_unknown(
        self, configuration: Any, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, unknown={"key_vault_id": True})
        plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, unknown={"key_vault_id": True}, module="module.m")
        plan.more["configuration"] = configuration
        found = read(plan)
        assert found.link("azurerm_key_vault_secret.s") == ("perhaps",)

    @pytest.mark.parametrize(
        "refs",
        [
            {"references": "azurerm_key_vault.kv.id"},
            {"references": [1, None, {}]},
            {"references": [""]},
            {"references": ["."]},
            {"references": ["module"]},
            {"references": ["module.m"]},
            {"references": ["var"]},
            {"references": ["each"]},
            {"references": ["data"]},
            {"references": ["data.azurerm_key_vault"]},
            {"references": ["azurerm_key_vault.kv[²]", "[[[", "]"]},
            {"references": ["azurerm_key_vault.kv[" + "9" * 5000 + "]"]},
            [[{"references": ["azurerm_key_vault.kv.name"]}]],
            [],
            3,
        ],
    )
    def test_expression_of_another_shape_has_no_certain_link(self, refs: Any, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        source = plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, unknown={"key_vault_id": True})
        plan.root["resources"][-1]["expressions"] = {"key_vault_id": refs}
        assert read(plan).link(source)[0] != "certain"

    @pytest.mark.parametrize("index", [1.5, -1, 0, "", ".", "a.b", '"', "]", "[0]", "\\", "ü", "😀", "\n", "${x}"])
    def test_instance_key_of_any_type_is_read(self, index: Any, plan: PlanJson, read: Reader) -> None:
        address = plan.resource(KV, {"name": "kv"}, key=index)
        assert read(plan).get(address, "name") == "kv"

    @pytest.mark.parametrize("address", ["", ".", "module", "module.", "module.m", '["', "data", "a.b.c.d", "[²]"])
    def test_address_of_any_form_is_read(self, address: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"}, head={"address": address, "module_address": address})
        assert read(plan).get(address, "name") == "kv"


def test_a_large_plan_is_not_checked_for_duplicates_inside_but_breaks_nothing(plan: PlanJson, read: Reader) -> None:
    """The check of every key stops at a size; what it would have found must not crash what comes after."""
    plan.resource(KV, {"name": "kv"})
    plan.more["checks"] = "x" * DUPLICATES_CHECKED_UP_TO
    text = plan.text()
    assert read(text.replace(b'"name":"kv"', b'"name":"other","name":"kv"')).get(KV, "name") == "kv"
    for broken in (b"azurerm_\xff\xfe", b"\xff"):
        found = read(text.replace(b'"type":"azurerm_key_vault"', b'"type":"' + broken + b'"', 1))
        assert [problem.level for problem in found.problems] in ([], ["error"])
    found = read(text.replace(b'{"name":"kv"}', b'{"name":"\xff"}'))
    assert [problem.level for problem in found.problems] == ["error"]
    assert "not JSON in UTF-8" in found.problems[0].message


class TestCommandLine:
    """The same as people meet it: one line on either stream, exit code 3, or 2 for a wrong path."""

    def one_line(self, text: str) -> str:
        (line,) = [line for line in text.splitlines() if "error" in line.lower() or "kvlint:" in line]
        return line

    def test_invalid_plans_are_reported_without_a_traceback(self, tmp_path: Path, run: Run) -> None:
        for name in ("empty", "a binary plan", "cut off", "a state", "nested too deeply", "not UTF-8"):
            (tmp_path / f"{name}.json").write_bytes(REFUSED[name][0])
        ran = run(*sorted(tmp_path.glob("*.json")), cwd=tmp_path)
        assert ran.code == 3
        assert "Traceback" not in ran.out + ran.err
        assert "internal error" not in ran.out + ran.err
        for name in ("empty", "a binary plan", "cut off", "a state", "nested too deeply", "not UTF-8"):
            (line,) = [line for line in ran.out.splitlines() if line.startswith(f"{name}.json")]
            assert REFUSED[name][1] in line
        assert "terraform show -json tfplan > plan.json" in ran.out

    @pytest.mark.parametrize(("part", "code"), [({"errored": True}, 3), ({"complete": False}, 1), ({}, 1)])
    def test_a_part_of_a_plan(self, part: dict[str, bool], code: int, plan: PlanJson, tmp_path: Path, run: Run) -> None:
        """With a target the answer is whole for what was asked; after an error it is not."""
        plan.resource(KV, {"name": "kv", "purge_protection_enabled": False})
        plan.more |= part
        (tmp_path / "plan.json").write_bytes(plan.text())
        ran = run("plan.json", cwd=tmp_path)
        assert (ran.code, "KV001" in ran.out) == (code, True)

    def test_missing_path_is_an_error(self, tmp_path: Path, run: Run) -> None:
        ran = run("nowhere.json", cwd=tmp_path)
        assert ran.code == 2
        assert ran.err == (
            "kvlint: error: 'nowhere.json' does not exist "
            "(name a plan, a template, a Terraform or Bicep file, a folder, or -)\n"
        )

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_file_without_read_permission_is_an_error(self, tmp_path: Path, run: Run) -> None:
        (tmp_path / "plan.json").write_text("{}")
        (tmp_path / "plan.json").chmod(0)
        ran = run("plan.json", cwd=tmp_path)
        assert (ran.code, "cannot be read: Permission denied" in ran.out) == (3, True)

    def test_broken_link_is_an_error(self, tmp_path: Path, run: Run) -> None:
        (tmp_path / "plan.json").symlink_to("gone.json")
        ran = run("plan.json", cwd=tmp_path)
        assert (ran.code, "the path is a broken symbolic link" in ran.out) == (3, True)

    def test_pipes_and_devices_are_errors(self, tmp_path: Path, run: Run) -> None:
        os.mkfifo(tmp_path / "pipe")
        ran = run("pipe", "/dev/null", cwd=tmp_path)
        assert ran.code == 3
        assert ran.out.count(": error[KVE001] the path is not a regular file") == 2

    def test_invalid_json_from_standard_input_is_an_error(self, tmp_path: Path, run: Run) -> None:
        ran = run("-", cwd=tmp_path, stdin=b"no plan")
        assert ran.code == 3
        assert re.search(r"^stdin:1:\d+: error\[KVE001\] invalid JSON", ran.out, re.MULTILINE)
