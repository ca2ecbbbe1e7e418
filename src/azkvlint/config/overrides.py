"""The tables ``[[override]]`` of configuration files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.severity_override import Override
from azkvlint.syntax.ignore_comments import day_of
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.globs import AddressGlob, PathGlob
from azkvlint.util.safe_text import visible

LISTS = ("paths", "resources", "rules")
TEXTS = ("severity", "reason", "owner")
KEYS = (*LISTS, *TEXTS, "ignore", "until")
_LONGEST = 80
_MOST_ITEMS = 1_000


def override_of(table: Any, place: str, line: int) -> Override:
    """Decode a table. Raise UsageError, with its ``place``, if it is invalid."""

    def wrong(message: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{place}: override: {message}", hint)

    if not isinstance(table, dict):
        raise wrong("it must be a table", "write [[override]]")
    for key in table:
        if key not in KEYS:
            raise _unknown(key, wrong)
    lists = {key: _list(table, key, wrong) for key in LISTS}
    texts = {key: _text(table, key, wrong) for key in TEXTS}
    if not any(lists.values()):
        raise wrong("it says of what it is one", "give it paths, resources or rules")
    ignore = table.get("ignore", False)
    if not isinstance(ignore, bool):
        raise wrong("ignore must be true or false")
    severity = _severity(texts.pop("severity"), wrong)
    if (severity is not None) is ignore:
        raise wrong("it must give either a severity or ignore = true")
    if ignore and not any(char.isalnum() for char in texts["reason"]):
        raise wrong("what is ignored needs a reason", 'write reason = "..."')
    _refuse_bad_globs(lists, wrong)
    until, fault = _until(table["until"], wrong) if "until" in table else ("", "")
    return Override(
        place=place, line=line, paths=lists["paths"], resources=lists["resources"], rules=lists["rules"],
        severity=severity, reason=texts["reason"], owner=texts["owner"], until=until, fault=fault,
    )  # fmt: skip


_Wrong = Callable[..., UsageError]


def _unknown(key: str, wrong: _Wrong) -> UsageError:
    hint = did_you_mean(key.lower(), list(KEYS)) or f"one of {', '.join(KEYS)}"
    return wrong(f"there is no key '{visible(key[:_LONGEST])}'", hint)


def _list(table: Mapping[str, Any], key: str, wrong: _Wrong) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise wrong(f"{key} must be a list of texts", f'write {key} = ["..."]')
    if len(value) > _MOST_ITEMS:
        raise wrong(f"{key} has more than {_MOST_ITEMS:,} items")
    if key in table and not value:
        raise wrong(f"{key} is empty, and would be about nothing", "leave it out")
    return tuple(word.strip() for word in value)


def _text(table: Mapping[str, Any], key: str, wrong: _Wrong) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise wrong(f"{key} must be a text")
    return " ".join(value.split())


def _severity(word: str, wrong: _Wrong) -> Severity | None:
    if word and word.lower() not in SEVERITIES:
        raise wrong(f"there is no severity '{visible(word[:_LONGEST])}'", f"one of {', '.join(SEVERITIES)}")
    return SEVERITIES[word.lower()] if word else None


def _refuse_bad_globs(lists: Mapping[str, tuple[str, ...]], wrong: _Wrong) -> None:
    for key, glob in (("paths", PathGlob), ("resources", AddressGlob)):
        for pattern in lists[key]:
            try:
                glob(pattern)
            except ValueError as error:
                raise wrong(f"{key}: '{visible(pattern[:_LONGEST])}' is no glob: {error}") from error


def _until(value: Any, wrong: _Wrong) -> tuple[str, str]:
    """Return the last day and its fault, if any. An invalid date must not extend the override indefinitely."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat(), ""
    if not isinstance(value, str):
        raise wrong("until must be a day", "write until = 2027-03-01")
    day = day_of(value.strip())
    return ("", "its end is no date") if day is None else (day.isoformat(), "")
