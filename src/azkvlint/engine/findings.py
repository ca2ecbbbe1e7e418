"""Make findings from compiled rules: their texts, locations, and evidence in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from azkvlint.azure.azurerm.arguments import name_as_written, type_as_written
from azkvlint.derived.registry import labels, unknown_statement
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.model.condition import Condition
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
    negate,
)
from azkvlint.model.identity import fingerprints
from azkvlint.model.location import Location
from azkvlint.model.pattern import in_braces
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.rule import SECRETS, All, Rule, Severity
from azkvlint.model.value import Absent, Answer, Origin, Unknown, path_of, shortened
from azkvlint.util.lazy_regex import regex
from azkvlint.values.secrecy import shows_secret

# --- texts ------------------------------------------------------------------------------------------------------------

_UNKNOWN_ITEM = regex(r"(?<=[\[( ]unknown: )(?:`[^`]*`|[^\[\]()`])+?(?=, unknown: |, \w+: |[\])]|$)")
# Reasons that name an input, an output or an attribute, and so never contain a part of a value.
_NAMED_REASON = regex(
    r"(?:parameter |module output )?`[\w.:\[\]\"*-]+` "
    r"(?:has no value|has a default that another value can replace|is known after (?:apply|deployment)"
    r"|is the output of a module [a-z ]+)"
)
_PLACEHOLDER = regex(r"\{([\w.]+)\}")
_INDEX = regex(r"\[[0-9]+\]")
# The maximum number of values in a message. The evidence has all of them.
_MOST = 3
_KNOWN_AFTER = ("known after apply", "known after deployment")
# The prefix of the notes of defaults.
_NOT_SET = "not set"
# The display of a secret value.
_SENSITIVE = "(sensitive)"
# The reason where that of a secret value may contain a part of it.
_SENSITIVE_REASON = "a sensitive value is not known"
_EMPTY_TEXT = '""'
_ALL_INSTANCES = "[*]"


class Texts(msgspec.Struct, frozen=True):
    """The texts of a result: its ``message``, the ``arguments`` of the template, and the ``label`` of its line."""

    message: str
    arguments: tuple[str, ...]
    label: str
    is_absent: bool


def failure_texts(rule: Rule, resource: Resource, name: str, deciding: Sequence[Evidence]) -> Texts:
    """Return the texts of a finding. Without a label in the rule, the first evidence is the label."""
    not_set = (Origin.ABSENT, Origin.DEFAULT)
    is_absent = bool(rule.absent) and all(note.origin in not_set for note in deciding)
    marked = marked_evidence(rule, deciding)
    deciding = marked or deciding
    message, arguments = _fill(rule.absent if is_absent else rule.message, resource, name, deciding)
    has_label = rule.label and not (is_absent and "{value}" in rule.label)
    label = _fill(rule.label, resource, name, deciding)[0] if has_label else ""
    if not label and deciding:
        label = fact_text(deciding[0], resource.address)
    return Texts(message, arguments, label, is_absent)


def marked_evidence(rule: Rule, deciding: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence of the attribute that a rule marks, for the first condition that compares it."""
    marks = rule.marks or rule.marks_other
    found = [note for note in deciding if marks and _INDEX.sub("", note.attribute) == marks]
    return [note for note in found if note.expected == found[0].expected]


def _fill(template: str, resource: Resource, name: str, deciding: Sequence[Evidence]) -> tuple[str, tuple[str, ...]]:
    """Return a template with its placeholders replaced, and their values by first appearance."""
    values: dict[str, str] = {}
    parts = list(_parts_of(template))
    for index in range(1, len(parts), 2):
        word = parts[index]
        if word not in values:
            values[word] = _value(word, resource, name, deciding)
        parts[index] = values[word]
    return "".join(parts), tuple(values.values())


def filled(template: str, arguments: Sequence[str]) -> str:
    """Return a template with the values of its placeholders, which are in the order of first appearance."""
    parts = list(_parts_of(template))
    values = dict(zip(dict.fromkeys(parts[1::2]), arguments, strict=False))
    parts[1::2] = [values.get(word, "") for word in parts[1::2]]
    return "".join(parts)


@lru_cache(maxsize=1024)
def _parts_of(template: str) -> tuple[str, ...]:
    """Return the texts between the placeholders of a template, and after each the name of a placeholder."""
    return tuple(_PLACEHOLDER.split(template))


def _value(word: str, resource: Resource, name: str, deciding: Sequence[Evidence]) -> str:
    match word:
        case "resource":
            return printed_address(resource.address)
        case "name":
            return name
        case "linked":
            return _join([address for note in deciding if (address := _linked_address(note, resource))])
        case _ if "." in word:
            return resource.select(path_of(word)).display()
        case "value":
            return _join([note.found or _EMPTY_TEXT for note in deciding])
        case "attribute":
            # In backticks in the template.
            return "`, `".join(list(dict.fromkeys(note.source_name for note in deciding if note.attribute))[:_MOST])
        case _:
            # A missing link is mentioned only if there is no other evidence.
            noted = [note for note in deciding if note.attribute or note.note or note.found != _NONE]
            return _join([_because(note, resource) for note in noted or deciding])


