"""Names that suggest a secret, and strings that contain one.

The first half serves redaction, which hides too much rather than too little. ``kind_of_name`` serves rules, which must
not report a value for its name alone: there the last noun decides. The value of ``password-reset-url`` is an address,
that of ``db-user-password`` a password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
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
_CREDENTIAL = regex(
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
_SECRET_NAME = regex(
    r"(?:password|passwd|passphrase|secret|token|credential|connectionstring"
    r"|(?:access|account|api|auth|client|encryption|master|primary|private|secondary|shared|signing|storage)key)"
    r"(?!s?(?:length|name|uri|url|vault|version))"
)
_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORT_SECRET_WORDS = frozenset({"pass", "psk", "pfx", "pwd", "sas"})
# What a name is of that ends so says something about a secret, and is none: ``secret_name``, ``tokenLifetimeDays``.
_DESCRIBING_NOUNS = frozenset(
    {
        "arn", "audience", "count", "date", "days", "description", "enabled", "endpoint", "expiration", "expires",
        "expiry", "format", "group", "hours", "id", "identifier", "ids", "issuer", "kind", "length", "lifetime",
        "location", "months", "name", "names", "path", "permission", "permissions", "policy", "prefix", "reference",
        "references", "region", "role", "roles", "rotation", "scope", "size", "store", "suffix", "type", "uri", "uris",
        "url", "urls", "vault", "version", "versions", "years",
    }
)  # fmt: skip
# The same for principals: ``secrets_users``. As a part of a secret it is one: ``{ user = "", password = "" }``.
_PRINCIPAL_NOUNS = frozenset(
    {"officer", "officers", "principal", "principals", "reader", "readers", "user", "username", "users"}
)


def suggests_secret(name: str) -> bool:
    """Return whether a name speaks of a secret, or of a value that may be one: no excerpt shows what stands behind."""
    return _NAMES.match(_SEPARATOR.sub("_", name)) is not None


def contains_secret(text: str) -> bool:
    """Return whether a string holds a secret by what it says of itself: ``...;AccountKey=...``."""
    return _CREDENTIAL.search(text) is not None


def is_harmless(text: str) -> bool:
    """Return whether a value is no secret whatever its name: an IP rule, or a permission."""
    return _ADDRESS.fullmatch(text) is not None or text.strip("'\"").lower() in _PERMISSIONS


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Return whether the value that goes by a name is most likely a secret: no message shows it.

    This is narrower than ``names_secret``: an excerpt loses little, but a message without its value says nothing.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _DESCRIBING_NOUNS or words[-1] in _PRINCIPAL_NOUNS:
        return False
    return not _SHORT_SECRET_WORDS.isdisjoint(words) or _SECRET_NAME.search("".join(words)) is not None


@lru_cache(4096)
def describes_secret(name: str) -> bool:
    """Return whether a part of what goes by a secret's name is none itself: its name, its type, its expiration."""
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower() in _DESCRIBING_NOUNS


# Of longer names only the beginning counts.
_MAX_LENGTH = 200


class NameKind(Enum):
    """What a name says about the value that has it."""

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
    endpoint endpoints address addresses ip ips cidr cidrs ingress egress port ports region regions location
    locations zone tenant tenantid id ids guid guids uuid clientid appid applicationid objectid principalid
    subscriptionid resourceid oid model models version versions sku tier size mode flag flags enabled disabled count
    limit timeout interval ttl retention level namespace namespaces dbname schema table tables container containers
    queue queues topic topics bucket path paths file files filename folder directory issuer audience authority scope
    scopes type kind format provider algorithm publickey pubkey pub thumbprint fingerprint catalog language locale
    timezone currency date expiry expiration description title label tag tags benutzer benutzername nutzername
    anmeldename utilisateur identifiant nomutilisateur usuario usuarios utente nomeutente gebruiker gebruikersnaam
    anvandare brukernavn brugernavn uzytkownik uzivatel hote servidor serveur adresse adres direccion indirizzo
    endereco
    """
)
# Nouns that alone may name what a secret is for, and after another word name that itself.
_PLAIN_AFTER_ANOTHER = frozenset(
    ["database", "index", "function", "resource", "project", "organization", "org", "team"]
)
# Nouns of values that often have a password in them, though what they name is none.
_ADDRESSES = frozenset(
    ["url", "urls", "uri", "uris", "endpoint", "endpoints", "server", "servers", "address", "config"]
)
_ENDS_OF_NAMES = ("name", "names", "fqdn")
_OF_NAME = regex(r"(?i)[-_]?name$")
# Two words that are one noun.
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
    ("mot", "passe"): "motdepasse",
    ("user", "pass"): "password",
}
# What says nothing at the end of a name: the stage, the number, the place.
_QUALIFIERS = _words_in(
    """
    dev develop development test tests tst testing prod prd production staging stage stg uat qa sit int integration
    preprod nonprod sandbox sbx demo poc local default manual old new current latest main value values val text
    string plain kv keyvault vault eu us weu neu wus eus uk de fr it primary secondary v
    """
)


@lru_cache(2_000)
def kind_of_name(name: str) -> NameKind:
    """Return what a name says about the value that has it."""
    words = _words(name)
    while words and (words[-1] in _QUALIFIERS or words[-1].isdigit()):
        words.pop()
    # Of a name such as `db-username-secret`, the last word only says where the value is kept.
    if len(words) > 1 and words[-1] in ("secret", "secrets") and words[-2] in _PLAIN_WORDS - {"account", "user"}:
        return NameKind.PLAIN
    if not words:
        return NameKind.NEUTRAL
    if words[-1] in _PLAIN_WORDS or (len(words) > 1 and words[-1] in _PLAIN_AFTER_ANOTHER):
        return NameKind.PLAIN
    return NameKind.SECRET if any(word in _SECRET_WORDS for word in words) else NameKind.NEUTRAL


def is_plain_name(name: str) -> bool:
    """Return whether a name says that even a value from a key vault is no secret: a user, an ID, a public key."""
    return kind_of_name(name) is NameKind.PLAIN and _ADDRESSES.isdisjoint(_words(name)[-2:])


def is_name_of_plain_secret(name: str) -> bool:
    """Return whether a variable such as ``publicKeySecretName`` names a secret of a vault whose value is no secret."""
    return is_plain_name(_OF_NAME.sub("", name))


def is_name_of_resource(name: str) -> bool:
    """Return whether a variable holds the name of something: what Azure shows to all readers of a resource."""
    words = _words(name)
    return bool(words) and words[-1].endswith(_ENDS_OF_NAMES)


def kind_of_path(steps: Iterable[str]) -> NameKind:
    """Return what the names on the way to a value say about it: the last one that says anything decides."""
    for step in reversed([*steps]):
        kind = kind_of_name(step)
        if kind is not NameKind.NEUTRAL:
            return kind
    return NameKind.NEUTRAL


def _words(name: str) -> list[str]:
    found: list[str] = []
    for word in map(str.lower, _NAME_WORD.findall(without_accents(name[:_MAX_LENGTH]))):
        pair = _PAIRS.get((found[-1], word)) if found else None
        if pair is not None:
            found[-1] = pair
        elif not found or word != "de" or found[-1] != "mot":
            found.append(word)
    return found


def without_accents(text: str) -> str:
    """Return a text with plain letters where it has accents."""
    # The l with a stroke has no other form.
    text = text.replace("\u0142", "l")
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
