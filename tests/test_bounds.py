"""A small input cannot cause much work: each of these ends soon, in little memory, with a limit that is named."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from azkvlint.__main__ import main
from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.linter.rule_tests import expand
from azkvlint.linter.workers import NO_MEMORY
from azkvlint.readers.plan.address import longest, steps

pytestmark = [
    pytest.mark.slow(10),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits"),
]

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_KV = "Microsoft.KeyVault/vaults@2023-07-01"


class Run(NamedTuple):
    code: int
    output: str
    errors: str


def kvlint(folder: Path, *arguments: str, seconds: int = 30, megabytes: int = 500) -> Run:
    """Run kvlint in a folder with limits of CPU time and memory.

    A quiet machine needs a quarter of the time. Work without bounds would take hours.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = subprocess.run(
        [sys.executable, "-m", "azkvlint", *arguments, "--isolated"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit, env=_environment(),
    )  # fmt: skip
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def compiled_rules(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the rules of a checkout takes longer than most of these runs."""
    monkeypatch.setenv("PYTHONPATH", str(installed))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("KVLINT_", "COV_", "PYTEST_"))}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def template(*resources: dict[str, Any], **more: Any) -> str:
    return json.dumps({"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": resources, **more})


def vault(**more: Any) -> dict[str, Any]:
    own: dict[str, Any] = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": "kv",
        "properties": {},
    }
    return {**own, **more}


def deployment(inner: str, **more: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"mode": "Incremental", "template": json.loads(inner)}
    kind: dict[str, Any] = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d"}
    return {**kind, "properties": properties, **more}


def copies(count: Any) -> dict[str, Any]:
    return {"copy": {"name": "c", "count": count}}


def nested_variable_copies(count: int) -> dict[str, Any]:
    value: Any = "x"
    for name in "cb":
        value = {"copy": [{"name": name, "count": count, "input": value}]}
    return {"copy": [{"name": "a", "count": count, "input": value}]}


TERRAFORM_CALL = 'module "m" {\n  source = "./m"\n  count = %s\n}\n'
TERRAFORM_VAULT = 'resource "azurerm_key_vault" "a" {\n  count = %s\n  name = "kv${count.index}"\n}\n'
BICEP_CALL = "module m 'm.bicep' = [for i in %s: {\n  name: 'm${i}'\n}]\n"
BICEP_VAULT = f"resource v '{_KV}' = [for i in %s: {{\n  name: 'v${{i}}'\n  location: 'x'\n}}]\n"
RESOURCES = "the input declares more than 12,"
POLICIES = [{"objectId": "o", "permissions": {"keys": ["get"]}}] * 3000

DYNAMIC_VAULT = 'resource "azurerm_key_vault" "a" {\n  name = "kv"\n  %s\n%s}\n'
DYNAMIC = """\
  dynamic "access_policy" {
    for_each = range(1000)
    content {
      object_id       = "o${access_policy.value}"
      key_permissions = ["Get"]
    }
  }
"""
OBJECTS = "map(range(0, 9000), lambda('x', createObject('a', lambdaVariables('x'))))"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param(
            {"main.tf": TERRAFORM_CALL % 3000, "m/main.tf": TERRAFORM_VAULT % 9999}, RESOURCES, id="terraform"
        ),
        pytest.param(
            {"main.tf": TERRAFORM_CALL % 9999, "m/main.tf": TERRAFORM_VAULT % 9999},
            "the input has more than 4,000 instances of modules",
            id="terraform-modules",
        ),
        pytest.param(
            {"main.bicep": BICEP_CALL % "range(0, 3000)", "m.bicep": BICEP_VAULT % "range(0, 9999)"},
            RESOURCES,
            id="bicep",
        ),
        pytest.param(
            {"main.json": template(deployment(template(vault(**copies(800))), **copies(800)))}, RESOURCES, id="arm"
        ),
        pytest.param(
            {"main.json": template(*(vault(**copies(800)) for _ in range(100)))}, RESOURCES, id="arm-siblings"
        ),
        pytest.param(
            {"main.json": template(vault(name="[join(variables('a'), '')]"), variables=nested_variable_copies(800))},
            "the expressions create more than 400,000 values",
            id="arm-variables",
        ),
        pytest.param(
            {"main.json": template(vault(properties={"accessPolicies": POLICIES}, **copies(800)))},
            "the expressions create more than",
            id="arm-long-body",
        ),
        pytest.param(
            {"main.json": template(vault(name=f"[string(intersection({OBJECTS}, {OBJECTS}))]"))},
            "the expressions require more than",
            id="arm-intersection",
        ),
        pytest.param(
            {"main.tf": DYNAMIC_VAULT % ("count = 1000", DYNAMIC * 3)},
            "the expressions create more than",
            id="terraform-dynamic-in-count",
        ),
        pytest.param(
            {"main.tf": DYNAMIC_VAULT % ("for_each = toset([for i in range(1000) : tostring(i)])", DYNAMIC * 3)},
            "the expressions create more than",
            id="terraform-dynamic-in-for-each",
        ),
    ],
)
def test_products_end_soon_with_a_named_limit(tmp_path: Path, files: dict[str, str], limit: str) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".")
    assert run.code == 3, run
    assert limit in run.output
    assert "the limit for an input of this size" in run.output


@pytest.mark.parametrize(
    "files",
    [
        {"main.tf": TERRAFORM_CALL % 9999, "m/main.tf": TERRAFORM_VAULT % 9999},
        {"main.bicep": BICEP_CALL % "range(0, 3000)", "m.bicep": BICEP_VAULT % "range(0, 9999)"},
        {"main.json": template(deployment(template(vault(**copies(800))), **copies(800)))},
        {"main.json": template(*(vault(**copies(800)) for _ in range(100)))},
    ],
    ids=["terraform", "bicep", "arm", "arm-siblings"],
)
def test_products_that_are_written_out_are_refused_before_they_are_made(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "-v", megabytes=300)
    assert run.code == 3
    assert "No Key Vault resources found" in run.output
    assert "not evaluated" in run.output


@pytest.mark.parametrize(
    ("files", "vaults"),
    [
        ({"main.tf": TERRAFORM_CALL % 20, "m/main.tf": TERRAFORM_VAULT % 50}, 1000),
        ({"main.json": template(vault(name="[concat('kv', copyIndex())]", **copies(800)))}, 800),
        ({"main.bicep": BICEP_CALL % "range(0, 10)", "m.bicep": BICEP_VAULT % "range(0, 50)"}, 500),
    ],
    ids=["terraform", "arm", "bicep"],
)
def test_inputs_of_realistic_size_are_within_the_limits(tmp_path: Path, files: dict[str, str], vaults: int) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "--select", "KV001")
    assert run.code == 1
    assert f"on {vaults} resources in {vaults} key vaults.\n" in run.output


SWITCHED_OFF = 'variable "v{0}" {{\n  default = 0\n}}\n'
SWITCHED_VAULT = 'resource "azurerm_key_vault" "v{0}" {{\n  count = {1}\n  name  = "kv{0}"\n}}\n'
OFF_BY_DEFAULT = 1500


def numbered(shape: str, *more: str, number: int = OFF_BY_DEFAULT) -> str:
    return "".join(shape.format(one, *more) for one in range(number))


def off_in_terraform(count: str) -> str:
    return numbered(SWITCHED_OFF) + "".join(
        SWITCHED_VAULT.format(one, count.format(one, *range(one + 1, one + 12))) for one in range(OFF_BY_DEFAULT - 12)
    )


def chain(depth: int) -> dict[str, str]:
    """Modules that each call the next one twice, each call disabled by another variable of the root."""
    variables, passed = numbered(SWITCHED_OFF, number=depth), numbered("  v{0} = var.v{0}\n", number=depth)
    inputs = numbered('variable "v{0}" {{}}\n', number=depth)
    files = {}
    for level in range(depth):
        source = f'source = "../m{level + 1}"' if level else f'source = "./m{level + 1}"'
        calls = "".join(f'module "{n}" {{\n  {source}\n  count = var.v{level}\n{passed}}}\n' for n in "ab")
        own = SWITCHED_VAULT.format(0, f"var.v{level}")
        files[f"m{level}/main.tf" if level else "main.tf"] = (inputs if level else variables) + calls + own
    return {**files, f"m{depth}/main.tf": inputs + SWITCHED_VAULT.format(0, "var.v0")}


CALLS = """\
variable "n" { default = 0 }
variable "m" { default = {} }
module "m" {
  source = "./m"
  count  = var.n
  m      = var.m
}
"""
MAYBE_VAULT = 'resource "azurerm_key_vault" "v{0}" {{\n  for_each = var.m\n  name = each.value\n}}\n'
MAYBE_CALL = 'module "x{0}" {{\n  source = "../x"\n  for_each = var.m\n  m = var.m\n}}\n'
SECRETS = numbered('resource "azurerm_key_vault_secret" "s{0}" {{\n  name = "s"\n}}\n')
OFF_CALL = 'module "m{0}" {{\n  source = "./m"\n  count = var.v{0}\n}}\n'
BICEP_OFF = numbered("param v{0} bool = false\n")
BICEP_OFF_VAULT = f"resource r{{0}} '{_KV}' = if (v{{0}}) {{{{\n  name: 'v{{0}}'\n  location: 'x'\n}}}}\n"
BICEP_OFF_CALL = "module m{0} 'm.bicep' = if (v{0}) {{\n  name: 'm{0}'\n}}\n"
ARM_OFF = {f"v{number}": {"type": "bool", "defaultValue": False} for number in range(OFF_BY_DEFAULT)}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"main.tf": off_in_terraform("var.v{0}")}, id="terraform"),
        pytest.param(
            {"main.tf": off_in_terraform(" + ".join(f"var.v{{{one}}}" for one in range(12)))}, id="terraform-sums"
        ),
        pytest.param(
            {"main.tf": f"locals {{\n  all = [{numbered('azurerm_key_vault.v{0}[*].name, ', number=1400)}]\n}}\n"
             + off_in_terraform("length(flatten(local.all)) * 0 + var.v{0}")},
            id="terraform-all-in-each",
        ),
        pytest.param({"main.tf": numbered(SWITCHED_OFF) + numbered(OFF_CALL), "m/main.tf": SECRETS},
                     id="terraform-modules"),
        pytest.param(chain(40), id="terraform-nested-modules"),
        pytest.param(
            {"main.tf": CALLS, "m/main.tf": 'variable "m" {}\n' + numbered(MAYBE_CALL, number=300),
             "x/main.tf": 'variable "m" {}\n' + numbered(MAYBE_VAULT, number=300)},
            id="terraform-count-and-for-each",
        ),
        pytest.param({"main.bicep": BICEP_OFF + numbered(BICEP_OFF_VAULT)}, id="bicep"),
        pytest.param(
            {"main.bicep": BICEP_OFF + numbered(BICEP_OFF_CALL),
             "m.bicep": numbered(BICEP_OFF_VAULT.replace("if (v{0}) ", ""))},
            id="bicep-modules",
        ),
        pytest.param(
            {"main.json": template(
                *(vault(name=name, condition=f"[parameters('{name}')]") for name in ARM_OFF), parameters=ARM_OFF
            )},
            id="arm",
        ),
        pytest.param(
            {"main.json": template(
                *(deployment(template(vault(), vault(name="other")), condition=f"[parameters('{name}')]")
                  for name in ARM_OFF),
                parameters=ARM_OFF,
            )},
            id="arm-nested",
        ),
    ],
)  # fmt: skip
def test_code_that_defaults_disable_takes_time_in_proportion(tmp_path: Path, files: dict[str, str]) -> None:
    """Each declaration is evaluated, or a limit is named, and all that it kept from being evaluated is listed."""
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "-f", "json", "--select", "KV001,KV601")
    report = json.loads(run.output)
    limits = [one["message"] for one in report["problems"] if "the limit for an input of this size" in one["message"]]
    assert run.code == (3 if report["problems"] else 1), run
    assert report["evaluated"]
    assert len(limits) < 10
    for one in report["skipped"]:
        assert any(one["reason"].rpartition(": ")[2] in limit for limit in limits), one
    declared = sum(text.count('resource "') + text.count(f"'{_KV}'") for text in files.values())
    declared += files.get("main.json", "").count('"Microsoft.KeyVault/vaults"')
    if not any("nested" in one["message"] or "deep" in one["message"] for one in report["problems"]):
        assert len(report["evaluated"]) + len(report["skipped"]) == declared


def test_a_module_that_is_never_called_is_accounted_for_once(tmp_path: Path) -> None:
    write(tmp_path, {
        "main.tf": numbered('module "m{0}" {{\n  source = "./m"\n  count = 0\n}}\n', number=4000),
        "m/main.tf": SECRETS,
        "bicep/main.bicep": numbered("module m{0} 'm.bicep' = if (false) {{\n  name: 'm{0}'\n}}\n", number=4000),
        "bicep/m.bicep": numbered(BICEP_OFF_VAULT.replace("if (v{0}) ", "")),
    })  # fmt: skip
    run = kvlint(tmp_path, ".", "-f", "json", "--select", "KV001,KV601")
    assert run.code == 0
    assert len(json.loads(run.output)["skipped"]) == 2 * OFF_BY_DEFAULT


def test_a_budget_is_that_of_one_unit(tmp_path: Path) -> None:
    """What else is checked, and by how many processes, makes no difference."""
    for number in range(3):
        write(tmp_path / f"r{number}", {"main.tf": TERRAFORM_VAULT % 5000})
    alone = kvlint(tmp_path, "r0", "--select", "KV001", "-f", "json")
    for jobs in ("1", "2"):
        run = kvlint(tmp_path, ".", "--select", "KV001", "-f", "json", "-j", jobs, megabytes=4000)
        assert (run.code, alone.code) == (1, 1)
        assert len(json.loads(run.output)["findings"]) == 3 * len(json.loads(alone.output)["findings"])


def grows_with_its_input(work: Callable[[int], object], size: int) -> bool:
    """Whether four times the input takes no more than eight times as long, in one of three tries."""

    def measured(size: int) -> float:
        started = time.process_time()
        work(size)
        return time.process_time() - started

    return any(measured(4 * size) < 8 * max(measured(size), 0.002) for _ in range(3))


@pytest.mark.parametrize(
    "shape",
    ["azurerm_key_vault.a{}", "{}"],
)
@pytest.mark.parametrize("repeated", ["[", '["', "[a", ".a", '["a"]', "]", '"', '["\\"'])
def test_an_address_takes_time_in_proportion(shape: str, repeated: str) -> None:
    assert grows_with_its_input(lambda size: steps.__wrapped__(shape.format(repeated * size)), 4_000)


def test_diagnostic_settings_of_unknown_scopes_take_time_in_proportion(tmp_path: Path) -> None:
    """Each may export the activity log of the subscription of each other one. To compare all would take a minute."""
    setting = (
        'variable "s{0}" {{}}\nresource "azurerm_monitor_diagnostic_setting" "d{0}" {{\n  name = "d"\n'
        "  target_resource_id = var.s{0}\n  log_analytics_workspace_id = var.s0\n"
        '  enabled_log {{\n    category = "Administrative"\n  }}\n}}\n'
    )
    write(tmp_path, {"main.tf": numbered(setting, number=6000)})
    run = kvlint(tmp_path, ".", "-f", "json", "--select", "KV217,KV218", "--show-unknown")
    assert run.code == 0
    assert len(json.loads(run.output)["unknown"]) == 6000


_MANY = "[for i in range(0, 99 + 1): {"
_KV_BICEP = "resource {} '{}' = {}{{\n  name: '{}'\n  location: 'x'\n}}\n"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"main.json": template(
                vault(name="first"),
                deployment(template(deployment(template(vault(name="inner")), **copies("[add(99, 1)]"))),
                           **copies("[add(99, 1)]")),
                vault(name="last", condition="[parameters('on')]"),
                parameters={"on": {"type": "bool", "defaultValue": False}},
            )},
            id="arm",
        ),
        pytest.param(
            {"main.bicep": "param on bool = false\n" + _KV_BICEP.format("first", _KV, "", "first")
             + f"module a 'a.bicep' = {_MANY}\n  name: 'a${{i}}'\n}}]\n"
             + _KV_BICEP.format("last", _KV, "if (on) ", "last"),
             "a.bicep": f"module b 'b.bicep' = {_MANY}\n  name: 'b${{i}}'\n}}]\n",
             "b.bicep": _KV_BICEP.format("inner", _KV, "", "inner")},
            id="bicep",
        ),
    ],
)  # fmt: skip
def test_declarations_before_a_limit_are_evaluated(files: dict[str, str], tmp_path: Path) -> None:
    """The search for declarations that may be absent reaches the limit of deployments first."""
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "-f", "json", "--select", "KV001")
    assert run.code == 3
    assert "first" in {one["resource"].rpartition("/")[2] for one in json.loads(run.output)["findings"]}


def test_repeated_secrets_take_time_in_proportion(tmp_path: Path) -> None:
    """Each of many secrets is hidden in each of many texts. A search for one after the other would take minutes."""
    secret = (
        'resource "azurerm_key_vault_secret" "s{0}" {{\n  name = "s{0}"\n  key_vault_id = var.vault\n'
        '  value = "Xq7{0}-w9Kp2{0}!"\n  content_type = "Xq7{0}-w9Kp2{0}!"\n}}\n'
    )
    write(tmp_path, {"main.tf": 'variable "vault" {}\n' + numbered(secret, number=4000)})
    run = kvlint(tmp_path, ".", "-f", "json", "--select", "KV601,KV603,KV610")
    assert run.code == 1
    assert len(json.loads(run.output)["findings"]) >= 4000
    assert "w9Kp2" not in run.output


@pytest.mark.parametrize("reference", ["azurerm_key_vault.a{}.id", "var.x[{}]", "module.m{}.a.b.c.d"])
def test_references_take_time_in_proportion(reference: str) -> None:
    def work(size: int) -> object:
        return longest.__wrapped__(tuple(reference.format(number) for number in range(size)))

    assert grows_with_its_input(work, 2_000)


def test_prefixes_of_references_are_left_out() -> None:
    found = longest(("module.a.b.id", "module.a.b", "module.a", "var.x", "var.xy", "var.x", 'var.z["a"].b', "var.z"))
    assert [one.text for one in found] == ["module.a.b.id", "var.x", "var.xy", 'var.z["a"].b']


def test_run_out_of_memory_is_incomplete(tmp_path: Path) -> None:
    vaults = {f"a{i}": {"name": f"kv{i}", "sku_name": "standard"} for i in range(4000)}
    write(tmp_path, {"main.tf.json": json.dumps({"resource": {"azurerm_key_vault": vaults}})})
    run = kvlint(tmp_path, ".", megabytes=70)
    assert run.code == 3
    assert "Traceback" not in run.output + run.errors
    assert "not enough memory" in run.output + run.errors


@pytest.mark.parametrize("error", [MemoryError(), SystemError("error return without exception set")])
def test_run_out_of_memory_in_a_call_is_not_an_internal_error(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python raises SystemError, without a MemoryError, where it cannot allocate the frame of a call."""
    write(tmp_path, {"main.tf": 'resource "azurerm_key_vault" "kv" {}'})

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("azkvlint.linter.workers.Worker._read", fail)
    report = check(Config(paths=(str(tmp_path),), jobs=1))
    assert [problem.message for problem in report.problems] == [NO_MEMORY.message]
    monkeypatch.setattr("azkvlint.__main__._main", fail)
    exits: list[int] = []
    monkeypatch.setattr("os._exit", exits.append)
    main()
    assert exits == [3]


UNSOUND = """\
id: ACME001
name: names
title: Names are plain
severity: low
resource: Microsoft.KeyVault/vaults
require:
  attribute: name
  matches: "{}"
message: "'{{resource}}' has another name."
why: It is so.
fix: Change it.
references: [https://example.com/]
examples:
  - fails: another name
    plan: |
      azurerm_key_vault.kv:  # <- ACME001
        name: other
  - passes: a name
    plan: |
      azurerm_key_vault.kv:
        name: kv
"""


def test_a_found_configuration_loads_no_unsound_pattern(tmp_path: Path) -> None:
    name = "a" * 200
    write(tmp_path, {
        "kvlint.toml": 'rules = ["own"]\n',
        "own/ACME001-names.yaml": UNSOUND.format("(?=(a+)+$)(a|a)*b"),
        "main.tf": f'resource "azurerm_key_vault" "a" {{\n  name = "{name}"\n}}\n',
    })  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "azkvlint", "."], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env=_environment(),
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "rule ACME001: matching the pattern for `name` has no time limit (use fewer repetitions, " in done.stderr


def test_directives_take_time_in_proportion(tmp_path: Path) -> None:
    one = f"#disable-next-line KV001\nresource v%d '{_KV}' = {{\n  name: 'a%d'\n}}\n"
    write(tmp_path, {"main.bicep": "".join(one % (number, number) for number in range(3_000))})
    run = kvlint(tmp_path, ".", "--fail-on", "critical", "--select", "KV001,KV002,KV003,KV101,KV301", "-q")
    assert run.code in (0, 1)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"main.tf": "locals {\n" + "".join(f"  l{one} = local.l{one + 1}\n" for one in range(2000))
             + '  l2000 = "kv"\n}\n'
             + numbered('resource "azurerm_key_vault" "v{0}" {{\n  name = local.l{0}\n}}\n', number=2000)},
            id="terraform-chain-of-locals",
        ),
        pytest.param(
            {"main.json": " " * 500_000 + template(*(vault(name=f"kv{one}") for one in range(2000)))},
            id="arm-blanks-before-a-long-line",
        ),
        pytest.param(
            {"main.bicep": numbered(" @secure()\n param p{0} string = 'x'\n", number=10_000)
             + numbered(BICEP_OFF_VAULT.replace("if (v{0}) ", ""), number=1000)},
            id="bicep-secure-parameters",
        ),
    ],
)  # fmt: skip
def test_places_take_time_in_proportion(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "-q")
    assert run.code == 1, run


