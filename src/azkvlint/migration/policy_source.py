"""Access policies as their authors wrote them: the expressions that generated code repeats."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from azkvlint.derived.vaults import VAULTS
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Attribute, Block, parse_file
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import MAX_FILE, read_bytes

TERRAFORM, BICEP = "terraform", "bicep"
_LANGUAGES = {".tf": TERRAFORM, ".tofu": TERRAFORM, ".bicep": BICEP}
# The arguments that enable Azure RBAC; the second is the former name.
MODEL_ARGUMENTS = ("rbac_authorization_enabled", "enable_rbac_authorization")
_VARIABLE = regex(r"(?<![\w.])(?:var|local)\.[A-Za-z_][\w-]*")
_KEYS = {"for_each": "each.key", "count": "count.index"}
_POLICY = "access_policy"


class Written(NamedTuple):
    """The expressions of one access policy.

    ``principal`` is its object ID, empty with the reason in ``why`` if it cannot be repeated outside of the policy.
    ``vault`` is the ID of the vault, in Bicep its symbolic name. ``repeat`` are Terraform's ``for_each`` or ``count``
    and its value, ``provider`` its ``provider``. ``condition`` is that of a Bicep resource. ``name`` is a Bicep
    expression for the principal that is known when the deployment starts. ``is_literal``: the permissions are written
    out, so that they are the same wherever the module is used. ``is_single``: the count is 0 or 1.
    """

    principal: str = ""
    vault: str = ""
    repeat: tuple[str, str] = ("", "")
    provider: str = ""
    condition: str = ""
    name: str = ""
    is_literal: bool = False
    why: str = ""
    is_single: bool = False


class _BicepFile(NamedTuple):
    """The resources of a file by the end of their headers, and its declarations by name."""

    resources: Mapping[int, ast.Resource]
    declared: Mapping[str, ast.Declaration]


class PolicySources:
    """The source of the access policies of one run, whose reported paths are relative to ``root``."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._texts: dict[str, str] = {}
        self._blocks: dict[str, Mapping[int, Block]] = {}
        self._files: dict[str, _BicepFile] = {}

    def written(self, source: Resource, at: Location, item: Value) -> Written | None:
        """Return the expressions of a policy of ``source``, which is declared at ``at``; None without its source."""
        text = self._text(at.path)
        if at.span is None or not text:
            return None
        language = language_of(at.path)
        if language == TERRAFORM:
            block = self._block(at, text)
            return None if block is None else _terraform(block, source, item, text)
        if language == BICEP:
            file = self._bicep_file(at, text)
            node = file.resources.get(at.span[1])
            return None if node is None else _bicep(node, source, item, text, file.declared)
        return None

    def argument(self, at: Location, names: tuple[str, ...]) -> str:
        """Return which of the arguments the block at a location sets; the first one if it sets none."""
        text = self._text(at.path) if language_of(at.path) == TERRAFORM else ""
        block = self._block(at, text) if text else None
        return next((name for name in names if block is not None and name in block.body.attributes), names[0])

    def model_names(self, at: Location) -> frozenset[str]:
        """Return the variables and parameters on which the permission model of the vault at a location depends."""
        text = self._text(at.path)
        if at.span is None or not text:
            return frozenset()
        if language_of(at.path) == TERRAFORM:
            block = self._block(at, text)
            attributes = {} if block is None else block.body.attributes
            written = " ".join(_value(attributes.get(name), text) for name in MODEL_ARGUMENTS)
            return frozenset(_VARIABLE.findall(written))
        node = self._bicep_file(at, text).resources.get(at.span[1]) if language_of(at.path) == BICEP else None
        body = None if node is None else next(_objects(node), None)
        properties = None if body is None else _member(body, "properties")
        model = _member(properties, "enableRbacAuthorization") if isinstance(properties, ast.Object) else None
        return frozenset() if model is None else frozenset(_names_in(model))

    def names(self, path: str) -> frozenset[str]:
        """Return the symbolic names that a Bicep file declares."""
        text = self._text(path)
        return frozenset(self._bicep_file(Location(path=path), text).declared) if text else frozenset()

    def _text(self, path: str) -> str:
        """Return the text of a source file; empty if it cannot be read."""
        if path not in self._texts:
            try:
                data = read_bytes(os.path.join(self._root, path), MAX_FILE) if language_of(path) else b""
                self._texts[path] = source_text(data)
            except InputError:
                self._texts[path] = ""
        return self._texts[path]

    def _block(self, at: Location, text: str) -> Block | None:
        if at.path not in self._blocks:
            self._blocks[at.path] = {block.head: block for block in parse_file(text).body.blocks}
        return None if at.span is None else self._blocks[at.path].get(at.span[1])

    def _bicep_file(self, at: Location, text: str) -> _BicepFile:
        if at.path not in self._files:
            from azkvlint.syntax.bicep.parse import parse

            declarations = parse(text).declarations
            resources = {one.head: one for one in declarations if isinstance(one, ast.Resource)}
            self._files[at.path] = _BicepFile(resources, {getattr(one, "name", ""): one for one in declarations})
        return self._files[at.path]


def language_of(path: str) -> str:
    """Return the language of a source file; empty for a file of another kind."""
    return _LANGUAGES.get(os.path.splitext(path)[1].lower(), "")


