"""Bicep files with the parameters of one call, and the modules that they call.

The public Key Vault module of the Bicep registry has built-in support where it is not restored: ``data/modules``
holds it as a Bicep file, reduced to what rules evaluate.
"""

from __future__ import annotations

from functools import cache

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.functions.languages import BICEP
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, ReadSet, inputs_of
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.finding import INPUT_UNREADABLE
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, declared_hole
from azkvlint.model.value import NOTHING_KNOWN, TEXT, Absent, Origin, Scalar, Unknown, display
from azkvlint.readers.bicep import files
from azkvlint.readers.bicep.document import (
    File,
    SecureParts,
    is_decorated,
    is_nullable,
    primitive,
    read_file,
    secure_parts,
)
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.bicep.resource_symbols import ResourceSymbol, called_scope
from azkvlint.readers.bicep.symbols import (
    Content,
    Iteration,
    ModuleCall,
    ModuleEntity,
    ModuleSymbol,
    Source,
    condition_of,
    written_length,
)
from azkvlint.readers.bicep.templates import TemplateSource
from azkvlint.readers.deployment import scope as scopes
from azkvlint.readers.deployment.arguments import convert_argument, mark_secret, mark_secret_parts
from azkvlint.readers.deployment.scope import Scope
from azkvlint.readers.discover import JSON
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_data
from azkvlint.util.text import pluralize

# Objects and arrays keep their own locations, unlike a single value.
_WITH_LOCATIONS = (Fields, Items)


class _FileEvaluator(Evaluator):
    """Evaluates the expressions of one file, with a fast path for literals and names."""

    def __init__(self, instance: ModuleInstance) -> None:
        super().__init__(instance, BICEP, instance.run.budget)
        self.path = instance.path

    def property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property, located where its author edits it: at the property, or its source."""
        value = node.value
        kind = type(value)
        if kind is ast.Literal:
            at = Location(path=self.path, span=(node.start, node.end))
            plain = value.value  # type: ignore[union-attr]  # mypy does not narrow by type()
            return Absent(at=at) if plain is None else Scalar(at=at, value=plain)
        if kind is not ast.Name:
            return super().property(node, local)
        found = self.evaluate(value, local)
        if type(found) is Scalar and found.at.path == self.path:
            at = Location(path=self.path, span=(node.start, node.end))
            return Scalar(at=at, value=found.value, sensitive=found.sensitive, origin=found.origin, note=found.note)
        return found if type(found) in _WITH_LOCATIONS else super().property(node, local)


class _InPlaceEvaluator(Evaluator):
    """Keeps the location of each value: arguments have their own, other values that of the module declaration."""

    def __init__(self, instance: ModuleInstance) -> None:
        super().__init__(instance, BICEP, instance.run.budget)

    def property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property."""
        return self.evaluate(node.value, local)


_SCOPE_FUNCTIONS = frozenset(
    {
        "resourceId", "subscriptionResourceId", "tenantResourceId", "managementGroupResourceId", "extensionResourceId",
        "resourceGroup", "subscription", "tenant", "managementGroup", "deployment", "environment",
        "roleDefinitions",
    }
)  # fmt: skip
_NAMESPACES = frozenset({"az", "sys"})


