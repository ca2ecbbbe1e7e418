"""Assess the controls of frameworks for every vault, from the results of the rules that check them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.engine.evidence import found_in_words
from azkvlint.engine.framework_loader import find_frameworks, sheets_of
from azkvlint.engine.rule_store import builtin_frameworks, load_framework
from azkvlint.engine.vault_ownership import VAULTS
from azkvlint.linter.linter import (
    Progress,
    exit_code_of,
    known_rules,
    repository_of,
    total_of,
    unit_results,
    without_decided,
)
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import set_readable_files
from azkvlint.linter.world_names import NamesByRoot, names_by_root
from azkvlint.model.access import origins_of
from azkvlint.model.finding import Finding, Outcome, Owner, Vault
from azkvlint.model.framework import (
    Assessment,
    ControlCheck,
    ControlFinding,
    ControlResult,
    Framework,
    Sheet,
    Status,
    Subject,
)
from azkvlint.model.location import static_address
from azkvlint.model.rule import All, Condition, Rule, Severity
from azkvlint.util.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from azkvlint.linter.result_cache import ResultCache

_NO_OWNER = Owner()
# The maximum number of results of one rule, possible for any vault, that are listed for each vault.
_MAX_UNOWNED = 5


class VaultFindings:
    """The results for one vault, or for none of a root: the results of rules, and those of the conditions of
    controls. ``vaults`` are the addresses of all vaults.
    """

    def __init__(self, vault: Vault | None, root: str, parameters: str, vaults: AbstractSet[str]) -> None:
        self.vault = vault
        self._vaults = vaults
        self.root = root
        self.parameters = parameters
        self.bases: dict[str, list[ControlFinding]] = {}
        self.applies: dict[str, Finding] = {}
        # Whether there are results for this vault that do not apply to every vault.
        self.is_named = False

    def add_result(self, finding: Finding, perhaps: bool) -> None:
        """Add a result. Evidence at other vaults does not apply to this one, and a control is not met because of what
        may not exist.
        """
        if finding.outcome is Outcome.PASS and finding.condition is not None and not self.condition:
            return
        if finding.outcome is Outcome.PASS and self.vault is not None:
            others = self._vaults - {self.vault.address}
            evidence = tuple(one for one in finding.evidence if one.at.address not in others)
            finding = msgspec.structs.replace(finding, evidence=evidence)
        self.bases.setdefault(finding.rule.id, []).append(ControlFinding(finding=finding, perhaps=perhaps))

    @property
    def condition(self) -> str:
        """Return with which values of inputs the vault exists; empty if their defaults create it."""
        return "" if self.vault is None or self.vault.condition is None else self.vault.condition.text

    @property
    def is_reported(self) -> bool:
        """Return whether the vault is reported: it is deployed here or has results of its own."""
        return self.is_named or (self.vault is not None and self.vault.deployed)


class FindingsByVault:
    """The results for all vaults of a run. ``conditions`` are the ids of the rules built from conditions of
    controls.
    """

    def __init__(self, conditions: set[str]) -> None:
        self._conditions = conditions
        self._all: list[VaultFindings] = []
        self._addresses: set[str] = set()
        self._own: list[tuple[UnitResult, str, Mapping[str, VaultFindings]]] = []
        self._by_root: dict[str, list[VaultFindings]] = {}
        self._static: dict[tuple[str, str], list[VaultFindings]] = {}
        self._without_vault: dict[str, VaultFindings] = {}
        self._unowned_counts: Counter[tuple[str, str]] = Counter()

    def add(self, result: UnitResult, path: str, parameters: str) -> None:
        """Add the vaults of a unit. A plan and its source share one root."""
        if result.control_answers is None:
            return
        root = result.root or f"{path}\0{parameters}"
        own: dict[str, VaultFindings] = {}
        for vault in result.control_answers.vaults:
            vault_findings = own[vault.address] = VaultFindings(vault, path, parameters, self._addresses)
            self._addresses.add(vault.address)
            self._all.append(vault_findings)
            self._by_root.setdefault(root, []).append(vault_findings)
            self._static.setdefault((root, static_address(vault.address)), []).append(vault_findings)
        self._own.append((result, root, own))

    def assign_results(self) -> None:
        """Assign the results to their vaults, once all vaults are known."""
        common: list[tuple[Finding, str, Mapping[str, VaultFindings]]] = []
        for result, root, own in self._own:
            for finding, owner in _results_with_owners(result):
                if finding.rule.id in self._conditions:
                    for vault_findings in self._find(owner.certain, root, own):
                        vault_findings.applies[finding.rule.id] = finding
                elif owner.every:
                    common.append((finding, root, own))
                else:
                    self._assign(finding, owner, root, own)
        for finding, root, own in common:
            candidates = list(own.values()) or self._by_root.get(root, [])
            reported = [vault_findings for vault_findings in candidates if vault_findings.is_reported]
            for vault_findings in reported or [self._unowned(root)]:
                vault_findings.add_result(finding, perhaps=False)

    def reported(self) -> list[VaultFindings]:
        """Return the vaults that are reported, and the results without a vault."""
        reported = [vault_findings for vault_findings in self._all if vault_findings.is_reported]
        return reported + list(self._without_vault.values())

    def _assign(self, finding: Finding, owner: Owner, root: str, own: Mapping[str, VaultFindings]) -> None:
        """Add a result to its certain and possible owners, or to the results without a vault."""
        for vault_findings in self._find(owner.certain, root, own) or [self._unowned(root)]:
            vault_findings.is_named = True
            vault_findings.add_result(finding, perhaps=False)
        if finding.outcome is Outcome.PASS:
            return
        for vault_findings in self._find(owner.perhaps, root, own):
            vault_findings.is_named = True
            vault_findings.add_result(finding, perhaps=True)
        if owner.anyone:
            key = (root, finding.rule.id)
            self._unowned_counts[key] += 1
            for vault_findings in own.values() if self._unowned_counts[key] <= _MAX_UNOWNED else ():
                vault_findings.add_result(finding, perhaps=True)

    def _unowned(self, root: str) -> VaultFindings:
        path, _, parameters = root.partition("\0")
        return self._without_vault.setdefault(root, VaultFindings(None, path, parameters, self._addresses))

    def _find(self, addresses: Iterable[str], root: str, own: Mapping[str, VaultFindings]) -> list[VaultFindings]:
        """Return the vaults with these addresses. If a plan has decided a vault, it is the plan's."""
        matches: dict[int, VaultFindings] = {}
        for address in addresses:
            with_address = [own[address]] if address in own else self._static.get((root, static_address(address)), [])
            for vault_findings in with_address:
                matches.setdefault(id(vault_findings), vault_findings)
        return list(matches.values())


