"""Parameter files (``.bicepparam``): which file they are for, and what they give its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.read import read_template
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.arm.statement_location import Shown
from azkvlint.readers.bicep import local_files, registry
from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.module_evaluation import Instance, Use
from azkvlint.readers.bicep.read import BicepRead, done, judged
from azkvlint.readers.bicep.run import BicepRun, ModuleCache
from azkvlint.readers.bicep.templates import template_in
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import reported_path

if TYPE_CHECKING:
    from azkvlint.syntax.json_decoder import Document

_MAX_EXTENDED = 20


class Values:
    """What a parameter file gives, its own values before those of the file that it extends."""

    def __init__(self, instance: Instance, base: Values | None) -> None:
        self.instance = instance
        self.base = base
        self.names = {name for name, node in instance.file.symbols.items() if isinstance(node, ast.Parameter)}

    def get(self, name: str, /) -> Result | None:
        """The value of one parameter; None if it is given none."""
        if name in self.names:
            return self.instance.value(name)
        return self.base.get(name) if self.base is not None else None

    def all(self) -> dict[str, Result]:
        """All values by name."""
        found = self.base.all() if self.base is not None else {}
        for name in sorted(self.names):
            value = self.instance.value(name)
            if value is not None:
                found[name] = value
        return found


@with_recursion_limit
def read_bicepparam(
    path: str, file: str, root: str, text: str, required: RequiredAttributes, cache: ModuleCache
) -> BicepRead:
    """Judge the file that a parameter file is for, with the values that it gives. See ``read_bicep``."""
    run = BicepRun(path, text, required, cache, root)
    parsed = cache.parsed(path, real_path(file) if file else "", text)
    try:
        values = _values(run, parsed, (parsed.file,))
        using = next(parsed.declared(ast.Using), None)
        if using is not None and using.path is not None:
            return _used(run, values, using.path)
    except InputError as error:
        run.not_whole("error", error.message, Location(path=path))
    return done(run)


def _values(run: BicepRun, file: File, chain: tuple[str, ...]) -> Values:
    """The values of a parameter file, and of those that it extends."""
    instance = Instance(file, run, Use(given={}, scope=Scope()))
    base: Values | None = None
    for node in file.declared(ast.Extends):
        path = node.path.value if isinstance(node.path, ast.Literal) else ""
        try:
            base = _extended(run, file, str(path), chain)
        except InputError as error:
            run.unreadable(f"the parameter file '{path}' cannot be read: {error.message}", instance.place(node))
    return Values(instance, base)


def _extended(run: BicepRun, file: File, path: str, chain: tuple[str, ...]) -> Values:
    """The values of the parameter file that ``path`` names. Raises InputError if it cannot be read."""
    found = local_files.load(run, file.file, path)
    if found.file in chain or len(chain) > _MAX_EXTENDED:
        raise InputError("it extends itself, or too many others")
    return _values(run, found, (*chain, found.file))


def _used(run: BicepRun, values: Values, node: ast.Expression) -> BicepRead:
    """Judge what ``using`` names."""
    instance = values.instance
    at = instance.place(node)
    path = node.value if isinstance(node, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path of the file that parameters are for must be a plain text", at)
        return done(run)
    try:
        return _judged(run, values, path, at)
    except InputError as error:
        run.unreadable(f"'{path}', which parameters are for, cannot be read: {error.message}", at)
        return done(run)


def _judged(run: BicepRun, values: Values, path: str, at: Location) -> BicepRead:
    """Judge the file or module that ``path`` names. Raises InputError if it cannot be read."""
    instance = values.instance
    if local_files.is_remote(path):
        cached = registry.cached(instance, path, at)
        return done(run) if cached is None else _template(run, values, template_in(run, cached), path, at)
    file = local_files.find(run, instance.file.file, path)
    if path.lower().endswith((".json", ".jsonc")):
        return _template(run, values, template_in(run, file), reported_path(run.root, file), None, file)
    read = judged(run, local_files.load(run, instance.file.file, path), values)
    read.used = file
    return read


def _template(
    run: BicepRun, values: Values, document: Document, path: str, at: Location | None, used: str = ""
) -> BicepRead:
    """Judge a compiled template. ``at``: where all of it is shown, if it lies where nobody edits it."""
    read = read_template(path, document, run.wanted.required, values.all())
    resources = read.resources
    if at is not None:
        shown = Shown(path, at)
        resources = {address: shown.resource(resource, ()) for address, resource in resources.items()}
    else:
        run.files.update(read.files)
    run.resources.update(resources)
    run.budget.secrets.texts |= read.secret_texts
    run.problems += [problem if at is None else shown.problem(problem) for problem in read.problems]
    run.closed = run.closed and read.closed
    return done(run, used)
