"""Estates of vaults made at random, how they change, and what Azure has after the changed code is deployed over them.

The model knows nothing of kvlint: what a deployment leaves is written here from the documentation of Terraform and of
Azure Resource Manager, and who has access to that is left to ``kvlint access``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

ROLES = {
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Contributor": "f25e0fa2-a7c8-4377-a976-54943a77a395",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
}
PRINCIPALS = tuple(f"aaaaaaaa-0000-4000-8000-{number:012d}" for number in range(1, 8))
# One that limits which roles its holder can assign, one that decides each request, and one that cannot be decided.
CONDITIONS = (
    (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/"
        "roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {4633458b-17de-408a-b874-0445c86b69e6}))"
    ),
    (
        "((!(ActionMatches{'Microsoft.KeyVault/vaults/secrets/getSecret/action'})) OR (@Resource[Microsoft.KeyVault/"
        "vaults/secrets:name] StringEquals 'shown'))"
    ),
    "(@Environment[isPrivateLink] BoolEquals true)",
)
_POLICIES = (("Get",), ("Get", "List"), ("Set", "Delete"), ("Purge",), ())
_KEY_WORDS = ((), ("Get", "Sign"), ("UnwrapKey", "WrapKey"))
_ENVIRONMENTS = ("dev", "test", "prod")
_OLD, _NEW = "2024-11-01", "2026-02-01"
# Terraform: a root for each environment with a variable file or with its own resources, and calls in one root.
TERRAFORM = ("variables", "resources", "calls")
# Templates with a parameter file for each environment. Only those in this order deploy several vaults.
TEMPLATES = ("bicep-modules", "bicep", "arm")
_ONE_VAULT = ("bicep", "arm")


@dataclass
class Vault:
    """A vault; ``by_roles`` is None if the default of the API version decides. ``policies`` are words by principal.

    ``is_random``: its name ends with text that is known only after the deployment; such a vault has its address only,
    and that depends on the language of a template.
    """

    name: str
    by_roles: bool | None
    is_protected: bool
    policies: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    location: str = "westeurope"
    is_random: bool = False


class Grant(NamedTuple):
    """A role of a principal, or of a group by its key, on the vault with a key, or on the resource group."""

    principal: str
    role: str
    vault: str
    condition: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What only one role assignment may have."""
        return self.principal, self.role, self.vault


@dataclass
class Deployment:
    """What one environment has: ``forgotten`` are grants that ``removed`` blocks keep. ``file`` names its values.

    ``groups`` are members by the keys of groups.
    """

    file: str
    vaults: dict[str, Vault]
    grants: dict[str, Grant]
    forgotten: list[str] = field(default_factory=list)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def principals(self) -> tuple[str, ...]:
        return (*PRINCIPALS, *self.groups, *self.groups)

    def has(self, grant: Grant) -> bool:
        return grant.identity in {one.identity for one in self.grants.values()}


@dataclass
class Unit:
    """One template or Terraform configuration with its environments."""

    kind: str
    name: str
    deployments: dict[str, Deployment]
    api: str = _OLD

    @property
    def is_template(self) -> bool:
        return self.kind in TEMPLATES


Estate = list[Unit]


# --- random estates ---------------------------------------------------------------------------------------------------


def make(random: Random) -> Estate:
    """Return a random estate."""
    return [_unit(random, f"u{number}") for number in range(random.choice((1, 1, 2)))]


def _unit(random: Random, name: str) -> Unit:
    kind = random.choice(TERRAFORM + TEMPLATES)
    unit = Unit(kind, name, {})
    for environment in random.sample(_ENVIRONMENTS, random.choice((1, 2, 2, 3))):
        unit.deployments[environment] = _deployment(random, unit, environment)
    return unit


def _deployment(random: Random, unit: Unit, environment: str) -> Deployment:
    found = Deployment(environment, {}, {})
    for number in range(1 if unit.kind in _ONE_VAULT else random.choice((1, 1, 2))):
        _add_vault(random, unit, environment, found, f"v{number}")
    for number in range(random.choice((0, 1, 2)) if unit.kind == "resources" else 0):
        found.groups[f"{unit.name}-{environment}-{number}"] = tuple(random.sample(PRINCIPALS, random.choice((0, 1, 2))))
    for _ in range(random.choice((0, 1, 2, 3, 4))):
        _add_grant(random, found)
    return found


def _add_vault(random: Random, unit: Unit, environment: str, to: Deployment, key: str) -> None:
    by_roles = random.choice((True, True, False, None if unit.is_template else True))
    vault = Vault(f"kv-{unit.name}-{environment}-{key}", by_roles, random.random() < 0.5)
    vault.is_random = not unit.is_template and random.random() < 0.2
    for principal in random.sample(PRINCIPALS, random.choice((0, 1, 2))):
        vault.policies[principal] = random.choice(_POLICIES), random.choice(_KEY_WORDS)
    to.vaults[key] = vault


