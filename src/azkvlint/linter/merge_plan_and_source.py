"""Findings of a plan, at their places in the Terraform source: on the lines that its owner can edit."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from azkvlint.derived.build_graph import build_graph
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.findings import related
from azkvlint.engine.messages import fingerprint
from azkvlint.linter.declarations import located
from azkvlint.linter.suppressions import Policy, Suppressions
from azkvlint.linter.unit_result import (
    UnitResult,
    locations,
    passed,
    places_of,
    split_suppressed,
    verdicts_on,
    with_places,
    with_regions,
)
from azkvlint.model.finding import FROM_PLAN, ControlAnswers, Declaration, Evidence, Finding, Problem, Vault
from azkvlint.model.location import Location, static_address
from azkvlint.model.problem_codes import NOT_MAPPED
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Answer, ListValue, MapValue, Path, Scalar, Step, Value, path_of, select
from azkvlint.readers.plan.address import module_path
from azkvlint.readers.plan.configuration import Configuration, argument_of
from azkvlint.readers.read_result import ReadResult

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import Stub

_HINT = "--source-root FOLDER names the root module that it was made from"
# Part of the address of a resource that stands for all that there may be.
_ALL = "[*]"


def on_source(
    result: UnitResult,
    plan: ReadResult,
    source: ReadResult | None,
    required: RequiredAttributes,
    evaluator: Evaluator,
    policy: Policy | None,
) -> UnitResult:
    """Return what judging a plan gave, each finding at its place in ``source``, the root module that the plan was made
    from.

    What the plan leaves undecided, its source may decide. What has no place there keeps the one in the plan, and a note
    says so. Directives in the source count.
    """
    if source is None:
        lost = len(result.findings) + len(result.undecided)
        text = "the Terraform source of the plan is not at hand, or several modules could be it"
        return _with_note(result, plan.path, text, lost)
    places = _Places(plan, source, required)
    said = Suppressions(source.comments, policy)
    failed, open_ = _decided(result.undecided, source, required, evaluator)
    findings, silent = _told(result.findings, places, said)
    findings_too, silent_too = split_suppressed(failed, said)
    undecided, silent_still = _told(open_, places, said)
    findings += findings_too
    suppressed = silent + silent_too + silent_still
    answers = None
    if result.control_answers is not None:
        answers = _answers_on_source(result.control_answers, result.undecided, failed + open_, places)
    declarations = [places.moved_declaration(one) for one in result.declarations]
    declared = (one.at for one in declarations if one.at.path != plan.path)
    find = source.locate(
        chain(locations([*findings, *undecided, *suppressed], said.problems), places_of(answers), declared)
    )
    found = msgspec.structs.replace(
        result,
        findings=[with_regions(finding, find, source.root) for finding in findings],
        undecided=[with_regions(finding, find, source.root) for finding in undecided],
        suppressed=result.suppressed + [with_regions(finding, find, source.root) for finding in suppressed],
        problems=result.problems + said.problems,
        passed=result.passed + len(result.undecided) - len(failed) - len(open_),
        unused=result.unused | said.unused,
        used=result.used | said.used,
        directives=result.directives + said.said,
        root=source.root,
        from_plan=True,
        decided=frozenset(static_address(address) for address in plan.resources),
        control_answers=None if answers is None else with_places(answers, find, source.root),
        declarations=located(declarations, find),
        secret_texts=result.secret_texts | source.secret_texts(),
    )
    return _with_note(found, plan.path, "some resources of the plan are not in its Terraform source", places.lost)


def from_other_source(result: UnitResult, plan: ReadResult, difference: str) -> UnitResult:
    """Return the results of a plan, at their places in it, with a note that the source found is not the plan's.

    ``difference`` is the argument of which the source has another constant.
    """
    message = f"the plan was not made from the Terraform source found: `{difference}` differs; findings are on the plan"
    note = Problem(code=NOT_MAPPED, level="note", message=message, at=Location(path=plan.path), hint=_HINT)
    return msgspec.structs.replace(result, problems=[*result.problems, note])


def _decided(
    undecided: Sequence[Finding], source: ReadResult, required: RequiredAttributes, evaluator: Evaluator
) -> tuple[list[Finding], list[Finding]]:
    """Return what of a plan's open questions its source says to fail, and what stays open.

    A plan holds no locals and no conditions, so its source may know what becomes of a value, or whom an id names.
    """
    if not undecided:
        return [], []
    verdicts = verdicts_on(source, required, evaluator)
    failed = {(finding.rule.id, finding.resource): finding for finding in verdicts.findings}
    doubtful = {(finding.rule.id, finding.resource) for finding in verdicts.undecided}
    keys = [(finding.rule.id, finding.resource) for finding in undecided]
    open_ = [
        finding
        for key, finding in zip(keys, undecided, strict=True)
        if key not in failed and (key in doubtful or finding.resource not in source.resources)
    ]
    return [failed[key] for key in keys if key in failed], open_


def _answers_on_source(
    answers: ControlAnswers, undecided: Iterable[Finding], not_passed: Iterable[Finding], places: _Places
) -> ControlAnswers:
    """Return a plan's answers at their places in the source, with those that only the source gives."""
    left = {(finding.rule.id, finding.resource) for finding in not_passed}
    decided = (one for one in undecided if (one.rule.id, one.resource) not in left)
    passes = [*answers.passes, *(passed(finding) for finding in decided)]
    lost = places.lost
    moved = tuple(places.moved(finding) or finding for finding in passes)
    places.lost = lost
    return msgspec.structs.replace(
        answers, passes=moved, vaults=tuple(places.moved_vault(vault) for vault in answers.vaults)
    )


