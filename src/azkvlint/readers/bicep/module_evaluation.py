"""Bicep files with the parameters of one call, and the modules that they call.

The public Key Vault module of the Bicep registry has built-in support where it is not restored: ``data/modules``
holds it as a Bicep file, reduced to what rules evaluate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.functions.languages import BICEP
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import inputs_of
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.finding import INPUT_UNREADABLE
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Origin, Scalar, Unknown
from azkvlint.readers.bicep import files
from azkvlint.readers.bicep.document import BicepDocument, read_file
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.bicep.identity import called_scope, identify, named_scope, type_of
from azkvlint.readers.bicep.origins import origins_of_secret, outputs_of
from azkvlint.readers.deployment import scope as scopes
from azkvlint.readers.deployment.declarations import SecureParts, inner_resources, secure_parts, written_type
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import DeploymentModuleEntity, ModuleContentSource, ModuleSymbol
from azkvlint.readers.deployment.resource import ResourceIdentity
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity
from azkvlint.readers.deployment.scope import DeploymentScope
from azkvlint.readers.deployment.skipped import skip_resource
from azkvlint.readers.deployment.symbols import (
    DeploymentModuleCall,
    FileInstance,
    ParameterArguments,
    written_length,
)
from azkvlint.readers.discover import JSON
from azkvlint.readers.modules.template_holders import DEPLOYMENTS
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_data
from azkvlint.util.text import pluralize
from azkvlint.values.origins import Origins
from azkvlint.values.origins import ValueOrigin as ValueSource

# Objects and arrays keep their own locations, unlike a single value.
_WITH_LOCATIONS = (Fields, Items)


class _FileEvaluator(Evaluator):
    """Evaluates the expressions of one file, with a fast path for literals and names."""

    def __init__(self, instance: BicepModuleInstance) -> None:
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

    def __init__(self, instance: BicepModuleInstance) -> None:
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


class BicepModuleInstance(DeploymentInstance):
    """A Bicep file with the arguments of one call, as its evaluator refers to it."""

    file: BicepDocument
    run: BicepRun

    def __init__(self, file: BicepDocument, run: BicepRun, call: DeploymentModuleCall) -> None:
        super().__init__(file, run, call)
        self.evaluator: Evaluator = _FileEvaluator(self)
        self.imports = Imports(self)
        self.register()

    def close(self) -> None:
        """See the base class."""
        super().close()
        vars(self).pop("imports", None)

    def register(self) -> None:
        """Register the file for locations in it."""
        self.run.add(self.file)

    def again(self, run: BicepRun, given: ParameterArguments) -> BicepModuleInstance:
        """See the base class."""
        return BicepModuleInstance(self.file, run, msgspec.structs.replace(self.module_call, given=given))

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return Location(path=self.path, span=(node.start, node.end))

    def head(self, node: ast.ResourceDeclaration | ast.ModuleDeclaration) -> Location:
        """Return the location of the head of a declaration."""
        return Location(path=self.path, span=(node.start, node.head or node.end))

    def name_location(self, node: ast.ParameterDeclaration) -> Location:
        """See the base class."""
        start = node.at or node.start
        return Location(path=self.path, span=(start, start + len(node.name)))

    def parameter_location(self, name: str) -> Location:
        """See the base class."""
        return self.place(self.file.symbols[name])

    def required_resources(self) -> Iterator[ast.ResourceDeclaration]:
        """See the base class."""
        is_read = self.run.attribute_filter.is_read
        for node in self.file.declarations(ast.ResourceDeclaration):
            if self.file.symbols.get(node.name) is node:
                written = written_type(node)
                if written is None or is_read(written) or inner_resources(node):
                    yield node

    def count_declarations(self) -> int:
        """See the base class."""
        return len(self.file.parsed.declarations)

    def modules(self) -> list[ModuleSymbol]:
        """See the base class."""
        nodes = self.file.declarations(ast.ModuleDeclaration)
        return [self.module(node) for node in nodes if self.file.symbols.get(node.name) is node]

    def skip_module(self, symbol: ModuleSymbol, reason: str) -> None:
        """See the base class. Nothing is missing if a module of a registry that is never deployed is not restored."""
        path = symbol.node.path
        is_remote = isinstance(path, ast.Literal) and isinstance(path.value, str) and files.is_remote(path.value)
        if not is_remote and isinstance(symbol.source, BicepSource):
            skip_file(self.run, symbol.source.file, f"module `{symbol.node.name}` is not used: {reason}")

    def scope_of_held(self, entity: DeploymentResourceEntity) -> DeploymentScope:
        """See the base class."""
        around = super().scope_of_held(entity)
        return named_scope(entity, around) if entity.identity.type.lower() == DEPLOYMENTS else around

    def shown_outputs(self) -> Iterator[Resource]:
        """See the base class."""
        return outputs_of(self)

    def secret_origins(self, entity: DeploymentResourceEntity, sources: list[ValueSource]) -> Origins | None:
        """See the base class."""
        return origins_of_secret(entity, sources)

    def type_of(self, entity: DeploymentResourceEntity) -> tuple[str, str]:
        """See the base class."""
        return type_of(entity)

    def identify(self, entity: DeploymentResourceEntity) -> ResourceIdentity:
        """See the base class."""
        return identify(entity)

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of a name that is not a local variable."""
        found = self.value(node.name)
        # It may be a word of a secret that is not in quotation marks.
        why = f"the name `{node.name}` does not exist"
        return found if found is not None else Unknown(at=self.place(node), why=why)

    def undeclared(self, name: str) -> Result | None:
        """Return an imported value or namespace."""
        if name in self.file.namespaces:
            return BicepNamespace(self, self.file.namespaces[name])
        if name in self.file.imported:
            return self.imports.value(*self.file.imported[name])
        return None

    def source_of(self, node: ast.ModuleDeclaration) -> ModuleContentSource | None:
        """Return the source of a module; None, with a Problem, if it cannot be read."""
        return source_of(self, node)

    def declared_type(self, name: str) -> tuple[BicepModuleInstance, ast.TypeDeclaration] | None:
        """Return a type by its name in this file, and the file that declares it; None if there is none."""
        return self.imports.type(name)

    def secure_parts(self, type_: ast.Type | None) -> SecureParts | None:
        """Return which parts of a type are secure; None if no part is. All uses of the file have the same types."""
        if type_ is None:
            return None
        known = self.run.secure_types.get(id(type_))
        if known is None:
            known = self.run.secure_types[id(type_)] = type_, secure_parts(self, type_)
        return known[1]

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

    def _is_space(self, name: str) -> bool:
        return name in self.file.namespaces or (name in _NAMESPACES and name not in self.file.symbols)

    def apply(self, function: ast.FunctionDeclaration, arguments: list[Result], at: Location) -> Result:
        """Return the result of a function that this file declares."""
        if len(arguments) != len(function.parameters):
            return Unknown(at=at, why=f"`{function.name}()` does not accept {pluralize(len(arguments), 'argument')}")
        return self.evaluator.evaluate(function.body, dict(zip(function.parameters, arguments, strict=True)))


