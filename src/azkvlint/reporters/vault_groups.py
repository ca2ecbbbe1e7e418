"""Group results by the vault or managed HSM that they belong to, as far as a report shows it.

A result about a key, secret, certificate or access policy belongs to the vault in its full name (``vault/secret``), and
any other result to the vault in its evidence, if that names exactly one. Vaults are grouped by their declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from azkvlint.model.finding import Evidence, Finding, Outcome, Report
from azkvlint.model.location import Location, static_address
from azkvlint.reporters.folding import Block, fold
from azkvlint.reporters.phrases import VAULT_NOUNS

# The attribute with the network exposure of a vault, and its values in words.
_EXPOSURE = "derived.exposure"
_EXPOSURES = {
    "world": "all networks",
    "wide-range": "a wide range of IP addresses",
    "listed-ips": "selected IP addresses",
    "listed-subnets": "selected subnets",
    "private-only": "private endpoints only",
}


class VaultGroup(msgspec.Struct, eq=False, kw_only=True):
    """The vaults of one declaration, with the results that belong to them.

    ``at`` is None if the declaration is not in the input. ``names`` are those of the instances, ``addresses`` without
    instance keys. ``exposures`` are the addresses with each network exposure that a result states. ``blocks`` are the
    findings that count; ``unknown`` and ``in_tests`` count other results.
    """

    type: str
    at: Location | None = None
    names: set[str] = set()
    addresses: set[str] = set()
    instances: int = 0
    exposures: dict[str, set[str]] = {}
    blocks: list[Block] = []
    unknown: int = 0
    in_tests: int = 0

    @property
    def findings(self) -> Iterator[Finding]:
        """Yield all findings that count."""
        return chain.from_iterable(block.findings for block in self.blocks)


class VaultIndex:
    """The vaults of a report, and the group of each result."""

    def __init__(self, report: Report) -> None:
        self.groups: list[VaultGroup] = []
        self._by_place: dict[object, VaultGroup] = {}
        self._by_name: dict[str, list[VaultGroup]] = {}
        self._by_address: dict[tuple[str, str], VaultGroup] = {}
        for declaration in report.evaluated:
            if declaration.type.lower() in VAULT_NOUNS:
                group = self._declared(declaration.at, declaration.address, declaration.type)
                group.instances = declaration.instances
                group.addresses.add(declaration.address)
                self._add_names(group, declaration.names)
        for finding in chain(report.findings, report.unknown, report.suppressed):
            if finding.type.lower() in VAULT_NOUNS:
                self._add_vault(finding)

    def group_of(self, finding: Finding) -> VaultGroup | None:
        """Return the group of a result, or None if the report does not show its vault."""
        type_ = finding.type.lower()
        if type_ in VAULT_NOUNS:
            return self._declared(finding.resource_at or finding.at, finding.resource, finding.type)
        vault_type = next((one for one in VAULT_NOUNS if type_.startswith(f"{one}/")), "")
        if vault_type:
            # The last names are those of the resource and its parents below the vault.
            vault, *below = finding.full_name.split("/")
            return self._named(finding, vault, vault_type) if len(below) >= type_.count("/") - 1 else None
        addresses = (evidence.at.address or "" for evidence in finding.evidence)
        groups = {self._by_address.get((finding.root, address)) for address in addresses} - {None}
        return groups.pop() if len(groups) == 1 else None

    def blocks(self, findings: Sequence[Finding]) -> list[Block]:
        """Add the findings to their vaults as blocks; return those that belong to none."""
        rest: list[Block] = []
        for block in fold(findings):
            parts: dict[VaultGroup | None, Block] = {}
            first = self.group_of(block.finding)
            for finding in (block.finding, *block.others):
                group = self.group_of(finding)
                if group in parts:
                    parts[group].others.append(finding)
                else:
                    parts[group] = Block(finding)
            for finding in block.same_cause:
                group = self.group_of(finding)
                parts[group if group in parts else first].same_cause.append(finding)
            for group, part in parts.items():
                (rest if group is None else group.blocks).append(part)
        return rest

    def count(self, unknown: Iterable[Finding], in_tests: Iterable[Finding]) -> None:
        """Count the unknown results of each vault, and its findings in tests and examples."""
        for finding in unknown:
            group = self.group_of(finding)
            if group is not None:
                group.unknown += 1
        for finding in in_tests:
            group = self.group_of(finding)
            if group is not None:
                group.in_tests += 1

    def _declared(self, at: Location, address: str, type_: str) -> VaultGroup:
        """Return the group of a declaration, created on first use."""
        key = (at.path, at.pointer or at.span or static_address(address))
        if key not in self._by_place:
            self._by_place[key] = VaultGroup(type=type_, at=at)
            self.groups.append(self._by_place[key])
        return self._by_place[key]

    def _add_names(self, group: VaultGroup, names: Iterable[str]) -> None:
        for name in names:
            group.names.add(name)
            same_name = self._by_name.setdefault(name.lower(), [])
            if group not in same_name:
                same_name.append(group)

    def _add_vault(self, finding: Finding) -> None:
        """Add the names, addresses and exposure that a result about a vault states."""
        group = self._declared(finding.resource_at or finding.at, finding.resource, finding.type)
        addresses = {(one.root, one.address) for one in finding.occurrences} or {(finding.root, finding.resource)}
        self._by_address |= dict.fromkeys(addresses, group)
        group.addresses.update(static_address(address) for _, address in addresses)
        self._add_names(group, [one.full_name for one in finding.occurrences] or [finding.full_name])
        for evidence in finding.evidence:
            if evidence.attribute == _EXPOSURE and evidence.at.address == finding.resource:
                stated = group.exposures.setdefault(_exposure_text(evidence), set())
                stated.update(address for _, address in addresses)

    def _named(self, finding: Finding, name: str, type_: str) -> VaultGroup:
        """Return the group of the vault with this name: in the file of a result, in its root, or anywhere."""
        place = finding.resource_at or finding.at
        groups = [group for group in self._by_name.get(name.lower(), ()) if group.type.lower() == type_]
        in_file = [group for group in groups if group.at is not None and group.at.path == place.path]
        in_root = [group for group in groups if group.at is not None and _folder(group.at.path) == finding.root]
        for candidates in (in_file, in_root, groups):
            if len(candidates) == 1:
                return candidates[0]
        key = (finding.root, name.lower(), type_)
        if key not in self._by_place:
            self._by_place[key] = VaultGroup(type=type_, names={name})
            self.groups.append(self._by_place[key])
        return self._by_place[key]


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _exposure_text(evidence: Evidence) -> str:
    return "unknown" if evidence.outcome is Outcome.UNKNOWN else _EXPOSURES.get(evidence.found, evidence.found)