class ModuleInstance:
    """A file with the arguments of one call, as its evaluator refers to it. Each symbol is evaluated on first use."""

    # Whether the user of the module cannot edit it.
    is_foreign = False

    def __init__(self, file: File, run: BicepRun, use: ModuleCall) -> None:
        self.file = file
        self.run = run
        self.module_call = use
        self.prefix = use.prefix
        self.scope = use.scope
        self.path = file.path
        self.evaluator: Evaluator = _FileEvaluator(self)
        self.imports = Imports(self)
        # What the scope of its deployment reads.
        self.scope_read: Inputs | None = None
        self._values: dict[str, Result] = {}
        self._reads: dict[str, ReadSet] = {}
        self._busy: set[str] = set()
        self._resources: dict[str, ResourceSymbol] = {}
        self._modules: dict[str, ModuleSymbol] = {}
        self.register()
        run.opened.append(self.close)

    def close(self) -> None:
        """Release all objects, so that reference counting frees them."""
        for resource in self._resources.values():
            resource.close()
        for module in self._modules.values():
            module.close()
        for held in (self._resources, self._modules, self._values, self._reads):
            held.clear()
        del self.evaluator, self.imports

    def register(self) -> None:
        """Register the file for locations in it."""
        self.run.add(self.file)

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return Location(path=self.path, span=(node.start, node.end))

    def reported_location(self, at: Location) -> Location:
        """Return the location at which reports show a location in this file."""
        return at

    def head(self, node: ast.Resource | ast.Module) -> Location:
        """Return the location of the head of a declaration."""
        return Location(path=self.path, span=(node.start, node.head or node.end))

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of a name that is not a local variable."""
        found = self.value(node.name)
        # It may be a word of a secret that is not in quotation marks.
        return found if found is not None else Unknown(at=self.place(node), why="the name does not exist")

    def value(self, name: str) -> Result | None:
        """Return the value of a declaration; None if there is none of that name."""
        found = self._values.get(name)
        if found is not None:
            if self._reads:
                self.run.recorder.add(self._reads[name], found)
            return found
        node = self.file.symbols.get(name)
        if node is None:
            return self._imported_value(name)
        if name in self._busy:
            self.run.recorder.read_all()
            return Unknown(at=self.place(node), why=f"`{name}` refers to itself")
        self._busy.add(name)
        try:
            made, read = self.run.recorder.of(self._evaluate_declaration, node)
        finally:
            self._busy.discard(name)
        if read is not None:
            self._reads[name] = read
        if isinstance(made, (Fields, Items)):
            self.run.charge(made)
        self.run.budget.secrets.note(name, made)
        self._values[name] = made
        return made

    def _imported_value(self, name: str) -> Result | None:
        """Return an imported value or namespace."""
        if name in self.file.namespaces:
            return Namespace(self, self.file.namespaces[name])
        if name in self.file.imported:
            return self.imports.value(*self.file.imported[name])
        return None

    def _evaluate_declaration(self, node: ast.Declaration) -> Result:
        match node:
            case ast.Variable():
                # Two uses of a variable are equal, whatever its value is.
                found = self.evaluator.declared(node.value, {})
                return found if isinstance(found, Unknown) and found.candidates else self._with_name(node, found)
            case ast.Parameter():
                return self.parameter(node)
            case ast.Resource():
                return self.resource(node).result()
            case ast.Module():
                return self.module(node).result()
            case _:
                return Unknown(at=self.place(node), why="a function is used without a call")

    def resource(self, node: ast.Resource) -> ResourceSymbol:
        """Return the symbol of a top-level resource."""
        found = self._resources.get(node.name)
        if found is None:
            found = self._resources[node.name] = ResourceSymbol(self, node, None, {})
        return found

    def module(self, node: ast.Module) -> ModuleSymbol:
        """Return the symbol of a module."""
        found = self._modules.get(node.name)
        if found is None:
            found = self._modules[node.name] = ModuleSymbol(self, node)
        return found

    def source_of(self, node: ast.Module) -> Source | None:
        """Return the source of a module; None, with a Problem, if it cannot be read."""
        return source_of(self, node)

    def declared_type(self, name: str) -> tuple[ModuleInstance, ast.TypeDeclaration] | None:
        """Return a type by its name in this file, and the file that declares it; None if there is none."""
        return self.imports.type(name)

    def parameter(self, node: ast.Parameter) -> Result:
        """Return a parameter: its argument, its default, null if that is allowed, or Unknown under its name."""
        if self.module_call.is_root:
            self.run.recorder.read(node.name)
        found = self.module_call.given.get(node.name)
        scenario = self.module_call.scenario if self.module_call.module is None else None
        if found is not None and scenario is not None:
            scenario.given.add(node.name)
        if isinstance(found, Scalar):
            found = convert_argument(found, primitive(self, node.type))
        if found is None or isinstance(found, Absent):
            has_default = node.default is not None or is_nullable(self, node.type)
            if found is None and scenario is not None and has_default and scenario.opens(node.name):
                why, is_set = f"parameter `{node.name}` has only a default value", node.default is not None
                unknown = self._without_value(node, why, is_set)
                found = scenario.instead(node.name, self.default(node, None) if is_set else None, unknown)
            else:
                found = self.default(node, found)
        # Report a secret at its declaration, not at the place where its value could be read.
        if is_decorated(node.decorators, "secure"):
            return mark_secret(found, self._at_name(node))
        return mark_secret_parts(self._with_name(node, found), self.secure_parts(node.type), self._at_name(node))

    def is_secure(self, node: ast.Parameter) -> bool:
        """Return whether a parameter is declared as secret."""
        return is_decorated(node.decorators, "secure") or self.secure_parts(node.type) is not None

    def secure_parts(self, type_: ast.Type | None) -> SecureParts | None:
        """Return which parts of a type are secure; None if no part is. All uses of the file have the same types."""
        if type_ is None:
            return None
        known = self.run.secure_types.get(id(type_))
        if known is None:
            known = self.run.secure_types[id(type_)] = type_, secure_parts(self, type_)
        return known[1]

    def default(self, node: ast.Parameter, given: Result | None) -> Result:
        """Return the value of a parameter without an argument, or with null."""
        if node.default is not None:
            return self.evaluator.declared(node.default, {})
        if given is not None or is_nullable(self, node.type):
            return Absent(at=self._at_name(node))
        return self._without_value(node, f"parameter `{node.name}` has no value", is_set=True)

    def _without_value(self, node: ast.Parameter, why: str, is_set: bool) -> Unknown:
        known = TEXT if primitive(self, node.type) == "string" else NOTHING_KNOWN
        return Unknown(at=self._at_name(node), why=why, given=is_set, known=known)

    def _with_name(self, node: ast.Parameter | ast.Variable, found: Result) -> Result:
        """Return an unknown value with the name of its declaration, as it is the same in each use."""
        if not isinstance(found, Unknown) or found.pattern is not None or found.sensitive:
            return found
        return msgspec.structs.replace(found, pattern=declared_hole(DEPLOYMENT, self.prefix + node.name))

    def _at_name(self, node: ast.Parameter) -> Location:
        start = node.at or node.start
        return Location(path=self.path, span=(start, start + len(node.name)))

    def output(self, name: str) -> Result | None:
        """Return the value of an output; None if there is none of that name."""
        node = self.file.outputs.get(name)
        if node is None:
            return None
        key = f"output {name}"
        found = self._values.get(key)
        if found is not None:
            if self._reads:
                self.run.recorder.add(self._reads[key], found)
            return found
        if key in self._busy:
            self.run.recorder.read_all()
            return Unknown(at=self.place(node), why=f"output `{name}` refers to itself")
        self._busy.add(key)
        try:
            made, read = self.run.recorder.of(self.evaluator.declared, node.value, {})
        finally:
            self._busy.discard(key)
        if is_decorated(node.decorators, "secure"):
            made = mark_secret(made)
        else:
            made = mark_secret_parts(made, self.secure_parts(node.type), made.at)
        self.run.budget.secrets.note(name, made)
        self._values[key] = made
        if read is not None:
            self._reads[key] = read
        return made

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """Evaluate a call of a declared or imported function, or of one that depends on the scope or on files."""
        of = node.of
        if of is not None and not (type(of) is ast.Name and of.name not in local and self._is_space(of.name)):
            return None
        space = of.name if type(of) is ast.Name else ""
        found = None if space in _NAMESPACES else self.imports.function(space, node.name)
        if found is not None:
            instance, function = found
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            returned = instance.apply(function, arguments, self.place(node))
            self.run.recorder.forget()
            return returned
        if node.name in _SCOPE_FUNCTIONS:
            self.record_scope()
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            return scopes.call(node.name, arguments, self.scope, self.place(node))
        if node.name in files.LOADING_FUNCTIONS:
            arguments = [self.evaluator.evaluate(argument, local) for argument in node.arguments]
            return files.load_content(self.run, self.file, node.name, arguments, self.place(node))
        return None

    def record_scope(self) -> None:
        """Record that the scope of the deployment is used."""
        if self.scope_read:
            self.run.recorder.add_inputs(self.scope_read)

    def _is_space(self, name: str) -> bool:
        return name in self.file.namespaces or (name in _NAMESPACES and name not in self.file.symbols)

    def apply(self, function: ast.Function, arguments: list[Result], at: Location) -> Result:
        """Return the result of a function that this file declares."""
        if len(arguments) != len(function.parameters):
            return Unknown(at=at, why=f"`{function.name}()` does not accept {pluralize(len(arguments), 'argument')}")
        return self.evaluator.evaluate(function.body, dict(zip(function.parameters, arguments, strict=True)))


def _imported_file(instance: ModuleInstance, path: str, at: Location) -> ModuleInstance | None:
    """Return the Bicep file of an import, without arguments; None if it cannot be read.

    Exports of registry modules and compiled templates are ignored: they deploy nothing.
    """
    run = instance.run
    if files.is_remote(path) or path.lower().endswith(".json"):
        return None
    try:
        file = files.load(run, instance.file.file, path)
    except InputError as error:
        reason = files.missing_reason(run, instance.file.file, path)
        if reason is None:
            run.problem(INPUT_UNREADABLE, "error", f"`{path}` cannot be imported: {error.message}", at)
        else:
            run.missing_module(reason[0], at, reason[1])
        return None
    found = run.imported.get(file.file)
    if not isinstance(found, ModuleInstance):
        use = ModuleCall(given={}, scope=Scope(), prefix=f"{file.path}.")
        found = run.imported[file.file] = ModuleInstance(file, run, use)
    return found


# Imports of imports of imports, and so on, with nothing between.
_MAX_HOPS = 50


class Imports:
    """The names that one file imports. A file that cannot be read exports nothing."""

    def __init__(self, instance: ModuleInstance) -> None:
        self.instance = instance
        self._there: dict[int, ModuleInstance | None] = {}

    def value(self, node: ast.Import, name: str) -> Result:
        """Return the value of a variable in another file."""
        there = self.file(node)
        found = there.value(name) if there is not None and name in there.file.symbols else None
        if found is None and there is not None and name in there.file.imported:
            found = there.value(name)
        at = self.instance.place(node)
        return found if found is not None else Unknown(at=at, why=f"import `{name}` is not available")

    def function(self, space: str, name: str, hops: int = 0) -> tuple[ModuleInstance, ast.Function] | None:
        """Return a function by its name here, or in the file of the namespace ``space``."""
        instance = self.instance
        if space:
            there = self.file(instance.file.namespaces[space])
            return None if there is None or hops > _MAX_HOPS else there.imports.function("", name, hops + 1)
        node = instance.file.symbols.get(name)
        if node is not None:
            return (instance, node) if isinstance(node, ast.Function) else None
        found = instance.file.imported.get(name)
        there = None if found is None or hops > _MAX_HOPS else self.file(found[0])
        return None if found is None or there is None else there.imports.function("", found[1], hops + 1)

    def type(self, name: str, hops: int = 0) -> tuple[ModuleInstance, ast.TypeDeclaration] | None:
        """Return a type by its name here (``name`` or ``alias.name``), and the file that declares it."""
        instance = self.instance
        own = instance.file.types.get(name)
        if own is not None:
            return instance, own
        space, dot, inner = name.partition(".")
        if dot and space in instance.file.namespaces:
            source, name = instance.file.namespaces[space], inner
        elif name in instance.file.imported:
            source, name = instance.file.imported[name]
        else:
            return None
        there = self.file(source) if hops < _MAX_HOPS else None
        return None if there is None else there.imports.type(name, hops + 1)

    def file(self, node: ast.Import) -> ModuleInstance | None:
        """Return the file of an import, without arguments; None if it cannot be read."""
        if node.start not in self._there:
            path = node.path.value if isinstance(node.path, ast.Literal) else None
            self._there[node.start] = (
                _imported_file(self.instance, path, self.instance.place(node.path)) if isinstance(path, str) else None
            )
        return self._there[node.start]


class Namespace:
    """All that a file exports, under one name."""

    def __init__(self, instance: ModuleInstance, node: ast.Import) -> None:
        self.instance = instance
        self.node = node
        self.at = instance.place(node)

    def member(self, name: str, at: Location) -> Result:
        """Return a variable of the file."""
        found = self.instance.imports.value(self.node, name)
        return msgspec.structs.replace(found, at=at) if isinstance(found, Unknown) else found

    def item(self, index: Result, at: Location) -> Result:
        """Return a variable by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="the imported value is not an array")


