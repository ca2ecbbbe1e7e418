"""Find the files to read below the paths on the command line, by their names alone.

Source: developer.hashicorp.com/terraform/language/files (which files count, override files) and
opentofu.org/docs/language/files (a ``.tofu`` file takes the place of the ``.tf`` file of the same name).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import msgspec

from azkvlint.readers.script_names import is_script
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import editor_texts
from azkvlint.util.git_index import SUBMODULE, TrackedFiles
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, current_folder, is_within, named_path, real_path, root_of
from azkvlint.util.project_files import (
    MAX_FILE,
    MAX_INPUT,
    is_file,
    leads_out,
    link_target,
    list_entries,
    list_names,
    read_bytes,
    read_start,
    read_stdin,
)

BICEP, PARAMETERS, JSON = (".bicep",), (".bicepparam",), (".json", ".jsonc", ".arm")
PARAMETER_FILE = regex(r"(?P<stem>.+?)\.parameters(?:\.[\w-]+)?\.jsonc?", re.IGNORECASE)


def is_parameters(file: str) -> bool:
    """Return whether the name of a file is that of a parameter file."""
    name = os.path.basename(file)
    return name.lower().endswith(PARAMETERS) or PARAMETER_FILE.fullmatch(name) is not None


@lru_cache(20)
def parameter_names(names: frozenset[str]) -> tuple[str, ...]:
    """Return those names in a folder that are names of parameter files, sorted."""
    lower = ((name, name.casefold()) for name in names)
    likely = (name for name, folded in lower if ".parameters" in folded or folded.endswith(PARAMETERS))
    return tuple(sorted(name for name in likely if is_parameters(name)))


# The maximum number of bytes of a file that are searched for a declaration.
_MAX_SEARCHED = 1_000_000
MODULE_ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")
_TERRAFORM, _TOFU = (".tf.json", ".tf"), (".tofu.json", ".tofu")


def names_in(directory: str) -> frozenset[str]:
    """Return the names of all that lies in a folder. Raises InputError if it cannot be listed."""
    try:
        return list_names(directory)
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}") from error


VALUE_FILES = ("terraform.tfvars", "terraform.tfvars.json")
AUTOMATIC_VALUES = (".auto.tfvars", ".auto.tfvars.json")
TERRAFORM, OPENTOFU = "terraform", "opentofu"


@lru_cache(20)
def module_files(names: frozenset[str], tool: str = OPENTOFU) -> tuple[str, ...]:
    """Return those names in a folder whose files make a module for a tool, sorted.

    Terraform reads no ``.tofu`` file, and OpenTofu reads it in the place of the ``.tf`` file of the same name. Source:
    fileExt in internal/configs/parser_config_dir.go of Terraform, filterTfPathsWithTofuAlternatives of OpenTofu.
    """
    found = {name for name in names if is_module_file(name)}
    if tool == TERRAFORM:
        return tuple(sorted(name for name in found if name.endswith(_TERRAFORM)))
    return tuple(sorted(name for name in found if not _is_replaced(name, found)))


def is_automatic(name: str) -> bool:
    """Return whether Terraform reads values of the variables of a root module from a file, without an option.

    Source: isAutoVarFile in internal/command/arguments/vars.go; hidden files are not ignored there.
    """
    return name in VALUE_FILES or name.endswith(AUTOMATIC_VALUES)


def is_of_opentofu(name: str) -> bool:
    """Return whether OpenTofu alone reads a file of a module, by its name or path."""
    return name.endswith(_TOFU)


def is_module_file(name: str) -> bool:
    """Return whether Terraform or OpenTofu loads a file as a part of the module in its folder, by its name."""
    return name.endswith(MODULE_ENDINGS) and not is_ignored_name(name)


def is_ignored_name(name: str) -> bool:
    """Return whether Terraform ignores a file in a folder that it loads: a hidden file, or an editor's own.

    Source: IsIgnoredFile in internal/configs/parser_config_dir.go, the same in Terraform and in OpenTofu.
    """
    return name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))


def _is_replaced(name: str, names: set[str]) -> bool:
    return any(
        name.endswith(old) and name[: -len(old)] + new in names for old, new in zip(_TERRAFORM, _TOFU, strict=True)
    )


def declares_variable(directory: str, name: str) -> bool:
    """Return whether a file of the module in a folder seems to declare a variable, without parsing the file."""
    word = re.escape(name.encode())
    pattern = re.compile(rb'\bvariable[ \t]+"?' + word + rb'"?[ \t]*\{|"' + word + rb'"[ \t]*:')
    try:
        files = [os.path.join(directory, file) for file in names_in(directory) if is_module_file(file)]
        return any(pattern.search(read_start(file, _MAX_SEARCHED)) for file in files)
    except InputError:
        return False


def is_override(name: str) -> bool:
    """Return whether a file lays its declarations over those of the others, by its name."""
    stem = next((name[: -len(ending)] for ending in (*_TERRAFORM, *_TOFU) if name.endswith(ending)), name)
    return stem == "override" or stem.endswith("_override")


UNIT_FILES = ("terragrunt.hcl", "terragrunt.hcl.json")
STACK_FILE = "terragrunt.stack.hcl"
# Source: developer.hashicorp.com/terraform/language/stacks (tfstack is the earlier name of tfcomponent).
_COMPONENTS = (".tfcomponent.hcl", ".tfcomponent.json", ".tfstack.hcl", ".tfstack.json")
_DEPLOYMENTS = (".tfdeploy.hcl", ".tfdeploy.json")


def is_unit_file(name: str) -> bool:
    """Return whether a file configures a unit of Terragrunt: a module with its inputs."""
    return name in UNIT_FILES


def is_stack_file(name: str) -> bool:
    """Return whether a file belongs to a Terraform Stack or a Terragrunt stack."""
    return name == STACK_FILE or is_component_file(name) or is_deployment_file(name)


def is_component_file(name: str) -> bool:
    """Return whether a file declares components of a Terraform Stack."""
    return name.endswith(_COMPONENTS) and not is_ignored_name(name)


def is_deployment_file(name: str) -> bool:
    """Return whether a file declares deployments of a Terraform Stack."""
    return name.endswith(_DEPLOYMENTS) and not is_ignored_name(name)


def is_terragrunt_file(name: str) -> bool:
    """Return whether a file is an input of one of these kinds."""
    return is_unit_file(name) or is_stack_file(name)


STDIN = "-"
STDIN_NAME = "stdin"
_WRITTEN_BY_HAND = (".bicep", ".bicepparam", ".tf", ".tofu", ".tf.json", ".tofu.json", ".hcl", ".hcl.json")
ENDINGS = (".json", ".jsonc", ".arm", ".bicep", ".bicepparam", ".tf", ".tofu")
# State and plan files of Terraform, which are not inputs.
_STATE_ENDINGS = (".tfstate", ".tfstate.backup", ".tfplan")
_PLAN_NAME = "tfplan"
# Folders that contain third-party code, or no code.
_GIT = ".git"
SKIPPED = frozenset(
    {_GIT, ".terraform", ".terragrunt-cache", ".terragrunt-stack", "node_modules", ".venv", "__pycache__"}
)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file to read: ``file`` is the path to open, ``path`` its name in reports.

    ``is_explicit``: the user named the file itself, not a folder that contains it. ``is_link``: it is a link to a
    folder outside the project, which is not followed; ``is_code``: it may stand for infrastructure code.
    """

    file: str
    path: str
    is_explicit: bool
    is_link: bool = False
    is_code: bool = False


