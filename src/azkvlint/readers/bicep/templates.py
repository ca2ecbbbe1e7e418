"""ARM templates as modules: JSON files beside a Bicep file, and what ``bicep restore`` left of registry modules."""

from __future__ import annotations

from azkvlint.evaluation.reads import inputs_of
from azkvlint.evaluation.values import Result
from azkvlint.readers.bicep.files import BicepRun, template_in
from azkvlint.readers.bicep.identity import called_scope
from azkvlint.readers.deployment.declarations import is_decorated
from azkvlint.readers.deployment.documents import StatementLocations, find_template, problems_of_keys, schema_of
from azkvlint.readers.deployment.modules import DeploymentModuleEntity, ModuleArguments
from azkvlint.readers.deployment.scope import GROUP
from azkvlint.readers.deployment.symbols import DeploymentModuleCall, FileInstance
from azkvlint.readers.deployment.template_file import template_file
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import reported_path


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

    def content_of(self, module: DeploymentModuleEntity) -> FileInstance | None:
        """Return the template with the arguments of ``module``."""
        found = find_template(self.document.value)
        if found is None:
            return None
        instance = module.instance
        run = instance.run
        run.count_deployment()
        if not self.name:
            if self.path not in run.files:
                run.problems += problems_of_keys(self.path, self.document)
            run.add_text(self.path, self.document.text)
        scope, read = run.recorder.of(called_scope, module, schema_of(found.plain) or GROUP)
        file = template_file(run, self.path, found.plain, found.pointer)
        arguments = module.arguments()
        call = DeploymentModuleCall(
            given=_IgnoringCase(arguments),
            scope=scope,
            prefix=f"{module.address}.",
            deployment=module.deployment,
            callers=module.callers,
            chain=(self.path,),
            module=module,
            may_vary=False,
        )
        template = TemplateInstance(file, run, call)
        template.scope_read = inputs_of(read)
        if self.name:
            template.relocation = StatementLocations(self.name, instance.reported_location(module.at))
        for name in arguments.names():
            node = file.parameter(name)
            if node is not None and is_decorated(node.decorators, "secure"):
                arguments.hide(name)
        return template


class _IgnoringCase:
    """Arguments by names whose case does not matter, as in templates."""

    def __init__(self, arguments: ModuleArguments) -> None:
        self._arguments = arguments
        self._names = {name.lower(): name for name in arguments.names()}

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""
        return self._arguments.get(self._names.get(name.lower(), name))