def _terraform(block: Block, source: Resource, item: Value, text: str) -> Written:
    attributes = block.body.attributes
    repeat = next((name for name in _KEYS if name in attributes), "")
    key = f"[{_KEYS[repeat]}]" if repeat else ""
    if source.type.lower() == VAULTS:
        vault, arguments = f"{'.'.join(block.labels)}{key}.id", _inline_policy(block, item, text)
    else:
        vault, arguments = _value(attributes.get("key_vault_id"), text), _arguments(block, text)
    principal, is_literal = (
        arguments.get("object_id", ("", True))[0],
        all(literal for name, (_, literal) in arguments.items() if name.endswith("_permissions")),
    )
    return Written(
        principal,
        vault,
        repeat=(repeat, _value(attributes.get(repeat), text)),
        provider=_value(attributes.get("provider"), text),
        is_literal=is_literal,
        why="" if principal else "a `dynamic` block or an expression sets the access policy",
        is_single=repeat == "count" and _is_single(attributes[repeat].expression()),
    )


def _is_single(node: ast.Node | None) -> bool:
    """Return whether a number is 0 or 1, as in ``var.on ? 1 : 0``."""
    if isinstance(node, ast.Conditional):
        return _is_single(node.yes) and _is_single(node.no)
    return isinstance(node, ast.Literal) and node.value in (0, 1)


def _value(attribute: Attribute | None, text: str) -> str:
    """Return the expression of an attribute; empty without the attribute."""
    return "" if attribute is None else text[attribute.value_start : attribute.end]


def _arguments(block: Block, text: str) -> Mapping[str, tuple[str, bool]]:
    """Return the arguments of a block as text, and whether each is independent of anything else."""
    attributes = block.body.attributes
    return {name: (_value(one, text), not _has_names(one.expression())) for name, one in attributes.items()}


def _inline_policy(block: Block, item: Value, text: str) -> Mapping[str, tuple[str, bool]]:
    """Return the arguments of one policy in the block of a vault; none if the policy has no block of its own."""
    start = item.at.span[0] if item.at.span is not None else -1
    for inner in block.body.blocks:
        if inner.type == _POLICY and inner.start == start:
            return _arguments(inner, text)
    listed = block.body.attributes.get(_POLICY)
    policies = None if listed is None else listed.expression()
    for one in policies.items if isinstance(policies, ast.Array) else ():
        if isinstance(one, ast.Object) and one.start == start:
            members = [member for member in one.members if isinstance(member, ast.Property)]
            return {_key(own.key): (_text_of(own.value, text), not _has_names(own.value)) for own in members}
    return {}


def _names_in(node: ast.Node) -> Iterator[str]:
    """Yield the symbols in an expression."""
    if isinstance(node, ast.Name):
        yield node.name
    for child in ast.children(node):
        yield from _names_in(child)


def _has_names(node: ast.Node | None) -> bool:
    """Return whether an expression depends on anything, such as a variable. A syntax error may."""
    return node is None or isinstance(node, ast.Name) or any(map(_has_names, ast.children(node)))


def _bicep(
    node: ast.Resource, source: Resource, item: Value, text: str, declared: Mapping[str, ast.Declaration]
) -> Written:
    body: ast.Node = node.body
    condition = ""
    if isinstance(body, ast.If):
        condition, body = _text_of(body.condition, text), body.body
    if not isinstance(body, ast.Object):
        return Written(vault="", why="a loop declares the access policy")
    vault = node.name
    if source.type.lower() != VAULTS:
        parent = _member(body, "parent")
        vault = _text_of(parent, text)
    found = next((one for one in _objects(body) if item.at.span == (one.start, one.end)), None)
    principal = None if found is None else _member(found, "objectId")
    if found is None or principal is None:
        return Written(vault=vault, condition=condition, why="a loop or an expression sets the access policy")
    written = _text_of(principal, text)
    return Written(
        written,
        vault,
        condition=condition,
        name=_known_name(principal, text, declared),
        is_literal=not _has_names(_member(found, "permissions")),
    )


def _known_name(node: ast.Expression, text: str, declared: Mapping[str, ast.Declaration]) -> str:
    """Return an expression for a principal that is known when the deployment starts."""
    inner: ast.Node = node
    while isinstance(inner, ast.Member | ast.NotNull | ast.Item):
        inner = inner.of
        if isinstance(inner, ast.Item) and isinstance(inner.of, ast.Name):
            break
    base = inner.of if isinstance(inner, ast.Item) else inner
    declaration = declared.get(base.name) if isinstance(base, ast.Name) else None
    if isinstance(node, ast.Literal) or isinstance(declaration, ast.Parameter):
        return _text_of(node, text)
    if isinstance(declaration, ast.Resource):
        return f"{text[inner.start : inner.end]}.id"
    return bicep_string(" ".join(_text_of(node, text).split()))


def bicep_string(text: str) -> str:
    """Return a Bicep string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f"'{escaped}'"


def _objects(node: ast.Node) -> Iterator[ast.Object]:
    """Yield the objects in a node that no loop contains."""
    if isinstance(node, ast.For | ast.Lambda):
        return
    if isinstance(node, ast.Object):
        yield node
    for child in ast.children(node):
        yield from _objects(child)


def _member(node: ast.Object, name: str) -> ast.Expression | None:
    for one in node.members:
        if isinstance(one, ast.Property) and _key(one.key) == name:
            return one.value
    return None


def _key(key: str | ast.Expression) -> str:
    if isinstance(key, ast.Name):
        return key.name
    return str(key.value) if isinstance(key, ast.Literal) else key if isinstance(key, str) else ""


def _text_of(node: ast.Expression | None, text: str) -> str:
    return "" if node is None else text[node.start : node.end]
