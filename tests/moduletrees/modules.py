"""What a tree is made of: modules, their vaults and their calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.moduletrees.expressions import Env, Expr, Lit, Spot, Val

VAULT = "azurerm_key_vault"
PURGE, DAYS, RBAC, DEPLOY = (
    "purge_protection_enabled", "soft_delete_retention_days", "rbac_authorization_enabled", "enabled_for_deployment",
)  # fmt: skip
ARGUMENTS = (PURGE, DAYS, RBAC, DEPLOY)
TENANT = "00000000-0000-0000-0000-000000000000"
BROAD = "Purge"


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


def source_of(here: str, there: str) -> str:
    """The source of a call: the way from one folder to another."""
    own, other = [part for part in here.split("/") if part], there.split("/")
    while own and other and own[0] == other[0]:
        own, other = own[1:], other[1:]
    return "/".join([*([".."] * len(own) or ["."]), *other])