MAX_NESTING = 100


def trace_instances(symbol: ResourceSymbol | ModuleSymbol) -> None:
    """Evaluate again what decides which instances of a declaration exist, for a record of what that reads."""
    for entity in symbol.entities:
        trace_existence(symbol, entity.iteration)


def trace_existence(symbol: ResourceSymbol | ModuleSymbol, iteration: Iteration) -> None:
    """Evaluate again what decides whether a resource or module exists, for a record of what that reads."""
    symbol.expand()
    condition_of(symbol.instance.evaluator, iteration, symbol.address)
    outer = symbol.outer if isinstance(symbol, ResourceSymbol) else None
    if outer is not None:
        trace_existence(outer.symbol, outer.iteration)
        return
    module = symbol.instance.module_call.module
    if module is not None:
        trace_existence(module.symbol, module.iteration)


class BicepSource:
    """A Bicep file. ``chain`` are the files that lead to it."""

    def __init__(self, file: File, chain: tuple[str, ...]) -> None:
        self.file = file
        self.chain = chain

    def content_of(self, module: ModuleEntity) -> Content:
        """Return the file with the arguments of ``module``. Raises InputError for more deployments than the limit."""
        run, given = module.instance.run, module.arguments()
        run.count_deployment()
        scope, read = run.recorder.of(called_scope, module, self.file.level)
        instance = ModuleInstance(self.file, run, ModuleCall(
            given=given,
            scope=scope,
            prefix=f"{module.address}.",
            deployment=module.deployment,
            callers=module.callers,
            chain=self.chain,
            module=module,
            scenario=module.instance.module_call.scenario,
            copies=module.instance.module_call.copies * written_length(module.symbol.node.body) or 1,
        ))  # fmt: skip
        instance.scope_read = inputs_of(read)
        for name in given.names():
            node = self.file.symbols.get(name)
            if isinstance(node, ast.Parameter) and instance.is_secure(node):
                given.hide(name)
        return BicepContent(instance)


