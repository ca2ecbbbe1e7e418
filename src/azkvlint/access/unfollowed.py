"""What an input declares about access that the report does not follow, so that the report names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.companions import Sure, is_one_of
from azkvlint.derived.registry import Context
from azkvlint.model.access import Unfollowed
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path

_DENIALS = "microsoft.authorization/denyassignments"
_STACKS = "microsoft.resources/deploymentstacks"
_MODE: Path = ("properties", "denySettings", "mode")
UNFOLLOWED_NEEDS: Mapping[str, tuple[Path, ...]] = {_DENIALS: (("scope",),), _STACKS: (_MODE,)}
# Source: learn.microsoft.com/azure/role-based-access-control/deny-assignments, and
# learn.microsoft.com/azure/azure-resource-manager/bicep/deployment-stacks (deny settings).
_TEXTS: Mapping[str, str] = {
    _DENIALS: "Deny assignments can remove access that this report lists",
    _STACKS: "The deny settings of deployment stacks can remove access that this report lists",
}


def unfollowed_in(context: Context) -> Iterator[Unfollowed]:
    """Yield what the resources of a root declare."""
    for type_, text in _TEXTS.items():
        found = [one for one in context.index.of_type(type_) if one.stays and not one.existing and _denies(one)]
        if found:
            yield Unfollowed(text=text, resources=tuple(one.address for one in found), at=found[0].at)


def _denies(resource: Resource) -> bool:
    """Return whether a resource denies something, or may do so."""
    return resource.type.lower() != _STACKS or is_one_of(resource.select(_MODE), "none") is not Sure.YES
