"""Which rules run: by id, or by the beginning of an id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kvlint.errors import UsageError
from kvlint.model.rule import Rule


def chosen(rules: Iterable[Rule], select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that ``select`` names (all of the default profile where it is empty) and ``ignore`` does not.

    Sorted by id. Raises UsageError, with a suggestion, for a word that no rule's id begins with, and where no rule is
    left: what judges nothing finds nothing.
    """
    known = sorted(rules, key=lambda rule: rule.id)
    for word in (*select, *ignore):
        if not _hits(known, word):
            raise unknown_rule(word, known)
    left = tuple(
        rule
        for rule in known
        if (_named(rule, select) if select else rule.profile == "default") and not _named(rule, ignore)
    )
    if not left:
        raise UsageError("every rule that is selected is also ignored, so nothing would be judged")
    return left


def find_rule(rules: Iterable[Rule], word: str) -> Rule:
    """The rule of this id or name. Raises UsageError with a suggestion."""
    known = tuple(rules)
    for rule in known:
        if word.casefold() in (rule.id.casefold(), rule.name.casefold()):
            return rule
    raise unknown_rule(word, known)


def unknown_rule(word: str, rules: Iterable[Rule]) -> UsageError:
    """The error for a word that names no rule."""
    from difflib import get_close_matches

    names = [name for rule in rules for name in (rule.id, rule.name)]
    close = get_close_matches(word.upper(), names, 1) or get_close_matches(word.lower(), names, 1)
    hint = f"did you mean {close[0]}?" if close else "kvlint rules lists all rules"
    return UsageError(f"no rule is called '{word}'", hint)


def _named(rule: Rule, words: Sequence[str]) -> bool:
    return any(rule.id.casefold().startswith(word.casefold()) or rule.name == word for word in words)


def _hits(rules: Iterable[Rule], word: str) -> bool:
    return bool(word) and any(_named(rule, (word,)) for rule in rules)
