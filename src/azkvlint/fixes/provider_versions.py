"""The versions of a provider that constraints and lock files allow, in a module and in all that call it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from azkvlint.azure.azurerm.argument_versions import first_versions, version_text
from azkvlint.fixes.places import Edits, Target
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.effect import Effect
from azkvlint.model.provider_version import Version, VersionRange, range_of_constraint
from azkvlint.readers.terraform.folder import LOCK_FILE
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Body, parse_file
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_start

_LONGEST_LOCK = 1_000_000
_WORD = regex(r"[a-z]\w*")
_MAY_CONSTRAIN = regex(r"\brequired_providers\b|\bprovider\b")


class Provider(NamedTuple):
    """A provider by its usual local name, and its source in lower case."""

    name: str
    source: str

    def is_source(self, text: object) -> bool:
        """Return whether a text is the source of the provider, with or without the host of a registry."""
        return f"/{text}".lower().endswith(f"/{self.source}")


AZURERM, AZAPI = Provider("azurerm", "hashicorp/azurerm"), Provider("azapi", "azure/azapi")


class Allowed(NamedTuple):
    """The versions that a constraint or a lock file allows: ``text`` names it with its file, as reports do."""

    text: str
    versions: VersionRange


def constraints_in(body: Body, provider: Provider) -> Iterator[ast.Literal]:
    """Yield the strings that constrain the version of a provider in the body of a file."""
    for block in body.blocks:
        if block.type == "provider" and block.labels == (provider.name,):
            yield from _constraint(block.body, "version", provider)
        for inner in block.body.blocks if block.type == "terraform" else ():
            if inner.type == "required_providers":
                for name in inner.body.attributes:
                    yield from _constraint(inner.body, name, provider)


def _constraint(body: Body, name: str, provider: Provider) -> Iterator[ast.Literal]:
    attribute = body.attributes.get(name)
    node = None if attribute is None else attribute.expression()
    if isinstance(node, ast.Object):
        members = {one.key: one.value for one in node.members if isinstance(one, ast.Property)}
        source = members.get("source")
        is_named = name == provider.name and source is None
        if is_named or (isinstance(source, ast.Literal) and provider.is_source(source.value)):
            node = members.get("version")
    elif name not in ("version", provider.name):
        return
    if isinstance(node, ast.Literal) and isinstance(node.value, str):
        yield node


def locked_in(body: Body, provider: Provider) -> str:
    """Return the version of a provider that a lock file selects; empty if there is none."""
    for block in body.blocks:
        if block.type == "provider" and block.labels and provider.is_source(block.labels[0]):
            attribute = block.body.attributes.get("version")
            node = None if attribute is None else attribute.expression()
            if isinstance(node, ast.Literal) and isinstance(node.value, str):
                return node.value
    return ""


def allowed_here(folder: str, provider: Provider, sources: Sources) -> list[Allowed]:
    """Return what the constraints and the lock file in a folder, by its real path, allow."""
    return sources.once((folder, provider), lambda: _allowed_here(folder, provider, sources))


def _allowed_here(folder: str, provider: Provider, sources: Sources) -> list[Allowed]:
    named = os.path.relpath(folder, sources.real_path("")).replace(os.sep, "/")
    prefix = "" if named == "." else f"{named}/"
    found = [
        Allowed(f"the constraint `{node.value}` in `{file}`", range_of_constraint(str(node.value)))
        for file in sources.module_files(prefix)
        if _MAY_CONSTRAIN.search(text := sources.text_to_read(file))
        for node in constraints_in(body_of(file, text), provider)
    ]
    lock = read_start(os.path.join(folder, LOCK_FILE), _LONGEST_LOCK).decode("utf-8", "replace")
    locked = locked_in(parse_file(lock).body, provider)
    if locked:
        found.append(Allowed(f"`{prefix}{LOCK_FILE}` ({provider.name} {locked})", range_of_constraint(locked)))
    return found


def allowed_with_callers(folder: str, provider: Provider, sources: Sources) -> Iterator[Allowed]:
    """Yield what is allowed in a module, by its real path, and in all that lead to it by calls."""
    waiting = [folder]
    seen = set(waiting)
    while waiting:
        here = waiting.pop()
        above = set(sources.checkout.callers(here)) - seen
        seen |= above
        waiting += sorted(above)
        yield from allowed_here(here, provider, sources)


def oldest_allowed(folder: str, provider: Provider, sources: Sources) -> Iterator[Allowed]:
    """Yield what allows the oldest version in each root that leads to a module, if anything limits the versions.

    A module that only tests and examples call may have other callers: it counts as a root.
    """
    waiting: list[tuple[str, Allowed | None]] = [(folder, None)]
    seen = {folder}
    while waiting:
        here, oldest = waiting.pop()
        for one in allowed_here(here, provider, sources):
            if oldest is None or one.versions.low > oldest.versions.low:
                oldest = one
        above = [one for one in sources.checkout.callers(here) if not sources.checkout.is_in_tests(one)]
        if not above and oldest is not None:
            yield oldest
        waiting += [(one, oldest) for one in above if one not in seen]
        seen.update(above)


def of_versions(targets: Iterable[Target], edits: Edits, sources: Sources) -> Iterator[Effect]:
    """Yield the effect of arguments that edits add to resources, and that not every allowed azurerm has."""
    added = {word for edit in edits for word in _WORD.findall(edit.replacement)}
    for target in dict.fromkeys(targets):
        first = {name: since for name, since in first_versions(target.declared_as).items() if name in added}
        if first:
            name = max(first, key=lambda name: first[name])
            for one in dict.fromkeys(older_than(first[name], target, sources)):
                text = f"The plan fails with azurerm before {version_text(first[name])}, which has no `{name}`"
                yield Effect("apply-fails", f"{text}: {one.text} allows it.")


def older_than(since: Version, target: Target, sources: Sources) -> list[Allowed]:
    """Return what allows versions of azurerm before one for a resource, in the roots that lead to it."""
    folder = os.path.dirname(sources.real_path(target.path))
    return [one for one in oldest_allowed(folder, AZURERM, sources) if one.versions.low < since]