def _results_with_owners(result: UnitResult) -> Iterator[tuple[Finding, Owner]]:
    answers = result.control_answers
    if answers is not None:
        for finding in chain(result.findings, result.unknown, result.suppressed, answers.passes):
            yield finding, answers.owners.get((finding.rule.id, finding.resource), _NO_OWNER)


DEFAULT, EVERYTHING = "key-vault", "all"
_NOT_HERE = "the vault is not declared in this input"
_NOTHING = "no matching resources"
_NO_RULE = "no rule covers this control"
_OTHER_VAULTS = "the control applies to other vaults"


def assess(
    config: Config, names: Sequence[str], progress: Progress | None = None, cache: ResultCache | None = None
) -> Assessment:
    """Assess frameworks for all vaults of a run. Raise UsageError and RuleError."""
    set_readable_files(config)
    known = known_rules(config)
    sheets = sheets_of(_select_frameworks(names, known), sorted(known, key=lambda rule: rule.id))
    rule_ids = {rule for sheet in sheets for check in sheet.checks for rule in check.rules}
    conditions = _conditions(sheets)
    rules = (*(rule for rule in known if rule.id in rule_ids), *(_as_rule(*pair) for pair in conditions.items()))
    root, pairs, problems = unit_results(config, known, rules, progress, cache)
    total, unit_results_ = total_of(config, known, rules, root, [result for _, result in pairs], problems)
    types_by_rule = {rule.id: {type_.lower() for type_ in rule.resources} for rule in rules}
    by_vault = FindingsByVault(set(conditions.values()))
    units = list(without_decided(unit_results_))
    for (unit, _), result in zip(pairs, units, strict=True):
        by_vault.add(result, unit.source.path, unit.world)
    by_vault.assign_results()
    subjects = (_subject(vault_findings, sheets, conditions, types_by_rule) for vault_findings in by_vault.reported())
    return Assessment(
        sheets=sheets,
        subjects=_labelled(sorted((one for one in subjects if any(one.sheets)), key=_order), names_by_root(units)),
        problems=tuple(dict.fromkeys(total.problems)),
        sources=tuple(dict.fromkeys(total.read)),
        version=__version__,
        repository=repository_of(config, root),
    )


