"""Compiled rules, and the findings that result from them with their messages and evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from azkvlint.engine.evidence import NAMED_BY, NONE, UNKNOWN_PREFIX, printed_name
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.model.finding import CALLED, CAUSED, FAIL, PASS, UNKNOWN, Evidence, Finding, Note, Outcome, implication
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import Resource
from azkvlint.model.rule import All, Rule, Severity
from azkvlint.model.value import Origin, display, path_of, text_of
from azkvlint.util.lazy_regex import regex
from azkvlint.util.sha256 import sha256_hex

_UNKNOWN_ITEM = regex(r"(?<=[\[ ]unknown: )[^\[\]]+?(?=, unknown: |\]|$)")
_PLACEHOLDER = regex(r"\{([\w.]+)\}")
_INDEX = regex(r"\[[0-9]+\]")
# The maximum number of values in a message. The evidence has all of them.
_MOST = 3
_MAX_PARENTS = 4
_KNOWN_AFTER_APPLY = "known after apply"
# The prefix of the notes of defaults.
_NOT_SET = "not set"
# The display of a secret value.
_SENSITIVE = "(sensitive)"
_EMPTY = '""'
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
    found = [note for note in deciding if rule.marks and _INDEX.sub("", note.attribute) == rule.marks]
    return [note for note in found if note.expected == found[0].expected]


def _fill(template: str, resource: Resource, name: str, deciding: Sequence[Evidence]) -> tuple[str, tuple[str, ...]]:
    """Return a template with its placeholders replaced, and their values by first appearance."""
    values: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        word = match[1]
        if word not in values:
            values[word] = _value(word, resource, name, deciding)
        return values[word]

    text = _PLACEHOLDER.sub(fill, template)
    return text, tuple(values.values())


def _value(word: str, resource: Resource, name: str, deciding: Sequence[Evidence]) -> str:
    match word:
        case "resource":
            return printed_address(resource.address)
        case "name":
            return name
        case "linked":
            return _join([address for note in deciding if (address := _linked_address(note, resource))])
        case _ if "." in word:
            return display(resource.select(path_of(word)))
        case "value":
            return _join([note.found or _EMPTY for note in deciding])
        case "attribute":
            # In backticks in the template.
            return "`, `".join(list(dict.fromkeys(note.source_name for note in deciding if note.attribute))[:_MOST])
        case _:
            # A missing link is mentioned only if there is no other evidence.
            noted = [note for note in deciding if note.attribute or note.note or note.found != NONE]
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
    names_this = note.expected.endswith("a link") and not note.found.startswith(NAMED_BY)
    return note.at.address or note.found if names_this else note.found


def fact_text(note: Evidence, address: str) -> str:
    """Return a piece of evidence in words, for a reader who looks at the resource ``address``.

    For example ```purge_protection_enabled` is not set (default: false)``, or ``permission model is rbac``.
    """
    owner = f" on {note.at.address}" if note.at.address not in (None, address) else ""
    if not note.attribute:
        return f"{note.found}{owner}" if note.found != NONE else f"there is no {note.expected.split(' ', 1)[-1]}"
    if note.note.startswith(_NOT_SET):
        return f"`{note.source_name}`{owner} is {note.note}"
    if note.is_derived:
        return note.note or f"{note.name}{owner} is {note.found}"
    name = f"`{note.name}`{owner}"
    if note.found.startswith(UNKNOWN_PREFIX):
        return f"{name} is {note.found}"
    if note.origin in (Origin.ABSENT, Origin.DEFAULT):
        return f"{name} is {_NOT_SET}" + (f" (default: {note.found})" if note.origin is Origin.DEFAULT else "")
    return f"{name} is {note.found}" if note.found[:1] in "[(" else f"{name} is `{note.found}`"


def unknown_texts(deciding: Sequence[Evidence], resource: Resource) -> tuple[str, str, str]:
    """Return the message of an unknown result, its reasons, and the first of them, all without a period."""
    reasons = [_unknown_reason(note, resource) for note in deciding]
    reasons = [reason for reason in reasons if reason != _SENSITIVE] or reasons
    why = _join(reasons) or "the result depends on an unknown value"
    address = printed_address(resource.address)
    first = deciding[0] if deciding else None
    if first is None or not first.attribute or first.at.address not in (None, resource.address):
        return f"{address}: {why}", why, reasons[0] if reasons else why
    subject = first.name if first.is_derived else f"`{first.name}`"
    return f"{subject} of {address} is unknown: {why}", why, reasons[0]


def _unknown_reason(note: Evidence, resource: Resource) -> str:
    # Of a list, the reasons of its unknown items.
    reason = _join(_UNKNOWN_ITEM.findall(note.found)) or note.found.removeprefix(UNKNOWN_PREFIX)
    if reason == _KNOWN_AFTER_APPLY and not note.is_derived and note.attribute:
        return f"`{note.at.address or resource.address}.{note.name}` is {_KNOWN_AFTER_APPLY}"
    return reason


def _join(texts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    suffix = f" and {len(distinct) - _MOST} more" if len(distinct) > _MOST else ""
    return ", ".join(distinct[:_MOST]) + suffix


def full_name(resource: Resource, index: GraphIndex) -> str:
    """Return the resource's name in Azure with the names of its parents: ``vault/secret``."""
    names = [resource.name]
    current = resource
    for _ in range(_MAX_PARENTS):
        parent_value = current.attributes.fields.get("parent")
        if parent_value is None:
            break
        target = getattr(parent_value, "target", None)
        parent = index.graph.resources.get(target) if target is not None else None
        if parent is None:
            if not parent_value.sensitive:
                names[:0] = _names_in(text_of(parent_value))
            break
        names.insert(0, parent.name)
        current = parent
    return "/".join(names)


