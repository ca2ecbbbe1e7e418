"""The command `kvlint schema`."""

from __future__ import annotations

from typing import Any

from azkvlint.cli.resolve import NO_SEVERITY
from azkvlint.config.config_file import KEYS, LISTS, OVERRIDE
from azkvlint.config.option import Option
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.engine.schema import PROFILES
from azkvlint.model.rule import SEVERITIES
from azkvlint.util.text import encode

_STRINGS = {"type": "array", "items": {"type": "string"}}
_SEVERITY = {"type": "string", "enum": list(SEVERITIES)}
_DAY = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_OPERAND = {"type": ["string", "number", "boolean"]}
_ABOUT = {
    "paths": "Files of the findings: globs in .gitignore syntax, relative to the folder of this file.",
    "resources": "Resource addresses, in which * matches any characters. Without instance keys: all instances.",
    "rules": "Rules: IDs, prefixes, categories, names, or IDs of other tools.",
    "severity": "The severity of the findings.",
    "ignore": "Suppress the findings.",
    "reason": "The reason for the suppression.",
    "owner": "The owner of the suppression.",
    "until": "The last day on which the override applies.",
}


def schema() -> bytes:
    """Return the schema as UTF-8; deterministic."""
    properties = {key: _property(option) for key, option in sorted(KEYS.items())}
    properties[OVERRIDE] = {
        "type": "array",
        "items": _override(),
        "description": "Findings with another severity, or suppressed.",
    }
    return encode(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "kvlint.toml",
            "description": "The configuration of kvlint: kvlint.toml, or [tool.kvlint] in pyproject.toml.",
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
            families = {framework.family for framework in builtin_frameworks(builtin_rules())}
            framework = {"type": "string", "pattern": f"^(?:{'|'.join(sorted(families))})(?:-[a-z0-9.]+)?$"}
            return {"type": "array", "items": {"anyOf": [{"enum": list(PROFILES)}, framework]}}
        case "number":
            return {"type": "integer", "minimum": 0, "maximum": 999}
        case "severity":
            return _SEVERITY
        case "threshold":
            return {"type": "string", "enum": [*SEVERITIES, NO_SEVERITY]}
        case "day":
            return _DAY
    return _STRINGS if option.many else {"type": "string"}


def _override() -> dict[str, Any]:
    types: dict[str, dict[str, Any]] = {key: _STRINGS | {"minItems": 1} for key in LISTS}
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
