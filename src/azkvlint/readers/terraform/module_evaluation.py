"""A module with its arguments: the values of its variables, locals and outputs, its resources and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import is_azure, is_own_id, linked_type
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import KeptParts, ReadSet
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.terraform.types import TypeConstraint, convert, converts_apart, type_of
from azkvlint.evaluation.traces import Evaluations
from azkvlint.evaluation.values import Fields, Result, mark_sensitive
from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.model.pattern import TERRAFORM, declared_hole, hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.modules.values import KeptValues, without_value
from azkvlint.readers.terraform.blocks import relocate
from azkvlint.readers.terraform.expansion import DeclarationInstance, InstanceStep, with_key
from azkvlint.readers.terraform.file_secrets import is_sensitive, is_written
from azkvlint.readers.terraform.folder import FileAttribute, Folder, ModuleSource, TerraformDeclaration, Written
from azkvlint.readers.terraform.providers import passed_providers
from azkvlint.readers.terraform.resource_symbols import TerraformResourceSymbol, TerraformSymbol
from azkvlint.readers.terraform.run import Failure, ModuleScope, TerraformModuleCall, TerraformRun
from azkvlint.readers.terraform.shared_evaluation import shared_evaluation
from azkvlint.readers.terraform.sources import source_of
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Fault
from azkvlint.values.secrecy import contains_value

NOTHING: Local = {}


class TerraformModuleInstance(KeptValues):
    """A module with its arguments. Its declarations are evaluated once, when they are first needed."""

    run: TerraformRun
    base: TerraformModuleInstance | None

    def __init__(self, folder: Folder, run: TerraformRun, use: TerraformModuleCall) -> None:
        super().__init__(run)
        self.folder = folder
        self.call = use
        self.prefix = use.prefix
        self._scopes: dict[str, FileScope] = {}
        self._resources: dict[str, TerraformResourceSymbol] = {}
        self._modules: dict[str, ModuleCallSymbol] = {}
        self._elsewhere: dict[str, bool] = {}
        # What its expressions evaluated to in any world.
        self.evaluations = Evaluations()
        self.providers: dict[str, str] = {}
        self.spaces: dict[str, Result] = {}
        # In a root that others may call: the same with the defaults of the root's variables. It decides what exists.
        self.defaults: TerraformModuleInstance | None = None
        run.count_input(folder)
        if use.shown is None:
            for file in folder.files:
                run.add(file)
            for path, error in folder.unreadable.items():
                run.report_file(path, error)
        else:
            for file in folder.files:
                self.report_faults(file.path, file.parsed.faults)
            for path, error in folder.unreadable.items():
                run.report_unreadable(f"`{path}` cannot be read: {error.message}", use.shown)
        run.opened.append(self.close)

    def close(self) -> None:
        """Release all references: garbage collection of reference cycles is off during a run."""
        for resource in self._resources.values():
            resource.close()
        for module in self._modules.values():
            module.close()
        for scope in self._scopes.values():
            scope.close()
        super().close()
        for held in (self._scopes, self._resources, self._modules, self.spaces):
            held.clear()

    def scope(self, path: str) -> FileScope:
        """Return the evaluator scope of one file."""
        found = self._scopes.get(path)
        if found is None:
            found = self._scopes[path] = FileScope(self, path)
        return found

    def locate(self, written: Written) -> Location:
        """Return the location that reports use for an attribute, or for the head of a block."""
        shown = self.call.shown
        return written.at if shown is None else shown

    def fail(self, piece: FileAttribute) -> None:
        """Record that the plan fails because of the value of an attribute."""
        self.run.failures[self.prefix, piece.path, piece.attribute.start] = Failure()

    def report_faults(self, path: str, faults: Sequence[Fault]) -> None:
        """Report the syntax errors of a file, at the module call if the caller cannot edit the file."""
        shown = self.call.shown
        if shown is None:
            self.run.report_faults(path, faults)
        elif faults:
            self.run.report_unreadable(f"`{path}` cannot be read: {faults[0].message}", shown)

    def report_block_faults(self, declaration: TerraformDeclaration) -> None:
        """Report the syntax errors inside a block, whose body is parsed lazily."""
        for part in declaration.layers:
            self.report_faults(part.path, part.block.body.faults)

    def evaluate(self, piece: FileAttribute, local: Local) -> Result:
        """Return the value of an attribute; Unknown, with a Problem, if it is not valid.

        The location of a string, number or boolean is the attribute, unless a caller of the module wrote it.
        """
        path, attribute = piece.path, piece.attribute
        if self.call.shown is None and piece.literal is not None:
            return piece.literal
        node = attribute.expression()
        at = self.locate(piece)
        if node is None:
            if attribute.fault is not None:
                self.report_faults(path, [attribute.fault])
            return Unknown(at=at, why=f"`{attribute.name}` cannot be read")
        if type(node) is ast.Literal:
            return Absent(at=at) if node.value is None else Scalar(at=at, value=node.value)
        return self._evaluate(path, node, local, at)

    def evaluate_node(self, piece: FileAttribute, node: ast.Expression, local: Local) -> Result:
        """Return the value of a part of an attribute's expression."""
        return self._evaluate(piece.path, node, local, self.locate(piece))

    def _evaluate(self, path: str, node: ast.Expression, local: Local, at: Location) -> Result:
        run = self.run
        start = len(run.without_instances)
        if run.recorder.trace is None:
            found, fails = self._evaluated_once(path, node, local, at)
        else:
            make = partial(self._evaluated_once, path, node, local, at)
            found, fails = shared_evaluation(self, node, local, make)
        if fails:
            run.failures[self.prefix, path, node.start] = Failure(node, local, run.without_instances[start:])
        return found

    def _evaluated_once(self, path: str, node: ast.Expression, local: Local, at: Location) -> tuple[Result, bool]:
        """Return the value of an expression, and whether it fails."""
        try:
            found = self.scope(path).evaluator.evaluate(node, local)
        except FailedError as error:
            return Unknown(at=at, why=f"{error.why}, so the plan fails"), True
        self.run.recorder.settle(node)
        return relocate(found, at, self), False

    def is_given(self, at: Location) -> bool:
        """Return whether a place is in a module that calls this one, so that the caller passed the value."""
        found = self._elsewhere.get(at.path)
        if found is None:
            around = self.call.around
            found = any(at.path == file.path for folder in around for file in folder.files)
            # Values in variable files of the root module count as passed in every module that receives them.
            found = found or (bool(around) and at.path in self.run.value_files)
            self._elsewhere[at.path] = found
        return found

    def symbol(self, node: ast.Name, at: Location) -> Result:
        """Return the value of the first name in a reference, and cache it in ``spaces``."""
        found = self.spaces[node.name] = _namespace(self, node.name, at)
        return found

    def variable(self, name: str, at: Location) -> Result:
        """Return the argument of a variable, or its default; Unknown under its own name if it has neither."""
        return self._once(f"var.{name}", at, self._variable)

    def _variable(self, key: str, at: Location) -> Result:
        name = key.partition(".")[2]
        declaration = self.folder.variables.get(name)
        if declaration is None:
            return Unknown(at=at, why=f"input variable `{name}` is not declared")
        self.report_block_faults(declaration)
        attributes = declaration.attributes
        head = self.locate(declaration)
        recorder = self.run.recorder
        if not self.prefix:
            recorder.read(f"var.{name}")
        found = self.call.given.get(name)
        if found is None or (isinstance(found, Absent) and self._flag(attributes.get("nullable")) is False):
            default = attributes.get("default")
            if default is None:
                is_given = self._flag(attributes.get("nullable")) is False
                found = Unknown(at=head, why=f"`var.{name}` has no value", given=is_given)
            elif self.defaults is not None and not self.prefix:
                # Callers may pass another value, so what exists may depend on the default, but no result.
                why = without_value(f"`var.{name}`", has_default=True)
                found = Unknown(at=self.locate(default), why=why, given=self._flag(attributes.get("nullable")) is False)
            else:
                found = self.evaluate(default, NOTHING)
        scope = self.scope(declaration.path)
        try:
            type_ = self._type(declaration.attributes.get("type"))
            converted = convert(found, type_, lambda node: scope.evaluator.evaluate(node, NOTHING))
            if recorder.is_recording and converts_apart(type_):
                recorder.replace(found, converted)
            found = converted
        except FailedError as error:
            self.run.failures[self.prefix, declaration.path, declaration.block.start] = Failure()
            found = Unknown(at=found.at, why=f"`var.{name}`: {error.why}, so the plan fails")
        found = self.call.given.final_value(name, found, head)
        if self._flag(attributes.get("sensitive")) is True or self._flag(attributes.get("ephemeral")) is True:
            if found.at != head:
                self.run.hide(found.at)
            if isinstance(found, Scalar) and contains_value(self.prefix, str(found.value)):
                self.run.budget.secrets.texts.add(str(found.value))
            return mark_sensitive(found)
        return _with_name(found, f"{self.prefix}var.{name}")

    def _flag(self, piece: FileAttribute | None) -> object:
        found = self.evaluate(piece, NOTHING) if piece is not None else None
        return found.value if isinstance(found, Scalar) else None

    def _type(self, piece: FileAttribute | None) -> TypeConstraint:
        return type_of(piece.attribute.expression() if piece is not None else None)

    def local(self, name: str, at: Location) -> Result:
        """Return a local value."""
        return self._once(f"local.{name}", at, self._local)

    def _local(self, key: str, at: Location) -> Result:
        name = key.partition(".")[2]
        piece = self.folder.locals.get(name)
        if piece is None:
            return Unknown(at=at, why=f"local value `{name}` is not declared")
        return _with_name(self.evaluate(piece, NOTHING), self.prefix + key)

    def output(self, name: str, at: Location) -> Result | None:
        """Return an output of the module; None if there is none of that name."""
        return self._once(f"output.{name}", at, self._output) if name in self.folder.outputs else None

    def _output(self, key: str, at: Location) -> Result:
        declaration = self.folder.outputs[key.partition(".")[2]]
        self.report_block_faults(declaration)
        piece = declaration.attributes.get("value")
        if piece is None:
            return Absent(at=at)
        found = _with_name(self.evaluate(piece, NOTHING), self.prefix + key.partition(".")[2])
        return mark_sensitive(found) if self._flag(declaration.attributes.get("sensitive")) is True else found

    def _once(self, key: str, at: Location, make: _KeyEvaluation) -> Result:
        """Return a value, evaluated when it is first needed; one that needs itself is a Problem."""
        return self.once(key, self._evaluated, key, at, make)

    def _evaluated(self, key: str, at: Location, make: _KeyEvaluation) -> Result:
        made = make(key, at)
        self.run.budget.secrets.note(key.partition(".")[2], made)
        return made

    def place_of(self, *args: Any) -> Location | None:
        """See the base class."""
        return args[1]  # type: ignore[no-any-return]  # those of _evaluated

    def again(self, key: str, at: Location) -> Result | None:
        """Return the value of a variable, local value or output by its key."""
        kind, _, name = key.partition(".")
        if kind == "output":
            return self.output(name, at)
        return self.variable(name, at) if kind == "var" else self.local(name, at)

    def recursive(self, key: str, *args: Any) -> Result:
        """See the base class."""
        at = args[1]
        self.run.report_unreadable(f"`{self.prefix}{key}` refers to itself", at)
        return Unknown(at=at, why=f"`{key}` refers to itself")

    def resource(self, local: str) -> TerraformResourceSymbol | None:
        """Return a resource or data source by its address in the module."""
        found = self._resources.get(local)
        if found is None and local in self.folder.resources:
            found = self._resources[local] = TerraformResourceSymbol(self, self.folder.resources[local])
        return found

    def declared(self, local: str, *, is_call: bool) -> TerraformSymbol[Any] | None:
        """Return a resource or module call by its name."""
        return self.module(local) if is_call else self.resource(local)

    def base_symbol(self, symbol: TerraformSymbol[Any]) -> TerraformSymbol[Any] | None:
        """Return the same declaration in the base world, if it was evaluated there."""
        base, local = self.base, symbol.declaration.local
        if base is None:
            return None
        return base._modules.get(local) if symbol.is_call else base._resources.get(local)  # noqa: SLF001  # of the same class

    def decides_on(self, symbol: TerraformSymbol[Any]) -> TerraformSymbol[Any] | None:
        """Return the same declaration with the defaults of the root's variables; None if it has them itself."""
        local = symbol.declaration.local
        if self.defaults is None:
            return None
        return self.defaults.module(local) if symbol.is_call else self.defaults.resource(local)

    def base_content(self, name: str, bracket: str) -> TerraformModuleInstance | None:
        """Return the module of an instance of a call in the base world, if it was evaluated there."""
        call = self.base._modules.get(name) if self.base is not None else None  # noqa: SLF001  # of the same class
        return call.opened(bracket) if call is not None else None

    def calls(self) -> Iterable[ModuleCallSymbol]:
        """Return the module calls that have been evaluated."""
        return tuple(self._modules.values())

    def module(self, name: str) -> ModuleCallSymbol | None:
        """Return a module call by its name; None if there is none."""
        found = self._modules.get(name)
        if found is None and name in self.folder.modules:
            found = self._modules[name] = ModuleCallSymbol(self, self.folder.modules[name])
        return found


