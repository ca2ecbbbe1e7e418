"""Parameter files (``.bicepparam``): the file that they are for, and the arguments of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.read import read_template
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.arm.template_json import StatementLocations
from azkvlint.readers.bicep import file_contents, registry
from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.module_evaluation import ModuleInstance
from azkvlint.readers.bicep.read import BicepRead, finish, read_root
from azkvlint.readers.bicep.run import BicepRun, ModuleCache
from azkvlint.readers.bicep.symbols import ModuleCall, ParameterFile
from azkvlint.readers.bicep.templates import template_in
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import reported_path

if TYPE_CHECKING:
    from azkvlint.syntax.json_decoder import Document

_MAX_EXTENDED = 20


@with_recursion_limit
def read_bicepparam(
    path: str, file: str, root: str, text: str, required: RequiredAttributes, cache: ModuleCache
) -> BicepRead:
    """Read the file that a parameter file is for, with its values. See ``read_bicep``."""
    run = BicepRun(path, text, required, cache, root)
    parsed = cache.parse(path, real_path(file) if file else "", text)
    try:
        values = _values(run, parsed, (parsed.file,))
        using = next(parsed.declarations(ast.Using), None)
        if using is not None and using.path is not None:
            return _read_using(run, values, using.path)
    except InputError as error:
        run.not_whole("error", error.message, Location(path=path))
    return finish(run)


def _values(run: BicepRun, file: File, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of a parameter file and of those that it extends."""
    instance = ModuleInstance(file, run, ModuleCall(given={}, scope=Scope()))
    base: ParameterFile | None = None
    for node in file.declarations(ast.Extends):
        path = node.path.value if isinstance(node.path, ast.Literal) else ""
        try:
            base = _extended_file(run, file, str(path), chain)
        except InputError as error:
            run.unreadable(f"parameter file `{path}` cannot be read: {error.message}", instance.place(node))
    return ParameterFile(instance, base)


def _extended_file(run: BicepRun, file: File, path: str, chain: tuple[str, ...]) -> ParameterFile:
    """Return the values of the parameter file at ``path``. Raises InputError if it cannot be read."""
    found = file_contents.load(run, file.file, path)
    if found.file in chain or len(chain) > _MAX_EXTENDED:
        raise InputError("the file extends itself or too many others")
    return _values(run, found, (*chain, found.file))


def _read_using(run: BicepRun, values: ParameterFile, node: ast.Expression) -> BicepRead:
    """Read the file or module that ``using`` names."""
    instance = values.instance
    at = instance.place(node)
    path = node.value if isinstance(node, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path in `using` must be a string without expressions", at)
        return finish(run)
    try:
        return _read_used(run, values, path, at)
    except InputError as error:
        run.unreadable(f"`{path}`, named in `using`, cannot be read: {error.message}", at)
        return finish(run)


def _read_used(run: BicepRun, values: ParameterFile, path: str, at: Location) -> BicepRead:
    """Read the file or module that ``path`` names. Raises InputError if it cannot be read."""
    instance = values.instance
    if file_contents.is_remote(path):
        _, template = registry.artifact(run, instance.file.file, path)
        if template is None:
            registry.report_missing(run, path, at)
            return finish(run)
        return _read_used_template(run, values, template_in(run, template), path, at)
    file = file_contents.find(run, instance.file.file, path)
    if path.lower().endswith((".json", ".jsonc")):
        return _read_used_template(run, values, template_in(run, file), reported_path(run.root, file), None, file)
    read = read_root(run, file_contents.load(run, instance.file.file, path), values)
    read.used = file
    return read


def _read_used_template(
    run: BicepRun, values: ParameterFile, document: Document, path: str, at: Location | None, used: str = ""
) -> BicepRead:
    """Read a compiled template. ``at``: the location of all of it, if it is outside the project."""
    read = read_template(path, document, run.attribute_filter.required, values.all_values())
    resources = read.resources
    if at is not None:
        shown = StatementLocations(path, at)
        resources = {address: shown.resource(resource, ()) for address, resource in resources.items()}
    else:
        run.files.update(read.files)
    run.resources.update(resources)
    run.budget.secrets.texts |= read.secret_texts
    run.problems += [problem if at is None else shown.problem(problem) for problem in read.problems]
    run.closed = run.closed and read.closed
    return finish(run, used)