def linked(path: str, **more: Any) -> dict[str, Any]:
    properties = {"mode": "Incremental", "templateLink": {"relativePath": path}, **more}
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": f"d{len(path)}",
        "properties": properties,
    }


def linked_thrice(number: int) -> list[dict[str, Any]]:
    return [{**linked(f"t{number}.json"), "name": f"d{one}"} for one in range(3)]


MANY = 15
BICEP_THRICE = "".join(f"module m{one} 't{{0}}.bicep' = {{{{\n  name: 'd{one}'\n}}}}\n" for one in range(3))
BICEP_ONE = f"resource v '{_KV}' = {{\n  name: 'v'\n  location: 'x'\n}}\n"
TERRAFORM_THRICE = "".join(f'module "m{one}" {{{{\n  source = "../t{{0}}"\n}}}}\n' for one in range(3))
TERRAFORM_ONE = 'resource "azurerm_key_vault" "v" {\n  name = "kv"\n}\n'


def each_calls_the_next(name: str, call: str, own: str) -> dict[str, str]:
    return {name.format(one): own + (call.format(one + 1) if one + 1 < MANY else "") for one in range(MANY)}


@pytest.mark.parametrize(
    ("files", "select", "is_over"),
    [
        pytest.param(
            {f"t{one}.json": template(vault(), *(linked_thrice(one + 1) if one + 1 < MANY else ()))
             for one in range(MANY)},
            "KV001", True, id="arm-linked-templates",
        ),
        pytest.param(each_calls_the_next("t{0}.bicep", BICEP_THRICE, BICEP_ONE), "KV001", False, id="bicep-modules"),
        pytest.param(
            {**each_calls_the_next("t{0}.bicep", BICEP_THRICE, BICEP_ONE),
             **{f"p{one}.bicepparam": f"using 't{one}.bicep'\n" for one in range(MANY)}},
            "KV001", True, id="bicep-parameter-files",
        ),
        pytest.param(
            each_calls_the_next("t{0}/main.tf", TERRAFORM_THRICE, TERRAFORM_ONE), "KV001", False, id="terraform-modules"
        ),
        pytest.param(
            {**each_calls_the_next("t{0}/main.tf", TERRAFORM_THRICE, TERRAFORM_ONE),
             **{f"u{one}/terragrunt.hcl": f'terraform {{\n  source = "../t{one}"\n}}\n' for one in range(MANY)}},
            "KV001", True, id="terragrunt-units",
        ),
        pytest.param(
            {f"t{one}.bicep": BICEP_VAULT % "range(0, 9999)" for one in range(MANY)}, "KV0", True, id="bicep-loops"
        ),
    ],
)  # fmt: skip
def test_many_inputs_share_a_limit(tmp_path: Path, files: dict[str, str], select: str, is_over: bool) -> None:
    """Small inputs that each come close to their own limits end soon together, and each one left out is named."""
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "--select", select, "-f", "json", "-j", "1", megabytes=800)
    report = json.loads(run.output)
    left_out = [one for one in report["problems"] if "exceed the work limit of the run" in one["message"]]
    assert run.code == 3
    assert report["findings"]
    assert bool(left_out) == is_over
    assert all(one["level"] == "error" and one["location"]["path"] for one in left_out)