def _with_name(found: Result, name: str) -> Result:
    """Give an unknown value the pattern of its name, so that it is equal to itself wherever the name is used."""
    if isinstance(found, Unknown) and found.pattern is None and not (found.sensitive or found.candidates):
        return msgspec.structs.replace(found, pattern=declared_hole(TERRAFORM, name))
    return found


class _KeyEvaluation(Protocol):
    """Works out the value of a key."""

    def __call__(self, key: str, at: Location, /) -> Result:
        """Return the value; ``at`` is the location of the reference."""


class FileScope:
    """The document interface that the evaluator of one file requires."""

    def __init__(self, instance: TerraformModuleInstance, path: str) -> None:
        self.instance = instance
        self.path = path
        self.shown = instance.call.shown
        self.evaluator = TerraformEvaluator(self, instance.run.budget)
        base = instance.base.scope(path).evaluator.kept if instance.base is not None else None
        self.evaluator.kept = KeptParts(instance.run.recorder, base, instance.run.changed)

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        del self.evaluator

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return Location(path=self.path, span=(node.start, node.end)) if self.shown is None else self.shown

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of the first name in a reference."""
        found = self.instance.spaces.get(node.name)
        return found if found is not None else self.instance.symbol(node, self.place(node))

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # HCL declares no functions
        """Return None: a module declares no functions."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # the evaluator passes the location
        """Return the text of a file of the project."""
        return self.instance.run.texts.read(name)

    def rendered(self, name: str, found: Result) -> None:
        """Record the result of a template file of the project."""
        self.instance.run.texts.add_rendered(name, found)

    def settled(self, found: Result, at: Location) -> Result:
        """Return a value at the place of its expression, unless a caller of the module wrote it."""
        return relocate(found, at, self.instance)


