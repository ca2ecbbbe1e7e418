"""Makes up trees of modules."""

from __future__ import annotations

import random
from collections.abc import Mapping

from tests.moduletrees.expressions import After, Expr, Lit, Obj, Ref, Set, Spot
from tests.moduletrees.modules import ARGUMENTS, BROAD, DAYS, DEPLOY, RBAC, Call, Loop, Module, Vault

# Keys of instances: whatever may be mistaken for a part of an address, or is written with an escape there.
KEYS = (
    "a", "b", "eu.west", "two words", 'say "hi"', "br[0]ck", "x].module.y[", "back\\slash", "a/b", "ünïcode", "日本",
    "😀", "${a}", "%{b}", "$", "*", "0", "-", "it's", "tab\there",
)  # fmt: skip
POLICIES = "policies"


class Growing:
    """Makes up a tree of modules."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # nothing here is secret
        self.number = 0

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}_{self.number}"

    def keys(self) -> list[str]:
        return self.random.sample(KEYS, self.random.choice((1, 1, 2, 3)))

    def module(self, folder: str, depth: int) -> Module:
        """A module with all that it calls."""
        chance, module = self.random, Module(folder, depth)
        for name in chance.sample(("this", "kv", "main"), chance.choice((1, 1, 2) if depth else (0, 1, 1))):
            module.vaults.append(self.vault(module, name))
        least = 1 if not module.vaults else 0
        for name in chance.sample(("one", "two", "shared", "x"), chance.randint(least, 2) if depth < 3 else 0):
            if module.calls and chance.random() < 0.5:
                below = module.calls[0].module
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
            return Lit(chance.choice((1, 1, 2, 3)))
        if kind == "permissions":
            return Lit(chance.choice((["Get"], ["Get", BROAD], ["List", "Get", "Delete", BROAD])))
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
