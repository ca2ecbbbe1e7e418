"""The azurerm version that a root leaves open, what hangs on it, and the provider blocks themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from azkvlint.model.value import Link
from tests.readers.terraform.conftest import call, plain, value, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge, Read

KV = "azurerm_key_vault.kv"
BARE = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
RBAC = ("properties", "enableRbacAuthorization")


def required(version: str, more: str = "") -> str:
    return (
        'terraform {\n  required_providers {\n    azurerm = {\n      source = "hashicorp/azurerm"\n'
        f'      version = "{version}"\n    }}\n  }}\n{more}}}\n'
    )


def lock(version: str, name: str = "registry.terraform.io/hashicorp/azurerm") -> dict[str, str]:
    return {".terraform.lock.hcl": f'provider "{name}" {{\n  version = "{version}"\n  hashes = []\n}}\n'}


@pytest.mark.parametrize(
    ("required", "rbac"),
    [
        ({}, False),
        ({"v.tf": required("~> 4.0")}, False),
        ({"v.tf": required("4.50.0")}, False),
        ({"v.tf": required("~> 5.0")}, None),
        ({"v.tf": required(">= 5.1, < 6.0")}, None),
        ({"v.tf": required(">= 4.0")}, False),
        ({"v.tf": required("nonsense")}, False),
        ({"v.tf": required("~> 4.0") + required("~> 4.50")}, False),
        ({"v.tf": 'terraform {\n  required_providers {\n    azurerm = "~> 4.0"\n  }\n}\n'}, False),
        ({"v.tf": 'provider "azurerm" {\n  version = "~> 3.0"\n}\n'}, False),
        ({"v.tf": required(">= 4.0"), **lock("5.0.1")}, None),
        ({"v.tf": required(">= 4.0"), **lock("4.63.0")}, False),
        ({"v.tf": required("~> 4.0"), **lock("4.63.0", "registry.opentofu.org/hashicorp/azurerm")}, False),
        ({"v.tf": required("~> 5.0"), **lock("2.0.0", "registry.terraform.io/hashicorp/random")}, None),
        ({"v.tf": required("~> 5.0"), ".terraform.lock.hcl": "{{{"}, None),
        ({"v.tf": required("~> 5.0"), ".terraform.lock.hcl": "\x00\x01"}, None),
        ({"v.tf.json": '{"terraform": {"required_providers": {"azurerm": {"version": "~> 5.0"}}}}'}, None),
        ({"v.tf.json": '{"terraform": [{"required_providers": [{"azurerm": "~> 5.0"}]}]}'}, None),
    ],
)
def test_version_decides_the_default(required: dict[str, str], rbac: bool | None, read: Read) -> None:
    # From 5.0 on the argument is required, so there is no default.
    assert plain(read(BARE, required), KV, *RBAC) is rbac


@pytest.mark.parametrize(("version", "rbac"), [("~> 5.0", None), ("~> 4.50", False)])
def test_version_constraint_of_a_module_applies_to_the_whole_root(version: str, rbac: bool, read: Read) -> None:
    found = read(BARE + call(), {"m/main.tf": required(version)})
    assert plain(found, KV, *RBAC) is rbac
    found = read(required(">= 4.0") + call() + BARE, {"m/main.tf": call("./n"), "m/n/main.tf": required(version)})
    assert plain(found, KV, *RBAC) is rbac


@pytest.mark.parametrize("text", ["{{{", "\x00\x01"])
def test_a_lock_file_that_cannot_be_read_may_name_any_version(text: str, judge: Judge) -> None:
    rbac = vault("true", "  soft_delete_enabled = false\n")
    found = judge({"main.tf": rbac, ".terraform.lock.hcl": text})
    assert [path for path, *_ in found.errors()] == [".terraform.lock.hcl"]
    assert found.outcomes("KV002") == {KV: "unknown"}
    assert found.code == 3


def test_default_has_a_note_about_its_source(read: Read) -> None:
    found = value(read(required("~> 4.0") + BARE), KV, *RBAC)
    assert (found.origin, found.note) == ("default", "not set (default: false)")


def test_soft_delete_is_an_argument_of_old_versions_alone(judge: Judge) -> None:
    text = vault("true", "  soft_delete_enabled = false\n")
    assert judge(required("~> 2.40.0") + text).outcomes("KV002") == {KV: "fail"}
    assert judge(required("~> 4.0") + text).outcomes("KV002") == {}


SETTING = """
resource "azurerm_monitor_diagnostic_setting" "d" {{
  name                       = "d"
  target_resource_id         = azurerm_key_vault.kv.id
  log_analytics_workspace_id = "/subscriptions/x/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/w"
  {} {{
    {} = "{}"
  }}
}}
"""


@pytest.mark.parametrize(
    ("version", "block", "outcome"),
    [
        ("~> 3.0", "log", {}),
        ("~> 3.50", "enabled_log", {}),
        ("~> 4.0", "enabled_log", {}),
        ("~> 5.0", "enabled_log", {}),
        ("~> 4.0", "metric", {KV: "fail"}),
        ("~> 5.0", "enabled_metric", {KV: "fail"}),
    ],
)
def test_version_decides_the_syntax_of_blocks(version: str, block: str, outcome: dict[str, str], judge: Judge) -> None:
    category = ("category", "AllMetrics") if "metric" in block else ("category", "AuditEvent")
    found = judge(required(version) + vault() + SETTING.format(block, *category))
    assert {address: said for address, said in found.outcomes("KV202").items() if said == "fail"} == outcome


@pytest.mark.parametrize("version", ["~> 4.0", "~> 5.0"])
def test_version_decides_the_syntax_of_service_endpoints(version: str, read: Read) -> None:
    old = 'resource "azurerm_subnet" "s" {\n  name = "s"\n  service_endpoints = ["Microsoft.KeyVault"]\n}\n'
    new = (
        'resource "azurerm_subnet" "s" {\n  name = "s"\n  service_endpoint {\n'
        '    service = "Microsoft.KeyVault"\n  }\n}\n'
    )
    found = read(required(version) + (old if "4" in version else new))
    assert plain(found, "azurerm_subnet.s", "properties", "serviceEndpoints", 0, "service") == "Microsoft.KeyVault"


class TestFeatures:
    """``provider.features.key_vault`` decides whether a vault is purged when it is destroyed."""

    PROVIDER = (
        'provider "azurerm" {{\n{}  features {{\n    key_vault {{\n'
        "      purge_soft_delete_on_destroy = {}\n    }}\n  }}\n}}\n"
    )
    DEFAULT = 'provider "azurerm" {\n  features {}\n}\n'

    @pytest.mark.parametrize(
        ("provider", "outcome"),
        [
            (PROVIDER.format("", "true"), "fail"),
            (PROVIDER.format("", "false"), None),
            (PROVIDER.format("", "var.p"), "unknown"),
            (DEFAULT, "fail"),
        ],
    )
    def test_features_setting_decides_the_result(self, provider: str, outcome: str | None, judge: Judge) -> None:
        found = judge(provider + variable("p") + vault("false"))
        said = set(found.outcomes("KV006").values())
        assert said == ({outcome} if outcome else set())

    @pytest.mark.parametrize(
        ("text", "outcome"),
        [
            ('module "m" {\n  source = "git::https://a.example/m"\n}\n', {"provider.azurerm": "unknown"}),
            (
                'module "m" {\n  source = "git::https://a.example/m"\n  providers = { azurerm = azurerm.west }\n}\n',
                {"provider.azurerm": "unknown", "provider.azurerm.west": "unknown"},
            ),
            (
                'module "m" {\n  source = "git::https://a.example/m"\n  providers = { azurerm = azurerm.west[1] }\n}\n',
                {"provider.azurerm": "unknown", "provider.azurerm.west": "unknown"},
            ),
            (
                'module "m" {\n  source = "git::https://a.example/m"\n}\n'
                + vault("false", "  provider = azurerm.west\n"),
                {"provider.azurerm": "unknown", "provider.azurerm.west": "fail"},
            ),
            (
                # azapi does not use the settings of azurerm.
                'variable "t" {}\nresource "azapi_resource" "r" {\n  type = var.t\n}\n',
                {},
            ),
        ],
    )
    def test_the_providers_that_a_module_outside_can_use(
        self, text: str, outcome: dict[str, str], judge: Judge
    ) -> None:
        providers = self.DEFAULT + self.PROVIDER.format('  alias = "west"\n', "true")
        assert judge(providers + text).outcomes("KV006") == outcome

    def test_features_setting_is_reported_at_its_line(self, judge: Judge) -> None:
        found = judge(self.PROVIDER.format("", "true") + vault("false"))
        assert found.told("KV006") == [("fail", "main.tf", 4)]

    @pytest.mark.parametrize(
        ("alias", "failing"), [("azurerm.keep", []), ("azurerm.purge", ["azurerm.purge"]), ("", ["azurerm"])]
    )
    def test_the_provider_that_a_vault_names(self, alias: str, failing: list[str], judge: Judge) -> None:
        text = self.DEFAULT + self.PROVIDER.format('  alias = "keep"\n', "false")
        text += self.PROVIDER.format('  alias = "purge"\n', "true")
        found = judge(text + vault("false", f"  provider = {alias}\n" if alias else ""))
        assert [finding.full_name for finding in found.all("KV006")] == failing

    @pytest.mark.parametrize(
        ("written", "module", "key"),
        [
            ("", "", "azurerm"),
            ("  provider = azurerm.west\n", "", "azurerm.west"),
            ("", "  providers = { azurerm = azurerm.west }\n", "azurerm.west"),
            ("", '  providers = { azurerm = azurerm.west["a"] }\n', "azurerm.west"),
            ('  provider = azurerm.west["a"]\n', "", "azurerm.west"),
            ("  provider = azurerm.inner\n", "  providers = { azurerm.inner = azurerm.west }\n", "azurerm.west"),
        ],
    )
    def test_providers_are_handed_to_modules(self, written: str, module: str, key: str, read: Read) -> None:
        text = self.DEFAULT + self.PROVIDER.format('  alias = "west"\n', "false")
        found = read(text + call(more=module), {"m/main.tf": vault("true", written)})
        link = value(found, f"module.m.{KV}", "provider")
        assert isinstance(link, Link)
        assert found.resources[link.target].name == key

    def test_json_providers_are_read(self, read: Read) -> None:
        providers = [{"features": {}}, {"alias": "west", "features": {}}]
        vaults = {"kv": {"provider": "azurerm.west"}}
        document = {"provider": {"azurerm": providers}, "resource": {"azurerm_key_vault": vaults}}
        found = read("", {"p.tf.json": json.dumps(document)})
        link = value(found, KV, "provider")
        assert isinstance(link, Link)
        assert found.resources[link.target].name == "azurerm.west"
