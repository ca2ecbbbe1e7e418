"""Reads an ARM template: the resources that rules read, and the problems."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.attribute_filter import attribute_filter
from azkvlint.readers.arm.collect_resources import ResourceCollector
from azkvlint.readers.arm.deployments import Deployment
from azkvlint.readers.arm.document_kinds import (
    find_template,
    looks_like_parameters,
    looks_like_template,
    mentions_template,
    scope_of_template,
)
from azkvlint.readers.arm.parameters import read_parameters, wrapped_parameters
from azkvlint.readers.arm.run import Load, Run, TemplateRead
from azkvlint.readers.arm.scenarios import ResourceDeclaration, Scenarios, skip
from azkvlint.readers.arm.template import Template
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError

__all__ = (
    "TemplateRead", "looks_like_parameters", "looks_like_template", "mentions_template", "read_parameters",
    "read_template",
)  # fmt: skip


@with_recursion_limit
def read_template(
    path: str, document: Document, required: RequiredAttributes, given: Mapping[str, Result], load: Load | None = None
) -> TemplateRead:
    """Read the template that ``document``, known as ``path``, is or wraps. Raises InputError if there is none.

    ``given`` holds values of parameters by name, such as those of a parameter file; they keep their own locations.
    ``load`` returns the linked template at a path relative to the folder of ``path``, or None.
    """
    found = find_template(document.value)
    if found is None:
        raise InputError("the file is not an ARM template")
    run = Run(path, document.text, attribute_filter(required), load)
    # A policy deploys what is missing beside things that others deploy.
    run.closed = not found.remedy
    values = {**wrapped_parameters(path, found.given, found.given_at), **given}
    lower = {name.lower(): value for name, value in values.items()}
    scope = scope_of_template(found.plain)
    template = Template(run, path, found.plain, found.pointer, lower.get, scope)
    deployment = template.references = Deployment(template, found.plain, found.pointer, scope)
    try:
        scenarios = Scenarios(deployment, bool(lower))
        ResourceCollector(run, scenarios, remedy=found.remedy).collect(deployment)
        scenarios.add_variants(run.resources)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the nesting is too deep"
        run.not_whole("error", why, Location(path=path, pointer=found.pointer))
        for symbol, plain, pointer in deployment.declarations():
            skip(
                ResourceDeclaration(deployment=deployment, symbol=symbol, plain=plain, pointer=pointer, above=None), why
            )
        return msgspec.structs.replace(run.done(), is_whole=False)
    return run.done()