# The input that every root module has.
WORKSPACE = "terraform.workspace"
# The meta-arguments of module calls.
# In a call that is written as one object of arguments: that object. No argument has such a name.
SPREAD = "*"
META = frozenset({"source", "version", "count", "for_each", "providers", "depends_on"})


class ModuleCallSymbol(TerraformSymbol["TerraformModuleEntity"]):
    """A module call."""

    def __init__(self, instance: TerraformModuleInstance, declaration: TerraformDeclaration) -> None:
        super().__init__(instance, declaration, f"{instance.prefix}module.{declaration.local}")
        self.caller = instance
        self.name = declaration.local
        self._source: ModuleSource | None = None
        self._source_read: ReadSet | None = None
        self._keyed: list[TerraformModuleEntity] = []
        self._loaded = False

    is_call = True

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        for use in self._keyed:
            use.close()
        self._keyed.clear()
        super().close()

    def make(self, step: InstanceStep) -> TerraformModuleEntity:
        """Return the instance of a step."""
        return TerraformModuleEntity(self, step)

    def opened(self, bracket: str) -> TerraformModuleInstance | None:
        """Return the module of an instance, if it was opened."""
        found = (one.opened for one in self._instances if one.step.bracket == bracket)
        return next(found, None)

    def instance_with_key(self, step: InstanceStep) -> TerraformModuleEntity | None:
        """Return the module instance with the key of ``step``; for a symbolic instance, a copy with that key."""
        found = self.expanded()
        for entity in self.instances:
            if entity.step.bracket == step.bracket:
                return entity
        if found is None or not found.symbolic or not found.steps:
            return None
        use = TerraformModuleEntity(self, with_key(found.steps[0], step))
        self._keyed.append(use)
        return use

    @property
    def source(self) -> ModuleSource | None:
        """Return the source of the module; None, with a Problem, if it is not available."""
        if not self._loaded:
            self._loaded = True
            decides = self.instance.decides_on(self)
            scope = self.instance if decides is None else decides.instance
            self._source, self._source_read = self.instance.run.recorder.of(source_of, scope, self.declaration, self.at)
            if self._source is not None:
                self.instance.run.calls[self.instance.folder.directory, self.name] = self._source.folder
        elif self._source_read is not None:
            self.instance.run.recorder.add(self._source_read, self._source)
        return self._source


