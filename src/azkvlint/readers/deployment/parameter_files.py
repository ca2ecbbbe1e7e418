"""The values in parameter files of templates."""

from __future__ import annotations

from typing import Any

from azkvlint.evaluation.values import Fields, Items, Result, as_fallback
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, escaped, hole, join_texts, pattern_from
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.documents import key_of
from azkvlint.readers.deployment.origins import FILLED_IN, FROM_VAULT
from azkvlint.syntax.arm_expression import is_expression
from azkvlint.syntax.ast import Pointer
from azkvlint.syntax.json_decoder import JsonDocument
from azkvlint.util.lazy_regex import regex

# What the Azure Developer CLI (${NAME}, ${NAME=default}) and pipelines (#{NAME}#) fill in before they deploy.
_FILLED_IN = regex(r"\$\{([A-Za-z_][A-Za-z0-9_]*+)(?:=([^{}]*+)|[^{}]*+)\}|#\{([^{}#]++)\}#")


def read_parameters(path: str, document: JsonDocument) -> dict[str, Result]:
    """Return the values in a parameter file by parameter name. They contain no expressions."""
    value = document.value
    key = key_of(value, "parameters") if isinstance(value, dict) else None
    given = value[key] if key is not None else None
    if not isinstance(given, dict):
        return {}
    return {name: _given(path, entry, (str(key), name)) for name, entry in given.items()}


def _given(path: str, entry: Any, pointer: Pointer) -> Result:
    at = Location(path=path, pointer=pointer)
    if isinstance(entry, dict):
        key = key_of(entry, "value")
        if key is not None:
            found = literal(path, entry[key], (*pointer, key))
            is_filled_in = isinstance(found, Scalar) and found.value != entry[key]
            return as_fallback(found) if is_filled_in else found
        if key_of(entry, "reference") is not None:
            return Unknown(at=at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=at, why="the parameter value has an unsupported form")


def literal(path: str, plain: Any, pointer: Pointer) -> Result:
    """Return JSON data as a result, each part at its own location."""
    at = Location(path=path, pointer=pointer)
    if plain is None:
        return Absent(at=at)
    if isinstance(plain, dict):
        return Fields(at=at, fields={key: literal(path, item, (*pointer, key)) for key, item in plain.items()})
    if isinstance(plain, list):
        return Items(at=at, items=[literal(path, item, (*pointer, number)) for number, item in enumerate(plain)])
    return _placeholder_value(plain, at) if isinstance(plain, str) else Scalar(at=at, value=plain)


def _placeholder_value(text: str, at: Location) -> Scalar | Unknown:
    """Return a string of a parameter file: placeholders have their defaults, or are unknown without one."""
    text = _FILLED_IN.sub(lambda match: match[0] if match[2] is None else match[2], text)
    known = Scalar(at=at, value=text)
    first = _FILLED_IN.search(text)
    if first is None:
        return known
    parts: list[Text] = []
    end = 0
    for match in _FILLED_IN.finditer(text):
        parts += [escaped(text[end : match.start()]), hole(match[1] or match[3])]
        end = match.end()
    pattern = pattern_from(join_texts([*parts, escaped(text[end:])]))
    return Unknown(at=at, why=f"placeholder `{first[1] or first[3]}` {FILLED_IN}", pattern=pattern)


def wrapped_parameters(path: str, given: Any, pointer: Pointer) -> dict[str, Result]:
    """Return the arguments from a policy or blueprint. Its expressions are in another language."""
    found: dict[str, Result] = {}
    for name, entry in given.items() if isinstance(given, dict) else ():
        value = _given(path, entry, (*pointer, name))
        if isinstance(value, Scalar) and not (isinstance(value.value, str) and is_expression(value.value or " ")):
            found[name] = value
        else:
            found[name] = Unknown(at=value.at, why="the value is known after the policy or blueprint is assigned")
    return found
