"""One use of a Bicep file: its parameters are given, so its expressions amount to something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm import scope as scopes
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.arm.template import secret
from azkvlint.readers.arm.values import converted
from azkvlint.readers.bicep import file_contents
from azkvlint.readers.bicep.document import File, is_decorated
from azkvlint.readers.bicep.entities import ResourceSymbol
from azkvlint.readers.bicep.evaluator import FileEvaluator
from azkvlint.readers.bicep.imports import Imports, Namespace
from azkvlint.readers.bicep.module import ModuleSymbol
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.readers.bicep.types import is_nullable, is_secure, primitive
from azkvlint.syntax import ast
from azkvlint.util.plural import pluralize

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module import ModuleEntity
    from azkvlint.readers.bicep.scenarios import Scenario

_OF_PLACE = frozenset(
    {
        "resourceId", "subscriptionResourceId", "tenantResourceId", "managementGroupResourceId", "extensionResourceId",
        "resourceGroup", "subscription", "tenant", "managementGroup", "deployment", "environment",
        "roleDefinitions",
    }
)  # fmt: skip
_NAMESPACES = frozenset({"az", "sys"})


class Given(Protocol):
    """The values that parameters are given, by name; None for one that is given none."""

    def get(self, name: str, /) -> Result | None:
        """The value of one parameter."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is used. ``prefix`` is what the addresses in it begin with, ``chain`` are the files around it.

    ``module`` is the statement that uses it. ``scenario``: with which parameters of the root unknown it is evaluated.
    ``copies`` is how many uses like it there are. ``deployment``: the names (patterns) of the deployments around it.
    """

    given: Given
    scope: Scope
    prefix: str = ""
    deployment: str = ""
    callers: tuple[Location, ...] = ()
    chain: tuple[str, ...] = ()
    module: ModuleEntity | None = None
    scenario: Scenario | None = None
    copies: int = 1


class Instance:
    """A file in one use. It answers what its evaluator asks; every symbol is evaluated once, when it is asked for."""

    # Its author is somebody else, so that the user of the module cannot edit it.
    is_foreign = False

    def __init__(self, file: File, run: BicepRun, use: Use) -> None:
        self.file = file
        self.run = run
        self.use = use
        self.prefix = use.prefix
        self.scope = use.scope
        self.path = file.path
        self.evaluator: Evaluator = FileEvaluator(self)
        self.imports = Imports(self)
        self._values: dict[str, Result] = {}
        self._busy: set[str] = set()
        self._resources: dict[str, ResourceSymbol] = {}
        self._modules: dict[str, ModuleSymbol] = {}
        self.register()
        run.opened.append(self.close)

    def close(self) -> None:
        """Let go of everything, as a run does without a search for objects that hold each other."""
        for resource in self._resources.values():
            resource.close()
        for module in self._modules.values():
            module.close()
        for held in (self._resources, self._modules, self._values):
            held.clear()
        del self.evaluator, self.imports

    def register(self) -> None:
        """Say which file places of this one lie in."""
        self.run.add(self.file)

    def place(self, node: ast.Node) -> Location:
        """Where a node stands."""
        return Location(path=self.path, span=(node.start, node.end))

    def shown(self, at: Location) -> Location:
        """Where reports show what stands at a place of this file."""
        return at

    def head(self, node: ast.Resource | ast.Module) -> Location:
        """Where the head of a declaration stands."""
        return Location(path=self.path, span=(node.start, node.head or node.end))

    def symbol(self, node: ast.Name) -> Result:
        """What a name means that is no local variable."""
        found = self.value(node.name)
        return found if found is not None else Unknown(at=self.place(node), why=f"the name '{node.name}' is not known")

    def value(self, name: str) -> Result | None:
        """What a declaration amounts to; None if there is none of that name."""
        found = self._values.get(name)
        if found is not None:
            return found
        node = self.file.symbols.get(name)
        if node is None:
            return self._foreign(name)
        if name in self._busy:
            return Unknown(at=self.place(node), why=f"'{name}' refers to itself")
        self._busy.add(name)
        try:
            found = self._declared(node)
        finally:
            self._busy.discard(name)
        if isinstance(found, (Fields, Items)):
            self.run.charge(found)
        self.run.budget.secrets.note(name, found)
        self._values[name] = found
        return found

    def _foreign(self, name: str) -> Result | None:
        """What another file brings in."""
        if name in self.file.namespaces:
            return Namespace(self, self.file.namespaces[name])
        if name in self.file.imported:
            return self.imports.value(*self.file.imported[name])
        return None

    def _declared(self, node: ast.Declaration) -> Result:
        match node:
            case ast.Variable():
                # Two uses of a variable are equal, whatever its value is.
                found = self.evaluator.evaluate(node.value, {})
                return found if isinstance(found, Unknown) and found.candidates else self._named(node, found)
            case ast.Parameter():
                return self.parameter(node)
            case ast.Resource():
                return self.resource(node).result()
            case ast.Module():
                return self.module(node).result()
            case _:
                return Unknown(at=self.place(node), why="it is a function, and is not called")

    def resource(self, node: ast.Resource) -> ResourceSymbol:
        """A resource that is declared at the top level."""
        found = self._resources.get(node.name)
        if found is None:
            found = self._resources[node.name] = ResourceSymbol(self, node, None, {})
        return found

    def module(self, node: ast.Module) -> ModuleSymbol:
        """A module."""
        found = self._modules.get(node.name)
        if found is None:
            found = self._modules[node.name] = ModuleSymbol(self, node)
        return found

    def parameter(self, node: ast.Parameter) -> Result:
        """What a parameter is given, else its default, else null if it may be, else Unknown under its own name."""
        secure = self.is_secure(node)
        found = self.use.given.get(node.name)
        scenario = self.use.scenario if self.use.module is None else None
        if found is not None and scenario is not None:
            scenario.given.add(node.name)
        if isinstance(found, Scalar):
            found = converted(found, primitive(self, node.type))
        if found is None or isinstance(found, Absent):
            has_default = node.default is not None or is_nullable(self, node.type)
            if found is None and scenario is not None and has_default and scenario.opens(node.name):
                why, is_set = f"the parameter '{node.name}' has no value but its default", node.default is not None
                found = Unknown(at=self._at_name(node), why=why, given=is_set)
            else:
                found = self.default(node, found)
        # Whatever is said of a secret is said at its declaration, not where its value could be read.
        return secret(found, self._at_name(node)) if secure else self._named(node, found)

    def is_secure(self, node: ast.Parameter) -> bool:
        """Return whether a parameter is declared as secret."""
        return is_decorated(node.decorators, "secure") or is_secure(self, node.type)

    def default(self, node: ast.Parameter, given: Result | None) -> Result:
        """What a parameter amounts to that is given nothing, or null."""
        if node.default is not None:
            return self.evaluator.evaluate(node.default, {})
        if given is not None or is_nullable(self, node.type):
            return Absent(at=self._at_name(node))
        return Unknown(at=self._at_name(node), why=f"the parameter '{node.name}' has no value", given=True)

    def _named(self, node: ast.Parameter | ast.Variable, found: Result) -> Result:
        """An unknown value is the same wherever the parameter is used, so it can have the parameter's name."""
        if not isinstance(found, Unknown) or found.pattern or found.sensitive:
            return found
        return msgspec.structs.replace(found, pattern=hole(self.prefix + node.name))

    def _at_name(self, node: ast.Parameter) -> Location:
        start = node.at or node.start
        return Location(path=self.path, span=(start, start + len(node.name)))

    def output(self, name: str) -> Result | None:
        """What an output of this use amounts to; None if there is none of that name."""
        node = self.file.outputs.get(name)
        if node is None:
            return None
        key = f"output {name}"
        found = self._values.get(key)
        if found is None:
            if key in self._busy:
                return Unknown(at=self.place(node), why=f"the output '{name}' refers to itself")
            self._busy.add(key)
            try:
                found = self.evaluator.evaluate(node.value, {})
            finally:
                self._busy.discard(key)
            if is_decorated(node.decorators, "secure") or is_secure(self, node.type):
                found = secret(found)
            self.run.budget.secrets.note(name, found)
            self._values[key] = found
        return found

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """A call of one of the file's own functions, of one that it imports, or of one that depends on the use."""
        of = node.of
        if of is not None and not (type(of) is ast.Name and of.name not in local and self._is_space(of.name)):
            return None
        space = of.name if type(of) is ast.Name else ""
        found = None if space in _NAMESPACES else self.imports.function(space, node.name)
        if found is not None:
            instance, function = found
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            return instance.apply(function, arguments, self.place(node))
        if node.name in _OF_PLACE:
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            return scopes.call(node.name, arguments, self.scope, self.place(node))
        if node.name in file_contents.FUNCTIONS:
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            return file_contents.load(self.run, self.file, node.name, arguments, self.place(node))
        return None

    def _is_space(self, name: str) -> bool:
        return name in self.file.namespaces or (name in _NAMESPACES and name not in self.file.symbols)

    def apply(self, function: ast.Function, arguments: list[Result], at: Location) -> Result:
        """The result of a function that this file declares."""
        if len(arguments) != len(function.parameters):
            return Unknown(at=at, why=f"'{function.name}' was given {pluralize(len(arguments), 'argument')}")
        return self.evaluator.evaluate(function.body, dict(zip(function.parameters, arguments, strict=True)))
