"""Make findings from compiled rules: their texts, locations, and evidence in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from azkvlint.engine.evidence import (
    NAMED_BY,
    NONE,
    UNKNOWN_PREFIX,
    Expectation,
    printed_name,
)
from azkvlint.engine.finding_texts import (
    ResultTexts,
    fact_text,
    failure_texts,
    marked_evidence,
    printed_address,
    unknown_texts,
)
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.model.condition import WorldCondition
from azkvlint.model.finding import (
    CALLED,
    CAUSED,
    FAIL,
    PASS,
    UNKNOWN,
    Evidence,
    Finding,
    Note,
    Outcome,
    implication,
)
from azkvlint.model.identity import fingerprints
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.rule import SECRETS, All, Rule, Severity
from azkvlint.util.lazy_regex import regex


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its compiled conditions."""

    rule: Rule
    when: Predicate
    require: Predicate
    severity_if: tuple[tuple[Severity, Predicate], ...] = ()
    fix_if: tuple[Predicate, ...] = ()

    @property
    def is_for_all(self) -> bool:
        """Return whether the rule applies to every resource of its types, as most rules do."""
        return isinstance(self.rule.when, All) and not self.rule.when.of

    def holds(self, resource: Resource, index: GraphIndex) -> bool:
        """Return whether a rule passes for a resource; False if it does not apply."""
        return self.evaluate(resource, index) is PASS

    def evaluate(self, resource: Resource, index: GraphIndex) -> Outcome | None:
        """Return the outcome for one resource; None if the rule does not apply to it."""
        attributes = resource.attributes
        when = self.when(attributes, resource, index, None, "")
        if when is FAIL:
            return None
        return implication(when, self.require(attributes, resource, index, None, ""))

    def severity(self, resource: Resource, index: GraphIndex) -> Severity | None:
        """Return the severity for one resource; None if it is the rule's own."""
        for severity, when in self.severity_if:
            if when(resource.attributes, resource, index, None, "") is PASS:
                return severity
        return None

    def fix_case(self, resource: Resource, index: GraphIndex) -> int | None:
        """Return the number of the other fix that applies to one resource; None if the rule's own does."""
        for number, when in enumerate(self.fix_if):
            if when(resource.attributes, resource, index, None, "") is PASS:
                return number
        return None


def bare_finding(compiled: CompiledRule, resource: Resource) -> Finding:
    """Return an unknown result without a reason, for counting only."""
    return Finding(
        rule=compiled.rule,
        outcome=UNKNOWN,
        message="",
        arguments=(),
        resource=resource.address,
        full_name=resource.name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=resource.at,
        fingerprint="",
    )


def make_finding(compiled: CompiledRule, resource: Resource, index: GraphIndex, outcome: Outcome) -> Finding:
    """Return the finding with its evidence. The rule is evaluated again, with a trail."""
    trail: Trail = []
    require = compiled.require(resource.attributes, resource, index, trail, "")
    deciding = [note for note in trail if note.outcome is outcome] if require is outcome else []
    if require is not outcome or outcome is UNKNOWN:
        doubts: Trail = []
        if compiled.when(resource.attributes, resource, index, doubts, "") is UNKNOWN:
            deciding += [note for note in doubts if note.outcome is UNKNOWN]
    first = deciding[0] if deciding else None
    own = first is not None and first.at.address == resource.address
    place = first.at if own and first is not None else resource.at
    at = msgspec.structs.replace(place, address=resource.address, attribute=place.attribute if own else None)
    marked = marked_location(compiled.rule, deciding, at) if outcome is FAIL else None
    name, identity = index.names(resource)
    texts, why = _texts_of(compiled.rule, resource, name, deciding, outcome)
    current, former = fingerprints(compiled.rule.id, at, resource.callers, resource.declared_as)
    return Finding(
        rule=compiled.rule,
        outcome=outcome,
        message=texts.message,
        arguments=texts.arguments,
        resource=resource.address,
        full_name=name,
        identity=identity,
        type=resource.type,
        declared_as=resource.declared_as,
        at=marked or at,
        fingerprint=current,
        former_fingerprint=former,
        regraded=compiled.severity(resource, index) if compiled.severity_if else None,
        fix_case=compiled.fix_case(resource, index),
        label=texts.label,
        attribute=printed_name(resource, at.attribute) if at.attribute else "",
        is_absent=texts.is_absent,
        evidence=tuple(deciding),
        related=related_notes(resource, deciding, marked or at, at),
        why=why,
        resource_at=resource.at,
        attribute_at=at if marked is not None else None,
        callers=resource.callers,
        condition=resource.assumption,
        may_leak_credential=outcome is FAIL and compiled.rule.category == SECRETS and _may_leak(resource),
    )


