"""The files of one root Bicep document: the state that they share, and the other files that they name.

These are modules beside them or in registries, and what ``loadTextContent`` and similar functions read. Modules in
registries are what ``bicep restore`` has left on this machine, or what is known of the module.

The Bicep CLI keeps an artifact in ``br/REGISTRY/PATH/TAG$`` of its cache, ``/`` in the path and ``:`` in the registry
replaced by ``$``; the tag is followed by ``$`` and the positions of its capital letters. Template specs are in
``ts/SUBSCRIPTION/GROUP/NAME/VERSION``. Source: github.com/Azure/bicep, src/Bicep.Core/Registry; of the functions that
read files: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from azkvlint.evaluation.budget import Budget, UnitWork
from azkvlint.evaluation.reads import Inputs, Recorder
from azkvlint.evaluation.values import Fields, Items, Result, as_fallback, is_large, plain_of, unknown_in, wrap
from azkvlint.model.finding import INPUT_INCOMPLETE, INPUT_UNREADABLE, Problem
from azkvlint.model.location import Location, Region
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.bicep.document import BicepDocument, read_file
from azkvlint.readers.deployment.declarations import SecureParts
from azkvlint.readers.deployment.symbols import FileInstance
from azkvlint.readers.missing_modules import source_name, why_missing
from azkvlint.readers.modules.required_members import AttributeFilter
from azkvlint.readers.modules.run import Run
from azkvlint.syntax import ast
from azkvlint.syntax.texts import Lines, decoded, parsed_texts, source_text
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import expand_home, is_within, leads_into_git, real_path
from azkvlint.util.project_files import (
    MAX_FILE,
    bicep_entries,
    bicep_module,
    exists,
    is_file,
    list_names,
    read_bytes,
    recorded_real_path,
    reported_path,
    resolve_inside,
)

if TYPE_CHECKING:
    from azkvlint.syntax.json_decoder import JsonDocument
    from azkvlint.syntax.yaml_nodes import Node

MAX_FAULTS = 20
_REGISTRIES = ("br:", "br/", "ts:", "ts/", "oci:")


class ModuleCache:
    """The files that one run of kvlint read, by absolute path, so that each is read and parsed once."""

    def __init__(self) -> None:
        self.files: dict[str, BicepDocument | InputError] = {}
        self.data: dict[str, object] = {}
        # The real paths of references, by root, folder and path; None for those that lead out of the project.
        self.paths: dict[tuple[str, str, str], str | None] = {}
        self._roots: dict[str, str] = {}

    def real(self, root: str) -> str:
        """Return the real path of the root of a run; empty if it has none."""
        if root not in self._roots:
            self._roots[root] = real_path(root) if root else ""
        return self._roots[root]

    def parse(self, path: str, file: str, text: str) -> BicepDocument:
        """Return the parsed Bicep file; ``file`` is empty if the text does not come from a file.

        The result is not cached, because most files that are evaluated by themselves are not modules.
        """
        found = self.files.get(file)
        if not isinstance(found, BicepDocument) or found.text != text or found.path != path:
            found = parsed_texts().parsed(read_file, path, file, text)
        return found

    def load(self, path: str, file: str) -> BicepDocument:
        """Return the Bicep file ``file``, known in reports as ``path``. Raises InputError if it cannot be read."""
        found = cached(self.files, file, lambda: _read_cached(path, file))
        if isinstance(found, InputError):
            raise found
        return found


def _read_cached(path: str, file: str) -> BicepDocument | InputError:
    try:
        return parsed_texts().parsed(read_file, path, file, source_text(read_bytes(file, MAX_FILE)))
    except InputError as error:
        return error


class BicepRun(Run):
    """The state of one root document. No file outside ``root`` is read.

    ``loaded`` is the data of JSON files by their real paths, ``deployed`` are those that hold a template that a
    resource deploys.
    """

    def __init__(
        self,
        path: str,
        text: str,
        required: RequiredAttributes,
        cache: ModuleCache,
        root: str,
        unit: UnitWork | None = None,
    ) -> None:
        super().__init__(path, text, required.form(AttributeFilter), None, Budget(len(text), unit=unit), unit)
        self.text = text
        self.cache = cache
        self.root = cache.real(root)
        self.imported: dict[str, object] = {}
        # The secure parts of types by their identity, with the type, so that its identity stays unique.
        self.secure_types: dict[int, tuple[ast.Type, SecureParts | None]] = {}
        self.sources: dict[str, BicepDocument] = {}
        self.loaded: dict[str, object] = {}
        self.deployed: set[str] = set()
        self.skipped_files: set[str] = set()

    def in_world(self, budget: Budget, recorder: Recorder, changed: Inputs) -> Self:
        """See Run."""
        other = super().in_world(budget, recorder, changed)
        other.imported = {}
        return other

    def add(self, file: BicepDocument) -> None:
        """Add a file in which locations may be reported, and report its syntax errors."""
        if file.path in self.sources:
            return
        self.sources[file.path] = file
        self.add_text(file.path, file.text)
        faults = file.parsed.faults
        if not faults:
            return
        self.closed = False
        lines = Lines(file.text)
        for fault in faults[:MAX_FAULTS]:
            at = Location(path=file.path, region=lines.region(fault.at, fault.at), span=(fault.at, fault.at))
            self.problems.append(Problem(code=INPUT_UNREADABLE, level="error", message=fault.message, at=at))

    def record_deployed(self, *values: Result | None) -> None:
        """Record the files whose content is deployed."""
        for value in values if self.loaded else ():
            if isinstance(value, Fields) and not is_large(value) and unknown_in(value) is None:
                plain = plain_of(value)
                self.deployed |= {file for file, loaded in self.loaded.items() if loaded == plain}

    def unreadable(self, message: str, at: Location) -> None:
        """Report a part that cannot be read, in which more resources may be declared."""
        self.closed = False
        self.problem(INPUT_UNREADABLE, "error", message, at)


def is_remote(path: str) -> bool:
    """Return whether a reference names an artifact in a registry, not a file."""
    return path.startswith(_REGISTRIES)


def find(run: BicepRun, around: str, path: str) -> str:
    """Return the real path of the file that ``path`` names in ``around``. Raises InputError outside the project."""
    if not around:
        raise InputError("the calling file is not in a folder")
    folder = os.path.dirname(around)
    file = cached(run.cache.paths, (run.root, folder, path), lambda: resolve_inside(run.root, folder, path))
    if file is None:
        raise InputError("the path is outside the project")
    return file


def load(run: BicepRun, around: str, path: str) -> BicepDocument:
    """Return the Bicep file that ``path`` names in the file ``around``. Raises InputError if it is unreadable."""
    file = find(run, around, path)
    return run.cache.load(reported_path(run.root, file), file)


def template_in(run: BicepRun, file: str) -> JsonDocument:
    """Return a JSON file, decoded once a run. Raises InputError if it cannot be read."""
    key = f"template:{file}"
    found = cached(run.cache.data, key, lambda: _decode_template(file))
    if isinstance(found, InputError):
        raise found
    return cast("JsonDocument", found)


def _decode_template(file: str) -> JsonDocument | InputError:
    from azkvlint.syntax.json_decoder import decode

    try:
        return decode(read_bytes(file, MAX_FILE))
    except InputError as error:
        return error


def missing_reason(run: BicepRun, around: str, path: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a file that is missing for a good reason; None if there is none.

    It is in a git submodule that is not fetched, or an example or a test lacks it.
    """
    file = os.path.normpath(os.path.join(os.path.dirname(around), path))
    if not around or is_remote(path) or is_file(file):
        return None
    return why_missing(file, around, run.root)


