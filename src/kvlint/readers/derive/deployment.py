"""What happens while a plan is applied: whether a grant is there before what needs it."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.source import static_address
from kvlint.model.value import ListValue, Scalar, Unknown, Value
from kvlint.readers.derive.assignments import ASSIGNMENTS, COVERS, COVERS_NEEDS, role_name
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.scope import Coverage
from kvlint.readers.derive.vaults import POLICIES, VAULTS
from kvlint.readers.order import AFTER, ANYTHING, OF_DEPLOYER
from kvlint.readers.references import reference_of

_OBJECTS = tuple(f"{VAULTS}/{kind}" for kind in ("secrets", "keys", "certificates"))
_KEPT = "grants to whoever applies the plan"


def _waits_for_grant(resource: Resource, context: Context) -> Value | None:
    """Whether an object is made after a grant to whoever applies the plan, if there is such a grant on its vault."""
    found = resource.select(("derived", AFTER))
    above = resource.attributes.fields.get("parent")
    if resource.type.lower() not in _OBJECTS or not isinstance(found, ListValue) or above is None:
        return None
    reference = reference_of(resource.address, "parent", above, context.index)
    if reference is None or len(reference.targets) != 1:
        return None
    grants = _grants(context).get(reference.targets[0], ())
    if not grants:
        return None
    before = {str(item.value) for item in found.items if isinstance(item, Scalar)}
    note = f"{resource.address} does not wait for {grants[0]}"
    if any(_is_among(static_address(grant), before) for grant in grants):
        return Scalar(at=resource.at, value=True, origin="derived")
    if ANYTHING in before:
        return Unknown(at=resource.at, origin="derived", why=f"whether it waits for {grants[0]} cannot be followed")
    return Scalar(at=resource.at, value=False, origin="derived", note=note)


def _is_among(address: str, before: set[str]) -> bool:
    """Whether a grant, or the module that it lies in, is made before."""
    return address in before or any(
        address.startswith(f"{module}.") for module in before if module.rpartition(".")[0].endswith("module")
    )


def _grants(context: Context) -> Mapping[str, list[str]]:
    """The grants to whoever applies the plan, by the vault that they are for."""
    found = context.kept.get(_KEPT)
    if found is None:
        found = context.kept[_KEPT] = {}
        index = context.index
        for policy in index.of_type(POLICIES):
            above = policy.attributes.fields.get("parent")
            if _is_of_deployer(policy) and above is not None:
                reference = reference_of(policy.address, "parent", above, index)
                for vault in reference.targets if reference is not None else ():
                    found.setdefault(vault, []).append(policy.address)
        for reference in Coverage(index).references(COVERS, frozenset({ASSIGNMENTS})):
            source = index.resources[reference.source]
            if _is_of_deployer(source) and _reaches_data(source, context):
                for vault in reference.targets:
                    found.setdefault(vault, []).append(source.address)
    return found


def _is_of_deployer(resource: Resource) -> bool:
    is_new = resource.action in (None, "create", "replace")  # what is there already need not be waited for
    return is_new and isinstance(resource.select(("derived", OF_DEPLOYER)), Scalar)


def _reaches_data(resource: Resource, context: Context) -> bool:
    """Whether the role of a grant is one of those that reach what is in a vault."""
    role = role_name(resource, context)
    return isinstance(role, Scalar) and str(role.value).lower().startswith("key vault")


ATTRIBUTES: Mapping[str, Derived] = {
    "waitsForGrant": Derived(
        _waits_for_grant,
        {
            **COVERS_NEEDS,
            **dict.fromkeys(_OBJECTS, (("parent",),)),
            ASSIGNMENTS: (
                *COVERS_NEEDS[ASSIGNMENTS],
                ("properties", "roleDefinitionName"),
                ("properties", "roleDefinitionId"),
            ),
            POLICIES: (("parent",),),
        },
    ),
}
