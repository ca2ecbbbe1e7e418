"""Detection of templates and parameter files in JSON, and of templates that other resources hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.evaluation.values import Fields, Result, find_field, wrap
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm.scope import GROUP, MANAGEMENT_GROUP, SUBSCRIPTION, TENANT, Scope
from azkvlint.readers.arm.template_json import Pointer, key_of, member
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
}


class HeldTemplate(msgspec.Struct, frozen=True, gc=False):
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


_SCHEMAS = {
    "tenantdeploymenttemplate.json": TENANT,
    "managementgroupdeploymenttemplate.json": MANAGEMENT_GROUP,
    "subscriptiondeploymenttemplate.json": SUBSCRIPTION,
    "deploymenttemplate.json": GROUP,
}
_PARAMETERS = "deploymentparameters.json"
# Where others wrap a template: a Blueprint artifact, and a policy that deploys something (as a file, and bare).
_WRAPPED = (("properties",), ("properties", "policyRule", *REMEDY), ("policyRule", *REMEDY), REMEDY)


class FoundTemplate(msgspec.Struct, frozen=True):
    """A template at ``pointer``. ``given``: the arguments in its wrapping, at ``given_at``."""

    plain: Mapping[str, Any]
    pointer: Pointer = ()
    given: Any = None
    given_at: Pointer = ()
    remedy: bool = False


def mentions_template(data: bytes) -> bool:
    """Return whether a file may be a template, without decoding it; if it cannot be decoded, that is a problem.

    A template names its schema, or else has resources with API versions or types of Microsoft's. Little other JSON
    does: whether it is a template is seen once it is decoded.
    """
    if b"\0" in data[:4]:
        data = data.replace(b"\0", b"")
    lower = data.lower()
    if b"deploymenttemplate.json" in lower:
        return True
    return b'"resources"' in lower and (b'"apiversion"' in lower or b'"microsoft.' in lower)


def looks_like_template(value: Any) -> bool:
    """Return whether decoded JSON is an ARM template, or wraps one."""
    return find_template(value) is not None


def find_template(value: Any) -> FoundTemplate | None:
    """Return the template that decoded JSON is or wraps; None if there is none."""
    if not isinstance(value, dict):
        return None
    if schema_of(value) or _has_resources(value):
        return FoundTemplate(value)
    for steps in _WRAPPED:
        pointer: Pointer = ()
        plain: Any = value
        for step in steps:
            key = key_of(plain, step) if isinstance(plain, dict) else None
            if key is None:
                break
            plain, pointer = plain[key], (*pointer, key)
        else:
            found = _inner(plain, pointer, remedy=len(steps) > 1)
            if found is not None:
                return found
    return None


def _inner(plain: Any, pointer: Pointer, remedy: bool) -> FoundTemplate | None:
    key = key_of(plain, "template") if isinstance(plain, dict) else None
    if key is None or not isinstance(plain[key], dict) or not (schema_of(plain[key]) or _has_resources(plain[key])):
        return None
    given = key_of(plain, "parameters")
    return FoundTemplate(
        plain[key], (*pointer, key), plain[given] if given is not None else None,
        (*pointer, given) if given is not None else pointer, remedy,
    )  # fmt: skip


def schema_of(plain: Mapping[str, Any]) -> str:
    """Return the scope level that a template's schema names; empty if it names none."""
    schema = member(plain, "$schema")
    if not isinstance(schema, str):
        return ""
    return _SCHEMAS.get(schema.lower().rstrip("#").rpartition("/")[2], "")


def scope_of_template(plain: Mapping[str, Any]) -> Scope:
    """Return the scope of a root template, of which only the level is known."""
    return Scope(schema_of(plain) or GROUP)


def _has_resources(plain: Mapping[str, Any]) -> bool:
    """Return whether a document has resources in template form, with an Azure type and an API version.

    Examples often omit the API version. A list of resources from Azure has IDs and is not a template.
    """
    resources = member(plain, "resources")
    if not isinstance(resources, list | dict):
        return False
    for resource in resources if isinstance(resources, list) else resources.values():
        type_ = member(resource, "type")
        if isinstance(type_, str) and "/" in type_:
            if isinstance(member(resource, "apiVersion"), str):
                return True
            if type_.lower().startswith("microsoft.") and member(resource, "id") is None:
                return True
    return False


def looks_like_parameters(value: Any) -> bool:
    """Return whether decoded JSON is a parameter file."""
    if not isinstance(value, dict):
        return False
    schema, parameters = member(value, "$schema"), member(value, "parameters")
    if isinstance(schema, str) and schema.lower().rstrip("#").endswith(_PARAMETERS):
        return True
    if not isinstance(parameters, dict) or member(value, "resources") is not None or not parameters:
        return False
    return all(
        member(given, "value") is not None or member(given, "reference") is not None
        or (isinstance(given, dict) and key_of(given, "value") is not None)
        for given in parameters.values()
    )  # fmt: skip
