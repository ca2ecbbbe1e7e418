"""Trees of Terraform modules, the plans that Terraform prints of them, and what is to be said of their vaults, where.

A tree is made from a seed. Its modules declare the same resources over and over, with and without keys, and set the
arguments of vaults in every way there is: written out, by a variable's default, by a file of values, by a caller
through several calls, by a local value, a member of an object, a key of a loop, a dynamic block, null, or not at all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Keys of instances: whatever may be mistaken for a part of an address, or is written with an escape there.
KEYS = (
    "a", "b", "eu.west", "two words", 'say "hi"', "br[0]ck", "x].module.y[", "back\\slash", "a/b", "ünïcode", "日本", "😀",
    "${a}", "%{b}", "$", "*", "0", "-", "it's", "tab\there",
)  # fmt: skip
VAULT = "azurerm_key_vault"
PURGE, DAYS, RBAC, DEPLOY = (
    "purge_protection_enabled", "soft_delete_retention_days", "rbac_authorization_enabled", "enabled_for_deployment",
)  # fmt: skip
POLICIES = "policies"
ARGUMENTS = (PURGE, DAYS, RBAC, DEPLOY)
FAIL, UNDECIDED, PASS = "fail", "undecided", "pass"
_BROAD = "Purge"
_TENANT = "00000000-0000-0000-0000-000000000000"
_PROVIDER = "registry.terraform.io/hashicorp/azurerm"


class Spot:
    """A line of a file: known once the file has been written."""

    def __init__(self) -> None:
        self.path = ""
        self.line = 0


class Expected(NamedTuple):
    """What one rule says of one vault, and the lines of which it may be told on one."""

    outcome: str
    spots: tuple[Spot, ...]


class _Unknown:
    """What only applying tells."""


UNKNOWN = _Unknown()


class Val(NamedTuple):
    """A value, and the lines that its owner edits if a caller gave it; none if it was not given. Objects have Vals."""

    value: Any
    given: tuple[Spot, ...] = ()
    literal: tuple[Spot, ...] = ()


Env = Mapping[str, Val]


class Expr:
    """An expression: as text, as a plan's configuration has it, and what it amounts to."""

    def text(self) -> str:
        raise NotImplementedError

    def references(self) -> list[str]:
        return []

    def configured(self) -> Any:
        references = self.references()
        return {"references": references} if references else {"constant_value": self.plain()}

    def plain(self) -> Any:
        raise NotImplementedError

    def value(self, env: Env) -> Val:
        raise NotImplementedError


class Lit(Expr):
    """A value that is written out."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.spot = Spot()

    def text(self) -> str:
        return hcl(self._plain)

    def plain(self) -> Any:
        return self._plain

    def value(self, env: Env) -> Val:
        return Val(self._plain, literal=(self.spot,))


class Obj(Expr):
    """An object over several lines, each member on its own."""

    def __init__(self, members: Mapping[str, Expr]) -> None:
        self.members = members
        self.spots = {name: Spot() for name in members}

    def references(self) -> list[str]:
        return [text for member in self.members.values() for text in member.references()]

    def plain(self) -> Any:
        return {name: member.plain() for name, member in self.members.items()}

    def value(self, env: Env) -> Val:
        found: dict[str, Val] = {}
        for name, member in self.members.items():
            value, spot = member.value(env), self.spots[name]
            found[name] = value if isinstance(value.value, dict) or value.given else Val(value.value, literal=(spot,))
        return Val(found)


class Ref(Expr):
    """A reference: to a variable, a local, or what a loop runs over, and to members of it."""

    def __init__(self, space: str, name: str, path: tuple[str, ...] = ()) -> None:
        self.space, self.name, self.path = space, name, path

    def text(self) -> str:
        return ".".join((self.space, self.name, *self.path))

    def references(self) -> list[str]:
        parts = (self.space, self.name, *self.path)
        return [".".join(parts[:end]) for end in range(len(parts), 1, -1)]

    def value(self, env: Env) -> Val:
        found = env[f"{self.space}.{self.name}"]
        for step in self.path:
            found = found.value[step]
        return found


class After(Expr):
    """A boolean that depends on what only applying tells."""

    def text(self) -> str:
        return 'random_id.unknown.hex == "00"'

    def references(self) -> list[str]:
        return ["random_id.unknown.hex", "random_id.unknown"]

    def value(self, env: Env) -> Val:
        return Val(UNKNOWN)


def hcl(plain: Any) -> str:
    """A value as Terraform's language writes it."""
    if plain is None:
        return "null"
    if isinstance(plain, str):
        return quoted(plain)
    if isinstance(plain, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {hcl(item)}" for key, item in plain.items()) + " }"
    if isinstance(plain, list):
        return "[" + ", ".join(map(hcl, plain)) + "]"
    return json.dumps(plain)


