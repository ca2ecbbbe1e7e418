"""Trace where a value of a Terraform module comes from, and add pseudo resources for outputs and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.azure.azurerm.azapi import AZAPI, AZAPI_DATA_PLANE
from azkvlint.azure.azurerm.secret_attributes import (
    OTHER_SECRETS,
    SECRET_ARGUMENTS,
    SECRET_DATA_SOURCE,
    attribute_origins,
    has_secrets,
    output_origins,
)
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.values import Result
from azkvlint.graph import pseudo_resources
from azkvlint.graph.pseudo_resources import argument, default_sensitive, module_call, output, secret_read
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, MapValue, Path, Scalar, Unknown
from azkvlint.readers.modules.run import base_values
from azkvlint.readers.terraform.expansion import ALL
from azkvlint.readers.terraform.file_secrets import SECRET_FLAGS
from azkvlint.readers.terraform.folder import FileAttribute
from azkvlint.readers.terraform.module_evaluation import SPREAD, CallArguments
from azkvlint.readers.terraform.references import ReferenceTarget, reference_of
from azkvlint.readers.terraform.values import RootValues
from azkvlint.syntax import ast
from azkvlint.values import origins as value_origins
from azkvlint.values.name_kinds import is_plain_name
from azkvlint.values.origins import NONE, Origins, ValueOrigin, is_nothing, union
from azkvlint.values.parts import PartFinder
from azkvlint.values.paths import ANY, item_of_instance, names_of, part_at
from azkvlint.values.tracing import origins_of

if TYPE_CHECKING:
    from azkvlint.readers.terraform.folder import Folder, TerraformDeclaration
    from azkvlint.readers.terraform.resource_symbols import TerraformResourceEntity
    from azkvlint.readers.terraform.run import ModuleScope

# The descriptions of variables as sources of a value.
_SOURCE_TEXTS = {
    value_origins.DEFAULT: "default of `var.{}`",
    value_origins.GIVEN: "value of `var.{}`",
    value_origins.PARAMETER: "`var.{}` is not marked as sensitive",
}
# Real modules do not pass a value on more often.
_MOST = 50
_Make: TypeAlias = "Callable[[ModuleOrigins], Origins]"


class ModuleOrigins:
    """Traces values of a module. ``around`` is the declaration that ``each`` belongs to, ``key`` that of its instance.

    ``sources`` collects the defaults and entries of files of values that a value comes from.
    """

    def __init__(
        self, instance: ModuleScope, around: TerraformDeclaration | None, sources: list[ValueOrigin],
        busy: frozenset[str] = frozenset(), key: object = None,
    ) -> None:  # fmt: skip
        self.instance = instance
        self.around = around
        self._item = item_of_instance(key) if isinstance(key, str) and key != ALL else ANY
        self.sources = sources
        self._busy = busy
        self._piece: FileAttribute | None = None

    def trace(self, piece: FileAttribute | None, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in an attribute."""
        self._piece = piece
        node = piece.attribute.expression() if piece is not None else None
        return origins_of(node, self, rest) if node is not None else NONE

    @property
    def walk(self) -> PartFinder:
        """See ``tracing.Scope``."""
        return self.instance.run.walk

    def origins(self, node: ast.Node, rest: Path) -> Origins | None:
        """See ``tracing.Scope``."""
        reference = reference_of(node, rest, self.instance.folder.resources)
        if reference is None:
            return None
        target, name, more, type_ = reference
        match target:
            case ReferenceTarget.VARIABLE:
                return self._once(f"var.{name}", more, lambda inner: inner.variable(name, more))
            case ReferenceTarget.LOCAL:
                piece = self.instance.folder.locals.get(name)
                found = self._once(f"local.{name}", more, lambda inner: inner.trace(piece, more))
                return value_origins.with_name_kind(found, ("local", name, *more))
            case ReferenceTarget.OUTPUT:
                output = str(more[0]) if more else ""
                key = f"module.{name}.{output}"
                found = self._once(key, more, lambda inner: inner.output(name, output, more[1:]))
                return value_origins.with_name_kind(found, more)
            case ReferenceTarget.ITEM:
                written = self.around.attributes if self.around is not None else {}
                return value_origins.with_name_kind(self.trace(written.get("for_each"), (self._item, *more)), more)
            case ReferenceTarget.ATTRIBUTE:
                return self._resource(name, type_, more)
        return NONE

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """Return the value of a node; None if it depends on ``each`` or ``count``."""
        if self._piece is None or (self.around is not None and _is_of_instance(node)):
            return None
        return self.instance.evaluate_node(self._piece, node, local)

    def _once(self, key: str, rest: Iterable[str | int], make: _Make) -> Origins:
        """Return the origins that ``make`` computes for a value at ``rest``; none if the value refers to itself."""
        run, reference = self.instance.run, self.instance.prefix + key
        return run.followed.follow(
            reference,
            (self.instance, key, *rest),
            self._busy,
            lambda sources: make(ModuleOrigins(self.instance, None, sources, self._busy | {reference})),
            lambda: len(self._busy) <= _MOST and run.may_follow_reference(),
            self.sources,
        )

    def variable(self, name: str, rest: Path) -> Origins:
        """Return the origins of the value at ``rest`` in a variable: those of its argument, or of its default."""
        declaration = self.instance.folder.variables.get(name)
        if declaration is None:
            return NONE
        given = self.instance.call.given
        if isinstance(given, CallArguments) and name in given.pieces:
            caller = ModuleOrigins(given.caller, given.declaration, self.sources, self._busy, given.step.key)
            found = caller.trace(given.pieces[name], rest)
            return value_origins.with_name_kind(found, (name, *rest))
        if isinstance(given, CallArguments) and SPREAD in given.pieces:
            caller = ModuleOrigins(given.caller, given.declaration, self.sources, self._busy, given.step.key)
            return value_origins.with_name_kind(caller.trace(given.pieces[SPREAD], (name, *rest)), (name, *rest))
        word, piece = _of_root(name, declaration, given)
        found = frozenset({word}) if word else NONE
        if declaration.is_marked:
            found = value_origins.secure_parameter_origins(found or frozenset({value_origins.SECURE}), name, rest)
        else:
            found = found if word and word != value_origins.COMMAND else found | {value_origins.PARAMETER}
            found = value_origins.with_name_kind(found, (name, *rest))
        origin = word or value_origins.PARAMETER
        if origin in found and origin in _SOURCE_TEXTS:
            at = self._place(declaration, piece, rest)
            self.sources.append(ValueOrigin(origin, _SOURCE_TEXTS[origin].format(name), at))
        return found

    def _place(self, declaration: TerraformDeclaration, piece: FileAttribute | None, rest: Path) -> Location | None:
        """Return where a variable is declared, or where ``rest`` of its value is; None if the author cannot edit it."""
        if self.instance.call.shown is not None:
            return None
        if piece is None:
            return self.instance.locate(declaration)
        node = piece.attribute.expression()
        part = part_at(node, rest) if node is not None else None
        whole = piece.attribute if part is None or part is node else part
        return Location(path=piece.path, span=(whole.start, whole.end))

    def output(self, call: str, name: str, rest: Path) -> Origins:
        """Return the origins of the value at ``rest`` in an output of a called module."""
        symbol = self.instance.module(call)
        if symbol is None:
            return output_origins(name, f"module `{call}` is not declared", self.sources)
        source = symbol.source
        content = symbol.instances[0].content if source is not None and symbol.instances else None
        declaration = content.folder.outputs.get(name) if content is not None else None
        if content is not None and declaration is not None:
            inner = ModuleOrigins(content, None, self.sources, self._busy)
            return inner.trace(declaration.attributes.get("value"), rest)
        if source is None or source.is_foreign:
            where = "a module that is not in the scanned files"
            why = f"`module.{call}.{name}` is the output of {where}" if name else f"`module.{call}` is {where}"
            return output_origins(name, why, self.sources)
        if name and symbol.instances:
            return output_origins(name, f"output `{name}` of module `{call}` is not declared", self.sources)
        return frozenset({value_origins.RESOURCE})  # of a module without instances, or of one of its outputs

    def _resource(self, local: str, type_: str, rest: Path) -> Origins:
        """Return the origins of an attribute of a resource: of the attribute itself, or of its expression."""
        names = tuple(names_of(rest))
        name = names[0] if names else ""
        found = attribute_origins(type_, name, names[-1] if len(names) > 1 else "")
        declaration = self.instance.folder.resources.get(local)
        piece = declaration.attributes.get(name) if declaration is not None and name else None
        if piece is None or found & {value_origins.SECRET, value_origins.PRIVATE_KEY, value_origins.GENERATED}:
            if found == {value_origins.SECRET} and self._names_no_secret(local, declaration):
                return frozenset({value_origins.CONFIGURATION})
            return value_origins.with_name_kind(found, rest)
        return value_origins.with_name_kind(
            found | self._once(local, (name,), lambda inner: inner.within(declaration, piece)), rest
        )

    def _names_no_secret(self, local: str, declaration: TerraformDeclaration | None) -> bool:
        """Return whether the name of a Key Vault secret, or that of its declaration, indicates a plain value."""
        written = declaration.attributes.get("name") if declaration is not None else None
        literal = written.literal if written is not None else None
        name = literal.value if isinstance(literal, Scalar) else None
        return is_plain_name(name if isinstance(name, str) else local.rpartition(".")[2])

    def within(self, declaration: TerraformDeclaration | None, piece: FileAttribute) -> Origins:
        """Return the origins of an attribute of another declaration."""
        return ModuleOrigins(self.instance, declaration, self.sources, self._busy).trace(piece)


