"""Where rule files lie, and how the built-in ones are compiled: the one place that knows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from kvlint.errors import InternalError, RuleError, UsageError
from kvlint.model.rule import Example, Rule

if TYPE_CHECKING:
    from pathlib import Path

    from kvlint.model.control import Framework

_T = TypeVar("_T")
_RULES, _EXAMPLES = "compiled.json", "examples.json"
# The control frameworks lie among the rules but are none.
_NO_RULES = "controls"
_SUFFIXES = (".yaml", ".yml")
# Not pathlib: importing it takes longer than reading the rules.
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@cache
def builtin_rules(*, examples: bool = True) -> tuple[Rule, ...]:
    """The rules that come with kvlint, in the order of their ids; perhaps without their ``examples``, which is quicker.

    Raise InternalError if they are not there, and RuleError if a rule file of a checkout has faults.
    """
    return rules_of_package(_PACKAGE, examples=examples)


def rules_of_package(package: str, *, examples: bool = True) -> tuple[Rule, ...]:
    """The rules that lie compiled in the folder ``package``, or else (a checkout) as YAML two levels above it."""
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
    with open(os.path.join(package, "rules", name), "rb") as file:
        return msgspec.json.Decoder(kind).decode(file.read())


def rules_of_checkout(package: str) -> tuple[Rule, ...]:
    """The rules that lie as YAML two levels above the folder ``package``. Faults name them ``rules/...``."""
    from pathlib import Path

    from kvlint.engine.load import load_rules

    folder = Path(package).parent.parent / "rules"
    files = _rule_files(folder)
    if not files:
        raise InternalError("the built-in rules are missing", hint="Install kvlint again.")
    shown = ((f"rules/{file.relative_to(folder).as_posix()}", _content(file)) for file in files)
    return load_rules(shown, builtin=True)


def frameworks_of_package(package: str, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """The control frameworks that lie among the rules in the folder ``package``, or else two levels above it.

    Raise InternalError if they are not there, and RuleError if a file has faults.
    """
    from pathlib import Path

    from kvlint.engine.frameworks import load_frameworks

    for above in (Path(package), Path(package).parent.parent):
        folder = above / "rules" / _NO_RULES
        if folder.is_dir():
            files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
            return load_frameworks(((f"rules/{_NO_RULES}/{file.name}", _content(file)) for file in files), rules)
    raise InternalError("the built-in control frameworks are missing", hint="Install kvlint again.")


def builtin_frameworks(rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """The control frameworks that come with kvlint."""
    return frameworks_of_package(_PACKAGE, rules)


def load_framework(path: Path, rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """A user's own control framework, in all its versions.

    Raise UsageError if there is no such file, RuleError with all faults of it.
    """
    from kvlint.engine.frameworks import load_frameworks

    if not path.is_file():
        raise UsageError(f"there is no file '{path}' to read a control framework from")
    return load_frameworks([(path.as_posix(), _content(path))], rules)


def load_folder(path: Path, *, others: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """A user's rules, in the order of their ids: all rule files below the folder ``path``, or the file ``path``.

    ``others`` are the rules that they are used with, whose ids they must not repeat. Raise UsageError if there is
    no rule file, RuleError with all faults of all files.
    """
    from kvlint.engine.load import load_rules

    if not path.exists():
        raise UsageError(f"there is no folder or file '{path}' to read rules from")
    files = _rule_files(path) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"the folder '{path}' has no rule files", hint="Rule files are called <ID>-<name>.yaml.")
    return load_rules(((file.as_posix(), _content(file)) for file in files), others=others)


def compile_rules(rules: Iterable[Rule]) -> dict[str, bytes]:
    """The rules as JSON files: what ``rules_of_package`` reads again, in a hundredth of the time that YAML takes.

    Their examples, which are longer than all else, are apart: judging needs none.
    """
    rules = tuple(rules)
    alone = tuple(msgspec.structs.replace(rule, examples=()) for rule in rules)
    return {
        _RULES: msgspec.json.encode(alone),
        _EXAMPLES: msgspec.json.encode(tuple(rule.examples for rule in rules)),
    }


def _rule_files(folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    return sorted(file for file in files if file.relative_to(folder).parts[0] != _NO_RULES)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RuleError((f"{file.as_posix()}:1:1: the file cannot be read: {error.strerror}",)) from error
