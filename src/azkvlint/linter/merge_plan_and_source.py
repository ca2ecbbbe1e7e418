"""Map the findings of a Terraform plan to the source of its root module."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from azkvlint.derived.build_graph import build_graph
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.findings import marked_location, related_notes
from azkvlint.linter.suppressions import SuppressionPolicy, Suppressions
from azkvlint.linter.unit_result import (
    UnitResult,
    answers_with_regions,
    as_passed,
    locate_declarations,
    lookup_of,
    split_suppressed,
    verdicts_on,
    with_plan_note,
    with_regions,
)
from azkvlint.model.finding import FROM_PLAN, ControlAnswers, Declaration, Evidence, Finding, Outcome, Vault
from azkvlint.model.identity import with_fingerprints
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Answer, ListValue, MapValue, Path, Scalar, Step, Value, path_of
from azkvlint.readers.plan.address import module_path
from azkvlint.readers.plan.configuration import PlanConfiguration, argument_of
from azkvlint.readers.read_result import ReadResult

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import Stub

# The part of an address that represents all instances.
_ALL = "[*]"


def merge_source(
    result: UnitResult,
    plan: ReadResult,
    source: ReadResult,
    required: RequiredAttributes,
    evaluator: RuleEvaluator,
    policy: SuppressionPolicy | None,
) -> UnitResult:
    """Return the results of a plan, with each finding located in ``source``, the root module of the plan.

    Results that are unknown in the plan may be decided by the source. A finding without a location in the source keeps
    the one in the plan, and a note reports that. Directives in the source apply.
    """
    places = _SourceLocator(plan, source, required)
    suppressions = Suppressions(source.comments, policy)
    failed, unknown = _decide_by_source(result.unknown, source, required, evaluator)
    findings, suppressed_findings = _locate(result.findings, places, suppressions)
    failed_in_source, suppressed_failures = split_suppressed(failed, suppressions)
    unknown, suppressed_unknown = _locate(unknown, places, suppressions)
    findings += failed_in_source
    suppressed = suppressed_findings + suppressed_failures + suppressed_unknown
    answers = None
    if result.control_answers is not None:
        answers = _answers_on_source(result.control_answers, result.unknown, failed + unknown, places)
    declarations = [places.locate_declaration(declaration) for declaration in result.declarations]
    declared = (declaration.at for declaration in declarations if declaration.at.path != plan.path)
    find = lookup_of(source, [*findings, *unknown, *suppressed], suppressions.problems, answers, declared)
    merged = msgspec.structs.replace(
        result,
        findings=[with_regions(finding, find, source.root) for finding in findings],
        unknown=[with_regions(finding, find, source.root) for finding in unknown],
        suppressed=result.suppressed + [with_regions(finding, find, source.root) for finding in suppressed],
        problems=result.problems + suppressions.problems,
        passed=result.passed + len(result.unknown) - len(failed) - len(unknown),
        unused=result.unused | suppressions.unused,
        used=result.used | suppressions.used,
        directives=result.directives + suppressions.directives,
        root=source.root,
        from_plan=True,
        decided=frozenset(static_address(address) for address in plan.resources),
        control_answers=answers_with_regions(answers, find, source.root),
        declarations=locate_declarations(declarations, find),
        secret_texts=result.secret_texts | source.secret_texts(),
        secret_lines=result.secret_lines | source.secret_lines(),
    )
    return with_plan_note(
        merged, plan.path, "some resources of the plan are not in the Terraform source", places.missing
    )


def _decide_by_source(
    unknown: Sequence[Finding], source: ReadResult, required: RequiredAttributes, evaluator: RuleEvaluator
) -> tuple[list[Finding], list[Finding]]:
    """Return the unknown results of a plan that fail in its source, and those that remain unknown.

    A plan contains no locals and no conditions, so the source may determine a value or the target of an id.
    """
    if not unknown:
        return [], []
    verdicts = verdicts_on(source, required, evaluator)
    failed = {(finding.rule.id, finding.resource): finding for finding in verdicts.findings}
    unknown_keys = {(finding.rule.id, finding.resource) for finding in verdicts.unknown}
    keys = [(finding.rule.id, finding.resource) for finding in unknown]
    unknown = [
        finding
        for key, finding in zip(keys, unknown, strict=True)
        if key not in failed and (key in unknown_keys or finding.resource not in source.resources)
    ]
    return [failed[key] for key in keys if key in failed], unknown


def _answers_on_source(
    answers: ControlAnswers, unknown: Iterable[Finding], not_passed: Iterable[Finding], places: _SourceLocator
) -> ControlAnswers:
    """Return a plan's answers located in the source, with results that pass only there."""
    not_passed_keys = {(finding.rule.id, finding.resource) for finding in not_passed}
    decided = (finding for finding in unknown if (finding.rule.id, finding.resource) not in not_passed_keys)
    passes = [*answers.passes, *(as_passed(finding) for finding in decided)]
    missing = places.missing
    moved = tuple(places.locate(finding) or finding for finding in passes)
    places.missing = missing
    return msgspec.structs.replace(
        answers, passes=moved, vaults=tuple(places.locate_vault(vault) for vault in answers.vaults)
    )


