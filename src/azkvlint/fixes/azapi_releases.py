"""Whether the provider azapi that an input uses knows an API version: it has the versions built in, and rejects others.

An API version is known to each release from the one in ``_FIRST`` on. Source: the folders
``internal/azure/generated/keyvault/microsoft.keyvault`` of the tags of github.com/Azure/terraform-provider-azapi, which
``schema_validation_enabled = false`` turns off (``internal/services/azapi_resource.go``). Since 2.0, ``body`` is an
object and no JSON text (CHANGELOG.md, 2.0.0-beta).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from azkvlint.fixes.places import FixTarget
from azkvlint.fixes.provider_versions import AZAPI, allowed_with_callers
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.fix import Refusal
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Body

_FIRST: Mapping[str, Version] = {
    "2022-11-01": (1, 4),
    "2023-02-01": (1, 5),
    "2023-07-01": (1, 10),
    "2024-11-01": (2, 3),
    "2025-05-01": (2, 7),
    "2026-02-01": (2, 9),
}
_OBJECTS: Version = (2, 0)
_END = VersionRange().high


def refuse_unknown_version(target: FixTarget, version: str, sources: Sources) -> None:
    """Raise Refusal unless azapi, in the versions that a resource may be deployed with, knows an API version."""
    blocks = body_of(target.path, sources.text(target.path)).blocks
    block = next((one for one in blocks if one.start == target.address[0]), None)
    if block is not None and _literal(block.body, "schema_validation_enabled") is False:
        return
    first = _FIRST.get(version)
    since = "" if first is None else f" (since azapi {first[0]}.{first[1]})"
    if first is not None and block is not None and _is_text(block.body):
        allowed = VersionRange().narrow((0, 0), _OBJECTS)
        if not allowed.meets(first, _END):
            raise Refusal(f"azapi before 2.0, which `body` is written for, does not know API version {version}{since}")
    found = VersionRange()
    folder = os.path.dirname(sources.real_path(target.path))
    for what, allowed in allowed_with_callers(folder, AZAPI, sources):
        if first is None or not allowed.meets(first, _END):
            raise Refusal(f"{what} allows no version of azapi that knows API version {version}{since}")
        found = VersionRange(max(found.low, allowed.low), min(found.high, allowed.high))
    if first is None or not found.meets(first, _END) or found.low >= found.high:
        raise Refusal(f"no version of azapi that is allowed knows API version {version}{since}")


def _literal(body: Body, name: str) -> object:
    attribute = body.attributes.get(name)
    node = None if attribute is None else attribute.expression()
    return node.value if isinstance(node, ast.Literal) else None


def _is_text(body: Body) -> bool:
    """Return whether ``body`` is JSON text, as before 2.0."""
    attribute = body.attributes.get("body")
    node = None if attribute is None else attribute.expression()
    return isinstance(node, ast.Call) and node.name == "jsonencode"
