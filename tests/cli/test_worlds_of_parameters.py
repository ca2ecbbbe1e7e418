"""What parameters of Bicep files and templates switch off is evaluated with values that create it, and stated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import BODY, checked, report, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = "'Microsoft.KeyVault/vaults@2023-07-01'"
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
DECLARED = """param tags object = {}
param some object = { dev: 'x' }
param names array = []
param zone string = ''
"""


def vault(condition: str, name: str = "kv-existence") -> str:
    return f"resource kv {VAULT} = if ({condition}) {{\n  name: '{name}'\n  location: 'westeurope'\n  {BODY}\n}}\n"


def conditions_with(kvlint: Kvlint, file: str, values: dict[str, Any]) -> list[str]:
    """Return the conditions of the vaults of a file with a parameter file of its own."""
    parameters = {name: {"value": value} for name, value in values.items()}
    write({"p.json": json.dumps({"$schema": PARAMETERS, "contentVersion": "1.0.0.0", "parameters": parameters})})
    return words(report(kvlint(f"in/{file}", "--parameters", "in/p.json", "-f", "json", "--select", "KV001")), "KV001")


COLLECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "contains(tags, 'env')": ('if tags contains "env"', {"tags": {"env": 1}}),
    "contains(union({ a: 1 }, tags), 'env')": ('if tags contains "env"', {"tags": {"env": 1}}),
    "union({ a: false }, tags).a": ("if tags.a is true", {"tags": {"a": True}}),
    "!contains(some, 'dev')": ("if some is empty", {"some": {}}),
    "!empty(union([], names))": ("if names is not empty", {"names": ["x"]}),
    "contains(union(['x'], names), 'y')": ('if names contains "y"', {"names": ["y"]}),
    "contains({ dev: 1, prod: 2 }, zone)": ('if zone is "dev"', {"zone": "dev"}),
}


@pytest.mark.parametrize("condition", COLLECTIONS)
def test_members_of_objects_and_lists_decide(kvlint: Kvlint, condition: str) -> None:
    expected, values = COLLECTIONS[condition]
    document = checked(kvlint, {"main.bicep": DECLARED + vault(condition)}, "--select", "KV001")
    assert words(document, "KV001") == [expected]
    assert conditions_with(kvlint, "main.bicep", values) == [None]
