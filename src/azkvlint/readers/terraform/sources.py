"""Find the module that a call names: a folder beside its caller, an installed one, or a well-known public module."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, range_of_constraint
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.discover import module_files, names_in
from azkvlint.readers.missing_modules import source_name, why_missing
from azkvlint.readers.terraform.folder import Folder, ModuleFile, ModuleSource, TerraformDeclaration, is_local
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import is_file, is_folder, read_bytes, read_data, reported_path, resolve_inside

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope, TerraformRun

_HOST = regex(r"registry\.(terraform\.io|opentofu\.org)/")
# The constraints for which Terraform installs release 0.10.1 of the AVM module, the one that differs.
_AVM_0_10_1 = regex(r"^\s*(?:<?=\s*)?0\.10\.1\s*$|<\s*0\.10\.2|<=\s*0\.10\.1")


class _Span(NamedTuple):
    """Releases from ``low`` to before ``high``. ``is_read``: their defaults are known, not their inputs alone."""

    low: Version
    high: Version
    is_read: bool = True


# The folder of each module below data/modules.
_FOLDERS: Mapping[str, str] = {
    "azure/avm-res-keyvault-vault/azurerm": "azure-avm-res-keyvault-vault",
    "cloudnationhq/kv/azure": "cloudnationhq-kv",
}
# Within a major version inputs keep their names; defaults may change.
_SPANS: Mapping[str, tuple[_Span, ...]] = {
    "azure/avm-res-keyvault-vault/azurerm": (
        _Span((0, 5), (0, 12)),
        _Span((0, 12), (1, 0), is_read=False),
    ),
    "cloudnationhq/kv/azure": (_Span((4, 0), (5, 0)),),
}


class KnownModule(Folder):
    """A public module. Unless it ``is_read``, its release may deploy more or have other defaults."""

    def __init__(self, name: str, text: str, is_read: bool) -> None:
        # No such folder exists, so that no path in the module can lead to a file.
        directory = f"{name} {'as read' if is_read else 'unread'}"
        super().__init__("", directory, (ModuleFile("", parse_file(text)),), frozenset())
        self.is_read = is_read


_VARIABLE = regex(r'variable "(\w+)"')
_RELEASED = regex(r"(\w+)( += [^\n]*?)released\(([^()\n]*)\)")


def well_known(source: str, constraint: object) -> KnownModule | None:
    """Return the built-in description of a module by source and version constraint; None if there is none."""
    name = _HOST.sub("", source.strip().lower(), count=1)
    spans = _SPANS.get(name)
    if spans is None or not isinstance(constraint, str):
        return None
    # Terraform installs the newest release that the constraint leaves.
    newest = range_of_constraint(constraint).high
    span = next((span for span in spans if span.low < newest <= span.high), None)
    return _folder(name, span.is_read, _AVM_0_10_1.search(constraint) is not None) if span is not None else None


@cache
def _folder(name: str, is_read: bool, is_avm_0_10_1: bool = False) -> KnownModule:
    """Return the parsed module."""
    text = read_data(f"modules/{_FOLDERS[name]}/main.tf").decode()
    if is_read and not is_avm_0_10_1:
        text = text.replace("data.module.release.network_rules", "[]")
    return KnownModule(name, _RELEASED.sub(r"\1\2\3", text) if is_read else _without_defaults(text), is_read)


def _without_defaults(text: str) -> str:
    """Return the text with an unknown value for each default, named for its input."""
    lines: list[str] = []
    variable = ""
    for line in text.splitlines():
        head = _VARIABLE.match(line)
        variable = head[1] if head is not None else variable
        lines.append(_RELEASED.sub(lambda match: _unknown_default(match, variable), line))  # noqa: B023  # called at once
    return "\n".join(lines)


def _unknown_default(match: re.Match[str], variable: str) -> str:
    name = variable if match[1] == "default" else match[1]
    return f"{match[1]}{match[2]}data.module.release.default_{name}"


# Source: Terraform's internal/modsdir, which writes one entry for each call, by the names along its path.
MANIFEST = os.path.join(".terraform", "modules", "modules.json")
_INSTALLED = "/.terraform/modules/"
_MAX_MANIFEST = 10_000_000
# Terraform itself has no limit; real modules are not nested so deep.
_MAX_DEPTH = 50
_INSTALL = "run `terraform init`, or check a plan"
_GIVE = "set the variables with `--var` or `--var-file`"
_PIN = f"{_INSTALL}, or pin one version"


class _Entry(msgspec.Struct, frozen=True):
    """One line of the manifest."""

    key: str = msgspec.field(name="Key", default="")
    directory: str = msgspec.field(name="Dir", default="")


class _Manifest(msgspec.Struct, frozen=True):
    modules: tuple[_Entry, ...] = msgspec.field(name="Modules", default=())


def source_of(instance: ModuleScope, declaration: TerraformDeclaration, at: Location) -> ModuleSource | None:
    """Return the module of a call; None, with a Problem, if it is not available or cannot be read."""
    piece = declaration.attributes.get("source")
    written = instance.evaluate(piece, {}) if piece is not None else None
    if isinstance(written, Unknown):
        text = f"the source of module `{declaration.local}` is unknown, so its resources were not evaluated"
        instance.run.report_unreadable(text, at, _GIVE)
        return None
    if not isinstance(written, Scalar) or not isinstance(written.value, str):
        instance.run.report_unreadable(f"the source of module `{declaration.local}` is unknown", at)
        return None
    try:
        return _find(instance, declaration, written.value, at)
    except InputError as error:
        instance.run.report_unreadable(
            f"module `{declaration.local}` cannot be read: {error.message}", at, error.hint or ""
        )
        return None


def _find(instance: ModuleScope, declaration: TerraformDeclaration, source: str, at: Location) -> ModuleSource | None:
    run = instance.run
    if len(instance.call.around) >= _MAX_DEPTH:
        raise InputError(f"modules are nested deeper than {_MAX_DEPTH} levels")
    if is_local(source):
        directory = run.cache.local_module(run.root, instance.folder.directory, source)
        if directory is None or not _holds_module(directory):
            missing = _missing(instance, source)
            if missing is not None:
                run.missing_module(missing[0], at, missing[1])
                return None
        if directory is None:
            raise InputError("the source is outside the project")
        if not isinstance(declaration.attributes["source"].attribute.expression(), ast.Literal):
            run.called.add(directory)
        is_foreign = instance.call.shown is not None or _INSTALLED in f"/{reported_path(run.root, directory)}/"
        return ModuleSource(_load(instance, directory), is_foreign=is_foreign)
    installed = _installed_folder(run, f"{instance.call.key}.{declaration.local}".lstrip("."))
    if installed is not None:
        return ModuleSource(_load(instance, installed), is_foreign=True)
    version = declaration.attributes.get("version")
    constraint = instance.evaluate(version, {}) if version is not None else None
    known = well_known(source, constraint.value if isinstance(constraint, Scalar) else "")
    if known is not None:
        if not known.is_read:
            text = f"the version of module `{declaration.local}` is unknown, so its defaults are unknown"
            run.report_note(text, at, _PIN)
        return ModuleSource(known, is_foreign=True)
    run.missing_module(_not_installed(source_name(source)), at, _INSTALL)
    return None


def _not_installed(name: str) -> str:
    return f"module `{name}` is not installed, so its resources are not evaluated"


def _missing(instance: ModuleScope, source: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a local module that is missing for a good reason; None if there is none.

    It is below ``.terraform``, or in a git submodule that is not fetched, or an example or a test lacks it.
    """
    here = instance.folder.directory
    path = os.path.normpath(os.path.join(here, source.replace("\\", "/")))
    root, installed, below = f"{path}{os.sep}".replace(os.sep, "/").partition(_INSTALLED)
    if installed:
        key = below.partition("/")[0]
        around = {folder.directory: folder for folder in (*instance.call.around, instance.folder)}.get(root)
        call = around.modules.get(key) if around is not None else None
        piece = call.attributes.get("source") if call is not None else None
        node = piece.attribute.expression() if piece is not None else None
        written = node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""
        return _not_installed(source_name(written) if written else f"{_INSTALLED}{key}".strip("/")), _INSTALL
    return why_missing(path, here, instance.run.root)


