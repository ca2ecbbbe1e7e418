"""Values of properties in the language of the input."""

from __future__ import annotations

import pytest

from azkvlint.azure.azurerm.arguments import state_value
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Answer, Origin, Path, Scalar, path_of

AT = Location(path="main.tf")
PUBLIC = path_of("properties.publicNetworkAccess")
ACTION = path_of("properties.networkAcls.defaultAction")
RBAC = path_of("properties.enableRbacAuthorization")


@pytest.mark.parametrize(
    ("declared_as", "path", "answer", "expected"),
    [
        ("azurerm_key_vault", PUBLIC, Scalar(at=AT, value="Disabled"), "`public_network_access_enabled` is `false`"),
        ("azurerm_key_vault", PUBLIC, Scalar(at=AT, value="other"), "`public_network_access_enabled` is `other`"),
        ("azurerm_key_vault", ACTION, Scalar(at=AT, value="Allow"), "`network_acls.default_action` is `Allow`"),
        ("azurerm_key_vault", ACTION, Absent(at=AT), "`network_acls.default_action` is not set"),
        (
            "azurerm_key_vault",
            PUBLIC,
            Scalar(at=AT, value="Enabled", origin=Origin.DEFAULT, note="not set (default: true)"),
            "`public_network_access_enabled` is not set (default: true)",
        ),
        # The argument has another name in other provider versions.
        ("azurerm_key_vault", RBAC, Scalar(at=AT, value=False), "the value is `false`"),
        ("azapi_resource", RBAC, Scalar(at=AT, value=False), "`properties.enableRbacAuthorization` is `false`"),
        (
            "Microsoft.KeyVault/vaults",
            PUBLIC,
            Scalar(at=AT, value="Disabled"),
            "`properties.publicNetworkAccess` is `Disabled`",
        ),
        (
            "Microsoft.KeyVault/vaults",
            ACTION,
            Scalar(at=AT, value="Allow", note="set by an `azapi_update_resource`"),
            "`properties.networkAcls.defaultAction` is `Allow` (set by an `azapi_update_resource`)",
        ),
        (
            "azurerm_key_vault",
            ACTION,
            Scalar(at=AT, value="x", sensitive=True),
            "`network_acls.default_action` is (sensitive)",
        ),
    ],
)
def test_names_and_values_are_those_of_the_input(declared_as: str, path: Path, answer: Answer, expected: str) -> None:
    assert state_value(declared_as, path, answer) == expected
