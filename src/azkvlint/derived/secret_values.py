"""The kind of a secret's value by its name and format: a placeholder, configuration or a credential.

The value itself is never part of a derived attribute.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterator, Mapping

from azkvlint.derived.answers import absent, known, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.pseudo_resources import CERTIFICATES_TYPE, ORIGINS, PATH_IN_BODY, SECRETS_TYPE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.values.name_kinds import NameKind, is_plain_name, kind_of_name
from azkvlint.values.origins import COMMAND, CONFIGURATION, DEFAULT, FILE, GIVEN, IDENTIFIER, RESOURCE, WRITTEN
from azkvlint.values.secret_formats import (
    Placeholder,
    has_credential,
    is_configuration,
    is_trivial,
    known_text,
    placeholder_in,
)

_ORIGINS: Path = ("derived", ORIGINS)
_KEY = regex(r"\[[^\[\]]*\]$")
_LABEL = regex(r"[\w-]+")
_PASSPHRASE = regex(r"\w[^\w]\w+[^\w]\w")  # three words or more


# What a secret, a certificate and an issuer contain that is, or may be, a placeholder.
_CREDENTIALS: Mapping[str, tuple[Path, ...]] = {
    SECRETS_TYPE: (PATH_IN_BODY,),
    CERTIFICATES_TYPE: (PATH_IN_BODY, ("properties", "password")),
    f"{CERTIFICATES_TYPE}/issuers": (("properties", "credentials", "password"),),
}
# A placeholder is shorter. The length is a multiple of four, which base64 needs.
_MOST_ENCODED = 400
_FROM_CERTAIN = (Placeholder.NONE, Placeholder.LIKELY, Placeholder.SAMPLE, Placeholder.CERTAIN)


_ISSUER: Path = ("properties", "policy", "issuerParameters", "name")
_READS = {**_CREDENTIALS, CERTIFICATES_TYPE: (*_CREDENTIALS[CERTIFICATES_TYPE], _ISSUER)}


@derived("placeholder", of=_CREDENTIALS, label="placeholder value", reads=_READS)
def _placeholder(resource: Resource, _: Context) -> Answer:
    """Return whether all values are placeholders: ``certain``, ``sample``, ``likely`` or ``none``."""
    values = [
        value
        for path in _CREDENTIALS.get(resource.type.lower(), ())
        if not isinstance(value := resource.select(path), Absent)
    ]
    if not values:
        return absent(resource)
    doubt = next((value for value in values if isinstance(value, Unknown)), None)
    certain = [_placeholder_of(value) for value in values if not isinstance(value, Unknown)]
    if Placeholder.CERTAIN in certain and _signs_itself(resource):
        # The password of the key is a placeholder, so that the key likely is one too.
        certain = [Placeholder.LIKELY if one is Placeholder.NONE else one for one in certain]
    found = min(certain, key=_FROM_CERTAIN.index, default=Placeholder.CERTAIN)
    if doubt is not None and found is not Placeholder.NONE:
        return unknown(doubt, doubt.why)
    return known(values[0], found.value)


def _signs_itself(resource: Resource) -> bool:
    """Return whether a resource is a certificate that no authority issues."""
    return resource.type.lower() == CERTIFICATES_TYPE and resource.select(_ISSUER).text.lower() == "self"


@derived("isTrivial", of=_CREDENTIALS, label="value that is too simple for a credential", reads=_CREDENTIALS)
def _has_trivial_values(resource: Resource, _: Context) -> Answer:
    """Return whether no value is a credential in use by its form; false if a value is unknown, or a passphrase."""
    values = (resource.select(path) for path in _CREDENTIALS.get(resource.type.lower(), ()))
    is_phrase = any(_PASSPHRASE.search(value.text) is not None for value in values)
    return known(resource, not is_phrase and not may_leak_credential(resource))


def _placeholder_of(value: Value) -> Placeholder:
    text = str(value.value) if isinstance(value, Scalar) else "none"
    found, decoded = placeholder_in(text), _base64_decoded(text)
    return found if decoded == text else max(found, placeholder_in(decoded), key=_FROM_CERTAIN.index)


def may_leak_credential(resource: Resource) -> bool:
    """Return whether a value in a secret, certificate or issuer may be a credential in use, by its form."""
    values = (resource.select(path) for path in _CREDENTIALS.get(resource.type.lower(), ()))
    return any(not _is_trivial(value) for value in values if not isinstance(value, Absent))


def _is_trivial(value: Answer) -> bool:
    if not isinstance(value, Scalar):
        return False
    text = str(value.value)
    return is_trivial(text) or is_trivial(_base64_decoded(text))


def _base64_decoded(text: str) -> str:
    """Return the text that a string encodes, as in the contents of a certificate; the string itself if it is none."""
    try:
        return a2b_base64(text[:_MOST_ENCODED], strict_mode=True).decode("ascii")
    except ValueError:
        return text


@derived("isConfiguration", of=SECRETS_TYPE, label="configuration value", reads=(PATH_IN_BODY, ("name",), _ORIGINS))
def _is_configuration(resource: Resource, _: Context) -> Answer:
    """Return whether the name of the secret or the format of its value shows that it is configuration."""
    value = _value(resource)
    if value is None:
        return absent(resource)
    text = _text(value)
    found = is_configuration([*names_of_secret(resource)], text) or (
        _is_named_so(resource) and not has_credential(text)
    )
    return known(value, found)


# Origins of what is not secret where the name or the format shows that it is configuration.
_OF_RESOURCES = frozenset({CONFIGURATION, IDENTIFIER, RESOURCE})
_PLAIN_ORIGINS = frozenset({WRITTEN, DEFAULT, GIVEN, COMMAND, CONFIGURATION, FILE, IDENTIFIER, RESOURCE})


@derived("holdsNoSecret", of=SECRETS_TYPE, label="value that is not secret", reads=(PATH_IN_BODY, ("name",), _ORIGINS))
def _holds_no_secret(resource: Resource, _: Context) -> Answer:
    """Return whether the value is certainly an ID, an endpoint, a name or the like; false if that is not known.

    An address may contain a password, so that its name alone does not decide.
    """
    value, origins = _value(resource), resource.select(_ORIGINS)
    words = {*map(_word, origins.items)} if isinstance(origins, ListValue) else {""}
    if value is None or not words <= _PLAIN_ORIGINS:
        return known(resource, value=False)
    names, text = [*names_of_secret(resource)], _text(value)
    name = next((one for one in names if kind_of_name(one) is not NameKind.NEUTRAL), "")
    if not name:
        by_name = words == {CONFIGURATION} and not has_credential(text)
    else:
        by_name = (is_plain_name(name) or words <= _OF_RESOURCES) and is_configuration(names, text)
    return known(resource, by_name or is_configuration([], text))


def _word(origin: Value) -> str:
    """Return an origin; an output that may be an attribute of a resource counts as one, as its name is not secret."""
    return RESOURCE if isinstance(origin, Unknown) and RESOURCE in origin.one_of else origin.text


def _is_named_so(resource: Resource) -> bool:
    """Return whether the names of all sources of the value show that it is configuration."""
    found = resource.select(_ORIGINS)
    return isinstance(found, ListValue) and {item.text for item in found.items} == {CONFIGURATION}


def _value(resource: Resource) -> Value | None:
    value = resource.select(PATH_IN_BODY)
    return None if isinstance(value, Absent) else value


def _text(value: Value) -> str:
    """Return the known part of a value as a string."""
    return str(value.value) if isinstance(value, Scalar) else known_text(value.string)


def names_of_secret(resource: Resource) -> Iterator[str]:
    """Yield the known part of the secret's name, and then the name of its declaration if that is more specific."""
    name = resource.select(("name",))
    certain = resource.name if isinstance(name, Absent) else _text(name)
    yield certain.rpartition("/")[2]
    label = _KEY.sub("", resource.address).rpartition(".")[2].rpartition("::")[2]
    # Most are called `secret`, whatever they contain. A resource of a template may have an expression for its name.
    if _LABEL.fullmatch(label) and kind_of_name(label) is NameKind.PLAIN:
        yield label
