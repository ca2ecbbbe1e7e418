"""ARM templates as modules: JSON files beside a Bicep file, and what ``bicep restore`` left of registry modules."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import cast

from azkvlint.evaluation.reads import inputs_of
from azkvlint.evaluation.values import Result
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.bicep.resource_symbols import called_scope
from azkvlint.readers.bicep.symbols import Arguments, Content, ModuleEntity
from azkvlint.readers.deployment.deployments import Deployment, DeploymentContext, EvaluatedResource, NestedDeployment
from azkvlint.readers.deployment.documents import StatementLocations, find_template, scope_of_template
from azkvlint.readers.deployment.read import ResourceCollector
from azkvlint.readers.deployment.template import Template
from azkvlint.syntax.json_decoder import Document, decode
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_files import MAX_FILE, read_bytes, reported_path


class TemplateSource:
    """A template in the file ``file``. ``name`` is its reference if it is outside the project.

    Such a template cannot be edited, so all of it is located at the module declaration. Raises
    InputError for a file that holds no template.
    """

    def __init__(self, run: BicepRun, file: str, name: str = "") -> None:
        self.name = name
        self.path = name or reported_path(run.root, file)
        self.document = template_in(run, file)
        if find_template(self.document.value) is None:
            raise InputError("the file is not an ARM template")

    def content_of(self, module: ModuleEntity) -> Content | None:
        """Return the template with the arguments of ``module``."""
        found = find_template(self.document.value)
        if found is None:
            return None
        instance = module.instance
        run = instance.run
        run.count_deployment()
        if not self.name:
            if self.path not in run.files:
                run.report_repeated(self.path, self.document)
            run.add_text(self.path, self.document.text)
        own = scope_of_template(found.plain)
        scope, read = run.recorder.of(called_scope, module, own.level)
        prefix, arguments = f"{module.address}.", module.arguments()
        template = Template(run, self.path, found.plain, found.pointer, _argument_lookup(arguments), scope, prefix)
        for name in arguments.names():
            if template.secret_and_default(name.lower())[0]:
                arguments.hide(name)
        context = DeploymentContext(
            address=prefix, callers=module.callers, chain=(self.path,), deployment_path=module.deployment
        )
        level = template.references = Deployment(template, found.plain, found.pointer, scope, context)
        template.opened = level.opened = inputs_of(read)
        return DeployedTemplate(module, level, self.name)


def template_in(run: BicepRun, file: str) -> Document:
    """Return a JSON file, decoded once a run. Raises InputError if it cannot be read."""
    key = f"template:{file}"
    found = cached(run.cache.data, key, lambda: _decode(file))
    if isinstance(found, InputError):
        raise found
    return cast("Document", found)


def _decode(file: str) -> Document | InputError:
    try:
        return decode(read_bytes(file, MAX_FILE))
    except InputError as error:
        return error


def _argument_lookup(arguments: Arguments) -> Callable[[str], Result | None]:
    """Return a lookup of the arguments that ignores case, as templates do."""
    names = {name.lower(): name for name in arguments.names()}
    return lambda name: arguments.get(names.get(name.lower(), name))


class DeployedTemplate:
    """A template with the arguments of one call."""

    def __init__(self, module: ModuleEntity, level: Deployment, name: str) -> None:
        self.module = module
        self.deployment = level
        self.name = name
        self._nested = NestedDeployment(EvaluatedResource(level, {}, (), {}), level, {})

    def output(self, name: str) -> Result | None:
        """See Content."""
        return self._nested.output(name)

    def collect(self, conditions: frozenset[str]) -> None:
        """Add what it deploys under ``conditions``."""
        run = self.module.instance.run
        self.deployment.conditions = conditions
        problems, known = len(run.problems), len(run.resources)
        ResourceCollector(run).collect(self.deployment)
        if not self.name:
            return
        instance = self.module.instance
        shown = StatementLocations(self.name, instance.reported_location(self.module.at))
        for address in list(islice(reversed(run.resources), len(run.resources) - known)):
            run.resources[address] = shown.resource(run.resources[address], instance.module_call.callers)
        for number in range(problems, len(run.problems)):
            run.problems[number] = shown.problem(run.problems[number])
