"""Replace secret strings in texts: values whose names mark them as secrets.

Rules are evaluated with the original values, so redaction does not affect any verdict.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable

import msgspec

from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.value import SENSITIVE
from azkvlint.util.secret_names import is_harmless
from azkvlint.util.string_search import StringSearch, ignoring_case

# Shorter strings occur in others by chance, so they are redacted only as whole words.
_MIN_UNANCHORED = 8
# Strings below this length are not redacted.
_MIN_LENGTH = 4
_MAX_LENGTH = 64
# The characters that URLs contain as they are: RFC 3986, section 2.3.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Azure's own keywords and the words of its role names are not secrets, even as the value of a secret variable. Neither
# are the words that name secrets, which are in sentences and in the names of most resources that contain one, and those
# between the slashes of resource IDs, which are in the addresses of templates.
_KEYWORDS = frozenset(
    {
        "access", "administrator", "allow", "azure", "azureservices", "certificate", "certificates", "code",
        "contributor", "credential", "credentials", "default", "deny", "disabled", "enabled", "false", "keyvault",
        "managedidentity", "microsoft", "none", "null", "officer", "operator", "owner", "passphrase", "password",
        "passwords", "premium", "providers", "reader", "resourcegroup", "resourcegroups", "secret", "secrets",
        "standard", "subscription", "subscriptions", "token", "tokens", "true", "user", "vault", "vaults",
    }
)  # fmt: skip


class Redactor:
    """Replaces secret strings in texts. It is false if there are none."""

    def __init__(self, texts: Iterable[str]) -> None:
        spellings = {spelling for text in texts if _is_worth_hiding(text) for spelling in _spellings(text)}
        # Reports truncate long strings, so only their beginning is searched.
        self._search = StringSearch(text[:_MAX_LENGTH] for text in spellings)
        self._truncated = {ignoring_case(text[:_MAX_LENGTH]) for text in spellings if len(text) > _MAX_LENGTH}
        self._has_texts = bool(spellings)
        # Most texts of a result, such as addresses, occur in many of its findings.
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return self._has_texts

    def text(self, text: str) -> str:
        """Return a text without secret strings."""
        if not self._has_texts or not text:
            return text
        found = self._known.get(text)
        if found is None:
            found = text
            if self._search.may_be_in(text):
                found = self._search.replace(text, self._end_of_secret, SENSITIVE)
            self._known[text] = found
        return found

    def _end_of_secret(self, text: str, start: int, end: int) -> int:
        """Return the end of the secret that starts with a string in a text; 0 if the string is a part of a word."""
        length = end - start
        if length < _MIN_UNANCHORED:
            return 0 if _is_of_word(text[start - 1 : start]) or _is_of_word(text[end : end + 1]) else end
        is_truncated = length == _MAX_LENGTH and ignoring_case(text[start:end]) in self._truncated
        return len(text) if is_truncated else end

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
    return len(text.strip()) >= _MIN_LENGTH and text.strip("/").lower() not in _KEYWORDS and not is_harmless(text)


def _spellings(text: str) -> set[str]:
    """Return the encodings of a string in reports and functions."""
    spellings = {text, text.strip(), _percent_encoded(text)}
    if len(text) >= _MIN_UNANCHORED:
        spellings.add(b2a_base64(text.encode("utf-8", "replace"), newline=False).decode().rstrip("="))
    return spellings


def _percent_encoded(text: str) -> str:
    """Return a string as in a URL. To import ``urllib`` takes as long as to evaluate the rules on a small plan."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