def _imported_file(instance: BicepModuleInstance, path: str, at: Location) -> BicepModuleInstance | None:
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
    if not isinstance(found, BicepModuleInstance):
        use = DeploymentModuleCall(given={}, scope=DeploymentScope(), prefix=f"{file.path}.")
        found = run.imported[file.file] = BicepModuleInstance(file, run, use)
    return found


# Imports of imports of imports, and so on, with nothing between.
_MAX_HOPS = 50


class Imports:
    """The names that one file imports. A file that cannot be read exports nothing."""

    def __init__(self, instance: BicepModuleInstance) -> None:
        self.instance = instance
        self._there: dict[int, BicepModuleInstance | None] = {}

    def value(self, node: ast.Import, name: str) -> Result:
        """Return the value of a variable in another file."""
        there = self.file(node)
        found = there.value(name) if there is not None and name in there.file.symbols else None
        if found is None and there is not None and name in there.file.imported:
            found = there.value(name)
        at = self.instance.place(node)
        return found if found is not None else Unknown(at=at, why=f"import `{name}` is not available")

    def function(
        self, space: str, name: str, hops: int = 0
    ) -> tuple[BicepModuleInstance, ast.FunctionDeclaration] | None:
        """Return a function by its name here, or in the file of the namespace ``space``."""
        instance = self.instance
        if space:
            there = self.file(instance.file.namespaces[space])
            return None if there is None or hops > _MAX_HOPS else there.imports.function("", name, hops + 1)
        node = instance.file.symbols.get(name)
        if node is not None:
            return (instance, node) if isinstance(node, ast.FunctionDeclaration) else None
        found = instance.file.imported.get(name)
        there = None if found is None or hops > _MAX_HOPS else self.file(found[0])
        return None if found is None or there is None else there.imports.function("", found[1], hops + 1)

    def type(self, name: str, hops: int = 0) -> tuple[BicepModuleInstance, ast.TypeDeclaration] | None:
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

    def file(self, node: ast.Import) -> BicepModuleInstance | None:
        """Return the file of an import, without arguments; None if it cannot be read."""
        if node.start not in self._there:
            path = node.path.value if isinstance(node.path, ast.Literal) else None
            self._there[node.start] = (
                _imported_file(self.instance, path, self.instance.place(node.path)) if isinstance(path, str) else None
            )
        return self._there[node.start]


