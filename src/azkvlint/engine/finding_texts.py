"""The message, label and reasons of a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from azkvlint.derived.registry import unknown_statement
from azkvlint.engine.evidence import FIRST_STEP, NAMED_BY, NONE, NOT_SET, SENSITIVE_REASON, UNKNOWN_PREFIX
from azkvlint.model.finding import Evidence
from azkvlint.model.identity import INDEX
from azkvlint.model.resource import Resource
from azkvlint.model.rule import PLACEHOLDER, Rule
from azkvlint.model.value import Origin, path_of
from azkvlint.util.lazy_regex import regex

_UNKNOWN_ITEM = regex(r"(?<=[\[( ]unknown: )(?:`[^`]*`|[^\[\]()`])+?(?=, unknown: |, \w+: |[\])]|$)")
# The maximum number of values in a message. The evidence has all of them.
_MOST = 3
_KNOWN_AFTER = ("known after apply", "known after deployment")
# The display of a secret value.
_SENSITIVE = "(sensitive)"
_EMPTY_TEXT = '""'
_ALL_INSTANCES = "[*]"


class ResultTexts(msgspec.Struct, frozen=True):
    """The texts of a result: its ``message``, the ``arguments`` of the template, and the ``label`` of its line."""

    message: str
    arguments: tuple[str, ...]
    label: str
    is_absent: bool


def failure_texts(rule: Rule, resource: Resource, name: str, deciding: Sequence[Evidence]) -> ResultTexts:
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
    return ResultTexts(message, arguments, label, is_absent)


def marked_evidence(rule: Rule, deciding: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence of the attribute that a rule marks, for the first condition that compares it."""
    marks = rule.marks or rule.marks_other
    found = [note for note in deciding if marks and INDEX.sub("", note.attribute) == marks]
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
    return tuple(PLACEHOLDER.split(template))


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
            noted = [note for note in deciding if note.attribute or note.note or note.found != NONE]
            return _join([_because(note, resource) for note in noted or deciding])


def _linked_address(note: Evidence, resource: Resource) -> str:
    """Return the address of another resource in a piece of evidence, or an empty string."""
    return printed_address(note.at.address) if note.at.address not in (None, resource.address) else ""


def printed_address(address: str) -> str:
    """Return an address for messages. One that represents all instances of a resource has a remark for its key."""
    return f"{address.replace(_ALL_INSTANCES, '')} (all instances)" if _ALL_INSTANCES in address else address


def _because(note: Evidence, resource: Resource) -> str:
    if note.note and not note.note.startswith(NOT_SET):
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
    if note.note.startswith(NOT_SET):
        return f"`{note.source_name}`{owner} is {note.note}"
    if note.is_derived:
        return note.note or f"{note.name}{owner} is {note.found}"
    name = f"`{note.name}`{owner}"
    if note.found.startswith(UNKNOWN_PREFIX):
        return f"{name} is {note.found}"
    if note.origin in (Origin.ABSENT, Origin.DEFAULT):
        return f"{name} is {NOT_SET}" + (f" (default: {note.found})" if note.origin is Origin.DEFAULT else "")
    return f"{name} is {note.found}" if note.found[:1] in "[(" else f"{name} is `{note.found}`"


def unknown_texts(deciding: Sequence[Evidence], resource: Resource) -> tuple[str, str, str]:
    """Return the message of an unknown result, its reasons, and the first of them, all without a period."""
    reasons = [_unknown_reason(note, resource) for note in deciding]
    reasons = [reason for reason in reasons if reason not in (_SENSITIVE, SENSITIVE_REASON)] or reasons
    why = _join(reasons) or "the result depends on an unknown value"
    address = printed_address(resource.address)
    first = deciding[0] if deciding else None
    if first is None or not first.attribute or first.at.address not in (None, resource.address):
        return f"{address}: {why}", why, reasons[0] if reasons else why
    derived = FIRST_STEP.match(first.attribute)
    if derived is None:
        return f"`{first.name}` of {address} is unknown: {why}", why, reasons[0]
    return f"{unknown_statement(derived[1], first.name, address)}: {why}", why, reasons[0]


def _unknown_reason(note: Evidence, resource: Resource) -> str:
    # Of a list, the reasons of its unknown items.
    items = _UNKNOWN_ITEM.findall(note.found) if note.found.find(UNKNOWN_PREFIX, 1) > 0 else ()
    reason = _join(items) or note.found.removeprefix(UNKNOWN_PREFIX)
    if reason.startswith(_KNOWN_AFTER) and not note.is_derived and note.attribute:
        return f"`{note.at.address or resource.address}.{note.name}` is {reason}"
    return reason


def _join(texts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    suffix = f" and {len(distinct) - _MOST} more" if len(distinct) > _MOST else ""
    return ", ".join(distinct[:_MOST]) + suffix
