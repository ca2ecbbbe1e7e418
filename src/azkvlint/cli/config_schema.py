"""The JSON Schema of configuration files, built from the tables that validate them."""

from __future__ import annotations

from typing import Any

from azkvlint.config.config_file import KEYS, OVERRIDE
from azkvlint.config.options import Option
from azkvlint.config.overrides import LISTS
from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import SEVERITIES
from azkvlint.util.safe_text import encode

_TEXTS = {"type": "array", "items": {"type": "string"}}
_SEVERITY = {"type": "string", "enum": list(SEVERITIES)}
_DAY = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_OPERAND = {"type": ["string", "number", "boolean"]}
_ABOUT = {
    "paths": "Globs, as in .gitignore, from the folder of this file: where the finding is.",
    "resources": "Addresses; * stands for any characters. Without keys of instances an address is about all of them.",
    "rules": "Ids, beginnings of ids, names, or ids of other tools.",
    "severity": "The severity of what this is about.",
    "ignore": "What this is about counts for nothing.",
    "reason": "Why.",
    "owner": "Who answers for it.",
    "until": "The last day on which it holds.",
}


def schema() -> bytes:
    """Return the schema as UTF-8; deterministic."""
    properties = {key: _property(option) for key, option in sorted(KEYS.items())}
    properties[OVERRIDE] = {"type": "array", "items": _override(), "description": "Findings that are to be otherwise."}
    return encode(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "kvlint.toml",
            "description": "The configuration of kvlint; in pyproject.toml below [tool.kvlint].",
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
        }
    )


def _property(option: Option) -> dict[str, Any]:
    return _type(option) | {"description": option.help}


def _type(option: Option) -> dict[str, Any]:
    if not option.takes_value:
        return {"type": "boolean"}
    match option.kind:
        case "settings":
            operands = {"anyOf": [_OPERAND, {"type": "array", "items": _OPERAND}]}
            return {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": operands}}
        case "profile":
            return {"type": "array", "items": {"type": "string", "enum": list(PROFILES)}}
        case "number":
            return {"type": "integer", "minimum": 0, "maximum": 999}
        case "severity":
            return _SEVERITY
        case "day":
            return _DAY
    return _TEXTS if option.many else {"type": "string"}


def _override() -> dict[str, Any]:
    types: dict[str, dict[str, Any]] = {key: _TEXTS | {"minItems": 1} for key in LISTS}
    types |= {"severity": _SEVERITY, "ignore": {"type": "boolean"}, "until": _DAY}
    types |= {"reason": {"type": "string"}, "owner": {"type": "string"}}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: type_ | {"description": _ABOUT[key]} for key, type_ in types.items()},
        "anyOf": [{"required": [key]} for key in LISTS],
        "oneOf": [
            {"required": ["severity"]},
            {"required": ["ignore", "reason"], "properties": {"ignore": {"const": True}}},
        ],
    }
