"""Classify names by the kind of value that they suggest, for rules, which must not report a value for its name alone.

The last noun decides: the value of ``password-reset-url`` is an address, that of ``db-user-password`` a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from azkvlint.util.lazy_regex import regex

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