def _add_grant(random: Random, to: Deployment) -> None:
    grant = Grant(
        random.choice(to.principals),
        random.choice(list(ROLES)),
        random.choice(("", *to.vaults, *to.vaults)),
        random.choice(("", "", "", *CONDITIONS)),
    )
    # Azure has one role assignment for a principal, a role and a scope.
    if not to.has(grant):
        to.grants[_free_key(to)] = grant


def _free_key(deployment: Deployment) -> str:
    return f"g{max((int(key[1:]) for key in (*deployment.grants, *deployment.forgotten)), default=-1) + 1}"


# --- random changes ---------------------------------------------------------------------------------------------------


def change(random: Random, base: Estate) -> tuple[Estate, list[str]]:
    """Return the estate after some random changes, and their names."""
    head, names = copy.deepcopy(base), []
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        unit = random.choice(head)
        environment = random.choice(list(unit.deployments))
        name = random.choice(list(_CHANGES))
        if _CHANGES[name](random, unit, environment):
            names.append(f"{name} of {unit.kind} {unit.name}/{environment}")
    for old, new in zip(base, head, strict=True):
        for environment, found in new.deployments.items():
            before = old.deployments.get(environment)
            found.forgotten = [] if before is None else [key for key in found.forgotten if _stays(key, before, found)]
            if new.is_template and found == before and old.api == new.api and random.random() < 0.2:
                found.file = f"{environment}-eu"
                names.append(f"parameter file renamed of {new.kind} {new.name}/{environment}")
    return head, names


def _stays(key: str, before: Deployment, after: Deployment) -> bool:
    """Return whether a grant was deployed, on a vault that stays."""
    grant = before.grants.get(key)
    if grant is None or not grant.vault:
        return grant is not None
    old, new = before.vaults[grant.vault], after.vaults.get(grant.vault)
    return new is not None and (old.name, old.location) == (new.name, new.location)


def _grant_added(random: Random, unit: Unit, environment: str) -> bool:
    _add_grant(random, unit.deployments[environment])
    return True


def _changed_grant(random: Random, found: Deployment, part: str) -> bool:
    key = random.choice(list(found.grants) or [""])
    values = {
        "principal": found.principals, "role": tuple(ROLES), "vault": ("", *found.vaults),
        "condition": ("", *CONDITIONS),
    }  # fmt: skip
    new = found.grants[key]._replace(**{part: random.choice(values[part])}) if key else None
    if new is None or (part != "condition" and found.has(new)):
        return False
    found.grants[key] = new
    return True


def _members_changed(random: Random, unit: Unit, environment: str) -> bool:
    groups = unit.deployments[environment].groups
    if not groups:
        return False
    groups[random.choice(list(groups))] = tuple(random.sample(PRINCIPALS, random.choice((0, 1, 2, 3))))
    return True


def _grant_removed(random: Random, unit: Unit, environment: str) -> bool:
    grants = unit.deployments[environment].grants
    return bool(grants) and grants.pop(random.choice(list(grants))) is not None


def _grant_forgotten(random: Random, unit: Unit, environment: str) -> bool:
    found = unit.deployments[environment]
    if unit.kind != "resources" or not found.grants:
        return False
    key = random.choice(list(found.grants))
    del found.grants[key]
    found.forgotten.append(key)
    return True


def _grant_renamed(random: Random, unit: Unit, environment: str) -> bool:
    grants = unit.deployments[environment].grants
    key = random.choice(list(grants) or [""])
    if key:
        new = _free_key(unit.deployments[environment])
        grants[new] = grants.pop(key)
    return bool(key)


def _model_switched(random: Random, unit: Unit, environment: str) -> bool:
    vault = random.choice(list(unit.deployments[environment].vaults.values()))
    if vault.by_roles is None:
        return False
    vault.by_roles = not vault.by_roles
    return True


def _newer_version(random: Random, unit: Unit, environment: str) -> bool:
    del random, environment
    is_changed = unit.is_template and unit.api == _OLD
    unit.api = _NEW if is_changed else unit.api
    return is_changed


def _protection_changed(random: Random, unit: Unit, environment: str) -> bool:
    vault = random.choice(list(unit.deployments[environment].vaults.values()))
    vault.is_protected = not vault.is_protected
    return True


def _policy_changed(random: Random, unit: Unit, environment: str) -> bool:
    vault = random.choice(list(unit.deployments[environment].vaults.values()))
    principal = random.choice(PRINCIPALS)
    if vault.policies.pop(principal, None) is None or random.random() < 0.5:
        vault.policies[principal] = random.choice(_POLICIES), random.choice(_KEY_WORDS)
    return True


def _vault_added(random: Random, unit: Unit, environment: str) -> bool:
    found = unit.deployments[environment]
    if unit.kind in _ONE_VAULT or "v9" in found.vaults:
        return False
    _add_vault(random, unit, environment, found, "v9")
    return True


