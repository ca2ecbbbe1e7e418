"""Replace secret strings in texts: values whose names mark them as secrets.

Rules are evaluated with the original values, so redaction does not affect any verdict.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote

import msgspec

from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.value import SENSITIVE
from azkvlint.util.secret_names import is_harmless

# Shorter strings occur in others by chance, so they are redacted only as whole words.
_MIN_UNANCHORED = 8
# Strings below this length are not redacted.
_MIN_LENGTH = 4
# Reports truncate long strings, so only their beginning is matched.
_MAX_LENGTH = 64
# With more strings, the pattern is as fast as a search for each.
_MOST_SEARCHED = 100
# Azure's own keywords and the words of its role names are not secrets, even as the value of a secret variable.
_KEYWORDS = frozenset(
    {
        "access", "administrator", "allow", "azureservices", "contributor", "default", "deny", "disabled", "enabled",
        "false", "none", "null", "officer", "operator", "owner", "premium", "reader", "standard", "true", "user",
    }
)  # fmt: skip


class Redactor:
    """Replaces secret strings in texts. It is false if there are none."""

    def __init__(self, texts: Iterable[str]) -> None:
        spellings = {spelling for text in texts if _is_worth_hiding(text) for spelling in _spellings(text)}
        self._spellings = spellings
        # A search for each of a few strings is faster than the pattern. Beyond ASCII, case is not that simple.
        is_simple = len(spellings) <= _MOST_SEARCHED and all(map(str.isascii, spellings))
        self._searched = [text[:_MAX_LENGTH].lower() for text in spellings] if is_simple else None
        # Most texts of a result, such as addresses, occur in many of its findings.
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._spellings)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The pattern of all strings. Most inputs have no text that may contain one."""
        patterns = [_pattern(text) for text in sorted(self._spellings, key=lambda text: (-len(text), text))]
        return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)

    def text(self, text: str) -> str:
        """Return a text without secret strings."""
        if not self._spellings or not text:
            return text
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._pattern.sub(SENSITIVE, text) if self._may_contain(text) else text
        return found

    def _may_contain(self, text: str) -> bool:
        """Return whether a text may contain a secret string; True if that is not known."""
        if self._searched is None or not text.isascii():
            return True
        lower = text.lower()
        return any(searched in lower for searched in self._searched)

    def location(self, at: Location) -> Location:
        """Return a location without secret strings."""
        address = None if at.address is None else self.text(at.address)
        attribute = None if at.attribute is None else self.text(at.attribute)
        cause = None if at.cause is None else self.location(at.cause)
        if address == at.address and attribute == at.attribute and cause is at.cause:
            return at
        return msgspec.structs.replace(at, address=address, attribute=attribute, cause=cause)

    def problem(self, problem: Problem) -> Problem:
        """Return a problem without secret strings."""
        at = None if problem.at is None else self.location(problem.at)
        message, hint = self.text(problem.message), self.text(problem.hint)
        return msgspec.structs.replace(problem, message=message, hint=hint, at=at)


def _is_worth_hiding(text: str) -> bool:
    return len(text.strip()) >= _MIN_LENGTH and text.lower() not in _KEYWORDS and not is_harmless(text)


def _spellings(text: str) -> set[str]:
    """Return the encodings of a string in reports and functions."""
    spellings = {text, text.strip(), quote(text, safe="", errors="replace")}
    if len(text) >= _MIN_UNANCHORED:
        spellings.add(b2a_base64(text.encode("utf-8", "replace"), newline=False).decode().rstrip("="))
    return spellings


def _pattern(text: str) -> str:
    if len(text) > _MAX_LENGTH:
        return f"{re.escape(text[:_MAX_LENGTH])}.*"
    return re.escape(text) if len(text) >= _MIN_UNANCHORED else rf"(?<!\w){re.escape(text)}(?!\w)"
