"""Modules: what they are given, what they deploy, and what they give back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.values import Fields, Result, find_field, hole, pattern_of
from azkvlint.graph.secret_spans import tells
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.bicep.document import properties_of
from azkvlint.readers.bicep.loops import Iteration, condition_of
from azkvlint.readers.bicep.scenarios import may_exist, skip_file
from azkvlint.readers.bicep.sources import BicepSource, Content, Source, source_of
from azkvlint.readers.bicep.symbols import Body, Symbol
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance


class ModuleSymbol(Symbol["ModuleEntity"]):
    """A module declaration."""

    def __init__(self, instance: Instance, node: ast.Module) -> None:
        super().__init__(instance, node, {}, instance.prefix + node.name)
        self.node = node
        self._source: Source | None = None
        self._asked = False

    def entity(self, iteration: Iteration) -> ModuleEntity:
        """What one iteration deploys."""
        return ModuleEntity(self, iteration)

    @property
    def source(self) -> Source | None:
        """What the module is made of; None, with a Problem, if that cannot be read."""
        if not self._asked:
            self._asked = True
            self._source = source_of(self.instance, self.node)
        return self._source


class ModuleEntity:
    """One use of a module."""

    def __init__(self, symbol: ModuleSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.iteration = iteration
        self.address = symbol.address + iteration.key
        self.at = self.instance.head(symbol.node)
        self.body = Body(self.instance, symbol.node.name, iteration)
        self._content: Content | None = None
        self._asked = False

    def close(self) -> None:
        """Let go of everything: see ``Instance.close``."""
        self.body.close()
        self._content = None

    @property
    def content(self) -> Content | None:
        """What is in the module, with what it is given; None, with a Problem, if it cannot be read."""
        if not self._asked:
            self._asked = True
            source = self.symbol.source
            if source is not None:
                self._content = source.use(self)
        return self._content

    @property
    def callers(self) -> tuple[Location, ...]:
        """The module statements that lead into the module."""
        return (*self.instance.use.callers, self.instance.shown(self.at))

    @property
    def deployment(self) -> str:
        """The names (patterns) of the deployments that lead to what the module deploys, its own last."""
        found = self.body.get("name")
        name = pattern_of(found) if found is not None else ""
        return f"{self.instance.use.deployment}/{name or hole(self.address)}"

    def given(self) -> Arguments:
        """What the parameters are given."""
        return Arguments(self.instance, self.body, self.address, self.symbol.node.body)

    def member(self, name: str, at: Location) -> Result:
        """``outputs`` and ``name``; Unknown for anything else."""
        if name == "outputs":
            return Outputs(self, at)
        found = self.body.get("name") if name == "name" else None
        if found is not None:
            return found
        return Unknown(at=at, why=f"'{name}' is known only after deployment", pattern=hole(f"{self.address}.{name}"))

    def item(self, index: Result, at: Location) -> Result:
        """A member by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a module is used like an array, so the deployment fails")

    def output(self, name: str, at: Location) -> Result:
        """An output of the module: its own expression where that can be read."""
        content = self.content
        found = content.output(name) if content is not None else None
        if found is None:
            found = Unknown(at=at, why=f"the output '{name}' of a module is known only after deployment")
        if isinstance(found, Unknown) and not found.pattern and not found.sensitive:
            return msgspec.structs.replace(found, at=at, pattern=hole(f"{self.address}.outputs.{name}"))
        return found


class Outputs:
    """The outputs of one use of a module."""

    def __init__(self, module: ModuleEntity, at: Location) -> None:
        self.module = module
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """One output."""
        return self.module.output(name, at)

    def item(self, index: Result, at: Location) -> Result:
        """An output by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="which output is meant is not known")


class Arguments:
    """The parameters that a module statement gives, each evaluated once, when the module asks for it."""

    def __init__(self, caller: Instance, body: Body, address: str, declared: ast.Expression) -> None:
        self.caller = caller
        self.declared = declared
        self.evaluator = caller.evaluator
        self.address = address
        self.local = body.local
        self._values: dict[str, Result | None] = {}
        self._busy: set[str] = set()
        self.whole: Result | None = None
        node = body.properties.get("params") if body.properties is not None else None
        written = properties_of(node.value) if node is not None and isinstance(node.value, ast.Object) else None
        self.properties = written
        if written is None:
            self.whole = body.get("params")

    def get(self, name: str, /) -> Result | None:
        """The value of one parameter; None if it is given none."""
        if self.properties is None:
            return self._of_whole(name)
        node = self.properties.get(name)
        if node is None:
            return None
        if name in self._values:
            return self._values[name]
        if name in self._busy:
            at = self.evaluator.document.place(node)
            return Unknown(at=at, why=f"the parameter '{name}' refers to itself")
        self._busy.add(name)
        try:
            found = self._values[name] = self.evaluator.property(node, self.local)
        finally:
            self._busy.discard(name)
        return found

    def hide(self, name: str) -> None:
        """Take note that a parameter's value is a secret: no excerpt shows it, whether somebody asks for it or not."""
        node = self.properties.get(name) if self.properties is not None else None
        if node is not None and tells(node.value):
            self.caller.run.hide(self.caller.place(node.value))
        elif isinstance(self.whole, Fields) and find_field(self.whole, name) is not None:
            self.caller.run.hide(self.whole.at)

    def names(self) -> list[str]:
        """The parameters that are certainly given."""
        if self.properties is not None:
            return list(self.properties)
        return list(self.whole.fields) if isinstance(self.whole, Fields) else []

    def _of_whole(self, name: str) -> Result | None:
        whole = self.whole
        if whole is None or isinstance(whole, Absent):
            return None
        if isinstance(whole, Fields):
            found = find_field(whole, name)
            return found if found is not None else whole.rest
        why = whole.why if isinstance(whole, Unknown) else "the parameters of a module are no object"
        return Unknown(at=whole.at, why=why, pattern=hole(f"{self.address}.{name}"))


def lower_modules(instance: Instance, conditions: frozenset[str]) -> None:
    """Add what the modules of a file deploy, in their order."""
    for node in instance.file.declared(ast.Module):
        if instance.file.symbols.get(node.name) is node:
            symbol = instance.module(node)
            if not _lower(symbol, conditions):
                may_exist(symbol, conditions, _lower, _skip)


def _lower(symbol: ModuleSymbol, conditions: frozenset[str]) -> bool:
    """Add what a module deploys; False if it is never used."""
    is_there = False
    for entity in symbol.entities:
        found = condition_of(entity.instance.evaluator, entity.iteration, entity.address)
        if found is not None:
            is_there = True
            if entity.content is not None:
                entity.content.lower(conditions | found)
    return is_there


def _skip(symbol: ModuleSymbol, reason: str) -> None:
    source = symbol.source
    if isinstance(source, BicepSource):
        skip_file(symbol.instance.run, source.file, f"the module `{symbol.node.name}` is not used: {reason}")
