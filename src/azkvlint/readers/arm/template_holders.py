"""The types of resources that hold a template: deployments, deployment stacks, template specs, policy definitions.

Source: the schemas of these types on learn.microsoft.com/azure/templates.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from azkvlint.evaluation.values import Fields, Result, find_field, wrap
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.util.errors import InputError

_Path: TypeAlias = tuple[str, ...]
DEPLOYMENTS = "microsoft.resources/deployments"
STACKS = "microsoft.resources/deploymentstacks"
SPECS = "microsoft.resources/templatespecs/versions"
POLICIES = "microsoft.authorization/policydefinitions"
BLUEPRINTS = "microsoft.blueprint/blueprints/artifacts"
# What a policy deploys where a resource is missing.
REMEDY: _Path = ("then", "details", "deployment", "properties")


class Holder(NamedTuple):
    """Where a type holds its template, below ``properties``.

    ``above`` leads to the object in which the template is called by one of the ``names``, beside ``parameters``.
    ``condition`` is what has to happen before the template is deployed, if it is not deployed with its resource.
    ``is_optional``: most resources of the type have no template.
    """

    names: tuple[str, ...] = ("template",)
    above: _Path = ()
    condition: str = ""
    is_optional: bool = False


HOLDERS = {
    DEPLOYMENTS: Holder(),
    STACKS: Holder(),
    # Until 2021 the template of a template spec was called "template".
    SPECS: Holder(("mainTemplate", "template"), condition="is deployed"),
    POLICIES: Holder(above=("policyRule", *REMEDY), condition="is assigned", is_optional=True),
    BLUEPRINTS: Holder(condition="is assigned", is_optional=True),
}


class HeldTemplate(NamedTuple):
    """The template in a resource, its arguments, and the link to a template elsewhere."""

    template: Result | None
    given: Result | None
    link: Result | None


def held_template(holder: Holder, properties: Result | None) -> HeldTemplate:
    """Return what a resource with these ``properties`` holds; an unknown value holds unknown values.

    Raises InputError for a string that should be JSON.
    """
    outer = properties
    for name in holder.above:
        outer = decode_json(member_of(outer, name))
    found = (member_of(outer, name) for name in holder.names)
    template = next((one for one in found if one is not None and not isinstance(one, Absent)), None)
    return HeldTemplate(template, member_of(outer, "parameters"), member_of(outer, "templateLink"))


def member_of(value: Result | None, *names: str) -> Result | None:
    """Return a member of an object, or None; a member of an unknown value is that value."""
    for name in names:
        if isinstance(value, Fields):
            found = find_field(value, name)
            value = value.rest if found is None else found
        elif not isinstance(value, Unknown):
            return None
    return value


def decode_json(result: Result | None) -> Result | None:
    """Return the data of a JSON string of which parts may be unknown; anything else as it is. Raises InputError."""
    if isinstance(result, Unknown) and result.pattern and not result.sensitive:
        try:
            return wrap(decode_text(result.pattern).value, result.at)
        except InputError:
            return result
    if isinstance(result, Scalar) and isinstance(result.value, str):
        return wrap(decode_text(result.value).value, result.at, result.sensitive)
    return result