def untraced(found: Origins, text: str) -> list[ValueOrigin]:
    """Return what states why a value cannot be traced, if it cannot."""
    return [ValueOrigin(value_origins.UNTRACED, text, None)] if value_origins.UNTRACED in found else []


def _of_root(name: str, declaration: TerraformDeclaration, given: object) -> tuple[str, FileAttribute | None]:
    """Return the origin of a variable that no call sets, and where it is written; empty if it comes from outside."""
    given = base_values(given)
    if isinstance(given, RootValues):
        if name in given.options:
            return value_origins.COMMAND, None
        if given.is_in_file(name):
            return value_origins.GIVEN, given.pieces.get(name)
    default = declaration.attributes.get("default")
    if default is not None and not is_nothing(default.attribute.expression()):
        return value_origins.DEFAULT, default
    if isinstance(given, RootValues) and name in given.planned:
        return value_origins.COMMAND, None
    return "", None


def of_attribute(entity: TerraformResourceEntity, name: str, sources: list[ValueOrigin]) -> Origins:
    """Return the origins of an attribute of a resource; ``sources`` receives the sources of its value."""
    piece = entity.content.pieces.get(name)
    found = ModuleOrigins(entity.instance, entity.symbol.declaration, sources, key=entity.step.key).trace(piece)
    if isinstance(entity.content.attribute(name), Scalar):
        return value_origins.known_value_origins(found)
    return found