class BicepNamespace:
    """All that a file exports, under one name."""

    def __init__(self, instance: BicepModuleInstance, node: ast.Import) -> None:
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


def skip_file(run: BicepRun, file: BicepDocument, reason: str) -> None:
    """Account for all that a file would deploy, and the files in the project that it uses as modules."""
    waiting = [file]
    while waiting:
        file = waiting.pop()
        if file.file in run.skipped_files:
            continue
        run.skipped_files.add(file.file)
        run.add_text(file.path, file.text)
        for node in file.declarations(ast.ResourceDeclaration):
            skip_resource(run, file, node, node.name, reason)
        for module in file.declarations(ast.ModuleDeclaration):
            path = module.path.value if isinstance(module.path, ast.Literal) else None
            if isinstance(path, str) and path.lower().endswith(".bicep") and not files.is_remote(path):
                with suppress(InputError):  # a module that is not used need not be there
                    waiting.append(files.load(run, file.file, path))


MAX_NESTING = 100


class BicepSource:
    """A Bicep file. ``chain`` are the files that lead to it."""

    def __init__(self, run: BicepRun, file: BicepDocument, chain: tuple[str, ...]) -> None:
        self._run = run
        self.file = file
        self.chain = chain

    def content_of(self, module: DeploymentModuleEntity) -> FileInstance:
        """Return the file with the arguments of ``module``. Raises InputError for more deployments than the limit."""
        run, given = self._run, module.arguments()
        run.count_deployment()
        scope, read = run.recorder.of(called_scope, module, self.file.level)
        instance = BicepModuleInstance(self.file, run, DeploymentModuleCall(
            given=given,
            scope=scope,
            prefix=f"{module.address}.",
            deployment=module.deployment,
            callers=module.callers,
            chain=self.chain,
            module=module,
            copies=module.instance.module_call.copies * written_length(module.symbol.node.body) or 1,
        ))  # fmt: skip
        instance.scope_read = inputs_of(read)
        for name in given.names():
            node = self.file.symbols.get(name)
            if isinstance(node, ast.ParameterDeclaration) and instance.is_secure(node):
                given.hide(name)
        return instance


def source_of(instance: BicepModuleInstance, node: ast.ModuleDeclaration) -> ModuleContentSource | None:
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


def _remote(instance: BicepModuleInstance, reference: str, at: Location) -> ModuleContentSource | None:
    """Return the restored or built-in module of a reference to a registry; None, with a note, if there is none.

    Raises InputError if the restored module cannot be read.
    """
    run = instance.run
    full, template = files.artifact(run, instance.file.file, reference)
    if template is not None:
        return _template_source(run, template, reference)
    known = built_in_module(run, full) if full is not None else None
    if known is None:
        files.report_missing(run, reference, at)
    return known


