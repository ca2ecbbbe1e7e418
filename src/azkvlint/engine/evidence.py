"""Build Evidence: values found and expected, missing links, and certain or possible links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from azkvlint.azure.azurerm.arguments import name_as_written, type_as_written
from azkvlint.derived.registry import labels
from azkvlint.model.finding import PASS, Evidence, Outcome, negate
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Origin, Unknown, display
from azkvlint.util.lazy_regex import regex

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


class Expectation(NamedTuple):
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
