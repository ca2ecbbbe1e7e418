"""From a finding to the edits that may fix it, by the data of its rule. Nothing is proven here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.azure.arm_defaults import default_in, unsupported_properties
from azkvlint.azure.azurerm.argument_versions import first_versions
from azkvlint.azure.azurerm.arguments import arguments_of, is_terraform, name_as_written
from azkvlint.fixes.checkout import InUse
from azkvlint.fixes.ignored_changes import refuse_ignored, refuse_ignored_edits
from azkvlint.fixes.operations import OPERATIONS, refuse_protected
from azkvlint.fixes.places import (
    Change,
    Edits,
    FixTarget,
    ValueSetter,
    api_version_of,
    declaration,
    is_called,
    joined,
    language_at,
    linked,
    refuse_variables,
    text_of,
)
from azkvlint.fixes.proof import State, keys_of
from azkvlint.fixes.provider_versions import of_versions, older_than
from azkvlint.fixes.repetition import repetitions
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.steps import Steps
from azkvlint.model.effect import Effect, merged, names_of
from azkvlint.model.finding import Evidence, Finding
from azkvlint.model.fix import Literal, Refusal, TextEdit
from azkvlint.model.rule import EditPlan, EditStep
from azkvlint.model.value import path_of
from azkvlint.util.lazy_regex import regex

_INDEX = regex(r"\[[^\]]*\]")
# Words, and what adds the members of another object.
_WORD, _COMPOSED = regex(r"\w+"), regex(r"\b(?:union|merge)\(|\.\.\.")
_CURRENT = "current"
NO_FIX = "kvlint has no fix for this rule"
_SECRET = "Microsoft.KeyVault/vaults/secrets"
_NULL = regex(r"[:=]\s*null\b")


class Candidate(NamedTuple):
    """Edits that may fix a finding. ``title`` is an instruction.

    Candidates with the same ``meaning`` are different spellings of one change; one without a meaning has no others.
    ``is_of_version``: it changes the version of a provider, on which every result may depend.
    ``writes_default``: it writes a value that already applies. ``unless_unknown`` are the rules of which no result may
    be unknown that may be about the changed resource. ``otherwise`` is what to do if it fails.
    ``left`` are the attributes that the finding remains about, and
    ``why`` these are not changed.
    """

    edits: tuple[TextEdit, ...]
    title: str
    effects: tuple[Effect, ...]
    meaning: str = ""
    is_of_version: bool = False
    writes_default: bool = False
    unless_unknown: tuple[str, ...] = ()
    otherwise: str = ""
    left: tuple[str, ...] = ()
    why: str = ""


def candidates(
    finding: Finding,
    sources: Sources,
    allowed: Collection[str],
    before: Callable[[], State],
    present: Callable[[], State],
) -> Iterator[Candidate | Refusal]:
    """Yield the edits that may fix a finding, best first, and the reasons why others cannot be made.

    Those with an effect of a class that is not ``allowed`` are refused. ``before`` returns the results without edits,
    and ``present`` those of the sources, in which the finding has its place.
    """
    plans = plans_for(finding)
    applicable = [(plan, steps) for plan in plans if (steps := _steps_for(finding, plan)) or plan.decision]
    if not plans:
        yield Refusal(f"{NO_FIX}{' in this language' if finding.rule.edits else ''}")
    elif not applicable:
        yield Refusal("kvlint has no fix for this type of resource")
    for plan, steps in applicable:
        if plan.decision:
            yield Refusal(f"needs a decision: {plan.decision}")
        elif plan.unless_tested and _is_only_tested(finding, sources):
            yield Refusal("only tests and examples call the module, which destroy its resources")
        elif refusal := _not_allowed(plan.effects, allowed):
            yield refusal
        else:
            effects = (
                *plan.effects,
                *_of_ignored(finding, plan, sources),
                *_of_repetition(finding, plan, sources),
                *_on_commands(finding, plan, sources, present),
            )
            for found in _of_steps(finding, steps, effects, sources):
                if isinstance(found, Refusal):
                    yield found
                else:
                    all_effects = merged((*found.effects, *_of_results(finding, plan, before)))
                    yield _not_allowed(all_effects, allowed) or found._replace(
                        effects=all_effects, unless_unknown=plan.unless_unknown, otherwise=plan.otherwise
                    )


def _is_only_tested(finding: Finding, sources: Sources) -> bool:
    """Return whether only roots in folders of tests and examples lead to a finding in a module that they call."""
    return bool(finding.callers) and all(
        sources.checkout.is_in_tests(sources.real_path(one.root)) for one in finding.occurrences
    )


def plans_for(finding: Finding) -> list[EditPlan]:
    """Return the edit plans of a rule for the language of a finding."""
    language = language_at(finding.resource_at or finding.at)
    return [plan for plan in finding.rule.edits if not plan.languages or language in plan.languages]


def can_apply(steps: Sequence[EditStep], finding: Finding) -> bool:
    """Return whether a declaration can have the steps of a plan: azurerm sets the API version itself."""
    return not (is_terraform(finding.declared_as) and any(step.operation == "api_version" for step in steps))


def _on_commands(finding: Finding, plan: EditPlan, sources: Sources, present: Callable[[], State]) -> Iterator[Effect]:
    """Yield the effects of a plan on scripts, pipelines and other code of the checkout, with the files."""
    for command, outcome in plan.if_run.items():
        declared = lambda: present().report.evaluated  # noqa: E731
        yield from sources.commands.effects(command, outcome, finding, sources.real_path, declared)


def _of_results(finding: Finding, plan: EditPlan, before: Callable[[], State]) -> Iterator[Effect]:
    """Yield the effects that a plan has because another rule fails, or is unknown, for the resource of a finding."""
    if not plan.if_fails and not plan.if_unknown and not plan.if_passes:
        return
    state = before()
    for rule in dict.fromkeys((*plan.if_fails, *plan.if_unknown, *plan.if_passes)):
        keys = [(rule, root, address) for _, root, address in keys_of(finding)]
        is_failed, is_unknown = (any(key in found for key in keys) for found in (state.findings, state.unknown))
        if is_failed:
            yield from plan.if_fails.get(rule, ())
        if is_unknown:
            yield from plan.if_unknown.get(rule, ())
        if not is_failed and not is_unknown:
            yield from plan.if_passes.get(rule, ())


def _of_repetition(finding: Finding, plan: EditPlan, sources: Sources) -> Iterator[Effect]:
    """Yield the effects that a plan has because Terraform may create several resources, or none."""
    if not plan.if_repeated:
        return
    found: dict[str, None] = {}
    for at in (finding.resource_at or finding.at, *finding.callers):
        try:
            if at.span is None or not (sources.contains(at.path, "count") or sources.contains(at.path, "for_each")):
                continue
            text = sources.text(at.path)
        except Refusal:
            continue
        for block in body_of(at.path, text).blocks:
            if block.start == at.span[0]:
                found.update(dict.fromkeys(repetitions(block)))
    for name in found:
        yield from plan.if_repeated.get(name, ())


def _of_ignored(finding: Finding, plan: EditPlan, sources: Sources) -> Iterator[Effect]:
    """Yield the effects of properties that the present API version ignores: they take effect in a new version.

    If the declaration does not contain the property of the finding, such as in an object that is a variable, all
    properties count that the version does not have.
    """
    if not plan.if_ignored:
        return
    try:
        target = declaration(finding)
        version, text = api_version_of(target, sources), text_of(target, sources)
    except Refusal:
        version, text = "", ""
    written = set(_WORD.findall(text.lower()))
    ignored = unsupported_properties(finding.type, version)
    reported = [name for name in ignored if any(f"`{name}`" in one.found for one in finding.evidence)]
    is_whole = not _COMPOSED.search(text) and any(name.lower() in written for name in reported)
    for name in ignored:
        if not is_whole or name.lower() in written:
            yield from plan.if_ignored.get(name, ())


def _not_allowed(effects: Collection[Effect], allowed: Collection[str]) -> Refusal | None:
    """Return the refusal of effects whose classes are not allowed; None if all are."""
    names = [name for name in names_of(effects) if name not in allowed]
    return Refusal(f"not safe: it needs --allow {','.join(names)}") if names else None


def _steps_for(finding: Finding, plan: EditPlan) -> list[EditStep]:
    """Return the steps of a plan that are for the resource of a finding."""
    return [step for step in plan.steps if step.is_linked or not step.resources or finding.type in step.resources]


def _of_steps(
    finding: Finding, steps: Sequence[EditStep], effects: tuple[Effect, ...], sources: Sources
) -> Iterator[Candidate | Refusal]:
    """Yield the candidates of the steps of a plan. If a step has several choices, each makes a candidate."""
    if not can_apply(steps, finding):
        return
    left: dict[str, str] = {}
    try:
        targets = [_target(finding, step, sources) for step in steps]
        choices = [_choices(finding, step, target, sources, left) for step, target in zip(steps, targets, strict=True)]
        steps = [step for step, of_step in zip(steps, choices, strict=True) if of_step]
        choices = [of_step for of_step in choices if of_step]
    except Refusal as refusal:
        yield refusal
        return
    why = "; ".join(dict.fromkeys(left.values()))
    if left and not choices:
        yield Refusal(why)
    for number in range(max(map(len, choices), default=0)):
        changes = [of_step[min(number, len(of_step) - 1)] for of_step in choices]
        try:
            edits, titles = combined(changes, sources)
            made = [
                step
                for step, change in zip(steps, changes, strict=True)
                if (step.effects or _is_default(step)) and change(sources)[0]
            ]
            values = [change.values for change in changes if isinstance(change, _Settings)]
            candidate = Candidate(
                edits,
                joined(titles),
                merged(
                    (
                        *effects,
                        *(effect for step in made for effect in step.effects),
                        *of_versions(targets, edits, sources),
                    )
                ),
                meaning=repr((steps, values)) if len(values) == len(changes) else "",
                is_of_version=any(step.operation == "constraint" for step in steps),
                writes_default=any(map(_is_default, made)),
                left=tuple(left),
                why=why,
            )
            _refuse_breaking(finding, candidate, sources)
        except Refusal as refusal:
            yield refusal
            continue
        if edits:
            yield candidate


def _choices(
    finding: Finding, step: EditStep, target: FixTarget, sources: Sources, left: dict[str, str]
) -> list[Change]:
    """Return the changes that make one step, best first; none if its attributes are in use, which is added to ``left``.

    Raise Refusal.
    """
    try:
        return list(_changes(finding, step, target, sources))
    except InUse as refusal:
        left.update(dict.fromkeys(step.names, refusal.reason))
        return []


def _is_default(step: EditStep) -> bool:
    """Return whether a step writes a value that already applies, unless another is set."""
    return step.if_absent or step.value == _CURRENT


def _refuse_breaking(finding: Finding, candidate: Candidate, sources: Sources) -> None:
    """Raise Refusal for edits that inputs outside of the run would share, or that Terraform rejects with certainty."""
    # Of a secret, only a new version replaces the one before.
    if "replaces" in names_of(candidate.effects) and finding.type != _SECRET:
        refuse_protected(declaration(finding), sources)
    refuse_ignored_edits(candidate.edits, sources)
    sources.checkout.refuse_others(map(sources.real_path, dict.fromkeys(edit.path for edit in candidate.edits)))


def combined(changes: Sequence[Change], sources: Sources) -> tuple[Edits, list[str]]:
    """Return the edits of several steps, each made on the text that the ones before it result in.

    If a step before has moved the place of another one, such as the default of a parameter above a module call, all
    are made on the first text.
    """
    try:
        return _one_after_another(changes, sources)
    except Refusal as refusal:
        if len(changes) == 1:
            raise
        found = [change(sources) for change in changes]
        edits = tuple(dict.fromkeys(edit for of_change, _ in found for edit in of_change))
        if len({(edit.path, edit.start) for edit in edits}) < len(edits):
            raise refusal from None
        sources.edited(edits)
        return edits, [title for of_change, title in found if of_change]


def _one_after_another(changes: Sequence[Change], sources: Sources) -> tuple[Edits, list[str]]:
    """Return the edits of several steps, each made on the text that the ones before it result in."""
    steps, titles = Steps(sources), list[str]()
    for change in changes:
        edits, title = change(steps.now)
        if edits:
            titles.append(title)
            if len(changes) == 1:
                return edits, titles
            steps.add(edits)
    return steps.edits, titles


def _target(finding: Finding, step: EditStep, sources: Sources) -> FixTarget:
    """Return the declaration that a step changes. Raise Refusal."""
    target = declaration(finding)
    if step.is_linked:
        return linked(finding, sources, step.resources[0] if step.resources else "")
    if is_called(target, sources):
        raise Refusal("the resource is declared in a downloaded module")
    return target


def _changes(finding: Finding, step: EditStep, target: FixTarget, sources: Sources) -> Iterator[Change]:
    """Yield the changes that make one step, best first. Raise Refusal."""
    if step.operation == "set":
        return _settings(finding, step, target, sources)
    return OPERATIONS[step.operation](finding, step, target)


def _settings(finding: Finding, step: EditStep, target: FixTarget, sources: Sources) -> Iterator[Change]:
    """Yield the changes that set the attributes of a step: of several, those that the finding is about."""
    by_name = {} if step.is_linked else evidence_by_attribute(finding)
    names = [name for name in step.names if name in by_name]
    if not names and step.if_reported:
        return
    names = names or list(step.names)
    for name in names:
        if name in step.unless_used or name in step.unless_run:
            setting = name_as_written(target.declared_as, name)
            sources.checkout.refuse_users(setting, step.unless_used.get(name, ()), step.unless_run.get(name, ()))
    for name in step.unless_variable:
        for path, _ in _spellings(target, name, "", sources):
            refuse_variables(target, path, sources)
    for value in _values(finding, step, target, names[0], by_name.get(names[0]), sources):
        spellings = [_spellings(target, name, value, sources) for name in names]
        for number in range(max(map(len, spellings))):
            settings = [
                (spelling[min(number, len(spelling) - 1)], by_name.get(name))
                for name, spelling in zip(names, spellings, strict=True)
            ]
            yield _Settings(finding=finding, step=step, target=target, settings=settings)


def evidence_by_attribute(finding: Finding) -> dict[str, Evidence]:
    """Return the evidence of a finding about its own resource by attribute, without indexes."""
    found: dict[str, Evidence] = {}
    for one in finding.evidence:
        for name in (one.attribute, one.at.attribute):
            if name and one.at.address in (None, finding.resource):
                found.setdefault(_INDEX.sub("", name), one)
    return found


def _values(
    finding: Finding, step: EditStep, target: FixTarget, name: str, evidence: Evidence | None, sources: Sources
) -> Iterator[Literal]:
    """Yield the values that a step may write."""
    if step.choices:
        written = evidence.found if evidence is not None else ""
        least = int(written) if written.isdecimal() else 0
        yield from (number for number in step.choices if number >= least)
    elif step.value == _CURRENT:
        default = default_in(target.type, path_of(name), api_version_of(target, sources))
        if default is None:
            raise Refusal("the current value is not known")
        yield default if not isinstance(default, float) else int(default)
    else:
        yield _filled(step.value, {f"${one.name}": one.default for one in finding.rule.parameters})


def _filled(value: Any, parameters: Mapping[str, Any]) -> Literal:
    """Return a value with the parameters that it contains."""
    if isinstance(value, str) and value in parameters:
        return _filled(parameters[value], {})
    if isinstance(value, Mapping):
        return {name: _filled(one, parameters) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_filled(one, parameters) for one in value]
    plain: Literal = value
    return plain


# The steps of an attribute as its language names them, and the value there.
_Spelling: TypeAlias = tuple[tuple[str, ...], Literal]


def _spellings(target: FixTarget, name: str, value: Literal, sources: Sources) -> list[_Spelling]:
    """Return how an attribute is spelled in the language of a declaration: the present spelling first."""
    steps = tuple(name.split("."))
    declared_as = target.declared_as
    if "/" in declared_as or target.language != "terraform" or declared_as.startswith("azapi_"):
        if steps[0] == "derived":  # only its place is known
            return [((), value)]
        return [(("body", *steps) if declared_as.startswith("azapi_") and steps[0] == "properties" else steps, value)]
    found = [
        (tuple(argument.split(".")), _in_terraform(field, value))
        for argument, field in arguments_of(declared_as, steps)
    ]
    if not found:
        return [(tuple(name_as_written(declared_as, name).split(".")), value)]
    if len(found) == 1:
        return found
    present = [one for one in found if _is_set(target, one[0], sources)]
    # Of several names, one that every allowed version has comes first.
    first = first_versions(declared_as)
    return present or sorted(found, key=lambda one: bool(older_than(first.get(one[0][0], (0, 0)), target, sources)))


def _is_set(target: FixTarget, path: tuple[str, ...], sources: Sources) -> bool:
    """Return whether an attribute is set in a declaration."""
    try:
        removed = sources.editor(target.path).remove(target.address, path)
    except Refusal:
        return False
    text = sources.text(target.path)
    return bool(removed) and not any(_NULL.search(text[edit.start : edit.end]) for edit in removed)


def _in_terraform(field: Any, value: Literal) -> Literal:
    """Return a value as the argument has it: azurerm has booleans where Azure has one of two words."""
    if field.kind == "flag" and isinstance(value, str):
        return {field.words[0].lower(): True, field.words[1].lower(): False}.get(value.lower(), value)
    return value


class _Settings(msgspec.Struct, frozen=True):
    """The change that sets several attributes of one declaration."""

    finding: Finding
    step: EditStep
    target: FixTarget
    settings: Sequence[tuple[_Spelling, Evidence | None]]

    @property
    def values(self) -> list[Literal]:
        """Return the values, whatever the attributes are called."""
        return [value for (_, value), _ in self.settings]

    def __call__(self, sources: Sources) -> tuple[Edits, str]:
        """Return the edits that set the attributes, and their title."""
        target = self.target
        for (path, _), _ in self.settings:
            if path:
                refuse_ignored(target, path, sources)
        changes = [
            partial(ValueSetter(self.finding, value, evidence, target.language).set, target, path)
            for (path, value), evidence in self.settings
            if not (self.step.if_absent and _is_set(target, path, sources))
        ]
        edits, titles = combined(changes, sources)
        return edits, joined(titles)