def test_inputs_left_out_by_a_limit_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    write(tmp_path, {f"t{one}.bicep": BICEP_VAULT % "range(0, 5000)" for one in range(8)})
    reports = [kvlint(tmp_path, ".", "--select", "KV001", "-f", "json", "-j", jobs, seconds=60, megabytes=4000)
               for jobs in ("1", "2")]  # fmt: skip
    assert "exceed the work limit" in reports[0].output
    assert reports[0] == reports[1]


def test_many_callers_of_a_large_module_share_a_limit(tmp_path: Path) -> None:
    """Work in proportion to the product of callers and module would have no limit that is worth the name."""
    write(tmp_path, {
        "m.bicep": numbered(BICEP_OFF_VAULT.replace("if (v{0}) ", ""), number=3000),
        **{f"t{one}.bicep": "module m 'm.bicep' = {\n  name: 'm'\n}\n" for one in range(200)},
    })  # fmt: skip
    run = kvlint(tmp_path, ".", "--select", "KV001", "-f", "json", megabytes=800)
    assert run.code == 3
    assert "exceed the work limit" in run.output


def test_real_repositories_are_far_below_the_limit_of_a_run(tmp_path: Path) -> None:
    write(tmp_path, {
        "m/main.tf": numbered('resource "azurerm_key_vault" "v{0}" {{\n  name = "kv"\n}}\n', number=50),
        **{f"r{one}/main.tf": 'module "m" {\n  source = "../m"\n}\n' for one in range(300)},
    })  # fmt: skip
    run = kvlint(tmp_path, ".", "--select", "KV001", "-q", seconds=60, megabytes=2000)
    assert run.code == 1, run.errors


