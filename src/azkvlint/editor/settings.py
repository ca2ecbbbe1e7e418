"""The settings that an editor sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.editor.checks import EditorSettings
from azkvlint.util.text import visible

_SECTION = "kvlint"


def settings_of(value: object) -> tuple[EditorSettings, list[str]]:
    """Return the settings in a value of a client, and what is wrong with it. A wrong setting is ignored.

    The settings are in the section ``kvlint``, or are the value itself. Other keys are for the client.
    """
    if isinstance(value, Mapping) and isinstance(value.get(_SECTION), Mapping):
        value = value[_SECTION]
    if value is None:
        return EditorSettings(), []
    if not isinstance(value, Mapping):
        return EditorSettings(), ["the settings are not an object"]
    found: dict[str, Any] = {}
    faults: list[str] = []
    for field in msgspec.structs.fields(EditorSettings):
        given = value.get(field.encode_name)
        if given is None:
            continue
        try:
            found[field.name] = msgspec.convert(given, field.type)
        except msgspec.ValidationError as error:
            faults.append(f"the setting `{_SECTION}.{field.encode_name}` is ignored: {visible(str(error))}")
    return EditorSettings(**found), faults