class TerraformModuleEntity(DeclarationInstance):
    """One use of a module."""

    def __init__(self, symbol: ModuleCallSymbol, step: InstanceStep) -> None:
        self.symbol = symbol
        self.step = step
        self.address = symbol.address + step.bracket
        self.at = symbol.at
        self._content: TerraformModuleInstance | None = None
        self._loaded = False

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        self._content = None

    @property
    def conditions(self) -> frozenset[str]:  # type: ignore[override]  # evaluated lazily
        """Return the conditions under which the module instance exists."""
        found = self.symbol.expanded()
        return self.step.conditions | found.conditions if found is not None else self.step.conditions

    @property
    def opened(self) -> TerraformModuleInstance | None:
        """Return the module, if it was opened."""
        return self._content

    @property
    def content(self) -> TerraformModuleInstance | None:
        """Return the module with its arguments; None, with a Problem, if it is not available."""
        source = self.symbol.source
        if not self._loaded:
            self._loaded = True
            if source is not None:
                self._content = self._open(source)
        return self._content

    def _open(self, source: ModuleSource) -> TerraformModuleInstance:
        caller = self.symbol.instance
        caller.run.count_deployment()
        at = caller.call.shown if caller.call.shown is not None else self.at
        use = TerraformModuleCall(
            given=CallArguments(self.symbol, self.step),
            prefix=f"{self.address}.",
            key=f"{caller.call.key}.{self.symbol.name}".lstrip("."),
            callers=caller.call.callers if caller.call.shown is not None else (*caller.call.callers, self.at),
            around=(*caller.call.around, caller.folder),
            shown=at if source.is_foreign or caller.call.shown is not None else None,
            providers=passed_providers(caller, self.symbol.declaration),
            copies=caller.call.copies * self.symbol.declaration.literal_count or 1,
        )
        if caller.call.shown is None:
            self._hide(source.folder)
        content = TerraformModuleInstance(source.folder, caller.run, use)
        content.base = self.symbol.caller.base_content(self.symbol.name, self.step.bracket)
        content.evaluations = self.symbol.caller.evaluations.inside(self.symbol.name, self.step.bracket)
        decides = self.symbol.caller.decides_on(self.symbol)
        same = decides.instance_with_key(self.step) if isinstance(decides, ModuleCallSymbol) else None
        content.defaults = same.content if same is not None else None
        return content

    def _hide(self, folder: Folder) -> None:
        """Hide the arguments that are secrets from excerpts, whether they are evaluated or not."""
        run = self.symbol.instance.run
        for name, piece in self.symbol.declaration.attributes.items():
            variable, attribute = folder.variables.get(name), piece.attribute
            if variable is not None and is_sensitive(variable.block) and is_written(attribute):
                run.hide(Location(path=piece.path, span=(attribute.value_start, attribute.end)))

    def member(self, name: str, at: Location) -> Result:
        """Return an output of the module: its own expression, if the module is available."""
        return self.symbol.traced(self.step.bracket, name, at, self._member)

    def _member(self, name: str, at: Location) -> Result:
        content = self.content
        found = content.output(name, at) if content is not None else None
        if found is None:
            where = "a module that is not in the scanned files" if content is None else "a module without that output"
            why = f"`{self.address}.{name}` is the output of {where}"
            return Unknown(at=at, why=why, pattern=declared_hole(TERRAFORM, self.address, name))
        return found


