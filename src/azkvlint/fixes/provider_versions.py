"""The versions of a provider that constraints and lock files allow, in a module and in all that call it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from azkvlint.azure.azurerm.argument_versions import first_versions, version_text
from azkvlint.fixes.places import Edits, FixTarget
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.effect import Effect
from azkvlint.model.provider_version import Version, VersionRange, range_of_constraint
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import read_start

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Body

# Of the modules of a root, those that are read.
_LONGEST_LOCK, _MOST_MODULES = 1_000_000, 500
_WORD = regex(r"[a-z]\w*")
_MAY_CONSTRAIN = regex(r"r(?<!\wr)equired_providers\b|p(?<!\wp)rovider\b")


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
    return [*_constraints_here(folder, provider, sources), *_locked_here(folder, provider, sources)]


def _constraints_here(folder: str, provider: Provider, sources: Sources) -> list[Allowed]:
    def read() -> list[Allowed]:
        return [
            Allowed(f"the constraint `{node.value}` in `{file}`", range_of_constraint(str(node.value)))
            for file, text in _files_of(folder, sources)
            if _MAY_CONSTRAIN.search(text)
            for node in constraints_in(body_of(file, text), provider)
        ]

    return sources.once(("constraints", folder, provider), read)


def _files_of(folder: str, sources: Sources) -> Iterator[tuple[str, str]]:
    """Yield the reported paths of the files of a module, by its real path, with their texts."""
    for file in sources.module_files(_prefix(folder, sources)):
        yield file, sources.text_to_read(file)


def _prefix(folder: str, sources: Sources) -> str:
    named = os.path.relpath(folder, sources.real_path("")).replace(os.sep, "/")
    return "" if named == "." else f"{named}/"


def _locked_here(folder: str, provider: Provider, sources: Sources) -> list[Allowed]:
    from azkvlint.readers.terraform.folder import LOCK_FILE

    lock = read_start(os.path.join(folder, LOCK_FILE), _LONGEST_LOCK).decode("utf-8", "replace")
    locked = locked_in(body_of(LOCK_FILE, lock), provider)
    text = f"`{_prefix(folder, sources)}{LOCK_FILE}` ({provider.name} {locked})"
    return [Allowed(text, range_of_constraint(locked))] if locked else []


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


def oldest_allowed(folder: str, provider: Provider, sources: Sources) -> list[Allowed]:
    """Return what allows the oldest version in each root that leads to a module, if anything limits the versions.

    All modules of a root have the same version, which all of their constraints allow. A module that only tests and
    examples call may have other callers: it counts as a root.
    """
    return sources.once(("oldest", folder, provider), lambda: list(_oldest_allowed(folder, provider, sources)))


def _oldest_allowed(folder: str, provider: Provider, sources: Sources) -> Iterator[Allowed]:
    # Of each module that leads to the folder, the strictest constraint down to there.
    strictest = {folder: _strictest(_constraints_here(folder, provider, sources))}
    waiting, roots = [folder], dict[str, None]()
    while waiting:
        here = waiting.pop()
        above = [one for one in sources.checkout.callers(here) if not sources.checkout.is_in_tests(one)]
        if not above:
            roots[here] = None
        for caller in above:
            own = _constraints_here(caller, provider, sources)
            found = _strictest((strictest.get(caller), strictest[here], *own))
            if caller not in strictest or found is not strictest[caller]:
                strictest[caller] = found
                waiting.append(caller)
    for root in roots:
        found = _strictest((strictest[root], *_of_root(root, provider, sources)))
        if found is not None:
            yield found


def _strictest(allowed: Iterable[Allowed | None]) -> Allowed | None:
    """Return the first of those whose oldest version is the newest; None if nothing limits the versions."""
    return max((one for one in allowed if one is not None), key=lambda one: one.versions.low, default=None)


def _of_root(root: str, provider: Provider, sources: Sources) -> list[Allowed]:
    """Return what the constraints of the modules that a root calls, and its lock file, allow."""

    def read() -> list[Allowed]:
        modules = _modules_of(root, sources)
        constraints = [one for module in modules for one in _constraints_here(module, provider, sources)]
        return [*constraints, *_locked_here(root, provider, sources)]

    return sources.once(("root", root, provider), read)


def _modules_of(root: str, sources: Sources) -> Iterator[str]:
    """Yield the folders of the modules of a root, and of those that these call, by their real paths."""
    seen, waiting = {root}, [root]
    while waiting:
        here = waiting.pop()
        yield here
        below = [one for one in dict.fromkeys(_called_by(here, sources)) if one not in seen]
        if len(seen) < _MOST_MODULES:
            seen.update(below)
            waiting += below


def _called_by(folder: str, sources: Sources) -> list[str]:
    """Return the folders of the checkout whose modules a module calls, by their real paths."""
    known = sources.once("folders", lambda: frozenset(map(os.path.dirname, sources.checkout.terraform)))
    return sources.once(("called", folder), lambda: [one for one in _sources_in(folder, sources) if one in known])


def _sources_in(folder: str, sources: Sources) -> Iterator[str]:
    """Yield the folders that the calls in a module name, by their real paths."""
    for file, text in _files_of(folder, sources):
        for block in body_of(file, text).blocks if "module" in text else ():
            attribute = block.body.attributes.get("source") if block.type == "module" else None
            source = None if attribute is None else attribute.expression()
            if isinstance(source, ast.Literal) and str(source.value).startswith(("./", "../")):
                yield real_path(os.path.join(folder, str(source.value)))


def of_versions(targets: Iterable[FixTarget], edits: Edits, sources: Sources) -> Iterator[Effect]:
    """Yield the effect of arguments that edits add to resources, and that not every allowed azurerm has."""
    added = {word for edit in edits for word in _WORD.findall(edit.replacement)}
    for target in dict.fromkeys(targets):
        first = {name: since for name, since in first_versions(target.declared_as).items() if name in added}
        if first:
            name = max(first, key=lambda name: first[name])
            for one in dict.fromkeys(older_than(first[name], target, sources)):
                text = f"The plan fails with azurerm before {version_text(first[name])}, which has no `{name}`"
                yield Effect("apply-fails", f"{text}: {one.text} allows it.")


def older_than(since: Version, target: FixTarget, sources: Sources) -> list[Allowed]:
    """Return what allows versions of azurerm before one for a resource, in the roots that lead to it."""
    folder = os.path.dirname(sources.real_path(target.path))
    return [one for one in oldest_allowed(folder, AZURERM, sources) if one.versions.low < since]
