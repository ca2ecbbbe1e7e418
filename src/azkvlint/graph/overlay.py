"""Attributes laid over others, or left open for what they do not show."""

from __future__ import annotations

import msgspec

from azkvlint.model.value import MapValue, Unknown


def overlaid(below: MapValue, above: MapValue) -> MapValue:
    """``below`` with what ``above`` sets: objects are merged, everything else is replaced."""
    fields = dict(below.fields)
    for name, value in above.fields.items():
        have = fields.get(name)
        both = isinstance(have, MapValue) and isinstance(value, MapValue)
        fields[name] = overlaid(have, value) if both else value  # type: ignore[arg-type]  # ``both`` says so
    return MapValue(at=below.at, fields=fields, rest=below.rest)


def opened(value: MapValue, rest: Unknown) -> MapValue:
    """``value`` as an object that may have more fields than it shows, at every depth."""
    fields = {
        name: opened(field, rest) if isinstance(field, MapValue) else field for name, field in value.fields.items()
    }
    return msgspec.structs.replace(value, fields=fields, rest=rest)
