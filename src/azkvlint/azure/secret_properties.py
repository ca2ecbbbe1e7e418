"""The properties of Azure's resource types that hold secrets though their names do not show it.

Sources: learn.microsoft.com/azure/templates, in the description of each type.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from azkvlint.model.value import Path
from azkvlint.values.paths import ANY

_SETTINGS: tuple[Path, ...] = (
    ("properties", "siteConfig", "appSettings", ANY, "value"),
    ("properties", "siteConfig", "connectionStrings", ANY, "connectionString"),
)
# By the end of the type, because a nested resource has only the last name.
_BY_TYPE: Mapping[str, tuple[Path, ...]] = {
    "/secrets": (("properties", "value"),),
    "/keyvalues": (("properties", "value"),),
    "/namedvalues": (("properties", "value"),),
    "/sites": _SETTINGS,
    "/sites/slots": _SETTINGS,
    "/sites/config": (("properties",),),
    "/sites/slots/config": (("properties",),),
    "/config": (("properties",),),
}


def secret_properties(type_: object) -> tuple[Path, ...]:
    """Return the paths of the secrets in a resource of a type, with or without an API version; none for no string."""
    return _of_type(type_) if isinstance(type_, str) else ()


@lru_cache(1000)
def _of_type(type_: str) -> tuple[Path, ...]:
    name = type_.partition("@")[0].lower()
    return next((paths for ending, paths in _BY_TYPE.items() if f"/{name}".endswith(ending)), ())
