"""The worlds of a root file or template: what it deploys with other values of its parameters than their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation import solve
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, Recorder
from azkvlint.evaluation.solve import Alternative, DeclaredInstances, Definition, Demand, Input
from azkvlint.evaluation.values import Fallback, Result
from azkvlint.graph.worlds import Facts, Faults, InputChange, World
from azkvlint.model.condition import CONTAINS, ITEM, NOT_NULL
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Unknown
from azkvlint.readers.deployment.collect import AnySymbol, Collector
from azkvlint.readers.deployment.declarations import is_nullable, limits_of, primitive
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import ModuleArguments
from azkvlint.readers.deployment.needs import undecided, undeployed_places, undeployed_sources
from azkvlint.readers.deployment.refused_arguments import Refused, RefusedArguments, accepted, allowed_values
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity
from azkvlint.readers.deployment.symbols import DeploymentSymbol, FileInstance, ParameterArguments
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.deployment.template_resources import TemplateArguments
from azkvlint.readers.modules.run import Run
from azkvlint.readers.modules.values import without_value
from azkvlint.readers.modules.world_values import WorldValues, changed_value, limited
from azkvlint.readers.modules.worlds import CollectedWorld, RootInWorld, RootWorlds
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, unescaped
from azkvlint.values.secrecy import names_value

_Goal: TypeAlias = tuple[object, ast.Node, Demand]
_Steps: TypeAlias = tuple[str, ...]
_OBJECTS = ("object", "secureobject")
_PARAMETERS, _VARIABLES, _OUTPUTS = "parameters", "variables", "outputs"
_LAMBDA_VARIABLES = "lambdavariables"


class DeploymentWorldValues(WorldValues[ParameterArguments, DeploymentInstance]):
    """The values of a root's parameters in a world, those of the base world but for what differs."""

    def get(self, name: str, /) -> Result | None:
        """Return the value of one parameter; None for a parameter without a value."""
        changes = self._changes.get(name)
        node = self._root.parameter_node(name) if changes is not None else None
        if changes is None or node is None:
            return self.of_base_world.get(name)
        at = self._root.parameter_location(name)
        why = without_value(f"parameter `{name}`", has_default=node.default is not None)
        given = self.of_base_world.get(name)
        default = given.plain if isinstance(given, Fallback) else self._root.default(node, None)
        kind = kind_of(self._root, node)
        if kind in _OBJECTS:
            members = [_of_member(change) for change in changes]
            # An object that contains a member may have any others, not only those of the default.
            default = default if members == changes else Unknown(at=at, why=why)
            changes = members
        value = changed_value(changes, default, kind, why, at)
        return limited(value, limits_of(node))


def _of_member(change: InputChange) -> InputChange:
    """Return the change of a member instead of one that states that an object contains it."""
    if change.state != CONTAINS or change.path or not isinstance(change.value, str):
        return change
    return msgspec.structs.replace(change, path=(change.value,), state=NOT_NULL, value=None)


def kind_of(root: DeploymentInstance, node: ast.ParameterDeclaration) -> str:
    """Return the name of a parameter's type in lower case; empty for one with parts."""
    return primitive(root, node.type).lower()


class _DeploymentExpressionScope(NamedTuple):
    """Where an expression is written: its file, and the variables of the loops around it.

    ``items`` are those that stand for an item of a list, with the expression of that.
    """

    instance: DeploymentInstance
    local: Local
    items: Mapping[str, tuple[_DeploymentExpressionScope, ast.Expression]] = {}


