"""Where rule files lie, and how the built-in ones are compiled: the one place that knows."""

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

if TYPE_CHECKING:
    from azkvlint.model.framework import Framework

_T = TypeVar("_T")
_RULES, _EXAMPLES = "compiled.json", "examples.json"
# The control frameworks lie among the rules but are none.
_NO_RULES = "controls"
_SUFFIXES = (".yaml", ".yml")
# Not pathlib: importing it takes longer than reading the rules.
_PACKAGE = os.path.dirname(os.path.dirname(absolute_path(__file__)))


@cache
def builtin_rules(*, examples: bool = True) -> tuple[Rule, ...]:
    """Return the rules that come with kvlint, in the order of their ids; perhaps without their ``examples``, which is
    quicker.

    Raise InternalError if they are not there, and RuleError if a rule file of a checkout has faults.
    """
    return rules_of_package(_PACKAGE, examples=examples)


def rules_of_package(package: str, *, examples: bool = True) -> tuple[Rule, ...]:
    """Return the compiled rules in the folder ``package``, or else (a checkout) the YAML files two levels above it."""
    try:
        rules = _compiled(package, _RULES, tuple[Rule, ...])
        if not examples:
            return rules
        of_rules = _compiled(package, _EXAMPLES, tuple[tuple[Example, ...], ...])
        return tuple(msgspec.structs.replace(rule, examples=own) for rule, own in zip(rules, of_rules, strict=True))
    except FileNotFoundError:
        return rules_of_checkout(package)
    except (OSError, msgspec.MsgspecError) as error:
        raise InternalError(f"the built-in rules cannot be read: {error}", hint="Install kvlint again.") from error


def _compiled(package: str, name: str, kind: type[_T]) -> _T:
    return msgspec.json.Decoder(kind).decode(read_resource(os.path.join(package, "rules", name)))


def rules_of_checkout(package: str) -> tuple[Rule, ...]:
    """Return the rules that lie as YAML two levels above the folder ``package``. Faults name them ``rules/...``."""
    from azkvlint.engine.rule_loader import load_rules

    folder = os.path.join(os.path.dirname(os.path.dirname(package)), "rules")
    files = {_below(file, folder): file for file in resource_files(folder, _SUFFIXES, deep=True)}
    if not files:
        raise InternalError("the built-in rules are missing", hint="Install kvlint again.")
    shown = ((f"rules/{name}", read_resource(file)) for name, file in files.items() if not _is_framework(name))
    return load_rules(shown, builtin=True)


def frameworks_of_package(package: str, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the control frameworks that lie among the rules in the folder ``package``, or else two levels above it.

    Raise InternalError if they are not there, and RuleError if a file has faults.
    """
    from azkvlint.engine.framework_loader import load_frameworks

    for above in (package, os.path.dirname(os.path.dirname(package))):
        folder = os.path.join(above, "rules", _NO_RULES)
        if os.path.isdir(folder):
            files = resource_files(folder, _SUFFIXES, deep=False)
            shown = ((f"rules/{_NO_RULES}/{os.path.basename(file)}", read_resource(file)) for file in files)
            return load_frameworks(shown, rules)
    raise InternalError("the built-in control frameworks are missing", hint="Install kvlint again.")


def builtin_frameworks(rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the control frameworks that come with kvlint."""
    return frameworks_of_package(_PACKAGE, rules)


def load_framework(path: str, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return a user's own control framework, in all its versions.

    Raise UsageError if there is no such file, RuleError with all faults of it.
    """
    from azkvlint.engine.framework_loader import load_frameworks

    if not os.path.isfile(path):
        raise UsageError(f"there is no file '{path}' to read a control framework from")
    return load_frameworks([(_shown(path), _content(path))], rules)


def load_folder(path: str, *, others: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Return a user's rules, in the order of their ids: all rule files below the folder ``path``, or the file ``path``.

    ``others`` are the rules that they are used with, whose ids they must not repeat. Raise UsageError if there is
    no rule file, RuleError with all faults of all files.
    """
    from azkvlint.engine.rule_loader import FURTHER, load_rules

    if not os.path.exists(path):
        raise UsageError(f"there is no folder or file '{path}' to read rules from")
    if not os.path.isdir(path):
        further = f"{FURTHER}.".join(path.rsplit(".", 1))
        named = [path, further] if os.path.isfile(further) else [path]
        return load_rules([(_shown(file), _content(file)) for file in named], others=others)
    files = [file for file in rule_files(path, _SUFFIXES) if not _is_framework(_below(file, path))]
    if not files:
        raise UsageError(f"the folder '{path}' has no rule files", hint="Rule files are called <ID>-<name>.yaml.")
    return load_rules(((_shown(file), _content(file, path)) for file in files), others=others)


def compile_rules(rules: Iterable[Rule]) -> dict[str, bytes]:
    """Return the rules as JSON files: what ``rules_of_package`` reads again, in a hundredth of the time that YAML
    takes.

    Their examples, which are longer than all else, are apart: judging needs none.
    """
    rules = tuple(rules)
    alone = tuple(msgspec.structs.replace(rule, examples=()) for rule in rules)
    return {
        _RULES: msgspec.json.encode(alone),
        _EXAMPLES: msgspec.json.encode(tuple(rule.examples for rule in rules)),
    }


def _below(file: str, folder: str) -> str:
    """Return the path of a file below a folder, with slashes."""
    return os.path.relpath(file, folder).replace(os.sep, "/")


def _is_framework(name: str) -> bool:
    """Return whether a path below a folder of rules is that of a control framework."""
    return name.startswith(f"{_NO_RULES}/")


def _shown(file: str) -> str:
    """Return what messages call a file."""
    return os.path.normpath(file).replace(os.sep, "/")


def _content(file: str, folder: str = "") -> bytes:
    """Return the content of a rule file, which was named itself or found in a ``folder`` that was named."""
    try:
        return read_rules(file, folder)
    except InputError as error:
        raise RuleError((f"{_shown(file)}:1:1: the file cannot be read: {error.message}",)) from error