def without_files(directory: str) -> str:
    """Return why no module is read from a folder of the project, without files of Terraform."""
    return "the folder contains no Terraform files" if is_folder(directory) else "the folder does not exist"


def _holds_module(directory: str) -> bool:
    return is_folder(directory) and bool(module_files(names_in(directory)))


def _load(instance: ModuleScope, directory: str) -> Folder:
    """Return the module in a folder. Raises InputError if there is none, or if it calls itself."""
    if any(directory == folder.directory for folder in (*instance.call.around, instance.folder)):
        raise InputError("the module calls itself")
    if not _holds_module(directory):
        raise InputError(without_files(directory))
    return instance.run.cache.load(reported_path(instance.run.root, directory), directory)


def _installed_folder(run: TerraformRun, key: str) -> str | None:
    """Return the folder that ``terraform init`` put a module into; None if it did not."""
    entries = run.installed
    if entries is None:
        entries = run.installed = _manifest(run)
    return entries.get(key)


def _manifest(run: TerraformRun) -> dict[str, str]:
    file = os.path.join(run.directory, MANIFEST)
    if not is_file(file):
        return {}
    try:
        data = read_bytes(file, _MAX_MANIFEST)
    except InputError as error:
        run.report_file(reported_path(run.root, file), error)
        return {}
    try:
        found = decode_json(data, _Manifest)
    except InputError as error:
        run.report_file(reported_path(run.root, file), InputError(f"the module manifest is invalid: {error.message}"))
        return {}
    folders: dict[str, str] = {}
    for entry in found.modules:
        directory = resolve_inside(run.root, run.directory, entry.directory)
        if entry.key and directory is not None and is_folder(directory):
            folders[entry.key] = directory
    return folders