def test_a_linked_template_is_evaluated_through_its_caller(tmp_path: Path) -> None:
    own = vault(properties={"enablePurgeProtection": "[parameters('p')]"})
    write(tmp_path, {
        "main.json": template(linked("a.json", parameters={"p": {"value": True}})),
        "a.json": template(own, parameters={"p": {"type": "bool"}}),
        "b.json": template(linked("missing.json"), linked("a.json", parameters={"p": {"value": True}})),
        "off.json": template({**linked("c.json"), "condition": False}),
        "c.json": template(own, parameters={"p": {"type": "bool", "defaultValue": False}}),
    })  # fmt: skip
    report = json.loads(kvlint(tmp_path, ".", "--select", "KV001", "-f", "json", "-v").output)
    assert [one["location"]["path"] for one in report["findings"]] == ["c.json"]
    assert not [one for one in report["unknown"] if one["location"]["path"] == "a.json"]
    assert sorted(one["path"] for one in report["evaluated"]) == ["a.json", "c.json"]
    named = json.loads(kvlint(tmp_path, "main.json", "a.json", "--select", "KV001", "-f", "json", "-v").output)
    assert [one["location"]["path"] for one in named["unknown"]] == ["a.json"]


def test_nested_dynamic_blocks_end_soon(tmp_path: Path) -> None:
    """Blocks that no rule reads are not made, however many they are; those that it reads are counted."""
    inner = 'dynamic "c" {\n for_each = range(1000)\n content {\n a = c.value\n }\n }\n'
    middle = f'dynamic "b" {{\n for_each = range(1000)\n content {{\n {inner} }}\n }}\n'
    outer = f'dynamic "access_policy" {{\n for_each = range(1000)\n content {{\n object_id = "o"\n {middle} }}\n }}\n'
    write(tmp_path, {"main.tf": DYNAMIC_VAULT % ("", outer)})
    run = kvlint(tmp_path, ".", "-f", "json")
    report = json.loads(run.output)
    assert run.code in (1, 3)
    assert report["evaluated"] or report["skipped"]
    assert run.code == 1 or "the limit for an input of this size" in run.output