def _with_note(result: UnitResult, path: str, message: str, lost: int) -> UnitResult:
    if not lost:
        return result
    said = f"{message}: {lost} of its findings and questions are told in the plan"
    note = Problem(code=NOT_MAPPED, level="note", message=said, at=Location(path=path), hint=_HINT)
    return msgspec.structs.replace(result, problems=[*result.problems, note])


def _told(findings: Iterable[Finding], places: _Places, said: Suppressions) -> tuple[list[Finding], list[Finding]]:
    """Return the findings at their places in the source, and those of them that are suppressed there."""
    lost: list[Finding] = []
    found: list[Finding] = []
    for finding in findings:
        moved = places.moved(finding)
        (lost if moved is None else found).append(finding if moved is None else moved)
    counted, suppressed = split_suppressed(found, said)
    return counted + lost, suppressed


class _Places:
    """The resources of the source. ``lost`` counts what was not found among them and stays nevertheless."""

    def __init__(self, plan: ReadResult, source: ReadResult, required: RequiredAttributes) -> None:
        self.planned = plan.resources
        self.resources = build_graph(source.resources, required, source.is_complete).resources
        self.heads = source.stubs
        self.lost = 0
        self._configuration = Configuration(plan.plan.configuration if plan.plan is not None else None)
        self._static: dict[str, Resource] = {}
        for address, resource in self.resources.items():
            self._static.setdefault(static_address(address), resource)

    def moved(self, finding: Finding) -> Finding | None:
        """Return a finding of a plan at its place in the source; None if its resource is not there."""
        resource = self._find(finding.resource)
        if resource is None:
            planned = self.planned.get(finding.resource)
            # What goes away has mostly been taken out of the source before.
            self.lost += planned is None or planned.stays
            return None
        at = self._place(resource, finding.at)
        evidence = tuple(self._moved(one) for one in finding.evidence)
        named = msgspec.structs.replace(resource, address=finding.resource)
        return msgspec.structs.replace(
            finding,
            at=at,
            excerpt=None,
            evidence=evidence,
            related=related(named, evidence, at),
            resource_at=resource.at,
            callers=resource.callers,
            fingerprint=fingerprint(finding.rule.id, at, resource.callers) if finding.fingerprint else "",
            source=FROM_PLAN,
        )

    def moved_vault(self, vault: Vault) -> Vault:
        """Return a vault of a plan at its place in the source, if it is there."""
        resource = self._find(vault.address)
        if resource is None:
            return vault
        return msgspec.structs.replace(vault, at=msgspec.structs.replace(resource.at, address=vault.address))

    def moved_declaration(self, declaration: Declaration) -> Declaration:
        """Return a declaration of a plan at its place in the source, if it is there."""
        resource = self._find(declaration.at.address or "")
        if resource is None:
            return declaration
        at = msgspec.structs.replace(resource.at, address=declaration.at.address, cause=None)
        return msgspec.structs.replace(declaration, at=at)

    def _find(self, address: str) -> Resource | None:
        """Return what a plan calls ``address``, or at least its block: the keys of instances need not be known here.

        Where no more is known than a head, such as a call's whose module is not at hand, it is that.
        """
        found = self.resources.get(address) or self._static.get(static_address(address))
        if found is not None:
            return found
        known, planned = self._head(address), self.planned.get(address)
        if known is None or planned is None:
            return None
        head, _ = known
        nothing = MapValue(at=head.at, fields={})
        return msgspec.structs.replace(planned, attributes=nothing, at=head.at, callers=head.callers)

    def _head(self, address: str) -> tuple[Stub, int] | None:
        """Return what is known of a resource, or of the first call on the way to it of which no more is; and which
        call.
        """
        prefix = ""
        for depth, (name, _) in enumerate(module_path(address), 1):
            prefix += f"module.{name}"
            if prefix in self.heads:
                return self.heads[prefix], depth
            prefix += "."
        head = self.heads.get(static_address(address))
        return None if head is None else (head, 0)

    def _moved(self, one: Evidence) -> Evidence:
        resource = self._find(one.at.address) if one.at.address is not None else None
        return one if resource is None else msgspec.structs.replace(one, at=self._place(resource, one.at))

    def _place(self, resource: Resource, at: Location) -> Location:
        """Return the attribute's place, or the head of what it is missing in."""
        place = resource.at
        if at.attribute is not None:
            planned, path = self.planned.get(at.address or ""), path_of(at.attribute)
            if planned is not None:
                path = same_path(path, planned.attributes, resource.attributes)
            place = resource.select(path).at
            if resource.address not in self.resources:
                place = self._argument(resource, path) or place
            elif resource.address != at.address and _ALL not in resource.address:
                place = _shared(place, resource)
        return msgspec.structs.replace(place, address=at.address, attribute=at.attribute)

    def _argument(self, resource: Resource, path: Path) -> Location | None:
        """Return the argument of a call that an attribute's value comes from."""
        known = self._head(resource.address)
        if known is None or not known[0].is_call:
            return None
        head, depth = known
        name = argument_of(self._configuration, resource.address, resource.declared_as, path, depth)
        return head.arguments.get(name)


