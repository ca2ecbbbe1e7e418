"""The keys and words of rule files. The loader rejects all others."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from azkvlint.util.lazy_regex import regex


class OperandKind(Enum):
    """The operand that an operator accepts, in words."""

    PLAIN = "a string, a number, true or false"
    LIST = "a list of strings, numbers, true or false"
    NUMBER = "a number"
    PRESENCE = "set or absent"
    PATTERN = "a regular expression"
    COUNT = "a whole number, 0 or more"
    RANGES = "a list of IP addresses or ranges, such as 203.0.113.0/24"


# Each has a function of its name in `operators`.
OPERATORS: Mapping[str, OperandKind] = {
    "equals": OperandKind.PLAIN,
    "in": OperandKind.LIST,
    "contains": OperandKind.PLAIN,
    "matches": OperandKind.PATTERN,
    "at_least": OperandKind.NUMBER,
    "at_most": OperandKind.NUMBER,
    "is": OperandKind.PRESENCE,
    "length_at_least": OperandKind.COUNT,
    "inside": OperandKind.RANGES,
    "overlaps": OperandKind.RANGES,
    "has_all": OperandKind.LIST,
}
# The opposites of operators: they pass for an attribute that is not set.
NEGATED_OPERATORS: Mapping[str, str] = {
    "not_equals": "equals",
    "not_in": "in",
    "not_contains": "contains",
    "not_matches": "matches",
    "shorter_than": "length_at_least",
    "not_inside": "inside",
    "not_overlaps": "overlaps",
    "not_has_all": "has_all",
}
PRESENCE = ("set", "absent")

# The keys that identify the kinds of conditions, and the names of the kinds in messages.
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
    "formerly",
    "title",
    "category",
    "severity",
    "severity_if",
    "resource",
    "also_removed",
    "also_existing",
    "profile",
    "parameters",
    "when",
    "require",
    "message",
    "absent",
    "label",
    "marks",
    "marks_other",
    "same_cause",
    "why",
    "fix",
    "fix_if",
    "edits",
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
# The rule profiles that run with each profile.
PROFILES: Mapping[str, tuple[str, ...]] = {
    "default": ("default",),
    "strict": ("default", "strict"),
    "cmk": ("default", "cmk"),
    "all": ("default", "strict", "cmk", "all"),
}
# The subjects of rules, by which they can be selected.
CATEGORIES = (
    "network",
    "access",
    "recoverability",
    "logging",
    "keys",
    "secrets",
    "certificates",
    "correctness",
    "hygiene",
)
# The languages of fixes.
FIX_LANGUAGES = ("terraform", "bicep", "arm")
# The ids of built-in and of custom rules.
BUILTIN_ID, USERS_ID = regex(r"KV[0-9]{3}"), regex(r"[A-Z]{2,8}-?[0-9]{1,6}")
# The name of a rule or framework.
NAME = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# The id of what a control is about, in any framework.
IDEA = regex(r"[A-Z]{3}-[0-9]{2}")
# A reference or source.
LINK = regex(r"https://[^\s/]+\.[^\s/]+(?:/\S*)?")
# What an edit does, in the rule and in the steps of an edit.
EDIT_OPERATIONS = ("set", "remove", "rename", "append", "api_version", "constraint", "versionless", "pin", "secure")
STEP_KEYS = (
    *EDIT_OPERATIONS,
    "to",
    "to_least_of",
    "on",
    "if_absent",
    "if_reported",
    "unless_used",
    "unless_run",
    "unless_variable",
    "resource",
)
EFFECT_KEYS = (
    "unsafe",
    "unsafe_if_ignored",
    "unsafe_if_fails",
    "unsafe_if_unknown",
    "unsafe_if_passes",
    "unsafe_if_repeated",
    "if_run",
)
EDIT_KEYS = (
    *STEP_KEYS,
    "all",
    "decision",
    "language",
    *EFFECT_KEYS,
    "unless_unknown",
    "unless_tested",
    "otherwise",
    "sources",
)
# Commands of scripts that an edit can affect.
EDIT_COMMANDS = ("destroy", "purge", "read")
# What decides how often Terraform creates a resource: a number, a condition, or the keys of a collection.
REPETITIONS = ("count", "condition", "for_each")
PLACEHOLDERS = ("resource", "name", "value", "attribute", "because", "linked")
EXPECTATIONS = ("fails", "passes", "unknown")
LANGUAGES = ("plan", "terraform", "terraform_json", "bicep", "arm")
# Two languages with one text, of which the second follows from the first.
DERIVED_LANGUAGES = ("terraform and plan", "bicep and arm")

# The folders of the built-in rules, and the prefixes of the ids in them.
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
