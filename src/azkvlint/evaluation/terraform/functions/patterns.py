"""``regex``, ``regexall`` and ``replace``, with regular expressions as Go has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from azkvlint.evaluation.terraform.functions.table import Data, DoubtError, Function, MisuseError
from azkvlint.evaluation.values import MAX_ITEMS, MAX_TEXT
from azkvlint.util.safe_regex import InvalidPatternError, SafePattern, UnprovenPatternError, compile_pattern

_Spend: TypeAlias = Callable[[int], None]
# About as many attempts take the time of one step of the evaluator.
_ATTEMPTS_A_STEP = 1_000


def _first(spend: _Spend, pattern: str, text: str) -> Any:
    compiled = _compiled(pattern, text, spend)
    found = compiled.search(text)
    if found is None:
        raise MisuseError("finds nothing that its pattern fits")
    return _captured(compiled, found)


def _all(spend: _Spend, pattern: str, text: str) -> list[Any]:
    compiled = _compiled(pattern, text, spend)
    return [_captured(compiled, found) for found in _matches(compiled, text)]


def _compiled(pattern: str, text: str, spend: _Spend) -> SafePattern:
    """Return a pattern that is safe to search for in a text."""
    spend(1 + len(pattern) // 10)
    try:
        compiled = compile_pattern(pattern)
        spend(compiled.work(len(text), anywhere=True) // _ATTEMPTS_A_STEP)
    except InvalidPatternError as error:
        raise MisuseError(str(error)) from error
    except UnprovenPatternError as error:
        raise DoubtError(str(error)) from error
    return compiled


def _matches(pattern: SafePattern, text: str) -> Iterator[re.Match[str]]:
    """Yield all matches, none of which is empty right after another, as Go counts them."""
    number = at = 0
    end = -1
    while at <= len(text) and (match := pattern.search(text, at)) is not None:
        is_empty = match.end() == match.start()
        if not (is_empty and match.start() == end):
            number += 1
            if number > MAX_ITEMS:
                raise DoubtError(f"a list of more than {MAX_ITEMS:,} items is not looked at")
            yield match
        end = match.end()
        at = end + is_empty


def _captured(pattern: SafePattern, match: re.Match[str]) -> Any:
    """Return what the groups of a pattern captured, by name if they have any; the match where there is no group."""
    if not pattern.names:
        return match[0]
    names = [name for name in pattern.names if name]
    if not names:
        return list(match.groups())
    if len(names) < len(pattern.names):
        raise MisuseError("is given a pattern with groups that have names and such that have none")
    return dict(zip(names, match.groups(), strict=True))


def _replace(spend: _Spend, text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        return _replaced(spend, text, old[1:-1], new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise DoubtError(f"a text of more than {MAX_TEXT:,} characters is not looked at")
    return text.replace(old, new)


def _replaced(spend: _Spend, text: str, pattern: str, new: str) -> str:
    compiled = _compiled(pattern, text, spend)
    parts: list[str] = []
    end = length = 0
    for match in _matches(compiled, text):
        parts += [text[end : match.start()], _expanded(compiled, match, new)]
        length += len(parts[-1]) + len(parts[-2])
        if length > MAX_TEXT:
            raise DoubtError(f"a text of more than {MAX_TEXT:,} characters is not looked at")
        end = match.end()
    return "".join(parts) + text[end:]


def _expanded(pattern: SafePattern, match: re.Match[str], new: str) -> str:
    """Return the replacement with what the groups captured: ``$1``, ``${1}``, ``$name``, ``${name}``, and ``$$``."""
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
        parts.append(_group(pattern, match, new[begin:end]))
        at = end + braced


def _group(pattern: SafePattern, match: re.Match[str], name: str) -> str:
    if name.isascii() and name.isdigit():
        number = int(name) if len(name) < 9 else -1
    else:
        number = pattern.names.index(name) + 1 if name in pattern.names else -1
    return match[number] or "" if 0 <= number <= len(pattern.names) else ""


FUNCTIONS: tuple[Function, ...] = (
    Data("regex", 2, 2, _first, kinds=("string",), counts=True),
    Data("regexall", 2, 2, _all, kinds=("string",), kind="list", counts=True),
    Data("replace", 3, 3, _replace, kinds=("string",), counts=True),
)