class CallArguments:
    """The arguments of a module call, each evaluated when the module needs it."""

    def __init__(self, call: ModuleCallSymbol, step: InstanceStep) -> None:
        self.symbol = call
        self.caller = call.caller
        self.declaration = call.declaration
        self.pieces = call.declaration.attributes
        self.step = step
        self.local = step.local
        self._busy: set[str] = set()

    def get(self, name: str, /) -> Result | None:
        """Return the value of one variable; None if it is given none."""
        piece = self.pieces.get(name) if name not in META else None
        if piece is None:
            return self._lost(name)
        if name in self._busy:
            at = self.caller.locate(piece)
            self.caller.run.recorder.read_all()
            self.caller.run.report_unreadable(f"argument `{name}` refers to itself", at)
            return Unknown(at=at, why=f"argument `{name}` refers to itself")
        self._busy.add(name)
        try:
            return self.caller.evaluate(piece, self.local)
        finally:
            self._busy.discard(name)

    def _lost(self, name: str) -> Result | None:
        """Return a value that is not written as an argument; Unknown if it may be in an unreadable part."""
        whole = self.pieces.get(SPREAD)
        found = self.get(SPREAD) if whole is not None and name != SPREAD else None
        if isinstance(found, Fields):
            return found.fields.get(name, found.rest)
        if isinstance(found, Unknown):
            return found
        if not self.declaration.is_damaged:
            return None
        at = self.caller.locate(self.declaration)
        return Unknown(at=at, why=f"`{name}` may be set in a part that cannot be read")

    def final_value(self, name: str, found: Result, at: Location, /) -> Result:  # noqa: ARG002  # only a plan differs
        """Return the value itself."""
        return found