class _Deployments:
    """The languages of Bicep files and templates for the search of candidates."""

    def resolve(self, scope: object, node: ast.Node) -> Input | Definition | DeclaredInstances | None:
        """Return what a reference means; None if that has no other values."""
        if not isinstance(scope, _DeploymentExpressionScope):
            return None
        base, steps = _steps(node)
        match base:
            case ast.Name(name=name) if name in scope.items:
                around, over = scope.items[name]
                return Definition(around, over, (ITEM, *steps))
            case ast.Name(name=name) if name not in scope.local:
                return _marked(_named(scope.instance, name, steps), (name, *steps))
            case ast.Call(name=function, arguments=(ast.Literal(value=str() as name),)):
                instance = scope.instance
                if function.lower() == _LAMBDA_VARIABLES and name.lower() in scope.items:
                    around, over = scope.items[name.lower()]
                    return Definition(around, over, (ITEM, *steps))
                if function.lower() == _PARAMETERS:
                    return _marked(_parameter(instance, instance.parameter_node(name), steps), (name, *steps))
                variable = instance.variable_node(name) if function.lower() == _VARIABLES else None
                if variable is not None:
                    return _marked(
                        Definition(_DeploymentExpressionScope(instance, {}), variable.value, steps), (name, *steps)
                    )
        return None

    def value(self, scope: object, node: ast.Node) -> Result | None:
        """Return the value of an expression."""
        if not isinstance(scope, _DeploymentExpressionScope):
            return None
        evaluator, recorder = scope.instance.evaluator, scope.instance.run.recorder
        return recorder.apart(partial(evaluator.evaluate, node, scope.local))[0]  # type: ignore[arg-type]  # a part of an expression

    def items(self, scope: object, node: ast.Comprehension) -> Sequence[object]:  # noqa: ARG002  # HCL has these loops
        """Return nothing: loops have other nodes."""
        return ()

    def of_item(self, scope: object, name: str, over: ast.Node) -> object | None:
        """Return the scope of the body of a lambda."""
        if not isinstance(scope, _DeploymentExpressionScope):
            return None
        item = Unknown(at=scope.instance.place(over), why="the items of the list are not known")
        items = {**scope.items, name: (scope, over)}
        return _DeploymentExpressionScope(scope.instance, {**scope.local, name: item}, items)  # type: ignore[arg-type]  # an argument

    def parsed(self, scope: object, node: ast.Data) -> ast.Node | None:
        """Return the expression in a string of a template, or a literal; None for an object or a list."""
        plain = node.plain
        if isinstance(plain, str) and isinstance(scope, _DeploymentExpressionScope):
            if plain[:1] == "[" and is_expression(plain):
                return scope.instance.run.parse(plain[1:-1], scope.instance.place(node))
            plain = unescaped(plain)
        if plain is None or isinstance(plain, str | int | float | bool):
            return ast.Literal(node.start, node.end, plain)
        return None


def _steps(node: ast.Node) -> tuple[ast.Node, _Steps]:
    """Return what a reference begins with, and the names of members that follow."""
    found: list[str] = []
    while True:
        match node:
            case ast.Member(of=of, name=name):
                found.append(name)
            case ast.Item(of=of, index=ast.Literal(value=str() as name)):
                found.append(name)
            case ast.NotNull(of=of):
                pass
            case _:
                return node, tuple(reversed(found))
        node = of


def _named(instance: DeploymentInstance, name: str, steps: _Steps) -> Input | Definition | None:
    node = instance.file.symbols.get(name)
    match node:
        case ast.ParameterDeclaration():
            return _parameter(instance, node, steps)
        case ast.Variable(value=value):
            return Definition(_DeploymentExpressionScope(instance, {}), value, steps)
        case ast.ModuleDeclaration() if len(steps) > 1 and steps[0] == _OUTPUTS:
            for entity in instance.module(node).entities[:1]:
                content = entity.content
                output = content.file.outputs.get(steps[1]) if isinstance(content, DeploymentInstance) else None
                if output is not None and isinstance(content, DeploymentInstance):
                    return Definition(
                        _DeploymentExpressionScope(content, content.module_call.local), output.value, steps[2:]
                    )
    return None


def _marked(found: Input | Definition | None, names: _Steps) -> Input | Definition | None:
    """Return what a reference means, which is secret if one of its names is that of a secret."""
    is_secret = isinstance(found, Definition) and any(map(names_value, names))
    return found._replace(is_secret=True) if isinstance(found, Definition) and is_secret else found


def _parameter(
    instance: DeploymentInstance, node: ast.ParameterDeclaration | None, steps: _Steps
) -> Input | Definition | None:
    """Return what a parameter means: an input of the root, its argument, or its default."""
    if node is None:
        return None
    found = _argument(instance, node, steps)
    return found._replace(is_secret=instance.is_secure(node)) if isinstance(found, Definition) else found