def quoted(text: str) -> str:
    """A text in quotes, as Terraform writes it in files and in addresses (its toHCLQuotedString)."""
    for old, new in (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("${", "$${"), ("%{", "%%{")):
        text = text.replace(old, new)
    return f'"{text}"'


def bracket(key: str | int | None) -> str:
    """A key as it stands in an address."""
    return "" if key is None else f"[{key}]" if isinstance(key, int) else f"[{quoted(key)}]"


def settled(found: Val, own: Spot) -> Val:
    """A value at an attribute: told there unless a caller gave it."""
    if isinstance(found.value, dict):
        return Val({key: settled(item, own) for key, item in found.value.items()})
    return found if found.given else Val(found.value, (own,))


def handed(found: Val, own: Spot) -> Val:
    """The value of a call's argument, as the called module has it: told at the argument; if it has parts, at those."""
    if isinstance(found.value, dict):
        return Val({key: part(item, own) for key, item in found.value.items()})
    return part(found, own) if isinstance(found.value, list) else settled(found, own)


def part(found: Val, own: Spot) -> Val:
    """A part of an argument: told where it is written."""
    if isinstance(found.value, dict):
        return Val({key: part(item, own) for key, item in found.value.items()})
    return found if found.given else Val(found.value, found.literal or (own,))


def plain_of(found: Val) -> Any:
    """The value itself; what is not known is UNKNOWN."""
    return {key: plain_of(item) for key, item in found.value.items()} if isinstance(found.value, dict) else found.value


class Loop(NamedTuple):
    """How often something is there: ``meta`` is ``count``, ``for_each`` or nothing."""

    meta: str = ""
    over: Expr = Lit(None)

    def steps(self, env: Env) -> Iterator[tuple[str | int | None, Env]]:
        """The key of each instance, and what can be referred to in it."""
        if not self.meta:
            yield None, env
            return
        found = self.over.value(env)
        if self.meta == "count":
            for index in range(found.value):
                yield index, env
            return
        items = found.value if isinstance(found.value, dict) else {key: Val(key) for key in found.value}
        for key in sorted(items):
            yield key, {**env, "each.key": Val(key), "each.value": items[key]}

    def configured(self) -> dict[str, Any]:
        return {f"{self.meta}_expression": self.over.configured()} if self.meta else {}


class Set(Lit):
    """A set of texts that is written out."""

    def text(self) -> str:
        return f"toset({hcl(self.plain())})"

    def configured(self) -> Any:
        return {}


class Vault:
    """A vault as it is declared. ``companions``: it has a private endpoint and a diagnostic setting."""

    def __init__(self, name: str, loop: Loop, companions: bool) -> None:
        self.name, self.loop, self.companions = name, loop, companions
        self.head = Spot()
        self.arguments: dict[str, Expr] = {}
        self.spots: dict[str, Spot] = {}
        self.policies: list[tuple[Expr, Spot]] = []
        self.dynamic: tuple[Expr, Spot] | None = None


class Call:
    """A module call."""

    def __init__(self, name: str, module: Module, loop: Loop) -> None:
        self.name, self.module, self.loop = name, module, loop
        self.head = Spot()
        self.arguments: dict[str, Expr] = {}
        self.spots: dict[str, Spot] = {}


class Module:
    """A module: ``wants`` are the kinds of its variables that every caller gives a value to."""

    def __init__(self, folder: str, depth: int) -> None:
        self.folder, self.depth = folder, depth
        self.vaults: list[Vault] = []
        self.calls: list[Call] = []
        self.defaults: dict[str, Expr] = {}
        self.wants: dict[str, str] = {}
        self.locals: dict[str, Expr] = {}
        self.unknown = False


class Tree(NamedTuple):
    """A tree on the disk. ``plan`` is the text of its plan, ``root`` the path of its root module.

    ``expected`` is by address and rule; ``callers`` are the calls that lead to a vault, by its address.
    """

    root: str
    plan: dict[str, Any]
    expected: dict[tuple[str, str], Expected]
    callers: dict[str, tuple[Spot, ...]]