def _linked_address(note: Evidence, resource: Resource) -> str:
    """Return the address of another resource in a piece of evidence, or an empty string."""
    return printed_address(note.at.address) if note.at.address not in (None, resource.address) else ""


def printed_address(address: str) -> str:
    """Return an address for messages. One that represents all instances of a resource has a remark for its key."""
    return f"{address.replace(_ALL_INSTANCES, '')} (all instances)" if _ALL_INSTANCES in address else address


def _because(note: Evidence, resource: Resource) -> str:
    if note.note and not note.note.startswith(_NOT_SET):
        return note.note
    if note.attribute:
        return fact_text(note, resource.address)
    # The address of the source is more useful than its reference.
    names_this = note.expected.endswith("a link") and not note.found.startswith(_NAMED_BY)
    return note.at.address or note.found if names_this else note.found


def fact_text(note: Evidence, address: str) -> str:
    """Return a piece of evidence in words, for a reader who looks at the resource ``address``.

    For example ```purge_protection_enabled` is not set (default: false)``, or ``permission model is rbac``.
    """
    owner = f" on {note.at.address}" if note.at.address not in (None, address) else ""
    if not note.attribute:
        return f"{note.found}{owner}" if note.found != _NONE else f"there is no {note.expected.split(' ', 1)[-1]}"
    if note.note.startswith(_NOT_SET):
        return f"`{note.source_name}`{owner} is {note.note}"
    if note.is_derived:
        return note.note or f"{note.name}{owner} is {note.found}"
    name = f"`{note.name}`{owner}"
    if note.found.startswith(_UNKNOWN_PREFIX):
        return f"{name} is {note.found}"
    if note.origin in (Origin.ABSENT, Origin.DEFAULT):
        return f"{name} is {_NOT_SET}" + (f" (default: {note.found})" if note.origin is Origin.DEFAULT else "")
    return f"{name} is {note.found}" if note.found[:1] in "[(" else f"{name} is `{note.found}`"


def unknown_texts(deciding: Sequence[Evidence], resource: Resource) -> tuple[str, str, str]:
    """Return the message of an unknown result, its reasons, and the first of them, all without a period."""
    reasons = [_unknown_reason(note, resource) for note in deciding]
    reasons = [reason for reason in reasons if reason not in (_SENSITIVE, _SENSITIVE_REASON)] or reasons
    why = _join(reasons) or "the result depends on an unknown value"
    address = printed_address(resource.address)
    first = deciding[0] if deciding else None
    if first is None or not first.attribute or first.at.address not in (None, resource.address):
        return f"{address}: {why}", why, reasons[0] if reasons else why
    derived = _FIRST_STEP.match(first.attribute)
    if derived is None:
        return f"`{first.name}` of {address} is unknown: {why}", why, reasons[0]
    return f"{unknown_statement(derived[1], first.name, address)}: {why}", why, reasons[0]


def _unknown_reason(note: Evidence, resource: Resource) -> str:
    # Of a list, the reasons of its unknown items.
    items = _UNKNOWN_ITEM.findall(note.found) if note.found.find(_UNKNOWN_PREFIX, 1) > 0 else ()
    reason = _join(items) or note.found.removeprefix(_UNKNOWN_PREFIX)
    if reason.startswith(_KNOWN_AFTER) and not note.is_derived and note.attribute:
        return f"`{note.at.address or resource.address}.{note.name}` is {reason}"
    return reason


def _join(texts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    suffix = f" and {len(distinct) - _MOST} more" if len(distinct) > _MOST else ""
    return ", ".join(distinct[:_MOST]) + suffix


# --- findings ---------------------------------------------------------------------------------------------------------


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
        attribute=_printed_name(resource, at.attribute) if at.attribute else "",
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
) -> tuple[Texts, str]:
    """Return the texts of a result, and the reasons why it is unknown."""
    if outcome is UNKNOWN:
        message, why, label = unknown_texts(deciding, resource)
        return Texts(message, (), label, is_absent=False), why
    texts = failure_texts(rule, resource, name, deciding)
    return (texts if outcome is FAIL else msgspec.structs.replace(texts, message=rule.title)), ""


def condition_notes(condition: Condition) -> Iterator[Note]:
    """Yield a note at the declaration of the input that a condition states first."""
    if condition.at is not None and condition.inputs:
        yield Note(text=f"exists only {condition.text}", at=condition.at)


