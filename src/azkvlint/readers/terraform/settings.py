"""What a run says of all Terraform root modules."""

from __future__ import annotations

import msgspec


class TerraformSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says of Terraform roots.

    ``variables`` are ``NAME=VALUE``; ``files`` are pairs of the path that reports name and the file's own. ``closed``:
    a module without callers in the scan is complete all the same.
    """

    variables: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    closed: bool = False
