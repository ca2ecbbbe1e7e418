"""A hostile checkout leads to files outside of it, and to ``.git``: none of their content may reach any output."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")

CANARY = "CANARYq7x"
TOKEN = f"{CANARY}gitTOKEN"
FORMATS = ("text", "json", "sarif", "markdown", "junit")
GIT_CONFIG = f"""[remote "origin"]
\turl = https://user:{TOKEN}@git.example.com/acme/infra
[http "https://git.example.com/"]
\textraheader = AUTHORIZATION: basic {TOKEN}
"""
VAULT = """variable "auths" {{
  type    = any
  default = {{}}
}}
resource "azurerm_key_vault" "kv" {{
  name                = {name}
  location            = "westeurope"
  resource_group_name = "rg"
  sku_name            = {name}
  tenant_id           = "00000000-0000-0000-0000-000000000000"
}}
"""
BICEP = """resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: {name}
  location: 'westeurope'
  properties: {{
    tenantId: {name}
    sku: {{ family: 'A', name: {name} }}
  }}
}}
"""
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"name": {"type": "string", "defaultValue": "kv"}},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "[parameters('name')]",
            "location": "westeurope",
            "properties": {"sku": {"name": "[parameters('name')]"}},
        }
    ],
}
RULE = f"{CANARY}key: 1\nid: {CANARY}id\nseverity: {CANARY}severity\n"


class Case(NamedTuple):
    """``make`` adds to a checkout (first) what leads to the files beside it (second); ``refused``: it is reported."""

    make: Callable[[Path, Path], object]
    refused: bool
    words: tuple[str, ...] = (".",)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _link(name: str, target: str, main: str = "main.tf", text: str = VAULT) -> Callable[[Path, Path], object]:
    """Make a link to a file outside, and a file with a vault that is named by ``var.auths`` or its like."""

    def make(checkout: Path, outside: Path) -> None:
        if main:
            _write(checkout / main, text.format(name="var.auths.x.auth" if main.endswith(".tf") else "'kv'"))
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).symlink_to(outside / target)

    return make


def _source(expression: str, main: str = "main.tf", link: str = "") -> Callable[[Path, Path], object]:
    """Make a file with a vault whose name is an expression, and a link into ``.git``, or out of the checkout."""

    def make(checkout: Path, outside: Path) -> None:
        _write(checkout / main, (VAULT if main.endswith(".tf") else BICEP).format(name=expression))
        if link:
            name, _, target = link.partition("=")
            (checkout / name).symlink_to(outside / target if target.startswith("x.") else target)

    return make


def _files(files: dict[str, str], link: str = "") -> Callable[[Path, Path], object]:
    def make(checkout: Path, outside: Path) -> None:
        for name, text in files.items():
            _write(checkout / name, text)
        if link:
            name, _, target = link.partition("=")
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).symlink_to(target if target.startswith(".") else outside / target)

    return make


def _linked_template(link: str) -> Callable[[Path, Path], object]:
    deployment = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "d",
        "properties": {"mode": "Incremental", "templateLink": {"relativePath": link}},
    }
    template = {**TEMPLATE, "resources": [*TEMPLATE["resources"], deployment]}
    return _files({"main.json": json.dumps(template)}, "" if "/" in link else f"{link}=x.json")


CALL = 'module "m" {{\n  source = "{}"\n}}\n'
MAIN = VAULT.format(name='"kv"')
MAIN_BICEP = BICEP.format(name="'kv'")
CASES = {
    # Terraform: companions that are links.
    "values in JSON": Case(_link("x.auto.tfvars.json", "x.tfvars.json"), True),
    "terraform.tfvars": Case(_link("terraform.tfvars", "x.tfvars"), True),
    "a file of the module": Case(_link("other.tf", "x.tf"), True),
    "the only file of the module": Case(_link("main.tf", "x.tf", main=""), True),
    "a file of the module in JSON": Case(_link("other.tf.json", "x.json"), True),
    "the lock file": Case(_link(".terraform.lock.hcl", "x.tf"), True),
    "the list of modules": Case(
        _files({"main.tf": MAIN + CALL.format("acme/m/azurerm")}, ".terraform/modules/modules.json=x.json"), True
    ),
    "a linked folder": Case(_link("more", ".", text=VAULT), True),
    "the folder of a module": Case(_files({"main.tf": MAIN + CALL.format("./m")}, "m=module"), True),
    "values in .git": Case(_files({"main.tf": VAULT.format(name="var.auths")}, "terraform.tfvars=.git/config"), True),
    "a module file in .git": Case(_files({"main.tf": MAIN}, "other.tf=.git/config"), True),
    # Terraform: functions.
    "file()": Case(_source('file(".git/config")'), False),
    "file() upwards": Case(_source('file("../.git/config")', "infra/main.tf"), False),
    "file() in capitals": Case(_source('file(".GIT/config")'), False),
    "file() of a link into .git": Case(_source('file("cfg")', link="cfg=.git/config"), False),
    # A link to a folder may stand for code, so that one out of the checkout, or into .git, is an error.
    "file() through a folder": Case(_source('file("g/config")', link="g=.git"), True),
    "file() of a link out": Case(_source('file("cfg")', link="cfg=x.tfvars"), False),
    "filebase64()": Case(_source('filebase64(".git/config")'), False),
    "base64encode()": Case(_source('base64encode(file(".git/config"))'), False),
    "regex()": Case(_source('regex("basic (.*)", file(".git/config"))[0]'), False),
    "templatefile()": Case(_source('templatefile(".git/config", {})'), False),
    "file() outside": Case(_source('file("../outside/x.tfvars")'), False),
    "file() absolute": Case(_source('file("/proc/self/environ")'), False),
    # Bicep.
    "loadTextContent()": Case(_source("loadTextContent('.git/config')", "main.bicep"), True),
    "loadTextContent() of a part": Case(
        _source("split(loadTextContent('.git/config'), 'basic ')[1]", "main.bicep"), True
    ),
    "loadTextContent() in capitals": Case(_source("loadTextContent('.Git/config')", "main.bicep"), True),
    "loadFileAsBase64()": Case(_source("loadFileAsBase64('.git/config')", "main.bicep"), True),
    "base64()": Case(_source("base64(loadTextContent('.git/config'))", "main.bicep"), True),
    "loadTextContent() of a link": Case(_source("loadTextContent('cfg')", "main.bicep", "cfg=.git/config"), True),
    "loadJsonContent() of a link": Case(_source("loadJsonContent('cfg').auths", "main.bicep", "cfg=x.json"), True),
    "loadYamlContent() of a link": Case(_source("loadYamlContent('cfg').id", "main.bicep", "cfg=x.yaml"), True),
    "loadDirectoryFileInfo()": Case(_source("loadDirectoryFileInfo('.git')[0].baseName", "main.bicep"), True),
    "a Bicep file": Case(_files({"a.bicep": MAIN_BICEP}, "main.bicep=x.bicep"), True),
    "a Bicep module": Case(_files({"main.bicep": "module m 'm.bicep' = {\n  name: 'm'\n}\n"}, "m.bicep=x.bicep"), True),
    "what parameters are for": Case(
        _files({"main.bicep": MAIN_BICEP, "main.bicepparam": "using 'm.bicep'\n"}, "m.bicep=x.bicep"), True
    ),
    "what parameters extend": Case(
        _files(
            {"main.bicep": MAIN_BICEP, "a.bicepparam": "using 'main.bicep'\nextends 'b.bicepparam'\n"},
            "b.bicepparam=x.bicep",
        ),
        True,
    ),
    "bicepconfig.json": Case(
        _files({"main.bicep": "module m 'br/acme:m:1' = {\n  name: 'm'\n}\n"}, "bicepconfig.json=x.json"), True
    ),
    # ARM templates.
    "a template": Case(_files({"a.json": json.dumps(TEMPLATE)}, "main.json=x.template.json"), True),
    "a parameter file": Case(
        _files({"main.json": json.dumps(TEMPLATE)}, "main.parameters.json=x.parameters.json"), True
    ),
    "a linked template": Case(_linked_template("x.template.json"), True),
    "a linked template outside": Case(_linked_template("../outside/x.template.json"), False),
    # Configuration, rules, baseline.
    "kvlint.toml": Case(_files({"main.tf": MAIN}, "kvlint.toml=x.toml"), True),
    ".kvlint.toml in .git": Case(_files({"main.tf": MAIN}, ".kvlint.toml=.git/config"), True),
    "pyproject.toml": Case(_files({"main.tf": MAIN}, "pyproject.toml=x.toml"), True),
    "a rule": Case(_files({"main.tf": MAIN, "kvlint.toml": "rules = ['r']\n"}, "r/ORG-1-x.yaml=x.yaml"), True),
    "a rule in .git": Case(
        _files({"main.tf": MAIN, "kvlint.toml": "rules = ['r']\n"}, "r/ORG-1-x.yaml=../.git/config"), True
    ),
    "a folder of rules": Case(_files({"main.tf": MAIN, "kvlint.toml": "rules = ['r']\n"}, "r=rules"), True),
    "a rule, named": Case(_files({"main.tf": MAIN}, "r/ORG-1-x.yaml=x.yaml"), True, (".", "--rules", "r")),
    "a baseline": Case(_files({"main.tf": MAIN, "kvlint.toml": "baseline = 'b.json'\n"}, "b.json=x.json"), True),
    "a file of values": Case(
        _files({"main.tf": MAIN, "kvlint.toml": "var-file = ['v.tfvars']\n"}, "v.tfvars=x.tfvars"), True
    ),
}  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    outside = tmp_path / "outside"
    secret = {"auths": {"x": {"auth": f"{CANARY}docker!"}}, "Modules": [{"Key": "m", "Dir": f"{CANARY}dir"}]}
    for name, text in {
        "x.tfvars.json": json.dumps(secret),
        "x.json": json.dumps({**secret, "resource": {"azurerm_key_vault": {f"{CANARY}kv": {"name": f"{CANARY}!"}}}}),
        "x.tfvars": f'auths = {{ x = {{ auth = "{CANARY}tfvars!" }} }}\n',
        "x.tf": f'resource "azurerm_key_vault" "{CANARY}tf" {{\n  name = "{CANARY}tf!"\n}}\n',
        "x.bicep": BICEP.format(name=f"'{CANARY}bicep!'"),
        "x.template.json": json.dumps(TEMPLATE).replace('"kv"', f'"{CANARY}template!"'),
        "x.parameters.json": json.dumps({"parameters": {"name": {"value": f"{CANARY}parameter!"}}}),
        "x.toml": f"[tool.kvlint]\n{CANARY}toml = 1\n",
        "x.yaml": RULE,
        "module/main.tf": f'resource "azurerm_key_vault" "{CANARY}module" {{\n  name = "{CANARY}m!"\n}}\n',
        "rules/ORG-1-x.yaml": RULE,
    }.items():
        _write(outside / name, text)
    found = tmp_path / "checkout"
    _write(found / ".git" / "config", GIT_CONFIG)
    _write(found / ".git" / "HEAD", "ref: refs/heads/main\n")
    _write(found / ".git" / "refs" / "heads" / "main", "0" * 40 + "\n")
    monkeypatch.chdir(found)
    return found


def _leaks(text: str) -> list[str]:
    """Return which secrets are in a text, plain or in base64 at any offset."""
    found = [CANARY] if CANARY in text else []
    for before in range(3):
        coded = base64.b64encode(b" " * before + CANARY.encode()).decode()
        found += [coded] if coded[4:-4] in text else []
    return found


def test_leak_check_finds_planted_leaks() -> None:
    assert _leaks(f"a {TOKEN} b")
    for before in ("", "a", "ab", "abc"):
        assert _leaks(base64.b64encode(f"{before}{GIT_CONFIG}".encode()).decode())


@pytest.mark.parametrize("name", CASES)
def test_no_content_outside_the_checkout_is_in_any_output(kvlint: Kvlint, checkout: Path, name: str) -> None:
    case = CASES[name]
    case.make(checkout, checkout.parent / "outside")
    for form in FORMATS:
        said = kvlint(*case.words, "-f", form, "-v")
        assert _leaks(said.out + said.err) == []
        assert said.code in (2, 3) if case.refused and name not in NOTES else said.code in (0, 1)
        assert "internal error" not in said.out + said.err
    shown = said.out + said.err
    if case.refused:
        assert any(
            word in shown
            for word in ("link that leads out", "link into", "outside the project", "outside the repository")
        )


NOTES = frozenset(
    # What these load is unknown, which is a warning.
    {name for name in CASES if name.startswith("load") or name == "base64()"}
)


@pytest.mark.parametrize("kind", ["a worktree", "a submodule", "metadata in a folder of the checkout"])
def test_metadata_outside_of_the_checkout_is_not_read(kvlint: Kvlint, checkout: Path, kind: str) -> None:
    """``.git`` is a file then, which names a folder with the same secrets."""
    meta = {
        "a worktree": checkout.parent / "main" / ".git" / "worktrees" / "w",
        "a submodule": checkout.parent / ".git" / "modules" / "checkout",
        "metadata in a folder of the checkout": checkout / "meta",
    }[kind]
    meta.parent.mkdir(parents=True, exist_ok=True)
    (checkout / ".git").rename(meta)
    _write(checkout / ".git", f"gitdir: {os.path.relpath(meta, checkout)}\n")
    relative = os.path.relpath(meta / "config", checkout)
    _write(checkout / "main.tf", VAULT.format(name=f'"${{file("{relative}")}}${{file(".git")}}"'))
    _write(checkout / "main.bicep", BICEP.format(name=f"loadTextContent('{relative}')"))
    for form in FORMATS:
        said = kvlint(".", "-f", form, "-v")
        assert _leaks(said.out + said.err) == []
    report = json.loads(kvlint(".", "-f", "json").out)
    assert report["repository"]["uri"] == "https://git.example.com/acme/infra"


def test_links_inside_the_checkout_are_followed(kvlint: Kvlint, checkout: Path) -> None:
    _write(checkout / "shared" / "values.tfvars", 'auths = { x = { auth = "from_a_link!" } }\n')
    _write(checkout / "infra" / "main.tf", VAULT.format(name="var.auths.x.auth"))
    (checkout / "infra" / "terraform.tfvars").symlink_to("../shared/values.tfvars")
    said = kvlint("infra", "-f", "json", "--select", "KV010")
    assert json.loads(said.out)["problems"] == []
    assert "from_a_link!" in said.out


def test_a_link_that_the_command_line_names_is_read_and_its_companions_are_bounded(
    kvlint: Kvlint, checkout: Path
) -> None:
    outside = checkout.parent / "outside"
    _write(outside / "terraform.tfvars", f'auths = "{CANARY}"\n')
    (checkout / "main.tf").symlink_to(outside / "x.tf")
    said = kvlint("main.tf", "-f", "json", "--select", "KV001")
    report = json.loads(said.out)
    assert [one["resource"] for one in report["findings"]] == [f"azurerm_key_vault.{CANARY}tf"]
    assert report["sources"] == ["."]
    assert report["problems"] == []
    (checkout / "terraform.tfvars").symlink_to(outside / "terraform.tfvars")
    said = kvlint("main.tf", "-f", "json", "--select", "KV001")
    (problem,) = json.loads(said.out)["problems"]
    assert problem["message"] == "the path is a symbolic link that leads out of the project"
    assert said.code == 3


def test_a_link_into_git_is_not_read_though_it_is_named(kvlint: Kvlint, checkout: Path) -> None:
    (checkout / "main.tf").symlink_to(".git/config")
    _write(checkout / "good" / "main.tf", MAIN)
    for words in (("main.tf",), ("good", "--var-file", "main.tf"), ("good", "--baseline", "main.tf")):
        said = kvlint(*words, "-f", "json")
        assert said.code in (2, 3)
        assert "the path is a symbolic link into a `.git` folder" in said.out + said.err
        assert _leaks(said.out + said.err) == []


def test_two_checkouts_do_not_read_the_folder_around_them(kvlint: Kvlint, checkout: Path) -> None:
    """The paths of their reports start from the folder that both are in."""
    other = checkout.parent / "other"
    _write(other / ".git" / "HEAD", "ref: refs/heads/main\n")
    _write(other / "main.tf", MAIN)
    _link("terraform.tfvars", "x.tfvars")(checkout, checkout.parent / "outside")
    said = kvlint(checkout, other, "-f", "json")
    assert said.code == 3
    assert _leaks(said.out) == []


def test_a_checkout_inside_the_current_folder_is_a_boundary(
    kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.parent)
    _link("terraform.tfvars", "x.tfvars")(checkout, checkout.parent / "outside")
    said = kvlint("checkout", ".", "-f", "json")
    assert said.code == 3
    assert f"{CANARY}tfvars" not in said.out


def test_outside_of_any_checkout_the_named_folder_is_the_boundary(kvlint: Kvlint, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    _write(tmp_path / "secret.tfvars", f'auths = {{ x = {{ auth = "{CANARY}" }} }}\n')
    _write(plain / "main.tf", VAULT.format(name="var.auths.x.auth"))
    (plain / "terraform.tfvars").symlink_to(tmp_path / "secret.tfvars")
    os.chdir(plain)
    said = kvlint(plain, "-f", "json")
    assert (said.code, _leaks(said.out)) == (3, [])


@pytest.mark.parametrize("name", ["\\ud800", "a\\u0000b", "x" * 5000, "~\\ud800", "~nobody\\u0000"])
def test_names_that_no_file_can_have(kvlint: Kvlint, checkout: Path, name: str) -> None:
    _write(checkout / "bicepconfig.json", f'{{"cacheRootDirectory": "{name}"}}')
    module = "module m 'br:example.azurecr.io/m:1' = {\n  name: 'm'\n}\n"
    _write(checkout / "main.bicep", module + MAIN_BICEP)
    _write(checkout / "main.tf", VAULT.format(name=f'file("{name}")'))
    deployment = json.loads(json.dumps(TEMPLATE))
    link = {"mode": "Incremental", "templateLink": {"relativePath": "NAME"}}
    deployment["resources"].append(
        {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d", "properties": link}
    )
    _write(checkout / "main.json", json.dumps(deployment).replace("NAME", name))
    _write(checkout / "a.bicepparam", f"using '{name}'\n".replace("\\ud800", "\\u{d800}").replace("\\u0000", "\\u{0}"))
    manifest = f'{{"Modules": [{{"Key": "m", "Source": "", "Dir": "{name}"}}]}}'
    _write(checkout / "tf" / "main.tf", MAIN + 'module "m" {\n  source = "acme/m/azurerm"\n}\n')
    _write(checkout / "tf" / ".terraform" / "modules" / "modules.json", manifest)
    said = kvlint(".", "-f", "json")
    assert said.code in (1, 3)
    assert "internal error" not in said.out + said.err