class OtherFiles:
    """The files in folders that are not sources: state and plan files, and all that do not have the name of an input.

    ``scripts`` are those that may contain deployment commands, and ``names`` all without such a name (both paths).
    """

    def __init__(self) -> None:
        self.states: list[Source] = []
        self.scripts: list[str] = []
        self.names: list[str] = []

    def add(self, search: FolderSearch, root: str) -> None:
        """Add what the search of a folder has found."""
        found = search.states
        self.states += (Source(file=one, path=_reported_path(one, root), is_explicit=False) for one in found)
        self.scripts += search.scripts
        self.names += search.others


def discover(
    paths: Sequence[str],
    exclude: Sequence[tuple[str, str]] = (),
    matched: set[int] | None = None,
    others: OtherFiles | None = None,
) -> tuple[list[Source], str]:
    """Return the sources that ``paths`` name, each once and in a fixed order, and the root of their reported names.

    ``exclude`` are globs, each with the folder that it is relative to: a file that matches is read only if it is one of
    the ``paths``. For a path outside that folder, a glob is relative to the path. A glob without a folder is relative
    to the current folder and to each of the ``paths``, or absolute. The indexes of globs that match anything are added
    to ``matched``, and the other files in folders to ``others``. Raises UsageError for a path that does not exist, and
    for a relative path if the current folder no longer exists.
    """
    matched = set() if matched is None else matched
    for path in paths:
        if path != STDIN and not os.path.isabs(path):
            current_folder()
        if path != STDIN and not os.path.lexists(path) and real_path(path) not in editor_texts():
            hint = "name a plan, a template, a Terraform or Bicep file, a folder, or -"
            raise UsageError(f"'{path}' does not exist", hint)
    root = _root([path for path in paths if path != STDIN])
    found: dict[tuple[str, str], Source] = {}
    for path in paths:
        if path == STDIN:
            found[STDIN, ""] = Source(file=STDIN, path=STDIN_NAME, is_explicit=True)
        elif os.path.isdir(path):
            excluded = _excluding(exclude, real_path(path), matched) if exclude else None
            search = FolderSearch(real_path(path), excluded)
            for file, real in search.files():
                found.setdefault(
                    _reading(file, real), Source(file=file, path=_reported_path(file, root), is_explicit=False)
                )
            if others is not None:
                others.add(search, root)
            for file in search.closed:
                found.setdefault((file, ""), Source(file=file, path=_reported_path(file, root), is_explicit=True))
            for file, is_code in search.links_out().items():
                source = Source(
                    file=file, path=_reported_path(file, root), is_explicit=False, is_link=True, is_code=is_code
                )
                found.setdefault((file, ""), source)
        else:
            file = named_path(path)
            found[_reading(file, file)] = Source(file=file, path=_reported_path(file, root), is_explicit=True)
    return list(found.values()), root


