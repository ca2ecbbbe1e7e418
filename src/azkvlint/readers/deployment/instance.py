"""Files and templates with the arguments of one call: their parameters, variables, resources and outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.reads import Inputs
from azkvlint.evaluation.values import Fallback, Result
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, declared_hole
from azkvlint.model.resource import Resource
from azkvlint.model.value import NOTHING_KNOWN, TEXT, Absent, Scalar, Unknown
from azkvlint.readers.deployment.declarations import (
    DeclaredTypes,
    SecureParts,
    convert_argument,
    is_decorated,
    is_nullable,
    limits_of,
    mark_secret,
    mark_secret_parts,
    primitive,
)
from azkvlint.readers.deployment.documents import StatementLocations
from azkvlint.readers.deployment.modules import DeploymentModuleEntity, ModuleSymbol
from azkvlint.readers.deployment.modules import ModuleContentSource as ModuleSource
from azkvlint.readers.deployment.resource import ResourceIdentity
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity, DeploymentResourceSymbol
from azkvlint.readers.deployment.scope import DeploymentScope, scope_of
from azkvlint.readers.deployment.symbols import (
    DeclaringFile,
    DeploymentModuleCall,
    FileInstance,
    Iteration,
    ParameterArguments,
)
from azkvlint.readers.modules.run import Run
from azkvlint.readers.modules.values import KeptValues
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.values.origins import Origins, ValueOrigin


class DeploymentInstance(KeptValues):
    """A file with the arguments of one call, as its evaluator refers to it. Each symbol is evaluated on first use."""

    # Whether the user of the module cannot edit it.
    is_foreign = False
    names_inner_resources = True
    # Whether the condition of a resource is that of the resources declared in it, too.
    conditions_cascade = True
    # What uses a template that the user cannot edit: all of that is located there.
    relocation: StatementLocations | None = None
    evaluator: Evaluator
    base: DeploymentInstance | None

    def __init__(self, file: DeclaringFile, run: Run, call: DeploymentModuleCall) -> None:
        super().__init__(run)
        self.file = file
        self.module_call = call
        self.prefix = call.prefix
        self.scope = call.scope
        self.path = file.path
        # What the scope of its deployment reads, and in a template the prefix of its addresses.
        self.scope_read: Inputs | None = None
        self._resources: dict[str, DeploymentResourceSymbol] = {}
        self._modules: dict[str, ModuleSymbol] = {}
        run.opened.append(self.close)

    @property
    def called_as(self) -> str:
        """Return what passes values to its parameters in a word; empty if nothing does."""
        return "module" if self.prefix else ""

    def close(self) -> None:
        """Release all objects, so that reference counting frees them."""
        for resource in self._resources.values():
            resource.close()
        for module in self._modules.values():
            module.close()
        super().close()
        self._resources.clear()
        self._modules.clear()
        vars(self).pop("evaluator", None)

    @abstractmethod
    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""

    @abstractmethod
    def head(self, node: ast.ResourceDeclaration | ast.ModuleDeclaration) -> Location:
        """Return the location of the head of a declaration."""

    @abstractmethod
    def name_location(self, node: ast.ParameterDeclaration) -> Location:
        """Return the location of the name of a parameter."""

    @abstractmethod
    def source_of(self, node: ast.ModuleDeclaration) -> ModuleSource | None:
        """Return the source of a module; None, with a Problem, if it cannot be read."""

    @abstractmethod
    def type_of(self, entity: Any) -> tuple[str, str]:
        """Return the type and the API version of a resource as they are written; empty if they are not known."""

    @abstractmethod
    def identify(self, entity: Any) -> ResourceIdentity:
        """Return the type, the names and the scope of a resource."""

    @abstractmethod
    def again(self, run: Any, given: ParameterArguments) -> DeploymentInstance:
        """Return the same root with other values of its parameters."""

    def parameter_node(self, name: str) -> ast.ParameterDeclaration | None:
        """Return the declaration of a parameter; None if there is none."""
        node = self.file.symbols.get(name)
        return node if isinstance(node, ast.ParameterDeclaration) else None

    def variable_node(self, name: str) -> ast.Variable | None:
        """Return the declaration of a variable; None if there is none."""
        node = self.file.symbols.get(name)
        return node if isinstance(node, ast.Variable) else None

    @abstractmethod
    def parameter_location(self, name: str) -> Location:
        """Return the location of the declaration of a parameter."""

    @abstractmethod
    def required_resources(self) -> Iterator[ast.ResourceDeclaration]:
        """Yield the resources that rules may read, or that contain or deploy such."""

    @abstractmethod
    def count_declarations(self) -> int:
        """Return the number of declarations."""

    @abstractmethod
    def shown_outputs(self) -> Iterator[Resource]:
        """Yield the outputs, which the history of the deployment shows to everyone who can read it."""

    @abstractmethod
    def secret_origins(self, entity: Any, sources: list[ValueOrigin]) -> Origins | None:
        """Return the origins of a secret's value; None if it is not written. ``sources`` receives its sources."""

    def modules(self) -> list[ModuleSymbol]:
        """Return the modules."""
        return []

    def skip_module(self, symbol: ModuleSymbol, reason: str) -> None:
        """Account for the resources of a module that is not evaluated."""

    def written_content(self, entity: Any) -> FileInstance | None:
        """Return what a module deploys, or a nested deployment with a template that is written in it."""
        return self.content_of(entity)

    def content_of(self, entity: Any) -> FileInstance | None:
        """Return what a module deploys, or a nested deployment with a template that is not computed."""
        return entity.content if isinstance(entity, DeploymentModuleEntity) else None

    def deploys_file(self, node: ast.ResourceDeclaration) -> bool:  # noqa: ARG002  # a module does
        """Return whether a resource certainly deploys another template."""
        return False

    def unread(self, node: ast.ResourceDeclaration | None = None) -> Sequence[Pointer]:  # noqa: ARG002  # a parser reports these
        """Return the places of values that declare no resource."""
        return ()

    def scope_of_held(self, entity: Any) -> DeploymentScope:
        """Return the scope to which a template in a resource is deployed."""
        return scope_of(entity.identity.above) or self.scope

    def reported_location(self, at: Location) -> Location:
        """Return the location at which reports show a location in this file."""
        return at

    def secret_location(self, node: ast.ParameterDeclaration) -> Location:
        """Return the location of the values of a secure parameter: its declaration, not where they could be read."""
        return self.name_location(node)

    def address_of(self, entity: Any) -> str:
        """Return the address of a resource in reports."""
        address: str = entity.symbol.address + entity.iteration.key
        return address

    def declared_type(self, name: str) -> tuple[DeclaredTypes, ast.TypeDeclaration] | None:  # noqa: ARG002  # no types
        """Return a type by its name in this file, and the file that declares it; None if there is none."""
        return None

    def secure_parts(self, type_: ast.Type | None) -> SecureParts | None:  # noqa: ARG002  # a template marks no parts
        """Return which parts of a type are secure; None if no part is."""
        return None

    def value(self, name: str) -> Result | None:
        """Return the value of a declaration; None if there is none of that name."""
        node = self.file.symbols.get(name)
        return self.undeclared(name) if node is None else self.once(name, self._value_of, node)

    def _value_of(self, node: Any) -> Result:
        made = self._evaluate_declaration(node)
        self.run.budget.secrets.note(node.name, made)
        return made

    def recursive(self, key: str, *args: Any) -> Result:  # noqa: ARG002  # the declaration has the name
        """See the base class."""
        (node,) = args
        name = f"output `{node.name}`" if isinstance(node, ast.OutputDeclaration) else f"`{node.name}`"
        return Unknown(at=self.place(node), why=f"{name} refers to itself")

    def set_base(self, base: FileInstance | None) -> None:
        """Share the values of the same file in the base world that read no changed input."""
        self.base = base if isinstance(base, DeploymentInstance) else None

    def base_content(
        self, node: ast.ModuleDeclaration | ast.ResourceDeclaration, key: str
    ) -> DeploymentInstance | None:
        """Return what an iteration of a module or nested deployment deploys in the base world, if it was opened."""
        if self.base is None:
            return None
        symbols = self.base._modules if isinstance(node, ast.ModuleDeclaration) else self.base._resources  # noqa: SLF001  # the same class
        symbol = symbols.get(node.name)
        content = symbol.opened(key) if symbol is not None else None
        return content if isinstance(content, DeploymentInstance) else None

    def undeclared(self, name: str) -> Result | None:  # noqa: ARG002  # nothing else has a value here
        """Return the value of a name that the file does not declare; None if there is none."""
        return None

    def _evaluate_declaration(self, node: ast.Declaration) -> Result:
        match node:
            case ast.Variable():
                # Two uses of a variable are equal, whatever its value is.
                found = self.evaluator.declared(node.value, {})
                return found if isinstance(found, Unknown) and found.candidates else self.named(node, found)
            case ast.ParameterDeclaration():
                return self.parameter(node)
            case ast.ResourceDeclaration():
                return self.resource(node).result()
            case ast.ModuleDeclaration():
                return self.module(node).result()
            case _:
                return Unknown(at=self.place(node), why="a function is used without a call")

    def resource(self, node: ast.ResourceDeclaration) -> DeploymentResourceSymbol:
        """Return the symbol of a resource that is not declared in another one."""
        found = self._resources.get(node.name)
        if found is None:
            found = self._resources[node.name] = DeploymentResourceSymbol(self, node, None, self.module_call.local)
        return found

    def entity_of(self, symbol: DeploymentResourceSymbol, iteration: Iteration) -> DeploymentResourceEntity:
        """Return the resource of one iteration."""
        return DeploymentResourceEntity(symbol, iteration)

    def module(self, node: ast.ModuleDeclaration) -> ModuleSymbol:
        """Return the symbol of a module."""
        found = self._modules.get(node.name)
        if found is None:
            found = self._modules[node.name] = ModuleSymbol(self, node)
        return found

    def parameter(self, node: ast.ParameterDeclaration) -> Result:
        """Return a parameter: its argument, its default, null if that is allowed, or Unknown under its name."""
        if self.module_call.is_root:
            self.run.recorder.read(node.name)
        found = self.module_call.given.get(node.name)
        found = found.plain if isinstance(found, Fallback) else found
        if isinstance(found, Scalar):
            found = convert_argument(found, primitive(self, node.type))
        if found is None or isinstance(found, Absent):
            found = self.default(node, found)
        if is_decorated(node.decorators, "secure"):
            return mark_secret(found, self.secret_location(node))
        return mark_secret_parts(self.named(node, found), self.secure_parts(node.type), self.secret_location(node))

    def is_secure(self, node: ast.ParameterDeclaration) -> bool:
        """Return whether a parameter is declared as secret."""
        return is_decorated(node.decorators, "secure") or self.secure_parts(node.type) is not None

    def default(self, node: ast.ParameterDeclaration, given: Result | None) -> Result:
        """Return the value of a parameter without an argument, or with null."""
        if node.default is not None:
            return self.evaluator.declared(node.default, {})
        if given is not None or is_nullable(self, node.type):
            return Absent(at=self.name_location(node))
        return self._without_value(node, f"parameter `{node.name}` has no value", is_set=True)

    def _without_value(self, node: ast.ParameterDeclaration, why: str, is_set: bool) -> Unknown:
        known = limits_of(node) if node.decorators else NOTHING_KNOWN
        if not known.is_number and primitive(self, node.type) in ("string", "securestring"):
            known = TEXT if known is NOTHING_KNOWN else msgspec.structs.replace(known, is_text=True)
        return Unknown(at=self.name_location(node), why=why, given=is_set, known=known)

    def named(self, node: ast.ParameterDeclaration | ast.Variable, found: Result) -> Result:
        """Return an unknown value with the name of its declaration, as it is the same in each use."""
        if not isinstance(found, Unknown) or found.pattern is not None or found.sensitive:
            return found
        # The reason of a value that depends on an input without a value.
        why = found.why if isinstance(node, ast.ParameterDeclaration) else ""
        return msgspec.structs.replace(found, pattern=declared_hole(DEPLOYMENT, self.prefix + node.name, why=why))

    def output(self, name: str) -> Result | None:
        """Return the value of an output; None if it is not known."""
        node = self.file.outputs.get(name)
        if node is None:
            return None
        return self.once(f"output {name}", self._output, node)

    def _output(self, node: ast.OutputDeclaration) -> Result:
        made = self.evaluator.declared(node.value, self.module_call.local)
        if is_decorated(node.decorators, "secure"):
            made = mark_secret(made)
        else:
            made = mark_secret_parts(made, self.secure_parts(node.type), made.at)
        self.run.budget.secrets.note(node.name, made)
        return made

    def record_scope(self) -> None:
        """Record that the scope of the deployment is used."""
        if self.scope_read:
            self.run.recorder.add_inputs(self.scope_read)
