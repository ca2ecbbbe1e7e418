"""Makes the plan of a tree, and what is to be said of its vaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.moduletrees.expressions import UNKNOWN, Env, Expr, Spot, Val, bracket, handed, plain_of, settled
from tests.moduletrees.modules import BROAD, DAYS, DEPLOY, PURGE, RBAC, TENANT, VAULT, Module, Vault, source_of

FAIL, IS_UNKNOWN, PASS = "fail", "unknown", "pass"
_PROVIDER = "registry.terraform.io/hashicorp/azurerm"


class Expected(NamedTuple):
    """What one rule says of one vault, and the lines of which it may be told on one."""

    outcome: str
    spots: tuple[Spot, ...]


class Tree(NamedTuple):
    """A tree on the disk. ``plan`` is the text of its plan, ``root`` the path of its root module.

    ``expected`` is by address and rule; ``callers`` are the calls that lead to a vault, by its address.
    """

    root: str
    plan: dict[str, Any]
    expected: dict[tuple[str, str], Expected]
    callers: dict[str, tuple[Spot, ...]]


class Planning:
    """Makes the plan of a tree, and what is to be said of its vaults."""

    def __init__(self, values: Mapping[str, Expr]) -> None:
        self.values = values
        self.changes: list[dict[str, Any]] = []
        self.expected: dict[tuple[str, str], Expected] = {}
        self.callers: dict[str, tuple[Spot, ...]] = {}

    def tree(self, root: Module) -> Tree:
        found = {**root.defaults, **self.values}
        variables = {name: value.value({}) for name, value in found.items()}
        self.module(root, variables, "", ())
        provider = {
            "name": "azurerm", "full_name": _PROVIDER, "version_constraint": "~> 4.50",
            "expressions": {"features": [{}]},
        }  # fmt: skip
        plan = {
            "format_version": "1.2",
            "terraform_version": "1.9.8",
            "variables": {name: {"value": plain_of(value)} for name, value in variables.items()},
            "resource_changes": self.changes,
            "configuration": {"provider_config": {"azurerm": provider}, "root_module": configured(root)},
            "complete": True,
            "errored": False,
        }
        return Tree(root.folder, plan, self.expected, self.callers)

    def module(self, module: Module, variables: Mapping[str, Val], prefix: str, callers: tuple[Spot, ...]) -> None:
        env: dict[str, Val] = {f"var.{name}": value for name, value in variables.items()}
        for name, value in module.locals.items():  # a local value refers only to those before it
            env[f"local.{name}"] = value.value(env)
        if module.unknown:
            self.change(prefix, "random_id", "unknown", None, {"byte_length": 1}, {"hex": True, "id": True})
        for vault in module.vaults:
            for key, inner in vault.loop.steps(env):
                self.vault(vault, key, inner, prefix, callers)
        for call in module.calls:
            for key, inner in call.loop.steps(env):
                given = {name: value.value({}) for name, value in call.module.defaults.items()}
                given |= {name: handed(value.value(inner), call.spots[name]) for name, value in call.arguments.items()}
                step = f"{prefix}module.{call.name}{bracket(key)}."
                self.module(call.module, given, step, (*callers, call.head))

    def vault(self, vault: Vault, key: str | int | None, env: Env, prefix: str, callers: tuple[Spot, ...]) -> None:
        found = {name: settled(value.value(env), vault.spots[name]) for name, value in vault.arguments.items()}
        policies = [settled(value.value(env), spot) for value, spot in vault.policies]
        if vault.dynamic is not None:
            value, spot = vault.dynamic
            items = value.value(env).value
            policies += [settled(items[name], spot) for name in sorted(items)]
        after: dict[str, Any] = {
            "name": "kv", "location": "westeurope", "resource_group_name": "rg", "tenant_id": TENANT,
            "sku_name": "standard", "public_network_access_enabled": True, PURGE: None, DEPLOY: None, DAYS: 90,
        }  # fmt: skip
        unknown: dict[str, Any] = {"id": True, "vault_uri": True, "network_acls": True, RBAC: True}
        for name, one in found.items():
            if one.value is UNKNOWN:
                after.pop(name, None)
                unknown[name] = True
            elif one.value is not None:
                unknown.pop(name, None)
                after[name] = one.value
        if policies:
            after["access_policy"] = [
                {"tenant_id": TENANT, "object_id": TENANT, "key_permissions": one.value} for one in policies
            ]
        else:
            unknown["access_policy"] = True
        address = self.change(prefix, VAULT, vault.name, key, after, unknown)
        if vault.companions:
            self.companions(vault, prefix)
        self.callers[address] = callers
        self.judge(address, vault, found, policies)

    def companions(self, vault: Vault, prefix: str) -> None:
        connection = {"name": "c", "subresource_names": ["vault"], "is_manual_connection": False}
        self.change(
            prefix, "azurerm_private_endpoint", vault.name, None,
            {"name": "pe", "private_service_connection": [connection]},
            {"id": True, "private_service_connection": [{"private_connection_resource_id": True}]},
        )  # fmt: skip
        logs = {"id": True, "target_resource_id": True}
        self.change(prefix, "azurerm_monitor_diagnostic_setting", vault.name, None, {"name": "logs"}, logs)

    def change(
        self, prefix: str, type_: str, name: str, key: str | int | None, after: dict[str, Any], unknown: dict[str, Any]
    ) -> str:
        address = f"{prefix}{type_}.{name}{bracket(key)}"
        self.changes.append({
            "address": address,
            **({"module_address": prefix.rstrip(".")} if prefix else {}),
            "mode": "managed", "type": type_, "name": name,
            **({} if key is None else {"index": key}),
            "provider_name": _PROVIDER,
            "change": {
                "actions": ["create"], "before": None, "after": after, "after_unknown": unknown,
                "before_sensitive": False, "after_sensitive": {},
            },
        })  # fmt: skip
        return address

    def judge(self, address: str, vault: Vault, found: Mapping[str, Val], policies: Sequence[Val]) -> None:
        """What the rules say that ask one thing of a vault."""

        def told(rule: str, name: str, passes: Any) -> str:
            one = found.get(name, Val(None))
            spots = one.given or (vault.head,)
            outcome = IS_UNKNOWN if one.value is UNKNOWN else PASS if passes(one.value) else FAIL
            self.expected[address, rule] = Expected(outcome, spots)
            return outcome

        told("KV001", PURGE, lambda value: value is True)
        told("KV003", DAYS, lambda value: value in (None, 90))
        told("KV303", DEPLOY, lambda value: value is not True)
        access = told("KV301", RBAC, lambda value: value is True)
        broad = [one for one in policies if BROAD in one.value]
        if access == PASS or not broad:
            self.expected[address, "KV302"] = Expected(PASS, ())
        elif access == FAIL:
            self.expected[address, "KV302"] = Expected(FAIL, tuple(spot for one in broad for spot in one.given))
        for rule in ("KV103", "KV201"):
            self.expected[address, rule] = Expected(PASS if vault.companions else FAIL, (vault.head,))


def configured(module: Module) -> dict[str, Any]:
    """A module as a plan's configuration has it."""
    resources = []
    if module.unknown:
        resources.append(block("random_id", "unknown", {"byte_length": {"constant_value": 1}}))
    for vault in module.vaults:
        written = {name: value.configured() for name, value in vault.arguments.items()}
        if vault.policies:
            written["access_policy"] = [{"key_permissions": value.configured()} for value, _ in vault.policies]
        resources.append({**block(VAULT, vault.name, written), **vault.loop.configured()})
        if vault.companions:
            target = {"references": [f"{VAULT}.{vault.name}.id", f"{VAULT}.{vault.name}"]}
            connection = [{"private_connection_resource_id": target}]
            resources += [
                block("azurerm_private_endpoint", vault.name, {"private_service_connection": connection}),
                block("azurerm_monitor_diagnostic_setting", vault.name, {"target_resource_id": target}),
            ]
    calls = {
        call.name: {
            "source": source_of(module.folder, call.module.folder),
            "expressions": {name: value.configured() for name, value in call.arguments.items()},
            "module": configured(call.module),
            **call.loop.configured(),
        }
        for call in module.calls
    }
    variables: dict[str, Any] = {name: {} for name in module.wants}
    variables |= {name: {"default": value.plain()} for name, value in module.defaults.items()}
    return {"resources": resources, "module_calls": calls, "variables": variables}


def block(type_: str, name: str, expressions: Mapping[str, Any]) -> dict[str, Any]:
    """A resource of a configuration."""
    return {
        "address": f"{type_}.{name}", "mode": "managed", "type": type_, "name": name,
        "provider_config_key": "azurerm", "expressions": expressions, "schema_version": 0,
    }  # fmt: skip