def hold_stdin(name: str) -> None:
    """Let standard input stand for the file ``name``, wherever that is read; its folder has to exist.

    Raises UsageError for a name that no file can have, InputError if standard input cannot be read.
    """
    if os.path.isdir(name) or not os.path.isdir(os.path.dirname(name) or os.curdir):
        why = "it is a folder" if os.path.isdir(name) else "its folder does not exist"
        raise UsageError(f"--stdin-filename {name}: {why}", "name a file in an existing folder")
    try:
        editor_texts()[real_path(name)] = read_stdin(_limit(name))
    except InputError as error:
        raise InputError(f"standard input: {error.message}") from error


def read_source(source: Source) -> bytes:
    """Return the content of a source. Raises InputError if it cannot be read."""
    if source.file == STDIN:
        return read_stdin(MAX_INPUT)
    try:
        # JSON found in a folder may be the report of an earlier run.
        may_be_output = not source.is_explicit and not source.file.lower().endswith(_WRITTEN_BY_HAND)
        return read_bytes(source.file, _limit(source.file), may_be_output=may_be_output)
    except InputError:
        if os.path.isdir(source.file):  # a folder is a source only if it cannot be listed: find the cause
            try:
                list_names(source.file)
            except OSError as error:
                raise InputError(f"the folder cannot be listed: {error.strerror}") from error
        raise


def _limit(file: str) -> int:
    """Return the size limit of a file in bytes; only JSON is machine-generated and may be larger."""
    return MAX_FILE if file.lower().endswith(_WRITTEN_BY_HAND) else MAX_INPUT


def _reading(file: str, real: str) -> tuple[str, str]:
    """Return a key that two paths of one file share if reading the second would add nothing.

    A Terraform file is part of the module in its folder, so every path counts. Any other file is read once for each
    reader that its names select.
    """
    name = os.path.basename(file)
    if is_module_file(name) or is_terragrunt_file(name):
        return file, ""
    ending = next((one for one in ENDINGS if name.lower().endswith(one)), "")
    return real, "parameters" if is_parameters(name) else ending


