"""Find the modules that are evaluated, which no other module of the scan calls, and the module that a call names.

That is in a folder beside its caller, an installed one, or a well-known public module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from azkvlint.azure.azurerm.azapi import WITH_TEMPLATE
from azkvlint.azure.azurerm.resources import LOOKS_LIKE_VAULT, RESOURCES
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, range_of_constraint
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.discover import Source, is_module_file, module_files, names_in
from azkvlint.readers.missing_modules import EXAMPLES, source_name, why_missing
from azkvlint.readers.terraform.folder import Declaration, Folder, ModuleFile, ModuleSource, is_local
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import (
    FILE_BUFFER,
    MAX_FILE,
    is_file,
    is_folder,
    read_bytes,
    read_data,
    recorded_real_path,
    reported_path,
    resolve_inside,
)

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope, TerraformRun

# How a module call begins, and what it calls, in both notations; behind a mark of a comment none does.
_CALL = regex(rb'^[ \t]*+module\b|"module"[ \t\r\n]*+:', re.MULTILINE)
_SOURCE = regex(rb'(?:^|[{,])[ \t]*+"?source"?[ \t]*+[=:][ \t]*+"([^"\r\n]*+)"', re.MULTILINE)
_LOCAL = regex(rb"\.{1,2}(?:[/\\].*)?")
# The files that a template function or data source reads, as far as their names are written out.
_RENDERED = regex(
    rb'\btemplatefile[ \t]*+\([ \t\r\n]*+"((?:[^"\\\r\n]|\\.)*+)"|'
    rb'\btemplate[ \t]*+=[ \t]*+(?:"\$\{)?file\([ \t]*+"((?:[^"\\\r\n]|\\.)*+)"'
)
_OF_MODULE = regex(rb"\$\{path\.(?:module|root|cwd)\}")
_INTERPOLATED = regex(rb"\$\{[^}]*+\}")
# A block comment or a heredoc: a module call in one calls nothing. One that is not closed extends to the end, or many
# of them would take quadratic time. Texts and line comments are matched too, because they may hold such marks.
_IGNORED = regex(
    rb'"(?:[^"\\\r\n]|\\.)*+"|(?:#|//)[^\r\n]*+'
    rb"|(?P<ignored>/\*(?:.*?\*/|.*)|<<-?(?P<end>[\w-]+)[ \t]*+\r?\n(?:.*?^[ \t]*+(?P=end)[ \t\r]*+$|.*))",
    re.DOTALL | re.MULTILINE,
)
_HOST = regex(r"registry\.(terraform\.io|opentofu\.org)/")
_UNREAD = 1_000
# The constraints for which Terraform installs release 0.10.1 of the AVM module, the one that differs.
_AVM_0_10_1 = regex(r"^\s*(?:<?=\s*)?0\.10\.1\s*$|<\s*0\.10\.2|<=\s*0\.10\.1")


class Root(NamedTuple):
    """A module that is evaluated on its own. ``path`` is what reports call its folder, ``size`` its files' bytes.

    ``published``: only its own examples and tests call it, so callers elsewhere pass other arguments.
    """

    path: str
    directory: str
    is_explicit: bool
    size: int
    published: bool = False


class Roots(NamedTuple):
    """``found`` are evaluated; ``other`` are the paths of modules without anything to evaluate.

    ``rendered`` are patterns of the paths of the files that ``templatefile()`` reads.
    """

    found: list[Root]
    other: list[str]
    rendered: list[re.Pattern[str]]


class _ModuleScan(NamedTuple):
    calls: set[str]
    matters: bool
    size: int
    rendered: list[re.Pattern[str]]


def roots_of(sources: Sequence[Source], types: Collection[str] | None, also_called: Collection[str] = ()) -> Roots:
    """Return the root modules among the files of a scan, in their order.

    ``types`` are the Azure types that rules evaluate; None selects every type. A module that others call, including
    ``also_called``, is evaluated through its callers, unless the user named one of its files, or only its own examples
    and tests call it. One of the modules that only call each other in a cycle is evaluated for all of them.
    """
    folders: dict[str, list[Source]] = {}
    for source in sources:
        if is_module_file(os.path.basename(source.file)):
            folders.setdefault(os.path.dirname(source.file), []).append(source)
    if not folders:
        return Roots([], [], [])
    words = _words(types)
    scanned = {directory: _scan(directory, files, words) for directory, files in folders.items()}
    calls = {directory: found.calls for directory, found in scanned.items()}
    called = called_by_others(calls)
    published = called_by_examples(called, calls).difference(also_called)
    called.update(also_called)
    roots = Roots([], [], [pattern for found in scanned.values() for pattern in found.rendered])
    for directory, files in folders.items():
        is_explicit = any(source.is_explicit for source in files)
        if directory in called and not is_explicit and directory not in published:
            continue
        path = os.path.dirname(files[0].path) or "."
        if is_explicit or _reaches(directory, scanned):
            is_published = directory in published and not is_explicit
            roots.found.append(Root(path, directory, is_explicit, scanned[directory].size, is_published))
        else:
            roots.other.append(path)
    return roots


def _words(types: Collection[str] | None) -> re.Pattern[bytes]:
    """Return a pattern that the text of every module matches that declares a resource to evaluate."""
    lower = None if types is None else {type_.lower() for type_ in types}
    names = [name for name, mapped in RESOURCES.items() if lower is None or mapped.type.lower() in lower]
    words = sorted({*names, *WITH_TEMPLATE, "azapi_", *(f"azurerm_{word}" for word in LOOKS_LIKE_VAULT)})
    return re.compile("|".join(words).encode())


def _scan(directory: str, files: Iterable[Source], words: re.Pattern[bytes]) -> _ModuleScan:
    """Return what a module calls, and whether it declares a resource to evaluate; an unreadable file may."""
    calls: set[str] = set()
    matters = False
    size = 0
    rendered: list[re.Pattern[str]] = []
    for source in files:
        data = _text(source.file)
        size += len(data or b"")
        matters = matters or data is None or _is_hidden(data) or words.search(data) is not None
        if data is None:
            continue
        if b"template" in data:
            rendered += [_file_pattern(directory, one or other) for one, other in _RENDERED.findall(data)]
        if b"module" not in data:
            continue
        # What stands before the first call calls nothing.
        for call in _CALL.split(_without_comments(data))[1:]:
            named = _SOURCE.findall(call)
            beside = [one for one in named if _LOCAL.fullmatch(one)]
            # A module that is installed, or not available, may declare anything.
            matters = matters or not named or len(beside) < len(named)
            for one in beside:
                relative = one.decode("utf-8", "replace").replace("\\", "/")
                calls.add(recorded_real_path(os.path.join(directory, relative)))
    return _ModuleScan(calls, matters, size, rendered)


def _file_pattern(directory: str, written: bytes) -> re.Pattern[str]:
    """Return a pattern of the real path that a name in a module means; what is not written out may be anything."""
    relative = _OF_MODULE.sub(b".", written)
    parts = [part.decode("utf-8", "replace") for part in _INTERPOLATED.split(relative)]
    # A mark in the place of what is not known, which normalizing leaves alone.
    path = os.path.normpath(os.path.join(directory, "\0".join(parts)))
    return re.compile("[^/]*".join(map(re.escape, path.replace(os.sep, "/").split("\0"))))


def _is_hidden(data: bytes) -> bool:
    """Return whether a text may hold words that no search finds: in UTF-16, or as escapes."""
    return b"\0" in data or b"\\u" in data


def _without_comments(data: bytes) -> bytes:
    """Return a text without the block comments and heredocs in it, which could hold what looks like a module call."""
    if b"/*" not in data and b"<<" not in data:
        return data
    return _IGNORED.sub(lambda found: b"" if found["ignored"] is not None else found[0], data)


def _text(file: str) -> bytes | None:
    """Return the content of a file; None if it cannot be read, or is too large to be looked through."""
    try:
        data = read_bytes(file, MAX_FILE)
    except InputError:
        return None
    FILE_BUFFER.keep(file, data)
    return data


def _reaches(directory: str, scanned: Mapping[str, _ModuleScan]) -> bool:
    """Return whether a module, or one that it calls, declares a resource to evaluate. One outside of the scan may."""
    waiting, seen = [directory], {directory}
    while waiting:
        found = scanned.get(waiting.pop())
        if found is None or found.matters:
            return True
        waiting += found.calls - seen
        seen |= found.calls
    return False


def called_by_others(calls: Mapping[str, set[str]]) -> set[str]:
    """Return what is called by something else. Of those that only call each other in a circle, one is left out."""
    called = {callee for caller, callees in calls.items() for callee in callees if callee != caller}
    waiting = [one for one in calls if one not in called]
    reached: set[str] = set()
    for one in [*waiting, *calls]:
        if one in called and one not in reached:
            called.discard(one)
        todo = [one]
        while todo:
            here = todo.pop()
            if here not in reached:
                reached.add(here)
                todo.extend(calls.get(here, ()))
    return called


def called_by_examples(called: Collection[str], calls: Mapping[str, set[str]]) -> frozenset[str]:
    """Return those of the ``called`` folders, or files, that only examples and tests below their own folder call."""
    callers: dict[str, list[str]] = {}
    for caller, callees in calls.items():
        for callee in callees - {caller}:
            callers.setdefault(callee, []).append(caller)
    return frozenset(one for one in called if all(_is_example(caller, one) for caller in callers.get(one, ())))


def _is_example(caller: str, callee: str) -> bool:
    """Return whether a caller is in a folder for examples or tests below the folder of what it calls."""
    folder = os.path.dirname(callee) if os.path.splitext(callee)[1] == ".bicep" else callee
    steps = os.path.relpath(caller, folder).replace(os.sep, "/").lower().split("/")
    return steps[0] != ".." and not EXAMPLES.isdisjoint(steps)


class _Span(NamedTuple):
    """Releases from ``low`` to before ``high``. ``is_read``: their defaults are known, not their inputs alone."""

    low: Version
    high: Version
    is_read: bool = True


# The folder of each module below data/modules.
_FOLDERS: Mapping[str, str] = {
    "azure/avm-res-keyvault-vault/azurerm": "azure-avm-res-keyvault-vault",
    "claranet/keyvault/azurerm": "claranet-keyvault",
    "cloudnationhq/kv/azure": "cloudnationhq-kv",
    "libre-devops/keyvault/azurerm": "libre-devops-keyvault",
}
# Within a major version inputs keep their names; defaults may change, as one of claranet's did.
_SPANS: Mapping[str, tuple[_Span, ...]] = {
    "azure/avm-res-keyvault-vault/azurerm": (
        _Span((0, 5), (0, 12)),
        _Span((0, 12), (1, 0), is_read=False),
    ),
    "claranet/keyvault/azurerm": (
        _Span((8, 0), (8, _UNREAD)),
        _Span((8, _UNREAD), (9, 0), is_read=False),
    ),
    "cloudnationhq/kv/azure": (_Span((4, 0), (5, 0)),),
    "libre-devops/keyvault/azurerm": (
        _Span((4, 0), (4, 1)),
        _Span((4, 1), (5, 0), is_read=False),
    ),
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


def source_of(instance: ModuleScope, declaration: Declaration, at: Location) -> ModuleSource | None:
    """Return the module of a call; None, with a Problem, if it is not available or cannot be read."""
    piece = declaration.attributes.get("source")
    written = instance.evaluate(piece, {}) if piece is not None else None
    if isinstance(written, Unknown):
        text = f"the source of module `{declaration.local}` is unknown, so its resources are not evaluated"
        instance.run.report_note(text, at, _GIVE)
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


def _find(instance: ModuleScope, declaration: Declaration, source: str, at: Location) -> ModuleSource | None:
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


def _holds_module(directory: str) -> bool:
    return is_folder(directory) and bool(module_files(names_in(directory)))


def _load(instance: ModuleScope, directory: str) -> Folder:
    """Return the module in a folder. Raises InputError if there is none, or if it calls itself."""
    if any(directory == folder.directory for folder in (*instance.call.around, instance.folder)):
        raise InputError("the module calls itself")
    if not _holds_module(directory):
        raise InputError("the folder contains no Terraform files")
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
