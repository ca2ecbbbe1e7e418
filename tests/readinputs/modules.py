"""Generated modules: parameters, local values, resources with loops and conditions, calls of other modules, outputs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.readinputs.expressions import (
    BOOL,
    INT,
    KEYS,
    LIST,
    MAP,
    MEMBERS,
    OBJECT,
    TEXT,
    Call,
    Expression,
    Literal,
    Made,
    Reference,
    expression,
    plain_value,
)

TYPES = (BOOL, TEXT, INT, LIST, OBJECT, MAP)
_DEEPEST = 2


@dataclass
class Parameter:
    """A parameter or variable; ``default`` is None for a required one."""

    name: str
    type: str
    default: Expression | None


@dataclass
class Loop:
    """How many instances there are: one, ``count``, one for each member of a map (``each``), or one ``if`` it holds."""

    kind: str = ""
    over: Expression = field(default_factory=lambda: Literal(None))


@dataclass
class Resource:
    """A key vault: attributes by name, the addresses for which it has blocks if these are dynamic, perhaps a secret."""

    name: str
    loop: Loop
    attributes: dict[str, Expression]
    ranges: Expression
    is_dynamic: bool
    has_secret: bool


@dataclass
class ModuleCall:
    """A call of a module. ``is_outer``: its expressions are those of the module around it, as templates allow.

    ``group`` is the resource group that it goes to, if that is another one.
    """

    name: str
    loop: Loop
    module: Module
    arguments: dict[str, Expression]
    is_outer: bool = False
    group: Expression | None = None


@dataclass
class Module:
    """A module, template or Bicep file."""

    parameters: list[Parameter] = field(default_factory=list)
    locals: list[tuple[str, str, Expression]] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    calls: list[ModuleCall] = field(default_factory=list)
    outputs: dict[str, tuple[str, Expression]] = field(default_factory=dict)


@dataclass
class Features:
    """What a language has. ``function`` is the name of an operation that the module declares itself."""

    reads_defaults: bool = False
    outer: bool = False
    groups: bool = False
    function: str = ""
    workspace: bool = False


class Growing:
    """Generates modules from a seed."""

    def __init__(self, seed: int, features: Features) -> None:
        self.random = random.Random(seed)  # noqa: S311  # nothing here is secret
        self.features = features
        self._numbers: dict[str, int] = {}

    def root(self) -> Module:
        """Return a root module with everything that it calls."""
        return self.module(0)

    def name(self, kind: str) -> str:
        """Return a name that no other declaration has."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}{self._numbers[kind]}"

    def module(self, depth: int, around: dict[str, list[Expression]] | None = None) -> Module:
        """Return a module; ``around`` are the names that it sees of the module around it, if it has none of its own."""
        chance, module = self.random, Module()
        names: dict[str, list[Expression]] = {type_: [] for type_ in TYPES} if around is None else around
        if around is None:
            self._declare(module, names, depth)
        for _ in range(chance.choice((0, 1, 1, 2)) if depth < _DEEPEST else 0):
            module.calls.append(self.call(names, depth))
        for _ in range(chance.choice((1, 1, 2))):
            module.resources.append(self.resource(names))
        for type_ in (BOOL, TEXT) if around is None and depth else ():
            module.outputs[self.name("out")] = type_, self.expression(type_, names)
        return module

    def _declare(self, module: Module, names: dict[str, list[Expression]], depth: int) -> None:
        """Add the parameters and local values of a module."""
        types = [*TYPES, *self.random.choices(TYPES, k=2)] if not depth else self.random.sample(TYPES, 4)
        for type_ in types:
            default: Expression | None = None
            if self.random.random() < 0.7:
                known = names if self.features.reads_defaults else {}
                default = self.expression(type_, known) if known else Literal(plain_value(self.random, type_))
            parameter = Parameter(self.name("p"), type_, default)
            module.parameters.append(parameter)
            _add(names, type_, Reference("param", parameter.name))
        if self.features.workspace:
            names[TEXT].append(Reference("workspace"))
        for _ in range(self.random.randrange(1, 4)):
            type_ = self.random.choice((*TYPES, OBJECT, MAP))
            local = self.name("l")
            module.locals.append((local, type_, self.expression(type_, names)))
            _add(names, type_, Reference("local", local))

    def expression(self, type_: str, names: dict[str, list[Expression]]) -> Expression:
        """Return a random expression, some texts with a function of the module's own."""
        if type_ == TEXT and self.features.function and self.random.random() < 0.15:
            parts = (expression(self.random, of, names, 1) for of in (TEXT, BOOL))
            return Call(self.features.function, tuple(parts))
        return expression(self.random, type_, names)

    def loop(self, names: dict[str, list[Expression]]) -> tuple[Loop, dict[str, list[Expression]]]:
        """Return a loop, and the names in it."""
        way = self.random.random()
        inner = {type_: list(known) for type_, known in names.items()}
        if way < 0.35:
            return Loop(), inner
        if way < 0.5:
            return Loop("if", self.expression(BOOL, names)), inner
        if way < 0.7:
            inner[INT] += [Reference("index")] * 3
            numbers = names[INT] if self.random.random() < 0.5 else ()
            return Loop("count", self.random.choice(numbers) if numbers else self.expression(INT, names)), inner
        inner[TEXT] += [Reference("key")] * 2
        for name, type_ in MEMBERS.items():
            inner[type_] += [Reference("item", path=f".{name}")] * 3
        over: Expression
        if self.random.random() < 0.5:
            over = Made({key: self.expression(OBJECT, names) for key in self.random.sample(KEYS, 2)})
        else:
            over = self.expression(MAP, names)
        return Loop("each", over), inner

    def resource(self, names: dict[str, list[Expression]]) -> Resource:
        """Return a resource."""
        loop, inner = self.loop(names)
        made = {
            "name": TEXT, "purge": BOOL, "deployment": BOOL, "rbac": BOOL, "days": INT, "deny": BOOL, "tag": TEXT,
            "addresses": LIST,
        }  # fmt: skip
        attributes = {name: self.expression(type_, inner) for name, type_ in made.items()}
        ranges, is_dynamic = self.expression(LIST, inner), self.random.random() < 0.5
        has_secret = loop.kind == "" and self.random.random() < 0.6
        return Resource(self.name("r"), loop, attributes, ranges, is_dynamic, has_secret)

    def call(self, names: dict[str, list[Expression]], depth: int) -> ModuleCall:
        """Return a call, and add its outputs to the names."""
        loop, inner = self.loop(names)
        name = self.name("c")
        group = self.expression(TEXT, inner) if self.features.groups and self.random.random() < 0.3 else None
        if self.features.outer and self.random.random() < 0.4:
            return ModuleCall(name, loop, self.module(depth + 1, inner), {}, is_outer=True, group=group)
        below = self.module(depth + 1)
        arguments = {
            declared.name: self.expression(declared.type, inner)
            for declared in below.parameters
            if declared.default is None or self.random.random() < 0.6
        }
        if loop.kind == "":
            for output, (type_, _) in below.outputs.items():
                names[type_] += [Reference("output", output, of=name)] * 2
        return ModuleCall(name, loop, below, arguments, group=group)


def _add(names: dict[str, list[Expression]], type_: str, result: Reference) -> None:
    """Add a reference and those to its members to the names."""
    names[type_] = [*names.get(type_, ()), result]
    if type_ == OBJECT:
        for name, of in MEMBERS.items():
            names[of] = [*names.get(of, ()), result._replace(path=f".{name}")]
