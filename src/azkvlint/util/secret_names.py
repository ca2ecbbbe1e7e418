"""Names that speak of secrets, and strings that say of themselves that they hold one."""

from __future__ import annotations

import re
from functools import lru_cache

from azkvlint.util.lazy_regex import regex

# Looked at once, from the start of a name, or a long one would take the square of its length.
NAME = (
    r"(?=\w*?(?=[acempstv])(?:contents|password|passwd|passphrase|(?<!by)pass(?![a-z])|pfx|psk|pwd|secret|token"
    r"|credential|connection_?string|sas|signature|value"
    r"|(?:access|account|api|auth|encryption|master|primary|private|secondary|shared|signing|storage)_?key))"
)
"""The pattern of what a name that speaks of a secret looks like, from the start of a word on."""

_SEPARATOR = regex(r"\W")
_NAMES = regex(NAME, re.IGNORECASE)
# A connection string, a signed address, an address with a token in its query or a password before its host.
_TELLS = regex(
    r"(?i)(?:^|[;?&\s])(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|sig)\s*=\s*\S"
    r"|[?&](?:access_?token|api_?key|aws_access_(?:key_secret|token)|client_?secret|code|secret|sshkey|token)=[^&\s]"
    r"|://[^/?#\s:@]*:[^/?#\s@]+@"
)
# An IP rule's value is no secret, whatever its name.
_ADDRESS = regex(r"['\"]?[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?['\"]?")
# What may be done with the secrets of a vault.
_PERMISSIONS = frozenset(
    {
        "*", "all", "backup", "delete", "deletesas", "get", "getsas", "list", "listsas", "purge", "recover",
        "regeneratekey", "restore", "set", "setsas", "update",
    }
)  # fmt: skip
# Of a name that holds a value which no message may show. Words are joined, so "adminPassword" and "admin_password" are
# the same.
_HOLDS = regex(
    r"(?:password|passwd|passphrase|secret|token|credential|connectionstring"
    r"|(?:access|account|api|auth|client|encryption|master|primary|private|secondary|shared|signing|storage)key)"
    r"(?!s?(?:length|name|uri|url|vault|version))"
)
_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HOLDING_WORDS = frozenset({"pass", "psk", "pfx", "pwd", "sas"})
# What a name is of that ends so says something about a secret, and is none: ``secret_name``, ``tokenLifetimeDays``.
_ABOUT = frozenset(
    {
        "arn", "audience", "count", "date", "days", "description", "enabled", "endpoint", "expiration", "expires",
        "expiry", "format", "group", "hours", "id", "identifier", "ids", "issuer", "kind", "length", "lifetime",
        "location", "months", "name", "names", "path", "permission", "permissions", "policy", "prefix", "reference",
        "references", "region", "role", "roles", "rotation", "scope", "size", "store", "suffix", "type", "uri", "uris",
        "url", "urls", "vault", "version", "versions", "years",
    }
)  # fmt: skip
# The same of whoever may use one: ``secrets_users``. As a part of a secret it is one: ``{ user = "", password = "" }``.
_WHO = frozenset({"officer", "officers", "principal", "principals", "reader", "readers", "user", "username", "users"})


def names_secret(name: str) -> bool:
    """Return whether a name speaks of a secret, or of a value that may be one: no excerpt shows what stands behind."""
    return _NAMES.match(_SEPARATOR.sub("_", name)) is not None


def tells_secret(text: str) -> bool:
    """Return whether a string holds a secret by what it says of itself: ``...;AccountKey=...``."""
    return _TELLS.search(text) is not None


def is_harmless(text: str) -> bool:
    """Return whether a value is no secret whatever its name: an IP rule, or a permission."""
    return _ADDRESS.fullmatch(text) is not None or text.strip("'\"").lower() in _PERMISSIONS


@lru_cache(4096)
def holds_secret(name: str) -> bool:
    """Return whether the value that goes by a name is most likely a secret: no message shows it.

    This is narrower than ``names_secret``: an excerpt loses little, but a message without its value says nothing.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT or words[-1] in _WHO:
        return False
    return not _HOLDING_WORDS.isdisjoint(words) or _HOLDS.search("".join(words)) is not None


@lru_cache(4096)
def is_about_secret(name: str) -> bool:
    """Return whether a part of what goes by a secret's name is none itself: its name, its type, its expiration."""
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower() in _ABOUT