class ParameterFile:
    """The values of a parameter file, its own before those of the file that it extends."""

    def __init__(self, instance: FileInstance, file: BicepDocument, base: ParameterFile | None) -> None:
        self.instance = instance
        self.file = file
        self.base = base
        self.names = {
            name for name, node in instance.file.symbols.items() if isinstance(node, ast.ParameterDeclaration)
        }

    def get(self, name: str, /) -> Result | None:
        """Return the value of one parameter; None if there is none."""
        if name in self.names:
            found = self.instance.value(name)
            return as_fallback(found) if _reads_environment(self.instance.file.symbols[name]) else found
        return self.base.get(name) if self.base is not None else None

    def all_values(self) -> dict[str, Result]:
        """Return all values by name."""
        found = self.base.all_values() if self.base is not None else {}
        for name in sorted(self.names):
            value = self.instance.value(name)
            if value is not None:
                found[name] = value
        return found


def _reads_environment(node: object) -> bool:
    """Return whether a parameter is a variable of the environment, or its default."""
    value = node.default if isinstance(node, ast.ParameterDeclaration) else None
    return isinstance(value, ast.Call) and value.name == "readEnvironmentVariable"


LOADING_FUNCTIONS = frozenset(
    {"loadTextContent", "loadJsonContent", "loadYamlContent", "loadFileAsBase64", "loadDirectoryFileInfo"}
)
# Bicep loads at most 131,072 characters of text, and 96 KB of other files.
_MAX_CONTENT = 1_000_000
_MAX_FILES = 10_000
_INDEX = regex(r"[0-9]{1,9}")


