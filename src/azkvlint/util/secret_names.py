"""Recognize names whose values no message shows, and strings that contain a secret."""

from __future__ import annotations

import re
from functools import lru_cache

from azkvlint.util.lazy_regex import regex

# A connection string, a signed URL, a URL with a token in its query or a password before its host.
_CREDENTIAL = regex(
    r"(?i)(?:^|[;?&\s])(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|sig)\s*=\s*\S"
    r"|[?&](?:access_?token|api_?key|aws_access_(?:key_secret|token)|client_?secret|code|secret|sshkey|token)=[^&\s]"
    r"|://[^/?#\s:@]*:[^/?#\s@]+@"
)
# The formats of tokens and keys, which their issuers document for secret scanning, each with texts of which every match
# contains one: most strings contain none, and a search for plain texts takes a fraction of that for an expression.
# Sources: docs.github.com/code-security/secret-scanning, learn.microsoft.com/purview/sit-defn-all-creds.
_KNOWN_FORMS: tuple[tuple[str, str], ...] = (
    ("PRIVATE KEY", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("eyJ", r"(?<![\w-])eyJ[\w-]{8,}+\.eyJ[\w-]{8,}+\."),  # JSON Web Token
    ("AKIA ASIA", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS access keys
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    ("github_pat_", r"\bgithub_pat_\w{30,}"),
    ("glpat-", r"\bglpat-[\w-]{20,}"),  # GitLab
    ("xox", r"\bxox[abposr]-[\w-]{10,}"),  # Slack
    ("hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/\w+/\w+/\w+"),
    (".webhook.office.com", r"\.webhook\.office\.com/webhookb2/"),
    ("/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/"),
    ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("sk_live_", r"\bsk_live_\w{16,}"),
    ("rk_live_", r"\brk_live_\w{16,}"),
    ("sk-", r"\bsk-[A-Za-z0-9_-]{32,}"),
    ("AIza", r"\bAIza[\w-]{35}"),
    ("npm_", r"\bnpm_[A-Za-z0-9]{30,}"),
    ("pypi-", r"\bpypi-\w{30,}"),
    ("dapi", r"\bdapi[a-f0-9]{32}\b"),
    ("hvs.", r"\bhvs\.[\w-]{20,}"),
    ("7Q~ 8Q~", r"\b\w{3}[78]Q~[\w~.-]{31,34}"),  # Microsoft Entra ID client secret
    ("==", r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![=A-Za-z0-9])"),  # account key of 64 bytes
    ("=", r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![=A-Za-z0-9])"),  # account key of 32 bytes
    # Identifiable keys of Azure.
    (
        "AzFu ACDb AzCa AzSe ASt ACRA AEh ARm",
        r"\b[A-Za-z0-9]{40,76}(?:AzFu|ACDb|AzCa|AzSe|ASt|ACRA|AEh|ARm)[A-Za-z0-9+/=]{4,}",
    ),
)
_PARTS_OF_FORMS = tuple((tuple(parts.split()), pattern) for parts, pattern in _KNOWN_FORMS)
_SHORTEST_KNOWN = len("xoxb-0123456789")
# The value of an IP rule is never a secret.
_ADDRESS = regex(r"['\"]?[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?['\"]?")
# Permissions on secrets.
_PERMISSIONS = frozenset(
    {
        "*", "all", "backup", "delete", "deletesas", "get", "getsas", "list", "listsas", "purge", "recover",
        "regeneratekey", "restore", "set", "setsas", "update",
    }
)  # fmt: skip
# Names whose values no message shows. Words are joined first, so "adminPassword" and "admin_password" are equal.
_SECRET_WORDS = (
    "password", "passwd", "passphrase", "secret", "token", "credential", "connectionstring", "accesskey", "accountkey",
    "apikey", "authkey", "authorizationkey", "clientkey", "encryptionkey", "functionkey", "functionskey", "masterkey",
    "primarykey", "privatekey", "secondarykey", "sharedkey", "signingkey", "storagekey", "subscriptionkey",
)  # fmt: skip
_SECRET_NAME = regex(rf"(?:{'|'.join(_SECRET_WORDS)})(?!s?(?:length|name|uri|url|vault|version))")
_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORT_SECRET_WORDS = frozenset({"pass", "psk", "pfx", "pwd", "sas"})
# The headers of HTTP requests and responses that contain credentials, as whole names: ``authorizations`` are others.
_HEADERS = frozenset({"authorization", "cookie", "proxyauthorization", "setcookie"})
_PARTS_OF_SECRET_NAMES = (*_SECRET_WORDS, *_SHORT_SECRET_WORDS, *_HEADERS)
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalnum())
# A name with one of these last nouns describes a secret and is not one: ``secret_name``, ``tokenLifetimeDays``.
_DESCRIBING_NOUNS = frozenset(
    {
        "algorithm", "arn", "audience", "backend", "count", "curve", "date", "days", "description", "enabled",
        "encoding", "endpoint", "engine", "exp", "expiration", "expires", "expiry", "format", "group", "hours",
        "id", "identifier", "ids", "issuer", "kind", "kty", "length", "lifetime", "location", "method", "methods",
        "mode", "modes", "months", "name", "names", "nbf", "operations", "ops", "path", "permission", "permissions",
        "policy", "prefix", "protocol", "provider", "providers", "reference", "references", "region", "role",
        "roles", "rotation", "scheme", "scope", "size", "store", "strategy", "suffix", "type", "uri", "uris", "url",
        "urls", "vault", "version", "versions", "years",
    }
)  # fmt: skip
# Names of principals: ``secrets_users``. As a field of a secret they are secret: ``{ user = "", password = "" }``.
_PRINCIPAL_NOUNS = frozenset(
    {"officer", "officers", "principal", "principals", "reader", "readers", "user", "username", "users"}
)


def contains_secret(text: str) -> bool:
    """Return whether a string contains a secret by its form: ``...;AccountKey=...``."""
    return ("=" in text or "@" in text) and _CREDENTIAL.search(text) is not None


def known_forms(text: str) -> re.Pattern[str] | None:
    """Return the expression of the tokens and keys whose format their issuers document, up to the end of each.

    The expression has the formats that occur in ``text`` if any does; None if none can.
    """
    if len(text) < _SHORTEST_KNOWN:
        return None
    possible: list[str] = []
    # A generator for each form would take five times as long, for every string of a message.
    for parts, pattern in _PARTS_OF_FORMS:
        for part in parts:
            if part in text:
                possible.append(pattern)
                break
    return _any_of(tuple(possible)) if possible else None


@lru_cache(256)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return regex(rf"(?:{'|'.join(patterns)})[\w.~+/=-]*+")


def has_known_form(text: str) -> bool:
    """Return whether a string contains a token or key in a format that its issuer documents."""
    forms = known_forms(text)
    return forms is not None and forms.search(text) is not None


def shows_secret(text: str) -> bool:
    """Return whether a string must not be shown for its form: it contains a secret, or a token or key of known form."""
    return contains_secret(text) or has_known_form(text)


def is_harmless(text: str) -> bool:
    """Return whether a value is not a secret under any name: an IP rule or a permission."""
    return _ADDRESS.fullmatch(text) is not None or text.strip("'\"").lower() in _PERMISSIONS


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Return whether the value of a name is most likely a secret, so that no message shows it.

    This is narrower than ``suggests_secret``: an excerpt loses little, but a message without its value is useless.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _DESCRIBING_NOUNS or words[-1] in _PRINCIPAL_NOUNS:
        return False
    joined = "".join(words)
    return joined in _HEADERS or not _SHORT_SECRET_WORDS.isdisjoint(words) or _SECRET_NAME.search(joined) is not None


def letters_of(text: str) -> str:
    """Return the letters and digits of ASCII in a text, in lower case: those of each name in it are in a row."""
    return text.encode("ascii", "ignore").translate(None, _NO_LETTERS).decode().lower()


def may_contain_secret_name(letters: str) -> bool:
    """Return whether ``is_secret_name`` may accept a name in a text, by the letters of the text."""
    return any(word in letters for word in _PARTS_OF_SECRET_NAMES)


@lru_cache(4096)
def describes_secret(name: str) -> bool:
    """Return whether a field of a secret is not secret itself: its name, its type, its expiration."""
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower() in _DESCRIBING_NOUNS
