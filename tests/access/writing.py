"""Writes a world as Terraform, a plan, Bicep or an ARM template, and names its principals as that language does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azkvlint.azure.roles import role_by_name
from azkvlint.linter.rule_tests import expand
from tests.access.world import Policy, Vault, Workload, World

ISSUER = "https://token.actions.githubusercontent.com"
_TYPES = {"vm": "Microsoft.Compute/virtualMachines", "app": "Microsoft.Web/sites"}
_TERRAFORM = {"vm": "azurerm_linux_virtual_machine", "app": "azurerm_linux_web_app"}
_UAI = "Microsoft.ManagedIdentity/userAssignedIdentities"
_VAULTS = "Microsoft.KeyVault/vaults"
_PLURALS = {"secrets": "secret_permissions", "keys": "key_permissions", "certificates": "certificate_permissions"}


class Ref(str):
    """An expression of the language."""


def write(world: World, folder: Path) -> Path:
    """Write a world into a folder, and return the input to check."""
    if world.language == "terraform":
        (folder / "main.tf").write_text(_terraform(_resources(world)))
        return folder
    if world.language == "plan":
        (folder / "plan.json").write_bytes(expand(_compact(_resources(world))))
        return folder / "plan.json"
    if world.language == "bicep":
        (folder / "main.bicep").write_text(_bicep(world))
        return folder / "main.bicep"
    (folder / "main.json").write_text(json.dumps(_template(world), indent=1))
    return folder / "main.json"


def label(world: World, principal: str) -> str:
    """Return how a report names a principal."""
    kind, _, name = principal.partition(":")
    if kind == "guid":
        return guid(int(name))
    if kind == "subject":
        return f"{name} of {ISSUER}"
    if world.language == "bicep":
        return name
    if kind == "group":
        return f"azuread_group.{name}"
    is_arm = world.language == "arm"
    if kind == "identity":
        return f"{_UAI}/{name}" if is_arm else f"azurerm_user_assigned_identity.{name}"
    workload = _workload(world, name)
    return f"{_TYPES[workload.kind]}/{name}" if is_arm else f"{_TERRAFORM[workload.kind]}.{name}"


def guid(number: int) -> str:
    return f"11111111-1111-1111-1111-{number:012}"


def _workload(world: World, name: str) -> Workload:
    return next(one for one in world.workloads if one.name == name)


# --- Terraform and plans: resources as (type, name, arguments); blocks are lists of dictionaries


def _principal(world: World, principal: str) -> str:
    kind, _, name = principal.partition(":")
    if kind == "guid":
        return guid(int(name))
    if kind == "identity":
        return Ref(f"azurerm_user_assigned_identity.{name}.principal_id")
    if kind == "group":
        return Ref(f"azuread_group.{name}.object_id")
    return Ref(f"{_TERRAFORM[_workload(world, name).kind]}.{name}.identity[0].principal_id")


def _scope(world: World, scope: str, variable: str) -> str:
    kind, _, name = scope.partition(":")
    if kind == "?":
        return _variable(world, f"scope_{variable}")
    if kind == "workload":
        return Ref(f"{_TERRAFORM[_workload(world, name).kind]}.{name}.id")
    return Ref(
        {
            "subscription": "data.azurerm_subscription.s.id",
            "group": f"azurerm_resource_group.{name}.id",
            "vault": f"azurerm_key_vault.{name}.id",
            "secret": f"azurerm_key_vault_secret.of_{name}.resource_versionless_id",
            "identity": f"azurerm_user_assigned_identity.{name}.id",
        }[kind]
    )


def _variable(world: World, name: str) -> str:
    return Ref(f"var.{name}" if world.language == "terraform" else f"terraform_data.{name}.output")


def _resources(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = [("data.azurerm_subscription", "s", {})]
    found += [("azurerm_resource_group", name, {"name": name}) for name in world.groups]
    for vault in world.vaults:
        found.append(("azurerm_key_vault", vault.name, _vault(world, vault)))
        secret = {"name": "s", "key_vault_id": Ref(f"azurerm_key_vault.{vault.name}.id")}
        found.append(("azurerm_key_vault_secret", f"of_{vault.name}", secret))
        if vault.lock:
            lock = {"name": "lock", "scope": Ref(f"azurerm_key_vault.{vault.name}.id"), "lock_level": vault.lock}
            found.append(("azurerm_management_lock", f"of_{vault.name}", lock))
    for name, group in world.identities.items():
        found.append(("azurerm_user_assigned_identity", name, {"name": name, "resource_group_name": group}))
    for one in world.workloads:
        words = ["SystemAssigned"] * one.has_own + ["UserAssigned"] * bool(one.identities)
        identity = {"type": ", ".join(words)}
        if one.identities:
            ids = [Ref(f"azurerm_user_assigned_identity.{name}.id") for name in one.identities]
            identity["identity_ids"] = ids  # type: ignore[assignment]
        arguments: dict[str, Any] = {"name": one.name, "resource_group_name": one.group}
        found.append((_TERRAFORM[one.kind], one.name, arguments | ({"identity": [identity]} if words else {})))
    for group, members in world.members.items():
        # A plan does not state which of several unknown members is which.
        listed = [one for one in members if one.startswith("guid:") or world.language == "terraform"][:2]
        found.append(
            ("azuread_group", group, {"display_name": group, "members": [_principal(world, one) for one in listed]})
        )
        for number, member in enumerate(one for one in members if one not in listed):
            arguments = {
                "group_object_id": Ref(f"azuread_group.{group}.object_id"),
                "member_object_id": _principal(world, member),
            }
            found.append(("azuread_group_member", f"m{number}", arguments))
    for number, (subject, name) in enumerate(world.credentials.items()):
        arguments = {
            "name": f"c{number}", "parent_id": Ref(f"azurerm_user_assigned_identity.{name}.id"), "issuer": ISSUER,
            "subject": subject,
        }  # fmt: skip
        found.append(("azurerm_federated_identity_credential", f"c{number}", arguments))
    return found + _access(world)


def _access(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for role in world.roles:
        permission = {
            "actions": role.actions, "not_actions": role.not_actions, "data_actions": role.data_actions,
            "not_data_actions": role.not_data_actions,
        }  # fmt: skip
        scope = _scope(world, role.scope, role.name)
        found.append(
            (
                "azurerm_role_definition",
                role.name,
                {"name": role.name, "scope": scope, "assignable_scopes": [scope], "permissions": [permission]},
            )
        )
    for assignment in world.assignments:
        arguments: dict[str, Any] = {
            "scope": _scope(world, assignment.scope, assignment.name),
            "principal_id": _principal(world, assignment.principal),
        }
        if assignment.role is None:
            arguments["role_definition_id"] = _variable(world, f"role_{assignment.name}")
        elif role_by_name(assignment.role.lower()) is None:
            arguments["role_definition_id"] = Ref(
                f"azurerm_role_definition.{assignment.role}.role_definition_resource_id"
            )
        else:
            arguments["role_definition_name"] = assignment.role
        found.append(("azurerm_role_assignment", assignment.name, arguments))
    for policy in world.policies:
        if not policy.is_inline:
            vault_id = {"key_vault_id": Ref(f"azurerm_key_vault.{policy.vault}.id")}
            found.append(("azurerm_key_vault_access_policy", policy.name, vault_id | _policy(world, policy)))
    return found


def _vault(world: World, vault: Vault) -> dict[str, Any]:
    model = _variable(world, f"model_{vault.name}") if vault.by_roles is None else vault.by_roles
    inline = [_policy(world, one) for one in world.policies if one.is_inline and one.vault == vault.name]
    return {
        "name": vault.name, "resource_group_name": vault.group, "rbac_authorization_enabled": model,
        "purge_protection_enabled": vault.is_protected, "enabled_for_template_deployment": vault.deploys,
        **({"access_policy": inline} if inline else {}),
    }  # fmt: skip


def _policy(world: World, policy: Policy) -> dict[str, Any]:
    words = {_PLURALS[kind]: [f"{word[0].upper()}{word[1:]}" for word in own] for kind, own in policy.words.items()}
    return {"object_id": _principal(world, policy.principal), "tenant_id": guid(99), **words}


def _terraform(resources: list[tuple[str, str, dict[str, Any]]]) -> str:
    text = "".join(_block(type_, name, arguments) for type_, name, arguments in resources)
    names = {word.removeprefix("var.") for word in text.split() if word.startswith("var.")}
    return text + "".join(f'variable "{name}" {{}}\n' for name in sorted(names))


def _block(type_: str, name: str, arguments: dict[str, Any]) -> str:
    word = "data" if type_.startswith("data.") else "resource"
    body = "".join(_argument(key, value, "  ") for key, value in arguments.items())
    return f'{word} "{type_.removeprefix("data.")}" "{name}" {{\n{body}}}\n'


def _argument(name: str, value: Any, indent: str) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        bodies = ("".join(_argument(key, own, f"{indent}  ") for key, own in one.items()) for one in value)
        return "".join(f"{indent}{name} {{\n{body}{indent}}}\n" for body in bodies)
    return f"{indent}{name} = {_value(value)}\n"


def _value(value: Any) -> str:
    if isinstance(value, Ref):
        return str(value)
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list) else json.dumps(value)


def _compact(resources: list[tuple[str, str, dict[str, Any]]]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, Ref):
            return f"${{{value}}}"
        if isinstance(value, list):
            return [plain(item) for item in value]
        return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value

    # JSON is YAML.
    return json.dumps({f"{type_}.{name}": plain(arguments) for type_, name, arguments in resources})


# --- ARM templates


def _resource_id(type_: str, name: str) -> str:
    return f"resourceId('{type_}', '{name}')"


def _arm_scope(world: World, scope: str) -> str:
    kind, _, name = scope.partition(":")
    if kind == "secret":
        return f"resourceId('{_VAULTS}/secrets', '{name}', 's')"
    type_ = {"vault": _VAULTS, "identity": _UAI}.get(kind) or _TYPES[_workload(world, name).kind]
    return _resource_id(type_, name)


def _arm_principal(world: World, principal: str) -> str:
    kind, _, name = principal.partition(":")
    if kind == "guid":
        return guid(int(name))
    if kind == "identity":
        return f"[reference({_resource_id(_UAI, name)}, '2023-01-31').principalId]"
    type_ = _TYPES[_workload(world, name).kind]
    return f"[reference({_resource_id(type_, name)}, '2023-01-01', 'Full').identity.principalId]"


def _template(world: World) -> dict[str, Any]:
    resources: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {}

    def add(type_: str, version: str, name: str, **more: Any) -> None:
        resources.append({"type": type_, "apiVersion": version, "name": name, **more})

    for vault in world.vaults:
        model: object = vault.by_roles
        if model is None:
            parameters[f"model_{vault.name}"] = {"type": "bool"}
            model = f"[parameters('model_{vault.name}')]"
        properties: dict[str, Any] = {
            "enableRbacAuthorization": model, "enabledForTemplateDeployment": vault.deploys,
            "accessPolicies": _arm_policies(world, vault.name, is_inline=True),
        }  # fmt: skip
        if vault.is_protected:
            properties["enablePurgeProtection"] = True
        add(_VAULTS, "2023-07-01", vault.name, properties=properties)
        if vault.lock:
            scope = f"[{_resource_id(_VAULTS, vault.name)}]"
            add("Microsoft.Authorization/locks", "2020-05-01", "lock", scope=scope, properties={"level": vault.lock})
        separate = _arm_policies(world, vault.name, is_inline=False)
        if separate:
            add(f"{_VAULTS}/accessPolicies", "2023-07-01", f"{vault.name}/add", properties={"accessPolicies": separate})
    for name in world.identities:
        add(_UAI, "2023-01-31", name)
    for one in world.workloads:
        words = ["SystemAssigned"] * one.has_own + ["UserAssigned"] * bool(one.identities)
        identity: dict[str, Any] = {"type": ", ".join(words) or "None"}
        if one.identities:
            identity["userAssignedIdentities"] = {f"[{_resource_id(_UAI, name)}]": {} for name in one.identities}
        add(_TYPES[one.kind], "2023-01-01", one.name, identity=identity, properties={})
    for number, (subject, name) in enumerate(world.credentials.items()):
        properties = {"issuer": ISSUER, "subject": subject, "audiences": ["api://AzureADTokenExchange"]}
        add(f"{_UAI}/federatedIdentityCredentials", "2023-01-31", f"{name}/c{number}", properties=properties)
    _add_arm_access(world, add, parameters)
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": resources}


def _add_arm_access(world: World, add: Callable[..., None], parameters: dict[str, Any]) -> None:
    for role in world.roles:
        scope = "[resourceGroup().id]" if role.scope.startswith("group:") else f"[{_arm_scope(world, role.scope)}]"
        properties = {
            "roleName": role.name, "assignableScopes": [scope],
            "permissions": [{"actions": role.actions, "notActions": role.not_actions,
                             "dataActions": role.data_actions, "notDataActions": role.not_data_actions}],
        }  # fmt: skip
        add("Microsoft.Authorization/roleDefinitions", "2022-04-01", role_guid(role.name), properties=properties)
    for assignment in world.assignments:
        role_id = f"[{_arm_role(assignment.role, assignment.name)}]"
        if assignment.role is None:
            parameters[f"role_{assignment.name}"] = {"type": "string"}
        more = {} if assignment.scope.startswith("group:") else {"scope": f"[{_arm_scope(world, assignment.scope)}]"}
        properties = {"roleDefinitionId": role_id, "principalId": _arm_principal(world, assignment.principal)}
        add(
            "Microsoft.Authorization/roleAssignments", "2022-04-01", f"[guid('{assignment.name}')]",
            properties=properties, **more,
        )  # fmt: skip


def _arm_policies(world: World, vault: str, *, is_inline: bool) -> list[dict[str, Any]]:
    return [
        {"tenantId": guid(99), "objectId": _arm_principal(world, one.principal), "permissions": one.words}
        for one in world.policies
        if one.vault == vault and one.is_inline == is_inline
    ]


def _arm_role(role: str | None, assignment: str) -> str:
    if role is None:
        return f"parameters('role_{assignment}')"
    built_in = role_by_name(role.lower())
    if built_in is None:
        return _resource_id("Microsoft.Authorization/roleDefinitions", role_guid(role))
    return f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{built_in.id}')"


def role_guid(name: str) -> str:
    return f"22222222-2222-2222-2222-22222222222{name[-1]}"


# --- Bicep


def _bicep_principal(principal: str) -> str:
    kind, _, name = principal.partition(":")
    if kind == "guid":
        return f"'{guid(int(name))}'"
    return f"{name}.properties.principalId" if kind == "identity" else f"{name}.identity.principalId"


def _bicep(world: World) -> str:
    lines: list[str] = []

    def add(symbol: str, type_: str, version: str, body: str) -> None:
        lines.append(f"resource {symbol} '{type_}@{version}' = {{\n{body}\n}}\n")

    for vault in world.vaults:
        model = str(vault.by_roles).lower()
        if vault.by_roles is None:
            model = f"model_{vault.name}"
            lines.append(f"param {model} bool\n")
        protected = "enablePurgeProtection: true\n" if vault.is_protected else ""
        policies = _bicep_policies(world, vault.name, is_inline=True)
        add(
            vault.name, _VAULTS, "2023-07-01",
            f"name: '{vault.name}'\nlocation: 'westeurope'\nproperties: {{\nenableRbacAuthorization: {model}\n"
            f"enabledForTemplateDeployment: {str(vault.deploys).lower()}\n{protected}accessPolicies: [{policies}]\n}}",
        )  # fmt: skip
        add(f"s_{vault.name}", f"{_VAULTS}/secrets", "2023-07-01", f"parent: {vault.name}\nname: 's'\nproperties: {{}}")
        if vault.lock:
            body = f"scope: {vault.name}\nname: 'lock'\nproperties: {{ level: '{vault.lock}' }}"
            add(f"l_{vault.name}", "Microsoft.Authorization/locks", "2020-05-01", body)
        separate = _bicep_policies(world, vault.name, is_inline=False)
        if separate:
            body = f"parent: {vault.name}\nname: 'add'\nproperties: {{ accessPolicies: [{separate}] }}"
            add(f"add_{vault.name}", f"{_VAULTS}/accessPolicies", "2023-07-01", body)
    for name in world.identities:
        add(name, _UAI, "2023-01-31", f"name: '{name}'\nlocation: 'westeurope'")
    for one in world.workloads:
        words = ["SystemAssigned"] * one.has_own + ["UserAssigned"] * bool(one.identities)
        ids = "\n".join(f"'${{{name}.id}}': {{}}" for name in one.identities)
        assigned = f"\nuserAssignedIdentities: {{\n{ids}\n}}" if ids else ""
        identity = f"identity: {{\ntype: '{', '.join(words) or 'None'}'{assigned}\n}}"
        add(one.name, _TYPES[one.kind], "2023-01-01", f"name: '{one.name}'\nlocation: 'westeurope'\n{identity}")
    for number, (subject, name) in enumerate(world.credentials.items()):
        body = f"parent: {name}\nname: 'c{number}'\nproperties: {{ issuer: '{ISSUER}', subject: '{subject}' }}"
        add(f"c{number}", f"{_UAI}/federatedIdentityCredentials", "2023-01-31", body)
    _add_bicep_access(world, add, lines)
    return "".join(lines)


def _add_bicep_access(world: World, add: Callable[..., None], lines: list[str]) -> None:
    for role in world.roles:
        scope = "resourceGroup().id" if role.scope.startswith("group:") else f"{_bicep_scope(role.scope)}.id"
        lists = "\n".join(
            f"{name}: {_list(words)}"
            for name, words in (
                ("actions", role.actions),
                ("notActions", role.not_actions),
                ("dataActions", role.data_actions),
                ("notDataActions", role.not_data_actions),
            )
        )
        body = (
            f"name: '{role_guid(role.name)}'\nproperties: {{\nroleName: '{role.name}'\nassignableScopes: [{scope}]\n"
            f"permissions: [{{\n{lists}\n}}]\n}}"
        )
        add(role.name, "Microsoft.Authorization/roleDefinitions", "2022-04-01", body)
    for assignment in world.assignments:
        role_id = f"role_{assignment.name}" if assignment.role is None else f"{assignment.role}.id"
        if assignment.role is None:
            lines.append(f"param {role_id} string\n")
        elif role_by_name(assignment.role.lower()) is not None:
            role_id = _arm_role(assignment.role, "")
        scope = "" if assignment.scope.startswith("group:") else f"scope: {_bicep_scope(assignment.scope)}\n"
        body = (
            f"{scope}name: guid('{assignment.name}')\nproperties: {{ roleDefinitionId: {role_id}, principalId: "
            f"{_bicep_principal(assignment.principal)} }}"
        )
        add(assignment.name, "Microsoft.Authorization/roleAssignments", "2022-04-01", body)


def _bicep_scope(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f"s_{name}" if kind == "secret" else name


def _bicep_policies(world: World, vault: str, *, is_inline: bool) -> str:
    texts = []
    for one in world.policies:
        if one.vault == vault and one.is_inline == is_inline:
            words = ", ".join(f"{kind}: {_list(own)}" for kind, own in one.words.items())
            texts.append(
                f"{{ tenantId: '{guid(99)}', objectId: {_bicep_principal(one.principal)}, permissions: {{ {words} }} }}"
            )
    return ", ".join(texts)


def _list(words: list[str]) -> str:
    texts = ", ".join(f"'{word}'" for word in words)
    return f"[{texts}]"
