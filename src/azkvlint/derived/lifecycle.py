"""Terraform's ``lifecycle`` blocks. The reader of source sets the attributes; a plan, a template and Bicep have none.

Source: developer.hashicorp.com/terraform/language/meta-arguments/lifecycle.
"""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.arguments import name_as_written
from azkvlint.derived.answers import absent, known, unknown
from azkvlint.derived.registry import ANY_TYPE, Context, derived
from azkvlint.graph.pseudo_resources import CERTIFICATES_TYPE, SECRETS_TYPE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Scalar, Value


@derived("preventDestroy", of=ANY_TYPE, label="prevent_destroy", reads={}, local_only=True)
def _prevent_destroy(resource: Resource, _: Context) -> Answer:
    return _in_lifecycle(resource, "preventDestroy")


@derived("ignoredChanges", of=ANY_TYPE, label="ignore_changes", reads={}, local_only=True)
def _ignored_changes(resource: Resource, _: Context) -> Answer:
    """Return the ignored attributes, with their arguments as notes."""
    found = resource.select(("derived", "ignoredChanges"))
    if not isinstance(found, ListValue):
        return _in_lifecycle(resource, "ignoredChanges")
    return msgspec.structs.replace(found, items=tuple(_with_argument(item, resource) for item in found.items))


# The attributes, or arguments without one, whose change replaces what an object is. The policy and the contents of a
# certificate are one thing: an authority issues what the policy requests.
_REPLACED_BY = {
    CERTIFICATES_TYPE: ("all", "properties", "properties.policy", "properties.value", "certificate"),
    SECRETS_TYPE: ("all", "properties"),
}


_READS = dict.fromkeys(_REPLACED_BY, (("derived", "ignoredChanges"),))


@derived("isReplaced", of=_REPLACED_BY, label="replaced outside the code", reads=_READS, local_only=True)
def _is_replaced(resource: Resource, _: Context) -> Answer:
    """Return whether the code only creates an object that is replaced later, as ``ignore_changes`` states.

    False for a plan, which has no ``lifecycle`` blocks: what it states is what is deployed.
    """
    ignored = resource.select(("derived", "ignoredChanges"))
    if not isinstance(ignored, ListValue):
        return known(resource, value=False)
    names = _REPLACED_BY.get(resource.type.lower(), ())
    found = next((item for item in ignored.items if item.text in names), None)
    return known(ignored if found is None else found, found is not None)


def _with_argument(item: Value, resource: Resource) -> Value:
    if not isinstance(item, Scalar):
        return item
    return msgspec.structs.replace(item, note=f"`{name_as_written(resource.declared_as, str(item.value))}`")


def _in_lifecycle(resource: Resource, name: str) -> Answer:
    # Azure's types have a slash; Terraform's resource types have none.
    is_terraform = "/" not in resource.declared_as and not resource.existing
    if not is_terraform or not isinstance(resource.select(("derived", name)), Absent):
        return absent(resource)
    return unknown(resource, "a plan does not contain `lifecycle` blocks")
