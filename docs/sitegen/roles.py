"""The abilities of Azure's built-in roles, for their page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from azkvlint.access.effects import CAPABILITIES, DATA_WORDS
from azkvlint.azure.roles import (
    ACTIONS_OF,
    ASSIGNS,
    ATTACHES,
    CONTROL,
    CONTROL_OF_HSM,
    DEPLOYS,
    FEDERATES,
    MAY_RUN,
    MAY_RUN_BY_DATA_ACTIONS,
    PUBLISHES,
    SIGN_INS,
    STARTED,
    UNLOCKS,
    WORKLOADS,
    Started,
    role_by_name,
)
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import Permissions, assigns, of_built_in, relevant_roles

ASSIGNS_ANY, ASSIGNS_SOME = "assign any role", "assign a role that reaches vaults"
_CONTROL = {
    "Microsoft.Authorization/roleDefinitions/write": "change custom roles",
    "Microsoft.KeyVault/vaults/write": "change vaults",
    "Microsoft.KeyVault/vaults/delete": "delete vaults",
    "Microsoft.KeyVault/vaults/accessPolicies/write": "change access policies",
    "Microsoft.KeyVault/vaults/secrets/write": "create secrets in deployments",
    "Microsoft.KeyVault/vaults/keys/write": "create keys in deployments",
    "Microsoft.KeyVault/vaults/deploy/action": "read secrets in deployments",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action": "purge vaults",
    "Microsoft.KeyVault/managedHSMs/write": "change managed HSMs",
    "Microsoft.KeyVault/managedHSMs/delete": "delete managed HSMs",
    "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action": "purge managed HSMs",
    UNLOCKS: "delete locks",
    FEDERATES: "federate identities",
    ATTACHES: "assign identities",
    DEPLOYS: "write deployments",
}
_TYPES = {
    "microsoft.compute/virtualmachines": "virtual machines",
    "microsoft.compute/virtualmachinescalesets": "scale sets",
    "microsoft.web/sites": "apps",
    "microsoft.web/sites/slots": "deployment slots",
    "microsoft.app/containerapps": "container apps",
    "microsoft.app/jobs": "container app jobs",
    "microsoft.containerinstance/containergroups": "container groups",
    "microsoft.logic/workflows": "logic apps",
    "microsoft.resources/deploymentscripts": "deployment scripts",
    "microsoft.hybridcompute/machines": "Arc machines",
    "microsoft.automation/automationaccounts": "Automation accounts",
    "microsoft.datafactory/factories": "data factories",
    "microsoft.batch/batchaccounts/pools": "Batch pools",
    "microsoft.machinelearningservices/workspaces/computes": "Machine Learning computes",
    "microsoft.containerservice/managedclusters": "Kubernetes clusters",
}


class Ability(NamedTuple):
    """What a role may allow: any of some actions is sufficient, or of data actions, or of ways with several actions."""

    name: str
    actions: tuple[str, ...]
    is_data: bool = False
    ways: tuple[Started, ...] = ()


def abilities() -> Iterator[Ability]:
    """Yield every ability that the actions of a role decide."""
    for one in CAPABILITIES:
        actions = tuple(sorted({ACTIONS_OF[word][0] for word in one.words & DATA_WORDS}))
        if actions:
            yield Ability("purge objects" if one.name == "purge" else one.label, actions, is_data=True)
    for action in (*CONTROL, *CONTROL_OF_HSM, UNLOCKS, FEDERATES, ATTACHES, DEPLOYS):
        if action != ASSIGNS:
            yield Ability(_CONTROL[action], (action,))
    for type_, actions in WORKLOADS.items():
        if actions or type_ in STARTED:
            yield Ability(f"run code on {_TYPES[type_]}", actions, ways=STARTED.get(type_, ()))
    for type_, actions in SIGN_INS.items():
        yield Ability(f"sign in to {_TYPES[type_]}", actions, is_data=True)
    for type_, actions in PUBLISHES.items():
        yield Ability(f"read the publishing credentials of {_TYPES[type_]}", actions)
    for type_, actions in MAY_RUN.items():
        yield Ability(f"perhaps run code on {_TYPES[type_]}", actions)
    for type_, actions in MAY_RUN_BY_DATA_ACTIONS.items():
        yield Ability(f"perhaps run code in {_TYPES[type_]}", actions, is_data=True)


def abilities_of(role: Permissions) -> dict[str, Sure]:
    """Return the abilities of a role, each certain or possible."""
    found = {
        one.name: max(
            *(role.data(action) if one.is_data else role.control(action) for action in one.actions),
            *map(role.starts, one.ways),
            # With the first action alone, something else must start the code.
            *(min(role.control(action), Sure.PERHAPS) for way in one.ways for action in way.writes),
            Sure.NO,
        )
        for one in abilities()
    }
    found[ASSIGNS_ANY if role.assignable() is None else ASSIGNS_SOME] = assigns(role)
    return {name: sure for name, sure in found.items() if sure is not Sure.NO}


def ability_table() -> str:
    """Return the table of abilities in Markdown."""
    lines = ["| ability | any of these actions |", "| --- | --- |"]
    for one in abilities():
        kind = "data actions " if one.is_data else ""
        texts = [f"`{action}`" for action in one.actions] + [
            " and ".join(" or ".join(f"`{action}`" for action in group) for group in (way.writes, *way.starts))
            for way in one.ways
        ]
        lines.append(f"| {one.name} | {kind}{', '.join(texts)} |")
    return "\n".join(lines)


def role_table() -> str:
    """Return the table of roles with their abilities in Markdown."""
    lines = ["| role | abilities |", "| --- | --- |"]
    found = (role_by_name(name.lower()) for name in relevant_roles().values())
    roles = [role for role in found if role is not None and role.is_complete]
    for role in sorted(roles, key=lambda one: one.name.casefold()):
        texts = list(_texts(abilities_of(of_built_in(role)).items()))
        if texts:
            lines.append(f"| {role.name} | {', '.join(texts)} |")
    return "\n".join(lines)


def _texts(found: Iterable[tuple[str, Sure]]) -> Iterator[str]:
    for name, sure in found:
        if name != _CONTROL[DEPLOYS]:
            yield name if sure is Sure.YES else f"perhaps {name}"