def plan_of_secrets(number: int, outputs: dict[str, list[str]], inner: dict[str, list[str]]) -> str:
    """Return a plan of secrets whose vault is an output of a module that refers to the outputs of another one."""
    change = {"actions": ["create"], "before": None, "after": {"name": "s"}, "after_unknown": {"key_vault_id": True}}
    kind, expressions = (
        {"mode": "managed", "type": "azurerm_key_vault_secret"},
        {"key_vault_id": {"references": ["module.m.a", "module.m"]}},
    )
    names = [f"s{one}" for one in range(number)]

    def written(outputs: dict[str, list[str]]) -> dict[str, Any]:
        return {name: {"expression": {"references": references}} for name, references in outputs.items()}

    module = {"outputs": written(outputs), "module_calls": {"x": {"module": {"outputs": written(inner)}}}}
    return json.dumps({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "resource_changes": [
            {"address": f"azurerm_key_vault_secret.{name}", "name": name, **kind, "change": change} for name in names
        ],
        "configuration": {"root_module": {
            "resources": [
                {"address": f"azurerm_key_vault_secret.{name}", "name": name, **kind, "expressions": expressions}
                for name in names
            ],
            "module_calls": {"m": {"module": module}},
        }},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "inner"),
    [
        pytest.param({"a": [f"azurerm_key_vault.k{one}.id" for one in range(1500)]}, {}, id="many-references"),
        pytest.param(
            {"a": [f"module.x.o{one}" for one in range(60)]},
            {f"o{one}": [f"azurerm_key_vault.k{two}.id" for two in range(60)] for one in range(60)},
            id="many-paths",
        ),
    ],
)
def test_references_of_a_plan_are_followed_in_proportion(
    tmp_path: Path, outputs: dict[str, list[str]], inner: dict[str, list[str]]
) -> None:
    write(tmp_path, {"plan.json": plan_of_secrets(4000, outputs, inner)})
    run = kvlint(tmp_path, "plan.json", "-f", "json", "--select", "KV001,KV308,KV601")
    assert run.code in (0, 1), run
    assert len(json.loads(run.output)["evaluated"]) == 4000


