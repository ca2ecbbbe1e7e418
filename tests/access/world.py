"""Worlds of vaults, principals, roles and policies, made at random, in no language of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

LANGUAGES = ("terraform", "plan", "bicep", "arm")
# What only Terraform can declare in one file: several resource groups, groups of the directory, unknown scopes.
BROAD = ("terraform", "plan")
BUILT_IN = (
    "Owner", "Contributor", "Reader", "User Access Administrator", "Key Vault Administrator", "Key Vault Contributor",
    "Key Vault Secrets User", "Key Vault Secrets Officer", "Key Vault Crypto User", "Key Vault Certificate User",
    "Key Vault Data Access Administrator", "Key Vault Purge Operator", "Virtual Machine Contributor",
    "Website Contributor", "Managed Identity Contributor", "Managed Identity Operator",
)  # fmt: skip
_ACTIONS = (
    "*", "*/read", "Microsoft.KeyVault/*", "Microsoft.KeyVault/vaults/*", "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/accessPolicies/write", "Microsoft.KeyVault/vaults/*/write", "Microsoft.Authorization/*",
    "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.KeyVault/vaults/delete",
    "Microsoft.Authorization/locks/*", "Microsoft.KeyVault/vaults/deploy/action", "Microsoft.Resources/deployments/*",
    "Microsoft.Compute/virtualMachines/*", "Microsoft.Web/sites/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
)  # fmt: skip
_DATA_ACTIONS = (
    "Microsoft.KeyVault/vaults/*", "Microsoft.KeyVault/vaults/secrets/*",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/keys/sign/action",
    "Microsoft.KeyVault/vaults/*/purge/action", "Microsoft.KeyVault/vaults/certificates/read",
)  # fmt: skip
_WORDS = {
    "secrets": ("get", "list", "set", "delete", "purge", "backup"),
    "keys": ("get", "sign", "decrypt", "create", "purge", "wrapKey"),
    "certificates": ("get", "create", "import", "purge"),
}


@dataclass
class Vault:
    """A vault; ``by_roles`` is None if its permission model is not known, ``lock`` the level of a management lock."""

    name: str
    group: str
    by_roles: bool | None
    is_protected: bool
    deploys: bool
    lock: str = ""


@dataclass
class Workload:
    """A virtual machine or an app, with the names of the identities that are assigned to it."""

    kind: str
    name: str
    group: str
    has_own: bool
    identities: list[str]


@dataclass
class Role:
    """A custom role with one permission. ``is_own``: its only assignable scope is that of its assignment."""

    name: str
    actions: list[str]
    not_actions: list[str]
    data_actions: list[str]
    not_data_actions: list[str]
    scope: str


@dataclass
class Assignment:
    """A role assignment. ``role`` is None, and ``scope`` "?", where a variable without a value decides."""

    name: str
    principal: str
    role: str | None
    scope: str


@dataclass
class Policy:
    """An access policy, in the vault itself or a resource of its own."""

    name: str
    principal: str
    vault: str
    words: dict[str, list[str]]
    is_inline: bool


@dataclass
class World:
    """Everything of one root. Principals are ``guid:N``, ``identity:NAME``, ``workload:NAME`` and ``group:NAME``.

    Scopes are ``subscription``, ``group:NAME``, ``vault:NAME``, ``secret:VAULT``, ``workload:NAME``, ``identity:NAME``.
    """

    language: str
    groups: list[str]
    vaults: list[Vault] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)


def make(seed: int, language: str) -> World:
    """Return the world of a seed."""
    random = Random(f"{language} {seed}")
    is_broad = language in BROAD
    world = World(language, [f"rg{n}" for n in range(random.randint(1, 3) if is_broad else 1)])
    for n in range(random.randint(1, 3)):
        by_roles = random.choice((True, True, False, False, None))
        world.vaults.append(
            Vault(
                f"kv{n}",
                random.choice(world.groups),
                by_roles,
                random.random() < 0.4,
                random.random() < 0.3,
                random.choice(("", "", "", "CanNotDelete", "ReadOnly")),
            )
        )
    for n in range(random.randint(0, 3)):
        world.identities[f"id{n}"] = random.choice(world.groups)
    for n in range(random.randint(0, 3)):
        # A template does not keep apart several properties whose names are computed.
        names = _some(random, [*world.identities], 2 if is_broad else 1)
        kind = random.choice(("vm", "app"))
        world.workloads.append(Workload(kind, f"w{n}", random.choice(world.groups), random.random() < 0.6, names))
    principals = [f"guid:{n}" for n in range(3)] + [f"identity:{name}" for name in world.identities]
    principals += [f"workload:{one.name}" for one in world.workloads if one.has_own]
    if is_broad and random.random() < 0.5:
        world.members["team"] = _some(random, principals, 3)
        principals.append("group:team")
    for n, name in enumerate(_some(random, [*world.identities], 2)):
        world.credentials[f"repo:acme/app{n}:pull_request"] = name
    _add_grants(world, principals, random)
    return world


def _some(random: Random, items: list[str], most: int) -> list[str]:
    return random.sample(items, min(len(items), random.randint(0, most)))


def _add_grants(world: World, principals: list[str], random: Random) -> None:
    """Add roles, assignments and policies."""
    is_broad = world.language in BROAD
    scopes = [f"group:{name}" for name in world.groups] + [f"vault:{one.name}" for one in world.vaults]
    scopes += [f"workload:{one.name}" for one in world.workloads] + [f"identity:{name}" for name in world.identities]
    scopes += ["subscription", "subscription"] if is_broad else []
    for n in range(random.randint(0, 2)):
        world.roles.append(
            Role(
                f"custom{n}",
                _some(random, [*_ACTIONS], 3),
                _some(random, [*_ACTIONS[3:]], 1),
                _some(random, [*_DATA_ACTIONS], 2),
                _some(random, [*_DATA_ACTIONS[2:]], 1),
                random.choice(scopes),
            )
        )
    roles: list[str | None] = [*BUILT_IN, *(role.name for role in world.roles for _ in range(4))]
    for n in range(random.randint(0, 5)):
        role = None if random.random() < 0.05 else random.choice(roles)
        scope = random.choice(scopes)
        if is_broad and random.random() < 0.05:
            scope = "?"
        if role in ("Owner", "Key Vault Secrets User", "Key Vault Administrator") and random.random() < 0.2:
            scope = f"secret:{random.choice(world.vaults).name}"
        world.assignments.append(Assignment(f"a{n}", random.choice(principals), role, scope))
    for n in range(random.randint(0, 4)):
        words = {kind: _some(random, [*own], 3) for kind, own in _WORDS.items()}
        if not is_broad and random.random() < 0.2:
            words["secrets"] = ["all"]
        vault = random.choice(world.vaults).name
        world.policies.append(Policy(f"p{n}", random.choice(principals), vault, words, random.random() < 0.5))
