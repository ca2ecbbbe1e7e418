"""Where the secrets of a root module and of the modules that it calls are written: see ``values.secret_sources``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.secret_attributes import holds_secret
from azkvlint.azure.secret_properties import secret_properties
from azkvlint.model.value import Path
from azkvlint.readers.terraform.folder import FileAttribute, Folder, TerraformDeclaration
from azkvlint.readers.terraform.folder import FileBlock as Written
from azkvlint.readers.terraform.references import ReferenceTarget, TerraformReference, reference_of
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.values.name_kinds import NameKind, kind_of_name
from azkvlint.values.parts import ValuePart
from azkvlint.values.paths import ANY, KEYS, names_of, without_indexes
from azkvlint.values.secrecy import Span, describes_secret, names_secret, names_value
from azkvlint.values.secret_sources import HiddenPart, hide_sources, may_hold_secrets, secrets_in

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Block

# Types whose attributes are those that they are given, under other names.
_REPEATING = ("terraform_data", "null_", "template_", "external", "local_", "cloudinit_")
_SECRETS_IN_BODY = "keyvault/vaults/secrets"
_BODY: Path = ("properties", "value")
_REFERENCE = regex(r"\b(var|local)\.([\w-]+)")
# Steps for each character of the code, and for each run.
_STEPS, _MIN_STEPS = 2, 10_000


class FolderModule:
    """A folder, and its place among the others: the modules that it calls, and the calls of it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.called: dict[str, FolderModule] = {}
        self.callers: list[tuple[FolderModule, TerraformDeclaration]] = []
        self._texts = {file.path: file.parsed.text for file in folder.files}

    def text_of(self, piece: FileAttribute) -> str:
        """Return the text of the value of an attribute."""
        return self._texts[piece.path][piece.attribute.value_start : piece.attribute.end]


def secret_sources(folders: Iterable[Folder], calls: Mapping[tuple[str, str], str]) -> dict[str, set[Span]]:
    """Return the spans from which secrets are made, by the reported path of their file.

    ``calls`` has the folder of each called module by that of its caller and the name of the call.
    """
    modules = {folder.directory: FolderModule(folder) for folder in folders}
    for (caller, name), directory in calls.items():
        outer, inner = modules.get(caller), modules.get(directory)
        declaration = outer.folder.modules.get(name) if outer is not None else None
        if outer is not None and inner is not None and declaration is not None:
            outer.called[name] = inner
            inner.callers.append((outer, declaration))
    spans: dict[str, set[Span]] = {}
    size = sum(len(file.parsed.text) for module in modules.values() for file in module.folder.files)
    secrets = (part for module in modules.values() for part in _secrets_of(module, spans))
    if not hide_sources(secrets, _MIN_STEPS + _STEPS * size):
        for file in (file for module in modules.values() for file in module.folder.files):
            spans[file.path] = {(0, len(file.parsed.text))}
    return spans


