"""The locations of rule files, the compiled form of the built-in rules, and the selection of rules."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from azkvlint.engine.rule_patterns import PROOFS, builtin_proofs
from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import Example, Rule
from azkvlint.util.compiled_files import keep_compiled, read_compiled
from azkvlint.util.errors import InputError, InternalError, RuleError, UsageError, did_you_mean
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import absolute_path
from azkvlint.util.project_files import read_resource, read_rules, resource_files, rule_files
from azkvlint.util.safe_regex import proofs_of

if TYPE_CHECKING:
    from azkvlint.model.framework import Framework

_T = TypeVar("_T")
_RULES, _EXAMPLES = "rules/compiled.json", "rules/examples.json"
# The folder of control frameworks, which are not rules.
_FRAMEWORKS = "controls"
_SUFFIXES = (".yaml", ".yml")
# Not pathlib: importing it takes longer than reading the rules.
_PACKAGE = os.path.dirname(os.path.dirname(absolute_path(__file__)))


@cache
def builtin_rules(*, examples: bool = True) -> tuple[Rule, ...]:
    """Return the built-in rules by id. Loading is faster without their ``examples``.

    Raise InternalError if they are missing, and RuleError if a rule file of a checkout is invalid.
    """
    # A damaged installation is reported before any input is read.
    builtin_proofs()
    return rules_of_package(_PACKAGE, examples=examples)


def rules_of_package(package: str, *, examples: bool = True) -> tuple[Rule, ...]:
    """Return the compiled rules in the folder ``package``, or in a checkout the YAML files two levels above it."""
    try:
        rules = _compiled(package, _RULES, tuple[Rule, ...])
        if not examples:
            return rules
        examples_of_rules = _compiled(package, _EXAMPLES, tuple[tuple[Example, ...], ...])
        return tuple(
            msgspec.structs.replace(rule, examples=rule_examples)
            for rule, rule_examples in zip(rules, examples_of_rules, strict=True)
        )
    except FileNotFoundError:
        rules = rules_of_checkout(package)
        keep_compiled(package, compile_rules(rules))
        return rules
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError("the built-in rules cannot be read", hint="Install kvlint again.") from error


def _compiled(package: str, name: str, kind: type[_T]) -> _T:
    return msgspec.json.Decoder(kind).decode(read_compiled(package, name))


def rules_of_checkout(package: str) -> tuple[Rule, ...]:
    """Return the YAML rules two levels above the folder ``package``. Faults refer to them as ``rules/...``."""
    from azkvlint.engine.rule_loader import load_rules

    folder = os.path.join(os.path.dirname(os.path.dirname(package)), "rules")
    files = {_relative_path(file, folder): file for file in resource_files(folder, _SUFFIXES, deep=True)}
    if not files:
        raise InternalError("the built-in rules are missing", hint="Install kvlint again.")
    contents = ((f"rules/{name}", read_resource(file)) for name, file in files.items() if not _is_framework(name))
    return load_rules(contents, builtin=True)


def frameworks_of_package(package: str, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the control frameworks in the folder ``package``, or else two levels above it.

    Raise InternalError if they are missing, and RuleError if a file is invalid.
    """
    from azkvlint.engine.framework_loader import load_frameworks

    for parent in (package, os.path.dirname(os.path.dirname(package))):
        folder = os.path.join(parent, "rules", _FRAMEWORKS)
        if os.path.isdir(folder):
            files = resource_files(folder, _SUFFIXES, deep=False)
            contents = ((f"rules/{_FRAMEWORKS}/{os.path.basename(file)}", read_resource(file)) for file in files)
            return load_frameworks(contents, rules)
    raise InternalError("the built-in control frameworks are missing", hint="Install kvlint again.")