def _excluding(exclude: Sequence[tuple[str, str]], named: str, matched: set[int]) -> Callable[[str, bool], bool]:
    """Return whether a glob matches a path below the folder ``named``; the second argument: it is a folder.

    A glob of a folder that has nothing in common with ``named`` is relative to ``named``.
    """
    from azkvlint.util.globs import PathGlob

    def bases(folder: str, pattern: str) -> Iterator[str]:
        if not folder:
            yield from {real_path(os.curdir), named, *((os.sep,) if os.path.isabs(pattern) else ())}
            return
        real = real_path(folder)
        yield real if is_within(named, real) or is_within(real, named) else named

    globs = [
        (index, f"{base.rstrip(os.sep)}{os.sep}", PathGlob(pattern))
        for index, (folder, pattern) in enumerate(exclude)
        for base in bases(folder, pattern)
    ]

    def excluded(path: str, is_folder: bool) -> bool:
        found = {
            index
            for index, base, glob in globs
            if path.startswith(base) and glob.matches_itself(path[len(base) :].replace(os.sep, "/"), is_folder)
        }
        matched.update(found)
        return bool(found)

    return excluded


class FolderSearch:
    """Searches a folder (real) for supported files.

    ``closed`` are folders that cannot be listed, ``states`` the state and plan files, and ``others`` the files without
    the name of an input, of which ``scripts`` may contain deployment commands. A link to a folder inside the
    project is followed, unless that folder contains the searched one: a deployment may load what it leads to. Each
    folder is searched once, which prevents infinite loops. In folders with a name in SKIPPED, only files that git
    tracks are found; if that is not known, all files are.
    """

    def __init__(self, folder: str, excluded: Callable[[str, bool], bool] | None) -> None:
        self.closed: list[str] = []
        self.states: list[str] = []
        self.scripts: list[str] = []
        self.others: list[str] = []
        self._folder = folder
        self._excluded = excluded
        self._searched: set[str] = set()
        self._skipped: list[str] = []
        self._links: list[str] = []
        self._code: set[str] = set()
        self._tracked: dict[str, TrackedFiles] = {}

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield all supported files, with their real paths."""
        yield from self._files_below(self._folder)
        followed = 0
        while self._skipped or followed < len(self._links):
            skipped, self._skipped = self._skipped, []
            for folder in skipped:
                yield from self._tracked_files(folder)
            links = self._links[followed:]
            followed += len(links)
            for link in links:
                target = self._target(link)
                if target and not is_within(self._folder, target):
                    yield from self._files_below(target)

    def links_out(self) -> dict[str, bool]:
        """Return the links to folders outside of the project, and whether each may stand for infrastructure code.

        It may if the folder with the link contains such code, and git tracks the link. Of those whose names are in
        SKIPPED, only tracked ones are returned.
        """
        links = [link for link in self._links if link_target(link) is None]
        if not links:
            return {}
        names = frozenset(map(os.path.basename, links))
        beside_code = self._folders_with_code()
        indexes: dict[str, TrackedFiles] = {}
        found: dict[str, bool] = {}
        for link in links:
            checkout = checkout_of(os.path.dirname(link)) or self._folder
            index = indexes.get(checkout)
            if index is None:
                index = indexes[checkout] = TrackedFiles(checkout, names)
            if os.path.basename(link) not in SKIPPED or (index.exists and index.tracks(link)):
                found[link] = os.path.dirname(link) in beside_code and index.tracks(link)
        return found

    def _folders_with_code(self) -> set[str]:
        """Return the folders with infrastructure code in them, or in folders below them."""
        found: set[str] = set()
        for folder in self._code:
            here = folder
            while here not in found:
                found.add(here)
                if here == self._folder:
                    break
                here = os.path.dirname(here)
        return found

    def _files_below(self, folder: str) -> Iterator[tuple[str, str]]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            if here in self._searched:
                continue
            self._searched.add(here)
            try:
                found = list_entries(here)
            except OSError:
                self.closed.append(here)
                continue
            folders: list[str] = []
            for entry in found:
                # The directory listing already contains the type of each entry that is not a link.
                is_folder = entry.is_dir(follow_symlinks=False)
                is_input = not is_folder and is_input_name(entry.name)
                if self._excluded and self._excluded(entry.path, is_folder or (entry.is_symlink() and not is_input)):
                    continue
                if is_folder:
                    if entry.name not in SKIPPED:
                        folders.append(entry.path)
                    elif entry.name != _GIT:
                        self._skipped.append(entry.path)
                elif is_input and not _is_link_to_folder(entry):
                    if entry.name.endswith(_WRITTEN_BY_HAND):
                        self._code.add(here)
                    yield from _file(entry)
                else:
                    self._add_other(entry)
            if editor_texts():
                yield from _new_files(here, {entry.name for entry in found}, self._excluded)
            waiting.extend(reversed(folders))

    def _add_other(self, entry: os.DirEntry[str]) -> None:
        """Add a file that is not an input: a state or plan file, a script, or any other, or a link to a folder."""
        if _is_state(entry.name) and entry.is_file(follow_symlinks=False):
            self.states.append(entry.path)
        elif entry.is_symlink() and _may_be_folder(entry):
            self._links.append(entry.path)
        # DirEntry.is_file() raises an error for a loop or a long chain of links, if it follows them.
        elif entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path):
            self.others.append(entry.path)
            if is_script(entry.name) and not entry.is_symlink():
                self.scripts.append(entry.path)

    def _tracked_files(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield the supported files below a skipped folder that git tracks."""
        index = self._index(os.path.dirname(folder))
        entries = index.below(folder)
        if entries is None:
            yield from self._files_below(folder)
            return
        for entry in entries:
            path = os.path.join(index.checkout, *entry.path.split("/"))
            if self._excluded and self._excluded(path, False):
                continue
            if entry.is_link and not is_input_name(os.path.basename(path)):
                self._links.append(path)
            elif entry.type == SUBMODULE:
                yield from self._files_below(path)
            elif is_input_name(os.path.basename(path)) and is_file(path):
                yield path, link_target(path) or path

    def _target(self, link: str) -> str:
        """Return the folder in the project that a link leads to; empty if it leads to none."""
        target = link_target(link)
        return target if target is not None and os.path.isdir(target) and self._is_counted(link) else ""

    def _is_counted(self, link: str) -> bool:
        """Return whether a link counts. Tools put links with names in SKIPPED into a work tree too."""
        if os.path.basename(link) not in SKIPPED:
            return True
        index = self._index(os.path.dirname(link))
        return index.exists and index.tracks(link)

    def _index(self, folder: str) -> TrackedFiles:
        """Return the entries of the index of a folder's checkout that have a name in SKIPPED."""
        checkout = checkout_of(folder) or folder
        index = self._tracked.get(checkout)
        if index is None:
            index = self._tracked[checkout] = TrackedFiles(checkout, SKIPPED - {_GIT})
        return index


