"""Modules: the files that a declaration deploys, their arguments and outputs, each evaluated on first use."""

from __future__ import annotations

from typing import Protocol

import msgspec

from azkvlint.evaluation.reads import ReadSet
from azkvlint.evaluation.values import Fields, Result, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, DeclaredHole, Text, declared_hole, hole, join_texts
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.declarations import properties_of
from azkvlint.readers.deployment.symbols import (
    ConditionalIteration,
    DeclarationBody,
    DeploymentSymbol,
    FileInstance,
    Iteration,
)
from azkvlint.syntax import ast
from azkvlint.values.secrecy import has_literal


class ModuleSymbol(DeploymentSymbol["DeploymentModuleEntity"]):
    """A module declaration."""

    def __init__(self, instance: FileInstance, node: ast.ModuleDeclaration) -> None:
        super().__init__(instance, node, {}, instance.prefix + node.name)
        self.node = node
        self._source: ModuleContentSource | None = None
        self._is_found = False

    def entity(self, iteration: Iteration) -> DeploymentModuleEntity:
        """Return the module of one iteration."""
        return DeploymentModuleEntity(self, iteration)

    @property
    def source(self) -> ModuleContentSource | None:
        """Return the source of the module; None, with a Problem, if it cannot be read."""
        if not self._is_found:
            self._is_found = True
            self._source = self.instance.source_of(self.node)
        return self._source


class DeploymentModuleEntity(ConditionalIteration):
    """One iteration of a module declaration."""

    # No module is declared in a resource.
    outer = None

    def __init__(self, symbol: ModuleSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.iteration = iteration
        self.at = self.instance.head(symbol.node)
        self.body = DeclarationBody(self.instance, symbol.node.name, iteration)
        self._content: FileInstance | None = None
        self._is_opened = False

    @property
    def address(self) -> str:
        """Return its address in reports."""
        return self.symbol.address + self.iteration.key

    def close(self) -> None:
        """Release all objects: see ``DeploymentInstance.close``."""
        self.body.close()
        self._content = None

    @property
    def content(self) -> FileInstance | None:
        """Return the file of the module with its arguments; None, with a Problem, if it cannot be read."""
        if not self._is_opened:
            self._is_opened = True
            # What its scope and its arguments read is recorded where they are used.
            self._content, _ = self.instance.run.recorder.apart(self._open)
        return self._content

    def _open(self) -> FileInstance | None:
        source = self.symbol.source
        content = source.content_of(self) if source is not None else None
        if content is not None:
            content.set_base(self.instance.base_content(self.symbol.node, self.iteration.key))
        return content

    @property
    def opened(self) -> FileInstance | None:
        """See the base class."""
        return self._content

    def record_source(self) -> None:
        """Record what decides which file it deploys: nothing, because its path is written."""

    @property
    def callers(self) -> tuple[Location, ...]:
        """Return the module declarations that lead into the module."""
        return (*self.instance.module_call.callers, self.instance.reported_location(self.at))

    @property
    def deployment(self) -> Text:
        """Return the names (patterns) of the deployments that lead into the module, its own last."""
        found = self.body.get("name")
        name = pattern_of(found) if found is not None else ""
        return join_texts([self.instance.module_call.deployment, "/", name or hole(self.address)])

    def arguments(self) -> ModuleArguments:
        """Return the arguments."""
        return ModuleArguments(self.instance, self.body, self.address, self.symbol.node.body)

    def member(self, name: str, at: Location) -> Result:
        """Return ``outputs`` or ``name``; Unknown for other members."""
        if name == "outputs":
            return ModuleOutputs(self, at)
        found = self.body.get("name") if name == "name" else None
        if found is not None:
            return found
        return Unknown(at=at, why=f"`{name}` is known after deployment", pattern=self._part(name))

    def _part(self, path: str) -> DeclaredHole:
        return declared_hole(DEPLOYMENT, self.address, path)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a module is used as an array, so the deployment fails")

    def output(self, name: str, at: Location) -> Result:
        """Return an output of the module: the value of its expression where that can be read."""
        content = self.content
        found = content.output(name) if content is not None else None
        if found is None:
            found = Unknown(at=at, why=f"module output `{name}` is known after deployment")
        if isinstance(found, Unknown) and found.pattern is None and not found.sensitive:
            return msgspec.structs.replace(found, at=at, pattern=self._part(f"outputs.{name}"))
        return found


class ModuleOutputs:
    """The outputs of a module."""

    def __init__(self, module: DeploymentModuleEntity, at: Location) -> None:
        self.module = module
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return one output."""
        return self.module.output(name, at)

    def item(self, index: Result, at: Location) -> Result:
        """Return an output by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="the name of the output is unknown")


class ModuleArguments:
    """The arguments of a module declaration, each evaluated on first use."""

    def __init__(self, caller: FileInstance, body: DeclarationBody, address: str, declared: ast.Expression) -> None:
        self.caller = caller
        self.declared = declared
        self.evaluator = caller.evaluator
        self.address = address
        self.local = body.local
        self._recorder = caller.run.recorder
        self._values: dict[str, Result | None] = {}
        self._reads: dict[str, ReadSet] = {}
        self._busy: set[str] = set()
        self.all_values: Result | None = None
        self._all_read: ReadSet | None = None
        node = body.properties.get("params") if body.properties is not None else None
        written = properties_of(node.value) if node is not None and isinstance(node.value, ast.Object) else None
        self.properties = written
        if written is None:
            self.all_values, self._all_read = self._recorder.of(body.get, "params")

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""
        if self.properties is None:
            return self._from_all_values(name)
        node = self.properties.get(name)
        if node is None:
            return None
        if name in self._values:
            if name in self._reads:
                self._recorder.add(self._reads[name], self._values[name])
            return self._values[name]
        if name in self._busy:
            at = self.evaluator.document.place(node)
            self._recorder.read_all()
            return Unknown(at=at, why=f"parameter `{name}` refers to itself")
        self._busy.add(name)
        try:
            found, read = self._recorder.of(self.evaluator.declared_property, node, self.local)
        finally:
            self._busy.discard(name)
        self._values[name] = found
        if read is not None:
            self._reads[name] = read
        return found

    def hide(self, name: str) -> None:
        """Record that the argument of a parameter is a secret, which no excerpt shows."""
        node = self.properties.get(name) if self.properties is not None else None
        if node is not None and has_literal(node.value):
            self.caller.run.hide(self.caller.place(node.value))
        elif isinstance(self.all_values, Fields) and self.all_values.find(name) is not None:
            self.caller.run.hide(self.all_values.at)

    def names(self) -> list[str]:
        """Return the parameters that certainly have an argument."""
        if self.properties is not None:
            return list(self.properties)
        return list(self.all_values.fields) if isinstance(self.all_values, Fields) else []

    def _from_all_values(self, name: str) -> Result | None:
        whole = self.all_values
        if self._all_read is not None:
            self._recorder.add_inputs(self._all_read.part(name).inputs)
        if whole is None or isinstance(whole, Absent):
            return None
        if isinstance(whole, Fields):
            return whole.field(name)
        why = whole.why if isinstance(whole, Unknown) else "the parameters of the module are not an object"
        return Unknown(at=whole.at, why=why, pattern=declared_hole(DEPLOYMENT, self.address, name))


class ModuleContentSource(Protocol):
    """The source of a module: a Bicep file, a template, or built-in support."""

    def content_of(self, module: DeploymentModuleEntity) -> FileInstance | None:
        """Return the file with the arguments of ``module``; None, with a Problem, if it cannot be read."""
