"""The certificates that the Key Vault extension of a virtual machine or scale set installs.

Its settings list their URLs, from version 3 on in objects, and may name an identity by its client ID. Source:
learn.microsoft.com/azure/virtual-machines/extensions/key-vault-linux and key-vault-windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azkvlint.azure.consumers import ConsumerRead, items_and_path
from azkvlint.derived.answers import unknown_as
from azkvlint.derived.companions import Sure, is_one_of
from azkvlint.model.pattern import NUMBER_START, CallHole, Text, length_of, numbered, pattern_from, restored, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Path, Scalar, Unknown, Value

# What identifies the extension, beside its settings.
_WORDS = {"publisher": ("Microsoft.Azure.KeyVault",), "type": ("KeyVaultForLinux", "KeyVaultForWindows")}
_CERTIFICATES: Path = ("secretsManagementSettings", "observedCertificates")
_IDENTITY: Path = ("authenticationSettings", "msiClientId")
_URL: Path = ("url",)
_MOST = 20_000


def observed_certificates(resource: Resource, use: ConsumerRead) -> Iterator[tuple[Value, Answer]]:
    """Yield each certificate that a Key Vault extension installs, with the identity that its settings name.

    Extensions or settings that are not known are one value that is not known.
    """
    items, inside = items_and_path(use.at[0])
    path = inside or items
    for extension in resource.select(items).as_items if inside else (resource.attributes,):
        settings = extension.select(path)
        sure = min(is_one_of(extension.select((*path[:-1], name)), *words) for name, words in _WORDS.items())
        if isinstance(settings, Absent) or sure is Sure.NO:
            continue
        content = settings if isinstance(settings, MapValue) else _content_of(settings)
        identity = content.select(_IDENTITY)
        for one in content.select(_CERTIFICATES).as_items:
            url = one.select(_URL) if isinstance(one, MapValue) else one
            if not isinstance(url, Absent):
                yield (url if sure is Sure.YES else unknown_as(url, "the extension may be another one")), identity


def places_of(use: ConsumerRead) -> tuple[Path, ...]:
    """Return the attributes of a resource that are read to find its extensions."""
    items, inside = items_and_path(use.at[0])
    return (items,) if inside else (items, *((*items[:-1], name) for name in _WORDS))


def _content_of(settings: Value) -> Value:
    """Return the object in a JSON string, as in Terraform, of which parts may be unknown.

    A call of jsonencode with such parts has quotes of its own. YAML accepts them, as it does JSON.
    """
    from azkvlint.syntax.yaml_nodes import compose, data  # few inputs have such an extension

    text = settings.string
    if isinstance(text, CallHole) and text.name == "jsonencode" and len(text.arguments) == 1:
        text = text.arguments[0]
    if length_of(text) <= _MOST and NUMBER_START not in text_form(text):
        document = compose(numbered(text))
        if document.root is not None and not document.faults:
            found = _value(data(document.root), text, settings)
            if isinstance(found, MapValue):
                return found
    return Unknown(at=settings.at, why=_reason(settings), sensitive=settings.sensitive)


def _reason(settings: Value) -> str:
    return settings.why if isinstance(settings, Unknown) else "the settings of the extension are not a JSON object"


def _value(plain: Any, text: Text, settings: Value) -> Value:
    if isinstance(plain, dict):
        fields = {str(name): _value(one, text, settings) for name, one in plain.items() if one is not None}
        return MapValue(at=settings.at, fields=fields)
    if isinstance(plain, list):
        return ListValue(at=settings.at, items=tuple(_value(one, text, settings) for one in plain if one is not None))
    whole = restored(plain, text) if isinstance(plain, str) else plain
    if isinstance(whole, str | int | float):
        return Scalar(at=settings.at, value=whole, sensitive=settings.sensitive)
    return Unknown(at=settings.at, why=_reason(settings), pattern=pattern_from(whole), sensitive=settings.sensitive)
