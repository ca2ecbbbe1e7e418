"""Find role assignments on vaults that one assignment on their resource group can replace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.registry import Context
from azkvlint.graph.references import may_equal
from azkvlint.migration.code import Generator
from azkvlint.migration.plan import REPLACED, Policy, VaultPolicies
from azkvlint.model.resource import Resource

_GROUPS = "/resourcegroups/"


class GroupRoles(NamedTuple):
    """The vaults of a resource group on which a principal has the same built-in roles, with code for the group."""

    policy: Policy
    roles: tuple[str, ...]
    vaults: tuple[Resource, ...]
    path: str
    code: str


def shared_assignments(context: Context, vaults: Sequence[VaultPolicies], generator: Generator) -> Iterator[GroupRoles]:
    """Yield the principals that have the same roles on all vaults of a resource group, after code is generated.

    ``vaults`` are those to migrate. A resource group with another vault of the input is left out.
    """
    planned = {one.vault.address: one for one in vaults}
    groups: dict[str, list[Resource]] = {}
    for vault in context.index.of_type(VAULTS):
        if vault.stays:
            groups.setdefault(_group_of(vault), []).append(vault)
    for group, found in groups.items():
        others = [one for one in groups if one != group and may_equal(one, group)]
        if _GROUPS not in group or len(found) < 2 or others or not all(one.address in planned for one in found):
            continue
        access = [_roles(planned[one.address].policies) for one in found]
        for key, policies in access[0].items():
            names = _names(policies)
            if names and all(_names(own.get(key, [])) == names for own in access):
                path, code = generator.on_group(policies, found)
                yield GroupRoles(policies[0], names, tuple(found), path, code)


def _group_of(vault: Resource) -> str:
    """Return the ID of the resource group of a vault, as far as it is known; empty without an ID."""
    id_ = vault.attributes.fields.get("id")
    return "" if id_ is None else id_.text.lower().partition("/providers/")[0]


def _roles(policies: Sequence[Policy]) -> dict[str, list[Policy]]:
    """Return the policies of each principal of a vault."""
    found: dict[str, list[Policy]] = {}
    for policy in policies:
        found.setdefault(policy.key, []).append(policy)
    return found


def _names(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the built-in roles that certainly replace the policies of a principal; none if others may be necessary."""
    if not all(map(_is_certain, policies)):
        return ()
    return tuple(sorted({role.name for one in policies if one.choice is not None for role in one.choice.roles}))


def _is_certain(policy: Policy) -> bool:
    source = policy.source
    is_replaced = policy.status == REPLACED and not policy.custom and policy.choice is not None
    is_there = not (policy.perhaps or policy.exists or source.conditions or source.assumption is not None)
    return is_replaced and is_there
