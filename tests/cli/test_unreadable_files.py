"""Whatever a file holds, a run ends with an answer about it: no crash, and a report in every format.

Each kind of file that kvlint reads is written with each kind of data that a decoder refuses or that nothing can print.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import azkvlint
from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.rule_tests import expand
from tests.sarif import run_in

# What a case replaces in the file that it is about: part of a string, a number, and a list.
TEXT, NUMBER, LIST = "@text@", 1234567, ["@list@"]
MARKS = {TEXT: b"x", str(NUMBER): b"1", json.dumps(LIST): b"[]"}
IN_TEXT, FOR_NUMBER, FOR_LIST = MARKS
POISON: Mapping[str, tuple[str, bytes]] = {
    "not UTF-8": (IN_TEXT, b"\xff"),
    "encoded surrogate": (IN_TEXT, b"\xed\xa0\x80"),
    "first half of a pair": (IN_TEXT, rb"\ud800"),
    "second half of a pair": (IN_TEXT, rb"\udcff"),
    "halves in the wrong order": (IN_TEXT, rb"\udc00\ud800"),
    "escaped NUL": (IN_TEXT, rb"\u0000"),
    "NUL": (IN_TEXT, b"\0"),
    "not a character": (IN_TEXT, rb"\uffff"),
    "many digits": (FOR_NUMBER, b"9" * 5_000),
    "huge exponent": (FOR_NUMBER, b"1e999999999"),
    "deep": (FOR_LIST, b"[" * 100_000 + b"]" * 100_000),
    "not closed": (FOR_LIST, b"[" * 100_000),
    "another shape": (FOR_LIST, b'{"x": [1]}'),
}
# Each has a way of its own of writing text.
FORMATS = ("text", "json", "sarif")


class Kind(NamedTuple):
    """The files of an input, of which the first is the one that a case changes, and the words of the command line."""

    files: Mapping[str, str]
    words: tuple[str, ...] = (".",)


def template(*resources: object) -> dict[str, Any]:
    """An ARM template."""
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"x": {"type": "string"}},
        "resources": resources,
    }


def deployment(**properties: object) -> dict[str, Any]:
    """A nested deployment."""
    properties["mode"] = "Incremental"
    type_ = "Microsoft.Resources/deployments"
    return {"type": type_, "apiVersion": "2022-09-01", "name": "n", "properties": properties}


def plan(written: str) -> str:
    """A plan from its short form."""
    return expand(written).decode()


VAULT = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": TEXT, "n": NUMBER, "l": LIST}
VAULT_ID = "/subscriptions/0/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
VALUES = {"a": TEXT, "b": NUMBER, "c": LIST}
ARM = json.dumps(template(VAULT))
MAIN = {"main.tf": 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'}
BICEP = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  location: x\n}\n"
HCL = f'a = "{TEXT}"\nb = {NUMBER}\nc = {FOR_LIST}\n'
BODY = json.dumps({"properties": {"tenantId": TEXT, "n": NUMBER, "l": LIST}}).replace('"', '\\\\\\"')


def terraform(type_: str, text: str) -> str:
    """A resource in Terraform's language."""
    return f'resource "{type_}" "x" {{\n{text}\n}}\n'


