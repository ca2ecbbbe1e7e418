"""Generate roots from seeds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.worlds import arm, bicep, terraform
from tests.worlds.expressions import (
    And,
    Compare,
    Dig,
    Expr,
    Format,
    Has,
    HasKey,
    If,
    Input,
    Item,
    Length,
    Lit,
    Local,
    Not,
    Or,
)
from tests.worlds.model import UNSET, Call, Decl, DeclId, InputSpec, Loop, Root, Scope, Target

LIMIT = 1500
"""The largest number of assignments of a root."""

FILES: dict[str, Callable[[Root], dict[str, str]]] = {
    "tf": terraform.files,
    "bicep": bicep.files,
    "arm": arm.files,
}


@dataclass
class Case:
    """Hold a generated root, its files, and where each declaration is."""

    seed: int
    language: str
    root: Root
    files: dict[str, str]
    addresses: dict[str, DeclId] = field(default_factory=dict)  # Terraform and Bicep
    lines: dict[int, DeclId] = field(default_factory=dict)  # ARM: the line of `type` in main.json

    def free(self) -> list[InputSpec]:
        """Return the inputs without a value in a file."""
        return [each for each in self.root.scope.inputs if each.fixed is UNSET]

    def fixed(self) -> list[InputSpec]:
        """Return the inputs with a value in a file."""
        return [each for each in self.root.scope.inputs if each.fixed is not UNSET]


def make_case(seed: int, language: str) -> Case:
    """Generate the root of a seed."""
    for attempt in range(1000):
        root = Generator(random.Random(f"{language}-{seed}-{attempt}"), language).root()
        if acceptable(root):
            break
    else:
        raise RuntimeError(f"no root for seed {seed}")
    return case_of(root, seed)


def case_of(root: Root, seed: int = -1) -> Case:
    """Render a root."""
    case = Case(seed, root.language, root, FILES[root.language](root))
    if root.language == "arm":
        case.lines = {line: decl for decl, line in arm.lines(case.files["main.json"]).items()}
    else:
        write = terraform.address if root.language == "tf" else bicep.address
        case.addresses = {write(path, decl): path for path, decl in root.decls().items()}
    return case


def acceptable(root: Root) -> bool:
    """Return whether a root can be deployed as it is, has a switch, and is small enough to enumerate."""
    if not 1 < root.size() <= LIMIT:
        return False
    base = root.base_assignments()
    worlds = [root.world(each) for each in base]
    if not any(each.valid for each in worlds) or (len(base) == 1 and not worlds[0].valid):
        return False
    things: list[Decl | Call] = [*root.decls().values(), *root.scope.calls]
    return any(each.condition is not None or each.loop is not None for each in things)


class Generator:
    """Make random choices."""

    def __init__(self, rng: random.Random, language: str) -> None:
        self.rng = rng
        self.language = language
        self.modern = language != "arm" or rng.random() < 0.6
        self.nullable = self.modern
        self.numbers: dict[str, int] = {}
        self.plain_name = False  # one vault has a name that is not made unique
        self.conditions: dict[int, list[Expr]] = {}
        self.switches = rng.randint(1, 4)

    def chance(self, probability: float) -> bool:
        """Return true with a probability."""
        return self.rng.random() < probability

    def new(self, word: str) -> str:
        """Return a name that is not in use."""
        self.numbers[word] = self.numbers.get(word, 0) + 1
        return f"{word}{self.numbers[word]}"

    def root(self) -> Root:
        """Make a root."""
        scope = Scope("root")
        self.fill(scope, depth=0)
        if self.chance(0.15):
            fixed = [each for each in scope.inputs if each.default is UNSET or self.chance(0.4)]
            for each in fixed:
                each.fixed = self.rng.choice(each.domain())
        return Root(self.language, scope, self.modern)

    def switch(self) -> bool:
        """Return whether the next declaration is switched."""
        if self.switches <= 0 or self.chance(0.25):
            return False
        self.switches -= 1
        return True

    # Inputs

    def input(self, scope: Scope, kind: str, reuse: float = 0.7) -> InputSpec:
        """Return an input of a type, existing or new."""
        existing = [each for each in scope.inputs if each.type == kind]
        if existing and (self.chance(reuse) or len(scope.inputs) >= 5):
            return self.rng.choice(existing)
        words = {"bool": "flag", "string": "text", "number": "size"}
        spec = InputSpec(self.new(words.get(kind, kind)), kind)
        self.restrict(spec)
        values = spec.domain()
        simple = {"bool": False, "string": "", "number": 0, "names": [], "items": [], "tags": {}, "settings": {}}[kind]
        if not self.chance(0.07):
            spec.default = simple if self.chance(0.65) and spec.accepts(simple) else self.rng.choice(values)
            if self.nullable and kind == "string" and self.chance(0.3):
                spec.default, spec.nullable = None, True
        scope.inputs.append(spec)
        return spec

    def restrict(self, spec: InputSpec) -> None:
        """Add validations to an input."""
        if spec.type == "string" and self.chance(0.25):
            spec.allowed = self.rng.sample(["", "dev", "prod", "kv-prod-weu"], k=self.rng.choice([2, 3]))
        elif spec.type == "string" and self.chance(0.2):
            spec.minimum, spec.maximum = self.rng.choice([(1, None), (None, 4), (3, 24), (None, 24)])
        elif spec.type == "number" and self.chance(0.4):
            spec.minimum, spec.maximum = self.rng.choice([(0, None), (0, 2), (1, 5), (None, 3)])
        elif spec.type == "names" and self.chance(0.15):
            spec.maximum = self.rng.choice([0, 1])

    # Conditions

    def atom(self, scope: Scope) -> Expr:
        """Make a condition of one input."""
        kinds = ["bool"] * 6 + ["string"] * 5 + ["number"] * 2 + ["names", "items", "tags", "settings"]
        spec = self.input(scope, self.rng.choice(kinds))
        read = Input(spec.name)
        pick = self.rng.choice
        match spec.type:
            case "bool":
                return pick([read, read, Not(read), Compare("==", read, Lit(pick([True, False])))])
            case "number":
                return Compare(pick(["==", "!=", "<", "<=", ">", ">="]), read, Lit(pick([0, 1, 2, 3, 5])))
            case "names":
                member = Has(read, Lit(pick(["dev", "kv-prod-weu"])))
                return pick([Compare(">", Length(read), Lit(0)), member, Compare("==", Length(read), Lit(2))])
            case "items":
                some = Compare(">", Length(read), Lit(pick([0, 0, 1])))
                return pick([some, HasKey(read, pick(["a", "b"]))]) if self.language == "tf" else some
            case "tags":
                value = Compare(pick(["==", "!="]), Dig(read, ("env",), ""), Lit(pick(["dev", "prod", ""])))
                return pick([value, HasKey(read, pick(["env", "owner"])), Compare(">", Length(read), Lit(0))])
            case "settings":
                return Dig(read, ("kv", "enabled"), False)
        return self.string_atom(spec)

    def string_atom(self, spec: InputSpec) -> Expr:
        """Make a condition of a string."""
        read = Input(spec.name)
        pick = self.rng.choice
        words = ["dev", "prod", "kv-prod-weu", "staging"]
        if spec.nullable:
            null = Compare(pick(["!=", "!=", "=="]), read, Lit(None))
            return pick([null, null, Compare(pick(["==", "!="]), read, Lit(pick(words)))])
        return pick(
            [
                Compare(pick(["!=", "!=", "=="]), read, Lit("")),
                Compare(pick(["==", "!="]), read, Lit(pick(words))),
                Has(Lit(tuple(self.rng.sample(words, k=2))), read),
                Compare(pick([">", ">=", "<"]), Length(read), Lit(pick([0, 3, 4, 7, 24]))),
            ]
        )

    def condition(self, scope: Scope, depth: int = 2) -> Expr:
        """Make a condition, through locals at times."""
        known = self.conditions.setdefault(id(scope), [])
        if known and self.chance(0.2):
            earlier = self.rng.choice(known)
            return earlier if self.chance(0.5) else Not(earlier)
        result = self.tree(scope, depth)
        if self.chance(0.08):
            result = self.never(scope)
        if self.chance(0.3):
            name = self.new("local")
            scope.locals[name] = result
            result = Local(name)
        known.append(result)
        return result

    def tree(self, scope: Scope, depth: int) -> Expr:
        """Combine atoms."""
        if depth == 0 or self.chance(0.5):
            return self.atom(scope)
        left, right = self.tree(scope, depth - 1), self.tree(scope, depth - 1)
        choice = self.rng.randrange(8)
        if choice < 4:
            return And(left, right)
        if choice < 6:
            return Or(left, right)
        return Not(Or(left, right)) if choice == 6 else If(self.atom(scope), left, right)

    def never(self, scope: Scope) -> Expr:
        """Make a condition that never holds, or that only looks so."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return Lit(False)
        if kind == 1:
            atom = self.atom(scope)
            return And(atom, Not(atom))
        if kind == 2:
            spec = InputSpec(self.new("text"), "string", "dev", allowed=["dev", "prod"])
            scope.inputs.append(spec)
            return Compare("==", Input(spec.name), Lit("staging"))
        spec = InputSpec(self.new("size"), "number", 1, minimum=0, maximum=2)
        scope.inputs.append(spec)
        return Compare(">", Input(spec.name), Lit(self.rng.choice([2, 3, 1])))

    # Declarations

    def fill(self, scope: Scope, depth: int, inline: bool = False, symbols: Scope | None = None) -> None:
        """Fill a scope with vaults, companions and calls; `symbols` is the scope that expressions read."""
        reads = symbols or scope
        for _ in range(self.rng.choice([1, 1, 2])):
            vault = self.vault(reads, loops=not inline)
            scope.decls.append(vault)
            kinds = ["policy", "role", "diag", "endpoint"]
            for kind in self.rng.sample(kinds, k=self.rng.choice([0, 1, 1, 2, 2, 3])):
                scope.decls.append(self.companion(kind, vault, reads))
        for _ in range(self.rng.choice([0, 0, 1, 1, 2]) if depth < 2 else 0):
            scope.calls.append(self.call(scope, reads, depth, inline))
        if self.language != "tf":
            return
        if depth > 0:
            self.output(scope)
        for each in scope.calls:
            if each.scope.output is not None and each.loop is None and self.chance(0.5):
                kind = self.rng.choice(["policy", "role", "diag", "endpoint"])
                decl = self.companion(kind, None, reads)
                decl.target = Target("child", each.name)
                if each.condition is not None and self.chance(0.85):
                    decl.condition = each.condition if decl.condition is None else And(each.condition, decl.condition)
                scope.decls.append(decl)

    def output(self, scope: Scope) -> None:
        """Return a vault of a module."""
        single = [each for each in scope.decls if each.kind == "vault" and each.loop is None]
        if single and self.chance(0.7):
            scope.output = self.rng.choice(single).name
            scope.output_style = "index" if self.chance(0.3) else "null"

    def style(self) -> str:
        """Choose how Terraform switches."""
        return "each" if self.language == "tf" and self.chance(0.2) else "count"

    def vault(self, scope: Scope, loops: bool) -> Decl:
        """Make a vault."""
        decl = Decl("vault", self.new("vault"), style=self.style())
        switched = self.switch()
        number = self.numbers["vault"]
        decl.attributes["name"] = Lit(f"kv-app-{number}" if self.chance(0.9) else f"kv--app-{number}")
        if switched and loops and self.chance(0.3):
            self.loop(decl, scope)
        elif switched and not self.plain_name and self.chance(0.2):
            self.plain_name = True
            spec = self.input(scope, "string", reuse=0.3)
            decl.attributes["name"] = Input(spec.name)
            is_named = Compare("!=", Input(spec.name), Lit(None if spec.nullable else ""))
            decl.condition = is_named if self.chance(0.7) else And(is_named, self.condition(scope, 1))
        elif switched:
            decl.condition = self.condition(scope)
        if decl.loop is None and isinstance(decl.attributes["name"], Lit) and self.chance(0.15):
            spec = self.input(scope, "string")
            if not spec.nullable:
                decl.attributes["name"] = Format(f"k{number}-", Input(spec.name))
        self.settings(decl, scope)
        if self.language == "tf" and self.chance(0.08):
            decl.precondition = Or(self.atom(scope), self.atom(scope))
        return decl

    def settings(self, decl: Decl, scope: Scope) -> None:
        """Add the settings of a vault."""
        item = decl.loop is not None and decl.loop.kind == "items"
        for name, probability in (("rbac", 0.75), ("purge", 0.5), ("public", 0.35), ("inline", 0.15)):
            if not self.chance(probability):
                continue
            if item and name in ("rbac", "purge") and self.chance(0.7):
                decl.attributes[name] = Item(name)
            else:
                decl.attributes[name] = self.setting(scope)
        if self.chance(0.25):
            test = self.atom(scope)
            decl.attributes["acl"] = self.rng.choice([Lit("Deny"), If(test, Lit("Deny"), Lit("Allow"))])

    def setting(self, scope: Scope) -> Expr:
        """Make a Boolean setting."""
        choice = self.rng.random()
        if choice < 0.3:
            return Lit(choice < 0.15)
        if choice < 0.75:
            return Input(self.input(scope, "bool").name)
        return self.atom(scope)

    def loop(self, decl: Decl, scope: Scope) -> None:
        """Repeat a vault."""
        kind = self.rng.choice(["items", "items", "names", "count"])
        spec = self.input(scope, "number" if kind == "count" else kind)
        number = self.numbers["vault"]
        decl.loop = Loop(kind, Input(spec.name))
        key = Item("key" if kind == "items" and self.language != "tf" else "")
        decl.attributes["name"] = Format(f"k{number}-", key)
        if kind == "items":
            decl.attributes["name"] = Format(f"k{number}-", Item("name"))
            if self.chance(0.4):
                decl.loop.filter = self.rng.choice([Item("enabled"), Not(Item("rbac"))])
        if kind != "count" and not self.plain_name and self.chance(0.5):
            self.plain_name = True
            decl.attributes["name"] = Item("name" if kind == "items" else "")
        if self.chance(0.25):
            decl.condition = self.condition(scope, 1)

    def companion(self, kind: str, vault: Decl | None, scope: Scope) -> Decl:
        """Make a companion of a vault."""
        decl = Decl(kind, self.new(kind), style=self.style())
        if kind == "policy":
            decl.attributes["purge"] = self.setting(scope) if self.chance(0.2) else Lit(self.chance(0.6))
        if vault is None:
            decl.condition = self.condition(scope, 1) if self.switch() else None
            return decl
        decl.target = Target("own", vault.name)
        rbac = vault.attributes.get("rbac")
        item = vault.loop is not None
        extra: Expr | None = None
        if kind in ("policy", "role") and rbac is not None and not isinstance(rbac, (Lit, Item)) and self.chance(0.5):
            extra = Not(rbac) if kind == "policy" else rbac
            self.switches -= 1
        elif self.switch():
            extra = self.condition(scope, 1)
        if item:
            assert vault.loop is not None
            decl.loop = Loop(vault.loop.kind, vault.loop.source, vault.loop.filter)
            if isinstance(rbac, Item) and kind in ("policy", "role") and self.chance(0.5):
                model = Not(rbac) if kind == "policy" else rbac
                decl.loop.filter = model if decl.loop.filter is None else And(decl.loop.filter, model)
            decl.condition = vault.condition
            if extra is not None and vault.loop.kind == "items":
                decl.condition = extra if vault.condition is None else And(vault.condition, extra)
            return decl
        if self.language == "tf" and vault.condition is not None and self.chance(0.07):
            decl.target = Target("own or outside", vault.name)
            decl.condition = extra
        elif vault.condition is None or self.chance(0.15):
            decl.condition = extra
        else:
            decl.condition = vault.condition if extra is None else And(vault.condition, extra)
        return decl

    # Calls

    def call(self, scope: Scope, reads: Scope, depth: int, inside_inline: bool) -> Call:
        """Make a call of a module, or a nested deployment."""
        inline = self.language == "arm" and (inside_inline or self.chance(0.4))
        call = Call(self.new("mod"), Scope(f"unit{self.numbers['mod']}"), style=self.style(), inline=inline)
        if not inline and depth == 0 and self.chance(0.2):
            return self.repeated(call, reads)
        if self.switch():
            call.condition = self.condition(reads)
        singles = [each for each in scope.decls if each.kind == "vault" and each.loop is None]
        passed: Target | None = None
        if singles and not inline and self.chance(0.4):
            vault = self.rng.choice(singles)
            passed = Target("own", vault.name)
            call.scope.inputs.append(InputSpec("vault_ref", "vault"))
            call.arguments["vault_ref"] = passed
            if vault.condition is not None and self.chance(0.85):
                call.condition = vault.condition if call.condition is None else And(vault.condition, call.condition)
        self.fill(call.scope, depth + 1, inline, reads if inline else None)
        if passed is not None:
            for kind in self.rng.sample(["policy", "role", "diag", "endpoint"], k=self.rng.choice([1, 2])):
                decl = self.companion(kind, None, call.scope)
                decl.target = Target("parameter", "vault_ref")
                call.scope.decls.append(decl)
        if not inline:
            self.arguments(call, reads)
        return call

    def repeated(self, call: Call, reads: Scope) -> Call:
        """Make a call in a loop: a module of one vault, which has the name and some settings of its element."""
        kind = self.rng.choice(["items", "items", "names", "count"])
        spec = self.input(reads, "number" if kind == "count" else kind)
        call.loop = Loop(kind, Input(spec.name))
        items = kind == "items"
        if items and self.chance(0.4):
            call.loop.filter = self.rng.choice([Item("enabled"), Not(Item("rbac"))])
        if self.chance(0.3):
            call.condition = self.condition(reads, 1)
        scope = call.scope
        vault = self.vault(scope, loops=False)
        scope.inputs.append(InputSpec("unit_name", "number" if kind == "count" else "string"))
        call.arguments["unit_name"] = Item("name" if items else "")
        vault.attributes["name"] = Format(f"m{self.numbers['mod']}-", Input("unit_name"))
        if items:
            scope.inputs.append(InputSpec("roles", "bool", False))
            call.arguments["roles"] = Item("rbac")
            vault.attributes["rbac"] = Input("roles")
        scope.decls.append(vault)
        for each in self.rng.sample(["policy", "role", "diag", "endpoint"], k=self.rng.choice([0, 1, 2])):
            scope.decls.append(self.companion(each, vault, scope))
        self.arguments(call, reads)
        return call

    def arguments(self, call: Call, reads: Scope) -> None:
        """Give values to the inputs of a module."""
        for spec in call.scope.inputs:
            if spec.type == "vault" or spec.name in call.arguments:
                continue
            if spec.default is not UNSET and self.chance(0.2):
                continue
            choice = self.rng.random()
            outer = self.input(reads, spec.type)
            value: Expr = Input(outer.name)
            if choice < 0.1 and spec.type in ("bool", "string", "number"):
                values = [each for each in spec.domain() if each is not None]
                value = Lit(self.rng.choice(values))  # type: ignore[arg-type]
            elif choice < 0.3 and spec.type == "bool":
                value = self.tree(reads, 1)
            elif choice < 0.3 and spec.type == "string":
                value = If(self.atom(reads), Input(outer.name), Lit(self.rng.choice(["dev", "prod"])))
            if outer.nullable and not spec.nullable:
                value = Lit("dev")
            call.arguments[spec.name] = value
