"""``regex``, ``regexall`` and ``replace``, with regular expressions as Go has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from azkvlint.evaluation.terraform.functions.automaton import Match, Search
from azkvlint.evaluation.terraform.functions.regular import Program, compiled
from azkvlint.evaluation.terraform.functions.table import Data, Function, InvalidCall, UnknownResult
from azkvlint.evaluation.values import MAX_ITEMS, MAX_TEXT

_Spend: TypeAlias = Callable[[int], None]


def _first(spend: _Spend, pattern: str, text: str) -> Any:
    program = _compiled(pattern, spend)
    found = Search(program, text, spend).first(0)
    if found is None:
        raise InvalidCall("finds nothing that its pattern fits")
    return _captured(program, found, text)


def _all(spend: _Spend, pattern: str, text: str) -> list[Any]:
    program = _compiled(pattern, spend)
    return [_captured(program, found, text) for found in _matches(program, text, spend)]


def _compiled(pattern: str, spend: _Spend) -> Program:
    program = compiled(pattern)
    spend(len(program.steps) // 10)
    return program


def _matches(program: Program, text: str, spend: _Spend) -> list[Match]:
    """All matches, none of which is empty right after another, as Go counts them."""
    found: list[Match] = []
    search = Search(program, text, spend)
    at, end = 0, -1
    while at <= len(text):
        match = search.first(at)
        if match is None:
            break
        empty = match[1] == match[0]
        if not (empty and match[0] == end):
            found.append(match)
            if len(found) > MAX_ITEMS:
                raise UnknownResult(f"a list of more than {MAX_ITEMS:,} items is not looked at")
        at = match[1] + 1 if empty else match[1]
        end = match[1]
    return found


def _captured(program: Program, match: Match, text: str) -> Any:
    """What the groups of a pattern caught, by name if they have any; all of it where there is no group."""
    groups = [None if match[2 * n] < 0 else text[match[2 * n] : match[2 * n + 1]] for n in range(program.groups + 1)]
    if program.groups == 0:
        return groups[0]
    names = [name for name in program.names if name]
    if not names:
        return groups[1:]
    if len(names) < program.groups:
        raise InvalidCall("is given a pattern with groups that have names and such that have none")
    return dict(zip(program.names, groups[1:], strict=True))


def _replace(spend: _Spend, text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        return _replaced(spend, text, old[1:-1], new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
    return text.replace(old, new)


def _replaced(spend: _Spend, text: str, pattern: str, new: str) -> str:
    program = _compiled(pattern, spend)
    parts: list[str] = []
    end = length = 0
    for match in _matches(program, text, spend):
        parts += [text[end : match[0]], _expanded(program, match, text, new)]
        length += len(parts[-1]) + len(parts[-2])
        if length > MAX_TEXT:
            raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")
        end = match[1]
    return "".join(parts) + text[end:]


def _expanded(program: Program, match: Match, text: str, new: str) -> str:
    """The replacement with what the groups caught: ``$1``, ``${1}``, ``$name``, ``${name}``, and ``$$``."""
    parts: list[str] = []
    at = 0
    while True:
        start = new.find("$", at)
        if start < 0 or start + 1 >= len(new):
            return "".join(parts) + new[at:]
        parts.append(new[at:start])
        at = start + 1
        if new[at] == "$":
            parts.append("$")
            at += 1
            continue
        braced = new[at] == "{"
        end = begin = at + braced
        while end < len(new) and (new[end].isalnum() or new[end] == "_"):
            end += 1
        if end == begin or (braced and new[end : end + 1] != "}"):
            parts.append("$")
            continue
        parts.append(_group(program, match, text, new[begin:end]))
        at = end + braced


def _group(program: Program, match: Match, text: str, name: str) -> str:
    if name.isascii() and name.isdigit():
        number = int(name) if len(name) < 9 else -1
    else:
        number = program.names.index(name) + 1 if name in program.names else -1
    if not 0 <= number <= program.groups or match[2 * number] < 0:
        return ""
    return text[match[2 * number] : match[2 * number + 1]]


FUNCTIONS: tuple[Function, ...] = (
    Data("regex", 2, 2, _first, kinds=("string",), counts=True),
    Data("regexall", 2, 2, _all, kinds=("string",), kind="list", counts=True),
    Data("replace", 3, 3, _replace, kinds=("string",), counts=True),
)
