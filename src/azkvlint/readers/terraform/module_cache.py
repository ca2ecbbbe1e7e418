"""The cache of the modules of one kvlint run, so that a module with many callers is read once.

Root modules are not kept: there may be thousands of them, and each is read once anyway.
"""

from __future__ import annotations

from azkvlint.azure.azurerm.azapi import AZAPI, POLICY_DEFINITIONS, WITH_TEMPLATE
from azkvlint.azure.azurerm.resources import RESOURCES, is_vault_related
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.terraform.folder import Folder, calls, load_folder, removed_types
from azkvlint.readers.terraform.map_arguments import ArgumentMap
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_files import reported_path, resolve_inside

# The maximum number of cached modules; few projects have more, and the others are read again.
_MOST = 500
_KEY_VAULT = "key_vault"


class FolderCache:
    """Modules by the real path of their folder, and the arguments that rules require of each resource type."""

    def __init__(self, required: RequiredAttributes) -> None:
        self.required = required
        self._folders: dict[str, Folder | InputError] = {}
        self._lowerings: dict[str, ArgumentMap | None] = {}
        self._matters: dict[str, bool] = {}
        self._only_policies: dict[str, bool] = {}
        self._own: dict[str, frozenset[str]] = {}
        self._beside: dict[tuple[str, str], str | None] = {}

    def load(self, path: str, directory: str) -> Folder:
        """Return the module in ``directory``, which reports call ``path``. Raises InputError if it cannot be read."""
        if directory not in self._folders and len(self._folders) >= _MOST:
            self._folders.clear()
            self._matters.clear()
            self._only_policies.clear()
            self._own.clear()
        found = cached(self._folders, directory, lambda: _load(path, directory))
        if isinstance(found, InputError):
            raise found
        return found

    def argument_map(self, type_: str) -> ArgumentMap | None:
        """Return the argument map of a resource type; None if it has no table, or no rule requires it."""
        if type_ not in self._lowerings:
            mapped = RESOURCES.get(type_)
            is_required = mapped is not None and self.required.paths_of(mapped.type) is not None
            self._lowerings[type_] = ArgumentMap(mapped, self.required) if mapped is not None and is_required else None
        return self._lowerings[type_]

    def is_required(self, type_: str) -> bool:
        """Return whether a rule may require resources of a Terraform type."""
        return type_ in AZAPI or type_ in WITH_TEMPLATE or self.argument_map(type_) is not None

    def _is_relevant(self, type_: str) -> bool:
        """Return whether a module is read because it declares a type, whichever rules are selected."""
        mapped = RESOURCES.get(type_)
        known = mapped is not None and self.required.is_relevant(mapped.type)
        return known or type_ in AZAPI or type_ in WITH_TEMPLATE or is_vault_related(type_)

    def matters(self, folder: Folder, root: str) -> bool:
        """Return whether a module, or one that it calls, declares a relevant type; one that is not available may."""
        return cached(self._matters, folder.directory, lambda: self._reaches(folder, root))

    def has_only_policies(self, folder: Folder, root: str) -> bool:
        """Return whether a module is read only for its policy definitions, most of which contain no template."""
        return cached(self._only_policies, folder.directory, lambda: self._reaches_only_policies(folder, root))

    def _reaches_only_policies(self, folder: Folder, root: str) -> bool:
        folders, is_whole = self.reached(folder, root)
        return is_whole and all(self._declares(one) <= POLICY_DEFINITIONS for one in folders)

    def _reaches(self, folder: Folder, root: str) -> bool:
        folders, is_whole = self.reached(folder, root)
        return not is_whole or any(map(self._declares, folders))

    def reached(self, folder: Folder, root: str) -> tuple[list[Folder], bool]:
        """Return a module with the local modules that it reaches, and whether it reaches no others."""
        found, seen, is_whole = [folder], {folder.directory}, True
        for here in found:
            for _, source in calls(here):
                directory = self.local_module(root, here.directory, source) if source is not None else None
                if directory is None:
                    is_whole = False
                elif directory not in seen:
                    seen.add(directory)
                    try:
                        found.append(self.load(reported_path(root, directory), directory))
                    except InputError:
                        is_whole = False
        return found, is_whole

    def local_module(self, root: str, directory: str, source: str) -> str | None:
        """Return the folder of a local source; None if the source is not local, or leads out of the project."""
        return cached(self._beside, (directory, source), lambda: _beside(root, directory, source))

    def _declares(self, folder: Folder) -> frozenset[str]:
        """Return the types that a module itself declares and that rules are about, or that look as if they should."""
        found = self._own.get(folder.directory)
        if found is None:
            types = {local.rpartition(".")[0].removeprefix("data.") for local in folder.resources}
            types |= removed_types(folder)
            found = frozenset(type_ for type_ in types if self._is_relevant(type_) or _KEY_VAULT in type_)
            self._own[folder.directory] = found
        return found


def _load(path: str, directory: str) -> Folder | InputError:
    try:
        return load_folder(path, directory)
    except InputError as error:
        return error


def _beside(root: str, directory: str, source: str) -> str | None:
    try:
        return resolve_inside(root, directory, source.replace("\\", "/")) if is_local(source) else None
    except InputError:
        return None


def is_local(source: str) -> bool:
    """Return whether the source of a module is a folder beside its caller."""
    return source.startswith(("./", "../", ".\\", "..\\")) or source in (".", "..")