class BicepContent:
    """A Bicep file with the arguments of one call."""

    def __init__(self, instance: ModuleInstance) -> None:
        self.instance = instance

    def output(self, name: str) -> Result | None:
        """See Content."""
        return self.instance.output(name)


def source_of(instance: ModuleInstance, node: ast.Module) -> Source | None:
    """Return the source of a module; None, with a Problem, if it cannot be read."""
    run, at = instance.run, instance.place(node.path)
    path = node.path.value if isinstance(node.path, ast.Literal) else None
    if not isinstance(path, str):
        run.unreadable("the path of a module must be a string without expressions", at)
        return None
    try:
        if files.is_remote(path):
            return _remote(instance, path, at)
        return _local(instance, path)
    except InputError as error:
        missing = files.missing_reason(run, instance.file.file, path)
        if missing is None:
            run.unreadable(f"module `{path}` cannot be read: {error.message}", at)
        else:
            run.missing_module(missing[0], at, missing[1])
        return None


def _remote(instance: ModuleInstance, reference: str, at: Location) -> Source | None:
    """Return the restored or built-in module of a reference to a registry; None, with a note, if there is none.

    Raises InputError if the restored module cannot be read.
    """
    run = instance.run
    full, template = files.artifact(run, instance.file.file, reference)
    if template is not None:
        return TemplateSource(run, template, reference)
    known = built_in_module(full) if full is not None else None
    if known is None:
        files.report_missing(run, reference, at)
    return known


