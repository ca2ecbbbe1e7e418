"""The expected values of conditions in words, for people who do not know the language of rules."""

from __future__ import annotations

from typing import Any, NamedTuple

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
_WORDS = {
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
            met, negated = _WORDS[operator]
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