def _argument(instance: DeploymentInstance, node: ast.ParameterDeclaration, steps: _Steps) -> Input | Definition | None:
    call, argument = instance.module_call, None
    if call.is_root:
        return Input(node.name, steps)
    given = call.given
    if isinstance(given, ModuleArguments):
        written = given.properties.get(node.name) if given.properties is not None else None
        if written is not None and isinstance(given.caller, DeploymentInstance):
            items = _items_of(call.module.symbol, given.caller) if call.module is not None else {}
            return Definition(_DeploymentExpressionScope(given.caller, given.local, items), written.value, steps)
    elif isinstance(given, TemplateArguments):
        argument = given.written(node.name)
        caller: Any = given.caller.instance
        plain = argument.plain if argument is not None else None
        if argument is not None and isinstance(plain, dict) and isinstance(caller, DeploymentInstance):
            for key in (one for one in plain if one.lower() == "value"):
                value = ast.Data(0, 0, plain[key], (*argument.pointer, key))
                return Definition(_DeploymentExpressionScope(caller, given.caller.local), value, steps)
    if argument is None and node.default is not None and isinstance(given, ModuleArguments | TemplateArguments):
        return Definition(_DeploymentExpressionScope(instance, {}), node.default, steps)
    return None


def goals_of(symbol: DeploymentSymbol[Any]) -> Iterator[_Goal]:
    """Yield the expressions that decide whether a declaration deploys anything, with what they are to be."""
    instance, body = symbol.instance, symbol.declaration.body
    if not isinstance(instance, DeploymentInstance):
        return
    # Expressions of a nested deployment with outer scope are those of the template around it.
    here = instance.around or instance if isinstance(instance, TemplateInstance) else instance
    local, items = symbol.local, _items_around(symbol)
    if isinstance(body, ast.For):
        yield _DeploymentExpressionScope(here, local, items), body.over, solve.NOT_EMPTY
        # Of a list that is known, another one may have an item with which the condition holds.
        items = {**items, body.item: (_DeploymentExpressionScope(here, local, items), body.over)}
        any_item = Unknown(at=here.place(body), why=f"the items of `{symbol.address}` are not known")
        variables = dict.fromkeys(filter(None, (body.item, body.index)), any_item)
        local = next((entity.iteration.local for entity in symbol.entities), {**local, **variables})
        body = body.body
    if isinstance(body, ast.If):
        yield _DeploymentExpressionScope(here, local, items), body.condition, solve.TRUE


_Items: TypeAlias = Mapping[str, tuple[_DeploymentExpressionScope, ast.Expression]]


def _items_around(symbol: DeploymentSymbol[Any]) -> _Items:
    """Return the variables of the loops around a declaration that stand for items of lists."""
    outer: DeploymentResourceEntity | None = getattr(symbol, "outer", None)
    if outer is None:
        return {}
    return {**_items_around(outer.symbol), **_items_of(outer.symbol, outer.symbol.instance)}


def _items_of(symbol: DeploymentSymbol[Any], here: FileInstance) -> _Items:
    """Return the variable of the loop of a declaration, if it stands for the items of a list."""
    body = symbol.declaration.body
    if not isinstance(body, ast.For) or not isinstance(here, DeploymentInstance):
        return {}
    iterations = symbol.expand()
    if iterations.items and not iterations.symbolic:
        return {}
    return {body.item: (_DeploymentExpressionScope(here, symbol.local, _items_around(symbol)), body.over)}


