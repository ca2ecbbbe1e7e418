"""Match the names of resources in the tests of other tools with the results of kvlint.

Resources of plans have their address as name, and those of Bicep their symbolic name. Names of resources in templates
are the type and the name (``Microsoft.KeyVault/vaults.kv``), the name expression (``secrets.[concat(...)]``), the name
alone (``kv/key``), the id (``Microsoft.KeyVault/vaults/kv/secrets/s``) or, if there is only one, the type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPE_AND_NAME = re.compile(r"(?P<type>(?:\w+\.\w+/)?\w+(?:/\w+)*)\.(?P<name>.+)", re.DOTALL)
# The brackets of unknown parts of a name.
_KNOWN = re.compile("[{}\u27e8\u27e9]")
_TYPE = re.compile(r"microsoft\.\w+/\w+(?:/\w+)*")


def is_about(result: Mapping[str, Any], name: str) -> bool:
    """Return whether a result of the JSON report is about the resource ``name`` of another tool, or about its child."""
    if name == result["resource"]:
        return True
    name, full_name, type_ = name.lower(), _KNOWN.sub("", result["fullName"]).lower(), result["type"].lower()
    if name == type_:
        return True
    told = _TYPE_AND_NAME.fullmatch(name)
    if told is None or full_name == name:
        return _TYPE.fullmatch(name) is None and (full_name == name or full_name.startswith(f"{name}/"))
    # Expressions are not compared: no test has two resources of one type whose names are expressions.
    called = told["name"].startswith("[") or f"/{full_name}".endswith(f"/{told['name']}")
    return called and f"/{type_}".endswith(f"/{told['type']}")
