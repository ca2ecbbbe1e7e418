"""The types of resources that contain templates, and where."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

_Path: TypeAlias = tuple[str, ...]
DEPLOYMENTS = "microsoft.resources/deployments"
STACKS = "microsoft.resources/deploymentstacks"
SPECS = "microsoft.resources/templatespecs/versions"
POLICIES = "microsoft.authorization/policydefinitions"
BLUEPRINTS = "microsoft.blueprint/blueprints/artifacts"
APPLICATIONS = "microsoft.solutions/applicationdefinitions"
# What a policy deploys where a resource is missing.
REMEDY: _Path = ("then", "details", "deployment", "properties")


class Holder(msgspec.Struct, frozen=True, gc=False):
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
    # The template of a managed application may be in a package instead.
    APPLICATIONS: Holder(("mainTemplate",), condition="is deployed", is_optional=True),
}