class DeploymentWorld(CollectedWorld[DeploymentInstance, Collector]):
    """One root in one world."""

    def __init__(self, run: Run, root: DeploymentInstance, collector: Collector, *, base_has_existing: bool) -> None:
        super().__init__(run, root, collector, base_has_existing=base_has_existing)
        self._instances: dict[str, FileInstance | None] = {}

    def instance(self, instance: FileInstance) -> FileInstance | None:
        """Return the same use of a file in this world; None if there is none."""
        module = instance.module_call.module
        if module is None:
            return self.root
        if instance.prefix not in self._instances:
            self._instances[instance.prefix] = None
            same = self._same(module.symbol)
            caller = same.entity_of(module.iteration) if same is not None else None
            self._instances[instance.prefix] = caller.content if caller is not None else None
        return self._instances[instance.prefix]

    def symbols(self, symbol: AnySymbol) -> list[AnySymbol]:
        """Return the same declaration in this world; nothing if its container does not exist there."""
        found: AnySymbol | None = self._same(symbol)
        return [] if found is None else [found]

    def assume(self, symbol: AnySymbol) -> bool:
        """Let a declaration exist, and what is around it; return whether that is possible."""
        for one in _around(symbol):
            self._instances.clear()
            same = self._same(one)
            if same is None:
                return False
            if all(entity.conditions() is None for entity in same.entities):
                same.assume()
        return True

    def _same(self, symbol: DeploymentSymbol[Any]) -> Any:
        instance, node = self.instance(symbol.instance), symbol.declaration
        if not isinstance(instance, DeploymentInstance):
            return None
        if isinstance(node, ast.ModuleDeclaration):
            return instance.module(node)
        outer: DeploymentResourceEntity | None = getattr(symbol, "outer", None)
        if outer is None:
            return instance.resource(node)
        around = self._same(outer.symbol)
        entity = around.entity_of(outer.iteration) if around is not None else None
        return entity.inner.get(node.name) if entity is not None else None

    def exists(self, symbol: AnySymbol) -> bool | None:
        """Return whether a declaration deploys anything, all around it included; None if that is not known."""
        answer: bool | None = True
        for one in _around(symbol):
            same = self._same(one)
            found = [entity.conditions() for entity in same.entities] if same is not None else []
            if all(conditions is None for conditions in found):
                return False
            if all(conditions is None or conditions for conditions in found):
                answer = None
        return answer

    def trace(self, symbol: AnySymbol) -> bool | None:
        """Return the same, and read again what decides it."""
        return self.exists(symbol)

    def resources(self) -> Mapping[str, Resource]:
        """Return all resources, without existing ones that the root deploys itself."""
        return self.without_deployed(self.collector.in_world(self.run))

    def contents(self) -> Iterator[DeploymentInstance]:
        """Yield the modules and nested deployments that read an input that differs."""
        return self.collector.changed_contents(self.root)

    def collect(self) -> None:
        """See the base class."""
        self.collector.collect_changed(self.root)


def _around(symbol: DeploymentSymbol[Any]) -> list[Any]:
    """Return a declaration and those that decide whether it is deployed, outermost first."""
    found: list[Any] = [symbol]
    instance = symbol.instance
    outer: DeploymentResourceEntity | None = getattr(symbol, "outer", None)
    while outer is not None and instance.conditions_cascade:
        found.append(outer.symbol)
        outer = outer.outer
    module = instance.module_call.module
    while module is not None:
        found.append(module.symbol)
        module = module.instance.module_call.module
    return found[::-1]