def access_plan(*, acting: bool) -> bytes:
    """500 vaults, 500 virtual machines and 5,000 principals. ``acting``: the machines can act as each other."""
    resources: dict[str, Any] = {f"azurerm_resource_group.g{n}": {"name": f"g{n}"} for n in range(10)}
    resources["azuread_group.team"] = {"display_name": "team"}
    roles = ("Contributor", "Owner", "Key Vault Secrets User", "Reader", "User Access Administrator")
    for n in range(500):
        vm, group = f"azurerm_linux_virtual_machine.vm{n}", f"g{n % 10}"
        principal = f"${{{vm}.identity[0].principal_id}}"
        vault = {"name": f"kv{n}", "resource_group_name": group, "rbac_authorization_enabled": n % 2 == 0}
        resources[f"azurerm_key_vault.kv{n}"] = vault
        resources[vm] = {"name": f"vm{n}", "resource_group_name": group, "identity": [{"type": "SystemAssigned"}]}
        resources[f"azurerm_role_assignment.vm{n}"] = {
            "scope": f"${{azurerm_key_vault.kv{n}.id}}", "role_definition_name": "Key Vault Secrets User",
            "principal_id": principal,
        }  # fmt: skip
        if acting:
            resources[f"azurerm_role_assignment.acts{n}"] = {
                "scope": f"${{azurerm_resource_group.g{(n + 1) % 10}.id}}", "principal_id": principal,
                "role_definition_name": "Virtual Machine Contributor",
            }  # fmt: skip
    for n in range(5_000):
        principal = f"{n:08}-1111-1111-1111-111111111111"
        resources[f"azurerm_role_assignment.p{n}"] = {
            "scope": "/subscriptions/s" if n % 3 else f"${{azurerm_resource_group.g{n % 10}.id}}",
            "role_definition_name": roles[n % 5], "principal_id": principal,
        }  # fmt: skip
        if acting and n % 7 == 0:
            resources[f"azuread_group_member.p{n}"] = {
                "group_object_id": "${azuread_group.team.object_id}", "member_object_id": principal,
            }  # fmt: skip
    resources["azurerm_role_assignment.team"] = {
        "scope": "${azurerm_resource_group.g1.id}", "role_definition_name": "Virtual Machine Contributor",
        "principal_id": "${azuread_group.team.object_id}",
    }  # fmt: skip
    return expand(json.dumps(resources))