def _new_files(folder: str, known: set[str], excluded: Callable[[str, bool], bool] | None) -> Iterator[tuple[str, str]]:
    """Yield the supported files of a folder that exist in an editor only."""
    for name in sorted(editor_texts().names_in(folder)):
        path = os.path.join(folder, name)
        if name not in known and is_input_name(name) and not (excluded and excluded(path, False)):
            yield path, path


def is_input_name(name: str) -> bool:
    """Return whether a name in a folder is that of an input."""
    return name.lower().endswith(ENDINGS) or is_terragrunt_file(name)


def _is_state(name: str) -> bool:
    """Return whether a name is that of a state or plan file of Terraform."""
    return name.lower().endswith(_STATE_ENDINGS) or name == _PLAN_NAME


def _file(entry: os.DirEntry[str]) -> Iterator[tuple[str, str]]:
    """Yield a file with its real path; a link that leads out of the project is included, so that it is reported."""
    if not entry.is_symlink():
        if entry.is_file(follow_symlinks=False):
            yield entry.path, entry.path
        return
    target = link_target(entry.path)
    if target is None:
        yield entry.path, entry.path
    elif is_file(target):
        yield entry.path, target


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether a link leads to a folder inside the project."""
    return entry.is_symlink() and os.path.isdir(entry.path) and link_target(entry.path) is not None


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether a link leads to a folder, or out of the project to what is not there."""
    if os.path.isdir(entry.path):
        return True
    return not os.path.exists(entry.path) and not os.path.splitext(entry.name)[1] and leads_out(entry.path)


def _root(paths: Sequence[str]) -> str:
    roots = {root_of(path) for path in paths}
    return os.path.commonpath(roots) if roots else root_of(os.curdir)


def _reported_path(file: str, root: str) -> str:
    below = root.rstrip(os.sep) + os.sep
    name = file[len(below) :] if file.startswith(below) else os.path.relpath(file, root)
    return name.replace(os.sep, "/")
