"""The generator's truth tables: its subjects, what must be said of them, and which of them a result is about.

The same seed gives the same vaults in every format, so that a subject is known by its vault, what it is, and its number
among the vault's own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

# The generator's ideas and the rule that answers each.
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
# Three ideas look at one gate each; kvlint has one verdict on who can reach a vault through all of them together.
WORLD, WIDE = "KV101", "KV102"
EXPOSURE = {WORLD: "exposed to the world", WIDE: "exposed to a wide range"}
GATES = ("network-default-allow", "network-open-range", "public-network-access")
# What the generator asks for, where a rule asks for less by default.
SETTINGS = ("--set", "KV503.minimum=3072")
# The day on which the generator judges dates.
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
    """What a subject is known by in every format."""

    vault: str
    kind: str
    number: int


class Subject(NamedTuple):
    """A resource of which the generator knows the truth. ``spot`` tells where it is, as ``spot_of`` tells it."""

    key: Key
    spot: Spot
    full_name: str | None
    violates: tuple[str, ...]
    unknown: tuple[str, ...]


Spot: TypeAlias = tuple[str, str]


def subjects(truth: Path) -> list[Subject]:
    """The subjects of a truth table, in its order."""
    found, numbers = [], Counter[tuple[str, str]]()
    for entry in json.loads(truth.read_bytes())["subjects"]:
        kind, vault = KINDS[entry["type"].lower()], _vault(entry, truth.parent)
        key = Key(vault, kind, numbers[vault, kind])
        numbers[vault, kind] += 1
        # The name of a grant is a GUID, and in a plan only the address tells what the others are called.
        name = entry.get("name")
        full_name = vault if kind == "vault" else None if kind == "grant" or name is None else f"{vault}/{name}"
        found.append(Subject(key, _spot(entry, kind), full_name, (*entry["violates"],), (*entry.get("unknown", ()),)))
    return found


def _vault(entry: Mapping[str, Any], folder: Path) -> str:
    """The name of a subject's vault; in Terraform source it is the key of its instance, or in its own file."""
    if "root" not in entry:
        return str(entry.get("vault_name", entry["vault"]))
    keyed = _KEY.search(entry["vault"])
    if keyed is not None:
        return keyed[1] or keyed[2]
    named = _NAME.search((folder / entry["root"] / "vault_main.tf").read_text(encoding="utf-8"))
    return named[1] if named is not None else entry["vault"]


def _spot(entry: Mapping[str, Any], kind: str) -> Spot:
    """Where a subject is: of a template, by the names in its address; of Bicep, by its symbol."""
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
    """The spot of the subject that a result of kvlint's JSON report is about, with one of its occurrences in its place.

    What is in a module is in the file that is deployed. A separate access policy stands for its vault.
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
    """The IP ranges that each vault's firewall lets in, by the vault's name: the truth tables do not tell them."""
    found = {}
    for entry in json.loads(plan.read_bytes())["resource_changes"]:
        if entry["type"] == "azurerm_key_vault":
            after = entry["change"]["after"]
            found[after["name"]] = [text for acls in after.get("network_acls") or [] for text in acls["ip_rules"]]
    return found


def expected(subject: Subject, ranges: Mapping[str, list[str]]) -> Iterator[tuple[str, bool]]:
    """(rule, known) of each finding that must come (known) and each question that must stay open."""
    for idea, rule in RULES.items():
        if idea in subject.violates or idea in subject.unknown:
            yield rule, idea in subject.violates
    if subject.key.kind == "vault" and "public-network-access" in subject.violates:
        yield from _exposure(subject, ranges.get(subject.key.vault, []))


def _exposure(subject: Subject, ranges: list[str]) -> Iterator[tuple[str, bool]]:
    """The same for a vault whose public endpoint is on; where it is off, the other gates do not matter."""
    if "network-default-allow" in subject.violates:
        yield WORLD, True
    elif "network-default-allow" in subject.unknown:
        yield WORLD, False
        yield WIDE, False
    elif "network-open-range" in subject.violates:
        yield (WORLD if "0.0.0.0/0" in ranges else WIDE), True