def with_origins(entity: TerraformResourceEntity, attributes: MapValue) -> MapValue:
    """Return the attributes of a secret with the origins of its value, if that is written."""
    pieces = entity.content.pieces
    if entity.type in OTHER_SECRETS:
        found_at = [part for name in OTHER_SECRETS[entity.type] for part in _of_credential(entity, name)]
        return pseudo_resources.with_all_origins(attributes, found_at) if found_at else attributes
    if entity.type in AZAPI:
        in_body: list[ValueOrigin] = []
        parts = [of_body(entity, pieces[name], in_body) for name in ("body", "sensitive_body") if name in pieces]
        found = value_origins.union(one for one in parts if one is not None)
        return pseudo_resources.with_origins(attributes, found, sources=in_body) if found else attributes
    written = [name for name in SECRET_ARGUMENTS.get(entity.type, ()) if name in pieces]
    arguments = pseudo_resources.possible_arguments((name, entity.content.attribute(name)) for name in written)
    if not arguments:
        return attributes
    piece = pieces[arguments[0]]
    at = entity.instance.locate(piece)
    kept = pseudo_resources.state_retention(arguments, entity.instance.run.version, at)
    sources: list[ValueOrigin] = []
    found = value_origins.union(of_attribute(entity, name, sources) for name in arguments)
    return pseudo_resources.with_origins(attributes, found, kept, sources)


def _of_credential(entity: TerraformResourceEntity, name: str) -> Iterator[tuple[Origins, Location]]:
    """Yield the origins of an argument, in each block if it is in one, with its place."""
    block, _, argument = name.rpartition(".")
    contents = entity.content.blocks(block) if block else [entity.content]
    if isinstance(contents, Unknown):
        yield frozenset({value_origins.UNTRACED}), contents.at
        return
    for content in contents or ():
        value = content.attribute(argument)
        if value is None or isinstance(value, Absent) or (isinstance(value, Scalar) and value.value == ""):
            continue
        piece = content.pieces.get(argument)
        if not isinstance(piece, FileAttribute):
            yield frozenset({value_origins.UNTRACED}), value.at
            continue
        found = ModuleOrigins(entity.instance, entity.symbol.declaration, [], key=entity.step.key).trace(piece)
        at = entity.instance.locate(piece)
        if isinstance(value, Scalar):
            yield value_origins.known_value_origins(found), at
        else:
            # An unknown value without references is in a file that is not available.
            yield found or frozenset({value_origins.UNTRACED}), at


