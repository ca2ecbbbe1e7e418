"""Which rules run: by profile, by id or the beginning of an id, or by another tool's id for the same question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import Rule
from azkvlint.util.errors import UsageError, did_you_mean


def chosen(
    rules: Iterable[Rule], select: Sequence[str], ignore: Sequence[str], profiles: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Return the rules of ``profiles`` (empty: the default one) that ``select`` names, if anything, and ``ignore`` does
    not.

    A rule that is named in full, by its id, its name or another tool's id, is chosen whatever its profile. Sorted by
    id. Raises UsageError, with a suggestion, for a word that names no rule, and where no rule is left: what judges
    nothing finds nothing.
    """
    known = sorted(rules, key=lambda rule: rule.id)
    for word in (*select, *ignore):
        rules_called(known, word)
    wanted = _profiles(profiles)
    left = tuple(
        rule
        for rule in known
        if _is_chosen(rule, select, wanted)
        and not any(_is_called(rule, word) or _begins_with(rule, word) for word in ignore)
    )
    if not left:
        raise UsageError(*_nothing_left(known, select))
    return left


def find_rules(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the rules of an id or name, or equivalent to that of another tool. Raises UsageError with a suggestion."""
    known = tuple(rules)
    found = tuple(rule for rule in known if _is_called(rule, word))
    if not found:
        raise unknown_rule(word, known)
    return found


def rules_called(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the same, and those whose ids begin with the word. Raises UsageError with a suggestion."""
    known = tuple(rules)
    found = tuple(rule for rule in known if _is_called(rule, word) or _begins_with(rule, word))
    if not found:
        raise unknown_rule(word, known)
    return found


def unknown_rule(word: str, rules: Iterable[Rule]) -> UsageError:
    """Return the error for a word that names no rule."""
    names = [name for rule in rules for name in (rule.id, rule.name, *_peers(rule))]
    near = filter(None, (did_you_mean(form, names) for form in (word, word.upper(), word.lower())))
    return UsageError(f"no rule is called '{word}'", next(near, "kvlint rules lists all rules"))


def _profiles(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in PROFILES:
            raise UsageError(f"there is no profile '{name}'", f"one of {', '.join(PROFILES)}")
    return frozenset(profile for name in names or ("default",) for profile in PROFILES[name])


def _is_chosen(rule: Rule, select: Sequence[str], profiles: frozenset[str]) -> bool:
    if any(_is_called(rule, word) for word in select):
        return True
    return rule.profile in profiles and (not select or any(_begins_with(rule, word) for word in select))


def _nothing_left(rules: Sequence[Rule], select: Sequence[str]) -> tuple[str, str | None]:
    """Return why no rule is left, and what would help."""
    outside = [rule for rule in rules if any(_begins_with(rule, word) for word in select)]
    if outside and all(rule.profile != "default" for rule in outside):
        return "no rule that is selected is in the profile", f"try --profile {outside[0].profile}"
    return "every rule that is selected is also ignored, so nothing would be judged", None


def _is_called(rule: Rule, word: str) -> bool:
    """Return whether a word names a rule in full."""
    # To Unicode the sign of kelvin is a k; to a reviewer it only looks like one.
    folded = word.casefold() if word.isascii() else word
    return folded in (rule.id.casefold(), rule.name) or folded.removeprefix("avd-") in map(str.casefold, _peers(rule))


def _begins_with(rule: Rule, word: str) -> bool:
    return bool(word) and word.isascii() and rule.id.casefold().startswith(word.casefold())


def _peers(rule: Rule) -> Iterable[str]:
    return (name for names in rule.peers.values() for name in names)
