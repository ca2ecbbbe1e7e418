"""The evidence of a result in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from azkvlint.azure.azurerm.arguments import name_as_written, type_as_written
from azkvlint.derived.registry import labels
from azkvlint.model.finding import (
    PASS,
    UNKNOWN,
    Evidence,
    Outcome,
    negate,
)
from azkvlint.model.pattern import in_braces
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Origin, Unknown, shortened
from azkvlint.util.lazy_regex import regex
from azkvlint.values.secrecy import shows_secret

# Reasons that name an input, an output or an attribute, and so never contain a part of a value.
_NAMED_REASON = regex(
    r"(?:parameter |module output )?`[\w.:\[\]\"*-]+` "
    r"(?:has no value|has a default that another value can replace|is known after (?:apply|deployment)"
    r"|is the output of a module [a-z ]+)"
)
# The prefix of the notes of defaults.
NOT_SET = "not set"
# The reason where that of a secret value may contain a part of it.
SENSITIVE_REASON = "a sensitive value is not known"


class Expectation(msgspec.Struct, frozen=True, gc=False):
    """What a condition expects, and what it expects inside ``not``; both follow the word *expected*.

    Both are empty if there is nothing to say, as for an empty list in the configuration.
    """

    met: str
    negated: str


# The value of a missing link.
NONE = "none"
# The prefix for the source of a link.
NAMED_BY = "referenced by "
# The prefix of a value that is not known; see ``display``.
UNKNOWN_PREFIX = "unknown: "
# Values of derived attributes in words.
_EMPTY_LIST = "[]"
_WORDS = {_EMPTY_LIST: NONE, "true": "yes", "false": "no"}
# The maximum number of types in a message.
_MOST_TYPES = 2
_A_LINK = Expectation("a link", "not a link")
FIRST_STEP = regex(r"derived\.(\w+)")


def join_path(prefix: str, text: str) -> str:
    """Join the display path ``text`` to ``prefix``, the path of an item or ""."""
    text = text.removeprefix("$").removeprefix(".")
    joint = "." if prefix and text and text[0] != "[" else ""
    return f"{prefix}{joint}{text}"


def printed_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute in the language of a resource, or the label of a derived attribute."""
    return _name_in(resource.declared_as, attribute)


@lru_cache(maxsize=4096)
def _name_in(declared_as: str, attribute: str) -> str:
    derived = FIRST_STEP.match(attribute)
    if derived is not None:
        return labels().get(derived[1], derived[1])
    return name_as_written(declared_as, attribute)


def quoted_name(resource: Resource, attribute: str) -> str:
    """Return the name of an attribute for a sentence: code in backticks, or the label of a derived attribute."""
    name = printed_name(resource, attribute)
    return name if FIRST_STEP.match(attribute) else f"`{name}`"


def evidence_of(outcome: Outcome, found: Answer, expected: Expectation, resource: Resource, path: str) -> Evidence:
    """Return the evidence that the attribute at ``path`` has the value ``found``."""
    at = msgspec.structs.replace(found.at, address=resource.address, attribute=found.at.attribute or path or None)
    name = printed_name(resource, path)
    return Evidence(
        outcome=outcome,
        found=_undecided(found) if outcome is UNKNOWN else _decided(found),
        expected=expected.met,
        negated=expected.negated,
        at=at,
        attribute=path,
        name=name,
        source_name=name if at.attribute == path else printed_name(resource, at.attribute or ""),
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
        return f"{UNKNOWN_PREFIX}{reason_of(found)}"
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
        found = f"{NAMED_BY}{reference.source}"
    if outcome is not PASS:
        expected = "a certain link"
        if target in reference.conditional:
            found = f"{UNKNOWN_PREFIX}{reference.source}, which refers to {target}, may not be deployed"
        elif isinstance(value, Unknown):
            found = f"{UNKNOWN_PREFIX}{reason_of(value)}"
        else:
            found = f"{UNKNOWN_PREFIX}{reference.source} refers to {value.display()}, which may include {target}"
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
        elif one.origin is Origin.DEFAULT and one.note.startswith(NOT_SET):
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


@lru_cache(maxsize=4096)
def linking_resource(types: tuple[str, ...], via: str, declared_as: str) -> str:
    """Return what a resource declared as ``declared_as`` lacks: ``an `X` whose `via` is this resource``."""
    others = describe_types(types, declared_as)
    if FIRST_STEP.match(via):
        return f"{others} that refers to this resource"
    names = {name_as_written(type_as_written(declared_as, type_), via) for type_ in types}
    return f"{others} whose `{names.pop() if len(names) == 1 else via}` is this resource"


def reason_of(value: Answer) -> str:
    """Return why a value is not known, or the value in words."""
    if not isinstance(value, Unknown):
        return f"the value is {value.display()}"
    return value.why if not value.sensitive or _NAMED_REASON.fullmatch(value.why) else SENSITIVE_REASON


@lru_cache(maxsize=4096)
def describe_types(types: tuple[str, ...], declared_as: str) -> str:
    """Return ``a `X` or `Y```, in the language of a resource declared as ``declared_as``; only the first of many."""
    names = list(dict.fromkeys(f"`{type_as_written(declared_as, type_)}`" for type_ in types))
    if len(names) > _MOST_TYPES:
        names[_MOST_TYPES - 1 :] = ["another resource"]
    return f"{'an' if names[0][1] in 'aeioAEIO' else 'a'} {' or '.join(names)}"
