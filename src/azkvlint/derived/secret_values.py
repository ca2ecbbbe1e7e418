"""What the value of a secret is by its name and its form: a placeholder, configuration or a credential.

The value itself goes into no derived attribute.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.derived.registry import Context, absent, derived, known, unknown
from azkvlint.graph.pseudo_resources import ORIGINS, PATH_IN_BODY, SECRETS_TYPE
from azkvlint.graph.secret_formats import has_credential, is_configuration, known_text, placeholder_in
from azkvlint.graph.value_origins import CONFIGURATION
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, text_of
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import NameKind, kind_of_name

_ORIGINS: Path = ("derived", ORIGINS)
_KEY = regex(r"\[[^\[\]]*\]$")


@derived("placeholder", of=SECRETS_TYPE, label="placeholder value", reads={SECRETS_TYPE: (PATH_IN_BODY,)})
def _placeholder(resource: Resource, _: Context) -> Answer:
    """Return whether the value stands for another one: ``certain``, ``likely`` or ``none``."""
    value = _value(resource)
    if value is None or isinstance(value, Unknown):
        return absent(resource) if value is None else unknown(value, value.why)
    found = placeholder_in(str(value.value) if isinstance(value, Scalar) else "none")
    return known(value, found.value)


@derived(
    "isConfiguration",
    of=SECRETS_TYPE,
    label="configuration value",
    reads={SECRETS_TYPE: (PATH_IN_BODY, ("name",), _ORIGINS)},
)
def _is_configuration(resource: Resource, _: Context) -> Answer:
    """Return whether the name of the secret or the form of its value shows that it is no secret."""
    value = _value(resource)
    if value is None:
        return absent(resource)
    text = _text(value)
    found = is_configuration([*_names(resource)], text) or (_is_named_so(resource) and not has_credential(text))
    return known(value, found)


def _is_named_so(resource: Resource) -> bool:
    """Return whether the names of all that the value comes from say that it is configuration."""
    found = resource.select(_ORIGINS)
    return isinstance(found, ListValue) and {text_of(item) for item in found.items} == {CONFIGURATION}


def _value(resource: Resource) -> Value | None:
    value = resource.select(PATH_IN_BODY)
    return None if isinstance(value, Absent) else value


def _text(value: Value) -> str:
    """Return what is known of a value as a text."""
    return str(value.value) if isinstance(value, Scalar) else known_text(text_of(value))


def _names(resource: Resource) -> Iterator[str]:
    """Yield the name of the secret as far as it is known, and then that of its declaration if that says more."""
    name = resource.select(("name",))
    certain = resource.name if isinstance(name, Absent) else _text(name)
    yield certain.rpartition("/")[2]
    label = _KEY.sub("", resource.address).rpartition(".")[2].rpartition("::")[2]
    # Most are called `secret`, whatever they hold.
    if kind_of_name(label) is NameKind.PLAIN:
        yield label
