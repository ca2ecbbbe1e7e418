"""The locations of rule files, and the compiled form of the built-in rules."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from azkvlint.model.rule import Example, Rule
from azkvlint.util.errors import InputError, InternalError, RuleError, UsageError
from azkvlint.util.project_boundary import absolute_path
from azkvlint.util.project_files import read_resource, read_rules, resource_files, rule_files
from azkvlint.util.safe_regex import Proof, add_proofs, proofs_of

if TYPE_CHECKING:
    from azkvlint.model.framework import Framework

_T = TypeVar("_T")
_RULES, _EXAMPLES, _PATTERNS = "compiled.json", "examples.json", "patterns.json"
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
    return rules_of_package(_PACKAGE, examples=examples)


def rules_of_package(package: str, *, examples: bool = True) -> tuple[Rule, ...]:
    """Return the compiled rules in the folder ``package``, or in a checkout the YAML files two levels above it."""
    try:
        rules = _compiled(package, _RULES, tuple[Rule, ...])
        add_proofs(_compiled(package, _PATTERNS, dict[str, Proof]))
        if not examples:
            return rules
        examples_of_rules = _compiled(package, _EXAMPLES, tuple[tuple[Example, ...], ...])
        return tuple(
            msgspec.structs.replace(rule, examples=rule_examples)
            for rule, rule_examples in zip(rules, examples_of_rules, strict=True)
        )
    except FileNotFoundError:
        return rules_of_checkout(package)
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError(f"the built-in rules cannot be read: {error}", hint="Install kvlint again.") from error


def _compiled(package: str, name: str, kind: type[_T]) -> _T:
    return msgspec.json.Decoder(kind).decode(read_resource(os.path.join(package, "rules", name)))


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
    """Return the rules as JSON files, which load a hundred times faster than YAML.

    Examples, which make up most of the size, have a file of their own: checks do not need them. So have the bounds of
    the rules' regular expressions, whose computation takes longer than checking a small plan.
    """
    from azkvlint.engine.parameters import patterns_of

    rules = tuple(rules)
    without_examples = tuple(msgspec.structs.replace(rule, examples=()) for rule in rules)
    return {
        _RULES: msgspec.json.encode(without_examples),
        _EXAMPLES: msgspec.json.encode(tuple(rule.examples for rule in rules)),
        _PATTERNS: msgspec.json.encode(
            proofs_of(dict.fromkeys(pattern for rule in rules for _, pattern in patterns_of(rule)))
        ),
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