KINDS: Mapping[str, Kind] = {
    "Terraform": Kind(
        {
            "main.tf": terraform(
                "azurerm_key_vault", f'name = "{TEXT}"\nsoft_delete_retention_days = {NUMBER}\ntags = {FOR_LIST}'
            )
        }
    ),
    "Terraform in JSON": Kind(
        {"main.tf.json": json.dumps({"resource": {"azurerm_key_vault": {"kv": {"name": TEXT, "tags": VALUES}}}})}
    ),
    "module source": Kind({"main.tf": f'module "m" {{\n source = "./{TEXT}"\n{HCL}}}\n'}),
    "module source in JSON": Kind({"main.tf.json": json.dumps({"module": {"m": {"source": f"./{TEXT}", **VALUES}}})}),
    "module name in JSON": Kind({"main.tf.json": json.dumps({"module": {TEXT: {"source": "./x", "v": LIST}}})}),
    "functions": Kind(
        {
            "main.tf": terraform(
                "azurerm_key_vault",
                f'name = "${{jsondecode("[\\"{TEXT}\\"]")}}${{yamldecode("a: {TEXT}")}}"\nsku_name = file("{TEXT}")\n'
                f'location = templatefile("{TEXT}", {{}})\ntags = fileset("{TEXT}", "{TEXT}")\nb = {NUMBER}',
            )
        }
    ),
    "template file": Kind(
        {
            "t.json": ARM.replace("$", "$$"),
            "main.tf": terraform("azurerm_resource_group_template_deployment", 'template_content = file("t.json")'),
        }
    ),
    "decoded file": Kind(
        {
            "t.json": json.dumps(VALUES),
            "main.tf": terraform(
                "azurerm_key_vault", 'name = jsondecode(file("t.json")).a\ntags = yamldecode(file("t.json"))'
            ),
        }
    ),
    "tfvars": Kind({"terraform.tfvars": HCL, **MAIN}),
    "tfvars in JSON": Kind({"terraform.tfvars.json": json.dumps(VALUES), **MAIN}),
    "--var-file": Kind({"x.tfvars.json": json.dumps({TEXT: VALUES}), **MAIN}, (".", "--var-file", "x.tfvars.json")),
    "lock file": Kind(
        {
            ".terraform.lock.hcl": 'provider "registry.terraform.io/hashicorp/azurerm" {\n'
            f'version = "{TEXT}"\n{HCL}}}\n',
            **MAIN,
        }
    ),
    "module manifest": Kind(
        {
            ".terraform/modules/modules.json": json.dumps({"Modules": [{"Key": TEXT, "Dir": TEXT, **VALUES}]}),
            "main.tf": 'module "m" {\n  source = "ns/m/azurerm"\n}\n',
        }
    ),
    "module manifest's keys": Kind(
        {
            ".terraform/modules/modules.json": json.dumps({TEXT: NUMBER, "Modules": LIST}),
            "main.tf": 'module "m" {\n  source = "ns/m/azurerm"\n}\n',
        }
    ),
    "plan": Kind(
        {
            "plan.json": plan(
                f"azurerm_key_vault.kv: {{name: '{TEXT}', soft_delete_retention_days: {NUMBER}, tags: {FOR_LIST}}}\n"
                "azurerm_key_vault_key.k: {release_policy: [{data: 'x'}]}"
            )
        }
    ),
    "plan of azapi": Kind(
        {"plan.json": plan(f'azapi_resource.a: {{type: Microsoft.KeyVault/vaults@2023-07-01, body: "{BODY}"}}')}
    ),
    "template": Kind({"azuredeploy.json": ARM}),
    "template with comments": Kind({"azuredeploy.json": f"// x\n{ARM}"}),
    "nested template": Kind(
        {"azuredeploy.json": json.dumps(template(deployment(template=template(VAULT), parameters={"x": LIST})))}
    ),
    "template link": Kind(
        {"azuredeploy.json": json.dumps(template(deployment(templateLink={"relativePath": f"{TEXT}.json"}, x=VALUES)))}
    ),
    "linked template": Kind(
        {
            "linked.json": ARM,
            "azuredeploy.json": json.dumps(template(deployment(templateLink={"relativePath": "linked.json"}))),
        },
        ("azuredeploy.json",),
    ),
    "parameters": Kind(
        {
            "azuredeploy.parameters.json": json.dumps(
                {
                    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
                    "contentVersion": "1.0.0.0",
                    "parameters": {"x": {"value": TEXT}, TEXT: {"value": NUMBER}, "z": {"value": LIST}},
                }
            ),
            "azuredeploy.json": ARM,
        }
    ),
    "what-if": Kind(
        {
            "whatif.json": json.dumps(
                {
                    "status": "Succeeded",
                    "changes": [{"resourceId": VAULT_ID, "changeType": "Create", "before": None, "after": VAULT}],
                }
            )
        }
    ),
    "snapshot": Kind({"main.snapshot.json": json.dumps({"predictedResources": [VAULT], "diagnostics": LIST})}),
    "Bicep": Kind({"main.bicep": f"{BICEP}var a = '{TEXT}'\nvar b = {NUMBER}\nvar c = [\n{FOR_LIST}\n]\n"}),
    "Bicep module": Kind({"main.bicep": f"module m '{TEXT}.bicep' = {{\n  name: 'm'\n}}\nvar b = {NUMBER}\n"}),
    "Bicep registry": Kind({"main.bicep": f"module m 'br:x.azurecr.io/a{TEXT}b:1' = {{\n  name: 'm'\n}}\n"}),
    "Bicep loads": Kind(
        {
            "t.json": json.dumps(VALUES),
            "main.bicep": BICEP + "var a = loadJsonContent('t.json')\nvar b = loadYamlContent('t.json')\n"
            "output o string = '${a.a}${b.a}${loadTextContent('t.json')}'\n",
        },
        ("main.bicep",),
    ),
    "Bicep parameters": Kind(
        {"main.bicepparam": f"using 'main.bicep'\nparam x = '{TEXT}'\nparam y = {NUMBER}\n", "main.bicep": BICEP}
    ),
    "Bicep parameters for": Kind({"main.bicepparam": f"using '{TEXT}.bicep'\nextends '{TEXT}'\n", "main.bicep": BICEP}),
    "Bicep configuration": Kind(
        {
            "bicepconfig.json": json.dumps(
                {
                    "cacheRootDirectory": TEXT,
                    "x": NUMBER,
                    "moduleAliases": {"br": {"a": {"registry": f"x{TEXT}", "modulePath": TEXT}, "b": LIST}},
                }
            ),
            "main.bicep": BICEP + "module m 'br/a:b:1' = {\n  name: 'm'\n}\n",
        }
    ),
    "configuration": Kind({"kvlint.toml": f'exclude = ["{TEXT}"]\njobs = {NUMBER}\nselect = {FOR_LIST}\n', **MAIN}),
    "configuration's paths": Kind(
        {
            "kvlint.toml": f'baseline = "{TEXT}"\nsource-root = "{TEXT}"\nparameters = ["{TEXT}"]\n'
            f'var-file = ["{TEXT}"]\nrules = {FOR_LIST}\n',
            **MAIN,
        }
    ),
    "configuration's reports": Kind({"kvlint.toml": f'format = ["json={TEXT}"]\noutput = {FOR_LIST}\n', **MAIN}),
    "overrides": Kind(
        {
            "kvlint.toml": f'[[override]]\npaths = ["{TEXT}"]\nresources = ["{TEXT}"]\nrules = {FOR_LIST}\n'
            f'ignore = true\nreason = "{TEXT}"\n',
            **MAIN,
        }
    ),
    "pyproject": Kind({"pyproject.toml": f'[tool.kvlint]\nexclude = ["{TEXT}"]\njobs = {NUMBER}\n', **MAIN}),
    "baseline": Kind(
        {
            "b.json": json.dumps(
                {
                    "version": NUMBER,
                    "findings": [
                        {"rule": TEXT, "path": TEXT, "resources": LIST, "outcome": "fail", "fingerprint": TEXT}
                    ],
                }
            ),
            **MAIN,
        },
        (".", "--baseline", "b.json"),
    ),
    "rule": Kind(
        {"r.yaml": f'id: "ACME-1{TEXT}"\nname: "{TEXT}"\ncwe: {NUMBER}\nreferences: {FOR_LIST}\n', **MAIN},
        (".", "--rules", "r.yaml"),
    ),
    "framework": Kind(
        {"f.yaml": f'name: "{TEXT}"\ntitle: {NUMBER}\nreferences: {FOR_LIST}\n', **MAIN},
        ("controls", ".", "--framework", "f.yaml"),
    ),
    "git": Kind(
        {
            ".git/config": f'[remote "origin"]\n url = https://example.com/{TEXT}/{NUMBER}{FOR_LIST}\n',
            ".git/HEAD": f"ref: refs/heads/{TEXT}\n",
            **MAIN,
        }
    ),
    "git link": Kind({".git": f"gitdir: ./{TEXT}/{NUMBER}{FOR_LIST}\n", **MAIN}),
}
CASES = [
    (kind, poison)
    for kind, (files, _) in KINDS.items()
    for poison, (mark, _) in POISON.items()
    if mark in next(iter(files.values()))
]