class _TerraformSecretScope:
    """The scope of an attribute of a module. ``around`` is the declaration that ``each`` belongs to.

    ``iterators`` are the iterators of the dynamic blocks around it, with their collections.
    """

    def __init__(
        self, spans: dict[str, set[Span]], module: FolderModule, piece: FileAttribute,
        around: TerraformDeclaration | None,
        iterators: Mapping[str, FileAttribute],
    ) -> None:  # fmt: skip
        self.spans, self.module, self.around, self.iterators = spans, module, around, iterators
        self.path, self.attribute = piece.path, piece.attribute
        self.key: Hashable = (module.folder.directory, piece.path, id(around), *map(id, iterators.values()))

    def hide(self, node: ast.Node) -> None:
        """See ``Scope``."""
        attribute, span = self.attribute, (node.start, node.end)
        if span == (attribute.start, attribute.value_start):  # in JSON, where only members have spans of their own
            span = attribute.value_start, attribute.end
        self.spans.setdefault(self.path, set()).add(span)

    def hide_key(self, node: ast.Property) -> None:
        """See ``Scope``."""
        # In JSON, the value has the span of the member.
        end = node.value.start if node.value.start > node.start else node.end
        self.spans.setdefault(self.path, set()).add((node.start, end))

    def written(self, node: ast.Node, rest: Path) -> Iterable[HiddenPart] | None:
        """See ``Scope``."""
        reference = reference_of(node, rest, self.module.folder.resources, self.iterators)
        return None if reference is None else list(self._named(reference))

    def _named(self, reference: TerraformReference) -> Iterator[HiddenPart]:
        folder, (target, name, rest, type_) = self.module.folder, reference
        match target:
            case ReferenceTarget.KEY | ReferenceTarget.ITEM:
                below: Path = (KEYS,) if target is ReferenceTarget.KEY else (ANY, *rest)
                if name in self.iterators:
                    yield from self._iterated(name, below)
                elif self.around is not None:
                    yield from self.of(self.around.attributes.get("for_each"), None, below)
            case ReferenceTarget.VARIABLE:
                yield from self._variable(name, rest)
            case ReferenceTarget.LOCAL:
                yield from self.of(folder.locals.get(name), None, rest)
            case ReferenceTarget.OUTPUT:
                yield from self._output(name, rest)
            case ReferenceTarget.ATTRIBUTE:
                yield from self._attribute(folder.resources.get(name), type_, rest)
            case ReferenceTarget.OWN_ATTRIBUTE if self.around is not None:
                yield from self._attribute(self.around, self.around.type, rest)

    def of(
        self, piece: FileAttribute | None, around: TerraformDeclaration | None, rest: Path = ()
    ) -> Iterator[HiddenPart]:
        """Yield the value at ``rest`` in an attribute of the same module."""
        if piece is not None:
            yield from _part(self.spans, self.module, piece, around, {}, rest)

    def _iterated(self, name: str, rest: Path) -> Iterator[HiddenPart]:
        """Yield the collection of a dynamic block, which may depend on the iterators around it."""
        outer = {other: piece for other, piece in self.iterators.items() if other != name}
        yield from _part(self.spans, self.module, self.iterators[name], self.around, outer, rest)

    def _variable(self, name: str, rest: Path) -> Iterator[HiddenPart]:
        declaration = self.module.folder.variables.get(name)
        if declaration is not None:
            yield from self.of(declaration.attributes.get("default"), None, rest)
            type_ = declaration.attributes.get("type")
            if type_ is not None and "optional" in self.module.text_of(type_):  # which may have a default
                yield from self.of(type_, None)
            yield from self._compared(declaration)
        for caller, call in self.module.callers:
            piece = call.attributes.get(name)
            if piece is not None:
                yield from _part(self.spans, caller, piece, call, {}, rest)

    def _compared(self, declaration: TerraformDeclaration) -> Iterator[HiddenPart]:
        """Yield the strings with which the validations of a variable compare its value."""
        for part in (one for layer in declaration.layers for one in layer.blocks if one.block.type == "validation"):
            for condition in self.of(part.attributes.get("condition"), None):
                waiting = [condition.node]
                while waiting:
                    node = waiting.pop()
                    waiting += ast.children(node)
                    if isinstance(node, ast.Literal) and isinstance(node.value, str):
                        yield ValuePart(node, condition.scope)

    def _output(self, call: str, more: Path) -> Iterator[HiddenPart]:
        called = self.module.called.get(call)
        if called is None:
            return
        outputs = called.folder.outputs
        for name in outputs if not more else (str(more[0]),):
            piece = outputs[name].attributes.get("value") if name in outputs else None
            if piece is not None:
                yield from _part(self.spans, called, piece, None, {}, more[1:])

    def _attribute(self, declaration: TerraformDeclaration | None, type_: str, more: Path) -> Iterator[HiddenPart]:
        """Yield what an attribute of a resource is given, unless its name shows that it is not secret.

        The name of a collection, such as ``tags``, shows nothing about its members.
        """
        more = without_indexes(more)
        if declaration is None or not more or (len(more) == 1 and kind_of_name(str(more[0])) is NameKind.PLAIN):
            return
        if str(more[0]) in declaration.attributes:
            yield from self.of(declaration.attributes[str(more[0])], declaration, more[1:])
        elif type_.startswith(_REPEATING):
            for piece in declaration.attributes.values():
                yield from self.of(piece, declaration)
        else:
            for part in declaration.blocks:
                if part.block.type == str(more[0]):
                    names = names_of(more[1:])
                    chosen = [part.attributes[names[0]]] if names[:1] and names[0] in part.attributes else ()
                    for piece in chosen or part.attributes.values():
                        yield from self.of(piece, declaration)


def _part(
    spans: dict[str, set[Span]], module: FolderModule, piece: FileAttribute, around: TerraformDeclaration | None,
    iterators: Mapping[str, FileAttribute], rest: Path = (),
) -> Iterator[HiddenPart]:  # fmt: skip
    node = piece.attribute.expression()
    if node is None:
        # A value that is not a valid expression may contain anything.
        spans.setdefault(piece.path, set()).add((piece.attribute.value_start, piece.attribute.end))
        for root, name in _REFERENCE.findall(module.text_of(piece)):
            reference = ast.Member(0, 0, ast.Name(0, 0, root), name)
            yield ValuePart(reference, _TerraformSecretScope(spans, module, piece, around, iterators))
    else:
        yield ValuePart(node, _TerraformSecretScope(spans, module, piece, around, iterators), rest)


