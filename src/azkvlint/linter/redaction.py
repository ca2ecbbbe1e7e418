"""Redact secret strings from the results of a unit."""

from __future__ import annotations

import msgspec

from azkvlint.engine.finding_texts import filled
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.condition import OTHER, InputCondition, WorldCondition
from azkvlint.model.finding import ControlAnswers, Declaration, Evidence, Finding, Note, Owner, Vault
from azkvlint.model.identity import with_fingerprints
from azkvlint.model.location import Excerpt
from azkvlint.values.redaction import Redactor


def without_secret_texts(result: UnitResult) -> UnitResult:
    """Return the result with its secret strings replaced by ``(sensitive)``."""
    redactor = _ResultRedactor(result.secret_texts)
    return redactor.result(result) if redactor else result


class _ResultRedactor(Redactor):
    """Replaces the secret strings of a unit in its result."""

    def result(self, result: UnitResult) -> UnitResult:
        """Return a result without secret strings."""
        return msgspec.structs.replace(
            result,
            findings=[self._finding(item) for item in result.findings],
            unknown=[self._finding(item) for item in result.unknown],
            suppressed=[self._finding(item) for item in result.suppressed],
            problems=[self.problem(item) for item in result.problems],
            unused={mark: self.problem(item) for mark, item in result.unused.items()},
            declarations=[self._declaration(item) for item in result.declarations],
            control_answers=None if result.control_answers is None else self._answers(result.control_answers),
        )

    def _finding(self, finding: Finding) -> Finding:
        return finding if self._is_clean(finding) else self._redacted(finding)

    def _is_clean(self, finding: Finding) -> bool:
        """Return whether a finding contains no secret, as most do. To make a copy of each takes twice as long."""
        texts = [
            *_sentences(finding), *finding.arguments, finding.resource, finding.full_name, finding.identity,
            finding.attribute, finding.why,
        ]  # fmt: skip
        places = [finding.at, finding.attribute_at, finding.resource_at, *finding.callers]
        if finding.condition is not None:
            texts += (one.input for one in finding.condition.inputs)
            texts += (str(one.value) for one in finding.condition.inputs if one.value is not None)
            places.append(finding.condition.at)
        for evidence in finding.evidence:
            texts += evidence.name, evidence.source_name, evidence.found, evidence.note, *evidence.hops
            places.append(evidence.at)
        for note in finding.related:
            texts.append(note.text)
            places.append(note.at)
        for place in places:
            at = place
            while at is not None:
                texts += at.address or "", at.attribute or ""
                at = at.cause
        if finding.excerpt is not None:
            texts += finding.excerpt.text, finding.excerpt.context_text
        return all(self.text(text) == text for text in texts)

    def _redacted(self, finding: Finding) -> Finding:
        at, callers = self.location(finding.at), tuple(map(self.location, finding.callers))
        own = None if finding.attribute_at is None else self.location(finding.attribute_at)
        arguments = tuple(map(self.text, finding.arguments))
        redacted = msgspec.structs.replace(
            finding,
            message=self._message(finding, arguments),
            arguments=arguments,
            resource=self.text(finding.resource),
            full_name=self.text(finding.full_name),
            identity=self.text(finding.identity),
            at=at,
            label=self.text(finding.label) if finding.label != finding.rule.label else finding.label,
            attribute=self.text(finding.attribute),
            evidence=tuple(map(self._evidence, finding.evidence)),
            related=tuple(Note(text=self.text(note.text), at=self.location(note.at)) for note in finding.related),
            why=self.text(finding.why),
            resource_at=None if finding.resource_at is None else self.location(finding.resource_at),
            attribute_at=own,
            callers=callers,
            excerpt=None if finding.excerpt is None else self._excerpt(finding.excerpt),
            condition=None if finding.condition is None else self._condition(finding.condition),
        )
        # An attacker could verify guesses against a hash of the secret.
        places = ((at, finding.at), (own or at, finding.attribute_at or finding.at))
        has_changed = any((new.address, new.attribute) != (old.address, old.attribute) for new, old in places)
        return with_fingerprints(redacted) if has_changed else redacted

    def _message(self, finding: Finding, arguments: tuple[str, ...]) -> str:
        """Return the message with redacted arguments. Of the sentence of a rule, only these come from the input."""
        if finding.message == finding.rule.title:
            return finding.message
        is_filled = finding.message == filled(finding.template, finding.arguments)
        return filled(finding.template, arguments) if is_filled else self.text(finding.message)

    def _excerpt(self, excerpt: Excerpt) -> Excerpt:
        text, context = self.text(excerpt.text), self.text(excerpt.context_text)
        if context == excerpt.context_text:
            return excerpt
        # The same holds for a hash of the line.
        line_hash = None if excerpt.line_hash is None else ""
        return msgspec.structs.replace(excerpt, text=text, context_text=context, line_hash=line_hash)

    def _condition(self, condition: WorldCondition) -> WorldCondition:
        inputs = dict.fromkeys(map(self._input_condition, condition.inputs))
        return msgspec.structs.replace(
            condition, inputs=tuple(inputs), at=None if condition.at is None else self.location(condition.at)
        )

    def _input_condition(self, one: InputCondition) -> InputCondition:
        name, value = self.text(one.input), str(one.value)
        return one if name == one.input and self.text(value) == value else InputCondition(name, OTHER)

    def _evidence(self, evidence: Evidence) -> Evidence:
        return msgspec.structs.replace(
            evidence,
            name=self.text(evidence.name),
            source_name=self.text(evidence.source_name),
            found=self.text(evidence.found),
            note=self.text(evidence.note),
            at=self.location(evidence.at),
            hops=tuple(map(self.text, evidence.hops)),
        )

    def _declaration(self, declaration: Declaration) -> Declaration:
        return msgspec.structs.replace(
            declaration,
            address=self.text(declaration.address),
            at=self.location(declaration.at),
            reason=self.text(declaration.reason),
            condition=self.text(declaration.condition),
            names=frozenset(map(self.text, declaration.names)),
        )

    def _answers(self, answers: ControlAnswers) -> ControlAnswers:
        return ControlAnswers(
            vaults=tuple(map(self._vault, answers.vaults)),
            passes=tuple(map(self._finding, answers.passes)),
            owners={
                (rule, self.text(address)): self._owner(owner) for (rule, address), owner in answers.owners.items()
            },
        )

    def _vault(self, vault: Vault) -> Vault:
        address, name = self.text(vault.address), self.text(vault.name)
        condition = None if vault.condition is None else self._condition(vault.condition)
        return msgspec.structs.replace(
            vault, address=address, name=name, at=self.location(vault.at), condition=condition
        )

    def _owner(self, owner: Owner) -> Owner:
        certain, perhaps = (
            tuple(map(self.text, owner.certain)),
            tuple(map(self.text, owner.perhaps)),
        )
        return msgspec.structs.replace(owner, certain=certain, perhaps=perhaps)


def _sentences(finding: Finding) -> tuple[str, ...]:
    """Return the message and the label, without one that is a text of the rule, apart from its arguments."""
    rule = finding.rule
    of_rule = (rule.title, rule.label, filled(finding.template, finding.arguments))
    return tuple(text for text in (finding.message, finding.label) if text not in of_rule)