def _may_leak(resource: Resource) -> bool:
    from azkvlint.derived.secret_values import may_leak_credential  # few inputs have such findings

    return may_leak_credential(resource)


def _texts_of(
    rule: Rule, resource: Resource, name: str, deciding: Sequence[Evidence], outcome: Outcome
) -> tuple[ResultTexts, str]:
    """Return the texts of a result, and the reasons why it is unknown."""
    if outcome is UNKNOWN:
        message, why, label = unknown_texts(deciding, resource)
        return ResultTexts(message, (), label, is_absent=False), why
    texts = failure_texts(rule, resource, name, deciding)
    return (texts if outcome is FAIL else msgspec.structs.replace(texts, message=rule.title)), ""


def condition_notes(condition: WorldCondition) -> Iterator[Note]:
    """Yield a note at the declaration of the input that a condition states first."""
    if condition.at is not None and condition.inputs:
        yield Note(text=f"exists only {condition.text}", at=condition.at)


def unknown_for_condition(
    finding: Finding, resource: Resource, companion: Resource, condition: WorldCondition
) -> Finding:
    """Return a result as unknown, because a companion that would decide it exists only under a condition."""
    why = f"{printed_address(companion.address)} exists only {condition.text}"
    at = msgspec.structs.replace(resource.at, address=resource.address, cause=condition.at)
    cause = Evidence(outcome=UNKNOWN, found=f"{UNKNOWN_PREFIX}{why}", expected="", negated="", at=at)
    return msgspec.structs.replace(
        finding, outcome=UNKNOWN, message=f"{printed_address(resource.address)}: {why}", why=why, label=why,
        arguments=(), is_absent=False, evidence=(cause,), attribute="",
    )  # fmt: skip


def marked_location(rule: Rule, deciding: Sequence[Evidence], at: Location) -> Location | None:
    """Return the place that a rule marks instead of ``at``: where a value of the resource was written, or the linked
    resource that decides; None if there is no such place, or several.
    """
    places: dict[tuple[object, ...], Location] = {}
    for note in marked_evidence(rule, deciding):
        place: Location | None = note.at
        if note.at.address == at.address and rule.marks_other:
            return None
        if note.at.address == at.address:
            *_, place = (None, *_origins(note.at))
        if place is None:
            return None
        places[place.position_key] = place
    if len(places) != 1:
        return None
    (place,) = places.values()
    return msgspec.structs.replace(place, address=place.address or at.address, attribute=at.attribute, cause=None)


def related_notes(resource: Resource, deciding: Sequence[Evidence], at: Location, own: Location) -> tuple[Note, ...]:
    """Return the related locations: other resources in the evidence, the origins of values, and the module calls.

    ``own`` is the attribute of the resource, which is related if the finding at ``at`` marks another place. If an
    argument of a caller decides, the finding is in the caller's file, so the resource is related too.
    """
    notes: dict[str, Note] = {}
    if own.position_key != at.position_key:
        notes[resource.address] = Note(text=f"{printed_address(resource.address)} is affected", at=own)
    for note in deciding:
        address = note.at.address
        if note.at.position_key == at.position_key:
            continue
        if address is not None and address != resource.address and address not in notes:
            notes[address] = Note(text=_related_text(note, address), at=note.at)
    origins: dict[tuple[object, ...], Note] = {place.position_key: Note(text=CAUSED, at=place) for place in (at, own)}
    for note in deciding:
        if note.at.address == resource.address:
            for origin in _origins(note.at):
                origins.setdefault(origin.position_key, Note(text=CAUSED, at=origin))
    for place in (at, own):
        origins.pop(place.position_key, None)
    calls = [Note(text=CALLED, at=caller) for caller in resource.callers]
    if own.path != resource.at.path:
        calls.append(Note(text=f"{resource.address} is declared here", at=resource.at))
    if resource.assumption is not None:
        calls += condition_notes(resource.assumption)
    return (*notes.values(), *origins.values(), *calls)