def _shared(place: Location, resource: Resource) -> Location:
    """Return a place that all instances of a block have: what a caller gives to one of them is not in the block's
    module.
    """
    if posixpath.dirname(place.path) != posixpath.dirname(resource.at.path):
        return resource.at
    return msgspec.structs.replace(place, cause=None)


# So much of an item of a list tells it from the others.
_MOST_SAID = 200


def same_path(path: Path, planned: Value, source: Value) -> Path:
    """Return the path in ``source`` of what stands at ``path`` in ``planned``.

    An item is looked for by what it says. Where none says that, or several do, the path ends at the list.
    """
    found: list[Step] = []
    said: Answer = planned
    here: Answer = source
    for step in path:
        same: Step = step
        if isinstance(step, int) and isinstance(said, ListValue) and isinstance(here, ListValue):
            index = _same_item(step, said.items, here.items)
            if index is None:
                break
            same = index
        found.append(same)
        said, here = select(said, (step,)), select(here, (same,))
    return tuple(found)


def _same_item(index: int, planned: Sequence[Value], source: Sequence[Value]) -> int | None:
    """Return which item of ``source`` is the one at ``index`` of ``planned``; the one in its place, if that says as
    much.
    """
    if not -len(planned) <= index < len(planned):
        return None
    said = _said(planned[index])
    scores = [len(said & _said(item)) for item in source]
    best = max(scores, default=0)
    likely = [at for at, score in enumerate(scores) if score == best]
    if index in likely and (best or len(planned) == len(source)):
        return index
    return likely[0] if best and len(likely) == 1 else None


def _said(value: Value) -> frozenset[tuple[Path, str]]:
    """Return the texts, numbers and booleans in a value, with the way to each; of an item of a list, only that it is
    there.
    """
    found: set[tuple[Path, str]] = set()
    waiting: list[tuple[Path, Value]] = [((), value)]
    while waiting and len(found) < _MOST_SAID:
        path, here = waiting.pop()
        if isinstance(here, Scalar):
            found.add((path, str(here.value)))
        elif isinstance(here, MapValue):
            waiting += (((*path, name), field) for name, field in here.fields.items())
        elif isinstance(here, ListValue):
            waiting += ((path, item) for item in here.items)
    return frozenset(found)
