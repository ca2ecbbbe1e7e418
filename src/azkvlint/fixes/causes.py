"""Which edits can cause a fault: those of an attribute that its rule reads, on a resource that its result depends on.

It takes one evaluation to refuse an edit that is certainly the cause, and several to find it among others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.required_attributes import required_by
from azkvlint.fixes.candidates import can_apply, plans_for
from azkvlint.fixes.places import language_at
from azkvlint.fixes.proof import ProofFailure, keys_of
from azkvlint.model.finding import Finding
from azkvlint.model.rule import EditStep, Rule
from azkvlint.model.value import Path, path_of

_Names: TypeAlias = tuple[str, ...]
_Read: TypeAlias = dict[str, frozenset[_Names]]


class Causes:
    """The edits that can cause a fault, by the findings that they fix. ``rules`` are all that a proof evaluates."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._read: dict[str, _Read] = {}
        self._changes: dict[tuple[str, ...], bool] = {}

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self._rules}

    def may_cause(self, finding: Finding, fault: ProofFailure, *, is_linked: bool = False) -> bool:
        """Return whether the edits for a finding may cause a fault.

        If ``is_linked``, they may also cause one of a resource that refers to that of the finding.
        """
        resources = fault.resources | fault.related | (fault.linked if is_linked else frozenset())
        if resources and not any(key[1:] in resources for key in keys_of(finding)):
            return False
        return self.may_change(finding, fault.rule)

    def may_change(self, finding: Finding, rule: str) -> bool:
        """Return whether a rule reads an attribute that the edits for a finding write, as far as both are known."""
        if rule not in self._by_id:
            return True
        # Of a finding, only what decides on the steps counts.
        key = (rule, finding.rule.id, finding.type, finding.declared_as, language_at(finding.resource_at or finding.at))
        known = self._changes.get(key)
        if known is None:
            read = self._read_by(rule)
            known = any(step.operation != "set" or _writes(finding, step, read) for step in _steps_of(finding))
            self._changes[key] = known
        return known

    def writers(self, findings: Sequence[Finding], attributes: Collection[str]) -> list[Finding]:
        """Return the findings whose edits certainly write one of some attributes of their resources."""
        read = [_names_in(path_of(name)) for name in attributes]
        return [one for one in findings if any(_is_written(step, read) for step in _steps_of(one))]

    def only_causes(
        self,
        findings: Sequence[Finding],
        faults: Sequence[ProofFailure],
        refuting: Callable[[Finding, Sequence[ProofFailure]], list[ProofFailure]],
    ) -> Iterator[list[ProofFailure]]:
        """Yield the faults for which alone the edits for each of some findings are refused; none if that is not known.

        It is known if the first of them, without those that only the spelling causes, has no other possible cause.
        """
        for finding in findings:
            own = [fault for fault in faults if self.may_cause(finding, fault)]
            is_linked = not own
            if is_linked:
                own = [fault for fault in faults if self.may_cause(finding, fault, is_linked=True)]
            own = refuting(finding, own) or own
            others = [one for one in findings if one is not finding]
            certain = own and not any(self.may_cause(one, own[0], is_linked=is_linked) for one in others)
            yield own if certain else []

    def _read_by(self, rule: str) -> _Read:
        """Return the attributes that a rule reads by type."""
        if rule not in self._read:
            required = with_needs(required_by((self._by_id[rule],)))
            paths = {type_: set(selected) for type_, selected in required.paths.items()}
            for via, types in required.reference_paths.items():
                for type_ in types:
                    paths.setdefault(type_, set()).add(path_of(via))
            self._read[rule] = {type_: frozenset(map(_names_in, selected)) for type_, selected in paths.items()}
        return self._read[rule]


def _steps_of(finding: Finding) -> Iterator[EditStep]:
    """Yield the steps of the plans for a finding."""
    return (step for plan in plans_for(finding) if can_apply(plan.steps, finding) for step in plan.steps)


def _is_written(step: EditStep, read: Sequence[_Names]) -> bool:
    """Return whether a step sets one of some attributes of its own resource, or a part of one."""
    written = [_names_in(path_of(name)) for name in step.names] if not step.is_linked else []
    return any(all(map(str.__eq__, one, other)) for one in written for other in read)


def _writes(finding: Finding, step: EditStep, read: _Read) -> bool:
    """Return whether a step writes an attribute that is read; of an unknown type or name, it may."""
    types = step.resources or (() if step.is_linked else (finding.type,))
    if not types or not step.names:
        return True
    written = [_names_in(path_of(name)) for name in step.names]
    paths = [path for type_ in types for path in read.get(type_.lower(), ())]
    return any(all(map(str.__eq__, one, other)) for one in written for other in paths)


def _names_in(path: Path) -> _Names:
    """Return the names in a path, without the indexes of lists."""
    return tuple(step.lower() for step in path if isinstance(step, str) and step != "*")
