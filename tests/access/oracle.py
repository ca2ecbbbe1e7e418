"""Who can reach what in a world, by trying everything: every completion of the unknown, every chain, every action.

It shares no code with the product, and has its own copies of Azure's facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from tests.access.world import Assignment, Policy, Vault, World

_KV, _DATA = "microsoft.keyvault/vaults/", "microsoft.keyvault/vaults/"
WRITE, DELETE, POLICY = f"{_KV}write", f"{_KV}delete", f"{_KV}accesspolicies/write"
DEPLOY, DEPLOYMENTS = f"{_KV}deploy/action", "microsoft.resources/deployments/write"
PURGE = "microsoft.keyvault/locations/deletedvaults/purge/action"
ASSIGN, DEFINE = "microsoft.authorization/roleassignments/write", "microsoft.authorization/roledefinitions/write"
UNLOCK = "microsoft.authorization/locks/delete"
SECRET, KEY = f"{_KV}secrets/write", f"{_KV}keys/write"
FEDERATE = "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/write"
ATTACH = "microsoft.managedidentity/userassignedidentities/assign/action"
RUN = {
    "vm": [f"microsoft.compute/virtualmachines/{one}" for one in
           ("write", "runcommand/action", "runcommands/write", "extensions/write")],
    "app": [f"microsoft.web/sites/{one}" for one in ("write", "publish/action", "config/write", "extensions/write")],
}  # fmt: skip
CONTROL = [
    WRITE, DELETE, POLICY, DEPLOY, DEPLOYMENTS, PURGE, ASSIGN, DEFINE, UNLOCK, SECRET, KEY, FEDERATE, ATTACH,
    *RUN["vm"], *RUN["app"],
]  # fmt: skip
# Data actions with the capability that each gives.
DATA = {
    "secrets/getsecret/action": "secrets/get",
    "certificates/read": "certificates/get",
    **{
        f"keys/{one}/action": "keys/use"
        for one in ["decrypt", "encrypt", "sign", "verify", "wrap", "unwrap", "release"]
    },
    **{f"{one}/purge/action": "purge" for one in ("secrets", "keys", "certificates")},
    "secrets/setsecret/action": "manage",
    "secrets/delete": "manage",
    **{f"secrets/{one}/action": "manage" for one in ["backup", "restore", "recover"]},
    "keys/delete": "manage",
    **{
        f"keys/{one}/action": "manage"
        for one in ["create", "import", "update", "backup", "restore", "recover", "rotate"]
    },
    "certificates/delete": "manage",
    **{
        f"certificates/{one}/action": "manage" for one in ["create", "import", "update", "backup", "restore", "recover"]
    },
}
POLICY_WORDS = {
    "secrets": {"get": "secrets/get", "purge": "purge"} | dict.fromkeys(["set", "delete", "backup"], "manage"),
    "keys": {"sign": "keys/use", "decrypt": "keys/use", "wrapKey": "keys/use", "create": "manage", "purge": "purge"},
    "certificates": {"get": "certificates/get", "create": "manage", "import": "manage", "purge": "purge"},
}
OF_DATA = frozenset(DATA.values())
# Actions and notActions, data actions, of the built-in roles that worlds have.
ROLES = {
    "Owner": (["*"], [], []),
    "Contributor": (["*"], ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"], []),
    "Reader": (["*/read"], [], []),
    "User Access Administrator": (["*/read", "Microsoft.Authorization/*"], [], []),
    "Key Vault Administrator": ([], [], ["Microsoft.KeyVault/vaults/*"]),
    "Key Vault Contributor": (
        ["Microsoft.Authorization/*/read", "Microsoft.KeyVault/*", "Microsoft.Resources/deployments/*"],
        ["Microsoft.KeyVault/locations/deletedVaults/purge/action"],
        [],
    ),
    "Key Vault Secrets User": ([], [], ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]),
    "Key Vault Secrets Officer": ([], [], ["Microsoft.KeyVault/vaults/secrets/*"]),
    "Key Vault Crypto User": (
        [],
        [],
        [f"Microsoft.KeyVault/vaults/keys/{one}/action" for one in
         ["update", "backup", "encrypt", "decrypt", "wrap", "unwrap", "sign", "verify"]],
    ),
    "Key Vault Certificate User": (
        [],
        [],
        ["Microsoft.KeyVault/vaults/certificates/read", "Microsoft.KeyVault/vaults/secrets/getSecret/action"],
    ),
    "Key Vault Purge Operator": (["Microsoft.KeyVault/locations/deletedVaults/purge/action"], [], []),
    "Virtual Machine Contributor": (["Microsoft.Compute/virtualMachines/*", DEPLOYMENTS], [], []),
    "Website Contributor": (["Microsoft.Web/sites/*", DEPLOYMENTS], [], []),
    "Managed Identity Contributor": ([FEDERATE, "Microsoft.Resources/deployments/*"], [], []),
    "Managed Identity Operator": ([ATTACH, "Microsoft.Resources/deployments/*"], [], []),
}  # fmt: skip
# It can assign eight roles, of which Key Vault Administrator allows every data action.
LIMITED = "Key Vault Data Access Administrator"

Bits = dict[str, bool]
Cell = tuple[str, str, str]


def cells(world: World) -> dict[Cell, str]:
    """Return ``yes`` or ``perhaps`` by principal, vault and capability."""
    return _Oracle(world).cells()


class _Oracle:
    def __init__(self, world: World) -> None:
        self.world = world
        self.vaults = {vault.name: vault for vault in world.vaults}
        self.holdings: list[Assignment | Policy] = [*world.assignments, *world.policies]

    def unknowns(self) -> list[str]:
        """Return the names of everything that may be one way or the other."""
        found = ["conflict", "attach", "all", "subscription"]
        found += [f"unlocks {vault.name}" for vault in self.world.vaults if vault.lock]
        found += [f"model {vault.name}" for vault in self.world.vaults if vault.by_roles is None]
        for one in self.world.assignments:
            found += [f"role {one.name}"] if one.role is None else []
            found += [f"scope {one.name}"] if one.scope == "?" else []
            found += [f"deploys {one.name}", f"defines {one.name}"]
        return [name for name in found if self.matters(name)]

    def matters(self, name: str) -> bool:
        """Return whether a fact can change anything, to keep the number of completions small."""
        kind, _, of = name.partition(" ")
        own = [one for one in self.world.assignments if one.name == of]
        if kind == "deploys":
            return any(self.allows(one, DEPLOY) and not self.deploys(one, self.role_of(one)[0]) for one in own)
        if kind == "defines":
            return any(self.allows(one, DEFINE) and not self.edits_itself(one) for one in own)
        if kind == "attach":
            return any(self.allows(one, ATTACH) for one in self.world.assignments)
        if kind == "subscription":
            # A plan does not state the subscription of what it creates.
            return self.world.language == "plan" and any(one.scope == kind for one in self.world.assignments)
        return kind != "all" or any("all" in one.words.get("secrets", []) for one in self.world.policies)

    def allows(self, one: Assignment, action: str) -> bool:
        return action in self.role_of(one)[0]

    def role_of(self, one: Assignment) -> tuple[set[str], set[str]]:
        """Return the control and data actions that a role allows, one by one."""
        if one.role is None:
            return set(CONTROL), set(DATA)
        if one.role == LIMITED:
            return set(), set()
        if one.role in ROLES:
            actions, nots, data = ROLES[one.role]
            not_data: list[str] = []
        else:
            role = next(role for role in self.world.roles if role.name == one.role)
            actions, nots, data, not_data = role.actions, role.not_actions, role.data_actions, role.not_data_actions
        return (
            {action for action in CONTROL if _any(actions, action) and not _any(nots, action)},
            {action for action in DATA if _any(data, _DATA + action) and not _any(not_data, _DATA + action)},
        )

    def edits_itself(self, one: Assignment) -> bool:
        role = next((role for role in self.world.roles if role.name == one.role), None)
        return role is not None and role.scope == one.scope

    def effective(self, one: Assignment, bits: Bits) -> tuple[set[str], set[str]]:
        """Return the actions that a principal can give itself by an assignment."""
        if not bits.get(f"role {one.name}", True):
            return set(), set()
        if one.role == LIMITED:
            return set(), set(DATA)
        control, data = self.role_of(one)
        defines = DEFINE in control and (self.edits_itself(one) or bits.get(f"defines {one.name}", False))
        if one.scope.startswith("secret:"):
            return (set(CONTROL), set(DATA)) if ASSIGN in control else (control, data)
        if ASSIGN in control or defines:
            return set(CONTROL), set(DATA)
        return control, data

    def covers(self, one: Assignment, target: str, group: str, bits: Bits) -> bool:
        """Return whether a scope contains a resource, or is in it."""
        if one.scope == "?":
            return bits[f"scope {one.name}"]
        if one.scope == "subscription":
            return bits.get("subscription", True)
        return one.scope in (f"group:{group}", target)

    def capabilities(self, holding: Assignment | Policy, vault: Vault, bits: Bits) -> set[str]:
        by_roles = bits[f"model {vault.name}"] if vault.by_roles is None else vault.by_roles
        found: set[str] = set()
        if isinstance(holding, Policy):
            if holding.vault != vault.name or by_roles:
                return set()
            for kind, words in holding.words.items():
                for word in words:
                    if word == "all":
                        found |= {"secrets/get", "manage"} | ({"purge"} if bits["all"] else set())
                    elif word in POLICY_WORDS[kind]:
                        found.add(POLICY_WORDS[kind][word])
            return found - ({"purge"} if vault.is_protected else set())
        control, data = self.effective(holding, bits)
        # Another role may let the principal delete the lock.
        if UNLOCK not in control and vault.lock and not bits[f"unlocks {vault.name}"]:
            control = control - {DELETE}
            control -= {WRITE, POLICY, SECRET, KEY} if vault.lock == "ReadOnly" else set()
        is_object = holding.scope == f"secret:{vault.name}"
        if not is_object and not self.covers(holding, f"vault:{vault.name}", vault.group, bits):
            return set()
        if by_roles:
            found |= {DATA[action] for action in data if action.startswith("secrets/") or not is_object}
        found |= {"manage"} if {SECRET, KEY} & control else set()
        if is_object:
            found &= {"secrets/get", "manage", "purge"}
        else:
            # Conflicting documentation: whether writing a vault is enough to switch its permission model.
            adds = {WRITE, POLICY} & control if not by_roles else {WRITE} & control if bits["conflict"] else set()
            found |= OF_DATA | {"access"} if adds else set()
            found |= {"network"} if WRITE in control else set()
            found |= {"delete"} if DELETE in control else set()
            found |= (
                {"access"} if {ASSIGN, DEFINE} & self.role_of(holding)[0] and self.can_assign(holding, bits) else set()
            )
            found |= {"access"} if holding.role == LIMITED else set()
            found |= {"purge"} if PURGE in control and holding.scope in ("subscription", "?") else set()
            deploys = self.deploys(holding, control) or bits.get(f"deploys {holding.name}", False)
            # The vault is enabled for template deployment, or the principal enables it.
            is_enabled = vault.deploys or WRITE in control
            found |= {"secrets/get"} if DEPLOY in control and is_enabled and deploys else set()
        return found - ({"purge"} if vault.is_protected else set())

    def deploys(self, one: Assignment, control: set[str]) -> bool:
        """Return whether an assignment lets its principal write deployments, at a resource group or above."""
        return DEPLOYMENTS in control and one.scope.startswith(("group:", "subscription", "?"))

    def can_assign(self, one: Assignment, bits: Bits) -> bool:
        """Return whether a principal can change access by an assignment itself."""
        if not bits.get(f"role {one.name}", True):
            return False
        control = self.role_of(one)[0]
        return ASSIGN in control or (self.edits_itself(one) or bits.get(f"defines {one.name}", False))

    def edges(self, principal: str, bits: Bits) -> Iterator[tuple[str, str]]:
        """Yield whom a principal can act as, with the name of what allows it."""
        for group, members in self.world.members.items():
            if principal in members:
                yield f"group:{group}", f"member {group}"
        if principal.startswith("subject:"):
            yield f"identity:{self.world.credentials[principal.removeprefix('subject:')]}", "credential"
        for one in self.world.assignments:
            if one.principal != principal:
                continue
            control, _ = self.effective(one, bits)
            if one.scope.startswith("secret:"):
                continue
            for workload in self.world.workloads:
                if set(RUN[workload.kind]) & control and self.covers(
                    one, f"workload:{workload.name}", workload.group, bits
                ):
                    targets = [f"identity:{name}" for name in workload.identities]
                    targets += [f"workload:{workload.name}"] if workload.has_own else []
                    yield from ((target, f"{one.name} {workload.name}") for target in targets)
            for name, group in self.world.identities.items():
                attaches = ATTACH in control and bits.get("attach", False)
                if (FEDERATE in control or attaches) and self.covers(one, f"identity:{name}", group, bits):
                    yield f"identity:{name}", f"{one.name} {name}"

    def chains(self, principal: str, bits: Bits) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield every chain without repetitions, as what allows its steps, with whom it ends at."""
        stack: list[tuple[tuple[str, ...], str, frozenset[str]]] = [((), principal, frozenset({principal}))]
        while stack:
            names, at, seen = stack.pop()
            yield names, at
            for target, name in self.edges(at, bits):
                if target not in seen:
                    stack.append(((*names, f"{name} {target}"), target, seen | {target}))

    def cells(self) -> dict[Cell, str]:
        unknowns = self.unknowns()
        principals = {one.principal for one in self.holdings} | {f"subject:{name}" for name in self.world.credentials}
        principals |= {member for members in self.world.members.values() for member in members}
        completions = [
            dict(zip(unknowns, values, strict=True)) for values in product((False, True), repeat=len(unknowns))
        ]
        found: dict[Cell, dict[tuple[object, ...], int]] = {}
        for completion in completions:
            bits = {"conflict": False, "all": False, **completion}
            for principal in principals:
                for names, at in self.chains(principal, bits):
                    for holding in self.holdings:
                        if holding.principal != at:
                            continue
                        for vault in self.world.vaults:
                            for capability in self.capabilities(holding, vault, bits):
                                paths = found.setdefault((principal, vault.name, capability), {})
                                path = (*names, holding.name)
                                paths[path] = paths.get(path, 0) + 1
        return {cell: "yes" if max(paths.values()) == len(completions) else "perhaps" for cell, paths in found.items()}


def _any(words: list[str], action: str) -> bool:
    return any(re.fullmatch(re.escape(word.lower()).replace(r"\*", ".*"), action) for word in words)