def builtin_frameworks(rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the built-in control frameworks."""
    return frameworks_of_package(_PACKAGE, rules)


def load_framework(path: str, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return a custom control framework in all its versions.

    Raise UsageError if the file does not exist, RuleError with all of its faults.
    """
    from azkvlint.engine.framework_loader import load_frameworks

    if not os.path.isfile(path):
        raise UsageError(f"the control framework file '{path}' does not exist")
    return load_frameworks([(_display_path(path), _content(path))], rules)


def load_folder(path: str, *, others: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Return custom rules by id: all rule files below the folder ``path``, or the file ``path``.

    ``others`` are rules whose ids are taken. Raise UsageError if there is no rule file, RuleError with the faults of
    all files.
    """
    from azkvlint.engine.rule_loader import FURTHER, load_rules

    if not os.path.exists(path):
        raise UsageError(f"the rule file or folder '{path}' does not exist")
    if not os.path.isdir(path):
        further = f"{FURTHER}.".join(path.rsplit(".", 1))
        named = [path, further] if os.path.isfile(further) else [path]
        return load_rules([(_display_path(file), _content(file)) for file in named], others=others)
    files = [file for file in rule_files(path, _SUFFIXES) if not _is_framework(_relative_path(file, path))]
    if not files:
        raise UsageError(f"the folder '{path}' has no rule files", "rule files are called <ID>-<name>.yaml")
    return load_rules(((_display_path(file), _content(file, path)) for file in files), others=others)


def compile_rules(rules: Iterable[Rule]) -> dict[str, bytes]:
    """Return the rules as JSON files by their paths, which load a hundred times faster than YAML.

    Examples, which make up most of the size, have a file of their own: checks do not need them. So have the bounds of
    the rules' regular expressions, whose computation takes longer than checking a small plan, and the declarations of
    derived attributes.
    """
    from azkvlint.derived.registry import compile_declarations
    from azkvlint.engine.parameters import patterns_of

    rules = tuple(rules)
    without_examples = tuple(msgspec.structs.replace(rule, examples=()) for rule in rules)
    return {
        _RULES: msgspec.json.encode(without_examples),
        _EXAMPLES: msgspec.json.encode(tuple(rule.examples for rule in rules)),
        PROOFS: msgspec.json.encode(
            proofs_of(dict.fromkeys(pattern for rule in rules for _, pattern in patterns_of(rule)))
        ),
        **compile_declarations(),
    }


def _relative_path(file: str, folder: str) -> str:
    return os.path.relpath(file, folder).replace(os.sep, "/")


def _is_framework(name: str) -> bool:
    return name.startswith(f"{_FRAMEWORKS}/")


def _display_path(file: str) -> str:
    return os.path.normpath(file).replace(os.sep, "/")


def _content(file: str, folder: str = "") -> bytes:
    """Return the content of a rule file, which the user named or which is in ``folder``."""
    try:
        return read_rules(file, folder)
    except InputError as error:
        raise RuleError((f"{_display_path(file)}:1:1: the file cannot be read: {error.message}",)) from error


_LIST = "kvlint rules lists all rules"
_PREFIX = regex(r"KV[0-9]{0,2}", re.IGNORECASE)


class _RuleMatches(msgspec.Struct, frozen=True, gc=False):
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
    found = _WordIndex(known).match(word)
    return tuple(rule for rule in known if rule.id in (found.named or found.grouped))


def find_rules_by_prefix(rules: Iterable[Rule], word: str) -> tuple[Rule, ...]:
    """Return the rules that a word names, and those of a category or with a prefix of ids. Raise UsageError."""
    known = tuple(rules)
    found = _WordIndex(known).match(word)
    return tuple(rule for rule in known if rule.id in found.named | found.grouped)


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


def _match_all(rules: Sequence[Rule], words: Sequence[str]) -> _RuleMatches:
    if not words:
        return _RuleMatches(frozenset(), frozenset())
    index = _WordIndex(rules)
    matches = [index.match(word) for word in words]
    return _RuleMatches(
        frozenset().union(*(one.named for one in matches)), frozenset().union(*(one.grouped for one in matches))
    )


class _WordIndex:
    """Rules by the words that select them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._ids = [(rule.id.casefold(), rule.category, rule.id) for rule in rules]
        self._names: dict[str, set[str]] = {}
        self._peers: dict[str, set[str]] = {}
        for rule in rules:
            for name in (rule.id.casefold(), rule.name):
                self._names.setdefault(name, set()).add(rule.id)
            for name in _peers(rule):
                self._peers.setdefault(name.casefold(), set()).add(rule.id)

    def match(self, word: str) -> _RuleMatches:
        """Return what a word matches. Raise UsageError, with a suggestion, if that is nothing."""
        # The Kelvin sign case-folds to k but only looks like one to a reviewer.
        folded = word.casefold() if word.isascii() else word
        named = frozenset(self._names.get(folded, ())).union(self._peers.get(folded.removeprefix("avd-"), ()))
        if not named:
            # A name that was given to another rule belongs to that one.
            named = frozenset(rule.id for rule in self._rules if folded in map(str.casefold, rule.formerly))
        is_group = folded and word.isascii()
        grouped = frozenset(
            id_ for own, category, id_ in self._ids if is_group and (own.startswith(folded) or category == folded)
        )
        if not named and not grouped:
            raise _unknown_rule_error(word, self._rules)
        return _RuleMatches(named, grouped)


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


def _peers(rule: Rule) -> Iterable[str]:
    return (name for names in rule.peers.values() for name in names)
