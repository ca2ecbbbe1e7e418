"""``kvlint controls``: the rows of control frameworks, answered for every vault by the rules that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.engine.framework_loader import sheets_of
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
from azkvlint.linter.workers import begin
from azkvlint.model.assessment import Assessment, Basis, ControlResult, Subject
from azkvlint.model.finding import Finding, Outcome, Owner, Vault
from azkvlint.model.framework import ControlCheck, Framework, Sheet, Status
from azkvlint.model.location import static_address
from azkvlint.model.rule import All, Condition, Rule, Severity
from azkvlint.util.errors import UsageError, did_you_mean

_NOBODY = Owner()
# How many results of a rule that may be of any vault are listed for each vault.
_MOST_ANYBODYS = 5


class VaultFindings:
    """The results of one vault, or of no vault of a root: findings by rule, and those of the conditions of controls."""

    def __init__(self, vault: Vault | None, root: str, parameters: str) -> None:
        self.vault = vault
        self.root = root
        self.parameters = parameters
        self.bases: dict[str, list[Basis]] = {}
        self.applies: dict[str, Finding] = {}
        # Whether anything is said of it that is not said of every vault.
        self.is_named = False

    def take(self, finding: Finding, perhaps: bool) -> None:
        """Add a result."""
        self.bases.setdefault(finding.rule.id, []).append(Basis(finding=finding, perhaps=perhaps))

    @property
    def is_shown(self) -> bool:
        """Return whether it is deployed here, or something is said of it."""
        return self.is_named or (self.vault is not None and self.vault.deployed)


class FindingsByVault:
    """The results of all vaults of a run. ``conditions`` are the ids of rules made of the conditions of controls."""

    def __init__(self, conditions: set[str]) -> None:
        self._conditions = conditions
        self._all: list[VaultFindings] = []
        self._own: list[tuple[UnitResult, str, Mapping[str, VaultFindings]]] = []
        self._by_root: dict[str, list[VaultFindings]] = {}
        self._static: dict[tuple[str, str], list[VaultFindings]] = {}
        self._nobody: dict[str, VaultFindings] = {}
        self._anybodys: Counter[tuple[str, str]] = Counter()

    def add(self, result: UnitResult, path: str, parameters: str) -> None:
        """Add the vaults of a unit. A plan and its source are one root."""
        if result.control_answers is None:
            return
        root = result.root or f"{path}\0{parameters}"
        own: dict[str, VaultFindings] = {}
        for vault in result.control_answers.vaults:
            one = own[vault.address] = VaultFindings(vault, path, parameters)
            self._all.append(one)
            self._by_root.setdefault(root, []).append(one)
            self._static.setdefault((root, static_address(vault.address)), []).append(one)
        self._own.append((result, root, own))

    def share_out(self) -> None:
        """Give what was found to those that it is about, once all vaults are known."""
        everybodys: list[tuple[Finding, str, Mapping[str, VaultFindings]]] = []
        for result, root, own in self._own:
            for finding, owner in _owned(result):
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
        """Return all vaults that are reported, and what belongs to none of them."""
        return [one for one in self._all if one.is_shown] + list(self._nobody.values())

    def _give(self, finding: Finding, owner: Owner, root: str, own: Mapping[str, VaultFindings]) -> None:
        """Add a result to the vaults that it certainly or perhaps belongs to, or to none of the input."""
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
        """Return what belongs to no vault of a root."""
        path, _, parameters = root.partition("\0")
        return self._nobody.setdefault(root, VaultFindings(None, path, parameters))

    def _called(self, addresses: Iterable[str], root: str, own: Mapping[str, VaultFindings]) -> list[VaultFindings]:
        """Return those of these addresses; a vault that a plan has decided is the plan's."""
        found: dict[int, VaultFindings] = {}
        for address in addresses:
            one = own.get(address)
            for each in [one] if one is not None else self._static.get((root, static_address(address)), []):
                found.setdefault(id(each), each)
        return list(found.values())


def _owned(result: UnitResult) -> Iterator[tuple[Finding, Owner]]:
    """Yield all results of a unit, each with its owner."""
    answers = result.control_answers
    if answers is not None:
        for finding in chain(result.findings, result.undecided, result.suppressed, answers.passes):
            yield finding, answers.owners.get((finding.rule.id, finding.resource), _NOBODY)