def _vault_removed(random: Random, unit: Unit, environment: str) -> bool:
    found = unit.deployments[environment]
    if len(found.vaults) < 2:
        return False
    key = random.choice(list(found.vaults))
    del found.vaults[key]
    found.grants = {name: one for name, one in found.grants.items() if one.vault != key}
    return True


def _vault_renamed(random: Random, unit: Unit, environment: str) -> bool:
    vault = random.choice(list(unit.deployments[environment].vaults.values()))
    if vault.is_random:  # the new name may be the old one
        return False
    vault.name = f"{vault.name}-x"
    return True


def _vault_moved(random: Random, unit: Unit, environment: str) -> bool:
    vault = random.choice(list(unit.deployments[environment].vaults.values()))
    if unit.is_template:  # Azure rejects this
        return False
    vault.location = "northeurope" if vault.location == "westeurope" else "westeurope"
    return True


def _environment_added(random: Random, unit: Unit, environment: str) -> bool:
    new = [name for name in _ENVIRONMENTS if name not in unit.deployments]
    if new:
        unit.deployments[new[0]] = _deployment(random, unit, new[0])
    return bool(new)


def _environment_removed(random: Random, unit: Unit, environment: str) -> bool:
    if len(unit.deployments) < 2:
        return False
    del unit.deployments[environment]
    return True


_CHANGES: dict[str, Callable[[Random, Unit, str], bool]] = {
    "grant added": _grant_added,
    "principal of a grant changed": lambda random, unit, at: _changed_grant(random, unit.deployments[at], "principal"),
    "role of a grant changed": lambda random, unit, at: _changed_grant(random, unit.deployments[at], "role"),
    "scope of a grant changed": lambda random, unit, at: _changed_grant(random, unit.deployments[at], "vault"),
    "condition of a grant changed": lambda random, unit, at: _changed_grant(random, unit.deployments[at], "condition"),
    "members of a group changed": _members_changed,
    "grant removed": _grant_removed,
    "grant forgotten": _grant_forgotten,
    "grant renamed": _grant_renamed,
    "permission model switched": _model_switched,
    "newer API version": _newer_version,
    "purge protection changed": _protection_changed,
    "policy changed": _policy_changed,
    "vault added": _vault_added,
    "vault removed": _vault_removed,
    "vault renamed": _vault_renamed,
    "vault moved": _vault_moved,
    "environment added": _environment_added,
    "environment removed": _environment_removed,
}


# --- what a deployment leaves -----------------------------------------------------------------------------------------


def deployed(base: Estate, head: Estate) -> Estate:
    """Return what Azure certainly has after HEAD is deployed over BASE.

    Purge protection cannot be disabled, an existing vault keeps its permission model if a template does not set one,
    and a ``removed`` block with ``destroy = false`` keeps what it names.
    """
    after = copy.deepcopy(head)
    for old, new in zip(base, after, strict=True):
        for environment, deployment in new.deployments.items():
            before = old.deployments.get(environment)
            for key, vault in deployment.vaults.items() if before is not None else ():
                existing = before.vaults.get(key) if before is not None else None
                if existing is None or existing.name != vault.name:
                    continue
                if new.is_template or existing.location == vault.location:
                    vault.is_protected |= existing.is_protected
                if vault.by_roles is None and existing.by_roles is None:
                    vault.by_roles = old.api == _NEW
            for key in deployment.forgotten:
                if before is not None and not deployment.has(before.grants[key]):
                    deployment.grants[f"f{key[1:]}"] = before.grants[key]
            deployment.forgotten = []
    return after


def with_leavings(base: Estate, after: Estate) -> Estate:
    """Return what Azure may have besides, because only a person or a deployment stack deletes it.

    Incremental mode leaves what a template does not contain. A parameter file or a root module that is gone leaves all
    that it has deployed.
    """
    found = copy.deepcopy(after)
    for old, new in zip(base, found, strict=True):
        for environment, before in old.deployments.items():
            deployment = new.deployments.get(environment)
            if deployment is None:
                if new.kind != "calls":
                    new.deployments[environment] = _explicit(before, old)
            elif new.is_template:
                _leave(before, deployment, old)
    return found


def _explicit(deployment: Deployment, unit: Unit) -> Deployment:
    """Return what was deployed, whatever the API version is now."""
    found = copy.deepcopy(deployment)
    for vault in found.vaults.values():
        vault.by_roles = unit.api == _NEW if vault.by_roles is None else vault.by_roles
    return found


def _leave(before: Deployment, deployment: Deployment, unit: Unit) -> None:
    """Add the vaults and role assignments that a template does not contain any more, by their names in Azure."""
    keys = {vault.name: key for key, vault in deployment.vaults.items()}
    for key, vault in _explicit(before, unit).vaults.items():
        if vault.name not in keys:
            keys[vault.name] = f"l{key[1:]}"
            deployment.vaults[keys[vault.name]] = vault
    for number, grant in enumerate(before.grants.values()):
        left = grant._replace(vault=keys[before.vaults[grant.vault].name] if grant.vault else "")
        if not deployment.has(left):
            deployment.grants[f"l{number}"] = left