def exit_code(assessment: Assessment, strict: bool) -> int:
    """Return the exit code of an assessment: 1 if a control is not met, or with ``strict`` if it is unknown."""
    count = assessment.count()
    has_findings = bool(count[Status.NOT_MET] or (strict and count[Status.UNKNOWN]))
    return exit_code_of(assessment.sources, assessment.problems, has_findings)


def _select_frameworks(names: Sequence[str], rules: Sequence[Rule]) -> list[Framework]:
    """Return the frameworks with these names; for the name of a family, its newest version."""
    known: Sequence[Framework] = ()
    frameworks: dict[str, Framework] = {}
    for name in names or (DEFAULT,):
        if name.endswith((".yaml", ".yml")):
            matches: Sequence[Framework] = load_framework(name, rules)
        else:
            known = known or builtin_frameworks(rules)
            matches = _matching_frameworks(name, known)
        for framework in matches:
            frameworks.setdefault(framework.name, framework)
    return list(frameworks.values())


def _matching_frameworks(name: str, known: Sequence[Framework]) -> Sequence[Framework]:
    if name == EVERYTHING:
        return known
    matches = find_frameworks(name, known)
    if not matches:
        words = [framework.name for framework in known]
        hint = did_you_mean(name.lower(), words) or f"one of {', '.join(words)}, or {EVERYTHING}"
        raise UsageError(f"unknown control framework '{name}'", hint)
    return matches


def _conditions(sheets: Iterable[Sheet]) -> dict[Condition, str]:
    """Return the conditions that restrict controls to some vaults, each with the id of the rule that evaluates it."""
    ids: dict[Condition, str] = {}
    for check in (check for sheet in sheets for check in sheet.checks):
        own = check.control.when
        for condition in (*check.conditions.values(), *(() if own is None else (own,))):
            ids.setdefault(condition, f"row-{len(ids)}")
    return ids


def _as_rule(condition: Condition, id_: str) -> Rule:
    return Rule(
        id=id_, name=id_, title="", severity=Severity.INFO, resources=VAULTS, when=All(()), require=condition,
        message="", why="", fixes={}, references=(), examples=(), path="",
    )  # fmt: skip


def _subject(
    findings: VaultFindings,
    sheets: Iterable[Sheet],
    conditions: Mapping[Condition, str],
    types_by_rule: Mapping[str, set[str]],
) -> Subject:
    answers = tuple(
        tuple(_result(check, findings, conditions, types_by_rule) for check in sheet.checks) for sheet in sheets
    )
    if findings.vault is None:
        # Without a vault, controls without results do not apply.
        answers = tuple(tuple(answer for answer in sheet if answer.bases) for sheet in answers)
    return Subject(vault=findings.vault, root=findings.root, parameters=findings.parameters, sheets=answers)


def _result(
    check: ControlCheck,
    findings: VaultFindings,
    conditions: Mapping[Condition, str],
    types_by_rule: Mapping[str, set[str]],
) -> ControlResult:
    """Return the result of a control for one vault: the worst outcome counts, and unknown is never met."""
    control = check.control
    applies, why = _applies(control.when, findings, conditions)
    if applies is Outcome.FAIL:
        return _without_rules(check, why)
    bases: list[ControlFinding] = []
    for rule in check.rules:
        if rule in findings.bases:
            bases += _bases(rule, check, findings, conditions)
    bases.sort(key=_rank)
    outcomes = {basis.outcome for basis in bases}
    is_missing = _is_vault_missing(check, findings, types_by_rule)
    if not bases:
        if control.platform is not None and control.when is None:
            return _without_rules(check, "")
        if not check.rules:
            return ControlResult(check=check, status=Status.NO_RULE, why=control.note or _NO_RULE)
        if is_missing:
            return ControlResult(check=check, status=Status.UNKNOWN, why=_NOT_HERE)
        return ControlResult(check=check, status=Status.NOT_APPLICABLE, why=_NOTHING)
    if applies is Outcome.UNKNOWN:
        status = Status.UNKNOWN
    elif Outcome.FAIL in outcomes:
        status, why = Status.NOT_MET, ""
    elif Outcome.UNKNOWN in outcomes or is_missing:
        status, why = Status.UNKNOWN, _NOT_HERE if is_missing else ""
    elif findings.condition:
        status, why = Status.UNKNOWN, f"the vault exists only {findings.condition}"
    else:
        status, why = Status.MET, ""
    return ControlResult(check=check, status=status, why=why, bases=tuple(bases))