def trace_sources(instance: ModuleScope) -> None:
    """Evaluate again what decides which modules lead to a module, for a record of what that reads."""
    given = instance.call.given
    while isinstance(given, CallArguments):
        _ = given.symbol.source
        given = given.caller.call.given


def trace_existence(symbol: TerraformSymbol[Any]) -> None:
    """Evaluate again what decides which instances of a declaration exist, for a record of what that reads."""
    trace_sources(symbol.instance)
    symbol.expanded()
    given = symbol.instance.call.given
    while isinstance(given, CallArguments):
        given.symbol.expanded()
        given = given.caller.call.given


_Member: TypeAlias = Callable[[str, Location], Result]
_NAMESPACES = frozenset({"var", "local", "module", "component", "data", "ephemeral", "resource", "path", "terraform"})


class TerraformNamespace:
    """A name that has members but is not a value itself."""

    def __init__(self, name: str, member: _Member, at: Location) -> None:
        self.name = name
        self.member = member
        self.at = at

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"the attribute of `{self.name}` is unknown")

    def data(self, at: Location) -> Result:
        """Return an unknown value: Terraform rejects a name without a member."""
        # A name that Terraform does not know may be a word of a secret that is not in quotation marks.
        named = f"`{self.name}`" if self.name in _NAMESPACES else "a name without quotation marks"
        return Unknown(at=at, why=f"{named} is not a value, so the plan fails")