def of_body(entity: TerraformResourceEntity, piece: FileAttribute, sources: list[ValueOrigin]) -> Origins | None:
    """Return the origins of the value in an azapi body of a secret; None if the body does not contain it."""
    node: ast.Node | None = piece.attribute.expression()
    if isinstance(node, ast.Call) and node.name == "jsonencode" and len(node.arguments) == 1:
        node = node.arguments[0]
    path = pseudo_resources.path_in_body(entity.azure_type, entity.type == AZAPI_DATA_PLANE)
    if not path:
        return None
    for name in path:
        if isinstance(node, ast.Object):
            members = (member for member in node.members if isinstance(member, ast.Property))
            node = next((member.value for member in members if member.key == name), None)
    if node is None:
        return None
    found = origins_of(node, ModuleOrigins(entity.instance, entity.symbol.declaration, sources, key=entity.step.key))
    return found or frozenset({value_origins.WRITTEN})


def _is_of_instance(node: ast.Node) -> bool:
    """Return whether an expression depends on the instance of a resource or module that it is for."""
    if isinstance(node, ast.Name):
        return node.name in ("each", "count", "self")
    return any(_is_of_instance(part) for part in ast.children(node))


def outputs_of(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the outputs of a module, with what each is made from."""
    for name, declaration in instance.folder.outputs.items():
        yield _output(instance, name, declaration)


def _output(instance: ModuleScope, name: str, declaration: TerraformDeclaration) -> Resource:
    at = instance.locate(declaration)
    written = (declaration.attributes.get(argument) for argument in SECRET_FLAGS)
    marked, ephemeral = (
        instance.run.freeze(instance.evaluate(piece, NOTHING)) if piece is not None else None for piece in written
    )
    sources: list[ValueOrigin] = []
    piece = declaration.attributes.get("value")
    found = ModuleOrigins(instance, None, sources).trace(piece)
    missing = _undeclared(instance.folder, piece.attribute.expression() if piece is not None else None)
    if missing and found & value_origins.SECRETS:
        found = frozenset({value_origins.UNTRACED})
        sources = untraced(found, f"`{missing}` is not declared in the module, so Terraform rejects the output")
    return output(name, marked if marked is not None else default_sensitive(at), found, at, ephemeral, sources)


def _undeclared(folder: Folder, node: ast.Node | None) -> str:
    """Return a resource that an expression refers to and no file of a module declares; empty if there is none.

    Only modules without unreadable parts have outputs.
    """
    if node is None:
        return ""
    reference = reference_of(node, (), folder.resources)
    if reference is None:
        return next(filter(None, (_undeclared(folder, part) for part in ast.children(node))), "")
    is_missing = reference.target is ReferenceTarget.ATTRIBUTE and reference.name not in folder.resources
    return reference.name if is_missing else ""


def holds_secrets(folder: Folder) -> bool:
    """Return whether a module declares resources whose secrets could be exposed."""
    return any(has_secrets(declaration.type) for declaration in folder.resources.values())


def exposing_argument_resources(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the arguments of a module's resources that are given a secret and show it."""
    for local, declaration in instance.folder.resources.items():
        if local.startswith(("data.", "ephemeral.")):
            continue
        scope: ModuleOrigins | None = None
        for exposing in declaration.exposing:
            scope = scope or ModuleOrigins(instance, declaration, [])
            given = union(scope.trace(exposing.piece, path) for path in exposing.paths)
            if given:
                at = instance.locate(exposing.piece)
                found = argument(f"{instance.prefix}{local}", exposing.name, given, at)
                if found is not None:
                    yield found


def readings(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the data sources of a module that read secrets."""
    for local, declaration in instance.folder.resources.items():
        if local.startswith(SECRET_DATA_SOURCE):
            at = instance.locate(declaration)
            yield secret_read(f"{instance.prefix}{local}", instance.run.version, at)


def module_calls(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the module calls of a module."""
    for name, declaration in instance.folder.modules.items():
        at = instance.locate(declaration)
        written = (declaration.attributes.get(argument) for argument in ("source", "version"))
        source, version = (
            instance.run.freeze(instance.evaluate(piece, NOTHING)) if piece is not None else None for piece in written
        )
        yield module_call(f"{instance.prefix}module.{name}", source, version, at)