def load_content(run: BicepRun, file: BicepDocument, name: str, arguments: Sequence[Result], at: Location) -> Result:
    """Return the result of a call. Unreadable files are Unknown, with a Problem; files outside are never read."""
    known = [argument.value if isinstance(argument, Scalar) else None for argument in arguments]
    if not known or not isinstance(known[0], str):
        doubt = arguments[0] if arguments and isinstance(arguments[0], Unknown) else None
        return Unknown(at=at, why=doubt.why if doubt is not None else f"`{name}()` expects the path of a file")
    try:
        found = find(run, file.file, known[0])
        if name == "loadDirectoryFileInfo":
            return _directory(run.root, found, known[1] if len(known) > 1 else None, at)
        plain = _cached_content(run, name, found)
        if name == "loadJsonContent":
            run.loaded[found] = plain
        if len(known) > 1 and name in ("loadJsonContent", "loadYamlContent"):
            plain = _at_path(plain, known[1])
    except InputError as error:
        why = f"the file in `{name}('{known[0]}')` cannot be loaded: {error.message}"
        run.problem(INPUT_INCOMPLETE, "warning", why, at)
        return Unknown(at=at, why=why)
    return wrap(plain, at)


def _cached_content(run: BicepRun, name: str, file: str) -> Any:
    """Return the plain data of a file, read once a run."""
    key = f"{name}:{file}"
    found = cached(run.cache.data, key, lambda: _read_content(name, file))
    if isinstance(found, InputError):
        raise found
    return found


def _read_content(name: str, file: str) -> Any:
    """Return the plain data of a file, or the error."""
    try:
        return _content(name, read_bytes(file, _MAX_CONTENT))
    except InputError as error:
        return error


def _content(name: str, data: bytes) -> Any:
    if name == "loadFileAsBase64":
        from base64 import b64encode

        return b64encode(data).decode("ascii")
    if name == "loadTextContent":
        return decoded(data)
    if name == "loadJsonContent":
        from azkvlint.syntax.json_decoder import decode

        return decode(data).value
    return _yaml(decoded(data))


def _yaml(text: str) -> Any:
    """Return YAML as plain data. Raises InputError for invalid YAML, or features that plain data does not need."""
    from azkvlint.syntax.yaml_nodes import compose

    document = compose(text)
    if document.faults:
        raise InputError(f"the file is not valid YAML: {document.faults[0].text}")
    return None if document.root is None else _plain(document.root)


def _plain(node: Node) -> Any:
    from azkvlint.syntax.yaml_nodes import ListNode, MapNode

    if isinstance(node, MapNode):
        return {str(key.value): _plain(item) for key, item in node.entries}
    return [_plain(item) for item in node.items] if isinstance(node, ListNode) else node.value


def _at_path(plain: Any, path: object) -> Any:
    """Return the part of JSON data at a JSONPath. Only names and numbers are supported."""
    if not isinstance(path, str):
        raise InputError("the second argument is not a path")
    steps = path.removeprefix("$").replace("[", ".").replace("]", "").split(".")
    for step in (step.strip("'\"") for step in steps if step):
        if isinstance(plain, dict) and step in plain:
            plain = plain[step]
        elif isinstance(plain, list) and _INDEX.fullmatch(step) and int(step) < len(plain):
            plain = plain[int(step)]
        else:
            raise InputError("the path in the file does not exist")
    return plain


def _directory(root: str, folder: str, pattern: object, at: Location) -> Result:
    """Return the files in a folder by name: see ``loadDirectoryFileInfo``."""
    from fnmatch import fnmatchcase

    expected = pattern if isinstance(pattern, str) else "*"
    try:
        names = sorted(name for name in list_names(folder) if fnmatchcase(name, expected))
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}") from error
    if len(names) > _MAX_FILES:
        raise InputError(f"the folder contains more than {_MAX_FILES:,} files")
    found: list[Result] = []
    for name in names:
        if is_file(os.path.join(folder, name)):
            relative = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            plain = {"baseName": name, "extension": os.path.splitext(name)[1], "relativePath": relative}
            found.append(wrap(plain, at))
    return Items(at=at, items=found)


_NAME = "bicepconfig.json"
_MAX_CONFIGURATION = 1_000_000
_PUBLIC = ("mcr.microsoft.com", "bicep")


def configuration(run: BicepRun, file: str) -> Mapping[str, Any]:
    """Return the nearest configuration above ``file`` inside the root; empty if there is none.

    One that cannot be read is a Problem.
    """
    folder = os.path.dirname(file)
    while file and run.root and is_within(folder, run.root):
        key = f"configuration:{folder}"
        found = cached(run.cache.data, key, partial(_read_configuration, os.path.join(folder, _NAME)))
        if isinstance(found, dict):
            return found
        if isinstance(found, InputError):
            at = _place(run.root, os.path.join(folder, _NAME), found)
            run.problem(INPUT_UNREADABLE, "error", found.message, at, found.hint or "")
            return {}
        folder, above = os.path.dirname(folder), folder
        if folder == above:
            break
    return {}


