"""Whether the provider azapi that an input uses knows an API version: it has the versions built in, and rejects others.

An API version is known to each release from the one in ``_FIRST`` on. Source: the folders
``internal/azure/generated/keyvault/microsoft.keyvault`` of the tags of github.com/Azure/terraform-provider-azapi, which
``schema_validation_enabled = false`` turns off (``internal/services/azapi_resource.go``). Since 2.0, ``body`` is an
object and no JSON text (CHANGELOG.md, 2.0.0-beta).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from azkvlint.fixes.places import Target
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.fix import Refusal
from azkvlint.model.provider_version import Version, VersionRange, range_of_constraint
from azkvlint.readers.terraform.folder import LOCK_FILE
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Body, parse_file
from azkvlint.util.project_files import read_start

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
_SOURCE, _NAME = "azure/azapi", "azapi"
_LONGEST_LOCK = 1_000_000


def refuse_unknown_version(target: Target, version: str, sources: Sources) -> None:
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
    for what, allowed in _versions(target, sources):
        if first is None or not allowed.meets(first, _END):
            raise Refusal(f"{what} allows no version of azapi that knows API version {version}{since}")
        found = VersionRange(max(found.low, allowed.low), min(found.high, allowed.high))
    if first is None or not found.meets(first, _END) or found.low >= found.high:
        raise Refusal(f"no version of azapi that is allowed knows API version {version}{since}")


def _versions(target: Target, sources: Sources) -> Iterator[tuple[str, VersionRange]]:
    """Yield the versions that constraints and lock files allow, in the module of a resource and in all that call it."""
    waiting = [os.path.dirname(sources.real_path(target.path))]
    seen = set(waiting)
    while waiting:
        folder = waiting.pop()
        above = set(sources.checkout.callers(folder)) - seen
        seen |= above
        waiting += sorted(above)
        named = os.path.relpath(folder, sources.real_path("")).replace(os.sep, "/")
        prefix = "" if named == "." else f"{named}/"
        for file in sources.module_files(prefix):
            for constraint in _constraints(body_of(file, sources.text(file))):
                yield f"the constraint `{constraint}` in `{file}`", range_of_constraint(constraint)
        lock = parse_file(read_start(os.path.join(folder, LOCK_FILE), _LONGEST_LOCK).decode("utf-8", "replace")).body
        for block in lock.blocks:
            locked = _literal(block.body, "version")
            if block.labels and block.labels[0].lower().endswith(_SOURCE) and isinstance(locked, str):
                yield f"`{prefix}{LOCK_FILE}` (azapi {locked})", range_of_constraint(locked)


def _constraints(body: Body) -> Iterator[str]:
    """Yield the constraints of the version of azapi in the files of a module."""
    for block in body.blocks:
        if block.type == "provider" and block.labels == (_NAME,):
            yield from _texts(_literal(block.body, "version"))
        for inner in block.body.blocks if block.type == "terraform" else ():
            if inner.type != "required_providers":
                continue
            for name, attribute in inner.body.attributes.items():
                node = attribute.expression()
                if isinstance(node, ast.Literal):
                    yield from _texts(node.value if name == _NAME else None)
                elif isinstance(node, ast.Object):
                    members = {one.key: one.value for one in node.members if isinstance(one, ast.Property)}
                    source, version = (members.get(key) for key in ("source", "version"))
                    is_azapi = isinstance(source, ast.Literal) and str(source.value).lower().endswith(_SOURCE)
                    if (is_azapi or name == _NAME) and isinstance(version, ast.Literal):
                        yield from _texts(version.value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value


def _literal(body: Body, name: str) -> object:
    attribute = body.attributes.get(name)
    node = None if attribute is None else attribute.expression()
    return node.value if isinstance(node, ast.Literal) else None


def _is_text(body: Body) -> bool:
    """Return whether ``body`` is JSON text, as before 2.0."""
    attribute = body.attributes.get("body")
    node = None if attribute is None else attribute.expression()
    return isinstance(node, ast.Call) and node.name == "jsonencode"