def _local(instance: BicepModuleInstance, path: str) -> ModuleContentSource:
    """Return the source of a module that is a file. Raises InputError if it cannot be read."""
    around = instance.file.file
    chain = (*instance.module_call.chain, around)
    if len(chain) > MAX_NESTING:
        raise InputError(f"modules are nested deeper than {MAX_NESTING} levels")
    file = files.find(instance.run, around, path)
    if file in chain:
        raise InputError("the module uses itself")
    if path.lower().endswith(JSON):
        return _template_source(instance.run, file)
    return BicepSource(instance.run, files.load(instance.run, around, path), chain)


def _template_source(run: BicepRun, file: str, name: str = "") -> ModuleContentSource:
    from azkvlint.readers.bicep.templates import TemplateSource  # few modules are templates

    return TemplateSource(run, file, name)


_VAULT = regex(r"br:mcr\.microsoft\.com/bicep/(avm/res/key-vault/vault):0\.(\d{1,3})\.\d{1,5}")
_FIRST, _LAST = 6, 14
# From here on, a diagnostic setting that names metrics alone sends no logs; whether it does before is not certain.
_METRICS_ALONE = 13
# The module evaluates `enablePurgeProtection ? enablePurgeProtection : null`. Keep the value with its location.
_NEVER_FALSE = "enablePurgeProtection"


def built_in_module(run: BicepRun, reference: str) -> ModuleContentSource | None:
    """Return the built-in description of the module of a full reference; None if there is none."""
    match = _VAULT.fullmatch(reference)
    if match is None or not _FIRST <= int(match[2]) <= _LAST:
        return None
    return _BuiltInModule(run, _built_in_file(int(match[2]) >= _METRICS_ALONE), match[1])


@cache
def _built_in_file(metrics_alone: bool) -> BicepDocument:
    """Return the parsed module of the older or newer releases."""
    text = read_data("modules/avm-res-key-vault-vault/main.bicep").decode()
    if metrics_alone:
        text = text.replace("reference(vault.id).logs", "[]")
    else:
        text = text.replace("vaults@2024-11-01", "vaults@2022-07-01")
    return read_file("", "", text)


class _BuiltInModule:
    """A module with built-in support."""

    def __init__(self, run: BicepRun, file: BicepDocument, name: str) -> None:
        self._run = run
        self.file = file
        self.name = name

    def content_of(self, module: DeploymentModuleEntity) -> FileInstance:
        """Return the module with its arguments; all of it is located at the module declaration."""
        instance = module.instance
        instance.run.count_deployment()
        scope, read = instance.run.recorder.of(called_scope, module, "")
        use = DeploymentModuleCall(
            given=module.arguments(),
            scope=scope,
            prefix=f"{module.address}.",
            callers=instance.module_call.callers,
            module=module,
        )
        made = _BuiltInInstance(self.file, self._run, use, instance.reported_location(module.at), self.name)
        made.scope_read = inputs_of(read)
        return made


class _BuiltInInstance(BicepModuleInstance):
    """A module that is not read from a file: all of it has the location of the module declaration."""

    is_foreign = True

    def __init__(self, file: BicepDocument, run: BicepRun, call: DeploymentModuleCall, at: Location, name: str) -> None:
        self.caller_location = at
        self.name = name
        super().__init__(file, run, call)
        self.evaluator: Evaluator = _InPlaceEvaluator(self)

    def register(self) -> None:
        """Add no file: the module has none in the project."""

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # all nodes have the same location
        """Return the location of the module declaration."""
        return self.caller_location

    def head(self, node: ast.ResourceDeclaration | ast.ModuleDeclaration) -> Location:  # noqa: ARG002  # the same
        """Return the location of the module declaration."""
        return self.caller_location

    def parameter(self, node: ast.ParameterDeclaration) -> Result:
        """Return a parameter. The module turns false for purge protection into null, which Azure accepts."""
        found = super().parameter(node)
        if node.name != _NEVER_FALSE or not isinstance(found, Scalar | Unknown) or found.origin == Origin.DEFAULT:
            return found
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=f"module {self.name} does not pass false")

    def default(self, node: ast.ParameterDeclaration, given: Result | None) -> Result:
        """Return a default, with a note that it is the module's."""
        found = super().default(node, given)
        if not isinstance(found, Scalar):
            return found
        note = f"`{node.name}` is not set; the default of module {self.name} is {found.display()}"
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=note)