def _names_in(id_: str) -> list[str]:
    """Return the names in a resource id or its pattern, outermost first."""
    _, providers, kinds_and_names = id_.rstrip("/").rpartition("/providers/")
    names = kinds_and_names.split("/")
    return names[2::2] if providers else names[-1:] if len(names) > 1 else []


def fingerprint(rule_id: str, at: Location, callers: Sequence[Location] = ()) -> str:
    """Return a hash of rule, path, address and attribute (32 hex digits) that is stable when code moves.

    Indexes of list items are left out, because sets change their order when an item is added. In source code, the
    address is the one in the file itself: without instance keys, and without the module calls around it (``callers``,
    outermost first).
    """
    address = at.address or ""
    if at.span is not None or at.pointer is not None:
        address = _within_file(address, at.path, callers)
    parts = (rule_id, at.path, address, _INDEX.sub("[]", at.attribute) if at.attribute else "")
    # Paths with bytes that are not UTF-8 contain surrogates.
    return sha256_hex("\0".join(parts).encode("utf-8", "surrogatepass"))[:32]


def _within_file(address: str, path: str, callers: Sequence[Location]) -> str:
    """Return an address relative to the file ``path``: without instance keys and outer module calls."""
    address = static_address(address)
    for caller in callers:
        if caller.path == path:
            break
        inner = address.removeprefix("module.").partition(".")[2]
        if inner:
            address = inner
    return address


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its compiled conditions."""

    rule: Rule
    when: Predicate
    require: Predicate
    severity_if: tuple[tuple[Severity, Predicate], ...] = ()

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
    name = full_name(resource, index)
    texts = failure_texts(compiled.rule, resource, name, deciding)
    message, why, label = texts.message, "", texts.label
    if outcome is UNKNOWN:
        message, why, label = unknown_texts(deciding, resource)
    elif outcome is PASS:
        message = compiled.rule.title
    return Finding(
        rule=compiled.rule,
        outcome=outcome,
        message=message,
        arguments=texts.arguments,
        resource=resource.address,
        full_name=name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=marked or at,
        fingerprint=fingerprint(compiled.rule.id, at, resource.callers),
        regraded=compiled.severity(resource, index) if compiled.severity_if else None,
        label=label,
        attribute=printed_name(resource, at.attribute) if at.attribute else "",
        is_absent=texts.is_absent,
        evidence=tuple(deciding),
        related=related_notes(resource, deciding, marked or at, at),
        why=why,
        resource_at=resource.at,
        attribute_at=at if marked is not None else None,
        callers=resource.callers,
    )


def marked_location(rule: Rule, deciding: Sequence[Evidence], at: Location) -> Location | None:
    """Return the place that a rule marks instead of ``at``: where a value of the resource was written, or the linked
    resource that decides; None if there is no such place, or several.
    """
    places: dict[tuple[object, ...], Location] = {}
    for note in marked_evidence(rule, deciding):
        place: Location | None = note.at
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
        calls.append(Note(text=resource.assumption.text, at=resource.assumption.at))
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
