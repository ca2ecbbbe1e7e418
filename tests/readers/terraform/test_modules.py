"""Module calls: what they reach, what they are given, and where what is found in them is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import CheckedModule, Judge

KV = "azurerm_key_vault.kv"
MODULE = variable("p", "true", "bool") + vault("var.p")
"""The value of its vault stands on line 6."""


def not_installed(source: str = "ns/name/azurerm") -> str:
    return f"module `{source}` is not installed, so its resources are not evaluated"


def related(found: CheckedModule, rule: str = "KV001") -> list[tuple[str, str, int]]:
    """Text, path and line of the places that one finding is related to."""
    (finding,) = found.all(rule)
    return [(note.text, note.at.path, note.at.region.start_line if note.at.region else 0) for note in finding.related]


def installed(*keys: str, **modules: str) -> dict[str, str]:
    """Modules that ``terraform init`` has put below ``.terraform``; each is the call of its name, and of more."""
    entries = [{"Key": "", "Source": "", "Dir": "."}]
    entries += [{"Key": name, "Source": "x", "Dir": f".terraform/modules/{name}"} for name in modules]
    entries += [{"Key": key, "Source": "x", "Dir": f".terraform/modules/{next(iter(modules))}"} for key in keys]
    files = {f".terraform/modules/{name}/main.tf": text for name, text in modules.items()}
    return {**files, ".terraform/modules/modules.json": json.dumps({"Modules": entries})}


class TestPlaces:
    def test_value_in_the_module_is_reported_in_the_module(self, judge: Judge) -> None:
        found = judge({"main.tf": call(), "m/main.tf": vault("false")})
        assert found.told("KV001") == [("fail", "m/main.tf", 2)]
        assert related(found) == [("called here", "main.tf", 1)]

    def test_default_is_reported_at_the_attribute_that_uses_it(self, judge: Judge) -> None:
        found = judge({"main.tf": call(), "m/main.tf": MODULE.replace("true", "false")})
        assert found.told("KV001") == [("fail", "m/main.tf", 6)]
        assert related(found) == [("the value comes from here", "m/main.tf", 3), ("called here", "main.tf", 1)]

    def test_argument_is_reported_at_the_caller(self, judge: Judge) -> None:
        found = judge({"main.tf": call(more="  p = false\n"), "m/main.tf": MODULE})
        assert found.told("KV001") == [("fail", "main.tf", 3)]
        assert found.text(found.all("KV001")[0]) == "p = false"
        assert ("called here", "main.tf", 1) in related(found)
        assert (f"module.m.{KV} is declared here", "m/main.tf", 5) in related(found)

    def test_passed_on_argument_is_reported_where_it_is_set(self, judge: Judge) -> None:
        files = {
            "main.tf": call("./a", "  p = false\n"),
            "a/main.tf": variable("p") + call("../b", "  p = var.p\n", "n"),
            "b/main.tf": MODULE,
        }
        found = judge(files)
        assert found.told("KV001") == [("fail", "main.tf", 3)]
        assert [at for text, *at in related(found) if text == "called here"] == [["main.tf", 1], ["a/main.tf", 3]]

    def test_computed_argument_is_reported_at_the_argument(self, judge: Judge) -> None:
        text = variable("q", "true") + "locals {\n  no = !var.q\n}\n" + call(more="  p = local.no\n")
        found = judge({"main.tf": text, "m/main.tf": MODULE})
        assert found.told("KV001") == [("fail", "main.tf", 9)]
        assert ("the value comes from here", "main.tf", 5) in related(found)

    def test_absent_argument_is_reported_at_the_resource_block(self, judge: Judge) -> None:
        found = judge({"main.tf": call(), "m/main.tf": 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'})
        assert found.told("KV001") == [("fail", "m/main.tf", 1)]
        assert found.text(found.all("KV001")[0]) == 'resource "azurerm_key_vault" "kv"'

    def test_item_of_a_map_argument_is_reported_in_the_caller(self, judge: Judge) -> None:
        module = variable("vaults", type_="map(object({ purge = bool }))") + vault(
            "each.value.purge", "  for_each = var.vaults\n"
        )
        given = "  vaults = {\n    a = { purge = true }\n    b = { purge = false }\n  }\n"
        found = judge({"main.tf": call(more=given), "m/main.tf": module})
        assert found.told("KV001") == [("fail", "main.tf", 5)]
        assert found.outcomes("KV001") == {f'module.m.{KV}["b"]': "fail"}


class TestInstalled:
    @pytest.mark.parametrize(
        ("more", "module", "line"),
        [
            ("", vault("false"), 1),
            ("", MODULE.replace("true", "false"), 1),
            ("  p = false\n", MODULE, 3),
            ("  q = 1\n  p = false\n", MODULE, 4),
            ("", call("./sub", name="n"), 1),
            ("  p = false\n", variable("p") + call("./sub", "  p = var.p\n", "n"), 3),
        ],
    )
    def test_finding_in_an_installed_module_is_reported_in_the_caller(
        self, more: str, module: str, line: int, judge: Judge
    ) -> None:
        inner = MODULE if "p =" in more else vault("false")
        files = {"main.tf": call("ns/name/azurerm", more), **installed("m.n", m=module)}
        files[".terraform/modules/m/sub/main.tf"] = inner
        found = judge(files)
        assert found.told("KV001") == [("fail", "main.tf", line)]
        told = {finding.at.path for finding in found.all()}
        told |= {note.at.path for finding in found.all() for note in finding.related}
        assert told == {"main.tf"}

    def test_missing_argument_of_an_installed_module_is_reported_at_the_call(self, judge: Judge) -> None:
        found = judge({"main.tf": call("ns/name/azurerm"), **installed(m=variable("p") + vault("var.p"))})
        assert found.told("KV001") == [("unknown", "main.tf", 1)]

    def test_module_called_by_an_installed_module_is_evaluated(self, judge: Judge) -> None:
        files = {
            "main.tf": call("ns/name/azurerm"),
            **installed("m.n", m=call("ns/other/azurerm", name="n"), n=vault("false")),
        }
        files[".terraform/modules/modules.json"] = json.dumps(
            {"Modules": [{"Key": "m", "Dir": ".terraform/modules/m"}, {"Key": "m.n", "Dir": ".terraform/modules/n"}]}
        )
        found = judge(files)
        assert found.outcomes("KV001") == {f"module.m.module.n.{KV}": "fail"}
        assert found.told("KV001") == [("fail", "main.tf", 1)]

    @pytest.mark.parametrize(
        "manifest",
        [
            '{"Modules": [{"Key": "m", "Dir": "/etc"}]}', '{"Modules": [{"Key": "m", "Dir": "../../../../.."}]}',
            '{"Modules": [{"Key": "m", "Dir": "gone"}]}', '{"Modules": [{"Key": "other", "Dir": "."}]}',
        ],
    )  # fmt: skip
    def test_manifest_without_the_module_leaves_it_not_installed(self, manifest: str, judge: Judge) -> None:
        found = judge({"main.tf": call("ns/name/azurerm"), ".terraform/modules/modules.json": manifest})
        assert found.notes() == [("main.tf", 1, not_installed())]
        assert found.code == 0

    @pytest.mark.parametrize(
        "manifest",
        ["", "[", "[]", "null", "5", '{"Modules": 1}', '{"Modules": [{"Key": "m", "Dir": 5}]}', "[" * 100_000],
    )
    def test_invalid_module_manifest_is_an_error(self, manifest: str, judge: Judge) -> None:
        found = judge({"main.tf": call("ns/name/azurerm"), ".terraform/modules/modules.json": manifest})
        assert [path for path, *_ in found.errors()] == [".terraform/modules/modules.json"]
        assert found.notes() == [("main.tf", 1, not_installed())]
        assert found.code == 3

    def test_invalid_folder_name_in_the_manifest_is_an_error(self, judge: Judge) -> None:
        manifest = '{"Modules": [{"Key": "m", "Dir": "a\\u0000b"}]}'
        found = judge({"main.tf": call("ns/name/azurerm"), ".terraform/modules/modules.json": manifest})
        assert found.code == 3


@pytest.mark.parametrize(
    "source",
    [
        "ns/name/azurerm",
        "app.terraform.io/a/b/c",
        "git::https://example.org/a.git",
        "github.com/a/b",
        "https://x/y.zip",
        "s3::x",
        "m",
        "/m",
    ],
)
def test_module_that_is_not_installed_is_a_note_and_leaves_companions_unknown(source: str, judge: Judge) -> None:
    """Also where the call is all that the root has."""
    files = {"main.tf": call(source)}
    assert judge(files).notes() == [("main.tf", 1, not_installed(source))]
    found = judge({"main.tf": call(source) + vault()})
    assert found.outcomes("KV201") == {KV: "unknown"}
    assert found.code == 1  # the vault is open to the world


def test_json_module_that_is_not_installed_is_a_note(judge: Judge) -> None:
    assert judge({"main.tf.json": '{"module": {"m": {"source": "ns/name/azurerm"}}}'}).notes() == [
        ("main.tf.json", 1, not_installed())
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("./gone", "module `m` cannot be read: the folder does not exist"),
        ("./empty", "module `m` cannot be read: the folder contains no Terraform files"),
        ("../outside", "module `m` cannot be read: the source is outside the project"),
        ("./../../..", "module `m` cannot be read: the source is outside the project"),
        (".", "module `m` cannot be read: the module calls itself"),
        ("./empty/..", "module `m` cannot be read: the module calls itself"),
        ("./a\\u0000b", "module `m` cannot be read: the source is outside the project"),
    ],
)
def test_unreadable_module_is_an_error(source: str, message: str, judge: Judge) -> None:
    found = judge({"main.tf": call(source) + vault("false"), "empty/readme.md": ""})
    assert found.errors() == [("main.tf", 1, message)]
    assert found.outcomes("KV001") == {KV: "fail"}
    assert found.outcomes("KV201") == {KV: "unknown"}


def test_unknown_source_of_a_module_is_an_error(judge: Judge) -> None:
    found = judge(variable("s") + 'module "m" {\n  source = var.s\n}\n', "main.tf")
    text = "the source of module `m` is unknown, so its resources were not evaluated"
    assert (found.code, found.errors()) == (3, [("main.tf", 3, text)])


def test_call_without_a_source_is_an_error(judge: Judge) -> None:
    found = judge('module "m" {\n}\n', "main.tf")
    assert [message for *_, message in found.errors()] == ["the source of module `m` is unknown"]


def test_a_source_that_is_a_value(judge: Judge) -> None:
    """OpenTofu takes variables and locals there."""
    files = {"main.tf": variable("s", '"./m"') + 'module "m" {\n  source = var.s\n}\n', "m/main.tf": vault("false")}
    assert judge(files, "main.tf").outcomes("KV001") == {f"module.m.{KV}": "fail"}


def test_circular_modules_are_an_error(judge: Judge) -> None:
    files = {"a/main.tf": call("../b"), "b/main.tf": call("../a") + vault("false")}
    found = judge(files)
    assert found.errors() == [("b/main.tf", 1, "module `m` cannot be read: the module calls itself")]
    assert list(found.outcomes("KV001").values()) == ["fail"]


def test_chain_of_modules_is_followed_up_to_fifty_levels(judge: Judge) -> None:
    def chain(length: int) -> dict[str, str]:
        files = {"main.tf": call("./d1")} | {f"d{i}/main.tf": call(f"../d{i + 1}") for i in range(1, length)}
        return files | {f"d{length}/main.tf": vault("false")}

    assert list(judge(chain(49)).outcomes("KV001").values()) == ["fail"]
    found = judge(chain(60))
    assert [message for *_, message in found.errors()] == [
        "module `m` cannot be read: modules are nested deeper than 50 levels"
    ]


def test_a_module_with_many_callers_is_one_finding(judge: Judge) -> None:
    calls = "".join(call(name=f"m{i}") for i in range(1000))
    found = judge({"main.tf": calls, "m/main.tf": vault("false")})
    (finding,) = found.all("KV001")
    assert len(finding.occurrences) == 1000
    assert len(finding.related) <= 21
    assert found.told("KV001") == [("fail", "m/main.tf", 2)]


def test_each_caller_is_evaluated_with_its_own_values(judge: Judge) -> None:
    calls = [call(more=f"  p = {value}\n", name=name) for name, value in (("a", "false"), ("b", "true"), ("d", "null"))]
    found = judge({"main.tf": "".join(calls) + call(name="c"), "m/main.tf": MODULE})
    assert found.outcomes("KV001") == {f"module.a.{KV}": "fail", f"module.d.{KV}": "fail"}


@pytest.mark.parametrize(
    ("repeated", "brackets"),
    [
        ("count = 2", ["[0]", "[1]"]),
        ("count = 0", []),
        ("count = var.n", ["[0]"]),
        ("for_each = var.n", ["[*]"]),
        (
            'for_each = toset(["a.b", "c]", "d\\"e", "\\u00e9", "f[0]"])',
            ['["a.b"]', '["c]"]', '["d\\"e"]', '["f[0]"]', '["é"]'],
        ),
    ],
)
def test_repeated_calls_have_instances(repeated: str, brackets: list[str], judge: Judge) -> None:
    files = {"main.tf": variable("n") + call(more=f"  {repeated}\n  p = false\n"), "m/main.tf": MODULE}
    found = judge(files)
    assert list(found.outcomes("KV001")) == [f"module.m{bracket}.{KV}" for bracket in brackets]
    assert found.told("KV001") == [("fail", "main.tf", 6)] * bool(brackets)


def test_arguments_of_repeated_calls_differ_by_instance(judge: Judge) -> None:
    repeated = "  for_each = { a = true, b = false }\n  p = each.value\n"
    found = judge({"main.tf": call(more=repeated), "m/main.tf": MODULE})
    assert found.outcomes("KV001") == {f'module.m["b"].{KV}': "fail"}
    found = judge({"main.tf": call(more="  count = 2\n  p = count.index == 0\n"), "m/main.tf": MODULE})
    assert found.outcomes("KV001") == {f"module.m[1].{KV}": "fail"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('# module "m" {{\n#   source = "./m"\n# }}\n', "alone"),
        ('// module "m" {{ source = "./m" }}\n', "alone"),
        ('/* module "m" {{\n  source = "./m"\n}} */\n', "alone"),
        ('module "m" {{\n  # source = "./m"\n  source = "./n"\n}}\n', "alone"),
        ('module "m" {{ source = "./m" }}\n', "called"),
        ('module m {{\n  source = "./m"\n}}\n', "called"),
        ('module "m" {{\n  source   =   "./m/"\n}}\n', "called"),
        ('module "m" {{\n  source = ".//m"\n}}\n', "called"),
        ('locals {{\n  a = "/*"\n}}\nmodule "m" {{\n  source = "./m"\n}}\nlocals {{\n  b = "*/"\n}}\n', "called"),
        ('locals {{\n  source = "./m"\n}}\n', "alone"),
    ],
)
def test_only_a_real_call_makes_a_module_a_called_one(text: str, says: str, judge: Judge) -> None:
    files = {"main.tf": text.format(), "m/main.tf": vault("false"), "n/main.tf": vault()}
    assert list(judge(files).outcomes("KV001")) == [KV if says == "alone" else f"module.m.{KV}"]


class TestRoots:
    FILES = {"main.tf": call("./modules/kv", "  p = false\n"), "modules/kv/main.tf": MODULE}  # noqa: RUF012  # not changed

    def test_module_is_evaluated_through_its_callers(self, judge: Judge) -> None:
        assert judge(self.FILES).outcomes("KV001") == {f"module.m.{KV}": "fail"}

    def test_module_on_the_command_line_is_evaluated_alone(self, judge: Judge) -> None:
        found = judge(self.FILES, "modules/kv")
        assert found.outcomes("KV001") == {}
        assert found.report.sources == (".",)
        assert judge(self.FILES, "modules/kv/main.tf").report.sources == (".",)

    def test_file_on_the_command_line_selects_its_module(self, judge: Judge) -> None:
        files = {"main.tf": variable("p", "false"), "vault.tf": vault("var.p")}
        assert judge(files, "main.tf").told("KV001") == [("fail", "vault.tf", 2)]

    def test_reusable_module_has_unknown_companions(self, judge: Judge) -> None:
        open_ = {"main.tf": variable("p") + vault("var.p")}
        assert judge(open_).outcomes("KV201") == {KV: "unknown"}
        assert judge(open_, closed=True).outcomes("KV201") == {KV: "fail"}

    @pytest.mark.parametrize(
        "files",
        [
            {"providers.tf": 'provider "azurerm" {\n  features {}\n}\n'},
            {"backend.tf": 'terraform {\n  backend "local" {\n  }\n}\n'},
            {"cloud.tf": "terraform {\n  cloud {\n  }\n}\n"},
            {"terraform.tfvars": "p = true\n"},
        ],
    )
    def test_provider_backend_or_variable_file_makes_a_root_module(self, files: dict[str, str], judge: Judge) -> None:
        found = judge({"main.tf": variable("p") + vault("var.p"), **files})
        assert found.outcomes("KV201") == {KV: "fail"}

    def test_each_root_that_calls_a_module_is_evaluated(self, judge: Judge) -> None:
        files = {f"{env}/main.tf": call("../kv") for env in ("dev", "prod")} | {"kv/main.tf": vault("false")}
        found = judge(files)
        (finding,) = found.all("KV001")
        assert [(one.root, one.address) for one in finding.occurrences] == [
            ("dev", f"module.m.{KV}"),
            ("prod", f"module.m.{KV}"),
        ]


def test_reference_to_an_undeclared_module_is_a_note(judge: Judge) -> None:
    named = 'resource "azurerm_key_vault" "kv" {\n  name                     = "kv"\n'
    found = judge({"main.tf": named + "  purge_protection_enabled = try(module.nope.purge, true)\n}\n"})
    assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}
    assert found.notes() == [("main.tf", 3, "module `nope` is not declared")]
    # A block that cannot be read may declare it.
    found = judge(
        {"main.tf": named + "  purge_protection_enabled = module.nope.purge\n}\n", "b.tf": 'module "nope" {{\n'}
    )
    assert not found.notes()
