"""How other tools name the resources that their tests speak of, and which of kvlint's results are about such a name.

A plan's resource goes by its address, one of Bicep by its symbol. Of a template's they give the type and the name
(``Microsoft.KeyVault/vaults.kv``), the name as it is written there (``secrets.[concat(...)]``), the name alone
(``kv/key``), the id (``Microsoft.KeyVault/vaults/kv/secrets/s``) or, where there is but one, the type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPE_AND_NAME = re.compile(r"(?P<type>(?:\w+\.\w+/)?\w+(?:/\w+)*)\.(?P<name>.+)", re.DOTALL)
# The brackets of what is not wholly known of a name.
_KNOWN = re.compile("[{}\u27e8\u27e9]")
_TYPE = re.compile(r"microsoft\.\w+/\w+(?:/\w+)*")


def is_about(result: Mapping[str, Any], name: str) -> bool:
    """Whether a result of kvlint's JSON report is about what another tool calls ``name``, or about what is in it."""
    if name == result["resource"]:
        return True
    name, full_name, type_ = name.lower(), _KNOWN.sub("", result["fullName"]).lower(), result["type"].lower()
    if name == type_:
        return True
    told = _TYPE_AND_NAME.fullmatch(name)
    if told is None or full_name == name:
        return _TYPE.fullmatch(name) is None and (full_name == name or full_name.startswith(f"{name}/"))
    # What is written as an expression is not compared: no test has two resources of one type that are named so.
    called = told["name"].startswith("[") or f"/{full_name}".endswith(f"/{told['name']}")
    return called and f"/{type_}".endswith(f"/{told['type']}")