DEFAULT, EVERYTHING = "key-vault", "all"
_NOT_HERE = "the vault itself is not declared in this input"
_NOTHING = "there is nothing in this input that it could be asked of"
_NO_RULE = "no rule asks for it"
_OTHER_VAULTS = "it is about other vaults"


def assess(config: Config, names: Sequence[str], progress: Progress | None = None) -> Assessment:
    """Answer the frameworks of these names for all vaults that ``config`` leads to. Raises UsageError and RuleError."""
    begin(config)
    known = known_rules(config)
    sheets = sheets_of(_chosen(names, known), sorted(known, key=lambda rule: rule.id))
    asked = {rule for sheet in sheets for question in sheet.checks for rule in question.rules}
    conditions = _conditions(sheets)
    rules = (*(rule for rule in known if rule.id in asked), *(_as_rule(*pair) for pair in conditions.items()))
    root, pairs = unit_results(config, known, rules, progress)
    total, found = total_of(config, known, rules, root, [result for _, result in pairs])
    about = {rule.id: {type_.lower() for type_ in rule.resources} for rule in rules}
    gathered = FindingsByVault(set(conditions.values()))
    units = without_decided(found)
    for (unit, _), result in zip(pairs, units, strict=True):
        gathered.add(result, unit.source.path, unit.parameters.path if unit.parameters is not None else "")
    gathered.share_out()
    subjects = (_subject(one, sheets, conditions, about) for one in gathered.shown())
    return Assessment(
        sheets=sheets,
        subjects=tuple(sorted((one for one in subjects if any(one.sheets)), key=_order)),
        problems=tuple(dict.fromkeys(total.problems)),
        sources=tuple(dict.fromkeys(total.read)),
        version=__version__,
        repository=repository_of(config, root),
    )


def exit_code(assessment: Assessment, strict: bool) -> int:
    """Return the exit code of an assessment: 1 if a row is not met, or with ``strict`` is undecided."""
    count = assessment.count()
    has_findings = bool(count[Status.NOT_MET] or (strict and count[Status.UNDECIDED]))
    return exit_code_of(assessment.sources, assessment.problems, has_findings)


# --- frameworks -------------------------------------------------------------------------------------------------------


def _chosen(names: Sequence[str], rules: Sequence[Rule]) -> list[Framework]:
    """Return the frameworks of these names, in their order; of a family's name the newest version."""
    known: Sequence[Framework] = ()
    found: dict[str, Framework] = {}
    for name in names or (DEFAULT,):
        if name.endswith((".yaml", ".yml")):
            called: Sequence[Framework] = load_framework(name, rules)
        else:
            known = known or builtin_frameworks(rules)
            called = _called(name, known)
        for framework in called:
            found.setdefault(framework.name, framework)
    return list(found.values())


def _called(name: str, known: Sequence[Framework]) -> Sequence[Framework]:
    if name == EVERYTHING:
        return known
    exact = [framework for framework in known if framework.name == name.lower()]
    family = [framework for framework in known if framework.family == name.lower()]
    if exact or family:
        return exact or family[-1:]
    words = [framework.name for framework in known]
    hint = did_you_mean(name.lower(), words) or f"one of {', '.join(words)}, or {EVERYTHING}"
    raise UsageError(f"there is no control framework '{name}'", hint)


def _conditions(sheets: Iterable[Sheet]) -> dict[Condition, str]:
    """Return what must hold of a vault for a row to be about it, each with the id of the rule that asks it."""
    found: dict[Condition, str] = {}
    for question in (question for sheet in sheets for question in sheet.checks):
        own = question.control.when
        for condition in (*question.conditions.values(), *(() if own is None else (own,))):
            found.setdefault(condition, f"row-{len(found)}")
    return found


def _as_rule(condition: Condition, id_: str) -> Rule:
    """Return a rule that holds for the vaults that a row is about."""
    return Rule(
        id=id_, name=id_, title="", severity=Severity.INFO, resources=VAULTS, when=All(()), require=condition,
        message="", why="", fix="", references=(), examples=(), path="",
    )  # fmt: skip


# --- answers ----------------------------------------------------------------------------------------------------------


def _subject(
    one: VaultFindings, sheets: Iterable[Sheet], conditions: Mapping[Condition, str], about: Mapping[str, set[str]]
) -> Subject:
    answers = tuple(tuple(_answer(question, one, conditions, about) for question in sheet.checks) for sheet in sheets)
    if one.vault is None:
        # It is no vault: the rows that nothing of it is said about have nothing to do with it.
        answers = tuple(tuple(answer for answer in sheet if answer.bases) for sheet in answers)
    return Subject(vault=one.vault, root=one.root, parameters=one.parameters, sheets=answers)