def written(kind: str, poison: str) -> tuple[str, ...]:
    """Write the files of a case into the current folder; the words of its command line."""
    files, words = KINDS[kind]
    changed = next(iter(files))
    for name, content in files.items():
        data = content.encode()
        for mark, harmless in MARKS.items():
            is_poisoned = name == changed and mark == POISON[poison][0]
            data = data.replace(mark.encode(), POISON[poison][1] if is_poisoned else harmless)
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return words


@pytest.mark.slow(20)
@pytest.mark.parametrize(("kind", "poison"), CASES)
def test_no_file_breaks_a_run(kind: str, poison: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KVLINT_DEBUG", raising=False)
    words = written(kind, poison)
    reports = () if words[0] == "controls" else [word for form in FORMATS for word in ("-f", f"{form}=out.{form}")]
    errors = io.StringIO()
    with redirect_stderr(errors):
        code = _run_with_error_handling([*words, *reports])
    assert code in (0, 1, 2, 3)
    assert b"internal error" not in errors.getvalue().encode("utf-8")
    if Path("out.json").exists():
        problems = json.loads(Path("out.json").read_text(encoding="utf-8"))["problems"]
        assert not [one for one in problems if "internal error" in one["message"] or one["code"] == "KVE004"]
        assert code == 3 if any(one["level"] == "error" for one in problems) else code != 3
        run_in(Path("out.sarif").read_text(encoding="utf-8"))
        for form in FORMATS:
            Path(f"out.{form}").read_bytes().decode("utf-8")


UNREADABLE = {
    "Terraform": ("main.tf", ("not UTF-8", "first half of a pair", "deep", "not closed")),
    "Terraform in JSON": ("main.tf.json", ("not UTF-8", "first half of a pair", "second half of a pair", "deep")),
    "tfvars in JSON": ("terraform.tfvars.json", ("not UTF-8", "first half of a pair", "not closed")),
    "module manifest": (".terraform/modules/modules.json", ("not UTF-8", "encoded surrogate", "first half of a pair")),
    "module manifest's keys": (".terraform/modules/modules.json", ("deep", "not closed", "another shape")),
    "plan": ("plan.json", ("not UTF-8", "first half of a pair", "many digits", "deep", "not closed")),
    "template": (
        "azuredeploy.json",
        ("not UTF-8", "encoded surrogate", "first half of a pair", "second half of a pair",
         "halves in the wrong order", "many digits", "huge exponent", "deep", "not closed"),
    ),
    "linked template": ("azuredeploy.json", ("not UTF-8", "second half of a pair", "many digits", "deep")),
    "parameters": ("azuredeploy.json", ("not UTF-8", "first half of a pair", "many digits", "deep")),
    "what-if": ("whatif.json", ("not UTF-8", "first half of a pair", "many digits", "deep")),
    "snapshot": ("main.snapshot.json", ("not UTF-8", "first half of a pair", "many digits", "deep")),
    "Bicep": ("main.bicep", ("not UTF-8", "many digits", "deep")),
    "Bicep configuration": ("bicepconfig.json", ("not UTF-8", "first half of a pair", "many digits", "deep")),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "poison"), [(kind, one) for kind, (_, every) in UNREADABLE.items() for one in every])
def test_what_cannot_be_read_is_a_problem_of_the_file(
    kind: str, poison: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run_with_error_handling([*written(kind, poison), "-f", "json=out.json"]) == 3
    problems = json.loads(Path("out.json").read_text(encoding="utf-8"))["problems"]
    paths = {one["location"]["path"] for one in problems if one["level"] == "error"}
    assert paths == {UNREADABLE[kind][0]}


def test_json_of_inputs_is_decoded_in_one_place() -> None:
    """A decoder that is called elsewhere would need all the exceptions of ``DECODE_ERRORS`` caught again."""
    found = set()
    package = Path(azkvlint.__file__).parent
    # A fleet decodes what its own processes have written, and messages are from an editor.
    # The tables in a wheel are kvlint's own.
    aside = {package / "editor" / "protocol.py", package / "util" / "table_files.py"}
    for file in {*package.rglob("*.py")} - {*(package / "fleet").rglob("*.py")} - aside:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("msgspec.json.decode", "json.loads"):
                found.add(file.name)
    # What the others read has been decoded before.
    assert found == {"api_version_reads.py", "json_decoder.py", "json_editor.py", "json_positions.py"}
