"""Well-known Key Vault modules of the Terraform registry, for where they are not installed."""

from __future__ import annotations

from kvlint.readers.terraform.folder import Folder


def well_known(source: str, constraint: object) -> Folder | None:
    """What is known of a module by its source and version constraint; None if that is nothing."""
    return None
