"""Templates that Terraform deploys: what they hold is judged, or told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from azkvlint.model.value import Unknown
from tests.readers.terraform.conftest import messages, plain, value

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge, Read

GROUP = "azurerm_resource_group_template_deployment"
KV = "d/Microsoft.KeyVault/vaults/kv"
PURGE = ("properties", "enablePurgeProtection")
VAULT = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2023-07-01",
    "name": "kv",
    "properties": {"enablePurgeProtection": True},
}
PARAMETRIC = VAULT | {"properties": {"enablePurgeProtection": "[parameters('Purge')]"}}


def template(*resources: object, **parameters: str) -> str:
    declared = {name: {"type": type_} for name, type_ in parameters.items()}
    return json.dumps({"parameters": declared, "resources": resources})


def deployment(content: str, parameters: str = "", type_: str = GROUP, more: str = "") -> str:
    given = f"  parameters_content = {parameters}\n" if parameters else ""
    written = f"  template_content = {content}\n" if content else ""
    return (
        f'resource "{type_}" "d" {{\n  name = "d"\n  resource_group_name = "rg"\n'
        f'  deployment_mode = "Incremental"\n{written}{given}{more}}}\n'
    )


def azapi(properties: str) -> str:
    return (
        'resource "azapi_resource" "d" {\n  type = "Microsoft.Resources/deployments@2022-09-01"\n  name = "d"\n'
        f'  parent_id = "/subscriptions/s/resourceGroups/rg"\n  body = {{ properties = {{ {properties} }} }}\n}}\n'
    )


@pytest.mark.parametrize("level", ["resource_group", "subscription", "management_group", "tenant"])
@pytest.mark.parametrize("content", ["file", "heredoc", "encoded"])
def test_resources_of_a_template_deployment_are_read(level: str, content: str, read: Read) -> None:
    text = template(VAULT)
    written = {"file": 'file("t.json")', "heredoc": f"<<T\n{text}\nT\n", "encoded": f"jsonencode({text})"}[content]
    type_ = f"azurerm_{level}_template_deployment"
    found = read(deployment(written, type_=type_), {"t.json": text})
    address = f"{type_}.{KV}"
    assert plain(found, address, *PURGE) is True
    assert found.resources[address].type == "Microsoft.KeyVault/vaults"
    assert value(found, address, *PURGE).at.path == found.resources[address].at.path
    assert not found.problems
    assert found.closed


@pytest.mark.parametrize(
    ("given", "purge"),
    [
        ("jsonencode({ purge = { value = false } })", False),
        ('"{\\"purge\\": {\\"value\\": true}}"', True),
        ("var.unknown", None),
        ("jsonencode({ purge = { value = var.unknown } })", None),
        ("jsonencode({ purge = var.unknown })", None),
        ('jsonencode({ purge = { reference = { secretName = "x" } } })', None),
        ("jsonencode({ other = { value = true } })", None),
        ("", None),
    ],
)
def test_parameters_of_a_template_deployment_are_read(given: str, purge: bool | None, read: Read) -> None:
    text = 'variable "unknown" {}\n' + deployment(f"jsonencode({template(PARAMETRIC, purge='bool')})", given)
    found = read(text)
    if purge is None:
        assert isinstance(value(found, f"{GROUP}.{KV}", *PURGE), Unknown)
    assert plain(found, f"{GROUP}.{KV}", *PURGE) is purge


def test_unknown_value_in_a_template_hides_no_other_value(read: Read) -> None:
    body = (
        '{ resources = [{ type = "Microsoft.KeyVault/vaults", apiVersion = "2023-07-01", name = var.n,'
        " properties = { enablePurgeProtection = false, enableRbacAuthorization = var.b } }] }"
    )
    found = read(f'variable "n" {{}}\nvariable "b" {{}}\n{deployment(f"jsonencode({body})")}')
    address = f"{GROUP}.d/Microsoft.KeyVault/vaults/{{var.n}}"
    assert plain(found, address, *PURGE) is False
    assert isinstance(value(found, address, "properties", "enableRbacAuthorization"), Unknown)
    assert not found.problems


def test_template_with_an_unknown_name_is_read(read: Read) -> None:
    text = template(VAULT | {"name": "${var.n}"})
    found = read(f'variable "n" {{}}\n{deployment(f"<<T{chr(10)}{text}{chr(10)}T{chr(10)}")}')
    assert plain(found, f"{GROUP}.d/Microsoft.KeyVault/vaults/{{var.n}}", *PURGE) is True


@pytest.mark.parametrize(
    "written",
    [
        deployment("var.unknown"),
        deployment("jsonencode(var.unknown)"),
        deployment('"[]"'),
        deployment('file("gone.json")'),
        deployment(""),
        azapi("template = var.unknown"),
        azapi(""),
    ],
)
def test_unknown_template_is_an_error(written: str, read: Read) -> None:
    found = read(f'variable "unknown" {{}}\n{written}')
    address = "azapi_resource.d" if "azapi" in written else f"{GROUP}.d"
    assert ("error", f"the template of `{address}` is unknown, so its resources were not evaluated") in messages(found)
    assert not found.closed


@pytest.mark.parametrize("resources", ["var.unknown", "[var.unknown]", "{ a = var.unknown }", '"text"'])
def test_unknown_value_in_place_of_resources_is_an_error(resources: str, read: Read) -> None:
    found = read(f'variable "unknown" {{}}\n{deployment(f"jsonencode({{ resources = {resources} }})")}')
    text = "the value in place of a resource is unknown or not an object, so it was not evaluated"
    assert messages(found) == [("error", text)]
    assert not found.closed


def test_deployment_of_an_old_azurerm_version_is_read(read: Read) -> None:
    text = (
        'resource "azurerm_template_deployment" "d" {\n  name = "d"\n  resource_group_name = "rg"\n'
        f"  template_body = <<T\n{template(PARAMETRIC, purge='bool')}\nT\n%s}}\n"
    )
    address = f"azurerm_template_deployment.{KV}"
    body = "  parameters_body = jsonencode({ purge = { value = true } })\n"
    assert plain(read(text % body), address, *PURGE) is True
    assert isinstance(value(read(text % '  parameters = { purge = "true" }\n'), address, *PURGE), Unknown)


def test_template_that_is_not_json_is_an_error(read: Read) -> None:
    found = read(deployment('"{"'))
    assert [level for level, _ in messages(found)] == ["error"]
    assert not found.closed


def test_template_spec_is_not_available(read: Read) -> None:
    found = read(deployment("", more='  template_spec_version_id = "/x"\n'))
    assert [level for level, _ in messages(found)] == ["note"]
    assert not found.closed


def test_unsupported_resource_in_a_template_is_reported_on_its_line(judge: Judge) -> None:
    content = template(VAULT | {"type": "Microsoft.KeyVault/vaults/x"})
    found = judge(f"locals {{}}\n{deployment(f'jsonencode({content})')}")
    ((path, line, message),) = found.errors()
    assert (path, line) == ("main.tf", 6)
    assert "is not supported" in message


def test_azapi_deployment_is_read(read: Read) -> None:
    content = template(PARAMETRIC, purge="bool")
    found = read(azapi(f"template = {content}, parameters = {{ purge = {{ value = false }} }}"))
    assert plain(found, f"azapi_resource.{KV}", *PURGE) is False
    assert not found.problems


def test_skipped_deployment_deploys_no_resources(read: Read) -> None:
    text = deployment(f"jsonencode({template(VAULT)})", more="  count = 0\n")
    found = read(f'resource "azurerm_key_vault" "x" {{\n  name = "x"\n}}\n{text}')
    assert list(found.resources) == ["azurerm_key_vault.x"]


def test_findings_are_on_the_line_of_the_template(judge: Judge) -> None:
    weak = VAULT | {"properties": {"enablePurgeProtection": False}}
    found = judge(f"locals {{}}\n{deployment(f'jsonencode({template(weak)})')}")
    assert [(one.outcome, one.line) for one in found.told("KV001")] == [("fail", 6)]
