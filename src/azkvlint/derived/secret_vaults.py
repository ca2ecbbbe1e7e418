"""The vault of a secret or certificate that a resource refers to."""

from __future__ import annotations

import msgspec

from azkvlint.derived.consumers import VAULTS, outside, steps_of_url, vault_name, vault_of
from azkvlint.derived.registry import Context
from azkvlint.derived.secrets import setting_of
from azkvlint.model.pattern import (
    DeclaredHole,
    Pattern,
    Text,
    join_texts,
    known_start,
    parts_of,
    split_text,
    text_form,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, Scalar, Unknown, Value

# The attributes of a secret or certificate in a vault with its ID, in a template.
_VAULT_STEPS = ["providers", "microsoft.keyvault", "vaults"]
_OBJECT_KINDS = ("secrets", "certificates")
_URIS = ("secreturi", "secreturiwithversion")


def vault_of_secret(value: Value, context: Context) -> Value | None:
    """Return the vault of a reference to a secret or certificate: by link, URL, or App Service's own syntax."""
    text = value.string
    words = setting_of(text)
    if words is not None:
        text = words.get("secreturi", "")
        if not text:
            return vault_named(_with_text(value, words.get("vaultname", "")), context)
        value = _with_text(value, text)
    if isinstance(text, Pattern) and known_start(text)[:8].lower() == "https://":
        found = _vault_of_name(vault_name(steps_of_url(text)[0]), value, context)
        if found is not None:
            return found
    found = _vault_in_text(text, value, context) if text else None
    return vault_of(value, context) if found is None else found


def _with_text(value: Value, text: Text) -> Value:
    if isinstance(text, Pattern):
        why = value.why if isinstance(value, Unknown) else "the secret ID is known after deployment"
        return Unknown(at=value.at, why=why, pattern=text, sensitive=value.sensitive)
    return Scalar(at=value.at, value=text, sensitive=value.sensitive)


def vault_named(value: Value, context: Context) -> Value:
    """Return the vault of a name."""
    found = _vault_of_name(text_form(value.string), value, context)
    return outside(value, context) if found is None else found


def _vault_of_name(name: str, value: Value, context: Context) -> Value | None:
    """Return the only vault of a name, or of the pattern of one, which may be known from the vault's ID alone."""
    kept: dict[str, list[Resource]] | None = context.cache.get("vaults by name")
    if kept is None:
        kept = context.cache["vaults by name"] = {}
        for vault in context.index.of_type(VAULTS[0]):
            texts = (vault.select(("name",)).text, vault.select(("id",)).text.rpartition("/")[2])
            for text in {one.lower() for one in texts if one}:
                kept.setdefault(text, []).append(vault)
    found = kept.get(name.lower(), [])
    deployed = [one for one in found if not one.existing] or found
    if len(deployed) == 1:
        return Link(at=value.at, target=deployed[0].address, type=deployed[0].type)
    return None


def _vault_above(steps: list[Text]) -> Text | None:
    """Return the ID of the vault in that of a secret or certificate; None for any other text."""
    words = [text_form(step).lower() for step in steps]
    for at in reversed(range(1, len(words) - 5)):
        if words[0] == "" and words[at : at + 3] == _VAULT_STEPS and words[at + 3] and words[at + 4] in _OBJECT_KINDS:
            return join_texts(steps[: at + 4], "/")
    return None


def _vault_in_text(text: Text, value: Value, context: Context) -> Value | None:
    """Return the vault of a secret or certificate, of which a string is an attribute."""
    above = _vault_above(split_text(text, "/"))
    if above is not None:
        return _with_text(value, above)
    first = parts_of(text)[0]
    if not isinstance(first, DeclaredHole):
        return None
    if first.attribute.lower() in _URIS:
        *steps, kind, _ = ["", *split_text(first.address, "/")]
        return _with_text(value, join_texts(steps[1:], "/")) if kind == "secrets" and steps[1:] else None
    secret = context.index.resources.get(text_form(first.address))
    vault = (
        secret.attributes.fields.get("parent")
        if secret is not None and secret.type.lower().startswith(f"{VAULTS[0]}/")
        else None
    )
    return msgspec.structs.replace(vault, at=value.at) if vault is not None else None
