"""ARM templates as modules: JSON files beside a Bicep file, and what ``bicep restore`` left of registry modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from azkvlint.evaluation.values import Result
from azkvlint.readers.arm.deployment_resources import Level, Place
from azkvlint.readers.arm.document_kinds import find_template, scope_of_template
from azkvlint.readers.arm.evaluated_resource import Instance
from azkvlint.readers.arm.nested_deployments import Nested
from azkvlint.readers.arm.read import Walk
from azkvlint.readers.arm.statement_location import Shown
from azkvlint.readers.arm.template import Template
from azkvlint.readers.bicep.identity import module_scope
from azkvlint.syntax.json_decoder import Document, decode
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_files import MAX_FILE, read_bytes, reported_path

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module import Arguments, ModuleEntity
    from azkvlint.readers.bicep.run import BicepRun
    from azkvlint.readers.bicep.sources import Content


class TemplateSource:
    """A template in the file ``file``. ``name`` is its reference if it lies outside the project.

    Nobody edits such a template where it lies, so all it says is shown at the statement that uses it. Raises
    InputError for a file that holds no template.
    """

    def __init__(self, run: BicepRun, file: str, name: str = "") -> None:
        self.name = name
        self.path = name or reported_path(run.root, file)
        self.document = template_in(run, file)
        if find_template(self.document.value) is None:
            raise InputError("it is no ARM template")

    def use(self, module: ModuleEntity) -> Content | None:
        """The template with what ``module`` gives it."""
        found = find_template(self.document.value)
        if found is None:
            return None
        instance = module.instance
        run = instance.run
        run.count_deployment()
        if not self.name:
            run.add_text(self.path, self.document.text)
        own = scope_of_template(found.plain)
        scope = module_scope(module.body.get("scope"), instance.scope, own.level, module.address)
        prefix, arguments = f"{module.address}.", module.given()
        template = Template(run, self.path, found.plain, found.pointer, _given(arguments), scope, prefix)
        for name in arguments.names():
            if template.declared(name.lower())[0]:
                arguments.hide(name)
        place = Place(address=prefix, callers=module.callers, chain=(self.path,), deployment=module.deployment)
        level = template.level = Level(template, found.plain, found.pointer, scope, place)
        return _Used(module, level, self.name)


def template_in(run: BicepRun, file: str) -> Document:
    """A JSON file, decoded once a run. Raises InputError if it cannot be read."""
    key = f"template:{file}"
    found = cached(run.cache.data, key, lambda: _decoded(file))
    if isinstance(found, InputError):
        raise found
    return cast("Document", found)


def _decoded(file: str) -> Document | InputError:
    try:
        return decode(read_bytes(file, MAX_FILE))
    except InputError as error:
        return error


def _given(arguments: Arguments) -> Callable[[str], Result | None]:
    """The arguments by the lower case of their names: templates do not care for it."""
    names = {name.lower(): name for name in arguments.names()}
    return lambda name: arguments.get(names.get(name.lower(), name))


class _Used:
    """A template in one use."""

    def __init__(self, module: ModuleEntity, level: Level, name: str) -> None:
        self.module = module
        self.level = level
        self.name = name
        self._nested = Nested(Instance(level, {}, (), {}), level, {})

    def output(self, name: str) -> Result | None:
        """See Content."""
        return self._nested.output(name)

    def lower(self, conditions: frozenset[str]) -> None:
        """See Content."""
        run = self.module.instance.run
        self.level.conditions = conditions
        problems, known = len(run.problems), len(run.resources)
        Walk(run).level(self.level)
        if not self.name:
            return
        instance = self.module.instance
        shown = Shown(self.name, instance.shown(self.module.at))
        for address in list(run.resources)[known:]:
            run.resources[address] = shown.resource(run.resources[address], instance.use.callers)
        for number in range(problems, len(run.problems)):
            run.problems[number] = shown.problem(run.problems[number])
