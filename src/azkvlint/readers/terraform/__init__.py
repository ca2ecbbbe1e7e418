"""Read Terraform root modules. All of a run have the same settings."""

from __future__ import annotations

import msgspec


class TerraformSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for Terraform root modules.

    ``variables`` are ``NAME=VALUE``; ``files`` are pairs of the path that reports name and the file's own. ``closed``:
    a module without callers in the scan is complete all the same. ``unread`` are variable files (real paths) that are
    not read. ``tool`` is the program that deploys; "": it is not known.
    """

    variables: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    unread: frozenset[str] = frozenset()
    tool: str = ""