def make(seed: int, folder: Path) -> Tree:
    """The tree of a seed, written below ``folder``."""
    growing = _Growing(seed)
    root = growing.module("infra" if growing.random.random() < 0.5 else "", 0)
    values = growing.given_to(root)
    _Writing(folder, values).module(root, is_root=True)
    return _Planning(values).tree(root)


class _Growing:
    """Makes up a tree of modules."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}_{self.number}"

    def keys(self) -> list[str]:
        return self.random.sample(KEYS, self.random.randint(1, 3))

    def module(self, folder: str, depth: int) -> Module:
        """A module with all that it calls."""
        chance, module = self.random, Module(folder, depth)
        for name in chance.sample(("this", "kv", "main"), chance.choice((1, 1, 2) if depth else (0, 1, 1))):
            module.vaults.append(self.vault(module, name))
        least = 1 if not module.vaults else 0
        for name in chance.sample(("one", "two", "shared", "x"), chance.randint(least, 2) if depth < 3 else 0):
            again = [call.module for call in module.calls]
            if again and chance.random() < 0.5:
                below = again[0]
            else:
                below = self.module(self.folder(folder, name), depth + 1)
            module.calls.append(self.call(module, name, below))
        if not module.vaults and not module.calls:
            module.vaults.append(self.vault(module, "this"))
        return module

    def folder(self, around: str, name: str) -> str:
        kind = self.random.choice(("modules/", "", "../"))
        folder = around
        if kind == "../" and around.count("/") < 2:
            kind = "modules/"
        if kind == "../":
            folder, kind = around.rpartition("/")[0], ""
        return f"{folder}/{kind}{self.name(name)}".lstrip("/")

    def vault(self, module: Module, name: str) -> Vault:
        loop, item = self.loop(module)
        vault = Vault(name, loop, not loop.meta and self.random.random() < 0.4)
        for argument in ARGUMENTS:
            if self.random.random() < 0.8:
                vault.arguments[argument] = self.expression(module, argument, item)
                vault.spots[argument] = Spot()
        way = self.random.random()
        if way < 0.3:
            vault.policies = [(self.permissions(module), Spot()) for _ in range(self.random.randint(1, 2))]
        elif way < 0.6:
            vault.dynamic = self.expression(module, POLICIES, {}), Spot()
        return vault

    def permissions(self, module: Module) -> Expr:
        """The permissions of one policy."""
        return self.expression(module, "permissions", {})

    def loop(self, module: Module) -> tuple[Loop, dict[str, Expr]]:
        """How often something is there, and what its instances can say of themselves, by kind."""
        way = self.random.random()
        if way < 0.4:
            return Loop(), {}
        if way < 0.55:
            return Loop("count", self.expression(module, "count", {})), {}
        if way < 0.7:
            return Loop("for_each", Set(self.keys())), {}
        item: dict[str, Expr] = {kind: Ref("each", "value", (kind,)) for kind in ARGUMENTS}
        return Loop("for_each", self.expression(module, "items", {})), item

    def call(self, module: Module, name: str, below: Module) -> Call:
        loop, item = self.loop(module)
        call = Call(name, below, loop)
        for variable, kind in below.wants.items():
            call.arguments[variable] = self.expression(module, kind, item)
            call.spots[variable] = Spot()
        for variable in below.defaults:
            if self.random.random() < 0.2:
                call.arguments[variable] = self.expression(module, variable.rpartition("_")[0], item)
                call.spots[variable] = Spot()
        return call

    def member(self, name: str, module: Module | None) -> Expr:
        """A member of an object. ``module`` is the one that the object stands in, if it can refer to anything."""
        return self.expression(module, name, {}) if module and self.random.random() < 0.3 else self.written(name)

    def written(self, kind: str, module: Module | None = None) -> Expr:
        """A value that is written out; objects go over several lines, and may hold more than what is written out."""
        chance = self.random
        if kind == DAYS:
            return Lit(chance.choice((7, 30, 90)))
        if kind == "count":
            return Lit(chance.choice((1, 2, 3)))
        if kind == "permissions":
            return Lit(chance.choice((["Get"], ["Get", _BROAD], ["List", "Get", "Delete", _BROAD])))
        if kind == POLICIES:
            return Obj({f"who{at}": self.written("permissions") for at in range(chance.randint(1, 2))})
        if kind == "items":
            return Obj({key: self.written("settings", module) for key in self.keys()})
        if kind == "settings":
            return Obj({name: self.member(name, module) for name in ARGUMENTS})
        return Lit(chance.random() < 0.5)

    def expression(self, module: Module, kind: str, item: Mapping[str, Expr]) -> Expr:
        """One way to say a value."""
        chance = self.random
        if kind in item and chance.random() < 0.6:
            return item[kind]
        way = chance.random()
        if way < 0.2:
            return self.written(kind, module)
        if way < 0.35:
            name = self.name(kind)
            module.defaults[name] = self.written(kind)
            return Ref("var", name)
        if way < 0.65:
            name = self.name(kind)
            module.wants[name] = kind
            return Ref("var", name)
        if way < 0.75:
            name = self.name(kind)
            module.locals[name] = self.expression(module, kind, {})
            return Ref("local", name)
        if kind in ARGUMENTS:
            if way < 0.9:
                holder = self.expression(module, "settings", {})
                return Ref(holder.space, holder.name, (kind,)) if isinstance(holder, Ref) else self.written(kind)
            if way < 0.95:
                # Of this one a plan does not tell whether it is null or not known yet.
                return Lit(kind == DEPLOY) if kind == RBAC else Lit(None)
            if kind != DAYS:
                module.unknown = True
                return After()
        return self.written(kind)

    def given_to(self, root: Module) -> dict[str, Expr]:
        """What the file of values gives to the root module; some defaults are given another value there."""
        found = {name: self.written(kind) for name, kind in root.wants.items()}
        for name in root.defaults:
            if self.random.random() < 0.3:
                found[name] = self.written(name.rpartition("_")[0])
        return found


class _Writing:
    """Writes the files of a tree, and takes note of its lines."""

    def __init__(self, folder: Path, values: Mapping[str, Expr]) -> None:
        self.folder = folder
        self.values = values
        self.done: set[str] = set()
        self.lines: list[str] = []
        self.path = ""

    def begin(self, path: str) -> None:
        self.path, self.lines = path, []

    def end(self) -> None:
        file = self.folder / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(self.lines) + "\n", encoding="utf-8")

    def line(self, text: str, spot: Spot | None = None) -> None:
        self.lines.append(text)
        if spot is not None:
            spot.path, spot.line = self.path, len(self.lines)

    def attribute(self, name: str, value: Expr, spot: Spot | None = None, indent: str = "  ") -> None:
        if isinstance(value, Lit):
            value.spot.path, value.spot.line = self.path, len(self.lines) + 1
        if not isinstance(value, Obj):
            self.line(f"{indent}{name} = {value.text()}", spot)
            return
        self.line(f"{indent}{name} = {{", spot)
        for member, inner in value.members.items():
            self.attribute(quoted(member), inner, value.spots[member], indent + "  ")
        self.line(f"{indent}}}")

    def module(self, module: Module, is_root: bool = False) -> None:
        if module.folder in self.done:
            return
        self.done.add(module.folder)
        prefix = f"{module.folder}/" if module.folder else ""
        self.begin(f"{prefix}variables.tf")
        for name in (*module.wants, *module.defaults):
            self.line(f'variable "{name}" {{')
            if name in module.defaults:
                self.attribute("default", module.defaults[name])
            self.line("}")
        self.line("locals {")
        for name, value in module.locals.items():
            self.attribute(name, value)
        self.line("}")
        self.end()
        if is_root:
            self.begin(f"{prefix}terraform.tfvars")
            for name, value in self.values.items():
                self.attribute(name, value, indent="")
            self.end()
        self.begin(f"{prefix}main.tf")
        if is_root:
            self.lines += ["terraform {", "  required_providers {", "    azurerm = {"]
            self.lines += ['      source  = "hashicorp/azurerm"', '      version = "~> 4.50"', "    }", "  }", "}"]
            self.lines += ['provider "azurerm" {', "  features {}", "}"]
        if module.unknown:
            self.lines += ['resource "random_id" "unknown" {', "  byte_length = 1", "}"]
        for vault in module.vaults:
            self.vault(vault)
        for call in module.calls:
            self.call(module, call)
        self.end()
        for call in module.calls:
            self.module(call.module)

    def loop(self, loop: Loop) -> None:
        if loop.meta:
            self.attribute(loop.meta, loop.over)

    def vault(self, vault: Vault) -> None:
        self.line(f'resource "{VAULT}" "{vault.name}" {{', vault.head)
        self.loop(vault.loop)
        for name, text in (("name", "kv"), ("location", "westeurope"), ("resource_group_name", "rg")):
            self.line(f'  {name} = "{text}"')
        self.line(f'  tenant_id = "{_TENANT}"')
        self.line('  sku_name = "standard"')
        for name, value in vault.arguments.items():
            self.attribute(name, value, vault.spots[name])
        for value, spot in vault.policies:
            self.line("  access_policy {")
            self.line(f'    tenant_id = "{_TENANT}"')
            self.line(f'    object_id = "{_TENANT}"')
            self.attribute("key_permissions", value, spot, "    ")
            self.line("  }")
        if vault.dynamic is not None:
            value, spot = vault.dynamic
            self.line('  dynamic "access_policy" {')
            self.attribute("for_each", value, None, "    ")
            self.line("    content {")
            self.line(f'      tenant_id = "{_TENANT}"')
            self.line(f'      object_id = "{_TENANT}"')
            self.line("      key_permissions = access_policy.value", spot)
            self.line("    }")
            self.line("  }")
        self.line("}")
        if vault.companions:
            self.companions(vault)

    def companions(self, vault: Vault) -> None:
        self.line(f'resource "azurerm_private_endpoint" "{vault.name}" {{')
        self.line('  name = "pe"')
        self.line("  private_service_connection {")
        self.line(f"    private_connection_resource_id = {VAULT}.{vault.name}.id")
        self.line('    subresource_names = ["vault"]')
        self.line("  }")
        self.line("}")
        self.line(f'resource "azurerm_monitor_diagnostic_setting" "{vault.name}" {{')
        self.line('  name = "logs"')
        self.line(f"  target_resource_id = {VAULT}.{vault.name}.id")
        self.line("}")

    def call(self, module: Module, call: Call) -> None:
        self.line(f'module "{call.name}" {{', call.head)
        self.line(f'  source = "{source_of(module.folder, call.module.folder)}"')
        self.loop(call.loop)
        for name, value in call.arguments.items():
            self.attribute(name, value, call.spots[name])
        self.line("}")


def source_of(here: str, there: str) -> str:
    """The source of a call: the way from one folder to another."""
    own, other = [part for part in here.split("/") if part], there.split("/")
    while own and other and own[0] == other[0]:
        own, other = own[1:], other[1:]
    return "/".join([*([".."] * len(own) or ["."]), *other])


class _Planning:
    """Makes the plan of a tree, and what is to be said of its vaults."""

    def __init__(self, values: Mapping[str, Expr]) -> None:
        self.values = values
        self.changes: list[dict[str, Any]] = []
        self.expected: dict[tuple[str, str], Expected] = {}
        self.callers: dict[str, tuple[Spot, ...]] = {}

    def tree(self, root: Module) -> Tree:
        found = root.defaults | self.values
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
        # A local value refers only to those that are in the module before it or not at all; a circle cannot arise.
        waiting = dict(module.locals)
        while waiting:
            for name, value in list(waiting.items()):
                if not (isinstance(value, Ref) and value.space == "local" and value.name in waiting):
                    env[f"local.{name}"] = value.value(env)
                    del waiting[name]
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
            "name": "kv", "location": "westeurope", "resource_group_name": "rg", "tenant_id": _TENANT,
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
                {"tenant_id": _TENANT, "object_id": _TENANT, "key_permissions": one.value} for one in policies
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
            outcome = UNDECIDED if one.value is UNKNOWN else PASS if passes(one.value) else FAIL
            self.expected[address, rule] = Expected(outcome, spots)
            return outcome

        told("KV001", PURGE, lambda value: value is True)
        told("KV003", DAYS, lambda value: value in (None, 90))
        told("KV303", DEPLOY, lambda value: value is not True)
        access = told("KV301", RBAC, lambda value: value is True)
        broad = [one for one in policies if _BROAD in one.value]
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
    variables = {name: {} for name in module.wants} | {
        name: {"default": value.plain()} for name, value in module.defaults.items()
    }
    return {"resources": resources, "module_calls": calls, "variables": variables}


def block(type_: str, name: str, expressions: Mapping[str, Any]) -> dict[str, Any]:
    """A resource of a configuration."""
    return {
        "address": f"{type_}.{name}", "mode": "managed", "type": type_, "name": name,
        "provider_config_key": "azurerm", "expressions": expressions, "schema_version": 0,
    }  # fmt: skip