def _secrets_of(module: FolderModule, spans: dict[str, set[Span]]) -> Iterator[HiddenPart]:
    """Yield the expressions of a module whose values are secret."""
    folder = module.folder
    add = partial(_part, spans, module)
    for name, piece in folder.locals.items():
        yield from _in_piece(module, piece, add(piece, None, {}), names_value(name))
    for output in folder.outputs.values():
        is_secret = names_value(output.local) or output.is_marked
        for name, piece in output.attributes.items():
            yield from _in_piece(module, piece, add(piece, None, {}), is_secret and name == "value")
    for call in folder.modules.values():
        called = module.called.get(call.local)
        for name, piece in call.attributes.items():
            variable = called.folder.variables.get(name) if called is not None else None
            is_secret = names_value(name) or (variable is not None and variable.is_marked)
            yield from _in_piece(module, piece, add(piece, call, {}), is_secret)
    for resource in folder.resources.values():
        yield from _in_resource(module, spans, resource)
    declared = (one for each in (folder.variables, folder.outputs) for one in each.values())
    conditions = (block for one in declared for layer in one.layers for block in layer.blocks)
    for part in (*folder.providers, *folder.settings, *folder.checks, *conditions):
        yield from _in_blocks(module, spans, [part], None)


def _in_resource(
    module: FolderModule, spans: dict[str, set[Span]], resource: TerraformDeclaration
) -> Iterator[HiddenPart]:
    is_azapi_secret = resource.type in AZAPI and _is_secret_type(resource)
    for layer in resource.layers:
        for name, piece in layer.attributes.items():
            found = _part(spans, module, piece, resource, {})
            is_secret = names_value(name) or holds_secret(resource.type, name)
            yield from _in_piece(module, piece, found, is_secret)
            if is_azapi_secret and name in ("body", "sensitive_body"):
                yield from _part(spans, module, piece, resource, {}, _BODY)
        yield from _in_blocks(module, spans, layer.blocks, resource)


def _is_secret_type(resource: TerraformDeclaration) -> bool:
    piece = resource.attributes.get("type")
    node = piece.attribute.expression() if piece is not None else None
    return not isinstance(node, ast.Literal) or _SECRETS_IN_BODY in str(node.value).lower()


def _in_blocks(
    module: FolderModule, spans: dict[str, set[Span]], parts: Iterable[Written], around: TerraformDeclaration | None
) -> Iterator[HiddenPart]:
    """Yield the secrets in blocks and in those that are nested in them."""
    type_ = around.type if around is not None else ""
    waiting: list[tuple[Written, Mapping[str, FileAttribute], bool]] = [(one, {}, False) for one in parts]
    while waiting:
        part, iterators, is_below = waiting.pop()
        is_below = is_below or any(map(names_secret, (part.block.type, *part.block.labels)))
        inner = _with_iterator(part, iterators)
        for name, piece in part.attributes.items():
            is_secret = names_value(name) or holds_secret(type_, name) or name == "value"
            is_secret = is_secret or (is_below and not describes_secret(name) and name not in ("for_each", "iterator"))
            found = _part(spans, module, piece, around, inner)
            yield from _in_piece(module, piece, found, is_secret)
        waiting += [(one, inner, is_below) for one in part.blocks]


def _with_iterator(part: Written, iterators: Mapping[str, FileAttribute]) -> Mapping[str, FileAttribute]:
    """Return the iterators in a block, which is a dynamic one or not."""
    block: Block = part.block
    piece = part.attributes.get("for_each")
    if block.type != "dynamic" or not block.labels or piece is None:
        return iterators
    named = part.attributes.get("iterator")
    node = named.attribute.expression() if named is not None else None
    return {**iterators, node.name if isinstance(node, ast.Name) else block.labels[0]: piece}


def _in_piece(
    module: FolderModule, piece: FileAttribute, found: Iterator[HiddenPart], is_secret: bool
) -> Iterator[HiddenPart]:
    """Yield the value of an attribute if it is secret, or else the secrets in it."""
    if is_secret:
        yield from found
    elif may_hold_secrets(module.text_of(piece)):
        for part in found:
            yield from secrets_in(part, secret_properties)