def _place(root: str, file: str, error: InputError) -> Location:
    """Return where a configuration cannot be read."""
    line, column = error.line or 1, error.column or 1
    region = None if error.line is None else Region(line, column, line, column)
    return Location(path=reported_path(root, file), region=region)


def _read_configuration(file: str) -> Any:
    """Return the content of a configuration, None if there is none, or InputError if it cannot be read."""
    if not exists(file):
        return None
    from azkvlint.syntax.json_decoder import decode

    try:
        plain = decode(read_bytes(file, _MAX_CONFIGURATION)).value
    except InputError as error:
        return error
    return plain if isinstance(plain, dict) else {}


def _alias(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Any = config
    for step in ("moduleAliases", kind, name):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def full_reference(config: Mapping[str, Any], reference: str) -> str | None:
    """Return a reference with its alias resolved: ``br:registry/path:tag``, or ``ts:...``; None if it is invalid.

    A reference without an alias stays as it is.
    """
    scheme, rest = reference[:2], reference[2:]
    if rest.startswith(":"):
        return reference
    alias, _, below = rest[1:].partition(":")
    if not below:
        return None
    if scheme == "ts":
        found = _alias(config, "ts", alias)
        subscription, group = found.get("subscription"), found.get("resourceGroup")
        whole = isinstance(subscription, str) and isinstance(group, str)
        return f"ts:{subscription}/{group}/{below}" if whole else None
    found = _alias(config, "br", alias)
    registry, path = found.get("registry"), found.get("modulePath")
    if not isinstance(registry, str):
        if alias != "public":
            return None
        registry, path = _PUBLIC
    middle = f"{path.strip('/')}/" if isinstance(path, str) and path else ""
    return f"br:{registry}/{middle}{below}"


def cache_roots(run: BicepRun, config: Mapping[str, Any]) -> list[str]:
    """Return the folders in which the Bicep CLI may keep restored modules, the most likely first.

    The folder that a configuration names is taken only inside the project or the user's home: a project must not make
    kvlint look anywhere else.
    """
    home = expand_home("~")
    found: list[str] = []
    named = config.get("cacheRootDirectory")
    if isinstance(named, str):
        folder, own_home = recorded_real_path(os.path.join(run.root, expand_home(named))), real_path(home)
        if any(folder != top and is_within(folder, top) for top in (run.root, own_home)) and not leads_into_git(folder):
            found.append(folder)
    own = os.environ.get("BICEP_CACHE_DIRECTORY")
    found += [own] if own else []
    return [*found, os.path.join(home, ".bicep")]


_HINT = "run `bicep restore` on the file, then run kvlint again"
_ARTIFACT = regex(r"br:([^/\s]++)/([^:@\s]++)(?::([\w.+-]{1,128})|@(sha256:[0-9a-f]{64}))")
_SPEC = regex(r"ts:([\w-]++)/([\w.()-]++)/([\w.()-]++):([\w.()-]++)")


def artifact(run: BicepRun, file: str, reference: str) -> tuple[str | None, str | None]:
    """Return the full reference that ``reference`` stands for in a file, and the restored template of it.

    Each is None if it is not available.
    """
    config = configuration(run, file)
    full = full_reference(config, reference)
    if full is None:
        return None, None
    return full, next(
        (found for root in cache_roots(run, config) if (found := _cached_artifact(root, full)) is not None), None
    )


def report_missing(run: BicepRun, reference: str, at: Location) -> None:
    """Report a module that is not restored."""
    text = f"module `{source_name(reference)}` is not restored, so its resources are not evaluated"
    run.missing_module(text, at, _HINT)


def _cached_artifact(root: str, reference: str) -> str | None:
    """Return the compiled template of an artifact in a cache of the Bicep CLI; None if it is not there."""
    spec = _SPEC.fullmatch(reference)
    if spec is not None:
        return bicep_module(root, "ts", *(part.lower() for part in spec.groups()))
    match = _ARTIFACT.fullmatch(reference)
    if match is None:
        return None
    registry, path, tag, digest = match.groups()
    above = ("br", registry.replace(":", "$").lower(), path.replace("/", "$"))
    if digest:
        return bicep_module(root, *above, digest.replace(":", "#"))
    names = [name for name in bicep_entries(os.path.join(root, *above)) if name.startswith(f"{tag}$")]
    return next((file for name in names if (file := bicep_module(root, *above, name)) is not None), None)
