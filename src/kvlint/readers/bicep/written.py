"""Templates that are written out as values in a Bicep file, in a ``Microsoft.Resources/deployments`` resource.

What they deploy is not judged: a module says the same, and says it on lines of its own. It is told instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvlint.expressions.values import Fields, Items, Result, field
from kvlint.model.value import Absent, Scalar, Unknown

if TYPE_CHECKING:
    from kvlint.readers.bicep.entities import ResourceEntity

DEPLOYMENTS = "microsoft.resources/deployments"
_KEY_VAULT = "microsoft.keyvault/"


def tell_of_template(entity: ResourceEntity) -> None:
    """Report what a deployment that is a resource deploys, unless its template deploys nothing."""
    run, whole = entity.instance.run, entity.body.whole()
    template = _below(_below(whole, "properties"), "template")
    resources = _below(template, "resources")
    if template is None or isinstance(template, Absent) or isinstance(resources, Unknown):
        run.not_whole("warning", f"what '{entity.address}' deploys is not known, so it was not judged", entity.at)
        return
    types = [_type(one) for one in _each(resources)]
    if any(type_ is None or type_.startswith((_KEY_VAULT, DEPLOYMENTS)) for type_ in types):
        text = f"the template written out in '{entity.address}' was not read, and may deploy a Key Vault resource"
        run.not_whole("error", text, entity.at, "make it a module")
    elif types:
        text = f"what the template written out in '{entity.address}' deploys was not judged"
        run.not_whole("note", text, entity.at, "make it a module")


def _below(value: Result | None, name: str) -> Result | None:
    """A member of an object; what is not known stays that."""
    if isinstance(value, Fields):
        found = field(value, name)
        return value.rest if found is None else found
    return value if isinstance(value, Unknown) else None


def _each(resources: Result | None) -> tuple[Result, ...]:
    """The resources of a template, in a list or by symbolic name."""
    if isinstance(resources, Items):
        return tuple(resources.items)
    return tuple(resources.fields.values()) if isinstance(resources, Fields) else ()


def _type(resource: Result) -> str | None:
    """The type of a resource in lower case; None if it is not known, or has children that are not looked at."""
    found = _below(resource, "type")
    if not isinstance(found, Scalar) or (isinstance(resource, Fields) and field(resource, "resources") is not None):
        return None
    return str(found.value).lower()
