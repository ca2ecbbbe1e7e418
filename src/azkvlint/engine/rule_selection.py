"""Select the rules of a run: by profile, by id or its prefix, or by another tool's id for an equivalent check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import Rule
from azkvlint.util.errors import UsageError, did_you_mean


def select_rules(
    rules: Iterable[Rule], select: Sequence[str], ignore: Sequence[str], profiles: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Return the rules of ``profiles`` (empty: default) that match ``select``, if any, and do not match ``ignore``; by
    id.

    A full id, a name and another tool's id select a rule regardless of its profile. Raise UsageError, with a
    suggestion, for a word that matches no rule, and if no rule is left.
    """
    known = sorted(rules, key=lambda rule: rule.id)
    for word in (*select, *ignore):
        find_rules_by_prefix(known, word)
    allowed_profiles = _profiles(profiles)
    selected = tuple(
        rule
        for rule in known
        if _is_selected(rule, select, allowed_profiles)
        and not any(_has_name(rule, word) or _has_prefix(rule, word) for word in ignore)
    )
    if not selected:
        raise UsageError(*_no_rule_left(known, select))
    return selected


def find_rules(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the rules with an id or name, or an equivalent id of another tool. Raise UsageError if none matches."""
    known = tuple(rules)
    matches = tuple(rule for rule in known if _has_name(rule, word))
    if not matches:
        raise unknown_rule_error(word, known)
    return matches


def find_rules_by_prefix(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the matches of ``find_rules``, and the rules whose ids begin with the word. Raise UsageError."""
    known = tuple(rules)
    matches = tuple(rule for rule in known if _has_name(rule, word) or _has_prefix(rule, word))
    if not matches:
        raise unknown_rule_error(word, known)
    return matches


def unknown_rule_error(word: str, rules: Iterable[Rule]) -> UsageError:
    """Return the error for a word that matches no rule."""
    names = [name for rule in rules for name in (rule.id, rule.name, *_peers(rule))]
    near = filter(None, (did_you_mean(form, names) for form in (word, word.upper(), word.lower())))
    return UsageError(f"no rule is called '{word}'", next(near, "kvlint rules lists all rules"))


def _profiles(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in PROFILES:
            raise UsageError(f"there is no profile '{name}'", f"one of {', '.join(PROFILES)}")
    return frozenset(profile for name in names or ("default",) for profile in PROFILES[name])


def _is_selected(rule: Rule, select: Sequence[str], profiles: frozenset[str]) -> bool:
    if any(_has_name(rule, word) for word in select):
        return True
    return rule.profile in profiles and (not select or any(_has_prefix(rule, word) for word in select))


def _no_rule_left(rules: Sequence[Rule], select: Sequence[str]) -> tuple[str, str | None]:
    outside = [rule for rule in rules if any(_has_prefix(rule, word) for word in select)]
    if outside and all(rule.profile != "default" for rule in outside):
        return "no rule that is selected is in the profile", f"try --profile {outside[0].profile}"
    return "every rule that is selected is also ignored, so nothing would be judged", None


def _has_name(rule: Rule, word: str) -> bool:
    # The Kelvin sign case-folds to k but only looks like one to a reviewer.
    folded = word.casefold() if word.isascii() else word
    return folded in (rule.id.casefold(), rule.name) or folded.removeprefix("avd-") in map(str.casefold, _peers(rule))


def _has_prefix(rule: Rule, word: str) -> bool:
    return bool(word) and word.isascii() and rule.id.casefold().startswith(word.casefold())


def _peers(rule: Rule) -> Iterable[str]:
    return (name for names in rule.peers.values() for name in names)
