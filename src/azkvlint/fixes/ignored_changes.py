"""Changes that Terraform ignores (``ignore_changes``): they have no effect on resources that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.fixes.places import Edits, FixTarget
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.fix import Refusal
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Block, Body

_Path: TypeAlias = tuple[str, ...]
# Repeated blocks are not distinguished, so indexes in paths do not count.
_IGNORE = "ignore_changes"
_SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")
# Arguments of Terraform itself, which `all` does not cover.
# Source: developer.hashicorp.com/terraform/language/meta-arguments/lifecycle ("all attributes" of the resource).
_META = frozenset({"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"})


def refuse_ignored(target: FixTarget, path: Sequence[str], sources: Sources) -> None:
    """Raise Refusal if Terraform ignores changes of an argument of a declaration, wherever its value is written."""
    if target.language == "terraform" and sources.contains(target.path, _IGNORE):
        for block in body_of(target.path, sources.text(target.path)).blocks:
            if block.start == target.address[0]:
                _refuse(block, [tuple(path)])


def refuse_ignored_edits(edits: Edits, sources: Sources) -> None:
    """Raise Refusal if Terraform ignores one of the arguments that edits change, add or remove."""
    ignoring: dict[str, list[Block]] = {}
    for path in sorted({edit.path for edit in edits if edit.path.lower().endswith(_SUFFIXES)}):
        if sources.contains(path, _IGNORE):
            starts = [edit.start for edit in edits if edit.path == path]
            ignoring[path] = [
                block
                for block in body_of(path, sources.text(path)).blocks
                if block.type == "resource"
                and any(block.start <= start <= block.end for start in starts)
                and any(True for _ in _ignored(block))
            ]
    if not any(ignoring.values()):
        return
    edited = sources.edited(edits)
    for path, blocks in ignoring.items():
        now = {block.labels: block for block in body_of(path, edited.text(path)).blocks if block.type == "resource"}
        for block in blocks:
            old, other = _arguments(block.body), now.get(block.labels)
            new = {} if other is None else _arguments(other.body)
            _refuse(block, [name for name in {**old, **new} if old.get(name) != new.get(name)])


def _refuse(block: Block, changed: Iterable[_Path]) -> None:
    """Raise Refusal if a resource ignores changes of one of some arguments."""
    ignored = list(_ignored(block))
    for path in changed:
        if path[0] not in _META and any(all(map(str.__eq__, one, path)) for one in ignored):
            name = next(".".join(one) for one in ignored if all(map(str.__eq__, one, path))) or path[0]
            raise Refusal(f"Terraform ignores changes of `{name}` (`ignore_changes`)")


def _ignored(block: Block) -> Iterator[_Path]:
    """Yield the paths whose changes a resource ignores; an empty one for all."""
    for inner in block.body.blocks:
        found = inner.body.attributes.get(_IGNORE) if inner.type == "lifecycle" else None
        node = None if found is None else found.expression()
        items = node.items if isinstance(node, ast.Array) else () if node is None else (node,)
        for item in items:
            names = _names(item)
            yield () if names in (("all",), ("*",)) else names


def _names(node: ast.Node) -> _Path:
    """Return the names in a path; the last ones alone if it has other parts than names and indexes."""
    found: list[str] = []
    while isinstance(node, ast.Member | ast.Item):
        if isinstance(node, ast.Member):
            found.append(node.name)
        elif isinstance(node.index, ast.Literal) and isinstance(node.index.value, str):
            found.append(node.index.value)
        node = node.of
    if isinstance(node, ast.Name):
        found.append(node.name)
    elif isinstance(node, ast.Literal) and isinstance(node.value, str):  # the syntax of Terraform 0.11
        found += node.value.split(".")[::-1]
    return tuple(found[::-1])


def _arguments(body: Body) -> dict[_Path, list[object]]:
    """Return the values of the arguments of a body by their paths, of blocks and objects those inside."""
    found: dict[_Path, list[object]] = {}
    bodies: list[tuple[_Path, Body]] = [((), body)]
    while bodies:
        path, inner = bodies.pop()
        for name, attribute in inner.attributes.items():
            _add(found, (*path, name), attribute.expression())
        for block in inner.blocks:
            if block.type == "content" and path:
                bodies.append((path, block.body))
            else:
                bodies.append(((*path, block.labels[0] if block.type == "dynamic" else block.type), block.body))
    return found


def _add(found: dict[_Path, list[object]], path: _Path, node: ast.Node | None) -> None:
    """Add an argument, or those inside of its objects."""
    nodes: list[tuple[_Path, ast.Node | None]] = [(path, node)]
    while nodes:
        at, one = nodes.pop()
        if isinstance(one, ast.Call) and one.name == "jsonencode":
            nodes += [(at, argument) for argument in one.arguments]
        elif isinstance(one, ast.Array) and any(isinstance(item, ast.Object) for item in one.items):
            nodes += [(at, item) for item in one.items]
        elif isinstance(one, ast.Object) and all(isinstance(member, ast.Property) for member in one.members):
            members = [member for member in one.members if isinstance(member, ast.Property)]
            nodes += [((*at, *_key(member)), member.value) for member in members]
        else:
            found.setdefault(at, []).append(_value(one))


def _key(member: ast.Property) -> _Path:
    """Return the name of a member; none if it is computed."""
    return (member.key,) if isinstance(member.key, str) else _names(member.key)


def _value(part: object) -> object:
    """Return what an expression consists of, without its place."""
    if isinstance(part, ast.Node):
        fields = (name for name in part.__struct_fields__ if name not in ("start", "end"))
        return type(part).__name__, *(_value(getattr(part, name)) for name in fields)
    return tuple(map(_value, part)) if isinstance(part, tuple) else part