class DeploymentWorlds(RootWorlds[AnySymbol]):
    """The worlds of one root file or template."""

    base: DeploymentWorld

    def __init__(self, root: DeploymentInstance, gathered: Collector, make: Callable[..., Collector]) -> None:
        is_possible = any(isinstance(node, ast.ParameterDeclaration) for node in root.file.symbols.values())
        has_existing = any(one.existing for one in root.run.resources.values())
        base = DeploymentWorld(root.run, root, gathered, base_has_existing=has_existing)
        super().__init__(root.run, base, _Deployments(), is_possible=is_possible)
        self._root = root
        self._gathered = gathered
        self._make = make
        self._arguments: RefusedArguments | None = None
        self._refusals: dict[World, Refused | None] = {}

    def world(self, changes: World, *, is_recorded: bool = False) -> RootInWorld[AnySymbol]:
        """See the base class. What was evaluated with a record is not evaluated again without one."""
        is_known = bool(changes) and (changes, True) in self._worlds
        return super().world(changes, is_recorded=is_recorded or is_known)

    def make(self, changes: World, budget: Budget, recorder: Recorder, names: Inputs) -> DeploymentWorld:
        """See the base class."""
        run = self.run.in_world(budget, recorder, names)
        root = self._root.again(run, DeploymentWorldValues(self._root.module_call.given, changes, self._root))
        root.set_base(self._root)
        collector = self._make(self.absent, self._gathered)
        return DeploymentWorld(run, root, collector, base_has_existing=self.base.base_has_existing)

    def input_names(self) -> Iterable[str]:
        """See the base class."""
        return [node.name for node in self._root.file.symbols.values() if isinstance(node, ast.ParameterDeclaration)]

    def facts_of(self, name: str) -> Facts | None:
        """See the base class."""
        node = self._root.parameter_node(name)
        if node is None:
            return None
        kind = kind_of(self._root, node)
        return Facts(
            kind=kind, is_typed=kind != "", allowed=tuple(allowed_values(self._root, node)),
            # Bicep compares them itself, with their case; Azure does not (github.com/Azure/bicep/issues/2489).
            is_any_case=isinstance(self._root, TemplateInstance),
            is_secret=self._root.is_secure(node),
            is_nullable=is_nullable(self._root, node.type), limits=limits_of(node),
            at=self._root.parameter_location(name),
        )  # fmt: skip

    def value_of(self, name: str) -> object | None:
        """See the base class."""
        found = self._root.module_call.given.get(name) if self._root.parameter_node(name) is not None else None
        return None if isinstance(found, Fallback) else found

    def value_in(self, world: RootInWorld[AnySymbol], name: str) -> Result:
        """See the base class."""
        root = world.root if isinstance(world, DeploymentWorld) else self._root
        node = root.parameter_node(name)
        if node is None:
            raise TypeError("parameter")
        return root.parameter(node)

    def candidates(self, declaration: AnySymbol, world: World) -> Iterable[Alternative]:  # noqa: ARG002  # its own
        """See the base class."""
        return self.solver.solve(goals_of(declaration))

    def _is_deployed(self, instance: DeploymentInstance) -> bool:
        """Return whether the base world certainly deploys a file."""
        module = instance.module_call.module
        symbol: Any = module.symbol if module is not None else None
        return symbol is None or self.base.exists(symbol) is True

    def violated(self, world: World) -> Iterable[Alternative] | None:
        """Return the candidates for an argument that its parameter accepts; None if all are accepted as they are."""
        here = self.world(world)
        if world not in self._refusals and isinstance(here, DeploymentWorld):
            if self._arguments is None:
                self._arguments = RefusedArguments(self._gathered.contents, self._is_deployed)
            contents = here.contents()
            self._refusals[world] = next(self._arguments.of(contents, here.run.changed, here.instance), None)
        refused = self._refusals.get(world)
        return None if refused is None else self._accepted(*refused)

    def _accepted(self, instance: DeploymentInstance, node: ast.ParameterDeclaration) -> Iterator[Alternative]:
        """Yield the candidates for an argument that its parameter accepts."""
        written = _argument(instance, node, ())
        for target in accepted(instance, node) if isinstance(written, Definition) else ():
            yield from self.solver.solve([(written.scope, written.node, target)])  # type: ignore[union-attr]  # see above

    def close(self) -> None:
        """See the base class."""
        super().close()
        self._arguments = None
        self._refusals.clear()

    def faults(self, declaration: AnySymbol, world: World) -> Faults[AnySymbol]:
        """Return what a declaration refers to that is not deployed. It may be deployed to what exists already."""
        here = self.world(world)
        around = [same for one in _around(declaration) for same in here.symbols(one)]
        for find in (undeployed_sources, undeployed_places):
            needed = {address: one for same in around for address, one in find(same).items()}
            if needed:
                return Faults(find is undeployed_sources, tuple(needed.values()))
        return Faults(is_impossible=False)

    def undecided(self, declaration: AnySymbol, world: World) -> Iterable[AnySymbol]:
        """See the base class."""
        here = self.world(world)
        return [other for one in _around(declaration) for same in here.symbols(one) for other in undecided(same)]

    def absence_of(self, symbol: AnySymbol) -> str:
        """See the base class."""
        return "the condition is false" if symbol.entities else "the loop has no items"

    def is_of_unknown_number(self, symbol: AnySymbol, root: RootInWorld[AnySymbol]) -> bool:
        """See the base class."""
        return any(same.expand().symbolic for one in _around(symbol) for same in root.symbols(one))

    def place_of(self, symbol: AnySymbol) -> Location:
        """See the base class."""
        return symbol.instance.head(symbol.declaration)

    def is_inside(self, symbol: AnySymbol) -> bool:
        """See the base class."""
        return bool(symbol.instance.called_as)

    def arguments_of(self, symbol: AnySymbol) -> str:
        """See the base class."""
        return f"the parameters of the {symbol.instance.called_as}"