def _namespace(instance: TerraformModuleInstance, name: str, at: Location) -> Result:
    """Return the value of a top-level name in a module."""
    match name:
        case "var":
            return TerraformNamespace(name, instance.variable, at)
        case "local":
            return TerraformNamespace(name, instance.local, at)
        case "module" | "component":
            return TerraformNamespace(name, lambda call, at: _module(instance, call, at), at)
        case "data" | "ephemeral":
            return TerraformNamespace(name, lambda type_, at: _type(instance, f"{name}.{type_}", at), at)
        case "resource":  # as in `resource.TYPE.NAME`
            return TerraformNamespace(name, lambda type_, at: _type(instance, type_, at), at)
        case "path":
            return TerraformNamespace(name, lambda member, at: _path(instance, member, at), at)
        case "terraform" | "tofu":
            return TerraformNamespace(name, lambda member, at: _setting(instance, member, at), at)
        case "each" | "count" | "self":
            return Unknown(at=at, why=f"`{name}` is not available here")
        case _:
            return _type(instance, name, at)


def _type(instance: TerraformModuleInstance, type_: str, at: Location) -> Result:
    return TerraformNamespace(type_, lambda name, at: _resource(instance, f"{type_}.{name}", at), at)


def _resource(instance: TerraformModuleInstance, local: str, at: Location) -> Result:
    symbol = instance.resource(local)
    return symbol.result() if symbol is not None else Undeclared(instance, local, at)


def _module(instance: TerraformModuleInstance, name: str, at: Location) -> Result:
    symbol = instance.module(name)
    if symbol is not None:
        return symbol.result()
    why = f"module `{name}` is not declared"
    if instance.call.shown is None and not instance.folder.is_damaged:
        instance.run.problem(INPUT_INCOMPLETE, "warning", why, at, "declare it, or correct the reference")
    return Unknown(at=at, why=why)


def _path(instance: TerraformModuleInstance, member: str, at: Location) -> Result:
    """Return ``path.module``, ``path.root`` or ``path.cwd``, as Terraform does when it runs in the root module."""
    if member in ("root", "cwd"):
        return Scalar(at=at, value=".")
    if member == "module":
        relative = os.path.relpath(instance.folder.directory, instance.run.directory)
        return Scalar(at=at, value=relative.replace(os.sep, "/"))
    return Unknown(at=at, why=f"`path.{member}` does not exist")


def _setting(instance: TerraformModuleInstance, member: str, at: Location) -> Result:
    """Return ``terraform.workspace`` and other members of ``terraform``, which are known only at run time."""
    if member == "workspace":
        instance.run.recorder.read(WORKSPACE)
    return Unknown(at=at, why=f"`terraform.{member}` is known when Terraform runs", pattern=hole(member))


class Undeclared:
    """A resource that is named but not declared: Terraform refuses it, and its id still names something."""

    def __init__(self, instance: TerraformModuleInstance, local: str, at: Location) -> None:
        self.instance = instance
        self.address = instance.prefix + local
        self.declared = local.rpartition(".")[0]
        self.type = self.declared.removeprefix("data.")
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return an unknown value; for the ID of an Azure resource, with that resource as the only candidate."""
        # A name that is not of Azure may be a word of a secret that is not in quotation marks.
        named = f"`{self.address}`" if is_azure(self.type) else "the resource that the expression refers to"
        why = f"{named} is not declared"
        pattern = declared_hole(TERRAFORM, self.address, name, self.declared)
        if is_azure(self.type) and is_own_id(self.type, name):
            self.instance.run.types[self.address] = linked_type(self.type)
            return Unknown(at=at, why=why, pattern=pattern, candidates=(self.address,), closed=True, given=True)
        return Unknown(at=at, why=why, pattern=pattern)

    def item(self, index: Result, at: Location) -> Result:  # noqa: ARG002  # no instance is declared here
        """Return this resource for any instance."""
        return self
