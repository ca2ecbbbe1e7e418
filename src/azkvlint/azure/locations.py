"""The names of Azure's regions."""

from __future__ import annotations


def location_key(name: str) -> str:
    """Return a region as Azure compares it: "West Europe" is ``westeurope``."""
    return name.replace(" ", "").casefold()
