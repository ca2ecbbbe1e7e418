"""Select the rules of a run: by profile or control framework, and by id, name, category or another tool's id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import Rule
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.lazy_regex import regex

_LIST = "kvlint rules lists all rules"
_PREFIX = regex(r"KV[0-9]{0,2}", re.IGNORECASE)


class _Matches(NamedTuple):
    """The ids of the rules that a word names, and of those in the group that it stands for: a prefix or category."""

    named: frozenset[str]
    grouped: frozenset[str]


def select_rules(
    rules: Iterable[Rule], select: Sequence[str], ignore: Sequence[str], profiles: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Return the rules of ``profiles`` (empty: default) that match ``select``, if any, and do not match ``ignore``; by
    id.

    A profile may be the name of a control framework. A full id, a name and another tool's id select a rule regardless
    of its profile. Raise UsageError, with a suggestion, for a word that matches no rule, and if no rule is left.
    """
    known = sorted(rules, key=lambda rule: rule.id)
    selected, ignored = _match_all(known, select), _match_all(known, ignore)
    in_profile = _ids_of_profiles(known, profiles)
    grouped = in_profile & selected.grouped if select else in_profile
    ids = (selected.named | grouped) - ignored.named - ignored.grouped
    if not ids:
        outside = [rule.profile for rule in known if rule.id in selected.grouped]
        raise _no_rule_left(outside if not selected.named | grouped else (), profiles)
    return tuple(rule for rule in known if rule.id in ids)


def rules_of_profile(rules: Iterable[Rule], profile: str) -> tuple[Rule, ...]:
    """Return the rules of a profile or control framework. Raise UsageError if there is none of that name."""
    known = tuple(rules)
    ids = _ids_of_profiles(known, (profile,))
    return tuple(rule for rule in known if rule.id in ids)


def rules_of_category(rules: Iterable[Rule], category: str) -> tuple[Rule, ...]:
    """Return the rules of a category. Raise UsageError if there is none of that name."""
    known = tuple(rules)
    found = tuple(rule for rule in known if category and rule.category == category.lower())
    if not found:
        names = categories_of(known)
        hint = did_you_mean(category.lower(), names) or f"one of {', '.join(names)}"
        raise UsageError(f"unknown category '{category}'", hint)
    return found


def find_rules(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the rules that a word names or, if there is none, those of a category or with a prefix of ids.

    Names are ids, names, former names, and equivalent ids of other tools. Raise UsageError if no rule matches.
    """
    known = tuple(rules)
    named, grouped = _match(known, word)
    return tuple(rule for rule in known if rule.id in (named or grouped))


def find_rules_by_prefix(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the rules that a word names, and those of a category or with a prefix of ids. Raise UsageError."""
    known = tuple(rules)
    named, grouped = _match(known, word)
    return tuple(rule for rule in known if rule.id in named | grouped)


def names_of_rules(rules: Iterable[Rule]) -> list[str]:
    """Return all words that select rules, except prefixes of ids."""
    known = tuple(rules)
    return [
        *(name for rule in known for name in (rule.id, rule.name, *rule.formerly, *_peers(rule))),
        *categories_of(known),
    ]


def categories_of(rules: Iterable[Rule]) -> list[str]:
    """Return the categories of rules, sorted."""
    return sorted({rule.category for rule in rules if rule.category})


def _match_all(rules: Sequence[Rule], words: Iterable[str]) -> _Matches:
    matches = [_match(rules, word) for word in words]
    return _Matches(
        frozenset().union(*(one.named for one in matches)), frozenset().union(*(one.grouped for one in matches))
    )


def _match(rules: Sequence[Rule], word: str) -> _Matches:
    """Return what a word matches. Raise UsageError, with a suggestion, if that is nothing."""
    # The Kelvin sign case-folds to k but only looks like one to a reviewer.
    folded = word.casefold() if word.isascii() else word
    named = frozenset(rule.id for rule in rules if _has_name(rule, folded))
    if not named:
        # A name that was given to another rule belongs to that one.
        named = frozenset(rule.id for rule in rules if folded in rule.formerly)
    grouped = frozenset(
        rule.id
        for rule in rules
        if folded and word.isascii() and (rule.id.casefold().startswith(folded) or rule.category == folded)
    )
    if not named and not grouped:
        raise _unknown_rule_error(word, rules)
    return _Matches(named, grouped)


def _unknown_rule_error(word: str, rules: Iterable[Rule]) -> UsageError:
    # A prefix of ids is not a misspelled id.
    names = [] if _PREFIX.fullmatch(word) else names_of_rules(rules)
    near = filter(None, (did_you_mean(form, names) for form in (word, word.upper(), word.lower())))
    return UsageError(f"no rule matches '{word}'", next(near, _LIST))


def _ids_of_profiles(rules: Sequence[Rule], names: Sequence[str]) -> frozenset[str]:
    """Return the ids of the rules of profiles and control frameworks. Raise UsageError for an unknown name."""
    allowed = {profile for name in names or ("default",) for profile in PROFILES.get(name.lower(), ())}
    ids = {rule.id for rule in rules if rule.profile in allowed}
    for name in names:
        if name.lower() not in PROFILES:
            ids |= _ids_of_framework(rules, name)
    return frozenset(ids)


def _ids_of_framework(rules: Sequence[Rule], name: str) -> frozenset[str]:
    """Return the ids of the rules that map to controls of a framework, whatever their profiles."""
    from azkvlint.engine.framework_loader import find_frameworks, rules_of_frameworks
    from azkvlint.engine.rule_store import builtin_frameworks

    known = builtin_frameworks(rules)
    frameworks = find_frameworks(name, known)
    if not frameworks:
        names = [*PROFILES, *(framework.name for framework in known)]
        hint = did_you_mean(name.lower(), names) or f"one of {', '.join(names)}"
        raise UsageError(f"unknown profile or control framework '{name}'", hint)
    return rules_of_frameworks(frameworks, rules)


def _no_rule_left(outside: Sequence[str], profiles: Sequence[str]) -> UsageError:
    """Return the error for a selection without rules. ``outside`` are the profiles of those outside ``profiles``."""
    if outside:
        names = ", ".join(profiles) or "default"
        return UsageError(f"no selected rule is in profile {names}", f"add --profile {outside[0]}")
    return UsageError("every selected rule is also ignored, so there is nothing to check", "shorten --ignore")


def _has_name(rule: Rule, folded: str) -> bool:
    return folded in (rule.id.casefold(), rule.name) or folded.removeprefix("avd-") in map(str.casefold, _peers(rule))


def _peers(rule: Rule) -> Iterable[str]:
    return (name for names in rule.peers.values() for name in names)