def unknown_for_condition(finding: Finding, resource: Resource, companion: Resource, condition: Condition) -> Finding:
    """Return a result as unknown, because a companion that would decide it exists only under a condition."""
    why = f"{printed_address(companion.address)} exists only {condition.text}"
    at = msgspec.structs.replace(resource.at, address=resource.address, cause=condition.at)
    cause = Evidence(outcome=UNKNOWN, found=f"{_UNKNOWN_PREFIX}{why}", expected="", negated="", at=at)
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
    if note.attribute or note.found == _NONE or note.found.startswith(_UNKNOWN_PREFIX):
        return f"{address}: {fact_text(note, address)}"
    source = note.found.removeprefix(_NAMED_BY)
    return f"{source} refers to {address}" if source != note.found else f"{address} refers to {note.found}"


def _origins(at: Location) -> Iterator[Location]:
    cause = at.cause
    while cause is not None:
        yield cause
        cause = cause.cause


# --- expectations -----------------------------------------------------------------------------------------------------

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


class Expectation(msgspec.Struct, frozen=True, gc=False):
    """What a condition expects, and what it expects inside ``not``; both follow the word *expected*.

    Both are empty if there is nothing to say, as for an empty list in the configuration.
    """

    met: str
    negated: str


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


# --- evidence ---------------------------------------------------------------------------------------------------------

# The value of a missing link.
_NONE = "none"
# The prefix for the source of a link.
_NAMED_BY = "referenced by "
# The prefix of a value that is not known; see ``display``.
_UNKNOWN_PREFIX = "unknown: "
# Values of derived attributes in words.
_EMPTY_LIST = "[]"
_WORDS = {_EMPTY_LIST: _NONE, "true": "yes", "false": "no"}
# The maximum number of types in a message.
_MOST_TYPES = 2
_A_LINK = Expectation("a link", "not a link")
_FIRST_STEP = regex(r"derived\.(\w+)")


def join_path(prefix: str, text: str) -> str:
    """Join the display path ``text`` to ``prefix``, the path of an item or ""."""
    text = text.removeprefix("$").removeprefix(".")
    joint = "." if prefix and text and text[0] != "[" else ""
    return f"{prefix}{joint}{text}"


def _printed_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute in the language of a resource, or the label of a derived attribute."""
    return _name_in(resource.declared_as, attribute)


@lru_cache(maxsize=4096)
def _name_in(declared_as: str, attribute: str) -> str:
    derived = _FIRST_STEP.match(attribute)
    if derived is not None:
        return labels().get(derived[1], derived[1])
    return name_as_written(declared_as, attribute)


def quoted_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute for a sentence: code in backticks, or the label of a derived attribute."""
    name = _printed_name(resource, attribute)
    return name if _FIRST_STEP.match(attribute) else f"`{name}`"


def evidence_of(outcome: Outcome, found: Answer, expected: Expectation, resource: Resource, path: str) -> Evidence:
    """Return the evidence that the attribute at ``path`` has the value ``found``."""
    at = msgspec.structs.replace(found.at, address=resource.address, attribute=found.at.attribute or path or None)
    name = _printed_name(resource, path)
    return Evidence(
        outcome=outcome,
        found=_undecided(found) if outcome is UNKNOWN else _decided(found),
        expected=expected.met,
        negated=expected.negated,
        at=at,
        attribute=path,
        name=name,
        source_name=name if at.attribute == path else _printed_name(resource, at.attribute or ""),
        origin=Origin.ABSENT if type(found) is Absent else found.origin,
        note=found.note,
    )


def _undecided(found: Answer) -> str:
    """Return why a value does not decide a comparison; the values that it may have do not say that.

    Of a sensitive value, only the name of the input that has no value can be shown.
    """
    if not isinstance(found, Unknown):
        return found.display()
    if found.sensitive:
        return f"{_UNKNOWN_PREFIX}{reason_of(found)}"
    return msgspec.structs.replace(found, one_of=()).display()


def _decided(found: Answer) -> str:
    """Return a value that decides a comparison; of a text that is known in part, the known parts can."""
    shown = in_braces(found.pattern) if isinstance(found, Unknown) and found.pattern and found.pattern.has_text else ""
    return found.display() if not shown or found.sensitive or shows_secret(shown) else shortened(shown)