def _related_text(note: Evidence, address: str) -> str:
    """Return what a piece of evidence states about another resource, the one at ``address``."""
    if note.attribute or note.found == NONE or note.found.startswith(UNKNOWN_PREFIX):
        return f"{address}: {fact_text(note, address)}"
    source = note.found.removeprefix(NAMED_BY)
    return f"{source} refers to {address}" if source != note.found else f"{address} refers to {note.found}"


def _origins(at: Location) -> Iterator[Location]:
    cause = at.cause
    while cause is not None:
        yield cause
        cause = cause.cause


# The maximum number of items that an expectation lists.
_MOST_ITEMS = 4
# Regular expressions in words; a more specific one has no words of its own.
_PATTERN_WORDS = {
    ".+": ("a value", "no value"),
    r"[\s\S]*\S[\s\S]*": ("a value that is not blank", "a blank value"),
    "P.+": ("a duration such as P90D", "a value that is not a duration"),
}
_PREFIX, _SUFFIX = regex(r"([\w-]+)\.\*"), regex(r"\.[+*]([\w-]+)")
# The words of the other operators, met and negated.
_OPERATOR_WORDS = {
    "contains": ("a value that contains {}", "a value that does not contain {}"),
    "at_least": ("at least {}", "less than {}"),
    "at_most": ("at most {}", "more than {}"),
    "length_at_least": ("a length of at least {}", "a length of less than {}"),
    "inside": ("addresses in {}", "addresses outside of {}"),
    "overlaps": ("addresses that overlap {}", "addresses that do not overlap {}"),
    "has_all": ("to include {}", "not to include {}"),
}
_OPPOSITES = {"true": "false", "false": "true"}


_A_VALUE = Expectation("a value", "no value")
SOME_ITEM = Expectation("at least one item", "no item")
EVERY_ITEM = Expectation("a list", "no list")


def expectation(operator: str, operand: Any, configured: bool = False) -> Expectation:
    """Return an operator and its operand in words: ``at least 90``. ``configured``: a parameter sets the operand."""
    items = [_plain(item) for item in operand] if isinstance(operand, (tuple, list)) else [_plain(operand)]
    if not items:
        return Expectation("", "")
    text = _listed(items)
    match operator:
        case "equals":
            return Expectation(text, _OPPOSITES.get(text, f"not {text}"))
        case "in":
            return Expectation(_one_of(items), _none_of(items))
        case "matches":
            return _pattern(str(operand), configured)
        case "is":
            return _A_VALUE if operand == "set" else Expectation(_A_VALUE.negated, _A_VALUE.met)
        case "length_at_least" if operand == 1:
            return SOME_ITEM
        case _:
            met, negated = _OPERATOR_WORDS[operator]
            return Expectation(met.format(text), negated.format(text))


def _plain(value: Any) -> str:
    if value == "":
        return "an empty string"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(items: list[str]) -> str:
    listed = items[:_MOST_ITEMS] if len(items) > _MOST_ITEMS + 1 else items
    more = len(items) - len(listed)
    return ", ".join(listed) + (f", and {more} more" if more else "")


def _one_of(items: list[str]) -> str:
    distinct = list({item.lower(): item for item in reversed(items)}.values())[::-1]
    if len(distinct) <= _MOST_ITEMS:
        *others, last = distinct
        return f"{', '.join(others)}{' or ' if others else ''}{last}"
    return f"one of {_listed(distinct)}"


def _none_of(items: list[str]) -> str:
    return f"not {items[0]}" if len(items) == 1 else f"none of {_listed(items)}"


def _pattern(expression: str, configured: bool) -> Expectation:
    """Return a regular expression in words. One from the configuration is known to the reader, so it is quoted."""
    words = _PATTERN_WORDS.get(expression)
    if words is not None:
        return Expectation(*words)
    prefix, suffix = _PREFIX.fullmatch(expression), _SUFFIX.fullmatch(expression)
    if prefix is not None:
        return Expectation(f"a value that starts with {prefix[1]}", f"a value that does not start with {prefix[1]}")
    if suffix is not None:
        return Expectation(f"a value that ends with {suffix[1]}", f"a value that does not end with {suffix[1]}")
    if configured:
        return Expectation(f"a match of `{expression}`", f"no match of `{expression}`")
    return Expectation("a value of another form", "a value of another form")
