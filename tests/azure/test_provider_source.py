"""The facts of the tables, compared with the source of the provider azurerm.

``KVLINT_AZURERM`` names a checkout of hashicorp/terraform-provider-azurerm; without it, these tests are skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from tests.azure.test_mapped_attributes import unmapped

SOURCE = os.environ.get("KVLINT_AZURERM", "")
pytestmark = pytest.mark.skipif(not SOURCE, reason="KVLINT_AZURERM does not name a checkout of the provider")
# Code that tells an argument that is not set from a zero value, by type and argument, and why it makes no difference.
TELLS_NULL = {
    # A plan does not keep the value of an omitted argument.
    ("azurerm_logic_app_standard", "key_vault_reference_identity_id"),
    # Set to 2.0 if it is omitted; an empty string is invalid.
    ("azurerm_role_assignment", "condition_version"),
}
_RAW = re.compile(r"[^\n]*(?:GetRawConfig|GetOkExists|GetRawPlan)[^\n]*")
# Arguments that are traced, or that are of another block or type that the same rule covers.
ELSEWHERE = {"custom_data", "user_data", "key_type", "principal_id", "type"}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def sources() -> dict[str, str]:
    """The text of the file of each mapped resource."""
    files = {path.name: path for path in Path(SOURCE, "internal/services").glob("*/*_resource.go")}
    names = {type_: type_.removeprefix("azurerm_") + "_resource.go" for type_ in RESOURCES}
    return {type_: files[name].read_text(encoding="utf-8") for type_, name in names.items() if name in files}


def arguments(fields: Mapping[str, Field]) -> Iterator[tuple[str, Field]]:
    for name, field in fields.items():
        yield name, field
        yield from arguments(field.fields)


def test_the_provider_does_not_tell_null_from_zero_values() -> None:
    found = set()
    for type_, text in sources().items():
        raw = "\n".join(_RAW.findall(text))
        for name, field in arguments(RESOURCES[type_].fields):
            # A check that also compares with the empty string treats both alike.
            if field.zero_is_unset and re.search(rf'"{name}"(?![^\n]*!= "")', raw):
                found.add((type_, name))
    assert found == TELLS_NULL


def test_the_resource_has_no_argument_for_what_is_not_mapped() -> None:
    found = set()
    for type_, text in sources().items():
        for path in unmapped(type_):
            name = _SNAKE.sub("_", path.rpartition(".")[2]).lower()
            if name not in ELSEWHERE and re.search(rf'^\s*"{name}":', text, re.MULTILINE):
                found.add((type_, path))
    assert not found