def _answer(
    question: ControlCheck, one: VaultFindings, conditions: Mapping[Condition, str], about: Mapping[str, set[str]]
) -> ControlResult:
    """Return the result of a control for one vault: the worst of its rules counts, and unknown is never met."""
    control = question.control
    applies, why = _applies(control.when, one, conditions)
    if applies is Outcome.FAIL:
        return _unasked(question, why)
    bases = sorted((basis for rule in question.rules for basis in _bases(rule, question, one, conditions)), key=_rank)
    outcomes = {basis.outcome for basis in bases}
    missing = _missing(question, one, about)
    if not bases:
        if control.platform is not None and control.when is None:
            return _unasked(question, "")
        if not question.rules:
            return ControlResult(check=question, status=Status.NO_RULE, why=control.note or _NO_RULE)
        if missing:
            return ControlResult(check=question, status=Status.UNDECIDED, why=_NOT_HERE)
        return ControlResult(check=question, status=Status.NOT_APPLICABLE, why=_NOTHING)
    if applies is Outcome.UNDECIDED:
        status = Status.UNDECIDED
    elif Outcome.FAIL in outcomes:
        status, why = Status.NOT_MET, ""
    elif Outcome.UNDECIDED in outcomes or missing:
        status, why = Status.UNDECIDED, _NOT_HERE if missing else ""
    else:
        status, why = Status.MET, ""
    return ControlResult(check=question, status=status, why=why, bases=tuple(bases))


def _bases(
    rule: str, question: ControlCheck, one: VaultFindings, conditions: Mapping[Condition, str]
) -> Iterable[Basis]:
    """Return the results of a rule for a vault that the control applies to; if that is unknown, they decide nothing."""
    bases = one.bases.get(rule, ())
    applies, _ = _applies(question.conditions.get(rule), one, conditions)
    if applies is Outcome.PASS or not bases:
        return bases
    if applies is Outcome.FAIL:
        return ()
    return [Basis(finding=basis.finding, perhaps=True) for basis in bases if basis.finding.outcome is not Outcome.PASS]


def _applies(
    condition: Condition | None, one: VaultFindings, conditions: Mapping[Condition, str]
) -> tuple[Outcome, str]:
    """Return whether a control applies to a vault, and if it does not or that is unknown, why."""
    if condition is None:
        return Outcome.PASS, ""
    finding = one.applies.get(conditions[condition])
    if finding is None:
        return Outcome.UNDECIDED, _NOT_HERE
    if finding.outcome is Outcome.UNDECIDED:
        return Outcome.UNDECIDED, f"whether it is about this vault is not known: {finding.why}"
    found = ", ".join(
        f"{one.attribute.removeprefix('derived.')} is {one.found}" for one in finding.evidence if one.attribute
    )
    return finding.outcome, f"{_OTHER_VAULTS}: {found}" if found else _OTHER_VAULTS


def _unasked(question: ControlCheck, why: str) -> ControlResult:
    """Return the result of a control without rules."""
    platform = question.control.platform
    if platform is None:
        return ControlResult(check=question, status=Status.NOT_APPLICABLE, why=why)
    return ControlResult(check=question, status=platform.status, why=platform.because, references=platform.references)


def _missing(question: ControlCheck, one: VaultFindings, about: Mapping[str, set[str]]) -> bool:
    """Return whether a rule would have to see the vault itself, which is declared elsewhere."""
    if one.vault is None or one.vault.known:
        return False
    type_ = one.vault.type.lower()
    return any(type_ in about[rule] and rule not in one.bases for rule in question.rules)


def _rank(basis: Basis) -> tuple[object, ...]:
    """Violations first, then what is not known; those that somebody has suppressed after the others."""
    finding = basis.finding
    region = finding.at.region
    place = (0, 0, 0, 0) if region is None else msgspec.structs.astuple(region)
    return basis.outcome, finding.suppressed is not None, finding.at.path, place, finding.rule.id, finding.resource


def _order(subject: Subject) -> tuple[object, ...]:
    vault = subject.vault
    if vault is None:
        return True, subject.root, subject.parameters
    region = vault.at.region
    place = (0, 0, 0, 0) if region is None else msgspec.structs.astuple(region)
    return False, vault.at.path, place, vault.address, subject.root, subject.parameters
