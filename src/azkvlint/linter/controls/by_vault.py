"""What was found in all units of a run, vault by vault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.assessment import Basis
from azkvlint.model.finding import Finding, Outcome, Owner, Vault
from azkvlint.model.location import static_address

_NOBODY = Owner()
# What may be any vault's is told in full once, and every vault so many times for each rule.
_MOST_ANYBODYS = 5


class VaultFindings:
    """What is said of one vault, or of no vault of a root: findings by rule, and the answers to rows' conditions."""

    def __init__(self, vault: Vault | None, root: str, parameters: str) -> None:
        self.vault = vault
        self.root = root
        self.parameters = parameters
        self.bases: dict[str, list[Basis]] = {}
        self.applies: dict[str, Finding] = {}
        # Whether anything is said of it that is not said of every vault.
        self.is_named = False

    def take(self, finding: Finding, perhaps: bool) -> None:
        """Take in what is said of it."""
        self.bases.setdefault(finding.rule.id, []).append(Basis(finding=finding, perhaps=perhaps))

    @property
    def is_shown(self) -> bool:
        """Whether it is deployed here, or something is said of it."""
        return self.is_named or (self.vault is not None and self.vault.deployed)


class FindingsByVault:
    """What is said of all vaults of a run. ``conditions`` are the ids of rules that ask for rows' conditions."""

    def __init__(self, conditions: set[str]) -> None:
        self._conditions = conditions
        self._all: list[VaultFindings] = []
        self._own: list[tuple[UnitResult, str, Mapping[str, VaultFindings]]] = []
        self._by_root: dict[str, list[VaultFindings]] = {}
        self._static: dict[tuple[str, str], list[VaultFindings]] = {}
        self._nobody: dict[str, VaultFindings] = {}
        self._anybodys: Counter[tuple[str, str]] = Counter()

    def add(self, judged: UnitResult, path: str, parameters: str) -> None:
        """Take in the vaults of a unit. What a plan and its source say is about one root."""
        if judged.answers is None:
            return
        root = judged.root or f"{path}\0{parameters}"
        own: dict[str, VaultFindings] = {}
        for vault in judged.answers.vaults:
            one = own[vault.address] = VaultFindings(vault, path, parameters)
            self._all.append(one)
            self._by_root.setdefault(root, []).append(one)
            self._static.setdefault((root, static_address(vault.address)), []).append(one)
        self._own.append((judged, root, own))

    def share_out(self) -> None:
        """Give what was found to those that it is about, once all vaults are known."""
        everybodys: list[tuple[Finding, str, Mapping[str, VaultFindings]]] = []
        for judged, root, own in self._own:
            for finding, owner in _owned(judged):
                if finding.rule.id in self._conditions:
                    for one in self._called(owner.certain, root, own):
                        one.applies[finding.rule.id] = finding
                elif owner.every:
                    everybodys.append((finding, root, own))
                else:
                    self._give(finding, owner, root, own)
        for finding, root, own in everybodys:
            shown = [one for one in list(own.values()) or self._by_root.get(root, []) if one.is_shown]
            for one in shown or [self._of_nobody(root)]:
                one.take(finding, perhaps=False)

    def shown(self) -> list[VaultFindings]:
        """All vaults that are told, and what belongs to none of them."""
        return [one for one in self._all if one.is_shown] + list(self._nobody.values())

    def _give(self, finding: Finding, owner: Owner, root: str, own: Mapping[str, VaultFindings]) -> None:
        """What is certainly of no vault of the input is told, and tells the vaults that it is perhaps of as well."""
        for one in self._called(owner.certain, root, own) or [self._of_nobody(root)]:
            one.is_named = True
            one.take(finding, perhaps=False)
        if finding.outcome is Outcome.PASS:
            return
        for one in self._called(owner.perhaps, root, own):
            one.is_named = True
            one.take(finding, perhaps=True)
        if owner.anyone:
            key = (root, finding.rule.id)
            self._anybodys[key] += 1
            for one in own.values() if self._anybodys[key] <= _MOST_ANYBODYS else ():
                one.take(finding, perhaps=True)

    def _of_nobody(self, root: str) -> VaultFindings:
        """What belongs to no vault of a root."""
        path, _, parameters = root.partition("\0")
        return self._nobody.setdefault(root, VaultFindings(None, path, parameters))

    def _called(self, addresses: Iterable[str], root: str, own: Mapping[str, VaultFindings]) -> list[VaultFindings]:
        """Those of these addresses; a vault that a plan has decided is the plan's."""
        found: dict[int, VaultFindings] = {}
        for address in addresses:
            one = own.get(address)
            for each in [one] if one is not None else self._static.get((root, static_address(address)), []):
                found.setdefault(id(each), each)
        return list(found.values())


def _owned(judged: UnitResult) -> Iterator[tuple[Finding, Owner]]:
    """Everything that is said of a unit, and whose it is."""
    answers = judged.answers
    if answers is not None:
        for finding in chain(judged.findings, judged.undecided, judged.suppressed, answers.passes):
            yield finding, answers.owners.get((finding.rule.id, finding.resource), _NOBODY)
