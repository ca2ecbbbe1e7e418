"""The words that rule files are made of, as data: what is not here is refused when a rule is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Takes(Enum):
    """What an operator is given, in words for people."""

    PLAIN = "a text, a number, true or false"
    LIST = "a list of texts, numbers, true or false"
    NUMBER = "a number"
    PRESENCE = "set or absent"
    PATTERN = "a regular expression"
    COUNT = "a whole number, 0 or more"
    RANGES = "a list of IP addresses or ranges, such as 203.0.113.0/24"


# Operators are few and have no negated twins. Each has one function of its name in `operators`.
OPERATORS: Mapping[str, Takes] = {
    "equals": Takes.PLAIN,
    "in": Takes.LIST,
    "contains": Takes.PLAIN,
    "matches": Takes.PATTERN,
    "at_least": Takes.NUMBER,
    "at_most": Takes.NUMBER,
    "is": Takes.PRESENCE,
    "length_at_least": Takes.COUNT,
    "inside": Takes.RANGES,
    "overlaps": Takes.RANGES,
    "has_all": Takes.LIST,
}
PRESENCE = ("set", "absent")

# The key that says which kind a condition is, and what people call that kind.
CONDITIONS: Mapping[str, str] = {
    "attribute": "an attribute condition",
    "all": "an all condition",
    "any": "an any condition",
    "not": "a not condition",
    "some": "a some condition",
    "every": "an every condition",
    "linked_from": "a linked_from condition",
    "links_to": "a links_to condition",
    "given": "a given condition",
}

RULE_KEYS = (
    "id",
    "name",
    "title",
    "severity",
    "resource",
    "also_removed",
    "also_existing",
    "profile",
    "parameters",
    "when",
    "require",
    "message",
    "why",
    "fix",
    "references",
    "covers",
    "cwe",
    "controls",
    "peers",
    "differs",
    "examples",
)
REQUIRED_KEYS = (
    "id",
    "name",
    "title",
    "severity",
    "resource",
    "require",
    "message",
    "why",
    "fix",
    "references",
    "examples",
)
# A run with one of these profiles asks the rules of all that are listed for it.
PROFILES: Mapping[str, tuple[str, ...]] = {
    "default": ("default",),
    "strict": ("default", "strict"),
    "cmk": ("default", "cmk"),
    "all": ("default", "strict", "cmk", "all"),
}
PLACEHOLDERS = ("resource", "name", "value", "attribute", "because")
EXPECTATIONS = ("fails", "passes", "undecided")
LANGUAGES = ("plan", "terraform", "terraform_json", "bicep", "arm")
# Two languages with one text, of which the second follows from the first.
DERIVED_LANGUAGES = ("terraform and plan", "bicep and arm")

# The folders of the built-in rules, and how the ids in them begin.
TOPICS: Mapping[str, str] = {
    "vault": "KV0",
    "deployment": "KV0",
    "network": "KV1",
    "logging": "KV2",
    "access": "KV3",
    "rbac": "KV4",
    "keys": "KV5",
    "secrets": "KV6",
    "certificates": "KV7",
    "hsm": "KV8",
    "cmk": "KV9",
}
