"""The tables ``[[override]]`` of configuration files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from azkvlint.config.error_collector import ErrorCollector
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.severity_override import Override
from azkvlint.syntax.ignore_comments import day_of
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.globs import AddressGlob, PathGlob
from azkvlint.util.safe_text import visible

LISTS = ("paths", "resources", "rules")
STRINGS = ("severity", "reason", "owner")
KEYS = (*LISTS, *STRINGS, "ignore", "until")
_LONGEST = 80
_MOST_ITEMS = 1_000


class _Decoder:
    """Decodes one table. ``places`` are the places of its keys, "" that of its header; errors are collected."""

    def __init__(self, table: Mapping[str, Any], places: Mapping[str, str], collector: ErrorCollector) -> None:
        self._table = table
        self._places = places
        self._collector = collector

    def fault(self, message: str, hint: str | None = None, key: str = "") -> None:
        """Collect an error of a key, or of the whole table."""
        place = self._places.get(key, self._places[""])
        self._collector.errors.append(UsageError(f"{place}: override: {message}", hint))

    def refuse_unknown_keys(self) -> None:
        """Collect the errors of keys that do not exist."""
        for key in self._table:
            if key not in KEYS:
                hint = did_you_mean(key.lower(), list(KEYS)) or f"one of {', '.join(KEYS)}"
                self.fault(f"unknown key '{visible(key[:_LONGEST])}'", hint, key)

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fault(f"{key} must be a list of strings", f'write {key} = ["..."]', key)
        elif len(value) > _MOST_ITEMS:
            self.fault(f"{key} has more than {_MOST_ITEMS:,} items", None, key)
        elif key in self._table and not value:
            self.fault(f"{key} is empty", "add an item, or remove it", key)
        else:
            return tuple(word.strip() for word in value)
        return ()

    def string(self, key: str) -> str:
        """Return a string without line breaks."""
        value = self._table.get(key, "")
        if not isinstance(value, str):
            self.fault(f"{key} must be a string", None, key)
            return ""
        return " ".join(value.split())

    def severity(self) -> Severity | None:
        """Return the severity; None if there is none."""
        word = self.string("severity")
        if word and word.lower() not in SEVERITIES:
            names = list(SEVERITIES)
            hint = did_you_mean(word.lower(), names) or f"one of {', '.join(names)}"
            self.fault(f"unknown severity '{visible(word[:_LONGEST])}'", hint, "severity")
        return SEVERITIES.get(word.lower())

    def ignore(self) -> bool:
        """Return whether the findings are ignored."""
        value = self._table.get("ignore", False)
        if not isinstance(value, bool):
            self.fault("ignore must be true or false", None, "ignore")
        return value is True

    def refuse_invalid_globs(self, key: str, glob: Callable[[str], object], patterns: Iterable[str]) -> None:
        """Collect the errors of globs."""
        for pattern in patterns:
            try:
                glob(pattern)
            except ValueError as error:
                self.fault(f"{key}: '{visible(pattern[:_LONGEST])}' is not a valid glob: {error}", None, key)

    def until(self) -> tuple[str, str]:
        """Return the last day and its fault, if any. An invalid date must not extend the override indefinitely."""
        value = self._table.get("until")
        if value is None:
            return "", ""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat(), ""
        if not isinstance(value, str):
            self.fault("until must be a date", "write until = 2027-03-01", "until")
            return "", ""
        day = day_of(value.strip())
        return ("", "until is not a valid date") if day is None else (day.isoformat(), "")


def decode_override(table: Any, places: Mapping[str, str], line: int, collector: ErrorCollector) -> Override | None:
    """Decode a table; None if it is invalid. For ``places`` see _Decoder."""
    if not isinstance(table, dict):
        collector.errors.append(UsageError(f"{places['']}: override must be a table", "write [[override]]"))
        return None
    count = len(collector.errors)
    decoder = _Decoder(table, places, collector)
    decoder.refuse_unknown_keys()
    paths, resources, rules = (decoder.strings(key) for key in LISTS)
    severity, ignore = decoder.severity(), decoder.ignore()
    reason, owner = decoder.string("reason"), decoder.string("owner")
    decoder.refuse_invalid_globs("paths", PathGlob, paths)
    decoder.refuse_invalid_globs("resources", AddressGlob, resources)
    until, fault = decoder.until()
    if len(collector.errors) > count:
        return None  # a misspelled key is not also a missing one
    if not (paths or resources or rules):
        decoder.fault("paths, resources or rules is required", 'write rules = ["KV001"]')
    if (severity is not None) is ignore:
        decoder.fault("either severity or ignore = true is required")
    if ignore and not any(char.isalnum() for char in reason):
        decoder.fault("ignore = true requires a reason", 'write reason = "..."')
    if len(collector.errors) > count:
        return None
    return Override(
        place=places[""], line=line, paths=paths, resources=resources, rules=rules,
        severity=severity, reason=reason, owner=owner, until=until, fault=fault,
    )  # fmt: skip
