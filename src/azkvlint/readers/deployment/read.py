"""Read an ARM template: the resources that rules require, and the problems."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from azkvlint.evaluation.budget import Budget, UnitWork, with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.deployment.collect import Collector
from azkvlint.readers.deployment.collect_worlds import collect_worlds
from azkvlint.readers.deployment.declarations import needs_values
from azkvlint.readers.deployment.documents import FoundTemplate, find_template, problems_of_keys, scope_of_template
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity
from azkvlint.readers.deployment.skipped import skip_resource
from azkvlint.readers.deployment.symbols import DeploymentModuleCall
from azkvlint.readers.deployment.template_file import template_file
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.modules.required_members import AttributeFilter
from azkvlint.readers.modules.run import Load, Run, TemplateRead
from azkvlint.syntax.json_decoder import JsonDocument
from azkvlint.util.errors import InputError


@with_recursion_limit
def read_template(
    path: str,
    document: JsonDocument,
    required: RequiredAttributes,
    given: Mapping[str, Result],
    load: Load | None = None,
    unit: UnitWork | None = None,
) -> TemplateRead:
    """Read the template that ``document``, known as ``path``, is or wraps. Raises InputError if there is none.

    ``given`` holds values of parameters by name, such as those of a parameter file; they keep their own locations.
    ``load`` returns the linked template at a path relative to the folder of ``path``, or None. ``recorder`` may record
    which parameters are read.
    """
    found = find_template(document.value)
    if found is None:
        raise InputError("the file is not an ARM template")
    budget = Budget(len(document.text), unit=unit)
    run = Run(path, document.text, required.form(AttributeFilter), load, budget, unit)
    run.problems += problems_of_keys(path, document)
    # A policy deploys what is missing beside things that others deploy.
    run.closed = not found.remedy
    values = {**_wrapped(path, found), **given}
    file = template_file(run, path, found.plain, found.pointer)
    call = DeploymentModuleCall(
        given=GivenValues(values), scope=scope_of_template(found.plain), is_root=True, shows_outputs=not found.remedy
    )
    instance = TemplateInstance(file, run, call)
    run.recorder.declare(node.name for node in file.parameters)
    is_for_callers = not values and not found.remedy and needs_values(instance, file.parameters)
    try:
        make = partial(Collector, _deploy_held_by)
        variants = collect_worlds(instance, lambda: TemplateInstance(file, run, call), make)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the nesting is too deep"
        run.not_whole("error", why, Location(path=path, pointer=found.pointer))
        for node in file.resources():
            skip_resource(run, file, node, node.name, why)
        return msgspec.structs.replace(run.done(), is_whole=False)
    return msgspec.structs.replace(run.done(), is_for_callers=is_for_callers, variants=variants)


def _wrapped(path: str, found: FoundTemplate) -> Mapping[str, Result]:
    """Return the arguments of parameters in what wraps a template."""
    if not found.given:
        return {}
    from azkvlint.readers.deployment.parameter_files import wrapped_parameters  # few templates are wrapped

    return wrapped_parameters(path, found.given, found.given_at)


def _deploy_held_by(collector: Collector, entity: DeploymentResourceEntity, conditions: frozenset[str]) -> None:
    from azkvlint.readers.deployment.embedded import deploy_held_by  # few templates have such resources

    deploy_held_by(collector, entity, conditions)


class GivenValues:
    """Values of parameters from outside, by names whose case does not matter."""

    def __init__(self, values: Mapping[str, Result]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def get(self, name: str, /) -> Result | None:
        """Return the value of one parameter; None if there is none."""
        return self._values.get(name.lower())
