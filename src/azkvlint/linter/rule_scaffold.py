"""The template of a new rule file, which loads with placeholders in place of texts."""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.engine.schema import CATEGORIES
from azkvlint.linter.rule_gates import PLACEHOLDER


class _Start(NamedTuple):
    """A resource type with its declarations in Terraform and Bicep, as the starting point of a rule."""

    type: str
    terraform: str
    bicep: str


_VAULT = _Start(
    "Microsoft.KeyVault/vaults",
    'resource "azurerm_key_vault" "kv"',
    "resource kv 'Microsoft.KeyVault/vaults@2023-07-01'",
)
_STARTS = {
    "hsm": _Start(
        "Microsoft.KeyVault/managedHSMs",
        'resource "azurerm_key_vault_managed_hardware_security_module" "hsm"',
        "resource hsm 'Microsoft.KeyVault/managedHSMs@2023-07-01'",
    ),
    "keys": _Start(
        "Microsoft.KeyVault/vaults/keys",
        'resource "azurerm_key_vault_key" "key"',
        "resource key 'Microsoft.KeyVault/vaults/keys@2023-07-01'",
    ),
    "secrets": _Start(
        "Microsoft.KeyVault/vaults/secrets",
        'resource "azurerm_key_vault_secret" "secret"',
        "resource secret 'Microsoft.KeyVault/vaults/secrets@2023-07-01'",
    ),
}
# The loader accepts only this form, so that the file loads before anything is filled in.
_TEXT = """\
id: {id}
name: {name}
title: "{todo}: <Resources> should <state>"
category: {category}
severity: low  # info, low, medium, high or critical
resource: {type}

require:  # docs/rules-language.md has all conditions; when: selects the resources
  - attribute: tags.owner  # {todo}
    equals: payments

message: "{todo}: <fault> on {{resource}}: `{{attribute}}` is {{value}}"

why: >
  {todo}: what an attacker or an operator can do or lose, and the fact that makes it so.
fix:
  terraform: "{todo}: Set `argument = value`."
  bicep: "{todo}: Set `property: value` in `properties`."
references:
  - https://learn.microsoft.com/azure/key-vault/{todo}
{covers}
# For each outcome Terraform and one more language, and an example for each clause that a careless rule would get
# wrong. The marker is on the line of the finding.
examples:
{examples}"""
_COVERS = "# covers: [NET-01]  # {todo}: ids of docs/ideas.yaml\n"
_EXAMPLE = """\
  - {expect}: {title}
    terraform: |
      {terraform} {{
        tags = {{ owner = {value} }}{mark_terraform}
      }}
    bicep: |
      {bicep} = {{
        name: 'example'
        tags: {{ owner: {bicep_value} }}{mark_bicep}
      }}
"""


def rule_text(id_: str, name: str, topic: str, *, is_own: bool) -> str:
    """Return the content of a new rule file. ``is_own``: for a built-in rule, which covers ideas of the catalog."""
    start = _STARTS.get(topic, _VAULT)
    values = {
        "fails": ('"search"', "'search'"),
        "passes": ('"payments"', "'payments'"),
        "unknown": ("var.owner", "owner"),
    }
    examples = []
    for expect, (value, bicep_value) in values.items():
        is_marked = expect != "passes"
        text = _EXAMPLE.format(
            expect=expect,
            title=f"{PLACEHOLDER} {expect}",
            terraform=start.terraform,
            bicep=start.bicep,
            value=value,
            bicep_value=bicep_value,
            mark_terraform=f" # <- {id_}" if is_marked else "",
            mark_bicep=f" // <- {id_}" if is_marked else "",
        )
        if expect == "unknown":
            text = text.replace("    terraform: |\n", '    terraform: |\n      variable "owner" {}\n')
            text = text.replace("    bicep: |\n", "    bicep: |\n      param owner string\n")
        examples.append(text)
    return _TEXT.format(
        id=id_,
        name=name,
        type=start.type,
        category=topic if topic in CATEGORIES else "hygiene",
        todo=PLACEHOLDER,
        covers=_COVERS.format(todo=PLACEHOLDER) if is_own else "",
        examples="".join(examples),
    )
