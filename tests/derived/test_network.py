"""What the network around a vault amounts to, where the examples of rules cannot show it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.derived.exposure import Range, covered, range_of

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
LINK = "azurerm_private_dns_zone_virtual_network_link.l"
ZONE = "privatelink.vaultcore.azure.net"
GROUP = "/subscriptions/11111111-0000-0000-0000-000000000000/resourceGroups/rg"


class TestRanges:
    @pytest.mark.parametrize("text", ["203.0.113.7", "203.0.113.0/24", "10.0.0.0/8", "0.0.0.0/0", "128.0.0.0/1"])
    def test_the_prefix_is_the_one_that_is_written(self, text: str) -> None:
        found = range_of(text)
        assert found is not None
        assert found.prefix == int(text.partition("/")[2] or 32)

    @pytest.mark.parametrize("seed", range(50))
    def test_covered_range_is_contained_in_another_one(self, seed: int) -> None:
        """Ranges of addresses are nested or apart; of equal ones the first stays."""
        pick = random.Random(seed)  # noqa: S311
        ranges = []
        for _ in range(12):
            size = 1 << pick.randrange(6)
            start = pick.randrange(64) // size * size
            ranges.append(Range(start, start + size))
        found = covered(ranges)
        expected = {
            at
            for at, one in enumerate(ranges)
            if any(other.holds(one) and (other != one or by < at) for by, other in enumerate(ranges) if by != at)
        }
        assert set(found) == expected
        assert all(ranges[by].holds(ranges[at]) and by not in found for at, by in found.items())


class TestAddressRules:
    def kinds(self, plan: PlanJson, read: Reader, *rules: str) -> list[Any]:
        plan.resource(KV, {"network_acls": [{"default_action": "Deny", "bypass": "None", "ip_rules": list(rules)}]})
        found = read(plan)
        return [found.get(KV, f"derived.ipRules[{at}].kind") for at in range(len(rules))]

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("9.255.255.255", "public"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("11.0.0.0", "public"),
            ("172.15.255.255", "public"),
            ("172.16.0.0/12", "private"),
            ("172.32.0.0", "public"),
            ("192.168.0.0/16", "private"),
            ("192.0.0.0/8", "public"),
            ("100.63.255.255", "public"),
            ("100.64.0.0/10", "reserved"),
            ("127.0.0.1", "reserved"),
            ("169.254.169.254", "reserved"),
            ("0.0.0.0/0", "public"),
            ("::1", "ipv6"),
            ("office", "invalid"),
            ("", "invalid"),
        ],
    )
    def test_address_is_classified(self, text: str, kind: str, plan: PlanJson, read: Reader) -> None:
        assert self.kinds(plan, read, "203.0.113.7", text) == ["public", kind]


class TestSubnets:
    @pytest.mark.parametrize("unknown", [("service_endpoints",), ("service_endpoint",)])
    def test_service_endpoints_that_are_not_known_are_not_none(
        self, unknown: tuple[str, ...], plan: PlanJson, read: Reader
    ) -> None:
        subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/n/subnets/s"
        acls = {"default_action": "Deny", "bypass": "None", "virtual_network_subnet_ids": [subnet]}
        plan.resource(KV, {"network_acls": [acls]})
        known: dict[str, Any] = {"id": subnet, "name": "s", "service_endpoints": None, "service_endpoint": []}
        for name in unknown:
            del known[name]
        plan.resource("azurerm_subnet.s", known, unknown=dict.fromkeys(unknown, True))
        assert read(plan).get(KV, "derived.subnets[0].keyVaultEndpoint") == "?"


class TestZones:
    def zone(self, plan: PlanJson, read: Reader, *groups: str | None) -> Any:
        for at, group in enumerate(groups):
            plan.resource(f"azurerm_private_dns_zone.z{at}", {"name": ZONE, "resource_group_name": group})
        plan.resource(LINK, {"private_dns_zone_name": ZONE, "resource_group_name": "dns"})
        return read(plan).get(LINK, "derived.zone")

    def test_zone_of_the_same_name_is_found(self, plan: PlanJson, read: Reader) -> None:
        assert self.zone(plan, read, "dns") == "-> azurerm_private_dns_zone.z0"

    def test_zone_in_the_resource_group_is_found(self, plan: PlanJson, read: Reader) -> None:
        assert self.zone(plan, read, "other", "DNS") == "-> azurerm_private_dns_zone.z1"

    def test_one_in_another_group_is_another_zone(self, plan: PlanJson, read: Reader) -> None:
        assert self.zone(plan, read, "other") is None

    def test_two_zones_of_the_same_name_are_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        assert self.zone(plan, read, None, None) == "?"
