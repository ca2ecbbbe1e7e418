"""Read the tables of the generator: its subjects, their expected results, and the subject of each result.

The same seed results in the same vaults in every format, so that a subject is identified by its vault, its kind, and
its number among those of the vault.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

# The ideas of the generator, each with its rule.
RULES = {
    "purge-protection-off": "KV001",
    "soft-delete-short": "KV003",
    "no-private-endpoint": "KV103",
    "no-diagnostics": "KV201",
    "diagnostics-no-audit": "KV202",
    "rbac-off": "KV301",
    "access-policy-broad": "KV302",
    "deployment-flags-on": "KV303",
    "role-owner-subscription": "KV402",
    "role-admin-broad-scope": "KV404",
    "key-no-expiry": "KV501",
    "key-no-rotation": "KV502",
    "key-small-rsa": "KV503",
    "secret-no-expiry": "KV601",
    "secret-no-content-type": "KV602",
    "cert-long-validity": "KV701",
    "key-expired": "KV507",
    "secret-expired": "KV507",
    "key-not-hsm": "KV510",
    "cert-no-renewal": "KV702",
}
# Three ideas concern one network setting each; kvlint has one result for all network settings of a vault together.
WORLD, WIDE = "KV101", "KV102"
EXPOSURE = {WORLD: "open to all networks", WIDE: "large IP range"}
GATES = ("network-default-allow", "network-open-range", "public-network-access")
# Requirements of the generator that are stricter than the default of the rule.
SETTINGS = ("--set", "KV503.minimum=3072")
# The date with which the generator compares dates.
REFERENCE_DAY = "2026-11-01"

KINDS = {
    "azurerm_key_vault": "vault",
    "azurerm_key_vault_secret": "secret",
    "azurerm_key_vault_key": "key",
    "azurerm_key_vault_certificate": "certificate",
    "azurerm_role_assignment": "grant",
    "microsoft.keyvault/vaults": "vault",
    "microsoft.keyvault/vaults/secrets": "secret",
    "microsoft.keyvault/vaults/keys": "key",
    "microsoft.authorization/roleassignments": "grant",
}
_POLICY = re.compile(r'(?P<module>.*\.)?azurerm_key_vault_access_policy\.(?P<name>\w+)\["(?P<key>[^"/]*)')
_GRANT = re.compile(r"roleAssignments/.*'(?P<vault>[\w-]+)','(?P<name>\w+)'\)")
_KEY = re.compile(r'azurerm_key_vault\.shared\["([^"]+)"\]|module\.vault\["([^"]+)"\]')
_NAME = re.compile(r'^  name\s*=\s*"([^"]+)"', re.MULTILINE)
_OBJECT = re.compile(r"Microsoft\.KeyVault/vaults/[^/]+(/\w+/[^/]+)?$")


class Key(NamedTuple):
    """The key of a subject, which is the same in every format."""

    vault: str
    kind: str
    number: int


class Subject(NamedTuple):
    """A resource in the table of the generator. ``spot`` is its location, in the form of ``spot_of``."""

    key: Key
    spot: Spot
    full_name: str | None
    violates: tuple[str, ...]
    unknown: tuple[str, ...]


Spot: TypeAlias = tuple[str, str]


def subjects(truth: Path) -> list[Subject]:
    """Return the subjects of a table, in its order."""
    found, numbers = [], Counter[tuple[str, str]]()
    for entry in json.loads(truth.read_bytes())["subjects"]:
        kind, vault = KINDS[entry["type"].lower()], _vault(entry, truth.parent)
        key = Key(vault, kind, numbers[vault, kind])
        numbers[vault, kind] += 1
        # The name of a role assignment is a GUID, and in a plan only the address contains the names of the others.
        name = entry.get("name")
        full_name = vault if kind == "vault" else None if kind == "grant" or name is None else f"{vault}/{name}"
        found.append(Subject(key, _spot(entry, kind), full_name, (*entry["violates"],), (*entry.get("unknown", ()),)))
    return found


def _vault(entry: Mapping[str, Any], folder: Path) -> str:
    """Return the name of the vault of a subject; in Terraform source, it is the instance key, or in a separate file."""
    if "root" not in entry:
        return str(entry.get("vault_name", entry["vault"]))
    keyed = _KEY.search(entry["vault"])
    if keyed is not None:
        return keyed[1] or keyed[2]
    named = _NAME.search((folder / entry["root"] / "vault_main.tf").read_text(encoding="utf-8"))
    return named[1] if named is not None else entry["vault"]


def _spot(entry: Mapping[str, Any], kind: str) -> Spot:
    """Return the location of a subject: in a template, the names in its address; in Bicep, its symbolic name."""
    if "address" in entry:
        return entry.get("root", ""), entry["address"]
    if "symbol" in entry:
        index = f"[{entry['index']}]" if "index" in entry else ""
        return entry["file"], entry["symbol"] + index
    if kind == "grant":
        return entry["file"], f"{entry['vault']} {entry['name']}"
    below = "" if kind == "vault" else f"/{kind}s/{entry['name']}"
    return entry["file"], f"Microsoft.KeyVault/vaults/{entry['vault']}{below}"


def spot_of(result: Mapping[str, Any]) -> Spot:
    """Return the location of the subject of a result in the JSON report, which is merged with one of its occurrences.

    The location of a resource in a module is the file that is deployed, and that of a separate access policy its vault.
    """
    address: str = result["resource"]
    file: str = result["location"]["path"]
    if file.endswith(".bicep"):
        return result["root"], address
    place = result["root"] if file.endswith(".tf") else ""
    grant, policy = _GRANT.search(address), _POLICY.match(address)
    if grant is not None:
        return file, f"{grant['vault']} {grant['name']}"
    if policy is not None and not place:
        vault = f"{policy['module'] or ''}azurerm_key_vault.{policy['name']}"
        return "", f'{vault}["{policy["key"]}"]' if policy["name"] == "shared" else vault
    named = _OBJECT.search(address)
    return (place, address) if named is None else (file, named[0])


def ip_rules(plan: Path) -> dict[str, list[str]]:
    """Return the IP ranges that the firewall of each vault allows, by its name: the tables do not contain them."""
    found = {}
    for entry in json.loads(plan.read_bytes())["resource_changes"]:
        if entry["type"] == "azurerm_key_vault":
            after = entry["change"]["after"]
            found[after["name"]] = [text for acls in after.get("network_acls") or [] for text in acls["ip_rules"]]
    return found


def expected(subject: Subject, ranges: Mapping[str, list[str]]) -> Iterator[tuple[str, bool]]:
    """Yield (rule, True) for each expected finding, and (rule, False) for each expected unknown result."""
    for idea, rule in RULES.items():
        if idea in subject.violates or idea in subject.unknown:
            yield rule, idea in subject.violates
    if subject.key.kind == "vault" and "public-network-access" in subject.violates:
        yield from _exposure(subject, ranges.get(subject.key.vault, []))


def _exposure(subject: Subject, ranges: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield the same for a vault with public network access; without it, other network settings have no effect."""
    if "network-default-allow" in subject.violates:
        yield WORLD, True
    elif "network-default-allow" in subject.unknown:
        yield WORLD, False
        yield WIDE, False
    elif "network-open-range" in subject.violates:
        yield (WORLD if "0.0.0.0/0" in ranges else WIDE), True
