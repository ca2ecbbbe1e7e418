"""One use of a module: its variables are given, so its expressions amount to something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.primitive_types import FailedError
from azkvlint.evaluation.terraform.types import Type, convert, type_of
from azkvlint.evaluation.values import Fields, Items, Result, hole, mark_sensitive
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.terraform import namespaces
from azkvlint.readers.terraform.attribution import settled
from azkvlint.readers.terraform.folder import Declaration, Folder, Piece
from azkvlint.readers.terraform.modules import ModuleSymbol
from azkvlint.readers.terraform.resource_symbols import ResourceSymbol
from azkvlint.readers.terraform.run import TerraformRun
from azkvlint.readers.terraform.scope import FileScope
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Fault

if TYPE_CHECKING:
    from azkvlint.readers.terraform.scenarios import Scenario

NOTHING: Local = {}


class Given(Protocol):
    """The values that variables are given, by name; None for one that is given none."""

    def get(self, name: str, /) -> Result | None:
        """The value of one variable."""

    def meant(self, name: str, found: Result, at: Location, /) -> Result:
        """The value of a variable that amounts to ``found`` by what it is given and its default."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How a module is used.

    ``prefix`` is what the addresses in it begin with, ``key`` is its place in ``modules.json``. ``callers`` are the
    calls that lead to it, ``around`` the folders of the modules that make them. ``shown`` is where everything in it is
    reported, for a module that its caller cannot edit. ``providers`` maps the provider configurations that it is given.
    ``copies`` is how many uses like it there are. ``scenario``: with which variables of its root unknown it is
    evaluated, if with any.
    """

    given: Given
    prefix: str = ""
    key: str = ""
    callers: tuple[Location, ...] = ()
    around: tuple[Folder, ...] = ()
    shown: Location | None = None
    providers: Mapping[str, str] = {}
    scenario: Scenario | None = None
    copies: int = 1


class ModuleInstance:
    """A module in one use. Whatever it declares is evaluated once, when somebody asks for it."""

    def __init__(self, folder: Folder, run: TerraformRun, use: Use) -> None:
        self.folder = folder
        self.run = run
        self.use = use
        self.prefix = use.prefix
        self._scopes: dict[str, FileScope] = {}
        self._values: dict[str, Result] = {}
        self._busy: set[str] = set()
        self._resources: dict[str, ResourceSymbol] = {}
        self._modules: dict[str, ModuleSymbol] = {}
        self._elsewhere: dict[str, bool] = {}
        self.providers: dict[str, str] = {}
        self.spaces: dict[str, Result] = {}
        run.count_input(folder)
        if use.shown is None:
            for file in folder.files:
                run.add(file)
            for path, error in folder.unreadable.items():
                run.bad_file(path, error)
        else:
            for file in folder.files:
                self.faults(file.path, file.parsed.faults)
            for path, error in folder.unreadable.items():
                run.unreadable(f"'{path}' cannot be read: {error.message}", use.shown)
        run.opened.append(self.close)

    def close(self) -> None:
        """Let go of everything, as a run does without a search for objects that hold each other."""
        for resource in self._resources.values():
            resource.close()
        for module in self._modules.values():
            module.close()
        for scope in self._scopes.values():
            scope.close()
        for held in (self._scopes, self._values, self._resources, self._modules, self.spaces):
            held.clear()

    def scope(self, path: str) -> FileScope:
        """What evaluates the expressions of one file."""
        found = self._scopes.get(path)
        if found is None:
            found = self._scopes[path] = FileScope(self, path)
        return found

    def place(self, path: str, start: int, end: int) -> Location:
        """Where a stretch of a file is told."""
        shown = self.use.shown
        return Location(path=path, span=(start, end)) if shown is None else shown

    def faults(self, path: str, faults: Sequence[Fault]) -> None:
        """Report what is wrong with the text of a file: there, or at the caller who cannot edit it."""
        shown = self.use.shown
        if shown is None:
            self.run.faults(path, faults)
        elif faults:
            self.run.unreadable(f"'{path}' cannot be read: {faults[0].message}", shown)

    def body_faults(self, declaration: Declaration) -> None:
        """Report what is wrong inside a block, which is known once somebody looks into it."""
        self.faults(declaration.path, declaration.block.body.faults)
        for part in declaration.overrides:
            self.faults(part.path, part.block.body.faults)

    def evaluate(self, piece: Piece, local: Local) -> Result:
        """What an attribute amounts to; Unknown, with a Problem, if it is no expression, and if Terraform refuses it.

        A text, number or boolean stands at the attribute, unless a caller of the module wrote it.
        """
        path, attribute = piece
        node = attribute.expression()
        at = self.place(path, attribute.start, attribute.end)
        if node is None:
            if attribute.fault is not None:
                self.faults(path, [attribute.fault])
            return Unknown(at=at, why=f"'{attribute.name}' cannot be read")
        if type(node) is ast.Literal:
            return Absent(at=at) if node.value is None else Scalar(at=at, value=node.value)
        return self._evaluated(path, node, local, at)

    def evaluate_node(self, piece: Piece, node: ast.Expression, local: Local) -> Result:
        """What a part of an attribute's expression amounts to."""
        path, attribute = piece
        return self._evaluated(path, node, local, self.place(path, attribute.start, attribute.end))

    def _evaluated(self, path: str, node: ast.Expression, local: Local, at: Location) -> Result:
        try:
            found = self.scope(path).evaluator.evaluate(node, local)
        except FailedError as error:
            return Unknown(at=at, why=f"{error.why}, so the plan fails")
        return settled(found, at, self)

    def is_given(self, at: Location) -> bool:
        """Whether a place lies in a module that calls this one, so that what stands there was given by it."""
        found = self._elsewhere.get(at.path)
        if found is None:
            around = self.use.around
            found = any(at.path == file.path for folder in around for file in folder.files)
            # Values that files give to the root module are given to all that it hands them on to.
            found = found or (bool(around) and at.path in self.run.value_files)
            self._elsewhere[at.path] = found
        return found

    def symbol(self, node: ast.Name, at: Location) -> Result:
        """What the first name of a reference means; it is kept in ``spaces``."""
        found = self.spaces[node.name] = namespaces.space(self, node.name, at)
        return found

    def variable(self, name: str, at: Location) -> Result:
        """What a variable is given, else its default; Unknown under its own name if that is nothing."""
        return self._once(f"var.{name}", at, self._variable)

    def _variable(self, key: str, at: Location) -> Result:
        name = key.partition(".")[2]
        declaration = self.folder.variables.get(name)
        if declaration is None:
            return Unknown(at=at, why=f"there is no variable '{name}'")
        self.body_faults(declaration)
        attributes, block = declaration.attributes, declaration.block
        head = self.place(declaration.path, block.start, block.head)
        found = self.use.given.get(name)
        if found is not None and self.use.scenario is not None and not self.prefix:
            self.use.scenario.given.add(name)
        if found is None or (isinstance(found, Absent) and self._flag(attributes.get("nullable")) is False):
            default = attributes.get("default")
            is_open = found is None and default is not None and self._is_open(name)
            if default is None or is_open:
                why = f"the variable '{name}' has no value" + (" but its default" if is_open else "")
                unknown = Unknown(at=head, why=why, given=self._flag(attributes.get("nullable")) is False)
                found, scenario = unknown, self.use.scenario
                if is_open and default is not None and scenario is not None:
                    found = scenario.instead(self.evaluate(default, NOTHING), unknown)
            else:
                found = self.evaluate(default, NOTHING)
        scope = self.scope(declaration.path)
        try:
            type_ = self._type(declaration.attributes.get("type"))
            found = convert(found, type_, lambda node: scope.evaluator.evaluate(node, NOTHING))
        except FailedError as error:
            found = Unknown(at=found.at, why=f"the variable '{name}': {error.why}, so the plan fails")
        found = self.use.given.meant(name, found, head)
        if self._flag(attributes.get("sensitive")) is True or self._flag(attributes.get("ephemeral")) is True:
            if found.at != head:
                self.run.hide(found.at)
            return mark_sensitive(found)
        return _named(found, f"{self.prefix}var.{name}")

    def _is_open(self, name: str) -> bool:
        """Return whether nothing is to be known of a root's variable that has a default and is given no value."""
        scenario = self.use.scenario
        return scenario is not None and not self.prefix and scenario.opens(name)

    def _flag(self, piece: Piece | None) -> object:
        found = self.evaluate(piece, NOTHING) if piece is not None else None
        return found.value if isinstance(found, Scalar) else None

    def _type(self, piece: Piece | None) -> Type:
        return type_of(piece.attribute.expression() if piece is not None else None)

    def local(self, name: str, at: Location) -> Result:
        """A local value."""
        return self._once(f"local.{name}", at, self._local)

    def _local(self, key: str, at: Location) -> Result:
        name = key.partition(".")[2]
        piece = self.folder.locals.get(name)
        if piece is None:
            return Unknown(at=at, why=f"there is no local value '{name}'")
        return _named(self.evaluate(piece, NOTHING), self.prefix + key)

    def output(self, name: str, at: Location) -> Result | None:
        """An output of the module; None if there is none of that name."""
        return self._once(f"output.{name}", at, self._output) if name in self.folder.outputs else None

    def _output(self, key: str, at: Location) -> Result:
        declaration = self.folder.outputs[key.partition(".")[2]]
        self.body_faults(declaration)
        piece = declaration.attributes.get("value")
        if piece is None:
            return Absent(at=at)
        found = _named(self.evaluate(piece, NOTHING), self.prefix + key.partition(".")[2])
        return mark_sensitive(found) if self._flag(declaration.attributes.get("sensitive")) is True else found

    def _once(self, key: str, at: Location, make: Make) -> Result:
        """A value, worked out when it is first asked for; one that needs itself is a Problem."""
        found = self._values.get(key)
        if found is not None:
            return found
        if key in self._busy:
            self.run.unreadable(f"'{self.prefix}{key}' refers to itself", at)
            return Unknown(at=at, why=f"'{key}' refers to itself")
        self._busy.add(key)
        try:
            found = make(key, at)
        finally:
            self._busy.discard(key)
        if isinstance(found, (Fields, Items)):
            self.run.charge(found)
        self.run.budget.secrets.note(key.partition(".")[2], found)
        self._values[key] = found
        return found

    def resource(self, local: str) -> ResourceSymbol | None:
        """A resource or data source by its address in the module."""
        found = self._resources.get(local)
        if found is None and local in self.folder.resources:
            found = self._resources[local] = ResourceSymbol(self, self.folder.resources[local])
        return found

    def module(self, name: str) -> ModuleSymbol | None:
        """A module call."""
        found = self._modules.get(name)
        if found is None and name in self.folder.modules:
            found = self._modules[name] = ModuleSymbol(self, self.folder.modules[name])
        return found


def _named(found: Result, name: str) -> Result:
    """Give an unknown value the pattern of its name, so that it is equal to itself wherever the name is used."""
    if isinstance(found, Unknown) and not (found.pattern or found.sensitive or found.candidates):
        return msgspec.structs.replace(found, pattern=hole(name))
    return found


class Make(Protocol):
    """Works out the value of a key."""

    def __call__(self, key: str, at: Location, /) -> Result:
        """The value; ``at`` is where it is asked for."""