def _locate(
    findings: Iterable[Finding], places: _SourceLocator, suppressions: Suppressions
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings located in the source, and those of them that are suppressed there."""
    lost: list[Finding] = []
    located_findings: list[Finding] = []
    for finding in findings:
        moved = places.locate(finding)
        (lost if moved is None else located_findings).append(finding if moved is None else moved)
    counted, suppressed = split_suppressed(located_findings, suppressions)
    return counted + lost, suppressed


class _SourceLocator:
    """The resources of the source. ``missing`` counts results of the plan without a resource in the source."""

    def __init__(self, plan: ReadResult, source: ReadResult, required: RequiredAttributes) -> None:
        self.planned = plan.resources
        self.resources = build_graph(source.resources, required, source.is_complete, source.work).resources
        self.heads = source.stubs
        self.missing = 0
        self._configuration = PlanConfiguration(plan.plan.configuration if plan.plan is not None else None)
        self._static: dict[str, Resource] = {}
        for address, resource in self.resources.items():
            self._static.setdefault(static_address(address), resource)

    def locate(self, finding: Finding) -> Finding | None:
        """Return a finding of a plan located in the source; None if its resource is not there."""
        resource = self._find(finding.resource)
        if resource is None:
            planned = self.planned.get(finding.resource)
            # Resources to destroy are usually no longer in the source.
            self.missing += planned is None or planned.stays
            return None
        at = self._place(resource, finding.attribute_at or finding.at)
        evidence = tuple(self._locate_evidence(item) for item in finding.evidence)
        marked = marked_location(finding.rule, evidence, at) if finding.outcome is Outcome.FAIL else None
        named = msgspec.structs.replace(resource, address=finding.resource)
        moved = msgspec.structs.replace(
            finding,
            at=marked or at,
            excerpt=None,
            evidence=evidence,
            related=related_notes(named, evidence, marked or at, at),
            resource_at=resource.at,
            attribute_at=at if marked is not None else None,
            callers=resource.callers,
            source=FROM_PLAN,
        )
        return with_fingerprints(moved)

    def locate_vault(self, vault: Vault) -> Vault:
        """Return a vault of a plan, located in the source if it is there."""
        resource = self._find(vault.address)
        if resource is None:
            return vault
        return msgspec.structs.replace(vault, at=msgspec.structs.replace(resource.at, address=vault.address))

    def locate_declaration(self, declaration: Declaration) -> Declaration:
        """Return a declaration of a plan, located in the source if it is there."""
        resource = self._find(declaration.at.address or "")
        if resource is None:
            return declaration
        at = msgspec.structs.replace(resource.at, address=declaration.at.address, cause=None)
        return msgspec.structs.replace(declaration, at=at)

    def _find(self, address: str) -> Resource | None:
        """Return the resource with an address, or its block if the instance keys are unknown.

        If only the block's header is known, such as that of a call of a module that is not installed, a resource
        without attributes is returned.
        """
        resource = self.resources.get(address) or self._static.get(static_address(address))
        if resource is not None:
            return resource
        known, planned = self._head(address), self.planned.get(address)
        if known is None or planned is None:
            return None
        head, _ = known
        no_attributes = MapValue(at=head.at, fields={})
        return msgspec.structs.replace(planned, attributes=no_attributes, at=head.at, callers=head.callers)

    def _head(self, address: str) -> tuple[Stub, int] | None:
        """Return the header of a resource, or of the first call on its path whose module is not installed; and the
        call's depth.
        """
        prefix = ""
        for depth, (name, _) in enumerate(module_path(address), 1):
            prefix += f"module.{name}"
            if prefix in self.heads:
                return self.heads[prefix], depth
            prefix += "."
        head = self.heads.get(static_address(address))
        return None if head is None else (head, 0)

    def _locate_evidence(self, evidence: Evidence) -> Evidence:
        resource = self._find(evidence.at.address) if evidence.at.address is not None else None
        return (
            evidence if resource is None else msgspec.structs.replace(evidence, at=self._place(resource, evidence.at))
        )

    def _place(self, resource: Resource, at: Location) -> Location:
        """Return the location of an attribute, or of the block in which it is missing."""
        place = resource.at
        if at.attribute is not None:
            planned, path = self.planned.get(at.address or ""), path_of(at.attribute)
            if planned is not None:
                path = same_path(path, planned.attributes, resource.attributes)
            place = resource.select(path).at
            if resource.address not in self.resources:
                place = self._argument(resource, path) or place
            elif resource.address != at.address and _ALL not in resource.address:
                place = _shared_location(place, resource)
        return msgspec.structs.replace(place, address=at.address, attribute=at.attribute)

    def _argument(self, resource: Resource, path: Path) -> Location | None:
        """Return the argument of a module call from which an attribute's value comes."""
        known = self._head(resource.address)
        if known is None or not known[0].is_call:
            return None
        head, depth = known
        name = argument_of(self._configuration, resource.address, resource.declared_as, path, depth)
        return head.arguments.get(name)


def _shared_location(place: Location, resource: Resource) -> Location:
    """Return the location that all instances of a block share. An argument for a single instance is outside the
    module.
    """
    if posixpath.dirname(place.path) != posixpath.dirname(resource.at.path):
        return resource.at
    return msgspec.structs.replace(place, cause=None)


# The number of values that identify an item of a list.
_MAX_VALUES = 200


def same_path(path: Path, planned: Value, source: Value) -> Path:
    """Return the path in ``source`` of the value at ``path`` in ``planned``.

    An item of a list is found by its values. If no item has them, or several items do, the path ends at the list.
    """
    found: list[Step] = []
    in_plan: Answer = planned
    here: Answer = source
    for step in path:
        same: Step = step
        if isinstance(step, int) and isinstance(in_plan, ListValue) and isinstance(here, ListValue):
            index = _same_item(step, in_plan.items, here.items)
            if index is None:
                break
            same = index
        found.append(same)
        in_plan, here = in_plan.select((step,)), here.select((same,))
    return tuple(found)


def _same_item(index: int, planned: Sequence[Value], source: Sequence[Value]) -> int | None:
    """Return which item of ``source`` is the one at ``index`` of ``planned``; the one at the same index, if that has
    as many equal values.
    """
    if not -len(planned) <= index < len(planned):
        return None
    values = _values_in(planned[index])
    scores = [len(values & _values_in(item)) for item in source]
    best = max(scores, default=0)
    likely = [at for at, score in enumerate(scores) if score == best]
    if index in likely and (best or len(planned) == len(source)):
        return index
    return likely[0] if best and len(likely) == 1 else None


def _values_in(value: Value) -> frozenset[tuple[Path, str]]:
    """Return the texts, numbers and booleans in a value, with the way to each; of an item of a list, only that it is
    there.
    """
    found: set[tuple[Path, str]] = set()
    waiting: list[tuple[Path, Value]] = [((), value)]
    while waiting and len(found) < _MAX_VALUES:
        path, here = waiting.pop()
        if isinstance(here, Scalar):
            found.add((path, str(here.value)))
        elif isinstance(here, MapValue):
            waiting += (((*path, name), field) for name, field in here.fields.items())
        elif isinstance(here, ListValue):
            waiting += ((path, item) for item in here.items)
    return frozenset(found)