def _local(instance: ModuleInstance, path: str) -> Source:
    """Return the source of a module that is a file. Raises InputError if it cannot be read."""
    around = instance.file.file
    chain = (*instance.module_call.chain, around)
    if len(chain) > MAX_NESTING:
        raise InputError(f"modules are nested deeper than {MAX_NESTING} levels")
    file = files.find(instance.run, around, path)
    if file in chain:
        raise InputError("the module uses itself")
    if path.lower().endswith(JSON):
        return TemplateSource(instance.run, file)
    return BicepSource(files.load(instance.run, around, path), chain)


_VAULT = regex(r"br:mcr\.microsoft\.com/bicep/(avm/res/key-vault/vault):0\.(\d{1,3})\.\d{1,5}")
_FIRST, _LAST = 6, 14
# From here on, a diagnostic setting that names metrics alone sends no logs; whether it does before is not certain.
_METRICS_ALONE = 13
# The module evaluates `enablePurgeProtection ? enablePurgeProtection : null`. Keep the value with its location.
_NEVER_FALSE = "enablePurgeProtection"


def built_in_module(reference: str) -> Source | None:
    """Return the built-in description of the module of a full reference; None if there is none."""
    match = _VAULT.fullmatch(reference)
    if match is None or not _FIRST <= int(match[2]) <= _LAST:
        return None
    return _BuiltInModule(_built_in_file(int(match[2]) >= _METRICS_ALONE), match[1])