def _bases(
    rule: str, check: ControlCheck, findings: VaultFindings, conditions: Mapping[Condition, str]
) -> Iterable[ControlFinding]:
    """Return the results of a rule for a vault. If it is unknown whether the rule applies, its failures are only
    possible.
    """
    bases = findings.bases.get(rule, ())
    applies, _ = _applies(check.conditions.get(rule), findings, conditions)
    if applies is Outcome.PASS or not bases:
        return bases
    if applies is Outcome.FAIL:
        return ()
    return [
        ControlFinding(finding=basis.finding, perhaps=True)
        for basis in bases
        if basis.finding.outcome is not Outcome.PASS
    ]


def _applies(
    condition: Condition | None, one: VaultFindings, conditions: Mapping[Condition, str]
) -> tuple[Outcome, str]:
    """Return whether a control applies to a vault, and the reason if it does not or if that is unknown."""
    if condition is None:
        return Outcome.PASS, ""
    finding = one.applies.get(conditions[condition])
    if finding is None:
        return Outcome.UNKNOWN, _NOT_HERE
    if finding.outcome is Outcome.UNKNOWN:
        return Outcome.UNKNOWN, f"whether it applies to this vault is unknown: {finding.why}"
    facts = ", ".join(found_in_words([one for one in finding.evidence if one.attribute], finding.resource))
    return finding.outcome, f"{_OTHER_VAULTS}: {facts}" if facts else _OTHER_VAULTS


def _without_rules(check: ControlCheck, why: str) -> ControlResult:
    platform = check.control.platform
    if platform is None:
        return ControlResult(check=check, status=Status.NOT_APPLICABLE, why=why)
    return ControlResult(check=check, status=platform.status, why=platform.because, references=platform.references)


def _is_vault_missing(check: ControlCheck, findings: VaultFindings, types_by_rule: Mapping[str, set[str]]) -> bool:
    """Return whether a rule would have to evaluate the vault itself, which is declared elsewhere."""
    if findings.vault is None or findings.vault.known:
        return False
    type_ = findings.vault.type.lower()
    return any(type_ in types_by_rule[rule] and rule not in findings.bases for rule in check.rules)


def _rank(basis: ControlFinding) -> tuple[object, ...]:
    """Return the sort key: failures first, then unknown results; suppressed ones last."""
    finding = basis.finding
    region = finding.at.region
    place = (0, 0, 0, 0) if region is None else msgspec.structs.astuple(region)
    return basis.outcome, finding.suppressed is not None, finding.at.path, place, finding.rule.id, finding.resource


def _labelled(subjects: Sequence[Subject], names: NamesByRoot) -> tuple[Subject, ...]:
    """Return subjects with their labels: name, root and base world, and the address where these are not enough."""
    keys = [(one.root, one.parameters) for one in subjects]
    origins = origins_of({(root, world): names.get(root, {}).get(world, world) for root, world in keys})
    labels = [f"{_name(one)}{origins[key]}" for one, key in zip(subjects, keys, strict=True)]
    count = Counter(labels)
    return tuple(
        msgspec.structs.replace(
            one, label=label if count[label] == 1 or one.vault is None else f"{label}, {one.vault.address}"
        )
        for one, label in zip(subjects, labels, strict=True)
    )


def _name(subject: Subject) -> str:
    vault = subject.vault
    return "No vault" if vault is None else vault.name or vault.address


def _order(subject: Subject) -> tuple[object, ...]:
    vault = subject.vault
    if vault is None:
        return True, subject.root, subject.parameters
    region = vault.at.region
    place = (0, 0, 0, 0) if region is None else msgspec.structs.astuple(region)
    return False, vault.at.path, place, vault.address, subject.root, subject.parameters
