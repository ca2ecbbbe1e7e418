"""Generated roots: inputs, declarations, calls of modules, and what exists and what is true in a world.

Nothing here knows kvlint. The rules are written again from `kvlint explain` and the documentation of Azure.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.worlds.expressions import Env, Expr, Input, InvalidWorld, evaluate, same


class Unset(enum.Enum):
    """Mark an input without a default, or without a fixed value."""

    UNSET = "unset"


UNSET = Unset.UNSET

STRINGS = ["", "x", "dev", "prod", "kv-ab", "staging", "kv--bad", "kv-prod-weu", "kv-payments-production-1"]
STRINGS += ["kv-payments-production-west-europe"]
NUMBERS = [-1, 0, 1, 2, 3, 4, 5, 6]
ITEMS = [
    {"key": "a", "name": "kv-item-a", "rbac": False, "purge": False, "enabled": True},
    {"key": "b", "name": "kv-item-b", "rbac": True, "purge": True, "enabled": True},
    {"key": "c", "name": "kv--item-c", "rbac": True, "purge": False, "enabled": False},
]
NAMES: list[object] = [[], ["dev"], ["kv-prod-weu"], ["kv--bad"], ["dev", "kv-prod-weu"], ["kv-prod-weu", "kv--bad"]]
NAMES += [["dev", "kv--bad"], ["kv--bad", "x"], ["dev", "kv-prod-weu", "x"]]
TAGS: list[object] = [{}, {"env": "dev"}, {"env": "prod"}, {"env": ""}, {"env": "x"}, {"owner": "team"}]
TAGS += [{"env": each, "owner": "team"} for each in ("dev", "prod", "x")]
NAME = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]")

RULES = {
    "vault": ("KV001", "KV010", "KV101", "KV103", "KV105", "KV106", "KV201", "KV301", "KV304"),
    "policy": ("KV302", "KV304", "KV307"),
    "role": ("KV305",),
}


@dataclass
class InputSpec:
    """Describe a variable or parameter."""

    name: str
    type: str  # bool, string, number, names, items, tags, settings or vault
    default: object = UNSET
    nullable: bool = False
    allowed: list[str] | None = None
    minimum: int | None = None  # of a number, or of the length of a string
    maximum: int | None = None
    fixed: object = UNSET  # the value in a .tfvars or parameter file

    def accepts(self, value: object) -> bool:
        """Return whether the type, the allowed values and the validations permit a value."""
        kinds = {"bool": bool, "string": str, "number": int, "names": list, "items": list, "tags": dict}
        kinds["settings"] = dict
        if value is None:
            return self.nullable
        if self.type != "vault" and (
            not isinstance(value, kinds[self.type]) or (self.type == "number" and isinstance(value, bool))
        ):
            return False
        if self.allowed is not None and value not in self.allowed:
            return False
        size = value if isinstance(value, int) else len(value) if isinstance(value, (str, list, dict)) else 0
        return (self.minimum is None or size >= self.minimum) and (self.maximum is None or size <= self.maximum)

    def domain(self) -> list[object]:
        """List the values to enumerate."""
        return [self.fixed] if self.fixed is not UNSET else [each for each in self.values() if self.accepts(each)]

    def values(self) -> list[object]:
        """List values of the type, whether they are valid or not."""
        a, b, c = ITEMS
        lists: dict[str, list[object]] = {
            "bool": [False, True],
            "string": [*STRINGS],
            "number": [*NUMBERS],
            "names": NAMES,
            "items": [[], [a], [b], [c], [a, b], [a, c], [b, c], [a, b, c]],
            "tags": TAGS,
            "settings": [{}, {"kv": {}}, {"kv": {"enabled": False}}, {"kv": {"enabled": True}}],
        }
        values = list(lists[self.type])
        if self.nullable:
            values.insert(0, None)
        if self.default is not UNSET and not any(same(self.default, each) for each in values):
            values = [self.default, *values]
        return values

    def base(self) -> list[object]:
        """List the values of the base world: a single value, or the domain of an input without a default."""
        if self.fixed is not UNSET:
            return [self.fixed]
        return self.domain() if self.default is UNSET else [self.default]


@dataclass(frozen=True)
class Target:
    """Name the vault of a companion."""

    kind: str  # own (same scope), child (output of a call), parameter, or own or outside
    name: str = ""


@dataclass
class Loop:
    """Repeat a declaration over an input."""

    kind: str  # items, names or count
    source: Input
    filter: Expr | None = None


@dataclass
class Decl:
    """Declare a vault, policy, role, diagnostic setting (diag) or private endpoint."""

    kind: str
    name: str
    condition: Expr | None = None
    style: str = "count"  # or each: `for_each = c ? toset(["this"]) : toset([])`
    loop: Loop | None = None
    attributes: dict[str, Expr] = field(default_factory=dict)
    target: Target | None = None
    precondition: Expr | None = None


@dataclass
class Call:
    """Call a module, or nest a deployment."""

    name: str
    scope: Scope
    condition: Expr | None = None
    style: str = "count"
    arguments: dict[str, Expr | Target] = field(default_factory=dict)
    inline: bool = False  # ARM: a nested deployment with outer scope
    loop: Loop | None = None


@dataclass
class Scope:
    """Hold the content of a root or a module."""

    name: str = ""
    inputs: list[InputSpec] = field(default_factory=list)
    locals: dict[str, Expr] = field(default_factory=dict)
    decls: list[Decl] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    output: str | None = None  # the vault whose ID the module returns
    output_style: str = "index"  # index: fails if the vault does not exist; null: returns null then

    def decl(self, name: str) -> Decl:
        """Return the declaration with a name."""
        return next(each for each in self.decls if each.name == name)

    def input(self, name: str) -> InputSpec:
        """Return the input with a name."""
        return next(each for each in self.inputs if each.name == name)


DeclId = tuple[str, ...]  # names of calls, then of the declaration
Keys = tuple[object, ...]  # keys of the loops of calls, then of the declaration


@dataclass(frozen=True)
class VaultId:
    """Identify an instance of a vault."""

    decl: DeclId
    key: Keys
    exists: bool = True


OUTSIDE = VaultId(("(outside)",), (), exists=False)


@dataclass
class Instance:
    """Hold an instance with its values."""

    decl: DeclId
    kind: str
    key: Keys
    values: dict[str, object]
    target: VaultId | None = None


@dataclass
class World:
    """Hold what a deployment with these inputs contains."""

    inputs: dict[str, object]
    valid: bool
    why: str = ""
    language: str = "tf"
    instances: list[Instance] = field(default_factory=list)

    def of(self, decl: DeclId) -> list[Instance]:
        """Return the instances of a declaration."""
        return [each for each in self.instances if each.decl == decl]

    def exists(self, decl: DeclId) -> bool:
        """Return whether a declaration has an instance."""
        return self.valid and any(each.decl == decl for each in self.instances)

    def finding(self, decl: DeclId, rule: str) -> bool | None:
        """Return whether a rule fails for any instance; None: not decided by this root."""
        results = [self.instance_finding(each, rule) for each in self.of(decl)]
        return True if True in results else None if None in results else False

    def linked(self, vault: Instance, kind: str) -> bool:
        """Return whether a companion of this kind refers to a vault."""
        this = VaultId(vault.decl, vault.key)
        return any(each.kind == kind and each.target == this for each in self.instances)

    def vault_of(self, companion: Instance) -> Instance | None:
        """Return the vault of a companion, if it exists here."""
        return next(
            (v for v in self.instances if v.kind == "vault" and VaultId(v.decl, v.key) == companion.target), None
        )

    def nameless(self, vault: Instance) -> bool:
        """Return whether companions in a template cannot name a vault: its name is empty."""
        return self.language != "tf" and vault.values.get("name") == ""

    def instance_finding(self, this: Instance, rule: str) -> bool | None:
        """Return whether a rule fails for an instance."""
        values = this.values
        if this.kind == "vault" and self.nameless(this) and rule in ("KV103", "KV106", "KV201"):
            return None
        if this.kind == "vault":
            public = values.get("public") is not False
            match rule:
                case "KV001":
                    return values.get("purge") is not True
                case "KV010":
                    return not NAME.fullmatch(str(values["name"]))
                case "KV101":
                    return public and values.get("acl") != "Deny"
                case "KV103":
                    return not self.linked(this, "endpoint")
                case "KV105":
                    return public
                case "KV106":
                    return public and self.linked(this, "endpoint")
                case "KV201":
                    return not self.linked(this, "diag")
                case "KV301":
                    return values.get("rbac") is not True
                case "KV304":
                    return values.get("inline") is True and values.get("rbac") is True
        vault = self.vault_of(this)
        if rule == "KV302" and values["purge"] is not True:
            return False
        if rule == "KV307" and values["purge"] is not True:
            return False
        if vault is None or self.nameless(vault):
            return None
        rbac = vault.values.get("rbac") is True
        match rule:
            case "KV302":
                return not rbac
            case "KV304":
                return rbac
            case "KV305":
                return not rbac
            case "KV307":
                return not rbac and vault.values.get("purge") is not True
        raise ValueError(rule)


@dataclass
class Root:
    """Hold a root in a language, and enumerate its worlds."""

    language: str  # tf, bicep or arm
    scope: Scope
    modern: bool = True  # ARM: language version 2.0

    def decls(self) -> dict[DeclId, Decl]:
        """Return all declarations by their path."""
        return dict(declarations(self.scope, ()))

    def assignments(self) -> Iterator[dict[str, object]]:
        """Enumerate all assignments of the inputs."""
        yield from products({each.name: each.domain() for each in self.scope.inputs})

    def size(self) -> int:
        """Return the number of assignments."""
        size = 1
        for each in self.scope.inputs:
            size *= len(each.domain())
        return size

    def base_assignments(self) -> list[dict[str, object]]:
        """Return the base world: several assignments if inputs have no default."""
        return list(products({each.name: each.base() for each in self.scope.inputs}))

    def world(self, inputs: dict[str, object], lax: frozenset[str] = frozenset()) -> World:
        """Compute what exists with these inputs; `lax` names checks to leave out: validations, references."""
        world = World(inputs, valid=True, language=self.language)
        try:
            Deployment(self.language, world, lax).run(self.scope, inputs, (), None)
        except InvalidWorld as error:
            return World(inputs, valid=False, why=str(error))
        return world


def products(domains: dict[str, list[object]]) -> Iterator[dict[str, object]]:
    """Enumerate all combinations."""
    for values in itertools.product(*domains.values()):
        yield dict(zip(domains, values, strict=True))


def declarations(scope: Scope, path: DeclId) -> Iterator[tuple[DeclId, Decl]]:
    """List the declarations of a scope and of what it calls."""
    for each in scope.decls:
        yield (*path, each.name), each
    for call in scope.calls:
        yield from declarations(call.scope, (*path, call.name))


class Deployment:
    """Deploy a root on paper."""

    def __init__(self, language: str, world: World, lax: frozenset[str]) -> None:
        self.language = language
        self.world = world
        self.lax = lax

    def run(
        self, scope: Scope, inputs: dict[str, object], path: DeclId, around: Env | None, keys: Keys = ()
    ) -> VaultId | None:
        """Add the instances of a scope, and return its output; `keys` are those of the loops around it."""
        for spec in scope.inputs:
            if "validations" not in self.lax and not spec.accepts(inputs[spec.name]):
                raise InvalidWorld(f"{spec.name} = {inputs[spec.name]!r} is not valid")
        env = around or Env(inputs, scope.locals, language=self.language)
        if self.language == "tf":
            for expr in scope.locals.values():
                evaluate(expr, env)
        for each in scope.decls:
            if each.kind == "vault":
                self.add(each, env, path, {}, keys)
        outputs: dict[str, VaultId | None] = {}
        for call in scope.calls:
            for key, item in self.keys(call, env):
                inner = (*keys, key) if call.loop is not None else keys
                outputs[call.name] = self.call(call, env.with_item(item), path, outputs, keys, inner)
        for each in scope.decls:
            if each.kind != "vault":
                self.add(each, env, path, outputs, keys)
        if scope.output is None:
            return None
        return self.own_vault(scope.output, path, (*keys, None), strict=scope.output_style == "index")

    def test(self, condition: Expr, env: Env) -> bool:
        """Evaluate a condition."""
        value = evaluate(condition, env)
        if not isinstance(value, bool):
            raise InvalidWorld("the condition is not a Boolean")
        return value

    def call(
        self,
        call: Call,
        env: Env,
        path: DeclId,
        outputs: dict[str, VaultId | None],
        keys: Keys,
        inner: Keys,
    ) -> VaultId | None:
        """Run a module with its arguments."""
        if call.inline:
            return self.run(call.scope, dict(env.inputs), (*path, call.name), env, inner)
        inputs: dict[str, object] = {}
        for each in call.scope.inputs:
            argument = call.arguments.get(each.name)
            if argument is None:
                if each.default is UNSET:
                    raise InvalidWorld(f"no argument for {each.name}")
                inputs[each.name] = each.default
            elif isinstance(argument, Target):
                inputs[each.name] = self.resolve(argument, env, path, (*keys, None), outputs)
            else:
                inputs[each.name] = evaluate(argument, env)
        return self.run(call.scope, inputs, (*path, call.name), None, inner)

    def add(self, decl: Decl, env: Env, path: DeclId, outputs: dict[str, VaultId | None], keys: Keys) -> None:
        """Add the instances of a declaration."""
        for last, item in self.keys(decl, env):
            key = (*keys, last)
            inner = env.with_item(item)
            values = {name: evaluate(expr, inner) for name, expr in decl.attributes.items()}
            if decl.kind == "vault" and not isinstance(values["name"], str) and "references" not in self.lax:
                raise InvalidWorld("a vault without a name")
            if (
                decl.precondition is not None
                and "validations" not in self.lax
                and not self.test(decl.precondition, inner)
            ):
                raise InvalidWorld("a precondition fails")
            target = None
            if decl.target is not None:
                target = self.resolve(decl.target, env, path, key, outputs)
                if target is None and "references" not in self.lax:
                    raise InvalidWorld("the ID of the vault is null")
            self.world.instances.append(Instance((*path, decl.name), decl.kind, key, values, target))

    def keys(self, decl: Decl | Call, env: Env) -> list[tuple[object, object]]:
        """List keys and elements of the instances of a declaration or call."""
        loop = decl.loop
        if loop is None:
            return [(None, None)] if decl.condition is None or self.test(decl.condition, env) else []
        if decl.condition is not None and not self.test(decl.condition, env):
            return []
        source = evaluate(loop.source, env)
        if loop.kind == "count":
            if not isinstance(source, int) or source < 0:
                raise InvalidWorld("a negative count")
            pairs: list[tuple[object, object]] = [(index, index) for index in range(source)]
        elif isinstance(source, list):
            pairs = [(each["key"] if isinstance(each, dict) else each, each) for each in source]
        else:
            raise InvalidWorld("a loop over nothing")
        if loop.filter is None:
            return pairs
        return [(key, item) for key, item in pairs if self.test(loop.filter, env.with_item(item))]

    def resolve(
        self, target: Target, env: Env, path: DeclId, key: Keys, outputs: dict[str, VaultId | None]
    ) -> VaultId | None:
        """Return the vault that a target names."""
        if target.kind == "parameter":
            value = env.inputs[target.name]
            return value if isinstance(value, VaultId) else None
        if target.kind == "child":
            if target.name not in outputs and "references" in self.lax:
                return OUTSIDE
            if target.name not in outputs:
                raise InvalidWorld(f"module {target.name} does not exist")
            return outputs[target.name]
        vault = self.own_vault(target.name, path, key, strict=target.kind == "own")
        return OUTSIDE if vault is None and target.kind == "own or outside" else vault

    def own_vault(self, name: str, path: DeclId, key: Keys, strict: bool) -> VaultId | None:
        """Return a vault of the scope; if it does not exist, Terraform fails, and templates refer to nothing."""
        decl = (*path, name)
        if any(each.decl == decl and each.key == key for each in self.world.instances):
            return VaultId(decl, key)
        if self.language == "tf" and "references" not in self.lax:
            if strict:
                raise InvalidWorld(f"{name} does not exist")
            return None
        return VaultId(decl, key, exists=False)