@cache
def _built_in_file(metrics_alone: bool) -> File:
    """Return the parsed module of the older or newer releases."""
    text = read_data("modules/avm-res-key-vault-vault/main.bicep").decode()
    if metrics_alone:
        text = text.replace("reference(vault.id).logs", "[]")
    else:
        text = text.replace("vaults@2024-11-01", "vaults@2022-07-01")
    return read_file("", "", text)


class _BuiltInModule:
    """A module with built-in support."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name

    def content_of(self, module: ModuleEntity) -> Content:
        """Return the module with its arguments; all of it is located at the module declaration."""
        instance = module.instance
        instance.run.count_deployment()
        scope, read = instance.run.recorder.of(called_scope, module, "")
        use = ModuleCall(
            given=module.arguments(),
            scope=scope,
            prefix=f"{module.address}.",
            callers=instance.module_call.callers,
            module=module,
            scenario=instance.module_call.scenario,
        )
        made = _BuiltInInstance(self.file, instance.run, use, instance.reported_location(module.at), self.name)
        made.scope_read = inputs_of(read)
        return BicepContent(made)


class _BuiltInInstance(ModuleInstance):
    """A module that is not read from a file: all of it has the location of the module declaration."""

    is_foreign = True

    def __init__(self, file: File, run: BicepRun, use: ModuleCall, at: Location, name: str) -> None:
        self.statement = at
        self.name = name
        super().__init__(file, run, use)
        self.evaluator: Evaluator = _InPlaceEvaluator(self)

    def register(self) -> None:
        """Add no file: the module has none in the project."""

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # all nodes have the same location
        """Return the location of the module declaration."""
        return self.statement

    def head(self, node: ast.Resource | ast.Module) -> Location:  # noqa: ARG002  # the same
        """Return the location of the module declaration."""
        return self.statement

    def parameter(self, node: ast.Parameter) -> Result:
        """Return a parameter. The module turns false for purge protection into null, which Azure accepts."""
        found = super().parameter(node)
        if node.name != _NEVER_FALSE or not isinstance(found, Scalar | Unknown) or found.origin == Origin.DEFAULT:
            return found
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=f"module {self.name} does not pass false")

    def default(self, node: ast.Parameter, given: Result | None) -> Result:
        """Return a default, with a note that it is the module's."""
        found = super().default(node, given)
        if not isinstance(found, Scalar):
            return found
        note = f"`{node.name}` is not set; the default of module {self.name} is {display(found)}"
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=note)
