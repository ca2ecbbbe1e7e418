"""Build Evidence: attribute values, missing links, and certain or possible links."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from azkvlint.azure.azurerm.argument_names import name_as_written, type_as_written
from azkvlint.derived.registry import labels
from azkvlint.engine.expectations import Expectation
from azkvlint.engine.three_valued import PASS, negate
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Origin, Unknown, display
from azkvlint.util.lazy_regex import regex

# The value of a missing link.
NONE = "none"
# The prefix for the source of a link.
NAMED_BY = "referenced by "
# The prefix of a value that is not known; see ``display``.
UNKNOWN_PREFIX = "unknown: "
_NOT_SET = "not set"
# Values of derived attributes in words.
_EMPTY = "[]"
_WORDS = {_EMPTY: NONE, "true": "yes", "false": "no"}
# The maximum number of types in a message.
_MOST_TYPES = 2
_A_LINK = Expectation("a link", "not a link")
_FIRST_STEP = regex(r"derived\.(\w+)")


def join_path(prefix: str, text: str) -> str:
    """Join the display path ``text`` to ``prefix``, the path of an item or ""."""
    text = text.removeprefix("$").removeprefix(".")
    joint = "." if prefix and text and text[0] != "[" else ""
    return f"{prefix}{joint}{text}"


def printed_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute in the language of a resource, or the label of a derived attribute."""
    derived = _FIRST_STEP.match(attribute)
    if derived is not None:
        return labels().get(derived[1], derived[1])
    return name_as_written(resource.declared_as, attribute)


def quoted_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute for a sentence: code in backticks, or the label of a derived attribute."""
    name = printed_name(resource, attribute)
    return name if _FIRST_STEP.match(attribute) else f"`{name}`"


def evidence_of(outcome: Outcome, found: Answer, expected: Expectation, resource: Resource, path: str) -> Evidence:
    """Return the evidence that the attribute at ``path`` has the value ``found``."""
    at = msgspec.structs.replace(found.at, address=resource.address, attribute=found.at.attribute or path or None)
    return Evidence(
        outcome=outcome,
        found=display(found),
        expected=expected.met,
        negated=expected.negated,
        at=at,
        attribute=path,
        name=printed_name(resource, path),
        source_name=printed_name(resource, at.attribute or ""),
        origin=Origin.ABSENT if type(found) is Absent else found.origin,
        note=found.note,
    )


def link_evidence(outcome: Outcome, reference: Reference, resource: Resource, target: str) -> Evidence:
    """Return the evidence that a reference leads to ``target`` (PASS) or may lead to it.

    ``resource`` is at the other end of the link.
    """
    value, expected = reference.value, _A_LINK.met
    # The target is named even if a part of its id is only known after deployment.
    found = target if isinstance(value, Unknown) else display(value)
    if resource.address == target:
        found = f"{NAMED_BY}{reference.source}"
    if outcome is not PASS:
        expected = "a certain link"
        if target in reference.conditional:
            found = f"{UNKNOWN_PREFIX}{reference.source}, which refers to {target}, may not be deployed"
        else:
            found = f"{UNKNOWN_PREFIX}{reason_of(value)}"
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
            is_complete = one.found.startswith(NAMED_BY) or one.at.address is None
            values.setdefault(one.found if is_complete else f"{one.at.address} refers to {one.found}", [])
        elif one.is_derived:
            values.setdefault(f"{one.name}{owner}: ", []).append(f"{_plain_value(one.found)}{_note(one)}")
        elif one.origin is Origin.DEFAULT and one.note.startswith(_NOT_SET):
            values.setdefault(f"`{one.name}`{owner} is {one.note}", [])
        elif one.found == _EMPTY:
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
    if items.startswith(UNKNOWN_PREFIX):
        return f"unknown ({items.removeprefix(UNKNOWN_PREFIX)})"
    return items


def _note(one: Evidence) -> str:
    """Return the note of a value in parentheses, unless it only repeats the value."""
    is_repeated = one.note.startswith(f"{one.name} is ") and one.note.strip("`").endswith(one.found)
    return f" ({one.note})" if one.note and one.origin is not Origin.WRITTEN and not is_repeated else ""


def missing_link_evidence(outcome: Outcome, resource: Resource, expected: str, why: str) -> Evidence:
    """Return the evidence that a link has no (certain) resource at its other end."""
    found, origin = (f"{UNKNOWN_PREFIX}{why}", Origin.WRITTEN) if why else (NONE, Origin.ABSENT)
    negated = f"not {expected}"
    return Evidence(outcome=outcome, found=found, expected=expected, negated=negated, at=resource.at, origin=origin)


def negate_evidence(note: Evidence) -> Evidence:
    """Return the evidence with the opposite outcome, for ``not``."""
    return msgspec.structs.replace(note, outcome=negate(note.outcome), expected=note.negated, negated=note.expected)


def linking_resource(types: Sequence[str], via: str, declared_as: str) -> str:
    """Return what a resource declared as ``declared_as`` lacks: ``an `X` whose `via` is this resource``."""
    others = describe_types(types, declared_as)
    if _FIRST_STEP.match(via):
        return f"{others} that refers to this resource"
    names = {name_as_written(type_as_written(declared_as, type_), via) for type_ in types}
    return f"{others} whose `{names.pop() if len(names) == 1 else via}` is this resource"


def reason_of(value: Answer) -> str:
    """Return why a value is not known, or the value in words."""
    return value.why if isinstance(value, Unknown) and not value.sensitive else f"the value is {display(value)}"


def describe_types(types: Sequence[str], declared_as: str) -> str:
    """Return ``a `X` or `Y```, in the language of a resource declared as ``declared_as``; only the first of many."""
    names = list(dict.fromkeys(f"`{type_as_written(declared_as, type_)}`" for type_ in types))
    if len(names) > _MOST_TYPES:
        names[_MOST_TYPES - 1 :] = ["another resource"]
    return f"{'an' if names[0][1] in 'aeioAEIO' else 'a'} {' or '.join(names)}"
