"""The first constant in which a plan differs from the Terraform source that it may have been created from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from azkvlint.readers.terraform.folder import Folder, TerraformDeclaration
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Attribute, Block

# The module that a folder calls, by the written source; None if it is not available.
Load: TypeAlias = Callable[[Folder, str], Folder | None]

_MAX_DEPTH = 50


def difference(folder: Folder, module: Any, load: Load, prefix: str = "", depth: int = 0) -> str:
    """Return the first argument of which a plan's configuration of a module has another constant than the source.

    Empty if there is none. Only what both write as a constant is compared, and what the source does not set at all.
    """
    return next(_differences(folder, module, load, prefix, depth), "")


def _differences(folder: Folder, module: Any, load: Load, prefix: str, depth: int) -> Iterator[str]:
    if not isinstance(module, dict):
        return
    resources = module.get("resources")
    for block in resources if isinstance(resources, list) else ():
        if isinstance(block, dict):
            address = str(block.get("address"))
            declared = folder.resources.get(address)
            if declared is not None:
                yield from _in_declaration(declared, block.get("expressions"), prefix + address)
    calls = module.get("module_calls")
    for name, call in calls.items() if isinstance(calls, dict) else ():
        declared = folder.modules.get(name)
        if declared is None or not isinstance(call, dict):
            continue
        address = f"{prefix}module.{name}"
        yield from _in_declaration(declared, call.get("expressions"), address)
        source = _constant(_expression(declared, "source"))
        may_differ = isinstance(source, str) and bool(call.get("module")) and depth < _MAX_DEPTH
        inner = load(folder, str(source)) if may_differ else None
        if inner is not None:
            found = difference(inner, call.get("module"), load, f"{address}.", depth + 1)
            if found:
                yield found


def _expression(declared: TerraformDeclaration, name: str) -> ast.Expression | None:
    piece = declared.attributes.get(name)
    return piece.attribute.expression() if piece is not None else None


def _in_declaration(declared: TerraformDeclaration, expressions: Any, address: str) -> Iterator[str]:
    if not declared.is_damaged:
        attributes = {name: piece.attribute for name, piece in declared.attributes.items()}
        yield from _in_body(attributes, [part.block for part in declared.blocks], expressions, address)


def _in_body(
    attributes: Mapping[str, Attribute], blocks: Sequence[Block], expressions: Any, address: str
) -> Iterator[str]:
    for name, planned in expressions.items() if isinstance(expressions, dict) else ():
        same = [block for block in blocks if name in (block.type, *block.labels[:1])]
        if name in attributes:
            if _is_other(planned, attributes[name].expression()):
                yield f"{address}.{name}"
        elif same:
            parts = planned if isinstance(planned, list) else [planned]
            if len(parts) == len(same) and all(block.type == name for block in same):
                for block, part in zip(same, parts, strict=True):
                    yield from _in_body(block.body.attributes, block.body.blocks, part, f"{address}.{name}")
        elif isinstance(planned, dict) and _is_scalar(planned.get("constant_value")):
            yield f"{address}.{name}"


def _is_other(planned: Any, written: ast.Expression | None) -> bool:
    """Return whether a plan has another constant than the source. An expression may come to any value."""
    value = _constant(written)
    if value is None or not isinstance(planned, dict) or "references" in planned:
        return False
    constant = planned.get("constant_value")
    return _is_scalar(constant) and _text(constant) != _text(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _constant(node: ast.Expression | None) -> str | int | float | bool | None:
    return node.value if isinstance(node, ast.Literal) else None


def _text(value: Any) -> str:
    """Return a constant as Terraform converts it to a string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