@pytest.mark.parametrize("acting", [False, True])
def test_migration_of_hundreds_of_vaults_takes_time_in_proportion(acting: bool, tmp_path: Path) -> None:
    resources = {
        f"azurerm_key_vault.p{n}": {
            "name": f"p{n}",
            "rbac_authorization_enabled": False,
            "access_policy": [
                {
                    "object_id": f"{n:08}-2222-2222-{k:04}-222222222222", "secret_permissions": ["Get", "Set"],
                    "key_permissions": ["Get", "Sign"],
                }
                for k in range(10)
            ],
        }
        for n in range(250)
    }  # fmt: skip
    (tmp_path / "policies.json").write_bytes(expand(json.dumps(resources)))
    (tmp_path / "plan.json").write_bytes(access_plan(acting=acting))
    words = ("plan.json", "policies.json", "-f", "json=report.json")
    run = kvlint(tmp_path, "migrate-rbac", *words, megabytes=1024)
    assert run.code == 0, run.errors
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["vaults"]) == 500
    assert sum(one["check"]["principals"] for one in report["vaults"]) == 2_500
    assert len(report["activated"]) > 1_000


@pytest.mark.parametrize("acting", [False, True])
def test_access_of_thousands_of_principals_takes_time_in_proportion(acting: bool, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(access_plan(acting=acting))
    words = ("-f", "json=report.json", "-f", "html=page.html", "--deny", "purge", "--strict")
    run = kvlint(tmp_path, "access", "plan.json", *words, megabytes=1024)
    assert run.code == 1, run.errors
    assert all(line.startswith("kvlint: --deny purge: ") for line in run.errors.splitlines())
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["vaults"]) == 500
    assert len(report["vaultSets"]) < 1_600
    assert len({row["principal"] for row in report["rows"]}) > 3_000


def test_changed_access_of_thousands_of_principals_takes_time_in_proportion(tmp_path: Path) -> None:
    plan = json.loads(access_plan(acting=True))
    for entry in plan["resource_changes"]:
        change = entry["change"]
        change |= {"actions": ["no-op"], "before": change["after"], "after_unknown": {}}
        if entry["type"] == "azurerm_key_vault":
            is_rbac = change["before"]["rbac_authorization_enabled"]
            change |= {"actions": ["update"], "after": {**change["before"], "rbac_authorization_enabled": not is_rbac}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = kvlint(tmp_path, "diff", "plan.json", "-f", "json=report.json", megabytes=1024)
    assert run.code == 1, run.errors
    found = json.loads((tmp_path / "report.json").read_text())["access"]
    assert len({one["principal"] for one in found}) > 1_000
