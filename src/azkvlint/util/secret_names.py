"""Recognize names that suggest a secret, and strings that contain one.

The first half serves redaction, which hides too much rather than too little. ``kind_of_name`` serves rules, which must
not report a value for its name alone: there the last noun decides. The value of ``password-reset-url`` is an address,
that of ``db-user-password`` a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from azkvlint.util.lazy_regex import regex

# What a key is for, or where it belongs, in the names of keys that are secret.
_KINDS_OF_KEYS = (
    "access", "account", "api", "auth", "encryption", "master", "primary", "private", "secondary", "shared", "signing",
    "storage",
)  # fmt: skip
# The lookahead runs once, from the start of a name: on a long name more attempts would be quadratic.
NAME = (
    r"(?=\w*?(?=[acempstv])(?:contents|password|passwd|passphrase|(?<!by)pass(?![a-z])|pfx|psk|pwd|secret|token"
    r"|credential|connection_?string|sas|signature|value"
    rf"|(?:{'|'.join(_KINDS_OF_KEYS)})_?key))"
)
"""The pattern of a name that suggests a secret, from the start of a word."""

# One of these is in each such name, except for the names of keys.
_PARTS = (
    "value", "secret", "pass", "token", "contents", "pfx", "psk", "pwd", "credential", "connection", "sas", "signature",
)  # fmt: skip
_SEPARATOR = regex(r"\W")
_NAMES = regex(NAME, re.IGNORECASE)
# A connection string, a signed URL, a URL with a token in its query or a password before its host.
_CREDENTIAL = regex(
    r"(?i)(?:^|[;?&\s])(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|sig)\s*=\s*\S"
    r"|[?&](?:access_?token|api_?key|aws_access_(?:key_secret|token)|client_?secret|code|secret|sshkey|token)=[^&\s]"
    r"|://[^/?#\s:@]*:[^/?#\s@]+@"
)
# One of these is in each of them without an address.
_PARTS_OF_CREDENTIALS = ("password", "pwd", "accountkey", "sharedaccess", "sig")
# The formats of tokens and keys, which their issuers document for secret scanning. Sources:
# docs.github.com/code-security/secret-scanning, learn.microsoft.com/purview/sit-defn-all-creds.
KNOWN_FORM_PATTERN = (
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?<![\w-])eyJ[\w-]{8,}+\.eyJ[\w-]{8,}+\."  # JSON Web Token
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access keys
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}"  # GitHub, GitLab
    r"|\bxox[abposr]-[\w-]{10,}|hooks\.slack\.com/(?:services|workflows)/\w+/\w+/\w+"  # Slack
    r"|\.webhook\.office\.com/webhookb2/|discord(?:app)?\.com/api/webhooks/"
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bsk_live_\w{16,}|\brk_live_\w{16,}|\bsk-[A-Za-z0-9_-]{32,}|\bAIza[\w-]{35}"
    r"|\bnpm_[A-Za-z0-9]{30,}|\bpypi-\w{30,}|\bdapi[a-f0-9]{32}\b|\bhvs\.[\w-]{20,}"
    r"|\b\w{3}[78]Q~[\w~.-]{31,34}"  # Microsoft Entra ID client secret
    r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![=A-Za-z0-9])"  # account key of 64 bytes
    r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![=A-Za-z0-9])"  # account key of 32 bytes
    r"|\b[A-Za-z0-9]{40,76}(?:AzFu|ACDb|AzCa|AzSe|ASt|ACRA|AEh|ARm)[A-Za-z0-9+/=]{4,}"  # identifiable keys of Azure
)
KNOWN_FORM = regex(KNOWN_FORM_PATTERN)
_SHORTEST_KNOWN = 20
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
_SECRET_NAME = regex(
    r"(?:password|passwd|passphrase|secret|token|credential|connectionstring"
    r"|(?:access|account|api|auth|client|encryption|master|primary|private|secondary|shared|signing|storage)key)"
    r"(?!s?(?:length|name|uri|url|vault|version))"
)
_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORT_SECRET_WORDS = frozenset({"pass", "psk", "pfx", "pwd", "sas"})
# A name with one of these last nouns describes a secret and is not one: ``secret_name``, ``tokenLifetimeDays``.
_DESCRIBING_NOUNS = frozenset(
    {
        "arn", "audience", "count", "curve", "date", "days", "description", "enabled", "endpoint", "exp",
        "expiration", "expires", "expiry", "format", "group", "hours", "id", "identifier", "ids", "issuer", "kind",
        "kty", "length", "lifetime", "location", "months", "name", "names", "nbf", "operations", "ops", "path",
        "permission", "permissions", "policy", "prefix", "reference", "references", "region", "role", "roles",
        "rotation", "scope", "size", "store", "suffix", "type", "uri", "uris", "url", "urls", "vault", "version",
        "versions", "years",
    }
)  # fmt: skip
# Names of principals: ``secrets_users``. As a field of a secret they are secret: ``{ user = "", password = "" }``.
_PRINCIPAL_NOUNS = frozenset(
    {"officer", "officers", "principal", "principals", "reader", "readers", "user", "username", "users"}
)


def suggests_secret(name: str) -> bool:
    """Return whether a name suggests a secret, so that no excerpt shows its value. Errs on the side of hiding."""
    return _suggests_secret(name) if len(name) <= _MAX_LENGTH else _suggests_secret.__wrapped__(name)


@lru_cache(4096)
def _suggests_secret(name: str) -> bool:
    return _NAMES.match(_SEPARATOR.sub("_", name)) is not None


def may_name_secret(text: str) -> bool:
    """Return whether a text may contain a name that suggests a secret. A search for names takes seven times as long."""
    if not text.isascii():
        # Other letters than those of ASCII may equal them if case is ignored.
        return True
    lower = text.lower()
    if any(part in lower for part in _PARTS):
        return True
    return "key" in lower and any(kind in lower for kind in _KINDS_OF_KEYS)


def may_contain_secret(text: str) -> bool:
    """Return whether a string in a text may contain a secret by its form. A search takes much longer."""
    if "=" not in text and "@" not in text:
        return False
    if not text.isascii() or "://" in text or "?" in text or "&" in text:
        return True
    lower = text.lower()
    return any(part in lower for part in _PARTS_OF_CREDENTIALS)


def contains_secret(text: str) -> bool:
    """Return whether a string contains a secret by its form: ``...;AccountKey=...``."""
    return ("=" in text or "@" in text) and _CREDENTIAL.search(text) is not None


def shows_secret(text: str) -> bool:
    """Return whether a string must not be shown for its form: it contains a secret, or a token or key of known form."""
    return contains_secret(text) or (len(text) >= _SHORTEST_KNOWN and KNOWN_FORM.search(text) is not None)


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
    return not _SHORT_SECRET_WORDS.isdisjoint(words) or _SECRET_NAME.search("".join(words)) is not None


@lru_cache(4096)
def describes_secret(name: str) -> bool:
    """Return whether a field of a secret is not secret itself: its name, its type, its expiration."""
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower() in _DESCRIBING_NOUNS


# Words and short numbers occur in names by chance.
_WORDS, _LEAST_TELLING = regex(r"(?:(?:(?:[A-Z]?+[a-z]++)++|[0-9]{1,4}+)(?:[-_. /]|$))++"), 8


def contains_value(name: str, value: str) -> bool:
    """Return whether the name or address of a resource contains a secret value: as the key of an instance, or in it."""
    if value and f'["{value}"]' in name:
        return True
    return len(value) >= _LEAST_TELLING and value.lower() in name.lower() and _WORDS.fullmatch(value) is None


# Longer names are cut here.
_MAX_LENGTH = 200


class NameKind(Enum):
    """Whether a name suggests a secret value, a plain value, or neither."""

    SECRET = "secret"
    PLAIN = "plain"
    NEUTRAL = "neutral"


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_SECRET_WORDS = _words_in(
    """
    password passwords passwd pwd pwds pw psw pass passphrase passcode pin secret secrets token tokens credential
    credentials creds cred sas pat key keys apikey apikeys accesskey accountkey sharedkey privatekey secretkey
    masterkey subscriptionkey subkey pkey signingkey encryptionkey connectionstring connstring connstr
    connectionstrings dsn jwt bearer salt signature pfx jaas kubeconfig passwort kennwort geheim geheimnis
    schluessel contrasena contrasenia clave secreto motdepasse mdp senha segredo chave wachtwoord geheime sleutel
    losenord hemlighet adgangskode passord kodeord haslo heslo parola segreto chiave salasana jelszo sifre
    """
)
_PLAIN_WORDS = _words_in(
    """
    name names username usernames user users userid uid uname login logins loginname upn email emails mail mailbox
    account host hosts hostname hostnames fqdn fqdns server servers servername domain domains dns url urls uri uris
    endpoint endpoints address addresses ip ips cidr cidrs ingress egress port ports region regions location locations
    zone tenant tenantid id ids guid guids uuid clientid appid applicationid objectid principalid subscriptionid
    resourceid resourcegroup oid model models version versions sku tier size mode flag flags enabled disabled count
    limit timeout interval ttl retention level namespace namespaces dbname schema table tables container containers
    queue queues topic topics bucket path paths file files filename folder directory issuer audience authority scope
    scopes type kind format provider algorithm publickey pubkey pub thumbprint fingerprint catalog language locale
    timezone currency date expiry expiration description title label tag tags benutzer benutzername nutzername
    anmeldename utilisateur identifiant nomutilisateur usuario usuarios utente nomeutente gebruiker gebruikersnaam
    anvandare brukernavn brugernavn uzytkownik uzivatel hote servidor serveur adresse adres direccion indirizzo
    endereco
    """
)
# Nouns that alone may name the purpose of a secret, and after another word name a plain value.
_PLAIN_AFTER_ANOTHER = frozenset(
    ["database", "index", "function", "resource", "project", "organization", "org", "team"]
)
# Nouns of plain values that often contain a password.
_ADDRESSES = frozenset(
    ["url", "urls", "uri", "uris", "endpoint", "endpoints", "server", "servers", "address", "config"]
)
_ENDS_OF_NAMES = ("name", "names", "fqdn")
_OF_NAME = regex(r"(?i)[-_]?name$")
# Two words that form one noun.
_PAIRS = {
    ("public", "key"): "publickey",
    ("public", "keys"): "publickey",
    ("pub", "key"): "publickey",
    ("connection", "string"): "connectionstring",
    ("connection", "strings"): "connectionstring",
    ("conn", "string"): "connectionstring",
    ("conn", "str"): "connectionstring",
    ("key", "vault"): "vault",
    ("service", "account"): "account",
    ("resource", "group"): "resourcegroup",
    ("resource", "groups"): "resourcegroup",
    ("mot", "passe"): "motdepasse",
    ("user", "pass"): "password",
}
_PUBLIC_WORDS = frozenset(["publickey", "pubkey"])
# Qualifiers at the end of a name that do not describe its value: stage, number, place, encoding.
_QUALIFIERS = _words_in(
    """
    dev develop development test tests tst testing prod prd production staging stage stg uat qa sit int integration
    preprod nonprod sandbox sbx demo poc local default manual old new current latest main value values val text
    string plain base b encoded pem openssh kv keyvault vault eu us weu neu wus eus uk de fr it primary secondary v
    """
)


@lru_cache(2_000)
def kind_of_name(name: str) -> NameKind:
    """Return the kind of value that a name suggests."""
    words = _own_words(name)
    # In a name such as `db-username-secret`, the last word only states where the value is stored.
    if len(words) > 1 and words[-1] in ("secret", "secrets") and words[-2] in _PLAIN_WORDS - {"account", "user"}:
        return NameKind.PLAIN
    if not words:
        return NameKind.NEUTRAL
    if words[-1] in _PLAIN_WORDS or (len(words) > 1 and words[-1] in _PLAIN_AFTER_ANOTHER):
        return NameKind.PLAIN
    return NameKind.SECRET if any(word in _SECRET_WORDS for word in words) else NameKind.NEUTRAL


def is_plain_name(name: str) -> bool:
    """Return whether a name shows that even a value from a key vault is not a secret: a user, an ID, a public key."""
    return kind_of_name(name) is NameKind.PLAIN and _ADDRESSES.isdisjoint(_words(name)[-2:])


def is_name_of_plain_secret(name: str) -> bool:
    """Return whether a variable such as ``publicKeySecretName`` names a vault secret whose value is not secret."""
    return is_plain_name(_OF_NAME.sub("", name))


def is_name_of_resource(name: str) -> bool:
    """Return whether a variable holds a name of a resource, which Azure shows to all its readers."""
    words = _words(name)
    return bool(words) and words[-1].endswith(_ENDS_OF_NAMES)


def is_path_of_public_key(steps: Iterable[str]) -> bool:
    """Return whether the names on the path to a value show a public key: the last one that is not neutral does."""
    for step in reversed([*steps]):
        kind = kind_of_name(step)
        if kind is not NameKind.NEUTRAL:
            return kind is NameKind.PLAIN and not _PUBLIC_WORDS.isdisjoint(_own_words(step)[-2:])
    return False


def kind_of_path(steps: Iterable[str]) -> NameKind:
    """Return the kind that the names on the path to a value suggest: the last one that is not neutral decides."""
    for step in reversed([*steps]):
        kind = kind_of_name(step)
        if kind is not NameKind.NEUTRAL:
            return kind
    return NameKind.NEUTRAL


def _own_words(name: str) -> list[str]:
    """Return the words of a name without those at its end that do not describe its value."""
    words = _words(name)
    while words and (words[-1] in _QUALIFIERS or words[-1].isdigit()):
        words.pop()
    return words


def _words(name: str) -> list[str]:
    words: list[str] = []
    for word in map(str.lower, _NAME_WORD.findall(without_accents(name[:_MAX_LENGTH]))):
        pair = _PAIRS.get((words[-1], word)) if words else None
        if pair is not None:
            words[-1] = pair
        elif not words or word != "de" or words[-1] != "mot":
            words.append(word)
    return words


def without_accents(text: str) -> str:
    """Return a string with accented letters replaced by their base letters."""
    if text.isascii():
        return text
    import unicodedata

    # The l with a stroke has no decomposition.
    text = text.replace("\u0142", "l")
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
