"""``kvlint controls``: the rows of control frameworks, answered for every vault by the rules that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config
from azkvlint.engine.framework_loader import sheets_of
from azkvlint.engine.rule_store import builtin_frameworks, load_framework
from azkvlint.engine.vault_ownership import VAULTS
from azkvlint.linter.controls.by_vault import FindingsByVault, VaultFindings
from azkvlint.linter.linter import (
    Progress,
    exit_code_of,
    judged_units,
    known_rules,
    repository_of,
    total_of,
    without_answered,
)
from azkvlint.linter.workers import begin
from azkvlint.model.assessment import Answer, Assessment, Basis, Subject
from azkvlint.model.finding import Outcome
from azkvlint.model.framework import ControlQuestion, Framework, Sheet, Status
from azkvlint.model.rule import All, Condition, Rule, Severity
from azkvlint.util.errors import UsageError, did_you_mean

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
    asked = {rule for sheet in sheets for question in sheet.questions for rule in question.rules}
    conditions = _conditions(sheets)
    rules = (*(rule for rule in known if rule.id in asked), *(_as_rule(*pair) for pair in conditions.items()))
    root, pairs = judged_units(config, known, rules, progress)
    total, found = total_of(config, known, rules, root, [judged for _, judged in pairs])
    about = {rule.id: {type_.lower() for type_ in rule.resources} for rule in rules}
    gathered = FindingsByVault(set(conditions.values()))
    units = without_answered(found)
    for (unit, _), judged in zip(pairs, units, strict=True):
        gathered.add(judged, unit.source.path, unit.parameters.path if unit.parameters is not None else "")
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
    """The frameworks of these names, in their order; of a family's name the newest version."""
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
    """What must hold of a vault for a row to be about it, each with the id of the rule that asks it."""
    found: dict[Condition, str] = {}
    for question in (question for sheet in sheets for question in sheet.questions):
        own = question.control.when
        for condition in (*question.conditions.values(), *(() if own is None else (own,))):
            found.setdefault(condition, f"row-{len(found)}")
    return found


def _as_rule(condition: Condition, id_: str) -> Rule:
    """A rule that holds for the vaults that a row is about."""
    return Rule(
        id=id_, name=id_, title="", severity=Severity.INFO, resources=VAULTS, when=All(()), require=condition,
        message="", why="", fix="", references=(), examples=(), path="",
    )  # fmt: skip


# --- answers ----------------------------------------------------------------------------------------------------------


def _subject(
    one: VaultFindings, sheets: Iterable[Sheet], conditions: Mapping[Condition, str], about: Mapping[str, set[str]]
) -> Subject:
    answers = tuple(
        tuple(_answer(question, one, conditions, about) for question in sheet.questions) for sheet in sheets
    )
    if one.vault is None:
        # It is no vault: the rows that nothing of it is said about have nothing to do with it.
        answers = tuple(tuple(answer for answer in sheet if answer.bases) for sheet in answers)
    return Subject(vault=one.vault, root=one.root, parameters=one.parameters, sheets=answers)


def _answer(
    question: ControlQuestion, one: VaultFindings, conditions: Mapping[Condition, str], about: Mapping[str, set[str]]
) -> Answer:
    """A row for one vault: the worst that its rules say counts, and what is not known is never met."""
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
            return Answer(question=question, status=Status.NO_RULE, why=control.note or _NO_RULE)
        if missing:
            return Answer(question=question, status=Status.UNDECIDED, why=_NOT_HERE)
        return Answer(question=question, status=Status.NOT_APPLICABLE, why=_NOTHING)
    if applies is Outcome.UNDECIDED:
        status = Status.UNDECIDED
    elif Outcome.FAIL in outcomes:
        status, why = Status.NOT_MET, ""
    elif Outcome.UNDECIDED in outcomes or missing:
        status, why = Status.UNDECIDED, _NOT_HERE if missing else ""
    else:
        status, why = Status.MET, ""
    return Answer(question=question, status=status, why=why, bases=tuple(bases))


def _bases(
    rule: str, question: ControlQuestion, one: VaultFindings, conditions: Mapping[Condition, str]
) -> Iterable[Basis]:
    """What a rule says of a vault, if the row asks it of this one; if that is not known, it decides nothing."""
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
    """Whether a row is about a vault, and if not, or if it cannot be told, why."""
    if condition is None:
        return Outcome.PASS, ""
    finding = one.applies.get(conditions[condition])
    if finding is None:
        return Outcome.UNDECIDED, _NOT_HERE
    if finding.outcome is Outcome.UNDECIDED:
        return Outcome.UNDECIDED, f"whether it is about this vault is not known: {finding.why}"
    found = ", ".join(f"{one.asked.removeprefix('derived.')} is {one.found}" for one in finding.evidence if one.asked)
    return finding.outcome, f"{_OTHER_VAULTS}: {found}" if found else _OTHER_VAULTS


def _unasked(question: ControlQuestion, why: str) -> Answer:
    """A row that no rule has a say in."""
    platform = question.control.platform
    if platform is None:
        return Answer(question=question, status=Status.NOT_APPLICABLE, why=why)
    return Answer(question=question, status=platform.status, why=platform.because, references=platform.references)


def _missing(question: ControlQuestion, one: VaultFindings, about: Mapping[str, set[str]]) -> bool:
    """Whether a rule would have to see the vault itself, which is declared elsewhere."""
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