def link_evidence(outcome: Outcome, reference: Reference, resource: Resource, target: str) -> Evidence:
    """Return the evidence that a reference leads to ``target`` (PASS) or may lead to it.

    ``resource`` is at the other end of the link.
    """
    value, expected = reference.value, _A_LINK.met
    # The target is named even if a part of its id is only known after deployment.
    found = target if isinstance(value, Unknown) else value.display()
    if resource.address == target:
        found = f"{_NAMED_BY}{reference.source}"
    if outcome is not PASS:
        expected = "a certain link"
        if target in reference.conditional:
            found = f"{_UNKNOWN_PREFIX}{reference.source}, which refers to {target}, may not be deployed"
        elif isinstance(value, Unknown):
            found = f"{_UNKNOWN_PREFIX}{reason_of(value)}"
        else:
            found = f"{_UNKNOWN_PREFIX}{reference.source} refers to {value.display()}, which may include {target}"
    at = msgspec.structs.replace(resource.at, address=resource.address)
    return Evidence(
        outcome=outcome, found=found, expected=expected, negated=_A_LINK.negated, at=at, hops=reference.hops
    )


def found_in_words(evidence: Sequence[Evidence], resource: str) -> list[str]:
    """Return the values of evidence for readers: an argument, or the label of a derived attribute, and what was found.

    Attributes of other resources than ``resource``, an address, are stated with their address. Values of
    one label are one item: ``granted permission: secrets/get, secrets/list``.
    """
    values: dict[str, list[str]] = {}
    for one in evidence:
        address = one.at.address or resource
        owner = f" of {address}" if address != resource else ""
        if not one.attribute:
            is_complete = one.found.startswith(_NAMED_BY) or one.at.address is None
            values.setdefault(one.found if is_complete else f"{one.at.address} refers to {one.found}", [])
        elif one.is_derived:
            values.setdefault(f"{one.name}{owner}: ", []).append(f"{_plain_value(one.found)}{_note(one)}")
        elif one.origin is Origin.DEFAULT and one.note.startswith(_NOT_SET):
            values.setdefault(f"`{one.name}`{owner} is {one.note}", [])
        elif one.found == _EMPTY_LIST:
            values.setdefault(f"`{one.name}`{owner} is empty", [])
        else:
            values.setdefault(f"`{one.name}`{owner} is `{one.found}`{_note(one)}", [])
    return [f"{name}{', '.join(dict.fromkeys(found))}" for name, found in values.items()]


def _plain_value(found: str) -> str:
    """Return the value of a derived attribute without the notation of ``display``."""
    if found in _WORDS:
        return _WORDS[found]
    is_list = found.startswith("[") and found.endswith("]")
    items = found[1:-1] if is_list else found
    if items.startswith(_UNKNOWN_PREFIX):
        return f"unknown ({items.removeprefix(_UNKNOWN_PREFIX)})"
    return items


def _note(one: Evidence) -> str:
    """Return the note of a value in parentheses, unless it only repeats the value."""
    is_repeated = one.note.startswith(f"{one.name} is ") and one.note.strip("`").endswith(one.found)
    return f" ({one.note})" if one.note and one.origin is not Origin.WRITTEN and not is_repeated else ""


def missing_link_evidence(outcome: Outcome, resource: Resource, expected: str, why: str) -> Evidence:
    """Return the evidence that a link has no (certain) resource at its other end."""
    found, origin = (f"{_UNKNOWN_PREFIX}{why}", Origin.WRITTEN) if why else (_NONE, Origin.ABSENT)
    negated = f"not {expected}"
    return Evidence(outcome=outcome, found=found, expected=expected, negated=negated, at=resource.at, origin=origin)


def negate_evidence(note: Evidence) -> Evidence:
    """Return the evidence with the opposite outcome, for ``not``."""
    return msgspec.structs.replace(note, outcome=negate(note.outcome), expected=note.negated, negated=note.expected)


@lru_cache(maxsize=4096)
def linking_resource(types: tuple[str, ...], via: str, declared_as: str) -> str:
    """Return what a resource declared as ``declared_as`` lacks: ``an `X` whose `via` is this resource``."""
    others = describe_types(types, declared_as)
    if _FIRST_STEP.match(via):
        return f"{others} that refers to this resource"
    names = {name_as_written(type_as_written(declared_as, type_), via) for type_ in types}
    return f"{others} whose `{names.pop() if len(names) == 1 else via}` is this resource"


def reason_of(value: Answer) -> str:
    """Return why a value is not known, or the value in words."""
    if not isinstance(value, Unknown):
        return f"the value is {value.display()}"
    return value.why if not value.sensitive or _NAMED_REASON.fullmatch(value.why) else _SENSITIVE_REASON


@lru_cache(maxsize=4096)
def describe_types(types: tuple[str, ...], declared_as: str) -> str:
    """Return ``a `X` or `Y```, in the language of a resource declared as ``declared_as``; only the first of many."""
    names = list(dict.fromkeys(f"`{type_as_written(declared_as, type_)}`" for type_ in types))
    if len(names) > _MOST_TYPES:
        names[_MOST_TYPES - 1 :] = ["another resource"]
    return f"{'an' if names[0][1] in 'aeioAEIO' else 'a'} {' or '.join(names)}"
