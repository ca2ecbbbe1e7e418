"""Values of parameters: converted to the declared type, and marked as secret with their declaration."""

from __future__ import annotations

import msgspec

from azkvlint.evaluation.known_parts import is_scope
from azkvlint.evaluation.values import Fields, Items, Result, SecretParts, unknown_with_secrets
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.util.lazy_regex import regex

_NUMBER = regex(r"-?[0-9]{1,15}")


def convert_argument(found: Result, kind: str) -> Result:
    """Return a given value in the type of its parameter: a parameter file may write a boolean or integer as a string.

    The Azure Developer CLI converts it. Azure converts it too or rejects it, and then nothing is deployed.
    """
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        return found
    if kind == "bool" and found.value.lower() in ("true", "false"):
        return msgspec.structs.replace(found, value=found.value.lower() == "true")
    if kind == "int" and _NUMBER.fullmatch(found.value):
        return msgspec.structs.replace(found, value=int(found.value))
    return found


def mark_secret(found: Result, at: Location | None = None) -> Result:
    """Return ``found`` with every part secret, and without patterns, which may contain parts of the secret.

    Where the deployment goes is not secret.

    ``at``: the location of all parts.
    """
    where = found.at if at is None else at
    match found:
        case Fields():
            fields = {key: mark_secret(item, at) for key, item in found.fields.items()}
            rest = None if found.rest is None else Unknown(at=where, why=found.rest.why, sensitive=True)
            return Fields(at=where, fields=fields, rest=rest)
        case Items():
            return Items(at=where, items=[mark_secret(item, at) for item in found.items])
        case Scalar():
            return Scalar(at=where, value=found.value, sensitive=True)
        case Unknown() if not is_scope(found.pattern):
            return Unknown(at=where, why=found.why, given=found.given, known=found.known, sensitive=True)
        case _:
            return found


def mark_secret_parts(found: Result, parts: SecretParts | None, at: Location) -> Result:
    """Return ``found`` with the parts marked that are secret by its type; ``at`` is the location of secrets."""
    if parts is None:
        return found
    if parts.is_whole:
        return mark_secret(found, at)
    match found:
        case Fields():
            fields = {key: mark_secret_parts(item, parts.below(f".{key}"), at) for key, item in found.fields.items()}
            rest = None if found.rest is None else unknown_with_secrets(found.rest, parts, at)
            return Fields(at=found.at, fields=fields, rest=rest)
        case Items():
            items = [mark_secret_parts(item, parts.below(f"[{i}]"), at) for i, item in enumerate(found.items)]
            return Items(at=found.at, items=items)
        case Unknown() if not found.sensitive:
            return unknown_with_secrets(found, parts, found.at)
        case _:
            return found
